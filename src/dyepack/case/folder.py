"""The case folder: everything a trace used and found.

    case.json        what was asked: thefts, parameters (headline rule first of all), ledger and tag hashes, version
    thefts/          the theft files as they were given
    tags.csv         the tags about addresses of the ledger
    moves.csv        every dyed move under the headline rule, raw
    statement.json   the statement, all rules side by side
    SHA256           the hash of each of these files
    checks.jsonl     what later looks at the chain said of the blocks that the case cites, one a line (not hashed)
    evidence/        of a live trace: every answer of the source (sources/live/evidence.py checks itself)
    ledger/          of a live trace: the ledger made of them, whose hash is in case.json

Invariant: the same ledger, thefts, tags, parameters and version give the same bytes; a folder appears whole or
not at all (of a live trace: the files come after evidence and ledger, and SHA256 last); reading one checks its hashes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dyepack import __version__
from dyepack.case.cited import CitedCheck
from dyepack.errors import BalanceError, CaseError
from dyepack.ledger.open import open_ledger
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.notebook import InNotebook
from dyepack.tags.load import load
from dyepack.tags.write import csv_text
from dyepack.tracing.moves import FIELDS, DyedMove
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.statement import Statement
from dyepack.tracing.theft import Theft, parse_theft

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dyepack.case.run import Trace
    from dyepack.ledger.open import AnyLedger
    from dyepack.notebook import Grid
    from dyepack.tags.model import TagSet

FORMAT = 1

EVIDENCE, LEDGER = "evidence", "ledger"
"""Folders that a live trace keeps in its case."""

CHECKS = "checks.jsonl"


def files_of(trace: Trace) -> dict[str, bytes]:
    """The files of a case by name."""
    files: dict[str, bytes] = {}
    thefts = []
    for number, theft in enumerate(trace.thefts, 1):
        name = f"thefts/{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', theft.id)[:60]}.toml"
        files[name] = theft.raw
        thefts.append({"id": theft.id, "file": name, "sha256": hashlib.sha256(theft.raw).hexdigest()})
    files["tags.csv"] = csv_text(trace.tags.tags).encode()
    files["moves.csv"] = moves_csv(trace.moves)
    files["statement.json"] = document(trace.statement.to_json())
    files["case.json"] = document({
        "format": FORMAT, "dyepack": __version__, "rule": trace.parameters.rule, "thefts": thefts,
        "parameters": asdict(trace.parameters), "ledger": {"chain": trace.chain, "sha256": trace.ledger},
        "tags": {"file": "tags.csv", "sha256": hashlib.sha256(files["tags.csv"]).hexdigest()},
    })  # fmt: skip
    if trace.live is not None:
        files["case.json"] = document(json.loads(files["case.json"]) | {"live": trace.live})
    return files | {"SHA256": listing(files).encode()}


def document(value: object) -> bytes:
    """A value as the JSON files of a case hold it."""
    return (json.dumps(value, indent=1, ensure_ascii=True, sort_keys=False) + "\n").encode()


def listing(files: Mapping[str, bytes]) -> str:
    """The list of hashes (SHA256) of files by name."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def moves_csv(moves: list[DyedMove]) -> bytes:
    """Every dyed move as CSV, texts raw: a record to be read back (`dyepack path --csv` is for spreadsheets)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(map(attrgetter(*FIELDS), moves))
    return out.getvalue().encode()


def check_place(path: Path, *, replace: bool, live: bool = False) -> None:
    """CaseError if `path` is taken and is no case to be replaced; `live`: what a live trace left there may stay."""
    held = {p.name for p in path.iterdir()} if path.is_dir() else {""} if path.exists() else set()
    if live:
        held = set() if _is_interrupted(path) else held
        held = {n for n in held if n not in {LEDGER, EVIDENCE} and not n.startswith(f"{EVIDENCE}.")}
    if held:
        if not replace:
            raise CaseError(f"{path} already exists", remedy="choose another --out, or say --replace")
        if not (path / "case.json").is_file():
            raise CaseError(f"{path} is not a case folder, so it is not replaced", remedy="choose another --out")


def _is_interrupted(path: Path) -> bool:
    """Whether a folder holds a live case that its user stopped: the same command goes on with it."""
    try:
        about = json.loads((path / "case.json").read_bytes())
        return bool(about["live"]["interrupted"])
    except (OSError, *_DAMAGE):
        return False


def unfinish(path: Path) -> None:
    """Make a case no whole one any more, because its ledger is about to be replaced."""
    (path / "SHA256").unlink(missing_ok=True)


def write_case(trace: Trace, path: Path, *, replace: bool = False) -> None:
    """Write a case folder, all or nothing; CaseError if `path` is taken and is no case to be replaced."""
    if trace.live is not None:
        _write_live(trace, path, replace=replace)
        return
    check_place(path, replace=replace)
    partial = path.parent / f".{path.name}.partial-{os.getpid()}"
    try:
        for name, raw in files_of(trace).items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(raw)
        old = path.parent / f".{path.name}.old-{os.getpid()}"
        if path.exists():
            path.rename(old)
        partial.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as fault:
        raise CaseError(f"{path} cannot be written ({fault.strerror})", remedy="choose another --out") from fault
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_live(trace: Trace, path: Path, *, replace: bool) -> None:
    """Write the files of a case beside its evidence and ledger; until SHA256 is there it is no whole case."""
    check_place(path, replace=replace, live=True)
    files = files_of(trace)
    try:
        unfinish(path)
        if (path / "thefts").is_symlink():
            (path / "thefts").unlink()
        shutil.rmtree(path / "thefts", ignore_errors=True)
        for name, raw in files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
            partial.write_bytes(raw)
            partial.replace(file)
    except OSError as fault:
        raise CaseError(f"{path} cannot be written ({fault.strerror})", remedy="choose another --out") from fault


_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, csv.Error)


@contextmanager
def _sound(path: Path, name: str) -> Iterator[None]:
    """CaseError if a file of a case cannot be read as what it must be, or its statement does not balance."""
    try:
        yield
    except (*_DAMAGE, BalanceError) as fault:
        raise CaseError(f"{path / name} is damaged or was changed ({fault})", remedy="run the trace again") from fault


class Case(InNotebook):
    """A case folder as it was read, its hashes checked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = _checked(path)
        with _sound(path, "case.json"):
            self.about: dict[str, Any] = json.loads(self._files["case.json"])
            made = self.about.get("format")
        if made != FORMAT:
            raise CaseError(
                f"{path} has case format {self.about.get('format')!r}", remedy=f"this version reads {FORMAT}"
            )

    @property
    def statement(self) -> Statement:
        """The statement of the case; where a block that it cites was orphaned since, noted and incomplete."""
        with _sound(self.path, "statement.json"):
            statement = Statement.from_json(json.loads(self._files["statement.json"]))
        checked = self.last_check()
        if checked is not None and not checked.holds:
            statement.notes = [*checked.note().splitlines(), *statement.notes]
            statement.complete = False
        return statement

    @property
    def parameters(self) -> Parameters:
        """The parameters the case was run with."""
        try:
            return Parameters(**self.about["parameters"])
        except TypeError as fault:
            raise CaseError(f"{self.path} has parameters this version does not know ({fault})",
                            remedy=f"use dyepack {self.about.get('dyepack')}") from fault  # fmt: skip

    def thefts(self) -> list[Theft]:
        """The thefts of the case, read from its own copies."""
        with _sound(self.path, "case.json"):
            return [parse_theft(self._files[t["file"]], t["file"]) for t in self.about["thefts"]]

    def tags(self) -> TagSet:
        """The tags of the case, read from its own copy."""
        return load(self.path / "tags.csv")

    def moves(self) -> list[DyedMove]:
        """Every dyed move under the headline rule."""
        with _sound(self.path, "moves.csv"):
            rows = csv.DictReader(io.StringIO(self._files["moves.csv"].decode(), newline=""))
            whole = ("move", "block", "index", "leg", "value", "units", "fresh", "hop")
            return [DyedMove(**{k: int(v) if k in whole else v for k, v in row.items()}) for row in rows]  # type: ignore[arg-type]

    def grid(self) -> Grid:
        """The dyed moves, for a notebook; the statement shows the terminals."""
        from dyepack.case.run import moves_grid

        return moves_grid(self.moves(), self.statement)

    @property
    def is_live(self) -> bool:
        """Whether the case was followed on a live source."""
        return "live" in self.about

    def open_ledger(self, path: Path | None = None) -> AnyLedger:
        """The ledger of the case, by default the one that a live trace keeps in it; CaseError if it is another one."""
        if path is None and not self.is_live:
            raise CaseError(f"{self.path} was not followed live, so it does not hold its ledger",
                            remedy="name the ledger that it was traced on: rerun CASE --ledger FOLDER")  # fmt: skip
        found = open_ledger(path or self.path / LEDGER)
        if found.sha256 != self.about["ledger"]["sha256"]:
            again = "make the case again from its evidence: trace --offline" if path is None else (
                "give the ledger with the hash in case.json")  # fmt: skip
            raise CaseError(f"{path or self.path / LEDGER} is not the ledger of this case", remedy=again)
        if wrong := found.verify():
            raise CaseError(f"the ledger of {self.path} was changed since: {', '.join(wrong)}",
                            remedy="import it again, or make a live case again with trace --offline")  # fmt: skip
        return found

    def cited(self) -> dict[int, str]:
        """The blocks that the ledger of a live trace cites: number and hash."""
        if not self.is_live:
            raise CaseError(f"{self.path} was not followed live, so it cites no blocks by their hashes",
                            remedy="follow the theft live: trace --from SOURCE")  # fmt: skip
        ledger = self.open_ledger()
        numbers = ledger.block_height if isinstance(ledger, UtxoLedger) else ledger.block_number
        start = "" if isinstance(ledger, UtxoLedger) else "0x"
        return {n: start + row.tobytes().hex() for n, row in zip(numbers.tolist(), ledger.block_id, strict=True)}

    def add_check(self, check: CitedCheck) -> None:
        """Note what a look at the chain said."""
        if (self.path / CHECKS).is_symlink():
            raise CaseError(f"{self.path / CHECKS} is a link, so it is not written", remedy="remove it")
        with (self.path / CHECKS).open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(check), sort_keys=True) + "\n")

    def last_check(self) -> CitedCheck | None:
        """What the last look at the chain said, None if there was none."""
        try:
            lines = (self.path / CHECKS).read_text("utf-8").splitlines()
        except OSError:
            return None
        with _sound(self.path, CHECKS):
            return CitedCheck.from_json(json.loads(lines[-1])) if lines else None

    def files(self) -> dict[str, bytes]:
        """The files of the case, SHA256 list included."""
        return self._files


def _checked(path: Path) -> dict[str, bytes]:
    try:
        listing = (path / "SHA256").read_text("ascii")
        files = {"SHA256": listing.encode()}
        for line in listing.splitlines():
            digest, name = line.split("  ", 1)
            if name.startswith("/") or ".." in Path(name).parts:
                raise CaseError(f"{path} lists the unsafe file name {name!r}", remedy="get the case again")
            files[name] = (path / name).read_bytes()
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise CaseError(f"{path / name} was changed since the case was written", remedy="run the trace again")
    except (OSError, ValueError) as fault:
        raise CaseError(
            f"{path} is not a whole case folder ({fault})", remedy="make one with `dyepack trace`"
        ) from fault
    for name in ("case.json", "statement.json", "moves.csv", "tags.csv"):
        if name not in files:
            raise CaseError(f"{path} lacks {name}", remedy="run the trace again")
    return files
