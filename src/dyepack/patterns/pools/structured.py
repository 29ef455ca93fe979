"""Structured mixer deposits: stolen money cut into notes in one go, and the withdrawal bursts that could be it.

At least 5 deposits of one depositor (or cluster) inside 24 hours that sum to 90 % or more of one receipt. Who is
in a hurry to put money in tends to take it out in one go as well: candidates are the later bursts of withdrawals,
within 24 hours, to one address (or to addresses that share what they spend on), that have exactly the same notes by
pool. That proves nothing where many bursts have them, so with each candidate stands the look-elsewhere count: how many
other bursts fit, how many fit but came before (they cannot be it), and how many of a set of decoys (other multisets of
about this size, from other places in the history) found a candidate too.

Invariant: each event is in one burst at most; every withdrawal of a candidate surely comes after every deposit of the
burst; decoys are drawn by a seed, so the same history gives the same answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.content import time_text
from dyepack.money import format_units
from dyepack.patterns.activity import DAY
from dyepack.patterns.finding import Finding, Rule
from dyepack.patterns.pools.history import span
from dyepack.patterns.pools.rules import MEASURED
from dyepack.patterns.pools.view import (
    Link,
    describe,
    events,
    events_of,
    grouped,
    in_pools,
    key_of,
    smallest_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dyepack.ledger.schema import I64
    from dyepack.patterns.finding import Figure
    from dyepack.patterns.pools.known import Pool
    from dyepack.patterns.pools.view import Key, Members, View

LEAST_NOTES = 5
LEAST_SHARE = 90
DECOYS = 200
MOST_OTHERS = 10
MOST_CHANCE = 0.5
"""Where a larger share of the decoys has a candidate, candidates are no links."""
SOURCE = "this project's own rule"
_NEAR = (0.8, 1.25)
"""Between these shares of the burst's notes lie those of a decoy."""

STRUCTURED = Rule(
    "structured-mixer-deposits/1", "structured mixer deposits",
    "at least 5 deposits of one depositor within 24 h that sum to 90 % or more of one receipt it had before",
    SOURCE, 70, "E6",
    "generated pools: found 68 of 68 depositors that cut up a known receipt; false alarms not measured",
    {"notes": LEAST_NOTES, "window_s": DAY, "share_percent": LEAST_SHARE},
)  # fmt: skip
BURST = Rule(
    "pool-burst-match/1", "pool link",
    "withdrawals within 24 h to one recipient (or cluster) that are exactly the notes of structured deposits before",
    SOURCE, 40, "E6",
    f"{MEASURED}: found 626 of 1,659, 420 wrong, decoy 793; where nothing else fits 133 and 0 wrong, decoy 0",
    {"window_s": DAY, "decoys": DECOYS, "chance": MOST_CHANCE, "others": MOST_OTHERS},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receipt:
    """Units of an asset that an address (20 bytes) received at a time (seconds UTC; -1: before everything)."""

    address: bytes
    asset: str
    units: int
    time: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """Deposits, or withdrawals, of one party within the window.

    who           row of the view's addresses that leads the party (its cluster)
    first, last   where it begins and ends in the chain (positions), began, ended: seconds UTC
    """

    who: int
    members: Members
    first: int
    last: int
    began: int
    ended: int

    @property
    def key(self) -> Key:
        """(pool, notes) of each pool."""
        return key_of(self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Structured:
    """A burst of structured deposits, the receipt that it was cut from, and what could be it on the other side.

    before          bursts of the same notes that cannot be it, since they began before it ended
    rivals          other bursts of deposits with the same notes: a candidate may be theirs
    decoys          how many decoys were drawn, and `decoys_matched` how many of them had a candidate of their own
    """

    deposits: Burst
    receipt: Receipt
    units: int
    candidates: tuple[Burst, ...]
    before: int
    rivals: int
    decoys: int
    decoys_matched: int

    @property
    def others(self) -> int:
        """For each candidate, how many other bursts fit, of either side (the look-elsewhere count)."""
        return max(len(self.candidates) - 1, 0) + self.rivals

    @property
    def chance(self) -> float:
        """The share of decoys (this burst counted among them) that had a candidate: a p-value for a single one."""
        return (self.decoys_matched + 1) / (self.decoys + 1)


def structured_deposits(
    seen: View, receipts: Iterable[Receipt], *, depositors: Mapping[bytes, bytes] | None = None,
    recipients: Mapping[bytes, bytes] | None = None, window: int = DAY, least: int = LEAST_NOTES,
    share: int = LEAST_SHARE, decoys: int = DECOYS, seed: int = 1,
) -> list[Structured]:  # fmt: skip
    """The structured deposits of the receipts' addresses, in chain order, each with its candidates.

    depositors, recipients   clusters: address -> the address that leads its cluster (20 bytes each); who is in none
                             stands alone. For recipients see `dealings.share_spending`
    share                    per cent of a receipt that the deposits must sum to
    """
    owed: dict[int, list[Receipt]] = {}
    number = {bytes(row): at for at, row in enumerate(seen.addresses)}
    for receipt in receipts:
        who = number.get((depositors or {}).get(receipt.address, receipt.address))
        who = number.get(receipt.address) if who is None else who
        if who is not None:
            owed.setdefault(who, []).append(receipt)
    if not owed:
        return []
    by_key: dict[Key, list[Burst]] = {}
    for burst in bursts(seen, 1, recipients, window):
        by_key.setdefault(burst.key, []).append(burst)
    found = []
    cut_up = bursts(seen, 0, depositors, window)
    alike = Counter(burst.key for burst in cut_up)
    for burst in cut_up:
        units = _units(seen, burst)
        notes = sum(count for _, count in burst.key)
        cut = _cut_from(owed.get(burst.who, ()), units, burst.began, share) if notes >= least else None
        if cut is not None:
            judged = _judged(seen, burst, by_key, decoys, seed)
            found.append(Structured(burst, cut, units[cut.asset], *judged[:2], alike[burst.key] - 1, decoys, judged[2]))
    return found


def links_of(seen: View, found: Sequence[Structured]) -> list[Link]:
    """One link for each structured burst and candidate, surer the fewer others fit and the fewer decoys match.

    Where most decoys find a candidate too, or more than `MOST_OTHERS` others fit, a candidate says nothing and is no
    link (`findings` still counts it).
    """
    links = []
    for one in found:
        if one.chance > MOST_CHANCE or one.others > MOST_OTHERS:
            continue
        sure = int(BURST.confidence * (1 - one.chance)) // (1 + one.others)
        for burst in one.candidates:
            words = (
                f"{seen.text(one.deposits.who)} paid in {describe(seen, one.deposits.members)} within "
                f"{_hours(one.deposits)} h, and {seen.text(burst.who)} (or a cluster) took out the same notes within "
                f"{_hours(burst)} h; {_elsewhere(one)}"
            )
            links.append(Link(BURST, one.deposits.members, burst.members, smallest_set(seen, burst.members),
                              one.others, sure, words))  # fmt: skip
    return links


def findings(seen: View, found: Sequence[Structured]) -> list[Finding]:
    """Each burst of structured deposits as a finding: its members are the deposits; the candidates are counted."""
    made = []
    for one in found:
        asset = seen.histories[one.deposits.key[0][0]].pool
        words = (
            f"{seen.text(one.deposits.who)} cut a receipt of {asset_text(asset, one.receipt.units)} into "
            f"{describe(seen, one.deposits.members)} within {_hours(one.deposits)} h; {_elsewhere(one)}"
        )
        figures: dict[str, Figure] = {
            "notes": sum(count for _, count in one.deposits.key), "window_s": one.deposits.ended - one.deposits.began,
            "share_percent": one.units * 100 // one.receipt.units, "units": str(one.units),
            "receipt": str(one.receipt.units),
            "candidates": len(one.candidates), "before": one.before, "rivals": one.rivals, "decoys": one.decoys,
            "decoys_matched": one.decoys_matched,
        }  # fmt: skip
        txs = tuple("0x" + bytes(seen.histories[p].deposits.tx[row]).hex() for p, row in events(one.deposits.members))
        made.append(Finding(STRUCTURED, txs, (seen.text(one.deposits.who),), figures, STRUCTURED.parameters, words,
                            time_text(one.deposits.began), time_text(one.deposits.ended)))  # fmt: skip
    return made


def asset_text(pool: Pool, units: int) -> str:
    """Units of a pool's asset with its symbol."""
    return f"{format_units(units, pool.decimals)} {pool.symbol}"


def _elsewhere(one: Structured) -> str:
    """The look-elsewhere count in words."""
    return (
        f"later bursts of withdrawals with these notes: {len(one.candidates)}, such bursts that came before and cannot "
        f"be it: {one.before}, other bursts of deposits with these notes: {one.rivals}, decoys that found a candidate "
        f"too: {one.decoys_matched} of {one.decoys}"
    )


def bursts(seen: View, side: int, clusters: Mapping[bytes, bytes] | None, window: int = DAY) -> list[Burst]:
    """The bursts of all depositors (side 0) or recipients (1), in chain order.

    A party's events are cut, from its first on, into stretches no longer than the window.
    """
    every = events_of(seen, side)
    pool, row, time = every.pool, every.row, every.time
    found = []
    for number, places in grouped(_leads(seen, every.who, clusters)):
        ordered = places[np.lexsort((row[places], pool[places], time[places]))]
        start = 0
        while start < len(ordered):
            end = int(np.searchsorted(time[ordered], time[ordered[start]] + window, "right"))
            part = ordered[start:end]
            found.append(Burst(number, in_pools(pool[part], row[part]), int(every.first[part].min()),
                               int(every.last[part].max()), int(time[part[0]]), int(time[part[-1]])))  # fmt: skip
            start = end
    return sorted(found, key=lambda burst: (burst.first, burst.last, burst.who))


def _leads(seen: View, who: I64, clusters: Mapping[bytes, bytes] | None) -> I64:
    """Each party's cluster, by the row of the address that leads it (or of its first address that takes part)."""
    if not clusters:
        return who
    lead = np.arange(len(seen.addresses))
    first: dict[bytes, int] = {}
    for at in range(len(lead)):
        named = clusters.get(seen.address(at))
        if named is not None:
            lead[at] = first.setdefault(named, at)
    return np.where(who >= 0, lead[who], who) if len(lead) else who


def _units(seen: View, burst: Burst) -> dict[str, int]:
    """The units of a burst's notes, by asset."""
    found: dict[str, int] = {}
    for pool, count in burst.key:
        held = seen.histories[pool].pool
        found[held.asset] = found.get(held.asset, 0) + count * held.units
    return found


def _cut_from(receipts: Sequence[Receipt], units: Mapping[str, int], began: int, share: int) -> Receipt | None:
    """The largest receipt before the burst of which its notes are that share or more.

    Dust that is less than half of the notes is not what they were cut from.
    """
    fitting = [
        receipt
        for receipt in receipts
        if receipt.time <= began and receipt.units * share <= units.get(receipt.asset, 0) * 100 <= receipt.units * 200
    ]
    return max(fitting, key=lambda receipt: (receipt.units, -receipt.time, receipt.address), default=None)


def _judged(
    seen: View, burst: Burst, by_key: Mapping[Key, Sequence[Burst]], decoys: int, seed: int
) -> tuple[tuple[Burst, ...], int, int]:
    """The candidates of a burst, how many fit but came before, and how many decoys found one."""
    same = by_key.get(burst.key, ())
    later = tuple(other for other in same if other.first > burst.last)
    rng = np.random.default_rng([seed, *(n for pair in burst.key for n in pair), burst.first >> 32])
    ends = np.concatenate([span(seen.histories[pool].deposits).last for pool, _ in burst.key])
    matched = 0
    starts: dict[Key, list[int]] = {}
    for _ in range(decoys):
        key = _decoy(burst.key, rng)
        if key not in starts:
            starts[key] = sorted(other.first for other in by_key.get(key, ()))
        end = int(ends[rng.integers(len(ends))])
        matched += bisect_left(starts[key], end + 1) < len(starts[key])
    return later, len(same) - len(later), matched


def _decoy(key: Key, rng: np.random.Generator) -> Key:
    """Another multiset of notes of the same pools, of about the same size."""
    low, high = _NEAR
    drawn = [(pool, max(1, round(count * rng.uniform(low, high)))) for pool, count in key]
    if tuple(drawn) == key:
        at = int(rng.integers(len(key)))
        pool, count = key[at]
        drawn[at] = (pool, count + 1 if count == 1 or rng.random() < 0.5 else count - 1)
    return tuple(drawn)


def _hours(burst: Burst) -> int:
    return -(-(burst.ended - burst.began) // 3600)
