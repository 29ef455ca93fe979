"""Ledgers and export files of a wanted size, made by the synthetic economy and kept for the next run.

Run as a script it makes one ledger and exits: the large arrays of the generator then never count as memory of a
measurement.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from dyepack.ledger.reader import Ledger
from dyepack.sources.result import Import
from dyepack.sources.store import store_built
from dyepack.synthetic.economy import Economy, economy
from dyepack.synthetic.export import export
from dyepack.tags.load import load
from dyepack.tags.naming import stops
from dyepack.tags.write import csv_text
from dyepack.tracing.plan import Plan
from dyepack.tracing.resolve import Parameters, resolve
from dyepack.tracing.theft import read_theft

CHAIN = "synthetic"
FILES = ("transactions", "token_transfers", "traces")
"""What an export consists of, by the argument name of `import_etl`."""

HUB = Parameters().hub
"""The hub guard of the command line."""

DEFAULT_WORK = Path(tempfile.gettempdir()) / "dyepack-bench"


class DoesNotFitError(Exception):
    """The ledger is too small for so many thefts with so many dyed moves."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A synthetic ledger: `thefts` thefts whose dye touches some `dyed` moves each; `leak` lets it into the economy."""

    moves: int
    thefts: int = 1
    dyed: int = 1000
    leak: bool = False
    seed: int = 1

    @property
    def name(self) -> str:
        """A folder name."""
        return f"{self.moves}-{self.thefts}x{self.dyed}{'-leak' if self.leak else ''}-{self.seed}"


@dataclass(frozen=True, slots=True)
class World:
    """A ledger on disk with the theft and the tags that go with it."""

    folder: Path

    @property
    def ledger(self) -> Path:
        """The ledger's folder."""
        return self.folder / "ledger"

    @property
    def theft(self) -> Path:
        """One theft file; each theft of the economy is a leg of it."""
        return self.folder / "theft.toml"

    @property
    def tags(self) -> Path:
        """Tags of the services where regions end."""
        return self.folder / "tags.csv"

    def plan(self, ledger: Ledger, *, hub: int = HUB) -> Plan:
        """The plan that `dyepack trace` would make of theft and tags."""
        return resolve(ledger, [read_theft(self.theft)], Parameters(hub=hub), stops(load(self.tags))).plan


def world(spec: Spec, work: Path) -> World:
    """The ledger of a spec, made now if it is not there yet; DoesNotFitError if there can be none."""
    made = World(work / "ledgers" / spec.name)
    if not (made.folder / "done").exists():
        command = [sys.executable, str(Path(__file__)), "--work", str(work), "--spec", json.dumps(asdict(spec))]
        print(f"making {spec.name} ...", file=sys.stderr, flush=True)
        answer = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if answer.returncode:
            raise DoesNotFitError(answer.stdout.strip() or f"making {spec.name} failed")
    return made


def exported(moves: int, fmt: Literal["csv", "parquet"], work: Path) -> dict[str, Path]:
    """The files of an export of a ledger with `moves` moves, by name."""
    folder = work / "exports" / f"{moves}-{fmt}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        export(economy(moves).moves, folder, fmt)
        (folder / "done").touch()
    return {name: folder / f"{name}.{fmt}" for name in FILES}


def _make(spec: Spec, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    made = economy(spec.moves, spec.thefts, spec.seed, dyed_moves=spec.dyed, leak=spec.leak)
    folder.mkdir(parents=True)
    (folder / "theft.toml").write_text(_theft(made), encoding="utf-8")
    (folder / "tags.csv").write_text(csv_text(made.tags), encoding="utf-8")
    store_built(
        Import(moves=[made.moves], rows=len(made.moves), assets=made.assets), folder / "ledger", chain=CHAIN,
        inputs=[{"name": "synthetic economy", **asdict(spec)}], native=made.native, covers=None, complete=True,
    )  # fmt: skip
    (folder / "done").touch()


def _theft(made: Economy) -> str:
    """The thefts of an economy as the legs of one theft file."""
    lines = ['id = "bench"', 'title = "Benchmark"', f"chain = {json.dumps(CHAIN)}"]
    for leg in made.thefts:
        lines += ["[[leg]]", f"name = {json.dumps(leg.name)}", f"asset = {json.dumps(leg.asset)}"]
        for tx in leg.tx_ids:
            lines += ["[[leg.move]]", f"tx = {json.dumps(tx)}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make one ledger."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where ledgers are kept")
    words.add_argument("--spec", required=True, help='JSON, as {"moves": 10000, "thefts": 1, "dyed": 1000}')
    given = words.parse_args()
    spec = Spec(**json.loads(given.spec))
    try:
        _make(spec, given.work / "ledgers" / spec.name)
    except ValueError as fault:
        print(fault)
        sys.exit(1)


if __name__ == "__main__":
    main()
