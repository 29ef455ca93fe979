"""What a trace on an unfinished ledger still needs: the holdings in which dye ends only because nothing more is known.

Invariant: a holding is needed only if a replay under the named rules put dye there and its history was never asked for;
so what is fetched is what the trace needs, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.manifest import COUNTERPARTY
from dyepack.tags.model import TagSet
from dyepack.tags.naming import stops
from dyepack.tracing.balance import asset_of, ends_of, held_stop
from dyepack.tracing.books import Books
from dyepack.tracing.engine import run_rule
from dyepack.tracing.resolve import resolve
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A holding whose history is wanted: nearest to the theft first, then by name."""

    hop: int
    address: str
    asset: str


@dataclass(slots=True)
class Needs:
    """What is needed next, and the assets that dye is in."""

    holdings: list[Need]
    assets: set[str]


def needs(ledger: Ledger, thefts: list[Theft], tags: TagSet, parameters: Parameters, rules: Iterable[str]) -> Needs:
    """The holdings that these rules need, in order."""
    resolved = resolve(ledger, thefts, fitting(ledger, parameters), stops(known_tags(ledger, tags)))
    books = Books(ledger, resolved.plan.declared)
    found: dict[tuple[str, str], int] = {}
    assets: set[int] = set()
    for rule in rules:
        run, _ = run_rule(books, resolved.plan, rule)
        ends = ends_of(ledger, resolved.plan, run.dyed)
        assets |= set(np.unique(asset_of(ledger, ends.source, ends.target)).tolist()) if len(run.dyed) else set()
        holding = run.held["holding"]
        unknown = (held_stop(ledger, resolved.plan, holding) == Stop.GAP) & (
            ledger.holding_state[holding] == COUNTERPARTY
        )
        for place, hop in zip(holding[unknown].tolist(), run.held["hop"][unknown].tolist(), strict=True):
            key = ledger.place_text(place), ledger.assets[ledger.holding_asset(place)].key
            found[key] = min(hop, found.get(key, hop))
    return Needs(sorted(Need(hop, *key) for key, hop in found.items()), {ledger.assets[a].key for a in assets})


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
