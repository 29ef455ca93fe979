"""Reading the exports of Dumplings (a scanner for CoinJoins) in ../shared/data/coinjoin into ledgers of outputs.

A line is one transaction: id, block hash, rank in the block, time, inputs, outputs, parted by ":::"; inputs and outputs
by "}{". An input is "transaction-number-satoshi+script+type", an output "satoshi+script+type". Heights are not told:
they are estimated from the time, which is right to a few days and enough for rules that began at a height.

The rank in the block is not used: in 26 places two transactions claim the same.

Invariant: a transaction that stands in two files of one export is in the ledger once.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dyepack.ledger.utxo.builder import build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import RawTransactions
from dyepack.sources.bitcoin.script import classify_bytes
from dyepack.sources.bitcoin.store import manifest_of

DATA = Path(__file__).parents[2] / "shared" / "data" / "coinjoin"

EXPORTS = {
    "sw": ("dumplings__sw_202403.zip", ("SamouraiCoinJoins", "SamouraiTx0s", "SamouraiPostMixTxs")),
    "ww1": ("dumplings__ww1_202405.zip", ("WasabiCoinJoins", "WasabiPostMixTxs")),
    "jm": ("dumplings__jm_202406.zip", ("OtherCoinJoins", "OtherCoinJoinPostMixTxs")),
}
"""The exports by name: the archive, and the lists in it."""

_KNOWN = ((1_631_333_672, 700_000), (1_713_571_767, 840_000))
"""Times and heights of two blocks of the main chain, between and beside which heights are estimated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `ins` are (transaction, number, satoshi, script), `outs` (satoshi, script)."""

    txid: str
    block: str
    rank: int
    time: int
    ins: tuple[tuple[str, int, int, bytes], ...]
    outs: tuple[tuple[int, bytes], ...]


def rows(export: str, name: str) -> tuple[Row, ...]:
    """The transactions of one list, in the order of time."""
    archive = EXPORTS[export][0]
    return _rows(archive, name)


@cache
def _rows(archive: str, name: str) -> tuple[Row, ...]:
    with zipfile.ZipFile(DATA / archive) as held:
        text = held.read(f"Scanner/{name}.txt").decode("ascii")
    return tuple(sorted((_row(line) for line in text.splitlines()), key=lambda row: (row.time, row.block, row.rank)))


def _row(line: str) -> Row:
    txid, block, rank, time, ins, outs = line.split(":::")
    return Row(txid, block, int(rank), int(time), tuple(map(_input, ins.split("}{"))),
               tuple(map(_output, outs.split("}{"))))  # fmt: skip


def _input(text: str) -> tuple[str, int, int, bytes]:
    point, script, _ = text.split("+")
    tx, number, value = point.split("-")
    return tx, int(number), int(value), bytes.fromhex(script)


def _output(text: str) -> tuple[int, bytes]:
    value, script, _ = text.split("+")
    return int(value), bytes.fromhex(script)


@cache
def export_ledger(export: str) -> UtxoLedger:
    """All lists of an export as one ledger in memory."""
    found = {row.txid: row for name in EXPORTS[export][1] for row in rows(export, name)}
    return ledger_of(tuple(found.values()), export)


def ledger_of(given: tuple[Row, ...], source: str = "rows") -> UtxoLedger:
    """Transactions as a ledger in memory, on mainnet at their estimated heights."""
    built = build([raw(given, source)])
    for column in built.columns.values():
        column.flags.writeable = False
    return UtxoLedger(Path(), manifest_of(built, chain="bitcoin", network="mainnet"), "0" * 64, built.columns)


def raw(given: tuple[Row, ...], source: str) -> RawTransactions:
    """Transactions as a source would give them."""
    times = {row.block: row.time for row in given}
    blocks = sorted(times, key=lambda block: (times[block], block))
    place = {block: at for at, block in enumerate(blocks)}
    scripts = [script for row in given
               for script in (*(spent[3] for spent in row.ins), *(made[1] for made in row.outs))]  # fmt: skip
    read = classify_bytes(scripts)
    owner = np.where(read.has_address, np.arange(len(scripts)), -1)
    paid = np.array([side for row in given for side in (False,) * len(row.ins) + (True,) * len(row.outs)], np.bool_)
    spent = [point for row in given for point in row.ins]
    return RawTransactions(
        block_id=_ids(blocks), block_height=_heights([times[block] for block in blocks]),
        block_time=np.array([times[block] for block in blocks], np.int64),
        tx_block=np.array([place[row.block] for row in given], np.int64),
        tx_index=np.full(len(given), -1, np.int64), tx_id=_ids([row.txid for row in given]),
        tx_coinbase=np.zeros(len(given), np.uint8), in_offset=np.cumsum([0, *(len(row.ins) for row in given)]),
        in_txid=_ids([tx for tx, *_ in spent]), in_index=np.array([number for _, number, *_ in spent], np.uint32),
        in_value=np.array([value for *_, value, _ in spent], np.uint64), in_address=owner[~paid],
        out_offset=np.cumsum([0, *(len(row.outs) for row in given)]),
        out_value=np.array([value for row in given for value, _ in row.outs], np.uint64),
        out_type=read.types[paid], out_address=owner[paid], addresses=read.packed, source=source, contiguous=False,
    )  # fmt: skip


def _ids(texts: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, 32)


def _heights(times: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Ascending heights of blocks in the order of time."""
    (time, height), (later, higher) = _KNOWN
    found: list[int] = []
    for at in times:
        estimate = height + (at - time) * (higher - height) // (later - time)
        found.append(max(estimate, found[-1] + 1 if found else 0))
    return np.array(found, np.int64)
