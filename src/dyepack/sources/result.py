"""What every importer returns: the moves of an export, and an account of what became of its rows.

Invariant: each row read is a move, an oversize move, or counted under a name in `counts`; nothing is left
out unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from dyepack.money import Asset

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from dyepack.ledger.schema import OversizeMove, RawMoves

IdFormat = Literal["hex", "text"]
"""How transaction ids or addresses are held: decoded hexadecimal, or text padded with zero bytes."""

ETHER = Asset("native", "ETH", 18)


@dataclass(slots=True)
class Import:
    """The moves of one import and what was counted on the way.

    rows       data rows read, over all files
    counts     name -> number of rows or moves, only where not zero
    notes      sentences for the user about what the export cannot tell
    assets     key -> asset, for every asset that a move names
    """

    moves: list[RawMoves] = field(default_factory=list)
    oversize: list[OversizeMove] = field(default_factory=list)
    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assets: dict[str, Asset] = field(default_factory=dict)
    tx_format: IdFormat = "hex"
    address_format: IdFormat = "hex"

    def count(self, name: str, number: int | np.integer[Any]) -> None:
        """Add to a count; zero leaves no trace."""
        if number:
            self.counts[name] = self.counts.get(name, 0) + int(number)

    def add_oversize(self, found: Iterable[OversizeMove]) -> None:
        """Keep oversize moves, each once however many rows tell of it."""
        kept = {(m.tx_id, m.kind, m.index): m for m in self.oversize}
        for move in found:
            first = kept.get((move.tx_id, move.kind, move.index))
            if first is not None and replace(move, source=first.source, row=first.row) == first:
                self.count("oversize_duplicates", 1)
                continue
            kept.setdefault((move.tx_id, move.kind, move.index), move)
            self.oversize.append(move)
            self.count("oversize", 1)

    def add(self, moves: RawMoves) -> None:
        """Keep a batch of moves, unless it is empty."""
        if len(moves):
            self.moves.append(moves)
