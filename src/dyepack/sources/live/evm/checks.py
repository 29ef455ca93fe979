"""What a node's answers must agree on: blocks with their hashes, receipts with their blocks, events with the blooms.

A node is not believed where its own answers contradict each other. What contradicts is an error or a reason why a
transaction is partial; what cannot be recomputed (a fork with fields that are not known here) is said, not refused.
Invariant: a block number stands for one hash as long as a source lives; a second one is `Reorganised`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dyepack.keccak import keccak256
from dyepack.sources.live.errors import Reorganised
from dyepack.sources.live.evm.answers import Header, address, bad, data, digest, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.evm.answers import Log, Receipt, Transaction

BLOOM_BYTES: Final = 256
_BLOCK: Final = "eth_getBlockByNumber"
_RECEIPT: Final = "eth_getTransactionReceipt"

_NUMBERS: Final = frozenset(
    ("difficulty", "number", "gas_limit", "gas_used", "timestamp", "base_fee_per_gas", "blob_gas_used")
) | {"excess_blob_gas"}
_FIELDS: Final = (
    *("parent_hash", "sha3_uncles", "miner", "state_root", "transactions_root", "receipts_root", "logs_bloom"),
    *("difficulty", "number", "gas_limit", "gas_used", "timestamp", "extra_data", "mix_hash", "nonce"),
)
_FORKS: Final = (
    *("base_fee_per_gas", "withdrawals_root", "blob_gas_used", "excess_blob_gas", "parent_beacon_block_root"),
    "requests_hash",
)
"""Fields that forks added, in their order: a header ends at the first one that it lacks."""


@lru_cache(maxsize=1 << 16)
def _bits(content: bytes) -> int:
    """The three bits that an address or a topic sets in a bloom."""
    hashed = keccak256(content)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(hashed[at : at + 2]) & 2047)
    return bits


def bloom_of(logs: Iterable[Log]) -> int:
    """The bloom of events."""
    bits = 0
    for log in logs:
        bits |= _bits(data(log.address, _RECEIPT, "address"))
        for topic in log.topics:
            bits |= _bits(data(topic, _RECEIPT, "topics"))
    return bits


def may_hold(bloom: int, *contents: str) -> bool:
    """Whether a bloom allows an event with these addresses and topics."""
    return all((_bits(bytes.fromhex(content[2:])) & ~bloom) == 0 for content in contents)


def read_bloom(text: str, method: str) -> int | None:
    """A bloom as bits; None where the chain keeps none."""
    content = data(text, method, "logsBloom")
    if len(content) not in {0, BLOOM_BYTES}:
        raise bad(method, f"logsBloom has {len(content)} bytes")
    return int.from_bytes(content) if content else None


def header_hash(header: Header) -> str | None:
    """The hash of a header's own fields; None where one that every chain has is missing."""
    values: list[bytes] = []
    for name in _FIELDS:
        text = getattr(header, name)
        if text is None:
            return None
        values.append(_field(name, text))
    for name in _FORKS:
        text = getattr(header, name)
        if text is None:
            break
        values.append(_field(name, text))
    return "0x" + keccak256(_rlp_list(values)).hex()


def _field(name: str, text: str) -> bytes:
    if name in _NUMBERS:
        number = quantity(text, _BLOCK, name)
        return number.to_bytes((number.bit_length() + 7) // 8)
    return data(text, _BLOCK, name)


def _rlp_list(values: Sequence[bytes]) -> bytes:
    body = b"".join(_rlp(value) for value in values)
    return _rlp_length(len(body), 0xC0) + body


def _rlp(value: bytes) -> bytes:
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _rlp_length(len(value), 0x80) + value


def _rlp_length(length: int, base: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([base + 55 + len(size)]) + size


def receipt_fits(transaction: Transaction, receipt: Receipt, block: BlockRef) -> None:
    """A transaction, its receipt and its block must tell the same place, sender and events."""
    hash_ = digest(transaction.hash, _RECEIPT, "transactionHash")
    index = quantity(receipt.transaction_index, _RECEIPT, "transactionIndex")
    pairs = (
        ("transactionHash", digest(receipt.transaction_hash, _RECEIPT, "transactionHash"), hash_),
        ("blockNumber", quantity(receipt.block_number, _RECEIPT, "blockNumber"), block.number),
        (
            "transactionIndex",
            index,
            quantity(transaction.transaction_index, "eth_getTransactionByHash", "transactionIndex"),
        ),
        ("from", address(receipt.sender, _RECEIPT, "from"), address(transaction.sender, _RECEIPT, "from")),
    )
    for field, told, wanted in pairs:
        if told != wanted:
            raise bad(_RECEIPT, f"{field} of {hash_} is {told}, and elsewhere {wanted}")
    for other in (receipt.block_hash, transaction.block_hash):
        if digest(other, _RECEIPT, "blockHash") != block.hash:
            raise Reorganised(block.number, block.hash, digest(other, _RECEIPT, "blockHash"))
    _logs_fit(receipt, hash_, index, block)


def _logs_fit(receipt: Receipt, hash_: str, index: int, block: BlockRef) -> None:
    last = -1
    for log in receipt.logs:
        place = quantity(log.log_index, _RECEIPT, "logIndex")
        if log.block_hash.lower() != block.hash or quantity(log.block_number, _RECEIPT, "blockNumber") != block.number:
            raise bad(_RECEIPT, f"event {place} of {hash_} is of another block")
        if log.transaction_hash.lower() != hash_ or quantity(log.transaction_index, _RECEIPT, "index") != index:
            raise bad(_RECEIPT, f"event {place} of {hash_} is of another transaction")
        if log.removed:
            raise bad(_RECEIPT, f"event {place} of {hash_} was removed by a reorganisation")
        if place <= last:
            raise bad(_RECEIPT, f"event {place} of {hash_} does not follow event {last}")
        last = place


def missing_logs(receipt: Receipt, block_bloom: int | None) -> str:
    """Why events of a receipt seem to be missing or made up, by its bloom and the block's; "" if all fits.

    A chain that keeps no blooms tells zeros everywhere: nothing can be said then.
    """
    own, told = bloom_of(receipt.logs), read_bloom(receipt.logs_bloom, _RECEIPT)
    if told and own != told:
        return (
            "missing logs: the receipt's bloom names events that it does not hold"
            if told & ~own
            else ("unproven logs: the receipt holds events that its bloom does not name")
        )
    if block_bloom and own & ~block_bloom:
        return "unproven logs: the receipt holds events that the block's bloom does not name"
    return ""


def blooms_agree(receipts: Iterable[Receipt], block_bloom: int | None) -> bool:
    """Whether the events of all receipts of a block make up the block's bloom."""
    bits = 0
    for receipt in receipts:
        bits |= bloom_of(receipt.logs)
    return not block_bloom or bits == block_bloom


def linked(blocks: Iterable[BlockRef]) -> None:
    """Blocks that follow each other by number must follow each other by hash."""
    before: BlockRef | None = None
    for block in sorted(blocks, key=lambda ref: ref.number):
        if before is not None and block.number == before.number + 1 and block.parent != before.hash:
            raise Reorganised(before.number, before.hash, block.parent)
        before = block
