"""Scripted chains on a real node for bench/live.py: money stolen in the first transaction, then passed on.

Who sends what is worked out beforehand, so that the transactions of a block go to the node in batches with explicit
nonces.
Invariant: whoever gets dyed coins has no others, so every payment of the script is dyed, and so is its fee.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.anvil import BLOCK_SECONDS, ETHER, GAS_PRICE, Anvil, anvil
from tests.contracts import address_created, call, contract

VICTIM, THIEF, MAKER = ("0x" + "0" * 24 + f"{n:016x}" for n in (0xA1, 0xA2, 0xA3))
PLAIN_GAS = 21_000
FEE = PLAIN_GAS * GAS_PRICE
TOKEN_GAS = 100_000
LOOT = 100_000 * ETHER
BATCH = 250

Payment = tuple[str, str, int]
"""Sender, receiver, units."""


@dataclass(slots=True)
class Script:
    """Blocks of payments, in coins or in a token that is made first.

    `noise`: payments of others in each block; `empty`: blocks without any after each.
    """

    name: str
    blocks: list[list[Payment]]
    token: bool = False
    noise: int = 0
    empty: int = 0


@dataclass(slots=True)
class Chain:
    """A chain as it stands: the node, the theft file, and how long it is."""

    node: Anvil
    theft: str
    last: int
    transactions: int


def address(*parts: object) -> str:
    """An address of its own for these words."""
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


def peel(hops: int, fan: int) -> list[list[Payment]]:
    """One purse that walks: at each hop `fan` payments, the last one carries the rest on."""
    blocks, purse, holds = [], THIEF, LOOT
    for hop in range(hops):
        part = ETHER // 1000 + hop
        block = [(purse, address("peeled", hop, n), part) for n in range(fan - 1)]
        holds -= (fan - 1) * part + fan * FEE
        after = address("purse", hop)
        blocks.append([*block, (purse, after, holds)])
        purse = after
    return blocks


def tree(levels: int, fan: int, fee: int = FEE) -> list[list[Payment]]:
    """Everyone passes what he got on to `fan` others, level by level, but for dust."""
    blocks: list[list[Payment]] = []
    level = [(THIEF, LOOT)]
    for depth in range(levels):
        block, after = [], []
        for sender, holds in level:
            part = (holds - fan * fee) // fan
            block += [(sender, address(depth, sender, n), part) for n in range(fan)]
            after += [(address(depth, sender, n), part) for n in range(fan)]
        blocks.append(block)
        level = after
    return blocks


def market(wallets: int, rounds: int) -> list[list[Payment]]:
    """The thief fills wallets, which then pay each other: in each round everyone pays a hundredth to another one."""
    people = [address("wallet", n) for n in range(wallets)]
    part = LOOT // wallets - FEE
    blocks = [[(THIEF, one, part) for one in people]]
    for number in range(rounds):
        step = 1 + (number * 37) % (wallets - 1)
        blocks.append([(people[n], people[(n + step) % wallets], part // 100 + number) for n in range(wallets)])
    return blocks


@contextmanager
def built(script: Script) -> Iterator[Chain]:
    """The script on a fresh node."""
    others = [address("other", n) for n in range(max(script.noise, 1))]
    everyone = {party for block in script.blocks for pay in block for party in pay[:2]}
    alloc = {VICTIM: 2 * LOOT, MAKER: 3 * LOOT, **dict.fromkeys(others, 1000 * ETHER)}
    if script.token:
        alloc |= dict.fromkeys(everyone, ETHER)
    with anvil(alloc, 1, ("--max-persisted-states", "100000")) as node:
        token = _token(node) if script.token else ""
        count = _mine(node, [(VICTIM, THIEF, LOOT)], token)
        stolen = node.rpc("eth_getBlockByNumber", "latest", False)["transactions"][0]
        for number, block in enumerate(script.blocks):
            noise = [(one, address("met", number), 10**9 + n) for n, one in enumerate(others[: script.noise])]
            count += _mine(node, block, token, noise)
            if script.empty:
                node.rpc("anvil_mine", hex(script.empty), hex(BLOCK_SECONDS))
                node.time += script.empty * BLOCK_SECONDS
        lines = [
            'id = "bench"', 'title = "A scripted theft"', 'chain = "evm-31337"', f'victim = ["{VICTIM}"]',
            "[[leg]]", 'name = "loot"', f'asset = "{token or "native"}"', "[[leg.move]]", f'tx = "{stolen}"',
        ]  # fmt: skip
        yield Chain(node, "\n".join(lines) + "\n", node.number(), count)


def _token(node: Anvil) -> str:
    """A token that the victim holds: wrapped coins."""
    made = address_created(MAKER, 0)
    node.deploy(MAKER, contract("WETH9"))
    node.mine()
    node.send(VICTIM, made, LOOT, call("deposit()"))
    node.mine()
    return made


def _mine(node: Anvil, payments: list[Payment], token: str, noise: Sequence[Payment] = ()) -> int:
    """One block with these payments, those of one sender in their order; how many."""
    requests = []
    for sender, receiver, units in payments:
        if token:
            data = call("transfer(address,uint256)", receiver, units)
            requests.append(_request(node, sender, token, 0, TOKEN_GAS, data))
        else:
            requests.append(_request(node, sender, receiver, units, PLAIN_GAS))
    requests += [_request(node, sender, receiver, units, PLAIN_GAS) for sender, receiver, units in noise]
    for at in range(0, len(requests), BATCH):
        node.batch([("eth_sendTransaction", (request,)) for request in requests[at : at + BATCH]])
    node.mine(BLOCK_SECONDS)
    held = int(node.rpc("eth_getBlockTransactionCountByNumber", "latest"), 16)
    if held != len(requests):
        raise RuntimeError(f"the block holds {held} of {len(requests)} transactions")
    return held


def _request(node: Anvil, sender: str, to: str, units: int, gas: int, data: str = "0x") -> dict[str, str]:
    return {
        "from": sender, "to": to, "value": hex(units), "data": data, "gas": hex(gas), "gasPrice": hex(GAS_PRICE),
        "nonce": hex(node.nonce(sender)),
    }  # fmt: skip
