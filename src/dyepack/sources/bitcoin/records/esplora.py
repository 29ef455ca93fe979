"""Transactions as an Esplora server gives them: one, a list, lists one after another, or JSON Lines.

Answers of /tx/:txid, /address/:address/txs and /block/:hash/txs, on blockstream.info or mempool.space. The rank of a
transaction in its block is not said, and a block is not expected to be whole.

Invariant: records = transactions + unconfirmed + repeated_transactions (by `counts`).
Source: https://github.com/Blockstream/esplora/blob/master/API.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.sources.bitcoin.records.getblock import MAX_HEIGHT
from dyepack.sources.bitcoin.records.record import Record
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import Input, Place, Transaction, TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.json_files import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_INT32 = 1 << 31


def import_esplora(paths: Sequence[Path], addresses: StatedAddresses | None = None) -> BitcoinImport:
    """Read transactions; those that no block holds yet are left out and counted."""
    result = BitcoinImport()
    rows = TransactionRows(result, addresses or StatedAddresses())
    for path in paths:
        for record in _records(path):
            status = record.record("status")
            if not status.flag("confirmed"):
                result.count("unconfirmed", 1)
                continue
            block = (
                status.digest("block_hash"),
                status.whole("block_height", most=MAX_HEIGHT),
                status.whole("block_time"),
            )
            row, _ = rows.block(status, "block_hash", block)
            rows.add(_transaction(record, row))
    if left_out := result.counts.get("unconfirmed"):
        result.notes.append(f"{left_out} transactions that no block holds yet are left out")
    rows.build(paths, contiguous=False)
    return result


def _records(path: Path) -> Iterator[Record]:
    for line, value in values(path):
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield Record.of(path, line, item, f"[{i}]")
        else:
            yield Record.of(path, line, value)


def _transaction(record: Record, block: int) -> Transaction:
    spent = record.records("vin")
    coinbase = bool(spent) and spent[0].flag("is_coinbase")
    if coinbase and len(spent) > 1:
        raise record.fault("vin", "a coinbase has one input")
    return Transaction(
        record=record,
        key="txid",
        txid=record.digest("txid"),
        block=block,
        index=-1,
        coinbase=coinbase,
        version=record.whole("version", least=-_INT32) if record.has("version") else None,
        locktime=record.whole("locktime") if record.has("locktime") else None,
        inputs=[_input(one) for one in spent],
        outputs=[(one.satoshi("value"), _place(one)) for one in record.records("vout")],
        fee=record.satoshi("fee") if record.has("fee") and not coinbase else None,
    )


def _input(record: Record) -> Input:
    spent = Input(
        record.digest("txid"),
        record.whole("vout"),
        record.octets("scriptsig") if record.has("scriptsig") else None,
        record.whole("sequence") if record.has("sequence") else None,
    )
    if record.has("prevout"):
        before = record.record("prevout")
        spent.value, spent.place = before.satoshi("value"), _place(before)
    return spent


def _place(record: Record) -> Place:
    key = "scriptpubkey_address"
    return Place(record.octets("scriptpubkey"), (record, key, record.text(key)) if record.has(key) else None)
