"""ethereum-etl exports: transactions, token transfers and traces, with receipts and tokens if there are any.

Files are CSV, CSV.gz or Parquet with the column names of ethereum-etl (or of the BigQuery and AWS copies of
it). Transactions give VALUE and FEE moves, token transfers TOKEN moves, nested traces INTERNAL moves,
rewards and genesis ISSUE moves. A transaction's own value comes from the transactions file; from its root
trace only if that file does not hold it.

What such an export cannot tell: an ERC-721 transfer has the same columns as an ERC-20 one, with the token's
number in place of the amount, so a collectible looks like an amount of its contract's asset.

Invariant: rows that move nothing are counted by reason; what the files leave unknown is said in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset
from dyepack.sources.amounts import amounts
from dyepack.sources.columns import times, whole_numbers
from dyepack.sources.etl_tokens import read_tokens
from dyepack.sources.etl_traces import add_traces, read_traces
from dyepack.sources.etl_transactions import Known, add_transactions, read_receipts, read_transactions
from dyepack.sources.identifiers import ADDRESS, HASH, encode, hex_ids
from dyepack.sources.moves import Movements
from dyepack.sources.result import ETHER, Import
from dyepack.sources.table import Layout, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.sources.table import Table

TOKEN_TRANSFERS = Layout(
    "an ethereum-etl token_transfers export",
    ("token_address", "from_address", "to_address", "value", "transaction_hash", "log_index", "block_number"),
    ("block_timestamp", "transaction_index"),
)


def import_etl(
    *,
    transactions: Sequence[Path] = (),
    token_transfers: Sequence[Path] = (),
    traces: Sequence[Path] = (),
    receipts: Sequence[Path] = (),
    tokens: Sequence[Path] = (),
    native: Asset = ETHER,
) -> Import:
    """Read the files of one ethereum-etl export; each kind may be in several files, or missing."""
    result = Import()
    sent = [read_transactions(path, result) for path in transactions]
    known = Known.of(sent)
    traced = [read_traces(path, known, result) for path in traces]
    known = known.with_traces(traced)
    add_transactions(sent, read_receipts(receipts, result), traced, native.key, result)
    add_traces(traced, known, native.key, result)
    for path in token_transfers:
        _add_token_transfers(read_table(path, TOKEN_TRANSFERS), known, result)
    _name_assets(result, {native.key: native, **read_tokens(tokens, result)})
    _explain(result, why="no receipt for them" if receipts else "no receipts")
    return result


def _add_token_transfers(table: Table, known: Known, result: Import) -> None:
    result.rows += table.rows
    if table.note:
        result.notes.append(table.note)
    ids, _ = hex_ids(table["transaction_hash"], HASH)
    senders, _ = hex_ids(table["from_address"], ADDRESS)
    receivers, _ = hex_ids(table["to_address"], ADDRESS)
    contracts, _ = hex_ids(table["token_address"], ADDRESS)
    (sender, receiver), addresses = encode([senders, receivers])
    (asset,), assets = encode([contracts])
    sender = np.where(~senders.any(axis=1), -1, sender)
    position = known.fill(
        ids,
        whole_numbers(table["transaction_index"], optional=True) if "transaction_index" in table else None,
        times(table["block_timestamp"], optional=True) if "block_timestamp" in table else None,
    )
    rows = Movements(
        source=table.path.name,
        tx_id=ids,
        block=whole_numbers(table["block_number"], what="a block number"),
        tx_index=position.tx_index,
        time=position.time,
        sender=sender,
        receiver=receiver,
        amounts=amounts(table["value"]),
        row=table.line_numbers(),
        addresses=addresses,
        assets=["0x" + key.tobytes().hex() for key in assets],
        kind=int(MoveKind.TOKEN),
        index=whole_numbers(table["log_index"], what="a log index"),
        asset=asset,
    )
    moved = rows.keep(np.ones(table.rows, np.bool_), result)
    result.count("token_moves", moved)
    result.count("zero_value", table.rows - moved - len(rows.amounts.oversize))
    result.count("unknown_position", np.count_nonzero(position.tx_index < 0))
    result.count("unknown_time", np.count_nonzero(position.time < 0))


def _name_assets(result: Import, known: dict[str, Asset]) -> None:
    """Keep the assets that moves name; one that nobody described is called by its key."""
    used = [key for moves in result.moves for key in moves.assets] + [move.asset for move in result.oversize]
    result.assets = {key: known.get(key, Asset(key, key, None)) for key in dict.fromkeys(used)}


_NOTES = {
    "fee_unknown": "{n} transactions have no gas used ({why}): their fees are not in the ledger",
    "receipts_unmatched": "{n} receipts are of transactions that no transactions file holds: they are left out",
    "status_unknown": "{n} transactions do not say whether they succeeded: taken as if they did",
    "unknown_position": "{n} moves have no transaction index: the transactions file would tell",
    "unknown_time": "{n} moves have no time: the transactions file, or a column block_timestamp, would tell",
    "suicide_unknown": "{n} selfdestruct traces do not say what they paid and are left out",
    "oversize": "{n} amounts need more than 128 bits: kept as written and left out of every total",
    "token_conflict": "{n} rows describe a token differently from an earlier row: the first is kept",
    "token_decimals_unknown": "{n} tokens have no usable decimals: their amounts are written in base units",
    "token_moves": "in ERC-721 transfers, which look like any other here, the amount is the token's number",
}


def _explain(result: Import, *, why: str) -> None:
    for name, text in _NOTES.items():
        if result.counts.get(name):
            result.notes.append(text.format(n=result.counts[name], why=why))
