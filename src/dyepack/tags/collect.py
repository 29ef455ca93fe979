"""Gathers the tags of one file, whatever its format, and what must be told about them.

Invariant: every statement handed to `Collector.add` ends as a tag, as an exact repeat that is counted, or among the
unmatched, which the notes name with their place; none vanishes. What is wrong with an address is in its `flaw`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.tags.addresses.names import network_of
from dyepack.tags.addresses.reading import read_address
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tags.text import bounded_label, is_foreign_url, storable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dyepack.tags.grades import Grade

NAMED = 50
"""Rows with something wrong are named one by one up to this many; the line numbers of the rest follow in one note."""

MAX_ROWS = 1_000_000
"""Statements of the largest file that is read."""

_LISTED = 200


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says of a whole file; a row's own words go before these, these before a default."""

    path: Path
    sha256: str
    source: str
    confidence: int | None = None
    kind: TagKind | None = None
    network: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What a row itself says beyond address, label and kind; empty where it says nothing.

    `network` is the source's word.
    """

    confidence: int | None = None
    evidence: str = ""
    source: str = ""
    sha256: str = ""
    date: str = ""
    network: str = ""
    actor: str = ""
    first_seen: str = ""
    last_seen: str = ""
    withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier reading found, where its result is read again: as in `Tag`."""

    label_sha256: str
    raw: str
    flaw: str


_FIRST = Before("", "", "")
_SAYS_NOTHING = Row()


@dataclass(slots=True)
class Collector:
    """Turns rows into tags; `finish` gives the set with its notes.

    `stated` is the day (ISO 8601) that the file says it is of, "" if it does not say.
    """

    given: Given
    tags: TagSet = field(default_factory=TagSet)
    rows: int = 0
    stated: str = ""
    line_of: Callable[[int], int] = int
    _unmatched: list[tuple[int, str]] = field(default_factory=list)
    _flawed: list[tuple[int, str]] = field(default_factory=list)
    _unknown: Counter[str] = field(default_factory=Counter)
    _networks: dict[str, str] = field(default_factory=dict)
    _cut: int = 0
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
        before: Before = _FIRST,
    ) -> None:
        """Take one statement: raw address and label, kind, default grade; `line_of(at)` is its line."""
        self.rows += 1
        if self.rows > MAX_ROWS:
            self.expect(self.rows)
        read = read_address(address, self._network(row.network)) if address or not before.raw else None
        form, network, raw, flaw = read or ("", row.network, "", "")
        raw, flaw = before.raw or raw, before.flaw or flaw
        source = row.source
        if is_foreign_url(source):
            also = f"gives the source {quoted(source)}, which is no address of the web; not kept"
            source, flaw = "", f"{flaw}; {also}" if flaw else also
        if flaw:
            told = self._flawed if form else self._unmatched
            told.append((at, f"address {quoted(raw or form)} (label {quoted(label)}) {storable(flaw)}"))
        kept, whole = (label, before.label_sha256) if before.label_sha256 else bounded_label(label)
        self._cut += bool(whole)
        confidence = row.confidence if row.confidence is not None else self.given.confidence
        self.tags.add(
            (
                Tag(
                    form,
                    kept,
                    kind,
                    grade.confidence if confidence is None else confidence,
                    row.evidence or grade.evidence,
                    source or self.given.source,
                    row.sha256 or self.given.sha256,
                    row.date,
                    whole,
                    network,
                    row.actor,
                    row.first_seen,
                    row.last_seen,
                    row.withdrawn,
                    raw,
                    flaw,
                ),
            )
        )

    def expect(self, rows: int) -> None:
        """InputError for a file that is seen, before it is read, to hold more than MAX_ROWS statements."""
        if rows > MAX_ROWS:
            remedy = "split it, or keep only the addresses of interest"
            raise InputError(self.given.path, f"holds more than {MAX_ROWS:,} statements", remedy=remedy)

    def _network(self, word: str) -> str:
        """Our name of the chain that a row names, else the caller's."""
        if not word:
            return self.given.network
        name = self._networks.get(word)
        if name is None:
            name, known = network_of(word)
            self._networks[word] = name = storable(name)
            if not known:
                self._unknown[word] = 0
        if word in self._unknown:
            self._unknown[word] += 1
        return name

    def finish(self) -> TagSet:
        """The tags with all notes, each beginning with the file's name."""
        name = quoted(storable(self.given.path.name))
        self.tags.notes.extend(f"{name}: {note}" for note in self._told())
        return self.tags

    def _told(self) -> list[str]:
        told = list(self._extra)
        if not self.rows:
            told.append("holds no address")
        if self._unknown:
            words = ", ".join(quoted(word) for word in list(self._unknown)[:_LISTED])
            total = self._unknown.total()
            told.append(f"{total} rows name chains that are not known here, addresses kept as they are: {words}")
        told += self._places(self._unmatched, "rows are kept out of matching: their addresses cannot be read")
        told += self._places(self._flawed, "rows have something wrong with their address or source; all are kept")
        if self._cut:
            told.append(f"{self._cut} labels are kept in part, with the SHA-256 of the whole")
        repeats = self.rows - len(self.tags.unmatched) - len(self.tags.tags)
        if repeats:
            told.append(f"{repeats} exact repeats are kept once")
        conflicts = len(self.tags.conflicts())
        if conflicts:
            told.append(f"{conflicts} addresses have statements that contradict each other; all are kept")
        return told

    def _places(self, found: list[tuple[int, str]], what: str) -> list[str]:
        """How many rows, the first ones in words, the lines of the rest."""
        if not found:
            return []
        told = [f"{len(found)} {what}"]
        told += [f"line {self.line_of(at)}: {words}" for at, words in found[:NAMED]]
        rest = found[NAMED:]
        if rest:
            told.append("the same holds for lines " + ", ".join(str(self.line_of(at)) for at, _ in rest))
        return told
