"""Results in a notebook: as an HTML table of at most 60 rows, and as Arrow, pandas and polars tables.

Invariant: no amount is ever a float, in any form: base units and decimal amounts are texts, counts are 64-bit whole
numbers, what is not known is null. The HTML has no script and asks for nothing; every text passes sinks.for_html.
pandas and polars are imported when they are asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyepack.errors import DyepackError
from dyepack.sinks import for_html

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS = 60

COUNTS = frozenset({
    "decimals", "moves", "hops_least", "hops_most", "tag_confidence", "move", "block", "index", "leg", "hop",
})  # fmt: skip
"""Columns that are whole numbers of 64 bits; every other one is text."""

_STYLE = (
    "border-collapse:collapse;font:12px system-ui,sans-serif",
    "text-align:left;padding:2px 8px;border-bottom:1px solid #8b929a;vertical-align:top;overflow-wrap:anywhere",
)


class NotInstalledError(DyepackError):
    """A table library that the user asked for is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed", remedy=f"pip install {name}, or use to_arrow()")


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of a result. `shown` names the columns that a notebook shows; the table forms have all."""

    caption: str
    header: list[str]
    rows: Sequence[Sequence[Any]]
    shown: tuple[str, ...]

    def html(self) -> str:
        """The first rows as a table that says how many there are in all."""
        from markupsafe import Markup

        at = [self.header.index(name) for name in self.shown]
        rows = self.rows[:MOST_ROWS]
        cell = Markup('<{t} scope="{s}" style="{y}">{v}</{t}>')
        plain = Markup('<td style="{y}">{v}</td>')
        head = Markup("").join(
            cell.format(t="th", s="col", y=_STYLE[1], v=for_html(name.replace("_", " "))) for name in self.shown
        )
        body = Markup("").join(
            Markup("<tr>{}</tr>\n").format(Markup("").join(
                cell.format(t="th", s="row", y=_STYLE[1], v=_shown(row[n])) if number == 0 else
                plain.format(y=_STYLE[1], v=_shown(row[n])) for number, n in enumerate(at)
            ))
            for row in rows
        )  # fmt: skip
        return str(Markup(
            '<table style="{y}"><caption style="text-align:left">{c}: shown {n} of {of}</caption>\n'
            "<thead><tr>{h}</tr></thead>\n<tbody>\n{b}</tbody></table>\n"
        ).format(y=_STYLE[0], c=for_html(self.caption), n=f"{len(rows):,}", of=f"{len(self.rows):,}", h=head,
                 b=body))  # fmt: skip

    def to_arrow(self) -> Any:
        """All rows as a pyarrow.Table: COUNTS as int64, everything else as text."""
        import pyarrow as pa

        kinds = [pa.int64() if name in COUNTS else pa.string() for name in self.header]
        columns = [_column(self.rows, n, count=name in COUNTS) for n, name in enumerate(self.header)]
        return pa.table([pa.array(c, kind) for c, kind in zip(columns, kinds, strict=True)], names=self.header)

    def to_pandas(self) -> Any:
        """All rows as a pandas.DataFrame, with nullable Int64 and text columns; NotInstalledError without pandas."""
        try:
            import pandas as pd  # type: ignore[import-untyped]
        except ImportError as fault:
            raise NotInstalledError("pandas") from fault
        kinds = {name: "Int64" if name in COUNTS else "string" for name in self.header}
        columns = {name: _column(self.rows, n, count=name in COUNTS) for n, name in enumerate(self.header)}
        return pd.DataFrame({name: pd.array(values, dtype=kinds[name]) for name, values in columns.items()})

    def to_polars(self) -> Any:
        """All rows as a polars.DataFrame, Int64 and String columns; NotInstalledError without polars."""
        try:
            import polars as pl
        except ImportError as fault:
            raise NotInstalledError("polars") from fault
        kinds = {name: pl.Int64 if name in COUNTS else pl.String for name in self.header}
        columns = {name: _column(self.rows, n, count=name in COUNTS) for n, name in enumerate(self.header)}
        return pl.DataFrame(columns, schema=kinds)


def _column(rows: Sequence[Sequence[Any]], n: int, *, count: bool) -> list[Any]:
    values = [row[n] for row in rows]
    if count:
        return [None if v in {"", None} else int(v) for v in values]
    return [None if v is None else str(v) for v in values]


def _shown(value: Any) -> Any:
    return for_html("" if value is None else str(value), 200)


class InNotebook(ABC):
    """What makes a result show itself in a notebook; a class that has `grid()` gets the rest."""

    __slots__ = ()

    @abstractmethod
    def grid(self) -> Grid:
        """The rows of the result."""

    def _repr_html_(self) -> str:
        return self.grid().html()

    def to_arrow(self) -> Any:
        """All rows as a pyarrow.Table (amounts are texts)."""
        return self.grid().to_arrow()

    def to_pandas(self) -> Any:
        """All rows as a pandas.DataFrame (amounts are texts)."""
        return self.grid().to_pandas()

    def to_polars(self) -> Any:
        """All rows as a polars.DataFrame (amounts are texts)."""
        return self.grid().to_polars()
