"""The stage on which the incident is told: the chain, the people on it, their tags and the bounds on dye.

Invariant: nothing happens but through `send`, `sweep` and `submit`, so that the bounds see every move.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset, parse_units
from dyepack.synthetic.background import Crowd
from dyepack.synthetic.chain import NATIVE, Chain, Part
from dyepack.synthetic.identity import BURN, address
from dyepack.synthetic.truth import Bounds, Swap
from dyepack.tags.model import STOPS, Tag, TagKind

SOURCE = "synthetic story"
CHAIN_NAME = "synthetic"
COIN = Asset(NATIVE, "SYN", 18)


@dataclass(frozen=True, slots=True)
class ZeroTransfer:
    """A token event over zero units: importers count it, and it never becomes a move."""

    token: str
    sender: str
    receiver: str
    tx_id: str
    log_index: int
    block: int


@dataclass(slots=True)
class Stage:
    """All that a scene needs; `people` gives each name its address, `thieves` are the thief's addresses."""

    seed: int
    chain: Chain
    crowd: Crowd
    plain: Bounds
    followed: Bounds
    usd: Asset
    ore: Asset
    fake: Asset
    people: dict[str, str] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    thieves: list[str] = field(default_factory=list)
    bystanders: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    legs: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    failed: dict[str, tuple[str, int]] = field(default_factory=dict)
    zero_transfers: list[ZeroTransfer] = field(default_factory=list)
    _stealing: bool = False
    _pool: str = ""

    def watch(self, sender: str, receiver: str, asset: str, amount: int) -> None:
        """Keep both bounds: theft moves are dyed, and so is a thief's product if trades are followed."""
        theft = self._stealing and receiver != ""
        self.plain.move(sender, receiver, asset, amount, dyed=theft)
        self.followed.move(sender, receiver, asset, amount, dyed=theft or (self._pool != "" and sender == self._pool))

    def who(self, name: str) -> str:
        """The address of a named party."""
        known = self.people.get(name)
        if known is None:
            known = self.people[name] = BURN if name == "Burn address" else address(self.seed, name)
        return known

    def thief(self, name: str) -> str:
        """An address of the thief's."""
        found = self.who(name)
        if found not in self.thieves:
            self.thieves.append(found)
        return found

    def bystander(self, name: str) -> str:
        """The address of someone who did not steal."""
        found = self.who(name)
        if found not in self.bystanders:
            self.bystanders.append(found)
        return found

    def place(self, name: str, kind: TagKind, label: str) -> str:
        """A tagged address."""
        found = self.who(name)
        if all(tag.address != found for tag in self.tags):
            digest = sha256(f"{SOURCE}/{self.seed}".encode()).hexdigest()
            self.tags.append(Tag(found, label, kind, 100, "E2", SOURCE, digest, "2022-04-30"))
            stop = STOPS.get(kind)
            if stop is not None:
                self.plain.stops[found] = self.followed.stops[found] = stop
        return found

    def send(self, sender: str, receiver: str, amount: str, asset: Asset = COIN) -> str:
        """Send an amount written in whole coins, after some honest business of others."""
        self.crowd.business()
        return self.chain.send(sender, receiver, units(amount, asset), asset.key)

    def sweep(self, sender: str, receiver: str) -> str:
        """Send on all native coin, after some honest business of others."""
        self.crowd.business()
        return self.chain.sweep(sender, receiver)

    def submit(self, payer: str, parts: list[Part]) -> str:
        """Write a transaction of several moves, after some honest business of others."""
        self.crowd.business()
        return self.chain.submit(payer, parts)

    def steal(self, leg: str, victim: str, thief: str, amount: str, asset: Asset = COIN) -> None:
        """Move the victim's units to a thief as part of a leg of the theft."""
        self.crowd.business()
        self._stealing = True
        tx_id = self.chain.send(victim, thief, units(amount, asset), asset.key)
        self._stealing = False
        self.legs.setdefault(leg, []).append((tx_id, units(amount, asset)))

    def trade(self, payer: str, pool: str, paid: tuple[str, Asset], product: tuple[str, Asset]) -> None:
        """Give the pool wholly dyed tokens; it pays coin or another token in the same transaction."""
        self.crowd.business()
        give, gain = units(*paid), units(*product)
        source = (payer, paid[1].key)
        if self.plain.clean.get(source, 0) or self.plain.dyed.get(source, 0) < give:
            raise ValueError("the story lets thieves trade only what is wholly dyed")
        kind = MoveKind.INTERNAL if product[1].key == NATIVE else MoveKind.TOKEN
        parts = [
            Part(MoveKind.TOKEN, payer, pool, paid[1].key, give),
            Part(kind, pool, payer, product[1].key, gain),
        ]
        self._pool = pool
        tx_id = self.chain.submit(payer, parts)
        self._pool = ""
        self.swaps.append(Swap(tx_id, payer, pool, paid[1].key, give, product[1].key, gain))


def units(amount: str, asset: Asset = COIN) -> int:
    """Base units of an amount written in whole coins."""
    return parse_units(amount, asset.decimals or 0)


def set_up(seed: int, background: int) -> Stage:
    """An empty stage: the chain, its assets, and a crowd with so many moves to make."""
    chain = Chain(seed, Random(seed))  # noqa: S311 - a story, not a secret
    usd = Asset(address(seed, "USDX token"), "USDX", 6)
    ore = Asset(address(seed, "ORE token"), "ORE", 18)
    fake = Asset(address(seed, "counterfeit token"), "<b>USDX</b>\x1b[31m", 6)
    stage = Stage(seed, chain, Crowd(chain, seed, background, (usd.key, ore.key)), Bounds(), Bounds(), usd, ore, fake)
    chain.watch = stage.watch
    return stage
