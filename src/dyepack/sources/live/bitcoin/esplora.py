"""An Esplora server (blockstream.info, mempool.space, or one's own): transactions, who spends them, whole blocks.

Source: https://github.com/Blockstream/esplora/blob/master/API.md
Invariant: a transaction has the id of its fields, pays no more than it spends, and is in its block by a Merkle branch
where the server gives one; a whole block has the id of its
header fields, the Merkle root of the ids that are listed, and pages that are these ids, none doubled, none missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from dyepack.errors import quoted
from dyepack.sources.bitcoin.hashes import block_id, merkle_root, sha256d
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import NO_BLOCK, Input, Place, Transaction, TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.bitcoin.answers import Question
from dyepack.sources.live.bitcoin.core_blocks import I32, U32, Height
from dyepack.sources.live.bitcoin.node import OutputAdapter
from dyepack.sources.live.errors import Forbidden, Refused, SourceError
from dyepack.sources.live.source import Capabilities
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.fetch import Fetcher

_PAGE = 25
"""Transactions on a page of a block."""

_AT_ONCE = 16


class _Out(msgspec.Struct, gc=False):
    scriptpubkey: str
    value: int


class _In(msgspec.Struct, gc=False):
    txid: str
    vout: U32
    scriptsig: str
    is_coinbase: bool
    sequence: U32
    prevout: _Out | None = None


class _Status(msgspec.Struct, gc=False):
    confirmed: bool
    block_height: Height = 0
    block_hash: str = ""
    block_time: U32 = 0


class _Tx(msgspec.Struct, gc=False):
    txid: str
    version: I32
    locktime: U32
    vin: list[_In]
    vout: list[_Out]
    status: _Status
    fee: int | None = None


class _Block(msgspec.Struct):
    id: str
    height: Height
    version: I32
    timestamp: U32
    tx_count: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
    merkle_root: str
    nonce: U32
    bits: U32
    previousblockhash: str | None = None

    @property
    def ref(self) -> BlockRef:
        return BlockRef(self.height, self.id, self.previousblockhash or "", self.timestamp)


class _Outspend(msgspec.Struct, gc=False):
    spent: bool
    txid: str = ""
    vin: U32 = 0
    status: _Status | None = None


class _Proof(msgspec.Struct):
    merkle: Annotated[list[str], msgspec.Meta(max_length=32)]
    pos: U32


_PROOF = msgspec.json.Decoder(_Proof)
_TX, _TXS = msgspec.json.Decoder(_Tx), msgspec.json.Decoder(list[_Tx])
_BLOCK, _TXIDS = msgspec.json.Decoder(_Block), msgspec.json.Decoder(list[str])
_OUTSPENDS = msgspec.json.Decoder(list[_Outspend])
_HEIGHT = msgspec.json.Decoder(Height)


class Esplora(OutputAdapter):
    """An Esplora server, as an OutputSource."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__(fetcher)
        self._heads: dict[str, _Block] = {}

    async def open(self) -> None:
        """Find the network by the hash of block 0."""
        self._set_network(await self._hash(0))
        self.can = Capabilities(spenders=True)

    async def height(self, txid: str) -> int:
        """The height of the block that holds a transaction."""
        _, tx = await self._tx(txid)
        return tx.status.block_height

    async def spenders(self, outputs: Sequence[tuple[str, int]], last: int) -> dict[tuple[str, int], str | None]:
        """Who spends outputs up to block `last`, by one question for each transaction."""
        numbers: dict[str, list[int]] = {}
        for txid, number in outputs:
            numbers.setdefault(txid, []).append(number)
        found: dict[tuple[str, int], str | None] = {}
        wanted = list(numbers.items())
        for first in range(0, len(wanted), _AT_ONCE):
            for part in await together(self._spenders(*one, last) for one in wanted[first : first + _AT_ONCE]):
                found |= part
        return found

    async def _spenders(self, txid: str, numbers: list[int], last: int) -> dict[tuple[str, int], str | None]:
        """The spenders of some outputs of one transaction; those that cannot be told are left out."""
        asked = Question(f"/tx/{txid}/outspends")
        try:
            spends = asked.decode(_OUTSPENDS, await self._get(asked.question, f"transaction {txid}"))
            found = {(txid, number): _spender(asked, spends, number, last) for number in numbers}
        except Forbidden:
            raise
        except SourceError as error:
            for number in numbers:
                self.got.not_told((txid, number), error.problem)
            return {}
        for output, spender in found.items():
            self.got.spent(output, spender)
        return found

    async def _tip(self) -> int:
        return Question("/blocks/tip/height").decode(
            _HEIGHT, await self._get("/blocks/tip/height", "the tip", text=True)
        )

    async def _ref(self, height: int) -> BlockRef:
        return (await self._header(height)).ref

    async def _block(self, height: int) -> None:
        head = await self._header(height)
        path = f"/block/{head.id}/txids"
        asked = Question(path)
        txids = asked.decode(_TXIDS, await self._get(path, f"block {head.id}"))
        ids = [asked.digest("txid", txid) for txid in txids]
        if len(ids) != head.tx_count or len(set(ids)) < len(ids):
            raise asked.fault("txids", f"are {len(set(ids))} transactions, and the block has {head.tx_count}")
        if merkle_root(ids) != bytes.fromhex(head.merkle_root):
            raise asked.fault("txids", "do not have the block's Merkle root")
        made = BitcoinImport()
        rows = TransactionRows(made, StatedAddresses(self.network))
        row, _ = rows.block(asked, "block", (bytes.fromhex(head.id), height, head.timestamp))
        pages = range(0, len(txids), _PAGE)
        for first, page in zip(pages, await together(self._page(head.id, at) for at in pages), strict=True):
            said = Question(f"/block/{head.id}/txs/{first}")
            if [tx.txid for tx in page] != txids[first : first + _PAGE]:
                raise said.fault("txid", "are not the transactions that stand there in the block")
            for index, tx in enumerate(page, first):
                found = _transaction(said, tx, index)
                found.block = row
                if found.coinbase != (index == 0) or (index and any(one.value is None for one in found.inputs)):
                    raise said.fault("vin", f"transaction {tx.txid} does not say what it spends")
                rows.add(found)
        rows.finish(self.got.source, contiguous=True)
        self.got.add_block(asked, head.ref, made.batches[0])

    async def _page(self, block: str, first: int) -> list[_Tx]:
        path = f"/block/{block}/txs/{first}"
        return Question(path).decode(_TXS, await self._get(path, f"block {block}"))

    async def _transaction(self, txid: str) -> None:
        asked, tx = await self._tx(txid)
        status = tx.status
        head = await self._block_of(asked.digest("status.block_hash", status.block_hash).hex())
        if (head.height, head.timestamp) != (status.block_height, status.block_time):
            raise asked.fault("status", f"states another height or time than block {head.id} has")
        rank = await self._rank(txid, head)
        self.got.add_transaction(asked, head.ref, _transaction(asked, tx, rank))

    async def _rank(self, txid: str, head: _Block) -> int:
        """The place of a transaction in its block, by the branch of hashes that leads to the block's Merkle root; -1
        where the server does not give it."""
        asked = Question(f"/tx/{txid}/merkle-proof")
        answer = await self.fetcher.get(asked.question, missing_ok=True)
        if answer.status == 404:
            return -1
        proof = asked.decode(_PROOF, answer.body)
        node, place = bytes.fromhex(txid)[::-1], proof.pos
        for text in proof.merkle:
            other = asked.digest("merkle", text)[::-1]
            node = sha256d(other + node if place & 1 else node + other)
            place >>= 1
        if place or node[::-1].hex() != head.merkle_root or proof.pos >= head.tx_count:
            raise asked.fault("merkle", f"does not show the transaction in block {head.id}")
        return proof.pos

    async def _tx(self, txid: str) -> tuple[Question, _Tx]:
        """A transaction that some block holds."""
        asked = Question(f"/tx/{txid}")
        tx = asked.decode(_TX, await self._get(asked.question, f"transaction {txid}"))
        if tx.txid != txid:
            raise asked.fault("txid", f"{quoted(tx.txid)} is another transaction")
        if not tx.status.confirmed:
            raise Refused(f"no block holds transaction {txid} yet", remedy="wait until one does")
        return asked, tx

    async def _header(self, height: int) -> _Block:
        """The block at a height, by its own hash."""
        own = await self._hash(height)
        head = await self._block_of(own)
        if head.height != height:
            raise Question(f"/block/{own}").fault("height", f"is {head.height}, not {height}")
        return head

    async def _block_of(self, own: str) -> _Block:
        """The block of that hash."""
        asked = Question(f"/block/{own}")
        if own in self._heads:
            return self._heads[own]
        head = asked.decode(_BLOCK, await self._get(asked.question, f"block {own}"))
        root = asked.digest("merkle_root", head.merkle_root)
        previous = asked.digest("previousblockhash", head.previousblockhash) if head.previousblockhash else NO_BLOCK
        made = block_id(head.version, previous, root, head.timestamp, head.bits, head.nonce).hex()
        if head.id != own or made != own:
            raise asked.fault("id", f"its fields are not those of block {own}")
        self._heads[own] = head
        return head

    async def _hash(self, height: int) -> str:
        path = f"/block-height/{height}"
        text = (await self._get(path, f"a block at height {height}", text=True)).decode("ascii", "replace").strip()
        return Question(path).digest("hash", text).hex()

    async def _get(self, path: str, what: str, *, text: bool = False) -> bytes:
        """The body of an answer; Refused where the server does not know what was asked for."""
        answer = await self.fetcher.get(path, kind="text" if text else "json", missing_ok=True)
        if answer.status == 404:
            raise Refused(f"{self.got.source} does not know {what}", remedy="check the id, or ask another source")
        return answer.body


def _spender(asked: Question, spends: list[_Outspend], number: int, last: int) -> str | None:
    """Who spends an output in a block up to `last`."""
    if not 0 <= number < len(spends):
        raise asked.fault("outspends", f"are {len(spends)}, without number {number}")
    one = spends[number]
    if one.spent and one.status is None:
        raise asked.fault("status", f"of what spends output {number} is missing")
    if not one.spent or one.status is None or not one.status.confirmed or one.status.block_height > last:
        return None
    return asked.digest("txid", one.txid).hex()


def _transaction(asked: Question, tx: _Tx, index: int = -1) -> Transaction:
    coinbase = bool(tx.vin) and tx.vin[0].is_coinbase
    if coinbase and len(tx.vin) > 1:
        raise asked.fault("vin", "a coinbase has one input")
    return Transaction(
        record=asked, key="txid", txid=asked.digest("txid", tx.txid), block=0, index=index, coinbase=coinbase,
        version=tx.version, locktime=tx.locktime, inputs=[_input(asked, one) for one in tx.vin],
        outputs=[(asked.money("value", out.value), _place(asked, out)) for out in tx.vout],
        fee=None if tx.fee is None or coinbase else asked.money("fee", tx.fee),
    )  # fmt: skip


def _input(asked: Question, vin: _In) -> Input:
    spent = Input(asked.digest("vin.txid", vin.txid), vin.vout, asked.octets("scriptsig", vin.scriptsig), vin.sequence)
    if vin.prevout is not None and not vin.is_coinbase:
        spent.value, spent.place = asked.money("prevout.value", vin.prevout.value), _place(asked, vin.prevout)
    return spent


def _place(asked: Question, out: _Out) -> Place:
    return Place(asked.octets("scriptpubkey", out.scriptpubkey))
