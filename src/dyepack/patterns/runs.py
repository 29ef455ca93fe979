"""Rows of steps, as peel chains are: their gaps, the stretches whose gaps are short enough, and what joins the rows.

Invariant: the stretches do not overlap; in each the share of short gaps is at least what was asked for; linear time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from dyepack.unions import Unions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from dyepack.ledger.schema import I64

Step = TypeVar("Step")


class _Part(NamedTuple):
    """Gaps in a row: first and last, the score before and at the end, the nearest part that begins lower (or -1)."""

    first: int
    last: int
    before: int
    end: int
    lower: int


def runs(short: list[bool], percent: int) -> list[tuple[int, int]]:
    """(first, last) step of each stretch, where `short[k]` says of the gap between steps k and k + 1 that it is short.

    The whole row if enough of its gaps are short; else its parts, each of which gains by every gap that it keeps
    (maximal scoring subsequences, Ruzzo and Tompa 1999: a short gap scores 100 - percent, another -percent), of which
    those that stand side by side are one where enough of all their gaps are short, from the first on.
    """
    if 100 * sum(short) >= percent * len(short):
        return [(0, len(short))]
    parts: list[_Part] = []
    total = 0
    for at, good in enumerate(short):
        if not good:
            total -= percent
            continue
        first, before = at, total
        total += 100 - percent
        lower = len(parts) - 1
        while True:
            while lower >= 0 and parts[lower].before >= before:
                lower = parts[lower].lower
            if lower < 0 or parts[lower].end >= total:
                break
            first, before = parts[lower].first, parts[lower].before
            del parts[lower:]
            lower -= 1
        parts.append(_Part(first, at, before, total, lower))
    made: list[tuple[int, int]] = []
    score = ended = 0
    for part in parts:
        # What lies between two parts is what the score loses from the end of one to the start of the next.
        together = score + part.end - ended if made else -1
        if together >= 0:
            made[-1] = made[-1][0], part.last + 1
            score = together
        else:
            made.append((part.first, part.last + 1))
            score = part.end - part.before
        ended = part.end
    return made


def gaps(time: I64, block: npt.NDArray[np.integer], seconds_a_block: int) -> list[int]:
    """Seconds between one step and the next; blocks stand for them where a time is missing (-1)."""
    told = (time[1:] >= 0) & (time[:-1] >= 0)
    seconds: list[int] = np.where(told, np.diff(time), np.diff(block.astype(np.int64)) * seconds_a_block).tolist()
    return seconds


def soon_percent(between: Sequence[int], most: int) -> float:
    """The percentage of gaps that are at most so long, 100 for none."""
    return 100 * sum(gap <= most for gap in between) / len(between) if between else 100.0


def joined(rows: Sequence[list[Step]], gathered: Mapping[int, list[int]]) -> list[tuple[list[list[Step]], list[int]]]:
    """(rows, what joined them) for each group of rows that belong together, in the order of their first.

    gathered  what joins rows: its number -> which rows (places in `rows`)
    """
    sets: Unions[int] = Unions()
    for members in gathered.values():
        for at in members[1:]:
            sets.join(members[0], at)
    made: dict[int, tuple[list[list[Step]], list[int]]] = {}
    for at, row in enumerate(rows):
        made.setdefault(sets.root(at), ([], []))[0].append(row)
    for number, members in gathered.items():
        made[sets.root(members[0])][1].append(number)
    return list(made.values())
