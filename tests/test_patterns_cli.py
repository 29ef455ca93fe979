"""The catalogue of detectors: every rule explains itself, and one command runs them all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from dyepack.cli.app import main
from dyepack.errors import UsageError
from dyepack.patterns.catalogue import ACCOUNTS, OUTPUTS, RULES, Scope, names, search
from dyepack.patterns.finding import HEADER
from tests.ledgers import ledger_of as accounts_of
from tests.outputs import ledger_of as outputs_of
from tests.test_cashouts import swept_chain
from tests.test_mixes import mixed_chain

SHARED = Path(__file__).parents[2] / "shared" / "data"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0), capsys.readouterr().out


def test_every_rule_has_a_name_of_its_own_and_says_all() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.conditions, rule.id
        assert rule.source, rule.id
        assert 0 < rule.confidence <= 100, rule.id
        assert rule.evidence in {"E1", "E2", "E5", "E6"}, rule.id
        assert rule.measured or rule.evidence in {"E1", "E2"}, rule.id
        assert rule.evidence != "E6" or rule.confidence <= 70, rule.id


def test_findings_are_of_rules_of_the_catalogue() -> None:
    known = {rule.id for rule in RULES}
    for ledger in (accounts_of(swept_chain()), outputs_of(mixed_chain())):
        found = search(ledger, Scope())
        assert {finding.rule.id for finding in found} <= known
        for finding in found:
            assert finding.txs or finding.places
            row = finding.to_json()
            assert all(row[name] for name in ("source", "evidence", "words"))
    assert [f.rule.id for f in search(outputs_of(mixed_chain()), Scope(), ["coinjoin"])] == ["whirlpool-mix/1"]


def test_each_model_has_its_own_detectors() -> None:
    assert names(accounts_of(swept_chain())) == list(ACCOUNTS)
    assert names(outputs_of(mixed_chain())) == list(OUTPUTS)
    with pytest.raises(UsageError, match="no detector is called"):
        search(accounts_of(swept_chain()), Scope(), ["coinjoin"])


def test_the_same_search_gives_the_same_findings() -> None:
    ledger = accounts_of(swept_chain())
    assert search(ledger, Scope()) == search(ledger, Scope())


@pytest.mark.parametrize("words", [[], ["--ledger", "nowhere", "--json", "--csv"], ["--case", "nowhere"]])
def test_wrong_words_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "patterns", *words)[0] in {1, 2}


def test_rules_are_shown_with_their_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "patterns", "--rules", "--json")
    told = json.loads(out)
    assert code == 0
    assert {rule["id"] for rule in told} == {rule.id for rule in RULES}
    text = run(capsys, "patterns", "--rules")[1]
    assert all(f"{rule.id}: {rule.pattern}" in text for rule in RULES)


@pytest.mark.shared
@pytest.mark.slow
def test_patterns_of_the_ronin_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ronin = SHARED / "ronin-2022"
    run(capsys, "import", "explorer", ronin / "ledger.csv.gz", "--covers", ronin / "addresses.csv", "--ledger",
        tmp_path / "l")  # fmt: skip
    run(capsys, "trace", "--ledger", tmp_path / "l", "--theft", "examples/ronin-2022/theft.toml", "--tags",
        ronin / "addresses.csv", "--out", tmp_path / "c")  # fmt: skip
    code, out = run(capsys, "patterns", "--case", tmp_path / "c", "--ledger", tmp_path / "l", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert list(rows[0]) == list(HEADER)
    deposits = [row for row in rows if row["rule"].startswith("exchange-deposit")]
    assert len(deposits) == 5
    seed = "0xe0669bba"
    assert any(seed in row["txs"] for row in rows if row["rule"] == "gas-funding/1")
