"""Several pools seen together, and what a rule says of them: a link from deposits to the withdrawals they may be.

Invariant: every deposit that a link names surely stands before each of its withdrawals in the chain; a link never says
more than that its rule's conditions are met, how large the crowd was, and how many others met them as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.content import time_text
from dyepack.ledger.rows import unique_rows
from dyepack.patterns.finding import Finding
from dyepack.patterns.pools.anonymity import anonymity
from dyepack.patterns.pools.history import UNKNOWN, clock, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dyepack.ledger.schema import I64, U8
    from dyepack.patterns.finding import Figure, Rule
    from dyepack.patterns.pools.anonymity import Anonymity
    from dyepack.patterns.pools.history import History

Members = tuple[tuple[int, "I64"], ...]
"""Events by pool: (place of the pool in the view, rows of its deposits or withdrawals, in chain order)."""

Key = tuple[tuple[int, int], ...]
"""How many notes of which pools: (pool, notes) of each."""


@dataclass(frozen=True, slots=True)
class View:
    """Histories of one chain, with what all rules need of them; lists are by pool.

    sets       anonymity set at every withdrawal
    times      seconds UTC of deposits and withdrawals (estimated where not said)
    addresses  (k, 20) every address that takes part, in byte order
    depositor, recipient, caller   rows of `addresses`: who paid a note in, who received it, who sent the withdrawal;
                                   -1 where not said
    """

    histories: tuple[History, ...]
    sets: tuple[Anonymity, ...]
    times: tuple[tuple[I64, I64], ...]
    addresses: U8
    depositor: tuple[I64, ...]
    recipient: tuple[I64, ...]
    caller: tuple[I64, ...]

    def address(self, number: int) -> bytes:
        """The 20 bytes of an address."""
        return bytes(self.addresses[number])

    def text(self, number: int) -> str:
        """An address as people write it."""
        return "0x" + self.address(number).hex()


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Deposits that a rule joins to withdrawals.

    deposits    the notes that one depositor (or, where nobody knows senders, one deposit) can have been; empty for
                rules that speak of a withdrawal alone
    anonymity   the smallest upper anonymity set at one of the withdrawals
    others      how many others (depositors, or recipients) meet the rule's conditions for the same events
    confidence  0-100: the rule's, shared evenly with the others
    """

    rule: Rule
    deposits: Members
    withdrawals: Members
    anonymity: int
    others: int
    confidence: int
    why: str


def view(histories: Iterable[History]) -> View:
    """Look at histories of one chain together."""
    kept = tuple(histories)
    columns = [c for h in kept for c in (h.deposits.sender, h.withdrawals.to, h.withdrawals.sender)]
    addresses, place = unique_rows(np.concatenate([np.zeros((0, 20), np.uint8), *columns]))
    nobody = np.flatnonzero(~np.asarray(addresses.any(axis=1)))
    numbers = np.where(np.isin(place, nobody), UNKNOWN, place)
    ends = np.cumsum([len(c) for c in columns])
    parts = np.split(numbers, ends[:-1]) if columns else []
    return View(kept, tuple(anonymity(h) for h in kept), tuple(clock(kept)), addresses,
                tuple(parts[0::3]), tuple(parts[1::3]), tuple(parts[2::3]))  # fmt: skip


def shared_confidence(rule: Rule, others: int) -> int:
    """The rule's confidence, shared evenly with as many others that meet its conditions."""
    return rule.confidence // (1 + others)


def events(members: Members) -> Iterator[tuple[int, int]]:
    """(pool, row) of every member."""
    for pool, rows in members:
        for row in rows.tolist():
            yield pool, row


def finding(seen: View, link: Link) -> Finding:
    """A link as a finding: its transactions are the deposits, then the withdrawals."""
    came = [(seen.histories[p].deposits.tx, seen.times[p][0], seen.depositor[p], r) for p, r in events(link.deposits)]
    went = [
        (seen.histories[p].withdrawals.tx, seen.times[p][1], seen.recipient[p], r) for p, r in events(link.withdrawals)
    ]
    both = [*came, *went]
    times = sorted(int(time[row]) for _, time, _, row in both)
    figures: dict[str, Figure] = {
        "deposits": len(came),
        "withdrawals": len(went),
        "anonymity_set": link.anonymity,
        "others": link.others,
    }
    txs = tuple("0x" + bytes(tx[row]).hex() for tx, _, _, row in both)
    places = dict.fromkeys(seen.text(int(party[row])) for _, _, party, row in both if party[row] >= 0)
    first, last = time_text(times[0]), time_text(times[-1])
    return Finding(link.rule, txs, tuple(places), figures, link.rule.parameters, link.why, first, last, link.confidence)


def grouped(keys: I64) -> Iterator[tuple[int, I64]]:
    """(key, its places in order) for each key that is not -1, ascending."""
    order = np.argsort(keys, kind="stable")
    order = order[keys[order] >= 0]
    for part in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if len(part):
            yield int(keys[part[0]]), part


@dataclass(frozen=True, slots=True)
class Side:
    """Every deposit, or every withdrawal, of a view: columns of the same length, (n,) i64, pool by pool.

    who          the depositor or recipient, a row of the view's addresses (-1 where not said)
    pool, row    where the event stands
    time         seconds UTC
    first, last  between which positions of the chain it surely lies
    """

    who: I64
    pool: I64
    row: I64
    time: I64
    first: I64
    last: I64


def events_of(seen: View, side: int) -> Side:
    """All deposits (side 0) or withdrawals (1)."""
    tables = [h.withdrawals if side else h.deposits for h in seen.histories]
    spans = [span(table) for table in tables]
    none = np.zeros(0, np.int64)
    pool = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    row = np.concatenate([none, *(np.arange(len(table)) for table in tables)])
    time = np.concatenate([none, *(times[side] for times in seen.times)])
    first, last = (np.concatenate([none, *(getattr(s, name) for s in spans)]) for name in ("first", "last"))
    return Side(np.concatenate([none, *(seen.recipient if side else seen.depositor)]), pool, row, time, first, last)


def key_of(members: Members) -> Key:
    """(pool, notes) of each pool."""
    return tuple((pool, len(rows)) for pool, rows in members)


def in_pools(pools: I64, rows: I64) -> Members:
    """Events, as a pool and a row each, by pool and in chain order."""
    return tuple((int(pool), np.sort(rows[pools == pool])) for pool in np.unique(pools))


def smallest_set(seen: View, withdrawals: Members) -> int:
    """The smallest upper anonymity set at any of these withdrawals."""
    return min(int(seen.sets[pool].most[rows].min()) for pool, rows in withdrawals)


def describe(seen: View, members: Members) -> str:
    """What events are, as 2 x Tornado Cash 100 ETH."""
    return ", ".join(f"{len(rows)} x {seen.histories[pool].pool.name}" for pool, rows in members)
