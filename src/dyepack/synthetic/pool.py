"""A generated mixer with known links: pools, people who use them more or less carefully, and a decoy without any link.

Sizes and times are fitted to the real 100-ETH pool of Tornado Cash up to 13 June 2022 (27,544 deposits, 25,608
withdrawals): deposits per 30 days, their hours of the day, how many notes go to one recipient, the share without a
relayer, and, by Little's law (mean unspent notes over the rate of deposits), a mean holding time of 32 days. What that
history cannot say is assumed: log-normal holding times, sizes of the other pools, and what bystanders do. The shares of
careless people are those that Tutela published for deposits, but for gas prices (0.1 % there, 2 % here: more to count).

What makes the rules err: regulars (who pay notes in, are paid out of the pools, and deal with many), exchanges (hubs),
gas prices of wallets that round, people who pay in from two addresses or spread what they take out.

The decoy has the deposits of one run and the withdrawals of another, independent one, among the same regulars and
exchanges: every marginal is the same and no link is left, so what a rule finds there it finds by chance.

Invariant: equal arguments give equal events; no withdrawal spends a note that was not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.activity import DAY
from dyepack.patterns.pools.dealings import Dealings, dealings_of
from dyepack.patterns.pools.history import UNKNOWN, Deposits, History, Withdrawals, checked
from dyepack.patterns.pools.known import pool_named
from dyepack.patterns.pools.structured import Receipt
from dyepack.synthetic.identity import ADDRESS_BYTES, HASH_BYTES, scatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8
    from dyepack.patterns.pools.known import Pool

SIZES = ("0.1", "1", "10", "100")
FIRST_BLOCK, FIRST_TIME, PACE = 9_162_622, 1_577_309_522, 13.431
_PERIODS = (70, 53, 32, 83, 196, 61, 154, 287, 346, 1091, 1042, 930, 1406, 1759, 1621, 1363, 1589, 1365, 1458, 1053,
            1136, 930, 778, 1199, 747, 1221, 655, 1313, 2300, 1294)  # fmt: skip
"""Deposits of the real pool in each 30 days."""
_HOURS = (835, 1224, 1071, 1213, 1375, 1364, 1561, 1520, 1297, 1290, 1335, 1348, 1237, 1235, 1309, 984, 946, 995, 1049,
          849, 910, 846, 858, 893)  # fmt: skip
"""Deposits of the real pool by the hour, counted from its first."""
_NOTES = (6001, 1062, 557, 313, 252, 187, 107, 100, 90, 117, 36, 21, 17, 24, 20, 13, 13, 9, 6, 152)
"""Recipients of the real pool by how many notes they got: 1, 2, ..., 19, and 20 or more (taken as 20 to 60)."""
_OWN_GAS = 6760 / 25608
_HOLD_DAYS, _HOLD_SPREAD = 32.0, 1.6
REAL = 27_544
"""Deposits of the real pool."""

CAREFUL, ADDRESS, GAS, LINKED, MULTI, STRUCTURED, REGULAR = range(7)
_KINDS = ((0.41, 2.8), (0.19, 2.8), (0.02, 1.4), (0.19, 2.8), (0.16, 5.0), (0.03, 32.0))
"""Of each kind of person (but regulars) the share of all notes, and how many notes one has on average."""
_STEPS = np.array([0.5, 0.8, 1.0])
"""Of wallets half round the price of gas to a gwei, 30 % to a tenth of one, the rest not at all (cumulative)."""
_REGULARS, _EXCHANGES = 200, 20
_TO_REGULAR, _TO_EXCHANGE, _PARTNER = 0.01, 0.03, 0.02
_TWO_PAYERS = 0.25
"""Of those who use several pools, or cut up a receipt, so many pay in from two addresses: no rule sees them as one."""


@dataclass(frozen=True, slots=True)
class PoolRun:
    """Histories of the pools with what is true of them; lists are by pool, rows as in the histories.

    spent       for each withdrawal the row of the deposit that it spends; -1 in a decoy
    kind        for each withdrawal the kind of person that it is of
    known_side  for each withdrawal whether its recipient had been paid by its owner's side before
    receipts        what the structured depositors had received; `groups`: recipients that share spending
    """

    histories: tuple[History, ...]
    spent: tuple[I64, ...]
    kind: tuple[I64, ...]
    known_side: tuple[I64, ...]
    dealings: Dealings
    receipts: tuple[Receipt, ...]
    groups: dict[bytes, bytes]


@dataclass(slots=True)
class _Side:
    """Events as they are drawn: rows of (pool, time, address, price, note) and so on."""

    deposits: list[tuple[int, int, bytes, int, int]] = field(default_factory=list)
    withdrawals: list[tuple[int, int, bytes, bool, int, int, int, bool]] = field(default_factory=list)
    dealt: list[tuple[bytes, bytes]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    groups: dict[bytes, bytes] = field(default_factory=dict)
    notes: int = 0


def generated(seed: int = 1, notes: int = REAL) -> PoolRun:
    """Pools of 0.1, 1, 10 and 100 ETH: some `notes` deposits in the largest and a third as many in each other one."""
    side = _World(seed, 0, notes).play()
    return _run(seed, side, side, linked=True)


def decoy(seed: int = 1, notes: int = REAL) -> PoolRun:
    """The deposits of `generated` with the withdrawals of an independent run: the same marginals, and no link."""
    came, went = (_World(seed, world, notes).play() for world in (0, 1))
    came.dealt += went.dealt
    came.groups |= went.groups
    return _run(seed, came, went, linked=False)


class _World:
    """One run: people come one after another until the pools are as large as asked for."""

    def __init__(self, seed: int, world: int, notes: int) -> None:
        self.rng = np.random.default_rng([seed, world])
        self.wanted = [notes // 3] * (len(SIZES) - 1) + [notes]
        self.size = [0] * len(SIZES)
        self.side = _Side()
        self.end = FIRST_TIME + len(_PERIODS) * 30 * DAY
        self.regulars = [bytes(row) for row in scatter(seed, "pool regular", _REGULARS, ADDRESS_BYTES)]
        self.exchanges = [bytes(row) for row in scatter(seed, "pool exchange", _EXCHANGES, ADDRESS_BYTES)]
        self.names = iter(bytes(row) for row in scatter(seed, f"pool person {world}", 8 * sum(self.wanted) + 10_000,
                                                        ADDRESS_BYTES))  # fmt: skip
        each = [share / mean for share, mean in _KINDS]
        self.periods, self.hours, self.counts, self.kinds = (
            np.cumsum(weights) / sum(weights) for weights in (_PERIODS, _HOURS, _NOTES, each)
        )

    def play(self) -> _Side:
        """Everybody, in no order of time."""
        for regular in self.regulars:
            self._person(REGULAR, regular)
        while any(size < wanted for size, wanted in zip(self.size, self.wanted, strict=True)):
            self._person(self._pick(self.kinds), next(self.names))
        return self.side

    def _person(self, kind: int, sender: bytes) -> None:
        """One person: notes in, a while later notes out."""
        portfolio = self._portfolio(kind)
        price = self._typed() if kind == GAS else 0
        start, notes = self._start(), []
        wanted = [pool for pool, count in portfolio for _ in range(count)]
        payers = [sender]
        if kind in {MULTI, STRUCTURED} and len(wanted) > 1 and self.rng.random() < _TWO_PAYERS:
            payers.append(next(self.names))
        for nth, pool in enumerate(wanted):
            start += self._gap()
            payer = payers[nth * len(payers) // len(wanted)]
            notes.append((pool, self.side.notes))
            self.side.deposits.append((pool, start, payer, price or self._price(start), self.side.notes))
            self.side.notes += 1
            self.size[pool] += 1
        if kind == STRUCTURED:
            self._lots(self.side.deposits[-len(notes) :])
        if self.rng.random() < 0.05:
            self._deal(sender, self.exchanges[int(self.rng.integers(_EXCHANGES))], 3)
        self._withdraw(kind, sender, price, start + 600 + int(self._hold()), notes)

    def _lots(self, deposits: Sequence[tuple[int, int, bytes, int, int]]) -> None:
        """What the payers of structured deposits had received: their notes and up to 8 % more."""
        paid: dict[bytes, int] = {}
        for pool, _, payer, _, _ in deposits:
            paid[payer] = paid.get(payer, 0) + pool_named("eth", SIZES[pool]).units
        for payer, units in paid.items():
            received = units + units * int(self.rng.integers(1, 80)) // 1000
            self.side.receipts.append(Receipt(payer, "native", received, deposits[0][1] - 600))

    def _portfolio(self, kind: int) -> list[tuple[int, int]]:
        """How many notes of which pools."""
        room = np.maximum(np.array(self.wanted) - self.size, 0) + 1.0
        pool = int(self.rng.choice(len(SIZES), p=room / room.sum()))
        count = self._pick(self.counts) + 1
        if count == len(_NOTES):
            count = int(self.rng.integers(20, 61))
        if kind == GAS and self.rng.random() < 0.8:
            count = 1
        if kind == STRUCTURED:
            count = int(self.rng.integers(5, 61))
        if kind == MULTI or self.rng.random() < 0.05:
            pools = self.rng.choice(len(SIZES), int(self.rng.integers(2, 4)), replace=False)
            return [(int(p), int(self.rng.geometric(0.5))) for p in sorted(pools)]
        return [(pool, count)]

    def _withdraw(self, kind: int, sender: bytes, price: int, at: int, notes: list[tuple[int, int]]) -> None:
        """Notes out: to whom, how fast and how paid depends on the kind of person."""
        own_gas = self.rng.random() < _OWN_GAS * (1.6 if kind == ADDRESS else 1.0)
        spread = kind in {CAREFUL, REGULAR} or (kind == MULTI and self.rng.random() < 0.15)
        to, known = self._recipient(kind, sender)
        for nth, (pool, note) in enumerate(notes):
            if spread and nth and self.rng.random() < 0.5:
                at += int(self.rng.exponential(3 * DAY))
                if kind != MULTI:
                    to, known = self._recipient(kind, sender)
            elif kind == STRUCTURED and nth == len(notes) // 2 and self.rng.random() < 0.3:
                twin = next(self.names)
                self.side.groups[to] = self.side.groups[twin] = min(to, twin)
                to = twin
            at += self._gap()
            if at < self.end:
                own = own_gas or kind == GAS
                self.side.withdrawals.append((pool, at, to, own, price or self._price(at), note, kind, known))

    def _recipient(self, kind: int, sender: bytes) -> tuple[bytes, bool]:
        """Who receives a note, and whether the owner's side had paid it before."""
        if kind == ADDRESS:
            return sender, True
        fresh = next(self.names)
        if kind == LINKED:
            self._deal(sender, fresh, int(self.rng.choice([1, 2, 3, 4, 6, 10], p=[0.06, 0.06, 0.3, 0.28, 0.2, 0.1])))
            return fresh, True
        chance = self.rng.random()
        if chance < _TO_REGULAR:
            return self.regulars[int(self.rng.integers(_REGULARS))], False
        if chance < _TO_REGULAR + _TO_EXCHANGE:
            return self.exchanges[int(self.rng.integers(_EXCHANGES))], False
        if chance < _TO_REGULAR + _TO_EXCHANGE + _PARTNER:
            self._deal(fresh, self.regulars[int(self.rng.integers(_REGULARS))], int(self.rng.integers(3, 9)))
        return fresh, bool(self.rng.random() < 0.4)

    def _deal(self, one: bytes, other: bytes, times: int) -> None:
        self.side.dealt += [(one, other)] * times

    def _pick(self, shares: npt.NDArray[np.float64]) -> int:
        """A place drawn by cumulative shares."""
        return int(np.searchsorted(shares, self.rng.random(), "right"))

    def _start(self) -> int:
        period, hour = self._pick(self.periods), self._pick(self.hours)
        return (
            FIRST_TIME + (period * 30 + int(self.rng.integers(30))) * DAY + hour * 3600 + int(self.rng.integers(3600))
        )

    def _gap(self) -> int:
        """Seconds between two notes of one person: minutes as a rule."""
        return 15 + min(int(self.rng.lognormal(np.log(150), 1.2)), 1200)

    def _hold(self) -> float:
        """Seconds between the last note in and the first one out."""
        mean = _HOLD_DAYS * DAY
        return float(self.rng.lognormal(np.log(mean) - _HOLD_SPREAD**2 / 2, _HOLD_SPREAD))

    def _price(self, time: int) -> int:
        """The price of gas that a wallet sets: a market that moves by the week, rounded by half of the wallets."""
        level = 60 + 50 * np.sin(time / (9 * DAY)) + 30 * np.sin(time / (2.3 * DAY))
        gwei = max(level, 8) * self.rng.lognormal(0, 0.25)
        step = (10**9, 10**8, 1)[self._pick(_STEPS)]
        return max(int(gwei * 10**9) // step, 1) * step

    def _typed(self) -> int:
        """A price that somebody typed in, with a few odd digits."""
        return int(self.rng.integers(20_000, 200_000)) * 10**6 + int(self.rng.integers(1, 10)) * 10**5


def _run(seed: int, came: _Side, went: _Side, *, linked: bool) -> PoolRun:
    """The events of both sides as histories."""
    histories, spent, kinds, known = [], [], [], []
    for pool, size in enumerate(SIZES):
        deposits = sorted(row for row in came.deposits if row[0] == pool)
        place = {row[4]: at for at, row in enumerate(deposits)}
        rows = sorted((row for row in went.withdrawals if row[0] == pool), key=lambda row: row[1:3])
        rows = rows if linked else _possible(deposits, rows)
        nullifier = scatter(seed, f"nullifier {pool}", len(rows), HASH_BYTES)
        block = _blocks([row[1] for row in rows])
        order = np.lexsort((*nullifier.T[::-1], block)).tolist()
        rows = [rows[at] for at in order]
        histories.append(_history(seed, pool, pool_named("eth", size), deposits, rows, nullifier[order]))
        spent.append(np.array([place[row[5]] if linked else UNKNOWN for row in rows], np.int64))
        kinds.append(np.array([row[6] for row in rows], np.int64))
        known.append(np.array([row[7] for row in rows], np.int64))
    return PoolRun(tuple(histories), tuple(spent), tuple(kinds), tuple(known), dealings_of(came.dealt),
                   tuple(came.receipts), came.groups)  # fmt: skip


def _possible(
    deposits: Sequence[tuple[int, int, bytes, int, int]],
    rows: Sequence[tuple[int, int, bytes, bool, int, int, int, bool]],
) -> list[tuple[int, int, bytes, bool, int, int, int, bool]]:
    """The withdrawals for which there is a note in the pool."""
    times = np.array([row[1] for row in deposits], np.int64)
    kept: list[tuple[int, int, bytes, bool, int, int, int, bool]] = []
    for row in rows:
        if int(np.searchsorted(times, row[1] - 60)) > len(kept):
            kept.append(row)
    return kept


def _history(
    seed: int, pool: int, facts: Pool, deposits: Sequence[tuple[int, int, bytes, int, int]],
    rows: Sequence[tuple[int, int, bytes, bool, int, int, int, bool]], nullifier: U8,
) -> History:  # fmt: skip
    unknown_in, unknown_out = (np.full(len(events), UNKNOWN, np.int64) for events in (deposits, rows))
    relayer = bytes(scatter(seed, "pool relayer", 1, ADDRESS_BYTES)[0])
    block = _blocks([row[1] for row in deposits])
    came = Deposits(
        block, unknown_in, FIRST_TIME + ((block - FIRST_BLOCK) * PACE).astype(np.int64), np.arange(len(deposits)),
        scatter(seed, f"commitment {pool}", len(deposits), HASH_BYTES),
        scatter(seed, f"pool deposit {pool}", len(deposits), HASH_BYTES), _addresses([row[2] for row in deposits]),
        np.array([row[3] for row in deposits], np.int64),
    )  # fmt: skip
    went = Withdrawals(
        _blocks([row[1] for row in rows]), unknown_out, unknown_out, nullifier,
        scatter(seed, f"pool withdrawal {pool}", len(rows), HASH_BYTES), _addresses([row[2] for row in rows]),
        _addresses([row[2] if row[3] else relayer for row in rows]),
        _addresses([bytes(ADDRESS_BYTES) if row[3] else relayer for row in rows]),
        tuple(0 if row[3] else facts.units // 250 for row in rows), np.array([row[4] for row in rows], np.int64),
    )  # fmt: skip
    return checked(facts, came, went, "generated pool")


def _blocks(times: list[int]) -> I64:
    return FIRST_BLOCK + ((np.array(times, np.int64) - FIRST_TIME) / PACE).astype(np.int64)


def _addresses(rows: list[bytes]) -> U8:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, ADDRESS_BYTES)
