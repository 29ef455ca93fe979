"""The findings: every terminal, every cash-out point, and apart from them where mixed money probably went on.

Invariant: a name stands in a column that says that it is a tag, with the tag's source, confidence and class; candidates
for mixed money are given no amount of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.model import Block, Cell, Fact, Row, Section, Table, Text
from dyepack.report.document.places import ref
from dyepack.report.words import labelled

if TYPE_CHECKING:
    from dyepack.report.document.author import Author
    from dyepack.tracing.statement import Terminal

FILE = "statement.json"
INFERRED = frozenset({"E5", "E6"})


def findings(author: Author) -> Section:
    """Every terminal that some rule of the interval reaches, a table an asset."""
    blocks: list[Block] = [author.paragraph("findings.intro", rule=author.rule_fact())]
    arrivals = _arrivals(author)
    for number, asset in enumerate(author.assets()):
        mine = [n for n, t in enumerate(author.statement.terminals)
                if t.asset == asset and any(t.amount(rule) for rule in (author.rule, *author.rules))]  # fmt: skip
        mine.sort(key=lambda n: (-author.statement.terminals[n].amount(author.rule), n))
        blocks.append(Table(
            f"findings-{number}",
            author.say("findings.caption", asset=author.fact(f"symbol:{asset}", ref(FILE, "assets", asset)),
                       rule=author.rule_fact()),
            author.columns("findings", ("place", False, 4), ("stop", False, 2.2), ("amount", True, 3.2),
                           ("hops", True, 1), ("first", False, 4), ("last", False, 4),
                           ("rows", True, 1.2)),
            tuple(_terminal(author, n, arrivals) for n in mine), annex=True,
        ))  # fmt: skip
    return Section("findings", author.say("findings.title"), blocks)


def _arrivals(author: Author) -> dict[tuple[str, str, str], list[int]]:
    """The annex rows (from 1) of the moves that brought units to each terminal."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for number, m in enumerate(author.material.moves, 1):
        for place in dict.fromkeys((m.target, m.source)):
            found.setdefault((m.stop, place, m.asset), []).append(number)
    return found


def _rows_of(t: Terminal, arrivals: dict[tuple[str, str, str], list[int]]) -> list[int]:
    found = arrivals.get((t.stop, t.place, t.asset)) or arrivals.get(("carried", t.place, t.asset), [])
    return found if t.moves else []


def _terminal(author: Author, number: int, arrivals: dict[tuple[str, str, str], list[int]]) -> Row:
    t = author.statement.terminals[number]
    at = [FILE, "terminals", number]
    rows = _rows_of(t, arrivals)
    link = f"m{rows[0]}" if rows else ""
    grade = str((t.tag or {}).get("evidence", ""))
    units = [ref(*at, "amounts", rule) for rule in author.rules if rule in t.amounts]
    amount: list[Text] = [*author.cell(f"amount:{t.asset}", ref(*at, "amounts", author.rule), evidence="E4", link=link)]
    amount.append(interval_line(author, t.asset, units))
    reason = author.cell("text", ref(*at, "reason"))
    stop = author.cell(f"stop:{author.statement.direction}", ref(*at, "stop"), evidence=grade)
    moves = author.say("findings.moves", t.moves, count=author.fact("whole", ref(*at, "moves")))
    hops = () if t.hops is None else author.cell("span", ref(*at, "hops", "*"))
    return Row(f"t-{number}", (
        _place(author, number), (*stop, *reason), tuple(amount), hops,
        _end(author, number, 0), _end(author, number, -1),
        (moves, *(_row_link(author, n) for n in rows[:1])),
    ))  # fmt: skip


def interval_line(author: Author, asset: str, units: list[str]) -> Text:
    """The interval over the rules, or that there is none."""
    fact = author.fact(f"interval:{asset}", *units, evidence="E4")
    if fact.text == author.fact(f"most:{asset}", *units).text:
        return author.say("findings.same")
    return author.say("findings.interval", interval=fact)


def _row_link(author: Author, number: int) -> Text:
    row = author.fact("line", ref("moves.csv", number - 1, "units"), link=f"m{number}")
    return author.say("findings.from_row", row=row)


def _place(author: Author, number: int) -> Cell:
    """The place, and beneath it who it is tagged as, with the tag's grounds."""
    t = author.statement.terminals[number]
    at = [FILE, "terminals", number]
    place = author.cell("text", ref(*at, "place")) or (author.say("findings.no_place"),)
    if not labelled(t) or t.tag is None:
        return place
    grade = str(t.tag.get("evidence", ""))
    entity = author.fact("text", ref(*at, "entity"), evidence=grade)
    fields = {part: author.fact("text", ref(*at, "tag", part)) for part in ("source", "confidence", "evidence")}
    date = author.fact("text", ref(*at, "tag", "date")) if t.tag.get("date") else None
    grounds = author.say("findings.grounds_dated", date=date, **fields) if date else (
        author.say("findings.grounds", **fields))  # fmt: skip
    return (*place, author.say("findings.tagged", entity=entity), grounds)


def _end(author: Author, number: int, which: int) -> Cell:
    """The time and the transaction of the first or the last move that brought units here."""
    t = author.statement.terminals[number]
    at = [FILE, "terminals", number]
    time = author.cell("time", ref(*at, "last" if which else "first"))
    txid = author.cell("text", ref(*at, "txids", len(t.txids) - 1 if which else 0)) if t.txids else ()
    return (*time, *txid)


def cash_outs(author: Author) -> Section:
    """The cash-out points, a row each."""
    section = Section("cashouts", author.say("cashouts.title"))
    points = author.material.files["cashouts.json"]
    if not points:
        section.blocks = [author.paragraph("cashouts.none", rule=author.rule_fact())]
        return section
    columns = author.columns("cashouts", ("place", False, 4), ("role", False, 2), ("amount", True, 3.2),
                             ("first", False, 4), ("last", False, 4), ("became", False, 3.4))  # fmt: skip
    table = Table("points", author.say("cashouts.caption", rule=author.rule_fact()), columns,
                  tuple(_point(author, n) for n, _ in enumerate(points)))  # fmt: skip
    section.blocks = [author.paragraph("cashouts.intro"), author.paragraph("cashouts.standing"), table]
    return section


def _point(author: Author, number: int) -> Row:
    point = author.material.files["cashouts.json"][number]
    at = ["cashouts.json", number]
    asset, grade = point["asset"], str(point["tag"].get("evidence", ""))
    place = author.cell("text", ref(*at, "address"))
    if point["service"] and point["tag"].get("source"):
        place += (
            author.say("findings.tagged", entity=author.fact("text", ref(*at, "service"), evidence=grade)),
            author.say("findings.grounds", **{part: author.fact("text", ref(*at, "tag", part))
                                              for part in ("source", "confidence", "evidence")}),
        )  # fmt: skip
    interval = interval_line(author, asset, [ref(*at, "least"), ref(*at, "most")])
    amount = (*author.cell(f"amount:{asset}", ref(*at, "units"), evidence="E4"),
              interval)  # fmt: skip
    count = len(point["deposits"])
    deposits = author.fact("count", ref(*at, "deposits", "*", "txid"))
    standing = author.cell("text", ref(*at, "standing"))
    left = () if point["balance"] is None else (
        author.say("cashouts.left", amount=author.fact(f"amount:{asset}", ref(*at, "balance")),
                   time=author.fact("time", ref(*at, "as_of"))),)  # fmt: skip
    swept = () if not point["sweeps"] else (
        author.say("cashouts.swept_to", txid=author.fact("text", ref(*at, "sweeps", 0, "txid")),
                   place=author.fact("text", ref(*at, "sweeps", 0, "place"))),)  # fmt: skip
    return Row(f"c-{number}", (
        place, author.cell("text", ref(*at, "role"), evidence="E5" if "behaviour" in point["role"] else grade),
        (*amount, author.say("cashouts.deposits", count, count=deposits)),
        _deposit(author, number, 0), _deposit(author, number, count - 1), (*standing, *left, *swept),
    ))  # fmt: skip


def _deposit(author: Author, number: int, which: int) -> Cell:
    if which < 0:
        return ()
    at = ["cashouts.json", number, "deposits", which]
    return (*author.cell("time", ref(*at, "time")), *author.cell("text", ref(*at, "txid")))


def onward(author: Author) -> Section:
    """Where mixed units probably went on: sets, without amounts of the units."""
    section = Section("onward", author.say("onward.title"))
    mixes = author.statement.onward
    if not mixes:
        section.blocks = [author.paragraph("onward.none")]
        return section
    columns = author.columns("onward", ("via", False, 4), ("went_in", True, 3), ("among", False, 3),
                             ("spoken", False, 5), ("rule", False, 3))  # fmt: skip
    table = Table("mixes", author.say("onward.caption", rule=author.rule_fact()), columns,
                  tuple(_mix(author, n) for n, _ in enumerate(mixes)))  # fmt: skip
    section.blocks = [author.paragraph("onward.intro"), table]
    return section


def _mix(author: Author, number: int) -> Row:
    mix, at = author.statement.onward[number], [FILE, "onward", number]
    grade = mix.evidence
    family = author.fact("text", ref(*at, "family"), evidence=grade)
    spoken = [n for n, c in enumerate(mix.candidates) if c.rules]
    candidates: list[Text] = [
        author.say("onward.candidate", place=author.fact("text", ref(*at, "candidates", n, "place"), evidence=
                                                         mix.candidates[n].evidence),
                   rules=author.fact("listed", ref(*at, "candidates", n, "rules", "*")),
                   grade=author.fact("text", ref(*at, "candidates", n, "evidence")))
        for n in spoken[:5]
    ]  # fmt: skip
    if not candidates and (mix.candidates or mix.others):
        candidates = [author.say("onward.none_spoken")]
    known = bool(mix.candidates) or mix.others > 0
    among = (
        (author.say("onward.unknown"),)
        if not known
        else (
            author.say("onward.set", count=author.fact("whole", ref(*at, "anonymity_set"))),
            author.say("onward.count", count=_candidates(author, number)),
        )
    )
    key = "onward.probable" if grade in INFERRED else "onward.family"
    return Row(f"mix-{number}", (
        (*author.cell("text", ref(*at, "via")), author.say(key, family=family)),
        author.cell(f"amount:{mix.asset}", ref(*at, "units"), evidence="E4"), among, tuple(candidates),
        (*author.cell("text", ref(*at, "rule")), *author.cell("text", ref(*at, "evidence")),
         *author.cell("text", ref(*at, "measured"))),
    ))  # fmt: skip


def _candidates(author: Author, number: int) -> Fact:
    """How many candidates there are, shown or not."""
    at = [FILE, "onward", number]
    return author.fact("count_and", ref(*at, "others"), ref(*at, "candidates", "*", "place"))
