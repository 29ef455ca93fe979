"""Exact sums of 128-bit amounts in groups, without a float and without wrapping.

Invariant: the sum of a group is the sum of its whole numbers; columns are added as 32-bit limbs in 64-bit
accumulators (room for 2**32 rows) and joined as Python integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_LIMB = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def group_sums(keys: Ints, lo: Words, hi: Words) -> dict[int, int]:
    """The sum of lo + 2**64 hi over the rows of each key."""
    if not len(keys):
        return {}
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    limbs = []
    for word in (lo[order], hi[order]):
        for part in (word & _LIMB, word >> _SHIFT):
            limbs += [np.add.reduceat(part, start).tolist()]
    sums = [a + (b << 32) + (c << 64) + (d << 96) for a, b, c, d in zip(*limbs, strict=True)]
    return dict(zip(ordered[start].tolist(), sums, strict=True))
