"""Reading tags: each format's rules, and every bad input told with its line and field."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dyepack.errors import InputError, UsageError
from dyepack.tags import load as load_module
from dyepack.tags.builtin import builtin_tags
from dyepack.tags.load import load
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A, B = "0x" + "ab" * 20, "0x" + "cd" * 20


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "tags.any") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_csv_row_says_all_of_it_itself(put: Callable[..., Path]) -> None:
    path = put(
        "\ufeff\nAddress,LABEL,kind,confidence,evidence,source,date\r\n"
        f'  {A.upper()} ," Huobi, 33 ",Exchange_Hot,90,e2,court file,2022-04-14\r\n'
    )
    assert load(path, confidence=1, kind="mixer", source="me").tags == [
        Tag(
            address=A,
            label=" Huobi, 33 ",
            kind=TagKind.EXCHANGE,
            confidence=90,
            evidence="E2",
            source="court file",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            date="2022-04-14",
            raw=A.upper(),
        )
    ]


def test_what_a_row_leaves_open_the_caller_says_and_then_the_default(put: Callable[..., Path]) -> None:
    path = put(f"address,name,entity,kind\n{A},,Ent,\n{B},Nam,Ent,sanctioned\n")
    plain = [(t.label, t.kind, t.confidence, t.evidence, t.source) for t in load(path).tags]
    assert plain == [
        ("Ent", TagKind.OTHER, 40, "E6", "tags.any"),
        ("Nam", TagKind.SANCTIONED, 60, "E3", "tags.any"),
    ]
    told = load(path, confidence=0, kind="mixer", source="FBI")
    assert [(t.kind, t.confidence, t.source) for t in told.tags] == [
        (TagKind.MIXER, 0, "FBI"),
        (TagKind.SANCTIONED, 0, "FBI"),
    ]
    assert "1 rows state no kind: taken as other" in load(path).notes[0]


def test_a_kind_that_says_more_is_kept_in_the_label(put: Callable[..., Path]) -> None:
    word = "unrelated_false_positive_trap"
    tags = load(put(f"address,entity,kind\n{A},Euler,{word}\n{B},,{word}\n")).tags
    assert [(t.label, t.kind, t.stop) for t in tags] == [
        (f"Euler [{word}]", TagKind.OTHER, None),
        (word, TagKind.OTHER, None),
    ]


@pytest.mark.parametrize("content", [f'["{A}", "{B}"]', f"# remark\n{A}\r\n\n{B}\n"])
def test_plain_lists(put: Callable[..., Path], content: str) -> None:
    got = load(put(content))
    assert [(t.address, t.kind, t.confidence, t.evidence, t.stop) for t in got.tags] == [
        (A, TagKind.SANCTIONED, 60, "E3", None),
        (B, TagKind.SANCTIONED, 60, "E3", None),
    ]
    assert "taken as sanctioned" in got.notes[0]
    given = load(put(content), kind="mixer", confidence=70)
    assert {(t.kind, t.confidence, t.evidence) for t in given.tags} == {(TagKind.MIXER, 70, "E6")}
    assert not any("sanctioned" in note for note in given.notes)


@pytest.mark.parametrize(
    ("name", "slugs", "kinds"),
    [
        ("Huobi 33", ["huobi"], ["exchange"]),
        ("Huobi Token", ["huobi"], ["other"]),
        ("Huobi: HT TOKEN v2", ["huobi"], ["other"]),
        ("Harmony: Token Bridge", ["bridge"], ["bridge"]),
        ("Wintermute: Binance Deposit", ["binance"], ["exchange_deposit"]),
        ("Bitfinex 1", ["fiat-gateway", "bitfinex"], ["exchange"]),
        ("Tether: USDT Stablecoin", ["bitfinex", "blocked", "stablecoin"], ["other"]),
        ("Tornado.Cash: 1 ETH", ["ofac-sanctions-lists", "tornado-cash"], ["mixer", "sanctioned"]),
        ("Tornado.Cash: Donate", ["donate", "ofac-sanctions-lists", "tornado-cash"], ["sanctioned"]),
        ("Null: 0x00...dEaD", ["burn"], ["burn"]),
        ("Rhino.fi: Bridge", ["dex", "bridge"], ["bridge", "dex"]),
        ("", ["never-heard-of", "blocked"], ["other"]),
        ("", [], ["other"]),
    ],
)
def test_explorer_labels(put: Callable[..., Path], name: str, slugs: list[str], kinds: list[str]) -> None:
    tags = load(put(json.dumps({A: {"name": name, "labels": slugs}}))).tags
    assert [t.kind.value for t in tags] == kinds
    assert {(t.label, t.confidence, t.evidence) for t in tags} == {(name or ", ".join(slugs), 20, "E6")}


def test_explorer_notes_count_what_stops_nothing(put: Callable[..., Path]) -> None:
    entries = {
        A: {"name": "x", "labels": ["odd", "odder"], "url": "u"},
        B: {"name": "X Token", "labels": ["dex"]},
    }
    notes = " ".join(load(put(json.dumps(entries))).notes)
    assert "2 addresses have no label that makes a kind (2 labels are unknown)" in notes
    assert "1 of them are tokens" in notes
    assert "1 entries have fields other than name and labels" in notes


def test_other_shapes_are_kept_as_they_are(put: Callable[..., Path]) -> None:
    shapes = ["bc1qAbC", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "DE89 3704 0044", "0x1234", "0x" + "A" * 64]
    got = load(put("address\n" + "\n".join(f" {s}\t" for s in shapes)))
    assert [t.address for t in got.tags] == shapes
    assert [t.flaw for t in got.tags] == [
        "its checksum does not fit; kept as written",
        "",
        "",
        "begins with 0x but has not 40 hexadecimal digits; kept as written",
        "begins with 0x but has not 40 hexadecimal digits; kept as written",
    ]
    assert any("3 rows have something wrong with their address or source" in note for note in got.notes)


def test_conflicts_and_repeats_are_visible(put: Callable[..., Path]) -> None:
    text = f"address,label,kind\n{A},one,exchange\n{A.upper()},two,mixer\n{A},one,exchange\n{B},,\n{B},x,\n"
    got = load(put(text))
    assert [t.label for t in got.of(A)] == ["one", "two"]
    assert got.conflicts() == [A]
    assert any("1 exact repeats are kept once" in note for note in got.notes)
    assert any("1 addresses have statements that contradict each other" in note for note in got.notes)


def test_an_address_that_stops_is_named_by_the_tag_that_stops_it() -> None:
    tags = TagSet()
    base = {"address": A, "evidence": "E6", "source": "s", "sha256": ""}
    tags.add([Tag(label="o", kind=TagKind.OTHER, confidence=90, **base)])
    more = TagSet(notes=["n"])
    more.add([Tag(label="m", kind=TagKind.MIXER, confidence=20, **base)])
    tags.merge(more)
    tags.merge(more)
    naming = tags.naming(A)
    assert naming is not None
    assert (naming.label, naming.stop, len(tags.tags)) == ("m", Stop.MIXER, 2)
    assert tags.naming(B) is None


def test_builtin() -> None:
    tags = TagSet()
    tags.add(builtin_tags())
    assert {t.address for t in tags.tags} == {"0x" + "0" * 40, "0x" + "0" * 36 + "dead"}
    assert {t.stop for t in tags.tags} == {Stop.BURN}
    assert all(t.source and len(t.sha256) == 64 for t in tags.tags)


def test_header_alone_is_a_list_of_none(put: Callable[..., Path]) -> None:
    got = load(put("address,label\n"))
    assert got.tags == []
    assert got.notes == ["'tags.any': holds no address"]


H = "address,label,kind,confidence,evidence,source,date,sha256,label_sha256\n"
ENTRY = '{"name": "n", "labels": []}'
BAD: dict[str, tuple[str | bytes, int | None, str | None, str]] = {
    "empty": ("", None, None, "is empty"),
    "blank": ("\ufeff \r\n\t\n", None, None, "is empty"),
    "not utf-8": (b"address\n0x\xff\n", 2, None, "not UTF-8 at byte 10"),
    "utf-16": ("address".encode("utf-16"), 1, None, "not UTF-8"),
    "no address column": ("addr,label\n", 1, "address", "missing from the header"),
    "semicolons": ("address;label\nx;y\n", 1, "address", "separated by commas"),
    "column twice": ("address,label,Label\n", 1, "label", "twice"),
    "short row": (f"address,label,kind\n\n{A},x\n", 3, "kind", "2 cells, the header 3"),
    "long row": (f"address,label\n{A},x,y\n", 2, "label", "3 cells, the header 2"),
    "no address": (f"address,label\n{A},x\n  ,y\n", 3, "address", "is empty"),
    "after a label of two lines": (f'address,label\n{A},"x\ny"\n,z\n', 4, "address", "is empty"),
    "open quote": (f'address,label\n{A},"x\n', 2, None, "is not CSV"),
    "stray quote": (f'address,label\n{A},"x"y\n', 2, None, "is not CSV"),
    "confidence 101": (f"address,confidence\n{A},101\n", 2, "confidence", "0 to 100"),
    "confidence -1": (f"address,confidence\n{A},-1\n", 2, "confidence", "0 to 100"),
    "confidence NaN": (f"address,confidence\n{A},NaN\n", 2, "confidence", "0 to 100"),
    "confidence 0.5": (f"address,confidence\n{A},0.5\n", 2, "confidence", "0 to 100"),
    "confidence in Arabic digits": (f"address,confidence\n{A},٣\n", 2, "confidence", "0 to 100"),
    "unknown kind": (f"address,kind\n{A},bank\n", 2, "kind", "use one of: exchange, exchange_deposit"),
    "evidence": (f"address,evidence\n{A},E7\n", 2, "evidence", "E1, E2, E3"),
    "date": (f"address,date\n{A},14.4.2022\n", 2, "date", "YYYY-MM-DD"),
    "no such day": (f"address,date\n{A},2022-02-30\n", 2, "date", "not a day"),
    "source": (f"address,source\n{A},{'s' * 257}\n", 2, "source", "257 characters"),
    "sha256": (f"address,sha256\n{A},AB\n", 2, "sha256", "64 lower-case"),
    "label hash": (
        f"{H}{A},{'l' * 257},,,,,,,{'a' * 64}\n",
        2,
        "label_sha256",
        "not cut",
    ),
    "cut short": (f'{{\n"{A}": {{"name": "n"', 2, None, "is not JSON"),
    "two values": ("[]\n[]", 2, None, "is not JSON"),
    "address twice": (f'{{"{A}": {ENTRY},\n"{A}": {ENTRY}}}', 2, A, "twice"),
    "name twice": (
        f'{{"{A}": {ENTRY},\n"{B}": {{"name": "a:",\n"n\\u0061me": "b", "labels": []}}}}',
        3,
        "name",
        "twice",
    ),
    "NaN": (f'{{"{A}":\n{{"name": "NaN",\n"labels": [NaN]}}}}', 3, None, "NaN is not JSON"),
    "Infinity": ("[1,\n-Infinity]", 2, None, "-Infinity is not JSON"),
    "number of 5000 digits": ("[" + "9" * 5000 + "]", None, "[0]", "is not an address"),
    "deep array": ("[" * 200_000, 1, None, "nested too deep"),
    "deep object": ('{"a":' * 200_000, 1, None, "nested too deep"),
    "deep label": (f'{{"{A}": {{"name": "n", "labels": [[["x"]]]}}}}', 1, f"{A}.labels", "list of texts"),
    "entry of text": (f'{{"{A}": {ENTRY},\n\n"{B}": "Binance"}}', 3, B, "is not an object"),
    "no name": (f'{{"{A}": {{"labels": []}}}}', 1, f"{A}.name", "missing"),
    "no labels": (f'{{"{A}": {{"name": "n"}}}}', 1, f"{A}.labels", "missing"),
    "labels of text": (f'{{"{A}": {{"name": "n", "labels": "dex"}}}}', 1, f"{A}.labels", "list of texts"),
    "no key": (f'{{"  ": {ENTRY}}}', 1, "address", "is empty"),
    "array of numbers": (f'["{A}", 7]', None, "[1]", "not an address"),
    "array of blanks": (f'["{A}", " "]', None, "[1]", "not an address"),
    "YAML": ("title: a TagPack\ntags:\n  - address: x\n", 3, "label", "is missing"),
    "XML": ("<?xml version='1.0'?>\n<sdnList/>\n", 2, None, "holds no sanctioned party"),
    "XML of another kind": ("<html>\n<body/></html>", 1, None, "its root is 'html'"),
    "first seen": (f"address,first_seen\n{A},2022-13-01\n", 2, "first_seen", "not a day"),
    "withdrawn before": (f"address,first_seen,withdrawn\n{A},2022-01-02,2022-01-01\n", 2, "withdrawn", "before"),
    "flaw": (f"address,flaw\n{A},{'f' * 2001}\n", 2, "flaw", "2001 characters"),
    "no address and nothing written": ("address,raw\n,\n", 2, "address", "is empty"),
    "prose": (f"{A}\nnot an address\n", 2, None, "one address a line"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_with_its_place(put: Callable[..., Path], case: str) -> None:
    content, line, field, says = BAD[case]
    path = put(content)
    with pytest.raises(InputError) as caught:
        load(path)
    error = caught.value
    assert (error.file, error.line, error.field) == (str(path), line, field)
    assert says in str(error)
    assert error.remedy


def test_files_that_are_none(tmp_path: Path, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(load_module, "MAX_BYTES", 10)
    for path, says in [
        (tmp_path, "is a folder"),
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path / "pipe", "not a plain file"),
        (put("address\n" + A), "more than 10 bytes"),
    ]:
        with pytest.raises(InputError, match=says):
            load(path)
    assert load(put("address\nx\n"), kind="other").tags[0].address == "x"


def test_a_sparse_file_over_the_limit_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(load_module.MAX_BYTES + 1)
    with pytest.raises(InputError, match="more than 209715200 bytes"):
        load(path)


def test_words_of_the_caller_that_make_no_sense(put: Callable[..., Path]) -> None:
    path = put(f'{{"{A}": {ENTRY}}}')
    with pytest.raises(UsageError, match="not 0 to 100"):
        load(path, confidence=101)
    with pytest.raises(UsageError, match="exchange_deposit"):
        load(path, kind="bank")
    with pytest.raises(UsageError, match="1 to 256 characters"):
        load(path, source="")
    with pytest.raises(UsageError, match="state their own kinds"):
        load(path, kind="mixer")


def test_importing_the_loader_is_light() -> None:
    code = "import sys, dyepack.tags.load; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert "dyepack.tags.load" in loaded
    assert loaded.isdisjoint({"numba", "numpy", "pandas", "pyarrow"})
