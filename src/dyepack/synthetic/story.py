"""The synthetic incident: a theft from a fictional exchange, told from beginning to end, with its truth.

Invariant: the same seed and background give the same bytes; every amount of the truth follows from how the
story is built, not from tracing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.synthetic import decoys, heist, laundering
from dyepack.synthetic.chain import NATIVE
from dyepack.synthetic.stage import CHAIN_NAME, COIN, SOURCE, Stage, ZeroTransfer, set_up
from dyepack.synthetic.truth import Bounded, Flow, Leg, Truth
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.ledger.schema import RawMoves
    from dyepack.money import Asset
    from dyepack.tags.model import Tag

TITLE = "The siphoning of Amber Exchange (fictional)"
SCRIPTED = 150
"""About how many scripted transactions follow the quiet weeks: sets the pace of the background."""
LEG_ASSETS = ("native", "USDX", "ORE")


@dataclass(frozen=True, slots=True)
class Incident:
    """A theft and its ledger.

    `assets` is by key; `moves` is sorted by position; `uncovered` are addresses whose onward history the
    ledger does not hold; `names` gives addresses their part in the story; `overdrawn` are the accounts that
    send more than the ledger saw them receive; `failed` gives the target and the attempted value (base
    units) of failed transactions by id; `zero_transfers` are events that an export contains and a ledger
    does not.
    """

    title: str
    chain: str
    native: Asset
    assets: dict[str, Asset]
    moves: RawMoves
    tags: list[Tag]
    legs: list[Leg]
    uncovered: list[str]
    names: dict[str, str]
    truth: Truth
    overdrawn: list[str]
    failed: dict[str, tuple[str, int]]
    zero_transfers: list[ZeroTransfer]

    def address(self, name: str) -> str:
        """The address of a party by its name in the story."""
        return next(address for address, known in self.names.items() if known == name)


def tell(seed: int = 2022, background: int = 2000) -> Incident:
    """Tell the story: about `background` moves of honest business around some 400 scripted ones."""
    stage = set_up(seed, background)
    heist.places(stage)
    heist.beforehand(stage)
    stage.crowd.pace = stage.crowd.budget // SCRIPTED
    heist.siphon(stage)
    laundering.peel(stage)
    laundering.usd_out(stage)
    laundering.fan_out(stage)
    decoys.poison(stage)
    laundering.ore_out(stage)
    laundering.mix(stage)
    decoys.counterfeit(stage)
    laundering.small_ends(stage)
    decoys.overpaid(stage)
    decoys.honest_traffic(stage)
    stage.crowd.finish()
    assets = {asset.key: asset for asset in (COIN, stage.usd, stage.ore, stage.fake)}
    return Incident(
        title=TITLE,
        chain=CHAIN_NAME,
        native=COIN,
        assets=assets,
        moves=stage.chain.read_out(SOURCE),
        tags=stage.tags,
        legs=_legs(stage),
        uncovered=stage.uncovered,
        names={address: name for name, address in stage.people.items()},
        truth=_truth(stage),
        overdrawn=sorted(stage.chain.overdrawn),
        failed=stage.failed,
        zero_transfers=stage.zero_transfers,
    )


def _legs(stage: Stage) -> list[Leg]:
    """The legs of the theft, one per asset, with what they took."""
    keys = dict(zip(LEG_ASSETS, (NATIVE, stage.usd.key, stage.ore.key), strict=True))
    return [
        Leg(name, keys[name], tuple(tx for tx, _ in moves), sum(amount for _, amount in moves))
        for name, moves in stage.legs.items()
    ]


def _truth(stage: Stage) -> Truth:
    """Read the bounds out, place by place."""
    keys = (NATIVE, stage.usd.key, stage.ore.key, stage.fake.key)
    truth = Truth(stolen={leg.name: leg.amount for leg in _legs(stage)}, swaps=stage.swaps)
    for address, stop in stage.plain.stops.items():
        for key in keys:
            flows = stage.plain.reached(address, key), stage.followed.reached(address, key)
            if flows[1].units:
                truth.terminals.append(_bounded(address, key, stop, *flows))
    for address in stage.thieves:
        for key in keys:
            balance = stage.chain.balance(address, key)
            stop = Stop.GAP if address in stage.uncovered else Stop.HELD
            if balance:
                ends = (bounds.holds(address, key, balance) for bounds in (stage.plain, stage.followed))
                truth.held.append(_bounded(address, key, stop, *ends))
        spent = stage.followed.paid(address, NATIVE)
        if spent.units:
            truth.fees.append(_bounded(address, NATIVE, Stop.FEE, stage.plain.paid(address, NATIVE), spent))
    for address in stage.bystanders:
        for key in keys:
            most = [bounds.dyed.get((address, key), 0) for bounds in (stage.plain, stage.followed)]
            truth.innocents.append(
                Bounded(address, key, Stop.HELD, stage.chain.balance(address, key), 0, 0, most[0], 0, most[1])
            )
    return truth


def _bounded(address: str, key: str, stop: Stop, plain: Flow, followed: Flow) -> Bounded:
    """Join the bounds without and with trades followed; the units are those of the wider reach."""
    return Bounded(
        address, key, stop, followed.units, followed.moves, plain.low, plain.high, followed.low, followed.high
    )
