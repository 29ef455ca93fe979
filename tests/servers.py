"""An HTTP and WebSocket server on 127.0.0.1 in a thread of its own, whose faults are written down beforehand.

with Server() as server:
    server.answer(b'{"a":1}')                            # for every request
    server.script(Reply(status=429), Reply(b"[]"))       # these first, one request each
    server.on("/block", handler)                         # a function of the Seen request, by path prefix
    Endpoint.parse(f"esplora+{server.url}", allow=["127.0.0.1"])
server.seen                                              # what was asked, in order
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

LOCAL = ("127.0.0.1",)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the server saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> object:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or how it goes wrong.

    delay: seconds before the first byte; drip: seconds between single bytes; cut: send only so many bytes of what
    Content-Length promises, then close; reset: close without an answer.
    """

    body: bytes = b"{}"
    status: int = 200
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: int | None = None
    reset: bool = False


Handler = Callable[[Seen], Reply]
SocketHandler = Callable[[web.WebSocketResponse], Awaitable[None]]


class Server:
    """Listens from `with` to its end; `url` is its base, `ws_url` the same for WebSocket."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.port = 0
        self._script: deque[Reply] = deque()
        self._handlers: list[tuple[str, Handler]] = []
        self._default: Handler = lambda _: Reply()
        self._socket: SocketHandler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def hits(self) -> int:
        return len(self.seen)

    def answer(self, body: bytes = b"{}", **facts: object) -> None:
        """The answer to whatever nothing else answers."""
        reply = Reply(body, **facts)  # type: ignore[arg-type]
        self._default = lambda _: reply

    def script(self, *replies: Reply) -> None:
        """Answers for the next requests, before anything else."""
        self._script.extend(replies)

    def on(self, prefix: str, handler: Handler) -> None:
        """What answers paths that begin so; the first that fits."""
        self._handlers.append((prefix, handler))

    def clear(self) -> None:
        """Forget every answer and script; what was seen stays."""
        self._script.clear()
        self._handlers.clear()
        self._default = lambda _: Reply()

    def rpc(self, answer: Callable[[str, list[object]], object]) -> None:
        """Answer JSON-RPC (single and batch): `answer(method, params)` gives the result, or raises RpcError."""
        self._default = lambda seen: Reply(rpc_body(seen.body, answer))

    def socket(self, handler: SocketHandler) -> None:
        """What talks on each WebSocket connection."""
        self._socket = handler

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = int(runner.addresses[0][1])
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._socket is not None and request.headers.get("Upgrade", "").lower() == "websocket":
            self.connections += 1
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            with contextlib.suppress(ConnectionError):
                await self._socket(ws)
            return ws
        body = await request.read()
        seen = Seen(
            request.method, request.path, dict(request.query), dict(request.headers), body, str(request.rel_url)
        )
        self.seen.append(seen)
        return await _send(request, self._reply(seen))

    def _reply(self, seen: Seen) -> Reply:
        if self._script:
            return self._script.popleft()
        for prefix, handler in self._handlers:
            if seen.path.startswith(prefix):
                return handler(seen)
        return self._default(seen)


async def _send(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    if reply.delay:
        await asyncio.sleep(reply.delay)
    transport = request.transport
    assert transport is not None
    if reply.reset:
        transport.abort()
        return web.Response()
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.type, **reply.headers})
    response.content_length = len(reply.body)
    await response.prepare(request)
    sent = reply.body if reply.cut is None else reply.body[: reply.cut]
    with contextlib.suppress(ConnectionError):
        if reply.drip:
            for at in range(len(sent)):
                await response.write(sent[at : at + 1])
                await asyncio.sleep(reply.drip)
        else:
            await response.write(sent)
        if reply.cut is not None:
            transport.close()
        else:
            await response.write_eof()
    return response


class RpcError(Exception):
    """A JSON-RPC error for the caller."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def rpc_body(body: bytes, answer: Callable[[str, list[object]], object]) -> bytes:
    """The answer to a JSON-RPC body."""
    asked = msgspec.json.decode(body)
    if isinstance(asked, list):
        return msgspec.json.encode([_rpc_one(one, answer) for one in asked])
    return msgspec.json.encode(_rpc_one(asked, answer))


def _rpc_one(asked: dict[str, object], answer: Callable[[str, list[object]], object]) -> dict[str, object]:
    params = asked["params"]
    assert isinstance(params, list)
    try:
        return {"jsonrpc": "2.0", "id": asked["id"], "result": answer(str(asked["method"]), params)}
    except RpcError as fault:
        return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": fault.code, "message": fault.message}}
