"""dyepack import bank: a ledger of bank books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.ledger import Ledger, Replace, tell
from dyepack.cli.options import AsJson

Files = Annotated[list[Path], typer.Argument(help="camt.053, MT940 or CSV files (docs/bank.md), of any accounts.")]
MatchDays = Annotated[int, typer.Option("--match-days", help="Most days between the two sides of a transfer.")]
Chain = Annotated[str, typer.Option("--chain", help="Name of this set of books; thefts must name the same.")]
MatchList = Annotated[Path | None, typer.Option("--matches", help="Also write the matches to this CSV file.")]


def bank(
    files: Files, ledger: Ledger, match_days: MatchDays = 3, chain: Chain = "books", matches: MatchList = None,
    replace: Replace = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Bank books: camt.053, MT940 and CSV statements, of many accounts and currencies.

    Balances are checked against the entries. A debit in one book and a credit in another that are one transfer are
    matched, each match with its evidence; what is not matched goes to, or comes from, the counterparty that the book
    names.
    """
    from dyepack.ledger.writer import check_place
    from dyepack.sources.bank.importer import FIELDS, import_bank
    from dyepack.sources.store import store

    check_place(ledger, replace=replace)
    show.check_file(matches)
    clock = show.Clock()
    with show.steps("importing", 2) as step:
        step("reading")
        found = import_bank(files, match_days=match_days)
        step("writing the ledger")
        made = store(found.result, ledger, chain=chain, files=files, native=found.native, covers=found.covers,
                     replace=replace)  # fmt: skip
    if matches is not None:
        rows = found.table()
        show.out(show.csv_text(list(FIELDS), [list(row.values()) for row in rows]), matches)
    if json:
        from dataclasses import asdict

        show.out(show.json_text(asdict(made) | {"sha256": made.sha256(), "matches": found.table()}), None)
        return
    tell(made, ledger, clock, json=False)
