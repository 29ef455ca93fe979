"""Which files an import of blocks reads: blocks with their undo data and their mask, in parts of bounded size.

Invariant: each file that was named is a part, or companion of one (undo data, xor.dat); anything else is an InputError.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError
from dyepack.sources.bitcoin.blocks.node_files import MAX_BLOCK, magic_of, read_key, unmask

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dyepack.ledger.schema import U8

_BLK = re.compile(r"blk([0-9]+)\.dat", re.ASCII)
_REV = re.compile(r"rev([0-9]+)\.dat", re.ASCII)
_UNDO = "-undo"
_MASK = "xor.dat"

_PART = 1 << 27
_SPLIT_FROM = 1 << 28
"""Bytes of a part, and of a file from which on it is split (a node's files have 2^27 at most)."""

_LARGEST = 1 << 30
"""Bytes of what cannot be split beyond which nothing is read."""

_SPARE = 64
"""Reserved zeros that are kept at the end of a file that has very many."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `stop` of a file of blocks, the file of what its blocks spend, and the mask of both."""

    path: Path
    undo: Path | None
    key: bytes
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes of the blocks."""
        return self.stop - self.start

    def read(self) -> U8:
        """The bytes as they are on disk."""
        return np.fromfile(self.path, np.uint8, count=self.size, offset=self.start)


def parts_of(paths: Iterable[Path]) -> list[Part]:
    """The parts of the files named, in the order of their names; folders stand for the node's files in them."""
    named = list(dict.fromkeys(file for path in paths for file in _files(path)))
    companions: dict[Path, Path] = {}
    blocks = []
    for file in named:
        if file.name == _MASK:
            companions[file] = file
        elif (belongs := _blocks_of(file)) is not None:
            companions[file] = belongs
        else:
            blocks.append(file)
    for file, owner in companions.items():
        alone = owner not in blocks if file != owner else not any(b.parent == file.parent for b in blocks)
        if alone:
            needs = (
                f"belongs to {owner.name}, which was not named" if file != owner else "masks none of the files named"
            )
            raise InputError(file, f"the file {needs}", remedy="name the file of blocks too, or the blocks folder")
    return [part for file in blocks for part in _parts(file)]


def is_rev(path: Path) -> bool:
    """Whether a file has the name of a node's undo data."""
    return _REV.fullmatch(path.name) is not None


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        what = "is not a plain file" if path.exists() else "does not exist"
        raise InputError(path, f"the path {what}", remedy="give files of blocks, or the blocks folder of a node")
    for folder in (path, path / "blocks"):
        found = sorted(file for file in folder.glob("blk*.dat") if _BLK.fullmatch(file.name) and file.is_file())
        if found:
            return sorted(found, key=lambda file: int(file.name[3:-4]))
    raise InputError(path, "the folder holds no blk?????.dat", remedy="give the blocks folder of a node, or name files")


def _blocks_of(file: Path) -> Path | None:
    """The file of blocks that a file of undo data belongs to; None for any other file."""
    if number := _REV.fullmatch(file.name):
        return file.with_name(f"blk{number[1]}.dat")
    return file.with_name(file.name.replace(_UNDO, "", 1)) if file.stem.endswith(_UNDO) else None


def _parts(path: Path) -> list[Part]:
    size = path.stat().st_size
    key = read_key(path.with_name(_MASK))
    head = np.fromfile(path, np.uint8, count=8)
    number = _BLK.fullmatch(path.name)
    if magic_of(head) is not None or (magic_of(unmask(head, key)) is None and not number):
        key = b""
    beside = path.with_name(f"rev{number[1]}.dat" if number else f"{path.stem}{_UNDO}{path.suffix}")
    undo = beside if beside.is_file() else None
    if size < _SPLIT_FROM or undo is not None:
        for file in (path, undo or path):
            if file.stat().st_size > _LARGEST:
                problem = f"is larger than {_LARGEST >> 20} MiB: a node does not write such files"
                raise InputError(file, problem, remedy="copy it again, or give the blocks without undo data")
        return [Part(path, undo, key, 0, size)]
    marks, at = _marks(path, key, size)
    if size - at > _PART and (filled := _filled(path, at)) is None:
        size = min(at + _SPARE, size)
    elif size - at > _LARGEST:
        raise InputError(path, f"byte {filled:,}: no record begins here, and "
                         f"{size - at:,} bytes are left", remedy="split the file where its records end")  # fmt: skip
    marks = [0, *marks, size]
    return [Part(path, None, key, begin, end) for begin, end in itertools.pairwise(marks)]


def _filled(path: Path, at: int) -> int | None:
    """Where the first byte other than zero stands, from `at` on; None where there is none."""
    zeros = bytes(1 << 20)
    with path.open("rb") as file:
        file.seek(at)
        while part := file.read(len(zeros)):
            if part != zeros[: len(part)]:
                return file.tell() - len(part.lstrip(b"\0"))
    return None


def _marks(path: Path, key: bytes, size: int) -> tuple[list[int], int]:
    """Where to split a large file, between two records, and the first place where there is no record."""
    marks: list[int] = []
    at = 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = unmask(np.frombuffer(file.read(8), np.uint8), key, at)
            length = int.from_bytes(head[4:].tobytes(), "little")
            if len(head) < 8 or magic_of(head) is None or length > MAX_BLOCK:
                break
            if at - (marks[-1] if marks else 0) >= _PART:
                marks.append(at)
            at += 8 + length
    return marks, min(at, size)
