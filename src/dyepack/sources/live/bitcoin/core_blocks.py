"""Blocks and transactions as Bitcoin Core writes them in JSON (getblock of verbosity 3, /rest/block/HASH.json).

Invariant: a block that is given back has the id that its header fields give and the Merkle root of its transactions'
ids, each of these is that of the transaction's fields, and it says what each input spends.
"""

from __future__ import annotations

import re
from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING, Annotated

import msgspec

from dyepack.errors import quoted
from dyepack.sources.bitcoin.hashes import block_id, merkle_root
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import NO_BLOCK, Input, Place, Transaction, TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.blocks import BlockRef

if TYPE_CHECKING:
    from dyepack.ledger.utxo.schema import RawTransactions
    from dyepack.sources.live.bitcoin.answers import Question

_BITS = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_NO_INDEX = 0xFFFFFFFF

Height = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
I32 = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 32)]
"""A transaction's version: Core writes it with or without sign."""


class Script(msgspec.Struct, gc=False):
    """scriptPubKey or scriptSig."""

    hex: str


class Prevout(msgspec.Struct, gc=False):
    """The output that an input spends."""

    value: Decimal
    scriptPubKey: Script  # noqa: N815 - the node's name


class Vin(msgspec.Struct, gc=False):
    """An input; a coinbase's has neither `txid` nor `vout`."""

    sequence: U32
    txid: str = ""
    vout: U32 = _NO_INDEX
    coinbase: str | None = None
    scriptSig: Script | None = None  # noqa: N815
    prevout: Prevout | None = None


class Vout(msgspec.Struct, gc=False):
    """An output."""

    value: Decimal
    n: int
    scriptPubKey: Script  # noqa: N815


class Tx(msgspec.Struct, gc=False):
    """A transaction; `blockhash` stands there only where it was asked for alone."""

    txid: str
    version: I32
    locktime: U32
    vin: list[Vin]
    vout: list[Vout]
    blockhash: str = ""
    fee: Decimal | None = None


class Header(msgspec.Struct, gc=False):
    """A block without its transactions; `confirmations` is -1 off the best chain."""

    hash: str
    height: Height
    version: I32
    merkleroot: str
    time: U32
    nonce: U32
    bits: str
    confirmations: int = 0
    previousblockhash: str = ""

    @property
    def ref(self) -> BlockRef:
        """What the rest of the program keeps of it."""
        return BlockRef(self.height, self.hash, self.previousblockhash, self.time)


class Block(Header, gc=False, kw_only=True):
    """A block with its transactions."""

    tx: list[Tx]


class BlockIds(Header, gc=False, kw_only=True):
    """A block with the ids of its transactions (verbosity 1)."""

    tx: list[str]


HEADER = msgspec.json.Decoder(Header)
HEADERS = msgspec.json.Decoder(list[Header])
BLOCK = msgspec.json.Decoder(Block)
BLOCK_IDS = msgspec.json.Decoder(BlockIds)
TX = msgspec.json.Decoder(Tx)


def check_header(asked: Question, head: Header, block: str | None = None) -> None:
    """BadAnswer unless the block's id is that of its fields, and `block` where one was asked for."""
    root, own = asked.digest("merkleroot", head.merkleroot), asked.digest("hash", head.hash)
    previous = asked.digest("previousblockhash", head.previousblockhash) if head.previousblockhash else NO_BLOCK
    if not _BITS.fullmatch(head.bits):
        raise asked.fault("bits", f"{quoted(head.bits)} is not 8 hexadecimal digits")
    if block_id(head.version, previous, root, head.time, int(head.bits, 16), head.nonce) != own:
        raise asked.fault("hash", "is not the id that the block's header fields give")
    if block is not None and head.hash != block:
        raise asked.fault("hash", f"is another block than {block}")
    if head.confirmations < 0:
        raise asked.fault("confirmations", f"block {head.hash} is not on the best chain")


def block_batch(asked: Question, block: Block, network: str, source: str) -> RawTransactions:
    """A whole block as a batch."""
    txids = [asked.digest("txid", tx.txid) for tx in block.tx]
    if not txids or len(set(txids)) < len(txids):
        raise asked.fault("tx", "the block has no transactions, or one of them twice")
    if merkle_root(txids) != bytes.fromhex(block.merkleroot):
        raise asked.fault("merkleroot", "is not the root of the block's transaction ids")
    made = BitcoinImport()
    rows = TransactionRows(made, StatedAddresses(network))
    row, _ = rows.block(asked, "hash", (bytes.fromhex(block.hash), block.height, block.time))
    for index, tx in enumerate(block.tx):
        found = transaction(asked, tx, index)
        if found.coinbase != (index == 0):
            raise asked.fault("vin", "a coinbase is the first transaction of its block, and no other")
        if not found.coinbase and any(spent.value is None for spent in found.inputs):
            raise asked.fault(
                "prevout", f"transaction {tx.txid} does not say what it spends",
                "ask a node of Bitcoin Core 23 or later that has not pruned this block's undo data",
            )  # fmt: skip
        found.block = row
        rows.add(found)
    rows.finish(source, contiguous=True)
    return made.batches[0]


def transaction(asked: Question, tx: Tx, index: int = -1) -> Transaction:
    """A transaction; its id is checked when it is added to rows."""
    coinbase = bool(tx.vin) and tx.vin[0].coinbase is not None
    if coinbase and len(tx.vin) > 1:
        raise asked.fault("vin", "a coinbase has one input")
    outputs = []
    for n, out in enumerate(tx.vout):
        if out.n != n:
            raise asked.fault("n", f"is not {n}, although outputs are listed in their order without a hole")
        outputs.append((asked.satoshi("value", out.value), Place(asked.octets("scriptPubKey", out.scriptPubKey.hex))))
    return Transaction(
        record=asked, key="txid", txid=asked.digest("txid", tx.txid), block=0, index=index, coinbase=coinbase,
        version=tx.version, locktime=tx.locktime, inputs=[_input(asked, one) for one in tx.vin], outputs=outputs,
        fee=None if tx.fee is None or coinbase else asked.satoshi("fee", tx.fee),
    )  # fmt: skip


def _input(asked: Question, vin: Vin) -> Input:
    if vin.coinbase is not None:
        return Input(NO_BLOCK, _NO_INDEX, asked.octets("coinbase", vin.coinbase), vin.sequence)
    if vin.scriptSig is None:
        raise asked.fault("vin", "an input has no scriptSig")
    script = asked.octets("scriptSig", vin.scriptSig.hex)
    spent = Input(asked.digest("txid", vin.txid), vin.vout, script, vin.sequence)
    if vin.prevout is not None:
        spent.value = asked.satoshi("prevout.value", vin.prevout.value)
        spent.place = Place(asked.octets("prevout.scriptPubKey", vin.prevout.scriptPubKey.hex))
    return spent
