"""A GraphSense TagPack of the findings: places that hold, or held, dyed units and that no tag names already.

What a service or another named place received is left out: the statement says it, and a tag would call its holder a
thief. Confidence: "untrusted_transaction" (40) where every conserving rule leaves units there, "heuristic" (10) where
that depends on the rule; never more, as an allocation is a convention (methods.md 6.3).
Invariant: `dyepack.tags` reads the pack back to the same addresses and confidences; every text is quoted, in ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.exports.model import Findings, shown
from dyepack.tags.addresses.names import network_of

if TYPE_CHECKING:
    from dyepack.exports.model import Place

_SURE, _UNSURE = "untrusted_transaction", "heuristic"
_LABEL = 200


def export(findings: Findings) -> bytes:
    """The pack as YAML."""
    s = findings.statement
    network, known = network_of(s.chain)
    lines = [
        f"title: {quote(shown('Proceeds of ' + (s.title or s.theft), _LABEL))}", "creator: \"dyepack\"",
        f"description: {quote(f'Addresses that held stolen units under the rule {s.rule}; case {findings.case_id}')}",
        f"source: {quote('dyepack case ' + findings.case_id)}", "is_public: false",
        *([f"network: {quote(network)}"] if known and network else []), "abuse: \"theft\"",
    ]  # fmt: skip
    tagged = [(place, tag) for place in findings.places().values() if (tag := _tag(findings, place))]
    if not tagged:
        return ("\n".join([*lines, "tags: []"]) + "\n").encode("ascii")
    lines.append("tags:")
    for _, fields in tagged:
        start = "  - "
        for name, value in fields.items():
            lines.append(f"{start}{name}: {quote(value)}")
            start = "    "
    return ("\n".join(lines) + "\n").encode("ascii")


def _tag(findings: Findings, place: Place) -> dict[str, str]:
    """The fields of a place's tag; {} if it gets none."""
    s = findings.statement
    ends = [t for t in place.terminals if t.stop in {"held", "gap", "date_limit", "hub", "hop_limit", "cut_off"}]
    if not ends or place.named or not place.is_crypto:
        return {}
    sure = any(t.interval(s.interval_rules)[0] > 0 for t in ends)
    words = "; ".join(f"{findings.symbol(t.asset)} {t.stop.replace('_', ' ')}" for t in ends)
    made = {"address": place.address, "label": shown(f"{s.theft}: {words}", _LABEL)}
    made["confidence"] = _SURE if sure else _UNSURE
    last = max((t.last for t in ends), default="")
    return made | ({"lastmod": last[:10]} if last else {})


def quote(text: str) -> str:
    """A YAML scalar in double quotes, ASCII only."""
    return '"' + "".join(_escape(c) for c in text) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
