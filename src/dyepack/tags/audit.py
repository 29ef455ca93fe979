"""What is in a set of tags, and what is wrong with it: counts, flaws, contradictions, age; and how two sets differ.

Invariant: everything is computed from the statements alone; the same statements and day give the same result.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dyepack.tags.contradiction import all_told, differ
from dyepack.tags.edition import identity
from dyepack.tags.model import Tag, TagSet, earliest, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Age:
    """The newest day that a source gives for itself ("" if none), and the days since then (-1 if unknown)."""

    source: str
    newest: str
    days: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """An address of which statements that stand contradict, and these in words, the one that names it first.

    Statements that give neither a name nor an end of a trace are left out.
    """

    address: str
    statements: list[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts of statements by what they state, and the statements that something is wrong with.

    flawed       statements whose address or source is not as it should be, mended or matched as written
    unmatched    statements whose address cannot be read
    conflicts    addresses with two names, or two ends of a trace, among statements that stand (`contradiction`)
    kinds        addresses of which statements that stand give different kinds (`other` apart)
    repeats      statements that say of an address what another says too (label and kind)
    """

    day: str
    statements: int
    addresses: int
    withdrawn: int
    undated: int
    repeats: int
    counts: dict[str, dict[str, int]]
    flawed: list[Tag]
    unmatched: list[Tag]
    conflicts: list[Conflict]
    kinds: list[str]
    ages: list[Age]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def audit(tags: TagSet, day: str) -> Audit:
    """Look a set of tags over, as of a day (ISO 8601)."""
    every = list(tags.every())
    by_address: dict[str, list[Tag]] = {}
    for tag in tags.tags:
        by_address.setdefault(tag.address, []).append(tag)
    standing = {address: [t for t in said if t.stands(day)] for address, said in by_address.items()}
    several = {address: said for address, said in standing.items() if len(said) > 1}
    counts = {
        "kind": _counted(tag.kind.value for tag in every),
        "network": _counted(tag.network or "any" for tag in every),
        "confidence": _counted(f"{tag.confidence:3} {tag.evidence}" for tag in every),
        "source": _counted(tag.source for tag in every),
    }
    return Audit(
        day=day,
        statements=len(every),
        addresses=len(by_address),
        withdrawn=sum(1 for tag in every if tag.withdrawn and tag.withdrawn <= day),
        undated=sum(1 for tag in every if not (tag.date or tag.first_seen or tag.last_seen)),
        repeats=sum(len(said) - len({(tag.label, tag.kind) for tag in said}) for said in several.values()),
        counts=counts,
        flawed=[tag for tag in tags.tags if tag.flaw],
        unmatched=list(tags.unmatched),
        conflicts=[
            Conflict(a, all_told([t for t in in_order(said, day) if t.label or t.stop is not None]))
            for a, said in several.items()
            if differ(said)
        ],
        kinds=[a for a, said in several.items() if len({tag.kind for tag in said if tag.kind.value != "other"}) > 1],
        ages=_ages(every, day),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    """How often each word stands, the most frequent first, then by name."""
    return dict(sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0])))


def _ages(tags: Iterable[Tag], day: str) -> list[Age]:
    newest: dict[str, str] = {}
    for tag in tags:
        last = max(tag.date, tag.last_seen, tag.first_seen)
        newest[tag.source] = max(newest.get(tag.source, ""), last)
    on = date.fromisoformat(day)
    days = ((source, last, (on - date.fromisoformat(last)).days if last else -1) for source, last in newest.items())
    return sorted((Age(*row) for row in days), key=lambda age: (-age.days if age.days >= 0 else 1, age.source))


def why_named(found: list[Tag], day: str) -> str:
    """Why the first of an address's statements, in their order, names it on that day; or why none does."""
    standing = [tag for tag in found if tag.stands(day)]
    if not standing:
        later = earliest(*(tag.known_since for tag in found if tag.known_since > day))
        before = f", not known to have been said before {later}" if later else ""
        return f"no statement about it stands{before}" if found else "nothing is said about it"
    first, rest = standing[0], standing[1:]
    if not rest:
        return "the only statement that stands"
    if first.stop is not None and all(tag.stop is None for tag in rest):
        return "the only one that ends a trace"
    rivals = [tag for tag in rest if (tag.stop is None) == (first.stop is None)]
    among = "of those that end a trace, " if first.stop is not None else ""
    equals = [tag for tag in rivals if tag.confidence == first.confidence]
    if not equals:
        return f"{among}it has the highest confidence"
    named = first.label and not any(tag.label for tag in equals)
    return f"{among}none has a higher confidence, and it {'alone gives a name' if named else 'was loaded first'}"


def hints(found: list[Tag], day: str) -> list[str]:
    """Statements that one source withdrew by a day while another still makes them, as raw text: one list, two names?"""
    gone: dict[tuple[str, str], str] = {}
    for tag in found:
        if tag.withdrawn and tag.withdrawn <= day:
            key = (tag.source, tag.kind.value)
            gone[key] = max(gone.get(key, ""), tag.withdrawn)
    said: list[str] = []
    for (source, kind), when in gone.items():
        standing = [tag.source for tag in found if tag.stands(day) and tag.kind.value == kind]
        others = list(dict.fromkeys(name for name in standing if name != source))
        if others and source not in standing:
            said.append(f"{kind}: withdrawn from {source} on {when}, still said by {', '.join(others[:_OTHERS])}")
    return said


_OTHERS = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One statement that differs between two sets: added, withdrawn, or changed, and then what changed.

    `own` are the names of the two files themselves: from one to the other as a source is no change.
    """

    what: str
    old: Tag | None
    new: Tag | None
    own: tuple[str, str] = ("", "")

    @property
    def tag(self) -> Tag:
        """The newer statement, or the one that is gone."""
        found = self.new or self.old
        assert found is not None  # noqa: S101 - one of the two is always there
        return found

    def changes(self) -> list[tuple[str, str, str]]:
        """The fields that changed: name, old value, new value."""
        if self.old is None or self.new is None:
            return []
        pairs = [(name, str(getattr(self.old, name)), str(getattr(self.new, name))) for name in _COMPARED]
        itself = ("source", *self.own)
        return [pair for pair in pairs if pair[1] != pair[2] and pair != itself]


_COMPARED = ("label", "kind", "network", "actor", "confidence", "evidence", "source", "raw", "withdrawn")


def difference(old: TagSet, new: TagSet, own: tuple[str, str] = ("", "")) -> list[Difference]:
    """What a newer set says otherwise than an older one: by address, in the order of the newer, then of the older.

    `own` are the names of the files that the sets were read from, where a statement has no other source.
    """
    before, after = _grouped(old, own[0]), _grouped(new, own[1])
    found: list[Difference] = []
    for key in dict.fromkeys([*after, *before]):
        was, now = before.get(key, {}), after.get(key, {})
        gone = [tag for this, tag in was.items() if this not in now]
        came = [tag for this, tag in now.items() if this not in was]
        pairs = list(zip(gone, came, strict=False))
        for one, other in pairs:
            ended = bool(other.withdrawn) and not one.withdrawn
            found.append(Difference("withdrawn" if ended else "changed", one, other, own))
        found += [Difference("withdrawn", tag, None, own) for tag in gone[len(pairs) :]]
        found += [Difference("added", None, tag, own) for tag in came[len(pairs) :]]
    return found


def _grouped(tags: TagSet, own: str) -> dict[tuple[str, str], dict[tuple[object, ...], Tag]]:
    """Statements by address (as written where it cannot be read) and kind, then by what makes them the same."""
    groups: dict[tuple[str, str], dict[tuple[object, ...], Tag]] = {}
    for tag in tags.every():
        key = (tag.address or tag.raw, tag.kind.value)
        *same, source = identity(tag)
        groups.setdefault(key, {})[*same, "" if source == own else source, tag.withdrawn] = tag
    return groups
