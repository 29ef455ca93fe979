"""Undo data (CBlockUndo of Bitcoin Core's rev?????.dat): value and script of each output that a block spent.

A record holds, for each transaction of its block but the coinbase, for each input: VARINT 2 * height + coinbase; where
the height is not 0, a VARINT that says nothing; the amount, compressed, as VARINT; VARINT form of the script and its
bytes (0 P2PKH, 1 P2SH, 2 and 3 P2PK by a compressed key, 4 and 5 P2PK by an uncompressed one, of which only the first
half is there, else 6 + length and the script itself). See undo.h and compressor.cpp of Bitcoin Core.

Invariant: a record is that of the block whose previous hash, before the record, gives the checksum behind it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.schema import MAX_MONEY
from dyepack.sources.bitcoin.blocks.faults import BrokenError, Fault
from dyepack.sources.bitcoin.blocks.wire import KERNEL_FROM
from dyepack.sources.bitcoin.blocks.wire_plain import Reader
from dyepack.sources.bitcoin.hashes import sha256d

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8, U64

_TRIES, _LEAST_TRIES, _LARGE = 64, 1_000_000, 2048
"""How often a checksum is computed at most: so many times per block and record, and in any case; one more for each so
many bytes."""

_RAW = 6
"""Form of a script that stands there as it is; larger ones tell its length."""


@dataclass(slots=True)
class Spent:
    """The outputs that the blocks of r records spent.

    record_tx  (r+1,) i64   where a record's transactions begin
    tx_in      (t+1,) i64   where the outputs begin that a transaction spent
    value      (m,)   u64   satoshi
    form       (m,)   u8    how its script was compressed, at most 6
    script_at  (m+1,) i64   where its script begins in `script`
    script     u8           all scripts, one after the other
    """

    record_tx: I64
    tx_in: I64
    value: U64
    form: U8
    script_at: I64
    script: U8


def read_undo(buffer: U8, start: I64, end: I64) -> Spent:
    """Read the records `buffer[start : end]`; BrokenError for the first that is malformed."""
    small = int((end - start).sum()) < KERNEL_FROM
    return read_plain(buffer, start, end) if small else read_compiled(buffer, start, end)


def read_compiled(buffer: U8, start: I64, end: I64) -> Spent:
    """`read_undo` with the kernel, whatever the size."""
    from dyepack.sources.bitcoin.blocks.undo_kernel import walk

    totals = np.zeros(3, np.int64)
    for fill in (False, True):
        txs, ins, size = totals.tolist() if fill else (0, 0, 0)
        found = Spent(
            np.zeros(len(start) + 1, np.int64), np.zeros(txs + 1, np.int64), np.empty(ins, np.uint64),
            np.empty(ins, np.uint8), np.zeros(ins + 1, np.int64), np.empty(size, np.uint8),
        )  # fmt: skip
        totals[:] = 0
        fault, at, record = walk(
            buffer, start, end, fill, totals, found.record_tx, found.tx_in, found.value, found.form, found.script_at,
            found.script,
        )  # fmt: skip
        if fault:
            raise BrokenError(Fault(fault), int(at), int(record))
    _fill_keys(found, start)
    return found


def _fill_keys(spent: Spent, start: I64) -> None:
    """Complete the scripts of uncompressed keys, of which only the first half is written."""
    for output in np.flatnonzero((spent.form == 4) | (spent.form == 5)).tolist():
        at = int(spent.script_at[output])
        whole = _whole_key(spent.script[at + 2 : at + 34].tobytes(), int(spent.form[output]))
        if whole is None:
            tx = int(np.searchsorted(spent.tx_in, output, "right")) - 1
            record = int(np.searchsorted(spent.record_tx, tx, "right")) - 1
            raise BrokenError(Fault.KEY, int(start[record]), record)
        spent.script[at + 1 : at + 66] = np.frombuffer(whole, np.uint8)


def _whole_key(half: bytes, form: int) -> bytes | None:
    """The public key of which a form 4 or 5 keeps half; None where there is none."""
    import wallycore

    try:
        return bytes(wallycore.ec_public_key_decompress(bytes([form - 2]) + half))
    except ValueError:
        return None


def match_records(
    buffer: U8, start: I64, end: I64, inputs: list[tuple[int, ...]], spent: Spent, prev: list[bytes],
    hashes: list[bytes],
) -> I64:  # fmt: skip
    """The block of each record, -1 for none; 32 bytes of checksum stand behind each `buffer[start : end]`.

    `inputs` holds, per block, how many inputs each transaction has (without the coinbase); `prev` and `hashes` are in
    wire order. Blocks lie on disk in the order of arrival and records in that of connection: the block after the last
    match is tried first, then those with the same numbers of inputs that no record has claimed.
    """
    shapes: dict[tuple[int, ...], dict[int, None]] = {}
    for block, counts in enumerate(inputs):
        shapes.setdefault(counts, {})[block] = None
    spends_nothing = {sha256d(prev[block] + b"\0"): block for block in shapes.get((), {})}
    child = {before: block for block, before in reversed(list(enumerate(prev)))}
    found = np.full(len(start), -1, np.int64)
    tries = _TRIES * (len(start) + len(prev)) + _LEAST_TRIES
    last = -1
    per_tx = np.diff(spent.tx_in).tolist()
    for record, (begin, stop) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        shape = tuple(per_tx[int(spent.record_tx[record]) : int(spent.record_tx[record + 1])])
        data, check = buffer[begin:stop].tobytes(), buffer[stop : stop + 32].tobytes()
        if not shape:
            found[record] = spends_nothing.get(check, -1)
            last = last if found[record] < 0 else int(found[record])
            continue
        same = shapes.get(shape, {})
        following = child.get(hashes[last], -1) if last >= 0 else -1
        for block in itertools.chain((following,) if following in same else (), same):
            tries -= 1 + len(data) // _LARGE
            if sha256d(prev[block] + data) == check:
                found[record] = last = block
                break
            if tries < 0:
                raise BrokenError(Fault.NO_MATCH, begin, record)
        if found[record] >= 0:
            del same[last]
    return found


def read_plain(buffer: U8, start: I64, end: I64) -> Spent:
    """`read_undo` in plain Python, the twin that the kernel is tested against."""
    data = buffer.tobytes()
    record_tx, tx_in = [0], [0]
    coins: list[tuple[int, int, bytes]] = []
    for record, (begin, stop) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        read = Reader(data, begin, stop)
        try:
            for _ in range(read.count(None, 1)):
                coins += [_plain_coin(read) for _ in range(read.count(Fault.NO_INPUTS, 3))]
                tx_in.append(len(coins))
            if read.left:
                raise BrokenError(Fault.TRAILING, read.at)  # noqa: TRY301
        except BrokenError as broken:
            raise BrokenError(broken.fault, broken.at, record) from None
        record_tx.append(len(tx_in) - 1)
    spent = Spent(
        np.array(record_tx, np.int64), np.array(tx_in, np.int64), np.array([c[0] for c in coins], np.uint64),
        np.array([c[1] for c in coins], np.uint8), offsets([len(c[2]) for c in coins]),
        np.frombuffer(bytearray(b"".join(c[2] for c in coins)), np.uint8),
    )  # fmt: skip
    _fill_keys(spent, start)
    return spent


def _plain_coin(read: Reader) -> tuple[int, int, bytes]:
    """Value, form and script of one output spent."""
    if varint(read) > 1:
        varint(read)
    field = read.at
    value = amount(varint(read))
    if value > MAX_MONEY:
        raise BrokenError(Fault.VALUE, field)
    field = read.at
    form = varint(read)
    body = read.take(form - _RAW if form >= _RAW else 20 if form < 2 else 32, field)
    if form == 0:
        return value, form, b"\x76\xa9\x14" + body + b"\x88\xac"
    if form == 1:
        return value, form, b"\xa9\x14" + body + b"\x87"
    if form <= 3:
        return value, form, bytes([33, form]) + body + b"\xac"
    return (value, form, b"\x41\x04" + body + bytes(32) + b"\xac") if form <= 5 else (value, _RAW, body)


def varint(read: Reader) -> int:
    """Core's VARINT: base 128, highest digit first, each but the last one less than it stands for."""
    field, value = read.at, 0
    while True:
        if value > 0x01FFFFFFFFFFFFFF:
            raise BrokenError(Fault.NUMBER, field)
        digit = read.take(1, field)[0]
        value = value << 7 | digit & 0x7F
        if not digit & 0x80:
            return value
        value += 1


def amount(code: int) -> int:
    """Core's DecompressAmount."""
    if not code:
        return 0
    rest, zeros = divmod(code - 1, 10)
    digits = rest + 1 if zeros == 9 else rest // 9 * 10 + rest % 9 + 1
    return digits * int(10**zeros)
