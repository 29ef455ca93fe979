"""The contract of `AccountSource`: one suite that every adapter passes, against one chain and a reading made by hand.

An adapter is a row of `ADAPTERS`: how its server is started on the world, and what it cannot do (`gaps`: the name of
a test and the reason; such a test must fail, so that a gap that closes is noticed).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset
from dyepack.sources.blocks import Window
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.explorer.source import EtherscanSource
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.source import AccountSource, History, LiveTransaction, Wanted
from tests.anvil import ETHER, anvil
from tests.etherscan_server import KEY, EtherscanServer
from tests.evm_moves import Seen, extract_moves
from tests.evm_world import World, build

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("anvil")]

T = TypeVar("T")
NATIVE = "native"
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter: `serve` starts what it asks and says where, `make` is its entry point."""

    name: str
    serve: Callable[[World], AbstractContextManager[str]]
    make: Callable[[Fetcher], AccountSource]
    gaps: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def _http(world: World) -> Iterator[str]:
    yield f"evm+{world.node.url}"


@contextmanager
def _websocket(world: World) -> Iterator[str]:
    yield f"evm+{world.node.ws}"


@contextmanager
def _explorer(world: World) -> Iterator[str]:
    with EtherscanServer(world.node) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_ETHERSCAN_KEY", KEY)
        yield server.source


_NOW_ONLY = "explorers tell balances of now only"

ADAPTERS = [
    Adapter("evm over HTTP", _http, EvmSource),
    Adapter("evm over WebSocket", _websocket, EvmSource),
    Adapter(
        "etherscan",
        _explorer,
        EtherscanSource,
        {
            "test_balances_at_past_blocks": _NOW_ONLY,
            "test_openings_and_closings_are_balances": _NOW_ONLY,
        },
    ),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with anvil() as node:
        yield build(node)


@pytest.fixture(scope="module")
def truth(world: World) -> list[Seen]:
    return extract_moves(world.node, 0, world.last)


def every_adapter(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for each adapter; for one that declares a gap it must fail."""
    rows = [
        pytest.param(
            adapter,
            id=adapter.name.replace(" ", "-"),
            marks=[pytest.mark.xfail(reason=adapter.gaps[test.__name__], strict=True)]
            if test.__name__ in adapter.gaps
            else [],
        )
        for adapter in ADAPTERS
    ]
    marked: Callable[..., None] = pytest.mark.parametrize("adapter", rows)(test)
    return marked


def test_gaps_name_tests() -> None:
    for adapter in ADAPTERS:
        assert set(adapter.gaps) <= set(globals()), adapter.name


def ask(adapter: Adapter, world: World, question: Callable[[AccountSource], Awaitable[T]]) -> T:
    """Start the adapter's server, open the adapter, put a question to it, close both."""
    with adapter.serve(world) as text:
        return asyncio.run(put(adapter, text, question))


async def put(
    adapter: Adapter,
    text: str,
    question: Callable[[AccountSource], Awaitable[T]],
    evidence: Evidence | None = None,
    *,
    offline: bool = False,
) -> T:
    """Open the adapter on what stands at `text`, put a question to it, close it."""
    async with Fetcher(Endpoint.parse(text, allow=("127.0.0.1",)), evidence, offline=offline) as fetcher:
        source = adapter.make(fetcher)
        await source.open()
        answer = await question(source)
        assert not offline or fetcher.asked.requests == 0
        return answer


def touching(truth: list[Seen], wanted: Wanted, first: int, last: int) -> list[str]:
    """Ids of transactions that move units of a holding, in chain order."""
    found = [
        move.txid
        for move in truth
        if move.asset == wanted.asset and wanted.address in {move.sender, move.receiver} and first <= move.block <= last
    ]
    return list(dict.fromkeys(found))


def change(truth: list[Seen], wanted: Wanted, last: int) -> int:
    return sum(
        move.units * ((move.receiver == wanted.address) - (move.sender == wanted.address))
        for move in truth
        if move.asset == wanted.asset and move.block <= last
    )


def moving(histories: list[History], transactions: Mapping[str, LiveTransaction | str]) -> list[list[str]]:
    """The ids of each history that move units of its holding."""
    return [
        [
            txid
            for txid in history.txids
            if any(
                move.asset == history.wanted.asset and history.wanted.address in {move.sender, move.receiver}
                for move in whole(transactions[txid]).moves
            )
        ]
        for history in histories
    ]


def whole(found: LiveTransaction | str) -> LiveTransaction:
    assert isinstance(found, LiveTransaction), found
    return found


def holdings(world: World, *assets: str) -> list[Wanted]:
    keys = [NATIVE if name == NATIVE else world.contracts[name] for name in assets]
    return [Wanted(person, key) for person in world.people for key in keys]


@every_adapter
def test_it_says_what_it_is(adapter: Adapter, world: World) -> None:
    async def question(source: AccountSource) -> None:
        assert isinstance(source, AccountSource)
        assert source.chain
        assert source.native.key == NATIVE
        assert source.native.decimals == 18
        assert all(note == note.strip() and note for note in source.can.notes)

    ask(adapter, world, question)


@every_adapter
def test_head_has_depth_blocks_on_it(adapter: Adapter, world: World) -> None:
    for depth in (0, 5):
        head = ask(adapter, world, lambda source, depth=depth: source.head(depth))  # type: ignore[misc]
        told = world.node.rpc("eth_getBlockByNumber", hex(world.last - depth), False)
        assert (head.number, head.hash, head.parent) == (world.last - depth, told["hash"], told["parentHash"])
        assert head.time == int(told["timestamp"], 16)


@every_adapter
def test_blocks_are_linked_and_end_at_the_head(adapter: Adapter, world: World) -> None:
    blocks = ask(adapter, world, lambda source: source.blocks([*range(1, world.last + 1), world.last + 7]))
    assert sorted(blocks) == list(range(1, world.last + 1))
    assert all(blocks[n].parent == blocks[n - 1].hash for n in range(2, world.last + 1))
    assert all(blocks[n].time > blocks[n - 1].time for n in range(2, world.last + 1))


@every_adapter
def test_whole_transactions_hold_every_move_once(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    ids = list(dict.fromkeys(move.txid for move in truth))
    found = ask(adapter, world, lambda source: source.transactions(ids))
    told = Counter(
        (one.block, one.index, move.kind, txid, move.sender, move.receiver, move.asset, move.units)
        for txid, one in ((txid, whole(found[txid])) for txid in ids)
        for move in one.moves
    )
    assert told == Counter((m.block, m.tx_index, m.kind, m.txid, m.sender, m.receiver, m.asset, m.units) for m in truth)
    assert not {one.partial for one in map(whole, found.values())} - {""}


@every_adapter
def test_moves_have_the_numbers_of_an_import(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    found = ask(adapter, world, lambda source: source.transactions([move.txid for move in truth]))
    told = {(txid, move.kind, move.index) for txid, one in found.items() for move in whole(one).moves}
    assert told == {(move.txid, move.kind, move.rank) for move in truth}


@every_adapter
def test_identities_of_moves_differ_inside_a_transaction(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    found = ask(adapter, world, lambda source: source.transactions([move.txid for move in truth]))
    for one in map(whole, found.values()):
        assert len({(move.kind, move.index) for move in one.moves}) == len(one.moves)


@every_adapter
def test_blocks_of_transactions_are_named_by_hash(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    found = ask(adapter, world, lambda source: source.transactions([move.txid for move in truth]))
    for one in map(whole, found.values()):
        told = world.node.rpc("eth_getBlockByNumber", hex(one.block), False)
        assert (one.block_hash, one.time) == (told["hash"], int(told["timestamp"], 16))


@every_adapter
def test_a_transaction_that_nobody_knows_has_a_reason(adapter: Adapter, world: World) -> None:
    unknown = "0x" + "ab" * 32
    found = ask(adapter, world, lambda source: source.transactions([unknown]))
    assert isinstance(found[unknown], str)
    assert found[unknown]


@every_adapter
def test_a_failed_transaction_pays_its_fee_only(adapter: Adapter, world: World) -> None:
    txid = world.named["failed"]
    one = whole(ask(adapter, world, lambda source: source.transactions([txid]))[txid])
    assert [move.kind for move in one.moves] == [int(MoveKind.FEE)]
    assert one.left_out == {"failed": 1}


@every_adapter
def test_what_moves_nothing_is_counted(adapter: Adapter, world: World) -> None:
    forged, nft = world.named["forged"], world.named["nft"]
    found = ask(adapter, world, lambda source: source.transactions([forged, nft]))
    assert whole(found[forged]).left_out == {"zero_value": 1, "forged_sender": 1}
    assert whole(found[nft]).left_out == {"nft": 1}
    assert not [m for one in found.values() for m in whole(one).moves if m.kind != int(MoveKind.FEE)]


def _histories_fit(adapter: Adapter, world: World, truth: list[Seen], wanted: list[Wanted], window: Window) -> None:
    async def question(source: AccountSource) -> tuple[list[History], dict[str, LiveTransaction | str]]:
        found = await source.histories(wanted, window, MANY)
        return found, await source.transactions([txid for one in found for txid in one.txids])

    histories, transactions = ask(adapter, world, question)
    assert [history.wanted for history in histories] == wanted
    assert [history.partial for history in histories] == [""] * len(wanted)
    told = moving(histories, transactions)
    assert told == [touching(truth, one, window.first, window.last) for one in wanted]


@every_adapter
def test_histories_of_the_coin_are_whole(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    _histories_fit(adapter, world, truth, holdings(world, NATIVE), Window(0, world.last))


@every_adapter
def test_histories_of_contracts_are_whole(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    wanted = [Wanted(contract, NATIVE) for contract in world.contracts.values()]
    _histories_fit(adapter, world, truth, wanted, Window(0, world.last))


@every_adapter
def test_histories_of_tokens_are_whole(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    wanted = holdings(world, "Token", "WETH9", "Vault", "Bytes32Symbol")
    _histories_fit(adapter, world, truth, wanted, Window(0, world.last))


@every_adapter
def test_what_an_issuer_destroyed_is_in_the_history(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    _histories_fit(adapter, world, truth, holdings(world, "UsdtLike")[1:], Window(0, world.last))


@every_adapter
def test_windows_hold_their_first_and_last_block(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    wanted = holdings(world, NATIVE, "Token")
    busy = sorted({move.block for move in truth})
    for first, last in zip(busy[2::4], busy[5::4], strict=False):
        _histories_fit(adapter, world, truth, wanted, Window(first, last))


@every_adapter
def test_a_long_history_is_cut_and_says_so(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    wanted = Wanted(world.people[0], NATIVE)
    (history,) = ask(adapter, world, lambda source: source.histories([wanted], Window(0, world.last), 5))
    assert history.partial
    assert history.txids == touching(truth, wanted, 0, world.last)[: len(history.txids)]
    assert len(history.txids) <= 5


@every_adapter
def test_balances_at_past_blocks(adapter: Adapter, world: World) -> None:
    asked = [(wanted, block) for wanted in holdings(world, NATIVE, "Token") for block in (1, 14, 19, world.last)]
    told = ask(adapter, world, lambda source: source.balances(asked))
    for (wanted, block), units in zip(asked, told, strict=True):
        if wanted.asset == NATIVE:
            assert units == world.node.balance(wanted.address, block)
    assert told[-1] is not None


@every_adapter
def test_openings_and_closings_are_balances(adapter: Adapter, world: World, truth: list[Seen]) -> None:
    wanted = holdings(world, NATIVE, "Token", "WETH9")
    first, last = 14, world.last - 2
    histories = ask(adapter, world, lambda source: source.histories(wanted, Window(first, last), MANY))
    for history in histories:
        genesis = 10**6 * ETHER if history.wanted == Wanted(world.people[0], NATIVE) else 0
        assert history.opening == genesis + change(truth, history.wanted, first - 1)
        assert history.closing == genesis + change(truth, history.wanted, last)


@every_adapter
def test_tokens_are_called_what_they_call_themselves(adapter: Adapter, world: World) -> None:
    made = world.contracts
    keys = [made[name] for name in ("Token", "Bytes32Symbol", "Decimals255", "Silent")]
    found = ask(adapter, world, lambda source: source.assets([*keys, NATIVE]))
    assert found[made["Token"]] == Asset(made["Token"], "TOK", 6)
    assert found[made["Bytes32Symbol"]] == Asset(made["Bytes32Symbol"], "MKR", 18)
    assert found[made["Decimals255"]].decimals is None
    assert found[made["Silent"]] == Asset(made["Silent"], made["Silent"], None)
    assert found[NATIVE].decimals == 18


@every_adapter
def test_asked_again_without_the_network_it_answers_the_same(adapter: Adapter, world: World, tmp_path: Path) -> None:
    wanted = holdings(world, NATIVE, "Token", "WETH9")

    async def question(source: AccountSource) -> object:
        head = await source.head(2)
        histories = await source.histories(wanted, Window(0, head.number), MANY)
        transactions = await source.transactions([txid for one in histories for txid in one.txids])
        return source.chain, head, histories, transactions, await source.assets([one.asset for one in wanted])

    with adapter.serve(world) as text, Evidence(tmp_path) as evidence:
        online = asyncio.run(put(adapter, text, question, evidence))
        digest = evidence.digest()
    with Evidence(tmp_path, write=False) as evidence:
        assert asyncio.run(put(adapter, text, question, evidence, offline=True)) == online
        assert evidence.digest() == digest
