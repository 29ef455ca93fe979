"""Paths and flows are made of the dyed moves of a case alone, and lose nothing of them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from dyepack.errors import CaseError
from dyepack.ledger.reader import Ledger
from dyepack.tracing.account import build
from dyepack.tracing.engine import run_rules
from dyepack.tracing.flows import flows
from dyepack.tracing.moves import DyedMove, dyed_moves
from dyepack.tracing.path import EXACT, Part, routes_to, trails, ways
from dyepack.tracing.plan import Plan
from dyepack.tracing.plan import units as units_of
from dyepack.tracing.replay import replay
from dyepack.tracing.resolve import LegIn, Parameters, Resolved
from dyepack.tracing.statement import Statement
from dyepack.tracing.terminals import Stop
from tests.effort import examples
from tests.ledgers import Move, Scene, address, ledger_of, scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def account_of(ledger: Ledger, plan: Plan, rule: str = "fifo") -> tuple[Statement, list[DyedMove]]:
    runs, balances = run_rules(ledger, plan, rule)
    legs = [LegIn(n, "t", f"leg {n}", 0, "test") for n in (1, 2, 3)]
    statement = build(ledger, Resolved(plan, legs, []), runs, balances, Parameters(rule=rule), {}, ("t", "t"))
    return statement, dyed_moves(ledger, plan, runs[rule])


@settings(max_examples=examples(150), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_every_unit_of_a_dyed_move_is_one_of_an_earlier_move(scene: Scene) -> None:
    for rule in EXACT:
        moves = dyed_moves(scene.ledger, scene.plan, replay(scene.ledger, scene.plan, rule))
        found = ways(moves, rule)
        used: dict[int, list[tuple[int, int]]] = {}
        for at, parts in enumerate(found.parts):
            assert sum(p.units for p in parts) == moves[at].units
            for p in parts:
                assert p.feeder < at
                if p.feeder >= 0 and not p.of:
                    assert moves[p.feeder].target == moves[at].source
                    used.setdefault(p.feeder, []).append((p.start, p.start + p.units))
        for feeder, spans in used.items():
            spans.sort()
            assert all(a[1] <= b[0] for a, b in pairwise(spans))
            assert spans[-1][1] <= moves[feeder].units


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_the_routes_to_a_place_sum_to_what_ended_there(scene: Scene) -> None:
    statement, moves = account_of(scene.ledger, scene.plan)
    swaps = any(m.stop == "converted" for m in moves)
    for t in statement.terminals:
        if not t.amount("fifo") or not t.place or swaps:
            continue
        routes = routes_to(moves, statement, t.place, 10**6)
        assert routes.totals == routes.sums
        assert routes.totals[t.asset] == sum(
            x.amount("fifo") for x in statement.terminals if (x.place, x.asset) == (t.place, t.asset)
        )
        for steps in routes.shown:
            assert steps[0].move.fresh
            assert all(a.move.target == b.move.source for a, b in pairwise(steps))
            assert len({s.units for s in steps}) == 1


@settings(max_examples=examples(150), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_what_flows_into_an_address_flows_out_of_it(scene: Scene) -> None:
    statement, moves = account_of(scene.ledger, scene.plan)
    swaps = {m.txid for m in moves if m.stop == "converted"}
    into: Counter[tuple[str, str]] = Counter()
    for f in flows(moves, statement):
        into[f.target, f.asset] += f.amount
        into[f.source, f.asset] -= f.amount
    for (place, _), left in into.items():
        if place.startswith("leg:"):
            assert left < 0
        elif ":" in place:
            assert left > 0
        elif not swaps:
            assert left == 0, place


@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_a_statement_survives_json(scene: Scene) -> None:
    import json

    statement, _ = account_of(scene.ledger, scene.plan)
    assert Statement.from_json(json.loads(json.dumps(statement.to_json()))) == statement


def test_a_route_is_the_way_the_money_took() -> None:
    """The thief's second deposit sits behind clean money: first in, first out, it reaches `y` through `b` first."""
    moves = [Move(1, "v", "t", 10), Move(2, "t", "a", 4), Move(3, "t", "b", 6), Move(4, "p", "a", 5),
             Move(5, "a", "x", 3), Move(6, "b", "y", 6), Move(7, "a", "y", 6)]  # fmt: skip
    ledger = ledger_of(moves)
    statement, dyed = account_of(ledger, Plan({0: 1}))
    first, second = routes_to(dyed, statement, address("y"), 5).shown
    assert [s.move.target for s in first] == [address(n) for n in ("t", "b", "y")]
    assert [s.units for s in first] == [6, 6, 6]
    assert [s.move.target for s in second] == [address(n) for n in ("t", "a", "y")]
    assert [s.units for s in second] == [1, 1, 1]
    for nothing in ("q", "", " "):
        with pytest.raises(CaseError, match="no dyed money"):
            routes_to(dyed, statement, nothing, 5)


def test_a_route_does_not_change_trains() -> None:
    """c gets 4 from a, then 6 from b, and pays 4 on: first in, first out these are a's, though b brought more."""
    moves = [Move(1, "v", "t", 10), Move(2, "t", "a", 4), Move(3, "t", "b", 6), Move(4, "a", "c", 4),
             Move(5, "b", "c", 6), Move(6, "c", "d", 10), Move(7, "d", "e", 4)]  # fmt: skip
    statement, dyed = account_of(ledger_of(moves), Plan({0: 1}))
    (route,) = routes_to(dyed, statement, address("e"), 5).shown
    assert [s.move.target for s in route] == [address(n) for n in ("t", "a", "c", "d", "e")]
    (kept,) = routes_to(dyed, statement, address("d"), 5).shown
    assert [s.move.target for s in kept] == [address(n) for n in ("t", "b", "c", "d")]
    assert {s.units for s in kept} == {6}


@pytest.mark.parametrize("rule", ["fifo", "lifo-a", "lifo-b"])
@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW)
@given(scene=scenes())
def test_routes_agree_with_the_backward_replay(rule: str, scene: Scene) -> None:
    """What a route takes from each theft's move is what comes back to it when the end is followed backward."""
    flat = [Move(m.tx, m.sender, m.receiver, m.units, "native", 0 if m.receiver else 3, n)
            for n, m in enumerate(scene.moves)]  # fmt: skip
    ledger = ledger_of(flat)
    plan = Plan({m: 1 for m in list(scene.plan.leg_moves)[:1] if m < ledger.moves}, fees_by_rule=True)
    moves = dyed_moves(ledger, plan, replay(ledger, plan, rule))
    if not moves:
        return
    last = max(range(len(moves)), key=lambda at: (moves[at].hop, at))
    tree = trails(ways(moves, rule), [Part(last, 0, moves[last].units)])
    by_route: Counter[int] = Counter()
    for node, units in tree.arrived.items():
        by_route[moves[tree.at[node]].move] += units[0]
    back = replay(ledger, Plan({moves[last].move: 1}, fees_by_rule=True, backward=True), rule)
    came: Counter[int] = Counter()
    for row, amount in zip(back.dyed, units_of(back.dyed), strict=True):
        if int(row["move"]) in plan.leg_moves and row["stop"] != Stop.UNEXPLAINED:
            came[int(row["move"])] += amount
    start = next(iter(plan.leg_moves))
    assert by_route[start] <= came[start] or moves[last].move == start


def test_a_route_crosses_a_swap() -> None:
    ledger = ledger_of([Move(1, "v", "t", 10, "usdt", 1), Move(2, "t", "pool", 10, "usdt", 1),
                        Move(2, "pool", "t", 3, "native", 2), Move(3, "t", "out", 2)])  # fmt: skip
    statement, dyed = account_of(ledger, Plan({0: 1}))
    (route,) = routes_to(dyed, statement, address("out"), 1).shown
    assert [(s.move.asset, s.move.units) for s in route] == [("usdt", 10), ("usdt", 10), ("native", 3), ("native", 2)]
    assert [s.units for s in route] == [6, 6, 2, 2]


@pytest.mark.slow
def test_a_long_cycle_is_quick() -> None:
    """Money that goes to and fro 4,000 times: one tree of ways, not a copy of the way at every hop."""
    moves = [Move(0, "v", "a", 10**6)]
    moves += [Move(n, *(("a", "b") if n % 2 else ("b", "a")), 10**6 - n % 7) for n in range(1, 4000)]
    statement, dyed = account_of(ledger_of(moves), Plan({0: 1}))
    routes = routes_to(dyed, statement, "held", 1)
    assert routes.shown
    assert not routes.cut or routes.count
