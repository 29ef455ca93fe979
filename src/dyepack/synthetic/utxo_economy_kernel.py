"""The Numba part of utxo_economy.py: transactions that spend what is unspent, one after the other.

Invariant: an output is taken out of the pool when it is spent, so it is spent once and only later; what a transaction
makes and its fee are together exactly what it spends, and a coinbase makes the subsidy and the fees of its block.
"""

from __future__ import annotations

import numpy as np

from dyepack.ledger.jit import kernel, leaf
from dyepack.ledger.utxo.schema import COINBASE, NO_ADDRESS, UNSPENT, ScriptType

RECENT = 4096
"""Places at the end of the pool that count as recent."""

HALVING = 210_000
SUBSIDY = 50 * 10**8
DUST = 1000
"""Satoshi that every output has at least, if the inputs suffice."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_LOW16 = np.uint64(0xFFFF)
_TYPES = np.array([ScriptType.P2PKH, ScriptType.P2WPKH, ScriptType.P2PKH, ScriptType.P2SH], np.uint8)
_OP_RETURN = np.uint8(ScriptType.OP_RETURN)
_COINBASE = np.uint8(COINBASE)
_UNSPENT = np.uint32(UNSPENT)
_NO_ADDRESS = np.uint32(NO_ADDRESS)


@leaf
def _mix(word):  # type: ignore[no-untyped-def]
    """A bijection of 64-bit words that scatters them (splitmix64, as identity.py)."""
    word ^= word >> np.uint64(30)
    word *= np.uint64(0xBF58476D1CE4E5B9)
    word ^= word >> np.uint64(27)
    word *= np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@leaf
def _next(state):  # type: ignore[no-untyped-def]
    """The next word of a stream of random ones; `state` (1,) u64 moves on."""
    state[0] += _STEP
    return _mix(state[0])


@leaf
def _below(state, bound):  # type: ignore[no-untyped-def]
    """A random number below `bound` (at most 2**32)."""
    return ((_next(state) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)


@kernel
def room(count, seed, many_in, many_out):  # type: ignore[no-untyped-def]
    """(inputs, outputs) that `count` transactions have at most."""
    ins = outs = 0
    for tx in range(count):
        word = _mix(seed + np.uint64(tx))
        wanted = many_in[word & _LOW16]
        ins += wanted
        outs += max(wanted, many_out[(word >> np.uint64(16)) & _LOW16]) + 1
    return ins, outs


@leaf
def _address(state, used):  # type: ignore[no-untyped-def]
    """An address for an output: a new one (number `used`) or one in use, the older the likelier."""
    word = _next(state)
    if used == np.uint64(0) or (word & np.uint64(0xFF)) < np.uint64(140):
        return used
    part = np.float64(word >> np.uint64(40)) / 16777216.0
    return np.uint64(np.float64(used) * part * part * part)


@leaf
def _spend(  # type: ignore[no-untyped-def]
    state, pool, pool_tx, size, value, spender, tx, place, wanted, input_tx, input_index, input_value, tx_output
):
    """Take `wanted` outputs out of the pool, 55 % of them recent ones; the satoshi they hold."""
    total = np.uint64(0)
    for k in range(np.uint64(wanted)):
        left = size - k
        if (_next(state) & np.uint64(0xFF)) < np.uint64(141):
            at = left - np.uint64(1) - _below(state, min(left, np.uint64(RECENT)))
        else:
            at = _below(state, left)
        output = np.uint64(pool[at])
        source = pool_tx[at]
        pool[at] = pool[left - np.uint64(1)]
        pool_tx[at] = pool_tx[left - np.uint64(1)]
        spender[output] = np.uint32(tx)
        input_tx[place + k] = source
        input_index[place + k] = np.uint32(output - tx_output[np.uint64(source)])
        input_value[place + k] = value[output]
        total += value[output]
    return total


@leaf
def _split(state, value, place, wanted, rest, equal):  # type: ignore[no-untyped-def]
    """Share `rest` satoshi out among `wanted` outputs, exactly; with `equal` the last rest is left over."""
    if equal:
        for k in range(wanted):
            value[place + k] = rest // wanted
        return rest % wanted
    weight = np.uint64(0)
    for k in range(wanted):
        value[place + k] = np.uint64(1) + (_next(state) & np.uint64(0xFFF))
        weight += value[place + k]
    given = np.uint64(0)
    for k in range(wanted):
        value[place + k] = rest * value[place + k] // weight
        given += value[place + k]
    value[place + wanted - np.uint64(1)] += rest - given
    return np.uint64(0)


@leaf
def _receive(state, pool, pool_tx, size, place, wanted, tx, address, kind, used):  # type: ignore[no-untyped-def]
    """Give the outputs addresses and put them into the pool; addresses used by now."""
    for k in range(wanted):
        held = _address(state, used)
        used = max(used, held + np.uint64(1))
        address[place + k] = np.uint32(held)
        kind[place + k] = _TYPES[held & np.uint64(3)]
        pool[size + k] = np.uint32(place + k)
        pool_tx[size + k] = np.uint32(tx)
    return used


@kernel
def transactions(count, seed, many_in, many_out, ins, outs, per_block, height):  # type: ignore[no-untyped-def]
    """The columns of `count` transactions in blocks from `height` on (utxo_economy.py names them in this order).

    Blocks are of `per_block` transactions, smaller while there is little to spend.
    """
    tx_block = np.empty(count, np.uint32)
    tx_flag = np.zeros(count, np.uint8)
    tx_input = np.zeros(count + 1, np.uint64)
    tx_output = np.zeros(count + 1, np.uint64)
    input_tx = np.empty(ins, np.uint32)
    input_index = np.empty(ins, np.uint32)
    input_value = np.empty(ins, np.uint64)
    value = np.empty(outs, np.uint64)
    spender = np.empty(outs, np.uint32)
    kind = np.empty(outs, np.uint8)
    address = np.empty(outs, np.uint32)
    pool = np.empty(outs, np.uint32)
    pool_tx = np.empty(outs, np.uint32)
    state = np.array([seed], np.uint64)
    one = np.uint64(1)
    size = used = i = o = np.uint64(0)
    tx = np.uint64(0)
    block = 0
    while tx < np.uint64(count):
        last = min(np.uint64(count), tx + min(np.uint64(per_block), one + size // np.uint64(4)))
        coinbase, reward = tx, o
        fees = np.uint64(0)
        tx_flag[tx] = _COINBASE
        spender[o] = _UNSPENT
        o += one
        while True:
            tx_block[tx] = np.uint32(block)
            tx += one
            tx_input[tx] = i
            tx_output[tx] = o
            if tx >= last or size == np.uint64(0):
                break
            word = _mix(seed + tx)
            wanted = min(np.uint64(many_in[word & _LOW16]), size)
            total = _spend(state, pool, pool_tx, size, value, spender, tx, i, wanted,
                           input_tx, input_index, input_value, tx_output)  # fmt: skip
            i += wanted
            size -= wanted
            equal = wanted >= np.uint64(5) and (word >> np.uint64(46)) & np.uint64(31) == np.uint64(0)
            made = wanted if equal else np.uint64(many_out[(word >> np.uint64(16)) & _LOW16])
            rate = one + ((word >> np.uint64(52)) & np.uint64(31))
            fee = min(total // np.uint64(8), rate * (np.uint64(68) * wanted + np.uint64(31) * made))
            made = max(one, min(made, (total - fee) // np.uint64(DUST)))
            fees += fee + _split(state, value, o, made, total - fee, equal)
            used = _receive(state, pool, pool_tx, size, o, made, tx, address, kind, used)
            size += made
            spender[o : o + made] = _UNSPENT
            o += made
            if (word >> np.uint64(40)) & np.uint64(63) == np.uint64(0):
                value[o], spender[o], kind[o], address[o] = np.uint64(0), _UNSPENT, _OP_RETURN, _NO_ADDRESS
                o += one
        value[reward] = (np.uint64(SUBSIDY) >> np.uint64((height + block) // HALVING)) + fees
        used = _receive(state, pool, pool_tx, size, reward, one, coinbase, address, kind, used)
        size += one
        block += 1
    return (tx_block, tx_flag, tx_input, tx_output, input_tx[:i], input_index[:i], input_value[:i],
            value[:o], spender[:o], kind[:o], address[:o], block, used)  # fmt: skip


@kernel
def by_address(address, addresses):  # type: ignore[no-untyped-def]
    """(address_offset, address_output): the outputs of each address, in chain order."""
    offset = np.zeros(addresses + 1, np.uint64)
    for o in range(len(address)):
        if address[o] != _NO_ADDRESS:
            offset[np.uint64(address[o]) + np.uint64(1)] += np.uint64(1)
    for a in range(addresses):
        offset[a + 1] += offset[a]
    slot = offset[:-1].copy()
    output = np.empty(np.int64(offset[-1]), np.uint64)
    for o in range(len(address)):
        held = np.uint64(address[o])
        if address[o] != _NO_ADDRESS:
            output[slot[held]] = np.uint64(o)
            slot[held] += np.uint64(1)
    return offset, output
