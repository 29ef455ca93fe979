"""Tags: who says that an address belongs to whom.

Invariant: no tag without a source, a kind and a confidence; labels are kept as they were written and only
shown through the safe function of each sink.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

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
    `date` is the day the source gives or was retrieved (ISO 8601), empty where it gives none.
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


@dataclass(slots=True)
class TagSet:
    """Tags by address, in the order they were loaded; several tags may speak about one address.

    The tag that names an address is the one of highest confidence that stops a trace, then the highest of
    all, then the first loaded; the others stay visible in `of`.
    """

    tags: list[Tag] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _by_address: dict[str, list[Tag]] = field(default_factory=dict)
    _seen: set[Tag] = field(default_factory=set)

    def add(self, tags: Iterable[Tag]) -> None:
        """Add statements; exact repeats are kept once."""
        for tag in tags:
            if tag not in self._seen:
                self._seen.add(tag)
                self._by_address.setdefault(tag.address, []).append(tag)
                self.tags.append(tag)

    def merge(self, other: TagSet) -> None:
        """Add the statements of another set after the ones held, with its notes."""
        self.add(other.tags)
        self.notes.extend(other.notes)

    def of(self, address: str) -> list[Tag]:
        """All statements about an address, the one that names it first."""
        found = self._by_address.get(address, [])
        return sorted(found, key=lambda t: (t.stop is None, -t.confidence))

    def naming(self, address: str) -> Tag | None:
        """The statement that names an address, if there is one."""
        found = self.of(address)
        return found[0] if found else None

    def addresses(self) -> Iterator[str]:
        """Every tagged address once."""
        return iter(self._by_address)

    def conflicts(self) -> list[str]:
        """Addresses whose statements differ: in label (empty ones apart), or in where they stop a trace."""
        return [
            address
            for address, tags in self._by_address.items()
            if len(tags) > 1
            and (len({t.label for t in tags} - {""}) > 1 or len({t.stop for t in tags if t.stop is not None}) > 1)
        ]
