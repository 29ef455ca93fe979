"""A bitmap of waiting moves with a second level, so that the next one is found fast.

Invariant: bit k of `high` is set if any of the 64 bits of word k of `bits` is; bits are never cleared, since
moves are taken in order and only later ones are set.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf

_ONE = np.uint64(1)
_LAST = np.uint64(63)
_SIX = np.uint64(6)


@kernel
def new_bits(size):  # type: ignore[no-untyped-def]
    """(bits, high) for `size` moves, none waiting."""
    words = (size >> 6) + 1
    return np.zeros(words, np.uint64), np.zeros((words >> 6) + 1, np.uint64)


@leaf
def set_bit(bits, high, at):  # type: ignore[no-untyped-def]
    """Let move number `at` wait."""
    word = np.uint64(at) >> _SIX
    bits[word] |= _ONE << (np.uint64(at) & _LAST)
    high[word >> _SIX] |= _ONE << (word & _LAST)


@leaf
def _lowest(word):  # type: ignore[no-untyped-def]
    """The place of the lowest set bit."""
    at = np.uint64(0)
    for step in (32, 16, 8, 4, 2, 1):
        mask = (_ONE << np.uint64(step)) - _ONE
        if word & mask == np.uint64(0):
            word >>= np.uint64(step)
            at += np.uint64(step)
    return at


@leaf
def next_bit(bits, high, start):  # type: ignore[no-untyped-def]
    """The first waiting move from `start` on, or -1."""
    word = start >> 6
    if word >= len(bits):
        return -1
    here = bits[word] >> (np.uint64(start) & _LAST)
    if here != np.uint64(0):
        return start + np.int64(_lowest(here))
    word += 1
    top = word >> 6
    if word >= len(bits):
        return -1
    above = high[top] >> (np.uint64(word) & _LAST) << (np.uint64(word) & _LAST)
    while above == np.uint64(0):
        top += 1
        if top >= len(high):
            return -1
        above = high[top]
    word = (top << 6) + np.int64(_lowest(above))
    return (word << 6) + np.int64(_lowest(bits[word]))
