"""Blocks read in whole for the transactions that touch one holding.

Invariant: what a block's transactions and the block itself cannot explain of a coin's growth is said in `partial`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.answers import quantity
from dyepack.sources.live.evm.listing import Listed
from dyepack.sources.live.evm.loading import Loader, block_id
from dyepack.sources.live.evm.node import AT_ONCE, Node
from dyepack.sources.live.evm.transactions import NATIVE, PLAIN_GAS
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import Window
    from dyepack.sources.live.evm.answers import Block
    from dyepack.sources.live.source import LiveTransaction, Wanted

SCAN_AT_ONCE: Final = 50


@dataclass(slots=True)
class Blocks:
    """Reads whole blocks of one node."""

    node: Node
    loader: Loader

    async def read(self, listed: Listed, wanted: Wanted, grown: dict[int, int]) -> None:
        """Add the transactions of blocks that touch a holding; what they cannot explain of its growth is said."""
        numbers = sorted(grown)
        for start in range(0, len(numbers), AT_ONCE):
            part = numbers[start : start + AT_ONCE]
            blocks = await self.node.whole(part)
            parts = await together(
                self._read_one(wanted, blocks[number], grown[number]) for number in part if number in blocks
            )
            for one in parts:
                listed.join(one)
            if len(blocks) < len(part):
                listed.doubt("the node does not know blocks that changed the balance")

    async def _read_one(self, wanted: Wanted, block: Block, grown: int) -> Listed:
        """The transactions of a block that touch a holding, until they explain its growth."""
        here = quantity(block.number, "eth_getBlockByNumber", "number")
        steps: tuple[list[str], ...]
        partial = ""
        if wanted.asset == NATIVE:
            direct = [t.hash for t in block.transactions if wanted.address in {t.sender.lower(), (t.to or "").lower()}]
            others = [t.hash for t in block.transactions if t.hash not in direct and _runs_code(t.input, t.gas)]
            steps = (direct, others, [block_id(here)])
        else:
            receipts = await self.node.block_receipts(block)
            steps = ([t.transaction_hash for t in receipts if _names(t.logs, wanted.asset)],)
            if not checks.blooms_agree(receipts, checks.read_bloom(block.logs_bloom, "eth_getBlockByNumber")):
                partial = f"missing logs: the bloom of block {here} names other events than its receipts"
        found: dict[str, LiveTransaction] = {}
        for step in steps:
            for txid, one in (await self.loader.load([txid.lower() for txid in step])).items():
                if isinstance(one, str):
                    partial = f"{txid} cannot be had: {one}"
                elif one.touches(wanted):
                    found[txid] = one
            if sum(one.change(wanted) for one in found.values()) == grown:
                break
        else:
            if wanted.asset == NATIVE and not partial:
                partial = f"the balance changed in block {here} by what no transaction tells"
        return Listed({txid: (here, one.index) for txid, one in found.items()}, partial=partial)

    async def scan(self, wanted: Wanted, window: Window) -> Listed:
        """By reading every block of a short window."""
        listed = Listed()
        for start in range(window.first, window.last + 1, SCAN_AT_ONCE):
            numbers = range(start, min(start + SCAN_AT_ONCE, window.last + 1))
            blocks = await self.node.whole(numbers)
            if len(blocks) < len(numbers):
                listed.partial = "the node does not know blocks of the window"
            mine = [
                t.hash.lower()
                for block in blocks.values()
                for t in block.transactions
                if wanted.address in {t.sender.lower(), (t.to or "").lower()} or _runs_code(t.input, t.gas)
            ]
            mine += [
                block_id(number)
                for number, block in blocks.items()
                if wanted.address
                in {(block.miner or "").lower(), *(one.address.lower() for one in block.withdrawals or ())}
            ]
            for txid, one in (await self.loader.load(mine)).items():
                if isinstance(one, str):
                    listed.partial = f"{txid} cannot be had: {one}"
                elif one.touches(wanted):
                    listed.places[txid] = (one.block, one.index)
                elif one.partial:
                    listed.doubt(one.partial)
        return listed


def _runs_code(data: str, gas: str | None) -> bool:
    """Whether a transaction can have moved coins by code."""
    return data != "0x" or gas is None or quantity(gas, "eth_getBlockByNumber", "gas") > PLAIN_GAS


def _names(logs: Sequence[object], token: str) -> bool:
    return any(getattr(log, "address", "").lower() == token for log in logs)
