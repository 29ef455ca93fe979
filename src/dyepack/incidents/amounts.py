"""Amounts of money as they are written in the registry: "88.79 million", exact.

Invariant: an amount is a whole number of hundredths of the currency's unit; what cannot be one is an error.
"""

from __future__ import annotations

import re

from dyepack.money import format_units

UNITS = {"": 1, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_FORM = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,11}))?(?: (thousand|million|billion))?", re.ASCII)
_QUANTITY = re.compile(r"\d{1,40}(\.\d{1,40})?", re.ASCII)
_MILLION = 100 * 10**6
"""Hundredths in a million."""


def parse_amount(text: str) -> int:
    """Read "620 million" or "16300000.50" as hundredths; ValueError says what is wrong."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError('must be a plain number, as "620 million" or "16300000"')
    sign, whole, rest, unit = match.groups(default="")
    if sign:
        raise ValueError("is negative")
    scaled: int = int(whole + rest) * UNITS[unit] * 100
    parts: int = 10 ** len(rest)
    hundredths, left = divmod(scaled, parts)
    if left:
        raise ValueError("has parts smaller than a hundredth of the currency")
    return hundredths


def check_quantity(text: str) -> str:
    """A decimal number of an asset, as text; ValueError says what is wrong."""
    if not _QUANTITY.fullmatch(text):
        raise ValueError('must be a plain decimal number in quotes, as "173600"')
    return text


def in_millions(hundredths: int, places: int = 1) -> str:
    """Write hundredths in millions, rounded half up to `places` digits: 456.3."""
    step = _MILLION // 10**places
    return format_units((hundredths + step // 2) // step, places, places=places)


def show_amount(hundredths: int, currency: str) -> str:
    """Write an amount exactly, in the largest unit that it fills: "620 million USD"."""
    for unit, size in sorted(UNITS.items(), key=lambda pair: -pair[1]):
        if hundredths >= size * 100:
            digits = len(str(size)) - 1 + 2
            return f"{format_units(hundredths, digits)}{' ' if unit else ''}{unit} {currency}"
    return f"{format_units(hundredths, 2)} {currency}"


def show_range(low: int, high: int | None, currency: str) -> str:
    """Write an interval in millions to one digit, or exactly where both ends are one; no upper end is "or more"."""
    if high is None:
        return f"{in_millions(low)} million {currency} or more"
    if low == high:
        return show_amount(low, currency)
    return f"{in_millions(low)} to {in_millions(high)} million {currency}"
