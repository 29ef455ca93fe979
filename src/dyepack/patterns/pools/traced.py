"""Pools as an account ledger and a trace over it show them: histories with senders, receipts, structured deposits.

Invariant: one receipt for each dyed move that a trace carried to a depositor; nothing is taken from outside the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.content import hex_bytes, seconds_of
from dyepack.patterns.pools.history import with_facts
from dyepack.patterns.pools.in_ledger import from_ledger, senders
from dyepack.patterns.pools.known import known_pools
from dyepack.patterns.pools.structured import Receipt, findings, structured_deposits
from dyepack.patterns.pools.view import view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.finding import Finding
    from dyepack.patterns.pools.history import History
    from dyepack.tracing.moves import DyedMove

_WIDTH = 20


def histories_of(ledger: Ledger, events: Iterable[History] = ()) -> list[History]:
    """The history of each known pool: that of `events` where given, else what the ledger shows; senders are its own."""
    given = {history.pool.address: history for history in events}
    shown = {history.pool.address: history for history in from_ledger(ledger, known_pools())}
    return [with_facts(history, senders(ledger, history)) for history in (shown | given).values()]


def depositors_of(histories: Iterable[History]) -> set[bytes]:
    """The addresses (20 bytes) that sent deposits, as far as known."""
    return {bytes(row) for history in histories for row in history.deposits.sender} - {bytes(_WIDTH)}


def dyed_receipts(moves: Iterable[DyedMove], depositors: set[bytes]) -> list[Receipt]:
    """The dyed units that each depositor received, move by move."""
    receipts = []
    for move in moves:
        raw = hex_bytes(move.target, _WIDTH) if move.stop == "carried" else None
        if raw is not None and raw in depositors:
            receipts.append(Receipt(raw, move.asset, move.units, seconds_of(move.time)))
    return receipts


def structured_of(ledger: Ledger, moves: Iterable[DyedMove]) -> list[Finding]:
    """The dyed sums that were cut into notes and paid into pools within a day."""
    histories = histories_of(ledger)
    seen = view(histories)
    return findings(seen, structured_deposits(seen, dyed_receipts(moves, depositors_of(histories))))
