"""Cases: the same bytes again, overrides on record, the demo against its truth, Ronin against the public record."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dyepack.case.demo import run_demo
from dyepack.case.folder import Case, files_of
from dyepack.case.run import Trace, trace
from dyepack.cli.app import main
from dyepack.ledger.reader import Ledger
from dyepack.synthetic.story import Incident, tell
from dyepack.synthetic.truth import Bounded
from dyepack.tags.model import TagKind, TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import ALLOCATING, RULES
from dyepack.tracing.statement import Statement, Terminal
from dyepack.tracing.terminals import Stop

ROOT = Path(__file__).parents[1]
RONIN = ROOT.parent / "shared" / "data" / "ronin-2022"
OFAC = ROOT.parent / "shared" / "data" / "labels" / "ofac-ultrasound-2026-06" / "data.csv"
THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
EULER = "0xb66cd966670d962c227b3eaba30a872dbfb995db"
TREASURY = "0xcad001c30e96765ac90307669d578219d4fb1dce"
MARCH_2023 = "2023-03-01"
ETH = 10**18
CONSERVING = [r.name for r in RULES.values() if r.conserves]


@cache
def story() -> Incident:
    return tell()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo."""
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder)
    return folder


Follow = Callable[..., Trace]


@pytest.fixture(scope="module")
def follow(demo: Path) -> Follow:
    """Traces the demo again, with other parameters."""
    made = Case(demo / "case")
    ledger = Ledger.open(demo / "ledger")
    known = run_demo(demo).tags
    done: dict[str, Trace] = {}

    def again(**parameters: object) -> Trace:
        key = repr(parameters)
        if key not in done:
            done[key] = trace(ledger, made.thefts(), known, Parameters(**parameters))  # type: ignore[arg-type]
        return done[key]

    return again


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(w) for w in words])
    return int(left.value.code or 0)


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def proved(statement: Statement, rule: str) -> bool:
    """Whether the statement balances under a rule, each leg and asset and all terminals together."""
    mine = [b for b in statement.balances if b.rule == rule]
    ends = sum(t.amount(rule) for t in statement.terminals)
    dyed = sum(b.put_in + b.swapped_in - b.swapped_out for b in mine)
    return bool(mine) and all(b.holds for b in mine) and ends == dyed


@pytest.mark.slow
def test_a_case_has_the_same_bytes_wherever_it_is_made(demo: Path, tmp_path: Path) -> None:
    """Two processes with other hash seeds, working folders and spellings of the paths."""
    burn = story().address("Burn address")
    for name, seed, base in (("one", "1", demo), ("two", "2", Path(os.path.relpath(demo, tmp_path / "two")))):
        (tmp_path / name).mkdir()
        words = ["-q", "trace", "-l", base / "ledger", "--theft", base / "theft.toml", "--out", "K",
                 "--tags", base / "case/tags.csv", "--stop", f"{burn}=why", "--cut-off", "native=0.001"]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", "from dyepack.cli.app import main; main()", *map(str, words)],
            cwd=tmp_path / name, env=os.environ | {"PYTHONHASHSEED": seed, "TZ": f"UTC+{seed}"}, check=False,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode in (0, 4), done.stderr
    made = content(tmp_path / "one" / "K")
    assert made == content(tmp_path / "two" / "K")
    assert set(made) == {"SHA256", "case.json", "moves.csv", "statement.json", "tags.csv", "thefts/1-dyepack-demo.toml"}
    assert str(tmp_path).encode() not in b"".join(made.values())


def test_two_demos_and_a_second_trace_have_the_same_bytes(demo: Path, follow: Follow, tmp_path: Path) -> None:
    run_demo(tmp_path / "again")
    assert content(tmp_path / "again" / "case") == content(demo / "case") == files_of(follow())


def test_stops_and_follows_are_recorded_and_change_the_result(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peel, mixer = story().address("Peel 3"), story().address("Whirl mixer")
    words = ("trace", "-l", demo / "ledger", "--theft", demo / "theft.toml", "--tags", demo / "case/tags.csv")
    run(*words, "--out", tmp_path / "K", "--stop", f"{peel}=letter of 3 May", "--follow", f"{mixer}=seized = open")
    capsys.readouterr()
    about = json.loads((tmp_path / "K/case.json").read_text())["parameters"]
    assert about["stop"] == {peel: "letter of 3 May"}
    assert about["follow"] == {mixer: "seized = open"}
    found, plain = Case(tmp_path / "K"), Case(demo / "case")
    stopped = [t for t in found.statement.terminals if t.place == peel]
    assert [t.stop for t in stopped if t.amount("fifo")] == ["chosen"]
    assert stopped[0].amount("fifo") > 0
    assert not any(t.place == peel for t in plain.statement.terminals)
    assert any(t.stop == "mixer" for t in plain.statement.terminals)
    assert not any(t.stop == "mixer" for t in found.statement.terminals)
    assert not any(m.source == peel and m.stop == "carried" for m in found.moves())
    assert all(proved(found.statement, rule) for rule in CONSERVING)
    assert found.statement.total("native") == plain.statement.total("native")
    assert run("rerun", tmp_path / "K", "-l", demo / "ledger") == 0


@pytest.mark.parametrize("day", ["2022-03-01", "20220301"])  # fmt: skip
def test_a_date_takes_in_its_whole_day(
    day: str, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("-q", "trace", "-l", demo / "ledger", "--theft", demo / "theft.toml", "--out", tmp_path / "K", "--until", day)
    capsys.readouterr()
    assert Case(tmp_path / "K").parameters.until == 1646179199


def text_case(tmp_path: Path, theft: str) -> Path:
    """A case on books whose accounts are texts."""
    (tmp_path / "x.csv").write_text("time,block,tx,from,to,amount\n1,1,r1,Vic,Thief,10\n2,2,r2,Thief,@anna,10\n")
    (tmp_path / "t.toml").write_text(f"id='t'\nchain='b'\n[[leg]]\nasset='EUR'\n[[leg.move]]\ntx='r1'\n{theft}")
    ledger = tmp_path / "L"
    assert run("-q", "import", "transfers", tmp_path / "x.csv", "-l", ledger, "--chain", "b", "--asset", "EUR") == 0
    assert run("-q", "trace", "-l", ledger, "--theft", tmp_path / "t.toml", "--out", tmp_path / "K") in (0, 4)
    return tmp_path / "K"


def test_a_theft_on_books_names_its_sender(tmp_path: Path) -> None:
    assert Case(text_case(tmp_path, "from='Vic'\n")).statement.total("EUR") == 10


def test_moves_of_a_case_name_the_places_of_its_statement(tmp_path: Path) -> None:
    case = text_case(tmp_path, "")
    assert [m.target for m in Case(case).moves()] == ["Thief", "@anna"]
    assert run("path", case, "@anna") == 0


def ends(statement: Statement, address: str, asset: str, *stops: str) -> list[Terminal]:
    return [t for t in statement.terminals if t.place == address and t.asset == asset and t.stop in stops]


def within(bounds: Bounded, found: list[Terminal], what: str) -> None:
    """Every allocating rule keeps within the truth; where the truth is exact, to the unit."""
    for rule in ALLOCATING:
        units = sum(t.amount(rule) for t in found)
        assert bounds.low_followed <= units <= bounds.high_followed, (what, rule, bounds)
    if bounds.low_followed == bounds.high_followed == bounds.units:
        assert {sum(t.amount(rule) for t in found) for rule in ALLOCATING} == {bounds.units}


def test_the_demo_takes_what_the_truth_says_was_stolen(demo: Path) -> None:
    statement, truth = Case(demo / "case").statement, story().truth
    assert {s.name: s.amount for s in statement.sources} == truth.stolen
    assert all(proved(statement, rule) for rule in CONSERVING)
    paid = {(s.paid_asset, s.paid) for s in truth.swaps}
    for rule in ALLOCATING:
        out = {(b.asset, b.swapped_out) for b in statement.balances if b.rule == rule and b.swapped_out}
        assert out == paid
        assert sum(b.swapped_in for b in statement.balances if b.rule == rule and b.asset == "native") >= max(
            s.product for s in truth.swaps if s.product_asset == "native"
        )


def test_every_terminal_of_the_truth_is_in_the_statement(demo: Path) -> None:
    statement, exact = Case(demo / "case").statement, 0
    for bounds in story().truth.terminals:
        if bounds.stop == Stop.SWAP:
            assert not ends(statement, bounds.address, bounds.asset, "swap")
            continue
        found = ends(statement, bounds.address, bounds.asset, bounds.stop.name.lower())
        within(bounds, found, "terminal")
        if bounds.exact:
            exact += 1
            assert sum(t.moves for t in found) == bounds.moves
    assert exact > 8
    known = {(b.address, b.asset) for b in story().truth.terminals}
    stopped = {(t.place, t.asset) for t in statement.terminals
               if t.stop not in ("held", "gap", "fee") and any(t.amount(rule) for rule in ALLOCATING)}  # fmt: skip
    assert stopped <= known


def test_what_the_thieves_hold_and_paid_is_within_the_truth(demo: Path) -> None:
    case, truth = Case(demo / "case"), story().truth
    for bounds in truth.held:
        other = "held" if bounds.stop == Stop.GAP else "gap"
        within(bounds, ends(case.statement, bounds.address, bounds.asset, bounds.stop.name.lower()), "held")
        assert not ends(case.statement, bounds.address, bounds.asset, other)
    fees: dict[str, int] = defaultdict(int)
    for m in case.moves():
        if m.stop == "fee":
            fees[m.source] += m.units
    for bounds in truth.fees:
        assert bounds.low_followed <= fees[bounds.address] <= bounds.high_followed
    for rule in ALLOCATING:
        units = sum(t.amount(rule) for t in case.statement.terminals if t.stop == "fee")
        assert units >= sum(b.low_followed for b in truth.fees)


@pytest.mark.parametrize("rule", ALLOCATING)
def test_nothing_is_dyed_that_the_truth_leaves_clean(rule: str, demo: Path, follow: Follow) -> None:
    """Bystanders, the counterfeit token, the look-alike, and everything before the theft."""
    incident, found = story(), follow(rule=rule)
    entered: dict[tuple[str, str], int] = defaultdict(int)
    for m in found.moves:
        entered[m.target, m.asset] += m.units
    for bounds in incident.truth.innocents:
        assert entered[bounds.address, bounds.asset] <= bounds.high_followed
        held = ends(found.statement, bounds.address, bounds.asset, "held", "gap")
        assert sum(t.amount(rule) for t in held) <= bounds.high_followed
    fake = next(
        a.key for a in incident.assets.values() if a.key not in {"native", *(leg.asset for leg in incident.legs)}
    )
    assert fake not in {t.asset for t in found.statement.terminals} | {m.asset for m in found.moves}
    double = incident.address("Look-alike of Thief 2")
    assert double not in {end for m in found.moves for end in (m.source, m.target)}
    assert double not in {t.place for t in found.statement.terminals}
    ledger = Ledger.open(demo / "ledger")
    txs = [ledger.find_tx(tx) for leg in incident.legs for tx in leg.tx_ids]
    first = min(ledger.tx_moves(tx).start for tx in txs if tx is not None)
    assert None not in txs
    assert found.moves
    assert all(m.move >= first for m in found.moves)
    assert all(m.fresh <= m.units <= m.value for m in found.moves)


def test_the_truth_bites(demo: Path) -> None:
    """One unit more at an exact place is found."""
    statement = Case(demo / "case").statement
    bounds = next(b for b in story().truth.terminals if b.exact and b.stop == Stop.SERVICE)
    found = ends(statement, bounds.address, bounds.asset, "service")
    found[0].amounts["haircut"] += 1
    with pytest.raises(AssertionError):
        within(bounds, found, "terminal")


@pytest.fixture(scope="module")
def ronin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Ronin ledger L and case K, made by the command line."""
    folder = tmp_path_factory.mktemp("ronin")
    known = RONIN / "addresses.csv"
    with pytest.MonkeyPatch.context() as patch, (folder / "out").open("w") as out:
        patch.setattr(sys, "stdout", out)
        words = ("import", "explorer", RONIN / "ledger.csv.gz", "-l", folder / "L", "--covers", known)
        assert run("-q", *words) == 0
        theft = ROOT / "examples" / "ronin-2022" / "theft.toml"
        assert run("-q", "trace", "-l", folder / "L", "--theft", theft, "--tags", known, "--out", folder / "K") == 4
    return folder


@pytest.fixture(scope="module")
def euler(ronin: Path) -> set[str]:
    """Where money of the Euler exploiter could have gone from March 2023 on, the thief's address left out."""
    ledger = Ledger.open(ronin / "L")
    beyond = {EULER}
    for m in range(ledger.moves):
        source, target = (ledger.place_text(int(end[m])) for end in (ledger.move_from, ledger.move_to))
        if ledger.move_time(m) >= MARCH_2023 and source in beyond and target and target != THIEF:
            beyond.add(target)
    assert TREASURY in beyond
    assert len(beyond) > 5
    return beyond


@pytest.mark.shared
def test_ronin_agrees_with_the_public_record(ronin: Path) -> None:
    statement = Case(ronin / "K").statement
    assert statement.rule == "fifo"
    assert statement.total("native") == 173_600 * ETH + 8_562_860_281_559_859_574_571
    named: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for t in statement.terminals:
        if t.stop in ("service", "mixer"):
            name = t.entity.split(":")[0]
            named[name][0] += t.amount("fifo")
            named[name][1] += t.moves
    assert named["Huobi"] == [5_028_909_314_828_430_532_000, 130]
    assert named["FTX"] == [1_219_982_731_106_252_972_000, 23]
    assert named["Crypto.com"] == [ETH, 1]
    assert named["Tornado Cash"][1] == 1751
    assert 175_099 * ETH < named["Tornado Cash"][0] <= 175_100 * ETH
    assert 6_249 * ETH < sum(t.amount("fifo") for t in statement.terminals if t.stop == "service") < 6_250 * ETH


@pytest.mark.shared
@pytest.mark.parametrize("rule", CONSERVING)
def test_ronin_balances(rule: str, ronin: Path) -> None:
    statement = Case(ronin / "K").statement
    assert proved(statement, rule)
    assert sum(b.put_in for b in statement.balances if b.rule == rule) == statement.total("native")
    assert statement.interval_rules == ["fifo", "lifo-a", "lifo-b", "haircut", "taint-first", "clean-first"]


@pytest.mark.shared
@pytest.mark.parametrize("rule", CONSERVING)
def test_ronin_leaves_the_money_of_euler_alone(rule: str, ronin: Path, euler: set[str]) -> None:
    """Two ether went from the thief to the Euler exploiter: no more may be dyed there and beyond, only poison does."""
    case = Case(ronin / "K")
    at_end = sum(t.amount(rule) for t in case.statement.terminals if t.place in euler)
    assert at_end <= 2 * ETH
    poison = {t.place: t.amount("poison") for t in case.statement.terminals}
    assert poison[TREASURY] > 80_000 * ETH
    known = run_with(ronin, rule)
    passed = [m for m in known.moves if m.source == THIEF and m.target == EULER]
    assert 0 <= sum(m.units for m in passed) <= 2 * ETH
    into = sum(m.units for m in known.moves if m.target in euler and m.source not in euler)
    assert into <= 2 * ETH
    assert all(m.units <= 2 * ETH for m in known.moves if m.source in euler)


def run_with(ronin: Path, rule: str) -> Trace:
    """The Ronin trace with another headline rule."""
    from dyepack.tags.load import load

    case = Case(ronin / "K")
    return trace(Ledger.open(ronin / "L"), case.thefts(), load(ronin / "K/tags.csv"), Parameters(rule=rule))


@pytest.mark.shared
def test_ronin_passes_the_sanctioned_addresses(ronin: Path) -> None:
    with OFAC.open(newline="") as file:
        listed = {r["address"].lower() for r in csv.DictReader(file) if r["name"] == "LAZARUS GROUP"}
    assert len(listed) == 8
    on_path = {m.target for m in Case(ronin / "K").moves() if m.units}
    assert listed <= on_path


def test_a_delisted_mixer_ended_a_trace_then_and_does_not_now(demo: Path, follow: Follow) -> None:
    """Withdrawn tags end no trace, but one that is asked for as of a day on which they stood."""
    known = follow().tags
    mixers = {t.address for t in known.tags if t.kind is TagKind.MIXER}
    assert mixers
    delisted = TagSet()
    delisted.add(replace(t, withdrawn="2025-03-21") if t.address in mixers else t for t in known.tags)

    def stopped(day: str) -> int:
        parameters = Parameters(tags_as_of=day)
        found = trace(Ledger.open(demo / "ledger"), follow().thefts, delisted, parameters)
        return sum(t.stop == "mixer" for t in found.statement.terminals if t.place in mixers)

    assert stopped("2025-03-20") > 0
    assert stopped("2025-03-21") == 0
    assert stopped("") == 0
