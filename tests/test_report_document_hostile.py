"""Hostile text in every place of a case: the report shows it, and nothing runs, is fetched, or is taken for markup."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dyepack.report.document.as_json import report_json
from dyepack.report.document.build import build
from dyepack.report.document.glyphs import shown_on_paper
from dyepack.report.document.html import render_html
from dyepack.report.document.language import english
from dyepack.report.document.letters import letters, render_text
from dyepack.report.document.lint import lint
from dyepack.report.document.material import Material
from dyepack.report.document.model import Report
from dyepack.report.document.pdf import TEXT_LIMIT, render_pdf
from dyepack.sinks import for_html
from tests.hostile_texts import HOSTILE_TEXTS
from tests.test_report_document import demo_material, demo_report, pdf_text
from tests.test_report_page import Reader

if TYPE_CHECKING:
    from playwright.sync_api import Dialog


@cache
def hostile() -> tuple[Report, Material]:
    """The demo's case with the corpus as titles, names, symbols, sources, notes, reasons, addresses and parameters."""
    files: dict[str, Any] = json.loads(json.dumps(demo_material(incident="ronin-2022").files))
    texts = iter(range(10**9))

    def another() -> str:
        return HOSTILE_TEXTS[next(texts) % len(HOSTILE_TEXTS)]

    statement = files["statement.json"]
    statement["title"] = " ".join(HOSTILE_TEXTS[:3])
    statement["notes"] = list(HOSTILE_TEXTS)
    statement["parameters"] = {text: text for text in HOSTILE_TEXTS}
    for source in statement["sources"]:
        source["name"], source["evidence"] = another(), another()
    for asset in statement["assets"].values():
        asset["symbol"] = another()
    for terminal in statement["terminals"]:
        terminal["entity"], terminal["reason"] = another(), another()
        terminal["tag"] = {"source": another(), "confidence": 40, "evidence": "E6", "date": another(), "kind": "other"}
        terminal["txids"] = [another() for _ in terminal["txids"]]
    for move in files["moves.csv"]:
        move["txid"] = another()
    for point in files["cashouts.json"]:
        point["service"], point["role"], point["standing"] = another(), another(), another()
        point["tag"] = {"source": another(), "confidence": another(), "evidence": "E6"}
    for value in (v for line in files["values.json"]["stolen"] for v in line["at_theft"]):
        if value["price"]:
            value["price"]["source"] = another()
    files["incident.json"]["name"] = another()
    for claim in files["incident.json"]["attributions"]:
        claim["by"], claim["group"] = another(), another()
    for tag in files["tags.json"]:
        tag["source"], tag["date"] = another(), another()
    files["thefts.json"] = [{"id": another(), "title": another(), "source": text} for text in HOSTILE_TEXTS]
    material = Material(files)
    return build(material, english()), material


def test_the_corpus_stands_in_the_report_and_the_lint_has_nothing_to_say() -> None:
    report, material = hostile()
    assert len(HOSTILE_TEXTS) >= 200
    assert len(set(HOSTILE_TEXTS)) == len(HOSTILE_TEXTS)
    assert lint(report, material, english()) == []


def test_hostile_text_adds_no_element_and_no_attribute() -> None:
    page = render_html(hostile()[0])
    odd, plain = Reader(page), Reader(render_html(demo_report()[0]))
    assert set(odd.tags) <= set(plain.tags)
    assert {(t, n) for t, n, _ in odd.attributes} <= {(t, n) for t, n, _ in plain.attributes}
    ids = [value for _, name, value in odd.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9_-]+", value) for value in ids)
    for text in HOSTILE_TEXTS:
        assert str(for_html(text)) in page
    page.encode("utf-8")


@pytest.mark.browser
def test_nothing_runs_and_nothing_is_fetched(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "this test needs Debian's chromium: apt-get install -y chromium"
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    file.write_text(render_html(hostile()[0]), encoding="utf-8")
    seen: dict[str, list[str]] = {"dialogs": [], "console": [], "errors": [], "requests": []}

    def dismiss(dialog: Dialog) -> None:
        seen["dialogs"].append(dialog.message)
        dialog.dismiss()

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.add_init_script("window.alert = () => { window.ran = true }")
        tab.on("dialog", dismiss)
        tab.on("console", lambda m: seen["console"].append(m.text))
        tab.on("pageerror", lambda e: seen["errors"].append(str(e)))
        tab.on("request", lambda r: seen["requests"].append(r.url))
        tab.goto(file.as_uri())
        tab.locator("a.f").first.click()
        tab.wait_for_timeout(300)
        found = {
            "scripts": tab.locator("script, iframe, img, foreignObject, form, base, object, embed").count(),
            "ran": tab.evaluate("window.ran === true"),
            "figures": tab.locator("svg[role=img]").count(),
            "wide": tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"),
        }
        browser.close()
    assert seen == {"dialogs": [], "console": [], "errors": [], "requests": [seen["requests"][0]]}
    assert seen["requests"][0].startswith(file.as_uri())
    assert found == {"scripts": 0, "ran": False, "figures": 3, "wide": False}


@pytest.mark.browser
def test_on_paper_hostile_text_is_text(tmp_path: Path) -> None:
    raw = render_pdf(hostile()[0])
    for name in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/EmbeddedFile", b"/OpenAction"):
        assert name not in re.sub(rb"stream.*?endstream", b"", raw, flags=re.DOTALL)
    text = re.sub(r"\s+", "", pdf_text(raw, tmp_path))
    assert not re.search(r"[\x00-\x08\x0e-\x1f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
    for hostile_text in HOSTILE_TEXTS:
        assert re.sub(r"\s+", "", shown_on_paper(hostile_text, TEXT_LIMIT))[:60] in text
    assert "root:" not in text


def test_what_paper_cannot_show_is_shown_by_its_number() -> None:
    for text in HOSTILE_TEXTS:
        shown = shown_on_paper(text, TEXT_LIMIT)
        assert len(shown) <= 8 * TEXT_LIMIT
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", shown)


def test_json_and_letters_hold_it_as_text() -> None:
    report, material = hostile()
    raw = json.dumps(report_json(report, material))
    assert raw.isascii()
    assert json.loads(raw)["sections"]
    for letter in letters(Material(json.loads(json.dumps(material.files))), english()):
        said = render_text(letter.report)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
