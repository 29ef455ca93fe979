"""Currencies and amounts: ISO 4217 minor units, and exact text to whole minor units.

Invariant: an amount is never rounded: digits beyond the currency's minor unit that are not zero are refused.
"""

from __future__ import annotations

import re

from dyepack.money import Asset, format_units, parse_units

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""Currencies whose minor unit is not a hundredth: ISO 4217 list one (SIX, amendment 176)."""

_EXCEPTIONS = {code: digits for digits, codes in _DECIMALS.items() for code in codes.split()}
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)


def decimals(currency: str) -> int:
    """Digits after the point of a currency."""
    return _EXCEPTIONS.get(currency, 2)


def asset(currency: str) -> Asset:
    """The asset that stands for a currency."""
    return Asset(currency, currency, decimals(currency))


def is_code(text: str) -> bool:
    """Whether a text has the form of a currency code."""
    return bool(_CODE.fullmatch(text))


def minor_units(text: str, currency: str) -> int:
    """A decimal number with a point, without sign, as minor units; ValueError says what is wrong."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError("is not a plain decimal number of at most 30 digits")
    try:
        return parse_units(text, decimals(currency))
    except ValueError as fault:
        raise ValueError(f"{fault}, which {currency} does not have") from fault


def written(units: int, currency: str) -> str:
    """An amount as people write it."""
    return f"{format_units(units, decimals(currency), places=decimals(currency))} {currency}"
