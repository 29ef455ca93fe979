"""The Numba way of wire.py: walks blocks and writes where everything in them stands.

Invariant: no byte at or after a block's end is read, and nothing is allocated: the caller measures first.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf

_MAX_MONEY = np.uint64(21_000_000 * 100_000_000)
_MOST = np.uint64(0x7FFFFFFFFFFFFFFF)

# wire.Fault, as numbers that the compiler knows.
_CUT, _LONG, _COUNT, _NO_TXS, _FLAG, _NO_INPUTS, _NO_OUTPUTS = 1, 2, 3, 4, 5, 6, 7
_EMPTY_WITNESS, _VALUE, _TOTAL, _TRAILING, _NO_COINBASE, _COINBASE_TWICE = 8, 9, 10, 11, 12, 13


@leaf
def compact(buffer, at, end):  # type: ignore[no-untyped-def]
    """(CompactSize at `at`, where the next field begins); instead of the latter the fault, negative."""
    if at >= end:
        return np.int64(0), np.int64(-_CUT)
    first = np.int64(buffer[np.uint64(at)])
    if first < 0xFD:
        return first, at + 1
    width = np.int64(1) << (first - 0xFC)
    if end - at - 1 < width:
        return np.int64(0), np.int64(-_CUT)
    value = np.uint64(0)
    for i in range(width):
        value |= np.uint64(buffer[np.uint64(at + 1 + i)]) << np.uint64(8 * i)
    least = np.uint64(0xFD) if width == 2 else np.uint64(1) << np.uint64(4 * width)
    if value < least:
        return np.int64(0), np.int64(-_LONG)
    return np.int64(min(value, _MOST)), at + 1 + width


@leaf
def _word(buffer, at, width):  # type: ignore[no-untyped-def]
    value = np.uint64(0)
    for i in range(width):
        value |= np.uint64(buffer[np.uint64(at + i)]) << np.uint64(8 * i)
    return value


@leaf
def _is_null(buffer, at):  # type: ignore[no-untyped-def]
    """Whether the 36 bytes point at nothing, as a coinbase's input does."""
    for i in range(32):
        if buffer[np.uint64(at + i)] != 0:
            return False
    return _word(buffer, at + 32, 4) == 0xFFFFFFFF


@leaf
def _witness(buffer, at, end, inputs):  # type: ignore[no-untyped-def]
    """(fault, where it is or where the witness ends)."""
    begin = at
    some = False
    for _ in range(inputs):
        items, after = compact(buffer, at, end)
        if after < 0:
            return -after, at
        if items > end - after:
            return np.int64(_COUNT), at
        some |= items > 0
        at = after
        for _ in range(items):
            size, after = compact(buffer, at, end)
            if after < 0:
                return -after, at
            if size > end - after:
                return np.int64(_CUT), at
            at = after + size
    return (np.int64(0), at) if some else (np.int64(_EMPTY_WITNESS), begin)


@leaf
def _block(buffer, start, end, fill, totals, script, tx, inputs, outputs, plain):  # type: ignore[no-untyped-def]
    """(fault, where it is); 0 for a block that is well formed."""
    tx_plain, tx_in, tx_out = tx
    in_txid, in_index = inputs
    out_value, out_start, out_length = outputs
    if end - start < 80:
        return np.int64(_CUT), start
    at = start + 80
    txs, after = compact(buffer, at, end)
    if after < 0:
        return -after, at
    if txs == 0:
        return np.int64(_NO_TXS), at
    if txs > (end - after) // 60:
        return np.int64(_COUNT), at
    at = after
    for t in range(txs):
        begin = at
        if end - at < 4:
            return np.int64(_CUT), at
        at += 4
        segwit = at < end and buffer[np.uint64(at)] == 0
        if segwit:
            if end - at < 2:
                return np.int64(_CUT), at
            if buffer[np.uint64(at + 1)] != 1:
                return np.int64(_FLAG), at
            at += 2
        body = at
        ins, after = compact(buffer, at, end)
        if after < 0:
            return -after, at
        if ins == 0:
            return np.int64(_NO_INPUTS), at
        if ins > (end - after) // 41:
            return np.int64(_COUNT), at
        at = after
        for _ in range(ins):
            if end - at < 36:
                return np.int64(_CUT), at
            size, after = compact(buffer, at + 36, end)
            if after < 0:
                return -after, at + 36
            if size > end - after - 4:
                return np.int64(_CUT), at + 36
            if _is_null(buffer, at):
                if t > 0 or ins > 1:
                    return np.int64(_COINBASE_TWICE), at
                script[0] = after
                script[1] = size
            elif t == 0:
                return np.int64(_NO_COINBASE), at
            else:
                n = np.uint64(totals[1])
                if fill:
                    for i in range(32):
                        in_txid[n, np.uint64(31 - i)] = buffer[np.uint64(at + i)]
                    in_index[n] = np.uint32(_word(buffer, at + 32, 4))
                totals[1] += 1
            at = after + size + 4
        outs, after = compact(buffer, at, end)
        if after < 0:
            return -after, at
        if outs == 0:
            return np.int64(_NO_OUTPUTS), at
        if outs > (end - after) // 9:
            return np.int64(_COUNT), at
        at = after
        total = np.uint64(0)
        for _ in range(outs):
            if end - at < 8:
                return np.int64(_CUT), at
            value = _word(buffer, at, 8)
            if value > _MAX_MONEY:
                return np.int64(_VALUE), at
            total += value
            if total > _MAX_MONEY:
                return np.int64(_TOTAL), at
            size, after = compact(buffer, at + 8, end)
            if after < 0:
                return -after, at + 8
            if size > end - after:
                return np.int64(_CUT), at + 8
            if fill:
                n = np.uint64(totals[2])
                out_value[n] = value
                out_start[n] = after
                out_length[n] = size
            totals[2] += 1
            at = after + size
        body_end = at
        if segwit:
            fault, at = _witness(buffer, at, end, ins)
            if fault:
                return fault, at
        if end - at < 4:
            return np.int64(_CUT), at
        size = body_end - body
        if fill:
            n = np.uint64(totals[3])
            for i in range(4):
                plain[n + np.uint64(i)] = buffer[np.uint64(begin + i)]
                plain[n + np.uint64(4 + size + i)] = buffer[np.uint64(at + i)]
            for i in range(size):
                plain[n + np.uint64(4 + i)] = buffer[np.uint64(body + i)]
        totals[0] += 1
        totals[3] += size + 8
        if fill:
            n = np.uint64(totals[0])
            tx_plain[n] = totals[3]
            tx_in[n] = totals[1]
            tx_out[n] = totals[2]
        at += 4
    return np.int64(0 if at == end else _TRAILING), at


@leaf
def walk(buffer, start, end, fill, totals, block_tx, scripts, tx, inputs, outputs, plain):  # type: ignore[no-untyped-def]
    """(fault, where it is, block) of the first block that is at fault, else zeros and the number of blocks.

    `totals`: transactions, inputs, outputs and bytes without witness so far. Without `fill` only these are counted.
    """
    for b in range(len(start)):
        fault, at = _block(buffer, start[b], end[b], fill, totals, scripts[b], tx, inputs, outputs, plain)
        if fault:
            return fault, at, np.int64(b)
        block_tx[b + 1] = totals[0]
    return np.int64(0), np.int64(0), np.int64(len(start))
