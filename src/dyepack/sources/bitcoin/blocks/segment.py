"""One part of the block files as columns: parsed, checked, with what its blocks spend where undo data tells.

column       rows      meaning
block_hash   blocks    u8 x 32, as people write it
block_prev   blocks    u8 x 32, hash of the block before
block_bits   blocks    i64, the target in short (nBits)
block_time   blocks    i64, seconds UTC
block_said   blocks    i64, height that the coinbase tells, -1 for none (headers.py)
block_undo   blocks    u8, 1 where undo data was found for it (or was not needed: it spends nothing)
block_tx     blocks+1  i64, where its transactions begin
tx_id, tx_in, tx_out, in_txid, in_index, in_value, in_address, out_value, out_type, out_address, addresses:
             as in RawTransactions (ledger/utxo/schema.py), its in_offset and out_offset being tx_in and tx_out

Invariant: each block meets its own proof of work; a transaction whose inputs are known makes no more than it spends.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.errors import InputError
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE
from dyepack.sources.bitcoin.blocks import undo
from dyepack.sources.bitcoin.blocks.faults import BrokenError
from dyepack.sources.bitcoin.blocks.headers import said_height, target_of
from dyepack.sources.bitcoin.blocks.node_files import (
    AGAIN,
    Records,
    block_records,
    magic_of,
    undo_records,
    unmask,
)
from dyepack.sources.bitcoin.blocks.raw_blocks import flat_undo, hex_blocks, is_hex_text, listed_spent, raw_block
from dyepack.sources.bitcoin.blocks.source_files import is_rev
from dyepack.sources.bitcoin.blocks.wire import identify, walk
from dyepack.sources.bitcoin.hashes import sha256d
from dyepack.sources.bitcoin.script import classify

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.bitcoin.blocks.source_files import Part
    from dyepack.sources.bitcoin.blocks.undo import Spent
    from dyepack.sources.bitcoin.blocks.wire_plain import Walked
    from dyepack.sources.bitcoin.networks import Network

Columns = dict[str, "npt.NDArray[Any]"]


@dataclass(slots=True)
class Segment:
    """The columns above, and what was left out on the way."""

    columns: Columns
    network: str | None
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Blocks:
    """The bytes of a part without mask, where its blocks are, and how to name a place in them."""

    path: Path | str
    clear: U8
    records: Records
    position: int = 0
    lines: list[int] | None = None

    def fault(self, block: int, at: int, problem: str) -> InputError:
        start, end = int(self.records.start[block]), int(self.records.end[block])
        whose = sha256d(self.clear[start : start + 80].tobytes())[::-1].hex() if end - start >= 80 else "without header"
        place = f"byte {self.position + at:,}, in" if self.lines is None else f"byte {at - start:,} of"
        line = None if self.lines is None else self.lines[block]
        return InputError(self.path, f"{place} block {whose}: {problem}", line=line, remedy=AGAIN)


def parse(part: Part, raw: U8, undo_raw: U8 | None) -> Segment:
    """Parse a part from its bytes and those of its undo file; InputError names file, byte and block."""
    blocks = _locate(part, raw)
    half = _drop_half_written(blocks)
    made, walked = _walked(blocks)
    spent, rows = None, np.empty(0, np.int64)
    if undo_raw is not None and part.undo is not None:
        spent, rows = _spent(part, part.undo, undo_raw, made)
        _check_fees(part.undo, made.columns)
    _addresses(blocks.clear, walked, spent, rows, made.columns)
    if half:
        made.counts["half_written_blocks"] = half
    return made


def parse_block(name: str, raw: bytes, spent_raw: bytes | None, network: Network | None = None) -> Columns:
    """One block from bytes that lie in no file, and the outputs that it spends as a node lists them (raw_blocks.py).

    `name` stands for the file in InputError; without `spent_raw` the values of inputs are not known.
    """
    records = Records(np.zeros(1, np.int64), np.array([len(raw)], np.int64), network)
    blocks = _Blocks(name, np.frombuffer(raw, np.uint8), records)
    made, walked = _walked(blocks)
    columns = made.columns
    spent, rows = None, np.empty(0, np.int64)
    if spent_raw is not None:
        spent = listed_spent(name, spent_raw, np.diff(columns["tx_in"]))
        rows = np.arange(len(spent.value))
        columns["in_value"] = spent.value
        columns["block_undo"][:] = 1
        _check_fees(name, columns)
    _addresses(blocks.clear, walked, spent, rows, columns)
    return columns


def _walked(blocks: _Blocks) -> tuple[Segment, Walked]:
    """Blocks, transactions, inputs and outputs, but for values spent and addresses."""
    records = blocks.records
    try:
        walked = walk(blocks.clear, records.start, records.end)
        ids, hashes = identify(walked, blocks.clear, records.start)
    except BrokenError as broken:
        raise blocks.fault(broken.block, broken.at, broken.words) from None
    made = Segment(_headers(blocks, hashes, walked), records.network.name if records.network else None)
    _check_work(blocks, hashes, made.columns["block_bits"], records.network)
    made.columns |= {
        "block_tx": walked.block_tx, "tx_id": ids[:, ::-1], "tx_in": walked.tx_in, "tx_out": walked.tx_out,
        "in_txid": walked.in_txid, "in_index": walked.in_index, "out_value": walked.out_value,
    }  # fmt: skip
    return made, walked


def _locate(part: Part, raw: U8) -> _Blocks:
    clear = unmask(raw, part.key, part.start)
    if part.key or part.start or magic_of(clear) is not None or not raw.any():
        return _Blocks(part.path, clear, block_records(part.path, raw, clear, part.start), part.start)
    if is_hex_text(clear):
        data, records, lines = hex_blocks(part.path, clear)
        return _Blocks(part.path, data, records, lines=lines)
    return _Blocks(part.path, clear, raw_block(part.path, clear))


def _drop_half_written(blocks: _Blocks) -> int:
    """Leave a last block out that ends in reserved zeros and is not whole; how many half-written blocks there are."""
    records = blocks.records
    if records.loose:
        try:
            identify(walk(blocks.clear, records.start[-1:], records.end[-1:]), blocks.clear, records.start[-1:])
        except BrokenError:
            records.start, records.end = records.start[:-1], records.end[:-1]
            return 1
    return records.half_written


def _headers(blocks: _Blocks, hashes: U8, walked: Walked) -> Columns:
    start = blocks.records.start
    head = blocks.clear[start[:, None] + np.arange(80)] if len(start) else np.empty((0, 80), np.uint8)
    words = np.ascontiguousarray(head[:, [0, 1, 2, 3, *range(68, 80)]]).view("<u4").astype(np.int64)
    data = blocks.clear
    said = [
        said_height(version - (1 << 32) if version >> 31 else version, data[at : at + size].tobytes())
        for version, (at, size) in zip(words[:, 0].tolist(), walked.script.tolist(), strict=True)
    ]
    return {
        "block_hash": hashes[:, ::-1], "block_prev": head[:, 35:3:-1], "block_time": words[:, 1],
        "block_bits": words[:, 2], "block_said": np.array(said, np.int64),
        "block_undo": np.zeros(len(start), np.uint8),
    }  # fmt: skip


def _check_work(blocks: _Blocks, hashes: U8, bits: I64, network: Network | None) -> None:
    easiest = target_of(network.easiest) if network else None
    targets = {word: target_of(word) for word in set(bits.tolist())}
    for block, (own, word) in enumerate(zip(hashes, bits.tolist(), strict=True)):
        target = targets[word]
        at = int(blocks.records.start[block]) + 72
        if target is None or (easiest is not None and target > easiest):
            raise blocks.fault(block, at, f"its target {word:#010x} is not one that a block can have")
        if int.from_bytes(own.tobytes(), "little") > target:
            raise blocks.fault(block, at, "its hash does not meet its own target (proof of work)")


def _spent(part: Part, file: Path, raw: U8, made: Segment) -> tuple[Spent, I64]:
    """What the blocks spend, and the input row of each output spent; fills in_value and block_undo."""
    columns = made.columns
    block_tx, tx_in = columns["block_tx"], columns["tx_in"]
    per_tx = np.diff(tx_in)
    columns["in_value"] = np.full(int(tx_in[-1]), UNKNOWN_VALUE, np.uint64)
    clear = unmask(raw, part.key)
    if magic_of(clear) is None and not is_rev(file):
        if len(block_tx) != 2:
            raise InputError(file, f"the file is for one block, and {part.path.name} has {len(block_tx) - 1}",
                             remedy="leave it out, or give the rev?????.dat of the node")  # fmt: skip
        spent = flat_undo(file, clear, per_tx[1:])
        match = np.zeros(1, np.int64)
    else:
        spent, match = _matched(file, raw, clear, made)
    rows = np.full(len(spent.value), -1, np.int64)
    for record, block in enumerate(match.tolist()):
        if block >= 0:
            here = slice(*spent.tx_in[spent.record_tx[record : record + 2]].tolist())
            into = slice(*tx_in[block_tx[block : block + 2]].tolist())
            columns["in_value"][into] = spent.value[here]
            rows[here] = np.arange(into.start, into.stop)
            columns["block_undo"][block] = 1
    columns["block_undo"][tx_in[block_tx[1:]] == tx_in[block_tx[:-1]]] = 1
    return spent, rows


def _matched(file: Path, raw: U8, clear: U8, made: Segment) -> tuple[Spent, I64]:
    """The records of a rev?????.dat and the block of each, -1 for none (counted)."""
    columns = made.columns
    records = undo_records(file, raw, clear)
    half = records.half_written
    if records.network is not None and made.network not in (None, records.network.name):
        raise InputError(file, f"the file is of {records.network.name}, its blocks are of {made.network}",
                         remedy="give files of one network only")  # fmt: skip
    begins = columns["block_tx"].tolist()
    per_tx = np.diff(columns["tx_in"]).tolist()
    inputs = [tuple(per_tx[first + 1 : last]) for first, last in itertools.pairwise(begins)]
    prev, hashes = ([row[::-1].tobytes() for row in columns[name]] for name in ("block_prev", "block_hash"))

    def matched(start: I64, end: I64) -> tuple[Spent, I64]:
        spent = undo.read_undo(clear, start, end)
        return spent, undo.match_records(clear, start, end, inputs, spent, prev, hashes)

    try:
        if records.loose:
            try:
                whole = bool((matched(records.start[-1:], records.end[-1:])[1] >= 0).all())
            except BrokenError:
                whole = False
            if not whole:
                records.start, records.end, half = records.start[:-1], records.end[:-1], 1
        spent, match = matched(records.start, records.end)
    except BrokenError as broken:
        raise InputError(file, f"byte {broken.at:,}: {broken.words}", remedy=AGAIN) from None
    alone = int(np.count_nonzero(match < 0))
    made.counts |= {name: n for name, n in (("half_written_undo", half), ("undo_without_block", alone)) if n}
    return spent, match


def _check_fees(file: Path | str, columns: Columns) -> None:
    """InputError where a transaction makes more than undo data says that it spends."""
    sums = {}
    for side, offset in (("in_value", "tx_in"), ("out_value", "tx_out")):
        total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(columns[side], dtype=np.uint64)))
        sums[side] = total[columns[offset][1:]] - total[columns[offset][:-1]]
    known = np.repeat(columns["block_undo"] == 1, np.diff(columns["block_tx"]))
    known[columns["block_tx"][:-1]] = False
    wrong = np.flatnonzero(known & (sums["in_value"] < sums["out_value"]))
    if len(wrong):
        tx = int(wrong[0])
        spends, makes = int(sums["in_value"][tx]), int(sums["out_value"][tx])
        raise InputError(
            file, f"transaction {columns['tx_id'][tx].tobytes().hex()} would spend {spends:,} and make {makes:,} "
            "satoshi", remedy="give the undo file of these very blocks, or leave it out",
        )  # fmt: skip


def _addresses(clear: U8, walked: Walked, spent: Spent | None, rows: I64, columns: Columns) -> None:
    """Types and addresses of outputs, and addresses of what is spent."""
    made = classify(clear, walked.out_start, walked.out_length)
    columns["out_type"] = made.types
    columns["out_address"] = np.where(made.has_address, np.cumsum(made.has_address) - 1, -1)
    addresses = made.packed[made.has_address]
    columns["in_address"] = np.full(len(walked.in_index), -1, np.int64)
    if spent is None:
        columns["in_value"] = np.full(len(walked.in_index), UNKNOWN_VALUE, np.uint64)
    else:
        theirs = classify(spent.script, spent.script_at[:-1], np.diff(spent.script_at))
        has = theirs.has_address & (rows >= 0)
        columns["in_address"][rows[has]] = np.arange(np.count_nonzero(has)) + len(addresses)
        addresses = np.concatenate((addresses, theirs.packed[has]))
    width = int(addresses[:, 1].max()) + 2 if len(addresses) else 2
    columns["addresses"] = addresses[:, :width]
