"""dyepack export: a case in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show


def export(
    case: Annotated[Path, typer.Argument(help="Case folder.")],
    format: Annotated[str, typer.Option("--format", help="stix, ftm, misp, tagpack, graphml, csv, parquet or json.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Write a case as STIX 2.1, FollowTheMoney, MISP, TagPack, GraphML, CSV, Parquet or JSON.

    Amounts stay exact, as text; what a rule allocates says which rule, and has no confidence of its own.
    """
    from dyepack.case.folder import Case
    from dyepack.errors import InputError
    from dyepack.exports.formats import FORMATS, render
    from dyepack.exports.model import Findings

    show.check_file(out)
    raw = render(Findings.of(Case(case)), format)
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(raw)
        partial.replace(out)
    except OSError as fault:
        raise InputError(out, f"cannot be written ({fault.strerror})", remedy="choose another place") from fault
    finally:
        partial.unlink(missing_ok=True)
    show.note(f"{FORMATS[format].title}: {len(raw):,} bytes written to {out}")
