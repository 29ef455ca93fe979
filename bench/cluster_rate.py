"""Clustering rate: co-spend clusters with every merge recorded, beside SciPy's connected components.

Both get the same generated chain, memory-mapped, and the same transactions left out as CoinJoins. SciPy gets its
edges from the columns (first input address of a transaction, each other one); it gives labels only, no merges to
explain or to undo. Every cell runs in a process of its own; both must give the same clusters.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from dyepack.clusters.multi_input import Clusters, clusters
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns.coinjoin.detect import coinjoin_flags
from ledgers import DEFAULT_WORK
from tables import Table, rate, say, show, timed
from utxo_passes import Given, chain_of, peak

COLUMNS = ["clusters", "inputs", "addresses", "clusters found", "merges kept", "median s", "inputs/s", "peak MiB",
           "of it own MiB"]  # fmt: skip
WAYS = ("dyepack", "scipy")


def scipy_clusters(ledger: UtxoLedger, left_out: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """The component of each address, by scipy.sparse.csgraph."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    length = np.diff(ledger.tx_input).astype(np.int64)
    joins = (length > 1) & ~left_out
    source = ledger.tx_output[ledger.input_tx] + ledger.input_index
    address = ledger.output_address[source]
    first = np.repeat(address[ledger.tx_input[:-1][joins]], length[joins])
    other = address[np.repeat(joins, length)]
    size = len(ledger.address_id)
    graph = coo_matrix((np.ones(len(other), np.int8), (first.view(np.int32), other.view(np.int32))), (size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def cell(way: str, given: Given) -> dict[str, Any]:
    """One way's figures, measured in this process."""
    ledger = chain_of(given.transactions, given)
    small = chain_of(1_000, given)
    clusters(small)
    coinjoins, left_out = timed(lambda: coinjoin_flags(ledger))
    work = {"dyepack": lambda: clusters(ledger, is_coinjoin=left_out),
            "scipy": lambda: scipy_clusters(ledger, left_out)}[way]  # fmt: skip
    seconds: list[float] = []
    for _ in range(given.runs):  # not `middle`: the results of all runs together would count as memory
        found = None
        took, found = timed(work)
        seconds.append(took)
    memory = peak(), own()
    merges = len(found.merge_tx) if isinstance(found, Clusters) else None
    label = found.cluster if isinstance(found, Clusters) else smallest_of(np.asarray(found))
    return {
        "seconds": median(seconds), "coinjoin_seconds": coinjoins, "coinjoins": int(left_out.sum()), "merges": merges,
        "inputs": ledger.inputs, "addresses": len(label), "found": len(np.unique(label)), "peak": memory[0],
        "own": memory[1], "sha256": hashlib.sha256(label.tobytes()).hexdigest(),
    }  # fmt: skip


def smallest_of(component: npt.NDArray[np.int32]) -> npt.NDArray[np.uint32]:
    """Each address's component named by its smallest address."""
    return np.asarray(np.unique(component, return_index=True)[1].astype(np.uint32)[component])


def own() -> int | None:
    """MiB of the resident memory that are no pages of mapped files, now (Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon")), None)


def table(given: Given) -> Table:
    """Every way beside the others."""
    made = Table(f"co-spend clusters, chain of {given.transactions:,} transactions, median of {given.runs}", COLUMNS)
    cells = {}
    for way in WAYS:
        say(way)
        command = [sys.executable, __file__, "--cell", way, "--transactions", str(given.transactions), "--runs"]
        command += [str(given.runs), "--seed", str(given.seed), "--work", str(given.work)]
        cells[way] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if len({found["sha256"] for found in cells.values()}) > 1:
        raise AssertionError("the ways found different clusters")
    for way, found in cells.items():
        made.rows.append([
            way, found["inputs"], found["addresses"], found["found"], found["merges"], found["seconds"],
            rate(found["inputs"], found["seconds"]), found["peak"], found["own"],
        ])  # fmt: skip
    ours, theirs = cells["dyepack"], cells["scipy"]
    made.notes += [
        f"scipy/dyepack: {theirs['seconds'] / ours['seconds']:.1f}x the time. Both found the same clusters (checked).",
        f"before it, not counted: {ours['coinjoin_seconds']:.2f} s to tell {ours['coinjoins']:,} CoinJoins by shape.",
        "peak: resident memory at most, with the pages of mapped columns; own: without those, after the last run.",
    ]
    return made


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--transactions", type=int, default=20_000_000, help="length of the chain (2.4 inputs each)")
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--seed", type=int, default=1, help="of the chain")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where chains are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--cell", choices=WAYS, help=argparse.SUPPRESS)
    given = words.parse_args()
    asked = Given(given.transactions, 0, given.runs, given.seed, given.work)
    if given.cell:
        print(json.dumps(cell(given.cell, asked)))
    else:
        chain_of(asked.transactions, asked)
        show([table(asked)], as_json=given.json)


if __name__ == "__main__":
    main()
