"""The Numba replay gives the Run of its plain twin, for every rule, and the two ledger indexes agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.ledger.index import index_moves
from dyepack.tracing import kernel, replay
from dyepack.tracing.exchange import Exchanges
from dyepack.tracing.plan import Run
from dyepack.tracing.rules import RULES
from tests.effort import examples
from tests.ledgers import Scene, scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def assert_same(plain: Run, fast: Run | None) -> None:
    assert fast is not None
    for part in ("origin", "dyed", "held", "gaps", "swaps"):
        np.testing.assert_array_equal(getattr(plain, part), getattr(fast, part), err_msg=f"{plain.rule}: {part}")
    assert plain.replayed == fast.replayed


def all_began(scene: Scene) -> bool:
    """Whether in every transaction one who pays the fee has less of something after it, the fee apart.

    Transactions that nobody began so are left to the twin.
    """
    ledger = scene.ledger
    exchanges = Exchanges(ledger)
    return all(exchanges.began(tx) for tx in range(len(ledger.tx_block)))


def has_parts(run: Run) -> bool:
    """Whether a payment has several products, which the kernel leaves to its twin."""
    pairs = set(zip(run.swaps["paid"].tolist(), run.swaps["product"].tolist(), strict=True))
    return len({paid for paid, _ in pairs}) < len(pairs)


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(1000), deadline=None, suppress_health_check=SLOW)
@given(scenes())
def test_kernel_equals_plain_forward(scene: Scene) -> None:
    for rule in RULES:
        plain, fast = (r.replay(scene.ledger, scene.plan, rule) for r in (replay, kernel))
        if fast is None:
            assert has_parts(plain) or not all_began(scene)
        else:
            assert_same(plain, fast)


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(300), deadline=None, suppress_health_check=SLOW)
@given(scenes(backward=True))
def test_kernel_equals_plain_backward(scene: Scene) -> None:
    for rule in RULES:
        assert_same(replay.replay(scene.ledger, scene.plan, rule), kernel.replay(scene.ledger, scene.plan, rule))


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(300), deadline=None, suppress_health_check=SLOW)
@given(scenes(large=True))
def test_kernel_refuses_what_passes_128_bits_or_agrees(scene: Scene) -> None:
    for rule in RULES:
        fast = kernel.replay(scene.ledger, scene.plan, rule)
        if fast is not None:
            assert_same(replay.replay(scene.ledger, scene.plan, rule), fast)


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 2**128 - 1)), max_size=300))
def test_ledger_index_kernel_equals_plain(rows: list[tuple[int, int, int]]) -> None:
    nowhere = 0xFFFFFFFF
    sender = np.array([nowhere if a == 5 else a for a, _, _ in rows], np.uint32)
    receiver = np.array([nowhere if b == 5 else b for _, b, _ in rows], np.uint32)
    amount = np.array([(u & (2**64 - 1), u >> 64) for *_, u in rows], np.uint64).reshape(-1, 2)
    one, two = (index_moves(sender, receiver, amount, 5, plain=way) for way in (True, False))
    for part in ("entry_offset", "entry", "balance_mark", "gap_move", "gap_amount", "wide"):
        np.testing.assert_array_equal(getattr(one, part), getattr(two, part), err_msg=part)


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(2000), deadline=None)
@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.integers(1, 2**128 - 1))
def test_long_division_equals_python(a: int, b: int, d: int) -> None:
    from dyepack.ledger.uint128 import mul_div

    a, d = min(a, d), max(a, d)
    low = 2**64 - 1
    words = [np.uint64(w) for n in (a, b, d) for w in (n & low, n >> 64)]
    lo, hi = mul_div(*words)
    assert int(lo) | int(hi) << 64 == a * b // d
