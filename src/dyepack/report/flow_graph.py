"""What a flow figure draws: the statement's flows gathered into at most some sixty nodes.

Invariant: nothing is lost. For every node and asset, the links drawn into it plus what moved inside it are
the sum of the flows given into its members, and likewise for what leaves; amounts stay whole base units.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.report.words import STOP_WORDS, labelled
from dyepack.unions import Unions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.tracing.statement import Flow, Statement

MAX_NODES = 60
MAX_LEGS = 8
MAX_ENDS = 18
MAX_LAYERS = 7
"""Columns of addresses; a longer chain shows its first four, its last two, and one column for all between."""
_FIRST, _LAST = 4, 2
_MAX_PER_LAYER = 9

ROLES: dict[str, str] = {
    "leg": "theft",
    "address": "address in between",
    "service": "service",
    "mixer": "mixer",
    "bridge": "bridge",
    "held": "still held",
    "open": "not followed",
    "ended": "fees, burnt, returned",
}
"""Roles of nodes in the order of the legend."""

ROLE_OF_STOP = {
    "service": "service",
    "mixer": "mixer",
    "bridge": "bridge",
    "held": "held",
    "date_limit": "held",
    "fee": "ended",
    "burn": "ended",
    "returned": "ended",
    "converted": "ended",
}


@dataclass(slots=True)
class Node:
    """One box: a leg, an address, an end point, or several of a kind gathered (`members` are raw keys)."""

    key: str
    kind: str
    column: int
    role: str
    members: list[str]
    entity: str = ""
    stop: str = ""
    hops: tuple[int, int] = (0, 0)
    more: bool = False
    into: dict[str, int] = field(default_factory=dict)
    out: dict[str, int] = field(default_factory=dict)
    inside: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Link:
    """Units of one asset from one box to another."""

    source: str
    target: str
    asset: str
    amount: int
    moves: int


@dataclass(slots=True)
class Graph:
    """The boxes in order of column, the links between them, and what the figure stands for."""

    nodes: dict[str, Node]
    links: list[Link]
    columns: int
    scale: dict[str, int]
    addresses: int

    def merged(self) -> int:
        """How many addresses are shown only as part of a gathered box."""
        return sum(len(n.members) for n in self.nodes.values() if n.kind == "address" and len(n.members) > 1)


def stop_of(key: str) -> str:
    """The stop of a terminal's key, "" for legs and addresses."""
    head, colon, _ = key.partition(":")
    return head if colon and head in STOP_WORDS else ""


def kind_of(key: str) -> str:
    """ "leg", "end" or "address"."""
    head, colon, rest = key.partition(":")
    if colon and head == "leg" and rest.isascii() and rest.isdigit():
        return "leg"
    return "end" if stop_of(key) else "address"


def build(flows: list[Flow], statement: Statement, max_nodes: int = MAX_NODES) -> Graph:
    """Gather flows into a graph of at most `max_nodes` boxes."""
    flows = sorted((f for f in flows if f.amount > 0), key=lambda f: (f.source, f.target, f.asset, f.hop))
    hop = _hops(flows)
    scale = _scales(flows, statement)
    size = _sizes(flows, scale)
    legs = sorted((k for k in hop if kind_of(k) == "leg"), key=lambda k: (-size[k], int(k[4:])))
    ends = [k for k in sorted(hop) if kind_of(k) == "end"]
    middle = [k for k in sorted(hop) if kind_of(k) == "address"]
    nodes = _leg_nodes(legs) + _end_nodes(ends, size, statement)
    budget = max(max_nodes - len(nodes), 2 * MAX_LAYERS)
    steps = _steps(flows, hop, scale)
    inner, layers = _middle_nodes(middle, steps, size, flows, budget)
    nodes = [n for n in nodes if n.kind == "leg"] + inner + [n for n in nodes if n.kind == "end"]
    for node in nodes:
        if node.kind == "end":
            node.column = layers + 1
        of_members = [steps[m] if node.kind == "address" else hop[m] for m in node.members]
        node.hops = (min(of_members), max(of_members))
    return _linked(nodes, flows, layers + 2, scale, len(middle))


def _hops(flows: list[Flow]) -> dict[str, int]:
    """Fewest moves from the theft to every key; a key that nothing reaches stands before what it pays."""
    hop: dict[str, int] = {}
    for flow in flows:
        hop[flow.target] = min(hop.get(flow.target, flow.hop), flow.hop)
    for flow in flows:
        if flow.source not in hop:
            hop[flow.source] = max(flow.hop - 1, 0)
    return {key: 0 if kind_of(key) == "leg" else max(value, 1) for key, value in hop.items()}


def _steps(flows: list[Flow], hop: dict[str, int], scale: dict[str, int]) -> dict[str, int]:
    """Hops to every address along its biggest inflow, so that only lesser money ever runs backwards.

    Where biggest inflows form a ring, its member nearest to the theft stands at its fewest hops.
    """
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for flow in flows:
        if flow.source != flow.target and kind_of(flow.source) != "end":
            pairs[flow.target, flow.source] += flow.amount / scale[flow.asset]
    parent: dict[str, str] = {}
    for (target, source), _ in sorted(pairs.items(), key=lambda p: (p[1], p[0])):
        parent[target] = source
    steps = {key: 0 for key in hop if kind_of(key) == "leg"}
    for key in sorted(hop):
        while key not in steps:
            path: dict[str, None] = {}
            at = key
            while at not in steps and at in parent and at not in path:
                path[at] = None
                at = parent[at]
            if at not in steps:  # a ring, or money from nowhere
                ring = list(path)[list(path).index(at) :] if at in path else [at]
                at = min(ring, key=lambda k: (hop[k], k))
                steps[at] = hop[at]
                continue
            for number, node in enumerate(reversed(path)):
                steps[node] = steps[at] + number + 1
    return steps


def _scales(flows: list[Flow], statement: Statement) -> dict[str, int]:
    """Per asset the amount drawn at full height: its biggest leg or, without legs, its biggest place."""
    legs: dict[str, int] = defaultdict(int)
    for source in statement.sources:
        legs[source.asset] = max(legs[source.asset], source.amount)
    through: dict[tuple[str, str], int] = defaultdict(int)
    for flow in flows:
        through[flow.asset, flow.target] += flow.amount
    places: dict[str, int] = defaultdict(int)
    for (asset, _), amount in through.items():
        places[asset] = max(places[asset], amount)
    return {asset: legs[asset] if legs.get(asset, 0) > 0 else amount for asset, amount in places.items()}


def _sizes(flows: Iterable[Flow], scale: dict[str, int]) -> dict[str, float]:
    """What passes each key, as a share of the biggest leg, over all assets; for ranking only."""
    into: dict[str, float] = defaultdict(float)
    out: dict[str, float] = defaultdict(float)
    for flow in flows:
        into[flow.target] += flow.amount / scale[flow.asset]
        out[flow.source] += flow.amount / scale[flow.asset]
    return {key: max(into.get(key, 0.0), out.get(key, 0.0)) for key in into.keys() | out.keys()}


def _leg_nodes(legs: list[str]) -> list[Node]:
    kept = legs if len(legs) <= MAX_LEGS else legs[: MAX_LEGS - 1]
    nodes = [Node("", "leg", 0, "leg", [key]) for key in kept]
    rest = legs[len(kept) :]
    return nodes + ([Node("", "leg", 0, "leg", rest, more=True)] if rest else [])


def _end_nodes(ends: list[str], size: dict[str, float], statement: Statement) -> list[Node]:
    """One box per stop and entity; beyond the limit the smallest of each stop are gathered."""
    names = {(t.stop, t.place): labelled(t) for t in statement.terminals}
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in ends:
        stop, _, place = key.partition(":")
        groups[stop, names.get((stop, place), "")].append(key)
    ranked = sorted(groups, key=lambda g: (-sum(size[k] for k in groups[g]), g))
    stops = {stop for stop, _ in ranked}
    kept = ranked if len(ranked) <= MAX_ENDS else ranked[: max(MAX_ENDS - len(stops), 1)]
    rest: dict[str, list[str]] = defaultdict(list)
    count: dict[str, int] = defaultdict(int)
    for group in ranked[len(kept) :]:
        rest[group[0]] += groups[group]
        count[group[0]] += 1
    nodes = [_end(stop, entity, groups[stop, entity]) for stop, entity in kept]
    for stop, keys in sorted(rest.items()):
        more = _end(stop, "", sorted(keys))
        more.more = any(n.stop == stop for n in nodes)
        nodes.append(more)
    return nodes


def _end(stop: str, entity: str, members: list[str]) -> Node:
    return Node("", "end", 0, ROLE_OF_STOP.get(stop, "open"), members, entity, stop)


def _middle_nodes(
    keys: list[str], steps: dict[str, int], size: dict[str, float], flows: list[Flow], budget: int
) -> tuple[list[Node], int]:
    """Boxes for the addresses in between, and the number of columns they take."""
    present = sorted({steps[k] for k in keys})
    column = {h: i + 1 for i, h in enumerate(present)}
    squeezed: list[list[str]] = []
    if len(present) > MAX_LAYERS:
        between = present[_FIRST:-_LAST]
        column = {h: i + 1 for i, h in enumerate(present[:_FIRST])}
        column |= dict.fromkeys(between, _FIRST + 1)
        column |= {h: _FIRST + 2 + i for i, h in enumerate(present[-_LAST:])}
        squeezed = _components({k for k in keys if steps[k] in set(between)}, flows)
    inside = {k for run in squeezed for k in run}
    boxes = [(column[steps[k]], [k]) for k in keys if k not in inside]
    boxes += [(_FIRST + 1, run) for run in squeezed]
    layers = len(set(column.values()))
    nodes: list[Node] = []
    for at, members in _capped(boxes, size, budget):
        more = len(members) > 1 and not (set(members) <= inside and members in squeezed)
        nodes.append(Node("", "address", at, "address", members, more=more))
    return nodes, layers


def _components(keys: set[str], flows: list[Flow]) -> list[list[str]]:
    """Addresses that money joins with each other, each set sorted, in order of their first."""
    sets: Unions[str] = Unions()
    for flow in flows:
        if flow.source in keys and flow.target in keys:
            sets.join(flow.source, flow.target)
    found: dict[str, list[str]] = defaultdict(list)
    for key in sorted(keys):
        found[sets.root(key)].append(key)
    return [found[key] for key in sorted(found)]


def _capped(boxes: list[tuple[int, list[str]]], size: dict[str, float], budget: int) -> list[tuple[int, list[str]]]:
    """Keep the biggest boxes over all columns; what is left of a column becomes one box."""
    columns = {at for at, _ in boxes}
    ranked = sorted(boxes, key=lambda b: (-max(size[k] for k in b[1]), b[0], b[1]))
    room = len(ranked) if len(ranked) <= budget else max(budget - len(columns), 0)
    taken: dict[int, list[list[str]]] = defaultdict(list)
    rest: dict[int, list[list[str]]] = defaultdict(list)
    counts = {at: sum(1 for b in boxes if b[0] == at) for at in columns}
    for at, members in ranked:
        limit = counts[at] if counts[at] <= _MAX_PER_LAYER else _MAX_PER_LAYER - 1
        if room > 0 and len(taken[at]) < limit:
            taken[at].append(members)
            room -= 1
        else:
            rest[at].append(members)
    out: list[tuple[int, list[str]]] = []
    for at in sorted(columns):
        out += [(at, members) for members in taken[at]]
        if rest[at]:
            out.append((at, sorted(k for members in rest[at] for k in members)))
    return out


def _linked(nodes: list[Node], flows: list[Flow], columns: int, scale: dict[str, int], addresses: int) -> Graph:
    """Sum the flows between boxes; what stays inside a box is kept there."""
    for number, node in enumerate(nodes):
        node.key = f"n{number}"
    box = {member: node for node in nodes for member in node.members}
    links: dict[tuple[str, str, str], Link] = {}
    for flow in flows:
        source, target = box[flow.source], box[flow.target]
        if source is target:
            source.inside[flow.asset] = source.inside.get(flow.asset, 0) + flow.amount
            continue
        key = (source.key, target.key, flow.asset)
        link = links.setdefault(key, Link(*key, 0, 0))
        link.amount += flow.amount
        link.moves += flow.moves
        source.out[flow.asset] = source.out.get(flow.asset, 0) + flow.amount
        target.into[flow.asset] = target.into.get(flow.asset, 0) + flow.amount
    return Graph({n.key: n for n in nodes}, [links[k] for k in sorted(links)], columns, scale, addresses)
