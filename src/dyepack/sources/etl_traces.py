"""The traces file of ethereum-etl: internal transfers, creations, selfdestructs, rewards and genesis.

Rewards, genesis and the DAO fork belong to no transaction: they get a made-up id of 24 zero bytes and the
block number, an index that counts them within the block, and a place after its transactions.

Invariant: every trace is a move, or counted as not moving value (callcode, delegatecall, staticcall),
failed, zero, or a root trace whose transaction's own row carries the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.schema import AFTER_TRANSACTIONS, MoveKind
from dyepack.sources.amounts import amounts
from dyepack.sources.columns import choices, text_bytes, times, whole_numbers
from dyepack.sources.etl_transactions import Known, Outcome
from dyepack.sources.identifiers import ADDRESS, HASH, encode, hex_ids, locate
from dyepack.sources.moves import Movements
from dyepack.sources.table import Layout, concat, read_table
from dyepack.sources.trace_tree import Tree, paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.result import Import
    from dyepack.sources.table import Column, Table

    Mask = npt.NDArray[np.bool_]

TRACES = Layout(
    "an ethereum-etl traces export",
    (
        "transaction_hash",
        "block_number",
        "transaction_index",
        "from_address",
        "to_address",
        "value",
        "trace_type",
        "call_type",
        "trace_address",
    ),
    ("error", "status", "trace_id", "block_timestamp"),
)
_CALL, _CREATE, _SUICIDE, _ISSUE, _FORK = range(5)
_TYPES = {
    "call": _CALL,
    "create": _CREATE,
    "create2": _CREATE,
    "suicide": _SUICIDE,
    "selfdestruct": _SUICIDE,
    "reward": _ISSUE,
    "genesis": _ISSUE,
    "daofork": _FORK,
}
_PLAIN_CALL = 1
_CALL_TYPES = {"": 0, "call": _PLAIN_CALL, "callcode": 2, "delegatecall": 2, "staticcall": 2}


@dataclass(slots=True)
class Traces:
    """One traces file: a possible move for each row, and what decides whether it is one."""

    table: Table
    rows: Movements
    type: I64
    moves: Mask
    is_root: Mask
    failed: Mask
    created: U8

    def roots(self) -> Outcome:
        """What root traces say of their transactions: whether they failed, and the contract they created."""
        root = np.flatnonzero(self.is_root)
        unknown = np.full(len(root), -1, np.int64)
        created = (self.type[root] == _CREATE) & (self.rows.receiver[root] >= 0)
        status = np.where(self.failed[root], 0, 1)
        return Outcome(
            self.rows.tx_id[root],
            unknown,
            unknown,
            status,
            unknown,
            unknown,
            unknown,
            self.created[root],
            created,
        )


def read_traces(path: Path, known: Known, result: Import) -> Traces:
    """Read a traces file; which root traces count is decided later, when all files are known."""
    table = read_table(path, TRACES)
    result.rows += table.rows
    if table.note:
        result.notes.append(table.note)
    kind = choices(table["trace_type"], _TYPES, "a trace type")
    call = choices(table["call_type"], _CALL_TYPES, "a call type")
    untyped = (kind == _CALL) & (call == 0)
    if untyped.any():
        raise table["call_type"].fault(int(np.argmax(untyped)), "a call has no call type", "export call_type")
    of_block = kind >= _ISSUE
    ids, block, tx_index = _transactions(table, of_block, known)
    tree, failed = _tree(table, ids, block, of_block, (kind != _CALL) | (call == _PLAIN_CALL))
    senders, has_sender = hex_ids(table["from_address"], ADDRESS, optional=True)
    receivers, has_receiver = hex_ids(table["to_address"], ADDRESS, optional=True)
    (sender, receiver), addresses = encode([senders, receivers])
    no_path = concat([_is_empty(chunk) for chunk in table["trace_address"].chunks], np.zeros(0, np.bool_))
    is_root = no_path & ~of_block
    stamp = table.get("block_timestamp")
    said = np.full(table.rows, -1, np.int64) if stamp is None else times(stamp, optional=True)
    position = known.fill(ids, tx_index, known.block_times(block, said))
    rows = Movements(
        source=path.name,
        tx_id=ids,
        block=block,
        tx_index=position.tx_index,
        time=position.time,
        sender=np.where(has_sender & (kind != _ISSUE), sender, -1),
        receiver=np.where(has_receiver, receiver, -1),
        amounts=amounts(table["value"], optional=True),
        row=table.line_numbers(),
        addresses=addresses,
        assets=[],
        kind=_move_kinds(kind, is_root),
        index=tree.index(),
    )
    moves = (kind != _CALL) | (call == _PLAIN_CALL)
    return Traces(table, rows, kind, moves, is_root, failed, receivers)


def _move_kinds(kind: I64, is_root: Mask) -> U8:
    kinds = np.where(is_root, int(MoveKind.VALUE), int(MoveKind.INTERNAL))
    return np.where(kind == _ISSUE, int(MoveKind.ISSUE), kinds).astype(np.uint8)


def _is_empty(chunk: Any) -> Mask:
    return np.asarray(np.diff(text_bytes(chunk)[1]) == 0, dtype=np.bool_)


def _transactions(table: Table, of_block: Mask, known: Known) -> tuple[U8, I64, I64]:
    """Transaction id, block and index of each trace; made-up ids where `of_block`."""
    ids, has_id = hex_ids(table["transaction_hash"], HASH, optional=True)
    block = whole_numbers(table["block_number"], what="a block number")
    tx_index = whole_numbers(table["transaction_index"], optional=True, what="a transaction index")
    unnamed = ~has_id & ~of_block
    if unnamed.any() or of_block.any():
        ids = ids.copy()
    if unnamed.any():
        rows = np.flatnonzero(unnamed)
        found = known.by_position(block[rows], tx_index[rows])
        if (found < 0).any():
            raise table["transaction_hash"].fault(
                int(rows[np.argmax(found < 0)]),
                "the trace has no transaction hash, and no transactions file has one at its place",
                "give the transactions file of the same blocks",
            )
        ids[rows] = known.hash[found]
    if of_block.any():
        ids[of_block] = 0
        ids[of_block, HASH - 8 :] = block[of_block].astype(">u8").view(np.uint8).reshape(-1, 8)
    return ids, block, np.where(of_block, AFTER_TRANSACTIONS, tx_index)


def _tree(table: Table, ids: U8, block: I64, of_block: Mask, moves: Mask) -> tuple[Tree, Mask]:
    where = paths(table["trace_address"])
    place = where.rank.copy()
    place[of_block] = len(where.parent) + _ordinals(table, of_block)
    tree = Tree.of(_codes(ids), place)
    status = table.get("status")
    unknown = np.full(table.rows, -1, np.int64)
    said = unknown if status is None else whole_numbers(status, optional=True, most=1, what="a status of 0 or 1")
    if (said >= 0).all():
        return tree, said == 0
    if "error" not in table:
        column = status or table["trace_type"]
        raise column.fault(
            int(np.argmax(said < 0)),
            "nothing says whether the trace failed",
            "export the column status or error",
        )
    errors = concat([~_is_empty(chunk) for chunk in table["error"].chunks], np.zeros(0, np.bool_))
    failed, orphan = tree.failed(np.where(said >= 0, said == 0, errors), where)
    lost = orphan & moves & ~failed & ~of_block & (said < 0)
    if lost.any():
        raise table["trace_address"].fault(
            int(np.argmax(lost)),
            "the trace that called this one is missing, so nothing says whether it failed",
            "export all traces of the transaction, or the column status",
        )
    return tree, np.where(said >= 0, said == 0, failed & ~(of_block & ~errors))


def _codes(ids: U8) -> I64:
    """The same number for equal ids; a run of equal ids, as the traces of one transaction are, is coded once."""
    words = np.ascontiguousarray(ids).view(np.uint64)
    fresh = np.ones(len(ids), np.bool_)
    fresh[1:] = (words[1:] != words[:-1]).any(axis=1)
    (run,), _ = encode([ids[fresh]])
    codes: I64 = run[np.cumsum(fresh) - 1]
    return codes


def _ordinals(table: Table, picked: Mask) -> I64:
    """A number for each picked row that is the same for the same trace_id, or its own where one has none."""
    import pyarrow as pa

    column = table.get("trace_id")
    rows = np.arange(np.count_nonzero(picked), dtype=np.int64)
    if column is None or not len(rows):
        return rows
    coded = column.data.filter(pa.array(picked)).dictionary_encode().unify_dictionaries()
    if any(text in {"", b""} for text in coded.chunk(0).dictionary.to_pylist()):
        return rows
    return concat([np.asarray(chunk.indices, dtype=np.int64) for chunk in coded.chunks], rows)


def add_traces(files: Sequence[Traces], known: Known, native: str, result: Import) -> None:
    """Add the moves of every traces file."""
    listed = known.hash[: known.in_transactions]
    for file in files:
        file.rows.assets = [native]
        has_row = file.is_root.copy()
        root = np.flatnonzero(has_row)
        has_row[root] = _is_listed(file.rows, root, known, listed)
        _add_file(file, has_row, result)


def _is_listed(rows: Movements, picked: I64, known: Known, listed: U8) -> Mask:
    """Whether the transaction of each picked trace is among the listed: sought at its place, then by its hash."""
    count = len(listed)
    here = known.block[:count] << 32 | np.maximum(known.position.tx_index[:count], 0)
    ids = rows.tx_id[picked]
    if not count or (here[1:] < here[:-1]).any():
        return locate(ids, listed) >= 0
    place = rows.block[picked] << 32 | np.maximum(rows.tx_index[picked], 0)
    at = np.minimum(np.searchsorted(here, place), count - 1)
    there: Mask = (ids.view(np.uint64) == listed[at].view(np.uint64)).all(axis=1)
    if not there.all():
        there[~there] = locate(ids[~there], listed) >= 0
    return there


def _add_file(file: Traces, has_row: Mask, result: Import) -> None:
    rows, value = file.rows, file.rows.amounts
    live = file.moves & ~file.failed & ~has_row
    missing = np.zeros(len(live), np.bool_) if value.missing is None else value.missing
    unpaid = live & missing & (file.type == _SUICIDE)
    _refuse(file.table["value"], live & missing & ~unpaid, "the trace moves an unknown amount")
    paid = value.moving() | value.is_oversize()
    _refuse(file.table["to_address"], live & paid & (rows.receiver < 0), "the trace pays nobody")
    nobody = (rows.sender < 0) & (file.type != _ISSUE)
    _refuse(file.table["from_address"], live & paid & nobody, "the trace is paid by nobody")
    moved = rows.keep(live, result)
    result.count("trace_moves", moved)
    result.count("traces_not_moving", np.count_nonzero(~file.moves))
    result.count("traces_failed", np.count_nonzero(file.moves & file.failed))
    result.count("root_traces_of_transactions", np.count_nonzero(file.moves & ~file.failed & has_row))
    result.count("suicide_unknown", np.count_nonzero(unpaid))
    result.count("zero_value", np.count_nonzero(live & ~unpaid & ~paid))
    result.count("fee_unknown", np.count_nonzero(file.is_root & ~has_row))


def _refuse(column: Column, lost: Mask, problem: str) -> None:
    if lost.any():
        raise column.fault(int(np.argmax(lost)), problem, "export the column in full; this row cannot be booked")
