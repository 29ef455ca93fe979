"""The summary: what was stolen, where it is, how sure that is, what can still be done.

Invariant: one page; every name in it is said to be a tag, every amount of a terminal names its rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.cashouts.model import SWEPT
from dyepack.report.document.author import weakest
from dyepack.report.document.model import Block, Bullets, Section, Text
from dyepack.report.document.places import ref
from dyepack.report.words import labelled

if TYPE_CHECKING:
    from dyepack.report.document.author import Author
    from dyepack.tracing.statement import Terminal

NAMED = 6
"""Names that a sentence of the summary lists, the largest first."""
OWN_WORDS = ("service", "mixer", "bridge", "held", "fee", "gap")
"""Stops with a sentence of their own; the others share one."""


def summary(author: Author) -> Section:
    """The section."""
    blocks: list[Block] = []
    if not author.statement.complete:
        blocks.append(author.paragraph("summary.incomplete", "note"))
    for asset in author.assets():
        blocks += _stolen(author, asset)
    blocks += _worth(author)
    for asset in author.assets():
        if lines := _where(author, asset):
            blocks.append(Bullets(tuple(lines)))
    blocks += [*_sure(author), *_can_be_done(author), author.paragraph(_claims_key(author))]
    return Section("summary", author.say("summary.title"), blocks)


def _claims_key(author: Author) -> str:
    return "summary.claims" if author.material.has("incident.json") else "summary.no_claims"


def _stolen(author: Author, asset: str) -> list[Block]:
    legs = [s for s in author.statement.sources if s.asset == asset]
    back = author.statement.direction == "backward"
    if not legs:
        symbol = author.fact(f"symbol:{asset}", ref("statement.json", "assets", asset))
        return [author.paragraph("summary.came_by_swap", "lead", asset=symbol)]
    mine = {"asset": asset}
    when = author.fact("first", ref("moves.csv", mine | {"hop": "1"}, "time"))
    fillings = {
        "amount": author.fact(f"amount:{asset}", ref("statement.json", "sources", mine, "amount"), link="stolen"),
        "moves": author.fact("whole", ref("statement.json", "sources", mine, "moves"), link="stolen"),
    }
    key = "summary.followed_back" if back else "summary.stolen" if when.text else "summary.stolen_undated"
    if key == "summary.stolen":
        fillings["first"] = when
    return [author.paragraph(key, "lead", sum(s.moves for s in legs), **fillings)]


def _worth(author: Author) -> list[Block]:
    """What all of it was worth at the theft, in each currency."""
    if not author.material.has("values.json") or author.statement.direction == "backward":
        return []
    totals = author.material.files["values.json"]["totals"]["stolen"]["at the theft"]
    place = ("values.json", "totals", "stolen", "at the theft")
    found = [
        author.only(author.fact(f"money:{total['currency']}", ref(*place, at, "amount"), link="values"))
        for at, total in enumerate(totals)
        if total["amount"] is not None and not total["without_price"]
    ]
    if not found:
        return [author.paragraph("summary.no_price")]
    values = found[0]
    for other in found[1:]:
        values = author.say("summary.or", first=values, other=other)
    return [author.paragraph("summary.worth", values=values)]


def _where(author: Author, asset: str) -> list[Text]:
    groups: dict[str, list[Terminal]] = {}
    for t in author.statement.terminals:
        if t.asset == asset and t.amount(author.rule):
            groups.setdefault(t.stop, []).append(t)
    order = sorted(groups, key=lambda s: (-sum(t.amount(author.rule) for t in groups[s]), s))
    return [_line(author, asset, stop, groups[stop]) for stop in order] + _swapped(author, asset)


def _swapped(author: Author, asset: str) -> list[Text]:
    """What went into swaps that were followed, and what came by them."""
    mine = [b for b in author.statement.balances if (b.rule, b.asset) == (author.rule, asset)]
    which = {"rule": author.rule, "asset": asset}
    found = []
    for part in ("swapped_out", "swapped_in"):
        if any(getattr(b, part) for b in mine):
            place = ref("statement.json", "balances", which, part)
            fillings = {"amount": author.fact(f"brief:{asset}", place, evidence="E4", link="proof"),
                        "rule": author.rule_fact()}  # fmt: skip
            if part == "swapped_out":
                fillings["share"] = author.fact("share:1", place, *author.whole(asset), evidence="E4")
            found.append(author.say(f"summary.{part}", **fillings))
    return found


def _line(author: Author, asset: str, stop: str, members: list[Terminal]) -> Text:
    units = author.terminals(author.rule, stop=stop, asset=asset)
    grade = weakest(str((t.tag or {}).get("evidence", "")) for t in members)
    fillings: dict[str, object] = {
        "amount": author.fact(f"brief:{asset}", units, evidence="E4", link=f"findings-{author.assets().index(asset)}"),
        "share": author.fact("share:1", units, *author.whole(asset), evidence="E4"),
        "rule": author.rule_fact(),
    }
    back = author.statement.direction == "backward"
    if stop not in OWN_WORDS or back:
        direction = author.statement.direction
        place = ref("statement.json", "terminals", author.statement.terminals.index(members[0]), "stop")
        fillings["stop"] = author.fact(f"stop:{direction}", place, evidence=grade if members[0].tag else "")
        return author.say("summary.other", **fillings)  # type: ignore[arg-type]
    names = _names(author, asset, stop, members)
    if stop in {"service", "mixer", "bridge"} and names:
        fillings["names"] = names
        return author.say(f"summary.{stop}", **fillings)  # type: ignore[arg-type]
    if stop in {"held", "gap"}:
        fillings["places"] = author.fact(
            "kinds",
            ref("statement.json", "terminals", {"stop": stop, "asset": asset, f"amounts.{author.rule}!": 0}, "place"),
        )
    key = f"summary.{stop}" if stop in {"held", "gap", "fee"} else f"summary.{stop}_unnamed"
    return author.say(key, len({t.place for t in members}), **fillings)  # type: ignore[arg-type]


def _names(author: Author, asset: str, stop: str, members: list[Terminal]) -> list[Text]:
    """Who the places are tagged as, with the sum of each, the largest first."""
    sums: dict[str, int] = {}
    for t in members:
        if name := labelled(t):
            sums[name] = sums.get(name, 0) + t.amount(author.rule)
    found = []
    ranked = sorted(sums, key=lambda n: (-sums[n], n))
    for name in ranked[:NAMED]:
        mine = [t for t in members if t.entity == name]
        grade = weakest(str((t.tag or {}).get("evidence", "")) for t in mine)
        first = author.statement.terminals.index(mine[0])
        found.append(author.say(
            "summary.name",
            name=author.fact("text", ref("statement.json", "terminals", first, "entity"), evidence=grade,
                             link=f"t-{first}"),
            amount=author.fact(f"brief:{asset}", author.terminals(author.rule, stop=stop, asset=asset, entity=name),
                               evidence="E4"),
        ))  # fmt: skip
    return found


def _sure(author: Author) -> list[Block]:
    rules = len(author.rules)
    blocks: list[Block] = [
        author.paragraph("summary.rule", rule=author.rule_fact(),
                         rules=author.fact("count", ref("statement.json", "interval_rules", "*")))
    ] if author.statement.interval_rules and rules > 1 else []  # fmt: skip
    for asset in author.assets():
        low, high = (author.fact(f"{form}:{asset}", *author.over_rules(stop="service", asset=asset), evidence="E4")
                     for form in ("least", "most"))  # fmt: skip
        served = any(t.stop == "service" and t.asset == asset for t in author.statement.terminals)
        if served and low.text != high.text:
            blocks.append(author.paragraph("summary.interval", low=low, high=high))
    inferred = {labelled(t) for t in author.statement.terminals if (t.tag or {}).get("evidence") == "E6"} - {""}
    if inferred:
        place = ref("statement.json", "terminals", {"tag.evidence": "E6"}, "entity")
        blocks.append(author.paragraph("summary.inferred", "", len(inferred), count=author.fact("kinds", place)))
    return blocks


def _can_be_done(author: Author) -> list[Block]:
    points = author.material.files["cashouts.json"]
    blocks: list[Block] = [author.paragraph("summary.can_be_done", "lead")]
    if not points:
        return [*blocks, author.paragraph("summary.no_points")]
    standing = list(dict.fromkeys(p["standing"] for p in points if p["standing"] != SWEPT))
    for word in standing:
        mine = [p for p in points if p["standing"] == word]
        for asset in dict.fromkeys(p["asset"] for p in mine):
            which = {"standing": word, "asset": asset}
            key = "summary.points_there" if word == "still at the address" else "summary.points_unknown"
            blocks.append(author.paragraph(
                key, "", sum(p["asset"] == asset for p in mine),
                count=author.fact("count", ref("cashouts.json", which, "address"), link="cashouts"),
                amount=author.fact(f"brief:{asset}", ref("cashouts.json", which, "units"), evidence="E4",
                                   link="cashouts"),
                rule=author.rule_fact(),
            ))  # fmt: skip
    swept = sum(p["standing"] == SWEPT for p in points)
    if swept:
        blocks.append(author.paragraph("summary.points_swept", "", swept,
                                       count=author.fact("count", ref("cashouts.json", {"standing": SWEPT},
                                                                      "address"), link="cashouts")))  # fmt: skip
    return blocks
