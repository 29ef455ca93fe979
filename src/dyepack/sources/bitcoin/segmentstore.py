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
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.sources.bitcoin.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import U8
    from dyepack.sources.bitcoin.sourcefiles import Part

FORMAT = 1
"""Goes up whenever the same bytes would give other columns."""

PARTIAL = ".partial-"
_NOTE = "segment.json"


def origin(part: Part, raw: U8, undo_raw: U8 | None) -> dict[str, object]:
    """What a segment is made from, as it is noted beside it."""
    blocks = {"name": part.path.name, "start": part.start, "size": len(raw), "sha256": _hash(raw)}
    undo = None
    if part.undo is not None and undo_raw is not None:
        undo = {"name": part.undo.name, "size": len(undo_raw), "sha256": _hash(undo_raw)}
    return {"format": FORMAT, "blocks": blocks, "undo": undo, "mask": part.key.hex()}


def folder_of(work: Path, made_from: dict[str, object]) -> Path:
    """Where the segment belongs."""
    return work / hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]


def write(folder: Path, made_from: dict[str, object], segment: Segment) -> None:
    """Put a segment in its place; what stood there is removed."""
    partial = folder.with_name(f"{PARTIAL}{os.getpid()}-{folder.name}")
    partial.mkdir()
    hashes = {}
    for name, column in segment.columns.items():
        whole = np.ascontiguousarray(column)
        with (partial / f"{name}.npy").open("wb") as file:
            np.save(file, whole, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        hashes[name] = _hash(whole)
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


def read(folder: Path, *, check: bool) -> Segment | None:
    """A segment, its columns mapped from disk; None where there is none or, with `check`, where it is damaged."""
    try:
        note = json.loads((folder / _NOTE).read_text("utf-8"))
        columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in note["columns"]}
        if check and any(_hash(column) != note["columns"][name] for name, column in columns.items()):
            return None
        return Segment(columns, note["network"], note["counts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _hash(column: npt.NDArray[Any]) -> str:
    return hashlib.sha256(column.data.cast("B") if column.size else b"").hexdigest()
