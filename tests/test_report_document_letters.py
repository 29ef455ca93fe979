"""Letters name the points of one service, all of them, and say what is not claimed; the commands write whole files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dyepack.cli.report import report_app
from dyepack.errors import EXIT_USAGE, CaseError, InputError, UsageError
from dyepack.report.document.language import english
from dyepack.report.document.letters import Letter, letters, render_text
from dyepack.report.document.lint import LintError
from dyepack.report.document.material import Material
from dyepack.report.document.model import texts_of
from tests.hostile_texts import UTF8_HOSTILE_TEXTS
from tests.test_report_document import demo, demo_material
from tests.test_report_lint import LANGUAGE, inferred_material


def run(*words: str) -> None:
    report_app(args=list(words), standalone_mode=False)


def of_demo() -> tuple[list[Letter], Material]:
    material = demo_material(values=False)
    return letters(material, english(), by="A. Clerk, Unit 5", reply_to="clerk@example.org"), material


def test_each_service_gets_one_letter_with_every_deposit_and_nothing_of_the_others() -> None:
    found, material = of_demo()
    points = material.files["cashouts.json"]
    services = [p["service"] for p in points]
    assert [letter.service for letter in found] == list(dict.fromkeys(services))
    assert len(found) > 1
    for letter in found:
        text = render_text(letter.report)
        assert letter.service in text
        for point in points:
            mine = point["service"] == letter.service
            assert (point["address"] in text) == mine
            for deposit in point["deposits"]:
                assert not mine or deposit["txid"] in text
        assert not any(other in text for other in set(services) - {letter.service})


def test_a_letter_says_who_asks_what_is_asked_and_what_is_not_claimed() -> None:
    (letter, *_), material = of_demo()
    text = re.sub(r"\s+", " ", render_text(letter.report))
    for words in ("From: A. Clerk, Unit 5", "Please answer to: clerk@example.org", "Preserve", "freeze",
                  "A rule is a convention", "It may be wrong", "It is no order of a court",
                  material.files["hashes.json"]["case"], "under the rule fifo", "tagged as"):  # fmt: skip
        assert words in text
    assert max(len(line) for line in render_text(letter.report).splitlines()) <= 110


def test_amounts_of_a_letter_are_those_of_the_points() -> None:
    found, material = of_demo()
    assets = material.statement.assets
    for letter in found:
        text = re.sub(r"\s+", " ", render_text(letter.report))
        for point in material.files["cashouts.json"]:
            if point["service"] == letter.service:
                assert assets[point["asset"]].format(int(point["units"])) in text


def test_letters_are_linted() -> None:
    words = english()
    flat = replace(words, entries=words.entries | {"letter.to": "To {service}"})
    with pytest.raises(LintError, match="section request, inference"):
        letters(inferred_material(), flat)
    assert letters(inferred_material(), words)


def test_hostile_names_of_services_and_senders_are_shown_and_nothing_more() -> None:
    material = demo_material(values=False)
    for number, text in enumerate(UTF8_HOSTILE_TEXTS[:40]):
        for point in material.files["cashouts.json"]:
            point["service"] = text
        found = letters(material, english(), by=text, reply_to=text)
        assert len(found) == 1
        assert re.fullmatch(r"letter-01-[a-z0-9-]+", found[0].file), number
        said = render_text(found[0].report)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
        assert len([*texts_of(found[0].report.sections[0].blocks[0])]) == 1


# the commands


@pytest.mark.slow
def test_the_command_writes_what_is_asked_for_and_a_second_run_the_same(tmp_path: Path) -> None:
    words = [str(demo() / "case"), "--ledger", str(demo() / "ledger"), "--prices", f"native={demo() / 'prices.csv'}",
             "--currency", "GBP", "--incident", "ronin-2022"]  # fmt: skip
    for name in ("one", "two"):
        files = [part for kind in ("html", "pdf", "json") for part in (f"--{kind}", str(tmp_path / f"{name}.{kind}"))]
        run(*words, *files)
    for kind in ("html", "pdf", "json"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert json.loads((tmp_path / "one.json").read_text())["files"]["values.json"]["currencies"] == ["GBP"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"{n}.{k}" for n in ("one", "two") for k in ("html", "pdf", "json")
    )


def test_without_a_file_the_summary_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run("case", str(demo() / "case"), "--ledger", str(demo() / "ledger"))
    said = capsys.readouterr().out
    assert "Summary" in said
    assert "was stolen" in said
    assert "Annex" not in said


def test_a_redacted_report_comes_with_its_key_apart(tmp_path: Path) -> None:
    page, key = tmp_path / "r.html", tmp_path / "key.json"
    run(str(demo() / "case"), "--ledger", str(demo() / "ledger"), "--redact", "--html", str(page), "--redaction-key",
        str(key))  # fmt: skip
    names = json.loads(key.read_text())
    assert "Address 1" in names
    assert "Address 1" in page.read_text()
    assert not any(t in page.read_text() for n, t in names.items() if n.startswith(("Address", "Service", "Trans")))


def test_letters_are_written_into_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "letters"
    run("letters", str(demo() / "case"), "--ledger", str(demo() / "ledger"), "--out", str(out), "--by", "X")
    names = sorted(p.name for p in out.iterdir())
    assert len(names) == 2 * len(capsys.readouterr().out.splitlines())
    assert all(re.fullmatch(r"letter-\d\d-[a-z0-9-]+\.(txt|pdf)", name) for name in names)
    assert all((out / n).read_bytes().startswith(b"%PDF") for n in names if n.endswith(".pdf"))
    with pytest.raises(InputError, match="not empty"):
        run("letters", str(demo() / "case"), "--out", str(out))


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["--redact", "--incident", "ronin-2022"], UsageError, "exclude each other"),
        (["--redaction-key", "k.json"], UsageError, "only for --redact"),
        (["--incident", "nothing"], UsageError, "there is no incident"),
        (["--language", "tlh"], UsageError, "no language"),
        (["--on", "soon"], UsageError, "is not a day"),
        (["--currency", "XXX"], UsageError, "XXX"),
        (["--prices", "nothing=x.csv"], UsageError, "names no one asset"),
        (["--html", "/nowhere/at/all.html"], InputError, "cannot be written"),
    ],
)
def test_words_that_do_not_fit_are_told(
    words: list[str], error: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said) as fault:
        run(str(demo() / "case"), *words)
    assert getattr(fault.value, "exit_code", 0) == (EXIT_USAGE if error is UsageError else 1)
    assert [*tmp_path.iterdir()] == []


def test_a_lint_fault_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "xx.toml"
    file.write_text(LANGUAGE.read_text().replace('title = "Summary"', 'title = "Summary of 12"'))
    out = tmp_path / "r.html"
    with pytest.raises(LintError, match=r"section summary, number: 'Summary of 12'") as fault:
        run(str(demo() / "case"), "--language", str(file), "--html", str(out))
    assert fault.value.exit_code == 1
    assert not out.exists()


def test_a_changed_case_is_refused(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(demo() / "case", tmp_path / "case")
    moves = tmp_path / "case" / "moves.csv"
    moves.write_bytes(moves.read_bytes().replace(b'"1"', b'"2"', 1))
    with pytest.raises(CaseError, match="was changed"):
        run(str(tmp_path / "case"), "--html", str(tmp_path / "r.html"))
    assert not (tmp_path / "r.html").exists()
