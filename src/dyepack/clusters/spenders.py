"""Who spends in which transaction: addresses of inputs, transactions that join addresses, transactions of an address.

Invariant: an address that nobody knows is NO_ADDRESS, in its place among the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.ledger.utxo.schema import COINBASE, OUTSIDE

if TYPE_CHECKING:
    from dyepack.ledger.schema import U32, U64
    from dyepack.ledger.utxo.reader import UtxoLedger

Flags = npt.NDArray[np.bool_]


def inputs_of(ledger: UtxoLedger, txs: U32) -> tuple[U64, U32]:
    """(offset, address): the addresses that each of these transactions spends from, in order of its inputs."""
    from dyepack.clusters.kernel import input_addresses

    offset, address = input_addresses(
        txs, ledger.tx_input, ledger.input_tx, ledger.input_index, ledger.tx_output, ledger.output_address,
        ledger.outside_address)  # fmt: skip
    return offset, address


def joining(ledger: UtxoLedger, txs: U32, left_out: Flags) -> Flags:
    """Which of these transactions join addresses: they have several inputs, make no coins, are not left out."""
    several = ledger.tx_input[txs.astype(np.int64) + 1] - ledger.tx_input[txs] > 1
    return np.asarray(several & (ledger.tx_flag[txs] & COINBASE == 0) & ~left_out[txs], np.bool_)


def spending(ledger: UtxoLedger, members: U32) -> U32:
    """The transactions that spend from any of these addresses, ascending."""
    from dyepack.clusters.kernel import spenders

    found = spenders(members, ledger.address_offset, ledger.address_output, ledger.output_spender)
    if len(ledger.outside_tx):
        rows = np.flatnonzero(ledger.input_tx == OUTSIDE)
        rows = rows[np.isin(ledger.outside_address[ledger.input_index[rows]], members)]
        txs = np.searchsorted(ledger.tx_input, rows.astype(np.uint64), side="right") - 1
        found = np.concatenate([found, txs.astype(np.uint32)])
    return np.unique(found)
