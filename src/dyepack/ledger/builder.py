"""From raw moves to the columns of a ledger: ordered, without duplicates, interned and indexed.

Invariant: every raw move is in the columns exactly once, or is counted as a duplicate of one that is, or stops
the import with an error that names both rows. Nothing is decided by content: identity is (transaction, kind,
trace or log index). A transaction hash stands at one place; only references of books may come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.errors import InputError
from dyepack.ledger.exchange import exchange_order, issuers
from dyepack.ledger.index import index_moves
from dyepack.ledger.rows import find_table, unique_rows, words
from dyepack.ledger.schema import AFTER_TRANSACTIONS, I64, MAX_MOVES, NOWHERE, U8, U32, U64, MoveKind, RawMoves

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns = dict[str, npt.NDArray[Any]]

_OF_MOVES = ("move_from", "move_to", "move_amount", "move_kind", "move_index")


@dataclass(slots=True)
class Built:
    """The columns of schema.py by name, the asset keys in id order, and what was counted on the way."""

    columns: Columns
    assets: list[str]
    counts: dict[str, int]
    notes: list[str]


def build(batches: list[RawMoves], native: str = "native", *, hashes: bool = True) -> Built:
    """Order and intern the moves of all sources together; `hashes`: a transaction id stands at one place only."""
    notes: list[str] = []
    addresses, maps = _intern_addresses(batches)
    assets = _intern_assets(batches, native)
    rank = {key: i for i, key in enumerate(assets)}
    moves = _join(batches, maps, rank)
    if len(moves.block) >= MAX_MOVES:
        raise InputError(moves.sources[0], "has more moves than one ledger holds", remedy="split the import by block")
    _place_unindexed(moves, notes)
    moves.take(_chain_order(moves))
    kept = _drop_duplicates(moves)
    duplicates = len(kept) - int(kept.sum())
    rows = len(np.unique(np.stack([moves.batch, moves.row], axis=1)[~kept], axis=0)) if duplicates else 0
    if duplicates:
        moves.take(np.flatnonzero(kept))
    columns, txs = _transactions(moves)
    columns |= _holdings(moves, len(addresses), len(assets))
    columns["move_amount"] = moves.amount
    columns["move_kind"] = moves.kind
    columns["move_index"] = moves.index.astype(np.uint32)
    columns["address_id"] = addresses
    columns["address_find_key"], columns["address_find_row"] = find_table(addresses)
    columns["tx_find_key"], columns["tx_find_row"] = find_table(txs)
    order = exchange_order(columns, *issuers(assets, columns))
    if order is not None:
        moves.take(order)
        columns |= {name: columns[name][order] for name in _OF_MOVES}
    _check_places(moves, columns, notes, hashes=hashes)
    _add_index(columns)
    counts = {"moves": len(moves.block), "transactions": len(txs), "addresses": len(addresses)}
    counts |= {"holdings": len(columns["holding_key"]), "duplicate_moves": duplicates, "duplicate_rows": rows}
    counts |= {f"{k.name.lower()}_moves": int((moves.kind == k).sum()) for k in MoveKind}
    return Built(columns, assets, counts, notes)


@dataclass(slots=True)
class _Joined:
    """The moves of all batches in one set of columns."""

    tx_id: U8
    block: I64
    tx_index: I64
    time: I64
    kind: U8
    index: I64
    sender: I64
    receiver: I64
    asset: I64
    amount: U64
    row: I64
    batch: I64
    sources: list[str]

    def take(self, order: npt.NDArray[np.intp] | None) -> None:
        """Reorder all columns (None: leave them as they are)."""
        if order is None:
            return
        for name in ("tx_id", "block", "tx_index", "time", "kind", "index", "sender", "receiver", "asset", "amount"):
            setattr(self, name, getattr(self, name)[order])
        self.row, self.batch = self.row[order], self.batch[order]

    def place(self, i: int) -> str:
        """The file and line of a move, for messages."""
        return f"{self.sources[int(self.batch[i])]}, line {int(self.row[i])}"


def _intern_addresses(batches: list[RawMoves]) -> tuple[U8, list[I64]]:
    width = max((b.addresses.shape[1] for b in batches), default=20)
    padded = []
    for b in batches:
        rows = np.zeros((len(b.addresses), width), np.uint8)
        rows[:, : b.addresses.shape[1]] = b.addresses
        padded.append(rows)
    rows, place = unique_rows(np.concatenate(padded) if padded else np.zeros((0, width), np.uint8))
    ends = np.cumsum([len(p) for p in padded])
    return rows, [np.asarray(p) for p in np.split(place, ends[:-1])]


def _intern_assets(batches: list[RawMoves], native: str) -> list[str]:
    return [native, *sorted({key for b in batches for key in b.assets} - {native})]


def _join(batches: list[RawMoves], maps: list[I64], rank: dict[str, int]) -> _Joined:
    def cat(name: str) -> Any:
        return np.concatenate([getattr(b, name) for b in batches])

    def ends(name: str) -> I64:
        parts = []
        for b, m in zip(batches, maps, strict=True):
            raw = getattr(b, name)
            parts.append(np.where(raw < 0, -1, np.append(m, -1)[raw]))
        return np.concatenate(parts)

    width = max(b.tx_id.shape[1] for b in batches)
    tx_id = np.zeros((sum(map(len, batches)), width), np.uint8)
    at = 0
    for b in batches:
        tx_id[at : at + len(b), : b.tx_id.shape[1]] = b.tx_id
        at += len(b)
    asset = np.concatenate([np.array([rank[k] for k in b.assets] + [-1], np.int64)[b.asset] for b in batches])
    return _Joined(
        tx_id, cat("block"), cat("tx_index"), cat("time"), cat("kind"), cat("index"),
        ends("sender"), ends("receiver"), asset, cat("amount"), cat("row"),
        np.concatenate([np.full(len(b), i, np.int64) for i, b in enumerate(batches)]),
        [b.source for b in batches],
    )  # fmt: skip


def _place_unindexed(moves: _Joined, notes: list[str]) -> None:
    """Rank the transactions whose rank nobody told by their times, then by their first log, then by row."""
    missing = moves.tx_index < 0
    if not missing.any():
        return
    ranked = ~missing & (moves.tx_index != AFTER_TRANSACTIONS)
    mixed = np.intersect1d(moves.block[missing], moves.block[ranked])
    if len(mixed):
        i = int(np.flatnonzero(missing & (moves.block == mixed[0]))[0])
        raise InputError(
            moves.sources[int(moves.batch[i])],
            f"the transaction of this row has no rank in block {int(mixed[0])}, other rows of the block have one",
            line=int(moves.row[i]),
            remedy="import the transactions file of the same blocks together with it",
        )
    at = np.flatnonzero(missing)
    _, tx = unique_rows(np.concatenate([moves.block[at, None].astype(">i8").view(np.uint8), moves.tx_id[at]], axis=1))
    time = _usable_times(moves.block[at], tx, moves.time[at])
    order = np.lexsort((np.arange(len(at)), moves.index[at], time, moves.block[at]))
    first = np.full(int(tx.max()) + 1, len(at), np.int64)
    np.minimum.at(first, tx[order], np.arange(len(at)))
    moves.tx_index[at] = first[tx]
    _rank_in_block(moves, at)
    notes.append(
        "the import does not say the order of transactions inside blocks: they are in the order of their times, and "
        "where those are equal or unknown in the order of logs or rows"
    )


def _usable_times(block: I64, tx: I64, time: I64) -> I64:
    """The time of each move's transaction; 0 in blocks that have a transaction without one."""
    latest = np.full(int(tx.max()) + 1, -1, np.int64)
    np.maximum.at(latest, tx, time)
    of_move = latest[tx]
    return np.where(np.isin(block, block[of_move < 0]), 0, of_move)


def _rank_in_block(moves: _Joined, at: npt.NDArray[np.intp]) -> None:
    pairs = np.stack([moves.block[at], moves.tx_index[at]], axis=1)
    distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
    start = np.searchsorted(distinct[:, 0], distinct[:, 0])
    moves.tx_index[at] = (np.arange(len(distinct)) - start)[inverse.ravel()]


def _chain_order(moves: _Joined) -> npt.NDArray[np.intp] | None:
    major = (moves.block.astype(np.uint64) << np.uint64(32)) | moves.tx_index.astype(np.uint64)
    minor = (moves.kind.astype(np.uint64) << np.uint64(56)) | moves.index.astype(np.uint64)
    ahead = (major[1:] > major[:-1]) | ((major[1:] == major[:-1]) & (minor[1:] >= minor[:-1]))
    if ahead.all():
        return None
    return np.lexsort((minor, major))


def _same(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """For each row but the first, whether all columns repeat the row before."""
    same = np.ones(max(len(columns[0]) - 1, 0), bool)
    for c in columns:
        differs = c[1:] != c[:-1]
        same &= ~(differs.any(axis=1) if differs.ndim == 2 else differs)
    return same


def _drop_duplicates(moves: _Joined) -> npt.NDArray[np.bool_]:
    """True for moves to keep; InputError where one identity stands for two different moves."""
    ids = words(moves.tx_id)
    place = [moves.block, moves.tx_index]
    clash = _same(place) & ~_same([ids])
    if clash.any():
        i = int(np.flatnonzero(clash)[0])
        _conflict(moves, i, i + 1, "two transactions claim one place in their block")
    identity = _same([*place, ids, moves.kind, moves.index])
    content = _same([moves.sender, moves.receiver, moves.asset, moves.amount])
    if (identity & ~content).any():
        i = int(np.flatnonzero(identity & ~content)[0])
        _conflict(moves, i, i + 1, "one transaction, kind and index stands for two different moves")
    return np.concatenate([[True], ~identity])[: len(moves.block)]


def _check_places(moves: _Joined, columns: Columns, notes: list[str], *, hashes: bool) -> None:
    """InputError about a transaction hash at two places; a note about such references."""
    one, other = _come_again(columns)
    if not len(one):
        return
    if not hashes:
        notes.append(
            f"{len(other)} times a reference comes again in another block or on another day: it is a transaction of "
            "its own there, and look-up finds the first"
        )
        return
    first, second = (int(np.searchsorted(columns["move_tx"], tx)) for tx in (one[0], other[0]))
    blocks = f"block {int(moves.block[first])} and block {int(moves.block[second])}"
    _conflict(moves, first, second, f"one transaction hash stands at two places, in {blocks}")


def _come_again(columns: Columns) -> tuple[U32, U32]:
    """Transactions that have the id of an earlier one: the earlier and the later ones; blocks' own moves are none."""
    key, ids = columns["tx_find_key"], columns["tx_id"]
    same = key[1:] == key[:-1]
    alike = np.append(same, False) | np.append(False, same) if len(key) else np.zeros(0, bool)
    rows = np.sort(columns["tx_find_row"][alike])
    rows = rows[ids[rows].any(axis=1) & (columns["tx_index"][rows] != AFTER_TRANSACTIONS)]
    _, number = unique_rows(ids[rows])
    order = np.argsort(number, kind="stable")
    again = np.flatnonzero(np.diff(number[order]) == 0)
    return rows[order[again]], rows[order[again + 1]]


def _conflict(moves: _Joined, one: int, other: int, what: str) -> None:
    raise InputError(
        moves.sources[int(moves.batch[other])],
        f"{what}; the other is {moves.place(one)}",
        line=int(moves.row[other]),
        remedy="find out which of the two rows is right and remove the other",
    )


def _transactions(moves: _Joined) -> tuple[Columns, U8]:
    """Transaction columns and each move's transaction."""
    start = np.ones(len(moves.block), bool)
    start[1:] = ~_same([moves.block, moves.tx_index])
    first = np.flatnonzero(start)
    txs = moves.tx_id[first]
    time = moves.time[first]
    if len(first):
        time = np.maximum.reduceat(moves.time, first)
    columns: Columns = {
        "move_tx": (np.cumsum(start) - 1).astype(np.uint32),
        "tx_block": moves.block[first].astype(np.uint32),
        "tx_index": moves.tx_index[first].astype(np.uint32),
        "tx_time": time,
        "tx_id": txs,
    }
    return columns, txs


def _holdings(moves: _Joined, addresses: int, assets: int) -> Columns:
    """Number the (asset, address) pairs that occur, and the ends of each move by them."""
    dense = addresses * assets
    ends = [np.where(e < 0, -1, moves.asset * addresses + e) for e in (moves.sender, moves.receiver)]
    if dense <= max(4 * len(moves.block), 1 << 22):
        used = np.zeros(dense + 1, bool)
        for e in ends:
            used[e] = True
        used[-1] = False
        number = np.cumsum(used) - 1
        present = np.flatnonzero(used)
        ids = [np.where(e < 0, NOWHERE, number[e]) for e in ends]
    else:
        both = np.concatenate(ends)
        present = np.unique(both[both >= 0])
        ids = [np.where(e < 0, NOWHERE, np.searchsorted(present, e)) for e in ends]
    key = (present // max(addresses, 1)).astype(np.uint64) << np.uint64(32)
    key |= (present % max(addresses, 1)).astype(np.uint64)
    return {"holding_key": key, "move_from": ids[0].astype(np.uint32), "move_to": ids[1].astype(np.uint32)}


def _add_index(columns: Columns) -> None:
    sender, receiver, amount = columns["move_from"], columns["move_to"], columns["move_amount"]
    index = index_moves(sender, receiver, amount, len(columns["holding_key"]))
    columns["entry_offset"], columns["entry"] = index.entry_offset, index.entry
    columns["balance_mark"] = index.balance_mark
    columns["gap_move"], columns["gap_amount"] = index.gap_move, index.gap_amount
    columns["holding_wide"] = index.wide
