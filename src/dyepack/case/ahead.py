"""Looking ahead: what the money that has just reached some holdings needs next, by their transactions alone.

A replay of the whole ledger after each round of fetching would make a long chain of hops cost the square of its length.
Instead the dyed units that arrived at the holdings of the last round are laid over a small ledger of just these
holdings' transactions, under the rules that lead.
Invariant: this only says what to fetch next. What it leaves out, as money that comes together with dye from elsewhere,
the whole replay that always follows asks for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dyepack.case.needs import Needs, fitting, known_tags, needs_of
from dyepack.sources.live.source import LiveMove, LiveTransaction, Wanted
from dyepack.tags.naming import stops
from dyepack.tracing.resolve import plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.case.needs import MoveKey, Need
    from dyepack.ledger.reader import Ledger
    from dyepack.sources.live.ledger import Gathered
    from dyepack.sources.live.source import History
    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft

_REST = 1 << 30
"""Added to the index of a move for the part of it that is clean."""


def ahead(
    gathered: Gathered, histories: Mapping[Wanted, History], reached: Sequence[Need], thefts: list[Theft],
    tags: TagSet, parameters: Parameters, rules: Sequence[str],
) -> Needs:  # fmt: skip
    """What the dye that reached some holdings needs next."""
    arrivals: dict[MoveKey, int] = {key: units for need in reached for key, units in need.arrivals.items()}
    if not arrivals:
        return Needs([], set(), set())
    wanted = [Wanted(n.address, n.asset) for n in reached]
    txids = dict.fromkeys(t for w in wanted for t in histories[w].txids)
    small = replace(
        gathered, transactions={t: _parted(gathered.transactions[t], arrivals) for t in txids},
        openings={w: gathered.openings[w] for w in wanted if w in gathered.openings}, notes=[], inputs=[],
    )  # fmt: skip
    ledger = small.ledger()
    legs = {move: 1 for key in arrivals if (move := _find(ledger, key)) is not None}
    if not legs:
        return Needs([], set(), set())
    least = min(need.hop for need in reached)
    near = replace(parameters, hops=max(parameters.hops - least, 1) if parameters.hops else 0)
    plan = plan_of(ledger, legs, thefts, fitting(ledger, near), stops(known_tags(ledger, tags), near.tags_as_of))
    found = needs_of(ledger, plan, rules)
    return replace(found, holdings=[replace(need, hop=need.hop + least) for need in found.holdings])


def _parted(transaction: LiveTransaction, arrivals: Mapping[MoveKey, int]) -> LiveTransaction:
    """The transaction with its dyed arrivals parted from the clean units that came with them."""
    moves: list[LiveMove] = []
    for m in transaction.moves:
        dyed = arrivals.get((transaction.txid, m.kind, m.index), m.units)
        moves.append(replace(m, units=dyed))
        if dyed < m.units:
            moves.append(replace(m, units=m.units - dyed, index=m.index + _REST))
    return replace(transaction, moves=moves)


def _find(ledger: Ledger, key: MoveKey) -> int | None:
    tx = ledger.find_tx(key[0])
    moves = ledger.tx_moves(tx) if tx is not None else range(0)
    return next((m for m in moves if (ledger.move_kind[m], ledger.move_index[m]) == key[1:]), None)
