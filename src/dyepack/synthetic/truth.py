"""What is known of a told theft by construction, without any tracing rule.

A move of `a` units out of a holding that has so far received at most `c` clean and at most `d` dyed units
carries between a - c and d dyed units (within 0..a), whatever the convention, as long as the convention
conserves. `Bounds` carries those two totals forward and nothing else: it allocates nothing, so it is not a
tracer.

Invariant: for every rule that conserves, 0 <= low <= dyed units <= high <= units. Amounts are base units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyepack.tracing.terminals import Stop

Key = tuple[str, str]
"""(address, asset key)"""


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a theft: the moves of `asset` (fees not counted) in `tx_ids`, `amount` base units in all."""

    name: str
    asset: str
    tx_ids: tuple[str, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap that a thief's address made: `paid` dyed units for `product` units, in one transaction."""

    tx_id: str
    payer: str
    pool: str
    paid_asset: str
    paid: int
    product_asset: str
    product: int


@dataclass(frozen=True, slots=True)
class Bounded:
    """Units of one asset at one address, and how many of them are dyed.

    `units` came in `moves` moves from addresses that dye could have reached (for a balance: moves is 0);
    `low` and `high` bound the dyed ones if trades at the pool are not followed, `low_followed` and
    `high_followed` if they are.
    """

    address: str
    asset: str
    stop: Stop
    units: int
    moves: int
    low: int
    high: int
    low_followed: int
    high_followed: int

    @property
    def exact(self) -> bool:
        """Whether all conserving rules agree to the unit, with trades followed and without."""
        return self.low == self.high and self.low_followed == self.high_followed


@dataclass(slots=True)
class Truth:
    """What a correct statement of the told theft must say.

    `stolen` units by leg name; `terminals` what reached tagged places; `swaps` the thief's trades; `held`
    and `fees` by thief address; `innocents` what at most may ever be attributed to a bystander's holding
    (dyed units that may have entered it at any time).
    """

    stolen: dict[str, int] = field(default_factory=dict)
    terminals: list[Bounded] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    held: list[Bounded] = field(default_factory=list)
    fees: list[Bounded] = field(default_factory=list)
    innocents: list[Bounded] = field(default_factory=list)


@dataclass(slots=True)
class Flow:
    """Units from one holding to one terminal, and the clean and dyed totals of the holding by then."""

    units: int = 0
    moves: int = 0
    clean: int = 0
    dyed: int = 0

    @property
    def low(self) -> int:
        """Dyed units at least."""
        return max(0, self.units - self.clean)

    @property
    def high(self) -> int:
        """Dyed units at most."""
        return min(self.units, self.dyed)


@dataclass(slots=True)
class Bounds:
    """Upper bounds on the clean and on the dyed units that each holding ever received.

    `stops` are the addresses where dye ends; `flows` is keyed by (sender, receiver, asset), receiver "" for
    fees.
    """

    stops: dict[str, Stop] = field(default_factory=dict)
    clean: dict[Key, int] = field(default_factory=dict)
    dyed: dict[Key, int] = field(default_factory=dict)
    flows: dict[tuple[str, str, str], Flow] = field(default_factory=dict)

    def move(self, sender: str, receiver: str, asset: str, units: int, *, dyed: bool = False) -> None:
        """Note a move; "" stands for nowhere; `dyed` declares all its units dyed (theft, followed trade)."""
        source = (sender, asset)
        reach = 0 if sender in self.stops else self.dyed.get(source, 0)
        most_clean = 0 if dyed else (self.clean.get(source, 0) if reach else units)
        most_dyed = units if dyed else reach
        if receiver and receiver not in self.stops:
            target = (receiver, asset)
            self.clean[target] = self.clean.get(target, 0) + min(units, most_clean)
            self.dyed[target] = self.dyed.get(target, 0) + min(units, most_dyed)
        elif reach:
            flow = self.flows.setdefault((sender, receiver, asset), Flow())
            flow.units += units
            flow.moves += 1
            flow.clean, flow.dyed = most_clean, most_dyed

    def reached(self, address: str, asset: str) -> Flow:
        """Sum of the flows into a terminal, with `low` and `high` summed in `clean` and `dyed` terms."""
        total = Flow()
        for (_, receiver, flown), flow in self.flows.items():
            if receiver == address and flown == asset:
                total.units += flow.units
                total.moves += flow.moves
                total.clean += flow.units - flow.low
                total.dyed += flow.high
        return total

    def paid(self, address: str, asset: str) -> Flow:
        """Fees that an address paid once dye could have reached it."""
        return self.flows.get((address, "", asset), Flow())

    def holds(self, address: str, asset: str, balance: int) -> Flow:
        """A balance, as a flow that ends where it is."""
        key = (address, asset)
        return Flow(balance, 0, self.clean.get(key, 0), self.dyed.get(key, 0))
