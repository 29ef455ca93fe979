"""All value moves of a range of blocks, read by hand from trace_block, eth_getLogs and receipts: a second opinion.

Plain JSON and a few lines, apart from the adapter that it checks. Invariant: what it lists moved value on the chain:
failed calls, zero values and things with a number of their own (four topics) are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from tests.contracts import topic

TRANSFER = topic("Transfer(address,address,uint256)")
DEPOSIT = topic("Deposit(address,uint256)")
WITHDRAWAL = topic("Withdrawal(address,uint256)")
VALUE, TOKEN, INTERNAL, FEE = range(4)
DESTROYED = topic("DestroyedBlackFunds(address,uint256)")
NOBODY = "0x" + "00" * 20


class Node(Protocol):
    """Anything that answers a JSON-RPC call."""

    def rpc(self, method: str, *params: object) -> Any: ...


class Seen(NamedTuple):
    """One move; sender "" is issuance, receiver "" a fee, the zero address what was burnt; `rank` of trace or log."""

    block: int
    tx_index: int
    kind: int
    rank: int
    txid: str
    sender: str
    receiver: str
    asset: str
    units: int


def extract_moves(node: Node, first: int, last: int) -> list[Seen]:
    """Every move of the blocks, in chain order."""
    found: list[Seen] = []
    for number in range(first, last + 1):
        block = hex(number)
        found += _traces(number, node.rpc("trace_block", block))
        found += _logs(node.rpc("eth_getLogs", {"fromBlock": block, "toBlock": block}))
        found += [
            Seen(number, int(r["transactionIndex"], 16), FEE, 0, r["transactionHash"], r["from"].lower(), "", "native",
                 int(r["gasUsed"], 16) * int(r["effectiveGasPrice"], 16))
            for r in node.rpc("eth_getBlockReceipts", block)
        ]  # fmt: skip
    return sorted(move for move in found if move.units)


def _traces(number: int, traces: list[dict[str, Any]]) -> list[Seen]:
    found = []
    rank: dict[str, int] = {}
    failed: dict[str, list[list[int]]] = {}
    for trace in sorted(traces, key=lambda t: (t.get("transactionPosition") or 0, t["traceAddress"])):
        txid, path, action = trace.get("transactionHash"), trace["traceAddress"], trace["action"]
        if not txid:
            continue
        place = rank[txid] = rank.get(txid, -1) + 1
        if trace.get("error"):
            failed.setdefault(txid, []).append(path)
        if any(path[: len(above)] == above for above in failed.get(txid, [])):
            continue
        if trace["type"] == "call" and action.get("callType", "call") == "call":
            ends = action["from"], action["to"], action["value"]
        elif trace["type"] == "create":
            ends = action["from"], trace["result"]["address"], action["value"]
        elif trace["type"] == "suicide":
            ends = action["address"], action["refundAddress"], action["balance"]
        else:
            continue
        kind = INTERNAL if path else VALUE
        found.append(
            Seen(number, trace["transactionPosition"], kind, place, txid, ends[0].lower(), ends[1].lower(), "native",
                 int(ends[2], 16))
        )  # fmt: skip
    return found


def _logs(logs: list[dict[str, Any]]) -> list[Seen]:
    found = []
    for log in logs:
        topics, data = log["topics"], log["data"]
        people = ["0x" + t[-40:] for t in topics[1:]]
        if topics and topics[0] == DESTROYED:
            sender, receiver, data = "0x" + data[26:66], NOBODY, "0x" + data[66:]
        elif len(data) != 66 or not topics:
            continue
        elif topics[0] == TRANSFER and len(topics) == 3:
            sender, receiver = ("" if people[0] == NOBODY else people[0]), people[1]
        elif topics[0] == DEPOSIT and len(topics) == 2:
            sender, receiver = "", people[0]
        elif topics[0] == WITHDRAWAL and len(topics) == 2:
            sender, receiver = people[0], NOBODY
        else:
            continue
        found.append(
            Seen(int(log["blockNumber"], 16), int(log["transactionIndex"], 16), TOKEN, int(log["logIndex"], 16),
                 log["transactionHash"], sender, receiver, log["address"].lower(), int(data, 16))
        )  # fmt: skip
    return found
