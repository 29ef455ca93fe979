"""128-bit unsigned arithmetic on (low, high) pairs of 64-bit words, for Numba kernels.

Invariant: nothing wraps silently: sums report a carry, differences assume `a >= b` (the caller compares first).
Import this module only from kernels: it imports Numba, which costs about a second.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf

M32 = np.uint64(0xFFFFFFFF)
ZERO = np.uint64(0)
ONE = np.uint64(1)
S32 = np.uint64(32)


@leaf
def less(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """Whether a < b."""
    return ahi < bhi or (ahi == bhi and alo < blo)


@leaf
def add(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """(low, high, carry) of a + b."""
    lo = alo + blo
    c = ONE if lo < alo else ZERO
    hi = ahi + bhi
    over = hi < ahi
    hi2 = hi + c
    return lo, hi2, over or hi2 < hi


@leaf
def sub(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """(low, high) of a - b, for a >= b."""
    borrow = ONE if alo < blo else ZERO
    return alo - blo, ahi - bhi - borrow


@leaf
def _mul64(a, b):  # type: ignore[no-untyped-def]
    """(low, high) of a * b."""
    a0 = a & M32
    a1 = a >> S32
    b0 = b & M32
    b1 = b >> S32
    p00 = a0 * b0
    p01 = a0 * b1
    p10 = a1 * b0
    mid = (p00 >> S32) + (p01 & M32) + (p10 & M32)
    return (p00 & M32) | (mid << S32), a1 * b1 + (p01 >> S32) + (p10 >> S32) + (mid >> S32)


@leaf
def _div64(hi, lo, d):  # type: ignore[no-untyped-def]
    """(quotient, rest) of hi, lo by d: hi < d, the top bit of d set (Hacker's Delight, divlu)."""
    d1 = d >> S32
    d0 = d & M32
    q1 = hi // d1
    r = hi - q1 * d1
    while q1 > M32 or q1 * d0 > ((r << S32) | (lo >> S32)):
        q1 -= ONE
        r += d1
        if r > M32:
            break
    un = (hi << S32) + (lo >> S32) - q1 * d
    q0 = un // d1
    r = un - q0 * d1
    while q0 > M32 or q0 * d0 > ((r << S32) | (lo & M32)):
        q0 -= ONE
        r += d1
        if r > M32:
            break
    return (q1 << S32) + q0, (un << S32) + (lo & M32) - q0 * d


@leaf
def mul_div(alo, ahi, blo, bhi, dlo, dhi):  # type: ignore[no-untyped-def]
    """(low, high) of a * b // d, exactly, for a <= d or b <= d and d > 0 (so that the quotient fits)."""
    u0, c = _mul64(alo, blo)
    x0, x1 = _mul64(alo, bhi)
    y0, y1 = _mul64(ahi, blo)
    z0, z1 = _mul64(ahi, bhi)
    u1, k1, _ = add(c, ZERO, x0, ZERO)
    u1, k2, _ = add(u1, k1, y0, ZERO)
    u2, k3, _ = add(x1, ZERO, y1, ZERO)
    u2, k4, _ = add(u2, k3, z0, ZERO)
    u2, k5, _ = add(u2, k4, k2, ZERO)
    u3 = z1 + k5
    s = ZERO
    if dhi == ZERO:
        while (dlo >> np.uint64(63)) == ZERO:
            dlo <<= ONE
            s += ONE
        if s > ZERO:
            r = np.uint64(64) - s
            u3 = (u3 << s) | (u2 >> r)
            u2 = (u2 << s) | (u1 >> r)
            u1 = (u1 << s) | (u0 >> r)
            u0 <<= s
        # u3 = 0 and u2 < d because the quotient fits 128 bits
        q1, rest = _div64(u2, u1, dlo)
        q0, rest = _div64(rest, u0, dlo)
        return q0, q1
    while (dhi >> np.uint64(63)) == ZERO:
        dhi = (dhi << ONE) | (dlo >> np.uint64(63))
        dlo <<= ONE
        s += ONE
    if s > ZERO:
        r = np.uint64(64) - s
        u3 = (u3 << s) | (u2 >> r)
        u2 = (u2 << s) | (u1 >> r)
        u1 = (u1 << s) | (u0 >> r)
        u0 <<= s
    q1, u2, u1 = _step(u3, u2, u1, dlo, dhi)
    q0, u1, u0 = _step(u2, u1, u0, dlo, dhi)
    return q0, q1


@leaf
def _step(u2, u1, u0, dlo, dhi):  # type: ignore[no-untyped-def]
    """(digit, high, low of the rest) of three words by two: u2, u1 < d, the top bit of d set.

    One step of Knuth's algorithm D (The Art of Computer Programming, volume 2, 4.3.1) with 64-bit digits.
    """
    top = np.uint64(0xFFFFFFFFFFFFFFFF)
    if u2 >= dhi:
        q = top
        r = u1 + dhi
        over = r < u1
    else:
        q, r = _div64(u2, u1, dhi)
        over = False
    while not over:
        plo, phi = _mul64(q, dlo)
        if phi > r or (phi == r and plo > u0):
            q -= ONE
            r += dhi
            over = r < dhi
        else:
            break
    plo, phi = _mul64(q, dlo)
    mid = phi + q * dhi
    r0, r1 = sub(u0, u1, plo, mid)
    return q, r1, r0
