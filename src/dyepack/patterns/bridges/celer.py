"""Celer cBridge, its pools: Send on the source chain, Relay on the destination.

A transfer's id is a hash of who sends what to whom, where and with which nonce; Relay repeats it as `srcTransferId`, so
the two legs are joined by it. The bridge's pegged tokens (Deposited, Mint, Burn, Withdrawn) are not read.

Invariant: a deposit's message id is the id that its own fields hash to, else the event is a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.keccak import keccak256
from dyepack.patterns.bridges.abi import AbiError, Form
from dyepack.patterns.bridges.logs import Log, forms_by_topic, read_logs
from dyepack.patterns.bridges.model import BridgeDeposit, Payout, Reading, chain_ids, chain_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

BRIDGE = "celer"
EVENTS = (
    "Send(bytes32 transferId,address sender,address receiver,address token,uint256 amount,uint64 dstChainId,"
    "uint64 nonce,uint32 maxSlippage)",
    "Relay(bytes32 transferId,address sender,address receiver,address token,uint256 amount,uint64 srcChainId,"
    "bytes32 srcTransferId)",
)


def transfer_id(
    sender: str, receiver: str, token: str, amount: int, to_chain_id: int, nonce: int, chain_id: int
) -> str:
    """The id of a transfer: Keccak over its fields, packed."""
    parts = b"".join(bytes.fromhex(address[2:]) for address in (sender, receiver, token))
    numbers = b"".join(number.to_bytes(8) for number in (to_chain_id, nonce, chain_id))
    return "0x" + keccak256(parts + amount.to_bytes(32) + numbers).hex()


def read(logs: Iterable[Log], contracts: Collection[str]) -> Reading:
    """Deposits and payouts of the bridge's contracts; `contracts` are those that the caller vouches for."""
    return read_logs(logs, contracts, forms_by_topic(EVENTS), _take)


def _take(event: Form, log: Log, values: dict[str, Any]) -> Reading:
    record = f"log {log.index}"
    if event.name == "Relay":
        payout = Payout(
            BRIDGE, log.chain, log.tx, values["receiver"], values["token"], values["amount"],
            from_chain=chain_name(values["srcChainId"]), message_id="0x" + values["srcTransferId"].hex(),
            time=log.time, record=record,
        )  # fmt: skip
        return Reading(payouts=[payout])
    told = "0x" + values["transferId"].hex()
    if log.chain in chain_ids():
        names = ("sender", "receiver", "token", "amount", "dstChainId", "nonce")
        sender, receiver, token, amount, to_chain_id, nonce = (values[name] for name in names)
        if transfer_id(sender, receiver, token, amount, to_chain_id, nonce, chain_ids()[log.chain]) != told:
            raise AbiError("the transfer id is not the hash of the transfer")
    deposit = BridgeDeposit(
        BRIDGE, log.chain, log.tx, values["sender"], values["receiver"], values["token"], values["amount"],
        to_chain=chain_name(values["dstChainId"]), message_id=told, time=log.time, record=record,
    )  # fmt: skip
    return Reading(deposits=[deposit])
