"""The steps of the Numba replay on a ledger of outputs: what goes into a transaction, and where it goes on.

`lots` are rows (first row in the arena, how many, hop) of outputs that dye was carried into; slot[output] is the lot's
number + 1. Rows of pieces are (leg, units). Each function takes only the columns it reads: handing over more would
cost more than the work.
Invariant: the same inputs, stops and rows as in replay.py.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import leaf
from dyepack.ledger.utxo.schema import (
    COINBASE,
    DESTROYED,
    INCOMPLETE,
    NO_ADDRESS,
    NOT_ASKED,
    OUTSIDE,
    UNSPENT,
    ScriptType,
)
from dyepack.tracing.plan import FOLLOW
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.kernel_split import append

_OUTSIDE, _UNSPENT, _DESTROYED = np.uint32(OUTSIDE), np.uint32(UNSPENT), np.uint32(DESTROYED)
_NOT_ASKED, _NO_ADDRESS, _DATA = np.uint32(NOT_ASKED), np.uint32(NO_ADDRESS), np.uint8(ScriptType.OP_RETURN)
IS_COINBASE, _INCOMPLETE, _FOLLOW = np.uint8(COINBASE), np.uint8(INCOMPLETE), np.uint8(FOLLOW)
MIXES = np.uint8(128)
"""In a copy of `tx_flag` that the kernel reads, beside the ledger's own bits: dye stops before the transaction."""
CARRIED, _HELD, _FEE_STOP, _BURN, _MIXED, _DATE, _GAP, _HOPS, _CUT, _HUB, _MIXER = (
    np.uint8(s)
    for s in (Stop.CARRIED, Stop.HELD, Stop.FEE, Stop.BURN, Stop.MIXED, Stop.DATE_LIMIT, Stop.GAP, Stop.HOP_LIMIT,
              Stop.CUT_OFF, Stop.HUB, Stop.MIXER)
)  # fmt: skip


@leaf
def spent(input_tx, input_index, tx_output, at):  # type: ignore[no-untyped-def]
    """The output that an input spends; -1: not in the ledger."""
    tx = input_tx[at]
    if tx == _OUTSIDE:
        return np.int64(-1)
    return np.int64(tx_output[np.uint64(tx)]) + np.int64(input_index[at])


@leaf
def room(input_tx, input_index, tx_output, first, last, slot, lots):  # type: ignore[no-untyped-def]
    """(pieces that inputs `first` to `last` can be, how many of them are dyed)."""
    need = np.int64(1)
    dyed = np.int64(0)
    for at in range(first, last):
        output = spent(input_tx, input_index, tx_output, at)
        here = np.int64(slot[output]) if output >= 0 else np.int64(0)
        if here > 0:
            need += lots[here - 1, 1]
            dyed += 1
        else:
            need += 1
    return need, dyed


@leaf
def gather(  # type: ignore[no-untyped-def]
    input_tx, input_index, input_value, tx_output, first, last, reverse, slot, lots, arena, pieces
):
    """The pieces of inputs in the order in which they are deposited: (how many, total, fewest hops)."""
    n = 0
    total = np.int64(0)
    hop = np.int64(0)
    for k in range(last - first):
        at = last - 1 - k if reverse else first + k
        output = spent(input_tx, input_index, tx_output, at)
        here = np.int64(slot[output]) if output >= 0 else np.int64(0)
        value = np.int64(input_value[at])
        total += value
        if here == 0:
            n = append(pieces, n, 0, value)
            continue
        begin = lots[here - 1, 0]
        size = lots[here - 1, 1]
        if hop == 0 or lots[here - 1, 2] < hop:
            hop = lots[here - 1, 2]
        for j in range(size):
            row = begin + (size - 1 - j if reverse else j)
            n = append(pieces, n, arena[row, 0], arena[row, 1])
    return n, total, hop


@leaf
def empty(input_tx, input_index, tx_output, first, last, slot, lots):  # type: ignore[no-untyped-def]
    """The lots of inputs `first` to `last` are spent: their places in the arena are free."""
    for at in range(first, last):
        output = spent(input_tx, input_index, tx_output, at)
        here = np.int64(slot[output]) if output >= 0 else np.int64(0)
        if here > 0:
            lots[here - 1, 1] = 0


@leaf
def fee_of(tx_flag, tx_input, tx_output, input_value, output_value, tx):  # type: ignore[no-untyped-def]
    """What the outputs of a transaction leave over; 0 where it makes coins or an input's value is not known."""
    if tx_flag[tx] & ~MIXES != 0:
        return np.int64(0)
    total = np.int64(0)
    for at in range(np.int64(tx_input[tx]), np.int64(tx_input[tx + 1])):
        total += np.int64(input_value[at])
    for at in range(np.int64(tx_output[tx]), np.int64(tx_output[tx + 1])):
        total -= np.int64(output_value[at])
    return total


@leaf
def collect(  # type: ignore[no-untyped-def]
    tx_flag, tx_input, tx_output, input_value, output_value, coinbase, end, reverse, fees, count, lots, arena, pieces
):
    """The pieces of a coinbase, in the order in which they are deposited: (how many, total).

    New coins first, then the fees of the transactions behind it up to `end`; `fees` are the (transaction, lot) of
    the `count` that are dyed.
    """
    new = np.int64(0)
    for at in range(np.int64(tx_output[coinbase]), np.int64(tx_output[coinbase + 1])):
        new += np.int64(output_value[at])
    pieces[0, 0] = -1
    n = 1
    total = np.int64(0)
    taken = 0
    for tx in range(coinbase + 1, end):
        if taken < count and fees[taken, 0] == tx:
            lot = fees[taken, 1]
            taken += 1
            for row in range(lots[lot, 0], lots[lot, 0] + lots[lot, 1]):
                n = append(pieces, n, arena[row, 0], arena[row, 1])
                total += arena[row, 1]
        else:
            fee = fee_of(tx_flag, tx_input, tx_output, input_value, output_value, tx)
            n = append(pieces, n, 0, fee)
            total += fee
    pieces[0, 0] = 0
    pieces[0, 1] = new - total
    if new <= total:
        n -= 1
        for k in range(n):
            pieces[k, 0] = pieces[k + 1, 0]
            pieces[k, 1] = pieces[k + 1, 1]
        new = total
    if reverse:
        for k in range(n // 2):
            for part in range(2):
                kept = pieces[k, part]
                pieces[k, part] = pieces[n - 1 - k, part]
                pieces[n - 1 - k, part] = kept
    return n, new


@leaf
def untouched(output_value, first, count, out, span):  # type: ignore[no-untyped-def]
    """The outputs of a transaction that no dye reaches: one clean piece each; the number of pieces."""
    n = 0
    for number in range(count):
        span[number, 0] = n
        value = np.int64(output_value[first + number])
        if value > 0:
            out[n, 0] = 0
            out[n, 1] = value
            n += 1
        span[number, 1] = n
    span[count, 0] = n
    span[count, 1] = n
    return n


@leaf
def dyed_in(out, first, last):  # type: ignore[no-untyped-def]
    """(dyed units, whether clean ones are among them) of some pieces."""
    dyed = np.int64(0)
    clean = False
    for k in range(first, last):
        if out[k, 0] == 0:
            clean = True
        else:
            dyed += out[k, 1]
    return dyed, clean and dyed > 0


@leaf
def decide(  # type: ignore[no-untyped-def]
    tx_flag, output_type, output, spender, address, said, received, dyed, hop, cut_off, hop_limit, end_tx, hub_limit,
    some_incomplete,
):  # fmt: skip
    """Why units stop at an output: the first reason in this order (replay._stop)."""
    if spender == _DESTROYED or (spender == _UNSPENT and output_type[output] == _DATA):
        return _BURN
    if said != 0 and said != _FOLLOW:
        return said
    if spender == _UNSPENT:
        return _HELD
    known = spender != _NOT_ASKED
    if known and np.int64(spender) >= end_tx:
        return _DATE
    if known and some_incomplete:
        if tx_flag[spender] & MIXES and said != _FOLLOW:
            return _MIXER
        if tx_flag[spender] & _INCOMPLETE:
            return _GAP
    if hop_limit > 0 and hop >= hop_limit:
        return _HOPS
    if dyed < cut_off:
        return _CUT
    if hub_limit > 0 and said != _FOLLOW and address != _NO_ADDRESS and received > hub_limit:
        return _HUB
    return CARRIED if known else _GAP


@leaf
def fee_stop(flag, only_pure, mixed, follow_fees):  # type: ignore[no-untyped-def]
    """Why units stop in a fee (replay._fee_stop)."""
    if only_pure and mixed:
        return _MIXED
    if flag & IS_COINBASE:
        return _BURN
    return CARRIED if follow_fees else _FEE_STOP


@leaf
def note(rows, m, tx, output, out, first, last, hop, stop):  # type: ignore[no-untyped-def]
    """Write the dyed pieces of an output as rows, the runs of one leg joined; the new number of rows."""
    before = np.int64(0)
    for k in range(first, last):
        leg = out[k, 0]
        if leg == 0:
            continue
        if leg == before:
            rows[m - 1].units += np.uint64(out[k, 1])
            continue
        row = rows[m]
        row.tx = tx
        row.output = output
        row.leg = leg
        row.hop = hop
        row.stop = stop
        row.units = out[k, 1]
        before = leg
        m += 1
    return m


@leaf
def arrive(  # type: ignore[no-untyped-def]
    tx_flag, tx_output, output_spender, output_type, output_address, address_offset, said_of, tx, hop, only_pure,
    follow_fees, cut_off, hop_limit, end_tx, hub_limit, some_said, some_incomplete, out, span, slot, lots, lot, arena,
    used, rows, m,
):  # fmt: skip
    """Where the pieces of each output and of the fee go: rows, and lots of what is carried on.

    span[n, 2] says that a theft dyed output n; it becomes 2 where the output is carried on. (rows, lots, arena used).
    """
    first = np.int64(tx_output[tx])
    count = np.int64(tx_output[tx + 1]) - first
    for number in range(count + 1):
        start = span[number, 0]
        end = span[number, 1]
        dyed, mixed = dyed_in(out, start, end)
        here = np.int64(1) if span[number, 2] else hop + 1
        span[number, 2] = 0
        if dyed == 0:
            continue
        output = np.int64(-1)
        if number == count:
            stop = fee_stop(tx_flag[tx], only_pure, mixed, follow_fees)
        elif only_pure and mixed:
            output = first + number
            stop = _MIXED
        else:
            output = first + number
            address = _NO_ADDRESS
            if some_said or hub_limit > 0:
                address = output_address[output]
            said = np.uint8(0)
            received = np.int64(0)
            if address != _NO_ADDRESS:
                said = said_of[np.int64(address)]
                if hub_limit > 0:
                    begin = np.int64(address_offset[np.int64(address)])
                    received = np.int64(address_offset[np.int64(address) + 1]) - begin
            stop = decide(tx_flag, output_type, output, output_spender[output], address, said, received, dyed, here,
                          cut_off, hop_limit, end_tx, hub_limit, some_incomplete)  # fmt: skip
        m = note(rows, m, tx, output, out, start, end, here, stop)
        if stop != CARRIED:
            continue
        lots[lot, 0] = used
        lots[lot, 1] = end - start
        lots[lot, 2] = here
        lot += 1
        for k in range(start, end):
            arena[used, 0] = out[k, 0]
            arena[used, 1] = out[k, 1]
            used += 1
        span[number, 2] = 2
        if number < count:
            slot[output] = lot
    return m, lot, used
