"""Rows that occur more than once in a file, and their numbering within a transaction.

Invariant: a row is a repeat only if every column of the file is equal to that of an earlier row; hashes
only propose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from dyepack.ledger.schema import I64
    from dyepack.sources.table import Table

_ODD = np.uint64(0x9E3779B97F4A7C15)


def exact_repeats(table: Table, numbers: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Which rows of `table` repeat an earlier one; `numbers`, read from it, tell most rows apart."""
    repeats = np.zeros(table.rows, np.bool_)
    rows = _candidates(numbers, table.rows)
    if len(rows):
        import pyarrow as pa

        picked = pa.array(rows)
        columns = [table.columns[name].take(picked).to_pylist() for name in table.columns]
        seen: set[tuple[Any, ...]] = set()
        for row, content in zip(rows.tolist(), zip(*columns, strict=True), strict=True):
            if content in seen:
                repeats[row] = True
            seen.add(content)
    return repeats


def _candidates(numbers: Sequence[npt.NDArray[Any]], count: int) -> I64:
    """Rows, ascending, whose numbers hash to the same as another row's."""
    mixed = np.zeros(count, np.uint64)
    for column in numbers:
        mixed = (mixed ^ column.astype(np.uint64)) * _ODD
        mixed ^= mixed >> np.uint64(29)
    ordered = np.sort(mixed)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(0, np.int64)
    twice = np.unique(twice)
    at = np.minimum(np.searchsorted(twice, mixed), len(twice) - 1)
    return np.flatnonzero(twice[at] == mixed)


def ordinals_within(group: I64, counted: npt.NDArray[np.bool_]) -> I64:
    """For each row that is counted: how many counted rows of its group come before it."""
    ordinals = np.zeros(len(group), np.int64)
    rows = np.flatnonzero(counted)
    order = rows[np.argsort(group[rows], kind="stable")]
    if len(order):
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        first = np.repeat(starts, np.diff(starts, append=len(order)))
        ordinals[order] = np.arange(len(order)) - first
    return ordinals
