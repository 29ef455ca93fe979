"""Where a trace stops, and why.

Invariant: every dyed unit that is no longer followed has exactly one Stop, and the stops are all of them:
what is not stopped is still held.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stop(IntEnum):
    """Why units were not followed further; the number is what the kernel writes."""

    CARRIED = 0
    FEE = 1
    SERVICE = 2
    MIXER = 3
    BRIDGE = 4
    BURN = 5
    RETURNED = 6
    SWAP = 7
    CUT_OFF = 8
    HOP_LIMIT = 9
    HUB = 10
    MIXED = 11
    CONVERTED = 12
    CHOSEN = 13
    ISSUED = 14
    UNEXPLAINED = 15
    DECLARED = 16
    HELD = 17
    GAP = 18
    DATE_LIMIT = 19


def gaps_note(places: int) -> str:
    """What a statement says of its gaps."""
    who = "1 place holds" if places == 1 else f"{places} places hold"
    return f"{who} dyed units whose further history is not in the ledger: see the gaps"


_SAID = 400
"""Characters of a reason that are shown."""


def gap_reasons(reasons: Iterable[str]) -> list[str]:
    """Why histories are not known, as far as a source said: each reason once, with how many places it is of."""
    told = Counter(reason for reason in reasons if reason)
    return [f"{n} of the gaps: {reason[:_SAID].encode('unicode_escape').decode('ascii')}"
            for reason, n in told.most_common()]  # fmt: skip


WORDS: dict[Stop, str] = {
    Stop.CARRIED: "carried on",
    Stop.FEE: "paid as transaction fees",
    Stop.SERVICE: "reached a service",
    Stop.MIXER: "in a mixer",
    Stop.BRIDGE: "left over a bridge",
    Stop.BURN: "burnt",
    Stop.RETURNED: "returned to the victim",
    Stop.SWAP: "swap not followed",
    Stop.CUT_OFF: "below the cut-off",
    Stop.HOP_LIMIT: "beyond the hop limit",
    Stop.HUB: "at an address with too many counterparties",
    Stop.MIXED: "mixed with clean money (dirty-first drops the branch)",
    Stop.CONVERTED: "swapped into another asset, followed there",
    Stop.CHOSEN: "stopped where the user said",
    Stop.ISSUED: "issued here (mint, block reward with its fees, or opening balance)",
    Stop.UNEXPLAINED: "came from money the ledger does not show",
    Stop.DECLARED: "came from a declared deposit",
    Stop.HELD: "still held",
    Stop.GAP: "gap: the ledger does not hold this place's onward history",
    Stop.DATE_LIMIT: "still held at the date limit",
}
"""One phrase per stop, as statements and figures print it."""

WORDS_BACKWARD: dict[Stop, str] = WORDS | {
    Stop.SERVICE: "came from a service",
    Stop.MIXER: "came out of a mixer",
    Stop.BRIDGE: "came over a bridge",
    Stop.SWAP: "came from a swap that was not followed",
    Stop.RETURNED: "came from the victim",
    Stop.BURN: "came out of a burn address",
    Stop.HELD: "was there before",
    Stop.GAP: "gap: the ledger does not hold this place's earlier history",
}
"""The same where money is followed to where it came from."""
