"""Files of bridge records: links written and read back, and what is not of its form refused, with line and column."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.patterns.bridges import files
from dyepack.patterns.bridges.events import read_events, read_inputs, read_labels
from dyepack.patterns.bridges.links_csv import COLUMNS, NEEDED, csv_text, read_links, write_links
from dyepack.patterns.bridges.model import BridgeDeposit, BridgeLink, Links, Payout, Reading, Tier
from dyepack.synthetic.bridge_records import packed
from tests.effort import examples

A, B, T, D = ("0x" + digit * 40 for digit in "1234")
TX, TX_2 = "0x" + "aa" * 32, "0x" + "bb" * 32
DEPOSIT = BridgeDeposit("celer", "ethereum", TX, A, B, T, 1000, to_chain="bsc", to_asset=D, message_id="0x01",
                        move="token 12", time=10_000)  # fmt: skip
PAYOUT = Payout("celer", "bsc", TX_2, B, D, 990, from_chain="ethereum", from_tx=TX, message_id="0x01", move="token 3",
                time=10_300)  # fmt: skip
LINK = BridgeLink(DEPOSIT, PAYOUT, Tier.PROTOCOL, "E1", "message id", 100)
TOLD = BridgeLink(replace(DEPOSIT, move="", time=-1, message_id=""),
                  replace(PAYOUT, tx=TX, move="output 1", time=-1, message_id=""), Tier.CONFIRMED, "E2",
                  'answer of the operator, "4 May", <b>=1+1</b>', 80)  # fmt: skip
BACK = BridgeLink(
    BridgeDeposit("thorchain", "ethereum", TX, A, "bc1q", T, 5, to_asset="BTC.BTC", memo="=:b:bc1q\n\t\u202e"),
    Payout("thorchain", "ethereum", TX_2, A, T, 4, "ethereum", TX, memo="REFUND:" + "AA" * 32, refund=True),
    Tier.PROTOCOL, "E1", "memo REFUND", 100,
)  # fmt: skip


def row(link: BridgeLink = LINK) -> dict[str, str]:
    """One link's cells by column."""
    return next(csv.DictReader(StringIO(csv_text(Links.sorted([link])))))


def write(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_links_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    links = Links.sorted([TOLD, LINK, BACK])
    path = tmp_path / "links.csv"
    write_links(path, links)
    assert read_links(path) == links
    assert list(tmp_path.iterdir()) == [path]
    before = path.read_bytes()
    write_links(path, read_links(path))
    assert path.read_bytes() == before


def test_a_file_of_the_needed_columns_is_enough(tmp_path: Path) -> None:
    got = read_links(write(tmp_path / "links.csv", [row(TOLD)], NEEDED[::-1]))
    assert got.confirmed[0].deposit.amount == 1000
    assert (got.confirmed[0].deposit.sender, got.confirmed[0].payout.receiver, got.protocol) == ("", "", ())


def test_a_lead_is_neither_written_nor_read(tmp_path: Path) -> None:
    lead = replace(LINK, tier=Tier.INFERRED, evidence="E6", confidence=40)
    path = tmp_path / "links.csv"
    with pytest.raises(ValueError, match="leads"):
        write_links(path, Links.sorted([LINK, lead]))
    assert not path.exists()
    write(path, [row() | {"evidence": "E6", "confidence": "40"}])
    with pytest.raises(InputError, match="is not E1 or E2"):
        read_links(path)


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    for link in (replace(LINK, method=""), replace(LINK, method="x\u202e"), replace(LINK, method="m" * 5000),
                 replace(LINK, deposit=replace(DEPOSIT, move="log 5")),
                 replace(LINK, deposit=replace(DEPOSIT, amount=-5))):  # fmt: skip
        with pytest.raises(ValueError, match=r"is|hold|has"):
            write_links(tmp_path / "links.csv", Links.sorted([link]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("from_amount", bad) for bad in ("", "-1", "1.0", "1e5", "0x10", " 5", "٣", "9" * 79, str(1 << 256))),
        *(("to_amount", bad) for bad in ("", "NaN", "1_000")),
        *((name, "") for name in NEEDED if not name.endswith("move")),
        *(("from_move", bad) for bad in ("12", "log 12", "token", "token -1", "token 12 ", "token " + "1" * 11)),
        *(("evidence", bad) for bad in ("E6", "e1", "E3", "1")),
        *(("confidence", bad) for bad in ("94", "101", "1e2", "-5", "40", "٩٩")),
        *(("from_time", bad) for bad in ("-1", "2022-01-01", "1" * 13)),
        ("refund", "no"),
        ("method", "a\u202eb"),
        ("to_chain", "b\x1bsc"),
        ("bridge", "x" * 5000),
    ],
)
def test_a_bad_cell_is_refused_with_its_line_and_column(tmp_path: Path, column: str, cell: str) -> None:
    path = write(tmp_path / "links.csv", [row(), row(TOLD) | {column: cell}])
    if column == "confidence" and cell == "94":
        path = write(path, [row(), row() | {"to_tx": TX, column: cell}])
    with pytest.raises(InputError) as error:
        read_links(path)
    assert error.value.line == 3
    assert error.value.field == column
    assert str(error.value).isascii() or "…" in str(error.value)


def test_a_payout_has_one_deposit(tmp_path: Path) -> None:
    path = write(tmp_path / "links.csv", [row(), row() | {"to_tx": TX_2.upper().replace("X", "x"), "from_amount": "5"}])
    with pytest.raises(InputError, match="the one of line 2"):
        read_links(path)
    write(path, [row(), row() | {"to_move": "token 4"}])
    assert len(read_links(path).protocol) == 2
    write(path, [row(BACK) | {"to_chain": "bsc"}])
    with pytest.raises(InputError, match="refund"):
        read_links(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a,b\n1,2\n", "no column of links"),
        (",".join(NEEDED[1:]).encode() + b"\n", "is missing"),
        ((",".join(NEEDED) + "," + NEEDED[0]).encode() + b"\n", "stands twice"),
        (",".join(NEEDED).encode() + b"\nx,y\n", "the row has 2 cells"),
        (",".join(NEEDED).encode() + b'\n"x', "is not CSV"),
        (",".join(NEEDED).encode() + b"\n" + b"x" * (files.MAX_CELL + 1), "is not CSV"),
    ],
)
def test_a_file_that_is_no_list_of_links_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "links.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        read_links(path)


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "nothing.csv"):
        with pytest.raises(InputError):
            read_links(path)
    path = write(tmp_path / "links.csv", [row()])
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="more than 100 bytes"):
        read_links(path)


@settings(max_examples=examples(500), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_to_a_file_of_links_is_an_input_error_or_other_links(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(csv_text(Links.sorted([LINK, TOLD, BACK])).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "links.csv"
    path.write_bytes(bytes(content))
    try:
        got = read_links(path)
    except InputError:
        return
    assert got.inferred == ()
    assert all(0 <= link.deposit.amount < 1 << 256 for link in got.protocol + got.confirmed)


# Events, call data, labels


def event(**more: Any) -> dict[str, Any]:
    args = {"sender": A, "receiver": B, "amount": 10**30, "dstChain": "BNB", "srcChain": "ETH", "asset_s": T}
    return {"event": "Deposit", "bridge": "CelerNetwork", "args": args, "txhash": TX, "timestamp": 5} | more


def read(tmp_path: Path, entries: object) -> Reading:
    path = tmp_path / "sample.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return read_events(path)


def test_decoded_events_are_deposits(tmp_path: Path) -> None:
    poly = event(bridge="PolyNetwork")
    poly["args"] = poly["args"] | {"asset_d": D.upper().replace("X", "x")}
    got = read(tmp_path, [event(), poly])
    assert got.failures == []
    assert got.deposits[0] == BridgeDeposit("celer", "ethereum", TX, A, B, T, 10**30, to_chain="bsc", time=5)
    assert (got.deposits[1].bridge, got.deposits[1].to_asset) == ("poly", D)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"txhash": TX[:-1]}, "is not a transaction hash"),
        ({"txhash": 5}, "text belongs"),
        ({"event": "Withdraw"}, "is not a deposit"),
        ({"bridge": "Other"}, "is not a deposit"),
        ({"timestamp": "5"}, "timestamp"),
        ({"timestamp": -5}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 1e20}, "timestamp"),
        ({"args": []}, "args"),
        ({"more": 1}, "is not an object of"),
        ({"args.amount": "5"}, "amount"),
        ({"args.amount": -5}, "amount"),
        ({"args.amount": 1.5}, "amount"),
        ({"args.amount": True}, "amount"),
        ({"args.amount": 1 << 256}, "amount"),
        ({"args.sender": "\u202e" + A[1:]}, "is not an address"),
        ({"args.srcChain": "ETH2"}, "is no chain"),
        ({"args.more": 1}, "args"),
    ],
)
def test_an_entry_that_is_no_deposit_is_listed_with_the_reason(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    bad = event()
    for name, value in change.items():
        part, _, inner = name.partition(".")
        if inner:
            bad[part] = bad[part] | {inner: value}
        else:
            bad[part] = value
    got = read(tmp_path, [event(), bad, 7])
    assert (len(got.deposits), len(got.failures)) == (1, 2)
    assert why in got.failures[0].reason
    assert got.failures[0].reason.isascii()
    assert got.failures[0].place == "sample.json entry 1"


@pytest.mark.parametrize("content", ["", "{}", "[", "[1,]", '[{"a": 1, "a": 2}]', "[NaN]", "[" * 100_000, "null"])
def test_what_is_no_list_of_events_is_an_input_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError):
        read(tmp_path, content)


def test_call_data_of_a_csv_is_read_line_by_line(tmp_path: Path) -> None:
    data = "0x0175b1c4" + packed(bytes.fromhex(TX[2:]), T, B, 900, 1).hex()
    path = tmp_path / "input.csv"
    path.write_text(f",0\n0,{data}\n1,{data[:-2]}\n2,0xa9059cbb00\n3,zz\n4,\n5,0x\n")
    got = read_inputs(path, "bsc")
    assert [(p.from_tx, p.amount, p.chain) for p in got.payouts] == [(TX, 900, "bsc")]
    assert [f.place for f in got.failures] == [f"input.csv line {n}" for n in (3, 4, 5, 6, 7)]


def test_labels_are_pairs_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.csv"
    path.write_text(f",srcnet,srcTxhash,dstnet,dstTxhash\n0,ETH,{TX},BNB CHAIN Mainnet,{TX_2}\n")
    assert read_labels(path) == [("ethereum", TX, "bsc", TX_2)]
    for content in (f",srcnet,srcTxhash,dstnet\n0,ETH,{TX},BNB\n",
                    f",srcnet,srcTxhash,dstnet,dstTxhash\n0,ETH,{TX},BNB,{TX_2[:-1]}\n",
                    f",srcnet,srcTxhash,dstnet,dstTxhash\n0,Mars,{TX},BNB,{TX_2}\n"):  # fmt: skip
        path.write_text(content)
        with pytest.raises(InputError):
            read_labels(path)
