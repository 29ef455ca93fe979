"""Tracing the scripted incident by the command line against any URL, and what its case says beside the truth.

Invariant: a case `agrees` only if every place, asset, reason and amount is the truth's, to the last unit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from dyepack.cli.app import main
from tests.bookkeeper import Key
from tests.evm_moves import NOBODY
from tests.incident import Incident

STOPS = {"burn": "burnt"}


@dataclass(frozen=True, slots=True)
class Traced:
    """A finished trace: the exit code of the program and its case."""

    code: int
    case: Path

    def totals(self, rule: str) -> dict[Key, int]:
        """(place, asset, why) to units under a rule."""
        said = json.loads((self.case / "statement.json").read_text(encoding="utf-8"))
        found: dict[Key, int] = {}
        for end in said["terminals"]:
            units = int(end["amounts"][rule])
            if units and end["stop"] != "converted":
                found[end["place"], end["asset"], STOPS.get(end["stop"], end["stop"])] = units
        return found

    def by_leg(self) -> dict[Key, dict[int, int]]:
        """The same under the headline rule, leg by leg."""
        said = json.loads((self.case / "statement.json").read_text(encoding="utf-8"))
        return {
            (end["place"], end["asset"], STOPS.get(end["stop"], end["stop"])): {
                int(leg): int(units) for leg, units in end["by_leg"].items()
            }
            for end in said["terminals"]
            if end["by_leg"] and end["stop"] != "converted"
        }

    def head(self) -> int:
        """The block up to which the case looked."""
        said = json.loads((self.case / "case.json").read_text(encoding="utf-8"))
        return int(said["live"]["head"]["number"])

    def complete(self) -> bool:
        """Whether the statement says that nothing is missing."""
        return bool(json.loads((self.case / "statement.json").read_text(encoding="utf-8"))["complete"])

    def files(self) -> dict[str, str]:
        """Every file of the case by its SHA-256."""
        return {
            str(path.relative_to(self.case)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.case.rglob("*"))
            if path.is_file()
        }


def trace(source: str, incident: Incident, folder: Path, *words: str) -> Traced:
    """`dyepack trace --from SOURCE ...` into `folder`/case, in this process."""
    folder.mkdir(exist_ok=True)
    theft, tags = incident.write(folder)
    case = folder / "case"
    command = [
        "-q", "trace", "--from", source, "--allow-host", "127.0.0.1", "--theft", str(theft), "--tags", str(tags),
        "--out", str(case), "--depth", "0", *words,
    ]  # fmt: skip
    with pytest.raises(SystemExit) as left:
        main(command)
    code = left.value.code
    return Traced(code if isinstance(code, int) else 1, case)


def shown(truth: dict[Key, dict[int, int]]) -> dict[Key, dict[int, int]]:
    """The truth as a statement must put it: what an issuer destroyed is burnt, at the zero address."""
    return {
        ((NOBODY, asset, "burnt") if why == "destroyed" else (place, asset, why)): legs
        for (place, asset, why), legs in truth.items()
    }


def totals(truth: dict[Key, dict[int, int]]) -> dict[Key, int]:
    """The same, all legs together."""
    return {key: sum(legs.values()) for key, legs in shown(truth).items()}
