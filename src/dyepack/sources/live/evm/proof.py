"""Lists of transactions held against balances and nonces at two heights.

The moves of a holding must add up from the first balance to the last. Where they do not, the blocks in which they part
are searched for and read in whole: events that a list lacked, coins that a block itself paid. What came and went on
inside the window leaves the sum as it was, so an account without code must also have sent as many transactions as its
nonce says: if some are not listed, the blocks of all are searched for.
Invariant: for a coin, what no transaction explains is `partial`. A token may depart from its own events (fees,
rebasing, fakes): that is left to see in the opening and closing balance.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from dyepack.ledger.schema import MoveKind
from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.account import Account, nonces
from dyepack.sources.live.evm.balances import balances
from dyepack.sources.live.evm.events import DESTROYED, topic_of
from dyepack.sources.live.evm.listing import Listed
from dyepack.sources.live.evm.search import changes
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.source import History, LiveTransaction, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.sources.blocks import Window
    from dyepack.sources.live.evm.blocks import Blocks

HUNT: Final = 16
"""Blocks that are read in whole at a time because the sum parts there from the moves."""
ROUNDS: Final = 32
OWN: Final = 64
"""Transactions of an account that are searched for one by one."""


@dataclass(slots=True)
class Proof:
    """Proves lists of one node's transactions."""

    blocks: Blocks

    async def hold(self, listed: Listed, history: History, window: Window, account: Account | None) -> None:
        """Drop what does not touch the holding, say what cannot be had, and hold the rest against the balances."""
        await self._receipts(listed, history.wanted)
        if account is None or listed.partial:
            return
        await self._own(listed, history.wanted, window, account)
        if history.opening is None or history.closing is None:
            return
        for _ in range(ROUNDS):
            if not await self._hunt(listed, history, window, history.opening, history.closing):
                return
        listed.partial = "missing logs: the node's lists lack more and more of what its blocks hold"

    async def _receipts(self, listed: Listed, wanted: Wanted) -> None:
        for txid, one in (await self.blocks.loader.load(listed.in_order())).items():
            if isinstance(one, str):
                listed.doubt(f"{txid} cannot be had: {one}")
                continue
            told = {move.index for move in one.moves if move.asset == wanted.asset}
            if listed.events.get(txid, set()) - told:
                listed.doubt(f"missing logs: the receipt of {txid} lacks events that were listed")
            if not one.touches(wanted) and not (wanted.asset != NATIVE and one.left_out):
                del listed.places[txid]
            elif "missing logs" in one.partial:
                listed.doubt(one.partial)

    async def _loaded(self, listed: Listed) -> list[LiveTransaction]:
        found = (await self.blocks.loader.load(listed.in_order())).values()
        return [one for one in found if isinstance(one, LiveTransaction)]

    async def _own(self, listed: Listed, wanted: Wanted, window: Window, account: Account) -> None:
        """Find the account's own transactions where fewer are listed than its nonce says."""
        sent = account.nonces[1] - account.nonces[0]
        have = Counter(
            one.block
            for one in await self._loaded(listed)
            for move in one.moves
            if move.kind == MoveKind.FEE and move.sender == wanted.address
        )
        if account.has_code or have.total() >= sent or (wanted.asset != NATIVE and sent > OWN):
            return

        async def probe(blocks: Sequence[int]) -> list[int | None]:
            return await nonces(self.blocks.node, wanted.address, blocks)

        ends = ((window.first - 1, account.nonces[0]), (window.last, account.nonces[1]))
        found, cut = await changes(*ends, probe, max(OWN, have.total()))
        if not found:
            listed.doubt("missing logs: the account sent more transactions than are listed" if cut else "")
        lacking = [one.block for one in found if have[one.block] < one.after - one.before]
        is_new = await self._read(listed, wanted, await self._possible(wanted, lacking))
        if wanted.asset == NATIVE and cut and is_new:
            listed.doubt("the node's lists lack transactions that the account sent")

    async def _read(self, listed: Listed, wanted: Wanted, suspects: Sequence[int]) -> bool:
        """Add what blocks hold of a holding; whether something of it is new."""
        extra = Listed()
        ends = [(wanted, block) for number in suspects for block in (number - 1, number)]
        told = await balances(self.blocks.node, ends)
        grown = {
            number: after - before if before is not None and after is not None else 0
            for number, before, after in zip(suspects, told[::2], told[1::2], strict=True)
        }
        await self.blocks.read(extra, wanted, grown)
        is_new = bool(extra.places.keys() - listed.places.keys())
        listed.join(extra)
        return is_new

    async def _hunt(self, listed: Listed, history: History, window: Window, opening: int, closing: int) -> bool:
        """Where the sum parts from the balances, read the blocks in which it does; whether something new was there."""
        wanted = history.wanted
        if listed.partial:
            return False
        grown: dict[int, int] = {}
        for one in await self._loaded(listed):
            grown[one.block] = grown.get(one.block, 0) + one.change(wanted)
        lack = closing - opening - sum(grown.values())
        if not lack:
            return False
        blocks = sorted(grown)
        sums = [0, *accumulate(grown[block] for block in blocks)]

        async def probe(asked: Sequence[int]) -> list[int | None]:
            told = await balances(self.blocks.node, [(wanted, block) for block in asked])
            known = [opening + sums[bisect_right(blocks, block)] for block in asked]
            return [None if units is None else units - moved for units, moved in zip(told, known, strict=True)]

        found, cut = await changes((window.first - 1, 0), (window.last, lack), probe, HUNT)
        is_new = await self._read(listed, wanted, await self._possible(wanted, (one.block for one in found)))
        if wanted.asset == NATIVE and not is_new:
            listed.doubt(cut or "its balance changed by what no transaction tells")
        return is_new

    async def _possible(self, wanted: Wanted, suspects: Iterable[int]) -> list[int]:
        """Blocks whose blooms allow an event of a token that names an address; for a coin, all."""
        numbers = sorted(suspects)
        if wanted.asset == NATIVE:
            return numbers
        possible = []
        for number, listing in (await self.blocks.node.listings(numbers)).items():
            bloom = checks.read_bloom(listing.logs_bloom, "eth_getBlockByNumber")
            names = (topic_of(wanted.address), DESTROYED)
            if not bloom or any(checks.may_hold(bloom, wanted.asset, name) for name in names):
                possible.append(number)
        return possible
