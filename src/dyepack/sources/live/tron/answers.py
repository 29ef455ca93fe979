"""The answers of a Tron node and of TronGrid as typed structures.

A node leaves out fields that are zero or empty, so most have a default. Numbers are whole and not negative, or the
answer is refused.
Invariant: what leaves this module has the right type and form, or is a BadAnswer that names the path and the field.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer
from dyepack.sources.live.tron.addresses import from_base58, from_hex

T = TypeVar("T")
Units = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DATA = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class Kept(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The common form: fields that are not named are ignored."""


class HeaderData(Kept, frozen=True, kw_only=True):
    """What a block's producer signed; the first block has no number."""

    number: Units = 0
    parent: str = msgspec.field(name="parentHash")
    timestamp: Units = 0


class Header(Kept, frozen=True, kw_only=True):
    """The head of a block."""

    raw_data: HeaderData


class Parameter(Kept, frozen=True, kw_only=True):
    """What a contract of a transaction says; its form depends on the contract's type."""

    value: msgspec.Raw


class Contract(Kept, frozen=True, kw_only=True):
    """The one operation of a transaction."""

    type: str
    parameter: Parameter


class Signed(Kept, frozen=True, kw_only=True):
    """What the sender signed."""

    contract: list[Contract]


class Outcome(Kept, frozen=True, kw_only=True):
    """How a transaction ended; old blocks do not say."""

    result: str = msgspec.field(name="contractRet", default="")


class Transaction(Kept, frozen=True, kw_only=True):
    """A transaction as a block holds it."""

    id: str = msgspec.field(name="txID")
    ret: list[Outcome] = []
    raw_data: Signed


class Block(Kept, frozen=True, kw_only=True):
    """A block with its transactions, in their order."""

    id: str = msgspec.field(name="blockID")
    header: Header = msgspec.field(name="block_header")
    transactions: list[Transaction] = []


class Log(Kept, frozen=True, kw_only=True):
    """One event."""

    address: str
    topics: list[str] = []
    data: str = ""


class CallValue(Kept, frozen=True, kw_only=True):
    """Units that a contract moved: of TRX, or of a TRC-10 token where `token` is named."""

    units: Units = msgspec.field(name="callValue", default=0)
    token: str = msgspec.field(name="tokenId", default="")


class Internal(Kept, frozen=True, kw_only=True):
    """One step of a contract; `note` is its kind in hexadecimal."""

    caller: str = msgspec.field(name="caller_address")
    receiver: str = msgspec.field(name="transferTo_address", default="")
    values: list[CallValue] = msgspec.field(name="callValueInfo", default=[])
    note: str = ""
    rejected: bool = False


class Resources(Kept, frozen=True, kw_only=True):
    """What a contract's run used, and how it ended."""

    result: str = ""


class Info(Kept, frozen=True, kw_only=True):
    """What became of a transaction; all empty for one that is not known."""

    id: str = ""
    fee: Units = 0
    block: Units = msgspec.field(name="blockNumber", default=0)
    timestamp: Units = msgspec.field(name="blockTimeStamp", default=0)
    contract_address: str = ""
    receipt: Resources = Resources()
    log: list[Log] = []
    result: str = ""
    withdraw_amount: Units = 0
    internal_transactions: list[Internal] = []


class Row(Kept, frozen=True, kw_only=True):
    """A row of an account's list: a transaction (`txID`) or a step inside one (`tx_id`)."""

    id: str = msgspec.field(name="txID", default="")
    parent: str = msgspec.field(name="tx_id", default="")
    sender: str = msgspec.field(name="from_address", default="")
    receiver: str = msgspec.field(name="to_address", default="")
    timestamp: Units = msgspec.field(name="block_timestamp")


class TokenInfo(Kept, frozen=True, kw_only=True):
    """The token of a transfer, as the list describes it."""

    address: str


class TokenRow(Kept, frozen=True, kw_only=True):
    """A row of an account's list of TRC-20 transfers."""

    id: str = msgspec.field(name="transaction_id")
    timestamp: Units = msgspec.field(name="block_timestamp")
    sender: str = msgspec.field(name="from")
    receiver: str = msgspec.field(name="to")
    token: TokenInfo = msgspec.field(name="token_info")


class EventRow(Kept, frozen=True, kw_only=True):
    """A row of a contract's list of events; its arguments are read as text only."""

    id: str = msgspec.field(name="transaction_id")
    timestamp: Units = msgspec.field(name="block_timestamp")
    result: msgspec.Raw = msgspec.Raw(b"{}")


class Meta(Kept, frozen=True, kw_only=True):
    """Where the next page begins, if there is one."""

    fingerprint: str = ""


class Page(Kept, frozen=True, kw_only=True):
    """One page of a list; `data` is read by the list's own form."""

    success: bool
    data: msgspec.Raw = msgspec.Raw(b"[]")
    meta: Meta = Meta()
    error: str = ""


class Constant(Kept, frozen=True, kw_only=True):
    """What a contract answers to a question."""

    constant_result: list[str] = []


class Code(Kept, frozen=True, kw_only=True):
    """A contract by its address; of another address nothing is told."""

    contract_address: str = ""


def decode(raw: bytes | msgspec.Raw, form: type[T], path: str) -> T:
    """An answer in its form."""
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad(path, str(error)) from error


def bad(path: str, problem: str) -> BadAnswer:
    """The error about an answer that does not fit."""
    return BadAnswer(
        f"the answer to {path} cannot be used: {quoted(problem)[1:-1]}",
        remedy="ask another server: this one does not answer as Tron's HTTP API says",
    )


def address(text: str, path: str, field: str) -> str:
    """An address in either way of writing, as 0x and 40 digits."""
    try:
        return from_base58(text) if text.startswith("T") else from_hex(text)
    except ValueError as error:
        raise bad(path, f"{field} {text!r} {error}") from error


def digest(text: str, path: str, field: str) -> str:
    """An id of a block or a transaction, or a topic: 0x and 64 digits in lower case, as on other chains."""
    lower = text.lower().removeprefix("0x")
    if not _HASH.fullmatch(lower):
        raise bad(path, f"{field} is {text!r}, not 64 hexadecimal digits")
    return "0x" + lower


def data(text: str, path: str, field: str) -> bytes:
    """Bytes in hexadecimal."""
    lower = text.lower()
    if not _DATA.fullmatch(lower):
        raise bad(path, f"{field} is not a string of bytes")
    return bytes.fromhex(lower)
