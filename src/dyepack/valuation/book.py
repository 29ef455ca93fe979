"""The prices of a case: series by asset, in the order of preference, and the exchange rates between currencies.

Invariant: the first source that has a price of the day is taken; where another differs from it by more than a fifth
both are kept, for both are to be shown. Base units become a value by one exact multiplication.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from dyepack.valuation.exchange import rate
from dyepack.valuation.model import EXACT, NO_PRICE, NO_RATE, WIDE, Price, Rate, Value

if TYPE_CHECKING:
    from datetime import date

    from dyepack.money import Asset
    from dyepack.valuation.series import Series

DISAGREE = Decimal("0.2")
"""Two prices that differ by more than this part of the first are both shown."""


@dataclass(slots=True)
class PriceBook:
    """Series by the key of the asset; assets that are currencies themselves need none."""

    series: dict[str, list[Series]] = field(default_factory=dict)

    def add(self, asset: str, found: Series) -> None:
        """Add a series behind those that are there."""
        self.series.setdefault(asset, []).append(found)

    def value(self, asset: Asset, units: int, day: date, currency: str) -> Value:
        """What `units` base units of an asset were worth on a day, in a currency."""
        prices = [p for p in (s.on(day) for s in self.series.get(asset.key, [])) if p is not None]
        if not prices:
            prices = [p for p in [_of_currency(asset, day)] if p is not None]
        if not prices or asset.decimals is None:
            return Value(currency, day, None, reason=NO_PRICE)
        first = prices[0]
        exchanged = rate(first.currency, currency, day)
        if exchanged is None:
            return Value(currency, day, None, first, reason=NO_RATE)
        coins = Decimal(units).scaleb(-asset.decimals, WIDE)
        amount = WIDE.multiply(WIDE.multiply(coins, first.value), exchanged.value)
        used = None if first.currency == currency else exchanged
        return Value(currency, day, amount, first, used, _differing(first, prices[1:], day))


def _of_currency(asset: Asset, day: date) -> Price | None:
    """The price of a currency in itself."""
    from dyepack.valuation.exchange import currencies

    key = asset.key.upper()
    return Price(Decimal(1), key, day, "the currency itself", "") if key in currencies() else None


def _differing(first: Price, others: list[Price], day: date) -> tuple[Price, ...]:
    """Other prices that are more than a fifth off the first, compared in its currency."""
    found = []
    for other in others:
        exchanged: Rate | None = rate(other.currency, first.currency, day)
        if exchanged is None:
            found.append(other)
            continue
        gap = abs(EXACT.subtract(EXACT.multiply(other.value, exchanged.value), first.value))
        if gap > EXACT.multiply(first.value, DISAGREE):
            found.append(other)
    return tuple(found)
