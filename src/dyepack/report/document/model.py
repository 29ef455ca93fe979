"""What a report is made of: sections of blocks, blocks of texts, texts of plain words and facts.

Invariant: plain words come from the language file and hold no number of the case; whatever is of the case is a Fact,
whose shown text a named form makes of what stands at its places in the case's files (shown.py), so that the lint can
make it again. All texts are raw: the sinks (html.py, pdf.py) make them safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIM = "claim"
"""The grade of what somebody says about who did it: it may stand in the section of such claims only."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A piece of text that stands for something in the case.

    refs      where, as "statement.json#/terminals/3/amounts/fifo" (places.py)
    form      how the text is made of it, as "amount:native" (shown.py)
    evidence  E1 to E6, CLAIM, or "" where no class applies; E5 and E6 have to be worded as what they are
    link      id of the row or block of the report that shows where it comes from, "" for none
    """

    text: str
    refs: tuple[str, ...]
    form: str
    evidence: str = ""
    link: str = ""


Part = str | Fact


@dataclass(frozen=True, slots=True)
class Text:
    """Words and facts in a row; `key` is the entry of the language file that it was made of."""

    key: str
    parts: tuple[Part, ...]

    def plain(self) -> str:
        """The whole as one raw text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def facts(self) -> Iterator[Fact]:
        """The facts in it, in order."""
        return (part for part in self.parts if isinstance(part, Fact))


Cell = tuple[Text, ...]
"""The lines of a cell."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph; `style` is "", "lead" or "note"."""

    text: Text
    style: str = ""


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Words and what they mean."""

    items: tuple[tuple[Text, Text], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, whether it holds figures, its share of the width."""

    head: Text
    right: bool = False
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row; other parts of the report link to its `id`."""

    id: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first column heads its rows. `annex`: it may be cut on paper."""

    id: str
    caption: Text
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    annex: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure by its name (pictures.py), with its words; the SVG is dyepack's own markup."""

    name: str
    svg: str
    alt: str
    caption: str


Block = Paragraph | Bullets | Terms | Table | Picture


@dataclass(slots=True)
class Section:
    """One section: an id that links name, a title, blocks; `part`: a subsection of the one before."""

    id: str
    title: Text
    blocks: list[Block] = field(default_factory=list)
    part: bool = False


@dataclass(slots=True)
class Report:
    """A whole report: its title, the line under it, what runs along the top of each page, sections in order.

    words  of the language file, for the sinks ("skip", "contents", "cut" and the like)
    day    of the last move of the case (ISO 8601, "" if none has a time): the one date that a PDF must have
    """

    language: str
    title: Text
    kind: Text
    running: Text
    sections: list[Section]
    words: dict[str, str]
    day: str = ""

    def tables(self) -> Iterator[Table]:
        """Every table, in order."""
        return (block for section in self.sections for block in section.blocks if isinstance(block, Table))


def texts_of(block: Block) -> Iterator[tuple[Text, Text | None]]:
    """Every text of a block, each with the text that heads it (a column's head, beside a table's caption)."""
    if isinstance(block, Paragraph):
        yield block.text, None
    elif isinstance(block, Bullets):
        yield from ((item, None) for item in block.items)
    elif isinstance(block, Terms):
        for word, meaning in block.items:
            yield word, None
            yield meaning, None
    elif isinstance(block, Table):
        yield block.caption, None
        yield from ((column.head, None) for column in block.columns)
        for row in block.rows:
            for column, cell in zip(block.columns, row.cells, strict=True):
                head = Text(column.head.key, (*column.head.parts, "; ", *block.caption.parts))
                yield from ((line, head) for line in cell)
