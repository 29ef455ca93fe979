"""Peel chains on ledgers of accounts: a sum that loses a small part at each of many accounts in a row.

A hop is an account that receives an asset once, sends a small part of it to one address and the rest to another that
never had that asset before; fees apart. Where the remainders of chains are gathered at one account and what leaves it
is peeled again, all of them are one finding: half or more of what that account received must be such remainders.

Invariant: an account is a hop of one chain at most; the answer depends on the ledger, the places and the parameters
alone; the cost is linear in the moves of the accounts met. Findings are in chain order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dyepack.ledger.content import time_text
from dyepack.ledger.schema import NOWHERE, MoveKind
from dyepack.patterns.activity import DAY, SECONDS_A_BLOCK
from dyepack.patterns.finding import Finding, Rule
from dyepack.patterns.runs import gaps, joined, runs, soon_percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger

_MOST_ENTRIES = 64
"""A hop has three moves and some fees; an account with more entries than this is none."""


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The thresholds of the rule, with its defaults.

    hops       least number of hops of a chain
    peel_part  largest peel, as a percentage of the rest
    units      least base units of a peel
    passed_on  least percentage of what came in that peel and rest are together
    gap        seconds between two hops that count as soon after
    soon       least percentage of a chain's gaps that are soon
    gathered   least percentage of an account's receipts that are remainders, for it to join chains
    """

    hops: int = 5
    peel_part: int = 50
    units: int = 1
    passed_on: int = 95
    gap: int = DAY
    soon: int = 80
    gathered: int = 50


LIMITS = AccountLimits()

RULE = Rule(
    id="peel-chain-accounts/1",
    pattern="peel chain",
    conditions=(
        "5 accounts or more in a row, each of which receives an asset once, sends at most 50 % as much to one address "
        "as it sends on to the next, which never had the asset before, passes on at least 95 % in these two moves, and "
        "does so within 24 hours of the account before in at least 80 % of the hops; chains are joined through an "
        "account of whose receipts at least half are their remainders"
    ),
    source="US v. 113 Virtual Currency Accounts (D.D.C. 20-606), by analogy from outputs to accounts",
    confidence=40,
    evidence="E6",
    measured="not measured: no labelled chains on accounts",
    parameters=dict(asdict(LIMITS)),
)


class _Hop(NamedTuple):
    """What one account did: the moves by which it received, peeled and sent on the rest."""

    receipt: int
    peel: int
    rest: int


def peel_chains_accounts(ledger: Ledger, places: Iterable[int], *, limits: AccountLimits = LIMITS) -> list[Finding]:
    """The peel chains that begin at `places` (address ids) or at the accounts they pay, and what goes on from these."""
    chains: list[list[_Hop]] = []
    seen: set[int] = set()
    todo = [h for place in sorted(set(places)) for h in _holdings(ledger, place)]
    while todo:
        new = []
        for start in [h for h in todo for h in (h, *_paid(ledger, h))]:
            new += _chains(ledger, _row(ledger, start, seen, limits), limits)
        chains += new
        counts = Counter(_end(ledger, chain) for chain in chains)
        todo = sorted(end for end in {_end(ledger, chain) for chain in new} if _gathers(ledger, end, counts, limits))
    return [_finding(ledger, *group, limits) for group in _joined(ledger, chains, limits)]


def _holdings(ledger: Ledger, place: int) -> list[int]:
    """The holdings of an address, by asset."""
    keys = (np.arange(len(ledger.assets), dtype=np.uint64) << np.uint64(32)) | np.uint64(place)
    at = np.searchsorted(ledger.holding_key, keys)
    at, keys = at[at < len(ledger.holding_key)], keys[at < len(ledger.holding_key)]
    found: list[int] = at[ledger.holding_key[at] == keys].tolist()
    return found


def _paid(ledger: Ledger, holding: int) -> list[int]:
    """The holdings that one paid, each once, in chain order."""
    entries = ledger.entries(holding)
    moves = entries[entries & 1 == 0] >> 1
    moves = moves[(ledger.move_kind[moves] != MoveKind.FEE) & (ledger.move_to[moves] != NOWHERE)]
    return list(dict.fromkeys(ledger.move_to[moves].tolist()))


def _hop(ledger: Ledger, holding: int, limits: AccountLimits) -> _Hop | None:
    """What makes the account of a holding a hop."""
    receipt, sent = _passed(ledger, holding)
    if len(sent) != 2:
        return None
    peel, rest = sent
    small, large, came = (ledger.amount(move) for move in (peel, rest, receipt))
    to = int(ledger.move_to[rest])
    if NOWHERE in {to, int(ledger.move_to[peel])} or to == int(ledger.move_to[peel]) or to == holding:
        return None
    fits = limits.units <= small and small * 100 <= large * limits.peel_part and small != large
    fits = fits and (small + large) * 100 >= came * limits.passed_on
    fresh = ledger.entries(to)[0] == rest << 1 | 1
    return _Hop(receipt, peel, rest) if fits and fresh else None


def _passed(ledger: Ledger, holding: int) -> tuple[int, list[int]]:
    """The move by which an account received once, and those by which it then sent, the largest last; else no moves."""
    entries = ledger.entries(holding)
    if not 2 <= len(entries) <= _MOST_ENTRIES:
        return -1, []
    moves = [(code >> 1, code & 1) for code in entries.tolist() if ledger.move_kind[code >> 1] != MoveKind.FEE]
    if [way for _, way in moves] not in ([1, 0], [1, 0, 0]):
        return -1, []
    return moves[0][0], sorted((move for move, _ in moves[1:]), key=ledger.amount)


def _row(ledger: Ledger, start: int, seen: set[int], limits: AccountLimits) -> list[_Hop]:
    row: list[_Hop] = []
    at = start
    while at not in seen and (hop := _hop(ledger, at, limits)) is not None:
        seen.add(at)
        row.append(hop)
        at = int(ledger.move_to[hop.rest])
    return row


def _chains(ledger: Ledger, row: list[_Hop], limits: AccountLimits) -> list[list[_Hop]]:
    if len(row) < limits.hops:
        return []
    soon = [gap <= limits.gap for gap in _gaps(ledger, row)]
    return [row[a : b + 1] for a, b in runs(soon, limits.soon) if b - a + 1 >= limits.hops]


def _gaps(ledger: Ledger, row: list[_Hop]) -> list[int]:
    """Seconds between one hop and the next; blocks stand for them where a time is missing."""
    tx = ledger.move_tx[np.array([hop.rest for hop in row], np.int64)]
    return gaps(ledger.tx_time[tx], ledger.tx_block[tx], SECONDS_A_BLOCK)


def _end(ledger: Ledger, chain: list[_Hop]) -> int:
    """The holding that the remainder of a chain went to: of the last account, or of whom that sent most of it on to."""
    last = int(ledger.move_to[chain[-1].rest])
    _, sent = _passed(ledger, last)
    to = int(ledger.move_to[sent[-1]]) if sent else NOWHERE
    return last if to == NOWHERE else to


def _gathers(ledger: Ledger, holding: int, ends: Counter[int], limits: AccountLimits) -> bool:
    """Whether enough of what a holding received are remainders of chains, of which `ends` counts those at each."""
    came = int(np.count_nonzero(ledger.entries(holding) & 1))
    return came > 1 and ends[holding] * 100 >= came * limits.gathered


def _joined(
    ledger: Ledger, chains: list[list[_Hop]], limits: AccountLimits
) -> list[tuple[list[list[_Hop]], list[int]]]:
    """(chains, holdings that gathered their remainders), for each group of chains that these join."""
    chains = sorted(chains)
    members: dict[int, list[int]] = {}
    for at, chain in enumerate(chains):
        members.setdefault(_end(ledger, chain), []).append(at)
    counts = Counter({end: len(at) for end, at in members.items()})
    ends = sorted(end for end in members if _gathers(ledger, end, counts, limits))
    for at, chain in enumerate(chains):
        if (origin := int(ledger.move_from[chain[0].receipt])) in members:
            members[origin].append(at)
    return joined(chains, {end: members[end] for end in ends if len(members[end]) > 1})


def _finding(ledger: Ledger, chains: list[list[_Hop]], joins: list[int], limits: AccountLimits) -> Finding:
    """One finding of chains that belong together."""
    hops = sorted(hop for chain in chains for hop in chain)
    peeled = [ledger.amount(hop.peel) for hop in hops]
    largest = max(100 * small / ledger.amount(hop.rest) for small, hop in zip(peeled, hops, strict=True))
    soon = soon_percent([gap for chain in chains for gap in _gaps(ledger, chain)], limits.gap)
    moves = sorted(move for hop in hops for move in (hop.peel, hop.rest))
    txs = tuple(dict.fromkeys(ledger.tx_text(int(ledger.move_tx[move])) for move in moves))
    places = dict.fromkeys(ledger.place_text(int(ledger.move_to[hop.peel])) for hop in hops)
    first, last = (time_text(int(ledger.tx_time[ledger.move_tx[move]])) for move in (moves[0], moves[-1]))
    asset = ledger.assets[ledger.move_asset(moves[0])]
    passed = min(100 * (ledger.amount(h.peel) + ledger.amount(h.rest)) / ledger.amount(h.receipt) for h in hops)
    words = (
        f"{len(hops):,} hops in {len(chains):,} chains, joined by {len(joins):,} accounts that gathered remainders"
        if joins else f"a chain of {len(hops):,} hops"
    )  # fmt: skip
    return Finding(
        RULE, txs, tuple(places),
        {"hops": min(len(chain) for chain in chains), "peel_part": round(largest, 2), "units": str(min(peeled)),
         "passed_on": round(passed, 2), "soon": round(soon, 2), "chains": len(chains), "joins": len(joins),
         "peeled": str(sum(peeled)), "asset": asset.key},
        {"hops": limits.hops, "peel_part": limits.peel_part, "units": str(limits.units),
         "passed_on": limits.passed_on, "soon": limits.soon},
        f"{words}, peeled {sum(peeled):,} units of {asset.key} to {len(places):,} places between {first or '?'} and "
        f"{last or '?'}", first, last,
    )  # fmt: skip
