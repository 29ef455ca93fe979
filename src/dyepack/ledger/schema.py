"""The columns of a ledger: what each holds, its type and its unit.

One fact has one column name and one type everywhere. Moves are in chain order; a move's id is its rank in it.

column            type        rows      meaning
move_from         u32         moves     holding that the units leave; NOWHERE for issuance (mint, block reward)
move_to           u32         moves     holding that the units reach; NOWHERE for transaction fees
move_amount       u64 x 2     moves     base units, low word then high word; never zero
move_kind         u8          moves     MoveKind
move_index        u32         moves     trace or log index within the block or transaction
move_tx           u32         moves     transaction
tx_block          u32         txs       block number (or booking day for books)
tx_index          u32         txs       rank in the block; AFTER_TRANSACTIONS for what the block itself pays
tx_time           i64         txs       seconds since 1970, UTC
tx_id             bytes       txs       transaction hash (32 bytes) or reference text
address_id        bytes       addresses address (20 bytes) or account text
holding_key       u64         holdings  asset << 32 | address, ascending: a holding's id is its rank
holding_state     u8          holdings  what is known of its history: index into the manifest's list of reasons
holding_wide      u8          holdings  1 where the balance passes 128 bits: its marks are not used
entry_offset      u64         holdings+1  where a holding's entries begin
entry             u32         entries   move << 1 | direction (0 out, 1 in), in chain order within a holding
balance_mark      u64 x 2     entries/64  balance of the owner of entry 64 k just before that entry
gap_move          u32         gaps      moves that send more than the sender is known to have
gap_amount        u64 x 2     gaps      how much more: the sender's unexplained inflow
tx_find_key       u64         txs       first eight bytes of the ids, sorted, for look-up
tx_find_row       u32         txs       the rows they belong to
address_find_key  u64         addresses the same for addresses
address_find_row  u32         addresses
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

NOWHERE = 0xFFFFFFFF
"""The holding id of issuance (as a sender) and of fees (as a receiver)."""

MARK_EVERY = 64
"""Entries between two stored balances: a balance anywhere costs at most this many steps."""

MAX_MOVES = 1 << 31

AFTER_TRANSACTIONS = 0xFFFFFFFF
"""The rank of moves that belong to a block and to none of its transactions (block rewards): after them all."""

COLUMNS = (
    *("move_from", "move_to", "move_amount", "move_kind", "move_index", "move_tx"),
    *("tx_block", "tx_index", "tx_time", "tx_id", "address_id"),
    *("holding_key", "holding_state", "holding_wide", "entry_offset", "entry", "balance_mark"),
    *("gap_move", "gap_amount", "tx_find_key", "tx_find_row", "address_find_key", "address_find_row"),
)
"""Every column of the list above: a ledger that lacks one is damaged."""


LIVE_COLUMNS = ("block_number", "block_id", "address_kind")
"""Columns that ledgers of live sources have besides: the blocks that moves cite (u32), their hashes (u8 x 32), and for
each address what it is (u8, AddressKind)."""

ZERO_ADDRESS = "0x" + "0" * 40
"""The address whose key nobody has, as Ethereum writes it."""
ZERO_OF_TRON = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"
"""The same as Tron writes it."""


class AddressKind(IntEnum):
    """What a source said of an address: whether somebody's key signs for it, or a contract's code."""

    UNKNOWN = 0
    OWNED = 1
    CONTRACT = 2


class MoveKind(IntEnum):
    """What carried the units; also the order of kinds inside one transaction.

    Explorers and ETL exports order logs and traces separately, so inside a transaction the order between them is
    a convention: the transaction's own value, then token logs, then internal transfers, then the fee, which is
    paid last (methods: "outputs are owed first, the miner gets what is left"). Where a party exchanges one asset for
    another, what it is paid comes before what it gives for it (exchange.py).
    """

    VALUE = 0
    TOKEN = 1
    INTERNAL = 2
    FEE = 3
    ISSUE = 4
    ADJUSTMENT = 5
    """What a token's balances show and its events do not: kept back on transfer, or rebased."""


@dataclass(slots=True)
class RawMoves:
    """Moves as a source reads them, before they are ordered: equal-length columns plus two small dictionaries.

    tx_id        (n, w) u8   transaction hash or padded text
    block        (n,)  i64   block number
    tx_index     (n,)  i64   rank in the block; -1 where the source does not say; AFTER_TRANSACTIONS for what
                             the block itself pays
    time         (n,)  i64   seconds UTC; -1 where the source does not say
    kind         (n,)  u8    MoveKind
    index        (n,)  i64   trace or log index: with tx_id and kind, the identity of the move
    sender       (n,)  i64   row of `addresses`, or -1 for nowhere (issuance)
    receiver     (n,)  i64   row of `addresses`, or -1 for nowhere (fees)
    asset        (n,)  i64   row of `assets`
    amount       (n, 2) u64  base units, low and high word
    row          (n,)  i64   line of the source file, for messages
    addresses    (k, w) u8   each address once
    assets       keys: "native" or a contract address or a currency
    """

    tx_id: U8
    block: I64
    tx_index: I64
    time: I64
    kind: U8
    index: I64
    sender: I64
    receiver: I64
    asset: I64
    amount: U64
    row: I64
    addresses: U8
    assets: list[str]
    source: str
    """Name of the file, for messages."""

    def __len__(self) -> int:
        return len(self.block)


@dataclass(frozen=True, slots=True)
class OversizeMove:
    """A move whose amount is over 128 bits: kept as it was written, left out of every total, counted."""

    source: str
    row: int
    tx_id: str
    kind: int
    index: int
    sender: str
    receiver: str
    asset: str
    amount: str


def to_int(words: U64) -> int:
    """Join the two words of an amount."""
    return int(words[0]) | int(words[1]) << 64


def to_words(units: int) -> tuple[int, int]:
    """Split an amount into its low and high word."""
    return units & 0xFFFFFFFFFFFFFFFF, units >> 64
