"""A server that answers as Etherscan's API documents, fed by a node or by a small chain made by hand.

It keeps the documented limits: rows a request, page times offset, "No transactions found", the rate message, the key,
and it leaves out what the real one leaves out (no log index in tokentx, no hash and no path in txlistinternal of one
transaction). `alter` changes an answer on its way out: the hostile variants.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Protocol, Self

from tests.anvil import RpcError
from tests.servers import Reply, Seen, Server

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
KEY = "K3yOfTheExplorer0000000000000000XX"
WINDOW = 10_000
Row = dict[str, Any]


class Rpc(Protocol):
    """Anything that answers Ethereum's JSON-RPC."""

    def rpc(self, method: str, *params: object) -> Any: ...


class EtherscanServer:
    """The API; `most` rows a request (the free plan has 1,000), the next `busy` answers are the rate message."""

    def __init__(self, node: Rpc, *, most: int = WINDOW, chainid: int = 31337, internal: bool = True) -> None:
        self.node, self.most, self.chainid, self.internal = node, most, chainid, internal
        self.busy = 0
        self.failed: set[str] = set()
        self.alter: Callable[[dict[str, str], Any], Any] = lambda _, answer: answer
        self.asked: list[dict[str, str]] = []
        self.server = Server()
        self.server.on("/v2/api", self._answer)
        self._lists: dict[str, list[Row]] = {}
        self._height = -1

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__(None, None, None)

    @property
    def source(self) -> str:
        """The source as a user writes it; the key in the environment variable TEST_ETHERSCAN_KEY."""
        return f"etherscan+{self.server.url}/v2/api?chainid={self.chainid}&apikey={{TEST_ETHERSCAN_KEY}}"

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        self.asked.append(query)
        answer = self.alter(query, self._told(query))
        return Reply(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def _told(self, query: dict[str, str]) -> Any:
        if query.get("apikey") != KEY:
            return _refusal("Invalid API Key")
        if query.get("chainid") != str(self.chainid):
            return _refusal("Missing or unsupported chainid parameter")
        if self.busy:
            self.busy -= 1
            return _refusal("Max calls per sec rate limit reached (3/sec)")
        return self._listed(query["module"], query["action"], query) or _refusal(
            "Error! Missing Or invalid Action name"
        )

    def _listed(self, module: str, action: str, query: dict[str, str]) -> Any:
        if module == "proxy":
            return self._proxy(action, query)
        if (module, action) == ("transaction", "getstatus"):
            failed = str(int(query["txhash"] in self.failed))
            return {"status": "1", "message": "OK", "result": {"isError": failed, "errDescription": ""}}
        self._read()
        if (module, action) == ("logs", "getLogs"):
            return self._page(self._logs(query), query, "No records found", ("fromBlock", "toBlock"))
        if module != "account" or action not in self._lists or (action == "txlistinternal" and not self.internal):
            return None
        return self._page(self._account(action, query), query)

    def _proxy(self, action: str, query: dict[str, str]) -> Any:
        params: tuple[object, ...] = ()
        if action == "eth_getBlockByNumber":
            params = (query["tag"], query["boolean"] == "true")
        elif action in {"eth_getTransactionByHash", "eth_getTransactionReceipt"}:
            params = (query["txhash"],)
        elif action == "eth_getCode":
            params = (query["address"], query["tag"])
        elif action == "eth_call":
            params = ({"to": query["to"], "data": query["data"]}, query["tag"])
        elif action != "eth_blockNumber":
            return None
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": self.node.rpc(action, *params)}
        except (RpcError, KeyError):
            return {"jsonrpc": "2.0", "id": 1, "error": {"code": 3, "message": "execution reverted"}}

    def _account(self, action: str, query: dict[str, str]) -> list[Row]:
        rows = self._lists[action]
        if "txhash" in query:
            hidden = {"hash", "traceId"}
            return [{k: v for k, v in r.items() if k not in hidden} for r in rows if r["hash"] == query["txhash"]]
        if token := query.get("contractaddress"):
            rows = [row for row in rows if row["contractAddress"] == token.lower()]
        if account := query.get("address", "").lower():
            ends = ("from", "to") if action == "tokentx" else ("from", "to", "contractAddress")
            rows = [row for row in rows if account in {row[end] for end in ends}]
        return rows

    def _logs(self, query: dict[str, str]) -> list[Row]:
        rows = [row for row in self._lists["logs"] if row["address"] == query["address"]]
        for place in range(4):
            if wanted := query.get(f"topic{place}"):
                rows = [row for row in rows if row["topics"][place : place + 1] == [wanted]]
        return rows

    def _page(
        self,
        rows: list[Row],
        query: dict[str, str],
        nothing: str = "No transactions found",
        names: tuple[str, str] = ("startblock", "endblock"),
    ) -> Any:
        page, offset = int(query.get("page", 1)), int(query.get("offset", WINDOW))
        if page * offset > WINDOW:
            reason = "Result window is too large, PageNo x Offset size must be less than or equal to 10000"
            return {"status": "0", "message": reason, "result": None}
        first, last = int(query.get(names[0], 0)), int(query.get(names[1], 1 << 62))
        rows = [row for row in rows if first <= int(row["blockNumber"], 0) <= last]
        size = min(offset, self.most)
        cut = rows[(page - 1) * offset :][:size]
        if not cut:
            return {"status": "0", "message": nothing, "result": []}
        return {"status": "1", "message": "OK", "result": cut}

    def _read(self) -> None:
        """Index the blocks that are new."""
        height = int(self.node.rpc("eth_blockNumber"), 16)
        if height == self._height:
            return
        self._height = height
        self._lists = {"txlist": [], "txlistinternal": [], "tokentx": [], "logs": []}
        for number in range(1, height + 1):
            self._block(number)
        named = {row[end] for row in self._lists["txlist"] for end in ("from", "to")} - {""}
        self._lists["txlist"][:0] = [
            _genesis(one, units)
            for one in sorted(named)
            if (units := int(self.node.rpc("eth_getBalance", one, "0x0"), 16))
        ]

    def _block(self, number: int) -> None:
        block = self.node.rpc("eth_getBlockByNumber", hex(number), True)
        receipts = {r["transactionHash"]: r for r in self.node.rpc("eth_getBlockReceipts", hex(number))}
        for sent in block["transactions"]:
            self._transaction(block, sent, receipts[sent["hash"]])
        dead: set[tuple[str, tuple[int, ...]]] = set()
        for trace in self.node.rpc("trace_block", hex(number)):
            self._trace(block, trace, receipts, dead)

    def _transaction(self, block: Row, sent: Row, receipt: Row) -> None:
        failed = receipt["status"] == "0x0"
        common = {
            "blockNumber": str(int(block["number"], 16)), "timeStamp": str(int(block["timestamp"], 16)),
            "hash": sent["hash"], "nonce": str(int(sent["nonce"], 16)), "blockHash": block["hash"],
            "transactionIndex": str(int(sent["transactionIndex"], 16)),
        }  # fmt: skip
        self._lists["txlist"].append(common | {
            "from": sent["from"].lower(), "to": (sent["to"] or "").lower(), "value": str(int(sent["value"], 16)),
            "gas": str(int(sent["gas"], 16)), "gasPrice": str(int(receipt["effectiveGasPrice"], 16)),
            "isError": str(int(failed)), "txreceipt_status": str(int(not failed)), "input": sent["input"],
            "contractAddress": (receipt["contractAddress"] or "").lower(), "gasUsed": str(int(receipt["gasUsed"], 16)),
            "methodId": sent["input"][:10], "functionName": "", "confirmations": "1",
        })  # fmt: skip
        for log in receipt["logs"]:
            self._lists["logs"].append({
                "address": log["address"].lower(), "topics": log["topics"], "data": log["data"],
                "blockNumber": log["blockNumber"], "blockHash": log["blockHash"], "timeStamp": block["timestamp"],
                "transactionHash": log["transactionHash"], "logIndex": _short(log["logIndex"]),
                "transactionIndex": _short(log["transactionIndex"]),
            })  # fmt: skip
            if log["topics"][:1] == [TRANSFER] and len(log["topics"]) == 3 and len(log["data"]) == 66:
                symbol, decimals = self._token(log["address"])
                self._lists["tokentx"].append(common | {
                    "from": "0x" + log["topics"][1][26:], "to": "0x" + log["topics"][2][26:],
                    "contractAddress": log["address"].lower(), "value": str(int(log["data"], 16)),
                    "tokenName": symbol, "tokenSymbol": symbol, "tokenDecimal": decimals, "input": "deprecated",
                })  # fmt: skip

    def _trace(self, block: Row, trace: Row, receipts: dict[str, Row], dead: set[tuple[str, tuple[int, ...]]]) -> None:
        txid, path, action = trace.get("transactionHash"), tuple(trace["traceAddress"]), trace["action"]
        if txid is None:
            return
        if trace.get("error") or (txid, path[:-1]) in dead:
            dead.add((txid, path))
        kind = trace["type"]
        moved = int(action.get("value") or action.get("balance") or "0x0", 16)
        if not path or not moved or action.get("callType", "call") != "call":
            return
        made = ((trace.get("result") or {}).get("address") or "").lower() if kind == "create" else ""
        self._lists["txlistinternal"].append({
            "blockNumber": str(int(block["number"], 16)), "timeStamp": str(int(block["timestamp"], 16)), "hash": txid,
            "from": (action.get("from") or action.get("address")).lower(), "value": str(moved), "input": "",
            "to": (action.get("to") or action.get("refundAddress") or "").lower(), "contractAddress": made,
            "type": kind, "gas": "0", "gasUsed": "0", "traceId": "_".join(map(str, path)), "errCode": "",
            "isError": str(int((txid, path) in dead or receipts[txid]["status"] == "0x0")),
        })  # fmt: skip

    def _token(self, contract: str) -> tuple[str, str]:
        """Symbol and decimals as the explorer shows them: "" where the contract does not say."""
        try:
            symbol = bytes.fromhex(self.node.rpc("eth_call", {"to": contract, "data": "0x95d89b41"}, "latest")[2:])
            decimals = str(int(self.node.rpc("eth_call", {"to": contract, "data": "0x313ce567"}, "latest"), 16))
        except (RpcError, KeyError, ValueError):
            return "", ""
        raw = symbol[64 : 64 + int.from_bytes(symbol[32:64])] if len(symbol) >= 64 else symbol.rstrip(b"\0")
        return raw.decode("utf-8", "replace"), decimals


def _short(quantity: str) -> str:
    """The list of events writes zero as 0x."""
    return "0x" if quantity == "0x0" else quantity


def _refusal(reason: str) -> Row:
    return {"status": "0", "message": "NOTOK", "result": reason}


def _genesis(address: str, units: int) -> Row:
    empty = dict.fromkeys(("nonce", "blockHash", "txreceipt_status", "input", "contractAddress"), "")
    zero = dict.fromkeys(("blockNumber", "transactionIndex", "gas", "gasPrice", "isError", "gasUsed"), "0")
    made = {"hash": "GENESIS_" + address[2:], "from": "GENESIS", "to": address, "value": str(units)}
    return {**empty, **zero, "timeStamp": "1438269973", **made}


def digest(*parts: object) -> str:
    """A hash for things made by hand."""
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


def topic(address: str) -> str:
    """An address as an indexed argument."""
    return "0x" + address[2:].rjust(64, "0")


class SmallChain:
    """A chain made by hand in the node's own JSON: just enough of it for the explorer."""

    def __init__(self) -> None:
        self.blocks: list[Row] = []
        self.receipts: dict[str, Row] = {}
        self.traces: list[list[Row]] = []
        self.symbols: dict[str, tuple[str, int]] = {}
        self.genesis: dict[str, int] = {}
        self.block()

    def block(self) -> int:
        """A new block, to which transactions are added; its number."""
        number = len(self.blocks)
        parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
        self.blocks.append({
            "number": hex(number), "hash": digest("block", number), "parentHash": parent,
            "timestamp": hex(1_700_000_000 + 12 * number), "logsBloom": "0x", "transactions": [],
        })  # fmt: skip
        self.traces.append([])
        return number

    def send(
        self,
        sender: str,
        to: str | None,
        value: int = 0,
        *,
        gas: int = 21_000,
        failed: bool = False,
        logs: list[tuple[str, list[str], int]] = [],  # noqa: B006 (read only)
        inner: list[tuple[list[int], str, str, int]] = [],  # noqa: B006
        made: str | None = None,
    ) -> str:
        """A transaction in the newest block.

        logs are (contract, topics, data as a number), inner (path, from, to, value).
        """
        block = self.blocks[-1]
        index, number = len(block["transactions"]), block["number"]
        txid = digest("tx", number, index)
        place = {"blockHash": block["hash"], "blockNumber": number, "transactionIndex": hex(index)}
        plain = gas == 21_000
        block["transactions"].append({
            "hash": txid, "from": sender, "to": to, "value": hex(value), "gas": hex(gas), "gasPrice": "0x1",
            "nonce": "0x0", "input": "0x" if plain else "0xa9059cbb", **place,
        })  # fmt: skip
        before = sum(len(self.receipts[t["hash"]]["logs"]) for t in block["transactions"][:-1])
        self.receipts[txid] = {
            "transactionHash": txid, "from": sender, "to": to, "contractAddress": made, "gasUsed": hex(gas),
            "effectiveGasPrice": "0x1", "status": hex(not failed), "logsBloom": "0x", **place,
            "logs": [
                {"address": contract, "topics": topics, "data": "0x" + data.to_bytes(32).hex(),
                 "transactionHash": txid, "logIndex": hex(before + at), **place}
                for at, (contract, topics, data) in enumerate(logs)
            ],
        }  # fmt: skip
        common = {"blockNumber": int(number, 16), "blockHash": block["hash"], "transactionHash": txid}
        for path, payer, payee, units in [([], sender, to or made or "", value), *inner]:
            action = {"from": payer, "to": payee, "value": hex(units), "callType": "call"}
            self.traces[-1].append({"type": "call", "traceAddress": path, "action": action, **common})
        return txid

    def transfer(self, sender: str, token: str, to: str, units: int, *, signer: str | None = None) -> str:
        """A transaction that emits one transfer of a token."""
        return self.send(
            signer or sender, token, gas=50_000, logs=[(token, [TRANSFER, topic(sender), topic(to)], units)]
        )

    def rpc(self, method: str, *params: Any) -> Any:
        """The node's answer."""
        if method == "eth_call":
            symbol, decimals = self.symbols[params[0]["to"]]
            text = b"".join((b"\0" * 31 + b"\x20", len(symbol).to_bytes(32), symbol.encode().ljust(32, b"\0")))
            return "0x" + (text.hex() if params[0]["data"] == "0x95d89b41" else decimals.to_bytes(32).hex())
        if method == "eth_getTransactionByHash":
            return next((t for b in self.blocks for t in b["transactions"] if t["hash"] == params[0]), None)
        simple: dict[str, Callable[[], Any]] = {
            "eth_blockNumber": lambda: hex(len(self.blocks) - 1),
            "eth_getTransactionReceipt": lambda: self.receipts.get(params[0]),
            "eth_getCode": lambda: "0x6001" if params[0] in self.symbols else "0x",
            "eth_getBalance": lambda: hex(self.genesis.get(params[0], 0)),
        }
        return simple[method]() if method in simple else self._of_block(method, *params)

    def _of_block(self, method: str, *params: Any) -> Any:
        number = int(params[0], 16)
        if number >= len(self.blocks):
            return None
        block = self.blocks[number]
        if method == "eth_getBlockByNumber":
            ids = [t["hash"] for t in block["transactions"]]
            return block if params[1] else block | {"transactions": ids}
        if method == "trace_block":
            return self.traces[number]
        assert method == "eth_getBlockReceipts"
        return [self.receipts[t["hash"]] for t in block["transactions"]]
