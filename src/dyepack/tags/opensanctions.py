"""OpenSanctions: entities of the FollowTheMoney model as JSON lines, of which the CryptoWallets are read.

| property | becomes |
|---|---|
| publicKey, else accountId | address; a wallet with neither cannot be matched and is counted |
| currency | network |
| topics | kinds by TOPICS; sanction is an authority's word (60, E3), all else a provider's (50, E6) |
| holder | label, by the caption of the entity of that id in the file, or in the line; else the wallet's caption |
| first_seen, last_seen, last_change (of the line) | first and last day it was seen made, date |
| datasets (of the line) | source |
| id | actor: the id of the holder where there is one, else the wallet's |

Invariant: entities of other schemas name holders and are counted; what a wallet states of values that are not known
is told. Source: the FollowTheMoney documentation (schema CryptoWallet) and OpenSanctions' entity format.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from dyepack.errors import InputError, UsageError, quoted
from dyepack.strict_json import no_json, parse_at, past_blanks
from dyepack.tags.collect import Collector, Row
from dyepack.tags.grades import AUTHORITY, PROVIDER
from dyepack.tags.model import TagKind
from dyepack.tags.tagpack_words import other_last
from dyepack.tags.text import BLANKS, LABEL_LIMIT, is_day

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_TOPICS = (
    "crime crime.boss crime.cyber crime.env crime.fin crime.fraud crime.terror crime.traffick crime.traffick.drug "
    "crime.traffick.human crime.war forced.labor sanction.linked sanction.counter wanted poi mare.detained "
    "asset.frozen export.control export.risk debarment reg.action reg.warn"
)
TOPICS: dict[str, TagKind] = {
    "sanction": TagKind.SANCTIONED,
    "crime.theft": TagKind.THEFT,
    **dict.fromkeys(_OTHER_TOPICS.split(), TagKind.OTHER),
}
"""The topics of a wallet, and the kinds that they make; those of kind other are kept in the label."""

_START = re.compile(r'\s*\{(?=[^\n]*"schema"\s*:\s*")(?=[^\n]*"properties"\s*:\s*\{)')
_REMEDY = "give entities as JSON lines (entities.ftm.json), as OpenSanctions publishes them"
_READ = frozenset({"publicKey", "accountId", "currency", "topics", "holder"})
_UNREAD_WORDS = (
    "name alias sourceUrl publisher publisherUrl program programId notes summary description keywords country "
    "createdAt modifiedAt amount amountUsd balance balanceDate currencySymbol managingExchange alephUrl"
)
_NOT_READ = frozenset(_UNREAD_WORDS.split())
_MAX_LINE = 1 << 24


def looks_like_entities(text: str) -> bool:
    """Whether the first line is an object with a schema and properties."""
    return _START.match(text) is not None


def read_opensanctions(text: str, into: Collector) -> None:
    """Hand every wallet to the collector. Raises InputError naming the line of what is no entity."""
    if into.given.kind is not None:
        raise UsageError(
            f"OpenSanctions' wallets state their kinds; {into.given.kind.value} cannot be given for {into.given.path}",
            remedy="leave the kind out",
        )
    _Reader(text, into).read()


class _Reader:
    """The wallets of a file, after the names of all that may hold them."""

    def __init__(self, text: str, into: Collector) -> None:
        self.text, self.into, self.path = text, into, into.given.path
        self.names: dict[str, str] = {}
        self.topics: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.others = self.keyless = self.nameless = self.topicless = 0

    def read(self) -> None:
        wallets = []
        for line, entity in self._entities():
            if entity["schema"] == "CryptoWallet":
                wallets.append((line, entity))
            else:
                self.others += 1
                self.names[entity["id"]] = self._caption(entity)
        for line, entity in wallets:
            self._take(entity, line)
        self._tell(len(wallets))

    def _entities(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for line, text in enumerate(self.text.split("\n"), 1):
            if not text.strip(BLANKS):
                continue
            if len(text) > _MAX_LINE:
                self._refuse(f"has more than {_MAX_LINE:,} characters in one line", line, None)
            try:
                value, end = parse_at(self.path, text, past_blanks(text, 0), line)
            except json.JSONDecodeError as error:
                raise no_json(self.path, error, line) from None
            if past_blanks(text, end) < len(text) or not isinstance(value, dict):
                self._refuse("is not one JSON object in a line", line, None)
            for name, sort in (("id", str), ("schema", str), ("properties", dict)):
                if not isinstance(value.get(name), sort):
                    self._refuse("is missing, or of another type", line, name)
            yield line, value

    def _caption(self, entity: dict[str, Any]) -> str:
        caption = entity.get("caption")
        names = entity["properties"].get("name")
        if isinstance(caption, str) and caption:
            return caption
        return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""

    def _take(self, entity: dict[str, Any], line: int) -> None:
        properties = entity["properties"]
        self.unread.update(name for name in properties if name not in _READ and name not in _NOT_READ)
        addresses = self._values(properties, "publicKey", line) or self._values(properties, "accountId", line)
        addresses = [address for address in addresses if address.strip(BLANKS)]
        if not addresses:
            self.keyless += 1
            return
        label, actor = self._holder(entity, line)
        self.nameless += not label
        networks = self._values(properties, "currency", line) or [""]
        kinds, said = self._kinds(self._values(properties, "topics", line))
        label = f"{label} [{', '.join(said)}]".lstrip() if said else label
        changed = self._day(entity, "last_change", line)
        last = self._day(entity, "last_seen", line)
        self.into.stated = max(self.into.stated, last, changed)
        row = Row(source=self._source(entity, line), date=changed or last, actor=actor[:LABEL_LIMIT],
                  first_seen=self._day(entity, "first_seen", line), last_seen=last,
                  network=networks[0] if len(networks) == 1 else "")  # fmt: skip
        for address in addresses:
            for kind in kinds:
                grade = AUTHORITY if kind is TagKind.SANCTIONED else PROVIDER
                self.into.add(address, label, kind, grade, at=line, row=row)

    def _values(self, properties: dict[str, Any], name: str, line: int) -> list[str]:
        values = properties.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self._refuse("is no list of texts", line, name)
        return values

    def _holder(self, entity: dict[str, Any], line: int) -> tuple[str, str]:
        """The name and id of who holds a wallet; of the wallet itself where nobody is named."""
        holders = entity["properties"].get("holder", [])
        if not isinstance(holders, list):
            self._refuse("is no list", line, "holder")
        for holder in holders:
            if isinstance(holder, str):
                if self.names.get(holder):
                    return self.names[holder], holder
            elif not isinstance(holder, dict) or not isinstance(holder.get("properties"), dict):
                self._refuse("is neither an id nor an entity", line, "holder")
            elif self._caption(holder):
                return self._caption(holder), str(holder.get("id", ""))
        first = next((holder for holder in holders if isinstance(holder, str)), entity["id"])
        return self._caption(entity), first

    def _kinds(self, topics: list[str]) -> tuple[list[TagKind], list[str]]:
        self.topicless += not topics
        self.topics.update(topic for topic in topics if topic not in TOPICS)
        kinds = list(dict.fromkeys(TOPICS.get(topic, TagKind.OTHER) for topic in topics))
        said = [topic for topic in topics if TOPICS.get(topic, TagKind.OTHER) is TagKind.OTHER]
        return other_last(kinds), said

    def _source(self, entity: dict[str, Any], line: int) -> str:
        datasets = entity.get("datasets", [])
        if not isinstance(datasets, list) or not all(isinstance(name, str) for name in datasets):
            self._refuse("is no list of texts", line, "datasets")
        return ("OpenSanctions: " + ", ".join(datasets))[:LABEL_LIMIT] if datasets else ""

    def _day(self, entity: dict[str, Any], name: str, line: int) -> str:
        value = entity.get(name)
        if value is None or value == "":
            return ""
        day = value[:10] if isinstance(value, str) else ""
        if not is_day(day):
            self._refuse(f"{quoted(str(value))} is not a day", line, name)
        return day

    def _tell(self, wallets: int) -> None:
        note = self.into.note
        note(f"{wallets} wallets; {self.others} entities of other schemas, read for the names of holders only")
        for count, words in (
            (self.keyless, "wallets have neither publicKey nor accountId, and cannot be matched"),
            (self.nameless, "wallets have no holder that the file names, and no caption"),
            (self.topicless, "wallets state no topic: taken as other, which stops no trace"),
        ):
            if count:
                note(f"{count} {words}")
        if self.topics:
            note("topics that are not known, taken as other: " + ", ".join(quoted(t) for t in list(self.topics)[:50]))
        if self.unread:
            note("properties not read: " + ", ".join(quoted(name) for name in list(self.unread)[:50]))

    def _refuse(self, problem: str, line: int, field: str | None) -> NoReturn:
        raise InputError(self.path, problem, remedy=_REMEDY, line=line, field=field)
