"""The columns of a ledger of outputs (Bitcoin and its kin): what each holds, its type and its unit.

A holding is an output: it is filled once, by one transaction, and emptied once, by another. Transactions are in chain
order, a transaction's id is its rank in it; outputs follow their transactions, so output n of transaction t is output
`tx_output[t] + n` of the ledger. Values are satoshi (the chain's base unit).

column            type    rows        meaning
block_id          u8 x 32 blocks      block hash, as people write it (first byte first); zeros where not known
block_height      u32     blocks      ascending
block_time        i64     blocks      seconds since 1970, UTC; -1 where not known
block_tx          u64     blocks+1    where a block's transactions begin (the first of them is its coinbase)
tx_id             u8 x 32 txs         transaction id, as people write it
tx_block          u32     txs         row of its block
tx_flag           u8      txs         COINBASE | INCOMPLETE
tx_input          u64     txs+1       where a transaction's inputs begin
tx_output         u64     txs+1       where its outputs begin
input_tx          u32     inputs      transaction whose output is spent; OUTSIDE: one that the ledger does not hold
input_index       u32     inputs      number of that output in its transaction; OUTSIDE: row of the outside columns
input_value       u64     inputs      satoshi of the output spent (0 where not known: the transaction is INCOMPLETE)
outside_tx        u8 x 32 outside     id of the transaction that the ledger does not hold
outside_index     u32     outside     number of the output in it
outside_address   u32     outside     its address, NO_ADDRESS where it has none or nobody said
output_value      u64     outputs     satoshi
output_spender    u32     outputs     transaction that spends it; UNSPENT; DESTROYED (by a duplicate: BIP 30);
                                    NOT_ASKED: what spends it is not here, if anything does
output_type       u8      outputs     ScriptType
output_address    u32     outputs     its address, NO_ADDRESS where its script has none
address_id        u8 x w  addresses   packed address: kind, length, program, zeros (address.py)
address_offset    u64     addresses+1 where an address's outputs begin
address_output    u64     outputs with an address: their ids, by address, in chain order
tx_find_key       u64     txs         first eight bytes of the ids, sorted, for look-up
tx_find_row       u32     txs         the rows they belong to; of equal ids the later row first
address_find_key  u64     addresses   the same for addresses
address_find_row  u32     addresses
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from dyepack.ledger.stretches import reordered

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8, U32, U64

OUTSIDE = 0xFFFFFFFF
"""In `input_tx`: the spent output's transaction is not in the ledger."""

UNSPENT = 0xFFFFFFFF
DESTROYED = 0xFFFFFFFE
NOT_ASKED = 0xFFFFFFFD
"""In `output_spender`; what is below all three is a transaction."""

NO_ADDRESS = 0xFFFFFFFF

COINBASE = 1
INCOMPLETE = 2
"""Bits of `tx_flag`."""

UNKNOWN_VALUE = 0xFFFFFFFFFFFFFFFF
"""In RawTransactions.in_value: the source does not say what the spent output was worth."""

MAX_MONEY = 21_000_000 * 100_000_000
"""Satoshi above which no value is valid on Bitcoin (consensus/amount.h of Bitcoin Core)."""

COLUMNS = (
    *("block_id", "block_height", "block_time", "block_tx"),
    *("tx_id", "tx_block", "tx_flag", "tx_input", "tx_output"),
    *("input_tx", "input_index", "input_value", "outside_tx", "outside_index", "outside_address"),
    *("output_value", "output_spender", "output_type", "output_address"),
    *("address_id", "address_offset", "address_output"),
    *("tx_find_key", "tx_find_row", "address_find_key", "address_find_row"),
)
"""Every column of the list above: a ledger that lacks one is damaged."""


class ScriptType(IntEnum):
    """What an output's script is, by its form (Bitcoin Core's Solver)."""

    NONSTANDARD = 0
    P2PK = 1
    P2PKH = 2
    P2SH = 3
    MULTISIG = 4
    OP_RETURN = 5
    P2WPKH = 6
    P2WSH = 7
    P2TR = 8
    WITNESS_UNKNOWN = 9
    NOT_STATED = 10


@dataclass(slots=True)
class TransactionColumns:
    """Blocks and transactions before inputs are joined to outputs.

    block_id      (b, 32) u8  block hash as people write it; zeros where not known
    block_height  (b,)  i64   height in the chain (orphans are left out by the source)
    block_time    (b,)  i64   seconds UTC, -1 where not known
    tx_block      (n,)  i64   row of its block
    tx_index      (n,)  i64   rank in the block; -1 where the source does not say
    tx_id         (n, 32) u8  transaction id as people write it
    tx_coinbase   (n,)  bool  makes new coins; such a transaction has no inputs here
    in_offset     (n+1,) i64  where each transaction's inputs begin, in their own order
    in_txid       (m, 32) u8  transaction of the spent output, as people write it
    in_index      (m,)  u32   number of the spent output in it
    in_value      (m,)  u64   its satoshi, UNKNOWN_VALUE where the source does not say
    in_address    (m,)  i64   row of `addresses`, -1 for none or where the source does not say
    out_offset    (n+1,) i64  where each transaction's outputs begin, in their own order, none left out
    out_value     (k,)  u64   satoshi
    out_type      (k,)  u8    ScriptType
    out_address   (k,)  i64   row of `addresses`, -1 for none
    addresses     (a, w) u8   packed addresses (address.py); one may stand there more than once
    """

    block_id: U8
    block_height: I64
    block_time: I64
    tx_block: I64
    tx_index: I64
    tx_id: U8
    tx_coinbase: U8
    in_offset: I64
    in_txid: U8
    in_index: U32
    in_value: U64
    in_address: I64
    out_offset: I64
    out_value: U64
    out_type: U8
    out_address: I64
    addresses: U8

    def __len__(self) -> int:
        return len(self.tx_id)

    def take(self, order: npt.NDArray[Any]) -> None:
        """Keep these transactions, in this order; blocks and addresses stay as they are."""
        self.in_offset, inputs = reordered(self.in_offset, order)
        self.out_offset, outputs = reordered(self.out_offset, order)
        for part in fields(self):
            rows = {"tx": order, "in": inputs, "out": outputs}.get(part.name.partition("_")[0])
            if rows is not None and not part.name.endswith("_offset"):
                setattr(self, part.name, getattr(self, part.name)[rows])


@dataclass(slots=True)
class RawTransactions(TransactionColumns):
    """Blocks and transactions as one source reads them.

    source      name of the file, for messages
    contiguous  whether the source holds every transaction of each of its blocks
    """

    source: str
    contiguous: bool = True
