"""Evidence packs: the same bytes again, what they hold, what `verify` says of good ones, and by a second program."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bagit
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dyepack.case.demo import run_demo
from dyepack.case.folder import Case, write_case
from dyepack.case.run import trace
from dyepack.cli.import_bank import bank
from dyepack.cli.pack import pack as pack_command
from dyepack.cli.pack import verify as verify_command
from dyepack.errors import CaseError, DyepackError, UsageError
from dyepack.ledger.reader import Ledger
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.pack import log, resum
from dyepack.pack.bag import INFO, LOG
from dyepack.pack.make import Packed, Wanted, make
from dyepack.pack.verification import PackFault, Verification
from dyepack.pack.verify import verify
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import store
from dyepack.tags.load import load
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import RULES
from dyepack.tracing.theft import read_theft
from tests.anvil import Anvil
from tests.bank_books import EXAMPLE, EXAMPLE_FILES
from tests.incident import Incident
from tests.live_case import trace as trace_live
from tests.outputs import Tx, chains, raw
from tests.test_utxo_case import drawn, follow, move, theft_of

CONSERVING = [r.name for r in RULES.values() if r.conserves]
CHECKS = ["bag", "log", "case", "balance", "moves", "ledger", "edges", "trace"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder)
    return folder


def packed(demo: Path, out: Path, *notes: str, at: str = "") -> Packed:
    return make(demo / "case", out, Wanted(list(notes), "N. N." if notes else "", at), demo / "ledger")


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def says(pack: Path) -> list[str]:
    """The checks that a sound pack passes."""
    found = verify(pack)
    assert found.sound, found.lines()
    return [c.name for c in found.checks]


def alone(pack: Path) -> subprocess.CompletedProcess[str]:
    """The program that goes with a pack, without dyepack, packages or environment."""
    program = Path(__file__).parents[1] / "src/dyepack/pack/verify_pack.py"
    return subprocess.run(
        [sys.executable, "-I", "-S", str(program), str(pack)], capture_output=True, text=True, check=False,
        cwd=pack.parent, env={},
    )  # fmt: skip


def program(**commands: Callable[..., object]) -> typer.Typer:
    """These commands as a program."""
    app = typer.Typer()
    for name, command in commands.items():
        app.command(name)(command)
    app.callback()(lambda: None)
    return app


def test_a_pack_has_the_same_bytes_each_time_and_as_a_zip_the_same_files(demo: Path, tmp_path: Path) -> None:
    made = [packed(demo, tmp_path / name, "seen", at="2026-03-01T12:00:00Z") for name in ("a", "b", "a.zip", "b.zip")]
    assert len({m.pack_id for m in made}) == 1
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert zipped.testzip() is None
        zipped.extractall(tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "a")
    assert says(tmp_path / "a") == says(tmp_path / "a.zip") == CHECKS
    everything = b"".join(content(tmp_path / "a").values())
    assert str(tmp_path).encode() not in everything
    assert str(demo).encode() not in everything


def test_two_processes_give_the_same_zip(demo: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        code = (
            "import sys; from pathlib import Path; from dyepack.pack.make import make, Wanted;"
            "make(Path(sys.argv[1]) / 'case', Path(sys.argv[2]), Wanted(), Path(sys.argv[1]) / 'ledger')"
        )
        out = tmp_path / f"{seed}.zip"
        subprocess.run([sys.executable, "-c", code, str(demo), str(out)], check=True,
                       env={"PYTHONHASHSEED": seed, "TZ": f"UTC+{seed}"})  # fmt: skip
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_another_bagit_program_finds_the_bag_valid(demo: Path, tmp_path: Path) -> None:
    packed(demo, tmp_path / "p")
    bag = bagit.Bag(str(tmp_path / "p"))
    assert bag.validate()
    assert bag.version_info == (1, 0)
    assert set(bag.algorithms) == {"sha256", "sha512"}
    target = tmp_path / "p/data/case/moves.csv"
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(bagit.BagValidationError):
        bag.validate()


def test_the_log_says_what_was_done_with_notes_and_time(demo: Path, tmp_path: Path) -> None:
    packed(demo, tmp_path / "p", "two looked at it", "and a third", at="2026-03-01T12:00:00Z")
    entries = [json.loads(line) for line in (tmp_path / "p" / LOG).read_text().splitlines()]
    assert [e["action"] for e in entries] == [
        "imported", "ledger written", "theft given", "traced", "note", "note", "packed",
    ]  # fmt: skip
    assert [(e["note"], e["who"], e["at"]) for e in entries[4:6]] == [
        ("two looked at it", "N. N.", "2026-03-01T12:00:00Z"), ("and a third", "N. N.", "2026-03-01T12:00:00Z"),
    ]  # fmt: skip
    assert [e["at"] for e in entries[:4]] == [""] * 4


def test_the_second_program_agrees_on_good_packs(demo: Path, tmp_path: Path) -> None:
    ids = {packed(demo, tmp_path / name).pack_id for name in ("p", "p.zip")}
    for name in ("p", "p.zip"):
        found = alone(tmp_path / name)
        assert found.returncode == 0, found.stdout + found.stderr
        assert found.stderr == ""
        assert f"pack id: {next(iter(ids))}" in found.stdout
    inside = subprocess.run([sys.executable, "-I", "-S", str(tmp_path / "p/verify_pack.py")], capture_output=True,
                            text=True, check=False)  # fmt: skip
    assert inside.returncode == 0
    assert "sound" in inside.stdout


def test_the_second_program_is_short_and_needs_the_standard_library_alone() -> None:
    text = (Path(__file__).parents[1] / "src/dyepack/pack/verify_pack.py").read_text()
    assert text.count("\n") < 200
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names


def test_bank_books_are_packed_and_verified(tmp_path: Path) -> None:
    bank(list(EXAMPLE_FILES), tmp_path / "ledger")
    ledger = Ledger.open(tmp_path / "ledger")
    made = trace(ledger, [read_theft(EXAMPLE / "theft.toml")], load(EXAMPLE / "tags.csv"), Parameters())
    write_case(made, tmp_path / "case")
    make(tmp_path / "case", tmp_path / "p.zip", Wanted(), tmp_path / "ledger")
    assert says(tmp_path / "p.zip") == CHECKS
    assert alone(tmp_path / "p.zip").returncode == 0


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of outputs on disk: a theft that mixes, pays fees, and partly stays."""
    folder = tmp_path_factory.mktemp("outputs")
    txs = [
        Tx([], [("thief", 300)], 0), Tx([], [("clean", 700)], 1), Tx([], [], 2),
        Tx([(0, 0), (1, 0)], [("a", 400), ("b", 590)], 2), Tx([], [], 3), Tx([(3, 0)], [("c", 250), ("d", 140)], 3),
    ]  # fmt: skip
    (folder / "in").write_text("x")
    store(BitcoinImport([raw(txs)], files=[folder / "in"]), folder / "ledger", chain="test", network="mainnet")
    return folder


@pytest.mark.parametrize("rule", CONSERVING)
def test_cases_on_outputs_are_packed_and_verified(outputs: Path, tmp_path: Path, rule: str) -> None:
    made = follow(UtxoLedger.open(outputs / "ledger"), theft_of(move(0)), rule=rule)
    write_case(made, tmp_path / "case")
    make(tmp_path / "case", tmp_path / "p", Wanted(), outputs / "ledger")
    assert says(tmp_path / "p") == CHECKS
    assert alone(tmp_path / "p").returncode == 0


@pytest.mark.parametrize("rule", CONSERVING)
def test_the_sums_hold_under_every_rule(demo: Path, rule: str) -> None:
    case = Case(demo / "case")
    made = trace(Ledger.open(demo / "ledger"), case.thefts(), load(demo / "tags.csv"), Parameters(rule=rule))
    assert resum.check(made.moves, made.statement) == len(made.statement.terminals)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chains(), st.sampled_from(CONSERVING), st.booleans(), st.data())
def test_the_sums_of_random_chains_hold_and_a_unit_more_or_less_shows(
    txs: list[Tx], rule: str, backward: bool, data: st.DataObject
) -> None:
    from tests.outputs import ledger_of

    backward = backward and RULES[rule].reverses
    made = drawn(data, ledger_of(txs), rule, backward=backward)
    if made is None or not made.moves:
        return
    resum.check(made.moves, made.statement)
    at = data.draw(st.integers(0, len(made.moves) - 1))
    row = made.moves[at]
    for wrong in (replace(row, units=row.units + 1), replace(row, units=row.units - 1, fresh=0)):
        rows = [*made.moves[:at], wrong, *made.moves[at + 1 :]]
        with pytest.raises(PackFault):
            resum.check(rows, made.statement)


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.xdist_group("anvil")
def test_a_live_case_is_made_again_from_its_raw_answers(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    found = trace_live(f"evm+{node.url}", incident, tmp_path)
    for name in ("p", "p.zip"):
        make(found.case, tmp_path / name, Wanted())
        assert says(tmp_path / name) == [*CHECKS[:-1], "answers", "trace"]
        assert alone(tmp_path / name).returncode == 0
        assert opens_nothing(tmp_path / name)
    shutil.rmtree(found.case / "evidence")
    assert verify(tmp_path / "p").sound
    with pytest.raises(DyepackError):
        make(found.case, tmp_path / "q", Wanted(), tmp_path / "nothing")


def test_a_ledger_that_is_too_large_is_refused_with_what_to_do(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="--most-ledger"):
        make(demo / "case", tmp_path / "p", Wanted(most_ledger=1000), demo / "ledger")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wanted", "out", "says"),
    [
        (Wanted(["x"]), "p", "author"),
        (Wanted([], "me"), "p", "author"),
        (Wanted(["x" * 20_000], "me"), "p", "characters"),
        (Wanted(), "there", "already exists"),
        (Wanted(), "no/p", "no folder"),
        (Wanted(), "case/p", "inside"),
    ],
)
def test_words_that_do_not_fit_are_refused(demo: Path, tmp_path: Path, wanted: Wanted, out: str, says: str) -> None:
    (tmp_path / "there").mkdir()
    shutil.copytree(demo / "case", tmp_path / "case")
    with pytest.raises((CaseError, UsageError), match=says):
        make(tmp_path / "case", tmp_path / out, wanted, demo / "ledger")


def test_another_ledger_a_changed_case_and_no_case_are_refused(demo: Path, outputs: Path, tmp_path: Path) -> None:
    for case, ledger in ((demo / "case", outputs / "ledger"), (demo / "ledger", demo / "ledger")):
        with pytest.raises(DyepackError):
            make(case, tmp_path / "p", Wanted(), ledger)
    with pytest.raises(CaseError, match="--ledger"):
        make(demo / "case", tmp_path / "p", Wanted())
    shutil.copytree(demo / "case", tmp_path / "case")
    (tmp_path / "case/moves.csv").write_bytes(b"")
    with pytest.raises(CaseError, match="changed"):
        make(tmp_path / "case", tmp_path / "p", Wanted(), demo / "ledger")
    assert not (tmp_path / "p").exists()


def test_the_commands(demo: Path, tmp_path: Path) -> None:
    app, run = program(pack=pack_command, verify=verify_command), CliRunner()
    words = [str(demo / "case"), "--ledger", str(demo / "ledger"), "--out", str(tmp_path / "p.zip"), "--note", "a",
             "--by", "b", "--at", "2026-03-01T12:00:00Z", "--json"]  # fmt: skip
    done = run.invoke(app, ["pack", *words])
    assert done.exit_code == 0, done.output
    pack_id = json.loads(done.stdout)["pack_id"]
    done = run.invoke(app, ["verify", str(tmp_path / "p.zip"), "--id", pack_id, "--json"], standalone_mode=False)
    assert done.return_value == 0
    assert json.loads(done.stdout)["sound"] is True
    assert json.loads(done.stdout)["stamped"] is False
    done = run.invoke(app, ["verify", str(tmp_path / "p.zip"), "--quick"], standalone_mode=False)
    assert done.return_value == 0
    assert "stamp: unstamped" in done.stdout
    assert "hashes, log and sums only" in done.stdout
    done = run.invoke(app, ["verify", str(tmp_path / "p.zip"), "--id", "0" * 64], standalone_mode=False)
    assert done.return_value == 1
    assert "its id is" in done.stdout
    for bad in (["verify", str(tmp_path / "p.zip"), "--id", "zz"], ["pack", *words[:-1], "--at", "yesterday"]):
        assert isinstance(run.invoke(app, bad).exception, UsageError)
    assert isinstance(run.invoke(app, ["verify", str(tmp_path / "none")]).exception, CaseError)


def test_a_case_of_another_version_is_made_again_and_said(demo: Path, tmp_path: Path) -> None:
    """The version that a case says is told, and is no difference by itself."""
    made = tmp_path / "case"
    shutil.copytree(demo / "case", made)
    about = json.loads((made / "case.json").read_bytes()) | {"dyepack": "0.0.7"}
    (made / "case.json").write_text(json.dumps(about, indent=1) + "\n")
    relist(made)
    make(made, tmp_path / "p", Wanted(), demo / "ledger")
    found = verify(tmp_path / "p")
    assert found.sound
    assert any("0.0.7" in note for note in found.notes)


def relist(case: Path) -> None:
    """Write a case's list of hashes anew."""
    import hashlib

    names = sorted(n for n in content(case) if n != "SHA256")
    lines = [f"{hashlib.sha256((case / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (case / "SHA256").write_text("".join(lines))


PAID = b"0xaee2f6de716dfd965b57c4a2bacd493890765863"
FORGERIES: dict[str, tuple[str, Callable[[bytes], bytes], set[str]]] = {
    "a move's units": ("moves.csv", lambda b: b.replace(b'"1211904000000000000000"', b'"1211904000000000000001"', 1),
                       {"data/case/moves.csv"}),
    "where a move went": ("moves.csv", lambda b: b.replace(PAID, b"0x" + b"11" * 20),
                          {"data/case/statement.json", "data/case/moves.csv"}),
    "a time": ("moves.csv", lambda b: b.replace(b"2022-03-01T06:21:12Z", b"2022-03-01T06:21:13Z", 1),
               {"data/case/moves.csv"}),
    "a terminal": ("statement.json", lambda b: b.replace(b'"600000000000"', b'"600000000001"', 1),
                   {"data/case/statement.json"}),
    "a note": ("statement.json", lambda b: b.replace(b'"notes": [', b'"notes": [\n  "all is well",', 1),
               {"data/case/statement.json"}),
    "the theft's title": ("thefts/1-dyepack-demo.toml", lambda b: b.replace(b'title = "', b'title = "Not ', 1),
                          {"data/case/statement.json", "data/case/case.json"}),
    "a tag's label": ("tags.csv", lambda b: b.replace(b"Whirl mixer", b"Twirl mixer"),
                      {"data/case/statement.json", "data/case/case.json"}),
    "the rule": ("case.json", lambda b: b.replace(b'"fifo"', b'"haircut"'),
                 {"data/case/statement.json", "data/case/moves.csv"}),
    "a cut-off": ("case.json", lambda b: b.replace(b'"hops": 0', b'"hops": 3'),
                  {"data/case/statement.json", "data/case/moves.csv"}),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_a_case_that_was_forged_with_all_its_hashes_is_found(demo: Path, tmp_path: Path, what: str) -> None:
    """Every hash, manifest and log entry is made anew by the forger: only making the case again can tell."""
    name, change, named = FORGERIES[what]
    shutil.copytree(demo / "case", tmp_path / "case")
    place = tmp_path / "case" / name
    old = place.read_bytes()
    place.write_bytes(change(old))
    assert place.read_bytes() != old
    relist(tmp_path / "case")
    make(tmp_path / "case", tmp_path / "p", Wanted(), demo / "ledger")
    fault = verify(tmp_path / "p").fault
    assert fault is not None
    assert fault.check in {"balance", "moves", "edges", "trace", "case"}
    assert fault.file in named, fault


@pytest.mark.slow
def test_ten_thousand_entries_of_a_log_each_bound_to_the_last() -> None:
    """Edit, delete, reorder, repeat, insert any of 10,000: found, at the entry."""
    text, head = log.written([log.Action("note", f"who {n}", note=f"text {n}") for n in range(10_000)])
    assert len(log.check(text, head.text(), LOG)) == head.entries == 10_000
    lines = text.splitlines(keepends=True)

    def broken(changed: list[bytes]) -> int:
        with pytest.raises(PackFault) as found:
            log.check(b"".join(changed), head.text(), LOG)
        return found.value.fault.entry

    for at in (0, 1, 4_999, 9_998, 9_999):
        edited = [*lines[:at], lines[at].replace(b"text", b"tExt"), *lines[at + 1 :]]
        assert broken(edited) == min(at + 2, 10_000)
        assert broken([*lines[:at], *lines[at + 1 :]]) == min(at + 1, 9_999)
        assert broken([*lines[: at + 1], *lines[at:]]) == at + 2
        assert broken([*lines[:at], lines[at][:-2] + b"\n", *lines[at + 1 :]]) == at + 1
    for at in (0, 4_999, 9_998):
        assert broken([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]) == at + 1
    assert broken(lines[:-1]) == 9_999
    assert broken([*lines[:-1], lines[-1][:-1]]) == 10_000
    forged, _ = log.written([log.Action("note", f"who {n}", note="other") for n in range(10_000)])
    assert broken(forged.splitlines(keepends=True)) == 10_000


def test_a_result_is_plain_json_and_lines(demo: Path, tmp_path: Path) -> None:
    packed(demo, tmp_path / "p")
    (tmp_path / "p" / INFO).write_bytes(b"")
    found = verify(tmp_path / "p")
    assert isinstance(found, Verification)
    assert json.loads(json.dumps(found.to_json()))["fault"]["file"] == INFO
    assert found.lines()[-1] == "the pack is not sound"


@pytest.mark.shared
def test_the_pack_of_ronin_is_sound_three_times_over(tmp_path: Path) -> None:
    """The real ledger of 2022: three packs of one case are the same bytes, and every dyed row is found again."""
    from dyepack.cli.app import main

    root = Path(__file__).parents[1]
    data = root.parent / "shared/data/ronin-2022"
    tags = str(data / "addresses.csv")
    for words in (
        ["import", "explorer", str(data / "ledger.csv.gz"), "--covers", tags, "--ledger", str(tmp_path / "l")],
        ["trace", "--ledger", str(tmp_path / "l"), "--theft", str(root / "examples/ronin-2022/theft.toml"),
         "--tags", tags, "--out", str(tmp_path / "c")],
    ):  # fmt: skip
        with pytest.raises(SystemExit):
            main(["-q", *words])
    made = [make(tmp_path / "c", tmp_path / f"{n}.zip", Wanted(), tmp_path / "l") for n in range(3)]
    assert len({m.path.read_bytes() for m in made}) == 1
    found = verify(made[0].path)
    assert found.sound, found.lines()
    counts = {c.name: c.count for c in found.checks}
    assert counts["edges"] == sum(m.move >= 0 for m in Case(tmp_path / "c").moves()) > 3_000
    assert counts["balance"] == len(Case(tmp_path / "c").statement.terminals)
    assert alone(made[0].path).returncode == 0


OFFLINE = """
import sys
from pathlib import Path
from dyepack.pack.verify import verify
asked = []
sys.addaudithook(lambda event, facts: asked.append(event) if event in {
    "socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system"
} else None)
found = verify(Path(sys.argv[1]))
print(found.sound, asked)
"""


def opens_nothing(pack: Path) -> bool:
    """Whether a pack verifies in a process that asks no network and starts no program."""
    done = subprocess.run([sys.executable, "-c", OFFLINE, str(pack)], capture_output=True, text=True, check=True)
    return done.stdout == "True []\n"


def test_verifying_asks_nobody(demo: Path, tmp_path: Path) -> None:
    packed(demo, tmp_path / "p.zip")
    assert opens_nothing(tmp_path / "p.zip")


def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of docs/evidence-packs.md that needs no authority, in order."""
    from dyepack.cli.demo import demo as demo_command
    from dyepack.cli.export import export as export_command

    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[1] / "docs/evidence-packs.md").read_text()
    app = program(demo=demo_command, pack=pack_command, verify=verify_command, export=export_command)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 5
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:], standalone_mode=False)
        assert done.exception is None, (line, done.output)
        assert done.return_value in {None, 0, 4}
    assert {p.name for p in tmp_path.iterdir()} == {"demo", "demo.pack.zip", "demo.stix.json"}
