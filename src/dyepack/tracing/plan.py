"""What a replay is asked to do (Plan) and what it answers (Run): the interface of both replays.

Leg 0 is clean; legs count from 1. Holdings, moves and addresses are ids of the ledger.
Invariant: a Run depends only on ledger, Plan and rule, never on which replay made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FOLLOW = 255
"""In `Plan.stops`: go on through this address whatever its tags and the hub guard say."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Units that reached a holding by a way that the ledger does not show, just before `before_move`.

    `before_move` is the first move of a transaction (or the number of moves: after all of them).
    """

    before_move: int
    holding: int
    leg: int
    units: int
    tx: str = ""
    block: int = 0
    day: str = ""
    """The transaction it is said to have come with, its block and its day, for people."""


@dataclass(slots=True)
class Plan:
    """A theft and its stop rules, in ids of the ledger.

    leg_moves     move -> leg: the moves by which the victim's money left
    leg_most      move -> units of it that are stolen at most, the first clean ones; absent: all
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
    leg_most: dict[int, int] = field(default_factory=dict)
    declared: list[Declared] = field(default_factory=list)
    stops: dict[int, int] = field(default_factory=dict)
    cut_off: dict[int, int] = field(default_factory=dict)
    hop_limit: int = 0
    end_move: int | None = None
    hub_limit: int = 0
    fees_by_rule: bool = False
    backward: bool = False


DYED = np.dtype([("move", "i8"), ("leg", "i4"), ("hop", "i4"), ("stop", "u1"), ("lo", "u8"), ("hi", "u8")])
"""A dyed piece that a move carried (move < 0: declared deposit number -1 - move): base units in two words;
`hop` counts moves from the theft, this one included; `stop` says where the units went (CARRIED: on)."""

ORIGIN = np.dtype([("move", "i8"), ("leg", "i4"), ("lo", "u8"), ("hi", "u8")])
"""Units newly dyed by a theft's move or declared deposit."""

HELD = np.dtype([("holding", "i8"), ("leg", "i4"), ("hop", "i4"), ("lo", "u8"), ("hi", "u8")])
"""Dyed units in a holding at the end."""

GAP = np.dtype([("move", "i8"), ("lo", "u8"), ("hi", "u8")])
"""Clean units that a move sent beyond the sender's known balance while the sender held dye."""

SWAP = np.dtype([("paid", "i8"), ("product", "i8"), ("leg", "i4"), ("lo", "u8"), ("hi", "u8"),
                 ("product_lo", "u8"), ("product_hi", "u8")])  # fmt: skip
"""Dyed units of one leg paid into a swap by one move, and the units of the product, by another, that they became."""

Rows = npt.NDArray[np.void]


@dataclass(slots=True)
class Run:
    """What the replay of one rule found: arrays of the types above, in replay order (held: by holding)."""

    rule: str
    origin: Rows
    dyed: Rows
    held: Rows
    gaps: Rows
    swaps: Rows
    replayed: int
    """Moves looked at."""


def units(rows: Rows, lo: str = "lo", hi: str = "hi") -> list[int]:
    """Base units of each row as whole numbers."""
    return [a | b << 64 for a, b in zip(rows[lo].tolist(), rows[hi].tolist(), strict=True)]


LOW = 0xFFFFFFFFFFFFFFFF
