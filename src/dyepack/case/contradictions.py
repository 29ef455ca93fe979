"""Names that are contradicted: what a statement says where lists disagree on who a place is.

Invariant: every terminal that the headline rule reaches and whose name another standing tag contradicts is told of, the
largest of each asset first; past `SHOWN` the rest is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyepack.tracing.statement import Statement

SHOWN = 20


def contradictions(statement: Statement) -> list[str]:
    """One sentence a place: who it is named as, and what else is said."""
    told = []
    for t in statement.terminals:
        against = (t.tag or {}).get("contradicted_by", ())
        if against and t.amount(statement.rule):
            told.append(f"{t.place} is named {t.entity or 'without a label'} ({(t.tag or {}).get('source', '')}), but "
                        f"{'; '.join(against)}")  # fmt: skip
    more = [f"{len(told) - SHOWN} more places have contradicted names: see their tags"] if len(told) > SHOWN else []
    return told[:SHOWN] + more
