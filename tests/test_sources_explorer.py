"""Explorer exports against a plain-Python reading of the same file, and CSV against Parquet."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.sources.explorer import LAYOUT, import_explorer

if TYPE_CHECKING:
    from dyepack.sources.result import Import

RONIN = Path(__file__).parents[2] / "shared" / "data" / "ronin-2022" / "ledger.csv.gz"
HASH = "0x" + "ab" * 32
A, B, C = ("0x" + digit * 40 for digit in "123")
Move = tuple[Any, ...]


def plain(moves: RawMoves) -> list[Move]:
    """Each move as a tuple of Python values."""

    def address(code: int) -> str | None:
        return None if code < 0 else "0x" + moves.addresses[code].tobytes().hex()

    return [
        (
            moves.tx_id[i].tobytes().hex(),
            int(moves.block[i]),
            int(moves.tx_index[i]),
            int(moves.time[i]),
            int(moves.kind[i]),
            int(moves.index[i]),
            address(int(moves.sender[i])),
            address(int(moves.receiver[i])),
            moves.assets[int(moves.asset[i])],
            to_int(moves.amount[i]),
            int(moves.row[i]),
        )
        for i in range(len(moves))
    ]


def everything(result: Import) -> list[Move]:
    return [move for moves in result.moves for move in plain(moves)]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, LAYOUT.required, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(**changes: str) -> dict[str, str]:
    base = {
        "hash": HASH,
        "block_number": "7",
        "timestamp": "1600000000",
        "transaction_index": "3",
        "from": A,
        "to": B,
        "contract_created": "",
        "value_wei": "5",
        "gas_price": "10",
        "gas_used": "21000",
        "is_error": "0",
    }
    return base | changes


@pytest.mark.shared
def test_ronin_matches_a_plain_reading() -> None:
    expected: list[Move] = []
    with gzip.open(RONIN, "rt", newline="") as file:
        for line, r in enumerate(csv.DictReader(file), start=2):
            place = (r["hash"][2:], int(r["block_number"]), int(r["transaction_index"]), int(r["timestamp"]))
            if int(r["value_wei"]) and r["is_error"] == "0":
                target = r["to"] or r["contract_created"]
                value = int(r["value_wei"])
                expected.append((*place, 0, 0, r["from"], target, "native", value, line))
            fee = int(r["gas_price"]) * int(r["gas_used"])
            if fee:
                expected.append((*place, 3, 0, r["from"], None, "native", fee, line))
    result = import_explorer([RONIN])
    assert sorted(everything(result), key=repr) == sorted(expected, key=repr)
    counts = result.counts
    assert result.rows == 3755 == counts["value_moves"] + counts["failed"] + counts["zero_value"]
    for moves in result.moves:
        used = set(moves.sender.tolist()) | set(moves.receiver.tolist()) - {-1}
        assert used - {-1} == set(range(len(moves.addresses)))


@pytest.mark.shared
def test_parquet_equals_csv(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    copy = tmp_path / "ledger.parquet"
    exact = arrow_csv.ConvertOptions(column_types={"value_wei": pa.decimal128(38, 0)})
    parquet.write_table(arrow_csv.read_csv(RONIN, convert_options=exact), copy, row_group_size=500)
    texts, numbers = import_explorer([RONIN]), import_explorer([copy])
    assert [m[:-1] for m in everything(texts)] == [m[:-1] for m in everything(numbers)]
    assert texts.counts == numbers.counts


def test_contract_creation_pays_the_contract(tmp_path: Path) -> None:
    result = import_explorer([write(tmp_path / "x.csv", [row(to="", contract_created=C)])])
    assert [(m[4], m[6], m[7], m[9]) for m in everything(result)] == [(0, A, C, 5), (3, A, None, 210000)]


def test_failed_transaction_pays_gas_only(tmp_path: Path) -> None:
    result = import_explorer([write(tmp_path / "x.csv", [row(is_error="1", to="")])])
    assert [(m[4], m[9]) for m in everything(result)] == [(MoveKind.FEE, 210000)]
    assert result.counts == {"failed": 1, "fee_moves": 1}


def test_fee_beyond_64_bits_is_exact(tmp_path: Path) -> None:
    price, used = (1 << 59) - 3, (1 << 58) - 7
    result = import_explorer([write(tmp_path / "x.csv", [row(gas_price=str(price), gas_used=str(used))])])
    assert everything(result)[1][9] == price * used


def test_oversize_value_is_kept_as_written(tmp_path: Path) -> None:
    big = str(1 << 128)
    result = import_explorer([write(tmp_path / "x.csv", [row(value_wei=big)])])
    (move,) = result.oversize
    assert (move.row, move.amount, move.sender, move.receiver, move.tx_id) == (2, big, A, B, HASH)
    assert result.counts == {"oversize": 1, "fee_moves": 1}


def test_header_only_is_zero_rows(tmp_path: Path) -> None:
    result = import_explorer([write(tmp_path / "x.csv", [])])
    assert (result.rows, result.moves, result.counts) == (0, [], {})
    (tmp_path / "y.csv").write_text(",".join(LAYOUT.required))
    assert import_explorer([tmp_path / "y.csv"]).rows == 0


def test_byte_order_mark_crlf_and_mixed_case(tmp_path: Path) -> None:
    one = write(tmp_path / "x.csv", [row(), row(**{"from": A.replace("1", "a"), "to": "0x" + "A" * 40})])
    other = tmp_path / "y.csv"
    other.write_bytes(b"\xef\xbb\xbf" + one.read_bytes().replace(b"\n", b"\r\n"))
    assert everything(import_explorer([one])) == everything(import_explorer([other]))
    assert everything(import_explorer([one]))[1][6:8] == ("0x" + "a" * 40, "0x" + "a" * 40)


def test_lines_are_right_after_a_quoted_line_break(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    names = (*LAYOUT.required, "function_name")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows([row(function_name="a\nb,c"), row(function_name="d")])
    assert [m[-1] for m in everything(import_explorer([path]))] == [2, 4, 2, 4]


def test_many_chunks_are_one_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(hash="0x" + f"{i:064x}", to=f"0x{i % 7:040x}", value_wei=str(i)) for i in range(2000)]
    path = write(tmp_path / "x.csv", rows)
    whole = everything(import_explorer([path]))
    monkeypatch.setattr("dyepack.sources.table.BLOCK_BYTES", 4096)
    assert everything(import_explorer([path])) == whole
    assert np.array_equal([m[9] for m in whole[:1999]], range(1, 2000))
