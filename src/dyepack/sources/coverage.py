"""Reading the list of addresses whose whole histories an export holds.

Invariant: a row is taken, or left out and counted because the file itself says that its history is not in the export.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.files import read_bounded, utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LARGEST = 256 << 20
_REMEDY = "give a CSV or a plain list of addresses"
_FLAG = "full_history_in_ledger"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Addresses as they are written, each with its line, and how many rows the file itself leaves out."""

    file: str
    lines: Sequence[tuple[int | None, str]]
    left_out: int = 0

    @classmethod
    def of(cls, addresses: Iterable[str]) -> Coverage:
        """Addresses that come from no file."""
        return cls("the list of covered addresses", [(None, text) for text in addresses])


def read_coverage(file: Path) -> Coverage:
    """Addresses of a CSV with a column `address`, or of a plain list with one a line; InputError if neither.

    Rows of a CSV that have 0 in a column `full_history_in_ledger` are left out.
    """
    text = utf8(file, read_bounded(file, _LARGEST, remedy=_REMEDY), remedy=_REMEDY)
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError(file, "is empty", remedy=_REMEDY)
    if "," not in lines[0][1] and lines[0][1] != "address":
        return Coverage(str(file), lines)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if "address" not in (rows.fieldnames or []):
        raise InputError(file, "has no column address", line=1, remedy="name the column of addresses `address`")
    try:
        named = [(rows.line_num, r) for r in rows if r["address"]]
    except csv.Error as fault:
        raise InputError(file, f"is not a sound CSV ({fault})", line=rows.line_num, remedy="mend the row") from fault
    taken = [(line, str(r["address"]).strip()) for line, r in named if r.get(_FLAG) != "0"]
    return Coverage(str(file), taken, len(named) - len(taken))
