"""What a ledger of accounts shows of a cash-out point after the money came: sweeps, last move, balance left.

Invariant: a balance is told only where the ledger holds the whole history of the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.cashouts.model import Seen, Transfer
from dyepack.patterns.activity import balance_at_end, whole_history
from dyepack.patterns.deposits import sweeps_of

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.moves import DyedMove


def accounts_after(ledger: Ledger, address: str, asset: str, deposits: list[DyedMove]) -> Seen:
    """The sweeps of the deposits, the last move at the address, and what is left there."""
    number, kind = ledger.find_address(address), ledger.asset_id(asset)
    holding = ledger.find_holding(number, kind) if number is not None and kind is not None else None
    if holding is None or number is None:
        return Seen()
    covering = {m: s for s in sweeps_of(ledger, number) if s.asset == kind for m in s.deposits}
    wanted = [m.move for m in deposits]
    sweeps = {s.move: s for m in wanted if (s := covering.get(m)) is not None}
    found = tuple(
        Transfer(s.tx, ledger.move_time(move), s.units, ledger.address_text(s.hot))
        for move, s in sorted(sweeps.items())
    )
    codes = ledger.entries(holding)
    last = ledger.move_time(int(codes[-1]) >> 1) if len(codes) else ""
    known = whole_history(ledger, holding)
    swept = bool(wanted) and all(m in covering for m in wanted)
    left = balance_at_end(ledger, holding) if known else None
    return Seen(found, last, left, _end(ledger) if known else "", swept)


def _end(ledger: Ledger) -> str:
    """The time of the ledger's last move."""
    return ledger.move_time(ledger.moves - 1) if ledger.moves else ""
