"""The transactions and receipts files of ethereum-etl: values and fees, and where each transaction stands.

Invariant: a transaction that failed, by its receipt or by its root trace, moves no value and pays its fee;
a fee is the sum of all its parts (execution, blobs, layer 1) or is counted as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import MoveKind
from dyepack.sources.amounts import add, amounts, product
from dyepack.sources.columns import MAX_GAS, times, whole_numbers
from dyepack.sources.identifiers import ADDRESS, HASH, encode, hex_ids, locate
from dyepack.sources.moves import Movements
from dyepack.sources.table import Layout, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8, U64
    from dyepack.sources.etl_traces import Traces
    from dyepack.sources.result import Import
    from dyepack.sources.table import Table

_PAID = (
    "gas_used",
    "effective_gas_price",
    "status",
    "contract_address",
    "blob_gas_used",
    "blob_gas_price",
    "l1_fee",
)
TRANSACTIONS = Layout(
    "an ethereum-etl transactions export",
    ("hash", "block_number", "transaction_index", "from_address", "to_address", "value"),
    ("gas_price", "block_timestamp", *("receipt_" + name for name in _PAID)),
)
RECEIPTS = Layout("an ethereum-etl receipts export", ("transaction_hash", "gas_used"), _PAID[1:])


@dataclass(slots=True)
class Outcome:
    """What receipts say; -1 where they do not. `hash` is empty for a transactions file's own columns."""

    hash: U8
    gas_used: I64
    gas_price: I64
    status: I64
    blob_gas: I64
    blob_price: I64
    l1_fee: I64
    contract: U8
    has_contract: npt.NDArray[np.bool_]

    def take(self, rows: I64) -> Outcome:
        """The outcome of each of `rows`, where -1 is a transaction without a receipt."""
        known = rows >= 0
        safe = np.where(known, rows, 0)

        def pick(values: I64) -> I64:
            return np.where(known, values[safe], -1) if len(values) else np.full(len(rows), -1, np.int64)

        contract = self.contract[safe] if len(self.contract) else np.zeros((len(rows), ADDRESS), np.uint8)
        has_contract = known & self.has_contract[safe] if len(self.contract) else known & False
        numbers = (self.gas_used, self.gas_price, self.status, self.blob_gas, self.blob_price, self.l1_fee)
        gas, price, status, blob_gas, blob_price, l1_fee = (pick(column) for column in numbers)
        nothing = np.zeros((0, HASH), np.uint8)
        return Outcome(nothing, gas, price, status, blob_gas, blob_price, l1_fee, contract, has_contract)

    def or_else(self, other: Outcome) -> Outcome:
        """Each value from here, or from `other` where it is unknown here."""

        def both(here: I64, there: I64) -> I64:
            return np.where(here >= 0, here, there)

        return Outcome(
            self.hash,
            both(self.gas_used, other.gas_used),
            both(self.gas_price, other.gas_price),
            both(self.status, other.status),
            both(self.blob_gas, other.blob_gas),
            both(self.blob_price, other.blob_price),
            both(self.l1_fee, other.l1_fee),
            np.where(self.has_contract[:, None], self.contract, other.contract),
            self.has_contract | other.has_contract,
        )

    def fee(self) -> U64:
        """The whole fee of each transaction whose gas is known, else zero."""
        known = (self.gas_used >= 0) & (self.gas_price >= 0)

        def part(gas: I64, price: I64) -> U64:
            return product(np.where(known & (gas > 0), gas, 0), np.maximum(price, 0))

        total = part(self.gas_used, self.gas_price)
        if (self.blob_gas > 0).any():
            total = add(total, part(self.blob_gas, self.blob_price))
        if (self.l1_fee > 0).any():
            total = add(total, part(self.l1_fee, np.ones(len(known), np.int64)))
        return total


@dataclass(slots=True)
class Transactions:
    """One transactions file; `rows.receiver` is -1 where a contract is created."""

    table: Table
    rows: Movements
    receivers: U8
    has_receiver: npt.NDArray[np.bool_]
    senders: U8
    outcome: Outcome


@dataclass(slots=True)
class Position:
    """Rank in the block and time, each -1 where unknown."""

    tx_index: I64
    time: I64


@dataclass(slots=True)
class Known:
    """Where each transaction stands that some file has said: the join by transaction hash."""

    hash: U8
    block: I64
    position: Position
    in_transactions: int
    """How many of the rows, from the first, come from transactions files."""

    @classmethod
    def of(cls, files: Sequence[Transactions]) -> Known:
        """The transactions of the transactions files."""
        rows = [file.rows for file in files]
        none = np.zeros(0, np.int64)
        return cls(
            np.concatenate([np.zeros((0, HASH), np.uint8), *(r.tx_id for r in rows)]),
            np.concatenate([none, *(r.block for r in rows)]),
            Position(
                np.concatenate([none, *(r.tx_index for r in rows)]),
                np.concatenate([none, *(r.time for r in rows)]),
            ),
            sum(len(r.block) for r in rows),
        )

    def with_traces(self, files: Sequence[Traces]) -> Known:
        """With the transactions that only traces name."""
        here = self.position
        return Known(
            np.concatenate([self.hash, *(file.rows.tx_id for file in files)]),
            np.concatenate([self.block, *(file.rows.block for file in files)]),
            Position(
                np.concatenate([here.tx_index, *(file.rows.tx_index for file in files)]),
                np.concatenate([here.time, *(file.rows.time for file in files)]),
            ),
            self.in_transactions,
        )

    def fill(self, ids: U8, tx_index: I64 | None, time: I64 | None) -> Position:
        """The position of each transaction: as its own file says, else as another file does."""
        unknown = np.full(len(ids), -1, np.int64)
        tx_index = unknown if tx_index is None else tx_index
        time = unknown if time is None else time
        if (tx_index >= 0).all() and (time >= 0).all():
            return Position(tx_index, time)
        found = locate(ids, self.hash)
        safe = np.where(found >= 0, found, 0)
        if not len(self.hash):
            return Position(tx_index, time)
        return Position(
            np.where((tx_index < 0) & (found >= 0), self.position.tx_index[safe], tx_index),
            np.where((time < 0) & (found >= 0), self.position.time[safe], time),
        )

    def by_position(self, block: I64, tx_index: I64) -> I64:
        """The row of the transaction at each place in the chain, or -1."""
        here = self.block << 32 | np.maximum(self.position.tx_index, 0)
        return _find(np.where(tx_index >= 0, block << 32 | np.maximum(tx_index, 0), -1), here)

    def block_times(self, block: I64, time: I64) -> I64:
        """`time`, and where it is unknown the time of any transaction of the same block."""
        timed = np.flatnonzero(self.position.time >= 0)
        if (time >= 0).all() or not len(timed):
            return time
        found = _find(block, self.block[timed])
        return np.where((time < 0) & (found >= 0), self.position.time[timed[found]], time)


def _find(keys: I64, among: I64) -> I64:
    """A row of `among` equal to each key, or -1."""
    if not len(among):
        return np.full(len(keys), -1, np.int64)
    order = np.argsort(among, kind="stable")
    rows = order[np.minimum(np.searchsorted(among[order], keys), len(among) - 1)]
    return np.where(among[rows] == keys, rows, -1)


def read_transactions(path: Path, result: Import) -> Transactions:
    """Read a transactions file; values are judged later, when receipts and traces are known."""
    table = read_table(path, TRANSACTIONS)
    result.rows += table.rows
    if table.note:
        result.notes.append(table.note)
    ids, _ = hex_ids(table["hash"], HASH)
    senders, _ = hex_ids(table["from_address"], ADDRESS)
    receivers, has_receiver = hex_ids(table["to_address"], ADDRESS, optional=True)
    unknown = np.full(table.rows, -1, np.int64)
    rows = Movements(
        source=path.name,
        tx_id=ids,
        block=whole_numbers(table["block_number"], what="a block number"),
        tx_index=whole_numbers(table["transaction_index"], what="a transaction index"),
        time=times(table["block_timestamp"], optional=True) if "block_timestamp" in table else unknown,
        sender=unknown,
        receiver=unknown,
        amounts=amounts(table["value"]),
        row=table.line_numbers(),
        addresses=np.zeros((0, ADDRESS), np.uint8),
        assets=[],
        kind=int(MoveKind.VALUE),
    )
    return Transactions(table, rows, receivers, has_receiver, senders, _outcome(table, "receipt_", ids[:0]))


def read_receipts(paths: Sequence[Path], result: Import) -> list[Outcome]:
    """Read receipts files."""
    found = []
    for path in paths:
        table = read_table(path, RECEIPTS)
        if table.note:
            result.notes.append(table.note)
        found.append(_outcome(table, "", hex_ids(table["transaction_hash"], HASH)[0]))
    return found


def _outcome(table: Table, prefix: str, ids: U8) -> Outcome:
    unknown = np.full(table.rows, -1, np.int64)

    def numbers(name: str, most: int = MAX_GAS, what: str = "a whole number") -> I64:
        column = table.get(prefix + name)
        return unknown if column is None else whole_numbers(column, optional=True, most=most, what=what)

    contract = np.zeros((table.rows, ADDRESS), np.uint8)
    has_contract = np.zeros(table.rows, np.bool_)
    if prefix + "contract_address" in table:
        contract, has_contract = hex_ids(table[prefix + "contract_address"], ADDRESS, optional=True)
    return Outcome(
        ids,
        numbers("gas_used"),
        numbers("effective_gas_price"),
        numbers("status", 1, "a status of 0 or 1"),
        numbers("blob_gas_used"),
        numbers("blob_gas_price"),
        numbers("l1_fee"),
        contract,
        has_contract,
    )


def add_transactions(
    files: Sequence[Transactions],
    receipts: Sequence[Outcome],
    traced: Sequence[Traces],
    native: str,
    result: Import,
) -> None:
    """Add the value and the fee of every transaction."""
    roots = [file.roots() for file in traced]
    listed = np.concatenate([np.zeros((0, HASH), np.uint8), *(file.rows.tx_id for file in files)])
    for receipt in receipts:
        result.count("receipts_unmatched", np.count_nonzero(locate(receipt.hash, listed) < 0))
    for file in files:
        outcome = file.outcome
        for source in (*receipts, *roots):
            outcome = outcome.or_else(source.take(locate(file.rows.tx_id, source.hash)))
        if "gas_price" in file.table:
            price = whole_numbers(file.table["gas_price"], optional=True, most=MAX_GAS, what="a gas price")
            outcome.gas_price = np.where(outcome.gas_price >= 0, outcome.gas_price, price)
        _add_file(file, outcome, native, result)


def _add_file(file: Transactions, outcome: Outcome, native: str, result: Import) -> None:
    rows, failed = file.rows, outcome.status == 0
    (rows.sender, receiver, contract), rows.addresses = encode([file.senders, file.receivers, outcome.contract])
    rows.receiver = np.where(file.has_receiver, receiver, np.where(outcome.has_contract, contract, -1))
    rows.assets = [native]
    paid = rows.amounts.moving() | rows.amounts.is_oversize()
    _refuse_lost(file, paid & ~failed & (rows.receiver < 0))
    result.count("value_moves", rows.keep(~failed, result))
    result.count("failed", np.count_nonzero(failed))
    result.count("zero_value", np.count_nonzero(~failed & ~paid))
    result.count("status_unknown", np.count_nonzero(outcome.status < 0))
    unknown = (outcome.gas_used < 0) | (outcome.gas_price < 0)
    fees = rows.fees(outcome.fee())
    result.count("fee_moves", len(fees))
    result.count("fee_unknown", np.count_nonzero(unknown))
    result.count("zero_fee", len(rows.block) - len(fees) - np.count_nonzero(unknown))
    result.add(fees)


def _refuse_lost(file: Transactions, lost: npt.NDArray[np.bool_]) -> None:
    if lost.any():
        raise file.table["to_address"].fault(
            int(np.argmax(lost)),
            "the transaction pays a contract that it creates, and no file gives the contract's address",
            "give the receipts file (its column contract_address) or the traces file",
        )
