"""Pools in an account ledger: the moves to and from a pool's contract are its deposits and withdrawals.

A deposit is a move of exactly one note to the pool. A withdrawal is a move from it of a note, or two in a row that make
a note: to who takes it out, and to the relayer. What goes to a router in units of a note, in a transaction without a
move to a pool that the ledger shows, is a deposit too: exports of plain transactions have no move behind the router.

Invariant: each move is one event at most; what fits neither form is counted in the notes, never guessed; a history is
`whole` only where the ledger says that the pool's own moves are complete and every deposit was seen at the pool.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.manifest import COMPLETE
from dyepack.ledger.schema import AFTER_TRANSACTIONS, NOWHERE, MoveKind
from dyepack.patterns.pools.history import UNKNOWN, Deposits, Withdrawals, checked, possible
from dyepack.patterns.pools.known import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64, U8
    from dyepack.patterns.pools.history import History
    from dyepack.patterns.pools.known import Pool

_ADDRESS = 20


@dataclass(slots=True)
class _Found:
    """What the moves of one pool say: rows of (transaction, move, address) and of (..., relayer, fee)."""

    deposits: list[tuple[int, int, int]] = field(default_factory=list)
    withdrawals: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    odd: int = 0
    by_router: int = 0


def from_ledger(ledger: Ledger, pools: Iterable[Pool], routers: Sequence[str] = ROUTERS) -> list[History]:
    """The history of each pool that the ledger shows events of, in the order given.

    The ledger must have 20-byte addresses and 32-byte transaction hashes; others hold no such pool. Where the pool's
    own moves are not complete, or begin too late to be a history, only its deposits are kept, and a note says so.
    """
    if ledger.address_id.shape[1] != _ADDRESS or ledger.tx_id.shape[1] != 32:
        return []
    passed = {number for text in routers if (number := ledger.find_address(text)) is not None}
    histories = []
    for pool in pools:
        asset = ledger.asset_id(pool.asset)
        if asset is None:
            continue
        found = _Found()
        address = ledger.find_address(pool.address)
        holding = None if address is None else ledger.find_holding(address, asset)
        if holding is not None:
            _at_pool(ledger, pool, holding, passed, found)
        _at_routers(ledger, pool, asset, address, passed, found)
        if found.deposits or found.withdrawals:
            histories.append(_history(ledger, pool, holding, found))
    return histories


def senders(ledger: Ledger, history: History) -> dict[bytes, bytes]:
    """Who paid the fee (else: sent the first move) of each transaction of a history that the ledger holds."""
    rows = [bytes(row) for events in (history.deposits, history.withdrawals) for row in events.tx]
    found: dict[bytes, bytes] = {}
    for raw in rows:
        tx = ledger.find_tx("0x" + raw.hex())
        if tx is None:
            continue
        moves = ledger.tx_moves(tx)
        payers = [m for m in moves if ledger.move_kind[m] == MoveKind.FEE] or list(moves[:1])
        holding = int(ledger.move_from[payers[0]])
        if holding != NOWHERE:
            found[raw] = bytes(ledger.address_id[ledger.holding_address(holding)])
    return found


def _at_pool(ledger: Ledger, pool: Pool, holding: int, routers: set[int], found: _Found) -> None:
    """The moves in and out of the pool's own holding."""
    pending: list[int] = []
    for code in ledger.entries(holding).tolist():
        move = code >> 1
        if code & 1:
            if ledger.amount(move) == pool.units and (source := _source(ledger, move, routers)) is not None:
                found.deposits.append((int(ledger.move_tx[move]), move, source))
            else:
                found.odd += 1
            continue
        if pending and ledger.move_tx[pending[0]] != ledger.move_tx[move]:
            found.odd += len(pending)
            pending = []
        pending.append(move)
        total = sum(ledger.amount(m) for m in pending)
        if total == pool.units and len(pending) <= 2:
            _withdrawn(ledger, pending, found)
            pending = []
        elif total >= pool.units or len(pending) > 1:
            found.odd += len(pending)
            pending = []
    found.odd += len(pending)


def _withdrawn(ledger: Ledger, moves: list[int], found: _Found) -> None:
    """A withdrawal of one move, or of one and the relayer's fee."""
    holdings = [int(ledger.move_to[move]) for move in moves]
    if NOWHERE in holdings:
        found.odd += len(moves)
        return
    to, relayer = [*(ledger.holding_address(holding) for holding in holdings), UNKNOWN][:2]
    fee = ledger.amount(moves[1]) if len(moves) > 1 else 0
    found.withdrawals.append((int(ledger.move_tx[moves[0]]), moves[0], to, relayer, fee))


def _at_routers(ledger: Ledger, pool: Pool, asset: int, address: int | None, routers: set[int], found: _Found) -> None:
    """Units of a note that went to a router whose onward move the ledger does not show."""
    shown = {tx for tx, _, _ in found.deposits}
    for router in sorted(routers):
        holding = ledger.find_holding(router, asset)
        for code in [] if holding is None else ledger.entries(holding).tolist():
            move, tx = code >> 1, int(ledger.move_tx[code >> 1])
            if not code & 1 or tx in shown or ledger.amount(move) != pool.units:
                continue
            source = _source(ledger, move, routers)
            if source is not None and source != address and source not in routers:
                found.deposits.append((tx, move, source))
                found.by_router += 1


def _source(ledger: Ledger, move: int, routers: set[int]) -> int | None:
    """The address that units came from, behind a router who passed on as much in the same transaction."""
    holding = int(ledger.move_from[move])
    if holding == NOWHERE:
        return None
    address = ledger.holding_address(holding)
    if address not in routers:
        return address
    for other in ledger.tx_moves(int(ledger.move_tx[move])):
        if ledger.move_to[other] == holding and ledger.amount(other) == ledger.amount(move):
            behind = int(ledger.move_from[other])
            return address if behind == NOWHERE else ledger.holding_address(behind)
    return address


def _history(ledger: Ledger, pool: Pool, holding: int | None, found: _Found) -> History:
    """The events as columns, checked where the pool's own moves are complete."""
    complete = holding is not None and int(ledger.holding_state[holding]) == COMPLETE and not found.by_router
    notes = []
    if found.odd:
        notes.append(f"{pool.name}: {found.odd:,} moves that are no whole note are left out")
    if found.by_router:
        notes.append(f"{pool.name}: {found.by_router:,} deposits are seen at a router only")
    deposits = _deposits(ledger, sorted(found.deposits, key=lambda row: row[1]))
    withdrawals = _withdrawals(ledger, found.withdrawals)
    if complete and not (possible(deposits, withdrawals) < 1).any():
        return replace(checked(pool, deposits, withdrawals, f"ledger of {ledger.chain}", notes), whole=True)
    # Withdrawals without their deposits are no history: only what came in is kept.
    notes.append(f"{pool.name}: the ledger does not hold all events of this pool")
    history = checked(pool, deposits, _withdrawals(ledger, []), f"ledger of {ledger.chain}", notes)
    return replace(history, whole=False)


def _deposits(ledger: Ledger, rows: list[tuple[int, int, int]]) -> Deposits:
    tx = np.array([row[0] for row in rows], np.int64)
    return Deposits(
        *_placed(ledger, tx), np.full(len(rows), UNKNOWN, np.int64), _identity([row[1] for row in rows]),
        _rows(ledger.tx_id, tx.tolist(), 32), _rows(ledger.address_id, [row[2] for row in rows], _ADDRESS),
        np.full(len(rows), UNKNOWN, np.int64),
    )  # fmt: skip


def _withdrawals(ledger: Ledger, rows: list[tuple[int, int, int, int, int]]) -> Withdrawals:
    tx = np.array([row[0] for row in rows], np.int64)
    to, relayer = (_rows(ledger.address_id, [row[at] for row in rows], _ADDRESS) for at in (2, 3))
    return Withdrawals(
        *_placed(ledger, tx), _identity([row[1] for row in rows]), _rows(ledger.tx_id, tx.tolist(), 32), to,
        np.zeros((len(rows), _ADDRESS), np.uint8), relayer, tuple(row[4] for row in rows),
        np.full(len(rows), UNKNOWN, np.int64),
    )  # fmt: skip


def _placed(ledger: Ledger, tx: I64) -> tuple[I64, I64, I64]:
    """Block, rank and time of transactions."""
    rank = ledger.tx_index[tx].astype(np.int64)
    return (
        ledger.tx_block[tx].astype(np.int64), np.where(rank == AFTER_TRANSACTIONS, UNKNOWN, rank),
        ledger.tx_time[tx].astype(np.int64),
    )  # fmt: skip


def _identity(moves: list[int]) -> U8:
    """What a note is known by in a ledger, which has no commitments: its move's number."""
    rows = np.zeros((len(moves), 32), np.uint8)
    rows[:, 24:] = np.array(moves, ">u8").view(np.uint8).reshape(-1, 8)
    return rows


def _rows(column: U8, at: list[int], width: int) -> U8:
    """The bytes at these rows, zeros for -1."""
    picked = np.zeros((len(at), width), np.uint8)
    for row, number in enumerate(at):
        if number >= 0:
            picked[row] = column[number]
    return picked
