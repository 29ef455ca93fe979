"""Following the head of a chain: blocks are delivered as they are confirmed, and taken back where they are orphaned.

An event is logged, then applied to the store of blocks, then handed to whoever follows, then acknowledged; after a
crash an event that was not acknowledged is delivered again under the same number.
Invariant: only what another branch orphaned is reverted, newest first, and never more than `deepest` blocks. A head
that falls back without another branch is a fault of its source and changes nothing. Parents are asked for by their
hashes, down from a head or, far behind it, from a block that is deep enough: what is delivered is one chain.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import LedgerError, UsageError, quoted
from dyepack.sources.live.errors import BadAnswer, SourceError
from dyepack.sources.live.head.events import Event, FollowedBlock
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.head.blockstore import BlockStore
    from dyepack.sources.live.head.canonical import HeadSource, Waker
    from dyepack.sources.live.head.events import EventLog

DEEPEST = 64
"""Delivered blocks that a reorganisation may take back: two epochs of Ethereum, after which blocks are final."""

PATIENCE = 5
"""Polls in a row after which a head that stays low, or a source that fails, is believed to stay so."""

BATCH = 32
"""Blocks that one event commits at most."""

_MOST_HEADERS = 4096


class ReorgTooDeep(SourceError):  # noqa: N818
    """Another branch would take back more blocks than may be taken back; nothing was changed."""


class FellBehind(SourceError):  # noqa: N818
    """The head went back and stays there, with no other branch; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a chain is followed.

    depth     blocks that must stand on a block before it is delivered; 0: at once
    deepest   delivered blocks that may be taken back at most
    patience  polls in a row after which a low head or a failing source is believed
    batch     blocks that one event commits at most
    """

    depth: int = 12
    deepest: int = DEEPEST
    patience: int = PATIENCE
    batch: int = BATCH

    def __post_init__(self) -> None:
        if min(self.depth, self.deepest) < 0 or min(self.patience, self.batch) < 1:
            raise UsageError(
                f"a chain cannot be followed with depth {self.depth}, deepest {self.deepest}, patience {self.patience} "
                f"and batches of {self.batch}",
                remedy="depth and deepest are 0 or more, patience and batches 1 or more",
            )


class Follower:
    """Follows one source into one store, keeping one log.

    `start` is the first block to deliver, by default the newest that is deep enough at first; a store that was followed
    before goes on from its tip. `deliver` is told every event at least once.
    """

    def __init__(
        self,
        source: HeadSource,
        store: BlockStore,
        log: EventLog,
        limits: Limits = Limits(),
        *,
        start: int | None = None,
        deliver: Callable[[Event], None] | None = None,
    ) -> None:
        self.source, self.store, self.log, self.limits = source, store, log, limits
        self._start, self._deliver = start, deliver
        self._headers: dict[str, BlockRef] = {}
        self._highest = 0
        self._low_polls = 0
        self._resumed = False

    def resume(self) -> int:
        """Bring the store to where the log is, and deliver again what was not acknowledged; how many events that was.

        A store that was lost is built again from the log.
        """
        applied = self.store.applied
        if applied > self.log.last:
            remedy = "restore the log from a copy, or remove the store and follow anew"
            raise LedgerError(f"{self.store.path} is ahead of its log of events {self.log.path}", remedy=remedy)
        again = 0
        for event in self.log.after(min(applied, self.log.acknowledged)):
            if event.number > self.log.acknowledged:
                self._hand_over(event)
                again += 1
            else:
                self.store.apply(event)
        self._resumed = True
        return again

    async def step(self) -> Event | None:
        """Ask for the head once, and deliver what follows from it; None if nothing does.

        More may follow at once while an event commits a full batch. ReorgTooDeep, FellBehind; any other SourceError
        passes through, nothing having changed.
        """
        if not self._resumed or self.log.acknowledged < self.log.last:
            self.resume()
        head = await self.source.head()
        tip = self.store.tip()
        if tip is not None and self._is_behind(head, tip):
            return None
        branch = await self._branch(head, tip)
        if branch is None:
            return None
        fork = branch[0].number - 1 if branch else head.number
        reverted = self.store.above(fork)
        if len(reverted) > self.limits.deepest:
            raise self._too_deep(reverted[0].number, head)
        if not self._believed(head, shorter=bool(reverted) and head.number < self._highest):
            return None
        chosen = [ref for ref in branch if ref.number <= head.number - self.limits.depth][: self.limits.batch]
        if not chosen and not reverted:
            return None
        committed = await together(self._read(ref) for ref in chosen)
        event = Event(self.log.last + 1, reverted, tuple(committed))
        self.log.append(event)
        self._hand_over(event)
        self._forget()
        return event

    async def follow(
        self, *, interval: float, waker: Waker | None = None, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Step until told otherwise, every `interval` seconds and whenever woken; SourceError when it stays.

        A poll that fails is a poll missed; after as many in a row as patience allows the fault is raised.
        """
        failed = 0
        while not until():
            try:
                event = await self.step()
                failed = 0
            except (ReorgTooDeep, FellBehind):
                raise
            except SourceError:
                event, failed = None, failed + 1
                if failed >= self.limits.patience:
                    raise
            if event is None or len(event.committed) < self.limits.batch:
                await _pause(interval, waker)

    def _is_behind(self, head: BlockRef, tip: BlockRef) -> bool:
        """Whether the head is below the tip on the same branch; FellBehind if it stays there."""
        self._highest = max(self._highest, tip.number)
        kept = self.store.at(head.number)
        if head.number >= tip.number or (kept is not None and kept.hash != head.hash):
            return False
        self._low_polls += 1
        if self._low_polls >= self.limits.patience:
            raise FellBehind(
                f"the head fell back from block {tip.number} to {head.number} and shows no other branch: "
                "nothing was taken back",
                remedy="wait until the node has caught up, or follow another one",
            )
        return True

    def _believed(self, head: BlockRef, *, shorter: bool) -> bool:
        """Whether to act on a head: one of another branch that is shorter must stay the head for some polls.

        A node that lags on an orphaned branch looks the same as a chain that turned to a shorter one; the first is over
        soon.
        """
        if shorter:
            self._low_polls += 1
            if self._low_polls < self.limits.patience:
                return False
            self._highest = head.number
        self._highest = max(self._highest, head.number)
        self._low_polls = 0
        return True

    async def _branch(self, head: BlockRef, tip: BlockRef | None) -> list[BlockRef] | None:
        """The blocks from the one after the last common ancestor up to the head, or up to one that is far enough.

        None where a parent is not known: the answers came from nodes that do not agree yet.
        """
        first = self._first(head)
        if first is None:
            return None
        if len(self._headers) > _MOST_HEADERS:
            self._headers.clear()
        self._headers[head.hash] = head
        below = first - 1 if tip is None else tip.number
        block: BlockRef | None = head  # where the walk down begins
        far = below + self.limits.batch
        if head.number - self.limits.depth > far:
            block = await self._fetched(below, far)
        if block is None:
            return None
        branch: list[BlockRef] = []
        while block.number >= first and not self._is_kept(block.number, block.hash, tip):
            if block.number <= below - self.limits.deepest:
                raise self._too_deep(below, head)
            branch.append(block)
            if block.number == first or self._is_kept(block.number - 1, block.parent, tip):
                break
            parent = await self._parent(block)
            if parent is None:
                return None
            block = parent
        branch.reverse()
        return branch

    def _is_kept(self, number: int, name: str, tip: BlockRef | None) -> bool:
        """Whether the store holds a block."""
        if tip is None or number > tip.number:
            return False
        kept = self.store.at(number)
        return kept is not None and kept.hash == name

    def _first(self, head: BlockRef) -> int | None:
        """The first block of all to deliver; None while it is not deep enough."""
        start = self.store.start
        if start is not None:
            return start
        deep = head.number - self.limits.depth
        if self._start is None and deep >= 0:
            self._start = deep
        return self._start if self._start is not None and self._start <= deep else None

    async def _fetched(self, below: int, last: int) -> BlockRef | None:
        """The block `last`, the ones after `below` fetched with it: by number, to be linked by their hashes."""
        found = await together(self._numbered(number) for number in range(below + 1, last + 1))
        for block in found:
            if block is not None:
                self._headers[block.hash] = block
        return found[-1]

    async def _numbered(self, number: int) -> BlockRef | None:
        block = await self.source.block(number)
        if block is not None and block.number != number:
            raise _unfit(f"block {number} was asked for, block {block.number} came")
        return block

    async def _parent(self, child: BlockRef) -> BlockRef | None:
        """The parent of a block, by its hash: from what is known, or from the source."""
        block = self._headers.get(child.parent) or await self.source.block(child.parent)
        if block is None:
            return None
        if block.hash != child.parent:
            raise _unfit(f"the block {quoted(child.parent)} was asked for, {quoted(block.hash)} came")
        if block.number != child.number - 1:
            raise _unfit(f"the parent of block {child.number} says that it is block {block.number}")
        self._headers[block.hash] = block
        return block

    async def _read(self, ref: BlockRef) -> FollowedBlock:
        """A block with its transactions, in chain order, checked to be that block's."""
        transactions = sorted(await self.source.moves(ref), key=lambda tx: (tx.index, tx.txid))
        for tx in transactions:
            if (tx.block, tx.block_hash, tx.time) != (ref.number, ref.hash, ref.time):
                raise _unfit(f"transaction {quoted(tx.txid)} of block {ref.number} says that it is in another block")
        if len({tx.txid for tx in transactions}) != len(transactions):
            raise _unfit(f"block {ref.number} holds a transaction twice")
        return FollowedBlock(ref, tuple(transactions))

    def _hand_over(self, event: Event) -> None:
        """Apply an event, tell it, and note that it was told."""
        self.store.apply(event)
        if self._deliver is not None:
            self._deliver(event)
        self.log.acknowledge(event.number)

    def _forget(self) -> None:
        """Drop headers that no walk will need again."""
        tip = self.store.tip()
        if tip is not None:
            lowest = tip.number - self.limits.deepest
            self._headers = {name: ref for name, ref in self._headers.items() if ref.number > lowest}

    def _too_deep(self, newest: int, head: BlockRef) -> ReorgTooDeep:
        return ReorgTooDeep(
            f"the branch of head {head.number} ({quoted(head.hash)}) would take back more than {self.limits.deepest} "
            f"of the blocks up to {newest}: nothing was taken back",
            remedy="ask another source which branch is the chain; if it is this one, follow anew into an empty folder",
        )


async def _pause(interval: float, waker: Waker | None) -> None:
    """Wait for the next poll; a waker that fails leaves the interval."""
    if waker is None:
        await asyncio.sleep(interval)
        return
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(interval):
            await waker.wait()
    except TimeoutError:
        return
    except SourceError:
        await asyncio.sleep(max(0.0, interval - (asyncio.get_running_loop().time() - started)))


def _unfit(problem: str) -> BadAnswer:
    return BadAnswer(problem, remedy="ask another node: this one contradicts itself")
