"""Where the coins of a Whirlpool mix come from and where those of a Tx0 go: what makes either surer.

Invariant: only what the ledger holds is used; one parent of the wrong kind and the mix is not verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import NOT_ASKED
from dyepack.patterns.coinjoin.shape import UNKNOWN, shape_of
from dyepack.patterns.coinjoin.whirlpool import judge_mix, judge_tx0

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.coinjoin.shape import TxShape
    from dyepack.patterns.coinjoin.whirlpool import Limits


def parents(ledger: UtxoLedger, mix: TxShape, denomination: int, limits: Limits) -> tuple[int, int]:
    """(fitting, unfitting) inputs of a mix, by the transactions of the ledger that made them.

    A new input is to be a premix output of a Tx0 into this pool, any other an output of an earlier mix of this pool.
    """
    fit = unfit = 0
    for parent, value in zip(mix.in_tx, mix.in_value, strict=True):
        if parent == UNKNOWN:
            continue
        if value > denomination:
            judged = judge_tx0(shape_of(ledger, parent), limits)
            fits = judged.matches and value in judged.denominations
        else:
            judged = judge_mix(shape_of(ledger, parent), limits)
            fits = judged.matches and denomination in judged.denominations
        fit, unfit = fit + fits, unfit + (not fits)
    return fit, unfit


def is_verified(ledger: UtxoLedger, mix: TxShape, denomination: int, limits: Limits) -> bool:
    """Whether the ledger shows where coins of a mix come from, and none of them from anywhere else."""
    fit, unfit = parents(ledger, mix, denomination, limits)
    return fit > 0 and unfit == 0


def mixes_of(ledger: UtxoLedger, premix: tuple[int, ...], denomination: int, limits: Limits) -> list[int]:
    """The transactions of the ledger that spend any of these outputs in a mix of this pool, in chain order."""
    spenders = {int(ledger.output_spender[output]) for output in premix}
    found = []
    for tx in sorted(spender for spender in spenders if spender < NOT_ASKED):
        judged = judge_mix(shape_of(ledger, tx), limits)
        if judged.matches and denomination in judged.denominations:
            found.append(tx)
    return found
