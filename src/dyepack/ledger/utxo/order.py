"""Chain order: the transactions of all sources in one set of columns, block after block.

Invariant: a transaction stands once, by (height, id); the coinbase is the first of its block; one height has one
block. Sources that do not say a transaction's rank in its block give parents before children.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from dyepack.errors import InputError
from dyepack.ledger.rows import unique_rows
from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, TransactionColumns

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64
    from dyepack.ledger.utxo.schema import RawTransactions


@dataclass(slots=True)
class Ordered(TransactionColumns):
    """The transactions of all sources, in chain order once `order_transactions` gives them back.

    tx_batch  (n,) i64  row of `sources`, the names of files for messages
    complete  no block between the first and the last is missing, nor any transaction of one
    """

    tx_batch: I64
    sources: list[str]
    complete: bool
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def name(self, tx: int) -> str:
        """A transaction, for messages."""
        height = int(self.block_height[self.tx_block[tx]])
        return f"transaction {self.tx_id[tx].tobytes().hex()} of block {height}"

    def refuse(self, tx: int, problem: str, remedy: str) -> NoReturn:
        """InputError about a transaction."""
        raise InputError(self.sources[int(self.tx_batch[tx])], f"{self.name(tx)} {problem}", remedy=remedy)


def order_transactions(batches: list[RawTransactions], *, asked: bool = False) -> Ordered:
    """One set of columns in chain order; InputError where sources contradict each other.

    `asked`: the source was asked about single outputs, so that holes say nothing about what is unspent.
    """
    raw = _joined(batches)
    _blocks(raw)
    if asked:
        raw.complete, raw.notes = False, []
    _drop_repeats(raw)
    _rank(raw)
    order = np.lexsort((raw.tx_index, raw.tx_block))
    if (np.diff(order) < 0).any():
        raw.take(order)
    _check_places(raw)
    return raw


def _joined(batches: list[RawTransactions]) -> Ordered:
    def cat(name: str) -> Any:
        return np.concatenate([getattr(b, name) for b in batches])

    def shifted(name: str, sizes: list[int]) -> I64:
        shift = np.cumsum([0, *sizes[:-1]])
        parts = [getattr(b, name) for b in batches]
        return np.concatenate([np.where(p < 0, -1, p + s) for p, s in zip(parts, shift, strict=True)])

    def begins(name: str) -> I64:
        return offsets(np.concatenate([np.diff(getattr(b, name)) for b in batches]))

    width = max((b.addresses.shape[1] for b in batches), default=0)
    packed = [np.pad(b.addresses, ((0, 0), (0, width - b.addresses.shape[1]))) for b in batches]
    sizes = [len(b.addresses) for b in batches]
    return Ordered(
        cat("block_id"), cat("block_height"), cat("block_time"),
        shifted("tx_block", [len(b.block_id) for b in batches]),
        cat("tx_index"), cat("tx_id"), cat("tx_coinbase"), begins("in_offset"), cat("in_txid"), cat("in_index"),
        cat("in_value"), shifted("in_address", sizes), begins("out_offset"), cat("out_value"), cat("out_type"),
        shifted("out_address", sizes), np.concatenate(packed),
        np.concatenate([np.full(len(b), i, np.int64) for i, b in enumerate(batches)]), [b.source for b in batches],
        all(b.contiguous for b in batches),
    )  # fmt: skip


def _blocks(raw: Ordered) -> None:
    """One row a height, ascending; `complete` only if no height is missing between the first and the last."""
    heights, row = np.unique(raw.block_height, return_inverse=True)
    ids = np.zeros((len(heights), 32), np.uint8)
    times = np.full(len(heights), -1, np.int64)
    said = raw.block_id.any(axis=1)
    ids[row[said]] = raw.block_id[said]
    np.maximum.at(times, row, raw.block_time)
    other = said & (ids[row] != raw.block_id).any(axis=1)
    if other.any():
        at = int(np.flatnonzero(other)[0])
        tx = int(np.flatnonzero(raw.tx_block == at)[0]) if (raw.tx_block == at).any() else 0
        raise InputError(
            raw.sources[int(raw.tx_batch[tx])] if len(raw.tx_batch) else raw.sources[0],
            f"two blocks claim height {int(raw.block_height[at])}: {raw.block_id[at].tobytes().hex()} and "
            f"{ids[row[at]].tobytes().hex()}", remedy="leave out the one that is not on the chain",
        )  # fmt: skip
    raw.block_id, raw.block_height, raw.block_time = ids, heights, times
    raw.tx_block = row[raw.tx_block]
    holes = int(heights[-1] - heights[0]) + 1 - len(heights) if len(heights) else 0
    if holes:
        raw.complete = False
        raw.notes.append(
            f"{holes} blocks between the first and the last are not there: what looks unspent may be spent"
        )
    elif not raw.complete:
        raw.notes.append("the import does not hold whole blocks: what looks unspent may be spent")


def _drop_repeats(raw: Ordered) -> None:
    """Drop transactions that stand again in the same block; the first that tells most of its inputs' values stays."""
    ids, number = unique_rows(
        np.concatenate([raw.tx_block.astype(">u4").view(np.uint8).reshape(-1, 4), raw.tx_id], axis=1)
    )
    if len(ids) == len(raw.tx_id):
        return
    untold = np.zeros(len(raw.in_index) + 1, np.int64)
    np.cumsum(raw.in_value == UNKNOWN_VALUE, out=untold[1:])
    untold = untold[raw.in_offset[1:]] - untold[raw.in_offset[:-1]]
    order = np.lexsort((untold, number))
    again = order[1:][np.diff(number[order]) == 0]
    first = order[np.searchsorted(number[order], number[again])]
    for one, other in zip(first.tolist(), again.tolist(), strict=True):
        if not _is_same(raw, one, other):
            raw.refuse(other, "stands there twice, with different inputs or outputs", "find out which is right")
    keep = np.ones(len(raw.tx_id), np.bool_)
    keep[again] = False
    raw.counts["repeated_transactions"] = len(again)
    raw.take(np.flatnonzero(keep))


def _is_same(raw: Ordered, one: int, other: int) -> bool:
    """Whether two transactions spend and make the same, as far as both say (values of inputs, addresses)."""
    spans = [[slice(int(o[tx]), int(o[tx + 1])) for o in (raw.in_offset, raw.out_offset)] for tx in (one, other)]
    content = [(raw.in_txid[i].tobytes(), raw.in_index[i].tobytes(), raw.out_value[o].tobytes()) for i, o in spans]
    if content[0] != content[1]:
        return False
    (ins, outs), (ins_too, outs_too) = spans
    values = raw.in_value[ins], raw.in_value[ins_too]
    told = (values[0] != UNKNOWN_VALUE) & (values[1] != UNKNOWN_VALUE)
    places = raw.out_address[outs], raw.out_address[outs_too]
    named = (places[0] >= 0) & (places[1] >= 0)
    same = (raw.addresses[places[0][named]] == raw.addresses[places[1][named]]).all()
    return bool((values[0] == values[1])[told].all() and same)


def _rank(raw: Ordered) -> None:
    """Give ranks to the transactions of blocks in which one has none: parents before children, else as they came."""
    unranked = np.unique(raw.tx_block[raw.tx_index < 0])
    if not len(unranked):
        return
    rows = np.flatnonzero(np.isin(raw.tx_block, unranked))
    rows = rows[np.argsort(raw.tx_block[rows], kind="stable")]
    for group in np.split(rows, np.flatnonzero(np.diff(raw.tx_block[rows])) + 1):
        for rank, tx in enumerate(_parents_first(raw, group.tolist())):
            raw.tx_index[tx] = rank
    raw.notes.append("the import does not say the order of transactions inside some blocks: parents stand before "
                     "children there, the others as they came")  # fmt: skip


def _parents_first(raw: Ordered, txs: list[int]) -> list[int]:
    """Kahn's order of one block's transactions, coinbase first; of those that may come next, the first given."""
    here = {raw.tx_id[t].tobytes(): t for t in txs}
    waits: dict[int, int] = dict.fromkeys(txs, 0)
    children: dict[int, list[int]] = {}
    for tx in txs:
        spent = raw.in_txid[int(raw.in_offset[tx]) : int(raw.in_offset[tx + 1])]
        for parent in {here[i] for i in (row.tobytes() for row in spent) if i in here}:
            waits[tx] += 1
            children.setdefault(parent, []).append(tx)
    place = {t: (not raw.tx_coinbase[t], n) for n, t in enumerate(txs)}
    ready = [(*place[t], t) for t in txs if not waits[t]]
    heapify(ready)
    done: list[int] = []
    while ready:
        done.append(heappop(ready)[-1])
        for child in children.get(done[-1], []):
            waits[child] -= 1
            if not waits[child]:
                heappush(ready, (*place[child], child))
    if len(done) < len(txs):
        raw.refuse(next(t for t in txs if waits[t]), "spends, directly or not, its own outputs", "check the file")
    return done


def _check_places(raw: Ordered) -> None:
    same = (np.diff(raw.tx_block) == 0) & (np.diff(raw.tx_index) == 0)
    if same.any():
        tx = int(np.flatnonzero(same)[0])
        raw.refuse(tx + 1, f"claims the place of {raw.name(tx)} in its block", "check the ranks in the file")
    late = raw.tx_coinbase[1:].astype(bool) & (np.diff(raw.tx_block) == 0)
    if late.any():
        raw.refuse(int(np.flatnonzero(late)[0]) + 1, "makes new coins but is not the first of its block",
                   "check the file")  # fmt: skip
