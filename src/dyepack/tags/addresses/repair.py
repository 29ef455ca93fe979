"""Look-alike and invisible signs in addresses: what they stand for, without guessing.

A sign stands for one ASCII sign or for none at all; there is no search over alternatives. Whether the result is an
address is for its checksum or shape to say (`reading`). Invariant: `fold` gives printable ASCII or None.
"""

from __future__ import annotations

import re
import unicodedata

_ALIKE = {
    "АаВвСсЕеНнІіЈјКкМмОоРрЅѕТтУуХхһԁԛԝҮүӀԌԍⅠ": "AaBBCcEeHHIiJjKKMMOoPpSsTTYyXxhdqwYylGgI",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχικτϲϳ": "ABEZHIKMNOPTYXavopuxiktcj",
    "ɑɡɩıȷʟʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱ": "agiijlyacdejkmoptuvwzs",
    "ՕօոսցհյՏԼ": "OonughjSL",
}
_TO = {ord(a): b for alike, plain in _ALIKE.items() for a, b in zip(alike, plain, strict=True)}
_INVISIBLE = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_ODD = re.compile(r"[^ -~]")
_PLAIN = re.compile(r"[ -~]+")
NAMED = 3
"""Different odd signs that are named; the rest is counted."""


def fold(text: str) -> str | None:
    """The text with look-alike signs replaced and invisible ones dropped; None if that leaves other than ASCII."""
    kept = [sign for sign in unicodedata.normalize("NFKC", text) if sign in " " or not _is_invisible(sign)]
    folded = "".join(kept).translate(_TO).strip(" ")
    return folded if _PLAIN.fullmatch(folded) else None


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) in _INVISIBLE or sign in _FILLERS


def odd_signs(text: str) -> str:
    """The signs of a text that are not printable ASCII, in words; "" if there are none."""
    odd = list(dict.fromkeys(_ODD.findall(text)))
    named = [f"U+{ord(sign):04X} ({unicodedata.name(sign, 'no name')})" for sign in odd[:NAMED]]
    more = [f"{len(odd) - NAMED} other odd signs"] if len(odd) > NAMED else []
    return ", ".join(named + more)
