"""The rows of bitcoin_etl.py's three forms as records with the same fields.

Invariant: each row of a file is one record, in order, with the line it began on (in Parquet, its number from 1);
memory holds one batch of a row group, or the text of one CSV file.
"""

from __future__ import annotations

import gzip
import zlib
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from dyepack.errors import InputError, quoted
from dyepack.sources.bitcoin.records.record import Record
from dyepack.sources.columns import times
from dyepack.sources.csvbytes import GZIP_MAGIC, opening
from dyepack.sources.json_files import too_much, unpacked_at_most, values
from dyepack.sources.table import Column, Layout, Table, read_table, wanted
from dyepack.strict_json import parse_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

LAYOUT = Layout(
    "a table of transactions in the layout of bitcoin-etl",
    ("hash", "block_number", "inputs", "outputs"),
    (
        *("block_hash", "block_timestamp", "is_coinbase", "index", "version", "lock_time"),
        *("input_count", "output_count", "output_value", "type"),
    ),
)
_UNUSED = ("script_asm", "asm", "txinwitness")
_BATCH = 4096
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_AGAIN = "fetch it again: it may have been cut short on the way"


def json_records(path: Path) -> Iterator[Record]:
    """The objects of a JSON file; times may be text."""
    cache: dict[str, int] = {}
    for line, value in values(path):
        many = isinstance(value, list)
        for i, item in enumerate(value if isinstance(value, list) else [value]):
            record = Record.of(path, line, item, f"[{i}]" if many else "")
            yield _with_time(record, cache)


def _with_time(record: Record, cache: dict[str, int]) -> Record:
    text = record.data.get("block_timestamp")
    if not isinstance(text, str) or "-" not in text:
        return record
    if text not in cache:
        import pyarrow as pa

        try:
            column = pa.chunked_array([pa.array([text], pa.string())])
        except UnicodeEncodeError:
            raise record.fault("block_timestamp", f"{quoted(text)} is not a time in UTC") from None
        table = Table(record.file, 1, {}, is_csv=False, lines=None)
        try:
            cache[text] = int(times(Column(table, "block_timestamp", column))[0])
        except InputError:
            raise record.fault("block_timestamp", f"{quoted(text)} is not a time in UTC") from None
    return Record(record.file, record.line, record.way, {**record.data, "block_timestamp": cache[text]})


def csv_records(path: Path) -> Iterator[Record]:
    """The rows of a CSV file, with the JSON text in inputs and outputs read."""
    _check_unpacked(path)
    table = read_table(path, LAYOUT)
    names = [name for name in table.columns if name != "block_timestamp"]
    seconds = times(table["block_timestamp"]) if "block_timestamp" in table else None
    for row, texts in enumerate(_texts(table, names)):
        data: dict[str, object] = {name: text for name, text in zip(names, texts, strict=True) if text != ""}
        record = Record(path, table.line(row), "", data)
        for name in ("inputs", "outputs"):
            if name in data:
                data[name] = _nested(record, name)
        if "is_coinbase" in data:
            data["is_coinbase"] = _FLAGS.get(str(data["is_coinbase"]).lower(), data["is_coinbase"])
        if seconds is not None:
            data["block_timestamp"] = int(seconds[row])
        yield record


def _check_unpacked(path: Path) -> None:
    """InputError for a CSV file that unpacks to far more than its size: it would have to be held whole."""
    if not opening(path).startswith(GZIP_MAGIC):
        return
    left = unpacked_at_most(path)
    try:
        with gzip.open(path, "rb") as file:
            while part := file.read(1 << 24):
                left -= len(part)
                if left < 0:
                    raise too_much(path)
    except (EOFError, OSError, zlib.error):
        return  # reading the table says it


def _texts(table: Table, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for start in range(0, table.rows, _BATCH):
        parts = [table[name].data.slice(start, _BATCH).to_pylist() for name in names]
        yield from zip(*parts, strict=True)


def _nested(record: Record, name: str) -> object:
    text = record.text(name).strip()
    try:
        value, end = parse_at(record.file, text, 0, record.line or 1)
    except JSONDecodeError as error:
        raise record.fault(name, f"is not JSON: {error.msg}") from None
    if end != len(text):
        raise record.fault(name, "is not one JSON value")
    return value


def parquet_records(path: Path) -> Iterator[Record]:
    """The rows of a Parquet file."""
    number = 0
    for batch in _batches(path):
        seconds = None
        if "block_timestamp" in batch.schema.names:
            seconds = _seconds(path, batch.column("block_timestamp"), number)
            batch = batch.drop_columns(["block_timestamp"])  # noqa: PLW2901
        for i, row in enumerate(_rows(path, batch)):
            number += 1
            if seconds is not None:
                row["block_timestamp"] = seconds[i]
            yield Record(path, number, "", row)


def _seconds(path: Path, column: Any, before: int) -> Sequence[int]:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.fill_null("")
    lines = np.arange(before + 1, before + len(column) + 1)
    table = Table(path, len(column), {}, is_csv=False, lines=lines)
    found: list[int] = times(Column(table, "block_timestamp", pa.chunked_array([column])), optional=True).tolist()
    return found


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = set(wanted(path, file.schema_arrow.names, LAYOUT))
            leaves = (file.schema.column(i).path for i in range(len(file.schema)))
            used = [leaf for leaf in leaves if leaf.split(".")[0] in names and leaf.split(".")[-1] not in _UNUSED]
            for batch in file.iter_batches(batch_size=_BATCH, columns=used, use_threads=False):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise _damaged(path, error) from error


def _rows(path: Path, batch: pa.RecordBatch) -> list[dict[str, object]]:
    import pyarrow as pa

    try:
        rows: list[dict[str, object]] = batch.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise _damaged(path, error) from error
    return rows


def _damaged(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else ""
    return InputError(path, f"is a damaged Parquet file ({quoted(reason)})", remedy=_AGAIN)
