"""The union-find that clusters grow in: merges written down as they come, and what actors forbid.

Invariant: `one`, `other` and `via` hold the merges so far, in the order in which they were made; a root has at most one
actor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.clusters.actors import numbered
from dyepack.clusters.spenders import inputs_of
from dyepack.ledger.utxo.schema import NO_ADDRESS
from dyepack.patterns.change import Changes, find_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from dyepack.clusters.actors import Actor
    from dyepack.ledger.schema import U32, U64
    from dyepack.ledger.utxo.reader import UtxoLedger


class Forest:
    """Every address of a ledger, alone at first; `parties` are the actors, by their numbers from 1 on."""

    def __init__(self, ledger: UtxoLedger, actors: Mapping[int, Actor]) -> None:
        count = len(ledger.address_id)
        self.ledger = ledger
        self.parent, self.size = np.arange(count, dtype=np.uint32), np.ones(count, np.uint32)
        self.one, self.other, self.via = (np.empty(max(count - 1, 0), np.uint32) for _ in range(3))
        self.merges = 0
        self.parties, number = numbered(actors)
        self._actor = np.zeros(count if actors else 0, np.uint32)
        for address, actor in number.items():
            self._actor[address] = actor
        self._clash: list[U32] = [np.zeros((0, 5), np.uint32)]

    @property
    def clash(self) -> U32:
        """The transactions refused so far: transaction, two addresses, their actors, (n, 5)."""
        return np.concatenate(self._clash)

    @property
    def clashes(self) -> int:
        """How many transactions were refused so far."""
        return sum(len(rows) for rows in self._clash)

    def join(self, txs: U32, offset: U64, address: U32) -> None:
        """Join the addresses of each transaction, unless they are two actors'."""
        merges = (self.one, self.other, self.via, self.merges)
        if not len(self._actor):
            from dyepack.clusters.kernel import join

            self.merges = int(join(txs, offset, address, self.parent, self.size, *merges))
            return
        from dyepack.clusters.guard_kernel import join_guarded

        clash = np.empty((len(txs), 5), np.uint32)
        made = join_guarded(txs, offset, address, self.parent, self.size, self._actor, *merges, clash)
        self.merges = int(made[0])
        self._clash.append(clash[: int(made[1])].copy())

    def labels(self) -> U32:
        """The cluster of each address: its smallest address."""
        from dyepack.clusters.kernel import smallest

        found: U32 = smallest(self.parent, np.empty(len(self.parent), np.uint32))
        return found

    def actor_by_label(self, cluster: U32) -> U32:
        """The number of the actor of each cluster, by its smallest address; 0 for none."""
        named = np.zeros(len(cluster), np.uint32)
        if len(self._actor):
            roots = np.flatnonzero((self._actor > 0) & (self.parent == np.arange(len(self.parent))))
            named[cluster[roots]] = self._actor[roots]
        return named


def changes_to_join(forest: Forest, left_out: npt.NDArray[np.bool_], least: int) -> tuple[Changes, int]:
    """The change outputs that join their addresses, and how many others were left because of a service.

    Not those of transactions that were refused, nor where exactly one side is known to be a service's: what is sent to
    an exchange or left of its payouts must not make a customer the exchange.
    """
    ledger, cluster = forest.ledger, forest.labels()
    skip = left_out.copy()
    skip[forest.clash[:, 0]] = True
    found = find_changes(ledger, coinjoin=skip, cluster=cluster, least=least)
    offset, address = inputs_of(ledger, found.tx)
    to = ledger.output_address[found.output]
    first = _first_known(offset, address)
    able = (to != NO_ADDRESS) & (first != NO_ADDRESS)
    found, to, first = Changes(found.tx[able], found.output[able], found.signs[able]), to[able], first[able]
    actor = forest.actor_by_label(cluster)
    service = np.array([False, *(party.service for party in forest.parties)])
    ours, theirs = actor[cluster[first]], actor[cluster[to]]
    crosses = (ours != theirs) & ((ours == 0) | (theirs == 0)) & (service[ours] | service[theirs])
    kept = ~crosses
    return Changes(found.tx[kept], found.output[kept], found.signs[kept]), int(crosses.sum())


def change_pairs(ledger: UtxoLedger, found: Changes) -> tuple[U64, U32]:
    """(offset, address): of each change the first known input address and that of the change."""
    offset, address = inputs_of(ledger, found.tx)
    pairs = np.stack([_first_known(offset, address), ledger.output_address[found.output]], axis=1)
    return np.arange(len(found.tx) + 1, dtype=np.uint64) * np.uint64(2), pairs.reshape(-1)


def _first_known(offset: U64, address: U32) -> U32:
    """The first known address of each transaction's inputs, NO_ADDRESS where there is none."""
    found = np.full(len(offset) - 1, NO_ADDRESS, np.uint32)
    rows = np.flatnonzero(address != NO_ADDRESS)
    of = np.searchsorted(offset, rows.astype(np.uint64), side="right") - 1
    having, first = np.unique(of, return_index=True)
    found[having] = address[rows[first]]
    return found
