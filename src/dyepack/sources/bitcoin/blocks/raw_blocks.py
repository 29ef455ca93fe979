"""Blocks outside a node's files: one raw block, blocks in hexadecimal, one a line, and flat undo files.

A flat undo file (as bcoin's test data has, `*-undo.raw`) is the list of the outputs that a block spends, in the order
of its inputs: value (8 bytes, lowest first), length of the script (CompactSize), script; nothing says whose it is.

Invariant: every byte of such a file belongs to a block or an output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError
from dyepack.ledger.stretches import offsets
from dyepack.ledger.utxo.schema import MAX_MONEY
from dyepack.sources.bitcoin.blocks.faults import BrokenError, Fault
from dyepack.sources.bitcoin.blocks.headers import target_of
from dyepack.sources.bitcoin.blocks.node_files import MAX_BLOCK, Records
from dyepack.sources.bitcoin.blocks.undo import Spent, read_undo
from dyepack.sources.bitcoin.blocks.wire_plain import Reader
from dyepack.sources.bitcoin.hashes import sha256d
from dyepack.sources.bitcoin.networks import BY_MAGIC

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.bitcoin.networks import Network

_HEX = re.compile(rb"[0-9a-fA-F\s]{162,}")


def is_hex_text(clear: U8) -> bool:
    """Whether a file is text that holds nothing but hexadecimal digits and white space."""
    return _HEX.fullmatch(clear[:4096].tobytes()) is not None and _HEX.fullmatch(clear.tobytes()) is not None


def hex_blocks(path: Path, clear: U8) -> tuple[U8, Records, list[int]]:
    """The blocks of a file of hexadecimal lines as a buffer, where they are in it, and the line of each.

    A line holds a block, or a record: magic, length, block.
    """
    data, lines, network = [], [], None
    spans: list[tuple[int, int]] = []
    size = 0
    for number, line in enumerate(clear.tobytes().split(b"\n"), start=1):
        text = line.strip()
        if not text:
            continue
        try:
            block = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            raise InputError(
                path, "the line is not a block in hexadecimal (an odd digit is left)", line=number,
                remedy="write one whole block to a line",
            ) from None  # fmt: skip
        found, begin = _framed(path, number, block)
        if network not in (None, found) and found is not None:
            raise InputError(path, "the block is of another network than those before", line=number,
                             remedy="give files of one network only")  # fmt: skip
        network = network or found
        data.append(block)
        lines.append(number)
        spans.append((size + begin, size + len(block)))
        size += len(block)
    where = np.array(spans, np.int64).reshape(-1, 2)
    return np.frombuffer(b"".join(data), np.uint8), Records(where[:, 0].copy(), where[:, 1].copy(), network), lines


def _framed(path: Path, line: int, block: bytes) -> tuple[Network | None, int]:
    """The network that a line names before its block, and where the block begins."""
    network = BY_MAGIC.get(block[:4])
    if network is None:
        return None, 0
    size = int.from_bytes(block[4:8], "little")
    if size != len(block) - 8:
        raise InputError(path, f"the record declares {size:,} bytes and has {max(len(block) - 8, 0):,}", line=line,
                         remedy="write one whole block to a line")  # fmt: skip
    return network, 8


def raw_block(path: Path, clear: U8) -> Records:
    """A file that is one block and nothing else: known by the work in its header."""
    head = clear[:80].tobytes()
    target = target_of(int.from_bytes(head[72:76], "little"))
    if not 81 <= len(clear) <= MAX_BLOCK or not target or int.from_bytes(sha256d(head), "little") > target:
        raise InputError(
            path, "the file is not a block file, nor a raw block, nor blocks in hexadecimal",
            remedy="give blk?????.dat files or the blocks folder of a node (with its xor.dat), raw blocks, or one "
                   "block in hexadecimal to a line",
        )  # fmt: skip
    return Records(np.zeros(1, np.int64), np.array([len(clear)], np.int64), None)


def flat_undo(path: Path, data: U8, inputs: I64) -> Spent:
    """What a block spends, from a file of its own: the flat form, or a bare CBlockUndo.

    `inputs` says how many inputs each transaction but the coinbase has; InputError where the file has another number.
    """
    whole = np.zeros(1, np.int64), np.array([len(data)], np.int64)
    try:
        spent = read_undo(data, *whole)
        if np.array_equal(np.diff(spent.tx_in), inputs):
            return spent
    except BrokenError:
        pass
    try:
        coins = _flat(Reader(data.tobytes(), 0, len(data)), int(inputs.sum()))
    except BrokenError as broken:
        raise InputError(
            path, f"byte {broken.at:,}: {broken.words}, read as the {int(inputs.sum()):,} outputs of a block",
            remedy="give the undo file of this very block, or leave it out",
        ) from None  # fmt: skip
    return _spent(inputs, coins)


def listed_spent(name: str, data: bytes, inputs: I64) -> Spent:
    """What a block spends, as Bitcoin Core's /rest/spenttxouts/HASH.bin lists it: for each transaction how many outputs
    (CompactSize; the coinbase none), then these as in the flat form.

    `inputs` says how many inputs each transaction has, the coinbase none; InputError, with `name` for a file, where the
    list has other numbers.
    """
    read = Reader(data, 0, len(data))
    coins: list[tuple[int, bytes]] = []
    try:
        counts = [read.count(None, 1)]
        for count in inputs.tolist():
            counts.append(read.count(None, 9))
            coins += [_coin(read) for _ in range(min(count, counts[-1]))]
        if counts != [len(inputs), *inputs.tolist()]:
            raise InputError(name, "does not list as many outputs as the block spends",
                             remedy="ask for the same block's again")  # fmt: skip
        _refuse_rest(read)
    except BrokenError as broken:
        raise InputError(name, f"byte {broken.at:,}: {broken.words}", remedy="ask for it again") from None
    return _spent(inputs, coins)


def _spent(inputs: I64, coins: list[tuple[int, bytes]]) -> Spent:
    size = offsets([len(script) for _, script in coins])
    return Spent(
        np.array([0, len(inputs)], np.int64), offsets(inputs), np.array([value for value, _ in coins], np.uint64),
        np.full(len(coins), 6, np.uint8), size, np.frombuffer(b"".join(script for _, script in coins), np.uint8),
    )  # fmt: skip


def _flat(read: Reader, count: int) -> list[tuple[int, bytes]]:
    coins = [_coin(read) for _ in range(count)]
    _refuse_rest(read)
    return coins


def _coin(read: Reader) -> tuple[int, bytes]:
    field = read.at
    value = read.number(8)
    if value > MAX_MONEY:
        raise BrokenError(Fault.VALUE, field)
    field = read.at
    return value, read.take(read.compact(), field)


def _refuse_rest(read: Reader) -> None:
    if read.left:
        raise BrokenError(Fault.TRAILING, read.at)
