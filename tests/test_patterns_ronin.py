"""The Ronin theft of 2022, against what is on the public record: sanctioned addresses, deposits, the gas seed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dyepack.case.run import Trace, trace
from dyepack.ledger.reader import Ledger
from dyepack.patterns.activity import traced_places
from dyepack.patterns.deposits import arrivals, deposit_addresses, sweeps_of
from dyepack.patterns.fan import fan_in
from dyepack.patterns.funding import gas_funding
from dyepack.patterns.layering import layering
from dyepack.patterns.reuse import deposit_reuse
from dyepack.sources.coverage import read_coverage
from dyepack.sources.explorer import import_explorer
from dyepack.sources.result import ETHER
from dyepack.sources.store import store
from dyepack.tags.load import load
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
RONIN = DATA / "ronin-2022"
OFAC = DATA / "labels" / "ofac-ultrasound-2026-06" / "data.csv"
OFAC_PLAIN = DATA / "labels" / "ofac-0xB10C-lists-2025-12"
THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
BINANCE_20 = "0x4976a4a02f38326660d17bf34b431dc6e2eb2327"
SEED_TX = "0xe0669bbaaa12cf5ecc682848ddc373a9b86e1351bccc01092b744099bf52a87d"
ETH = 10**18
HUOBI = {
    "0x17a96cd2aff8bece22b54a83955fbab5c92a98ca": 32, "0x5b5082214d62585d686850ab8d9e3f6b6a5c58ff": 19,
    "0x6102f081de19eb53404b684b4e14667745a4c874": 33, "0xbc771fb7b6a8876d09fd2e3e2f17fbc91896d8c8": 44,
}  # fmt: skip
"""The four of Huobi's deposit addresses whose history the ledger holds, and the deposits of the thief in each."""
FTX = "0x036587e77eabe6a7e181886a5a6ed10dc25654f9"


def rows() -> list[dict[str, str]]:
    with (RONIN / "addresses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    path, file = tmp_path_factory.mktemp("ronin") / "L", RONIN / "ledger.csv.gz"
    store(import_explorer([file]), path, chain="ethereum", files=[file], native=ETHER,
          covers=read_coverage(RONIN / "addresses.csv"))  # fmt: skip
    return Ledger.open(path)


@pytest.fixture(scope="module")
def traced(ledger: Ledger) -> Trace:
    theft = parse_theft((ROOT / "examples" / "ronin-2022" / "theft.toml").read_bytes(), "theft.toml")
    return trace(ledger, [theft], load(RONIN / "addresses.csv"), Parameters())


@pytest.fixture(scope="module")
def hot(ledger: Ledger) -> dict[int, str]:
    """Hot wallets by tag; no deposit address has a label here."""
    found = {ledger.find_address(r["address"]): r["entity"].split()[0] for r in rows() if r["kind"] == "exchange_hot"}
    return {number: name for number, name in found.items() if number is not None}


def names(ledger: Ledger) -> dict[int, str]:
    found = {ledger.find_address(r["address"]): r["entity"] for r in rows() if r["entity"]}
    return {number: name for number, name in found.items() if number is not None}


def test_all_eight_sanctioned_addresses_are_met_on_the_path(traced: Trace) -> None:
    with OFAC.open(newline="") as file:
        listed = {r["address"].lower() for r in csv.DictReader(file) if r["name"] == "LAZARUS GROUP"}
    assert len(listed) == 8
    assert listed <= {m.target for m in traced.moves if m.units}
    plain = {line.strip().lower() for file in OFAC_PLAIN.glob("sanctioned_addresses_*ETH*.txt")
             for line in file.read_text().splitlines()}  # fmt: skip
    assert listed <= plain


def test_the_deposit_addresses_are_found_from_their_sweeps_without_their_labels(
    ledger: Ledger, hot: dict[int, str]
) -> None:
    found = {f.places[0]: f for f in deposit_addresses(ledger, hot=hot)}
    assert set(found) == {*HUOBI, FTX}  # and no other of the 668 addresses
    assert {hot[n] for n in hot if ledger.address_text(n) in found[FTX].places} == {"FTX"}
    for place in HUOBI:
        assert "Huobi" in found[place].words
        assert found[place].statistic["sweeps"] == 1
        assert found[place].statistic["share"] == 100
    assert (found[FTX].statistic["sweeps"], found[FTX].statistic["deposits"]) == (23, 23)


def test_they_are_found_without_any_label_at_all(ledger: Ledger) -> None:
    assert {f.places[0] for f in deposit_addresses(ledger, hub=1)} == {*HUOBI, FTX}
    two = {f.places[0] for f in deposit_addresses(ledger)}  # the two that share Huobi 35
    assert two == {"0x17a96cd2aff8bece22b54a83955fbab5c92a98ca", "0xbc771fb7b6a8876d09fd2e3e2f17fbc91896d8c8"}


def test_every_dyed_arrival_has_its_deposit_and_its_sweep(ledger: Ledger, traced: Trace) -> None:
    swept = 0
    for place, count in HUOBI.items():
        number = ledger.find_address(place)
        assert number is not None
        moves = [m for m in traced.moves if m.target == place and m.stop == "service"]
        assert len({m.txid for m in moves}) == count
        pairs = arrivals(ledger, number, sorted({m.move for m in moves}))
        assert all(sweep is not None and sweep.tx != "" and sweep.delay > 0 for _, sweep in pairs)
        swept += sum(s.units for s in sweeps_of(ledger, number))
    assert 4_983 * ETH < swept < 4_984 * ETH  # ground_truth.json: 4,983.9 ETH


def test_the_gas_seed_from_binance_is_found_by_the_first_coin(ledger: Ledger) -> None:
    number = ledger.find_address(THIEF)
    assert number is not None
    [found] = gas_funding(ledger, [number], tags=names(ledger))
    assert found.places == (BINANCE_20, THIEF)
    assert found.txs == (SEED_TX,)
    assert found.first == "2022-03-23T13:16:57Z"
    assert "1.0569 ETH" in found.words
    assert "Binance 20" in found.words
    listed = [n for r in rows() if (n := ledger.find_address(r["address"])) is not None]
    by = [f.statistic["places of the same payer"] for f in gas_funding(ledger, listed, steps=1) if f.places[0] == THIEF]
    assert by == [25] * 25


def test_the_gas_seed_is_found_by_tracing_backward(ledger: Ledger) -> None:
    """Of the first two ether that the thief sent, what is not of the theft came from Binance 20: the seed less gas."""
    raw = f"""id = "seed"\nchain = "ethereum"\n[[leg]]\nasset = "native"\n[[leg.outflow]]\naddress = "{THIEF}"
until = 2022-03-23T14:00:00Z\n"""
    back = trace(ledger, [parse_theft(raw.encode(), "seed.toml")], load(RONIN / "addresses.csv"),
                 Parameters(backward=True))  # fmt: skip
    [seed] = [t for t in back.statement.terminals if t.place == BINANCE_20]
    assert (seed.entity, seed.stop, seed.txids) == ("Binance 20", "service", [SEED_TX])
    gas = 19_899_000_000_000_000 + 21_978_200_000_000_000 + 10_500_000_000_000_000
    assert seed.amount("fifo") == 1_056_900_000_000_000_000 - gas


def test_the_shapes_of_the_laundering(ledger: Ledger, traced: Trace, hot: dict[int, str]) -> None:
    """Forty-eight addresses pay the mixer; the way to Huobi is a chain; the thief is the customer of FTX's address."""
    [gathered] = fan_in(ledger, traced.moves)
    assert gathered.places[-1] == "0xd90e2f925da726b50c4ed8d0fb90ad053324f31b"
    assert gathered.statistic["senders"] == 48
    chains = layering(ledger, traced_places(ledger, traced.moves))
    assert [(f.places[0], f.places[-2]) for f in chains] == [(THIEF, "0x5b5082214d62585d686850ab8d9e3f6b6a5c58ff")]
    reused = deposit_reuse(ledger, hot)
    assert {(ledger.address_text(e.user), ledger.address_text(e.deposit)) for e in reused.edges} == {
        ("0x5d84a732b355ada31a36b33c446e3dee28f51555", FTX)
    }
    assert len(reused.edges) == 23
