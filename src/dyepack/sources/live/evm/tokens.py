"""Symbol and decimals of token contracts, as their contracts say them.

Invariant: a symbol is outside text, kept as it was told (cut to `MAX_SYMBOL`); decimals that no amount of 256 bits can
have are unknown. A contract that says nothing, or reverts, is called by its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dyepack.money import Asset
from dyepack.sources.etl_tokens import MAX_DECIMALS
from dyepack.sources.live.evm.answers import data, decode
from dyepack.sources.live.rpc import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.evm.node import Node, Reply

SYMBOL: Final = "0x95d89b41"
DECIMALS: Final = "0x313ce567"
BALANCE_OF: Final = "0x70a08231"
MAX_SYMBOL: Final = 256
_WORD: Final = 32


def balance_call(token: str, address: str, block: int) -> Call:
    """The question for a token balance at the end of a block."""
    return view(token, BALANCE_OF + address[2:].rjust(64, "0"), block)


def view(contract: str, arguments: str, block: int) -> Call:
    """A question to a contract that changes nothing, at the end of a block."""
    return Call("eth_call", ({"to": contract, "data": arguments}, hex(block)))


def returned(reply: Reply) -> bytes | None:
    """What a contract answered; None where it reverted or the node does not tell."""
    return None if isinstance(reply, Fault) else data(decode(reply, str, "eth_call"), "eth_call", "result")


def number(reply: Reply) -> int | None:
    """The first word of an answer as a number; None where there is none."""
    content = returned(reply)
    return int.from_bytes(content[:_WORD]) if content is not None and len(content) >= _WORD else None


async def describe(node: Node, contracts: Sequence[str], block: int) -> dict[str, Asset]:
    """Each contract as an asset, by what it says at a block."""
    calls = [view(contract, part, block) for contract in contracts for part in (SYMBOL, DECIMALS)]
    replies = await node.ask(calls)
    found = {}
    for contract, symbol, places in zip(contracts, replies[::2], replies[1::2], strict=True):
        decimals = number(places)
        usable = decimals is not None and decimals <= MAX_DECIMALS
        found[contract] = Asset(contract, text(returned(symbol) or b"") or contract, decimals if usable else None)
    return found


def text(content: bytes) -> str:
    """A string as ABI encodes it, or a bytes32 padded with zeros; "" for neither."""
    if len(content) >= 2 * _WORD:
        start = int.from_bytes(content[:_WORD])
        if start + _WORD > len(content):
            return ""
        length = int.from_bytes(content[start : start + _WORD])
        content = content[start + _WORD : start + _WORD + length] if start + _WORD + length <= len(content) else b""
    elif len(content) == _WORD:
        content = content.rstrip(b"\0")
    else:
        return ""
    return content[: 4 * MAX_SYMBOL].decode("utf-8", "replace")[:MAX_SYMBOL]
