"""dyepack bridges: exports of two chains in, links out, and dye goes on over them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from dyepack.cli.app import main
from dyepack.patterns.bridges.links_csv import read_links
from dyepack.patterns.bridges.logs import Call, Log
from dyepack.patterns.bridges.model import BridgeDeposit
from dyepack.synthetic.bridge import Mix, numbered, world
from dyepack.synthetic.bridge_records import CONTRACTS, VAULT, records

AMOUNTS = [10**18 + n for n in range(40)]


def deposits() -> list[BridgeDeposit]:
    asset = "0x" + "ab" * 20
    return numbered(
        BridgeDeposit("celer", "ethereum", f"0x{n:064x}", f"0x{n:040x}", f"0x{n + 99:040x}", asset, amount, "bsc",
                      asset, time=1_700_000_000 + 60 * n)
        for n, amount in enumerate(AMOUNTS)
    )  # fmt: skip


def write(folder: Path, logs: list[Log], calls: list[Call]) -> list[str]:
    words = []
    for chain in sorted({log.chain for log in logs} | {call.chain for call in calls}):
        file = folder / f"{chain}-logs.csv"
        with file.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["log_index", "transaction_hash", "address", "data", "topics", "block_timestamp"])
            for log in (log for log in logs if log.chain == chain):
                topics = ",".join("0x" + topic.hex() for topic in log.topics)
                rows.writerow([log.index, log.tx, log.contract, "0x" + log.data.hex(), topics, log.time])
        words += ["--logs", f"{chain}={file}"]
    return words


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    seen = capsys.readouterr()
    return int(done.value.code or 0), seen.out, seen.err


def test_exports_of_two_chains_give_the_links_of_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(deposits())
    logs, calls = records(made)
    words = write(tmp_path, logs, calls)
    code, out, _ = run(capsys, "bridges", *words, "--contract", f"celer={CONTRACTS['celer']}", "--vault", VAULT,
                       "--out", tmp_path / "links.csv", "--json")  # fmt: skip
    told = json.loads(out)
    links = read_links(tmp_path / "links.csv").protocol
    true = {(payout.tx, deposit.tx) for payout, deposit in made.truth.items()}
    assert told["links"] == len(links) > 20
    assert {(link.payout.tx, link.deposit.tx) for link in links} <= true
    assert code == (4 if told["refused"] or told["not_decoded"] else 0)


def test_leads_are_listed_apart_and_are_in_no_file_of_links(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two payouts claim each deposit, so that none is joined: both are leads, those to the receiver first."""
    made = world(deposits(), mix=Mix(dropped=0, twins=0, forged=0, foreign=0, doubled=1, repeated=0))
    words = ["bridges", *write(tmp_path, *records(made)), "--contract", f"celer={CONTRACTS['celer']}"]
    asset = made.deposits[0].asset
    _, out, _ = run(capsys, *words, "--leads", f"{asset}={asset}:0.99-1", "--out", tmp_path / "links.csv", "--json")
    told = json.loads(out)
    assert (told["links"], told["unpaid"]) == (0, len(AMOUNTS))
    assert read_links(tmp_path / "links.csv").protocol == ()
    receivers = {d.tx: d.receiver for d in made.deposits} | {p.tx: p.receiver for p in made.payouts}
    best = [lead for lead in told["leads"] if lead["statistic"]["rank"] == 1]
    assert len(best) > 30
    for lead in told["leads"]:
        assert (lead["rule"], lead["evidence"]) == ("bridge-inferred/1", "E6")
        assert 0 < lead["confidence"] <= 40
    assert sum(receivers[lead["txs"][0]] == receivers[lead["txs"][1]] for lead in best) > 30
    assert all(lead["statistic"]["candidates"] > 1 for lead in best)
    code, out, _ = run(capsys, *words, "--leads", f"{asset}={asset}:0.99-1")
    assert code == 4
    assert f"leads by amount and time, no links: {len(told['leads'])}" in out
    _, out, _ = run(capsys, *words, "--leads", f"{asset}=native:1", "--json")
    assert json.loads(out)["leads"] == []
    _, out, _ = run(capsys, *words, "--json")
    assert "leads" not in json.loads(out)


@pytest.mark.parametrize("text", ["", "x", "a=b", "a=b:", "a=b:0", "a=b:-1", "a=b:2-1", "a=b:1e5", "=b:1", "a=b:1-"])
def test_a_rate_that_is_none_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--contract", "celer=0x1", "--logs", "a=b", "--leads", text)
    assert run(capsys, "bridges", *words)[0] == 2


def test_nobody_is_heard_who_was_not_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs, calls = records(world(deposits()))
    other = "0x" + "11" * 20
    code, out, _ = run(capsys, "bridges", *write(tmp_path, logs, calls), "--contract", f"celer={other}", "--json")
    assert code == 0
    assert json.loads(out)["deposits"] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "stands not once"),
        ("log_index,transaction_hash,address,data,topics\n0,0x1,0x2,0x,\n", "not a transaction hash"),
        (f"log_index,transaction_hash,address,data,topics\n0,0x{'1' * 64},0x{'2' * 40},0x123,\n", "not hexadecimal"),
        (f"log_index,transaction_hash,address,data,topics\n0,0x{'1' * 64},0x{'2' * 40},0x,zz\n", "not topics"),
        (f"log_index,transaction_hash,address,data,topics\n-1,0x{'1' * 64},0x{'2' * 40},0x,\n", "not a log index"),
    ],
)
def test_broken_exports_are_refused_with_the_place(
    content: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs.csv").write_text(content)
    code, _, said = run(capsys, "bridges", "--logs", f"ethereum={tmp_path / 'logs.csv'}", "--contract", "celer=0x1")
    assert code == 1
    assert words in said


@pytest.mark.parametrize(
    "words", [[], ["--contract", "nosuch=0x1", "--logs", "a=b"], ["--contract", "celer=0x1", "--logs", "nothing"]]
)
def test_wrong_words_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "bridges", *words)[0] == 2
