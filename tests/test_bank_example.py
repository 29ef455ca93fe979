"""The worked example of examples/bank: three formats, four banks, two currencies, against a calculation by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from dyepack.case.run import trace
from dyepack.cli.import_bank import bank
from dyepack.ledger.reader import Ledger
from dyepack.sources.bank.importer import import_bank
from dyepack.sources.store import store
from dyepack.tags.load import load
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import RULES
from dyepack.tracing.statement import Statement
from dyepack.tracing.theft import read_theft
from tests.bank_books import EXAMPLE, EXAMPLE_FILES, prove

VICTIM = "HCB-0210-830"
CONSERVING = [name for name, rule in RULES.items() if rule.conserves]

FIFO = {
    # R1: 1,700 clean, 6,000,000 dyed; 6,000,900 go: 1,700 clean and 5,999,200 dyed.
    ("10010001", "USD"): 800,
    # R2, R3: 500 clean each, then 30 and 20 million dyed, of which as much goes: 500 clean first.
    ("10010002", "USD"): 500,
    ("10010003", "USD"): 500,
    # R4: 500 clean, 24,999,975 dyed, 10,000 clean; 25,000,000 go: 500 clean, 24,999,500 dyed.
    ("10010004", "USD"): 475,
    (f"[bank charges of {VICTIM}]", "USD"): 25,
    (VICTIM, "USD"): 20_000_000,
    # Pool: 100,000 clean, then 1,700 c 5,999,200 d, 500 c 29,999,500 d, 500 c 19,999,500 d, 500 c 24,999,500 d;
    # 50 and 31 million go, from the front: 100,900 dyed stay.
    ("10010009", "USD"): 100_900,
    # Remittance: 250,000 clean, then the 81 million; 60 million are sold: 353,200 clean, 59,646,800 dyed.
    ("REMIT-USD-1", "USD"): 21_250_000,
    # PHP at 47.5: 5,000,000 clean (1,000,000 paid as wages), 16,705,750 c, 284,962,000 d, 23,750 c, 1,424,976,250 d,
    # 23,750 c, 949,976,250 d, 23,750 c, 173,308,500 d; then 1,365, 900 and 400 million go, from the front.
    ("CASINO-0001", "PHP"): 284_962_000 + 1_059_308_500,
    ("CASINO-0002", "PHP"): 365_667_750 + 534_308_500,
    ("W. Xu (courier)", "PHP"): 400_000_000,
    ("REMIT-PHP-1", "PHP"): 15_667_750 + 173_308_500,
}
LIBR = {
    ("10010001", "USD"): 800,
    ("10010002", "USD"): 500,
    ("10010003", "USD"): 500,
    # R4: its 10,500 clean go first: 24,989,500 dyed go.
    ("10010004", "USD"): 10_475,
    (f"[bank charges of {VICTIM}]", "USD"): 25,
    (VICTIM, "USD"): 20_000_000,
    # Pool: 113,200 clean go with the first 50 million.
    ("10010009", "USD"): 100_900,
    # Remittance: 363,200 clean are sold first: 59,636,800 dyed dollars are sold, 2,832,748,000 pesos dyed.
    ("REMIT-USD-1", "USD"): 21_250_000,
    # 5,000,000 + 17,252,000 - 1,000,000 clean pesos go to the first casino first.
    ("CASINO-0001", "PHP"): 1_365_000_000 - 21_252_000,
    ("CASINO-0002", "PHP"): 900_000_000,
    ("W. Xu (courier)", "PHP"): 400_000_000,
    ("REMIT-PHP-1", "PHP"): 2_832_748_000 - (1_365_000_000 - 21_252_000) - 1_300_000_000,
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    found = import_bank(EXAMPLE_FILES)
    prove(found)
    path = tmp_path_factory.mktemp("example") / "books"
    store(found.result, path, chain="books", files=EXAMPLE_FILES, native=found.native, covers=found.covers)
    return Ledger.open(path)


def traced(ledger: Ledger, rule: str) -> Statement:
    made = trace(ledger, [read_theft(EXAMPLE / "theft.toml")], load(EXAMPLE / "tags.csv"), Parameters(rule=rule))
    made.statement.check()
    return made.statement


@pytest.mark.parametrize(("rule", "expected"), [("fifo", FIFO), ("clean-first", LIBR)])
def test_a_calculation_by_hand(ledger: Ledger, rule: str, expected: dict[tuple[str, str], int]) -> None:
    terminals = traced(ledger, rule).terminals
    found = {(t.place, t.asset): t.amount(rule) for t in terminals if t.amount(rule)}
    assert found == {key: units * 100 for key, units in expected.items()}
    stops = {t.place: t.stop for t in terminals if t.amount(rule)}
    assert (stops[VICTIM], stops["CASINO-0001"], stops["W. Xu (courier)"]) == ("returned", "service", "gap")
    assert (stops["REMIT-PHP-1"], stops["10010009"]) == ("held", "held")


@pytest.mark.parametrize("rule", CONSERVING)
def test_it_balances_under_every_rule(ledger: Ledger, rule: str) -> None:
    statement = traced(ledger, rule)
    assert statement.total("USD") == 101_000_000_00
    usd = sum(t.amount(rule) for t in statement.terminals if t.asset == "USD")
    sold = sum(b.swapped_out for b in statement.balances if b.rule == rule and b.asset == "USD")
    assert usd + sold == 101_000_000_00


def test_the_command_makes_the_same_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str], ledger: Ledger) -> None:
    app = typer.Typer()
    app.command()(bank)
    files = [str(file) for file in reversed(EXAMPLE_FILES)]
    listing = tmp_path / "matches.csv"
    words = [*files, "--ledger", str(tmp_path / "b"), "--matches", str(listing)]
    app(words, standalone_mode=False)
    assert "32" in capsys.readouterr().out
    assert len(listing.read_text().splitlines()) == 1 + 11
    app([*words, "--json", "--replace"], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    assert [m["evidence"] for m in printed["matches"]].count("E1") == 10
    hashes = {c.name: c.sha256 for c in Ledger.open(tmp_path / "b").manifest.columns}
    expected = {c.name: c.sha256 for c in ledger.manifest.columns}
    assert hashes == expected
