"""GraphSense TagPacks: YAML, a header and a list of tags that inherit what they do not say themselves.

| field | where | becomes |
|---|---|---|
| address | tag; needed | address |
| label | either; needed | label, with the words that its kind does not say in brackets |
| source | either | source; the file's name if nobody says |
| network, else currency | either | network |
| confidence | either | confidence and evidence class by `grades.CONFIDENCE_IDS`; "unknown" if nobody says |
| category, abuse, concepts | either | kinds by `tagpack_words.KINDS`; one tag for each kind |
| lastmod | either | date; the header's is the day of the file |
| actor | either | actor |
| title, creator, description, is_cluster_definer, is_public, context, tag_type | either | not read |

YAML is read as events and every scalar stays text, whatever YAML would make of it (0x... a number, no a falsehood).
Invariant: no tag, anchor, alias, merge key, second document or repeated key gets past; memory follows the tags.
Source: GraphSense TagPack documentation (field names and inheritance).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

from dyepack.errors import InputError, quoted
from dyepack.tags.collect import Collector, Row
from dyepack.tags.explorer import NOT_A_PLACE
from dyepack.tags.grades import CONFIDENCE_IDS, UNKNOWN, WEB_CRAWL, Grade
from dyepack.tags.model import TagKind
from dyepack.tags.tagpack_words import KINDS, kinds_of
from dyepack.tags.text import BLANKS, LABEL_LIMIT, is_day
from dyepack.tags.yaml_events import Events, Fields

READ = frozenset(
    ("address", "label", "source", "currency", "network", "confidence", "category", "abuse", "concepts", "lastmod")
) | {"actor"}
NOT_READ = frozenset(
    ("title", "creator", "description", "is_cluster_definer", "is_public", "context", "tag_type")
)  # fmt: skip
_LISTS = frozenset({"concepts"})
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")
_TOKEN_PAGE = re.compile(r".+ \([^()]{1,20}\)", re.DOTALL)
_START = re.compile(r"(?:[ \t\r]*(?:#[^\n]*)?\n)*(?:---|%YAML|%TAG|!|[\"']?\w+[\"']?[ \t]*:(?:\s|\Z))")
_REMEDY = "give a TagPack: a mapping with title, creator and tags, as GraphSense publishes them"


def looks_like_tagpack(text: str) -> bool:
    """Whether a text begins as a YAML mapping or document."""
    return _START.match(text) is not None


def read_tagpack(text: str, into: Collector) -> None:
    """Hand every tag to the collector. Raises InputError, with line and field, for what is not a TagPack."""
    into.expect(text.count("address:"))
    _Reader(text, into).read()


@dataclass(slots=True)
class _Said:
    """What a tag's fields other than address and label come to, and how many tags say just that."""

    grade: Grade
    kinds: list[TagKind]
    words: list[str]
    bracket: str
    row: Row
    tags: int = 0


class _Reader:
    """One pack: its header first, then its tags one by one."""

    def __init__(self, text: str, into: Collector) -> None:
        self.into, self.path = into, into.given.path
        self.events = Events(self.path, text, READ, _LISTS)
        self.header: Fields = {}
        self.known: dict[tuple[object, ...], _Said] = {}
        self.pages = 0

    def read(self) -> None:
        seen: set[str] = set()
        self.events.open_document()
        for key, line in self.events.header():
            if key in seen:
                self._refuse("stands twice in the header", "remove one of the two", line, key)
            seen.add(key)
            if key == "tags":
                self._tags()
            elif key == "address":
                self._refuse("stands in the header", "give every tag its own address", line, key)
            elif key in READ and "tags" in seen:
                remedy = "put the fields that tags inherit before the list of tags"
                self._refuse("stands after the tags that it is for", remedy, line, key)
            else:
                self.events.value(key, self.header)
        self.events.close_document()
        if "tags" not in seen:
            self._refuse("has no list of tags", _REMEDY, None, "tags")
        self._tell()

    def _tags(self) -> None:
        self.into.stated = self._day(self.header, 1)
        own = self._text(self.header, "label")
        for line in self.events.items(_REMEDY):
            fields = self.events.mapping()
            address, label = fields.pop("address", ""), fields.pop("label", own)
            if not isinstance(address, str) or not address.strip(BLANKS):
                self._refuse("is missing", "give every tag an address", line, "address")
            if not isinstance(label, str) or not label.strip(BLANKS):
                self._refuse("is missing", "give the tag, or the header above the tags, a label", line, "label")
            key = tuple((name, value if isinstance(value, str) else tuple(value)) for name, value in fields.items())
            said = self.known.get(key)
            if said is None:
                said = self.known[key] = self._said(self.header | fields, line)
            said.tags += 1
            self._take(address, label, said, line)

    def _take(self, address: str, label: str, said: _Said, line: int) -> None:
        kinds, bracket = said.kinds, said.bracket
        if said.grade is WEB_CRAWL and (_TOKEN_PAGE.fullmatch(label) or NOT_A_PLACE.search(label)):
            places = [kind for kind in kinds if kind not in {TagKind.SANCTIONED, TagKind.OTHER}]
            self.pages += bool(places)
            kinds = [kind for kind in kinds if kind not in places] or [TagKind.OTHER]
            bracket = _bracket(said.words)
        for kind in kinds:
            self.into.add(address, label + bracket, kind, said.grade, at=line, row=said.row)

    def _said(self, fields: Fields, line: int) -> _Said:
        concepts = fields.get("concepts", [])
        words = [self._text(fields, "category"), self._text(fields, "abuse")]
        words += concepts if isinstance(concepts, list) else []
        words = list(dict.fromkeys(word.strip(BLANKS).lower() for word in words if word.strip(BLANKS)))
        kinds, unsaid = kinds_of(words) if words else ([self.into.given.kind or TagKind.OTHER], [])
        grade = self._grade(fields, line)
        row = Row(
            confidence=grade.confidence if "confidence" in fields else None,
            source=self._bounded(fields, "source", line),
            network=self._text(fields, "network") or self._text(fields, "currency"),
            date=self._day(fields, line),
            actor=self._bounded(fields, "actor", line),
        )
        return _Said(grade, kinds, words, _bracket(unsaid), row)

    def _text(self, fields: Fields, name: str) -> str:
        value = fields.get(name, "")
        return value if isinstance(value, str) else ""

    def _grade(self, fields: Fields, line: int) -> Grade:
        if "confidence" not in fields:
            return UNKNOWN
        word = self._text(fields, "confidence").strip(BLANKS)
        grade = CONFIDENCE_IDS.get(word)
        if grade is None:
            remedy = "use one of: " + ", ".join(CONFIDENCE_IDS)
            self._refuse(f"{quoted(word)} is not a confidence id", remedy, line, "confidence")
        return grade

    def _bounded(self, fields: Fields, name: str, line: int) -> str:
        text = self._text(fields, name).strip(BLANKS)
        if len(text) > LABEL_LIMIT:
            self._refuse(f"has {len(text)} characters", f"shorten it to {LABEL_LIMIT}", line, name)
        return text

    def _day(self, fields: Fields, line: int) -> str:
        text = self._text(fields, "lastmod").strip(BLANKS)
        found = _DAY.fullmatch(text)
        if text and (found is None or not is_day(found[1])):
            self._refuse(f"{quoted(text)} is not a day", "write it as YYYY-MM-DD", line, "lastmod")
        return found[1] if found else ""

    def _tell(self) -> None:
        note, given, said = self.into.note, self.into.given, self.known.values()
        unread = [name for name in self.events.skipped if name not in NOT_READ]
        if unread:
            note("fields not read: " + ", ".join(quoted(name) for name in unread[:200]))
        if self.events.unlike:
            lines = ", ".join(map(str, self.events.unlike[:50])) + " ..." * (len(self.events.unlike) > 50)
            note(f"{len(self.events.unlike)} values stand without quotes where YAML would read a number, a date or a "
                 f"yes or no; taken as they are written: lines {lines}")  # fmt: skip
        chain = f"taken as {given.network}" if given.network else "matched on any"
        silent = (
            (sum(s.tags for s in said if s.row.confidence is None and given.confidence is None),
             f"state no confidence: taken as unknown ({UNKNOWN.confidence}, {UNKNOWN.evidence})"),
            (sum(s.tags for s in said if not s.row.source), f"state no source: taken as {quoted(given.source)}"),
            (sum(s.tags for s in said if not s.row.network), f"name no chain: {chain}"),
            (sum(s.tags for s in said if not s.words),
             f"state no category or abuse: taken as {(given.kind or TagKind.OTHER).value}"),
        )  # fmt: skip
        for count, words in silent:
            if count:
                note(f"{count} tags {words}")
        unknown = Counter({word: 0 for one in said for word in one.words if word not in KINDS})
        for one in said:
            unknown.update(dict.fromkeys((word for word in one.words if word in unknown), one.tags))
        if unknown:
            listed = ", ".join(f"{quoted(word)} ({count})" for word, count in unknown.most_common(50))
            note(f"words that make no kind, taken as other, which stops no trace: {listed}")
        if self.pages:
            note(f"{self.pages} crawled labels are of tokens, deployers and the like: taken as other")

    def _refuse(self, problem: str, remedy: str, line: int | None, field: str) -> NoReturn:
        raise InputError(self.path, problem, remedy=remedy, line=line, field=field)


def _bracket(words: list[str]) -> str:
    return f" [{', '.join(words)}]" if words else ""
