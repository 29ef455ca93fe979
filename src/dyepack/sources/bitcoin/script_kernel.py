"""The Numba way of script.py: the same types and witness or hash programs, for millions of scripts."""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf

# ScriptType and the kinds of address.py, as numbers that the compiler knows.
_NONSTANDARD, _P2PK, _P2PKH, _P2SH, _MULTISIG, _OP_RETURN = 0, 1, 2, 3, 4, 5
_P2WPKH, _P2WSH, _P2TR, _WITNESS_UNKNOWN = 6, 7, 8, 9


@leaf
def _op(buffer, at, end):  # type: ignore[no-untyped-def]
    """(opcode, where its data begins, where the next begins) of the script's operation at `at`; opcode -1 if cut."""
    if at >= end:
        return -1, at, at
    opcode = np.int64(buffer[np.uint64(at)])
    at += 1
    size = np.int64(0)
    if opcode <= 75:
        size = opcode
    elif opcode <= 78:
        width = 1 << (opcode - 76)
        if at + width > end:
            return -1, at, at
        for i in range(width):
            size |= np.int64(buffer[np.uint64(at + i)]) << (8 * i)
        at += width
    if size > end - at:
        return -1, at, at
    return opcode, at, at + size


@leaf
def _number(buffer, opcode, data, after):  # type: ignore[no-untyped-def]
    """The count of a multisig that an operation pushes, 1 to 20 in its shortest form, else 0."""
    if 0x51 <= opcode <= 0x60:
        return opcode - 0x50
    if opcode == 1 and after - data == 1 and 17 <= buffer[np.uint64(data)] <= 20:
        return np.int64(buffer[np.uint64(data)])
    return 0


@leaf
def _is_key(buffer, data, after):  # type: ignore[no-untyped-def]
    size = after - data
    if size == 33:
        return 2 <= buffer[np.uint64(data)] <= 3
    if size == 65:
        first = buffer[np.uint64(data)]
        return 4 <= first <= 7 and first != 5
    return False


@leaf
def _is_multisig(buffer, start, end):  # type: ignore[no-untyped-def]
    if end - start < 3 or buffer[np.uint64(end - 1)] != 0xAE:
        return False
    opcode, data, at = _op(buffer, start, end)
    needed = _number(buffer, opcode, data, at)
    if needed == 0:
        return False
    keys = 0
    opcode, data, at = _op(buffer, at, end)
    while opcode >= 0 and _is_key(buffer, data, at):
        keys += 1
        opcode, data, at = _op(buffer, at, end)
    count = _number(buffer, opcode, data, at)
    return count >= needed and count == keys and at + 1 == end


@leaf
def _witness(buffer, start, size):  # type: ignore[no-untyped-def]
    """(is a witness program, type)."""
    if not (4 <= size <= 42):
        return False, _NONSTANDARD
    first = buffer[np.uint64(start)]
    if first != 0 and not (0x51 <= first <= 0x60):
        return False, _NONSTANDARD
    if np.int64(buffer[np.uint64(start + 1)]) + 2 != size:
        return False, _NONSTANDARD
    if first == 0:
        if size == 22:
            return True, _P2WPKH
        return True, (_P2WSH if size == 34 else _NONSTANDARD)
    return True, (_P2TR if first == 0x51 and size == 34 else _WITNESS_UNKNOWN)


@leaf
def _is_key_hash(buffer, start, size):  # type: ignore[no-untyped-def]
    return (
        size == 25
        and buffer[np.uint64(start)] == 0x76
        and buffer[np.uint64(start + 1)] == 0xA9
        and buffer[np.uint64(start + 2)] == 20
        and buffer[np.uint64(start + 23)] == 0x88
        and buffer[np.uint64(start + 24)] == 0xAC
    )


@leaf
def _type(buffer, start, size):  # type: ignore[no-untyped-def]
    is_witness, kind = _witness(buffer, start, size)
    if is_witness or size == 0:
        return kind
    end = start + size
    first = buffer[np.uint64(start)]
    last = buffer[np.uint64(end - 1)]
    kind = _NONSTANDARD
    if size == 23 and first == 0xA9 and buffer[np.uint64(start + 1)] == 20 and last == 0x87:
        kind = _P2SH
    elif first == 0x6A:
        kind = _OP_RETURN
    elif first == size - 2 and last == 0xAC and _is_key(buffer, start + 1, end - 1):
        kind = _P2PK
    elif _is_key_hash(buffer, start, size):
        kind = _P2PKH
    elif _is_multisig(buffer, start, end):
        kind = _MULTISIG
    return kind


@kernel
def classify_all(buffer, start, length, types, packed):  # type: ignore[no-untyped-def]
    """Fill in each script's type, and its packed address where it has one that needs no hashing."""
    for i in range(len(start)):
        begin = np.int64(start[i])
        kind = _type(buffer, begin, np.int64(length[i]))
        types[i] = kind
        skip = 0
        if kind == _P2PKH:
            packed[i, 0], packed[i, 1], skip = 0, 20, 3
        elif kind == _P2SH:
            packed[i, 0], packed[i, 1], skip = 1, 20, 2
        elif kind >= _P2WPKH:
            first = buffer[np.uint64(begin)]
            packed[i, 0] = 0x10 if first == 0 else first - 0x40
            packed[i, 1] = length[i] - 2
            skip = 2
        if skip:
            for j in range(packed[i, 1]):
                packed[i, 2 + j] = buffer[np.uint64(begin + skip + j)]
