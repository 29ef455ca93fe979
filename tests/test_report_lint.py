"""The lint of a report bites: numbers that are not of the case, inferences worded as facts, claims of nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, UsageError
from dyepack.report.document.build import build
from dyepack.report.document.language import Language, english, load_language, parse
from dyepack.report.document.lint import LintError, Problem, lint, sentences
from dyepack.report.document.material import Material
from dyepack.report.document.model import Bullets, Cell, Fact, Paragraph, Picture, Report, Row, Section, Table, Text
from tests.effort import examples
from tests.test_report_document import demo_material, demo_report, facts_of

LANGUAGE = Path(__file__).parents[1] / "src" / "dyepack" / "report" / "language" / "en.toml"


def with_entry(key: str, template: str) -> Language:
    """English with one entry changed."""
    words = english()
    assert key in words.entries
    return replace(words, entries=words.entries | {key: template})


def inferred_material() -> Material:
    """The demo's case with tags that nobody measured."""
    material = demo_material(values=False)
    text = json.dumps(material.files).replace('"evidence": "E2"', '"evidence": "E6"')
    return Material(json.loads(text))


def with_block(report: Report, section: str, block: Any) -> Report:
    """The report with one more block in a section."""
    sections = [replace(s, blocks=[*s.blocks, block]) if s.id == section else s for s in report.sections]
    return replace(report, sections=sections)


def paragraph(*parts: str | Fact) -> Paragraph:
    return Paragraph(Text("test", parts))


def faults(block: Any, section: str = "summary") -> list[tuple[str, str]]:
    """The kinds and texts that the lint finds wrong with a block in an otherwise sound report."""
    report, material = demo_report()
    return [(p.kind, p.what) for p in lint(with_block(report, section, block), material, english())]


THEFT = Fact("dyepack-demo", ("statement.json#/theft",), "text")
UNITS = "statement.json#/sources/0/amount"
AMOUNT = next(f for f in facts_of(demo_report()[0]) if f.form == "amount:native" and f.evidence == "E4")


def test_a_sound_block_has_no_fault() -> None:
    assert faults(paragraph("Of ", THEFT, " there is ", AMOUNT, " under the rule.")) == []


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_any_changed_fact_is_found(data: st.DataObject) -> None:
    report, _ = demo_report()
    found = facts_of(report)
    fact = found[data.draw(st.integers(0, len(found) - 1))]
    at = data.draw(st.integers(0, len(fact.text)))
    other = fact.text[:at] + data.draw(st.sampled_from("0123456789,. xE")) + fact.text[at + 1 :]
    changed = replace(fact, text=other, evidence="", link="")
    kinds = faults(paragraph(changed))
    assert kinds == ([] if other == fact.text else [("fact", other)])


def test_a_changed_fact_anywhere_in_the_report_is_found_and_its_place_named() -> None:
    report, material = demo_report()
    section = next(s for s in report.sections if s.id == "annex")
    table = section.blocks[1]
    assert isinstance(table, Table)
    row = table.rows[10]
    ((line,),) = [cell for cell in row.cells if any("amount:" in f.form for t in cell for f in t.facts())]
    (fact,) = line.facts()
    cells: tuple[Cell, ...] = tuple(
        (Text(line.key, (replace(fact, text="1 SYN"),)),) if cell == (line,) else cell for cell in row.cells
    )
    rows = (*table.rows[:10], Row(row.id, cells), *table.rows[11:])
    blocks = [section.blocks[0], replace(table, rows=rows)]
    sections = [replace(s, blocks=blocks) if s.id == "annex" else s for s in report.sections]
    assert lint(replace(report, sections=sections), material, english()) == [Problem("annex", "fact", "1 SYN", "1 SYN")]


@pytest.mark.parametrize("place", ["statement.json#/terminals/99999/place", "nothing.json#/a", "moves.csv#/0/secret"])
def test_a_fact_that_is_not_in_the_case_is_found(place: str) -> None:
    assert faults(paragraph(Fact("x", (place,), "text"))) == [("fact", "x")]


def test_a_form_that_nobody_knows_is_found() -> None:
    assert faults(paragraph(Fact("x", (UNITS,), "guess"))) == [("fact", "x")]


@pytest.mark.parametrize(
    "words", ["There are 12 moves.", "On 23 March", "about 600 million", "E7", "٣ moves", "V3", "E16", "1"]
)
def test_a_number_typed_into_words_is_found(words: str) -> None:
    assert faults(paragraph(words)) == [("number", words)]
    assert faults(Bullets((Text("test", (words,)),))) == [("number", words)]


@pytest.mark.parametrize("words", ["class E6", "SHA-256 of it", "V0 and V2", "no digit at all", ""])
def test_what_the_language_allows_is_no_number(words: str) -> None:
    assert faults(paragraph(words)) == []


@pytest.mark.parametrize("grade", ["E5", "E6"])
def test_an_inference_that_is_stated_flatly_is_found(grade: str) -> None:
    who = replace(THEFT, evidence=grade)
    assert faults(paragraph("The money went to ", who, ".")) == [("inference", who.text)]
    assert faults(paragraph("It is probably so. The money went to ", who, ".")) == [("inference", who.text)]
    assert faults(paragraph("The money went to ", who, ". That is probably so.")) == [("inference", who.text)]
    assert faults(paragraph("The money went to what is tagged as ", who, ".")) == []
    assert faults(paragraph("The money probably went to ", who, ".")) == []


@pytest.mark.parametrize("grade", ["", "E1", "E2", "E3"])
def test_what_is_known_may_be_stated(grade: str) -> None:
    assert faults(paragraph("The money went to ", replace(THEFT, evidence=grade), ".")) == []


def test_an_amount_of_a_rule_that_does_not_say_so_is_found() -> None:
    assert faults(paragraph("They got ", AMOUNT, ".")) == [("convention", AMOUNT.text)]
    assert faults(paragraph("Under the rule. They got ", AMOUNT, ".")) == [("convention", AMOUNT.text)]


def test_in_a_table_the_head_of_the_column_counts() -> None:
    who = replace(THEFT, evidence="E6")

    def table(*heads: str) -> Table:
        from dyepack.report.document.model import Column

        columns = tuple(Column(Text("test", (head,))) for head in heads)
        cell = (Text("test", (who,)),)
        return Table("extra", Text("test", ("Places",)), columns, (Row("extra-0", (cell,) * len(heads)),))

    assert faults(table("Tagged as")) == []
    assert faults(table("Owner")) == [("inference", who.text)]
    assert faults(table("Tagged as", "Owner")) == [("inference", who.text)]


def test_claims_stand_apart_and_beside_the_one_who_makes_them() -> None:
    name = Fact("Lazarus Group and APT38", ("incident.json#/attributions/0/group",), "text", "claim")
    by = Fact("FBI", ("incident.json#/attributions/0/by",), "text", "claim")
    assert ("claim", name.text) in faults(paragraph("It was ", name, "."))
    assert faults(paragraph("It was ", name, "."), "attribution") == [("claim", "nobody says it")]
    assert faults(paragraph("It was ", name, ", says ", by, "."), "attribution") == []


def test_a_number_that_leads_nowhere_is_found() -> None:
    assert faults(paragraph(replace(THEFT, link="m99999"))) == [("link", "m99999")]
    assert faults(paragraph(replace(THEFT, link="m1"))) == []


def test_a_figure_that_the_case_does_not_draw_is_found() -> None:
    report, _ = demo_report()
    drawn = next(b for s in report.sections for b in s.blocks if isinstance(b, Picture))
    assert faults(drawn) == []
    assert faults(replace(drawn, svg=drawn.svg.replace("SYN", "BTC", 1))) == [("picture", "flow")]
    assert faults(replace(drawn, caption="All is well")) == [("picture", "flow")]
    assert faults(replace(drawn, name="map")) == [("picture", "map")]


@pytest.mark.parametrize(
    ("key", "template", "kind"),
    [
        ("summary.service", "{amount} ({share}) went to {names} under the rule {rule}.", "inference"),
        ("summary.mixer", "{amount} ({share}) went to {names}, rule {rule}.", "inference"),
        ("findings.tagged", "{entity}", ""),
        ("findings.place", "Owner", ""),
        ("cashouts.role", "Role", "inference"),
        ("letter.to", "To {service}", ""),
        ("findings.stop", "End", "inference"),
        ("summary.service", "{amount} ({share}) is tagged as {names}; {rule}.", "convention"),
        ("summary.title", "Summary of 12 moves", "number"),
        ("annex.row", "Row 1", "number"),
        ("glossary.hop.means", "one of 3", "number"),
    ],
)
def test_a_language_that_says_too_much_is_refused(key: str, template: str, kind: str) -> None:
    material = inferred_material()
    language = with_entry(key, template)
    if not kind:
        build(material, language)
        return
    with pytest.raises(LintError) as fault:
        build(material, language)
    assert kind in {p.kind for p in fault.value.problems}
    assert "section " in str(fault.value)


def test_the_fault_names_section_sentence_and_number() -> None:
    with pytest.raises(LintError, match=r"section summary, number: 'Summary of 12 moves' in 'Summary of 12 moves'"):
        build(demo_material(values=False), with_entry("summary.title", "Summary of 12 moves"))


def test_sentences_end_in_plain_words_only() -> None:
    fact = replace(THEFT, text="a. b")
    found = list(sentences(("One ", fact, " two. Three ", fact, "; four")))
    assert found == [("One ", fact, " two."), ("Three ", fact, ";"), ("four",)]


# the language file


def changed_file(tmp_path: Path, old: str, new: str) -> Path:
    text = LANGUAGE.read_text()
    assert old in text
    file = tmp_path / "xx.toml"
    file.write_text(text.replace(old, new, 1))
    return file


def test_another_language_with_the_same_entries_is_taken(tmp_path: Path) -> None:
    file = changed_file(tmp_path, 'title = "Summary"', 'title = "Zusammenfassung"')
    found = load_language(str(file))
    report = build(demo_material(values=False), found)
    assert report.sections[0].title.plain() == "Zusammenfassung"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('skip = "Skip to the summary"\n', "", r"lacks the entries 'page\.skip'"),
        ('skip = "Skip', 'skap = "Skip', r"lacks the entries 'page\.skip'"),
        ('skip = "Skip', 'more = "x"\nskip = "Skip', r"has entries that nothing asks for: 'page\.more'"),
        ("tagged as {entity}", "tagged", r"'findings\.tagged' must have the places entity"),
        ("tagged as {entity}", "tagged as {entity} {more}", r"must have the places entity"),
        ("tagged as {entity}", "tagged as {entity.__class__}", r"no plain name"),
        ("tagged as {entity}", "tagged as {entity", r"'findings\.tagged'"),
        ('code = "en"', 'code = "<script>"', r"is not two or three small letters"),
        ('skip = "Skip to the summary"', "skip = 12", r"is no text"),
        ("[lint]", "[lint2]", r"is no language file"),
        ("[list]", "[list", r"is no language file"),
    ],
)
def test_a_language_that_does_not_fit_is_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    file = changed_file(tmp_path, old, new)
    with pytest.raises(InputError, match=words) as fault:
        load_language(str(file))
    assert "xx.toml" in str(fault.value)


def test_languages_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no language 'tlh'"):
        load_language("tlh")
    with pytest.raises(InputError, match="cannot be read"):
        load_language(str(tmp_path / "none.toml"))
    with pytest.raises(InputError, match="no language file"):
        parse(b"\xff\xfe", "odd")
    assert load_language("en") is english()


def test_section_titles_are_linted_too() -> None:
    report, material = demo_report()
    section = Section("extra", Text("test", ("Section 9",)))
    found = lint(replace(report, sections=[*report.sections, section]), material, english())
    assert [(p.section, p.kind) for p in found] == [("extra", "number")]
