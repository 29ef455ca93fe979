"""Cash-out points: every unit that reached a service once, with its deposit, its sweep and what is left."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from dyepack.case.folder import Case
from dyepack.case.run import Trace, trace
from dyepack.cashouts.model import (
    AT_ADDRESS,
    BEHAVED,
    HEADER,
    HOT,
    SWEPT,
    TAGGED,
    TRANSFER_HEADER,
    UNKNOWN,
    CashOut,
    table,
    to_json,
    transfer_table,
)
from dyepack.cashouts.points import cash_outs
from dyepack.cli.app import main
from dyepack.ledger.open import AnyLedger
from dyepack.ledger.reader import Ledger
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft
from tests.ledgers import Move, address, tx_hash
from tests.ledgers import ledger_of as accounts_of
from tests.outputs import Tx, tx_id
from tests.outputs import ledger_of as outputs_of
from tests.test_mixes import name

SHARED = Path(__file__).parents[2] / "shared" / "data"
RONIN = SHARED / "ronin-2022"


def tag(place: str, kind: TagKind, label: str = "Exchange A") -> Tag:
    return Tag(place, label, kind, 60, "E3", "a list", "0" * 64, "2025-01-01")


def follow(ledger: AnyLedger, tx: str, *tags: Tag) -> Trace:
    text = f"id = 't'\nchain = 'test'\n[[leg]]\nasset = 'native'\n[[leg.move]]\ntx = '{tx}'\n"
    known = TagSet()
    known.add(tags)
    return trace(ledger, [parse_theft(text.encode(), "t.toml")], known, Parameters())


def points(found: Trace, ledger: AnyLedger | None) -> list[CashOut]:
    rows = cash_outs(found.statement, found.moves, ledger)
    reached = Counter[str]()
    for terminal in found.statement.terminals:
        reached[terminal.asset] += terminal.amount("fifo") if terminal.stop == "service" else 0
    counted = Counter[str]()
    for row in rows:
        counted[row.asset] += row.units
    assert counted == reached
    return rows


def swept_chain() -> list[Move]:
    """A theft of 1,000; 600 to a customer's address that is swept twice to the hot wallet, 400 kept."""
    return [
        Move(1, "", "victim", 1000), Move(2, "victim", "thief", 1000),
        Move(3, "thief", "depo", 350), Move(4, "depo", "hot", 350),
        Move(5, "thief", "depo", 250), Move(6, "depo", "hot", 250),
    ]  # fmt: skip


def test_money_swept_to_a_hot_wallet_is_listed_at_the_deposit_address() -> None:
    ledger = accounts_of(swept_chain())
    (row,) = points(follow(ledger, tx_hash(2), tag(address("hot"), TagKind.EXCHANGE)), ledger)
    assert (row.address, row.role, row.terminal) == (address("depo"), BEHAVED, address("hot"))
    assert [d.txid for d in row.deposits] == [tx_hash(3), tx_hash(5)]
    assert [s.txid for s in row.sweeps] == [tx_hash(4), tx_hash(6)]
    assert {s.place for s in row.sweeps} == {address("hot")}
    assert (row.units, row.standing, row.balance) == (600, SWEPT, 0)


def test_a_tagged_deposit_address_shows_its_sweep_and_what_is_left() -> None:
    moves = [*swept_chain(), Move(7, "thief", "depo", 70)]
    ledger = accounts_of(moves)
    (row,) = points(follow(ledger, tx_hash(2), tag(address("depo"), TagKind.EXCHANGE_DEPOSIT)), ledger)
    assert (row.role, row.units, row.balance, row.standing) == (TAGGED, 670, 70, AT_ADDRESS)
    assert [s.txid for s in row.sweeps] == [tx_hash(4), tx_hash(6)]


def test_what_a_hot_wallet_got_directly_stays_with_it() -> None:
    ledger = accounts_of([*swept_chain(), Move(7, "thief", "hot", 70)])
    rows = points(follow(ledger, tx_hash(2), tag(address("hot"), TagKind.EXCHANGE)), ledger)
    assert {(row.address, row.role, row.units) for row in rows} == {
        (address("depo"), BEHAVED, 600), (address("hot"), HOT, 70),
    }  # fmt: skip


def test_an_address_that_spends_in_parts_is_no_deposit_address() -> None:
    moves = [Move(1, "", "victim", 1000), Move(2, "victim", "thief", 1000), Move(3, "thief", "hop", 1000),
             Move(4, "hop", "hot", 300), Move(5, "hot", "hop", 5), Move(6, "hop", "hot", 300)]  # fmt: skip
    ledger = accounts_of(moves)
    (row,) = points(follow(ledger, tx_hash(2), tag(address("hot"), TagKind.EXCHANGE)), ledger)
    assert (row.address, row.role) == (address("hot"), HOT)


def test_without_a_ledger_nothing_is_known_of_what_came_after() -> None:
    ledger = accounts_of(swept_chain())
    (row,) = points(follow(ledger, tx_hash(2), tag(address("depo"), TagKind.EXCHANGE_DEPOSIT)), None)
    assert (row.balance, row.standing, row.sweeps, row.last_move) == (None, UNKNOWN, (), "")


def test_on_a_ledger_of_outputs_the_sweep_is_what_spends_the_deposit() -> None:
    txs = [Tx([], [("miner", 900)], 1), Tx([(0, 0)], [("thief", 900)], 2),
           Tx([(1, 0)], [("depo", 500), ("depo", 100), ("thief", 300)], 3),
           Tx([(2, 0)], [("hot", 499)], 4)]  # fmt: skip
    ledger = outputs_of(txs)
    (row,) = points(follow(ledger, tx_id(1).hex(), tag(name("depo"), TagKind.EXCHANGE_DEPOSIT)), ledger)
    assert (row.units, row.balance, row.standing) == (600, 100, AT_ADDRESS)
    assert [(s.txid, s.units, s.place) for s in row.sweeps] == [(tx_id(3).hex(), 500, name("hot"))]


def test_table_and_json_hold_every_row() -> None:
    ledger = accounts_of(swept_chain())
    found = follow(ledger, tx_hash(2), tag(address("hot"), TagKind.EXCHANGE, '=HYPERLINK("x")'))
    rows = points(found, ledger)
    header, lines = table(rows, found.statement)
    assert header == list(HEADER)
    assert {len(line) for line in lines} == {len(HEADER)}
    each = [dict(zip(TRANSFER_HEADER, line, strict=True)) for line in transfer_table(rows, found.statement)[1]]
    assert [(row["what"], row["base_units"]) for row in each] == [
        ("deposit", 350), ("sweep", 350), ("deposit", 250), ("sweep", 250),
    ]  # fmt: skip
    assert json.loads(json.dumps(to_json(rows)))[0]["units"] == "600"


@pytest.mark.shared
def test_ronin_cash_outs_are_the_published_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = RONIN / "addresses.csv"
    for words in (
        ["import", "explorer", RONIN / "ledger.csv.gz", "--covers", tags, "--ledger", tmp_path / "l"],
        ["trace", "--ledger", tmp_path / "l", "--theft", "examples/ronin-2022/theft.toml", "--tags", tags, "--out",
         tmp_path / "c"],
        ["cashouts", tmp_path / "c", "--ledger", tmp_path / "l", "--csv"],
    ):  # fmt: skip
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main([str(word) for word in words])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    sums = Counter[str]()
    for row in rows:
        sums[row["service"]] += int(row["base_units"])
        assert int(row["least_base_units"]) <= int(row["base_units"]) <= int(row["most_base_units"])
        assert Decimal(row["least"]) * 10**18 == int(row["least_base_units"])
    assert sums["Huobi"] + sums["FTX"] + sums["Crypto.com"] == 6_249_892045934683504000
    swept = [row for row in rows if row["standing"] == SWEPT]
    assert len(swept) == 5
    assert all(row["sweep_txids"].startswith("0x") and row["deposit_txids"].startswith("0x") for row in swept)
    ledger = Case(tmp_path / "c").open_ledger(tmp_path / "l")
    assert isinstance(ledger, Ledger)
    for row in swept:
        place = ledger.find_address(row["address"])
        for text in (*row["deposit_txids"].split(), *row["sweep_txids"].split()):
            tx = ledger.find_tx(text)
            assert tx is not None
            ends = {int(e) for m in ledger.tx_moves(tx) for e in (ledger.move_from[m], ledger.move_to[m])}
            assert place in {ledger.holding_address(e) for e in ends if e < len(ledger.holding_key)}
