"""Blocks as `getblock` of Bitcoin Core gives them at verbosity 2 or 3 (with the outputs that are spent).

Takes one block in a file, an array, JSON Lines, or the answers of JSON-RPC ("result"). Scripts' addresses may be in
`address` or, as before version 22, in `addresses`.

Invariant: a block that is kept has the id that its header fields give, the Merkle root of its transaction ids, and
each of these ids is that of the transaction's fields; files hold one chain.
Source: https://developer.bitcoin.org/reference/rpc/getblock.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.sources.bitcoin.hashes import block_id, merkle_root
from dyepack.sources.bitcoin.records.record import Record
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.records.transactions import NO_BLOCK, Input, Place, Transaction, TransactionRows
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.json_files import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_HEIGHT = (1 << 31) - 1
_INT32 = 1 << 31
_COINBASE_INDEX = 0xFFFFFFFF
_BITS = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_VERBOSE = "ask the node for it with verbosity 2, or 3 for the spent outputs too: getblock HASH 3"
_AGAIN = "ask the node for the block again"


def import_getblock(paths: Sequence[Path], addresses: StatedAddresses | None = None) -> BitcoinImport:
    """Read blocks; they are expected to be whole, so the batch is contiguous."""
    result = BitcoinImport()
    rows = TransactionRows(result, addresses or StatedAddresses())
    links: dict[int, tuple[bytes, Record]] = {}
    ids: dict[int, bytes] = {}
    for path in paths:
        for record in _blocks(path):
            _add_block(record, rows, links, ids)
    for height, (previous, record) in links.items():
        if ids.get(height - 1, previous) != previous:
            problem = f"the block does not follow on the block {ids[height - 1].hex()} at the height before it"
            raise record.fault("previousblockhash", problem, "give files of one chain only")
    rows.build(paths, contiguous=True)
    return result


def _blocks(path: Path) -> Iterator[Record]:
    for line, value in values(path):
        many = isinstance(value, list)
        for i, item in enumerate(value if isinstance(value, list) else [value]):
            yield unwrapped(path, line, item, f"[{i}]" if many else "")


def unwrapped(path: Path, line: int, value: object, way: str = "") -> Record:
    """The record of a value, or of the result in an answer of JSON-RPC."""
    record = _whole_block(path, line, value, way)
    if record.has("error"):
        problem = f"is an answer that reports an error: {quoted(str(record.data['error']))}"
        raise InputError(path, problem, remedy=_AGAIN, line=line)
    if "result" not in record.data:
        return record
    return _whole_block(path, line, record.data["result"], f"{way}.result" if way else "result")


def _whole_block(path: Path, line: int, value: object, way: str) -> Record:
    if isinstance(value, str):
        raise InputError(path, "holds text where a block belongs", remedy=_VERBOSE, line=line, field=way or None)
    return Record.of(path, line, value, way)


def _add_block(
    record: Record, rows: TransactionRows, links: dict[int, tuple[bytes, Record]], ids: dict[int, bytes]
) -> None:
    block, height = record.digest("hash"), record.whole("height", most=MAX_HEIGHT)
    found = record.data.get("tx")
    if isinstance(found, list) and any(isinstance(tx, str) for tx in found):
        raise record.fault("tx", "the block has only the ids of its transactions (verbosity 1)", _VERBOSE)
    txs = record.records("tx")
    if not txs or (record.has("nTx") and record.whole("nTx") != len(txs)):
        raise record.fault("tx", f"the block has {len(txs)} transactions here, which are not all", _VERBOSE)
    txids = _check_block(record, block, txs)
    if record.has("confirmations") and record.whole("confirmations", least=-1) == -1:
        rows.result.count("orphan_blocks", 1)
        rows.result.count("orphan_transactions", len(txs))
        return
    row, fresh = rows.block(record, "hash", (block, height, record.whole("time")))
    if not fresh:
        rows.result.count("duplicate_blocks", 1)
        rows.result.count("duplicate_transactions", len(txs))
        return
    ids[height] = block
    if record.has("previousblockhash"):
        # Only where it stands is kept: the transactions are free to go.
        place = Record(record.file, record.line, record.way, {})
        links[height] = record.digest("previousblockhash"), place
    for index, (tx, txid) in enumerate(zip(txs, txids, strict=True)):
        rows.add(_transaction(tx, txid, row, index))


def _check_block(record: Record, block: bytes, txs: Sequence[Record]) -> list[bytes]:
    """The transaction ids, which the block's Merkle root and its id cover."""
    txids = [tx.digest("txid") for tx in txs]
    if len(set(txids)) < len(txids):
        raise record.fault("tx", "the block has a transaction twice", _AGAIN)
    root = record.digest("merkleroot")
    if merkle_root(txids) != root:
        raise record.fault("merkleroot", "is not the root of the block's transaction ids", _AGAIN)
    previous = record.digest("previousblockhash") if record.has("previousblockhash") else NO_BLOCK
    bits = record.text("bits")
    if not _BITS.fullmatch(bits):
        raise record.fault("bits", f"{quoted(bits)} is not 8 hexadecimal digits")
    version = record.whole("version", least=-_INT32)
    if block_id(version, previous, root, record.whole("time"), int(bits, 16), record.whole("nonce")) != block:
        raise record.fault("hash", "is not the id that the block's header fields give", _AGAIN)
    return txids


def _transaction(record: Record, txid: bytes, block: int, index: int) -> Transaction:
    spent = record.records("vin")
    coinbase = bool(spent) and "coinbase" in spent[0].data
    if coinbase != (index == 0) or (coinbase and len(spent) > 1):
        raise record.fault("vin", "a coinbase is the first transaction of its block, and no other", _AGAIN)
    if record.has("hex"):
        _check_hex(record, txid)
    return Transaction(
        record=record,
        key="txid",
        txid=txid,
        block=block,
        index=index,
        coinbase=coinbase,
        version=record.whole("version", least=-_INT32) if record.has("version") else None,
        locktime=record.whole("locktime") if record.has("locktime") else None,
        inputs=[_coinbase_input(spent[0])] if coinbase else [_input(one) for one in spent],
        outputs=[_output(one, n) for n, one in enumerate(record.records("vout"))],
        fee=record.coins("fee") if record.has("fee") else None,
    )


def _check_hex(record: Record, txid: bytes) -> None:
    import wallycore

    try:
        computed = bytes(wallycore.tx_get_txid(wallycore.tx_from_bytes(record.octets("hex"), 0)))[::-1]
    except ValueError:
        raise record.fault("hex", "is not a transaction", _AGAIN) from None
    if computed != txid:
        raise record.fault("hex", f"is the transaction {computed.hex()}, not {txid.hex()}", _AGAIN)


def _coinbase_input(record: Record) -> Input:
    sequence = record.whole("sequence") if record.has("sequence") else None
    return Input(NO_BLOCK, _COINBASE_INDEX, record.octets("coinbase"), sequence)


def _input(record: Record) -> Input:
    spent = Input(
        record.digest("txid"),
        record.whole("vout"),
        record.record("scriptSig").octets("hex") if record.has("scriptSig") else None,
        record.whole("sequence") if record.has("sequence") else None,
    )
    if record.has("prevout"):
        before = record.record("prevout")
        spent.value, spent.place = before.coins("value"), _place(before.record("scriptPubKey"))
    return spent


def _output(record: Record, n: int) -> tuple[int, Place]:
    if record.whole("n") != n:
        raise record.fault("n", f"is not {n}, although outputs are listed in their order without a hole", _AGAIN)
    return record.coins("value"), _place(record.record("scriptPubKey"))


def _place(record: Record) -> Place:
    return Place(record.octets("hex"), stated_address(record))


def stated_address(record: Record) -> tuple[Record, str, str] | None:
    """The one address that a record states in `address` or `addresses`; of several (multisig) none is meant."""
    if record.has("address"):
        return record, "address", record.text("address")
    listed = record.data.get("addresses")
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise record.fault("addresses", "is not a list of texts")
    return (record, "addresses", listed[0]) if len(listed) == 1 else None
