"""The case as one JSON document: what was asked, the statement, the flow and every dyed move.

Invariant: amounts are texts of base units; texts from outside are raw but for JSON's own escapes, in ASCII, so that
the document is the case again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dyepack.exports.model import pretty

if TYPE_CHECKING:
    from dyepack.exports.model import Findings

_AMOUNTS = ("value", "units", "fresh", "amount")


def export(findings: Findings) -> bytes:
    """The document."""
    return pretty({
        "format": 1, "case_id": findings.case_id, "case": findings.about, "statement": findings.statement.to_json(),
        "flows": [_texts(asdict(f)) for f in findings.flows()], "moves": [_texts(asdict(m)) for m in findings.moves],
    })  # fmt: skip


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    return {k: str(v) if k in _AMOUNTS else v for k, v in row.items()}
