"""Whole numbers and times: columns of text or of Arrow numbers to NumPy arrays.

Invariant: a text is a number only if it is decimal digits and nothing else; anything else is an InputError
that names the line and the column. -1 stands for "the source does not say", and only where the caller
allows it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dyepack.sources.table import concat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.schema import I64
    from dyepack.sources.table import Column

MAX_U32 = (1 << 32) - 1
MAX_GAS = (1 << 63) - 1
"""The largest gas, or price of gas, that is read."""
MAX_TIME = 253_402_300_799
"""The last second of the year 9999: a larger number is not in seconds."""

_INT_DIGITS = 18
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?: UTC|Z|\+00:00)?", re.ASCII
)
_WHOLE = "write it as plain decimal digits"
_TIME = "write it as seconds since 1970, or as 2023-01-13 20:34:11, in UTC"


def is_text(column: Column) -> bool:
    """Whether a column holds text (all columns of a CSV file do)."""
    import pyarrow as pa

    return bool(pa.types.is_string(column.data.type) or pa.types.is_large_string(column.data.type))


def text_bytes(chunk: Any) -> tuple[Any, Any]:
    """The bytes of all texts of an Arrow chunk, one after another, and where each begins and ends."""
    import numpy as np
    import pyarrow as pa

    wide = pa.types.is_large_string(chunk.type) or pa.types.is_large_binary(chunk.type)
    _, offset_buffer, value_buffer = chunk.buffers()
    if len(chunk) == 0 or offset_buffer is None:
        return np.zeros(0, np.uint8), np.zeros(len(chunk) + 1, np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)
    offsets = offsets[chunk.offset : chunk.offset + len(chunk) + 1]
    data = np.frombuffer(value_buffer, np.uint8) if value_buffer is not None else np.zeros(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def all_digits(data: Any) -> bool:
    """Whether every byte is a decimal digit."""
    return not bool((data - 48 > 9).any())


def whole_numbers(column: Column, *, optional: bool = False, most: int = MAX_U32, what: str = "a whole number") -> I64:
    """Numbers from 0 to `most`; -1 for an empty value where `optional`."""
    import numpy as np
    import pyarrow as pa

    if is_text(column):
        parts = [_from_text(column, chunk, optional=optional, what=what) for chunk in column.chunks]
    elif pa.types.is_integer(column.data.type) or pa.types.is_decimal(column.data.type):
        parts = [_from_numbers(column, chunk, optional=optional, what=what) for chunk in column.chunks]
    else:
        raise column.fault(0, f"holds {column.data.type} where numbers belong", _WHOLE)
    numbers: I64 = concat(parts, np.zeros(0, np.int64))
    bad = numbers > most
    if bad.any():
        row = int(np.argmax(bad))
        raise column.fault(row, f"{numbers[row]} is larger than {what} can be ({most})", "check the column")
    return numbers


def _from_text(column: Column, chunk: Any, *, optional: bool, what: str) -> I64:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    data, offsets = text_bytes(chunk)
    lengths = np.diff(offsets)
    empty = lengths == 0
    fits = all_digits(data) and (not len(lengths) or int(lengths.max()) <= _INT_DIGITS)
    if not fits or (empty.any() and not optional):
        raise column.refuse(
            lambda text: bool(_DIGITS.fullmatch(text)) or (optional and text == ""), f"is not {what}", _WHOLE
        )
    if not empty.any():
        return np.asarray(chunk.cast(pa.int64()), dtype=np.int64)
    numbers = np.array(pc.if_else(pa.array(empty), "0", chunk).cast(pa.int64()), dtype=np.int64)
    numbers[empty] = -1
    return numbers


def _from_numbers(column: Column, chunk: Any, *, optional: bool, what: str) -> I64:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if chunk.null_count and not optional:
        raise column.refuse(lambda value: value is not None, f"is not {what}", _WHOLE)
    try:
        numbers = np.array(chunk.fill_null(0).cast(pa.int64()), dtype=np.int64)
    except pa.ArrowException as error:
        raise column.refuse(
            lambda value: value is None or (value == int(value) and 0 <= value < 1 << 63),
            f"is not {what}",
            _WHOLE,
        ) from error
    if (numbers < 0).any():
        raise column.refuse(lambda value: value is None or value >= 0, f"is not {what}", _WHOLE)
    if chunk.null_count:
        numbers[np.asarray(pc.is_null(chunk))] = -1
    return numbers


def choices(column: Column, allowed: Mapping[str, int], what: str) -> I64:
    """The number that `allowed` gives to each text."""
    import numpy as np

    if not is_text(column):
        raise column.fault(0, f"holds {column.data.type} where text belongs", "export it as text")
    coded = column.data.dictionary_encode().unify_dictionaries()
    if coded.num_chunks == 0:
        return np.zeros(0, np.int64)
    words = coded.chunk(0).dictionary.to_pylist()
    if any(word not in allowed for word in words):
        listed = ", ".join(word or "(empty)" for word in allowed)
        raise column.refuse(lambda text: text in allowed, f"is not {what}", f"it must be one of: {listed}")
    numbers = np.array([allowed[word] for word in words], np.int64)
    return concat([numbers[np.asarray(chunk.indices)] for chunk in coded.chunks], np.zeros(0, np.int64))


def times(column: Column, *, optional: bool = False) -> I64:
    """Seconds since 1970, UTC, from whole seconds, "2023-01-13 20:34:11", ISO 8601, or Arrow timestamps."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_timestamp(column.data.type):
        moments = column.data.cast(pa.timestamp("s", column.data.type.tz), safe=False)
        seconds = replace(column, data=moments.cast(pa.int64()))
        return whole_numbers(seconds, optional=optional, most=MAX_TIME, what="a time since 1970")
    if is_text(column) and column.table.rows and "-" in column.data[0].as_py()[1:]:
        parts = [_from_moments(column, chunk) for chunk in column.chunks]
        return concat(parts, np.zeros(0, np.int64))
    return whole_numbers(column, optional=optional, most=MAX_TIME, what="a time in seconds")


def _from_moments(column: Column, chunk: Any) -> I64:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    well_formed = pc.match_substring_regex(chunk, f"^(?:{_MOMENT.pattern})$")
    if not pc.all(well_formed, min_count=0).as_py():
        raise column.refuse(lambda text: bool(_MOMENT.fullmatch(text)), "is not a time in UTC", _TIME)
    try:
        moments = pc.utf8_slice_codeunits(chunk, 0, 19).cast(pa.timestamp("s"))
    except pa.ArrowException as error:
        raise column.refuse(_is_moment, "is not a time in UTC", _TIME) from error
    seconds: I64 = np.asarray(moments.cast(pa.int64()), dtype=np.int64)
    if (seconds < 0).any():
        raise column.refuse(lambda text: text >= "1970", "is before 1970", _TIME)
    return seconds


def _is_moment(text: str) -> bool:
    from datetime import datetime

    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True
