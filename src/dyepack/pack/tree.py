"""The files of a pack, a folder or a zip, opened without following or believing anything in it.

Invariant: an opened Tree has only plain files with safe names, no two of which are one on some system.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from dyepack.errors import CaseError, quoted
from dyepack.pack import zipped
from dyepack.pack.names import flaw, twins
from dyepack.pack.verification import PackFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FILES = 2_000_000
_DEEPEST = 12
_PIECE = 1 << 20


@dataclass(slots=True)
class Tree:
    """An opened pack: sizes by name, in the order of names."""

    path: Path
    sizes: dict[str, int]
    _file: IO[bytes] | None = None
    _entries: dict[str, zipped.Entry] | None = None

    @property
    def is_zip(self) -> bool:
        """Whether the pack is one file."""
        return self._entries is not None

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, a piece at a time; PackFault if it cannot be read whole."""
        if self._entries is not None and self._file is not None:
            yield from zipped.pieces(self._file, self._entries[name])
            return
        try:
            with os.fdopen(os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
                while piece := source.read(_PIECE):
                    yield piece
        except OSError as fault:
            raise PackFault("bag", name, f"cannot be read ({fault.strerror})") from fault

    def read(self, name: str, most: int = 1 << 30) -> bytes:
        """A whole file; PackFault if it is not there or has more than `most` bytes."""
        if name not in self.sizes:
            raise PackFault("bag", name, "is missing")
        if self.sizes[name] > most:
            raise PackFault("bag", name, f"has more than {most:,} bytes")
        return b"".join(self.pieces(name))

    def unpack(self, folder: Path, start: str) -> None:
        """Write the files below `start` into a folder."""
        for name in self.sizes:
            if name.startswith(start):
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as out:
                    for piece in self.pieces(name):
                        out.write(piece)


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """A pack's files; CaseError if there is no pack at all, PackFault for what a pack may not hold."""
    if path.is_dir():
        yield Tree(path, dict(sorted(_walk(path))))
    elif path.is_file():
        with path.open("rb") as file:
            found = zipped.entries(file, path.stat().st_size)
            yield Tree(path, {e.name: e.size for e in found}, file, {e.name: e for e in found})
    else:
        raise CaseError(f"there is no pack at {path}", remedy="make one with `dyepack pack`")


def _walk(path: Path) -> list[tuple[str, int]]:
    """Name and size of every file below a folder."""
    found: list[tuple[str, int]] = []
    _look(path, "", 0, found)
    names = [name for name, _ in found]
    if pair := twins(sorted(names)):
        raise PackFault("bag", pair[1], f"some systems take it for {pair[0]}")
    return found


def _look(folder: Path, start: str, depth: int, found: list[tuple[str, int]]) -> None:
    with os.scandir(folder) as held:
        things = sorted(held, key=lambda thing: thing.name)
    if not things:
        raise PackFault("bag", start.rstrip("/"), "is an empty folder")
    for thing in things:
        name = start + thing.name
        if why := flaw(name):
            raise PackFault("bag", quoted(name), why)
        facts = thing.stat(follow_symlinks=False)
        if stat.S_ISDIR(facts.st_mode) and depth < _DEEPEST:
            _look(folder / thing.name, name + "/", depth + 1, found)
        elif stat.S_ISREG(facts.st_mode):
            found.append((name, facts.st_size))
        else:
            raise PackFault("bag", name, "is a link, a device or nested too deep, not a plain file")
        if len(found) > MOST_FILES:
            raise PackFault("bag", "", f"has more than {MOST_FILES:,} files")
