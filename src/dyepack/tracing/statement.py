"""The balanced account of a theft: every dyed unit, by terminal.

Invariant: for each leg and asset, dyed in + swapped in = sum over terminals + swapped out. A statement is shown only
after `check`: account.build calls it, and so does `from_json`.
Amounts are whole base units everywhere; `to_json` writes them as strings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from dyepack.errors import BalanceError
from dyepack.money import Asset
from dyepack.notebook import Grid, InNotebook
from dyepack.tracing.onward import Onward


@dataclass(frozen=True, slots=True)
class Source:
    """What a leg put in: `amount` units of `asset`, in `moves` moves or declared deposits, with their evidence."""

    leg: int
    name: str
    asset: str
    amount: int
    moves: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Terminal:
    """One line of a statement: one place where units of one asset stopped, for one reason.

    place        address or account, or "" for fees
    entity       who the naming tag says it is (raw outside text), or ""
    stop         name of the Stop in lower case ("service", "mixer", "held" ...)
    amounts      units under each rule that was run; 0 where a rule sends nothing here
    by_leg       units per leg under the headline rule
    moves        dyed moves that brought units here under the headline rule
    first, last  UTC times (ISO 8601) of the first and last of them, "" where none or unknown
    txids        the transactions of these moves, in order (all of them)
    hops         fewest and most moves from the theft to here, or None where the headline rule sends nothing here
    tag          source, confidence, evidence class and date of the tag that names the place, or None
    reason       of a gap: why what came after is not known
    """

    place: str
    entity: str
    stop: str
    asset: str
    amounts: dict[str, int]
    by_leg: dict[int, int]
    moves: int
    first: str
    last: str
    txids: list[str]
    hops: tuple[int, int] | None
    tag: dict[str, Any] | None
    reason: str = ""

    def amount(self, rule: str) -> int:
        """Units that `rule` sends here."""
        return self.amounts.get(rule, 0)

    def interval(self, rules: list[str]) -> tuple[int, int]:
        """The least and the most that any of `rules` sends here."""
        found = [self.amount(rule) for rule in rules]
        return min(found), max(found)


@dataclass(frozen=True, slots=True)
class Balance:
    """The proof for one rule, leg and asset: put_in + swapped_in = the parts + swapped_out; `holds` says so."""

    rule: str
    leg: int
    asset: str
    put_in: int
    swapped_in: int
    swapped_out: int
    parts: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether the two sides are equal."""
        return self.put_in + self.swapped_in == sum(self.parts.values()) + self.swapped_out


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Clean units that an account sent without being known to have received them, met while it held dye."""

    asset: str
    moves: int
    amount: int
    places: int


@dataclass(slots=True)
class Statement(InNotebook):
    """Everything a statement says; the CLI, the JSON file and the HTML page all show this object.

    `rule` is the headline rule, fixed before the run; `interval_rules` are the conserving rules behind the
    intervals; `unmixed_rule` counts what met no clean money in a move,
    `reach_rule` bounds the reach from above ("dirty-first", "poison").
    """

    theft: str
    title: str
    chain: str
    ledger: str
    direction: str
    rule: str
    interval_rules: list[str]
    assets: dict[str, Asset]
    sources: list[Source]
    terminals: list[Terminal]
    unexplained: list[Unexplained]
    balances: list[Balance]
    parameters: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    onward: list[Onward] = field(default_factory=list)
    """Where mixed units may have gone on: never in a total."""
    unmixed_rule: str = "dirty-first"
    reach_rule: str = "poison"

    def total(self, asset: str) -> int:
        """Units of an asset put in by all legs."""
        return sum(s.amount for s in self.sources if s.asset == asset)

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """The terminals as a header and rows: base units, and the headline amount as a decimal beside them."""
        rules = sorted({rule for t in self.terminals for rule in t.amounts})
        header = ["place", "entity", "stop", "asset", "decimals", "amount", "base_units", "least", "most", "moves",
                  "hops_least", "hops_most", "first", "last", "tag_source", "tag_confidence", "tag_evidence",
                  "first_tx", "last_tx", "reason", *(f"{rule}_base_units" for rule in rules)]  # fmt: skip
        rows = []
        for t in self.terminals:
            asset, tag, hops = self.assets[t.asset], t.tag or {}, t.hops or ("", "")
            least, most = t.interval(self.interval_rules)
            rows.append([
                t.place, t.entity, t.stop, t.asset, "" if asset.decimals is None else asset.decimals,
                asset.format(t.amount(self.rule), grouped=False), t.amount(self.rule), least, most, t.moves, *hops,
                t.first, t.last, tag.get("source", ""), tag.get("confidence", ""), tag.get("evidence", ""),
                *((t.txids[0], t.txids[-1]) if t.txids else ("", "")), t.reason, *(t.amount(rule) for rule in rules),
            ])  # fmt: skip
        return header, rows

    def grid(self) -> Grid:
        """The terminals, for a notebook."""
        whole = "complete" if self.complete else "incomplete"
        caption = f"{self.title or self.theft}, {self.chain}, rule {self.rule}, {whole}; places as tagged"
        shown = ("place", "entity", "stop", "asset", "amount", "least", "most", "moves", "first", "last", "tag_source",
                 "tag_confidence", "tag_evidence")  # fmt: skip
        return Grid(caption, *self.table(), shown)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: amounts as strings of base units, assets with their decimals beside them."""
        data = asdict(self)
        return {k: v if k == "parameters" else _texts(v, _COUNTS, k) for k, v in data.items()}

    def check(self) -> None:
        """BalanceError unless every proof holds, the terminals of each rule add up to its proofs and the sources to
        what the headline rule put in, and no amount is negative."""
        left: dict[tuple[str, str], int] = {}
        rules = {self.rule, *self.interval_rules} | {b.rule for b in self.balances}
        if any(units < 0 for t in self.terminals for units in t.amounts.values()):
            raise BalanceError("a terminal has a negative amount")
        for asset in {s.asset for s in self.sources}:
            put = sum(b.put_in for b in self.balances if (b.rule, b.asset) == (self.rule, asset))
            if put != self.total(asset):
                raise BalanceError(f"the sources of asset {asset} are not what {self.rule} put in")
        for b in self.balances:
            if not b.holds:
                raise BalanceError(f"rule {b.rule}, leg {b.leg}, asset {b.asset}: {b.put_in} in, parts {b.parts}")
            key = b.rule, b.asset
            left[key] = left.get(key, 0) + b.put_in + b.swapped_in - b.swapped_out
        for t in self.terminals:
            for rule in rules:
                left[rule, t.asset] = left.get((rule, t.asset), 0) - t.amount(rule)
        wrong = sorted(key for key, units in left.items() if units)
        if wrong:
            raise BalanceError(f"the terminals under {wrong[0][0]} do not add up for asset {wrong[0][1]}")

    @staticmethod
    def from_json(data: dict[str, Any]) -> Statement:
        """The statement that `to_json` wrote, checked."""
        made = Statement(
            **{
                **data,
                "assets": {k: Asset(**a) for k, a in data["assets"].items()},
                "sources": [Source(**_whole(s, "amount")) for s in data["sources"]],
                "terminals": [_terminal(t) for t in data["terminals"]],
                "onward": [Onward.from_json(o) for o in data.get("onward", [])],
                "unexplained": [Unexplained(**_whole(u, "amount")) for u in data["unexplained"]],
                "balances": [
                    Balance(**_whole(b, "put_in", "swapped_in", "swapped_out") | {"parts": _wholes(b["parts"])})
                    for b in data["balances"]
                ],
            }
        )
        made.check()
        return made


def _whole(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {n: int(row[n]) for n in names}


def _wholes(values: dict[str, str]) -> dict[str, int]:
    return {k: int(v) for k, v in values.items()}


def _terminal(row: dict[str, Any]) -> Terminal:
    by_leg = {int(k): int(v) for k, v in row["by_leg"].items()}
    hops = (row["hops"][0], row["hops"][1]) if row["hops"] else None
    return Terminal(**row | {"amounts": _wholes(row["amounts"]), "by_leg": by_leg, "hops": hops})


_COUNTS = frozenset({"decimals", "moves", "leg", "hops", "confidence", "complete", "places", "anonymity_set", "others",
                     "went_in", "output"})  # fmt: skip
"""Numbers that are not amounts."""


def _texts(value: Any, keep: frozenset[str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {str(k): _texts(v, keep, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(v, keep, key) for v in value]
    if isinstance(value, bool) or value is None or key in keep:
        return value
    return str(value) if isinstance(value, int) else value


@dataclass(frozen=True, slots=True)
class Flow:
    """Dyed units that went from one place to another under the headline rule, all moves taken together.

    `source` and `target` are node keys: an address, "leg:<n>" for a theft's leg, or "<stop>:<place>" for a
    terminal. `hop` is the fewest moves from the theft to `target`.
    """

    source: str
    target: str
    asset: str
    amount: int
    moves: int
    hop: int
