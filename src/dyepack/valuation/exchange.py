"""Exchange rates of the European Central Bank, from a package that carries them (currencyconverter).

The bank fixes rates on its business days; a weekend or holiday takes the last rate before it, at most `BACK` days
old, and the rate says of which day it is.
Invariant: a rate is never guessed: beyond that there is none.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from dyepack.errors import UsageError, quoted
from dyepack.valuation.model import Rate

if TYPE_CHECKING:
    from datetime import date

BACK = 7
SOURCE = "euro reference rates of the European Central Bank"


@cache
def _book() -> Any:
    from currency_converter import CurrencyConverter

    return CurrencyConverter(decimal=True)


def currencies() -> set[str]:
    """The codes of the currencies that there are rates for."""
    return set(_book().currencies)


def check_currency(code: str) -> str:
    """The code of a currency in capitals; UsageError if there are no rates for it."""
    known = code.strip().upper()
    if known not in currencies():
        raise UsageError(f"there are no exchange rates for {quoted(code)}",
                         remedy="give an ISO 4217 code, as USD, GBP, EUR, KRW or JPY")  # fmt: skip
    return known


@cache
def rate(base: str, quote: str, day: date) -> Rate | None:
    """How much of `quote` one unit of `base` was on a day, None where there is no rate within a week before it."""
    if base == quote:
        return Rate(Decimal(1), base, quote, day, day, "the same currency")
    from currency_converter import RateNotFoundError

    for back in range(BACK + 1):
        try:
            of = day - timedelta(days=back)
            value = _book().convert(Decimal(1), base, quote, date=of)
        except (RateNotFoundError, ValueError, OverflowError):
            continue
        return Rate(value, base, quote, of, day, SOURCE)
    return None
