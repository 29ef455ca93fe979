"""Poly Network: a lock and its message on the source chain, the message executed and the unlock on the destination.

The message's id is a counter of the source chain's manager contract; the destination repeats it as `fromChainTxHash`,
so legs are joined by source chain and id. The asset's contract says what was locked or unlocked (LockEvent after its
CrossChainEvent; UnlockEvent before its VerifyHeaderAndExecuteTxEvent, in one transaction).

Invariant: an event without its fellow is a failure: half a record makes no leg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.logs import Log, forms_by_topic, read_logs
from dyepack.patterns.bridges.model import BridgeDeposit, Failure, Payout, Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dyepack.patterns.bridges.abi import Form

BRIDGE = "poly"
EVENTS = (
    "CrossChainEvent(address indexed sender,bytes txId,address proxyOrAssetContract,uint64 toChainId,bytes toContract,"
    "bytes rawdata)",
    "LockEvent(address fromAssetHash,address fromAddress,uint64 toChainId,bytes toAssetHash,bytes toAddress,"
    "uint256 amount)",
    "UnlockEvent(address toAssetHash,address toAddress,uint256 amount)",
    "VerifyHeaderAndExecuteTxEvent(uint64 fromChainID,bytes toContract,bytes crossChainTxHash,bytes fromChainTxHash)",
)
CHAINS = {2: "ethereum", 6: "bsc"}
"""Names of chains by Poly's own numbers; others are "poly:<number>"."""

_MOST_OPEN = 4096
_FIRST = {"CrossChainEvent": "LockEvent", "UnlockEvent": "VerifyHeaderAndExecuteTxEvent"}
"""What comes first in a transaction, and its fellow."""


def read(logs: Iterable[Log], contracts: Collection[str]) -> Reading:
    """Deposits and payouts of the bridge's contracts (managers and lock proxies that the caller vouches for).

    Logs come in chain order.
    """
    reader = _Pairs()
    found = read_logs(logs, contracts, forms_by_topic(EVENTS), reader.take)
    found.failures += reader.left()
    return found


def poly_chain(number: int) -> str:
    """The name of a chain by Poly's number."""
    return CHAINS.get(number, f"poly:{number}")


def _hex(content: bytes) -> str:
    return "0x" + content.hex()


class _Pairs:
    """First halves that wait for their fellow in the same transaction."""

    def __init__(self) -> None:
        self.open: list[tuple[str, Log, dict[str, Any]]] = []

    def take(self, event: Form, log: Log, values: dict[str, Any]) -> Reading | None:
        """One event: keep a first half, or complete it."""
        if event.name in _FIRST:
            dropped = [self._failure(self.open.pop(0))] if len(self.open) >= _MOST_OPEN else []
            self.open.append((event.name, log, values))
            return Reading(failures=dropped)
        for at, (name, first, before) in enumerate(self.open):
            if _FIRST[name] == event.name and (first.chain, first.tx) == (log.chain, log.tx):
                del self.open[at]
                return _deposit(first, before, values) if event.name == "LockEvent" else _payout(first, before, values)
        return Reading(failures=[Failure(log.place, f"{event.name} without its fellow before it")])

    def left(self) -> list[Failure]:
        """First halves whose fellow never came."""
        return [self._failure(waiting) for waiting in self.open]

    @staticmethod
    def _failure(waiting: tuple[str, Log, dict[str, Any]]) -> Failure:
        name, log, _ = waiting
        return Failure(log.place, f"{name} without {_FIRST[name]} after it")


def _deposit(log: Log, message: dict[str, Any], lock: dict[str, Any]) -> Reading:
    deposit = BridgeDeposit(
        BRIDGE, log.chain, log.tx, message["sender"], _hex(lock["toAddress"]), lock["fromAssetHash"], lock["amount"],
        to_chain=poly_chain(lock["toChainId"]), to_asset=_hex(lock["toAssetHash"]), message_id=_hex(message["txId"]),
        time=log.time, record=f"log {log.index}",
    )  # fmt: skip
    return Reading(deposits=[deposit])


def _payout(log: Log, unlock: dict[str, Any], message: dict[str, Any]) -> Reading:
    payout = Payout(
        BRIDGE, log.chain, log.tx, unlock["toAddress"], unlock["toAssetHash"], unlock["amount"],
        from_chain=poly_chain(message["fromChainID"]), message_id=_hex(message["fromChainTxHash"]), time=log.time,
        record=f"log {log.index}",
    )  # fmt: skip
    return Reading(payouts=[payout])
