"""The Numba part of multi_input.py: addresses of inputs, union-find, the history of merges.

Invariant: whether two addresses are joined at a transaction depends only on which were joined before it, never on the
shape of the union-find, so that equal transactions give equal merges in equal order.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf, prefetch
from dyepack.ledger.utxo.schema import NO_ADDRESS, NOT_ASKED, OUTSIDE

NEVER = np.uint32(0xFFFFFFFF)
"""In the history of merges: this is still a root."""

AHEAD = np.uint64(16)
"""How many inputs or addresses earlier the memory is asked for what they need."""

_ONE = np.uint64(1)
_NO_ADDRESS = np.uint32(NO_ADDRESS)
_OUTSIDE = np.uint32(OUTSIDE)
_NOT_ASKED = np.uint32(NOT_ASKED)


@kernel
def input_addresses(txs, tx_input, input_tx, input_index, tx_output, output_address, outside_address):  # type: ignore[no-untyped-def]
    """(offset, address): what the inputs of these transactions spend from, in order; NO_ADDRESS where nobody knows."""
    offset = np.empty(len(txs) + 1, np.uint64)
    offset[0] = np.uint64(0)
    for k in range(len(txs)):
        tx = np.uint64(txs[k])
        offset[k + 1] = offset[k] + tx_input[tx + _ONE] - tx_input[tx]
    address = np.empty(np.int64(offset[-1]), np.uint32)
    for k in range(len(txs)):
        place = offset[k]
        tx = np.uint64(txs[k])
        for i in range(tx_input[tx], tx_input[tx + _ONE]):
            index = np.uint64(input_index[i])
            if input_tx[i] == _OUTSIDE:
                address[place] = outside_address[index]
            else:
                address[place] = output_address[tx_output[np.uint64(input_tx[i])] + index]
            place += _ONE
    return offset, address


@leaf
def find_root(parent, address):  # type: ignore[no-untyped-def]
    """The root of an address; halves the path on the way."""
    at = np.uint64(address)
    while np.uint64(parent[at]) != at:
        parent[at] = parent[np.uint64(parent[at])]
        at = np.uint64(parent[at])
    return at


@leaf
def join_inputs(tx, lo, hi, address, parent, size, one, other, via, count):  # type: ignore[no-untyped-def]
    """Join the inputs from `lo`, which has an address, to `hi`: the merges by now, and the root of all."""
    root = find_root(parent, address[lo])
    for i in range(lo + _ONE, hi):
        if address[i] == _NO_ADDRESS:
            continue
        with_root = find_root(parent, address[i])
        if with_root == root:
            continue
        one[count], other[count], via[count] = address[lo], address[i], tx
        count += 1
        if size[root] < size[with_root]:
            root, with_root = with_root, root
        parent[with_root] = np.uint32(root)
        size[root] += size[with_root]
    return count, root


@kernel
def join(txs, offset, address, parent, size, one, other, via, count):  # type: ignore[no-untyped-def]
    """Join the input addresses of each transaction; each merge is written to `one`, `other`, `via`; merges by now."""
    last = np.uint64(max(len(address), 1) - 1)
    for k in range(len(txs)):
        lo = offset[k]
        hi = offset[k + 1]
        for i in range(lo, hi):
            prefetch(parent, np.uint64(address[min(i + AHEAD, last)]))
        while lo < hi and address[lo] == _NO_ADDRESS:
            lo += _ONE
        if lo >= hi:
            continue
        count, _ = join_inputs(txs[k], lo, hi, address, parent, size, one, other, via, count)
    return count


@kernel
def smallest(parent, named):  # type: ignore[no-untyped-def]
    """The smallest address of each address's cluster; `named` is room for one word an address."""
    named[:] = NEVER
    found = np.empty(len(parent), np.uint32)
    last = np.uint64(max(len(parent), 1) - 1)
    for a in range(np.uint64(len(parent))):
        prefetch(parent, np.uint64(parent[min(a + AHEAD, last)]))
        root = find_root(parent, np.uint32(a))
        if named[root] == NEVER:
            named[root] = np.uint32(a)
        found[a] = named[root]
    return found


@kernel
def history(one, other, cluster, wanted):  # type: ignore[no-untyped-def]
    """(up, when): the forest of one cluster's merges by size, never flattened, and the merge that made each edge.

    From leaf to root `when` rises; no path is longer than the logarithm of the cluster's size.
    """
    up = np.empty(len(cluster), np.uint32)
    for address in range(len(cluster)):
        up[address] = np.uint32(address)
    when = np.full(len(cluster), NEVER, np.uint32)
    size = np.ones(len(cluster), np.uint32)
    for k in range(len(one)):
        a = np.uint64(one[k])
        b = np.uint64(other[k])
        if cluster[a] != wanted:
            continue
        while when[a] != NEVER:
            a = np.uint64(up[a])
        while when[b] != NEVER:
            b = np.uint64(up[b])
        if size[a] < size[b]:
            a, b = b, a
        up[b], when[b] = np.uint32(a), np.uint32(k)
        size[a] += size[b]
    return up, when


@kernel
def spenders(addresses, address_offset, address_output, output_spender):  # type: ignore[no-untyped-def]
    """The transactions that spend from these addresses, once for each output."""
    total = np.uint64(0)
    for k in range(len(addresses)):
        a = np.uint64(addresses[k])
        total += address_offset[a + _ONE] - address_offset[a]
    found = np.empty(np.int64(total), np.uint32)
    count = 0
    for k in range(len(addresses)):
        a = np.uint64(addresses[k])
        for place in range(address_offset[a], address_offset[a + _ONE]):
            spender = output_spender[address_output[place]]
            if spender < _NOT_ASKED:
                found[count] = spender
                count += 1
    return found[:count]
