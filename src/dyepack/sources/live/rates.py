"""How fast one host is asked: so many requests a second, so many at a time, and when it says wait, everyone waits.

Invariant: over any span of s seconds a host with rate r gets at most r*s + 1 requests from all that
share one `Rates`; a host that wants to be left alone is left alone by those too that waited for their turn already.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dyepack.sources.live.endpoint import Endpoint

RATE = 20.0


class Clock(Protocol):
    """Time that passes; tests have their own."""

    def now(self) -> float:
        """Seconds, from anywhere."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Cost:
    """What the network cost: requests sent, calls in them, bytes received, retries, seconds waited for retries and
    rates; `kept` counts answers that the evidence gave instead, `scrubbed` secrets taken out of bodies."""

    requests: int = 0
    calls: int = 0
    received: int = 0
    retries: int = 0
    waited: float = 0.0
    kept: int = 0
    scrubbed: int = 0

    def __add__(self, other: Cost) -> Cost:
        """What both cost."""
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


class Limiter:
    """The turns at one host."""

    def __init__(self, rate: float | None, parallel: int, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._slots = asyncio.Semaphore(parallel)
        self._next = self._held = 0.0

    @asynccontextmanager
    async def turn(self, cost: int, spent: Cost) -> AsyncIterator[None]:
        """Wait for a turn that costs so many requests, and hold one of the places."""
        async with self._slots:
            start, held = self._start(cost), self._held
            while (wait := start - self._clock.now()) > 0:
                spent.waited += wait
                await self._clock.sleep(wait)
                if self._held > held:  # they queue again, so that no burst follows the wait
                    start, held = self._start(cost), self._held
            yield

    def _start(self, cost: int) -> float:
        """When so many requests may go, and the next ones after them."""
        start = max(self._next, self._held, self._clock.now())
        self._next = start + (cost / self._rate if self._rate else 0.0)
        return start

    def hold(self, seconds: float) -> None:
        """The host wants to be left alone for so long."""
        self._held = max(self._held, self._clock.now() + seconds)


class Rates:
    """One limiter for each host, shared by every fetcher that is given this object."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._limiters: dict[tuple[str, int], Limiter] = {}

    def of(self, endpoint: Endpoint) -> Limiter:
        """The limiter of an endpoint's host; the first endpoint that asks sets its rate."""
        options, key = endpoint.options, (endpoint.host, endpoint.port)
        if key not in self._limiters:
            rate = options.rate if options.rate is not None else 0.0 if endpoint.named else RATE
            self._limiters[key] = Limiter(rate or None, options.parallel, self.clock)
        return self._limiters[key]
