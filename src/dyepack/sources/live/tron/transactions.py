"""One transaction's moves out of its place in a block and what the node says became of it.

Kinds and indexes are those of other account chains (sources/live/evm/transactions.py makes the moves), but a token
move's index counts the events of its own transaction, for a node does not say which event of the block it is.
TRX that an account stakes stays its own and does not move; a witness's reward is issued when it is taken.
Invariant: a failed transaction moves nothing but its fee; units of TRC-10 tokens are counted, never moved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from dyepack.ledger.schema import MoveKind
from dyepack.sources.live.evm.events import Event
from dyepack.sources.live.evm.transactions import NATIVE, Facts, Inner, book
from dyepack.sources.live.source import LiveMove, LiveTransaction
from dyepack.sources.live.tron.addresses import to_base58
from dyepack.sources.live.tron.answers import Info, Kept, Units, address, bad, data, decode, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dyepack.sources.live.tron.answers import Block, Internal, Transaction

INFO: Final = "wallet/gettransactioninfobyid"
BLOCK: Final = "wallet/getblockbynum"
_SUCCEEDED: Final = frozenset(("SUCCESS", "DEFAULT", "SUCESS", ""))
_STAKING: Final = frozenset(
    (
        *("FreezeBalanceContract", "UnfreezeBalanceContract", "FreezeBalanceV2Contract", "UnfreezeBalanceV2Contract"),
        *("WithdrawExpireUnfreezeContract", "DelegateResourceContract", "UnDelegateResourceContract"),
        "CancelAllUnfreezeV2Contract",
    )
)
_FEE_ONLY: Final = frozenset(
    (
        *("AccountCreateContract", "AccountUpdateContract", "SetAccountIdContract", "AccountPermissionUpdateContract"),
        *("VoteAssetContract", "VoteWitnessContract", "WitnessCreateContract", "WitnessUpdateContract"),
        *("AssetIssueContract", "UpdateAssetContract", "UnfreezeAssetContract", "UpdateBrokerageContract"),
        *("ProposalCreateContract", "ProposalApproveContract", "ProposalDeleteContract"),
        *("UpdateSettingContract", "UpdateEnergyLimitContract", "ClearABIContract"),
    )
)
_TRC10: Final = frozenset(("TransferAssetContract",))
_MOVING_STEPS: Final = frozenset(("call", "create", "suicide"))


class _Owner(Kept, frozen=True, kw_only=True):
    owner: str = msgspec.field(name="owner_address")


class _Transfer(_Owner, frozen=True, kw_only=True):
    to: str = msgspec.field(name="to_address")
    amount: Units


class _Trigger(_Owner, frozen=True, kw_only=True):
    to: str = msgspec.field(name="contract_address")
    amount: Units = msgspec.field(name="call_value", default=0)
    token_units: Units = msgspec.field(name="call_token_value", default=0)


class _Code(Kept, frozen=True, kw_only=True):
    amount: Units = msgspec.field(name="call_value", default=0)


class _Create(_Owner, frozen=True, kw_only=True):
    code: _Code = msgspec.field(name="new_contract", default=_Code())
    token_units: Units = msgspec.field(name="call_token_value", default=0)


@dataclass(slots=True)
class _Order:
    """What a transaction orders: who pays whom how much TRX, what is counted, and what is not known of it."""

    owner: str
    receiver: str = ""
    units: int = 0
    left_out: tuple[str, ...] = ()
    unknown: str = ""


def moves_of(block: Block, index: int, info: Info) -> LiveTransaction:
    """The transaction at `index` of a block with its moves."""
    transaction = block.transactions[index]
    failed = _failed(transaction, info)
    order = _order(transaction, info)
    left_out = Counter(order.left_out)
    facts = Facts(
        txid=digest(transaction.id, BLOCK, "txID"),
        block=block.header.raw_data.number,
        block_hash=digest(block.id, BLOCK, "blockID"),
        index=index,
        time=block.header.raw_data.timestamp // 1000,
        sender=order.owner,
        receiver=order.receiver,
        value=order.units,
        fee=info.fee,
        failed=failed,
    )
    inner, unknown = ([], "") if failed else _inner(info, left_out)
    booked = book(facts, list(_events(info)), inner)
    if not failed and info.withdraw_amount:
        reward = LiveMove(int(MoveKind.ISSUE), 0, "", order.owner, NATIVE, info.withdraw_amount)
        booked.moves.append(reward)
    if not failed:
        counted = Counter(booked.left_out) + left_out
        booked.left_out = dict(counted)
        booked.partial = "; ".join(filter(None, (booked.partial, order.unknown, unknown)))
    booked.moves = [_written(move) for move in booked.moves]
    return booked


def _written(move: LiveMove) -> LiveMove:
    """The move with its addresses as people write them."""
    return replace(
        move,
        sender=to_base58(move.sender) if move.sender else "",
        receiver=to_base58(move.receiver) if move.receiver else "",
        asset=move.asset if move.asset == NATIVE else to_base58(move.asset),
    )


def _failed(transaction: Transaction, info: Info) -> bool:
    """Whether it failed, which up to three places say; they must agree."""
    said = {info.result == "FAILED"} if info.result else set()
    said |= {outcome.result not in _SUCCEEDED for outcome in transaction.ret[:1] if outcome.result}
    said |= {info.receipt.result not in _SUCCEEDED} if info.receipt.result else set()
    if len(said) > 1:
        raise bad(INFO, f"the block and the receipt of {transaction.id} disagree on whether it failed")
    return True in said


def _order(transaction: Transaction, info: Info) -> _Order:
    if len(transaction.raw_data.contract) != 1:
        raise bad(BLOCK, f"transaction {transaction.id} has {len(transaction.raw_data.contract)} contracts, not one")
    contract = transaction.raw_data.contract[0]
    kind, value = contract.type, contract.parameter.value
    owner = address(decode(value, _Owner, BLOCK).owner, BLOCK, "owner_address")
    if kind in {"TransferContract", "ParticipateAssetIssueContract"}:
        transfer = decode(value, _Transfer, BLOCK)
        left_out = ("trc10",) if kind == "ParticipateAssetIssueContract" else ()
        return _Order(owner, address(transfer.to, BLOCK, "to_address"), transfer.amount, left_out)
    if kind == "TriggerSmartContract":
        call = decode(value, _Trigger, BLOCK)
        left_out = ("trc10",) if call.token_units else ()
        return _Order(owner, address(call.to, BLOCK, "contract_address"), call.amount, left_out)
    if kind == "CreateSmartContract":
        creation = decode(value, _Create, BLOCK)
        made = address(info.contract_address, INFO, "contract_address") if info.contract_address else ""
        if creation.code.amount and not made:
            raise bad(INFO, f"contract_address is missing from the receipt of {transaction.id}")
        return _Order(owner, made, creation.code.amount, ("trc10",) if creation.token_units else ())
    if kind in _TRC10 | _STAKING:
        return _Order(owner, left_out=("trc10" if kind in _TRC10 else "staking",))
    if kind == "WithdrawBalanceContract" or kind in _FEE_ONLY:
        return _Order(owner)
    return _Order(owner, unknown=f"what a transaction of type {kind[:40]} moves is not followed")


def _events(info: Info) -> Iterator[Event]:
    for index, log in enumerate(info.log):
        yield Event(
            index,
            address(log.address, INFO, "address"),
            tuple(digest(topic, INFO, "topics") for topic in log.topics),
            data(log.data, INFO, "data"),
        )


def _inner(info: Info, left_out: Counter[str]) -> tuple[list[Inner], str]:
    """TRX that contracts moved, numbered from 1 in the order of execution, and what is not known of them."""
    found: list[Inner] = []
    unknown = ""
    for rank, step in enumerate(info.internal_transactions, 1):
        if step.rejected:
            continue
        left_out["trc10"] += sum(1 for value in step.values if value.token and value.units)
        units = sum(value.units for value in step.values if not value.token)
        if not units:
            continue
        note = _note(step)
        sender, receiver = (
            address(step.caller, INFO, "caller_address"),
            address(step.receiver, INFO, "transferTo_address"),
        )
        if note not in _MOVING_STEPS:
            left_out["staking"] += 1
            unknown = "what contracts staked, and the rewards they took, is not followed"
        elif sender != receiver:
            found.append(Inner(rank, sender, receiver, units))
    return found, unknown


def _note(step: Internal) -> str:
    return data(step.note, INFO, "note").decode("ascii", "replace")
