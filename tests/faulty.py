"""A server that stands before a good one and spoils its answers, in named ways: HTTP, JSON-RPC, and over WebSocket.

    with faulty(node.url, Fault("storm", times=2)) as proxy:  # proxy.url, proxy.ws, proxy.asked, proxy.spoilt

Faults of the transport spoil a response whatever it says; faults of the content and of the batch change what a node
answers, so that it still looks well. `times`: how often the same question is spoilt before it is answered well (None:
always). Invariant: what is not spoilt says what the good server said, and `spoilt` counts what was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from tests.faults import BATCH, CONTENT, Json, spoil_batch, spoil_result

TRANSPORT = {
    "storm": "429 with Retry-After: 1",
    "busy": "429 without Retry-After",
    "error": "500",
    "gateway": "502 with a page of HTML",
    "down": "503 with Retry-After: 1",
    "slow": "a body that stops for `seconds` in the middle",
    "drip": "a body that comes in pieces over `seconds`",
    "hang": "no answer for `seconds`",
    "half": "well-formed HTTP, JSON that ends in the middle",
    "cut": "the connection breaks in the middle of the body",
    "page": "200 with a page of HTML",
    "mistyped": "the right body called text/html",
    "empty": "200 with no body",
    "huge": "a body of `count` bytes",
    "redirect": "302 to `target`",
    "same page": "the page before is answered again (page= of an address, `after` of trace_filter)",
}
NAMES = (*TRANSPORT, *CONTENT, *BATCH)
_HTML = b"<!doctype html><title>Just a moment...</title><p>Checking your browser"
_HEADERS = {
    "storm": (429, {"Retry-After": "1"}),
    "busy": (429, {}),
    "error": (500, {}),
    "down": (503, {"Retry-After": "1"}),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil; `only`: the JSON-RPC methods that it touches (all if empty); `most`: how often in all."""

    name: str
    times: int | None = 1
    only: frozenset[str] = frozenset()
    count: int = 3
    seconds: float = 1.0
    target: str = ""
    most: int | None = None

    def __post_init__(self) -> None:
        assert self.name in NAMES, self.name


@dataclass(slots=True)
class Proxy:
    """The running server; `faults` may be changed while it runs."""

    target: str
    faults: tuple[Fault, ...]
    url: str = ""
    ws: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    spoilt: Counter[str] = field(default_factory=Counter)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    session: aiohttp.ClientSession | None = None

    def due(self, question: str, methods: set[str], kinds: dict[str, str]) -> list[Fault]:
        """The faults that this question meets now."""
        found = []
        for fault in self.faults:
            if fault.name not in kinds or (fault.only and not fault.only & methods):
                continue
            if fault.most is not None and self.spoilt[fault.name] >= fault.most:
                continue
            key = fault.name, question
            if fault.times is None or self.seen[key] < fault.times:
                self.seen[key] += 1
                found.append(fault)
        return found

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request: asked on, spoilt, answered."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        raw, path = await request.read(), request.raw_path
        self.requests += 1
        calls = _calls(raw)
        methods = {str(c.get("method")) for c in calls}
        self.asked.update([str(c.get("method")) for c in calls] or [request.path])
        fault = next(iter(self.due(_question(request.method, path, calls or raw), methods, TRANSPORT)), None)
        if fault is not None:
            self.spoilt[fault.name] += 1
            instead = await _instead(fault)
            if instead is not None:
                return instead
            if fault.name == "same page":
                path, raw = _page_before(path, calls, raw)
        status, kind, body = await self._ask(request.method, path, raw)
        if calls:
            body = await self._spoil(calls, body)
        return await _answer(request, status, kind, body, fault)

    async def _ask(self, method: str, path: str, raw: bytes) -> tuple[int, str, bytes]:
        assert self.session is not None
        url = URL(self.target + path, encoded=True)
        headers = {"Content-Type": "application/json"} if raw else {}
        async with self.session.request(method, url, data=raw or None, headers=headers) as answer:
            return answer.status, answer.headers.get("Content-Type", "application/json"), await answer.read()

    async def _spoil(self, calls: list[dict[str, Json]], body: bytes) -> bytes:
        """What a node answered, with its content and its batch spoilt."""
        decoded = json.loads(body)
        answers = decoded if isinstance(decoded, list) else [decoded]
        by_id = {answer.get("id"): answer for answer in answers}
        touched = False
        for call in calls:
            answer = by_id.get(call.get("id"))
            for fault in self.due(_question("RPC", "", [call]), {str(call.get("method"))}, CONTENT):
                head = int(await self._rpc("eth_blockNumber", []), 16)
                if answer is not None and spoil_result(fault.name, fault.count, head, call, answer):
                    self.spoilt[fault.name] += 1
                    touched = True
        if len(answers) > 1:
            question, methods = _question("BATCH", "", calls), {str(c.get("method")) for c in calls}
            for fault in self.due(question, methods, BATCH):
                answers = spoil_batch(fault.name, answers)
                self.spoilt[fault.name] += 1
                touched = True
        if not touched:
            return body
        return json.dumps(answers if isinstance(decoded, list) else answers[0]).encode()

    async def _rpc(self, method: str, params: list[Json]) -> str:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return str(json.loads((await self._ask("POST", "/", body))[2])["result"])

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Messages both ways; an answer to a call is spoilt as over HTTP, "cut" closes the socket instead."""
        assert self.session is not None
        here = web.WebSocketResponse(max_msg_size=0)
        await here.prepare(request)
        async with self.session.ws_connect(self.target.replace("http", "ws", 1), max_msg_size=0) as there:
            waiting: dict[str, list[dict[str, Json]]] = {}
            back = asyncio.create_task(self._back(here, there, waiting))
            try:
                async for message in here:
                    if message.type != aiohttp.WSMsgType.TEXT:
                        break
                    calls = _calls(message.data.encode())
                    self.requests += 1
                    self.asked.update(str(c.get("method")) for c in calls)
                    methods = {str(c.get("method")) for c in calls}
                    if self.due(_question("WS", "", calls), methods, {"cut": ""}):
                        self.spoilt["cut"] += 1
                        break
                    waiting[_ids(calls)] = calls
                    await there.send_str(message.data)
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
                await here.close()
        return here

    async def _back(
        self,
        here: web.WebSocketResponse,
        there: aiohttp.ClientWebSocketResponse,
        waiting: dict[str, list[dict[str, Json]]],
    ) -> None:
        async for message in there:
            if message.type != aiohttp.WSMsgType.TEXT:
                break
            raw = message.data.encode()
            calls = waiting.pop(_ids(_calls(raw)), None)
            await here.send_str((await self._spoil(calls, raw)).decode() if calls else message.data)
        await here.close()


def _calls(raw: bytes) -> list[dict[str, Json]]:
    """The JSON-RPC calls (or answers) of a body; none if it is something else."""
    if not raw:
        return []
    decoded = json.loads(raw)
    found = decoded if isinstance(decoded, list) else [decoded]
    return [c for c in found if isinstance(c, dict) and "jsonrpc" in c]


def _ids(calls: list[dict[str, Json]]) -> str:
    return json.dumps(sorted(str(call.get("id")) for call in calls))


def _question(method: str, path: str, asked: list[dict[str, Json]] | bytes) -> str:
    """The same for the same question, whatever the ids of its calls are."""
    if isinstance(asked, list):
        asked = json.dumps([[c.get("method"), c.get("params")] for c in asked]).encode()
    return hashlib.sha256(f"{method} {path} ".encode() + asked).hexdigest()


def _page_before(path: str, calls: list[dict[str, Json]], raw: bytes) -> tuple[str, bytes]:
    url = URL("http://x" + path, encoded=True)
    if int(url.query.get("page", "1")) > 1:
        return str(url.update_query(page=str(int(url.query["page"]) - 1)).relative()), raw
    for call in calls:
        if call.get("method") == "trace_filter" and call["params"][0].get("after"):
            asked = call["params"][0]
            after = int(str(asked["after"]), 0) - int(str(asked.get("count", 0)), 0)
            asked["after"] = max(after, 0) if isinstance(asked["after"], int) else hex(max(after, 0))
            return path, json.dumps(calls if len(calls) > 1 else call).encode()
    return path, raw


async def _instead(fault: Fault) -> web.Response | None:
    """The response of a fault that needs no answer of the good server."""
    if fault.name in _HEADERS:
        status, headers = _HEADERS[fault.name]
        return web.json_response({"error": "no"}, status=status, headers=headers)
    if fault.name in {"gateway", "page"}:
        return web.Response(body=_HTML, status=502 if fault.name == "gateway" else 200, content_type="text/html")
    if fault.name in {"empty", "huge"}:
        body = b'["' + b"x" * (fault.count - 4) + b'"]' if fault.name == "huge" else b""
        return web.Response(body=body, content_type="application/json")
    if fault.name == "redirect":
        return web.Response(status=302, headers={"Location": fault.target})
    if fault.name == "hang":
        await asyncio.sleep(fault.seconds)
        return web.Response(status=504)
    return None


async def _answer(request: web.Request, status: int, kind: str, body: bytes, fault: Fault | None) -> web.StreamResponse:
    """The good server's answer, spoilt on its way."""
    name = fault.name if fault else ""
    plain = kind.split(";", maxsplit=1)[0]
    if name == "half":
        body = body[: len(body) // 2]
    if fault is None or name not in {"slow", "drip", "cut"}:
        return web.Response(body=body, status=status, content_type="text/html" if name == "mistyped" else plain)
    response = web.StreamResponse(status=status, headers={"Content-Type": plain, "Content-Length": str(len(body))})
    await response.prepare(request)
    middle = max(len(body) // 2, 1)
    if name == "drip":
        size = max(len(body) // 20, 1)
        for start in range(0, len(body), size):
            await response.write(body[start : start + size])
            await asyncio.sleep(fault.seconds / 20)
        return response
    await response.write(body[:middle])
    if name == "cut":
        assert request.transport is not None
        request.transport.close()
        return response
    await asyncio.sleep(fault.seconds)
    await response.write(body[middle:])
    return response


@contextmanager
def faulty(target: str, *faults: Fault) -> Iterator[Proxy]:
    """The proxy before `target`, on a free port, in a thread of its own, for tests that run anything beside it."""
    proxy = Proxy(target.rstrip("/"), faults)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with aiohttp.ClientSession(auto_decompress=True) as proxy.session:
            app = web.Application(client_max_size=1 << 28)
            app.router.add_route("*", "/{path:.*}", proxy.serve)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            proxy.url, proxy.ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
            ready.set()
            await stop.wait()
            await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(10), "the proxy did not start"
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
