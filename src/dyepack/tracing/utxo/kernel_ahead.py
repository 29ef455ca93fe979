"""Asking the memory ahead for what the replay will read of transactions that already wait.

A replay hops through the chain, so nearly all it reads comes from slow memory. Each transaction that waits passes four
places of a queue: its offsets are asked for at the first, then its inputs and outputs, then the offsets of what it
spends, then the slots of these outputs. These are hints: a transaction that begins to wait later is read unasked.
Invariant: nothing here changes any value.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf, prefetch
from dyepack.ledger.utxo.schema import OUTSIDE

_OUTSIDE = np.uint32(OUTSIDE)
_MOST = 8


@leaf
def ask_offsets(tx, tx_input, tx_output, tx_flag):  # type: ignore[no-untyped-def]
    """Where inputs and outputs of a transaction begin."""
    prefetch(tx_input, np.uint64(tx))
    prefetch(tx_output, np.uint64(tx))
    prefetch(tx_flag, np.uint64(tx))


@leaf
def ask_rows(  # type: ignore[no-untyped-def]
    tx, tx_input, tx_output, input_tx, input_index, input_value, output_value, output_spender
):
    """Its first inputs and outputs."""
    at = np.uint64(tx_input[tx])
    prefetch(input_tx, at)
    prefetch(input_index, at)
    prefetch(input_value, at)
    at = np.uint64(tx_output[tx])
    prefetch(output_value, at)
    prefetch(output_spender, at)


@leaf
def ask_spent(tx, tx_input, input_tx, tx_output):  # type: ignore[no-untyped-def]
    """Where the outputs of the transactions that it spends begin."""
    first = np.int64(tx_input[tx])
    for at in range(first, min(np.int64(tx_input[tx + 1]), first + _MOST)):
        if input_tx[at] != _OUTSIDE:
            prefetch(tx_output, np.uint64(input_tx[at]))


@leaf
def ask_slots(tx, tx_input, input_tx, input_index, tx_output, slot):  # type: ignore[no-untyped-def]
    """The slots of the outputs that it spends."""
    first = np.int64(tx_input[tx])
    for at in range(first, min(np.int64(tx_input[tx + 1]), first + _MOST)):
        if input_tx[at] != _OUTSIDE:
            prefetch(slot, np.uint64(tx_output[np.uint64(input_tx[at])]) + np.uint64(input_index[at]))
