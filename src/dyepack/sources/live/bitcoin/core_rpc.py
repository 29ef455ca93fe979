"""A node of Bitcoin Core by JSON-RPC: whole blocks with what they spend, and transactions where it keeps an index.

getblock of verbosity 3 tells what inputs spend since version 23; getrawtransaction of verbosity 2 since 25, and finds
transactions of blocks only with -txindex; gettxspendingprevout finds who spends an output in a block only with
-txospenderindex, since 31.
Source: https://developer.bitcoin.org/reference/rpc/ and `bitcoin-cli help`
Invariant: a block is the one that its hash says, on the chain that the node says is the best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.bitcoin.answers import Question
from dyepack.sources.live.bitcoin.core_blocks import (
    BLOCK,
    BLOCK_IDS,
    HEADER,
    TX,
    BlockIds,
    Header,
    Height,
    Tx,
    block_batch,
    check_header,
    transaction,
)
from dyepack.sources.live.bitcoin.node import OutputAdapter
from dyepack.sources.live.errors import Refused, SourceError
from dyepack.sources.live.fetch import Call, Fault
from dyepack.sources.live.source import Capabilities
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.fetch import Fetcher

T = TypeVar("T")

_OUTPUTS = 100
"""Outputs in one question about their spenders."""

_KEPT = 64
"""Blocks of which the list of transactions is kept in memory."""

_TEXT = msgspec.json.Decoder(str)
_HEIGHT = msgspec.json.Decoder(Height)


class _Info(msgspec.Struct):
    """getblockchaininfo."""

    pruned: bool = False
    initialblockdownload: bool = False


class _Index(msgspec.Struct):
    """An index in getindexinfo."""

    synced: bool


class _Spend(msgspec.Struct):
    """gettxspendingprevout; `blockhash` stands there for a spender in a block."""

    txid: str
    vout: int
    spendingtxid: str = ""
    blockhash: str = ""


_INFO = msgspec.json.Decoder(_Info)
_INDEXES = msgspec.json.Decoder(dict[str, _Index])
_SPENDS = msgspec.json.Decoder(list[_Spend])


class CoreRpc(OutputAdapter):
    """Bitcoin Core by JSON-RPC, as an OutputSource."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__(fetcher)
        self._held: dict[bytes, msgspec.Raw | Fault] = {}
        self._heads: dict[str, Header] = {}
        self._blocks: dict[str, BlockIds] = {}

    async def open(self) -> None:
        """Ask for the network and what the node keeps."""
        info = await self._ask(_INFO, "getblockchaininfo")
        self._set_network(await self._hash(0))
        try:
            indexes = await self._ask(_INDEXES, "getindexinfo")
        except Refused:
            indexes = {}
        by_id, spenders = (name in indexes and indexes[name].synced for name in ("txindex", "txospenderindex"))
        notes = []
        if not by_id:
            notes.append("transactions by id are not told: the node runs without -txindex")
        if not spenders:
            notes.append("which transaction spends an output is not told (-txospenderindex): whole blocks are read")
        if info.pruned:
            notes.append("the node has pruned old blocks")
        if info.initialblockdownload:
            notes.append("the node is still catching up with the chain")
        self.can = Capabilities(spenders=spenders, notes=tuple(notes))

    async def height(self, txid: str) -> int:
        """The height of the block that holds a transaction."""
        asked, tx = await self._raw(txid)
        return (await self._header(asked, tx.blockhash)).height

    async def spenders(self, outputs: Sequence[tuple[str, int]], last: int) -> dict[tuple[str, int], str | None]:
        """Who spends outputs up to block `last`, where the node keeps an index of that."""
        if not self.can.spenders:
            for output in outputs:
                self.got.not_told(output, "the node does not tell which transaction spends an output")
            return {}
        parts = [list(outputs[first : first + _OUTPUTS]) for first in range(0, len(outputs), _OUTPUTS)]
        found: dict[tuple[str, int], str | None] = {}
        for part in parts:
            try:
                found |= await self._spenders(part, last)
            except SourceError as error:
                for output in part:
                    self.got.not_told(output, error.problem)
        for output, spender in found.items():
            self.got.spent(output, spender)
        return found

    async def _spenders(self, outputs: list[tuple[str, int]], last: int) -> dict[tuple[str, int], str | None]:
        points = [{"txid": txid, "vout": number} for txid, number in outputs]
        asked = Question(f"gettxspendingprevout of {len(points)} outputs")
        spends = await self._ask(_SPENDS, "gettxspendingprevout", points, {"mempool_only": False})
        if [(one.txid, one.vout) for one in spends] != outputs:
            raise asked.fault("txid", "are other outputs than were asked for")
        blocks = list(dict.fromkeys(one.blockhash for one in spends if one.blockhash))
        heads = await together(self._header(asked, block) for block in blocks)
        height = {block: head.height for block, head in zip(blocks, heads, strict=True)}
        found: dict[tuple[str, int], str | None] = {}
        for output, one in zip(outputs, spends, strict=True):
            is_spent = bool(one.blockhash) and height[one.blockhash] <= last
            found[output] = asked.digest("spendingtxid", one.spendingtxid).hex() if is_spent else None
        return found

    async def _tip(self) -> int:
        return await self._ask(_HEIGHT, "getblockcount")

    async def _ready(self, heights: list[int]) -> None:
        await self._hold([Call("getblockhash", (height,)) for height in heights])

    async def _ready_transactions(self, txids: list[str]) -> None:
        await self._hold([Call("getrawtransaction", (txid, 2)) for txid in txids])

    async def _hold(self, calls: list[Call]) -> None:
        """Ask in one batch; each answer waits for its one reader."""
        answers = await self.fetcher.rpc(calls)
        self._held |= {_key(call): answer for call, answer in zip(calls, answers, strict=True)}

    async def _hash(self, height: int) -> str:
        """The block at a height."""
        found = await self._ask(_TEXT, "getblockhash", height)
        return Question(f"getblockhash {height}").digest("hash", found).hex()

    async def _ref(self, height: int) -> BlockRef:
        block = await self._hash(height)
        head = await self._header(Question(f"getblockhash {height}"), block)
        if head.height != height:
            raise Question(f"getblockheader {block}").fault("height", f"is {head.height}, not {height}")
        return head.ref

    async def _block(self, height: int) -> None:
        block = await self._hash(height)
        asked = Question(f"getblock of height {height}")
        found = await self._ask(BLOCK, "getblock", block, 3)
        check_header(asked, found, block)
        if found.height != height:
            raise asked.fault("height", f"is {found.height}, not {height}")
        self.got.add_block(asked, found.ref, block_batch(asked, found, self.network, self.got.source))

    async def _transaction(self, txid: str) -> None:
        asked, tx = await self._raw(txid)
        block = await self._listed(asked, tx.blockhash)
        if txid not in block.tx:
            raise asked.fault("blockhash", f"block {block.hash} does not hold the transaction")
        self.got.add_transaction(asked, block.ref, transaction(asked, tx, block.tx.index(txid)))

    async def _listed(self, asked: Question, own: str) -> BlockIds:
        """A block with the ids of its transactions."""
        asked.digest("blockhash", own)
        if own not in self._blocks:
            block = await self._ask(BLOCK_IDS, "getblock", own, 1)
            check_header(Question(f"getblock {own} 1"), block, own)
            while len(self._blocks) >= _KEPT:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[own] = block
        return self._blocks[own]

    async def _raw(self, txid: str) -> tuple[Question, Tx]:
        """A transaction that some block holds."""
        asked = Question(f"getrawtransaction {txid}")
        tx = await self._ask(TX, "getrawtransaction", txid, 2)
        if tx.txid != txid:
            raise asked.fault("txid", f"{quoted(tx.txid)} is another transaction")
        if not tx.blockhash:
            raise Refused(f"no block holds transaction {txid} yet", remedy="wait until one does")
        return asked, tx

    async def _header(self, asked: Question, block: str) -> Header:
        asked.digest("blockhash", block)
        if block not in self._heads:
            head = await self._ask(HEADER, "getblockheader", block, True)
            check_header(Question(f"getblockheader {block}"), head, block)
            self._heads[block] = head
        return self._heads[block]

    async def _ask(self, decoder: msgspec.json.Decoder[T], method: str, *params: object) -> T:
        """One call; Refused where the node answers with an error."""
        call = Call(method, params)
        answer = self._held.pop(_key(call), None) or (await self.fetcher.rpc([call]))[0]
        if isinstance(answer, Fault):
            shown = " ".join(str(value) for value in params if isinstance(value, str | int))
            raise Refused(
                f"{self.got.source} refuses {method} {shown}".rstrip() + f": {quoted(answer.message)}",
                remedy="start the node with -txindex, or give a source that knows transactions by id"
                if method == "getrawtransaction" else "look whether the node is of a version that can do this",
            )  # fmt: skip
        return Question(method).decode(decoder, answer)


def _key(call: Call) -> bytes:
    return msgspec.json.encode([call.method, *call.params])
