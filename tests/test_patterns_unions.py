"""Unions: sets as a plain twin joins them, their smallest members, and rows that are joined through them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.patterns.runs import gaps, joined, soon_percent
from dyepack.unions import Unions
from tests.effort import examples

PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20)


@settings(max_examples=examples(300), deadline=None)
@given(PAIRS)
def test_sets_are_those_of_a_twin_in_any_order(pairs: list[tuple[int, int]]) -> None:
    group = {member: {member} for pair in pairs for member in pair}
    sets: Unions[int] = Unions()
    for one, other in pairs:
        apart = group[one] is not group[other]
        assert sets.join(one, other) is apart
        if apart:
            both = group[one] | group[other]
            group |= dict.fromkeys(both, both)
    assert sets.roots() == {member: min(group[member]) for member in group}
    backward: Unions[int] = Unions()
    for one, other in reversed(pairs):
        backward.join(other, one)
    assert backward.roots() == sets.roots()


def test_one_that_was_not_named_is_alone() -> None:
    sets: Unions[str] = Unions()
    assert sets.roots() == {}
    assert sets.root("b") == "b"
    assert not sets.join("b", "b")
    assert sets.join("b", "a")
    assert (sets.root("b"), sets.root("c")) == ("a", "c")


def test_rows_are_joined_by_what_gathered_them() -> None:
    rows = [["a"], ["b"], ["c"], ["d"]]
    assert joined(rows, {7: [1, 3], 8: [2, 2], 9: [3, 1]}) == [
        ([["a"]], []), ([["b"], ["d"]], [7, 9]), ([["c"]], [8])]  # fmt: skip
    assert joined([], {}) == []


def test_gaps_are_seconds_or_blocks() -> None:
    time, block = np.array([100, 160, -1, 400]), np.array([1, 2, 5, 6], np.uint32)
    assert gaps(time, block, 12) == [60, 36, 12]
    assert soon_percent([60, 36, 12], 36) == 200 / 3
    assert soon_percent([], 1) == 100
