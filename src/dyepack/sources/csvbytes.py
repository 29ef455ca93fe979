"""The bytes of a CSV file: loading them, judging them, and finding the line of a record once it is needed.

Invariant: what `load` returns is UTF-8 without a byte order mark and without NUL bytes. The slow readers
here (the csv module) run only to name a line in a message, or when a record spans lines.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dyepack.ledger.schema import I64

GZIP_MAGIC = b"\x1f\x8b"
_CUT = "fetch the file again: it may have been cut short on the way"
_UTF8 = "save the file as UTF-8 text"


def opening(path: Path) -> bytes:
    """The first bytes of a file, by which its format is known."""
    if path.is_dir():
        raise InputError(path, "is a folder", remedy="name the file inside it")
    if path.exists() and not path.is_file():
        raise InputError(path, "is not a regular file", remedy="save its content to a file first")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", remedy="check the path") from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", remedy="check its permissions") from error
    if not start:
        raise InputError(path, "is empty", remedy="fetch the file again: not even a header is there")
    return start


def load(path: Path) -> bytes:
    """Read, unpack and check a CSV file."""
    data = path.read_bytes()
    if data.startswith(GZIP_MAGIC):
        data = _unpack(path, data)
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data:
        raise InputError(path, "is empty", remedy="fetch the file again: not even a header is there")
    at = data.find(b"\0")
    if at >= 0:
        raise InputError(path, "holds a NUL byte: this is not CSV text", remedy=_UTF8, line=_line_at(data, at))
    if not data.isascii():
        _check_utf8(path, data)
    return data


def _unpack(path: Path, data: bytes) -> bytes:
    import gzip

    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(path, f"is a damaged gzip file ({error})", remedy=_CUT) from error


def _check_utf8(path: Path, data: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    step = 1 << 20
    for start in range(0, len(data), step):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + step], final=start + step >= len(data))
        except UnicodeDecodeError as error:
            line = _line_at(data, start - pending + error.start)
            raise InputError(path, "is not UTF-8 text", remedy=_UTF8, line=line) from error


def _line_at(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def count_lines(data: bytes) -> int:
    r"""Lines of a text whose line ends are \n, \r\n or \r; a last line without an end counts."""
    ends = data.count(b"\n")
    if b"\r" in data:
        ends += data.count(b"\r") - data.count(b"\r\n")
    return ends if data.endswith((b"\n", b"\r")) else ends + 1


def header(path: Path, data: bytes) -> list[str]:
    """The column names on the first line."""
    for _, fields in _records(path, data):
        return fields
    raise InputError(path, "has no header", remedy="the first line must name the columns", line=1)


def record_lines(path: Path, data: bytes, rows: int) -> I64:
    """The line on which each record begins, for a file whose records are not one line each."""
    import numpy as np

    lines = np.fromiter((line for line, _ in _records(path, data)), dtype=np.int64)[1:]
    if len(lines) != rows:
        raise InputError(
            path,
            f"can be read as {rows} or as {len(lines)} records: its quotes or line ends are not consistent",
            remedy="quote a field only as a whole, and write a quote inside one twice",
        )
    return lines


def ragged(path: Path, data: bytes, width: int, reason: str) -> InputError:
    """Why the CSV reader gave up: as a rule, a record with more or fewer fields than the header."""
    for line, fields in _records(path, data):
        if len(fields) not in {width, 0}:
            remedy = (
                _CUT
                if len(fields) < width
                else "quote fields that have a comma in them, and write 1000.00 for 1.000,00"
            )
            return InputError(path, f"has {len(fields)} fields instead of {width}", remedy=remedy, line=line)
    return InputError(path, f"is not readable CSV ({quoted(reason)})", remedy=_CUT)


def _records(path: Path, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins; InputError where a quote is never closed."""
    with _long_fields():
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
        reader = csv.reader(text, strict=True)
        line = 1
        try:
            for fields in reader:
                yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                path, f"is not readable CSV ({error})", remedy="close the quote that opens here", line=line
            ) from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """Contract code and call data can be longer than the csv module's limit."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
