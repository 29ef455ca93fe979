"""Tags: who says that an address belongs to whom.

Invariant: no tag without a source, a kind and a confidence; labels are kept as they were written and only
shown through the safe function of each sink. What was withdrawn names nothing any more, and stays to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from dyepack.tags.contradiction import differ
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TagKind(StrEnum):
    """What sort of place an address is; `STOPS` says which kinds end a trace."""

    EXCHANGE = "exchange"
    EXCHANGE_DEPOSIT = "exchange_deposit"
    SERVICE = "service"
    MIXER = "mixer"
    BRIDGE = "bridge"
    BURN = "burn"
    DEX = "dex"
    VICTIM = "victim"
    THEFT = "theft"
    INTERMEDIARY = "intermediary"
    SANCTIONED = "sanctioned"
    OTHER = "other"


STOPS: dict[TagKind, Stop] = {
    TagKind.EXCHANGE: Stop.SERVICE,
    TagKind.EXCHANGE_DEPOSIT: Stop.SERVICE,
    TagKind.SERVICE: Stop.SERVICE,
    TagKind.MIXER: Stop.MIXER,
    TagKind.BRIDGE: Stop.BRIDGE,
    TagKind.BURN: Stop.BURN,
    TagKind.DEX: Stop.SWAP,
    TagKind.VICTIM: Stop.RETURNED,
}


@dataclass(frozen=True, slots=True)
class Tag:
    """One sourced statement about one address.

    `address` is normalised for the chain; `label` is the outside text, raw; `confidence` is 0-100 as in
    methods.md 6.3; `evidence` is a class E1-E6; `source` names the file or list and `sha256` its content;
    `date` is the day the source gives or was retrieved (ISO 8601), empty where it gives none; of a store's list the
    earliest such day, no later than the first edition that makes the statement.
    `label_sha256` is empty while `label` is the whole text; where the text was too long (or no Unicode) it
    is the SHA-256 of the whole text, of which `label` is the start.

    network       the chain that the source means, by our name ("bitcoin", "ethereum", "tron" ...), "" for any
    actor         the source's own id of the party, "" where it has none
    first_seen    the day (ISO 8601) on which the statement was first made, "" where nobody says
    last_seen     the day on which it was last seen made
    withdrawn     the day on which it was withdrawn (a delisting), "" while it stands
    raw           the address as it was written, "" where it is `address` to the letter
    flaw          what is wrong with the address as written, and what was done about it, "" for nothing
    """

    address: str
    label: str
    kind: TagKind
    confidence: int
    evidence: str
    source: str
    sha256: str
    date: str = ""
    label_sha256: str = ""
    network: str = ""
    actor: str = ""
    first_seen: str = ""
    last_seen: str = ""
    withdrawn: str = ""
    raw: str = ""
    flaw: str = ""

    @property
    def stop(self) -> Stop | None:
        """The stop this tag causes, or None if a trace goes on through the address."""
        return STOPS.get(self.kind)

    @property
    def known_since(self) -> str:
        """The earliest day (ISO 8601) on which the statement is known to have been made; "" where no day is told.

        That is `first_seen`, else the earliest of `date`, `last_seen` and the day before it was withdrawn.
        """
        if self.first_seen:
            return self.first_seen
        return earliest(self.date, self.last_seen, _day_before(self.withdrawn) if self.withdrawn else "")

    def stands(self, day: str) -> bool:
        """Whether the statement stood on a day (ISO 8601): known to be made by then, and not withdrawn.

        One of which no day at all is told stands on every day.
        """
        return not (self.withdrawn and self.withdrawn <= day) and self.known_since <= day


LATEST = "9999-12-31"
"""A day after every statement: what stands then is what was not withdrawn."""


def earliest(*days: str) -> str:
    """The earliest of days (ISO 8601), "" meaning none."""
    return min(filter(None, days), default="")


def _day_before(day: str) -> str:
    try:
        return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return day


def today() -> str:
    """The current day in UTC, ISO 8601."""
    return datetime.now(tz=UTC).date().isoformat()


@dataclass(slots=True)
class TagSet:
    """Tags by address, in the order they were loaded; several tags may speak about one address.

    The tag that names an address is, among those that stand, the one of highest confidence that stops a trace, then
    the highest of all; among equals one with a label, then the first loaded. The others stay visible in `of`.
    `unmatched` holds the statements
    whose address cannot be read: they name nothing, and are lost to nobody.
    """

    tags: list[Tag] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unmatched: list[Tag] = field(default_factory=list)
    _by_address: dict[str, list[Tag]] = field(default_factory=dict)
    _seen: set[Tag] = field(default_factory=set)
    """Statements about addresses of which there are several: most have one, which costs no hash."""

    def add(self, tags: Iterable[Tag]) -> None:
        """Add statements; exact repeats are kept once. Those without an address (only `raw`) are the unmatched."""
        for tag in tags:
            said = self._by_address.get(tag.address)
            if said is None and tag.address:
                self._by_address[tag.address] = [tag]
                self.tags.append(tag)
                continue
            if said is not None and len(said) == 1:
                self._seen.add(said[0])
            if tag in self._seen:
                continue
            self._seen.add(tag)
            if not tag.address and tag.raw:
                self.unmatched.append(tag)
            else:
                self._by_address.setdefault(tag.address, []).append(tag)
                self.tags.append(tag)

    def merge(self, other: TagSet) -> None:
        """Add the statements of another set after the ones held, with its notes."""
        self.add(other.tags)
        self.add(other.unmatched)
        self.notes.extend(other.notes)

    def every(self) -> Iterator[Tag]:
        """The tags, then the statements that match nothing."""
        yield from self.tags
        yield from self.unmatched

    def of(self, address: str, day: str = "") -> list[Tag]:
        """All statements about an address in its one form, the one that names it first; withdrawn ones last.

        `day` (ISO 8601) is the day on which they must stand, today if empty.
        """
        found = self._by_address.get(address, [])
        if len(found) < 2:
            return list(found)
        return in_order(found, day or today())

    def find(self, written: str, network: str = "") -> list[Tag]:
        """All statements about an address in any form that it may be written in; [] if it cannot be read.

        `network` names the chain that is meant, "" for any.
        """
        from dyepack.tags.addresses.reading import keys_of

        found = [
            tag
            for key in keys_of(written, network)
            for tag in self._by_address.get(key.address, [])
            if key.networks is None or tag.network in key.networks
        ]
        return in_order(found, today()) if len(found) > 1 else found

    def naming(self, address: str, day: str = "") -> Tag | None:
        """The statement that names an address, if one stands on that day (today if empty)."""
        found = self.of(address, day)
        return found[0] if found and found[0].stands(day or today()) else None

    def as_of(self, day: str) -> TagSet:
        """The statements that stood on a day (ISO 8601), as far as is known; those without any day stand always.

        The notes say how many were left out, and how many stand only because no day is told.
        """
        past = TagSet()
        past.add(tag for tag in self.every() if tag.stands(day))
        gone = sum(bool(tag.withdrawn) and tag.withdrawn <= day for tag in self.every())
        later = len(self.tags) + len(self.unmatched) - len(past.tags) - len(past.unmatched) - gone
        undated = sum(not tag.known_since for tag in past.every())
        past.notes = [*self.notes, *(
            f"as of {day}: {what}: {count}"
            for count, what in (
                (later, "statements not known to have been made by then"), (gone, "statements withdrawn by then"),
                (undated, "statements without any day, taken as standing"),
            )
            if count
        )]  # fmt: skip
        return past

    def addresses(self) -> Iterator[str]:
        """Every tagged address once."""
        return iter(self._by_address)

    def conflicts(self, day: str = "") -> list[str]:
        """Addresses of which statements that stand contradict each other, as `contradiction` has it."""
        on = day or today()
        return [
            address
            for address, tags in self._by_address.items()
            if len(tags) > 1 and differ([tag for tag in tags if tag.stands(on)])
        ]


def in_order(tags: Iterable[Tag], day: str) -> list[Tag]:
    """Statements about one address, the one that names it on that day first."""
    return sorted(tags, key=lambda tag: (not tag.stands(day), tag.stop is None, -tag.confidence, not tag.label))
