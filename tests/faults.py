"""Answers of a node that look well and are not: what each content fault of tests/faulty.py does to a JSON-RPC answer.

Invariant: an answer is changed only in the way that the fault's name says, and stays well-formed.
"""

from __future__ import annotations

import copy
from typing import Any

Json = Any

CONTENT = {
    "lagging": "a node `count` blocks behind: no later block, receipt, log, trace or balance",
    "no logs": "eth_getLogs answers []",
    "lost log": "each list of logs, in eth_getLogs and in receipts, lacks its last",
    "cap": "eth_getLogs and trace_filter answer no more than `count` rows and do not say so",
    "doubled": "every row of eth_getLogs, trace_filter and trace_block twice",
    "refused": "the JSON-RPC error `method not found`",
    "too many": "eth_getLogs over more than `count` blocks: an error that says so",
    "other block": "block hashes of receipts and logs are another block's",
    "phony log": "eth_getLogs has a log that the block does not hold",
    "lost trace": "trace_filter and trace_block lack their last row",
}
BATCH = {
    "same id": "two answers of a batch have the same id",
    "wrong id": "one answer has an id that nobody asked with",
    "shuffled": "a batch's answers in reverse order, which is allowed",
    "lost answer": "the last answer of a batch is missing",
}
_ROWS = {"eth_getLogs", "trace_filter", "trace_block"}
_ELSEWHERE = "0x" + "ab" * 32


def spoil_result(name: str, count: int, head: int, call: dict[str, Json], answer: dict[str, Json]) -> bool:
    """Change one answer in place; whether anything was changed."""
    method, result = str(call["method"]), answer.get("result")
    if name == "refused":
        return _error(answer, -32601, f"the method {method} does not exist/is not available")
    if name == "too many":
        return _too_many(count, head, call, answer)
    if name == "lagging":
        return _lag(head - count, call, answer)
    if result is None:
        return False
    before = copy.deepcopy(result)
    if name == "other block":
        answer["result"] = _elsewhere(result)
    elif name == "lost log" and method in {"eth_getTransactionReceipt", "eth_getBlockReceipts"}:
        for receipt in result if isinstance(result, list) else [result]:
            receipt["logs"] = receipt["logs"][:-1]
    elif method in _ROWS:
        answer["result"] = _rows(name, count, method, result)
    return bool(answer["result"] != before)


def spoil_batch(name: str, answers: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """A batch of answers, spoilt."""
    answers = [dict(answer) for answer in answers]
    if name == "same id":
        answers[-1]["id"] = answers[0]["id"]
    elif name == "wrong id":
        answers[-1]["id"] = 987_654_321
    elif name == "shuffled":
        answers.reverse()
    else:
        answers.pop()
    return answers


def _rows(name: str, count: int, method: str, rows: list[Json]) -> list[Json]:
    logs = method == "eth_getLogs"
    if name == "no logs" and logs:
        return []
    if (name == "lost log" and logs) or (name == "lost trace" and not logs):
        return rows[:-1]
    if name == "cap":
        return rows[:count]
    if name == "doubled":
        return [row for row in rows for _ in range(2)]
    if name == "phony log" and logs and rows:
        return [*rows, rows[-1] | {"logIndex": hex(int(rows[-1]["logIndex"], 16) + 1), "data": "0x" + f"{7:064x}"}]
    return rows


def _elsewhere(result: Json) -> Json:
    if isinstance(result, list):
        return [_elsewhere(row) for row in result]
    if isinstance(result, dict):
        changed = {key: _elsewhere(value) if key == "logs" else value for key, value in result.items()}
        return changed | {"blockHash": _ELSEWHERE} if "blockHash" in changed else changed
    return result


def _error(answer: dict[str, Json], code: int, message: str) -> bool:
    answer.pop("result", None)
    answer["error"] = {"code": code, "message": message}
    return True


def _too_many(count: int, head: int, call: dict[str, Json], answer: dict[str, Json]) -> bool:
    if call["method"] != "eth_getLogs" or "fromBlock" not in call["params"][0]:
        return False
    asked = call["params"][0]
    width = _number(asked.get("toBlock", "latest"), head) - _number(asked["fromBlock"], head) + 1
    return width > count and _error(answer, -32005, f"query returned more than 10000 results; at most {count} blocks")


def _lag(last: int, call: dict[str, Json], answer: dict[str, Json]) -> bool:
    """What a node says whose newest block is `last`."""
    method, result = str(call["method"]), answer.get("result")
    if method == "eth_blockNumber":
        answer["result"] = hex(last)
        return True
    if method in {"eth_getBalance", "eth_call", "eth_getTransactionCount", "eth_getCode"}:
        late = len(call["params"]) > 1 and _number(call["params"][1], last) > last
        return late and _error(answer, -32000, "header not found")
    before = copy.deepcopy(result)
    if isinstance(result, list):
        answer["result"] = [row for row in result if _block(row) <= last]
        if method == "eth_getBlockReceipts" and result and not answer["result"]:
            answer["result"] = None
    elif isinstance(result, dict) and _block(result) > last:
        answer["result"] = None
    return bool(answer.get("result") != before)


def _block(row: dict[str, Json]) -> int:
    said = row.get("blockNumber", row.get("number", 0))
    return said if isinstance(said, int) else int(said or "0x0", 16)


def _number(tag: Json, head: int) -> int:
    if not isinstance(tag, str) or not tag.startswith("0x"):
        return 0 if tag == "earliest" else head
    return int(tag, 16)
