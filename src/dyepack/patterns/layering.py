"""Layering: chains of payments through addresses that only pass money on.

An address passes on, in one asset, if it has one payer and one payee, another; or if its first and last payments lie at
most 10 days apart and at most 1 % of what it received is still there. A chain is at least 4 payments, each from the
payee of the one before, later than it, with every address between passing on. So that a speck of dust does not link two
flows, an onward payment carries at least a tenth of the one before.

The longest chains are told first found, each payment in one of them only: a chain that runs into another one ends there
and counts if it is long enough by itself. Places where many meet (services) never pass on in this sense.
Invariant: cost is linear in the payments but for sorting; no chain visits an address twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.activity import DAY, NOBODY, balance_at_end, only_places, payments, spans, words_of
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64
    from dyepack.patterns.activity import Payments

LENGTH = 4
LIFETIME = 10 * DAY
RESIDUAL = 1
"""Percent of what an address received that may stay with it."""
CARRIED = 10
"""Percent of a payment that the next one carries at least."""

RULE = Rule(
    "layering/1", "layering",
    "4 or more payments through addresses that have one payer and one payee, or that live 10 days at most and keep 1 % "
    "at most", "this project's own rule", 50, "E6",
    "made-up ledgers (bench/accuracy_accounts.py): 200 of 200 chains, and 60 false ones among 11,640 short-lived "
    "payers; give it the places of a trace",
    {"length": LENGTH, "lifetime (s)": LIFETIME, "residual (%)": RESIDUAL, "carried (%)": CARRIED},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passing:
    """The holdings that pass on, by rank in `key` (asset << 32 | address, ascending): mask (n,) and why.

    single  whether it has one payer and one payee; `brief` whether it is short-lived and emptied
    """

    key: I64
    single: npt.NDArray[np.bool_]
    brief: npt.NDArray[np.bool_]

    def of(self, place: I64, asset: I64) -> npt.NDArray[np.bool_]:
        """Whether each (place, asset) passes on."""
        wanted = asset << 32 | np.maximum(place, 0)
        at = np.minimum(np.searchsorted(self.key, wanted), max(len(self.key) - 1, 0))
        if not len(self.key):
            return np.zeros(len(place), np.bool_)
        return np.asarray((self.key[at] == wanted) & (self.single | self.brief)[at] & (place >= 0))


def layering(
    ledger: Ledger,
    places: Iterable[int] | None = None,
    *,
    length: int = LENGTH,
    lifetime: int = LIFETIME,
    residual: int = RESIDUAL,
    carried: int = CARRIED,
) -> list[Finding]:
    """The longest chains, longest first; with `places` only payments that one of them makes."""
    paid = payments(ledger)
    units = [ledger.amount(move) for move in paid.move.tolist()]
    passing = passing_on(ledger, paid, lifetime=lifetime, residual=residual)
    through = passing.of(paid.payer, paid.asset).tolist()
    chosen = (only_places(ledger, places)[paid.payer] & (paid.payer != NOBODY)).tolist()
    before, long = _longest(paid, units, through, chosen, carried)
    limits = {"length": length, "lifetime (s)": lifetime, "residual (%)": residual, "carried (%)": carried}
    return [_told(ledger, paid, units, chain, limits) for chain in _apart(paid, before, long, length)]


def passing_on(ledger: Ledger, paid: Payments, *, lifetime: int = LIFETIME, residual: int = RESIDUAL) -> Passing:
    """Which (asset, address) pass on, out of all payments of a ledger."""
    known = paid.payer != NOBODY
    into, out = paid.asset << 32 | paid.payee, paid.asset << 32 | np.maximum(paid.payer, 0)
    key = np.intersect1d(into, out[known])
    one_payer, payer = _only(key, into, paid.payer)
    one_payee, payee = _only(key, out[known], paid.payee[known])
    first = np.full(len(key), np.iinfo(np.int64).max, np.int64)
    last = np.full(len(key), -1, np.int64)
    for keys, time in ((into, paid.time), (out[known], paid.time[known])):
        at, mine = _ranks(key, keys)
        np.minimum.at(first, at, time[mine])
        np.maximum.at(last, at, time[mine])
    brief = last - first <= lifetime
    short, mine = _ranks(np.flatnonzero(brief), _ranks(key, into)[0])
    received = dict.fromkeys(np.flatnonzero(brief).tolist(), 0)
    rows = np.flatnonzero(_ranks(key, into)[1])[mine]
    for place, move in zip(np.flatnonzero(brief)[short].tolist(), paid.move[rows].tolist(), strict=True):
        received[place] += ledger.amount(move)
    holding = np.searchsorted(ledger.holding_key, key.astype(np.uint64))
    for place, units in received.items():
        brief[place] = 100 * balance_at_end(ledger, int(holding[place])) <= residual * units
    return Passing(key, one_payer & one_payee & (payer != payee), brief)


def _ranks(key: I64, keys: I64) -> tuple[I64, npt.NDArray[np.bool_]]:
    """(the ranks in `key` of those of `keys` that are there, which are): `key` ascending."""
    if not len(key):
        return np.zeros(0, np.int64), np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(key, keys), len(key) - 1)
    mine = key[at] == keys
    return at[mine], mine


def _only(key: I64, keys: I64, far: I64) -> tuple[npt.NDArray[np.bool_], I64]:
    """For each key whether all its rows have one `far`, and the smallest."""
    low = np.full(len(key), np.iinfo(np.int64).max, np.int64)
    high = np.full(len(key), np.iinfo(np.int64).min, np.int64)
    at, mine = _ranks(key, keys)
    np.minimum.at(low, at, far[mine])
    np.maximum.at(high, at, far[mine])
    return low == high, low


def _longest(
    paid: Payments, units: list[int], through: list[bool], chosen: list[bool], carried: int
) -> tuple[list[int], list[int]]:
    """For each payment the one before it in the longest chain that ends with it (-1: none), and that chain's length.

    Of chains of one length the one whose last payment is the newest goes on: an address passes on what it just got.
    """
    best: dict[int, int] = {}
    before, long = [-1] * len(paid), [0] * len(paid)
    payer, payee, asset, tx = (c.tolist() for c in (paid.payer, paid.payee, paid.asset, paid.tx))
    for row in range(len(paid)):
        if not chosen[row]:
            continue
        long[row] = 1
        came = best.get(asset[row] << 32 | payer[row], -1) if through[row] else -1
        if came >= 0 and tx[came] < tx[row] and 100 * units[row] >= carried * units[came]:
            before[row], long[row] = came, long[came] + 1
        here = asset[row] << 32 | payee[row]
        if here not in best or long[row] >= long[best[here]]:
            best[here] = row
    return before, long


def _apart(paid: Payments, before: list[int], long: list[int], length: int) -> list[list[int]]:
    """Chains of at least so many payments, longest first, no payment in two and no address twice in one."""
    ends = sorted((row for row in range(len(long)) if long[row] >= length), key=lambda row: (-long[row], row))
    used: set[int] = set()
    chains = []
    for end in ends:
        chain: list[int] = []
        met = {int(paid.payee[end])}
        row = end
        while row >= 0 and row not in used and int(paid.payer[row]) not in met:
            chain.append(row)
            met.add(int(paid.payer[row]))
            row = before[row]
        used.update(chain)
        if len(chain) >= length:
            chains.append(chain[::-1])
    return sorted(chains, key=lambda chain: (-len(chain), chain[0]))


def _told(ledger: Ledger, paid: Payments, units: list[int], chain: list[int], limits: dict[str, int]) -> Finding:
    asset = int(paid.asset[chain[0]])
    places = [int(paid.payer[chain[0]]), *(int(paid.payee[row]) for row in chain)]
    seconds = int(paid.time[chain[-1]] - paid.time[chain[0]])
    start, end = ledger.address_text(places[0]), ledger.address_text(places[-1])
    first, last = spans(ledger, [int(paid.tx[row]) for row in chain])
    return Finding(
        RULE, tuple(ledger.tx_text(int(paid.tx[row])) for row in chain), tuple(ledger.address_text(p) for p in places),
        {"length": len(chain), "seconds": seconds, "units first": str(units[chain[0]]),
         "units last": str(units[chain[-1]])},
        dict(limits),
        f"{words_of(ledger, units[chain[0]], asset)} went from {start} through {len(chain) - 1:,} addresses that only "
        f"passed money on, {words_of(ledger, units[chain[-1]], asset)} of it to {end}, in {seconds:,} s",
        first, last,
    )  # fmt: skip
