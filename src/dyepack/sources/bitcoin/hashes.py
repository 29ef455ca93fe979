"""Double SHA-256 over many slices, and merkle roots of many blocks at once.

Invariant: a merkle tree in which two different nodes of one level are equal side by side is reported: such a list of
transactions can be lengthened without changing the root (CVE-2012-2459).
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8


def sha256d(data: bytes) -> bytes:
    """SHA-256 of the SHA-256 of the data."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def sha256d_slices(data: bytes, offset: list[int]) -> U8:
    """The double hash of each `data[offset[i] : offset[i + 1]]`, (n, 32), in wire order."""
    # Copying an empty hash object is a third faster than making one (OpenSSL looks the algorithm up each time).
    fresh = hashlib.sha256().copy
    found = []
    for begin, end in itertools.pairwise(offset):
        inner, outer = fresh(), fresh()
        inner.update(data[begin:end])
        outer.update(inner.digest())
        found.append(outer.digest())
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)


def merkle_roots(leaves: U8, offset: I64) -> tuple[U8, I64]:
    """Root of each `leaves[offset[i] : offset[i + 1]]` (never empty), and the rows whose tree is ambiguous."""
    roots = np.empty((len(offset) - 1, 32), np.uint8)
    rows = np.arange(len(offset) - 1)
    count = np.diff(offset)
    ambiguous: list[I64] = []
    while len(rows):
        done = count == 1
        first = np.cumsum(count) - count
        roots[rows[done]] = leaves[first[done]]
        rows, count, first = rows[~done], count[~done], first[~done]
        above = (count + 1) // 2
        block = np.repeat(np.arange(len(rows)), above)
        rank = np.arange(len(block)) - np.repeat(np.cumsum(above) - above, above)
        left = first[block] + 2 * rank
        right = np.minimum(left + 1, first[block] + count[block] - 1)
        pairs = np.concatenate((leaves[left], leaves[right]), axis=1)
        same = (left != right) & (leaves[left] == leaves[right]).all(axis=1)
        ambiguous.append(rows[block[same]])
        leaves = sha256d_slices(pairs.tobytes(), list(range(0, pairs.size + 1, 64)))
        count = above
    return roots, np.unique(np.concatenate([*ambiguous, np.empty(0, np.int64)]))
