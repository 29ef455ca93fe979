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

from dyepack.patterns.finding import Rule
from dyepack.patterns.pools.history import span
from dyepack.patterns.pools.link import Link, describe, grouped, in_pools, shared_confidence, smallest_set
from dyepack.patterns.pools.links import MEASURED

if TYPE_CHECKING:
    from dyepack.patterns.pools.link import Members, View

DAY = 24 * 60 * 60
LEAST_NOTES = 3
LEAST_POOLS = 2
MOST_OTHERS = 10

MULTI = Rule(
    "pool-multi-denomination/1", "pool link",
    "an address received exactly the notes, by pool, that another had paid in: at least 3 from at least 2 pools, all "
    "deposits within 24 h, then all withdrawals within 24 h",
    "Tutela (methods.md 3.4)", 40, "E5",
    f"{MEASURED}: found 3,535 of 8,286, 7,387 wrong, decoy 8,602; where nobody else fits 1,077, 48 wrong, decoy 386",
    {"notes": LEAST_NOTES, "pools": LEAST_POOLS, "window_s": DAY, "others": MOST_OTHERS},
)  # fmt: skip

Key = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one address paid in, or received, in all: its events by pool, and where the first and last stand."""

    who: int
    members: Members
    first: int
    last: int

    @property
    def key(self) -> Key:
        """(pool, notes) of each pool."""
        return tuple((pool, len(rows)) for pool, rows in self.members)


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


def _portfolios(seen: View, side: int, window: int, least: int, least_pools: int) -> list[Holding]:
    """The portfolios of depositors (side 0) or recipients (1) that meet the conditions."""
    parties = seen.recipient if side else seen.depositor
    tables = [h.withdrawals if side else h.deposits for h in seen.histories]
    spans = [span(table) for table in tables]
    none = np.zeros(0, np.int64)
    who = np.concatenate([none, *parties])
    pool = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    row = np.concatenate([none, *(np.arange(len(table)) for table in tables)])
    time = np.concatenate([none, *(times[side] for times in seen.times)])
    first, last = (np.concatenate([none, *(getattr(s, name) for s in spans)]) for name in ("first", "last"))
    found = []
    for number, places in grouped(who):
        if len(places) < least or len(np.unique(pool[places])) < least_pools or np.ptp(time[places]) > window:
            continue
        members = in_pools(pool[places], row[places])
        found.append(Holding(number, members, int(first[places].min()), int(last[places].max())))
    return found


def _by_key(held: list[Holding]) -> dict[Key, list[Holding]]:
    found: dict[Key, list[Holding]] = {}
    for one in held:
        found.setdefault(one.key, []).append(one)
    return found


def _link(seen: View, depositor: Holding, recipient: Holding, others: int) -> Link:
    words = (
        f"{seen.text(recipient.who)} received exactly what {seen.text(depositor.who)} had paid in before: "
        f"{describe(seen, recipient.members)}; {others} other pairs fit as well"
    )
    return Link(MULTI, depositor.members, recipient.members, smallest_set(seen, recipient.members), others,
                shared_confidence(MULTI, others), words)  # fmt: skip
