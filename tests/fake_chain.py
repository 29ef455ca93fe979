"""A chain with branches, and a source that serves it as badly as providers do: late, twice, not at all, by two nodes.

Invariant: what a block holds follows from its hash alone, so that a rebuild of the winning chain has one right answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.errors import Refused, Unreachable
from dyepack.sources.live.head.events import FollowedBlock
from dyepack.sources.live.source import LiveMove, LiveTransaction

GENESIS = BlockRef(0, "0x" + "00" * 32, "0x" + "ff" * 32, 1_700_000_000)


class FakeChain:
    """Every block that was ever made, and which of them is the head now."""

    def __init__(self) -> None:
        self.made = {GENESIS.hash: GENESIS}
        self.head = GENESIS
        self.heads = [GENESIS]
        self.highest = 0

    def grow(self, count: int, on: BlockRef | None = None) -> BlockRef:
        """Put new blocks on a block (the head, if none is named) and make the newest the head."""
        tip = on or self.head
        for _ in range(count):
            name = "0x" + hashlib.sha256(f"{tip.hash} {len(self.made)}".encode()).hexdigest()
            tip = BlockRef(tip.number + 1, name, tip.hash, tip.time + 12)
            self.made[name] = tip
        return self.turn_to(tip)

    def turn_to(self, head: BlockRef) -> BlockRef:
        """Make a block the head; its branch wins."""
        self.head = head
        self.highest = max(self.highest, head.number)
        self.heads.append(head)
        return head

    def ancestor(self, number: int, of: BlockRef | None = None) -> BlockRef:
        """The block of a number on the branch of a block (the head, if none is named)."""
        block = of or self.head
        while block.number > number:
            block = self.made[block.parent]
        return block

    def branch(self, first: int, last: int) -> list[BlockRef]:
        """The blocks `first` to `last` of the winning chain, oldest first."""
        found = []
        block = self.ancestor(last)
        while block.number >= first:
            found.append(block)
            if block.number == 0:
                break
            block = self.made[block.parent]
        return found[::-1]

    def common(self, one: BlockRef, other: BlockRef) -> BlockRef:
        """The last common ancestor of two blocks."""
        one, other = self.ancestor(other.number, one), self.ancestor(one.number, other)
        while one != other:
            one, other = self.made[one.parent], self.made[other.parent]
        return one

    def holds(self, block: BlockRef) -> bool:
        """Whether a block is in the winning chain."""
        return block.number <= self.head.number and self.ancestor(block.number) == block


def content(block: BlockRef) -> list[LiveTransaction]:
    """What a block's transactions moved, out of its hash."""
    dice = random.Random(block.hash)
    return [
        LiveTransaction(
            f"0x{dice.getrandbits(256):064x}", block.number, block.hash, index, block.time,
            [
                LiveMove(
                    dice.randrange(4), rank, f"0x{dice.getrandbits(160):040x}", f"0x{dice.getrandbits(160):040x}",
                    dice.choice(["native", "0x" + "11" * 20]), dice.randrange(1, 1 << dice.choice([8, 64, 128, 256])),
                )
                for rank in range(dice.randrange(3))
            ],
            {"zero_value": 1} if dice.random() < 0.2 else {},
            "no internal transfers" if dice.random() < 0.1 else "",
        )
        for index in range(dice.randrange(3))
    ]  # fmt: skip


def followed(block: BlockRef) -> FollowedBlock:
    """A block as a store must hold it."""
    return FollowedBlock(block, tuple(content(block)))


@dataclass
class Odds:
    """How often things go wrong, each in 0 to 1.

    late     the head is an older one, of this branch or of another
    failing  a request is not answered
    lost     a block is not known, as on a node that lags
    moving   the chain goes on between two requests
    """

    late: float = 0.0
    failing: float = 0.0
    lost: float = 0.0
    moving: float = 0.0


class FakeSource:
    """Serves a FakeChain; keeps the hashes of orphaned blocks, as nodes do."""

    shown = "fake"

    def __init__(self, chain: FakeChain, odds: Odds, seed: int = 0, move_on: Callable[[], None] = lambda: None) -> None:
        self.chain, self.odds = chain, odds
        self.dice = random.Random(seed)
        self.move_on = move_on
        self.asked: list[str] = []
        self.told = GENESIS
        """The head that was told last."""

    async def head(self) -> BlockRef:
        await self._request("head")
        self.told = self.chain.head
        if self.dice.random() < self.odds.late:
            if self.dice.random() < 0.5:
                self.told = self.dice.choice(self.chain.heads[-6:])
            else:
                self.told = self.chain.ancestor(max(0, self.chain.head.number - self.dice.randrange(80)))
        return self.told

    async def block(self, which: str | int) -> BlockRef | None:
        await self._request(f"block {which}")
        if self.dice.random() < self.odds.lost:
            return None
        if isinstance(which, str):
            return self.chain.made.get(which)
        return self.chain.ancestor(which) if which <= self.chain.head.number else None

    async def moves(self, block: BlockRef) -> Sequence[LiveTransaction]:
        await self._request(f"moves {block.hash}")
        if self.dice.random() < self.odds.lost and not self.chain.holds(block):
            raise Refused("the block is not known", remedy="ask later")
        found = content(block)
        self.dice.shuffle(found)
        return found

    async def _request(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0)
        if self.dice.random() < self.odds.moving:
            self.move_on()
        if self.dice.random() < self.odds.failing:
            raise Unreachable("no answer", remedy="ask later")
