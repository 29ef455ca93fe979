"""Where everything in a flow figure stands.

Invariant: the same graph gives the same coordinates, rounded to a tenth of a pixel; every box and every
link of the graph gets a place. Lengths are floats, amounts are not: a length is only ever derived from an
amount.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyepack.report.flow_graph import Graph, Link, Node

LEFT, RIGHT, STEP, TOP = 168.0, 236.0, 116.0, 46.0
MIN_WIDTH = 940.0
BOX = 12.0
HAIR = 1.0
"""Ribbons thinner than this are drawn as hairlines of this width."""
_FULL = 150.0
_TALLEST = 560.0
_LABEL = 29.0
_ROW = 31.0
_GAP = 5.0
_SWEEPS = 24


@dataclass(slots=True)
class Slot:
    """Room in a column for a box (with its label) or for a ribbon that passes by."""

    name: str
    column: int
    room: float
    above: float
    height: float
    y: float = 0.0
    before: list[tuple[Slot, float]] = field(default_factory=list)
    after: list[tuple[Slot, float]] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """Height of the centre of the box itself."""
        return self.y + self.above + self.height / 2


@dataclass(slots=True)
class Box:
    """A placed node."""

    node: Node
    x: float
    y: float
    height: float


@dataclass(slots=True)
class Ribbon:
    """A placed link: `points` are (x, y of its centre) where it leaves, passes columns, and arrives."""

    link: Link
    points: list[tuple[float, float]]
    width: float
    back: bool


@dataclass(slots=True)
class Layout:
    """The placed figure."""

    width: float
    height: float
    boxes: list[Box]
    ribbons: list[Ribbon]


def place(graph: Graph) -> Layout:
    """Give every box and ribbon its place."""
    unit = _unit(graph)
    widths = {id(link): _width(graph, link, unit) for link in graph.links}
    slots, chains = _slots(graph, widths, unit)
    columns: list[list[Slot]] = [[] for _ in range(graph.columns)]
    for slot in slots:
        columns[slot.column].append(slot)
    inner = max([sum(s.room for s in column) for column in columns] + [160.0])
    _settle(columns, inner)
    gaps = max(graph.columns - 1, 1)
    step = max(STEP, (MIN_WIDTH - LEFT - RIGHT - BOX) / gaps)
    named = {s.name: s for s in slots if s.name}
    boxes = [
        Box(node, LEFT + step * node.column, TOP + named[key].y + named[key].above, named[key].height)
        for key, node in graph.nodes.items()
    ]
    ribbons = _ribbons(graph, boxes, chains, widths, step)
    low = max([b.y + b.height for b in boxes] + [TOP + 80.0])
    return Layout(LEFT + step * gaps + BOX + RIGHT, low + 24.0, boxes, ribbons)


def _unit(graph: Graph) -> float:
    """Pixels for the biggest leg of each asset, so that the fullest column stays within bounds."""
    unit = _FULL
    for column in range(graph.columns):
        nodes = [n for n in graph.nodes.values() if n.column == column]
        total = sum(_height(graph, n, 1.0) for n in nodes)
        if total > 0:
            unit = min(unit, max(_TALLEST - len(nodes) * _ROW, 180.0) / total)
    return unit


def _height(graph: Graph, node: Node, unit: float) -> float:
    assets = node.into.keys() | node.out.keys()
    biggest = (max(node.into.get(a, 0), node.out.get(a, 0)) / graph.scale[a] for a in sorted(assets))
    return sum(biggest) * unit


def _width(graph: Graph, link: Link, unit: float) -> float:
    return max(link.amount / graph.scale[link.asset] * unit, 0.2)


def _slots(graph: Graph, widths: dict[int, float], unit: float) -> tuple[list[Slot], dict[int, list[Slot]]]:
    """A slot per node, and a chain of slots for each ribbon that passes columns on its way."""
    slots: list[Slot] = []
    named: dict[str, Slot] = {}
    for key, node in graph.nodes.items():
        ports = max(
            sum(widths[id(k)] for k in graph.links if k.source == key),
            sum(widths[id(k)] for k in graph.links if k.target == key),
        )
        height = max(_height(graph, node, unit), ports, 3.0)
        above = _LABEL if node.kind == "address" else max((_ROW - height) / 2, 0.0)
        room = above + height + _GAP if node.kind == "address" else max(height, _ROW) + _GAP
        named[key] = Slot(key, node.column, room, above, height)
        slots.append(named[key])
    chains: dict[int, list[Slot]] = {}
    for link in graph.links:
        source, target, width = named[link.source], named[link.target], widths[id(link)]
        chain = [source]
        if target.column > source.column + 1 and width >= HAIR:
            between = range(source.column + 1, target.column)
            chain += [Slot("", column, width + 4.0, 2.0, width) for column in between]
        chain.append(target)
        slots += chain[1:-1]
        chains[id(link)] = chain
        if target.column > source.column:
            for one, two in pairwise(chain):
                one.after.append((two, width))
                two.before.append((one, width))
    return slots, chains


def _settle(columns: list[list[Slot]], inner: float) -> None:
    """Order each column by its neighbours' heights, then let them pull; no two slots ever overlap."""
    for column in columns:
        column.sort(key=lambda s: _pull(s, s.before))
        _stack(column, inner, centred=True)
    for sweep in range(_SWEEPS):
        weight = 0.96**sweep
        forward = sweep % 2 == 0
        for column in columns if forward else columns[::-1]:
            for slot in column:
                near = slot.before if forward else slot.after
                slot.y += (_pull(slot, near) - slot.middle) * weight
            column.sort(key=lambda s: s.middle)
            _stack(column, inner, centred=False)


def _pull(slot: Slot, near: list[tuple[Slot, float]]) -> float:
    total = sum(width for _, width in near)
    return sum(s.middle * width for s, width in near) / total if total else slot.middle


def _stack(column: list[Slot], inner: float, *, centred: bool) -> None:
    """Push slots apart, in their order, within 0 and `inner`."""
    floor = max((inner - sum(s.room for s in column)) / 2, 0.0) if centred else 0.0
    for slot in column:
        slot.y = floor if centred else max(slot.y, floor)
        floor = slot.y + slot.room
    roof = inner
    for slot in reversed(column):
        slot.y = min(slot.y, roof - slot.room)
        roof = slot.y


def _ribbons(
    graph: Graph, boxes: list[Box], chains: dict[int, list[Slot]], widths: dict[int, float], step: float
) -> list[Ribbon]:
    """Attach each link to the sides of its boxes, in the order in which they lie, so that few cross."""
    at = {b.node.key: b for b in boxes}
    leave: dict[str, list[Link]] = defaultdict(list)
    arrive: dict[str, list[Link]] = defaultdict(list)
    for link in graph.links:
        leave[link.source].append(link)
        arrive[link.target].append(link)
    start: dict[int, float] = {}
    end: dict[int, float] = {}
    for key, links in leave.items():
        links.sort(key=lambda k: (chains[id(k)][1].middle, k.target, k.asset))
        _ports(links, at[key].y, widths, start)
    for key, links in arrive.items():
        links.sort(key=lambda k: (chains[id(k)][-2].middle, k.source, k.asset))
        _ports(links, at[key].y, widths, end)
    ribbons = []
    for link in graph.links:
        source, target = at[link.source], at[link.target]
        points = [(source.x + BOX, start[id(link)])]
        for slot in chains[id(link)][1:-1]:
            x = LEFT + step * slot.column
            points += [(x, TOP + slot.middle), (x + BOX, TOP + slot.middle)]
        points.append((target.x, end[id(link)]))
        back = target.node.column <= source.node.column
        ribbons.append(Ribbon(link, points, widths[id(link)], back))
    return ribbons


def _ports(links: list[Link], top: float, widths: dict[int, float], into: dict[int, float]) -> None:
    for link in links:
        into[id(link)] = top + widths[id(link)] / 2
        top += widths[id(link)]
