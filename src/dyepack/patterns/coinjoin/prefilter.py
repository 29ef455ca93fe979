"""Which transactions of a ledger a rule could match at all: a first look at their output values alone.

bit    the transaction may be ...
MIX    a CoinJoin: 3 inputs and outputs or more, and 3 equal outputs or more above dust that are half of the outputs but
       one, or any 3 with 10 inputs; or 20 inputs and three values that repeat
ENTRY  a way into a pool: one OP_RETURN output, and all others but two are worth a pool's denomination and a bit more
EQUAL  of the shape that all CoinJoins of equal outputs share, if its input addresses are enough (is_structural)

OP_RETURN outputs count as outputs, but not with their values.

Invariant: every transaction that a rule of this package matches has its bit, at the thresholds of the same Settings.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.shape import distinct

if TYPE_CHECKING:
    from dyepack.ledger.schema import U8, U32
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.coinjoin.settings import Settings
    from dyepack.patterns.coinjoin.shape import TxShape

MIX, ENTRY, EQUAL = 1, 2, 4

DUST = 2730
LEAST_EQUAL = 3
"""Of the shape that all share (BlockSci's and GraphSense's rules): equal outputs of more than that, so many of them."""

_COMPILED_FROM = 20_000
"""Transactions from which on loading compiled code pays."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the first look compares with."""

    pools: tuple[int, ...]
    low: int
    high: int
    others: int
    least_equal: int
    dust: int
    some_inputs: int
    many_inputs: int
    many_values: int

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """The widest bounds of the rules."""
        pool, market, rounds, later = settings.whirlpool, settings.joinmarket, settings.wasabi, settings.wasabi_2
        return cls(
            tuple(p.denomination for p in pool.pools), pool.least_excess, pool.most_excess, pool.most_others,
            min(LEAST_EQUAL, market.least_equal, rounds.least_equal, pool.least_coins),
            min(DUST, market.dust, rounds.base - rounds.tolerance - 1), rounds.least_inputs,
            min(later.least_inputs, later.least_inputs_before), later.least_repeated_values,
        )  # fmt: skip


def candidates(ledger: UtxoLedger, txs: U32, settings: Settings) -> U8:
    """The bits of each of these transactions, (n,)."""
    bounds = Bounds.of(settings)
    if len(txs) < _COMPILED_FROM:
        return plain(ledger, txs, bounds)
    return compiled(ledger, txs, bounds)


def all_candidates(ledger: UtxoLedger, bits: int, settings: Settings) -> list[int]:
    """The transactions of a ledger that have any of these bits, ascending."""
    found: list[int] = []
    bounds = Bounds.of(settings)
    look = compiled if ledger.transactions >= _COMPILED_FROM else plain
    for start in range(0, ledger.transactions, _CHUNK):
        part = np.arange(start, min(start + _CHUNK, ledger.transactions), dtype=np.uint32)
        found += part[look(ledger, part, bounds) & bits != 0].tolist()
    return found


def compiled(ledger: UtxoLedger, txs: U32, bounds: Bounds) -> U8:
    """The bits of each transaction, by the kernel."""
    from dyepack.patterns.coinjoin.prefilter_kernel import candidates as look

    pools, *numbers = astuple(bounds)
    return np.asarray(look(
        txs, ledger.tx_input, ledger.tx_output, ledger.output_value, ledger.output_type, np.array(pools, np.int64),
        tuple(int(n) for n in numbers)), np.uint8)  # fmt: skip


def plain(ledger: UtxoLedger, txs: U32, bounds: Bounds) -> U8:
    """The same in plain Python."""
    found = np.zeros(len(txs), np.uint8)
    for k, tx in enumerate(txs.tolist()):
        ins, made = len(ledger.inputs_of(tx)), ledger.outputs_of(tx)
        if ins and len(made) >= 3:
            values = ledger.output_value[made.start : made.stop].tolist()
            types = ledger.output_type[made.start : made.stop].tolist()
            counts: dict[int, int] = {}
            for value, kind in zip(values, types, strict=True):
                if kind != ScriptType.OP_RETURN:
                    counts[value] = counts.get(value, 0) + 1
            found[k] = _bits(counts, ins, len(made), bounds)
    return found


def _bits(counts: dict[int, int], ins: int, outs: int, bounds: Bounds) -> int:
    spendable = sum(counts.values())
    bits = ENTRY if spendable + 1 == outs and _enters(counts, spendable, bounds) else 0
    if ins < 3:
        return bits
    high = {value: n for value, n in counts.items() if value > bounds.dust}
    best = max(high.values(), default=0)
    if best >= bounds.least_equal:
        inside = sum(n for n in high.values() if n > 1)
        bits |= EQUAL * (2 * inside + 1 >= outs) | MIX * (2 * best + 1 >= outs or ins >= bounds.some_inputs)
    if ins >= bounds.many_inputs and sum(1 for v, n in counts.items() if v and n > 1) >= bounds.many_values:
        bits |= MIX
    return bits


def _enters(counts: dict[int, int], spendable: int, bounds: Bounds) -> bool:
    return any(
        spendable - n <= bounds.others and any(bounds.low <= value - pool <= bounds.high for pool in bounds.pools)
        for value, n in counts.items()
    )


def is_structural(shape: TxShape) -> bool:
    """Whether a transaction has the shape that CoinJoins with equal outputs share.

    3 inputs and outputs or more; 3 outputs or more have one value above 2,730 satoshi; outputs whose value stands there
    more than once are half of the outputs, one apart; inputs of at least as many different addresses. It leaves out of
    clusters too much rather than too little: batch payouts from many addresses as well.
    """
    high = {value: n for value, n in shape.counts().items() if value > DUST}
    best, inside = max(high.values(), default=0), sum(n for n in high.values() if n > 1)
    return (
        min(shape.ins, shape.outs) >= 3
        and best >= LEAST_EQUAL
        and 2 * inside + 1 >= shape.outs
        and distinct(shape.in_script) >= best
    )
