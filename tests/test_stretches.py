"""Sums of stretches are exact, however much the rows before them add up to."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dyepack.ledger.stretches import offsets, stretch_sums


def test_sums_past_what_a_double_holds() -> None:
    values = np.array([2**53 + 1, 1, 1], np.uint64)
    assert stretch_sums(values, np.arange(4)).tolist() == [2**53 + 1, 1, 1]


@given(st.lists(st.lists(st.integers(0, 21 * 10**14), max_size=5), max_size=30))
def test_sums_are_those_of_whole_numbers(rows: list[list[int]]) -> None:
    values = np.array([v for row in rows for v in row], np.uint64)
    assert stretch_sums(values, offsets([len(row) for row in rows])).tolist() == [sum(row) for row in rows]
