"""A report as a PDF: PDF/A-2a and PDF/UA-1 at once, set by typst; the same bytes for the same report.

Invariant: texts reach typst as JSON values in its inputs, never as markup or code; every character is one that typst's
own fonts can show (glyphs.py), and no font, file, clock or network of the machine is used.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from dyepack.errors import DyepackError
from dyepack.report.document.glyphs import shown_on_paper
from dyepack.report.document.model import Bullets, Fact, Paragraph, Picture, Table, Terms
from dyepack.report.figures.svg import for_print

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.report.document.model import Block, Report, Row, Text

STANDARDS = ["a-2a", "ua-1"]
ANNEX_ROWS = 2_000
"""Rows of a long table that are printed; the HTML report has all."""
TEXT_LIMIT = 600
"""Longest single text on paper, in characters."""
UNDATED = "1970-01-01"
"""The date in a PDF of a case whose moves have no times: the standard wants one, and a clock may not be asked."""
_POINTS, _CHARACTER = 757.0, 0.52
"""The width of a page's text in points; that of a character, in sizes of its font."""
_PAGE = (255.0, 122.0)
"""The most that a figure may take, in millimetres."""
BROKEN_BEFORE = ("values", "findings", "flow", "annex")


class PaperError(DyepackError):
    """A PDF that typst does not set."""


def render_pdf(report: Report, *, annex_rows: int = ANNEX_ROWS) -> bytes:
    """The PDF; PaperError if typst is not installed or does not set it."""
    try:
        import typst
    except ImportError as fault:
        raise PaperError("typst is not installed, and it sets the PDF",
                         remedy="pip install typst, or make the report as HTML") from fault  # fmt: skip
    source = (resources.files("dyepack.report") / "templates" / "report.typ").read_bytes()
    for plain in (False, True):
        data = json.dumps(_Paper(report, annex_rows, plain=plain).data(), ensure_ascii=True)
        try:
            made = typst.compile(source, format="pdf", sys_inputs={"data": data}, pdf_standards=STANDARDS,  # type: ignore[call-overload]
                                 ignore_system_fonts=True)  # fmt: skip
        except typst.TypstError as fault:
            if plain or "could not be displayed" not in str(fault):
                raise PaperError(f"typst does not set the report: {fault.message}",
                                 remedy="make it as HTML, and report this with the case folder") from fault  # fmt: skip
        else:
            return bytes(made)
    raise AssertionError


class _Paper:
    def __init__(self, report: Report, annex_rows: int, *, plain: bool) -> None:
        self.report, self.annex_rows, self.plain = report, annex_rows, plain
        self.ids = {section.id for section in report.sections}
        for table in report.tables():
            self.ids |= {table.id, *(row.id for row in self._kept(table))}

    def _kept(self, table: Table) -> tuple[Row, ...]:
        return table.rows[: self.annex_rows] if table.annex else table.rows

    def show(self, text: str, word: int = 0) -> str:
        """A text as paper can show it; words longer than `word` characters go on in the next line."""
        shown = shown_on_paper(text, TEXT_LIMIT, plain=self.plain)
        if not word:
            return shown
        return " ".join("\n".join(_cut(w, word)) for w in shown.split(" "))

    def text(self, text: Text, word: int = 90) -> list[Any]:
        """The parts of a text: strings, or objects with a link."""
        out: list[Any] = []
        for part in text.parts:
            if isinstance(part, Fact):
                shown = self.show(part.text, word)
                out.append({"t": shown, "l": part.link} if part.link in self.ids and shown else shown)
            else:
                out.append(self.show(part))
        return out

    def data(self) -> dict[str, Any]:
        """Everything that the template reads."""
        report = self.report
        return {
            "lang": report.language, "title": self.show(report.title.plain()), "head": self.text(report.title, 60),
            "about": self.text(report.kind), "running": self.show(report.running.plain(), 120),
            "date": [int(part) for part in (report.day or UNDATED).split("-")],
            "words": {name: self.show(words) for name, words in report.words.items()},
            "sections": [
                {"id": s.id, "title": self.text(s.title), "break_before": s.id in BROKEN_BEFORE,
                 "blocks": [self.block(b) for b in s.blocks]}
                for s in report.sections
            ],
        }  # fmt: skip

    def block(self, block: Block) -> dict[str, Any]:
        """One block."""
        if isinstance(block, Paragraph):
            return {"kind": "Paragraph", "text": self.text(block.text), "style": block.style}
        if isinstance(block, Bullets):
            return {"kind": "Bullets", "items": self.texts(block.items)}
        if isinstance(block, Terms):
            return {"kind": "Terms", "items": [self.texts(pair) for pair in block.items]}
        if isinstance(block, Picture):
            return {"kind": "Picture", "svg": self.svg(block.svg), "width": _width(block.svg),
                    "alt": self.show(block.alt), "caption": self.show(block.caption)}  # fmt: skip
        return self.table(block)

    def texts(self, texts: Iterable[Text]) -> list[list[Any]]:
        """Several texts."""
        return [self.text(text) for text in texts]

    def svg(self, markup: str) -> str:
        """A figure for paper: our markup is ASCII, so only its texts can hold what fonts lack."""
        plain = for_print(markup)
        return "".join(c if c in "\n\t" else shown_on_paper(c, 20, plain=self.plain) for c in plain)

    def table(self, table: Table) -> dict[str, Any]:
        """A table, cut where it is long, its long words broken to the widths of its columns."""
        rows, size = self._kept(table), 7.5 if table.annex else 8.5
        whole = sum(c.width for c in table.columns)
        words = [max(int(_POINTS * c.width / whole / (size * _CHARACTER)) - 1, 4) for c in table.columns]
        left = len(table.rows) - len(rows)
        return {
            "kind": "Table", "id": table.id, "caption": self.text(table.caption), "size": size,
            "heads": [self.text(c.head, n) for c, n in zip(table.columns, words, strict=True)],
            "widths": [c.width for c in table.columns], "right": [c.right for c in table.columns],
            "rows": [{"id": row.id, "cells": [[self.text(line, n) for line in cell]
                                              for cell, n in zip(row.cells, words, strict=True)]} for row in rows],
            "cut": f"{left:,} {self.report.words['cut']}" if left else "",
        }  # fmt: skip


def _cut(word: str, most: int) -> list[str]:
    """A word in pieces of about one length, none longer than `most`."""
    count = -(-len(word) // most) or 1
    each = -(-len(word) // count) or 1
    return [word[at : at + each] for at in range(0, len(word), each)]


def _width(svg: str) -> float:
    """How wide a figure is on paper, in millimetres."""
    box = svg.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split(" ")
    wide, tall = float(box[0]), float(box[1])
    return round(min(_PAGE[0], _PAGE[1] * wide / tall), 1)
