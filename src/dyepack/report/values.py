"""Values of a case as a terminal and a spreadsheet show them.

Invariant: the three bases stand in columns of their own and are totalled apart; each value's price, day and source can
be had (`value_table`, JSON), and what has no price says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dyepack.report.terminal import safe, safe_long
from dyepack.report.words import Names, stop_words
from dyepack.valuation.case_values import BASES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.tracing.statement import Statement
    from dyepack.valuation.book import PriceBook
    from dyepack.valuation.case_values import CaseValues, Line
    from dyepack.valuation.model import Value

COLUMNS = (
    "what", "place", "entity", "asset", "base_units", "basis", "day", "currency", "value", "reason", "estimated",
    "price", "price_currency", "price_day", "price_source", "rate", "rate_day", "other_prices",
)  # fmt: skip

SHOWN = 12
"""Places that a terminal lists; the rest is in the totals."""


def value_lines(found: CaseValues, statement: Statement) -> Group:
    """Stolen and ended, a row a line, a column a basis and currency; totals; where the prices are from."""
    names = Names(statement)
    bases = BASES if found.stated_day else BASES[:2]
    parts: list[RenderableType] = [
        safe(f"values of {statement.title or statement.theft}: rule {statement.rule}", "bold")
    ]
    ended = sorted(found.ended, key=lambda line: -line.units)
    for title, lines in (("what was stolen", found.stolen), ("where it went", ended)):
        table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold",
                      header_style="bold")  # fmt: skip
        for name in ("what", "amount", *(f"{c}, {_when(found, b)}" for b in bases for c in found.currencies)):
            table.add_column(name, justify="left" if name == "what" else "right", overflow="fold")
        for line in lines[:SHOWN]:
            what = f"{line.entity} {line.place}".strip() or line.what
            if lines is not found.stolen:
                what = f"{what}: {stop_words(line.what, backward=statement.direction == 'backward')}"
            table.add_row(safe_long(what), safe(names.exact(line.asset, line.units)),
                          *(Text(_marked(line, basis, c)) for basis in bases for c in found.currencies))  # fmt: skip
        if len(lines) > SHOWN:
            table.add_row(Text(f"{len(lines) - SHOWN} more, in the totals"))
        sums = [t.shown() for basis in bases for t in found.totals(lines, basis)]
        table.add_row(Text("total"), Text(""), *map(Text, sums), style="bold")
        parts += [Text(""), table]
    parts += [Text(""), Text("the columns are of different days and are never added; ~ rests on an interpolated price")]
    parts += [safe_long(line) for line in grounds(found)]
    return Group(*parts)


def _when(found: CaseValues, basis: str) -> str:
    return f"on {found.stated_day}" if basis == BASES[2] else basis


def reach(found: CaseValues, book: PriceBook, statement: Statement) -> str:
    """Of each asset with a value that has no price: which days its prices are of."""
    told = []
    for key in dict.fromkeys(line.asset for line in found.lacking()):
        series, name = book.series.get(key, []), statement.assets[key].symbol or key
        spans = " and ".join("{} to {}".format(*s.span()) for s in series)
        told.append(f"{name}, whose prices are of {spans}" if spans else f"{name}, for which --prices names no file")
    return "; ".join(told)


def grounds(found: CaseValues) -> list[str]:
    """Which prices and rates the values rest on: the days and sources of each; where sources differ, both."""
    prices: dict[tuple[str, str], list[str]] = {}
    rates: dict[str, set[str]] = {}
    differing = []
    for value in _values(found):
        if value.price is not None:
            prices.setdefault((value.price.source, value.price.currency), []).append(value.price.day.isoformat())
        if value.rate is not None:
            rates.setdefault(value.rate.source, set()).add(f"{value.rate.base} to {value.rate.quote}")
        if value.price is not None and value.others:
            differing.append(f"sources differ by more than a fifth: {value.price.words()}, but "
                             + "; ".join(p.words() for p in value.others))  # fmt: skip
    lines = [
        f"prices in {currency}: {source}, {min(days)} to {max(days)}" for (source, currency), days in prices.items()
    ]
    lines += [f"exchange rates {', '.join(sorted(pairs))}: {source}" for source, pairs in rates.items()]
    return lines + list(dict.fromkeys(differing))


def _values(found: CaseValues) -> Iterable[Value]:
    for line in (*found.stolen, *found.ended):
        for values in (line.theft, line.arrival, line.stated or {}):
            yield from values.values()


def _marked(line: Line, basis: str, currency: str) -> str:
    value = line.on(basis)[currency]
    return ("~" if value.estimated else "") + value.shown()


def value_table(found: CaseValues, statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """One row a line, basis and currency, with the price and the rate behind it."""
    header = list(COLUMNS)
    rows = []
    for line in (*found.stolen, *found.ended):
        for basis in BASES if found.stated_day else BASES[:2]:
            for currency, value in line.on(basis).items():
                told = value.to_json()
                price, rate = told["price"] or {}, told["rate"] or {}
                rows.append([
                    line.what, line.place, line.entity, line.asset, line.units, basis,
                    told["day"] if value.amount is not None else "", currency, told["amount"] or "", value.reason,
                    value.estimated, price.get("value", ""), price.get("currency", ""), price.get("day", ""),
                    price.get("source", ""), rate.get("value", ""), rate.get("day", ""),
                    "; ".join(p.words() for p in value.others),
                ])  # fmt: skip
    return header, rows
