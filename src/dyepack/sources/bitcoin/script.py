"""Output scripts: which form each has, and which address it pays.

type             form                                                     address
P2PK             push of a key of 33 or 65 bytes, CHECKSIG                that of the key's hash, as wallets show it
P2PKH            DUP HASH160 (20 bytes) EQUALVERIFY CHECKSIG              key hash
P2SH             HASH160 (20 bytes) EQUAL                                 script hash
P2WPKH, P2WSH    OP_0 and a push of 20 or 32 bytes                        witness version 0
P2TR             OP_1 and a push of 32 bytes                              witness version 1
WITNESS_UNKNOWN  OP_1 to OP_16 and a push of 2 to 40 bytes: all others    that version (pay-to-anchor is one of these)
MULTISIG         m, keys, n, CHECKMULTISIG with 1 <= m <= n <= 20         none
OP_RETURN        begins with RETURN: nobody can spend it                  none
NONSTANDARD      anything else, an empty script too                       none

Invariant: the forms are those of `Solver` in script/solver.cpp of Bitcoin Core, except that whatever begins with
RETURN is OP_RETURN here (there, only if pushes follow). `classify_plain` and the kernel give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.utxo.address import P2PKH, P2SH, WIDTH, WITNESS, pack
from dyepack.ledger.utxo.schema import ScriptType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8

_KERNEL_FROM = 4096
"""Scripts from which on compiled code pays: loading it takes half a second."""

_CHECKSIG = 0xAC
_CHECKMULTISIG = 0xAE
_MAX_KEYS = 20
_KEY_SIZE = {2: 33, 3: 33, 4: 65, 6: 65, 7: 65}
"""Length of a public key by its first byte (CPubKey::GetLen of Bitcoin Core)."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """Type and address of k scripts.

    types        (k,) u8     ScriptType
    packed       (k, 42) u8  packed address (address.py); zeros where there is none
    has_address  (k,) bool
    """

    types: U8
    packed: U8
    has_address: npt.NDArray[np.bool_]


def classify(buffer: U8, start: I64, length: I64) -> Scripts:
    """Type and address of each script `buffer[start : start + length]`; ValueError for one outside the buffer."""
    if len(start) != len(length):
        raise ValueError("as many starts as lengths are needed")
    if len(start) and (start.min() < 0 or length.min() < 0 or (start > len(buffer) - length).any()):
        raise ValueError("a script lies outside the buffer")
    if len(start) >= _KERNEL_FROM:
        return classify_compiled(buffer, start, length)
    types, packed = _empty(len(start))
    data = buffer.tobytes()
    for i, (begin, size) in enumerate(zip(start.tolist(), length.tolist(), strict=True)):
        kind, address = classify_plain(data[begin : begin + size])
        types[i] = kind
        if address is not None:
            packed[i, : len(address)] = np.frombuffer(address, np.uint8)
    return _scripts(types, packed)


def classify_compiled(buffer: U8, start: I64, length: I64) -> Scripts:
    """`classify` with the kernel, whatever the number of scripts; all must lie in the buffer."""
    from dyepack.sources.bitcoin.script_kernel import classify_all

    types, packed = _empty(len(start))
    classify_all(buffer, start, length, types, packed)
    for i in np.flatnonzero(types == ScriptType.P2PK).tolist():
        begin = int(start[i])
        key = buffer[begin + 1 : begin + int(length[i]) - 1].tobytes()
        packed[i, :22] = np.frombuffer(pack(P2PKH, _hash160(key)), np.uint8)
    return _scripts(types, packed)


def _empty(count: int) -> tuple[U8, U8]:
    return np.zeros(count, np.uint8), np.zeros((count, WIDTH), np.uint8)


def _scripts(types: U8, packed: U8) -> Scripts:
    has = ~np.isin(types, (ScriptType.NONSTANDARD, ScriptType.MULTISIG, ScriptType.OP_RETURN))
    return Scripts(types, packed, has)


def classify_bytes(scripts: Sequence[bytes]) -> Scripts:
    """The same for scripts one by one."""
    length = np.fromiter((len(script) for script in scripts), np.int64, len(scripts))
    buffer = np.frombuffer(b"".join(scripts), np.uint8)
    return classify(buffer, np.cumsum(length) - length, length)


def classify_plain(script: bytes) -> tuple[ScriptType, bytes | None]:
    """Type and packed address (without padding) of one script."""
    size = len(script)
    if size == 23 and script[:2] == b"\xa9\x14" and script[-1] == 0x87:
        return ScriptType.P2SH, pack(P2SH, script[2:22])
    version = _witness_version(script)
    if version is not None:
        return _witness(version, script[2:])
    if script[:1] == b"\x6a":
        return ScriptType.OP_RETURN, None
    if _is_key(script[1:-1]) and script[0] == size - 2 and script[-1] == _CHECKSIG:
        return ScriptType.P2PK, pack(P2PKH, _hash160(script[1:-1]))
    if size == 25 and script[:3] == b"\x76\xa9\x14" and script[-2:] == b"\x88\xac":
        return ScriptType.P2PKH, pack(P2PKH, script[3:23])
    return (ScriptType.MULTISIG if _is_multisig(script) else ScriptType.NONSTANDARD), None


def _witness_version(script: bytes) -> int | None:
    if not 4 <= len(script) <= 42 or script[1] + 2 != len(script):
        return None
    return 0 if script[0] == 0 else script[0] - 0x50 if 0x51 <= script[0] <= 0x60 else None


def _witness(version: int, program: bytes) -> tuple[ScriptType, bytes | None]:
    if version == 0:
        known = {20: ScriptType.P2WPKH, 32: ScriptType.P2WSH}.get(len(program))
        return (known, pack(WITNESS, program)) if known else (ScriptType.NONSTANDARD, None)
    is_taproot = version == 1 and len(program) == 32
    return ScriptType.P2TR if is_taproot else ScriptType.WITNESS_UNKNOWN, pack(WITNESS + version, program)


def _is_key(data: bytes) -> bool:
    return len(data) > 0 and _KEY_SIZE.get(data[0]) == len(data)


def _is_multisig(script: bytes) -> bool:
    if script[-1:] != bytes((_CHECKMULTISIG,)):
        return False
    opcode, data, at = _operation(script, 0)
    needed = _count(opcode, data)
    keys = 0
    opcode, data, at = _operation(script, at)
    while opcode >= 0 and _is_key(data):
        keys += 1
        opcode, data, at = _operation(script, at)
    return 1 <= needed <= _count(opcode, data) == keys and at + 1 == len(script)


def _operation(script: bytes, at: int) -> tuple[int, bytes, int]:
    """Opcode, pushed data and where the next operation begins; opcode -1 at the end or where the push is cut."""
    if at >= len(script):
        return -1, b"", at
    opcode, at = script[at], at + 1
    size = opcode if opcode <= 75 else 0
    if 76 <= opcode <= 78:
        width = 1 << (opcode - 76)
        size = int.from_bytes(script[at : at + width], "little") if at + width <= len(script) else len(script)
        at += width
    data = script[at : at + size]
    return (opcode, data, at + size) if len(data) == size else (-1, b"", at)


def _count(opcode: int, data: bytes) -> int:
    """The m or n of a multisig: OP_1 to OP_16, or a push of one byte 17 to 20; 0 where it is neither."""
    if 0x51 <= opcode <= 0x60:
        return opcode - 0x50
    return data[0] if opcode == 1 and 16 < data[0] <= _MAX_KEYS else 0


def _hash160(data: bytes) -> bytes:
    import wallycore

    return bytes(wallycore.hash160(data))
