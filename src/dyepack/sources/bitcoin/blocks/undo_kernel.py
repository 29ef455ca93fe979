"""The Numba way of undo.py: walks undo records and writes values and scripts of the outputs that blocks spent.

Invariant: no byte at or after a record's end is read, and nothing is allocated: the caller measures first.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf
from dyepack.sources.bitcoin.blocks.wire_kernel import compact

_MAX_MONEY = np.uint64(21_000_000 * 100_000_000)
_TEN = np.uint64(10)
_NINE = np.uint64(9)
_ONE = np.uint64(1)
_ZERO = np.uint64(0)

# faults.Fault, as numbers that the compiler knows.
_CUT, _COUNT, _NO_INPUTS, _VALUE, _TRAILING, _NUMBER = 1, 3, 6, 9, 11, 14


@leaf
def _varint(buffer, at, end):  # type: ignore[no-untyped-def]
    """(Core's VARINT at `at`, where the next field begins); instead of the latter the fault, negative."""
    value = _ZERO
    while True:
        if at >= end:
            return _ZERO, np.int64(-_CUT)
        if value > np.uint64(0x01FFFFFFFFFFFFFF):
            return _ZERO, np.int64(-_NUMBER)
        digit = buffer[np.uint64(at)]
        at += 1
        value = value << np.uint64(7) | np.uint64(digit & 0x7F)
        if not digit & 0x80:
            return value, at
        if value == np.uint64(0xFFFFFFFFFFFFFFFF):
            return _ZERO, np.int64(-_NUMBER)
        value += _ONE


@leaf
def _amount(code):  # type: ignore[no-untyped-def]
    """Core's DecompressAmount; anything above MAX_MONEY where it is more."""
    if code == _ZERO:
        return _ZERO
    code -= _ONE
    zeros = code % _TEN
    code //= _TEN
    if zeros == _NINE:
        value = min(code, _MAX_MONEY) + _ONE
    else:
        if code // _NINE > _MAX_MONEY:
            return _MAX_MONEY + _ONE
        value = code // _NINE * _TEN + code % _NINE + _ONE
    for _ in range(np.int64(zeros)):
        if value > _MAX_MONEY:
            return value
        value *= _TEN
    return value


@leaf
def _expand(kind, buffer, at, size, script, n):  # type: ignore[no-untyped-def]
    """Write the script of compression `kind` (of kinds 4 and 5 without the key's second half)."""
    if kind == _ZERO:
        script[n] = 0x76
        script[n + np.uint64(1)] = 0xA9
        script[n + np.uint64(2)] = 20
        script[n + np.uint64(23)] = 0x88
        script[n + np.uint64(24)] = 0xAC
        before = 3
    elif kind == _ONE:
        script[n] = 0xA9
        script[n + _ONE] = 20
        script[n + np.uint64(22)] = 0x87
        before = 2
    elif kind <= np.uint64(3):
        script[n] = 33
        script[n + _ONE] = kind
        script[n + np.uint64(34)] = 0xAC
        before = 2
    elif kind <= np.uint64(5):
        script[n] = 65
        script[n + _ONE] = 4
        script[n + np.uint64(66)] = 0xAC
        before = 2
    else:
        before = 0
    for i in range(size):
        script[n + np.uint64(before + i)] = buffer[np.uint64(at + i)]


@leaf
def _record(buffer, at, end, fill, totals, tx_in, value, kinds, script_at, script):  # type: ignore[no-untyped-def]
    txs, after = compact(buffer, at, end)
    if after < 0:
        return -after, at
    if txs > end - after:
        return np.int64(_COUNT), at
    at = after
    for _ in range(txs):
        ins, after = compact(buffer, at, end)
        if after < 0:
            return -after, at
        if ins == 0:
            return np.int64(_NO_INPUTS), at
        if ins > (end - after) // 3:
            return np.int64(_COUNT), at
        at = after
        for _ in range(ins):
            code, after = _varint(buffer, at, end)
            if after > 0 and code > _ONE:
                at = after
                code, after = _varint(buffer, at, end)
            if after < 0:
                return -after, at
            at = after
            code, after = _varint(buffer, at, end)
            if after < 0:
                return -after, at
            worth = _amount(code)
            if worth > _MAX_MONEY:
                return np.int64(_VALUE), at
            at = after
            kind, after = _varint(buffer, at, end)
            if after < 0:
                return -after, at
            size = np.int64(20)
            length = np.int64(25) if kind == _ZERO else np.int64(23)
            if kind >= np.uint64(6):
                size = np.int64(min(kind - np.uint64(6), np.uint64(0x7FFFFFFFFFFFFFFF)))
                length = size
            elif kind >= np.uint64(2):
                size = np.int64(32)
                length = np.int64(35) if kind <= np.uint64(3) else np.int64(67)
            if size > end - after:
                return np.int64(_CUT), at
            if fill:
                form = min(kind, np.uint64(6))
                _expand(form, buffer, after, size, script, np.uint64(totals[2]))
                value[np.uint64(totals[1])] = worth
                kinds[np.uint64(totals[1])] = form
                script_at[np.uint64(totals[1] + 1)] = totals[2] + length
            totals[1] += 1
            totals[2] += length
            at = after + size
        totals[0] += 1
        if fill:
            tx_in[np.uint64(totals[0])] = totals[1]
    return np.int64(0 if at == end else _TRAILING), at


@leaf
def walk(buffer, start, end, fill, totals, record_tx, tx_in, value, kinds, script_at, script):  # type: ignore[no-untyped-def]
    """(fault, where it is, record) of the first record that is at fault, else zeros and the number of records.

    `totals`: transactions, outputs and bytes of script so far. Without `fill` only these are counted.
    """
    for r in range(len(start)):
        fault, at = _record(buffer, start[r], end[r], fill, totals, tx_in, value, kinds, script_at, script)
        if fault:
            return fault, at, np.int64(r)
        record_tx[r + 1] = totals[0]
    return np.int64(0), np.int64(0), np.int64(len(start))
