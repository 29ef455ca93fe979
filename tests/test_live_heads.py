"""A real node that reorganises: what was followed, by newHeads or by polls, equals a fresh rebuild and the node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dyepack.case.cited import check_cited
from dyepack.ledger.schema import MoveKind
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import SourceError
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.head.blockstore import BlockStore
from dyepack.sources.live.head.canonical import SourceView
from dyepack.sources.live.head.events import Event, EventLog
from dyepack.sources.live.head.evm import EvmHeads, NewHeads
from dyepack.sources.live.head.follower import Follower, Limits
from tests.anvil import Anvil, anvil

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("anvil")]

TO = "0x" + "22" * 20


@asynccontextmanager
async def heads(url: str, evidence: Evidence | None = None) -> AsyncIterator[tuple[EvmHeads, Fetcher]]:
    async with Fetcher(Endpoint.parse(f"evm+{url}", allow=("127.0.0.1",)), evidence) as fetcher:
        source = EvmHeads(fetcher)
        await source.open()
        yield source, fetcher


def pay(node: Anvil, *values: int) -> None:
    """One block a value, with one payment of it."""
    for value in values:
        node.send(node.accounts[0], TO, value)
        node.mine()


def received(store: BlockStore) -> int:
    """What the store says that was paid."""
    moves = [move for block in store.blocks() for tx in block.transactions for move in tx.moves]
    return sum(move.units for move in moves if move.receiver == TO and move.kind == MoveKind.VALUE)


def chain_of(node: Anvil) -> list[tuple[int, str]]:
    return [
        (n, node.rpc("eth_getBlockByNumber", hex(n), False)["hash"]) for n in range(1, node.number() + 1)
    ]  # fmt: skip


async def caught_up(follower: Follower) -> list[Event]:
    """Step until two polls bring nothing."""
    events: list[Event] = []
    quiet = 0
    while quiet < 2:
        event = await follower.step()
        quiet = 0 if event else quiet + 1
        events += [event] if event else []
    return events


async def rebuilt(url: str, folder: Path) -> str:
    """The state of a fresh rebuild."""
    async with heads(url) as (source, _):
        with BlockStore(folder / "fresh.sqlite") as store, EventLog(folder / "fresh.jsonl") as log:
            await caught_up(Follower(source, store, log, Limits(depth=0), start=1))
            return store.state_hash()


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_node_that_reorganises_is_followed(scheme: str, tmp_path: Path) -> None:
    async def run(node: Anvil) -> None:
        async with heads(node.url if scheme == "http" else node.ws) as (source, _):
            with BlockStore(tmp_path / "it.sqlite") as store, EventLog(tmp_path / "it.jsonl") as log:
                follower = Follower(source, store, log, Limits(depth=0, patience=2), start=1)
                pay(node, 1, 20, 300)
                (first,) = await caught_up(follower)
                assert (first.kind, received(store)) == ("commit", 321)
                node.reorg(2, [({"from": node.accounts[0], "to": TO, "value": hex(4000)}, 0)])
                (second,) = await caught_up(follower)
                assert (second.kind, [b.number for b in second.reverted]) == ("reorg", [3, 2])
                pay(node, 50_000)
                (third,) = await caught_up(follower)
                assert third.kind == "commit"
                assert received(store) == node.balance(TO) == 54_001
                assert [(b.ref.number, b.ref.hash) for b in store.blocks()] == chain_of(node)
                assert store.state_hash() == await rebuilt(node.url, tmp_path)

    with anvil() as node:
        asyncio.run(run(node))


def test_new_heads_wake_the_follower(tmp_path: Path) -> None:
    """With polls an hour apart, only announcements can bring the blocks, those after a reorganisation too."""

    async def run(node: Anvil) -> None:
        async with heads(node.ws) as (source, fetcher), NewHeads(fetcher) as waker:
            with BlockStore(tmp_path / "it.sqlite") as store, EventLog(tmp_path / "it.jsonl") as log:
                told: asyncio.Queue[Event] = asyncio.Queue()
                follower = Follower(source, store, log, Limits(depth=0), start=1, deliver=told.put_nowait)
                await asyncio.to_thread(pay, node, 1)
                following = asyncio.create_task(follower.follow(interval=3600.0, waker=waker))
                async with asyncio.timeout(60):
                    assert (await told.get()).kind == "commit"
                    while told.empty():  # until the subscription stands
                        await asyncio.to_thread(pay, node, 20)
                        await asyncio.sleep(0.2)
                    await asyncio.to_thread(pay, node, 300, 4000)
                    while store.tip() is None or len(chain_of(node)) != len(list(store.blocks())):
                        await told.get()
                    await asyncio.to_thread(node.reorg, 2, [])
                    while (event := await told.get()).kind == "commit":
                        pass
                    assert event.kind in {"reorg", "revert"}
                    while [(b.ref.number, b.ref.hash) for b in store.blocks()] != chain_of(node):
                        await told.get()
                assert received(store) == node.balance(TO) > 1
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                assert store.state_hash() == await rebuilt(node.url, tmp_path)

    with anvil() as node:
        asyncio.run(run(node))


def test_a_waker_whose_node_went_says_so(tmp_path: Path) -> None:
    async def run(node: Anvil) -> None:
        async with heads(node.ws) as (_, fetcher), NewHeads(fetcher) as waker:
            waiting = asyncio.create_task(waker.wait())
            await asyncio.sleep(0.3)
            node.process.kill()
            with pytest.raises(SourceError):
                await asyncio.wait_for(waiting, 30)

    with anvil() as node:
        asyncio.run(run(node))


def test_an_orphaned_block_is_refused_and_a_case_that_cites_it_is_told(tmp_path: Path) -> None:
    async def run(node: Anvil) -> None:
        async with Fetcher(Endpoint.parse(f"evm+{node.url}", allow=("127.0.0.1",))) as fetcher:
            plain = SourceView(EvmSource(fetcher), "any source")
            assert (await check_cited({0: (await plain.head()).hash, 9: "0x"}, plain)).unknown == (9,)
        with Evidence(tmp_path / "evidence") as evidence:
            async with heads(node.url, evidence) as (source, _):
                pay(node, 1, 20, 300)
                old = await source.block(3)
                assert old is not None
                assert [tx.block_hash for tx in await source.moves(old)] == [old.hash, old.hash]
                cited = dict(chain_of(node))
                assert (await check_cited(cited, source)).holds
                node.reorg(2, [({"from": node.accounts[0], "to": TO, "value": hex(4000)}, 0)])
                with pytest.raises(SourceError):
                    await source.moves(old)
                check = await check_cited(cited, source)
                assert [block.number for block in check.orphaned] == [2, 3]
                assert dict(chain_of(node))[3] in check.note()

    with anvil() as node:
        asyncio.run(run(node))
