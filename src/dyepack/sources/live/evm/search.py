"""Where in a range of blocks a state changed: bisection, level by level, so that each level is one batch.

Invariant: every block found has another state than the block before it. A state that changes and changes back between
two probes is not seen; callers say why theirs cannot, or check the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """A block, the state before it and at its end."""

    block: int
    before: S
    after: S


@dataclass(frozen=True, slots=True)
class _Stretch(Generic[S]):
    low: int
    high: int
    before: S
    after: S


async def changes(
    before: tuple[int, S],
    after: tuple[int, S],
    probe: Callable[[Sequence[int]], Awaitable[list[S | None]]],
    most: int,
) -> tuple[list[Change[S]], str]:
    """The blocks after `before` and up to `after` that changed the state, in order; and why some may be missing.

    `before` and `after` are blocks with their states; `probe` tells the states at blocks, None where it cannot.
    """
    open_ = [_Stretch(before[0], after[0], before[1], after[1])] if before[1] != after[1] else []
    partial = ""
    while any(stretch.high - stretch.low > 1 for stretch in open_):
        if len(open_) > most:
            open_, partial = open_[:most], f"more than {most} blocks changed it: only the first are read"
        middles = [(s.low + s.high) // 2 for s in open_ if s.high - s.low > 1]
        states = iter(await probe(middles))
        narrower: list[_Stretch[S]] = []
        for stretch in open_:
            if stretch.high - stretch.low == 1:
                narrower.append(stretch)
                continue
            middle, state = (stretch.low + stretch.high) // 2, next(states)
            if state is None:
                partial = partial or f"the node does not tell the state at block {middle}"
                continue
            if state != stretch.before:
                narrower.append(_Stretch(stretch.low, middle, stretch.before, state))
            if state != stretch.after:
                narrower.append(_Stretch(middle, stretch.high, state, stretch.after))
        open_ = narrower
    if len(open_) > most:
        open_, partial = open_[:most], f"more than {most} blocks changed it: only the first are read"
    return [Change(s.high, s.before, s.after) for s in open_], partial
