"""The page says everything the statement says, once, exactly, and runs nothing."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from dyepack.money import Asset
from dyepack.report.page import environment, render
from dyepack.report.view import View
from dyepack.report.words import Names, share, utc
from dyepack.sinks import for_html
from dyepack.tracing.statement import Balance, Flow, Source, Statement, Terminal
from tests.test_report_hostile import HOSTILE
from tests.test_report_sample import ETH, TOKEN, address, sample, tag

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Dialog

VOID = {"meta", "br", "wbr", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """Collects tags, attributes and text; faults on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text)).replace("\xa0", " ")


def hostile(text: str) -> tuple[Statement, list[Flow]]:
    """The sample with one text in every place where text from outside can stand."""
    statement, flows = sample(text, text)
    named = tag(text, 50, text) | {"date": text}
    odd = Terminal(text, text, "service", "native", {"fifo": 1}, {0: 1}, 1, text, text, [text], (1, 1), named)
    statement.terminals.append(odd)
    statement.theft = statement.title = statement.chain = statement.ledger = text
    statement.notes = [text]
    statement.parameters = {text: text, "nested": {text: [text]}}
    statement.sources = [replace(s, name=text, evidence=text) for s in statement.sources]
    flows = [
        *flows,
        Flow(address(1), text, "native", ETH, 1, 2),
        Flow(text, f"service:{text}", "native", ETH, 1, 3),
    ]
    return statement, flows


@pytest.fixture(scope="module")
def page() -> str:
    return render(*sample(), title_note="made by hand")


def test_it_is_one_file_without_script_or_network(page: str) -> None:
    read = Reader(page)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "foreignobject"} & set(read.tags)
    assert {v[0] for _, n, v in read.attributes if n in {"src", "href", "xlink:href"} and v} == {"#"}
    assert not [n for _, n, _ in read.attributes if n.startswith("on")]
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"url\(|@import", page)


def test_tables_have_captions_and_scopes(page: str) -> None:
    read = Reader(page)
    assert read.tags.count("table") == read.tags.count("caption") > 10
    assert len([1 for t, n, _ in read.attributes if (t, n) == ("th", "scope")]) == read.tags.count("th")
    ids = [v for _, n, v in read.attributes if n == "id"]
    assert len(ids) == len(set(ids))
    targets = {v[1:] for t, n, v in read.attributes if (t, n) == ("a", "href")}
    assert targets <= set(ids)
    assert ("html", "lang", "en") in read.attributes


def test_the_headline_says_how_much_and_where(page: str) -> None:
    words = Reader(page).words
    assert (
        "1,400 ETH was stolen. Under the rule fifo, 232.08 ETH (16.5%) reached services "
        "(Exchange B and Exchange A)" in words
    )
    assert "is still held at 15 places" in words
    assert "2,500,000 USDC was stolen" in words


def test_every_terminal_is_there_in_full_and_exact(page: str) -> None:
    statement, _ = sample()
    words = Reader(page).words
    names = Names(statement)
    for t in statement.terminals:
        if t.amount("fifo"):
            assert t.place in words
            assert names.exact(t.asset, t.amount("fifo")) in words
            assert f'title="{t.amount("fifo")} base units"' in page
        for txid in t.txids:
            assert txid in words


def test_poison_stands_in_the_rule_table_only() -> None:
    statement, flows = sample()
    exact = Names(statement).number("native", 777_777 * ETH + 123)
    first = statement.terminals[0]
    statement.terminals[0] = replace(first, entity="Odd", amounts=first.amounts | {"poison": 777_777 * ETH + 123})
    statement.balances.append(Balance("poison", 0, "native", 1, 0, 0, {}))
    page = render(statement, flows)
    shown = page.replace("<wbr>", "")
    assert shown.count(exact) == 1
    section = shown[shown.index('id="rules"') : shown.index('id="proof"')]
    assert exact in section
    assert "reach, not money" in section
    assert "does not balance" not in shown
    assert address(97) not in page
    assert "1 further place is touched under poison only" in page


def test_rules_are_said_to_be_conventions(page: str) -> None:
    assert "convention, not a probability" in page
    assert "upper bound on <em>reach</em>" in page


def test_every_balance_is_shown_with_both_sides(page: str) -> None:
    statement, _ = sample()
    assert page.count("✓ balances") == len(statement.balances)
    assert "does not balance" not in page


def test_swaps_are_said_and_balance() -> None:
    statement, flows = sample()
    statement.sources = [Source(0, "wallet", "native", 10, 1, "E1")]
    statement.balances = [
        Balance("fifo", 0, "native", 10, 0, 4, {"held": 6}),
        Balance("fifo", 0, TOKEN, 0, 9_000_000, 0, {"service": 9_000_000}),
    ]
    amounts = {"fifo": 6}
    held = Terminal("a", "", "held", "native", amounts, {0: 6}, 1, "", "", [], (1, 1), None)
    cashed = replace(held, place="b", stop="service", asset=TOKEN, amounts={"fifo": 9_000_000}, entity="X", tag=tag())
    statement.terminals = [held, cashed]
    statement.interval_rules = []
    statement.assets["native"] = Asset("native", "BTC", 0)
    words = Reader(render(statement, flows)).words
    assert (
        "10 BTC was stolen. Under the rule fifo, 6 BTC (60.0%) is still held at 1 place; "
        "4 BTC (40.0%) was swapped into" in words
    )
    assert "No USDC was itself stolen, and 9 USDC came in through swaps of other stolen assets" in words
    assert "9 USDC (100.0%) reached services (X)" in words
    assert "0 BTC put in" not in words


def test_incomplete_runs_say_so(page: str) -> None:
    statement, flows = sample()
    statement.complete = False
    assert "Incomplete." in render(statement, flows)
    assert "Incomplete." not in page


def test_a_name_without_a_source_is_not_shown() -> None:
    statement, flows = sample()
    statement.terminals = [replace(t, entity="Rumoured Exchange", tag=None) for t in statement.terminals]
    assert "Rumoured" not in render(statement, flows)


def test_assets_that_share_a_symbol_are_told_apart() -> None:
    statement, _ = sample()
    fake = "0x" + "f" * 40
    statement.assets[fake] = Asset(fake, "usdc", 6)
    names = Names(statement)
    assert names.symbol(TOKEN) == f"USDC (0xa0b869…{TOKEN[-6:]})"
    assert names.symbol(fake) == "usdc (0xffffff…ffffff)"
    assert names.symbol("native") == "ETH"
    assert names.exact("0x" + "e" * 40, 1234) == "1,234 base units of 0xeeeeee…eeeeee".replace("base units of ", "")


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0 ETH"),
        (1, "<0.0001 ETH"),
        (ETH, "1 ETH"),
        (12_345 * ETH + 1, "12,345 ETH"),
        (ETH * 3 // 2, "1.5 ETH"),
        (ETH * 100 + 1, "100 ETH"),
    ],
)
def test_brief_amounts_are_cut_never_rounded_up(units: int, text: str) -> None:
    assert Names(sample()[0]).brief("native", units) == text


def test_shares_and_times() -> None:
    assert [share(1, 3), share(1, 10**9), share(0, 5), share(5, 5), share(1, 0)] == [
        "33.3%",
        "<0.1%",
        "0.0%",
        "100.0%",
        "",
    ]
    assert utc("2025-02-21T15:16:11+00:00") == utc("2025-02-21T15:16:11Z") == "2025-02-21 15:16:11"
    assert utc("odd") == "odd"


def test_every_group_sums_to_the_whole() -> None:
    statement, _ = sample()
    view = View(statement)
    for asset in statement.assets:
        assert sum(line["units"] for line in view._lines(asset)) == statement.total(asset)


def test_an_empty_statement_has_a_page() -> None:
    statement, _ = sample()
    statement.terminals, statement.unexplained, statement.notes, statement.balances = [], [], [], []
    Reader(render(statement, []))


def test_hidden_characters_of_symbols_are_shown_once() -> None:
    statement, flows = sample("lab\u202eel", "US\u202eDC")
    page = render(statement, flows)
    assert "US⟦U+202E⟧DC" in page
    assert "⟦U+27E6" not in page


def test_long_symbols_that_begin_alike_are_told_apart() -> None:
    statement, _ = sample(symbol="A" * 60 + "1")
    fake = "0x" + "f" * 40
    statement.assets[fake] = Asset(fake, "A" * 60 + "2", 6)
    names = Names(statement)
    assert names.symbol(fake) != names.symbol(TOKEN)


def test_contracts_that_look_alike_are_told_apart_in_full() -> None:
    statement, _ = sample()
    fake = TOKEN[:10] + "0" * 26 + TOKEN[-6:]
    statement.assets[fake] = Asset(fake, "USDC", 6)
    names = Names(statement)
    assert names.symbol(fake) == f"USDC ({fake})"
    assert names.symbol(TOKEN) == f"USDC ({TOKEN})"


def test_rerun_is_shown_as_text() -> None:
    assert "<pre><code>dyepack trace &lt;x&gt;</code></pre>" in render(*sample(), rerun="dyepack trace <x>")


def test_the_factory_escapes_what_a_template_forgets() -> None:
    made = (
        environment()
        .from_string("<b title='{{ x }}'>{{ x }}{{ [x]|join(',') }}{{ 'a' ~ x }}</b>")
        .render(x="<'\u202e{{7*7}}")
    )
    shown = "&lt;&#39;⟦U+202E⟧{{7*7}}"
    assert made == f"<b title='{shown}'>{shown}{shown}a{shown}</b>"


@lru_cache
def plain_page() -> Reader:
    """The page of the same statement with harmless words."""
    return Reader(render(*hostile("plain")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    page = render(*hostile(text))
    plain, odd = plain_page(), Reader(page)
    assert set(odd.tags) <= set(plain.tags) | {"wbr"}
    assert {(t, n) for t, n, _ in odd.attributes} <= {(t, n) for t, n, _ in plain.attributes}
    assert odd.tags.count("tr") == plain.tags.count("tr")
    page.encode("utf-8")
    assert str(for_html(text)) in page


@pytest.mark.browser
def test_nothing_runs_in_a_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "this test needs Debian's chromium: apt-get install -y chromium"
    from playwright.sync_api import sync_playwright

    statement, flows = hostile(" ".join(HOSTILE[:3]))
    first = statement.terminals[0]
    for number, text in enumerate(HOSTILE):
        named = replace(first, place=f"{number}{text}", entity=text, tag=tag(text), txids=[text])
        statement.terminals.append(named)
        flows.append(Flow(address(1), f"service:{number}{text}", "native", (number + 1) * ETH, 1, 2))
    file = tmp_path / "statement.html"
    file.write_text(render(statement, flows), encoding="utf-8")
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
        tab.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        tab.wait_for_timeout(300)
        found: dict[str, Any] = {
            "tables": tab.locator("table").count(),
            "figures": tab.locator("svg[role=img]").count(),
            "scripts": tab.locator("script, iframe, img, foreignObject, form, base").count(),
            "ran": tab.evaluate("window.ran === true"),
            "wide": tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"),
            "named": tab.get_by_role("img").first.get_attribute("aria-labelledby"),
        }
        browser.close()
    assert seen == {"dialogs": [], "console": [], "errors": [], "requests": [file.as_uri()]}
    assert found.pop("tables") > 60
    assert found == {
        "figures": 1,
        "scripts": 0,
        "ran": False,
        "wide": False,
        "named": "dp-flow-title dp-flow-desc",
    }
