"""The benchmark generator: a ledger of any size, with thefts whose dyed regions have a chosen size.

Accounts are heavy-tailed; native coin and tokens move between them in time order; everybody is solvent,
because what an account would lack is issued to it before the first block. Each theft takes coin from random
accounts to a fresh address and launders it through a region (see region.py) that ends at tagged services
or, with `leak`, in the open economy.

Units: native and 18-decimal amounts are counted in grains of 10**9 base units as int64 and written out as
128-bit words; the 6-decimal token in base units. Invariant: equal arguments give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.money import Asset
from dyepack.synthetic.chain import BLOCK_SECONDS, FIRST_BLOCK, FIRST_TIME, NATIVE
from dyepack.synthetic.gas import GAS_BASE, gas_used
from dyepack.synthetic.identity import ADDRESS_BYTES, HASH_BYTES, address, scatter, to_text
from dyepack.synthetic.region import THEFT_MOVES, Shape, shape_of, spending, takings
from dyepack.synthetic.truth import Leg
from dyepack.tags.model import Tag, TagKind

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U64

GRAIN = 10**9
PER_BLOCK = 150
SERVICES = 20
SOURCE = "synthetic economy"
TOKEN_GAS = gas_used(1, 0)


@dataclass(frozen=True, slots=True)
class Economy:
    """A ledger and its thefts.

    `thefts` has one native leg per theft; `services` are the tagged addresses where regions end;
    `dyed_moves` is how many moves the dye of each theft touches (theft, region and the region's fees) if
    `leak` was not set.
    """

    native: Asset
    assets: dict[str, Asset]
    moves: RawMoves
    thefts: list[Leg]
    tags: list[Tag]
    services: list[str]
    dyed_moves: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was asked for, and the shape of the regions."""

    seed: int
    people: int
    thefts: int
    tokens: int
    fees: bool
    dyed_moves: int
    leak: bool
    shape: Shape

    @property
    def per(self) -> int:
        """Moves per transaction."""
        return 1 + self.fees

    @property
    def holders(self) -> int:
        """Addresses in all: people, then services, then the nodes of each region."""
        return self.people + SERVICES + self.thefts * self.shape.nodes


@dataclass(slots=True)
class _Payments:
    """Single-move transactions: payer, payee, asset (numbers), amount and fee in grains; shape (n,)."""

    payer: I64
    payee: I64
    asset: I64
    grains: I64
    fee: I64

    def take(self, order: I64) -> _Payments:
        """Some of them, in this order."""
        return _Payments(*(c[order] for c in (self.payer, self.payee, self.asset, self.grains, self.fee)))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.payer)


def economy(
    moves: int,
    thefts: int = 1,
    seed: int = 1,
    *,
    accounts: int | None = None,
    tokens: int = 3,
    fees: bool = True,
    dyed_moves: int = 1000,
    leak: bool = False,
) -> Economy:
    """A ledger of `moves` moves (or one less), with `thefts` thefts whose dye touches some `dyed_moves`.

    `accounts` defaults to one per 50 moves, at least 50; `fees` adds a fee move to each transaction; `leak`
    lets peels end at ordinary accounts instead of services, so that dye enters the open economy.
    """
    dice = np.random.default_rng(seed)
    shape = shape_of(max(1, (dyed_moves - THEFT_MOVES) // (1 + fees)))
    plan = _Plan(seed, accounts or max(50, moves // 50), thefts, tokens, fees, dyed_moves, leak, shape)
    plenty = moves // plan.per - thefts * (THEFT_MOVES + len(shape))
    if plenty < 0:
        raise ValueError(f"{moves} moves cannot hold {thefts} thefts of {dyed_moves} moves")
    taken, region = _crimes(plan, dice)
    order = _timing(plenty, thefts, shape, dice)
    everything = _join(_body(plenty, plan, dice), taken, region).take(order)
    issued = _issues(everything, 1 + tokens)
    everything, order = _trim(everything, order, plenty, (moves - len(issued)) // plan.per)
    raw = _write(issued, everything, plan)
    stolen = np.flatnonzero((order >= plenty) & (order < plenty + len(taken)))
    legs = _legs(raw, len(issued) + stolen * plan.per, order[stolen] - plenty, thefts)
    services = [to_text(row) for row in raw.addresses[plan.people : plan.people + SERVICES]]
    native, assets = _assets(seed, tokens)
    digest = sha256(f"{SOURCE}/{seed}".encode()).hexdigest()
    tags = [
        Tag(service, f"Service {n} (fictional)", TagKind.SERVICE, 100, "E2", SOURCE, digest)
        for n, service in enumerate(services)
    ]
    return Economy(native, assets, raw, legs, tags, services, THEFT_MOVES + len(shape) * plan.per)


def _assets(seed: int, tokens: int) -> tuple[Asset, dict[str, Asset]]:
    """The native coin and all assets by key; the first token has 6 decimals, the others 18."""
    native = Asset(NATIVE, "SYN", 18)
    made = [Asset(address(seed, f"economy token {n}"), f"TOK{n}", 18 if n else 6) for n in range(tokens)]
    return native, {asset.key: asset for asset in (native, *made)}


def _heavy(count: int, people: int, dice: np.random.Generator) -> I64:
    """Account numbers drawn with a heavy tail: the chance of rank k falls as k**(-2/3)."""
    return (people * dice.random(count) ** 3).astype(np.int64)


def _body(count: int, plan: _Plan, dice: np.random.Generator) -> _Payments:
    """Honest payments: 70 % native coin, the rest tokens; log-normal amounts, median 1 coin or 100 USD."""
    payer = _heavy(count, plan.people, dice)
    payee = _heavy(count, plan.people, dice)
    payee = np.where(payer == payee, (payee + 1) % plan.people, payee)
    asset = np.zeros(count, dtype=np.int64)
    if plan.tokens:
        asset = np.where(dice.random(count) < 0.7, 0, 1 + dice.integers(0, plan.tokens, count))
    median = np.where(asset == 1, 100.0 * 10**6, 1.0 * GRAIN)
    grains = (median * dice.lognormal(0.0, 1.5, count)).astype(np.int64) + 1
    return _Payments(payer, payee, asset, grains, _fees(asset, plan.fees, dice))


def _fees(asset: I64, fees: bool, dice: np.random.Generator) -> I64:
    """A fee in grains for each payment: gas by its kind x 18 to 63 gwei; zero without fees."""
    if not fees:
        return np.zeros(asset.shape, dtype=np.int64)
    return np.where(asset == 0, GAS_BASE, TOKEN_GAS) * dice.integers(18, 64, asset.shape)


def _crimes(plan: _Plan, dice: np.random.Generator) -> tuple[_Payments, _Payments]:
    """The thefts' own payments (3 each) and those of their regions, theft by theft."""
    takes = takings(plan.thefts, plan.dyed_moves, dice)
    nodes = plan.people + SERVICES + np.arange(plan.thefts, dtype=np.int64) * plan.shape.nodes
    zero = np.zeros(takes.size, dtype=np.int64)
    victims = _heavy(takes.size, plan.people, dice)
    fee = _fees(zero, plan.fees, dice)
    taken = _Payments(victims, np.repeat(nodes, THEFT_MOVES), zero, takes.ravel(), fee)
    none = np.zeros((plan.thefts, len(plan.shape)), dtype=np.int64)
    fee = _fees(none, plan.fees, dice)
    amounts = spending(plan.shape, takes.sum(axis=1), fee, dice)
    ends = plan.people + dice.integers(0, SERVICES, none.shape)
    if plan.leak:
        ends = _heavy(none.size, plan.people, dice).reshape(none.shape)
    payee = np.where(plan.shape.receiver < 0, ends, nodes[:, None] + plan.shape.receiver)
    payer = nodes[:, None] + plan.shape.sender
    return taken, _Payments(payer.ravel(), payee.ravel(), none.ravel(), amounts.ravel(), fee.ravel())


def _timing(body: int, thefts: int, shape: Shape, dice: np.random.Generator) -> I64:
    """The order in time of body, theft and region payments: thefts early, regions spread over the rest."""
    start = (0.2 + 0.3 * dice.random(thefts)) * body
    stride = 0.95 * (max(body, 1) - start) / (len(shape) + 2)
    after = start[:, None] + stride[:, None] * (1 + np.arange(len(shape)))
    keys = np.concatenate((np.arange(body, dtype=np.float64), np.repeat(start, THEFT_MOVES), after.ravel()))
    return np.argsort(keys, kind="stable")


def _join(*parts: _Payments) -> _Payments:
    """Payments one after the other."""
    columns = ("payer", "payee", "asset", "grains", "fee")
    return _Payments(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


def _issues(payments: _Payments, kinds: int) -> _Payments:
    """What each holding must be given at the start so that it is never overdrawn: its lowest balance."""
    given = [_shortfall(payments, kind) for kind in range(kinds)]
    payee = np.concatenate([who for who, _ in given])
    asset = np.repeat(np.arange(kinds), [len(who) for who, _ in given])
    nobody = np.full(len(payee), -1, dtype=np.int64)
    return _Payments(nobody, payee, asset, np.concatenate([grains for _, grains in given]), nobody * 0)


def _shortfall(payments: _Payments, kind: int) -> tuple[I64, I64]:
    """Who would be overdrawn in one asset, and by how many grains at worst."""
    rows = np.flatnonzero(payments.asset == kind)
    events = [(rows, payments.payer[rows], -payments.grains[rows])]
    events.append((rows, payments.payee[rows], payments.grains[rows]))
    if kind == 0 and payments.fee.any():
        events.append((np.arange(len(payments)), payments.payer, -payments.fee))
    when, who, change = (np.concatenate(column) for column in zip(*events, strict=True))
    if not len(who):
        return rows, rows
    order = np.argsort(who * len(payments) + when, kind="stable")
    who, change = who[order], change[order]
    total = np.cumsum(change)
    first = np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1])))
    lowest = np.minimum.reduceat(total, first) - (total - change)[first]
    short = np.flatnonzero(lowest < 0)
    return who[first[short]], -lowest[short]


def _trim(payments: _Payments, order: I64, body: int, room: int) -> tuple[_Payments, I64]:
    """Drop the last honest payments until `room` payments are left."""
    excess = len(payments) - room
    honest = np.flatnonzero(order < body)
    if excess > len(honest) // 4:
        raise ValueError("too many accounts for so few moves")
    keep = np.ones(len(payments), dtype=np.bool_)
    keep[honest[len(honest) - max(excess, 0) :]] = False
    rows = np.flatnonzero(keep)
    return payments.take(rows), order[rows]


def _words(grains: I64, factor: I64) -> U64:
    """grains x factor (below 2**30) as low and high words, shape (n, 2)."""
    low, high = grains.astype(np.uint64) & np.uint64(0xFFFFFFFF), grains.astype(np.uint64) >> np.uint64(32)
    low *= factor.astype(np.uint64)
    high *= factor.astype(np.uint64)
    words = np.empty((len(grains), 2), dtype=np.uint64)
    words[:, 0] = low + (high << np.uint64(32))
    words[:, 1] = (high >> np.uint64(32)) + (words[:, 0] < low)
    return words


def _write(issued: _Payments, rest: _Payments, plan: _Plan) -> RawMoves:
    """Number blocks and transactions; fees follow their payment, issuance has blocks of its own."""
    payments = _join(issued, rest)
    given = len(issued)
    count = given + len(rest) * plan.per
    rank = np.arange(len(payments), dtype=np.int64)
    tx_of = np.concatenate((rank[:given], np.repeat(rank[given:], plan.per)))
    kind = np.where(payments.asset > 0, MoveKind.TOKEN, MoveKind.VALUE).astype(np.uint8)
    kind[:given][payments.asset[:given] == 0] = MoveKind.ISSUE
    kind = kind[tx_of]
    sender, receiver = payments.payer[tx_of], payments.payee[tx_of]
    asset, grains = payments.asset[tx_of], payments.grains[tx_of]
    if plan.fees:
        paid = slice(given + 1, None, 2)
        kind[paid], receiver[paid], asset[paid] = MoveKind.FEE, -1, 0
        grains[paid] = rest.fee
    slot = tx_of + (tx_of >= given) * (-given % PER_BLOCK)
    block, place = FIRST_BLOCK + slot // PER_BLOCK, slot % PER_BLOCK
    return RawMoves(
        tx_id=scatter(plan.seed, "transaction", len(payments), HASH_BYTES)[tx_of],
        block=block,
        tx_index=place,
        time=FIRST_TIME + (block - FIRST_BLOCK) * BLOCK_SECONDS,
        kind=kind,
        index=np.where((kind == MoveKind.TOKEN) | (kind == MoveKind.ISSUE), place, 0),
        sender=sender,
        receiver=receiver,
        asset=asset,
        amount=_words(grains, np.where(asset == 1, 1, GRAIN)),
        row=np.arange(count, dtype=np.int64),
        addresses=scatter(plan.seed, "address", plan.holders, ADDRESS_BYTES),
        assets=list(_assets(plan.seed, plan.tokens)[1]),
        source=SOURCE,
    )


def _legs(raw: RawMoves, rows: I64, payment: I64, thefts: int) -> list[Leg]:
    """The native leg of each theft: the given rows, whose payments are numbered theft by theft."""
    legs = []
    for theft in range(thefts):
        mine = rows[payment // THEFT_MOVES == theft]
        amount = sum(to_int(raw.amount[row]) for row in mine)
        legs.append(Leg(f"theft {theft}", NATIVE, tuple(to_text(raw.tx_id[row]) for row in mine), amount))
    return legs
