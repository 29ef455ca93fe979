"""What every Bitcoin importer returns: transactions with their blocks, and an account of what was left out.

Invariant: each block or transaction read is in a batch, or counted under a name in `counts`; nothing is left out
unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from dyepack.ledger.utxo.schema import RawTransactions
    from dyepack.sources.blocks import BlockRef


@dataclass(slots=True)
class BitcoinImport:
    """The transactions of one import and what was counted on the way.

    batches    transactions; a block is in one batch only
    counts     name -> number, only where not zero
    notes      sentences for the user about what the source cannot tell or what was left out
    files      every file that was read, for the ledger's record; `inputs`: what the record says of other inputs
    network    mainnet, testnet (3 and 4), signet or regtest, where the source itself says so

    Of a live source that is asked about single outputs (else None and empty):
    unspent      the outputs (transaction id, number) of which it said that nothing spends them
    as_of        the block up to which it said so
    gap_reasons  why the history of an output is not here
    """

    batches: list[RawTransactions] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    inputs: list[dict[str, object]] = field(default_factory=list)
    network: str | None = None
    unspent: set[tuple[str, int]] | None = None
    as_of: BlockRef | None = None
    gap_reasons: dict[tuple[str, int], str] = field(default_factory=dict)

    def count(self, name: str, number: int | np.integer[Any]) -> None:
        """Add to a count; zero leaves no trace."""
        if number:
            self.counts[name] = self.counts.get(name, 0) + int(number)

    def add(self, batch: RawTransactions) -> None:
        """Keep a batch, unless it is empty."""
        if len(batch):
            self.batches.append(batch)
