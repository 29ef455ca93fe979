"""Plain files: read whole or refused, never more than allowed, with the line of what is wrong."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.files import csv_file, csv_rows, parse_toml, read_bounded, utf8

FILE = Path("x.csv")


def test_what_is_no_plain_file_or_is_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "long").write_bytes(b"12345678901")
    for name, says in [(".", "a folder"), ("pipe", "not a plain file"), ("none", "does not exist"),
                       ("loop", "cannot be read"), ("a\0b", "cannot be read"), ("n" * 300, "cannot be read"),
                       ("long", "more than 10 bytes")]:  # fmt: skip
        with pytest.raises(InputError, match=says):
            read_bounded(tmp_path / name, 10, remedy="give a file")
    assert read_bounded(tmp_path / "long", 11, remedy="give a file") == b"12345678901"


def test_text_loses_its_byte_order_mark_and_a_bad_byte_has_its_line() -> None:
    assert utf8(FILE, b"\xef\xbb\xbfa\n", remedy="") == "a\n"
    with pytest.raises(InputError, match="is not UTF-8 at byte 4") as fault:
        utf8(FILE, b"a\nb\n\xff", remedy="save it as UTF-8")
    assert fault.value.line == 3


def test_rows_have_the_line_that_they_begin_on(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b'a,b\r\n"1\n2","x"\n\n3,4\n')
    assert list(csv_file(tmp_path / "x.csv", 100, remedy="")) == [(1, ["a", "b"]), (2, ["1\n2", "x"]), (5, ["3", "4"])]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (" \n\n", None, "is empty"),
        ('a,b\n1,2\n"3,4\n', 3, "is not CSV"),
        ('a,b\n"1"x,2\n', 2, "is not CSV"),
        ('a,b\n"\n",2\n3\n', 4, "1 cells, the header 2"),
        ("a,b\n1,2,3\n", 2, "3 cells, the header 2"),
        ("a,b\n" + "1" * 11 + ",2\n", 2, "is not CSV"),
    ],
)
def test_rows_that_are_not_strictly_csv_are_refused(text: str, line: int | None, says: str) -> None:
    before = csv.field_size_limit()
    with pytest.raises(InputError, match=says) as fault:
        list(csv_rows(FILE, text, most_cell=10))
    assert fault.value.line == line
    assert csv.field_size_limit() == before


@given(st.lists(st.lists(st.text('a,"\n\r ', max_size=4), min_size=2, max_size=2), min_size=1))
def test_rows_are_those_that_were_written(rows: list[list[str]]) -> None:
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    assert [row for _, row in csv_rows(FILE, text)] == rows


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"a = 1", "more than 4 bytes"),
        (b"a" + b".a" * 10_000 + b" = 1", "very many parts"),
        (b"a =", "not valid TOML"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (b"a = '\xff'", "not UTF-8"),
    ],
)
def test_a_toml_that_is_none_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_toml(FILE, raw, most=4 if "bytes" in says else 1 << 20, remedy="mend it")


def test_a_toml_is_its_keys() -> None:
    assert parse_toml("x.toml", b"a = 1\n[b]\nc = '2'\n", most=100, remedy="") == {"a": 1, "b": {"c": "2"}}
