"""What adapters ask through: the evidence first, then the network, and never the network when offline.

A question is asked once: the same question has the same answer for as long as the evidence is kept, so an adapter
pins heights and hashes and asks for the newest block in `head` alone. A question that finally failed fails alike
offline, and is asked again online.
Invariant: an answer that is handed out stands in the evidence, in the bytes that were handed out, secrets taken out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.client import Client, Kind, Question, Settings
from dyepack.sources.live.credentials import Secrets
from dyepack.sources.live.endpoint import is_plain
from dyepack.sources.live.errors import BadAnswer, Forbidden, NotKept, Refused, SourceError, Unreachable
from dyepack.sources.live.evidence import Evidence, Failure, Record, question
from dyepack.sources.live.rates import Cost
from dyepack.sources.live.rpc import Call, Fault, decode, encode, responses
from dyepack.sources.live.websocket import Socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    from dyepack.sources.live.endpoint import Endpoint

__all__ = ["Answer", "Call", "Fault", "Fetcher"]

_PARSED = 16
_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and where it is from; `url` without secrets, `time` when it was fetched."""

    body: bytes
    sha256: str
    status: int
    time: str
    url: str


class Fetcher:
    """One endpoint, one evidence store (None: nothing is kept, every question goes to the network)."""

    def __init__(
        self,
        endpoint: Endpoint,
        evidence: Evidence | None = None,
        *,
        offline: bool = False,
        settings: Settings | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.endpoint, self.evidence, self.offline = endpoint, evidence, offline
        self.settings = settings or Settings()
        self.asked = Cost()
        self._secrets = secrets or Secrets(endpoint.names, endpoint.masked)
        self._client = Client(endpoint, self._secrets, self.settings, self.asked, self._note)
        self._socket = Socket(self._client) if endpoint.is_socket else None
        self._batch = endpoint.options.batch
        self._parsed: OrderedDict[str, dict[int, msgspec.Raw | Fault]] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._socket is not None:
            await self._socket.close()
        await self._client.close()

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        kind: Kind = "json",
        missing_ok: bool = False,
        fresh: bool = False,
        busy: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        """The answer to a GET of `path`, joined to the base URL.

        missing_ok: a 404 is an answer. fresh: ask again even if the evidence has an answer (which the new one
        replaces). busy: tells an answer that means "asked too often", which is then waited for and asked again.
        """
        asked = ["GET", self.endpoint.show(path, query)]
        return await self._whole(
            asked, Question("GET", path, query or {}, None, kind, missing_ok, busy=busy), fresh=fresh
        )  # fmt: skip

    async def post(
        self,
        path: str,
        body: object,
        *,
        kind: Kind = "json",
        missing_ok: bool = False,
        fresh: bool = False,
        busy: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        """The answer to a POST of a JSON body."""
        asked = ["POST", self.endpoint.show(path), body]
        sent = msgspec.json.encode(body)
        return await self._whole(asked, Question("POST", path, {}, sent, kind, missing_ok, busy=busy), fresh=fresh)

    async def rpc(self, calls: Sequence[Call], *, fresh: bool = False) -> list[msgspec.Raw | Fault]:
        """The answers to calls, in their order: batched and concurrent; each question is sent once."""
        keys = [question(self.endpoint.shown, [call.method, list(call.params)]) for call in calls]
        missing: dict[bytes, Call] = {}
        for key, call in zip(keys, calls, strict=True):
            if key not in missing and not self._is_kept(key, fresh=fresh):
                missing[key] = call
        if self.offline and missing:
            call = next(iter(missing.values()))
            raise self._not_kept(f"{call.method} {self._words(list(call.params))}")
        held = await self._fetch_all(list(missing.items()))
        return [held[key] if key in held else self._kept_call(key) for key in keys]

    def subscribe(self, method: str, params: Sequence[object]) -> AsyncIterator[msgspec.Raw]:
        """What a subscription says from now on (WebSocket only); nothing of it is evidence: it says what to ask for."""
        if self._socket is None or self.offline:
            raise Forbidden(
                "only a source over WebSocket can be subscribed to, and not offline",
                remedy="use a wss:// source, or follow by asking for blocks",
            )
        return Socket(self._client).subscribe(method, params)

    # The evidence.

    def _is_kept(self, key: bytes, *, fresh: bool) -> bool:
        """Whether the evidence answers; a failure is raised again offline, and counts for nothing online."""
        if self.evidence is None or (fresh and not self.offline):
            return False
        found = self.evidence.find(key)
        if found is None:
            return False
        failure = found[0].failure
        if failure is not None and self.offline:
            self.evidence.use(key)
            raise failure.error()
        return failure is None

    def _not_kept(self, what: str) -> NotKept:
        return NotKept(
            f"the evidence does not hold the answer of {self.endpoint.shown} to {what}",
            remedy="run it once without --offline; what is kept is not fetched again",
        )

    def _words(self, asked: object) -> str:
        return quoted(self._secrets.scrub(msgspec.json.encode(asked).decode()))

    def _note(self, text: str) -> None:
        if self.evidence is not None:
            self.evidence.note(text, time=self.settings.utc(), url=self.endpoint.shown)

    def _record(self, asked: Sequence[object], keys: Sequence[bytes], **facts: Any) -> Record:
        """A line, every text of it scrubbed."""
        spelled = [msgspec.Raw(self._secrets.scrub_body(_encoder.encode(one))[0]) for one in asked]
        return Record(
            time=self.settings.utc(), url=self.endpoint.shown, asked=spelled, keys=[k.hex() for k in keys], **facts
        )

    def _fails(self, error: SourceError, asked: Sequence[object], keys: Sequence[bytes]) -> None:
        """Keep how questions failed; what dyepack itself forbids was not asked."""
        if self.evidence is not None and not isinstance(error, Forbidden):
            failure = Failure(type(error).__name__, error.problem, error.remedy)
            self.evidence.keep(self._record(asked, keys, failure=failure))
            for key in keys:
                self.evidence.use(key)

    # Whole bodies.

    async def _whole(self, asked: Sequence[object], ask: Question, *, fresh: bool) -> Answer:
        url = str(asked[1])
        if not is_plain(ask.path):
            raise Forbidden(
                f"the path {quoted(ask.path)} is not plain, so it is not asked for",
                remedy="check the address or transaction it was made of",
            )
        key = question(self.endpoint.shown, asked)
        if self._is_kept(key, fresh=fresh):
            return self._kept_body(key, missing_ok=ask.missing_ok)
        if self.offline:
            raise self._not_kept(f"{asked[0]} {quoted(self._secrets.scrub(url))}")
        try:
            got = await self._client.ask(ask)
        except SourceError as fault:
            self._fails(fault, [asked], [key])
            raise
        url = self._secrets.scrub(url)
        answer = Answer(got.body, hashlib.sha256(got.body).hexdigest(), got.status, self.settings.utc(), url)
        if self.evidence is not None:
            record = self._record([asked], [key], status=got.status, scrubbed=got.scrubbed)
            self.evidence.keep(record, got.body)
            self.evidence.use(key)
        return answer

    def _kept_body(self, key: bytes, *, missing_ok: bool) -> Answer:
        if self.evidence is None or (found := self.evidence.find(key)) is None:
            raise self._not_kept("a request")
        record, at = found
        url = str(msgspec.json.decode(record.asked[at], type=list[Any])[1])
        if record.status == 404 and not missing_ok:
            raise Refused(f"{url} was not found (status 404)", remedy="check the address of the source")
        self.evidence.use(key)
        self.asked.kept += 1
        body = self.evidence.body(record.body)
        return Answer(body, record.body, record.status, record.time, url)

    # JSON-RPC.

    def _kept_call(self, key: bytes) -> msgspec.Raw | Fault:
        if self.evidence is None or (found := self.evidence.find(key)) is None:
            raise self._not_kept("a call")
        record, at = found
        self.evidence.use(key)
        self.asked.kept += 1
        answer = self._answers(record).get(record.ids[at])
        if answer is None or _part(answer) != record.parts[at]:
            raise BadAnswer(
                f"the body {record.body} of the evidence does not hold what its line says",
                remedy="take the folder from a copy, or trace again into a new folder",
            )
        return answer

    def _answers(self, record: Record) -> dict[int, msgspec.Raw | Fault]:
        """The calls of a body; the last few bodies are kept parsed, since calls of one batch are asked together."""
        sha256 = record.body
        if sha256 in self._parsed:
            self._parsed.move_to_end(sha256)
        elif self.evidence is not None:
            self._parse(sha256, self.evidence.body(sha256), record.ids)
        return self._parsed[sha256]

    def _parse(self, sha256: str, body: bytes, ids: Sequence[int]) -> list[msgspec.Raw | Fault]:
        answers = decode(body, ids)
        self._parsed[sha256] = dict(zip(ids, answers, strict=True))
        while len(self._parsed) > _PARSED:
            self._parsed.popitem(last=False)
        return answers

    async def _fetch_all(self, missing: Sequence[tuple[bytes, Call]]) -> dict[bytes, msgspec.Raw | Fault]:
        """Ask for everything that is missing; the first failure stops the rest, what has come is kept."""
        held: dict[bytes, msgspec.Raw | Fault] = {}
        if not missing:
            return held
        size = min(self._batch, -(-len(missing) // self.endpoint.options.parallel)) if self._socket else self._batch
        parts = [missing[at : at + size] for at in range(0, len(missing), size)]
        error: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self._fetch(part, held))
        except BaseExceptionGroup as faults:
            error = _first(faults)
        if error is not None:
            raise error
        return held

    async def _fetch(self, part: Sequence[tuple[bytes, Call]], held: dict[bytes, msgspec.Raw | Fault]) -> None:
        keys, calls = [key for key, _ in part], [call for _, call in part]
        asked = [[call.method, list(call.params)] for call in calls]
        try:
            body, ids, scrubbed = await self._send(calls)
            answers = decode(body, ids)
        except _TooManyError as fault:
            error = fault.error
        except SourceError as fault:
            self._fails(fault, asked, keys)
            raise
        else:
            held.update(zip(keys, answers, strict=True))
            if self.evidence is not None:
                facts = {"status": 200, "ids": list(ids), "parts": [_part(a) for a in answers], "scrubbed": scrubbed}
                self.evidence.keep(self._record(asked, keys, **facts), body)
                for key in keys:
                    self.evidence.use(key)
            return
        if len(part) == 1:
            self._fails(error, asked, keys)
            raise type(error)(error.problem, remedy=error.remedy)
        half = (len(part) + 1) // 2
        self._batch = min(self._batch, half)
        await self._fetch(part[:half], held)
        await self._fetch(part[half:], held)

    async def _send(self, calls: Sequence[Call]) -> tuple[bytes, Sequence[int], int]:
        """Ask, and return a body without secrets and the ids in it."""
        self.asked.calls += len(calls)
        if self._socket is not None:
            got_all = await self._socket.exchange(calls)
            body = b"[" + b",".join(one for one, _ in got_all) + b"]"
            return body, [r.id for r in responses(body) if isinstance(r.id, int)], sum(n for _, n in got_all)
        many = len(calls) > 1
        ask = Question("POST", "", {}, encode(calls), "json", rpc=True, cost=len(calls), busy=_is_busy)
        try:
            got = await self._client.ask(ask)
        except (Refused, BadAnswer, Unreachable) as fault:
            if many and fault.less:
                raise _TooManyError(fault) from None
            raise
        if many and _is_too_many(got.body):
            raise _TooManyError(Refused("the source refuses a batch of calls", remedy="say #batch=1"))
        return got.body, range(1, len(calls) + 1), got.scrubbed


class _TooManyError(Exception):
    """The source wants fewer calls at a time."""

    def __init__(self, error: SourceError) -> None:
        super().__init__()
        self.error = error


def _part(answer: msgspec.Raw | Fault) -> str:
    """The hash of one call's own answer."""
    if isinstance(answer, Fault):
        return hashlib.sha256(b"fault" + msgspec.json.encode([answer.code, answer.message])).hexdigest()
    return hashlib.sha256(answer).hexdigest()


def _faults(body: bytes) -> list[Fault]:
    try:
        return [Fault(r.error.code, r.error.message) for r in responses(body) if r.error is not None]
    except BadAnswer:
        return []


def _is_busy(body: bytes) -> bool:
    return b'"error"' in body and any(fault.is_busy for fault in _faults(body))


def _is_too_many(body: bytes) -> bool:
    """A batch that was refused as a whole (one error for all), or an answer in it that was left out for its size."""
    if body.lstrip()[:1] != b"[":
        return bool(_faults(body))
    return b'"error"' in body and any(fault.is_batch for fault in _faults(body))


def _first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a group of tasks."""
    first = faults.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
