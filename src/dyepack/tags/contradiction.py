"""When two statements about one address contradict each other, and how such a statement is told.

They do if a trace would stop in two ways, or if they give two names (but for burn addresses, which are nobody's).
Names are compared without letter case, signs and the number behind them ("Huobi 34" and "HUOBI 35" are one); that an
address is on a sanctions list names nobody, so it contradicts no name of one that is on it, nor of one that is said to
be nothing else. Invariant: the rule is symmetric, and an empty label contradicts nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.tags.model import Tag

MOST_TOLD = 20
"""Statements that are told one by one of those that contradict another; the rest is counted."""

_SIGNS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?: \d+)+$")
_LISTS = frozenset(("ofac", "sdn", "sanction", "sanctions", "sanctioned"))
_NOBODY = _LISTS | frozenset((
    "address", "addresses", "asset", "assets", "blocked", "by", "currency", "department", "designated", "digital",
    "list", "listed", "nationals", "of", "on", "s", "specially", "states", "the", "treasury", "u", "under", "united",
    "us", "usa", "wallet", "wallets",
))  # fmt: skip
"""The words of a label that says that an address is on a sanctions list, and not whose it is."""


_LISTED = "on a sanctions list"


@lru_cache(maxsize=4096)
def name_in(label: str) -> str:
    """A label as names are compared; "" for none, one text for all that say that an address is on a sanctions list."""
    plain = _SIGNS.sub(" ", unicodedata.normalize("NFKC", label).casefold()).strip()
    words = set(plain.split())
    if words <= _NOBODY and words & _LISTS:
        return _LISTED
    return _NUMBER.sub("", plain) or plain or label.strip()


def contradict(one: Tag, other: Tag) -> bool:
    """Whether two statements about one address contradict."""
    if one.stop is not None and other.stop is not None and one.stop is not other.stop:
        return True
    if one.kind == other.kind == "burn":
        return False
    first, second = name_in(one.label), name_in(other.label)
    if not first or not second or first == second:
        return False
    return not (_LISTED in {first, second} and _may_be_listed(one, first) and _may_be_listed(other, second))


def _may_be_listed(tag: Tag, name: str) -> bool:
    """Whether a statement says that the address is on a sanctions list, by kind or label, or says of no other kind."""
    return tag.kind in {"sanctioned", "other"} or name == _LISTED


def contradicting(first: Tag, others: Sequence[Tag]) -> list[Tag]:
    """Those of the other statements that contradict the first, in their order."""
    return [tag for tag in others if tag is not first and contradict(first, tag)]


def pair(tags: Sequence[Tag]) -> tuple[Tag, Tag] | None:
    """The first two of some statements about one address that contradict; None if none do."""
    kinds: dict[tuple[object, ...], Tag] = {}
    for tag in tags:
        name = name_in(tag.label)
        key = (tag.stop, _may_be_listed(tag, name), name)
        if key in kinds:
            continue
        found = next((held for held in kinds.values() if contradict(held, tag)), None)
        if found is not None:
            return found, tag
        kinds[key] = tag
    return None


def differ(tags: Sequence[Tag]) -> bool:
    """Whether any two of some statements about one address contradict."""
    return len(tags) > 1 and pair(tags) is not None


def told(tag: Tag) -> str:
    """A statement in few words; raw text."""
    return f"{tag.label or 'no label'} ({tag.kind.value}, confidence {tag.confidence}, {tag.evidence}, {tag.source})"


def all_told(tags: Sequence[Tag]) -> list[str]:
    """Statements in few words, each once, at most MOST_TOLD of them; raw text."""
    words = list(dict.fromkeys(map(told, tags)))
    rest = len(words) - MOST_TOLD
    return words if rest <= 0 else [*words[:MOST_TOLD], f"and {rest} more"]
