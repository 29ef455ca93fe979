"""Each way in which an export can be bad names its file, and its line and column where it has one."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from dyepack.errors import InputError
from dyepack.sources.explorer import LAYOUT, import_explorer
from dyepack.sources.table import read_table

if TYPE_CHECKING:
    from pathlib import Path

H = "0x" + "ab" * 32
A, B = ("0x" + digit * 40 for digit in "12")
GOOD = (H, "7", "1600000000", "3", A, B, "", "5", "10", "21000", "0")
NAMES = LAYOUT.required
VALUES = ["1e5", "0x10", " 5", "+5", "-5", "1.0", "NaN", "", "1_000", "٣", "1" * 79, str(1 << 256)]
ADDRESSES = [
    A[:-1],
    A + "0",
    "0X" + "1" * 40,
    "0x" + "g" * 40,
    "<b>" + A[3:],
    A[:-4] + "\x1b[0m",
    "",
    " " + A[:-1],
]
HASHES = [H[:-2], H[2:], "0x" + "z" * 64, "", H + "00"]
WHOLE = ["-1", "1.0", "x", "", "4294967296", "9" * 30, " 7"]


def cases() -> list[tuple[str, str]]:
    return [
        *(("value_wei", bad) for bad in VALUES),
        *(("from", bad) for bad in ADDRESSES),
        *(("to", bad) for bad in ADDRESSES if bad),
        *(("hash", bad) for bad in HASHES),
        *(("block_number", bad) for bad in WHOLE),
        *(("transaction_index", bad) for bad in WHOLE),
        ("timestamp", "1600000000000"),
        ("timestamp", "2022-03-23"),
        ("timestamp", "2022-02-30 00:00:00"),
        ("timestamp", "2022-03-23T10:00:00+02:00"),
        ("gas_price", "9" * 19),
        ("gas_used", ""),
        ("is_error", "2"),
        ("is_error", "true"),
    ]


def text(*rows: tuple[str, ...]) -> str:
    return "".join(",".join(row) + "\n" for row in (NAMES, *rows))


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        import_explorer([path])
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(("field", "bad"), cases())
def test_a_bad_value_names_its_line_and_column(tmp_path: Path, field: str, bad: str) -> None:
    row = tuple(bad if name == field else value for name, value in zip(NAMES, GOOD, strict=True))
    path = tmp_path / "x.csv"
    path.write_text(text(GOOD, GOOD, row, GOOD), encoding="utf-8")
    error = refused(path)
    assert (error.line, error.field) == (4, field)
    assert "\x1b" not in str(error)


def test_value_paid_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text(GOOD, (*GOOD[:5], "", *GOOD[6:])))
    assert (refused(path).line, refused(path).field) == (3, "to")


def test_line_of_an_error_after_a_quoted_line_break(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = [
        ",".join((*NAMES, "function_name")),
        ",".join(GOOD) + ',"a\nb"',
        ",".join(("0x", *GOOD[1:])) + ",c",
    ]
    path.write_text("\n".join(lines) + "\n")
    assert refused(path).line == 4


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", None, "empty"),
        (b"\xef\xbb\xbf", None, "empty"),
        (text(GOOD, GOOD).encode()[:-40], 3, "fields"),
        (text(GOOD, (*GOOD, "1")).encode(), 3, "fields"),
        (text(GOOD).encode() + b"\n", 3, "missing"),
        (text(GOOD).replace("0x1", "\0x1").encode(), 2, "NUL"),
        (text(GOOD).encode() + b"\xff\xfe\n", 3, "UTF-8"),
        (text(GOOD).encode("utf-16"), 1, "NUL"),
        (text(GOOD).replace("hash,", "tx_hash,").encode(), None, "no column 'hash'"),
        (text(GOOD).replace("to,", "to,to,", 1).encode(), None, "two columns"),
        (text(GOOD).encode() + b'"', 3, "CSV"),
        (b"PAR1 and no more", None, "Parquet"),
        (gzip.compress(text(GOOD).encode())[:-9], None, "gzip"),
        (gzip.compress(b"", mtime=0), None, "empty"),
    ],
)
def test_a_bad_file(tmp_path: Path, content: bytes, line: int | None, says: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    error = refused(path)
    assert error.line == line
    assert says in error.problem


def test_an_unclosed_quote_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [",".join((*NAMES, "function_name")), *(",".join(GOOD) + end for end in (",a", ',"b', ",c", ",d"))]
    path.write_text("\n".join(rows) + "\n")
    assert refused(path).line == 3


def test_folders_and_missing_files(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path).problem
    assert "does not exist" in refused(tmp_path / "nothing.csv").problem


def test_damaged_and_unfit_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    columns = {name: [value] * 3 for name, value in zip(NAMES, GOOD, strict=True)}
    parquet.write_table(pa.table(columns), path)
    assert read_table(path, LAYOUT).rows == 3
    path.write_bytes(path.read_bytes()[:-30])
    assert "Parquet" in refused(path).problem
    parquet.write_table(pa.table(columns | {"value_wei": [1.0, 2.0, 3.0]}), path)
    assert refused(path).field == "value_wei"
    parquet.write_table(pa.table(columns | {"from": [A, None, A]}), path)
    assert (refused(path).line, refused(path).field) == (2, "from")


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    columns = {name: pa.array([value]) for name, value in zip(NAMES, GOOD, strict=True)}
    data = b"0x" + b"\xff" * 40
    columns["to"] = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\x2a\0\0\0"), pa.py_buffer(data))
    parquet.write_table(pa.table(columns), path)
    assert "Parquet" in refused(path).problem


def test_a_file_without_a_last_line_end_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text(GOOD).rstrip("\n"))
    assert "cut short" in import_explorer([path]).notes[0]
