"""A real EVM node for tests: anvil on a free port, blocks mined only when asked, accounts of a fixed mnemonic.

Invariant: the same calls give the same chain, hash for hash: block times are set, order is that of sending, nonces and
gas prices are explicit. Found in node_modules under $DYEPACK_NODE, the checkout, or tests/node.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contracts import Contract, address_created, node_modules

GENESIS_TIME = 1_700_000_000
BLOCK_SECONDS = 12
BASE_FEE = 1_000_000_000
GAS_PRICE = 2_000_000_000
GAS = 3_000_000
ETHER = 10**18
START_SECONDS = 20.0
"""How long a node may take to open its port on a busy machine."""


class RpcError(Exception):
    """The node answered with an error."""


def binary() -> Path | None:
    """The anvil executable, if it is installed."""
    path = node_modules() / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
    return path if path.is_file() else None


@contextmanager
def anvil(alloc: dict[str, int] | None = None, accounts: int = 40, extra: Sequence[str] = ()) -> Iterator[Anvil]:
    """A fresh chain; skips the test where anvil is not installed. `alloc`: balances in the genesis block, by address.

    The accounts of the mnemonic hold nothing unless `alloc` is None: then the first has a million ether.
    """
    found = binary()
    if found is None:
        pytest.skip("anvil is not installed: npm install --prefix tests/node, or set DYEPACK_NODE")
    with tempfile.TemporaryDirectory(prefix="dyepack-anvil-") as folder:
        genesis = Path(folder) / "genesis.json"
        genesis.write_text(json.dumps(_genesis({FIRST: 10**6 * ETHER} if alloc is None else alloc)), encoding="utf-8")
        log = Path(folder) / "log"
        command = [
            str(found), "--port", "0", "--init", str(genesis), "--accounts", str(accounts), "--balance", "0",
            "--no-mining", "--order", "fifo", "--timestamp", str(GENESIS_TIME), "--base-fee", str(BASE_FEE),
            "--hardfork", "prague", "--auto-impersonate", "--disable-block-gas-limit", *extra,
        ]  # fmt: skip
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        node = None
        try:
            node = Anvil(_port(process, log), process)
            yield node
        finally:
            if node is not None:
                node.close()
            process.kill()
            process.wait()


FIRST = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
"""The first account of the mnemonic that every development node shares."""


def _genesis(alloc: dict[str, int]) -> dict[str, Any]:
    return {
        "config": {"chainId": 31337, "terminalTotalDifficulty": 0, "terminalTotalDifficultyPassed": True},
        "nonce": "0x0", "timestamp": hex(GENESIS_TIME), "extraData": "0x", "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "mixHash": "0x" + "00" * 32, "coinbase": "0x" + "00" * 20, "number": "0x0", "baseFeePerGas": hex(BASE_FEE),
        "alloc": {address: {"balance": hex(units)} for address, units in alloc.items()},
    }  # fmt: skip


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the node says it listens on."""
    for _ in range(int(START_SECONDS / 0.05)):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Listening on "):
                return int(line.rsplit(":", 1)[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"anvil did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


class Anvil:
    """A running node: JSON-RPC, sending, mining, going back."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.process = port, process
        self.url, self.ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.accounts: list[str] = [a.lower() for a in self.rpc("eth_accounts")]
        self._nonces: dict[str, int] = {}
        self.time = GENESIS_TIME

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def post(self, body: object) -> Any:
        """A JSON body as it is; the decoded answer."""
        try:
            return self._post(body)
        except (http.client.HTTPException, ConnectionError):  # a connection that idled too long
            self._connection.close()
            return self._post(body)

    def _post(self, body: object) -> Any:
        self._connection.request("POST", "/", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.loads(self._connection.getresponse().read())

    def rpc(self, method: str, *params: object) -> Any:
        """One call; RpcError if the node refuses."""
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        if "error" in answer:
            raise RpcError(f"{method}: {answer['error']}")
        return answer["result"]

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Many calls in one request, answers in the order of the calls. The node runs them at the same time."""
        body = [{"jsonrpc": "2.0", "id": n, "method": m, "params": list(p)} for n, (m, p) in enumerate(calls)]
        answers = {a["id"]: a for a in self.post(body)}
        wrong = [a["error"] for a in answers.values() if "error" in a]
        if wrong:
            raise RpcError(str(wrong[0]))
        return [answers[n]["result"] for n in range(len(calls))]

    def nonce(self, sender: str) -> int:
        """The next nonce of an account, counted here."""
        number = self._nonces.get(sender)
        if number is None:
            number = int(self.rpc("eth_getTransactionCount", sender, "latest"), 16)
        self._nonces[sender] = number + 1
        return number

    def send(
        self, sender: str, to: str | None, value: int = 0, data: str = "0x", *, gas: int = GAS, price: int = GAS_PRICE
    ) -> str:
        """Put a transaction into the pool; its hash. It stands in the next block that is mined, in order of sending."""
        request = {
            "from": sender, "value": hex(value), "data": data, "gas": hex(gas), "gasPrice": hex(price),
            "nonce": hex(self.nonce(sender)),
        }  # fmt: skip
        if to is not None:
            request["to"] = to
        txid: str = self.rpc("eth_sendTransaction", request)
        return txid

    def deploy(self, sender: str, contract: Contract, *arguments: object) -> str:
        """Put a contract's creation into the pool; its address."""
        nonce = self.nonce(sender)
        self._nonces[sender] = nonce
        self.send(sender, None, data=contract.creation(*arguments), gas=8_000_000)
        return address_created(sender, nonce)

    def mine(self, seconds: int = BLOCK_SECONDS) -> int:
        """Mine one block `seconds` after the last one; its number."""
        self.time += seconds
        self.rpc("evm_setNextBlockTimestamp", self.time)
        self.rpc("evm_mine")
        return self.number()

    def number(self) -> int:
        """The height of the chain."""
        return int(self.rpc("eth_blockNumber"), 16)

    def receipt(self, txid: str) -> dict[str, Any]:
        """The receipt of a transaction that was mined."""
        found: dict[str, Any] | None = self.rpc("eth_getTransactionReceipt", txid)
        assert found is not None, f"{txid} is not in a block"
        return found

    def balance(self, address: str, block: int | str = "latest") -> int:
        """Native units of an address at the end of a block."""
        return int(self.rpc("eth_getBalance", address, hex(block) if isinstance(block, int) else block), 16)

    def call(self, to: str, data: str, block: int | str = "latest") -> str:
        """What a contract answers, without a transaction."""
        tag = hex(block) if isinstance(block, int) else block
        return str(self.rpc("eth_call", {"to": to, "data": data}, tag))

    def snapshot(self) -> tuple[str, int]:
        """Keep this state; `restore` comes back to it."""
        return str(self.rpc("evm_snapshot")), self.time

    def restore(self, kept: tuple[str, int]) -> None:
        """Go back to a kept state: everything after it is orphaned, and what is mined next is another branch."""
        assert self.rpc("evm_revert", kept[0]) is True
        self.time = kept[1]
        self._nonces.clear()

    def reorg(self, depth: int, transactions: Sequence[tuple[dict[str, Any], int]] = ()) -> None:
        """Replace the newest `depth` blocks by others that hold `transactions` (request, offset of the block)."""
        self.rpc("anvil_reorg", depth, [[request, offset] for request, offset in transactions])
        self._nonces.clear()
        self.time = int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
