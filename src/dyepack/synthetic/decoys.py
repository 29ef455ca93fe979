"""The scenes meant to mislead: look-alike addresses, counterfeit tokens, and innocents who touch the thief.

Invariant: what may be attributed to the bystanders here is bounded by what dye can have entered their
holdings: nothing at all for the look-alike, the fooled and the counterfeit; two coins for the overpaid.
"""

from __future__ import annotations

from dyepack.ledger.schema import MoveKind
from dyepack.synthetic.chain import Part
from dyepack.synthetic.heist import BASALT, COBALT, HOT, THIEF_ONE, THIEF_TWO
from dyepack.synthetic.identity import look_alike
from dyepack.synthetic.laundering import deposit
from dyepack.synthetic.stage import Stage, ZeroTransfer, units


def poison(stage: Stage) -> None:
    """Dust and empty token events from an address that looks like Thief 2; one person is fooled by it."""
    poisoner, ferris, two = stage.who("Poisoner"), stage.who("Ferris (fooled)"), stage.who(THIEF_TWO)
    twin = stage.people["Look-alike of Thief 2"] = look_alike(two, stage.seed)
    stage.bystander("Look-alike of Thief 2")
    stage.send(poisoner, twin, "0.1")
    stage.send(twin, ferris, "0.000000000001")
    stage.send(twin, two, "0.000000000001")
    stage.crowd.business()
    block, log = stage.chain.block, stage.chain.skip_log()
    spam = stage.chain.submit(poisoner, [])
    stage.zero_transfers.append(ZeroTransfer(stage.usd.key, ferris, twin, spam, log, block))
    stage.send(ferris, twin, "60")
    stage.send(twin, deposit(stage, COBALT, 4), "60.05")


def counterfeit(stage: Stage) -> None:
    """A worthless contract says that Thief 1 got and sent 1,000,000 of "USDX" to an exchange."""
    one, hot = stage.who(THIEF_ONE), stage.who(HOT[BASALT])
    million = units("1000000", stage.fake)
    parts = [
        Part(MoveKind.TOKEN, "", one, stage.fake.key, million),
        Part(MoveKind.TOKEN, one, hot, stage.fake.key, million),
    ]
    stage.submit(stage.who("Poisoner"), parts)


def overpaid(stage: Stage) -> None:
    """Ines pays Thief 2 and gets change back; afterwards her own large sum moves on, as does the thief."""
    ines, two = stage.who("Ines (overpaid)"), stage.who(THIEF_TWO)
    stage.send(ines, two, "100")
    stage.send(two, ines, "2")
    stage.send(ines, stage.who("Ines's treasury"), "480")
    stage.send(two, stage.who("Ember bridge"), "150")


def honest_traffic(stage: Stage) -> None:
    """The hot wallet's customers go on; what left before the theft moves again and is nobody's dye."""
    stage.send(stage.who("Piotr"), stage.who("Quynh"), "20.2")
    stage.send(stage.who("Quynh"), deposit(stage, BASALT, 6), "40")
    stage.send(stage.who(HOT[BASALT]), stage.who("Nadia"), "11")
