"""The labelled hops of ../shared/data/cross-chain: all decoded, against an independent reading; links at full size."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from dyepack.patterns.bridges.model import BridgeDeposit, Payout

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "cross-chain" / "ETH-BNB"


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "bench"), *sys.path])


@pytest.mark.parametrize(("name", "count"), [("Celer", 7296), ("Poly", 5460)])
def test_every_event_is_a_deposit_with_the_fields_of_the_file(name: str, count: int) -> None:
    from bridge_study import read_events, read_labels

    got = read_events(DATA / name / "sample.json")
    assert (len(got.deposits), got.failures) == (count, [])
    raw = json.loads((DATA / name / "sample.json").read_text())
    for deposit, entry in zip(got.deposits, raw, strict=True):
        args = entry["args"]
        assert (deposit.tx, deposit.time, deposit.amount) == (
            entry["txhash"].lower(),
            entry["timestamp"],
            args["amount"],
        )
        assert (deposit.sender, deposit.receiver, deposit.asset, deposit.to_asset) == tuple(
            args.get(key, "").lower() for key in ("sender", "receiver", "asset_s", "asset_d")
        )
    pairs = read_labels(DATA / name / "label.csv")
    assert Counter(deposit.tx for deposit in got.deposits) == Counter(pair.from_tx for pair in pairs)
    assert {(pair.from_chain, pair.to_chain) for pair in pairs} == {("ethereum", "bsc")}


def test_every_call_of_multichain_names_a_labelled_source_transaction_once() -> None:
    from bridge_study import read_inputs, read_labels

    got = read_inputs(DATA / "Multi" / "input.csv", "bsc")
    assert (len(got.payouts), got.deposits, got.failures) == (8349, [], [])
    with (DATA / "Multi" / "input.csv").open() as file:
        rows = [line.rstrip("\n").split(",")[1] for line in file][1:]
    for payout, data in zip(got.payouts, rows, strict=True):  # words cut by hand
        words = [data[10 + 64 * n : 74 + 64 * n] for n in range(5)]
        assert (payout.from_tx, payout.asset, payout.receiver) == (
            "0x" + words[0],
            "0x" + words[1][24:],
            "0x" + words[2][24:],
        )
        assert (payout.amount, payout.from_chain, int(words[4], 16)) == (int(words[3], 16), "ethereum", 1)
    labels = {pair.from_tx for pair in read_labels(DATA / "Multi" / "label.csv")}
    assert Counter(payout.from_tx for payout in got.payouts) == Counter(labels)


@pytest.mark.slow
def test_the_protocol_tier_makes_no_false_link_on_real_deposits() -> None:
    import accuracy_bridges as table

    data = table.load()
    multi = table.multichain_deposits(data)
    cases: list[tuple[str, list[BridgeDeposit], list[Payout] | None]] = [
        ("celer", data.celer.deposits, None),
        ("poly", data.poly.deposits, None),
        ("multichain", multi, data.multi.payouts),
        ("thorchain", table.thorchain_deposits(data), None),
    ]
    for name, deposits, given in cases:
        row = table.protocol(name, deposits, given)
        assert row.false == 0, row
        assert row.found >= 0.999 * row.positives, row
        assert row.negatives > 2000, row
    assert all(row.found == row.positives == row.size for row in table.decoding(data))
    assert all(row.found == row.positives and row.false == 0 for row in table.memos())


def test_leads_get_worse_with_every_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    import accuracy_bridges as table

    monkeypatch.setattr(table, "MARKET_SAMPLE", 150)
    monkeypatch.setattr(table, "DENSITIES", (0, 10))
    rows = {row.data: row for row in table.inferred("Poly", table.load().poly.deposits)}
    alone, ten = rows["Poly, 0 others near each: hit@1"], rows["Poly, 10 others near each: hit@1"]
    assert alone.found > 0.9 * alone.positives
    assert ten.found < alone.found
    assert ten.false > 0
    assert rows["Poly, 10 others near each: hit@10"].found > ten.found
