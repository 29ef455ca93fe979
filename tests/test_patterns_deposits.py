"""Deposit addresses by behaviour: worked cases, limits, gas, hubs, real ledgers without the labels."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind
from dyepack.patterns.deposits import GAS, HUB_RULE, RULE, SHARE, _mostly_to_one, arrivals, deposit_addresses, sweeps_of
from dyepack.patterns.finding import Finding
from dyepack.sources.store import store
from dyepack.sources.transfers import import_transfers
from tests.effort import examples
from tests.ledgers import Move, address, ledger_of, tx_hash

DATA = Path(__file__).parents[2] / "shared" / "data"
TOKEN = MoveKind.TOKEN


def place(ledger: Ledger, name: str) -> int:
    found = ledger.find_address(address(name))
    assert found is not None
    return found


def served(moves: list[Move], *hot: str, assets: int = 20) -> list[Finding]:
    """What is found with these hot wallets of one service."""
    ledger = ledger_of(sorted(moves, key=lambda m: m.tx))
    return deposit_addresses(ledger, hot={place(ledger, name): "Exchange" for name in hot or ("hot",)},
                             assets=assets)  # fmt: skip


DEPOSIT = [
    Move(10, "u", "d", 700), Move(20, "v", "d", 300), Move(30, "d", "hot", 995), Move(30, "d", "", 2, kind=3),
    Move(40, "u", "d", 500), Move(90, "d", "hot", 503),
]  # fmt: skip
"""Two customers, two sweeps; the first leaves three units for gas."""


def test_sweeps_and_the_deposits_that_they_cover() -> None:
    ledger = ledger_of(DEPOSIT)
    one, two = sweeps_of(ledger, place(ledger, "d"))
    assert (one.deposits, one.deposit_txs, one.tx) == ((0, 1), (tx_hash(10), tx_hash(20)), tx_hash(30))
    assert (one.units, one.left, one.delay, one.hot) == (995, 3, 20, place(ledger, "hot"))
    assert (two.deposits, two.units, two.left, two.delay) == ((4,), 503, 0, 50)
    assert [s and s.tx for _, s in arrivals(ledger, place(ledger, "d"), [1, 4, 99])] == [tx_hash(30), tx_hash(90), None]


def test_a_deposit_address_in_every_field() -> None:
    [found] = served(DEPOSIT)
    assert found.places == (address("d"), address("hot"))
    assert found.txs == tuple(tx_hash(n) for n in (10, 20, 30, 40, 90))
    assert found.statistic == {
        "share": 100, "sweeps": 2, "deposits": 3, "gas top-ups": 0, "longest delay (s)": 50, "assets": 1,
    }  # fmt: skip
    assert (found.grade, found.rule.evidence, found.pattern) == (RULE.confidence, "E5", "exchange deposit address")
    assert (found.first, found.last) == ("1970-01-01T00:00:10Z", "1970-01-01T00:01:30Z")
    assert "swept 2 times to Exchange" in found.words


def swept(*units: int, elsewhere: int = 0, start: int = 100) -> list[Move]:
    """Deposits that are each swept whole, and what goes elsewhere in parts."""
    moves = []
    for n, much in enumerate(units):
        moves += [Move(start + 10 * n, "u", "d", much), Move(start + 10 * n + 5, "d", "hot", much)]
    if elsewhere:
        moves += [Move(50, "u", "d", elsewhere), Move(51, "d", "x", elsewhere)]
    return moves


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (swept(500, 500), 1),
        (swept(500), 0),  # one deposit, one sweep
        ([Move(1, "u", "d", 1), Move(2, "u", "d", 1), Move(3, "d", "hot", 2)], 1),  # one sweep of two deposits
        (swept(950, 950, elsewhere=100), 1),
        (swept(950, 949, elsewhere=100), 0),  # under 95 %
        ([*swept(500, 500), Move(400, "hot", "d", 1)], 0),  # the service pays it
        ([Move(1, "u", "d", 1000), *(Move(2 + n, "d", "hot", 100) for n in range(10))], 0),  # in parts, as launderers
        ([Move(1, "u", "d", 1000), Move(2, "u", "d", 9), Move(3, "d", "hot", 998)], 0),  # 11 of 1,009 stay
        ([Move(1, "u", "d", 1000), Move(2, "u", "d", 9), Move(3, "d", "hot", 999)], 1),
        ([Move(2 + n, "d", "hot", 100) for n in range(10)], 0),  # money that the ledger never saw come
    ],
)
def test_the_limits(moves: list[Move], expected: int) -> None:
    assert len(served(moves)) == expected


def test_hot_wallets_of_one_service_count_together_and_those_of_two_do_not() -> None:
    moves = [*swept(500), Move(300, "u", "d", 70), Move(301, "d", "hot2", 70)]
    assert served(moves, "hot", "hot2")[0].places == (address("d"), address("hot"), address("hot2"))
    ledger = ledger_of(moves)
    two = {place(ledger, "hot"): "One", place(ledger, "hot2"): "Two"}
    assert deposit_addresses(ledger, hot=two) == []
    assert deposit_addresses(ledger, [place(ledger, "u")], hot=two) == []


def test_confidence_is_the_share() -> None:
    [found] = served(swept(960, 960, elsewhere=80))
    assert found.statistic["share"] == 96
    assert found.grade == RULE.confidence * 96 // 100


def gas(units: int, payer: str = "hot") -> list[Move]:
    """A token deposit, gas for it, the sweep of the token and its fee."""
    return [
        Move(10, "u", "d", 5000, "tok", TOKEN), Move(20, payer, "d", units), Move(30, "d", "hot", 5000, "tok", TOKEN),
        Move(30, "d", "", 3, kind=MoveKind.FEE, index=9),
    ]  # fmt: skip


def test_the_service_may_pay_the_gas_of_a_sweep_and_nothing_else() -> None:
    [found] = served(gas(10))
    assert (found.statistic["gas top-ups"], found.statistic["deposits"]) == (1, 1)
    assert served(gas(GAS + 1)) == []
    assert served([*gas(10), Move(40, "hot", "d", 5)]) == []  # gas after the last sweep is for nothing
    assert served([*gas(10), Move(40, "hot", "d", 5, "tok", TOKEN)]) == []
    assert served(gas(10, payer="station")) == []  # one deposit, one sweep, and gas from somebody else
    again = [Move(m.tx + 100, m.sender, m.receiver, m.units, m.asset, m.kind, m.index) for m in gas(10, "station")]
    [found] = served([*gas(10, "station"), *again])
    assert found.statistic["gas top-ups"] == 2


def test_a_token_sent_on_its_contracts_word_alone_hides_nothing() -> None:
    forged = Move(60, "d", "x", 10**9, "fake", TOKEN)
    assert len(served([*DEPOSIT, forged])) == 1
    real = [Move(55, "w", "d", 10**9, "fake", TOKEN), forged]
    assert served([*DEPOSIT, *real]) == []
    assert len(served(DEPOSIT, assets=0)) == 0


def test_without_labels_a_place_that_several_sweep_to_is_a_hub() -> None:
    other = [Move(m.tx + 3, m.sender.replace("d", "e"), m.receiver.replace("d", "e"), m.units, kind=m.kind)
             for m in DEPOSIT]  # fmt: skip
    assert deposit_addresses(ledger_of(DEPOSIT)) == []
    found = deposit_addresses(ledger_of(sorted([*DEPOSIT, *other], key=lambda m: m.tx)))
    assert [f.places[0] for f in found] == [address("d"), address("e")]
    assert {(f.rule.id, f.grade, f.rule.evidence) for f in found} == {(HUB_RULE.id, 50, "E6")}
    assert len(deposit_addresses(ledger_of(DEPOSIT), hub=1)) == 1


@st.composite
def traffic(draw: st.DrawFn) -> list[Move]:
    moves = []
    for n in range(draw(st.integers(1, 20))):
        payer, payee = draw(st.permutations(["u", "v", "d", "hot", "x"]))[:2]
        moves.append(Move(1 + n, payer, payee, draw(st.sampled_from([1, 100, 101, 1000]))))
    return moves


@settings(max_examples=examples(400), deadline=None)
@given(traffic())
def test_sweeps_are_what_a_plain_walk_finds(moves: list[Move]) -> None:
    ledger = ledger_of(moves)
    number = ledger.find_address(address("d"))
    if number is None:
        return
    balance, waiting, expected = 0, 0, []
    for m in moves:
        if m.receiver == "d":
            balance, waiting = balance + m.units, waiting + 1
        elif m.sender == "d":
            if waiting and m.units <= balance and 100 * (balance - m.units) <= balance:
                expected.append((tx_hash(m.tx), waiting))
                waiting = 0
            balance = max(balance - m.units, 0)
    assert [(s.tx, len(s.deposits)) for s in sweeps_of(ledger, number)] == expected


@settings(max_examples=examples(300), deadline=None)
@given(traffic())
def test_no_deposit_address_is_passed_over_before_it_is_looked_at(moves: list[Move]) -> None:
    ledger = ledger_of(moves)
    out: dict[str, Counter[str]] = {}
    for m in moves:
        out.setdefault(m.sender, Counter())[m.receiver] += m.units
    looked = _mostly_to_one(ledger, SHARE, None)
    for payer, to in out.items():
        if 100 * max(to.values()) >= SHARE * to.total():
            assert looked[place(ledger, payer)]
        hot = {place(ledger, name): "x" for name in to}
        assert _mostly_to_one(ledger, SHARE, hot)[place(ledger, payer)]


# ---------------------------------------------------------------- real

HARMONY = DATA / "launder-harmony" / "HB.csv"


@pytest.mark.shared
def test_the_labelled_deposit_addresses_of_the_harmony_flows(tmp_path: Path) -> None:
    """Four of the six with a label; two have a single deposit and sweep. The other eight act alike, unlabelled."""
    from dyepack.money import Asset

    usd = Asset("USD", "USD", 2)
    named = {"time": "Timestamp", "block": "Block", "tx": "Tx_hash", "from": "From", "to": "To",
             "amount": "Value_in_USD"}  # fmt: skip
    store(import_transfers(HARMONY, asset=usd, columns=named), tmp_path / "L", chain="x", files=[HARMONY], native=usd,
          covers=None)  # fmt: skip
    ledger = Ledger.open(tmp_path / "L")
    label: dict[str, str] = {}
    with HARMONY.open(newline="") as file:
        for row in csv.DictReader(file):
            label |= {row["From"].lower(): row["From_label"], row["To"].lower(): row["To_label"]}
    hot = {number: name.split()[0].rstrip(":") for text, name in label.items()
           if name.startswith(("HTX", "Binance 14", "OKX")) and "Deposit" not in name
           and (number := ledger.find_address(text)) is not None}  # fmt: skip
    found = deposit_addresses(ledger, hot=hot)
    named_so = [label[f.places[0]] for f in found if "Deposit" in label[f.places[0]]]
    assert sorted(named_so) == [
        "Binance_Deposit_0x67ec", "Huobi_Deposit_0x09c9", "Huobi_Deposit_0x5cad", "OKX_Deposit_0x4d10",
    ]  # fmt: skip
    assert len(found) == 12
    for f in found:
        service = label[f.places[1]].split()[0]
        if "Deposit" in label[f.places[0]]:
            assert label[f.places[0]].replace("Huobi", "HTX").startswith(service)
        assert "as far as the ledger shows" in f.words
    missed = [n for n in label.values() if n in ("Binance_Deposit_0x66b2", "Binance_Deposit_0x674a")]
    assert len(missed) == 2
