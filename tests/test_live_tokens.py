"""Tokens that lie, tax, grow, vanish or have no name: every one classed, none believed against its balances."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from dyepack.errors import quoted
from dyepack.sources.blocks import Window
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.reconcile import Difference, adds_up, difference
from dyepack.sources.live.source import History, LiveTransaction, Wanted
from tests.anvil import anvil
from tests.tokens import HOSTILE, Case, Scene, build

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("anvil")]

NAMES = [
    "ordinary", "symbol in bytes32", "decimals 0", "decimals 255", "decimals past a byte", "says nothing of itself",
    "empty symbol", "hostile symbol", "past 128 bits", "fee on transfer, shown", "fee on transfer, hidden", "rebasing",
    "phony", "zero value, forged sender", "destroyed by its issuer", "collectible", "event without topics",
    "wrapped, no transfer", "vault, no transfer", "wrapped, said twice", "not a wrapper",
]  # fmt: skip


Told = dict[str, tuple[History, dict[str, LiveTransaction]]]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with anvil() as node:
        yield build(node)


@pytest.fixture(scope="module")
def told(scene: Scene) -> Told:
    """By fixture: the holder's history of its token, and every transaction of it, as the source tells them."""

    async def go() -> Told:
        found: Told = {}
        async with fetcher(scene) as asking:
            source = await opened(asking)
            for name, case in scene.cases.items():
                wanted = Wanted(scene.who, case.token)
                [history] = await source.histories([wanted], Window(case.first, case.last), 1_000)
                answer = await source.transactions(list(dict.fromkeys([*case.txids, *history.txids])))
                known = {txid: one for txid, one in answer.items() if isinstance(one, LiveTransaction)}
                assert len(known) == len(answer)
                found[name] = history, known
        return found

    return asyncio.run(go())


async def opened(fetcher: Fetcher) -> EvmSource:
    source = EvmSource(fetcher)
    await source.open()
    await source.head(0)
    return source


def fetcher(scene: Scene) -> Fetcher:
    return Fetcher(Endpoint.parse(f"evm+{scene.node.url}", allow=("127.0.0.1",)))


def test_there_is_a_fixture_for_every_name(scene: Scene) -> None:
    assert list(scene.cases) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_transactions_show_just_the_moves_of_the_token(scene: Scene, told: Told, name: str) -> None:
    case = scene.cases[name]
    _, transactions = told[case.name]
    moves = [m for txid in case.txids for m in transactions[txid].moves if m.asset == case.token]
    assert [(m.sender, m.receiver, m.units) for m in moves] == case.moves
    left_out = sum((Counter(transactions[txid].left_out) for txid in case.txids), Counter[str]())
    assert left_out == case.left_out
    assert not any(transactions[txid].partial for txid in case.txids)


@pytest.mark.parametrize("name", NAMES)
def test_asset_is_called_what_its_contract_says(scene: Scene, name: str) -> None:
    case = scene.cases[name]

    async def go() -> None:
        async with fetcher(scene) as asking:
            source = await opened(asking)
            asset = (await source.assets([case.token]))[case.token]
        assert asset.decimals == case.decimals
        if case.symbol == HOSTILE:
            assert HOSTILE.startswith(asset.symbol)
            assert len(asset.symbol) <= 256
            assert "\x1b" not in quoted(asset.symbol)
        else:
            assert asset.symbol == case.symbol

    asyncio.run(go())


@pytest.mark.parametrize("name", [n for n in NAMES if n != "collectible"])
def test_holding_adds_up_just_where_the_moves_are_true(scene: Scene, told: Told, name: str) -> None:
    case = scene.cases[name]
    history, transactions = told[case.name]
    assert (history.opening, history.closing) == (0, case.true)
    assert adds_up(history, transactions) == (case.told(scene.who) == case.true)


def differing(scene: Scene, told: Told, case: Case) -> Difference:
    history, transactions = told[case.name]

    async def go() -> Difference:
        async with fetcher(scene) as asking:
            return await difference(await opened(asking), history, transactions, "native")

    return asyncio.run(go())


def test_hidden_fee_is_found_in_the_transaction_that_took_it(scene: Scene, told: Told) -> None:
    case = scene.cases["fee on transfer, hidden"]
    found = differing(scene, told, case)
    assert found.adjustments == {case.txids[1]: -100}
    assert not found.phony
    assert not found.reason


def test_rebase_is_found_between_the_transactions(scene: Scene, told: Told) -> None:
    case = scene.cases["rebasing"]
    found = differing(scene, told, case)
    assert found.adjustments == {case.last - 1: 1_000}
    assert not found.phony
    assert not found.reason


def test_phony_transfers_are_known_by_balances_that_stand_still(scene: Scene, told: Told) -> None:
    """A payment and its forged onward payment cancel out in one transaction; each alone is seen through."""
    case = scene.cases["phony"]
    history, transactions = told[case.name]
    for keep in (0, 1):
        [txid] = case.txids
        whole = transactions[txid]
        token = [m for m in whole.moves if m.asset == case.token]
        half = LiveTransaction(txid, whole.block, whole.block_hash, whole.index, whole.time, [token[keep]])

        async def go(half: LiveTransaction = half, txid: str = txid) -> Difference:
            async with fetcher(scene) as asking:
                return await difference(await opened(asking), history, {txid: half}, "native")

        assert asyncio.run(go()).phony


def test_coin_that_moves_without_a_standard_event_does_not_add_up(scene: Scene, told: Told) -> None:
    found = differing(scene, told, scene.cases["event without topics"])
    assert found.reason or found.adjustments
