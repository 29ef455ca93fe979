"""Multichain (Anyswap): the events of its routers, versions 3 to 7.

Version 7 numbers its transfers (`swapoutID`); before, the payout names the source transaction (`txhash`).

Invariant: events count only from routers that the caller vouches for; one that cannot be decoded is a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.logs import Log, forms_by_topic, read_logs
from dyepack.patterns.bridges.model import BridgeDeposit, Payout, Reading, chain_name, folded
from dyepack.patterns.bridges.multichain import BRIDGE, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dyepack.patterns.bridges.abi import Form

_OUT = "address indexed token,address indexed from"
_OUT_7 = f"bytes32 indexed swapoutID,{_OUT},string to,uint256 amount,uint256 toChainID"
_IN_7 = (
    "string swapID,bytes32 indexed swapoutID,address indexed token,address indexed to,uint256 amount,"
    "uint256 fromChainID"
)
EVENTS = (
    f"LogAnySwapOut({_OUT},address indexed to,uint256 amount,uint256 fromChainID,uint256 toChainID)",
    f"LogAnySwapOut({_OUT},string to,uint256 amount,uint256 fromChainID,uint256 toChainID)",
    f"LogAnySwapOut({_OUT_7})",
    f"LogAnySwapOutAndCall({_OUT_7},string anycallProxy,bytes data)",
    "LogAnySwapIn(bytes32 indexed txhash,address indexed token,address indexed to,uint256 amount,uint256 fromChainID,"
    "uint256 toChainID)",
    f"LogAnySwapIn({_IN_7})",
    f"LogAnySwapInAndExec({_IN_7},bool success,bytes result)",
)


def read(logs: Iterable[Log], routers: Collection[str]) -> Reading:
    """Deposits and payouts of the routers that the caller vouches for."""
    return read_logs(logs, routers, forms_by_topic(EVENTS), _take)


def _take(event: Form, log: Log, values: dict[str, Any]) -> Reading:
    swap_id = "0x" + values["swapoutID"].hex() if "swapoutID" in values else ""
    record = f"log {log.index}"
    if event.name.startswith("LogAnySwapOut"):
        deposit = BridgeDeposit(
            BRIDGE, log.chain, log.tx, values["from"], folded(values["to"]), values["token"], values["amount"],
            to_chain=chain_name(values["toChainID"]), message_id=swap_id, time=log.time, record=record,
        )  # fmt: skip
        return Reading(deposits=[deposit])
    source = source_of(values["swapID"]) if swap_id else "0x" + values["txhash"].hex()
    payout = Payout(
        BRIDGE, log.chain, log.tx, values["to"], values["token"], values["amount"],
        from_chain=chain_name(values["fromChainID"]), from_tx=source, message_id=swap_id, time=log.time, record=record,
    )  # fmt: skip
    return Reading(payouts=[payout])
