"""CashAddr, the addresses of Bitcoin Cash and eCash: a prefix, a type, a hash and a checksum of 40 bits.

Invariant: `encode` of what `decode` gives is the text in lower case with its prefix; what fails its checksum is None.
Source: the CashAddr specification of Bitcoin Cash.
"""

from __future__ import annotations

import re
from functools import cache, reduce
from operator import xor

P2PKH, P2SH = 0, 1
_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {letter: value for value, letter in enumerate(_LETTERS)}
_PAYLOAD = re.compile(r"[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{42}")
_GENERATOR = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_TERMS = [reduce(xor, (term for bit, term in enumerate(_GENERATOR) if top >> bit & 1), 0) for top in range(32)]
_TYPE = {P2PKH: 0, P2SH: 8}
_KIND = {byte: kind for kind, byte in _TYPE.items()}


def decode(text: str, prefix: str) -> tuple[int, bytes] | None:
    """P2PKH or P2SH and the 20 bytes of an address, with or without its prefix, all in one letter case; else None."""
    if text not in {text.lower(), text.upper()}:
        return None
    payload = text.lower().removeprefix(prefix + ":")
    if not _PAYLOAD.fullmatch(payload):
        return None
    values = [_VALUE[letter] for letter in payload]
    if _checksum(prefix, values):
        return None
    bits = 0
    for value in values[:-8]:
        bits = bits << 5 | value
    if bits & 3:  # 34 values are 170 bits: 21 bytes and two bits of filling
        return None
    data = (bits >> 2).to_bytes(21)
    kind = _KIND.get(data[0])
    return None if kind is None else (kind, data[1:])


def encode(kind: int, program: bytes, prefix: str) -> str:
    """The address of a hash of 20 bytes, with its prefix, in lower case."""
    bits = int.from_bytes(bytes((_TYPE[kind],)) + program) << 2
    values = [bits >> shift & 31 for shift in range(165, -1, -5)]
    check = _checksum(prefix, [*values, *([0] * 8)])
    values += [check >> shift & 31 for shift in range(35, -1, -5)]
    return prefix + ":" + "".join(_LETTERS[value] for value in values)


@cache
def _after(prefix: str) -> int:
    """The state of the code after a prefix and its colon."""
    return _run(1, [*(ord(letter) & 31 for letter in prefix), 0])


def _checksum(prefix: str, values: list[int]) -> int:
    """0 for a whole address; for one that ends in eight zeros, its checksum."""
    return _run(_after(prefix), values) ^ 1


def _run(state: int, values: list[int]) -> int:
    for value in values:
        state = (state & 0x07FFFFFFFF) << 5 ^ value ^ _TERMS[state >> 35]
    return state
