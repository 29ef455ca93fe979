"""The report of a case says all that the case says, links each number to its rows, and is the same bytes each time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import fields
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import pytest

from dyepack.case.demo import run_demo
from dyepack.case.folder import Case, write_case
from dyepack.case.run import trace
from dyepack.cashouts.points import cash_outs
from dyepack.errors import DyepackError
from dyepack.incidents.registry import registry
from dyepack.ledger.reader import Ledger
from dyepack.report.document.as_json import report_json
from dyepack.report.document.build import build
from dyepack.report.document.glyphs import _RANGES, shown_on_paper
from dyepack.report.document.html import render_html
from dyepack.report.document.language import Language, english, places_in
from dyepack.report.document.letters import letters, render_text
from dyepack.report.document.lint import lint
from dyepack.report.document.material import Material, material_of
from dyepack.report.document.model import Fact, Picture, Report, Table, texts_of
from dyepack.report.document.pdf import STANDARDS, _Paper, render_pdf
from dyepack.report.document.places import PlaceError, find, ref
from dyepack.report.document.redact import redact
from dyepack.sinks import visible
from dyepack.tracing.resolve import Parameters
from dyepack.valuation.book import PriceBook
from dyepack.valuation.case_values import value_case
from dyepack.valuation.files import read_prices
from tests.ledgers import Move, tx_hash
from tests.ledgers import ledger_of as accounts_of
from tests.outputs import ledger_of as outputs_of
from tests.test_cashouts import follow as follow_accounts
from tests.test_mixes import follow as follow_outputs
from tests.test_mixes import mixed_chain
from tests.test_report_page import Reader

PACKAGE = Path(__file__).parents[1] / "src" / "dyepack"
PRICES = "Date,Close\n2022-03-01,2.5\n2022-03-03,3.5\n"


@cache
def demo() -> Path:
    """The demo's ledger and case, made once."""
    folder = Path(mkdtemp(prefix="dyepack-report-")) / "demo"
    run_demo(folder)
    (folder / "prices.csv").write_text(PRICES)
    return folder


def material_at(folder: Path, *, values: bool = True, incident: str = "") -> Material:
    """The material of a case that stands beside its ledger."""
    case, ledger = Case(folder / "case"), Ledger.open(folder / "ledger")
    found = None
    if values:
        book = PriceBook()
        book.add("native", read_prices(folder / "prices.csv", "USD", ""))
        found = value_case(case.statement, case.moves(), book, ["USD", "GBP"], date(2022, 3, 3))
    known = registry()
    entry = (known[incident], known.sources) if incident else None
    points = cash_outs(case.statement, case.moves(), ledger)
    return material_of(case, cash_outs=points, values=found, incident=entry)


def demo_material(**more: Any) -> Material:
    return material_at(demo(), **more)


@cache
def demo_report() -> tuple[Report, Material]:
    material = demo_material(incident="ronin-2022")
    return build(material, english()), material


def facts_of(report: Report) -> list[Fact]:
    texts = [report.title, report.kind, report.running, *(s.title for s in report.sections)]
    texts += [text for s in report.sections for b in s.blocks for text, _ in texts_of(b)]
    return [fact for text in texts for fact in text.facts()]


def table_of(report: Report, name: str) -> Table:
    return next(table for table in report.tables() if table.id == name)


def words_of(report: Report, section: str) -> str:
    blocks = next(s for s in report.sections if s.id == section).blocks
    return "\n".join(text.plain() for block in blocks for text, _ in texts_of(block))


def test_every_fact_of_the_demo_is_made_again_from_its_case() -> None:
    report, material = demo_report()
    assert lint(report, material, english()) == []
    found = facts_of(report)
    assert len(found) > 2_000
    assert {f.evidence for f in found} >= {"", "E2", "E4", "claim"}
    files = {place.partition("#")[0] for f in found for place in f.refs}
    assert files >= {"statement.json", "moves.csv", "values.json", "cashouts.json", "incident.json", "hashes.json"}


def test_sections_stand_in_the_order_of_a_report() -> None:
    report, _ = demo_report()
    assert [s.id for s in report.sections] == [
        "summary", "values", "method", "findings", "cashouts", "onward", "flow", "untraced", "attribution", "errors",
        "data", "glossary", "annex",
    ]  # fmt: skip
    assert all(s.blocks for s in report.sections)


@pytest.mark.slow
def test_three_runs_give_the_same_bytes() -> None:
    def made() -> tuple[str, bytes, str]:
        material = demo_material(incident="ronin-2022")
        report = build(material, english())
        return render_html(report), render_pdf(report), json.dumps(report_json(report, material))

    first = made()
    assert made() == first
    assert made() == first


@pytest.mark.slow
def test_a_report_of_the_demo_takes_less_than_ten_seconds() -> None:
    start = time.perf_counter()
    material = demo_material()
    report = build(material, english())
    render_html(report)
    render_pdf(report)
    assert time.perf_counter() - start < 10


def test_links_of_numbers_lead_to_rows_that_exist() -> None:
    report, material = demo_report()
    page = Reader(render_html(report))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = [value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert all(value.startswith("#") for tag, name, value in page.attributes if name == "href")
    assert set(targets) <= set(ids)
    linked = [f for f in facts_of(report) if f.link]
    assert len(linked) > 100
    rows = {f.link for f in linked if re.fullmatch(r"m\d+", f.link)}
    assert rows
    assert all(1 <= int(link[1:]) <= len(material.moves) for link in rows)


def test_a_terminals_amount_leads_to_a_move_that_brought_some_of_it() -> None:
    report, material = demo_report()
    seen = 0
    for table in report.tables():
        if not table.id.startswith("findings-"):
            continue
        for row in table.rows:
            terminal = material.statement.terminals[int(row.id[2:])]
            link = next(row.cells[2][0].facts()).link
            if link:
                move = material.moves[int(link[1:]) - 1]
                assert move.asset == terminal.asset
                assert terminal.place in {move.source, move.target}
                seen += 1
    assert seen > 20


def test_the_annex_has_every_dyed_move_once() -> None:
    report, material = demo_report()
    rows = table_of(report, "moves").rows
    assert [row.id for row in rows] == [f"m{n}" for n in range(1, len(material.moves) + 1)]
    names = material.statement.assets
    for row, move in zip(rows, material.moves, strict=True):
        said = [line.plain() for cell in row.cells for line in cell]
        assert move.txid in said
        assert any(names[move.asset].format(move.units) in text for text in said)


def test_findings_have_every_terminal_and_add_up() -> None:
    report, material = demo_report()
    statement = material.statement
    shown = {int(row.id[2:]) for t in report.tables() if t.id.startswith("findings-") for row in t.rows}
    reached = {n for n, t in enumerate(statement.terminals) if any(t.amount(r) for r in statement.interval_rules)}
    assert shown == reached
    sums = Counter[str]()
    for number in shown:
        sums[statement.terminals[number].asset] += statement.terminals[number].amount(statement.rule)
    for balance in statement.balances:
        if balance.rule == statement.rule:
            sums[balance.asset] -= balance.put_in + balance.swapped_in - balance.swapped_out
    assert set(sums.values()) == {0}


def test_the_summary_accounts_for_every_stop_and_every_swap() -> None:
    report, material = demo_report()
    said = words_of(report, "summary")
    statement = material.statement
    stops = {(t.stop, t.asset) for t in statement.terminals if t.amount(statement.rule)}
    lines = next(s for s in report.sections if s.id == "summary").blocks
    items = [item for block in lines if hasattr(block, "items") for item in block.items]
    swapped = {(b.asset, part) for b in statement.balances if b.rule == statement.rule
               for part in ("swapped_in", "swapped_out") if getattr(b, part)}  # fmt: skip
    assert len(items) == len(stops) + len(swapped)
    assert len(swapped) >= 2
    assert "was swapped into other assets" in said
    assert "cash-out point" in said


def test_values_name_their_price_its_day_and_its_source_and_the_bases_stay_apart() -> None:
    report, material = demo_report()
    said = words_of(report, "values")
    assert "2.5 USD, of 2022-03-01, prices.csv" in said
    assert "GBP for one USD, of 2022-03-01, euro reference rates of the European Central Bank" in said
    assert "without a price" in said
    totals = table_of(report, "value-totals")
    assert [row.id for row in totals.rows] == [
        "total-stolen-at_theft", "total-stolen-stated", "total-ended-at_theft", "total-ended-at_arrival",
        "total-ended-stated",
    ]  # fmt: skip
    line = material.files["values.json"]["stolen"][0]
    assert f"{line['at_theft'][0]['amount']}" in said.replace(",", "")


def test_a_report_without_prices_states_no_value() -> None:
    report = build(demo_material(values=False), english())
    assert "it states no values" in words_of(report, "values")
    assert not re.search(r"\b(USD|GBP)\b", words_of(report, "summary"))


def test_claims_stand_in_their_own_section_with_who_says_them() -> None:
    report, _ = demo_report()
    assert [f for s in report.sections if s.id != "attribution" for b in s.blocks for t, _ in texts_of(b)
            for f in t.facts() if f.evidence == "claim"] == []  # fmt: skip
    said = words_of(report, "attribution")
    assert "FBI" in said
    assert "no finding of this report" in said
    without = build(demo_material(values=False), english())
    assert "Lazarus" not in render_text(without)
    assert "says nothing of who did it" in words_of(without, "attribution")


def test_the_page_keeps_the_basics_of_accessibility() -> None:
    report, _ = demo_report()
    text = render_html(report)
    page = Reader(text)
    assert ("html", "lang", "en") in page.attributes
    assert page.tags.count("h1") == 1
    heads = [tag for tag in page.tags if re.fullmatch(r"h\d", tag)]
    assert heads == ["h1"] + ["h2"] * len(report.sections)
    assert page.tags.count("caption") == page.tags.count("table") == len([*report.tables()])
    assert page.tags.count("th") == Counter(n for t, n, _ in page.attributes if t == "th")["scope"]
    pictures = [b for s in report.sections for b in s.blocks if isinstance(b, Picture)]
    assert [p.name for p in pictures] == ["flow", "hops", "timeline"]
    assert page.tags.count("svg") == 3
    assert all(p.alt and p.caption for p in pictures)
    labels = {v for t, n, v in page.attributes if t == "svg" and n == "aria-labelledby"}
    ids = {v for _, n, v in page.attributes if n == "id"}
    assert len(labels) == 3
    assert {part for label in labels for part in label.split()} <= ids
    assert not set(page.tags) & {"script", "img", "iframe", "link", "form", "object", "embed"}
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "main" in page.tags


def test_the_pdf_is_archivable_tagged_and_dated_without_a_clock() -> None:
    raw = render_pdf(demo_report()[0])
    assert raw.startswith(b"%PDF-1.7")
    for words in (b"pdfaid:part>2<", b"pdfaid:conformance>A<", b"pdfuaid:part>1<", b"/StructTreeRoot", b"/Lang"):
        assert words in raw
    assert b"2022-03-0" in raw
    assert STANDARDS == ["a-2a", "ua-1"]
    assert b"/JavaScript" not in raw
    assert b"/URI" not in raw


def pdf_text(raw: bytes, tmp_path: Path) -> str:
    tool = shutil.which("pdftotext")
    assert tool, "this test needs Debian's poppler-utils: apt-get install -y poppler-utils"
    file = tmp_path / "report.pdf"
    file.write_bytes(raw)
    return subprocess.run([tool, "-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout


@pytest.mark.browser
def test_the_pdf_says_what_the_page_says(tmp_path: Path) -> None:
    report, material = demo_report()
    text = re.sub(r"\s+", "", pdf_text(render_pdf(report), tmp_path))
    for section in report.sections:
        assert re.sub(r"\s+", "", section.title.plain()) in text
    for terminal in material.statement.terminals:
        if terminal.amount("fifo"):
            assert material.statement.assets[terminal.asset].format(terminal.amount("fifo")) in text
    assert material.files["hashes.json"]["case"] in text


@pytest.mark.browser
def test_a_long_annex_is_cut_on_paper_and_says_by_how_much(tmp_path: Path) -> None:
    report, material = demo_report()
    text = pdf_text(render_pdf(report, annex_rows=20), tmp_path)
    assert f"{len(material.moves) - 20:,} {report.words['cut']}" in re.sub(r"\s+", " ", text)
    assert len(render_pdf(report, annex_rows=20)) < len(render_pdf(report))


def test_links_to_rows_that_are_cut_become_plain_text() -> None:
    report, _ = demo_report()
    data = _Paper(report, 5, plain=False).data()

    def links(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["l"]} if "l" in value else set()
            return own.union(*(links(v) for v in value.values()))
        return set[str]().union(*(links(v) for v in value)) if isinstance(value, list) else set()

    rows = {link for link in links(data) if re.fullmatch(r"m\d+", link)}
    assert rows
    assert rows <= {f"m{n}" for n in range(1, 6)}


@pytest.mark.slow
def test_typst_can_set_every_character_that_it_is_given() -> None:
    import typst

    source = (
        b'#set document(title: "all", date: datetime(year: 2020, month: 1, day: 1))\n#set text(lang: "en", '
        b'font: ("Libertinus Serif", "New Computer Modern Math", "DejaVu Sans Mono"))\n'
        b"#for c in json(bytes(sys.inputs.data)) [#c #parbreak()]"
    )
    chars = [chr(c) for first, last in _RANGES for c in range(first, last + 1)]
    shown = [c for c in chars if shown_on_paper(c, 20) == c]
    assert len(shown) > 5_000
    data = json.dumps(shown)
    assert typst.compile(source, format="pdf", sys_inputs={"data": data}, pdf_standards=STANDARDS,  # type: ignore[call-overload]
                         ignore_system_fonts=True)  # fmt: skip


def test_what_fonts_lack_is_shown_by_its_number() -> None:
    assert shown_on_paper("交易所 Börse \u202e", 50) == "⟦U+4EA4⟧⟦U+6613⟧⟦U+6240⟧ Börse ⟦U+202E⟧"
    assert shown_on_paper("ЕТН", 50) == "ЕТН"
    assert shown_on_paper("ЕТН", 50, plain=True) == "⟦U+0415⟧⟦U+0422⟧⟦U+041D⟧"


def test_json_gives_the_place_of_every_number() -> None:
    report, material = demo_report()
    value = report_json(report, material)
    facts: list[dict[str, Any]] = []

    def walk(held: Any) -> None:
        if isinstance(held, dict):
            facts.extend(held.get("facts", []))
            for v in held.values():
                walk(v)
        elif isinstance(held, list):
            for v in held:
                walk(v)

    walk(value["sections"])
    assert len(facts) > 2_000
    files = material.files | value["files"]
    assert all(find(files, place) is not None for f in facts for place in f["refs"])
    assert "moves.csv" not in value["files"]
    json.dumps(value)


@pytest.mark.parametrize("part", ["backward", "no times", "outputs with a mix", "nothing reached"])
def test_other_cases_make_reports_too(part: str, tmp_path: Path) -> None:
    if part == "backward":
        case = Case(demo() / "case")
        ledger = Ledger.open(demo() / "ledger")
        made = trace(ledger, case.thefts(), case.tags(), Parameters(backward=True))
    elif part == "outputs with a mix":
        made = follow_outputs(outputs_of(mixed_chain()))
        assert made.statement.onward
    else:
        moves = [Move(1, "", "victim", 1000), Move(2, "victim", "thief", 1000)]
        made = follow_accounts(accounts_of(moves), tx_hash(2))
    write_case(made, tmp_path / "case")
    opened = Case(tmp_path / "case")
    material = material_of(opened, cash_outs=[])
    report = build(material, english())
    text = render_html(report)
    Reader(text)
    assert render_pdf(report)
    if part == "backward":
        assert "was followed back" in text
    if part == "outputs with a mix":
        assert "anonymity set" in words_of(report, "onward")
        assert "probably" in words_of(report, "onward")
    if part == "nothing reached":
        assert "there is no account to ask about" in text


@pytest.mark.parametrize(
    "place",
    ["statement.json#/terminals/9999/place", "statement.json#/nothing", "other.json#/a", "statement.json",
     "moves.csv#/0/nothing", "statement.json#/terminals/?nothing=1/place"],
)  # fmt: skip
def test_a_place_that_is_not_there_is_a_fault(place: str) -> None:
    with pytest.raises(PlaceError):
        find(demo_report()[1].files, place)


def test_places_find_fields_whatever_their_text() -> None:
    odd = "a/b?c=d&e%f~#⟦\ud800"
    files = {"x.json": {"rows": [{"name": odd, "n": 1, "tag": {"e": odd}}, {"name": "b", "n": 2, "tag": None}], odd: 7}}
    assert find(files, ref("x.json", "rows", {"name": odd}, "n")) == [1]
    assert find(files, ref("x.json", "rows", {"name!": odd}, "n")) == [2]
    assert find(files, ref("x.json", "rows", {"tag.e": odd}, "n")) == [1]
    assert find(files, ref("x.json", "rows", {"tag.e": ""}, "n")) == [2]
    assert find(files, ref("x.json", odd)) == [7]
    assert find(files, ref("x.json", "rows", "*", "n")) == [1, 2]
    assert find(files, ref("x.json", "rows", {"name": "z"}, "n")) == []


class Listening(Language):
    """English that remembers what it is asked for."""

    asked: ClassVar[set[str]] = set()

    def template(self, key: str, number: int | None = None) -> str:
        self.asked.add(key)
        return super().template(key, number)


RARE = {
    "summary.service_unnamed", "summary.mixer_unnamed", "summary.bridge_unnamed", "summary.points_there",
    "letter.by", "letter.reply_to",
}  # fmt: skip
"""Entries that the cases of this test do not ask for, though the program makes their keys."""


def test_every_entry_of_the_language_is_used_and_every_used_one_is_there() -> None:
    words = Listening(**{f.name: getattr(english(), f.name) for f in fields(Language)})
    material = demo_material(incident="ronin-2022")
    build(material, words)
    build(redact(demo_material())[0], words, redacted=True)
    letters(material, words, by="x", reply_to="y")
    source = "".join(f.read_text() for f in sorted((PACKAGE / "report" / "document").glob("*.py")))
    literal = set(re.findall(r'"((?:[a-z_]+\.)+[a-z_]+)"', source))
    columns = {k for k in words.entries if re.search(rf'\("{k.rpartition(".")[2]}", (?:True|False), [\d.]+\)', source)}
    assert words.entries.keys() - words.asked - literal - columns - RARE == set()
    assert len(words.entries.keys() - words.asked) < 60


def test_entries_have_plain_places_only() -> None:
    assert places_in({"one": "{a} b", "other": "{a} {c}"}) == {"a", "c"}
    for bad in ("{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{}", "{a", "a}"):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are those of string.Formatter
            places_in(bad)


def test_a_form_that_does_not_fit_is_told_in_a_sentence() -> None:
    from dyepack.report.document.author import Author

    author = Author(demo_report()[1], english())
    with pytest.raises(DyepackError, match="cannot show"):
        author.fact("amount:native", ref("statement.json", "theft"))
    with pytest.raises(KeyError):
        author.say("summary.title", amount=author.rule_fact())


def test_texts_of_the_page_are_those_of_the_report() -> None:
    report, _ = demo_report()
    words = Reader(render_html(report)).words
    for fact in facts_of(report):
        assert re.sub(r"\s+", " ", visible(fact.text)) in words


def test_a_currency_without_a_rate_states_no_value_and_the_others_do(tmp_path: Path) -> None:
    case = Case(demo() / "case")
    book = PriceBook()
    (tmp_path / "late.csv").write_text("Date,Close\n2022-03-01,2.5\n")
    for key in case.statement.assets:
        book.add(key, read_prices(tmp_path / "late.csv", "USD", ""))
    found = value_case(case.statement, case.moves(), book, ["USD"], None)
    material = material_of(case, cash_outs=[], values=found)
    total = material.files["values.json"]["totals"]["stolen"]["at the theft"][0]
    report = build(material, english())
    assert f"{float(total['amount']):,.2f} USD" in words_of(report, "summary")
    material.files["values.json"]["totals"]["stolen"]["at the theft"][0]["without_price"] = 1
    assert "no value of the whole is stated" in words_of(build(material, english()), "summary")
