"""What `dyepack tags` answers to a screening question: as of a day, by which name, against what, and for a typo."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyepack.cli.tags import tags_app
from dyepack.errors import DyepackError
from dyepack.tags.contradiction import MOST_TOLD, all_told, contradict, contradicting, differ, name_in, pair
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tags.naming import place_names, stops
from dyepack.tracing.terminals import Stop

A, B = (f"0x{n:040x}" for n in (10, 11))
GOOD = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
HEAD = "address,label,kind,confidence,evidence,source,date,withdrawn"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        try:
            code = tags_app(args=[str(word) for word in words], standalone_mode=False) or 0
        except DyepackError as fault:
            return fault.exit_code, "", str(fault)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def put(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def tag(label: str, kind: TagKind = TagKind.OTHER, confidence: int = 50, source: str = "s") -> Tag:
    return Tag(A, label, kind, confidence, "E2", source, "")


def named(*tags: Tag) -> tuple[str, list[str]]:
    known = TagSet()
    known.add(tags)
    name = place_names(known)[A]
    return name.entity, name.tag.get("contradicted_by", [])


def test_what_is_only_known_since_a_later_day_was_not_listed_then(tmp_path: Path, run: Run) -> None:
    store, plain = tmp_path / "s.store", tmp_path / "list_ETH.txt"
    plain.write_text(GOOD + "\n")
    assert run("import", plain, "--store", store, "--source", "OFAC ETH", "--date", "2025-12-01")[0] == 0
    dated = put(tmp_path / "gs.csv", f"{GOOD},Ronin bridge exploiter 7,theft,50,E2,gs.yaml,2022-04-15,")
    undated = put(tmp_path / "u.csv", f"{GOOD},somebody,other,5,E6,me,,")
    both = ("show", GOOD, "--store", store, "--tags", dated)

    code, out, _ = run(*both, "--as-of", "2015-01-01")
    assert code == 0
    assert out.splitlines()[0].endswith(
        "not named: no statement about it stands, not known to have been said before 2022-04-15"
    )
    assert "stands" not in "".join(out.splitlines()[1:])
    assert "not known to have been said before 2025-12-01" in out
    answer = json.loads(run(*both, "--as-of", "2023-01-01", "--json")[1])
    assert [(s["label"], s["names"], s["standing"]) for s in answer["statements"]] == [
        ("Ronin bridge exploiter 7", True, "stands, nobody says since when; known since 2022-04-15"),
        ("", False, "not known to have been said before 2025-12-01"),
    ]
    assert run(*both, "--as-of", "2025-12-01")[1].count(": stands") == 0
    assert run(*both, "--as-of", "2025-12-01")[1].count("stands, nobody says since when") == 2
    code, out, _ = run("show", GOOD, "--tags", undated, "--as-of", "2015-01-01")
    assert "stands, nobody says since when; no day is told, so it stands on every day" in out
    assert "somebody (other): the only statement that stands" in out


def test_among_equals_a_label_beats_none(tmp_path: Path, run: Run) -> None:
    listed, who = tag("", TagKind.SANCTIONED), tag("POTEKHIN, Danil", TagKind.SANCTIONED)
    assert named(listed, who)[0] == named(who, listed)[0] == "POTEKHIN, Danil"
    assert named(tag("", TagKind.SANCTIONED, 60), who)[0] == "", "confidence goes before a label"
    assert named(tag("", TagKind.MIXER, 5), who)[0] == "", "and so does what ends a trace"
    path = put(tmp_path / "l.csv", f"{A},,sanctioned,60,E3,x,,", f'{A},"POTEKHIN, Danil",sanctioned,60,E3,y,,')
    out = run("show", A, "--tags", path)[1]
    assert "POTEKHIN, Danil (sanctioned): none has a higher confidence, and it alone gives a name" in out
    assert "contradict" not in out


def test_the_name_of_a_place_goes_with_what_contradicts_it() -> None:
    huobi = tag("Huobi", TagKind.EXCHANGE, 60)
    theft = Tag(A, "Ronin bridge exploiter 7", TagKind.THEFT, 50, "E2", "gs.yaml", "")
    assert named(huobi, theft) == ("Huobi", ["Ronin bridge exploiter 7 (theft, confidence 50, E2, gs.yaml)"])
    assert named(huobi, tag("HUOBI 34", TagKind.EXCHANGE, 20)) == ("Huobi", [])
    known = TagSet()
    known.add([huobi, theft])
    assert "contradicted_by" in place_names(known)[A].tag
    assert stops(known) == {A: Stop.SERVICE}
    alone = TagSet()
    alone.add([huobi])
    assert "contradicted_by" not in place_names(alone)[A].tag
    gone = Tag(A, "Mixer", TagKind.MIXER, 50, "E2", "s", "", withdrawn="2025-03-21")
    assert named(huobi, gone) == ("Huobi", []), "what was withdrawn contradicts nothing"
    many = named(huobi, *(tag(f"thief {chr(97 + n)}", TagKind.THEFT, 5) for n in range(26)))[1]
    assert (len(many), many[-1]) == (MOST_TOLD + 1, "and 6 more")


S, E, M, O = TagKind.SANCTIONED, TagKind.EXCHANGE, TagKind.MIXER, TagKind.OTHER  # noqa: E741 - the rows below
ASSET = "Asset listed under US Treasury OFAC Sanctions List"


@pytest.mark.parametrize(
    ("one", "other", "against"),
    [(("LAZARUS GROUP", S), ("Lazarus group", S), False), (("Lazarus Group 3", O), ("lazarus-group", O), False),
     ((ASSET, S), ("LAZARUS GROUP", S), False), ((ASSET, S), ("Sanctioned by OFAC", S), False),
     ((ASSET, S), ("Huobi", E), True),
     ((ASSET, O), ("LAZARUS GROUP", S), False), ((ASSET, O), ("Huobi", E), True),
     ((ASSET, S), ("LAZARUS GROUP", O), False), ((ASSET, S), ("exploiter", TagKind.THEFT), True),
     (("LAZARUS GROUP", S), ("POTEKHIN, Danil", S), True),
     (("a", E), ("", M), True), (("", E), ("", E), False), (("a", E), ("", O), False), (("a", E), ("a.", O), False),
     (("1", O), ("2", O), True), (("!", O), ("?", O), True), (("The Foundation of Treasury", S), ("X", S), True)],
)  # fmt: skip
def test_which_statements_contradict(one: tuple[str, TagKind], other: tuple[str, TagKind], against: bool) -> None:
    first, second = tag(*one), tag(*other)
    assert contradict(first, second) == contradict(second, first) == against
    assert differ([first, second]) == against
    assert contradicting(first, [first, second]) == [second] * against
    known = TagSet()
    known.add([first, second])
    assert known.conflicts() == [A] * against


labels = st.sampled_from(["", "a", "A 1", "b", ASSET, "OFAC", "7", "mixer"])
tagged = st.builds(tag, labels, st.sampled_from([S, E, M, O]), st.integers(0, 3))


@given(st.lists(tagged, max_size=7))
def test_the_first_pair_is_found_if_any_two_contradict(tags: list[Tag]) -> None:
    found = pair(tags)
    assert (found is not None) == any(contradict(one, other) for one, other in product(tags, tags))
    assert found is None or contradict(*found)
    assert not any(contradict(one, one) for one in tags)
    assert len(all_told(tags)) <= len(tags)


@given(st.text(max_size=30))
def test_names_are_compared_without_case_and_signs(label: str) -> None:
    assert name_in(label) == name_in(f" {label}.") or not name_in(label).isalnum()
    assert bool(name_in(label)) == bool(label.strip())


def test_audit_lists_what_contradicts(tmp_path: Path, run: Run) -> None:
    rows = [f"0x{n:040x},{name},exchange,50,E2,x,," for n in range(1, 24) for name in ("Huobi", "Kraken")]
    path = put(
        tmp_path / "l.csv", *rows, f"{'0x' + 'f' * 40},HTX 1,exchange,5,E2,x,,", f"{'0x' + 'f' * 40},htx,other,5,E2,x,,"
    )
    _, out, _ = run("audit", path)
    lines = out.splitlines()
    at = lines.index("23 addresses with contradicting labels or ends:")
    assert lines[at + 1 : at + 4] == [
        f"  0x{1:040x}", "    Huobi (exchange, confidence 50, E2, x)", "    Kraken (exchange, confidence 50, E2, x)",
    ]  # fmt: skip
    assert lines[at + 61] == "  and 3 more (--json)"
    found = json.loads(run("audit", path, "--json")[1])["conflicts"]
    assert len(found) == 23
    assert found[0] == {"address": f"0x{1:040x}", "statements": [line.strip() for line in lines[at + 2 : at + 4]]}
    one = put(tmp_path / "one.csv", f"{A},x,other,5,E6,me,2024-01-01,")
    assert run("audit", one)[1].startswith("1 statement about 1 address, as of ")


def test_the_name_of_a_file_is_no_change(tmp_path: Path, run: Run) -> None:
    old, new = tmp_path / "2025-01.txt", tmp_path / "2025-02.txt"
    old.write_text(f"{A}\n")
    new.write_text(f"{A}\n{B}\n")
    out = run("diff", old, new)[1]
    assert out.splitlines() == ["1 added, 0 withdrawn, 0 changed", f"added      {B}   (sanctioned)"]
    one = put(tmp_path / "a.csv", f"{A},x,mixer,50,E2,,,", f"{B},y,mixer,50,E2,,,")
    two = put(tmp_path / "b.csv", f"{A},x,mixer,60,E2,,,", f"{B},y,mixer,50,E2,court,,")
    rows = list(csv.DictReader(io.StringIO(run("diff", one, two, "--csv")[1])))
    assert [(r["what"], r["address"], r["changes"]) for r in rows] == [
        ("changed", A, "confidence: 50 -> 60"), ("changed", B, "source: a.csv -> court"),
    ]  # fmt: skip


def test_several_stores_are_asked_and_one_is_written(tmp_path: Path, run: Run) -> None:
    stores = [tmp_path / "1.store", tmp_path / "2.store"]
    for number, store in enumerate(stores):
        path = put(tmp_path / f"{number}.csv", f"{A},name {'ab'[number]},other,5,E6,me,,")
        assert run("import", path, "--store", store, "--date", "2025-01-01")[1] == (
            f"{number}.csv as of 2025-01-01: 1 statement added, 0 withdrawn, 0 unchanged, 0 that match nothing\n"
        )
    both = ("--store", stores[0], "--store", stores[1])
    answer = json.loads(run("show", A, *both, "--json")[1])
    assert [s["label"] for s in answer["statements"]] == ["name a", "name b"]
    assert json.loads(run("audit", *both, "--json")[1])["statements"] == 2
    assert json.loads(run("show", A, *both, *both, "--json")[1])["statements"] == answer["statements"]
    for words in (("import", tmp_path / "0.csv", *both), ("remove", "0.csv", *both)):
        code, _, err = run(*words)
        assert (code, "--store is given more than once" in err) == (2, True)
    assert run("remove", "0.csv", "--store", stores[0])[1] == "0.csv: removed, 1 statement\n"


DOUBTFUL = {
    "notanaddress": "has the shape of no chain that is known here",
    GOOD.replace("98B", "98b"): "its letter case does not fit its checksum (EIP-55)",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyU": "its checksum does not fit",
    "0x1234": "begins with 0x but has not 40 hexadecimal digits",
    A[:-1] + "比": "holds U+6BD4",
    "x" * 257: "has 257 characters",
}


@pytest.mark.parametrize("typed", DOUBTFUL)
def test_a_typo_does_not_look_like_an_all_clear(tmp_path: Path, run: Run, typed: str) -> None:
    path = put(tmp_path / "l.csv", f"{B},x,other,5,E6,me,,")
    code, out, _ = run("show", typed, "--tags", path)
    assert code == 4
    assert f"! this may be no address, or a mistyped one: it {DOUBTFUL[typed]}" in out
    code, out, _ = run("show", typed, "--tags", path, "--json")
    assert (code, DOUBTFUL[typed] in json.loads(out)["doubt"]) == (4, True)
    code, out, _ = run("show", typed, "--tags", path, "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (code, row["standing"], DOUBTFUL[typed] in row["flaw"]) == (4, "may be no address", True)


@pytest.mark.parametrize(
    "typed", [GOOD, GOOD.lower(), "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"]
)
def test_an_address_that_fits_is_an_all_clear(tmp_path: Path, run: Run, typed: str) -> None:
    path = put(tmp_path / "l.csv", f"{B},x,other,5,E6,me,,")
    code, out, _ = run("show", typed, "--tags", path)
    assert (code, len(out.splitlines()), "nothing is said about it" in out) == (0, 1, True)


def test_what_a_list_says_of_a_text_of_unknown_shape_is_an_answer(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path / "l.csv", "odd-chain-address,x,other,5,E6,me,,")
    code, out, _ = run("show", "odd-chain-address", "--tags", path)
    assert (code, "may be no address" in out, "x (other): the only statement" in out) == (0, True, True)


def test_what_one_name_withdrew_and_another_still_says_is_hinted_at(tmp_path: Path, run: Run) -> None:
    store, path = tmp_path / "s.store", tmp_path / "l.txt"
    path.write_text(f"{A}\n{B}\n")
    for source in ("OFAC XBT", "OFAC"):
        run("import", path, "--store", store, "--source", source, "--date", "2025-01-01")
    path.write_text(f"{B}\n")
    run("import", path, "--store", store, "--source", "OFAC XBT", "--date", "2025-03-21", "--accept-shrink")
    out = run("show", A, "--store", store)[1]
    assert "! sanctioned: withdrawn from OFAC XBT on 2025-03-21, still said by OFAC\n" in out
    assert json.loads(run("show", A, "--store", store, "--json")[1])["hints"] == [
        "sanctioned: withdrawn from OFAC XBT on 2025-03-21, still said by OFAC"
    ]
    assert "withdrawn from" not in run("show", A, "--store", store, "--as-of", "2025-03-20")[1]
    assert "withdrawn from" not in run("show", B, "--store", store)[1]
