"""A report as plain JSON values: every text with the places that its facts were made of, and the files beside the case.

Invariant: who has the case folder and this can make every number again; figures are in the HTML, their words here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.report.document.model import Bullets, Paragraph, Picture, Terms

if TYPE_CHECKING:
    from dyepack.report.document.material import Material
    from dyepack.report.document.model import Block, Report, Text

FORMAT = 1
OF_THE_CASE = frozenset({"case.json", "statement.json", "moves.csv"})


def report_json(report: Report, material: Material, *, redacted: bool = False) -> dict[str, Any]:
    """The report; of a redacted one also the files of the case, as they are named by it."""
    return {
        "format": FORMAT, "language": report.language, "title": text_json(report.title),
        "kind": text_json(report.kind),
        "sections": [{"id": s.id, "title": text_json(s.title), "blocks": [_block(b) for b in s.blocks]}
                     for s in report.sections],
        "files": {name: value for name, value in material.files.items() if redacted or name not in OF_THE_CASE},
    }  # fmt: skip


def text_json(text: Text) -> dict[str, Any]:
    """One text: the whole of it, and its facts."""
    facts = [{"text": f.text, "refs": list(f.refs), "form": f.form, "evidence": f.evidence, "link": f.link}
             for f in text.facts()]  # fmt: skip
    return {"text": text.plain(), "facts": facts}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", **text_json(block.text)}
    if isinstance(block, Bullets):
        return {"kind": "list", "items": [text_json(item) for item in block.items]}
    if isinstance(block, Terms):
        return {"kind": "terms", "items": [[text_json(word), text_json(means)] for word, means in block.items]}
    if isinstance(block, Picture):
        return {"kind": "figure", "name": block.name, "shows": block.alt, "caption": block.caption}
    return {
        "kind": "table", "id": block.id, "caption": text_json(block.caption),
        "columns": [text_json(c.head) for c in block.columns],
        "rows": [{"id": row.id, "cells": [[text_json(line) for line in cell] for cell in row.cells]}
                 for row in block.rows],
    }  # fmt: skip
