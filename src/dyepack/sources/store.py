"""From an import to a ledger folder: what every `dyepack import` ends with.

Invariant: the ledger's manifest names each input file by its hash and says whose histories it covers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError, quoted
from dyepack.ledger.builder import Built, build
from dyepack.ledger.manifest import COMPLETE, COUNTERPARTY, NOT_STATED, Manifest
from dyepack.ledger.writer import write_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dyepack.ledger.schema import U8
    from dyepack.money import Asset
    from dyepack.sources.result import Import

_CHUNK = 1 << 24


def store(
    imported: Import,
    path: Path,
    *,
    chain: str,
    files: Iterable[Path],
    native: Asset,
    covers: Iterable[str] | None,
    complete: bool = False,
    replace: bool = False,
) -> Manifest:
    """Build and write the ledger of an import.

    `complete`: the files hold every move of every holding in their span; `covers`: they do so for these addresses;
    neither: nothing is claimed. InputError if there is nothing to store or a covered address is malformed.
    """
    paths = list(files)
    if not imported.moves:
        raise InputError(paths[0], "has no move of value in it", remedy="check that it is the right file")
    inputs = [{"name": p.name, "sha256": _sha256(p), "bytes": p.stat().st_size} for p in paths]
    return store_built(
        imported, path, chain=chain, inputs=inputs, native=native, covers=covers, complete=complete, replace=replace
    )


def store_built(
    imported: Import,
    path: Path,
    *,
    chain: str,
    inputs: list[dict[str, object]],
    native: Asset,
    covers: Iterable[str] | None,
    complete: bool = False,
    replace: bool = False,
) -> Manifest:
    """The same for moves that come from no file: `inputs` says where they are from."""
    built = build(imported.moves, native.key)
    formats = (str(imported.tx_format), str(imported.address_format))
    return write_ledger(
        path, built, chain=chain, assets={native.key: native} | imported.assets,
        holding_state=_states(built, covers, formats[1], complete=complete), formats=formats, inputs=inputs,
        oversize=imported.oversize, counts={"rows": imported.rows} | imported.counts, notes=imported.notes,
        replace=replace,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _states(built: Built, covers: Iterable[str] | None, form: str, *, complete: bool) -> U8:
    holdings = built.columns["holding_key"]
    if complete:
        return np.full(len(holdings), COMPLETE, np.uint8)
    if covers is None:
        return np.full(len(holdings), NOT_STATED, np.uint8)
    rows = np.asarray(built.columns["address_id"])
    covered = np.zeros(len(rows), bool)
    known = {row.tobytes(): i for i, row in enumerate(rows)}
    for text in covers:
        at = known.get(_raw(text, form, rows.shape[1]))
        if at is not None:
            covered[at] = True
    mask = covered[holdings.astype(np.uint64) & np.uint64(0xFFFFFFFF)]
    return np.where(mask, np.uint8(COMPLETE), np.uint8(COUNTERPARTY)).astype(np.uint8)


def _raw(text: str, form: str, width: int) -> bytes:
    try:
        return bytes.fromhex(text.lower().removeprefix("0x")) if form == "hex" else text.encode().ljust(width, b"\0")
    except ValueError as fault:
        raise InputError("the list of covered addresses", f"has the malformed address {quoted(text)}",
                         remedy="write 0x and 40 hexadecimal digits") from fault  # fmt: skip
