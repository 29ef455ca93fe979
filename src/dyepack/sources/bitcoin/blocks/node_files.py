"""Block files of a node: where the records are in blk?????.dat and rev?????.dat, and the key they are masked with.

A record is the network's magic, its length (4 bytes, lowest first) and its bytes; a record of undo data is followed by
a checksum of 32. Bitcoin Core reserves room ahead of writing, so that zeros may follow or lie between records, and
since version 28 masks the files with the 8 bytes of xor.dat, by position (the reserved zeros are not masked).

Invariant: each byte of a file belongs to a record, is a reserved zero, or to a last record that is half written
(which is counted); anything else is an InputError that names the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError
from dyepack.sources.bitcoin.networks import BY_MAGIC

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.bitcoin.networks import Network

KEY_SIZE = 8
_HEAD = 8
_LEAST_BLOCK = 81
MAX_BLOCK = 4_000_000
"""Bytes of the largest block (consensus/consensus.h of Bitcoin Core)."""

_MAX_UNDO = 0x02000000
"""Bytes that Core reads as one object at most (serialize.h)."""

_CHECKSUM = 32

AGAIN = "copy the file from the node again, best while the node is stopped"


@dataclass(slots=True)
class Records:
    """Where the records of a file are, without magic, length and checksum.

    start, end    (n,) i64   in the unmasked buffer
    half_written  records that the node had not finished writing (0 or 1)
    loose         the last record ends in reserved zeros: it may be half written
    """

    start: I64
    end: I64
    network: Network | None
    half_written: int = 0
    loose: bool = False


def read_key(path: Path) -> bytes:
    """The mask in an xor.dat; empty where there is no such file or it masks nothing."""
    if not path.is_file():
        return b""
    if (size := path.stat().st_size) != KEY_SIZE:
        raise InputError(path, f"the key has {size} bytes, not {KEY_SIZE}", remedy="copy xor.dat from the node again")
    key = path.read_bytes()
    return key if any(key) else b""


def unmask(raw: U8, key: bytes, position: int = 0) -> U8:
    """The bytes of a file that stand from `position` on, without the mask."""
    if not key:
        return raw
    turn = position % KEY_SIZE
    mask = np.frombuffer(key[turn:] + key[:turn], np.uint8)
    whole = len(raw) // KEY_SIZE * KEY_SIZE
    clear = np.empty_like(raw)
    np.bitwise_xor(raw[:whole].view(np.uint64), mask.view(np.uint64), out=clear[:whole].view(np.uint64))
    clear[whole:] = raw[whole:] ^ mask[: len(raw) - whole]
    return clear


def magic_of(clear: U8) -> Network | None:
    """The network whose magic the buffer begins with."""
    return BY_MAGIC.get(clear[:4].tobytes())


def block_records(path: Path, raw: U8, clear: U8, position: int = 0) -> Records:
    """The records of a file of blocks, or of its bytes from `position` on; `raw` is as on disk, `clear` unmasked."""
    return _Scan(path, raw, clear, position, (_LEAST_BLOCK, MAX_BLOCK), 0).records()


def undo_records(path: Path, raw: U8, clear: U8) -> Records:
    """The records of a file of undo data; a checksum of 32 bytes stands behind each `end`."""
    return _Scan(path, raw, clear, 0, (1, _MAX_UNDO), _CHECKSUM).records()


@dataclass(slots=True)
class _Scan:
    path: Path
    raw: U8
    clear: U8
    position: int
    sizes: tuple[int, int]
    behind: int
    network: Network | None = None

    def records(self) -> Records:
        """All records, or the InputError of the first that is none."""
        start: list[int] = []
        end: list[int] = []
        at, half = self._next(0), 0
        while 0 <= at < len(self.raw):
            size = int.from_bytes(self.clear[at + 4 : at + _HEAD].tobytes(), "little")
            stop = at + _HEAD + size + self.behind
            if self._is_cut(at, size, stop):
                at, half = len(self.raw), 1
                break
            start.append(at + _HEAD)
            end.append(at + _HEAD + size)
            at = self._next(stop)
        loose = bool(end) and not half and not self.raw[max(end[-1] + self.behind - 16, start[-1]) :].any()
        return Records(
            np.array(start, np.int64), np.array(end, np.int64), self.network, half or int(at < 0), loose
        )  # fmt: skip

    def _next(self, at: int) -> int:
        """Where the next record begins, past reserved zeros; the end of the file, or -1 where a magic is cut there."""
        if self._is_record(at):
            return at
        first = _first_filled(self.raw, at)
        if first == len(self.raw):
            return first
        # A masked record may begin with up to three bytes that are zero on disk.
        for begin in range(max(at, first - 3), first + 1):
            if self._is_record(begin):
                return begin
            if self._is_cut_magic(begin):
                return -1
        raise self._fault(
            first, "no record begins here, and the bytes are not reserved room",
            f"the file is damaged, or xor.dat is not the one of its node: {AGAIN}",
        )  # fmt: skip

    def _is_record(self, at: int) -> bool:
        found = BY_MAGIC.get(self.clear[at : at + 4].tobytes())
        if found is not None and self.network not in (None, found):
            problem = f"a record of {found.name} follows records of another network"
            raise self._fault(at, problem, "give files of one network only")
        self.network = self.network or found
        return found is not None

    def _is_cut_magic(self, at: int) -> bool:
        """Whether nothing follows but one to three bytes of a magic and reserved zeros."""
        filled = np.flatnonzero(self.raw[at : at + 3])
        if self.network is None or not len(filled) or self.raw[at + 3 :].any():
            return False
        return self.network.magic.startswith(self.clear[at : at + int(filled[-1]) + 1].tobytes())

    def _is_cut(self, at: int, size: int, stop: int) -> bool:
        """Whether the record is half written; InputError where it cannot be."""
        least, most = self.sizes
        fits = least <= size <= most
        if fits and stop <= len(self.raw):
            return False
        is_last = fits or len(self.raw) - at < _HEAD or not self.raw[at + _HEAD :].any()
        if is_last and not self._record_follows(at + 4):
            return True
        wrong = "but the next begins sooner" if fits or least <= size else f"and none has fewer than {least}"
        wrong = wrong if size <= most else f"and none has more than {most:,}"
        raise self._fault(at, f"a record of {size:,} bytes is declared, {wrong}", f"the file is damaged: {AGAIN}")

    def _record_follows(self, at: int) -> bool:
        data, magic = self.clear[at:].tobytes(), self.network.magic if self.network else b""
        found = data.find(magic)
        while found >= 0:
            size = int.from_bytes(data[found + 4 : found + _HEAD], "little")
            if self.sizes[0] <= size <= self.sizes[1] and found + _HEAD + size + self.behind <= len(data):
                return True
            found = data.find(magic, found + 1)
        return False

    def _fault(self, at: int, problem: str, remedy: str) -> InputError:
        return InputError(self.path, f"byte {self.position + at:,}: {problem}", remedy=remedy)


def _first_filled(raw: U8, at: int) -> int:
    """Where the next byte other than zero stands, or the end."""
    step = 1 << 16
    for begin in range(at, len(raw), step):
        filled = np.flatnonzero(raw[begin : begin + step])
        if len(filled):
            return begin + int(filled[0])
    return len(raw)
