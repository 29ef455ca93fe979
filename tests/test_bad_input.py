"""Every kind of bad input, through the command line: one clear sentence with a hint, and nothing is lost."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dyepack.cli.app import main

A, B, C = ("0x" + digit * 40 for digit in "123")
ABSENT = "0x" + "9" * 40
H1, H2, H3 = (f"0x{n:064x}" for n in (1, 2, 3))
MOST = (1 << 128) - 1
HEAD = "time,block,tx,from,to,amount,index"
ROWS = [f"100,1,{H1},{A},{B},10,0", f"200,2,{H2},{B},{C},4,0", f"300,3,{H3},{C},{A},1,0"]
LEG = f"[[leg]]\nasset = 'native'\n[[leg.move]]\ntx = '{H1}'\n"
THEFT = f"id = 't'\nchain = 'test'\n{LEG}"
IMPORT = ("import", "transfers", "x.csv", "-l", "L", "--replace", "--chain", "test", "--asset", "native")
TRACE = ("trace", "-l", "L", "--theft", "x.toml", "--out", "new")
GOOD = ("trace", "-l", "L", "--theft", "theft.toml", "--out", "new")
HOSTILE = "\x1b[31mred[bold]x[/]\x1b]0;t\x07 \u202egnihtyna\u202c <script>"


def table(*rows: str, head: str = HEAD) -> str:
    return "\n".join((head, *rows)) + "\n"


def run(*words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def ok(*words: str) -> None:
    assert run("-q", *words) == 0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound ledger L, theft.toml and case K."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "good.csv").write_text(table(*ROWS))
    (folder / "theft.toml").write_text(THEFT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ok("import", "transfers", "good.csv", "-l", "L", "--chain", "test", "--asset", "native")
        ok("trace", "-l", "L", "--theft", "theft.toml", "--out", "K")
    return folder


@pytest.fixture
def desk(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template to work in."""
    folder = tmp_path / "desk"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every path below a folder, with the hash of the files."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder"
        for p in sorted(folder.rglob("*"))
    }


def column(name: str) -> Path:
    """A file of the ledger."""
    return next(Path("L").glob(f"*/{name}"))


def cut(name: str, by: int = 1) -> Callable[[], None]:
    """Take the last bytes off a file of the ledger."""

    def change() -> None:
        column(name).write_bytes(column(name).read_bytes()[:-by])

    return change


def spoil(name: str) -> Callable[[], None]:
    """Change the last byte of a file of the ledger."""

    def change() -> None:
        raw = column(name).read_bytes()
        column(name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))

    return change


def edit(file: str, old: str, new: str) -> Callable[[], None]:
    """Put `new` in the place of `old` in a file, of the ledger if there is none of that name here."""

    def change() -> None:
        path = Path(file) if Path(file).exists() else column(file)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return change


@dataclass
class Bad:
    """One fault: files to write or a change to make, the command, and what its one sentence must say."""

    name: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    files: dict[str, str | bytes] = field(default_factory=dict)
    change: Callable[[], None] | None = None
    code: int = 1
    fault: str = ""
    """A known fault of the program that this row shows."""


def rows(name: str, row: str, *says: str, head: str = HEAD) -> Bad:
    """A bad second row of an import over the ledger that is there."""
    return Bad(name, IMPORT, ("x.csv", "line 3", *says), {"x.csv": table(ROWS[0], row, head=head)})


def theft(name: str, text: str, *says: str, code: int = 1) -> Bad:
    return Bad(name, TRACE, says, {"x.toml": text}, code=code)


def words(name: str, extra: str, *says: str, code: int = 2, fault: str = "") -> Bad:
    """Bad words after an otherwise good trace."""
    return Bad(name, (*GOOD, *extra.split()), says, code=code, fault=fault)


BAD = [
    Bad("truncated CSV", IMPORT, ("x.csv", "line 4", "fields"), {"x.csv": table(*ROWS)[:-150]}),
    Bad("truncated gzip", IMPORT, ("x.csv", "gzip"), {"x.csv": b"\x1f\x8b\x08\0\0\0\0\0\0\3abc"}),
    Bad("truncated Parquet", IMPORT, ("x.csv", "Parquet"), {"x.csv": b"PAR1\0\0\0"}),
    Bad("empty file", IMPORT, ("x.csv", "empty"), {"x.csv": ""}),
    Bad("header only", IMPORT, ("x.csv", "no move"), {"x.csv": table()}),
    Bad("no such file", IMPORT, ("x.csv", "does not exist")),
    Bad("wrong columns", IMPORT, ("x.csv", "no column 'from', 'to'"), {"x.csv": "time,block,tx,amount\n1,1,a,1\n"}),
    rows("negative amount", f"200,2,{H2},{B},{C},-4,0", "column 'amount'", "'-4'"),
    rows("amount is a word", f"200,2,{H2},{B},{C},four,0", "column 'amount'", "'four'"),
    rows("amount with exponent", f"200,2,{H2},{B},{C},1e3,0", "column 'amount'", "'1e3'"),
    rows("amount of 300 digits", f"200,2,{H2},{B},{C},{'9' * 300},0", "column 'amount'"),
    rows("amount over 256 bits", f"200,2,{H2},{B},{C},{1 << 256},0", "column 'amount'"),
    rows("amount missing", f"200,2,{H2},{B},{C},,0", "column 'amount'", "missing"),
    rows("malformed address", f"200,2,{H2},{B},{C[:-1]},4,0", "column 'to'"),
    rows("address with escape", f"200,2,{H2},{B},{C[:-4]}\x1b[0m,4,0", "column 'to'"),
    rows("same identity, other amount", f"100,1,{H1},{A},{B},11,0", "two different moves", "x.csv, line 2"),
    Bad("ledger is in the way", tuple(w for w in IMPORT if w != "--replace"), ("L already holds", "--replace"),
        {"x.csv": table(*ROWS)}),
    Bad("other files in the way", ("import", "transfers", "good.csv", "-l", ".", "--chain", "t", "--asset", "n"),
        ("other files",)),
    Bad("covers malformed", (*IMPORT, "--covers", "who"), ("who, line 2", "malformed address 'zz'"),
        {"x.csv": table(*ROWS), "who": f"{A}\nzz\n"}),
    Bad("covers too short", (*IMPORT, "--covers", "who"), ("who, line 3", "malformed address"),
        {"x.csv": table(*ROWS), "who": f"address,name\n{A},a\n{B[:-1]},b\n"}),
    Bad("covers others", (*IMPORT, "--covers", "who"), ("who", "none of its addresses"),
        {"x.csv": table(*ROWS), "who": ABSENT}),
    Bad("place that cannot be written", tuple("/proc/no/L" if w == "L" else w for w in IMPORT),
        ("/proc/no/L", "cannot be written"), {"x.csv": table(*ROWS)}),
    Bad("ledger is in the way, before files are read", ("import", "transfers", "nope.csv", "-l", "L", "--chain", "t",
        "--asset", "n"), ("L already holds",)),
    Bad("covers missing", (*IMPORT, "--covers", "who"), ("who", "cannot be read"), {"x.csv": table(*ROWS)}),
    theft("theft is not TOML", "id = x\n", "x.toml", "TOML", "line 1"),
    theft("theft key unknown", THEFT.replace("[[leg]]", "colour = 1\n[[leg]]", 1), "x.toml", "'colour'", "not known"),
    theft("leg key unknown", THEFT + "colour = 1\n", "leg 1, move 1", "'colour'"),
    theft("theft key missing", THEFT.replace("chain = 'test'\n", ""), "x.toml", "'chain'", "is missing"),
    theft("theft without a leg", "id = 't'\nchain = 'test'\n", "no [[leg]]"),
    theft("id is a number", THEFT.replace("'t'", "7", 1), "'id'", "must be text"),
    theft("victim is text", "victim = 'x'\n" + THEFT, "'victim'", "list of texts"),
    theft("leg is no table", "leg = 3\nid = 't'\nchain = 'test'\n", "'leg'"),
    theft("index is true", THEFT + "index = true\n", "'index'", "whole number"),
    theft("since is text", THEFT.replace("move]]\ntx =", "outflow]]\nsince='x'\naddress =", 1), "'since'", "date"),
    theft("deposit without evidence", f"{THEFT}[[leg.deposit]]\nto='{B}'\namount='1'\nblock=1\n", "'evidence'"),
    theft("deposit without amount", f"{THEFT}[[leg.deposit]]\nto='{B}'\nblock=1\nevidence='e'\n", "'amount'"),
    theft("deposit too exact", f"{THEFT}[[leg.deposit]]\nto='{B}'\namount='1.5'\nblock=1\nevidence='e'\n", "'1.5'"),
    theft("theft not in the ledger", THEFT.replace(H1, H1[:-1] + "f"), "'t'", "f'", "not in the ledger"),
    theft("wrong asset", THEFT.replace("native", ABSENT), f"asset '{ABSENT}'"),
    theft("wrong sender", THEFT + f"from = '{C}'\n", "no such move"),
    theft("ledger of another chain", THEFT.replace("'test'", "'ethereum'"), "'ethereum'", "'test'"),
    theft("outflow of an unknown address", f"id='t'\nchain='test'\n[[leg]]\nasset='native'\n[[leg.outflow]]\n"
          f"address='{ABSENT}'\n", ABSENT, "not in the ledger"),
    Bad("no such theft file", TRACE, ("x.toml", "cannot be read")),
    Bad("no theft", ("trace", "-l", "L", "--out", "new"), ("what was stolen", "--theft"), code=2),
    Bad("no such ledger", ("trace", "-l", "nope", "--theft", "theft.toml"), ("nope is not a ledger",)),
    words("rule lifo", "--rule lifo", "'lifo'", "lifo-a", "lifo-b"),
    words("poison as the headline", "--rule poison", "poison", "headline"),
    words("haircut backward", "--rule haircut --backward", "haircut", "backward", "fifo"),
    words("stop at an unknown address", f"--stop {ABSENT}=why", ABSENT, code=1),
    words("follow what is no address", "--follow zz=why", "'zz'", code=1),
    words("cut-off without amount", "--cut-off native", "ASSET=AMOUNT"),
    words("cut-off is a word", "--cut-off native=abc", "'abc'"),
    words("cut-off is negative", "--cut-off native=-1", "'-1'"),
    words("cut-off of an unknown asset", "--cut-off gold=1", "'gold'"),
    words("until is a word", "--until soon", "'soon'", "not a date"),
    words("until is no day", "--until 2022-02-30", "'2022-02-30'"),
    words("until before the theft", "--until 0001-01-01", "before the date limit", code=1),
    words("hops beyond measure", "--hops 100000000000000000000000", "--hops"),
    words("fees unknown", "--fees some", "'some'"),
    words("no such tag file", "--tags nope.csv", "nope.csv", "does not exist", code=1),
    words("kind of list unknown", "--tag-list foes=good.csv", "'foes'"),
    words("list is no tag file", "--tag-list exchange=good.csv", "good.csv", "line 1", "'address'", code=1),
    words("json and csv", "--json --csv", "exclude"),
    words("hops negative", "--hops -1", "--hops"),
    words("option unknown", "--colour red", "--colour"),
    words("page in no folder", "--html no/x.html", "no/x.html", code=1),
    words("follow and stop at once", f"--stop {B}=x --follow {B}=y", B),
    Bad("case folder exists", (*GOOD[:-1], "K"), ("K already exists", "--replace")),
    Bad("other folder is no case", (*GOOD[:-1], "L", "--replace"), ("L is not a case",)),
    Bad("tags: broken row", (*GOOD, "--tags", "x.csv"), ("x.csv", "line 2", "cells"), {"x.csv": "address,label\n1\n"}),
    *(Bad(f"{name} changed by one byte", ("statement", "K"), (f"K/{name}", "changed"), change=edit(f"K/{name}", a, b))
      for name, a, b in (("moves.csv", "carried", "carriee"), ("statement.json", '"t"', '"u"'), ("case.json", "f", "g"),
                         ("tags.csv", "address", "addresr"), ("thefts/1-t.toml", "id", "ie"))),
    Bad("case without its statement", ("statement", "K"), ("K", "statement.json"),
        change=lambda: Path("K/statement.json").unlink()),
    Bad("no such case", ("statement", "nope"), ("nope is not a whole case",)),
    Bad("rerun on another ledger", ("rerun", "K", "-l", "other"), ("other is not the ledger of this case",),
        change=lambda: ok("import", "transfers", "theft.csv", "-l", "other", "--chain", "t", "--asset", "native"),
        files={"theft.csv": table(ROWS[0])}),
    *(Bad(f"column {name} cut short", GOOD, (name, "missing or damaged"), change=cut(name))
      for name in ("move_amount.npy", "move_kind.npy", "entry.npy", "tx_id.npy")),
    Bad("column missing", GOOD, ("move_from.npy", "missing"), change=lambda: column("move_from.npy").unlink()),
    Bad("column of another length", GOOD, ("move_from.npy", "damaged"),
        change=lambda: (column("move_from.npy").write_bytes(column("gap_move.npy").read_bytes()), None)[1]),
    Bad("newer format", GOOD, ("format 2", "reads 1"), change=edit("manifest.json", '"format": 1', '"format": 2')),
    Bad("manifest cut short", GOOD, ("manifest", "damaged"), change=cut("manifest.json", 9)),
    Bad("column changed, checked", ("ledger", "info", "L", "--check"), ("move_kind", "changed"),
        change=spoil("move_kind.npy")),
    Bad("oversize list missing, checked", ("ledger", "info", "L", "--check"), ("oversize",),
        change=lambda: column("oversize.jsonl").unlink()),
    Bad("manifest changed, checked", ("ledger", "info", "L", "--check"), ("manifest",),
        change=edit("manifest.json", '"decimals": 0', '"decimals": 6')),
    Bad("manifest without a column", GOOD, ("manifest", "changed since the import"),
        change=edit("manifest.json", '"gap_move"', '"entry"')),
]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [pytest.param(b, id=b.name, marks=[pytest.mark.xfail(reason=b.fault)] if b.fault else []) for b in BAD],
)
def test_bad_input_is_one_clear_error(bad: Bad, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in bad.files.items():
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    if bad.change is not None:
        bad.change()
    capsys.readouterr()
    before = contents(desk)
    code = run(*bad.words)
    shown = capsys.readouterr()
    assert code == bad.code, shown.err
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["dyepack", "hint"], shown.err
    assert all(line.partition(":")[2].strip() for line in lines)
    for word in bad.says:
        assert word in shown.err
    assert "\x1b" not in shown.err
    assert contents(desk) == before


def test_the_same_trace_without_a_fault_works(desk: Path) -> None:
    """What the rows of the table spoil is sound."""
    ok(*GOOD)
    assert contents(desk / "new") == contents(desk / "K")
    Path("x.csv").write_text(table(*ROWS))
    ok(*IMPORT)
    ok("ledger", "info", "L", "--check")


def imported(capsys: pytest.CaptureFixture[str], text: str, *extra: str) -> dict[str, object]:
    """The manifest of an import of a table, as JSON."""
    Path("x.csv").write_text(text)
    capsys.readouterr()
    assert run("-q", *IMPORT, *extra, "--json") == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def counts(manifest: dict[str, object]) -> dict[str, int]:
    found = manifest["counts"]
    assert isinstance(found, dict)
    return found


MIXED = [
    f"{block}00,{block},0x{10 * block + log:064x},{(A, B, C)[log % 3]},{(B, C, A)[log % 3]},{7 * block + log + 1},{log}"
    for block in range(1, 6)
    for log in range(5)
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_unsorted_rows_give_the_same_ledger(desk: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    """Every column to its hash; only the hash of the input file itself differs (the manifest names its inputs)."""
    one = imported(capsys, table(*MIXED))
    shuffled = MIXED[:]
    random.Random(seed).shuffle(shuffled)
    two = imported(capsys, table(*shuffled))
    assert shuffled != MIXED
    assert one["inputs"] != two["inputs"]
    for part in ("inputs", "sha256"):
        del one[part], two[part]
    assert one == two


def test_newest_first_rows_without_blocks_are_put_in_order_of_time(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = [f"36000,{H2},{B},{C},4", f"32400,{H1},{A},{B},10"]
    Path("x.csv").write_text(table(*day, head="time,tx,from,to,amount"))
    ok(*IMPORT)
    capsys.readouterr()
    assert run("-q", "trace", "-l", "L", "--tx", H1, "--json") in (0, 4)
    places = {t["place"]: t["amounts"]["fifo"] for t in json.loads(capsys.readouterr().out)["terminals"]}
    assert places == {B: "6", C: "4"}


def test_duplicate_rows_are_dropped_and_counted(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = imported(capsys, table(*ROWS))
    twice = imported(capsys, table(*ROWS, ROWS[1], ROWS[1]))
    assert (counts(twice)["rows"], counts(twice)["duplicate_rows"], counts(twice)["duplicate_moves"]) == (5, 2, 2)
    assert twice["columns"] == clean["columns"]
    assert run("ledger", "info", "L") == 0
    assert "duplicate rows" in capsys.readouterr().out


def test_the_manifest_counts_the_moves_that_are_there(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert counts(imported(capsys, table(*ROWS, ROWS[1], ROWS[1])))["moves"] == 3


def test_a_file_cut_in_its_last_field_is_noted(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cut that leaves a whole record cannot be told from a short file: it is said, here and in the statement."""
    Path("x.csv").write_text(table(*ROWS).rstrip("\n"))
    assert run(*IMPORT) == 0
    assert "cut short" in capsys.readouterr().err
    assert run(*GOOD) == 0
    assert "cut short" in capsys.readouterr().out


def test_two_equal_transfers_of_one_transaction_are_both_kept(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = imported(capsys, table(f"100,1,{H1},{A},{B},10,0", f"100,1,{H1},{A},{B},10,1"))
    assert counts(found)["moves"] == 2
    assert not counts(found).get("duplicate_rows")
    capsys.readouterr()
    assert run("-q", "trace", "-l", "L", "--tx", H1, "--json") in (0, 4)
    assert json.loads(capsys.readouterr().out)["sources"][0]["amount"] == "20"


def test_one_transaction_in_two_blocks_is_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.csv").write_text(table(ROWS[0], f"200,2,{H1},{A},{B},10,0"))
    before = contents(desk)
    assert run(*IMPORT) == 1
    shown = capsys.readouterr().err
    assert "x.csv, line 2" in shown
    assert "x.csv, line 3" in shown
    assert contents(desk) == before


def test_a_reference_of_books_may_come_again(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = imported(capsys, table(f"100,1,rent,{A},{B},10,0", f"200,2,rent,{A},{B},10,0"))
    assert counts(found)["transactions"] == 2
    assert any("comes again" in str(note) for note in json.loads(json.dumps(found["notes"])))


def test_the_largest_amount_works_and_a_larger_one_is_kept_raw_and_counted(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"100,1,{H1},{A},{B},{MOST},0", f"200,2,{H2},{B},{C},{MOST},0", f"300,3,{H3},{B},{C},{MOST + 1},0"]
    found = imported(capsys, table(*rows))
    assert (counts(found)["moves"], counts(found)["oversize_moves"]) == (2, 1)
    raw = [json.loads(line) for line in column("oversize.jsonl").read_text().splitlines()]
    assert [(r["row"], r["tx_id"], r["sender"], r["receiver"], r["amount"]) for r in raw] == [
        (4, H3, B, C, str(MOST + 1))
    ]
    assert run("ledger", "info", "L", "--check") == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "oversize moves" in line] == ["1"]
    assert run("trace", "-l", "L", "--theft", "theft.toml", "--out", "big") in (0, 4)
    shown = capsys.readouterr().out
    assert f"{MOST:,} native" in shown
    assert "1 moves with amounts over 128 bits" in shown
    case = json.loads(Path("big/statement.json").read_text())
    assert {t["place"]: t["amounts"]["fifo"] for t in case["terminals"]} == {C: str(MOST)}
    assert any("over 128 bits" in note for note in case["notes"])


def test_a_file_with_nothing_but_an_oversize_amount_loses_nothing(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = f"100,1,{H1},{A},{B},{MOST + 1},0"
    found = counts(imported(capsys, table(row, row)))
    assert (found["moves"], found["rows"], found["oversize_moves"], found["oversize_duplicates"]) == (0, 2, 1, 1)
    assert len(column("oversize.jsonl").read_text().splitlines()) == 1
    assert run("ledger", "info", "L", "--check") == 0


def test_a_hostile_label_is_shown_harmless_and_kept_whole(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("tags.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["address", "label", "kind"], [B, HOSTILE, "other"], [C, "=1+1", "exchange"]])
    capsys.readouterr()
    assert run(*GOOD, "--tags", "tags.csv", "--html", "p.html") == 0
    for words in (["statement", "new", "--all"], ["statement", "new", "--csv"], ["path", "new", C]):
        assert run(*words) == 0
        shown = capsys.readouterr()
        for text in (shown.out, shown.err):
            assert not set(text) & set("\x1b\x07\u202e\u202c")
        if words[0] == "statement":
            assert "⟦U+001B⟧[31mred[bold]x[/]" in shown.out
    assert "<script>" not in Path("p.html").read_text().split("</title>")[1].split("<style")[0]
    with Path("new/tags.csv").open(newline="", encoding="utf-8") as file:
        assert {r["address"]: r["label"] for r in csv.DictReader(file)} == {B: HOSTILE, C: "=1+1"}
