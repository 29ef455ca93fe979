"""Over a bridge: what one case let go is what the next begins with, to the last unit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.case.crossing import cross, file_names, thefts_beyond
from dyepack.case.run import Trace, trace
from dyepack.errors import TheftError
from dyepack.patterns.bridges.model import BridgeDeposit, BridgeLink, Links, Payout, Tier
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash


def theft(*moves: str) -> str:
    return "id = 't'\ntitle = 'A theft'\nchain = 'test'\n[[leg]]\nasset = 'native'\n" + "".join(moves)


def leg_move(tx: int, extra: str = "") -> str:
    return f"[[leg.move]]\ntx = '{tx_hash(tx)}'\n{extra}"


def follow(moves: list[Move], text: str) -> Trace:
    tags = TagSet()
    tags.add([Tag(address("bridge"), "A bridge", TagKind.BRIDGE, 60, "E3", "list", "0" * 64)])
    return trace(ledger_of(moves), [parse_theft(text.encode(), "t.toml")], tags, Parameters())


def link(tx: int, amount: int, paid: int, tier: Tier = Tier.PROTOCOL, move: str = "", to: int = 50) -> BridgeLink:
    grade = {Tier.PROTOCOL: ("E1", 95), Tier.CONFIRMED: ("E2", 80), Tier.INFERRED: ("E6", 30)}[tier]
    return BridgeLink(
        BridgeDeposit("A bridge", "test", tx_hash(tx), address("thief"), address("far"), "native", amount, "test",
                      move=move),
        Payout("A bridge", "test", tx_hash(to), address("far"), "native", paid),
        tier, grade[0], "message id", grade[1],
    )  # fmt: skip


HERE = [Move(1, "", "victim", 600), Move(2, "victim", "thief", 600), Move(3, "", "thief", 400),
        Move(4, "thief", "bridge", 900)]  # fmt: skip
"""600 stolen, 400 clean behind them; under fifo the 900 that leave are 600 dyed and 300 clean."""
THERE = [Move(40, "", "pool", 5000), Move(50, "pool", "far", 891), Move(51, "far", "next", 500)]


def test_the_dyed_part_of_a_deposit_dyes_that_part_of_its_payout() -> None:
    first = follow(HERE, theft(leg_move(2)))
    crossing = cross(first.statement, first.moves, Links.sorted([link(4, 900, 891)]))
    (hop,) = crossing.hops
    assert (hop.dyed, hop.carried) == (600, 600 * 891 // 900)
    (text,) = thefts_beyond(first.statement, crossing, "links of x").values()
    second = follow(THERE, text)
    assert second.statement.total("native") == 594
    assert "t-on-test" in second.statement.theft
    ends = {t.place: t.amount("fifo") for t in second.statement.terminals if t.amount("fifo")}
    assert ends == {address("next"): 500, address("far"): 94}


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ([], "no link"),
        ([link(4, 900, 891, Tier.INFERRED)], "only leads"),
        ([link(4, 899, 891)], "no link"),
        ([link(4, 900, 891, move="token 3")], "no link"),
        ([link(4, 900, 891), link(4, 900, 880)], "several links fit"),
        ([link(9, 900, 891)], "no link"),
    ],
)
def test_what_has_no_sure_link_stays_in_the_bridge(links: list[BridgeLink], reason: str) -> None:
    first = follow(HERE, theft(leg_move(2)))
    crossing = cross(first.statement, first.moves, Links.sorted(links))
    assert not crossing.hops
    assert [(u.units, u.bridge, u.reason) for u in crossing.unlinked] == [(600, "A bridge", reason)]
    assert thefts_beyond(first.statement, crossing, "") == {}


def test_a_link_that_names_its_move_is_taken_and_so_is_one_that_the_service_confirmed() -> None:
    first = follow(HERE, theft(leg_move(2)))
    for found in (link(4, 900, 891, move="value 0"), link(4, 900, 891, Tier.CONFIRMED)):
        assert len(cross(first.statement, first.moves, Links.sorted([found])).hops) == 1


def test_a_deposit_that_is_paid_out_in_parts_dyes_the_same_part_of_each() -> None:
    first = follow(HERE, theft(leg_move(2)))
    one, two = link(4, 900, 600, to=50), link(4, 900, 291, to=51)
    deposit = replace(one.deposit, bridge="thorchain")
    links = [replace(part, deposit=deposit) for part in (one, two)]
    crossing = cross(first.statement, first.moves, Links.sorted(links))
    assert [(h.dyed, h.carried) for h in crossing.hops] == [(404, 400), (196, 194)]
    assert not crossing.unlinked


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=6))
def test_nothing_is_lost_or_made_on_the_way(hops: list[tuple[int, int, bool]]) -> None:
    """Whatever is deposited, paid out and linked: dyed = carried on + without a link, and both books balance."""
    total = sum(amount for amount, _, _ in hops)
    moves = [Move(1, "", "victim", total), Move(2, "victim", "thief", total // 2 or 1), Move(3, "", "thief", total)]
    moves += [Move(4 + n, "thief", "bridge", amount) for n, (amount, _, _) in enumerate(hops)]
    first = follow(moves, theft(leg_move(2)))
    links = [link(4 + n, amount, paid, to=50 + n) for n, (amount, paid, known) in enumerate(hops) if known]
    crossing = cross(first.statement, first.moves, Links.sorted(links))
    left = sum(t.amount("fifo") for t in first.statement.terminals if t.stop == "bridge")
    assert sum(h.dyed for h in crossing.hops) + sum(u.units for u in crossing.unlinked) == left
    for hop in crossing.hops:
        assert 0 <= hop.carried <= hop.link.payout.amount
    beyond = [Move(40, "", "pool", 10**8)]
    beyond += [Move(50 + n, "pool", "far", paid) for n, (_, paid, _) in enumerate(hops) if paid]
    for text in thefts_beyond(first.statement, crossing, "").values():
        assert follow(beyond, text).statement.total("native") == sum(h.carried for h in crossing.hops)


def test_a_part_of_a_move_is_dyed_first_units_first() -> None:
    found = follow(HERE, theft(leg_move(4, "units = '250'\n")))
    assert found.statement.total("native") == 250
    assert [(m.units, m.stop) for m in found.moves] == [(250, "bridge")]


def test_more_than_a_move_carries_cannot_be_stolen_of_it() -> None:
    with pytest.raises(TheftError, match="1 base units less"):
        follow(HERE, theft(leg_move(4, "units = '901'\n")))


def test_outside_text_in_links_stays_text() -> None:
    first = follow(HERE, theft(leg_move(2)))
    made = link(4, 900, 891)
    hostile = BridgeLink(made.deposit, made.payout, made.tier, made.evidence, 'x"\n[[leg]]\nasset = "evil"', 95)
    crossing = cross(first.statement, first.moves, Links.sorted([hostile]))
    (text,) = thefts_beyond(first.statement, crossing, 'a"b\n[[leg]]').values()
    assert len(parse_theft(text.encode(), "t.toml").legs) == 1


def test_two_payouts_are_two_files_whatever_their_chains_are_called() -> None:
    names = file_names(["a/b", "a_b", "A_B", "a-b", "../x", "z" * 4000, "鎖" * 300])
    assert names[:5] == ["a_b.toml", "a_b-2.toml", "A_B-3.toml", "a-b.toml", ".._x.toml"]
    assert len({name.lower() for name in names}) == len(names)
    assert all(len(name.encode()) < 240 for name in names)


def test_a_move_is_not_stolen_twice() -> None:
    part = leg_move(4, "units = '500'\n")
    flow = f"[[leg.outflow]]\naddress = '{address('thief')}'\n"
    for text in (part + part, part + leg_move(4), leg_move(4) + part, flow + part):
        with pytest.raises(TheftError, match="more than once, for more than it moves"):
            follow(HERE, theft(text))
    shared = leg_move(4, "units = '400'\n")
    leg = "[[leg]]\nname = 'second'\nasset = 'native'\n"
    for text in (shared + leg + part, shared + leg + leg_move(4), leg_move(4) + leg + part):
        with pytest.raises(TheftError, match="one of them a part of it"):
            follow(HERE, theft(text))
    assert [m.units for m in follow(HERE, theft(shared + part)).moves] == [900]
    assert [m.units for m in follow(HERE, theft(leg_move(4) + leg_move(4))).moves] == [900]
