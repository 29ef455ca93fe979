"""Backward: first-in-first-out and last-in-first-out undo themselves, unit by unit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.tracing.plan import Plan, units
from dyepack.tracing.replay import replay
from dyepack.tracing.terminals import Stop
from tests.effort import examples
from tests.ledgers import Move, Scene, ledger_of, scenes


def carried(scene: Scene, start: int, rule: str, *, backward: bool) -> Counter[int]:
    """Dyed units of each move when the units of one move are followed forward or backward."""
    plan = Plan({start: 1}, fees_by_rule=True, backward=backward)
    run = replay(scene.ledger, plan, rule)
    found: Counter[int] = Counter()
    for row, amount in zip(run.dyed, units(run.dyed), strict=True):
        if row["stop"] != Stop.UNEXPLAINED:
            found[int(row["move"])] += amount
    return found


def without_swaps(moves: list[Move]) -> list[Move]:
    """One asset and kind, so that no move is the product of another (a swap is not undone)."""
    return [Move(m.tx, m.sender, m.receiver, m.units, "native", 0 if m.receiver else 3, n) for n, m in enumerate(moves)]


@pytest.mark.slow
@settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(scenes(), st.data())
@pytest.mark.parametrize("rule", ["fifo", "lifo-a", "lifo-b"])
def test_what_goes_from_one_move_to_another_comes_back(rule: str, scene: Scene, data: st.DataObject) -> None:
    moves = without_swaps(scene.moves)
    again = Scene(moves, ledger_of(moves), Plan({}))
    number = st.integers(0, again.ledger.moves - 1)
    a, b = sorted((data.draw(number), data.draw(number)))
    if a == b:
        return
    assert carried(again, a, rule, backward=False)[b] == carried(again, b, rule, backward=True)[a]


def test_a_fee_seed_is_found_backward() -> None:
    moves = [Move(1, "exchange", "thief", 5), Move(2, "v", "thief", 100), Move(3, "thief", "out", 60)]
    ledger = ledger_of(moves)
    run = replay(ledger, Plan({2: 1}, backward=True, fees_by_rule=True), "fifo")
    came = {int(r["move"]): u for r, u in zip(run.dyed, units(run.dyed), strict=True) if r["stop"] == Stop.CARRIED}
    assert came == {2: 60, 1: 55, 0: 5}


def test_unexplained_money_is_where_backward_ends() -> None:
    ledger = ledger_of([Move(1, "x", "y", 10)])
    run = replay(ledger, Plan({0: 1}, backward=True, fees_by_rule=True), "fifo")
    assert [(int(r["stop"]), u) for r, u in zip(run.dyed, units(run.dyed), strict=True)] == [
        (Stop.CARRIED, 10),
        (Stop.UNEXPLAINED, 10),
    ]
