"""Tier 3: payouts that a deposit may have become, by amount, time and address. Leads, never an identification.

A payout fits a deposit if it comes within `window` seconds and its amount is at least deposit * low * (1 - fee_max) and
at most deposit * high * (1 + deviation), with the lowest and highest price around the deposit's time (for one asset on
two ledgers both are the ratio of decimals). Leads are ranked by score: 2 parts time, e^(-delay / 1800), and 8 parts
amount, the width of the fees that are possible with that amount as a share of the widest. The best is `distinct` where
the next scores less than 0.8 of it. Parameters and score are those that LOCARD publishes (arXiv 2604.04211), of which
hit at first place was 4 to 62 % on real swaps.

The address: a payout to the deposit's sender or receiver stands before all others (`address_first`), for whoever
bridges to themselves often keeps the address. It is a sign, and no proof either.

Invariant: amounts are compared exactly; a score ranks the leads of one deposit and means nothing beside a link of
another tier; confidence is at most 40, evidence E6, and the number of candidates goes with every lead.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from dyepack.patterns.bridges.model import BridgeLink, Tier, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dyepack.patterns.bridges.model import BridgeDeposit, Payout

DISTINCT, DISTINCT_AND_ADDRESS, AMBIGUOUS = 30, 40, 10
"""Confidence of a lead: the best where it is distinct, the same with the address, any other."""

METHOD = "amount and time"
METHOD_ADDRESS = "amount, time and address"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The thresholds, with the defaults that LOCARD publishes.

    window      seconds, also the time in which the score's part for time falls to 1/e
    runner_up   the best is distinct if the next scores less than this part of it
    most        leads that are kept for one deposit; candidates are counted whole
    """

    window: int = 1800
    fee_max: Fraction = Fraction(1, 10)
    deviation: Fraction = Fraction(1, 100)
    runner_up: float = 0.8
    time_weight: int = 2
    amount_weight: int = 8
    address_first: bool = True
    most: int = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """Base units of a payout's asset that one base unit of a deposit's asset is worth: at least, at most."""

    low: Fraction
    high: Fraction

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise ValueError("a rate is above 0, its low not above its high")


@dataclass(frozen=True, slots=True)
class Lead:
    """One payout that a deposit may have become; `rank` 1 is the best. Scores compare leads of one deposit only."""

    link: BridgeLink
    rank: int
    score: float
    delay: int
    same_address: bool


@dataclass(frozen=True, slots=True)
class Leads:
    """The leads of one deposit, best first; `candidates` is how many payouts fit, `distinct` whether one stands out."""

    deposit: BridgeDeposit
    leads: tuple[Lead, ...]
    candidates: int
    distinct: bool


def search(
    deposits: Iterable[BridgeDeposit],
    payouts: Iterable[Payout],
    rate: Callable[[BridgeDeposit, Payout], Rate | None],
    parameters: Parameters | None = None,
) -> Iterator[Leads]:
    """The leads of each deposit, in the order given; `rate` is asked once per deposit and asset.

    Deposits of nothing, and deposits and payouts without a time, have no leads. Where `rate` gives None the two assets
    are not compared.
    """
    given = parameters or Parameters()
    market = _Market(payouts)
    for deposit in deposits:
        fitting = list(market.fitting(deposit, rate, given)) if deposit.time >= 0 and deposit.amount else []
        yield _ranked(deposit, fitting, given)


@dataclass(frozen=True, slots=True)
class _Candidate:
    payout: Payout
    score: float
    delay: int
    same_address: bool


class _Market:
    """Payouts by chain and asset, in the order of their time."""

    def __init__(self, payouts: Iterable[Payout]) -> None:
        self.of: dict[str, dict[str, list[Payout]]] = defaultdict(lambda: defaultdict(list))
        for payout in payouts:
            if payout.time >= 0 and not payout.refund:
                self.of[payout.chain][folded(payout.asset)].append(payout)
        for assets in self.of.values():
            for listed in assets.values():
                listed.sort(key=lambda payout: (payout.time, payout.tx, payout.move))
        self.times = {
            (chain, asset): [payout.time for payout in listed]
            for chain, assets in self.of.items()
            for asset, listed in assets.items()
        }

    def fitting(
        self,
        deposit: BridgeDeposit,
        rate: Callable[[BridgeDeposit, Payout], Rate | None],
        given: Parameters,
    ) -> Iterator[_Candidate]:
        """The payouts that fit a deposit in time and amount."""
        own = {folded(a) for a in (deposit.sender, deposit.receiver) if a}
        for chain in [deposit.to_chain] if deposit.to_chain else list(self.of):
            for asset, listed in self.of.get(chain, {}).items():
                if deposit.to_asset and asset != folded(deposit.to_asset):
                    continue
                times = self.times[chain, asset]
                near = range(bisect_left(times, deposit.time), bisect_right(times, deposit.time + given.window))
                found = rate(deposit, listed[near[0]]) if near else None
                if found is None:
                    continue
                low, high = deposit.amount * found.low, deposit.amount * found.high * (1 + given.deviation)
                least, most = math.ceil(low * (1 - given.fee_max)), math.floor(high)
                for payout in (listed[at] for at in near):
                    if least <= payout.amount <= most:
                        delay = payout.time - deposit.time
                        score = _score(low, high, payout.amount, delay, given)
                        yield _Candidate(payout, score, delay, folded(payout.receiver) in own)


def _score(low: Fraction, high: Fraction, amount: int, delay: int, given: Parameters) -> float:
    """0 to 1: time and amount, weighted."""
    fits = float(amount / low) if amount <= low else float((high - amount) / (high - low))
    near = math.exp(-delay / given.window)
    whole = given.time_weight + given.amount_weight
    return round((given.time_weight * near + given.amount_weight * fits) / whole, 6)


def _ranked(deposit: BridgeDeposit, fitting: list[_Candidate], given: Parameters) -> Leads:
    fitting.sort(
        key=lambda c: (not (given.address_first and c.same_address), -c.score, c.delay, c.payout.tx, c.payout.move)
    )
    best = fitting[0] if fitting else None
    rivals = [c for c in fitting[1:] if best and (c.same_address >= best.same_address or not given.address_first)]
    distinct = best is not None and all(c.score < given.runner_up * best.score for c in rivals)
    leads = []
    for rank, found in enumerate(fitting[: given.most], 1):
        confidence = AMBIGUOUS
        if rank == 1 and distinct:
            confidence = DISTINCT_AND_ADDRESS if found.same_address else DISTINCT
        method = METHOD_ADDRESS if found.same_address else METHOD
        link = BridgeLink(deposit, found.payout, Tier.INFERRED, "E6", method, confidence, len(fitting))
        leads.append(Lead(link, rank, found.score, found.delay, found.same_address))
    return Leads(deposit, tuple(leads), len(fitting), distinct)
