"""Lists of the transactions that may touch a holding, by the node's own indexes: eth_getLogs and trace_filter.

A list that a node cuts without a word is found by its length: as many rows as a known cap are asked for again in
halves. A range that is refused is split: by the number that the refusal names, else in two.
Invariant: a list is whole, or `partial` says why not; rows that were not asked for are a BadAnswer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dyepack.errors import quoted
from dyepack.sources.blocks import Window
from dyepack.sources.live.evm.answers import Log, Trace, address, bad, data, digest, quantity, topics
from dyepack.sources.live.evm.events import DEPOSIT, DESTROYED, TRANSFER, WITHDRAWAL, topic_of
from dyepack.sources.live.rpc import Call, Fault
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from dyepack.sources.live.evm.node import Node
    from dyepack.sources.live.source import Wanted

CAPS: Final = frozenset((10, 20, 25, 50, 100, 200, 256, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000))
"""Lengths at which public nodes cut a list."""
PIECES: Final = 4_096
"""Parts that a window is split into before it is given up."""
PAGE: Final = 1_000

_SPAN: Final = re.compile(
    r"(\d[\d,_]*)(k?)(?:[ -]+\w+)?[ -]+block|block[a-z ]*?(?:range|limit|to|of|:)[^\d]{0,30}(\d[\d,_]*)(k?)",
    re.IGNORECASE,
)
_TOO_MUCH: Final = re.compile(
    r"range|limit|too (?:many|large|wide|big|long)|more than|exceed|larger than|time[d ]*out|max|results?\b|blocks?\b",
    re.IGNORECASE,
)
"""Words of a refusal that asks for less at a time."""
_GETLOGS: Final = "eth_getLogs"


@dataclass(slots=True)
class Listed:
    """Transactions with (block, index), the token events that named the holding, and why some may be missing.

    `doubtful` blocks have more events than the node lists, or seem to: they are to be read in whole.
    """

    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    events: dict[str, set[int]] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    partial: str = ""

    def doubt(self, reason: str) -> None:
        """Say why transactions may be missing; the first reason stands."""
        self.partial = self.partial or reason

    def in_order(self) -> list[str]:
        """The ids in chain order."""
        return sorted(self.places, key=lambda txid: (*self.places[txid], txid))

    def cut(self, most: int) -> None:
        """Keep the first `most`."""
        if len(self.places) > most:
            self.places = {txid: self.places[txid] for txid in self.in_order()[:most]}
            self.doubt(f"more than {most} transactions: only the first are read")

    def join(self, other: Listed) -> None:
        """Add what another list holds."""
        self.places |= other.places
        for txid, events in other.events.items():
            self.events.setdefault(txid, set()).update(events)
        self.doubtful |= other.doubtful
        self.doubt(other.partial)


async def token_events(node: Node, wanted: Wanted, window: Window, *, unindexed: bool) -> Listed:
    """Transactions with transfers, wrappings or unwrappings of a token from or to an address.

    `unindexed`: also every burning by the issuer, whose event does not index the holder (a sum would show it too).
    """
    party = topic_of(wanted.address)
    filters: list[list[Any]] = [[[TRANSFER, DEPOSIT, WITHDRAWAL], party], [TRANSFER, None, party]]
    if unindexed:
        filters.append([DESTROYED])
    listed = Listed()
    for part in await together(_events(node, wanted.asset, one, window) for one in filters):
        listed.join(part)
    return listed


async def _events(node: Node, token: str, filters: list[Any], window: Window) -> Listed:
    listed = Listed()
    todo = [(window, "")]
    pieces = 0
    while todo:
        replies = await together(node.logs(_query(token, filters, part)) for part, _ in todo)
        narrower: list[tuple[Window, str]] = []
        for (part, _), reply in zip(todo, replies, strict=True):
            pieces += 1
            single = part.first == part.last
            if isinstance(reply, str) and not _TOO_MUCH.search(reply):
                listed.partial = f"the node refuses to list events: {quoted(reply)}"
            elif isinstance(reply, str) and not single:
                narrower += ((half, reply) for half in _split(part, reply))
            elif isinstance(reply, str):
                listed.doubtful.add(part.first)
            else:
                _take(node, listed, reply, token, filters, part)
                if len(reply) in CAPS and single:
                    listed.doubtful.add(part.first)
                elif len(reply) in CAPS:
                    narrower += ((half, "") for half in _halves(part))
        if pieces + len(narrower) > PIECES:
            reason = quoted(narrower[0][1]) if narrower and narrower[0][1] else "its lists are cut"
            listed.partial = f"the node lists events of too few blocks at a time: {reason}"
            break
        todo = narrower
    return listed


def _query(token: str, filters: list[Any], part: Window) -> dict[str, Any]:
    return {"address": token, "topics": filters, "fromBlock": hex(part.first), "toBlock": hex(part.last)}


def _split(part: Window, refusal: str) -> list[Window]:
    """Smaller windows: as long as the refusal allows if it says so, else halves."""
    length = part.last - part.first + 1
    for match in _SPAN.finditer(refusal):
        digits, thousands = match[1] or match[3], match[2] or match[4]
        allowed = int(re.sub(r"[,_]", "", digits)) * (1000 if thousands else 1)
        if 2 <= allowed < length <= allowed * PIECES:
            return [Window(at, min(at + allowed - 1, part.last)) for at in range(part.first, part.last + 1, allowed)]
    return _halves(part)


def _halves(part: Window) -> list[Window]:
    middle = (part.first + part.last) // 2
    return [Window(part.first, middle), Window(middle + 1, part.last)]


def _take(node: Node, listed: Listed, logs: list[Log], token: str, filters: list[Any], part: Window) -> None:
    """Add rows; one that was not asked for makes the answer bad, a repeated one changes nothing."""
    for log in logs:
        block = quantity(log.block_number, _GETLOGS, "blockNumber")
        told = topics(log.topics, _GETLOGS)
        if address(log.address, _GETLOGS, "address") != token or not part.first <= block <= part.last:
            raise bad(_GETLOGS, f"an event of block {block} was not asked for")
        if not _matches(told, filters):
            raise bad(_GETLOGS, f"an event of block {block} has topics that were not asked for")
        if log.removed:
            raise bad(_GETLOGS, f"an event of block {block} was removed by a reorganisation")
        node.pin(block, digest(log.block_hash, _GETLOGS, "blockHash"))
        if len(told) == 4:
            continue
        txid = digest(log.transaction_hash, _GETLOGS, "transactionHash")
        listed.places[txid] = (block, quantity(log.transaction_index, _GETLOGS, "transactionIndex"))
        content = data(log.data, _GETLOGS, "data")
        if told[0] == TRANSFER and len(told) == 3 and len(content) == 32 and any(content):
            listed.events.setdefault(txid, set()).add(quantity(log.log_index, _GETLOGS, "logIndex"))


def _matches(told: tuple[str, ...], filters: list[Any]) -> bool:
    if len(told) < len(filters):
        return False
    return all(
        wanted is None or (topic in wanted if isinstance(wanted, list) else topic == wanted)
        for topic, wanted in zip(told, filters, strict=False)
    )


async def traced(node: Node, party: str, window: Window, most: int) -> Listed | str:
    """Transactions with steps from or to an address that may move coins or cost it a fee; or why not listed."""
    listed = Listed()
    sides = await together(_traces(node, side, party, window, most) for side in ("fromAddress", "toAddress"))
    for side in sides:
        if isinstance(side, str):
            return side
        listed.join(side)
    return listed


async def _traces(node: Node, side: str, party: str, window: Window, most: int) -> Listed | str:
    method = "trace_filter"
    listed = Listed()
    after, before = 0, None
    while True:
        query = {"fromBlock": hex(window.first), "toBlock": hex(window.last), side: [party]}
        reply = (await node.ask([Call(method, ({**query, "after": after, "count": PAGE},))]))[0]
        if isinstance(reply, Fault):
            return reply.message
        if bytes(reply) == before:
            return "its pages repeat"
        traces = node.read(reply, list[Trace], method)
        for trace in traces:
            _take_trace(node, listed, trace, party, window)
        after += len(traces)
        if len(traces) < PAGE and len(traces) not in CAPS:
            return listed
        if not traces or len(listed.places) > most:
            return listed
        before = bytes(reply)


def _take_trace(node: Node, listed: Listed, trace: Trace, party: str, window: Window) -> None:
    method = "trace_filter"
    action = trace.action
    made = trace.result.address if trace.result is not None else None
    parties = (action.sender, action.to, action.address, action.refund_address, made)
    block = trace.block_number
    if not window.first <= block <= window.last or (
        trace.type != "reward" and party not in {text.lower() for text in parties if text}
    ):
        raise bad(method, f"a step of block {block} was not asked for")
    node.pin(block, digest(trace.block_hash, method, "blockHash"))
    if trace.transaction_hash is None or trace.transaction_position is None:
        return
    pays_fee = not trace.trace_address and (action.sender or "").lower() == party
    moves = (action.call_type or "call") == "call" and any(
        text is not None and quantity(text, method, "value") for text in (action.value, action.balance)
    )
    if pays_fee or (moves and trace.error is None):
        txid = digest(trace.transaction_hash, method, "transactionHash")
        listed.places[txid] = (block, trace.transaction_position)
