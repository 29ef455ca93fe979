"""Ethereum and its kin by the JSON-RPC of any node or provider, over HTTP or a WebSocket.

What a node offers is found out once, by asking; what it does not offer stands in `can.notes`.
Invariant: no answer depends on when it is asked: blocks are named by number, and one number has one hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from dyepack.ledger.schema import ZERO_ADDRESS
from dyepack.money import Asset
from dyepack.sources.live.errors import BadAnswer, Refused
from dyepack.sources.live.evm.account import contracts
from dyepack.sources.live.evm.answers import quantity
from dyepack.sources.live.evm.balances import balances
from dyepack.sources.live.evm.history import Histories
from dyepack.sources.live.evm.loading import Loader
from dyepack.sources.live.evm.node import CALL_TRACER, Node, Offers, is_absent, is_null, ref
from dyepack.sources.live.evm.tokens import describe
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.rpc import Fault
from dyepack.sources.live.source import Capabilities
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import BlockRef, Window
    from dyepack.sources.live.fetch import Fetcher
    from dyepack.sources.live.source import History, LiveTransaction, Wanted

CHAINS: Final = {
    1: ("ethereum", "ETH"),
    10: ("optimism", "ETH"),
    56: ("bsc", "BNB"),
    100: ("gnosis", "XDAI"),
    137: ("polygon", "POL"),
    250: ("fantom", "FTM"),
    8453: ("base", "ETH"),
    42161: ("arbitrum", "ETH"),
    43114: ("avalanche", "AVAX"),
}
"""Names of chains and their coins by chain id."""
HOLDINGS: Final = 256
"""Histories that are read at the same time: their questions share requests."""
_NOTHING: Final = "0x" + "0" * 64


class EvmSource:
    """A node of an Ethereum-like chain."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._node = Node(fetcher)
        self._loader = Loader(self._node)
        self._histories = Histories(self._node, self._loader)
        self._head: int | None = None
        self.chain_id = 0
        self.chain = ""
        self.native = Asset(NATIVE, "ETH", 18)
        self.addresses: Literal["hex", "text"] = "hex"
        self.can = Capabilities()

    @property
    def unproven_headers(self) -> int:
        """Blocks whose hash could not be recomputed from their header: of a fork with fields not known here."""
        return self._node.unproven

    async def open(self) -> None:
        """Ask for the chain's id and try out which methods the node has."""
        method = "eth_chainId"
        self.chain_id = quantity(await self._node.need(str, method), method, "result")
        self.chain, symbol = CHAINS.get(self.chain_id, (f"evm-{self.chain_id}", "ETH"))
        self.native = Asset(NATIVE, symbol, 18)
        first = {"fromBlock": "0x1", "toBlock": "0x1", "fromAddress": [ZERO_ADDRESS], "after": 0, "count": 1}
        tried = await together(
            (
                self._offers("trace_filter", first),
                self._offers("trace_transaction", _NOTHING),
                self._offers("debug_traceTransaction", _NOTHING, dict(CALL_TRACER)),
                self._offers("eth_getBlockReceipts", "0x1"),
                self._answers("eth_getBalance", ZERO_ADDRESS, "0x1"),
            )
        )
        self._node.offers = offers = Offers(*tried)
        self.can = Capabilities(
            history=True,
            internal=offers.internal,
            balances=offers.old_balances,
            notes=_notes(offers),
        )

    async def _offers(self, method: str, *params: Any) -> bool:
        """Whether a method is there, whatever it says about what it was asked."""
        try:
            reply = await self._node.one(method, *params)
        except (Refused, BadAnswer):
            return False
        return not isinstance(reply, Fault) or not is_absent(reply)

    async def _answers(self, method: str, *params: Any) -> bool:
        try:
            reply = await self._node.one(method, *params)
        except (Refused, BadAnswer):
            return False
        return not isinstance(reply, Fault) and not is_null(reply)

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it."""
        method = "eth_blockNumber"
        newest = quantity(await self._node.need(str, method), method, "result")
        self._head = max(newest - depth, 0)
        found = await self._node.listings([self._head])
        if self._head not in found:
            raise BadAnswer(
                f"the node says that its newest block is {newest} and does not know block {self._head}",
                remedy="ask a node that is not behind",
            )
        return ref(found[self._head])

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Number, hash, parent and time of blocks; one past the head is left out."""
        return {number: ref(block) for number, block in (await self._node.listings(numbers)).items()}

    async def transactions(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        return await self._loader.load(txids)

    def remarks(self) -> list[str]:
        """Blocks whose hash could not be recomputed."""
        unproven = self._node.unproven
        return [f"{unproven} block hashes could not be recomputed from their headers"] if unproven else []

    async def histories(self, wanted: Sequence[Wanted], window: Window, most: int) -> list[History]:
        """The history of each holding, in the order asked."""
        found: list[History] = []
        for start in range(0, len(wanted), HOLDINGS):
            part = wanted[start : start + HOLDINGS]
            known = self._loader.known(part, window)
            found += await together(self._histories.read(one, window, most, known[one]) for one in part)
        return found

    async def balances(self, asked: Sequence[tuple[Wanted, int]]) -> list[int | None]:
        """Base units of holdings at the end of blocks; None where it cannot be told."""
        return await balances(self._node, asked)

    async def contracts(self, addresses: Sequence[str]) -> dict[str, bool]:
        """Whether each address has code of its own at the head of this trace."""
        if self._head is None:
            await self.head(0)
        return await contracts(self._node, addresses, self._head or 0)

    async def assets(self, keys: Sequence[str]) -> dict[str, Asset]:
        """Symbol and decimals of tokens, as they were at the head of this trace."""
        contracts = [key for key in dict.fromkeys(keys) if key != NATIVE]
        if self._head is None and contracts:
            await self.head(0)
        found = await describe(self._node, contracts, self._head or 0)
        return {key: self.native if key == NATIVE else found[key] for key in dict.fromkeys(keys)}


def _notes(offers: Offers) -> tuple[str, ...]:
    notes = []
    if not offers.internal:
        notes.append("no internal transfers: the node offers no traces")
    if not offers.trace_filter:
        notes.append("the coins of contracts are known in part only: the node does not offer trace_filter")
    if not offers.old_balances:
        notes.append("no balances at past blocks, so no sum is checked, and what blocks pay is not looked for in full")
    return tuple(notes)
