"""An explorer as a source of moves: its lists say which transactions to look at, the node behind it what they moved.

A list of token transfers does not say which event a row is, so every transaction is read whole (loading.py).
Invariant: moves come from receipts and internal transfers only; what a list says of units is believed of the first
block alone, which has no transactions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from dyepack.ledger.schema import ZERO_ADDRESS
from dyepack.money import Asset
from dyepack.sources.etl_tokens import MAX_DECIMALS
from dyepack.sources.live.errors import BadAnswer, Refused
from dyepack.sources.live.evm.account import is_contract
from dyepack.sources.live.evm.answers import data, decode, quantity
from dyepack.sources.live.evm.events import DEPOSIT, DESTROYED, WITHDRAWAL, topic_of
from dyepack.sources.live.evm.node import AT_ONCE, ref
from dyepack.sources.live.evm.source import CHAINS
from dyepack.sources.live.evm.tokens import DECIMALS, MAX_SYMBOL, SYMBOL, text
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.explorer.answers import Internal, LogRow, Signed, Token, bad
from dyepack.sources.live.explorer.api import Explorer
from dyepack.sources.live.explorer.lists import Listed, Reader
from dyepack.sources.live.explorer.loading import INTERNAL, Loader
from dyepack.sources.live.source import NO_INTERNAL, Capabilities, History, LiveTransaction, Wanted
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dyepack.sources.blocks import BlockRef, Window
    from dyepack.sources.live.fetch import Fetcher

_NEWEST: Final = "eth_blockNumber"
_NOTES: Final = (
    "no balances at past blocks: histories are read from their beginning and cannot be checked against balances",
    "block rewards and withdrawals from the beacon chain are not listed",
    "the lists of an explorer may lag behind the node that it asks: what they lack near the head is not noticed",
)


class EtherscanSource:
    """An AccountSource over an explorer's API."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._endpoint = fetcher.endpoint
        self._explorer = Explorer(fetcher)
        self._loader = Loader(self._explorer)
        self.chain_id = 0
        self.chain = ""
        self.native = Asset(NATIVE, "ETH", 18)
        self.addresses: Literal["hex", "text"] = "hex"
        self.can = Capabilities(history=True, internal=True, notes=_NOTES)

    async def open(self) -> None:
        """The source's text names the chain; the explorer is asked whether it lists internal transfers."""
        told = dict(self._endpoint.query).get("chainid", "")
        if not told.isascii() or not told.isdigit() or len(told) > 18:
            raise Refused(
                "the source does not say which chain its explorer is asked for",
                remedy="write chainid=1 into its query: etherscan+https://HOST/v2/api?chainid=1&apikey={KEY}",
            )
        self.chain_id = int(told)
        self.chain, symbol = CHAINS.get(self.chain_id, (f"evm-{self.chain_id}", "ETH"))
        self.native = Asset(NATIVE, symbol, 18)
        try:
            await self._explorer.rows(_list(INTERNAL, ZERO_ADDRESS) | {"startblock": "0", "endblock": "0"}, Internal)
        except Refused:
            self._loader.internal = False
            notes = (*_NOTES, f"{NO_INTERNAL}: the explorer does not list them")
            self.can = replace(self.can, internal=False, notes=notes)

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it."""
        newest = quantity(decode(await self._explorer.node(_NEWEST), str, _NEWEST), _NEWEST, "result")
        wanted = max(newest - depth, 0)
        found = await self.blocks([wanted])
        if wanted not in found:
            raise bad(_NEWEST, f"the newest block is {newest}, but block {wanted} is not known")
        return found[wanted]

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Blocks by number; those that follow each other must be linked."""
        return {block.number: block for block in map(ref, await self._loader.listings(numbers))}

    async def transactions(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        return await self._loader.load(txids)

    def remarks(self) -> list[str]:
        """None beyond `can.notes`."""
        return []

    async def histories(self, wanted: Sequence[Wanted], window: Window, most: int) -> list[History]:
        """The history of each holding, in the order asked."""
        found: list[History] = []
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            found += await together(self._history(holding, window, most) for holding in part)
        return found

    async def balances(self, asked: Sequence[tuple[Wanted, int]]) -> list[int | None]:
        """None: an explorer tells balances of now only."""
        return [None for _ in asked]

    async def contracts(self, addresses: Sequence[str]) -> dict[str, bool]:
        """Whether each address has code of its own now, by the node behind the explorer."""
        codes = await together(map(self._code, addresses))
        return {address: is_contract(code) for address, code in zip(addresses, codes, strict=True) if code is not None}

    async def _code(self, address: str) -> str | None:
        try:
            return decode(await self._explorer.node("eth_getCode", address=address, tag="latest"), str, "eth_getCode")
        except (BadAnswer, Refused):
            return None

    async def assets(self, keys: Sequence[str]) -> dict[str, Asset]:
        """Symbol and decimals of tokens."""
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, await together(map(self._asset, wanted)), strict=True))

    async def _asset(self, key: str) -> Asset:
        """A token by its first transfer in the list; one without transfers by what its contract says now."""
        if key == NATIVE:
            return self.native
        query = {"module": "account", "action": "tokentx", "contractaddress": key}
        rows = await self._explorer.rows(query | {"page": "1", "offset": "1", "sort": "asc"}, Token)
        if rows and rows[0].contract_address.lower() == key:
            return Asset(key, rows[0].token_symbol[:MAX_SYMBOL] or key, _decimals(rows[0].token_decimal))
        symbol, places = await together(self._view(key, part) for part in (SYMBOL, DECIMALS))
        return Asset(key, text(symbol) or key, _decimals(str(int.from_bytes(places[:32]))) if places else None)

    async def _view(self, contract: str, question: str) -> bytes:
        """What a contract answers; empty where it does not."""
        try:
            told = await self._explorer.node("eth_call", to=contract, data=question, tag="latest")
            return data(decode(told, str, "eth_call"), "eth_call", "result")
        except (BadAnswer, Refused):
            return b""

    async def _history(self, wanted: Wanted, window: Window, most: int) -> History:
        """A history from the first block on has an opening: what that block gave out."""
        first = window.first if window.first > 1 else 0
        listed = Listed()
        try:
            for reader in self._readers(wanted):
                listed.join(await reader.read(first, window.last, most))
        except (BadAnswer, Refused) as error:
            listed.partial = error.problem
        if wanted.asset == NATIVE and not self.can.internal:
            listed.partial = listed.partial or NO_INTERNAL
        txids = sorted(listed.places, key=lambda txid: (listed.places[txid][0], listed.places[txid][1] or 0, txid))
        if len(txids) > most:
            edge = listed.places[txids[most]][0]
            txids = [txid for txid in txids[:most] if listed.places[txid][0] != edge] or txids[:most]
            listed.partial = f"more than {most} transactions: only the first are read"
        opening = None if first else listed.genesis
        return History(wanted, await self._proved(wanted, txids, listed), opening=opening, partial=listed.partial)

    async def _proved(self, wanted: Wanted, txids: Sequence[str], listed: Listed) -> list[str]:
        """Those that touch the holding, in the order of the chain; what cannot be had is said."""
        places: dict[str, tuple[int, int]] = {}
        for txid, one in (await self._loader.load(txids)).items():
            block = listed.places[txid][0]
            if isinstance(one, str):
                listed.partial = listed.partial or f"{txid} cannot be had: {one}"
            elif one.block != block:
                listed.partial = listed.partial or f"{txid} is listed in block {block} and stands in block {one.block}"
            elif one.touches(wanted) or (wanted.asset != NATIVE and one.left_out):
                places[txid] = (one.block, one.index)
        return sorted(places, key=places.__getitem__)

    def _readers(self, wanted: Wanted) -> Iterator[Reader[Any]]:
        """The lists that together name every transaction of a holding."""
        account, token = wanted.address, wanted.asset
        if token != NATIVE:
            yield from self._token_readers(account, token)
            return
        yield Reader(self._explorer, _list("txlist", account), Signed, lambda row: account in row.parties())
        if self.can.internal:
            yield Reader(self._explorer, _list(INTERNAL, account), Internal, lambda row: account in row.parties())

    def _token_readers(self, account: str, token: str) -> Iterator[Reader[Any]]:
        def is_transfer(row: Token) -> bool:
            return account in row.parties() and row.contract_address.lower() == token

        def is_event(row: LogRow, topics: Sequence[str]) -> bool:
            return row.address.lower() == token and [topic.lower() for topic in row.topics[: len(topics)]] == topics

        party = topic_of(account)
        yield Reader(self._explorer, _list("tokentx", account) | {"contractaddress": token}, Token, is_transfer)
        logs = {"module": "logs", "action": "getLogs", "address": token}
        for topic in (DEPOSIT, WITHDRAWAL):
            query = logs | {"topic0": topic, "topic0_1_opr": "and", "topic1": party}
            fits = partial(is_event, topics=[topic, party])
            yield Reader(self._explorer, query, LogRow, fits, names=("fromBlock", "toBlock"))
        yield Reader(
            self._explorer,
            logs | {"topic0": DESTROYED},
            LogRow,
            partial(is_event, topics=[DESTROYED]),
            wanted=lambda row: row.data.lower().startswith(party),
            names=("fromBlock", "toBlock"),
        )


def _list(action: str, account: str) -> dict[str, str]:
    return {"module": "account", "action": action, "address": account}


def _decimals(told: str) -> int | None:
    usable = told.isascii() and told.isdigit() and len(told) <= 3 and int(told) <= MAX_DECIMALS
    return int(told) if usable else None
