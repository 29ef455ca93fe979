"""dyepack value and convert: what stolen units were worth, and one currency in another, on a day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson, CaseFolder, OutFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from dyepack.case.folder import Case
    from dyepack.valuation.book import PriceBook
    from dyepack.valuation.series import Series

Prices = Annotated[
    list[str] | None,
    typer.Option(
        help="ASSET=FILE[:CURRENCY[:COLUMN]]: daily prices (CSV, Parquet; USD unless said), or "
        "ASSET=COIN@coingecko+https://... ; several times, the first that has a price is taken."
    ),
]
Currencies = Annotated[list[str] | None, typer.Option(help="Currency of the values, as USD, GBP, KRW; several times.")]


def value(
    case: CaseFolder,
    prices: Prices = None,
    currency: Currencies = None,
    on: Annotated[str, typer.Option(help="Also value everything on this day, as 2026-11-01.")] = "",
    allow_host: Annotated[list[str] | None, typer.Option(help="A price source that may be private.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder in which answers of price sources are kept.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing but --evidence.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
    out: OutFile = None,
) -> int:
    """Value what was stolen and where it went: at the theft, when it arrived, and on a stated day.

    The three are never added. A day without a price is interpolated between its neighbours and marked, or has no price,
    which is never 0. Exchange rates are the European Central Bank's. Leaves with 4 if anything has no value.
    """
    from dyepack.case.folder import Case
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.report.values import reach, value_lines, value_table
    from dyepack.valuation.case_values import value_case

    show.one_form(json=json, csv=csv)
    show.check_file(out)
    wanted = currencies_of(currency)
    day = show.day(on, "--on") if on else None
    opened = Case(case)
    moves = opened.moves()
    book = book_of(opened, prices or [], day, allow_host or [], evidence, offline=offline)
    found = value_case(opened.statement, moves, book, wanted, day)
    if json:
        show.out(show.json_text(found.to_json()), out)
    elif csv:
        show.out(show.csv_text(*value_table(found, opened.statement)), out)
    else:
        show.out(show.shown(value_lines(found, opened.statement)), out)
    lacking = found.lacking()
    if lacking:
        show.note(f"{len(lacking)} lines lack a price of {reach(found, book, opened.statement)}")
    return EXIT_INCOMPLETE if lacking else EXIT_OK


def convert(
    amount: Annotated[str, typer.Argument(help="A plain amount, as 50000000.")],
    base: Annotated[str, typer.Argument(help="Its currency, as USD.")],
    quote: Annotated[str, typer.Argument(help="The other currency, as GBP.")],
    on: Annotated[str, typer.Option(help="The day, as 2022-02-07.")],
    json: AsJson = False,
) -> int:
    """Say what an amount of one currency was in another on a day, with the rate and its day.

    Leaves with 4 if there is no rate within a week before the day.
    """
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.money import Asset
    from dyepack.valuation.book import PriceBook
    from dyepack.valuation.exchange import check_currency

    given, wanted, day = check_currency(base), check_currency(quote), show.day(on, "--on")
    whole, places = _plain(amount)
    found = PriceBook().value(Asset(given, given, places), whole, day, wanted)
    if json:
        show.out(show.json_text({"amount": amount, "base": given} | found.to_json()), None)
    else:
        how = f"\n{found.rate.words()}" if found.rate else ""
        show.out(f"{Asset(given, given, places).format(whole)} {given} on {day}: {found.shown()}{how}\n", None)
    return EXIT_OK if found.amount is not None else EXIT_INCOMPLETE


def _plain(amount: str) -> tuple[int, int]:
    """A plain amount as whole units, and how many decimals these have."""
    from dyepack.errors import UsageError, quoted
    from dyepack.money import parse_units

    places = len(amount.partition(".")[2])
    try:
        return parse_units(amount, places), places
    except ValueError as fault:
        raise UsageError(f"the amount {quoted(amount)} {fault}", remedy="write for example 50000000") from fault


def currencies_of(given: list[str] | None) -> list[str]:
    """The currencies asked for, dollars and pounds unless said; UsageError for one that has no rates."""
    from dyepack.valuation.exchange import check_currency

    return list(dict.fromkeys(check_currency(code) for code in given or ["USD", "GBP"]))


def book_of(
    case: Case, prices: list[str], stated: date | None, allow: list[str], evidence: Path | None, *, offline: bool
) -> PriceBook:
    """The prices that a command names, for the assets of a case; assets are named by key or by a symbol of one."""
    from dyepack.errors import UsageError, quoted
    from dyepack.valuation.book import PriceBook

    book = PriceBook()
    assets = case.statement.assets
    for text in prices:
        name, equals, rest = text.partition("=")
        keys = [k for k, a in assets.items() if name in {k, a.symbol} or name.lower() == k.lower()]
        if not equals or len(keys) != 1:
            known = ", ".join(quoted(a.symbol or k) for k, a in list(assets.items())[:6])
            raise UsageError(f"--prices {quoted(text)} names no one asset of the case",
                             remedy=f"write ASSET=FILE; it has {known}")  # fmt: skip
        book.add(keys[0], _series(rest, lambda: _days_of(case, stated), allow, evidence, offline=offline))
    return book


def _series(
    text: str, days: Callable[[], tuple[date, date]], allow: list[str], evidence: Path | None, *, offline: bool
) -> Series:
    from dyepack.valuation.exchange import check_currency
    from dyepack.valuation.files import read_prices

    coin, at, source = text.partition("@")
    if at and "+http" in source:
        from dyepack.valuation.api import fetch_prices

        return fetch_prices(source, coin, "USD", days(), allow=allow, evidence=evidence, offline=offline)
    name, _, rest = text.partition(":")
    currency, _, column = rest.partition(":")
    return read_prices(Path(name), check_currency(currency or "USD"), column)


def _days_of(case: Case, stated: date | None) -> tuple[date, date]:
    """The first and the last day that prices are wanted for."""
    from datetime import date, timedelta

    days = [date.fromisoformat(m.time[:10]) for m in case.moves() if m.time] + ([stated] if stated else [])
    first = min(days)
    return first - timedelta(days=first > date.min), max(days)
