"""The head of an Ethereum-like chain and the moves of its newest blocks, by JSON-RPC; newHeads over a WebSocket.

Invariant: every question goes to the network, and what comes back is of the block that was asked for by its hash, or an
error: a block that was replaced while it was read is `Reorganised`, and read again on the branch that won.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dyepack.sources.live.errors import BadAnswer, Reorganised, Unreachable
from dyepack.sources.live.evm.answers import Header, Listing, bad
from dyepack.sources.live.evm.loading import Loader, block_id
from dyepack.sources.live.evm.node import Node, is_null, ref
from dyepack.sources.live.evm.source import EvmSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.evm.node import Reply
    from dyepack.sources.live.fetch import Fetcher
    from dyepack.sources.live.rpc import Call
    from dyepack.sources.live.source import LiveTransaction

_BY_HASH = "eth_getBlockByHash"
_BY_NUMBER = "eth_getBlockByNumber"
_MOST = 1 << 62
"""Numbers and times beyond this are nonsense, and more than a database's whole numbers hold."""


class _FreshNode(Node):
    """A node that is asked anew each time."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__(fetcher)
        self._fresh = fetcher

    async def ask(self, calls: Sequence[Call]) -> list[Reply]:
        """Answers in the order asked, none of them out of the evidence."""
        return await self._fresh.rpc(calls, fresh=True) if calls else []


class _Uncached(EvmSource):
    """The adapter for traces, without its memory: a block number may stand for another hash a moment later."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__(fetcher)
        self._fresh = fetcher

    def node(self) -> Node:
        """A node that knows what the real one offers, and nothing else."""
        made = _FreshNode(self._fresh)
        made.offers = self._node.offers
        return made


class EvmHeads:
    """A node that is followed. The fetcher needs no evidence store: what was followed stands in the log of events."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._uncached = _Uncached(fetcher)
        self.shown = fetcher.endpoint.shown

    async def open(self) -> None:
        """Find out what the node offers; SourceError if it is of no use."""
        await self._uncached.open()

    async def head(self) -> BlockRef:
        """The newest block that the node knows."""
        found = await self._header(_BY_NUMBER, "latest")
        if found is None:
            raise bad(_BY_NUMBER, "the node has no newest block")
        return found

    async def block(self, which: str | int) -> BlockRef | None:
        """The block of a hash, or the one that has a number now; None if the node knows none."""
        if isinstance(which, int):
            return await self._header(_BY_NUMBER, hex(which))
        return await self._header(_BY_HASH, which)

    async def moves(self, block: BlockRef) -> list[LiveTransaction]:
        """The transactions of a block, and what the block itself pays; SourceError if one cannot be had."""
        node = self._uncached.node()
        reply = await node.one(_BY_HASH, block.hash, False)
        if is_null(reply):
            raise Unreachable(f"the node does not know block {block.number} any more", remedy="ask again later")
        listing = node.read(reply, Listing, _BY_HASH)
        if ref(listing) != block:
            raise bad(_BY_HASH, f"the answer is not block {block.number}, {block.hash}")
        node.pin(block.number, block.hash)
        paid = block_id(block.number)
        found = await Loader(node).load([*(txid.lower() for txid in listing.transactions), paid])
        transactions = []
        for txid, one in found.items():
            if isinstance(one, str):
                await self._check_canonical(block)
                raise BadAnswer(f"transaction {txid} cannot be read: {one}", remedy="ask again later, or another node")
            if one.block_hash != block.hash:
                raise Reorganised(block.number, block.hash, one.block_hash)
            if txid != paid or one.moves:
                transactions.append(one)
        await self._check_canonical(block)
        return transactions

    async def _check_canonical(self, block: BlockRef) -> None:
        """Traces do not say which block they are of: all that was read is of this one if it still stands."""
        stands = await self.block(block.number)
        if stands is None or stands.hash != block.hash:
            raise Reorganised(block.number, block.hash, "not in the chain" if stands is None else stands.hash)

    async def _header(self, method: str, which: str) -> BlockRef | None:
        node = self._uncached.node()
        reply = await node.one(method, which, False)
        if is_null(reply):
            return None
        found = ref(node.read(reply, Header, method))
        if max(found.number, found.time) > _MOST:
            raise bad(method, "number or timestamp is too large to be true")
        return found


class NewHeads:
    """Wakes at every new head that a node announces over its WebSocket; subscribes again after a fault."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._new = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def wait(self) -> None:
        """Return at the next announcement; SourceError if the subscription ended, the next call begins another."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        listening = self._listening
        announced = asyncio.create_task(self._new.wait())
        try:
            await asyncio.wait((announced, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            announced.cancel()
            await asyncio.gather(announced, return_exceptions=True)
        if self._new.is_set():
            self._new.clear()
            return
        self._listening = None
        await listening
        raise Unreachable("the node ended its announcements of new heads", remedy="follow by asking for blocks")

    async def _listen(self) -> None:
        async for _ in self._fetcher.subscribe("eth_subscribe", ("newHeads",)):
            self._new.set()
