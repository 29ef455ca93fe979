"""A node of Bitcoin Core by its REST interface (-rest=1): whole blocks as bytes, with what they spend.

/rest/spenttxouts is there since version 30; of an older node, which answers 404, blocks are read as JSON, which says
what inputs spend since 23. /rest/tx finds transactions of blocks only with -txindex.
Source: https://github.com/bitcoin/bitcoin/blob/master/doc/REST-interface.md
Invariant: a block is the one that its hash says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from dyepack.errors import InputError, quoted
from dyepack.sources.bitcoin.blocks.batches import batch
from dyepack.sources.bitcoin.blocks.headers import NO_HEIGHT
from dyepack.sources.bitcoin.blocks.segment import parse_block
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.bitcoin.answers import Question
from dyepack.sources.live.bitcoin.core_blocks import BLOCK, HEADERS, Header, Height, block_batch, check_header
from dyepack.sources.live.bitcoin.node import OutputAdapter
from dyepack.sources.live.errors import BadAnswer, Refused
from dyepack.sources.live.source import Capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.ledger.utxo.schema import RawTransactions

_ALONE = b"\x01"
"""Number of transactions, behind the header, of a block that holds its coinbase only."""

_HEADER = 80


class _Info(msgspec.Struct):
    """/rest/chaininfo.json."""

    blocks: Height
    pruned: bool = False
    initialblockdownload: bool = False


class _Hash(msgspec.Struct):
    """/rest/blockhashbyheight/HEIGHT.json."""

    blockhash: str


class _Tx(msgspec.Struct):
    """/rest/tx/TXID.json: where a transaction is."""

    txid: str
    blockhash: str = ""


_INFO = msgspec.json.Decoder(_Info)
_HASH = msgspec.json.Decoder(_Hash)
_TX = msgspec.json.Decoder(_Tx)


class CoreRest(OutputAdapter):
    """Bitcoin Core by REST, as an OutputSource."""

    _lists_spent = True

    async def open(self) -> None:
        """Ask for the network and the newest block."""
        asked = Question("/rest/chaininfo.json")
        info = asked.decode(_INFO, (await self.fetcher.get("/rest/chaininfo.json")).body)
        self._blocks = info.blocks
        self._set_network(await self._hash(0))
        notes = ["which transaction spends an output is not told: whole blocks are read"]
        if info.pruned:
            notes.append("the node has pruned old blocks")
        if info.initialblockdownload:
            notes.append("the node is still catching up with the chain")
        self.can = Capabilities(notes=tuple(notes))

    async def height(self, txid: str) -> int:
        """The height of the block that holds a transaction."""
        return (await self._holder(txid)).height

    async def spenders(self, outputs: Sequence[tuple[str, int]], last: int) -> dict[tuple[str, int], str | None]:
        """Nothing: the interface does not tell."""
        for output in outputs:
            self.got.not_told(output, "the node does not tell which transaction spends an output")
        return {}

    async def _tip(self) -> int:
        return self._blocks

    async def _ref(self, height: int) -> BlockRef:
        head = await self._header(await self._hash(height))
        if head.height != height:
            raise Question(f"/rest/headers/1/{head.hash}.json").fault("height", f"is {head.height}, not {height}")
        return head.ref

    async def _block(self, height: int) -> None:
        asked, ref, found = await self._batch(await self._hash(height), height)
        self.got.add_block(asked, ref, found)

    async def _transaction(self, txid: str) -> None:
        """Its whole block is asked for, since /rest/tx does not say what inputs spend; the transaction is kept."""
        holder = await self._holder(txid)
        asked, ref, found = await self._batch(holder.hash, holder.height)
        rows = np.flatnonzero((found.tx_id == np.frombuffer(bytes.fromhex(txid), np.uint8)).all(axis=1))
        if not len(rows):
            raise asked.fault("tx", f"transaction {txid} is not in the block that is said to hold it")
        found.take(rows)
        found.contiguous = False
        self.got.add_single(asked, ref, found)

    async def _batch(self, block: str, height: int) -> tuple[Question, BlockRef, RawTransactions]:
        """A whole block."""
        if self._lists_spent:
            path = f"/rest/block/{block}.bin"
            raw = (await self.fetcher.get(path, kind="bytes")).body
            spent = None if raw[_HEADER : _HEADER + 1] == _ALONE else await self._spent(block)
            if self._lists_spent:
                return self._read(Question(path), (block, height), raw, spent)
        path = f"/rest/block/{block}.json"
        asked = Question(path)
        found = asked.decode(BLOCK, (await self.fetcher.get(path)).body)
        check_header(asked, found, block)
        if found.height != height:
            raise asked.fault("height", f"is {found.height}, not {height}")
        return asked, found.ref, block_batch(asked, found, self.network, self.got.source)

    async def _spent(self, block: str) -> bytes | None:
        """What a block spends; None, and it is not asked for again, from a node that does not list it."""
        answer = await self.fetcher.get(f"/rest/spenttxouts/{block}.bin", kind="bytes", missing_ok=True)
        self._lists_spent = self._lists_spent and answer.status != 404
        return answer.body if answer.status != 404 else None

    def _read(
        self, asked: Question, wanted: tuple[str, int], raw: bytes, spent: bytes | None
    ) -> tuple[Question, BlockRef, RawTransactions]:
        try:
            columns = parse_block(self.got.source, raw, spent)
        except InputError as error:
            raise BadAnswer(f"the answer to {asked.question}: {error.problem}", remedy=error.remedy) from None
        own, parent = (columns[name][0].tobytes().hex() for name in ("block_hash", "block_prev"))
        said = int(columns["block_said"][0])
        if own != wanted[0]:
            raise asked.fault("hash", f"is the block {own}")
        if said not in {NO_HEIGHT, wanted[1]}:
            raise asked.fault("height", f"is {said} by its coinbase, not {wanted[1]}")
        ref = BlockRef(wanted[1], own, parent if parent.strip("0") else "", int(columns["block_time"][0]))
        return asked, ref, batch(columns, np.array([ref.number], np.int64), self.got.source, contiguous=True)

    async def _holder(self, txid: str) -> Header:
        """The header of the block that holds a transaction."""
        path = f"/rest/tx/{txid}.json"
        answer = await self.fetcher.get(path, missing_ok=True)
        if answer.status == 404:
            raise Refused(
                f"{self.got.source} does not know transaction {txid}",
                remedy="start the node with -txindex, or give a source that knows transactions by id",
            )
        asked = Question(path)
        found = asked.decode(_TX, answer.body)
        if found.txid != txid:
            raise asked.fault("txid", f"{quoted(found.txid)} is another transaction")
        if not found.blockhash.strip("0"):
            raise Refused(f"no block holds transaction {txid} yet", remedy="wait until one does")
        return await self._header(asked.digest("blockhash", found.blockhash).hex())

    async def _hash(self, height: int) -> str:
        path = f"/rest/blockhashbyheight/{height}.json"
        asked = Question(path)
        found = asked.decode(_HASH, (await self.fetcher.get(path)).body)
        return asked.digest("blockhash", found.blockhash).hex()

    async def _header(self, block: str) -> Header:
        path = f"/rest/headers/1/{block}.json"
        asked = Question(path)
        found = asked.decode(HEADERS, (await self.fetcher.get(path)).body)
        if len(found) != 1:
            raise asked.fault("headers", f"are {len(found)}, not 1")
        check_header(asked, found[0], block)
        return found[0]
