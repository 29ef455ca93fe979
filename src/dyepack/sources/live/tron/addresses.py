"""Tron's addresses: 20 bytes as a contract's events hold them, 41 and those in hexadecimal, base58 as people write.

Inside this package an address is 0x and 40 hexadecimal digits, as on other chains of the same machine.
Invariant: what cannot be read raises ValueError; a checksum that does not fit is never mended.
"""

from __future__ import annotations

import re
from functools import lru_cache

PREFIX = 0x41
LENGTH = 21
_HEX = re.compile(r"(?:0x|41|0x41)?([0-9a-f]{40})", re.ASCII)
_BASE58 = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII)


def from_hex(text: str) -> str:
    """An address that a node writes in hexadecimal, with or without its prefix."""
    found = _HEX.fullmatch(text.lower())
    if found is None:
        raise ValueError("is not an address")
    return "0x" + found[1]


@lru_cache(maxsize=1 << 16)
def to_base58(address: str) -> str:
    """The address as people write it."""
    import wallycore

    raw = bytes([PREFIX]) + bytes.fromhex(address[2:])
    return str(wallycore.base58check_from_bytes(raw))


@lru_cache(maxsize=1 << 16)
def from_base58(text: str) -> str:
    """An address that people wrote."""
    import wallycore

    if not _BASE58.fullmatch(text):
        raise ValueError("is not an address of Tron")
    try:
        raw = bytes(wallycore.base58check_to_bytes(text))
    except ValueError as error:
        raise ValueError("has a checksum that does not fit: a letter is wrong") from error
    if len(raw) != LENGTH or raw[0] != PREFIX:
        raise ValueError("is not an address of Tron")
    return "0x" + raw[1:].hex()
