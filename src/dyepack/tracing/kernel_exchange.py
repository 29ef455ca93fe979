"""The Numba twin of exchange.py: what becomes of a payment in its transaction.

Invariant: as kernel.py; sums past 128 bits, exchanges with several products, very long transactions and those that were
begun by one who gave nothing are beyond it (BEYOND), and the plain replay takes over.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.exchange import DUST, LONGEST
from dyepack.ledger.jit import leaf
from dyepack.ledger.schema import NOWHERE, AddressKind, MoveKind
from dyepack.ledger.uint128 import ONE, ZERO, add, less, mul_div, sub
from dyepack.tracing.kernel_view import (
    BEYOND,
    FOLLOWED,
    NO_SWAP,
    PASSES,
    UNMATCHED,
    address_of,
    asset_of,
    codes_of,
    find,
    goes_back,
)

_NOWHERE = np.uint32(NOWHERE)
_FEE = np.uint8(MoveKind.FEE)
_DUST = np.uint64(DUST)
_OWNED, _UNKNOWN = np.uint8(AddressKind.OWNED), np.uint8(AddressKind.UNKNOWN)
_LONGEST_HERE = 256
"""Moves of a transaction above which the plain replay, which looks at them once, is faster."""


@leaf
def _is_owned(v, address, owned):  # type: ignore[no-untyped-def]
    """Whether somebody's key signs for an address (exchange.py); `owned` keeps answers, by address (1 no, 2 yes)."""
    if owned[address] == 0:
        yes = v.address_kind[address] == _OWNED
        if v.address_kind[address] == _UNKNOWN:
            at = np.searchsorted(v.holding_key, np.uint64(address))
            if at < len(v.holding_key) and v.holding_key[at] == np.uint64(address):
                first, end = codes_of(v, at)
                for e in range(first, end):
                    if v.entry[e] & np.uint32(1) == np.uint32(0) and v.kind[v.entry[e] >> np.uint32(1)] == _FEE:
                        yes = True
                        break
        owned[address] = 2 if yes else 1
    return owned[address] == 2


@leaf
def _source(v, move):  # type: ignore[no-untyped-def]
    giver = v.move_from[move]
    return v.issuer[asset_of(v, move)] if giver == _NOWHERE else address_of(v, giver)


@leaf
def _target(v, move):  # type: ignore[no-untyped-def]
    return v.issuer[asset_of(v, move)] if goes_back(v, move) else address_of(v, v.move_to[move])


@leaf
def _over(alo, ahi, blo, bhi):  # type: ignore[no-untyped-def]
    """Whether a - b is more than a hundredth of a."""
    if not less(blo, bhi, alo, ahi):
        return False
    dlo, dhi = sub(alo, ahi, blo, bhi)
    hlo, hhi = mul_div(alo, ahi, ONE, ZERO, _DUST, ZERO)
    return less(hlo, hhi, dlo, dhi)


@leaf
def _span(v, paid):  # type: ignore[no-untyped-def]
    """The moves of the payment's transaction; none of one that is too long."""
    tx = v.move_tx[paid]
    first = paid
    while first > 0 and v.move_tx[first - 1] == tx and paid - first <= LONGEST:
        first -= 1
    last = paid + 1
    while last < v.moves and v.move_tx[last] == tx and last - paid <= LONGEST:
        last += 1
    return (first, last) if last - first <= LONGEST else (paid, paid)


@leaf
def _change(v, first, last, payee, asset):  # type: ignore[no-untyped-def]
    """(whether the payee gained the asset, lost it, got any, gave any, its last move out, whether it fits)."""
    ilo = ihi = olo = ohi = ZERO
    got = gave = False
    fits = True
    latest = np.int64(-1)
    for m in range(first, last):
        if v.kind[m] >= _FEE or asset_of(v, m) != asset:
            continue
        source, target = _source(v, m), _target(v, m)
        if source == target:
            continue
        over = False
        if target == payee:
            ilo, ihi, over = add(ilo, ihi, v.amount[m, 0], v.amount[m, 1])
            got = True
        elif source == payee:
            olo, ohi, over = add(olo, ohi, v.amount[m, 0], v.amount[m, 1])
            gave = True
            latest = np.int64(m)
        fits = fits and not over
    return _over(ilo, ihi, olo, ohi), _over(olo, ohi, ilo, ihi), got, gave, latest, fits


@leaf
def _involves(v, m, payee):  # type: ignore[no-untyped-def]
    source, target = _source(v, m), _target(v, m)
    return v.kind[m] < _FEE and source != target and (source == payee or target == payee)


@leaf
def _is_first(v, first, m, payee):  # type: ignore[no-untyped-def]
    """Whether no earlier move of the payee is of the same asset."""
    k = first
    while k < m and (asset_of(v, k) != asset_of(v, m) or not _involves(v, k, payee)):
        k += 1
    return k == m


@leaf
def _began(v, first, last):  # type: ignore[no-untyped-def]
    """Whether who pays the fee gave something besides, or nobody pays one."""
    payer = np.int64(-1)
    for m in range(first, last):
        if v.kind[m] == _FEE:
            payer = address_of(v, v.move_from[m])
    if payer < 0:
        return True
    for m in range(first, last):
        if _involves(v, m, payer) and _is_first(v, first, m, payer):
            _, lost, _, _, _, _ = _change(v, first, last, payer, asset_of(v, m))
            if lost:
                return True
    return False


@leaf
def _is_alone(v, paid):  # type: ignore[no-untyped-def]
    """Whether a transaction has no other move but a fee after it: most have none."""
    tx = v.move_tx[paid]
    if paid > 0 and v.move_tx[paid - 1] == tx:
        return False
    after = paid + 1
    if after < v.moves and v.move_tx[after] == tx and v.kind[after] == _FEE:
        after += 1
    return after >= v.moves or v.move_tx[after] != tx


@leaf
def exchange_of(v, paid, swapped_in, slot, owned):  # type: ignore[no-untyped-def]
    """(what becomes of a payment, the move of its product or -1)."""
    none = np.int64(-1)
    if _is_alone(v, paid):
        return NO_SWAP, none
    giver, payee, asset = _source(v, paid), _target(v, paid), asset_of(v, paid)
    if v.backward or payee < 0 or giver == payee or v.kind[paid] >= _FEE:
        return NO_SWAP, none
    first, last = _span(v, paid)
    if first == last:
        return NO_SWAP, none
    if last - first > _LONGEST_HERE:
        return BEYOND, none
    for m in range(first, last):
        if v.kind[m] == _FEE and address_of(v, v.move_from[m]) == payee:
            return NO_SWAP, none
    if _is_owned(v, payee, owned):
        return NO_SWAP, none
    gained = lost = 0
    one_way, mine = True, False
    latest = np.int64(-1)
    lost_asset = asset
    for m in range(first, last):
        if not _involves(v, m, payee) or not _is_first(v, first, m, payee):
            continue
        up, down, got, gave, end, fits = _change(v, first, last, payee, asset_of(v, m))
        if not fits:
            return BEYOND, none
        if up:
            gained += 1
            one_way = one_way and not gave
            mine = mine or asset_of(v, m) == asset
        if down:
            lost += 1
            one_way = one_way and not got
            lost_asset = asset_of(v, m)
            latest = max(latest, end)
    if not mine:
        return PASSES, none
    if lost == 0:
        return NO_SWAP, none
    if latest < paid:
        return (NO_SWAP if swapped_in == np.int64(v.move_tx[paid]) else UNMATCHED), none
    if gained != 1 or lost != 1 or not one_way:
        return UNMATCHED, none
    if v.issuer[asset] != payee and v.issuer[lost_asset] != payee:
        if v.has_kinds and v.address_kind[payee] == _UNKNOWN:
            return UNMATCHED, none
        if not _began(v, first, last):
            return BEYOND, none
    return _matched(v, first, last, paid, payee, asset, lost_asset, slot)


@leaf
def _matched(v, first, last, paid, payee, asset, lost_asset, slot):  # type: ignore[no-untyped-def]
    """The product of a payment of an address that gained one asset and lost another, each one way."""
    none = np.int64(-1)
    payments = products = mine = 0
    last_in = first_out = none
    for m in range(first, last):
        if not _involves(v, m, payee):
            continue
        if asset_of(v, m) == asset:
            mine = payments if m == paid else mine
            payments += 1
            last_in = np.int64(m)
        elif asset_of(v, m) == lost_asset:
            first_out = np.int64(m) if products == 0 else first_out
            products += 1
    if last_in > first_out or (payments > 1 and payments != products):
        return UNMATCHED, none
    if payments == 1 and products > 1:
        return BEYOND, none
    product = first_out
    pay = get = first
    for k in range(payments):
        while asset_of(v, pay) != asset or not _involves(v, pay, payee):
            pay += 1
        while asset_of(v, get) != lost_asset or not _involves(v, get, payee):
            get += 1
        if payments > 1 and (v.amount[pay, 0] != v.amount[get, 0] or v.amount[pay, 1] != v.amount[get, 1]):
            return UNMATCHED, none
        product = np.int64(get) if k == mine else product
        pay, get = pay + 1, get + 1
    source = v.move_from[product]
    if find(v.leg_move, product) >= 0 or (source != _NOWHERE and slot[source] > 0):
        return UNMATCHED, none
    return FOLLOWED, product
