"""Hostile text through every sink: nothing runs, nothing hides, nothing is read as a formula."""

from __future__ import annotations

import csv
import html
import io
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from dyepack.sinks import for_csv, for_html, for_terminal, short_address, visible

MARKUP = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '" onfocus=alert(1) autofocus x="',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</svg><img src=x onerror=alert(1)>",
    "<svg><foreignObject><body onload=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<body onload=alert(1)>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>x",
    "<!-- --><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<style>*{background:url(//evil.example)}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "Pepe's & Balls",
    "&amp;amp;",
    "`${alert(1)}`",
    "<x/onclick=alert(1)>",
    "<img/src='x'/onerror=alert`1`>",
    "<use href='data:image/svg+xml,<svg onload=alert(1)>'/>",
    "<animate onbegin=alert(1) attributeName=x>",
]
TEMPLATES = [
    "{{7*7}}",
    "{% for x in y %}",
    "{{config}}",
    "{# note #}",
    "${7*7}",
    "{0.__class__}",
    "%s%n%x",
    "{{''.__class__.__mro__}}",
]
RICH = [
    "[link=https://evil.example]x[/link]",
    "[bold red]x[/]",
    "[/]",
    "[/bold]",
    "[[x]]",
    "[@click=app.quit]x[/]",
    "\\[x]",
    "[blink]",
]
CONTROLS = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\x1b[2J\x1b[H",
    "\rover",
    "a\nb",
    "a\tb",
    "\x00nul",
    "\x07bell",
    "\x08back",
    "\x7fdel",
    "\x85nel",
    "\u2028line\u2029para",
]
INVISIBLE = [
    "\u202eCDSU",
    "\u200eA",
    "\u200fA",
    "\u061cA",
    "\u202aA\u202c",
    "\u202bA",
    "\u202dA",
    "\u2066A\u2069",
    "\u2067A",
    "\u2068A",
    "US\u200bDC",
    "US\u200cDC",
    "US\u200dDC",
    "\ufeffUSDC",
    "US\u2060DC",
    "US\u00adDC",
    "USDC\u3164",
    "USDC\U000e0041",
    "USDC\ufe0e",
    "USDC\u00a0",
    "USDC\u2003",
    "\ud800lone",
    "\ufffe",
    "\u115fx",
]
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\x00=1",
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("http://evil.example")',
    " =1+1",
    "＝1+1",
    "-2+3+cmd|' /C calc'!A0",
    "\n=1",
    '="a","b"',
    "-1e5",
    "+49 30 1",
    "@",
    "=",
    "－1",
]
HOSTILE = MARKUP + TEMPLATES + RICH + CONTROLS + INVISIBLE + FORMULAS


def hidden(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"}]


def test_the_corpus_is_large_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE)
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("text", HOSTILE)
def test_terminal_holds_no_control_and_no_markup(text: str) -> None:
    shown = for_terminal(text)
    assert not hidden(shown)
    assert len(shown) <= 120
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="truecolor", width=400).print(Text(shown), markup=True)
    assert out.getvalue() == shown + "\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_html_is_escaped_exactly_once(text: str) -> None:
    shown = for_html(text)
    assert isinstance(shown, Markup)
    assert not set(shown) & set("<>\"'")
    assert not hidden(shown)
    assert html.unescape(shown) == visible(text)
    shown.encode("utf-8")


@pytest.mark.parametrize("text", INVISIBLE)
def test_what_hides_is_shown(text: str) -> None:
    assert "⟦U+" in for_html(text)
    assert "⟦U+" in for_terminal(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_cells_are_never_formulas(text: str) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([for_csv(text), "next"])
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert len(rows) == 1
    assert rows[0][1] == "next"
    cell = rows[0][0].lstrip(" ")
    assert not cell or cell[0] not in "=+-@\t\r\x00＝＋－＠"
    assert not hidden(cell)


@pytest.mark.parametrize("text", FORMULAS)
def test_csv_formulas_get_an_apostrophe(text: str) -> None:
    assert for_csv(text).startswith("'")


@pytest.mark.parametrize(
    "number",
    ["0", "-5", "12.50", "1", "340282366920938463463374607431768211455", "+3.1", "-0.000000000000000001"],
)
def test_csv_numbers_stay_numbers(number: str) -> None:
    assert for_csv(number) == number


@pytest.mark.parametrize("text", ["-5.", "5-3", "-٣", "-1,000", "--5", "-"])
def test_csv_guards_what_only_looks_like_a_number(text: str) -> None:
    assert for_csv(text) == ("'" + text if text[0] == "-" else text)


def test_plain_text_stays_as_it_is() -> None:
    for text in ("Exchange A", "Börse Zürich", "交易所", "биржа", "علي", "a_b.c:d/e", "Pepe Balls"):
        assert visible(text) == text == for_terminal(text) == for_csv(text)


@given(st.text())
def test_showing_twice_changes_nothing(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text())
def test_no_sink_lets_a_control_through(text: str) -> None:
    assert not hidden(for_terminal(text))
    assert not hidden(for_csv(text))
    assert html.unescape(for_html(text)) == visible(text)


def test_cuts_fall_between_characters_and_are_marked() -> None:
    assert for_terminal("a" * 120) == "a" * 120
    assert for_terminal("a" * 121) == "a" * 119 + "…"
    shown = for_terminal("\u202e" * 200)
    assert len(shown) <= 120
    assert shown.endswith("⟧…")


def test_a_megabyte_is_cut_at_once() -> None:
    huge = "\u202e<" * 500_000
    start = time.perf_counter()
    for_terminal(huge)
    for_html(huge)
    short_address(huge)
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("0x47666fab8bd0ac7003bce3f5c3585383f09486e2", "0x47666f…9486e2"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bc1qar0srr…wf5mdq"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1…DivfNa"),
        ("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "TJRyWw…g5tDeC"),
        ("DE02120300000000", "DE02120300000000"),
        ("", ""),
        ("aaaaaa\u202ebbbbbbbbbbbbbcccccc", "aaaaaa…cccccc"),
        ("aaaaa\u202ebbbbbbbbbbbbbcccccc", "aaaaa⟦U+202E⟧…cccccc"),
    ],
)
def test_short_addresses_keep_six_and_six(address: str, short: str) -> None:
    assert short_address(address) == short
