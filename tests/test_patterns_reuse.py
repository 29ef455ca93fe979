"""Deposit-address reuse: worked kappa, pruning, each edge beside a plain join, undoing, components beside networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind
from dyepack.patterns.reuse import Reuse, deposit_reuse
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash

ALPHA, TAU = 100, 40
TOKEN = MoveKind.TOKEN


def place(ledger: Ledger, name: str) -> int:
    found = ledger.find_address(address(name))
    assert found is not None
    return found


def reuse(moves: list[Move], *hot: str, services: tuple[str, ...] = (), without: tuple[int, ...] = ()) -> Reuse:
    ledger = ledger_of(sorted(moves, key=lambda m: m.tx))
    ids = [
        [a for name in names if (a := ledger.find_address(address(name))) is not None]
        for names in (hot or ("x",), services)
    ]
    return deposit_reuse(ledger, ids[0], services=ids[1], alpha=ALPHA, tau=TAU, without=[tx_hash(n) for n in without])


def names(found: Reuse, ids: tuple[int, ...]) -> str:
    return "".join(bytes.fromhex(found.ledger.address_text(a)[2:]).rstrip(b"\0").decode() for a in ids)


def pairs(found: Reuse) -> list[str]:
    return [names(found, (e.user, e.deposit)) for e in found.edges]


TWO = [Move(10, "u", "d", 1000), Move(20, "d", "x", 950), Move(30, "v", "d", 700), Move(31, "d", "x", 700)]


def test_two_users_of_one_deposit_address_in_every_field() -> None:
    found = reuse(TWO)
    one, two = found.edges
    assert (one.receipt_tx, one.forward_tx, one.received, one.forwarded) == (tx_hash(10), tx_hash(20), 1000, 950)
    assert (one.blocks, one.kappa) == (10, 1 - 50 / 100 / 2 - 10 / 40 / 2)
    assert (two.kappa, two.hot) == (1 - 1 / 40 / 2, place(found.ledger, "x"))
    assert [names(found, c) for c in found.clusters] == ["duv"]
    [told] = found.findings()
    assert told.places == (address("u"), address("v"), address("d"))
    assert told.txs == tuple(tx_hash(n) for n in (10, 20, 30, 31))
    assert told.statistic == {"users": 2, "deposit addresses": 1, "least kappa": 0.625}
    assert (told.grade, told.rule.evidence) == (31, "E6")


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([Move(10, "u", "d", 1000), Move(50, "d", "x", 900)], ["ud"]),  # both at their limits: kappa 0
        ([Move(10, "u", "d", 1000), Move(51, "d", "x", 900)], []),
        ([Move(10, "u", "d", 1000), Move(50, "d", "x", 899)], []),
        ([Move(10, "u", "d", 1000), Move(50, "d", "x", 1001)], []),
        ([Move(10, "u", "d", 1000), Move(9, "d", "x", 1000)], []),
        ([Move(10, "u", "d", 1000), Move(12, "v", "d", 1000), Move(13, "d", "x", 1000)], ["vd"]),  # the closest
        ([Move(10, "u", "d", 1000), Move(12, "v", "d", 7), Move(13, "d", "x", 1000)], ["ud"]),
        ([Move(10, "u", "d", 9, "tok", TOKEN), Move(13, "d", "x", 9, "tok", TOKEN)], ["ud"]),
        ([Move(10, "u", "d", 9, "tok", TOKEN), Move(13, "d", "x", 8, "tok", TOKEN)], []),  # tokens must be equal
        ([Move(10, "u", "d", 9, "tok", TOKEN), Move(13, "d", "x", 9)], []),
        ([Move(10, "y", "d", 1000), Move(13, "d", "x", 1000), Move(14, "y", "x", 1)], ["yd"]),
        (
            [Move(10, "u", "d", 1000), Move(13, "d", "e", 1000), Move(14, "e", "x", 1000)],
            ["de"],
        ),  # d pays x by way of e
    ],
)
def test_the_limits_of_an_edge(moves: list[Move], expected: list[str]) -> None:
    assert pairs(reuse(moves)) == expected


def test_pruning() -> None:
    """A hot wallet pays nobody in; a deposit address that is somebody's user is none."""
    hot_user = [Move(10, "h", "d", 1000), Move(13, "d", "x", 1000)]
    assert pairs(reuse(hot_user, "x", "h")) == []
    assert pairs(reuse(hot_user, services=("h",))) == []
    assert pairs(reuse(hot_user, services=("d",))) == []
    both = [*TWO, Move(40, "d", "e", 500), Move(41, "e", "x", 500)]  # d is a user of e, so it is no deposit address
    assert pairs(reuse(both)) == ["de"]


def test_merges_explain_themselves_and_can_be_undone() -> None:
    chain = [*TWO, Move(40, "v", "e", 300), Move(41, "e", "x", 300), Move(50, "w", "e", 200), Move(52, "e", "x", 200)]
    found = reuse(chain)
    assert [names(found, c) for c in found.clusters] == ["deuvw"]
    way = found.explain(place(found.ledger, "u"), place(found.ledger, "w"))
    assert [names(found, (e.user, e.deposit)) for e in way] == ["ud", "vd", "ve", "we"]
    assert found.explain(place(found.ledger, "u"), place(found.ledger, "x")) == []
    undone = found.without([tx_hash(40)])
    assert [names(undone, c) for c in undone.clusters] == ["duv", "ew"]
    assert undone.explain(place(found.ledger, "u"), place(found.ledger, "w")) == []
    assert [names(undone, c) for c in undone.without([tx_hash(31)]).clusters] == ["du", "ew"]


@st.composite
def traffic(draw: st.DrawFn) -> list[Move]:
    at, moves = 0, []
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([1, 3, 30]))
        payer, payee = draw(st.permutations(list("uvwdefxy")))[:2]
        asset = draw(st.sampled_from(["native", "tok"]))
        units = draw(st.sampled_from([500, 450, 400, 399, 60]))
        moves.append(Move(at, payer, payee, units, asset, TOKEN if asset == "tok" else MoveKind.VALUE))
    return moves


def plainly(moves: list[Move]) -> list[tuple[int, int]]:
    """(receipt, forward) by joining every pair of moves, as Victor (2020) says it."""
    hot = {"x", "y"}
    pairs = []
    for f in moves:
        if f.receiver in hot and f.sender not in hot:
            fitting = [r for r in moves if r.receiver == f.sender and r.asset == f.asset and r.tx < f.tx
                       and f.tx - r.tx <= TAU and 0 <= r.units - f.units <= ALPHA * (f.asset == "native")]  # fmt: skip
            if fitting and max(fitting, key=lambda r: r.tx).sender not in hot:
                pairs.append((max(fitting, key=lambda r: r.tx), f))
    users = {r.sender for r, _ in pairs}
    return sorted(((r.tx, f.tx) for r, f in pairs if f.sender not in users), key=lambda pair: pair[1])


@pytest.mark.slow
@settings(max_examples=examples(400), deadline=None)
@given(traffic(), st.sets(st.integers(0, 24), max_size=3))
def test_edges_are_what_a_plain_join_finds_and_undoing_is_never_having_seen(moves: list[Move], out: set[int]) -> None:
    found = reuse(moves, "x", "y")
    assert [(e.receipt_tx, e.forward_tx) for e in found.edges] == [(tx_hash(r), tx_hash(f)) for r, f in plainly(moves)]
    assert all(-1e-9 <= e.kappa <= 1 for e in found.edges)
    gone = [m.tx for n, m in enumerate(moves) if n in out]
    left = [m for m in moves if m.tx not in gone]
    undone = found.without(tx_hash(n) for n in gone)
    assert [(e.receipt_tx, e.forward_tx) for e in undone.edges] == [(tx_hash(r), tx_hash(f)) for r, f in plainly(left)]
    graph = nx.Graph((e.user, e.deposit) for e in found.edges)
    assert sorted(tuple(sorted(c)) for c in nx.connected_components(graph)) == list(found.clusters)
    assert len(found.merges) == len(graph) - len(found.clusters)
