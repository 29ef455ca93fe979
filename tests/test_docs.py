"""The documents tell the truth: their commands run, their words exist, the folders are layered as drawn."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dyepack.cli.app import main
from dyepack.errors import EXIT_INCOMPLETE

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "docs/real-data.md", "docs/bank.md", "docs/bitcoin.md", "docs/reports.md",
             "docs/evidence-packs.md"]  # fmt: skip
LAYERS = re.findall(r"^\d+\. `(\w+)` ", (ROOT / "docs/architecture.md").read_text(), flags=re.MULTILINE)


def commands(document: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), flags=re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("dyepack ")]


@pytest.mark.shared
@pytest.mark.parametrize("document", DOCUMENTS)
def test_documented_commands_run(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with `examples` in it and `shared` beside it, as in a clone."""
    place = tmp_path / "clone"
    place.mkdir()
    (place / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "shared").symlink_to(ROOT.parent / "shared")
    monkeypatch.chdir(place)
    found = commands(document)
    assert found
    for command in found:
        with pytest.raises(SystemExit) as left:
            main(command)
        assert left.value.code in {0, EXIT_INCOMPLETE}, command


@pytest.mark.node
@pytest.mark.slow
def test_commands_of_live_traces_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of docs/live.md, in order, against a real node with the scripted theft; offline gives the same bytes."""
    from tests.anvil import anvil
    from tests.incident import ACCOUNTS, GENESIS, play

    monkeypatch.chdir(tmp_path)
    seen = []
    with anvil(GENESIS, ACCOUNTS) as node:
        play(node).write(tmp_path)
        for command in commands("docs/live.md"):
            with pytest.raises(SystemExit) as left:
                main([word.replace("http://127.0.0.1:8545", node.url) for word in command])
            assert left.value.code == 0, command
            seen.append((command[0], (tmp_path / "live.case/SHA256").read_bytes()))
    assert [name for name, _ in seen] == ["trace", "rerun", "trace", "recheck", "head"]
    assert len({sums for _, sums in seen}) == 1


def test_options_and_sources_of_live_traces_exist() -> None:
    """Every option that docs/live.md names is one of a command; every source that it gives as an example is read."""
    import typer

    from dyepack.cli.app import app
    from dyepack.sources.live.endpoint import Endpoint
    from dyepack.sources.live.open import kinds

    text = (ROOT / "docs/live.md").read_text()
    group: Any = typer.main.get_command(app)
    known = {o for name in ("trace", "recheck", "head") for p in group.commands[name].params for o in p.opts}
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert named <= known, named - known
    sources = re.findall(r"`((?:%s)\+[a-z]+://[^`]+)`" % "|".join(kinds()), text)  # noqa: UP031
    assert {Endpoint.parse(source, allow=("127.0.0.1",)).kind for source in sources} == set(kinds())


@pytest.mark.shared
def test_numbers_of_the_documents_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Every amount that docs/real-data.md gives for a trace is in that trace's output."""
    (tmp_path / "shared").symlink_to(ROOT.parent / "shared")
    place = tmp_path / "clone"
    place.mkdir()
    (place / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(place)
    printed = ""
    for command in commands("docs/real-data.md"):
        with pytest.raises(SystemExit):
            main([*command, "--all"] if command[0] == "trace" else command)
        printed += capsys.readouterr().out
    for number in ("119,756.62", "65,562,561.38", "49,384,254.00", "5,283,475,904.58", "3,907,169,335.01",
                   "175,099.7227", "5,028.9093", "1,219.9827", "5,027.9445", "1,219.9825", "6,249.892045934683504",
                   "96.4682", "641.3361", "75.4410", "8,562.860281559859574571", "70,525,147.27", "64,823,619.08",
                   "1,971,761.13", "50,997.89", "1.6291"):  # fmt: skip
        assert number in (ROOT / "docs/real-data.md").read_text(), number
        assert number in printed, number


def test_two_commands_on_the_first_screen() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:30]
    assert sum(line.startswith(("python3 -m venv", ".venv/bin/pip")) for line in first) == 2


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    return {m.split(".")[1] for m in found if m.startswith("dyepack.") and m.count(".")}


def test_inner_folders_do_not_import_outer_ones() -> None:
    assert set(LAYERS) == {p.parent.name for p in (ROOT / "src/dyepack").glob("*/__init__.py")}
    for at, folder in enumerate(LAYERS):
        for file in (ROOT / "src/dyepack" / folder).rglob("*.py"):
            outer = imports(file) & set(LAYERS[at + 1 :])
            assert not outer, f"{folder}/{file.name} imports {outer}"


def test_modules_say_what_they_hold_and_stay_readable() -> None:
    lengths = []
    for file in (ROOT / "src/dyepack").rglob("*.py"):
        text = file.read_text()
        assert ast.get_docstring(ast.parse(text)), file.name
        lengths.append(len(text.splitlines()))
        assert lengths[-1] <= 450, f"{file.name} is too long to read"
    assert sorted(lengths)[len(lengths) // 2] <= 150


def test_theft_files_of_the_examples_are_read() -> None:
    from dyepack.tracing.theft import read_theft

    files = list((ROOT / "examples").rglob("theft.toml"))
    assert len(files) == 4
    for file in files:
        assert read_theft(file).legs
