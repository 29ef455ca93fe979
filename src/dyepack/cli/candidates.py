"""dyepack candidates: where mixed money may have gone on, with a pool's events where the ledger has not got them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsJson, CaseFolder


def candidates(
    case: CaseFolder,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", "-l", help="The ledger of the case (a live case holds its own).")
    ] = None,
    pool_events: Annotated[
        Path | None,
        typer.Option(help="Folder of pool events, as deposits_eth_100.json and withdrawals_eth_100.json (.zip, .gz)."),
    ] = None,
    json: AsJson = False,
    csv: Annotated[bool, typer.Option("--csv", help="The candidates as CSV.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None,
) -> None:
    """List the CoinJoins and pools that dyed money went into, and among what it probably is.

    Candidates are sets with their grounds: none of them is given an amount, and none is in a total of the statement.
    """
    from dyepack.case.folder import Case
    from dyepack.case.pools import pool_onward
    from dyepack.errors import UsageError
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.pools.reader import read_folder
    from dyepack.report.probable import CAVEAT, probable_lines, probable_table
    from dyepack.report.words import Names
    from dyepack.sinks import visible

    show.one_form(json=json, csv=csv)
    show.check_file(out)
    opened = Case(case)
    statement = opened.statement
    if pool_events is not None:
        if not pool_events.is_dir():
            raise UsageError(f"{pool_events} is no folder", remedy="give the folder that the event files are in")
        on = opened.open_ledger(ledger)
        if isinstance(on, UtxoLedger):
            raise UsageError("pools are on ledgers of accounts", remedy="leave --pool-events out")
        statement.onward = pool_onward(on, opened.moves(), read_folder(pool_events))
    if json:
        show.out(show.json_text([mix.to_json() for mix in statement.onward]), out)
    elif csv:
        show.out(show.csv_text(*probable_table(statement)), out)
    else:
        lines = probable_lines(statement, Names(statement), every=True) or [
            "no dyed money went into a mix that is known"
        ]
        show.out("\n".join(visible(line) for line in (*lines, CAVEAT)) + "\n", out)
