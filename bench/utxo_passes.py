"""Passes over a chain of outputs: exposure of the whole chain, and the same job by other means on a shorter one.

The chain is generated (dyepack.synthetic.utxo_economy) and memory-mapped. The theft is of all outputs of one
transaction, so that a share per transaction says it all for every way of counting. Reach is which transactions any
dye gets to; haircut also how much.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from dyepack.ledger.manifest import COMPLETE, OUTPUTS, STATES, Manifest
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import COLUMNS
from dyepack.money import Asset
from dyepack.tracing.utxo.balance import prove
from dyepack.tracing.utxo.exposure import exposure
from dyepack.tracing.utxo.plan import Origin, UtxoPlan
from ledgers import DEFAULT_WORK
from tables import Table, middle, rate, say, show, timed

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PASS = ["pass", "transactions", "inputs", "outputs", "reached", "median s", "tx/s", "inputs/s", "proof s", "peak MiB"]
EXACT = ["exact fifo of", "transactions", "dyed rows", "s", "tx/s", "rows/s", "proof s", "peak MiB"]
BESIDE = ["same job", "prepare s", "run s", "tx/s", "run/pass"]


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for on the command line."""

    transactions: int
    beside: int
    runs: int
    seed: int
    work: Path


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--transactions", type=int, default=20_000_000, help="length of the chain")
    words.add_argument("--beside", type=int, default=200_000, help="length of the chain for the other ways")
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--seed", type=int, default=1, help="of the chains")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where chains are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--make", type=int, help=argparse.SUPPRESS)
    given = words.parse_args()
    asked = Given(given.transactions, given.beside, given.runs, given.seed, given.work)
    if given.make:
        make(given.make, asked)
        return
    show([figure(asked) for figure in FIGURES], as_json=given.json)


def whole_chain(given: Given) -> Table:
    """The haircut and poison pass over the whole chain."""
    table = Table(f"exposure of a whole chain, median of {given.runs}", PASS)
    ledger = chain_of(given.transactions, given)
    origins = stolen(ledger)
    start = timed(lambda: exposure(chain_of(1_000, given), stolen(chain_of(1_000, given))))[0]
    say(f"whole chain of {ledger.transactions:,}")
    cold = timed(lambda: exposure(ledger, origins))[0]
    seconds, found = middle(lambda: exposure(ledger, origins), given.runs)
    proof = timed(found.check)[0]
    table.rows.append([
        "haircut and poison", ledger.transactions, ledger.inputs, ledger.outputs, int(found.poisoned.sum()), seconds,
        rate(ledger.transactions, seconds), rate(ledger.inputs, seconds), proof, peak(),
    ])  # fmt: skip
    table.notes += [
        f"before these: {start:.2f} s to load Numba and the kernels, {cold:.2f} s for the first pass over cold memory.",
        "peak: resident memory of the process, with the pages of the memory-mapped columns that the passes read.",
        "proof: dye put in against dye unspent and paid as fees, added up over every output.",
    ]
    return table


def beside_others(given: Given) -> Table:
    """The pass, plain Python, NumPy by levels, DuckDB and networkx on one shorter chain."""
    ledger = chain_of(given.beside, given)
    origins = stolen(ledger)
    theft = ledger.transaction_of(origins[0].output)
    table = Table(f"the same job on {ledger.transactions:,} transactions, median of {given.runs}", BESIDE)
    say("the pass beside others")
    exposure(ledger, origins)
    fast, found = middle(lambda: exposure(ledger, origins), given.runs)

    def row(name: str, prepared: float | None, seconds: float) -> None:
        table.rows.append([name, prepared, seconds, rate(ledger.transactions, seconds), f"{seconds / fast:.1f}x"])

    row("haircut and reach: this pass", None, fast)
    for way in HAIRCUTS:
        say(way.name)
        prepared, data = timed(lambda way=way: way.prepare(ledger))  # type: ignore[misc]
        seconds, share = middle(lambda way=way, data=data: way.run(data, theft), given.runs)  # type: ignore[misc]
        np.testing.assert_allclose(np.delete(share, theft), np.delete(found.share, theft), rtol=1e-9, atol=1e-200)
        row(way.name, prepared, seconds)
    for way in REACHES:
        say(way.name)
        prepared, data = timed(lambda way=way: way.prepare(ledger))  # type: ignore[misc]
        seconds, reached = middle(lambda way=way, data=data: way.run(data, theft), given.runs)  # type: ignore[misc]
        if reached != int(found.poisoned.sum()):
            raise AssertionError(f"{way.name} reaches {reached}, the pass {found.poisoned.sum()}")
        row(way.name, prepared, seconds)
    table.notes += [
        f"the theft is transaction {theft:,}; dye reaches {int(found.poisoned.sum()):,}. All ways agreed (checked).",
        "prepare: lists, levels, tables or a graph out of the columns, which the pass does not need.",
        "The last two know reach only, no amounts.",
    ]
    return table


def exact(given: Given) -> Table:
    """Exact first in, first out, of few and many thefts, on the whole chain."""
    from dyepack.tracing.utxo.kernel import replay

    ledger = chain_of(given.transactions, given)
    table = Table(f"exact fifo on {ledger.transactions:,} transactions, median of {given.runs}", EXACT)
    replay(ledger, thefts(ledger, 2, 0.0, given.seed), "fifo")
    for count, start in ((1, 0.0), (1_000, 0.0), (20_000, 0.75), (20_000, 0.0)):
        say(f"exact fifo of {count:,} thefts")
        plans = [thefts(ledger, count, start, seed) for seed in range(21 if count == 1 else given.runs)]
        times, looked, rows = [], [], []
        for plan in plans:
            seconds, run = timed(lambda plan=plan: replay(ledger, plan, "fifo"))  # type: ignore[misc]
            times.append(seconds)
            looked.append(run.replayed)
            rows.append(len(run.dyed))
        proof = timed(lambda plan=plan, run=run: prove(ledger, plan, run))[0] if len(run.dyed) < 5_000_000 else None  # type: ignore[misc]
        seconds, txs, parts = median(times), int(median(looked)), int(median(rows))
        where = "anywhere" if not start else "in the last quarter"
        table.rows.append([f"{count:,} thefts {where}", txs, parts, seconds, rate(txs, seconds), rate(parts, seconds),
                           proof, peak()])  # fmt: skip
    table.notes += [
        "thefts: outputs drawn at random, each a leg of its own; no stop rules, to the end of the chain.",
        "dyed rows: runs of one leg in one output. Of one theft: the median of 21. Time after opening, slots included.",
    ]
    return table


def exact_beside(given: Given) -> Table:
    """The same replay in plain Python, which must give the same run."""
    from dyepack.tracing.utxo import kernel, replay

    ledger = chain_of(given.beside, given)
    table = Table(f"exact replay of 100 thefts on {ledger.transactions:,} transactions", ["rule", "transactions",
                  "dyed rows", "kernel s", "plain s", "plain/kernel"])  # fmt: skip
    plan = thefts(ledger, 100, 0.5, given.seed)
    for rule in ("fifo", "lifo-a", "haircut", "taint-first"):
        say(f"exact replay beside its twin, {rule}")
        kernel.replay(ledger, plan, rule)
        fast, run = middle(lambda rule=rule: kernel.replay(ledger, plan, rule), given.runs)  # type: ignore[misc]
        slow, twin = timed(lambda rule=rule: replay.replay(ledger, plan, rule))  # type: ignore[misc]
        if run.dyed.tolist() != twin.dyed.tolist():
            raise AssertionError(f"{rule}: the kernel and its twin differ")
        table.rows.append([rule, run.replayed, len(run.dyed), fast, slow, f"{slow / fast:.1f}x"])
    return table


def thefts(ledger: UtxoLedger, count: int, start: float, seed: int) -> UtxoPlan:
    """Outputs drawn at random behind a part of the chain, each a theft of its own."""
    draw = np.random.default_rng(seed)
    first = int(ledger.outputs * start)
    found = np.sort(first + draw.choice(ledger.outputs - first, count, replace=False))
    worth = [(int(o), int(ledger.output_value[o])) for o in found if ledger.output_value[o]]
    return UtxoPlan([Origin(output, leg, value) for leg, (output, value) in enumerate(worth, 1)])


FIGURES: list[Callable[[Given], Table]] = [whole_chain, beside_others, exact, exact_beside]
"""Every table of this script, in order: a further figure is a function and its name here."""


def chain_of(transactions: int, given: Given) -> UtxoLedger:
    """The generated chain, memory-mapped; made by a process of its own if it is not there yet."""
    folder = given.work / f"utxo-{transactions}-{given.seed}"
    if not (folder / "done").exists():
        say(f"making a chain of {transactions:,} transactions")
        command = [sys.executable, __file__, "--make", str(transactions)]
        subprocess.run([*command, "--seed", str(given.seed), "--work", str(given.work)], check=True)
    columns = {}
    for name in COLUMNS:
        file = folder / f"{name}.npy"
        columns[name] = np.asarray(np.load(file, mmap_mode="r" if file.stat().st_size > 256 else None))
        columns[name].flags.writeable = False
    manifest = Manifest("bitcoin", [Asset("native", "BTC", 8)], "hex", "bitcoin", [], {}, {}, {},
                        {STATES[COMPLETE]: 1}, [], model=OUTPUTS, network="mainnet")  # fmt: skip
    return UtxoLedger(folder, manifest, "0" * 64, columns)


def make(transactions: int, given: Given) -> None:
    """Generate a chain and write its columns."""
    from dyepack.synthetic.utxo_economy import chain

    folder = given.work / f"utxo-{transactions}-{given.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    chain(10)
    seconds, columns = timed(lambda: chain(transactions, given.seed))
    say(f"made {transactions:,} transactions in {seconds:.1f} s")
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
    (folder / "done").touch()


def stolen(ledger: UtxoLedger) -> list[Origin]:
    """All outputs of the first transaction in the second fifth of the chain that spends something."""
    tx = ledger.transactions // 5
    while ledger.tx_flag[tx]:
        tx += 1
    outputs = ledger.outputs_of(tx)
    return [Origin(o, 1, int(ledger.output_value[o])) for o in outputs if ledger.output_value[o]]


def peak() -> int:
    """MiB of resident memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def lists(ledger: UtxoLedger) -> tuple[list[int], list[int], list[int]]:
    """The columns as lists."""
    return ledger.tx_input.tolist(), ledger.input_tx.tolist(), ledger.input_value.tolist()


def plain(data: tuple[list[int], list[int], list[int]], theft: int) -> F64:
    """Haircut in plain Python."""
    offset, source, value = data
    share = [0.0] * (len(offset) - 1)
    for tx in range(len(share)):
        total, dyed = 0, 0.0
        for at in range(offset[tx], offset[tx + 1]):
            total += value[at]
            dyed += value[at] * share[source[at]]
        share[tx] = 1.0 if tx == theft else dyed / total if total else 0.0
    return np.array(share)


@dataclass(slots=True)
class Levels:
    """Transactions by level (one above the highest that they spend from), their inputs, and where each begins."""

    parts: list[tuple[I64, I64, I64, F64]]
    transactions: int


def levels(ledger: UtxoLedger) -> Levels:
    """Sort the inputs by the level of their transaction."""
    offset, source, _ = lists(ledger)
    level = np.zeros(ledger.transactions, np.int64)
    known = [0] * ledger.transactions
    for tx in range(ledger.transactions):
        known[tx] = 1 + max((known[source[at]] for at in range(offset[tx], offset[tx + 1])), default=-1)
    level[:] = known
    length = np.diff(ledger.tx_input).astype(np.int64)
    order = np.argsort(level, kind="stable")
    parts = []
    for txs in np.split(order, np.flatnonzero(np.diff(level[order])) + 1)[1:]:
        ends = np.cumsum(length[txs])
        begin = ends - length[txs]
        rows = np.repeat(ledger.tx_input[txs].astype(np.int64) - begin, length[txs]) + np.arange(ends[-1])
        parts.append((txs, begin, ledger.input_tx[rows].astype(np.int64), ledger.input_value[rows].astype(np.float64)))
    return Levels(parts, ledger.transactions)


def by_levels(data: Levels, theft: int) -> F64:
    """Haircut with NumPy, level after level."""
    share = np.zeros(data.transactions)
    for txs, begin, source, value in data.parts:
        share[txs] = np.add.reduceat(value * share[source], begin) / np.maximum(np.add.reduceat(value, begin), 1)
        share[txs[txs == theft]] = 1.0
    return share


def edges(ledger: UtxoLedger) -> tuple[I64, I64]:
    """(spent from, spent by) of every input that is worth something."""
    spender = np.repeat(np.arange(ledger.transactions), np.diff(ledger.tx_input).astype(np.int64))
    worth = ledger.input_value > 0
    return ledger.input_tx[worth].astype(np.int64), spender[worth]


def duckdb_table(ledger: UtxoLedger) -> Any:
    """A connection with the edges in memory."""
    import duckdb

    source, spender = edges(ledger)
    made = duckdb.connect()
    made.execute("SET threads = 1")
    made.register("columns", {"source": source, "spender": spender})
    made.execute("CREATE TABLE edges AS SELECT * FROM columns")
    return made


def duckdb_reach(data: Any, theft: int) -> int:
    """Reach by a recursive query."""
    query = """WITH RECURSIVE reach(tx) AS (SELECT DISTINCT spender FROM edges WHERE source = ?
               UNION SELECT e.spender FROM reach JOIN edges e ON e.source = reach.tx) SELECT count(*) FROM reach"""
    return int(data.execute(query, [theft]).fetchone()[0])


def networkx_graph(ledger: UtxoLedger) -> Any:
    """A DiGraph of transactions."""
    import networkx as nx

    source, spender = edges(ledger)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(ledger.transactions))
    graph.add_edges_from(zip(source.tolist(), spender.tolist(), strict=True))
    return graph


def networkx_reach(data: Any, theft: int) -> int:
    """Reach by networkx."""
    import networkx as nx

    return len(nx.descendants(data, theft))


@dataclass(frozen=True, slots=True)
class Way:
    """Another way of doing the same job."""

    name: str
    prepare: Callable[[UtxoLedger], Any]
    run: Callable[[Any, int], Any]


HAIRCUTS = [Way("haircut: plain Python", lists, plain), Way("haircut: NumPy by levels", levels, by_levels)]
"""These give the share of each transaction."""

REACHES = [
    Way("reach: DuckDB, one thread", duckdb_table, duckdb_reach),
    Way("reach: networkx", networkx_graph, networkx_reach),
]
"""These give how many transactions dye reaches."""


if __name__ == "__main__":
    main()
