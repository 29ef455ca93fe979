"""The faulty proxy does what its faults say, once or always, and nothing else: the fault tests rest on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.anvil import ETHER, Anvil, anvil
from tests.contracts import call, contract
from tests.faults import BATCH, CONTENT
from tests.faulty import NAMES, TRANSPORT, Fault, faulty

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """Six blocks, each with a payment and two transfers of a token."""
    with anvil() as running:
        bank = running.accounts[0]
        token = running.deploy(bank, contract("Token"), "T", 18)
        running.send(bank, token, data=call("mint(address,uint256)", bank, ETHER))
        running.mine()
        for n in range(1, 7):
            running.send(bank, running.accounts[n], n)
            for units in (n, 10 * n):
                running.send(bank, token, data=call("transfer(address,uint256)", running.accounts[n], units))
            running.mine()
        yield running


def ask(url: str, body: object) -> tuple[int, str, bytes]:
    async def go() -> tuple[int, str, bytes]:
        async with aiohttp.ClientSession() as session, session.post(url, json=body, timeout=_PATIENT) as answer:
            return answer.status, answer.content_type, await answer.read()

    return asyncio.run(go())


_PATIENT = aiohttp.ClientTimeout(total=5)


def rpc(method: str, *params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}


LOGS = rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
HEAD = rpc("eth_blockNumber")


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("storm", 429, "application/json"), ("busy", 429, "application/json"), ("error", 500, "application/json"),
        ("gateway", 502, "text/html"), ("down", 503, "application/json"), ("page", 200, "text/html"),
        ("empty", 200, "application/json"), ("huge", 200, "application/json"), ("half", 200, "application/json"),
        ("mistyped", 200, "text/html"), ("hang", 504, "application/octet-stream"), ("slow", 200, "application/json"),
        ("drip", 200, "application/json"),
    ],
)  # fmt: skip
def test_faults_of_the_transport_spoil_twice_and_then_no_more(node: Anvil, name: str, status: int, kind: str) -> None:
    good = node.post(HEAD)
    with faulty(node.url, Fault(name, times=2, count=5_000, seconds=0.05)) as proxy:
        for _ in range(2):
            answer = ask(proxy.url, HEAD)
            assert answer[:2] == (status, kind)
            if name in {"mistyped", "slow", "drip"}:
                assert json.loads(answer[2]) == good
            elif name == "huge":
                assert len(answer[2]) == 5_000
            else:
                with pytest.raises((ValueError, AssertionError)):
                    assert json.loads(answer[2]) == good
        assert json.loads(ask(proxy.url, HEAD)[2]) == good
        assert proxy.spoilt == {name: 2}
        assert proxy.asked == {"eth_blockNumber": 3}


def test_connection_breaks_in_the_middle_of_the_body(node: Anvil) -> None:
    with faulty(node.url, Fault("cut")) as proxy:
        with pytest.raises(aiohttp.ClientError):
            ask(proxy.url, LOGS)
        assert json.loads(ask(proxy.url, LOGS)[2]) == node.post(LOGS)


def test_redirect_leads_where_it_is_told_to(node: Anvil) -> None:
    async def go(url: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(url, json=HEAD, allow_redirects=False) as answer:
            return answer.status, answer.headers["Location"]

    with faulty(node.url, Fault("redirect", target="http://169.254.169.254/latest")) as proxy:
        assert asyncio.run(go(proxy.url)) == (302, "http://169.254.169.254/latest")


def result(url: str, body: dict[str, Any]) -> Any:
    answer = json.loads(ask(url, body)[2])
    return answer.get("result", answer.get("error"))


def test_faults_of_the_content_change_what_they_say(node: Anvil) -> None:
    logs = node.post(LOGS)["result"]
    assert len(logs) == 13
    trace = rpc("trace_block", "0x3")
    traces = node.post(trace)["result"]
    receipts = rpc("eth_getBlockReceipts", "0x3")

    def spoilt(fault: Fault, body: dict[str, Any]) -> Any:
        with faulty(node.url, fault) as proxy:
            found = result(proxy.url, body)
            assert proxy.spoilt == {fault.name: 1}
            assert result(proxy.url, body) == node.post(body).get("result")
        return found

    assert spoilt(Fault("no logs"), LOGS) == []
    assert spoilt(Fault("lost log"), LOGS) == logs[:-1]
    assert [len(r["logs"]) for r in spoilt(Fault("lost log"), receipts)] == [0, 0, 0]
    assert spoilt(Fault("cap", count=5), LOGS) == logs[:5]
    assert spoilt(Fault("doubled"), trace) == [row for row in traces for _ in range(2)]
    assert spoilt(Fault("lost trace"), trace) == traces[:-1]
    assert spoilt(Fault("refused"), LOGS)["code"] == -32601
    assert spoilt(Fault("too many"), LOGS)["code"] == -32005
    assert {log["blockHash"] for log in spoilt(Fault("other block"), LOGS)} == {"0x" + "ab" * 32}
    assert len(spoilt(Fault("phony log"), LOGS)) == 14


def test_lagging_node_knows_nothing_of_the_newest_blocks(node: Anvil) -> None:
    late = node.rpc("eth_getBlockByNumber", "0x6", False)["transactions"][0]
    with faulty(node.url, Fault("lagging", times=None, count=2)) as proxy:
        assert result(proxy.url, HEAD) == "0x5"
        assert result(proxy.url, rpc("eth_getBlockByNumber", "0x6", False)) is None
        assert result(proxy.url, rpc("eth_getBlockByNumber", "0x5", False))["number"] == "0x5"
        assert result(proxy.url, rpc("eth_getTransactionReceipt", late)) is None
        assert len(result(proxy.url, LOGS)) == 9
        balance = rpc("eth_getBalance", node.accounts[0], "0x6")
        assert result(proxy.url, balance)["message"] == "header not found"


def test_faults_of_a_batch_and_only_some_methods(node: Anvil) -> None:
    batch = [rpc("eth_blockNumber") | {"id": n} for n in range(3)]
    seen = {}
    for name in BATCH:
        with faulty(node.url, Fault(name)) as proxy:
            seen[name] = [answer["id"] for answer in json.loads(ask(proxy.url, batch)[2])]
            assert [answer["id"] for answer in json.loads(ask(proxy.url, batch)[2])] == [0, 1, 2]
    assert seen == {
        "same id": [0, 1, 0], "wrong id": [0, 1, 987_654_321], "shuffled": [2, 1, 0], "lost answer": [0, 1],
    }  # fmt: skip
    with faulty(node.url, Fault("error", times=None, only=frozenset({"eth_chainId"}))) as proxy:
        assert ask(proxy.url, HEAD)[0] == 200
        assert ask(proxy.url, rpc("eth_chainId"))[0] == 500


def test_web_socket_passes_on_spoils_and_breaks(node: Anvil) -> None:
    async def go(url: str) -> tuple[Any, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await socket.send_json(LOGS)
            logs = json.loads((await socket.receive()).data)["result"]
            await socket.send_json(HEAD)
            return logs, (await socket.receive()).type

    with faulty(node.url, Fault("cut", only=frozenset({"eth_blockNumber"})), Fault("no logs")) as proxy:
        assert asyncio.run(go(proxy.ws)) == ([], aiohttp.WSMsgType.CLOSE)
        assert proxy.spoilt == {"no logs": 1, "cut": 1}
    with faulty(node.url) as proxy:
        assert asyncio.run(go(proxy.ws)) == (node.post(LOGS)["result"], aiohttp.WSMsgType.TEXT)


def test_page_before_is_answered_again(node: Anvil) -> None:
    def page(after: int) -> dict[str, Any]:
        return rpc("trace_filter", {"fromBlock": "0x0", "toBlock": "0x7", "after": after, "count": 4})

    first, second = (node.post(page(after))["result"] for after in (0, 4))
    assert first != second
    with faulty(node.url, Fault("same page")) as proxy:
        assert result(proxy.url, page(4)) == first
        assert result(proxy.url, page(4)) == second


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(TRANSPORT) + len(CONTENT) + len(BATCH) == len(NAMES)
