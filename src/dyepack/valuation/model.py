"""A price, a rate and a value, each with where it is from; sums that say what they lack.

Invariant: a value without a price is no value, never 0, and a sum counts what it lacks; money here is decimal, exact
until it is rounded to the cent for showing (half to even).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

EXACT = Context(prec=80)
"""Digits enough for 128 bits of base units times any price in use; a price between two days is cut to so many."""

WIDE = Context(prec=500)
"""Digits enough for any amount (78 before the point) times any price that a file may hold (129), and any rate."""

CENT = Decimal("0.01")

NO_PRICE, NO_RATE = "no price", "no exchange rate"


@dataclass(frozen=True, slots=True)
class Price:
    """What one whole coin was worth on a day (UTC).

    source, sha256  the file or address that says so, and its content
    between         the two days whose prices it was interpolated from, None for a price of the day itself
    """

    value: Decimal
    currency: str
    day: date
    source: str
    sha256: str
    between: tuple[date, date] | None = None

    def words(self) -> str:
        """The price with its day and source."""
        how = f"interpolated between {self.between[0]} and {self.between[1]}" if self.between else f"of {self.day}"
        return f"{self.value} {self.currency} {how}, {self.source}"


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of `quote` one unit of `base` was; `day` is the rate's, `asked` the day it stands for."""

    value: Decimal
    base: str
    quote: str
    day: date
    asked: date
    source: str

    def words(self) -> str:
        """The rate with its day and source."""
        late = "" if self.day == self.asked else f" (the last before {self.asked})"
        return f"{self.value:.6f} {self.quote} for one {self.base} of {self.day}{late}, {self.source}"


@dataclass(frozen=True, slots=True)
class Value:
    """What units were worth in a currency on a day.

    amount   None where there is no price or rate, and `reason` says which
    price, rate  what it was worked out with (a rate only where the price is in another currency)
    others   prices of other sources that differ from it by more than a fifth: both are to be shown
    """

    currency: str
    day: date
    amount: Decimal | None
    price: Price | None = None
    rate: Rate | None = None
    others: tuple[Price, ...] = ()
    reason: str = ""

    @property
    def estimated(self) -> bool:
        """Whether it rests on an interpolated price."""
        return self.price is not None and self.price.between is not None

    def shown(self) -> str:
        """The amount to the cent with its currency, or why there is none."""
        return money(self.amount, self.currency) if self.amount is not None else self.reason

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: amounts and prices as texts."""
        return {
            "currency": self.currency, "day": self.day.isoformat(), "reason": self.reason,
            "amount": None if self.amount is None else cents(self.amount), "estimated": self.estimated,
            "price": self.price and _price_json(self.price), "rate": self.rate and _rate_json(self.rate),
            "other_prices": [_price_json(p) for p in self.others],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of values of one currency and one basis; `missing` of them had no price."""

    currency: str
    amount: Decimal
    count: int
    missing: int
    estimated: int

    def shown(self) -> str:
        """The sum to the cent, with what it lacks."""
        if self.count and self.count == self.missing:
            return NO_PRICE
        lacking = f" and {self.missing} without a price" if self.missing else ""
        return money(self.amount, self.currency) + lacking

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; no amount where nothing had a price."""
        amount = None if self.count and self.count == self.missing else cents(self.amount)
        return {"currency": self.currency, "amount": amount, "values": self.count, "without_price": self.missing,
                "estimated": self.estimated}  # fmt: skip


def total(values: Iterable[Value], currency: str) -> Total:
    """The sum of values in one currency; ValueError if one is in another."""
    amount, count, missing, estimated = Decimal(0), 0, 0, 0
    for value in values:
        if value.currency != currency:
            raise ValueError(f"{value.currency} and {currency} cannot be added")
        count += 1
        if value.amount is None:
            missing += 1
        else:
            amount = WIDE.add(amount, value.amount)
            estimated += value.estimated
    return Total(currency, amount, count, missing, estimated)


def cents(amount: Decimal) -> str:
    """An amount as plain text to the cent."""
    return str(amount.quantize(CENT, ROUND_HALF_EVEN, WIDE))


def money(amount: Decimal, currency: str) -> str:
    """An amount to the cent, in groups of thousands, with its currency."""
    return f"{amount.quantize(CENT, ROUND_HALF_EVEN, WIDE):,} {currency}"


def _price_json(price: Price) -> dict[str, Any]:
    return {"value": str(price.value), "currency": price.currency, "day": price.day.isoformat(),
            "source": price.source, "sha256": price.sha256,
            "between": [d.isoformat() for d in price.between] if price.between else None}  # fmt: skip


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {"value": str(rate.value), "base": rate.base, "quote": rate.quote, "day": rate.day.isoformat(),
            "asked": rate.asked.isoformat(), "source": rate.source}  # fmt: skip
