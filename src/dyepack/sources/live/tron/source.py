"""Tron as a source of moves: lists of accounts from TronGrid, everything else from the node behind it.

Invariant: moves come from blocks and receipts only (loading.py); what a list says of units is not believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from dyepack.errors import quoted
from dyepack.ledger.schema import ZERO_OF_TRON
from dyepack.money import Asset
from dyepack.sources.etl_tokens import MAX_DECIMALS
from dyepack.sources.live.errors import BadAnswer, Refused
from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.node import AT_ONCE
from dyepack.sources.live.evm.tokens import text
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.source import Capabilities, History, LiveTransaction, Wanted
from dyepack.sources.live.together import together
from dyepack.sources.live.tron.addresses import from_base58
from dyepack.sources.live.tron.answers import Code, Constant, data, decode
from dyepack.sources.live.tron.lists import Listed, Span, native_list, token_list
from dyepack.sources.live.tron.loading import Loader, ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import BlockRef, Window
    from dyepack.sources.live.fetch import Fetcher

WRAPPED: Final = "TNUC9Qb1rRpS5CbWLmNMxXBjyFoydXjWFR"
"""Wrapped TRX tells of wrapping in events that no list shows; they show in the list of TRX."""

_NOTES: Final = (
    "no balances at past blocks: histories are read from their beginning and cannot be checked against balances",
    "internal transfers are known as far as the server records them, which a node does only if it is told to",
    "units of TRC-10 tokens are counted, not followed; staked TRX stays with the account that staked it",
)
_NOW: Final = "wallet/getnowblock"
_FINAL: Final = "walletsolidity/getnowblock"
_CONTRACT: Final = "wallet/getcontract"
_ASK: Final = "wallet/triggerconstantcontract"


class TronSource:
    """An AccountSource over Tron's HTTP API."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._loader = Loader(fetcher)
        self.chain = "tron"
        self.native = Asset(NATIVE, "TRX", 6)
        self.addresses: Literal["hex", "text"] = "text"
        self.can = Capabilities(history=True, internal=True, notes=_NOTES)

    async def open(self) -> None:
        """The first block says whether this is a server of Tron."""
        await self._loader.block(0)

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it, and no newer than the last that is final."""
        now, final = await together(map(self._loader.newest, (_NOW, _FINAL)))
        return ref(await self._loader.block(max(min(now - depth, final), 0)))

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Blocks by number; those that follow each other must be linked."""
        wanted = list(dict.fromkeys(numbers))
        found: dict[int, BlockRef] = {}
        for start in range(0, len(wanted), AT_ONCE):
            for block in await together(map(self._loader.find, wanted[start : start + AT_ONCE])):
                if block is not None:
                    found[block.header.raw_data.number] = ref(block)
        checks.linked(found.values())
        return found

    async def transactions(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        return await self._loader.load(txids)

    def remarks(self) -> list[str]:
        """None beyond `can.notes`."""
        return []

    async def histories(self, wanted: Sequence[Wanted], window: Window, most: int) -> list[History]:
        """Lists of final transactions in the time of the window's blocks."""
        first, last = await together(map(self._loader.block, (window.first, window.last)))
        span = Span(first.header.raw_data.timestamp, last.header.raw_data.timestamp)
        found: list[History] = []
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            found += await together(self._history(holding, span, window, most) for holding in part)
        return found

    async def balances(self, asked: Sequence[tuple[Wanted, int]]) -> list[int | None]:
        """None: a node of Tron tells balances of now only."""
        return [None for _ in asked]

    async def contracts(self, addresses: Sequence[str]) -> dict[str, bool]:
        """Whether each address is a contract now."""
        wanted = list(dict.fromkeys(addresses))
        told = await together(map(self._is_contract, wanted))
        return {address: yes for address, yes in zip(wanted, told, strict=True) if yes is not None}

    async def _is_contract(self, address: str) -> bool | None:
        try:
            answer = await self._fetcher.post(_CONTRACT, {"value": address, "visible": True})
            return decode(answer.body, Code, _CONTRACT).contract_address == address
        except (BadAnswer, Refused):
            return None

    async def assets(self, keys: Sequence[str]) -> dict[str, Asset]:
        """Symbol and decimals as the contracts of tokens tell them."""
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, await together(map(self._asset, wanted)), strict=True))

    async def _history(self, wanted: Wanted, span: Span, window: Window, most: int) -> History:
        listed = Listed()
        try:
            listed = await self._listed(wanted, span, most)
        except (BadAnswer, Refused) as error:
            listed.partial = error.problem
        txids = sorted(listed.times, key=lambda txid: (listed.times[txid], txid))
        if len(txids) > most:
            edge = listed.times[txids[most]]
            txids = [txid for txid in txids[:most] if listed.times[txid] != edge] or txids[:most]
            listed.partial = f"more than {most} transactions: only the first are read"
        return History(wanted, await self._proved(wanted, txids, window, listed), partial=listed.partial)

    async def _listed(self, wanted: Wanted, span: Span, most: int) -> Listed:
        account = _account(wanted.address)
        if wanted.asset == NATIVE:
            return await native_list(self._fetcher, account, span, most)
        listed = await token_list(self._fetcher, account, _account(wanted.asset), span, most)
        if wanted.asset == WRAPPED:
            listed.join(await native_list(self._fetcher, account, span, most))
        return listed

    async def _proved(self, wanted: Wanted, txids: Sequence[str], window: Window, listed: Listed) -> list[str]:
        """Those that touch the holding, in the order of the chain; what cannot be had is said."""
        places: dict[str, tuple[int, int]] = {}
        for txid, one in (await self._loader.load(txids)).items():
            if isinstance(one, str):
                listed.partial = listed.partial or f"{txid} cannot be had: {one}"
            elif one.time != listed.times[txid] // 1000 or not window.first <= one.block <= window.last:
                listed.partial = listed.partial or f"{txid} is listed at another time than that of its block"
            elif one.touches(wanted) or (wanted.asset != NATIVE and one.left_out):
                places[txid] = (one.block, one.index)
        return sorted(places, key=places.__getitem__)

    async def _asset(self, key: str) -> Asset:
        if key == NATIVE:
            return self.native
        symbol, places = await together(self._constant(key, function) for function in ("symbol()", "decimals()"))
        decimals = int.from_bytes(places[:32]) if len(places) >= 32 else None
        return Asset(key, text(symbol) or key, decimals if decimals is not None and decimals <= MAX_DECIMALS else None)

    async def _constant(self, contract: str, function: str) -> bytes:
        """What a contract answers to a question without arguments; empty where it does not."""
        question = {"owner_address": ZERO_OF_TRON, "contract_address": contract, "function_selector": function}
        try:
            answer = await self._fetcher.post(_ASK, question | {"visible": True})
            results = decode(answer.body, Constant, _ASK).constant_result
            return data(results[0], _ASK, "constant_result") if results else b""
        except (BadAnswer, Refused):
            return b""


def _account(written: str) -> str:
    try:
        return from_base58(written)
    except ValueError as error:
        raise Refused(
            f"{quoted(written)} {error}", remedy="write Tron's addresses as T and 33 more characters"
        ) from error
