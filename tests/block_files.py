"""Block files of tests: what tests/blocks.py has made, as a node would write it; what importers read, as plain objects.

The undo encoders are written from Bitcoin Core's compressor.cpp and undo.h, apart from the decoders that they test.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions, ScriptType
from tests.block_scripts import compact, sha256d

if TYPE_CHECKING:
    from tests.blocks import Block

REGTEST_MAGIC = bytes.fromhex("fabfb5da")


def xored(data: bytes, key: bytes | None) -> bytes:
    """Data of a block file as it stands on disk."""
    if not key or not any(key):
        return data
    stream = (key * (len(data) // len(key) + 1))[: len(data)]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(data), "little")


def write_blk(
    blocks: list[bytes], path: Path, xor_key: bytes | None = None, *, magic: bytes = REGTEST_MAGIC, zeros: int = 0
) -> None:
    """Raw blocks as blk?????.dat; `zeros` bytes follow, as in a file that the node has not filled yet."""
    data = b"".join(magic + len(raw).to_bytes(4, "little") + raw for raw in blocks)
    path.write_bytes(xored(data, xor_key) + bytes(zeros))


def write_rev(
    blocks: list[Block], path: Path, xor_key: bytes | None = None, *, magic: bytes = REGTEST_MAGIC, zeros: int = 0
) -> None:
    """What those blocks spend, as rev?????.dat (block 0 has no record there)."""
    data = b""
    for block in blocks:
        if block.height:
            undo = undo_record(block)
            check = sha256d(bytes.fromhex(block.prev)[::-1] + undo)
            data += magic + len(undo).to_bytes(4, "little") + undo + check
    path.write_bytes(xored(data, xor_key) + bytes(zeros))


def varint(number: int) -> bytes:
    """Core's VARINT: base 128, most significant digit first, one less in each but the last."""
    made = bytes([number & 0x7F])
    while number > 0x7F:
        number = (number >> 7) - 1
        made = bytes([number & 0x7F | 0x80]) + made
    return made


def compressed_amount(value: int) -> int:
    """Core's CompressAmount."""
    if value == 0:
        return 0
    zeros = 0
    while value % 10 == 0 and zeros < 9:
        value, zeros = value // 10, zeros + 1
    return 1 + (value // 10 * 9 + value % 10 - 1) * 10 + zeros if zeros < 9 else 1 + (value - 1) * 10 + 9


def compressed_script(script: bytes) -> bytes:
    """Core's ScriptCompression."""
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return b"\x00" + script[3:23]
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return b"\x01" + script[2:22]
    if len(script) == 35 and script[0] == 33 and script[1] in (2, 3) and script[34] == 0xAC:
        return script[1:34]
    if len(script) == 67 and script[0] == 65 and script[1] == 4 and script[66] == 0xAC:
        return bytes([4 | script[65] & 1]) + script[2:34]
    return varint(len(script) + 6) + script


def undo_record(block: Block, height: int = 1) -> bytes:
    """CBlockUndo of a block; the height of the coins spent does not matter to a reader and is one for all."""
    made = compact(len(block.txs) - 1)
    for tx in block.txs[1:]:
        made += compact(len(tx.inputs))
        for coin in tx.inputs:
            code = varint(height * 2) + (b"\x00" if height else b"")
            made += code + varint(compressed_amount(coin.value)) + compressed_script(coin.lock.script)
    return made


# --- comparing ------------------------------------------------------------------------------------------------------

PlainTx = tuple[str, bool, list[tuple[str, int, int | None, bytes | None]], list[tuple[int, ScriptType, bytes | None]]]
"""txid; coinbase; inputs: txid, index, value, packed address; outputs: value, type, packed address."""

PlainBlock = tuple[str, int, int, list[PlainTx]]
"""Hash, height, time, transactions."""


def plain_block(block: Block, *, undo: bool = True) -> PlainBlock:
    """What a block holds; without `undo` what its inputs spend is not told."""
    txs: list[PlainTx] = [
        (
            tx.txid,
            tx.coinbase,
            [(c.txid, c.index, *((c.value, c.lock.address) if undo else (None, None))) for c in tx.inputs],
            [(out.value, out.lock.type, out.lock.address) for out in tx.outputs],
        )
        for tx in block.txs
    ]
    return block.hash, block.height, block.time, txs


def plain_batches(batches: list[RawTransactions]) -> list[PlainBlock]:
    """The same from what an importer read, by height."""
    found: list[PlainBlock] = []
    for raw in batches:
        blocks: list[PlainBlock] = [
            (raw.block_id[row].tobytes().hex(), int(raw.block_height[row]), int(raw.block_time[row]), [])
            for row in range(len(raw.block_id))
        ]
        for tx in range(len(raw)):
            into = blocks[int(raw.tx_block[tx])][3]
            if int(raw.tx_index[tx]) != len(into):
                raise ValueError("a transaction is not in its place")
            into.append(_plain_tx(raw, tx))
        found += blocks
    return sorted(found, key=lambda block: block[1])


def _plain_tx(raw: RawTransactions, tx: int) -> PlainTx:
    def address(row: int) -> bytes | None:
        if row < 0:
            return None
        whole: bytes = raw.addresses[row].tobytes()
        if any(whole[2 + whole[1] :]):
            raise ValueError("an address is longer than it says")
        return whole[: 2 + whole[1]]

    ins = range(int(raw.in_offset[tx]), int(raw.in_offset[tx + 1]))
    outs = range(int(raw.out_offset[tx]), int(raw.out_offset[tx + 1]))
    value = {i: None if int(raw.in_value[i]) == UNKNOWN_VALUE else int(raw.in_value[i]) for i in ins}
    spent = [
        (raw.in_txid[i].tobytes().hex(), int(raw.in_index[i]), value[i], address(int(raw.in_address[i]))) for i in ins
    ]
    made = [(int(raw.out_value[i]), ScriptType(raw.out_type[i]), address(int(raw.out_address[i]))) for i in outs]
    return raw.tx_id[tx].tobytes().hex(), bool(raw.tx_coinbase[tx]), spent, made
