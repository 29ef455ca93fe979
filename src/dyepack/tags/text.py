"""Outside text in tags: addresses brought to one form, labels bounded, look-alikes found.

Invariant: nothing here guesses. An address is only folded where its chain folds it (EVM hexadecimal), and the
EIP-55 checksum of a mixed-case address is *not* checked; a label is never cleaned, only bounded.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LABEL_LIMIT = 256
"""Characters (code points) of a label that are kept; of longer ones the start, with a hash of the whole."""

ADDRESS_LIMIT = 256
"""Characters of the longest address that is matched; none in use comes near."""

BLANKS = " \t\r\n"
"""What is stripped around an address: ASCII blanks only, so that a disguised blank stays visible."""

_EVM = re.compile(r"0[xX][0-9a-fA-F]{40}")
_ODD = re.compile(r"[^ -~]")
_LONE = re.compile("[\ud800-\udfff]")


def normal_address(raw: str) -> str:
    """An address as it is matched: EVM in lower case, every other shape as it is; no blanks around."""
    text = raw.strip(BLANKS)
    return text.lower() if _EVM.fullmatch(text) else text


def is_broken_evm(address: str) -> bool:
    """Whether a normalised address begins like an EVM address but has not 40 hexadecimal digits."""
    return address[:2] in {"0x", "0X"} and not _EVM.fullmatch(address)


def why_unmatchable(address: str) -> str | None:
    """Why an address must not be matched, in words, or None: look-alike, invisible, non-ASCII, too long."""
    if len(address) > ADDRESS_LIMIT:
        return f"has {len(address)} characters"
    odd = _ODD.search(address)
    if odd is None:
        return None
    sign = odd.group()
    return f"holds U+{ord(sign):04X} ({unicodedata.name(sign, 'no name')})"


def storable(text: str) -> str:
    """Text that UTF-8 can hold: the same text, with U+FFFD in place of lone surrogates (half an emoji)."""
    return _LONE.sub("\ufffd", text)


def bounded_label(raw: str) -> tuple[str, str]:
    """The label that is kept, and "" if that is the whole text, else the SHA-256 (hex) of the whole.

    The whole is hashed as UTF-8; lone surrogates, which UTF-8 excludes, count with their three-byte form.
    """
    kept = storable(raw[:LABEL_LIMIT])
    if kept == raw:
        return raw, ""
    return kept, hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
