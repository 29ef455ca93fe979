"""What the two ways to a node of Bitcoin Core share: its head, its blocks one after another, what was gathered.

Invariant: `whole_blocks` gives every block of a window, each following on the one before, or an error.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from dyepack.sources.bitcoin.networks import BY_GENESIS
from dyepack.sources.live.bitcoin.answers import AGAIN, Question
from dyepack.sources.live.bitcoin.gather import Gathered
from dyepack.sources.live.errors import BadAnswer, Forbidden, Refused, SourceError
from dyepack.sources.live.source import Capabilities
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from dyepack.sources.bitcoin.result import BitcoinImport
    from dyepack.sources.blocks import BlockRef, Window
    from dyepack.sources.live.fetch import Fetcher

_AT_ONCE = 16
"""Blocks, or transactions, that are asked for at the same time; the fetcher keeps the host's limits."""

_NO_ID = "is not a transaction id (64 hexadecimal digits in lower case)"
_TXID = re.compile(r"[0-9a-f]{64}", re.ASCII)


class OutputAdapter(ABC):
    """The parts of an OutputSource (source.py) that do not depend on how it is asked."""

    chain = "bitcoin"

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher
        self.network = ""
        self.can = Capabilities()
        self.got = Gathered(fetcher.endpoint.shown)

    @abstractmethod
    async def _tip(self) -> int:
        """The height of the newest block; asked once."""

    @abstractmethod
    async def _ref(self, height: int) -> BlockRef:
        """The block at a height."""

    @abstractmethod
    async def _block(self, height: int) -> None:
        """Fetch a whole block."""

    async def _ready(self, heights: list[int]) -> None:  # noqa: B027 - most have nothing to do
        """Ask at once for what blocks at these heights need first."""

    async def _ready_transactions(self, txids: list[str]) -> None:  # noqa: B027
        """Ask at once for what these transactions need first; what fails is asked again for each."""

    @abstractmethod
    async def _transaction(self, txid: str) -> None:
        """Fetch a transaction."""

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it."""
        tip = await self._tip()
        if tip < depth:
            raise Refused(
                f"{self.got.source} has blocks up to {tip} only, so that none has {depth} on it",
                remedy="wait until it has caught up, or ask for fewer confirmations: --depth 0",
            )
        ref = await self._ref(tip - depth)
        self.got.meet(Question(f"block {ref.number}"), ref)
        self.got.pinned = ref
        return ref

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Blocks by their heights; one that the source does not have is missing from the answer."""
        found: dict[int, BlockRef] = {}
        for first in range(0, len(numbers), _AT_ONCE):
            part = numbers[first : first + _AT_ONCE]
            found |= {ref.number: ref for ref in await together(self._there(number) for number in part) if ref}
        return found

    async def _there(self, number: int) -> BlockRef | None:
        try:
            return await self._ref(number)
        except Refused:
            return None

    async def transactions(self, txids: Sequence[str]) -> dict[str, str]:
        """Fetch transactions; for each that cannot be had, the reason."""
        reasons = {txid: _NO_ID for txid in txids if not _TXID.fullmatch(txid)}
        wanted = [txid for txid in dict.fromkeys(txids) if txid not in reasons and not self.got.has(txid)]
        for first in range(0, len(wanted), _AT_ONCE):
            part = wanted[first : first + _AT_ONCE]
            await reason(self._ready_transactions(part))
            for txid, why in zip(part, await together(reason(self._transaction(txid)) for txid in part), strict=True):
                if why:
                    reasons[txid] = why
                    self.got.not_had(txid, why)
        return reasons

    async def whole_blocks(self, window: Window) -> None:
        """Fetch whole blocks with the values that their inputs spend."""
        heights = [h for h in range(window.first, window.last + 1) if not self.got.has_block(h)]
        for first in range(0, len(heights), _AT_ONCE):
            part = heights[first : first + _AT_ONCE]
            await self._ready(part)
            await together(self._block(height) for height in part)

    def remarks(self) -> list[str]:
        """None beyond `can.notes`."""
        return []

    def gathered(self) -> BitcoinImport:
        """Everything fetched so far, each transaction once."""
        return self.got.result()

    def _set_network(self, genesis: str) -> None:
        found = BY_GENESIS.get(bytes.fromhex(genesis)) if _TXID.fullmatch(genesis) else None
        if found is None:
            raise BadAnswer(f"{self.got.source} is of no network of Bitcoin that is known", remedy=AGAIN)
        self.network = self.got.network = found.address


async def reason(task: Coroutine[object, object, object]) -> str:
    """Why a question had no answer, "" if it had; what dyepack itself forbids is no answer of the source."""
    try:
        await task
    except Forbidden:
        raise
    except SourceError as error:
        return error.problem
    return ""
