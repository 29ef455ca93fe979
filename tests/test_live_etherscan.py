"""The explorer adapter against a server that keeps to Etherscan's documentation, its limits and its lapses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset
from dyepack.sources.blocks import Window
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import NotKept, Refused, SourceError
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.evm.events import DEPOSIT, DESTROYED
from dyepack.sources.live.explorer import lists
from dyepack.sources.live.explorer.source import EtherscanSource
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.source import AccountSource, History, LiveMove, LiveTransaction, Wanted
from tests.anvil import anvil
from tests.etherscan_server import KEY, TRANSFER, EtherscanServer, SmallChain, digest, topic
from tests.incident import ACCOUNTS, GENESIS, play
from tests.live_case import totals, trace
from tests.servers import LOCAL

T = TypeVar("T")
MANY = 100_000
ALICE, BOB, CAROL, POOL, TOKEN, OTHER = ("0x" + digit * 40 for digit in "abc123")
ZERO = "0x" + "0" * 40


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_ETHERSCAN_KEY", KEY)


def asked(
    server: EtherscanServer,
    question: Callable[[EtherscanSource], Awaitable[T]],
    *,
    folder: Path | None = None,
    offline: bool = False,
) -> T:
    """The answer of an opened source."""

    async def run() -> T:
        evidence = Evidence(folder) if folder is not None else None
        async with Fetcher(Endpoint.parse(server.source, LOCAL), evidence, offline=offline) as fetcher:
            source = EtherscanSource(fetcher)
            assert isinstance(source, AccountSource)
            await source.open()
            try:
                return await question(source)
            finally:
                if evidence is not None:
                    evidence.close()

    return asyncio.run(run())


def history(
    server: EtherscanServer, address: str, asset: str = "native", *, most: int = MANY, first: int = 0
) -> History:
    """One history over the whole chain."""
    head = int(server.node.rpc("eth_blockNumber"), 16)
    window = Window(first, head)
    return asked(server, lambda source: source.histories([Wanted(address, asset)], window, most))[0]


def transaction(server: EtherscanServer, txid: str) -> LiveTransaction:
    """One transaction, which must be had."""
    found = asked(server, lambda source: source.transactions([txid]))[txid]
    assert isinstance(found, LiveTransaction), found
    return found


@pytest.fixture
def chain() -> SmallChain:
    made = SmallChain()
    made.genesis[ALICE] = 10**18
    made.symbols[TOKEN] = ("USDT", 6)
    return made


def test_native_history_joins_both_lists_in_the_order_of_the_chain(chain: SmallChain) -> None:
    chain.block()
    paid = chain.send(POOL, CAROL, gas=60_000, inner=[([0], CAROL, ALICE, 7)])
    sent = chain.send(ALICE, BOB, 5)
    chain.send(BOB, CAROL, 1)
    chain.block()
    failed = chain.send(ALICE, POOL, 9, gas=30_000, failed=True)
    with EtherscanServer(chain) as server:
        found = history(server, ALICE)
        assert found.txids == [paid, sent, failed]
        assert (found.opening, found.closing, found.partial) == (10**18, None, "")
        assert transaction(server, failed).moves == [LiveMove(MoveKind.FEE, 0, ALICE, "", "native", 30_000)]
        assert transaction(server, failed).left_out == {"failed": 1}
        assert transaction(server, paid).moves == [
            LiveMove(MoveKind.INTERNAL, 1, CAROL, ALICE, "native", 7),
            LiveMove(MoveKind.FEE, 0, POOL, "", "native", 60_000),
        ]
        assert history(server, ALICE, first=2).txids == [failed]
        assert history(server, ALICE, first=2).opening is None


def test_moves_of_one_transaction_are_told_whole(chain: SmallChain) -> None:
    chain.block()
    logs = [
        (TOKEN, [TRANSFER, topic(ALICE), topic(POOL)], 500),
        (OTHER, [TRANSFER, topic(ZERO), topic(ALICE)], 3),
        (OTHER, [TRANSFER, topic(ALICE), topic(ZERO)], 1),
        (OTHER, [TRANSFER, topic(ALICE), topic(BOB), topic("0x07")], 0),
        (TOKEN, [TRANSFER, topic(BOB), topic(CAROL)], 0),
    ]
    inner = [([0], POOL, CAROL, 40), ([0, 1], CAROL, BOB, 4), ([2], POOL, ALICE, 30)]
    before = chain.send(BOB, TOKEN, gas=40_000, logs=[(TOKEN, [TRANSFER, topic(BOB), topic(POOL)], 1)])
    swap = chain.send(ALICE, POOL, 2, gas=90_000, logs=logs, inner=inner)
    with EtherscanServer(chain) as server:
        told = transaction(server, swap)
        assert told.moves == [
            LiveMove(MoveKind.VALUE, 0, ALICE, POOL, "native", 2),
            LiveMove(MoveKind.TOKEN, 1, ALICE, POOL, TOKEN, 500),
            LiveMove(MoveKind.TOKEN, 2, "", ALICE, OTHER, 3),
            LiveMove(MoveKind.TOKEN, 3, ALICE, ZERO, OTHER, 1),
            LiveMove(MoveKind.INTERNAL, 1, POOL, CAROL, "native", 40),
            LiveMove(MoveKind.INTERNAL, 2, CAROL, BOB, "native", 4),
            LiveMove(MoveKind.INTERNAL, 3, POOL, ALICE, "native", 30),
            LiveMove(MoveKind.FEE, 0, ALICE, "", "native", 90_000),
        ]
        assert (told.block, told.index, told.time, told.partial) == (1, 1, 1_700_000_012, "")
        assert told.left_out["zero_value"] == 1
        assert told.left_out["forged_sender"] == 1
        assert history(server, ALICE, TOKEN).txids == [swap]
        assert history(server, POOL, TOKEN).txids == [before, swap]


def test_steps_that_failed_move_nothing(chain: SmallChain) -> None:
    chain.block()
    inner = [([0], POOL, CAROL, 40), ([0, 0], CAROL, BOB, 4), ([1], POOL, ALICE, 30)]
    sent = chain.send(ALICE, POOL, gas=90_000, inner=inner)
    chain.traces[1][1]["error"] = "Reverted"
    with EtherscanServer(chain) as server:
        assert [move.units for move in transaction(server, sent).moves] == [30, 90_000]
        assert history(server, BOB).txids == []


def test_a_creation_pays_the_contract_that_it_makes(chain: SmallChain) -> None:
    chain.block()
    made = chain.send(ALICE, None, 12, gas=100_000, made=CAROL)
    with EtherscanServer(chain) as server:
        assert transaction(server, made).moves[0] == LiveMove(MoveKind.VALUE, 0, ALICE, CAROL, "native", 12)
        assert history(server, CAROL).txids == [made]


def test_wraps_and_seizures_are_found_though_no_list_of_transfers_has_them(chain: SmallChain) -> None:
    chain.block()
    wrap = chain.send(ALICE, TOKEN, 50, gas=45_000, logs=[(TOKEN, [DEPOSIT, topic(ALICE)], 50)])
    chain.block()
    seized = chain.send(BOB, OTHER, gas=45_000, logs=[(OTHER, [DESTROYED], 0)])
    words = topic(ALICE)[2:] + (9).to_bytes(32).hex()
    chain.receipts[seized]["logs"][0]["data"] = "0x" + words
    with EtherscanServer(chain) as server:
        assert history(server, ALICE, TOKEN).txids == [wrap]
        assert LiveMove(MoveKind.TOKEN, 0, "", ALICE, TOKEN, 50) in transaction(server, wrap).moves
        assert history(server, ALICE, OTHER).txids == [seized]
        assert LiveMove(MoveKind.TOKEN, 0, ALICE, ZERO, OTHER, 9) in transaction(server, seized).moves
        server.asked.clear()
        assert history(server, CAROL, OTHER).txids == []
        assert {query["action"] for query in server.asked} == {"txlistinternal", "tokentx", "getLogs"}


def test_an_empty_list_is_an_empty_history(chain: SmallChain) -> None:
    chain.block()
    with EtherscanServer(chain) as server:
        assert history(server, BOB) == History(Wanted(BOB, "native"), [], opening=0)
        assert history(server, BOB, TOKEN).partial == ""


def test_tokens_are_called_what_they_call_themselves(chain: SmallChain) -> None:
    chain.block()
    chain.transfer(ALICE, TOKEN, BOB, 1)
    chain.symbols[OTHER] = ("BAD\x1b[31m", 255)
    chain.transfer(ALICE, OTHER, BOB, 1)
    chain.symbols[POOL] = ("VAULT", 18)
    with EtherscanServer(chain) as server:
        found = asked(server, lambda source: source.assets([TOKEN, OTHER, CAROL, POOL, "native"]))
    assert found == {
        TOKEN: Asset(TOKEN, "USDT", 6),
        OTHER: Asset(OTHER, "BAD\x1b[31m", None),
        CAROL: Asset(CAROL, CAROL, None),
        POOL: Asset(POOL, "VAULT", 18),
        "native": Asset("native", "ETH", 18),
    }


def test_head_and_blocks(chain: SmallChain) -> None:
    for _ in range(5):
        chain.block()
    with EtherscanServer(chain) as server:
        assert asked(server, lambda source: source.head(2)).number == 3
        assert asked(server, lambda source: source.head(9)).number == 0
        found = asked(server, lambda source: source.blocks([2, 3, 99]))
        assert sorted(found) == [2, 3]
        assert found[3].parent == found[2].hash
        chain.blocks[3]["parentHash"] = digest("another")
        with pytest.raises(SourceError, match="block 2 was"):
            asked(server, lambda source: source.blocks([2, 3]))


def test_without_internal_transfers_everything_says_so(chain: SmallChain) -> None:
    chain.block()
    call = chain.send(ALICE, POOL, gas=60_000, inner=[([0], POOL, ALICE, 7)])
    plain = chain.send(ALICE, BOB, 1)
    with EtherscanServer(chain, internal=False) as server:
        can = asked(server, _capabilities)
        assert not can.internal
        assert transaction(server, call).partial == "no internal transfers"
        assert transaction(server, plain).partial == ""
        assert history(server, ALICE).partial == "no internal transfers"


async def _capabilities(source: EtherscanSource) -> Any:
    return source.can


# Limits.


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits a hundred times as small as the real ones."""
    monkeypatch.setattr(lists, "ROWS", 10)
    monkeypatch.setattr(lists, "MOST_ROWS", 100)
    monkeypatch.setattr("tests.etherscan_server.WINDOW", 100)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 137])
@pytest.mark.usefixtures("small_pages")
def test_lists_longer_than_the_window_are_read_to_their_end(chain: SmallChain, count: int) -> None:
    sent = []
    for number in range(count):
        if number % 3 == 0:
            chain.block()
        sent.append(chain.send(ALICE, BOB, number + 1))
    with EtherscanServer(chain) as server:
        found = history(server, ALICE)
        assert (found.txids, found.partial) == (sent, "")
        assert max(int(query.get("page", 1)) * int(query.get("offset", 1)) for query in server.asked) <= 100


@pytest.mark.parametrize("most", [10, 25, 50])
def test_a_server_that_cuts_pages_silently_is_noticed(chain: SmallChain, most: int) -> None:
    sent = []
    for number in range(140):
        if number % 7 == 0:
            chain.block()
        sent.append(chain.send(ALICE, BOB, number + 1))
    with EtherscanServer(chain, most=most) as server:
        found = history(server, ALICE)
    assert (found.txids, found.partial) == (sent, "")


@pytest.mark.parametrize(("count", "whole"), [(99, True), (100, False), (130, False)])
@pytest.mark.usefixtures("small_pages")
def test_a_block_beyond_the_window_is_partial(chain: SmallChain, count: int, *, whole: bool) -> None:
    chain.block()
    chain.send(ALICE, BOB, 1)
    chain.block()
    for number in range(count):
        chain.send(ALICE, BOB, number + 1)
    chain.block()
    after = chain.send(ALICE, BOB, 1)
    with EtherscanServer(chain) as server:
        found = history(server, ALICE)
    assert (found.partial == "") is whole
    assert whole or "block 2 alone has more rows" in found.partial
    assert len(found.txids) == min(count, 100) + 2
    assert found.txids[-1] == after


@pytest.mark.usefixtures("small_pages")
def test_a_history_that_is_too_long_is_cut_and_says_so(chain: SmallChain) -> None:
    for number in range(60):
        chain.block()
        chain.send(ALICE, BOB, number + 1)
    with EtherscanServer(chain) as server:
        found = history(server, ALICE, most=25)
        assert len([query for query in server.asked if query["action"] == "txlist"]) <= 4
    assert len(found.txids) == 25
    assert "more than 25 transactions" in found.partial


# Refusals.


def test_the_rate_message_is_waited_out(chain: SmallChain) -> None:
    chain.block()
    sent = chain.send(ALICE, BOB, 5)
    with EtherscanServer(chain) as server:
        server.busy = 3
        assert history(server, ALICE).txids == [sent]
        assert server.busy == 0


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Invalid API Key", Refused),
        ("Max daily rate limit reached. 110000 (100000 quota) of 100000 calls", Refused),
        ("Free API access is not supported for this chain", Refused),
    ],
)
def test_other_refusals_are_errors_and_never_empty_lists(
    chain: SmallChain, message: str, kind: type[SourceError]
) -> None:
    chain.block()
    with EtherscanServer(chain) as server:
        server.alter = lambda query, told: (
            {"status": "0", "message": "NOTOK", "result": message} if query["action"] == "eth_blockNumber" else told
        )
        with pytest.raises(kind) as caught:
            asked(server, lambda source: source.head(0))
        assert message[:20] in str(caught.value)
        assert len([query for query in server.asked if query["action"] == "eth_blockNumber"]) == 1


def test_a_refused_list_leaves_the_history_partial(chain: SmallChain) -> None:
    chain.block()
    chain.send(ALICE, BOB, 5)
    with EtherscanServer(chain) as server:
        server.alter = lambda query, told: (
            {"status": "0", "message": "NOTOK", "result": "Error! Invalid address format"}
            if query["action"] == "txlist"
            else told
        )
        found = history(server, ALICE)
    assert found.txids == []
    assert "Invalid address format" in found.partial


def test_the_chain_must_be_named(chain: SmallChain) -> None:
    with EtherscanServer(chain) as server:
        endpoint = Endpoint.parse(server.source.replace("chainid=31337&", ""), LOCAL)

        async def run() -> None:
            async with Fetcher(endpoint) as fetcher:
                await EtherscanSource(fetcher).open()

        with pytest.raises(Refused, match="which chain"):
            asyncio.run(run())


# Hostile answers. None may change a sum in silence: the history is partial, or the transaction is a reason.

Change = Callable[[list[dict[str, Any]]], object]


def _first(**facts: str) -> Change:
    return lambda rows: rows[0].update(facts)


HOSTILE_ROWS: dict[str, Change] = {
    "a number that is none": _first(blockNumber="12e3"),
    "a negative block": _first(blockNumber="-1"),
    "a block past the window": _first(blockNumber="999"),
    "digits of another script": _first(blockNumber="\u0661"),
    "a rank that is none": _first(transactionIndex="1.0"),
    "a hash that is too short": _first(hash="0x12"),
    "a row of another address": _first(**{"from": BOB, "to": CAROL}),
    "rows out of order": lambda rows: rows.reverse(),
    "a row without its fields": lambda rows: rows[0].pop("from"),
    "a number where text belongs": lambda rows: rows[0].update({"blockNumber": 1}),
    "a row that is no object": lambda rows: rows.insert(0, "row"),  # type: ignore[arg-type]
    "one transaction in two blocks": lambda rows: rows.append(rows[0] | {"blockNumber": "2"}),
}


@pytest.mark.parametrize("change", HOSTILE_ROWS.values(), ids=HOSTILE_ROWS.keys())
@pytest.mark.parametrize("action", ["txlist", "tokentx"])
def test_hostile_rows_leave_the_history_partial(chain: SmallChain, action: str, change: Change) -> None:
    for _ in range(2):
        chain.block()
        chain.transfer(ALICE, TOKEN, BOB, 5)

    def alter(query: dict[str, str], told: Any) -> Any:
        if query["action"] == action and isinstance(told.get("result"), list) and told["result"]:
            told = json.loads(json.dumps(told))
            told["result"] = [row for row in told["result"] if not row["hash"].startswith("GENESIS")]
            change(told["result"])
        return told

    with EtherscanServer(chain) as server:
        server.alter = alter
        found = history(server, ALICE, "native" if action == "txlist" else TOKEN)
    assert found.partial


@pytest.mark.parametrize(
    "told",
    [b"[]", b'{"status":"1","message":"OK"}', b'{"status":"1","message":"OK","result":"rows"}', b'{"status":1}',
     b'{"status":"1","message":"OK","result":{}}', b'{"status":"0","message":"OK","result":[]}',
     b'{"status":"2","message":"OK","result":[]}', b'{"status":"0","message":"No transactions found","result":[{}]}'],
)  # fmt: skip
def test_a_wrapping_that_is_none_is_no_empty_list(chain: SmallChain, told: bytes) -> None:
    chain.block()
    chain.send(ALICE, BOB, 5)
    with EtherscanServer(chain) as server:
        server.alter = lambda query, good: told if query["action"] == "txlist" else good
        assert history(server, ALICE).partial


@pytest.mark.usefixtures("small_pages")
def test_a_server_that_repeats_its_first_page_is_partial(chain: SmallChain) -> None:
    chain.block()
    for number in range(25):
        chain.send(ALICE, BOB, number + 1)

    def first(query: dict[str, str], told: Any) -> Any:
        if query["action"] != "txlist":
            return told
        rows = [row for row in server._lists["txlist"] if not row["hash"].startswith("GENESIS")]
        return {"status": "1", "message": "OK", "result": rows[:10]}

    with EtherscanServer(chain) as server:
        server.alter = first
        found = history(server, ALICE)
    assert len(found.txids) == len(set(found.txids)) == 10
    assert "same page twice" in found.partial


HOSTILE_RECEIPTS: dict[str, Change] = {
    "another transaction's receipt": _first(transactionHash=digest("other")),
    "another block's hash": _first(blockHash=digest("other")),
    "gas that is no number": _first(gasUsed="0x-1"),
    "an event of another transaction": lambda told: told[0]["logs"][0].update(transactionHash=digest("other")),
    "an event out of order": lambda told: told[0]["logs"].append(told[0]["logs"][0]),
    "a bloom that names more": _first(logsBloom="0x" + "ff" * 256),
    "no receipt": lambda told: told.clear(),
}


@pytest.mark.parametrize("change", HOSTILE_RECEIPTS.values(), ids=HOSTILE_RECEIPTS.keys())
def test_hostile_receipts_are_reasons(chain: SmallChain, change: Change) -> None:
    chain.block()
    sent = chain.transfer(ALICE, TOKEN, BOB, 5)

    def alter(query: dict[str, str], told: Any) -> Any:
        if query["action"] == "eth_getTransactionReceipt":
            told = json.loads(json.dumps(told))
            held = [told["result"]]
            change(held)
            told["result"] = held[0] if held else None
        return told

    with EtherscanServer(chain) as server:
        server.alter = alter
        try:
            found = asked(server, lambda source: source.transactions([sent]))[sent]
        except SourceError as error:
            assert "block 1 was" in error.problem  # noqa: PT017 (one of two good ends)
            return
    assert isinstance(found, str) or found.partial


def test_internal_transfers_of_another_transaction_are_refused(chain: SmallChain) -> None:
    chain.block()
    sent = chain.send(ALICE, POOL, gas=60_000, inner=[([0], POOL, ALICE, 7)])
    with EtherscanServer(chain) as server:
        server.alter = lambda query, told: (
            {**told, "result": [{**told["result"][0], "hash": digest("other")}]}
            if "txhash" in query and query["module"] == "account"
            else told
        )
        told = transaction(server, sent)
    assert told.partial.startswith("no internal transfers: ")
    assert not [move for move in told.moves if move.kind == MoveKind.INTERNAL]


@pytest.mark.parametrize("value", ["-7", "7.0", "0x7", "", "9" * 79])
def test_units_are_read_as_whole_numbers(chain: SmallChain, value: str) -> None:
    chain.block()
    sent = chain.send(ALICE, POOL, gas=60_000, inner=[([0], POOL, ALICE, 7)])

    def alter(query: dict[str, str], told: Any) -> Any:
        if query["action"] != "txlistinternal":
            return told
        return json.loads(json.dumps(told).replace('"value": "7"', f'"value": "{value}"'))

    with EtherscanServer(chain) as server:
        server.alter = alter
        assert transaction(server, sent).partial.startswith("no internal transfers: ")


def test_receipts_without_a_status_ask_the_explorer(chain: SmallChain) -> None:
    chain.block()
    good, lost = chain.send(ALICE, BOB, 5), chain.send(ALICE, BOB, 6)
    for receipt in chain.receipts.values():
        del receipt["status"]
    with EtherscanServer(chain) as server:
        server.failed.add(lost)
        assert [move.units for move in transaction(server, good).moves] == [5, 21_000]
        assert [move.units for move in transaction(server, lost).moves] == [21_000]


def test_a_run_without_network_gives_the_same(chain: SmallChain, tmp_path: Path) -> None:
    chain.block()
    chain.send(ALICE, POOL, gas=60_000, inner=[([0], POOL, ALICE, 7)])
    chain.transfer(ALICE, TOKEN, BOB, 5)

    async def everything(source: EtherscanSource) -> object:
        head = await source.head(0)
        wanted = [Wanted(ALICE, "native"), Wanted(ALICE, TOKEN), Wanted(BOB, TOKEN)]
        histories = await source.histories(wanted, Window(0, head.number), MANY)
        txids = [txid for one in histories for txid in one.txids]
        return head, histories, await source.transactions(txids), await source.assets([TOKEN])

    folder = tmp_path / "evidence"
    with EtherscanServer(chain) as server:
        server.busy = 2
        first = asked(server, everything, folder=folder)
        count = len(server.asked)
        assert asked(server, everything, folder=folder, offline=True) == first
        assert len(server.asked) == count
        with pytest.raises(NotKept):
            asked(server, lambda source: source.blocks([0]), folder=folder, offline=True)
    for file in folder.rglob("*"):
        assert KEY not in file.name
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


@pytest.mark.slow
@pytest.mark.node
@pytest.mark.slow
def test_the_scripted_theft_traced_through_an_explorer_equals_the_truth(tmp_path: Path) -> None:
    """The same chain and the same statement as over the node itself, which is the script's truth."""
    with anvil(GENESIS, ACCOUNTS) as node:
        incident = play(node)
        with EtherscanServer(node, most=1000) as server:
            case = trace(server.source, incident, tmp_path)
        before = case.files()
    assert (case.code, case.complete()) == (0, True)
    assert case.totals("fifo") == totals(incident.truth("fifo"))
    assert case.totals("haircut") == totals(incident.truth("haircut"))
    again = trace(server.source, incident, tmp_path, "--offline")
    assert (again.code, again.files()) == (0, before)
