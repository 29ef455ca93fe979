"""Live traces as users meet them: stopped and gone on with, bounded, checked with a second source, badly asked."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dyepack.case.folder import Case
from dyepack.cli.app import main
from dyepack.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from tests.anvil import Anvil, anvil
from tests.faulty import faulty
from tests.incident import ACCOUNTS, GENESIS, Incident, play
from tests.live_case import Traced, totals, trace

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.xdist_group("anvil")]

PROGRAM = [sys.executable, "-c", "from dyepack.cli.app import main; main()"]


def words_of(incident: Incident, folder: Path, source: str, *more: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    theft, tags = incident.write(folder)
    return ["trace", "--from", source, "--allow-host", "127.0.0.1", "--theft", str(theft), "--tags", str(tags),
            "--out", str(folder / "case"), "--depth", "0", *more]  # fmt: skip


def test_a_trace_that_is_stopped_leaves_a_valid_case_and_goes_on(
    node: Anvil, incident: Incident, tmp_path: Path
) -> None:
    """Ctrl-C in the middle: exit 130, books that balance, the gap says why; then the same command makes it whole."""
    words = words_of(incident, tmp_path, f"evm+{node.url}#rate=6")
    running = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = tmp_path / "case" / "evidence" / "answers.jsonl"
    for _ in range(600):
        time.sleep(0.05)
        if lines.exists() and lines.read_bytes().count(b"\n") > 20:
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == EXIT_INTERRUPTED, err
    assert "Traceback" not in err
    assert "interrupted before it was fetched" in out
    stopped = Case(tmp_path / "case")
    assert not stopped.statement.complete
    assert {t.reason for t in stopped.statement.terminals if t.stop == "gap"} >= {"interrupted before it was fetched"}
    answers = lines.read_bytes().count(b"\n")
    again = trace(f"evm+{node.url}", incident, tmp_path)
    assert again.code == 0
    assert again.totals("fifo") == totals(incident.truth("fifo"))
    assert lines.read_bytes().count(b"\n") > answers
    whole = trace(f"evm+{node.url}", incident, tmp_path / "fresh")
    for name in ("statement.json", "moves.csv", "tags.csv"):
        assert (again.case / name).read_bytes() == (whole.case / name).read_bytes()


def test_poison_is_classed_counted_and_kept_out_of_totals(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    """Dust of a look-alike, a transfer of nothing in the thief's name, a collectible, phony events, a failure."""
    found = trace(f"evm+{node.url}", incident, tmp_path)
    assert found.totals("fifo") == totals(incident.truth("fifo"))
    statement = Case(found.case).statement
    poison = [note for note in statement.notes if incident.who["look-alike"][:10] in note]
    assert len(poison) == 1, statement.notes
    assert incident.who["deposit1"][:10] in poison[0]
    counts = json.loads(next((found.case / "ledger").glob("*/manifest.json")).read_text())["counts"]
    assert {name: counts[name] for name in ("forged_sender", "zero_value", "nft", "failed")} == {
        "forged_sender": 1, "zero_value": 1, "nft": 1, "failed": 1,
    }  # fmt: skip
    assert incident.who["phony"] not in statement.assets


def test_a_limit_of_places_ends_in_gaps_that_say_so(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    found = trace(f"evm+{node.url}", incident, tmp_path, "--most-places", "5")
    assert found.code == EXIT_INCOMPLETE
    statement = Case(found.case).statement
    reasons = {t.reason for t in statement.terminals if t.stop == "gap" and t.amount("fifo")}
    assert reasons == {"not fetched: the limit of 5 places was reached"}
    assert any("limit of 5 places" in note for note in statement.notes)


def test_a_holding_of_more_transactions_than_allowed_is_cut_and_says_so(
    node: Anvil, incident: Incident, tmp_path: Path
) -> None:
    found = trace(f"evm+{node.url}", incident, tmp_path, "--most-transactions", "2")
    assert found.code == EXIT_INCOMPLETE
    reasons = {t.reason for t in Case(found.case).statement.terminals if t.stop == "gap" and t.amount("fifo")}
    assert any("2 transactions" in reason for reason in reasons), reasons


def test_a_second_source_that_agrees_changes_nothing_but_the_record(
    node: Anvil, incident: Incident, tmp_path: Path
) -> None:
    with faulty(node.url) as other:
        found = trace(f"evm+{node.url}", incident, tmp_path, "--check-with", f"evm+{other.url}")
    assert found.code == 0
    assert found.totals("haircut") == totals(incident.truth("haircut"))
    assert "checked with evm+http://127.0.0.1" in Case(found.case).statement.notes[0]


def test_a_second_source_that_disagrees_makes_the_statement_incomplete(
    node: Anvil, incident: Incident, tmp_path: Path
) -> None:
    with anvil(GENESIS, ACCOUNTS) as other:
        assert play(other).blocks == incident.blocks
        other.rpc("anvil_setBalance", incident.who["thief"], "0x1")
        found = trace(f"evm+{node.url}", incident, tmp_path, "--check-with", f"evm+{other.url}")
    assert found.code == EXIT_INCOMPLETE
    reasons = {t.reason for t in Case(found.case).statement.terminals if t.stop == "gap"}
    assert "two sources disagree on its balance" in reasons


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--offline"], "holds no evidence"),
        (["--from", "evm+http://127.0.0.1:9", "--ledger", "L"], "a ledger or a live source"),
        (["--ledger", "L", "--offline"], "go with --from"),
        (["--from", "tv+https://example.org"], "no source is called 'tv'"),
        (["--from", "https://example.org"], "KIND+URL"),
    ],
)  # fmt: skip
def test_words_that_do_not_fit(
    words: list[str], said: str, incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theft, _ = incident.write(tmp_path)
    start = [] if "--ledger" in words or "--from" in words else ["--from", "evm+https://example.org"]
    with pytest.raises(SystemExit) as left:
        main(["trace", "--theft", str(theft), "--out", str(tmp_path / "case"), *start, *words])
    assert left.value.code in (1, 2)
    assert said in capsys.readouterr().err


def test_backward_from_a_payment_to_the_exchange(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    """Where did the money of the drain come from? Whole histories from block 0 on, and the books balance."""
    theft, tags = incident.write(tmp_path)
    command = [
        "-q", "trace", "--from", f"evm+{node.url}", "--allow-host", "127.0.0.1", "--tx", incident.drains[1], "--tags",
        str(tags), "--out", str(tmp_path / "case"), "--depth", "0", "--backward", "--json",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code in (0, EXIT_INCOMPLETE)
    statement = Case(tmp_path / "case").statement
    assert statement.direction == "backward"
    assert statement.total("native") > 0
    assert theft.exists()


def test_following_the_head_shows_what_was_committed_and_taken_back(tmp_path: Path) -> None:
    with anvil() as chain:
        chain.mine()
        words = ["head", f"evm+{chain.url}", "--state", str(tmp_path / "S"), "--depth", "0", "--allow-host",
                 "127.0.0.1", "--interval", "0.1", "--events", "3"]  # fmt: skip
        running = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        chain.mine()
        second = json.loads(running.stdout.readline())
        chain.reorg(1)
        third = json.loads(running.stdout.readline())
        running.wait(timeout=30)
        running.stdout.close()
    assert [e["kind"] for e in (first, second, third)] == ["commit", "commit", "reorg"]
    assert third["reverted"] == [{k: v for k, v in second["committed"][0].items() if k != "transactions"}]
    assert running.returncode == 0


def run(*words: str) -> int:
    """The exit code of the program, in this process."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def test_a_case_notes_that_a_block_it_cites_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Looked at before and after a reorganisation: exit 0, then 4, and from then on the statement says so."""
    with anvil() as chain:
        source, allow = f"evm+{chain.url}", ("--allow-host", "127.0.0.1")
        thief = chain.accounts[1]
        txid = chain.send(chain.accounts[0], thief, value=10**18)
        chain.mine()
        case = str(tmp_path / "case")
        assert run("-q", "trace", "--from", source, *allow, "--tx", txid, "--depth", "0", "--out", case) == 0
        assert run("recheck", case, "--from", source, *allow) == 0
        assert "All of them are in the chain" in capsys.readouterr().out
        chain.reorg(1)
        assert run("recheck", case, "--from", source, *allow) == EXIT_INCOMPLETE
        assert "is orphaned" in capsys.readouterr().out
    assert run("statement", case) == EXIT_INCOMPLETE
    assert "is orphaned" in capsys.readouterr().out
    assert run("rerun", case) == 0
    offline = ("-q", "trace", "--from", source, *allow, "--tx", txid, "--depth", "0", "--out", case, "--offline")
    run(*offline)
    assert run("statement", case) == EXIT_INCOMPLETE
    (tmp_path / "case" / "checks.jsonl").write_text("{]\n")
    assert run("statement", case) == 1
    assert "checks.jsonl is damaged" in capsys.readouterr().err


def test_changed_evidence_and_ledgers_are_found(
    node: Anvil, incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = trace(f"evm+{node.url}", incident, tmp_path)
    body = max((found.case / "evidence" / "bodies").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    right = body.read_bytes()
    body.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert run("rerun", str(found.case)) == 1
    assert body.name in capsys.readouterr().err
    body.write_bytes(right)
    lines = found.case / "evidence" / "answers.jsonl"
    told = lines.read_bytes()
    lines.write_bytes(b"")
    assert run("rerun", str(found.case)) == 1
    lines.write_bytes(told)
    assert run("rerun", str(found.case)) == 0
    column = next((found.case / "ledger").glob("*/block_id.npy"))
    column.write_bytes(column.read_bytes()[:-1] + b"\x01")
    assert run("recheck", str(found.case), "--from", f"evm+{node.url}", "--allow-host", "127.0.0.1") == 1
    assert "was changed since: block_id" in capsys.readouterr().err


def test_a_case_of_a_live_trace_reruns_from_its_own_ledger(
    node: Anvil, incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = trace(f"evm+{node.url}", incident, tmp_path)
    for words in (["rerun", str(found.case)], ["statement", str(found.case)]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
    assert "re-run to the same bytes" in capsys.readouterr().out
    shutil.rmtree(found.case / "evidence" / "bodies")
    gone = trace(f"evm+{node.url}", incident, tmp_path, "--offline")
    assert gone.code == 1


def test_offline_does_not_put_another_case_in_its_place_unasked(
    node: Anvil, incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = trace(f"evm+{node.url}", incident, tmp_path)
    before = found.files()
    for words, what in ((["--most-places", "3"], "limits"), (["--rule", "haircut"], "parameters")):
        assert trace(f"evm+{node.url}", incident, tmp_path, "--offline", *words).code == 1
        assert f"other {what}" in capsys.readouterr().err
        assert found.files() == before
    theft, _ = incident.write(tmp_path)
    untagged = ["trace", "--from", f"evm+{node.url}", "--allow-host", "127.0.0.1", "--theft", str(theft), "--out",
                str(found.case), "--depth", "0", "--offline"]  # fmt: skip
    assert run(*untagged) == 1
    assert "other tags" in capsys.readouterr().err
    assert found.files() == before
    other = trace(f"evm+{node.url}", incident, tmp_path, "--offline", "--rule", "haircut", "--replace")
    assert other.code == 0
    assert Case(other.case).statement.rule == "haircut"


def test_a_deposit_that_is_declared_for_a_block_is_followed_live(
    node: Anvil, incident: Incident, tmp_path: Path
) -> None:
    theft = tmp_path / "theft.toml"
    theft.write_text(
        f'id = "t"\nchain = "evm-31337"\n[[leg]]\nasset = "native"\n[[leg.deposit]]\nto = "{incident.who["thief"]}"\n'
        f'units = "1000"\nblock = {incident.last - 5}\nevidence = "a test"\n'
    )
    words = ["-q", "trace", "--from", f"evm+{node.url}", "--allow-host", "127.0.0.1", "--theft", str(theft), "--depth",
             "0", "--out", str(tmp_path / "case")]  # fmt: skip
    assert run(*words) in (0, EXIT_INCOMPLETE)
    assert Case(tmp_path / "case").statement.total("native") == 1000


def test_a_complete_case_is_not_overwritten_unasked(node: Anvil, incident: Incident, tmp_path: Path) -> None:
    found: Traced = trace(f"evm+{node.url}", incident, tmp_path)
    before = found.files()
    assert trace(f"evm+{node.url}", incident, tmp_path).code == 1
    assert found.files() == before
