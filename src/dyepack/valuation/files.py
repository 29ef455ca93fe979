"""Price files: CSV or Parquet with a day and a price, of any header.

The column of days is the first of the names that price files use (`date`, `day`, `time`, `timestamp` ...); the column
of prices is the one that the user names, else `close`, else `price`, else the one that names the currency
(`price_usd`, `BTC_USD`, `usd`). Where two would do the user must say.
Invariant: a file is read whole or refused with the line; a price is above zero; two prices of one day must be equal.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from dyepack.errors import InputError, quoted
from dyepack.files import csv_rows, read_bounded, utf8
from dyepack.valuation.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MAX_BYTES = 64 << 20
MAX_ROWS = 1_000_000
MAX_CELL = 1000
_DAYS = ("date", "day", "time", "timestamp", "snapped_at", "datetime")
_REMEDY = "give a CSV or Parquet file with a column of days and a column of prices"
_PLAIN = re.compile(r"[0-9]{1,30}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,2})?")


class _Read(NamedTuple):
    """A file's header and rows, all cells text, and the line that each row begins on (of Parquet: its number)."""

    header: list[str]
    rows: list[list[str]]
    lines: Sequence[int]


def read_prices(path: Path, currency: str, column: str = "") -> Series:
    """The series of a price file in `currency` (ISO 4217); `column` names its prices where that is not plain.

    Raises InputError, with line and column, for a file that cannot be used.
    """
    raw = read_bounded(path, MAX_BYTES, remedy=_REMEDY)
    table = _parquet(path, raw, currency, column) if raw[:4] == b"PAR1" else _csv(path, raw)
    day_at = _day_column(path, table.header)
    price_at = _price_column(path, table.header, currency, column, day_at)
    days = _days(path, [row[day_at] for row in table.rows], table)
    prices: dict[date, Decimal] = {}
    for line, day, row in zip(table.lines, days, table.rows, strict=True):
        text = row[price_at].strip()
        if not text or text.lower() in {"null", "nan", "n/a"}:
            continue
        value = _price(path, text, line, table.header[price_at])
        if prices.setdefault(day, value) != value:
            raise InputError(path, f"has two prices for {day}", remedy="keep one price a day", line=line)
    if not prices:
        raise InputError(path, "holds no price", remedy=_REMEDY)
    return Series(currency, f"{path.name}, column {table.header[price_at]}", hashlib.sha256(raw).hexdigest(), prices)


def _csv(path: Path, raw: bytes) -> _Read:
    text = utf8(path, raw, remedy=_REMEDY)
    lines = list(islice(csv_rows(path, text), MAX_ROWS + 1)) if text.strip() else []
    if len(lines) < 2:
        raise InputError(path, "holds no rows", remedy=_REMEDY)
    if len(lines) > MAX_ROWS:
        raise InputError(path, f"has more than {MAX_ROWS} rows", remedy="keep the days that are needed")
    (_, header), *rows = lines
    return _Read([name.strip() for name in header], [row for _, row in rows], [line for line, _ in rows])


def _parquet(path: Path, raw: bytes, currency: str, column: str) -> _Read:
    """The two columns that are used. Texts are read as dictionaries: a few bytes can stand for a million long texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.ParquetFile(pa.BufferReader(raw)).schema_arrow.names
        day_at = _day_column(path, names)
        used = [names[day_at], names[_price_column(path, names, currency, column, day_at)]]
        file = pq.ParquetFile(pa.BufferReader(raw), read_dictionary=used)
        rows = file.metadata.num_rows
        if not 0 < rows <= MAX_ROWS:
            raise InputError(path, f"has {rows} rows", remedy=_REMEDY)
        _check_size(path, file.metadata, used)
        columns = [[_cell(value) for value in _values(path, file.read(columns=[name]).column(0))] for name in used]
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as fault:
        problem = f"is no Parquet that can be read ({quoted(str(fault))})"
        raise InputError(path, problem, remedy=_REMEDY) from None
    return _Read(used, [list(row) for row in zip(*columns, strict=True)], range(1, rows + 1))


def _check_size(path: Path, metadata: Any, used: Sequence[str]) -> None:
    """InputError for columns that unpack to more than a file may have."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in used)
    if size > MAX_BYTES:
        raise InputError(path, f"unpacks to {size} bytes", remedy="keep the days that are needed")


def _values(path: Path, data: Any) -> list[Any]:
    """The values of a column, texts no longer than a day or a price can be."""
    import pyarrow as pa

    if not pa.types.is_dictionary(data.type):
        return list(data.to_pylist())
    found: list[Any] = []
    for chunk in data.chunks:
        words = chunk.dictionary.to_pylist()
        if any(word is not None and len(word) > MAX_CELL for word in words):
            raise InputError(path, f"has a text of more than {MAX_CELL} characters", remedy=_REMEDY)
        found += [None if at is None else words[at] for at in chunk.indices.to_pylist()]
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _day_column(path: Path, header: Sequence[str]) -> int:
    lower = [name.lower() for name in header]
    for name in _DAYS:
        if lower.count(name) == 1:
            return lower.index(name)
    raise InputError(path, f"has no column of days (one of {', '.join(_DAYS)})", remedy=_REMEDY)


def _price_column(path: Path, header: Sequence[str], currency: str, column: str, day_at: int) -> int:
    if column:
        if header.count(column) != 1:
            raise InputError(path, f"has no column {quoted(column)}, or several", remedy=f"it has {_names(header)}")
        return header.index(column)
    lower = [name.lower() for name in header]
    fits: list[Callable[[str], bool]] = [
        lambda name: name == "close",
        lambda name: name == "price",
        lambda name: currency.lower() in re.split(r"[^a-z]+", name),
    ]
    for fit in fits:
        found = [at for at, name in enumerate(lower) if at != day_at and fit(name)]
        if len(found) == 1:
            return found[0]
    others = [at for at in range(len(header)) if at != day_at]
    if len(others) == 1:
        return others[0]
    raise InputError(path, f"does not say which column is the price in {currency}",
                     remedy=f"name it: FILE:CURRENCY:COLUMN; it has {_names(header)}")  # fmt: skip


def _names(header: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in header[:12])


def _price(path: Path, text: str, line: int, column: str) -> Decimal:
    try:
        value = Decimal(text) if _PLAIN.fullmatch(text) else Decimal(0)
    except InvalidOperation:
        value = Decimal(0)
    if value <= 0:
        raise InputError(path, f"{quoted(text)} is not a price above zero", remedy="mend or leave out the row",
                         line=line, field=column)  # fmt: skip
    return value


def _iso(text: str) -> date:
    when = datetime.fromisoformat(text.removesuffix(" UTC"))
    return (when.astimezone(UTC) if when.tzinfo else when).date()


def _seconds(text: str) -> date:
    if not text.isascii() or not text.isdigit() or len(text) not in {9, 10, 13}:
        raise ValueError
    return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC).date()


def _of(form: str) -> Callable[[str], date]:
    return lambda text: datetime.strptime(text, form).replace(tzinfo=UTC).date()


_FORMS: tuple[Callable[[str], date], ...] = (_iso, _seconds, _of("%d-%m-%Y"), _of("%m-%d-%Y"), _of("%d/%m/%Y"),
                                              _of("%m/%d/%Y"), _of("%d.%m.%Y"))  # fmt: skip


def _days(path: Path, texts: Sequence[str], table: _Read) -> list[date]:
    """The days of a column, all in the one form that fits all of them; InputError where none or several do."""
    read = [_read_days(form, texts) for form in _FORMS]
    fitting = [found for found in read if len(found) == len(texts)]
    furthest = max(map(len, read))
    if not fitting:
        raise InputError(path, f"{quoted(texts[furthest])} is not a day", remedy="write days as 2025-02-21",
                         line=table.lines[furthest])  # fmt: skip
    if any(other != fitting[0] for other in fitting[1:]):
        raise InputError(path, "has days that can be read with the day or the month first",
                         remedy="write days as 2025-02-21")  # fmt: skip
    return fitting[0]


def _read_days(form: Callable[[str], date], texts: Sequence[str]) -> list[date]:
    """The days of a column in one form, up to the first text that is none."""
    found: list[date] = []
    with suppress(ValueError, OverflowError):
        found.extend(form(text.strip()) for text in texts)
    return found
