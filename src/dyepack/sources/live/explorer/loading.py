"""Whole transactions through an explorer: what was signed, its receipt, its internal transfers, the head of its block.

Each is a request of its own; a transaction that cannot have run code is not asked for internal transfers. Explorers
list only those that moved something, so their ranks are not those of a node, but their order is.
Invariant: what is returned fits its block, or is a reason; a block number has one hash for the life of a `Loader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dyepack.sources.live.errors import BadAnswer, Refused, Reorganised
from dyepack.sources.live.evm import checks
from dyepack.sources.live.evm.answers import Listing, Receipt, Transaction, quantity
from dyepack.sources.live.evm.answers import decode as decode_node
from dyepack.sources.live.evm.node import AT_ONCE, ref
from dyepack.sources.live.evm.transactions import MOVES_NOTHING, Inner, book, events_of, facts_of, ran_no_code
from dyepack.sources.live.explorer.answers import Internal, Told, address, bad, number
from dyepack.sources.live.source import NO_INTERNAL
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import msgspec

    from dyepack.sources.live.explorer.api import Explorer
    from dyepack.sources.live.source import LiveTransaction

INTERNAL: Final = "txlistinternal"
_BLOCK: Final = "eth_getBlockByNumber"
_RECEIPT: Final = "eth_getTransactionReceipt"
_TRANSACTION: Final = "eth_getTransactionByHash"
_CAPS: Final = frozenset((1000, 5000, 10_000))


class Loader:
    """Reads blocks and transactions; `internal` whether the explorer lists internal transfers."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._hashes: dict[int, str] = {}
        self._kept: dict[str, LiveTransaction | str] = {}
        self.internal = True

    async def load(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        wanted = list(dict.fromkeys(txids))
        fresh = [txid for txid in wanted if txid not in self._kept]
        for start in range(0, len(fresh), AT_ONCE):
            part = fresh[start : start + AT_ONCE]
            self._kept |= zip(part, await together(map(self._transaction, part)), strict=True)
        return {txid: self._kept[txid] for txid in wanted}

    async def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """The heads of blocks, linked where they follow each other; one past the head is left out."""
        found: list[Listing] = []
        wanted = list(dict.fromkeys(numbers))
        for start in range(0, len(wanted), AT_ONCE):
            part = await together(map(self._listing, wanted[start : start + AT_ONCE]))
            found += [block for block in part if block is not None]
        checks.linked(map(ref, found))
        return found

    async def _listing(self, block: int) -> Listing | None:
        """The head of a block; None past the head of the chain."""
        raw = await self._explorer.node(_BLOCK, tag=hex(block), boolean="false")
        if _is_null(raw):
            return None
        listing = decode_node(raw, Listing, _BLOCK)
        told = ref(listing)
        if told.number != block:
            raise bad(_BLOCK, f"block {told.number} came in place of block {block}")
        first = self._hashes.setdefault(block, told.hash)
        if first != told.hash:
            raise Reorganised(block, first, told.hash)
        return listing

    async def _transaction(self, txid: str) -> LiveTransaction | str:
        try:
            return await self._whole(txid)
        except (BadAnswer, Refused) as error:
            return error.problem

    async def _whole(self, txid: str) -> LiveTransaction | str:
        raw, signed = await together(self._explorer.node(action, txhash=txid) for action in (_RECEIPT, _TRANSACTION))
        if _is_null(raw) or _is_null(signed):
            return "the explorer does not know it"
        receipt, transaction = decode_node(raw, Receipt, _RECEIPT), decode_node(signed, Transaction, _TRANSACTION)
        if receipt.transaction_hash.lower() != txid.lower():
            return "the explorer answers with another transaction"
        listing = await self._listing(quantity(receipt.block_number, _RECEIPT, "blockNumber"))
        if listing is None:
            return "its block is not there"
        block = ref(listing)
        checks.receipt_fits(transaction, receipt, block)
        failed = await self._failed(txid) if receipt.status is None else None
        facts = facts_of(transaction, receipt, block.time, failed=failed)
        inner: list[Inner] | None = []
        why = ""
        if not facts.failed and not ran_no_code(receipt, transaction.input):
            inner, why = await self._inner(txid, facts.block)
        booked = book(facts, events_of(receipt), inner, why=why or NO_INTERNAL)
        doubts = checks.missing_logs(receipt, checks.read_bloom(listing.logs_bloom, _BLOCK))
        cut = why if inner is not None else ""
        booked.partial = "; ".join(filter(None, (booked.partial, cut, doubts)))
        return booked

    async def _failed(self, txid: str) -> bool:
        """Whether a transaction failed whose receipt is too old to say so."""

        query = {"module": "transaction", "action": "getstatus", "txhash": txid}
        return number((await self._explorer.one(query, _Status)).is_error, "getstatus", "isError") != 0

    async def _inner(self, txid: str, block: int) -> tuple[list[Inner] | None, str]:
        """Internal transfers of a transaction and what is not known of them; None if nothing is."""
        if not self.internal:
            return None, NO_INTERNAL
        query = {"module": "account", "action": INTERNAL, "txhash": txid}
        try:
            rows = await self._explorer.rows(query, Internal)
            for row in rows:
                if (row.hash and row.hash.lower() != txid) or number(
                    row.block_number, INTERNAL, "blockNumber"
                ) != block:
                    raise bad(INTERNAL, f"a row of another transaction came for {txid}")
            inner = list(_inner_moves(rows))
        except (BadAnswer, Refused) as error:
            return None, f"{NO_INTERNAL}: {error.problem}"
        return inner, "internal transfers may be cut off" if len(rows) in _CAPS else ""


class _Status(Told, frozen=True, kw_only=True):
    is_error: str


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() == b"null"


def _inner_moves(rows: Sequence[Internal]) -> Iterator[Inner]:
    """Internal transfers that took effect, numbered from 1 in pre-order: by their paths where the rows have them."""
    paths = {_path(row.trace_id): row for row in rows}
    ordered = [paths[path] for path in sorted(paths)] if len(paths) == len(rows) and () not in paths else rows
    for rank, row in enumerate(ordered, 1):
        units = number(row.value, INTERNAL, "value")
        if row.is_error != "0" or not units or row.type in MOVES_NOTHING:
            continue
        receiver = address(row.to or row.contract_address, INTERNAL, "to")
        yield Inner(rank, address(row.sender, INTERNAL, "from"), receiver, units)


def _path(trace_id: str) -> tuple[int, ...]:
    steps = trace_id.split("_") if trace_id else []
    return tuple(number(step, INTERNAL, "traceId") for step in steps)
