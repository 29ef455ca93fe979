"""A JSON object, or a row of a table, whose fields are read with a check.

Invariant: a field that is not of the form that is asked for is an InputError with its line and the way to it; no
amount passes through a binary float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dyepack.errors import InputError, quoted
from dyepack.ledger.utxo.schema import MAX_MONEY
from dyepack.sources.columns import MAX_U32
from dyepack.strict_json import Written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dyepack.errors import DyepackError

_COIN_DIGITS = 8
_COIN = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,2}))?", re.ASCII)
_AS_GIVEN = "give the file as the program that made it wrote it"


class Cited(Protocol):
    """Where something was read: in a file, or in an answer of a server."""

    def fault(self, key: str, problem: str, remedy: str = ...) -> DyepackError:
        """The error to raise about a field."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object and where it stands: file, line, and the way to it inside the value of that line."""

    file: Path
    line: int | None
    way: str
    data: Mapping[str, object]

    @classmethod
    def of(cls, file: Path, line: int | None, value: object, way: str = "") -> Record:
        """The record of a value; InputError where it is not an object."""
        if not isinstance(value, dict):
            raise InputError(file, "an object is needed here", remedy=_AS_GIVEN, line=line, field=way or None)
        return cls(file, line, way, value)

    def fault(self, key: str, problem: str, remedy: str = _AS_GIVEN) -> InputError:
        """The error to raise about a field."""
        return InputError(self.file, problem, remedy=remedy, line=self.line, field=self._at(key))

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.data.get(key) is not None

    def text(self, key: str) -> str:
        """A field of text."""
        value = self.data.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def flag(self, key: str) -> bool:
        """A field that is true or false."""
        value = self.data.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def whole(self, key: str, *, least: int = 0, most: int = MAX_U32) -> int:
        """A whole number between two bounds."""
        value = self.data.get(key)
        if type(value) is not int or not least <= value <= most:
            raise self._wrong(key, f"a whole number from {least} to {most}")
        return value

    def satoshi(self, key: str) -> int:
        """An amount in the base unit."""
        value = self.data.get(key)
        if type(value) is not int or not 0 <= value <= MAX_MONEY:
            raise self._wrong(key, "an amount in whole satoshi, not negative and not above 21 million coins")
        return value

    def coins(self, key: str) -> int:
        """An amount written in coins, as satoshi."""
        value = self.data.get(key)
        is_number = type(value) is int or isinstance(value, Written)
        units = parse_coins(str(value)) if is_number else None
        if units is None:
            raise self._wrong(key, "an amount in coins with at most 8 decimals, not above 21 million")
        return units

    def digest(self, key: str) -> bytes:
        """A hash of 32 bytes in the order in which people write it."""
        found = _bytes(self.data.get(key))
        if found is None or len(found) != 32:
            raise self._wrong(key, "64 hexadecimal digits")
        return found

    def octets(self, key: str) -> bytes:
        """Bytes in hexadecimal."""
        found = _bytes(self.data.get(key))
        if found is None:
            raise self._wrong(key, "bytes in hexadecimal")
        return found

    def record(self, key: str) -> Record:
        """A field that is an object."""
        return Record.of(self.file, self.line, self.data.get(key), self._at(key))

    def records(self, key: str) -> list[Record]:
        """A field that is a list of objects."""
        found = self.data.get(key)
        if not isinstance(found, list):
            raise self._wrong(key, "a list")
        return [Record.of(self.file, self.line, value, f"{self._at(key)}[{i}]") for i, value in enumerate(found)]

    def _at(self, key: str) -> str:
        return f"{self.way}.{key}" if self.way else key

    def _wrong(self, key: str, what: str) -> InputError:
        if not self.has(key):
            return self.fault(key, "the field is missing", f"give a file that has it: it must be {what}")
        return self.fault(key, f"{_shown(self.data[key])} is not {what}")


def _shown(value: object) -> str:
    if isinstance(value, (str, int, Written)):
        return quoted(str(value))
    return "a list" if isinstance(value, list) else "an object"


def _bytes(value: object) -> bytes | None:
    """Bytes of a hexadecimal text; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = bytes.fromhex(value)
    except ValueError:
        return None
    # The standard library skips blanks.
    return found if 2 * len(found) == len(value) else None


def parse_coins(text: str) -> int | None:
    """Satoshi of a decimal number of coins, 0 to 21 million, exactly; None where it is none."""
    found = _COIN.fullmatch(text)
    if not found:
        return None
    whole, rest, exponent = found.group(1), found.group(2) or "", int(found.group(3) or 0)
    shift = exponent + _COIN_DIGITS - len(rest)
    digits = int(whole + rest)
    if shift >= 0:
        units = digits * 10**shift
    else:
        units, lost = divmod(digits, 10**-shift)
        if lost:
            return None
    return units if units <= MAX_MONEY else None
