"""One trace from start to finish: ledger, thefts, tags and parameters in, a Trace out.

Invariant: a Trace is a pure function of its inputs; the headline rule is fixed in the parameters before any run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dyepack.case.contradictions import contradictions
from dyepack.case.mixes import onward_of, stop_at_mixes
from dyepack.case.needs import known_tags
from dyepack.case.pools import pool_onward
from dyepack.ledger.content import time_text
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.notebook import Grid, InNotebook
from dyepack.patterns.poisoning import lookalikes, poisoning_notes
from dyepack.progress import OnStep, no_step
from dyepack.tags.naming import place_names, stops
from dyepack.tracing.account import build
from dyepack.tracing.engine import run_rules
from dyepack.tracing.flows import flows
from dyepack.tracing.moves import FIELDS, DyedMove, dyed_moves
from dyepack.tracing.resolve import Parameters, resolve, usual_fees
from dyepack.tracing.utxo import account as utxo_account
from dyepack.tracing.utxo import engine as utxo_engine
from dyepack.tracing.utxo import moves as utxo_moves
from dyepack.tracing.utxo import resolve as utxo_resolve

if TYPE_CHECKING:
    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.tags.model import TagSet
    from dyepack.tracing.statement import Flow, Statement
    from dyepack.tracing.theft import Theft


@dataclass(slots=True)
class Trace(InNotebook):
    """What a trace used and found; `tags` are those about addresses of the ledger; `live`: what live.py fetched."""

    thefts: list[Theft]
    parameters: Parameters
    ledger: str
    chain: str
    tags: TagSet
    statement: Statement
    moves: list[DyedMove]
    live: dict[str, Any] | None = None

    def flows(self) -> list[Flow]:
        """The flow of the headline rule, for figures."""
        return flows(self.moves, self.statement)

    def grid(self) -> Grid:
        """The dyed moves, for a notebook."""
        return moves_grid(self.moves, self.statement)


def moves_grid(moves: list[DyedMove], statement: Statement) -> Grid:
    """The dyed moves of a statement as a notebook shows them."""
    caption = f"dyed moves of {statement.title or statement.theft}, {statement.chain}, rule {statement.rule}"
    return Grid(caption, FIELDS, [[getattr(m, name) for name in FIELDS] for m in moves],
                ("txid", "time", "source", "target", "asset", "units", "hop", "stop"))  # fmt: skip


def trace(
    ledger: AnyLedger,
    thefts: list[Theft],
    tags: TagSet,
    parameters: Parameters,
    *,
    live: dict[str, Any] | None = None,
    progress: OnStep = no_step,
) -> Trace:
    """Follow the thefts under every rule and account for every unit.

    Parameters that leave `fees` empty get what is usual on the ledger and in the direction.
    """
    used = known_tags(ledger, tags)
    parameters = replace(parameters, fees=parameters.fees or usual_fees(ledger, backward=parameters.backward))
    title = ("+".join(t.id for t in thefts), "; ".join(t.title or t.id for t in thefts))
    names = place_names(used, parameters.tags_as_of)
    if isinstance(ledger, UtxoLedger):
        spent = utxo_resolve.resolve(ledger, thefts, parameters, stops(used, parameters.tags_as_of))
        progress("CoinJoins")
        mixes = stop_at_mixes(ledger, spent.plan, used)
        found, balances = utxo_engine.run_rules(ledger, spent.plan, parameters.rule, progress=progress)
        progress("statement")
        statement = utxo_account.build(ledger, spent, found, balances, parameters, names, title)
        statement.onward = onward_of(ledger, found[parameters.rule], mixes)
        moves = utxo_moves.dyed_moves(ledger, spent.plan, found[parameters.rule])
    else:
        resolved = resolve(ledger, thefts, parameters, stops(used, parameters.tags_as_of))
        runs, balances = run_rules(ledger, resolved.plan, parameters.rule, progress=progress)
        progress("statement")
        statement = build(ledger, resolved, runs, balances, parameters, names, title)
        moves = dyed_moves(ledger, resolved.plan, runs[parameters.rule])
        statement.onward = [] if parameters.backward else pool_onward(ledger, moves)
        statement.notes += poisoning_notes(lookalikes(ledger, _followed_places(ledger, moves)))
    statement.notes += [theft.note for theft in thefts if theft.note]
    statement.notes += contradictions(statement)
    if live is not None:
        statement.notes.insert(0, _followed(live))
    return Trace(thefts, parameters, ledger.sha256, ledger.chain, used, statement, moves, live)


def _followed_places(ledger: Ledger, moves: list[DyedMove]) -> set[int]:
    """The addresses that dyed money was followed to or from, hubs and services apart."""
    texts = {m.source for m in moves} | {m.target for m in moves if m.stop == "carried"}
    found = {ledger.find_address(text) for text in texts - {""}}
    return {address for address in found if address is not None}


def _followed(live: dict[str, Any]) -> str:
    """Where a live trace asked, and up to when."""
    head = live["head"]
    checked = f", checked with {live['second']}" if live["second"] else ""
    return (
        f"followed on {live['source']}{checked} up to block {head['number']:,} ({head['hash']}, "
        f"{time_text(head['time'])}); what the source answered is kept in the case"
    )
