"""Hostile block files: whatever the bytes, an InputError or a result, the same from kernel and twin, in little room."""

from __future__ import annotations

import dataclasses
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from dyepack.errors import InputError
from dyepack.sources.bitcoin.blocks import undo, wire
from dyepack.sources.bitcoin.blocks.faults import BrokenError
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.blocks.wire_plain import walk_plain
from tests import blocks as build
from tests.blocks import demo_chain, plain_batches
from tests.effort import examples

BOUNDED = settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
KEY = bytes.fromhex("ba6af888ac661103")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _file: None)


Reading = Callable[[Any, Any, Any], Any]


def small_block() -> bytes:
    """Segwit and legacy, several kinds of scripts, a little over a thousand bytes."""
    txs = [demo_chain().truth.txs[demo_chain().truth.named[f"fan_in:{kind}"][0]] for kind in ("p2pkh", "p2tr_script")]
    made = build.Builder()
    return made.mine(txs).raw


def small_undo() -> bytes:
    return build.undo_record(demo_chain().truth.main[112])


@some.composite
def damaged(draw: some.DrawFn, make: Callable[[], bytes]) -> bytes:
    """Bytes with some replaced, cut out or put in."""
    data = bytearray(make())
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, len(data)))
        patch = draw(
            some.binary(max_size=9) | some.sampled_from([b"\xff" * 9, b"\xfd", b"\xfe\xff\xff\xff\x7f", bytes(8)])
        )
        data[at : at + draw(some.integers(0, 12))] = patch
    return bytes(data)


def outcome(reading: Reading, data: bytes) -> Any:
    """What a reader makes of one block or record: a result, or the fault and where it is."""
    buffer = np.frombuffer(bytearray(data), np.uint8)
    try:
        return reading(buffer, np.zeros(1, np.int64), np.array([len(data)], np.int64))
    except BrokenError as broken:
        return broken.args


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) or isinstance(other, tuple):
        return bool(one == other) if isinstance(one, type(other)) else False
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))


@pytest.mark.xdist_group("numba")
@BOUNDED
@given(damaged(small_block) | some.binary(max_size=200))
def test_kernel_and_twin_agree_on_damaged_blocks(data: bytes) -> None:
    assert alike(outcome(wire.walk_compiled, data), outcome(walk_plain, data))


@pytest.mark.xdist_group("numba")
@BOUNDED
@given(damaged(small_undo) | some.binary(max_size=200))
def test_kernel_and_twin_agree_on_damaged_undo_data(data: bytes) -> None:
    assert alike(outcome(undo.read_compiled, data), outcome(undo.read_plain, data))


@pytest.mark.xdist_group("numba")
@pytest.mark.parametrize(
    ("make", "kernel", "twin"),
    [(small_block, wire.walk_compiled, walk_plain), (small_undo, undo.read_compiled, undo.read_plain)],
)
def test_every_cut(make: Callable[[], bytes], kernel: Reading, twin: Reading) -> None:
    """A block or record that ends at any byte but its last is refused, by both for the same reason."""
    data = make()
    assert not isinstance(outcome(kernel, data), tuple)
    for end in range(len(data)):
        found = outcome(kernel, data[:end])
        assert isinstance(found, tuple), end
        assert found == outcome(twin, data[:end]), end


@pytest.mark.xdist_group("numba")
@pytest.mark.parametrize("mark", [b"\xfc", b"\xfd\xff\xff", b"\xfe\xff\xff\xff\xff", b"\xff" * 9])
def test_declared_counts_are_not_believed(mark: bytes) -> None:
    """Every byte in turn becomes a huge number: nothing is allocated for it."""
    for make, readers in (
        (small_block, (wire.walk_compiled, walk_plain)),
        (small_undo, (undo.read_compiled, undo.read_plain)),
    ):
        data = make()
        tracemalloc.start()
        for at in range(0, len(data), 3):
            for reading in readers:
                outcome(reading, data[:at] + mark + data[at + 1 :])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5_000_000


def imports(files: dict[str, bytes]) -> list[Any] | None:
    """What an import makes of files; None for an InputError. Anything else escapes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        try:
            paths = [folder / file for file in files if file.startswith("b") and "-undo" not in file]
            return plain_batches(import_blocks(paths, work=folder / "work").batches)
        except InputError as error:
            if name not in str(error) or not error.remedy:
                raise
            return None


def few_blocks() -> list[build.Block]:
    return demo_chain().made[109:116]


def records() -> bytes:
    return b"".join(build.REGTEST_MAGIC + len(b.raw).to_bytes(4, "little") + b.raw for b in few_blocks())


def undo_records() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        build.write_rev(few_blocks(), Path(name) / "rev")
        return (Path(name) / "rev").read_bytes()


@BOUNDED
@given(damaged(records), some.sampled_from([b"", KEY]))
def test_damaged_block_files(data: bytes, key: bytes) -> None:
    files = {"blk00000.dat": build.xored(data, key)} | ({"xor.dat": key} if key else {})
    found = imports(files)
    known = {block.hash for block in few_blocks()}
    assert found is None or {block[0] for block in found} <= known


@BOUNDED
@given(damaged(undo_records), some.sampled_from([b"", KEY]))
def test_damaged_undo_files(data: bytes, key: bytes) -> None:
    """A value that is not the truth never comes through: the checksum of its record fails."""
    files = {"blk00000.dat": build.xored(records(), key), "rev00000.dat": build.xored(data, key)}
    found = imports(files | ({"xor.dat": key} if key else {}))
    values = {(c.txid, c.index): c.value for block in few_blocks() for tx in block.txs for c in tx.inputs}
    for block in found or []:
        for tx in block[3]:
            assert all(value in (None, values[point, index]) for point, index, value, _ in tx[2])


@BOUNDED
@given(some.binary(max_size=400), some.sampled_from(["blk00000.dat", "b.raw", "b.hex"]))
def test_any_bytes(data: bytes, name: str) -> None:
    found = imports({name: data})
    assert found is None


@BOUNDED
@given(damaged(lambda: few_blocks()[3].raw.hex().encode() + b"\n" + few_blocks()[4].raw.hex().encode()))
def test_damaged_hexadecimal(data: bytes) -> None:
    imports({"b.hex": data})


@BOUNDED
@given(damaged(small_undo))
def test_damaged_undo_file_of_one_block(data: bytes) -> None:
    imports({"b.raw": demo_chain().truth.main[112].raw, "b-undo.raw": data})


@pytest.mark.slow
def test_every_cut_of_a_block_file(tmp_path: Path) -> None:
    """Cut anywhere, a file gives the blocks that are whole, and says that one is not."""
    made = build.Builder()
    for _ in range(2):
        made.mine()
    build.write_blk([block.raw for block in made.blocks], tmp_path / "b")
    data = (tmp_path / "b").read_bytes()
    ends = np.cumsum([8 + len(block.raw) for block in made.blocks]).tolist()
    for key in (b"", KEY):
        for end in range(0, len(data), 3 if not key else 11):
            files = {"blk00000.dat": build.xored(data[:end], key)} | ({"xor.dat": key} if key else {})
            found = imports(files)
            whole = [block.hash for block, stop in zip(made.blocks, ends, strict=True) if stop <= end]
            assert ([block[0] for block in found] if found else []) == whole, end
