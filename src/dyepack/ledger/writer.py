"""Writing a ledger folder, all or nothing.

Layout: <ledger>/CURRENT names the folder of the newest content, <ledger>/<first 16 hex of its manifest hash>/.
Invariant: CURRENT changes only after every column is on disk, by one atomic rename; a killed import leaves the
old content in force and at most an unnamed `.partial-*` folder, which the next import removes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.errors import LedgerError
from dyepack.ledger.manifest import COMPLETE, STATES, Column, Manifest
from dyepack.money import Asset

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.builder import Built
    from dyepack.ledger.schema import U8, OversizeMove


def write_ledger(
    path: Path,
    built: Built,
    *,
    chain: str,
    assets: dict[str, Asset],
    holding_state: U8,
    formats: tuple[str, str],
    inputs: list[dict[str, object]],
    oversize: list[OversizeMove],
    counts: dict[str, int],
    notes: list[str],
    replace: bool = False,
) -> Manifest:
    """Write columns and manifest; LedgerError if `path` holds something and `replace` is not set."""
    _check_place(path, replace=replace)
    path.mkdir(parents=True, exist_ok=True)
    for old in path.glob(".partial-*"):
        shutil.rmtree(old, ignore_errors=True)
    partial = path / f".partial-{os.getpid()}"
    partial.mkdir()
    try:
        columns = built.columns | {"holding_state": holding_state}
        written = [_write_column(partial, name, columns[name]) for name in sorted(columns)]
        written.append(_write_oversize(partial, oversize))
        manifest = Manifest(
            chain=chain,
            assets=[assets.get(key, Asset(key, "", None)) for key in built.assets],
            tx_format=formats[0],
            address_format=formats[1],
            columns=written,
            counts=built.counts | counts | {"oversize_moves": len(oversize)},
            first=_end(built, 0),
            last=_end(built, -1),
            completeness={s: int((holding_state == i).sum()) for i, s in enumerate(STATES)},
            inputs=inputs,
            notes=built.notes + notes,
        )
        _write_synced(partial / "manifest.json", manifest.to_bytes())
        _publish(path, partial, manifest.sha256()[:16])
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def uniform_state(built: Built, state: int = COMPLETE) -> U8:
    """The same state of completeness for every holding."""
    return np.full(built.counts["holdings"], state, np.uint8)


def _check_place(path: Path, *, replace: bool) -> None:
    if path.exists() and not path.is_dir():
        raise LedgerError(f"{path} is a file, not a folder", remedy="choose another place for the ledger")
    if (path / "CURRENT").exists():
        if not replace:
            raise LedgerError(
                f"{path} already holds a ledger", remedy="choose another folder, or say --replace to import anew"
            )
    elif path.exists() and any(p for p in path.iterdir() if not p.name.startswith(".partial-")):
        raise LedgerError(f"{path} holds other files", remedy="choose an empty or new folder for the ledger")


def _end(built: Built, at: int) -> dict[str, int]:
    """Position and time of the first (0) or last (-1) transaction, empty if there is none."""
    block, rank, time = (built.columns[f"tx_{n}"] for n in ("block", "index", "time"))
    return {"block": int(block[at]), "tx_index": int(rank[at]), "time": int(time[at])} if len(block) else {}


def _write_column(folder: Path, name: str, column: npt.NDArray[Any]) -> Column:
    file = folder / f"{name}.npy"
    column = np.ascontiguousarray(column)
    with file.open("wb") as out:
        np.save(out, column, allow_pickle=False)
        out.flush()
        os.fsync(out.fileno())
    digest = hashlib.sha256(column.data.cast("B") if column.size else b"")
    return Column(name, column.dtype.str, list(column.shape), digest.hexdigest())


def _write_oversize(folder: Path, oversize: list[OversizeMove]) -> Column:
    import json
    from dataclasses import asdict

    raw = "".join(json.dumps(asdict(o), sort_keys=True) + "\n" for o in oversize).encode()
    _write_synced(folder / "oversize.jsonl", raw)
    return Column("oversize", "jsonl", [len(oversize)], hashlib.sha256(raw).hexdigest())


def _write_synced(file: Path, raw: bytes) -> None:
    with file.open("wb") as out:
        out.write(raw)
        out.flush()
        os.fsync(out.fileno())


def _publish(path: Path, partial: Path, name: str) -> None:
    final = path / name
    if final.exists():
        shutil.rmtree(final)
    partial.rename(final)
    pointer = path / f".partial-{os.getpid()}-CURRENT"
    _write_synced(pointer, f"{name}\n".encode())
    pointer.replace(path / "CURRENT")
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    for old in path.iterdir():
        if old.is_dir() and old.name not in {name, partial.name}:
            shutil.rmtree(old, ignore_errors=True)
