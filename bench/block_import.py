"""Import rate of block files, beside programs that only parse the same blocks.

Ours is everything that `import_blocks` does: read, hash the files, lift the mask, parse, compute transaction ids and
merkle roots, check proof of work, classify scripts, match undo data, write segments with fsync, choose the chain. The
others walk blocks that are in memory already: btclib in plain Python, and py-bitcoinkernel (Bitcoin Core's own parser)
from Python. The blocks are made up (no valid signatures), with the sizes of real ones.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dyepack.sources.bitcoin.blocks import segment_store
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.blocks.node_files import block_records, unmask
from dyepack.sources.bitcoin.blocks.segment import parse
from dyepack.sources.bitcoin.blocks.source_files import Part, parts_of
from dyepack.sources.bitcoin.blocks.wire import identify, walk
from dyepack.sources.bitcoin.script import classify
from tables import Table, middle, rate, say, show, timed

KEY = bytes.fromhex("5ad36f1c88e02b97")
MAGIC = bytes.fromhex("fabfb5da")
BITS = (0x207FFFFF).to_bytes(4, "little")
FILE = 1 << 27
BLOCK = 1_300_000
_RUNS = 3

DEFAULT_WORK = Path(tempfile.gettempdir()) / "dyepack-bench"


def sha256d(data: bytes) -> bytes:
    """SHA-256 twice."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def prefixed(data: bytes) -> bytes:
    """Data of less than 253 bytes behind its length."""
    return bytes([len(data)]) + data


def compact(number: int) -> bytes:
    """CompactSize below 65,536."""
    return bytes([number]) if number < 0xFD else b"\xfd" + number.to_bytes(2, "little")


def made_tx(chance: random.Random) -> tuple[bytes, bytes, bytes]:
    """(transaction, the same without witness, undo data): about 400 bytes in the mean, three of four segwit."""
    ins, outs = chance.choice((1, 1, 1, 2, 2, 3, 4)), chance.choice((1, 2, 2, 2, 2, 3, 5))
    segwit = chance.random() < 0.75
    noise = chance.randbytes(ins * 170 + outs * 32)
    body, witness, undo = compact(ins), b"", compact(ins)
    for i in range(ins):
        part = noise[i * 170 : i * 170 + 170]
        keys = prefixed(part[36:107]) + prefixed(b"\x02" + part[107:139])
        body += part[:32] + part[32:33] + bytes(3) + (b"\0" if segwit else prefixed(keys)) + b"\xff\xff\xff\xff"
        witness += b"\x02" + keys
        script = b"\x1c\x00\x14" + part[107:127] if segwit else b"\x00" + part[107:127]
        undo += b"\x91\x00\x00" + b"\x80" * (outs > 20) + b"\x32" + script
    body += compact(outs)
    for i in range(outs):
        program = noise[ins * 170 + i * 32 : ins * 170 + i * 32 + 32]
        scripts = (b"\x00\x14" + program[:20], b"\x76\xa9\x14" + program[:20] + b"\x88\xac", b"\x51\x20" + program)
        body += (chance.randrange(1, 900_000_000)).to_bytes(8, "little") + prefixed(scripts[program[0] % 3])
    plain = b"\x02\0\0\0" + body + bytes(4)
    return (b"\x02\0\0\0\0\1" + body + witness + bytes(4) if segwit else plain), plain, undo


def made_block(prev: bytes, height: int, chance: random.Random) -> tuple[bytes, bytes, int]:
    """(block, record of undo data, transactions)."""
    script = b"\x03" + height.to_bytes(3, "little") + b"bench"
    first = b"\x01\0\0\0\x01" + bytes(32) + b"\xff" * 4 + prefixed(script) + b"\xff" * 4
    first += b"\x01" + (5_000).to_bytes(8, "little") + prefixed(b"\x51\x20" + bytes(32)) + bytes(4)
    txs, ids, undo, size = [first], [sha256d(first)], [], 0
    while size < BLOCK:
        tx, plain, spent = made_tx(chance)
        txs.append(tx)
        ids.append(sha256d(plain))
        undo.append(spent)
        size += len(tx)
    while len(ids) > 1:
        ids += ids[-1:] * (len(ids) % 2)
        ids = [sha256d(ids[i] + ids[i + 1]) for i in range(0, len(ids), 2)]
    head = b"\0\0\0\x20" + prev + ids[0] + (1_600_000_000 + height).to_bytes(4, "little") + BITS
    nonce = next(n for n in range(1 << 20) if sha256d(head + n.to_bytes(4, "little"))[31] < 0x80)
    raw = head + nonce.to_bytes(4, "little") + compact(len(txs)) + b"".join(txs)
    data = compact(len(undo)) + b"".join(undo)
    return raw, MAGIC + len(data).to_bytes(4, "little") + data + sha256d(prev + data), len(txs)


def written(folder: Path, megabytes: int) -> None:
    """A node's folder of so many megabytes, in files of 128 MiB (or fewer, so that there are two at least)."""
    chance, prev, height, left = random.Random(1), bytes(range(32)), 700_000, megabytes * 1_000_000
    most = min(FILE, left // 2 + BLOCK)
    folder.mkdir(parents=True)
    (folder / "xor.dat").write_bytes(KEY)
    number = 0
    while left > 0:
        blocks, undo = bytearray(), bytearray()
        while left > 0 and len(blocks) + BLOCK < most:
            raw, record, _ = made_block(prev, height, chance)
            blocks += MAGIC + len(raw).to_bytes(4, "little") + raw
            undo += record
            prev, height, left = sha256d(raw[:80]), height + 1, left - len(raw)
        for name, data in (("blk", blocks), ("rev", undo)):
            clear = unmask(np.frombuffer(data, np.uint8), KEY)
            clear.tofile(folder / f"{name}{number:05}.dat")
        number += 1


def imported(folder: Path, work: Path, workers: int) -> tuple[float, int]:
    """Seconds and transactions of an import that has no segments yet."""
    shutil.rmtree(work, ignore_errors=True)
    seconds, result = timed(lambda: import_blocks([folder], work=work, workers=workers))
    return seconds, sum(len(batch) for batch in result.batches)


def sample(part: Part, megabytes: float) -> list[bytes]:
    """The first blocks of a part."""
    raw = part.read()
    clear = unmask(raw, part.key)
    records = block_records(part.path, raw, clear)
    count = max(1, int(megabytes * 1e6 / BLOCK))
    pairs = zip(records.start[:count].tolist(), records.end[:count].tolist(), strict=True)
    return [clear[begin:end].tobytes() for begin, end in pairs]


def by_btclib(blocks: list[bytes]) -> int:
    """Parse and take every transaction id with btclib."""
    tx_class: Any = importlib.import_module("btclib.tx.tx").Tx
    found = 0
    for raw in blocks:
        stream = io.BytesIO(raw[80:])
        first = stream.read(1)[0]
        count = first if first < 0xFD else int.from_bytes(stream.read(2), "little")
        found += len({tx_class.parse(stream).id for _ in range(count)})
    return found


def by_kernel(blocks: list[bytes]) -> int:
    """Parse with Bitcoin Core's code; take every id, input and output from Python."""
    pbk: Any = importlib.import_module("pbk")
    found = 0
    for raw in blocks:
        for tx in pbk.Block(raw).transactions:
            worth = sum(out.amount for out in tx.outputs)
            points = [(i.out_point.txid, i.out_point.index) for i in tx.inputs]
            found += bool(tx.txid) and worth > 0 and len(points) > 0
    return found


def stages(part: Part, work: Path) -> Table:
    """Where the time of one file goes."""
    title = f"one file of {part.size / 1e6:,.0f} MB, one process, median of {_RUNS}"
    table = Table(title, ["stage", "s", "share"])
    undo = part.undo
    spent = None if undo is None else np.fromfile(undo, np.uint8)
    raw = part.read()
    clear = unmask(raw, part.key)
    records = block_records(part.path, raw, clear)
    segment, walked = parse(part, raw, spent), walk(clear, records.start, records.end)
    made_from = segment_store.origin(part, raw, spent)
    reading, _ = middle(part.read, _RUNS)
    hashing, _ = middle(lambda: segment_store.origin(part, raw, spent), _RUNS)
    lifting, _ = middle(lambda: unmask(raw, part.key), _RUNS)
    walking, _ = middle(lambda: walk(clear, records.start, records.end), _RUNS)
    naming, _ = middle(lambda: identify(walked, clear, records.start), _RUNS)
    sorting, _ = middle(lambda: classify(clear, walked.out_start, walked.out_length), _RUNS)
    whole, _ = middle(lambda: parse(part, raw, spent), _RUNS)
    writing, _ = middle(lambda: segment_store.write(work / "stage", made_from, segment), _RUNS)
    rest = whole - lifting - walking - naming - sorting
    total = reading + hashing + whole + writing
    for name, seconds in (
        ("read", reading), ("SHA-256 of the files", hashing), ("lift the mask", lifting), ("walk", walking),
        ("ids and merkle roots (hashlib)", naming), ("classify output scripts", sorting),
        ("undo data, checks", rest), ("write the segment, fsync", writing), ("all", total),
    ):  # fmt: skip
        table.rows.append([name, seconds, f"{seconds / total:.0%}"])
    return table


def compare(folder: Path, work: Path, share: float) -> list[Table]:
    """Imports with one and two workers, and the others on a sample."""
    parts = parts_of([folder])
    size = sum(part.size for part in parts) / 1e6
    columns = ["what", "blocks MB", "transactions", "s", "MB/s", "tx/s"]
    table = Table(f"import of block files: {size:,.0f} MB in {len(parts)} files, masked, with undo data", columns)
    say("stages of one file")
    work.mkdir(parents=True, exist_ok=True)
    detail = stages(parts[0], work)
    for workers in (1, 2):
        say(f"import with {workers} worker(s)")
        seconds, txs = imported(folder, work / f"segments-{workers}", workers)
        name = f"dyepack, {workers} worker{'s' * (workers > 1)}"
        table.rows.append([name, round(size), txs, seconds, rate(int(size * 1e6), seconds) / 1e6, rate(txs, seconds)])
    others: tuple[tuple[str, str, Callable[[list[bytes]], int]], ...] = (
        ("btclib parse and ids (plain Python)", "btclib", by_btclib),
        ("py-bitcoinkernel walk from Python", "pbk", by_kernel),
    )
    blocks = sample(parts[0], share)
    taken = sum(map(len, blocks)) / 1e6
    for name, module, other in others:
        say(name)
        try:
            importlib.import_module(module)
        except ImportError:
            table.rows.append([f"{name}: not installed", None, None, None, None, None])
            continue
        seconds, txs = timed(lambda: other(blocks))  # noqa: B023
        table.rows.append([name, round(taken), txs, seconds, rate(int(taken * 1e6), seconds) / 1e6, rate(txs, seconds)])
    table.notes.append("the others read no file, match no undo data, classify no script and write nothing")
    return [table, detail]


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--megabytes", type=int, default=400, help="size of the blocks (default: 400)")
    words.add_argument("--sample", type=float, default=10, help="megabytes that the others parse (default: 10)")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where block files are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    given = words.parse_args()
    folder = given.work / f"blocks-{given.megabytes}"
    if not folder.exists():
        say(f"making {given.megabytes:,} MB of blocks (kept for the next run)")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        written(partial, given.megabytes)
        partial.rename(folder)
    with tempfile.TemporaryDirectory(dir=given.work) as scratch:
        show(compare(folder, Path(scratch), given.sample), as_json=given.json)


if __name__ == "__main__":
    main()
