"""Servers of tests: a chain of tests/blocks.py as Bitcoin Core serves it by JSON-RPC and REST, and as Esplora does.

The forms are those of Bitcoin Core 31 and of Esplora's API.md; raw transactions are read here, apart from the package.
`Chain.spoil` changes answers on their way out, so that what a client does with wrong ones can be seen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from dyepack.ledger.utxo.schema import ScriptType
from tests.bitcoin_forms import btc, dumped
from tests.block_scripts import Coin, Out, Tx, compact, prefixed, sha256d
from tests.blocks import Block

TYPES = {
    ScriptType.P2PK: "pubkey", ScriptType.P2PKH: "pubkeyhash", ScriptType.P2SH: "scripthash",
    ScriptType.MULTISIG: "multisig", ScriptType.OP_RETURN: "nulldata", ScriptType.P2WPKH: "witness_v0_keyhash",
    ScriptType.P2WSH: "witness_v0_scripthash", ScriptType.P2TR: "witness_v1_taproot",
    ScriptType.WITNESS_UNKNOWN: "witness_unknown", ScriptType.NONSTANDARD: "nonstandard",
}  # fmt: skip

Spoil = Callable[[str, Any], Any]
"""From what was asked and its answer to what is sent."""


@dataclass
class Parts:
    """What a raw transaction has beside the builder's truth."""

    version: int
    locktime: int
    scripts: list[bytes]
    sequences: list[int]


def parts_of(raw: bytes) -> Parts:
    at = 4 + 2 * (raw[4] == 0)

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return raw[at - size : at]

    def count() -> int:
        first = take(1)[0]
        return first if first < 0xFD else int.from_bytes(take(1 << first - 0xFC), "little")

    scripts, sequences = [], []
    for _ in range(count()):
        take(36)
        scripts.append(take(count()))
        sequences.append(int.from_bytes(take(4), "little"))
    return Parts(int.from_bytes(raw[:4], "little"), int.from_bytes(raw[-4:], "little"), scripts, sequences)


@dataclass
class Chain:
    """The best chain, what waits in the mempool, and what the node keeps; `asked` are all questions in order."""

    main: list[Block]
    mempool: list[Tx] = field(default_factory=list)
    txindex: bool = True
    spender_index: bool = True
    lists_spent: bool = True
    tells_spent: bool = True
    spoil: Spoil = lambda _asked, answer: answer
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_hash = {block.hash: block for block in self.main}
        self.holder = {tx.txid: block for block in self.main for tx in block.txs}
        self.txs = {tx.txid: tx for block in self.main for tx in block.txs} | {tx.txid: tx for tx in self.mempool}
        self.spender = {(c.txid, c.index): (tx, i) for tx in self.txs.values() for i, c in enumerate(tx.inputs)}

    def send(self, asked: str, answer: Any) -> Any:
        self.asked.append(asked)
        return self.spoil(asked, answer)


# --- Bitcoin Core ---------------------------------------------------------------------------------------------------


def _script(out: Out) -> dict[str, Any]:
    address = out.lock.text()
    stated = {} if address is None or out.lock.type is ScriptType.P2PK else {"address": address}
    return {"asm": "", "desc": "", "hex": out.lock.script.hex(), "type": TYPES[out.lock.type], **stated}


def core_tx(chain: Chain, tx: Tx, *, prevouts: bool) -> dict[str, Any]:
    parts = parts_of(tx.raw)
    vin: list[dict[str, Any]] = []
    if tx.coinbase:
        vin.append({"coinbase": parts.scripts[0].hex(), "sequence": parts.sequences[0]})
    for coin, script, sequence in zip(tx.inputs, parts.scripts, parts.sequences, strict=not tx.coinbase):
        vin.append(
            {"txid": coin.txid, "vout": coin.index, "scriptSig": {"asm": "", "hex": script.hex()}, "sequence": sequence}
        )
        if prevouts:
            holder = chain.holder.get(coin.txid)
            vin[-1]["prevout"] = {"generated": False, "height": holder.height if holder else 0,
                                  "value": btc(coin.value), "scriptPubKey": _script(coin.out)}  # fmt: skip
    vout = [{"value": btc(out.value), "n": n, "scriptPubKey": _script(out)} for n, out in enumerate(tx.outputs)]
    made = {"txid": tx.txid, "hash": tx.wtxid[::-1].hex(), "version": parts.version, "size": len(tx.raw),
            "locktime": parts.locktime, "vin": vin, "vout": vout}  # fmt: skip
    return made if tx.coinbase or not prevouts else {**made, "fee": btc(tx.fee)}


def core_header(chain: Chain, block: Block) -> dict[str, Any]:
    raw = block.raw
    made = {
        "hash": block.hash, "confirmations": len(chain.main) - block.height, "height": block.height,
        "version": int.from_bytes(raw[:4], "little", signed=True), "versionHex": raw[3::-1].hex(),
        "merkleroot": raw[67:35:-1].hex(), "time": block.time, "mediantime": block.time,
        "nonce": int.from_bytes(raw[76:80], "little"), "bits": raw[75:71:-1].hex(), "target": "",
        "difficulty": 4.656542373906925e-10, "chainwork": "00", "nTx": len(block.txs),
    }  # fmt: skip
    return {**made, "previousblockhash": block.prev} if block.height else made


def core_block(chain: Chain, block: Block) -> dict[str, Any]:
    txs = [core_tx(chain, tx, prevouts=chain.tells_spent) for tx in block.txs]
    return {**core_header(chain, block), "size": len(block.raw), "tx": txs}


def spent_outputs(block: Block) -> bytes:
    """/rest/spenttxouts/HASH.bin (SerializeBlockUndo in rest.cpp)."""
    made = compact(len(block.txs))
    for tx in block.txs:
        made += compact(len(tx.inputs))
        made += b"".join(c.value.to_bytes(8, "little") + prefixed(c.lock.script) for c in tx.inputs)
    return made


class RpcError(Exception):
    """An error of the node: code and message."""


def rpc(chain: Chain, method: str, params: list[Any]) -> Any:  # noqa: PLR0911 - one method a line
    """What a node answers to a call."""
    if method == "getblockchaininfo":
        tip = chain.main[-1]
        return {"chain": "regtest", "blocks": tip.height, "headers": tip.height, "bestblockhash": tip.hash,
                "initialblockdownload": False, "pruned": False, "warnings": []}  # fmt: skip
    if method == "getblockcount":
        return chain.main[-1].height
    if method == "getblockhash":
        if not 0 <= params[0] < len(chain.main):
            raise RpcError(-8, "Block height out of range")
        return chain.main[params[0]].hash
    if method in {"getblockheader", "getblock"}:
        if params[0] not in chain.by_hash:
            raise RpcError(-5, "Block not found")
        block = chain.by_hash[params[0]]
        if method == "getblock" and params[1] == 1:
            return {**core_header(chain, block), "tx": [tx.txid for tx in block.txs]}
        return core_header(chain, block) if method == "getblockheader" else core_block(chain, block)
    if method == "getindexinfo":
        names = [("txindex", chain.txindex), ("txospenderindex", chain.spender_index)]
        return {name: {"synced": True, "best_block_height": len(chain.main) - 1} for name, on in names if on}
    if method == "getrawtransaction":
        return _raw_transaction(chain, params[0])
    if method == "gettxspendingprevout":
        return [_spending(chain, point["txid"], point["vout"]) for point in params[0]]
    raise RpcError(-32601, "Method not found")


def _raw_transaction(chain: Chain, txid: str) -> dict[str, Any]:
    holder = chain.holder.get(txid)
    if txid not in chain.txs or (holder and not chain.txindex):
        raise RpcError(-5, "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain "
                           "transaction queries. Use gettransaction for wallet transactions.")  # fmt: skip
    tx = chain.txs[txid]
    made = {**core_tx(chain, tx, prevouts=holder is not None and chain.tells_spent), "hex": tx.raw.hex()}
    return made if holder is None else {**made, "blockhash": holder.hash, "confirmations": 1, "time": holder.time}


def _spending(chain: Chain, txid: str, number: int) -> dict[str, Any]:
    if not chain.spender_index:
        raise RpcError(-1, "Mempool lacks a relevant spend, and txospenderindex is unavailable.")
    by, _ = chain.spender.get((txid, number), (None, 0))
    made = {"txid": txid, "vout": number, **({"spendingtxid": by.txid} if by else {})}
    return {**made, "blockhash": chain.holder[by.txid].hash} if by and by.txid in chain.holder else made


def core_app(chain: Chain) -> web.Application:
    """A node: JSON-RPC at /, REST under /rest."""

    def answer(call: dict[str, Any]) -> dict[str, Any]:
        named = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            result = rpc(chain, call["method"], call.get("params", []))
        except RpcError as fault:
            return {**named, "error": {"code": fault.args[0], "message": fault.args[1]}}
        shown = " ".join([call["method"], *map(str, call.get("params", []))])
        return {**named, "result": chain.send(shown, result)}

    async def post(request: web.Request) -> web.Response:
        body = await request.json()
        found = [answer(call) for call in body] if isinstance(body, list) else answer(body)
        return web.Response(text=dumped(found), content_type="application/json")

    async def rest(request: web.Request) -> web.Response:
        path = request.path
        try:
            found = _rest(chain, path.removeprefix("/rest/").split("/"))
        except (KeyError, IndexError):
            return web.Response(status=404, text=f"{path} not found\r\n")
        found = chain.send(path, found)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="application/octet-stream")
        return web.Response(text=dumped(found), content_type="application/json")

    app = web.Application()
    app.router.add_post("/", post)
    app.router.add_get("/rest/{rest:.*}", rest)
    return app


def _rest(chain: Chain, way: list[str]) -> Any:
    last, _, form = way[-1].rpartition(".")
    if way[0] == "chaininfo.json":
        return rpc(chain, "getblockchaininfo", [])
    if way[0] == "blockhashbyheight":
        return {"blockhash": chain.main[int(last)].hash}
    if way[0] == "headers":
        return [core_header(chain, chain.by_hash[last])]
    if way[0] == "block":
        block = chain.by_hash[last]
        return block.raw if form == "bin" else core_block(chain, block)
    if way[0] == "spenttxouts" and chain.lists_spent:
        return spent_outputs(chain.by_hash[last])
    if way[0] == "tx" and (chain.txindex or last not in chain.holder):
        holder = chain.holder.get(last)
        tx = core_tx(chain, chain.txs[last], prevouts=False)
        return {**tx, "blockhash": holder.hash} if holder else tx
    raise KeyError(way[0])


# --- Esplora --------------------------------------------------------------------------------------------------------


def _esplora_out(out: Out) -> dict[str, Any]:
    address = out.lock.text()
    stated = {} if address is None or out.lock.type is ScriptType.P2PK else {"scriptpubkey_address": address}
    return {"scriptpubkey": out.lock.script.hex(), "scriptpubkey_asm": "", "scriptpubkey_type": "", **stated,
            "value": out.value}  # fmt: skip


def _status(block: Block | None) -> dict[str, Any]:
    if block is None:
        return {"confirmed": False}
    return {"confirmed": True, "block_height": block.height, "block_hash": block.hash, "block_time": block.time}


def esplora_tx(chain: Chain, tx: Tx) -> dict[str, Any]:
    parts = parts_of(tx.raw)
    coins: list[Coin | None] = [None] if tx.coinbase else list(tx.inputs)
    vin = [
        {"txid": coin.txid if coin else "00" * 32, "vout": coin.index if coin else 0xFFFFFFFF,
         "prevout": _esplora_out(coin.out) if coin else None, "scriptsig": script.hex(), "scriptsig_asm": "",
         "is_coinbase": tx.coinbase, "sequence": sequence}
        for coin, script, sequence in zip(coins, parts.scripts, parts.sequences, strict=True)
    ]  # fmt: skip
    return {"txid": tx.txid, "version": parts.version, "locktime": parts.locktime, "vin": vin,
            "vout": [_esplora_out(out) for out in tx.outputs], "size": len(tx.raw), "weight": 4 * len(tx.raw),
            "fee": 0 if tx.coinbase else tx.fee, "status": _status(chain.holder.get(tx.txid))}  # fmt: skip


def _outspend(chain: Chain, txid: str, number: int) -> dict[str, Any]:
    by, place = chain.spender.get((txid, number), (None, 0))
    if by is None:
        return {"spent": False}
    return {"spent": True, "txid": by.txid, "vin": place, "status": _status(chain.holder.get(by.txid))}


def _merkle_proof(block: Block, txid: str) -> dict[str, Any]:
    level = [bytes.fromhex(tx.txid)[::-1] for tx in block.txs]
    place = pos = [tx.txid for tx in block.txs].index(txid)
    branch = []
    while len(level) > 1:
        level += level[-1:] * (len(level) % 2)
        branch.append(level[place ^ 1][::-1].hex())
        level = [sha256d(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        place //= 2
    return {"block_height": block.height, "merkle": branch, "pos": pos}


def _esplora(chain: Chain, way: list[str]) -> Any:  # noqa: PLR0911
    """The answer to a path; text where it is text."""
    if way == ["blocks", "tip", "height"]:
        return str(chain.main[-1].height)
    if way[0] == "block-height":
        return chain.main[int(way[1])].hash
    if way[0] == "block":
        block = chain.by_hash[way[1]]
        if way[2:] == ["txids"]:
            return [tx.txid for tx in block.txs]
        if way[2:3] == ["txs"]:
            first = int(way[3])
            return [esplora_tx(chain, tx) for tx in block.txs[first : first + 25]]
        head = core_header(chain, block)
        return {"id": block.hash, "height": block.height, "version": head["version"], "timestamp": block.time,
                "tx_count": len(block.txs), "size": len(block.raw), "weight": 4 * len(block.raw),
                "merkle_root": head["merkleroot"], "previousblockhash": block.prev if block.height else None,
                "mediantime": block.time, "nonce": head["nonce"], "bits": int(head["bits"], 16),
                "difficulty": 0}  # fmt: skip
    tx = chain.txs[way[1]]
    if way[2:] == ["merkle-proof"]:
        return _merkle_proof(chain.holder[tx.txid], tx.txid)
    if way[2:] == ["outspends"]:
        return [_outspend(chain, tx.txid, number) for number in range(len(tx.outputs))]
    return esplora_tx(chain, tx)


def esplora_app(chain: Chain) -> web.Application:
    """An Esplora server under /api."""

    async def get(request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api")
        try:
            found = chain.send(path, _esplora(chain, path.strip("/").split("/")))
        except (KeyError, IndexError):
            return web.Response(status=404, text="Transaction not found")
        if isinstance(found, str):
            return web.Response(text=found, content_type="text/plain")
        return web.Response(text=json.dumps(found), content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/{path:.*}", get)
    return app


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The app on a free port of this machine; gives host:port."""
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)
