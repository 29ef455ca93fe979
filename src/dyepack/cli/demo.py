"""dyepack demo: the incident that ships with the program, from ledger to page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the demo's ledger, case and page.")] = Path("dyepack-demo"),
    seed: Annotated[int, typer.Option(help="Another seed tells the same story with other numbers.")] = 2022,
    background: Annotated[int, typer.Option(help="Moves of honest business around it.", min=0, max=100_000)] = 2000,
    json: Annotated[bool, typer.Option("--json", help="The statement as JSON.")] = False,
) -> int:
    """Trace the synthetic incident that ships with the program and write its page."""
    from dyepack.case.demo import run_demo
    from dyepack.report.page import render

    clock = show.Clock()
    with show.steps("demo", 12) as step:
        made = run_demo(out, seed=seed, background=background, progress=step)
        page = out / "statement.html"
        show.out(render(made.statement, made.flows(), rerun=f"dyepack rerun {out / 'case'} --ledger {out / 'ledger'}"),
                 page)  # fmt: skip
    code = show.statement(made.statement, json=json, csv=False, every=False)
    show.note(f"ledger, theft and case are in {out}; took {clock():.1f} s")
    if not json:
        show.out(f"\nThe page with the flow drawn: {page.resolve()}\n", None)
        show.out(f"Next: dyepack path {out / 'case'} mixer; dyepack rerun {out / 'case'} -l {out / 'ledger'}\n", None)
    return 0 if code == 4 else code
