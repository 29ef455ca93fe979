"""Options that many commands have, with the one text for each.

Invariant: an option of one name means the same in every command that has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="The result as CSV.")]
CaseFolder = Annotated[Path, typer.Argument(help="Case folder.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="Write it to this file instead.")]
