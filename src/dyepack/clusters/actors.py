"""Actors: who is known, by tags of high confidence, to hold an address; clusters of two of them are not joined.

Invariant: an actor has a name and the confidence of the tag that gives it; an address on whose party equally sure tags
disagree has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.tags.model import STOPS, TagKind
from dyepack.tags.naming import service_name
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tags.model import Tag, TagSet

LEAST_CONFIDENCE = 60
"""Of a tag that can keep clusters apart: what a published list of an authority has."""

PARTIES = frozenset(TagKind) - {TagKind.BURN, TagKind.THEFT, TagKind.INTERMEDIARY, TagKind.OTHER}
"""Kinds of tags whose label names a party, not an incident or a remark."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A party: its name as the tag says it, the tag's confidence (0-100), and whether it serves many people."""

    name: str
    confidence: int
    service: bool = False

    @property
    def key(self) -> str:
        """What the tags of one party have in common: case, "Name: wallet", "Name 14", "Name-14" make no difference."""
        return service_name(self.name.partition(":")[0]).casefold() or self.name.casefold()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Transaction `tx` would have joined the clusters of two actors (by the addresses `one` and `other`): refused.

    `method` says what the merge would have rested on.
    """

    tx: int
    one: int
    other: int
    one_actor: Actor
    other_actor: Actor
    method: str


def actors_of(ledger: UtxoLedger, tags: TagSet, least: int = LEAST_CONFIDENCE) -> tuple[dict[int, Actor], list[str]]:
    """The actor of each address of the ledger that tags of a confidence of `least` or more name, and notes.

    Withdrawn tags do not count. Of several tags the surest names the actor; of two as sure that name different parties
    none does.
    """
    found: dict[int, Actor] = {}
    unclear = 0
    for text in tags.addresses():
        named = [tag for tag in tags.of(text) if _names(tag, least)]
        address = ledger.find_address(text) if named else None
        if address is None:
            continue
        surest = max(tag.confidence for tag in named)
        actors = [_actor(tag) for tag in named if tag.confidence == surest]
        if len({actor.key for actor in actors}) > 1:
            unclear += 1
        else:
            found[address] = actors[0]
    notes = [f"{unclear:,} addresses have tags that are equally sure of different parties: they name nobody"]
    return found, notes if unclear else []


def numbered(actors: Mapping[int, Actor]) -> tuple[list[Actor], dict[int, int]]:
    """(actors, number by address): each party once, from 1 on, by its surest tag; in order of their keys."""
    best: dict[str, Actor] = {}
    for _, actor in sorted(actors.items()):
        known = best.get(actor.key)
        if known is None or actor.confidence > known.confidence:
            best[actor.key] = actor
    keys = sorted(best)
    number = {key: at for at, key in enumerate(keys, 1)}
    return [best[key] for key in keys], {address: number[actor.key] for address, actor in actors.items()}


def _names(tag: Tag, least: int) -> bool:
    return (
        tag.confidence >= least and tag.kind in PARTIES and bool(tag.actor or tag.label.strip()) and not tag.withdrawn
    )


def _actor(tag: Tag) -> Actor:
    service = STOPS.get(tag.kind) in {Stop.SERVICE, Stop.MIXER, Stop.BRIDGE, Stop.SWAP}
    return Actor(tag.actor or tag.label.strip(), tag.confidence, service)
