"""Dealings between addresses: how many ordinary transactions join two of them, and which share what they spend on.

An ordinary transaction is one in which units move from one of the two to the other, either way; moves to and from pools
and routers are none. Addresses share spending where both pay one third address that few others pay: `share_spending`.

Invariant: a pair is counted once for each transaction, whatever its direction and however many moves it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import NOWHERE
from dyepack.patterns.pools.known import ROUTERS, known_pools
from dyepack.unions import Unions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64

_ADDRESS = 20
MOST_PAYERS = 20
"""A third address that more than so many addresses pay is a service: to pay it too says nothing."""


@dataclass(frozen=True, slots=True)
class Dealings:
    """How many transactions join two addresses: (address, address) -> count, the smaller address first."""

    pairs: dict[tuple[bytes, bytes], int]


def dealings_of(rows: Iterable[tuple[bytes, bytes]]) -> Dealings:
    """Dealings from one (address, address) for each transaction."""
    pairs: dict[tuple[bytes, bytes], int] = {}
    for one, other in rows:
        if one != other:
            key = (one, other) if one < other else (other, one)
            pairs[key] = pairs.get(key, 0) + 1
    return Dealings(pairs)


def dealings_in(ledger: Ledger, parties: Iterable[bytes], leave_out: Iterable[bytes] = ()) -> Dealings:
    """The dealings among `parties` (20-byte addresses) that a ledger shows; those of `leave_out` do not count."""
    rows = _numbers(ledger, set(parties) - _own() - set(leave_out))
    inside = np.zeros(len(ledger.address_id), np.bool_)
    inside[rows] = True
    source, target, tx = _moves(ledger)
    chosen = (source != target) & inside[source] & inside[target]
    low, high = np.minimum(source, target)[chosen], np.maximum(source, target)[chosen]
    once = np.unique(np.stack([low, high, tx[chosen]], axis=1), axis=0)
    pair, count = np.unique(once[:, :2], axis=0, return_counts=True)
    address = ledger.address_id
    pairs: dict[tuple[bytes, bytes], int] = {}
    for (one, other), times in zip(pair.tolist(), count.tolist(), strict=True):
        first, second = sorted((bytes(address[one]), bytes(address[other])))
        pairs[first, second] = times
    return Dealings(pairs)


def share_spending(
    ledger: Ledger, recipients: Iterable[bytes], leave_out: Iterable[bytes] = (), most_payers: int = MOST_PAYERS
) -> dict[bytes, bytes]:
    """Recipients that pay one address in common: each with the smallest of its group, itself where alone.

    `leave_out` are addresses that it says nothing to pay (services); so are those that more than `most_payers`
    different addresses pay. Pools and routers never count.
    """
    wanted = sorted(set(recipients))
    rows = _numbers(ledger, set(wanted))
    inside = np.zeros(len(ledger.address_id), np.bool_)
    inside[rows] = True
    ignored = np.zeros(len(ledger.address_id), np.bool_)
    ignored[_numbers(ledger, _own() | set(leave_out))] = True
    source, target, _ = _moves(ledger)
    paid = np.unique(np.stack([target, source], axis=1)[source != target], axis=0)
    payers = np.bincount(paid[:, 0], minlength=len(ledger.address_id))
    chosen = paid[inside[paid[:, 1]] & ~ignored[paid[:, 0]] & (payers[paid[:, 0]] <= most_payers)]
    sets: Unions[bytes] = Unions()
    first: dict[int, bytes] = {}
    for third, payer in chosen.tolist():
        raw = bytes(ledger.address_id[payer])
        sets.join(first.setdefault(third, raw), raw)
    return {raw: sets.root(raw) for raw in wanted}


def _own() -> set[bytes]:
    """The pools and routers themselves."""
    return {bytes.fromhex(text[2:]) for text in (*(pool.address for pool in known_pools()), *ROUTERS)}


def _numbers(ledger: Ledger, addresses: set[bytes]) -> I64:
    """The address ids of those that the ledger holds."""
    if ledger.address_id.shape[1] != _ADDRESS:
        return np.zeros(0, np.int64)
    found = (ledger.find_address("0x" + raw.hex()) for raw in sorted(addresses))
    return np.array([number for number in found if number is not None], np.int64)


def _moves(ledger: Ledger) -> tuple[I64, I64, I64]:
    """Sender, receiver (address ids) and transaction of every move that has both."""
    both = (ledger.move_from != NOWHERE) & (ledger.move_to != NOWHERE)
    ends = [(ledger.holding_key[column[both]] & np.uint64(0xFFFFFFFF)).astype(np.int64)
            for column in (ledger.move_from, ledger.move_to)]  # fmt: skip
    return ends[0], ends[1], ledger.move_tx[both].astype(np.int64)
