"""The labelled flows of the Harmony theft: what the exchanges got, to the cent, and why the rest is not dyed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parents[1]
FILE = ROOT.parent / "shared" / "data" / "launder-harmony" / "HB.csv"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    """The reconciliation as bench/accuracy_harmony.py does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "bench"), *sys.path])
        import accuracy_harmony

        yield accuracy_harmony


def test_the_totals_of_the_exchanges_and_the_difference_move_by_move(bench: ModuleType, tmp_path: Path) -> None:
    accounts = {account.service: account for account in bench.reconcile(*bench.traced(tmp_path))}
    labelled = {name: (a.labelled, a.labelled_rows, a.repeats, a.repeated_rows) for name, a in accounts.items()}
    assert labelled == {
        "HTX": (4_068_538_282, 128, 460_997_832, 14),
        "Binance": (1_409_165_135, 51, 127_499_223, 5),
        "OKX": (300_795_321, 13, 89_998_610, 2),
    }
    assert {name: a.dyed for name, a in accounts.items()} == {
        "HTX": 3_601_432_375, "Binance": 1_269_667_769, "OKX": 210_796_711,
    }  # fmt: skip
    short = (
        "the address paid more than the file shows it to have received",
        "0x8adcd6211e8eba93dbfa3e4f63c8ea50e45dc1f3",
    )
    assert {name: a.reasons for name, a in accounts.items()} == {
        "HTX": {short: 6_108_075}, "Binance": {short: 11_998_143}, "OKX": {},
    }  # fmt: skip
    for a in accounts.values():
        assert a.labelled == a.repeats + a.dyed + sum(a.reasons.values())
        assert sum(sum(clean.values()) for _, _, clean in a.rows) == sum(a.reasons.values())
        assert all(row.units == dyed + sum(clean.values()) for row, dyed, clean in a.rows)
        assert a.by_rule["fifo"] == a.dyed
    assert [len(a.rows) for a in accounts.values()] == [4, 1, 0]
    text = bench.report(list(accounts.values()))
    assert "published $40.69M" in text
    assert text.count("difference                                      0.00") == 3


def test_the_one_address_pays_out_what_the_file_does_not_show_it_to_get(bench: ModuleType) -> None:
    """Read from the file alone, in the order of time: its debts add up to what the two exchanges lack, and a little."""
    place = "0x8adcd6211e8eba93dbfa3e4f63c8ea50e45dc1f3"
    with FILE.open(newline="") as file:
        rows = list(dict.fromkeys(tuple(row.values()) for row in csv.DictReader(file)))
    balance = lacking = Decimal(0)
    for row in sorted(rows, key=lambda row: row[0]):
        if place in (row[3], row[5]):
            balance += Decimal(row[7]) if row[5] == place else -Decimal(row[7])
            if balance < 0:
                lacking, balance = lacking - balance, Decimal(0)
    explained = Decimal(6_108_075 + 11_998_143) / 100
    assert explained <= lacking
    assert lacking - explained < Decimal(25_000)


def test_a_sum_that_does_not_add_up_is_not_printed(bench: ModuleType, tmp_path: Path) -> None:
    ledger, found = bench.traced(tmp_path)
    at = next(n for n, m in enumerate(found.moves) if m.stop == "service" and m.target.startswith("0xcac725"))
    del found.moves[at]
    with pytest.raises(AssertionError, match="replays differ"):
        bench.reconcile(ledger, found)
