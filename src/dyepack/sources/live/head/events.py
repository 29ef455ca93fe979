"""What a follower tells: blocks that came and blocks that fell out of the chain; and the log that keeps every event.

The log is JSON lines, only ever appended to: an event with the SHA-256 over the one before it and itself, or the number
of an event that was acknowledged. Invariant: an event is on disk before anyone is told of it, numbers have no holes,
and what the log says, applied in order, is the state.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from dyepack.errors import LedgerError
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.source import LiveMove, LiveTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_START = hashlib.sha256(b"dyepack events 1").hexdigest()


@dataclass(frozen=True, slots=True)
class FollowedBlock:
    """A block with what its transactions moved, in chain order."""

    ref: BlockRef
    transactions: tuple[LiveTransaction, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Blocks `reverted`, newest first, then blocks `committed`, oldest first; numbers count from 1."""

    number: int
    reverted: tuple[BlockRef, ...]
    committed: tuple[FollowedBlock, ...]

    @property
    def kind(self) -> Literal["commit", "revert", "reorg"]:
        """What happened, in a word."""
        if not self.reverted:
            return "commit"
        return "reorg" if self.committed else "revert"


class _Move(msgspec.Struct, array_like=True, frozen=True):
    """A move as it is kept; units are text, since they may pass 64 bits."""

    kind: int
    index: int
    sender: str
    receiver: str
    asset: str
    units: str


class _Transaction(msgspec.Struct, frozen=True):
    txid: str
    index: int
    moves: tuple[_Move, ...]
    left_out: dict[str, int]
    partial: str


class _Header(msgspec.Struct, array_like=True, frozen=True):
    number: int
    hash: str
    parent: str
    time: int


class _Committed(msgspec.Struct, frozen=True):
    block: _Header
    transactions: msgspec.Raw


class _Event(msgspec.Struct, frozen=True):
    number: int
    reverted: tuple[_Header, ...]
    committed: tuple[_Committed, ...]


class _Numbered(msgspec.Struct, frozen=True):
    """An event of which only the number matters."""

    number: int


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    event: msgspec.Raw = msgspec.Raw()
    sha256: str = ""
    acknowledged: int = 0


_TRANSACTIONS = msgspec.json.Decoder(tuple[_Transaction, ...])
_EVENT = msgspec.json.Decoder(_Event)
_NUMBER = msgspec.json.Decoder(_Numbered)
_LINE = msgspec.json.Decoder(_Line)
_JSON = msgspec.json.Encoder(order="deterministic")


def encode_transactions(transactions: tuple[LiveTransaction, ...]) -> bytes:
    """The transactions of a block as JSON: the same facts give the same bytes."""
    return _JSON.encode([
        _Transaction(
            tx.txid, tx.index,
            tuple(_Move(m.kind, m.index, m.sender, m.receiver, m.asset, str(m.units)) for m in tx.moves),
            tx.left_out, tx.partial,
        )
        for tx in transactions
    ])  # fmt: skip


def decode_transactions(raw: bytes | msgspec.Raw, ref: BlockRef) -> tuple[LiveTransaction, ...]:
    """The transactions of block `ref` from their JSON; ValueError if it is damaged."""
    return tuple(
        LiveTransaction(
            tx.txid, ref.number, ref.hash, tx.index, ref.time,
            [LiveMove(m.kind, m.index, m.sender, m.receiver, m.asset, int(m.units)) for m in tx.moves],
            tx.left_out, tx.partial,
        )
        for tx in _TRANSACTIONS.decode(raw)
    )  # fmt: skip


def _header(ref: BlockRef) -> _Header:
    return _Header(ref.number, ref.hash, ref.parent, ref.time)


def _ref(header: _Header) -> BlockRef:
    return BlockRef(header.number, header.hash, header.parent, header.time)


def _encode(event: Event) -> bytes:
    committed = tuple(
        _Committed(_header(b.ref), msgspec.Raw(encode_transactions(b.transactions))) for b in event.committed
    )
    return _JSON.encode(_Event(event.number, tuple(map(_header, event.reverted)), committed))


def _decode(raw: bytes | msgspec.Raw) -> Event:
    kept = _EVENT.decode(raw)
    blocks = []
    for committed in kept.committed:
        ref = _ref(committed.block)
        blocks.append(FollowedBlock(ref, decode_transactions(committed.transactions, ref)))
    return Event(kept.number, tuple(map(_ref, kept.reverted)), tuple(blocks))


class EventLog:
    """The log of one follower, locked while it is open.

    `last` is the number of the newest event, `acknowledged` that of the newest one that was taken note of.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = self.acknowledged = 0
        self._digest = _START
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as fault:
            raise LedgerError(f"{path} cannot be opened ({fault.strerror})", remedy="choose another place") from fault
        try:
            self._lock()
            self._size = self._recover()
            _sync_folder(path.parent)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which frees its lock; closing twice does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, event: Event) -> None:
        """Keep an event, on disk before this returns; its number must be the next."""
        if event.number != self.last + 1:
            raise ValueError(f"event {event.number} cannot follow event {self.last}")
        raw = _encode(event)
        digest = _chained(self._digest, raw)
        self._write(_JSON.encode(_Line(event=msgspec.Raw(raw), sha256=digest)), sync=True)
        self.last, self._digest = event.number, digest

    def acknowledge(self, number: int) -> None:
        """Note that everyone was told of an event; lost in a power cut, the event is only told once more."""
        if not self.acknowledged < number <= self.last:
            raise ValueError(f"event {number} cannot be acknowledged after {self.acknowledged} of {self.last}")
        self._write(_JSON.encode(_Line(acknowledged=number)), sync=False)
        self.acknowledged = number

    def after(self, number: int) -> Iterator[Event]:
        """The events with higher numbers, in order, read from the disk one at a time."""
        for place, line, _ in self._lines():
            if line.event:
                event = self._event(place, line)
                if event.number > number:
                    yield event

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            raise LedgerError(f"{self.path} is in use", remedy="wait until the other follower has stopped") from fault

    def _recover(self) -> int:
        """Read and check the whole log; cut off a last line that was not written to its end."""
        size = 0
        for place, line, size in self._lines():  # noqa: B007 (the size after the loop is what counts)
            if line.event:
                digest = _chained(self._digest, line.event)
                if line.sha256 != digest or self._number(place, line) != self.last + 1:
                    raise self._damaged(place)
                self.last, self._digest = self.last + 1, digest
            elif self.acknowledged < line.acknowledged <= self.last:
                self.acknowledged = line.acknowledged
            else:
                raise self._damaged(place)
        if size != os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, size)
            os.fsync(self._fd)
        return size

    def _lines(self) -> Iterator[tuple[int, _Line, int]]:
        """Line number, line, and where the next begins; what follows the last line's end was never told."""
        end = 0
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(0)
            for place, raw in enumerate(file, 1):
                if not raw.endswith(b"\n"):
                    return
                end += len(raw)
                try:
                    line = _LINE.decode(raw)
                except msgspec.DecodeError as fault:
                    raise self._damaged(place) from fault
                yield place, line, end

    def _number(self, place: int, line: _Line) -> int:
        try:
            return _NUMBER.decode(line.event).number
        except msgspec.DecodeError as fault:
            raise self._damaged(place) from fault

    def _event(self, place: int, line: _Line) -> Event:
        try:
            return _decode(line.event)
        except (msgspec.DecodeError, ValueError) as fault:
            raise self._damaged(place) from fault

    def _damaged(self, place: int) -> LedgerError:
        remedy = "restore it from a copy, or remove it with the block store beside it and follow anew"
        return LedgerError(f"{self.path}, line {place}: the log of events is damaged or was changed", remedy=remedy)

    def _write(self, line: bytes, *, sync: bool) -> None:
        """Append a line, all or nothing."""
        raw = line + b"\n"
        try:
            written = 0
            while written < len(raw):
                written += os.write(self._fd, raw[written:])
            if sync:
                os.fsync(self._fd)
        except OSError as fault:
            os.ftruncate(self._fd, self._size)
            remedy = "make room on the disk and start again: nothing was lost"
            raise LedgerError(f"{self.path} cannot be written ({fault.strerror})", remedy=remedy) from fault
        self._size += len(raw)


def _chained(before: str, raw: bytes | msgspec.Raw) -> str:
    return hashlib.sha256(before.encode() + bytes(raw)).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a new file's name last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
