"""Making a pack: a case, the ledger that it was traced on, and the log of what was done.

Invariant: the same case, ledger, notes and `at` give the same bytes; no clock, no path and no name of a machine goes
in. A pack appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dyepack import __version__
from dyepack.case.folder import CHECKS, EVIDENCE, Case
from dyepack.case.folder import LEDGER as OWN_LEDGER
from dyepack.errors import CaseError, UsageError, quoted
from dyepack.ledger.content import pointer
from dyepack.pack import bag, log, zipped
from dyepack.pack.names import flaw, twins
from dyepack.sources.live.evidence import BODIES, LINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.open import AnyLedger

MOST_LEDGER = 512 << 20
"""Bytes of an imported ledger that are packed unless the user allows more."""

_LONGEST_NOTE = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes into the log beside the case: `notes` by `who`, and `at` (UTC, ISO 8601) if the user says when."""

    notes: list[str] = field(default_factory=list)
    who: str = ""
    at: str = ""
    most_ledger: int = MOST_LEDGER


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: where, the pack's id, payload files and bytes."""

    path: Path
    pack_id: str
    files: int
    octets: int


def make(case: Path, out: Path, wanted: Wanted, ledger: Path | None = None) -> Packed:
    """Write the pack of a case; a folder, or a zip where the name ends in .zip.

    Raises CaseError for a case or ledger that is not whole, UsageError where the words do not fit together.
    """
    _check(out, case, wanted)
    opened = Case(case)
    on = opened.open_ledger(ledger)
    files = _case_files(opened)
    if opened.is_live:
        files |= _ledger_files(on, f"{bag.CASE}{OWN_LEDGER}/")
        files |= _evidence_files(case)
    else:
        files |= _ledger_files(on, bag.LEDGER)
        size = sum(path.stat().st_size for name, path in files.items() if name.startswith(bag.LEDGER))
        if size > wanted.most_ledger:
            raise CaseError(
                f"the ledger has {size:,} bytes, more than the {wanted.most_ledger:,} that are packed",
                remedy="allow more with --most-ledger, or import only the case's addresses and trace on that",
            )
    with tempfile.TemporaryDirectory(prefix="dyepack-") as made:
        return _write(opened, on, files, wanted, out, Path(made))


def _check(out: Path, case: Path, wanted: Wanted) -> None:
    if out.exists() or out.is_symlink():
        raise CaseError(f"{out} already exists", remedy="choose another --out")
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(case)):
        raise UsageError("a pack cannot be inside of its case", remedy="choose another --out")
    if not out.parent.is_dir():
        raise CaseError(f"{out} has no folder to be in", remedy="make the folder, or choose another --out")
    if bool(wanted.notes) != bool(wanted.who):
        raise UsageError("a note needs its author, and an author a note", remedy="give both --note and --by")
    if any(len(text) > _LONGEST_NOTE for text in (*wanted.notes, wanted.who)):
        raise UsageError(f"a note has more than {_LONGEST_NOTE:,} characters", remedy="shorten it")


def _case_files(case: Case) -> dict[str, Path]:
    names = [*case.files(), *([CHECKS] if (case.path / CHECKS).is_file() else [])]
    return {bag.CASE + name: case.path / name for name in names}


def _evidence_files(case: Path) -> dict[str, Path]:
    """The answers of a live trace, and of attempts that a reorganisation ended."""
    found = {}
    for folder in [case / EVIDENCE, *sorted(case.glob(f"{EVIDENCE}.orphaned-*"))]:
        for path in [folder / LINES, *sorted((folder / BODIES).glob("*/*"))]:
            if path.is_file() and not path.is_symlink():
                found[bag.CASE + path.relative_to(case).as_posix()] = path
    return found


def _ledger_files(ledger: AnyLedger, start: str) -> dict[str, Path]:
    """The content in force, under the plain name of its hash (CURRENT is written by `_write`)."""
    folder = f"{start}{ledger.sha256[:16]}/"
    names = ["manifest.json"]
    names += [column.file for column in ledger.manifest.columns]
    return {folder + name: ledger.folder / name for name in names}


def _actions(case: Case, ledger: AnyLedger, sums: Mapping[str, bag.Sums], wanted: Wanted) -> list[log.Action]:
    """What is known to have been done, in order."""
    by = f"dyepack {case.about.get('dyepack')}"
    out = [
        log.Action("imported", by, sha256=str(given.get("sha256", "")), note=f"ledger made of {given.get('name', '')}")
        for given in ledger.manifest.inputs
    ]
    if case.is_live:
        live = case.about["live"]
        said = f"followed on {live['source']} up to block {live['head']['number']}"
        out.append(log.Action("followed", by, sha256=live["evidence"], note=said))
    manifest = next(name for name in sums if name.endswith(f"{ledger.sha256[:16]}/manifest.json"))
    out.append(log.Action("ledger written", by, manifest, sums[manifest].sha256, f"chain {ledger.chain}"))
    out += [log.Action("theft given", "", name, sums[name].sha256) for name in sums
            if name.startswith(f"{bag.CASE}thefts/")]  # fmt: skip
    out.append(log.Action("traced", by, f"{bag.CASE}case.json", sums[f"{bag.CASE}case.json"].sha256))
    if f"{bag.CASE}{CHECKS}" in sums:
        out.append(log.Action("rechecked", "dyepack", f"{bag.CASE}{CHECKS}", sums[f"{bag.CASE}{CHECKS}"].sha256))
    out += [log.Action("note", wanted.who, sha256=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
                       note=text, at=wanted.at) for text in wanted.notes]  # fmt: skip
    listing = f"{bag.CASE}SHA256"
    return [*out, log.Action("packed", f"dyepack {__version__}", listing, sums[listing].sha256, at=wanted.at)]


def _write(
    case: Case, ledger: AnyLedger, files: dict[str, Path], wanted: Wanted, out: Path, made: Path
) -> Packed:  # fmt: skip
    def put(name: str, raw: bytes) -> None:
        files[name] = made / str(len(files))
        files[name].write_bytes(raw)

    start = f"{bag.CASE}{OWN_LEDGER}/" if case.is_live else bag.LEDGER
    put(f"{start}CURRENT", pointer(ledger.sha256).encode())
    _check_names(files)
    sums = {name: _sums(files[name]) for name in sorted(files)}
    raw, head = log.written(_actions(case, ledger, sums, wanted))
    put(bag.LOG, raw)
    sums[bag.LOG] = _sums(files[bag.LOG])
    info = {
        "Bag-Software-Agent": f"dyepack {__version__}", "External-Description": "Evidence pack of a dyepack case",
        "External-Identifier": f"sha256:{sums[bag.CASE + 'case.json'].sha256}", bag.FORMAT_KEY: bag.FORMAT,
        bag.LOG_HEAD: head.text(),
    }  # fmt: skip
    tags = bag.tag_files(sums, info, bag.verifier())
    for name, text in tags.items():
        put(name, text)
    publish(out, files)
    pack_id = hashlib.sha256(tags["tagmanifest-sha256.txt"]).hexdigest()
    return Packed(out, pack_id, len(sums), sum(s.size for s in sums.values()))


def _check_names(files: Mapping[str, Path]) -> None:
    for name in files:
        if why := flaw(name):
            raise CaseError(f"the case holds {quoted(name)}, and {why}", remedy="trace again with this version")
    if pair := twins(sorted(files)):
        raise CaseError(f"some systems take {pair[0]} and {pair[1]} for one file", remedy="trace again")


def _sums(path: Path) -> bag.Sums:
    with path.open("rb") as source:
        return bag.sums_of(iter(lambda: source.read(1 << 20), b""))


def publish(out: Path, files: Mapping[str, Path], *, replace: bool = False) -> None:
    """Write files as a folder or zip: beside its place first, then by one rename."""
    partial = out.parent / f".{out.name}.partial-{os.getpid()}"
    with ExitStack() as clean:
        clean.callback(_remove, partial)
        try:
            if out.suffix == ".zip":
                with partial.open("wb") as target:
                    zipped.write(target, files)
            else:
                for name, path in files.items():
                    place = partial / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, place)
            if out.exists() and not replace:
                raise CaseError(f"{out} already exists", remedy="choose another --out")
            partial.replace(out)
        except OSError as fault:
            raise CaseError(f"{out} cannot be written ({fault.strerror})", remedy="choose another --out") from fault


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
