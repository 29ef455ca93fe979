"""Multichain (Anyswap): calls to its routers, anySwapOut... on the source chain and anySwapIn... on the destination.

Whoever pays out names the source transaction in the call (`txs`; in version 7 in `swapID`, as
"chain:transaction:log"), so legs are joined by it. The `...In` calls are made by the bridge's own key; anyone may call
a look-alike router, so calls count only where they went to a router that the caller vouches for. What a call that
trades on the way pays out stands in its logs only, so such payouts are listed as failures.

Invariant: a call of a known selector gives its legs, all of a batch, or an AbiError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.abi import AbiError
from dyepack.patterns.bridges.logs import Call, call_values, forms_by_selector, is_vouched
from dyepack.patterns.bridges.model import NATIVE, BridgeDeposit, Failure, Payout, Reading, chain_name, folded

if TYPE_CHECKING:
    from collections.abc import Collection

BRIDGE = "multichain"

_TRADE = "uint256 amountIn,uint256 amountOutMin,address[] path,address to,uint256 deadline"
_SIGNED = "uint8 v,bytes32 r,bytes32 s,uint256 toChainID"
_UNDERLYING = "address from,address token,address to,uint256 amount,uint256 deadline," + _SIGNED
_IN = "bytes32 txs,address token,address to,uint256 amount,uint256 fromChainID"
_INFO = "string swapID,(bytes32,address,address,uint256,uint256) swapInfo"
_EXEC = f"{_INFO},address anycallProxy,bytes data"

OUT_CALLS = (
    "anySwapOut(address token,address to,uint256 amount,uint256 toChainID)",
    "anySwapOut(address token,string to,uint256 amount,uint256 toChainID)",
    "anySwapOut(address[] token,address[] to,uint256[] amount,uint256[] toChainID)",
    "anySwapOutUnderlying(address token,address to,uint256 amount,uint256 toChainID)",
    "anySwapOutUnderlying(address token,string to,uint256 amount,uint256 toChainID)",
    f"anySwapOutUnderlyingWithPermit({_UNDERLYING})",
    f"anySwapOutUnderlyingWithTransferPermit({_UNDERLYING})",
    "anySwapOutNative(address token,address to,uint256 toChainID)",
    "anySwapOutNative(address token,string to,uint256 toChainID)",
    "anySwapOutAndCall(address token,string to,uint256 amount,uint256 toChainID,string anycallProxy,bytes data)",
    "anySwapOutUnderlyingAndCall(address token,string to,uint256 amount,uint256 toChainID,string anycallProxy,"
    "bytes data)",
    "anySwapOutNativeAndCall(address token,string to,uint256 toChainID,string anycallProxy,bytes data)",
    *(
        f"anySwapOutExactTokensFor{what}{how}({text})"
        for what in ("Tokens", "Native")
        for how, text in (
            ("", f"{_TRADE},uint256 toChainID"),
            ("Underlying", f"{_TRADE},uint256 toChainID"),
            ("UnderlyingWithPermit", f"address from,{_TRADE},{_SIGNED}"),
            ("UnderlyingWithTransferPermit", f"address from,{_TRADE},{_SIGNED}"),
        )
    ),
)
"""Calls of those who send money over the bridge."""

IN_CALLS = (
    *(f"{name}({_IN})" for name in ("anySwapIn", "anySwapInUnderlying", "anySwapInAuto")),
    "anySwapIn(bytes32[] txs,address[] token,address[] to,uint256[] amount,uint256[] fromChainID)",
    f"anySwapInExactTokensForTokens(bytes32 txs,{_TRADE},uint256 fromChainID)",
    f"anySwapInExactTokensForNative(bytes32 txs,{_TRADE},uint256 fromChainID)",
    *(f"{name}({_INFO})" for name in ("anySwapIn", "anySwapInUnderlying", "anySwapInNative", "anySwapInAuto")),
    f"anySwapInAndExec({_EXEC})",
    f"anySwapInUnderlyingAndExec({_EXEC})",
)
"""Calls of the bridge that pay out."""

_FORMS: dict[bytes, Any] = {}


def read(call: Call, routers: Collection[str] | None = None) -> Reading | None:
    """The legs in a call's data, or None if it is none of the bridge's calls.

    `routers` are the contracts that the caller vouches for; None: the caller has seen to it. Raises AbiError.
    """
    if not _FORMS:
        _FORMS.update(forms_by_selector((*OUT_CALLS, *IN_CALLS)))
    function = _FORMS.get(call.data[:4])
    if function is None or not is_vouched(call.contract, routers):
        return None
    values = call_values(function, call.data)
    if function.name.startswith("anySwapOut"):
        return Reading(deposits=[_deposit(call, row) for row in _rows(values)])
    if "amountOutMin" in values:
        reason = f"{function.name}: what the trade paid out stands only in the logs"
        return Reading(failures=[Failure(call.place, reason)])
    if "swapInfo" in values:
        return Reading(payouts=[_payout_of_7(call, values)])
    return Reading(payouts=[_payout(call, row) for row in _rows(values)])


def _rows(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The transfers of a call: those of a batch one by one. (A path is one transfer's.)"""
    columns = {name: value for name, value in values.items() if isinstance(value, tuple) and name != "path"}
    if not columns:
        return [values | {"record": ""}]
    if len({len(column) for column in columns.values()}) != 1:
        raise AbiError("the lists of a batch differ in length")
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) | {"record": f"item {n}"} for n, row in enumerate(rows)]


def _deposit(call: Call, values: dict[str, Any]) -> BridgeDeposit:
    if "path" in values and not values["path"]:
        raise AbiError("the path of a trade is empty")
    token = values["path"][0] if "path" in values else values["token"]
    amount = values.get("amount", values.get("amountIn"))
    return BridgeDeposit(
        BRIDGE, call.chain, call.tx, values.get("from", call.sender), folded(values["to"]),
        NATIVE if amount is None else token, call.value if amount is None else amount,
        to_chain=chain_name(values["toChainID"]), move=call.move, time=call.time, record=values["record"],
    )  # fmt: skip


def _payout(call: Call, values: dict[str, Any]) -> Payout:
    return Payout(
        BRIDGE, call.chain, call.tx, values["to"], values["token"], values["amount"],
        from_chain=chain_name(values["fromChainID"]), from_tx="0x" + values["txs"].hex(), move=call.move,
        time=call.time, record=values["record"],
    )  # fmt: skip


def source_of(swap_id: str) -> str:
    """The source transaction in a `swapID` of version 7 ("chain:transaction:log"), "" if it has none."""
    parts = swap_id.split(":")
    return parts[1].lower() if len(parts) == 3 else ""


def _payout_of_7(call: Call, values: dict[str, Any]) -> Payout:
    swap_id, token, receiver, amount, chain_id = values["swapInfo"]
    return Payout(
        BRIDGE, call.chain, call.tx, receiver, token, amount, from_chain=chain_name(chain_id),
        from_tx=source_of(values["swapID"]), message_id="0x" + swap_id.hex(), move=call.move,
        time=call.time,
    )  # fmt: skip
