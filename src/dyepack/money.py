"""Amounts and assets: whole numbers of base units, and how they are written.

Invariant: no amount is ever a float; text and integer convert into each other without loss.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_AMOUNT = (1 << 128) - 1
"""The largest amount, in base units, that a ledger column holds."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is moved: a native coin, a token contract or a currency.

    `key` is "native" for a chain's own coin, the contract address for a token, the code for a currency.
    `decimals` is None where nobody told: amounts are then written in base units.
    """

    key: str
    symbol: str
    decimals: int | None

    def format(self, units: int, *, places: int | None = None, grouped: bool = True) -> str:
        """Write base units as a decimal number, exactly, or cut (never rounded up) to `places`."""
        return format_units(units, self.decimals or 0, places=places, grouped=grouped)


def format_units(units: int, decimals: int, *, places: int | None = None, grouped: bool = True) -> str:
    """Write `units` / 10**decimals as text; trailing zeros dropped, or cut to exactly `places` digits.

    A cut is marked by nothing, so exact amounts stand beside it wherever it is used.
    """
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**decimals)
    digits = str(rest).rjust(decimals, "0") if decimals else ""
    digits = digits.rstrip("0") if places is None else digits[:places].ljust(places, "0")
    return f"{sign}{whole:,}" * grouped + f"{sign}{whole}" * (not grouped) + (f".{digits}" if digits else "")


def parse_units(text: str, decimals: int) -> int:
    """Read a plain decimal number ("1,234.5" without its comma) as base units; ValueError says what is wrong."""
    whole, dot, rest = text.strip().partition(".")
    if not (whole + rest).isascii() or not (whole + rest).isdigit() or (dot and not rest):
        raise ValueError("is not a plain decimal number")
    if len(whole) + decimals > 80:
        raise ValueError("is too long for an amount")
    if len(rest.rstrip("0")) > decimals:
        raise ValueError(f"has more than {decimals} digits after the point")
    return int((whole or "0") + rest[:decimals].ljust(decimals, "0"))
