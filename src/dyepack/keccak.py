"""Keccak-256 as Ethereum uses it: the hash before SHA-3 was made a standard, with another padding than SHA3-256.

Invariant: the library is loaded with the first hash, not with the module.
"""

from __future__ import annotations


def keccak256(content: bytes) -> bytes:
    """The 32 bytes of the hash."""
    from Crypto.Hash import keccak

    hashed: bytes = keccak.new(digest_bits=256, data=content).digest()
    return hashed
