"""Telling the formats apart by content, and naming what is none of them.

Invariant: every file is read as one format or refused with its name and with what to import instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.sources.bank.camt import read_camt
from dyepack.sources.bank.mt940 import read_mt940
from dyepack.sources.bank.rows import NEEDED, read_rows
from dyepack.sources.csvbytes import opening

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.sources.bank.entries import Read

LARGEST = 512 << 20
_WANTED = "import camt.053, MT940 or the CSV of docs/bank.md"
_MAGIC = {
    b"\x1f\x8b": "a gzip archive", b"PK\x03\x04": "a zip archive", b"%PDF": "a PDF", b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 archive", b"\xfd7zX": "an xz archive", b"7z\xbc\xaf": "a 7-Zip archive",
}  # fmt: skip
_FIELD = re.compile(rb"^:(?:20|21|25|28C?|60[FM]?|61|62[FM]?|64|86|NS):", re.MULTILINE)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_file(path: Path, into: Read) -> None:
    """Read one file of any of the formats; InputError names what is wrong, and where."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(path, "is a pipe or a device, not a file", remedy="save what it gives, and import that file")
    start = opening(path)
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            remedy = "unpack it and import the statements in it" if "archive" in what else _WANTED
            raise InputError(path, f"is {what}, not a statement", remedy=remedy)
    if path.stat().st_size > LARGEST:
        raise InputError(path, f"is larger than {LARGEST >> 20} MiB", remedy="ask the bank for shorter periods")
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise InputError(path, f"cannot be read ({fault.strerror})", remedy="check its permissions") from fault
    text = data.removeprefix(_MARKS[0])
    head = text[:4096].lstrip()
    if head.startswith(b"<") or head.replace(b"\0", b"")[:3].lstrip(b"\xff\xfe").startswith(b"<"):
        read_camt(str(path), data, into)
    elif _FIELD.search(text) or head.startswith(b"{1:"):
        read_mt940(str(path), _decoded(path, text, into), into)
    elif _looks_like_rows(head):
        read_rows(path, into)
    elif _looks_like_rows(head.replace(b";", b",").replace(b"\t", b",")):
        raise InputError(path, "separates its columns by semicolons or tabs", line=1,
                         remedy="save it with commas, amounts as 1000.00")  # fmt: skip
    else:
        raise InputError(path, f"is not a bank statement that dyepack knows: it begins with "
                         f"{quoted(head[:24].decode('latin-1'))}", remedy=_WANTED)  # fmt: skip


def _looks_like_rows(head: bytes) -> bool:
    names = {name.strip().strip('"').lower() for name in head.split(b"\n")[0].decode("latin-1").strip().split(",")}
    return {"date", "amount"} <= names or len(names & set(NEEDED)) > 2


def _decoded(path: Path, data: bytes, into: Read) -> str:
    """MT940 is ASCII by its standard; what banks write besides is UTF-8 or, failing that, one byte a letter."""
    at = data.find(b"\0")
    if at >= 0:
        raise InputError(path, "holds a NUL byte: this is not the text of an MT940", line=data.count(b"\n", 0, at) + 1,
                         remedy="save the file as UTF-8 text")  # fmt: skip
    try:
        return data.decode()
    except UnicodeDecodeError:
        into.note(f"{path.name} is not UTF-8: letters that ASCII does not have are read as Latin-1, amounts are not "
                  "affected")  # fmt: skip
        return data.decode("latin-1")
