"""Transaction ids, block ids and Merkle roots from fields, to hold a source to what it says.

Ids are in the order in which people write them, which is the reverse of the wire's.
Source: https://developer.bitcoin.org/reference/block_chain.html and .../transactions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.sources.bitcoin.hashes import merkle_roots, sha256d

if TYPE_CHECKING:
    from collections.abc import Sequence


def _size(number: int) -> bytes:
    if number < 0xFD:
        return bytes((number,))
    for mark, width in ((0xFD, 2), (0xFE, 4)):
        if number < 1 << 8 * width:
            return bytes((mark,)) + number.to_bytes(width, "little")
    return b"\xff" + number.to_bytes(8, "little")


def _u32(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


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
