"""Answers of servers as typed values: what does not fit is a BadAnswer that names the question and the field.

Invariant: no amount passes through a binary float; hexadecimal has the length that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.ledger.utxo.schema import MAX_MONEY
from dyepack.sources.live.errors import BadAnswer

T = TypeVar("T")

AGAIN = "ask again later, or ask another source"
_COIN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Question:
    """A question put to a source, to be named in errors about the answer."""

    question: str

    def fault(self, key: str, problem: str, remedy: str = AGAIN) -> BadAnswer:
        """The error to raise about a field of the answer."""
        return BadAnswer(f"the answer to {self.question}: {key}: {problem}", remedy=remedy)

    def decode(self, decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw) -> T:
        """The answer by the decoder of its type."""
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = f"the answer to {self.question} is not what was asked for: {quoted(str(error))}"
            raise BadAnswer(problem, remedy=AGAIN) from None

    def octets(self, key: str, text: str) -> bytes:
        """Bytes in hexadecimal."""
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = None
        # The standard library skips blanks.
        if found is None or 2 * len(found) != len(text):
            raise self.fault(key, f"{quoted(text)} is not hexadecimal")
        return found

    def digest(self, key: str, text: str) -> bytes:
        """A hash of 32 bytes in the order in which people write it."""
        found = self.octets(key, text)
        if len(found) != 32:
            raise self.fault(key, f"{quoted(text)} is not 64 hexadecimal digits")
        return found

    def satoshi(self, key: str, coins: Decimal) -> int:
        """An amount in coins as satoshi."""
        # Comparing is exact for any number of digits, multiplying is not.
        if not coins.is_finite() or not 0 <= coins <= MAX_MONEY:
            raise self.fault(key, f"{quoted(str(coins))} is not an amount")
        units = int(coins.scaleb(_COIN_DIGITS))
        if units > MAX_MONEY or Decimal(units).scaleb(-_COIN_DIGITS) != coins:
            raise self.fault(key, f"{quoted(str(coins))} is not an amount in coins with at most 8 decimals")
        return units

    def money(self, key: str, units: int) -> int:
        """An amount in satoshi."""
        if not 0 <= units <= MAX_MONEY:
            raise self.fault(key, f"{units} is not an amount in satoshi")
        return units
