"""The transport under faults: what is asked again, how often, what is given up, and what it says then."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dyepack.sources.live.client import Limits, Settings
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import BadAnswer, Forbidden, Refused, SourceError, Unreachable
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Call, Fault, Fetcher
from dyepack.sources.live.rates import Cost, Limiter, Rates, SystemClock
from dyepack.sources.live.retry import Retry
from tests.servers import LOCAL, Reply, RpcError, Seen, Server, rpc_body

T = TypeVar("T")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def settings(time: Time | None = None, **limits: Any) -> Settings:
    return Settings(limits=Limits(**limits), retry=Retry(draw=lambda: 0.5), rates=Rates(time or Time()))


def run(url: str, work: Callable[[Fetcher], Awaitable[T]], *, kept: Evidence | None = None,
        with_settings: Settings | None = None) -> T:  # fmt: skip
    async def inside() -> T:
        endpoint = Endpoint.parse(url if "+" in url else "evm+" + url, allow=LOCAL)
        async with Fetcher(endpoint, kept, settings=with_settings or settings()) as fetcher:
            return await work(fetcher)

    return asyncio.run(inside())


def numbers(count: int) -> list[Call]:
    return [Call("double", (n,)) for n in range(count)]


def double(method: str, params: list[Any]) -> object:
    return params[0] * 2


def read(answers: list[msgspec.Raw | Fault]) -> list[object]:
    return [a if isinstance(a, Fault) else msgspec.json.decode(a) for a in answers]


def test_storm_of_429_loses_nothing() -> None:
    """50 questions, each refused 3 times: 50 answers, 200 requests, 150 retries, and every Retry-After was waited."""
    tries: dict[str, int] = {}

    def busy(seen: Seen) -> Reply:
        tries[seen.path] = tries.get(seen.path, 0) + 1
        return Reply(b"[1]") if tries[seen.path] > 3 else Reply(status=429, headers={"Retry-After": "2"})

    async def work(fetcher: Fetcher) -> list[bytes]:
        return [a.body for a in await asyncio.gather(*(fetcher.get(f"x/{n}") for n in range(50)))]

    async def counted(fetcher: Fetcher) -> None:
        assert await work(fetcher) == [b"[1]"] * 50
        assert (fetcher.asked.requests, fetcher.asked.retries) == (200, 150)
        assert fetcher.asked.waited >= 300

    with Server() as server:
        server.on("/", busy)
        run(server.url, counted)
        assert server.hits == 200


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_never_passes_is_given_up_after_six_attempts(status: int) -> None:
    with Server() as server:
        server.answer(b"down", status=status, type="text/plain")
        with pytest.raises(Unreachable, match=rf"status {status} \(tried 6 times\)"):
            run(server.url, lambda f: f.get("x"))
        assert server.hits == 6


def test_passing_5xx_are_answered() -> None:
    with Server() as server:
        server.script(*(Reply(status=status) for status in (500, 502, 503, 504, 529)))
        server.answer(b"[7]")
        assert run(server.url, lambda f: f.get("x")).body == b"[7]"
        assert server.hits == 6


@pytest.mark.parametrize(
    ("said", "waited"),
    [("7", 7.0), ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0), ("nonsense", 0.25), ("-5", 0.25), ("1e9", 0.25)],
)
def test_retry_after_is_waited(said: str, waited: float) -> None:
    time = Time()
    with Server() as server:
        date = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}
        server.script(Reply(status=503, headers={"Retry-After": said, **date}))
        run(server.url, lambda f: f.get("x"), with_settings=settings(time))
        assert server.hits == 2
    assert time.seconds == pytest.approx(waited)


def test_a_wait_beyond_the_ceiling_is_not_begun() -> None:
    time = Time()
    with Server() as server:
        server.answer(b"", status=429, headers={"Retry-After": "3600"})
        with pytest.raises(Unreachable, match="429"):
            run(server.url, lambda f: f.get("x"), with_settings=settings(time))
        assert server.hits == 1
    assert time.seconds == 0


def test_waits_grow_with_full_jitter_and_stop_at_the_ceiling() -> None:
    """The longest waits drawn (1.0): 0.5 + 1 + 2 + 4 + 8 seconds, never more than 120 in all."""
    time = Time()
    made = settings(time)
    made.retry.draw = lambda: 1.0
    with Server() as server:
        server.answer(status=500)
        with pytest.raises(Unreachable):
            run(server.url, lambda f: f.get("x"), with_settings=made)
    assert time.seconds == pytest.approx(15.5)
    assert made.retry.ceiling == 120


def test_slow_bodies_end_in_time() -> None:
    """A byte each 50 ms: the limit of an attempt ends it; no byte for longer than the idle limit ends it too."""
    for reply in (Reply(b"[" + b"1," * 5000 + b"1]", drip=0.05), Reply(b"[1]", delay=30)):
        made = settings(idle=0.2)
        made.retry.attempts, made.retry.attempt = 2, 0.4
        with Server() as server:
            server.answer()
            server.script(reply, reply)
            with pytest.raises(Unreachable, match=r"(?s)time.*tried 2 times|Timeout.*tried 2 times"):
                run(server.url, lambda f: f.get("x"), with_settings=made)
            assert server.hits == 2


@pytest.mark.parametrize("broken", [Reply(b'{"a":[1,2,3]}', cut=7), Reply(b'{"a":[1,2'), Reply(b""), Reply(reset=True)])
def test_half_json_and_resets_are_asked_again(broken: Reply) -> None:
    with Server() as server:
        server.script(broken, broken)
        server.answer(b'{"a":[1,2,3]}')
        assert run(server.url, lambda f: f.get("x")).body == b'{"a":[1,2,3]}'
        assert server.hits == 3


def test_json_that_stays_cut_short_is_a_bad_answer() -> None:
    with Server() as server:
        server.answer(b'{"a":[1,2')
        with pytest.raises(BadAnswer, match=r"cut short.*tried 6 times"):
            run(server.url, lambda f: f.get("x"))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(b"<html>busy</html>", type="text/html"), "text/html"),
        (Reply(b"{}", type="application/octet-stream"), "octet-stream"),
        (Reply(b"Error: no", type="text/plain"), "no JSON"),
        (Reply(b"{} {}"), "no JSON"),
        (Reply(b"[" * 100_000), "no JSON|cut short"),
        (Reply(b"{}", headers={"Content-Encoding": "br"}), "coding"),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "not compressed"),
        (Reply(gzip.compress(b"{}") + b"more", headers={"Content-Encoding": "gzip"}), "compressed end"),
    ],
)
def test_answers_of_another_kind_are_refused_at_once(reply: Reply, why: str) -> None:
    with Server() as server:
        server.answer()
        server.script(*[reply] * 6)
        with pytest.raises(BadAnswer, match=why):
            run(server.url, lambda f: f.get("x"))


def test_types_that_pass() -> None:
    with Server() as server:
        types = {"application/json; charset=utf-8": "json", "text/plain": "json", "application/x+json": "json",
                 "text/x": "text", "application/octet-stream": "bytes"}  # fmt: skip
        for said, kind in types.items():
            server.script(Reply(b"812", type=said))
            assert run(server.url, lambda f, k=kind: f.get("x", kind=k)).body == b"812"  # type: ignore[misc]
        server.script(Reply(b"<html>", type="text/html"), Reply(b"<html>", type="text/html"))
        for kind in ("text", "bytes"):
            with pytest.raises(BadAnswer, match="text/html"):
                run(server.url, lambda f, k=kind: f.get("x", kind=k))  # type: ignore[misc]


def test_gzip_and_deflate_are_unpacked() -> None:
    body = msgspec.json.encode(list(range(50_000)))
    with Server() as server:
        server.script(Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}),
                      Reply(zlib.compress(body), headers={"Content-Encoding": "deflate"}))  # fmt: skip
        assert run(server.url, lambda f: f.get("x")).body == body
        assert run(server.url, lambda f: f.get("x")).body == body
        assert server.seen[0].headers["Accept-Encoding"] == "gzip"
        cut = Reply(gzip.compress(body)[:-9], headers={"Content-Encoding": "gzip"})
        server.script(cut)
        server.answer(b"[]")
        assert run(server.url, lambda f: f.get("x")).body == b"[]"


def test_a_body_over_the_cap_stops_early() -> None:
    with Server() as server:
        server.answer(b"[" + b"1," * 16_000_000 + b"1]")

        async def work(fetcher: Fetcher) -> int:
            with pytest.raises(BadAnswer, match="larger than 1,000,000 bytes"):
                await fetcher.get("x")
            return fetcher.asked.received

        assert run(server.url, work, with_settings=settings(size=1_000_000)) < 2_000_000
        assert server.hits == 1


def test_a_gzip_bomb_does_not_unfold() -> None:
    """200 MB of spaces in 200 kB: memory stays below 8 MB."""
    bomb = gzip.compress(b" " * 200_000_000, 9)
    with Server() as server:
        server.answer(bomb, headers={"Content-Encoding": "gzip"})
        tracemalloc.start()
        with pytest.raises(BadAnswer, match="larger than"):
            run(server.url, lambda f: f.get("x"), with_settings=settings(size=1_000_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(bomb) < 250_000
    assert peak < 8_000_000


def test_redirects_are_not_followed() -> None:
    with Server() as other, Server() as server:
        for status in (301, 302, 303, 307, 308):
            server.script(Reply(status=status, headers={"Location": other.url + "/elsewhere"}))
            with pytest.raises(Refused, match="elsewhere"):
                run(server.url, lambda f: f.get("x"))
        assert other.hits == 0


def test_clients_errors_are_final() -> None:
    with Server() as server:
        for status in (400, 401, 403, 404, 410, 451):
            server.script(Reply(b"no\x1b[31m" + b"x" * 999, status=status, type="text/plain"))
            with pytest.raises(Refused, match=f"status {status}") as told:
                run(server.url, lambda f: f.get("x"))
            assert "\x1b" not in str(told.value)
            assert len(str(told.value)) < 400
        assert server.hits == 6
        server.script(Reply(b"no such block", status=404, type="text/plain"))
        answer = run(server.url, lambda f: f.get("x", missing_ok=True))
        assert (answer.status, answer.body) == (404, b"no such block")


def test_a_busy_answer_under_status_200_is_waited_for() -> None:
    """Explorers say "max rate limit reached" in a body; the adapter tells it, the one retry layer waits."""
    with Server() as server:
        server.script(Reply(b'{"result":"Max rate limit reached"}'), Reply(b'{"result":"Max rate limit reached"}'))
        server.answer(b'{"result":[]}')
        answer = run(server.url, lambda f: f.get("", {"module": "account"}, busy=lambda body: b"rate limit" in body))
        assert answer.body == b'{"result":[]}'
        assert server.hits == 3


@pytest.mark.parametrize("path", ["a/../b", "..", "a//b", "a?x=1", "a#b", "a%2e", "a b", "a\\b", "é", "a/./b", "x\n"])
def test_paths_made_of_bad_text_are_not_asked(path: str) -> None:
    with Server() as server:
        with pytest.raises(Forbidden):
            run(server.url, lambda f: f.get(path))
        assert server.hits == 0


def test_paths_and_queries_are_joined() -> None:
    with Server() as server:
        url = f"x+{server.url}/v2/api/?chainid=1"
        run(url, lambda f: f.get("block/00ff", {"q": "a b&c=d"}))
        run(url, lambda f: f.get("", {"a": "1"}))
        run(url, lambda f: f.post("p", {"k": [1]}))
        assert [s.url for s in server.seen] == [
            "/v2/api/block/00ff?chainid=1&q=a%20b%26c%3Dd", "/v2/api/?chainid=1&a=1", "/v2/api/p?chainid=1",
        ]  # fmt: skip
        assert server.seen[2].json() == {"k": [1]}


# JSON-RPC over HTTP.


def test_calls_are_batched_and_come_back_in_order() -> None:
    with Server() as server:
        server.rpc(double)
        calls, wanted = numbers(250) + numbers(10), [2 * n for n in [*range(250), *range(10)]]
        assert read(run(server.url, lambda f: f.rpc(calls))) == wanted
        assert sorted(len(s.json()) for s in server.seen) == [50, 100, 100]  # type: ignore[arg-type]
        assert read(run(server.url, lambda f: f.rpc(numbers(1)))) == [0]
        assert isinstance(server.seen[-1].json(), dict)
        assert read(run(server.url, lambda f: f.rpc([]))) == []


def test_errors_of_calls_are_answers() -> None:
    def some(method: str, params: list[Any]) -> object:
        if params[0] == 1:
            raise RpcError(-32601, "no such method")
        return None

    with Server() as server:
        server.rpc(some)
        assert read(run(server.url, lambda f: f.rpc(numbers(3)))) == [None, Fault(-32601, "no such method"), None]


def test_core_says_errors_under_status_500() -> None:
    with Server() as server:
        server.script(Reply(b'{"result":null,"error":{"code":-5,"message":"No such tx"},"id":1}', status=500))
        assert read(run(server.url, lambda f: f.rpc(numbers(1)))) == [Fault(-5, "No such tx")]
        warming = b'{"result":null,"error":{"code":-28,"message":"Loading block index"},"id":1}'
        server.script(Reply(warming, status=500), Reply(b'{"result":3,"error":null,"id":1}'))
        assert read(run(server.url, lambda f: f.rpc(numbers(1)))) == [3]


def test_text_of_another_coding_under_an_error_status_is_refused() -> None:
    with Server() as server:
        server.answer(b'{"\xff":1}', status=400)
        with pytest.raises(Refused, match="refuses with status 400"):
            run(server.url, lambda f: f.rpc(numbers(1)))


def test_rate_limits_inside_json_rpc_are_waited_for() -> None:
    with Server() as server:
        for error in (b'{"code":429,"message":"x"}', b'{"code":-32005,"message":"daily request limit: rate limited"}'):
            server.script(Reply(b'{"jsonrpc":"2.0","id":1,"error":' + error + b"}"))
            server.rpc(double)
            assert read(run(server.url, lambda f: f.rpc(numbers(1)))) == [0]
        assert server.hits == 4


IDS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "missing": lambda ids: ids[:-1],
    "doubled": lambda ids: ids[:-1] + ids[:1],
    "foreign": lambda ids: [*ids[:-1], 999],
    "text": lambda ids: [str(i) for i in ids],
    "null": lambda ids: [*ids[:-1], None],
    "extra": lambda ids: [*ids, 999],
}


@pytest.mark.parametrize("fault", IDS)
def test_ids_that_do_not_fit_are_bad_answers(fault: str) -> None:
    def reply(seen: Seen) -> Reply:
        asked: Any = seen.json()
        ids = IDS[fault]([one["id"] for one in asked])
        return Reply(msgspec.json.encode([{"id": i, "result": i} for i in ids]))

    with Server() as server:
        server.on("/", reply)
        with pytest.raises(BadAnswer, match=r"id|answer"):
            run(server.url, lambda f: f.rpc(numbers(5)))


def test_answers_in_another_order_are_sorted() -> None:
    def reply(seen: Seen) -> Reply:
        asked: Any = seen.json()
        return Reply(msgspec.json.encode([{"id": a["id"], "result": a["params"][0]} for a in reversed(asked)]))

    with Server() as server:
        server.on("/", reply)
        assert read(run(server.url, lambda f: f.rpc(numbers(20)))) == list(range(20))


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b'{"id":1}', b'{"id":1,"error":"text"}', b"[[]]"])
def test_bodies_that_are_no_json_rpc(body: bytes) -> None:
    with Server() as server:
        server.answer(body)
        with pytest.raises(SourceError):
            run(server.url, lambda f: f.rpc(numbers(1)))


REFUSALS = {
    "too often": lambda: Reply(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"rate limit"}}'),
    "status 413": lambda: Reply(b"too large", status=413, type="text/plain"),
    "status 400": lambda: Reply(b"batch not supported", status=400, type="text/plain"),
    "one error": lambda: Reply(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}'),
    "in a list": lambda: Reply(b'[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch limit"}}]'),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_batches_are_halved_where_the_server_refuses_them(way: str) -> None:
    def reply(seen: Seen) -> Reply:
        asked: Any = seen.json()
        return REFUSALS[way]() if isinstance(asked, list) and len(asked) > 10 else Reply(rpc_body(seen.body, double))

    with Server() as server:
        server.on("/", reply)
        assert read(run(server.url, lambda f: f.rpc(numbers(100)))) == [2 * n for n in range(100)]
        assert server.hits <= (32 if way != "too often" else 6 * 15 + 16)


def test_batches_whose_bodies_are_over_the_cap_are_halved() -> None:
    with Server() as server:
        server.rpc(lambda method, params: "x" * 1000)
        answers = run(server.url, lambda f: f.rpc(numbers(64)), with_settings=settings(size=20_000))
        assert read(answers) == ["x" * 1000] * 64


def test_one_failing_batch_stops_the_rest_and_what_came_is_kept(tmp_path: Path) -> None:
    def reply(seen: Seen) -> Reply:
        asked: Any = seen.json()
        return Reply(status=403) if asked[0]["params"][0] == 300 else Reply(rpc_body(seen.body, double))

    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.on("/", reply)
        with pytest.raises(Refused, match="403"):
            run(f"evm+{server.url}#parallel=1", lambda f: f.rpc(numbers(1000)), kept=kept)
        assert server.hits <= 5
        assert len(kept) == 400


# Rates.


def test_a_host_is_asked_no_faster_than_its_rate() -> None:
    """41 requests at 20 a second take 2 seconds, from 2 fetchers of one host together; batches may count as calls."""
    time = Time()
    rates = settings(time)
    with Server() as server:
        server.rpc(double)
        url = f"evm+{server.url}#rate=20"

        async def work(fetcher: Fetcher) -> None:
            other = Fetcher(fetcher.endpoint, settings=rates)
            await asyncio.gather(*(f.get(f"{n}") for n in range(20) for f in (fetcher, other)), fetcher.get("x"))
            await other.close()

        server.answer()
        run(url, work, with_settings=rates)
        assert server.hits == 41
        assert time.seconds == pytest.approx(2.0)
        server.rpc(double)
        time.seconds, rates.rates = 0.0, Rates(time)
        run(url + "&count=calls", lambda f: f.rpc(numbers(300)), with_settings=rates)
        assert time.seconds == pytest.approx(10.0)


def test_rates_are_for_others_and_not_for_named_hosts() -> None:
    rates = Rates(Time())
    assert rates.of(Endpoint.parse("evm+https://example.org"))._rate == 20
    assert rates.of(Endpoint.parse("evm+http://127.0.0.1:1", allow=LOCAL))._rate is None
    assert rates.of(Endpoint.parse("evm+https://example.net#rate=0"))._rate is None
    one, same = (rates.of(Endpoint.parse(f"evm+https://example.org/{path}")) for path in "xy")
    assert one is same


def test_no_more_at_a_time_than_the_host_allows() -> None:
    """Counted by who is asked: the server answers late, so that questions would pile up there."""
    now = most = 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return web.json_response(1)

    async def inside() -> None:
        app = web.Application()
        app.router.add_get("/{at}", slow)
        async with TestServer(app) as server:
            endpoint = Endpoint.parse(f"evm+http://127.0.0.1:{server.port}", allow=LOCAL)
            async with Fetcher(endpoint, settings=settings()) as fetcher:
                await asyncio.gather(*(fetcher.get(str(n)) for n in range(40)))

    asyncio.run(inside())
    assert most == 8


@pytest.mark.parametrize("rate", [100.0, None])
def test_a_host_that_says_wait_is_left_alone_by_those_that_queue_already(rate: float | None) -> None:
    """Then they go at its rate, with no burst."""
    clock = SystemClock()
    went: list[float] = []

    async def inside() -> float:
        limiter = Limiter(rate, 8, clock)

        async def one() -> None:
            async with limiter.turn(1, Cost()):
                went.append(clock.now())

        limiter.hold(0.05)
        queued = [asyncio.create_task(one()) for _ in range(5)]
        await asyncio.sleep(0.01)
        limiter.hold(0.2)
        until = clock.now() + 0.19
        await asyncio.gather(*queued, *(one() for _ in range(3)))
        return until

    until = asyncio.run(inside())
    assert len(went) == 8
    assert all(at >= until + (number / rate if rate else 0) for number, at in enumerate(sorted(went)))


def test_clocks_that_differ_are_noted_once(tmp_path: Path) -> None:
    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        made = replace(settings(), today=lambda: NOON)
        run(server.url, lambda f: asyncio.gather(f.get("a"), f.get("b")), kept=kept, with_settings=made)
        assert len(kept.notes()) == (1 if abs((datetime.now(UTC) - NOON).total_seconds()) > 60 else 0)
        made = replace(settings(), today=lambda: datetime.now(UTC))
        with Evidence(tmp_path / "other") as other:
            run(server.url, lambda f: f.get("a"), kept=other, with_settings=made)
            assert other.notes() == []


# WebSocket.


def echoing(server: Server, change: Callable[[dict[str, Any], int], list[object]] | None = None) -> None:
    async def talk(ws: web.WebSocketResponse) -> None:
        count = 0
        async for message in ws:
            count += 1
            asked = msgspec.json.decode(message.data)
            for one in change(asked, count) if change else [{"id": asked["id"], "result": asked["params"][0] * 2}]:
                if one == "close":
                    await ws.close()
                    return
                await ws.send_str(one if isinstance(one, str) else msgspec.json.encode(one).decode())

    server.socket(talk)


def good(asked: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"][0] * 2}


def test_calls_over_websocket_use_one_connection() -> None:
    with Server() as server:
        held: list[dict[str, Any]] = []

        def backwards(asked: dict[str, Any], count: int) -> list[object]:
            held.append(asked)
            return [good(held.pop()) for _ in range(len(held))] if count % 5 == 0 else []

        echoing(server, backwards)
        assert read(run(server.ws_url, lambda f: f.rpc(numbers(300)))) == [2 * n for n in range(300)]
        assert server.connections == 1


def test_a_broken_websocket_is_opened_again() -> None:
    """The connection ends after every 30 calls: all 200 answers come, over several connections."""
    with Server() as server:
        echoing(server, lambda asked, count: [good(asked)] if count <= 30 else ["close"])
        url = f"evm+{server.ws_url}#parallel=1&batch=25"
        assert read(run(url, lambda f: f.rpc(numbers(200)))) == [2 * n for n in range(200)]
        assert server.connections >= 7


WS_FAULTS: dict[str, Callable[[dict[str, Any]], list[object]]] = {
    "foreign id": lambda asked: [{"id": 9999, "result": 1}],
    "doubled id": lambda asked: [good(asked), good(asked)],
    "text id": lambda asked: [{"id": "one", "result": 1}],
    "no id": lambda asked: [{"result": 1}],
    "no result": lambda asked: [{"id": asked["id"]}],
    "no JSON": lambda asked: ['{"id":'],
    "too large": lambda asked: [{"id": asked["id"], "result": "x" * 2_000_000}],
}


@pytest.mark.parametrize("fault", WS_FAULTS)
def test_bad_messages_end_the_question(fault: str) -> None:
    with Server() as server:
        echoing(server, lambda asked, count: WS_FAULTS[fault](asked) if count > 1 else [good(asked)])

        async def work(fetcher: Fetcher) -> None:
            await fetcher.rpc(numbers(1))
            await fetcher.rpc([Call("double", (5,)), Call("double", (6,))])

        with pytest.raises(BadAnswer):
            run(server.ws_url, work, with_settings=settings(size=1_000_000))


def test_answers_that_nobody_waits_for_any_more_harm_nobody() -> None:
    """A question is cancelled, its answer comes late: the connection goes on."""
    held: list[dict[str, Any]] = []

    def late(asked: dict[str, Any], count: int) -> list[object]:
        held.append(asked)
        return [] if count == 1 else [good(one) for one in held]

    async def work(fetcher: Fetcher) -> list[object]:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fetcher.rpc([Call("double", (7,))]), 0.2)
        return read(await fetcher.rpc([Call("double", (8,))]))

    with Server() as server:
        echoing(server, late)
        assert run(server.ws_url, work) == [16]
        assert server.connections == 1


def test_a_silent_websocket_is_given_up() -> None:
    made = settings()
    made.retry.attempts, made.retry.attempt = 2, 0.2
    with Server() as server:
        echoing(server, lambda asked, count: [])
        with pytest.raises(Unreachable, match="tried 2 times"):
            run(server.ws_url, lambda f: f.rpc(numbers(3)), with_settings=made)
        assert server.connections == 2


def test_a_server_without_websocket_is_refused() -> None:
    with Server() as server:
        server.answer(status=404)
        with pytest.raises(Refused, match="404"):
            run(server.ws_url, lambda f: f.rpc(numbers(1)))
        server.answer(status=302, headers={"Location": server.url})
        with pytest.raises(SourceError):
            run(server.ws_url, lambda f: f.rpc(numbers(1)))


def test_subscriptions_say_what_comes_even_before_they_are_known() -> None:
    def feed(asked: dict[str, Any], count: int) -> list[object]:
        note = [{"method": "eth_subscription", "params": {"subscription": "0x1", "result": n}} for n in range(100)]
        return [note[0], {"id": asked["id"], "result": "0x1"}, *note[1:], "close"]

    async def work(fetcher: Fetcher) -> list[object]:
        heads: list[object] = []
        try:
            async for head in fetcher.subscribe("eth_subscribe", ["newHeads"]):
                heads.append(msgspec.json.decode(head))
        except Unreachable:
            heads.append("ended")
        return heads

    with Server() as server:
        echoing(server, feed)
        assert run(server.ws_url, work) == [*range(100), "ended"]


def test_only_a_websocket_can_be_subscribed_to() -> None:
    async def work(fetcher: Fetcher) -> None:
        with pytest.raises(Forbidden):
            fetcher.subscribe("eth_subscribe", ["newHeads"])

    run("http://127.0.0.1:1", work)
