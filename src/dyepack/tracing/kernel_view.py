"""What the Numba replay sees of ledger, plan and books, and the questions it asks of them.

Invariant: each function answers as its plain twin does (replay.py, exchange.py, books.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dyepack.ledger.jit import leaf
from dyepack.ledger.schema import MARK_EVERY, NOWHERE
from dyepack.ledger.uint128 import ZERO, add, less, sub
from dyepack.money import MAX_AMOUNT
from dyepack.tracing.exchange import issuers_of
from dyepack.tracing.kernel_lots import DIRTY_FIRST
from dyepack.tracing.plan import FOLLOW, LOW, Plan
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.books import Books

_NOWHERE = np.uint32(NOWHERE)
_LOW32 = np.uint64(0xFFFFFFFF)
_FOLLOW = np.uint8(FOLLOW)
_MIXED, _FEE, _ISSUED = np.uint8(Stop.MIXED), np.uint8(Stop.FEE), np.uint8(Stop.ISSUED)
_CONVERTED, _SWAP, _HOPS = np.uint8(Stop.CONVERTED), np.uint8(Stop.SWAP), np.uint8(Stop.HOP_LIMIT)
_CUT_OFF, _HUB, _CARRIED = np.uint8(Stop.CUT_OFF), np.uint8(Stop.HUB), np.uint8(Stop.CARRIED)


NO_SWAP, PASSES, UNMATCHED, FOLLOWED, BEYOND = range(5)
"""What becomes of a payment in its transaction: nothing, passed on, swapped in a way that cannot be matched, swapped;
or the plain replay must say."""


class View(NamedTuple):
    """Columns of the ledger (schema.py), then the plan, then what declared deposits change."""

    move_from: Any
    move_to: Any
    amount: Any
    kind: Any
    move_tx: Any
    entry_offset: Any
    entry: Any
    mark: Any
    holding_key: Any
    wide: Any
    gap_move: Any
    gap_amount: Any
    moves: Any
    leg_move: Any
    leg_of: Any
    leg_most: Any
    stops: Any
    cut_off: Any
    has_cut_off: Any
    hop_limit: Any
    end_move: Any
    hub_limit: Any
    fees_by_rule: Any
    backward: Any
    event_move: Any
    event_number: Any
    event_holding: Any
    event_leg: Any
    event_lo: Any
    event_hi: Any
    event_at_lo: Any
    event_at_hi: Any
    own_holding: Any
    own_start: Any
    own_balance: Any
    own_gap_move: Any
    own_gap: Any
    issuer: Any
    zero: Any
    address_kind: Any
    has_kinds: Any


def _words(amounts: list[int]) -> np.ndarray[Any, Any]:
    return np.array([(a & LOW, a >> 64) for a in amounts], np.uint64).reshape(-1, 2)


def view_of(ledger: Ledger, plan: Plan, books: Books) -> View:
    """Lay ledger, plan and books out for the kernel."""
    legs = sorted(plan.leg_moves.items(), reverse=plan.backward)
    events = sorted(range(len(plan.declared)), key=lambda k: (plan.declared[k].before_move, k))[:: -1 if plan.backward
                                                                                               else 1]  # fmt: skip
    own = books.declared_holdings()
    worked = [books.worked(h) for h in own]
    own_gaps = sorted((m, g) for w in worked for m, g in w.gaps.items())
    stops = np.zeros(len(ledger.address_id), np.uint8)
    for address, stop in plan.stops.items():
        stops[address] = stop
    cut = _words([plan.cut_off.get(a, 0) for a in range(len(ledger.assets))])
    event = _words([d.units for d in plan.declared])
    at = _words([books.worked(d.holding).at[k] for k, d in enumerate(plan.declared)])
    return View(
        ledger.move_from, ledger.move_to, ledger.move_amount, ledger.move_kind, ledger.move_tx, ledger.entry_offset,
        ledger.entry, ledger.balance_mark, ledger.holding_key, ledger.holding_wide, ledger.gap_move,
        ledger.gap_amount, ledger.moves, np.array([m for m, _ in legs], np.int64),
        np.array([leg for _, leg in legs], np.int32),
        _words([plan.leg_most.get(m, MAX_AMOUNT) for m, _ in legs]), stops, cut, bool(plan.cut_off), plan.hop_limit,
        ledger.moves if plan.end_move is None else plan.end_move, plan.hub_limit, plan.fees_by_rule, plan.backward,
        np.array([d.before_move for d in plan.declared], np.int64), np.array(events, np.int64),
        np.array([d.holding for d in plan.declared], np.int64),
        np.array([d.leg for d in plan.declared], np.int32), np.ascontiguousarray(event[:, 0]),
        np.ascontiguousarray(event[:, 1]), np.ascontiguousarray(at[:, 0]), np.ascontiguousarray(at[:, 1]),
        np.array(own, np.int64), np.cumsum([0] + [len(w.before) for w in worked], dtype=np.int64),
        _words([b for w in worked for b in w.before]), np.array([m for m, _ in own_gaps], np.int64),
        _words([g for _, g in own_gaps]), *issuers_of(ledger), _kinds(ledger),
        len(ledger.address_kind) > 0,
    )  # fmt: skip


def _kinds(ledger: Ledger) -> np.ndarray[Any, Any]:
    """What each address is, as far as a source said."""
    kinds = ledger.address_kind
    return kinds if len(kinds) else np.zeros(len(ledger.address_id), np.uint8)


@leaf
def codes_of(v, holding):  # type: ignore[no-untyped-def]
    """First entry of a holding, and the first after its last."""
    return np.int64(v.entry_offset[holding]), np.int64(v.entry_offset[np.int64(holding) + 1])


@leaf
def place_of(v, holding, code):  # type: ignore[no-untyped-def]
    """How many entries of a holding come before this code."""
    first, end = codes_of(v, holding)
    lo, hi = first, end
    while lo < hi:
        mid = (lo + hi) >> 1
        if np.uint64(v.entry[mid]) < code:
            lo = mid + 1
        else:
            hi = mid
    return lo - first


@leaf
def _own(v, holding):  # type: ignore[no-untyped-def]
    for k in range(len(v.own_holding)):
        if v.own_holding[k] == holding:
            return k
    return -1


@leaf
def balance(v, holding, place):  # type: ignore[no-untyped-def]
    """(low, high, known): base units before the holding's entry number `place`; not known past 128 bits."""
    k = _own(v, holding)
    if k >= 0:
        at = v.own_start[k] + place
        return v.own_balance[at, 0], v.own_balance[at, 1], True
    if v.wide[holding]:
        return ZERO, ZERO, False
    first, _ = codes_of(v, holding)
    at = first + place
    start = first
    lo = hi = ZERO
    if at > first:
        mark = (at - 1) // MARK_EVERY
        if mark * MARK_EVERY > first:
            start = mark * MARK_EVERY
            lo, hi = v.mark[mark, 0], v.mark[mark, 1]
    for e in range(start, at):
        m = v.entry[e] >> np.uint32(1)
        alo, ahi = v.amount[m, 0], v.amount[m, 1]
        if v.entry[e] & np.uint32(1):
            lo, hi, _ = add(lo, hi, alo, ahi)
        elif less(lo, hi, alo, ahi):
            lo = hi = ZERO
        else:
            lo, hi = sub(lo, hi, alo, ahi)
    return lo, hi, True


@leaf
def find(moves, move):  # type: ignore[no-untyped-def]
    """The place of a move in a sorted column, or -1."""
    lo, hi = 0, len(moves)
    while lo < hi:
        mid = (lo + hi) >> 1
        if moves[mid] < move:
            lo = mid + 1
        else:
            hi = mid
    return lo if lo < len(moves) and moves[lo] == move else -1


@leaf
def gap_of(v, sender, move):  # type: ignore[no-untyped-def]
    """(low, high, known): base units that the (forward) sender of a move lacked for it."""
    if _own(v, sender) >= 0:
        at = find(v.own_gap_move, move)
        return (v.own_gap[at, 0], v.own_gap[at, 1], True) if at >= 0 else (ZERO, ZERO, True)
    if v.wide[sender]:
        return ZERO, ZERO, False
    at = find(v.gap_move, move)
    return (v.gap_amount[at, 0], v.gap_amount[at, 1], True) if at >= 0 else (ZERO, ZERO, True)


@leaf
def address_of(v, holding):  # type: ignore[no-untyped-def]
    """The address of a holding, -1 for nowhere."""
    return np.int64(-1) if holding == _NOWHERE else np.int64(v.holding_key[holding] & _LOW32)


@leaf
def asset_of(v, move):  # type: ignore[no-untyped-def]
    """The asset that a move carries."""
    end = v.move_from[move]
    if end == _NOWHERE:
        end = v.move_to[move]
    return v.holding_key[end] >> np.uint64(32)


@leaf
def goes_back(v, move):  # type: ignore[no-untyped-def]
    """Whether a move returns tokens to the contract that issued them (exchange.py)."""
    receiver = v.move_to[move]
    return receiver == _NOWHERE or address_of(v, receiver) == v.zero


@leaf
def _is_hub(v, holding, hubs, stamp):  # type: ignore[no-untyped-def]
    if hubs[holding] == 0:
        first, end = codes_of(v, holding)
        seen = 0
        if end - first > v.hub_limit:
            mine = np.uint32(holding) + np.uint32(1)
            for e in range(first, end):
                m = v.entry[e] >> np.uint32(1)
                other = v.move_from[m] if v.entry[e] & np.uint32(1) else v.move_to[m]
                if other != _NOWHERE and stamp[other] != mine:
                    stamp[other] = mine
                    seen += 1
                    if seen > v.hub_limit:
                        break
        hubs[holding] = 2 if seen > v.hub_limit else 1
    return hubs[holding] == 2


@leaf
def decide(v, rule, move, receiver, b, n, hop, hubs, stamp, swap):  # type: ignore[no-untyped-def]
    """Whether and why the pieces in the buffer stop at the receiver (replay.py, _stop); `swap`: kernel_exchange.py."""
    if rule == DIRTY_FIRST:
        for k in range(n):
            if b.leg[k] == 0:
                return _MIXED
    if swap == FOLLOWED and goes_back(v, move):
        return _CONVERTED
    if receiver == _NOWHERE:
        return _ISSUED if v.backward else _FEE
    said = v.stops[address_of(v, receiver)]
    if said != 0 and said != _FOLLOW and said != _SWAP:
        return said
    if swap == FOLLOWED:
        return _CONVERTED
    if swap != PASSES and (said == _SWAP or (swap == UNMATCHED and said != _FOLLOW)):
        return _SWAP
    if v.hop_limit > 0 and hop >= v.hop_limit:
        return _HOPS
    if v.has_cut_off:
        lo = hi = ZERO
        for k in range(n):
            if b.leg[k] > 0:
                lo, hi, _ = add(lo, hi, b.lo[k], b.hi[k])
        asset = v.holding_key[receiver] >> np.uint64(32)
        if less(lo, hi, v.cut_off[asset, 0], v.cut_off[asset, 1]):
            return _CUT_OFF
    if v.hub_limit > 0 and said != _FOLLOW and swap != PASSES and _is_hub(v, receiver, hubs, stamp):
        return _HUB
    return _CARRIED
