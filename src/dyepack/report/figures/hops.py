"""The hop graph: who paid whom, in columns by the number of moves from the theft.

Invariant: the nodes and links are those of flow_graph.build; the same flows give the same bytes; every node says in
words what it is, so colour never stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.figures.svg import n, svg, text
from dyepack.report.flow_graph import build
from dyepack.report.flow_layout import place
from dyepack.report.flow_words import Labels
from dyepack.report.words import Names, counted
from dyepack.sinks import for_html, visible

if TYPE_CHECKING:
    from markupsafe import Markup

    from dyepack.report.flow_graph import Graph, Link
    from dyepack.tracing.statement import Flow, Statement

MAX_NODES = 40
_LEFT, _RIGHT, _TOP, _ROW = 210.0, 240.0, 46.0, 48.0
_COLUMN, _NARROW, _MANY = 156.0, 116.0, 6
"""How far columns stand apart: less if there are many, so that the text is not small on paper."""
_R = 6.0
_FITS = 30


def hop_graph(statement: Statement, flows: list[Flow]) -> tuple[Markup, str, str]:
    """The figure, its description and its caption."""
    graph = build(flows, statement, MAX_NODES)
    labels = Labels(statement, Names(statement))
    at, width, height = _positions(graph)
    most = max([k.moves for k in graph.links] + [1])
    order = sorted(graph.links, key=lambda k: (-k.moves, k.source, k.target, k.asset))
    parts = _heads(graph, at) + [_edge(k, at, most, labels, graph) for k in order]
    parts += [_node(key, at[key], labels, graph) for key in graph.nodes]
    said = (
        f"{counted(len(graph.nodes), 'box', 'boxes')} in {counted(graph.columns, 'column')} by distance from the "
        f"theft, {counted(len(graph.links), 'link')} between them"
    )
    desc = f"{said}; the largest: " + "; ".join(_words(k, labels, graph) for k in order[:5])
    caption = (f"{said}. A line is thicker the more moves it stands for; the findings and the annex give the amounts. "
               f"{counted(graph.merged(), 'address', 'addresses')} are shown in gathered boxes.")  # fmt: skip
    title = f"Hop graph: {statement.title or statement.theft}"
    return svg("dp-hops", width, height, (title, desc), parts), desc, caption


def _positions(graph: Graph) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Where each node stands: its column, and in it evenly in the order of the flow figure."""
    columns: dict[int, list[str]] = {}
    for box in sorted(place(graph).boxes, key=lambda b: (b.node.column, b.y, b.node.key)):
        columns.setdefault(box.node.column, []).append(box.node.key)
    tallest = max([len(keys) for keys in columns.values()] + [1])
    apart = _COLUMN if graph.columns <= _MANY else _NARROW
    at = {}
    for column, keys in columns.items():
        step = tallest * _ROW / len(keys)
        for number, key in enumerate(keys):
            at[key] = (_LEFT + column * apart, _TOP + (number + 0.5) * step)
    width = _LEFT + max(graph.columns - 1, 1) * apart + _RIGHT
    return at, width, _TOP + tallest * _ROW + 16


def _heads(graph: Graph, at: dict[str, tuple[float, float]]) -> list[Markup]:
    """Words over the columns."""
    found = []
    for column in sorted({node.column for node in graph.nodes.values()}):
        here = [node for node in graph.nodes.values() if node.column == column]
        x = at[here[0].key][0]
        low, high = min(node.hops[0] for node in here), max(node.hops[1] for node in here)
        words = "the theft" if column == 0 else "where it ended" if column == graph.columns - 1 else (
            f"hop {low}" if low == high else f"hops {low}–{high}")  # fmt: skip
        found.append(text(x, 18, words, "s", "middle" if 0 < column < graph.columns - 1 else
                          "end" if column == 0 else "start"))  # fmt: skip
    return found


def _words(link: Link, labels: Labels, graph: Graph) -> str:
    source, target = (visible(labels.names_of(graph.nodes[key])) for key in (link.source, link.target))
    return f"{counted(link.moves, 'move')}, {labels.names.exact(link.asset, link.amount)}, from {source} to {target}"


def _edge(link: Link, at: dict[str, tuple[float, float]], most: int, labels: Labels, graph: Graph) -> Markup:
    """A line with its head at the target."""
    from markupsafe import Markup

    (x0, y0), (x1, y1) = at[link.source], at[link.target]
    back = x1 <= x0
    bend = 40.0 if back else (x1 - x0) / 2
    end = x1 - _R - 5 if not back else x1 + _R + 5
    wide = 1.0 + 3.0 * (link.moves / most) ** 0.5
    role = graph.nodes[link.target].role
    side = -1 if back else 1
    inner = x1 - bend if not back else x1 + bend
    path = f"M{n(x0 + _R)} {n(y0)}C{n(x0 + bend)} {n(y0)} {n(inner)} {n(y1)} {n(end)} {n(y1)}"
    head = f"M{n(end - side * 2)} {n(y1 - 3.5)}L{n(end + side * 5)} {n(y1)}L{n(end - side * 2)} {n(y1 + 3.5)}Z"
    return Markup('<g><path class="e s-{r}" stroke-width="{w}" d="{d}"/><path class="f-{r}" d="{h}"/>'
                  "<title>{t}</title></g>\n").format(
        r=role, w=n(wide), d=path, h=head, t=for_html(_words(link, labels, graph), 4000))  # fmt: skip


def _node(key: str, where: tuple[float, float], labels: Labels, graph: Graph) -> Markup:
    from markupsafe import Markup

    node, (x, y) = graph.nodes[key], where
    first, second = (visible(words, _FITS) for words in (labels.title(node), labels.second(node)))
    if node.kind == "leg":
        lines = text(x - 12, y - 1, first, "b", "end") + text(x - 12, y + 11, second, "s", "end")
    elif node.kind == "end":
        lines = text(x + 12, y - 1, first, "b") + text(x + 12, y + 11, second, "s")
    else:
        lines = text(x, y - 10, first, "", "middle") + text(x, y + 17, second, "s", "middle")
    return Markup('<g><circle class="n f-{r}" cx="{x}" cy="{y}" r="{s}"/>{lines}<title>{t}</title></g>\n').format(
        r=node.role, x=n(x), y=n(y), s=n(_R), lines=lines, t=for_html(labels.full(node), 4000)
    )
