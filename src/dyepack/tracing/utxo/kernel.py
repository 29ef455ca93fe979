"""The Numba replay on a ledger of outputs: the same transactions in the same order as replay.py, with the same
arithmetic, at a million a second.

Invariant: for every ledger, plan and rule it gives the Run of its plain twin. Where the plain replay keeps a heap, this
one keeps a bitmap of waiting transactions (they are numbered in chain order, so the next set bit is the next
transaction); the lots of outputs lie one after another in an arena, found by output in an array that the system fills
with zeros only where it is touched. The kernel makes no arrays: where one is too small it stops before the transaction
in hand, has changed nothing, and says how large it must be. Importing this module costs about a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.jit import leaf
from dyepack.tracing.kernel_bits import new_bits, next_bit, set_bit
from dyepack.tracing.transaction import RULES
from dyepack.tracing.utxo import kernel_split as ks
from dyepack.tracing.utxo.kernel_ahead import ask_offsets, ask_rows, ask_slots, ask_spent
from dyepack.tracing.utxo.kernel_split import by_value, cut, cut_pro_rata, dye, rearrange, shares_of
from dyepack.tracing.utxo.kernel_steps import IS_COINBASE, MIXES, arrive, collect, empty, gather, room, untouched
from dyepack.tracing.utxo.plan import DYED, ORIGIN, UtxoPlan, UtxoRun

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger

_ORDERS = {"natural": ks.IN_ORDER, "reversed": ks.REVERSED, "highest": ks.HIGHEST, "lowest": ks.LOWEST}
_MODES = {"taint-first": ks.TAINT_FIRST, "clean-first": ks.CLEAN_FIRST, "poison": ks.POISON, "haircut": ks.HAIRCUT}

_POSITION, _REPLAYED, _LOTS, _ARENA, _ROWS, _FRESH, _FEES, _BLOCK, _DUE, _FEE_HOP = range(10)
"""Places in the state that the kernel goes on from."""

_WIDTHS = {"ins": 2, "seq": 2, "out": 2, "share": 2, "span": 3, "order": 2, "lots": 3, "arena": 2, "rows": 0,
           "fresh": 3, "fees": 2}  # fmt: skip
"""Columns of the tables of whole numbers that grow; "rows" are of the type DYED."""
_NAMES = list(_WIDTHS)
_INS, _SEQ, _OUT, _SHARE, _SPAN, _ORDER, _LOT, _ARE, _ROW, _NEW, _FEE = range(11)


def replay(ledger: UtxoLedger, plan: UtxoPlan, rule: str) -> UtxoRun:
    """Follow the dye of all legs under one rule."""
    said = np.zeros(len(ledger.address_id) + 1, np.uint8)
    for address, code in plan.stops.items():
        said[address] = code
    end_tx = ledger.transactions if plan.end_tx is None else plan.end_tx
    output = np.array([o.output for o in plan.origins], np.int64)
    origin = np.stack([
        np.searchsorted(ledger.tx_output, output.astype(np.uint64), side="right").astype(np.int64) - 1, output,
        np.array([o.leg for o in plan.origins], np.int64), np.array([o.units for o in plan.origins], np.int64),
    ], axis=1)  # fmt: skip
    bits, high = new_bits(ledger.transactions)
    for tx in np.unique(origin[:, 0]).tolist():
        if tx < end_tx:
            set_bit(bits, high, tx)
    tables: dict[str, npt.NDArray[Any]] = {n: np.zeros((1024, width), np.int64) for n, width in _WIDTHS.items()}
    tables["rows"] = np.zeros(1024, DYED)
    slot = np.zeros(ledger.outputs + 1, np.uint32)
    state, need = np.zeros(10, np.int64), np.zeros(len(_NAMES), np.int64)
    state[_BLOCK] = -1
    flags = ledger.tx_flag
    if plan.mixes:
        flags = np.array(ledger.tx_flag)
        flags[sorted(plan.mixes)] |= MIXES
    mode, how = _MODES.get(rule, ks.NATURAL), _ORDERS[RULES[rule][1]]
    while not _advance(
        ledger.block_tx, ledger.tx_block, flags, ledger.tx_input, ledger.tx_output, ledger.input_tx,
        ledger.input_index, ledger.input_value, ledger.output_value, ledger.output_spender, ledger.output_type,
        ledger.output_address, ledger.address_offset, said, origin, bits, high, slot, state, need,
        *(tables[name] for name in _NAMES), mode, how, rule == "lifo-a", rule == "dirty-first", plan.fee_first,
        plan.follow_fees, plan.cut_off, plan.hop_limit, end_tx, plan.hub_limit, bool(plan.stops),
        ledger.some_incomplete or bool(plan.mixes),
    ):  # fmt: skip
        if need[_ARE] > len(tables["arena"]):
            need[_ARE] += _sweep(tables["lots"][: state[_LOTS]], tables["arena"], state)
        for name, rows in zip(_NAMES, need.tolist(), strict=True):
            _grow(tables[name], rows)
    fresh = np.empty(int(state[_FRESH]), ORIGIN)
    for at, name in enumerate(("output", "leg", "units")):
        fresh[name] = tables["fresh"][: len(fresh), at]
    return UtxoRun(rule, fresh, tables["rows"][: state[_ROWS]], int(state[_REPLAYED]))


def _grow(table: npt.NDArray[Any], rows: int) -> None:
    """Make room for `rows` in place, half as many again at least (large tables are moved without being copied)."""
    if rows > len(table):
        table.resize((max(rows, len(table) * 3 // 2), *table.shape[1:]), refcheck=False)


def _sweep(lots: npt.NDArray[np.int64], arena: npt.NDArray[np.int64], state: npt.NDArray[np.int64]) -> int:
    """Move the pieces of lots that wait to the front of the arena; how many places that gave back, as a negative.

    If more than a quarter of the arena waits, it is to become four times as large, so that sweeping stays rare.
    """
    waiting = np.flatnonzero(lots[:, 1])
    size = lots[waiting, 1]
    ends = np.cumsum(size)
    kept = int(ends[-1]) if len(ends) else 0
    if kept:
        begin = ends - size
        arena[:kept] = arena[np.repeat(lots[waiting, 0] - begin, size) + np.arange(kept)]
        lots[waiting, 0] = begin
    freed = kept - int(state[_ARENA])
    state[_ARENA] = kept
    return freed + (3 * len(arena) if 4 * kept > len(arena) else 0)


@leaf
def _lowest(rows, wanted):  # type: ignore[no-untyped-def]
    """The first place in rows ascending by their first column that is not below `wanted`."""
    lo = 0
    hi = len(rows)
    while lo < hi:
        mid = (lo + hi) >> 1
        if rows[mid, 0] < wanted:
            lo = mid + 1
        else:
            hi = mid
    return lo


@leaf
def _advance(  # type: ignore[no-untyped-def]
    block_tx, tx_block, tx_flag, tx_input, tx_output, input_tx, input_index, input_value, output_value,
    output_spender, output_type, output_address, address_offset, said, origin, bits, high, slot, state, need,
    ins, seq, out, share, span, order, lots, arena, rows, fresh, fees, mode, how, reverse, only_pure, fee_first,
    follow_fees, cut_off, hop_limit, end_tx, hub_limit, some_said, some_incomplete,
):  # fmt: skip
    """Replay from the state on; True: to the end, False: some table needs as many rows as `need` says."""
    lot, used, m, news = state[_LOTS], state[_ARENA], state[_ROWS], state[_FRESH]
    fee_count, block, due, fee_hop = state[_FEES], state[_BLOCK], state[_DUE], state[_FEE_HOP]
    position, replayed = state[_POSITION], state[_REPLAYED]
    done = False
    here = _lowest(origin, position)
    while True:
        tx = next_bit(bits, high, position)
        if tx >= 0:
            soon = next_bit(bits, high, tx + 1)
            if soon >= 0:
                ask_slots(soon, tx_input, input_tx, input_index, tx_output, slot)
                second = next_bit(bits, high, soon + 1)
                if second >= 0:
                    ask_spent(second, tx_input, input_tx, tx_output)
                    third = next_bit(bits, high, second + 1)
                    if third >= 0:
                        ask_rows(third, tx_input, tx_output, input_tx, input_index, input_value, output_value,
                                 output_spender)  # fmt: skip
                        fourth = next_bit(bits, high, third + 1)
                        if fourth >= 0:
                            ask_offsets(fourth, tx_input, tx_output, tx_flag)
        coinbase = False
        if follow_fees and (tx < 0 or np.int64(tx_block[tx]) != block):
            coinbase = due != 0 or fee_count > 0
            if not coinbase and tx >= 0:
                block = np.int64(tx_block[tx])
        if coinbase:
            tx = np.int64(block_tx[block])
        elif tx < 0:
            done = True
            break
        elif follow_fees and tx_flag[tx] & IS_COINBASE:
            due = np.int64(1)
            position = tx + 1
            replayed += 1
            continue
        first = np.int64(tx_output[tx])
        count = np.int64(tx_output[tx + 1]) - first
        begin = np.int64(tx_input[tx])
        end = np.int64(tx_input[tx + 1])
        # how much room it takes
        pieces = np.int64(1)
        dyed = fee_count
        if coinbase:
            pieces += np.int64(block_tx[block + 1]) - tx
            for k in range(fee_count):
                pieces += lots[fees[k, 1], 1]
        else:
            pieces, dyed = room(input_tx, input_index, tx_output, begin, end, slot, lots)
        if coinbase or here >= len(origin) or origin[here, 0] < tx:
            here = _lowest(origin, tx)
        last = here
        while last < len(origin) and origin[last, 0] == tx:
            last += 1
        if pieces + 2 > len(ins) or pieces + 2 > len(seq) or count + 1 > len(span) or count + 1 > len(order):
            need[:] = 0
            need[_INS] = need[_SEQ] = need[_SHARE] = pieces + 2
            need[_SPAN] = need[_ORDER] = count + 1
            break
        # what goes in
        n = 0
        total = np.int64(0)
        hop = np.int64(0)
        legs = 0
        if coinbase:
            n, total = collect(tx_flag, tx_input, tx_output, input_value, output_value, tx,
                               np.int64(block_tx[block + 1]), reverse, fees, fee_count, lots, arena, ins)  # fmt: skip
            hop = fee_hop
        elif dyed > 0:
            n, total, hop = gather(input_tx, input_index, input_value, tx_output, begin, end, reverse, slot, lots,
                                   arena, ins)  # fmt: skip
        made = n + count + 2
        if mode == ks.HAIRCUT and dyed > 0:
            legs = shares_of(ins, n, share)
            made = (legs + 1) * (count + 1)
        most = made + last - here
        if last > here:
            most += (made + 1) * (last - here)
        if (
            most > len(out) or m + most > len(rows) or used + most > len(arena) or lot + count + 1 > len(lots)
            or news + last - here > len(fresh) or fee_count + 1 > len(fees)
        ):  # fmt: skip
            need[:] = 0
            need[_OUT], need[_ROW], need[_ARE], need[_LOT] = most, m + most, used + most, lot + count + 1
            need[_NEW], need[_FEE] = news + last - here, fee_count + 1
            break
        # how it is split
        p = 0
        if dyed > 0:
            fee = total
            for at in range(first, first + count):
                fee -= np.int64(output_value[at])
            before = 1 if fee_first and not coinbase else 0
            if mode == ks.HAIRCUT:
                p = cut_pro_rata(share, legs, total, output_value, first, count, fee, before, out, span)
            else:
                if how in (ks.HIGHEST, ks.LOWEST):
                    by_value(output_value, first, count, how, order)
                if mode == ks.NATURAL:
                    ins[n, 1] = 0
                    p = cut(ins, how, order, output_value, first, count, fee, before, out, span)
                else:
                    n = rearrange(mode, ins, n, seq)
                    seq[n, 1] = 0
                    p = cut(seq, how, order, output_value, first, count, fee, before, out, span)
        else:
            p = untouched(output_value, first, count, out, span)
        # what a theft dyes
        for at in range(here, last):
            number = origin[at, 1] - first
            p, given = dye(out, span, number, p, origin[at, 2], origin[at, 3])
            if given > 0:
                fresh[news, 0] = origin[at, 1]
                fresh[news, 1] = origin[at, 2]
                fresh[news, 2] = given
                news += 1
                span[number, 2] = 1
        # where it goes
        if dyed > 0:
            if coinbase:
                for k in range(fee_count):
                    lots[fees[k, 1], 1] = 0
            else:
                empty(input_tx, input_index, tx_output, begin, end, slot, lots)
        m, lot, used = arrive(
            tx_flag, tx_output, output_spender, output_type, output_address, address_offset, said, tx, hop, only_pure,
            follow_fees, cut_off, hop_limit, end_tx, hub_limit, some_said, some_incomplete, out, span, slot, lots, lot,
            arena, used, rows, m,
        )  # fmt: skip
        if coinbase:
            due = np.int64(0)
            fee_count = np.int64(0)
            fee_hop = np.int64(0)
        else:
            position = tx + 1
            replayed += 1
        for number in range(count):
            if span[number, 2] != 0:
                set_bit(bits, high, output_spender[first + number])
                span[number, 2] = 0
        if span[count, 2] != 0:
            span[count, 2] = 0
            fees[fee_count, 0] = tx
            fees[fee_count, 1] = lot - 1
            fee_count += 1
            fee_hop = lots[lot - 1, 2] if fee_hop == 0 or lots[lot - 1, 2] < fee_hop else fee_hop
    state[_LOTS] = lot
    state[_ARENA] = used
    state[_ROWS] = m
    state[_FRESH] = news
    state[_FEES] = fee_count
    state[_BLOCK] = block
    state[_DUE] = due
    state[_FEE_HOP] = fee_hop
    state[_POSITION] = position
    state[_REPLAYED] = replayed
    return done
