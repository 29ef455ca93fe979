"""Tracing on ledgers of outputs: the books balance under every rule, on any chain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.tracing.rules import RULES
from dyepack.tracing.utxo.backward import replay_backward
from dyepack.tracing.utxo.balance import prove
from dyepack.tracing.utxo.plan import Origin, UtxoPlan
from dyepack.tracing.utxo.replay import replay
from tests.effort import examples
from tests.outputs import Tx, chains, ledger_of, plans


@pytest.mark.parametrize("rule", [r.name for r in RULES.values() if r.conserves])
@settings(max_examples=examples(150), deadline=None)
@given(txs=chains(), data=st.data())
def test_books_balance_on_any_chain(rule: str, txs: list[Tx], data: st.DataObject) -> None:
    ledger = ledger_of(txs)
    plan = data.draw(plans(ledger))
    prove(ledger, plan, replay(ledger, plan, rule))


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=examples(400), deadline=None)
@given(txs=chains(most=24), data=st.data())
def test_kernel_is_its_twin(rule: str, txs: list[Tx], data: st.DataObject) -> None:
    from dyepack.tracing.utxo import kernel

    ledger = ledger_of(txs)
    plan = data.draw(plans(ledger))
    plain, fast = replay(ledger, plan, rule), kernel.replay(ledger, plan, rule)
    assert plain.replayed == fast.replayed
    assert plain.origin.tolist() == fast.origin.tolist()
    assert plain.dyed.tolist() == fast.dyed.tolist()


@pytest.mark.parametrize("rule", ["fifo", "lifo-a", "lifo-b"])
@settings(max_examples=examples(150), deadline=None)
@given(txs=chains(), data=st.data())
def test_backward_undoes_forward(rule: str, txs: list[Tx], data: st.DataObject) -> None:
    """What reaches output B from output A forward is what comes from A backward of B, for every pair."""
    ledger = ledger_of(txs)
    valued = [o for o in range(ledger.outputs) if ledger.output_value[o]]
    if not valued:
        return
    first, last = sorted(data.draw(st.tuples(st.sampled_from(valued), st.sampled_from(valued))))
    fee_first = data.draw(st.booleans())
    forth = UtxoPlan([Origin(first, 1, int(ledger.output_value[first]))], fee_first=fee_first)
    back = UtxoPlan([Origin(last, 1, int(ledger.output_value[last]))], fee_first=fee_first, backward=True)
    there, here = replay(ledger, forth, rule), replay_backward(ledger, back, rule)
    prove(ledger, back, here)
    if first != last:
        reached = there.dyed[there.dyed["output"] == last]["units"].sum()
        came = here.dyed[here.dyed["output"] == first]["units"].sum()
        assert reached == came


@settings(max_examples=examples(100), deadline=None)
@given(txs=chains(), data=st.data())
def test_backward_balances_with_stops(txs: list[Tx], data: st.DataObject) -> None:
    ledger = ledger_of(txs)
    plan = data.draw(plans(ledger, backward=True))
    prove(ledger, plan, replay_backward(ledger, plan, "fifo"))
