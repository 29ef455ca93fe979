"""A small chain with every way that coins and tokens move, and fetchers that spoil a node's answers on the way.

Invariant: what a spoiled node answers is the real node's answer but for the one fault that its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.evm.source import EvmSource
from dyepack.sources.live.fetch import Call, Fault, Fetcher
from tests.anvil import ETHER, Anvil
from tests.contracts import call, contract

Reply = msgspec.Raw | Fault
PEOPLE = 12


@dataclass(slots=True)
class World:
    """The chain, who lives on it, its contracts by name, and ids of transactions worth naming."""

    node: Anvil
    people: list[str]
    contracts: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    last: int = 0


def build(node: Anvil) -> World:
    """Let everything happen once or more."""
    world = World(node, node.accounts[:PEOPLE])
    first = world.people[0]
    for name, arguments in (
        ("Token", ("TOK", 6)),
        ("UsdtLike", ("USDT", 6)),
        ("WETH9", ()),
        ("Vault", ()),
        ("Disperse", ()),
        ("Grumpy", ()),
        ("Nft", ()),
        ("PhonyToken", ("FAKE", 18)),
        ("Bytes32Symbol", ()),
        ("Decimals255", ()),
        ("Silent", ()),
    ):
        world.contracts[name] = node.deploy(first, contract(name), *arguments)
        node.mine()
    _coins(world)
    _tokens(world)
    world.last = node.number()
    return world


def _coins(world: World) -> None:
    node, people = world.node, world.people
    for person in people[1:8]:
        node.send(people[0], person, 10 * ETHER)
    node.mine()
    for empty in range(5):
        node.mine(12 + empty)
    node.send(people[1], people[2], 3 * ETHER)
    node.send(people[2], people[1], 1)
    node.send(people[3], people[3], 5)
    node.mine()
    node.send(
        people[1],
        world.contracts["Disperse"],
        7,
        data=call("disperseEther(address[],uint256[])", people[8:11], [1, 2, 3]),
    )
    node.send(people[4], world.contracts["Grumpy"], 9)
    world.named["failed"] = node.send(people[4], world.contracts["Grumpy"], 9)
    node.mine()
    grumpy = world.contracts["Grumpy"]
    world.named["tries"] = node.send(
        people[5], grumpy, 4, data=call("tries(address[])", [people[11], grumpy, people[11]])
    )
    node.mine()
    world.named["created"] = node.send(people[5], None, 11, data="0x33ff")
    node.mine()


def _tokens(world: World) -> None:
    node, people, made = world.node, world.people, world.contracts
    for name in ("Token", "Bytes32Symbol", "Decimals255", "Silent"):
        node.send(people[0], made[name], data=call("mint(address,uint256)", people[1], 1_000_000))
    node.send(people[0], made["UsdtLike"], data=call("issue(uint256)", 5_000_000))
    node.mine()
    for person in people[2:6]:
        node.send(people[1], made["Token"], data=call("transfer(address,uint256)", person, 50_000))
        node.send(people[0], made["UsdtLike"], data=call("transfer(address,uint256)", person, 70_000))
    node.mine()
    world.named["forged"] = node.send(
        people[6], made["Token"], data=call("transferFrom(address,address,uint256)", people[2], people[6], 0)
    )
    node.send(people[2], made["Token"], data=call("transfer(address,uint256)", people[2], 7))
    node.mine()
    node.send(people[0], made["UsdtLike"], data=call("addBlackList(address)", people[3]))
    world.named["destroyed"] = node.send(
        people[0], made["UsdtLike"], data=call("destroyBlackFunds(address)", people[3])
    )
    node.mine()
    for name in ("WETH9", "Vault"):
        node.send(people[2], made[name], 2 * ETHER, data=call("deposit()"))
        node.mine()
        node.send(people[2], made[name], data=call("withdraw(uint256)", ETHER))
        node.mine()
    node.send(people[2], made["WETH9"], data=call("transfer(address,uint256)", people[7], ETHER // 2))
    world.named["nft"] = node.send(people[0], made["Nft"], data=call("mint(address,uint256)", people[1], 77))
    world.named["phony"] = node.send(
        people[6], made["PhonyToken"], data=call("say(address[],address[],uint256)", [people[1]], [people[6]], 10**9)
    )
    node.mine()
    node.mine()


Spoil = Callable[[Call, Reply], Reply]


class Spoiled(Fetcher):
    """A fetcher whose answers to calls pass through functions; `count` says how many calls were asked."""

    spoils: tuple[Spoil, ...] = ()
    count = 0

    async def rpc(self, calls: Sequence[Call], *, fresh: bool = False) -> list[Reply]:
        self.count += len(calls)
        replies = await super().rpc(calls, fresh=fresh)
        for spoil in self.spoils:
            replies = [spoil(one, reply) for one, reply in zip(calls, replies, strict=True)]
        return replies


def spoiled(node: Anvil, *spoils: Spoil) -> Spoiled:
    """A fetcher for the node with faults."""
    fetcher = Spoiled(Endpoint.parse(f"evm+{node.url}", allow=("127.0.0.1",)))
    fetcher.spoils = spoils
    return fetcher


def lacks(*methods: str) -> Spoil:
    """The node does not have these methods."""

    def spoil(asked: Call, reply: Reply) -> Reply:
        return Fault(-32601, "the method does not exist/is not available") if asked.method in methods else reply

    return spoil


def forgets() -> Spoil:
    """The node keeps no state of past blocks."""

    def spoil(asked: Call, reply: Reply) -> Reply:
        state = {"eth_getBalance", "eth_call", "eth_getTransactionCount", "eth_getCode"}
        return Fault(-32000, "missing trie node") if asked.method in state else reply

    return spoil


def rewrites(method: str, change: Callable[[Call, Any], Any]) -> Spoil:
    """The node answers a method with something else."""

    def spoil(asked: Call, reply: Reply) -> Reply:
        if asked.method != method or isinstance(reply, Fault):
            return reply
        changed = change(asked, msgspec.json.decode(reply))
        return changed if isinstance(changed, Fault) else msgspec.Raw(msgspec.json.encode(changed))

    return spoil


async def opened(fetcher: Fetcher) -> EvmSource:
    """A source that is open."""
    source = EvmSource(fetcher)
    await source.open()
    return source
