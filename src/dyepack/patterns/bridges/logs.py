"""Events and calls of a bridge's contracts, as a node gives them, into named values.

Whoever can write a contract can emit any event. So events count only from contracts that the caller vouches for (by
tags of bridges), and calls only where they went to one of them; a call must have succeeded, which its data cannot say.

Invariant: an event of a known form that cannot be decoded is an AbiError, never skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.abi import AbiError, Form, decode, form, named, one_word, selector, topic
from dyepack.patterns.bridges.model import Failure, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


@dataclass(frozen=True, slots=True)
class Log:
    """One event: `index` is its log index, `time` seconds since 1970 or -1."""

    chain: str
    tx: str
    contract: str
    topics: tuple[bytes, ...]
    data: bytes
    index: int
    time: int = -1

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.chain} {self.tx} log {self.index}"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded: `value` are the units of the chain's coin sent with it, `contract` who was called."""

    chain: str
    tx: str
    sender: str
    contract: str
    data: bytes
    value: int = 0
    move: str = ""
    time: int = -1

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.chain} {self.tx}".strip()


def is_vouched(contract: str, vouched: Collection[str] | None) -> bool:
    """Whether a contract is one that the caller vouches for; None: the caller has seen to it."""
    return vouched is None or contract.lower() in {one.lower() for one in vouched}


def forms_by_topic(texts: Iterable[str]) -> dict[bytes, Form]:
    """Events by their first topic."""
    return {topic(form(text).signature): form(text) for text in texts}


def forms_by_selector(texts: Iterable[str]) -> dict[bytes, Form]:
    """Functions by their selector."""
    return {selector(form(text).signature): form(text) for text in texts}


def event_values(event: Form, log: Log) -> dict[str, Any]:
    """The values of an event by name. Raises AbiError."""
    indexed = [a for a in event.arguments if a.indexed]
    rest = [a for a in event.arguments if not a.indexed]
    if len(log.topics) != 1 + len(indexed):
        raise AbiError(f"has {len(log.topics)} topics, not {1 + len(indexed)}")
    values = {a.name: one_word(a.type, word) for a, word in zip(indexed, log.topics[1:], strict=True)}
    return values | named(rest, log.data)


def call_values(function: Form, data: bytes) -> dict[str, Any]:
    """The values of a call's arguments by name; tuples stay tuples. Raises AbiError."""
    values = decode([a.type for a in function.arguments], data[4:])
    return dict(zip((a.name for a in function.arguments), values, strict=True))


def read_logs(
    logs: Iterable[Log],
    contracts: Collection[str],
    forms: dict[bytes, Form],
    take: Callable[[Form, Log, dict[str, Any]], Reading | None],
) -> Reading:
    """Every event of a known form from a vouched contract, handed to `take` in the order given."""
    found = Reading()
    vouched = {contract.lower() for contract in contracts}
    for log in logs:
        event = forms.get(log.topics[0]) if log.topics else None
        if event is None or log.contract.lower() not in vouched:
            continue
        try:
            got = take(event, log, event_values(event, log))
        except AbiError as error:
            found.failures.append(Failure(log.place, f"{event.name}: {error}"))
            continue
        if got is not None:
            found.add(got)
    return found
