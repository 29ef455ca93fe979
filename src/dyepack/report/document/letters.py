"""Letters to services: please preserve records, and freeze what is still there.

One letter for each name that cash-out points are tagged as, a document like the report, made of the same material and
held to the same lint. What the ledger shows and what a rule allocates are told apart.
Invariant: a letter names the points of its service only, every deposit of them, and no other party.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.report.document.author import Author
from dyepack.report.document.build import last_day, page_words
from dyepack.report.document.findings import interval_line
from dyepack.report.document.lint import refuse_faults
from dyepack.report.document.model import Block, Bullets, Paragraph, Report, Row, Section, Table
from dyepack.report.document.places import ref

if TYPE_CHECKING:
    from dyepack.report.document.language import Language
    from dyepack.report.document.material import Material

FILE = "cashouts.json"


@dataclass(slots=True)
class Letter:
    """A letter, with a name that a file may have."""

    service: str
    file: str
    report: Report


def letters(material: Material, language: Language, *, by: str = "", reply_to: str = "") -> list[Letter]:
    """The letters of a case, in the order of its cash-out points; LintError as for a report."""
    material.files["letter.json"] = {"by": by, "reply_to": reply_to}
    author = Author(material, language)
    services: dict[str, list[int]] = {}
    for number, point in enumerate(material.files[FILE]):
        services.setdefault(point["service"] or point["address"], []).append(number)
    out = []
    for number, (service, points) in enumerate(services.items(), 1):
        report = _letter(author, points)
        refuse_faults(report, material, language)
        safe = re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")[:40] or "service"
        out.append(Letter(service, f"letter-{number:02d}-{safe}", report))
    return out


def _letter(author: Author, points: list[int]) -> Report:
    case = author.fact("text", ref("hashes.json", "case"))
    title = author.fact("text", ref("statement.json", "title" if author.statement.title else "theft"))
    sections = [_request(author, points), _deposits(author, points), _asked(author), _not_claimed(author),
                _check(author)]  # fmt: skip
    return Report(author.language.code, author.say("letter.title"), author.say("letter.kind", title=title, hash=case),
                  author.say("letter.running", hash=case), sections, page_words(author.language),
                  last_day(author.material))  # fmt: skip


def _request(author: Author, points: list[int]) -> Section:
    first = author.material.files[FILE][points[0]]
    grade = str(first["tag"].get("evidence", ""))
    blocks: list[Block] = []
    if first["service"]:
        service = author.fact("text", ref(FILE, points[0], "service"), evidence=grade)
        blocks.append(Paragraph(author.say("letter.to", service=service), "lead"))
    wanted = [(part, f"letter.{part}") for part in ("by", "reply_to") if author.material.files["letter.json"][part]]
    blocks += [author.paragraph(key, who=author.fact("text", ref("letter.json", part))) for part, key in wanted]
    blocks += [author.paragraph("letter.opening"), _table(author, points)]
    return Section("request", author.say("letter.request"), blocks)


def _table(author: Author, points: list[int]) -> Table:
    """The addresses, a row each, with amount, interval and the tag's grounds."""
    rows = []
    for number in points:
        at, point = [FILE, number], author.material.files[FILE][number]
        grounds = [author.fact("text", ref(*at, "tag", part)) for part in ("source", "confidence", "evidence")
                   if point["tag"].get("source")]  # fmt: skip
        tag = () if not grounds else (
            author.say("findings.grounds", source=grounds[0], confidence=grounds[1], evidence=grounds[2]),)  # fmt: skip
        amount = (*author.cell(f"amount:{point['asset']}", ref(*at, "units"), evidence="E4"),
                  interval_line(author, point["asset"], [ref(*at, "least"), ref(*at, "most")]))  # fmt: skip
        rows.append(Row(f"c-{number}", (
            author.cell("text", ref(*at, "address")), tag, amount,
            author.cell("first", ref(*at, "deposits", "*", "time")),
            author.cell("last", ref(*at, "deposits", "*", "time")),
            author.cell("count", ref(*at, "deposits", "*", "txid")), author.cell("text", ref(*at, "standing")),
        )))  # fmt: skip
    columns = author.columns("letter.points", ("address", False, 4), ("tag", False, 3), ("amount", True, 3.4),
                             ("first", False, 1.8), ("last", False, 1.8), ("deposits", True, 1),
                             ("became", False, 2))  # fmt: skip
    return Table("points", author.say("letter.points.caption", rule=author.fact("text", ref("statement.json", "rule"))),
                 columns, tuple(rows))  # fmt: skip


def _deposits(author: Author, points: list[int]) -> Section:
    """Every transaction into the addresses, and what took it on."""
    rows = []
    for number in points:
        point = author.material.files[FILE][number]
        for part in ("deposits", "sweeps"):
            for n, transfer in enumerate(point[part]):
                at = [FILE, number, part, n]
                rows.append(Row(f"{part}-{number}-{n}", (
                    author.cell("time", ref(*at, "time")) or (author.say("letter.no_time"),),
                    author.cell("text", ref(*at, "txid")),
                    (author.say(f"letter.{part}", place=author.fact("text", ref(*at, "place"))),),
                    author.cell(f"amount:{point['asset']}", ref(*at, "units"), evidence="E4") if transfer["units"]
                    else (),
                )))  # fmt: skip
    columns = author.columns("letter.moves", ("time", False, 1.6), ("txid", False, 5), ("what", False, 4),
                             ("amount", True, 2.6))  # fmt: skip
    return Section("transactions", author.say("letter.transactions"),
                   [Table("transfers", author.say("letter.moves.caption"), columns, tuple(rows))])  # fmt: skip


def _asked(author: Author) -> Section:
    asked = ("preserve", "identify", "freeze", "onward", "answer")
    return Section("asked", author.say("letter.asked"),
                   [Bullets(tuple(author.say(f"letter.ask_{name}") for name in asked))])  # fmt: skip


def _not_claimed(author: Author) -> Section:
    rule = author.fact("text", ref("statement.json", "rule"))
    items = (author.say("letter.claim_rule", rule=rule), author.say("letter.claim_tag"),
             author.say("letter.claim_customer"), author.say("letter.claim_order"))  # fmt: skip
    return Section("not-claimed", author.say("letter.not_claimed"), [Bullets(items)])


def _check(author: Author) -> Section:
    return Section("check", author.say("letter.check"), [
        author.paragraph("letter.check_ledger", chain=author.fact("text", ref("statement.json", "chain"))),
        author.paragraph("letter.check_case", hash=author.fact("text", ref("hashes.json", "case")),
                         ledger=author.fact("text", ref("statement.json", "ledger")),
                         version=author.fact("text", ref("program.json", "version"))),
    ])  # fmt: skip


def render_text(report: Report, width: int = 96) -> str:
    """A report as plain text for a mail: titles, paragraphs, and tables as lines of "column: value"."""
    from dyepack.sinks import visible

    lines = [*_wrapped(visible(report.title.plain()), width), *_wrapped(visible(report.kind.plain()), width)]
    for section in report.sections:
        lines += ["", visible(section.title.plain()), "-" * min(len(section.title.plain()), width)]
        for block in section.blocks:
            lines += ["", *_text_lines(block, width)]
    return "\n".join([*lines, ""])


def _text_lines(block: Block, width: int) -> list[str]:
    from dyepack.sinks import visible

    if isinstance(block, Paragraph):
        return _wrapped(visible(block.text.plain()), width)
    if isinstance(block, Bullets):
        return [line for item in block.items for line in _wrapped("- " + visible(item.plain()), width, "  ")]
    if not isinstance(block, Table):
        return []
    lines = _wrapped(visible(block.caption.plain()) + ":", width)
    for row in block.rows:
        lines.append("")
        for column, cell in zip(block.columns, row.cells, strict=True):
            words = "; ".join(visible(line.plain()) for line in cell)
            lines += _wrapped(f"{visible(column.head.plain())}: {words}", width, "    ") if words else []
    return lines


def _wrapped(text: str, width: int, start: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, subsequent_indent=start, break_long_words=False, break_on_hyphens=False)
