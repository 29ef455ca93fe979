"""A redacted report holds none of the redacted texts in any of its files, and the same pseudonym for the same text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dyepack.report.document.as_json import report_json
from dyepack.report.document.build import build
from dyepack.report.document.html import render_html
from dyepack.report.document.language import english
from dyepack.report.document.lint import lint
from dyepack.report.document.material import Material
from dyepack.report.document.pdf import render_pdf
from dyepack.report.document.redact import Pseudonyms, leaks, redact
from tests.test_report_document import demo_material, pdf_text


def made() -> tuple[Material, Material, Pseudonyms]:
    material = demo_material()
    return material, *redact(material)


def test_nothing_that_was_redacted_is_left_in_any_file() -> None:
    material, hidden, names = made()
    report = build(hidden, english(), redacted=True)
    assert lint(report, hidden, english()) == []
    page, data = render_html(report), json.dumps(report_json(report, hidden, redacted=True))
    originals = {*names.addresses, *names.transactions, *names.names, *names.titles}
    assert len(names.addresses) > 30
    assert len(names.transactions) > 50
    assert {"Service A", "Service B"} <= set(names.names.values())
    for text in originals:
        assert text not in page
        assert text not in data
    for address in names.addresses:
        assert address[:8] not in page
        assert address[-6:] not in page.split("<main>")[1].split('id="data"')[0]
    assert "Amber" not in page + data
    assert "fictional" not in page + data
    assert "Address 1" in page
    assert material.statement.title.startswith("The siphoning of Amber")


@pytest.mark.browser
def test_nothing_is_left_on_paper(tmp_path: Path) -> None:
    _, hidden, names = made()
    text = re.sub(r"\s+", "", pdf_text(render_pdf(build(hidden, english(), redacted=True)), tmp_path))
    assert "Address1" in text
    for original in (*names.addresses, *names.transactions, *names.names, *names.titles):
        assert re.sub(r"\s+", "", original) not in text
    raw = render_pdf(build(hidden, english(), redacted=True))
    assert all(text.encode() not in raw for text in names.addresses)


def test_the_amounts_stay_and_the_key_leads_back() -> None:
    material, hidden, names = made()
    key = names.key()
    assert len(key) == len(set(key.values()))
    assert [t.amounts for t in hidden.statement.terminals] == [t.amounts for t in material.statement.terminals]
    for before, after in zip(material.moves, hidden.moves, strict=True):
        assert (before.units, before.time, before.stop) == (after.units, after.time, after.stop)
        assert key.get(after.source, after.source) == before.source
        assert key.get(after.target, after.target) == before.target
        assert key[after.txid] == before.txid
    for before_t, after_t in zip(material.statement.terminals, hidden.statement.terminals, strict=True):
        assert key.get(after_t.entity, after_t.entity) == before_t.entity


def test_pseudonyms_are_numbered_as_the_moves_name_them_each_time_alike() -> None:
    material, hidden, names = made()
    order = [text for move in material.moves for text in (move.source, move.target) if text in names.addresses]
    assert [names.addresses[t] for t in dict.fromkeys(order)] == [
        f"Address {n}" for n in range(1, len(dict.fromkeys(order)) + 1)
    ]
    assert redact(material)[0].files == hidden.files
    assert [*names.names.values()] == [f"Service {chr(65 + n)}" for n in range(len(names.names))]


def test_texts_within_other_texts_are_found_and_replaced() -> None:
    material = demo_material(values=False)
    place = material.moves[3].target
    entity = next(t.entity for t in material.statement.terminals if t.entity)
    notes = material.files["statement.json"]["notes"]
    notes += [f"see {place}, of {entity}; ({place})", f"{material.moves[0].txid}:1", material.statement.title]
    hidden, names = redact(Material(material.files))
    said = hidden.files["statement.json"]["notes"][-3:]
    assert said[0] == f"see {names.addresses[place]}, of {names.names[entity]}; ({names.addresses[place]})"
    assert said[1] == "Transaction 1:1"
    assert said[2] == "withheld"


def test_a_leak_is_seen() -> None:
    _, _, names = made()
    address, name = next(iter(names.addresses)), next(iter(names.names))
    assert leaks(names, ["nothing here"], "") == []
    assert leaks(names, [f"x {address}."], "") == [address]
    assert leaks(names, [f'"{address}"', name], "") == [address, name]
    assert leaks(names, [name], f"a word such as {name} is ours") == []


def test_odd_addresses_are_redacted_where_they_stand() -> None:
    material = demo_material(values=False)
    text = json.dumps(material.files)
    first = material.moves[0].source
    for odd in ("a", "DE02 1203", "<b>&amp;", "acct-7"):
        changed = Material(json.loads(text.replace(json.dumps(first)[1:-1], json.dumps(odd)[1:-1])))
        hidden, names = redact(changed)
        assert names.addresses[odd] == "Address 1"
        assert hidden.moves[0].source == "Address 1"
        assert odd not in {t.place for t in hidden.statement.terminals}
        build(hidden, english(), redacted=True)


def test_of_a_live_case_the_digest_of_its_evidence_is_told_and_its_source_withheld() -> None:
    material = demo_material(values=False)
    live = {"source": "evm+https://node.example/", "evidence": "ab" * 32, "head": {"number": 7}}
    material.files["case.json"]["live"] = live
    assert "ab" * 32 in render_html(build(material, english()))
    hidden, _ = redact(material)
    report = build(hidden, english(), redacted=True)
    data = json.dumps(report_json(report, hidden, redacted=True))
    assert "ab" * 32 in data
    assert "node.example" not in data
