"""Small ledgers of outputs for tests: built in memory by the program's own builder, from plain tuples or at random."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from dyepack.ledger.manifest import COMPLETE, NOT_STATED, OUTPUTS, STATES, Manifest
from dyepack.ledger.utxo.address import P2PKH, pack
from dyepack.ledger.utxo.builder import Columns, build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions, ScriptType
from dyepack.ledger.writer import publish
from dyepack.money import Asset


@dataclass
class Out:
    """An output of a test: `address` is a small number, -1 for none."""

    value: int
    address: int = -1
    type: int = ScriptType.P2PKH


@dataclass
class Outside:
    """An input from a transaction that the ledger does not hold."""

    value: int | None
    address: int = -1


@dataclass
class Tx:
    """A transaction of a test: inputs are (transaction, number of its output) or Outside; none: a coinbase, with
    which a block begins; `id` stands for itself where another transaction had it before (BIP 30)."""

    inputs: list[tuple[int, int] | Outside] = field(default_factory=list)
    outputs: list[Out] = field(default_factory=list)
    id: int = -1


def in_memory(columns: Columns, *, complete: bool = True) -> UtxoLedger:
    """A ledger in memory; its columns are not to be written, as mapped ones are not."""
    state = STATES[COMPLETE if complete else NOT_STATED]
    manifest = Manifest("bitcoin", [Asset("native", "BTC", 8)], "hex", "bitcoin", [], {}, {}, {}, {state: 1}, [],
                        model=OUTPUTS, network="mainnet")  # fmt: skip
    for column in columns.values():
        column.flags.writeable = False
    ledger = UtxoLedger(Path(), manifest, "0" * 64, columns)
    assert ledger.fits()
    return ledger


def written(columns: Columns, folder: Path) -> Path:
    """A ledger on disk."""
    publish(folder, in_memory(columns).manifest, columns)
    return folder


def utxo_ledger(txs: list[Tx]) -> UtxoLedger:
    """A ledger of these transactions, in this order."""
    ids = [sha256(str(n if tx.id < 0 else tx.id).encode()).digest() for n, tx in enumerate(txs)]
    ins = [(n, one) for n, tx in enumerate(txs) for one in tx.inputs]
    outs = [out for tx in txs for out in tx.outputs]
    blocks = np.maximum(np.cumsum([not tx.inputs for tx in txs]) - 1, 0)
    outside = [one if isinstance(one, Outside) else None for _, one in ins]
    names = sorted({o.address for o in outs} | {o.address for o in outside if o is not None} | {0})
    place = {name: row for row, name in enumerate(names)} | {-1: -1}
    count = int(blocks.max(initial=0)) + 1

    def rows(raw: list[bytes], width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.frombuffer(b"".join(raw), np.uint8).reshape(len(raw), width)

    def offsets(lengths: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.cumsum([0, *lengths])

    raw = RawTransactions(
        block_id=rows([sha256(f"block {n}".encode()).digest() for n in range(count)], 32),
        block_height=np.arange(7, 7 + count), block_time=600 * np.arange(count), tx_block=blocks,
        tx_index=np.array([n - int(np.searchsorted(blocks, blocks[n])) for n in range(len(txs))], np.int64),
        tx_id=rows(ids, 32), tx_coinbase=np.array([not tx.inputs for tx in txs], np.uint8),
        in_offset=offsets([len(tx.inputs) for tx in txs]),
        in_txid=rows([sha256(f"outside {n}".encode()).digest() if isinstance(one, Outside) else ids[one[0]]
                      for n, (_, one) in enumerate(ins)], 32),
        in_index=np.array([0 if isinstance(one, Outside) else one[1] for _, one in ins], np.uint32),
        in_value=np.array([UNKNOWN_VALUE if o is None or o.value is None else o.value for o in outside], np.uint64),
        in_address=np.array([-1 if o is None else place[o.address] for o in outside], np.int64),
        out_offset=offsets([len(tx.outputs) for tx in txs]),
        out_value=np.array([o.value for o in outs], np.uint64),
        out_type=np.array([o.type for o in outs], np.uint8),
        out_address=np.array([place[o.address] for o in outs], np.int64),
        addresses=rows([pack(P2PKH, max(n, 0).to_bytes(20, "big")) for n in names], 22),
        source="test",
    )  # fmt: skip
    built = build([raw])
    return in_memory(built.columns, complete=built.complete)


@st.composite
def chains(draw: st.DrawFn, *, most: int = 25) -> UtxoLedger:
    """Random chains: many inputs and outputs, inputs from outside (of known value or not), OP_RETURN, no addresses,
    values of 0, coinbases that stand twice."""
    dice = draw(st.randoms(use_true_random=False))
    txs = [Tx(outputs=[Out(5_000, dice.randrange(8))])]
    unspent = [(0, 0)]
    for n in range(1, draw(st.integers(2, most))):
        txs.append(_coinbase(txs, unspent, dice) if dice.random() < 0.2 else _transaction(txs, unspent, dice))
        unspent += [(n, k) for k, out in enumerate(txs[n].outputs) if out.type != ScriptType.OP_RETURN]
    return utxo_ledger(txs)


def _coinbase(txs: list[Tx], unspent: list[tuple[int, int]], dice: random.Random) -> Tx:
    """New coins; seldom the very transaction of an earlier one, whose output is destroyed."""
    whole = [n for n, tx in enumerate(txs) if not tx.inputs and tx.id < 0 and (n, 0) in unspent]
    if whole and dice.random() < 0.2:
        again = dice.choice(whole)
        unspent.remove((again, 0))
        txs[again].id = again
        return Tx(outputs=txs[again].outputs, id=again)
    return Tx(outputs=[Out(dice.randrange(1, 5_000), dice.randrange(8))])


def _transaction(txs: list[Tx], unspent: list[tuple[int, int]], dice: random.Random) -> Tx:
    chosen = dice.sample(unspent, min(dice.choice((1, 1, 2, 3, 5)), len(unspent)))
    for one in chosen:
        unspent.remove(one)
    total = sum(txs[n].outputs[k].value for n, k in chosen)
    inputs: list[tuple[int, int] | Outside] = list(chosen)
    unknown = False
    if not inputs or dice.random() < 0.15:
        made = Outside(dice.choice((None, 0, 700, 3_000)), dice.randrange(-1, 8))
        inputs.insert(dice.randrange(len(inputs) + 1), made)
        total += made.value or 0
        unknown = made.value is None
    outputs = []
    left = total + 900 * unknown
    for _ in range(dice.choice((1, 2, 2, 3, 6))):
        value = dice.choice((0, left // 3, left // 2, left, dice.randint(0, left)))
        left -= value
        outputs.append(Out(value, dice.randrange(-1, 8)))
    if dice.random() < 0.1:
        outputs.append(Out(min(left, 5), -1, ScriptType.OP_RETURN))
    return Tx(inputs, outputs)
