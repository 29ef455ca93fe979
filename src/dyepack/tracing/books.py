"""Balances of a ledger with the declared deposits of a case laid over it.

Invariant: `balance` is what the ledger's moves and the declared deposits before a point leave in a holding,
never below zero; the ledger itself is not changed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.ledger.schema import NOWHERE
from dyepack.tracing.exchange import Exchanges

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.plan import Declared


@dataclass(frozen=True, slots=True)
class Worked:
    """One holding with declared deposits, worked out in full.

    before    base units before each entry, and at the end; deposits declared before a move are in
    at        base units just before declared deposit number ...
    gaps      base units that the holding lacked for a move, by move
    """

    before: list[int]
    at: dict[int, int]
    gaps: dict[int, int]


class Books:
    """What the replays of one plan look up in its ledger, whatever the rule: kept, so that the next rule finds it.

    Holdings with declared deposits are worked out once, the balances of others come from the ledger's marks.
    """

    def __init__(self, ledger: Ledger, declared: list[Declared]) -> None:
        self.ledger = ledger
        self._worked: dict[int, Worked] = {}
        self._declared: dict[int, list[tuple[int, Declared]]] = {}
        for number, d in enumerate(declared):
            self._declared.setdefault(d.holding, []).append((number, d))
        self._gap_moves = ledger.gap_move.data
        self._balances: dict[tuple[int, int], int] = {}
        self.exchanges = Exchanges(ledger)
        self._parties: dict[int, int] = {}

    def balance(self, holding: int, place: int) -> int:
        """Base units just before the holding's entry number `place` and after the deposits declared before it."""
        if holding in self._declared:
            return self.worked(holding).before[place]
        key = holding, place
        if key not in self._balances:
            self._balances[key] = self.ledger.balance_before(holding, place)
        return self._balances[key]

    def counterparties(self, holding: int, most: int) -> int:
        """How many distinct holdings a holding ever dealt with; counting ends once they are more than `most`."""
        if holding not in self._parties:
            codes = self.ledger.entries(holding)
            seen: set[int] = set()
            if len(codes) > most:
                ends = (self.ledger.move_to, self.ledger.move_from)
                for code in codes.tolist():
                    seen.add(int(ends[code & 1][code >> 1]))
                    if len(seen) > most + 1:
                        break
            self._parties[holding] = len(seen - {NOWHERE})
        return self._parties[holding]

    def gap(self, move: int) -> int:
        """Base units that the sender of a move lacked for it."""
        sender = int(self.ledger.move_from[move])
        if sender == NOWHERE:
            return 0
        if sender in self._declared or self.ledger.holding_wide[sender]:
            return self.worked(sender).gaps.get(move, 0)
        at = bisect_left(self._gap_moves, move)
        if at == len(self._gap_moves) or self._gap_moves[at] != move:
            return 0
        lo, hi = self.ledger.gap_amount[at].tolist()
        return int(lo | hi << 64)

    def declared_holdings(self) -> list[int]:
        """Holdings with declared deposits."""
        return sorted(self._declared)

    def worked(self, holding: int) -> Worked:
        """A holding worked out in full, once."""
        if holding in self._worked:
            return self._worked[holding]
        waiting = self._declared.get(holding, [])
        done = Worked([], {}, {})
        due = balance = 0
        for code in self.ledger.entries(holding).tolist():
            while due < len(waiting) and waiting[due][1].before_move <= code >> 1:
                done.at[waiting[due][0]] = balance
                balance += waiting[due][1].units
                due += 1
            done.before.append(balance)
            units = self.ledger.amount(code >> 1)
            if not code & 1 and units > balance:
                done.gaps[code >> 1] = units - balance
            balance = balance + units if code & 1 else max(balance - units, 0)
        for number, d in waiting[due:]:
            done.at[number] = balance
            balance += d.units
        done.before.append(balance)
        self._worked[holding] = done
        return done
