"""Reading the list of addresses whose whole histories an export holds.

Invariant: a row is taken, or left out because the file itself says that its history is not in the export.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from dyepack.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_FLAG = "full_history_in_ledger"


def read_coverage(file: Path) -> list[str]:
    """Addresses of a CSV with a column `address`, or of a plain list with one a line; InputError if neither."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(file, f"cannot be read ({fault})", remedy="give a CSV or a plain list of addresses") from fault
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(file, "is empty", remedy="give a CSV or a plain list of addresses")
    if "," not in lines[0] and lines[0] != "address":
        return lines
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if "address" not in (rows.fieldnames or []):
        raise InputError(file, "has no column address", line=1, remedy="name the column of addresses `address`")
    try:
        return [str(r["address"]).strip() for r in rows if r["address"] and r.get(_FLAG) != "0"]
    except csv.Error as fault:
        raise InputError(file, f"is not a sound CSV ({fault})", line=rows.line_num, remedy="mend the row") from fault
