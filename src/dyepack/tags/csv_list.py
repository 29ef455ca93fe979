r"""dyepack's own address list: CSV, comma-separated, UTF-8, with a header.

| column | meaning | if missing or empty |
|---|---|---|
| address | the address or account | refused, unless `raw` is filled: then it matches nothing |
| label, name, entity | whose it is; the first of the three that a row fills is its label | no label |
| kind | a word of `grades.KIND_WORDS` | the caller's kind, else other |
| confidence | whole number 0-100 | the caller's, else `grades.default_grade` |
| evidence | E1-E6 | `grades.default_grade` |
| source | who says so, at most 256 characters | the caller's, else the file's name |
| date | day, YYYY-MM-DD | none |
| sha256, label_sha256 | as in `Tag`; written by `write.py` | the file's own hash; none |
| network, currency | the chain; the first that a row fills | the caller's, else any |
| actor | the source's own id of the party | none |
| first_seen, last_seen, withdrawn | days, YYYY-MM-DD | none |
| raw, flaw | as in `Tag`: an address that was read before, as it was written, and what was wrong with it | none |

Column names are matched without regard to case; columns of other names are left out and named in the notes.
Invariant: cells are never changed except that all but the label's and source's are stripped of blanks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from dyepack.errors import InputError, quoted
from dyepack.files import csv_rows
from dyepack.tags.collect import Before, Collector, Row
from dyepack.tags.grades import EVIDENCE_CLASSES, KEPT_IN_LABEL, KIND_WORDS, Grade, default_grade
from dyepack.tags.model import TagKind
from dyepack.tags.text import BLANKS, LABEL_LIMIT, is_day

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = ("label", "name", "entity")
NETWORKS = ("network", "currency")
DAYS = ("date", "first_seen", "last_seen", "withdrawn")
KNOWN = ("address", *LABELS, "kind", "confidence", "evidence", "source", "sha256", "label_sha256", *NETWORKS, "actor",
         *DAYS, "raw", "flaw")  # fmt: skip

FLAW_LIMIT = 2000
"""Characters of the longest flaw."""

_MOST_CELL = 2**31 - 1
"""Cells may be as long as the file: a label of 1 MB is legal."""

_WHOLE = re.compile(r"[0-9]{1,3}")
_HASH = re.compile(r"[0-9a-f]{64}")


def looks_like_csv(text: str) -> bool:
    """Whether the first line with content has separators, or is the lone word `address`."""
    first = text.lstrip(BLANKS).split("\n", 1)[0].strip(BLANKS)
    return any(sign in first for sign in ",;\t") or first.strip('"').lower() == "address"


def read_csv(text: str, into: Collector) -> None:
    """Hand every row to the collector. Raises InputError with line and column for a row that is no use."""
    into.expect(text.count("\n") // 2)
    rows = csv_rows(into.given.path, text, most_cell=_MOST_CELL)
    _Reader(into, *next(rows)).read(rows)


_UNLIKE = frozenset({"address", *LABELS, "label_sha256", "raw", "flaw"})
_KEPT = 10_000
_NOTHING = Before("", "", "")


class _Common(NamedTuple):
    """What many rows say alike."""

    word: str
    kind: TagKind
    grade: Grade
    row: Row


class _Reader:
    """Rows under one header."""

    def __init__(self, into: Collector, line: int, header: list[str]) -> None:
        self.into, self.width, self.header = into, len(header), header
        self.line, self.row = line, header
        names = [cell.strip(BLANKS).lower() for cell in header]
        for name in KNOWN:
            if names.count(name) > 1:
                self._refuse(name, "stands twice in the header", "keep one of the two columns")
        if "address" not in names:
            remedy = "name the column of addresses `address`; columns are separated by commas"
            self._refuse("address", "is missing from the header", remedy)
        self.at = {name: names.index(name) for name in KNOWN if name in names}
        self.labels = [self.at[name] for name in LABELS if name in self.at]
        self.alike = [at for name, at in self.at.items() if name not in _UNLIKE]
        self.known: dict[tuple[str, ...], _Common] = {}
        unread = [quoted(cell) for cell, name in zip(header, names, strict=True) if name not in KNOWN]
        if unread:
            into.note("columns not read: " + ", ".join(unread))

    def read(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        """Take all rows; count those whose kind or hash is not their own."""
        kindless = foreign = 0
        for self.line, self.row in rows:
            common = self._common()
            kindless += not common.word
            foreign += common.row.sha256 not in {"", self.into.given.sha256}
            self._take(common)
        if kindless:
            kind = self.into.given.kind
            says = "other, which stops no trace" if kind is None else f"{kind.value}, as the caller says"
            self.into.note(f"{kindless} rows state no kind: taken as {says}")
        if foreign:
            self.into.note(f"{foreign} rows give the SHA-256 of another file as their source; taken as written")

    def _common(self) -> _Common:
        """What the row says in columns in which rows are often alike, kept for the next row that is."""
        key = tuple([self.row[at] for at in self.alike])
        found = self.known.get(key)
        if found is None:
            word = self._cell("kind").lower()
            row = Row(
                confidence=self._confidence(),
                evidence=self._evidence(),
                source=self._bounded("source"),
                sha256=self._hash("sha256"),
                network=next((cell for cell in map(self._cell, NETWORKS) if cell), ""),
                actor=self._bounded("actor"),
                **{name: self._day(name) for name in DAYS if name in self.at},
            )
            if row.withdrawn and row.withdrawn < row.first_seen:
                self._refuse("withdrawn", "comes before first_seen", "check the two days")
            kind = self._kind(word)
            if len(self.known) >= _KEPT:
                self.known.clear()
            found = self.known[key] = _Common(word, kind, default_grade(kind), row)
        return found

    def _take(self, common: _Common) -> None:
        """Hand one row over."""
        raw = self._bounded("raw")
        address = self.row[self.at["address"]].strip(BLANKS)
        if not address and not raw:
            self._refuse("address", "is empty", "give the address, or remove the row")
        label = next((self.row[at] for at in self.labels if self.row[at]), "")
        if common.word in KEPT_IN_LABEL:
            label = f"{label} [{common.word}]" if label else common.word
        whole, flaw = self._label_hash(label), self._bounded("flaw", FLAW_LIMIT)
        before = Before(whole, raw, flaw) if whole or raw or flaw else _NOTHING
        self.into.add(address, label, common.kind, common.grade, at=self.line, row=common.row, before=before)

    def _refuse(self, column: str, problem: str, remedy: str) -> NoReturn:
        raise InputError(self.into.given.path, problem, remedy=remedy, line=self.line, field=column)

    def _cell(self, name: str) -> str:
        return self.row[self.at[name]].strip(BLANKS) if name in self.at else ""

    def _kind(self, word: str) -> TagKind:
        if not word:
            return self.into.given.kind or TagKind.OTHER
        kind = KIND_WORDS.get(word)
        if kind is None:
            self._refuse("kind", f"{quoted(word)} is not a kind", "use one of: " + ", ".join(TagKind))
        return kind

    def _confidence(self) -> int | None:
        text = self._cell("confidence")
        if not text:
            return None
        if not _WHOLE.fullmatch(text) or int(text) > 100:
            self._refuse("confidence", f"{quoted(text)} is not 0 to 100", "give a whole number from 0 to 100")
        return int(text)

    def _evidence(self) -> str:
        text = self._cell("evidence").upper()
        if text and text not in EVIDENCE_CLASSES:
            remedy = "use one of: " + ", ".join(EVIDENCE_CLASSES)
            self._refuse("evidence", f"{quoted(text)} is not an evidence class", remedy)
        return text

    def _bounded(self, name: str, limit: int = LABEL_LIMIT) -> str:
        at = self.at.get(name)
        text = "" if at is None else self.row[at]
        if len(text) > limit:
            self._refuse(name, f"has {len(text)} characters", f"shorten it to {limit}")
        return text

    def _day(self, name: str) -> str:
        text = self._cell(name)
        if text and not is_day(text):
            self._refuse(name, f"{quoted(text)} is not a day", "write it as YYYY-MM-DD")
        return text

    def _hash(self, name: str) -> str:
        text = self._cell(name)
        if text and not _HASH.fullmatch(text):
            self._refuse(name, "is not a SHA-256", "give 64 lower-case hexadecimal digits, or leave it empty")
        return text

    def _label_hash(self, label: str) -> str:
        text = self._hash("label_sha256")
        if text and len(label) > LABEL_LIMIT:
            remedy = f"cut the label to {LABEL_LIMIT} characters, or leave label_sha256 empty"
            self._refuse("label_sha256", "stands beside a label that is not cut", remedy)
        return text
