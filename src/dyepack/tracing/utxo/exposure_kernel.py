"""The Numba part of exposure.py: one sequential pass over a chain of outputs.

After a transaction all its outputs hold the same share of dye, so the pass keeps one share per transaction and looks
up the share of each input's transaction. Transactions that are not so simple (they spend an output that a theft dyed
apart from its transaction, or the value of an input is not known) are given as a list; the runs between them go
through a tight loop, which asks the memory for the shares that it needs `AHEAD` inputs later.

Invariant: the share is 0 exactly where no dye came in: it never falls below FLOOR by dilution.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf, prefetch
from dyepack.ledger.utxo.schema import DESTROYED, NOT_ASKED, UNSPENT, ScriptType

AHEAD = np.uint64(32)
FLOOR = 1e-290
"""Far below one satoshi of all there are, far above where a double loses digits, for any value times it."""

NOWHERE = np.uint64(0xFFFFFFFFFFFFFFFF)

_ONE = np.uint64(1)
_UNSPENT = np.uint32(UNSPENT)
_DESTROYED = np.uint32(DESTROYED)
_NOT_ASKED = np.uint32(NOT_ASKED)
_OP_RETURN = np.uint8(ScriptType.OP_RETURN)


@leaf
def _run(start, end, tx_input, input_tx, input_value, share):  # type: ignore[no-untyped-def]
    """The shares of the transactions from `start` to before `end`."""
    outside = np.uint64(len(share) - 1)
    last = np.uint64(max(len(input_tx), 1) - 1)
    lo = tx_input[start]
    for tx in range(start, end):
        hi = tx_input[tx + _ONE]
        total = dyed = 0.0
        for i in range(lo, hi):
            prefetch(share, np.uint64(input_tx[min(i + AHEAD, last)]))
            value = np.float64(input_value[i])
            total += value
            dyed += value * share[min(np.uint64(input_tx[i]), outside)]
        share[tx] = max(dyed / total, FLOOR) if dyed > 0.0 else 0.0
        lo = hi


@leaf
def _apart(tx, at, tx_input, input_tx, input_value, tx_output, output_value, row, extra, share):  # type: ignore[no-untyped-def]
    """The share of one transaction whose inputs may be among `row` (from number `at` on); the next number."""
    outside = np.uint64(len(share) - 1)
    total = dyed = made = 0.0
    for i in range(tx_input[tx], tx_input[tx + _ONE]):
        part = share[min(np.uint64(input_tx[i]), outside)]
        if at < np.uint64(len(row)) and row[at] == i:
            part = min(part + extra[at], 1.0)
            at += _ONE
        total += np.float64(input_value[i])
        dyed += np.float64(input_value[i]) * part
    for o in range(tx_output[tx], tx_output[tx + _ONE]):
        made += np.float64(output_value[o])
    share[tx] = max(dyed / max(total, made), FLOOR) if dyed > 0.0 else 0.0
    return at


@kernel
def shares(tx_input, input_tx, input_value, tx_output, output_value, special, row, extra):  # type: ignore[no-untyped-def]
    """The share of dye in each transaction's outputs, (n + 1,): the last is that of what is outside, 0.

    `special` are the transactions to be done apart, ascending; `row` the inputs, ascending, whose outputs a theft
    dyed, by `extra` of their value. Values are i64 (they are below 2**63).
    """
    count = np.uint64(len(tx_input) - 1)
    share = np.empty(len(tx_input), np.float64)
    share[count] = 0.0
    at = start = np.uint64(0)
    for k in range(len(special)):
        tx = np.uint64(special[k])
        _run(start, tx, tx_input, input_tx, input_value, share)
        at = _apart(tx, at, tx_input, input_tx, input_value, tx_output, output_value, row, extra, share)
        start = tx + _ONE
    _run(start, count, tx_input, input_tx, input_value, share)
    return share


@kernel
def spending_inputs(output, source, spender, tx_input, tx_output, input_tx, input_index):  # type: ignore[no-untyped-def]
    """The input that spends each output, NOWHERE for none: `source` made it, `spender` spends it."""
    row = np.full(len(output), NOWHERE, np.uint64)
    for k in range(len(output)):
        tx = np.uint64(spender[k])
        if tx >= np.uint64(_NOT_ASKED):
            continue
        number = output[k] - tx_output[np.uint64(source[k])]
        for i in range(tx_input[tx], tx_input[tx + _ONE]):
            if np.uint64(input_tx[i]) == np.uint64(source[k]) and np.uint64(input_index[i]) == number:
                row[k] = i
    return row


@kernel
def books(tx_input, input_value, tx_output, output_value, spender, kind, share, output, extra):  # type: ignore[no-untyped-def]
    """(put in, unspent, unspendable, destroyed, fees) in dyed satoshi; `output` are the outputs that thefts dyed."""
    put = held = unspendable = destroyed = fees = 0.0
    at = np.uint64(0)
    for tx in range(np.uint64(len(tx_input) - 1)):
        part = share[tx]
        spent = made = left = 0.0
        for i in range(tx_input[tx], tx_input[tx + _ONE]):
            spent += np.float64(input_value[i])
        for o in range(tx_output[tx], tx_output[tx + _ONE]):
            value = np.float64(output_value[o])
            made += value
            here = part
            if at < np.uint64(len(output)) and output[at] == o:
                here = min(part + extra[at], 1.0)
                put += value * (here - part)
                at += _ONE
            if spender[o] == _DESTROYED:
                destroyed += value * here
            elif spender[o] == _UNSPENT and kind[o] == _OP_RETURN:
                unspendable += value * here
            elif spender[o] == _UNSPENT or spender[o] == _NOT_ASKED:
                left += value * here
        held += left
        fees += part * max(spent - made, 0.0)
    return put, held, unspendable, destroyed, fees
