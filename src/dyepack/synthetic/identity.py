"""Addresses and transaction hashes that look real and come only from a seed and a name or a rank.

Invariant: equal inputs give equal bytes on every machine and version; no clock, no `hash()`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dyepack.ledger.schema import U8, U64

ADDRESS_BYTES = 20
HASH_BYTES = 32
BURN = "0x000000000000000000000000000000000000dead"
ZERO = "0x0000000000000000000000000000000000000000"
_MASK = 0xFFFFFFFFFFFFFFFF


def address(seed: int, name: str) -> str:
    """The 20-byte address of a named party, as lower-case 0x text."""
    return "0x" + sha256(f"address/{seed}/{name}".encode()).hexdigest()[-40:]


def look_alike(target: str, seed: int, shared: int = 5) -> str:
    """Another address with the same first and last `shared` hex characters as `target`."""
    middle = sha256(f"look-alike/{seed}/{target}".encode()).hexdigest()[: 40 - 2 * shared]
    return target[: 2 + shared] + middle + target[-shared:]


def tx_hash(seed: int, rank: int) -> str:
    """The 32-byte hash of the `rank`-th transaction, as lower-case 0x text."""
    return "0x" + sha256(f"transaction/{seed}/{rank}".encode()).hexdigest()


def to_bytes(texts: list[str], width: int) -> U8:
    """0x texts as rows of bytes, shape (n, width)."""
    joined = bytes.fromhex("".join(text[2:] for text in texts))
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), width).copy()


def to_text(row: U8) -> str:
    """One row of bytes as 0x text."""
    return "0x" + row.tobytes().hex()


def _mix(values: U64) -> U64:
    """A bijection of 64-bit words that scatters them (the finaliser known as splitmix64)."""
    mixed = values.copy()
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def scatter(seed: int, role: str, count: int, width: int) -> U8:
    """`count` distinct rows of `width` bytes (at least 8), shape (count, width), from a seed and a role."""
    words = -(-width // 8)
    rows = np.empty((count, words), dtype=np.uint64)
    ranks = np.arange(count, dtype=np.uint64)
    salt = sha256(f"scatter/{seed}/{role}".encode()).digest()
    for word in range(words):
        start = int.from_bytes(salt[8 * (word % 4) : 8 * (word % 4) + 8], "little") + word
        rows[:, word] = _mix(ranks + np.uint64(start & _MASK))
    return np.ascontiguousarray(rows.view(np.uint8).reshape(count, words * 8)[:, :width])
