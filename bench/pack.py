"""Evidence packs: seconds and rates of packing, of verifying, and of the check that needs nothing but Python.

Cases of the synthetic incident with ledgers of growing size, each as folder and as zip. `verify` includes the trace run
again under every rule. `verify_pack.py` runs in an interpreter of its own, start included.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dyepack.case.demo import run_demo
from dyepack.pack.make import Wanted, make
from dyepack.pack.verify import verify
from tables import Table, middle, rate, say, show, timed

COLUMNS = ["ledger moves", "form", "pack MB", "pack s", "verify s", "quick s", "quick MB/s", "verify_pack.py s"]
SIZES = [2_000, 20_000, 100_000]


def row(folder: Path, size: int, form: str, runs: int) -> list[str | int | float | None]:
    """One case in one form."""
    out = folder / f"p{form}"
    seconds, made = timed(lambda: make(folder / "demo/case", out, Wanted(most_ledger=1 << 40), folder / "demo/ledger"))
    whole, found = middle(lambda: verify(out), runs)
    quick, quickly = middle(lambda: verify(out, deep=False), runs)
    if not found.sound or not quickly.sound:
        raise SystemExit(f"the pack is not sound: {found.lines()}")
    program = Path(__file__).parents[1] / "src/dyepack/pack/verify_pack.py"
    command = [sys.executable, "-I", "-S", str(program), str(out)]
    alone, _ = middle(lambda: subprocess.run(command, check=True, capture_output=True), runs)
    (shutil.rmtree if out.is_dir() else Path.unlink)(out)
    size_mb = made.octets / 1e6
    return [size, form or "folder", size_mb, seconds, whole, quick, rate(int(made.octets), quick) / 1e6, alone]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="clean moves around the theft")
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    table = Table("evidence packs", COLUMNS)
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as place:
            say(f"{size:,} moves")
            run_demo(Path(place) / "demo", background=size)
            for form in ("", ".zip"):
                table.rows.append(row(Path(place), size, form, given.runs))
    show([table], as_json=given.json)


if __name__ == "__main__":
    main()
