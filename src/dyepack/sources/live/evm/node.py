"""Questions to one node: batched across all that ask at the same time, decoded, and pinned to one chain.

Calls of concurrent tasks are put to the node together, so that a hundred holdings cost a few requests. What is asked
depends on answers only, never on timing: the same trace asks the same questions again.
Invariant: a block number has one hash for the life of a `Node`; an answer of another chain is `Reorganised`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.errors import BadAnswer, Refused, Reorganised
from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.answers import Block, Header, Listing, Log, Receipt, bad, decode, digest, quantity
from dyepack.sources.live.rpc import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.fetch import Fetcher

T = TypeVar("T")
H = TypeVar("H", bound=Header)
Reply = msgspec.Raw | Fault

CALL_TRACER: Final = {"tracer": "callTracer"}
AT_ONCE: Final = 64
"""Holdings or blocks that are worked on at the same time."""

_ABSENT: Final = re.compile(
    r"not (?:found|supported|available|allowed|enabled|whitelisted|implemented)|unsupported|disabled|unauthori[sz]ed"
    r"|upgrade|plan\b|forbidden|does not exist|no such",
    re.IGNORECASE,
)
_METHOD: Final = re.compile(r"method|module|namespace|api\b|endpoint|plan\b|upgrade|trac", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offers:
    """Which methods the node has."""

    trace_filter: bool = False
    trace_transaction: bool = False
    call_tracer: bool = False
    block_receipts: bool = False
    old_balances: bool = False

    @property
    def internal(self) -> bool:
        """Whether internal transfers can be known."""
        return self.trace_transaction or self.call_tracer


def is_null(reply: Reply) -> bool:
    """Whether the node knows of nothing there."""
    return not isinstance(reply, Fault) and bytes(reply).strip() == b"null"


def is_absent(fault: Fault) -> bool:
    """Whether an error says that the method itself is not offered."""
    return fault.code == -32601 or bool(_ABSENT.search(fault.message) and _METHOD.search(fault.message))


@dataclass(slots=True)
class _Batch:
    """Calls that go to the node together."""

    calls: list[Call] = field(default_factory=list)
    sent: asyncio.Task[list[Reply]] | None = None


class Node:
    """One node; `unproven` counts headers whose hash could not be recomputed."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._batch: _Batch | None = None
        self._hashes: dict[int, str] = {}
        self.offers = Offers()
        self.unproven = 0

    async def ask(self, calls: Sequence[Call]) -> list[Reply]:
        """Answers in the order asked; calls of other tasks that wait now go in the same batch."""
        if not calls:
            return []
        batch = self._batch
        if batch is None or batch.sent is None:
            batch = self._batch = _Batch()
            batch.sent = asyncio.ensure_future(self._send(batch))
            batch.sent.add_done_callback(_seen)
        start = len(batch.calls)
        batch.calls += calls
        try:
            return (await asyncio.shield(batch.sent))[start : start + len(calls)]
        except (BadAnswer, Refused):
            if len(batch.calls) == len(calls):
                raise
        return await self._fetcher.rpc(calls)

    async def _send(self, batch: _Batch) -> list[Reply]:
        await asyncio.sleep(0)
        self._batch = None
        return await self._fetcher.rpc(batch.calls)

    async def one(self, method: str, *params: Any) -> Reply:
        """The answer to one call."""
        return (await self.ask([Call(method, params)]))[0]

    async def need(self, form: type[T], method: str, *params: Any) -> T:
        """The answer to one call that the node must answer."""
        return self.read(await self.one(method, *params), form, method)

    @staticmethod
    def read(reply: Reply, form: type[T], method: str) -> T:
        """A reply in its form; an error of the node is Refused."""
        if isinstance(reply, Fault):
            raise refused(method, reply)
        return decode(reply, form, method)

    async def listings(self, numbers: Sequence[int]) -> dict[int, Listing]:
        """Blocks with the ids of their transactions; a block past the head is left out."""
        return await self._blocks(numbers, Listing, full=False)

    async def whole(self, numbers: Sequence[int]) -> dict[int, Block]:
        """Blocks with their transactions; a block past the head is left out."""
        return await self._blocks(numbers, Block, full=True)

    async def _blocks(self, numbers: Sequence[int], form: type[H], *, full: bool) -> dict[int, H]:
        method = "eth_getBlockByNumber"
        asked = list(dict.fromkeys(numbers))
        replies = await self.ask([Call(method, (hex(number), full)) for number in asked])
        found: dict[int, H] = {}
        for number, reply in zip(asked, replies, strict=True):
            if not is_null(reply):
                found[number] = block = self.read(reply, form, method)
                self._check(number, block)
        checks.linked([ref(block) for block in found.values()])
        return found

    def _check(self, number: int, block: Header) -> None:
        method = "eth_getBlockByNumber"
        if quantity(block.number, method, "number") != number:
            raise bad(method, f"number is {block.number} where block {number} was asked for")
        self.pin(number, digest(block.hash, method, "hash"))
        self.unproven += checks.header_hash(block) != block.hash.lower()

    def pin(self, number: int, hash_: str) -> None:
        """Remember a block's hash, or refuse another one."""
        first = self._hashes.setdefault(number, hash_)
        if first != hash_:
            raise Reorganised(number, first, hash_)

    async def block_receipts(self, block: Block | Listing) -> list[Receipt]:
        """The receipts of a whole block, in order."""
        number = quantity(block.number, "eth_getBlockByNumber", "number")
        ids = [t if isinstance(t, str) else t.hash for t in block.transactions]
        if self.offers.block_receipts:
            method = "eth_getBlockReceipts"
            receipts = await self.need(list[Receipt], method, hex(number))
        else:
            method = "eth_getTransactionReceipt"
            replies = await self.ask([Call(method, (txid,)) for txid in ids])
            receipts = [self.read(reply, Receipt, method) for reply in replies]
        if [receipt.transaction_hash.lower() for receipt in receipts] != [txid.lower() for txid in ids]:
            raise bad(method, f"the receipts of block {number} are not those of its transactions")
        for receipt in receipts:
            self.pin(number, digest(receipt.block_hash, method, "blockHash"))
        return receipts

    async def logs(self, query: dict[str, Any]) -> list[Log] | str:
        """Events, or why the node refuses to list them (most often: too many blocks or events at once)."""
        method = "eth_getLogs"
        try:
            reply = await self.one(method, query)
            if not isinstance(reply, Fault):
                return decode(reply, list[Log], method)
        except (Refused, BadAnswer) as error:
            return error.problem
        return f"it has no {method}" if reply.code == -32601 else reply.message


def _seen(task: asyncio.Task[list[Reply]]) -> None:
    """Look at an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def ref(block: Header) -> BlockRef:
    """A header as a reference."""
    method = "eth_getBlockByNumber"
    return BlockRef(
        quantity(block.number, method, "number"),
        digest(block.hash, method, "hash"),
        digest(block.parent_hash, method, "parentHash"),
        quantity(block.timestamp, method, "timestamp"),
    )


def refused(method: str, fault: Fault) -> Refused:
    """The error about an error of the node."""
    return Refused(
        f"the node refuses {method}: {quoted(fault.message)} (code {fault.code})",
        remedy="ask another node, or one that offers this method",
    )
