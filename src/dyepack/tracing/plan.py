"""What a replay is asked to do (Plan) and what it answers (Run): the interface of both replays.

Leg 0 is clean; legs count from 1. Holdings, moves and addresses are ids of the ledger.
Invariant: a Run depends only on ledger, Plan and rule, never on which replay made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dyepack.tracing.terminals import Stop

FOLLOW = 255
"""In `Plan.stops`: go on through this address whatever its tags and the hub guard say."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Units that reached a holding by a way that the ledger does not show, just before `before_move`."""

    before_move: int
    holding: int
    leg: int
    units: int


@dataclass(slots=True)
class Plan:
    """A theft and its stop rules, in ids of the ledger.

    leg_moves     move -> leg: the moves by which the victim's money left
    declared      deposits with evidence, in order of `before_move`
    stops         address -> Stop (or FOLLOW)
    cut_off       asset -> base units: a move that carries less dye than this is not followed
    hop_limit     moves from the theft after which dye is not followed (0: no limit)
    end_move      first move that is not replayed (the date limit), None: none
    hub_limit     distinct counterparties above which an address is not followed (0: no limit)
    fees_by_rule  fees leave by the rule, as payments do; else from clean units first
    backward      follow the units of `leg_moves` to where they came from
    """

    leg_moves: dict[int, int]
    declared: list[Declared] = field(default_factory=list)
    stops: dict[int, int] = field(default_factory=dict)
    cut_off: dict[int, int] = field(default_factory=dict)
    hop_limit: int = 0
    end_move: int | None = None
    hub_limit: int = 0
    fees_by_rule: bool = False
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Dyed:
    """Dyed units that one move carried (or, with move < 0, that declared deposit number -1 - move brought).

    `hop` counts moves from the theft, this one included; `stop` says where the units went (CARRIED: on).
    """

    move: int
    leg: int
    units: int
    hop: int
    stop: Stop


@dataclass(frozen=True, slots=True)
class Conversion:
    """Dyed units of one leg that the move `paid` carried into a swap, whose product the move `product` carried."""

    paid: int
    product: int
    leg: int
    units: int
    product_units: int


@dataclass(slots=True)
class Run:
    """What the replay of one rule found.

    origin   (move or -1 - declared deposit, leg, units newly dyed there)
    dyed     every dyed piece that every move carried, in replay order
    held     (holding, leg, units, hop) still there at the end
    gaps     (move, units): clean units sent beyond the known balance while the sender held dye
    swaps    conversions, in replay order
    """

    rule: str
    origin: list[tuple[int, int, int]] = field(default_factory=list)
    dyed: list[Dyed] = field(default_factory=list)
    held: list[tuple[int, int, int, int]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    swaps: list[Conversion] = field(default_factory=list)
    replayed: int = 0
    """Moves looked at."""
