"""JSON-RPC 2.0 (and Bitcoin Core's 1.0): calls into a body, a body into the answer of each call.

Invariant: `decode` gives one answer for each id that was asked and for no other; a missing, doubled or foreign id, or
an answer with neither result nor error, is a BadAnswer that names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUSY = re.compile(
    r"rate.?limit|too many requests|request limit|compute units per second|throughput|capacity exceeded", re.IGNORECASE
)
_BATCH = re.compile(r"batch|response too large|payload too large|request too large", re.IGNORECASE)
_WARMING_UP = -28


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a method and its parameters as JSON values."""

    method: str
    params: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A JSON-RPC error: an answer like others, kept as evidence. The message is text from outside."""

    code: int
    message: str

    @property
    def is_busy(self) -> bool:
        """Whether it says: ask later."""
        return self.code in {429, _WARMING_UP} or bool(_BUSY.search(self.message))

    @property
    def is_batch(self) -> bool:
        """Whether it says: ask for less at a time."""
        return bool(_BATCH.search(self.message))


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class Response(msgspec.Struct):
    """One answer on the wire."""

    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None

    def answer(self) -> msgspec.Raw | Fault:
        """The result, or the error."""
        if self.error is not None:
            return Fault(self.error.code, self.error.message)
        if not bytes(self.result):
            raise _bad(f"the answer with the id {self.id} has neither result nor error")
        return self.result


_one, _many = msgspec.json.Decoder(Response), msgspec.json.Decoder(list[Response])


def _bad(problem: str) -> BadAnswer:
    return BadAnswer(problem, remedy="the source does not keep to JSON-RPC: try again, or use another source")


def wire(call: Call, number: int) -> dict[str, object]:
    """A call as it is sent."""
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": list(call.params)}


def encode(calls: Sequence[Call]) -> bytes:
    """A body: one call alone, several as a batch, with ids from 1."""
    sent = [wire(call, number) for number, call in enumerate(calls, 1)]
    return msgspec.json.encode(sent[0] if len(sent) == 1 else sent)


def responses(body: bytes) -> list[Response]:
    """Every answer of a body; BadAnswer if it is something else."""
    try:
        return _many.decode(body) if body.lstrip()[:1] == b"[" else [_one.decode(body)]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise _bad(f"an answer is not JSON-RPC ({quoted(str(fault))})") from None


def decode(body: bytes, ids: Sequence[int]) -> list[msgspec.Raw | Fault]:
    """The answers to the ids, in their order."""
    found: dict[int | str | None, msgspec.Raw | Fault] = {}
    wanted = set(ids)
    for response in responses(body):
        if response.id in found:
            raise _bad(f"two answers have the id {quoted(str(response.id))}")
        if response.id not in wanted:
            raise _bad(f"an answer has the id {quoted(str(response.id))}, which was not asked")
        found[response.id] = response.answer()
    missing = [number for number in ids if number not in found]
    if missing:
        raise _bad(f"{len(missing)} of {len(ids)} calls got no answer, the first with the id {missing[0]}")
    return [found[number] for number in ids]
