"""Layering: worked chains, limits, the longest chain beside a search of all chains, cost."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.patterns.activity import payments
from dyepack.patterns.layering import LIFETIME, _longest, layering
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash


def chain(*names: str, units: int = 1000, start: int = 10, every: int = 10) -> list[Move]:
    """A payment from each to the next."""
    return [Move(start + n * every, a, b, units - n) for n, (a, b) in enumerate(pairwise(names))]


def lengths(moves: list[Move]) -> list[int]:
    return [int(f.statistic["length"]) for f in layering(ledger_of(moves))]


def test_a_chain_in_every_field() -> None:
    [found] = layering(ledger_of(chain("a", "b", "c", "d", "e")))
    assert found.places == tuple(address(name) for name in "abcde")
    assert found.txs == tuple(tx_hash(n) for n in (10, 20, 30, 40))
    assert found.statistic == {"length": 4, "seconds": 30, "units first": "1000", "units last": "997"}
    assert found.threshold == {"length": 4, "lifetime (s)": LIFETIME, "residual (%)": 1, "carried (%)": 10}
    assert (found.pattern, found.rule.evidence) == ("layering", "E6")
    assert "through 3 addresses that only passed money on" in found.words


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (chain("a", "b", "c", "d"), []),  # three payments
        (chain("a", "b", "c", "d", "e", "f"), [5]),
        (chain("a", "b", "c", "d", "e")[::-1], [4]),  # the order in which they are told is nothing
        ([*chain("a", "b", "c", "d", "e"), Move(500, "c", "x", 1)], [4]),  # two payees, but emptied in ten days
        ([*chain("a", "b", "c", "d", "e"), Move(LIFETIME + 21, "c", "x", 1)], []),
        (chain("a", "b", "a", "b", "a"), []),  # to and fro
        ([Move(10, "a", "b", 1000), *chain("b", "c", "d", "e", units=99, start=20)], []),  # b kept nine tenths
    ],
)
def test_the_limits_of_a_chain(moves: list[Move], expected: list[int]) -> None:
    assert lengths(moves) == expected


def test_a_chain_goes_on_through_a_brief_address_that_two_paid_and_not_through_one_that_lives_on() -> None:
    moves = [*chain("a", "b", "c", "d", "e"), Move(5, "y", "c", 10)]
    emptied = [*moves[:2], Move(30, "c", "d", 1008), *moves[3:]]
    assert lengths(sorted(emptied, key=lambda m: m.tx)) == [4]
    lasting = [*emptied, Move(20 + LIFETIME, "w", "c", 7), Move(21 + LIFETIME, "c", "w", 7)]
    assert lengths(sorted(lasting, key=lambda m: m.tx)) == []
    for sent, expected in ((999, [4]), (998, [])):  # of 1,009 that c got 10 stay, which is under one per cent, or 11
        kept = [*moves[:2], Move(30, "c", "d", sent), *moves[3:]]
        assert lengths(sorted(kept, key=lambda m: m.tx)) == expected


def test_time_runs_one_way_and_one_transaction_proves_no_order() -> None:
    backwards = [Move(40, "a", "b", 9), Move(30, "b", "c", 9), Move(20, "c", "d", 9), Move(10, "d", "e", 9)]
    assert lengths(sorted(backwards, key=lambda m: m.tx)) == []
    at_once = [Move(10, a, b, 9, index=n) for n, (a, b) in enumerate(pairwise("abcde"))]
    assert lengths(at_once) == []


def test_assets_make_chains_of_their_own() -> None:
    mixed = [Move(m.tx, m.sender, m.receiver, m.units, "tok" if n % 2 else "native") for n, m in
             enumerate(chain("a", "b", "c", "d", "e"))]  # fmt: skip
    assert lengths(mixed) == []


def test_fees_do_not_end_a_chain() -> None:
    paid = [m for move in chain("a", "b", "c", "d", "e") for m in (move, Move(move.tx, move.sender, "", 1, kind=3))]
    assert lengths(paid) == [4]


def test_chains_that_meet_share_no_payment_and_places_choose() -> None:
    one, other = chain("a", "b", "c", "d", "e", "f", "g"), chain("k", "l", "m", "n", "o", "f", start=11)
    moves = sorted([*one, *other], key=lambda m: m.tx)
    found = layering(ledger_of(moves))
    assert sorted(int(f.statistic["length"]) for f in found) == [5, 6] or [len(f.txs) for f in found] == [5, 5]
    txs = [tx for f in found for tx in f.txs]
    assert len(txs) == len(set(txs))
    ledger = ledger_of(moves)
    chosen = [a for a in (ledger.find_address(address(n)) for n in "klmnof") if a is not None]
    assert all(f.places[0] == address("k") for f in layering(ledger, chosen))


@st.composite
def flows(draw: st.DrawFn) -> list[Move]:
    moves = []
    for n in range(draw(st.integers(1, 18))):
        payer, payee = draw(st.permutations(list("abcdefgh")))[:2]
        moves.append(Move(1 + n, payer, payee, draw(st.sampled_from([5, 50, 500]))))
    return moves


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(flows(), st.sets(st.sampled_from("abcdefgh")))
def test_the_longest_chain_is_as_long_as_a_search_of_all_chains_finds(moves: list[Move], passing: set[str]) -> None:
    ledger = ledger_of(moves)
    paid = payments(ledger)
    through = [moves[row].sender in passing for row in range(len(moves))]
    _, long = _longest(paid, [m.units for m in moves], through, [True] * len(moves), 0)

    def search(row: int) -> int:
        before = [b for b in range(row) if moves[b].receiver == moves[row].sender] if through[row] else []
        return 1 + max((search(b) for b in before), default=0)

    assert long == [search(row) for row in range(len(moves))]


@settings(max_examples=examples(300), deadline=None)
@given(flows(), st.integers(2, 4))
def test_what_is_told_is_a_chain(moves: list[Move], length: int) -> None:
    ledger = ledger_of(moves)
    by_tx = {tx_hash(m.tx): m for m in moves}
    found = layering(ledger, length=length)
    used = [tx for f in found for tx in f.txs]
    assert len(used) == len(set(used))
    for f in found:
        steps = [by_tx[tx] for tx in f.txs]
        assert len(steps) >= length
        assert len(set(f.places)) == len(f.places) == len(steps) + 1
        assert f.places == (address(steps[0].sender), *(address(s.receiver) for s in steps))
        for one, other in pairwise(steps):
            assert one.receiver == other.sender
            assert one.tx < other.tx
            assert 100 * other.units >= 10 * one.units


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_and_a_thicket_are_quick() -> None:
    long = [Move(n, f"h{n}", f"h{n + 1}", 1000) for n in range(1, 50_000)]
    thicket = [Move(60_000 + n, f"t{n % 300}", f"t{n * 7 % 300 + 300 * (n % 2)}", 1000) for n in range(50_000)]
    ledger = ledger_of(long + [m for m in thicket if m.sender != m.receiver])
    start = time.perf_counter()
    found = layering(ledger)
    assert time.perf_counter() - start < 20
    assert found[0].statistic["length"] == 49_999
