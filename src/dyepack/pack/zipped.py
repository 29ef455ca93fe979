"""Packs as one file: a zip whose every byte is settled by the names and contents of its entries.

Entries are stored, not compressed, in the order of their names, with one fixed date and no extras, so that the same
files give the same bytes on every system, nothing can swell, and nothing can hide between entries.
Invariant: `entries` accepts exactly what `write` writes; any other byte is a PackFault that names the entry.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.pack.names import flaw, twins
from dyepack.pack.verification import PackFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_DATE = 0x0021
"""1 January 1980, the first day that a zip can say."""
_VERSION = 20
_PIECE = 1 << 20
MOST_ENTRIES, MOST_BYTES = 0xFFFE, 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where its bytes begin in the file, how many, and their CRC-32."""

    name: str
    at: int
    size: int
    crc: int

    @property
    def header(self) -> bytes:
        """The local header."""
        raw = self.name.encode("ascii")
        return _LOCAL + self._fields() + struct.pack("<HH", len(raw), 0) + raw

    @property
    def central(self) -> bytes:
        """The entry's line in the directory at the end."""
        raw = self.name.encode("ascii")
        start = self.at - len(self.header)
        rest = struct.pack("<HHHHHII", len(raw), 0, 0, 0, 0, 0, start)
        return _CENTRAL + struct.pack("<H", _VERSION) + self._fields() + rest + raw

    def _fields(self) -> bytes:
        return struct.pack("<HHHHHIII", _VERSION, 0, 0, 0, _DATE, self.crc, self.size, self.size)


def write(out: IO[bytes], files: Mapping[str, Path]) -> None:
    """Write a pack's files as a zip; UsageError if they are too many or too large for one."""
    sizes = sum(path.stat().st_size + 2 * len(name) + 80 for name, path in files.items())
    if len(files) > MOST_ENTRIES or sizes > MOST_BYTES:
        raise UsageError(f"{len(files):,} files of {sizes:,} bytes do not go into one zip",
                         remedy="name a folder: a pack without .zip at the end of its name")  # fmt: skip
    made, at = [], 0
    for name in sorted(files):
        crc, size = _sum_of(files[name])
        header = len(Entry(name, 0, size, crc).header)
        entry = Entry(name, at + header, size, crc)
        out.write(entry.header)
        with files[name].open("rb") as source:
            while piece := source.read(_PIECE):
                out.write(piece)
        at = entry.at + size
        made.append(entry)
    out.write(_directory(made, at))


def _sum_of(path: Path) -> tuple[int, int]:
    crc = size = 0
    with path.open("rb") as source:
        while piece := source.read(_PIECE):
            crc = zlib.crc32(piece, crc)
            size += len(piece)
    return crc, size


def _directory(made: list[Entry], at: int) -> bytes:
    central = b"".join(entry.central for entry in made)
    count = len(made)
    return central + _END + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), at, 0)


def entries(file: IO[bytes], size: int) -> list[Entry]:
    """The entries of a zip pack; PackFault names the first entry that `write` would not have written."""
    found: list[Entry] = []
    at = 0
    while (start := _read(file, at, 30)[:4]) == _LOCAL:
        entry = _entry_at(file, at, size, len(found) + 1)
        if found and entry.name <= found[-1].name:
            raise PackFault("bag", entry.name, "stands twice in the zip, or out of order", len(found) + 1)
        found.append(entry)
        at = entry.at + entry.size
        if len(found) > MOST_ENTRIES:
            raise PackFault("bag", "", "the zip has too many entries")
    if start != _CENTRAL or not found:
        last = found[-1].name if found else ""
        raise PackFault("bag", last, "what follows it in the zip is no entry" if found else "is no zip of dyepack")
    if pair := twins(entry.name for entry in found):
        raise PackFault("bag", pair[1], f"some systems take it for {pair[0]}")
    wanted = _directory(found, at)
    _compare(file, at, wanted, size, found)
    return found


def _compare(file: IO[bytes], at: int, wanted: bytes, size: int, found: list[Entry]) -> None:
    """PackFault unless the file ends with exactly this directory."""
    have = _read(file, at, len(wanted))
    if have == wanted and size == at + len(wanted):
        return
    done = 0
    for number, entry in enumerate(found, 1):
        line = entry.central
        if have[done : done + len(line)] != line:
            raise PackFault("bag", entry.name, "its line in the zip's directory is not as dyepack writes it", number)
        done += len(line)
    raise PackFault("bag", found[-1].name, "the zip's directory goes on behind it, or ends otherwise than it must",
                    len(found))  # fmt: skip


def _entry_at(file: IO[bytes], at: int, size: int, number: int) -> Entry:
    raw = _read(file, at, 30)
    if len(raw) < 30:
        raise PackFault("bag", "", "the zip is cut short", number)
    _, flags, method, _, _, crc, packed, whole, length, extra = struct.unpack("<HHHHHIIIHH", raw[4:])
    written = _read(file, at + 30, length)
    if len(written) < length:
        raise PackFault("bag", "", "the zip is cut short", number)
    name = written.decode("latin-1")
    shown = name if not flaw(name) else quoted(name)
    if why := flaw(name):
        raise PackFault("bag", shown, why, number)
    if method or flags or packed != whole:
        raise PackFault("bag", shown, "is compressed, encrypted or of a size told later; the entries of a pack are "
                        "stored, so that none can swell (unpack it and verify the folder)", number)  # fmt: skip
    entry = Entry(name, at + 30 + length + extra, whole, crc)
    if raw + written != entry.header:
        raise PackFault("bag", shown, "its header in the zip is not as dyepack writes it", number)
    if entry.at + whole > size:
        raise PackFault("bag", shown, "goes on behind the end of the zip", number)
    return entry


def _read(file: IO[bytes], at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def pieces(file: IO[bytes], entry: Entry) -> Iterator[bytes]:
    """The bytes of an entry; PackFault if they have not its CRC-32."""
    file.seek(entry.at)
    left, crc = entry.size, 0
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            raise PackFault("bag", entry.name, "the zip is cut short in it")
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
        yield piece
    if crc != entry.crc:
        raise PackFault("bag", entry.name, "its bytes have another check sum than its header in the zip says")
