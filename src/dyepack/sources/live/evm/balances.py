"""Balances of holdings at the ends of past blocks.

Invariant: None means that nobody can tell; a token that was not there yet holds nothing, which is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.sources.live.evm.answers import decode, quantity
from dyepack.sources.live.evm.tokens import balance_call, number, returned
from dyepack.sources.live.evm.transactions import NATIVE
from dyepack.sources.live.rpc import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.sources.live.evm.node import Node
    from dyepack.sources.live.source import Wanted

_METHOD = "eth_getBalance"


async def balances(node: Node, asked: Sequence[tuple[Wanted, int]]) -> list[int | None]:
    """Base units of holdings at the ends of blocks; None where the node cannot tell."""
    calls = [
        Call(_METHOD, (wanted.address, hex(block)))
        if wanted.asset == NATIVE
        else balance_call(wanted.asset, wanted.address, block)
        for wanted, block in asked
    ]
    replies = await node.ask(calls)
    found: list[int | None] = []
    silent: list[int] = []
    for rank, ((wanted, _), reply) in enumerate(zip(asked, replies, strict=True)):
        if wanted.asset != NATIVE:
            found.append(number(reply))
            if returned(reply) == b"":
                silent.append(rank)
        elif isinstance(reply, Fault):
            found.append(None)
        else:
            found.append(quantity(decode(reply, str, _METHOD), _METHOD, "result"))
    codes = await node.ask([Call("eth_getCode", (asked[n][0].asset, hex(asked[n][1]))) for n in silent])
    for rank, code in zip(silent, codes, strict=True):
        if not isinstance(code, Fault) and decode(code, str, "eth_getCode") == "0x":
            found[rank] = 0
    return found
