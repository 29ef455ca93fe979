"""From an import of blocks and transactions to a ledger folder.

Invariant: the ledger's manifest names each input file by its hash, and says whether every transaction from the first
block to the last is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.ledger.manifest import COMPLETE, NOT_STATED, OUTPUTS, STATES, Manifest
from dyepack.ledger.utxo.builder import Built, build
from dyepack.ledger.writer import publish
from dyepack.money import Asset
from dyepack.sources.store import input_facts

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.sources.bitcoin.result import BitcoinImport

BITCOIN = Asset("native", "BTC", 8)


def store(
    imported: BitcoinImport, path: Path, *, chain: str, network: str, replace: bool = False, asset: Asset = BITCOIN
) -> Manifest:
    """Build and write the ledger of an import; InputError if there is nothing to store or it contradicts itself."""
    if not any(len(batch) for batch in imported.batches):
        first = imported.files[0] if imported.files else path
        raise InputError(first, "has no transaction in it", remedy="check that it is the right file")
    built = build(imported.batches)
    manifest = manifest_of(built, chain=chain, network=network, asset=asset, counts=imported.counts,
                           inputs=input_facts(imported.files), notes=imported.notes)  # fmt: skip
    publish(path, manifest, built.columns, replace=replace)
    return manifest


def manifest_of(
    built: Built, *, chain: str, network: str, asset: Asset = BITCOIN, counts: dict[str, int] | None = None,
    inputs: list[dict[str, object]] | None = None, notes: list[str] | None = None,
) -> Manifest:  # fmt: skip
    """The manifest of built columns, whose `columns` the writer fills in."""
    height, time = built.columns["block_height"], built.columns["block_time"]
    ends = [{"block": int(height[at]), "time": int(time[at])} for at in (0, -1)] if len(height) else [{}, {}]
    state = STATES[COMPLETE if built.complete else NOT_STATED]
    return Manifest(
        chain=chain, assets=[asset], tx_format="hex", address_format=network, columns=[],
        counts=(counts or {}) | built.counts, first=ends[0], last=ends[1], completeness={state: len(height)},
        inputs=inputs or [], notes=[*built.notes, *(notes or [])], model=OUTPUTS, network=network,
    )  # fmt: skip
