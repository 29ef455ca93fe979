"""The true upper anonymity set: how many unspent notes of the pool a withdrawal can have spent.

A withdrawal spends one of the notes that had come in before it and were still unspent, and nothing on the chain says
which. Their number is the largest crowd the withdrawer can hide in; every true link to a note makes it smaller.

Invariant: 1 <= least <= most for every withdrawal; where all ranks are known, or no other event of the pool shares the
withdrawal's block, the two are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.pools.history import possible, span

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64
    from dyepack.patterns.pools.history import History


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Unspent notes at each withdrawal, (n,): `most` is the upper anonymity set.

    `least` counts only notes that had surely come in and were surely not gone; they differ where one block holds
    several events whose order the source does not say. `earlier` is how many deposits surely stand before it: the rows
    0 .. earlier - 1 of the deposits are those that a link may name.
    """

    most: I64
    least: I64
    earlier: I64


def anonymity(history: History) -> Anonymity:
    """The anonymity set at every withdrawal of a pool, from its whole history; three sorts and four look-ups."""
    came, went = span(history.deposits), span(history.withdrawals)
    most = possible(history.deposits, history.withdrawals)
    earlier = came.before(went.first)
    perhaps_gone = np.searchsorted(np.sort(went.first), went.last, "right").astype(np.int64) - 1
    return Anonymity(most, np.maximum(earlier - perhaps_gone, 1), earlier)


def unspent(history: History) -> int:
    """Notes still in the pool at the end of the history."""
    return len(history.deposits) - len(history.withdrawals)


def surely_gone(history: History, rows: I64) -> int:
    """How many of these deposits must have been withdrawn by the end, whichever each withdrawal spent.

    When more of them have come in than notes of the pool are unspent, the rest is gone: the most that this says at
    any withdrawal. Deterministic where the history is whole.
    """
    if not len(rows) or not len(history.withdrawals):
        return 0
    # What is left after a withdrawal is at most the upper anonymity set less the note that it took.
    chosen = np.zeros(len(history.deposits) + 1, np.int64)
    chosen[np.asarray(rows) + 1] = 1
    sets = anonymity(history)
    here = np.cumsum(chosen)[sets.earlier]
    return int(np.maximum(here - (sets.most - 1), 0).max())
