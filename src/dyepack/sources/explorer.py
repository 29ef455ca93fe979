"""Block explorer transaction exports: one row for each transaction of an account-based chain.

Each row is a VALUE move (its amount is not zero and it succeeded) and a FEE move of gas price times gas
used, which a failed transaction pays as well. A transaction that creates a contract pays that contract.

Invariant: rows = value moves + oversize + oversize_duplicates + zero_value + failed (by `counts`), and every fee
that is not zero is a move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import MoveKind
from dyepack.sources.amounts import amounts, product
from dyepack.sources.columns import MAX_GAS, times, whole_numbers
from dyepack.sources.identifiers import ADDRESS, HASH, encode, hex_ids
from dyepack.sources.moves import Movements
from dyepack.sources.result import ETHER, Import
from dyepack.sources.table import Layout, Table, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64
    from dyepack.money import Asset
    from dyepack.sources.amounts import Amounts

LAYOUT = Layout(
    "an explorer transaction export",
    (
        "hash",
        "block_number",
        "timestamp",
        "transaction_index",
        "from",
        "to",
        "contract_created",
        "value_wei",
        "gas_price",
        "gas_used",
        "is_error",
    ),
    ("nonce", "method_id", "function_name"),
)
NO_INTERNALS = (
    "an explorer export of transactions has no internal transfers and no tokens: what moved that way is not in the "
    "ledger, and an address paid that way seems to send more than it has"
)


def import_explorer(paths: Sequence[Path], *, native: Asset = ETHER) -> Import:
    """Read explorer transaction exports (CSV, CSV.gz or Parquet)."""
    result = Import(assets={native.key: native})
    for path in paths:
        table = read_table(path, LAYOUT)
        result.rows += table.rows
        if table.note:
            result.notes.append(table.note)
        _add_file(table, native.key, result)
    result.notes.append(NO_INTERNALS)
    return result


def _add_file(table: Table, native: str, result: Import) -> None:
    failed = whole_numbers(table["is_error"], most=1, what="0 or 1") == 1
    value = amounts(table["value_wei"])
    paid = value.moving() | value.is_oversize()
    rows = _rows(table, native, value, paid & ~failed)
    result.count("value_moves", rows.keep(~failed, result))
    result.count("failed", np.count_nonzero(failed))
    result.count("zero_value", np.count_nonzero(~failed & ~paid))
    price = whole_numbers(table["gas_price"], most=MAX_GAS, what="a gas price")
    gas = whole_numbers(table["gas_used"], most=MAX_GAS, what="gas used")
    fees = rows.fees(product(price, gas))
    result.count("fee_moves", len(fees))
    result.count("zero_fee", table.rows - len(fees))
    result.add(fees)


def _rows(table: Table, native: str, value: Amounts, moving: npt.NDArray[np.bool_]) -> Movements:
    ids, _ = hex_ids(table["hash"], HASH)
    senders, _ = hex_ids(table["from"], ADDRESS)
    targets, has_target = hex_ids(table["to"], ADDRESS, optional=True)
    created, has_created = hex_ids(table["contract_created"], ADDRESS, optional=True)
    (sender, target, contract), addresses = encode([senders, targets, created])
    receiver: I64 = np.where(has_target, target, np.where(has_created, contract, -1))
    lost = moving & (receiver < 0)
    if lost.any():
        raise table["to"].fault(
            int(np.argmax(lost)),
            "the transaction pays nobody: to and contract_created are both empty",
            "export the column contract_created",
        )
    return Movements(
        source=table.path.name,
        tx_id=ids,
        block=whole_numbers(table["block_number"], what="a block number"),
        tx_index=whole_numbers(table["transaction_index"], what="a transaction index"),
        time=times(table["timestamp"]),
        sender=sender,
        receiver=receiver,
        amounts=value,
        row=table.line_numbers(),
        addresses=addresses,
        assets=[native],
        kind=int(MoveKind.VALUE),
    )
