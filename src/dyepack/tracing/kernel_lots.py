"""Lots for the Numba replay: holding.py's rules on linked lists in one pool of arrays.

A list's head is the lot that leaves next: fifo adds at the tail, lifo at the head; taint-first, clean-first and
haircut list only dyed lots (haircut one per leg, ascending); poison keeps no lots but the leg of its place.
Invariant: as in holding.py; withdraw and deposit answer False where a balance would pass 128 bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dyepack.ledger.jit import kernel, leaf
from dyepack.ledger.uint128 import ZERO, add, less, mul_div, sub
from dyepack.tracing.rules import RULES

FIFO, LIFO_A, LIFO_B, HAIRCUT, TAINT_FIRST, CLEAN_FIRST, DIRTY_FIRST, POISON = (
    RULES[n].code
    for n in ("fifo", "lifo-a", "lifo-b", "haircut", "taint-first", "clean-first", "dirty-first", "poison")
)


class Lots(NamedTuple):
    """The pool: leg, base units (two words), next lot (-1: none), free lots, [number of lots in use]."""

    leg: Any
    lo: Any
    hi: Any
    next: Any
    free: Any
    state: Any


class Places(NamedTuple):
    """Open holdings: balance (b) and dyed units (d) in two words, the list, its length, the poison leg."""

    holding: Any
    at: Any
    hop: Any
    head: Any
    tail: Any
    count: Any
    leg: Any
    blo: Any
    bhi: Any
    dlo: Any
    dhi: Any
    free: Any
    state: Any


class Buffer(NamedTuple):
    """Pieces on their way: leg and base units."""

    leg: Any
    lo: Any
    hi: Any


@kernel
def new_lots(size):  # type: ignore[no-untyped-def]
    """An empty pool."""
    return Lots(np.zeros(size, np.int32), np.zeros(size, np.uint64), np.zeros(size, np.uint64),
                np.zeros(size, np.int64), np.arange(size), np.zeros(1, np.int64))  # fmt: skip


@kernel
def room_for_lots(lots, need):  # type: ignore[no-untyped-def]
    """The pool with at least `need` free lots."""
    size = len(lots.leg)
    if lots.state[0] + need <= size:
        return lots
    more = size + need
    return Lots(
        np.concatenate((lots.leg, np.zeros(more, np.int32))), np.concatenate((lots.lo, np.zeros(more, np.uint64))),
        np.concatenate((lots.hi, np.zeros(more, np.uint64))), np.concatenate((lots.next, np.zeros(more, np.int64))),
        np.concatenate((lots.free, np.arange(size, size + more))), lots.state,
    )  # fmt: skip


@kernel
def new_places(size):  # type: ignore[no-untyped-def]
    """Room for `size` open holdings."""
    return Places(
        np.full(size, 0xFFFFFFFF, np.uint32), np.zeros(size, np.int64), np.zeros(size, np.int32),
        np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int32),
        np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint64),
        np.arange(size), np.zeros(1, np.int64),
    )  # fmt: skip


@kernel
def grow_places(places):  # type: ignore[no-untyped-def]
    """The same with room for a few more open holdings."""
    size = len(places.holding)
    if places.state[0] + 4 <= size:
        return places
    new = new_places(2 * size)
    new.holding[:size] = places.holding
    new.at[:size] = places.at
    new.hop[:size] = places.hop
    new.head[:size] = places.head
    new.tail[:size] = places.tail
    new.count[:size] = places.count
    new.leg[:size] = places.leg
    new.blo[:size] = places.blo
    new.bhi[:size] = places.bhi
    new.dlo[:size] = places.dlo
    new.dhi[:size] = places.dhi
    new.free[:size] = places.free
    new.state[0] = places.state[0]
    return new


@kernel
def new_buffer(size):  # type: ignore[no-untyped-def]
    """An empty buffer."""
    return Buffer(np.zeros(size, np.int32), np.zeros(size, np.uint64), np.zeros(size, np.uint64))


@kernel
def grow_buffer(b, need):  # type: ignore[no-untyped-def]
    """The buffer, its pieces kept, with room for `need`."""
    if need <= len(b.leg):
        return b
    new = new_buffer(2 * need)
    new.leg[: len(b.leg)] = b.leg
    new.lo[: len(b.leg)] = b.lo
    new.hi[: len(b.leg)] = b.hi
    return new


@leaf
def _new_lot(lots, places, p, leg, lo, hi, following):  # type: ignore[no-untyped-def]
    at = lots.free[lots.state[0]]
    lots.state[0] += 1
    lots.leg[at], lots.lo[at], lots.hi[at], lots.next[at] = leg, lo, hi, following
    places.count[p] += 1
    return at


@leaf
def _free_lot(lots, places, p, at):  # type: ignore[no-untyped-def]
    lots.state[0] -= 1
    lots.free[lots.state[0]] = at
    places.count[p] -= 1


@leaf
def _push(lots, places, p, leg, lo, hi, on_top):  # type: ignore[no-untyped-def]
    """Add a lot at the head or the tail; it joins a neighbour of its leg."""
    side = places.head[p] if on_top else places.tail[p]
    if places.count[p] > 0 and lots.leg[side] == leg:
        lots.lo[side], lots.hi[side], _ = add(lots.lo[side], lots.hi[side], lo, hi)
        return
    at = _new_lot(lots, places, p, leg, lo, hi, places.head[p] if on_top else np.int64(-1))
    if places.count[p] == 1:
        lots.next[at] = -1
        places.head[p] = places.tail[p] = at
    elif on_top:
        places.head[p] = at
    else:
        lots.next[places.tail[p]] = at
        places.tail[p] = at


@leaf
def _push_share(lots, places, p, leg, lo, hi):  # type: ignore[no-untyped-def]
    """Add to a leg's share (haircut): the list is kept ascending by leg."""
    before = np.int64(-1)
    at = places.head[p] if places.count[p] > 0 else np.int64(-1)
    while at >= 0 and lots.leg[at] < leg:
        before, at = at, lots.next[at]
    if at >= 0 and lots.leg[at] == leg:
        lots.lo[at], lots.hi[at], _ = add(lots.lo[at], lots.hi[at], lo, hi)
        return
    new = _new_lot(lots, places, p, leg, lo, hi, at)
    if before < 0:
        places.head[p] = new
    else:
        lots.next[before] = new
    if at < 0:
        places.tail[p] = new


@leaf
def _add_lot(lots, places, rule, p, leg, lo, hi):  # type: ignore[no-untyped-def]
    """One piece into a holding's lots and balance; False past 128 bits."""
    if lo == ZERO and hi == ZERO:
        return True
    blo, bhi, over = add(places.blo[p], places.bhi[p], lo, hi)
    if over:
        return False
    places.blo[p], places.bhi[p] = blo, bhi
    if rule == POISON:
        if places.leg[p] == 0:
            places.leg[p] = leg
        if places.leg[p] > 0:
            places.dlo[p], places.dhi[p] = blo, bhi
        return True
    if leg > 0:
        places.dlo[p], places.dhi[p], _ = add(places.dlo[p], places.dhi[p], lo, hi)
    if rule in (LIFO_A, LIFO_B):
        _push(lots, places, p, leg, lo, hi, True)
    elif rule in (FIFO, DIRTY_FIRST):
        _push(lots, places, p, leg, lo, hi, False)
    elif leg > 0:
        if rule == HAIRCUT:
            _push_share(lots, places, p, leg, lo, hi)
        else:
            _push(lots, places, p, leg, lo, hi, False)
    return True


@leaf
def deposit(lots, places, rule, p, b, n):  # type: ignore[no-untyped-def]
    """The first n pieces of the buffer into a holding, in order; False past 128 bits."""
    ok = True
    for k in range(n):
        ok = ok and _add_lot(lots, places, rule, p, b.leg[k], b.lo[k], b.hi[k])
    return ok


@leaf
def deposit_clean(lots, places, rule, p, lo, hi):  # type: ignore[no-untyped-def]
    """Clean units into a holding; False past 128 bits."""
    return _add_lot(lots, places, rule, p, np.int32(0), lo, hi)


@leaf
def withdraw(lots, places, rule, p, lo, hi, b, fee):  # type: ignore[no-untyped-def]
    """(pieces, low, high of the gap, fits): units out of a holding into the buffer, by the rule.

    `fee` takes clean units first, whatever the rule (but poison, under which nothing is clean).
    """
    glo = ghi = ZERO
    if less(places.blo[p], places.bhi[p], lo, hi):
        glo, ghi = sub(lo, hi, places.blo[p], places.bhi[p])
        if not deposit_clean(lots, places, rule, p, glo, ghi):
            return 0, glo, ghi, False
    n = 0
    if fee and rule != POISON:
        clo, chi = sub(places.blo[p], places.bhi[p], places.dlo[p], places.dhi[p])
        if less(lo, hi, clo, chi):
            clo, chi = lo, hi
        if clo != ZERO or chi != ZERO:
            if rule in (FIFO, LIFO_A, LIFO_B, DIRTY_FIRST):
                _take_clean(lots, places, p, clo, chi)
            b.leg[0], b.lo[0], b.hi[0] = np.int32(0), clo, chi
            n = 1
            places.blo[p], places.bhi[p] = sub(places.blo[p], places.bhi[p], clo, chi)
            lo, hi = sub(lo, hi, clo, chi)
        if lo == ZERO and hi == ZERO:
            return n, glo, ghi, True
    first = n
    n = _take(lots, places, rule, p, lo, hi, b, n)
    places.blo[p], places.bhi[p] = sub(places.blo[p], places.bhi[p], lo, hi)
    for k in range(first, n):
        if b.leg[k] > 0:
            places.dlo[p], places.dhi[p] = sub(places.dlo[p], places.dhi[p], b.lo[k], b.hi[k])
    return n, glo, ghi, True


@leaf
def _take(lots, places, rule, p, lo, hi, b, n):  # type: ignore[no-untyped-def]
    """Pieces into the buffer from place n on; the new number of pieces."""
    if rule == POISON:
        b.leg[n], b.lo[n], b.hi[n] = places.leg[p], lo, hi
        if lo == places.blo[p] and hi == places.bhi[p]:
            places.leg[p] = 0
        return n + 1
    if rule == HAIRCUT:
        return _take_shares(lots, places, p, lo, hi, b, n)
    if rule == TAINT_FIRST:
        dlo, dhi = places.dlo[p], places.dhi[p]
        if less(lo, hi, dlo, dhi):
            dlo, dhi = lo, hi
        n = _pop(lots, places, p, dlo, dhi, b, n)
        return _put_clean(b, n, *sub(lo, hi, dlo, dhi))
    if rule == CLEAN_FIRST:
        clo, chi = sub(places.blo[p], places.bhi[p], places.dlo[p], places.dhi[p])
        if less(lo, hi, clo, chi):
            clo, chi = lo, hi
        n = _put_clean(b, n, clo, chi)
        lo, hi = sub(lo, hi, clo, chi)
        return _pop(lots, places, p, lo, hi, b, n)
    first = n
    n = _pop(lots, places, p, lo, hi, b, n)
    if rule == LIFO_B:
        left, right = first, n - 1
        while left < right:
            leg, slo, shi = b.leg[left], b.lo[left], b.hi[left]
            b.leg[left], b.lo[left], b.hi[left] = b.leg[right], b.lo[right], b.hi[right]
            b.leg[right], b.lo[right], b.hi[right] = leg, slo, shi
            left += 1
            right -= 1
    return n


@leaf
def _put_clean(b, n, lo, hi):  # type: ignore[no-untyped-def]
    if lo == ZERO and hi == ZERO:
        return n
    b.leg[n], b.lo[n], b.hi[n] = np.int32(0), lo, hi
    return n + 1


@leaf
def _pop(lots, places, p, lo, hi, b, n):  # type: ignore[no-untyped-def]
    """Units from the head of the list on (there are enough)."""
    while lo != ZERO or hi != ZERO:
        at = places.head[p]
        plo, phi = lots.lo[at], lots.hi[at]
        b.leg[n] = lots.leg[at]
        if less(lo, hi, plo, phi):
            lots.lo[at], lots.hi[at] = sub(plo, phi, lo, hi)
            plo, phi = lo, hi
        else:
            places.head[p] = lots.next[at]
            _free_lot(lots, places, p, at)
        b.lo[n], b.hi[n] = plo, phi
        n += 1
        lo, hi = sub(lo, hi, plo, phi)
    return n


@leaf
def _take_clean(lots, places, p, lo, hi):  # type: ignore[no-untyped-def]
    """Clean units out of the list, the next to leave first; dyed neighbours of one leg that meet are joined."""
    before = np.int64(-1)
    at = places.head[p]
    while lo != ZERO or hi != ZERO:
        following = lots.next[at]
        if lots.leg[at] != 0:
            before, at = at, following
            continue
        if less(lo, hi, lots.lo[at], lots.hi[at]):
            lots.lo[at], lots.hi[at] = sub(lots.lo[at], lots.hi[at], lo, hi)
            return
        lo, hi = sub(lo, hi, lots.lo[at], lots.hi[at])
        _free_lot(lots, places, p, at)
        if before >= 0 and following >= 0 and lots.leg[before] == lots.leg[following]:
            lots.lo[before], lots.hi[before], _ = add(
                lots.lo[before], lots.hi[before], lots.lo[following], lots.hi[following]
            )
            _free_lot(lots, places, p, following)
            following = lots.next[following]
        if before < 0:
            places.head[p] = following
        else:
            lots.next[before] = following
        if following < 0:
            places.tail[p] = before
        at = following


@leaf
def _take_shares(lots, places, p, lo, hi, b, n):  # type: ignore[no-untyped-def]
    """Each leg's share of a withdrawal: floor(units * dye of legs up to it / balance) minus what went before."""
    hlo = hhi = glo = ghi = ZERO
    before = np.int64(-1)
    at = places.head[p] if places.count[p] > 0 else np.int64(-1)
    while at >= 0:
        following = lots.next[at]
        hlo, hhi, _ = add(hlo, hhi, lots.lo[at], lots.hi[at])
        tlo, thi = mul_div(lo, hi, hlo, hhi, places.blo[p], places.bhi[p])
        plo, phi = sub(tlo, thi, glo, ghi)
        gone = False
        if plo != ZERO or phi != ZERO:
            b.leg[n], b.lo[n], b.hi[n] = lots.leg[at], plo, phi
            n += 1
            glo, ghi = tlo, thi
            gone = plo == lots.lo[at] and phi == lots.hi[at]
            lots.lo[at], lots.hi[at] = sub(lots.lo[at], lots.hi[at], plo, phi)
        if gone:
            _free_lot(lots, places, p, at)
            if before < 0:
                places.head[p] = following
            else:
                lots.next[before] = following
            if following < 0:
                places.tail[p] = before
        else:
            before = at
        at = following
    return _put_clean(b, n, *sub(lo, hi, glo, ghi))


@leaf
def lay_over(b, n, paid, got, pend, start, swaps, used, move, product):  # type: ignore[no-untyped-def]
    """Share a product among the pieces of its payment (exchange.py); (end of pending pieces, swap rows used)."""
    slo = shi = dlo = dhi = ZERO
    end = start
    for k in range(n):
        slo, shi, _ = add(slo, shi, b.lo[k], b.hi[k])
        tlo, thi = mul_div(got[0], got[1], slo, shi, paid[0], paid[1])
        plo, phi = sub(tlo, thi, dlo, dhi)
        dlo, dhi = tlo, thi
        if b.leg[k] > 0:
            swaps[used, 0], swaps[used, 1], swaps[used, 2] = np.uint64(move), np.uint64(product), np.uint64(b.leg[k])
            swaps[used, 3], swaps[used, 4], swaps[used, 5], swaps[used, 6] = b.lo[k], b.hi[k], plo, phi
            used += 1
        if plo == ZERO and phi == ZERO:
            continue
        if end > start and pend.leg[end - 1] == b.leg[k]:
            pend.lo[end - 1], pend.hi[end - 1], _ = add(pend.lo[end - 1], pend.hi[end - 1], plo, phi)
        else:
            pend.leg[end], pend.lo[end], pend.hi[end] = b.leg[k], plo, phi
            end += 1
    return end, used
