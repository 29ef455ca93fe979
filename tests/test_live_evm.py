"""The JSON-RPC adapter on a real node whose answers are spoiled on the way: nothing is lost without a word."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec
import pytest

from dyepack.ledger.schema import AFTER_TRANSACTIONS, MoveKind
from dyepack.sources.blocks import Window
from dyepack.sources.live.errors import BadAnswer, Reorganised, SourceError
from dyepack.sources.live.evm import history, listing
from dyepack.sources.live.evm.answers import decode_block
from dyepack.sources.live.evm.loading import block_id
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.fetch import Call, Fault
from dyepack.sources.live.source import History, LiveTransaction, Wanted
from tests.anvil import ETHER, anvil
from tests.contracts import call, contract
from tests.effort import examples
from tests.evm_moves import NOBODY, Seen, extract_moves
from tests.evm_world import Spoil, World, build, forgets, lacks, opened, rewrites, spoiled
from tests.faults import CONTENT, spoil_result

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("anvil")]

T = TypeVar("T")
NATIVE = "native"
MANY = 10_000
CROWD = 120
"""Transfers in one block: more than the smallest cap."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with anvil() as node:
        world = build(node)
        _crowd(world)
        yield world


def _crowd(world: World) -> None:
    """One token sent to one person 360 times in three blocks, and nobody's coins moved by it but fees."""
    node, giver = world.node, world.people[9]
    node.send(world.people[0], giver, ETHER)
    world.contracts["Coin"] = node.deploy(world.people[0], contract("Coin"))
    node.mine()
    node.send(world.people[0], world.contracts["Coin"], data=call("mint(address,uint256)", giver, 10**9))
    node.mine()
    for _ in range(3):
        for units in range(1, CROWD + 1):
            node.send(
                giver,
                world.contracts["Coin"],
                gas=100_000,
                data=call("transfer(address,uint256)", world.people[10], units),
            )
        node.mine()
    world.last = node.number()


@pytest.fixture(scope="module")
def truth(world: World) -> list[Seen]:
    return extract_moves(world.node, 0, world.last)


def ask(world: World, question: Callable[[EvmSource], Awaitable[T]], *spoils: Spoil) -> T:
    async def run() -> T:
        async with spoiled(world.node, *spoils) as fetcher:
            return await question(await opened(fetcher))

    return asyncio.run(run())


def read(world: World, wanted: list[Wanted], *spoils: Spoil, window: Window | None = None) -> list[History]:
    return ask(world, lambda source: source.histories(wanted, window or Window(0, world.last), MANY), *spoils)


def touching(truth: list[Seen], wanted: Wanted) -> list[str]:
    sides = ((move.txid, {move.sender, move.receiver}) for move in truth if move.asset == wanted.asset)
    return list(dict.fromkeys(txid for txid, parties in sides if wanted.address in parties))


def coins(world: World) -> list[Wanted]:
    return [Wanted(person, NATIVE) for person in world.people]


def crowd(world: World) -> Wanted:
    return Wanted(world.people[10], world.contracts["Coin"])


NODES: dict[str, tuple[Spoil, ...]] = {
    "no trace_filter": (lacks("trace_filter"),),
    "no trace_filter, no old state": (lacks("trace_filter"), forgets()),
    "callTracer only": (lacks("trace_filter", "trace_transaction", "trace_block"),),
    "no block receipts": (lacks("trace_filter", "eth_getBlockReceipts"),),
    "everything but old state": (forgets(),),
}


@pytest.mark.parametrize("name", NODES)
def test_poorer_nodes_tell_the_same_histories(name: str, world: World, truth: list[Seen]) -> None:
    for one in read(world, coins(world), *NODES[name]):
        assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def test_all_nodes_tell_the_same_transactions(world: World, truth: list[Seen]) -> None:
    ids = list(dict.fromkeys(move.txid for move in truth))
    rich = ask(world, lambda source: source.transactions(ids))
    for name, spoils in NODES.items():
        assert ask(world, lambda source: source.transactions(ids), *spoils) == rich, name


def test_a_node_without_traces_says_so_everywhere(world: World, truth: list[Seen]) -> None:
    poor = lacks("trace_filter", "trace_transaction", "debug_traceTransaction", "trace_block")

    async def question(source: EvmSource) -> tuple[EvmSource, dict[str, LiveTransaction | str]]:
        return source, await source.transactions([move.txid for move in truth])

    source, found = ask(world, question, poor)
    assert not source.can.internal
    assert "no internal transfers: the node offers no traces" in source.can.notes
    inner = {move.txid for move in truth if move.kind == int(MoveKind.INTERNAL)}
    partial = {txid for txid, one in found.items() if isinstance(one, LiveTransaction) and one.partial}
    assert inner
    assert inner <= partial
    plain = {txid for txid, one in found.items() if isinstance(one, LiveTransaction) and not one.partial}
    assert plain  # transfers of exactly 21,000 gas can have none
    paid_inside = Wanted(world.people[8], NATIVE)
    (one,) = read(world, [paid_inside], poor)
    assert one.partial
    assert one.closing == 1


def test_contracts_without_trace_filter_are_partial(world: World) -> None:
    (one,) = read(world, [Wanted(world.contracts["WETH9"], NATIVE)], lacks("trace_filter"))
    assert "contract" in one.partial


def test_long_windows_without_anything_are_partial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SCAN", 5)
    for one in read(world, coins(world), lacks("trace_filter"), forgets()):
        assert (one.txids, bool(one.partial)) == ([], True)


def _capped(cap: int) -> Spoil:
    return rewrites("eth_getLogs", lambda _, rows: rows[:cap])


@pytest.mark.parametrize("cap", [100, 256])
def test_lists_cut_without_a_word_are_whole_in_the_end(cap: int, world: World, truth: list[Seen]) -> None:
    (one,) = read(world, [crowd(world)], _capped(cap))
    assert (one.txids, one.partial) == (touching(truth, one.wanted), "")
    assert len(one.txids) == 3 * CROWD
    (one,) = read(world, [crowd(world)], _capped(cap), forgets())  # no sum to hold it against
    assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def _at_most(blocks: int, message: str) -> Spoil:
    def spoil(asked: Call, rows: Any) -> Any:
        query: Any = asked.params[0]
        length = int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1
        return rows if length <= blocks else Fault(-32005, message)

    return rewrites("eth_getLogs", spoil)


@pytest.mark.parametrize(
    "message",
    [
        "eth_getLogs is limited to a 7 block range",
        "block range too large, limit: 7",
        "query returned more than 10000 results",
        "query timeout exceeded",
        "Log response size exceeded.",
    ],
)
def test_ranges_that_are_refused_are_split(message: str, world: World, truth: list[Seen]) -> None:
    (one,) = read(world, [crowd(world)], _at_most(7, message))
    assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def test_a_node_that_lists_no_events_at_all_is_asked_once(world: World) -> None:
    (one,) = read(world, [crowd(world)], rewrites("eth_getLogs", lambda *_: Fault(-32000, "go away")))
    assert "go away" in one.partial
    (one,) = read(world, [crowd(world)], lacks("eth_getLogs"))
    assert one.partial


@pytest.mark.parametrize("lost", [0, 1, 150, 359])
def test_an_event_that_a_list_lacks_is_found_by_the_sum(lost: int, world: World, truth: list[Seen]) -> None:
    gone = touching(truth, crowd(world))[lost]
    drop = rewrites("eth_getLogs", _without(gone))
    (one,) = read(world, [crowd(world)], drop)
    assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def test_empty_lists_of_a_node_that_lags_are_found_by_the_sum(world: World, truth: list[Seen]) -> None:
    (one,) = read(world, [crowd(world)], rewrites("eth_getLogs", lambda *_: []))
    assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def test_what_came_and_went_is_found_by_the_nonce() -> None:
    """The sum of a list that lacks both sides is right; the number of transactions that were sent is not."""
    with anvil() as node:
        giver, through, taker = node.accounts[:3]
        token = node.deploy(giver, contract("Token"), "TOK", 6)
        node.mine()
        node.send(giver, token, data=call("mint(address,uint256)", through, 70))
        node.send(giver, through, ETHER)
        node.mine()
        node.mine()
        node.send(through, token, data=call("transfer(address,uint256)", taker, 70))
        node.mine()
        world = World(node, node.accounts, last=node.number())
        truth = extract_moves(node, 1, world.last)
        held = Wanted(through, token)
        assert len(touching(truth, held)) == 2
        (one,) = read(world, [held], rewrites("eth_getLogs", lambda *_: []))
        assert (one.txids, one.partial, one.closing) == (touching(truth, held), "", 0)
        (one,) = read(world, [Wanted(through, NATIVE)], rewrites("trace_filter", lambda *_: []))
        assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def _recent(last: int) -> Spoil:
    """The node keeps the state of its newest block only."""
    state = {"eth_getBalance", "eth_call", "eth_getTransactionCount", "eth_getCode"}

    def spoil(asked: Call, reply: Any) -> Any:
        old = asked.method in state and asked.params[-1] != hex(last)
        return Fault(-32000, "missing trie node") if old else reply

    return spoil


def test_a_node_with_new_state_only_proves_histories_from_the_start(world: World, truth: list[Seen]) -> None:
    recent = _recent(world.last)
    for one in read(world, [*coins(world)[1:], crowd(world)], recent):
        assert (one.txids, one.partial, one.opening) == (touching(truth, one.wanted), "", 0)
        assert one.closing is not None
    (one,) = read(world, [Wanted(world.people[1], NATIVE)], recent, rewrites("trace_filter", lambda *_: []))
    assert one.partial
    gone = touching(truth, crowd(world))[7]
    (one,) = read(world, [Wanted(world.people[9], NATIVE)], recent, rewrites("trace_filter", _without(gone)))
    assert one.partial


SILENT = {"refused", "other block"}
"""Faults that end in an error."""


@pytest.mark.parametrize("name", sorted(set(CONTENT) - SILENT))
@pytest.mark.parametrize("poor", [False, True])
def test_no_fault_makes_a_silent_gap(name: str, poor: bool, world: World, truth: list[Seen]) -> None:
    """As in a trace: the transactions that led to the holdings are known before their histories are asked for."""
    wanted = [Wanted(party, key) for party, key in {(p, m.asset) for m in truth for p in (m.sender, m.receiver) if p}]
    wanted = sorted((one for one in wanted if one.address != NOBODY), key=lambda one: (one.asset, one.address))
    lost: set[str] = set()

    def spoil(asked: Call, reply: Any) -> Any:
        one = msgspec.to_builtins({"method": asked.method, "params": asked.params})
        answer: dict[str, Any] = {"result": None if isinstance(reply, Fault) else msgspec.json.decode(reply)}
        if isinstance(reply, Fault) or not spoil_result(name, 10, world.last, one, answer):
            return reply
        error = answer.get("error")
        return Fault(error["code"], error["message"]) if error else msgspec.Raw(msgspec.json.encode(answer["result"]))

    async def question(source: EvmSource) -> list[History]:
        found = await source.transactions([move.txid for move in truth])
        lost.update(txid for txid, one in found.items() if isinstance(one, str) or one.partial)
        return await source.histories(wanted, Window(0, world.last), MANY)

    for one in ask(world, question, *((forgets(),) if poor else ()), spoil):
        whole = [txid for txid in touching(truth, one.wanted) if txid not in lost]
        assert one.partial or set(whole) <= set(one.txids), one


def test_a_node_that_is_behind_says_so(world: World) -> None:
    def late(asked: Call, reply: Any) -> Any:
        ahead = any(isinstance(part, str) and part == hex(world.last) for part in asked.params)
        return Fault(-32000, "header not found") if ahead and asked.method != "eth_getBlockByNumber" else reply

    for wanted in (Wanted(world.people[8], NATIVE), Wanted(world.people[3], world.contracts["Token"])):
        (one,) = read(world, [wanted], late)
        assert "does not tell the state" in one.partial


def test_events_that_a_receipt_lacks_are_missing_logs(world: World) -> None:
    def drop(asked: Call, receipt: Any) -> Any:
        return {**receipt, "logs": receipt["logs"][1:]}

    (one,) = read(world, [crowd(world)], rewrites("eth_getTransactionReceipt", drop))
    assert "missing logs" in one.partial


def test_events_that_a_receipt_made_up_are_said(world: World, truth: list[Seen]) -> None:
    def add(asked: Call, receipt: Any) -> Any:
        more = [
            {**log, "logIndex": hex(int(log["logIndex"], 16) + 1), "address": world.people[5]}
            for log in receipt["logs"]
        ]
        return {**receipt, "logs": receipt["logs"] + more}

    txid = touching(truth, crowd(world))[0]
    found = ask(world, lambda source: source.transactions([txid]), rewrites("eth_getTransactionReceipt", add))[txid]
    assert isinstance(found, LiveTransaction)
    assert "unproven logs" in found.partial


def test_receipts_that_lack_events_do_not_fit_the_bloom_of_their_block(world: World) -> None:
    def drop(asked: Call, receipts: Any) -> Any:
        return [{**receipt, "logs": [], "logsBloom": "0x" + "00" * 256} for receipt in receipts]

    lag = rewrites("eth_getLogs", lambda *_: [])
    (one,) = read(world, [crowd(world)], lag, rewrites("eth_getBlockReceipts", drop))
    assert "missing logs" in one.partial


def test_a_proposer_of_a_poor_node_is_paid_too() -> None:
    with anvil() as node:
        node.rpc("anvil_setCoinbase", node.accounts[1])
        node.send(node.accounts[0], node.accounts[2], 5)
        node.mine()
        (one,) = read(World(node, [], last=1), [Wanted(node.accounts[1], NATIVE)], lacks("trace_filter"), forgets())
        assert one.txids == [block_id(1)]


def test_a_receipt_that_a_node_does_not_have_yet_is_a_reason(world: World, truth: list[Seen]) -> None:
    txid = touching(truth, crowd(world))[3]
    late = rewrites("eth_getTransactionReceipt", lambda asked, receipt: None if asked.params == (txid,) else receipt)
    found = ask(world, lambda source: source.transactions([txid]), late)
    assert found == {txid: "the node has no receipt of it"}
    (one,) = read(world, [crowd(world)], late)
    assert txid in one.partial


def _swap_field(field: str, value: object) -> Callable[[Call, Any], Any]:
    return lambda _, answer: {**answer, field: value} if answer else answer


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        ("eth_getTransactionReceipt", "gasUsed", "0xzz"),
        ("eth_getTransactionReceipt", "gasUsed", "21000"),
        ("eth_getTransactionReceipt", "gasUsed", "0x" + "f" * 65),
        ("eth_getTransactionReceipt", "gasUsed", 21000),
        ("eth_getTransactionReceipt", "gasUsed", "-0x5"),
        ("eth_getTransactionReceipt", "gasUsed", "0x1_0"),
        ("eth_getTransactionReceipt", "blockNumber", None),
        ("eth_getTransactionReceipt", "status", "0xzz"),
        ("eth_getTransactionReceipt", "transactionIndex", "0x63"),
        ("eth_getTransactionReceipt", "from", "0x1234"),
        ("eth_getTransactionReceipt", "logsBloom", "0x00"),
        ("eth_getTransactionReceipt", "logs", {}),
        ("eth_getTransactionReceipt", "transactionHash", "0x" + "11" * 32),
        ("eth_getTransactionByHash", "value", ""),
        ("eth_getTransactionByHash", "value", None),
        ("eth_getTransactionByHash", "hash", "0x" + "11" * 32),
        ("eth_getTransactionByHash", "blockHash", None),
    ],
)
def test_answers_that_do_not_fit_are_reasons(
    method: str, field: str, value: object, world: World, truth: list[Seen]
) -> None:
    txid = touching(truth, crowd(world))[0]
    found = ask(world, lambda source: source.transactions([txid]), rewrites(method, _swap_field(field, value)))
    assert isinstance(found[txid], str)


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        ("eth_getBlockByNumber", "number", "0x1"),
        ("eth_getBlockByNumber", "timestamp", "soon"),
        ("eth_getBlockByNumber", "hash", "0x12"),
        ("eth_getBlockByNumber", "transactions", None),
    ],
)
def test_blocks_that_do_not_fit_are_errors_that_name_method_and_field(
    method: str, field: str, value: object, world: World
) -> None:
    with pytest.raises(BadAnswer) as caught:
        ask(world, lambda source: source.blocks([5]), rewrites(method, _swap_field(field, value)))
    assert method in caught.value.problem
    assert field in caught.value.problem


def test_rows_that_were_not_asked_for_are_refused(world: World, truth: list[Seen]) -> None:
    other = world.contracts["Token"]
    foreign = rewrites("eth_getLogs", lambda _, rows: [{**row, "address": other} for row in rows])
    with pytest.raises(BadAnswer, match="not asked for"):
        read(world, [crowd(world)], foreign)
    early = rewrites("eth_getLogs", lambda _, rows: [{**row, "blockNumber": "0x1"} for row in rows])
    with pytest.raises(BadAnswer, match="not asked for"):
        read(world, [crowd(world)], early, window=Window(5, world.last))
    steps = rewrites(
        "trace_filter",
        lambda asked, rows: [{**row, "action": {**row["action"], "from": other, "to": other}} for row in rows],
    )
    with pytest.raises(BadAnswer, match="not asked for"):
        read(world, [Wanted(world.people[1], NATIVE)], steps)


def test_pages_are_read_to_the_last(world: World, truth: list[Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    for one in read(world, coins(world)[:9]):
        assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def test_repeated_pages_are_noticed(world: World, truth: list[Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    first: dict[str, Any] = {}

    def repeat(asked: Call, rows: Any) -> Any:
        query: Any = asked.params[0]
        key = str({name: value for name, value in query.items() if name != "after"})
        return first.setdefault(key, rows)

    for one in read(world, coins(world)[:9], rewrites("trace_filter", repeat)):
        assert (one.txids, one.partial) == (touching(truth, one.wanted), "")


def _without(gone: str) -> Callable[[Call, Any], Any]:
    return lambda _, rows: [row for row in rows if row["transactionHash"] != gone]


def test_coins_that_a_list_of_steps_lacks_are_found_by_the_sum(world: World, truth: list[Seen]) -> None:
    wanted = Wanted(world.people[1], NATIVE)
    for gone in touching(truth, wanted)[::3]:
        drop = rewrites("trace_filter", _without(gone))
        (one,) = read(world, [wanted], drop)
        assert (one.txids, one.partial) == (touching(truth, wanted), "")


def test_what_nothing_explains_is_partial(world: World) -> None:
    wanted = Wanted(world.people[1], NATIVE)
    richer = rewrites(
        "eth_getBalance", lambda asked, units: hex(int(units, 16) + (int(str(asked.params[1]), 16) >= 17) * 5)
    )
    (one,) = read(world, [wanted], richer)
    assert "block 17" in one.partial


def test_header_hashes_are_recomputed(world: World) -> None:
    async def question(source: EvmSource) -> int:
        await source.blocks(range(world.last + 1))
        return source.unproven_headers

    assert ask(world, question) == 0
    lying = rewrites("eth_getBlockByNumber", _swap_field("gasUsed", "0x1"))
    assert ask(world, question, lying) == world.last + 1


def test_blocks_that_do_not_link_are_a_reorganisation(world: World) -> None:
    other = "0x" + "77" * 32

    def cut(asked: Call, block: Any) -> Any:
        return {**block, "parentHash": other} if asked.params[0] == "0x9" else block

    with pytest.raises(Reorganised) as caught:
        ask(world, lambda source: source.blocks([8, 9]), rewrites("eth_getBlockByNumber", cut))
    assert caught.value.number == 8
    assert isinstance(caught.value, SourceError)


def test_a_block_that_changes_between_two_answers_is_a_reorganisation() -> None:
    with anvil() as node:
        for _ in range(4):
            node.send(node.accounts[0], node.accounts[1], 5)
            node.mine()

        async def question(source: EvmSource) -> None:
            before = await source.blocks([2, 3, 4])
            await asyncio.to_thread(node.reorg, 2)
            after = await source.blocks([1, 2])
            assert after[2] == before[2]
            await source.blocks([3])

        world = World(node, node.accounts)
        with pytest.raises(Reorganised) as caught:
            ask(world, question)
        assert caught.value.number == 3


def test_a_proposer_is_paid_by_its_blocks() -> None:
    with anvil() as node:
        giver, proposer = node.accounts[:2]
        node.rpc("anvil_setCoinbase", proposer)
        for units in (5, 6, 7):
            node.send(giver, node.accounts[2], units)
            node.mine()
            node.mine()
        wanted = Wanted(proposer, NATIVE)
        for spoils in ((), (lacks("trace_filter"),)):

            async def question(source: EvmSource) -> tuple[History, list[LiveTransaction | str]]:
                (one,) = await source.histories([wanted], Window(1, node.number()), MANY)
                return one, list((await source.transactions(one.txids)).values())

            one, found = ask(World(node, node.accounts), question, *spoils)
            assert one.partial == ""
            assert one.txids == [block_id(number) for number in (1, 3, 5)]
            assert {(t.index, move.kind) for t in found if isinstance(t, LiveTransaction) for move in t.moves} == {
                (AFTER_TRANSACTIONS, int(MoveKind.ISSUE))
            }
            paid = sum(move.units for t in found if isinstance(t, LiveTransaction) for move in t.moves)
            assert paid == one.closing == node.balance(proposer)
            assert paid


def test_staked_coins_come_out_of_a_block(world: World) -> None:
    person = world.people[4]
    rows = [{"index": "0x7", "validatorIndex": "0x1", "address": person, "amount": "0x3"}] * 2
    paying = rewrites("eth_getBlockByNumber", _swap_field("withdrawals", rows))
    key = block_id(9)
    found = ask(world, lambda source: source.transactions([key]), paying)[key]
    assert isinstance(found, LiveTransaction)
    paid = [(m.kind, m.index, m.sender, m.receiver, m.units) for m in found.moves if m.receiver == person]
    assert paid == [(int(MoveKind.ISSUE), rank, "", person, 3 * 10**9) for rank in (0, 1)]


def test_a_hundred_holdings_cost_few_requests(world: World) -> None:
    keys = [
        NATIVE,
        *(world.contracts[name] for name in ("Token", "UsdtLike", "WETH9", "Vault", "Coin", "Bytes32Symbol")),
    ]
    wanted = [Wanted(person, key) for person in world.people for key in keys]
    assert len(wanted) == 84

    async def run() -> tuple[int, int]:
        async with spoiled(world.node) as fetcher:
            source = await opened(fetcher)
            await source.histories(wanted, Window(1, world.last), MANY)
            return fetcher.asked.requests, fetcher.asked.calls

    requests, calls = asyncio.run(run())
    assert requests < calls / 10


def test_the_order_of_tasks_does_not_change_what_is_asked(world: World) -> None:
    def asked(wanted: list[Wanted]) -> set[str]:
        seen: set[str] = set()

        def note(one: Call, reply: Any) -> Any:
            seen.add(repr(one))
            return reply

        read(world, wanted, note)
        return seen

    assert asked(coins(world)) == asked(coins(world)[::-1])


def test_blocks_decode_whole(world: World) -> None:
    body = world.node.rpc("eth_getBlockByNumber", hex(world.last), True)
    block = decode_block(msgspec.json.encode(body))
    assert [t.hash for t in block.transactions] == [t["hash"] for t in body["transactions"]]
    assert len(block.transactions) == CROWD


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*path, key))


def _with(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(copied[path[0]], path[1:], other)
    return copied


_FOREIGN: list[Any] = [
    None,
    0,
    -1,
    True,
    "",
    "0x",
    "0x0",
    "0xg",
    "0x" + "f" * 64,
    "0x" + "0" * 64,
    "\u202e",
    [],
    {},
    [[]],
    1e300,
    "0x" + "0" * 40,
]


def test_no_answer_makes_anything_but_a_reason_or_an_error_of_the_source(world: World) -> None:
    """Each field of each answer replaced by something else: told apart, or it was of no use."""
    ids = [world.named["tries"], world.named["created"], world.named["destroyed"]]
    wanted = [Wanted(world.people[5], NATIVE), Wanted(world.people[3], world.contracts["UsdtLike"])]
    kept: dict[str, tuple[Call, Any]] = {}

    async def question(source: EvmSource) -> tuple[Any, ...]:
        found = await source.transactions(ids)
        return found, await source.histories(wanted, Window(1, 28), MANY), await source.assets([wanted[1].asset])

    def keep(asked: Call, reply: Any) -> Any:
        kept.setdefault(asked.method, (asked, reply))
        return reply

    ask(world, question, keep)
    tried = 0
    rng = random.Random(4)
    for method, (_, reply) in sorted(kept.items()):
        places = list(_places(msgspec.json.decode(reply)))
        for path in rng.sample(places, min(len(places), examples(40))):
            other = rng.choice(_FOREIGN)
            change = rewrites(method, _puts(path, other))
            with contextlib.suppress(SourceError):
                ask(world, question, change)
            tried += 1
    assert tried > 50


def _puts(path: tuple[Any, ...], other: Any) -> Callable[[Call, Any], Any]:
    """Something else at a path of an answer that has that path."""

    def put(asked: Call, value: Any) -> Any:
        try:
            return _with(value, path, other)
        except (KeyError, IndexError, TypeError):
            return value

    return put
