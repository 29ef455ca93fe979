"""Which of the Bitcoin importers a file or folder is for, by what is in it.

Invariant: a path has one form or is an InputError that lists the forms. Names matter only inside folders: a node's
blocks folder holds blk*.dat, and a folder of numbered tables holds the five of index_tables.py.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.sources.bitcoin.hashes import sha256d
from dyepack.sources.bitcoin.networks import BY_MAGIC
from dyepack.sources.bitcoin.records.index_tables import TABLES
from dyepack.sources.csvbytes import opening
from dyepack.sources.json_files import first_bytes, values

if TYPE_CHECKING:
    from pathlib import Path

TAKEN = (
    "blocks of a node (its blocks folder, blk*.dat, or single blocks as bytes or hexadecimal), getblock answers of "
    "verbosity 2 or 3, transactions of an Esplora server, transactions of bitcoin-etl as JSON, CSV or Parquet, or a "
    "folder with " + ", ".join(TABLES)
)

_HEADER = 80
_MASK = "xor.dat"
_MASK_SIZE = 8
_MOST_TARGET = 0x7FFFFF << 8 * (0x20 - 3)
_HEX_LINE = re.compile(rb"[0-9a-fA-F]{162,}\s")
_ETL_COLUMNS = {"hash", "block_number", "outputs"}


class Form(Enum):
    """What a path is, in words for messages."""

    BLOCKS = "blocks of a node"
    GETBLOCK = "getblock answers"
    ESPLORA = "transactions of an Esplora server"
    ETL = "transactions of bitcoin-etl"
    TABLES = "a folder of numbered tables"
    MASK = "the mask of a node's files"
    UNDO = "bytes that may be undo data"
    EMPTY = "a list without entries"


def expanded(path: Path) -> list[Path]:
    """The path itself, or the files of a folder that has no form of its own; hidden files and _markers left out."""
    if not path.is_dir() or _folder_form(path) is not None:
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise InputError(path, "is a folder without files", remedy=f"give {TAKEN}")
    return found


def recognise(path: Path) -> Form:
    """The form of a file, or of a folder that `expanded` leaves as it is."""
    if path.is_dir():
        form = _folder_form(path)
        if form is None:
            raise InputError(path, "is a folder of no known form", remedy=f"give {TAKEN}")
        return form
    if path.exists() and not path.is_file():
        raise InputError(path, "is a pipe or a device, not a file", remedy="save what it gives, and import that file")
    opening(path)
    start = first_bytes(path)
    if start.startswith(b"PAR1"):
        return Form.ETL
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in {b"{", b"[", b'"'}:
        return _json_form(path)
    if _is_table(path, text):
        return Form.ETL
    form = _binary_form(path, start)
    if form is None:
        raise InputError(path, "is nothing that can be imported", remedy=f"give {TAKEN}")
    return form


def _folder_form(path: Path) -> Form | None:
    if all((path / name).is_file() for name in TABLES):
        return Form.TABLES
    return Form.BLOCKS if any(path.glob("blk*.dat")) else None


def _binary_form(path: Path, start: bytes) -> Form | None:
    mask = path.parent / _MASK
    if path.name == _MASK and len(start) == _MASK_SIZE:
        return Form.MASK
    key = first_bytes(mask)[: _MASK_SIZE + 1] if mask.is_file() else b""
    is_masked = len(key) == _MASK_SIZE <= len(start)
    clear = bytes(a ^ b for a, b in zip(start[:4], key[:4], strict=True)) if is_masked else b""
    if start[:4] in BY_MAGIC or clear in BY_MAGIC or _HEX_LINE.match(start + b"\n") or _is_block(start):
        return Form.BLOCKS
    is_text = b"\0" not in start and start.isascii()
    return None if is_text else Form.UNDO


def _is_block(start: bytes) -> bool:
    """Whether the bytes begin with a block header: its hash must be below the target that it names itself."""
    if len(start) <= _HEADER:
        return False
    exponent, mantissa = start[75], int.from_bytes(start[72:75], "little")
    target = mantissa << 8 * exponent >> 24
    work = int.from_bytes(sha256d(start[:_HEADER]), "little")
    return mantissa < 1 << 23 and target <= _MOST_TARGET and work <= target


def _is_table(path: Path, text: bytes) -> bool:
    first = text.splitlines()[0] if text else b""
    names = {name.strip(' "') for name in first.decode("utf-8", "replace").split(",")}
    for table, columns in TABLES.items():
        if names == set(columns):
            raise InputError(path, f"is the table {table} of a set of five", remedy="give their folder")
    return names >= _ETL_COLUMNS


def _json_form(path: Path) -> Form:
    for line, value in values(path):
        item: object = value
        if isinstance(item, list):
            if not item:
                return Form.EMPTY
            item = item[0]
        if isinstance(item, dict) and item.get("result") is not None:
            item = item["result"]
        return _value_form(path, line, item)
    raise InputError(path, "is empty", remedy=f"give {TAKEN}")


def _value_form(path: Path, line: int, item: object) -> Form:
    keys = set(item) if isinstance(item, dict) else set()
    if isinstance(item, str) or "merkleroot" in keys or {"hash", "tx"} <= keys or {"error", "id"} <= keys:
        return Form.GETBLOCK
    if {"vin", "vout", "status"} <= keys:
        return Form.ESPLORA
    if {"hash", "outputs"} <= keys or {"hash", "merkle_root"} <= keys:
        return Form.ETL
    if {"vin", "vout"} <= keys:
        problem = "holds a transaction without its place in the chain, as getrawtransaction gives it"
        raise InputError(path, problem, remedy="ask the node for the whole block: getblock HASH 3", line=line)
    shown = ", ".join(sorted(keys)[:8]) or type(item).__name__
    raise InputError(path, f"holds JSON of no known form ({quoted(shown)})", remedy=f"give {TAKEN}", line=line)
