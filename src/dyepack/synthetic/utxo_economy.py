"""The benchmark generator for chains of outputs: the columns of a ledger of outputs (ledger/utxo/schema.py), any size.

Transactions have about 2.4 inputs and 2.5 outputs with heavy tails (to 300 and 500), 55 % of what is spent is recent,
addresses are used again with a heavy tail, one in about 500 transactions splits equally as a CoinJoin does, one in 64
has an OP_RETURN output. Whose money it is plays no part: who spends together is chance, so co-spend clusters run
together into one far sooner than on a real chain.

Invariant: equal arguments give equal columns; values conserve exactly (see the kernel); the chain is complete: no
input from outside, no transaction incomplete, no duplicate.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.rows import find_table
from dyepack.synthetic.identity import ADDRESS_BYTES, HASH_BYTES, scatter

PER_BLOCK = 1000
FIRST_HEIGHT = 209_900
"""So that the subsidy halves early in the chain."""

FIRST_TIME = 1_354_056_000
BLOCK_SECONDS = 600
MOST_IN, MOST_OUT = 300, 500

_NAMES = (
    *("tx_block", "tx_flag", "tx_input", "tx_output", "input_tx", "input_index", "input_value"),
    *("output_value", "output_spender", "output_type", "output_address"),
)
_KINDS = np.array([0x00, 0x10, 0x00, 0x01], np.uint8)
"""First byte of a packed address (address.py) by its number: P2PKH, P2WPKH, P2PKH, P2SH, as the kernel's types."""

Columns = dict[str, npt.NDArray[Any]]


def chain(transactions: int, seed: int = 1, *, per_block: int = PER_BLOCK) -> Columns:
    """Every column of the schema for `transactions` transactions (1 to 2**30), coinbases included."""
    from dyepack.synthetic.utxo_economy_kernel import by_address, room
    from dyepack.synthetic.utxo_economy_kernel import transactions as make

    if not 1 <= transactions <= 1 << 30:
        raise ValueError(f"{transactions} transactions are not 1 to 2**30")
    start = np.uint64(int.from_bytes(sha256(f"chain of outputs/{seed}".encode()).digest()[:8], "little"))
    many_in, many_out = _tail(1.53, MOST_IN), _outputs()
    ins, outs = room(transactions, start, many_in, many_out)
    if outs >= 0xFFFFFFFE:
        raise ValueError(f"{transactions} transactions have more outputs than a ledger can number")
    made = make(transactions, start, many_in, many_out, ins, outs, per_block, FIRST_HEIGHT)
    columns: Columns = dict(zip(_NAMES, made, strict=False))
    blocks, addresses = int(made[-2]), int(made[-1])
    columns["tx_id"] = scatter(seed, "transaction", transactions, HASH_BYTES)
    columns |= _blocks(columns["tx_block"], blocks, seed) | _nothing_outside()
    columns["address_offset"], columns["address_output"] = by_address(columns["output_address"], addresses)
    columns["address_id"] = _packed(seed, addresses)
    for name in ("tx", "address"):
        columns[f"{name}_find_key"], columns[f"{name}_find_row"] = find_table(columns[f"{name}_id"])
    return columns


def _tail(exponent: float, most: int) -> npt.NDArray[np.int64]:
    """65,536 equally likely numbers from 1 to `most`, k or more with a chance of k**-exponent (mean: its sum)."""
    chance = (np.arange(65_536) + 0.5) / 65_536
    return np.minimum(chance ** (-1 / exponent), most).astype(np.int64)


def _outputs() -> npt.NDArray[np.int64]:
    """How many outputs: one in 12 %, mostly two, seldom very many."""
    many = 1 + _tail(1.95, MOST_OUT - 1)
    many[np.random.default_rng(0).permutation(65_536)[: int(0.12 * 65_536)]] = 1
    return np.asarray(many, np.int64)


def _blocks(tx_block: npt.NDArray[np.uint32], blocks: int, seed: int) -> Columns:
    height = FIRST_HEIGHT + np.arange(blocks, dtype=np.int64)
    return {
        "block_id": scatter(seed, "block", blocks, HASH_BYTES),
        "block_height": height.astype(np.uint32),
        "block_time": FIRST_TIME + BLOCK_SECONDS * (height - FIRST_HEIGHT),
        "block_tx": np.searchsorted(tx_block, np.arange(blocks + 1)).astype(np.uint64),
    }


def _nothing_outside() -> Columns:
    return {
        "outside_tx": np.zeros((0, HASH_BYTES), np.uint8),
        "outside_index": np.zeros(0, np.uint32),
        "outside_address": np.zeros(0, np.uint32),
    }


def _packed(seed: int, addresses: int) -> npt.NDArray[np.uint8]:
    """Distinct packed addresses: kind, length, program."""
    packed = np.empty((addresses, 2 + ADDRESS_BYTES), np.uint8)
    packed[:, 0] = np.resize(_KINDS, addresses)
    packed[:, 1] = ADDRESS_BYTES
    packed[:, 2:] = scatter(seed, "address", addresses, ADDRESS_BYTES)
    return packed
