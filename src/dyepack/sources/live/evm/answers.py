"""The answers of an Ethereum node as typed structures, and the readers of its quantities, hashes and addresses.

Only the fields that are used are named; nodes add others freely. Quantities stay text until they are needed, so that
a block of which little is used costs little.
Invariant: what leaves this module has the right type and form, or is a BadAnswer that names method and field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dyepack.errors import quoted
from dyepack.sources.live.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_SHOWN = 70
MAX_QUANTITY = 2 + 64
"""Characters of the longest quantity: 256 bits."""


class Told(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """The common form of what a node tells: field names in camel case, others ignored."""


class Header(Told, frozen=True, kw_only=True):
    """A block without its transactions; absent fields belong to forks that the chain has not seen."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    logs_bloom: str = "0x"
    sha3_uncles: str | None = None
    miner: str | None = None
    state_root: str | None = None
    transactions_root: str | None = None
    receipts_root: str | None = None
    difficulty: str | None = None
    gas_limit: str | None = None
    gas_used: str | None = None
    extra_data: str | None = None
    mix_hash: str | None = None
    nonce: str | None = None
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None


class Withdrawal(Told, frozen=True, kw_only=True):
    """Coins that left the beacon chain, in units of 10**9."""

    index: str
    address: str
    amount: str


class Transaction(Told, frozen=True, kw_only=True):
    """What was signed, and where it stands; `mint` is what a rollup's bridge created with it."""

    hash: str
    block_hash: str | None
    block_number: str | None
    transaction_index: str | None
    sender: str = msgspec.field(name="from")
    to: str | None = None
    value: str
    input: str = "0x"
    gas: str | None = None
    gas_price: str | None = None
    mint: str | None = None


class Listing(Header, frozen=True, kw_only=True):
    """A block with the ids of its transactions."""

    transactions: list[str]
    withdrawals: list[Withdrawal] | None = None


class Block(Header, frozen=True, kw_only=True):
    """A block with its transactions in full."""

    transactions: list[Transaction]
    withdrawals: list[Withdrawal] | None = None


class Log(Told, frozen=True, kw_only=True):
    """One event; `removed` is true where a reorganisation took it back."""

    address: str
    topics: list[str]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    transaction_index: str
    log_index: str
    removed: bool | None = None


class Receipt(Told, frozen=True, kw_only=True):
    """What became of a transaction. Chains before Byzantium give `root` in place of `status`."""

    transaction_hash: str
    transaction_index: str
    block_hash: str
    block_number: str
    sender: str = msgspec.field(name="from")
    to: str | None = None
    contract_address: str | None = None
    gas_used: str
    effective_gas_price: str | None = None
    blob_gas_used: str | None = None
    blob_gas_price: str | None = None
    l1_fee: str | None = None
    status: str | None = None
    logs: list[Log]
    logs_bloom: str = "0x"


class Action(Told, frozen=True, kw_only=True):
    """What a trace does: a call, a creation, a selfdestruct or a reward, each with fields of its own."""

    sender: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    value: str | None = None
    call_type: str | None = None
    address: str | None = None
    balance: str | None = None
    refund_address: str | None = None


class Made(Told, frozen=True, kw_only=True):
    """The address that a creation gave."""

    address: str | None = None


class Trace(Told, frozen=True, kw_only=True):
    """One step of a transaction as trace_* methods tell it."""

    action: Action
    type: str
    trace_address: list[int]
    block_number: int
    block_hash: str
    transaction_hash: str | None = None
    transaction_position: int | None = None
    result: Made | None = None
    error: str | None = None


class Frame(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One step of a transaction as debug_traceTransaction's callTracer tells it, with the steps inside it."""

    type: str
    sender: str = msgspec.field(name="from")
    to: str | None = None
    value: str | None = None
    error: str | None = None
    calls: list[Frame] | None = None


_blocks = msgspec.json.Decoder(Block)


def decode_block(raw: msgspec.Raw | bytes) -> Block:
    """A block with its transactions in full."""
    try:
        return _blocks.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad("eth_getBlockByNumber", str(error)) from error


def decode(raw: msgspec.Raw | bytes, form: type[T], method: str) -> T:
    """An answer in its form; BadAnswer names the method and what does not fit."""
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad(method, str(error)) from error
    except RecursionError as error:
        raise bad(method, "the steps are nested too deep to read") from error


def bad(method: str, problem: str) -> BadAnswer:
    """The error about an answer that does not fit."""
    return BadAnswer(
        f"the answer to {method} cannot be used: {quoted(problem)[1:-1]}",
        remedy="ask another node: this one does not answer as Ethereum's JSON-RPC says",
    )


def _shown(text: str | None) -> str:
    return "missing" if text is None else text[:_SHOWN]


def quantity(text: str | None, method: str, field: str) -> int:
    """A whole number written as 0x and hexadecimal digits."""
    if text is not None and text.startswith("0x") and 2 < len(text) <= MAX_QUANTITY and text.isascii():
        digits = text[2:]
        if digits.isalnum():
            try:
                return int(digits, 16)
            except ValueError:
                pass
    raise bad(method, f"{field} is {_shown(text)}, not a quantity")


def address(text: str | None, method: str, field: str) -> str:
    """An address in lower case."""
    lower = text.lower() if text is not None else ""
    if not _ADDRESS.fullmatch(lower):
        raise bad(method, f"{field} is {_shown(text)}, not an address")
    return lower


def digest(text: str | None, method: str, field: str) -> str:
    """A hash or a topic in lower case."""
    lower = text.lower() if text is not None else ""
    if not _HASH.fullmatch(lower):
        raise bad(method, f"{field} is {_shown(text)}, not a hash")
    return lower


def data(text: str | None, method: str, field: str) -> bytes:
    """Bytes written as 0x and hexadecimal digits."""
    lower = text.lower() if text is not None else ""
    if not _DATA.fullmatch(lower):
        raise bad(method, f"{field} is not a string of bytes")
    return bytes.fromhex(lower[2:])


def topics(texts: Sequence[str], method: str) -> tuple[str, ...]:
    """The topics of an event."""
    if len(texts) > 4:
        raise bad(method, f"an event has {len(texts)} topics")
    return tuple(digest(text, method, "topics") for text in texts)
