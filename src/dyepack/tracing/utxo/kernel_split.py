"""How the Numba replay splits one transaction: pieces of its inputs in, pieces of its outputs and fee out.

Pieces are rows (leg, units) of 64-bit numbers. `seq` is what the inputs lay end to end; `out` what the outputs got,
output number n in rows span[n, 0] to span[n, 1], the fee at the last number. Units fit 63 bits (no transaction moves
more money than there can be: ledger/utxo/builder.py).
Invariant: the same pieces as transaction.split of holding.py gives, rule by rule.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf
from dyepack.ledger.uint128 import ZERO, mul_div

NATURAL, TAINT_FIRST, CLEAN_FIRST, POISON, HAIRCUT = range(5)
"""How the pieces of the inputs are laid end to end before they are cut."""

IN_ORDER, REVERSED, HIGHEST, LOWEST = range(4)
"""The order in which outputs are filled."""


@leaf
def append(pieces, n, leg, units):  # type: ignore[no-untyped-def]
    """Add a piece behind the first n, joined to the last if that has its leg; the new number of pieces."""
    if units == 0:
        return n
    if n > 0 and pieces[n - 1, 0] == leg:
        pieces[n - 1, 1] += units
        return n
    pieces[n, 0] = leg
    pieces[n, 1] = units
    return n + 1


@leaf
def rearrange(mode, pieces, n, seq):  # type: ignore[no-untyped-def]
    """Lay n pieces end to end as the rule wants; the new number of pieces."""
    clean = np.int64(0)
    poison = np.int64(0)
    total = np.int64(0)
    for k in range(n):
        total += pieces[k, 1]
        if pieces[k, 0] == 0:
            clean += pieces[k, 1]
        elif poison == 0:
            poison = pieces[k, 0]
    if mode == POISON:
        return append(seq, 0, poison, total)
    m = 0
    if mode == CLEAN_FIRST:
        m = append(seq, m, 0, clean)
    for k in range(n):
        if pieces[k, 0] != 0:
            m = append(seq, m, pieces[k, 0], pieces[k, 1])
    if mode == TAINT_FIRST:
        m = append(seq, m, 0, clean)
    return m


@leaf
def by_value(value, first, count, how, order):  # type: ignore[no-untyped-def]
    """Numbers of the outputs, the highest or the lowest first, equal values as they come (merge sort).

    They are written to column 0 of `order`; column 1 is scratch.
    """
    for k in range(count):
        order[k, 0] = k
    width = 1
    while width < count:
        for left in range(0, count, 2 * width):
            one = left
            other = left + width
            end = min(left + 2 * width, count)
            for k in range(left, end):
                later = one >= min(left + width, count)
                if not later and other < end:
                    a = value[first + order[one, 0]]
                    b = value[first + order[other, 0]]
                    later = b > a if how == HIGHEST else b < a
                if later:
                    order[k, 1] = order[other, 0]
                    other += 1
                else:
                    order[k, 1] = order[one, 0]
                    one += 1
        for k in range(count):
            order[k, 0] = order[k, 1]
        width *= 2


@leaf
def cut(seq, how, order, value, first, count, fee, fee_first, out, span):  # type: ignore[no-untyped-def]
    """Cut pieces laid end to end into the outputs, in their order, and the fee; the number of pieces.

    `order` is read only where `how` is HIGHEST or LOWEST; a piece of 0 units ends `seq`.
    """
    at = 0
    left = seq[0, 1]
    n = 0
    for step in range(count + 1):
        place = step - fee_first
        number = place
        if place < 0 or place == count:
            number = count
        elif how == REVERSED:
            number = count - 1 - place
        elif how != IN_ORDER:
            number = order[place, 0]
        need = fee if number == count else np.int64(value[first + number])
        span[number, 0] = n
        while need > 0:
            part = left if left < need else need
            out[n, 0] = seq[at, 0]
            out[n, 1] = part
            n += 1
            need -= part
            left -= part
            if left == 0:
                at += 1
                left = seq[at, 1]
        span[number, 1] = n
    return n


@leaf
def shares_of(pieces, n, share):  # type: ignore[no-untyped-def]
    """Dyed units by leg, legs ascending; the number of legs."""
    m = 0
    for k in range(n):
        leg = pieces[k, 0]
        if leg == 0:
            continue
        lo = 0
        hi = m
        while lo < hi:
            mid = (lo + hi) >> 1
            if share[mid, 0] < leg:
                lo = mid + 1
            else:
                hi = mid
        if lo < m and share[lo, 0] == leg:
            share[lo, 1] += pieces[k, 1]
            continue
        for j in range(m, lo, -1):
            share[j, 0] = share[j - 1, 0]
            share[j, 1] = share[j - 1, 1]
        share[lo, 0] = leg
        share[lo, 1] = pieces[k, 1]
        m += 1
    return m


@leaf
def cut_pro_rata(share, legs, total, value, first, count, fee, fee_first, out, span):  # type: ignore[no-untyped-def]
    """Give each output every leg in proportion to what is left of it; the number of pieces (Haircut._split)."""
    n = 0
    base = np.uint64(total)
    for step in range(count + 1):
        number = step - fee_first if step >= fee_first else count
        need = np.uint64(fee) if number == count else np.uint64(value[first + number])
        span[number, 0] = n
        held = ZERO
        given = ZERO
        if need > ZERO:
            for k in range(legs):
                held += np.uint64(share[k, 1])
                low, _ = mul_div(need, ZERO, held, ZERO, base, ZERO)
                part = low - given
                if part > ZERO:
                    out[n, 0] = share[k, 0]
                    out[n, 1] = np.int64(part)
                    share[k, 1] -= np.int64(part)
                    n += 1
                    given += part
            if need > given:
                out[n, 0] = 0
                out[n, 1] = np.int64(need - given)
                n += 1
            base -= need
        span[number, 1] = n
    return n


@leaf
def dye(out, span, number, n, leg, units):  # type: ignore[no-untyped-def]
    """Dye the first clean `units` of an output: its new pieces go behind the n there are; (new n, units dyed)."""
    first = n
    left = units
    for k in range(span[number, 0], span[number, 1]):
        new = np.int64(0)
        if out[k, 0] == 0:
            new = left if left < out[k, 1] else out[k, 1]
            left -= new
            if new > 0:
                out[n, 0] = leg
                out[n, 1] = new
                n += 1
        if out[k, 1] > new:
            out[n, 0] = out[k, 0]
            out[n, 1] = out[k, 1] - new
            n += 1
    span[number, 0] = first
    span[number, 1] = n
    return n, units - left
