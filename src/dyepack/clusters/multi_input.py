"""Clusters of addresses: spent together (multi-input, co-spend), or joined by change; each merge with its transaction.

Whoever signs a transaction has the keys of all its inputs, so their addresses are taken to be one party's, unless the
transaction looks like a CoinJoin, where many parties sign (BlockSci and GraphSense do the same). Where the caller
asks for it, the change output of a transaction joins its inputs too, if signs of at least two groups say that it is
change (patterns/change.py). A merge is evidence only together with its transaction: `explain` gives the
chain of them between two addresses, `without` undoes what chosen transactions caused.

Where actors are given, two clusters of different actors are never joined. A transaction that would do that joins
nothing at all, and is a Conflict: so the order of its inputs plays no part. Between transactions order does count: what
is spent together goes first, in chain order, then change, in chain order; so a cluster that nobody is known to own goes
to the actor whom the earlier transaction joins it with, and the later transaction is the conflict. The order of the
tags never counts. Change is not followed into a service's cluster, nor out of it.

Invariant: a cluster is named by its smallest address id; the merges are a forest that spans exactly the clusters, those
of addresses spent together first, both in chain order; no cluster has two actors; `without(txs)` equals, merge by
merge, a run that excludes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.clusters.actors import Conflict
from dyepack.clusters.forest import Forest, change_pairs, changes_to_join
from dyepack.clusters.spenders import inputs_of, joining, spending
from dyepack.patterns.change import LEAST_GROUPS, ONE_SIGN, TWO_SIGNS, group_count, sign_names
from dyepack.patterns.change import MEASURED as CHANGE_MEASURED
from dyepack.patterns.coinjoin.detect import coinjoin_flags
from dyepack.tags.grades import MADE_UP_AT_MOST, Grade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dyepack.clusters.actors import Actor
    from dyepack.ledger.schema import U32
    from dyepack.ledger.utxo.reader import UtxoLedger

Flags = npt.NDArray[np.bool_]

METHOD = "multi-input (co-spend), CoinJoins left out"
SOURCE = "inputs of the transaction, spent together"
CHANGE = "change output"
CHANGE_SOURCE = "inputs and change output of the transaction"
CO_SPEND = Grade(MADE_UP_AT_MOST, "E5")
"""Of a merge (CO_SPEND_MEASURED); a caller who has measured it on real wallets gives `clusters` that figure."""
CO_SPEND_MEASURED = (
    "on 5 generated chains with known wallets (100,016 transactions, habits made up): one owner in 99.5 % of 44,674 "
    "merges, the others are PayJoins; not measured on real chains"
)

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Link:
    """Two addresses (ids) that transaction `tx` joined: it spent from both, or from one, and the other got the change.

    signs   why the output is taken to be change; empty where both were spent from
    forced  one of the two was spent from only because of dust that a stranger had sent to it

    `measured` says on what the precision behind `confidence` was measured.
    """

    one: int
    other: int
    tx: int
    confidence: int
    evidence: str
    method: str = METHOD
    source: str = SOURCE
    signs: tuple[str, ...] = ()
    forced: bool = False
    measured: str = CO_SPEND_MEASURED


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for: change by signs of so many groups (0: none), the actors by address."""

    change: int = 0
    actors: Mapping[int, Actor] = field(default_factory=dict)


@dataclass(slots=True)
class Clusters:
    """Every address's cluster, and the merges that made them: of addresses spent together, then of change.

    cluster      (addresses,) u32  smallest address of the cluster
    merge_one    (merges,) u32     the first input address of the transaction
    merge_other  (merges,) u32     the input address, or the address of the change, that it was joined with
    merge_tx     (merges,) u32     the transaction
    merge_signs  (merges,) u16     the signs of the change (patterns/change.py), 0 where both were spent from
    left_out     (txs,) bool       transactions that joined nothing, as CoinJoins or because the caller said so
    clash        (n, 5) u32        conflicts: transaction, two addresses, numbers of their actors in `parties`
    at_services  how many change outputs were not followed because a service is on one side
    """

    ledger: UtxoLedger
    cluster: U32
    merge_one: U32
    merge_other: U32
    merge_tx: U32
    left_out: Flags
    coinjoins: int
    """How many transactions were left out as CoinJoins."""
    merge_signs: npt.NDArray[np.uint16]
    clash: U32
    parties: list[Actor]
    spent_clashes: int = 0
    """How many of them spent from both actors' addresses; those of change follow."""
    at_services: int = 0
    grade: Grade = CO_SPEND
    method: str = METHOD
    options: Options = field(default_factory=Options)
    _history: dict[int, tuple[U32, U32]] = field(default_factory=dict, repr=False)
    _forced: list[Flags] = field(default_factory=list, repr=False)

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
        for a, b, merge in self._path(one, other):
            if links and links[-1].tx == int(self.merge_tx[merge]):
                step = self._link(a, b, merge)
                links[-1] = replace(step if step.signs else links[-1], one=links[-1].one, other=b,
                                    forced=links[-1].forced or step.forced)  # fmt: skip
            else:
                links.append(self._link(a, b, merge))
        return links

    @property
    def forced(self) -> Flags:
        """Which merges rest on a stranger's dust alone (forced.py), (merges,)."""
        from dyepack.clusters.forced import forced_merges

        if not self._forced:
            self._forced.append(forced_merges(self))
        return self._forced[0]

    @property
    def conflicts(self) -> list[Conflict]:
        """The transactions that would have joined two actors' clusters: those that spent, then those of change."""
        return [
            Conflict(
                tx, one, other, self.parties[a - 1], self.parties[b - 1], CHANGE if at >= self.spent_clashes else METHOD
            )
            for at, (tx, one, other, a, b) in enumerate(self.clash.tolist())
        ]

    def actor(self, address: int) -> Actor | None:
        """The actor who is known to hold an address of this one's cluster."""
        cluster = self.of(address)
        keys = {actor.key for at, actor in self.options.actors.items() if self.of(at) == cluster}
        return next((party for party in self.parties if party.key in keys), None)

    def without(self, txs: Iterable[int]) -> Clusters:
        """The clusters without what these transactions joined.

        Where all there is was spent together, only the clusters that they joined are done again. With change or actors
        one merge may decide another far away, so all are.
        """
        chosen = np.unique(np.fromiter(txs, np.uint32))
        left_out = self.left_out.copy()
        left_out[chosen] = True
        if self.options.change or self.options.actors:
            again = clusters(self.ledger, is_coinjoin=left_out, change=self.options.change,
                             actors=self.options.actors, grade=self.grade)  # fmt: skip
            return replace(again, coinjoins=self.coinjoins)
        return self._redone(chosen, left_out)

    def _redone(self, chosen: U32, left_out: Flags) -> Clusters:
        """Without these transactions, where merges rest on nothing but inputs."""
        affected = np.zeros(len(self.cluster), np.bool_)
        affected[self.cluster[self.merge_one[np.isin(self.merge_tx, chosen)]]] = True
        members = np.flatnonzero(affected[self.cluster]).astype(np.uint32)
        again = spending(self.ledger, members)
        again = again[joining(self.ledger, again, left_out)]
        label, (one, other, via) = _join_among(self.ledger, again, members)
        cluster = self.cluster.copy()
        cluster[members] = label
        kept = ~affected[self.cluster[self.merge_one]]
        merges = [np.concatenate([old[kept], new]) for old, new in
                  zip((self.merge_one, self.merge_other, self.merge_tx), (one, other, via), strict=True)]  # fmt: skip
        order = np.argsort(merges[2], kind="stable")
        return replace(self, cluster=cluster, merge_one=merges[0][order], merge_other=merges[1][order],
                       merge_tx=merges[2][order], merge_signs=np.zeros(len(order), np.uint16), left_out=left_out,
                       _history={}, _forced=[])  # fmt: skip

    def _link(self, a: int, b: int, merge: int) -> Link:
        """The link of one merge."""
        tx, signs, forced = int(self.merge_tx[merge]), int(self.merge_signs[merge]), bool(self.forced[merge])
        if not signs:
            return Link(a, b, tx, self.grade.confidence, self.grade.evidence, METHOD, forced=forced)
        grade = TWO_SIGNS if group_count(signs) >= LEAST_GROUPS else ONE_SIGN
        return Link(
            a,
            b,
            tx,
            grade.confidence,
            grade.evidence,
            CHANGE,
            CHANGE_SOURCE,
            sign_names(signs),
            measured=CHANGE_MEASURED,
        )

    def _path(self, one: int, other: int) -> list[tuple[int, int, int]]:
        """(address, address, merge) from `one` to `other` through the forest of merges."""
        found: list[tuple[int, int, int]] = []
        todo: list[tuple[int, int, int]] = [(one, other, -1)]
        while todo:
            a, b, by = todo.pop()
            if by >= 0:
                found.append((a, b, by))
            elif a != b:
                merge = self._joined(a, b)
                near, far = int(self.merge_one[merge]), int(self.merge_other[merge])
                if self._root_before(a, merge) != self._root_before(near, merge):
                    near, far = far, near
                todo += [(far, b, -1), (near, far, merge), (a, near, -1)]
        return found

    def _forest(self, address: int) -> tuple[U32, U32]:
        """The history of the merges of an address's cluster (the last one asked for is kept)."""
        from dyepack.clusters.kernel import history

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
    is_coinjoin: Flags | Callable[[UtxoLedger], Flags] = coinjoin_flags,
    excluded: Iterable[int] = (),
    grade: Grade = CO_SPEND,
    change: int = 0,
    actors: Mapping[int, Actor] | None = None,
) -> Clusters:
    """The clusters of all addresses of a ledger.

    `is_coinjoin` says of each transaction whether it is to join nothing, or works that out; `excluded` are further
    transactions that join nothing; `grade` is what a merge of addresses spent together is worth; `change` joins change
    outputs that signs of so many groups or more single out (2 is advised, 0: none); `actors` are kept apart.
    """
    flags = is_coinjoin(ledger) if callable(is_coinjoin) else is_coinjoin
    left_out = np.array(flags, np.bool_)
    if left_out.shape != (ledger.transactions,):
        raise ValueError(f"is_coinjoin has the shape {left_out.shape}, not one flag for each transaction")
    coinjoins = int(np.count_nonzero(left_out))
    left_out[np.fromiter(excluded, np.int64)] = True
    forest = Forest(ledger, actors or {})
    for start in range(0, ledger.transactions, _CHUNK):
        txs = np.arange(start, min(start + _CHUNK, ledger.transactions), dtype=np.uint32)
        txs = txs[joining(ledger, txs, left_out)]
        forest.join(txs, *inputs_of(ledger, txs))
    spent, clashes, at_services = forest.merges, forest.clashes, 0
    signs = np.zeros(spent, np.uint16)
    if change:
        found, at_services = changes_to_join(forest, left_out, change)
        forest.join(found.tx, *change_pairs(ledger, found))
        one_of = dict(zip(found.tx.tolist(), found.signs.tolist(), strict=True))
        more = [one_of[tx] for tx in forest.via[spent : forest.merges].tolist()]
        signs = np.concatenate([signs, np.array(more, np.uint16)])
    one, other, via = (column[: forest.merges] for column in (forest.one, forest.other, forest.via))
    return Clusters(
        ledger, forest.labels(), one, other, via, left_out, coinjoins, signs, forest.clash, forest.parties, clashes,
        at_services, grade, f"{METHOD}; {CHANGE} by {change} or more signs" if change else METHOD,
        Options(change, actors or {}),
    )  # fmt: skip


def _join_among(ledger: UtxoLedger, txs: U32, members: U32) -> tuple[U32, tuple[U32, U32, U32]]:
    """(cluster of each member, merges) of transactions that spend only from `members`."""
    from dyepack.clusters.kernel import join, smallest

    offset, address = inputs_of(ledger, txs)
    known = np.isin(address, members)
    local = np.where(known, np.searchsorted(members, address).astype(np.uint32), address)
    parent, size = np.arange(len(members), dtype=np.uint32), np.ones(len(members), np.uint32)
    one, other, via = (np.empty(max(len(members) - 1, 0), np.uint32) for _ in range(3))
    count = int(join(txs, offset, local, parent, size, one, other, via, 0))
    return members[smallest(parent, size)], (members[one[:count]], members[other[:count]], via[:count])
