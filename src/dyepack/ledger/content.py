"""The files of a ledger's content: opening, mapping, checking by hash, and look-up by identifier.

Invariant: what is opened has the manifest that its folder is named after, every column of its model, and each column
the type and shape that the manifest says (its bytes: `Reader.verify`); opening reads the manifest and maps files,
whatever their size.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.errors import LedgerError
from dyepack.ledger.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.ledger.manifest import Column
    from dyepack.ledger.schema import U8, U32, U64
    from dyepack.money import Asset

_HASHED = 1 << 24
_NAME = re.compile(r"[0-9a-f]{16}(-[0-9]+)?")
_TIMES = 1 << 16
"""How many times are kept as text."""


@dataclass(slots=True)
class Content:
    """A content folder, its manifest and the hash of that, and the mapped columns by name."""

    folder: Path
    manifest: Manifest
    sha256: str
    columns: dict[str, Any]


class Reader:
    """What ledgers of both models have in common: columns as attributes, and what the manifest says of them."""

    def __init__(self, folder: Path, manifest: Manifest, sha256: str, columns: dict[str, Any]) -> None:
        self.folder, self.manifest, self.sha256 = folder, manifest, sha256
        for name, column in columns.items():
            setattr(self, name, column)

    @property
    def chain(self) -> str:
        """Name of the chain or set of books."""
        return self.manifest.chain

    @property
    def assets(self) -> list[Asset]:
        """Assets by id; 0 is the native coin."""
        return self.manifest.assets

    def asset_id(self, key: str) -> int | None:
        """The id of an asset given by key, or by a symbol that only one asset has."""
        keys = [i for i, a in enumerate(self.assets) if a.key in (key.lower(), key)]
        named = keys or [i for i, a in enumerate(self.assets) if a.symbol and a.symbol == key]
        return named[0] if len(named) == 1 else None

    def sizes(self) -> dict[str, int]:
        """Bytes of each column."""
        return {c.name: int(np.prod(c.shape)) * np.dtype(c.dtype).itemsize
                for c in self.manifest.columns if c.dtype != "jsonl"}  # fmt: skip

    def verify(self) -> list[str]:
        """Names of columns that are gone or no longer have the hash in the manifest (reads everything).

        "manifest" is among them if it no longer has the hash that its folder is named after.
        """
        wrong = [c.name for c in self.manifest.columns if _column_hash(self.folder, c) != c.sha256]
        return wrong if self.sha256.startswith(self.folder.name.partition("-")[0]) else ["manifest", *wrong]


def current(path: Path) -> tuple[Path, Manifest, str]:
    """The content folder in force, its manifest and the manifest's hash; LedgerError if there is none or it changed."""
    try:
        name = (path / "CURRENT").read_text("ascii").strip()
        folder = path / name
        raw = (folder / "manifest.json").read_bytes()
    except (OSError, ValueError) as fault:
        raise LedgerError(f"{path} is not a ledger", remedy="make one with `dyepack import`") from fault
    manifest = Manifest.from_bytes(raw, str(path))
    sha256 = hashlib.sha256(raw).hexdigest()
    if not _NAME.fullmatch(name) or name[:16] != sha256[:16]:
        raise LedgerError(
            f"the manifest of ledger {path} was changed since the import", remedy="import the ledger again"
        )
    return folder, manifest, sha256


def pointer(sha256: str) -> str:
    """What CURRENT says where the content with this hash, under its plain name, is in force."""
    return f"{sha256[:16]}\n"


def open_content(path: Path, model: str, names: Sequence[str], optional: Sequence[str] = ()) -> Content:
    """Map the columns of the newest content; LedgerError says what is missing, damaged or of another model.

    `optional` are columns that some ledgers have.
    """
    folder, manifest, sha256 = current(path)
    if manifest.model != model:
        raise LedgerError(f"{path} is a ledger of {manifest.model}, not of {model}",
                          remedy="name a ledger of the other kind")  # fmt: skip
    said = {c.name: c for c in manifest.columns}
    if lacking := [name for name in names if name not in said]:
        raise LedgerError(
            f"the manifest of ledger {path} is damaged (no column {lacking[0]})", remedy="import the ledger again"
        )
    names = [*names, *(name for name in optional if name in said)]
    return Content(folder, manifest, sha256,
                   {n: _map(folder / said[n].file, said[n].dtype, said[n].shape, path) for n in names})  # fmt: skip


def misfit(path: Path) -> LedgerError:
    """The fault of columns whose lengths do not belong together."""
    return LedgerError(f"the columns of ledger {path} do not fit together", remedy="import the ledger again")


def column_hash(column: npt.NDArray[Any]) -> str:
    """The SHA-256 of a column's bytes, without a copy of them; its rows must lie one behind the other."""
    return hashlib.sha256(column.data.cast("B") if column.size else b"").hexdigest()


def find_row(raw: bytes, rows: U8, key: U64, row: U32) -> int | None:
    """The row of `rows` with these bytes, by the sorted first eight bytes (`key`) and the rows they belong to."""
    want = np.uint64(int.from_bytes(raw[:8].ljust(8, b"\0"), "big"))
    at = int(np.searchsorted(key, want))
    while at < len(key) and key[at] == want:
        if rows[row[at]].tobytes() == raw:
            return int(row[at])
        at += 1
    return None


def hex_bytes(text: str, width: int) -> bytes | None:
    """Hexadecimal text, with or without 0x, as `width` bytes."""
    body = text.strip().lower().removeprefix("0x")
    try:
        raw = bytes.fromhex(body)
    except ValueError:
        return None
    return raw if len(raw) == width and len(body) == 2 * width else None


@lru_cache(maxsize=_TIMES)
def time_text(seconds: int) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, "" for -1."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z" if seconds >= 0 else ""


def seconds_of(text: str) -> int:
    """Seconds since 1970 of what `time_text` wrote, -1 for ""."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) if text else -1


def _column_hash(folder: Path, column: Column) -> str | None:
    """The SHA-256 of what a column's file holds now, None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        if column.dtype == "jsonl":
            return hashlib.sha256((folder / column.file).read_bytes()).hexdigest()
        flat = np.load(folder / column.file, mmap_mode="r" if np.prod(column.shape) else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    flat = flat.reshape(-1).view(np.uint8)
    for at in range(0, len(flat), _HASHED):
        digest.update(flat[at : at + _HASHED].tobytes())
    return digest.hexdigest()


def _map(file: Path, dtype: str, shape: list[int], ledger: Path) -> npt.NDArray[np.generic]:
    damaged = LedgerError(
        f"column {file.name} of ledger {ledger} is missing or damaged", remedy="import the ledger again"
    )
    try:
        column = np.load(file, mmap_mode="r" if np.prod(shape) else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as fault:
        raise damaged from fault
    if column.dtype.str != dtype or list(column.shape) != shape:
        raise damaged
    column = np.asarray(column)
    column.flags.writeable = False  # as mapped ones are: Numba compiles a kernel for each kind of array
    return column
