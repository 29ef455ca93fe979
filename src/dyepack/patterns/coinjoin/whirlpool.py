"""Whirlpool (Samourai, since 2025 Ashigaru): a mix of 5 to 8 equal coins of a pool, and Tx0, the way into a pool.

A mix is exact: as many outputs as inputs, all outputs worth the pool's denomination; 1 to 4 inputs are new (premix:
they bring the miner's fee), the others come from earlier mixes for nothing. A Tx0 splits one wallet's coins into premix
outputs, the pool's fee and the change, with one OP_RETURN output. It is no CoinJoin: its inputs are one party's.

Lineage makes it surer: a mix whose premix comes from Tx0s and whose other inputs come from mixes of its pool, a Tx0
whose premix a mix spends. It is looked up in the ledger (detect.py).

GraphSense-lib asks a Tx0 for exactly one output in the range of the pool's fee. In 121 of 749 real ones the change lies
there too (found in both halves of the very file on which it was then measured), so here one or more is asked for.
No source gives the fees of the pools of 0.025 and 0.25 BTC: any from 3.5 to 5 % is taken, the range of the old pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.judged import (
    Check,
    Judged,
    at_least,
    at_most,
    between,
    parameters,
    since,
    worth_at_least,
    worth_at_most,
)  # fmt: skip
from dyepack.patterns.coinjoin.shape import distinct, most_frequent
from dyepack.patterns.finding import Figure, Rule

if TYPE_CHECKING:
    from collections import Counter

    from dyepack.patterns.coinjoin.shape import TxShape

LINEAGE_CONFIDENCE = 90
"""Where the ledger shows the way in or the way on."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool: what a coin in it is worth, and from what to what an output may be its fee (half to thrice)."""

    denomination: int
    least_fee: int
    most_fee: int


POOLS = (
    Pool(100_000, 2_500, 15_000),
    Pool(1_000_000, 25_000, 150_000),
    Pool(2_500_000, 43_750, 375_000),
    Pool(5_000_000, 87_500, 525_000),
    Pool(25_000_000, 437_500, 3_750_000),
    Pool(50_000_000, 875_000, 5_250_000),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, by their names in the rules."""

    first_height: int = 570_000
    least_coins: int = 5
    most_coins: int = 8
    least_new: int = 1
    most_new: int = 4
    least_excess: int = 100
    most_excess: int = 110_000
    most_premix: int = 70
    most_others: int = 2
    pools: tuple[Pool, ...] = POOLS

    def pool_of(self, value: int) -> Pool | None:
        """The pool with this denomination."""
        return next((pool for pool in self.pools if pool.denomination == value), None)

    def premix_of(self, value: int) -> Pool | None:
        """The pool into which an output of this value leads."""
        low, high = self.least_excess, self.most_excess
        return next((pool for pool in self.pools if low <= value - pool.denomination <= high), None)

    def parameters(self) -> dict[str, Figure]:
        """The thresholds as a rule lists them."""
        named = parameters(self, "least_excess", "most_excess")
        pools = " ".join(str(pool.denomination) for pool in self.pools)
        fees = " ".join(f"{pool.least_fee}-{pool.most_fee}" for pool in self.pools)
        return named | {"pools": pools, "fees": fees}


DEFAULT = Limits()

MIX = Rule(
    id="whirlpool-mix/1",
    pattern="CoinJoin",
    conditions="5 to 8 inputs and as many outputs, all addresses different; every output is worth the denomination of "
    "a pool (0.001, 0.01, 0.025, 0.05, 0.25 or 0.5 BTC), every input that or up to 110,000 satoshi more, and 1 to 4 "
    "inputs 100 satoshi more or above",
    source="GraphSense-lib; pools of 2025: coinjoin-analysis",
    confidence=60,
    evidence="E5",
    measured="found all of 1,403 listed mixes of March 2024 and of 251 and 151 that other lists hold, and none of "
    "3,134 listed Tx0s and spendings after mixes; no alarm in 7,379 transactions of whole blocks",
    parameters=DEFAULT.parameters(),
)
TX0 = Rule(
    id="whirlpool-tx0/1",
    pattern="pool entry",
    conditions="exactly one OP_RETURN output; the most frequent other value, on 1 to 70 outputs, is 100 to 110,000 "
    "satoshi above the denomination of a pool; at most two other outputs, of which one or both are worth half to "
    "three times the pool's fee",
    source="GraphSense-lib; 'one or both' for 'exactly one' is this project's own",
    confidence=60,
    evidence="E5",
    measured="found all of 749 listed Tx0s, on which it was adjusted, and none of 1,554 mixes; 3 of 2,636 spendings "
    "after mixes, which are Tx0s by every sign; no alarm in 7,379 transactions of whole blocks",
    parameters=DEFAULT.parameters(),
)


def judge_mix(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of a mix on a transaction."""
    value, equal = most_frequent(shape.counts())
    pool = limits.pool_of(value)
    excess = [units - value for units in shape.in_value]
    new = [over for over in excess if over > 0]
    low, high = min(excess, default=-1), max(excess, default=-1)
    least_new = min(new, default=0)
    scripts = distinct((*shape.in_script, *shape.out_script))
    checks = (
        since(shape.height, limits.first_height),
        Check("outputs", shape.outs, f"= {shape.ins} inputs", shape.outs == shape.ins),
        between("inputs", shape.ins, limits.least_coins, limits.most_coins),
        Check("equal outputs", equal, f"= {shape.outs} outputs", equal == shape.outs),
        Check("denomination", str(value), "a pool's", pool is not None),
        at_least("addresses", scripts, shape.ins + shape.outs),
        worth_at_least("smallest input over denomination", low, 0),
        worth_at_most("largest input over denomination", high, limits.most_excess),
        between("new inputs", len(new), limits.least_new, limits.most_new),
        worth_at_least("smallest fee of a new input", least_new, limits.least_excess),
    )
    return Judged(MIX, checks, MIX.confidence, {value: shape.outputs_worth(value)} if equal else {})


def judge_tx0(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of a Tx0 on a transaction; its denominations are the premix outputs."""
    counts = shape.counts()
    value, premix, pool = _premix(counts, limits)
    others = [units for units in counts.elements() if units != value]
    fees = sum(1 for units in others if pool and pool.least_fee <= units <= pool.most_fee)
    types = {
        kind for units, kind in zip(shape.out_value, shape.out_type, strict=True)
        if units == value and kind != ScriptType.OP_RETURN
    }  # fmt: skip
    checks = (
        since(shape.height, limits.first_height),
        Check("OP_RETURN outputs", shape.data_outputs, "= 1", shape.data_outputs == 1),
        Check("most frequent value", str(value), "a pool's and 100 to 110,000", pool is not None),
        between("premix outputs", premix, 1, limits.most_premix),
        at_most("other outputs", len(others), limits.most_others),
        at_least("outputs in the range of the pool's fee", fees, 1),
        Check("premix type", " ".join(str(t) for t in sorted(types)), "P2WPKH", types <= {ScriptType.P2WPKH}),
    )
    return Judged(TX0, checks, TX0.confidence, {value: shape.outputs_worth(value)} if pool else {})


def _premix(counts: Counter[int], limits: Limits) -> tuple[int, int, Pool | None]:
    """(value, outputs, pool) of the premix: among the most frequent values, the largest that leads into a pool."""
    most = max(counts.values(), default=0)
    found = [(value, pool) for value, n in counts.items() if n == most and (pool := limits.premix_of(value))]
    value, pool = max(found, key=lambda pair: pair[0], default=(0, None))
    return value, most if pool else 0, pool
