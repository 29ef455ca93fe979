"""Fan-out and fan-in: one address pays many fresh ones alike; many addresses pay one.

fan-out  within 24 hours one payer, in one asset, pays 10 or more recipients, 80 % of whom are fresh, and what they get
         is alike: a coefficient of variation of at most 0.2, or 80 % of the amounts round. The payer's payments are
         read in chain order; the shortest run with enough recipients is tried at every payment and, where it holds,
         drawn out for as long as it holds. Several payments to one recipient count as one sum (a trial payment first).
fan-in   10 or more senders pay one receiver, and 80 % of all that it received in that asset is dyed.

Fresh: the recipient's first move in the ledger was a payment of this payer, at most 24 hours before, and no fan-out
that was found before paid it; of an address whose history the ledger lacks that is as far as it shows. Round: at most 3
digits that are not trailing zeros, out of 6 or more digits in base units (the second condition keeps assets of few
decimals from being round by themselves).
Invariant: cost is linear in the payments but for sorting; a payment is in one fan-out at most.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.activity import (
    DAY,
    NOBODY,
    dyed_into,
    first_moves,
    only_places,
    payments,
    spans,
    words_of,
)
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64
    from dyepack.patterns.activity import Payments
    from dyepack.tracing.moves import DyedMove

RECIPIENTS = 10
SENDERS = 10
FRESH = 80
"""Percent of the recipients."""
DYED = 80
"""Percent of the receiver's inflow."""
SPREAD = 0.2
"""Coefficient of variation (standard deviation over mean) of what each recipient got."""
ROUND = 80
"""Percent of the payments whose amounts are round."""
DIGITS = 3
_LEAST_DIGITS = 6

FAN_OUT = Rule(
    "fan-out/1", "fan-out",
    "one address pays 10 or more within 24 hours, 80 % of them fresh, with amounts that vary by 0.2 at most or are "
    "round (80 %)", "this project's own rule", 50, "E6",
    "made-up ledgers (bench/accuracy_accounts.py): 182 of 200 splits with jitter and trial payments, no other false "
    "alarm than faucets (20 of 20), which look the same",
    {"recipients": RECIPIENTS, "window (s)": DAY, "fresh (%)": FRESH, "spread": SPREAD, "round (%)": ROUND},
)  # fmt: skip
FAN_IN = Rule(
    "fan-in/1", "fan-in", "10 or more addresses pay one, and 80 % of all that it received is dyed",
    "this project's own rule", 50, "E6",
    "made-up ledgers (bench/accuracy_accounts.py): 165 of 200 collectors, the others hold too much clean money; no "
    "false alarm; the mixer of Ronin gathers alike",
    {"senders": SENDERS, "dyed (%)": DYED},
)  # fmt: skip


def is_round(units: int, digits: int = DIGITS) -> bool:
    """Whether an amount has at most so many digits before its trailing zeros, and 6 or more in all."""
    if units < 10 ** (_LEAST_DIGITS - 1):
        return False
    text = str(units)
    return len(text.rstrip("0")) <= digits


def fan_out(
    ledger: Ledger,
    places: Iterable[int] | None = None,
    *,
    recipients: int = RECIPIENTS,
    window: int = DAY,
    fresh: int = FRESH,
    spread: float = SPREAD,
    rounded: int = ROUND,
) -> list[Finding]:
    """The fan-outs of `places` (all if None), in chain order; `fresh` and `rounded` are percentages."""
    limits = _Limits(recipients, window, fresh, spread, rounded)
    paid = payments(ledger)
    paid = paid.chosen((paid.payer != NOBODY) & only_places(ledger, places)[paid.payer])
    new = _fresh(ledger, paid, window)
    found: list[tuple[int, Finding]] = []
    for rows in _by(paid.payer, paid.asset, least=recipients):
        group = paid.chosen(rows)
        for start, end in _runs(ledger, group, new[rows], limits):
            found.append((int(group.move[start]), _told(ledger, group, new[rows], start, end, limits)))
    return [finding for _, finding in sorted(found, key=lambda pair: pair[0])]


def fan_in(
    ledger: Ledger,
    moves: Iterable[DyedMove] | None = None,
    places: Iterable[int] | None = None,
    *,
    senders: int = SENDERS,
    dyed: int = DYED,
) -> list[Finding]:
    """The fan-ins at `places` (all if None), in the order of their last payment.

    `moves` are the dyed moves of a trace; only senders of dyed units count then. Without them all money counts as dyed.
    """
    into = None if moves is None else dyed_into(ledger, moves)
    wanted = only_places(ledger, places)
    if into is not None:
        wanted &= only_places(ledger, {address for address, _ in into})
    paid = payments(ledger)
    paid = paid.chosen(wanted[paid.payee])
    found = []
    for rows in _by(paid.payee, paid.asset, least=senders):
        group = paid.chosen(rows)
        part = None if into is None else into.get((int(group.payee[0]), int(group.asset[0])), {})
        if (finding := _gathered(ledger, group, part, senders, dyed)) is not None:
            found.append((int(group.move[-1]), finding))
    return [finding for _, finding in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class _Limits:
    recipients: int
    window: int
    fresh: int
    spread: float
    rounded: int


@dataclass(slots=True)
class _Run:
    """A run of payments of one payer: what each recipient got, and the sums that the conditions need."""

    got: dict[int, int] = field(default_factory=dict)
    count: Counter[int] = field(default_factory=Counter)
    new: Counter[int] = field(default_factory=Counter)
    fresh: int = 0
    total: int = 0
    squares: int = 0
    round: int = 0
    payments: int = 0

    def change(self, payee: int, units: int, *, new: bool, add: bool) -> None:
        """Take a payment in, or the oldest one out."""
        sign = 1 if add else -1
        old = self.got.get(payee, 0)
        now = old + sign * units
        self.total += sign * units
        self.squares += now * now - old * old
        self.round += sign * is_round(units)
        self.payments += sign
        was = self.new[payee] > 0
        self.count[payee] += sign
        self.new[payee] += sign * new
        self.fresh += (self.new[payee] > 0) - was
        self.got[payee] = now
        if not self.count[payee]:
            del self.got[payee]

    def spread(self) -> float:
        """The coefficient of variation of what the recipients got."""
        n = len(self.got)
        return math.sqrt(max(n * self.squares - self.total * self.total, 0)) / self.total if self.total else 0.0

    def holds(self, limits: _Limits) -> bool:
        """Whether the conditions are met."""
        alike = 100 * self.round >= limits.rounded * self.payments or self.spread() <= limits.spread
        return len(self.got) >= limits.recipients and 100 * self.fresh >= limits.fresh * len(self.got) and alike


def _fresh(ledger: Ledger, paid: Payments, window: int) -> I64:
    """For each payment whether the payee's first move was one of this payer's, not longer ago than the window."""
    first = first_moves(ledger)[paid.payee]
    at = np.searchsorted(paid.move, first)
    inside = np.minimum(at, max(len(paid) - 1, 0))
    same = (paid.move[inside] == first) & (paid.payer[inside] == paid.payer) & (paid.payee[inside] == paid.payee)
    return np.asarray(same & (paid.time - paid.time[inside] <= window), np.int64)


def _by(place: I64, asset: I64, *, least: int) -> Iterator[I64]:
    """The rows of each place and asset that has at least so many, in chain order."""
    order = np.lexsort((np.arange(len(place)), asset, place))
    ordered = place[order] << 32 | asset[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    for rows in np.split(order, starts[1:]):
        if len(rows) >= least:
            yield rows


def _runs(ledger: Ledger, group: Payments, new: I64, limits: _Limits) -> Iterator[tuple[int, int]]:
    """[start, end) of the fan-outs among one payer's payments in one asset."""
    payee, time, fresh = group.payee.tolist(), group.time.tolist(), [bool(n) for n in new.tolist()]
    units = [ledger.amount(move) for move in group.move.tolist()]
    following: dict[int, list[int]] = {}
    for at, far in enumerate(payee):
        following.setdefault(far, []).append(at)
    run, waiting = _Run(), deque[int]()
    end = 0

    def drop() -> None:
        at = waiting.popleft()
        run.change(payee[at], units[at], new=fresh[at], add=False)

    while end < len(payee):
        waiting.append(end)
        run.change(payee[end], units[end], new=fresh[end], add=True)
        end += 1
        while time[end - 1] - time[waiting[0]] > limits.window:
            drop()
        while len(run.got) > limits.recipients or (waiting and run.count[payee[waiting[0]]] > 1):
            drop()
        if not run.holds(limits):
            continue
        start = waiting[0]
        end = _longest(run, end, limits, (payee, time, units, fresh), time[start])
        yield start, end
        for at in range(start, end):
            for later in following[payee[at]]:
                fresh[later] = fresh[later] and later < end
            following[payee[at]] = []
        run, waiting = _Run(), deque()


def _longest(
    run: _Run, end: int, limits: _Limits, columns: tuple[list[int], list[int], list[int], list[bool]], since: int
) -> int:
    """How far a run that holds can be drawn out."""
    payee, time, units, fresh = columns
    while end < len(payee) and time[end] - since <= limits.window:
        run.change(payee[end], units[end], new=fresh[end], add=True)
        if not run.holds(limits):
            run.change(payee[end], units[end], new=fresh[end], add=False)
            break
        end += 1
    return end


def _told(ledger: Ledger, group: Payments, new: I64, start: int, end: int, limits: _Limits) -> Finding:
    run, asset = _Run(), int(group.asset[0])
    for at in range(start, end):
        run.change(int(group.payee[at]), ledger.amount(int(group.move[at])), new=bool(new[at]), add=True)
    payer = ledger.address_text(int(group.payer[0]))
    txs = list(dict.fromkeys(group.tx[start:end].tolist()))
    seconds = int(group.time[end - 1] - group.time[start])
    spread, rounded = round(run.spread(), 3), 100 * run.round // run.payments
    first, last = spans(ledger, txs)
    return Finding(
        FAN_OUT, tuple(ledger.tx_text(tx) for tx in txs),
        (payer, *(ledger.address_text(p) for p in dict.fromkeys(group.payee[start:end].tolist()))),
        {"recipients": len(run.got), "window (s)": seconds, "fresh (%)": 100 * run.fresh // len(run.got),
         "spread": spread, "round (%)": rounded, "units": str(run.total)},
        {"recipients": limits.recipients, "window (s)": limits.window, "fresh (%)": limits.fresh,
         "spread": limits.spread, "round (%)": limits.rounded},
        f"{payer} paid {words_of(ledger, run.total, asset)} to {len(run.got):,} addresses within {seconds:,} s, "
        f"{run.fresh:,} of them never seen before; amounts vary by {spread:.3f}, {rounded} % are round",
        first, last,
    )  # fmt: skip


def _gathered(ledger: Ledger, group: Payments, part: dict[int, int] | None, senders: int, dyed: int) -> Finding | None:
    units = {move: ledger.amount(move) for move in group.move.tolist()}
    total = sum(units.values()) + sum(u for move, u in (part or {}).items() if move < 0)
    stained = units if part is None else part
    rows = [at for at, move in enumerate(group.move.tolist()) if stained.get(move)]
    payers = list(dict.fromkeys(p for p in group.payer[rows].tolist() if p != NOBODY))
    share = 100 * sum(stained.values()) // total if total else 0
    if len(payers) < senders or share < dyed:
        return None
    receiver, asset = ledger.address_text(int(group.payee[0])), int(group.asset[0])
    txs = list(dict.fromkeys(group.tx[rows].tolist()))
    first, last = spans(ledger, txs)
    what = f"{share} % of it dyed" if part is not None else "all of it, without a trace"
    return Finding(
        FAN_IN, tuple(ledger.tx_text(tx) for tx in txs), (*(ledger.address_text(p) for p in payers), receiver),
        {"senders": len(payers), "dyed (%)": share, "units": str(total), "dyed units": str(sum(stained.values()))},
        {"senders": senders, "dyed (%)": dyed},
        f"{receiver} received {words_of(ledger, total, asset)}, {what}; {len(payers):,} addresses sent the dyed units",
        first, last,
    )  # fmt: skip
