"""Every kind of bad input, through the command line: one clear sentence with a hint, and nothing that was there is lost."""

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


def cut(name: str) -> Callable[[], None]:
    return lambda: column(name).write_bytes(column(name).read_bytes()[:-1]) and None


def edit(file: str, old: str, new: str) -> Callable[[], None]:
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
    Bad("truncated CSV", IMPORT, ("x.csv", "line 3", "fields"), {"x.csv": table(*ROWS)[:-150]}),
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
    Bad("covers malformed", (*IMPORT, "--covers", "who"), ("malformed address 'zz'",),
        {"x.csv": table(*ROWS), "who": "zz\n"}),
    Bad("covers missing", (*IMPORT, "--covers", "who"), ("who", "cannot be read"), {"x.csv": table(*ROWS)}),
    theft("theft is not TOML", "id = ", "x.toml", "TOML", "line 1"),
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
    theft("no such asset", THEFT.replace("native", "gold"), "asset 'gold'"),
    theft("wrong asset", THEFT.replace("native", ABSENT), f"asset '{ABSENT}'"),
    theft("wrong sender", THEFT + f"from = '{C}'\n", "no such move"),
    theft("ledger of another chain", THEFT.replace("'test'", "'ethereum'"), "'ethereum'", "'test'"),
    theft("outflow of an unknown address", f"id='t'\nchain='test'\n[[leg]]\nasset='native'\n[[leg.outflow]]\n"
          f"address='{ABSENT}'\n", ABSENT, "not in the ledger"),
    Bad("no such theft file", TRACE, ("x.toml", "cannot be read")),
    Bad("no theft", ("trace", "-l", "L", "--out", "new"), ("what was stolen", "--theft"), code=2),
    Bad("no such ledger", ("trace", "-l", "nope", "--theft", "theft.toml"), ("nope is not a ledger",)),
    words("rule lifo", "--rule lifo", "'lifo'", "lifo-a", "lifo-b"),
    words("rule unknown", "--rule best", "'best'", "fifo", "haircut"),
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
    words("fees unknown", "--fees some", "'some'"),
    words("no such tag file", "--tags nope.csv", "nope.csv", "does not exist", code=1),
    words("kind of list unknown", "--tag-list foes=good.csv", "'foes'"),
    words("list is no tag file", "--tag-list exchange=good.csv", "good.csv", "line 1", "'address'", code=1),
    words("json and csv", "--json --csv", "exclude", fault="the case is written before the words are refused"),
    words("hops negative", "--hops -1", "--hops", fault="faults found by Typer have no hint line"),
    words("option unknown", "--colour red", "--colour", fault="faults found by Typer have no hint line"),
    words("page in no folder", "--html no/x.html", "no/x.html", code=1, fault="FileNotFoundError escapes"),
    words("ledger in the place of the page", "--html L", "L", code=1, fault="IsADirectoryError escapes"),
    words("follow and stop at once", f"--stop {B}=x --follow {B}=y", B, fault="--follow wins without a word"),
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
    Bad("newer format", GOOD, ("format 2", "reads 1"), change=edit("manifest.json", '"format": 1', '"format": 2')),
    Bad("manifest cut short", GOOD, ("manifest", "damaged"), change=cut("manifest.json") and
        (lambda: column("manifest.json").write_bytes(column("manifest.json").read_bytes()[:-9]) and None)),
    Bad("column changed, checked", ("ledger", "info", "L", "--check"), ("move_time", "changed"),
        change=lambda: None, fault="") if False else
    Bad("column changed, checked", ("ledger", "info", "L", "--check"), ("move_kind", "changed"),
        change=lambda: column("move_kind.npy").write_bytes(column("move_kind.npy").read_bytes()[:-1] + b"\x02") and None),
    Bad("oversize list missing, checked", ("ledger", "info", "L", "--check"), ("oversize",),
        change=lambda: column("oversize.jsonl").unlink(), fault="FileNotFoundError escapes"),
    Bad("manifest changed, checked", ("ledger", "info", "L", "--check"), ("manifest",),
        change=edit("manifest.json", '"decimals": 0', '"decimals": 6'), fault="the manifest's own hash is not checked"),
]  # fmt: skip
