"""Whether the columns of a ledger of outputs lead only to places that are there: what compiled code takes for granted.

A manifest can be hashed anew after a column was changed, so that hashes prove nothing about a ledger from outside, and
kernels check no bounds. `misshaped` looks at types and costs nothing; `unsound` reads every column once, in stretches.

Invariant: on a ledger that passes both, offsets rise and end where their rows end; every row that a column names is
there; an input spends an earlier output, which names its transaction as the spender and has its value; no transaction
makes more than it spends; every packed address has a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.stretches import stretch_sums
from dyepack.ledger.utxo.address import NETWORKS, P2SH, UNLISTED, WIDTH, WITNESS
from dyepack.ledger.utxo.schema import (
    COINBASE,
    INCOMPLETE,
    MAX_MONEY,
    NO_ADDRESS,
    NOT_ASKED,
    OUTSIDE,
    ScriptType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dyepack.ledger.schema import I64, U64
    from dyepack.ledger.utxo.reader import UtxoLedger

_STEP = 1 << 20
"""Rows looked at together."""

_WIDE = 20
_LAST_TIME = 253_402_300_799
_MOST_DECIMALS = 77
_ROW = {"block_id": 32, "tx_id": 32, "outside_tx": 32}
_TYPES = {
    "|u1": ("block_id", "tx_id", "tx_flag", "outside_tx", "output_type", "address_id"),
    "<i8": ("block_time",),
    "<u8": ("block_tx", "tx_input", "tx_output", "input_value", "output_value", "address_offset", "address_output",
            "tx_find_key", "address_find_key"),
    "<u4": ("block_height", "tx_block", "input_tx", "input_index", "outside_index", "outside_address",
            "output_spender", "output_address", "tx_find_row", "address_find_row"),
}  # fmt: skip


def misshaped(ledger: UtxoLedger) -> str | None:
    """The first column that does not have the type of schema.py, or "manifest"; None where all have."""
    for dtype, names in _TYPES.items():
        for name in names:
            column = getattr(ledger, name)
            width = column.shape[1:]
            fits = width == ((_ROW[name],) if name in _ROW else ())
            if name == "address_id":
                fits = len(width) == 1 and width[0] <= WIDTH and (width[0] >= 2 or not len(column))
            if column.dtype.str != dtype or not fits:
                return name
    manifest = ledger.manifest
    digits = manifest.assets[0].decimals if len(manifest.assets) == 1 else None
    sound = type(digits) is int and 0 <= digits <= _MOST_DECIMALS
    return None if sound and manifest.network in NETWORKS and isinstance(manifest.completeness, dict) else "manifest"


def unsound(ledger: UtxoLedger) -> str | None:
    """The first column whose values lead nowhere or contradict another; None where there is none."""
    for offset in ("block_tx", "tx_input", "tx_output", "address_offset"):
        if not _rises(getattr(ledger, offset)):
            return offset
    parts: tuple[tuple[int, Callable[[UtxoLedger, int, int], str | None]], ...] = (
        (len(ledger.block_height), _blocks),
        (ledger.transactions, _transactions),
        (ledger.outputs, _outputs),
        (ledger.inputs, _inputs),
        (ledger.transactions, _values),
        (len(ledger.address_id), _addresses),
        (len(ledger.address_output), _held),
    )
    for rows, check in parts:
        for lo in range(0, rows, _STEP):
            if wrong := check(ledger, lo, min(lo + _STEP, rows)):
                return wrong
    spent = sum(int(np.count_nonzero(part < NOT_ASKED)) for part in _pieces(ledger.output_spender))
    known = sum(int(np.count_nonzero(part != OUTSIDE)) for part in _pieces(ledger.input_tx))
    return _first(
        output_spender=spent != known,
        outside_address=_beyond(ledger.outside_address, len(ledger.address_id)),
        address_find_row=bool((ledger.address_find_row >= len(ledger.address_id)).any()),
    )


def _pieces(column: Any) -> Iterator[Any]:
    return (column[lo : lo + _STEP] for lo in range(0, len(column), _STEP))


def _first(**wrong: bool) -> str | None:
    return next((name for name, is_wrong in wrong.items() if is_wrong), None)


def _rises(offset: U64) -> bool:
    steps = range(0, len(offset) - 1, _STEP)
    return not offset[0] and all((offset[lo + 1 : lo + _STEP + 1] >= offset[lo:][:_STEP][: len(offset) - 1 - lo]).all()
                                 for lo in steps)  # fmt: skip


def _beyond(addresses: Any, count: int) -> bool:
    return bool(((addresses != NO_ADDRESS) & (addresses >= count)).any())


def _owners(offset: U64, lo: int, hi: int) -> I64:
    """Whose each of the rows `lo` to `hi` is, by where the rows of each owner begin."""
    first = int(np.searchsorted(offset, np.uint64(lo), side="right")) - 1
    last = int(np.searchsorted(offset, np.uint64(hi), side="left"))
    ends = np.clip(offset[first : last + 1], lo, hi).astype(np.int64)
    return np.repeat(np.arange(first, last), np.diff(ends))


def _blocks(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    time, height = ledger.block_time[lo:hi], ledger.block_height[lo : hi + 1]
    begins = ledger.block_tx[lo:hi]
    opened = ledger.tx_flag[begins[begins < ledger.transactions].astype(np.int64)]
    return _first(
        block_time=bool(((time < -1) | (time > _LAST_TIME)).any()),
        block_height=bool((height[1:] <= height[:-1]).any()),
        tx_flag=ledger.complete and not (len(opened) == hi - lo and (opened & COINBASE).all()),
    )


def _transactions(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    block, flag = ledger.tx_block[lo:hi], ledger.tx_flag[lo:hi]
    if (block >= len(ledger.block_height)).any():
        return "tx_block"
    begins, ends = ledger.block_tx[block], ledger.block_tx[block.astype(np.int64) + 1]
    here = np.arange(lo, hi)
    spends = ledger.tx_input[lo + 1 : hi + 1] > ledger.tx_input[lo:hi]
    return _first(
        tx_block=bool(((here < begins) | (here >= ends)).any()),
        tx_flag=bool(((flag > COINBASE | INCOMPLETE) | ((flag & COINBASE > 0) & (spends | (here != begins)))).any()),
        tx_find_row=bool((ledger.tx_find_row[lo:hi] >= ledger.transactions).any()),
    )


def _outputs(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    spender = ledger.output_spender[lo:hi]
    early = (spender <= _owners(ledger.tx_output, lo, hi)) | (spender >= ledger.transactions)
    return _first(
        output_spender=bool((early & (spender < NOT_ASKED)).any()),
        output_value=bool((ledger.output_value[lo:hi] > MAX_MONEY).any()),
        output_type=bool((ledger.output_type[lo:hi] > max(ScriptType)).any()),
        output_address=_beyond(ledger.output_address[lo:hi], len(ledger.address_id)),
    )


def _inputs(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    tx, index, value = ledger.input_tx[lo:hi], ledger.input_index[lo:hi], ledger.input_value[lo:hi]
    spender = _owners(ledger.tx_input, lo, hi)
    known = tx != OUTSIDE
    if (known & (tx >= spender)).any():
        return "input_tx"
    at = np.where(known, tx, 0).astype(np.int64)
    output = ledger.tx_output[at] + index
    if (known & (output >= ledger.tx_output[at + 1])).any() or (~known & (index >= len(ledger.outside_tx))).any():
        return "input_index"
    spent = output[known].astype(np.int64)
    return _first(
        output_spender=bool((ledger.output_spender[spent] != spender[known]).any()),
        input_value=bool((value > MAX_MONEY).any() or (ledger.output_value[spent] != value[known]).any()),
    )


def _values(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    found = []
    for name, offset in (("input_value", ledger.tx_input), ("output_value", ledger.tx_output)):
        ends = offset[lo : hi + 1] - offset[lo]
        values = getattr(ledger, name)[int(offset[lo]) : int(offset[hi])]
        if (stretch_sums(values >> np.uint64(_WIDE), ends) > MAX_MONEY >> _WIDE).any():
            return name
        found.append(stretch_sums(values, ends))
    return "output_value" if ((ledger.tx_flag[lo:hi] == 0) & (found[1] > found[0])).any() else None


def _addresses(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    packed = ledger.address_id[lo:hi]
    kind, length = packed[:, 0], packed[:, 1]
    fits = (kind <= P2SH) & (length == 20) | (kind == WITNESS) & ((length == 20) | (length == 32))
    fits |= (kind > WITNESS) & (kind <= WITNESS + 16) & (length >= 2) & (length <= 40)
    fits |= (kind == UNLISTED) & (length == 8)
    behind = np.arange(packed.shape[1]) >= length[:, None].astype(np.int64) + 2
    fits &= (length + 2 <= packed.shape[1]) & ~(behind & (packed != 0)).any(axis=1)
    return None if fits.all() else "address_id"


def _held(ledger: UtxoLedger, lo: int, hi: int) -> str | None:
    output = ledger.address_output[lo:hi]
    if (output >= ledger.outputs).any():
        return "address_output"
    whose = ledger.output_address[output.astype(np.int64)]
    return None if (whose == _owners(ledger.address_offset, lo, hi)).all() else "address_output"
