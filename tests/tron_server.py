"""A server that answers as java-tron's HTTP API and TronGrid document, over a small chain made by hand.

As in the real ones: fields that are zero are left out, a node writes addresses as 41 and hexadecimal, events without
the 41, TronGrid's token list in base58; lists come in pages of at most 200 rows with a fingerprint, and beyond
`window` rows the server refuses. Addresses are given to the chain as 0x and 40 digits. `alter` changes an answer on
its way out: the hostile variants.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Self

from tests.servers import Reply, Seen, Server

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
Row = dict[str, Any]
_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(address: str) -> str:
    """The address as people write it; written anew here, to be compared with."""
    raw = bytes.fromhex("41" + address[2:])
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = _LETTERS[digit] + text
    return text


def wire(address: str) -> str:
    """The address as a node writes it."""
    return "41" + address[2:]


def digest(*parts: object) -> str:
    """An id for things made by hand."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class TronChain:
    """Blocks three seconds apart; `solid` blocks below the newest are final."""

    def __init__(self, solid: int = 0) -> None:
        self.blocks: list[Row] = []
        self.infos: dict[str, Row] = {}
        self.times: dict[str, int] = {}
        self.symbols: dict[str, tuple[str, int]] = {}
        self.solid = solid
        self.block()

    def block(self) -> int:
        """A new block, to which transactions are added; its number."""
        number = len(self.blocks)
        parent = self.blocks[-1]["blockID"] if self.blocks else "00" * 32
        data: Row = {"txTrieRoot": "00" * 32, "witness_address": "41" + "ee" * 20, "parentHash": parent}
        if number:
            data |= {"number": number, "timestamp": 1_600_000_000_000 + 3000 * number}
        block_id = number.to_bytes(8).hex() + digest("block", number)[16:]
        self.blocks.append({"blockID": block_id, "block_header": {"raw_data": data, "witness_signature": ""}})
        return number

    def send(
        self,
        kind: str,
        value: Row,
        *,
        fee: int = 0,
        result: str = "SUCCESS",
        logs: list[tuple[str, list[str], int]] = [],  # noqa: B006 (read only)
        inner: list[tuple[str, str, int]] = [],  # noqa: B006
        info: Row = {},  # noqa: B006
    ) -> str:
        """A transaction in the newest block; logs are (contract, topics, data as a number), inner (from, to, units)."""
        block = self.blocks[-1]
        sent = block.setdefault("transactions", [])
        txid = digest("tx", len(self.blocks), len(sent))
        parameter = {"value": value, "type_url": f"type.googleapis.com/protocol.{kind}"}
        sent.append({
            "ret": [{"contractRet": result}], "signature": ["00"], "txID": txid,
            "raw_data": {"contract": [{"parameter": parameter, "type": kind}], "ref_block_bytes": "0000"},
            "raw_data_hex": "",
        })  # fmt: skip
        header = block["block_header"]["raw_data"]
        made: Row = {"id": txid, "blockNumber": header["number"], "blockTimeStamp": header["timestamp"]}
        made |= {"contractResult": [""], "receipt": {"net_usage": 268}}
        if fee:
            made["fee"] = fee
        if kind in {"TriggerSmartContract", "CreateSmartContract"}:
            made["receipt"] = {"energy_usage_total": 1000, "result": result}
        if result != "SUCCESS":
            made |= {"result": "FAILED", "resMessage": "00"}
        if logs:
            made["log"] = [
                {"address": contract[2:], "topics": topics, "data": data.to_bytes(32).hex()}
                for contract, topics, data in logs
            ]
        if inner:
            made["internal_transactions"] = [step(*one) for one in inner]
        self.infos[txid] = made | info
        self.times[txid] = header["timestamp"]
        return "0x" + txid

    def pay(self, sender: str, to: str, units: int, fee: int = 0) -> str:
        """TRX from one account to another."""
        value = {"amount": units, "owner_address": wire(sender), "to_address": wire(to)}
        return self.send("TransferContract", value, fee=fee)

    def call(self, sender: str, contract: str, units: int = 0, **facts: Any) -> str:
        """A call of a contract, with TRX if `units`."""
        value: Row = {"data": "a9059cbb", "owner_address": wire(sender), "contract_address": wire(contract)}
        return self.send("TriggerSmartContract", value | ({"call_value": units} if units else {}), **facts)

    def transfer(self, sender: str, token: str, to: str, units: int, *, signer: str = "", **facts: Any) -> str:
        """A call that emits one transfer of a token."""
        logs = [(token, [TRANSFER, word(sender), word(to)], units)]
        return self.call(signer or sender, token, logs=logs, **facts)

    def time(self, number: int) -> int:
        """A block's time in milliseconds."""
        return int(self.blocks[number]["block_header"]["raw_data"].get("timestamp", 0))


def word(address: str) -> str:
    """An address as an indexed argument."""
    return address[2:].rjust(64, "0")


def step(sender: str, to: str, units: int, note: str = "call", **facts: Any) -> Row:
    """One internal transaction as a receipt holds it."""
    value: Row = {"callValue": units} if units else {}
    made = {"hash": digest(sender, to, units), "caller_address": wire(sender), "transferTo_address": wire(to)}
    return made | {"callValueInfo": [value], "note": note.encode().hex()} | facts


class TronServer:
    """The API at `url`; `window` rows of a list at most, `most` rows a page."""

    def __init__(self, chain: TronChain, *, window: int = 1_000_000, most: int = 200) -> None:
        self.chain, self.window, self.most = chain, window, most
        self.alter: Callable[[str, Any, Any], Any] = lambda _, __, told: told
        self.asked: list[tuple[str, Any]] = []
        self.server = Server()
        self.server.on("/", self._answer)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__(None, None, None)

    @property
    def source(self) -> str:
        """The source as a user writes it."""
        return f"tron+{self.server.url}"

    def _answer(self, seen: Seen) -> Reply:
        question = seen.json() if seen.method == "POST" else dict(seen.query)
        self.asked.append((seen.path, question))
        told = self._node(seen.path, question) if seen.method == "POST" else self._grid(seen.path, dict(seen.query))
        if told is None:
            return Reply(b'{"success":false,"error":"not found","statusCode":404}', status=404)
        status = 400 if isinstance(told, dict) and told.get("statusCode") == 400 else 200
        told = self.alter(seen.path, question, told)
        return Reply(told if isinstance(told, bytes) else json.dumps(told).encode(), status=status)

    def _node(self, path: str, question: Any) -> Any:
        blocks = self.chain.blocks
        if path == "/wallet/getnowblock":
            return blocks[-1]
        if path == "/walletsolidity/getnowblock":
            return blocks[len(blocks) - 1 - self.chain.solid]
        if path == "/wallet/getblockbynum":
            return blocks[question["num"]] if question["num"] < len(blocks) else {}
        if path == "/wallet/gettransactioninfobyid":
            return self.chain.infos.get(question["value"], {})
        if path == "/wallet/getcontract":
            return {"contract_address": question["value"]} if question["value"] in self._contracts() else {}
        assert path == "/wallet/triggerconstantcontract", path
        return self._constant(question)

    def _contracts(self) -> set[str]:
        """Tokens, and whoever is called as a contract."""
        called = {
            part["parameter"]["value"].get("contract_address")
            for sent, _, _ in self._sent()
            for part in sent["raw_data"]["contract"]
        }
        return {base58(token) for token in self.chain.symbols} | {base58(c) for c in called if c}

    def _constant(self, question: Any) -> Row:
        known = {base58(token): told for token, told in self.chain.symbols.items()}.get(question["contract_address"])
        if known is None:
            return {"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": "00"}}
        text = b"".join(((32).to_bytes(32), len(known[0]).to_bytes(32), known[0].encode().ljust(32, b"\0")))
        told = text if question["function_selector"] == "symbol()" else known[1].to_bytes(32)
        return {"result": {"result": True}, "energy_used": 400, "constant_result": [told.hex()]}

    def _grid(self, path: str, query: dict[str, str]) -> Any:
        parts = path.strip("/").split("/")
        if parts[1] == "contracts":
            times = {"min_timestamp": query["min_block_timestamp"], "max_timestamp": query["max_block_timestamp"]}
            return self._page(self._events(parts[2], query["event_name"]), query | times)
        rows = {"transactions": self._transactions, "internal-transactions": self._internal}
        if parts[3:] == ["transactions", "trc20"]:
            return self._page(self._transfers(parts[2], query["contract_address"]), query)
        return self._page(rows[parts[3]](parts[2]), query)

    def _sent(self) -> list[tuple[Row, Row, int]]:
        """Every transaction with its receipt and time, in order."""
        found = [sent for block in self.chain.blocks for sent in block.get("transactions", [])]
        return [(sent, self.chain.infos[sent["txID"]], self.chain.times[sent["txID"]]) for sent in found]

    def _transactions(self, account: str) -> list[Row]:
        return [
            sent
            | {"blockNumber": info["blockNumber"], "block_timestamp": time, "net_fee": 0, "internal_transactions": []}
            for sent, info, time in self._sent()
            if account in _named(sent)
        ]

    def _internal(self, account: str) -> list[Row]:
        rows = []
        for sent, info, time in self._sent():
            for inner in info.get("internal_transactions", []):
                ends = {"from_address": inner["caller_address"], "to_address": inner["transferTo_address"]}
                if account in {base58("0x" + end[2:]) for end in ends.values()}:
                    data = {"note": "call", "rejected": False, "call_value": {"_": 1}}
                    made = {"internal_tx_id": inner["hash"], "tx_id": sent["txID"], "block_timestamp": time}
                    rows.append(made | ends | {"data": data})
        return rows

    def _transfers(self, account: str, token: str) -> list[Row]:
        rows = []
        for sent, info, time in self._sent():
            for log in info.get("log", []):
                if log["topics"][0] != TRANSFER or base58("0x" + log["address"]) != token:
                    continue
                ends = [base58("0x" + topic[24:]) for topic in log["topics"][1:3]]
                if account in ends:
                    made = {"transaction_id": sent["txID"], "block_timestamp": time, "from": ends[0], "to": ends[1]}
                    named = {"symbol": "?", "address": token, "decimals": 6, "name": "?"}
                    units = str(int(log["data"], 16))
                    rows.append(made | {"type": "Transfer", "value": units, "token_info": named})
        return rows

    def _events(self, contract: str, name: str) -> list[Row]:
        """Events other than transfers, whose second topic here is their name."""
        return [
            {"transaction_id": sent["txID"], "block_timestamp": time, "event_name": name, "contract_address": contract,
             "result": {"0": "0x" + log["data"][24:64], "_blackListedUser": "0x" + log["data"][24:64]}}
            for sent, info, time in self._sent()
            for log in info.get("log", [])
            if base58("0x" + log["address"]) == contract and log["topics"][0] != TRANSFER
        ]  # fmt: skip

    def _page(self, rows: list[Row], query: dict[str, str]) -> Row:
        first, last = int(query.get("min_timestamp", 0)), int(query.get("max_timestamp", 1 << 62))
        final = self.chain.time(len(self.chain.blocks) - 1 - self.chain.solid)
        if query.get("only_confirmed") == "true":
            last = min(last, final)
        rows = sorted(
            (row for row in rows if first <= row["block_timestamp"] <= last),
            key=lambda row: row["block_timestamp"],
            reverse=query.get("order_by") != "block_timestamp,asc",
        )
        limit = min(int(query.get("limit", 20)), self.most)
        start = int(query.get("fingerprint", "f0")[1:])
        if start >= self.window:
            error = "Exceeds the maximum limit, please change your query time range"
            return {"success": False, "error": error, "statusCode": 400}
        meta: Row = {"at": 1_700_000_000_000, "page_size": len(rows[start : start + limit])}
        if start + limit < len(rows):
            meta |= {"fingerprint": f"f{start + limit}", "links": {"next": "https://api.trongrid.io/..."}}
        return {"data": rows[start : start + limit], "success": True, "meta": meta}


def _named(sent: Row) -> set[str]:
    """The accounts that a transaction's contract names."""
    value = sent["raw_data"]["contract"][0]["parameter"]["value"]
    found = [value.get(name) for name in ("owner_address", "to_address", "contract_address")]
    return {base58("0x" + text[2:]) for text in found if text}
