"""Transactions as bitcoin-etl exports them, and tables in that layout.

JSON Lines      its own export; lines of blocks among them (streaming) are counted and left out
CSV             the same columns, with JSON text in `inputs` and `outputs`
Parquet         the same columns with lists of structs; that of s3://aws-public-blockchain/v1.0/btc/transactions
                names one `address` where the others list `addresses`, and holds values as doubles of coins

Only hash, block_number and outputs (index, value, and script_hex or address and type) must be there; `inputs` too,
except for a coinbase. The value and address of a spent output stand in `inputs` where the export was enriched.
Whole numbers are satoshi. A double is taken where it is the one that a whole number of satoshi is written as.

Invariant: rows = transactions + block_rows + repeated_transactions (by `counts`).
Source: https://github.com/blockchain-etl/bitcoin-etl#schema
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import quoted
from dyepack.ledger.utxo.schema import MAX_MONEY, ScriptType
from dyepack.sources.bitcoin.records.etl_rows import csv_records, json_records, parquet_records
from dyepack.sources.bitcoin.records.getblock import MAX_HEIGHT, stated_address
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import NO_BLOCK, Input, Place, Transaction, TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.columns import MAX_TIME, MAX_U32
from dyepack.sources.csvbytes import opening
from dyepack.sources.json_files import first_bytes
from dyepack.strict_json import Written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.ledger.utxo.schema import RawTransactions
    from dyepack.sources.bitcoin.records.record import Record

_INT32 = 1 << 31
_COIN = 100_000_000
_NEAR = 1e-3
"""How far a double of coins may be from a whole number of satoshi."""
_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_EXPORT = "export the transactions again"
_TYPES = {
    "nonstandard": ScriptType.NONSTANDARD,
    "pubkey": ScriptType.P2PK,
    "pubkeyhash": ScriptType.P2PKH,
    "scripthash": ScriptType.P2SH,
    "multisig": ScriptType.MULTISIG,
    "nulldata": ScriptType.OP_RETURN,
    "witness_v0_keyhash": ScriptType.P2WPKH,
    "witness_v0_scripthash": ScriptType.P2WSH,
    "witness_v1_taproot": ScriptType.P2TR,
    "witness_unknown": ScriptType.WITNESS_UNKNOWN,
    "anchor": ScriptType.WITNESS_UNKNOWN,
}
_WITHOUT_ADDRESS = (ScriptType.NONSTANDARD, ScriptType.MULTISIG, ScriptType.OP_RETURN)


def import_bitcoin_etl(paths: Sequence[Path], addresses: StatedAddresses | None = None) -> BitcoinImport:
    """Read exports of transactions, of any of the forms, in any order."""
    result = BitcoinImport()
    rows = TransactionRows(result, addresses or StatedAddresses())
    for path in paths:
        opening(path)
        start = first_bytes(path)
        is_json = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}
        records = parquet_records if start.startswith(b"PAR1") else json_records if is_json else csv_records
        for record in records(path):
            if _is_block(record):
                result.count("block_rows", 1)
            else:
                _add(record, rows)
    rows.build(paths, contiguous=False)
    for batch in result.batches:
        batch.contiguous = _has_whole_blocks(batch)
        if batch.contiguous:
            result.notes.append(
                "the export does not say how many transactions a block has: that none is missing at the end of one "
                "is taken on trust"
            )
    return result


def _is_block(record: Record) -> bool:
    return record.data.get("type") == "block" or ("outputs" not in record.data and "merkle_root" in record.data)


def _has_whole_blocks(batch: RawTransactions) -> bool:
    """Whether each block's ranks are 0, 1, 2 … without a hole and its first transaction is the coinbase."""
    order = np.lexsort((batch.tx_index, batch.tx_block))
    block, index = batch.tx_block[order], batch.tx_index[order]
    begins = np.concatenate([[True], block[1:] != block[:-1]])
    expected = np.arange(len(block)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    coinbase = np.asarray(batch.tx_coinbase)[order] != 0
    return bool((index == expected).all() and (coinbase == begins).all())


def _add(record: Record, rows: TransactionRows) -> None:
    height = whole(record, "block_number", most=MAX_HEIGHT)
    block = record.digest("block_hash") if record.has("block_hash") else NO_BLOCK
    time = whole(record, "block_timestamp", most=MAX_TIME) if record.has("block_timestamp") else -1
    row, _ = rows.block(record, "block_number", (block, height, time))
    inputs = _in_order(record, "inputs") if record.has("inputs") else []
    coinbase = _is_coinbase(record, inputs)
    outputs = _in_order(record, "outputs")
    rows.add(
        Transaction(
            record=record,
            key="hash",
            txid=record.digest("hash"),
            block=row,
            index=whole(record, "index") if record.has("index") else -1,
            coinbase=coinbase,
            version=whole(record, "version", least=-_INT32) if record.has("version") else None,
            locktime=whole(record, "lock_time") if record.has("lock_time") else None,
            inputs=[] if coinbase else [_input(one) for one in inputs],
            outputs=_outputs(record, outputs),
        )
    )


def _is_coinbase(record: Record, inputs: Sequence[Record]) -> bool:
    """Whether it makes new coins; the exports leave out the input of a coinbase."""
    said = record.flag("is_coinbase") if record.has("is_coinbase") else not inputs
    spends = any(one.has("spent_transaction_hash") and any(one.digest("spent_transaction_hash")) for one in inputs)
    if said and spends:
        raise record.fault("is_coinbase", "is true, but the transaction spends outputs", _EXPORT)
    return said


def _in_order(record: Record, key: str) -> list[Record]:
    """The inputs or outputs by their index, of which none may be missing."""
    found = record.records(key)
    if any(one.has("index") for one in found):
        found.sort(key=lambda one: whole(one, "index"))
        if [whole(one, "index") for one in found] != list(range(len(found))):
            raise record.fault(key, "are not numbered 0, 1, 2 … without a hole", _EXPORT)
    count = f"{key[:-1]}_count"
    if record.has(count) and found and whole(record, count) != len(found):
        raise record.fault(key, f"has {len(found)} entries, but {count} says otherwise", _EXPORT)
    return found


def _input(record: Record) -> Input:
    spent = Input(
        record.digest("spent_transaction_hash"),
        whole(record, "spent_output_index"),
        record.octets("script_hex") if record.has("script_hex") else None,
        whole(record, "sequence") if record.has("sequence") else None,
    )
    if record.has("value"):
        spent.value = _value(record)
        kind = _kind(record)
        stated = None if kind in _WITHOUT_ADDRESS else stated_address(record)
        spent.place = Place(None, stated, kind)
    return spent


def _outputs(record: Record, found: Sequence[Record]) -> list[tuple[int, Place]]:
    outputs = [(_value(one), _place(one)) for one in found]
    total = record.data.get("output_value")
    if isinstance(total, int) and total != sum(value for value, _ in outputs):
        raise record.fault("output_value", "is not the sum of the outputs", _EXPORT)
    return outputs


def _place(record: Record) -> Place:
    kind = _kind(record)
    stated = None if kind in _WITHOUT_ADDRESS else stated_address(record)
    if record.has("script_hex"):
        return Place(record.octets("script_hex"), stated)
    if not record.has("type"):
        raise record.fault("script_hex", "the field is missing, and so is the type", _EXPORT)
    if stated is None and kind not in _WITHOUT_ADDRESS:
        raise record.fault("script_hex", "the field is missing, and so is the address", _EXPORT)
    return Place(None, stated, kind)


def _kind(record: Record) -> ScriptType:
    return _TYPES.get(record.text("type"), ScriptType.NOT_STATED) if record.has("type") else ScriptType.NOT_STATED


def whole(record: Record, key: str, *, least: int = 0, most: int = MAX_U32) -> int:
    """A whole number, which CSV files and JSON exports of BigQuery write as text."""
    value = record.data.get(key)
    if isinstance(value, str) and _DIGITS.fullmatch(value) and least <= int(value) <= most:
        return int(value)
    return record.whole(key, least=least, most=most)


def _value(record: Record) -> int:
    value = record.data.get("value")
    if isinstance(value, float):
        units = satoshi_of_double(value)
        if units is None:
            raise record.fault("value", f"{value!r} is not a number of coins to the satoshi, up to 21 million", _EXPORT)
        return units
    if isinstance(value, (Written, Decimal)):
        problem = f"{quoted(str(value))} may be coins or satoshi"
        raise record.fault("value", problem, "export values as whole numbers of satoshi")
    return whole(record, "value", most=MAX_MONEY)


def satoshi_of_double(coins: float) -> int | None:
    """Satoshi of a double of coins; None where it is not near a whole number of them, or out of range.

    Near is a thousandth of a satoshi, or the double next to the one nearest to that number: above some 90,000 coins
    neighbouring doubles are further apart than the former.
    """
    if not 0 <= coins <= MAX_MONEY / _COIN:
        return None
    units = round(coins * _COIN)
    exact = units / _COIN
    near = abs(coins * _COIN - units) <= _NEAR or math.nextafter(exact, 0) <= coins <= math.nextafter(exact, math.inf)
    return units if near and units <= MAX_MONEY else None
