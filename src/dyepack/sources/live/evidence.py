"""What sources answered, kept so that a trace can be run again without them.

    bodies/<2 hex>/<sha256>   bodies as they came (secrets taken out), each once, under the SHA-256 of its bytes
    answers.jsonl             one line an answer: what was asked, the keys it is found under, hash, status, time, URL
    .lock                     held by the one process that writes

A key is the SHA-256 of what was asked: endpoint without secrets, method, and path and query or call and parameters. A
JSON-RPC batch is one body and one line with a key, an id and the hash of its own part for each call. What finally
failed is a line too, so that it fails alike offline. The last line of a key counts.
Invariant: a body appears whole or not at all and before the line that names it; a line that was cut short is removed
before the next is written; a body is hashed again each time it is read; memory is one hash and one offset a key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

import msgspec

from dyepack.errors import CaseError
from dyepack.sources.live.errors import SourceError, again

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

LINES, BODIES, LOCK = "answers.jsonl", "bodies", ".lock"
_TEMP = ".new-"
_RECENT = 8
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Failure(msgspec.Struct, frozen=True):
    """How a question finally failed."""

    kind: str
    problem: str
    remedy: str

    def error(self) -> SourceError:
        """The error again."""
        return again(self.kind, self.problem, self.remedy)


class Record(msgspec.Struct, omit_defaults=True):
    """A line: `asked`, `keys` (and of a batch `ids` and `parts`, the hash of each call's own answer) go together."""

    time: str
    url: str
    asked: list[msgspec.Raw] = []
    keys: list[str] = []
    status: int = 0
    body: str = ""
    ids: list[int] = []
    parts: list[str] = []
    failure: Failure | None = None
    scrubbed: int = 0
    note: str = ""

    def outcome(self, at: int) -> str:
        """What the question at `at` came to: a hash, or how it failed."""
        if self.failure:
            return f"{self.failure.kind}: {self.failure.problem}"
        return self.parts[at] if self.parts else self.body


class _Head(msgspec.Struct):
    """What opening a store reads of a line."""

    keys: list[str] = []
    note: str = ""


_record, _head, _write = msgspec.json.Decoder(Record), msgspec.json.Decoder(_Head), msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found: all of it was sound."""

    answers: int
    failures: int
    bodies: int
    octets: int


def question(url: str, asked: Sequence[object]) -> bytes:
    """The key of a question."""
    return hashlib.sha256(msgspec.json.encode([url, *asked], order="deterministic")).digest()


class Evidence:
    """A folder of answers, open for reading, or for writing by this process alone."""

    def __init__(self, folder: Path, *, write: bool = True) -> None:
        self.folder, self._writes = folder, write
        self._index: dict[bytes, int] = {}
        self._used: set[bytes] = set()
        self._noted: dict[str, None] = {}
        self._recent: dict[int, Record] = {}
        self._lock: IO[bytes] | None = None
        self._file: IO[bytes] | None = None
        self._out: IO[bytes] | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: bytes) -> bool:
        return key in self._index

    def _open(self) -> None:
        if not self._writes and not self.folder.is_dir():
            raise CaseError(f"there is no evidence at {self.folder}", remedy="run the trace once without --offline")
        try:
            if self._writes:
                (self.folder / BODIES).mkdir(parents=True, exist_ok=True)
                self._take_lock()
                for left in (self.folder / BODIES).glob(_TEMP + "*"):
                    left.unlink(missing_ok=True)
            self._read_lines()
            if self._writes:
                self._out = (self.folder / LINES).open("ab", buffering=0)
            if (self.folder / LINES).exists():
                self._file = (self.folder / LINES).open("rb")
        except OSError as fault:
            self.close()
            raise CaseError(
                f"the evidence at {self.folder} cannot be opened ({fault.strerror or fault})",
                remedy="check the folder and its permissions",
            ) from fault
        except CaseError:
            self.close()
            raise

    def _take_lock(self) -> None:
        self._lock = (self.folder / LOCK).open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise CaseError(
                f"another process is writing the evidence at {self.folder}",
                remedy="wait until it is done, or use another folder",
            ) from fault

    def _read_lines(self) -> None:
        path = self.folder / LINES
        if not path.exists():
            return
        at = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                try:
                    head = _head.decode(line)
                    keys = [bytes.fromhex(key) for key in head.keys]
                except _UNREADABLE as fault:
                    raise self._damaged(f"{LINES} has a line that is not one of its own (byte {at})") from fault
                for key in keys:
                    self._index[key] = at
                if head.note:
                    self._noted[head.note] = None
                at += len(line)
        if self._writes and path.stat().st_size > at:
            os.truncate(path, at)

    def find(self, key: bytes) -> tuple[Record, int] | None:
        """The line of a question and its place in it, None if it was never asked."""
        offset = self._index.get(key)
        if offset is None:
            return None
        record = self._line(offset)
        try:
            return record, record.keys.index(key.hex())
        except ValueError:
            raise self._damaged(f"{LINES} was changed while it is in use") from None

    def use(self, key: bytes) -> None:
        """The run rests on this answer: it goes into the digest."""
        self._used.add(key)

    def _line(self, offset: int) -> Record:
        if offset in self._recent:
            return self._recent[offset]
        if self._file is None:
            raise ValueError("this evidence is closed")
        self._file.seek(offset)
        try:
            record = self._recent[offset] = _record.decode(self._file.readline())
        except _UNREADABLE as fault:
            raise self._damaged(f"{LINES} has a line that is not one of its own (byte {offset})") from fault
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return record

    def body(self, sha256: str) -> bytes:
        """A body, its hash checked."""
        try:
            place = self._place(sha256)
            if not place.is_file() or place.is_symlink():
                raise self._damaged(f"the body {sha256} is missing, or no plain file")
            body = place.read_bytes()
        except OSError as fault:
            raise self._damaged(f"the body {sha256} is missing or cannot be read") from fault
        if hashlib.sha256(body).hexdigest() != sha256:
            raise self._damaged(f"the body {sha256} was changed")
        return body

    def keep(self, record: Record, body: bytes | None = None) -> None:
        """Write an answer: its body, then its line."""
        if self._out is None:
            raise ValueError("this evidence is not open for writing")
        try:
            if body is not None:
                record.body = self._put(body)
            offset = _append(self._out, _write.encode(record) + b"\n")
        except OSError as fault:
            raise CaseError(
                f"the evidence at {self.folder} cannot be written ({fault.strerror or fault})",
                remedy="make room on the disk and run the trace again: it goes on from there",
            ) from fault
        for key in record.keys:
            self._index[bytes.fromhex(key)] = offset

    def _put(self, body: bytes) -> str:
        sha256 = hashlib.sha256(body).hexdigest()
        place = self._place(sha256)
        if place.exists() and place.stat().st_size == len(body):
            return sha256
        place.parent.mkdir(exist_ok=True)
        temp = self.folder / BODIES / f"{_TEMP}{sha256[:16]}"
        with temp.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        temp.replace(place)
        return sha256

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise self._damaged(f"{LINES} names a body that is no hash")
        return self.folder / BODIES / sha256[:2] / sha256

    def note(self, text: str, *, time: str, url: str) -> None:
        """Keep a remark about a source, once."""
        if text not in self._noted:
            self._noted[text] = None
            if self._writes:
                self.keep(Record(time=time, url=url, note=text))

    def notes(self) -> list[str]:
        """The remarks, oldest first."""
        return list(self._noted)

    def records(self) -> Iterator[Record]:
        """Every line, oldest first."""
        path = self.folder / LINES
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):
                        yield _record.decode(line)

    def digest(self, *, everything: bool = False) -> str:
        """One hash for the answers used since the store was opened (or for all); time and order are not in it."""
        wanted = self._index.keys() if everything else self._used
        at, found = 0, []
        path = self.folder / LINES
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):
                        record = _record.decode(line)
                        for place, name in enumerate(record.keys):
                            key = bytes.fromhex(name)
                            if key in wanted and self._index.get(key) == at:
                                outcome = hashlib.sha256(record.outcome(place).encode()).digest()
                                found.append(key + outcome)
                    at += len(line)
        total = hashlib.sha256()
        for one in sorted(set(found)):
            total.update(one)
        return total.hexdigest()

    def verify(self) -> Verified:
        """Hash every body again; CaseError if one is missing or was changed, or a line is not sound."""
        bodies: dict[str, int] = {}
        failures = 0
        try:
            for record in self.records():
                failures += record.failure is not None
                if record.body and record.body not in bodies:
                    bodies[record.body] = len(self.body(record.body))
                if len(record.asked) != len(record.keys) or len(record.ids) != len(record.parts):
                    raise self._damaged(f"{LINES} has a line whose parts do not fit together")
        except _UNREADABLE as fault:
            raise self._damaged(f"{LINES} has a line that is not one of its own") from fault
        return Verified(len(self._index), failures, len(bodies), sum(bodies.values()))

    def _damaged(self, what: str) -> CaseError:
        return CaseError(
            f"the evidence at {self.folder} is damaged: {what}",
            remedy="take the folder from a copy, or trace again into a new folder",
        )

    def close(self) -> None:
        """Let go of the files and the lock; what was written is on the disk."""
        if self._out is not None:
            os.fsync(self._out.fileno())
        for file in (self._file, self._out, self._lock):
            if file is not None:
                file.close()
        self._file = self._out = self._lock = None


def _append(out: IO[bytes], line: bytes) -> int:
    """Write a line whole, or leave the file as it was; where the line begins."""
    offset = out.seek(0, os.SEEK_END)
    left = memoryview(line)
    try:
        while left:
            left = left[out.write(left) :]
    except OSError:
        out.truncate(offset)
        raise
    return offset
