"""dyepack export: a case in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import CaseFolder


def export(
    case: CaseFolder,
    format: Annotated[str, typer.Option("--format", help="stix, ftm, misp, tagpack, graphml, csv, parquet or json.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Write a case as STIX 2.1, FollowTheMoney, MISP, TagPack, GraphML, CSV, Parquet or JSON.

    Amounts stay exact, as text; what a rule allocates says which rule, and has no confidence of its own.
    """
    from dyepack.case.folder import Case
    from dyepack.exports.formats import FORMATS, render
    from dyepack.exports.model import Findings

    show.check_file(out)
    raw = render(Findings.of(Case(case)), format)
    show.out(raw, out)
    show.note(f"{FORMATS[format].title}: {len(raw):,} bytes written to {out}")
