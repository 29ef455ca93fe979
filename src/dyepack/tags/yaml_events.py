"""YAML from outside, read as events: nothing is built, resolved, merged or repeated.

Invariant: tags, anchors, aliases and directives are refused, every scalar is the text as written, and what is held at
any time is one scalar; so no document costs more than its length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from dyepack.errors import InputError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_DEPTH = 20
MAX_SCALAR = 1 << 16
"""Characters of the longest scalar."""

_UNLIKE = re.compile(
    r"~|null|true|false|yes|no|on|off|y|n|"
    r"[-+]?(?:0x[0-9a-f_]+|0b[01_]+|0o?[0-7_]+|[1-9][0-9_]*(?::[0-5]?[0-9])*|0)|"
    r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]*(?:e[-+]?[0-9]+)?|[-+]?\.(?:inf|nan)|"
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t ].*)?|=|<<",
    re.IGNORECASE,
)


_UNLIKE_START = frozenset({"", *"~nNtTyYfFoO+-.=<0123456789"})

Fields = dict[str, str | list[str]]
"""A mapping's values by name: texts, and lists of texts where they are allowed."""


def unlike_text(scalar: str) -> bool:
    """Whether YAML 1.1 would read a scalar without quotes as something else than text."""
    return scalar[:1] in _UNLIKE_START and _UNLIKE.fullmatch(scalar) is not None


class Events:
    """The events of one document, in order.

    read       the fields whose values are kept; those in `lists` may be lists of texts
    skipped    the names of other fields, in the order they were met; their values are passed over
    unlike     lines of texts without quotes, of which YAML would make something else (days apart)
    """

    def __init__(self, path: Path, text: str, read: frozenset[str], lists: frozenset[str]) -> None:
        import yaml

        self.path, self.read, self.lists = path, read, lists
        self.skipped: dict[str, None] = {}
        self.unlike: list[int] = []
        self._yaml: Any = yaml
        self._parser: Any = yaml.CSafeLoader(text)
        self._scalar: Any = yaml.ScalarEvent
        self._map_end: Any = yaml.MappingEndEvent
        self._alias: Any = yaml.AliasEvent

    def _next(self) -> Any:
        """The next event, checked."""
        try:
            event = self._parser.get_event()
        except (self._yaml.YAMLError, ValueError) as fault:
            self._refuse_yaml(fault)
        self._check(event)
        return event

    def _check(self, event: Any) -> None:
        """InputError for a tag, an anchor, an alias, or a text that is too long."""
        kind = event.__class__
        if kind is self._scalar:
            if event.anchor is None and event.tag is None and len(event.value) <= MAX_SCALAR:
                return
        elif kind is self._map_end or not (
            kind is self._alias or getattr(event, "anchor", None) or getattr(event, "tag", None)
        ):
            return
        self._refuse_event(event)

    def open_document(self) -> None:
        """Go to the inside of the document, which must be a mapping."""
        self._next()
        start = self._next()
        if getattr(start, "version", None) or getattr(start, "tags", None):
            self._refuse("has YAML directives", "remove the lines that begin with %", start)
        top = self._next()
        if not isinstance(top, self._yaml.MappingStartEvent):
            self._refuse("is not a mapping", "give a YAML mapping", top)

    def close_document(self) -> None:
        """Check that nothing follows."""
        self._next()
        event = self._next()
        if not isinstance(event, self._yaml.StreamEndEvent):
            self._refuse("holds a second document", "give one document in each file", event)

    def header(self) -> Iterator[tuple[str, int]]:
        """The keys of the mapping that was opened, each with its line; the caller takes every value."""
        while (event := self._next()).__class__ is not self._map_end:
            yield self._key(event), event.start_mark.line + 1

    def mapping(self) -> Fields:
        """The rest of the mapping that was opened. InputError for a key that stands twice.

        Written out, as most of the time of a large pack is spent here: a text that is read costs two events.
        """
        found: Fields = {}
        get, scalar, read = self._parser.get_event, self._scalar, self.read
        try:
            while (event := get()).__class__ is not self._map_end:
                self._check(event)
                key = self._key(event)
                if key in found:
                    self._refuse("stands twice in one tag", "remove one of the two", event, field=key)
                if key not in read or key in self.lists:
                    self.value(key, found)
                    continue
                event = get()
                self._check(event)
                if event.__class__ is not scalar:
                    self._refuse("is not a text", "write one text, in quotes", event, field=key)
                self._keep(found, key, event)
        except (self._yaml.YAMLError, ValueError) as fault:
            self._refuse_yaml(fault)
        for key in found.keys() - read:
            del found[key]
        return found

    def _keep(self, found: Fields, key: str, event: Any) -> None:
        text = found[key] = event.value
        if not event.style and key != "lastmod" and unlike_text(text):
            self.unlike.append(event.start_mark.line + 1)

    def _key(self, event: Any) -> str:
        if event.__class__ is not self._scalar:
            self._refuse("has a key that is not a text", "give every field a plain name", event)
        if event.value == "<<":
            remedy = "write the fields out"
            self._refuse("is a merge key, by which YAML hides what a tag says", remedy, event, field="<<")
        return str(event.value)

    def value(self, key: str, found: Fields) -> None:
        """Take the value of a key, or pass over it."""
        if key not in self.read:
            self.skipped[key] = None
            self._skip()
            found[key] = ""
            return
        event = self._next()
        if event.__class__ is self._scalar:
            self._keep(found, key, event)
        elif key in self.lists and isinstance(event, self._yaml.SequenceStartEvent):
            found[key] = self._texts(key)
        else:
            self._refuse("is not a text", "write one text, in quotes", event, field=key)

    def _texts(self, key: str) -> list[str]:
        found: list[str] = []
        while not isinstance(event := self._next(), self._yaml.SequenceEndEvent):
            if event.__class__ is not self._scalar:
                self._refuse("is not a list of texts", "write texts, in quotes", event, field=key)
            found.append(str(event.value))
        return found

    def items(self, remedy: str) -> Iterator[int]:
        """The mappings of the list that stands here, each with its line, opened for `mapping`."""
        event = self._next()
        if not isinstance(event, self._yaml.SequenceStartEvent):
            self._refuse("is not a list", remedy, event, field="tags")
        mapping, end = self._yaml.MappingStartEvent, self._yaml.SequenceEndEvent
        while True:
            event = self._next()
            if type(event) is mapping:
                yield event.start_mark.line + 1
            elif type(event) is end:
                return
            else:
                self._refuse("holds something that is not a mapping", remedy, event, field="tags")

    def _skip(self) -> None:
        """Pass over the value that stands here."""
        depth = 0
        while True:
            event = self._next()
            depth += isinstance(event, self._yaml.CollectionStartEvent)
            depth -= isinstance(event, self._yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                self._refuse(f"is nested deeper than {MAX_DEPTH} levels", "give plain fields", event)
            if depth == 0:
                return

    def _refuse_event(self, event: Any) -> NoReturn:
        if isinstance(event, self._alias):
            self._refuse(f"has the alias {quoted('*' + event.anchor)}", "write every value out", event)
        if getattr(event, "anchor", None):
            self._refuse(f"has the anchor {quoted('&' + event.anchor)}", "write every value out", event)
        if getattr(event, "tag", None) is not None:
            self._refuse(f"has the YAML tag {quoted(event.tag)}", "write every value as plain text", event)
        self._refuse(f"has a value of {len(event.value):,} characters", f"keep each below {MAX_SCALAR:,}", event)

    def _refuse(self, problem: str, remedy: str, event: Any, field: str | None = None) -> NoReturn:
        raise InputError(self.path, problem, remedy=remedy, line=event.start_mark.line + 1, field=field)

    def _refuse_yaml(self, fault: Exception) -> NoReturn:
        mark = getattr(fault, "problem_mark", None)
        why = getattr(fault, "problem", None) or getattr(fault, "reason", None) or str(fault)
        raise InputError(
            self.path, f"is not YAML: {quoted(str(why))}", remedy="give the file as the program that made it wrote it",
            line=None if mark is None else mark.line + 1,
        ) from None  # fmt: skip
