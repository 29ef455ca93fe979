"""Payouts for real bridge deposits, generated: what each became, and what only looks like it.

The deposits are given (real amounts and times, or made); the payouts are made by the habits of each bridge: a fee in
basis points and a delay, log-normal around a median. The habits are assumptions (HABITS): our data holds no times or
amounts of real payouts. Beside the true payouts come, by the shares of Mix: deposits that are dropped, refunded, or
(THORChain) split; twins (same receiver, asset and amount, another transfer), forgeries that name a real deposit (other
receiver, other chain, twice the amount, too early), copies that somebody else's contract or key wrote, a second payout
of one deposit, repeats of a record, and a market of payouts to others whose amounts and times are near.

Invariant: equal arguments give equal worlds; `truth` has the deposit of every true payout, and no other's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING

from dyepack.patterns.bridges.celer import transfer_id
from dyepack.patterns.bridges.model import NATIVE, BridgeDeposit, Payout
from dyepack.synthetic.identity import address, tx_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

SIX_DECIMALS = frozenset({"0xdac17f958d2ee523a2206206994597c13d831ec7", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"})
"""Tokens (USDT, USDC on Ethereum) that have 6 decimals there and 18 on BSC; all others are taken to have the same."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a bridge pays: fees in basis points, and the median and the spread of the delay (log-normal, seconds)."""

    fee_low: int
    fee_high: int
    median: int
    spread: float


HABITS = {
    "celer": Habits(4, 80, 300, 0.7),
    "poly": Habits(0, 40, 420, 0.8),
    "multichain": Habits(10, 100, 780, 0.6),
    "thorchain": Habits(10, 200, 600, 0.9),
}


@dataclass(frozen=True, slots=True)
class Mix:
    """How often what happens, in parts of 1 of the deposits; `market`: how many payouts to others each has near it."""

    dropped: float = 0.01
    refunded: float = 0.02
    split: float = 0.05
    twins: float = 0.2
    forged: float = 0.05
    foreign: float = 0.05
    doubled: float = 0.001
    repeated: float = 0.01
    market: int = 0


@dataclass(slots=True)
class World:
    """Deposits, payouts in the order of their time, and which deposit each true payout is of.

    foreign  copies that were not written by the bridge
    counts   how many of each kind there are
    """

    deposits: list[BridgeDeposit] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    truth: dict[Payout, BridgeDeposit] = field(default_factory=dict)
    foreign: set[Payout] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, payout: Payout, deposit: BridgeDeposit | None = None) -> None:
        """One more payout, a true one if it has a deposit."""
        self.payouts.append(payout)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if deposit is not None:
            self.truth[payout] = deposit


class Dice:
    """Numbers from a seed, the same on every machine."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed, self._rolled = f"{seed}/{name}/", 0

    def part(self) -> float:
        """At least 0, below 1."""
        self._rolled += 1
        return int.from_bytes(sha256(f"{self._seed}{self._rolled}".encode()).digest()[:6]) / (1 << 48)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.part() * (high - low + 1))

    def bell(self) -> float:
        """Around 0 with deviation 1, at most 6 away."""
        return sum(self.part() for _ in range(12)) - 6


def par(deposit: BridgeDeposit, payout: Payout) -> Fraction:
    """Base units on BSC of one base unit on Ethereum, as this world has them."""
    del payout
    return Fraction(10**12 if deposit.asset.lower() in SIX_DECIMALS else 1)


def numbered(deposits: Iterable[BridgeDeposit]) -> list[BridgeDeposit]:
    """Deposits with the message ids that their bridges would have given them: hashes (Celer), a counter (Poly)."""
    given = []
    for number, deposit in enumerate(deposits):
        told = deposit
        if deposit.bridge == "celer" and not deposit.message_id:
            terms = (deposit.sender, deposit.receiver, deposit.asset, deposit.amount)
            told = replace(deposit, message_id=transfer_id(*terms, 56, number, 1))
        elif deposit.bridge == "poly" and not deposit.message_id:
            told = replace(deposit, message_id="0x" + number.to_bytes(32).hex())
        given.append(told)
    return given


def world(deposits: Iterable[BridgeDeposit], seed: int = 1, mix: Mix | None = None) -> World:
    """What became of the deposits, which have a time each."""
    shares = mix or Mix()
    made = World(deposits=numbered(deposits))
    for rank, deposit in enumerate(made.deposits):
        _Maker(made, deposit, shares, seed, rank).make()
    made.payouts.sort(key=lambda payout: (payout.time, payout.tx, payout.move))
    return made


class _Maker:
    """The payouts that one deposit brings about."""

    def __init__(self, made: World, deposit: BridgeDeposit, mix: Mix, seed: int, rank: int) -> None:
        self.made, self.deposit, self.mix = made, deposit, mix
        self.seed, self.rank, self.count = seed, rank, 0
        self.dice = Dice(seed, f"bridge/{rank}")
        self.habits = HABITS[deposit.bridge]

    def make(self) -> None:
        """Every payout, the true ones first."""
        fate = self.dice.part()
        true = None
        if fate < self.mix.dropped:
            self.made.counts["dropped"] = self.made.counts.get("dropped", 0) + 1
        elif fate < self.mix.dropped + self.mix.refunded and self.deposit.bridge == "thorchain":
            self._refund()
        elif self.deposit.bridge == "thorchain" and self.dice.part() < self.mix.split:
            self._split()
        else:
            true = self._paid()
            self.made.add("true", true, self.deposit)
            self._claims(true)
        for _ in range(self.mix.market):
            self._other()

    def _tx(self) -> str:
        """A new transaction's hash."""
        self.count += 1
        return tx_hash(self.seed, (self.rank << 12) + self.count)

    def _paid(self) -> Payout:
        deposit, dice = self.deposit, self.dice
        fee = dice.between(self.habits.fee_low, self.habits.fee_high)
        worth = deposit.amount * par(deposit, _NOBODY)
        asset = self._asset()
        memo = "OUT:" + deposit.tx.removeprefix("0x").upper() if deposit.bridge == "thorchain" else ""
        return Payout(
            deposit.bridge, deposit.to_chain, self._tx(), deposit.receiver, asset, int(worth * (10_000 - fee) / 10_000),
            from_chain="" if deposit.bridge == "thorchain" else deposit.chain, message_id=deposit.message_id,
            from_tx=deposit.tx if deposit.bridge in {"multichain", "thorchain"} else "",
            time=deposit.time + self._delay(), memo=memo,
        )  # fmt: skip

    def _asset(self) -> str:
        """What is paid out: on THORChain the coin of the chain."""
        if self.deposit.bridge == "thorchain":
            return NATIVE
        return self.deposit.to_asset or address(self.seed, f"asset/{self.deposit.asset}")

    def _delay(self) -> int:
        return max(12, round(self.habits.median * math.exp(self.habits.spread * self.dice.bell())))

    def _refund(self) -> None:
        deposit = self.deposit
        back = Payout(
            deposit.bridge, deposit.chain, self._tx(), deposit.sender, deposit.asset, deposit.amount * 999 // 1000,
            from_tx=deposit.tx, time=deposit.time + self._delay(), refund=True,
            memo="REFUND:" + deposit.tx.removeprefix("0x").upper(),
        )  # fmt: skip
        self.made.add("refund", back, deposit)

    def _split(self) -> None:
        whole = self._paid()
        first = whole.amount * self.dice.between(20, 80) // 100
        for amount in (first, whole.amount - first):
            part = replace(whole, tx=self._tx(), amount=amount, time=whole.time + self.dice.between(0, 120))
            self.made.add("split", part, deposit=self.deposit)

    def _claims(self, true: Payout) -> None:
        """What names this deposit, or looks like its payout, and is not."""
        dice, made = self.dice, self.made
        near = true.time + dice.between(-600, 900)
        if dice.part() < self.mix.twins:
            message_id = "0x" + sha256(f"twin/{true.tx}".encode()).hexdigest() if true.message_id else ""
            source = self._tx() if true.from_tx else ""
            memo = "OUT:" + source[2:].upper() if true.memo else ""
            twin = replace(true, tx=self._tx(), time=near, message_id=message_id, from_tx=source, memo=memo)
            made.add("twin", twin)
        if dice.part() < self.mix.forged and true.bridge != "thorchain":
            other = address(self.seed, f"forger/{self.rank}")
            made.add("forged receiver", replace(true, tx=self._tx(), receiver=other, time=near))
            made.add("forged chain", replace(true, tx=self._tx(), from_chain="polygon", time=near))
            made.add("forged asset or amount", replace(true, tx=self._tx(), amount=true.amount * 2, time=near))
        if dice.part() < self.mix.forged:
            made.add("too early", replace(true, tx=self._tx(), time=self.deposit.time - 86_400))
        if dice.part() < self.mix.foreign:
            copy = replace(true, tx=self._tx(), time=near)
            made.add("foreign copy", copy)
            made.foreign.add(copy)
        if dice.part() < self.mix.doubled and true.bridge != "thorchain":
            made.add("doubled", replace(true, tx=self._tx(), time=near + 30))
        if dice.part() < self.mix.repeated:
            made.add("repeat of a record", true)

    def _other(self) -> None:
        """A payout to somebody else whose amount and time are near."""
        deposit, dice = self.deposit, self.dice
        amount = int(deposit.amount * par(deposit, _NOBODY) * dice.between(880, 1020) / 1000)
        other = Payout(
            deposit.bridge, deposit.to_chain, self._tx(), address(self.seed, f"other/{self.rank}/{self.count}"),
            self._asset(), amount + dice.between(0, 999),
            from_chain="" if deposit.bridge == "thorchain" else deposit.chain, message_id=self._tx(),
            time=deposit.time + dice.between(-600, 2400),
        )  # fmt: skip
        self.made.add("market", other)


_NOBODY = Payout("", "", "", "", "", 0)
