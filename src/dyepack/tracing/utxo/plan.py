"""What a replay on a ledger of outputs is asked to do (Plan) and what it answers (Run).

Leg 0 is clean; legs count from 1. Outputs, transactions and addresses are ids of the ledger; units are satoshi.
Invariant: a Run depends only on ledger, Plan and rule, never on which replay made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FEE = -1
"""In DYED.output: the units were paid as the transaction's fee."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`units` units of an output, the first of them that are clean, that a theft brought there."""

    output: int
    leg: int
    units: int


@dataclass(slots=True)
class UtxoPlan:
    """A theft and its stop rules, in ids of the ledger.

    origins       what the theft brought where, in order of output
    stops         address -> Stop (or plan.FOLLOW)
    mixes         transactions that make units unidentifiable (CoinJoins): dye that goes into one stops before it
    cut_off       satoshi: an output with less dye than this is not followed
    hop_limit     transactions from the theft after which dye is not followed (0: no limit)
    end_tx        first transaction that is not replayed (the date limit), None: none
    hub_limit     outputs received above which an address is not followed (0: no limit)
    fee_first     the fee is taken before the outputs, else after them
    follow_fees   fees go into their block's coinbase, after its new coins, in block order; else they are a terminal
    backward      follow the units of `origins` to where they came from
    """

    origins: list[Origin]
    stops: dict[int, int] = field(default_factory=dict)
    mixes: frozenset[int] = frozenset()
    cut_off: int = 0
    hop_limit: int = 0
    end_tx: int | None = None
    hub_limit: int = 0
    fee_first: bool = False
    follow_fees: bool = False
    backward: bool = False


DYED = np.dtype([("tx", "i8"), ("output", "i8"), ("leg", "i4"), ("hop", "i4"), ("stop", "u1"), ("units", "u8")])
"""Dyed units that transaction `tx` put into `output` (FEE: into its fee), or, backward, that it took out of it
(-2 - input: out of an output that the ledger does not hold); `hop` counts transactions from the theft, this one
included; `stop` says where the units went (CARRIED: on). Runs of one leg are one row."""

ORIGIN = np.dtype([("output", "i8"), ("leg", "i4"), ("units", "u8")])
"""Units newly dyed in an output."""

Rows = npt.NDArray[np.void]


@dataclass(slots=True)
class UtxoRun:
    """What the replay of one rule found: arrays of the types above, in replay order."""

    rule: str
    origin: Rows
    dyed: Rows
    replayed: int
    """Transactions looked at."""
