"""Rows of bytes (identifiers) as sortable words: distinct rows, and the table that finds a row by its bytes.

Invariant: rows sort as their bytes do; nothing is decided by a part of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8, U32, U64


def words(rows: U8) -> npt.NDArray[np.uint64]:
    """Rows of bytes as big-endian 64-bit words, so that they sort as bytes do."""
    wide = -(-rows.shape[1] // 8) * 8
    padded = np.zeros((len(rows), wide), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.view(">u8").astype(np.uint64)


def unique_rows(rows: U8) -> tuple[U8, I64]:
    """The distinct rows in byte order, and for each given row its place among them."""
    keys = words(rows)
    order = np.lexsort(keys.T[::-1])
    ordered = keys[order]
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    place = np.empty(len(rows), np.int64)
    place[order] = np.cumsum(fresh) - 1
    return rows[order[fresh]], place


def find_table(rows: U8) -> tuple[U64, U32]:
    """Sorted first eight bytes of the rows, and the rows they belong to."""
    if not len(rows):
        return np.zeros(0, np.uint64), np.zeros(0, np.uint32)
    key = np.ascontiguousarray(words(rows[:, :8])[:, 0])
    order = np.argsort(key, kind="stable")
    return key[order], order.astype(np.uint32)
