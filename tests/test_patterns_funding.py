"""Gas funding: first coins, what stops a chain, what is no first coin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind
from dyepack.patterns.funding import Funding, first_coin, gas_funding
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash


def place(ledger: Ledger, name: str) -> int:
    found = ledger.find_address(address(name))
    assert found is not None
    return found


CHAIN = [Move(10, "hot", "a", 900), Move(20, "a", "b", 500), Move(30, "b", "c", 200), Move(40, "c", "z", 50)]


def test_a_chain_of_first_coins_in_every_field() -> None:
    ledger = ledger_of(CHAIN)
    [found] = gas_funding(ledger, [place(ledger, "c")], tags={place(ledger, "hot"): "Exchange"}, least=1)
    assert found.places == tuple(address(name) for name in ("hot", "a", "b", "c"))
    assert found.txs == tuple(tx_hash(n) for n in (10, 20, 30))
    assert found.statistic == {"steps": 3, "units": "200", "payees of the first": 1, "places of the same payer": 1}
    assert (found.pattern, found.rule.evidence, found.grade) == ("gas funding", "E6", 30)
    assert "over 3 first coins back it comes from" in found.words
    assert "(Exchange): a lead" in found.words


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([Move(1, "x", "a", 5), *CHAIN], "x"),
        ([Move(1, "a", "x", 5), *CHAIN], ""),  # it had coin before that the ledger does not show
        ([Move(1, "a", "", 5, kind=MoveKind.FEE), *CHAIN], ""),
        ([Move(1, "", "a", 5, kind=MoveKind.ISSUE), *CHAIN], ""),
        ([Move(1, "x", "a", 5, "tok", MoveKind.TOKEN), *CHAIN], "hot"),  # a token is no coin
        ([Move(1, "a", "x", 5, "tok", MoveKind.TOKEN), *CHAIN], "hot"),
    ],
)
def test_what_is_a_first_coin(moves: list[Move], expected: str) -> None:
    ledger = ledger_of(moves)
    coin = first_coin(ledger, place(ledger, "a"), least=1)
    assert (ledger.address_text(coin.payer) if coin else "") == (address(expected) if expected else "")


def test_dust_is_no_gas_until_it_adds_up() -> None:
    moves = [Move(1, "spam", "a", 40), Move(2, "spam2", "a", 59), Move(3, "real", "a", 1), Move(4, "late", "a", 10**6)]
    ledger = ledger_of(moves)
    coin = first_coin(ledger, place(ledger, "a"), least=100)
    assert coin == Funding(place(ledger, "a"), place(ledger, "real"), 2, 1, sure=True)


def chain_names(ledger: Ledger, *, steps: int = 5, hub: int = 100) -> list[str]:
    [found] = gas_funding(ledger, [place(ledger, "c")], least=1, steps=steps, hub=hub)
    return [bytes.fromhex(text[2:]).rstrip(b"\0").decode() for text in reversed(found.places[:-1])]


def test_what_stops_a_chain() -> None:
    ledger = ledger_of(CHAIN)
    assert chain_names(ledger) == ["b", "a", "hot"]
    assert chain_names(ledger, steps=2) == ["b", "a"]
    [tagged] = gas_funding(ledger, [place(ledger, "c")], tags={place(ledger, "b"): "Desk"}, least=1)
    assert tagged.places == (address("b"), address("c"))
    busy = ledger_of([*CHAIN, *(Move(100 + n, "a", f"p{n}", 1) for n in range(9))])
    assert chain_names(busy, hub=10) == ["b", "a", "hot"]
    assert chain_names(busy, hub=9) == ["b", "a"]  # a paid ten addresses: b is told, and it ends at a
    circle = ledger_of(
        [Move(5, "c", "z", 1, "tok", MoveKind.TOKEN), Move(6, "c", "hot", 1, "tok", MoveKind.TOKEN), *CHAIN]
    )
    assert chain_names(circle) == ["b", "a", "hot"]


def test_places_that_one_payer_set_up() -> None:
    moves = [Move(1, "boss", "a", 9), Move(2, "boss", "b", 9), Move(3, "hot", "c", 9), Move(4, "one", "d", 9)]
    ledger = ledger_of(moves)
    ids = [place(ledger, name) for name in "abcd"]
    found = gas_funding(ledger, ids, least=1)
    assert [(f.places[-1], f.statistic["places of the same payer"]) for f in found] == [
        (address("a"), 2), (address("b"), 2), (address("c"), 1), (address("d"), 1)]  # fmt: skip


@st.composite
def traffic(draw: st.DrawFn) -> list[Move]:
    moves = []
    for n in range(draw(st.integers(1, 20))):
        payer, payee = draw(st.permutations(list("abcdef")))[:2]
        moves.append(Move(1 + n, payer, payee, draw(st.integers(1, 9))))
    return moves


@settings(max_examples=examples(300), deadline=None)
@given(traffic(), st.integers(1, 12))
def test_a_first_coin_comes_before_all_that_an_address_pays(moves: list[Move], least: int) -> None:
    ledger = ledger_of(moves)
    for name in "abcdef":
        number = ledger.find_address(address(name))
        if number is None:
            continue
        first_out = min((m.tx for m in moves if m.sender == name), default=10**9)
        total, expected = 0, None
        for m in moves:
            total += m.units if m.receiver == name else 0
            if m.receiver == name and total >= least:
                expected = m.tx if m.tx < first_out else None
                break
        coin = first_coin(ledger, number, least=least)
        assert (coin and moves[coin.move].tx) == expected
        for chain in gas_funding(ledger, [number], least=least, steps=99):
            at = [next(m.tx for m in moves if tx_hash(m.tx) == tx) for tx in chain.txs]
            assert at == sorted(set(at))
            assert len(set(chain.places)) == len(chain.places) == len(at) + 1
