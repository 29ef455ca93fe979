"""Logs and calls of bridges from ethereum-etl exports (logs.csv, transactions.csv) of any EVM chain.

Invariant: a row that is no log or call is refused with its line; a transaction that is known to have failed is no call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.files import csv_file
from dyepack.patterns.bridges.logs import Call, Log
from dyepack.patterns.bridges.model import EVM_ADDRESS, EVM_HASH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_BYTES = 200 << 20
"""The largest file that is read, in bytes."""

LOG_COLUMNS = ("log_index", "transaction_hash", "address", "data", "topics")
CALL_COLUMNS = ("hash", "from_address", "to_address", "value", "input")
_REMEDY = "give an ethereum-etl export (CSV); split one that is too large"
_HEX = re.compile(r"0x([0-9a-fA-F]{2})*")
_WHOLE = re.compile(r"[0-9]{1,78}")


class _Row:
    """One row by the names of its columns."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self.path, self.line, self.cells = path, line, cells

    def text(self, column: str, form: re.Pattern[str], what: str) -> str:
        value = self.cells[column].strip()
        if not form.fullmatch(value):
            raise InputError(self.path, f"{quoted(value)} is not {what}", remedy="give an ethereum-etl export",
                             line=self.line, field=column)  # fmt: skip
        return value

    def content(self, column: str) -> bytes:
        return bytes.fromhex(self.text(column, _HEX, "hexadecimal data")[2:])

    def time(self) -> int:
        value = self.cells.get("block_timestamp", "").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else -1


def _rows(path: Path, needed: Sequence[str]) -> Iterator[_Row]:
    rows = csv_file(path, MAX_BYTES, remedy=_REMEDY)
    line, header = next(rows)
    missing = [name for name in needed if header.count(name) != 1]
    if missing:
        raise InputError(path, "stands not once in the header", remedy="give an ethereum-etl export with the columns "
                         + ", ".join(needed), line=line, field=missing[0])  # fmt: skip
    for line, row in rows:
        yield _Row(path, line, dict(zip(header, row, strict=True)))


def read_logs(path: Path, chain: str) -> list[Log]:
    """The logs of an ethereum-etl export, in its order. Raises InputError."""
    return [
        Log(
            chain, row.text("transaction_hash", EVM_HASH, "a transaction hash"),
            row.text("address", EVM_ADDRESS, "an address"), _topics(row), row.content("data"),
            int(row.text("log_index", _WHOLE, "a log index")), row.time(),
        )
        for row in _rows(path, LOG_COLUMNS)
    ]  # fmt: skip


def _topics(row: _Row) -> tuple[bytes, ...]:
    texts = [text.strip() for text in row.cells["topics"].split(",") if text.strip()]
    if len(texts) > 4 or not all(EVM_HASH.fullmatch(text) for text in texts):
        problem = f"{quoted(row.cells['topics'])} are not topics"
        raise InputError(row.path, problem, remedy="give an ethereum-etl export", line=row.line, field="topics")
    return tuple(bytes.fromhex(text[2:]) for text in texts)


def read_calls(path: Path, chain: str) -> list[Call]:
    """The calls of a transactions export, in its order: those that are not known to have failed. Raises InputError."""
    found = []
    for row in _rows(path, CALL_COLUMNS):
        status = row.cells.get("receipt_status", "").strip()
        if status in {"0", "0.0"} or not row.cells["to_address"].strip():
            continue
        found.append(Call(
            chain, row.text("hash", EVM_HASH, "a transaction hash"),
            row.text("from_address", EVM_ADDRESS, "an address"), row.text("to_address", EVM_ADDRESS, "an address"),
            row.content("input"), int(row.text("value", _WHOLE, "a whole number")), "", row.time(),
        ))  # fmt: skip
    return found
