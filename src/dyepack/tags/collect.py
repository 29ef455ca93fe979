"""Gathers the tags of one file, whatever its format, and what must be told about them.

Invariant: every statement handed to `Collector.add` ends as a tag, as an exact repeat that is counted, or in
the notes with its place; none vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.errors import quoted
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tags.text import bounded_label, is_broken_evm, normal_address, storable, why_unmatchable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dyepack.tags.grades import Grade

NAMED = 50
"""Rows set aside are named one by one up to this many; the line numbers of the rest follow in one note."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says of a whole file; a row's own words go before these, these before a default."""

    path: Path
    sha256: str
    source: str
    confidence: int | None = None
    kind: TagKind | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a row itself says beyond address, label and kind; empty where it says nothing."""

    confidence: int | None = None
    evidence: str = ""
    source: str = ""
    sha256: str = ""
    date: str = ""
    label_sha256: str = ""


_SAYS_NOTHING = Row()


@dataclass(slots=True)
class Collector:
    """Turns rows into tags; `finish` gives the set with its notes."""

    given: Given
    tags: TagSet = field(default_factory=TagSet)
    rows: int = 0
    line_of: Callable[[int], int] = int
    _aside: list[tuple[int, str]] = field(default_factory=list)
    _cut: int = 0
    _broken: int = 0
    _extra: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Tell something about the file in the notes."""
        self._extra.append(text)

    def add(
        self,
        address: str,
        label: str,
        kind: TagKind,
        grade: Grade,
        *,
        at: int,
        row: Row = _SAYS_NOTHING,
    ) -> None:
        """Take one statement: raw address and label, kind, default grade; `line_of(at)` is its line."""
        self.rows += 1
        normal = normal_address(address)
        odd = why_unmatchable(normal)
        if odd is not None:
            self._aside.append((self.line_of(at), f"address {quoted(normal)} (label {quoted(label)}) {odd}"))
            return
        self._broken += is_broken_evm(normal)
        kept, whole = (label, row.label_sha256) if row.label_sha256 else bounded_label(label)
        self._cut += bool(whole)
        confidence = row.confidence if row.confidence is not None else self.given.confidence
        self.tags.add(
            (
                Tag(
                    address=normal,
                    label=kept,
                    kind=kind,
                    confidence=grade.confidence if confidence is None else confidence,
                    evidence=row.evidence or grade.evidence,
                    source=row.source or self.given.source,
                    sha256=row.sha256 or self.given.sha256,
                    date=row.date,
                    label_sha256=whole,
                ),
            )
        )

    def finish(self) -> TagSet:
        """The tags with all notes, each beginning with the file's name."""
        name = quoted(storable(self.given.path.name))
        self.tags.notes.extend(f"{name}: {note}" for note in self._told())
        return self.tags

    def _told(self) -> list[str]:
        told = list(self._extra)
        if not self.rows:
            told.append("holds no address")
        if self._aside:
            told.append(f"{len(self._aside)} rows are kept out of matching: their addresses are not plain text")
            told += [f"line {line}: {what}; kept out of matching" for line, what in self._aside[:NAMED]]
            rest = self._aside[NAMED:]
            if rest:
                told.append("kept out of matching too: lines " + ", ".join(str(line) for line, _ in rest))
        if self._broken:
            told.append(f"{self._broken} addresses begin with 0x but have not 40 hex digits; kept as they are")
        if self._cut:
            told.append(f"{self._cut} labels are kept in part, with the SHA-256 of the whole")
        repeats = self.rows - len(self._aside) - len(self.tags.tags)
        if repeats:
            told.append(f"{repeats} exact repeats are kept once")
        conflicts = len(self.tags.conflicts())
        if conflicts:
            told.append(f"{conflicts} addresses have statements that differ; all are kept")
        return told
