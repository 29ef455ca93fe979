"""Cash-out points as a terminal shows them.

Invariant: as terminal.py: every text from outside is made safe; the sum of the rows stands below them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dyepack.report.terminal import safe, safe_long
from dyepack.report.words import Names, counted, utc

if TYPE_CHECKING:
    from dyepack.cashouts.model import CashOut
    from dyepack.tracing.statement import Statement

_COLUMNS = ("service", "address", "role", "amount", "least", "most", "deposits", "first", "last", "swept by", "left",
            "can it be stopped there", "tag")  # fmt: skip


def cash_out_lines(rows: list[CashOut], statement: Statement) -> Group:
    """The list, a row a point, and the sum of each asset."""
    names = Names(statement)
    title = f"cash-out points of {statement.title or statement.theft}: rule {statement.rule}"
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        figure = name in {"amount", "least", "most", "deposits", "left"}
        table.add_column(name, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    for row in rows:
        times = [d.time for d in row.deposits if d.time]
        grade = ", ".join(str(row.tag[part]) for part in ("source", "confidence", "evidence") if part in row.tag)
        left = Text("not known") if row.balance is None else _cut(names, row.asset, row.balance)
        table.add_row(
            safe(row.service), safe(row.address), Text(row.role),
            *(_cut(names, row.asset, units) for units in (row.units, row.least, row.most)),
            Text(str(len(row.deposits))), Text(utc(min(times, default=""))), Text(utc(max(times, default=""))),
            safe_long(_sweeps(row)), left, Text(row.standing), safe(grade),
        )  # fmt: skip
    parts: list[RenderableType] = [safe(title, "bold"), table, Text("")]
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.asset] = sums.get(row.asset, 0) + row.units
    parts += [safe_long(f"{names.exact(a, units)} at {counted(sum(r.asset == a for r in rows), 'cash-out point')}")
              for a, units in sums.items()]  # fmt: skip
    parts += [safe_long(f"{row.service} at {row.address} is contradicted: {'; '.join(row.tag['contradicted_by'])}")
              for row in rows if row.tag.get("contradicted_by")]  # fmt: skip
    if not rows:
        parts.append(Text(f"no money reached a service under {statement.rule}"))
    parts.append(Text("amounts are cut to four places; least and most are of the whole terminal; the whole list: "
                      "--csv, --json, and `dyepack report letters`"))  # fmt: skip
    return Group(*parts)


def _cut(names: Names, asset: str, units: int) -> Text:
    """An amount cut to four places; the exact ones are in CSV and JSON."""
    found = names.asset(asset)
    return Text(f"{found.format(units, places=min(4, found.decimals or 0))} {names.symbol(asset)}")


def _sweeps(row: CashOut) -> str:
    if not row.sweeps:
        return ""
    more = f" and {len(row.sweeps) - 1} more" if len(row.sweeps) > 1 else ""
    return f"{row.sweeps[0].txid}{more} to {row.sweeps[0].place}"
