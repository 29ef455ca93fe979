"""The report of a case: every section in its order, then the lint.

Invariant: no report leaves here that its lint faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.author import Author
from dyepack.report.document.findings import cash_outs, findings, onward
from dyepack.report.document.method import method
from dyepack.report.document.model import Report, Section
from dyepack.report.document.pictures import PICTURES, draw
from dyepack.report.document.places import ref
from dyepack.report.document.rest import annex, attribution, data, errors, glossary, untraced
from dyepack.report.document.summary import summary
from dyepack.report.document.values import values

if TYPE_CHECKING:
    from dyepack.report.document.language import Language
    from dyepack.report.document.material import Material

PAGE_WORDS = ("skip", "contents", "cut", "made", "made_pdf", "page")


def build(material: Material, language: Language, *, redacted: bool = False) -> Report:
    """The report; LintError if its lint finds anything (a fault in dyepack or in the language file)."""
    from dyepack.report.document.lint import refuse_faults

    author = Author(material, language)
    sections = [
        summary(author), values(author), method(author), findings(author), cash_outs(author), onward(author),
        _flow(author), untraced(author), attribution(author), errors(author), data(author), glossary(author),
        annex(author),
    ]  # fmt: skip
    title = author.fact("text", ref("statement.json", "title" if author.statement.title else "theft"))
    hash_ = author.fact("text", ref("hashes.json", "case"))
    if redacted:
        kind, running = author.say("report.kind_redacted"), author.say("report.running_redacted", hash=hash_)
    else:
        chain = author.fact("text", ref("statement.json", "chain"))
        key = "report.kind" if author.statement.complete else "report.kind_incomplete"
        kind = author.say(key, chain=chain, hash=hash_)
        running = author.say("report.running", title=title, hash=hash_)
    report = Report(language.code, author.say("report.title", title=title), kind, running, sections,
                    page_words(language), last_day(material))  # fmt: skip
    refuse_faults(report, material, language)
    return report


def page_words(language: Language) -> dict[str, str]:
    """The words that the sinks need."""
    return {name: language.word(f"page.{name}") for name in PAGE_WORDS}


def last_day(material: Material) -> str:
    """The day of the last dyed move, "" where none has a time."""
    return max((m.time for m in material.moves if m.time), default="")[:10]


def _flow(author: Author) -> Section:
    back = author.statement.direction == "backward"
    section = Section("flow", author.say("flow.title"),
                      [author.paragraph("flow.backward" if back else "flow.intro")])  # fmt: skip
    for name in PICTURES:
        drawn = draw(name, author.material)
        section.blocks.append(drawn if drawn is not None else author.paragraph("flow.no_times"))
    return section
