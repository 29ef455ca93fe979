"""The moves of a ledger seen from its addresses: who paid whom, when and how much, as the detectors read it.

Fees are no payments and pass nothing on, so they are kept apart; what an address pays itself is left out; issuance
comes from nobody (NOBODY).
Invariant: everything here is in chain order and as many base units as the ledger says; places are address ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import quoted
from dyepack.ledger.content import time_text
from dyepack.ledger.manifest import COMPLETE
from dyepack.ledger.schema import NOWHERE, MoveKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64
    from dyepack.tracing.moves import DyedMove

NOBODY = -1
"""The counterparty of issuance and of fees."""
DAY = 24 * 60 * 60
SECONDS_A_BLOCK = 12
"""What a block stands for where times are missing, as on Ethereum."""
SECONDS_A_BITCOIN_BLOCK = 600

_ADDRESS = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Payments:
    """Moves between two different addresses, fees apart, in chain order: equal-length columns, (n,) i64.

    move, tx  ids in the ledger; `time` seconds UTC, or block x 12 seconds if the ledger lacks any time
    payer     who paid, NOBODY for issuance; `payee` who was paid
    asset     the asset's id
    """

    move: I64
    tx: I64
    time: I64
    payer: I64
    payee: I64
    asset: I64

    def __len__(self) -> int:
        return len(self.move)

    def chosen(self, rows: npt.NDArray[np.bool_] | I64) -> Payments:
        """Some of them, in the same order."""
        return Payments(*(getattr(self, name)[rows] for name in ("move", "tx", "time", "payer", "payee", "asset")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One move as a holding sees it; `far` is the other address, NOBODY for issuance and fees.

    before  base units that the holding is known to have had just before; a move may send more (unexplained inflow)
    """

    move: int
    tx: int
    block: int
    time: int
    incoming: bool
    fee: bool
    far: int
    units: int
    before: int


def payments(ledger: Ledger, asset: int | None = None) -> Payments:
    """All payments of a ledger, or those of one asset."""
    source, target = ledger.move_from, ledger.move_to
    paid = (target != NOWHERE) & (ledger.move_kind != MoveKind.FEE) & (source != target)
    rows = np.flatnonzero(paid)
    place = target[rows]
    key = ledger.holding_key[place]
    kind = (key >> np.uint64(32)).astype(np.int64)
    if asset is not None:
        keep = kind == asset
        rows, key, kind = rows[keep], key[keep], kind[keep]
    sender = source[rows]
    known = sender != NOWHERE
    payer = np.full(len(rows), NOBODY, np.int64)
    payer[known] = (ledger.holding_key[sender[known]] & _ADDRESS).astype(np.int64)
    tx = ledger.move_tx[rows].astype(np.int64)
    return Payments(rows.astype(np.int64), tx, times(ledger)[tx], payer, (key & _ADDRESS).astype(np.int64), kind)


def times(ledger: Ledger) -> I64:
    """Seconds of every transaction, never falling, (txs,).

    If any is unknown, block x 12 stands for all of them; one earlier than that before it counts as that one.
    """
    told = np.asarray(ledger.tx_time, np.int64)
    if len(told) and int(told.min()) < 0:
        told = ledger.tx_block.astype(np.int64) * SECONDS_A_BLOCK
    return np.maximum.accumulate(told) if len(told) else told


def first_moves(ledger: Ledger) -> I64:
    """The first move of each address in any asset, (addresses,); the number of moves where it has none."""
    first = np.full(len(ledger.address_id), ledger.moves, np.int64)
    start = ledger.entry_offset[:-1]
    some = start < ledger.entry_offset[1:]
    owner = (ledger.holding_key & _ADDRESS).astype(np.int64)[some]
    np.minimum.at(first, owner, (ledger.entry[start[some]] >> np.uint32(1)).astype(np.int64))
    return first


def holdings_of(ledger: Ledger, wanted: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
    """The holdings of each wanted address (a mask over addresses), in the order of its assets; addresses ascending."""
    owner = (ledger.holding_key & _ADDRESS).astype(np.int64)
    chosen = np.flatnonzero(wanted[owner])
    chosen = chosen[np.argsort(owner[chosen], kind="stable")]
    out: dict[int, list[int]] = {}
    for holding, address in zip(chosen.tolist(), owner[chosen].tolist(), strict=True):
        out.setdefault(address, []).append(holding)
    return out


def entries(ledger: Ledger, holding: int) -> list[Entry]:
    """Everything that happened to a holding; what it pays itself is left out."""
    out: list[Entry] = []
    balance, own = 0, ledger.holding_address(holding)
    for code in ledger.entries(holding).tolist():
        move, incoming = code >> 1, bool(code & 1)
        units = ledger.amount(move)
        end = int((ledger.move_from if incoming else ledger.move_to)[move])
        far = NOBODY if end == NOWHERE else ledger.holding_address(end)
        tx = int(ledger.move_tx[move])
        if far != own:
            fee = ledger.move_kind[move] == MoveKind.FEE
            out.append(Entry(move, tx, int(ledger.tx_block[tx]), int(ledger.tx_time[tx]), incoming, bool(fee), far,
                             units, balance))  # fmt: skip
        balance = balance + units if incoming else max(balance - units, 0)
    return out


def balance_at_end(ledger: Ledger, holding: int) -> int:
    """Base units that a holding is known to have at the end."""
    return ledger.balance_before(holding, len(ledger.entries(holding)))


def whole_history(ledger: Ledger, holding: int) -> bool:
    """Whether the ledger is known to hold every move of a holding."""
    return int(ledger.holding_state[holding]) == COMPLETE


def only_places(ledger: Ledger, places: Iterable[int] | None) -> npt.NDArray[np.bool_]:
    """A mask over addresses: the given ones, or all, (addresses,)."""
    mask = np.full(len(ledger.address_id), places is None, np.bool_)
    for place in places or ():
        mask[place] = True
    return mask


def traced_places(ledger: Ledger, moves: Iterable[DyedMove]) -> set[int]:
    """The addresses that the dye of a trace touched, those where it stopped included."""
    texts = {text for move in moves for text in (move.source, move.target)} - {""}
    found = (ledger.find_address(text) for text in sorted(texts))
    return {address for address in found if address is not None}


def dyed_into(ledger: Ledger, moves: Iterable[DyedMove]) -> dict[tuple[int, int], dict[int, int]]:
    """(address, asset) -> {move: dyed units it brought there}, all legs together; declared deposits are below 0."""
    out: dict[tuple[int, int], dict[int, int]] = {}
    for row in moves:
        address = ledger.find_address(row.target) if row.target else None
        asset = ledger.asset_id(row.asset)
        if address is not None and asset is not None:
            into = out.setdefault((address, asset), {})
            into[row.move] = into.get(row.move, 0) + row.units
    return out


def spans(ledger: Ledger, txs: Iterable[int]) -> tuple[str, str]:
    """The UTC times of the first and of the last transaction, "" where nobody said."""
    found = sorted(txs)
    return (time_text(int(ledger.tx_time[found[0]])), time_text(int(ledger.tx_time[found[-1]]))) if found else ("", "")


def words_of(ledger: Ledger, units: int, asset: int) -> str:
    """An amount with the name of its asset; a name from outside is escaped."""
    known = ledger.assets[asset]
    return f"{known.format(units)} {quoted(known.symbol)[1:-1] if known.symbol else 'units of ' + known.key}"
