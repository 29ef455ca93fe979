"""The one layer that asks again: exponential waits with full jitter, and no other layer retries anything.

Invariant: at most `attempts` attempts, and no wait begins that would end after `ceiling` seconds spent on the
question (time in the host's queue does not count); a server's Retry-After is kept, or the question is given up.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dyepack.sources.live.errors import SourceError
    from dyepack.sources.live.rates import Clock, Cost, Limiter

T = TypeVar("T")


class PassingError(Exception):
    """An attempt failed in a way that may pass: `error` is what is said if it does not, `after` what the host asks."""

    def __init__(self, error: SourceError, after: float | None = None) -> None:
        super().__init__()
        self.error, self.after = error, after


@dataclass(slots=True)
class Retry:
    """How often and how long; `draw` gives numbers from 0 to 1."""

    attempts: int = 6
    ceiling: float = 120.0
    first: float = 0.25
    longest: float = 20.0
    attempt: float = 60.0
    draw: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)

    async def persist(
        self, attempt: Callable[[float], Awaitable[T]], *, limiter: Limiter, clock: Clock, asked: Cost, cost: int = 1
    ) -> T:
        """Attempt (given the seconds it may take) until it succeeds; the last error if it never does."""
        spent, tried = 0.0, 0
        while True:
            tried += 1
            async with limiter.turn(cost, asked):
                began = clock.now()
                try:
                    return await attempt(max(min(self.attempt, self.ceiling - spent), 0.1))
                except PassingError as fault:
                    error, after = fault.error, fault.after
                spent += clock.now() - began
            wait = max(self.draw() * min(self.longest, self.first * 2**tried), after or 0.0)
            if tried >= self.attempts or spent + wait > self.ceiling:
                break
            if after:
                limiter.hold(after)
            spent += wait
            asked.retries += 1
            asked.waited += wait
            await clock.sleep(wait)
        last = type(error)(f"{error.problem} (tried {tried} times)", remedy=error.remedy)
        last.less = error.less
        raise last
