"""Text from outside (symbols, labels, addresses, memos) on its way to a reader: one safe function per sink.

Invariant: stored text stays raw; what these functions return holds no control, bidi, zero-width or otherwise
invisible character, each is shown as ⟦U+202E⟧. Showing is idempotent, so text that passes
two of these functions is not garbled; HTML escaping happens once, as what for_html returns is markup.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

TERMINAL_LIMIT = 120
"""Longest text, in characters, that one value may take on a terminal line."""

HTML_LIMIT = 2000
"""Longest text that one value may take on a page."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"  # fillers and blanks
    + "".join(map(chr, range(0xFE00, 0xFE10)))  # variation selectors
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
_FORMULA = frozenset("=+-@\t\r\0\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_WHOLE = 16
"""Addresses up to this length are never shortened."""
_END = 6
"""Characters of an address that stay visible at each end, a prefix like 0x not counted."""
_PREFIX = re.compile(r"(0x|bc1[qp]|tb1[qp]|ltc1q|bitcoincash:[qp])", re.IGNORECASE)


def _show(char: str) -> str:
    """One character as it may be shown."""
    if " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    hidden = category in _HIDDEN_CATEGORIES or (category == "Zs" and char != " ")
    return f"⟦U+{ord(char):04X}⟧" if hidden or char in _BLANK else char


def _cut(pieces: Iterable[str], limit: int) -> str:
    """Join pieces up to `limit` characters in all; a cut falls between pieces and ends in …."""
    shown: list[str] = []
    length = 0
    for piece in pieces:
        shown.append(piece)
        length += len(piece)
        if length > limit:
            while shown and length > limit - 1:
                length -= len(shown.pop())
            return "".join(shown) + "…"
    return "".join(shown)


def visible(text: str, limit: int = HTML_LIMIT) -> str:
    """The text with every hidden character shown, cut to `limit` characters; not escaped for any sink."""
    return _cut(map(_show, text[: limit + 1]), limit)


def for_terminal(text: str) -> str:
    """Text for a terminal line, at most 120 characters; wrap it in rich.text.Text, never in markup."""
    return visible(text, TERMINAL_LIMIT)


def for_html(text: str, limit: int = HTML_LIMIT) -> Markup:
    """Text for HTML or SVG, in element content or a quoted attribute; escaped exactly once."""
    from markupsafe import escape

    return escape(visible(text, limit))


def for_csv(text: str) -> str:
    """Text for one CSV cell: never read as a formula; a plain decimal number stays a number.

    The caller writes it with the csv module and QUOTE_ALL, so that no separator splits it.
    """
    if _NUMBER.fullmatch(text):
        return text
    first = text.lstrip(" ")[:1]
    guard = "'" if text and (text[0] in _FORMULA or first in _FORMULA) else ""
    return guard + (text if text.isascii() and text.isprintable() else "".join(map(_show, text)))


def short_address(address: str) -> str:
    """An address with its first and last six characters (after a prefix like 0x); short ones stay whole.

    Hidden characters are made visible; the result still has to go through the sink's function.
    """
    prefix = _PREFIX.match(address)
    head = _END + (len(prefix[0]) if prefix else 0)
    if len(address) <= max(_WHOLE, head + _END + 1):
        return visible(address)
    return "".join(map(_show, address[:head])) + "…" + "".join(map(_show, address[-_END:]))
