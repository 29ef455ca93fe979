"""From raw transactions to the columns of a ledger of outputs: ordered, each input joined to the output it spends.

Invariant: every transaction is in the columns once, an output is spent at most once and only later, no transaction
makes more than it spends, and where a source tells an input's value it is that of the output; else the import stops
with an error that names the transaction. Of two transactions with one id (BIP 30) an input spends the later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.rows import find_table, unique_rows
from dyepack.ledger.stretches import offsets, stretch_sums
from dyepack.ledger.utxo.join import join_inputs
from dyepack.ledger.utxo.order import Ordered, order_transactions
from dyepack.ledger.utxo.schema import (
    COINBASE,
    DESTROYED,
    INCOMPLETE,
    MAX_MONEY,
    NO_ADDRESS,
    NOT_ASKED,
    OUTSIDE,
    UNKNOWN_VALUE,
    UNSPENT,
    RawTransactions,
    ScriptType,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from dyepack.ledger.schema import I64, U8, U32, U64

Columns = dict[str, npt.NDArray[Any]]

_WIDE = 20
"""Bits left out where sums must not wrap: 2^32 values of at most MAX_MONEY / 2^20 add up to less than 2^64."""


@dataclass(slots=True)
class Built:
    """The columns of schema.py by name, and what was counted on the way.

    complete: every transaction of every block from the first to the last is there.
    """

    columns: Columns
    complete: bool
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def build(batches: list[RawTransactions], unspent: Collection[tuple[str, int]] | None = None) -> Built:
    """Order and join the transactions of all sources together (InputError as the invariant says).

    `unspent` are the outputs (transaction id, number) of which a source said that nothing spends them, where it was
    asked about single outputs; of the others whose spender is not here, it is then not known. None: unspent is what
    nothing here spends.
    """
    raw = order_transactions(batches, asked=unspent is not None)
    out = Built(_transactions(raw), raw.complete, raw.counts, raw.notes)
    _inputs(raw, out)
    if unspent is not None:
        _not_asked(raw, out, unspent)
    _check_values(raw, out)
    _addresses(raw, out)
    columns = out.columns
    columns["tx_find_key"], columns["tx_find_row"] = _find_latest(raw.tx_id)
    out.counts |= {
        "transactions": len(raw.tx_id), "blocks": len(raw.block_height), "inputs": len(raw.in_index),
        "outputs": len(raw.out_value), "addresses": len(columns["address_id"]),
        "unspent_outputs": int((columns["output_spender"] == UNSPENT).sum()),
        "outside_inputs": len(columns["outside_tx"]),
        "incomplete_transactions": int((columns["tx_flag"] & INCOMPLETE > 0).sum()),
    }  # fmt: skip
    return out


def _transactions(raw: Ordered) -> Columns:
    first = np.searchsorted(raw.tx_block, np.arange(len(raw.block_height) + 1))
    return {
        "block_id": raw.block_id, "block_height": raw.block_height.astype(np.uint32), "block_time": raw.block_time,
        "block_tx": first.astype(np.uint64), "tx_id": raw.tx_id, "tx_block": raw.tx_block.astype(np.uint32),
        "tx_flag": np.where(raw.tx_coinbase, COINBASE, 0).astype(np.uint8),
        "tx_input": raw.in_offset.astype(np.uint64), "tx_output": raw.out_offset.astype(np.uint64),
        "output_value": raw.out_value, "output_type": raw.out_type,
    }  # fmt: skip


def _inputs(raw: Ordered, out: Built) -> None:
    """Join inputs to outputs; spenders; what the ledger does not hold goes to the outside columns."""
    columns = out.columns
    spender = np.repeat(np.arange(len(raw.tx_id)), np.diff(raw.in_offset))
    joined = join_inputs(raw.tx_id, raw.in_txid, spender)
    known = joined.tx >= 0
    if joined.late:
        at, row = min(joined.late.items())
        raw.refuse(int(spender[at]), f"spends an output of {raw.name(row)}, which does not stand before it",
                   "check the heights and ranks in the file")  # fmt: skip
    if raw.complete and len(raw.block_height) and raw.block_height[0] == 0 and not known.all():
        at = int(np.flatnonzero(~known)[0])
        raw.refuse(int(spender[at]), "spends an output of a transaction that no block before it holds",
                   "check that no block file is missing or damaged")  # fmt: skip
    output = _spent(raw, joined.tx, spender, known)
    spent_by = np.full(len(raw.out_value), UNSPENT, np.uint32)
    spent_by[output[known]] = spender[known]
    _refuse_twice(raw, output[known], spender[known])
    for earlier, later in joined.duplicates:
        here = slice(int(raw.out_offset[earlier]), int(raw.out_offset[earlier + 1]))
        gone = spent_by[here] >= DESTROYED
        spent_by[here] = np.where(gone, DESTROYED, spent_by[here])
        if (spent_by[here][~gone] > later).any():
            raw.refuse(later, "has the id of an earlier transaction that is spent after it", "check the block files")
    if joined.duplicates:
        out.counts["duplicate_ids"] = len(joined.duplicates)
        out.notes.append(f"{len(joined.duplicates)} transaction ids come twice (BIP 30): what was unspent of the "
                         "earlier was destroyed by the later")  # fmt: skip
    value = raw.in_value.copy()
    value[known] = raw.out_value[output[known]]
    _refuse_other_values(raw, value, spender, known)
    unknown = value == UNKNOWN_VALUE
    columns["tx_flag"][spender[unknown]] |= INCOMPLETE
    value[unknown] = 0
    outside = np.flatnonzero(~known)
    index = raw.in_index.copy()
    index[outside] = np.arange(len(outside), dtype=np.uint32)
    columns |= {
        "input_tx": np.where(known, joined.tx, OUTSIDE).astype(np.uint32), "input_index": index, "input_value": value,
        "outside_tx": raw.in_txid[outside], "outside_index": raw.in_index[outside], "output_spender": spent_by,
    }  # fmt: skip


def _not_asked(raw: Ordered, out: Built, unspent: Collection[tuple[str, int]]) -> None:
    """Mark what nothing here spends and was not said to be unspent; what can never be spent stays as it is."""
    spender = out.columns["output_spender"]
    latest = {row.tobytes(): tx for tx, row in enumerate(raw.tx_id)}
    known = raw.out_type == ScriptType.OP_RETURN
    wrong = 0
    for txid, number in unspent:
        tx = latest.get(bytes.fromhex(txid))
        if tx is not None and number < raw.out_offset[tx + 1] - raw.out_offset[tx]:
            output = int(raw.out_offset[tx]) + number
            known[output] = True
            wrong += int(spender[output] < NOT_ASKED)
    gaps = (spender == UNSPENT) & ~known
    spender[gaps] = NOT_ASKED
    out.counts["not_asked_outputs"] = int(gaps.sum())
    if wrong:
        out.counts["wrongly_unspent_outputs"] = wrong
        out.notes.append(f"the source said of {wrong} outputs that nothing spends them, and gave the transactions that "
                         "do: these are believed")  # fmt: skip


def _spent(raw: Ordered, tx: I64, spender: I64, known: npt.NDArray[np.bool_]) -> I64:
    """The output that each input spends (0 where its transaction is not known)."""
    start = raw.out_offset[np.where(known, tx, 0)]
    end = raw.out_offset[np.where(known, tx, 0) + 1]
    output = start + raw.in_index
    wrong = known & (output >= end)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raw.refuse(int(spender[at]), f"spends output {int(raw.in_index[at])} of {raw.name(int(tx[at]))}, which has "
                   f"{int(end[at] - start[at])}", "check the file: one of the two transactions is damaged")  # fmt: skip
    return np.where(known, output, 0)


def _refuse_twice(raw: Ordered, output: I64, spender: I64) -> None:
    order = np.argsort(output, kind="stable")
    again = np.flatnonzero(output[order][1:] == output[order][:-1])
    if len(again):
        one, other = (int(spender[order[int(again[0]) + k]]) for k in (0, 1))
        raw.refuse(other, f"spends an output that {raw.name(one)} spent already", "check that no block stands twice")


def _refuse_other_values(raw: Ordered, value: U64, spender: I64, known: npt.NDArray[np.bool_]) -> None:
    """InputError where undo data or a prevout tells another value than the output has."""
    wrong = known & (raw.in_value != UNKNOWN_VALUE) & (raw.in_value != value)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        number = at - int(raw.in_offset[spender[at]])
        raw.refuse(
            int(spender[at]), f"says that its input {number} is worth {int(raw.in_value[at])} satoshi, but the output "
            f"it spends has {int(value[at])}", "undo data or prevout and blocks do not belong together",
        )  # fmt: skip


def _check_values(raw: Ordered, out: Built) -> None:
    """No value or sum over the money there can be, no outputs over inputs."""
    flag = out.columns["tx_flag"]
    value = out.columns["input_value"]
    for what, values, offset in (("input", value, raw.in_offset), ("output", raw.out_value, raw.out_offset)):
        if (values > MAX_MONEY).any():
            at = int(np.flatnonzero(values > MAX_MONEY)[0])
            tx = int(np.searchsorted(offset, at, side="right")) - 1
            raw.refuse(tx, f"has an {what} of {int(values[at])} satoshi, more than there can be", "check the file")
        wide = stretch_sums(values >> np.uint64(_WIDE), offset) > MAX_MONEY >> _WIDE
        if wide.any():
            raw.refuse(int(np.flatnonzero(wide)[0]), f"has {what}s of more satoshi than there can be", "check the file")
    made, spent = stretch_sums(raw.out_value, raw.out_offset), stretch_sums(value, raw.in_offset)
    wrong = (flag == 0) & (made > spent)
    if wrong.any():
        tx = int(np.flatnonzero(wrong)[0])
        raw.refuse(tx, f"makes {int(made[tx])} satoshi out of {int(spent[tx])}", "check the file: a value is wrong")
    out.counts["fees"] = int((spent - made)[flag == 0].astype(object).sum())


def _find_latest(ids: U8) -> tuple[U64, U32]:
    """The table that finds an id; of equal ids the later row stands first."""
    key, row = find_table(ids[::-1])
    return key, (len(ids) - 1 - row.astype(np.int64)).astype(np.uint32)


def _addresses(raw: Ordered, out: Built) -> None:
    """Each address once, and its outputs in chain order."""
    columns = out.columns
    outside = np.flatnonzero(columns["input_tx"] == OUTSIDE)
    used = np.concatenate([raw.out_address, raw.in_address[outside]])
    present = used >= 0
    ids, place = unique_rows(raw.addresses[used[present]])
    number = np.full(len(used), NO_ADDRESS, np.uint32)
    number[present] = place
    at, columns["outside_address"] = number[: len(raw.out_address)], number[len(raw.out_address) :]
    columns["output_address"], columns["address_id"] = at, ids
    columns["address_find_key"], columns["address_find_row"] = find_table(ids)
    held = np.flatnonzero(at != NO_ADDRESS)
    columns["address_output"] = held[np.argsort(at[held], kind="stable")].astype(np.uint64)
    counts = np.bincount(at[held], minlength=len(ids))
    columns["address_offset"] = offsets(counts).astype(np.uint64)
