"""The scenes in which the thief moves the money: peels, fan-out, swaps, mixer, bridge, burn.

Amounts are written in whole coins. Thief 1 never holds a clean native unit, so what its coin reaches is the
same under every conserving rule; Thief 2 holds a little clean gas, and later a bystander's 100 coins.
"""

from __future__ import annotations

from dyepack.synthetic.heist import AMBER, BASALT, COBALT, HOT, THIEF_ONE, THIEF_TWO
from dyepack.synthetic.stage import COIN, Stage
from dyepack.tags.model import TagKind

PEEL_HOPS = 14
FAN = (
    "107.5",
    "93.25",
    "111",
    "98.6",
    "120.004",
    "87.33",
    "101.01",
    "95.5",
    "102.2",
    "110.7",
    "61",
    "74.9",
    "88",
    "66.6",
)


def deposit(stage: Stage, exchange: str, number: int) -> str:
    """The `number`-th deposit address that an exchange gave out."""
    name = f"{exchange.split(maxsplit=1)[0]} deposit {number}"
    return stage.place(name, TagKind.EXCHANGE_DEPOSIT, f"{exchange} deposit")


def collect(stage: Stage, exchange: str, number: int) -> None:
    """The exchange sweeps a deposit address to its hot wallet: business of its own, never to be followed."""
    hot, place = stage.who(HOT[exchange]), deposit(stage, exchange, number)
    for asset in (stage.usd, stage.ore):
        held = stage.chain.balance(place, asset.key)
        if held:
            stage.send(hot, place, "0.01")
            stage.crowd.business()
            stage.chain.send(place, hot, held, asset.key)
    if stage.chain.balance(place):
        stage.sweep(place, hot)


def peel(stage: Stage) -> None:
    """A peel chain of 14 hops: each pays a deposit address at one of two exchanges and sends the rest on."""
    here = stage.thief("Peel 0")
    stage.send(stage.who(THIEF_ONE), here, "2400")
    for hop in range(PEEL_HOPS):
        exchange = (BASALT, COBALT)[hop % 2]
        whole, rest = divmod(stage.chain.dice.randrange(40_000, 160_000), 1000)
        stage.send(here, deposit(stage, exchange, 1), f"{whole}.{rest:03d}")
        if hop % 5 == 4:
            collect(stage, exchange, 1)
        onward = stage.thief(f"Peel {hop + 1}")
        stage.sweep(here, onward)
        here = onward
    collect(stage, BASALT, 1)
    collect(stage, COBALT, 1)


def fan_out(stage: Stage) -> None:
    """Fourteen fresh addresses; eight come together again, three go to the mixer, three wait."""
    one = stage.who(THIEF_ONE)
    fresh = [stage.thief(f"Fan {n}") for n in range(len(FAN))]
    for member, amount in zip(fresh, FAN, strict=True):
        stage.send(one, member, amount)
    collector = stage.thief("Collector")
    for n, member in enumerate(fresh[:8]):
        stage.sweep(member, collector)
        if n == 4:
            stage.send(stage.who("Old account"), collector, "40")
    mixer = stage.who("Whirl mixer")
    for member, amount in zip(fresh[8:11], ("100", "100", "10"), strict=True):
        stage.send(member, mixer, amount)
    stage.send(fresh[10], mixer, "10")
    stage.send(collector, deposit(stage, BASALT, 2), "300")
    stage.send(collector, stage.who("Ember bridge"), "250.5")
    collect(stage, BASALT, 2)


def usd_out(stage: Stage) -> None:
    """The stolen USDX: a swap into native coin, a deposit, a bridge, a desk that mixes, and a gap."""
    one, pool = stage.who(THIEF_ONE), stage.who("Dune pool")
    swapper, runner, gap = stage.thief("Swapper 1"), stage.thief("Runner 1"), stage.thief("Silent")
    for name in (swapper, runner, gap):
        stage.send(one, name, "0.05")
    stage.send(one, swapper, "600000", stage.usd)
    stage.trade(swapper, pool, ("600000", stage.usd), ("299.1", COIN))
    stage.send(swapper, deposit(stage, BASALT, 4), "280")
    stage.send(one, runner, "450000", stage.usd)
    stage.send(runner, deposit(stage, COBALT, 2), "449999.5", stage.usd)
    collect(stage, COBALT, 2)
    stage.send(one, stage.who("Ember bridge"), "350000", stage.usd)
    stage.send(one, gap, "400000", stage.usd)
    stage.uncovered.append(gap)
    desk = stage.who("Otto's desk")
    stage.send(one, desk, "100000", stage.usd)
    stage.send(desk, deposit(stage, BASALT, 5), "250000", stage.usd)
    stage.send(desk, stage.bystander("Otto's customer"), "20000", stage.usd)


def ore_out(stage: Stage) -> None:
    """The stolen ORE: a swap into USDX, a deposit over two hops, a bridge, a burn."""
    two, pool = stage.who(THIEF_TWO), stage.who("Dune pool")
    swapper, hop = stage.thief("Swapper 2"), stage.thief("Runner 2")
    for name in (swapper, hop):
        stage.send(stage.who(THIEF_ONE), name, "0.05")
    stage.send(two, swapper, "40000", stage.ore)
    stage.trade(swapper, pool, ("40000", stage.ore), ("998750.25", stage.usd))
    stage.send(swapper, deposit(stage, COBALT, 3), "600000", stage.usd)
    collect(stage, COBALT, 3)
    stage.send(two, hop, "20000", stage.ore)
    stage.send(hop, deposit(stage, BASALT, 3), "20000", stage.ore)
    stage.send(two, stage.who("Ember bridge"), "10000", stage.ore)
    stage.send(two, stage.who("Burn address"), "5", stage.ore)


def mix(stage: Stage) -> None:
    """Structured deposits to the mixer, and later withdrawals of other people not to be joined to them."""
    two, mixer = stage.who(THIEF_TWO), stage.who("Whirl mixer")
    for _ in range(6):
        stage.send(two, mixer, "100")
    for _ in range(12):
        stage.send(two, mixer, "10")
    for n, amount in enumerate(("100", "10", "10", "100")):
        stage.chain.wait(600)
        stage.send(mixer, stage.bystander(f"Mixer customer {n}"), amount)


def small_ends(stage: Stage) -> None:
    """A burn, a token gesture to the victim, and a transaction that failed and cost its fee all the same."""
    one = stage.who(THIEF_ONE)
    stage.send(one, stage.who("Burn address"), "0.5")
    stage.send(one, stage.who(HOT[AMBER]), "25")
    stage.failed[stage.submit(one, [])] = (stage.who("Ember bridge"), 77 * 10**18)
