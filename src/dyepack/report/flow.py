"""The flow figure: an SVG that needs no script, no font, no network.

Invariant: the same flows give the same bytes; every node and link of the graph is drawn once, each with its
exact amounts and full addresses in a <title>; all text passes sinks.for_html. Colour never stands alone:
every role has its own sign, and every end point says in words why the money stops there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.report.flow_graph import MAX_NODES, ROLES, Graph, build
from dyepack.report.flow_layout import BOX, HAIR, Box, Layout, Ribbon, place
from dyepack.report.flow_words import Labels, caption, summary
from dyepack.report.words import Names, counted
from dyepack.sinks import for_html, visible

if TYPE_CHECKING:
    from markupsafe import Markup

    from dyepack.tracing.statement import Flow, Statement


_STYLE = """
.dp-flow{--ink:#1c2127;--soft:#535d68;--halo:#fff;--leg:#d55e00;--address:#8b929a;
--service:#0072b2;--mixer:#cc79a7;--bridge:#56b4e9;--held:#009e73;--open:#e69f00;--ended:#30363d;
font:11px system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;fill:var(--ink)}
@media screen and (prefers-color-scheme:dark){.dp-flow{--ink:#e8ebee;--soft:#aab3bd;--halo:#15191e;
--address:#8f98a3;--service:#3d9ad6;--ended:#c9d0d7}}
.dp-flow text{paint-order:stroke;stroke:var(--halo);stroke-width:3px;stroke-linejoin:round}
.dp-flow .m{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:10px}
.dp-flow .s{fill:var(--soft);font-size:10px}.dp-flow .b{font-weight:600}
.dp-flow .c{font-weight:600;font-size:10px}
.dp-flow .r{fill-opacity:.34}.dp-flow .r:hover{fill-opacity:.62}
.dp-flow .h{fill:none;stroke-opacity:.45}.dp-flow .h:hover{stroke-opacity:1;stroke-width:3px}
.dp-flow .k{fill:none;stroke-opacity:.2}.dp-flow .k:hover{stroke-opacity:.5}
.dp-flow .d{fill:none;stroke-width:1.5;stroke-dasharray:5 4}
.dp-flow .n{stroke:var(--ink);stroke-width:.75}
""" + "".join(f".dp-flow .f-{r}{{fill:var(--{r})}}.dp-flow .s-{r}{{stroke:var(--{r})}}\n" for r in ROLES)

_FITS = {"leg": (20, 26), "address": (26, 24), "end": (30, 40)}
"""Characters that fit on the two lines of a label; the whole text is in the tooltip."""

_SIGNS = {
    "leg": "M0 -5L5 0L0 5L-5 0Z",
    "address": "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z",
    "service": "M-4.5 -4.5H4.5V4.5H-4.5Z",
    "mixer": "M-5 -5L0 -2L5 -5L2 0L5 5L0 2L-5 5L-2 0Z",
    "bridge": "M-6 4V1A6 6 0 0 1 6 1V4H3V1A3 3 0 0 0 -3 1V4Z",
    "held": "M0 -5.5L5.5 4.5H-5.5Z",
    "open": "M-6 -2L0 -5L6 -2L2 -2L2 5L-2 5L-2 -2Z",
    "ended": "M-5 -2H5V2H-5Z",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure: the SVG, its caption in plain words, and its graph for the table beside it."""

    svg: Markup
    caption: str
    graph: Graph


def figure(statement: Statement, flows: list[Flow], max_nodes: int = MAX_NODES) -> Figure:
    """Draw the flows of a statement."""
    graph = build(flows, statement, max_nodes)
    names = Names(statement)
    labels = Labels(statement, names)
    return Figure(_svg(graph, place(graph), labels, statement), caption(graph, names), graph)


def draw(flows: list[Flow], statement: Statement) -> str:
    """The figure as SVG text, for a file of its own or inside a page."""
    return str(figure(statement, flows).svg)


def _svg(graph: Graph, layout: Layout, labels: Labels, statement: Statement) -> Markup:
    from markupsafe import Markup

    boxes = {b.node.key: b for b in layout.boxes}
    order = sorted(layout.ribbons, key=lambda r: (-r.width, r.link.source, r.link.target, r.link.asset))
    parts = [_ribbon(r, boxes, labels) for r in order] + [_box(b, labels) for b in layout.boxes]
    legend = _legend(layout.height + 6)
    return Markup(
        '<svg class="dp-flow" xmlns="http://www.w3.org/2000/svg" role="img" '
        'aria-labelledby="dp-flow-title dp-flow-desc" viewBox="0 0 {w} {h}" width="{w}" height="{h}">\n'
        '<title id="dp-flow-title">{title}</title>\n<desc id="dp-flow-desc">{desc}</desc>\n'
        "<style>{style}</style>\n{heads}{parts}{legend}</svg>\n"
    ).format(
        w=_n(layout.width),
        h=_n(layout.height + 34),
        title=for_html(f"Flow of the stolen money: {statement.title or statement.theft}"),
        desc=for_html(summary(graph, labels)),
        style=Markup(_STYLE),  # noqa: S704 - our own constant
        heads=_heads(layout, graph, backward=statement.direction == "backward"),
        parts=Markup("").join(parts),
        legend=legend,
    )


def _n(value: float) -> str:
    """A coordinate, to a tenth."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def _heads(layout: Layout, graph: Graph, *, backward: bool) -> Markup:
    """Words over the columns: the theft, hop numbers, where it stopped (backward: where it came from)."""
    from markupsafe import Markup

    line = Markup('<text class="s" x="{}" y="16" text-anchor="{}">{}</text>\n')
    found: list[Markup] = []
    for column in sorted({b.node.column for b in layout.boxes}):
        here = [b for b in layout.boxes if b.node.column == column]
        x = here[0].x
        if column == 0:
            found.append(line.format(_n(x + BOX), "end", "asked about" if backward else "the theft"))
        elif column == graph.columns - 1:
            found.append(line.format(_n(x), "start", f"where the money {'came from' if backward else 'stopped'}"))
        else:
            low, high = min(b.node.hops[0] for b in here), max(b.node.hops[1] for b in here)
            words = f"hop {low}" if low == high else f"hops {low}–{high}"
            found.append(line.format(_n(x + BOX / 2), "middle", words))
    return Markup("").join(found)


def _ribbon(ribbon: Ribbon, boxes: dict[str, Box], labels: Labels) -> Markup:
    from markupsafe import Markup

    source, target = boxes[ribbon.link.source].node, boxes[ribbon.link.target].node
    link = ribbon.link
    title = (
        f"{labels.names.exact(link.asset, link.amount)} in {counted(link.moves, 'move')} | from "
        f"{visible(labels.names_of(source))} | to {visible(labels.names_of(target))}"
    )
    if ribbon.back:
        line = Markup('<path class="d s-{}" d="{}"/>').format(target.role, _loop(ribbon))
        shape = line + Markup('<path class="k s-{}" stroke-width="{}" d="{}">').format(
            target.role, _n(max(ribbon.width, 3.0)), _loop(ribbon)
        )
    elif ribbon.width < HAIR:
        shape = Markup('<path class="h s-{}" d="{}">').format(target.role, _line(ribbon))
    else:
        shape = Markup('<path class="r f-{}" d="{}">').format(target.role, _band(ribbon))
    return shape + Markup("<title>{}</title></path>\n").format(for_html(title, 4000))


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    half = (x0 + x1) / 2
    return f"C{_n(half)} {_n(y0)} {_n(half)} {_n(y1)} {_n(x1)} {_n(y1)}"


def _line(ribbon: Ribbon) -> str:
    (x0, y0), (x1, y1) = ribbon.points[0], ribbon.points[-1]
    return f"M{_n(x0)} {_n(y0)}{_curve(x0, y0, x1, y1)}"


def _loop(ribbon: Ribbon) -> str:
    (x0, y0), (x1, y1) = ribbon.points[0], ribbon.points[-1]
    reach = 46.0
    return f"M{_n(x0)} {_n(y0)}C{_n(x0 + reach)} {_n(y0)} {_n(x1 - reach)} {_n(y1)} {_n(x1)} {_n(y1)}"


def _band(ribbon: Ribbon) -> str:
    half = ribbon.width / 2
    x, y = ribbon.points[0]
    upper = [f"M{_n(x)} {_n(y - half)}"]
    for number, (x1, y1) in enumerate(ribbon.points[1:]):
        flat = number % 2 == 1
        upper.append(f"H{_n(x1)}" if flat else _curve(x, y - half, x1, y1 - half))
        x, y = x1, y1
    lower = [f"L{_n(x)} {_n(y + half)}"]
    for number, (x1, y1) in enumerate(ribbon.points[-2::-1]):
        flat = number % 2 == 1
        lower.append(f"H{_n(x1)}" if flat else _curve(x, y + half, x1, y1 + half))
        x, y = x1, y1
    return "".join(upper + lower) + "Z"


def _box(box: Box, labels: Labels) -> Markup:
    from markupsafe import Markup

    node = box.node
    first = for_html(labels.title(node), _FITS[node.kind][0])
    second = for_html(labels.second(node), _FITS[node.kind][1])
    middle = box.y + box.height / 2
    mono = "b" if node.kind != "address" else "m" if len(node.members) == 1 else "c"
    if node.kind == "leg":
        text = _two((box.x - 20, middle - 2), "end", mono, first, second)
        sign = (box.x - 10, middle)
    elif node.kind == "end":
        text = _two((box.x + BOX + 20, middle - 2), "start", mono, first, second)
        sign = (box.x + BOX + 10, middle)
    else:
        text = _two((box.x + BOX / 2, box.y - 16), "middle", mono, first, second)
        sign = (0.0, 0.0)
    drawn = Markup('<path class="n f-{r}" transform="translate({x} {y})" d="{d}"/>').format(
        r=node.role, x=_n(sign[0]), y=_n(sign[1]), d=_SIGNS[node.role]
    )
    return Markup(
        '<g><rect class="n f-{r}" x="{x}" y="{y}" width="{w}" height="{h}" rx="2"/>{sign}{text}<title>{t}</title></g>\n'
    ).format(
        r=node.role,
        x=_n(box.x),
        y=_n(box.y),
        w=_n(BOX),
        h=_n(box.height),
        sign=drawn if node.kind != "address" else "",
        text=text,
        t=for_html(labels.full(node), 4000),
    )


def _two(at: tuple[float, float], anchor: str, kind: str, first: Markup, second: Markup) -> Markup:
    """The two lines of a box's label, from the first line's base point."""
    from markupsafe import Markup

    (x, y), line = at, Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
    return line.format(kind, _n(x), _n(y), anchor, first) + line.format("s", _n(x), _n(y + 12), anchor, second)


def _legend(y: float) -> Markup:
    """Every role with its colour, its sign and its name; always the same, whatever the figure holds."""
    from markupsafe import Markup

    x, parts = 24.0, []
    for role, words in ROLES.items():
        parts.append(
            Markup('<path class="n f-{}" transform="translate({} {})" d="{}"/><text x="{}" y="{}">{}</text>').format(
                role, _n(x), _n(y + 8), _SIGNS[role], _n(x + 11), _n(y + 12), words
            )
        )
        x += 34 + 6.1 * len(words)
    return Markup('<g class="legend">{}</g>\n').format(Markup("").join(parts))
