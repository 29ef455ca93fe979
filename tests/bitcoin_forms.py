"""Two small blocks with every form of script, and what each program would write of them.

The blocks are ours (regtest's rules on proof of work are not kept: no importer of these forms asks for it); ids,
Merkle roots and block ids are worked out here, apart from the package.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

COIN = 100_000_000
KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
"""The generator of secp256k1, as a compressed key."""

# Type as Bitcoin Core says it, address on mainnet (BIP 173, BIP 350 and wallets give these), script.
PLACES = [
    (kind, address, bytes.fromhex(script))
    for kind, address, script in (
        ("pubkey", None, f"21{KEY.hex()}ac"),
        ("pubkeyhash", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac"),
        ("scripthash", "3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN", "a914bcfeb728b584253d5f3f70bcb780e9ef218a68f487"),
        ("witness_v0_keyhash", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
         "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        ("witness_v0_scripthash", "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
         "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"),
        ("witness_v1_taproot", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
         "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
        ("witness_unknown", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
        ("anchor", "bc1pfeessrawgf", "51024e73"),
        ("multisig", None, f"5121{KEY.hex()}51ae"),
        ("nulldata", None, "6a0464617461"),
        ("nonstandard", None, "51"),
    )
]  # fmt: skip


@dataclass
class In:
    txid: bytes
    index: int
    script: bytes
    value: int = 0
    place: int = 0


@dataclass
class Tx:
    ins: list[In]
    outs: list[tuple[int, int]]
    """Satoshi and row of PLACES."""
    coinbase: bool = False
    txid: bytes = b""

    def __post_init__(self) -> None:
        data = (2).to_bytes(4, "little") + bytes([len(self.ins)])
        for one in self.ins:
            data += one.txid[::-1] + one.index.to_bytes(4, "little") + bytes([len(one.script)]) + one.script
            data += b"\xfd" + b"\xff" * 3
        data += bytes([len(self.outs)])
        for value, place in self.outs:
            script = PLACES[place][2]
            data += value.to_bytes(8, "little") + bytes([len(script)]) + script
        self.raw = data + (7).to_bytes(4, "little")
        self.txid = sha256d(self.raw)[::-1]


@dataclass
class Block:
    height: int
    previous: bytes
    txs: list[Tx]
    root: bytes = field(init=False)
    hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        level = [tx.txid[::-1] for tx in self.txs]
        while len(level) > 1:
            level += level[-1:] * (len(level) % 2)
            level = [sha256d(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        self.root = level[0][::-1]
        self.time = 1_700_000_000 + 600 * self.height
        head = (4).to_bytes(4, "little") + self.previous[::-1] + level[0] + self.time.to_bytes(4, "little")
        self.hash = sha256d(head + bytes.fromhex("ffff7f20") + (9).to_bytes(4, "little"))[::-1]


def sha256d(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def coinbase(height: int, value: int) -> Tx:
    return Tx([In(bytes(32), 0xFFFFFFFF, bytes([1, height]))], [(value, 0)], coinbase=True)


def chain() -> list[Block]:
    first = Block(101, b"\x11" * 32, [coinbase(101, 50 * COIN)])
    paid = first.txs[0]
    rest = 50 * COIN - sum(range(1, len(PLACES))) - 1_000
    outs = [(rest, 0)] + [(n, n) for n in range(1, len(PLACES))]
    spread = Tx([In(paid.txid, 0, b"\x01\x02", 50 * COIN, 0)], outs)
    joined = Tx([In(spread.txid, n, b"", *outs[n]) for n in range(8)], [(outs[0][0], 5)])
    second = Block(102, first.hash, [coinbase(102, 50 * COIN + 1_000 + sum(range(1, 8))), spread, joined])
    return [first, second]


def btc(value: int) -> str:
    return f"@{value // COIN}.{value % COIN:08d}@"


def dumped(value: object, indent: int | None = None) -> str:
    """JSON text, with amounts in coins as numbers of 8 decimals."""
    return re.sub(r'"@([0-9.]+)@"', r"\1", json.dumps(value, indent=indent))


def _place(place: int, *, old: bool = False) -> dict[str, Any]:
    kind, address, script = PLACES[place]
    stated = {} if address is None else {"addresses": [address], "reqSigs": 1} if old else {"address": address}
    return {"asm": "", "hex": script.hex(), "type": kind, **stated}


def getblock(block: Block, *, verbosity: int = 3, old: bool = False) -> dict[str, Any]:
    txs = []
    for tx in block.txs:
        vin: list[dict[str, Any]] = []
        for one in tx.ins:
            if tx.coinbase:
                vin.append({"coinbase": one.script.hex(), "sequence": 0xFFFFFFFD})
                continue
            script = {"asm": "", "hex": one.script.hex()}
            vin.append({"txid": one.txid.hex(), "vout": one.index, "scriptSig": script, "sequence": 0xFFFFFFFD})
            if verbosity == 3:
                vin[-1]["prevout"] = {"height": 1, "value": btc(one.value), "scriptPubKey": _place(one.place, old=old)}
        vout = [{"value": btc(v), "n": n, "scriptPubKey": _place(p, old=old)} for n, (v, p) in enumerate(tx.outs)]
        ids = {"txid": tx.txid.hex(), "hash": tx.txid.hex()}
        txs.append({**ids, "version": 2, "locktime": 7, "vin": vin, "vout": vout, "hex": tx.raw.hex()})
        if not tx.coinbase:
            txs[-1]["fee"] = btc(fee(tx))
    return {
        "hash": block.hash.hex(), "confirmations": 3, "height": block.height, "version": 4,
        "merkleroot": block.root.hex(), "time": block.time, "nonce": 9, "bits": "207fffff", "nTx": len(txs),
        "difficulty": 4.6e-10, "previousblockhash": block.previous.hex(), "tx": txs,
    }  # fmt: skip


def fee(tx: Tx) -> int:
    return sum(one.value for one in tx.ins) - sum(value for value, _ in tx.outs)


def _esplora_place(value: int, place: int) -> dict[str, Any]:
    _, address, script = PLACES[place]
    return {
        "scriptpubkey": script.hex(),
        "value": value,
        **({} if address is None else {"scriptpubkey_address": address}),
    }


def esplora(block: Block) -> list[dict[str, Any]]:
    status = {"confirmed": True, "block_height": block.height, "block_hash": block.hash.hex(), "block_time": block.time}
    return [
        {
            "txid": tx.txid.hex(), "version": 2, "locktime": 7, "fee": 0 if tx.coinbase else fee(tx), "status": status,
            "vin": [
                {
                    "txid": one.txid.hex(), "vout": one.index, "scriptsig": one.script.hex(), "sequence": 0xFFFFFFFD,
                    "is_coinbase": tx.coinbase,
                    "prevout": None if tx.coinbase else _esplora_place(one.value, one.place),
                }
                for one in tx.ins
            ],
            "vout": [_esplora_place(*out) for out in tx.outs],
        }
        for tx in block.txs
    ]  # fmt: skip


def etl(block: Block) -> list[dict[str, Any]]:
    def place(value: int, row: int) -> dict[str, Any]:
        kind, address, _ = PLACES[row]
        if kind == "pubkey":  # The exports of the time named the key's address.
            address = PLACES[1][1]
        return {"type": kind, "addresses": [address] if address else [], "value": value}

    return [
        {
            "hash": tx.txid.hex(), "version": 2, "lock_time": 7, "block_number": block.height, "index": n,
            "block_hash": block.hash.hex(), "block_timestamp": block.time, "is_coinbase": tx.coinbase,
            "input_count": 0 if tx.coinbase else len(tx.ins), "output_count": len(tx.outs),
            "output_value": sum(value for value, _ in tx.outs),
            "inputs": [] if tx.coinbase else [
                {
                    "index": i, "spent_transaction_hash": one.txid.hex(), "spent_output_index": one.index,
                    "script_hex": one.script.hex(), "sequence": 0xFFFFFFFD, **place(one.value, one.place),
                }
                for i, one in enumerate(tx.ins)
            ],
            "outputs": [
                {"index": i, "script_hex": PLACES[row][2].hex(), **place(value, row)}
                for i, (value, row) in enumerate(tx.outs)
            ],
        }
        for n, tx in enumerate(block.txs)
    ]  # fmt: skip


def aws_table(rows: list[dict[str, Any]], *, scripts: bool = True) -> Any:
    """The rows as the public Parquet data sets have them: one address, values as doubles of coins."""
    import pyarrow as pa

    both = [
        ("address", pa.string()), ("index", pa.int64()), ("script_hex", pa.string()), ("type", pa.string()),
        ("value", pa.float64()),
    ]  # fmt: skip
    spent = [
        ("sequence", pa.int64()), ("spent_output_index", pa.int64()), ("spent_transaction_hash", pa.string()),
        ("txinwitness", pa.list_(pa.string())),
    ]  # fmt: skip
    if not scripts:
        both = [one for one in both if one[0] != "script_hex"]
    schema = pa.schema(
        [
            ("hash", pa.string()), ("version", pa.int64()), ("block_hash", pa.string()), ("block_number", pa.int64()),
            ("index", pa.int64()), ("lock_time", pa.int64()), ("input_count", pa.int64()), ("output_count", pa.int64()),
            ("is_coinbase", pa.bool_()), ("output_value", pa.float64()), ("outputs", pa.list_(pa.struct(both))),
            ("block_timestamp", pa.timestamp("ns")), ("date", pa.string()),
            ("inputs", pa.list_(pa.struct(both + spent))),
        ]
    )  # fmt: skip
    table = []
    for given in rows:
        row = {
            **given,
            "output_value": given["output_value"] / COIN,
            "block_timestamp": given["block_timestamp"] * 10**9,
        }
        for name in ("inputs", "outputs"):
            row[name] = [
                {**one, "address": (one["addresses"] or [None])[0], "value": one["value"] / COIN} for one in given[name]
            ]
        table.append(row)
    return pa.Table.from_pylist(table, schema=schema)


def write(path: Path, *values: object, indent: bool = False) -> Path:
    """Each value on a line of its own."""
    texts = [dumped(value, 1 if indent else None) for value in values]
    path.write_text("\n".join(texts) + "\n")
    return path
