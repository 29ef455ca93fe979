"""How the Numba replay dyes what a theft's move carries: the twin of transaction.dye_clean.

Invariant: units keep their order; at most so many become dyed, the first clean ones; neighbours of one leg are joined.
"""

from __future__ import annotations

from dyepack.ledger.jit import leaf
from dyepack.ledger.uint128 import ZERO, add, less, sub


@leaf
def dye(b, n, leg, mlo, mhi):  # type: ignore[no-untyped-def]
    """Dye the first clean units of the buffer, so many at most, and join neighbours: (pieces, low, high of the dyed).

    The buffer has room for one piece more: the one that the limit cuts in two.
    """
    flo = fhi = ZERO
    cut = -1
    for k in range(n):
        if b.leg[k] != 0 or cut >= 0:
            continue
        llo, lhi = sub(mlo, mhi, flo, fhi)
        if less(llo, lhi, b.lo[k], b.hi[k]):
            cut = k
        else:
            b.leg[k] = leg
            flo, fhi, _ = add(flo, fhi, b.lo[k], b.hi[k])
    if cut >= 0:
        llo, lhi = sub(mlo, mhi, flo, fhi)
        if llo != ZERO or lhi != ZERO:
            for k in range(n, cut, -1):
                b.leg[k], b.lo[k], b.hi[k] = b.leg[k - 1], b.lo[k - 1], b.hi[k - 1]
            n += 1
            b.lo[cut + 1], b.hi[cut + 1] = sub(b.lo[cut], b.hi[cut], llo, lhi)
            b.leg[cut], b.lo[cut], b.hi[cut] = leg, llo, lhi
            flo, fhi = mlo, mhi
    m = 0
    for k in range(n):
        if m > 0 and b.leg[m - 1] == b.leg[k]:
            b.lo[m - 1], b.hi[m - 1], _ = add(b.lo[m - 1], b.hi[m - 1], b.lo[k], b.hi[k])
        else:
            b.leg[m], b.lo[m], b.hi[m] = b.leg[k], b.lo[k], b.hi[k]
            m += 1
    return m, flo, fhi
