"""What a trace on an unfinished ledger still needs: the holdings in which dye ends only because nothing more is known.

Invariant: a holding is needed only if a replay under the named rules put dye there and its history was never asked for;
so what is fetched is what the trace needs, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.manifest import COUNTERPARTY
from dyepack.tags.model import TagSet
from dyepack.tags.naming import stops
from dyepack.tracing.balance import asset_of, ends_of, held_stop
from dyepack.tracing.books import Books
from dyepack.tracing.engine import run_rule
from dyepack.tracing.plan import units
from dyepack.tracing.resolve import resolve
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.plan import Plan, Run
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.sums import Ints
    from dyepack.tracing.theft import Theft


MoveKey = tuple[str, int, int]
"""A move as its source knows it: transaction id, kind, trace or log index."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A holding whose history is wanted: nearest to the theft first, then by name; dyed units by the move that brought
    them."""

    hop: int
    address: str
    asset: str
    arrivals: dict[MoveKey, int] = field(default_factory=dict, compare=False)


@dataclass(slots=True)
class Needs:
    """What is needed next, the assets that dye is in, and the payees of swaps: are they contracts?"""

    holdings: list[Need]
    assets: set[str]
    payees: set[str]


def needs(ledger: Ledger, thefts: list[Theft], tags: TagSet, parameters: Parameters, rules: Iterable[str]) -> Needs:
    """The holdings that these rules need, in order."""
    return needs_of(ledger, resolve(ledger, thefts, fitting(ledger, parameters),
                                    stops(known_tags(ledger, tags), parameters.tags_as_of)).plan,
                    rules)  # fmt: skip


def needs_of(ledger: Ledger, plan: Plan, rules: Iterable[str]) -> Needs:
    """The same for a plan."""
    books = Books(ledger, plan.declared)
    found: dict[tuple[str, str], Need] = {}
    assets: set[int] = set()
    payees: set[str] = set()
    for rule in rules:
        run, _ = run_rule(books, plan, rule)
        ends = ends_of(ledger, plan, run.dyed)
        assets |= set(np.unique(asset_of(ledger, ends.source, ends.target)).tolist()) if len(run.dyed) else set()
        swaps = np.isin(run.dyed["stop"], (Stop.CONVERTED, Stop.SWAP)) & (ends.target >= 0)
        payees |= {ledger.place_text(place) for place in np.unique(ends.target[swaps]).tolist()}
        holding = run.held["holding"]
        unknown = (held_stop(ledger, plan, holding) == Stop.GAP) & (ledger.holding_state[holding] == COUNTERPARTY)
        brought = _arrivals(ledger, run, ends.target, holding[unknown])
        for place, hop in zip(holding[unknown].tolist(), run.held["hop"][unknown].tolist(), strict=True):
            key = ledger.place_text(place), ledger.assets[ledger.holding_asset(place)].key
            before = found.get(key)
            moves = brought.get(place, {})
            for move, amount in (before.arrivals if before else {}).items():
                moves[move] = max(amount, moves.get(move, 0))
            found[key] = Need(min(hop, before.hop) if before else hop, *key, moves)
    return Needs(sorted(found.values()), {ledger.assets[a].key for a in assets}, payees)


def _arrivals(ledger: Ledger, run: Run, target: Ints, wanted: Ints) -> dict[int, dict[MoveKey, int]]:
    """The moves that brought dye to some holdings, by holding, with how much."""
    rows = (run.dyed["stop"] == Stop.CARRIED) & (run.dyed["move"] >= 0) & np.isin(target, wanted)
    found: dict[int, dict[MoveKey, int]] = {}
    for place, move, amount in zip(
        target[rows].tolist(), run.dyed["move"][rows].tolist(), units(run.dyed[rows]), strict=True
    ):
        key = (ledger.tx_text(int(ledger.move_tx[move])), int(ledger.move_kind[move]), int(ledger.move_index[move]))
        moves = found.setdefault(place, {})
        moves[key] = moves.get(key, 0) + amount
    return found


def known_tags(ledger: AnyLedger, tags: TagSet) -> TagSet:
    """The tags about addresses of a ledger."""
    known = TagSet()
    known.add(t for t in tags.tags if ledger.find_address(t.address) is not None)
    return known


def fitting(ledger: AnyLedger, parameters: Parameters) -> Parameters:
    """The parameters without the places and assets that a ledger, which is not finished, does not hold yet."""
    return replace(
        parameters,
        follow={a: r for a, r in parameters.follow.items() if ledger.find_address(a) is not None},
        stop={a: r for a, r in parameters.stop.items() if ledger.find_address(a) is not None},
        cut_off={a: c for a, c in parameters.cut_off.items() if ledger.asset_id(a) is not None},
    )
