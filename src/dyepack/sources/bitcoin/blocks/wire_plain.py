"""The plain way of wire.py: small files, and the twin that the kernel is tested against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.schema import MAX_MONEY
from dyepack.sources.bitcoin.blocks.faults import BrokenError, Fault

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8, U32, U64


@dataclass(slots=True)
class Walked:
    """Where everything stands in b blocks with n transactions; coinbases have no inputs here.

    block_tx    (b+1,) i64   where a block's transactions begin
    script      (b, 2) i64   where its coinbase's input script begins, and its length
    tx_plain    (n+1,) i64   where each transaction begins in `plain`
    tx_in       (n+1,) i64   where its inputs begin
    tx_out      (n+1,) i64   where its outputs begin
    in_txid     (m, 32) u8   as people write it
    in_index    (m,)   u32
    out_value   (k,)   u64   satoshi
    out_start   (k,)   i64   where its script begins in the buffer
    out_length  (k,)   i64
    plain       u8           the transactions without their witness, one after the other
    """

    block_tx: I64
    script: I64
    tx_plain: I64
    tx_in: I64
    tx_out: I64
    in_txid: U8
    in_index: U32
    out_value: U64
    out_start: I64
    out_length: I64
    plain: U8


class Reader:
    """Fields of a stretch of bytes, one after the other; BrokenError where one does not fit."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    @property
    def left(self) -> int:
        """Bytes left."""
        return self.end - self.at

    def take(self, size: int, field: int | None = None) -> bytes:
        """The next bytes; `field` is where a fault is said to be."""
        if size > self.left:
            raise BrokenError(Fault.CUT, self.at if field is None else field)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, width: int) -> int:
        """The next bytes as a number, lowest first."""
        return int.from_bytes(self.take(width), "little")

    def compact(self) -> int:
        """CompactSize in its shortest form."""
        field = self.at
        first = self.take(1)[0]
        if first < 0xFD:
            return first
        width = 1 << (first - 0xFC)
        value = int.from_bytes(self.take(width, field), "little")
        if value < (0xFD if width == 2 else 1 << 4 * width):
            raise BrokenError(Fault.LONG_FORM, field)
        return value

    def count(self, none: Fault | None, least: int) -> int:
        """How many items of at least `least` bytes follow."""
        field = self.at
        items = self.compact()
        if not items and none is not None:
            raise BrokenError(none, field)
        if items > self.left // least:
            raise BrokenError(Fault.COUNT, field)
        return items


_NULL = bytes(32) + b"\xff\xff\xff\xff"


@dataclass(slots=True)
class _Lists:
    """What the plain walk gathers, to become Walked."""

    block_tx: list[int]
    script: list[tuple[int, int]]
    tx_in: list[int]
    tx_out: list[int]
    points: list[bytes]
    outputs: list[tuple[int, int, int]]
    plain: list[bytes]


def walk_plain(buffer: U8, start: I64, end: I64) -> Walked:
    """`walk` in plain Python."""
    data = buffer.tobytes()
    lists = _Lists([0], [], [0], [0], [], [], [])
    for block, (begin, stop) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        try:
            _plain_block(Reader(data, begin, stop), lists)
        except BrokenError as broken:
            raise BrokenError(broken.fault, broken.at, block) from None
        lists.block_tx.append(len(lists.plain))
    points = np.frombuffer(b"".join(lists.points), np.uint8).reshape(-1, 36)
    outputs = np.array(lists.outputs, np.int64).reshape(-1, 3)
    size = np.fromiter((len(tx) for tx in lists.plain), np.int64, len(lists.plain))
    return Walked(
        np.array(lists.block_tx, np.int64), np.array(lists.script, np.int64).reshape(-1, 2),
        offsets(size), np.array(lists.tx_in, np.int64), np.array(lists.tx_out, np.int64),
        np.ascontiguousarray(points[:, 31::-1]), points[:, 32:].copy().view("<u4")[:, 0],
        outputs[:, 0].astype(np.uint64), outputs[:, 1].copy(), outputs[:, 2].copy(),
        np.frombuffer(b"".join(lists.plain), np.uint8),
    )  # fmt: skip


def _plain_block(read: Reader, lists: _Lists) -> None:
    read.take(80)
    for rank in range(read.count(Fault.NO_TRANSACTIONS, 60)):
        begin = read.at
        read.take(4)
        segwit = read.data[read.at : min(read.at + 1, read.end)] == b"\0"
        if segwit and read.take(2)[1] != 1:
            raise BrokenError(Fault.FLAG, read.at - 2)
        body = read.at
        inputs = _plain_inputs(read, rank, lists)
        _plain_outputs(read, lists)
        stripped = read.data[begin : begin + 4] + read.data[body : read.at]
        if segwit:
            _plain_witness(read, inputs)
        lists.plain.append(stripped + read.take(4))
        lists.tx_in.append(len(lists.points))
        lists.tx_out.append(len(lists.outputs))
    if read.left:
        raise BrokenError(Fault.TRAILING, read.at)


def _plain_inputs(read: Reader, rank: int, lists: _Lists) -> int:
    count = read.count(Fault.NO_INPUTS, 41)
    for _ in range(count):
        field = read.at
        point, size = read.take(36), read.compact()
        read.take(size + 4, field + 36)
        if point == _NULL:
            if rank or count > 1:
                raise BrokenError(Fault.COINBASE_TWICE, field)
            lists.script.append((read.at - 4 - size, size))
        elif not rank:
            raise BrokenError(Fault.NO_COINBASE, field)
        else:
            lists.points.append(point)
    return count


def _plain_outputs(read: Reader, lists: _Lists) -> None:
    total = 0
    for _ in range(read.count(Fault.NO_OUTPUTS, 9)):
        field = read.at
        value = read.number(8)
        total += value
        if value > MAX_MONEY or total > MAX_MONEY:
            raise BrokenError(Fault.VALUE if value > MAX_MONEY else Fault.TOTAL, field)
        size = read.compact()
        lists.outputs.append((value, read.at, size))
        read.take(size, field + 8)


def _plain_witness(read: Reader, inputs: int) -> None:
    begin, items = read.at, 0
    for _ in range(inputs):
        count = read.count(None, 1)
        items += count
        for _ in range(count):
            field = read.at
            read.take(read.compact(), field)
    if not items:
        raise BrokenError(Fault.EMPTY_WITNESS, begin)
