"""Reads TOML strictly: every key is asked for or is an error, and every error names file, entry and field.

Invariant: nothing in a file is ignored, and nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from dyepack import files
from dyepack.errors import InputError, quoted
from dyepack.files import read_bounded
from dyepack.incidents.amounts import check_quantity, parse_amount
from dyepack.incidents.spans import Span, parse_span

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

_T = TypeVar("_T")

LARGEST = 8 << 20
"""The largest file that is read, in bytes."""
LONGEST = 2000
"""The longest text in a field, in characters."""
MOST = 50_000
"""The most entries of a list."""
_REMEDY = "mend the file; docs/incidents.md has the schema"


def read_toml(file: Path) -> Table:
    """A file as a table; InputError if it cannot be read or is no TOML."""
    return parse_toml(read_bounded(file, LARGEST, remedy="give a TOML file; split one that is too large"), str(file))


def parse_toml(raw: bytes, file: str) -> Table:
    """The bytes of a file called `file` as a table."""
    return Table(file, files.parse_toml(file, raw, most=LARGEST, remedy=_REMEDY), "top level")


class Table:
    """One table of a file: each method takes a key and checks it, `done` complains about what is left."""

    def __init__(self, file: str, data: dict[str, Any], place: str) -> None:
        self.file, self.place = file, place
        self._data = dict(data)
        self.given = frozenset(data)

    def wrong(self, key: str, problem: str) -> NoReturn:
        """InputError about a field of this table."""
        raise InputError(self.file, f"{self.place}, field {quoted(key)}: {problem}", remedy=_REMEDY)

    def named(self, kind: str, key: str = "id") -> str:
        """The entry's own name, which errors from here on show."""
        name = self.text(key)
        if len(name) > 80 or not name.isascii() or any(not (c.isalnum() or c in "-._/") for c in name):
            self.wrong(key, f"{quoted(name)} is no id: letters, digits and -._/ only, at most 80")
        self.place = f"{kind} {quoted(name)}"
        return name

    def done(self) -> None:
        """Complain about keys that nobody asked for."""
        for key in self._data:
            self.wrong(key, "is not a field of the schema")

    def has(self, key: str) -> bool:
        """Whether the file gives the key."""
        return key in self.given

    def text(self, key: str, default: str | None = None) -> str:
        """Text that is not empty; `default` where it is left out."""
        value = self._data.pop(key, None)
        if value is None and default is not None:
            return default
        if value is None:
            self.wrong(key, "is missing")
        if not isinstance(value, str):
            self.wrong(key, "must be text in quotes")
        if not value.strip():
            self.wrong(key, "is empty")
        if len(value) > LONGEST:
            self.wrong(key, f"is longer than {LONGEST} characters")
        return value

    def word(self, key: str, known: Collection[str], default: str | None = None) -> str:
        """A word of a vocabulary."""
        value = self.text(key, default)
        if value not in known and value != default:
            self.wrong(key, f"{quoted(value)} is not known; use {_choices(known)}")
        return value

    def texts(self, key: str, known: Collection[str] | None = None, *, needed: bool = False) -> tuple[str, ...]:
        """A list of different texts, each of a vocabulary where one is given."""
        value = self._data.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            self.wrong(key, "must be a list of texts")
        if len(value) > MOST or any(len(v) > LONGEST for v in value):
            self.wrong(key, "is too long")
        for one in value:
            if known is not None and one not in known:
                self.wrong(key, f"{quoted(one)} is not known; use {_choices(known)}")
        if len(set(value)) != len(value):
            self.wrong(key, "names something twice")
        if needed and not value:
            self.wrong(key, "is missing or empty")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """true or false; false where it is left out."""
        value = self._data.pop(key, False)
        if not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return value

    def whole(self, key: str) -> int | None:
        """A whole number that is not negative, or None."""
        value = self._data.pop(key, None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31):
            self.wrong(key, "must be a whole number that is not negative")
        return None if value is None else int(value)

    def amount(self, key: str) -> int:
        """An amount of money in hundredths."""
        return self._parsed(key, parse_amount)

    def maybe_amount(self, key: str) -> int | None:
        """An amount of money in hundredths, or None where it is left out."""
        return self.amount(key) if self.has(key) else None

    def quantity(self, key: str) -> str:
        """A decimal number of an asset, kept as text."""
        return self._parsed(key, check_quantity)

    def span(self, key: str) -> Span:
        """A date with its precision."""
        return self._parsed(key, parse_span)

    def maybe_span(self, key: str) -> Span | None:
        """A date with its precision, or None where it is left out."""
        return self.span(key) if self.has(key) else None

    def _parsed(self, key: str, parse: Callable[[str], _T]) -> _T:
        text = self.text(key)
        try:
            return parse(text)
        except ValueError as fault:
            self.wrong(key, f"{quoted(text)} {fault}")

    def table(self, key: str) -> Table | None:
        """A table below, or None where it is left out."""
        value = self._data.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, "must be a table")
        return Table(self.file, value, f"{self.place}, {key}")

    def tables(self, key: str) -> list[Table]:
        """A list of tables below."""
        value = self._data.pop(key, [])
        if not isinstance(value, list) or len(value) > MOST or not all(isinstance(v, dict) for v in value):
            self.wrong(key, "must be a list of tables")
        return [Table(self.file, row, f"{self.place}, {key} {at}") for at, row in enumerate(value, 1)]

    def rest(self) -> dict[str, Any]:
        """All keys that are left, taken; for tables whose keys are themselves data."""
        left, self._data = self._data, {}
        return left


def _choices(known: Collection[str]) -> str:
    return ", ".join(sorted(known)) if len(known) <= 20 else "one of docs/incidents.md"
