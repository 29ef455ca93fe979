"""Rows in stretches, one after the other: where each begins, what it adds up to, and putting them in another order.

Invariant: n stretches have n + 1 offsets, of which the first is 0 and the last the number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.ledger.schema import I64, U64


def offsets(lengths: Sequence[int] | npt.NDArray[Any]) -> I64:
    """Where each of the stretches of these lengths begins, and where the last ends."""
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def reordered(offset: I64, order: npt.NDArray[Any]) -> tuple[I64, I64]:
    """New offsets, and the rows that stand in each place, when these stretches are kept in this order."""
    length = np.diff(offset)[order]
    ends = offsets(length)
    return ends, np.repeat(offset[order] - ends[:-1], length) + np.arange(ends[-1])


def stretch_sums(values: U64, offset: npt.NDArray[Any]) -> U64:
    """Sum of each stretch of `values`, modulo 2^64 (8,000 times the satoshi that there can be)."""
    if not len(values):
        return np.zeros(len(offset) - 1, np.uint64)
    bound = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    at = offset.astype(np.int64)
    return np.asarray(bound[at[1:]] - bound[at[:-1]], np.uint64)
