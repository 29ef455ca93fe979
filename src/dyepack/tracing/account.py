"""From runs to a Statement: what ended where under each rule, and the evidence under the headline rule.

Invariant: the amounts of a rule's terminals are the rows of its run and nothing else; `build` refuses (BalanceError)
a statement whose terminals do not add up to its proved balances.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.manifest import NOT_STATED
from dyepack.ledger.schema import ZERO_ADDRESS, ZERO_OF_TRON
from dyepack.tracing.balance import asset_of, ends_of, held_stop
from dyepack.tracing.rules import ALLOCATING
from dyepack.tracing.statement import Balance, Source, Statement, Terminal, Unexplained
from dyepack.tracing.sums import Ints, group_sums
from dyepack.tracing.terminals import Stop, gap_reasons, gaps_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.plan import Plan, Rows, Run
    from dyepack.tracing.resolve import Parameters, Resolved

_AT_SOURCE = (Stop.ISSUED, Stop.UNEXPLAINED, Stop.DECLARED)
_KINDS = 64
_SWAPS_TOLD = 8


@dataclass(frozen=True, slots=True)
class PlaceName:
    """Who an address is said to be, and what says so (the fields of the naming tag)."""

    entity: str
    tag: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """Where the rows of a run ended: one key per (stop, holding, asset), amounts in two words."""

    key: Ints
    rows: Rows
    lo: Any
    hi: Any

    def totals(self) -> dict[int, int]:
        """Units by key."""
        return group_sums(self.key, self.lo, self.hi)


class Keys:
    """Packs (stop, holding or -1, asset) into one whole number and back."""

    def __init__(self, ledger: Ledger) -> None:
        self.assets = len(ledger.assets)

    def pack(self, stop: Ints, place: Ints, asset: Ints) -> Ints:
        """One number per row."""
        return ((place + 1) * self.assets + asset) * _KINDS + stop

    def unpack(self, key: int) -> tuple[Stop, int, int]:
        """(stop, holding or -1, asset) of a number."""
        place, asset = divmod(key // _KINDS, self.assets)
        return Stop(key % _KINDS), place - 1, asset


def ended(ledger: Ledger, plan: Plan, run: Run) -> Ended:
    """Everything of a run that is no longer carried: stopped rows, then what is held."""
    keys = Keys(ledger)
    gone = ~np.isin(run.dyed["stop"], (Stop.CARRIED, Stop.CONVERTED))
    rows = run.dyed[gone]
    ends = ends_of(ledger, plan, rows)
    place = np.where((ends.target < 0) & np.isin(rows["stop"], _AT_SOURCE), ends.source, ends.target)
    stopped = keys.pack(rows["stop"].astype(np.int64), place, asset_of(ledger, ends.source, ends.target))
    holding = run.held["holding"]
    asset = (ledger.holding_key[holding] >> np.uint64(32)).astype(np.int64)
    held = keys.pack(held_stop(ledger, plan, holding), holding, asset)
    return Ended(
        np.concatenate([stopped, held]), rows, np.concatenate([rows["lo"], run.held["lo"]]),
        np.concatenate([rows["hi"], run.held["hi"]]),
    )  # fmt: skip


def build(
    ledger: Ledger,
    resolved: Resolved,
    runs: dict[str, Run],
    balances: list[Balance],
    parameters: Parameters,
    names: Mapping[str, PlaceName],
    title: tuple[str, str],
) -> Statement:
    """The statement of a trace; `title` is (theft ids, title); the first of `runs` is the headline rule's."""
    plan, headline = resolved.plan, next(iter(runs))
    ends = {rule: ended(ledger, plan, run) for rule, run in runs.items()}
    totals = {rule: e.totals() for rule, e in ends.items()}
    statement = Statement(
        theft=title[0], title=title[1], chain=ledger.chain, ledger=ledger.sha256,
        direction="backward" if plan.backward else "forward", rule=headline,
        interval_rules=[r for r in ALLOCATING if r in runs],
        assets={a.key: a for a in ledger.assets},
        sources=_sources(ledger, resolved, balances, headline, runs[headline]),
        terminals=_terminals(ledger, plan, runs[headline], ends[headline], totals, names),
        unexplained=_unexplained(ledger, plan, runs[headline]), balances=balances, parameters=asdict(parameters),
    )  # fmt: skip
    gaps = [t for t in statement.terminals if t.stop in ("gap", "unexplained") and t.amount(headline)]
    statement.complete = not gaps
    statement.notes = _notes(ledger, resolved, runs[headline], gaps)
    statement.check()
    used = {t.asset for t in statement.terminals} | {s.asset for s in statement.sources}
    used |= {b.asset for b in balances} | {u.asset for u in statement.unexplained}
    statement.assets = {k: a for k, a in statement.assets.items() if k in used}
    return statement


def _sources(ledger: Ledger, resolved: Resolved, balances: list[Balance], rule: str, run: Run) -> list[Source]:
    out = []
    for leg in resolved.legs:
        asset = ledger.assets[leg.asset].key
        put = sum(b.put_in for b in balances if b.rule == rule and b.leg == leg.number and b.asset == asset)
        moves = int((run.origin["leg"] == leg.number).sum())
        out.append(Source(leg.number, leg.name, asset, put, moves, leg.evidence))
    return out


def _terminals(
    ledger: Ledger, plan: Plan, run: Run, end: Ended, totals: dict[str, dict[int, int]], names: Mapping[str, PlaceName]
) -> list[Terminal]:
    keys = Keys(ledger)
    by_leg = _by_leg(end, run)
    arrivals = _arrivals(ledger, plan, run, end)
    out = []
    for key in sorted({k for t in totals.values() for k in t}):
        stop, place, asset = keys.unpack(key)
        text = ledger.place_text(place) if place >= 0 else ""
        name = names.get(text) if text else None
        rows = arrivals.get(place if stop in (Stop.HELD, Stop.GAP, Stop.DATE_LIMIT) else -2 - key, run.dyed[:0])
        moves = np.unique(rows["move"][rows["move"] >= 0]).tolist()
        times = [ledger.move_time(m) for m in moves]
        out.append(Terminal(
            place=text, entity=name.entity if name else "", stop=stop.name.lower(), asset=ledger.assets[asset].key,
            amounts={rule: t.get(key, 0) for rule, t in totals.items()},
            by_leg=by_leg.get(key, {}), moves=len(moves),
            first=min(times, default=""), last=max(times, default=""),
            txids=list(dict.fromkeys(ledger.tx_text(int(ledger.move_tx[m])) for m in moves)),
            hops=(int(rows["hop"].min()), int(rows["hop"].max())) if len(rows) else None,
            tag=name.tag if name else None,
            reason=ledger.state_text(place).removeprefix("partial: ") if stop is Stop.GAP and place >= 0 else "",
        ))  # fmt: skip
    headline = next(iter(totals))
    return sorted(out, key=lambda t: (t.stop == "fee", t.asset, -t.amount(headline),
                                      t.stop, t.place))  # fmt: skip


def _by_leg(end: Ended, run: Run) -> dict[int, dict[int, int]]:
    legs = np.concatenate([end.rows["leg"], run.held["leg"]]).astype(np.int64)
    many = int(legs.max()) + 1 if len(legs) else 1
    out: dict[int, dict[int, int]] = {}
    for key, amount in group_sums(end.key * many + legs, end.lo, end.hi).items():
        out.setdefault(key // many, {})[key % many] = amount
    return out


def _arrivals(ledger: Ledger, plan: Plan, run: Run, end: Ended) -> dict[int, Rows]:
    """The dyed rows behind each terminal: by holding for what is held, by -2 - key for what stopped."""
    carried = run.dyed[run.dyed["stop"] == Stop.CARRIED]
    target = ends_of(ledger, plan, carried).target
    wanted = np.isin(target, run.held["holding"])
    out = _grouped(target[wanted], carried[wanted])
    return out | _grouped(-2 - end.key[: len(end.rows)], end.rows)


def _grouped(keys: Ints, rows: Rows) -> dict[int, Rows]:
    if not len(keys):
        return {}
    order = np.argsort(keys, kind="stable")
    ordered, rows = keys[order], rows[order]
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return dict(zip(ordered[start].tolist(), np.split(rows, start[1:]), strict=True))


def _unexplained(ledger: Ledger, plan: Plan, run: Run) -> list[Unexplained]:
    """Clean inflow that nobody saw; what a theft's own move lacked is dyed by it and not counted here."""
    gaps = run.gaps[~np.isin(run.gaps["move"], list(plan.leg_moves))]
    sender = ledger.move_from[gaps["move"]].astype(np.int64)
    asset = (ledger.holding_key[sender] >> np.uint64(32)).astype(np.int64)
    sums = group_sums(asset, gaps["lo"], gaps["hi"])
    return [
        Unexplained(ledger.assets[a].key, int((asset == a).sum()), amount, len(np.unique(sender[asset == a])))
        for a, amount in sums.items()
    ]


def _payee(ledger: Ledger, paid: int) -> str:
    """Whom a swap was made with: tokens that go back to nobody go to their contract."""
    place = ledger.place_text(int(ledger.move_to[paid]))
    return ledger.assets[ledger.move_asset(paid)].key if place in {"", ZERO_ADDRESS, ZERO_OF_TRON} else place


def _swaps(ledger: Ledger, run: Run) -> list[str]:
    """How many swaps were followed, and the busiest places and assets of them."""
    pairs = Counter(
        (_payee(ledger, paid), ledger.move_asset(paid), ledger.move_asset(product))
        for paid, product in set(zip(run.swaps["paid"].tolist(), run.swaps["product"].tolist(), strict=True))
    )
    told = [f"swaps inside one transaction that were followed to their product, in proportion: {pairs.total()}"]
    for (place, sold, bought), n in sorted(pairs.items(), key=lambda p: (-p[1], p[0]))[:_SWAPS_TOLD]:
        names = [ledger.assets[a].symbol or ledger.assets[a].key for a in (sold, bought)]
        often = "once" if n == 1 else f"{n} times"
        told.append(f"swapped at {place}: {names[0]} into {names[1]} ({ledger.assets[bought].key}), {often}")
    return told


def _notes(ledger: Ledger, resolved: Resolved, run: Run, gaps: list[Terminal]) -> list[str]:
    notes = list(dict.fromkeys(resolved.notes))
    if gaps:
        notes += [gaps_note(len(gaps)), *gap_reasons(t.reason for t in gaps)]
    if len(run.swaps):
        notes += _swaps(ledger, run)
    unsure = [h for h in np.unique(run.held["holding"]).tolist() if ledger.holding_state[h] == NOT_STATED]
    if unsure:
        notes.append(
            f"the import did not say whose history it covers: {len(unsure)} places are held as far as it shows"
        )
    oversize = ledger.manifest.counts.get("oversize_moves", 0)
    if oversize:
        notes.append(f"{oversize} moves with amounts over 128 bits are kept raw in the ledger and left out of totals")
    return notes + [f"ledger: {n}" for n in ledger.manifest.notes]
