"""Made-up launderers, services and bystanders on a ledger of accounts, each act with its truth, over an economy.

What is planted follows what launderers are described to do (methods.md 3.2, 3.6), with jitter, trial payments, side
payments and clean money mixed in, not the words of the rules; faucets, payrolls and payouts are there to mislead.
Invariant: equal seeds give equal ledgers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np

from dyepack.ledger.builder import build
from dyepack.ledger.manifest import COMPLETE, Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind, RawMoves, to_words
from dyepack.money import Asset
from dyepack.synthetic.chain import BLOCK_SECONDS, FIRST_BLOCK, FIRST_TIME
from dyepack.synthetic.economy import economy

COIN = 10**18
NATIVE = "native"
HOUR = 3600
DAY = 24 * HOUR
FEE = 21_000 * 30 * 10**9


@dataclass(slots=True)
class World:
    """What is planted: rows (time, payer, payee, units, asset, kind); "" is nobody."""

    dice: Random
    rows: list[tuple[int, str, str, int, str, int]] = field(default_factory=list)
    assets: dict[str, Asset] = field(default_factory=lambda: {NATIVE: Asset(NATIVE, "SYN", 18)})
    made: int = 0

    def fresh(self, what: str = "place") -> str:
        """A new address."""
        self.made += 1
        return "0x" + sha256(f"{what}/{self.made}".encode()).hexdigest()[:40]

    def pay(self, time: int, payer: str, payee: str, units: int, asset: str = NATIVE) -> None:
        """A payment and its fee."""
        kind = MoveKind.VALUE if asset == NATIVE else MoveKind.TOKEN
        self.rows.append((time, payer, payee, units, asset, kind))
        if payer and asset == NATIVE:
            self.rows.append((time, payer, "", FEE, NATIVE, MoveKind.FEE))

    def issue(self, time: int, payee: str, units: int) -> None:
        """Clean coin from nowhere."""
        self.rows.append((time, "", payee, units, NATIVE, MoveKind.ISSUE))

    def start(self) -> int:
        """A time at random in the two weeks of the economy."""
        return FIRST_TIME + self.dice.randrange(10 * DAY)

    def raw(self) -> RawMoves:
        """The rows as a source would give them; a payment and its fee are one transaction."""
        rows = sorted(enumerate(self.rows), key=lambda row: (row[1][0], row[0]))
        texts = sorted({a for _, r in rows for a in r[1:3]} - {""})
        place = {text: n for n, text in enumerate(texts)} | {"": -1}
        keys = list(self.assets)
        ids = np.cumsum([r[5] != MoveKind.FEE for _, r in rows])
        hashes = [sha256(f"planted/{n}".encode()).digest() for n in range(len(rows) + 1)]
        time = np.array([r[0] for _, r in rows], np.int64)
        return RawMoves(
            tx_id=np.array([list(hashes[n]) for n in ids.tolist()], np.uint8).reshape(-1, 32),
            block=FIRST_BLOCK + (time - FIRST_TIME) // BLOCK_SECONDS, tx_index=100_000 + ids.astype(np.int64),
            time=time, kind=np.array([r[5] for _, r in rows], np.uint8), index=np.zeros(len(rows), np.int64),
            sender=np.array([place[r[1]] for _, r in rows], np.int64),
            receiver=np.array([place[r[2]] for _, r in rows], np.int64),
            asset=np.array([keys.index(r[4]) for _, r in rows], np.int64),
            amount=np.array([to_words(r[3]) for _, r in rows], np.uint64).reshape(-1, 2), row=np.arange(len(rows)),
            addresses=np.array([list(bytes.fromhex(t[2:])) for t in texts], np.uint8).reshape(-1, 20), assets=keys,
            source="planted",
        )  # fmt: skip

    def ledger(self, background: int = 0) -> Ledger:
        """The ledger of what is planted, among so many moves of an economy."""
        batches = [self.raw()] if self.rows else []
        assets = dict(self.assets)
        if background:
            around = economy(background, thefts=0)
            batches.append(around.moves)
            assets |= around.assets
        built = build(batches)
        manifest = Manifest(
            "made-up", [assets[k] for k in built.assets], "hex", "hex", [], built.counts, {}, {}, {}, []
        )
        state = np.full(built.counts["holdings"], COMPLETE, np.uint8)
        return Ledger(Path(), manifest, "0" * 64, built.columns | {"holding_state": state})


def split(world: World) -> tuple[str, list[str], str]:
    """A launderer splits loot among fresh wallets and gathers it: (thief, wallets, collector)."""
    dice, at = world.dice, world.start()
    thief, collector = world.fresh(), world.fresh()
    wallets = [world.fresh() for _ in range(dice.randrange(10, 41))]
    each, jitter = dice.randrange(2, 500) * COIN, dice.choice((0.0, 0.05, 0.1, 0.2, 0.4))
    world.issue(at, thief, each * len(wallets) * 3)
    for wallet in wallets:
        at += dice.randrange(15, 900)
        if dice.random() < 0.2:
            world.pay(at, thief, wallet, COIN // 10)
            at += 60
        units = int(each * (1 + dice.uniform(-jitter, jitter)))
        world.pay(at, thief, wallet, units)
        world.pay(at + dice.randrange(HOUR, 2 * DAY), wallet, collector, units - 2 * FEE)
        if dice.random() < 0.02:
            world.pay(at + 5, thief, world.fresh("shop"), dice.randrange(1, 40) * COIN // 7)
    clean = dice.choice((0, 0, 0, each * len(wallets) // 10, each * len(wallets) // 2))
    if clean:
        friend = world.fresh("friend")
        world.issue(at, friend, clean * 2)
        world.pay(at + DAY, friend, collector, clean)
    return thief, wallets, collector


def passing(world: World) -> list[str]:
    """A launderer's chain of fresh wallets, with a small side payment now and then: its addresses."""
    dice, at = world.dice, world.start()
    places = [world.fresh() for _ in range(dice.randrange(5, 18))]
    units = dice.randrange(5, 2000) * COIN
    world.issue(at, places[0], units + 10 * COIN)
    for here, there in pairwise(places):
        at += dice.choice((120, HOUR, 6 * HOUR, DAY)) + dice.randrange(600)
        side = units // dice.randrange(20, 200) if dice.random() < 0.15 else 0
        units -= side + 3 * FEE
        world.pay(at, here, there, units)
        if side:
            world.pay(at + 30, here, world.fresh("shop"), side)
    return places


def faucet(world: World) -> str:
    """Fifty equal payments to newcomers: honest, and the same shape as a fan-out."""
    at, place = world.start(), world.fresh("faucet")
    world.issue(at, place, 100 * COIN)
    for _ in range(50):
        at += world.dice.randrange(20, 600)
        world.pay(at, place, world.fresh("newcomer"), COIN)
    return place


def payroll(world: World) -> str:
    """The same wages to the same thirty people, who have paid others before, three times."""
    at, place = world.start(), world.fresh("employer")
    people = [world.fresh("worker") for _ in range(30)]
    world.issue(at, place, 10_000 * COIN)
    for person in people:
        world.issue(at, person, 2 * COIN)
        world.pay(at + 60, person, world.fresh("shop"), COIN)
    for month in range(3):
        for n, person in enumerate(people):
            world.pay(at + HOUR + month * DAY + n * 12, place, person, 30 * COIN)
    return place


def payouts(world: World) -> str:
    """An exchange pays a hundred customers what each asked for; half of them are new to the chain."""
    at, place = world.start(), world.fresh("exchange")
    world.issue(at, place, 10**6 * COIN)
    for n in range(100):
        at += world.dice.randrange(5, 300)
        customer = world.fresh("customer")
        if n % 2:
            world.issue(at - 1, customer, COIN)
        world.pay(at, place, customer, int(COIN * world.dice.lognormvariate(0, 1.5)) + 1)
    return place


def script(world: World) -> list[str]:
    """A script's wallets, which pay in spells with pauses: its addresses."""
    dice, at = world.dice, world.start()
    places = [world.fresh() for _ in range(dice.randrange(1, 6))]
    for place in places:
        world.issue(at - HOUR, place, 10_000 * COIN)
    for _ in range(dice.randrange(3, 13)):
        end = at + dice.randrange(32 * 60, 58 * 60)
        while at < end:
            world.pay(at, dice.choice(places), world.fresh("payee"), COIN)
            at += dice.randrange(10, 60)
        at = end + dice.randrange(11 * 60, 19 * 60)
    world.pay(at, places[0], world.fresh("payee"), COIN)
    return places


def person(world: World, gap: float) -> list[str]:
    """Somebody who pays at random, awake for sixteen hours a day: one address."""
    at, place = world.start(), world.fresh("person")
    world.issue(at, place, 10_000 * COIN)
    for _ in range(300):
        at += int(world.dice.expovariate(1 / gap)) + 1
        if at % DAY > 16 * HOUR:
            at += 8 * HOUR
        world.pay(at, place, world.fresh("payee"), COIN // 10)
    return [place]


def customer(world: World, hot: str, owner: int, truth: dict[str, int], shared: str) -> str:
    """A customer of an exchange with several addresses and one deposit address: that address.

    If there is one that others share (a service of its own), one in ten pays to that. Sweeps come within minutes, for
    one in five days later, and for one in ten in parts.
    """
    dice, at = world.dice, world.start()
    mine = [world.fresh("own") for _ in range(dice.randrange(1, 5))]
    deposit = shared if shared and dice.random() < 0.1 else world.fresh("deposit")
    late, parts = dice.random() < 0.2, dice.random() < 0.1
    for address in mine:
        truth[address] = owner
        world.issue(at - HOUR, address, 1000 * COIN)
    for _ in range(dice.randrange(2, 9)):
        at += dice.randrange(2 * HOUR, DAY)
        units = dice.randrange(COIN // 10, 20 * COIN)
        world.pay(at, dice.choice(mine), deposit, units)
        swept = at + (dice.randrange(2, 4) * DAY if late else dice.randrange(30, 1800))
        if parts:
            world.pay(swept, deposit, hot, units // 3)
            world.pay(swept + 60, deposit, hot, units - units // 3 - 2 * FEE)
        else:
            world.pay(swept, deposit, hot, units - FEE)
    return deposit
