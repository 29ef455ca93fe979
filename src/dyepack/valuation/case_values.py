"""What the stolen units of a case were worth: at the theft, at each arrival or conversion, and on a stated day.

Three bases that are never added: V0 at the theft (the day of the move or deposit that took the units), V1 at the move
that brought them to where they stopped or swapped them, V2 on one day for all.
Invariant: each value is of the headline rule's units of one line of the statement; a total is of one basis, one
currency, and says how many of its values had no price.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dyepack.valuation.model import NO_PRICE, Total, Value, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement
    from dyepack.valuation.book import PriceBook

BASES = ("at the theft", "when it arrived", "on a stated day")
NO_DAY, BY_SWAP = "no day", "not stolen in this asset: it came by a swap"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement with its values, by currency.

    what         "stolen", or the stop of a terminal, or "converted"
    place, entity, asset, units   as in the statement (base units under the headline rule)
    theft        at the theft: of a terminal at the average day-price of its asset's legs, in proportion to their units
    arrival      when it arrived there, day by day; of a leg the same as `theft`
    stated       on the stated day, None where none was asked for
    """

    what: str
    place: str
    entity: str
    asset: str
    units: int
    theft: dict[str, Value]
    arrival: dict[str, Value]
    stated: dict[str, Value] | None

    def on(self, basis: str) -> dict[str, Value]:
        """The values on one of BASES, by currency."""
        return {BASES[0]: self.theft, BASES[1]: self.arrival, BASES[2]: self.stated or {}}[basis]


@dataclass(slots=True)
class CaseValues:
    """The values of a case; `currencies` in the order asked for."""

    currencies: list[str]
    stated_day: date | None
    stolen: list[Line]
    ended: list[Line]

    def totals(self, lines: Sequence[Line], basis: str) -> list[Total]:
        """The sum of some lines on one basis, a total a currency."""
        return [total([line.on(basis)[c] for line in lines], c) for c in self.currencies]

    def lacking(self) -> list[Line]:
        """The lines with a value that has no price (one that came by a swap has none at the theft by its nature)."""
        return [line for line in (*self.stolen, *self.ended)
                if any(v.amount is None and v.reason != BY_SWAP
                       for basis in BASES for v in line.on(basis).values())]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        bases = BASES if self.stated_day else BASES[:2]
        return {
            "currencies": self.currencies, "stated_day": self.stated_day and self.stated_day.isoformat(),
            "stolen": [_row(line) for line in self.stolen], "ended": [_row(line) for line in self.ended],
            "totals": {what: {basis: [t.to_json() for t in self.totals(lines, basis)] for basis in bases}
                       for what, lines in (("stolen", self.stolen), ("ended", self.ended))},
        }  # fmt: skip


def _row(line: Line) -> dict[str, Any]:
    return {
        "what": line.what, "place": line.place, "entity": line.entity, "asset": line.asset, "units": str(line.units),
        "at_theft": [v.to_json() for v in line.theft.values()],
        "at_arrival": [v.to_json() for v in line.arrival.values()],
        "stated": [v.to_json() for v in (line.stated or {}).values()],
    }  # fmt: skip


def value_case(
    statement: Statement, moves: list[DyedMove], book: PriceBook, currencies: list[str], stated: date | None = None
) -> CaseValues:
    """Value every leg and every terminal of a case; days are UTC days of the moves."""
    work = _Work(statement, book, currencies, stated)
    taken: dict[int, list[tuple[str, int]]] = defaultdict(list)
    ended: dict[tuple[str, str, str], list[tuple[str, int]]] = defaultdict(list)
    for move in moves:
        if move.fresh:
            taken[move.leg].append((move.time, move.fresh))
        if move.stop != "carried":
            ended[move.stop, move.target, move.asset].append((move.time, move.units))
        else:
            ended["carried", move.target, move.asset].append((move.time, move.units))
    legs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    stolen = []
    for source in statement.sources:
        legs[source.asset] += taken[source.leg]
        values = work.by_days(source.asset, taken[source.leg])
        stolen.append(Line("stolen", "", source.name, source.asset, source.amount, values, values,
                           work.stated(source.asset, source.amount)))  # fmt: skip
    lines = []
    for t in statement.terminals:
        units = t.amount(statement.rule)
        if not units:
            continue
        came = ended.get((t.stop, t.place, t.asset)) or ended.get(("carried", t.place, t.asset), [])
        theft = work.by_days(t.asset, _scaled(legs[t.asset], units)) if legs[t.asset] else work.none(BY_SWAP)
        arrival = work.by_days(t.asset, _scaled(came, units))
        lines.append(Line(t.stop, t.place, t.entity, t.asset, units, theft, arrival,
                          work.stated(t.asset, units)))  # fmt: skip
    return CaseValues(currencies, stated, stolen, lines)


def _scaled(parts: list[tuple[str, int]], units: int) -> list[tuple[str, int]]:
    """Parts by time laid over so many units, in proportion and exactly (the last part takes the rest of rounding)."""
    whole = sum(part for _, part in parts)
    if not whole:
        return [("", units)]
    out, seen, done = [], 0, 0
    for when, part in parts:
        seen += part
        share = units * seen // whole - done
        done += share
        out.append((when, share))
    return out


class _Work:
    def __init__(self, statement: Statement, book: PriceBook, currencies: list[str], stated: date | None) -> None:
        self.statement, self.book, self.currencies, self.day = statement, book, currencies, stated

    def by_days(self, asset: str, parts: Iterable[tuple[str, int]]) -> dict[str, Value]:
        """The value of parts, each on its own day, as one value a currency."""
        days: dict[date | None, int] = defaultdict(int)
        for when, units in parts:
            days[datetime.fromisoformat(when).date() if when else None] += units
        return {c: self._sum(asset, days, c) for c in self.currencies}

    def _sum(self, asset: str, days: dict[date | None, int], currency: str) -> Value:
        known = self.statement.assets[asset]
        found = [(day, units) for day, units in days.items() if units]
        if any(day is None for day, _ in found) or not found:
            return Value(currency, date.min, None, reason=NO_DAY if found else NO_PRICE)
        values = [self.book.value(known, units, day, currency) for day, units in found if day is not None]
        lacking = next((v for v in values if v.amount is None), None)
        if lacking is not None:
            return Value(currency, lacking.day, None, lacking.price, reason=lacking.reason)
        first = values[0]
        if len(values) == 1:
            return first
        worth = total(values, currency)
        marked = next((v for v in values if v.estimated), first)
        others = tuple(p for v in values for p in v.others)
        return Value(currency, min(v.day for v in values), worth.amount, marked.price, marked.rate, others)

    def none(self, reason: str) -> dict[str, Value]:
        """No value, for a reason."""
        return {c: Value(c, date.min, None, reason=reason) for c in self.currencies}

    def stated(self, asset: str, units: int) -> dict[str, Value] | None:
        """The value on the stated day."""
        if self.day is None:
            return None
        known = self.statement.assets[asset]
        return {c: self.book.value(known, units, self.day, c) for c in self.currencies}
