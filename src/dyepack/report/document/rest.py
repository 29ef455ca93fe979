"""What was not traced, who is said to have done it, error rates, data, glossary, and the annex of every move.

Invariant: claims of attribution stand in their own section, each with who makes it; the annex has every dyed move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.model import CLAIM, Block, Bullets, Cell, Row, Section, Table, Terms, Text
from dyepack.report.document.places import ref

if TYPE_CHECKING:
    from dyepack.report.document.author import Author

FILE = "statement.json"
OPEN = ("gap", "hop_limit", "hub", "cut_off", "swap", "chosen", "mixed", "date_limit", "unexplained")
"""Stops at which money was not followed to its end."""
TERMS = ("ledger", "move", "theft", "dyed", "terminal", "rule", "interval", "statement", "tag", "claim", "service",
         "cash_out", "swept", "mixer", "bridge", "hop", "fee", "base_units", "evidence", "hash")  # fmt: skip


def untraced(author: Author) -> Section:
    """What was not followed and why; what nobody explained; the notes of the run."""
    section = Section("untraced", author.say("untraced.title"))
    lines = [_open(author, n) for n, t in enumerate(author.statement.terminals)
             if t.stop in OPEN and t.amount(author.rule)]  # fmt: skip
    section.blocks.append(author.paragraph("untraced.intro" if lines else "untraced.nothing"))
    if lines:
        columns = author.columns("untraced", ("place", False, 4), ("stop", False, 3), ("amount", True, 3),
                                 ("reason", False, 4))  # fmt: skip
        caption = author.say("untraced.caption", rule=author.rule_fact())
        section.blocks.append(Table("untraced-places", caption, columns, tuple(lines), annex=True))
    section.blocks.append(author.paragraph("untraced.limits"))
    if author.statement.unexplained:
        section.blocks += [author.paragraph("untraced.unexplained"), _unexplained(author)]
    if author.statement.notes:
        section.blocks.append(author.paragraph("untraced.notes"))
        section.blocks.append(Bullets(tuple(
            author.only(author.fact("text", ref(FILE, "notes", n))) for n, _ in enumerate(author.statement.notes)
        )))  # fmt: skip
    return section


def _open(author: Author, number: int) -> Row:
    t = author.statement.terminals[number]
    at = [FILE, "terminals", number]
    return Row(f"open-{number}", (
        author.cell("text", ref(*at, "place"), link=f"t-{number}") or (author.say("findings.no_place"),),
        author.cell(f"stop:{author.statement.direction}", ref(*at, "stop"),
                    evidence=str((t.tag or {}).get("evidence", ""))),
        author.cell(f"amount:{t.asset}", ref(*at, "amounts", author.rule), evidence="E4"),
        author.cell("text", ref(*at, "reason")),
    ))  # fmt: skip


def _unexplained(author: Author) -> Table:
    rows = tuple(
        Row(f"unexplained-{n}", (
            author.cell(f"amount:{u.asset}", ref(FILE, "unexplained", n, "amount")),
            author.cell("whole", ref(FILE, "unexplained", n, "moves")),
            author.cell("whole", ref(FILE, "unexplained", n, "places")),
        ))
        for n, u in enumerate(author.statement.unexplained)
    )  # fmt: skip
    columns = author.columns("unexplained", ("amount", False, 3), ("moves", True, 1), ("places", True, 1))
    return Table("unexplained", author.say("unexplained.caption"), columns, rows)


def attribution(author: Author) -> Section:
    """Who says who did it: claims, apart from all that was traced."""
    section = Section("attribution", author.say("attribution.title"))
    if not author.material.has("incident.json"):
        section.blocks = [author.paragraph("attribution.none")]
        return section
    entry = author.material.files["incident.json"]
    name = author.fact("text", ref("incident.json", "name"), evidence=CLAIM)
    section.blocks.append(author.paragraph("attribution.intro", name=name))
    rows = tuple(_attribution(author, n) for n, _ in enumerate(entry["attributions"]))
    if rows:
        columns = author.columns("attribution", ("by", False, 3), ("says", False, 4), ("how", False, 3),
                                 ("date", False, 1.3), ("sources", False, 3))  # fmt: skip
        section.blocks.append(Table("claims", author.say("attribution.caption"), columns, rows))
    else:
        section.blocks.append(author.paragraph("attribution.nobody"))
    section.blocks += _loss(author)
    return section


def _attribution(author: Author, number: int) -> Row:
    entry = author.material.files["incident.json"]["attributions"][number]
    at = ["incident.json", "attributions", number]
    by = author.cell("text", ref(*at, "by"), evidence=CLAIM) + author.cell("code", ref(*at, "code"), evidence=CLAIM)
    says = author.cell("actor", ref(*at, "actor"), evidence=CLAIM)
    if entry["group"]:
        says += author.cell("text", ref(*at, "group"), evidence=CLAIM)
    how = author.cell("firmness", ref(*at, "confidence"))
    how += (author.say("attribution.unchecked"),) if entry["unchecked"] else ()
    for n, _ in enumerate(entry["disputed_by"]):
        there = [*at, "disputed_by", n]
        how += (author.say("attribution.disputed", by=author.fact("text", ref(*there, "by"), evidence=CLAIM),
                           reason=author.fact("text", ref(*there, "reason"), evidence=CLAIM)),)  # fmt: skip
    date = author.cell("text", ref(*at, "date")) if entry["date"] else ()
    sources = tuple(author.only(author.fact("text", ref("incident.json", "sources", {"id": id_}, "title")))
                    for id_ in entry["source"])  # fmt: skip
    return Row(f"claim-{number}", (by, says, how, date, sources))


def _loss(author: Author) -> list[Block]:
    """What is said of the sum: figures of several parties, beside what was traced."""
    loss = author.material.files["incident.json"]["loss"]
    if not loss or not loss.get("figures"):
        return []
    currency = loss["currency"]
    rows = []
    for n, _ in enumerate(loss["figures"]):
        at = ["incident.json", "loss", "figures", n]
        rows.append(Row(f"figure-{n}", (
            author.cell("text", ref(*at, "by"), evidence=CLAIM),
            author.cell(f"hundredths:{currency}", ref(*at, "amount_hundredths"), evidence=CLAIM),
        )))  # fmt: skip
    columns = author.columns("loss", ("by", False, 3), ("amount", True, 2))
    priced = author.fact("priced", ref("incident.json", "loss", "priced_at"))
    return [Table("figures-said", author.say("loss.caption", priced=priced), columns, tuple(rows))]


def errors(author: Author) -> Section:
    """What is known of the error of everything that is no fact of the ledger."""
    section = Section("errors", author.say("errors.title"))
    section.blocks = [author.paragraph("errors.intro"), author.paragraph("errors.rules"), _classes(author)]
    measured = author.material.files["program.json"]["measured"]
    if measured:
        rows = tuple(
            Row(f"measured-{n}", tuple(
                author.cell("text", ref("program.json", "measured", n, part))
                for part in ("rule", "pattern", "measured", "confidence", "evidence")
            ))
            for n, _ in enumerate(measured)
        )  # fmt: skip
        columns = author.columns("measured", ("rule", False, 2), ("pattern", False, 2),
                                 ("measured", False, 6), ("confidence", True, 1), ("evidence", False, 1))  # fmt: skip
        section.blocks.append(Table("measured", author.say("measured.caption"), columns, rows))
    else:
        section.blocks.append(author.paragraph("errors.none_used"))
    section.blocks.append(_tags(author))
    return section


def _classes(author: Author) -> Table:
    rows = tuple(
        Row(f"class-{n}", (author.cell(f"key:{n}", ref("program.json", "evidence")),
                           author.cell("text", ref("program.json", "evidence", code))))
        for n, code in enumerate(author.material.files["program.json"]["evidence"])
    )  # fmt: skip
    columns = author.columns("classes", ("code", False, 1), ("words", False, 6))
    return Table("classes", author.say("classes.caption"), columns, rows)


def _tags(author: Author) -> Table:
    rows = tuple(
        Row(f"tags-{n}", tuple(
            author.cell("whole" if part == "tags" else "text", ref("tags.json", n, part))
            for part in ("source", "tags", "confidence", "evidence", "date", "sha256")
        ))
        for n, _ in enumerate(author.material.files["tags.json"])
    )  # fmt: skip
    columns = author.columns("tags", ("source", False, 4), ("tags", True, 1), ("confidence", True, 1.2),
                             ("evidence", False, 1), ("date", False, 1.3), ("sha256", False, 4))  # fmt: skip
    return Table("tag-sources", author.say("tags.caption"), columns, rows)


def data(author: Author) -> Section:
    """Data, versions, hashes, and how to check them."""
    files = author.material.files["hashes.json"]["files"]
    rows = [Row("hash-case", ((author.say("data.case"),), author.cell("text", ref("hashes.json", "case")))),
            Row("hash-ledger", ((author.say("data.ledger"),), author.cell("text", ref(FILE, "ledger"))))]  # fmt: skip
    live = author.material.files["case.json"].get("live")
    if live and live.get("evidence"):
        rows.append(Row("hash-evidence", ((author.say("data.evidence"),),
                                          author.cell("json", ref("case.json", "live", "evidence")))))  # fmt: skip
    rows += [Row(f"hash-{n}", (author.cell("text", ref("hashes.json", "files", n, "file")),
                               author.cell("text", ref("hashes.json", "files", n, "sha256"))))
             for n, _ in enumerate(files)]  # fmt: skip
    columns = author.columns("data", ("file", False, 2), ("sha256", False, 5))
    section = Section("data", author.say("data.title"))
    section.blocks = [
        author.paragraph("data.made", version=author.fact("text", ref("program.json", "version")),
                         chain=author.fact("text", ref(FILE, "chain")),
                         by=author.fact("text", ref("case.json", "dyepack"))),
        Table("hashes", author.say("data.caption"), columns, tuple(rows)),
        *_thefts(author), author.paragraph("data.again"),
        Bullets((author.say("data.verify_hashes"), author.say("data.verify_rerun"), author.say("data.verify_numbers"))),
    ]  # fmt: skip
    return section


def _thefts(author: Author) -> list[Block]:
    found: list[Block] = []
    for n, theft in enumerate(author.material.files["thefts.json"]):
        at = ["thefts.json", n]
        id_ = author.fact("text", ref(*at, "id"))
        found.append(
            author.paragraph("data.theft", id=id_, source=author.fact("text", ref(*at, "source")))
            if theft["source"] else author.paragraph("data.theft_unsourced", id=id_)
        )  # fmt: skip
    return found


def glossary(author: Author) -> Section:
    """Words of the report."""
    items = tuple((author.say(f"glossary.{name}.word"), author.say(f"glossary.{name}.means")) for name in TERMS)
    return Section("glossary", author.say("glossary.title"), [Terms(items)])


def annex(author: Author) -> Section:
    """Every dyed move under the headline rule."""
    columns = author.columns("annex", ("row", True, 0.8), ("time", False, 1.7), ("move", False, 7),
                             ("amount", True, 3.2), ("hop", True, 0.6), ("stop", False, 2.2))  # fmt: skip
    rows = tuple(_move(author, n) for n, _ in enumerate(author.material.moves))
    caption = author.say("annex.caption", rule=author.rule_fact(),
                         count=author.fact("count", ref("moves.csv", "*", "txid")))  # fmt: skip
    table = Table("moves", caption, columns, rows, annex=True)
    return Section("annex", author.say("annex.title"), [author.paragraph("annex.intro"), table])


def _move(author: Author, number: int) -> Row:
    m, at = author.material.moves[number], ["moves.csv", number]
    lines: list[Text] = [*author.cell("text", ref(*at, "txid"))]
    ends = [author.fact("text", ref(*at, end)) for end in ("source", "target")]
    key = "annex.between" if ends[0].text and ends[1].text else "annex.from" if ends[0].text else "annex.to"
    shown = {name: fact for name, fact in zip(("source", "target"), ends, strict=True) if fact.text}
    lines += [author.say(key, **shown)] if shown else []
    stop: Cell = () if m.stop == "carried" else author.cell(
        f"stop:{author.statement.direction}", ref(*at, "stop"), evidence="E6" if m.stop in _BY_TAG else "")  # fmt: skip
    return Row(f"m{number + 1}", (
        author.cell("line", ref(*at, "txid")), author.cell("time", ref(*at, "time")), tuple(lines),
        author.cell(f"amount:{m.asset}", ref(*at, "units"), evidence="E4"), author.cell("text", ref(*at, "hop")), stop,
    ))  # fmt: skip


_BY_TAG = frozenset({"service", "mixer", "bridge", "swap", "burn", "returned"})
"""Stops that rest on a tag."""
