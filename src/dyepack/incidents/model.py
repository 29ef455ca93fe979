"""What the registry holds: thefts as facts, and beside them who says what about them.

Invariant: an attribution is never a field of the theft; every part carries the ids of the sources that it rests on,
and `unchecked` names what no source that was read supports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.incidents.countries import COUNTRIES
from dyepack.incidents.vocabulary import FIRM

if TYPE_CHECKING:
    from dyepack.incidents.spans import Span


@dataclass(frozen=True, slots=True)
class Source:
    """A place where something is said. `read` tells whether the source itself was read (vocabulary.READ)."""

    id: str
    title: str
    publisher: str
    where: str
    read: str
    date: Span | None
    note: str
    file: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of one asset that were taken; `amount` is decimal text."""

    asset: str
    chain: str
    amount: str
    source: tuple[str, ...]
    unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a loss, in hundredths of its currency."""

    of: str
    amount: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One party's figure for the whole loss, in hundredths of its currency."""

    by: str
    amount: int
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost, as an interval over the figures that are told; amounts are hundredths of `currency`."""

    low: int
    high: int
    currency: str
    basis: str
    priced_at: str
    total: int | None
    parts: tuple[Part, ...]
    figures: tuple[Figure, ...]
    source: tuple[str, ...]
    unchecked: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried to be taken, where that is more than what was lost."""

    amount: int
    currency: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dispute:
    """Who disagrees with an attribution, and why."""

    by: str
    reason: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribution:
    """One party's statement about who did it."""

    actor: str
    by: str
    code: str
    confidence: str
    source: tuple[str, ...]
    group: str = ""
    date: Span | None = None
    unchecked: bool = False
    disputes: tuple[Dispute, ...] = ()
    note: str = ""

    @property
    def firm(self) -> bool:
        """Whether an incident may count as certain on it: stated or listed, checked, and nobody disagrees."""
        return self.confidence in FIRM and not self.unchecked and not self.disputes


@dataclass(frozen=True, slots=True)
class Place:
    """An address or a transaction of a theft, on `chain`, and its role."""

    chain: str
    value: str
    role: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """One theft. `source` stands behind every field that `cite` does not give its own sources."""

    id: str
    name: str
    victim: str
    kind: str
    date: Span
    vectors: tuple[str, ...]
    vector_basis: str
    source: tuple[str, ...]
    file: str
    public: Span | None = None
    country: str = ""
    region: str = ""
    taken: tuple[Taken, ...] = ()
    loss: Loss | None = None
    attempt: Attempt | None = None
    attributions: tuple[Attribution, ...] = ()
    addresses: tuple[Place, ...] = ()
    transactions: tuple[Place, ...] = ()
    unchecked: tuple[str, ...] = ()
    cite: dict[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""

    @property
    def part_of_world(self) -> str:
        """Its region: the country's, or as told; empty if neither is known."""
        return COUNTRIES.get(self.country, self.region)

    @property
    def in_doubt(self) -> bool:
        """Whether anything of it is unchecked."""
        marks = [t.unchecked for t in self.taken] + [a.unchecked for a in self.attributions]
        return bool(self.unchecked) or any(marks) or (self.loss is not None and self.loss.unchecked)

    def sources_of(self, name: str) -> tuple[str, ...]:
        """The ids of the sources of one field."""
        part = getattr(self, name)
        own: tuple[str, ...] = getattr(part, "source", ()) if name in {"loss", "attempt"} else ()
        return self.cite.get(name) or own or self.source

    def attributed(self, actor: str, codes: frozenset[str]) -> tuple[Attribution, ...]:
        """The statements by parties of these codes that it was this actor."""
        return tuple(a for a in self.attributions if a.actor == actor and a.code in codes)
