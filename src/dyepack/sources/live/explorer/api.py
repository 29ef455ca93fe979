"""Questions to an explorer: its own lists, and the node behind it, with the explorer's way of refusing.

An explorer says "ask more slowly" in an answer that looks good; the transport is told which ones those are.
Invariant: an empty list is told apart from a refusal, and a refusal is never an empty list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.errors import Refused
from dyepack.sources.live.explorer.answers import Envelope, Wrapped, bad, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.sources.live.fetch import Fetcher

T = TypeVar("T")
_BUSY: Final = re.compile(r"rate limit|too many requests|query timeout", re.IGNORECASE)
_SPENT: Final = re.compile(r"dail|per day|quota", re.IGNORECASE)
_NOTHING: Final = re.compile(r"no [a-z0-9 ]*(?:found|transactions)", re.IGNORECASE)


class Explorer:
    """One explorer."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def rows(self, query: Mapping[str, str], form: type[T]) -> list[T]:
        """The rows of one page of a list."""
        action = query["action"]
        answer = decode(await self._body(query), Envelope, action)
        if answer.status == "1":
            return decode(answer.result, list[form], action)  # type: ignore[valid-type]
        if answer.status == "0" and _NOTHING.match(answer.message) and bytes(answer.result).strip() in {b"[]", b"null"}:
            return []
        raise refused(action, _reason(answer))

    async def one(self, query: Mapping[str, str], form: type[T]) -> T:
        """The one answer to a question that is no list."""
        action = query["action"]
        answer = decode(await self._body(query), Envelope, action)
        if answer.status != "1":
            raise refused(action, _reason(answer))
        return decode(answer.result, form, action)

    async def node(self, action: str, **parameters: str) -> msgspec.Raw:
        """What the node behind the explorer answers to a method of Ethereum's JSON-RPC."""
        answer = decode(await self._body({"module": "proxy", "action": action, **parameters}), Wrapped, action)
        if answer.status or bytes(answer.error):
            raise refused(action, _reason(answer))
        if not bytes(answer.result):
            raise bad(action, "it has neither a result nor an error")
        return answer.result

    async def _body(self, query: Mapping[str, str]) -> bytes:
        return (await self._fetcher.get("", query, busy=is_busy)).body


def is_busy(body: bytes) -> bool:
    """Whether the explorer says that it is asked too often, for the moment."""
    try:
        answer = msgspec.json.decode(body, type=Wrapped)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    reason = _reason(answer)
    return answer.status == "0" and bool(_BUSY.search(reason)) and not _SPENT.search(reason)


def refused(action: str, reason: str) -> Refused:
    """The error about a refusal."""
    return Refused(
        f"the explorer refuses {action}: {quoted(reason)}",
        remedy="check the key and the chain that the source names, or ask later",
    )


def _reason(answer: Envelope | Wrapped) -> str:
    """The explorer's words; its own stand in the result where that is text, a node's in the error."""
    error = bytes(answer.error) if isinstance(answer, Wrapped) else b""
    told = error or bytes(answer.result)
    words = told.decode("utf-8", "replace")[:200] if error or told.startswith(b'"') else ""
    return " ".join(filter(None, (answer.message, words))) or f"status {answer.status}"
