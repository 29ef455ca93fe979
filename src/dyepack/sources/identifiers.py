"""Transaction hashes, addresses and text references: columns to fixed-width bytes, and bytes to small codes.

Invariant: hexadecimal of any case gives the same bytes; a value that is not exactly "0x" and the right
number of hexadecimal digits is an InputError. Text references hold no control characters and do not begin
or end in a space.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.sources.columns import is_text, text_bytes
from dyepack.sources.table import concat

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from dyepack.errors import InputError
    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.table import Column

ADDRESS = 20
HASH = 32
MAX_TEXT = 64
"""Bytes of the longest transaction reference or account name."""

_BLOCK = 16384
_BAD = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]|\A\s|\s\Z")
_WORDS = {ADDRESS: "an address", HASH: "a transaction hash"}


def hex_ids(column: Column, width: int, *, optional: bool = False) -> tuple[U8, npt.NDArray[np.bool_]]:
    """Each value as `width` bytes, and whether there was one; an empty value is zero bytes."""
    parts: list[U8] = []
    empties: list[npt.NDArray[np.bool_]] = []
    for chunk in column.chunks:
        decoded = _chunk_ids(column, chunk, width)
        if decoded is None:
            raise _bad_hex(column, width, optional=optional)
        parts.append(decoded[0])
        empties.append(decoded[1])
    ids = concat(parts, np.zeros((0, width), np.uint8))
    empty = concat(empties, np.zeros(0, np.bool_))
    if not optional and empty.any():
        raise _bad_hex(column, width, optional=False)
    return ids, ~empty


def is_hex(column: Column, width: int) -> bool:
    """Whether every value is hexadecimal of `width` bytes, or empty."""
    return all(_chunk_ids(column, chunk, width) is not None for chunk in column.chunks)


def _chunk_ids(column: Column, chunk: Any, width: int) -> tuple[U8, npt.NDArray[np.bool_]] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = is_text(column)
    if not text and not pa.types.is_large_binary(chunk.type):
        return None
    data, offsets = text_bytes(chunk)
    empty = np.diff(offsets) == 0
    full = 2 + 2 * width if text else width
    if empty.any():
        filler = "0x" + "00" * width if text else bytes(width)
        data, offsets = text_bytes(pc.if_else(pa.array(empty), pa.scalar(filler, chunk.type), chunk))
    if not (np.diff(offsets) == full).all():
        return None
    rows = data.reshape(len(chunk), full)
    decoded = _decode(rows, width) if text else rows
    return None if decoded is None else (decoded, empty)


def _decode(rows: U8, width: int) -> U8 | None:
    """Bytes of texts "0x..." of equal length; None where one is malformed."""
    pairs = rows.view(np.uint16)
    if not (pairs[:, 0] == _pair(b"0x")).all():
        return None
    out = np.empty((len(rows), width), np.uint8)
    table = _pair_table()
    for start in range(0, len(rows), _BLOCK):
        values = np.take(table, pairs[start : start + _BLOCK, 1:])
        if values.max() == _BAD:
            return None
        out[start : start + _BLOCK] = values
    return out


@cache
def _pair_table() -> npt.NDArray[np.uint16]:
    """The byte that two hexadecimal digits stand for, by the digits' sixteen bits; _BAD for all else."""
    table = np.full(1 << 16, _BAD, np.uint16)
    digits = "0123456789abcdefABCDEF"
    for high in digits:
        for low in digits:
            table[_pair((high + low).encode())] = int(high + low, 16)
    return table


def _pair(two: bytes) -> int:
    return int(np.frombuffer(two, np.uint16)[0])


def _bad_hex(column: Column, width: int, *, optional: bool, foreign: bool = False) -> InputError:
    """The error about the first malformed value; with `foreign`, text that does not begin with 0x is none."""
    form = re.compile(rf"0x[0-9a-fA-F]{{{2 * width}}}", re.ASCII)

    def is_good(value: Any) -> bool:
        if value in {None, "", b""}:
            return optional
        if isinstance(value, str):
            return bool(form.fullmatch(value)) or (foreign and not value.startswith("0x"))
        return isinstance(value, bytes) and len(value) == width

    return column.refuse(
        is_good,
        f"is not {_WORDS[width]}",
        f"it must be 0x and {2 * width} hexadecimal digits; repair or remove it",
    )


def _hex_pattern(width: int) -> str:
    return f"^0x[0-9a-fA-F]{{{2 * width}}}$"


def has_hex(column: Column, width: int) -> bool:
    """Whether some text is hexadecimal of `width` bytes."""
    import pyarrow.compute as pc

    return is_text(column) and bool(
        pc.any(pc.match_substring_regex(column.data, _hex_pattern(width)), min_count=0).as_py()
    )


def refuse_broken_hex(column: Column, width: int) -> None:
    """InputError for a text that begins like the hexadecimal ones around it and is none."""
    import pyarrow.compute as pc

    if not is_text(column):
        return
    hexadecimal = pc.match_substring_regex(column.data, _hex_pattern(width))
    broken = pc.and_(pc.starts_with(column.data, "0x"), pc.invert(hexadecimal))
    if pc.any(broken, min_count=0).as_py():
        raise _bad_hex(column, width, optional=True, foreign=True)


def lower_hex(column: Column, width: int) -> Column:
    """The column with its hexadecimal texts in lower case, in which they are equal if they mean the same."""
    import pyarrow.compute as pc

    if not has_hex(column, width):
        return column
    hexadecimal = pc.match_substring_regex(column.data, _hex_pattern(width))
    return replace(column, data=pc.if_else(hexadecimal, pc.ascii_lower(column.data), column.data))


def text_ids(columns: Sequence[Column], *, what: str) -> tuple[list[U8], list[npt.NDArray[np.bool_]]]:
    """Each value as UTF-8, zero-padded to the longest of all columns, and whether there was one."""
    longest = 1
    for column in columns:
        if not is_text(column):
            raise column.fault(0, f"holds {column.data.type} where text belongs", "export it as text")
        _check_text(column, what)
        for chunk in column.chunks:
            longest = max(longest, int(np.diff(text_bytes(chunk)[1]).max(initial=0)))
    if longest > MAX_TEXT:
        column = next(c for c in columns if any(_too_long(c)))
        raise column.refuse(
            lambda text: len(text.encode()) <= MAX_TEXT,
            f"is longer than {MAX_TEXT} bytes",
            "shorten the references",
        )
    ids = [concat([_padded(c, longest) for c in column.chunks], np.zeros((0, longest), np.uint8)) for column in columns]
    return ids, [
        concat([np.diff(text_bytes(c)[1]) > 0 for c in column.chunks], np.zeros(0, np.bool_)) for column in columns
    ]


def _too_long(column: Column) -> list[bool]:
    return [bool((np.diff(text_bytes(chunk)[1]) > MAX_TEXT).any()) for chunk in column.chunks]


def _check_text(column: Column, what: str) -> None:
    import pyarrow.compute as pc

    for chunk in column.chunks:
        odd = pc.match_substring_regex(chunk, r"[\x00-\x1f\x7f]|^\s|\s$|[\x{80}-\x{9f}]|^\p{Z}|\p{Z}$")
        if pc.any(odd, min_count=0).as_py():
            raise column.refuse(
                lambda text: _CONTROL.search(text) is None,
                f"is not {what}: it has a control character in it, or a space at an end",
                "clean the column",
            )


def _padded(chunk: Any, width: int) -> U8:
    data, offsets = text_bytes(chunk)
    lengths = np.diff(offsets)
    out = np.zeros((len(chunk), width), np.uint8)
    out[np.arange(width) < lengths[:, None]] = data
    return out


def encode(parts: Sequence[U8]) -> tuple[list[I64], U8]:
    """Code rows by their distinct values: the codes of each part, and the values as first met."""
    width = parts[0].shape[1]
    coded = _fixed(np.concatenate(parts)).dictionary_encode()
    codes = np.asarray(coded.indices, dtype=np.int64)
    bounds = np.cumsum([len(part) for part in parts[:-1]])
    return np.split(codes, bounds), _rows_of(coded.dictionary, width)


def _fixed(rows: U8) -> Any:
    import pyarrow as pa

    width = rows.shape[1]
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))]
    )


def _rows_of(values: Any, width: int) -> U8:
    data = values.buffers()[1]
    if data is None or not len(values):
        return np.zeros((0, width), np.uint8)
    rows: U8 = np.frombuffer(data, np.uint8)[values.offset * width :][: len(values) * width].reshape(-1, width)
    return rows


def locate(ids: U8, among: U8) -> I64:
    """For each row of `ids` the first equal row of `among`, or -1."""
    import pyarrow.compute as pc

    found = pc.index_in(_fixed(ids), value_set=_fixed(among))
    return np.asarray(found.fill_null(-1), dtype=np.int64)
