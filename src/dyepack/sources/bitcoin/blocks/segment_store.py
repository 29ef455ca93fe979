"""Segments on disk: what an import has parsed already, so that one that was killed goes on where it stopped.

A segment's folder is named by what it was made from: name, size and whole SHA-256 of the bytes of blocks and undo data,
the mask, and FORMAT. The whole hash, because the bytes have to be read anyway and a hash of head and tail would not
notice a change in between.

Invariant: a segment is put in its place whole, by one rename after all of it is on disk, and is used only if each
column has the hash that was noted; a damaged one is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.content import column_hash
from dyepack.sources.bitcoin.blocks.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import U8
    from dyepack.sources.bitcoin.blocks.source_files import Part

FORMAT = 1
"""Goes up whenever the same bytes would give other columns."""

_TYPES = dict.fromkeys(
    ("block_bits", "block_time", "block_said", "block_tx", "tx_in", "tx_out", "in_address", "out_address"), "<i8"
)
_TYPES |= dict.fromkeys(("block_hash", "block_prev", "block_undo", "tx_id", "in_txid", "out_type", "addresses"), "|u1")
_TYPES |= {"in_index": "<u4", "in_value": "<u8", "out_value": "<u8"}
_WIDE = {"block_hash", "block_prev", "tx_id", "in_txid", "addresses"}
"""Types of the columns, and which of them hold rows of bytes."""

PARTIAL = ".partial-"
LOCK = ".lock"
_NOTE = "segment.json"
_SEGMENT = re.compile(r"[0-9a-f]{32}")


def origin(part: Part, raw: U8, undo_raw: U8 | None) -> dict[str, object]:
    """What a segment is made from, as it is noted beside it."""
    blocks = {"name": part.path.name, "start": part.start, "size": len(raw), "sha256": column_hash(raw)}
    undo = None
    if part.undo is not None and undo_raw is not None:
        undo = {"name": part.undo.name, "size": len(undo_raw), "sha256": column_hash(undo_raw)}
    return {"format": FORMAT, "blocks": blocks, "undo": undo, "mask": part.key.hex()}


def folder_of(work: Path, made_from: dict[str, object]) -> Path:
    """Where the segment belongs."""
    return work / hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]


def write(folder: Path, made_from: dict[str, object], segment: Segment) -> None:
    """Put a segment in its place; what stood there is removed."""
    partial = folder.with_name(f"{PARTIAL}{os.getpid()}-{folder.name}")
    try:
        _write(folder, partial, made_from, segment)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)  # on a full disk every byte counts
        raise


def _write(folder: Path, partial: Path, made_from: dict[str, object], segment: Segment) -> None:
    partial.mkdir()
    hashes = {}
    for name, column in segment.columns.items():
        whole = np.ascontiguousarray(column)
        with (partial / f"{name}.npy").open("wb") as file:
            np.save(file, whole, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        hashes[name] = column_hash(whole)
    note = {"origin": made_from, "columns": hashes, "network": segment.network, "counts": segment.counts}
    with (partial / _NOTE).open("w", encoding="utf-8") as file:
        json.dump(note, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    above = os.open(folder.parent, os.O_RDONLY)
    os.fsync(above)
    os.close(above)


def remove(work: Path) -> None:
    """Remove the segments in a folder, and the folder if nothing else is in it."""
    if work.is_symlink() or not work.is_dir():
        return
    for found in work.iterdir():
        if found.name.startswith(PARTIAL) or _SEGMENT.fullmatch(found.name):
            shutil.rmtree(found, ignore_errors=True)
    with suppress(OSError):
        (work / LOCK).unlink(missing_ok=True)
        work.rmdir()


def read(folder: Path, *, check: bool) -> Segment | None:
    """A segment, its columns mapped from disk; None where there is none or, with `check`, where it is damaged."""
    try:
        note = json.loads((folder / _NOTE).read_text("utf-8"))
        columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in note["columns"]}
        if not _fits(columns) or not all(type(number) is int for number in note["counts"].values()):
            return None
        if check and any(column_hash(column) != note["columns"][name] for name, column in columns.items()):
            return None
        return Segment(columns, None if note["network"] is None else str(note["network"]), note["counts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError):
        return None


def _fits(columns: dict[str, npt.NDArray[Any]]) -> bool:
    """Whether these are the columns of segment.py: their types, and lengths and rows that belong together."""
    if set(columns) != set(_TYPES) or any(columns[name].dtype.str != kind for name, kind in _TYPES.items()):
        return False
    if any((column.ndim == 2) != (name in _WIDE) for name, column in columns.items()):
        return False
    rows = {name: len(column) for name, column in columns.items()}
    blocks, txs, ins, outs = (rows[name] for name in ("block_hash", "tx_id", "in_index", "out_value"))
    sizes = dict.fromkeys(("block_prev", "block_bits", "block_time", "block_said", "block_undo"), blocks)
    sizes |= {"block_tx": blocks + 1, "tx_in": txs + 1, "tx_out": txs + 1, "out_type": outs, "out_address": outs}
    sizes |= dict.fromkeys(("in_txid", "in_value", "in_address"), ins)
    if any(rows[name] != size for name, size in sizes.items()):
        return False
    if any(columns[name].shape[1] != 32 for name in _WIDE - {"addresses"}):
        return False
    offsets = ((columns["block_tx"], txs), (columns["tx_in"], ins), (columns["tx_out"], outs))
    places = [columns[name] for name in ("in_address", "out_address")]
    return all(o[0] == 0 and o[-1] == end and (o[1:] >= o[:-1]).all() for o, end in offsets) and all(
        ((place >= -1) & (place < rows["addresses"])).all() for place in places
    )
