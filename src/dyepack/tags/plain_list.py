"""Lists that hold addresses and nothing else: one a line, or a JSON array of strings.

Such a list does not say what its addresses are: the caller does, else they are taken as sanctioned, which
is what the lists in use (OFAC's, per chain) are; that kind stops no trace. Invariant: every line or element
is a statement.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.strict_json import EntryLines, parse
from dyepack.tags.grades import default_grade
from dyepack.tags.model import TagKind
from dyepack.tags.text import BLANKS

if TYPE_CHECKING:
    from dyepack.tags.collect import Collector

_NOT_IN_A_LIST = re.compile(r"[ \t,;\"'<>{}\[\]]")
_REMEDY = (
    "give an address list (.csv with an `address` column), explorer labels (.json), "
    "or a plain list with one address a line"
)


def _kind(into: Collector) -> TagKind:
    if into.given.kind is None:
        into.note("states no kind, and none was given: taken as sanctioned")
    return into.given.kind or TagKind.SANCTIONED


def read_lines(text: str, into: Collector) -> None:
    """One address a line; blank lines and lines beginning with # are passed over. Raises InputError."""
    into.expect(text.count("\n") // 2)
    kind = _kind(into)
    remarks = 0
    for line, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        address = raw.strip(BLANKS)
        if not address:
            continue
        if address.startswith("#"):
            remarks += 1
            continue
        if _NOT_IN_A_LIST.search(address):
            raise InputError(into.given.path, "is not an address, nor a format of tags", remedy=_REMEDY, line=line)
        into.add(address, "", kind, default_grade(kind), at=line)
    if remarks:
        into.note(f"{remarks} lines begin with # and are passed over")


def read_array(text: str, into: Collector) -> None:
    """A JSON array of strings. Raises InputError naming the element that is not an address."""
    into.expect(text.count('"') // 2)
    value = parse(into.given.path, text)
    if not isinstance(value, list):
        raise InputError(into.given.path, "is not a JSON array", remedy=_REMEDY)
    kind = _kind(into)
    into.line_of = EntryLines(text).of
    for index, address in enumerate(value):
        if not isinstance(address, str) or not address.strip(BLANKS):
            remedy = "give an array of addresses, each a text in quotes"
            raise InputError(into.given.path, "is not an address", remedy=remedy, field=f"[{index}]")
        into.add(address, "", kind, default_grade(kind), at=index)
