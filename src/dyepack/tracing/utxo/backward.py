"""The replay backward on a ledger of outputs: from outputs to where their units came from, exactly.

First-in-first-out and last-in-first-out keep the order of units, so a transaction is undone by laying its outputs (in
the order in which they were filled) and its fee end to end and cutting that into its inputs. Rules that do not keep
order cannot be undone (engine.rules_to_run).
Invariant: the dye of each transaction's outputs is the dye of its inputs, or of what stops there.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from dyepack.tracing.holding import Fifo, Piece
from dyepack.tracing.plan import FOLLOW
from dyepack.tracing.terminals import Stop
from dyepack.tracing.transaction import RULES, dye_clean, withdraw_order
from dyepack.tracing.utxo.plan import DYED, ORIGIN, UtxoPlan, UtxoRun

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger


def replay_backward(ledger: UtxoLedger, plan: UtxoPlan, rule: str) -> UtxoRun:
    """Follow the origins of all legs to where they came from under one rule that keeps order."""
    return _Backward(ledger, plan, rule).run()


class _Backward:
    def __init__(self, ledger: UtxoLedger, plan: UtxoPlan, rule: str) -> None:
        self.ledger, self.plan, self.rule = ledger, plan, rule
        self.dyed: list[tuple[int, ...]] = []
        self.origin: list[tuple[int, ...]] = []
        self.lots: dict[int, tuple[list[Piece], int]] = {}
        self.wanted: dict[int, list[tuple[int, int]]] = {}
        for o in plan.origins:
            self.wanted.setdefault(o.output, []).append((o.leg, o.units))

    def run(self) -> UtxoRun:
        """Take transactions from the last to the first until nothing dyed is left."""
        due = [-self.ledger.transaction_of(output) for output in self.wanted]
        due.sort()
        last, replayed = 1, 0
        while due:
            key = heappop(due)
            if key == last:
                continue
            last = key
            replayed += 1
            for maker in self._transaction(-key):
                heappush(due, -maker)
        return UtxoRun(self.rule, np.array(self.origin, ORIGIN), np.array(self.dyed, DYED), replayed)

    def _transaction(self, tx: int) -> list[int]:
        """Undo a transaction; the transactions that made what it spends and where dye goes on."""
        ledger = self.ledger
        outs = ledger.outputs_of(tx)
        shares, hop = self._shares(outs)
        if ledger.is_coinbase(tx) or ledger.is_incomplete(tx):
            stop = Stop.ISSUED if ledger.is_coinbase(tx) else Stop.GAP
            for number, pieces in enumerate(shares):
                self._note(tx, outs.start + number, pieces, 1, stop)
            return []
        pot = Fifo()
        pot.deposit(self._laid(tx, outs, shares))
        makers = []
        for at in ledger.inputs_of(tx):
            units = int(ledger.input_value[at])
            pieces = pot.withdraw(units) if units else []
            if any(leg for leg, _ in pieces):
                output = ledger.spent_output(at)
                stop = self._stop(at, output, pieces, hop + 1)
                self._note(tx, -2 - at if output is None else output, pieces, hop + 1, stop)
                if stop is Stop.CARRIED and output is not None:
                    self.lots[output] = (pieces, hop + 1)
                    makers.append(ledger.transaction_of(output))
        return makers

    def _shares(self, outs: range) -> tuple[list[list[Piece]], int]:
        """The pieces of a transaction's outputs, what the plan asks about dyed, and the fewest hops of the dyed."""
        shares: list[list[Piece]] = []
        hops = []
        for output in outs:
            pieces, hop = self.lots.pop(output, ([(0, int(self.ledger.output_value[output]))], 0))
            if hop:
                hops.append(hop)
            for leg, units in self.wanted.pop(output, ()):
                pieces, given = dye_clean(pieces, leg, units)
                if given:
                    self.origin.append((output, leg, given))
                    hops.append(0)
            shares.append(pieces)
        return shares, min(hops, default=0)

    def _laid(self, tx: int, outs: range, shares: list[list[Piece]]) -> list[Piece]:
        """Outputs and fee end to end, as the inputs were before them."""
        values = [int(v) for v in self.ledger.output_value[outs.start : outs.stop].tolist()]
        order = withdraw_order(values, RULES[self.rule][1])
        laid = [piece for number in order for piece in shares[number] if piece[1]]
        fee = self.ledger.fee(tx)
        rest: list[Piece] = [(0, fee)] if fee else []
        laid = [*rest, *laid] if self.plan.fee_first else [*laid, *rest]
        return laid[::-1] if self.rule == "lifo-a" else laid

    def _note(self, tx: int, output: int, pieces: list[Piece], hop: int, stop: Stop) -> None:
        self.dyed += [(tx, output, leg, hop, stop, units) for leg, units in pieces if leg]

    def _stop(  # noqa: PLR0911 - one reason a line
        self, at: int, output: int | None, pieces: list[Piece], hop: int
    ) -> Stop:
        """Whether and why these pieces are followed no further back than an input: the first reason in this order.

        An output that the plan itself asks about is always gone on from, so that its units are asked about once.
        """
        plan, ledger = self.plan, self.ledger
        if output in self.wanted:
            return Stop.CARRIED
        address = ledger.input_address(at)
        said = 0 if address is None else plan.stops.get(address, 0)
        if said not in (0, FOLLOW):
            return Stop(said)
        if output is None:
            return Stop.GAP
        if ledger.is_coinbase(ledger.transaction_of(output)):
            return Stop.ISSUED
        if ledger.transaction_of(output) in plan.mixes and said != FOLLOW:
            return Stop.MIXER
        if ledger.is_incomplete(ledger.transaction_of(output)):
            return Stop.GAP
        if plan.hop_limit and hop >= plan.hop_limit:
            return Stop.HOP_LIMIT
        if sum(u for leg, u in pieces if leg) < plan.cut_off:
            return Stop.CUT_OFF
        if plan.hub_limit and said != FOLLOW and address is not None:
            return Stop.HUB if len(ledger.outputs_at(address)) > plan.hub_limit else Stop.CARRIED
        return Stop.CARRIED
