"""The command line: help, machine output, streams, exit codes, the demo, paths, and how little it imports."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dyepack.case.folder import Case
from dyepack.cli.app import app, main
from dyepack.sinks import for_csv
from dyepack.synthetic.story import tell
from tests.ledgers import tx_hash
from tests.test_bad_input import H1, ROWS, A, B, C, table

PROGRAM = [sys.executable, "-c", "from dyepack.cli.app import main; main()"]
AMOUNTS = {"amount", "put_in", "swapped_in", "swapped_out", "units", "value", "fresh", "route_units"}
TABLES = {"amounts", "by_leg", "parts"}
CSV_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def start(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own, its output piped."""
    return subprocess.run(
        [*PROGRAM, *words], cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | env
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo in `d`; what it printed is in `out` and `err`."""
    folder = tmp_path_factory.mktemp("demo")
    done = start("demo", "--out", "d", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "out").write_text(done.stdout)
    (folder / "err").write_text(done.stderr)
    return folder


class Shell:
    """Runs commands in this process and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str | Path, code: int = 0) -> tuple[str, str]:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(w) for w in words])
        shown = self.capsys.readouterr()
        assert (left.value.code or 0) == code, shown.err
        return shown.out, shown.err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Path:
    """A small ledger L whose last place has a label that begins like a formula."""
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text(table(*ROWS))
    with Path("tags.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["address", "label", "kind"], [B, "@SUM(1)", "other"], [C, "=1+1", "exchange"]])
    shell("-q", "import", "transfers", "x.csv", "-l", "L", "--chain", "test", "--asset", "native")
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*")) if p.is_file()
    }  # fmt: skip


def commands(found: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group of the program, as its words."""
    yield words
    for name, inner in getattr(found, "commands", {}).items():
        yield from commands(inner, (*words, name))


EVERY = list(commands(typer.main.get_command(app)))


def test_the_list_of_commands_is_whole() -> None:
    assert {("trace",), ("statement",), ("import", "etl"), ("ledger", "info")} < set(EVERY)
    assert len(EVERY) >= 13


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_every_command(words: tuple[str, ...], flag: str, shell: Shell) -> None:
    out, err = shell(*words, flag)
    usage, _, rest = out.partition("\n\n")
    assert usage.startswith("Usage: ")
    assert usage.split(" [OPTIONS]")[0].endswith(" ".join(words))
    assert rest.strip().split("\n")[0].strip()
    assert not rest.strip().startswith("Options:")
    assert not err


def test_top_level_help_lists_the_exit_codes(shell: Shell) -> None:
    codes = " ".join(shell("--help")[0].split("Exit codes:")[1].split())
    for code in ("0 done", "1 failure", "2 the words", "3 a hit", "4 the answer is incomplete", "5 a list", "130 "):
        assert code in codes


@pytest.mark.parametrize("words", [["--help"], ["trace", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nimport dyepack.cli.app as cli\n"
        f"try: cli.main({words!r})\nexcept SystemExit: pass\n"
        "heavy = ('numpy', 'numba', 'pyarrow', 'rich.table', 'jinja2')\n"
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stderr.strip() == "[]"


def check_amounts(value: Any, key: str = "") -> int:
    """No float and no large number anywhere, and amounts are texts; how many amounts there are."""
    if isinstance(value, dict):
        if key in TABLES:
            assert all(isinstance(v, str) and v.isdigit() for v in value.values())
            return len(value)
        return sum(check_amounts(v, k) for k, v in value.items())
    if isinstance(value, list):
        return sum(check_amounts(v, key) for v in value)
    assert not isinstance(value, float)
    assert not isinstance(value, int) or value < 1 << 53
    assert key not in AMOUNTS or (isinstance(value, str) and value.isdigit()), key
    return key in AMOUNTS


def test_json_parses_and_amounts_are_texts(demo: Path, shell: Shell) -> None:
    case, ledger = demo / "d/case", demo / "d/ledger"
    shown = {
        "statement": shell("statement", case, "--json", code=4)[0],
        "trace": shell("trace", "-l", ledger, "--theft", demo / "d/theft.toml", "--tags", case / "tags.csv", "--json",
                       code=4)[0],
        "path": shell("path", case, "mixer", "--json")[0],
        "demo": shell("demo", "--out", demo / "again", "--json")[0],
    }  # fmt: skip
    for text in shown.values():
        assert check_amounts(json.loads(text)) > 5
    kept = (case / "statement.json").read_text()
    assert json.loads(kept) == json.loads(shown["statement"]) == json.loads(shown["trace"]) == json.loads(shown["demo"])
    assert json.loads(shell("ledger", "info", ledger, "--json")[0])["chain"] == tell().chain
    assert {r["name"] for r in json.loads(shell("rules", "--json")[0])["rules"]} > {"fifo", "poison"}


def cells(text: str) -> list[list[str]]:
    found = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in found}) == 1
    assert len(found) > 1
    return found


def test_csv_cannot_run_as_a_formula(bench: Path, shell: Shell) -> None:
    words = ("trace", "-l", "L", "--tx", H1, "--tags", "tags.csv", "--out", "K")
    texts = [shell(*words, "--csv")[0], shell("statement", "K", "--csv")[0], shell("path", "K", C, "--csv")[0]]
    assert "'=1+1" in texts[0]
    assert "'@SUM(1)" in texts[0]
    assert texts[0] == texts[1]
    for text in [*texts, Path("K/moves.csv").read_text()]:
        for row in cells(text):
            assert all(cell == for_csv(cell) for cell in row)
            assert not any(cell[:1] in "=+-@" and not CSV_NUMBER.fullmatch(cell) for cell in row if cell)


def test_csv_cells_hold_together_where_semicolons_separate(bench: Path, shell: Shell) -> None:
    Path("tags.csv").write_text(f"address,label,kind\n{C},Huobi;=1+1,exchange\n")
    text = shell("trace", "-l", "L", "--tx", H1, "--tags", "tags.csv", "--csv")[0]
    assert '"Huobi;=1+1"' in text


def test_csv_and_json_of_a_statement_agree(demo: Path, shell: Shell) -> None:
    text = shell("statement", demo / "d/case", "--csv", code=4)[0]
    rows = list(csv.DictReader(io.StringIO(text)))
    terminals = json.loads((demo / "d/case/statement.json").read_text())["terminals"]
    assert [(r["place"], r["base_units"], r["poison_base_units"]) for r in rows] == [
        (t["place"], t["amounts"]["fifo"], t["amounts"]["poison"]) for t in terminals
    ]


def on_terminal(*words: str, **env: str) -> str:
    """What the program writes to a terminal."""
    ours, its = pty.openpty()
    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | {"TERM": "xterm"} | env
    child = subprocess.Popen([*PROGRAM, *words], stdout=its, stderr=subprocess.DEVNULL, env=settings)
    os.close(its)
    out = b""
    try:
        while part := os.read(ours, 1 << 16):
            out += part
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    child.wait()
    return out.decode()


@pytest.mark.slow
def test_colour_only_on_a_terminal_that_wants_it(demo: Path) -> None:
    case = str(demo / "d/case")
    assert "\x1b" not in (demo / "out").read_text() + (demo / "err").read_text()
    assert "\x1b" not in start("statement", case, TERM="xterm-256color").stdout
    assert "\x1b" in on_terminal("statement", case)
    assert not re.search(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])", on_terminal("statement", case, NO_COLOR="1"))


def test_no_color_gives_no_escape_codes_at_all(demo: Path) -> None:
    assert "\x1b" not in on_terminal("statement", str(demo / "d/case"), NO_COLOR="1")


def test_data_and_notes_go_their_own_ways(bench: Path, shell: Shell) -> None:
    words = ("trace", "-l", "L", "--tx", H1, "--out", "K", "--replace", "--html", "p.html", "--json")
    out, err = shell(*words)
    json.loads(out)
    assert err.splitlines() == ["case written to K", "page written to p.html"]
    assert shell("-q", *words) == (out, "")
    assert shell("statement", "K", "--json", "--out", "s.json") == ("", "")
    assert json.loads(Path("s.json").read_text()) == json.loads(out)
    out, err = shell("import", "transfers", "x.csv", "-l", "M", "--chain", "test", "--asset", "native", "--json")
    assert json.loads(out)["counts"]["moves"] == 3
    assert not err


def test_exit_codes(demo: Path, bench: Path, shell: Shell) -> None:
    shell("trace", "-l", "L", "--tx", H1, code=0)
    shell("trace", "-l", "L", "--tx", tx_hash(99), code=1)
    shell("trace", "-l", "L", code=2)
    shell("nonsense", code=2)
    shell(code=2)
    shell("statement", demo / "d/case", code=4)
    assert start("statement", str(demo / "d/case")).returncode == 4
    assert start("--version").stdout.startswith("dyepack ")


def test_a_closed_pipe_is_no_crash(demo: Path) -> None:
    ours, its = os.pipe()
    os.close(ours)
    done = subprocess.run([*PROGRAM, "statement", str(demo / "d/case"), "--json"], stdout=its, stderr=subprocess.PIPE,
                          check=False)  # fmt: skip
    os.close(its)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_demo_writes_what_it_says(demo: Path, shell: Shell) -> None:
    made = files(demo / "d")
    assert {p.split("/")[0] for p in made} == {
        "ledger",
        "case",
        "theft.toml",
        "tags.csv",
        "statement.html",
        ".dyepack-demo",
    }
    said = (demo / "out").read_text()
    assert str((demo / "d/statement.html").resolve()) in said
    assert "the books balance" in said
    assert "ledger, theft and case are in d" in (demo / "err").read_text()
    done = start("demo", "--out", "d", cwd=demo)
    assert files(demo / "d") == made
    assert done.stdout == said
    shell("demo", "--out", demo / "other")
    assert files(demo / "other/case") == files(demo / "d/case")
    assert files(demo / "other/ledger") == files(demo / "d/ledger")
    shell("demo", "--out", demo / "seed", "--seed", "7")
    assert files(demo / "seed/case") != files(demo / "d/case")


def test_the_demo_keeps_off_other_files(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    assert "other files" in shell("demo", "--out", tmp_path, code=1)[1]
    assert files(tmp_path).keys() == {"thesis.tex"}


def test_the_demo_keeps_off_a_real_case(bench: Path, shell: Shell) -> None:
    Path("mine").mkdir()
    shell("trace", "-l", "L", "--tx", H1, "--out", "mine/case")
    shutil.copytree("L", "mine/ledger")
    before = files(Path("mine"))
    shell("demo", "--out", "mine", code=1)
    assert files(Path("mine")) == before


def test_rerun_gives_the_same_bytes(demo: Path, shell: Shell) -> None:
    out, _ = shell("rerun", demo / "d/case", "--ledger", demo / "d/ledger")
    assert out == "6 files re-run to the same bytes\n"


def test_rerun_finds_a_case_that_says_something_else(bench: Path, shell: Shell) -> None:
    shell("trace", "-l", "L", "--tx", H1, "--out", "K")
    text = Path("K/statement.json").read_text()
    assert '"6"' in text
    Path("K/statement.json").write_text(text.replace('"6"', '"5"'))
    sums = "".join(
        f"{hashlib.sha256(Path('K', name).read_bytes()).hexdigest()}  {name}\n"
        for name in (line.split("  ", 1)[1] for line in Path("K/SHA256").read_text().splitlines())
    )
    Path("K/SHA256").write_text(sums)
    assert "statement.json" in shell("rerun", "K", "-l", "L", code=1)[1]


def check_paths(found: list[list[dict[str, Any]]], thefts: set[str]) -> None:
    """Hops join, time does not run back, no hop carries more of the path than dye, and the first is the theft."""
    for steps in found:
        assert steps[0]["txid"] in thefts
        assert int(steps[0]["fresh"]) > 0
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            assert 0 < int(step["route_units"]) <= int(step["units"]) <= int(step["value"])
            if after is not None:
                assert step["target"] == after["source"]
                assert step["time"] <= after["time"]
                assert (step["block"], step["move"]) < (after["block"], after["move"])
                assert step["leg"] == after["leg"]


@pytest.mark.slow
def test_paths_to_every_place_of_the_demo(demo: Path, shell: Shell) -> None:
    case = demo / "d/case"
    thefts = {tx for leg in tell().legs for tx in leg.tx_ids}
    places = {t.place for t in Case(case).statement.terminals if t.amount("fifo") and t.place}
    assert len(places) > 25
    for place in sorted(places):
        found = json.loads(shell("path", case, place, "--json", "--most", "5")[0])["routes"]
        assert found
        check_paths(found, thefts)
        assert all(place == steps[-1]["target"] for steps in found)


@pytest.mark.parametrize(
    ("place", "stop"),
    [("mixer", "mixer"), ("basalt EXCHANGE (fictional) deposit", "service"), ("fee", "fee"), ("held", "carried"),
     ("gap", "carried"), ("bridge", "bridge")],
)  # fmt: skip
def test_path_by_stop_and_by_name(place: str, stop: str, demo: Path, shell: Shell) -> None:
    case = demo / "d/case"
    found = json.loads(shell("path", case, place, "--json", "--most", "4")[0])["routes"]
    check_paths(found, {tx for leg in tell().legs for tx in leg.tx_ids})
    assert 1 <= len(found) <= 4
    assert {steps[-1]["stop"] for steps in found} == {stop}
    out, _ = shell("path", case, place, "--most", "1")
    assert found[0][-1]["txid"] in out
    assert len(list(csv.reader(io.StringIO(shell("path", case, place, "--csv", "--most", "1")[0])))) == 1 + len(
        found[0]
    )


@pytest.mark.parametrize("place", ["nobody", A, "0x", "converted to gold"])
def test_path_to_nowhere(place: str, demo: Path, shell: Shell) -> None:
    out, err = shell("path", demo / "d/case", place, code=1)
    assert not out
    assert "no dyed money" in err
    assert "hint: " in err


def test_path_to_an_empty_place(demo: Path, shell: Shell) -> None:
    shell("path", demo / "d/case", "", code=1)
