"""The events of one pool as columns: notes that came in (deposits) and notes that were taken out (withdrawals).

A note is one deposit of the pool's denomination. A withdrawal spends one note and does not say which, but it can only
be one that came in before. Positions are (block, rank in the block); where a source does not say the rank, a position
is all that the block leaves open, and "before" means surely before.

Invariant: deposits and withdrawals are in chain order; no commitment, leaf or nullifier comes twice; at no withdrawal
were more notes taken out than had possibly come in (`checked` raises InputError else).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from dyepack.errors import InputError
from dyepack.ledger.rows import unique_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.ledger.schema import I64, U8
    from dyepack.patterns.pools.known import Pool

UNKNOWN = -1
_RANK_BITS = 32
_LAST_RANK = (1 << _RANK_BITS) - 1
_AGAIN = "fetch the events of this pool again, from its first block on"
_LEDGER_PACE = 12
"""Seconds a block, where no source says a single time."""


@dataclass(frozen=True, slots=True)
class Deposits:
    """Notes that came in, in chain order.

    block, rank, time, leaf   (n,) block, rank in the block (of all or of none), seconds UTC, place in the pool's tree;
                              -1 where not said
    commitment, tx            (n, 32) what the note is known by, and the transaction
    sender                    (n, 20) who paid the note in; zero where not said (nobody has the key of that address)
    gas_price                 (n,) base units a gas, -1 where not said
    """

    block: I64
    rank: I64
    time: I64
    leaf: I64
    commitment: U8
    tx: U8
    sender: U8
    gas_price: I64

    def __len__(self) -> int:
        return len(self.block)


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Notes that were taken out, in chain order.

    block, rank, time, tx, gas_price   as for deposits
    nullifier                          (n, 32) what a spent note is known by
    to                                 (n, 20) who received it
    sender, relayer                    (n, 20) who sent the transaction, who was paid for it; zero where not said
    fee                                base units of the note that went to the relayer
    """

    block: I64
    rank: I64
    time: I64
    nullifier: U8
    tx: U8
    to: U8
    sender: U8
    relayer: U8
    fee: tuple[int, ...]
    gas_price: I64

    def __len__(self) -> int:
        return len(self.block)

    @property
    def own_gas(self) -> npt.NDArray[np.bool_]:
        """Which were sent without a relayer: nothing was kept back for one."""
        return np.array([fee == 0 for fee in self.fee], np.bool_)


@dataclass(frozen=True, slots=True)
class History:
    """One pool's events; `whole` where the leaves run from 0 without a gap, so that no deposit is missing."""

    pool: Pool
    deposits: Deposits
    withdrawals: Withdrawals
    whole: bool
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Span:
    """Where each event may stand, as (n,) whole numbers: equal where the rank is known."""

    first: I64
    last: I64
    by_last: I64 = field(init=False)

    def __post_init__(self) -> None:
        """Sort once what `before` looks up."""
        self.by_last = np.sort(self.last)

    def before(self, first: I64) -> I64:
        """How many events surely stand before each of these places."""
        return np.searchsorted(self.by_last, first, "left").astype(np.int64)


Events = TypeVar("Events", Deposits, Withdrawals)


def span(events: Deposits | Withdrawals) -> Span:
    """The positions of events, as intervals of (block, rank)."""
    known = events.rank >= 0
    start = events.block << _RANK_BITS
    rank = np.minimum(events.rank, _LAST_RANK)
    return Span(start + np.where(known, rank, 0), start + np.where(known, rank, _LAST_RANK))


def take(events: Events, rows: Any) -> Events:
    """The events at these rows, in that order."""
    picked: dict[str, Any] = {}
    for column in fields(events):
        values = getattr(events, column.name)
        picked[column.name] = tuple(values[i] for i in rows) if isinstance(values, tuple) else values[rows]
    return replace(events, **picked)


def join(parts: Sequence[Events]) -> Events:
    """Several tables of events as one, one after another."""
    joined: dict[str, Any] = {}
    for column in fields(parts[0]):
        values = [getattr(part, column.name) for part in parts]
        joined[column.name] = sum(values, ()) if isinstance(values[0], tuple) else np.concatenate(values)
    return replace(parts[0], **joined)


def checked(
    pool: Pool, deposits: Deposits, withdrawals: Withdrawals, source: str, notes: Sequence[str] = ()
) -> History:
    """The history of these events, ordered and without repeats of the same event; InputError says what cannot be.

    `source` is named in messages.
    """
    deposits = _ranked(_once(deposits, deposits.commitment, "commitment", source))
    withdrawals = _ranked(_once(withdrawals, withdrawals.nullifier, "nullifier", source))
    deposits = take(deposits, np.lexsort((deposits.leaf, deposits.rank, deposits.block)))
    withdrawals = take(withdrawals, np.lexsort((*withdrawals.nullifier.T[::-1], withdrawals.rank, withdrawals.block)))
    leaf = deposits.leaf[deposits.leaf >= 0]
    if len(np.unique(leaf)) < len(leaf):
        _impossible(source, "two deposits have the same leaf index")
    if (np.diff(leaf) < 0).any():
        _impossible(source, "a deposit has a lower leaf index than one of an earlier block")
    _check_times(deposits, withdrawals, source)
    for at, fee in enumerate(withdrawals.fee):
        if not 0 <= fee <= pool.units:
            _impossible(source, f"the fee of withdrawal {at + 1} in chain order is more than a note")
    if (possible(deposits, withdrawals) < 1).any():
        _impossible(source, "a note is withdrawn before any note that could be it was deposited")
    whole = len(leaf) == len(deposits) and bool((leaf == np.arange(len(leaf))).all())
    return History(pool, deposits, withdrawals, whole, tuple(notes))


def possible(deposits: Deposits, withdrawals: Withdrawals) -> I64:
    """How many notes each withdrawal can have spent at most: all that had possibly come in less those surely gone."""
    came, went = span(deposits), span(withdrawals)
    arrived = np.searchsorted(np.sort(came.first), went.last, "right").astype(np.int64)
    return arrived - went.before(went.first)


def with_facts(history: History, senders: Mapping[bytes, bytes], prices: Mapping[bytes, int] | None = None) -> History:
    """The same history with what another source says of its transactions: sender (20 bytes) and gas price by hash.

    What the history itself says stays.
    """

    def filled(events: Events) -> Events:
        sender, price = events.sender.copy(), events.gas_price.copy()
        for at, raw in enumerate(bytes(row) for row in events.tx):
            if raw in senders and not sender[at].any():
                sender[at] = np.frombuffer(senders[raw], np.uint8)
            if prices and raw in prices and price[at] < 0:
                price[at] = prices[raw]
        return replace(events, sender=sender, gas_price=price)

    return replace(history, deposits=filled(history.deposits), withdrawals=filled(history.withdrawals))


def clock(histories: Sequence[History]) -> list[tuple[I64, I64]]:
    """Seconds UTC of the deposits and withdrawals of each history, estimated between known times where not said.

    All pools are of one chain, so a time known in one serves the others. Without any known time a block counts 12 s.
    """
    events = [e for h in histories for e in (h.deposits, h.withdrawals)]
    none = np.zeros(0, np.int64)
    blocks, times = (np.concatenate([none, *(getattr(e, name) for e in events)]) for name in ("block", "time"))
    known, first = np.unique(blocks[times >= 0], return_index=True)
    seconds = np.maximum.accumulate(times[times >= 0][first]) if len(known) else known

    def told(events: Deposits | Withdrawals) -> I64:
        return np.where(events.time >= 0, events.time, _at(events.block, known, seconds))

    return [(told(h.deposits), told(h.withdrawals)) for h in histories]


def _at(block: I64, known: I64, seconds: I64) -> I64:
    """The time of each block between (or beyond) the blocks whose times are known."""
    if not len(known):
        return block * _LEDGER_PACE
    pace = (seconds[-1] - seconds[0]) / (known[-1] - known[0]) if len(known) > 1 else float(_LEDGER_PACE)
    inside = np.interp(block, known, seconds)
    early = np.minimum(block - known[0], 0) * pace
    late = np.maximum(block - known[-1], 0) * pace
    return np.asarray(np.rint(inside + early + late), np.int64)


def _once(events: Events, identity: U8, what: str, source: str) -> Events:
    """Without repeats of one event; two different events with one identity cannot be."""
    distinct, place = unique_rows(identity)
    if len(distinct) == len(events):
        return events
    order = np.argsort(place, kind="stable")
    fresh = np.diff(place[order], prepend=-1) != 0
    kept = order[fresh]
    original = kept[place]
    for column in fields(events):
        values = getattr(events, column.name)
        if isinstance(values, tuple):
            same = all(values[a] == values[b] for a, b in enumerate(original.tolist()))
        else:
            same = bool((values == values[original]).all())
        if not same:
            _impossible(source, f"two different events have the same {what}")
    return take(events, np.sort(kept))


def _ranked(events: Events) -> Events:
    """Ranks of all events or of none: an order that is known in part is no order."""
    return events if (events.rank >= 0).all() else replace(events, rank=np.full(len(events), UNKNOWN, np.int64))


def _check_times(deposits: Deposits, withdrawals: Withdrawals, source: str) -> None:
    """Times must not fall while blocks rise."""
    block = np.concatenate([deposits.block, withdrawals.block])
    time = np.concatenate([deposits.time, withdrawals.time])
    block, time = block[time >= 0], time[time >= 0]
    order = np.lexsort((time, block))
    block, time = block[order], time[order]
    if (np.diff(time) < 0).any() or (np.diff(time)[np.diff(block) == 0] != 0).any():
        _impossible(source, "times fall while blocks rise, or one block has two times")


def _impossible(source: str, problem: str) -> NoReturn:
    raise InputError(source, f"cannot be a pool's history: {problem}", remedy=_AGAIN)
