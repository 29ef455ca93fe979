"""Checking a pack, offline, from its bytes up to every dyed row: the first thing that is wrong is named.

Order: bag (structure, names, hashes), log, time stamps, case, balance, moves, ledger, edges, answers, trace.
Invariant: `verify` opens no connection and writes only below a temporary folder; what a pack does not hold is not
looked for elsewhere.
"""

from __future__ import annotations

import csv
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dyepack.errors import quoted
from dyepack.pack import bag, edges, log, rederive, resum, stamps
from dyepack.pack.tree import opened
from dyepack.pack.verification import Check, Fault, PackFault, Verification
from dyepack.progress import OnStep, no_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.pack.tree import Tree

_MOST_LOG = 1 << 28
_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError, csv.Error)
"""What files that fit their hashes and make no sense may end in."""

_ORDER = ("bag", "log", "case", "balance", "moves", "ledger", "edges", "answers", "trace")


def verify(
    pack: Path, *, roots: Sequence[bytes] = (), pack_id: str = "", deep: bool = True, progress: OnStep = no_step
) -> Verification:
    """Check a pack, a folder or a zip.

    `roots`    certificates (PEM) of time stamp authorities that are trusted
    `pack_id`  what its id must be ("": any), from a source other than the pack
    `deep`     whether the case is made again; without it only hashes, log, time stamps and sums are checked
    Raises CaseError only if there is no pack at all.
    """
    result = Verification(pack.name)
    try:
        with ExitStack() as things:
            tree = things.enter_context(opened(pack))
            _verify(tree, result, (roots, pack_id, deep), progress, things)
    except PackFault as fault:
        result.fault = fault.fault
    except _DAMAGE as fault:
        result.fault = _damage(result, fault)
    return result


def _verify(
    tree: Tree, result: Verification, how: tuple[Sequence[bytes], str, bool], progress: OnStep, things: ExitStack
) -> None:
    roots, pack_id, deep = how
    progress("hashing the bag")
    found = bag.check(tree)
    result.pack_id = found.pack_id
    if tree.read(bag.VERIFIER) != bag.verifier():
        result.notes.append(f"its {bag.VERIFIER} is not the one of this version of dyepack: its word proves nothing")
    if pack_id and pack_id.lower() != found.pack_id:
        raise PackFault("bag", "", f"its id is {found.pack_id}, not the one that was given")
    result.checks.append(Check("bag", len(found.sums), "files have the hashes of both manifests, and none is extra"))
    result.checks.append(_check_log(tree, found))
    result.stamps = [stamps.check(tree.read(name), tree.read(bag.TAG_MANIFESTS[0]), name, roots)
                     for name in found.stamps]  # fmt: skip
    folder = tree.path
    if tree.is_zip:
        folder = Path(things.enter_context(tempfile.TemporaryDirectory(prefix="dyepack-")))
        tree.unpack(folder, bag.DATA)
    progress("reading the case")
    case, checked = rederive.open_case(tree, found, folder)
    result.checks.append(checked)
    statement, moves = case.statement, case.moves()
    result.checks.append(Check("balance", resum.check(moves, statement), "terminals add up from the moves alone"))
    result.checks.append(Check("moves", resum.check_carried(moves), "moves carry no more dye than their value"))
    if not deep:
        result.notes.append("the case was not made again: hashes, log and sums only")
        return
    progress("opening the ledger")
    ledger, checked = rederive.open_ledger(case, found, folder)
    result.checks.append(checked)
    result.checks.append(Check("edges", edges.check(ledger, moves), "dyed rows are moves of the ledger"))
    if case.is_live:
        progress("making the ledger from the answers")
        result.checks.append(rederive.check_answers(case, folder))
    checked, notes = rederive.again(case, ledger, progress)
    result.checks.append(checked)
    result.notes += notes


def _damage(result: Verification, fault: Exception) -> Fault:
    """The check that was under way when files turned out to make no sense."""
    done = {c.name for c in result.checks}
    check = next(name for name in _ORDER if name not in done and (name != "answers" or "trace" not in done))
    file = {"bag": bag.INFO, "log": bag.LOG, "case": f"{bag.CASE}case.json", "balance": resum.STATEMENT,
            "moves": resum.MOVES, "ledger": "the ledger's manifest.json", "edges": resum.MOVES}  # fmt: skip
    said = f"makes no sense ({type(fault).__name__}: {quoted(str(fault))})"
    return Fault(check, file.get(check, f"{bag.CASE}case.json"), 0, said)


def _check_log(tree: Tree, found: bag.Bag) -> Check:
    """The chain of the action log, and the files that it names."""
    entries = log.check(tree.read(bag.LOG, _MOST_LOG), found.info.get(bag.LOG_HEAD, ""), bag.LOG)
    for entry in entries:
        name = entry["what"]
        if name and (name not in found.sums or found.sums[name].sha256 != entry["sha256"]):
            raise PackFault("log", bag.LOG, "names a file that is missing or has another hash", entry["sequence"])
    return Check("log", len(entries), "actions follow from one another")
