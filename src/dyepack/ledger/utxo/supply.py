"""The proof that a whole chain is whole: what was made is what is unspent, what was lost, and nothing else.

Invariant: on a ledger without outside inputs and without inputs of unknown value, claimed by coinbases = unspent +
destroyed + fees; the fees are what the coinbases could claim beside their new coins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.stretches import stretch_sums
from dyepack.ledger.utxo.schema import COINBASE, DESTROYED, INCOMPLETE, NOT_ASKED, OUTSIDE, UNSPENT

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger


@dataclass(frozen=True, slots=True)
class Supply:
    """Satoshi over the whole ledger, and how many blocks it has.

    claimed    outputs of coinbases
    brought    inputs whose transaction the ledger does not hold
    fees       what transactions left over
    unspent    outputs that nothing in the ledger spends; `destroyed` those that a duplicate took the place of (BIP 30)
    new        claimed - fees: coins that were made
    exact      no input's value is unknown, so the sums must agree
    """

    blocks: int
    claimed: int
    brought: int
    fees: int
    unspent: int
    destroyed: int
    exact: bool

    @property
    def new(self) -> int:
        """Coins that were made, fees left out."""
        return self.claimed - self.fees

    @property
    def holds(self) -> bool:
        """Whether what came in is what is there: claimed + brought = unspent + destroyed + fees."""
        return self.claimed + self.brought == self.unspent + self.destroyed + self.fees


def supply(ledger: UtxoLedger) -> Supply:
    """Add a whole ledger up."""
    made, spent = stretch_sums(ledger.output_value, ledger.tx_output), stretch_sums(ledger.input_value, ledger.tx_input)
    coinbase = ledger.tx_flag & COINBASE > 0
    whole = ledger.tx_flag == 0
    unspent = (ledger.output_spender == UNSPENT) | (ledger.output_spender == NOT_ASKED)
    return Supply(
        len(ledger.block_height), _total(made[coinbase]), _total(ledger.input_value[ledger.input_tx == OUTSIDE]),
        _total(spent[whole] - made[whole]), _total(ledger.output_value[unspent]),
        _total(ledger.output_value[ledger.output_spender == DESTROYED]),
        not bool((ledger.tx_flag & INCOMPLETE).any()),
    )  # fmt: skip


def _total(values: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> int:
    """An exact sum: low and high halves apart, so that nothing wraps."""
    return int((values & np.uint64(0xFFFFFFFF)).sum()) + (int((values >> np.uint64(32)).sum()) << 32)
