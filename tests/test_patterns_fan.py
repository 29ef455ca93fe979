"""Fan-out and fan-in: worked cases, the limits of the rules, the quick run beside the plain one, cost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.reader import Ledger
from dyepack.patterns.activity import DAY
from dyepack.patterns.fan import fan_in, fan_out, is_round
from dyepack.patterns.finding import Finding, table
from dyepack.tracing.moves import DyedMove
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash

COIN = 10**6


def fan(amounts: list[int], *, every: int = 60, known: int = 0, payer: str = "p") -> list[Move]:
    """A payer that pays each amount to a recipient of its own; the first `known` of these paid somebody before."""
    before = [Move(1 + n, f"r{n}", "z", 5) for n in range(known)]
    return before + [Move(1000 + n * every, payer, f"r{n}", units) for n, units in enumerate(amounts)]


def members(findings: list[Finding]) -> list[tuple[str, ...]]:
    return [finding.places for finding in findings]


def test_a_fan_out_in_every_field() -> None:
    [found] = fan_out(ledger_of(fan([100 * COIN] * 10)))
    assert found.places == tuple(address(name) for name in ("p", *(f"r{n}" for n in range(10))))
    assert found.txs == tuple(tx_hash(1000 + 60 * n) for n in range(10))
    assert found.statistic == {
        "recipients": 10, "window (s)": 540, "fresh (%)": 100, "spread": 0.0, "round (%)": 100,
        "units": str(1000 * COIN),
    }  # fmt: skip
    assert found.threshold["recipients"] == 10
    assert (found.first, found.last) == ("1970-01-01T00:16:40Z", "1970-01-01T00:25:40Z")
    assert (found.pattern, found.rule.id, found.grade, found.rule.evidence) == ("fan-out", "fan-out/1", 50, "E6")
    assert "10 addresses within 540 s, 10 of them never seen before" in found.words
    assert table([found])[1][0][0] == "fan-out"


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (fan([100] * 9), 0),
        (fan([100] * 10), 1),
        (fan([100] * 10, every=DAY // 9), 1),  # the tenth just within a day of the first
        (fan([100] * 10, every=DAY // 9 + 1), 0),
        (fan([100] * 10, known=2), 1),
        (fan([100] * 10, known=3), 0),  # 70 % fresh
        (fan([80] * 5 + [120] * 5), 1),  # varies by 0.2
        (fan([79] * 5 + [121] * 5), 0),  # 0.21
        (fan([1 * COIN, 500 * COIN, 30 * COIN, 2 * COIN, 9 * COIN] * 2), 1),  # round
        (fan([1_234_567, 500 * COIN, 30 * COIN, 2_345_678, 9_999_999] * 2), 0),
        ([*fan([100] * 10)[:-1], Move(1540, "q", "r9", 100)], 0),  # the tenth from another payer
    ],
)
def test_the_limits_of_a_fan_out(moves: list[Move], expected: int) -> None:
    assert len(fan_out(ledger_of(moves))) == expected


def test_a_trial_payment_and_the_rest_count_as_one_sum() -> None:
    trial = [Move(990 + 60 * n, "p", f"r{n}", 1) for n in range(10)]
    assert len(fan_out(ledger_of(sorted(trial + fan([99] * 10), key=lambda m: m.tx)))) == 1


def test_a_large_payment_between_two_fans_parts_them() -> None:
    first, rest = fan([100] * 12), [Move(9000 + n, "p", f"s{n}", 70) for n in range(11)]
    found = fan_out(ledger_of([*first, Move(5000, "p", "big", 10**5 + 1), *rest]))
    assert [len(places) for places in members(found)] == [13, 12]
    assert not {tx for f in found for tx in f.txs} & {tx_hash(5000)}


def test_payouts_to_customers_seen_before_are_no_fan_out() -> None:
    rounds = [Move(1000 + 100 * r + n, "hot", f"c{n}", 100) for r in range(3) for n in range(20)]
    known = [Move(n, f"c{n}", "shop", 1) for n in range(20)]
    assert fan_out(ledger_of(known + rounds)) == []
    assert len(fan_out(ledger_of(rounds))) == 1  # in the first round they are fresh, and told once


def test_assets_and_places_are_told_apart() -> None:
    half = [Move(2000 + n, "p", f"t{n}", 100, "tok", kind=1) for n in range(5)]
    assert fan_out(ledger_of(fan([100] * 5) + half)) == []
    ledger = ledger_of(fan([100] * 10) + [Move(9000 + n, "q", f"r{n}", 100) for n in range(10)])
    places = [ledger.find_address(address("q"))]
    assert [f.places[0] for f in fan_out(ledger, [p for p in places if p is not None])] == []  # r0.. were p's first
    assert [f.places[0] for f in fan_out(ledger)] == [address("p")]


@pytest.mark.parametrize(("units", "expected"), [
    (100_000, True), (99_999, False), (123_000, True), (1_234_000, False), (12_000, False), (10**30, True),
])  # fmt: skip
def test_round_amounts(units: int, expected: bool) -> None:
    assert is_round(units) is expected


# ---------------------------------------------------------------- fan-in


def dyed(move: int, source: str, target: str, units: int, leg: int = 1) -> DyedMove:
    return DyedMove(move, tx_hash(move), move, "", "value", 0, leg, address(source), address(target), "native", units,
                    units, 0, 1, "carried")  # fmt: skip


def into(n: int, clean: int) -> tuple[Ledger, list[DyedMove]]:
    """n senders of 100 dyed units each to c, and clean units from another."""
    moves = [Move(1 + k, f"s{k}", "c", 100) for k in range(n)] + ([Move(500, "x", "c", clean)] if clean else [])
    return ledger_of(moves), [dyed(k, f"s{k}", "c", 100) for k in range(n)]


@pytest.mark.parametrize(("senders", "clean", "expected"), [(10, 0, 1), (9, 0, 0), (10, 250, 1), (10, 251, 0)])
def test_the_limits_of_a_fan_in(senders: int, clean: int, expected: int) -> None:
    assert len(fan_in(*into(senders, clean))) == expected


def test_a_fan_in_in_every_field() -> None:
    [found] = fan_in(*into(12, 100))
    assert found.places == (*(address(f"s{k}") for k in range(12)), address("c"))
    assert found.statistic == {"senders": 12, "dyed (%)": 92, "units": "1300", "dyed units": "1200"}
    assert tx_hash(500) not in found.txs
    assert "92 % of it dyed" in found.words


def test_only_senders_of_dye_count_and_legs_add_up() -> None:
    ledger, moves = into(10, 0)
    assert fan_in(ledger, moves[:-1]) == []
    halves = [DyedMove(m.move, m.txid, 0, "", "value", 0, leg, m.source, m.target, "native", 100, 50, 0, 1, "carried")
              for m in moves for leg in (1, 2)]  # fmt: skip
    assert fan_in(ledger, halves)[0].statistic["dyed units"] == "1000"


def test_without_a_trace_all_money_counts() -> None:
    [found] = fan_in(into(10, 5000)[0])
    assert found.statistic["senders"] == 11
    assert "without a trace" in found.words


# ---------------------------------------------------------------- beside the rule written plainly


def plainly(moves: list[Move], least: int, window: int) -> list[tuple[int, int]]:
    """[first tx, last tx] of the fan-outs of "p" in the coin: every run is measured anew, from the moves alone."""
    mine = [m for m in moves if m.sender == "p" and m.receiver != "p"]
    first: dict[str, Move] = {}
    for m in moves:
        for who in (m.sender, m.receiver):
            first.setdefault(who, m)

    told: set[str] = set()

    def holds(run: list[Move]) -> bool:
        got: dict[str, int] = {}
        for m in run:
            got[m.receiver] = got.get(m.receiver, 0) + m.units
        fresh = {m.receiver for m in run if first[m.receiver].sender == "p" and m.tx - first[m.receiver].tx <= window}
        fresh -= told
        mean = sum(got.values()) / len(got)
        spread = (sum((u - mean) ** 2 for u in got.values()) / len(got)) ** 0.5 / mean
        rounded = sum(is_round(m.units) for m in run)
        return (len(got) >= least and run[-1].tx - run[0].tx <= window and 100 * len(fresh) >= 80 * len(got)
                and (spread <= 0.2 or 100 * rounded >= 80 * len(run)))  # fmt: skip

    out, free, end = [], 0, 1
    while end <= len(mine):
        starts = [s for s in range(free, end) if len({m.receiver for m in mine[s:end]}) == least]
        if starts and holds(mine[max(starts) : end]):
            while end < len(mine) and holds(mine[max(starts) : end + 1]):
                end += 1
            out.append((mine[max(starts)].tx, mine[end - 1].tx))
            free = end
            told |= {m.receiver for m in mine[max(starts) : end]}
        end += 1
    return out


@st.composite
def traffic(draw: st.DrawFn) -> list[Move]:
    """Payments of p to a few addresses, some of which act themselves."""
    at, moves = 0, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from([1, 5, 40]))
        ends = ("p", f"r{draw(st.integers(0, 11))}")
        if draw(st.integers(0, 7)) == 0:
            ends = (ends[1], draw(st.sampled_from(["p", "z", "r3"])))
        if ends[0] != ends[1]:
            moves.append(Move(at, *ends, draw(st.sampled_from([100, 90, 105, 140, 500_000, 30_000_000]))))
    return moves


@settings(max_examples=examples(400), deadline=None)
@given(traffic(), st.integers(2, 5), st.sampled_from([30, 100, 1000]))
def test_the_windows_find_what_the_rule_written_plainly_finds(moves: list[Move], least: int, window: int) -> None:
    if not moves:
        return
    ledger = ledger_of(moves)
    seen = [(f.txs[0], f.txs[-1]) for f in fan_out(ledger, recipients=least, window=window)
            if f.places[0] == address("p")]  # fmt: skip
    assert seen == [(tx_hash(a), tx_hash(b)) for a, b in plainly(moves, least, window)]


@pytest.mark.slow
def test_a_hundred_thousand_payments_of_one_address_are_quick() -> None:
    """Every third recipient is old, so that no run holds and every window is tried."""
    moves = [Move(n, "p", f"r{n if n % 3 else n % 10}", 100 + n % 2 * 900) for n in range(1, 100_000)]
    ledger = ledger_of(moves)
    start = time.perf_counter()
    fan_out(ledger)
    fan_in(ledger)
    assert time.perf_counter() - start < 10
