"""dyepack cross: what a case left over bridges, as thefts on the ledgers beyond."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsJson, CaseFolder


def cross(
    case: CaseFolder,
    links: Annotated[Path, typer.Option(help="Links of deposits to payouts, by the bridge's own records (CSV).")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for one theft file a chain, to trace on that chain's ledger.")
    ] = None,
    json: AsJson = False,
    csv: Annotated[bool, typer.Option("--csv", help="The hops as CSV.")] = False,
) -> int:
    """Carry the dye that left over bridges on to the other ledgers, exactly, where a deterministic link is known.

    The dyed part of a deposit dyes the same part of its payout. What has no link stays in a bridge, and is listed.
    Leaves with 4 if there is any.
    """
    from dyepack.case.crossing import HEADER, file_names, thefts_beyond
    from dyepack.case.crossing import cross as carry_on
    from dyepack.case.folder import Case
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK, InputError
    from dyepack.patterns.bridges.links_csv import read_links
    from dyepack.report.crossing import crossing_lines

    show.one_form(json=json, csv=csv)
    opened = Case(case)
    statement = opened.statement
    found = carry_on(statement, opened.moves(), read_links(links))
    if out is not None:
        if out.exists() and not out.is_dir():
            raise InputError(out, "is not a folder", remedy="name a folder for the theft files")
        out.mkdir(parents=True, exist_ok=True)
        thefts = thefts_beyond(statement, found, f"links of {links.name}")
        for (chain, text), name in zip(thefts.items(), file_names(thefts), strict=True):
            file = out / name
            show.out(text, file)
            show.note(f"theft on {chain} written to {file}")
    if json:
        show.out(show.json_text(found.to_json()), None)
    elif csv:
        show.out(show.csv_text(list(HEADER), [list(row.values()) for row in found.to_json()["hops"]]), None)
    else:
        show.out(show.shown(crossing_lines(found, statement)), None)
    return EXIT_INCOMPLETE if found.unlinked else EXIT_OK
