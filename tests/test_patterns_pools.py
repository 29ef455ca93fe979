"""Pools: anonymity sets and links on worked examples, random histories, and ledgers."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, UsageError
from dyepack.ledger.content import seconds_of, time_text
from dyepack.ledger.manifest import COMPLETE
from dyepack.ledger.schema import MoveKind
from dyepack.patterns.activity import DAY
from dyepack.patterns.pools.anonymity import anonymity, surely_gone, unspent
from dyepack.patterns.pools.candidates import among, onward
from dyepack.patterns.pools.dealings import dealings_in, dealings_of, share_spending
from dyepack.patterns.pools.history import UNKNOWN, History, clock, with_facts
from dyepack.patterns.pools.in_ledger import from_ledger, senders
from dyepack.patterns.pools.known import Pool, known_pools, pool_named
from dyepack.patterns.pools.portfolio import multi_denomination
from dyepack.patterns.pools.rules import EIP_1559, address_match, gas_price, linked_address, own_gas
from dyepack.patterns.pools.structured import Receipt, findings, links_of, structured_deposits
from dyepack.patterns.pools.view import Link, events, finding, view
from tests.effort import examples
from tests.ledgers import Move, ledger_of
from tests.ledgers import address as ledger_address
from tests.pool_events import NOTE, In, Out, address, histories, history, tx

EXAMPLES = settings(max_examples=examples(300), deadline=None)


def named(link: Link) -> tuple[list[int], list[int]]:
    """Rows of deposits and withdrawals of a link in a view of one pool."""
    return [row for _, row in events(link.deposits)], [row for _, row in events(link.withdrawals)]


def brute(one: History) -> list[tuple[int, int]]:
    """(least, most) by looking at every pair of events."""

    def surely(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a[0] < b[0] or (a[0] == b[0] and min(a[1], b[1]) >= 0 and a[1] < b[1])

    def place(table: object, row: int) -> tuple[int, int]:
        return int(getattr(table, "block")[row]), int(getattr(table, "rank")[row])  # noqa: B009

    came = [place(one.deposits, row) for row in range(len(one.deposits))]
    went = [place(one.withdrawals, row) for row in range(len(one.withdrawals))]
    found = []
    for at, here in enumerate(went):
        gone = sum(surely(other, here) for other in went)
        maybe_gone = sum(not surely(here, other) for row, other in enumerate(went) if row != at)
        there = sum(surely(other, here) for other in came)
        maybe_there = sum(not surely(here, other) for other in came)
        found.append((max(there - maybe_gone, 1), maybe_there - gone))
    return found


def test_a_worked_pool_has_these_anonymity_sets() -> None:
    one = history([In(1), In(2), In(4), In(4)], [Out(3), Out(4), Out(9)])
    sets = anonymity(one)
    # Block 3: two notes. Block 4: one left, two more come in the same block, order not said. Block 9: four less two.
    assert sets.most.tolist() == [2, 3, 2]
    assert sets.least.tolist() == [2, 1, 2]
    assert sets.earlier.tolist() == [2, 2, 4]
    assert unspent(one) == 1


def test_known_ranks_decide_inside_a_block() -> None:
    one = history([In(1, rank=0), In(4, rank=2), In(4, rank=7)], [Out(4, rank=5), Out(4, rank=6)])
    sets = anonymity(one)
    assert sets.most.tolist() == sets.least.tolist() == [2, 1]
    assert sets.earlier.tolist() == [2, 2]


def test_a_rank_of_one_side_alone_decides_nothing_inside_a_block() -> None:
    sets = anonymity(history([In(1, rank=0), In(4, rank=2)], [Out(4)]))
    assert (sets.most.tolist(), sets.least.tolist(), sets.earlier.tolist()) == ([2], [1], [1])
    sets = anonymity(history([In(1), In(4)], [Out(4, rank=9)]))
    assert (sets.most.tolist(), sets.least.tolist(), sets.earlier.tolist()) == ([2], [1], [1])


@EXAMPLES
@given(histories())
def test_the_anonymity_set_is_never_empty_and_equals_a_look_at_every_pair(one: History) -> None:
    sets = anonymity(one)
    assert list(zip(sets.least.tolist(), sets.most.tolist(), strict=True)) == brute(one)
    assert (sets.least >= 1).all()
    assert (sets.most >= sets.least).all()


@EXAMPLES
@given(histories(ranked=True))
def test_with_all_ranks_known_the_set_is_one_number_by_a_walk(one: History) -> None:
    steps = [(int(b), int(r), 1) for b, r in zip(one.deposits.block, one.deposits.rank, strict=True)]
    steps += [(int(b), int(r), -1) for b, r in zip(one.withdrawals.block, one.withdrawals.rank, strict=True)]
    inside, walked = 0, []
    for _, _, step in sorted(steps):
        if step < 0:
            walked.append(inside)
        inside += step
    sets = anonymity(one)
    assert sets.most.tolist() == sets.least.tolist() == walked


@EXAMPLES
@given(histories())
def test_no_link_pairs_a_withdrawal_with_a_later_deposit(one: History) -> None:
    seen = view([one, one])
    dealings = dealings_of([(address(a), address(b)) for a in "abcd" for b in "abcd" if a < b] * 3)
    receipts = [Receipt(address(name), "native", NOTE) for name in "abcd"]
    links = [*address_match(seen), *gas_price(seen, before_block=1000, whole=1), *linked_address(seen, dealings)]
    links += multi_denomination(seen, most_others=99)
    links += links_of(seen, structured_deposits(seen, receipts, least=1, decoys=3))
    for link in links:
        assert link.deposits
        assert link.anonymity >= 1
        assert link.others >= 0
        assert 0 <= link.confidence <= link.rule.confidence
        for pool, row in events(link.withdrawals):
            for other, deposit in events(link.deposits):
                came, went = seen.histories[other].deposits, seen.histories[pool].withdrawals
                assert (came.block[deposit], came.rank[deposit]) < (went.block[row], went.rank[row])
                if went.rank[row] < 0:
                    assert came.block[deposit] < went.block[row]


@EXAMPLES
@given(histories())
def test_candidates_and_the_rest_are_what_was_deposited(one: History) -> None:
    txs = ["0x" + bytes(raw).hex() for raw in one.deposits.tx[::2]]
    found = onward([one], txs, dealings=dealings_of([(address("a"), address("b"))] * 3))
    assert len(found.pools) == (1 if txs else 0)
    assert not found.missing
    for rest in found.pools:
        assert int(rest.probable) + int(rest.rest) == int(rest.deposited) == rest.deposits * NOTE
        assert int(rest.probable) <= min(rest.candidates, rest.deposits) * NOTE
        assert 0 <= rest.surely_gone <= rest.deposits
        assert rest.candidates <= rest.later
    for candidate in found.candidates:
        assert candidate.deposits
        assert set(candidate.deposits) <= set(txs)
        assert candidate.traced >= 1
        assert candidate.confidence == max(reason.confidence for reason in candidate.reasons)


def test_an_address_that_takes_out_what_it_paid_in_is_matched() -> None:
    one = history([In(1, "a"), In(2, "b"), In(5, "a")], [Out(3, "a"), Out(4, "c"), Out(6, "a")])
    links = address_match(view([one]))
    assert [named(link) for link in links] == [([0], [0]), ([0, 2], [2])]
    assert [link.anonymity for link in links] == [2, 1]
    assert {link.confidence for link in links} == {80}


def test_who_sends_a_withdrawal_counts_only_without_a_relayer() -> None:
    came = [In(1, "a"), In(2, "b")]
    assert [named(link) for link in address_match(view([history(came, [Out(3, "new", sender="a")])]))] == [([0], [0])]
    assert not address_match(view([history(came, [Out(3, "new", fee=7, sender="a")])]))


def test_a_typed_gas_price_links_the_only_two_events_that_have_it() -> None:
    odd, other = 147_453_512_345, 90_000_012_345
    came = [In(1, price=odd), In(2, price=other), In(3, price=other), In(4, price=55 * 10**9)]
    went = [Out(5, price=odd), Out(6, price=other), Out(7, price=55 * 10**9)]
    links = gas_price(view([history(came, went)]))
    assert [named(link) for link in links] == [([0], [0])]
    assert "147,453,512,345" in links[0].why
    assert [named(link) for link in gas_price(view([history(came, went)]), whole=1)] == [([0], [0]), ([3], [2])]


@pytest.mark.parametrize(
    ("came", "went"),
    [
        ([In(1, price=123_456_789)], [Out(2, price=123_456_789, fee=1)]),
        ([In(EIP_1559, price=123_456_789)], [Out(EIP_1559 + 2, price=123_456_789)]),
        ([In(1, price=123_456_789)], [Out(EIP_1559, price=123_456_789)]),
        ([In(1), In(9, price=123_456_789)], [Out(2, price=123_456_789)]),
        ([In(1, price=123_456_789), In(2)], [Out(3, price=123_456_789), Out(4, price=123_456_789)]),
        ([In(1)], [Out(2)]),
    ],
    ids=["relayed", "after EIP-1559", "taken out after EIP-1559", "before the deposit", "not the only one", "not said"],
)
def test_these_gas_prices_link_nothing(came: list[In], went: list[Out]) -> None:
    assert not gas_price(view([history(came, went)]))


def test_three_ordinary_transactions_link_and_two_do_not() -> None:
    one = view([history([In(1, "a"), In(2, "b")], [Out(3, "c"), Out(4, "d")])])
    dealt = [(address("a"), address("c"))] * 3 + [(address("d"), address("b"))] * 2
    links = linked_address(one, dealings_of(dealt))
    assert [(named(link), link.others) for link in links] == [(([0], [0]), 0)]
    more = linked_address(one, dealings_of([*dealt, *[(address("b"), address("c"))] * 4]))
    assert [(named(link), link.others, link.confidence) for link in more] == [(([0], [0]), 1, 25), (([1], [0]), 1, 25)]


def test_a_hub_links_nobody() -> None:
    came = [In(at, f"p{at}") for at in range(1, 13)]
    one = view([history(came, [Out(20, "hub")])])
    dealt = [(address(f"p{at}"), address("hub")) for at in range(1, 13)] * 3
    assert not linked_address(one, dealings_of(dealt))
    assert len(linked_address(one, dealings_of(dealt), most_others=11)) == 12


def small_and_large(times: list[int], out: list[int], to: str = "z") -> list[History]:
    """Two notes of a small pool and one of a large one by "a", taken out at other times by `to`."""
    small = history([In(t, "a", time=t) for t in times[:2]], [Out(t, to, time=t) for t in out[:2]], "small")
    large = history([In(times[2], "a", time=times[2])], [Out(out[2], to, time=out[2])], "large", 10 * NOTE)
    return [small, large]


def test_the_same_portfolio_within_a_day_each_links_all_of_it() -> None:
    links = multi_denomination(view(small_and_large([10, 20, 30], [500_000, 500_100, 500_200])))
    assert [(list(events(link.deposits)), list(events(link.withdrawals)), link.others) for link in links] == [
        ([(0, 0), (0, 1), (1, 0)], [(0, 0), (0, 1), (1, 0)], 0)
    ]
    assert links[0].anonymity == 1


@pytest.mark.parametrize(
    ("came", "went"),
    [
        ([10, 20, 30], [500_000, 500_100, 500_200 + DAY]),
        ([10, 20, 30 + 2 * DAY], [500_000, 500_100, 500_200]),
        ([10, 20, 30], [25, 40, 50]),
    ],
    ids=["taken out over two days", "paid in over two days", "out before the last came in"],
)
def test_these_portfolios_link_nothing(came: list[int], went: list[int]) -> None:
    assert not multi_denomination(view(small_and_large(came, went)))


def test_rivals_share_the_confidence_of_a_portfolio() -> None:
    one, two = small_and_large([10, 20, 30], [500_000, 500_100, 500_200])
    small = history([In(5, "b"), In(6, "b"), In(10, "a"), In(20, "a")], [Out(500_000, "z"), Out(500_100, "z")], "small")
    large = history([In(7, "b"), In(30, "a")], [Out(500_200, "z")], "large", 10 * NOTE)
    links = multi_denomination(view([small, large]))
    assert [(link.others, link.confidence) for link in links] == [(1, 20), (1, 20)]
    assert not multi_denomination(view([small, large]), most_others=0)
    assert len(multi_denomination(view([one, two]))) == 1


def test_a_withdrawal_without_a_relayer_is_marked_and_names_no_deposit() -> None:
    marks = own_gas(view([history([In(1), In(2)], [Out(3, "a", fee=0), Out(4, "b", fee=9)])]))
    assert [named(mark) for mark in marks] == [([], [0])]
    shown = finding(view([history([In(1)], [Out(3, "a")])]), marks[0])
    assert shown.txs == (tx("pool out 0"),)
    assert shown.statistic["deposits"] == 0


def burst_history(out_times: list[int], others: int = 0) -> History:
    """Six notes of "thief" in an hour, six taken out by "exit" later; `others` more such pairs of strangers."""
    came = [In(at, f"p{at}", time=at) for at in range(1, 21)]
    came += [In(1000 + at * 600, "thief", time=1000 + at * 600) for at in range(6)]
    went = [Out(t, "exit", time=t) for t in out_times]
    for nth in range(others):
        start = max(out_times) + 10 + nth * 1000
        went += [Out(start + at, f"stranger {nth}", time=start + at) for at in range(6)]
    return history(came, sorted(went, key=lambda e: e.block))


def test_structured_deposits_find_their_burst_and_count_the_others() -> None:
    receipt = Receipt(address("thief"), "native", 6 * NOTE + NOTE // 2, 900)
    later = [50_000 + at * 60 for at in range(6)]
    (alone,) = structured_deposits(view([burst_history(later)]), [receipt])
    assert (alone.units, alone.others, alone.before, len(alone.candidates)) == (6 * NOTE, 0, 0, 1)
    (seen,) = structured_deposits(view([burst_history(later, others=2)]), [receipt])
    assert (len(seen.candidates), seen.others) == (3, 2)
    (shown,) = findings(view([burst_history(later, others=2)]), [seen])
    assert shown.statistic["candidates"] == 3
    assert shown.statistic["share_percent"] == 92
    assert len(shown.txs) == 6
    assert "such bursts that came before and cannot be it: 0" in shown.words


def test_a_burst_that_begins_among_the_deposits_is_no_candidate() -> None:
    receipt = Receipt(address("thief"), "native", 6 * NOTE, 900)
    (found,) = structured_deposits(view([burst_history([3_000 + at * 600 for at in range(6)])]), [receipt])
    assert (found.candidates, found.before) == ((), 1)


def test_a_burst_before_the_deposits_is_counted_and_is_no_candidate() -> None:
    receipt = Receipt(address("thief"), "native", 6 * NOTE, 900)
    (found,) = structured_deposits(view([burst_history([100 + at for at in range(6)])]), [receipt])
    assert (found.candidates, found.before) == ((), 1)


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(address("thief"), "native", 7 * NOTE, 900),
        Receipt(address("thief"), "native", 1000, 900),
        Receipt(address("thief"), "native", 6 * NOTE, 2000),
        Receipt(address("thief"), "0x00", 6 * NOTE, 900),
        Receipt(address("p1"), "native", NOTE, 0),
        Receipt(address("nobody"), "native", 6 * NOTE, 900),
    ],
    ids=["under 90 %", "dust", "received later", "another asset", "one note", "not a depositor"],
)
def test_these_receipts_were_not_cut_up(receipt: Receipt) -> None:
    assert not structured_deposits(view([burst_history([50_000 + at for at in range(6)])]), [receipt])


def test_decoys_that_match_as_often_make_a_candidate_no_link() -> None:
    came = [In(at, f"p{at}", time=at) for at in range(1, 201)]
    came += [In(1000 + at, "thief", time=1000 + at) for at in range(6)]
    went = [Out(50_000 + nth * 100 + at, f"r{nth}", time=50_000 + nth * 100 + at)
            for nth, count in enumerate([5, 6, 7, 8, 4] * 3) for at in range(count)]  # fmt: skip
    seen = view([history(came, went)])
    (found,) = structured_deposits(seen, [Receipt(address("thief"), "native", 6 * NOTE)])
    assert len(found.candidates) == 3
    assert found.chance > 0.9
    assert not links_of(seen, [found])


def test_clusters_pay_in_and_take_out_as_one() -> None:
    came = [In(1000 + at, "t1" if at % 2 else "t2", time=1000 + at) for at in range(6)]
    went = [Out(90_000 + at, "e1" if at % 3 else "e2", time=90_000 + at) for at in range(6)]
    seen = view([history(came, went)])
    receipt = Receipt(address("t2"), "native", 6 * NOTE)
    assert not structured_deposits(seen, [receipt])
    lead = dict.fromkeys((address("t1"), address("t2")), address("t1"))
    (one,) = structured_deposits(seen, [receipt], depositors=lead)
    assert not one.candidates
    out = dict.fromkeys((address("e1"), address("e2")), address("e1"))
    (both,) = structured_deposits(seen, [receipt], depositors=lead, recipients=out)
    assert len(both.candidates) == 1


def test_notes_that_must_be_gone_are_counted() -> None:
    one = history([In(1), In(2), In(3)], [Out(4), Out(5)])
    assert surely_gone(one, np.array([0, 1, 2])) == 2
    assert surely_gone(one, np.array([0, 1])) == 1
    assert surely_gone(one, np.array([2])) == 0
    assert surely_gone(one, np.zeros(0, np.int64)) == 0


def test_candidates_show_crowd_rules_and_what_is_not_there() -> None:
    one = history([In(1, "a"), In(2, "b"), In(3, "c")], [Out(4, "a"), Out(5, "z", fee=NOTE // 10), Out(6, "q")])
    found = onward([one], [tx("pool in 0"), tx("pool in 1"), tx("elsewhere")])
    assert found.missing == (tx("elsewhere"),)
    (candidate,) = found.candidates
    assert (candidate.tx, candidate.deposits, candidate.named) == (tx("pool out 0"), (tx("pool in 0"),), 1)
    assert (candidate.anonymity, candidate.traced, candidate.units) == (3, 2, str(NOTE))
    assert [reason.rule for reason in candidate.reasons] == ["pool-address-match/1", "pool-own-gas/1"]
    (rest,) = found.pools
    assert (rest.deposits, rest.candidates, rest.later, rest.surely_gone, rest.unspent) == (2, 1, 3, 2, 0)
    assert (rest.probable, rest.rest) == (str(NOTE), str(NOTE))
    assert found.to_json()["pools"][0]["whole"] is True


def test_what_is_no_hash_is_refused() -> None:
    with pytest.raises(UsageError, match="is no transaction hash"):
        onward([history([In(1)], [])], ["0xabc\x1b"])


@pytest.mark.slow
def test_one_address_that_does_everything_costs_no_square_of_its_notes() -> None:
    one = history([In(at, "a") for at in range(8_000)], [Out(9_000 + at, "a") for at in range(8_000)])
    began = time.perf_counter()
    found = onward([one], [tx(f"pool in {at}") for at in range(0, 8_000, 2)])
    assert time.perf_counter() - began < 20
    (rest,) = found.pools
    assert (rest.candidates, rest.rest, rest.surely_gone) == (8_000, "0", 4_000)
    assert {(len(one.deposits), one.traced_named, one.named) for one in found.candidates} == {(50, 4_000, 8_000)}


def test_a_link_to_untraced_notes_only_is_no_candidate() -> None:
    one = history([In(1, "a"), In(2, "b")], [Out(4, "a")])
    seen = view([one])
    assert not among(seen, [tx("pool in 1")], address_match(seen)).candidates


def test_times_are_estimated_between_known_ones() -> None:
    one = history([In(100, time=1000), In(200, time=3000)], [Out(150), Out(250)])
    ((came, went),) = clock([one])
    assert came.tolist() == [1000, 3000]
    assert went.tolist() == [2000, 4000]
    ((_, blind),) = clock([history([In(1)], [Out(5)])])
    assert blind.tolist() == [60]
    assert clock([]) == []


def test_facts_fill_only_what_is_not_said() -> None:
    one = history([In(1, "a"), In(2)], [Out(3)])
    raw = {bytes(row): address("new") for row in one.deposits.tx}
    filled = with_facts(one, raw, {bytes(one.deposits.tx[0]): 5})
    assert [bytes(row) for row in filled.deposits.sender] == [address("a"), address("new")]
    assert filled.deposits.gas_price.tolist() == [5, UNKNOWN]


def test_a_view_of_nothing_links_nothing() -> None:
    for seen in (view([]), view([history([], [])])):
        assert not [*address_match(seen), *gas_price(seen), *own_gas(seen), *multi_denomination(seen)]
        assert not linked_address(seen, dealings_of([]))
        assert not structured_deposits(seen, [Receipt(address("a"), "native", 1)])


NAMED = Pool("test", ledger_address("pool"), "native", "ETH", 18, 100)
ROUTER = ledger_address("router")


def ledger_moves() -> list[Move]:
    """Two deposits (one behind a router), one with a fee taken out, one whole, and what is neither."""
    return [
        Move(1, "a", "pool", 100),
        Move(2, "b", "router", 100), Move(2, "router", "pool", 100, kind=MoveKind.INTERNAL, index=1),
        Move(2, "b", "", 1, kind=MoveKind.FEE, index=9),
        Move(3, "a", "pool", 37),
        Move(4, "pool", "c", 97, kind=MoveKind.INTERNAL), Move(4, "pool", "r", 3, kind=MoveKind.INTERNAL, index=1),
        Move(5, "pool", "a", 100, kind=MoveKind.INTERNAL),
        Move(6, "pool", "x", 20, kind=MoveKind.INTERNAL),
        Move(7, "pool", "x", 130, kind=MoveKind.INTERNAL),
    ]  # fmt: skip


def test_a_ledger_shows_deposits_withdrawals_fees_and_counts_what_is_neither() -> None:
    ledger = ledger_of(ledger_moves())
    assert set(ledger.holding_state.tolist()) == {COMPLETE}
    (one,) = from_ledger(ledger, [NAMED], [ROUTER])
    assert one.whole
    assert [bytes(row)[:1] for row in one.deposits.sender] == [b"a", b"b"]
    assert one.withdrawals.fee == (3, 0)
    assert [bytes(row)[:1] for row in one.withdrawals.to] == [b"c", b"a"]
    assert [bytes(row)[:1] for row in one.withdrawals.relayer] == [b"r", b"\0"]
    assert one.notes == ("test: 3 moves that are no whole note are left out",)
    assert [named(link) for link in address_match(view([one]))] == [([0], [1])]


def test_a_deposit_seen_at_the_router_only_makes_a_history_that_is_not_whole() -> None:
    ledger = ledger_of([Move(1, "a", "router", 100), Move(2, "a", "router", 99)])
    (one,) = from_ledger(ledger, [NAMED], [ROUTER])
    assert (len(one.deposits), one.whole) == (1, False)
    assert "1 deposits are seen at a router only" in one.notes[0]


def test_a_ledger_that_begins_after_the_deposits_keeps_what_came_in_and_says_so() -> None:
    late = [Move(1, "pool", "c", 100, kind=MoveKind.INTERNAL), Move(2, "a", "pool", 100)]
    (one,) = from_ledger(ledger_of(late), [NAMED], [ROUTER])
    assert (len(one.deposits), len(one.withdrawals), one.whole) == (1, 0, False)
    assert one.notes == ("test: the ledger does not hold all events of this pool",)


def test_a_ledger_without_the_pool_has_no_history_of_it() -> None:
    assert from_ledger(ledger_of([Move(1, "a", "b", 100)]), [NAMED], [ROUTER]) == []


def test_two_withdrawals_of_one_transaction_are_two() -> None:
    moves = [Move(n, "a", "pool", 100) for n in (1, 2)]
    parts = [("c", 99), ("r", 1), ("d", 98), ("r", 2)]
    moves += [Move(3, "pool", to, units, kind=MoveKind.INTERNAL, index=at) for at, (to, units) in enumerate(parts)]
    (one,) = from_ledger(ledger_of(moves), [NAMED], [])
    assert sorted(one.withdrawals.fee) == [1, 2]


def test_senders_of_events_are_who_paid_the_fee() -> None:
    ledger = ledger_of(ledger_moves())
    (one,) = from_ledger(ledger, [NAMED], [ROUTER])
    said = senders(ledger, one)
    assert {raw[:1] for raw in said.values()} == {b"a", b"b", b"p"}


def raw(name: str) -> bytes:
    return bytes.fromhex(ledger_address(name)[2:])


@given(st.integers(-1, 253_402_300_799))
def test_a_time_as_text_is_read_back(seconds: int) -> None:
    assert seconds_of(time_text(seconds)) == seconds


def test_dealings_count_transactions_not_moves() -> None:
    moves = [Move(1, "a", "b", 5), Move(1, "b", "a", 5, index=1, kind=MoveKind.INTERNAL), Move(2, "b", "a", 5),
             Move(3, "a", "c", 5), Move(4, "a", "a", 5)]  # fmt: skip
    found = dealings_in(ledger_of(moves), [raw(name) for name in "abz"])
    assert found.pairs == {(raw("a"), raw("b")): 2}
    assert not dealings_in(ledger_of(moves), [raw(name) for name in "abz"], leave_out=[raw("b")]).pairs


def test_recipients_that_pay_one_address_share_spending_unless_many_pay_it() -> None:
    moves = [Move(1, "a", "t", 5), Move(2, "b", "t", 5), Move(3, "c", "u", 5), Move(4, "d", "hub", 5)]
    moves += [Move(10 + n, f"m{n}", "hub", 1) for n in range(30)] + [Move(50, "c", "hub", 1)]
    names = [raw(name) for name in "abcd"]
    assert share_spending(ledger_of(moves), names) == {raw("a"): raw("a"), raw("b"): raw("a"),
                                                       raw("c"): raw("c"), raw("d"): raw("d")}  # fmt: skip
    assert share_spending(ledger_of(moves), names, most_payers=40)[raw("d")] == raw("c")
    assert share_spending(ledger_of(moves), names, leave_out=[raw("t")])[raw("b")] == raw("b")


def test_known_pools_are_distinct_and_found_by_name() -> None:
    pools = known_pools()
    assert len({pool.address for pool in pools}) == len(pools) == 19
    assert pool_named("ETH", "100").units == 10**20
    assert pool_named("wbtc", "0.1").units == 10**7
    with pytest.raises(UsageError, match="is known"):
        pool_named("eth", "3")
    with pytest.raises(UsageError, match="denomination of nothing"):
        Pool("nothing", "0x", "native", "ETH", 18, 0)


@pytest.mark.parametrize(
    ("came", "went", "problem"),
    [
        ([In(5)], [Out(3)], "withdrawn before any note"),
        ([In(1)], [Out(3), Out(4)], "withdrawn before any note"),
        ([In(5), In(3)], [], "lower leaf index"),
        ([In(1), In(2)], [Out(3, fee=NOTE + 1)], "is more than a note"),
        ([In(1, time=50), In(2, time=40)], [], "times fall"),
        ([In(1, time=50)], [Out(1, time=51)], "one block has two times"),
    ],
)
def test_these_events_are_no_history(came: list[In], went: list[Out], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        history(came, went)
