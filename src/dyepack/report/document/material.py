"""What a report is made of: the files of a case, and beside them what the program and its registry say.

    case.json statement.json moves.csv     of the case folder
    hashes.json      the hash of every file of the case, and the case's own: that of its list of hashes
    thefts.json      what the theft files say of themselves
    tags.json        the sources of the tags: how many of each, their grades
    cashouts.json    the cash-out points                    values.json    values, if prices or currencies are given
    incident.json    the registry's entry, if one is named  program.json   version, rules, classes, measured errors

Invariant: everything that a report says is in here, as plain JSON values, so that a redaction (redact.py) which changes
all of it leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dyepack.tracing.moves import DyedMove
from dyepack.tracing.statement import Statement

if TYPE_CHECKING:
    from dyepack.case.folder import Case
    from dyepack.cashouts.model import CashOut
    from dyepack.incidents.model import Incident, Source
    from dyepack.valuation.case_values import CaseValues

WHOLE = ("move", "block", "index", "leg", "value", "units", "fresh", "hop")
"""The columns of moves.csv that are whole numbers."""


@dataclass(slots=True)
class Material:
    """The files by name. `statement` and `moves` are the same as in the files, as objects."""

    files: dict[str, Any]

    def __post_init__(self) -> None:
        self._objects: tuple[Statement, list[DyedMove]] | None = None

    _objects: tuple[Statement, list[DyedMove]] | None = None

    @property
    def statement(self) -> Statement:
        """The statement, checked."""
        return self._made()[0]

    @property
    def moves(self) -> list[DyedMove]:
        """The dyed moves."""
        return self._made()[1]

    def _made(self) -> tuple[Statement, list[DyedMove]]:
        if self._objects is None:
            rows = self.files["moves.csv"]
            moves = [DyedMove(**{k: int(v) if k in WHOLE else v for k, v in row.items()}) for row in rows]  # type: ignore[arg-type]
            self._objects = Statement.from_json(self.files["statement.json"]), moves
        return self._objects

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.files


def material_of(
    case: Case,
    *,
    cash_outs: list[CashOut],
    values: CaseValues | None = None,
    incident: tuple[Incident, dict[str, Source]] | None = None,
) -> Material:
    """The material of a case; what was worked out beside it is given along."""
    from dyepack.cashouts.model import to_json

    statement, moves = case.statement, case.moves()
    files: dict[str, Any] = {
        "case.json": case.about,
        "statement.json": plain(statement.to_json()),
        "moves.csv": [{k: str(v) for k, v in asdict(m).items()} for m in moves],
        "hashes.json": hashes(case.files()),
        "thefts.json": [{"id": t.id, "title": t.title, "source": t.source, "note": t.note} for t in case.thefts()],
        "tags.json": _tag_sources(case),
        "cashouts.json": plain(to_json(cash_outs)),
    }
    if values is not None:
        files["values.json"] = plain(values.to_json())
    if incident is not None:
        from dyepack.incidents.as_json import incident_json

        files["incident.json"] = plain(incident_json(*incident))
    files["program.json"] = program(statement, [c.role for c in cash_outs])
    return Material(files)


def plain(value: Any) -> Any:
    """A value as JSON gives it back: no tuples, all keys texts."""
    return json.loads(json.dumps(value))


def hashes(files: dict[str, bytes]) -> dict[str, Any]:
    """The hashes of a case's files, and the case's own hash."""
    listed = [{"file": n, "sha256": hashlib.sha256(raw).hexdigest()} for n, raw in sorted(files.items())]
    return {"case": hashlib.sha256(files["SHA256"]).hexdigest(), "files": [f for f in listed if f["file"] != "SHA256"]}


def _tag_sources(case: Case) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, int, str, str], int] = {}
    for tag in case.tags().tags:
        key = tag.source, tag.sha256, tag.confidence, tag.evidence, tag.date
        found[key] = found.get(key, 0) + 1
    names = ("source", "sha256", "confidence", "evidence", "date")
    return [dict(zip(names, key, strict=True)) | {"tags": count} for key, count in sorted(found.items())]


def program(statement: Statement, roles: list[str]) -> dict[str, Any]:
    """What the program itself says: version, rules, evidence classes, and the measured errors of what was used."""
    from dyepack import __version__
    from dyepack.report.words import EVIDENCE
    from dyepack.tracing.rules import RULES

    run = [r for r in RULES.values() if any(r.name in t.amounts for t in statement.terminals) or r.name ==
           statement.rule]  # fmt: skip
    return {
        "version": __version__,
        "rules": [{"name": r.name, "title": r.title, "words": r.words} for r in run],
        "evidence": dict(EVIDENCE),
        "measured": _measured(statement, roles),
    }


def _measured(statement: Statement, roles: list[str]) -> list[dict[str, Any]]:
    """The rules with an error rate that the statement or the cash-out points rest on."""
    from dyepack.cashouts.model import BEHAVED
    from dyepack.patterns.deposits import RULE as DEPOSIT

    found = {}
    if BEHAVED in roles:
        found[DEPOSIT.id] = (DEPOSIT.pattern, DEPOSIT.conditions, DEPOSIT.measured, DEPOSIT.confidence,
                             DEPOSIT.evidence)  # fmt: skip
    for mix in statement.onward:
        found[mix.rule] = (mix.family or mix.kind, mix.kind, mix.measured, mix.confidence, mix.evidence)
    names = ("pattern", "conditions", "measured", "confidence", "evidence")
    return [{"rule": rule} | dict(zip(names, row, strict=True)) for rule, row in sorted(found.items())]
