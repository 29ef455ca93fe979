"""What the scripted incident is made of: people, contracts, pools, and a scribe who writes down what was done.

Invariant: `Scribe.blocks` holds, for every block of the chain and every transaction in it, the events that the script
meant it to have, and its fee; a transaction that fares otherwise than the script meant is an assertion at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.anvil import GAS, GAS_PRICE, Anvil
from tests.bookkeeper import NATIVE, Event, Fee, Move, Swap
from tests.contracts import call, contract, digest, numbers

PLAIN_GAS = 21_000
PLAIN_FEE = PLAIN_GAS * GAS_PRICE
FOREVER = 2**256 - 1
DEADLINE = 4_000_000_000
NOBODY = "0x" + "00" * 20
DEAD = "0x" + "00" * 18 + "dead"

PEOPLE = (
    *("bank", "deployer", "ops", "anna", "boris", "clara", "thief", "splitter", "feeholder", "wrapper", "usdtholder"),
    *("noise1", "noise2", "poisoner", "provider", "deposit1", "hot1", "deposit2", "hot2", "frozen", "collector"),
    *("pool", "mixed"),
)
PEELERS, FANS = 31, 100


def address_of(name: str) -> str:
    """An address that only receives."""
    return "0x" + digest(b"dyepack incident " + name.encode())[12:].hex()


@dataclass(slots=True)
class Done:
    """A transaction that stands in a block."""

    txid: str
    sender: str
    events: list[Event]
    failed: bool = False


@dataclass(slots=True)
class Scribe:
    """Sends what the script says, mines, and keeps what it meant, block by block (block 0 is the genesis)."""

    node: Anvil
    blocks: list[list[Done]] = field(default_factory=lambda: [[]])
    waiting: list[Done] = field(default_factory=list)

    def act(
        self, sender: str, to: str, data: str, *events: Event, value: int = 0, gas: int = GAS, fails: bool = False
    ) -> None:
        """A call of a contract, and what it is meant to move."""
        txid = self.node.send(sender, to, value, data, gas=gas)
        self.waiting.append(Done(txid, sender, list(events), fails))

    def pay(self, sender: str, to: str, units: int, gas: int = PLAIN_GAS) -> None:
        """A plain payment."""
        self.act(sender, to, "0x", Move(sender, to, NATIVE, units), value=units, gas=gas)

    def sweep(self, sender: str, to: str) -> None:
        """A payment of everything but its own fee."""
        self.pay(sender, to, self.node.balance(sender) - PLAIN_FEE)

    def create(self, sender: str, name: str, *arguments: object) -> str:
        """A new contract; its address."""
        address = self.node.deploy(sender, contract(name), *arguments)
        self.waiting.append(Done("", sender, []))
        return address

    def mine(self, seconds: int = 12) -> int:
        """Close the block: everything waiting is in it, in order, and went as meant."""
        number = self.node.mine(seconds)
        self.write_down(number, self.waiting)
        self.waiting = []
        return number

    def write_down(self, number: int, meant: Sequence[Done]) -> None:
        """Keep a block's transactions with their fees."""
        receipts = self.node.rpc("eth_getBlockReceipts", hex(number))
        assert len(receipts) == len(meant), (number, len(receipts), len(meant))
        assert number == len(self.blocks)
        for receipt, done in zip(receipts, meant, strict=True):
            assert done.txid in {"", receipt["transactionHash"]}
            assert receipt["status"] == ("0x0" if done.failed else "0x1"), (number, done)
            done.txid = receipt["transactionHash"]
            fee = Fee(done.sender, int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16))
            done.events = [fee] if done.failed else [*done.events, fee]
        self.blocks.append(list(meant))

    def hash_of(self, number: int) -> str:
        """A block's hash."""
        return str(self.node.rpc("eth_getBlockByNumber", hex(number), False)["hash"])


@dataclass(slots=True)
class Pair:
    """A Uniswap v2 pool of a token and the wrapped coin, and what it holds."""

    address: str
    token: str
    held: int = 0
    wrapped: int = 0

    def out(self, units: int, *, of_token: bool) -> int:
        """What the pool pays for `units` (0.3 % stay in it), booked at once."""
        here, there = (self.held, self.wrapped) if of_token else (self.wrapped, self.held)
        got = units * 997 * there // (here * 1000 + units * 997)
        sign = 1 if of_token else -1
        self.held += units if of_token else -got
        self.wrapped += sign * -got if of_token else units
        return got


class World(Scribe):
    """The people, the contracts, and the acts that need several moves."""

    def __init__(self, node: Anvil) -> None:
        super().__init__(node)
        count = len(PEOPLE)
        self.who = dict(zip(PEOPLE, node.accounts, strict=False))
        self.peelers = node.accounts[count : count + PEELERS]
        self.fans = node.accounts[count + PEELERS : count + PEELERS + FANS]
        assert len(self.fans) == FANS
        self.contracts: dict[str, str] = {}
        self.pairs: dict[str, Pair] = {}

    def __getitem__(self, name: str) -> str:
        return self.who.get(name) or self.contracts[name]

    def found(self) -> None:
        """Create every contract."""
        by, made = self["deployer"], self.contracts
        made["weth"] = self.create(by, "WETH9")
        made["factory"] = self.create(by, "UniswapV2Factory", by)
        made["router"] = self.create(by, "UniswapV2Router02", made["factory"], made["weth"])
        made["usdt"] = self.create(by, "UsdtLike", "USDT", 6)
        made["fee"] = self.create(by, "FeeToken", "FEE", 18, self["collector"])
        made["dai"] = self.create(by, "Token", "DAI", 18)
        made["vault"] = self.create(by, "Vault")
        made["aggregator"] = self.create(by, "Aggregator", made["weth"])
        made["pool1"] = self.create(by, "Pool", made["weth"], made["dai"])
        made["pool2"] = self.create(by, "Pool", made["weth"], made["dai"])
        made["disperse"] = self.create(by, "Disperse")
        made["hot"] = self.create(by, "HotWallet")
        made["stash"] = self.create(by, "HotWallet")
        made["phony"] = self.create(by, "PhonyToken", "USDT", 6)
        made["nft"] = self.create(by, "Nft")
        made["grumpy"] = self.create(by, "Grumpy")
        self.mine()

    def mint(self, token: str, to: str, units: int) -> None:
        """New units of a token that anyone may mint."""
        self.act(
            self["deployer"], self[token], call("mint(address,uint256)", to, units), Move("", to, self[token], units)
        )

    def approve(self, owner: str, token: str, spender: str) -> None:
        """Let a contract take what it likes."""
        self.act(owner, self[token], call("approve(address,uint256)", self[spender], FOREVER))

    def transfer(self, sender: str, token: str, to: str, units: int, gas: int = 200_000) -> None:
        """A transfer by the holder."""
        moves = self.moves(sender, token, to, units)
        self.act(sender, self[token], call("transfer(address,uint256)", to, units), *moves, gas=gas)

    def moves(self, sender: str, token: str, to: str, units: int, leg: int = 0) -> list[Move]:
        """What a transfer moves: of the token that takes a fee, two moves."""
        if token != "fee":
            return [Move(sender, to, self[token], units, leg)]
        fee = units // 50
        asset = self[token]
        return [Move(sender, to, asset, units - fee, leg), Move(sender, self["collector"], asset, fee, leg)]

    def liquidity(self, token: str, units: int, ether: int) -> None:
        """Open a v2 pool and be its only provider."""
        by, weth, router = self["provider"], self["weth"], self["router"]
        self.act(self["deployer"], self["factory"], call("createPair(address,address)", self[token], weth))
        self.approve(by, token, "router")
        self.mine()
        answer = self.node.call(self["factory"], call("getPair(address,address)", self[token], weth))
        pair = Pair("0x" + answer[-40:], token)
        moves = self.moves(by, token, pair.address, units)
        pair.held, pair.wrapped = moves[0].units, ether
        shares = _root(pair.held * pair.wrapped)
        self.pairs[token] = pair
        data = call(
            "addLiquidityETH(address,uint256,uint256,uint256,address,uint256)", self[token], units, 0, 0, by, DEADLINE
        )
        self.act(
            by, router, data,
            *moves, Move(by, router, NATIVE, ether), Move(router, weth, NATIVE, ether), Move("", router, weth, ether),
            Move(router, pair.address, weth, ether), Move("", NOBODY, pair.address, 1000),
            Move("", by, pair.address, shares - 1000), value=ether, gas=5_000_000,
        )  # fmt: skip
        self.mine()

    def sell(self, who: str, token: str, units: int) -> int:
        """A token for the native coin over the v2 router; what it brought."""
        pair, router, weth = self.pairs[token], self["router"], self["weth"]
        paid, *fee = self.moves(who, token, pair.address, units)
        got = pair.out(paid.units, of_token=True)
        name = "swapExactTokensForETHSupportingFeeOnTransferTokens" if fee else "swapExactTokensForETH"
        data = call(f"{name}(uint256,uint256,address[],address,uint256)", units, 0, [self[token], weth], who, DEADLINE)
        legs = (
            paid, Move(pair.address, router, weth, got), Move(router, "", weth, got),
            Move(weth, router, NATIVE, got), Move(router, who, NATIVE, got),
        )  # fmt: skip
        self.act(who, router, data, Swap(who, self[token], paid.units, NATIVE, got, legs), *fee)
        return got

    def buy(self, who: str, token: str, ether: int) -> int:
        """A token for native coin over the v2 router; what the pool gave for it, with the fee that the token takes."""
        pair, router, weth = self.pairs[token], self["router"], self["weth"]
        got = pair.out(ether, of_token=False)
        paid = self.moves(pair.address, token, who, got)
        name = "swapExactETHForTokens" + "SupportingFeeOnTransferTokens" * (len(paid) > 1)
        data = call(f"{name}(uint256,address[],address,uint256)", 0, [weth, self[token]], who, DEADLINE)
        legs = (
            Move(who, router, NATIVE, ether), Move(router, weth, NATIVE, ether), Move("", router, weth, ether),
            Move(router, pair.address, weth, ether), *paid,
        )  # fmt: skip
        receivers = tuple(move.receiver for move in paid)
        self.act(who, router, data, Swap(who, NATIVE, ether, self[token], got, legs, receivers), value=ether)
        return got

    def wrap(self, who: str, wrapper: str, units: int) -> None:
        """Native coin into its token: an event Deposit, no Transfer."""
        token = self[wrapper]
        legs = Move(who, token, NATIVE, units), Move("", who, token, units)
        self.act(who, token, call("deposit()"), Swap(who, NATIVE, units, token, units, legs), value=units)

    def unwrap(self, who: str, wrapper: str, units: int) -> None:
        """And back: an event Withdrawal."""
        token = self[wrapper]
        legs = Move(who, "", token, units), Move(token, who, NATIVE, units)
        self.act(who, token, call("withdraw(uint256)", units), Swap(who, token, units, NATIVE, units, legs))

    def single(self, who: str, pool: str, units: int, got: int) -> None:
        """Wrapped coin for DAI at a pool that pays first and is paid in a callback."""
        weth, dai = self["weth"], self["dai"]
        legs = Move(self[pool], who, dai, got), Move(who, self[pool], weth, units)
        data = call("single(address,bool,uint256,uint256)", self[pool], True, units, got)
        self.act(who, self["aggregator"], data, Swap(who, weth, units, dai, got, legs))

    def split(self, who: str, sent: int, first: tuple[int, int], second: tuple[int, int]) -> None:
        """Native coin for DAI over two pools by the aggregator, which pays back what it does not use."""
        weth, dai, agg, used = self["weth"], self["dai"], self["aggregator"], first[0] + second[0]
        pools = self["pool1"], self["pool2"]
        wrapped = Move(agg, weth, NATIVE, used), Move("", agg, weth, used)
        swaps = [
            Swap(agg, weth, paid, dai, got, (Move(pool, who, dai, got), Move(agg, pool, weth, paid)), to=(who,))
            for pool, (paid, got) in zip(pools, (first, second), strict=True)
        ]
        data = call("split(address,uint256,uint256,address,uint256,uint256)", pools[0], *first, pools[1], *second)
        self.act(
            who, agg, data, Move(who, agg, NATIVE, sent), Swap(agg, NATIVE, used, weth, used, wrapped), *swaps,
            Move(agg, who, NATIVE, sent - used), value=sent,
        )  # fmt: skip

    def disperse(self, who: str, to: Sequence[str], ether: Sequence[int], usdt: Sequence[int]) -> None:
        """Native coin and USDT to many in one call."""
        hub, token = self["disperse"], self["usdt"]
        moves = [Move(who, hub, NATIVE, sum(ether)), Move(who, hub, token, sum(usdt))]
        for receiver, coins, units in zip(to, ether, usdt, strict=True):
            moves += [Move(hub, receiver, NATIVE, coins), Move(hub, receiver, token, units)]
        data = call("disperseBoth(address,address[],uint256[],uint256[])", token, list(to), list(ether), list(usdt))
        self.act(who, hub, data, *moves, value=sum(ether), gas=15_000_000)

    def units_of(self, token: str, owner: str) -> int:
        """What the chain says that someone holds of a token."""
        return numbers(self.node.call(token, call("balanceOf(address)", owner)))[0]


def _root(number: int) -> int:
    """The whole part of a square root."""
    guess = 1 << (number.bit_length() + 1) // 2
    while (better := (guess + number // guess) // 2) < guess:
        guess = better
    return guess
