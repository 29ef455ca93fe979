"""dyepack tags: each command against real files, in each form, with its exit code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dyepack.cli.tags import tags_app
from dyepack.cli.trace import load_tags
from dyepack.errors import DyepackError, UsageError
from dyepack.tags.audit import audit, difference, why_named
from dyepack.tags.load import load
from dyepack.tags.model import TagSet

A, B, C = (f"0x{n:040x}" for n in (10, 11, 12))
EVIL = "\x1b[31m<script>\u202e=1+1[bold]"

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


def put(path: Path, *rows: str, head: str = "address,label,kind,confidence,source,date,withdrawn") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_import_show_diff_audit_remove(tmp_path: Path, run: Run) -> None:
    store = tmp_path / "s.store"
    old = put(tmp_path / "old.csv", f"{A},Huobi,exchange,90,court,2024-01-01,", f"{B},Mix,mixer,50,me,2024-01-01,")
    new = put(tmp_path / "new.csv", f"{A},HTX,exchange,90,court,2025-01-01,", f"{C},New,other,5,me,,")
    code, out, _ = run("import", old, "--store", store, "--source", "L", "--date", "2025-01-01")
    assert (code, out) == (
        0, "L as of 2025-01-01: 2 statements added, 0 withdrawn, 0 unchanged, 0 that match nothing\n",
    )  # fmt: skip
    code, _, err = run("import", new, "--store", store, "--source", "L", "--date", "2025-02-01")
    assert (code, "say --accept-shrink" in err) == (2, True)
    code, out, _ = run("import", new, "--store", store, "--source", "L", "--date", "2025-02-01", "--accept-shrink",
                       "--json")  # fmt: skip
    assert [(r["added"], r["withdrawn"], r["before"], r["unmatched"]) for r in json.loads(out)] == [
        (2, 2, "2025-01-01", 0)
    ]

    code, out, _ = run("show", A.upper(), "--store", store, "--json")
    answer = json.loads(out)
    assert (code, answer["address"], answer["why"], answer["conflict"]) == (
        0,
        A,
        "the only statement that stands",
        False,
    )
    assert [(s["label"], s["names"], s["standing"]) for s in answer["statements"]] == [
        ("HTX", True, "stands since 2025-02-01"),
        ("Huobi", False, "withdrawn 2025-02-01"),
    ]
    code, out, _ = run("show", A, "--store", store, "--as-of", "2025-01-31")
    assert out.splitlines()[0] == f"{A} as of 2025-01-31: Huobi (exchange): the only statement that stands"
    code, out, _ = run("show", B, "--store", store)
    assert (code, "not named: no statement about it stands" in out) == (0, True)
    code, out, _ = run("show", "0x" + "9" * 40, "--store", store)
    assert (code, "not named: nothing is said about it" in out) == (0, True)

    code, out, _ = run("diff", old, new, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(r["what"], r["address"], r["changes"]) for r in rows] == [
        ("changed", A, "label: Huobi -> HTX"), ("added", C, ""), ("withdrawn", B, ""),
    ]  # fmt: skip
    code, out, _ = run("diff", old, new)
    assert out.splitlines()[0] == "1 added, 1 withdrawn, 1 changed"
    code, out, _ = run("diff", old, old)
    assert out == "0 added, 0 withdrawn, 0 changed\n"

    code, out, _ = run("audit", "--store", store, "--json", "--as-of", "2025-02-01")
    found = json.loads(out)
    assert (found["statements"], found["addresses"], found["withdrawn"], found["conflicts"]) == (4, 3, 2, [])
    assert found["counts"]["kind"] == {"exchange": 2, "mixer": 1, "other": 1}
    assert found["ages"] == [
        {"source": "court", "newest": "2025-02-01", "days": 0}, {"source": "me", "newest": "2025-02-01", "days": 0},
    ]  # fmt: skip
    assert run("remove", "L", "--store", store)[:2] == (0, "L: removed, 4 statements\n")
    assert run("remove", "L", "--store", store)[0] == 2


def test_what_matches_nothing_gives_exit_code_4(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path / "l.csv", f"{A[:-1]}比,lost,other,5,me,,", f"{A},kept,other,5,me,,")
    code, out, err = run("import", path, "--store", tmp_path / "s.store", "--date", "2025-01-01")
    assert (code, "1 that match nothing" in out, "U+6BD4" in err) == (4, True, True)
    code, out, _ = run("audit", path)
    assert (code, "1 that match nothing:" in out) == (4, True)
    code, out, _ = run("audit", path, "--csv")
    assert [(r["what"], r["label"]) for r in csv.DictReader(io.StringIO(out))] == [("unmatched", "lost")]
    code, out, err = run("show", A[:-1] + "比", "--tags", path)
    assert (code, "may be no address, or a mistyped one: it holds U+6BD4" in out) == (4, True)


def test_conflicts_are_shown_with_the_reason_why_one_names(tmp_path: Path, run: Run) -> None:
    path = put(
        tmp_path / "l.csv", f"{A},sure,other,90,x,,", f"{A},mixer,mixer,20,y,,", f"{A},exchange,exchange,60,z,,",
        f"{B},one,other,5,x,,", f"{B},two,other,5,y,,", f"{C},stop,mixer,5,x,,", f"{C},no stop,other,90,y,,",
    )  # fmt: skip
    code, out, _ = run("show", A, "--tags", path)
    assert (code, out.splitlines()[0].split(": ", 1)[1]) == (
        0, "exchange (exchange): of those that end a trace, it has the highest confidence",
    )  # fmt: skip
    assert out.splitlines()[1] == (
        "! statements that stand contradict each other: exchange (exchange, confidence 60, E6, z) against mixer "
        "(mixer, confidence 20, E6, y)"
    )
    assert [line[0] for line in out.splitlines()[2::2]] == ["*", " ", " "]
    answer = json.loads(run("show", A, "--tags", path, "--json")[1])
    assert (answer["conflict"], len(answer["contradicting"])) == (True, 2)
    tags = load(path)
    assert why_named(tags.of(B), "2025-01-01") == "none has a higher confidence, and it was loaded first"
    assert why_named(tags.of(C), "2025-01-01") == "the only one that ends a trace"
    assert [one.address for one in audit(tags, "2025-01-01").conflicts] == [A, B, C]
    assert audit(tags, "2025-01-01").kinds == [A]


def test_an_address_in_another_form_is_found_and_a_flaw_is_told(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path / "l.csv", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq,x,sanctioned,,OFAC,,XBT",
               head="address,label,kind,confidence,source,date,currency")  # fmt: skip
    (tag,) = load(path).tags
    from dyepack.sources.live.tron.addresses import from_base58

    digits = from_base58(tag.address)
    for form in (tag.address, "41" + digits[2:], "0x41" + digits[2:], digits, "T\u200b" + tag.address[1:]):
        _, out, err = run("show", form, "--tags", path, "--json")
        assert [s["flaw"] for s in json.loads(out)["statements"]] == [
            "is listed as of bitcoin but is an address of tron; matched as one"
        ]
    assert "the address as given holds U+200B" in err
    assert json.loads(run("show", digits, "--tags", path, "--json", "--network", "ethereum")[1])["statements"] == []


@pytest.mark.parametrize("command", ["show", "audit", "diff"])
def test_hostile_labels_are_shown_safely(tmp_path: Path, run: Run, command: str) -> None:
    path = put(tmp_path / "l.csv", f'{A},"{EVIL}",mixer,50,"{EVIL}",,', f'{A},"other {EVIL}",mixer,50,x,,')
    empty = put(tmp_path / "e.csv")
    words = {"show": ["show", A, "--tags", path], "audit": ["audit", path], "diff": ["diff", empty, path]}[command]
    for form in ([], ["--json"], ["--csv"]):
        code, out, err = run(*words, *form)
        assert code == 0
        assert not any(sign in out + err for sign in "\x1b\u202e")
        if form == ["--csv"]:
            assert all(cell[:1] not in "=@+" or not cell for row in csv.reader(io.StringIO(out)) for cell in row)


def test_words_that_do_not_fit(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path / "l.csv", f"{A},x,other,5,me,,")
    assert "no tags are given" in run("show", A)[2]
    assert "no tags are given" in run("audit")[2]
    assert "exclude each other" in run("show", A, "--tags", path, "--json", "--csv")[2]
    assert "is not a day" in run("show", A, "--tags", path, "--as-of", "1.2.2025")[2]
    assert "is no chain that is known" in run("show", A, "--tags", path, "--network", "frob")[2]
    assert "does not exist" in run("show", A, "--store", tmp_path / "none")[2]
    assert "does not exist" in run("diff", path, tmp_path / "none")[2]
    assert not list(tmp_path.glob("none*"))


def test_a_trace_takes_a_store_as_its_tags(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path / "l.csv", f"{A},Mix,mixer,50,me,2024-01-01,")
    run("import", path, "--store", tmp_path / "s.store", "--date", "2025-01-01")
    known = load_tags([tmp_path / "s.store"], [])
    assert [tag.label for tag in known.of(A)] == ["Mix"]
    with pytest.raises(UsageError, match="is a store of tags"):
        load_tags([], [f"mixer={tmp_path / 's.store'}"])


def test_a_difference_tells_every_field_and_what_the_list_itself_withdrew(tmp_path: Path) -> None:
    old = load(put(tmp_path / "a.csv", f"{A},x,mixer,50,me,,", f"{B},y,other,5,me,,"))
    new = load(put(tmp_path / "b.csv", f"{A},x,mixer,60,you,,", f"{B},y,other,5,me,,2025-01-02"))
    assert [(d.what, d.changes()) for d in difference(old, new)] == [
        ("changed", [("confidence", "50", "60"), ("source", "me", "you")]),
        ("withdrawn", [("withdrawn", "", "2025-01-02")]),
    ]
    assert [d.what for d in difference(TagSet(), new)] == ["added", "added"]
