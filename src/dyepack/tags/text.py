"""Outside text in tags: labels bounded, days and sources checked.

Invariant: nothing here guesses; a label is never cleaned, only bounded.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

LABEL_LIMIT = 256
"""Characters (code points) of a label that are kept; of longer ones the start, with a hash of the whole."""

ADDRESS_LIMIT = 256
"""Characters of the longest address that is matched; none in use comes near."""

BLANKS = " \t\r\n"
"""What is stripped around an address: ASCII blanks only, so that a disguised blank stays visible."""

_LONE = re.compile("[\ud800-\udfff]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):(?://|(?<=data:)|(?<=javascript:)|(?<=vbscript:))", re.IGNORECASE)
_WEB = frozenset({"http", "https"})


def storable(text: str) -> str:
    """Text that UTF-8 can hold: the same text, with U+FFFD in place of lone surrogates (half an emoji)."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def bounded_label(raw: str) -> tuple[str, str]:
    """The label that is kept, and "" if that is the whole text, else the SHA-256 (hex) of the whole.

    The whole is hashed as UTF-8; lone surrogates, which UTF-8 excludes, count with their three-byte form.
    """
    kept = storable(raw[:LABEL_LIMIT])
    if kept == raw:
        return raw, ""
    return kept, hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def is_day(text: str) -> bool:
    """Whether a text is a day that exists, as YYYY-MM-DD."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_foreign_url(text: str) -> bool:
    """Whether a source is a URL that is not of the web (file:, ftp:, javascript: ...); plain words are none."""
    if text.startswith("https://") or ":" not in text:
        return False
    found = _SCHEME.match(text)
    return found is not None and found[1].lower() not in _WEB
