"""dyepack statement, path, rerun, recheck and rules: looking at a case and checking it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson, CaseFolder

Out = Annotated[Path | None, typer.Option(help="Write it to this file instead.")]


def case_commands(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(statement)
    app.command()(path)
    app.command()(rerun)
    app.command()(recheck)
    app.command()(rules)


def statement(
    case: CaseFolder,
    html: Annotated[Path | None, typer.Option(help="Also write it as one HTML file.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
    every: Annotated[bool, typer.Option("--all", help="List every place.")] = False,
    out: Out = None,
) -> int:
    """Show the statement of a case: every unit, by terminal, and the balance."""
    from dyepack.case.folder import Case

    show.one_form(json=json, csv=csv)
    show.check_file(html)
    show.check_file(out)
    opened = Case(case)
    if html is not None:
        from dyepack.report.page import render
        from dyepack.tracing.flows import flows

        again = shlex.join(["dyepack", "rerun", str(case), *(() if opened.is_live else ("--ledger", "LEDGER"))])
        show.out(render(opened.statement, flows(opened.moves(), opened.statement), rerun=again), html)
        show.note(f"page written to {html}")
    return show.statement(opened.statement, json=json, csv=csv, every=every, file=out)


def path(
    case: CaseFolder,
    place: Annotated[str, typer.Argument(help="Address, name or part of a name, or a stop such as mixer, held, fee.")],
    most: Annotated[int, typer.Option(help="How many routes, the largest first.", min=1)] = 3,
    json: AsJson = False,
    csv: AsCsv = False,
    out: Out = None,
) -> None:
    """Show how money got from the theft to one terminal, hop by hop."""
    from dataclasses import asdict

    from dyepack.case.folder import Case
    from dyepack.report.terminal import path_lines
    from dyepack.tracing.moves import FIELDS
    from dyepack.tracing.path import routes_to

    show.one_form(json=json, csv=csv)
    opened = Case(case)
    found = routes_to(opened.moves(), opened.statement, place, most)
    if json:
        rows = [[asdict(s.move) | {"route_units": s.units} for s in steps] for steps in found.shown]
        units = ("value", "units", "fresh", "route_units")
        texts = [[{k: str(v) if k in units else v for k, v in r.items()} for r in p] for p in rows]
        sums = {"count": found.count, "count_is_least": found.cut, "shown": {k: str(v) for k, v in found.sums.items()},
                "all": {k: str(v) for k, v in found.totals.items()}}  # fmt: skip
        show.out(show.json_text({"place": place, "rule": opened.statement.rule, **sums, "routes": texts}), out)
    elif csv:
        lines = [
            [n, hop, s.units, *(getattr(s.move, f) for f in FIELDS)]
            for n, p in enumerate(found.shown, 1)
            for hop, s in enumerate(p, 1)
        ]
        show.out(show.csv_text(["route", "route_hop", "route_units", *FIELDS], lines), out)
    else:
        show.out(show.shown(path_lines(found, opened.statement)), out)


def rerun(
    case: CaseFolder,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", "-l", help="The ledger that the case was traced on (a live case holds its own)."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Trace a case again from its own files and compare every byte."""
    from dyepack import __version__
    from dyepack.case.folder import Case, files_of
    from dyepack.case.run import trace
    from dyepack.errors import CaseError

    opened = Case(case)
    on = opened.open_ledger(ledger)
    if opened.is_live:
        from dyepack.case.live import check_evidence

        check_evidence(opened)
    with show.steps("tracing", 9) as step:
        found = trace(on, opened.thefts(), opened.tags(), opened.parameters, live=opened.about.get("live"),
                      progress=step)  # fmt: skip
        again = files_of(found)
    differing = sorted(n for n in again.keys() | opened.files().keys() if again.get(n) != opened.files().get(n))
    if differing:
        made = opened.about.get("dyepack")
        raise CaseError(f"the case does not re-run to the same bytes: {', '.join(differing)} differ",
                        remedy=f"it was made by dyepack {made}, this is {__version__}")  # fmt: skip
    if json:
        show.out(show.json_text({"case": str(case), "same": True, "files": sorted(again)}), None)
    else:
        show.out(f"{len(again)} files re-run to the same bytes\n", None)


def recheck(
    case: CaseFolder,
    source: Annotated[
        str, typer.Option("--from", help="A live source of the case's chain, as evm+https://host/{KEY}.")
    ],
    allow_host: Annotated[list[str] | None, typer.Option(help="A host that may be private, as 127.0.0.1.")] = None,
    json: AsJson = False,
) -> int:
    """Look whether the blocks that a live case cites still stand in the chain, and note the answer in the case.

    Leaves with 4 if one was orphaned, or could not be looked at.
    """
    from dataclasses import asdict

    from dyepack.case.folder import Case
    from dyepack.case.live import recheck as look
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK

    opened = Case(case)
    found = look(source, allow_host or [], opened.cited())
    opened.add_check(found)
    show.out(show.json_text(asdict(found)) if json else found.note() + "\n", None)
    return EXIT_OK if found.holds else EXIT_INCOMPLETE


def rules(json: AsJson = False) -> None:
    """Say what each rule means, with the worked example."""
    from dyepack.report.terminal import rules_lines
    from dyepack.tracing.rules import EXAMPLE, RULES, work_example

    if json:
        show.out(show.json_text({"example": EXAMPLE, "rules": [
            {"name": r.name, "title": r.title, "words": r.words, "conserves": r.conserves, "allocates": r.allocates,
             "example_dyed_in_hundredths": work_example(r.name)[0], "example_left": work_example(r.name)[1]}
            for r in RULES.values()]}), None)  # fmt: skip
    else:
        show.out(show.shown(rules_lines()), None)
