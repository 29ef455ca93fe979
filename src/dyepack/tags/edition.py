"""What a newer edition of a list changes: what it adds, still says, and says no longer.

A statement is the same if address as read and as written, chain, kind, label, actor, confidence, class and source are;
its day, its hash and its flaw may change: the hash is the newest edition's, the day the earliest that was told.
Invariant: every statement that stood is in `same`, `withdrawn` or `gone`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.tags.model import earliest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.tags.model import Tag

MOST_GONE_SHARE = 0.05
MOST_GONE = 20
"""More than this share, or this number, of a list's addresses may not vanish without a word (a failed download)."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One import of a list: the list's name, the day it is of (ISO 8601), the SHA-256 and name of the file."""

    source: str
    day: str
    sha256: str
    file: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did, in statements; `before` is the day of the edition before, "" for the first."""

    added: int
    withdrawn: int
    unchanged: int
    before: str


@dataclass(slots=True)
class Change:
    """Statements to add; positions of those that are still said, with their new fields; of those that the edition
    itself says were withdrawn, and of those that it says no longer, with the day.
    """

    added: list[Tag] = field(default_factory=list)
    same: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    withdrawn: list[tuple[int, str]] = field(default_factory=list)
    gone: list[tuple[int, str]] = field(default_factory=list)


def identity(tag: Tag) -> tuple[object, ...]:
    """What makes two statements of one list the same one."""
    return (tag.address, tag.raw, tag.network, tag.kind, tag.label, tag.label_sha256, tag.actor, tag.confidence,
            tag.evidence, tag.source)  # fmt: skip


def kept_back(edition: Edition, last: str | None) -> None:
    """UsageError if an edition is older than the last one that was taken."""
    if last is not None and edition.day < last:
        raise UsageError(
            f"{edition.file} is of {edition.day}, and the list {quoted(edition.source)} was already taken as of {last}",
            remedy="import editions in the order of their days, or into another store",
        )


def merged(held: Sequence[Tag], new: Iterable[Tag], day: str, *, first: bool) -> Change:
    """What an edition of that day changes in the statements held; `first`: there is no edition before it.

    Since when the statements of a first edition stand nobody says, they are known since its day (which the store
    adds); those that come later stand since their edition.
    """
    at = {identity(tag): position for position, tag in enumerate(held) if not tag.withdrawn}
    past = {(identity(tag), tag.withdrawn) for tag in held if tag.withdrawn}
    left = set(at.values())
    change = Change()
    for tag in new:
        this = identity(tag)
        position = at.get(this)
        if position in left:
            left.discard(position)
            if tag.withdrawn:
                change.withdrawn.append((position, tag.withdrawn))
            else:
                change.same.append(
                    (
                        position,
                        {
                            "last_seen": _seen(tag, day),
                            "date": earliest(tag.date, held[position].date),
                            "sha256": tag.sha256,
                            "flaw": tag.flaw,
                        },
                    )
                )
        elif position is None and (this, tag.withdrawn) not in past:
            since = tag.first_seen or ("" if first or tag.withdrawn else day)
            change.added.append(replace(tag, first_seen=since, last_seen=_seen(tag, day)))
    change.gone = [(position, day) for position in sorted(left)]
    return change


def _seen(tag: Tag, day: str) -> str:
    """When a statement of an edition of that day was last seen made."""
    return tag.last_seen or ("" if tag.withdrawn else day)


def guard(edition: Edition, *, held: Sequence[Tag], change: Change, accept: bool) -> None:
    """UsageError if addresses vanish from a list, with no word of withdrawal, in a number that looks like a fault."""
    before = {tag.address or tag.raw for tag in held if not tag.withdrawn}
    said = {tag.address or tag.raw for tag in change.added}
    said |= {held[at].address or held[at].raw for at, _ in [*change.same, *change.withdrawn]}
    gone = len(before - said)
    if accept or not gone or (gone <= MOST_GONE and gone <= MOST_GONE_SHARE * len(before)):
        return
    raise UsageError(
        f"{edition.file} no longer holds {gone:,} of the {len(before):,} addresses of the list "
        f"{quoted(edition.source)}, and does not say that they were withdrawn",
        remedy="check that it is whole; if it is, say --accept-shrink",
    )
