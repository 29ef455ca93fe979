"""Blocks and transactions from a node of Tron, each checked against the other.

A transaction costs one request, its block one more: the block tells its place, its contract and whether it failed.
Invariant: what is returned fits its block, or is a reason; a block's id holds its number, and a number has one id for
the life of a `Loader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.errors import BadAnswer, Refused, Reorganised
from dyepack.sources.live.evm.node import AT_ONCE
from dyepack.sources.live.together import together
from dyepack.sources.live.tron.answers import Block, Info, bad, decode, digest
from dyepack.sources.live.tron.transactions import BLOCK, INFO, moves_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.fetch import Fetcher
    from dyepack.sources.live.source import LiveTransaction


class Loader:
    """Reads blocks and transactions of one server."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._hashes: dict[int, str] = {}
        self._kept: dict[str, LiveTransaction | str] = {}

    async def load(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        wanted = list(dict.fromkeys(txids))
        fresh = [txid for txid in wanted if txid not in self._kept]
        for start in range(0, len(fresh), AT_ONCE):
            await self._load(fresh[start : start + AT_ONCE])
        return {txid: self._kept[txid] for txid in wanted}

    async def _load(self, txids: Sequence[str]) -> None:
        infos = dict(zip(txids, await together(map(self._info, txids)), strict=True))
        numbers = sorted({info.block for info in infos.values() if isinstance(info, Info)})
        blocks = dict(zip(numbers, await together(map(self._try_block, numbers)), strict=True))
        for txid, info in infos.items():
            self._kept[txid] = info if isinstance(info, str) else _assembled(blocks[info.block], info)

    async def newest(self, path: str) -> int:
        """The number of the block that a path tells as the newest."""
        answer = await self._fetcher.post(path, {})
        return self._checked(decode(answer.body, Block, path), path).header.raw_data.number

    async def block(self, number: int) -> Block:
        """A block that must be there."""
        found = await self.find(number)
        if found is None:
            raise bad(BLOCK, f"block {number} is not there")
        return found

    async def find(self, number: int) -> Block | None:
        """A block; None past the head, for which a node answers an empty object."""
        answer = await self._fetcher.post(BLOCK, {"num": number})
        if answer.body.strip() == b"{}":
            return None
        block = self._checked(decode(answer.body, Block, BLOCK), BLOCK)
        if block.header.raw_data.number != number:
            raise bad(BLOCK, f"block {block.header.raw_data.number} came in place of block {number}")
        return block

    def _checked(self, block: Block, path: str) -> Block:
        told = ref(block, path)
        if int(told.hash[2:18], 16) != told.number:
            raise bad(path, f"blockID {block.id} is not of block {told.number}")
        first = self._hashes.setdefault(told.number, told.hash)
        if first != told.hash:
            raise Reorganised(told.number, first, told.hash)
        return block

    async def _try_block(self, number: int) -> Block | str:
        try:
            return await self.block(number)
        except (BadAnswer, Refused) as error:
            return error.problem

    async def _info(self, txid: str) -> Info | str:
        """A transaction's receipt, or the reason why it cannot be had."""
        try:
            asked = digest(txid, INFO, "value")
            answer = await self._fetcher.post(INFO, {"value": asked[2:]})
            info = decode(answer.body, Info, INFO)
            if not info.id:
                return "the server does not know it"
            if digest(info.id, INFO, "id") != asked:
                return "the server answers with another transaction"
        except (BadAnswer, Refused) as error:
            return error.problem
        return info


def ref(block: Block, path: str = BLOCK) -> BlockRef:
    """A block as a reference."""
    header = block.header.raw_data
    parent = digest(header.parent, path, "parentHash")
    return BlockRef(header.number, digest(block.id, path, "blockID"), parent, header.timestamp // 1000)


def _assembled(block: Block | str, info: Info) -> LiveTransaction | str:
    """The transaction's moves, or the reason why there are none."""
    if isinstance(block, str):
        return block
    txid = info.id.lower()
    index = next((i for i, transaction in enumerate(block.transactions) if transaction.id.lower() == txid), None)
    if index is None:
        return f"block {info.block}, which its receipt names, does not hold it"
    if info.timestamp != block.header.raw_data.timestamp:
        return f"its receipt and block {info.block} say different times"
    try:
        return moves_of(block, index, info)
    except BadAnswer as error:
        return error.problem
