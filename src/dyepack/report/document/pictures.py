"""The figures of a report by their names, each a function of the material alone, so that the lint can draw it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.model import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.report.document.material import Material

Drawn = tuple[str, str, str]
"""The SVG, what it shows in words (its alt text), its caption."""


def _flow(material: Material) -> Drawn:
    from dyepack.report.flow import figure
    from dyepack.report.flow_words import Labels, summary
    from dyepack.report.words import Names, counted
    from dyepack.tracing.flows import flows

    statement = material.statement
    drawn = figure(statement, flows(material.moves, statement))
    graph = drawn.graph
    caption = (
        "From left to right: the theft, the addresses in between by hop, and where the money stopped. A ribbon is as "
        "wide as its amount under the headline rule; amounts too small for the scale are hairlines. Each asset has its "
        "own scale. Labels are cut to a few digits: the exact amounts are in the findings and in the annex."
    )
    if graph.merged():
        caption += (f" {counted(graph.merged(), 'address', 'addresses')} of {graph.addresses:,} are drawn gathered in "
                    "boxes.")  # fmt: skip
    return str(drawn.svg), summary(graph, Labels(statement, Names(statement))), caption


def _hops(material: Material) -> Drawn:
    from dyepack.report.figures.hops import hop_graph
    from dyepack.tracing.flows import flows

    markup, desc, caption = hop_graph(material.statement, flows(material.moves, material.statement))
    return str(markup), desc, caption


def _timeline(material: Material) -> Drawn | None:
    from dyepack.report.figures.timeline import timeline

    found = timeline(material.statement, material.moves)
    return None if found is None else (str(found[0]), found[1], found[2])


PICTURES: dict[str, Callable[[Material], Drawn | None]] = {"flow": _flow, "hops": _hops, "timeline": _timeline}


def draw(name: str, material: Material) -> Picture | None:
    """One figure; None where the case has nothing to draw."""
    found = PICTURES[name](material)
    return None if found is None else Picture(name, *found)
