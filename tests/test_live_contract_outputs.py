"""What every live source of outputs must do, each adapter held to the same chain: the contract of OutputSource.

What an adapter says it cannot do is an expected failure with its reason: a gap that closes fails the suite too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dyepack.ledger.utxo.schema import RawTransactions
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.blocks import BlockRef, Window
from dyepack.sources.live.bitcoin.core_rest import CoreRest
from dyepack.sources.live.bitcoin.core_rpc import CoreRpc
from dyepack.sources.live.bitcoin.esplora import Esplora
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import SourceError
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.source import OutputSource
from tests.bitcoin_servers import Chain, core_app, esplora_app, serving
from tests.blocks import Block, demo_chain, p2wpkh, plain_batches, plain_block, spend

TRUTH = demo_chain().truth
TIP = TRUTH.main[-1]
UNKNOWN = "ab" * 32
LAST_COIN = next(tx for tx in TRUTH.main[-50].txs if not tx.coinbase).coin(0)
WAITING = spend([LAST_COIN], [(LAST_COIN.value - 500, p2wpkh("nobody yet"))])
"""In no block; what it spends is unspent."""


@dataclass(frozen=True)
class Adapter:
    kind: str
    make: Callable[[Fetcher], OutputSource]
    app: Callable[[Chain], web.Application]
    path: str = ""
    node: dict[str, Any] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)

    def chain(self, main: list[Block] = TRUTH.main) -> Chain:
        return Chain(main, [WAITING], **self.node)


_NO_SPENDERS = "no node without -txospenderindex, and no REST interface, tells who spends an output"
_NO_IDS = "no node without -txindex finds transactions of blocks by their ids"
ADAPTERS = {
    "rpc": Adapter("core", CoreRpc, core_app),
    "rpc without indexes": Adapter("core", CoreRpc, core_app, node={"txindex": False, "spender_index": False},
                                   gaps={"ids": _NO_IDS, "spenders": _NO_SPENDERS}),
    "rest": Adapter("core-rest", CoreRest, core_app, gaps={"spenders": _NO_SPENDERS}),
    "rest before 30": Adapter("core-rest", CoreRest, core_app, node={"lists_spent": False},
                              gaps={"spenders": _NO_SPENDERS}),
    "esplora": Adapter("esplora", Esplora, esplora_app, "/api"),
}  # fmt: skip


def each(needs: str = "") -> pytest.MarkDecorator:
    """Every adapter; one that says it cannot do what is needed is expected to fail."""
    rows = []
    for name, adapter in ADAPTERS.items():
        gap = adapter.gaps.get(needs)
        marks = [pytest.mark.xfail(strict=True, reason=gap)] if gap else []
        rows.append(pytest.param(adapter, id=name, marks=marks))
    return pytest.mark.parametrize("adapter", rows)


def using(
    adapter: Adapter, ask: Callable[[OutputSource], Awaitable[Any]], *, chain: Chain | None = None,
    evidence: Path | None = None, offline: bool = False, at: str = "",
) -> Any:  # fmt: skip
    """What `ask` gives of an opened source; `at` is where an offline source was."""

    async def asked(place: str) -> Any:
        endpoint = Endpoint.parse(f"{adapter.kind}+http://{place}{adapter.path}#rate=0", allow=("127.0.0.1",))
        kept = Evidence(evidence, write=not offline) if evidence else None
        try:
            async with Fetcher(endpoint, kept, offline=offline) as fetcher:
                source = adapter.make(fetcher)
                await source.open()
                return await ask(source)
        finally:
            if kept:
                kept.close()

    async def served() -> Any:
        if at:
            return await asked(at)
        async with serving(adapter.app(chain or adapter.chain())) as place:
            return await asked(place)

    return asyncio.run(served())


def contents(imported: BitcoinImport) -> dict[str, Any]:
    """Transactions by id, without their place in the block."""
    for batch in imported.batches:
        _renumber(batch)
    return {tx[0]: (block[:3], tx) for block in plain_batches(imported.batches) for tx in block[3]}


def _renumber(batch: RawTransactions) -> None:
    places: dict[int, int] = {}
    for tx, block in enumerate(batch.tx_block.tolist()):
        batch.tx_index[tx] = places.get(block, 0)
        places[block] = places.get(block, 0) + 1


TRUE = {tx[0]: (block[:3], tx) for block in map(plain_block, TRUTH.main) for tx in block[3]}


@each()
def test_says_what_it_is(adapter: Adapter) -> None:
    async def ask(source: OutputSource) -> None:
        assert isinstance(source, OutputSource)
        assert (source.chain, source.network) == ("bitcoin", "regtest")
        assert source.can.spenders == ("spenders" not in adapter.gaps)
        assert source.can.spenders or any("whole blocks" in note for note in source.can.notes)

    using(adapter, ask)


@each()
@pytest.mark.parametrize("depth", [0, 6, TIP.height])
def test_the_head_leaves_blocks_on_it(adapter: Adapter, depth: int) -> None:
    block = TRUTH.main[-1 - depth]
    parent = block.prev if block.height else ""
    found = using(adapter, lambda source: source.head(depth))
    assert found == BlockRef(block.height, block.hash, parent, block.time)


@each()
def test_blocks_by_height(adapter: Adapter) -> None:
    """Beside the protocol: whether blocks that a case cites still stand."""
    found = using(adapter, lambda source: source.blocks([0, 117, TIP.height, TIP.height + 1]))
    assert {number: ref.hash for number, ref in found.items()} == {
        number: TRUTH.main[number].hash for number in (0, 117, TIP.height)
    }


@each()
def test_no_head_so_deep(adapter: Adapter) -> None:
    with pytest.raises(SourceError, match="has blocks up to 330 only"):
        using(adapter, lambda source: source.head(TIP.height + 1))


@each("ids")
def test_the_height_of_a_transaction_is_told(adapter: Adapter) -> None:
    txids = [TRUTH.one("split").txid, TRUTH.main[7].txs[0].txid]

    async def ask(source: OutputSource) -> list[int]:
        return [await source.height(txid) for txid in txids]

    assert using(adapter, ask) == [114, 7]


@each()
@pytest.mark.parametrize("txid", [UNKNOWN, WAITING.txid, "xyz", "../blocks/tip/height"])
def test_no_height(adapter: Adapter, txid: str) -> None:
    with pytest.raises(SourceError) as caught:
        using(adapter, lambda source: source.height(txid))
    assert caught.value.remedy


@each("ids")
def test_transactions_are_told_whole(adapter: Adapter) -> None:
    wanted = [*TRUTH.named["peel"][:30], TRUTH.one("coinjoin").txid, TRUTH.one("sweep").txid, TRUTH.main[9].txs[0].txid]

    async def ask(source: OutputSource) -> BitcoinImport:
        reasons = await source.transactions([*wanted, UNKNOWN, WAITING.txid, wanted[0], "xyz"])
        assert set(reasons) == {UNKNOWN, WAITING.txid, "xyz"}
        assert "no block holds" in reasons[WAITING.txid]
        assert all(reasons.values())
        assert await source.transactions(wanted[:3]) == {}
        return source.gathered()

    found = using(adapter, ask)
    assert contents(found) == {txid: TRUE[txid] for txid in wanted}
    assert not any(batch.contiguous for batch in found.batches)
    assert found.unspent == set()


@each()
@pytest.mark.parametrize("window", [Window(0, 5), Window(108, 145), Window(330, 330)])
def test_whole_blocks(adapter: Adapter, window: Window) -> None:
    async def ask(source: OutputSource) -> BitcoinImport:
        await source.whole_blocks(window)
        return source.gathered()

    found = using(adapter, ask)
    assert plain_batches(found.batches) == [plain_block(b) for b in TRUTH.main[window.first : window.last + 1]]
    assert all(batch.contiguous for batch in found.batches)
    assert found.unspent is None
    assert found.network == "regtest"


@each()
def test_no_blocks_past_the_head(adapter: Adapter) -> None:
    with pytest.raises(SourceError):
        using(adapter, lambda source: source.whole_blocks(Window(TIP.height - 1, TIP.height + 1)))


@each()
def test_each_transaction_once(adapter: Adapter) -> None:
    """A transaction that was fetched alone, then within its block, is there once, from the block."""
    split = TRUTH.one("split").txid

    async def ask(source: OutputSource) -> tuple[BitcoinImport, BitcoinImport]:
        await source.transactions([split])
        await source.whole_blocks(Window(113, 115))
        return source.gathered(), source.gathered()

    for found in using(adapter, ask):
        assert plain_batches(found.batches) == [plain_block(block) for block in TRUTH.main[113:116]]
        assert found.unspent is None


@each("spenders")
def test_every_spender_is_told_and_every_unspent_output(adapter: Adapter) -> None:
    chain = adapter.chain()
    outputs = [(tx.txid, n) for block in TRUTH.main[100:145] for tx in block.txs for n in range(len(tx.outputs))]
    truth = {c: (by.txid, chain.holder[by.txid].height) for c, (by, _) in chain.spender.items() if by is not WAITING}
    outputs.append((WAITING.inputs[0].txid, WAITING.inputs[0].index))

    async def ask(source: OutputSource) -> Any:
        return [await source.spenders(outputs, last) for last in (TIP.height, 120)]

    late, early = using(adapter, ask, chain=chain)
    assert late == {c: truth[c][0] if c in truth else None for c in outputs}
    assert early == {c: truth[c][0] if c in truth and truth[c][1] <= 120 else None for c in outputs}
    assert late != early


@each()
def test_what_nobody_can_tell_is_left_out(adapter: Adapter) -> None:
    async def ask(source: OutputSource) -> Any:
        return await source.spenders([(TRUTH.one("split").txid, 99), (UNKNOWN, 0)], TIP.height), source.gathered()

    told, found = using(adapter, ask)
    if adapter.kind == "core" and not adapter.gaps:
        # The index of a node does not say whether an output exists; the builder finds none and lets it be.
        assert set(told.values()) == {None}
        return
    assert told == {}
    assert set(found.gap_reasons) == {(TRUTH.one("split").txid, 99), (UNKNOWN, 0)}


@each()
def test_again_without_the_network(adapter: Adapter, tmp_path: Path) -> None:
    places: list[str] = []

    async def ask(source: Any) -> Any:
        places.append(f"{source.fetcher.endpoint.host}:{source.fetcher.endpoint.port}")
        head = await source.head(3)
        reasons = await source.transactions([TRUTH.one("split").txid, UNKNOWN])
        await source.whole_blocks(Window(116, 117))
        told = await source.spenders([(TRUTH.one("split").txid, 8)], head.number)
        return head, reasons, told, contents(source.gathered())

    online = using(adapter, ask, evidence=tmp_path / "evidence")
    again = using(adapter, ask, evidence=tmp_path / "evidence", offline=True, at=places[0])
    assert online == again
    with pytest.raises(SourceError, match="does not hold"):
        using(
            adapter, lambda s: s.whole_blocks(Window(9, 9)), evidence=tmp_path / "evidence", offline=True, at=places[0]
        )
