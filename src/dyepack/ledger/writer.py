"""Writing a ledger folder, all or nothing.

Layout: <ledger>/CURRENT names the folder of the newest content, <ledger>/<first 16 hex of its manifest hash>/, with
-2, -3 ... behind the name where that is taken. <ledger>/.lock is locked by the import that is writing.
Invariant: CURRENT changes only after every column is on disk, by one atomic rename, and the content in force is
removed only after that; a killed import leaves the old content in force and at most leftovers, which the next import
removes. What is no ledger is never touched.
"""

from __future__ import annotations

import fcntl
import filecmp
import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.errors import LedgerError
from dyepack.ledger.content import column_hash
from dyepack.ledger.manifest import STATES, Column, Manifest
from dyepack.money import Asset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dyepack.ledger.builder import Built
    from dyepack.ledger.schema import U8, OversizeMove

_NAME = 16
"""Hexadecimal digits of the manifest's hash that name a content folder."""

_CONTENT = re.compile(rf"[0-9a-f]{{{_NAME}}}(-[0-9]{{1,9}})?", re.ASCII)
_PARTIAL = ".partial-"
_LOCK = ".lock"


def write_ledger(
    path: Path,
    built: Built,
    *,
    chain: str,
    assets: dict[str, Asset],
    holding_state: U8,
    formats: tuple[str, str],
    inputs: list[dict[str, Any]],
    oversize: list[OversizeMove],
    counts: dict[str, int],
    notes: list[str],
    replace: bool = False,
) -> Manifest:
    """Write a ledger of accounts; LedgerError if `path` holds something and `replace` is not set."""
    manifest = manifest_of(
        built, chain=chain, assets=assets, holding_state=holding_state, formats=formats, inputs=inputs,
        oversize=oversize, counts=counts, notes=notes, states=list(STATES),
    )  # fmt: skip
    publish(path, manifest, built.columns | {"holding_state": holding_state}, oversize, replace=replace)
    return manifest


def manifest_of(
    built: Built,
    *,
    chain: str,
    assets: dict[str, Asset],
    holding_state: U8,
    formats: tuple[str, str],
    inputs: list[dict[str, Any]],
    oversize: list[OversizeMove],
    counts: dict[str, int],
    notes: list[str],
    states: list[str],
) -> Manifest:
    """What a ledger of accounts says about itself, its columns apart; `holding_state` is an index into `states`."""
    return Manifest(
        chain=chain,
        assets=[assets.get(key, Asset(key, "", None)) for key in built.assets],
        tx_format=formats[0],
        address_format=formats[1],
        columns=[],
        counts=counts | built.counts | {"oversize_moves": len(oversize)},
        first=_end(built, 0),
        last=_end(built, -1),
        completeness={s: int((holding_state == i).sum()) for i, s in enumerate(states)},
        states=states,
        inputs=inputs,
        notes=built.notes + notes,
    )


def publish(
    path: Path,
    manifest: Manifest,
    columns: dict[str, npt.NDArray[Any]],
    oversize: list[OversizeMove] | None = None,
    *,
    replace: bool = False,
) -> None:
    """Write columns and manifest (whose `columns` are filled in), all or nothing; LedgerError as `check_place`."""
    check_place(path, replace=replace)
    with _faults(path):
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            check_place(path, replace=replace)
            _write(path, manifest, columns, oversize or [])


def _write(path: Path, manifest: Manifest, columns: dict[str, npt.NDArray[Any]], oversize: list[OversizeMove]) -> None:
    _remove_partial(path)
    partial = path / f"{_PARTIAL}{os.getpid()}"
    partial.mkdir()
    try:
        manifest.columns = [_write_column(partial, name, columns[name]) for name in sorted(columns)]
        manifest.columns.append(_write_oversize(partial, oversize))
        _write_synced(partial / "manifest.json", manifest.to_bytes())
        _publish(path, partial, manifest.sha256()[:_NAME])
    finally:
        _remove_partial(path)


def check_place(path: Path, *, replace: bool) -> None:
    """LedgerError unless a ledger may be written to `path`: new, empty, or with `replace` a ledger."""
    with _faults(path):
        if path.exists() and not path.is_dir():
            raise LedgerError(f"{path} is a file, not a folder", remedy="choose another place for the ledger")
        held = _held(path) if path.exists() else []
        if not held:
            return
        if not _is_ledger(path):
            raise LedgerError(f"{path} holds other files", remedy="choose an empty or new folder for the ledger")
        if not replace:
            raise LedgerError(
                f"{path} already holds a ledger", remedy="choose another folder, or say --replace to import anew"
            )


def _held(path: Path) -> list[Path]:
    """What a folder holds besides what a killed first import may have left."""
    unfinished = (path / _LOCK).exists() and not (path / "CURRENT").exists()
    return [
        p for p in path.iterdir()
        if p.name != _LOCK and not p.name.startswith(_PARTIAL) and not (unfinished and _is_content(p))
    ]  # fmt: skip


def _is_ledger(path: Path) -> bool:
    """Whether CURRENT names a content folder: other programs have files of that name too."""
    current = _current(path)
    return current is not None and _is_content(path / current)


def _is_content(folder: Path) -> bool:
    return _CONTENT.fullmatch(folder.name) is not None and (folder / "manifest.json").is_file()


def _current(path: Path) -> str | None:
    """The name of the content folder in force."""
    try:
        name = (path / "CURRENT").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if _CONTENT.fullmatch(name) else None


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """What the system refuses, as a LedgerError."""
    try:
        yield
    except OSError as fault:
        raise LedgerError(
            f"the ledger {path} cannot be written ({fault.strerror or fault})",
            remedy="check the path, its permissions and the room on the disk, or choose another folder",
        ) from fault


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the ledger; the system lets go of it when the process ends, however it ends."""
    with (path / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise LedgerError(
                f"another import is writing {path}", remedy="wait until it is done, or choose another folder"
            ) from fault
        yield


def _remove_partial(path: Path) -> None:
    """Remove what unfinished imports left; under the lock none of them is alive."""
    for old in path.glob(f"{_PARTIAL}*"):
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


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
    return Column(name, column.dtype.str, list(column.shape), column_hash(column))


def _write_oversize(folder: Path, oversize: list[OversizeMove]) -> Column:
    raw = "".join(json.dumps(asdict(o), sort_keys=True) + "\n" for o in oversize).encode()
    _write_synced(folder / "oversize.jsonl", raw)
    return Column("oversize", "jsonl", [len(oversize)], hashlib.sha256(raw).hexdigest())


def _write_synced(file: Path, raw: bytes) -> None:
    with file.open("wb") as out:
        out.write(raw)
        out.flush()
        os.fsync(out.fileno())


def _publish(path: Path, partial: Path, name: str) -> None:
    """Put `partial` in force under a free name, then remove the content that was; the same content stays as it is."""
    current = _current(path)
    if current is None or not _same_files(partial, path / current):
        current = _free(path, name)
        partial.rename(path / current)
        pointer = path / f"{_PARTIAL}{os.getpid()}-CURRENT"
        _write_synced(pointer, f"{current}\n".encode())
        pointer.replace(path / "CURRENT")
        folder = os.open(path, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    for old in path.iterdir():
        if old.name != current and old.is_dir() and _CONTENT.fullmatch(old.name):
            shutil.rmtree(old, ignore_errors=True)


def _same_files(one: Path, other: Path) -> bool:
    """Whether all files of a folder are in the other, byte for byte: a damaged ledger is mended by its import."""
    names = sorted((p.name for p in one.iterdir()), key=lambda name: name != "manifest.json")
    return all((other / n).is_file() and filecmp.cmp(one / n, other / n, shallow=False) for n in names)


def _free(path: Path, name: str) -> str:
    """The name, or the name with the first number behind it under which nothing is there."""
    number, free = 1, name
    while (path / free).exists():
        number += 1
        free = f"{name}-{number}"
    return free
