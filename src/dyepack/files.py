"""Plain files from outside: their bytes, their text, the rows of a CSV, the keys of a TOML.

Invariant: only plain files are read, whole or not at all, and never more of one than the caller allows, even if it
grows meanwhile; nothing is mended, and every fault is an InputError, with the line where there is one.
"""

from __future__ import annotations

import csv
import tomllib
from io import StringIO
from typing import TYPE_CHECKING, Any

from dyepack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_CELL = 1 << 19
"""Characters of the longest cell of a CSV, unless a caller says otherwise."""

_MOST_PARTS = 40
"""Dots before the first quote of a line of TOML: the parser's work grows with the square of a key's parts."""


def read_bounded(path: Path, most: int, *, remedy: str) -> bytes:
    """The content of a plain file of at most `most` bytes; `remedy` says what kind of file is wanted."""
    try:
        if path.is_dir():
            raise InputError(path, "is a folder, not a plain file", remedy=remedy)
        if path.exists() and not path.is_file():
            raise InputError(path, "is not a plain file", remedy=remedy)
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except FileNotFoundError:
        raise InputError(path, "cannot be read: it does not exist", remedy="check the path") from None
    except (OSError, ValueError) as fault:  # ValueError: a zero byte in the path
        problem = f"cannot be read ({getattr(fault, 'strerror', None) or fault})"
        raise InputError(path, problem, remedy="check the path and its permissions") from fault
    if len(raw) > most:
        raise InputError(path, f"has more than {most} bytes", remedy=remedy)
    return raw


def utf8(path: Path | str, raw: bytes, *, remedy: str) -> str:
    """A file's content as text, without a byte order mark."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise InputError(path, f"is not UTF-8 at byte {fault.start}", remedy=remedy, line=line) from None


def csv_rows(path: Path, text: str, *, most_cell: int = MOST_CELL) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV that are not blank, header first, each with the line that it begins on.

    All are as wide as the header, and quotes are closed; a text without a row is refused.
    """
    if not text.strip():
        raise InputError(path, "is empty", remedy="give a file with a header and rows")
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        before = csv.field_size_limit(most_cell)
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            remedy = "close every quoted cell, and double the quotes inside"
            raise InputError(path, f"is not CSV: {fault}", remedy=remedy, line=line) from None
        finally:
            csv.field_size_limit(before)
        if not row:
            continue
        header = header or row
        if len(row) != len(header):
            column = header[len(row)] if len(row) < len(header) else header[-1]
            raise InputError(path, f"the row has {len(row)} cells, the header {len(header)}",
                             remedy="give every column a cell, and quote cells that hold a comma", line=line,
                             field=column)  # fmt: skip
        yield line, row


def csv_file(path: Path, most: int, *, remedy: str, most_cell: int = MOST_CELL) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file of at most `most` bytes, as `csv_rows` has them."""
    yield from csv_rows(path, utf8(path, read_bounded(path, most, remedy=remedy), remedy=remedy), most_cell=most_cell)


def parse_toml(path: Path | str, raw: bytes, *, most: int, remedy: str) -> dict[str, Any]:
    """The keys of a TOML file's content of at most `most` bytes."""
    if len(raw) > most:
        raise InputError(path, f"has more than {most} bytes", remedy=remedy)
    if any(line.split(b'"')[0].count(b".") > _MOST_PARTS for line in raw.splitlines()):
        raise InputError(path, "has a key of very many parts", remedy=remedy)
    try:
        return tomllib.loads(utf8(path, raw, remedy=remedy))
    except (ValueError, RecursionError) as fault:
        raise InputError(path, f"is not valid TOML: {fault}", remedy=remedy) from fault
