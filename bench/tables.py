"""What the benchmarks share: a clock, medians, tables as text and as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

Cell = str | int | float | None
Result = TypeVar("Result")


@dataclass(slots=True)
class Table:
    """A title, the names of the columns, rows of cells (None: not measured), and notes that explain them."""

    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Aligned plain text."""
        cells = [self.columns, *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in cells]
        return "\n".join([self.title, lines[0], "-" * len(lines[0]), *lines[1:], *self.notes, ""])

    def to_json(self) -> dict[str, object]:
        """The same as data; numbers keep all their digits."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": self.notes}


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 1000 else f"{cell:,.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    """The first column to the left, the others to the right."""
    pairs = zip(row, widths, strict=True)
    return [text.rjust(width) if at else text.ljust(width) for at, (text, width) in enumerate(pairs)]


def show(tables: list[Table], *, as_json: bool) -> None:
    """Print the tables."""
    if as_json:
        print(json.dumps([table.to_json() for table in tables], indent=1))
    else:
        print("\n".join(table.text() for table in tables))


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of one call, without the garbage of the one before, and its result."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def middle(work: Callable[[], Result], runs: int) -> tuple[float, Result]:
    """Median seconds of so many calls, and the last result."""
    found = [timed(work) for _ in range(runs)]
    return median(seconds for seconds, _ in found), found[-1][1]


def rate(count: int, seconds: float) -> float:
    """How many a second."""
    return count / seconds if seconds else 0.0
