"""The words of a report, apart from the program: one TOML file a language.

An entry is a template with {places}, or a table with `one` and `other` where a number decides. [lint] says which words
make an inference one, which name a convention, and which numbers plain words may hold.
Invariant: a language has every entry of English, with the same places, or is refused; a report asks for no entry that
is not there, and fills every place.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

from dyepack.errors import InputError, UsageError, quoted

BUILT_IN = ("en",)
_LARGEST = 1 << 20
_CODE = re.compile(r"[a-z]{2,3}")
_REMEDY = "mend the file; src/dyepack/report/language/en.toml is the pattern"

Entry = str | dict[str, str]


@dataclass(frozen=True, slots=True)
class Language:
    """The entries of a language by their dotted keys, and the words of its lint."""

    code: str
    entries: dict[str, Entry]
    hedges: tuple[str, ...]
    conventions: tuple[str, ...]
    allowed: tuple[str, ...]

    def template(self, key: str, number: int | None = None) -> str:
        """The template of a key; KeyError if there is none (tests ask for every key that the program uses)."""
        entry = self.entries[key]
        if isinstance(entry, str):
            return entry
        return entry["one" if number == 1 else "other"]

    def word(self, key: str) -> str:
        """A template without places."""
        return self.template(key)


def places_in(entry: Entry) -> set[str]:
    """The names of the places of an entry; ValueError if its braces do not fit or a place has no plain name."""
    found: set[str] = set()
    for template in [entry] if isinstance(entry, str) else list(entry.values()):
        for _, name, form, turned in Formatter().parse(template):
            if name is not None and (not name.isidentifier() or form or turned):
                raise ValueError(f"has the place {{{name}}}, which is no plain name")
            found |= {name} if name else set()
    return found


def split(template: str) -> list[tuple[str, str]]:
    """A template as (words, name of the place behind them, "" for none)."""
    return [(words, name or "") for words, name, _, _ in Formatter().parse(template)]


@cache
def english() -> Language:
    """The language that ships with the program."""
    raw = (resources.files("dyepack.report") / "language" / "en.toml").read_bytes()
    return parse(raw, "en.toml")


def load_language(name: str) -> Language:
    """A language by its name, or of a TOML file; InputError names what it lacks."""
    if name in BUILT_IN:
        return english()
    path = Path(name)
    if path.suffix != ".toml":
        raise UsageError(f"there is no language {quoted(name)}",
                         remedy=f"say one of {', '.join(BUILT_IN)}, or a TOML file")  # fmt: skip
    try:
        raw = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    except OSError as fault:
        raise InputError(path, f"cannot be read ({fault.strerror})", remedy="give a TOML file") from fault
    found = parse(raw, name)
    _check_same(found, english(), name)
    return found


def parse(raw: bytes, name: str) -> Language:
    """The language that a file holds."""
    try:
        data = tomllib.loads(raw.decode())
        code, lint = str(data.pop("code")), data.pop("lint")
        words = [tuple(map(str, lint[part])) for part in ("hedges", "conventions", "allowed")]
        entries = dict(_entries(data, ""))
        for key, entry in entries.items():
            try:
                places_in(entry)
            except ValueError as fault:
                raise InputError(name, f"entry {quoted(key)}: {fault}", remedy=_REMEDY) from fault
        if not _CODE.fullmatch(code):
            raise ValueError(f"its code {code!a} is not two or three small letters")  # noqa: TRY301
        return Language(code, entries, *words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise InputError(name, f"is no language file ({fault})", remedy=_REMEDY) from fault


def _entries(data: dict[str, Any], start: str) -> list[tuple[str, Entry]]:
    found: list[tuple[str, Entry]] = []
    for name, value in data.items():
        key = f"{start}{name}"
        if isinstance(value, str):
            found.append((key, value))
        elif isinstance(value, dict) and set(value) == {"one", "other"}:
            found.append((key, {k: str(v) for k, v in value.items()}))
        elif isinstance(value, dict):
            found += _entries(value, f"{key}.")
        else:
            raise ValueError(f"entry {key} is no text")
    return found


def _check_same(found: Language, pattern: Language, name: str) -> None:
    missing = sorted(pattern.entries.keys() - found.entries.keys())
    extra = sorted(found.entries.keys() - pattern.entries.keys())
    if missing or extra:
        what, keys = ("lacks the entries", missing) if missing else ("has entries that nothing asks for:", extra)
        raise InputError(name, f"{what} {', '.join(map(quoted, keys[:5]))}", remedy=_REMEDY)
    for key, entry in found.entries.items():
        if places_in(entry) != places_in(pattern.entries[key]):
            places = ", ".join(sorted(places_in(pattern.entries[key]))) or "none"
            raise InputError(name, f"entry {quoted(key)} must have the places {places}", remedy=_REMEDY)
    if not (found.hedges and found.conventions):
        raise InputError(name, "has no hedging or no convention words under [lint]", remedy=_REMEDY)
