"""The lint of a report: what it says that is not in the case, and what it says too firmly.

    fact        a fact whose text is not what its form makes of its places, or whose place is not in the case
    number      a digit in plain words that the language does not allow there
    inference   a fact that rests on E5 or E6 in a sentence without a word that says so
    convention  an amount that a rule allocates (E4) in a sentence that does not say so
    claim       what somebody says about who did it, outside the section of such claims or beside no sayer
    picture     a figure that is not what the case draws
    link        a number that leads to a row that is not there

Invariant: it trusts nothing that the authors did: every fact is made again from the material alone. In a table the head
of the column and the caption count as part of each sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import DyepackError, quoted
from dyepack.report.document.model import CLAIM, Fact, Paragraph, Part, Picture, Report, Section, Table, Text, texts_of
from dyepack.report.document.pictures import PICTURES, draw
from dyepack.report.document.shown import KnownNames, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dyepack.report.document.language import Language
    from dyepack.report.document.material import Material

CLAIMS = ("attribution",)
"""Sections in which claims may stand."""
INFERRED = frozenset({"E5", "E6"})
_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: in which section, of which kind, in which sentence, about which piece of text."""

    section: str
    kind: str
    sentence: str
    what: str

    def words(self) -> str:
        """The fault on one line."""
        return f"section {self.section}, {self.kind}: {quoted(self.what)} in {quoted(self.sentence)}"


class LintError(DyepackError):
    """A report that may not be shown."""

    def __init__(self, problems: list[Problem]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"the report is not written, its lint refuses it: {problems[0].words()}{more}",
                         remedy="mend the language file, or report this with the case folder")  # fmt: skip
        self.problems = problems


def refuse_faults(report: Report, material: Material, language: Language) -> None:
    """LintError if the lint finds anything."""
    if problems := lint(report, material, language):
        raise LintError(problems)


def lint(report: Report, material: Material, language: Language) -> list[Problem]:
    """Everything that is wrong with a report, in its order."""
    look = _Look(report, material, language)
    found = [p for text in (report.title, report.kind, report.running) for p in look.text("title", text, None)]
    for section in report.sections:
        found += look.text(section.id, section.title, None)
        found += [p for block in section.blocks if isinstance(block, Picture) for p in look.picture(section, block)]
        found += [p for block in section.blocks if not isinstance(block, Picture)
                  for text, head in texts_of(block) for p in look.text(section.id, text, head)]  # fmt: skip
        found += look.claims(section)
    return found


class _Look:
    def __init__(self, report: Report, material: Material, language: Language) -> None:
        self.material, self.language = material, language
        self.names = KnownNames(material.statement)
        self.allowed = re.compile("|".join(f"(?:{p})" for p in language.allowed)) if language.allowed else None
        self.ids = ids_of(report)
        self.made: dict[tuple[tuple[str, ...], str], str | None] = {}

    def text(self, section: str, text: Text, head: Text | None) -> Iterator[Problem]:
        """The faults of one text; `head` heads it in a table."""
        for part in text.parts:
            if isinstance(part, Fact):
                yield from self._fact(section, text, part)
            elif _DIGIT.search(self.allowed.sub("", part) if self.allowed else part):
                yield Problem(section, "number", text.plain(), part)
        for sentence in sentences(text.parts):
            yield from self._graded(section, sentence, head)

    def _fact(self, section: str, text: Text, fact: Fact) -> Iterator[Problem]:
        key = fact.refs, fact.form
        if key not in self.made:
            try:
                self.made[key] = show(self.material, fact.refs, fact.form, self.names)
            except DyepackError:
                self.made[key] = None
        if self.made[key] != fact.text:
            yield Problem(section, "fact", text.plain(), fact.text)
        if fact.link and fact.link not in self.ids:
            yield Problem(section, "link", text.plain(), fact.link)

    def _graded(self, section: str, sentence: tuple[Part, ...], head: Text | None) -> Iterator[Problem]:
        words = [p for p in sentence if isinstance(p, str)] + ([p for p in head.parts if isinstance(p, str)] if head
                                                               else [])  # fmt: skip
        said = " ".join(words).casefold()
        whole = "".join(p if isinstance(p, str) else p.text for p in sentence)
        for fact in (p for p in sentence if isinstance(p, Fact)):
            if fact.evidence in INFERRED and not _holds(said, self.language.hedges):
                yield Problem(section, "inference", whole, fact.text)
            if fact.evidence == "E4" and not _holds(said, self.language.conventions):
                yield Problem(section, "convention", whole, fact.text)
            if fact.evidence == CLAIM and section not in CLAIMS:
                yield Problem(section, "claim", whole, fact.text)

    def picture(self, section: Section, picture: Picture) -> Iterator[Problem]:
        """The fault of a figure."""
        if picture.name not in PICTURES or draw(picture.name, self.material) != picture:
            yield Problem(section.id, "picture", picture.caption, picture.name)
        elif not picture.alt or not picture.caption:
            yield Problem(section.id, "picture", picture.caption, "no words beside it")

    def claims(self, section: Section) -> Iterator[Problem]:
        """Claims without the one who makes them beside them: in the same row, or in the same paragraph."""
        for block in section.blocks:
            if isinstance(block, Table):
                groups = [[f for cell in row.cells for line in cell for f in line.facts()] for row in block.rows]
            elif isinstance(block, Paragraph):
                groups = [[*block.text.facts()]]
            else:
                continue
            for facts in groups:
                said = [f for f in facts if f.evidence == CLAIM]
                sayer = any(ref.endswith(("/by", "/name")) for f in facts for ref in f.refs)
                if said and not sayer:
                    yield Problem(section.id, "claim", said[0].text, "nobody says it")


def _holds(said: str, words: tuple[str, ...]) -> bool:
    return any(word.casefold() in said for word in words)


def sentences(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    """A text cut into its sentences, at the ends that stand in its plain words."""
    held: list[Part] = []
    for part in parts:
        if isinstance(part, Fact):
            held.append(part)
            continue
        first, *others = _SENTENCE_END.split(part)
        held.append(first)
        for piece in others:
            yield tuple(held)
            held = [piece]
    yield tuple(held)


def ids_of(report: Report) -> set[str]:
    """Every id that a number of the report may lead to."""
    found = {section.id for section in report.sections}
    for table in report.tables():
        found.add(table.id)
        found |= {row.id for row in table.rows}
    return found
