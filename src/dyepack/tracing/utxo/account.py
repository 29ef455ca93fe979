"""From runs on a ledger of outputs to a Statement: what ended where under each rule.

A terminal is an address (an output, where its script has none) and a reason; the transactions that brought units
there under the headline rule stand behind it.
Invariant: the amounts of a rule's terminals are the rows of its run and nothing else; `build` refuses (BalanceError)
a statement whose terminals do not add up to its proved balances.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.content import time_text
from dyepack.ledger.utxo.schema import NO_ADDRESS
from dyepack.tracing.rules import ALLOCATING
from dyepack.tracing.statement import Balance, Source, Statement, Terminal
from dyepack.tracing.sums import group_sums
from dyepack.tracing.terminals import Stop, gaps_note
from dyepack.tracing.utxo.plan import FEE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.account import PlaceName
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.sums import Ints
    from dyepack.tracing.utxo.plan import Rows, UtxoRun
    from dyepack.tracing.utxo.resolve import UtxoResolved

_KINDS = 64
_NOWHERE = 1 << 40
"""Above every output: the place of fees. Addresses are places 0 to 2^32, outputs without one follow them."""

_OUTSIDE = 1 << 48
"""Above that: inputs that spend an output which the ledger does not hold and whose address nobody said."""


def build(
    ledger: UtxoLedger,
    resolved: UtxoResolved,
    runs: dict[str, UtxoRun],
    balances: list[Balance],
    parameters: Parameters,
    names: Mapping[str, PlaceName],
    title: tuple[str, str],
) -> Statement:
    """The statement of a trace; `title` is (theft ids, title); the first of `runs` is the headline rule's."""
    headline = next(iter(runs))
    statement = Statement(
        theft=title[0], title=title[1], chain=ledger.chain, ledger=ledger.sha256,
        direction="backward" if resolved.plan.backward else "forward", rule=headline,
        interval_rules=[r for r in ALLOCATING if r in runs], assets={a.key: a for a in ledger.assets},
        sources=_sources(ledger, resolved, balances, runs[headline]),
        terminals=_terminals(ledger, runs, names), unexplained=[], balances=balances,
        parameters=asdict(parameters),
    )  # fmt: skip
    gaps = [t for t in statement.terminals if t.stop == "gap" and t.amount(headline)]
    statement.complete = not gaps
    statement.notes = _notes(ledger, resolved, gaps)
    statement.check()
    return statement


def _sources(ledger: UtxoLedger, resolved: UtxoResolved, balances: list[Balance], run: UtxoRun) -> list[Source]:
    put = {b.leg: b.put_in for b in balances if b.rule == run.rule}
    count = np.bincount(run.origin["leg"], minlength=len(resolved.legs) + 1)
    return [Source(leg.number, leg.name, ledger.assets[0].key, put.get(leg.number, 0), int(count[leg.number]),
                   leg.evidence) for leg in resolved.legs]  # fmt: skip


def place_keys(ledger: UtxoLedger, rows: Rows) -> Ints:
    """A number for (stop, place) of each row."""
    output = rows["output"]
    at = np.where(output >= 0, output, 0)
    address = ledger.output_address[at].astype(np.int64)
    place = np.where(address == NO_ADDRESS, NO_ADDRESS + 1 + output, address)
    outside = output < FEE
    if outside.any():
        at = -2 - output[outside]
        address = ledger.outside_address[ledger.input_index[at]].astype(np.int64)
        place[outside] = np.where(address == NO_ADDRESS, _OUTSIDE + at, address)
    place[output == FEE] = _NOWHERE
    return np.asarray(place * _KINDS + rows["stop"], np.int64)


def _place(ledger: UtxoLedger, key: int) -> tuple[Stop, str]:
    place, stop = divmod(key, _KINDS)
    if place == _NOWHERE:
        return Stop(stop), ""
    if place >= _OUTSIDE:
        return Stop(stop), ledger.outside_text(place - _OUTSIDE)
    if place > NO_ADDRESS:
        return Stop(stop), ledger.outpoint_text(place - NO_ADDRESS - 1)
    return Stop(stop), ledger.address_text(place)


def _terminals(ledger: UtxoLedger, runs: dict[str, UtxoRun], names: Mapping[str, PlaceName]) -> list[Terminal]:
    headline = next(iter(runs))
    totals: dict[str, dict[int, int]] = {}
    for rule, run in runs.items():
        ended = run.dyed[run.dyed["stop"] != Stop.CARRIED]
        totals[rule] = group_sums(place_keys(ledger, ended), ended["units"], np.zeros(len(ended), np.uint64))
    behind = _behind(ledger, runs[headline])
    out = []
    for key in sorted({k for t in totals.values() for k in t}):
        stop, place = _place(ledger, key)
        name = names.get(place) if place else None
        rows = behind.get(key, runs[headline].dyed[:0])
        txs = np.unique(rows["tx"]).tolist()
        times = [ledger.tx_time(tx) for tx in txs]
        zero = np.zeros(len(rows), np.uint64)
        out.append(Terminal(
            place=place, entity=name.entity if name else "", stop=stop.name.lower(), asset=ledger.assets[0].key,
            amounts={rule: t.get(key, 0) for rule, t in totals.items()},
            by_leg=group_sums(rows["leg"].astype(np.int64), rows["units"], zero), moves=len(txs),
            first=min(times, default=""), last=max(times, default=""), txids=[ledger.tx_text(tx) for tx in txs],
            hops=(int(rows["hop"].min()), int(rows["hop"].max())) if len(rows) else None,
            tag=name.tag if name else None, reason=_gap_reason(ledger, rows) if stop is Stop.GAP else "",
        ))  # fmt: skip
    return sorted(out, key=lambda t: (t.stop == "fee", -t.amount(headline), t.stop, t.place))


def _gap_reason(ledger: UtxoLedger, rows: Rows) -> str:
    """Why nobody knows how it goes on from these outputs, each reason once, where a live source said."""
    said = ledger.manifest.gap_reasons
    outputs = np.unique(rows["output"]).tolist() if said else []
    texts = (ledger.outpoint_text(o) if o >= 0 else ledger.outside_text(-2 - o) for o in outputs)
    return "; ".join(sorted({said[text] for text in texts if text in said}))


def _behind(ledger: UtxoLedger, run: UtxoRun) -> dict[int, Rows]:
    """The rows of the headline rule that ended, by terminal."""
    rows = run.dyed[run.dyed["stop"] != Stop.CARRIED]
    keys = place_keys(ledger, rows)
    order = np.argsort(keys, kind="stable")
    start = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return dict(zip(keys[order][start].tolist(), np.split(rows[order], start[1:]), strict=True)) if len(rows) else {}


def _notes(ledger: UtxoLedger, resolved: UtxoResolved, gaps: list[Terminal]) -> list[str]:
    notes = list(dict.fromkeys(resolved.notes))
    if gaps:
        notes.append(gaps_note(len(gaps)))
    if ledger.complete:
        time = time_text(int(ledger.block_time[-1]))
        last = f"block {int(ledger.block_height[-1]):,}" + (f" ({time})" if time else "")
        notes.append(f"what is held was unspent at the ledger's last block, {last}")
    elif "not_asked_outputs" not in ledger.manifest.counts:
        notes.append("the ledger does not hold whole blocks without a hole: what is held is held as far as it shows")
    return notes + [f"ledger: {n}" for n in ledger.manifest.notes]
