"""Merges that somebody else brought about: an address that a transaction spends from only because of a stranger's dust.

A stranger can send dust to an address so that a careless wallet spends it beside the owner's other coins. The
merge is real, whoever signed has both keys, but it was forced: without the dust it would not be known.

Invariant: what is marked depends on the clusters as they are; a merge by change is never marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.ledger.utxo.schema import NO_ADDRESS, OUTSIDE

if TYPE_CHECKING:
    from dyepack.clusters.multi_input import Clusters
    from dyepack.ledger.schema import I64

DUST = 1_000
"""Satoshi: what is worth no more is dust when a stranger sends it."""

_CHUNK = 1 << 20


def forced_merges(found: Clusters, dust: int = DUST) -> npt.NDArray[np.bool_]:
    """Which merges rest on dust alone, (merges,): in that transaction one of the two addresses spends nothing but
    outputs of at most `dust` satoshi, made by transactions of the ledger that nobody in the cluster spends in."""
    from dyepack.patterns.change import Spends

    spent_together = found.merge_signs == 0
    rows = _dust_inputs(found, dust)
    txs = np.intersect1d(rows, found.merge_tx[spent_together].astype(np.int64))
    marked = np.zeros(len(found.merge_tx), np.bool_)
    if not len(txs):
        return marked
    batch = Spends(found.ledger, txs)
    known = batch.source_address != NO_ADDRESS
    value = found.ledger.input_value[batch.spent]
    small = known & (value > 0) & (value <= dust) & ~batch.outside
    small[small] = _from_strangers(found, batch.source_address[small], found.ledger.input_tx[batch.spent[small]])
    key = batch.tx[batch.by] << 32 | batch.source_address
    only = np.setdiff1d(key[small], key[~small])
    at = found.merge_tx.astype(np.int64) << 32
    for side in (found.merge_one, found.merge_other):
        marked |= spent_together & np.isin(at | side, only)
    return marked


def _dust_inputs(found: Clusters, dust: int) -> I64:
    """The transactions of inputs that are worth so little."""
    ledger = found.ledger
    rows = [np.zeros(0, np.int64)]
    for start in range(0, ledger.inputs, _CHUNK):
        value = ledger.input_value[start : start + _CHUNK]
        inside = ledger.input_tx[start : start + _CHUNK] != OUTSIDE
        rows.append(start + np.flatnonzero((value > 0) & (value <= dust) & inside))
    every = np.concatenate(rows)
    return np.searchsorted(ledger.tx_input, every.astype(np.uint64), side="right").astype(np.int64) - 1


def _from_strangers(
    found: Clusters, address: npt.NDArray[np.uint32], maker: npt.NDArray[np.uint32]
) -> npt.NDArray[np.bool_]:
    """Whether nobody of an address's cluster spends in the transaction that paid it, for each of them."""
    from dyepack.patterns.change import Spends

    batch = Spends(found.ledger, maker.astype(np.int64))
    known = batch.source_address != NO_ADDRESS
    same = np.zeros(len(batch.spent), np.bool_)
    same[known] = found.cluster[batch.source_address[known]] == found.cluster[address[batch.by[known]]]
    sent = np.bincount(batch.by, minlength=len(address)) > 0
    return np.asarray(sent & (np.bincount(batch.by[same], minlength=len(address)) == 0), np.bool_)
