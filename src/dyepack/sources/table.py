"""Reading a CSV, CSV.gz or Parquet file into columns that still hold the text as it was written.

Invariant: a table that is returned has every required column, the same number of values in each, and knows
the line of the file that each row came from. Types are not interpreted here (CSV columns are all text).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dyepack.errors import InputError, quoted
from dyepack.sources import csvbytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from dyepack.ledger.schema import I64

BLOCK_BYTES = 16 << 20
"""How much CSV is parsed at once; also the longest line that can be read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that an importer wants of a file, and what to call the file in messages."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: Arrow chunks of text, binary, whole numbers, decimals or times."""

    table: Table
    name: str
    data: pa.ChunkedArray

    @property
    def chunks(self) -> list[Any]:
        """The Arrow arrays, in file order."""
        return list(self.data.chunks)

    def fault(self, row: int, problem: str, remedy: str) -> InputError:
        """The error to raise about this column's value in `row`."""
        return InputError(self.table.path, problem, remedy=remedy, line=self.table.line(row), field=self.name)

    def refuse(self, is_good: Callable[[Any], bool], problem: str, remedy: str) -> InputError:
        """The error about the first value that is not good (slow); `problem` follows the quoted value."""
        values = (value for chunk in self.data.chunks for value in chunk.to_pylist())
        for row, value in enumerate(values):
            if not is_good(value):
                missing = value is None or value in {"", b""}
                shown = "the value is missing" if missing else f"{quoted(str(value))} {problem}"
                return self.fault(row, shown, remedy)
        return InputError(self.table.path, f"a value {problem}", remedy=remedy, field=self.name)


@dataclass(frozen=True, slots=True)
class Table:
    """The wanted columns of one file."""

    path: Path
    rows: int
    columns: dict[str, Any]
    is_csv: bool
    lines: I64 | None = None
    """Line of each row, where that is not simply the row's number plus two."""
    note: str | None = None

    def __contains__(self, name: str) -> bool:
        """Whether the file has a column of that name."""
        return name in self.columns

    def __getitem__(self, name: str) -> Column:
        """The column of that name, which the layout required or the file is known to have."""
        return Column(self, name, self.columns[name])

    def get(self, name: str) -> Column | None:
        """The column, or None where the file has none of that name."""
        return self[name] if name in self.columns else None

    def line(self, row: int) -> int:
        """Line of the file on which a row begins (its number from 1 in Parquet, which has no lines)."""
        return int(self.lines[row]) if self.lines is not None else row + (2 if self.is_csv else 1)

    def line_numbers(self) -> I64:
        """The line of every row."""
        import numpy as np

        first = 2 if self.is_csv else 1
        return np.arange(first, first + self.rows, dtype=np.int64) if self.lines is None else self.lines


def read_table(path: Path, layout: Layout) -> Table:
    """Read the columns that `layout` names; InputError where the file cannot give them."""
    start = csvbytes.opening(path)
    if start.startswith(b"PAR1"):
        return _read_parquet(path, layout)
    return _read_csv(path, csvbytes.load(path), layout)


def wanted(path: Path, names: Sequence[str], layout: Layout) -> list[str]:
    """Which of a file's columns to read; InputError lists those that are missing or named twice."""
    missing = [name for name in layout.required if name not in names]
    if missing:
        listed = ", ".join(quoted(name) for name in missing)
        raise InputError(
            path,
            f"is not {layout.name}: it has no column {listed}",
            remedy=f"give a file with the columns {', '.join(layout.required)}; this one has "
            + quoted(", ".join(names)),
        )
    used = [name for name in names if layout.everything or name in layout.required + layout.optional]
    twice = [name for name in used if used.count(name) > 1]
    if twice:
        raise InputError(path, f"has two columns named {quoted(twice[0])}", remedy="rename or remove one of them")
    return used


def _read_csv(path: Path, data: bytes, layout: Layout) -> Table:
    import pyarrow as pa
    from pyarrow import csv

    header = csvbytes.header(path, data)
    names = wanted(path, header, layout)
    if b"\n" not in data and b"\r" not in data:
        data += b"\n"
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=b'"' in data, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=names,
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise csvbytes.ragged(path, data, len(header), str(error)) from error
    complete = data.endswith((b"\n", b"\r"))
    lines = None
    if csvbytes.count_lines(data) != table.num_rows + 1:
        lines = csvbytes.record_lines(path, data, table.num_rows)
    note = None if complete else f"{path.name} does not end with a line end: check that it is not cut short"
    columns = dict(zip(names, table.columns, strict=True))
    return Table(path, table.num_rows, columns, is_csv=True, lines=lines, note=note)


def _read_parquet(path: Path, layout: Layout) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = wanted(path, file.schema_arrow.names, layout)
            table = file.read(columns=names)
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise InputError(
            path,
            f"is a damaged Parquet file ({quoted(str(error).splitlines()[0] if str(error) else '')})",
            remedy="fetch it again: it may have been cut short on the way",
        ) from error
    raw = Table(path, table.num_rows, {}, is_csv=False)
    columns = {name: _plain(raw, name, table.column(name)) for name in names}
    return replace(raw, columns=columns)


def _plain(table: Table, name: str, data: Any) -> Any:
    """A Parquet column: dictionaries unpacked, lists of numbers joined, missing text as empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = data.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        data = data.cast(kind)
    if pa.types.is_list(kind) and pa.types.is_integer(kind.value_type):
        data = pc.binary_join(data.cast(pa.list_(pa.string())), ",")
        kind = pa.string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return data if data.null_count == 0 else pc.fill_null(data, "")
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_large_binary(kind):
        data = data.cast(pa.large_binary())
        return data if data.null_count == 0 else pc.fill_null(data, b"")
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.repeat(pa.scalar(""), len(data))])
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_timestamp(kind):
        return data
    if pa.types.is_boolean(kind):
        return data.cast(pa.int64())
    raise InputError(
        table.path,
        f"holds values of type {kind}",
        remedy="export this column as text, whole numbers or decimals"
        + (": floating-point numbers do not hold amounts exactly" if pa.types.is_floating(kind) else ""),
        field=name,
    )


def concat(parts: Sequence[np.ndarray], empty: np.ndarray) -> np.ndarray:
    """Join the arrays of a column's chunks; `empty` stands for a column without chunks."""
    import numpy as np

    if not parts:
        return empty
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
