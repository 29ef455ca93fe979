"""Reading a ledger: memory-mapped columns, look-up of transactions, addresses and holdings.

Invariant: a Ledger never changes; opening one reads the manifest and maps files, whatever their size.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.content import Reader, find_row, hex_bytes, misfit, open_content, time_text
from dyepack.ledger.manifest import ACCOUNTS
from dyepack.ledger.schema import COLUMNS, I64, LIVE_COLUMNS, MARK_EVERY, NOWHERE, U8, U32, U64

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.manifest import Manifest


class Ledger(Reader):
    """The columns of schema.py as attributes (`ledger.move_from` ...), and what is looked up in them."""

    move_from: U32
    move_to: U32
    move_amount: U64
    move_kind: U8
    move_index: U32
    move_tx: U32
    tx_block: U32
    tx_index: U32
    tx_time: I64
    tx_id: U8
    address_id: U8
    holding_key: U64
    holding_state: U8
    holding_wide: U8
    entry_offset: U64
    entry: U32
    balance_mark: U64
    gap_move: U32
    gap_amount: U64
    tx_find_key: U64
    tx_find_row: U32
    address_find_key: U64
    address_find_row: U32
    block_number: U32
    """This, `block_id` and `address_kind` are empty but on ledgers of live sources."""
    block_id: U8
    address_kind: U8

    def __init__(self, folder: Path, manifest: Manifest, sha256: str, columns: dict[str, Any]) -> None:
        none = {"block_number": np.zeros(0, np.uint32), "block_id": np.zeros((0, 32), np.uint8)}
        super().__init__(folder, manifest, sha256, none | {"address_kind": np.zeros(0, np.uint8)} | columns)

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open the newest content of a ledger folder; LedgerError says what is missing or damaged."""
        content = open_content(path, ACCOUNTS, COLUMNS, LIVE_COLUMNS)
        made = cls(content.folder, content.manifest, content.sha256, content.columns)
        if not made.fits():
            raise misfit(path)
        return made

    def fits(self) -> bool:
        """Whether the columns have the lengths that belong together (their content: `verify`)."""
        moves = {len(c) for c in (self.move_from, self.move_to, self.move_amount, self.move_kind, self.move_index)}
        holdings = {len(self.holding_key), len(self.holding_state), len(self.holding_wide)}
        ends = int(self.entry_offset[-1]) if len(self.entry_offset) else -1
        return (
            moves == {self.moves}
            and holdings == {len(self.entry_offset) - 1}
            and ends == len(self.entry)
            and len(self.gap_move) == len(self.gap_amount)
            and len(self.address_kind) in {0, len(self.address_id)}
            and len(self.block_number) == len(self.block_id)
            and len({len(c) for c in (self.tx_block, self.tx_index, self.tx_time, self.tx_id)}) == 1
        )

    @property
    def moves(self) -> int:
        """How many moves the ledger holds."""
        return len(self.move_tx)

    def find_tx(self, text: str) -> int | None:
        """The transaction with this hash or reference."""
        raw = self._encode(text, self.manifest.tx_format, self.tx_id.shape[1])
        return None if raw is None else find_row(raw, self.tx_id, self.tx_find_key, self.tx_find_row)

    def find_address(self, text: str) -> int | None:
        """The address with this text, in any letter case where the chain has none."""
        raw = self._encode(text, self.manifest.address_format, self.address_id.shape[1])
        return None if raw is None else find_row(raw, self.address_id, self.address_find_key, self.address_find_row)

    def find_holding(self, address: int, asset: int) -> int | None:
        """The holding of `asset` at `address`, if units of it ever moved there."""
        key = np.uint64(asset << 32 | address)
        at = int(np.searchsorted(self.holding_key, key))
        return at if at < len(self.holding_key) and self.holding_key[at] == key else None

    def tx_moves(self, tx: int) -> range:
        """The moves of a transaction."""
        lo, hi = np.searchsorted(self.move_tx, np.array([tx, tx + 1], np.uint32))
        return range(int(lo), int(hi))

    def amount(self, move: int) -> int:
        """Base units that a move carries."""
        lo, hi = self.move_amount[move].tolist()
        return int(lo | hi << 64)

    def holding_address(self, holding: int) -> int:
        """The address id of a holding."""
        return int(self.holding_key[holding]) & 0xFFFFFFFF

    def holding_asset(self, holding: int) -> int:
        """The asset id of a holding."""
        return int(self.holding_key[holding]) >> 32

    def move_asset(self, move: int) -> int:
        """The asset id that a move carries."""
        end = int(self.move_from[move])
        return self.holding_asset(end if end != NOWHERE else int(self.move_to[move]))

    def address_text(self, address: int) -> str:
        """An address as people write it."""
        return self._decode(self.address_id[address], self.manifest.address_format)

    def place_text(self, holding: int) -> str:
        """The address of a holding as people write it, "" for nowhere."""
        return "" if holding == NOWHERE else self.address_text(self.holding_address(holding))

    def state_text(self, holding: int) -> str:
        """What is known of a holding's history, in words."""
        return self.manifest.states[int(self.holding_state[holding])]

    def tx_text(self, tx: int) -> str:
        """A transaction hash or reference as people write it."""
        return self._decode(self.tx_id[tx], self.manifest.tx_format)

    def move_time(self, move: int) -> str:
        """The UTC time of a move (ISO 8601), "" where the source did not say."""
        return time_text(int(self.tx_time[self.move_tx[move]]))

    def entries(self, holding: int) -> U32:
        """The entries of a holding: move << 1 | direction (0 out, 1 in), in chain order."""
        lo, hi = self.entry_offset[holding : holding + 2].tolist()
        return self.entry[lo:hi]

    def balance_before(self, holding: int, place: int) -> int:
        """Base units in `holding` just before its entry number `place` (its entries' end: at the end).

        An account that sends more than it has is emptied, not overdrawn (the gap is an unexplained inflow).
        """
        lo = int(self.entry_offset[holding])
        at = lo + place
        start = lo
        if at > lo and not self.holding_wide[holding]:
            start = max(lo, (at - 1) // MARK_EVERY * MARK_EVERY)
        balance = 0
        if start > lo:
            low, high = self.balance_mark[start // MARK_EVERY].tolist()
            balance = low | high << 64
        for code in self.entry[start:at].tolist():
            units = self.amount(code >> 1)
            balance = balance + units if code & 1 else max(balance - units, 0)
        return balance

    def oversize(self) -> list[dict[str, Any]]:
        """The moves whose amounts are over 128 bits, as they were written."""
        text = (self.folder / "oversize.jsonl").read_text("ascii")
        return [json.loads(line) for line in text.splitlines()]

    @staticmethod
    def _encode(text: str, form: str, width: int) -> bytes | None:
        text = text.strip()
        if form == "hex":
            return hex_bytes(text, width)
        raw = text.encode()
        return raw.ljust(width, b"\0") if len(raw) <= width else None

    @staticmethod
    def _decode(row: U8, form: str) -> str:
        raw = row.tobytes()
        return "0x" + raw.hex() if form == "hex" else raw.rstrip(b"\0").decode("utf-8", "replace")
