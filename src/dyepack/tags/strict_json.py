"""JSON from outside, read strictly.

Invariant: what `parse` returns says the same to every reader: no repeated key, no NaN or Infinity, no nesting
beyond what the parser can take.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from dyepack.errors import InputError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:]|-?Infinity|NaN', re.DOTALL)
_OPENING, _CLOSING = ("{", "["), ("}", "]")


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


def parse(path: Path, text: str) -> object:
    """The value of a JSON text. Raises InputError, with the line where known, for anything not strict."""
    try:
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except _RepeatedKeyError:
        line, key = _first_repeat(text)
        problem = "this key stands twice in one object, so that readers would differ on what it says"
        remedy = "remove one of the two"
        raise InputError(path, problem, remedy=remedy, line=line, field=key) from None
    except _NoNumberError as error:
        spot = next((at for piece, at in _pieces(text) if piece == str(error)), 0)
        line = text.count("\n", 0, spot) + 1
        raise InputError(path, f"{error} is not JSON", remedy="write a number or null", line=line) from None
    except RecursionError:
        raise InputError(path, "is nested too deep to be a list of labels", remedy="check the file") from None
    except json.JSONDecodeError as error:
        remedy = "fetch the file again: it is cut short or not JSON"
        raise InputError(path, f"is not JSON: {error.msg}", remedy=remedy, line=error.lineno) from None
    except ValueError as error:
        raise InputError(path, f"is not usable JSON: {quoted(str(error))}", remedy="check its numbers") from None
    return value


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """The strings (in quotes), brackets, colons and non-numbers of a JSON text, each with its offset."""
    for found in _PIECE.finditer(text):
        yield found.group(), found.start()


def _first_repeat(text: str) -> tuple[int | None, str | None]:
    """Line and name of the first key that stands twice in an object; the text parses to that object's end."""
    open_keys: list[set[str]] = []
    before, before_at = "", 0
    for piece, at in _pieces(text):
        if piece in _OPENING:
            open_keys.append(set())
        elif piece in _CLOSING:
            open_keys.pop()
        elif piece == ":":
            key = str(json.loads(before))
            if key in open_keys[-1]:
                return text.count("\n", 0, before_at) + 1, key
            open_keys[-1].add(key)
        before, before_at = piece, at
    return None, None


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
