"""A scripted theft on a real EVM node, with its truth: what the script did, booked by tests/bookkeeper.py.

An exchange's hot wallet loses native coin and two tokens to a thief's contract. The loot is swapped, wrapped, peeled
off hop by hop, fanned out, brought together, paid in at two exchanges, frozen; there are noise, poison, a failure, a
reorg.
Invariant: the same bytes each time; the truth comes from what the script meant, and no log or trace is read for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.anvil import ETHER, FIRST, GAS_PRICE, Anvil
from tests.bookkeeper import NATIVE, Books, Destroy, Event, Key, Move, literal
from tests.contracts import call
from tests.incident_world import DEAD, FANS, PEELERS, PEOPLE, PLAIN_FEE, PLAIN_GAS, Done, World, address_of

ACCOUNTS = len(PEOPLE) + PEELERS + FANS
GENESIS = {FIRST: 1_000_000 * ETHER}
CENT = 10**4
USD = 10**6
REORG_AT = 12
"""The hop of the peel chain at which the chain is reorganised."""

LEGS = {1: ("ETH", NATIVE), 2: ("USDT", "usdt"), 3: ("FEE", "fee")}
TAGS = {
    "deposit1": ("Exchange One", "exchange_deposit"),
    "hot1": ("Exchange One", "exchange"),
    "deposit2": ("Exchange Two", "exchange_deposit"),
    "hot2": ("Exchange Two", "exchange"),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened: places and assets by name, every transaction by block, and the branch that was orphaned."""

    who: dict[str, str]
    fans: list[str]
    peelers: list[str]
    blocks: list[list[Done]]
    drains: tuple[str, str]
    orphaned_blocks: list[str]
    orphaned_txids: list[str]

    @property
    def last(self) -> int:
        """The newest block."""
        return len(self.blocks) - 1

    def events(self, last: int | None = None) -> list[Event]:
        """Everything that happened up to a block, in order, from the genesis on."""
        blocks = self.blocks if last is None else self.blocks[: last + 1]
        return [*_issued(), *(event for block in blocks for done in block for event in done.events)]

    def moves(self) -> list[tuple[str, Move]]:
        """Every move as the chain must show it, with its transaction; USDT is issued without a transfer."""
        return [
            (done.txid, move)
            for block in self.blocks
            for done in block
            for event in done.events
            for move in literal(event)
            if not (move.asset == self.who["usdt"] and not move.giver)
        ]

    def books(self, rule: str, last: int | None = None) -> Books:
        """Everything up to a block booked under one rule, proven."""
        stops = {self.who[name]: "service" for name in TAGS} | {self.who["hot"]: "returned", DEAD: "burnt"}
        books = Books(rule, stops)
        books.keep(self.events(last))
        books.prove()
        return books

    def truth(self, rule: str, last: int | None = None) -> dict[Key, dict[int, int]]:
        """(place, asset, why) to units by leg: where every stolen unit was under one rule at the end of a block."""
        return self.books(rule, last).ends()

    def write(self, folder: Path, chain: str = "evm-31337") -> tuple[Path, Path]:
        """The theft file and the tags of the incident."""
        theft, tags = folder / "theft.toml", folder / "tags.csv"
        lines = [
            'id = "hot-wallet"', 'title = "A hot wallet is emptied"', f'chain = "{chain}"',
            f'victim = ["{self.who["hot"]}"]', 'source = "tests/incident.py"',
        ]  # fmt: skip
        for leg, (name, asset) in LEGS.items():
            key = asset if asset == NATIVE else self.who[asset]
            lines += ["", "[[leg]]", f'name = "{name}"', f'asset = "{key}"']
            for txid in self.drains if leg == 1 else self.drains[:1]:
                lines += ["[[leg.move]]", f'tx = "{txid}"', f'from = "{self.who["hot"]}"']
        theft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows = [f"{self.who[name]},{entity},{kind},100,E1,script" for name, (entity, kind) in TAGS.items()]
        rows.append(f"{DEAD},Nobody,burn,100,E1,script")
        tags.write_text("\n".join(["address,entity,kind,confidence,evidence,source", *rows]) + "\n", encoding="utf-8")
        return theft, tags


def _issued() -> list[Event]:
    return [Move("", address, NATIVE, units) for address, units in GENESIS.items()]


def play(node: Anvil, before_reorg: Callable[[Incident], None] = lambda _: None) -> Incident:
    """Run the script on a fresh chain (`anvil(GENESIS, ACCOUNTS)`).

    `before_reorg` is called with what happened so far, while the branch that falls still stands.
    """
    world = World(node)
    story = _Story(world)
    story.beginnings()
    story.everyday()
    drains = story.theft()
    story.native_swaps()
    story.token_swaps()
    story.fan_out()
    story.poison()

    def so_far(orphaned: tuple[list[str], list[str]] = ([], [])) -> Incident:
        who = world.who | world.contracts
        return Incident(who, world.fans, world.peelers, list(world.blocks), drains, *orphaned)

    orphaned = story.peel(lambda: before_reorg(so_far()))
    story.afterwards()
    return so_far(orphaned)


class _Story:
    """The chapters of the script, in order."""

    def __init__(self, world: World) -> None:
        self.world = world

    def beginnings(self) -> None:
        """Everybody gets clean coins, contracts are made, pools are opened."""
        w = self.world
        bank = w["bank"]
        for name, coins in {
            "deployer": 50, "ops": 5, "anna": 3_000, "boris": 2_000, "clara": 1_500, "thief": 3, "feeholder": 2,
            "wrapper": 1, "mixed": 3, "usdtholder": 2, "noise1": 300, "noise2": 200, "poisoner": 5, "provider": 9_000,
            "hot1": 40, "hot2": 40,
        }.items():  # fmt: skip
            w.pay(bank, w[name], coins * ETHER + len(name))
        w.mine()
        w.found()
        deployer, usdt = w["deployer"], w["usdt"]
        w.act(deployer, usdt, call("issue(uint256)", 60_000_000 * USD), Move("", deployer, usdt, 60_000_000 * USD))
        w.mint("fee", w["provider"], 4_000_000 * ETHER)
        w.mint("fee", w["anna"], 900_000 * ETHER)
        w.mint("dai", w["pool1"], 5_000_000 * ETHER)
        w.mint("dai", w["pool2"], 5_000_000 * ETHER)
        w.mine()
        for name, units in {
            "anna": 3_000_000, "boris": 2_000_000, "provider": 8_000_000, "usdtholder": 100_000, "thief": 1_000,
            "noise1": 50_000,
        }.items():  # fmt: skip
            w.transfer(deployer, "usdt", w[name], units * USD + 7)
        w.transfer(w["anna"], "fee", w["feeholder"], 50_000 * ETHER + 1)
        w.act(w["ops"], w["hot"], call("setOperator(address)", w["ops"]))
        w.mine()
        w.liquidity("usdt", 6_000_000 * USD, 3_000 * ETHER)
        w.liquidity("fee", 2_000_000 * ETHER, 1_000 * ETHER)

    def everyday(self) -> None:
        """The hot wallet's clean turnover, and people who have nothing to do with anything."""
        w = self.world
        hot, usdt = w["hot"], w["usdt"]
        w.pay(w["anna"], hot, 2_000 * ETHER + 11, gas=40_000)
        w.pay(w["boris"], hot, 1_500 * ETHER + 13, gas=40_000)
        w.transfer(w["anna"], "usdt", hot, 2_500_000 * USD)
        w.transfer(w["boris"], "usdt", hot, 1_000_000 * USD + 3)
        w.transfer(w["anna"], "fee", hot, 700_000 * ETHER + 17)
        w.mine()
        for name, coins in {"clara": 40, "noise1": 17, "noise2": 23}.items():
            data = call("pay(address,uint256)", w[name], coins * ETHER + 5)
            w.act(w["ops"], hot, data, Move(hot, w[name], NATIVE, coins * ETHER + 5))
        data = call("payToken(address,address,uint256)", usdt, w["clara"], 60_000 * USD)
        w.act(w["ops"], hot, data, Move(hot, w["clara"], usdt, 60_000 * USD))
        w.pay(w["clara"], hot, 600 * ETHER + 1, gas=40_000)
        w.mine()
        w.buy(w["noise1"], "usdt", 20 * ETHER + 9)
        w.wrap(w["noise2"], "weth", 30 * ETHER)
        w.approve(w["noise1"], "usdt", "router")
        w.sell(w["noise1"], "usdt", 5_000 * USD + 1)
        w.unwrap(w["noise2"], "weth", 12 * ETHER + 1)
        w.pay(w["noise2"], w["deposit1"], 8 * ETHER + 8)
        w.mine()

    def theft(self) -> tuple[str, str]:
        """The thief's contract empties the hot wallet, in two transactions."""
        w = self.world
        thief, hot, usdt, fee = w["thief"], w["hot"], w["usdt"], w["fee"]
        contract = w.contracts["robber"] = w.create(thief, "Thief")
        w.mine(3_600)
        signature = "drain(address,address,uint256,address[],uint256[])"
        first, stolen_usdt, stolen_fee = 2_500 * ETHER + 123_456_789, 2_000_000 * USD + 21, 500_000 * ETHER + 333
        data = call(signature, hot, thief, first, [usdt, fee], [stolen_usdt, stolen_fee])
        w.act(
            thief, contract, data,
            *w.moves(hot, "usdt", thief, stolen_usdt, 2), *w.moves(hot, "fee", thief, stolen_fee, 3),
            Move(hot, contract, NATIVE, first, 1), Move(contract, thief, NATIVE, first),
        )  # fmt: skip
        w.mine()
        second, splitter = 500 * ETHER + 987_654_321, w["splitter"]
        w.act(
            thief, contract, call(signature, hot, splitter, second, [], []),
            Move(hot, contract, NATIVE, second, 1), Move(contract, splitter, NATIVE, second),
        )  # fmt: skip
        w.act(thief, usdt, call("transfer(address,uint256)", splitter, 9_000_000 * USD), fails=True)
        w.mine()
        return w.blocks[-2][0].txid, w.blocks[-1][0].txid

    def native_swaps(self) -> None:
        """Native coin into DAI: by the aggregator with a refund, and wrapped through one pool; wrapping and back."""
        w = self.world
        thief, splitter, wrapper = w["thief"], w["splitter"], w["wrapper"]
        w.pay(thief, wrapper, 400 * ETHER + 41)
        w.pay(thief, w["mixed"], 50 * ETHER + 19)
        w.split(splitter, 101 * ETHER, (60 * ETHER + 1, 120_000 * ETHER + 7), (40 * ETHER, 79_600 * ETHER + 3))
        w.mine()
        w.wrap(wrapper, "weth", 300 * ETHER + 77)
        w.approve(wrapper, "weth", "aggregator")
        w.mine()
        w.split(w["mixed"], 31 * ETHER, (20 * ETHER + 5, 39_000 * ETHER + 7), (10 * ETHER + 3, 20_900 * ETHER))
        w.pay(w["anna"], w["mixed"], 2 * ETHER)
        w.single(wrapper, "pool1", 200 * ETHER + 13, 399_000 * ETHER + 101)
        w.unwrap(wrapper, "weth", 50 * ETHER + 9)
        w.wrap(wrapper, "vault", 20 * ETHER + 3)
        w.unwrap(wrapper, "vault", 5 * ETHER + 1)
        w.transfer(splitter, "dai", w["hot2"], 100_000 * ETHER + 5)
        w.mine()
        w.buy(w["mixed"], "fee", 19 * ETHER + 1)
        w.transfer(w["mixed"], "dai", w["hot2"], 30_000 * ETHER)
        w.transfer(wrapper, "dai", w["deposit2"], 300_000 * ETHER + 19)
        w.pay(wrapper, w["deposit1"], 33 * ETHER + 3)
        w.pay(w["noise1"], w["deposit1"], 3 * ETHER)
        w.mine()

    def token_swaps(self) -> None:
        """USDT and the token that takes a fee into native coin over the v2 router; the issuer freezes one holder."""
        w = self.world
        thief, holder, feeholder = w["thief"], w["usdtholder"], w["feeholder"]
        w.transfer(thief, "usdt", holder, 900_000 * USD + 1)
        w.transfer(thief, "usdt", w["frozen"], 300_000 * USD + 5)
        w.transfer(thief, "fee", feeholder, 300_000 * ETHER + 99)
        w.transfer(thief, "usdt", w["stash"], 40_000 * USD + 9)
        w.approve(holder, "usdt", "router")
        w.approve(feeholder, "fee", "router")
        w.mine()
        w.sell(holder, "usdt", 500_000 * USD + 123_456)
        w.buy(w["noise2"], "usdt", 11 * ETHER)
        w.sell(feeholder, "fee", 200_000 * ETHER + 777)
        w.mine()
        w.pay(holder, w["hot2"], 60 * ETHER + 6)
        w.pay(feeholder, w["deposit1"], 20 * ETHER + 2)
        w.act(w["deployer"], w["usdt"], call("addBlackList(address)", w["frozen"]))
        w.mine()
        data = call("destroyBlackFunds(address)", w["frozen"])
        w.act(w["deployer"], w["usdt"], data, Destroy(w["frozen"], w["usdt"], 300_000 * USD + 5))
        w.mine()

    def fan_out(self) -> None:
        """To a hundred addresses in one call; a fifth of them are brought together again, some pay in."""
        w = self.world
        holder, usdt, pool = w["usdtholder"], w["usdt"], w["pool"]
        w.approve(holder, "usdt", "disperse")
        w.mine()
        coins = [5 * 10**16 + 1_000_003 * n for n in range(FANS)]
        units = [3_000 * USD + 17 * CENT * n + n for n in range(FANS)]
        w.disperse(holder, w.fans, coins, units)
        w.mine()
        for n, fan in enumerate(w.fans[:20]):
            w.transfer(fan, "usdt", pool, units[n], gas=100_000)
        for fan in w.fans[20:25]:
            w.transfer(fan, "usdt", w["deposit2"], 1_000 * USD + 1, gas=100_000)
            w.pay(fan, w["deposit1"], 10**16 + 1)
        w.mine()
        for fan in w.fans[:20]:
            w.sweep(fan, pool)
        w.mine()
        w.transfer(pool, "usdt", w["deposit2"], w.units_of(usdt, pool) - 7 * USD, gas=100_000)
        w.transfer(w["anna"], "usdt", w["deposit2"], 77 * USD)
        w.mine()

    def poison(self) -> None:
        """Look-alikes: transfers of nothing in the thief's name, a phony token, dust; and a stash that is emptied."""
        w = self.world
        thief, poisoner, deposit = w["thief"], w["poisoner"], w["deposit1"]
        fake = w.who["look-alike"] = deposit[:6] + address_of("look-alike")[6:-4] + deposit[-4:]
        w.pay(thief, deposit, 7 * ETHER + 7)
        w.pay(poisoner, fake, ETHER)
        w.mine()
        w.act(poisoner, w["usdt"], call("transferFrom(address,address,uint256)", thief, fake, 0))
        data = call("say(address[],address[],uint256)", [thief, w["usdtholder"]], [fake, fake], 900_000 * USD + 1)
        w.act(poisoner, w["phony"], data)
        w.act(w["deployer"], w["nft"], call("mint(address,uint256)", thief, 42))
        w.mine()
        w.act(fake, thief, "0x", Move(fake, thief, NATIVE, 10**9), value=10**9, gas=PLAIN_GAS)
        w.act(thief, w["nft"], call("transferFrom(address,address,uint256)", thief, w["frozen"], 42))
        grumpy, mean = w["grumpy"], 10
        data = call("tries(address[])", [grumpy])
        w.act(w["noise1"], grumpy, data, Move(w["noise1"], grumpy, NATIVE, mean), value=mean)
        w.mine()
        w.act(poisoner, w["stash"], call("setOperator(address)", poisoner))
        moved = 40_000 * USD + 9
        data = call("payToken(address,address,uint256)", w["usdt"], w["deposit2"], moved)
        w.act(poisoner, w["stash"], data, Move(w["stash"], w["deposit2"], w["usdt"], moved))
        w.mine()
        w.pay(thief, w["hot"], 10 * ETHER + 10, gas=40_000)
        w.pay(thief, DEAD, ETHER // 2)
        w.mine()

    def peel(self, before_reorg: Callable[[], None]) -> tuple[list[str], list[str]]:
        """Thirty hops, each peeling a little off; in the middle two blocks fall and others take their place."""
        w = self.world
        chain = w.peelers
        w.pay(w["thief"], chain[0], 1_000 * ETHER + 1)
        w.mine()
        orphaned: tuple[list[str], list[str]] = [], []
        for hop in range(PEELERS - 1):
            peeled = (7 + hop % 5) * ETHER + 101 * hop
            rest = w.node.balance(chain[hop]) - peeled - 2 * PLAIN_FEE
            w.pay(chain[hop], w["deposit1"] if hop % 5 == 4 else address_of(f"peel {hop}"), peeled)
            w.pay(chain[hop], chain[hop + 1], rest)
            if hop % 7 == 3:
                w.pay(w["boris"], w["deposit1"], 2 * ETHER + hop)
            w.mine(60)
            if hop == REORG_AT:
                orphaned = self._reorganise(hop, peeled + rest + PLAIN_FEE, before_reorg)
        return orphaned

    def _reorganise(self, hop: int, whole: int, before: Callable[[], None]) -> tuple[list[str], list[str]]:
        """The hop's block and a payment after it fall; instead the hop peels nothing and the thief pays elsewhere."""
        w = self.world
        w.pay(w["thief"], w["deposit1"], 5 * ETHER)
        w.mine(60)
        before()
        top = len(w.blocks) - 1
        hashes = [w.hash_of(number) for number in (top - 1, top)]
        fallen = [done.txid for block in w.blocks[-2:] for done in block]
        del w.blocks[-2:]
        meant = [(w.peelers[hop], w.peelers[hop + 1], whole), (w["thief"], w["hot2"], 7 * ETHER + 7)]
        requests = [
            ({"from": giver, "to": to, "value": hex(units), "gas": hex(PLAIN_GAS), "gasPrice": hex(GAS_PRICE)}, offset)
            for offset, (giver, to, units) in enumerate(meant)
        ]
        w.node.reorg(2, requests)
        for number, (giver, to, units) in zip((top - 1, top), meant, strict=True):
            w.write_down(number, [Done("", giver, [Move(giver, to, NATIVE, units)])])
            assert w.hash_of(number) not in hashes
        return hashes, fallen

    def afterwards(self) -> None:
        """Exchanges sweep their deposit addresses, the hot wallet goes on, others trade."""
        w = self.world
        w.sweep(w["deposit1"], w["hot1"])
        w.pay(w["hot2"], w["deposit2"], ETHER // 10)
        w.pay(w["clara"], w["hot"], 200 * ETHER, gas=40_000)
        w.buy(w["noise1"], "usdt", 2 * ETHER)
        w.pay(w["splitter"], address_of("end"), 50 * ETHER + 1)
        w.mine()
        w.transfer(w["deposit2"], "dai", w["hot2"], 250_000 * ETHER)
        w.pay(w["thief"], w["hot2"], 11 * ETHER + 11)
        w.mine()
        for _ in range(4):
            w.mine()
