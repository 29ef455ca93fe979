"""Hops over bridges as a terminal shows them.

Invariant: as terminal.py; what has no link stands below what has one, and both add up to what left over bridges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dyepack.report.terminal import safe, safe_long
from dyepack.report.words import Names, counted

if TYPE_CHECKING:
    from dyepack.case.crossing import Crossing
    from dyepack.tracing.statement import Statement


def crossing_lines(crossing: Crossing, statement: Statement) -> Group:
    """The hops, a row each, what has no link, and the sums by asset."""
    names = Names(statement)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "bridge",
        "transaction",
        "dyed",
        "to",
        "transaction there",
        "receiver",
        "carried, base units",
        "grade",
    ):
        figure = name in {"dyed", "carried, base units"}
        table.add_column(name, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    for hop in crossing.hops:
        deposit, payout = hop.link.deposit, hop.link.payout
        table.add_row(
            safe(deposit.bridge), safe(deposit.tx), safe(names.exact(hop.asset, hop.dyed)), safe(payout.chain),
            safe(payout.tx), safe(payout.receiver), Text(f"{hop.carried:,}"),
            safe(f"{hop.link.evidence}, confidence {hop.link.confidence}, {hop.link.method}"),
        )  # fmt: skip
    parts: list[RenderableType] = [table] if crossing.hops else [Text("no link carries any of it on")]
    parts.append(Text(""))
    parts += [safe_long(f"stays in a bridge: {names.exact(left.asset, left.units)} over {left.bridge} in {left.txid}: "
                        f"{left.reason}") for left in crossing.unlinked]  # fmt: skip
    linked: dict[str, int] = {}
    stays: dict[str, int] = {}
    for hop in crossing.hops:
        linked[hop.asset] = linked.get(hop.asset, 0) + hop.dyed
    for left in crossing.unlinked:
        stays[left.asset] = stays.get(left.asset, 0) + left.units
    for asset in sorted(linked.keys() | stays.keys()):
        on, off = linked.get(asset, 0), stays.get(asset, 0)
        parts.append(safe_long(f"{names.exact(asset, on + off)} left over bridges: {names.exact(asset, on)} carried, "
                               f"{names.exact(asset, off)} without a link"))  # fmt: skip
    parts.append(Text(f"{counted(len(crossing.hops), 'hop')} under {statement.rule}; a link is not a rule: its amounts "
                      "are in the bridge's records"))  # fmt: skip
    return Group(*parts)
