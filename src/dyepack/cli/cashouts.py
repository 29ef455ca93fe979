"""dyepack cashouts: where stolen money reached a service, as the list that is sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson, CaseFolder


def cashouts(
    case: CaseFolder,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", "-l", help="The ledger of the case, for sweeps and balances (a live case holds it)."),
    ] = None,
    service: Annotated[str, typer.Option(help="Only this service, by its name or a part of it.")] = "",
    transactions: Annotated[bool, typer.Option("--transactions", help="With --csv: one row a transaction.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None,
) -> None:
    """List the cash-out points of a case: service, deposit address, transactions in and on, amount, what is left.

    Where money came to a hot wallet from an address that behaves as a deposit address, that address is listed: there
    the service knows its customer. Amounts are those of the headline rule, with the least and the most over the rules.
    --service makes the list for one service, --transactions a row of each transaction.
    """
    from dyepack.case.folder import Case
    from dyepack.cashouts.model import table, to_json, transfer_table
    from dyepack.cashouts.points import cash_outs
    from dyepack.errors import UsageError, quoted
    from dyepack.report.cashouts import cash_out_lines

    show.one_form(json=json, csv=csv)
    show.check_file(out)
    opened = Case(case)
    on = opened.open_ledger(ledger) if ledger is not None or opened.is_live else None
    if on is None:
        show.note("without --ledger no sweep and no balance is known")
    statement = opened.statement
    found = cash_outs(statement, opened.moves(), on)
    found = [row for row in found if service.casefold() in row.service.casefold()]
    if service and not found:
        raise UsageError(
            f"no cash-out point is of {quoted(service)}", remedy="run it without --service for their names"
        )
    if transactions and not csv:
        raise UsageError("--transactions goes with --csv", remedy="say --csv too; --json has every transaction anyway")
    if json:
        sums = {asset: str(sum(r.units for r in found if r.asset == asset)) for asset in {r.asset for r in found}}
        value = {"theft": statement.theft, "rule": statement.rule, "sums": sums, "cash_outs": to_json(found)}
        show.out(show.json_text(value), out)
    elif csv:
        show.out(show.csv_text(*(transfer_table if transactions else table)(found, statement)), out)
    else:
        show.out(show.shown(cash_out_lines(found, statement)), out)
