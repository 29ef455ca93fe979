"""Import of block files: parts are parsed side by side into segments on disk, then joined to one chain.

A part is a file of a node (2^27 bytes) or a stretch of a larger file. Segments outlive the import that made them, for
the next one to go on with (segment_store.py); the caller removes their folder when the ledger is written, not before:
the transactions given back lie in it.

Invariant: a block that was read is in a batch or counted: orphan_blocks, duplicate_blocks, half_written_blocks.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.errors import InputError
from dyepack.progress import OnBytes, no_bytes
from dyepack.sources.bitcoin.blocks import segment_store
from dyepack.sources.bitcoin.blocks.batches import batch
from dyepack.sources.bitcoin.blocks.headers import COPY, ORPHAN, Chain, Headers, choose
from dyepack.sources.bitcoin.blocks.segment import Segment, parse
from dyepack.sources.bitcoin.blocks.source_files import parts_of
from dyepack.sources.bitcoin.networks import BY_GENESIS, BY_NAME
from dyepack.sources.bitcoin.result import BitcoinImport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.sources.bitcoin.blocks.source_files import Part
    from dyepack.sources.bitcoin.networks import Network


_HARDER = 32_256
"""Mainnet's height from which its blocks are harder than the first ones."""

_DAYS = 2 * 86_400
"""Seconds by which the clocks of miners may differ, and more (consensus allows some two hours)."""

_ALONE_BELOW = 1 << 28
"""Bytes below which this process reads all: starting others takes a second or two."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An InputError on its way between processes (its constructor has other arguments than it keeps)."""

    file: str
    problem: str
    remedy: str
    line: int | None

    @classmethod
    def of(cls, error: InputError) -> _Refusal:
        place = error.file + (f", line {error.line}" if error.line is not None else "")
        return cls(error.file, error.problem.removeprefix(f"{place}: "), error.remedy, error.line)

    def error(self) -> InputError:
        return InputError(self.file, self.problem, remedy=self.remedy, line=self.line)


def import_blocks(
    paths: list[Path], *, work: Path, first_height: int | None = None, workers: int = 2,
    progress: OnBytes = no_bytes,
) -> BitcoinImport:  # fmt: skip
    """Read block files of one chain; InputError for anything that is not whole and consistent.

    paths         blk?????.dat (their rev?????.dat and xor.dat beside them are read too), a folder of these, files of
                  concatenated records, raw blocks (with *-undo.raw), files of hexadecimal lines
    work          folder for segments; the batches lie in it
    first_height  height of the first block, where the files begin in the middle and blocks do not tell (BIP 34)
    workers       processes
    progress      called with bytes done, bytes in all, and what was done
    """
    parts = parts_of(paths)
    with _locked(work):
        folders = _segments(parts, work, workers, progress)
        segments = [_opened(folder, part) for folder, part in zip(folders, parts, strict=True)]
    result = BitcoinImport(files=_read_files(parts))
    for segment in segments:
        for name, number in segment.counts.items():
            result.count(name, number)
    headers = _headers(parts, segments)
    if not headers.hashes:
        raise InputError(paths[0] if paths else "blocks", "the files hold no block", remedy="name files that do")
    network = _network(parts, segments, headers)
    chain = choose(headers, first_height)
    result.network = network.address if network else _guessed(headers, chain, result)
    result.notes += chain.notes
    _refuse_falling_time(headers, chain, np.concatenate([s.columns["block_time"] for s in segments]))
    at = 0
    for part, segment in zip(parts, segments, strict=True):
        height = chain.height[at : at + len(segment.columns["block_hash"])]
        at += len(height)
        result.add(batch(segment.columns, height, part.path.name, contiguous=chain.whole))
    _tell(result, parts, segments, chain)
    return result


def _read_files(parts: Sequence[Part]) -> list[Path]:
    masks = [part.path.with_name("xor.dat") for part in parts if part.key]
    undo = [part.undo for part in parts if part.undo is not None]
    return list(dict.fromkeys([*(part.path for part in parts), *undo, *masks]))


def _headers(parts: Sequence[Part], segments: Sequence[Segment]) -> Headers:
    found = Headers([], [], [], [], lambda row: str(parts[int(np.searchsorted(ends, row, "right"))].path))
    ends = np.cumsum([len(segment.columns["block_hash"]) for segment in segments])
    for segment in segments:
        for name, into in (("block_hash", found.hashes), ("block_prev", found.prev)):
            flat = segment.columns[name].tobytes()
            into += [flat[at : at + 32] for at in range(0, len(flat), 32)]
        found.bits += segment.columns["block_bits"].tolist()
        found.said += segment.columns["block_said"].tolist()
    return found


def _network(parts: Sequence[Part], segments: Sequence[Segment], headers: Headers) -> Network | None:
    """The one network that magics and the hash of block 0 name; InputError where they are several."""
    named = {segment.network: part for part, segment in zip(parts, segments, strict=True) if segment.network}
    if len(named) > 1:
        (one, first), (other, second) = list(named.items())[:2]
        raise InputError(second.path, f"the file is of {other}, and {first.path} is of {one}",
                         remedy="give files of one network only")  # fmt: skip
    magic = BY_NAME[next(iter(named))] if named else None
    for row, (own, before) in enumerate(zip(headers.hashes, headers.prev, strict=True)):
        if not any(before) or before in BY_GENESIS:
            by_hash = BY_GENESIS.get(before) or BY_GENESIS.get(own)
            if magic is not None and by_hash is not magic:
                raise InputError(headers.file_of(row), f"block {own.hex()} does not follow or is not block 0 of "
                                 f"{magic.name}", remedy="give files of one network only")  # fmt: skip
            magic = by_hash
    return magic


def _guessed(headers: Headers, chain: Chain, result: BitcoinImport) -> str | None:
    """The network of blocks that do not name it: testnet where a late block has the difficulty of the first ones."""
    bits, height = np.array(headers.bits), np.asarray(chain.height)
    if ((bits == BY_NAME["testnet3"].easiest) & (height >= _HARDER)).any():
        result.notes.append("the blocks do not name their network; testnet is taken, because one of them is as easy as "
                            "only test networks are at its height")  # fmt: skip
        return BY_NAME["testnet3"].address
    result.notes.append("the blocks do not name their network: mainnet's is taken unless --network says another")
    return None


def _refuse_falling_time(headers: Headers, chain: Chain, time: npt.NDArray[np.int64]) -> None:
    """InputError where a later block of the chain is days older than an earlier one: these are of two chains."""
    kept = np.flatnonzero(np.asarray(chain.height) >= 0)
    kept = kept[np.argsort(np.asarray(chain.height)[kept], kind="stable")]
    latest = np.maximum.accumulate(time[kept].astype(np.int64))
    fallen = np.flatnonzero(time[kept] + _DAYS < latest)
    if len(fallen):
        row = int(kept[fallen[0]])
        raise InputError(
            headers.file_of(row), f"block {headers.hashes[row].hex()} at height {int(chain.height[row])} is days older "
            "than a block below it: they are not of one chain", remedy="give the blocks of one network at a time",
        )  # fmt: skip


def _tell(result: BitcoinImport, parts: Sequence[Part], segments: Sequence[Segment], chain: Chain) -> None:
    """Counts and notes of what was left out."""
    result.count("orphan_blocks", np.count_nonzero(chain.height == ORPHAN))
    result.count("duplicate_blocks", np.count_nonzero(chain.height == COPY))
    if any(part.undo for part in parts):
        known = np.concatenate([segment.columns["block_undo"] for segment in segments])
        result.count("blocks_without_undo", np.count_nonzero((known == 0) & (chain.height >= 0)))
    words = {
        "orphan_blocks": "{:,} blocks lost against others (orphans) and are left out",
        "half_written_blocks": "{:,} blocks at the end of a file were not yet written whole and are left out",
        "half_written_undo": "{:,} undo records at the end of a file were not yet written whole and are left out",
        "undo_without_block": "{:,} undo records belong to no block of their file and are left out",
        "blocks_without_undo": "{:,} blocks have no undo data: the values they spend are taken from the outputs alone",
    }
    result.notes += [text.format(result.counts[name]) for name, text in words.items() if name in result.counts]


# --- parsing side by side -------------------------------------------------------------------------------------------


def _segments(parts: Sequence[Part], work: Path, workers: int, progress: OnBytes) -> list[Path]:
    """The folder of each part's segment, made where it is not there."""
    total, done = sum(part.size for part in parts), 0
    folders: dict[int, Path] = {}
    for at, made in _made(parts, work, 1 if total < _ALONE_BELOW else min(workers, len(parts))):
        if isinstance(made, _Refusal):
            raise made.error()
        folders[at] = made[0]
        done += parts[at].size
        progress(done, total, f"{parts[at].path.name} {'read' if made[1] else 'was read before'}")
    return [folders[at] for at in range(len(parts))]


def _made(
    parts: Sequence[Part], work: Path, workers: int
) -> Iterator[tuple[int, tuple[Path, bool] | _Refusal]]:  # fmt: skip
    if workers <= 1:
        for at, part in enumerate(parts):
            yield at, _segment(part, work)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_attach) as pool:
        waiting = {pool.submit(_segment, part, work): at for at, part in enumerate(parts)}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise InputError(
                work, "a process that was reading blocks ended without a word, perhaps for want of memory",
                remedy="run the import again with one worker: what was read already is kept",
            ) from None  # fmt: skip
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _attach() -> None:
    """Leave an interrupt to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _segment(part: Part, work: Path) -> tuple[Path, bool] | _Refusal:
    """(folder of the part's segment, whether it was made now), or why there is none."""
    try:
        raw = part.read()
        undo_raw = None if part.undo is None else np.fromfile(part.undo, np.uint8)
        made_from = segment_store.origin(part, raw, undo_raw)
        folder = segment_store.folder_of(work, made_from)
        if segment_store.read(folder, check=True) is not None:
            return folder, False
        segment_store.write(folder, made_from, parse(part, raw, undo_raw))
    except InputError as error:
        return _Refusal.of(error)
    except OSError as error:
        return _Refusal(str(part.path), f"cannot be read, or its segment not be written ({error.strerror or error})",
                        "check permissions and the room on the disk; what was read already is kept", None)  # fmt: skip
    return folder, True


def _opened(folder: Path, part: Part) -> Segment:
    segment = segment_store.read(folder, check=False)
    if segment is None:
        raise InputError(part.path, f"its segment in {folder} has gone", remedy="run the import again")
    return segment


@contextmanager
def _locked(work: Path) -> Iterator[None]:
    """Hold the folder of segments for this import alone, and remove what killed ones left half made."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock: Any = (work / segment_store.LOCK).open("wb")
    except OSError as fault:
        raise InputError(work, f"the folder cannot be written ({fault.strerror or fault})",
                         remedy="check its permissions and the room on the disk") from fault  # fmt: skip
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise InputError(work, "another import is using the folder",
                             remedy="wait until it is done") from fault  # fmt: skip
        for old in work.glob(f"{segment_store.PARTIAL}*"):
            shutil.rmtree(old, ignore_errors=True)
        yield
