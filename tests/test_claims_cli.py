"""dyepack incidents and dyepack claims as commands: what they print, in which form, and how they refuse."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dyepack.cli.claims import claims_app
from dyepack.cli.incidents import incidents_app
from dyepack.errors import DyepackError, InputError, UsageError
from tests.test_incidents import GOOD, SOURCE

app = typer.Typer()
app.add_typer(incidents_app, name="incidents")
app.add_typer(claims_app, name="claims")


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    if isinstance(done.exception, DyepackError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def as_json(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def test_check_prints_the_three_claims_with_verdicts_and_refuses_to_add_them() -> None:
    said = run("claims", "check", "A1", "A2", "A3")
    for text in ("more than 50.0 million USD; 2020 to mid-2021; at least 3 exchanges; in North America, Europe, Asia",
                 "said by one Member State (not named)", "kucoin-2020 [UV] 275.0 to 281.0 million USD",
                 "the amount is exceeded (true as a lower bound; the certain ones alone come to 5.5 times as much), "
                 "but the count does not fit and no incident is in North America, Europe: the claim as worded is not "
                 "supported by this list", "count: 1, the claim says at least 3 exchanges: does not fit",
                 "about 400.0 million USD; 2021; about 7 intrusions", "about 316.4 million USD; 2019 to 2020-11",
                 "the amount is covered (by the certain ones): the claim as worded is supported by this list",
                 "the amount is not reached (even with all possible ones)", "not comparable",
                 "These claims may not be added:", "A1 and A2: both count 2021-01-01 to 2021-05-30",
                 "A1 and A3: both count 2020-01-01 to 2020-11-30"):  # fmt: skip
        assert text in said, text
    assert "possible only: its date, 2021-06-23, is not surely in the period" in said


def test_check_of_everything_and_of_every_theft() -> None:
    whole = run("claims", "check")
    assert all(f"\n{c}  " in "\n" + whole for c in (*(f"C{n}" for n in range(1, 13)), "A1", "A2", "A3"))
    assert "more (--every)" in whole
    assert "more (--every)" not in run("claims", "check", "C7", "--every")


def test_check_in_machine_forms_says_the_same() -> None:
    value = as_json("claims", "check", "C2", "C4")
    assert len(value["verdicts"]) == 14
    assert value["never_add"] == [{"claims": ["C2", "C4"], "why": "both count 2020-01-01 to 2020-11-30"}]
    rows = list(csv.DictReader(io.StringIO(run("claims", "check", "C2", "C4", "--csv"))))
    assert [(r["claim"], r["attributed_by"], r["outcome"]) for r in rows] == [
        (v["claim"], v["attributed_by"], v["outcome"]) for v in value["verdicts"]]  # fmt: skip
    panel = value["verdicts"][2]
    assert (panel["attributed_by"], panel["low_hundredths"], panel["high_hundredths"]) == (
        "U", "29809000000", "31000000000")  # fmt: skip


def test_tolerance_and_exceeds_are_settings() -> None:
    def outcome(*words: str) -> str:
        found = as_json("claims", "check", "C2", *words)["verdicts"]
        return str(next(v["outcome"] for v in found if v["attributed_by"] == "V"))

    assert outcome() == "exceeds"
    assert outcome("--tolerance", "60") == "covered"
    assert "the amount is covered (by the certain ones)" in run("claims", "check", "C4", "--exceeds", "600")


def test_ids_are_taken_in_any_case() -> None:
    assert run("claims", "check", "a1") == run("claims", "check", "A1")
    assert as_json("claims", "add", "UN-2024/2020", "un-2024/2021")["claims"] == ["un-2024/2020", "un-2024/2021"]
    for twice in (("a1", "A1"), ("c9B", "C9b")):
        with pytest.raises(UsageError, match="named twice"):
            run("claims", "check", *twice)
    for unknown in ("a", "/2020", "a1/2020", "UN-2024/1999"):
        with pytest.raises(UsageError, match="there is no claim"):
            run("claims", "check", unknown)


def test_a_verdict_says_in_every_form_whether_the_claim_as_worded_is_supported() -> None:
    found = {v["attributed_by"]: v for v in as_json("claims", "check", "A1")["verdicts"]}
    assert (found["U"]["outcome"], found["U"]["supported"]) == ("exceeds", False)
    assert found["U"]["conclusion"].startswith("the amount is exceeded (true as a lower bound")
    assert (found["V"]["supported"], found["F"]["supported"]) == (None, None)
    assert "the count fits only with possible ones and only possible ones are in" in found["V"]["conclusion"]
    assert found["F"]["conclusion"].startswith("not comparable: ")
    rows = {r["attributed_by"]: r for r in csv.DictReader(io.StringIO(run("claims", "check", "A1", "--csv")))}
    assert {k: (r["supported"], r["conclusion"]) for k, r in rows.items()} == {
        k: ("" if v["supported"] is None else str(v["supported"]), v["conclusion"]) for k, v in found.items()
    }
    said = run("claims", "check", "A1")
    assert all(v["conclusion"] in said for v in found.values() if v["incidents"])


def test_the_refusal_says_which_scopes_differ() -> None:
    with pytest.raises(UsageError) as refusal:
        run("claims", "add", "a1", "c2")
    assert ("they are about different scopes (A1: crypto; exchange; Asia, Europe, North America / C2: crypto; all "
            "kinds; everywhere)") in str(refusal.value)  # fmt: skip


def test_years_prints_the_comparison_with_sources_spread_and_restatements() -> None:
    said = run("claims", "years")
    assert any(line.split() == ["2021", "551.1", "(23)", "506.0", "(11)", "250.0", "175.6", "(6)", "3.1x"]
               for line in said.splitlines())  # fmt: skip
    assert "Chainalysis 2021: 400.0 (at least 7) in 2022-01-13 -> 428.8 (9) in 2024 -> 506.0 (11) in 2026-05-01" in said
    assert "mon-2026: Taylor Monahan" in said
    value = as_json("claims", "years")
    year = next(y for y in value["years"] if y["year"] == 2021)
    assert year["spread_permille"] == 3138
    assert [f["amount_hundredths"] for f in year["figures"]] == [
        "55114275100", "50600000000", "25000000000", "17560000000"]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(run("claims", "years", "--csv"))))
    assert sum(r["year"] == "2021" for r in rows) == 4


def test_add_refuses_by_name_with_exit_code_2() -> None:
    with pytest.raises(UsageError) as refusal:
        run("claims", "add", "C2", "C4", "C5")
    assert refusal.value.exit_code == 2
    assert "C2, C4, C5 may not be added: C2 and C4: both count" in str(refusal.value)
    assert run("claims", "add", "un-2024/2020", "un-2024/2021") == (
        "un-2024/2020 + un-2024/2021: 428.2 to 523.4 million USD\n")  # fmt: skip
    assert as_json("claims", "add", "un-2024/2020", "un-2024/2021")["high_hundredths"] == "52338000000"


def test_list_and_show_keep_facts_apart_from_claims() -> None:
    said = run("incidents", "show", "ronin-2022")
    facts, _, rest = said.partition("Who says who did it (claims, not facts)")
    assert "FBI, 2022-04-14: dprk" not in facts
    assert "F FBI, 2022-04-14: dprk (Lazarus Group and APT38), stated" in rest
    assert "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7" in facts
    assert "ATT&CK T1566.003" in facts
    assert as_json("incidents", "show", "ronin-2022")["attributions"][0]["code"] == "F"
    listed = run("incidents", "list", "--year", "2022", "--actor", "dprk", "--attributed-by", "F")
    assert [line.split()[1] for line in listed.splitlines()] == ["ronin-2022", "harmony-2022", "deribit-2022"]
    assert {r["kind"] for r in as_json("incidents", "list", "--kind", "bank")} == {"bank"}
    rows = list(csv.DictReader(io.StringIO(run("incidents", "list", "--csv"))))
    assert len(rows) == len(run("incidents", "list").splitlines())
    assert all(r["sources"] for r in rows)


def test_unchecked_things_are_shown_as_such() -> None:
    assert "stated [unchecked]" in run("incidents", "show", "harmony-2022")
    assert "date: 2026-10-29 (to the day) [unchecked]" in run("incidents", "show", "binance-2026")
    assert "[unchecked: country]" in run("incidents", "list", "--year", "2020")


@pytest.mark.parametrize("words", [
    ("incidents", "list", "--kind", "tunnel"), ("incidents", "list", "--actor", "x"),
    ("incidents", "list", "--attributed-by", "Q"), ("incidents", "list", "--region", "x"),
    ("incidents", "show", "nothing"), ("claims", "check", "C99"), ("claims", "check", "C2", "C2"),
    ("claims", "add", "C2"), ("incidents", "list", "--json", "--csv"), ("claims", "years", "--json", "--csv"),
])  # fmt: skip
def test_words_that_make_no_sense_are_usage_errors(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(*words)


def test_check_of_a_folder_says_what_is_there_or_what_is_wrong(tmp_path: Path) -> None:
    assert "all fields are valid; 39 thefts have something unchecked" in run("incidents", "check")
    (tmp_path / "own.toml").write_text(SOURCE + GOOD)
    assert "(1 of your own)" in run("incidents", "check", str(tmp_path))
    assert as_json("incidents", "check", str(tmp_path))["incidents"] == 1
    assert "heist-2022" in run("incidents", "list", "--registry", str(tmp_path), "--year", "2022")
    (tmp_path / "own.toml").write_text(SOURCE + GOOD.replace("500 thousand", "400 thousand"))
    with pytest.raises(InputError) as fault:
        run("incidents", "check", str(tmp_path))
    assert fault.value.exit_code == 1
    assert "own.toml: incident 'heist-2022', loss, field 'part': the parts add up to 15.4 million USD" in str(
        fault.value
    )


def test_hostile_text_of_an_own_registry_reaches_no_terminal_and_no_spreadsheet_raw(tmp_path: Path) -> None:
    hostile = GOOD.replace('"Heist, 23 March 2022"', '"\\u001b[31m=1+1\\u202e"').replace('victim = "A bridge"',
                                                                                       'victim = "=cmd()"')  # fmt: skip
    (tmp_path / "own.toml").write_text(SOURCE + hostile)
    said = run("incidents", "show", "heist-2022", "-r", str(tmp_path))
    assert "\x1b" not in said
    assert "\u202e" not in said
    rows = list(csv.DictReader(io.StringIO(run("incidents", "list", "--csv", "-r", str(tmp_path)))))
    assert next(r for r in rows if r["id"] == "heist-2022")["victim"] == "'=cmd()"
