"""What a ledger of outputs shows of a cash-out point after the money came: the sweep of a deposit is what spends it.

Invariant: a balance is told only where the ledger knows of every output at the place whether it is spent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.cashouts.model import Seen, Transfer
from dyepack.ledger.utxo.schema import NOT_ASKED, UNSPENT

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.moves import DyedMove


def outputs_after(ledger: UtxoLedger, address: str, deposits: list[DyedMove]) -> Seen:
    """The sweeps of the deposits, the last move at the address, and what is left there."""
    number = ledger.find_address(address)
    outputs = [_output_of(ledger, m.made) for m in deposits]
    own = ledger.outputs_at(number).astype("int64").tolist() if number is not None else outputs
    spent = {o: int(ledger.output_spender[o]) for o in {*own, *outputs}}
    by_tx: dict[int, int] = {}
    for move, output in zip(deposits, outputs, strict=True):
        if spent[output] < NOT_ASKED:
            by_tx[spent[output]] = by_tx.get(spent[output], 0) + move.units
    sweeps = tuple(
        Transfer(ledger.tx_text(tx), ledger.tx_time(tx), units, _largest(ledger, tx))
        for tx, units in sorted(by_tx.items())
    )
    last = max([ledger.transaction_of(o) for o in own] + [tx for tx in spent.values() if tx < NOT_ASKED], default=-1)
    whole = ledger.complete and all(s < NOT_ASKED or s == UNSPENT for s in spent.values())
    left = sum(int(ledger.output_value[o]) for o in own if spent[o] == UNSPENT)
    here = sum(int(ledger.output_value[o]) for o in outputs if spent[o] == UNSPENT)
    known = whole or all(spent[o] < NOT_ASKED for o in outputs)
    return Seen(sweeps, ledger.tx_time(last) if last >= 0 else "", left if known else None,
                 ledger.tx_time(ledger.transactions - 1) if known else "", swept=bool(by_tx) and not here)  # fmt: skip


def _output_of(ledger: UtxoLedger, outpoint: str) -> int:
    txid, _, number = outpoint.rpartition(":")
    tx = ledger.find_tx(txid)
    return int(ledger.tx_output[tx or 0]) + int(number)


def _largest(ledger: UtxoLedger, tx: int) -> str:
    """The place of the largest output of a transaction."""
    outs = ledger.outputs_of(tx)
    return ledger.place_text(max(outs, key=lambda o: int(ledger.output_value[o]))) if outs else ""
