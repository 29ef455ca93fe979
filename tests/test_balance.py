"""The promise: for 1,000 random ledgers and every conserving rule, dye in = dye out, and no edge above its value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from dyepack.errors import BalanceError
from dyepack.tracing.balance import prove
from dyepack.tracing.replay import replay
from dyepack.tracing.rules import RULES
from tests.effort import examples
from tests.ledgers import Move, Scene, ledger_of, scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
CONSERVING = [r.name for r in RULES.values() if r.conserves]


@settings(max_examples=examples(1000), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_every_conserving_rule_balances(scene: Scene) -> None:
    stolen = []
    for rule in CONSERVING:
        run = replay(scene.ledger, scene.plan, rule)
        balances = prove(scene.ledger, scene.plan, run)
        stolen.append(sum(b.put_in for b in balances))
        assert all(b.holds for b in balances)
        assert sum(b.put_in for b in balances) == sum(
            a | b << 64 for a, b in zip(run.origin["lo"].tolist(), run.origin["hi"].tolist(), strict=True)
        )


@settings(max_examples=examples(200), deadline=None, suppress_health_check=SLOW)
@given(scenes(large=True))
def test_amounts_up_to_128_bits_balance(scene: Scene) -> None:
    for rule in CONSERVING:
        prove(scene.ledger, scene.plan, replay(scene.ledger, scene.plan, rule))


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None, suppress_health_check=SLOW)
@given(scenes(backward=True))
def test_backward_balances(scene: Scene) -> None:
    for rule in ("fifo", "lifo-a", "lifo-b"):
        prove(scene.ledger, scene.plan, replay(scene.ledger, scene.plan, rule))


@pytest.mark.parametrize("part", ["dyed", "origin", "held"])
def test_the_proof_bites(part: str) -> None:
    """A single unit more in any table is found."""
    from dyepack.tracing.plan import Plan

    ledger = ledger_of([Move(1, "v", "t", 10), Move(2, "t", "x", 4), Move(3, "x", "y", 1)])
    plan = Plan({0: 1})
    run = replay(ledger, plan, "fifo")
    assert prove(ledger, plan, run)
    table = getattr(run, part)
    table["lo"][-1] += np.uint64(1)
    with pytest.raises(BalanceError, match="do not balance"):
        prove(ledger, plan, run)
