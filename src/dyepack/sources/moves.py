"""Building RawMoves and OversizeMoves out of the columns of one file.

Invariant: the moves that leave here name only addresses and assets that they use, each once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.schema import MoveKind, OversizeMove, RawMoves

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8, U64
    from dyepack.sources.amounts import Amounts
    from dyepack.sources.result import Import


@dataclass(slots=True)
class Movements:
    """One possible move for each row of a file: the columns of RawMoves, before rows are chosen.

    `index`, `kind`, `asset` may be one number for all rows.
    """

    source: str
    tx_id: U8
    block: I64
    tx_index: I64
    time: I64
    sender: I64
    receiver: I64
    amounts: Amounts
    row: I64
    addresses: U8
    assets: list[str]
    kind: int | U8
    index: int | I64 = 0
    asset: int | I64 = 0
    ids_are_text: bool = False
    addresses_are_text: bool = False

    def keep(self, mask: npt.NDArray[np.bool_], into: Import) -> int:
        """Add the rows of `mask` that carry value to `into`; returns how many moves those are."""
        into.add_oversize(self._oversize(row) for row in sorted(self.amounts.oversize) if mask[row])
        moves = choose(self, self.amounts.words, mask & self.amounts.moving())
        into.add(moves)
        return len(moves)

    def fees(self, fee: U64) -> RawMoves:
        """A move from each row's sender to nowhere, of `fee`, where that is not zero."""
        nowhere = np.full(len(self.block), -1, np.int64)
        rows = replace(self, kind=int(MoveKind.FEE), index=0, asset=0, receiver=nowhere)
        return choose(rows, fee, (fee[:, 0] | fee[:, 1]) != 0)

    def _oversize(self, row: int) -> OversizeMove:
        return OversizeMove(
            self.source,
            int(self.row[row]),
            _written(self.tx_id[row], text=self.ids_are_text),
            int(_at(self.kind, row)),
            int(_at(self.index, row)),
            self._address(int(self.sender[row])),
            self._address(int(self.receiver[row])),
            self.assets[int(_at(self.asset, row))],
            self.amounts.oversize[row],
        )

    def _address(self, code: int) -> str:
        return _written(self.addresses[code], text=self.addresses_are_text) if code >= 0 else ""


def choose(rows: Movements, words: U64, mask: npt.NDArray[np.bool_]) -> RawMoves:
    """The moves of the rows in `mask`, of the amounts `words`."""
    picked: I64 | slice = slice(None) if mask.all() else np.flatnonzero(mask)
    count = int(np.count_nonzero(mask))
    (sender, receiver), addresses = _used([rows.sender[picked], rows.receiver[picked]], len(rows.addresses))
    (asset,), assets = _used([_column(rows.asset, picked, count, np.int64)], len(rows.assets))
    return RawMoves(
        tx_id=rows.tx_id[picked],
        block=rows.block[picked],
        tx_index=rows.tx_index[picked],
        time=rows.time[picked],
        kind=_column(rows.kind, picked, count, np.uint8),
        index=_column(rows.index, picked, count, np.int64),
        sender=sender,
        receiver=receiver,
        asset=asset,
        amount=words[picked],
        row=rows.row[picked],
        addresses=rows.addresses[addresses],
        assets=[rows.assets[code] for code in assets.tolist()],
        source=rows.source,
    )


def _column(value: int | npt.NDArray[Any], picked: I64 | slice, count: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.full(count, value, kind) if isinstance(value, int) else value[picked].astype(kind, copy=False)


def _used(columns: list[I64], size: int) -> tuple[list[I64], I64]:
    """Renumber codes so that none is unused (-1 stays): the columns, and the old code of each new one."""
    seen = np.zeros(size + 1, np.bool_)  # the last place stands for -1
    for column in columns:
        seen[column] = True
    old = np.flatnonzero(seen[:size])
    if len(old) == size:
        return columns, old
    new = np.full(size + 1, -1, np.int64)
    new[old] = np.arange(len(old))
    return [new[column] for column in columns], old


def _at(value: int | npt.NDArray[Any], row: int) -> int:
    return value if isinstance(value, int) else int(value[row])


def _written(value: U8, *, text: bool) -> str:
    raw = value.tobytes()
    return raw.rstrip(b"\0").decode() if text else "0x" + raw.hex()
