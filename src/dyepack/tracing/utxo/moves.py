"""The dyed moves of a run on a ledger of outputs: from which output, through which transaction, into which.

The replay says how much dye of a leg each output got. Laying a transaction's dyed inputs end to end, in the order of
the rule, and cutting them into its outputs says from which input it came: exact where the rule keeps order (clean
units left out, first-in-first-out stays first-in-first-out), an illustration under haircut.
Invariant: the moves into an output sum to its rows; a spent output is used up exactly.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.tracing.moves import DyedMove
from dyepack.tracing.terminals import Stop
from dyepack.tracing.transaction import RULES, withdraw_order
from dyepack.tracing.utxo.plan import FEE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.utxo.plan import UtxoPlan, UtxoRun


@dataclass(slots=True)
class _Cell:
    """Dyed units of one leg in one output (FEE: in the fee) of transaction `tx`, and why they went no further; `tx` is
    -1 where they are what is asked about (backward)."""

    tx: int
    output: int
    units: int
    hop: int
    stop: Stop


def dyed_moves(ledger: UtxoLedger, plan: UtxoPlan, run: UtxoRun) -> list[DyedMove]:
    """The moves of a run, in replay order."""
    words = _Words(ledger, plan)
    fresh: dict[tuple[int, int], int] = {}
    for output, leg, units in run.origin.tolist():
        fresh[output, leg] = fresh.get((output, leg), 0) + units
    waiting: dict[tuple[int, int], list[_Cell]] = {}
    if plan.backward:
        for (output, leg), units in fresh.items():
            tx = ledger.transaction_of(output)
            waiting.setdefault((tx, leg), []).append(_Cell(-1, output, units, 0, Stop.CARRIED))
        fresh = {}
    out: list[DyedMove] = []
    for (tx, leg), cells in _by_transaction(run).items():
        givers = waiting.pop((tx, leg), [])
        for cell in cells:
            new = fresh.pop((cell.output, leg), 0)
            if new:
                out.append(words.move(tx, leg, None, cell, new))
            if cell.stop is Stop.CARRIED:
                onward = _Cell(tx, cell.output, cell.units, cell.hop, cell.stop)
                waiting.setdefault((words.onward(tx, cell.output), leg), []).append(onward)
            cell.units -= new
        for giver, cell, units in _lay(words.givers(run.rule, tx, givers), words.takers(run.rule, tx, cells)):
            out.append(words.move(tx, leg, giver, cell, units))
    return out


def _by_transaction(run: UtxoRun) -> dict[tuple[int, int], list[_Cell]]:
    """The rows of a run by (transaction, leg), the runs of a leg in one output taken together."""
    found: dict[tuple[int, int], list[_Cell]] = {}
    for tx, output, leg, hop, stop, units in run.dyed.tolist():
        cells = found.setdefault((tx, leg), [])
        if cells and cells[-1].output == output:
            cells[-1].units += units
        elif known := [c for c in cells if c.output == output]:
            known[0].units += units
        else:
            cells.append(_Cell(tx, output, units, hop, Stop(stop)))
    return found


def _lay(givers: list[_Cell], takers: list[_Cell]) -> Iterator[tuple[_Cell, _Cell, int]]:
    """Cut the units of the givers, end to end, into the takers."""
    queue = deque((g, g.units) for g in givers)
    for taker in takers:
        need = taker.units
        while need and queue:
            giver, have = queue.popleft()
            part = min(need, have)
            if have > part:
                queue.appendleft((giver, have - part))
            need -= part
            yield giver, taker, part


class _Words:
    """Orders and texts of outputs, inputs and transactions."""

    def __init__(self, ledger: UtxoLedger, plan: UtxoPlan) -> None:
        self.ledger, self.plan = ledger, plan
        self._texts: dict[int, tuple[str, str]] = {}

    def onward(self, tx: int, output: int) -> int:
        """The transaction to which units in an output go on: of a fee the coinbase of its block."""
        if output == FEE:
            return int(self.ledger.block_tx[self.ledger.tx_block[tx]])
        return self.ledger.transaction_of(output) if self.plan.backward else int(self.ledger.output_spender[output])

    def givers(self, rule: str, tx: int, cells: list[_Cell]) -> list[_Cell]:
        """The dyed cells that a transaction takes from, in the order of the rule."""
        return self._made(rule, tx, cells) if self.plan.backward else self._spent(rule, tx, cells)

    def takers(self, rule: str, tx: int, cells: list[_Cell]) -> list[_Cell]:
        """The dyed cells that it fills, in the order of the rule.

        Backward, what stops at the outputs of a coinbase, or of a transaction that is incomplete, stays in them.
        """
        ends = self.ledger.is_coinbase(tx) or self.ledger.is_incomplete(tx)
        return self._spent(rule, tx, cells) if self.plan.backward and not ends else self._made(rule, tx, cells)

    def _spent(self, rule: str, tx: int, cells: list[_Cell]) -> list[_Cell]:
        """Cells in the order in which a transaction deposits its inputs; of a coinbase, the fees of its block."""
        if len(cells) < 2:
            return cells
        place: dict[int, int] = {}
        for number, at in enumerate(self.ledger.inputs_of(tx)):
            output = self.ledger.spent_output(at)
            place[-2 - at if output is None else output] = number
        ordered = sorted(cells, key=lambda c: c.tx if c.output == FEE else place[c.output])
        return ordered[::-1] if rule == "lifo-a" else ordered

    def _made(self, rule: str, tx: int, cells: list[_Cell]) -> list[_Cell]:
        """Cells in the order in which a transaction fills its outputs."""
        if len(cells) < 2:
            return cells
        outs = self.ledger.outputs_of(tx)
        values = [int(v) for v in self.ledger.output_value[outs.start : outs.stop].tolist()]
        place = {outs.start + n: rank for rank, n in enumerate(withdraw_order(values, RULES[rule][1]))}
        first = self.plan.fee_first and not self.ledger.is_coinbase(tx)
        place[FEE] = -1 if first else len(values)
        return sorted(cells, key=lambda c: place[c.output])

    def move(self, tx: int, leg: int, giver: _Cell | None, cell: _Cell, units: int) -> DyedMove:
        """One piece of a transaction, in words; without a giver the theft itself brought it."""
        ledger = self.ledger
        real = cell.output if cell.output >= 0 else None
        source, spent = self._place(giver.output, giver.tx) if giver else ("", "")
        target, made = self._place(cell.output, tx)
        target = "" if cell.output == FEE and cell.stop is not Stop.CARRIED else target
        value = int(ledger.output_value[real]) if real is not None else self._other_value(tx, cell.output)
        number = 0 if real is None else real - int(ledger.tx_output[ledger.transaction_of(real)])
        return DyedMove(
            move=tx, txid=ledger.tx_text(tx), block=int(ledger.block_height[ledger.tx_block[tx]]),
            time=ledger.tx_time(tx), kind="fee" if cell.output == FEE else "output", index=number, leg=leg,
            source=source, target=target, asset=ledger.assets[0].key, value=value, units=units,
            fresh=0 if giver and giver.tx >= 0 else units, hop=cell.hop, stop=cell.stop.name.lower(), spent=spent,
            made=made,
        )  # fmt: skip

    def _other_value(self, tx: int, output: int) -> int:
        if output != FEE:
            return int(self.ledger.input_value[-2 - output])
        return self._unclaimed(tx) if self.ledger.is_coinbase(tx) else self.ledger.fee(tx)

    def _unclaimed(self, coinbase: int) -> int:
        """Satoshi of the fees of a block that its coinbase does not pay out."""
        ledger = self.ledger
        txs = range(*ledger.block_tx[ledger.tx_block[coinbase] :][:2].tolist())
        outs = ledger.outputs_of(coinbase)
        paid = int(ledger.output_value[outs.start : outs.stop].sum())
        return max(sum(ledger.fee(tx) for tx in txs[1:]) - paid, 0)

    def _place(self, output: int, tx: int) -> tuple[str, str]:
        """Address (or the output itself) and outpoint; of a fee nothing and "fee:" with its transaction."""
        key = output if output != FEE else -(1 << 60) - tx
        if key not in self._texts:
            self._texts[key] = self._work_out(output, tx)
        return self._texts[key]

    def _work_out(self, output: int, tx: int) -> tuple[str, str]:
        ledger = self.ledger
        if output == FEE:
            height = int(ledger.block_height[ledger.tx_block[tx]])
            return f"fees of block {height}", f"fee:{ledger.tx_text(tx)}"
        if output >= 0:
            return ledger.place_text(output), ledger.outpoint_text(output)
        at = -2 - output
        point = ledger.outside_text(at)
        address = ledger.input_address(at)
        return point if address is None else ledger.address_text(address), point
