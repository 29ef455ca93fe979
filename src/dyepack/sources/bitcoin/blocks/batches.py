"""From segments to the transactions of the chain: heights are given, orphans and copies left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.schema import RawTransactions

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64

Mask = npt.NDArray[np.bool_]


def batch(columns: dict[str, npt.NDArray[Any]], height: I64, source: str, *, contiguous: bool) -> RawTransactions:
    """The transactions of a segment's blocks whose height is not negative."""
    on_chain = height >= 0
    columns = columns if on_chain.all() else _kept(columns, on_chain)
    block_tx = columns["block_tx"]
    txs = len(columns["tx_id"])
    tx_block = np.repeat(np.arange(len(block_tx) - 1), np.diff(block_tx))
    tx_index = np.arange(txs) - block_tx[tx_block]
    return RawTransactions(
        block_id=columns["block_hash"], block_height=height[on_chain], block_time=columns["block_time"],
        tx_block=tx_block, tx_index=tx_index, tx_id=columns["tx_id"], tx_coinbase=tx_index == 0,
        in_offset=columns["tx_in"], in_txid=columns["in_txid"], in_index=columns["in_index"],
        in_value=columns["in_value"], in_address=columns["in_address"], out_offset=columns["tx_out"],
        out_value=columns["out_value"], out_type=columns["out_type"], out_address=columns["out_address"],
        addresses=columns["addresses"], source=source, contiguous=contiguous,
    )  # fmt: skip


def _kept(columns: dict[str, npt.NDArray[Any]], blocks: Mask) -> dict[str, npt.NDArray[Any]]:
    """The columns without the blocks that are not kept."""
    txs = np.repeat(blocks, np.diff(columns["block_tx"]))
    ins, outs = (np.repeat(txs, np.diff(columns[name])) for name in ("tx_in", "tx_out"))
    groups: tuple[tuple[Mask, tuple[str, ...]], ...] = (
        (blocks, ("block_hash", "block_time")),
        (txs, ("tx_id",)),
        (ins, ("in_txid", "in_index", "in_value", "in_address")),
        (outs, ("out_value", "out_type", "out_address")),
    )
    kept = {name: columns[name][mask] for mask, names in groups for name in names}
    for name, mask in (("block_tx", blocks), ("tx_in", txs), ("tx_out", txs)):
        kept[name] = offsets(np.diff(columns[name])[mask])
    used = np.zeros(len(columns["addresses"]), np.bool_)
    for name in ("in_address", "out_address"):
        used[kept[name][kept[name] >= 0]] = True
    row = np.append(np.cumsum(used) - 1, -1)
    for name in ("in_address", "out_address"):
        kept[name] = row[kept[name]]
    return kept | {"addresses": columns["addresses"][used]}
