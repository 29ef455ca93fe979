"""Files of bridge records: their text, and the rows of a CSV, each with its line.

Invariant: a file is read whole or not at all, never more than MAX_BYTES of it; every fault is an InputError.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from dyepack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 200 * 1024 * 1024
"""The largest file that is read, in bytes."""

MAX_CELL = 1 << 19
"""Characters of the longest cell."""


def text_of(path: Path) -> str:
    """A file's text, UTF-8, without a byte order mark. Raises InputError."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(path, "is not a regular file", remedy="name a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(path, "does not exist", remedy="check the path") from None
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise InputError(path, problem, remedy="check the path and its permissions") from None
    if len(data) > MAX_BYTES:
        raise InputError(path, f"has more than {MAX_BYTES} bytes", remedy="split it")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "save it as UTF-8; unpack it first if it is compressed"
        raise InputError(path, f"is not UTF-8 at byte {error.start}", remedy=remedy, line=line) from None
    if not text.strip():
        raise InputError(path, "is empty", remedy="give a file that holds records")
    return text


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV that are not blank, header first, each with its line; all as wide as the header."""
    reader = csv.reader(StringIO(text_of(path), newline=""), strict=True)
    width = 0
    before = csv.field_size_limit(MAX_CELL)
    try:
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                remedy = "close every quoted cell, and double the quotes inside"
                raise InputError(path, f"is not CSV: {error}", remedy=remedy, line=line) from None
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                remedy = "give every column a cell, and quote cells that hold a comma"
                raise InputError(path, f"the row has {len(row)} cells, the header {width}", remedy=remedy, line=line)
            yield line, row
    finally:
        csv.field_size_limit(before)
