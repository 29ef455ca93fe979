"""The one who writes: makes facts of places and texts of language entries.

Invariant: a fact's text is what shown.show makes of its places; a text's plain words are those of the language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.language import Language, split
from dyepack.report.document.model import CLAIM, Column, Fact, Paragraph, Part, Text
from dyepack.report.document.places import ref
from dyepack.report.document.shown import KnownNames, show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.report.document.material import Material

Filling = Fact | Text | list[Text]

GRADES = ("", "E1", "E2", "E3", "E4", "E5", "E6", CLAIM)
"""From the surest to the least sure."""


def weakest(grades: Iterable[str]) -> str:
    """The least sure of some evidence classes; one that is none counts as E6."""
    return max((g if g in GRADES else "E6" for g in grades), key=GRADES.index, default="")


class Author:
    """Writes over one material in one language."""

    def __init__(self, material: Material, language: Language) -> None:
        self.material, self.language = material, language
        self.statement = material.statement
        self.names = KnownNames(self.statement)
        self.rule = self.statement.rule
        self.rules = self.statement.interval_rules or [self.rule]

    def fact(self, form: str, *refs: str, evidence: str = "", link: str = "") -> Fact:
        """What stands at these places, in a form."""
        return Fact(show(self.material, refs, form, self.names), refs, form, evidence, link)

    def say(self, key: str, number: int | None = None, /, **fillings: Filling) -> Text:
        """The entry of a key with its places filled; `number` chooses between one and other."""
        parts: list[Part] = []
        used = set()
        for words, name in split(self.language.template(key, number)):
            if words:
                parts.append(words)
            if name:
                used.add(name)
                parts += self._parts(fillings[name])
        if unused := fillings.keys() - used:
            raise KeyError(f"{key} has no place for {sorted(unused)}")
        return Text(key, tuple(parts))

    def _parts(self, filling: Filling) -> list[Part]:
        if isinstance(filling, Fact):
            return [filling]
        if isinstance(filling, Text):
            return list(filling.parts)
        out: list[Part] = []
        for number, text in enumerate(filling):
            last = number == len(filling) - 1
            out += [self.language.word("list.last" if last else "list.between")] if number else []
            out += text.parts
        return out

    def only(self, fact: Fact) -> Text:
        """A text that is one fact."""
        return Text("", (fact,))

    def cell(self, form: str, *refs: str, evidence: str = "", link: str = "") -> tuple[Text, ...]:
        """A cell of one fact; one without text is an empty cell."""
        found = self.fact(form, *refs, evidence=evidence, link=link)
        return (Text("", (found,)),) if found.text else ()

    def columns(self, table: str, *columns: tuple[str, bool, float]) -> tuple[Column, ...]:
        """The columns of a table: (name, right-aligned, share of the width)."""
        return tuple(Column(self.say(f"{table}.{name}"), right, width) for name, right, width in columns)

    def paragraph(self, key: str, style: str = "", number: int | None = None, /, **fillings: Filling) -> Paragraph:
        """One paragraph of one entry."""
        return Paragraph(self.say(key, number, **fillings), style)

    # places that many sections name

    def terminals(self, rule: str, **fields: str) -> str:
        """The units under a rule of every terminal with these fields."""
        return ref("statement.json", "terminals", fields or "*", "amounts", rule)

    def over_rules(self, **fields: str) -> list[str]:
        """The same under each rule of the interval."""
        return [self.terminals(rule, **fields) for rule in self.rules]

    def whole(self, asset: str) -> list[str]:
        """What is to be accounted for of an asset under the headline rule."""
        mine = {"rule": self.rule, "asset": asset}
        return [ref("statement.json", "balances", mine, part) for part in ("put_in", "swapped_in")]

    def rule_fact(self) -> Fact:
        """The name of the headline rule."""
        return self.fact("text", ref("statement.json", "rule"), link="method")

    def assets(self) -> list[str]:
        """Assets that were stolen, then those that they were swapped into."""
        stolen = [s.asset for s in self.statement.sources]
        ended = [t.asset for t in self.statement.terminals if t.amount(self.rule)]
        return list(dict.fromkeys([*stolen, *sorted(set(ended) - set(stolen))]))
