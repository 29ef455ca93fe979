"""The first scenes: the places, the people and what happened before, and the siphon of the hot wallet.

Amounts are written in whole coins.
"""

from __future__ import annotations

from dyepack.ledger.schema import MoveKind
from dyepack.synthetic.chain import NATIVE, Part
from dyepack.synthetic.stage import Stage, units
from dyepack.tags.model import TagKind

AMBER = "Amber Exchange (fictional)"
BASALT = "Basalt Exchange (fictional)"
COBALT = "Cobalt Trading (fictional)"
HOT = {AMBER: "Amber hot wallet", BASALT: "Basalt hot wallet", COBALT: "Cobalt hot wallet"}
THIEF_ONE = "Thief 1"
THIEF_TWO = "Thief 2"


def places(stage: Stage) -> None:
    """Tag the places that end a trace, and issue what they start with."""
    amber = stage.place(HOT[AMBER], TagKind.VICTIM, AMBER)
    basalt = stage.place(HOT[BASALT], TagKind.EXCHANGE, BASALT)
    cobalt = stage.place(HOT[COBALT], TagKind.EXCHANGE, COBALT)
    pool = stage.place("Dune pool", TagKind.DEX, "Dune DEX pool (fictional)")
    mixer = stage.place("Whirl mixer", TagKind.MIXER, "Whirl mixer (fictional)")
    bridge = stage.place("Ember bridge", TagKind.BRIDGE, "Ember bridge (fictional)")
    stage.place("Burn address", TagKind.BURN, "Burn address")
    issuer = stage.who("Token issuer")
    coins = {amber: "18402.55", basalt: "31877.012", cobalt: "26140.7", pool: "9000", issuer: "1.5"}
    native = [
        Part(MoveKind.ISSUE, "", to, NATIVE, units(amount)) for to, amount in coins.items()
    ]  # the protocol's own issuance: no fee
    stage.chain.submit("", native)
    usd = {amber: "5210000", basalt: "7300000", cobalt: "6150000", pool: "4000000"}
    ore = {amber: "240000", basalt: "150000", cobalt: "130000", pool: "90000"}
    for asset, shares in ((stage.usd, usd), (stage.ore, ore)):
        stage.chain.wait(1)
        mint = [Part(MoveKind.TOKEN, "", to, asset.key, units(amount, asset)) for to, amount in shares.items()]
        stage.chain.submit(issuer, mint)
    stage.chain.wait(3)
    stage.crowd.open([amber, basalt, cobalt], pool, mixer, bridge)


def beforehand(stage: Stage) -> None:
    """The quiet weeks: everyone gets clean coin, and the thief gets gas from another exchange."""
    cobalt, basalt = stage.who(HOT[COBALT]), stage.who(HOT[BASALT])
    stage.crowd.run(stage.crowd.budget // 2)
    two = stage.thief(THIEF_TWO)
    stage.send(cobalt, two, "0.8")
    ferris = stage.bystander("Ferris (fooled)")
    stage.send(cobalt, ferris, "92.4")
    stage.send(ferris, two, "0.3")
    ines = stage.bystander("Ines (overpaid)")
    stage.bystander("Ines's treasury")
    stage.send(basalt, ines, "705.25")
    desk = stage.bystander("Otto's desk")
    stage.send(cobalt, desk, "3")
    stage.send(cobalt, desk, "300000", stage.usd)
    stage.send(basalt, stage.bystander("Poisoner"), "2.2")
    old = stage.bystander("Old account")
    stage.chain.overdrawn.add(old)
    stage.send(stage.who(HOT[AMBER]), old, "5")
    for customer in ("Nadia", "Piotr", "Quynh"):
        stage.send(stage.who(HOT[AMBER]), stage.bystander(customer), "31.07")
    stage.send(stage.who("Nadia"), stage.who("Piotr"), "4.4")


def siphon(stage: Stage) -> None:
    """Three legs in seven transactions leave the hot wallet; its normal business goes on around them."""
    amber, one, two = stage.who(HOT[AMBER]), stage.thief(THIEF_ONE), stage.thief(THIEF_TWO)
    stage.chain.wait(900)
    stage.steal("native", amber, one, "3000")
    stage.steal("native", amber, two, "1211.904")
    stage.steal("USDX", amber, one, "1500000", stage.usd)
    stage.send(amber, stage.who("Quynh"), "6.5")
    stage.steal("ORE", amber, two, "60000", stage.ore)
    stage.steal("USDX", amber, one, "912345.678901", stage.usd)
    stage.steal("ORE", amber, two, "30250.5", stage.ore)
    stage.steal("native", amber, one, "2044.031250000000000007")
    stage.send(amber, stage.who("Nadia"), "8.25")
    stage.send(amber, stage.who("Piotr"), "1900", stage.usd)
