"""HTTP to one endpoint: one question, one whole answer, or a SourceError whose words hold no secret.

Every request goes through the guard, the host's limiter and the one retry layer, is never redirected, never takes a
proxy from the environment, and has time limits and a size cap that counts what comes out of decompression.
Invariant: a body is returned only if it is whole, of the type that was asked for, and free of secrets.
"""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

import aiohttp
import msgspec
from yarl import URL

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer, Refused, SourceError, Unreachable
from dyepack.sources.live.guard import Guard
from dyepack.sources.live.rates import Cost, Rates
from dyepack.sources.live.retry import PassingError, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import SimpleNamespace

    from dyepack.sources.live.credentials import Secrets
    from dyepack.sources.live.endpoint import Endpoint
    from dyepack.sources.live.guard import LookUp

Kind = Literal["json", "text", "bytes"]
E = TypeVar("E", bound="SourceError")

_TRY_LATER = "try again later; what was fetched is kept, so the trace goes on from there"
_PASSING = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
_JSON_TYPES = ("application/json", "text/json", "application/json-rpc")
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request: size of a body, seconds to connect and without a byte, seconds a clock may be off."""

    size: int = 256 << 20
    connect: float = 5.0
    idle: float = 20.0
    skew: float = 60.0


@dataclass(slots=True)
class Settings:
    """What the transport is made of; tests change parts of it."""

    limits: Limits = field(default_factory=Limits)
    retry: Retry = field(default_factory=Retry)
    rates: Rates = field(default_factory=Rates)
    find: LookUp | None = None
    today: Callable[[], datetime] = lambda: datetime.now(UTC)

    def utc(self) -> str:
        """Now, as it is kept."""
        return self.today().strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Question:
    """One request: `rpc` takes a JSON-RPC error under an error status as an answer; `busy` tells what to wait for."""

    method: str = "GET"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kind: Kind = "json"
    missing_ok: bool = False
    rpc: bool = False
    cost: int = 1
    busy: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A whole body, secrets taken out (`scrubbed` of them)."""

    body: bytes
    status: int
    scrubbed: int


class Client:
    """The HTTP side of one endpoint; opened by its first question."""

    def __init__(
        self, endpoint: Endpoint, secrets: Secrets, settings: Settings, asked: Cost, note: Callable[[str], None]
    ) -> None:
        self.endpoint, self.secrets, self.settings, self.asked, self._note = endpoint, secrets, settings, asked, note
        self.limiter = settings.rates.of(endpoint)
        self._guard = Guard(endpoint.host, named=endpoint.named, **({"find": settings.find} if settings.find else {}))
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, with the guard in its connector."""
        if self._session is None:
            limits = self.settings.limits
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_no_redirect)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._guard, socket_factory=self._guard.socket, use_dns_cache=False, limit=0
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.idle),
                headers={"User-Agent": "dyepack", "Accept-Encoding": "gzip"},
                cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False, trace_configs=[trace],
            )  # fmt: skip
            self._session._retry_connection = False  # noqa: SLF001  (a second layer of retries, with no other switch)
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, question: Question) -> Received:
        """The answer to a question, retried as far as it makes sense."""
        settings = self.settings
        return await settings.retry.persist(
            lambda seconds: self._attempt(question, seconds),
            limiter=self.limiter, clock=settings.rates.clock, asked=self.asked,
            cost=question.cost if self.endpoint.options.count_calls else 1,
        )  # fmt: skip

    def error_of(self, fault: Exception) -> SourceError:
        """What a fault of the network is called; its words are scrubbed, and nothing of it is kept."""
        if self._guard.refused is not None:
            refused, self._guard.refused = self._guard.refused, None
            return refused
        where = quoted(self.endpoint.host)
        if isinstance(fault, SourceError):
            return fault
        if isinstance(fault, TimeoutError):
            return Unreachable(f"the source at {where} did not answer in time", remedy=_TRY_LATER)
        return self._refused_by(fault, where) or Unreachable(
            f"the source at {where} cannot be reached ({self._words_of(fault)})", remedy=_TRY_LATER
        )

    def _words_of(self, fault: Exception) -> str:
        return quoted(self.secrets.scrub(str(fault) or type(fault).__name__))

    def _refused_by(self, fault: Exception, where: str) -> Refused | None:
        """The faults that do not pass by waiting."""
        if isinstance(fault, _RedirectedError):
            return _redirected(where, self.secrets.scrub(fault.where))
        if (
            isinstance(fault, aiohttp.ClientResponseError)
            and 400 <= fault.status < 500
            and fault.status not in _PASSING
        ):
            return Refused(
                f"the source at {where} refuses with status {fault.status}", remedy="check the key and the path"
            )
        if isinstance(fault, aiohttp.ClientConnectorCertificateError):
            return Refused(
                f"the source at {where} does not prove who it is ({self._words_of(fault)})", remedy="check the address"
            )
        return None

    async def _attempt(self, question: Question, seconds: float) -> Received:
        """One request. What it raises is made outside of the handlers: no fault with a URL in it hangs on it."""
        where = self.endpoint.url(self.secrets, question.path, question.query)
        headers = self.endpoint.headers(self.secrets)
        if question.body is not None:
            headers["Content-Type"] = "application/json"
        self.asked.requests += 1
        error: SourceError | None = None
        try:
            async with asyncio.timeout(seconds), self.session.request(
                question.method, URL(where, encoded=True), data=question.body, headers=headers, allow_redirects=False
            ) as response:  # fmt: skip
                self._clock_skew(response)
                body, scrubbed = self.secrets.scrub_body(await self._read(response))
                status, kind = response.status, response.headers.get("Content-Type", "")
                told = response.headers.copy()
        except (aiohttp.ClientError, OSError, TimeoutError, SourceError, ValueError) as fault:
            error = self.error_of(fault)
        if error is not None:
            _raise(error)
        self.asked.scrubbed += scrubbed
        self._judge(question, status, kind, told, body)
        return Received(body, status, scrubbed)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, decompressed here so that the cap holds for what comes out."""
        coding = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
        if coding not in {"identity", "gzip", "x-gzip", "deflate"}:
            raise self._bad(f"came in the coding {quoted(self.secrets.scrub(coding))}, which was not asked for")
        unpack = None if coding == "identity" else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        pieces, size, cap = [], 0, self.settings.limits.size
        async for raw in response.content.iter_chunked(_PIECE):
            self.asked.received += len(raw)
            left: bytes = raw
            while left:
                piece, left = (left, b"") if unpack is None else _unpacked(unpack, left, self._bad)
                pieces.append(piece)
                size += len(piece)
                if size > cap:
                    raise _less(self._bad(f"is larger than {cap:,} bytes"))
        if unpack is not None and size and not unpack.eof:
            raise aiohttp.ClientPayloadError("the compressed answer ends before its end")
        return b"".join(pieces)

    def _judge(
        self, question: Question, status: int, kind: str, told: Mapping[str, str], body: bytes
    ) -> None:  # fmt: skip
        """Whether a body is an answer at all; what is not is raised."""
        is_answer = 200 <= status < 300 or (question.missing_ok and status == 404)
        if not is_answer and question.rpc and status in {400, 404, 500} and _is_rpc_error(body):
            is_answer = True
        if not is_answer:
            self._no_answer(status, told, body)
        if status != 404 or question.rpc:
            self._check_type(question.kind, kind, body)
        if question.busy is not None and question.busy(body):
            raise PassingError(_less(self._busy("says that it is asked too often")))

    def _no_answer(self, status: int, told: Mapping[str, str], body: bytes) -> NoReturn:
        where = quoted(self.endpoint.host)
        if 300 <= status < 400:
            raise _redirected(where, self.secrets.scrub(told.get("Location", "")))
        if status in _PASSING:
            raise PassingError(self._busy(f"answers with status {status}"), self._retry_after(told))
        words = quoted(self.secrets.scrub(body[:400].decode(errors="replace").strip()))
        remedy = {
            401: "check the user, the password or the key", 403: "check the key and what it may ask",
            404: "check the address of the source", 413: "ask for less at a time: #batch=10",
        }.get(status, "check the address of the source and what it offers")  # fmt: skip
        refused = Refused(f"the source at {where} refuses with status {status}: {words}", remedy=remedy)
        refused.less = status in {400, 413}
        raise refused

    def _check_type(self, wanted: Kind, kind: str, body: bytes) -> None:
        said = kind.partition(";")[0].strip().lower()
        if wanted == "text":
            if said == "text/html" or b"\0" in body:
                raise self._bad(f"is of the type {quoted(self.secrets.scrub(said))}, not text")
        elif wanted == "bytes":
            if said in {"text/html", *_JSON_TYPES}:
                raise self._bad(f"is of the type {quoted(self.secrets.scrub(said))}, not bytes")
        else:
            if said not in {"", "text/plain", *_JSON_TYPES} and not said.endswith("+json"):
                raise self._bad(f"is of the type {quoted(self.secrets.scrub(said))}, not JSON")
            problem = json_problem(body)
            if problem == "truncated":
                raise PassingError(self._bad("is cut short: its JSON has no end"))
            if problem:
                raise self._bad(f"is no JSON ({quoted(self.secrets.scrub(problem))})")

    def _retry_after(self, told: Mapping[str, str]) -> float | None:
        text = told.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        then = _date(text)
        if then is None:
            return None
        now = _date(told.get("Date", "")) or self.settings.today()
        return max((then - now).total_seconds(), 0.0)

    def _clock_skew(self, response: aiohttp.ClientResponse) -> None:
        theirs = _date(response.headers.get("Date", ""))
        if theirs is None:
            return
        off = abs((self.settings.today() - theirs).total_seconds())
        if off > self.settings.limits.skew:
            self._note(
                f"the clock of {self.endpoint.host} and the clock here differ by more than "
                f"{self.settings.limits.skew:.0f} seconds"
            )

    def _bad(self, problem: str) -> BadAnswer:
        return BadAnswer(
            f"an answer of the source at {quoted(self.endpoint.host)} {problem}",
            remedy="check the address of the source, or use another source",
        )

    def _busy(self, problem: str) -> Unreachable:
        return Unreachable(f"the source at {quoted(self.endpoint.host)} {problem}", remedy=_TRY_LATER)


class _RedirectedError(aiohttp.ClientError):
    """The server sent the client elsewhere."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


async def _no_redirect(
    _: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:  # fmt: skip
    params.response.close()
    raise _RedirectedError(params.response.headers.get("Location", ""))


def _redirected(where: str, to: str) -> Refused:
    return Refused(
        f"the source at {where} sends dyepack on to {quoted(to)}, which it does not follow",
        remedy="if that is the right address, write it as the source",
    )


def _less(error: E) -> E:
    """An error that a smaller question might not meet."""
    error.less = True
    return error


def _raise(error: SourceError) -> NoReturn:
    """What may pass is raised as such."""
    if isinstance(error, Unreachable):
        raise PassingError(error)
    raise error


def _unpacked(unpack: zlib._Decompress, left: bytes, bad: Callable[[str], BadAnswer]) -> tuple[bytes, bytes]:
    if unpack.eof:
        raise bad("goes on behind its compressed end")
    try:
        piece = unpack.decompress(left, _PIECE)
    except zlib.error:
        raise bad("is not compressed as it says") from None
    return piece, unpack.unconsumed_tail or unpack.unused_data


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def json_problem(body: bytes) -> str:
    """What is wrong with a JSON body: "" nothing, "truncated", or in words."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError) as fault:
        return "truncated" if "truncated" in str(fault) else str(fault) or "nested too deep"
    return ""


def _is_rpc_error(body: bytes) -> bool:
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return bytes(found.get("error", msgspec.Raw(b"null"))) != b"null" and "id" in found
