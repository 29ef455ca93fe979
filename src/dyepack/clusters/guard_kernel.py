"""The Numba part of clusters with actors: union-find that joins no two actors' clusters.

Invariant: a root has at most one actor; a transaction that would join two is refused whole.
"""

from __future__ import annotations

import numpy as np

from dyepack.clusters.kernel import find_root, join_inputs
from dyepack.ledger.jit import kernel
from dyepack.ledger.utxo.schema import NO_ADDRESS

_ONE = np.uint64(1)
_NO_ADDRESS = np.uint32(NO_ADDRESS)


@kernel
def join_guarded(txs, offset, address, parent, size, actor, one, other, via, count, clash):  # type: ignore[no-untyped-def]
    """As kernel.join, but for actors: `actor` (addresses,) u32 is that of each root, 0 for none.

    A refused transaction is a row of `clash` (n, 5) u32: transaction, two addresses, their actors. Gives the merges
    and the refused transactions by now.
    """
    clashes = 0
    for k in range(len(txs)):
        lo = offset[k]
        hi = offset[k + 1]
        while lo < hi and address[lo] == _NO_ADDRESS:
            lo += _ONE
        if lo >= hi:
            continue
        named = _NO_ADDRESS
        who = np.uint32(0)
        refused = False
        for i in range(lo, hi):
            if address[i] == _NO_ADDRESS:
                continue
            theirs = actor[find_root(parent, address[i])]
            if theirs == 0 or theirs == who:
                continue
            if who == 0:
                who = theirs
                named = address[i]
                continue
            clash[clashes, 0], clash[clashes, 1], clash[clashes, 2] = txs[k], named, address[i]
            clash[clashes, 3], clash[clashes, 4] = who, theirs
            clashes += 1
            refused = True
            break
        if refused:
            continue
        count, root = join_inputs(txs[k], lo, hi, address, parent, size, one, other, via, count)
        if who != 0:
            actor[root] = who
    return count, clashes
