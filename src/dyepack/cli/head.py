"""dyepack head: the head of a chain as it grows and as it is reorganised, one line an event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.sources.live.head.events import Event


def head(
    source: Annotated[str, typer.Argument(help="A node, as evm+wss://host/{KEY} or evm+https://host/{KEY}.")],
    state: Annotated[Path, typer.Option(help="Folder that keeps the log of events and the blocks.")],
    address: Annotated[list[str] | None, typer.Option(help="Show the moves of this address; several times.")] = None,
    depth: Annotated[
        int, typer.Option(help="Confirmations: blocks that must stand on a block before it counts.", min=0)
    ] = 12,
    deepest: Annotated[int, typer.Option(help="Most blocks that a reorganisation may take back.", min=1)] = 64,
    events: Annotated[int, typer.Option(help="Stop after so many events (0: go on).", min=0)] = 0,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.05, max=3600)] = 5.0,
    allow_host: Annotated[list[str] | None, typer.Option(help="A host that may be private, as 127.0.0.1.")] = None,
) -> None:
    """Watch the head of an Ethereum-like chain: commit, revert and reorg events as lines of JSON.

    Each event is logged before it is shown; one that was not shown to the end comes again, with the same number. Run
    again, it goes on where it stopped. A reorganisation deeper than --deepest stops it with nothing changed.
    """
    import asyncio
    import re

    from dyepack.errors import UsageError, quoted
    from dyepack.sources.live.endpoint import Endpoint
    from dyepack.sources.live.fetch import Fetcher
    from dyepack.sources.live.head.blockstore import BlockStore
    from dyepack.sources.live.head.events import EventLog
    from dyepack.sources.live.head.evm import EvmHeads, NewHeads
    from dyepack.sources.live.head.follower import Follower, Limits

    endpoint = Endpoint.parse(source, allow_host or [])
    if endpoint.kind != "evm":
        raise UsageError(f"the head of {quoted(endpoint.kind)} is not watched", remedy="name an evm+ source")
    watched = {a.strip().lower() for a in address or []}
    for text in watched:
        if not re.fullmatch(r"0x[0-9a-f]{40}", text):
            raise UsageError(f"{quoted(text)} is no address", remedy="write 0x and 40 hexadecimal digits")
    seen = 0

    def deliver(event: Event) -> None:
        nonlocal seen
        seen += 1
        show.line(line_of(event, watched))

    async def run(store: BlockStore, log: EventLog) -> None:
        async with Fetcher(endpoint) as fetcher, Fetcher(endpoint) as other, NewHeads(other) as heads:
            node = EvmHeads(fetcher)
            await node.open()
            follower = Follower(node, store, log, Limits(depth=depth, deepest=deepest), deliver=deliver)
            await follower.follow(interval=interval, waker=heads if endpoint.is_socket else None, until=done)

    done: Callable[[], bool] = lambda: bool(events) and seen >= events  # noqa: E731
    with BlockStore(state / "blocks.sqlite") as store, EventLog(state / "events.jsonl") as log:
        asyncio.run(run(store, log))


def line_of(event: Event, watched: set[str]) -> dict[str, Any]:
    """An event for people and programs: blocks by number and hash, and the moves of the addresses watched."""
    moves = [
        {"tx": t.txid, "block": t.block, "from": m.sender, "to": m.receiver, "asset": m.asset, "units": str(m.units)}
        for block in event.committed
        for t in block.transactions
        for m in t.moves
        if watched & {m.sender, m.receiver}
    ]
    return {
        "event": event.number, "kind": event.kind,
        "reverted": [{"number": b.number, "hash": b.hash} for b in event.reverted],
        "committed": [{"number": b.ref.number, "hash": b.ref.hash, "transactions": len(b.transactions)}
                      for b in event.committed],
        "moves": moves,
    }  # fmt: skip
