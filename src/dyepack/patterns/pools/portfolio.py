"""Several pools at once: who took out exactly what somebody had paid in (multi-denomination).

A portfolio says how many notes of each pool an address paid in, or received, over the whole history. The rule joins a
depositor and a recipient with the same portfolio, of at least 3 notes from at least 2 pools, where all deposits lie
within 24 hours, all withdrawals within 24 hours, and every deposit comes before every withdrawal. The more notes, the
fewer share a portfolio; how many do is said with each link.

Invariant: one link for a pair at most; a pair with more than `most_others` rivals is none.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.activity import DAY
from dyepack.patterns.finding import Rule
from dyepack.patterns.pools.rules import MEASURED
from dyepack.patterns.pools.view import (
    Link,
    describe,
    events_of,
    grouped,
    in_pools,
    key_of,
    shared_confidence,
    smallest_set,
)

if TYPE_CHECKING:
    from dyepack.patterns.pools.view import Key, Members, View

LEAST_NOTES = 3
LEAST_POOLS = 2
MOST_OTHERS = 10

MULTI = Rule(
    "pool-multi-denomination/1", "pool link",
    "an address received exactly the notes, by pool, that another had paid in: at least 3 from at least 2 pools, all "
    "deposits within 24 h, then all withdrawals within 24 h",
    "Tutela whitepaper", 40, "E5",
    f"{MEASURED}: found 3,535 of 8,286, 7,387 wrong, decoy 8,602; where nobody else fits 1,077, 48 wrong, decoy 386",
    {"notes": LEAST_NOTES, "pools": LEAST_POOLS, "window_s": DAY, "others": MOST_OTHERS},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What one address paid in, or received, in all: its events by pool, and where the first and last stand."""

    who: int
    members: Members
    first: int
    last: int

    @property
    def key(self) -> Key:
        """(pool, notes) of each pool."""
        return key_of(self.members)


def multi_denomination(
    seen: View, *, window: int = DAY, least: int = LEAST_NOTES, least_pools: int = LEAST_POOLS,
    most_others: int = MOST_OTHERS,
) -> list[Link]:  # fmt: skip
    """One link for each depositor and recipient with the same portfolio, in order of the withdrawals.

    `others` counts the rivals of a pair: other depositors that fit the recipient, and other recipients that fit the
    depositor.
    """
    came = _by_key(_portfolios(seen, 0, window, least, least_pools))
    went = _by_key(_portfolios(seen, 1, window, least, least_pools))
    links: list[tuple[int, Link]] = []
    for key in sorted(came.keys() & went.keys()):
        depositors = sorted(came[key], key=lambda held: (held.last, held.who))
        recipients = sorted(went[key], key=lambda held: (held.first, held.who))
        ends, starts = [held.last for held in depositors], [held.first for held in recipients]
        for at, recipient in enumerate(recipients):
            fitting = bisect_left(ends, recipient.first)
            if not 0 < fitting <= most_others + 1:
                continue
            for depositor in depositors[:fitting]:
                if depositor.who == recipient.who:
                    continue
                rivals = fitting - 1 + len(recipients) - bisect_left(starts, depositor.last + 1) - 1
                if rivals <= most_others:
                    links.append((starts[at], _link(seen, depositor, recipient, rivals)))
    return [link for _, link in sorted(links, key=lambda row: row[0])]


def _portfolios(seen: View, side: int, window: int, least: int, least_pools: int) -> list[Portfolio]:
    """The portfolios of depositors (side 0) or recipients (1) that meet the conditions."""
    events = events_of(seen, side)
    found = []
    for number, at in grouped(events.who):
        if len(at) < least or len(np.unique(events.pool[at])) < least_pools or np.ptp(events.time[at]) > window:
            continue
        members = in_pools(events.pool[at], events.row[at])
        found.append(Portfolio(number, members, int(events.first[at].min()), int(events.last[at].max())))
    return found


def _by_key(held: list[Portfolio]) -> dict[Key, list[Portfolio]]:
    found: dict[Key, list[Portfolio]] = {}
    for one in held:
        found.setdefault(one.key, []).append(one)
    return found


def _link(seen: View, depositor: Portfolio, recipient: Portfolio, others: int) -> Link:
    words = (
        f"{seen.text(recipient.who)} received exactly what {seen.text(depositor.who)} had paid in before: "
        f"{describe(seen, recipient.members)}; {others} other pairs fit as well"
    )
    return Link(MULTI, depositor.members, recipient.members, smallest_set(seen, recipient.members), others,
                shared_confidence(MULTI, others), words)  # fmt: skip
