"""The daily prices of one asset in one currency, from one source.

Invariant: a day that the source does not give is interpolated between the two days around it, if they are at most
`GAP` days apart, and marked; beyond that, and outside the series, there is no price.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from dyepack.valuation.model import EXACT, Price

if TYPE_CHECKING:
    from datetime import date

GAP = 7
"""Days between two known prices that are bridged."""


@dataclass(slots=True)
class Series:
    """Prices by day, ascending: one whole coin in `currency`."""

    currency: str
    source: str
    sha256: str
    prices: dict[date, Decimal]
    gap: int = GAP
    _days: list[date] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._days = sorted(self.prices)

    def on(self, day: date) -> Price | None:
        """The price of a day, None where the series does not reach."""
        known = self.prices.get(day)
        if known is not None:
            return self._price(known, day)
        at = bisect_left(self._days, day)
        if at in {0, len(self._days)}:
            return None
        before, after = self._days[at - 1], self._days[at]
        span = (after - before).days
        if span > self.gap:
            return None
        low, high = self.prices[before], self.prices[after]
        part = EXACT.divide(EXACT.multiply(EXACT.subtract(high, low), Decimal((day - before).days)), Decimal(span))
        return self._price(EXACT.add(low, part).normalize(EXACT), day, (before, after))

    def span(self) -> tuple[date, date]:
        """Its first and its last day."""
        return self._days[0], self._days[-1]

    def _price(self, value: Decimal, day: date, between: tuple[date, date] | None = None) -> Price:
        return Price(value, self.currency, day, self.source, self.sha256, between)
