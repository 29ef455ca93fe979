"""One transaction's moves out of what a source tells of it: its value, events, internal transfers and its fee.

Kinds and indexes are those of an ethereum-etl import of the same chain: the value has index 0, a token move its log
index in the block, an internal transfer its rank in pre-order among the transaction's traces, the root being 0.
Invariant: a failed transaction moves nothing but its fee; what is not known of a transaction stands in `partial`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dyepack.ledger.schema import MoveKind
from dyepack.sources.live.evm.answers import Frame, Receipt, Trace, Transaction, address, bad, data, digest, quantity
from dyepack.sources.live.evm.answers import topics as topics_of
from dyepack.sources.live.evm.events import Event, token_moves
from dyepack.sources.live.source import NO_INTERNAL, LiveMove, LiveTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NATIVE: Final = "native"
_CREATIONS: Final = frozenset(("create", "create2"))
_DESTRUCTIONS: Final = frozenset(("suicide", "selfdestruct"))
MOVES_NOTHING: Final = frozenset(("delegatecall", "staticcall", "callcode"))
_RECEIPT: Final = "eth_getTransactionReceipt"
PLAIN_GAS: Final = 21_000
"""What a transfer without any code costs: exactly so much gas, and no internal transfer can have happened."""


def ran_no_code(receipt: Receipt, data: str = "0x") -> bool:
    """Whether a transaction cost what a bare transfer costs, carried no data and left no events."""
    return quantity(receipt.gas_used, _RECEIPT, "gasUsed") == PLAIN_GAS and data == "0x" and not receipt.logs


@dataclass(frozen=True, slots=True)
class Facts:
    """A transaction without its events: `receiver` is the contract it creates if it creates one; fee None: unknown."""

    txid: str
    block: int
    block_hash: str
    index: int
    time: int
    sender: str
    receiver: str
    value: int
    fee: int | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Inner:
    """Coins that a contract moved inside a transaction; `index` is the rank of the step."""

    index: int
    sender: str
    receiver: str
    units: int


def book(
    facts: Facts, events: Sequence[Event], inner: Sequence[Inner] | None, *, why: str = NO_INTERNAL
) -> LiveTransaction:
    """The moves of a transaction; `inner` is None where internal transfers are not known, for the reason `why`."""
    left_out: Counter[str] = Counter()
    moves: list[LiveMove] = []
    partial = []
    if facts.failed:
        left_out["failed"] = 1
    else:
        native = [(move.sender, move.receiver, move.units) for move in inner or ()]
        if facts.value:
            moves.append(LiveMove(int(MoveKind.VALUE), 0, facts.sender, facts.receiver, NATIVE, facts.value))
            native.append((facts.sender, facts.receiver, facts.value))
        moves += token_moves(events, facts.sender, native, whole=inner is not None, left_out=left_out)
        moves += (LiveMove(int(MoveKind.INTERNAL), m.index, m.sender, m.receiver, NATIVE, m.units) for m in inner or ())
        if inner is None:
            partial.append(why)
    if facts.fee:
        moves.append(LiveMove(int(MoveKind.FEE), 0, facts.sender, "", NATIVE, facts.fee))
    elif facts.fee is None:
        partial.append("its fee is not known")
    return LiveTransaction(
        facts.txid,
        facts.block,
        facts.block_hash,
        facts.index,
        facts.time,
        moves,
        {reason: count for reason, count in left_out.items() if count},
        "; ".join(partial),
    )


def facts_of(transaction: Transaction, receipt: Receipt, time: int, *, failed: bool | None = None) -> Facts:
    """Put a transaction and its receipt together; `failed` is what traces say, for receipts without a status."""
    value = quantity(transaction.value, "eth_getTransactionByHash", "value")
    lost = quantity(receipt.status, _RECEIPT, "status") == 0 if receipt.status is not None else bool(failed)
    to = transaction.to or receipt.contract_address
    if to is None and value and not lost:
        raise bad(_RECEIPT, "contractAddress is missing from the receipt of a creation")
    return Facts(
        txid=digest(transaction.hash, "eth_getTransactionByHash", "hash"),
        block=quantity(receipt.block_number, _RECEIPT, "blockNumber"),
        block_hash=digest(receipt.block_hash, _RECEIPT, "blockHash"),
        index=quantity(receipt.transaction_index, _RECEIPT, "transactionIndex"),
        time=time,
        sender=address(transaction.sender, "eth_getTransactionByHash", "from"),
        receiver=address(to, "eth_getTransactionByHash", "to") if to else "",
        value=value,
        fee=_fee(transaction, receipt),
        failed=lost,
    )


def _fee(transaction: Transaction, receipt: Receipt) -> int | None:
    """Gas used at its price, the blobs at theirs, and what a rollup takes for the chain below it."""
    price = receipt.effective_gas_price or transaction.gas_price
    if price is None:
        return None
    fee = quantity(receipt.gas_used, _RECEIPT, "gasUsed") * quantity(price, _RECEIPT, "effectiveGasPrice")
    if receipt.blob_gas_used is not None and receipt.blob_gas_price is not None:
        fee += quantity(receipt.blob_gas_used, _RECEIPT, "blobGasUsed") * quantity(
            receipt.blob_gas_price, _RECEIPT, "blobGasPrice"
        )
    return fee + (quantity(receipt.l1_fee, _RECEIPT, "l1Fee") if receipt.l1_fee is not None else 0)


def events_of(receipt: Receipt) -> list[Event]:
    """The events of a receipt."""
    return [
        Event(
            quantity(log.log_index, _RECEIPT, "logIndex"),
            address(log.address, _RECEIPT, "address"),
            topics_of(log.topics, _RECEIPT),
            data(log.data, _RECEIPT, "data"),
        )
        for log in receipt.logs
    ]


def inner_of_traces(traces: Sequence[Trace]) -> tuple[list[Inner], bool]:
    """Internal transfers out of all traces of one transaction, and whether its root failed."""
    by_path = {tuple(trace.trace_address): trace for trace in traces if trace.type != "reward"}
    found: list[Inner] = []
    dead: set[tuple[int, ...]] = set()
    for rank, path in enumerate(sorted(by_path)):
        trace = by_path[path]
        if path and path[:-1] not in by_path:
            raise bad("trace_transaction", f"the step above {list(path)} is missing")
        if trace.error is not None or (path and path[:-1] in dead):
            dead.add(path)
        elif path:
            found += _step(rank, _Step.of_trace(trace))
    return found, () in dead


def inner_of_frames(root: Frame) -> tuple[list[Inner], bool]:
    """Internal transfers out of the frames of one transaction, and whether its root failed."""
    found: list[Inner] = []
    if root.error is not None:
        return found, True
    for rank, (frame, dead) in enumerate(_preorder(root)):
        if rank and not dead:
            found += _step(rank, _Step(frame.type.lower(), frame.sender, frame.to, frame.value))
    return found, False


def _preorder(root: Frame) -> Iterator[tuple[Frame, bool]]:
    """Each frame before those inside it, and whether it or one around it failed."""
    stack = [(root, False)]
    while stack:
        frame, dead = stack.pop()
        dead = dead or frame.error is not None
        yield frame, dead
        stack += ((inside, dead) for inside in reversed(frame.calls or ()))


@dataclass(frozen=True, slots=True)
class _Step:
    """One step as both kinds of tracing tell it."""

    type: str
    sender: str | None
    to: str | None
    value: str | None

    @classmethod
    def of_trace(cls, trace: Trace) -> _Step:
        action = trace.action
        if trace.type in _DESTRUCTIONS:
            return cls(trace.type, action.address, action.refund_address, action.balance)
        if trace.type in _CREATIONS:
            made = trace.result.address if trace.result is not None else None
            return cls(trace.type, action.sender, made, action.value)
        return cls(action.call_type or trace.type, action.sender, action.to, action.value)


def _step(rank: int, step: _Step) -> Iterator[Inner]:
    """What a step that took effect moved."""
    if step.type in MOVES_NOTHING:
        return
    if step.type not in _CREATIONS | _DESTRUCTIONS | {"call"}:
        raise bad("trace", f"a step of the unknown type {step.type!r}")
    units = quantity(step.value, "trace", "value") if step.value is not None else 0
    if units:
        yield Inner(rank, address(step.sender, "trace", "from"), address(step.to, "trace", "to"), units)
