"""Replay rate: the Numba kernel beside its plain-Python twin and a networkx walk, on the same ledger.

A dyed move is a distinct move that carries dye. The walk knows reach only: over a DiGraph of all moves it finds,
from the theft on, every move that leaves a place after reached money came in, stopping at the same tagged
services; it works out no amounts and follows no rule, so it does less work than any replay (and reaches more:
it never sees that the money of a place has run out). Its graph is built from the columns of the same ledger.
"""

from __future__ import annotations

import argparse
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import NOWHERE
from dyepack.tracing.balance import prove
from dyepack.tracing.plan import Plan, Run
from dyepack.tracing.replay import replay as replay_plain
from dyepack.tracing.rules import RULES
from ledgers import DEFAULT_WORK, Spec, World, world
from tables import Table, middle, rate, say, show, timed

COLUMNS = [
    "rule", "dyed moves", "looked at", "kernel s", "kernel dyed/s", "proof s", "plain s", "plain dyed/s",
    "plain/kernel", "walk/kernel", "(build+walk)/kernel",
]  # fmt: skip
WALK = ["networkx", "ledger moves", "reached moves", "build s", "walk s", "reached/s"]


def warm_up(ledger: Ledger) -> float:
    """Seconds to load Numba and the kernel (and to compile it, the first time on a machine)."""

    def first() -> object:
        from dyepack.tracing import kernel

        return kernel.replay(ledger, Plan({}), "fifo")

    return timed(first)[0]


def dyed_moves(run: Run) -> int:
    """Distinct moves that carry dye."""
    return len(np.unique(run.dyed["move"]))


def same(one: Run, other: Run) -> bool:
    """Whether two replays found the same, row by row."""
    names = ("dyed", "origin", "held", "gaps", "swaps")
    rows = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return rows and one.replayed == other.replayed


def graph_of(ledger: Ledger) -> nx.DiGraph:
    """All moves as a DiGraph of holdings; each edge has the moves between its ends, in chain order."""
    graph = nx.DiGraph()
    for move, (sender, receiver) in enumerate(zip(ledger.move_from.tolist(), ledger.move_to.tolist(), strict=True)):
        if graph.has_edge(sender, receiver):
            graph[sender][receiver]["moves"].append(move)
        else:
            graph.add_edge(sender, receiver, moves=[move])
    return graph


def walk(graph: nx.DiGraph, ledger: Ledger, plan: Plan) -> set[int]:
    """The moves that can come after the theft's: by heap, each place expanded once, at its earliest arrival."""
    ends = [(move, int(ledger.move_to[move])) for move in plan.leg_moves]
    due = sorted(ends)
    reached, seen = {move for move, _ in due}, {NOWHERE}
    while due:
        arrival, place = heappop(due)
        if place in seen or ledger.holding_address(place) in plan.stops:
            continue
        seen.add(place)
        for receiver, edge in graph.adj[place].items():
            later = [move for move in edge["moves"] if move > arrival]
            if later:
                reached.update(later)
                heappush(due, (later[0], receiver))
    return reached


def kernel_run(ledger: Ledger, plan: Plan, rule: str) -> Run:
    """The kernel's run; the synthetic amounts are far from its 128-bit bound."""
    from dyepack.tracing import kernel

    run = kernel.replay(ledger, plan, rule)
    if run is None:
        raise OverflowError("a balance passes 128 bits")
    return run


def compare(made: World, spec: Spec, rules: list[str], runs: int, most_walked: int) -> list[Table]:
    """Two tables for one ledger: the walk, and both replays under each rule beside it."""
    ledger = Ledger.open(made.ledger)
    plan = made.plan(ledger, hub=0)
    kind = "dye leaks into the open economy" if spec.leak else "dye ends at services"
    walked = Table(f"networkx walk, {spec.name} ({kind})", WALK)
    building = walking = None
    if ledger.moves <= most_walked:
        say(f"{spec.name}: networkx")
        building, graph = timed(lambda: graph_of(ledger))
        walking, reached = middle(lambda: walk(graph, ledger, plan), runs)
        walked.rows.append(["DiGraph", ledger.moves, len(reached), building, walking, rate(len(reached), walking)])
        del graph
    replays = Table(f"replay, {spec.name} ({kind}), ledger of {ledger.moves:,} moves, median of {runs}", COLUMNS)
    for rule in rules:
        say(f"{spec.name}: {rule}")
        replays.rows.append(_row(ledger, plan, rule, runs, walking, building))
    return [walked, replays] if walked.rows else [replays]


def _row(ledger: Ledger, plan: Plan, rule: str, runs: int, walking: float | None, building: float | None) -> list[Any]:
    fast, run = middle(lambda: kernel_run(ledger, plan, rule), runs)
    slow, twin = middle(lambda: replay_plain(ledger, plan, rule), runs)
    if not same(run, twin):
        raise AssertionError(f"the twins differ under {rule}")
    proof = timed(lambda: prove(ledger, plan, run))[0] if RULES[rule].conserves else None
    count = dyed_moves(run)
    return [
        rule, count, run.replayed, fast, rate(count, fast), proof, slow, rate(count, slow), f"{slow / fast:.1f}x",
        f"{walking / fast:.1f}x" if walking is not None else None,
        f"{(walking + building) / fast:.1f}x" if walking is not None and building is not None else None,
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--dyed", default="10000,100000,1000000", help="sizes of the dyed region, with commas")
    words.add_argument("--all", action="store_true", help="every rule, not fifo and haircut only")
    words.add_argument("--leak", action="store_true", help="let the dye leak into the open economy as well")
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--most-walked", type=int, default=3_000_000, help="no networkx walk over longer ledgers")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where ledgers are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    given = words.parse_args()
    rules = list(RULES) if given.all else ["fifo", "haircut"]
    sizes = [int(text) for text in given.dyed.split(",")]
    specs = [Spec(5 * dyed // 2, 1, dyed) for dyed in sizes]
    if given.leak:
        specs += [Spec(5 * dyed // 2, 1, dyed // 10, leak=True) for dyed in sizes]
    tables: list[Table] = []
    start = None
    for spec in specs:
        made = world(spec, given.work)
        start = warm_up(Ledger.open(made.ledger)) if start is None else start
        tables += compare(made, spec, rules, given.runs, given.most_walked)
    tables[-1].notes += [
        f"before these: {start:.2f} s to load Numba and the kernel, once per process",
        "both replays gave equal runs (checked). proof: the balance proof of the run, the same code for both, one run.",
        "walk/kernel: the walk's time over the kernel's; (build+walk): with the graph that it needs first.",
        "The walk gives reach only, no amounts; dyed/s counts distinct moves that carry dye.",
    ]
    show(tables, as_json=given.json)


if __name__ == "__main__":
    main()
