"""THORChain's legs: memos with the money that they came with, from router calls on EVM chains and from OP_RETURN.

A deposit's receiver, asset and chain are what its memo asks for; the network itself may send it back (`Memo.faults`,
the limit, a halt), so which deposits were paid is what the payouts say: OUT and REFUND name the deposit. A refund is a
payout on the chain of the deposit. A payout to a contract that trades on ends at that contract here.

Invariant: a deposit or payout without a memo of the network's is None, not a guess; memoless deposits need the
registered memo that stood for them (`thorchain_memo.resolve_memoless`). That and `op_return_text` are for callers that
hold registrations or scripts: `dyepack bridges` reads calls of EVM chains only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.abi import AbiError
from dyepack.patterns.bridges.logs import Call, call_values, forms_by_selector, is_vouched
from dyepack.patterns.bridges.model import NATIVE, BridgeDeposit, Payout, Reading, folded
from dyepack.patterns.bridges.thorchain_memo import INTERNAL, MemoKind, parse_memo

if TYPE_CHECKING:
    from collections.abc import Collection

BRIDGE = "thorchain"
CALLS = (
    "deposit(address vault,address asset,uint256 amount,string memo)",
    "depositWithExpiry(address vault,address asset,uint256 amount,string memo,uint256 expiration)",
    "transferOut(address to,address asset,uint256 amount,string memo)",
    "transferOutAndCall(address to,address finalToken,address recipient,uint256 amountOutMin,string memo)",
)
"""Functions of the network's routers on EVM chains."""

_NO_TOKEN = "0x" + "0" * 40
_OP_RETURN = 0x6A
_PUSHES = {0x4C: 1, 0x4D: 2, 0x4E: 4}
_FORMS: dict[bytes, Any] = {}


def deposit_of(
    memo_text: str, *, chain: str, tx: str, sender: str, asset: str, amount: int, move: str = "", time: int = -1
) -> BridgeDeposit | None:
    """The deposit that money sent to a vault with this memo is, or None if the memo is no request to the network."""
    memo = parse_memo(memo_text)
    if memo is None or memo.is_outbound or memo.kind in INTERNAL:
        return None
    paid_out = memo.kind in {MemoKind.SWAP, MemoKind.LIMIT_SWAP, MemoKind.LOAN_OPEN, MemoKind.LOAN_REPAY}
    return BridgeDeposit(
        BRIDGE, chain, tx, sender, folded(memo.address), asset, amount,
        to_chain=memo.asset.ledger if memo.asset and paid_out else "thorchain",
        to_asset=memo.asset.name if memo.asset else "", move=move, time=time, memo=memo_text,
    )  # fmt: skip


def payout_of(
    memo_text: str, *, chain: str, tx: str, receiver: str, asset: str, amount: int, move: str = "", time: int = -1
) -> Payout | None:
    """The payout that money sent by a vault with this memo is, or None if the memo answers no deposit."""
    memo = parse_memo(memo_text)
    if memo is None or memo.kind not in {MemoKind.OUT, MemoKind.REFUND} or not memo.tx:
        return None
    return Payout(
        BRIDGE, chain, tx, folded(receiver), asset, amount, from_tx=memo.tx, move=move, time=time,
        memo=memo_text, refund=memo.kind is MemoKind.REFUND,
    )  # fmt: skip


def read(call: Call, routers: Collection[str] | None = None, vaults: Collection[str] | None = None) -> Reading | None:
    """The legs in a call's data, or None if it is no call of a router that the caller vouches for, or has no memo.

    Anyone may call a router's transferOut: a payout counts only from one of the network's `vaults`. None for either:
    the caller has seen to it. Raises AbiError.
    """
    if not _FORMS:
        _FORMS.update(forms_by_selector(CALLS))
    function = _FORMS.get(call.data[:4])
    if function is None or not is_vouched(call.contract, routers):
        return None
    values = call_values(function, call.data)
    token = values.get("asset", _NO_TOKEN)
    money: dict[str, Any] = {"asset": NATIVE, "amount": call.value}
    if token != _NO_TOKEN:
        money = {"asset": token, "amount": values["amount"]}
    place: dict[str, Any] = {"chain": call.chain, "tx": call.tx, "move": call.move, "time": call.time}
    if function.name.startswith("deposit"):
        deposit = deposit_of(values["memo"], sender=call.sender, **money, **place)
        return Reading(deposits=[deposit]) if deposit else None
    if not is_vouched(call.sender, vaults):
        return None
    payout = payout_of(values["memo"], receiver=values["to"], **money, **place)
    return Reading(payouts=[payout]) if payout else None


def op_return_text(script: bytes) -> str | None:
    """The text in an OP_RETURN output's script, or None if it is none. Raises AbiError for a push past the end."""
    if not script or script[0] != _OP_RETURN:
        return None
    content, at = b"", 1
    while at < len(script):
        code = script[at]
        at += 1
        if code > 0x4E:
            return None
        width = _PUSHES.get(code, 0)
        length = int.from_bytes(script[at : at + width], "little") if width else code
        at += width
        if at + length > len(script):
            raise AbiError("a push reaches past the end of the script")
        content += script[at : at + length]
        at += length
    return content.decode("utf-8", "backslashreplace")
