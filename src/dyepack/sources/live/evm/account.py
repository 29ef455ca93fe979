"""What an account is at both ends of a window: whether it has code, and how many transactions it has sent.

Invariant: a node that does not tell gives None, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.sources.live.evm.answers import decode, quantity
from dyepack.sources.live.rpc import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.blocks import Window
    from dyepack.sources.live.evm.node import Node, Reply

_DELEGATED = "0xef0100"
"""How the code of an account begins that lets a contract act for it, and is signed for by its key as before."""

_CODE, _COUNT = "eth_getCode", "eth_getTransactionCount"


@dataclass(frozen=True, slots=True)
class Account:
    """`nonces` before the window and at its end; `has_code` at either."""

    has_code: bool
    nonces: tuple[int, int]


async def account(node: Node, address: str, window: Window) -> Account | None:
    """An account at both ends of a window; None where the node does not tell. At block 0 it had done nothing yet."""
    ends = (window.first - 1 or window.last, window.last)
    replies = await node.ask([Call(method, (address, hex(end))) for method in (_CODE, _COUNT) for end in ends])
    if any(isinstance(reply, Fault) for reply in replies):
        return None
    codes = [decode(reply, str, _CODE) for reply in replies[:2] if not isinstance(reply, Fault)]
    before, after = (_read(reply) for reply in replies[2:])
    if before is None or after is None:
        return None
    return Account(any(code != "0x" for code in codes), (before if window.first > 1 else 0, after))


async def contracts(node: Node, addresses: Sequence[str], block: int) -> dict[str, bool]:
    """Whether addresses have code of their own; those that the node does not tell are left out."""
    replies = await node.ask([Call(_CODE, (address, hex(block))) for address in addresses])
    told = {a: decode(r, str, _CODE) for a, r in zip(addresses, replies, strict=True) if not isinstance(r, Fault)}
    return {address: is_contract(code) for address, code in told.items()}


def is_contract(code: str) -> bool:
    """Whether it is code of a contract; a delegation (EIP-7702) leaves an account to its key."""
    return code not in {"", "0x"} and not code.lower().startswith(_DELEGATED)


async def nonces(node: Node, address: str, blocks: Sequence[int]) -> list[int | None]:
    """How many transactions an account had sent at the ends of blocks."""
    return [_read(reply) for reply in await node.ask([Call(_COUNT, (address, hex(block))) for block in blocks])]


def _read(reply: Reply) -> int | None:
    return None if isinstance(reply, Fault) else quantity(decode(reply, str, _COUNT), _COUNT, "result")
