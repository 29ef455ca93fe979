"""Scale: does the cost of a trace follow the dyed region or the ledger?

Ledgers from ten thousand to ten million moves with the dye of one theft, or of 1,000, touching the same number of
moves in each. If cost follows the dyed region, the replay columns stay level from the top of the table to the
bottom while the ledger grows a thousandfold. Each cell is measured in a process of its own: its memory is its own.

The last table is the whole command, `dyepack trace` with all rules, from start-up to the case folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from dyepack.ledger.reader import Ledger
from dyepack.tracing.plan import Plan
from ledgers import DEFAULT_WORK, DoesNotFitError, Spec, World, world
from tables import Cell, Table, middle, say, show, timed

COLUMNS = [
    "ledger moves", "thefts", "ledger MB", "open ms", "plan ms", "dyed moves", "looked at", "kernel ms", "plain ms",
    "plain/kernel", "kernel peak MB", "plain peak MB",
]  # fmt: skip
PROCESS = ["command", "wall s", "CPU s", "over start-up s"]
DYEPACK = [sys.executable, "-c", "from dyepack.cli.app import main; main()"]


def cell(folder: Path, *, fast: bool, runs: int) -> dict[str, float]:
    """What one process measures on one ledger with one replay."""
    opening, ledger = middle(lambda: Ledger.open(World(folder).ledger), max(runs, 5))
    planning, plan = middle(lambda: World(folder).plan(ledger), max(runs, 5))
    if fast:
        from dyepack.tracing.kernel import replay

        replay(ledger, Plan({}), "fifo")
    else:
        from dyepack.tracing.replay import replay
    seconds, run = middle(lambda: replay(ledger, plan, "fifo"), runs)
    if run is None:
        raise OverflowError("a balance passes 128 bits")
    return {
        "moves": ledger.moves, "bytes": sum(ledger.sizes().values()), "open": opening, "plan": planning,
        "seconds": seconds, "replayed": run.replayed, "dyed": len(np.unique(run.dyed["move"])),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def _apart(made: World, runs: int, *, fast: bool) -> dict[str, float]:
    """The same, in a process of its own."""
    words = ["--cell", str(made.folder), "--runs", str(runs), *(["--fast"] if fast else [])]
    command = [sys.executable, str(Path(__file__)), *words]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def row(spec: Spec, work: Path, runs: int) -> list[Cell]:
    """One ledger, both replays."""
    try:
        made = world(spec, work)
    except DoesNotFitError:
        return [spec.moves, spec.thefts, *[None] * 10]
    say(f"{spec.name}: measuring")
    kernel, plain = (_apart(made, runs, fast=fast) for fast in (True, False))
    return [
        int(kernel["moves"]), spec.thefts, round(kernel["bytes"] / 1e6), 1e3 * kernel["open"], 1e3 * kernel["plan"],
        int(kernel["dyed"]), int(kernel["replayed"]), 1e3 * kernel["seconds"], 1e3 * plain["seconds"],
        f"{plain['seconds'] / kernel['seconds']:.1f}x", round(kernel["peak"] / 1e6), round(plain["peak"] / 1e6),
    ]  # fmt: skip


def scale(sizes: list[int], dyed: int, thefts: int, work: Path, runs: int) -> Table:
    """Ledgers of all sizes with the same dyed region."""
    title = f"{dyed:,} dyed moves in all, thefts: {thefts:,}, rule fifo, median of {runs}"
    return Table(title, COLUMNS, [row(Spec(moves, thefts, dyed // thefts), work, runs) for moves in sizes])


def _environment(work: Path) -> dict[str, str]:
    """As where the program is installed: byte code is kept, here below the working directory."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(work / "bytecode")}


def _process(command: list[str], runs: int, environment: dict[str, str]) -> tuple[float, float]:
    """Median wall and CPU seconds of a whole process; the first run warms the caches and does not count."""
    walls, cpus = [], []
    for number in range(runs + 1):
        before = os.times()
        wall, answer = timed(lambda: subprocess.run(command, check=False, capture_output=True, env=environment))
        after = os.times()
        if answer.returncode:
            raise RuntimeError(f"{command} left with {answer.returncode}: {answer.stderr.decode()}")
        if number:
            walls.append(wall)
            used = after.children_user - before.children_user + after.children_system - before.children_system
            cpus.append(used)
    return median(walls), median(cpus)


def whole(spec: Spec, work: Path, runs: int) -> Table:
    """The command from start to end, and how much of it is start-up."""
    made = world(spec, work)
    table = Table(f"whole process, {spec.moves:,} moves, one theft of {spec.dyed:,}, median of {runs}", PROCESS)
    say(f"{spec.name}: whole process")
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        trace = [
            "trace", "--ledger", str(made.ledger), "--theft", str(made.theft), "--tags", str(made.tags),
            "--out", str(Path(scratch) / "case"), "--replace",
        ]  # fmt: skip
        commands: dict[str, list[str]] = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
            "dyepack --version": [*DYEPACK, "--version"],
            "dyepack ledger info": [*DYEPACK, "ledger", "info", str(made.ledger)],
            "dyepack trace --out": [*DYEPACK, *trace],
            "dyepack --quiet trace --out": [*DYEPACK, "--quiet", *trace],
            "dyepack trace --json": [*DYEPACK, *trace[:-3], "--json"],
        }
        start = 0.0
        for name, command in commands.items():
            wall, cpu = _process(command, runs, _environment(work))
            start = wall if name == "dyepack --version" else start
            table.rows.append([name, wall, cpu, wall - start if start and "version" not in name else None])
    table.notes += ["trace runs and proves every rule and writes the case folder; start-up is dyepack --version."]
    return table


def arguments() -> Any:
    """What was asked for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--sizes", default="10000,100000,1000000,10000000", help="moves of the ledgers, with commas")
    words.add_argument("--thefts", default="1,1000", help="numbers of thefts, with commas")
    words.add_argument("--dyed", default="1000,10000,100000", help="dyed moves of all thefts together, with commas")
    words.add_argument("--whole", type=int, default=10_000, help="dyed moves of the whole-process trace (0: leave out)")
    words.add_argument("--runs", type=int, default=5, help="runs, of which the median counts")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where ledgers are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--cell", type=Path, help=argparse.SUPPRESS)
    words.add_argument("--fast", action="store_true", help=argparse.SUPPRESS)
    return words.parse_args()


def main() -> None:
    """Measure and print."""
    given = arguments()
    if given.cell is not None:
        print(json.dumps(cell(given.cell, fast=given.fast, runs=given.runs)))
        return
    sizes, counts, regions = ([int(t) for t in text.split(",")] for text in (given.sizes, given.thefts, given.dyed))
    tables = [
        scale(sizes, dyed, thefts, given.work, given.runs)
        for thefts in counts
        for dyed in regions
        if dyed >= 9 * thefts
    ]
    tables[-1].notes += [
        "-: the ledger is too small for the thefts. open: Ledger.open, files warm. plan: theft and tags to ids.",
        "peak: of the process, with Python, Numba where it is the kernel's, and all pages of the ledger that it read.",
    ]
    if given.whole:
        tables.append(whole(Spec(max(sizes), 1, given.whole), given.work, given.runs))
    show(tables, as_json=given.json)


if __name__ == "__main__":
    main()
