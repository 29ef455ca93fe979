"""What was stolen and what it was worth: the source set, and the basis of every value.

Invariant: values at the theft, at arrival and on a stated day stand apart and are never added to each other; each has
its price with source and day, and the rate with its day; what has no price says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.report.document.model import Block, Cell, Column, Paragraph, Row, Section, Table
from dyepack.report.document.places import ref

if TYPE_CHECKING:
    from dyepack.report.document.author import Author

FILE = "values.json"
BASES = (("at_theft", "at the theft"), ("at_arrival", "when it arrived"), ("stated", "on a stated day"))
"""The field of a line, and the name of the basis in the totals."""
LISTED = 40
"""Lines of where it went that are valued one by one; all are in the totals."""


def values(author: Author) -> Section:
    """The section."""
    blocks: list[Block] = [author.paragraph("values.intro"), _stolen(author)]
    if not author.material.has(FILE):
        blocks.append(author.paragraph("values.none"))
        return Section("values", author.say("values.title"), blocks)
    blocks += [author.paragraph("values.bases"), _worth(author)]
    blocks += [*_differing(author), _totals(author)]
    ended = author.material.files[FILE]["ended"]
    if ended:
        blocks.append(_ended(author, ended))
    return Section("values", author.say("values.title"), blocks)


def _stolen(author: Author) -> Table:
    rows = []
    for number, source in enumerate(author.statement.sources):
        at = ["statement.json", "sources", number]
        name = author.cell("text", ref(*at, "name")) or (author.say("values.unnamed_leg"),)
        rows.append(Row(f"leg-{number}", (
            name, author.cell(f"amount:{source.asset}", ref(*at, "amount"), link=_first_row(author, source.leg)),
            author.cell("whole", ref(*at, "moves")), author.cell("text", ref(*at, "evidence")),
        )))  # fmt: skip
    columns = author.columns("values.stolen", ("leg", False, 2), ("amount", True, 3), ("moves", True, 1),
                             ("evidence", False, 5))  # fmt: skip
    return Table("stolen", author.say("values.stolen.caption"), columns, tuple(rows))


def _first_row(author: Author, leg: int) -> str:
    """The annex row of the first move that took units of a leg."""
    found = next((n for n, m in enumerate(author.material.moves, 1) if m.leg == leg and m.fresh), 0)
    return f"m{found}" if found else ""


def value_cell(author: Author, currency: str, *steps: object) -> Cell:
    """A value, or why there is none."""
    held: Any = author.material.files[FILE]
    for step in steps:
        held = held[step]
    if held["amount"] is None:
        return author.cell("text", ref(FILE, *steps, "reason"))
    found = author.fact(f"money:{currency}", ref(FILE, *steps, "amount"))
    key = "values.estimated" if held["estimated"] else "values.exact"
    return (author.say(key, value=found),)


def _worth(author: Author) -> Table:
    """A row for each leg and currency: value, price with day and source, rate with day."""
    data = author.material.files[FILE]
    rows = []
    for number, line in enumerate(data["stolen"]):
        for at, value in enumerate(line["at_theft"]):
            here = ("stolen", number, "at_theft", at)
            leg = author.cell("text", ref(FILE, "stolen", number, "entity")) or (author.say("values.unnamed_leg"),)
            rows.append(Row(f"worth-{number}-{at}", (
                leg, value_cell(author, value["currency"], *here), _price(author, value, *here),
                _rate(author, value, *here),
            )))  # fmt: skip
    columns = author.columns("values.worth", ("leg", False, 2), ("value", True, 2), ("price", False, 4),
                             ("rate", False, 4))  # fmt: skip
    return Table("worth", author.say("values.worth.caption"), columns, tuple(rows))


def _price(author: Author, value: dict[str, Any], *here: object) -> Cell:
    if value["price"] is None:
        return ()
    price = author.fact("price", ref(FILE, *here, "price", "value"), ref(FILE, *here, "price", "currency"))
    source = author.fact("text", ref(FILE, *here, "price", "source"))
    if value["price"]["between"]:
        days = author.fact("span", ref(FILE, *here, "price", "between", "*"))
        return (author.say("values.interpolated", price=price, days=days, source=source),)
    day = author.fact("text", ref(FILE, *here, "price", "day"))
    return (author.say("values.price", price=price, day=day, source=source),)


def _rate(author: Author, value: dict[str, Any], *here: object) -> Cell:
    if value["rate"] is None:
        return (author.say("values.no_rate"),) if value["amount"] is not None else ()
    at = [ref(FILE, *here, "rate", part) for part in ("value", "base", "quote")]
    day = author.fact("text", ref(FILE, *here, "rate", "day"))
    return (author.say("values.rate", rate=author.fact("rate", *at), day=day,
                       source=author.fact("text", ref(FILE, *here, "rate", "source"))),)  # fmt: skip


def _differing(author: Author) -> list[Block]:
    """Prices of other sources that are more than a fifth off."""
    found: list[Block] = []
    for number, line in enumerate(author.material.files[FILE]["stolen"]):
        for at, value in enumerate(line["at_theft"]):
            for other, _ in enumerate(value["other_prices"]):
                here = ("stolen", number, "at_theft", at, "other_prices", other)
                found.append(author.paragraph(
                    "values.differs", "note", day=author.fact("text", ref(FILE, *here, "day")),
                    price=author.fact("price", ref(FILE, *here, "value"), ref(FILE, *here, "currency")),
                    source=author.fact("text", ref(FILE, *here, "source")),
                ))  # fmt: skip
    return list({block.text.plain(): block for block in found if isinstance(block, Paragraph)}.values())


def _totals(author: Author) -> Table:
    """Totals of the three bases, each in its own row."""
    data = author.material.files[FILE]
    rows = []
    for what in ("stolen", "ended"):
        for field, basis in BASES:
            if basis not in data["totals"][what] or (what == "stolen" and field == "at_arrival"):
                continue
            cells: list[Cell] = [_basis(author, what, field)]
            for at, total in enumerate(data["totals"][what][basis]):
                here = ("totals", what, basis, at)
                lacking = author.fact("whole", ref(FILE, *here, "without_price"))
                if total["amount"] is None:
                    cells.append((author.say("values.no_price"),))
                    continue
                money = author.fact(f"money:{total['currency']}", ref(FILE, *here, "amount"))
                cells.append((author.say("values.lacking", value=money, count=lacking),) if total["without_price"]
                             else author.cell(f"money:{total['currency']}", ref(FILE, *here, "amount")))  # fmt: skip
            rows.append(Row(f"total-{what}-{field}", tuple(cells)))
    heads = [Column(author.say("values.totals.basis"), width=4)]
    heads += [Column(author.only(author.fact("text", ref(FILE, "currencies", at))), True, 2.0)
              for at, _ in enumerate(data["currencies"])]  # fmt: skip
    return Table("value-totals", author.say("values.totals.caption"), tuple(heads), tuple(rows))


def _basis(author: Author, what: str, field: str) -> Cell:
    key = f"values.totals.{what}_{field}"
    if field == "stated":
        return (author.say(key, day=author.fact("text", ref(FILE, "stated_day"))),)
    return (author.say(key),)


def _ended(author: Author, ended: list[dict[str, Any]]) -> Table:
    """Where it went, the largest first, on each basis."""
    data = author.material.files[FILE]
    ranked = sorted(range(len(ended)), key=lambda n: (ended[n]["asset"], -int(ended[n]["units"]), n))
    fields = [f for f, basis in BASES if basis in data["totals"]["ended"]]
    rows = []
    for number in ranked[:LISTED]:
        place = author.cell("text", ref(FILE, "ended", number, "place")) or (author.say("findings.no_place"),)
        direction = author.statement.direction
        what = author.fact(f"stop:{direction}", ref(FILE, "ended", number, "what"), evidence=_grade(author, number))
        cells: list[Cell] = [place, (author.only(what),),
                             author.cell(f"amount:{ended[number]['asset']}", ref(FILE, "ended", number, "units"),
                                         evidence="E4")]  # fmt: skip
        for at, currency in enumerate(data["currencies"]):
            cells.append(tuple(
                author.say(f"values.line_{field}", value=list(value_cell(author, currency, "ended", number, field, at)))
                for field in fields
            ))  # fmt: skip
        rows.append(Row(f"value-{number}", tuple(cells)))
    heads = list(author.columns("values.ended", ("place", False, 3), ("stop", False, 2), ("amount", True, 3)))
    heads += [Column(author.only(author.fact("text", ref(FILE, "currencies", at))), True, 3.0)
              for at, _ in enumerate(data["currencies"])]  # fmt: skip
    caption = author.say("values.ended.caption", rule=author.rule_fact())
    return Table("value-lines", caption, tuple(heads), tuple(rows))


def _grade(author: Author, number: int) -> str:
    line = author.material.files[FILE]["ended"][number]
    found = (t.tag for t in author.statement.terminals if (t.place, t.stop, t.asset) == (line["place"], line["what"],
                                                                                         line["asset"]))  # fmt: skip
    return str((next(found, None) or {}).get("evidence", ""))
