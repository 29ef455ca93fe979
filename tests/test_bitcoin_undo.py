"""Undo data: every form of amount and script, records matched to their blocks, real blocks whose fees come out."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dyepack.errors import InputError
from dyepack.ledger.utxo.schema import MAX_MONEY, UNKNOWN_VALUE
from dyepack.sources.bitcoin.blocks.faults import BrokenError, Fault
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.blocks.undo import Spent, amount, match_records, read_compiled, read_plain, varint
from dyepack.sources.bitcoin.blocks.wire_plain import Reader
from dyepack.sources.bitcoin.result import BitcoinImport
from tests import blocks as build
from tests.blocks import COIN, Block, Builder, Lock, demo_chain, plain_batches, plain_block

SHARED = Path(__file__).parents[2] / "shared" / "data" / "bitcoin" / "bcoin"
FIELD = 2**256 - 2**32 - 977
"""The prime of the field of secp256k1 (SEC 2)."""


def records(*parts: bytes) -> tuple[Any, Any, Any]:
    """Buffer, starts and ends of records that stand one behind the other."""
    end = np.cumsum([len(part) for part in parts])
    buffer = np.frombuffer(bytearray(b"".join(parts)), np.uint8)
    return buffer, end - [len(part) for part in parts], end


def scripts(spent: Spent) -> list[bytes]:
    at = spent.script_at.tolist()
    return [spent.script[a:b].tobytes() for a, b in itertools.pairwise(at)]


def read(work: Path, *paths: Path) -> BitcoinImport:
    return import_blocks(list(paths), work=work / "segments")


def refused(buffer: bytes) -> Fault:
    with pytest.raises(BrokenError) as caught:
        read_plain(*records(buffer))
    return caught.value.fault


def one_coin(value: int, script: bytes, *, head: bytes = b"\x02\x00") -> bytes:
    return b"\x01\x01" + head + build.varint(value) + script


# --- forms ----------------------------------------------------------------------------------------------------------


@given(some.integers(0, MAX_MONEY))
def test_amounts_come_back(value: int) -> None:
    assert amount(build.compressed_amount(value)) == value


@given(some.integers(0, 2**64 - 1))
def test_varints_come_back(number: int) -> None:
    made = build.varint(number)
    reader = Reader(made, 0, len(made))
    assert (varint(reader), reader.left) == (number, 0)


def test_varints_as_bitcoin_core_has_them() -> None:
    """The values of serialize_tests.cpp."""
    known = {0: "00", 0x7F: "7f", 0x80: "8000", 0x1234: "a334", 0xFFFF: "82fe7f", 0x123456: "c7e756",
             0x80123456: "86ffc7e756", 0xFFFFFFFF: "8efefefe7f", 0x7FFFFFFFFFFFFFFF: "fefefefefefefefe7f",
             0xFFFFFFFFFFFFFFFF: "80fefefefefefefefe7f"}  # fmt: skip
    assert {number: build.varint(number).hex() for number in known} == known
    for over in ("80fefefefefefefeff00", "81fefefefefefefefe7f", "ff" * 11):
        with pytest.raises(BrokenError):
            varint(Reader(bytes.fromhex(over), 0, len(over) // 2))


def test_amounts_as_bitcoin_core_has_them() -> None:
    """The pairs of compress_tests.cpp."""
    pairs = {0: 0x0, 1: 0x1, 1_000_000: 0x7, COIN: 0x9, 50 * COIN: 0x32, 21_000_000 * COIN: 0x1406F40}
    assert {value: build.compressed_amount(value) for value in pairs} == pairs
    assert {amount(code): code for code in pairs.values()} == pairs


def test_every_kind_of_script_comes_back() -> None:
    locks: list[Lock] = [*build.kinds().values(), build.anyone(), build.anyone(b"x" * 60), build.op_return(b"y" * 70)]
    parts = [b"\x01\x01\x02\x00\x09" + build.compressed_script(lock.script) for lock in locks]
    spent = read_plain(*records(*parts))
    assert scripts(spent) == [lock.script for lock in locks]
    assert set(spent.value.tolist()) == {COIN}
    assert {1, 2, 4, 5, 6} <= set(spent.form.tolist()) | {3}


def test_the_second_half_of_a_key() -> None:
    for form in (4, 5):
        x = int.from_bytes(build.Key.named("older").public[1:], "big")
        y = pow(x**3 + 7, (FIELD + 1) // 4, FIELD)
        y = y if y % 2 == form - 4 else FIELD - y
        spent = read_plain(*records(one_coin(9, bytes([form]) + x.to_bytes(32, "big"))))
        assert scripts(spent) == [b"\x41\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big") + b"\xac"]


def test_malformed_records_are_refused() -> None:
    off_curve = next(x for x in range(1, 50) if pow(x**3 + 7, (FIELD - 1) // 2, FIELD) != 1)
    assert refused(one_coin(9, b"\x04" + off_curve.to_bytes(32, "big"))) == Fault.KEY
    assert refused(one_coin(build.compressed_amount(MAX_MONEY + 1), b"\x06")) == Fault.VALUE
    assert refused(one_coin(2**64 - 1, b"\x06")) == Fault.VALUE
    assert refused(b"\x01\x00") == Fault.NO_INPUTS
    assert refused(b"\x05\x01\x00\x00\x06") == Fault.COUNT
    assert refused(b"\xfe\xff\xff\xff\xff") == Fault.COUNT
    assert refused(one_coin(9, b"\x06") + b"\0") == Fault.TRAILING
    assert refused(one_coin(9, build.varint(2**60))) == Fault.CUT
    assert refused(one_coin(9, b"\x00" + bytes(19))) == Fault.CUT
    assert refused(b"\xfd\x01\x00") == Fault.LONG_FORM
    assert refused(b"\x01\x01" + b"\xff" * 12) == Fault.NUMBER


def test_a_height_of_nought_has_no_version_behind_it() -> None:
    assert read_plain(*records(one_coin(9, b"\x06", head=b"\x01"))).value.tolist() == [COIN]
    assert read_plain(*records(one_coin(9, b"\x06", head=b"\x02\x05"))).value.tolist() == [COIN]


@pytest.mark.xdist_group("numba")
def test_kernel_and_twin_read_alike() -> None:
    made = records(*(build.undo_record(block, height=block.height - 1) for block in demo_chain().made[1:]))
    compiled, plain = read_compiled(*made), read_plain(*made)
    for field in dataclasses.fields(compiled):
        mine, theirs = getattr(compiled, field.name), getattr(plain, field.name)
        assert mine.dtype == theirs.dtype, field.name
        assert np.array_equal(mine, theirs), field.name


# --- records and blocks ---------------------------------------------------------------------------------------------


def matched(blocks: list[Block], undo: list[Block]) -> list[int]:
    parts = []
    for block in undo:
        data = build.undo_record(block)
        parts += [data, build.sha256d(bytes.fromhex(block.prev)[::-1] + data)]
    buffer, start, end = records(*parts)
    inputs = [tuple(len(tx.inputs) for tx in block.txs[1:]) for block in blocks]
    prev, hashes = ([bytes.fromhex(text)[::-1] for text in texts]
                    for texts in ([b.prev for b in blocks], [b.hash for b in blocks]))  # fmt: skip
    spent = read_plain(buffer, start[::2], end[::2])
    found: list[int] = match_records(buffer, start[::2], end[::2], inputs, spent, prev, hashes).tolist()
    return found


def test_records_find_their_blocks_in_any_order() -> None:
    blocks = [block for block in demo_chain().made[1:] if block not in demo_chain().truth.orphans]
    assert matched(blocks, blocks[::-1]) == list(range(len(blocks)))[::-1]
    assert matched(blocks[::-1], blocks) == list(range(len(blocks)))[::-1]
    assert matched(blocks[:200], blocks[150:250]) == [*range(150, 200), *[-1] * 50]


def test_rivals_that_spend_the_same_each_take_a_record() -> None:
    rivals = [block for block in demo_chain().made if block.height == 131]
    assert len({build.undo_record(block) for block in rivals}) == 1
    assert sorted(matched(rivals, rivals)) == [0, 1]


def test_records_without_a_block_are_told(tmp_path: Path) -> None:
    made = demo_chain().made
    build.write_blk([block.raw for block in made[:200]], tmp_path / "blk00000.dat")
    build.write_rev(made, tmp_path / "rev00000.dat")
    result = read(tmp_path, tmp_path)
    assert result.counts["undo_without_block"] == len(made) - 200
    assert any("belong to no block" in note for note in result.notes)


def test_undo_data_of_another_chain_is_told(tmp_path: Path) -> None:
    made = demo_chain().made
    other = Builder()
    for _ in range(3):
        other.mine()
    build.write_blk([block.raw for block in made], tmp_path / "blk00000.dat")
    build.write_rev(other.blocks, tmp_path / "rev00000.dat")
    result = read(tmp_path, tmp_path)
    assert result.counts["undo_without_block"] == 2
    assert result.counts["blocks_without_undo"] > 100
    assert plain_batches(result.batches) == [plain_block(b, undo=False) for b in demo_chain().truth.main]


def test_a_damaged_undo_file_is_refused(tmp_path: Path) -> None:
    folder = demo_chain().write(tmp_path / "b")
    undo = folder / "rev00000.dat"
    data = undo.read_bytes()
    for at, words in ((0, "no record begins here"), (8, "more items are declared")):
        undo.write_bytes(data[:at] + b"\xfc" + data[at + 1 :])
        with pytest.raises(InputError, match=words) as caught:
            read(tmp_path, folder)
        assert str(undo) in str(caught.value)
    undo.write_bytes(data.replace(build.REGTEST_MAGIC, bytes.fromhex("0b110907")))
    with pytest.raises(InputError, match="is of testnet3, its blocks are of regtest"):
        read(tmp_path, folder)


# --- flat files -----------------------------------------------------------------------------------------------------


def flat(block: Block, less: int = 0) -> bytes:
    coins = [coin for tx in block.txs for coin in tx.inputs]
    return b"".join((c.value - less).to_bytes(8, "little") + build.prefixed(c.lock.script) for c in coins)


@pytest.mark.parametrize("form", [flat, build.undo_record])
def test_a_block_with_an_undo_file_of_its_own(tmp_path: Path, form: Any) -> None:
    block = demo_chain().truth.main[112]
    (tmp_path / "block112.raw").write_bytes(block.raw)
    (tmp_path / "block112-undo.raw").write_bytes(form(block))
    result = read(tmp_path, tmp_path / "block112.raw")
    assert plain_batches(result.batches) == [plain_block(block)]
    assert plain_batches(read(tmp_path, *(tmp_path / f"block112{end}.raw" for end in ("-undo", ""))).batches)
    assert [file.name for file in result.files] == ["block112.raw", "block112-undo.raw"]


def test_an_undo_file_of_another_block_is_refused(tmp_path: Path) -> None:
    block, other = demo_chain().truth.main[112], demo_chain().truth.main[115]
    (tmp_path / "b.raw").write_bytes(block.raw)
    undo = tmp_path / "b-undo.raw"
    for data, words in (
        (flat(other), "give the undo file of this very block"), (flat(block)[:-1], "beyond the end"),
        (flat(block) + b"\0", "bytes follow"), (flat(block, less=400_000), "would spend"), (b"", "beyond the end"),
    ):  # fmt: skip
        undo.write_bytes(data)
        with pytest.raises(InputError, match=words):
            read(tmp_path, tmp_path / "b.raw")
    with pytest.raises(InputError, match=r"belongs to b\.raw, which was not named"):
        read(tmp_path, undo)


@pytest.mark.shared
def test_real_blocks_pay_their_fees_to_the_coinbase(tmp_path: Path) -> None:
    """Values from the undo files: what a block spends less what it makes is what its coinbase has above the subsidy."""
    seen = 0
    for undo in sorted(SHARED.glob("*-undo.raw")):
        (batch,) = read(tmp_path, undo.with_name(undo.name.replace("-undo", ""))).batches
        assert UNKNOWN_VALUE not in batch.in_value
        height, mint = int(batch.block_height[0]), int(batch.out_offset[1])
        fees = int(batch.in_value.sum()) - int(batch.out_value[mint:].sum())
        assert int(batch.out_value[:mint].sum()) == (50 * COIN >> height // 210_000) + fees
        named = batch.in_address >= 0
        assert named.mean() > 0.5
        assert set(batch.addresses[batch.in_address[named], 0].tolist()) <= {0, 1, 0x10, 0x11}
        seen += len(batch.in_value)
    assert seen > 10_000


@settings(max_examples=30, deadline=None)
@given(some.lists(some.integers(0, 3), max_size=8), some.randoms())
def test_blocks_of_the_same_shape_are_told_apart(shape: list[int], random: Any) -> None:
    """Blocks whose transactions have the same numbers of inputs differ by their parent alone."""
    chain = demo_chain().made[200:212]
    chosen = [chain[i] for i in shape] or [chain[0]]
    blocks = list(dict.fromkeys(chosen))
    random.shuffle(blocks)
    assert matched(blocks, blocks[::-1]) == list(range(len(blocks)))[::-1]
