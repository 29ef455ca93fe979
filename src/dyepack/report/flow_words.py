"""What boxes and ribbons of the flow figure are called, its caption, its summary in words.

Invariant: texts are raw here (flow.py sends each through sinks.for_html); tooltips give amounts exactly and
places in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.words import Names, counted, joined, stop_words
from dyepack.sinks import short_address, visible

if TYPE_CHECKING:
    from dyepack.report.flow_graph import Graph, Node
    from dyepack.tracing.statement import Statement

_LISTED = 40
"""Places that a tooltip lists before it counts the rest."""


class Labels:
    """What boxes and ribbons are called."""

    def __init__(self, statement: Statement, names: Names) -> None:
        """Names of legs come from the statement's sources, names of end points from its tags."""
        self.names = names
        self._legs = {f"leg:{s.leg}": s.name for s in statement.sources}
        self._backward = statement.direction == "backward"

    def words(self, stop: str) -> str:
        """Why a trace stopped, in words that fit its direction."""
        return stop_words(stop, backward=self._backward)

    def _short(self, stop: str) -> str:
        return self.words(stop) if self._backward else _SHORT.get(stop) or stop_words(stop)

    def title(self, node: Node) -> str:
        """The first line of a box."""
        several = len(node.members)
        if node.kind == "leg":
            key = node.members[0]
            return counted(several, "more leg") if node.more else self._legs.get(key) or f"leg {key[4:]}"
        if node.kind == "end":
            return self._end_title(node)
        if several == 1:
            return short_address(node.members[0])
        if node.more:
            return counted(several, "more address", "more addresses")
        low, high = node.hops
        return f"… {high - low + 1} hops" if high > low else counted(several, "address", "addresses")

    def _end_title(self, node: Node) -> str:
        """The entity, else the address of a single place, else why the money stopped."""
        if node.more:
            return f"{counted(len(node.members), 'more place')}, {self._short(node.stop)}"
        place = node.members[0].partition(":")[2]
        if node.entity or len(node.members) > 1 or not place:
            return node.entity or self._short(node.stop)
        return short_address(place)

    def second(self, node: Node) -> str:
        """The second line of a box: why the money stops there or how many places it is; how much."""
        amount = self.amounts(node)
        if node.kind == "end":
            several = len(node.members)
            if node.entity:
                return f"{self._short(node.stop)} · {amount}"
            if several > 1:
                return f"{several:,} places · {amount}"
            return f"{self._short(node.stop)} · {amount}" if node.members[0].partition(":")[2] else amount
        return amount

    def amounts(self, node: Node) -> str:
        """What passed a box, briefly."""
        passed = node.out if node.kind == "leg" else node.into or node.out
        return ", ".join(self.names.brief(a, units) for a, units in sorted(passed.items()))

    def full(self, node: Node) -> str:
        """Everything about a box: its places in full and the exact amounts."""
        if node.kind == "leg":
            head = self.title(node)
        elif node.kind == "end":
            head = f"{node.entity + ': ' if node.entity else ''}{self.words(node.stop)}"
        else:
            head = self.title(node) if len(node.members) > 1 else "address"
        places = [m.partition(":")[2] if node.kind == "end" else m for m in node.members if node.kind != "leg"]
        places = [p for p in places if p]
        lines = [visible(head), *map(visible, places[:_LISTED])]
        if len(places) > _LISTED:
            lines.append(f"and {len(places) - _LISTED:,} more")
        for words, sums in (("in", node.into), ("moved inside", node.inside), ("out", node.out)):
            lines += [f"{words}: {self.names.exact(a, units)}" for a, units in sorted(sums.items())]
        return " | ".join(lines)

    def names_of(self, node: Node) -> str:
        """A box in a sentence."""
        if node.kind == "end":
            place = node.members[0].partition(":")[2]
            who = node.entity or (place if len(node.members) == 1 else "")
            return f"{who} ({self.words(node.stop)})" if who else self.title(node)
        if node.kind == "address" and len(node.members) == 1:
            return node.members[0]
        if node.kind == "address":
            low, high = node.hops
            at = f"at hop {low}" if low == high else f"over hops {low} to {high}"
            return f"{counted(len(node.members), 'address', 'addresses')} {at}"
        return self.title(node)


_SHORT = {
    "service": "service",
    "mixer": "mixer",
    "bridge": "bridge",
    "hub": "too many counterparties",
    "gap": "gap in the ledger",
    "chosen": "stopped by the user",
    "returned": "returned",
    "converted": "swapped, followed",
    "mixed": "mixed with clean money",
}


def caption(graph: Graph, names: Names) -> str:
    """What a reader must know to read the figure rightly."""
    drawn = ", ".join(names.symbol(a) for a in sorted(graph.scale))
    text = (
        "From left to right: the theft, the addresses in between by hop (counted along each one's biggest "
        "inflow), and where the money stopped. A ribbon is as wide as its amount under the headline rule. "
        "Labels are cut to a few digits; the exact amount and the full address appear when you point at a "
        "box or ribbon, and in the table below. "
    )
    if len(graph.scale) > 1:
        text += (
            f"Each asset ({drawn}) has its own scale: its biggest leg (or, where none was stolen, its "
            "biggest place) is drawn equally high, so compare widths only within one asset. "
        )
    text += "Amounts too small for the scale are drawn as hairlines. "
    if _returns(graph):
        text += "Ribbons with a dashed line lead to an address met at the same hop or earlier. "
    if graph.merged():
        text += (
            f"{counted(graph.merged(), 'address', 'addresses')} of {graph.addresses:,} are drawn gathered "
            "in boxes; their amounts are exact sums and nothing is left out."
        )
    return text.strip()


def _returns(graph: Graph) -> bool:
    return any(graph.nodes[k.target].column <= graph.nodes[k.source].column for k in graph.links)


def summary(graph: Graph, labels: Labels) -> str:
    """The figure in one sentence or two, for those who do not see it."""
    legs = [f"{labels.title(n)} {labels.amounts(n)}" for n in graph.nodes.values() if n.kind == "leg"]
    ends = sorted(
        (n for n in graph.nodes.values() if n.kind == "end"),
        key=lambda n: -max([units / graph.scale[a] for a, units in n.into.items()] + [0.0]),
    )
    reached = [f"{labels.amounts(n)} {labels.words(n.stop)}{f' ({n.entity})' if n.entity else ''}" for n in ends]
    through = counted(graph.addresses, "address", "addresses")
    return (
        f"Money flows from {joined(legs, 5) or 'no leg'} through {through} to {counted(len(ends), 'group')} "
        f"of end points: {joined(reached, 8) or 'none'}."
    )
