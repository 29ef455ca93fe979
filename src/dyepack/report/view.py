"""What the page shows, worked out from a statement: groups, sums, shares, sentences.

Invariant: every amount here is a sum of the statement's own integers; poison amounts appear in the rule
table only. All strings are raw: the template's factory sends each through sinks.for_html.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyepack.report.flow_graph import ROLE_OF_STOP
from dyepack.report.probable import CAVEAT, probable_rows
from dyepack.report.words import (
    EVIDENCE,
    FEE,
    SAID,
    SAID_BACKWARD,
    SAID_FIRST,
    Names,
    bar,
    counted,
    joined,
    labelled,
    share,
    stop_words,
    tag_row,
    utc,
)
from dyepack.tracing.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.tracing.statement import Balance, Statement, Terminal

SHOWN = 12
"""Places of a group that are listed at once; the others unfold."""
SHOWN_TXIDS = 2
_OPEN = ("gap", "hop_limit", "hub", "cut_off", "swap", "chosen", "mixed", "date_limit", "unexplained")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as text, exact, with its asset's name and its base units for the tooltip."""

    text: str
    symbol: str
    base: str


@dataclass(frozen=True, slots=True)
class Brief:
    """An amount in a sentence: cut to a few digits, the exact one in its tooltip and in the table below."""

    text: str
    exact: str


@dataclass(frozen=True, slots=True)
class Group:
    """Terminals of one entity, or the unnamed ones of one stop."""

    name: str
    named: bool
    role: str
    stops: str
    several: bool
    sums: list[Amount]
    terminals: list[dict[str, Any]]
    table: str


class View:
    """The parts of the page for one statement."""

    def __init__(self, statement: Statement) -> None:
        """Order the rules: the headline, the others as catalogued, the unmixed and the reach rule last."""
        self.of = statement
        self.names = Names(statement)
        self.interval_rules = statement.interval_rules or [statement.rule]
        found = {rule for t in statement.terminals for rule in t.amounts} | {statement.rule}
        known = [r for r in RULES if r in found] + sorted(found - RULES.keys())
        tail = [r for r in (statement.unmixed_rule, statement.reach_rule) if r in found and r != statement.rule]
        self.rules = [statement.rule, *(r for r in known if r != statement.rule and r not in tail), *tail]
        self.sums = self._sums()

    def words(self, stop: str) -> str:
        """Why a trace stopped, in words that fit its direction."""
        return stop_words(stop, backward=self.backward)

    def amount(self, asset: str, units: int) -> Amount:
        """An amount to show."""
        return Amount(self.names.number(asset, units), self.names.symbol(asset), f"{units} base units")

    def cut(self, asset: str, units: int) -> Amount:
        """An amount cut to four places, the exact one in its tooltip."""
        found = self.names.asset(asset)
        text = found.format(units, places=min(4, found.decimals or 0))
        return Amount(text, self.names.symbol(asset), f"{self.names.exact(asset, units)} = {units} base units")

    def span(self, asset: str, low: int, high: int) -> dict[str, Any]:
        """An interval to show."""
        return {"low": self.amount(asset, low), "high": self.amount(asset, high), "same": low == high}

    def _sums(self) -> dict[str, int]:
        """Per asset what is to be accounted for: what was put in and what was swapped in."""
        sums: dict[str, int] = defaultdict(int)
        for source in self.of.sources:
            sums[source.asset] += 0
        for balance in self._proofs(self.of.rule):
            sums[balance.asset] += balance.put_in + balance.swapped_in
        for asset in {s.asset for s in self.of.sources}:
            sums[asset] = sums[asset] or self.of.total(asset)
        return dict(sums)

    def _proofs(self, rule: str) -> list[Balance]:
        return [b for b in self.of.balances if b.rule == rule]

    def headlines(self) -> list[list[str | Brief]]:
        """One plain sentence or two per asset: how much, where it went, how sure that is."""
        return [self._headline(asset) for asset in self._assets()]

    def _assets(self) -> list[str]:
        stolen = [s.asset for s in self.of.sources]
        others = sorted({t.asset for t in self.of.terminals if self._counts(t)} - set(stolen))
        return list(dict.fromkeys(stolen)) + others

    def _counts(self, terminal: Terminal) -> bool:
        """Whether a rule that follows every unit sends some here."""
        return any(terminal.amount(rule) for rule in (self.of.rule, *self.interval_rules))

    def brief(self, asset: str, units: int) -> Brief:
        """An amount in a sentence."""
        return Brief(self.names.brief(asset, units), self.names.exact(asset, units))

    def _headline(self, asset: str) -> list[str | Brief]:
        put_in, swapped_in = self.of.total(asset), 0
        for balance in self._proofs(self.of.rule):
            swapped_in += balance.swapped_in if balance.asset == asset else 0
        said: list[str | Brief] = [f"No {self.names.symbol(asset)} was itself stolen"]
        if put_in:
            said = [self.brief(asset, put_in), " was followed back" if self.backward else " was stolen"]
        if swapped_in:
            said += [", and ", self.brief(asset, swapped_in), " came in through swaps of other stolen assets"]
        said.append(f". Under the rule {self.of.rule}, ")
        lines = [line for line in self._lines(asset) + self._swapped(asset) if line["units"]]
        lines.sort(key=lambda line: SAID_FIRST.get(line["stop"], 9))
        for number, line in enumerate(lines):
            said += [
                "; " if number else "",
                self.brief(asset, line["units"]),
                f" ({line['share']}) {self._where(line)}",
            ]
        said.append("." if lines else "none of it has been placed.")
        for line in lines:
            if line["stop"] == "service" and not line["span"]["same"]:
                low, high = line["spread"]
                said += [" Over the rules compared, services got from ", self.brief(asset, low)]
                said += [" to ", self.brief(asset, high), "."]
        return said

    @property
    def backward(self) -> bool:
        """Whether money was traced to where it came from."""
        return self.of.direction.lower().startswith("back")

    def _where(self, line: dict[str, Any]) -> str:
        stop = line["stop"]
        words = (SAID_BACKWARD if self.backward else SAID).get(stop) or f"ended as \u201c{self.words(stop)}\u201d"
        if line["entities"]:
            return f"{words} ({joined(line['entities'], 5)})"
        at = (
            f" at {counted(line['places'], 'place')}"
            if line["places"] and stop in {"held", "date_limit", "gap"}
            else ""
        )
        return words + at

    def glance(self) -> list[dict[str, Any]]:
        """Per asset the sums by stop, with shares, intervals and the length of their bars."""
        return [
            {
                "symbol": self.names.symbol(asset),
                "key": asset,
                "whole": self.amount(asset, self.sums.get(asset, 0)),
                "lines": self._lines(asset) + self._swapped(asset),
            }
            for asset in self._assets()
        ]

    def _lines(self, asset: str) -> list[dict[str, Any]]:
        groups: dict[str, list[Terminal]] = defaultdict(list)
        for t in self.of.terminals:
            if t.asset == asset and self._counts(t):
                groups[t.stop].append(t)
        whole, lines = self.sums.get(asset, 0), []
        for stop, members in groups.items():
            units = sum(t.amount(self.of.rule) for t in members)
            per_rule = [sum(t.amount(rule) for t in members) for rule in self.interval_rules]
            paid = [t for t in members if t.amount(self.of.rule)]
            big_first = sorted(paid, key=lambda t: (-t.amount(self.of.rule), t.place))
            if not units and not max(per_rule):
                continue
            lines.append({
                "stop": stop,
                "words": self.words(stop),
                "role": ROLE_OF_STOP.get(stop, "open"),
                "units": units,
                "amount": self.amount(asset, units),
                "share": share(units, whole),
                "bar": bar(units, whole),
                "span": self.span(asset, min(per_rule), max(per_rule)),
                "spread": (min(per_rule), max(per_rule)),
                "places": sum(1 for t in paid if t.place),
                "entities": list(dict.fromkeys(labelled(t) for t in big_first if labelled(t))),
            })  # fmt: skip
        return sorted(lines, key=lambda line: (-line["units"], line["stop"]))

    def _swapped(self, asset: str) -> list[dict[str, Any]]:
        """The line for what was swapped into another asset; that asset's own lines say where it went."""
        sums = {r: sum(b.swapped_out for b in self._proofs(r) if b.asset == asset) for r in self.interval_rules}
        units = sum(b.swapped_out for b in self._proofs(self.of.rule) if b.asset == asset)
        if not units and not any(sums.values()):
            return []
        whole, spread = self.sums.get(asset, 0), list(sums.values())
        return [{
            "stop": "converted", "words": self.words("converted"), "role": "ended", "units": units,
            "amount": self.amount(asset, units), "share": share(units, whole), "bar": bar(units, whole),
            "span": self.span(asset, min(spread), max(spread)), "places": 0, "entities": [],
        }]  # fmt: skip

    def groups(self) -> list[Group]:
        """Terminals that some conserving rule reaches, by entity; the unnamed by stop; the biggest first."""
        found: dict[tuple[bool, str], list[Terminal]] = defaultdict(list)
        for t in self.of.terminals:
            if self._counts(t):
                name = labelled(t)
                found[not name, name or t.stop].append(t)
        ranked = sorted(found.items(), key=lambda item: (item[0][0], -self._weight(item[1]), item[0][1]))
        return [self._group(key, members, number) for number, (key, members) in enumerate(ranked)]

    def _weight(self, members: Iterable[Terminal]) -> float:
        """For ranking across assets only: shares of each asset's whole."""
        return sum(t.amount(self.of.rule) / max(self.sums.get(t.asset, 0), 1) for t in members)

    def _group(self, key: tuple[bool, str], members: list[Terminal], number: int) -> Group:
        unnamed, name = key
        members.sort(key=lambda t: (-self._weight([t]), t.asset, t.place))
        sums: dict[str, int] = defaultdict(int)
        for t in members:
            sums[t.asset] += t.amount(self.of.rule)
        stops = list(dict.fromkeys(self.words(t.stop) for t in members))
        words = self.words(name) if unnamed else name
        return Group(
            name=words[:1].upper() + words[1:] if unnamed else words,
            named=not unnamed,
            role=ROLE_OF_STOP.get(members[0].stop, "open"),
            stops="" if unnamed else joined(stops),
            several=len(stops) > 1,
            sums=[self.amount(a, units) for a, units in sums.items() if units],
            terminals=[self._terminal(t) for t in members],
            table=f"g{number}",
        )

    def _terminal(self, t: Terminal) -> dict[str, Any]:
        low, high = t.interval(self.interval_rules)
        unmixed = self.of.unmixed_rule
        return {
            "place": t.place or ("to miners and validators" if t.stop == FEE else "no place"),
            "is_address": bool(t.place),
            "stop": self.words(t.stop),
            "amount": self.amount(t.asset, t.amount(self.of.rule)),
            "span": self.span(t.asset, low, high),
            "unmixed": self.amount(t.asset, t.amount(unmixed)) if unmixed in t.amounts else None,
            "moves": t.moves,
            "first": utc(t.first),
            "last": utc(t.last),
            "hops": "" if t.hops is None else str(t.hops[0]) if t.hops[0] == t.hops[1] else f"{t.hops[0]}–{t.hops[1]}",
            "tag": tag_row(t) if labelled(t) else None,
            "txids": t.txids,
        }

    def rule_tables(self) -> list[dict[str, Any]]:
        """Per asset the sum under every rule, reach included, by entity or stop, and the total."""
        sums: dict[tuple[str, bool, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        stops: dict[tuple[str, bool, str], list[str]] = defaultdict(list)
        for t in self.of.terminals:
            name = "" if t.stop == "mixed" else labelled(t)
            key = (t.asset, not name, name or t.stop)
            stops[key].append(self.words(t.stop))
            for rule, units in t.amounts.items():
                sums[key][rule] += units
        assets = list(dict.fromkeys([*self._assets(), *sorted(key[0] for key in sums)]))
        ranked = sorted(sums, key=lambda k: (k[1], -sums[k][self.of.rule], k[2]))
        tables = []
        for asset in assets:
            mine = [key for key in ranked if key[0] == asset]
            rows = [
                {
                    "name": self.words(key[2]) if key[1] else key[2],
                    "stops": "" if key[1] else joined(list(dict.fromkeys(stops[key]))),
                    "amounts": [self.cut(asset, sums[key].get(rule, 0)) for rule in self.rules],
                }
                for key in mine
            ]
            totals = [
                None if rule == self.of.reach_rule else self.cut(asset, sum(sums[key].get(rule, 0) for key in mine))
                for rule in self.rules
            ]
            tables.append({"symbol": self.names.symbol(asset), "rows": rows, "totals": totals})
        return tables

    def proofs(self) -> list[dict[str, Any]]:
        """Both sides of every balance, as the statement carries them; reach has none."""
        legs = {s.leg: s.name for s in self.of.sources}
        order = {rule: i for i, rule in enumerate(self.rules)}
        kept = [b for b in self.of.balances if b.rule != self.of.reach_rule]
        kept.sort(key=lambda b: (order.get(b.rule, 99), b.leg, b.asset))
        return [
            {
                "rule": b.rule,
                "leg": legs.get(b.leg) or f"leg {b.leg}",
                "put_in": self.amount(b.asset, b.put_in),
                "swapped_in": self.amount(b.asset, b.swapped_in) if b.swapped_in else None,
                "left": self.amount(b.asset, b.put_in + b.swapped_in),
                "parts": [
                    (self.words(stop), self.amount(b.asset, units))
                    for stop, units in sorted(b.parts.items(), key=lambda p: (-p[1], p[0]))
                    if units
                ],
                "swapped_out": self.amount(b.asset, b.swapped_out) if b.swapped_out else None,
                "right": self.amount(b.asset, sum(b.parts.values()) + b.swapped_out),
                "holds": b.holds,
            }
            for b in kept
        ]

    def rule_words(self) -> list[tuple[str, str, str]]:
        """Every rule that was run: name, title, what it does."""
        return [
            (
                r,
                RULES[r].title if r in RULES else "",
                RULES[r].words if r in RULES else "a rule of the user's",
            )
            for r in self.rules
        ]

    def untraced(self) -> list[str]:
        """What was not followed, in words, with sums and the reason."""
        said = []
        for asset in self._assets():
            for line in self._lines(asset):
                if line["stop"] in _OPEN and line["units"]:
                    at = f", {counted(line['places'], 'place')}" if line["places"] else ""
                    amount = self.names.exact(asset, line["units"])
                    said.append(f"{amount} ({line['share']}): {line['words']}{at}.")
        return said

    def probable(self) -> list[dict[str, Any]]:
        """Where mixed money may have gone on, a mix a row."""
        return probable_rows(self.of, self.names)

    @property
    def caveat(self) -> str:
        """What to know before reading that."""
        return CAVEAT

    def reach_only(self) -> int:
        """Places that only the reach rule touches."""
        return sum(1 for t in self.of.terminals if not self._counts(t) and t.amount(self.of.reach_rule))

    def evidence(self) -> list[tuple[str, str]]:
        """The evidence classes in words."""
        return list(EVIDENCE.items())

    def parameters(self) -> list[tuple[str, str]]:
        """Parameters as lines; nested ones as JSON."""
        return [
            (
                str(k),
                v if isinstance(v, str) else json.dumps(v, sort_keys=True, ensure_ascii=False, default=str),
            )
            for k, v in self.of.parameters.items()
        ]
