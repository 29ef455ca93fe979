"""The plain-Python replay on a ledger of outputs: the transactions that dye can reach, once, in chain order, exactly.

Every transaction is a holding that lives for one transaction (tracing/transaction.py): its inputs are deposited in
order, its outputs withdrawn in the order of the rule, the fee last (or first).
Invariant: the dye of each transaction's inputs, and what a theft newly dyes, is the dye of its outputs and fee.
The Numba twin is kernel.py; both must give equal Runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.utxo.schema import DESTROYED, NO_ADDRESS, NOT_ASKED, UNSPENT, ScriptType
from dyepack.tracing.plan import FOLLOW
from dyepack.tracing.terminals import Stop
from dyepack.tracing.transaction import dye_clean, is_mixed, split
from dyepack.tracing.utxo.plan import DYED, FEE, ORIGIN, UtxoPlan, UtxoRun

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.holding import Piece


@dataclass(slots=True)
class _Pending:
    """The block in hand, if its fees are followed: what its fees are made of, by transaction, and their hops."""

    block: int = -1
    fees: dict[int, list[Piece]] = field(default_factory=dict)
    hop: int = 0
    due: bool = False


def replay(ledger: UtxoLedger, plan: UtxoPlan, rule: str) -> UtxoRun:
    """Follow the dye of all legs under one rule."""
    run = replay_at_most(ledger, plan, rule, None)
    assert run is not None  # noqa: S101 - only a limit makes it None
    return run


def replay_at_most(ledger: UtxoLedger, plan: UtxoPlan, rule: str, most: int | None) -> UtxoRun | None:
    """The same, but None as soon as more than `most` transactions had to be looked at."""
    return _Replay(ledger, plan, rule).run(most)


class _Replay:
    def __init__(self, ledger: UtxoLedger, plan: UtxoPlan, rule: str) -> None:
        self.ledger, self.plan, self.rule = ledger, plan, rule
        self.dyed: list[tuple[int, ...]] = []
        self.origin: list[tuple[int, ...]] = []
        self.lots: dict[int, tuple[list[Piece], int]] = {}
        self.due: list[int] = []
        self.origins: dict[int, list[tuple[int, int, int]]] = {}
        for o in plan.origins:
            tx = ledger.transaction_of(o.output)
            self.origins.setdefault(tx, []).append((o.output, o.leg, o.units))
        self.pending = _Pending()

    def run(self, most: int | None) -> UtxoRun | None:
        """Take transactions in chain order until nothing dyed can move, or more than `most` were looked at."""
        end = self.plan.end_tx
        for tx in self.origins:
            if end is None or tx < end:
                heappush(self.due, tx)
        last, replayed = -1, 0
        while self.due or self._coinbase():
            tx = heappop(self.due)
            if tx == last:
                continue
            if self.plan.follow_fees and self._leaves_block(tx):
                heappush(self.due, tx)
                continue
            last = tx
            replayed += 1
            if most is not None and replayed > most:
                return None
            if self.plan.follow_fees and self.ledger.is_coinbase(tx):
                self.pending.due = True
            else:
                self._transaction(tx)
        return UtxoRun(self.rule, np.array(self.origin, ORIGIN), np.array(self.dyed, DYED), replayed)

    def _leaves_block(self, tx: int) -> bool:
        """Whether `tx` is of another block than the one in hand; if so that one's coinbase is done first."""
        block = int(self.ledger.tx_block[tx])
        if block == self.pending.block:
            return False
        self._coinbase()
        self.pending = _Pending(block)
        return True

    def _coinbase(self) -> bool:
        """The coinbase of the block in hand: new coins first, then the fees in block order. Whether dye goes on."""
        pending, ledger = self.pending, self.ledger
        if not pending.due and not pending.fees:
            return False
        txs = range(*ledger.block_tx[pending.block : pending.block + 2].tolist())
        self.pending = _Pending(pending.block)
        values = self._values(txs.start)
        fees: list[list[Piece]] = [pending.fees.get(tx) or [(0, ledger.fee(tx))] for tx in txs[1:]]
        new = max(sum(values) - sum(u for fee in fees for _, u in fee), 0)
        found = split([[(0, new)], *fees], values, self.rule)
        self._arrive(txs.start, found.outputs, found.fee, pending.hop + 1)
        return bool(self.due)

    def _values(self, tx: int) -> list[int]:
        outs = self.ledger.outputs_of(tx)
        return [int(v) for v in self.ledger.output_value[outs.start : outs.stop].tolist()]

    def _transaction(self, tx: int) -> None:
        values = self._values(tx)
        pieces: list[list[Piece]] = []
        hop = 0
        for at in self.ledger.inputs_of(tx):
            output = self.ledger.spent_output(at)
            held = self.lots.pop(output, None) if output is not None else None
            if held is None:
                pieces.append([(0, int(self.ledger.input_value[at]))])
            else:
                pieces.append(held[0])
                hop = min(hop or held[1], held[1])
        if not hop:
            self._arrive(tx, [[(0, v)] for v in values], [], 1)
            return
        found = split(pieces, values, self.rule, fee_first=self.plan.fee_first)
        self._arrive(tx, found.outputs, found.fee, hop + 1)

    def _arrive(self, tx: int, shares: list[list[Piece]], fee: list[Piece], hop: int) -> None:
        first = self.ledger.outputs_of(tx).start
        fresh = self._dye(tx, shares, first)
        for number, pieces in enumerate(shares):
            if any(leg for leg, _ in pieces):
                output = first + number
                stop = self._stop(output, pieces, 1 if output in fresh else hop)
                self._note(tx, output, pieces, 1 if output in fresh else hop, stop)
                if stop is Stop.CARRIED:
                    self.lots[output] = (pieces, 1 if output in fresh else hop)
                    heappush(self.due, int(self.ledger.output_spender[output]))
        if any(leg for leg, _ in fee):
            stop = self._fee_stop(tx, fee)
            self._note(tx, FEE, fee, hop, stop)
            if stop is Stop.CARRIED:
                self.pending.fees[tx] = fee
                self.pending.hop = min(self.pending.hop or hop, hop)

    def _fee_stop(self, tx: int, fee: list[Piece]) -> Stop:
        if self.rule == "dirty-first" and is_mixed(fee):
            return Stop.MIXED
        if self.ledger.is_coinbase(tx):
            return Stop.BURN
        return Stop.CARRIED if self.plan.follow_fees else Stop.FEE

    def _dye(self, tx: int, shares: list[list[Piece]], first: int) -> set[int]:
        """Dye clean units of the outputs that a theft names; units dyed before keep their leg (first taint wins)."""
        fresh: set[int] = set()
        for output, leg, units in self.origins.get(tx, ()):
            shares[output - first], new = dye_clean(shares[output - first], leg, units)
            if new:
                self.origin.append((output, leg, new))
                fresh.add(output)
        return fresh

    def _note(self, tx: int, output: int, pieces: list[Piece], hop: int, stop: Stop) -> None:
        last = 0
        for leg, units in pieces:
            if leg and leg == last:
                self.dyed[-1] = (*self.dyed[-1][:-1], self.dyed[-1][-1] + units)
            elif leg:
                self.dyed.append((tx, output, leg, hop, stop, units))
                last = leg

    def _stop(self, output: int, pieces: list[Piece], hop: int) -> Stop:  # noqa: PLR0911 - one reason a line
        """Whether and why these pieces stop at an output: the first reason in this order."""
        plan, ledger = self.plan, self.ledger
        address, spender = int(ledger.output_address[output]), int(ledger.output_spender[output])
        said = 0 if address == NO_ADDRESS else plan.stops.get(address, 0)
        if self.rule == "dirty-first" and is_mixed(pieces):
            return Stop.MIXED
        if spender == DESTROYED or (spender == UNSPENT and ledger.output_type[output] == ScriptType.OP_RETURN):
            return Stop.BURN
        if said not in (0, FOLLOW):
            return Stop(said)
        if spender == UNSPENT:
            return Stop.HELD
        known = spender != NOT_ASKED
        if known and plan.end_tx is not None and spender >= plan.end_tx:
            return Stop.DATE_LIMIT
        if known and spender in plan.mixes and said != FOLLOW:
            return Stop.MIXER
        if known and ledger.is_incomplete(spender):
            return Stop.GAP
        if plan.hop_limit and hop >= plan.hop_limit:
            return Stop.HOP_LIMIT
        if sum(u for leg, u in pieces if leg) < plan.cut_off:
            return Stop.CUT_OFF
        if plan.hub_limit and said != FOLLOW and address != NO_ADDRESS:
            lo, hi = ledger.address_offset[address : address + 2].tolist()
            if hi - lo > plan.hub_limit:
                return Stop.HUB
        return Stop.CARRIED if known else Stop.GAP
