"""Paths and flows are made of the dyed moves of a case alone, and lose nothing of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from dyepack.errors import CaseError
from dyepack.ledger.reader import Ledger
from dyepack.tracing.account import build
from dyepack.tracing.engine import run_rules
from dyepack.tracing.flows import flows
from dyepack.tracing.moves import DyedMove, dyed_moves
from dyepack.tracing.path import EXACT, links, paths_to
from dyepack.tracing.plan import Plan
from dyepack.tracing.replay import replay
from dyepack.tracing.resolve import LegIn, Parameters, Resolved
from dyepack.tracing.statement import Statement
from tests.ledgers import Move, Scene, address, ledger_of, scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def account_of(ledger: Ledger, plan: Plan, rule: str = "fifo") -> tuple[Statement, list[DyedMove]]:
    runs, balances = run_rules(ledger, plan, rule)
    legs = [LegIn(n, "t", f"leg {n}", 0, "test") for n in (1, 2, 3)]
    statement = build(ledger, Resolved(plan, legs, []), runs, balances, Parameters(rule=rule), {}, ("t", "t"))
    return statement, dyed_moves(ledger, plan, runs[rule])


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_every_dyed_move_is_fed_by_earlier_ones(scene: Scene) -> None:
    for rule in EXACT:
        moves = dyed_moves(scene.ledger, scene.plan, replay(scene.ledger, scene.plan, rule))
        fed = links(moves, rule)
        given: Counter[int] = Counter()
        for at, feeds in fed.items():
            assert sum(units for _, units in feeds) == moves[at].units
            assert all(feeder < at for feeder, _ in feeds)
            for feeder, units in feeds:
                if feeder >= 0 and moves[feeder].stop == "carried":
                    assert moves[feeder].target == moves[at].source
                    given[feeder] += units
        assert all(units <= moves[feeder].units for feeder, units in given.items())


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
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


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_a_statement_survives_json(scene: Scene) -> None:
    import json

    statement, _ = account_of(scene.ledger, scene.plan)
    assert Statement.from_json(json.loads(json.dumps(statement.to_json()))) == statement


def test_a_path_is_the_way_the_money_took() -> None:
    """The thief's second deposit sits behind clean money: first in, first out, it reaches `y` through `b` only."""
    moves = [Move(1, "v", "t", 10), Move(2, "t", "a", 4), Move(3, "t", "b", 6), Move(4, "p", "a", 5),
             Move(5, "a", "x", 3), Move(6, "b", "y", 6), Move(7, "a", "y", 6)]  # fmt: skip
    ledger = ledger_of(moves)
    statement, dyed = account_of(ledger, Plan({0: 1}))
    first, second = paths_to(dyed, statement, address("y"), 5)
    assert [s.move.target for s in first] == [address(n) for n in ("t", "b", "y")]
    assert [s.units for s in first] == [6, 6, 6]
    assert [s.move.target for s in second] == [address(n) for n in ("t", "a", "y")]
    assert [s.units for s in second] == [1, 1, 1]
    with pytest.raises(CaseError, match="no dyed money"):
        paths_to(dyed, statement, address("q"), 5)


def test_a_path_crosses_a_swap() -> None:
    ledger = ledger_of([Move(1, "v", "t", 10, "usdt", 1), Move(2, "t", "pool", 10, "usdt", 1),
                        Move(2, "pool", "t", 3, "native", 2), Move(3, "t", "out", 2)])  # fmt: skip
    statement, dyed = account_of(ledger, Plan({0: 1}))
    (path,) = paths_to(dyed, statement, address("out"), 1)
    assert [(s.move.asset, s.move.units) for s in path] == [("usdt", 10), ("usdt", 10), ("native", 3), ("native", 2)]
