"""The Numba part of prefilter.py: what each transaction may be by its output values; `plain` there says the same.

Invariant: compiled and plain code give equal bits.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf
from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.prefilter import ENTRY, EQUAL, MIX

_ONE = np.uint64(1)
_OP_RETURN = np.uint8(ScriptType.OP_RETURN)
_MIX, _ENTRY, _EQUAL = np.uint8(MIX), np.uint8(ENTRY), np.uint8(EQUAL)


@leaf
def _repeats(ordered, above):  # type: ignore[no-untyped-def]
    """(longest run of equal ascending values, values that repeat, values in runs), of values over `above`."""
    best = values = inside = start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[start]:
            run = i - start
            if ordered[start] > above:
                best = max(best, run)
                if run > 1:
                    values += 1
                    inside += run
            start = i
    return best, values, inside


@leaf
def _enters(ordered, pools, low, high, others):  # type: ignore[no-untyped-def]
    """Whether all but a few of some ascending values are one that leads into a pool."""
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[start]:
            if len(ordered) - (i - start) <= others:
                for pool in pools:
                    if pool + low <= ordered[start] <= pool + high:
                        return True
            start = i
    return False


@kernel
def candidates(txs, tx_input, tx_output, output_value, output_type, pools, numbers):  # type: ignore[no-untyped-def]
    """The bits of each transaction; `numbers` are the bounds but `pools`, in their order."""
    low, high, others, least_equal, dust, some_inputs, many_inputs, many_values = numbers
    found = np.zeros(len(txs), np.uint8)
    for k in range(len(txs)):
        tx = np.uint64(txs[k])
        begin = tx_output[tx]
        outs = np.int64(tx_output[tx + _ONE] - begin)
        ins = np.int64(tx_input[tx + _ONE] - tx_input[tx])
        if ins == 0 or outs < 3:
            continue
        spendable = np.empty(outs, np.int64)
        count = 0
        for at in range(begin, tx_output[tx + _ONE]):
            if output_type[at] != _OP_RETURN:
                spendable[count] = np.int64(output_value[at])
                count += 1
        ordered = np.sort(spendable[:count])
        if count + 1 == outs and _enters(ordered, pools, low, high, others):
            found[k] |= _ENTRY
        if ins < 3:
            continue
        best, _, inside = _repeats(ordered, dust)
        if best >= least_equal and 2 * inside + 1 >= outs:
            found[k] |= _EQUAL
        rounds = ins >= many_inputs and _repeats(ordered, 0)[1] >= many_values
        if rounds or (best >= least_equal and (2 * best + 1 >= outs or ins >= some_inputs)):
            found[k] |= _MIX
    return found
