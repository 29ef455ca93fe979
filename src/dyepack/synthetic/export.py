"""Write moves as files of the shape that ethereum-etl exports: transactions, token transfers and traces.

Invariants: every fee is gas used x effective gas price, exactly; a transaction's own value is both its
`value` and its top trace; native issuance becomes a block reward (without transaction hash), issuance of a
token a transfer from the zero address. Amounts are base units. Parquet holds them as decimal(38, 0), CSV as
digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dyepack.ledger.schema import U8, MoveKind, RawMoves, to_words
from dyepack.synthetic.columns import decimals, hexed, same, texts, whole
from dyepack.synthetic.gas import GAS_BASE, GAS_INTERNAL, GAS_TOKEN
from dyepack.synthetic.identity import ADDRESS_BYTES, HASH_BYTES, ZERO, scatter, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dyepack.ledger.schema import I64, U64
    from dyepack.synthetic.stage import ZeroTransfer
    from dyepack.synthetic.story import Incident

Format = Literal["csv", "parquet"]


@dataclass(slots=True)
class _Txs:
    """The transactions of a ledger, shape (m,): which moves they are made of, and who pays whom.

    first        row of the transaction's first move
    of_move      (n,) transaction of each move
    real         whether it is a transaction; False for protocol issuance
    sender       row of the address table
    target       row of the address table
    value        (m, 2) base units
    gas, price   gas used, wei per gas
    ok           whether it succeeded
    """

    first: I64
    of_move: I64
    real: Any
    sender: I64
    target: I64
    value: U64
    gas: I64
    price: I64
    ok: Any


@dataclass(slots=True)
class _Names:
    """Address text by row: the moves' addresses, then the assets' contracts, then others that came up."""

    text: U8
    contracts: int
    zero: int
    extra: dict[str, int]

    def column(self, rows: I64, given: Any = None) -> Any:
        """A string column of addresses."""
        return texts(self.text[rows], given)


def export(
    moves: RawMoves,
    folder: Path,
    fmt: Format = "csv",
    *,
    failed: Mapping[str, tuple[str, int]] | None = None,
    zero_transfers: Sequence[ZeroTransfer] = (),
) -> list[Path]:
    """Write `transactions`, `token_transfers` and `traces` into `folder`; moves must be in position order.

    `failed` gives target and attempted value (base units) of failed transactions by id; `zero_transfers`
    are token events over nothing.
    """
    import pyarrow as pa

    failed = failed or {}
    extra = [target for target, _ in failed.values()]
    extra += [text for event in zero_transfers for text in (event.token, event.sender, event.receiver)]
    names = _names(moves, extra)
    txs = _transactions(moves, names, failed)
    tables = {
        "transactions": _transaction_table(moves, names, txs),
        "token_transfers": pa.concat_tables(
            [_transfer_table(moves, names), _zero_table(zero_transfers)], promote_options="permissive"
        ),
        "traces": _trace_table(moves, names, txs),
    }
    return [_save(table, folder / f"{name}.{fmt}", fmt) for name, table in tables.items()]


def export_incident(incident: Incident, folder: Path, fmt: Format = "csv") -> list[Path]:
    """Write the synthetic incident, with its failed transactions and its empty token events."""
    return export(incident.moves, folder, fmt, failed=incident.failed, zero_transfers=incident.zero_transfers)


def _save(table: Any, path: Path, fmt: Format) -> Path:
    """Write one table."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    if fmt == "parquet":
        pyarrow.parquet.write_table(table, path, compression="zstd")
        return path
    plain = [c.cast(pa.string()) if pa.types.is_decimal(c.type) else c for c in table.columns]
    head = ",".join(table.column_names) + "\n"
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as sink:
        sink.write(head.encode())
        pyarrow.csv.write_csv(pa.table(plain, names=table.column_names), sink, options)
    return path


def _names(moves: RawMoves, extra: Sequence[str]) -> _Names:
    """All address texts; the native coin's row among the contracts is the zero address."""
    contracts = [key if key.startswith("0x") else ZERO for key in moves.assets]
    start = len(moves.addresses)
    others = list(dict.fromkeys([ZERO, *extra]))
    rows = np.concatenate((moves.addresses, to_bytes(contracts + others, ADDRESS_BYTES)))
    first_other = start + len(contracts)
    return _Names(hexed(rows), start, first_other, {text: first_other + n for n, text in enumerate(others)})


def _transactions(moves: RawMoves, names: _Names, failed: Mapping[str, tuple[str, int]]) -> _Txs:
    """Group the moves by transaction."""
    new = np.ones(len(moves), dtype=np.bool_)
    new[1:] = (np.diff(moves.block) != 0) | (np.diff(moves.tx_index) != 0)
    first, of_move = np.flatnonzero(new), np.cumsum(new) - 1
    count = len(first)
    rows = {kind: np.flatnonzero(moves.kind == kind) for kind in MoveKind}
    sender = np.where(moves.sender[first] >= 0, moves.sender[first], moves.receiver[first])
    target = sender.copy()
    sender[of_move[rows[MoveKind.FEE]]] = moves.sender[rows[MoveKind.FEE]]
    inner, tokens, own = (rows[kind][::-1] for kind in (MoveKind.INTERNAL, MoveKind.TOKEN, MoveKind.VALUE))
    target[of_move[inner]] = moves.sender[inner]
    target[of_move[tokens]] = names.contracts + moves.asset[tokens]
    target[of_move[own]] = moves.receiver[own]
    value = np.zeros((count, 2), dtype=np.uint64)
    value[of_move[own]] = moves.amount[own]
    gas = GAS_BASE + GAS_TOKEN * np.bincount(of_move[tokens], minlength=count)
    gas = gas + GAS_INTERNAL * np.bincount(of_move[inner], minlength=count)
    real = np.bincount(of_move[rows[MoveKind.ISSUE]], minlength=count) == 0
    ok = np.ones(count, dtype=np.bool_)
    txs = _Txs(first, of_move, real, sender, target, value, gas, _prices(moves, of_move, gas), ok)
    if failed:
        rank = {row.tobytes().hex(): n for n, row in enumerate(moves.tx_id[first])}
        for tx_id, (to, attempted) in failed.items():
            tx = rank[tx_id[2:]]
            ok[tx], target[tx], value[tx] = False, names.extra[to], to_words(attempted)
    return txs


def _prices(moves: RawMoves, of_move: I64, gas: I64) -> I64:
    """Gas price of each transaction; ValueError if a fee is not a whole number of wei per gas."""
    rows = np.flatnonzero(moves.kind == MoveKind.FEE)
    fee = np.zeros(len(gas), dtype=np.int64)
    fee[of_move[rows]] = moves.amount[rows, 0].astype(np.int64)
    if moves.amount[rows, 1].any() or (fee % gas).any():
        raise ValueError("a fee is not gas used times a gas price")
    return fee // gas


def _transaction_table(moves: RawMoves, names: _Names, txs: _Txs) -> Any:
    """The columns of ethereum-etl's transactions with those of its receipts that make the fee."""
    import pyarrow as pa

    real = np.flatnonzero(txs.real)
    first, sender = txs.first[real], txs.sender[real]
    blocks, block_row = np.unique(moves.block[first], return_inverse=True)
    order = np.argsort(sender, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], np.diff(sender[order]) != 0))) if len(order) else order
    nonce = np.empty(len(real), dtype=np.int64)
    runs = np.diff(np.concatenate((starts, [len(order)])))
    nonce[order] = np.arange(len(order)) - np.repeat(starts, runs)
    price = whole(txs.price[real])
    return pa.table(
        {
            "hash": texts(hexed(moves.tx_id[first])),
            "nonce": whole(nonce),
            "block_hash": texts(hexed(scatter(0, "block", len(blocks), HASH_BYTES))[block_row]),
            "block_number": whole(moves.block[first]),
            "transaction_index": whole(moves.tx_index[first]),
            "from_address": names.column(sender),
            "to_address": names.column(txs.target[real]),
            "value": decimals(txs.value[real]),
            "gas": whole(txs.gas[real] * 3 // 2),
            "gas_price": price,
            "input": same("0x", len(real)),
            "block_timestamp": whole(moves.time[first]),
            "max_fee_per_gas": price,
            "max_priority_fee_per_gas": price,
            "transaction_type": whole(np.full(len(real), 2, dtype=np.int64)),
            "receipt_gas_used": whole(txs.gas[real]),
            "receipt_effective_gas_price": price,
            "receipt_status": whole(txs.ok[real].astype(np.int64)),
        }
    )


def _transfer_table(moves: RawMoves, names: _Names) -> Any:
    """The columns of ethereum-etl's token_transfers."""
    import pyarrow as pa

    rows = np.flatnonzero(moves.kind == MoveKind.TOKEN)
    sender, receiver = (np.where(ends < 0, names.zero, ends)[rows] for ends in (moves.sender, moves.receiver))
    return pa.table(
        {
            "token_address": names.column(names.contracts + moves.asset[rows]),
            "from_address": names.column(sender),
            "to_address": names.column(receiver),
            "value": decimals(moves.amount[rows]),
            "transaction_hash": texts(hexed(moves.tx_id[rows])),
            "log_index": whole(moves.index[rows]),
            "block_number": whole(moves.block[rows]),
        }
    )


def _zero_table(events: Sequence[ZeroTransfer]) -> Any:
    """Token events over nothing, in the same columns."""
    import pyarrow as pa

    columns = {
        "token_address": pa.array([event.token for event in events], pa.string()),
        "from_address": pa.array([event.sender for event in events], pa.string()),
        "to_address": pa.array([event.receiver for event in events], pa.string()),
        "value": decimals(np.zeros((len(events), 2), dtype=np.uint64)),
        "transaction_hash": pa.array([event.tx_id for event in events], pa.string()),
        "log_index": pa.array([event.log_index for event in events], pa.int64()),
        "block_number": pa.array([event.block for event in events], pa.int64()),
    }
    return pa.table(columns)


def _trace_table(moves: RawMoves, names: _Names, txs: _Txs) -> Any:
    """The columns of ethereum-etl's traces: a top call per transaction, inner calls, rewards."""
    import pyarrow as pa
    import pyarrow.compute as pc

    real = np.flatnonzero(txs.real)
    inner = np.flatnonzero((moves.kind == MoveKind.INTERNAL) | (moves.kind == MoveKind.ISSUE))
    tx = np.concatenate((real, txs.of_move[inner]))
    depth = np.concatenate((np.full(len(real), -1), moves.index[inner]))
    order = np.lexsort((depth, tx))
    tx, depth, row = tx[order], depth[order], np.concatenate((txs.first[real], inner))[order]
    top, reward = depth < 0, ~txs.real[tx]
    call = ~reward
    sender = np.where(top, txs.sender[tx], moves.sender[row])
    target = np.where(top, txs.target[tx], moves.receiver[row])
    value = np.where(top[:, None], txs.value[tx], moves.amount[row])
    hashes = texts(hexed(moves.tx_id[row]), call)
    place = pc.if_else(pa.array(top), "", pc.cast(whole(depth), pa.string()))
    kind = pc.if_else(pa.array(call), "call", "reward")
    key = pc.if_else(pa.array(call), hashes, pc.cast(whole(moves.block[row]), pa.string()))
    subtraces = np.bincount(txs.of_move[moves.kind == MoveKind.INTERNAL], minlength=len(txs.first))[tx] * top
    return pa.table(
        {
            "block_number": whole(moves.block[row]),
            "transaction_hash": hashes,
            "transaction_index": whole(moves.tx_index[row], call),
            "from_address": names.column(np.where(call, sender, names.zero), call),
            "to_address": names.column(target),
            "value": decimals(value),
            "input": pc.if_else(pa.array(call), "0x", pa.scalar(None, pa.string())),
            "output": pc.if_else(pa.array(call), "0x", pa.scalar(None, pa.string())),
            "trace_type": kind,
            "call_type": pc.if_else(pa.array(call), "call", pa.scalar(None, pa.string())),
            "reward_type": pc.if_else(pa.array(call), pa.scalar(None, pa.string()), "block"),
            "gas": whole(txs.gas[tx], call),
            "gas_used": whole(np.where(top, txs.gas[tx] - GAS_BASE, 0), call),
            "subtraces": whole(subtraces.astype(np.int64)),
            "trace_address": pc.if_else(pa.array(call), place, ""),
            "error": pc.if_else(pa.array(txs.ok[tx]), pa.scalar(None, pa.string()), "Reverted"),
            "status": whole(txs.ok[tx].astype(np.int64)),
            "trace_id": pc.binary_join_element_wise(
                kind, key, pc.if_else(pa.array(reward), pc.cast(whole(depth), pa.string()), place), "_"
            ),
        }
    )
