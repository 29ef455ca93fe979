"""JSON-RPC over one WebSocket connection: calls, and subscriptions.

Invariant: every message that comes is the answer to a call that waits, or a notification of a subscription; anything
else ends the connection with a BadAnswer, and whoever waits on a connection that ends is told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from yarl import URL

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer, Refused, SourceError, Unreachable
from dyepack.sources.live.retry import PassingError
from dyepack.sources.live.rpc import Call, Fault, decode, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from dyepack.sources.live.client import Client

_PING = 20.0
_CLOSING = 1.0
_BACKLOG = 10_000


class _Notice(msgspec.Struct):
    """What a subscription says."""

    subscription: str | int
    result: msgspec.Raw


class _Message(msgspec.Struct):
    """What a message can be told apart by."""

    id: int | str | None = None
    method: str = ""
    params: _Notice | None = None


_message = msgspec.json.Decoder(_Message)


class Socket:
    """A connection that is made again when it broke."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._number = 0
        self._waiting: dict[int, asyncio.Future[tuple[bytes, int]]] = {}
        self._given_up: set[int | str | None] = set()
        self._feed: asyncio.Queue[_Notice | SourceError] | None = None

    async def exchange(self, calls: Sequence[Call]) -> list[tuple[bytes, int]]:
        """The answers in the order of the calls, each with the number of secrets taken out; retried as a whole."""
        client = self._client
        return await client.settings.retry.persist(
            lambda seconds: self._attempt(calls, seconds),
            limiter=client.limiter, clock=client.settings.rates.clock, asked=client.asked, cost=len(calls),
        )  # fmt: skip

    async def _attempt(self, calls: Sequence[Call], seconds: float) -> list[tuple[bytes, int]]:
        error: SourceError | None = None
        numbers: list[int] = []
        try:
            async with asyncio.timeout(seconds):
                ws = await self._connected()
                for _ in calls:
                    self._number += 1
                    numbers.append(self._number)
                    self._waiting[self._number] = asyncio.get_running_loop().create_future()
                for number, call in zip(numbers, calls, strict=True):
                    self._client.asked.requests += 1
                    await ws.send_str(msgspec.json.encode(wire(call, number)).decode())
                bodies = [await self._waiting[number] for number in numbers]
        except (aiohttp.ClientError, OSError, TimeoutError, SourceError, ValueError) as fault:
            error = self._client.error_of(fault)
        finally:
            for number in numbers:
                if _forget(self._waiting.pop(number, None)):
                    self._given_up.add(number)
        if error is None:
            for number, (body, _) in zip(numbers, bodies, strict=True):
                answer = decode(body, [number])[0]
                if isinstance(answer, Fault) and answer.is_busy:
                    raise PassingError(
                        Unreachable(
                            f"the source says that it is busy: {quoted(answer.message)}",
                            remedy="try again later",
                        )
                    )
            return bodies
        await self._drop(error)
        if isinstance(error, Unreachable):
            raise PassingError(error)
        raise error

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        async with self._opening:
            if self._ws is None or self._ws.closed or self._reader is None or self._reader.done():
                client = self._client
                self._given_up.clear()
                self._feed = None if self._feed is None else asyncio.Queue(_BACKLOG + 1)
                self._ws = await client.session.ws_connect(
                    URL(client.endpoint.url(client.secrets), encoded=True),
                    headers=client.endpoint.headers(client.secrets),
                    heartbeat=_PING, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING),
                    max_msg_size=client.settings.limits.size, compress=0,
                )  # fmt: skip
                self._reader = asyncio.create_task(self._read(self._ws))
            return self._ws

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Hand messages to whoever waits for them until the connection ends."""
        error: SourceError = Unreachable("the connection to the source ended", remedy="try again later")
        try:
            async for message in ws:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._hand_out(message.data.encode())
                elif message.type is aiohttp.WSMsgType.ERROR:
                    broke = ws.exception()
                    error = self._client.error_of(broke if isinstance(broke, Exception) else OSError("it broke"))
                else:
                    raise _bad("is not text")
        except SourceError as fault:
            error = fault
        if ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            error = _bad("is too large")
        self._tell(error)
        await ws.close()

    def _hand_out(self, body: bytes) -> None:
        """A message, freed of secrets first, goes to whoever waits for it."""
        self._client.asked.received += len(body)
        body, scrubbed = self._client.secrets.scrub_body(body)
        self._client.asked.scrubbed += scrubbed
        try:
            message = _message.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            raise _bad("is not JSON-RPC, or is cut short") from None
        if message.method and message.params is not None:
            if self._feed is not None:
                _put(self._feed, message.params)
            return
        if message.id in self._given_up:
            self._given_up.discard(message.id)
            return
        waiting = self._waiting.get(message.id) if isinstance(message.id, int) else None
        if waiting is None or waiting.done():
            raise _bad(f"has the id {quoted(str(message.id))}, for which nothing waits")
        waiting.set_result((body, scrubbed))

    def _tell(self, error: SourceError) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(type(error)(error.problem, remedy=error.remedy))
        if self._feed is not None:
            _put(self._feed, error)

    async def subscribe(self, method: str, params: Sequence[object]) -> AsyncIterator[msgspec.Raw]:
        """What a subscription says from now on, on a connection of its own, which ends with it.

        SourceError when the connection ends: what was missed is to be asked for.
        """
        self._feed = asyncio.Queue(_BACKLOG + 1)
        try:
            body, _ = (await self.exchange([Call(method, tuple(params))]))[0]
            answer = decode(body, [self._number])[0]
            if isinstance(answer, Fault):
                raise Refused(
                    f"the source does not subscribe: {quoted(answer.message)}", remedy="follow by asking for blocks"
                )
            name, feed = msgspec.json.decode(answer, type=str | int), self._feed
            while True:
                said = await feed.get()
                if isinstance(said, SourceError):
                    raise said
                if said.subscription == name:
                    yield said.result
        except msgspec.MsgspecError:
            raise _bad("names a subscription by something else than a text or number") from None
        finally:
            await self.close()

    async def _drop(self, error: SourceError) -> None:
        """End the connection: after a fault nothing that still comes on it can be told apart."""
        self._tell(error)
        ws, self._ws = self._ws, None
        reader, self._reader = self._reader, None
        if ws is not None and not ws.closed:
            await ws.close()
        if reader is not None:
            await asyncio.gather(reader, return_exceptions=True)

    async def close(self) -> None:
        """End the connection."""
        await self._drop(Unreachable("the connection was closed here", remedy="open it again"))


def _bad(problem: str) -> BadAnswer:
    return BadAnswer(f"a message of the source {problem}", remedy="try again, or use another source")


def _forget(waiting: asyncio.Future[tuple[bytes, int]] | None) -> bool:
    """Nobody waits any more; whether the answer may still come. An error that was set is not reported as lost."""
    if waiting is None:
        return False
    if waiting.done():
        return waiting.cancelled() or isinstance(waiting.exception(), Unreachable)
    waiting.cancel()
    return True


def _put(feed: asyncio.Queue[_Notice | SourceError], said: _Notice | SourceError) -> None:
    """The last place of a feed is for the error that ends it."""
    if isinstance(said, SourceError):
        if not feed.full():
            feed.put_nowait(said)
    elif feed.qsize() < _BACKLOG:
        feed.put_nowait(said)
    else:
        raise Unreachable("the messages of a subscription came faster than they were read", remedy="follow it again")
