"""Cadence: worked batches, limits, chance, the statistics of the clock against draws whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.schema import I64
from dyepack.patterns.cadence import (
    CAVEAT,
    CHANCE,
    HOUR,
    MINUTE,
    OFF,
    ON,
    _cycles,
    acting_times,
    beat,
    day_hours,
    scripted_cadence,
)
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of

SOME = 1_650_000_000


def batch(spells: int, on: int = 45, off: int = 15, every: int = 30, last: bool = True) -> I64:
    """Seconds of spells of so many minutes with a transaction every so many seconds, and the pauses between."""
    times, at = [], SOME
    for n in range(spells):
        times += list(range(at, at + on * MINUTE + 1, every))
        at += (on + off) * MINUTE
        if n == spells - 1 and last:
            times.append(at)
    return np.array(times, np.int64)


def test_three_spells_of_45_minutes_with_pauses_of_15() -> None:
    seen = beat(batch(3))
    assert seen is not None
    assert (seen.repeats, seen.start, seen.end) == (3, 0, 3 * 91)
    assert 0.02 < seen.chance < 0.05
    longer = beat(batch(6))
    assert longer is not None
    assert longer.chance == 0.001


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (batch(2), None),
        (batch(3, last=False), None),  # the third pause must end
        (batch(3, on=30), 3),
        (batch(3, on=29), None),
        (batch(3, on=60), 3),
        (batch(3, on=61), None),
        (batch(3, off=10), 3),
        (batch(3, off=9), None),  # no pause: one spell of three hours
        (batch(3, off=20), 3),
        (batch(3, off=21), None),
        (batch(7), 7),
        (batch(3, every=9 * MINUTE), 3),
    ],
)
def test_the_limits_of_a_batch(times: I64, expected: int | None) -> None:
    seen = beat(times)
    assert (seen and seen.repeats) == expected


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from([30, 300, 599, 600, 900, 1200, 1201, 4000]), max_size=60))
def test_the_longest_row_is_what_a_plain_walk_finds(gaps: list[int]) -> None:
    best = row = spell = 0
    for gap in gaps:
        if gap < OFF[0]:
            spell += gap
            continue
        row = row + 1 if ON[0] <= spell <= ON[1] and gap <= OFF[1] else 0
        best, spell = max(best, row), 0
    assert _cycles(np.array(gaps, np.int64), ON, OFF)[0] == best


def test_random_traffic_at_any_pace_is_hardly_ever_a_script() -> None:
    """At most 1 in 20, as the threshold says, though the bare conditions hold far more often at the worst pace."""
    dice = np.random.default_rng(5)
    alarms = bare = 0
    for n in range(400):
        gaps = dice.exponential((100, 150, 200, 240)[n % 4], 400).astype(np.int64) + 1
        seen = beat(SOME + np.cumsum(gaps), shuffles=99)
        bare += seen is not None
        alarms += seen is not None and seen.chance <= CHANCE
    assert alarms <= 20
    assert bare > 2 * alarms


def test_a_script_in_every_field_and_more_tries_ask_for_more() -> None:
    times = batch(4)
    offset = int(times[0]) - 5
    moves = [Move(int(t) - offset, "ab"[n % 2], f"r{n}", 10) for n, t in enumerate(times.tolist())]
    ledger = ledger_of(moves)
    ids = [a for a in (ledger.find_address(address(n)) for n in "ab") if a is not None]
    [found] = scripted_cadence(ledger, [ids])
    assert found.places == (address("a"), address("b"))
    assert found.statistic["repeats"] == 4
    assert found.statistic["transactions"] == 4 * 91
    assert (found.pattern, found.rule.evidence) == ("scripted cadence", "E6")
    assert "4 spells" in found.words
    assert CAVEAT not in found.words  # four hours of one day say nothing of the clock
    assert scripted_cadence(ledger, [ids, *[[]] * 10]) == []  # eleven tries: a chance of 0.013 is not enough


def test_a_script_of_many_days_tells_its_hours_with_the_caveat() -> None:
    times = [*batch(4).tolist()]
    times += [times[-1] + day * 86_400 for day in range(1, 26)]
    ledger = ledger_of([Move(at - times[0] + 5, "a", f"r{n}", 10) for n, at in enumerate(times)])
    sender = ledger.find_address(address("a"))
    assert sender is not None
    [found] = scripted_cadence(ledger, [[sender]])
    told = day_hours(acting_times(ledger, [sender])[1].tolist())
    assert told is not None
    assert told.n >= 25
    assert found.words.endswith(f"; all that they did: {told.words()}")
    assert found.words.endswith(CAVEAT)


def test_who_is_paid_does_not_act_and_a_transaction_counts_once() -> None:
    times = batch(3).tolist()
    moves = [Move(int(t) - times[0] + 5, f"s{n}", "a", 10) for n, t in enumerate(times)]
    ledger = ledger_of(moves)
    receiver = ledger.find_address(address("a"))
    assert receiver is not None
    assert scripted_cadence(ledger, [[receiver]]) == []


# ---------------------------------------------------------------- the clock


def around(hour: float, spread: float, count: int, seed: int = 3) -> list[int]:
    """Times on as many days, about an hour."""
    dice = np.random.default_rng(seed)
    return [SOME // 86400 * 86400 + n * 86400 + int((hour + dice.normal(0, spread)) * HOUR) for n in range(count)]


def test_the_mean_hour_of_four_known_hours() -> None:
    at = SOME // 86400 * 86400
    seen = day_hours([at + 6 * HOUR, at + 86400 + 6 * HOUR, at + 9 * HOUR, at + 86400 + 9 * HOUR])
    assert seen is not None
    assert seen.mean == pytest.approx(8.0)  # hours 6 and 9 are counted by their middle: 6.5 and 9.5
    assert seen.length == pytest.approx(math.cos(math.radians(22.5)))
    assert (seen.n, seen.margin) == (4, None)
    assert seen.offset == pytest.approx(5.5)


@pytest.mark.parametrize("hour", [0.0, 4.5, 12.0, 23.5])
def test_the_interval_holds_the_hour_that_was_drawn(hour: float) -> None:
    held = 0
    for seed in range(40):
        seen = day_hours(around(hour, 2.5, 60, seed))
        assert seen is not None
        assert seen.margin is not None
        off = (seen.mean - hour + 12) % 24 - 12
        held += abs(off) <= seen.margin + 0.05
        assert seen.rayleigh < 1e-6
        assert seen.kuiper < 1e-6
    assert held >= 34  # 95 % of 40 is 38


def test_even_hours_give_even_p_values() -> None:
    dice = np.random.default_rng(7)
    small = [0, 0]
    for _ in range(400):
        hours = SOME // HOUR * HOUR + dice.choice(24 * 365, 80, replace=False) * HOUR
        seen = day_hours(hours.tolist())
        assert seen is not None
        small[0] += seen.rayleigh < 0.05
        small[1] += seen.kuiper < 0.05
    assert 8 <= small[0] <= 36
    assert small[1] <= 36


def test_more_tries_weaken_and_one_batch_is_one_hour() -> None:
    times = around(4, 3, 30)
    one, ten = day_hours(times), day_hours(times, tried=10)
    assert one is not None
    assert ten is not None
    assert ten.rayleigh == pytest.approx(min(1, 10 * one.rayleigh))
    crowded = day_hours([t + n for t in times for n in range(0, 60, 7) if t % HOUR + n < HOUR])
    assert crowded is not None
    assert crowded.n <= one.n + 1
    assert day_hours([]) is None


def test_the_statistic_always_goes_with_its_caveat() -> None:
    seen = day_hours(around(4, 2, 60))
    assert seen is not None
    assert seen.words().endswith(CAVEAT)
    assert "UTC+9" in seen.words()
    assert "UTC+" in seen.words().split(";")[1]
