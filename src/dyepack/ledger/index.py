"""What is derived from moves for look-up: entries by holding, balance marks, gaps.

Invariant: `index_moves` gives the same arrays whether the plain or the Numba way is taken (tests compare them);
the plain way serves small ledgers, which would wait a second for Numba.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dyepack.ledger.schema import MARK_EVERY, NOWHERE, U8, U32, U64
from dyepack.money import MAX_AMOUNT

_PLAIN_UP_TO = 100_000


@dataclass(slots=True)
class Index:
    """Arrays as in schema.py; `wide` marks holdings whose balance passes 128 bits (their marks are not used)."""

    entry_offset: U64
    entry: U32
    balance_mark: U64
    gap_move: U32
    gap_amount: U64
    wide: U8


def index_moves(sender: U32, receiver: U32, amount: U64, holdings: int, *, plain: bool | None = None) -> Index:
    """Order entries by holding, and note balances and gaps, for moves in chain order."""
    if plain or (plain is None and len(sender) <= _PLAIN_UP_TO):
        return _index_plain(sender, receiver, amount, holdings)
    from dyepack.ledger import index_kernel

    offset, slot = index_kernel.offsets(sender, receiver, holdings)
    entry, mark, gap_move, gap_amount, wide = index_kernel.entries(sender, receiver, amount, offset, slot)
    return Index(offset, entry, mark, gap_move, gap_amount, wide)


def _index_plain(sender: U32, receiver: U32, amount: U64, holdings: int) -> Index:
    ends = np.stack([sender, receiver], axis=1).ravel()
    codes = np.arange(len(ends), dtype=np.uint32)
    real = ends != NOWHERE
    order = np.argsort(ends[real], kind="stable")
    entry = codes[real][order].astype(np.uint32)
    offset = np.zeros(holdings + 1, np.uint64)
    np.cumsum(np.bincount(ends[real], minlength=holdings), out=offset[1:], dtype=np.uint64)
    mark = np.zeros((-(-len(entry) // MARK_EVERY), 2), np.uint64)
    wide = np.zeros(holdings, np.uint8)
    gaps: list[tuple[int, int]] = []
    owner = ends[real][order].tolist()
    units = [lo | hi << 64 for lo, hi in amount.tolist()]
    balance, last = 0, -1
    for place, code in enumerate(entry.tolist()):
        if owner[place] != last:
            balance, last = 0, owner[place]
        if place % MARK_EVERY == 0:
            mark[place // MARK_EVERY] = (balance & 0xFFFFFFFFFFFFFFFF, balance >> 64)
        if code & 1:
            balance += units[code >> 1]
            if balance > MAX_AMOUNT:
                wide[last], balance = 1, MAX_AMOUNT
        else:
            balance -= units[code >> 1]
            if balance < 0:
                gaps.append((code >> 1, -balance))
                balance = 0
    gaps.sort()
    gap_move = np.array([m for m, _ in gaps], np.uint32)
    gap_amount = np.array([(u & 0xFFFFFFFFFFFFFFFF, u >> 64) for _, u in gaps], np.uint64).reshape(-1, 2)
    return Index(offset, entry, mark, gap_move, gap_amount, wide)
