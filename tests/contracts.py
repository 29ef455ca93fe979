"""Contracts for tests: own Solidity compiled by the npm compiler, published ones from their packages; call data.

Invariant: one compilation for all sources, kept under the hash of the sources and of the compiler, so that a run
without changes compiles nothing. Call data is written from the signature alone: what a test calls is what it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from Crypto.Hash import keccak

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "node" / "contracts"

PUBLISHED = {
    "WETH9": "@uniswap/v2-periphery/build/WETH9.json",
    "UniswapV2Factory": "@uniswap/v2-core/build/UniswapV2Factory.json",
    "UniswapV2Router02": "@uniswap/v2-periphery/build/UniswapV2Router02.json",
}
"""Contracts whose bytecode their packages ship."""

_COMPILE = """
const solc = require('solc'); let text = '';
process.stdin.on('data', d => text += d).on('end', () => process.stdout.write(solc.compile(text)));
"""


def node_modules() -> Path:
    """Where the npm packages of tests/node/package.json are: under $DYEPACK_NODE, the checkout, or tests/node."""
    named = os.environ.get("DYEPACK_NODE")
    places = [Path(named)] if named else [HERE.parent, HERE / "node"]
    found = [place / "node_modules" for place in places if (place / "node_modules" / "solc").is_dir()]
    return found[0] if found else places[-1] / "node_modules"


def digest(data: bytes) -> bytes:
    """Keccak-256."""
    return bytes(keccak.new(digest_bits=256, data=data).digest())


def topic(signature: str) -> str:
    """The first topic of an event, from its signature."""
    return "0x" + digest(signature.encode()).hex()


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract's creation code and the types of its constructor."""

    name: str
    code: str
    types: tuple[str, ...]

    def creation(self, *arguments: object) -> str:
        """Data of the transaction that creates it."""
        return self.code + encode(self.types, arguments).hex()


def contract(name: str) -> Contract:
    """An own contract by its name, or a published one."""
    if name in PUBLISHED:
        artefact = json.loads((node_modules() / PUBLISHED[name]).read_text(encoding="utf-8"))
        code = artefact["bytecode"]
        return _contract(name, code if isinstance(code, str) else code["object"], artefact["abi"])
    found = _compiled()[name]
    return _contract(name, found["code"], found["abi"])


def _contract(name: str, code: str, abi: list[dict[str, Any]]) -> Contract:
    made = [entry for entry in abi if entry["type"] == "constructor"]
    types = tuple(str(i["type"]) for i in made[0]["inputs"]) if made else ()
    return Contract(name, "0x" + code.removeprefix("0x"), types)


@cache
def _compiled() -> dict[str, dict[str, Any]]:
    """Every contract under node/contracts, from the kept compilation if no source changed."""
    sources = {path.name: {"content": path.read_text(encoding="utf-8")} for path in sorted(SOURCES.glob("*.sol"))}
    version = json.loads((node_modules() / "solc" / "package.json").read_text(encoding="utf-8"))["version"]
    settings = {
        "optimizer": {"enabled": True, "runs": 200},
        "evmVersion": "paris",
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
        "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
    }
    text = json.dumps({"language": "Solidity", "sources": sources, "settings": settings}, sort_keys=True)
    name = hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()[:24]
    kept = Path(tempfile.gettempdir()) / f"dyepack-contracts-{os.getuid()}-{name}.json"
    if kept.is_file():
        found: dict[str, dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    compiled = _compile(text)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(compiled), encoding="utf-8")
    part.replace(kept)
    return compiled


def _compile(text: str) -> dict[str, dict[str, Any]]:
    run = subprocess.run(
        ["node", "-e", _COMPILE], input=text, capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "NODE_PATH": str(node_modules())},
    )  # fmt: skip
    answer = json.loads(run.stdout[run.stdout.index("{") :])
    wrong = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    assert not wrong, "\n".join(wrong)
    return {
        name: {"code": made["evm"]["bytecode"]["object"], "abi": made["abi"]}
        for file in answer["contracts"].values()
        for name, made in file.items()
        if made["evm"]["bytecode"]["object"]
    }


def call(signature: str, *arguments: object) -> str:
    """Data of a call: `call("transfer(address,uint256)", to, units)`."""
    return "0x" + (digest(signature.encode())[:4] + encode(types_of(signature), arguments)).hex()


def types_of(signature: str) -> tuple[str, ...]:
    """The argument types of a signature (no tuples)."""
    inner = signature[signature.index("(") + 1 : -1]
    return tuple(inner.split(",")) if inner else ()


def encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    """The standard encoding of arguments: heads in order, then what has no fixed length."""
    assert len(types) == len(values), (types, values)
    head, tail = b"", b""
    for kind, value in zip(types, values, strict=True):
        if _dynamic(kind):
            head += _word(32 * len(types) + len(tail))
            tail += _one(kind, value)
        else:
            head += _one(kind, value)
    return head + tail


def _dynamic(kind: str) -> bool:
    return kind in {"bytes", "string"} or kind.endswith("[]")


def _one(kind: str, value: object) -> bytes:
    if kind.endswith("[]"):
        assert isinstance(value, (list, tuple))
        return _word(len(value)) + encode([kind[:-2]] * len(value), value)
    if kind in {"bytes", "string"}:
        raw = value.encode() if isinstance(value, str) and kind == "string" else _bytes(value)
        return _word(len(raw)) + raw + bytes(-len(raw) % 32)
    if kind == "address":
        return bytes(12) + _bytes(value)
    if re.fullmatch(r"bytes\d+", kind):
        return _bytes(value).ljust(32, b"\0")
    assert isinstance(value, int), (kind, value)
    return _word(value)


def _word(number: int) -> bytes:
    return (number % 2**256).to_bytes(32, "big")


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))


def address_created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with `nonce`: the hash of both as a list."""
    raw = _bytes(sender)
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    coded = number if nonce and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    body = bytes([0x80 + 20]) + raw + coded
    return "0x" + digest(bytes([0xC0 + len(body)]) + body)[12:].hex()


def numbers(answer: str) -> list[int]:
    """The words of an answer as whole numbers."""
    raw = _bytes(answer)
    return [int.from_bytes(raw[n : n + 32], "big") for n in range(0, len(raw), 32)]
