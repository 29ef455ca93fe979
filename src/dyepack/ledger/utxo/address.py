"""Addresses of Bitcoin and its kin: packed bytes in the ledger, text for people.

A packed address is a kind byte, a length byte, the program and zeros up to the column's width:

kind       program
0          20 bytes: hash of a public key (P2PKH; outputs to the bare key too)
1          20 bytes: hash of a script (P2SH)
0x10 + v   2 to 40 bytes: witness program of version v, 0 to 16; of version 0 it has 20 or 32 bytes
0xff       8 bytes: number of an address that a source counts but does not tell, "unlisted:NUMBER"

Invariant: a packed address has one text on each network, and `parse_address` of that text gives it back.
Sources: BIP 13, BIP 141, BIP 173, BIP 350; the prefixes are those of chainparams.cpp of Bitcoin Core.
"""

from __future__ import annotations

from dataclasses import dataclass

P2PKH = 0
P2SH = 1
WITNESS = 0x10
"""Kind of witness version 0; version v is WITNESS + v."""

UNLISTED = 0xFF
_UNLISTED = "unlisted:"

WIDTH = 42
"""Bytes of the longest packed address: kind, length and 40 bytes of program."""

_HASH = 20
_MAX_VERSION = 16
_MAX_TEXT = 90
"""Characters of the longest bech32 text (BIP 173); Base58 addresses are shorter."""


@dataclass(frozen=True, slots=True)
class _Prefixes:
    key_hash: int
    script_hash: int
    segwit: str


_TEST = _Prefixes(0x6F, 0xC4, "tb")
NETWORKS = {
    "mainnet": _Prefixes(0x00, 0x05, "bc"),
    "testnet": _TEST,
    "signet": _TEST,
    "regtest": _Prefixes(0x6F, 0xC4, "bcrt"),
}
"""The networks by name; "testnet" is testnet3 and testnet4, whose addresses look the same."""


def pack(kind: int, program: bytes) -> bytes:
    """The packed address, without padding; ValueError where no address has that kind and length."""
    version = kind - WITNESS
    known = {P2PKH: (_HASH,), P2SH: (_HASH,), WITNESS: (20, 32), UNLISTED: (8,)}.get(kind)
    fits = len(program) in known if known else 0 < version <= _MAX_VERSION and 2 <= len(program) <= 40
    if not fits:
        raise ValueError(f"no address has the kind {kind} and {len(program)} bytes")
    return bytes((kind, len(program))) + program


def unpack(packed: bytes) -> tuple[int, bytes]:
    """Kind and program of a packed address, padded or not; ValueError where it is none."""
    if len(packed) < 2 or len(packed) < 2 + packed[1] or any(packed[2 + packed[1] :]):
        raise ValueError("not a packed address")
    kind, program = packed[0], packed[2 : 2 + packed[1]]
    pack(kind, program)
    return kind, program


def address_text(packed: bytes, network: str) -> str:
    """How people write a packed address on that network (bech32 in lower case)."""
    import wallycore

    prefixes = NETWORKS[network]
    kind, program = unpack(packed)
    if kind == UNLISTED:
        return f"{_UNLISTED}{int.from_bytes(program)}"
    if kind < WITNESS:
        version = prefixes.script_hash if kind == P2SH else prefixes.key_hash
        return str(wallycore.base58check_from_bytes(bytes((version,)) + program))
    script = bytes((_opcode(kind - WITNESS), len(program))) + program
    return str(wallycore.addr_segwit_from_bytes(script, prefixes.segwit, 0))


def parse_address(text: str, network: str) -> bytes | None:
    """The packed address that a text stands for, without padding; None where it is no address of that network."""
    prefixes = NETWORKS[network]
    number = text.removeprefix(_UNLISTED)
    if number != text and number.isascii() and number.isdigit() and len(number) < 19:
        return pack(UNLISTED, int(number).to_bytes(8))
    # Letters and digits only: the C library reads a text no further than its first zero byte.
    if not (text.isascii() and text.isalnum() and len(text) <= _MAX_TEXT):
        return None
    if text.lower().startswith(prefixes.segwit + "1"):
        return _parse_segwit(text, prefixes.segwit)
    return _parse_base58(text, prefixes)


def _parse_segwit(text: str, prefix: str) -> bytes | None:
    import wallycore

    try:
        script = bytes(wallycore.addr_segwit_to_bytes(text, prefix, 0))
    except ValueError:
        return None
    return pack(WITNESS + (script[0] and script[0] - 0x50), script[2:])


def _parse_base58(text: str, prefixes: _Prefixes) -> bytes | None:
    import wallycore

    try:
        payload = bytes(wallycore.base58check_to_bytes(text))
    except ValueError:
        return None
    kind = {prefixes.key_hash: P2PKH, prefixes.script_hash: P2SH}.get(payload[0]) if payload else None
    return None if kind is None or len(payload) != 1 + _HASH else pack(kind, payload[1:])


def _opcode(version: int) -> int:
    return version and 0x50 + version
