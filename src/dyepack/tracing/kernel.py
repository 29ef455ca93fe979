"""The Numba replay: the same moves in the same order with the same arithmetic as replay.py, some ten times faster.

Invariant: for every ledger, plan and rule it gives the Run of its plain twin, or says that it cannot (`None`: a
balance passes 128 bits, more than 256 swaps wait, or a swap is one that kernel_exchange.py leaves to its twin), never
anything else. Rules, lots and opening of holdings are as in holding.py.

Where the plain replay keeps a heap, this one keeps a bitmap of waiting moves (moves are numbered in chain order,
so the next set bit is the next move). Importing this module costs about a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.jit import kernel, leaf
from dyepack.ledger.schema import NOWHERE, MoveKind
from dyepack.ledger.uint128 import ONE, ZERO
from dyepack.money import MAX_AMOUNT
from dyepack.tracing.books import Books
from dyepack.tracing.kernel_bits import new_bits, next_bit, set_bit
from dyepack.tracing.kernel_dye import dye
from dyepack.tracing.kernel_exchange import exchange_of
from dyepack.tracing.kernel_lots import (
    deposit,
    deposit_clean,
    grow_buffer,
    grow_places,
    lay_over,
    new_buffer,
    new_lots,
    new_places,
    room_for_lots,
    withdraw,
)  # fmt: skip
from dyepack.tracing.kernel_view import BEYOND, balance, codes_of, decide, gap_of, place_of, view_of
from dyepack.tracing.plan import DYED, FOLLOW, GAP, HELD, ORIGIN, SWAP, Plan, Rows, Run
from dyepack.tracing.rules import rule as find_rule
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import U64

_CARRIED, _CONVERTED, _UNEXPLAINED, _DECLARED = (
    np.uint8(s) for s in (Stop.CARRIED, Stop.CONVERTED, Stop.UNEXPLAINED, Stop.DECLARED)
)
_FEE = np.uint8(MoveKind.FEE)
_NOWHERE = np.uint32(NOWHERE)
_PENDING = 256


def replay(ledger: Ledger, plan: Plan, rule: str) -> Run | None:
    """Follow the dye of all legs under one rule; None if it cannot (then use the plain replay)."""
    books = Books(ledger, plan.declared)
    if any(b > MAX_AMOUNT for h in books.declared_holdings() for b in books.worked(h).before):
        return None
    view = view_of(ledger, plan, books)
    ok, replayed, dyed, origin, held, gaps, swaps = _replay(view, find_rule(rule).code)
    if not ok:
        return None
    held_rows = _rows(held, HELD)
    order = np.argsort(held_rows["holding"], kind="stable")
    return Run(
        rule, _rows(origin, ORIGIN), _rows(dyed, DYED), held_rows[order], _rows(gaps, GAP), _rows(swaps, SWAP),
        int(replayed),
    )  # fmt: skip


def _rows(table: U64, dtype: np.dtype[np.void]) -> Rows:
    """A table of 64-bit words, one column per field, as records."""
    out = np.empty(len(table), dtype)
    for at, name in enumerate(dtype.names or ()):
        out[name] = table[:, at].view(np.int64) if dtype[name].kind == "i" else table[:, at]
    return out


@kernel
def _grown(table, used, need):  # type: ignore[no-untyped-def]
    """The table with room for `need` more rows."""
    if used + need <= len(table):
        return table
    bigger = np.empty((2 * (used + need), table.shape[1]), np.uint64)
    bigger[:used] = table[:used]
    return bigger


@leaf
def _put(table, used, move, leg, hop, stop, lo, hi):  # type: ignore[no-untyped-def]
    table[used, 0] = np.uint64(move)
    table[used, 1] = np.uint64(leg)
    table[used, 2] = np.uint64(hop)
    table[used, 3] = np.uint64(stop)
    table[used, 4] = lo
    table[used, 5] = hi
    return used + 1


@leaf
def _note(table, used, move, b, n, hop, stop):  # type: ignore[no-untyped-def]
    """Write the dyed pieces of the buffer."""
    for k in range(n):
        if b.leg[k] > 0:
            used = _put(table, used, move, b.leg[k], hop, stop, b.lo[k], b.hi[k])
    return used


@leaf
def _open(v, lots, places, slot, holding, at, lo, hi, hop, rule):  # type: ignore[no-untyped-def]
    """Open a holding with one clean lot; the number of its place."""
    p = places.free[places.state[0]]
    places.state[0] += 1
    slot[holding] = p + 1
    places.holding[p] = holding
    places.at[p] = at
    places.hop[p] = hop
    places.head[p] = places.tail[p] = -1
    places.count[p] = places.leg[p] = 0
    places.blo[p] = places.bhi[p] = places.dlo[p] = places.dhi[p] = ZERO
    if lo != ZERO or hi != ZERO:
        deposit_clean(lots, places, rule, p, lo, hi)
    return p


@leaf
def _go_on(v, lots, places, slot, bits, high, holding, move):  # type: ignore[no-untyped-def]
    """Past this move: close the holding if its dye is gone, else wait for its next move."""
    if holding == _NOWHERE or slot[holding] == 0:
        return
    p = slot[holding] - 1
    if places.dlo[p] == ZERO and places.dhi[p] == ZERO:
        slot[holding] = 0
        _free_lots(lots, places, p)
        places.state[0] -= 1
        places.free[places.state[0]] = p
        return
    first, end = codes_of(v, holding)
    at = places.at[p]
    if v.backward:
        while at >= 0 and np.int64(v.entry[first + at] >> 1) >= move:
            at -= 1
    else:
        while at < end - first and np.int64(v.entry[first + at] >> 1) <= move:
            at += 1
    places.at[p] = at
    if 0 <= at < end - first:
        _wait_for(v, bits, high, np.int64(v.entry[first + at] >> 1))


@leaf
def _free_lots(lots, places, p):  # type: ignore[no-untyped-def]
    at = places.head[p]
    while at >= 0:
        following = lots.next[at]
        lots.state[0] -= 1
        lots.free[lots.state[0]] = at
        at = following


@leaf
def _wait_for(v, bits, high, move):  # type: ignore[no-untyped-def]
    if move < v.end_move:
        set_bit(bits, high, v.moves - 1 - move if v.backward else move)


@leaf
def _declare(v, lots, places, slot, bits, high, number, rule, dyed, used, b):  # type: ignore[no-untyped-def]
    """Put a declared deposit in (backward: take it out); (rows used, whether all fits in 128 bits)."""
    h = v.event_holding[number]
    before = v.event_move[number]
    if v.backward:
        if slot[h] > 0:
            p = slot[h] - 1
            n, _, _, ok = withdraw(lots, places, rule, p, v.event_lo[number], v.event_hi[number], b, False)
            if not ok:
                return used, False
            used = _note(dyed, used, -1 - number, b, n, places.hop[p] + 1, _DECLARED)
            _go_on(v, lots, places, slot, bits, high, h, before)
        return used, True
    said = v.stops[np.uint32(v.holding_key[h] & np.uint64(0xFFFFFFFF))]
    stop = said if said not in (0, FOLLOW) else _CARRIED
    used = _put(dyed, used, -1 - number, v.event_leg[number], 1, stop, v.event_lo[number], v.event_hi[number])
    if stop != _CARRIED:
        return used, True
    if slot[h] == 0:
        at = place_of(v, h, np.uint64(before) << ONE)
        _open(v, lots, places, slot, h, at, v.event_at_lo[number], v.event_at_hi[number], 1, rule)
    p = slot[h] - 1
    b.leg[0], b.lo[0], b.hi[0] = v.event_leg[number], v.event_lo[number], v.event_hi[number]
    ok = deposit(lots, places, rule, p, b, 1)
    places.hop[p] = 1
    _go_on(v, lots, places, slot, bits, high, h, before - 1)
    return used, ok


@kernel
def _replay(v, rule):  # type: ignore[no-untyped-def]
    """(whether it fits in 128 bits, moves looked at, tables of dyed, origin, held, gaps, swaps)."""
    dyed, origin, gaps, swaps = (np.empty((256, 6), np.uint64), np.empty((64, 4), np.uint64),
                                 np.empty((64, 3), np.uint64), np.empty((64, 7), np.uint64))  # fmt: skip
    n_dyed = n_origin = n_gaps = n_swaps = replayed = 0
    held = np.empty((0, 5), np.uint64)
    lots, places, b = new_lots(1024), new_places(256), new_buffer(256)
    slot = np.zeros(len(v.holding_key), np.int32)
    hubs = np.zeros(len(v.holding_key) if v.hub_limit > 0 else 0, np.uint8)
    stamp = np.zeros(len(v.holding_key) if v.hub_limit > 0 else 0, np.uint32)
    bits, high = new_bits(v.moves)
    pend_move, pend_from, pend_to = np.full(_PENDING, -1), np.zeros(_PENDING, np.int64), np.zeros(_PENDING, np.int64)
    pend_hop = np.zeros(_PENDING, np.int32)
    pend_used, pend = 0, new_buffer(256)
    swapped_in, owned = np.int64(-1), np.zeros(len(v.stops), np.uint8)
    for k in range(len(v.leg_move)):
        _wait_for(v, bits, high, v.leg_move[k])
    leg_at, event_at, last = 0, 0, -1
    while True:
        key = next_bit(bits, high, last + 1)
        move = np.int64(-1) if key < 0 else (v.moves - 1 - key if v.backward else np.int64(key))
        if event_at < len(v.event_number):
            due = v.event_move[v.event_number[event_at]]
            if key < 0 or (move < due if v.backward else move >= due):
                number = v.event_number[event_at]
                event_at += 1
                if not v.backward:
                    origin = _grown(origin, n_origin, 1)
                    origin[n_origin, 0], origin[n_origin, 1] = np.uint64(-1 - number), np.uint64(v.event_leg[number])
                    origin[n_origin, 2], origin[n_origin, 3] = v.event_lo[number], v.event_hi[number]
                    n_origin += 1
                lots, places = room_for_lots(lots, 1024), grow_places(places)
                p = np.int64(slot[v.event_holding[number]]) - 1
                b = grow_buffer(b, (places.count[p] if p >= 0 else 0) + 8)
                dyed = _grown(dyed, n_dyed, len(b.leg))
                n_dyed, ok = _declare(v, lots, places, slot, bits, high, number, rule, dyed, n_dyed, b)
                if not ok:
                    return False, 0, dyed, origin, held, gaps, swaps
                continue
        if key < 0:
            break
        last = key
        while leg_at < len(v.leg_move) and (v.leg_move[leg_at] > move if v.backward else v.leg_move[leg_at] < move):
            leg_at += 1
        leg = v.leg_of[leg_at] if leg_at < len(v.leg_move) and v.leg_move[leg_at] == move else np.int32(0)
        sender = v.move_to[move] if v.backward else v.move_from[move]
        receiver = v.move_from[move] if v.backward else v.move_to[move]
        giver = np.int64(slot[sender]) - 1 if sender != _NOWHERE else np.int64(-1)
        taker = np.int64(slot[receiver]) - 1 if receiver != _NOWHERE else np.int64(-1)
        pending = -1
        for k in range(pend_used):
            if pend_move[k] == move:
                pending = k
        if giver < 0 and taker < 0 and leg == 0 and pending < 0:
            continue
        replayed += 1
        if lots.state[0] + 64 > len(lots.leg):
            lots = room_for_lots(lots, 64)
        if places.state[0] + 4 > len(places.holding):
            places = grow_places(places)
        hop, n = np.int32(1), 1
        b.leg[0], b.lo[0], b.hi[0] = np.int32(0), v.amount[move, 0], v.amount[move, 1]
        if giver >= 0:
            hop = places.hop[giver] + np.int32(1)
            if places.count[giver] + 8 > len(b.leg):
                b = grow_buffer(b, places.count[giver] + 8)
            fee = v.kind[move] == _FEE and not v.fees_by_rule
            n, glo, ghi, ok = withdraw(lots, places, rule, giver, v.amount[move, 0], v.amount[move, 1], b, fee)
            if not ok:
                return False, 0, dyed, origin, held, gaps, swaps
            if glo != ZERO or ghi != ZERO:
                gaps = _grown(gaps, n_gaps, 1)
                gaps[n_gaps, 0], gaps[n_gaps, 1], gaps[n_gaps, 2] = np.uint64(move), glo, ghi
                n_gaps += 1
        if leg > 0:
            n, flo, fhi = dye(b, n, leg, v.leg_most[leg_at, 0], v.leg_most[leg_at, 1])
            hop = np.int32(1)
            if flo != ZERO or fhi != ZERO:
                origin = _grown(origin, n_origin, 1)
                origin[n_origin, 0], origin[n_origin, 1] = np.uint64(move), np.uint64(leg)
                origin[n_origin, 2], origin[n_origin, 3] = flo, fhi
                n_origin += 1
        if pending >= 0:
            n = pend_to[pending] - pend_from[pending]
            b = grow_buffer(b, n + 8)
            for k in range(n):
                at = pend_from[pending] + k
                b.leg[k], b.lo[k], b.hi[k] = pend.leg[at], pend.lo[at], pend.hi[at]
            hop = pend_hop[pending] + np.int32(1)
            pend_move[pending] = -1
            while pend_used > 0 and pend_move[pend_used - 1] < 0:
                pend_used -= 1
        if lots.state[0] + 2 * n + 64 > len(lots.leg):
            lots = room_for_lots(lots, 2 * n + 64)
        any_dye = False
        for k in range(n):
            any_dye = any_dye or b.leg[k] > 0
        ok = True
        if any_dye:
            if n_dyed + n > len(dyed):
                dyed = _grown(dyed, n_dyed, n)
            swap, product = exchange_of(v, move, swapped_in, slot, owned)
            if swap == BEYOND:
                return False, 0, dyed, origin, held, gaps, swaps
            stop = decide(v, rule, move, receiver, b, n, hop, hubs, stamp, swap)
            n_dyed = _note(dyed, n_dyed, move, b, n, hop, stop)
            if stop == _CARRIED:
                if taker < 0:
                    code = (np.uint64(move) << ONE) | (ZERO if v.backward else ONE)
                    at = place_of(v, receiver, code)
                    blo, bhi, ok = balance(v, receiver, at + 1 if v.backward else at)
                    if not ok:
                        return False, 0, dyed, origin, held, gaps, swaps
                    taker = _open(v, lots, places, slot, receiver, at, blo, bhi, hop, rule)
                ok = deposit(lots, places, rule, taker, b, n)
                places.hop[taker] = min(places.hop[taker], hop)
            else:
                if stop == _CONVERTED:
                    swapped_in = np.int64(v.move_tx[move])
                    if pend_used == _PENDING:
                        return False, 0, dyed, origin, held, gaps, swaps
                    start = pend_to[pend_used - 1] if pend_used > 0 else 0
                    pend = grow_buffer(pend, start + n + 8)
                    swaps = _grown(swaps, n_swaps, n)
                    end, n_swaps = lay_over(b, n, v.amount[move], v.amount[product], pend, start, swaps, n_swaps,
                                            move, product)  # fmt: skip
                    pend_move[pend_used], pend_hop[pend_used] = product, hop
                    pend_from[pend_used], pend_to[pend_used] = start, end
                    pend_used += 1
                    _wait_for(v, bits, high, product)
                if taker >= 0:
                    ok = deposit_clean(lots, places, rule, taker, v.amount[move, 0], v.amount[move, 1])
        elif taker >= 0:
            ok = deposit(lots, places, rule, taker, b, n)
        if not ok:
            return False, 0, dyed, origin, held, gaps, swaps
        if v.backward and receiver != _NOWHERE and slot[receiver] > 0:
            glo, ghi, ok = gap_of(v, receiver, move)
            if not ok:
                return False, 0, dyed, origin, held, gaps, swaps
            if glo != ZERO or ghi != ZERO:
                p = np.int64(slot[receiver]) - 1
                b = grow_buffer(b, places.count[p] + 8)
                n, _, _, ok = withdraw(lots, places, rule, p, glo, ghi, b, False)
                dyed = _grown(dyed, n_dyed, n)
                n_dyed = _note(dyed, n_dyed, move, b, n, places.hop[p] + 1, _UNEXPLAINED)
        _go_on(v, lots, places, slot, bits, high, sender, move)
        if receiver != sender:
            _go_on(v, lots, places, slot, bits, high, receiver, move)
    held = _held(lots, places, slot)
    return True, replayed, dyed[:n_dyed], origin[:n_origin], held, gaps[:n_gaps], swaps[:n_swaps]


@kernel
def _held(lots, places, slot):  # type: ignore[no-untyped-def]
    """The dyed lots of all open holdings."""
    out = np.empty((64, 5), np.uint64)
    used = 0
    for p in range(len(places.holding)):
        h = places.holding[p]
        if h >= len(slot) or slot[h] != p + 1:
            continue
        out = _grown(out, used, places.count[p] + 1)
        if places.leg[p] > 0:
            out[used, 0], out[used, 1], out[used, 2] = np.uint64(h), np.uint64(places.leg[p]), np.uint64(places.hop[p])
            out[used, 3], out[used, 4] = places.blo[p], places.bhi[p]
            used += 1
        at = places.head[p]
        while at >= 0:
            if lots.leg[at] > 0:
                out[used, 0], out[used, 1], out[used, 2] = (
                    np.uint64(h),
                    np.uint64(lots.leg[at]),
                    np.uint64(places.hop[p]),
                )
                out[used, 3], out[used, 4] = lots.lo[at], lots.hi[at]
                used += 1
            at = lots.next[at]
    return out[:used]
