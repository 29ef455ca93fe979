"""OFAC's lists of sanctioned parties: XML, in its two forms, told apart by the name of the root.

* sdnList (SDN.XML, CONS_PRIM.XML): sdnEntry / idList / id with an idType "Digital Currency Address - XBT";
* Sanctions (SDN_ADVANCED.XML): DistinctParty / Profile / Feature of a type of that name, its value a VersionDetail.

The label is the party's name, the actor its number in the list, the network the word after the dash. The list says of
what day it is, not since when an address stands in it, so the beginning stays open. Invariant: every such id is a
statement; entries without one are counted. Source: OFAC's published schemas of the two files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from dyepack.errors import InputError, UsageError, quoted
from dyepack.sources.bank.xmltree import Node, read_xml
from dyepack.tags.collect import Collector, Row
from dyepack.tags.grades import AUTHORITY
from dyepack.tags.model import TagKind
from dyepack.tags.text import BLANKS, is_day

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPE = re.compile(r"\s*digital currency address\s*-?\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_US_DAY = re.compile(r"\s*([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\s*")
_WHOSE = ("OFAC", "list of sanctioned parties")
_KEPT = frozenset({"publshInformation", "sdnEntry", "DistinctParties", "DateOfIssue"})
_REMEDY = "give SDN.XML or SDN_ADVANCED.XML as OFAC publishes it"


def looks_like_xml(text: str) -> bool:
    """Whether a text begins as XML."""
    return text.lstrip(BLANKS)[:1] == "<"


def read_ofac(text: str, into: Collector) -> None:
    """Hand every listed address to the collector. Raises InputError for other XML, UsageError for a given kind."""
    if into.given.kind not in {None, TagKind.SANCTIONED}:
        problem = f"an OFAC list states its kind; another cannot be given for {into.given.path}"
        raise UsageError(problem, remedy="leave the kind out")
    reader = _Reader(into)
    path = into.given.path
    root = read_xml(str(path), text.encode("utf-8", "surrogatepass"), reader.closed, _WHOSE)
    if root.name not in {"sdnList", "Sanctions"}:
        problem = f"is XML of another kind: its root is {quoted(root.name)}"
        raise InputError(path, problem, remedy=_REMEDY, line=root.line)
    if not reader.entries:
        raise InputError(path, "holds no sanctioned party", remedy=_REMEDY, line=root.line)
    into.stated = reader.stated
    if not reader.stated:
        into.note("does not say of which day it is")
    count = f"{reader.entries:,} parties, {reader.entries - reader.with_address:,} of them without an address"
    into.note(count)


class _Reader:
    """Takes entries as their elements close, and drops them."""

    def __init__(self, into: Collector) -> None:
        self.into, self.path = into, into.given.path
        self.entries = self.with_address = 0
        self.stated = ""
        self.types: dict[str, str] = {}
        self._when_closed: dict[str, Callable[[Node], bool]] = {
            "sdnEntry": self._entry,
            "publshInformation": self._published,
            "DistinctParty": self._party,
            "FeatureType": self._type,
            "DateOfIssue": self._issued,
        }

    def closed(self, stack: list[Node]) -> bool:
        """Take the element that was just closed; whether it is done with."""
        node = stack[-1]
        take = self._when_closed.get(node.name)
        if take is not None:
            return take(node)
        # Of the advanced form: value sets, locations, documents and measures, which say nothing of addresses.
        return len(stack) == 3 and stack[1].name not in _KEPT

    def _published(self, node: Node) -> bool:
        text = node.value("Publish_Date")
        found = _US_DAY.fullmatch(text)
        day = f"{found[3]}-{int(found[1]):02}-{int(found[2]):02}" if found else ""
        if text and not is_day(day):
            self._refuse(f"{quoted(text)} is no day as OFAC writes it, month first", node.line, "Publish_Date")
        self.stated = day
        return True

    def _issued(self, node: Node) -> bool:
        parts = [node.value(name) for name in ("Year", "Month", "Day")]
        day = "-".join(part.rjust(4 if at == 0 else 2, "0") for at, part in enumerate(parts))
        if not is_day(day):
            self._refuse(f"{quoted(day)} is no day", node.line, "DateOfIssue")
        self.stated = day
        return True

    def _type(self, node: Node) -> bool:
        found = _TYPE.fullmatch(node.text)
        if found:
            self.types[node.attributes.get("ID", "")] = found[1]
        return True

    def _entry(self, node: Node) -> bool:
        name = " ".join(part for part in (node.value("firstName"), node.value("lastName")) if part)
        listed = []
        for one in node.all("idList", "id"):
            found = _TYPE.fullmatch(one.value("idType"))
            if found:
                listed.append((one.value("idNumber"), found[1], one.line))
        self._take(name, node.value("uid"), listed)
        return True

    def _party(self, node: Node) -> bool:
        for profile in node.all("Profile"):
            listed = [
                (detail.text, self.types[feature.attributes["FeatureTypeID"]], detail.line)
                for feature in profile.all("Feature")
                if feature.attributes.get("FeatureTypeID") in self.types
                for detail in feature.all("FeatureVersion", "VersionDetail")
            ]
            self._take(_name(profile), profile.attributes.get("ID", ""), listed)
        return True

    def _take(self, name: str, number: str, listed: list[tuple[str, str, int]]) -> None:
        self.entries += 1
        self.with_address += bool(listed)
        for address, network, line in listed:
            if not address.strip(BLANKS):
                self._refuse("holds a digital currency address that is empty", line, "idNumber")
            row = Row(network=network, actor=number, date=self.stated)
            self.into.add(address, name, TagKind.SANCTIONED, AUTHORITY, at=line, row=row)

    def _refuse(self, problem: str, line: int, field: str) -> NoReturn:
        raise InputError(self.path, problem, remedy=_REMEDY, line=line, field=field)


def _name(profile: Node) -> str:
    """The primary name of a party of the advanced form."""
    aliases = [alias for identity in profile.all("Identity") for alias in identity.all("Alias")]
    aliases.sort(key=lambda alias: alias.attributes.get("Primary") != "true")
    for alias in aliases:
        parts = alias.all("DocumentedName", "DocumentedNamePart", "NamePartValue")
        name = " ".join(part.text for part in parts if part.text)
        if name:
            return name
    return ""
