"""Making the case of a pack once more: its hashes, its ledger, of a live case its answers, its trace, every byte.

Invariant: `again` returns only if the trace of the pack's own thefts, tags and parameters on the pack's own ledger
gives the files of its case, byte for byte (but for the version that made it, which is told).
"""

from __future__ import annotations

import io
import json
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from dyepack import __version__
from dyepack.case.folder import CHECKS, EVIDENCE, LEDGER, Case, document, files_of, listing
from dyepack.case.run import trace
from dyepack.errors import DyepackError, quoted
from dyepack.ledger.content import pointer
from dyepack.pack import bag
from dyepack.pack.verification import Check, PackFault
from dyepack.progress import OnStep, no_step
from dyepack.sources.live.evidence import BODIES, LINES

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.manifest import Column
    from dyepack.ledger.open import AnyLedger
    from dyepack.pack.tree import Tree

_OTHERS = {bag.LOG, f"{bag.CASE}{CHECKS}", f"{bag.CASE}SHA256"}
_VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){1,3}([a-z.+-][a-z0-9.+-]{0,30})?")
_LEDGERS = (bag.LEDGER, f"{bag.CASE}{LEDGER}/")
_ANSWERS = re.compile(
    re.escape(bag.CASE) + rf"{EVIDENCE}(\.orphaned-[0-9]+)?/"
    rf"({re.escape(LINES)}|{BODIES}/[0-9a-f]{{2}}/([0-9a-f]{{64}}))"
)


def open_case(tree: Tree, found: bag.Bag, folder: Path) -> tuple[Case, Check]:
    """The case of a pack whose own list of hashes holds for every file; PackFault names the first that is not so."""
    hashes = bag.CASE + "SHA256"
    listed = set()
    for number, line in enumerate(tree.read(hashes).decode("ascii", "replace").splitlines(), 1):
        digest, _, short = line.partition("  ")
        name = bag.CASE + short
        listed.add(name)
        if name not in found.sums:
            raise PackFault("case", hashes, f"lists {quoted(short)}, which is missing", number)
        if found.sums[name].sha256 != digest:
            raise PackFault("case", name, "was changed since the case was written")
    for name in found.payload:
        if name not in listed | _OTHERS and not name.startswith(_LEDGERS) and not _is_answer(name, found):
            raise PackFault("case", name, "is no file of a case: its own SHA256 does not list it")
    name = "case.json"
    try:
        case = Case(folder / bag.CASE)
        _ = case.thefts(), case.parameters
        name = "statement.json"
        _ = case.statement
        name = "moves.csv"
        case.moves()
        name = "tags.csv"
        case.tags()
    except DyepackError as fault:
        raise PackFault("case", bag.CASE + name, _said(fault, folder)) from fault
    return case, Check("case", len(listed), "files have the hashes that the case says")


def _is_answer(name: str, found: bag.Bag) -> bool:
    """Whether a file is one of a live case's raw answers, a body under its own hash."""
    answer = _ANSWERS.fullmatch(name)
    return answer is not None and answer[3] in {None, found.sums[name].sha256}


def open_ledger(case: Case, found: bag.Bag, folder: Path) -> tuple[AnyLedger, Check]:
    """The ledger of a pack, its columns hashed; PackFault if it is not the one of the case."""
    start = _LEDGERS[case.is_live]
    content = f"{start}{str(case.about['ledger']['sha256'])[:16]}/"
    try:
        ledger = case.open_ledger(None if case.is_live else folder / bag.LEDGER)
    except DyepackError as fault:
        raise PackFault("ledger", start.rstrip("/"), _said(fault, folder)) from fault
    names = {column.file for column in ledger.manifest.columns}
    known = {f"{start}CURRENT", *(content + name for name in (*names, "manifest.json"))}
    for name in found.payload:
        if name.startswith(_LEDGERS) and name not in known:
            raise PackFault("ledger", name, "is no file of the case's ledger")
    for column in ledger.manifest.columns:
        name = content + column.file
        if column.dtype != "jsonl" and not _is_plain(folder / name, column):
            raise PackFault("ledger", name, "has more or less than its column")
    if (folder / start / "CURRENT").read_bytes() != pointer(ledger.sha256).encode():
        raise PackFault("ledger", f"{start}CURRENT", "is not spelled as dyepack writes it")
    return ledger, Check("ledger", len(ledger.manifest.columns), "columns have the hashes that its manifest says")


def _is_plain(path: Path, column: Column) -> bool:
    """Whether a column's file is its header, in the one spelling of NumPy, and its values, with nothing behind."""
    shape, dtype = tuple(column.shape), np.dtype(column.dtype)
    header = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    with path.open("rb") as file:
        begins = file.read(len(header.getvalue()))
    return begins == header.getvalue() and path.stat().st_size == len(begins) + math.prod(shape) * dtype.itemsize


def check_answers(case: Case, folder: Path) -> Check:
    """The ledger of a live case made again from the raw answers; PackFault if they are damaged or give another one."""
    from dyepack.case.live import check_evidence
    from dyepack.sources.live.evidence import Evidence

    try:
        with Evidence(case.path / EVIDENCE, write=False) as evidence:
            count = evidence.verify().answers
        check_evidence(case)
    except DyepackError as fault:
        raise PackFault("answers", f"{bag.CASE}{EVIDENCE}", _said(fault, folder)) from fault
    made = "are whole (the trace was interrupted, so its ledger is not made again)" if (
        case.about["live"]["interrupted"]) else "give the case's ledger once more"  # fmt: skip
    return Check("answers", count, f"raw answers {made}")


def again(case: Case, ledger: AnyLedger, progress: OnStep = no_step) -> tuple[Check, list[str]]:
    """The trace run again and every byte compared, with a note if another version made it; PackFault names the first
    file, and its line, that differs."""
    try:
        found = trace(ledger, case.thefts(), case.tags(), case.parameters, live=case.about.get("live"),
                      progress=progress)  # fmt: skip
        files = files_of(found)
    except DyepackError as fault:
        raise PackFault("trace", bag.CASE + "case.json", f"cannot be traced again: {fault.problem}") from fault
    made = case.about.get("dyepack")
    notes = []
    if not isinstance(made, str) or not _VERSION.fullmatch(made):
        raise PackFault("trace", bag.CASE + "case.json", "does not say which version of dyepack made it")
    if made != __version__:
        notes.append(f"the case was made by dyepack {made}, this is {__version__}")
        _as_of(files, made)
    given = case.files()
    for name in sorted(files.keys() | given.keys(), key=lambda name: (name == "SHA256", name)):
        if files.get(name) != given.get(name):
            ours, theirs = (f.get(name, b"").split(b"\n") for f in (files, given))
            line = next((n for n, pair in enumerate(zip(ours, theirs, strict=False), 1) if pair[0] != pair[1]), 0)
            said = "; ".join(["is not what the trace gives when it is run again", *notes])
            raise PackFault("trace", bag.CASE + name, said, line)
    return Check("trace", len(files), "files of the case re-run to the same bytes"), notes


def _as_of(files: dict[str, bytes], version: object) -> None:
    """Say of files that were just made that another version made them."""
    about = json.loads(files["case.json"]) | {"dyepack": version}
    files["case.json"] = document(about)
    files["SHA256"] = listing({name: raw for name, raw in files.items() if name != "SHA256"}).encode()


def _said(fault: DyepackError, folder: Path) -> str:
    """The words of a fault without the place that a pack was unpacked to."""
    return fault.problem.partition("\nhint:")[0].replace(f"{folder}/", "")
