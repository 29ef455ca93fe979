"""JSON from outside, read strictly.

Invariant: what is returned says the same to every reader: no repeated key, no NaN or Infinity, no number through a
binary float (`Written` keeps its text), no nesting beyond what the parser can take.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from dyepack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INT_DIGITS = 20
_PIECE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:]|-?Infinity|NaN', re.DOTALL)
_BLANKS = re.compile(r"[ \t\n\r]*")
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_AS_GIVEN = "give the file as the program that made it wrote it"


@dataclass(frozen=True, slots=True)
class Written:
    """A number that is not a short whole one, as it was written."""

    text: str

    def __str__(self) -> str:
        return self.text


class _RepeatedKeyError(Exception):
    """A key stands twice in one object."""


class _NoNumberError(Exception):
    """NaN, Infinity or -Infinity, which JSON does not have."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


def _refuse(word: str) -> NoReturn:
    raise _NoNumberError(word)


def _whole(text: str) -> object:
    return int(text) if len(text) <= _INT_DIGITS else Written(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Written, parse_int=_whole, parse_constant=_refuse)


def parse(path: Path, text: str) -> object:
    """The value of a JSON text. Raises InputError, with the line where known, for anything not strict."""
    try:
        value, end = parse_at(path, text, past_blanks(text, 0))
    except json.JSONDecodeError as error:
        raise no_json(path, error) from None
    end = past_blanks(text, end)
    if end < len(text):
        raise no_json(path, json.JSONDecodeError("Extra data", text, end))
    return value


def past_blanks(text: str, at: int) -> int:
    """Where the next thing other than JSON's blanks stands, or the end."""
    blank = _BLANKS.match(text, at)
    return blank.end() if blank else at


def parse_at(path: Path, text: str, at: int, line: int = 1) -> tuple[object, int]:
    """The JSON value at that place of a text that begins on that line, and where it ends.

    Raises InputError for what the parser of the standard library takes and JSON does not have, JSONDecodeError where
    there is no value.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except _RepeatedKeyError:
        spot, key = _first_repeat(text, at)
        problem = "this key stands twice in one object, so that readers would differ on what it says"
        raise InputError(path, problem, remedy="remove one of the two", line=line + text.count("\n", 0, spot),
                         field=key) from None  # fmt: skip
    except _NoNumberError as error:
        spot = next((spot for piece, spot in _pieces(text, at) if piece == str(error)), at)
        raise InputError(path, f"{error} is not JSON", remedy="write a number or null",
                         line=line + text.count("\n", 0, spot)) from None  # fmt: skip
    except RecursionError:
        raise InputError(path, "is nested too deep", remedy=_AS_GIVEN, line=line + text.count("\n", 0, at)) from None


def no_json(path: Path, error: json.JSONDecodeError, line: int = 1) -> InputError:
    """The error to raise about a text that begins on that line and is no JSON."""
    remedy = "fetch the file again: it is cut short or not JSON"
    return InputError(path, f"is not JSON: {error.msg}", remedy=remedy, line=line + error.lineno - 1)


def _pieces(text: str, at: int = 0) -> Iterator[tuple[str, int]]:
    """The strings (in quotes), brackets, colons and non-numbers of a JSON text from `at` on, each with its offset."""
    for found in _PIECE.finditer(text, at):
        yield found.group(), found.start()


def _first_repeat(text: str, start: int) -> tuple[int, str | None]:
    """Place and name of the first key that stands twice in an object; the text parses to that object's end."""
    open_keys: list[set[str]] = []
    before, before_at = "", 0
    for piece, at in _pieces(text, start):
        if piece in _OPENING:
            open_keys.append(set())
        elif piece in _CLOSING:
            open_keys.pop()
        elif piece == ":":
            key = str(json.loads(before))
            if key in open_keys[-1]:
                return before_at, key
            open_keys[-1].add(key)
        before, before_at = piece, at
    return start, None


@dataclass(slots=True)
class EntryLines:
    """Lines of the entries of a top-level object (keys) or array (strings), found when first asked for."""

    text: str
    _lines: list[int] = field(default_factory=list)

    def of(self, index: int) -> int:
        """The line (from 1) of entry `index` (from 0); the text is one that `parse` took."""
        if not self._lines:
            self._lines = list(self._find())
        return self._lines[index]

    def _find(self) -> Iterator[int]:
        is_object = self.text.lstrip().startswith("{")
        depth, line, counted = 0, 1, 0
        before_at = 0
        for piece, at in _pieces(self.text):
            depth += (piece in _OPENING) - (piece in _CLOSING)
            if depth == 1 and (piece == ":" if is_object else piece.startswith('"')):
                spot = before_at if is_object else at
                line += self.text.count("\n", counted, spot)
                counted = spot
                yield line
            before_at = at
