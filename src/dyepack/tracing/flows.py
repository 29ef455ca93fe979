"""The flow of dyed units between places under the headline rule, for figures.

Invariant: per asset, what flows into an address flows out of it again, into other addresses, terminals or a swap
(a swap's pool is the one place where units of one asset come in and units of another go out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.tracing.statement import Flow, Statement

if TYPE_CHECKING:
    from dyepack.tracing.moves import DyedMove

_HELD = ("held", "gap", "date_limit")
_THROUGH = ("carried", "converted", *_HELD)
_AT_SOURCE = ("issued", "unexplained", "declared")


def flows(moves: list[DyedMove], statement: Statement) -> list[Flow]:
    """All flows of a case, moves between the same two places taken together, in order of distance and size."""
    gathered: dict[tuple[str, str, str], list[int]] = {}

    def add(source: str, target: str, asset: str, amount: int, hop: int, moves: int) -> None:
        if amount:
            known = gathered.setdefault((source, target, asset), [0, 0, hop])
            known[0] += amount
            known[1] += moves
            known[2] = min(known[2], hop)

    for m in moves:
        target = m.target if m.stop in _THROUGH else f"{m.stop}:{m.source if m.stop in _AT_SOURCE else m.target}"
        add(f"leg:{m.leg}", target, m.asset, m.fresh, m.hop, 1)
        add(m.source, target, m.asset, m.units - m.fresh, m.hop, 1)
    for t in statement.terminals:
        if t.stop in _HELD:
            hop = t.hops[1] if t.hops else 1
            add(t.place, f"{t.stop}:{t.place}", t.asset, t.amount(statement.rule), hop + 1, 0)
    found = [Flow(s, t, a, amount, count, hop) for (s, t, a), (amount, count, hop) in gathered.items()]
    return sorted(found, key=lambda f: (f.hop, f.asset, -f.amount, f.source, f.target))
