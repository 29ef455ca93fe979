"""From an import of blocks and transactions to a ledger folder.

Invariant: the ledger's manifest names each input file by its hash, and says whether every transaction from the first
block to the last is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.ledger.manifest import COMPLETE, NOT_STATED, OUTPUTS, STATES, Manifest
from dyepack.ledger.utxo.builder import Built, Columns, build
from dyepack.ledger.utxo.reader import UtxoLedger
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
    manifest, columns = _made(imported, chain, network, asset)
    publish(path, manifest, columns, replace=replace)
    return manifest


def ledger_of(imported: BitcoinImport, chain: str, network: str) -> UtxoLedger:
    """The ledger of an import in memory."""
    manifest, columns = _made(imported, chain, network, BITCOIN)
    return UtxoLedger(None, manifest, manifest.sha256(), columns)  # type: ignore[arg-type] # no folder


def _made(imported: BitcoinImport, chain: str, network: str, asset: Asset) -> tuple[Manifest, Columns]:
    built = build(imported.batches, imported.unspent)
    inputs = [*input_facts(imported.files), *imported.inputs]
    manifest = manifest_of(built, chain=chain, network=network, asset=asset, counts=imported.counts,
                           inputs=inputs, notes=[*imported.notes, *_as_of(imported)])  # fmt: skip
    manifest.gap_reasons = {f"{txid}:{number}": why for (txid, number), why in sorted(imported.gap_reasons.items())}
    return manifest, built.columns


def _as_of(imported: BitcoinImport) -> list[str]:
    """What a live source's word on unspent outputs is worth."""
    if imported.unspent is None:
        return []
    block = f"block {imported.as_of.number:,} ({imported.as_of.hash})" if imported.as_of else "the time of asking"
    return [f"gathered from a live source, output by output: what is held was unspent at {block}, as the source said; "
            "where it was not asked or did not tell there is a gap"]  # fmt: skip


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
