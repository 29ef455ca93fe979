"""Blocks as they travel: where transactions, inputs, outputs and scripts stand in a buffer, and the ids of all.

Every length is checked against the end of its block and every count against the bytes that are left, before anything
is allocated for it. `walk` uses compiled code for large buffers (wire_kernel.py), plain Python for small ones
(wire_plain.py).

Invariant: a walked block has a merkle root equal to its header's, one coinbase, which comes first, and no output or
sum of a transaction's outputs above MAX_MONEY; every byte of it belongs to a field. (Witnesses are walked over, not
checked: neither ids nor values depend on them.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.sources.bitcoin.blocks.faults import BrokenError, Fault
from dyepack.sources.bitcoin.blocks.wire_plain import Walked, walk_plain
from dyepack.sources.bitcoin.hashes import merkle_roots, sha256d_slices

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64, U8

KERNEL_FROM = 4_000_000
"""Bytes from which on compiled code pays: loading it takes half a second, plain Python reads 30 MB/s."""


def _empty(blocks: int, totals: list[int]) -> Walked:
    txs, ins, outs, size = totals
    return Walked(
        np.zeros(blocks + 1, np.int64), np.zeros((blocks, 2), np.int64), np.zeros(txs + 1, np.int64),
        np.zeros(txs + 1, np.int64), np.zeros(txs + 1, np.int64), np.empty((ins, 32), np.uint8),
        np.empty(ins, np.uint32), np.empty(outs, np.uint64), np.empty(outs, np.int64), np.empty(outs, np.int64),
        np.empty(size, np.uint8),
    )  # fmt: skip


def walk(buffer: U8, start: I64, end: I64) -> Walked:
    """Walk the blocks `buffer[start : end]`; BrokenError for the first that is malformed."""
    if int((end - start).sum()) < KERNEL_FROM:
        return walk_plain(buffer, start, end)
    return walk_compiled(buffer, start, end)


def walk_compiled(buffer: U8, start: I64, end: I64) -> Walked:
    """`walk` with the kernel, whatever the size."""
    from dyepack.sources.bitcoin.blocks.wire_kernel import walk as kernel

    totals = np.zeros(4, np.int64)
    for fill in (False, True):
        found = _empty(len(start), totals.tolist() if fill else [0, 0, 0, 0])
        totals[:] = 0
        fault, at, block = kernel(
            buffer, start, end, fill, totals, found.block_tx, found.script,
            (found.tx_plain, found.tx_in, found.tx_out), (found.in_txid, found.in_index),
            (found.out_value, found.out_start, found.out_length), found.plain,
        )  # fmt: skip
        if fault:
            raise BrokenError(Fault(fault), int(at), int(block))
    return found


def identify(walked: Walked, buffer: U8, start: I64) -> tuple[U8, U8]:
    """Transaction ids and block hashes, (n, 32) each and in wire order; BrokenError where a merkle root is another."""
    ids = sha256d_slices(walked.plain.tobytes(), walked.tx_plain.tolist())
    headers = np.concatenate([buffer[at : at + 80] for at in start.tolist()] or [buffer[:0]])
    hashes = sha256d_slices(headers.tobytes(), list(range(0, len(headers) + 1, 80)))
    roots, ambiguous = merkle_roots(ids, walked.block_tx)
    if len(ambiguous):
        raise BrokenError(Fault.AMBIGUOUS, int(start[ambiguous[0]]) + 36, int(ambiguous[0]))
    other = np.flatnonzero((headers.reshape(-1, 80)[:, 36:68] != roots).any(axis=1))
    if len(other):
        raise BrokenError(Fault.MERKLE, int(start[other[0]]) + 36, int(other[0]))
    return ids, hashes
