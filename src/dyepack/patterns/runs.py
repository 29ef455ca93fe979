"""Stretches of a row of steps in which enough of the gaps between steps are short.

Invariant: the stretches do not overlap; in each the share of short gaps is at least what was asked for; linear time.
"""

from __future__ import annotations

from typing import NamedTuple


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
