"""A statement, a path, a ledger and the rules as a terminal shows them.

Invariant: every text from outside passes `for_terminal` and is wrapped in rich Text, never parsed as markup;
the last lines of a statement are its balance, to the last unit. Output is readable without colour.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dyepack.ledger.manifest import OUTPUTS
from dyepack.ledger.schema import AFTER_TRANSACTIONS
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.supply import supply
from dyepack.report.probable import probable_lines
from dyepack.report.words import Names, counted, joined, labelled, stop_words, utc
from dyepack.sinks import for_terminal, visible
from dyepack.tracing.path import EXACT
from dyepack.tracing.rules import EXAMPLE, RULES, work_example

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.open import AnyLedger
    from dyepack.tracing.path import Routes, Step
    from dyepack.tracing.statement import Statement, Terminal

SHOWN = 8
"""Unnamed places of one kind that are listed before the rest is summed up."""


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for whole addresses where there is none.

    NO_COLOR (no-color.org) takes away every escape code, bold included.
    """
    plain = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    made = Console(**plain)  # type: ignore[arg-type]
    if not made.is_terminal:
        return Console(**plain, width=600, force_terminal=False)  # type: ignore[arg-type]
    return Console(**plain, force_terminal=False, width=made.width) if os.environ.get("NO_COLOR") else made  # type: ignore[arg-type]


def safe(text: str, style: str = "") -> Text:
    """A text from outside, ready for a table cell."""
    return Text(for_terminal(text), style=style)


def statement_lines(statement: Statement, *, every: bool = False) -> Group:
    """The whole statement: what was taken, where it is, how sure that is, the balance."""
    names = Names(statement)
    parts: list[RenderableType] = [
        safe(statement.title, "bold"),
        safe_long(f"rule {statement.rule}, fixed before the run; intervals over {', '.join(statement.interval_rules)}"
             + ("; unmixed = " + statement.unmixed_rule if _unmixed(statement) else "; backward")
             + f"; fees: {statement.parameters.get('fees', '')}; least and most are over these rules; "
             "amounts in tables are cut to four places"),
        Text(""),
    ]  # fmt: skip
    parts += [
        safe_long(
            f"leg {s.leg} {s.name}: {names.exact(s.asset, s.amount)} in {counted(s.moves, 'move')} ({s.evidence})"
        )
        for s in statement.sources
        if s.amount or statement.direction == "forward"
    ]
    for asset in dict.fromkeys([s.asset for s in statement.sources] + [t.asset for t in statement.terminals]):
        members = [t for t in statement.terminals if t.asset == asset and _counts(t, statement)]
        if members:
            parts += [Text(""), _terminals(statement, names, asset, members, every=every)]
    parts += [Text("")]
    parts += [
        safe_long(
            f"unexplained inflow (clean): {names.exact(u.asset, u.amount)} in {counted(u.moves, 'move')} "
            f"of {counted(u.places, 'address', 'addresses')} that held dye at the time"
        )
        for u in statement.unexplained
    ]
    parts += [safe_long(line) for line in _dropped(statement, names)]
    parts += [safe_long(line) for line in probable_lines(statement, names, every=every)]
    parts += [safe_long(line) for line in _grounds(statement)]
    parts += [safe_long(f"note: {n}") for n in statement.notes]
    return Group(*parts, Text(""), *_balance(statement, names))


def _grounds(statement: Statement) -> list[str]:
    """Whose word the names of places are, and the limits that were set."""
    said: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for t in statement.terminals:
        if labelled(t) and t.tag and _counts(t, statement):
            said[str(t.tag["source"]), int(t.tag["confidence"]), str(t.tag["evidence"])].append(t.entity)
    lines = [
        f"names of {joined(list(dict.fromkeys(who)))}: tags of {source}, confidence {confidence}/100, class {evidence}"
        for (source, confidence, evidence), who in said.items()
    ]
    limits = {
        k: v for k, v in statement.parameters.items() if k in ("cut_off", "hops", "until", "follow", "stop") and v
    }
    if "until" in limits:
        limits["until"] = utc(datetime.fromtimestamp(int(limits["until"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return lines + [f"limits: {k} {v}" for k, v in limits.items()]


def _dropped(statement: Statement, names: Names) -> list[str]:
    """What the column "unmixed" leaves out, where the headline rule follows it."""
    if statement.rule == statement.unmixed_rule:
        return []
    found: dict[str, int] = defaultdict(int)
    for t in statement.terminals:
        found[t.asset] += t.amount(statement.unmixed_rule) if t.stop == "mixed" else 0
    return [
        f"unmixed leaves out {names.exact(asset, units)}: {statement.unmixed_rule} drops what met clean money"
        for asset, units in found.items()
        if units
    ]


def _unmixed(statement: Statement) -> bool:
    """Whether the lower bound was run: backward it is not."""
    return any(statement.unmixed_rule in t.amounts for t in statement.terminals)


def _words(statement: Statement, stop: str) -> str:
    return stop_words(stop, backward=statement.direction == "backward")


def _counts(t: Terminal, statement: Statement) -> bool:
    """Whether a rule that follows every unit sends some here."""
    return any(t.amount(rule) for rule in (statement.rule, *statement.interval_rules))


def _terminals(statement: Statement, names: Names, asset: str, members: list[Terminal], *, every: bool) -> Table:
    table = Table(box=None, pad_edge=False, title=safe(f"where the {names.symbol(asset)} is now"
                  if statement.direction == "forward" else f"where the {names.symbol(asset)} came from"),
                  title_justify="left", title_style="bold", header_style="bold")  # fmt: skip
    for head in ("place", "what"):
        table.add_column(head, overflow="fold")
    for head in ("amount", "least", "most", *(["unmixed"] if _unmixed(statement) else []), "moves", "hops"):
        table.add_column(head, justify="right", no_wrap=True)
    for head in ("first", "last"):
        table.add_column(head, no_wrap=True)
    for name, group in _grouped(statement, members):
        shown = group if every or name else group[:SHOWN]
        if name and len(group) > 1:
            _row(table, statement, names, name, group, bold=True)
        for t in shown:
            label = t.place if name and len(group) > 1 else f"{labelled(t)} {t.place}".strip() or "miners, validators"
            _row(table, statement, names, ("  " if name and len(group) > 1 else "") + label, [t])
        if len(shown) < len(group):
            _row(table, statement, names, f"{len(group) - len(shown)} more places", group[len(shown) :])
    return table


def _grouped(statement: Statement, members: list[Terminal]) -> Iterable[tuple[str, list[Terminal]]]:
    """Terminals by entity, the unnamed by stop; the largest first, fees last."""
    found: dict[tuple[str, str], list[Terminal]] = defaultdict(list)
    for t in members:
        found[labelled(t), "" if labelled(t) else t.stop].append(t)
    for group in found.values():
        group.sort(key=lambda t: (-t.amount(statement.rule), t.place))

    def rank(key: tuple[str, str]) -> tuple[bool, bool, int, tuple[str, str]]:
        return key[1] == "fee", not key[0], -sum(t.amount(statement.rule) for t in found[key]), key

    return [(key[0], found[key]) for key in sorted(found, key=rank)]


def _row(
    table: Table, statement: Statement, names: Names, label: str, group: list[Terminal], *, bold: bool = False
) -> None:
    asset = names.asset(group[0].asset)
    places = min(4, asset.decimals or 0)

    def amount(rule: str) -> int:
        return sum(t.amount(rule) for t in group)

    def shown(units: int) -> Text:
        return Text(asset.format(units, places=places))

    spread = [amount(rule) for rule in statement.interval_rules]
    hops = [h for t in group if t.hops for h in t.hops]
    first = min((t.first for t in group if t.first), default="")
    last = max((t.last for t in group if t.last), default="")
    what = "; ".join(dict.fromkeys(_words(statement, t.stop) for t in group))
    table.add_row(
        safe(label), safe_long(what), shown(amount(statement.rule)),
        shown(min(spread)), shown(max(spread)),
        *([shown(amount(statement.unmixed_rule))] if _unmixed(statement) else []),
        Text(f"{sum(t.moves for t in group):,}"),
        Text("" if not hops else f"{min(hops)}" if min(hops) == max(hops) else f"{min(hops)}-{max(hops)}"),
        safe(utc(first)[:16]), safe(utc(last)[:16]), style="bold" if bold else "",
    )  # fmt: skip


def _balance(statement: Statement, names: Names) -> list[RenderableType]:
    """Per asset, both sides of the headline rule's balance to the last unit; then how many proofs hold."""
    out: list[RenderableType] = []
    mine = [b for b in statement.balances if b.rule == statement.rule]
    for asset in dict.fromkeys(b.asset for b in mine):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column()
        table.add_column(justify="right", no_wrap=True)
        put = sum(b.put_in for b in mine if b.asset == asset)
        came = sum(b.swapped_in for b in mine if b.asset == asset)
        gone = sum(b.swapped_out for b in mine if b.asset == asset)
        parts: dict[str, int] = defaultdict(int)
        for t in statement.terminals:
            if t.asset == asset:
                parts[t.stop] += t.amount(statement.rule)
        rows = [("dyed: put in by the theft" if statement.direction == "forward" else "followed back", put)] + (
            [("dyed: came in through swaps", came)] if came else []
        )
        ends = [(f"  {_words(statement, stop)}", units) for stop, units in parts.items() if units]
        ends += [("  " + stop_words("converted"), gone)] if gone else []
        for words, units in [*rows, *ends, ("sum of the parts", sum(parts.values()) + gone)]:
            table.add_row(safe_long(words), Text(asset_amount(names, asset, units)))
        table.add_row(Text("difference"), Text(asset_amount(names, asset, put + came - sum(parts.values()) - gone)))
        out += [safe_long(f"balance of {names.symbol(asset)} under {statement.rule}", style="bold"), table]
    rules = list(dict.fromkeys(b.rule for b in statement.balances))
    holding = sum(b.holds for b in statement.balances)
    reach = "; poison is an upper bound on reach, not money" if _unmixed(statement) else ""
    proofs = f"{holding} of {len(statement.balances)} proofs hold, per leg and asset, to the last unit"
    return [*out, safe_long(f"the books balance: {proofs}, under {', '.join(rules)}{reach}")]


def asset_amount(names: Names, asset: str, units: int) -> str:
    """An amount with all its decimals, so that columns of them align."""
    found = names.asset(asset)
    return f"{found.format(units, places=found.decimals or 0)} {for_terminal(names.symbol(asset))}"


def rules_lines() -> Group:
    """Every rule in words, with the worked account of the methods reference."""
    words = Table(box=None, pad_edge=False, show_header=False)
    words.add_column(no_wrap=True, style="bold")
    words.add_column()
    for r in RULES.values():
        words.add_row(Text(r.name), Text(f"{r.title}. {r.words}"))
    outs = [(step, -units, what) for step, units, what in EXAMPLE if units < 0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("dyed under")
    for step, units, what in outs:
        table.add_column(f"{step} -{units} {what}", justify="right")
    table.add_column("left of 5", justify="right")
    for name in RULES:
        dyed, left = work_example(name)
        table.add_row(Text(name), *(Text(f"{u // 100}.{u % 100:02d}") for u in [*dyed, left]))
    story = ", ".join(f"{step} {units:+d} {what}" for step, units, what in EXAMPLE)
    return Group(words, Text(""), Text(f"An account: {story}; closing balance 5."), table)


def ledger_lines(ledger: AnyLedger, *, checked: bool) -> Group:
    """What a ledger says about itself."""
    about = ledger.manifest
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    chain = f"{about.chain} ({about.network})" if about.network else about.chain
    rows = [("chain", chain), ("sha256", ledger.sha256 + (" (all columns checked)" if checked else ""))]
    for end, where in (("first", about.first), ("last", about.last)):
        when = datetime.fromtimestamp(where["time"], UTC).isoformat() if where.get("time", -1) >= 0 else "time unknown"
        rank = where.get("tx_index")
        place = "after its transactions" if rank == AFTER_TRANSACTIONS else f"transaction {rank}"
        place = f"block {where.get('block')}" + ("" if rank is None else f", {place}")
        rows.append((f"{end} position", f"{place}, {when}"))
    rows += [(name.replace("_", " "), f"{number:,}") for name, number in about.counts.items()
             if number and name != "fees"]  # fmt: skip
    what = "blocks" if about.model == OUTPUTS else "holdings"
    rows += [(f"{what}, {state.split(':')[0]}", f"{number:,} ({state.split(':', 1)[1].strip()})")
             for state, number in about.completeness.items() if number]  # fmt: skip
    if checked and isinstance(ledger, UtxoLedger):
        rows += _supply_rows(ledger)
    rows += [("input", ", ".join(f"{k} {v}" if k != "name" else str(v) for k, v in i.items())) for i in about.inputs]
    rows += [("asset", f"{a.key} {a.symbol} ({'decimals unknown' if a.decimals is None else f'{a.decimals} decimals'})")
             for a in about.assets[:SHOWN]]  # fmt: skip
    rows += [("assets", f"{len(about.assets) - SHOWN} more")] if len(about.assets) > SHOWN else []
    rows += [("note", n) for n in about.notes]
    for name, text in rows:
        table.add_row(Text(name), safe_long(text))
    return Group(table)


def _supply_rows(ledger: UtxoLedger) -> list[tuple[str, str]]:
    """The supply of a chain, added up from its outputs."""
    sums, asset = supply(ledger), ledger.assets[0]
    parts = {"new coins": sums.new, "fees": sums.fees, "brought in from outside": sums.brought,
             "unspent": sums.unspent, "destroyed by duplicates": sums.destroyed}  # fmt: skip
    said = "exact: claimed + brought = unspent + destroyed + fees" if sums.holds else "the sums do not agree"
    if not sums.exact:
        said = "not to be proved: values of some inputs are not known"
    return [*((name, f"{asset.format(units)} {asset.symbol}") for name, units in parts.items() if units),
            ("supply", said)]  # fmt: skip


def safe_long(text: str, style: str = "") -> Text:
    """A longer text from outside, made visible but not cut to a cell."""
    return Text(visible(text, 2000), style=style)


def path_lines(routes: Routes, statement: Statement) -> Group:
    """Routes from the theft to a place, a line a hop, and how much of all that ended there they make up."""
    names = Names(statement)
    parts: list[RenderableType] = []
    for number, steps in enumerate(routes.shown, 1):
        last = steps[-1]
        amount = names.exact(last.move.asset, last.units)
        head = f"route {number} of {routes.count:,}: {amount} in {counted(len(steps), 'hop')}"
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("hop", "time (UTC)", "from", "to", "of this route", "dyed in the move", "transaction"):
            figure = name in ("hop", "of this route", "dyed in the move")
            table.add_column(name, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
        for hop, step in enumerate(steps, 1):
            m = step.move
            table.add_row(
                str(hop), safe(utc(m.time)), *map(safe_long, _ends(statement, step)),
                safe(names.exact(m.asset, step.units)), safe(names.exact(m.asset, m.units)), safe(m.txid or "declared"),
            )  # fmt: skip
        parts += [safe(head, "bold"), table, Text("")]
    for asset, total in routes.totals.items():
        shown = names.exact(asset, routes.sums.get(asset, 0))
        more = f"; --most {routes.count} shows all" if routes.count > len(routes.shown) and not routes.cut else ""
        least = "at least " if routes.cut else ""
        many = f"{len(routes.shown)} of {least}{counted(routes.count, 'route')} under {statement.rule}"
        parts.append(safe_long(f"shown: {many}, {shown} of the {names.exact(asset, total)} that ended there{more}"))
    if statement.rule not in EXACT:
        parts.append(Text("units have no identity under haircut: the oldest dye is shown first, as an illustration"))
    return Group(*parts)


def _ends(statement: Statement, step: Step) -> tuple[str, str]:
    """Payer and payee of a hop as the ledger has them, with what the hop is to the trace."""
    m = step.move
    stop = "" if m.stop == "carried" else _words(statement, m.stop)
    near, far = m.source, f"{m.target} ({stop})" if m.target and stop else m.target or stop
    if m.fresh:
        asked = "asked about" if statement.direction == "backward" else "theft"
        near = f"{near} ({asked}, leg {m.leg})".strip()
    return (far, near) if statement.direction == "backward" else (near, far)
