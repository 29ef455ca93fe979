"""The history of holdings: listed by the node's indexes or searched by its balances, then proved (proof.py).

A coin's history comes from trace_filter; else, for an account without code, from its nonce and balance: while the
nonce stands the balance of such an account can only grow, so blocks with equal (nonce, balance) at both ends hold no
change between them, and bisection finds every one. (An account whose code came and went again inside the window is
the exception; the sum would tell.) Else whole blocks are read, if they are few. A token's history comes from
eth_getLogs.
Transactions that were read before and touch a holding must be in its list: one that lacks them is proved by state, or
is partial.
Invariant: a history is whole, or `partial` says why not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dyepack.errors import quoted
from dyepack.ledger.schema import ZERO_ADDRESS
from dyepack.sources.blocks import Window
from dyepack.sources.live.evm.account import Account, account, nonces
from dyepack.sources.live.evm.balances import balances
from dyepack.sources.live.evm.blocks import Blocks
from dyepack.sources.live.evm.listing import Listed, token_events, traced
from dyepack.sources.live.evm.proof import Proof
from dyepack.sources.live.evm.search import changes
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.source import History, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.evm.loading import Loader, Places
    from dyepack.sources.live.evm.node import Node

SCAN: Final = 2_000
"""Blocks that are read in whole where nothing better is offered."""


class Histories:
    """Reads histories from one node."""

    def __init__(self, node: Node, loader: Loader) -> None:
        self._node = node
        self._blocks = Blocks(node, loader)
        self._proof = Proof(self._blocks)

    async def read(self, wanted: Wanted, window: Window, most: int, known: Places) -> History:
        """One history; `known` transactions touch the holding, so that a list that lacks one is not to be trusted.

        Block 0 has no transactions: what it gives out is an opening balance.
        """
        task = _Task(wanted, Window(max(window.first, 1), window.last), most)
        history = History(wanted, [])
        if task.window.first > task.window.last:
            return history
        if self._node.offers.old_balances:
            await self._ends(task, history)
        elif task.window.first == 1:
            await self._end(task, history)
        listed = await self._listed(task, history)
        listed.cut(most)
        if not listed.partial and (lacking := known.keys() - listed.places.keys()):
            listed.places |= {txid: known[txid] for txid in lacking}
            if task.account is None or task.account.has_code or None in {history.opening, history.closing}:
                listed.doubt(f"missing logs: the node's list lacks {min(lacking)}")
        await self._proof.hold(listed, history, task.window, task.account)
        history.txids = listed.in_order()
        history.partial = listed.partial or task.doubt
        return history

    async def _ends(self, task: _Task, history: History) -> None:
        """Balance and account at both ends of the window; a node that keeps old state but not these is behind."""
        ends = [(task.wanted, block) for block in (task.window.first - 1, task.window.last)]
        told, task.account = await asyncio.gather(
            balances(self._node, ends), account(self._node, task.wanted.address, task.window)
        )
        history.opening, history.closing = told
        if task.account is None or (task.wanted.asset == NATIVE and None in told):
            task.doubt = f"the node does not tell the state at blocks {ends[0][1]} and {ends[1][1]}"

    async def _end(self, task: _Task, history: History) -> None:
        """Of a node that keeps new state only: the end of a window that begins with the chain, where all began at 0.

        Coins that block 0 gave out are then missing from the sum, which says so.
        """
        (closing,), held = await asyncio.gather(
            balances(self._node, [(task.wanted, task.window.last)]),
            account(self._node, task.wanted.address, task.window),
        )
        if closing is not None and held is not None:
            history.opening, history.closing, task.account = 0, closing, held

    async def _listed(self, task: _Task, history: History) -> Listed:
        if task.wanted.asset != NATIVE:
            listed = await token_events(self._node, task.wanted, task.window, unindexed=history.opening is None)
            await self._blocks.read(listed, task.wanted, dict.fromkeys(listed.doubtful, 0))
            if task.wanted.address == ZERO_ADDRESS:
                listed.doubt("what is burnt is not listed by the address that it goes to")
            return listed
        reason = "trace_filter is not offered"
        if self._node.offers.trace_filter:
            traces = await traced(self._node, task.wanted.address, task.window, task.most)
            if isinstance(traces, Listed):
                return traces
            reason = f"trace_filter is refused: {quoted(traces)}"
        if history.opening is not None and history.closing is not None and task.account is not None:
            return await self._searched(task, task.account, (history.opening, history.closing), reason)
        if task.window.last - task.window.first < SCAN:
            return await self._blocks.scan(task.wanted, task.window)
        return Listed(partial=f"{reason}, and the node does not tell balances at past blocks")

    async def _searched(self, task: _Task, held: Account, units: tuple[int, int], reason: str) -> Listed:
        """By nonce and balance."""

        async def probe(blocks: Sequence[int]) -> list[tuple[int, int] | None]:
            counts, told = await asyncio.gather(
                nonces(self._node, task.wanted.address, blocks),
                balances(self._node, [(task.wanted, block) for block in blocks]),
            )
            pairs = zip(counts, told, strict=True)
            return [None if count is None or coins is None else (count, coins) for count, coins in pairs]

        before, after = zip(held.nonces, units, strict=True)
        ends = ((task.window.first - 1, before), (task.window.last, after))
        found, partial = await changes(*ends, probe, task.most)
        listed = Listed(partial=partial)
        if held.has_code:
            listed.partial = partial or f"{reason}: a contract's coins can come and go between two balances"
        await self._blocks.read(listed, task.wanted, {one.block: one.after[1] - one.before[1] for one in found})
        return listed


@dataclass(slots=True)
class _Task:
    """One history that is being read; `doubt` is a reason that comes last."""

    wanted: Wanted
    window: Window
    most: int
    account: Account | None = None
    doubt: str = ""
