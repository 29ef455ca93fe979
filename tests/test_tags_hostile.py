"""Outside text in tags: labels come back raw, look-alike addresses are mended or match nothing, none is lost."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.tags.builtin import builtin_tags
from dyepack.tags.load import load
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tags.write import COLUMNS, csv_text, to_rows, write_csv

A, B = "0x" + "ab" * 20, "0x" + "cd" * 20

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert('1')>",
    "[bold red]rich[/] [link=http://x]y[/link]",
    "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\ \x1b[2J\x9b31m",
    "=HYPERLINK(\"http://x\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202ereversed\u202c \u200b\u200d\ufeff",
    "two\nlines\r\nthree\rfour",
    '"', '""', "'", ",", ",,\n,", "\\", "\\n", "\t tab \t", " blanks ",
    "\x00nul\x00", "\x07\x08\x7f\x85\u2028\u2029",
    "🍣 Türk 比特币 \U0010ffff",
    "{{7*7}} ${7*7} %n%n %s",
    "# not a remark",
    "e\u0301 not é",
    "l" * 256,
]  # fmt: skip


def roundtrip(tags: list[Tag]) -> list[Tag]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tags.csv"
        write_csv(path, tags)
        return load(path).tags


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_hostile_labels_are_kept_raw_and_come_back(tmp_path: Path, label: str) -> None:
    explorer, own = tmp_path / "l.json", tmp_path / "l.csv"
    explorer.write_text(json.dumps({A: {"name": label, "labels": ["dex"]}}), encoding="utf-8")
    with own.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["address", "label"], [A, label], [B, label]])
    for path in (explorer, own):
        tags = load(path).tags
        assert {t.label for t in tags} == {label}
        assert roundtrip(tags) == tags
        assert not any(sign in note for note in load(path).notes for sign in "\x1b\u202e\n\x00")


@pytest.mark.parametrize("label", ["L" * 257, "\x1b[31m" * 200_000, "🍣\n" * 500], ids=["257", "1 MB", "lines"])
def test_long_labels_are_cut_with_a_hash(tmp_path: Path, label: str) -> None:
    explorer, own = tmp_path / "l.json", tmp_path / "l.csv"
    explorer.write_text(json.dumps({A: {"name": label, "labels": []}}), encoding="utf-8")
    own.write_bytes(f'address,label\n{A},"{label}"\n'.encode())
    for path in (explorer, own):
        got = load(path)
        assert got.tags[0].label == label[:256]
        assert got.tags[0].label_sha256 == hashlib.sha256(label.encode()).hexdigest()
        assert any("1 labels are kept in part" in note for note in got.notes)
        assert roundtrip(got.tags) == got.tags


def test_csv_limit_of_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    (tmp_path / "l.csv").write_text(f"address\n{A}\n")
    load(tmp_path / "l.csv")
    assert csv.field_size_limit() == before


def test_half_an_emoji_is_replaced_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_text(f'{{"{A}": {{"name": "sushi \\ud83c", "labels": []}}}}')
    got = load(path)
    assert got.tags[0].label == "sushi \ufffd"
    assert got.tags[0].label_sha256 == hashlib.sha256(b"sushi \xed\xa0\xbc").hexdigest()
    assert roundtrip(got.tags) == got.tags


EIP55 = "0x8589427373D6D84E98730D7795D8f6f8731FDA16"
WRONG = "0x8589427373d6D84E98730D7795D8f6f8731FDA16"
BTC = "bc1qpy4jwethqenp4r7hqls660wy8287vw0my32lmy"
MENDED = {
    "zero width": ("0x" + "ab" * 10 + "\u200b" + "ab" * 10, "U+200B (ZERO WIDTH SPACE)", A),
    "cyrillic": ("0x" + "ab" * 19 + "а" + "b", "U+0430 (CYRILLIC SMALL LETTER A)", A),
    "bidi": ("\u202e" + A, "U+202E (RIGHT-TO-LEFT OVERRIDE)", A),
    "full width": ("０x" + "ab" * 20, "U+FF10 (FULLWIDTH DIGIT ZERO)", A),
    "no-break blank": (A + "\u00a0", "U+00A0 (NO-BREAK SPACE)", A),
    "escape": ("\x1b" + A, "U+001B (no name)", A),
    "checksum after mending": (EIP55.replace("E", "Е"), "U+0415 (CYRILLIC CAPITAL LETTER IE)", EIP55.lower()),
    "bech32": (BTC.replace("p", "р"), "U+0440 (CYRILLIC SMALL LETTER ER)", BTC),
    "base58": ("ТUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq", "U+0422 (CYRILLIC CAPITAL LETTER TE)",
               "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"),
    "many": ("\u200b\u200c\u200d\u2060" + A, "1 other odd signs", A),
}  # fmt: skip
UNMATCHED = {
    "ellipsis": ("0xabab…abab", "U+2026 (HORIZONTAL ELLIPSIS)"),
    "long": ("x" * 257, "has 257 characters"),
    "bad checksum after mending": (WRONG.replace("E", "Е"), "U+0415 (CYRILLIC CAPITAL LETTER IE)"),
    "bad base58 after mending": ("1Mn386ue8о3mW9866octLNP8HFqcYsphJCV", "U+043E (CYRILLIC SMALL LETTER O)"),
    "no shape": ("accоunt", "U+043E (CYRILLIC SMALL LETTER O)"),
    "no stand-in": (A[:-1] + "比", "U+6BD4 (CJK UNIFIED IDEOGRAPH-6BD4)"),
}


def forms_of_a_list(folder: Path, address: str) -> list[tuple[Path, int]]:
    """Four formats that hold A and then the address, with the line of the address."""
    entry = '{"name": "x", "labels": []}'
    texts = {
        "a.csv": f"address,label\n{A[:-1]}c,x\n{address},evil\n",
        "a.txt": f"{A[:-1]}c\n{address}\n",
        "a.json": f'["{A[:-1]}c",\n{json.dumps(address)}]',
        "b.json": f'{{"{A[:-1]}c": {entry},\n{json.dumps(address)}: {entry}}}',
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return [(folder / name, 3 if name == "a.csv" else 2) for name in texts]


@pytest.mark.parametrize("case", MENDED)
def test_lookalike_addresses_are_mended_where_nothing_is_guessed_and_it_is_said(tmp_path: Path, case: str) -> None:
    address, why, matched = MENDED[case]
    for path, line in forms_of_a_list(tmp_path, address):
        got = load(path)
        assert list(got.addresses()) == [A[:-1] + "c", matched], path.name
        tag = got.tags[1]
        assert (tag.raw, why in tag.flaw, f"mended, and matched as {matched}" in tag.flaw) == (address, True, True)
        assert got.find(address) == got.find(matched) == [tag]
        assert any(f"line {line}: address" in note and why in note for note in got.notes), path.name
        assert any("1 rows have something wrong" in note for note in got.notes), path.name
        assert all(note.isascii() and note.isprintable() for note in got.notes), path.name
        assert roundtrip(got.tags) == got.tags


@pytest.mark.parametrize("case", UNMATCHED)
def test_addresses_that_cannot_be_mended_are_kept_as_written_and_match_nothing(tmp_path: Path, case: str) -> None:
    address, why = UNMATCHED[case]
    for path, line in forms_of_a_list(tmp_path, address):
        got = load(path)
        assert list(got.addresses()) == [A[:-1] + "c"], path.name
        (tag,) = got.unmatched
        assert (tag.address, tag.raw, tag.flaw.endswith("; not matched")) == ("", address[:256], True)
        assert got.find(address) == []
        assert any(f"line {line}: address" in note and why in note for note in got.notes), path.name
        assert any("1 rows are kept out of matching" in note for note in got.notes), path.name
        assert all(note.isascii() and note.isprintable() for note in got.notes), path.name
        write_csv(tmp_path / "back.csv", got.every())
        assert list(load(tmp_path / "back.csv").every()) == list(got.every())


def test_many_lookalikes_each_keep_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"0x\u200b{n}\n" for n in range(1, 101)), encoding="utf-8")
    notes = load(path).notes
    assert any("100 rows are kept out" in note for note in notes)
    told = " ".join(notes)
    assert all(f"line {n}:" in told or f" {n}," in told or told.endswith(f" {n}") for n in range(1, 101))
    assert len(load(path).unmatched) == 100


def test_rows_have_exactly_the_columns() -> None:
    rows = to_rows(builtin_tags())
    assert [tuple(row) for row in rows] == [COLUMNS, COLUMNS]
    assert csv_text([]) == ",".join(f'"{name}"' for name in COLUMNS) + "\n"
    assert roundtrip([]) == []
    assert roundtrip(list(builtin_tags())) == list(builtin_tags())


@pytest.mark.parametrize(
    "change",
    [
        {"address": A.upper()},
        {"address": ""},
        {"address": "а"},
        {"label": "l" * 257},
        {"label": "\ud800"},
        {"source": ""},
        {"source": "file:///etc/passwd"},
        {"actor": "\ud800"},
        {"address": "", "raw": "\ud800"},
        {"network": "tron"},
    ],
    ids=ascii,
)
def test_a_tag_that_would_not_come_back_is_not_written(change: dict[str, str]) -> None:
    fields = {"address": A, "label": "l", "source": "s"} | change
    with pytest.raises(ValueError, match=r"normalised|storable"):
        to_rows([Tag(kind=TagKind.OTHER, confidence=1, evidence="E6", sha256="0" * 64, **fields)])


outside = st.text(max_size=256)
addresses = st.one_of(
    st.from_regex(r"0x[0-9a-f]{40}", fullmatch=True),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60).filter(
        lambda text: not (len(text) == 42 and text[:2].lower() == "0x")
    ),
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
tags_of_all_sorts = st.lists(
    st.builds(
        Tag,
        address=addresses,
        label=outside,
        kind=st.sampled_from(TagKind),
        confidence=st.integers(0, 100),
        evidence=st.sampled_from(["E1", "E2", "E3", "E4", "E5", "E6"]),
        source=st.text(min_size=1, max_size=256),
        sha256=hashes,
        date=st.dates().map(str) | st.just(""),
        label_sha256=hashes | st.just(""),
        network=st.sampled_from(["", "near", "polkadot"]),
        actor=st.text(max_size=256),
        first_seen=st.dates(max_value=date(2020, 1, 1)).map(str) | st.just(""),
        last_seen=st.dates().map(str) | st.just(""),
        withdrawn=st.dates(min_value=date(2020, 1, 2)).map(str) | st.just(""),
        raw=st.text(max_size=256),
        flaw=st.text(max_size=300),
    ),
    max_size=8,
)


@pytest.mark.slow
@given(tags_of_all_sorts)
def test_any_tags_come_back(tags: list[Tag]) -> None:
    once = TagSet()
    once.add(tags)
    assert roundtrip(once.tags) == once.tags
    assert roundtrip(roundtrip(once.tags)) == once.tags


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_with_reason(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        try:
            got = load(path)
        except InputError:
            return
        assert roundtrip(got.tags) == got.tags
