"""One trace from start to finish: ledger, thefts, tags and parameters in, a Trace out.

Invariant: a Trace is a pure function of its inputs; the headline rule is fixed in the parameters before any run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.tags.model import TagSet
from dyepack.tags.naming import place_names, stops
from dyepack.tracing.account import build
from dyepack.tracing.engine import run_rules
from dyepack.tracing.flows import flows
from dyepack.tracing.moves import DyedMove, dyed_moves
from dyepack.tracing.resolve import Parameters, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.statement import Flow, Statement
    from dyepack.tracing.theft import Theft


@dataclass(slots=True)
class Trace:
    """What a trace used and found; `tags` are those about addresses of the ledger."""

    thefts: list[Theft]
    parameters: Parameters
    ledger: str
    chain: str
    tags: TagSet
    statement: Statement
    moves: list[DyedMove]

    def flows(self) -> list[Flow]:
        """The flow of the headline rule, for figures."""
        return flows(self.moves, self.statement)


def trace(
    ledger: Ledger,
    thefts: list[Theft],
    tags: TagSet,
    parameters: Parameters,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Trace:
    """Follow the thefts under every rule and account for every unit."""
    used = TagSet()
    used.add(t for t in tags.tags if ledger.find_address(t.address) is not None)
    resolved = resolve(ledger, thefts, parameters, stops(used))
    runs, balances = run_rules(ledger, resolved.plan, parameters.rule, progress=progress)
    progress("statement")
    title = ("+".join(t.id for t in thefts), "; ".join(t.title or t.id for t in thefts))
    statement = build(ledger, resolved, runs, balances, parameters, place_names(used), title)
    moves = dyed_moves(ledger, resolved.plan, runs[parameters.rule])
    return Trace(thefts, parameters, ledger.sha256, ledger.chain, used, statement, moves)
