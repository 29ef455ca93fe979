"""The generated pools: what is true of them, how they resemble the real one, and what the rules make of them."""

from __future__ import annotations

import numpy as np
import pytest

from dyepack.patterns.pools.anonymity import anonymity, surely_gone, unspent
from dyepack.patterns.pools.portfolio import multi_denomination
from dyepack.patterns.pools.rules import address_match, gas_price, linked_address, own_gas
from dyepack.patterns.pools.structured import links_of, structured_deposits
from dyepack.patterns.pools.view import Link, View, events, view
from dyepack.synthetic.pool import ADDRESS, GAS, LINKED, PoolRun, decoy, generated

NOTES = 6_000


@pytest.fixture(scope="module")
def run() -> PoolRun:
    return generated(3, NOTES)


@pytest.fixture(scope="module")
def blind() -> PoolRun:
    return decoy(3, NOTES)


@pytest.fixture(scope="module")
def seen(run: PoolRun) -> View:
    return view(run.histories)


def pairs(run: PoolRun, links: list[Link]) -> tuple[int, int, set[tuple[int, int]]]:
    """Right and wrong pairs of a withdrawal and a depositor, and the withdrawals of the right ones."""
    right, wrong, found = 0, 0, set()
    for link in links:
        deposits = dict(link.deposits)
        for pool, row in events(link.withdrawals):
            if pool in deposits and int(run.spent[pool][row]) in set(deposits[pool].tolist()):
                right += 1
                found.add((pool, row))
            else:
                wrong += 1
    return right, wrong, found


def of_kind(run: PoolRun, kind: int) -> set[tuple[int, int]]:
    return {(pool, int(row)) for pool, kinds in enumerate(run.kind) for row in np.flatnonzero(kinds == kind)}


def test_every_withdrawal_spends_another_note_that_was_there(run: PoolRun) -> None:
    for history, spent in zip(run.histories, run.spent, strict=True):
        assert len(set(spent.tolist())) == len(spent) == len(history.withdrawals)
        assert (history.deposits.block[spent] < history.withdrawals.block).all()
        assert history.whole


def test_no_more_notes_are_surely_gone_than_were_taken_out(run: PoolRun) -> None:
    rng = np.random.default_rng(1)
    bounds = []
    for history, spent in zip(run.histories, run.spent, strict=True):
        for share in (0.1, 0.5, 0.95, 1.0):
            rows = np.flatnonzero(rng.random(len(history.deposits)) < share)
            bounds.append((surely_gone(history, rows), int(np.isin(rows, spent).sum())))
    assert all(least <= true for least, true in bounds)
    assert sum(least > 0.5 * true for least, true in bounds) >= 4


def test_equal_seeds_give_equal_events_and_others_give_others() -> None:
    one, two, other = generated(5, 300), generated(5, 300), generated(6, 300)
    for a, b in zip(one.histories, two.histories, strict=True):
        assert a.deposits.block.tolist() == b.deposits.block.tolist()
        assert a.withdrawals.to.tolist() == b.withdrawals.to.tolist()
    assert one.dealings == two.dealings
    assert one.histories[3].deposits.block.tolist() != other.histories[3].deposits.block.tolist()


@pytest.mark.slow
def test_a_pool_of_the_real_size_resembles_the_real_one() -> None:
    history = generated(1).histories[3]
    sets = anonymity(history)
    # Real: 27,544 deposits, sets of 1,373 on average and 2,068 at most, 1,936 unspent, 26 % without a relayer.
    assert abs(len(history.deposits) - 27_544) < 100
    assert abs(float(sets.most.mean()) / 1_373 - 1) < 0.2
    assert abs(float(sets.most.max()) / 2_068 - 1) < 0.2
    assert 900 < unspent(history) < 2_500
    assert 0.2 < float(history.withdrawals.own_gas.mean()) < 0.4


def test_the_decoy_has_the_same_deposits_and_no_link(run: PoolRun, blind: PoolRun) -> None:
    for real, fake, spent in zip(run.histories, blind.histories, blind.spent, strict=True):
        assert real.deposits.sender.tolist() == fake.deposits.sender.tolist()
        assert abs(len(real.withdrawals) / len(fake.withdrawals) - 1) < 0.15
        assert (spent == -1).all()
        assert (anonymity(fake).most >= 1).all()


def test_address_match_finds_all_who_take_out_to_their_own_address(run: PoolRun, seen: View, blind: PoolRun) -> None:
    right, wrong, found = pairs(run, address_match(seen))
    assert found >= of_kind(run, ADDRESS)
    assert wrong <= 0.03 * right
    assert len(address_match(view(blind.histories))) <= 0.03 * right


def test_a_typed_gas_price_is_never_wrong_but_round_ones_are_as_often_as_in_the_decoy(
    run: PoolRun, seen: View, blind: PoolRun
) -> None:
    right, wrong, found = pairs(run, gas_price(seen))
    assert right > 0.2 * len(of_kind(run, GAS))
    assert found <= of_kind(run, GAS)
    assert wrong == 0
    _, loose, _ = pairs(run, gas_price(seen, whole=1))
    chance = len(gas_price(view(blind.histories), whole=1))
    assert loose > 20
    assert 0.5 < chance / loose < 2


def test_linked_addresses_are_found_from_three_dealings_on(run: PoolRun, seen: View, blind: PoolRun) -> None:
    # In small pools an exchange has fewer partners than the default takes for a hub.
    links = linked_address(seen, run.dealings, most_others=2)
    right, wrong, found = pairs(run, links)
    kind = of_kind(run, LINKED)
    assert len(found & kind) > 0.8 * len(kind)
    assert wrong <= 0.06 * right
    few = linked_address(seen, run.dealings, least=1)
    assert pairs(run, few)[2] >= kind
    loose = pairs(run, linked_address(seen, run.dealings, most_others=10**6))[1]
    chance = len(linked_address(view(blind.histories), blind.dealings, most_others=10**6))
    assert loose > 5 * wrong
    assert 0.4 < chance / loose < 2.5


def test_portfolios_are_right_mostly_where_nobody_else_fits(run: PoolRun, seen: View) -> None:
    links = multi_denomination(seen)
    right, wrong, _ = pairs(run, links)
    alone = pairs(run, [link for link in links if not link.others])
    assert right
    assert wrong > 0.5 * right
    assert alone[1] <= 0.1 * alone[0]


def test_a_cut_up_lot_is_linked_mostly_rightly_where_nothing_else_fits(run: PoolRun, seen: View) -> None:
    found = structured_deposits(seen, run.receipts, recipients=run.groups)
    assert {seen.address(one.deposits.who) for one in found} <= {receipt.address for receipt in run.receipts}
    links = links_of(seen, found)
    alone = pairs(run, [link for link in links if not link.others])
    assert alone[0] > alone[1]
    assert all(link.confidence <= 40 for link in links)


def test_marks_are_the_withdrawals_without_a_relayer(run: PoolRun, seen: View) -> None:
    marks = own_gas(seen)
    assert len(marks) == sum(int(history.withdrawals.own_gas.sum()) for history in run.histories)
