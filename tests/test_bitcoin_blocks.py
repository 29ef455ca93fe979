"""Block files: every transaction as the builder of the chain knows it, and real blocks with their own hashes.

The chain of tests/blocks.py goes through Bitcoin Core's consensus code, which writes the files that are read here.
"""

from __future__ import annotations

import bz2
import dataclasses
import importlib
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyepack.errors import InputError
from dyepack.sources.bitcoin.blocks import importer, wire
from dyepack.sources.bitcoin.blocks.faults import BrokenError
from dyepack.sources.bitcoin.blocks.headers import NO_HEIGHT, said_height, target_of, work_of
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.blocks.node_files import unmask
from dyepack.sources.bitcoin.blocks.segment import parse
from dyepack.sources.bitcoin.blocks.wire_plain import walk_plain
from dyepack.sources.bitcoin.hashes import merkle_roots, sha256d
from dyepack.sources.bitcoin.networks import NETWORKS
from dyepack.sources.bitcoin.result import BitcoinImport
from tests import blocks as build
from tests.blocks import Block, Builder, BuiltChain, demo_chain, plain_batches, plain_block, write_blk

SHARED = Path(__file__).parents[2] / "shared" / "data" / "bitcoin"
KEY = bytes.fromhex("ba6af888ac661103")


def read(work: Path, *paths: Path, **how: Any) -> BitcoinImport:
    """Import with the segments in a folder of its own."""
    return import_blocks(list(paths), work=work / "segments", **how)


def in_file(work: Path, blocks: list[bytes], **how: Any) -> BitcoinImport:
    work.mkdir(parents=True, exist_ok=True)
    write_blk(blocks, work / "blk00000.dat")
    return read(work, work / "blk00000.dat", **how)


def fault(work: Path, *paths: Path, **how: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(work, *paths, **how)
    return str(caught.value)


# --- against the truth ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, bytes(8), KEY])
@pytest.mark.parametrize("undo", [True, False])
def test_the_demonstration_chain(tmp_path: Path, key: bytes | None, *, undo: bool) -> None:
    chain = demo_chain()
    result = read(tmp_path, chain.write(tmp_path / "blocks", key, undo=undo))
    assert plain_batches(result.batches) == [plain_block(block, undo=undo) for block in chain.truth.main]
    assert result.counts == {"orphan_blocks": 4}
    assert [batch.contiguous for batch in result.batches] == [True]
    names = ["blk00000.dat", *["rev00000.dat"] * undo, *["xor.dat"] * (key == KEY)]
    assert ([file.name for file in result.files], result.network) == (names, "regtest")


def test_blocks_in_any_order_over_several_files(tmp_path: Path) -> None:
    chain = demo_chain()
    mixed = list(chain.made)
    random.Random(5).shuffle(mixed)
    for number, third in enumerate((mixed[:100], mixed[100:230], mixed[230:])):
        write_blk([block.raw for block in third], tmp_path / f"blk0000{number}.dat", KEY, zeros=99)
        build.write_rev(third[::-1], tmp_path / f"rev0000{number}.dat", KEY, zeros=99)
    (tmp_path / "xor.dat").write_bytes(KEY)
    result = read(tmp_path / "w", tmp_path)
    assert plain_batches(result.batches) == [plain_block(block) for block in chain.truth.main]
    assert (result.counts, len(result.batches)) == ({"orphan_blocks": 4}, 3)


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_files_written_by_bitcoin_core(tmp_path: Path, *, reverse: bool) -> None:
    """Core accepts every block, comes to the same tip, and what it wrote is read back as the builder made it."""
    pbk: Any = importlib.import_module("pbk")
    chain = demo_chain()
    manager = pbk.load_chainman(tmp_path / "node", pbk.ChainType.REGTEST)
    for block in chain.made[1:]:
        assert manager.process_block(pbk.Block(block.raw))
    active = manager.get_active_chain()
    tip = chain.truth.main[-1]
    assert (active.height, str(active.block_tree_entries[active.height].block_hash)) == (tip.height, tip.hash)
    for block in chain.truth.main[1::7] if reverse else ():
        coins = manager.block_spent_outputs[active.block_tree_entries[block.height]]
        values = [[coin.output.amount for coin in tx.coins] for tx in coins.transactions]
        assert values == [[coin.value for coin in tx.inputs] for tx in block.txs[1:]]
    del active, manager
    result = read(tmp_path / "w", tmp_path / "node")
    key = (tmp_path / "node" / "blocks" / "xor.dat").read_bytes()
    assert plain_batches(result.batches) == [plain_block(block) for block in chain.truth.main]
    assert result.counts == {"orphan_blocks": 4}
    assert any(key) == ("xor.dat" in {file.name for file in result.files})


def test_orphans_as_the_builder_knows_them() -> None:
    truth = demo_chain().truth
    assert [block.height for block in truth.orphans] == [59, 60, 131, 132]
    raced = truth.named["raced"][0]
    assert [raced in {tx.txid for tx in block.txs} for block in truth.orphans] == [False, False, True, False]
    assert len(truth.named["peel"]) == 200
    assert {o.value for o in truth.one("coinjoin").outputs[:5]} == {6 * build.COIN}


# --- which blocks are the chain -------------------------------------------------------------------------------------


def grown(length: int, **how: Any) -> Builder:
    made = Builder()
    for _ in range(length):
        made.mine(**how)
    return made


def heights(result: BitcoinImport) -> list[int]:
    return sorted(height for batch in result.batches for height in batch.block_height.tolist())


def test_more_work_wins_over_more_blocks(tmp_path: Path) -> None:
    made = grown(5)
    fork = made.blocks[2]
    tx = build.coinbase(3, [(50 * build.COIN, build.p2wsh("hard"))], None)
    bits = 0x1F00FFFF
    head = build.header(fork.hash, bytes.fromhex(tx.txid)[::-1], fork.time + 1, bits=bits)
    raw = head + b"\x01" + tx.raw
    result = in_file(tmp_path, [*(block.raw for block in made.blocks), raw])
    assert heights(result) == [0, 1, 2, 3]
    assert plain_batches(result.batches)[3][0] == build.sha256d(head)[::-1].hex()
    assert result.counts == {"orphan_blocks": 3}


def test_of_equal_branches_the_first_is_taken_and_told(tmp_path: Path) -> None:
    made = grown(3)
    other = made.mine(on=made.blocks[2], note=b"other")
    result = in_file(tmp_path, [block.raw for block in made.blocks])
    assert plain_batches(result.batches) == [plain_block(b, undo=False) for b in made.blocks if b is not other]
    assert any("same work" in note and other.hash in note for note in result.notes)


def test_copies_are_counted(tmp_path: Path) -> None:
    made = grown(3)
    raw = [block.raw for block in made.blocks]
    result = in_file(tmp_path, [*raw, raw[1], raw[2]])
    assert heights(result) == [0, 1, 2, 3]
    assert result.counts == {"duplicate_blocks": 2}


def test_a_stretch_from_the_middle_has_its_coinbases_heights(tmp_path: Path) -> None:
    made = grown(40)
    result = in_file(tmp_path, [block.raw for block in made.blocks[20:]])
    assert heights(result) == list(range(20, 41))
    assert result.batches[0].contiguous
    assert heights(in_file(tmp_path / "same", [block.raw for block in made.blocks[20:]], first_height=20))[0] == 20


def test_several_stretches_are_told(tmp_path: Path) -> None:
    made = grown(40)
    result = in_file(tmp_path, [block.raw for block in made.blocks[30:35] + made.blocks[3:5] + made.blocks[:2]])
    assert heights(result) == [0, 1, 3, 4, 30, 31, 32, 33, 34]
    assert not result.batches[0].contiguous
    assert any("3 separate stretches" in note and "0 to 1, 3 to 4, 30 to 34" in note for note in result.notes)


def test_a_stretch_that_cannot_stand_beside_the_chain_is_an_orphan(tmp_path: Path) -> None:
    made = grown(10)
    lost = made.mine(on=made.mine(on=made.blocks[7], note=b"not in the file"), note=b"lost")
    result = in_file(tmp_path, [block.raw for block in made.blocks[:11]] + [lost.raw])
    assert heights(result) == list(range(11))
    assert result.counts == {"orphan_blocks": 1}
    assert any(lost.hash in note and "orphans" in note for note in result.notes)


def versioned(parent: Block, height: int, version: int) -> Block:
    """A block of an old version, whose coinbase tells no height."""
    tx = build.coinbase(height, [(build.COIN, build.p2wsh(f"old {height}"))], None)
    head = build.header(parent.hash, bytes.fromhex(tx.txid)[::-1], parent.time + 1, version=version)
    own = build.sha256d(head)[::-1].hex()
    return Block(head + b"\x01" + tx.raw, own, parent.hash, height, parent.time + 1, (tx,))


def test_a_height_must_be_known(tmp_path: Path) -> None:
    start = grown(4).tip
    old = [versioned(start, 5, 1)]
    for height in (6, 7):
        old.append(versioned(old[-1], height, 1))
    raw = [block.raw for block in old]
    write_blk(raw, tmp_path / "old.dat")
    text = fault(tmp_path, tmp_path / "old.dat")
    assert old[0].hash in text
    assert "does not say its height" in text
    assert heights(in_file(tmp_path / "said", raw, first_height=5)) == [5, 6, 7]
    write_blk([block.raw for block in grown(4).blocks], tmp_path / "new.dat")
    assert "said to be at height 7" in fault(tmp_path, tmp_path / "new.dat", first_height=7)


def test_said_heights() -> None:
    pairs = {
        b"\x51": 1, b"\x60": 16, b"\x01\x11": 17, b"\x02\x00\x01": 256, b"\x03\x8b\x3c\x04": 277_643,
        b"\x02\x80\x00": 128, b"\x02\x11\x00": NO_HEIGHT, b"\x01\x80": NO_HEIGHT, b"\x03\x8b\x3c": NO_HEIGHT,
        b"": NO_HEIGHT, b"\x00": NO_HEIGHT, b"\x05\1\1\1\1\1": NO_HEIGHT,
    }  # fmt: skip
    assert {script: said_height(2, script) for script in pairs} == pairs
    assert said_height(1, b"\x51") == NO_HEIGHT
    assert said_height(-1, b"\x51") == NO_HEIGHT


def test_targets() -> None:
    assert target_of(0x1D00FFFF) == 0xFFFF << 208
    assert work_of(0x1D00FFFF) == 0x100010001
    assert target_of(0x01120000) == 0x12
    assert [target_of(bits) for bits in (0, 0x01003456, 0x04923456, 0x23000001, 0xFF123456)] == [None] * 5
    for network in NETWORKS:
        easiest = target_of(network.easiest)
        assert easiest is not None
        assert int(network.genesis, 16) <= easiest


# --- what is refused ------------------------------------------------------------------------------------------------


def with_header(block: Block, at: int, data: bytes) -> bytes:
    return block.raw[:at] + data + block.raw[at + len(data) :]


def test_a_block_without_its_work_is_refused(tmp_path: Path) -> None:
    block = grown(1).tip
    for nonce in range(100):
        raw = with_header(block, 76, nonce.to_bytes(4, "little"))
        if sha256d(raw[:80])[31] > 0x7F:
            break
    write_blk([raw], tmp_path / "blk00000.dat")
    text = fault(tmp_path, tmp_path / "blk00000.dat")
    assert "proof of work" in text
    assert sha256d(raw[:80])[::-1].hex() in text
    write_blk([with_header(block, 72, (0x207FFFFF + 0x1000000).to_bytes(4, "little"))], tmp_path / "blk00001.dat")
    assert "is not one that a block can have" in fault(tmp_path, tmp_path / "blk00001.dat")


def test_other_transactions_are_refused(tmp_path: Path) -> None:
    block = demo_chain().truth.main[112]
    value = block.txs[-1].outputs[-1].value
    raw = block.raw.replace(value.to_bytes(8, "little"), (value + 1).to_bytes(8, "little"))
    write_blk([block.raw, raw], tmp_path / "blk00000.dat")
    text = fault(tmp_path, tmp_path / "blk00000.dat")
    at = 8 + len(raw) + 8 + 36
    words = f"byte {at:,}, in block {block.hash}: the transactions do not have the merkle root of the header"
    assert words in text


def test_repeated_transactions_are_refused(tmp_path: Path) -> None:
    """CVE-2012-2459: the last transactions twice give the same root."""
    made = Builder()
    txs = demo_chain().truth.main[112].txs[:3]
    block = made.add(made.tip, list(txs), made.tip.time + 600)
    twice = block.raw[:80] + b"\x04" + b"".join(tx.raw for tx in (*txs, txs[2]))
    leaves = np.frombuffer(b"".join(bytes.fromhex(tx.txid)[::-1] for tx in (*txs, txs[2])), np.uint8).reshape(-1, 32)
    roots, ambiguous = merkle_roots(leaves, np.array([0, 4]))
    assert (roots[0].tobytes(), ambiguous.tolist()) == (block.raw[36:68], [0])
    write_blk([twice], tmp_path / "blk00000.dat")
    assert "CVE-2012-2459" in fault(tmp_path, tmp_path / "blk00000.dat")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw + b"\0", "bytes follow the last transaction"),
        (lambda raw: raw[:-1], "reaches beyond the end"),
        (lambda raw: raw[:80] + b"\xfd\x01\x00" + raw[81:], "shortest form"),
        (lambda raw: raw[:80] + b"\xfe\xff\xff\xff\x7f" + raw[81:], "more items are declared"),
        (lambda raw: raw[:80] + b"\x00" + raw[81:], "no transactions"),
        (lambda raw: raw[:85] + b"\x00\x00" + raw[86:], "no inputs"),
        (lambda raw: raw[:86] + b"\x01" + raw[87:], "not a coinbase"),
        (lambda raw: raw[:80] + b"\x02" + raw[81:] + raw[81:], "points at no transaction"),
    ],
)
def test_malformed_blocks_are_refused(tmp_path: Path, change: Any, words: str) -> None:
    raw = build.genesis().raw
    write_blk([change(raw)], tmp_path / "blk00000.dat")
    text = fault(tmp_path, tmp_path / "blk00000.dat")
    assert words in text
    assert build.genesis().hash in text


def test_values_above_all_coins_are_refused(tmp_path: Path) -> None:
    for outs, words in (([(build.COIN * 21_000_001, build.anyone())], "an output is worth more"),
                        ([(build.COIN * 11_000_000, build.anyone())] * 2, "are together worth more")):  # fmt: skip
        made = Builder()
        made.add(made.tip, [build.coinbase(1, outs, None)], made.tip.time + 1)
        write_blk([made.tip.raw], tmp_path / "blk00000.dat")
        assert words in fault(tmp_path, tmp_path / "blk00000.dat")


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_record_that_the_node_was_writing_is_left_out(tmp_path: Path) -> None:
    chain = demo_chain(140)
    whole = [plain_block(block) for block in chain.truth.main]
    folder = chain.write(tmp_path / "b", KEY, zeros=0)
    file, undo = folder / "blk00000.dat", folder / "rev00000.dat"
    data, spent = file.read_bytes(), undo.read_bytes()
    last = len(chain.made[-1].raw)
    for cut, zeros in ((1, 0), (last // 2, 0), (last // 2, 5_000), (last + 1, 0), (last + 6, 0), (last + 6, 100)):
        file.write_bytes(data[:-cut] + bytes(zeros and zeros + cut))
        result = read(tmp_path, folder)
        assert plain_batches(result.batches) == whole[:-1], cut
        assert result.counts["half_written_blocks"] == 1
        assert any("not yet written whole" in note for note in result.notes)
    file.write_bytes(data[: -last - 8])
    assert "half_written_blocks" not in read(tmp_path, folder).counts
    file.write_bytes(data)
    for cut, zeros in ((1, 0), (40, 0), (40, 5_000)):
        undo.write_bytes(spent[:-cut] + bytes(zeros and zeros + cut))
        result = read(tmp_path, folder)
        assert result.counts["half_written_undo"] == 1
        assert plain_batches(result.batches)[:-1] == whole[:-1]


def test_reserved_room_between_records(tmp_path: Path) -> None:
    """As it stays behind where a node was killed; a masked record may begin with bytes that are zero on disk."""
    raw = [block.raw for block in grown(6).blocks]
    key = build.REGTEST_MAGIC[:3] + bytes(5)
    for number, mask in enumerate((None, KEY, key)):
        folder = tmp_path / str(number)
        folder.mkdir()
        if mask:
            (folder / "xor.dat").write_bytes(mask)
        write_blk(raw[:3], folder / "blk00000.dat", mask)
        first = (folder / "blk00000.dat").read_bytes() + bytes(1_001)
        clear = b"".join(build.REGTEST_MAGIC + len(r).to_bytes(4, "little") + r for r in raw[3:])
        both = build.xored(bytes(len(first)) + clear, mask)[len(first) :]
        (folder / "blk00000.dat").write_bytes(first + both + bytes(70_000))
        result = read(folder, folder)
        assert heights(result) == list(range(7)), mask
        assert not result.counts


def test_damage_between_records_is_refused(tmp_path: Path) -> None:
    raw = [block.raw for block in grown(3).blocks]
    write_blk(raw, tmp_path / "blk00000.dat")
    data = bytearray((tmp_path / "blk00000.dat").read_bytes())
    second = 8 + len(raw[0])
    for at, value, words in ((second, 0xAA, "no record begins here"), (second + 5, 0xAA, "begins sooner"),
                             (second + 4, 0x00, f"byte {second:,}")):  # fmt: skip
        broken = bytearray(data)
        broken[at] = value
        if at == second + 4:
            broken[at : at + 2] = b"\x10\x00"
        (tmp_path / "blk00000.dat").write_bytes(broken)
        assert words in fault(tmp_path, tmp_path / "blk00000.dat")


def test_networks_are_not_mixed(tmp_path: Path) -> None:
    raw = [block.raw for block in grown(2).blocks]
    write_blk(raw[:2], tmp_path / "blk00000.dat")
    write_blk(raw[2:], tmp_path / "blk00001.dat", magic=NETWORKS[0].magic)
    assert "is of mainnet" in fault(tmp_path, tmp_path) or "target" in fault(tmp_path, tmp_path)
    both = (tmp_path / "blk00000.dat").read_bytes() + (tmp_path / "blk00001.dat").read_bytes()
    (tmp_path / "blk00001.dat").unlink()
    (tmp_path / "blk00000.dat").write_bytes(both)
    assert "another network" in fault(tmp_path, tmp_path)
    write_blk(raw, tmp_path / "blk00000.dat", magic=bytes.fromhex("0b110907"))
    assert "target" in fault(tmp_path, tmp_path)


def test_paths_that_hold_no_blocks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "xor.dat").write_bytes(b"123")
    (tmp_path / "rev00001.dat").write_bytes(b"")
    (tmp_path / "text.txt").write_text("hello\n" * 50)
    (tmp_path / "zeros.dat").write_bytes(bytes(500))
    cases = {
        "nothing": "does not exist", "empty": "holds no blk", "rev00001.dat": "belongs to blk00001.dat",
        "other/xor.dat": "masks none", "text.txt": "not a block file", "zeros.dat": "hold no block",
    }  # fmt: skip
    for name, words in cases.items():
        where = tmp_path / name
        assert words in fault(tmp_path / "w", where), name
    write_blk([build.genesis().raw], tmp_path / "other" / "blk00000.dat")
    assert "the key has 3 bytes" in fault(tmp_path / "w", tmp_path / "other")


def test_a_wrong_mask_is_told(tmp_path: Path) -> None:
    folder = demo_chain().write(tmp_path / "b", KEY)
    (folder / "xor.dat").write_bytes(KEY[::-1])
    assert "xor.dat is not the one" in fault(tmp_path, folder)


def test_raw_blocks_and_hexadecimal_lines(tmp_path: Path) -> None:
    blocks = grown(4).blocks
    framed = build.REGTEST_MAGIC + len(blocks[1].raw).to_bytes(4, "little") + blocks[1].raw
    text = "\n".join([blocks[0].raw.hex(), "", framed.hex().upper(), blocks[2].raw.hex() + "\r"])
    (tmp_path / "some.hex").write_text(text + "\n")
    (tmp_path / "three.raw").write_bytes(blocks[3].raw)
    (tmp_path / "four.bin").write_bytes(blocks[4].raw)
    names = ("some.hex", "three.raw", "four.bin")
    result = read(tmp_path, *(tmp_path / name for name in names))
    assert plain_batches(result.batches) == [plain_block(block) for block in blocks]
    assert [batch.source for batch in result.batches] == list(names)
    assert result.network == "regtest"
    (tmp_path / "some.hex").write_text(text + "\n" + blocks[3].raw.hex()[:-1])
    assert "some.hex, line 5: the line is not a block" in fault(tmp_path, tmp_path / "some.hex")
    (tmp_path / "some.hex").write_text(text + "\n" + blocks[3].raw.hex()[:-2])
    assert re.search(r"some.hex, line 5: byte \d+ of block .*beyond the end", fault(tmp_path, tmp_path / "some.hex"))


def test_unmasking_by_position() -> None:
    data = np.arange(40, dtype=np.uint8)
    masked = np.frombuffer(build.xored(data.tobytes(), KEY), np.uint8)
    for position in range(9):
        for size in (0, 1, 7, 8, 9, 25):
            part = masked[position : position + size]
            assert unmask(part, KEY, position).tobytes() == data[position : position + size].tobytes()


# --- segments -------------------------------------------------------------------------------------------------------


def three_files(folder: Path) -> tuple[BuiltChain, Path]:
    chain = demo_chain()
    folder.mkdir()
    for number in range(3):
        third = chain.made[number * 120 : (number + 1) * 120]
        write_blk([block.raw for block in third], folder / f"blk0000{number}.dat")
        build.write_rev(third, folder / f"rev0000{number}.dat")
    return chain, folder


def test_an_import_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, folder = three_files(tmp_path / "b")
    parsed: list[str] = []
    stop_at = 2

    def parse_some(part: Any, *rest: Any) -> Any:
        if len(parsed) == stop_at:
            raise KeyboardInterrupt
        parsed.append(part.path.name)
        return parse(part, *rest)

    monkeypatch.setattr(importer, "parse", parse_some)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path, folder)
    stop_at = 3
    (tmp_path / "segments" / ".partial-1-abc").mkdir()
    steps: list[tuple[int, int, str]] = []
    result = read(tmp_path, folder, progress=lambda *step: steps.append(step))
    assert parsed == ["blk00000.dat", "blk00001.dat", "blk00002.dat"]
    assert [text for _, _, text in steps] == [
        "blk00000.dat was read before", "blk00001.dat was read before", "blk00002.dat read",
    ]  # fmt: skip
    sizes = [(folder / f"blk0000{i}.dat").stat().st_size for i in range(3)]
    assert [(done, total) for done, total, _ in steps] == [(sum(sizes[: i + 1]), sum(sizes)) for i in range(3)]
    assert plain_batches(result.batches) == [plain_block(block) for block in chain.truth.main]
    assert not list((tmp_path / "segments").glob(".partial-*"))


def test_damaged_and_changed_segments_are_made_again(tmp_path: Path) -> None:
    chain, folder = three_files(tmp_path / "b")
    first = plain_batches(read(tmp_path, folder).batches)
    made = sorted(path for path in (tmp_path / "segments").iterdir() if path.is_dir())
    column = made[0] / "out_value.npy"
    data = bytearray(column.read_bytes())
    data[-1] ^= 1
    column.write_bytes(data)
    (made[1] / "segment.json").write_text("{")
    texts: list[str] = []
    again = read(tmp_path, folder, progress=lambda _done, _total, text: texts.append(text))
    assert plain_batches(again.batches) == first == [plain_block(block) for block in chain.truth.main]
    assert sum(text.endswith(" read") for text in texts) == 2
    (folder / "rev00002.dat").unlink()
    fewer = read(tmp_path, folder)
    assert fewer.counts["blocks_without_undo"] > 0
    assert len([path for path in (tmp_path / "segments").iterdir() if path.is_dir()]) == 4


@pytest.mark.slow
def test_two_workers_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, folder = three_files(tmp_path / "b")
    monkeypatch.setattr(importer, "_ALONE_BELOW", 0)
    result = read(tmp_path, folder, workers=2)
    assert plain_batches(result.batches) == [plain_block(block) for block in chain.truth.main]
    data = (folder / "blk00001.dat").read_bytes()
    (folder / "blk00001.dat").write_bytes(data[:60] + b"\xff" + data[61:])
    text = fault(tmp_path, folder, workers=2)
    assert text.startswith(f"{folder / 'blk00001.dat'}: byte 44, in block ")
    assert "merkle root of the header\nhint: copy the file" in text


def test_a_large_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dyepack.sources.bitcoin.blocks import source_files

    chain = demo_chain()
    folder = chain.write(tmp_path / "b", KEY, undo=False)
    monkeypatch.setattr(source_files, "_SPLIT_FROM", 1_000)
    monkeypatch.setattr(source_files, "_PART", 50_000)
    result = read(tmp_path, folder)
    assert len(result.batches) == 4
    assert plain_batches(result.batches) == [plain_block(block, undo=False) for block in chain.truth.main]


def test_one_import_at_a_time(tmp_path: Path) -> None:
    folder = demo_chain().write(tmp_path / "b")
    with importer._locked(tmp_path / "segments"):
        assert "another import" in fault(tmp_path, folder)


# --- the kernel and its twin ----------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> None:
    """Two results of dataclasses of arrays are equal, types too."""
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert mine.dtype == theirs.dtype, field.name
        assert np.array_equal(mine, theirs), field.name


@pytest.mark.xdist_group("numba")
def test_kernel_and_twin_walk_alike() -> None:
    raw = demo_chain().blocks
    end = np.cumsum([len(block) for block in raw])
    start = end - [len(block) for block in raw]
    buffer = np.frombuffer(bytearray(b"".join(raw)), np.uint8)
    same(wire.walk_compiled(buffer, start, end), walk_plain(buffer, start, end))
    with pytest.raises(BrokenError) as caught:
        wire.walk_compiled(buffer, start, np.append(end[:-1], end[-1] - 1))
    assert caught.value.block == len(raw) - 1


# --- real blocks ----------------------------------------------------------------------------------------------------


REAL = {
    "bcoin/block300025.raw": (300_025, "0000000000000000821c4e0acc40f88bedbce3b73ba2358b5ade58a9022cc78c", 461),
    "bcoin/block426884.raw": (426_884, "00000000000000000431d0ead6e0bd9f90ff0d469e9b05d51e3d04971f472973", 409),
    "bcoin/block482683.raw": (482_683, "000000000000000000c238240ef6dcb26c37e75e16514e6ffc0aef7eee73e747", 12),
    "bitcoin-core/block413567.raw": (
        413_567,
        "0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069",
        1_557,
    ),
}


@pytest.mark.shared
def test_every_raw_block(tmp_path: Path) -> None:
    files = [file for file in sorted(SHARED.glob("bc*/block*.raw")) if "undo" not in file.name]
    files += sorted(SHARED.glob("bitcoin-core/*.raw"))
    assert len(files) == 13
    for file in files:
        result = read(tmp_path, file)
        (height,) = heights(result)
        assert file.stem == f"block{height}"
        name = f"{file.parent.name}/{file.name}"
        if name in REAL:
            assert (height, plain_batches(result.batches)[0][0], len(result.batches[0])) == REAL[name]


@pytest.mark.shared
def test_ids_as_btclib_has_them(tmp_path: Path) -> None:
    from btclib.tx.tx import Tx

    file = SHARED / "bcoin" / "block482683.raw"
    (batch,) = read(tmp_path, file).batches
    stream = importlib.import_module("io").BytesIO(file.read_bytes()[80:])
    (count,) = stream.read(1)
    theirs = [Tx.parse(stream) for _ in range(count)]
    assert [tx_id.tobytes() for tx_id in batch.tx_id] == [tx.id for tx in theirs]
    values = [out.value for tx in theirs for out in tx.vout]
    assert batch.out_value.tolist() == values
    points = [(i.prev_out.tx_id.hex(), i.prev_out.vout) for tx in theirs[1:] for i in tx.vin]
    assert [(t.tobytes().hex(), int(n)) for t, n in zip(batch.in_txid, batch.in_index, strict=True)] == points


@pytest.mark.shared
def test_the_first_megabyte_of_the_chain(tmp_path: Path) -> None:
    result = read(tmp_path, SHARED / "jeffchan" / "blk00000_first1MB.dat")
    (batch,) = result.batches
    assert batch.block_height.tolist() == list(range(4_313))
    assert batch.contiguous
    assert result.network == "mainnet"
    assert not result.counts
    blocks = plain_batches(result.batches)
    worth = {(tx[0], n): out[0] for block in blocks for tx in block[3] for n, out in enumerate(tx[3])}
    spent = sum(worth[i[0], i[1]] for block in blocks for tx in block[3] for i in tx[2])
    assert sum(worth.values()) - spent == 4_313 * 50 * build.COIN
    assert batch.block_id[170].tobytes().hex() == "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"
    first_payment = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
    assert first_payment in {tx_id.tobytes().hex() for tx_id in batch.tx_id[batch.tx_block == 170]}


@pytest.mark.shared
def test_btcd_chains(tmp_path: Path) -> None:
    found = {}
    for file in sorted((SHARED / "btcd").glob("*.bz2")):
        if "utxo" not in file.name:
            (tmp_path / file.stem).write_bytes(bz2.decompress(file.read_bytes()))
            result = read(tmp_path, tmp_path / file.stem, first_height=3 if "A" in file.name else None)
            found[file.stem] = heights(result)
    assert found["blocks1-256"] == list(range(1, 256))
    assert found["277647.dat"] == [277_647]
    assert found["blk_0_to_4.dat"] == [0, 1, 2, 3, 4]


@pytest.mark.shared
def test_btcd_reorganisation(tmp_path: Path) -> None:
    """Blocks 0 to 4, and three from another block 3 on: the longer branch wins, in the dump as in the binary files.

    The dump is an older making of the same chain: its blocks are others.
    """
    text = (SHARED / "btcd" / "reorgtest.hex").read_text()
    blocks = re.split(r"Block \w+:", re.sub(r"File path:.*", "", text))[1:]
    (tmp_path / "reorg.hex").write_text("\n".join(re.sub(r"\s", "", block) for block in blocks))
    names = ("blk_5A.dat", "blk_3A.dat", "blk_0_to_4.dat", "blk_4A.dat")
    for name in names:
        (tmp_path / name).write_bytes(bz2.decompress((SHARED / "btcd" / f"{name}.bz2").read_bytes()))
    for files, last in (
        (["reorg.hex"], bytes.fromhex(re.sub(r"\s", "", blocks[-1]))),
        (names, (tmp_path / names[0]).read_bytes()),
    ):
        result = read(tmp_path, *(tmp_path / name for name in files))
        assert heights(result) == [0, 1, 2, 3, 4, 5]
        assert result.counts == {"orphan_blocks": 2}
        assert plain_batches(result.batches)[-1][0] == sha256d(last[8:88])[::-1].hex()
