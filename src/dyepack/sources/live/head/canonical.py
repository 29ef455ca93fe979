"""What a source must answer about now, for following a chain and for looking whether blocks are still in it.

Invariant: nothing that is answered here comes out of the evidence: the same question may have another answer later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.source import LiveTransaction, Source


class CanonicalView(Protocol):
    """A source that can be asked which blocks stand now. `shown` names it without secrets."""

    @property
    def shown(self) -> str:
        """The source as messages and notes may write it."""
        ...

    async def head(self) -> BlockRef:
        """The newest block that the source knows."""
        ...

    async def block(self, which: int, /) -> BlockRef | None:
        """The block that has a number now; None if the source knows none."""
        ...


class HeadSource(CanonicalView, Protocol):
    """A source that can be followed."""

    async def block(self, which: str | int, /) -> BlockRef | None:
        """The block of a hash, or the one that has a number now; None if the source knows none."""
        ...

    async def moves(self, block: BlockRef, /) -> Sequence[LiveTransaction]:
        """The transactions of a block, asked for by its hash; SourceError if they cannot all be had."""
        ...


class SourceView:
    """Any source, asked which blocks stand; its fetcher must keep no evidence."""

    def __init__(self, source: Source, shown: str) -> None:
        self._source, self.shown = source, shown

    async def head(self) -> BlockRef:
        """The newest block that the source knows."""
        return await self._source.head(0)

    async def block(self, which: int, /) -> BlockRef | None:
        """The block that has a number now; None if the source knows none."""
        return (await self._source.blocks([which])).get(which)


class Waker(Protocol):
    """Something that returns when there may be a new head, such as a subscription."""

    async def wait(self) -> None:
        """Return at the next announcement; what it announces is not believed, only asked about."""
        ...
