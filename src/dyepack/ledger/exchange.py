"""The order of moves inside transactions that exchange one asset for another.

Sources order value, logs and traces separately, and some pools pay out before they are paid, so the order of moves
inside a transaction is a convention (schema.py). Here it is made to say what happened: what an address is paid comes
before what it pays for it.

A party's net change is worked out per asset over the whole transaction, fees apart; a change of at most a hundredth of
what went through is none (dust that routers keep). A token's contract is the party that issues it, out of nowhere, and
takes it back, at nowhere or the zero address; so who wraps coins pays the contract and gets the token for it.
Invariant: the moves of a transaction change places only among themselves, and those of one holding keep their order.
Source of the rule: net balance change per address, MFTracer (methods: "Swaps and LP").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.content import find_row, hex_bytes
from dyepack.ledger.schema import NOWHERE, ZERO_OF_TRON, MoveKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.ledger.schema import I64

LONGEST = 4096
"""Transactions with more moves than this are left in their order and are not searched for exchanges."""

DUST = 100
"""A change of at most this part (1 in 100) of what went through is none."""

Leg = tuple[int, int, int, int]
"""A move inside its transaction: giver, taker (addresses, -1: none), asset, units."""


@dataclass(slots=True)
class Party:
    """What one address got and gave in a transaction: asset -> places of the moves, and units in all."""

    ins: dict[int, list[int]] = field(default_factory=dict)
    outs: dict[int, list[int]] = field(default_factory=dict)
    units: dict[int, list[int]] = field(default_factory=dict)

    def add(self, asset: int, place: int, units: int, *, into: bool) -> None:
        """Note one move."""
        (self.ins if into else self.outs).setdefault(asset, []).append(place)
        self.units.setdefault(asset, [0, 0])[into] += units

    def gained(self) -> list[int]:
        """Assets of which it has more than before."""
        return [a for a, (out, got) in self.units.items() if got - out > got // DUST]

    def lost(self) -> list[int]:
        """Assets of which it has less."""
        return [a for a, (out, got) in self.units.items() if out - got > out // DUST]

    def exchange(self) -> tuple[int, int] | None:
        """(asset gained, asset lost) of a party that gained one, lost one and moved each one way only."""
        gained, lost = self.gained(), self.lost()
        if len(gained) == len(lost) == 1 and gained[0] not in self.outs and lost[0] not in self.ins:
            return gained[0], lost[0]
        return None


def parties(legs: Mapping[int, Leg]) -> dict[int, Party]:
    """Every address of a transaction's moves, by place; what an address pays to itself is left out."""
    found: dict[int, Party] = {}
    for place, (giver, taker, asset, units) in legs.items():
        if giver == taker:
            continue
        for address, into in ((giver, False), (taker, True)):
            if address >= 0:
                found.setdefault(address, Party()).add(asset, place, units, into=into)
    return found


def issuers(assets: Sequence[str], columns: Mapping[str, npt.NDArray[Any]]) -> tuple[I64, int]:
    """The address of each asset's contract, and the zero address, as rows of `address_id`; -1 where there is none."""
    width = columns["address_id"].shape[1]
    table = columns["address_id"], columns["address_find_key"], columns["address_find_row"]

    def find(key: str) -> int:
        raw = hex_bytes(key, width) if key.startswith("0x") else key.encode().ljust(width, b"\0")
        found = find_row(raw, *table) if raw is not None and len(raw) == width else None
        return -1 if found is None else found

    zeros = [find("0x" + "00" * width), find(ZERO_OF_TRON)]
    return np.array([find(key) for key in assets], np.int64), max(zeros)


def exchange_order(columns: Mapping[str, npt.NDArray[Any]], issuer: I64, zero: int) -> npt.NDArray[np.intp] | None:
    """The order that puts payments before what was paid for, for moves in chain order; None: as they are.

    `columns` as in schema.py; `issuer`: asset -> address of its contract or -1; `zero`: the zero address or -1.
    """
    found = _candidates(columns, issuer, zero)
    order: npt.NDArray[np.intp] | None = None
    for first, last, legs in found:
        sender = _sender(columns, first, last)
        again = _reordered(legs, sender, [_holdings(columns, m) for m in range(first, last)], issuer)
        if again is not None:
            order = np.arange(len(columns["move_tx"])) if order is None else order
            order[first:last] = first + np.array(again)
    return order


def ends(columns: Mapping[str, npt.NDArray[Any]], issuer: I64, zero: int) -> tuple[I64, I64, I64]:
    """(giver, taker, asset) of every move: addresses, -1 for none; a token's contract stands for nowhere."""
    key = columns["holding_key"]
    nowhere = np.uint64(0xFFFFFFFF)
    keys = np.append(key, nowhere)
    sides = [np.where(columns[c] == NOWHERE, len(key), columns[c].astype(np.int64)) for c in ("move_from", "move_to")]
    known = np.where(sides[0] < len(key), sides[0], sides[1])
    asset = (keys[known] >> np.uint64(32)).astype(np.int64)
    out = []
    for side in sides:
        address = (keys[side] & nowhere).astype(np.int64)
        none = side == len(key)
        if side is sides[1]:
            none |= address == zero
        out.append(np.where(none, issuer[asset], address))
    return out[0], out[1], asset


def _candidates(
    columns: Mapping[str, npt.NDArray[Any]], issuer: I64, zero: int
) -> list[tuple[int, int, dict[int, Leg]]]:
    """Transactions of at most LONGEST moves in more than one asset."""
    tx = columns["move_tx"].astype(np.int64)
    if not len(tx):
        return []
    giver, taker, asset = ends(columns, issuer, zero)
    live = columns["move_kind"] < MoveKind.FEE
    start = np.flatnonzero(np.diff(tx, prepend=-1))
    count = np.diff(np.append(start, len(tx)))
    low = np.minimum.reduceat(np.where(live, asset, np.iinfo(np.int64).max), start)
    high = np.maximum.reduceat(np.where(live, asset, -1), start)
    wanted = np.flatnonzero((low < high) & (count <= LONGEST))
    out = []
    amount = columns["move_amount"]
    for t in wanted.tolist():
        first = int(start[t])
        last = first + int(count[t])
        rows = zip(giver[first:last].tolist(), taker[first:last].tolist(), asset[first:last].tolist(),
                   amount[first:last].tolist(), live[first:last].tolist(), strict=True)  # fmt: skip
        out.append((first, last, {i: (g, k, a, lo | hi << 64) for i, (g, k, a, (lo, hi), on) in enumerate(rows) if on}))
    return out


def _sender(columns: Mapping[str, npt.NDArray[Any]], first: int, last: int) -> int:
    """The address that pays the fee: it began the transaction, so it is nobody's exchange. -1: nobody says."""
    fees = np.flatnonzero(columns["move_kind"][first:last] == MoveKind.FEE)
    if not len(fees):
        return -1
    return int(columns["holding_key"][columns["move_from"][first + int(fees[0])]] & np.uint64(0xFFFFFFFF))


def _holdings(columns: Mapping[str, npt.NDArray[Any]], move: int) -> set[int]:
    return {int(columns["move_from"][move]), int(columns["move_to"][move])} - {NOWHERE}


def _reordered(legs: dict[int, Leg], sender: int, holdings: list[set[int]], issuer: I64) -> list[int] | None:
    """The places in their new order; None if there is nothing to change, or no order does it.

    Each of two that trade with each other pays the other: where the order of all exchanges is a circle, only the
    contracts count that issue or take back their own token, since these are paid for sure.
    """
    found: list[tuple[bool, list[int], list[int]]] = []
    for address, party in parties(legs).items():
        pair = party.exchange() if address != sender else None
        if pair is not None:
            found.append((address in issuer[list(pair)], party.ins[pair[0]], party.outs[pair[1]]))
    if all(min(product) > max(paid) for _, paid, product in found):
        return None
    return _sorted(_after(found, holdings)) or _sorted(_after([f for f in found if f[0]], holdings))


def _after(exchanges: list[tuple[bool, list[int], list[int]]], holdings: list[set[int]]) -> list[list[int]]:
    """What each place must stand after: the last payment for it, and the moves of its holdings just before it."""
    after: list[list[int]] = []
    latest: dict[int, int] = {}
    for place, mine in enumerate(holdings):
        after.append([latest[h] for h in mine if h in latest])
        latest |= dict.fromkeys(mine, place)
    for _, paid, product in exchanges:
        for place in product:
            after[place].append(max(paid))
    return after


def _sorted(after: list[list[int]]) -> list[int] | None:
    """The first order in which everything stands after what it must; None if there is none."""
    before: list[list[int]] = [[] for _ in after]
    for place, earlier in enumerate(after):
        for one in earlier:
            before[one].append(place)
    left = [len(earlier) for earlier in after]
    free = [place for place, n in enumerate(left) if not n]
    done: list[int] = []
    while free:
        place = heappop(free)
        done.append(place)
        for later in before[place]:
            left[later] -= 1
            if not left[later]:
                heappush(free, later)
    return done if len(done) == len(after) else None
