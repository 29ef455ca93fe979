"""Transactions from records, one at a time, to the columns of one RawTransactions.

Invariant: what is kept of a transaction has its id wherever the source gives all that the id is made of, pays
no more than it spends where the source says both, and its addresses are those of its scripts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.errors import quoted
from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.address import WIDTH, address_text
from dyepack.ledger.utxo.schema import MAX_MONEY, UNKNOWN_VALUE, RawTransactions, ScriptType
from dyepack.sources.bitcoin.hashes import transaction_id
from dyepack.sources.bitcoin.records.repeats import without_repeats
from dyepack.sources.bitcoin.script import classify_bytes
from dyepack.sources.identifiers import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.bitcoin.records.record import Cited
    from dyepack.sources.bitcoin.records.stated import StatedAddresses
    from dyepack.sources.bitcoin.result import BitcoinImport

NO_BLOCK = bytes(32)
"""Block id where the source does not give one."""

_FLUSH = 50_000
"""Inputs and outputs that wait to be turned into arrays."""

_OTHER_FILE = "fetch it again, and give it as the source wrote it"


@dataclass(slots=True)
class Place:
    """What an output pays to: its script, or the address and type that the source states."""

    script: bytes | None
    stated: tuple[Cited, str, str] | None = None
    """Record, field and text of a stated address."""
    kind: ScriptType = ScriptType.NOT_STATED


@dataclass(slots=True)
class Input:
    """An input; of the output that it spends, the value and the place where the source says so."""

    txid: bytes
    index: int
    script: bytes | None
    sequence: int | None
    value: int | None = None
    place: Place | None = None


@dataclass(slots=True)
class Transaction:
    """A transaction as a record gives it; a coinbase's input, where given, serves to check the id only."""

    record: Cited
    key: str
    """The field of its id."""
    txid: bytes
    block: int
    index: int
    coinbase: bool
    version: int | None
    locktime: int | None
    inputs: list[Input]
    outputs: list[tuple[int, Place]]
    fee: int | None = None


@dataclass(slots=True)
class _Pending:
    txids: list[bytes] = field(default_factory=list)
    places: list[tuple[int, int, bool]] = field(default_factory=list)
    """Block, index and coinbase of each transaction."""
    in_count: list[int] = field(default_factory=list)
    out_count: list[int] = field(default_factory=list)
    spent: list[bytes] = field(default_factory=list)
    spent_index: list[int] = field(default_factory=list)
    spent_value: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    paid: list[Place] = field(default_factory=list)
    taken: list[Place | None] = field(default_factory=list)


class TransactionRows:
    """Collects blocks and transactions; `build` gives the batch. One for a whole import: a block is never split."""

    def __init__(self, result: BitcoinImport, addresses: StatedAddresses) -> None:
        self.result = result
        self._stated = addresses
        self._blocks: list[tuple[bytes, int, int]] = []
        self._heights: dict[int, int] = {}
        self._waiting = _Pending()
        self._parts: list[dict[str, npt.NDArray[np.generic]]] = []
        self._addresses: list[U8] = [np.zeros((0, WIDTH), np.uint8)]
        self._known = 0

    def block(self, record: Cited, key: str, block: tuple[bytes, int, int]) -> tuple[int, bool]:
        """Row of the block of that id, height and time, and whether it is new; one height has one block."""
        row = self._heights.setdefault(block[1], len(self._blocks))
        if row == len(self._blocks):
            self._blocks.append(block)
            self.result.count("blocks", 1)
            return row, True
        if self._blocks[row] != block:
            problem = f"another block at the height {block[1]}, or another time for it, was read before"
            raise record.fault(
                key, problem, "give files of one chain only: leave out blocks that lost a reorganisation"
            )
        return row, False

    def add(self, tx: Transaction) -> None:
        """Check a transaction and keep it."""
        self.check(tx)
        inputs = [] if tx.coinbase else tx.inputs
        waiting = self._waiting
        waiting.txids.append(tx.txid)
        waiting.places.append((tx.block, tx.index, tx.coinbase))
        waiting.in_count.append(len(inputs))
        waiting.out_count.append(len(tx.outputs))
        for spent in inputs:
            waiting.spent.append(spent.txid)
            waiting.spent_index.append(spent.index)
            waiting.spent_value.append(UNKNOWN_VALUE if spent.value is None else spent.value)
            waiting.taken.append(spent.place)
        for value, place in tx.outputs:
            waiting.value.append(value)
            waiting.paid.append(place)
        if len(waiting.value) + len(waiting.spent) >= _FLUSH:
            self._flush()

    def check(self, tx: Transaction) -> None:
        """The error of the transaction's record where it contradicts itself."""
        if not tx.outputs or not (tx.inputs or tx.coinbase):
            what = "outputs" if not tx.outputs else "inputs"
            raise tx.record.fault(tx.key, f"the transaction has no {what}", _OTHER_FILE)
        paid = sum(value for value, _ in tx.outputs)
        if paid > MAX_MONEY:
            raise tx.record.fault(tx.key, "the outputs are worth more than 21 million coins", _OTHER_FILE)
        if not tx.coinbase:
            self._check_fee(tx, paid)
        computed = _computed_id(tx)
        if computed is None:
            self.result.count("ids_not_recomputed", 1)
        elif computed != tx.txid:
            problem = f"the transaction's fields give the id {computed.hex()}, so that one of them is not as it was"
            raise tx.record.fault(tx.key, problem, _OTHER_FILE)

    @staticmethod
    def _check_fee(tx: Transaction, paid: int) -> None:
        values = [spent.value for spent in tx.inputs if spent.value is not None]
        if len(values) < len(tx.inputs):
            return
        left = sum(values) - paid
        if left < 0 or (tx.fee is not None and tx.fee != left):
            said = "" if tx.fee is None else f" and states a fee of {tx.fee}"
            problem = f"the transaction spends {sum(values)} and pays {paid} satoshi{said}: these do not balance"
            raise tx.record.fault(tx.key, problem, _OTHER_FILE)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, _Pending()
        if not waiting.txids:
            return
        out_type, out_address = self._places(waiting.paid)
        _, in_address = self._places(waiting.taken)
        places = np.array(waiting.places, np.int64).reshape(-1, 3)
        self._parts.append(
            {
                "tx_block": places[:, 0],
                "tx_index": places[:, 1],
                "tx_coinbase": places[:, 2].astype(np.bool_),
                "tx_id": _digests(waiting.txids),
                "in_count": np.array(waiting.in_count, np.int64),
                "in_txid": _digests(waiting.spent),
                "in_index": np.array(waiting.spent_index, np.uint32),
                "in_value": np.array(waiting.spent_value, np.uint64),
                "in_address": in_address,
                "out_count": np.array(waiting.out_count, np.int64),
                "out_value": np.array(waiting.value, np.uint64),
                "out_type": out_type,
                "out_address": out_address,
            }
        )

    def _places(self, places: Sequence[Place | None]) -> tuple[U8, I64]:
        """Type of each place and row of its address, -1 for none."""
        types = np.full(len(places), int(ScriptType.NOT_STATED), np.uint8)
        packed = np.zeros((len(places), WIDTH), np.uint8)
        has = np.zeros(len(places), np.bool_)
        scripted = [i for i, place in enumerate(places) if place and place.script is not None]
        found = classify_bytes([place.script for place in places if place and place.script is not None])
        types[scripted], packed[scripted], has[scripted] = found.types, found.packed, found.has_address
        for i, place in enumerate(places):
            if place is None or place.stated is None:
                types[i] = types[i] if place is None or place.script is not None else place.kind
            elif place.script is None:
                self._state(i, place.stated, packed, has)
                types[i] = place.kind
            elif has[i]:
                self._compare(place.stated, packed[i].tobytes())
            else:
                self.result.count("addresses_set_aside", 1)
        rows = np.full(len(places), -1, np.int64)
        if has.any():
            (codes,), distinct = encode([packed[has]])
            rows[has] = codes + self._known
            self._addresses.append(distinct)
            self._known += len(distinct)
        return types, rows

    def _state(self, i: int, stated: tuple[Cited, str, str], packed: U8, has: npt.NDArray[np.bool_]) -> None:
        address = self._stated.packed(*stated)
        packed[i, : len(address)] = np.frombuffer(address, np.uint8)
        has[i] = True

    def _compare(self, stated: tuple[Cited, str, str], paid: bytes) -> None:
        record, key, text = stated
        if self._stated.packed(record, key, text).ljust(WIDTH, b"\0") != paid:
            script_pays = address_text(paid, self._stated.network)
            raise record.fault(key, f"states {quoted(text)}, but the script pays {script_pays}", _OTHER_FILE)

    def build(self, files: Sequence[Path], *, contiguous: bool) -> None:
        """Add all that was collected to the result."""
        self.result.files += files
        self.finish(files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else ""), contiguous=contiguous)

    def finish(self, source: str, *, contiguous: bool) -> None:
        """The same, of a source that is not files; `source` is its name in messages."""
        self._flush()
        if not self._parts:
            return
        columns: dict[str, Any] = {
            name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]
        }
        columns["in_offset"] = offsets(columns.pop("in_count"))
        columns["out_offset"] = offsets(columns.pop("out_count"))
        batch = RawTransactions(
            block_id=_digests([block[0] for block in self._blocks]),
            block_height=np.array([block[1] for block in self._blocks], np.int64),
            block_time=np.array([block[2] for block in self._blocks], np.int64),
            addresses=np.concatenate(self._addresses),
            source=source,
            contiguous=contiguous,
            **columns,
        )
        batch = without_repeats(batch, self.result)
        self.result.count("transactions", len(batch))
        self.result.add(batch)
        if missing := self.result.counts.get("ids_not_recomputed"):
            self.result.notes.append(
                f"{missing} transaction ids could not be recomputed, because the source leaves out fields of theirs"
            )


def _digests(ids: Sequence[bytes]) -> U8:
    return np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 32).copy()


def _computed_id(tx: Transaction) -> bytes | None:
    """The id by the transaction's fields; None where one is not there."""
    if tx.version is None or tx.locktime is None or not tx.inputs:
        return None
    inputs = [
        (spent.txid, spent.index, spent.script, spent.sequence)
        for spent in tx.inputs
        if spent.script is not None and spent.sequence is not None
    ]
    outputs = [(value, place.script) for value, place in tx.outputs if place.script is not None]
    if len(inputs) < len(tx.inputs) or len(outputs) < len(tx.outputs):
        return None
    return transaction_id(tx.version, inputs, outputs, tx.locktime)
