"""The Numba way of index.py: the same arrays, some hundred times faster on large ledgers."""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel
from dyepack.ledger.schema import MARK_EVERY, NOWHERE
from dyepack.ledger.uint128 import ONE, ZERO, add, less, sub

_NOWHERE = np.uint32(NOWHERE)
_EVERY = np.uint64(MARK_EVERY)
_TOP = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def offsets(sender, receiver, holdings):  # type: ignore[no-untyped-def]
    """(offset, next free place) of each holding's entries."""
    offset = np.zeros(holdings + 1, np.uint64)
    for i in range(len(sender)):
        if sender[i] != _NOWHERE:
            offset[np.uint64(sender[i]) + ONE] += ONE
        if receiver[i] != _NOWHERE:
            offset[np.uint64(receiver[i]) + ONE] += ONE
    for h in range(holdings):
        offset[h + 1] += offset[h]
    return offset, offset[:-1].copy()


@kernel
def entries(sender, receiver, amount, offset, slot):  # type: ignore[no-untyped-def]
    """(entry, balance mark, gap move, gap amount, wide): one pass over the moves in chain order."""
    n = len(sender)
    total = np.int64(offset[-1])
    entry = np.empty(total, np.uint32)
    mark = np.zeros(((total + MARK_EVERY - 1) // MARK_EVERY, 2), np.uint64)
    wide = np.zeros(len(slot), np.uint8)
    blo = np.zeros(len(slot), np.uint64)
    bhi = np.zeros(len(slot), np.uint64)
    gap_move = np.empty(1024, np.uint32)
    gap_amount = np.empty((1024, 2), np.uint64)
    gaps = 0
    for i in range(n):
        lo = amount[i, 0]
        hi = amount[i, 1]
        h = sender[i]
        if h != _NOWHERE:
            place = slot[h]
            slot[h] = place + ONE
            entry[place] = np.uint32(i << 1)
            if place % _EVERY == ZERO:
                mark[place // _EVERY, 0] = blo[h]
                mark[place // _EVERY, 1] = bhi[h]
            if less(blo[h], bhi[h], lo, hi):
                if gaps == len(gap_move):
                    gap_move = np.concatenate((gap_move, np.empty(gaps, np.uint32)))
                    gap_amount = np.concatenate((gap_amount, np.empty((gaps, 2), np.uint64)))
                gap_move[gaps] = np.uint32(i)
                gap_amount[gaps, 0], gap_amount[gaps, 1] = sub(lo, hi, blo[h], bhi[h])
                gaps += 1
                blo[h] = ZERO
                bhi[h] = ZERO
            else:
                blo[h], bhi[h] = sub(blo[h], bhi[h], lo, hi)
        h = receiver[i]
        if h != _NOWHERE:
            place = slot[h]
            slot[h] = place + ONE
            entry[place] = np.uint32((i << 1) | 1)
            if place % _EVERY == ZERO:
                mark[place // _EVERY, 0] = blo[h]
                mark[place // _EVERY, 1] = bhi[h]
            slo, shi, over = add(blo[h], bhi[h], lo, hi)
            if over:
                wide[h] = np.uint8(1)
                slo = _TOP
                shi = _TOP
            blo[h] = slo
            bhi[h] = shi
    return entry, mark, gap_move[:gaps].copy(), gap_amount[:gaps].copy(), wide
