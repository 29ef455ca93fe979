"""A trace ends before a CoinJoin, and says among which outputs the money probably is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.case.mixes import stop_at_mixes
from dyepack.case.run import Trace, trace
from dyepack.cli.app import main
from dyepack.ledger.utxo.address import address_text
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns.coinjoin.detect import family_of, mixes
from dyepack.report.page import render
from dyepack.report.terminal import console, statement_lines
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import ALLOCATING, RULES
from dyepack.tracing.statement import Statement
from dyepack.tracing.theft import parse_theft
from dyepack.tracing.utxo.plan import Origin, UtxoPlan
from dyepack.tracing.utxo.replay import replay
from tests.effort import examples
from tests.outputs import Tx, chains, ledger_of, packed, tx_id

SHARED = Path(__file__).parents[2] / "shared" / "data"
POOL = 5_000_000
BLOCK = 600_000
MIX = 7


def name(text: str) -> str:
    return address_text(packed(text), "mainnet")


def chain() -> list[Tx]:
    """Five coins of five owners, one of them stolen (tx 5), one owner's payment of it (6), a Whirlpool mix (7)."""
    txs = [Tx([], [(f"miner {n}", POOL + 400 + n)], BLOCK + n) for n in range(5)]
    txs.append(Tx([(0, 0)], [("thief", POOL + 350)], BLOCK + 5))
    txs.append(Tx([(5, 0)], [("thief 2", POOL + 300)], BLOCK + 6))
    txs.append(Tx([(6, 0), (1, 0), (2, 0), (3, 0), (4, 0)], [(f"mixed {n}", POOL) for n in range(5)], BLOCK + 7))
    txs.append(Tx([(MIX, 2)], [("onward", POOL - 100)], BLOCK + 8))
    # four coins of the mix must be remixes of exactly the pool's value or pay a fee: three of them pay one here
    return txs


def mixed_chain() -> list[Tx]:
    """The same with remixed coins: two new coins that pay the fee, three of exactly the denomination."""
    txs = chain()
    for n in (2, 3, 4):
        txs[n] = Tx([], [(f"miner {n}", POOL)], BLOCK + n)
    return txs


def follow(ledger: UtxoLedger, tags: TagSet | None = None, tx: int = 5, **parameters: object) -> Trace:
    text = f"id = 't'\nchain = 'test'\n[[leg]]\nasset = 'native'\n[[leg.move]]\ntx = '{tx_id(tx).hex()}'\n"
    return trace(ledger, [parse_theft(text.encode(), "t.toml")], tags or TagSet(), Parameters(**parameters))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ledger() -> UtxoLedger:
    return ledger_of(mixed_chain())


def test_the_chain_holds_one_coinjoin(ledger: UtxoLedger) -> None:
    mix = family_of(ledger, MIX)
    assert mix is not None
    assert mix.family == "whirlpool"
    assert mix.anonymity_set == 5
    assert [m.tx for m in mixes(ledger)] == [MIX]


def test_every_rule_stops_before_the_coinjoin(ledger: UtxoLedger) -> None:
    statement = follow(ledger).statement
    statement.check()
    (stopped,) = [t for t in statement.terminals if t.stop == "mixer"]
    assert stopped.place == name("thief 2")
    assert {stopped.amount(rule) for rule in ALLOCATING} == {POOL + 300}
    assert stopped.amount("poison") == POOL + 300
    assert not [t for t in statement.terminals if t.place.startswith("mixed") or t.place == name("onward")]


def test_candidates_are_listed_and_in_no_total(ledger: UtxoLedger) -> None:
    found = follow(ledger)
    (mix,) = found.statement.onward
    assert (mix.kind, mix.family, mix.units, mix.anonymity_set) == ("coinjoin", "whirlpool", POOL + 300, 5)
    assert [c.place for c in mix.candidates] == [name(f"mixed {n}") for n in range(5)]
    assert mix.others == 0
    assert mix.deposits == (tx_id(6).hex(),)
    assert {c.evidence for c in mix.candidates} == {"E6"}
    placed = {t.place for t in found.statement.terminals}
    assert placed.isdisjoint(c.place for c in mix.candidates)
    again = Statement.from_json(found.statement.to_json())
    assert again.onward == found.statement.onward


def test_a_user_can_go_through_and_the_case_says_so(ledger: UtxoLedger) -> None:
    statement = follow(ledger, follow={name("thief 2"): "the operator told us"}).statement
    assert not [t for t in statement.terminals if t.stop == "mixer"]
    assert not statement.onward
    assert statement.parameters["follow"] == {name("thief 2"): "the operator told us"}


def test_what_an_exchange_pays_out_is_no_coinjoin(ledger: UtxoLedger) -> None:
    tags = TagSet()
    tags.add([Tag(name("miner 1"), "Some Exchange", TagKind.EXCHANGE, 60, "E3", "list", "0" * 64)])
    statement = follow(ledger, tags, follow={name("miner 1"): "test"}).statement
    assert not statement.onward


def test_backward_a_coinjoin_ends_it_too(ledger: UtxoLedger) -> None:
    statement = follow(ledger, tx=8, backward=True).statement
    assert {t.stop for t in statement.terminals if t.amount("fifo")} == {"mixer"}


def test_screen_and_page_show_the_candidates_apart(ledger: UtxoLedger) -> None:
    found = follow(ledger)
    screen = console()
    with screen.capture() as capture:
        screen.print(statement_lines(found.statement))
    text = capture.get()
    assert "probable, in no total: " in text
    assert "each hides among 5" in text
    page = render(found.statement, found.flows(), rerun="")
    assert 'id="probable"' in page
    assert page.index('id="probable"') > page.index('id="places"')
    assert name("mixed 4") in page


@settings(max_examples=examples(100), deadline=None)
@given(txs=chains(), data=st.data())
def test_no_dye_goes_into_what_is_said_to_mix(txs: list[Tx], data: st.DataObject) -> None:
    """Whatever transaction is named as a mix, under every rule nothing dyed leaves it but what a theft dyes there."""
    ledger = ledger_of(txs)
    valued = [o for o in range(ledger.outputs) if ledger.output_value[o]]
    if not valued:
        return
    start = data.draw(st.sampled_from(valued))
    mix = data.draw(st.integers(0, ledger.transactions - 1))
    plan = UtxoPlan([Origin(start, 1, int(ledger.output_value[start]))], mixes=frozenset([mix]))
    for rule in RULES:
        rows = replay(ledger, plan, rule).dyed
        came_out = set(rows["output"][rows["tx"] == mix].tolist())
        assert came_out <= {start}


def test_the_search_looks_at_what_poison_reaches_only(ledger: UtxoLedger) -> None:
    plan = UtxoPlan([Origin(int(ledger.tx_output[8]), 1, POOL - 100)])
    assert stop_at_mixes(ledger, plan, TagSet()) == {}
    assert plan.mixes == frozenset()


@pytest.mark.shared
def test_ronin_notes_are_found_in_the_pools_own_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the pool's events every withdrawal after the first dyed note is counted; without them nothing is said."""
    ronin = SHARED / "ronin-2022"
    for words in (
        ["import", "explorer", ronin / "ledger.csv.gz", "--covers", ronin / "addresses.csv", "--ledger",
         tmp_path / "l"],
        ["trace", "--ledger", tmp_path / "l", "--theft", "examples/ronin-2022/theft.toml", "--tags",
         ronin / "addresses.csv", "--out", tmp_path / "c"],
        ["candidates", tmp_path / "c", "--json"],
        ["candidates", tmp_path / "c", "--ledger", tmp_path / "l", "--pool-events", SHARED / "tornado", "--json"],
    ):  # fmt: skip
        before = capsys.readouterr().out
        with pytest.raises(SystemExit):
            main([str(word) for word in words])
    (alone,) = json.loads(before)
    (pool,) = json.loads(capsys.readouterr().out)
    assert (alone["anonymity_set"], alone["others"], alone["candidates"]) == (0, 0, [])
    assert pool["via"] == "0xa160cdab225685da1d56aa342ad8841c3b53f291"
    assert pool["anonymity_set"] == 1936
    assert len(pool["candidates"]) + pool["others"] == 3781
    assert int(pool["units"]) == 175_099_722755446800772291
