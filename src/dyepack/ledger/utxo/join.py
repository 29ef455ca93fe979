"""Joining inputs to the transactions they spend, by id.

Invariant: an input gets the row of the latest transaction before it that has exactly this id, or -1; `late` names the
inputs whose id stands in the ledger, but not before them.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.rows import find_table

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8, U32, U64


@dataclass(frozen=True, slots=True)
class Joined:
    """tx: row of each input's transaction, -1 for none; late: input -> row of a transaction that has the id but does
    not stand before it; duplicates: (earlier, later) rows that have one id."""

    tx: I64
    late: dict[int, int]
    duplicates: list[tuple[int, int]]


def join_inputs(ids: U8, wanted: U8, spender: I64) -> Joined:
    """Rows of `ids` (in chain order) that the `wanted` ids of the inputs of `spender` stand for."""
    key, row = find_table(ids)
    want = np.ascontiguousarray(wanted[:, :8]).view(">u8").astype(np.uint64)[:, 0] if len(wanted) else key[:0]
    order = np.argsort(want, kind="stable")
    left = np.empty(len(want), np.int64)
    count = np.empty(len(want), np.int64)
    left[order] = np.searchsorted(key, want[order], side="left")
    count[order] = np.searchsorted(key, want[order], side="right") - left[order]
    tx = np.full(len(want), -1, np.int64)
    once = np.flatnonzero(count == 1)
    tx[once] = row[left[once]]
    late: dict[int, int] = {}
    several = np.flatnonzero(count > 1)
    rows_of = _rows_of(ids, key, row) if len(several) else {}
    for at in several.tolist():
        same = rows_of.get(wanted[at].tobytes(), [])
        before = bisect_left(same, int(spender[at]))
        tx[at] = same[before - 1] if before else -1
        if same and not before:
            late[at] = same[0]
    tx[once[~_same_id(ids, wanted, tx, once)]] = -1
    after = once[tx[once] >= spender[once]]
    late |= dict(zip(after.tolist(), tx[after].tolist(), strict=True))
    tx[after] = -1
    return Joined(tx, late, _duplicates(ids, key, row))


def _rows_of(ids: U8, key: U64, row: U32) -> dict[bytes, list[int]]:
    """The rows of each id whose first eight bytes another row has too, in chain order."""
    alike = np.flatnonzero(key[1:] == key[:-1])
    found: dict[bytes, list[int]] = {}
    for at in np.sort(row[np.unique(np.concatenate([alike, alike + 1]))]).tolist():
        found.setdefault(ids[at].tobytes(), []).append(at)
    return found


def _same_id(ids: U8, wanted: U8, tx: I64, at: I64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether the whole ids are equal, in slices: 32 bytes an input are much."""
    same = np.empty(len(at), np.bool_)
    step = 1 << 22
    for lo in range(0, len(at), step):
        part = at[lo : lo + step]
        same[lo : lo + step] = (ids[tx[part]] == wanted[part]).all(axis=1)
    return same


def _duplicates(ids: U8, key: U64, row: U32) -> list[tuple[int, int]]:
    """Pairs of neighbours in chain order that have one id."""
    rows = _rows_of(ids, key, row).values()
    return sorted(pair for same in rows for pair in itertools.pairwise(same))
