"""How money got from the theft to one terminal, hop by hop.

Among the dyed units of one leg, first-in-first-out stays first-in-first-out when clean units are left out, and
last-in-first-out likewise, so the links between dyed moves follow from the dyed moves of a case alone.
Under haircut units have no identity; the links then take the oldest dye first and are an illustration (`exact` says).

Invariant: for every dyed move the links into it sum to its dyed units, and no move feeds more than it brought.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import CaseError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement

EXACT = ("fifo", "lifo-a", "lifo-b", "taint-first", "clean-first", "dirty-first")


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a path; `units` of the path's money are in the move's `moved` dyed units."""

    move: DyedMove
    units: int


def links(moves: list[DyedMove], rule: str) -> dict[int, list[tuple[int, int]]]:
    """For each dyed move (its index), the moves that fed it and how much: (index, units); -1 is the theft."""
    queues: dict[tuple[int, str, str], deque[list[int]]] = {}
    fed: dict[int, list[tuple[int, int]]] = {}
    newest_first = rule in ("lifo-a", "lifo-b")
    swapped: dict[tuple[int, str], deque[list[int]]] = {}
    for at, move in enumerate(moves):
        parts = [(-1, move.fresh)] if move.fresh else []
        need = move.units - move.fresh
        if need:
            pot = queues.get((move.leg, move.source, move.asset))
            waiting = swapped.get((move.leg, move.txid))
            if not pot and waiting:
                parts += _take_product(waiting, need)
            elif pot:
                parts += _take(pot, need, newest_first=newest_first)
        fed[at] = parts
        if move.stop == "carried":
            queues.setdefault((move.leg, move.target, move.asset), deque()).append([at, move.units])
        elif move.stop == "converted":
            swapped.setdefault((move.leg, move.txid), deque()).append([at, move.units])
    return fed


def _take(pot: deque[list[int]], need: int, *, newest_first: bool) -> list[tuple[int, int]]:
    out = []
    while need and pot:
        lot = pot[-1] if newest_first else pot[0]
        part = min(need, lot[1])
        out.append((lot[0], part))
        lot[1] -= part
        need -= part
        if not lot[1]:
            if newest_first:
                pot.pop()
            else:
                pot.popleft()
    return out


def _take_product(waiting: deque[list[int]], need: int) -> list[tuple[int, int]]:
    """The product of a swap comes from its payment, whatever the two amounts are."""
    payment = waiting.popleft()
    return [(payment[0], need)]


def widest(moves: list[DyedMove], rule: str, ends: Iterable[int]) -> list[list[Step]]:
    """For each end (index of a dyed move), the path back to the theft along the largest feed, theft first.

    The path's units are the least that any of its links carries, in the asset of each hop.
    """
    fed = links(moves, rule)
    out = []
    for end in ends:
        steps = [Step(moves[end], moves[end].units)]
        at = end
        while fed[at]:
            feeder, units = max(fed[at], key=lambda f: (f[1], -f[0]))
            if feeder < 0:
                steps[-1] = Step(moves[at], min(steps[-1].units, units))
                break
            same = moves[feeder].asset == moves[at].asset
            carried = min(steps[-1].units, units)
            steps[-1] = Step(moves[at], carried)
            steps.append(Step(moves[feeder], carried if same else moves[feeder].units))
            at = feeder
        out.append(steps[::-1])
    return out


def paths_to(moves: list[DyedMove], statement: Statement, place: str, most: int) -> list[list[Step]]:
    """The widest paths to a terminal given by address, name or stop, largest end first.

    CaseError if no dyed move of the case ends there.
    """
    wanted = place.strip().lower()
    named = {t.place for t in statement.terminals if t.entity.lower() == wanted and t.place}
    held = ("held", "gap", "date_limit")
    kept = {t.place for t in statement.terminals if t.stop in held and wanted in (t.place.lower(), t.stop)} | named

    def is_end(m: DyedMove) -> bool:
        if m.stop == "carried":
            return m.target in kept
        return m.target.lower() == wanted or m.target in named or m.stop == wanted

    ends = [at for at, m in enumerate(moves) if is_end(m)]
    if not ends:
        raise CaseError(
            f"no dyed money of this case ends at {quoted(place)}",
            remedy="give an address or name that `dyepack statement` lists, or a stop such as mixer, held or fee",
        )
    ends.sort(key=lambda at: (-moves[at].units, at))
    return widest(moves, statement.rule, ends[:most])
