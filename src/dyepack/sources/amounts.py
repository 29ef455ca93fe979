"""Amounts: columns of text, whole numbers or decimals to pairs of 64-bit words, exactly.

Invariant: no amount passes through a float or is rounded. An amount over 128 bits is not in the words (it
is zero there) but in `oversize`, as it was written; one over 256 bits is an InputError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.schema import to_words
from dyepack.money import MAX_AMOUNT, parse_units
from dyepack.sources.columns import all_digits, is_text, text_bytes
from dyepack.sources.table import concat

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.errors import InputError
    from dyepack.ledger.schema import I64, U64
    from dyepack.sources.table import Column

MAX_DIGITS = 78
LARGEST = (1 << 256) - 1
_FAST_DIGITS = 38
"""Decimal digits that Arrow's 128-bit decimals hold; longer amounts go the slow way, one by one."""

_WHOLE = re.compile(r"[0-9]{1,78}", re.ASCII)
_POINTED = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,78})?", re.ASCII)


@dataclass(slots=True)
class Amounts:
    """Amounts in base units; `oversize` maps the rows of those that need more than 128 bits to their text."""

    words: U64
    oversize: dict[int, str] = field(default_factory=dict)
    missing: npt.NDArray[np.bool_] | None = None

    def moving(self) -> npt.NDArray[np.bool_]:
        """Which rows have an amount that is not zero (and fits)."""
        moving: npt.NDArray[np.bool_] = (self.words[:, 0] | self.words[:, 1]) != 0
        return moving

    def is_oversize(self) -> npt.NDArray[np.bool_]:
        """Which rows have an amount over 128 bits."""
        mask = np.zeros(len(self.words), np.bool_)
        mask[list(self.oversize)] = True
        return mask


def amounts(column: Column, *, decimals: int = 0, optional: bool = False) -> Amounts:
    """Read a column of amounts that are written with up to `decimals` digits after the point."""
    import pyarrow as pa

    result = Amounts(np.zeros((column.table.rows, 2), np.uint64))
    kind = column.data.type
    missing: list[npt.NDArray[np.bool_]] = []
    start = 0
    for chunk in column.chunks:
        if is_text(column):
            missing.append(_from_text(column, chunk, start, decimals, result))
        elif pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            missing.append(_from_numbers(column, chunk, start, decimals, result))
        else:
            raise column.fault(0, f"holds {kind} where amounts belong", "export amounts as text or decimals")
        start += len(chunk)
    result.missing = concat(missing, np.zeros(0, np.bool_))
    if result.missing.any() and not optional:
        row = int(np.argmax(result.missing))
        raise column.fault(row, "the value is missing", "every transfer needs an amount")
    return result


def _from_text(column: Column, chunk: Any, start: int, decimals: int, into: Amounts) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    data, offsets = text_bytes(chunk)
    lengths = np.diff(offsets)
    empty: npt.NDArray[np.bool_] = lengths == 0
    if not all_digits(data):
        pattern = _POINTED if decimals else _WHOLE
        if not pc.all(pc.match_substring_regex(chunk, f"^(?:{pattern.pattern})?$"), min_count=0).as_py():
            raise _refusal(column, decimals)
    simple = ~empty & (lengths <= _FAST_DIGITS - decimals)
    fast = chunk if simple.all() else pc.if_else(pa.array(simple), chunk, pa.scalar("0", chunk.type))
    try:
        into.words[start : start + len(chunk)] = _words(fast.cast(pa.decimal128(_FAST_DIGITS, decimals)))
    except pa.ArrowException as error:
        raise _refusal(column, decimals) from error
    for row in np.flatnonzero(~simple & ~empty).tolist():
        _place(column, start + row, chunk[row].as_py(), decimals, into)
    return empty


def _from_numbers(column: Column, chunk: Any, start: int, decimals: int, into: Amounts) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = np.asarray(pc.is_null(chunk), dtype=np.bool_)
    filled = chunk.fill_null(0) if pa.types.is_integer(chunk.type) else _filled(chunk, missing)
    try:
        fast = filled.cast(pa.decimal128(_FAST_DIGITS, decimals))
    except pa.ArrowException:
        for row in np.flatnonzero(~missing).tolist():
            _place(column, start + row, _plain(chunk[row].as_py()), decimals, into)
        return missing
    words = _words(fast)
    if (words[:, 1] >> np.uint64(63)).any():
        raise _refusal(column, decimals)
    into.words[start : start + len(chunk)] = words
    return missing


def _filled(chunk: Any, missing: npt.NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return chunk.fill_null(pa.scalar(Decimal(0), chunk.type)) if missing.any() else chunk


def _words(decimals: Any) -> U64:
    """The two words of each 128-bit decimal: its memory is a little-endian whole number of base units."""
    buffer = decimals.buffers()[1]
    if buffer is None:
        return np.zeros((len(decimals), 2), np.uint64)
    words: U64 = np.frombuffer(buffer, "<u8")[2 * decimals.offset :][: 2 * len(decimals)].reshape(-1, 2)
    return words


def _place(column: Column, row: int, text: str, decimals: int, into: Amounts) -> None:
    """Store one amount that needs care."""
    if not _is_amount(text, decimals):
        raise _refusal(column, decimals)
    units = parse_units(text, decimals)
    if units > MAX_AMOUNT:
        into.oversize[row] = text
        into.words[row] = 0
    else:
        into.words[row] = to_words(units)


def _is_amount(text: str, decimals: int) -> bool:
    if not (_POINTED if decimals else _WHOLE).fullmatch(text):
        return False
    if len(text.partition(".")[0].lstrip("0")) + decimals > MAX_DIGITS:
        return False
    whole, _, rest = text.partition(".")
    try:
        return parse_units((whole.lstrip("0") or "0") + (f".{rest}" if rest else ""), decimals) <= LARGEST
    except ValueError:
        return False


def _refusal(column: Column, decimals: int) -> InputError:
    form = f"decimal digits with at most {decimals} after the point" if decimals else "decimal digits only"
    return column.refuse(
        lambda value: value is None or value == "" or _is_amount(_plain(value), decimals),
        f"is not an amount of at most {MAX_DIGITS} digits",
        f"write amounts as {form}, without sign, exponent or blanks",
    )


def _plain(value: Any) -> str:
    """A value of any column type as the text that `_is_amount` judges."""
    if isinstance(value, str):
        return value
    whole, _, rest = format(Decimal(value), "f").partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def product(a: I64, b: I64) -> U64:
    """a * b for numbers that are not negative, as two words each."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    x, y = a.astype(np.uint64), b.astype(np.uint64)
    x0, x1, y0, y1 = x & low, x >> shift, y & low, y >> shift
    middle = (x0 * y0 >> shift) + (x0 * y1 & low) + (x1 * y0 & low)
    high = x1 * y1 + (x0 * y1 >> shift) + (x1 * y0 >> shift) + (middle >> shift)
    return np.stack([x * y, high], axis=1)


def add(a: U64, b: U64) -> U64:
    """a + b, for amounts whose sum stays below 2**128."""
    total = a + b
    total[:, 1] += total[:, 0] < a[:, 0]
    return total
