"""128-bit unsigned arithmetic on (low, high) pairs of 64-bit words, for Numba kernels.

Invariant: nothing wraps silently: sums report a carry, differences assume `a >= b` (the caller compares first).
Import this module only from kernels: it imports Numba, which costs about a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

M32 = np.uint64(0xFFFFFFFF)
ZERO = np.uint64(0)
ONE = np.uint64(1)
S32 = np.uint64(32)


@njit(cache=True, error_model="numpy")
def less(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """Whether a < b."""
    return ahi < bhi or (ahi == bhi and alo < blo)


@njit(cache=True, error_model="numpy")
def add(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """(low, high, carry) of a + b."""
    lo = alo + blo
    c = ONE if lo < alo else ZERO
    hi = ahi + bhi
    over = hi < ahi
    hi2 = hi + c
    return lo, hi2, over or hi2 < hi


@njit(cache=True, error_model="numpy")
def sub(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """(low, high) of a - b, for a >= b."""
    borrow = ONE if alo < blo else ZERO
    return alo - blo, ahi - bhi - borrow


@njit(cache=True, error_model="numpy")
def mul_div(alo, ahi, blo, bhi, dlo, dhi):  # type: ignore[no-untyped-def]
    """(low, high) of a * b // d, exactly, for a <= d or b <= d and d > 0 (so that the quotient fits).

    Long multiplication into eight 32-bit limbs, then Knuth's algorithm D (The Art of Computer Programming,
    volume 2, 4.3.1) with 32-bit digits.
    """
    a = (alo & M32, alo >> S32, ahi & M32, ahi >> S32)
    b = (blo & M32, blo >> S32, bhi & M32, bhi >> S32)
    u = np.zeros(9, np.uint64)
    for i in range(4):
        carry = ZERO
        for j in range(4):
            t = a[i] * b[j] + u[i + j] + carry
            u[i + j] = t & M32
            carry = t >> S32
        u[i + 4] = carry
    v = np.empty(4, np.uint64)
    v[0] = dlo & M32
    v[1] = dlo >> S32
    v[2] = dhi & M32
    v[3] = dhi >> S32
    n = 4
    while v[n - 1] == ZERO:
        n -= 1
    q = np.zeros(8, np.uint64)
    if n == 1:
        rest = ZERO
        for j in range(7, -1, -1):
            t = (rest << S32) | u[j]
            q[j] = t // v[0]
            rest = t % v[0]
    else:
        _divide(u, v, n, q)
    return q[0] | (q[1] << S32), q[2] | (q[3] << S32)


@njit(cache=True, error_model="numpy")
def _divide(u, v, n, q):  # type: ignore[no-untyped-def]
    """Knuth D: u (9 limbs, destroyed) by v (n >= 2 limbs, destroyed) into q."""
    shift = ZERO
    top = v[n - 1]
    while top < np.uint64(0x80000000):
        top <<= ONE
        shift += ONE
    if shift > ZERO:
        for i in range(n - 1, 0, -1):
            v[i] = ((v[i] << shift) | (v[i - 1] >> (S32 - shift))) & M32
        v[0] = (v[0] << shift) & M32
        for i in range(8, 0, -1):
            u[i] = ((u[i] << shift) | (u[i - 1] >> (S32 - shift))) & M32
        u[0] = (u[0] << shift) & M32
    for j in range(8 - n, -1, -1):
        num = (u[j + n] << S32) | u[j + n - 1]
        qhat = num // v[n - 1]
        rhat = num % v[n - 1]
        while qhat > M32 or qhat * v[n - 2] > ((rhat << S32) | u[j + n - 2]):
            qhat -= ONE
            rhat += v[n - 1]
            if rhat > M32:
                break
        borrow = ZERO
        carry = ZERO
        for i in range(n):
            t = qhat * v[i] + carry
            carry = t >> S32
            need = (t & M32) + borrow
            have = u[i + j]
            borrow = ONE if have < need else ZERO
            u[i + j] = (have - need) & M32
        need = carry + borrow
        have = u[j + n]
        borrow = ONE if have < need else ZERO
        u[j + n] = (have - need) & M32
        if borrow != ZERO:
            qhat -= ONE
            carry = ZERO
            for i in range(n):
                t = u[i + j] + v[i] + carry
                u[i + j] = t & M32
                carry = t >> S32
            u[j + n] = (u[j + n] + carry) & M32
        q[j] = qhat
