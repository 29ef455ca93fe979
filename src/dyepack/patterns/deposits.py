"""Exchange deposit addresses, by what they do: they gather what customers send and hand all of it to one hot wallet.

A sweep is a payment that leaves at most 1 % of what the address held; the deposits that it covers are what came in
since the sweep before. An address is a deposit address if of what it paid out, asset by asset,
at least 95 % went to one service in sweeps; the service pays it nothing back but gas; it moves few assets; and it swept
at least twice. Some services sweep once, days after many deposits: one sweep is enough if it gathered two or more
deposits, or if the service paid the gas for it. What tells these addresses from a launderer's next hop is that a
launderer pays out in parts, a deposit address never does. A token that an address pays out without having had it is its
contract's word alone and does not count.

`hot` names the service of each known hot wallet. Without it a hot wallet is whatever several such addresses sweep to
(a hub): weaker, since a collector of someone's own looks the same; such findings have a rule of their own.
Measured (bench/accuracy_accounts.py): see MEASURED.

Invariant: both transactions of every dyed arrival are there to be shown: its own and that of the sweep that covers it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import quoted
from dyepack.patterns.activity import entries, holdings_of, only_places, payments, spans, whole_history, words_of
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.activity import Entry

SHARE = 95
"""Percent of an asset's outflow that went to the service in sweeps."""
RESIDUAL = 1
"""Percent of the balance that a sweep may leave."""
SWEEPS = 2
GATHERED = 2
"""Deposits that a lone sweep must have gathered."""
ASSETS = 20
"""Assets that the address paid out at most."""
HUB = 2
"""Addresses that must sweep to one place before it is taken for a hot wallet without a label."""
GAS = 5 * 10**16
"""Base units of the coin that one gas top-up brings at most (0.05 coins of 18 decimals)."""
MOST_ENTRIES = 100_000
"""Entries of a holding beyond which it is no customer's address and is not looked at."""

MEASURED = (
    "Ronin: all five deposit addresses with their history in the ledger (four of Huobi, one of FTX) without their "
    "labels, no other of 668 addresses; the shipped incident: four of the five that were swept, no other (the fifth "
    "has one deposit and one sweep); Harmony flows: four of six with a label, and eight that act alike and have another"
)
_CONDITIONS = (
    "at least 95 % of the outflow of each asset went to one service, each time all but 1 % of the balance; two sweeps, "
    "or one that gathered two deposits or whose gas the service paid; nothing else came back from it; at most 20 assets"
)
_PARAMETERS: dict[str, int | float | str] = {
    "share": SHARE, "residual": RESIDUAL, "sweeps": SWEEPS, "gathered": GATHERED, "assets": ASSETS, "gas": str(GAS),
}  # fmt: skip

RULE = Rule(
    "exchange-deposit/1", "exchange deposit address", f"hot wallets are known by tag: {_CONDITIONS}",
    "this project's own rule (behavioural test)", 80, "E5", MEASURED, _PARAMETERS,
)  # fmt: skip
HUB_RULE = Rule(
    "exchange-deposit-by-hub/1", "exchange deposit address",
    f"a hub that at least 2 such addresses sweep to stands for a hot wallet: {_CONDITIONS}",
    "this project's own rule (behavioural test), without labels", 50, "E6",
    "Ronin, no labels at all: two of five and no other of 668 addresses (all five and no other with hub=1); "
    "launder-harmony: most of what it finds are the launderers' own collectors",
    _PARAMETERS | {"hub": HUB},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: a payment out of `address` that took all but a residual, and the deposits that it covers.

    deposits  moves that came in since the sweep before, in chain order; `deposit_txs` their transactions
    tx, move  the sweep; `hot` the address id that it went to; `units` base units; `left` what stayed
    delay     seconds from the first covered deposit to the sweep, -1 where times are missing
    """

    address: int
    asset: int
    deposits: tuple[int, ...]
    deposit_txs: tuple[str, ...]
    tx: str
    move: int
    hot: int
    units: int
    left: int
    delay: int


@dataclass(slots=True)
class _Asset:
    """What an address did with one asset."""

    asset: int
    whole: bool
    sweeps: list[Sweep] = field(default_factory=list)
    paid: int = 0
    received: list[Entry] = field(default_factory=list)


def sweeps_of(ledger: Ledger, address: int, *, residual: int = RESIDUAL) -> list[Sweep]:
    """The sweeps of an address in all its assets, in chain order."""
    mine = holdings_of(ledger, only_places(ledger, [address])).get(address, [])
    found = [sweep for holding in mine for sweep in _account(ledger, address, holding, residual).sweeps]
    return sorted(found, key=lambda sweep: sweep.move)


def deposit_addresses(
    ledger: Ledger,
    places: Iterable[int] | None = None,
    *,
    hot: Mapping[int, str] | None = None,
    share: int = SHARE,
    residual: int = RESIDUAL,
    sweeps: int = SWEEPS,
    gathered: int = GATHERED,
    assets: int = ASSETS,
    hub: int = HUB,
    gas: int = GAS,
) -> list[Finding]:
    """Which of `places` (all if None) are deposit addresses, in the order of their first sweep.

    `hot` gives the service of each known hot wallet (address id -> name); None: hubs stand for them.
    `share` and `residual` are percentages, `gas` base units of the native coin.
    """
    limits = _Limits(share, residual, sweeps, gathered, assets, gas)
    known = dict(hot) if hot is not None else {}
    candidates = list(_candidates(ledger, only_places(ledger, places if hot is not None else None), limits, hot))
    if hot is None:
        known = _hubs(ledger, candidates, limits, hub)
    wanted = only_places(ledger, places)
    rule = HUB_RULE if hot is None else RULE
    found = [
        _finding(ledger, rule, address, parts, known, limits)
        for address, parts in candidates
        if wanted[address] and address not in known and _served(parts, known, limits)
    ]
    return [finding for _, finding in sorted(found, key=lambda pair: pair[0])]


def arrivals(ledger: Ledger, address: int, moves: Iterable[int]) -> list[tuple[int, Sweep | None]]:
    """For each arrival (a move into the address) the sweep that covers it, None where none does."""
    covered = {move: sweep for sweep in sweeps_of(ledger, address) for move in sweep.deposits}
    return [(move, covered.get(move)) for move in moves]


@dataclass(frozen=True, slots=True)
class _Limits:
    share: int
    residual: int
    sweeps: int
    gathered: int
    assets: int
    gas: int


def _candidates(
    ledger: Ledger, wanted: npt.NDArray[np.bool_], limits: _Limits, hot: Mapping[int, str] | None
) -> Iterator[tuple[int, list[_Asset]]]:
    """Addresses that paid out little else than sweeps, each with what it did, asset by asset."""
    for address, holdings in holdings_of(ledger, wanted & _mostly_to_one(ledger, limits.share, hot)).items():
        if any(len(ledger.entries(h)) > MOST_ENTRIES for h in holdings):
            continue
        parts = [_account(ledger, address, holding, limits.residual) for holding in holdings]
        spent = [part for part in parts if part.paid]
        if spent and len(spent) <= limits.assets and all(_mostly_swept(part, limits.share) for part in spent):
            yield address, parts


def _mostly_to_one(ledger: Ledger, share: int, hot: Mapping[int, str] | None) -> npt.NDArray[np.bool_]:
    """A mask over addresses that leaves out most that cannot be deposit addresses, and none that can.

    With known hot wallets: who pays one. Without: who pays one place nearly `share` % of the outflow of some asset, in
    double precision and with a margin.
    """
    paid = payments(ledger)
    paid = paid.chosen(paid.payer >= 0)
    mask = np.zeros(len(ledger.address_id), np.bool_)
    if hot is not None:
        mask[paid.payer[only_places(ledger, hot)[paid.payee]]] = True
        return mask
    words = ledger.move_amount[paid.move]
    units = words[:, 0].astype(np.float64) + words[:, 1].astype(np.float64) * 2.0**64
    order = np.lexsort((paid.payee, paid.asset, paid.payer))
    payer, asset, payee, units = paid.payer[order], paid.asset[order], paid.payee[order], units[order]
    holding = np.flatnonzero(np.diff(payer << 32 | asset, prepend=-1))
    if not len(holding):
        return mask
    pair = np.flatnonzero((np.diff(payer << 32 | asset, prepend=-1) != 0) | (np.diff(payee, prepend=-1) != 0))
    total = np.add.reduceat(units, holding)
    most = np.maximum.reduceat(np.add.reduceat(units, pair), np.searchsorted(pair, holding))
    mask[payer[holding[100 * most >= (share - 1) * total]]] = True
    return mask


def _mostly_swept(part: _Asset, share: int) -> bool:
    return 100 * sum(s.units for s in part.sweeps) >= share * part.paid


def _account(ledger: Ledger, address: int, holding: int, residual: int) -> _Asset:
    """Read a holding: its sweeps, what it paid out in all, and what it received."""
    out = _Asset(ledger.holding_asset(holding), whole_history(ledger, holding))
    waiting: list[Entry] = []
    listed = entries(ledger, holding)
    fee_of = {e.tx: e.units for e in listed if e.fee}
    for e in listed:
        if e.incoming:
            waiting.append(e)
            out.received.append(e)
        elif not e.fee and not (out.asset and e.units > e.before):
            out.paid += e.units
            left = e.before - e.units - fee_of.get(e.tx, 0)
            if waiting and left * 100 <= e.before * residual and e.units <= e.before:
                out.sweeps.append(_sweep(ledger, address, out.asset, waiting, e, max(left, 0)))
                waiting = []
    return out


def _sweep(ledger: Ledger, address: int, asset: int, waiting: list[Entry], out: Entry, left: int) -> Sweep:
    told = out.time >= 0 and waiting[0].time >= 0
    return Sweep(
        address, asset, tuple(e.move for e in waiting), tuple(dict.fromkeys(ledger.tx_text(e.tx) for e in waiting)),
        ledger.tx_text(out.tx), out.move, out.far, out.units, left, out.time - waiting[0].time if told else -1,
    )  # fmt: skip


def _served(parts: list[_Asset], known: Mapping[int, str], limits: _Limits) -> str:
    """The one service that an address swept to, "" if it is no deposit address."""
    swept = [s for part in parts for s in part.sweeps if s.hot in known]
    if len({known[s.hot] for s in swept}) != 1:
        return ""
    gas = _gas(parts, limits)
    counted = [n for s in swept if (n := sum(move not in gas for move in s.deposits))]
    from_service = any(e.far in known for e in gas.values())
    enough = len(counted) >= limits.sweeps or sum(counted) >= limits.gathered or (counted and from_service)
    served = all(
        100 * sum(s.units for s in part.sweeps if s.hot in known) >= limits.share * part.paid
        for part in parts if part.paid
    )  # fmt: skip
    back = any(e.far in known and e.move not in gas for part in parts for e in part.received)
    return known[swept[0].hot] if enough and served and not back else ""


def _gas(parts: list[_Asset], limits: _Limits) -> dict[int, Entry]:
    """Receipts of a little native coin before a token was swept, by move: gas for the sweep."""
    last = max((s.move for part in parts if part.asset for s in part.sweeps), default=-1)
    return {e.move: e for part in parts if part.asset == 0 for e in part.received
            if e.units <= limits.gas and e.move < last}  # fmt: skip


def _hubs(ledger: Ledger, candidates: list[tuple[int, list[_Asset]]], limits: _Limits, least: int) -> dict[int, str]:
    """Places that at least so many candidates sweep to: each stands for a hot wallet of a service of its own."""
    swept: Counter[int] = Counter()
    for _, parts in candidates:
        for place in {s.hot for part in parts for s in part.sweeps}:
            swept[place] += bool(_served(parts, {place: "?"}, limits))
    return {place: f"the service of {ledger.address_text(place)}" for place, n in sorted(swept.items()) if n >= least}


def _finding(
    ledger: Ledger, rule: Rule, address: int, parts: list[_Asset], known: Mapping[int, str], limits: _Limits
) -> tuple[int, Finding]:
    """(first sweep, finding) of a deposit address."""
    sweeps = sorted((s for part in parts for s in part.sweeps if s.hot in known), key=lambda s: s.move)
    gas = _gas(parts, limits)
    share = min(100 * sum(s.units for s in part.sweeps if s.hot in known) // part.paid for part in parts if part.paid)
    deposits = [move for s in sweeps for move in s.deposits if move not in gas]
    txs = dict.fromkeys(tx for s in sweeps for tx in (*s.deposit_txs, s.tx))
    first, last = spans(ledger, [int(ledger.move_tx[m]) for m in (sweeps[0].deposits[0], sweeps[-1].move)])
    places = dict.fromkeys([address, *(s.hot for s in sweeps)])
    return sweeps[0].move, Finding(
        rule, tuple(txs), tuple(ledger.address_text(place) for place in places),
        {"share": share, "sweeps": len(sweeps), "deposits": len(deposits), "gas top-ups": len(gas),
         "longest delay (s)": max(s.delay for s in sweeps), "assets": sum(bool(p.paid) for p in parts)},
        {"share": limits.share, "sweeps": limits.sweeps, "deposits": limits.gathered, "assets": limits.assets},
        _words(ledger, address, parts, sweeps, (known[sweeps[0].hot], len(deposits), share)),
        first, last, confidence=rule.confidence * share // 100,
    )  # fmt: skip


def _words(ledger: Ledger, address: int, parts: list[_Asset], sweeps: list[Sweep], said: tuple[str, int, int]) -> str:
    service, deposits, share = said
    sums = Counter[int]()
    for s in sweeps:
        sums[s.asset] += s.units
    amounts = " and ".join(words_of(ledger, units, asset) for asset, units in sorted(sums.items()))
    once = "once" if len(sweeps) == 1 else f"{len(sweeps):,} times"
    known = "" if all(part.whole for part in parts if part.paid) else "; as far as the ledger shows its history"
    return (
        f"{ledger.address_text(address)} was swept {once} to {quoted(service)[1:-1]} ({amounts}, {deposits:,} "
        f"deposits, {share} % of all that it paid out): likely a deposit address there{known}"
    )
