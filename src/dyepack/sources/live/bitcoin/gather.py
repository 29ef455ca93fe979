"""What was fetched of a chain of outputs: whole blocks, single transactions, and who spends what.

Invariant: one height has one block, and each block follows on the one before it where both were met; a transaction is
handed on once, from the whole block where there is one. What was asked and could not be had has its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import quoted
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.live.errors import Refused

if TYPE_CHECKING:
    from dyepack.ledger.utxo.schema import RawTransactions
    from dyepack.sources.bitcoin.records.transactions import Transaction
    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.bitcoin.answers import Question

Output = tuple[str, int]
"""Transaction id and number."""

_TOGETHER = 2_000
"""Transactions that are kept as objects until they become arrays."""

_MOVED = "the chain changed while it was asked about, or the source serves two chains: start again"


class Gathered:
    """Collects answers of one source; `source` is its name in messages, without secrets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.network = ""
        self.pinned: BlockRef | None = None
        self._fetched: set[bytes] = set()
        self._met: dict[int, BlockRef] = {}
        self._blocks: dict[int, RawTransactions] = {}
        self._singles: list[RawTransactions] = []
        self._rows: TransactionRows | None = None
        self._waiting = 0
        self._unspent: set[Output] = set()
        self._spends: dict[str, set[Output]] = {}
        self._reasons: dict[Output, str] = {}

    def meet(self, asked: Question, ref: BlockRef) -> None:
        """Check a block against those met before."""
        known = self._met.get(ref.number, ref)
        if (known.hash, known.time) != (ref.hash, ref.time):
            raise asked.fault("block", f"block {ref.number:,} is {quoted(ref.hash)} here, and was {known.hash}", _MOVED)
        before, after = self._met.get(ref.number - 1), self._met.get(ref.number + 1)
        if before and ref.parent and before.hash != ref.parent:
            raise asked.fault("block", f"block {ref.number:,} does not follow on {before.hash}", _MOVED)
        if after and after.parent and after.parent != ref.hash:
            raise asked.fault("block", f"block {after.number:,} does not follow on {quoted(ref.hash)}", _MOVED)
        if ref.parent or ref.number not in self._met:
            self._met[ref.number] = ref

    def has(self, txid: str) -> bool:
        """Whether a transaction was fetched."""
        return bytes.fromhex(txid) in self._fetched

    def has_block(self, height: int) -> bool:
        """Whether the whole block of that height was fetched."""
        return height in self._blocks

    def add_block(self, asked: Question, ref: BlockRef, batch: RawTransactions) -> None:
        """Keep a whole block."""
        self.meet(asked, ref)
        self._blocks[ref.number] = _narrowed(batch)
        self._fetched.update(row.tobytes() for row in batch.tx_id)

    def add_transaction(self, asked: Question, ref: BlockRef, tx: Transaction) -> None:
        """Keep a single transaction, if its block does not contradict those met before."""
        if tx.txid in self._fetched:
            return
        rows = self._open_rows()
        rows.check(tx)
        self._refuse_late(tx.txid.hex(), ref)
        self.meet(asked, ref)
        tx.block, _ = rows.block(asked, "block", (bytes.fromhex(ref.hash), ref.number, ref.time))
        rows.add(tx)
        self._waiting += 1
        if self._waiting >= _TOGETHER:
            self._flush()
        self._fetched.add(tx.txid)
        told = {(spent.txid.hex(), spent.index) for spent in tx.inputs}
        if not tx.coinbase and any(spent.value is None for spent in tx.inputs):
            self._reasons |= dict.fromkeys(told, f"the source does not say what else {tx.txid.hex()} spends")
        for output in self._spends.get(tx.txid.hex(), set()) - told:
            self._reasons[output] = f"the source said that {tx.txid.hex()} spends it, which it does not"

    def add_single(self, asked: Question, ref: BlockRef, batch: RawTransactions) -> None:
        """Keep a single transaction that is a batch already."""
        self._refuse_late(batch.tx_id[0].tobytes().hex(), ref)
        self.meet(asked, ref)
        self._singles.append(_narrowed(batch))
        self._fetched.update(row.tobytes() for row in batch.tx_id)

    def spent(self, output: Output, spender: str | None) -> None:
        """The source's word on who spends an output (None: nobody)."""
        self._reasons.pop(output, None)
        if spender is None:
            self._unspent.add(output)
        else:
            self._spends.setdefault(spender, set()).add(output)

    def not_told(self, output: Output, why: str) -> None:
        """Who spends an output could not be had."""
        self._reasons[output] = why

    def not_had(self, txid: str, why: str) -> None:
        """A transaction could not be had: what it is said to spend leads nowhere."""
        for output in self._spends.get(txid, ()):
            self._reasons[output] = f"spent by {txid}, which could not be had: {why}"

    def result(self) -> BitcoinImport:
        """Everything so far; complete if it is whole blocks and nothing else."""
        self._flush()
        singles = [part for part in map(self._outside_blocks, self._singles) if len(part)]
        blocks = [self._blocks[height] for height in sorted(self._blocks)]
        made = BitcoinImport([*blocks, *singles], network=self.network or None, as_of=self.pinned)
        if singles or not blocks:
            made.unspent = set(self._unspent)
            made.gap_reasons = dict(self._reasons)
        return made

    def _refuse_late(self, txid: str, ref: BlockRef) -> None:
        if self.pinned and ref.number > self.pinned.number:
            raise Refused(
                f"transaction {txid} is in block {ref.number:,}, and this goes up to block {self.pinned.number:,}",
                remedy="wait for more blocks, or ask for fewer confirmations: --depth 0",
            )

    def _outside_blocks(self, batch: RawTransactions) -> RawTransactions:
        """The transactions of a batch that stand in none of the whole blocks."""
        whole = np.isin(batch.block_height[batch.tx_block], list(self._blocks))
        if whole.any():
            batch.take(np.flatnonzero(~whole))
        return batch

    def _open_rows(self) -> TransactionRows:
        if self._rows is None:
            self._rows = TransactionRows(BitcoinImport(), StatedAddresses(self.network or None))
        return self._rows

    def _flush(self) -> None:
        rows, self._rows, self._waiting = self._rows, None, 0
        if rows is not None:
            rows.finish(self.source, contiguous=False)
            self._singles += map(_narrowed, rows.result.batches)


def _narrowed(batch: RawTransactions) -> RawTransactions:
    """The batch with its packed addresses no wider than the longest."""
    longest = int(batch.addresses[:, 1].max()) if len(batch.addresses) else 0
    batch.addresses = batch.addresses[:, : 2 + longest]
    return batch
