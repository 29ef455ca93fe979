"""GraphML of the flow: a node for each place, leg and terminal, a directed edge for each flow of an asset.

Amounts are texts (base units, and the exact decimal number): a graph program must not turn them into floats.
Invariant: every edge's ends are nodes; text from outside has no character that XML forbids or that hides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from dyepack.exports.model import Findings, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_NODE = ("kind", "address", "stop", "entity", "evidence", "confidence", "source")
_EDGE = ("asset", "symbol", "amount", "base_units", "moves", "hop", "rule")
_WHOLE = {"moves", "hop"}


def export(findings: Findings) -> bytes:
    """The graph as GraphML."""
    flows = findings.flows()
    number = {key: f"n{at}" for at, key in enumerate(dict.fromkeys(end for f in flows for end in (f.source, f.target)))}
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *_keys("node", _NODE), *_keys("edge", _EDGE), '<graph id="flow" edgedefault="directed">',
    ]  # fmt: skip
    facts = _Facts(findings)
    for key, name in number.items():
        out += [f'<node id="{name}">', *_data("node", facts(key)), "</node>"]
    for at, f in enumerate(flows):
        out.append(f'<edge id="e{at}" source="{number[f.source]}" target="{number[f.target]}">')
        out += [*_data("edge", {
            "asset": shown(f.asset), "symbol": findings.symbol(f.asset), "amount": findings.amount(f.amount, f.asset),
            "base_units": str(f.amount), "moves": str(f.moves), "hop": str(f.hop), "rule": findings.statement.rule,
        }), "</edge>"]  # fmt: skip
    return ("\n".join([*out, "</graph>", "</graphml>"]) + "\n").encode("utf-8")


class _Facts:
    """What is said of a node by its key."""

    def __init__(self, findings: Findings) -> None:
        self.places = findings.places()
        self.legs = {f"leg:{s.leg}": s.name for s in findings.statement.sources}

    def __call__(self, key: str) -> dict[str, str]:
        if key in self.legs:
            return {"kind": "theft", "entity": shown(self.legs[key])}
        place, stop = (key, "") if key in self.places else key.partition(":")[::-2]
        found = self.places.get(place)
        named = found.named if found else None
        tag = (named.tag or {}) if named else {}
        return {
            "kind": "terminal" if stop else "place", "address": shown(place), "stop": stop,
            "entity": shown(named.entity) if named else "", "evidence": str(tag.get("evidence", "")),
            "confidence": str(tag.get("confidence", "")), "source": shown(str(tag.get("source", ""))),
        }  # fmt: skip


def _keys(what: str, names: tuple[str, ...]) -> list[str]:
    return [f'<key id="{what}_{n}" for="{what}" attr.name="{n}" attr.type="{"long" if n in _WHOLE else "string"}"/>'
            for n in names]  # fmt: skip


def _data(what: str, facts: Mapping[str, str]) -> list[str]:
    return [f'<data key="{what}_{name}">{escape(value)}</data>' for name, value in facts.items() if value]
