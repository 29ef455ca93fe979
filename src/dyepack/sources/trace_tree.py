"""The tree of traces inside each transaction: order, depth and which traces failed with an ancestor.

A trace address "0,1" is the path from the root, "" the root itself; numbers compare as numbers, a parent
precedes its children (pre-order).

Invariant: two rows of one transaction with the same trace address are the same trace and get the same index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.sources.columns import is_text
from dyepack.sources.table import concat

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.schema import I64
    from dyepack.sources.table import Column

_PATH = re.compile(r"(?:[0-9]{1,9}(?:,[0-9]{1,9})*)?", re.ASCII)


@dataclass(slots=True)
class Paths:
    """Trace addresses by rank in pre-order: each row's rank, and each rank's parent (or -1) and depth."""

    rank: I64
    parent: I64
    depth: I64


def paths(column: Column) -> Paths:
    """Read a column of trace addresses."""
    if not is_text(column):
        raise column.fault(0, f"holds {column.data.type} where trace addresses belong", "export it as text")
    coded = column.data.dictionary_encode().unify_dictionaries()
    texts = coded.chunk(0).dictionary.to_pylist() if coded.num_chunks else []
    if not all(_PATH.fullmatch(text) for text in texts):
        raise column.refuse(
            lambda text: bool(_PATH.fullmatch(text)),
            "is not a trace address",
            "write it as 0,1,2; empty for the root",
        )
    steps = [tuple(int(step) for step in text.split(",")) if text else () for text in texts]
    ordered = sorted(set(steps))
    ranks = {path: rank for rank, path in enumerate(ordered)}
    code_rank = np.array([ranks[path] for path in steps], np.int64)
    rank = concat([code_rank[np.asarray(chunk.indices)] for chunk in coded.chunks], np.zeros(0, np.int64))
    parent = np.array([ranks.get(path[:-1], -1) if path else -1 for path in ordered], np.int64)
    return Paths(rank, parent, np.array([len(path) for path in ordered], np.int64))


@dataclass(slots=True)
class Tree:
    """Distinct (transaction, place) pairs in ascending order, and the pair of each row."""

    keys: I64
    stride: int
    pair: I64

    @classmethod
    def of(cls, transaction: I64, place: I64) -> Tree:
        """Put places, which are ranks from 0, in order inside each transaction."""
        stride = int(place.max(initial=0)) + 1
        wanted = transaction * stride + place
        if (wanted[1:] > wanted[:-1]).all():  # as exports are written: nothing to sort
            return cls(wanted, stride, np.arange(len(wanted), dtype=np.int64))
        keys, pair = np.unique(wanted, return_inverse=True)
        return cls(keys, stride, pair.reshape(-1).astype(np.int64, copy=False))

    def index(self) -> I64:
        """For each row: how many places of its transaction come before its own."""
        owner = self.keys // self.stride
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        first = np.repeat(starts, np.diff(starts, append=len(owner)))
        index: I64 = (np.arange(len(owner)) - first)[self.pair]
        return index

    def failed(self, own: npt.NDArray[np.bool_], where: Paths) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """For each row: whether it or an ancestor failed, and whether an ancestor is missing."""
        count = len(self.keys)
        bad, orphan = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        bad[self.pair[own]] = True
        rank = self.keys % self.stride
        in_tree = rank < len(where.parent)
        up = np.where(in_tree, where.parent[np.where(in_tree, rank, 0)], -1) if len(where.parent) else rank * 0 - 1
        depth = np.where(in_tree, where.depth[np.where(in_tree, rank, 0)], 0) if len(where.depth) else rank * 0
        wanted = np.where(up >= 0, self.keys - rank + up, -1)
        parent = np.minimum(np.searchsorted(self.keys, wanted), max(count - 1, 0))
        found = (up >= 0) & (self.keys[parent] == wanted) if count else up >= 0
        order = np.argsort(depth, kind="stable")
        bounds = np.searchsorted(depth[order], np.arange(int(depth.max(initial=0)) + 2))
        for level in range(1, len(bounds) - 1):
            rows = order[bounds[level] : bounds[level + 1]]
            bad[rows] |= found[rows] & bad[parent[rows]]
            orphan[rows] = ~found[rows] | orphan[parent[rows]]
        return bad[self.pair], orphan[self.pair]
