"""A second bookkeeper: where dyed units go when everything that happened is known, written apart from dyepack's replay.

It is told what a script did (`Move`, `Swap`, `Fee`, `Destroy`, in order), not what a chain shows, and keeps every place
from the first issue on, clean units too. Rules: fifo and haircut; fees from clean units first; what a swap brings takes
the place of what was given, in order and in proportion. Invariant: no place is ever below zero, no unit is lost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

NATIVE = "native"
Lots = list[tuple[int, int]]
"""(leg, units) in order; leg 0 is clean."""

Key = tuple[str, str, str]
"""Place, asset, why it is there: held, service, burnt, fee, returned, destroyed."""


@dataclass(frozen=True, slots=True)
class Move:
    """Units from one place to another; giver "" is issuance, receiver "" is destruction. `leg`: a theft dyes them."""

    giver: str
    receiver: str
    asset: str
    units: int
    leg: int = 0


@dataclass(frozen=True, slots=True)
class Swap:
    """`party` gave `paid` of one asset and `got` of another came for it; `moves` did it, one by one.

    What came went to the party or to whom it said (`to`), in the order of the moves.
    """

    party: str
    paid_asset: str
    paid: int
    got_asset: str
    got: int
    moves: tuple[Move, ...]
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fee:
    """Native units that a sender paid for a transaction."""

    payer: str
    units: int


@dataclass(frozen=True, slots=True)
class Destroy:
    """An issuer made a holding void, all units of it, without a transfer."""

    place: str
    asset: str
    units: int


Event = Move | Swap | Fee | Destroy


def literal(event: Event) -> tuple[Move, ...]:
    """What an event moves, one by one (fees apart)."""
    if isinstance(event, Move):
        return (event,)
    if isinstance(event, Destroy):
        return (Move(event.place, "", event.asset, event.units),)
    return event.moves if isinstance(event, Swap) else ()


@dataclass(slots=True)
class Books:
    """One rule's books: `ends` are the dyed units by place, asset, why and leg; `held` everything, clean too."""

    rule: str
    stops: dict[str, str]
    held: defaultdict[tuple[str, str], Lots] = field(default_factory=lambda: defaultdict(list))
    stopped: defaultdict[Key, defaultdict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    dyed: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    swapped: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))

    def keep(self, events: list[Event]) -> None:
        """Book everything, in order."""
        for event in events:
            if isinstance(event, Move):
                self._move(event)
            elif isinstance(event, Swap):
                self._swap(event)
            elif isinstance(event, Fee):
                self._stop(("", NATIVE, "fee"), self._take_fee(event.payer, event.units))
            else:
                assert event.units == self.balance(event.place, event.asset), event
                lots = self.held.pop((event.place, event.asset), [])
                self._stop((event.place, event.asset, "destroyed"), lots)

    def ends(self) -> dict[Key, dict[int, int]]:
        """Every dyed unit: what stopped, and what is still held."""
        found: dict[Key, dict[int, int]] = {key: dict(legs) for key, legs in self.stopped.items() if legs}
        for (place, asset), lots in self.held.items():
            legs: defaultdict[int, int] = defaultdict(int)
            for leg, units in lots:
                legs[leg] += units
            if any(units for leg, units in legs.items() if leg):
                found[place, asset, "held"] = {leg: units for leg, units in legs.items() if leg and units}
        return found

    def balance(self, place: str, asset: str) -> int:
        """Units at a place, dyed and clean."""
        return sum(units for _, units in self.held.get((place, asset), []))

    def prove(self) -> None:
        """Dyed in and swapped in = swapped out and everything that ended somewhere, leg by leg and asset by asset."""
        out: defaultdict[tuple[int, str], int] = defaultdict(int)
        for (_, asset, _), legs in self.ends().items():
            for leg, units in legs.items():
                out[leg, asset] += units
        for key in {*out, *self.dyed, *self.swapped}:
            assert out[key] == self.dyed[key] + self.swapped[key], (self.rule, key)

    def _move(self, move: Move) -> None:
        lots = self._take(move.giver, move.asset, move.units) if move.giver else [(0, move.units)]
        if move.leg:
            self.dyed[move.leg, move.asset] += sum(units for leg, units in lots if leg == 0)
            lots = [(leg or move.leg, units) for leg, units in lots]
        if move.receiver:
            self._arrive(move.receiver, move.asset, lots)
        else:
            assert not any(leg for leg, _ in lots), f"dyed units destroyed: {move}"

    def _arrive(self, place: str, asset: str, lots: Lots) -> None:
        why = self.stops.get(place)
        if why is not None:
            self._stop((place, asset, why), lots)
            lots = [(0, sum(units for _, units in lots))]
        self.held[place, asset] += lots

    def _stop(self, key: Key, lots: Lots) -> None:
        for leg, units in lots:
            if leg:
                self.stopped[key][leg] += units

    def _swap(self, swap: Swap) -> None:
        """What the party pays carries the dye over to what it gets; everybody else in the swap trades clean units."""
        given = self._take(swap.party, swap.paid_asset, swap.paid)
        receivers = swap.to or (swap.party,)
        came: list[Move] = []
        for move in swap.moves:
            if move.giver and move.giver != swap.party:
                assert not any(leg for leg, _ in self._take(move.giver, move.asset, move.units)), f"dye at {move.giver}"
            if move.receiver in receivers and move.asset == swap.got_asset:
                came.append(move)
            elif move.receiver and move.receiver != swap.party:
                self.held[move.receiver, move.asset].append((0, move.units))
        assert sum(move.units for move in came) == swap.got, swap
        seen = done = 0
        laid: Lots = []
        for leg, units in given:
            seen += units
            share = swap.got * seen // swap.paid - done
            done += share
            laid.append((leg, share))
            if leg:
                self.swapped[leg, swap.paid_asset] -= units
                self.swapped[leg, swap.got_asset] += share
        for move in came:
            lots, laid = self._split(laid, move.units)
            self._arrive(move.receiver, swap.got_asset, lots)

    def _take(self, place: str, asset: str, units: int) -> Lots:
        lots = self.held[place, asset]
        assert sum(have for _, have in lots) >= units, f"{place} has too little {asset}"
        taken, self.held[place, asset] = self._split(lots, units)
        return taken

    def _split(self, lots: Lots, units: int) -> tuple[Lots, Lots]:
        return _first(lots, units) if self.rule == "fifo" else _share(lots, units)

    def _take_fee(self, place: str, units: int) -> Lots:
        """Clean units first, oldest first; the rest from the dyed ones by the rule."""
        lots, clean, left = self.held[place, NATIVE], 0, []
        for leg, have in lots:
            used = min(have, units - clean) if leg == 0 else 0
            clean += used
            left.append((leg, have - used))
        self.held[place, NATIVE] = [(leg, have) for leg, have in left if have]
        return self._take(place, NATIVE, units - clean) if units > clean else []


def _first(lots: Lots, units: int) -> tuple[Lots, Lots]:
    """The oldest units leave."""
    taken: Lots = []
    left: Lots = []
    for leg, have in lots:
        part = min(have, units)
        units -= part
        taken += [(leg, part)] * (part > 0)
        left += [(leg, have - part)] * (have > part)
    return taken, left


def _share(lots: Lots, units: int) -> tuple[Lots, Lots]:
    """Every leg leaves in proportion: legs up to k together get the whole units of their exact share."""
    sums: defaultdict[int, int] = defaultdict(int)
    for leg, have in lots:
        sums[leg] += have
    total, clean = sum(sums.values()), sums.pop(0, 0)
    taken: Lots = []
    left: Lots = []
    upto = given = 0
    for leg in sorted(sums):
        upto += sums[leg]
        part = units * upto // total - given
        given += part
        taken.append((leg, part))
        left.append((leg, sums[leg] - part))
    taken.append((0, units - given))
    left.append((0, clean - (units - given)))
    return [lot for lot in taken if lot[1]], [lot for lot in left if lot[1]]
