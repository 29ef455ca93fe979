"""Texts that look alike to people, folded to one text: for symbols of tokens, which anybody may choose.

Folded away: letter case, width and style (compatibility forms), accents, what is invisible or directs the writing,
blanks and punctuation; and letters of other scripts and digits are replaced by the Latin letters that they look like.
The table holds the letters that are drawn like a Latin capital or small letter in common type; it is ours, and small.

Invariant: folding is idempotent, and texts of plain Latin letters and digits stay different unless they differ only in
case or in 0/O, 1/I/L and 5/S.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

LONGEST = 256
"""Characters of a text that are looked at."""

_LIKE = {
    "a": "аαɑᴀᎪ",
    "b": "вβьʙᏴ",
    "c": "сϲᴄ¢Ꮯ",
    "d": "ԁᴅđᎠ",
    "e": "еεєɛᴇ€Ꭼ",
    "f": "ƒϝ",
    "g": "ɡԍɢᏀ",
    "h": "нһηʜᎻ",
    "j": "јϳᴊᎫ",
    "k": "кκᴋ₭Ꮶ",
    "l": "1iι|іӏıɪʟ!łℓᏞ",
    "m": "мμϻᴍᎷ",
    "n": "пռɴп₦",
    "o": "0оοσօᴏøθ",
    "p": "рρᴘ₱Ꮲ",
    "q": "ԛʠ",
    "r": "гʀяᎡ",
    "s": "5ѕꜱ$Ꮪ",
    "t": "тτᴛ₮†ŧᎢ",
    "u": "υսцᴜ",
    "v": "νѵᴠᏙ",
    "w": "ѡωшԝᴡ₩Ꮃ",
    "x": "хχ×",
    "y": "уγүʏ¥",
    "z": "ᴢʐƶᏃ",
}
_TABLE = {ord(odd): plain for plain, odds in _LIKE.items() for odd in odds}


@lru_cache(maxsize=1 << 16)
def folded(text: str) -> str:
    """The text as it looks, in small Latin letters and digits where there are any that look so; "" for nothing seen."""
    wide = unicodedata.normalize("NFKD", text[:LONGEST]).casefold()
    plain = unicodedata.normalize("NFKD", wide.translate(_TABLE)).translate(_TABLE)
    return "".join(letter for letter in plain if unicodedata.category(letter)[0] in "LN")
