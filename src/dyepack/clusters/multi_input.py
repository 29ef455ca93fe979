"""Clusters of addresses that were spent together (multi-input, co-spend), each merge with the transaction behind it.

Whoever signs a transaction has the keys of all its inputs, so their addresses are taken to be one party's, unless the
transaction looks like a CoinJoin, where many parties sign (methods.md 2.1; BlockSci and GraphSense do the same).
A merge is evidence only together with its transaction: `explain` gives the chain of them between two addresses,
`without` undoes what chosen transactions caused.

Invariant: a cluster is named by its smallest address id; the merges are a forest that spans exactly the clusters, in
chain order; `without(txs)` equals, merge by merge, a run that excludes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.ledger.utxo.schema import COINBASE, OUTSIDE
from dyepack.tags.grades import Grade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dyepack.ledger.schema import U32, U64
    from dyepack.ledger.utxo.reader import UtxoLedger

Flags = npt.NDArray[np.bool_]

METHOD = "multi-input (co-spend), CoinJoins left out"
SOURCE = "inputs of the transaction, spent together"
CO_SPEND = Grade(40, "E6")
"""Of a merge: an inference, at the most that one may have, until its precision is measured on known wallets; a caller
who has measured it gives `clusters` an E5 grade with that figure."""

LEAST_EQUAL = 3
DUST = 2730
"""Satoshi: equal outputs up to this are dust (the limit of JoinMarket's and BlockSci's rules)."""

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Link:
    """Two addresses (ids) that transaction `tx` spent from together."""

    one: int
    other: int
    tx: int
    confidence: int
    evidence: str
    method: str = METHOD
    source: str = SOURCE


def structural_coinjoins(ledger: UtxoLedger) -> Flags:
    """Which transactions have the shape that CoinJoins with equal outputs share, (n,).

    At least 3 outputs have one value; outputs whose value stands there more than once are half of the outputs or more,
    one apart (values up to 2,730 satoshi never count as equal); and the inputs are of at least as many different
    addresses as the most frequent value has outputs. This is what the rules for Wasabi, Whirlpool, JoinMarket and
    BlockSci's isCoinjoin have in common (methods.md 3.3); it leaves out too much rather than too little: batch payouts
    from many addresses as well. It does not see CoinJoins of two, nor PayJoins: give `clusters` a finer detector.
    """
    from dyepack.tags.cluster_kernel import equal_outputs

    found = np.zeros(ledger.transactions, np.bool_)
    for start in range(0, ledger.transactions, _CHUNK):
        end = min(start + _CHUNK, ledger.transactions)
        ins, outs = (_counts(column, start, end) for column in (ledger.tx_input, ledger.tx_output))
        txs = (start + np.flatnonzero((ins >= LEAST_EQUAL) & (outs >= LEAST_EQUAL))).astype(np.uint32)
        if len(txs):
            offset, address = _inputs(ledger, txs)
            found[txs] = equal_outputs(txs, offset, address, ledger.tx_output, ledger.output_value,
                                       LEAST_EQUAL, np.uint64(DUST))  # fmt: skip
    return found


@dataclass(slots=True)
class Clusters:
    """Every address's cluster, and the merges that made them, in chain order.

    cluster      (addresses,) u32  smallest address of the cluster
    merge_one    (merges,) u32     the first input address of the transaction
    merge_other  (merges,) u32     the input address that it was joined with
    merge_tx     (merges,) u32     the transaction
    left_out     (txs,) bool       transactions that joined nothing, as CoinJoins or because the caller said so
    """

    ledger: UtxoLedger
    cluster: U32
    merge_one: U32
    merge_other: U32
    merge_tx: U32
    left_out: Flags
    coinjoins: int
    """How many transactions were left out as CoinJoins."""
    grade: Grade = CO_SPEND
    method: str = METHOD
    _history: dict[int, tuple[U32, U32]] = field(default_factory=dict, repr=False)

    def of(self, address: int) -> int:
        """The cluster of an address: the smallest address id in it."""
        return int(self.cluster[address])

    def members(self, cluster: int) -> U32:
        """The addresses of a cluster, ascending."""
        return np.flatnonzero(self.cluster == np.uint32(cluster)).astype(np.uint32)

    def size(self, cluster: int) -> int:
        """How many addresses a cluster has."""
        return int(np.count_nonzero(self.cluster == np.uint32(cluster)))

    def explain(self, one: int, other: int) -> list[Link]:
        """Why two addresses are one party's: links from the one to the other, each with its transaction.

        Empty if they are in different clusters, or the same address.
        """
        if one == other or self.of(one) != self.of(other):
            return []
        links: list[Link] = []
        for a, b, tx in self._path(one, other):
            if links and links[-1].tx == tx:
                links[-1] = replace(links[-1], other=b)
            else:
                links.append(Link(a, b, tx, self.grade.confidence, self.grade.evidence, self.method))
        return links

    def without(self, txs: Iterable[int]) -> Clusters:
        """The clusters without what these transactions joined; only the clusters that they joined are done again."""
        chosen = np.unique(np.fromiter(txs, np.uint32))
        left_out = self.left_out.copy()
        left_out[chosen] = True
        affected = np.zeros(len(self.cluster), np.bool_)
        affected[self.cluster[self.merge_one[np.isin(self.merge_tx, chosen)]]] = True
        members = np.flatnonzero(affected[self.cluster]).astype(np.uint32)
        again = _spending(self.ledger, members)
        again = again[_joining(self.ledger, again, left_out)]
        label, (one, other, via) = _join_among(self.ledger, again, members)
        cluster = self.cluster.copy()
        cluster[members] = label
        kept = ~affected[self.cluster[self.merge_one]]
        merges = [np.concatenate([old[kept], new]) for old, new in
                  zip((self.merge_one, self.merge_other, self.merge_tx), (one, other, via), strict=True)]  # fmt: skip
        order = np.argsort(merges[2], kind="stable")
        return replace(self, cluster=cluster, merge_one=merges[0][order], merge_other=merges[1][order],
                       merge_tx=merges[2][order], left_out=left_out, _history={})  # fmt: skip

    def _path(self, one: int, other: int) -> list[tuple[int, int, int]]:
        """(address, address, tx) from `one` to `other` through the forest of merges."""
        found: list[tuple[int, int, int]] = []
        todo: list[tuple[int, int, int]] = [(one, other, -1)]
        while todo:
            a, b, tx = todo.pop()
            if tx >= 0:
                found.append((a, b, tx))
            elif a != b:
                merge = self._joined(a, b)
                near, far = int(self.merge_one[merge]), int(self.merge_other[merge])
                if self._root_before(a, merge) != self._root_before(near, merge):
                    near, far = far, near
                todo += [(far, b, -1), (near, far, int(self.merge_tx[merge])), (a, near, -1)]
        return found

    def _forest(self, address: int) -> tuple[U32, U32]:
        """The history of the merges of an address's cluster (the last one asked for is kept)."""
        from dyepack.tags.cluster_kernel import history

        cluster = self.of(address)
        if cluster not in self._history:
            self._history.clear()
            self._history[cluster] = history(self.merge_one, self.merge_other, self.cluster, np.uint32(cluster))
        return self._history[cluster]

    def _joined(self, a: int, b: int) -> int:
        """The merge that brought two addresses together."""
        up, when = self._forest(a)
        merge = 0
        while a != b:
            if when[a] > when[b]:
                a, b = b, a
            merge, a = int(when[a]), int(up[a])
        return merge

    def _root_before(self, address: int, merge: int) -> int:
        """The root of an address before a merge."""
        up, when = self._forest(address)
        while when[address] < merge:
            address = int(up[address])
        return address


def clusters(
    ledger: UtxoLedger,
    *,
    is_coinjoin: Flags | Callable[[UtxoLedger], Flags] = structural_coinjoins,
    excluded: Iterable[int] = (),
    grade: Grade = CO_SPEND,
) -> Clusters:
    """The clusters of all addresses of a ledger.

    `is_coinjoin` says of each transaction whether it is to join nothing, or works that out; `excluded` are further
    transactions that join nothing; `grade` is what a merge is worth.
    """
    from dyepack.tags.cluster_kernel import join, smallest

    flags = is_coinjoin(ledger) if callable(is_coinjoin) else is_coinjoin
    left_out = np.array(flags, np.bool_)
    if left_out.shape != (ledger.transactions,):
        raise ValueError(f"is_coinjoin has the shape {left_out.shape}, not one flag for each transaction")
    coinjoins = int(np.count_nonzero(left_out))
    left_out[np.fromiter(excluded, np.int64)] = True
    addresses = len(ledger.address_id)
    parent, size = np.arange(addresses, dtype=np.uint32), np.ones(addresses, np.uint32)
    merges = [np.empty(max(addresses - 1, 0), np.uint32) for _ in range(3)]
    count = 0
    for start in range(0, ledger.transactions, _CHUNK):
        txs = np.arange(start, min(start + _CHUNK, ledger.transactions), dtype=np.uint32)
        txs = txs[_joining(ledger, txs, left_out)]
        count = int(join(txs, *_inputs(ledger, txs), parent, size, *merges, count))
    one, other, via = (column[:count] for column in merges)
    return Clusters(ledger, smallest(parent, size), one, other, via, left_out, coinjoins, grade)


def _counts(offset: U64, start: int, end: int) -> U64:
    return np.asarray(np.diff(offset[start : end + 1]), np.uint64)


def _joining(ledger: UtxoLedger, txs: U32, left_out: Flags) -> Flags:
    """Which of these transactions join addresses: they have several inputs, make no coins, are not left out."""
    several = ledger.tx_input[txs.astype(np.int64) + 1] - ledger.tx_input[txs] > 1
    return np.asarray(several & (ledger.tx_flag[txs] & COINBASE == 0) & ~left_out[txs], np.bool_)


def _inputs(ledger: UtxoLedger, txs: U32) -> tuple[U64, U32]:
    from dyepack.tags.cluster_kernel import input_addresses

    offset, address = input_addresses(
        txs, ledger.tx_input, ledger.input_tx, ledger.input_index, ledger.tx_output, ledger.output_address,
        ledger.outside_address)  # fmt: skip
    return offset, address


def _spending(ledger: UtxoLedger, members: U32) -> U32:
    """The transactions that spend from any of these addresses, ascending."""
    from dyepack.tags.cluster_kernel import spenders

    found = spenders(members, ledger.address_offset, ledger.address_output, ledger.output_spender)
    if len(ledger.outside_tx):
        rows = np.flatnonzero(ledger.input_tx == OUTSIDE)
        rows = rows[np.isin(ledger.outside_address[ledger.input_index[rows]], members)]
        txs = np.searchsorted(ledger.tx_input, rows.astype(np.uint64), side="right") - 1
        found = np.concatenate([found, txs.astype(np.uint32)])
    return np.unique(found)


def _join_among(ledger: UtxoLedger, txs: U32, members: U32) -> tuple[U32, tuple[U32, U32, U32]]:
    """(cluster of each member, merges) of transactions that spend only from `members`."""
    from dyepack.tags.cluster_kernel import join, smallest

    offset, address = _inputs(ledger, txs)
    known = np.isin(address, members)
    local = np.where(known, np.searchsorted(members, address).astype(np.uint32), address)
    parent, size = np.arange(len(members), dtype=np.uint32), np.ones(len(members), np.uint32)
    one, other, via = (np.empty(max(len(members) - 1, 0), np.uint32) for _ in range(3))
    count = int(join(txs, offset, local, parent, size, one, other, via, 0))
    return members[smallest(parent, size)], (members[one[:count]], members[other[:count]], via[:count])
