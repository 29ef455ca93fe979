"""Files of bridge records: links written and read back, and what is not of its form refused, with line and column."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.files import MOST_CELL
from dyepack.patterns.bridges import links_csv
from dyepack.patterns.bridges.links_csv import COLUMNS, NEEDED, csv_text, read_links
from dyepack.patterns.bridges.model import BridgeDeposit, BridgeLink, Links, Payout, Tier
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
    path.write_bytes(csv_text(links).encode())
    assert read_links(path) == links
    assert csv_text(read_links(path)).encode() == path.read_bytes()


def test_a_file_of_the_needed_columns_is_enough(tmp_path: Path) -> None:
    got = read_links(write(tmp_path / "links.csv", [row(TOLD)], NEEDED[::-1]))
    assert got.confirmed[0].deposit.amount == 1000
    assert (got.confirmed[0].deposit.sender, got.confirmed[0].payout.receiver, got.protocol) == ("", "", ())


def test_a_lead_is_neither_written_nor_read(tmp_path: Path) -> None:
    lead = replace(LINK, tier=Tier.INFERRED, evidence="E6", confidence=40)
    path = tmp_path / "links.csv"
    with pytest.raises(ValueError, match="leads"):
        csv_text(Links.sorted([LINK, lead]))
    write(path, [row() | {"evidence": "E6", "confidence": "40"}])
    with pytest.raises(InputError, match="is not E1 or E2"):
        read_links(path)


def test_what_could_not_be_read_back_is_not_written() -> None:
    for link in (replace(LINK, method=""), replace(LINK, method="x\u202e"), replace(LINK, method="m" * 5000),
                 replace(LINK, deposit=replace(DEPOSIT, move="log 5")),
                 replace(LINK, deposit=replace(DEPOSIT, amount=-5))):  # fmt: skip
        with pytest.raises(ValueError, match=r"is|hold|has"):
            csv_text(Links.sorted([link]))


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
    for pair in (("", "token 4"), ("token 4", "")):
        write(path, [row() | {"to_move": move} for move in pair])
        with pytest.raises(InputError, match="the one of line 2"):
            read_links(path)
    write(path, [row() | {"to_move": "token 3"}, row() | {"to_move": "token 4"}])
    assert len(read_links(path).protocol) == 2
    write(path, [row() | {"to_move": "token 3"}, row() | {"to_move": "token 03"}])
    with pytest.raises(InputError, match="is not a move"):
        read_links(path)
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
        (",".join(NEEDED).encode() + b"\n" + b"x" * (MOST_CELL + 1), "is not CSV"),
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
    monkeypatch.setattr(links_csv, "MAX_BYTES", 100)
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
