"""Plain tables of transfers: the real Harmony flows, identities without an index, texts and times."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dyepack.errors import InputError
from dyepack.ledger.builder import build
from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.money import Asset, parse_units
from dyepack.sources.transfers import import_transfers

if TYPE_CHECKING:
    from dyepack.sources.result import Import

HARMONY = Path(__file__).parents[2] / "shared" / "data" / "launder-harmony" / "HB.csv"
NAMES = {
    "time": "Timestamp",
    "block": "Block",
    "tx": "Tx_hash",
    "from": "From",
    "to": "To",
    "amount": "Value_in_USD",
}
USD = Asset("USD", "USD", 2)
H, A, B = "0x" + "ab" * 32, "0x" + "1" * 40, "0x" + "2" * 40
HEADER = "time,block,tx,from,to,amount"


def read(tmp_path: Path, *rows: str, header: str = HEADER, asset: Asset = USD) -> Import:
    path = tmp_path / "t.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return import_transfers(path, asset=asset)


def only(result: Import) -> RawMoves:
    (moves,) = result.moves
    return moves


def texts(rows: RawMoves, codes: list[int]) -> list[str | None]:
    return [None if c < 0 else rows.addresses[c].tobytes().rstrip(b"\0").decode() for c in codes]


@pytest.mark.shared
def test_harmony_matches_a_plain_reading() -> None:
    from datetime import datetime

    expected, seen, ordinals = [], set(), dict[str, int]()
    with HARMONY.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            content = tuple(row.values())
            if content in seen:
                continue
            seen.add(content)
            units = parse_units(row["Value_in_USD"], 2)
            time = int(datetime.fromisoformat(row["Timestamp"] + "+00:00").timestamp())
            index = ordinals[row["Tx_hash"]] = ordinals.get(row["Tx_hash"], -1) + 1
            if units:
                ends = (row["From"].lower()[2:], row["To"].lower()[2:])
                expected.append((row["Tx_hash"][2:].lower(), int(row["Block"]), time, index, *ends, units, line))
    result = import_transfers(HARMONY, asset=USD, columns=NAMES)
    moves = only(result)
    got = [
        (
            moves.tx_id[i].tobytes().hex(),
            int(moves.block[i]),
            int(moves.time[i]),
            int(moves.index[i]),
            moves.addresses[moves.sender[i]].tobytes().hex(),
            moves.addresses[moves.receiver[i]].tobytes().hex(),
            to_int(moves.amount[i]),
            int(moves.row[i]),
        )
        for i in range(len(moves))
    ]
    assert got == expected
    assert (result.rows, result.counts["exact_duplicates"]) == (3887, 275)
    assert (moves.assets, result.assets, set(moves.kind.tolist())) == (["USD"], {"USD": USD}, {0})
    assert (result.tx_format, result.address_format) == ("hex", "hex")


def test_copies_differ_in_an_unmapped_column(tmp_path: Path) -> None:
    row = f"1600000000,1,{H},{A},{B},1.50"
    result = read(tmp_path, row + ",x", row + ",y", row + ",x", header=HEADER + ",label")
    assert only(result).index.tolist() == [0, 1]
    assert result.counts == {"moves": 2, "exact_duplicates": 1}


def test_an_index_is_an_identity_and_nothing_is_dropped(tmp_path: Path) -> None:
    row = f"1600000000,1,{H},{A},{B},1.50"
    result = read(tmp_path, row + ",7", row + ",7", header=HEADER + ",index")
    assert only(result).index.tolist() == [7, 7]


def test_kinds_assets_and_empty_ends(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        f"2023-01-13T20:34:11Z,1,{H},,{B},3,EUR,issue",
        f"2023-01-13 20:34:11 UTC,1,{H},{A},,2,,fee",
        f"2023-01-13 20:34:11.250,1,{H},{A},{B},0,EUR,token",
        header=HEADER + ",asset,kind",
    )
    moves = only(result)
    assert (moves.sender.tolist()[0], moves.receiver.tolist()[1]) == (-1, -1)
    assert moves.kind.tolist() == [MoveKind.ISSUE, MoveKind.FEE]
    assert [moves.assets[a] for a in moves.asset] == ["EUR", "USD"]
    assert set(moves.time.tolist()) == {1673642051}
    assert result.counts == {"moves": 2, "zero_value": 1}


def test_text_references(tmp_path: Path) -> None:
    result = read(tmp_path, "1600000000,1,ref 1,Zoë,bc1qxyz,1", f"1600000000,1,r,{A.replace('1', 'A')},Zoë,2")
    moves = only(result)
    assert (result.tx_format, result.address_format) == ("text", "text")
    assert texts(moves, moves.sender.tolist()) == ["Zoë", A.replace("1", "a")]
    assert texts(moves, moves.receiver.tolist()) == ["bc1qxyz", "Zoë"]
    assert [t.tobytes().rstrip(b"\0") for t in moves.tx_id] == [b"ref 1", b"r"]


def test_without_blocks_days_stand_for_them(tmp_path: Path) -> None:
    result = read(tmp_path, f"86400,{H},{A},{B},1", header="time,tx,from,to,amount")
    assert only(result).block.tolist() == [1]
    assert "day" in result.notes[0]


def test_oversize_shows_text(tmp_path: Path) -> None:
    result = read(tmp_path, f"86400,1,ref,anna,bob,{1 << 200}", asset=Asset("X", "X", 0))
    (move,) = result.oversize
    assert (move.tx_id, move.sender, move.receiver, move.asset, move.amount) == (
        "ref",
        "anna",
        "bob",
        "X",
        str(1 << 200),
    )


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (f"1,1,{H},{A},{B},1.234", "amount"),
        (f"1,1,{H},{A},{B},.5", "amount"),
        (f"1,1,{H},{A},{B},5.", "amount"),
        (f"1,1,{H},{A},{B},1e2", "amount"),
        (f"1,1,{H},{A},{B},-1", "amount"),
        (f"1,1,{H},{A[:-1]},{B},1", "from"),
        (f"1,1,{H},{A},,1", "to"),
        (f"1,1,,{A},{B},1", "tx"),
        (f"1,1,{H}0,{A},{B},1", "tx"),
        (f"1,1,{H},{A},a\x1bb,1", "to"),
        (f"1,1,{H},{A},bob ,1", "to"),
        (f"1,1,{H},{A},{'x' * 65},1", "to"),
        (f"x,1,{H},{A},{B},1", "time"),
    ],
)
def test_bad_rows_name_line_and_column(tmp_path: Path, row: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"1,1,{H},{A},{B},1", row)
    assert (caught.value.line, caught.value.field) == (3, field)


def test_newest_first_gives_the_ledger_of_oldest_first(tmp_path: Path) -> None:
    rows = [f"{second},0x{second % 7:x}{second:063x},{A},{B},{second}" for second in range(1, 50)]
    header = "time,tx,from,to,amount"
    oldest, newest = (build(read(tmp_path, *r, header=header).moves) for r in (rows, rows[::-1]))
    assert oldest.columns["tx_time"].tolist() == list(range(1, 50))
    for name, values in oldest.columns.items():
        assert values.tolist() == newest.columns[name].tolist(), name
    assert oldest.notes == newest.notes
    assert "order of their times" in oldest.notes[0]


def test_equal_times_keep_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [f"5,0x{name * 64},{A},{B},1,{kind}" for name, kind in (("c", "token"), ("a", "value"), ("b", "internal"))]
    built = build(read(tmp_path, *rows, header="time,tx,from,to,amount,kind").moves)
    assert [row[0] for row in built.columns["tx_id"].tolist()] == [0xCC, 0xAA, 0xBB]


def test_missing_columns_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'from', 'amount'"):
        read(tmp_path, header="time,tx,to")
    path = tmp_path / "t.csv"
    with pytest.raises(InputError, match="'log'"):
        import_transfers(path, asset=USD, columns={"index": "log"})


def test_parquet_equals_csv(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    text = only(read(tmp_path, f"2023-01-13 20:34:11,1,{H},{A},{B},1.25", f"1970-01-02 00:00:00,2,{H},{B},{A},3"))
    columns = {
        "time": pa.array([1673642051, 86400], pa.timestamp("s", "UTC")).cast(pa.timestamp("us", "UTC")),
        "block": pa.array([1, 2], pa.uint32()),
        "tx": pa.array([bytes.fromhex(H[2:])] * 2),
        "from": pa.array([A, B]).dictionary_encode(),
        "to": pa.array([B, A], pa.large_string()),
        "amount": pa.array(["1.25", "3.00"]).cast(pa.decimal128(10, 4)),
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    binary = only(import_transfers(tmp_path / "t.parquet", asset=USD))
    for name in ("tx_id", "block", "time", "kind", "index", "sender", "receiver", "amount", "addresses"):
        assert getattr(text, name).tolist() == getattr(binary, name).tolist(), name


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_refused(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match="is not a regular file"):
        import_transfers(path, asset=Asset("native", "ETH", 0))
