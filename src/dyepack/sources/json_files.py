"""Files of JSON: one document, JSON Lines, or documents one after another; gzip too.

Invariant: each value of a file comes once, in order, with the line on which it begins; a file of lines is not held in
memory whole.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.sources.csvbytes import GZIP_MAGIC, opening
from dyepack.strict_json import no_json, parse_at, past_blanks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

_PEEK = 1 << 16
_MOST_PACKED, _LEAST_HELD = 100, 1 << 28


def first_bytes(path: Path) -> bytes:
    """How a file begins, unpacked where it is gzip."""
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK)
        if start.startswith(GZIP_MAGIC):
            with gzip.open(path, "rb") as packed:
                return packed.read(_PEEK)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(path, f"cannot be read ({error})", remedy="fetch the file again") from error
    return start


def values(path: Path) -> Iterator[tuple[int, object]]:
    """Each JSON value of a file, with the line on which it begins."""
    packed = opening(path).startswith(GZIP_MAGIC)
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            yield from _values(path, file, unpacked_at_most(path))
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(path, f"cannot be read ({error})", remedy="fetch the file again") from error


def unpacked_at_most(path: Path, least: int = 0) -> int:
    """Bytes that may be held of a file at once: all of it, or, packed, a hundred times its size.

    least  what may be held of a small file, 0: what is for files of values one after another
    """
    return max(least or _LEAST_HELD, _MOST_PACKED * path.stat().st_size)


def too_much(path: Path) -> InputError:
    """The fault of a file that unpacks to more."""
    return InputError(path, f"unpacks to more than {_MOST_PACKED} times its size, as no such data does",
                      remedy="fetch it again, or unpack it and look what it is")  # fmt: skip


def _values(path: Path, file: BufferedReader | gzip.GzipFile, most: int) -> Iterator[tuple[int, object]]:
    for line, raw in enumerate(iter(lambda: file.readline(most + 1), b""), start=1):
        if len(raw) > most:
            raise too_much(path)
        text = _text(path, raw, line).removeprefix("\ufeff" if line == 1 else "")
        if not text.strip():
            continue
        try:
            found = list(_decode(path, text, line))
        except json.JSONDecodeError:
            # A value may go over several lines: from here on the file is read as a whole.
            rest = file.read(most + 1)
            if len(rest) > most:
                raise too_much(path) from None
            text += _text(path, rest, line + 1)
            try:
                yield from _decode(path, text, line)
            except json.JSONDecodeError as error:
                raise no_json(path, error, line) from None
            return
        yield from found


def _text(path: Path, raw: bytes, line: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        raise InputError(path, "is not UTF-8 text", remedy="save the file as UTF-8 text", line=at) from None


def _decode(path: Path, text: str, line: int) -> Iterator[tuple[int, object]]:
    """Each value of a text that begins on that line; JSONDecodeError where it is no JSON."""
    at, counted, here = past_blanks(text, 0), 0, line
    while at < len(text):
        here += text.count("\n", counted, at)
        counted = at
        value, end = parse_at(path, text, at, line)
        yield here, value
        at = past_blanks(text, end)
