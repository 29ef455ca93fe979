"""How money got from the theft to one terminal, hop by hop.

Among the dyed units of one leg, first-in-first-out stays first-in-first-out when clean units are left out, and
last-in-first-out likewise, so the route of every unit follows from the dyed moves of a case alone. A dyed move's
units are numbered from 0 in the order in which they travel; a Part says which numbers of an earlier move they were.
Under haircut units have no identity; the routes then take the oldest dye first and are an illustration (`EXACT`).

Invariant: the parts of a dyed move sum to its dyed units, no unit of an earlier move is used twice, and the routes to
a place sum to the dyed units that ended there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from dyepack.errors import CaseError, quoted
from dyepack.ledger.schema import ZERO_ADDRESS, ZERO_OF_TRON
from dyepack.tracing.terminals import WORDS, WORDS_BACKWARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement

EXACT = ("fifo", "lifo-a", "lifo-b", "taint-first", "clean-first", "dirty-first")
_STILL_THERE = ("held", "gap", "date_limit")
_MOST_STEPS = 1_000_000


_Key = tuple[int, str, str]
"""Leg, transaction, and who exchanged: an address, or the contract that issues the asset."""

_NOBODY = ("", ZERO_ADDRESS, ZERO_OF_TRON)


@dataclass(slots=True)
class Part:
    """`units` units of dyed move number `feeder` (-1: the theft), from its unit number `start` on; `turned`: they
    travel on in reverse order. For a swap's product, `start` and `of` number the payment, in proportion."""

    feeder: int
    start: int
    units: int
    turned: bool = False
    of: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a route: the move, and how many of its units are on the route."""

    move: DyedMove
    units: int


@dataclass(slots=True)
class Routes:
    """The routes to a place, largest first: `shown` of `count`; what ended there and what is shown, by asset.

    `cut`: there are more routes than were looked for, so `count` is too small.
    """

    shown: list[list[Step]]
    count: int
    totals: dict[str, int]
    sums: dict[str, int]
    cut: bool = False


@dataclass(slots=True)
class Ways:
    """Where the units of every dyed move came from, and what is left of each in the place it reached."""

    parts: list[list[Part]] = field(default_factory=list)
    left: dict[tuple[int, str, str], deque[Part]] = field(default_factory=dict)


def ways(moves: list[DyedMove], rule: str) -> Ways:
    """Replay the dyed units of each leg through the places of a case (on a ledger of outputs, through the outputs,
    which lifo-b empties from the front: it is the transaction's outputs that are filled in reverse)."""
    out = Ways()
    tills: dict[_Key, _Till] = {}
    for at, move in enumerate(moves):
        parts = [Part(-1, 0, move.fresh)] if move.fresh else []
        need = move.units - move.fresh
        pot = out.left.get((move.leg, move.spent or move.source, move.asset))
        if need and pot:
            parts += _take(pot, need, "fifo" if move.spent and rule == "lifo-b" else rule)
        elif need and (till := tills.get((move.leg, move.txid, move.source or move.asset))):
            parts.append(till.part(need))
        out.parts.append(parts)
        if move.stop == "carried":
            out.left.setdefault((move.leg, move.made or move.target, move.asset), deque()).append(
                Part(at, 0, move.units)
            )
        elif move.stop == "converted":
            payee = move.asset if move.target in _NOBODY else move.target
            key = (move.leg, move.txid, payee)
            if key not in tills:
                tills[key] = _Till(_given(moves, at, payee))
            tills[key].paid.append(Part(at, 0, move.units))
    return out


@dataclass(slots=True)
class _Till:
    """What was paid into an exchange in one transaction; `given`: dyed units of one leg that it gives for it."""

    given: int
    paid: deque[Part] = field(default_factory=deque)
    seen: int = 0

    def part(self, units: int) -> Part:
        """What the next product is made of: the next of several payments, or its share of the only one."""
        if len(self.paid) > 1 or units >= self.given:
            payment = self.paid.popleft() if len(self.paid) > 1 else self.paid[0]
            return Part(payment.feeder, 0, units, of=payment.units)
        payment = self.paid[0]
        low, high = (payment.units * n // self.given for n in (self.seen, min(self.seen + units, self.given)))
        self.seen += units
        return Part(payment.feeder, low, units, of=max(high - low, 1))


def _given(moves: list[DyedMove], paid: int, payee: str) -> int:
    """Dyed units of a payment's leg that its payee gives after it in the same transaction."""
    total = 0
    for move in islice(moves, paid + 1, None):
        if move.txid != moves[paid].txid:
            break
        if move.leg == moves[paid].leg and (move.source or move.asset) == payee and not move.fresh:
            total += move.units
    return total


def _take(pot: deque[Part], need: int, rule: str) -> list[Part]:
    """Units out of a place, in the order in which they leave."""
    newest = rule in ("lifo-a", "lifo-b")
    out: list[Part] = []
    while need and pot:
        lot = pot[-1] if newest else pot[0]
        units = min(need, lot.units)
        start = lot.start + lot.units - units if newest else lot.start
        out.append(Part(lot.feeder, start, units, turned=rule == "lifo-a"))
        lot.units -= units
        if not newest:
            lot.start += units
        if not lot.units:
            if newest:
                pot.pop()
            else:
                pot.popleft()
        need -= units
    return out[::-1] if rule == "lifo-b" else out


def _origins(found: Ways, at: int, start: int, units: int) -> Iterator[tuple[int, Part]]:
    """What units `start` to `start + units` of dyed move `at` are made of: (how many of them, the part)."""
    seen = 0
    for part in found.parts[at]:
        low, high = max(start, seen), min(start + units, seen + part.units)
        if low < high:
            first = part.units - (high - seen) if part.turned else low - seen
            if part.of:
                paid = max(1, (high - low) * part.of // part.units)
                at_paid = min(first * part.of // part.units, part.of - paid)
                yield high - low, Part(part.feeder, part.start + at_paid, paid)
            else:
                yield high - low, Part(part.feeder, part.start + first, high - low)
        seen += part.units


class _Trails:
    """Ways back from the ends as a tree, so that routes that share a tail share its nodes."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.at: list[int] = []
        self.known: dict[tuple[int, int], int] = {}
        self.arrived: dict[int, tuple[int, int]] = {}
        """Units that came by the way that begins at a node: those of the theft, and those that ended."""
        self.cut = False

    def node(self, parent: int, at: int) -> int:
        """The node for dyed move `at` before the way of `parent` (-1: the end)."""
        key = parent, at
        if key not in self.known:
            self.known[key] = len(self.at)
            self.parent.append(parent)
            self.at.append(at)
        return self.known[key]

    def steps(self, node: int, moves: list[DyedMove], found: Ways) -> list[Step]:
        """The way from the theft to the end; across a swap the units change in proportion."""
        units, ended = self.arrived[node]
        steps = [Step(moves[self.at[node]], units)]
        swapped = 0
        while self.parent[node] >= 0:
            feeder, node = self.at[node], self.parent[node]
            for part in found.parts[self.at[node]]:
                if part.feeder == feeder and part.of:
                    units = units * part.units // part.of
                    swapped = len(steps)
            steps.append(Step(moves[self.at[node]], units))
        return steps[:swapped] + [Step(s.move, ended) for s in steps[swapped:]]


def trails(found: Ways, ends: list[Part]) -> _Trails:
    """Every way back to the theft from the given units, until too many steps were taken (`cut`)."""
    out = _Trails()
    stack = [(out.node(-1, end.feeder), end, end.units) for end in ends]
    looked = 0
    while stack:
        looked += 1
        if looked > _MOST_STEPS:
            out.cut = True
            break
        node, part, ended = stack.pop()
        for taken, origin in _origins(found, part.feeder, part.start, part.units):
            share = ended * taken // part.units
            if origin.feeder < 0:
                known = out.arrived.get(node, (0, 0))
                out.arrived[node] = known[0] + origin.units, known[1] + share
            else:
                stack.append((out.node(node, origin.feeder), origin, share))
    return out


def routes_to(moves: list[DyedMove], statement: Statement, place: str, most: int) -> Routes:
    """The largest routes to a terminal given by address, name (or part of one) or stop.

    CaseError if no dyed money of the case ended there.
    """
    found = ways(moves, statement.rule)
    ends = _ends(moves, found, statement, place)
    if not ends:
        stops = ", ".join(sorted({t.stop for t in statement.terminals if t.amount(statement.rule)}))
        raise CaseError(
            f"no dyed money of this case ends at {quoted(place)}",
            remedy=f"give an address or name that `dyepack statement` lists, or a stop of this case: {stops}",
        )
    tree = trails(found, ends)
    nodes = sorted(tree.arrived, key=lambda n: (-tree.arrived[n][1], n))
    shown = [tree.steps(n, moves, found) for n in nodes[:most]]
    totals: dict[str, int] = {}
    sums: dict[str, int] = {}
    for end in ends:
        totals[moves[end.feeder].asset] = totals.get(moves[end.feeder].asset, 0) + end.units
    for steps in shown:
        last = steps[-1]
        sums[last.move.asset] = sums.get(last.move.asset, 0) + last.units
    return Routes(shown, len(nodes), totals, sums, tree.cut)


def _ends(moves: list[DyedMove], found: Ways, statement: Statement, place: str) -> list[Part]:
    """The units that ended at a place: whole dyed moves that stopped there, and what was left in places."""
    wanted = place.strip().lower()
    if not wanted:
        return []
    spoken = {words.lower(): stop.name.lower() for stop, words in (*WORDS.items(), *WORDS_BACKWARD.items())}
    wanted = spoken.get(wanted, wanted)
    names = {t.entity.lower() for t in statement.terminals if t.entity}
    like = {wanted} if wanted in names else {n for n in names if wanted in n}
    named = {t.place for t in statement.terminals if t.place and t.entity.lower() in like}
    kept = {(t.place, t.asset) for t in statement.terminals
            if t.stop in _STILL_THERE and (wanted in (t.place.lower(), t.stop) or t.place in named)}  # fmt: skip
    ends = [
        Part(at, 0, m.units)
        for at, m in enumerate(moves)
        if m.stop not in ("carried", "converted")
        and (m.stop == wanted or (m.target and (m.target.lower() == wanted or m.target in named)))
    ]
    for (_, where, asset), lots in found.left.items():
        if (where, asset) in kept:
            ends += list(lots)
    return ends
