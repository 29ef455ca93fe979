"""Arrow columns from byte rows and 128-bit words, without a Python object per row. Imports pyarrow lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8, U64

MOST_DECIMAL = 10**38
"""Decimal columns hold less than this."""


def hexed(rows: U8) -> U8:
    """Byte rows (n, w) as 0x text in bytes, shape (n, 2 + 2 w)."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    pairs = np.stack((np.repeat(digits, 16), np.tile(digits, 16)), axis=1)
    text = np.empty((len(rows), 2 + 2 * rows.shape[1]), dtype=np.uint8)
    text[:, 0], text[:, 1] = ord("0"), ord("x")
    text[:, 2:] = pairs[rows].reshape(len(rows), 2 * rows.shape[1])
    return text


def texts(rows: U8, given: npt.NDArray[np.bool_] | None = None) -> Any:
    """Rows of equally long text (n, w) as a string column; null where `given` is false."""
    import pyarrow as pa

    offsets = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(rows.shape[1])
    bits = None if given is None else pa.py_buffer(np.packbits(given, bitorder="little").tobytes())
    data = pa.py_buffer(np.ascontiguousarray(rows))
    return pa.Array.from_buffers(pa.string(), len(rows), [bits, pa.py_buffer(offsets), data])


def decimals(words: U64) -> Any:
    """Amounts (n, 2), low word first, as a decimal column with 38 digits; ValueError if one does not fit."""
    import pyarrow as pa

    high, low = MOST_DECIMAL >> 64, MOST_DECIMAL & 0xFFFFFFFFFFFFFFFF
    if bool(((words[:, 1] > high) | ((words[:, 1] == high) & (words[:, 0] >= low))).any()):
        raise ValueError("an amount has more than 38 digits")
    data = pa.py_buffer(np.ascontiguousarray(words))
    return pa.Array.from_buffers(pa.decimal128(38, 0), len(words), [None, data])


def same(text: str | None, count: int) -> Any:
    """A column that says the same in every row."""
    import pyarrow as pa

    return pa.nulls(count, pa.string()) if text is None else pa.repeat(pa.scalar(text), count)


def whole(values: I64, given: npt.NDArray[np.bool_] | None = None) -> Any:
    """A column of 64-bit integers; null where `given` is false."""
    import pyarrow as pa

    return pa.array(values, mask=None if given is None else ~given)
