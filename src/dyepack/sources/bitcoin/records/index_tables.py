"""A ledger of numbered transactions as five CSV tables in a folder, as studies of Bitcoin's first years publish it.

file           columns
tx_hash.csv    tx_index, tx_hash: transactions in chain order, numbered from 0 without a hole
tx_height.csv  tx_index, block_index: the height of each
tx_output.csv  output_index (10 x tx_index + number in the transaction), tx_index, adr_index, output_value (satoshi),
               spent_index (transaction that spends it, also outside the tables; may be written 2850.0)
tx_input.csv   output_index, tx_index (the spender), adr_index, input_value, spent_index (transaction of the output)
adr_hash.csv   adr_index, adr_hash

The tables know no block ids, no times and no scripts. A transaction without inputs is a coinbase.

Invariant: each input spends an earlier output that is there, once, at its value, and tx_output agrees on who spends
it; rows of outputs = outputs + exact_duplicates (by `counts`).
Some exports cut a final "b" off the ids. It is put back, and noted, only where no whole id of the table ends in "b".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError, quoted
from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.address import UNLISTED, WIDTH, pack
from dyepack.ledger.utxo.schema import MAX_MONEY, RawTransactions, ScriptType
from dyepack.sources.bitcoin.records.record import Record
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.columns import is_text, whole_numbers
from dyepack.sources.identifiers import encode
from dyepack.sources.repeats import exact_repeats
from dyepack.sources.table import Layout, Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.table import Column

TABLES = {
    "tx_hash.csv": ("tx_index", "tx_hash"),
    "tx_height.csv": ("tx_index", "block_index"),
    "tx_output.csv": ("output_index", "tx_index", "adr_index", "output_value", "spent_index"),
    "tx_input.csv": ("output_index", "tx_index", "adr_index", "input_value", "spent_index"),
    "adr_hash.csv": ("adr_index", "adr_hash"),
}
_PER_TX = 10
"""Numbers that output_index leaves for the outputs of one transaction."""

_SURE = 256
"""Whole ids of which none ends in "b" before the cut is taken for certain: by chance, one table in 15 million."""

_SUBSIDY = 50 * 100_000_000
_HALVING = 210_000
_REPAIR = "repair the row, or fetch the tables again"


def import_index_tables(folder: Path, addresses: StatedAddresses | None = None) -> BitcoinImport:
    """Read the five tables of a folder."""
    tables = {name: read_table(folder / name, Layout(f"the table {name}", columns)) for name, columns in TABLES.items()}
    result = BitcoinImport(files=[folder / name for name in TABLES])
    result.notes += [table.note for table in tables.values() if table.note]
    tx_id = _tx_ids(tables["tx_hash.csv"], result)
    height = _heights(tables["tx_height.csv"], len(tx_id))
    first, codes = np.unique(height, return_inverse=True)
    names, known = _addresses(tables["adr_hash.csv"], addresses or StatedAddresses())
    outputs = _Outputs(tables["tx_output.csv"], len(tx_id), names, result)
    in_tx, spent = _inputs(tables["tx_input.csv"], outputs, len(tx_id))
    in_count = np.bincount(in_tx, minlength=len(tx_id))
    batch = RawTransactions(
        block_id=np.zeros((len(first), 32), np.uint8),
        block_height=first,
        block_time=np.full(len(first), -1, np.int64),
        tx_block=codes.astype(np.int64),
        tx_index=np.arange(len(tx_id)) - np.searchsorted(height, height),
        tx_id=tx_id,
        tx_coinbase=in_count == 0,
        in_offset=offsets(in_count),
        in_txid=tx_id[outputs.tx[spent]],
        in_index=outputs.number[spent].astype(np.uint32),
        in_value=outputs.value[spent].astype(np.uint64),
        in_address=outputs.address[spent],
        out_offset=offsets(np.bincount(outputs.tx, minlength=len(tx_id))),
        out_value=outputs.value.astype(np.uint64),
        out_type=np.full(len(outputs.tx), int(ScriptType.NOT_STATED), np.uint8),
        out_address=outputs.address,
        addresses=np.concatenate([known, outputs.unlisted]),
        source=folder.name,
    )
    result.count("blocks", len(first))
    result.count("transactions", len(tx_id))
    batch.contiguous = _is_whole(batch, result)
    result.add(batch)
    return result


def _numbered(table: Table, column: str, count: int | None = None) -> None:
    """InputError unless the column counts 0, 1, 2 … (up to `count`)."""
    index = whole_numbers(table[column])
    wrong = index != np.arange(len(index))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise table[column].fault(row, f"{index[row]} is not the number {row}, which is next", _REPAIR)
    if count is not None and len(index) != count:
        raise InputError(table.path, f"has {len(index)} transactions, but tx_hash.csv {count}", remedy=_REPAIR)


def _tx_ids(table: Table, result: BitcoinImport) -> U8:
    _numbered(table, "tx_index")
    column = table["tx_hash"]
    texts = [text for chunk in column.chunks for text in chunk.to_pylist()]
    whole = [text for text in texts if len(text) == 64]
    cut = len(texts) - len(whole)
    is_sure = len(whole) >= _SURE and not any(text.endswith(("b", "B")) for text in whole)
    ids = bytearray()
    for row, text in enumerate(texts):
        full = text + "b" if len(text) == 63 and is_sure else text
        if len(full) != 64 or not full.isascii() or not full.isalnum():
            raise column.fault(row, f"{quoted(text)} is not 64 hexadecimal digits", _REPAIR)
        try:
            ids += bytes.fromhex(full)
        except ValueError:
            raise column.fault(row, f"{quoted(text)} is not 64 hexadecimal digits", _REPAIR) from None
    found = np.frombuffer(bytes(ids), np.uint8).reshape(-1, 32).copy()
    if cut:
        result.count("ids_completed", cut)
        result.notes.append(
            f"{cut} transaction ids lack their last digit; it is taken to be b, because no whole id of the table ends "
            "in b"
        )
    (rows,), distinct = encode([found])
    if len(distinct) < len(found):
        row = int(np.argmax(np.isin(rows, np.flatnonzero(np.bincount(rows) > 1))))
        raise column.fault(row, f"{quoted(texts[row])} is the id of two transactions", _REPAIR)
    return found


def _heights(table: Table, count: int) -> I64:
    _numbered(table, "tx_index", count)
    height = whole_numbers(table["block_index"], most=(1 << 31) - 1, what="a height")
    falls = np.diff(height) < 0
    if falls.any():
        row = int(np.argmax(falls)) + 1
        raise table["block_index"].fault(row, f"{height[row]} is below the height before it", _REPAIR)
    return height


def _addresses(table: Table, stated: StatedAddresses) -> tuple[dict[int, int], U8]:
    """Row of each address number, and the packed addresses."""
    numbers = whole_numbers(table["adr_index"], most=1 << 53)
    packed = np.zeros((table.rows, WIDTH), np.uint8)
    texts = (text for chunk in table["adr_hash"].chunks for text in chunk.to_pylist())
    for row, text in enumerate(texts):
        address = stated.packed(Record(table.path, table.line(row), "", {}), "adr_hash", text)
        packed[row, : len(address)] = np.frombuffer(address, np.uint8)
    rows = {number: row for row, number in enumerate(numbers.tolist())}
    if len(rows) < len(numbers):
        row = next(row for row, number in enumerate(numbers.tolist()) if rows[number] != row)
        raise table["adr_index"].fault(row, f"the address {numbers[row]} is there twice", _REPAIR)
    return rows, packed


class _Outputs:
    """The outputs in order of their numbers: transaction, number in it, value, address row, spender."""

    def __init__(self, table: Table, transactions: int, names: dict[int, int], result: BitcoinImport) -> None:
        columns = {name: whole_numbers(table[name], most=1 << 53) for name in TABLES["tx_output.csv"][:4]}
        spender = _loose(table["spent_index"])
        repeated = exact_repeats(table, [*columns.values(), spender])
        result.count("exact_duplicates", np.count_nonzero(repeated))
        rows = np.flatnonzero(~repeated)
        rows = rows[np.argsort(columns["output_index"][rows], kind="stable")]
        self.table, self.row, self.spender = table, rows, spender[rows]
        self.id, self.tx, address, self.value = (column[rows] for column in columns.values())
        self.number = self.id - _PER_TX * self.tx
        _refuse(table["tx_index"], rows, self.tx >= transactions, "is not a transaction of tx_hash.csv")
        rank = np.arange(len(rows)) - np.searchsorted(self.tx, self.tx)
        wrong = (self.number < 0) | (self.number >= _PER_TX) | (self.number != rank)
        _refuse(table["output_index"], rows, wrong, "is not 10 x tx_index and the next number of its transaction")
        _refuse(table["output_value"], rows, self.value > MAX_MONEY, "is more than 21 million coins")
        without = np.setdiff1d(np.arange(transactions), self.tx)
        if len(without):
            problem = f"has no output of the transaction {without[0]}"
            raise InputError(table.path, problem, remedy=_REPAIR)
        unlisted = sorted(set(address.tolist()) - names.keys())
        rank_of = names | {number: len(names) + at for at, number in enumerate(unlisted)}
        self.address = np.array([rank_of[number] for number in address.tolist()], np.int64)
        self.unlisted = np.zeros((len(unlisted), WIDTH), np.uint8)
        for at, number in enumerate(unlisted):
            packed = pack(UNLISTED, number.to_bytes(8))
            self.unlisted[at, : len(packed)] = np.frombuffer(packed, np.uint8)
        unknown = int(np.count_nonzero(self.address >= len(names)))
        if unknown:
            result.count("outputs_of_unlisted_address", unknown)
            result.notes.append(
                f"{unknown} outputs name an address that adr_hash.csv does not hold: it is called unlisted:NUMBER, by "
                "its number in the tables"
            )
        later = int(np.count_nonzero(self.spender >= transactions))
        if later:
            result.count("outputs_spent_later", later)
            result.notes.append(
                f"{later} outputs are spent after the last block, by transactions that the tables name but do not "
                "hold: what is held was held at the last block"
            )


def _inputs(table: Table, outputs: _Outputs, transactions: int) -> tuple[I64, I64]:
    """The spender of each input, in chain order, and the row of the output that it spends."""
    columns = {name: whole_numbers(table[name], most=1 << 53) for name in TABLES["tx_input.csv"]}
    order = np.argsort(columns["tx_index"], kind="stable")
    number, tx, address, value, source = (column[order] for column in columns.values())
    _refuse(table["tx_index"], order, tx >= transactions, "is not a transaction of tx_hash.csv")
    spent = np.minimum(np.searchsorted(outputs.id, number), max(len(outputs.id) - 1, 0))
    _refuse(table["output_index"], order, outputs.id[spent] != number, "is not an output of tx_output.csv")
    _refuse(table["spent_index"], order, source != outputs.tx[spent], "is not the transaction of that output")
    _refuse(table["tx_index"], order, tx <= outputs.tx[spent], "spends an output that is not before it")
    _refuse(table["input_value"], order, value != outputs.value[spent], "is not the value of that output")
    _refuse(table["adr_index"], order, address != _address_numbers(outputs)[spent], "is not the address of that output")
    by_output = np.argsort(spent, kind="stable")
    again = np.zeros(len(spent), np.bool_)
    again[by_output[1:]] = spent[by_output[1:]] == spent[by_output[:-1]]
    _refuse(table["output_index"], order, again, "is spent a second time")
    _refuse(table["tx_index"], order, outputs.spender[spent] != tx, "is not the spender that tx_output.csv names")
    here = (outputs.spender >= 0) & (outputs.spender < transactions)
    here[spent] = False
    column = outputs.table["spent_index"]
    _refuse(column, outputs.row, here, "spends this output, but tx_input.csv does not know it")
    return tx, spent


def _address_numbers(outputs: _Outputs) -> I64:
    return whole_numbers(outputs.table["adr_index"], most=1 << 53)[outputs.row]


def _refuse(column: Column, rows: I64, wrong: np.ndarray, problem: str) -> None:
    """InputError about the first row that is wrong."""
    if wrong.any():
        row = int(rows[np.argmax(wrong)])
        value = column.data[row].as_py()
        raise column.fault(row, f"{quoted(str(value))} {problem}", _REPAIR)


def _loose(column: Column) -> I64:
    """Whole numbers that may be written with a fraction of zero, or be missing (-1)."""
    from dataclasses import replace

    import pyarrow.compute as pc

    if not is_text(column):
        return whole_numbers(column, optional=True, most=1 << 53)
    plain = replace(column, data=pc.replace_substring_regex(column.data, r"\.0$", ""))
    return whole_numbers(plain, optional=True, most=1 << 53)


def _is_whole(batch: RawTransactions, result: BitcoinImport) -> bool:
    """Whether the books balance: what was made, 50 coins for each block, is what is there."""
    made = int(batch.out_value.sum()) - int(batch.in_value.sum())
    begins = np.asarray(batch.tx_index == 0)
    coinbase_first = bool((begins == (np.asarray(batch.tx_coinbase) != 0)).all())
    expected = sum(_SUBSIDY >> (height // _HALVING) for height in batch.block_height.tolist())
    if made == expected and coinbase_first:
        return True
    result.notes.append(
        f"the coins made are {made} satoshi, but those of its {len(batch.block_height)} blocks are {expected}: "
        "not every transaction of each block is there"
    )
    return False
