"""From an import to a ledger folder: what every `dyepack import` ends with.

Invariant: the ledger's manifest names each input file by its hash and says whose histories it covers.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError, quoted
from dyepack.ledger.builder import Built, build
from dyepack.ledger.manifest import COMPLETE, COUNTERPARTY, NOT_STATED, Manifest
from dyepack.ledger.schema import RawMoves
from dyepack.ledger.writer import write_ledger
from dyepack.sources.coverage import Coverage
from dyepack.sources.identifiers import ADDRESS, HASH

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
    covers: Coverage | Iterable[str] | None,
    complete: bool = False,
    replace: bool = False,
) -> Manifest:
    """Build and write the ledger of an import.

    `complete`: the files hold every move of every holding in their span; `covers`: they do so for these addresses;
    neither: nothing is claimed. InputError if there is nothing to store, or a covered address is malformed, or none
    of them is in the ledger.
    """
    paths = list(files)
    if not imported.moves and not imported.oversize:
        raise InputError(paths[0], "has no move of value in it", remedy="check that it is the right file")
    return store_built(
        imported, path, chain=chain, inputs=input_facts(paths), native=native, covers=covers, complete=complete,
        replace=replace,
    )  # fmt: skip


def store_built(
    imported: Import,
    path: Path,
    *,
    chain: str,
    inputs: list[dict[str, object]],
    native: Asset,
    covers: Coverage | Iterable[str] | None,
    complete: bool = False,
    replace: bool = False,
) -> Manifest:
    """The same for moves that come from no file: `inputs` says where they are from."""
    formats = (str(imported.tx_format), str(imported.address_format))
    built = build(imported.moves or [_nothing(formats)], native.key, hashes=formats[0] == "hex")
    counts = {"rows": imported.rows} | imported.counts
    if covers is None:
        state = np.full(built.counts["holdings"], COMPLETE if complete else NOT_STATED, np.uint8)
    else:
        state = _states(built, covers if isinstance(covers, Coverage) else Coverage.of(covers), formats[1], counts)
    return write_ledger(
        path, built, chain=chain, assets={native.key: native} | imported.assets, holding_state=state,
        formats=formats, inputs=inputs, oversize=imported.oversize, counts=counts, notes=imported.notes,
        replace=replace,
    )  # fmt: skip


def input_facts(paths: Iterable[Path]) -> list[dict[str, object]]:
    """What a manifest says of each input file: name, hash, size."""
    return [{"name": p.name, "sha256": _sha256(p), "bytes": p.stat().st_size} for p in paths]


def _nothing(formats: tuple[str, str]) -> RawMoves:
    """No move at all, in identifiers of these formats."""
    none = np.zeros(0, np.int64)
    ids, ends = (np.zeros((0, size if form == "hex" else 1), np.uint8)
                 for form, size in zip(formats, (HASH, ADDRESS), strict=True))  # fmt: skip
    return RawMoves(
        tx_id=ids, block=none, tx_index=none, time=none, kind=np.zeros(0, np.uint8), index=none, sender=none,
        receiver=none, asset=none, amount=np.zeros((0, 2), np.uint64), row=none, addresses=ends, assets=[],
        source="",
    )  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _states(built: Built, covers: Coverage, form: str, counts: dict[str, int]) -> U8:
    """COMPLETE for the holdings of covered addresses; counts what the list names in vain or leaves out."""
    rows = np.asarray(built.columns["address_id"])
    known = {row.tobytes(): i for i, row in enumerate(rows)}
    named = {_raw(covers.file, line, text, form, rows.shape[1]) for line, text in covers.lines}
    covered = np.zeros(len(rows), bool)
    covered[[known[raw] for raw in named if raw in known]] = True
    if named and len(rows) and not covered.any():
        raise InputError(covers.file, "none of its addresses is in the ledger",
                         remedy="check that it is the list of this export")  # fmt: skip
    found = {"covered_addresses_not_seen": len(named) - int(covered.sum()), "covers_rows_left_out": covers.left_out}
    counts |= {name: number for name, number in found.items() if number}
    mask = covered[built.columns["holding_key"].astype(np.uint64) & np.uint64(0xFFFFFFFF)]
    return np.where(mask, np.uint8(COMPLETE), np.uint8(COUNTERPARTY)).astype(np.uint8)


def _raw(file: str, line: int | None, text: str, form: str, width: int) -> bytes:
    """An address as the ledger holds it (a text that is too long for it is of none of its addresses)."""
    if form != "hex":
        return text.encode().ljust(width, b"\0")
    if not re.fullmatch(rf"(0[xX])?[0-9a-fA-F]{{{2 * width}}}", text, re.ASCII):
        raise InputError(
            file, f"has the malformed address {quoted(text)}", line=line,
            remedy=f"write 0x and {2 * width} hexadecimal digits",
        )  # fmt: skip
    return bytes.fromhex(text[-2 * width :])
