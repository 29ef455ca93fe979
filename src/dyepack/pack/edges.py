"""Every dyed row of a case looked up in its ledger: the move is there, is that transaction's, and has that value.

Invariant: it returns only if each row names a move or output of the ledger with the value, and between the places,
that the row says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.schema import MoveKind
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.pack.resum import MOVES
from dyepack.pack.verification import PackFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.moves import DyedMove


def check(ledger: AnyLedger, moves: Sequence[DyedMove]) -> int:
    """How many rows were found in the ledger (declared deposits have no move); PackFault names the first that was
    not."""
    count = 0
    for line, m in enumerate(moves, 2):
        if m.move < 0:
            continue
        try:
            said = _of_outputs(ledger, m) if isinstance(ledger, UtxoLedger) else _of_accounts(ledger, m)
        except (IndexError, ValueError, OverflowError):
            said = "is not in the ledger"
        if said:
            raise PackFault("edges", MOVES, said, line)
        count += 1
    return count


def _of_accounts(ledger: Ledger, m: DyedMove) -> str:
    """In what a row differs from its move, "" if in nothing."""
    if m.move >= len(ledger.move_tx):
        return "is not in the ledger"
    tx = int(ledger.move_tx[m.move])
    kind = MoveKind(int(ledger.move_kind[m.move])).name.lower()
    if (m.txid, m.kind, m.index) != (ledger.tx_text(tx), kind, int(ledger.move_index[m.move])):
        return "is another move in the ledger"
    if (m.time, m.block) != (ledger.move_time(m.move), int(ledger.tx_block[tx])):
        return "was at another time in the ledger"
    if m.value != ledger.amount(m.move) or m.asset != ledger.assets[ledger.move_asset(m.move)].key:
        return "has another value or asset in the ledger"
    ends = {ledger.place_text(int(ledger.move_from[m.move])), ledger.place_text(int(ledger.move_to[m.move])), ""}
    return "" if {m.source, m.target} <= ends else "goes between other places in the ledger"


def _of_outputs(ledger: UtxoLedger, m: DyedMove) -> str:
    if m.txid != ledger.tx_text(m.move):
        return "is another transaction in the ledger"
    if (m.time, m.block) != (ledger.tx_time(m.move), int(ledger.block_height[ledger.tx_block[m.move]])):
        return "was at another time in the ledger"
    if m.made.startswith("fee:"):
        own = ledger.find_tx(m.made.removeprefix("fee:"))
        return "" if own is not None and ledger.fee(own) == m.value else "has another fee in the ledger"
    txid, _, number = m.made.rpartition(":")
    tx = ledger.find_tx(txid)
    if tx is None:
        outside = [at for at in ledger.inputs_of(m.move) if ledger.spent_output(at) is None]
        told = [int(ledger.input_value[at]) for at in outside if ledger.outside_text(at) == m.made]
        return "" if told == [m.value] else "makes no output of the ledger"
    return _of_output(ledger, m, tx, int(ledger.tx_output[tx]) + int(number))


def _of_output(ledger: UtxoLedger, m: DyedMove, tx: int, output: int) -> str:
    if output not in ledger.outputs_of(tx) or ledger.outpoint_text(output) != m.made:
        return "makes no output of the ledger"
    if m.value != int(ledger.output_value[output]):
        return "has another value in the ledger"
    return "" if m.target in {ledger.place_text(output), ""} else "reaches another place in the ledger"
