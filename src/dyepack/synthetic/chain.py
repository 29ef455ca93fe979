"""A small chain that is written one transaction at a time, with exact balances, and read out as RawMoves.

Invariants: positions (block, index, kind, trace or log index) strictly increase; nobody spends what they do
not have, except the addresses in `overdrawn`. Amounts are base units as Python integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import MoveKind, RawMoves, to_words
from dyepack.synthetic.gas import GAS_BASE, GWEI, gas_used
from dyepack.synthetic.identity import ADDRESS_BYTES, HASH_BYTES, to_bytes, tx_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

NATIVE = "native"
BLOCK_SECONDS = 12
FIRST_BLOCK = 14_300_000
FIRST_TIME = 1_646_092_800
"""2022-03-01T00:00:00Z"""


@dataclass(frozen=True, slots=True)
class Part:
    """One move of a transaction to be written; "" as sender is issuance."""

    kind: MoveKind
    sender: str
    receiver: str
    asset: str
    units: int


@dataclass(slots=True)
class Chain:
    """The chain so far: rows in position order, balances, and the clock.

    `watch` is called with (sender, receiver, asset, units) for every row as it is written; "" is nowhere.
    """

    seed: int
    dice: Random
    watch: Callable[[str, str, str, int], None] = lambda *_: None
    block: int = FIRST_BLOCK
    overdrawn: set[str] = field(default_factory=set)
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    _rows: list[tuple[int, int, int, int, int, int, int, int]] = field(default_factory=list)
    _units: list[tuple[int, int]] = field(default_factory=list)
    _tx_ids: list[str] = field(default_factory=list)
    _row_tx: list[int] = field(default_factory=list)
    _addresses: dict[str, int] = field(default_factory=dict)
    _assets: dict[str, int] = field(default_factory=dict)
    _rank: int = 0
    _log: int = 0

    def __len__(self) -> int:
        """Moves written so far."""
        return len(self._rows)

    def balance(self, who: str, asset: str = NATIVE) -> int:
        """Base units that an address has now."""
        return self.balances.get((who, asset), 0)

    def wait(self, blocks: int) -> None:
        """Let time pass; with 0 blocks the next transaction may share the block."""
        if blocks:
            self.block += blocks
            self._rank = self._log = 0

    def skip_log(self) -> int:
        """Use up one log index (for an event that moves nothing) and return it."""
        self._log += 1
        return self._log - 1

    def price(self) -> int:
        """A gas price of the day, in wei."""
        return self.dice.randrange(18 * GWEI, 64 * GWEI)

    def send(self, sender: str, receiver: str, units: int, asset: str = NATIVE) -> str:
        """One transfer in a transaction of its own; returns the transaction's id."""
        kind = MoveKind.VALUE if asset == NATIVE else MoveKind.TOKEN
        return self.submit(sender, [Part(kind, sender, receiver, asset, units)])

    def sweep(self, sender: str, receiver: str) -> str:
        """Send all native coin but the fee, so that the sender is left with nothing."""
        price = self.price()
        units = self.balance(sender) - GAS_BASE * price
        return self.submit(sender, [Part(MoveKind.VALUE, sender, receiver, NATIVE, units)], price)

    def submit(self, payer: str, parts: Sequence[Part], price: int | None = None) -> str:
        """Write a transaction of `parts` (in order) and its fee; payer "" is the protocol, without fee."""
        tx_id = tx_hash(self.seed, len(self._tx_ids))
        internals = 0
        for part in parts:
            index = 0
            if part.kind == MoveKind.TOKEN:
                index = self.skip_log()
            elif part.kind in (MoveKind.INTERNAL, MoveKind.ISSUE):
                index, internals = internals, internals + 1
            self._write(part, index, tx_id)
        if payer:
            tokens = sum(part.kind == MoveKind.TOKEN for part in parts)
            fee = gas_used(tokens, internals) * (price or self.price())
            self._write(Part(MoveKind.FEE, payer, "", NATIVE, fee), 0, tx_id)
        self._tx_ids.append(tx_id)
        self._rank += 1
        return tx_id

    def _write(self, part: Part, index: int, tx_id: str) -> None:
        """Append one row and keep the balances."""
        if part.units <= 0:
            raise ValueError(f"a move of {part.units} units cannot be written")
        if part.sender:
            source = (part.sender, part.asset)
            left = self.balances.get(source, 0) - part.units
            if left < 0 and part.sender not in self.overdrawn:
                raise ValueError(f"{part.sender} would overspend {part.asset} by {-left}")
            self.balances[source] = max(left, 0)
        if part.receiver:
            target = (part.receiver, part.asset)
            self.balances[target] = self.balances.get(target, 0) + part.units
        self.watch(part.sender, part.receiver, part.asset, part.units)
        ends = [self._addresses.setdefault(a, len(self._addresses)) if a else -1 for a in (part.sender, part.receiver)]
        asset = self._assets.setdefault(part.asset, len(self._assets))
        when = FIRST_TIME + (self.block - FIRST_BLOCK) * BLOCK_SECONDS
        row = (self.block, self._rank, when, int(part.kind), index, ends[0], ends[1], asset)
        self._rows.append(row)
        self._units.append(to_words(part.units))
        self._row_tx.append(len(self._tx_ids))

    def read_out(self, source: str) -> RawMoves:
        """All rows as RawMoves, in position order."""
        columns = np.array(self._rows, dtype=np.int64).reshape(len(self._rows), 8).T
        block, rank, when, kind, index, sender, receiver, asset = (column.copy() for column in columns)
        ids = to_bytes(self._tx_ids, HASH_BYTES)
        return RawMoves(
            tx_id=ids[np.array(self._row_tx, dtype=np.int64)],
            block=block,
            tx_index=rank,
            time=when,
            kind=kind.astype(np.uint8),
            index=index,
            sender=sender,
            receiver=receiver,
            asset=asset,
            amount=np.array(self._units, dtype=np.uint64).reshape(len(self._units), 2),
            row=np.arange(len(self._rows), dtype=np.int64),
            addresses=to_bytes(list(self._addresses), ADDRESS_BYTES),
            assets=list(self._assets),
            source=source,
        )
