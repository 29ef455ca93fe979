"""The dyed moves of a run in words: what a case keeps, and what paths and figures are made of.

Invariant: one row per dyed piece of a run, in replay order; amounts are base units.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dyepack.ledger.schema import MoveKind
from dyepack.tracing.balance import asset_of, ends_of
from dyepack.tracing.plan import Plan, Run, units
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger


@dataclass(frozen=True, slots=True)
class DyedMove:
    """Dyed units of one leg that one move carried.

    move      id in the ledger (of outputs: of the transaction); negative: a declared deposit
    time      UTC, "" where nobody said; of a deposit declared for a block only its day, if that
    kind      of the move (MoveKind in lower case), "declared" for a deposit; `index` its trace or log index; on a
              ledger of outputs "output", `index` its number, or "fee"
    source    address that the units left, "" where the theft itself brought them
    target    address that they reached, "" for fees
    value     all units of the move; `units` of them are dyed, `fresh` of these by this very move
    hop       moves from the theft, this one included
    stop      "carried", or why they went no further
    spent     on a ledger of outputs the output that the units left, and
    made      the output that they reached (transaction:number, "fee:transaction")
    """

    move: int
    txid: str
    block: int
    time: str
    kind: str
    index: int
    leg: int
    source: str
    target: str
    asset: str
    value: int
    units: int
    fresh: int
    hop: int
    stop: str
    spent: str = ""
    made: str = ""


FIELDS = [f.name for f in fields(DyedMove)]


def dyed_moves(ledger: Ledger, plan: Plan, run: Run) -> list[DyedMove]:
    """The rows of a run in words."""
    fresh = {(m, leg): u for m, leg, u in zip(run.origin["move"].tolist(), run.origin["leg"].tolist(),
                                              units(run.origin), strict=True)}  # fmt: skip
    ends = ends_of(ledger, plan, run.dyed)
    assets = asset_of(ledger, ends.source, ends.target).tolist()
    words = Words(ledger)
    out = []
    amounts = units(run.dyed)
    for at, (move, leg, hop, stop, _, _) in enumerate(run.dyed.tolist()):
        new = min(fresh.get((move, leg), 0), amounts[at])
        if new:
            fresh[move, leg] -= new
        txid, block, time, kind, index, value = words.of(plan, move)
        out.append(DyedMove(
            move, txid, block, time, kind, index, leg, words.place(int(ends.source[at])),
            words.place(int(ends.target[at])), ledger.assets[assets[at]].key, value, amounts[at], new, hop,
            Stop(stop).name.lower(),
        ))  # fmt: skip
    return out


class Words:
    """Texts of places and moves, each worked out once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._places: dict[int, str] = {-1: ""}

    def place(self, holding: int) -> str:
        """The address of a holding, "" for none."""
        if holding not in self._places:
            self._places[holding] = self.ledger.place_text(holding)
        return self._places[holding]

    def of(self, plan: Plan, move: int) -> tuple[str, int, str, str, int, int]:
        """(txid, block, time, kind, index, units) of a move or declared deposit."""
        ledger = self.ledger
        if move < 0:
            declared = plan.declared[-1 - move]
            time = ledger.move_time(declared.before_move) if declared.tx else declared.day
            return declared.tx, declared.block, time, "declared", 0, declared.units
        tx = int(ledger.move_tx[move])
        kind = MoveKind(int(ledger.move_kind[move])).name.lower()
        return (ledger.tx_text(tx), int(ledger.tx_block[tx]), ledger.move_time(move), kind,
                int(ledger.move_index[move]), ledger.amount(move))  # fmt: skip
