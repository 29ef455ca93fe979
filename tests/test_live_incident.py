"""The scripted theft on a real node: the script's truth against the chain, and dyepack's trace against the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dyepack.case.cited import CitedCheck, check_cited
from dyepack.case.folder import Case
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.head.evm import EvmHeads
from dyepack.sources.live.source import LiveTransaction
from tests.anvil import Anvil, anvil
from tests.bookkeeper import NATIVE, Books, Fee, Move, Swap
from tests.contracts import call, numbers
from tests.etherscan_server import KEY, EtherscanServer
from tests.evm_moves import FEE, NOBODY, extract_moves
from tests.incident import ACCOUNTS, GENESIS, Incident, play
from tests.live_case import Traced, shown, totals, trace

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("anvil")]

RULES = ["fifo", "haircut"]


def test_chain_shows_the_moves_that_the_script_meant_and_no_others(node: Anvil, incident: Incident) -> None:
    seen = [move for move in extract_moves(node, 0, incident.last) if move.asset != incident.who["phony"]]
    shown = Counter((m.txid, m.sender, m.receiver, m.asset, m.units) for m in seen if m.kind != FEE)
    meant = Counter((txid, m.giver, m.receiver or NOBODY, m.asset, m.units) for txid, m in incident.moves())
    assert shown == meant
    assert len(meant) > 400


def test_fees_of_the_script_are_those_of_the_chain(node: Anvil, incident: Incident) -> None:
    shown = [(m.txid, m.sender, m.units) for m in extract_moves(node, 0, incident.last) if m.kind == FEE]
    booked = [
        (done.txid, event.payer, event.units)
        for block in incident.blocks
        for done in block
        for event in done.events
        if isinstance(event, Fee)
    ]
    assert shown == booked


def test_adapter_shows_the_moves_that_the_extractor_reads_by_hand(node: Anvil, incident: Incident) -> None:
    """Every transaction of the chain, with kinds and indexes, by two programs that share nothing."""
    txids = [done.txid for block in incident.blocks for done in block]

    async def go() -> dict[str, LiveTransaction | str]:
        async with Fetcher(Endpoint.parse(f"evm+{node.url}", allow=("127.0.0.1",))) as fetcher:
            source = EvmSource(fetcher)
            await source.open()
            return await source.transactions(txids)

    found = asyncio.run(go())
    shown = [
        (one.block, one.index, m.kind, m.index, txid, m.sender, m.receiver, m.asset, m.units)
        for txid, one in found.items()
        if isinstance(one, LiveTransaction)
        for m in one.moves
    ]
    assert sorted(shown) == [tuple(seen) for seen in extract_moves(node, 0, incident.last)]
    left_out: Counter[str] = Counter()
    for one in found.values():
        assert isinstance(one, LiveTransaction)
        assert not one.partial
        left_out.update(one.left_out)
    assert left_out == {"failed": 1, "zero_value": 1, "forged_sender": 1, "nft": 2}


@pytest.mark.parametrize("rule", RULES)
def test_every_balance_of_the_bookkeeper_is_the_chains(node: Anvil, incident: Incident, rule: str) -> None:
    books = incident.books(rule)
    for place, asset in books.held:
        if asset == NATIVE:
            there = node.balance(place)
        else:
            there = numbers(node.call(asset, call("balanceOf(address)", place)))[0]
        assert there == books.balance(place, asset), (place, asset)
    assert len(books.held) > 300


@pytest.mark.parametrize("rule", RULES)
def test_truth_has_every_kind_of_end(incident: Incident, rule: str) -> None:
    truth = incident.truth(rule)
    assert {why for _, _, why in truth} == {"held", "service", "burnt", "fee", "returned", "destroyed"}
    assert len(truth) > 200
    assert {leg for legs in truth.values() for leg in legs} == {1, 2, 3}
    assert all(units > 0 for legs in truth.values() for units in legs.values())


def test_script_gives_the_same_chain_each_time(node: Anvil, incident: Incident) -> None:
    seen: list[str] = []
    with anvil(GENESIS, ACCOUNTS) as other:
        again = play(other, lambda _: seen.extend(other.rpc("eth_getBlockByNumber", "latest", False)["transactions"]))
        assert other.rpc("eth_getBlockByNumber", "latest", False) == node.rpc("eth_getBlockByNumber", "latest", False)
    assert again == incident
    assert seen == incident.orphaned_txids[-1:]
    for txid in incident.orphaned_txids:
        assert node.rpc("eth_getTransactionReceipt", txid) is None
    for hash_ in incident.orphaned_blocks:
        assert node.rpc("eth_getBlockByHash", hash_, False) is None


def test_theft_file_and_tags_can_be_read(incident: Incident, tmp_path_factory: pytest.TempPathFactory) -> None:
    from dyepack.tags.load import load
    from dyepack.tracing.theft import read_theft

    theft, tags = incident.write(tmp_path_factory.mktemp("incident"))
    assert [leg.name for leg in read_theft(theft).legs] == ["ETH", "USDT", "FEE"]
    assert len(load(tags).tags) == 5


def test_bookkeeper_agrees_with_the_worked_example_of_an_exchanged_product() -> None:
    """1,000 stolen, then 500 clean; 900 of them are swapped for 300,000 units: fifo all dyed, haircut two thirds."""
    for rule, dyed in (("fifo", 300_000), ("haircut", 200_000)):
        books = Books(rule, {})
        legs = Move("w", "p", "usdt", 900), Move("p", "w", NATIVE, 300_000)
        books.keep([
            Move("", "v", "usdt", 1_000), Move("", "c", "usdt", 500), Move("", "p", NATIVE, 300_000),
            Move("v", "w", "usdt", 1_000, 1), Move("c", "w", "usdt", 500),
            Swap("w", "usdt", 900, NATIVE, 300_000, legs),
        ])  # fmt: skip
        books.prove()
        assert books.ends()["w", NATIVE, "held"] == {1: dyed}


@pytest.fixture(scope="module")
def traced(node: Anvil, incident: Incident, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """The theft traced live by the command line."""
    return trace(f"evm+{node.url}", incident, tmp_path_factory.mktemp("live"))


@pytest.mark.parametrize("rule", RULES)
def test_live_trace_equals_the_truth_to_the_wei(incident: Incident, traced: Traced, rule: str) -> None:
    assert traced.totals(rule) == totals(incident.truth(rule))
    assert (traced.code, traced.complete()) == (0, True)


def test_live_trace_over_a_web_socket_equals_it_too(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    by_socket = trace(f"evm+{node.ws}", incident, tmp_path)
    assert by_socket.totals("fifo") == totals(incident.truth("fifo"))


@pytest.mark.parametrize("rule", RULES)
def test_legs_of_the_headline_rule_equal_the_truth(
    node: Anvil, incident: Incident, traced: Traced, tmp_path: Path, rule: str
) -> None:
    again = trace(f"evm+{node.url}", incident, tmp_path, "--rule", rule)
    assert again.by_leg() == shown(incident.truth(rule))


def test_same_trace_offline_gives_the_same_bytes(incident: Incident, tmp_path: Path) -> None:
    """The node is gone: nothing but the evidence is left."""
    with anvil(GENESIS, ACCOUNTS) as other:
        again = play(other)
        url = f"evm+{other.url}"
        before = trace(url, again, tmp_path).files()
    after = trace(url, again, tmp_path, "--offline")
    assert after.code == 0
    assert after.files() == before
    assert len(before) > 20


@pytest.mark.slow
def test_same_chain_through_an_explorer_gives_the_same_statement(
    node: Anvil, incident: Incident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API of Etherscan's shape, with a key; also held against the node as a second source."""
    monkeypatch.setenv("TEST_ETHERSCAN_KEY", KEY)
    with EtherscanServer(node) as server:
        explored = trace(server.source, incident, tmp_path, "--check-with", f"evm+{node.url}")
    for rule in RULES:
        assert explored.totals(rule) == totals(incident.truth(rule))
    assert (explored.code, explored.complete()) == (0, True)
    for path in explored.case.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def cited_now(case: Path, url: str) -> CitedCheck:
    """The blocks that a case cites, held against the chain as it stands."""
    cited = Case(case).cited()

    async def go() -> CitedCheck:
        async with Fetcher(Endpoint.parse(url, allow=("127.0.0.1",))) as fetcher:
            heads = EvmHeads(fetcher)
            await heads.open()
            return await check_cited(cited, heads)

    return asyncio.run(go())


@pytest.mark.slow
def test_case_of_the_branch_that_fell_is_true_to_it_and_known_to_be_orphaned(tmp_path: Path) -> None:
    """Traced before the reorganisation and after it: each case is its branch's truth, the first cites what fell."""
    fell: list[tuple[Incident, Traced]] = []
    with anvil(GENESIS, ACCOUNTS) as other:
        url = f"evm+{other.url}"
        again = play(other, lambda so_far: fell.append((so_far, trace(url, so_far, tmp_path / "fell"))))
        stands = trace(url, again, tmp_path / "stands")
        checks = cited_now(fell[0][1].case, url), cited_now(stands.case, url)
    [(so_far, old)] = fell
    assert old.totals("fifo") == totals(so_far.truth("fifo"))
    assert stands.totals("fifo") == totals(again.truth("fifo"))
    assert sorted(block.hash for block in checks[0].orphaned) == sorted(again.orphaned_blocks)
    assert len(again.orphaned_blocks) == 2
    assert checks[1].holds
    assert checks[1].checked > 40
    before = old.files()
    assert trace(url, so_far, tmp_path / "fell", "--offline").files() == before
