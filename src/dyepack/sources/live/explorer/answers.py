"""The rows of an explorer's lists as typed structures, and the readers of their numbers.

An explorer writes numbers as decimal text, in lists of events as hexadecimal text, and leaves texts empty where it has
nothing.
Invariant: what leaves this module has the right type and form, or is a BadAnswer that names list and field.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,78}", re.ASCII)
_HEXED = re.compile(r"0x[0-9a-f]{0,64}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_LARGEST = (1 << 256) - 1
GENESIS = "GENESIS_"
"""How the made-up ids of rows begin that stand for what the first block gave out."""


class Told(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """The common form: field names in camel case, others ignored."""


class Envelope(Told, frozen=True, kw_only=True):
    """What every answer of an explorer's own lists is wrapped in."""

    status: str
    message: str = ""
    result: msgspec.Raw


class Wrapped(Told, frozen=True, kw_only=True):
    """What an answer of the node behind the explorer is wrapped in; `status` only where the explorer itself refuses."""

    status: str = ""
    message: str = ""
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class Placed(Told, frozen=True, kw_only=True):
    """Where the transaction of a row stands; `hash` is empty in lists of one transaction, `index` in some."""

    block_number: str
    hash: str = ""
    transaction_index: str = ""

    def place(self, action: str) -> tuple[str, int, int | None]:
        """The transaction's id, its block and its rank in it, if the row tells it."""
        index = number(self.transaction_index, action, "transactionIndex") if self.transaction_index else None
        return digest(self.hash, action, "hash"), number(self.block_number, action, "blockNumber"), index


class Signed(Placed, frozen=True, kw_only=True):
    """A row of txlist: a transaction that an address signed or received, failed ones too."""

    sender: str = msgspec.field(name="from")
    to: str
    value: str
    contract_address: str = ""

    @property
    def genesis(self) -> int | None:
        """What the row says that its receiver has of the first block; None for a transaction."""
        return number(self.value, "txlist", "value") if self.hash.startswith(GENESIS) else None

    def parties(self) -> tuple[str, ...]:
        """Every address that the row names."""
        return self.sender.lower(), self.to.lower(), self.contract_address.lower()


class Internal(Placed, frozen=True, kw_only=True):
    """A row of txlistinternal: coins that a contract moved; explorers list none of zero."""

    sender: str = msgspec.field(name="from")
    to: str
    value: str
    contract_address: str = ""
    type: str = "call"
    is_error: str = "0"
    trace_id: str = ""

    def parties(self) -> tuple[str, ...]:
        """Every address that the row names."""
        return self.sender.lower(), self.to.lower(), self.contract_address.lower()


class Token(Placed, frozen=True, kw_only=True):
    """A row of tokentx: an event of a token, without its index among the events."""

    sender: str = msgspec.field(name="from")
    to: str
    contract_address: str
    token_symbol: str = ""
    token_decimal: str = ""

    def parties(self) -> tuple[str, ...]:
        """Both ends of the transfer."""
        return self.sender.lower(), self.to.lower()


class LogRow(Told, frozen=True, kw_only=True):
    """A row of getLogs."""

    address: str
    topics: list[str]
    data: str = "0x"
    block_number: str
    transaction_hash: str
    transaction_index: str

    def place(self, action: str) -> tuple[str, int, int | None]:
        """The transaction's id, its block and its rank in it."""
        return (
            digest(self.transaction_hash, action, "transactionHash"),
            hexadecimal(self.block_number, action, "blockNumber"),
            hexadecimal(self.transaction_index, action, "transactionIndex"),
        )


def decode(raw: bytes | msgspec.Raw, form: type[T], action: str) -> T:
    """An answer in its form."""
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad(action, str(error)) from error


def bad(action: str, problem: str) -> BadAnswer:
    """The error about an answer that does not fit."""
    return BadAnswer(
        f"the explorer's answer to {action} cannot be used: {quoted(problem)[1:-1]}",
        remedy="ask another explorer, or a node: this one does not answer as Etherscan's API says",
    )


def number(text: str, action: str, field: str) -> int:
    """A whole number in decimal digits."""
    if _NUMBER.fullmatch(text) and (found := int(text)) <= _LARGEST:
        return found
    raise bad(action, f"{field} is {text!r}, not a number")


def hexadecimal(text: str, action: str, field: str) -> int:
    """A whole number in hexadecimal digits; zero is written 0x."""
    if _HEXED.fullmatch(text.lower()):
        return int(text[2:] or "0", 16)
    raise bad(action, f"{field} is {text!r}, not a number")


def address(text: str, action: str, field: str) -> str:
    """An address in lower case."""
    if _ADDRESS.fullmatch(text.lower()):
        return text.lower()
    raise bad(action, f"{field} is {text!r}, not an address")


def digest(text: str, action: str, field: str) -> str:
    """A hash in lower case."""
    if _HASH.fullmatch(text.lower()):
        return text.lower()
    raise bad(action, f"{field} is {text!r}, not a hash")
