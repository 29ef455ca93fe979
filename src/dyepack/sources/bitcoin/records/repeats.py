"""Transactions that a source tells of more than once: pages of two addresses, or files that overlap.

Invariant: of each transaction one copy is left, and the copies said the same, or one of them less. A coinbase alone
may be in two blocks (91722 and 91880, 91812 and 91842: before BIP 34 its id was not made unique), and is kept for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions
from dyepack.sources.identifiers import encode

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64
    from dyepack.sources.bitcoin.result import BitcoinImport


def without_repeats(batch: RawTransactions, result: BitcoinImport) -> RawTransactions:
    """The batch with each transaction once; the copies are counted. InputError where two copies differ."""
    (codes,), _ = encode([batch.tx_id])
    candidates = np.flatnonzero(np.bincount(codes)[codes] > 1)
    first: dict[tuple[int, int], int] = {}
    drop = np.zeros(len(batch), np.bool_)
    for row in candidates.tolist():
        key = int(codes[row]), int(batch.tx_block[row]) if batch.tx_coinbase[row] else -1
        before = first.setdefault(key, row)
        if before != row:
            first[key] = _better(batch, before, row)
            drop[before + row - first[key]] = True
    if not drop.any():
        return batch
    result.count("repeated_transactions", np.count_nonzero(drop))
    batch.take(np.flatnonzero(~drop))
    return batch


def _better(batch: RawTransactions, before: int, row: int) -> int:
    """Which of two copies to keep: the first, unless only the second says what the spent outputs were worth."""
    txid = batch.tx_id[row].tobytes().hex()
    if batch.tx_block[before] != batch.tx_block[row]:
        raise InputError(
            batch.source,
            f"the transaction {txid} is in two blocks",
            remedy="fetch all of it again at once: these are of two chains, or of before and after a reorganisation",
        )
    said = [_spent(batch, copy) for copy in (before, row)]
    if _content(batch, before) != _content(batch, row) or (None not in said and said[0] != said[1]):
        raise InputError(
            batch.source,
            f"the transaction {txid} is there twice, and the copies differ",
            remedy="fetch it again, and give one copy",
        )
    return row if said[0] is None else before


def _content(batch: RawTransactions, row: int) -> tuple[object, ...]:
    taken = slice(batch.in_offset[row], batch.in_offset[row + 1])
    paid = slice(batch.out_offset[row], batch.out_offset[row + 1])
    return (
        int(batch.tx_index[row]),
        bool(batch.tx_coinbase[row]),
        *(column[taken].tobytes() for column in (batch.in_txid, batch.in_index)),
        *(column[paid].tobytes() for column in (batch.out_value, batch.out_type)),
        _addresses(batch, batch.out_address[paid]),
    )


def _spent(batch: RawTransactions, row: int) -> tuple[bytes, list[bytes]] | None:
    """Values and addresses of the outputs that it spends; None where the source says neither."""
    taken = slice(batch.in_offset[row], batch.in_offset[row + 1])
    value, address = batch.in_value[taken], batch.in_address[taken]
    if (value == UNKNOWN_VALUE).all() and (address < 0).all():
        return None
    return value.tobytes(), _addresses(batch, address)


def _addresses(batch: RawTransactions, rows: I64) -> list[bytes]:
    return [batch.addresses[row].tobytes() if row >= 0 else b"" for row in rows.tolist()]
