"""Whole transactions and what a block itself pays, each checked against its block.

A transaction is asked for with its receipt, its block's header and, where the node offers them and the transaction can
have any, its traces. What a block pays outside transactions (withdrawals of staked coins, tips to the proposer) has a
made-up id of 24 zero bytes and the block number, as in an ethereum-etl import.
Invariant: what is returned fits its block, or is a reason; each id is read once in the life of a `Loader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dyepack.errors import quoted
from dyepack.ledger.schema import AFTER_TRANSACTIONS, MoveKind
from dyepack.sources.live.errors import BadAnswer, Refused
from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.answers import Frame, Listing, Receipt, Trace, Transaction, address, bad, quantity
from dyepack.sources.live.evm.node import CALL_TRACER, Node, is_null, ref
from dyepack.sources.live.evm.transactions import (
    NATIVE,
    Inner,
    book,
    events_of,
    facts_of,
    inner_of_frames,
    inner_of_traces,
    ran_no_code,
)
from dyepack.sources.live.rpc import Call, Fault
from dyepack.sources.live.source import NO_INTERNAL, LiveMove, LiveTransaction, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dyepack.sources.blocks import Window
    from dyepack.sources.live.evm.node import Reply

AT_A_TIME: Final = 500
"""Transactions that are held undecoded at the same time."""

_BLOCK_PAYS: Final = "0x" + "00" * 24
_SENT: Final = "eth_getTransactionByHash"
_DONE: Final = "eth_getTransactionReceipt"
_GWEI: Final = 10**9
Places = dict[str, tuple[int, int]]
_Found = dict[str, LiveTransaction | str]


def block_id(number: int) -> str:
    """The made-up id of what a block pays."""
    return _BLOCK_PAYS + number.to_bytes(8).hex()


class Loader:
    """Reads transactions of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._kept: _Found = {}

    async def load(self, txids: Sequence[str]) -> _Found:
        """Whole transactions by id; for one that cannot be had, the reason."""
        fresh = [txid for txid in dict.fromkeys(txids) if txid not in self._kept]
        for start in range(0, len(fresh), AT_A_TIME):
            part = fresh[start : start + AT_A_TIME]
            paid = [txid for txid in part if txid.startswith(_BLOCK_PAYS)]
            self._kept |= await self._transactions([txid for txid in part if not txid.startswith(_BLOCK_PAYS)])
            self._kept |= await self._blocks_pay([int(txid[-16:], 16) for txid in paid])
        return {txid: self._kept[txid] for txid in dict.fromkeys(txids)}

    def known(self, wanted: Collection[Wanted], window: Window) -> dict[Wanted, Places]:
        """Where transactions stand that were read before and touch holdings: what a list of them must name."""
        holdings = set(wanted)
        found: dict[Wanted, Places] = {one: {} for one in holdings}
        for txid, one in self._kept.items():
            if isinstance(one, LiveTransaction) and window.first <= one.block <= window.last:
                for move in one.moves:
                    for party in (move.sender, move.receiver):
                        if (holding := Wanted(party, move.asset)) in holdings:
                            found[holding][txid] = (one.block, one.index)
        return found

    async def _transactions(self, txids: Sequence[str]) -> _Found:
        replies = await self._node.ask([Call(method, (txid,)) for txid in txids for method in (_SENT, _DONE)])
        found: _Found = {}
        pairs: dict[str, tuple[Transaction, Receipt]] = {}
        for txid, sent, done in zip(txids, replies[::2], replies[1::2], strict=True):
            pair = self._pair(txid, sent, done)
            if isinstance(pair, str):
                found[txid] = pair
            else:
                pairs[txid] = pair
        numbers = {txid: int(receipt.block_number, 16) for txid, (_, receipt) in pairs.items()}
        blocks = await self._node.listings(sorted(set(numbers.values())))
        traces = await self._internals({txid: receipt for txid, (_, receipt) in pairs.items()})
        for txid, (transaction, receipt) in pairs.items():
            block = blocks.get(numbers[txid])
            if block is None:
                found[txid] = f"the node does not know its block {numbers[txid]}"
                continue
            try:
                found[txid] = self._whole(transaction, receipt, block, traces.get(txid))
            except BadAnswer as error:
                found[txid] = error.problem
        return found

    def _pair(self, txid: str, sent: Reply, done: Reply) -> tuple[Transaction, Receipt] | str:
        """A transaction and its receipt, or why one cannot be had."""
        if is_null(sent) or is_null(done):
            return "the node does not know it" if is_null(sent) else "the node has no receipt of it"
        try:
            transaction, receipt = self._node.read(sent, Transaction, _SENT), self._node.read(done, Receipt, _DONE)
            quantity(receipt.block_number, _DONE, "blockNumber")
            quantity(receipt.gas_used, _DONE, "gasUsed")
            quantity(receipt.status or "0x0", _DONE, "status")
        except (BadAnswer, Refused) as error:
            return error.problem
        if transaction.hash.lower() != txid:
            return f"the node answers with another transaction, {quoted(transaction.hash)}"
        return transaction, receipt

    async def _internals(self, receipts: dict[str, Receipt]) -> dict[str, Reply]:
        """The traces of those transactions that can have internal transfers."""
        offers = self._node.offers
        wanted = [txid for txid, receipt in receipts.items() if offers.internal and not _is_settled(receipt)]
        calls = [
            Call("trace_transaction", (txid,))
            if offers.trace_transaction
            else Call("debug_traceTransaction", (txid, dict(CALL_TRACER)))
            for txid in wanted
        ]
        return dict(zip(wanted, await self._node.ask(calls), strict=True))

    def _whole(
        self, transaction: Transaction, receipt: Receipt, block: Listing, traces: Reply | None
    ) -> LiveTransaction:
        place = ref(block)
        checks.receipt_fits(transaction, receipt, place)
        index = quantity(receipt.transaction_index, "eth_getTransactionReceipt", "transactionIndex")
        if index >= len(block.transactions) or block.transactions[index].lower() != transaction.hash.lower():
            raise bad("eth_getBlockByNumber", f"the block does not hold {transaction.hash} at {index}")
        inner, failed, why = self._inner(receipt, traces)
        facts = facts_of(transaction, receipt, place.time, failed=failed)
        booked = book(facts, events_of(receipt), inner, why=why)
        doubts = [booked.partial, checks.missing_logs(receipt, checks.read_bloom(block.logs_bloom, "logsBloom"))]
        if transaction.mint is not None and quantity(transaction.mint, "eth_getTransactionByHash", "mint"):
            doubts.append("coins that the rollup's bridge created with it are not booked")
        if receipt.status is None and inner is None:
            doubts.append("whether it failed is not known")
        booked.partial = "; ".join(doubt for doubt in doubts if doubt)
        return booked

    @staticmethod
    def _inner(receipt: Receipt, reply: Reply | None) -> tuple[list[Inner] | None, bool, str]:
        """Internal transfers, whether the root failed, and why they are not known."""
        if reply is None:
            return ([] if _is_settled(receipt) else None), False, NO_INTERNAL
        if isinstance(reply, Fault) or is_null(reply):
            said = reply.message if isinstance(reply, Fault) else "nothing is known of it"
            return None, False, f"{NO_INTERNAL}: the node does not trace it ({quoted(said)})"
        if bytes(reply).lstrip().startswith(b"["):
            traces = Node.read(reply, list[Trace], "trace_transaction")
            if any((trace.transaction_hash or "").lower() != receipt.transaction_hash.lower() for trace in traces):
                raise bad("trace_transaction", "a step is of another transaction")
            if not any(not trace.trace_address for trace in traces):
                return None, False, f"{NO_INTERNAL}: the node has no traces of it"
            return *inner_of_traces(traces), ""
        return *inner_of_frames(Node.read(reply, Frame, "debug_traceTransaction")), ""

    async def _blocks_pay(self, numbers: Sequence[int]) -> _Found:
        """What blocks pay to validators: withdrawals in their order, then the proposer's tips."""
        found: _Found = {}
        blocks = await self._node.listings(numbers)
        for number in numbers:
            block = blocks.get(number)
            if block is None:
                found[block_id(number)] = f"the node does not know block {number}"
                continue
            place = ref(block)
            moves = [
                _issue(
                    rank,
                    address(one.address, "withdrawals", "address"),
                    _GWEI * quantity(one.amount, "withdrawals", "amount"),
                )
                for rank, one in enumerate(block.withdrawals or ())
            ]
            moves.append(
                _issue(len(moves), address(block.miner, "eth_getBlockByNumber", "miner"), await self._tips(block))
            )
            found[block_id(number)] = LiveTransaction(
                block_id(number),
                number,
                place.hash,
                AFTER_TRANSACTIONS,
                place.time,
                [move for move in moves if move.units],
            )
        return found

    async def _tips(self, block: Listing) -> int:
        """What the proposer gets of the fees, on chains that burn the rest."""
        if block.base_fee_per_gas is None or not block.transactions:
            return 0
        base = quantity(block.base_fee_per_gas, "eth_getBlockByNumber", "baseFeePerGas")
        total = 0
        for receipt in await self._node.block_receipts(block):
            price = quantity(receipt.effective_gas_price, "eth_getBlockReceipts", "effectiveGasPrice")
            total += quantity(receipt.gas_used, "eth_getBlockReceipts", "gasUsed") * max(price - base, 0)
        return total


def _is_settled(receipt: Receipt) -> bool:
    """Whether no internal transfer can have happened: it failed, or ran no code."""
    if receipt.status is not None and quantity(receipt.status, _DONE, "status") == 0:
        return True
    return receipt.status is not None and ran_no_code(receipt)


def _issue(rank: int, receiver: str, units: int) -> LiveMove:
    return LiveMove(int(MoveKind.ISSUE), rank, "", receiver, NATIVE, units)
