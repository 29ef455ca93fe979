"""Double SHA-256: over many slices, merkle roots of many blocks at once, and ids from fields, to hold a source to.

Hashes of many at once are in wire order; ids from fields are as people write them, which is the reverse.
Invariant: a merkle tree in which two different nodes of one level are equal side by side is reported: such a list of
transactions can be lengthened without changing the root (CVE-2012-2459).
Source: https://developer.bitcoin.org/reference/block_chain.html and .../transactions.html
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def transaction_id(
    version: int,
    inputs: Sequence[tuple[bytes, int, bytes, int]],
    outputs: Sequence[tuple[int, bytes]],
    locktime: int,
) -> bytes:
    """The id of a transaction: inputs are (id, number, script, sequence), outputs (satoshi, script)."""
    parts = [_u32(version), _size(len(inputs))]
    for spent, index, script, sequence in inputs:
        parts += (spent[::-1], _u32(index), _size(len(script)), script, _u32(sequence))
    parts.append(_size(len(outputs)))
    for value, script in outputs:
        parts += (value.to_bytes(8, "little"), _size(len(script)), script)
    parts.append(_u32(locktime))
    return sha256d(b"".join(parts))[::-1]


def block_id(version: int, previous: bytes, merkle: bytes, time: int, bits: int, nonce: int) -> bytes:
    """The id of a block by the fields of its header."""
    return sha256d(_u32(version) + previous[::-1] + merkle[::-1] + _u32(time) + _u32(bits) + _u32(nonce))[::-1]


def merkle_root(ids: Sequence[bytes]) -> bytes | None:
    """The root over a block's transaction ids, of which there is at least one; None where the list is ambiguous."""
    leaves = np.frombuffer(b"".join(txid[::-1] for txid in ids), np.uint8).reshape(-1, 32)
    roots, ambiguous = merkle_roots(leaves, np.array([0, len(ids)], np.int64))
    return None if len(ambiguous) else roots[0].tobytes()[::-1]


def _size(number: int) -> bytes:
    if number < 0xFD:
        return bytes((number,))
    for mark, width in ((0xFD, 2), (0xFE, 4)):
        if number < 1 << 8 * width:
            return bytes((mark,)) + number.to_bytes(width, "little")
    return b"\xff" + number.to_bytes(8, "little")


def _u32(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")
