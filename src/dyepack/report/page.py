"""The statement as one HTML page: no script, no network, the same bytes for the same statement.

Invariant: every value in the template passes sinks.for_html through the one factory below, whether or not the
template's author thought of it; only markup made by dyepack itself (the figure) is passed on as it is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dyepack.report.flow import Figure, figure
from dyepack.report.flow_words import Labels
from dyepack.report.view import SHOWN, SHOWN_TXIDS, View
from dyepack.sinks import for_html, short_address

if TYPE_CHECKING:
    from jinja2 import Environment

    from dyepack.tracing.statement import Flow, Statement

TEMPLATE = "statement.html.j2"


@cache
def environment() -> Environment:
    """The one factory of templates: autoescape on, undefined names fail, every text through for_html."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("dyepack.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: Any) -> Any:
    """Text that is not markup goes through the sink; markup and numbers stay."""
    return for_html(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def render(statement: Statement, flows: list[Flow], *, title_note: str = "", rerun: str = "") -> str:
    """The page of a statement; `rerun` is the command line that makes it again, where the caller knows it."""
    drawn = figure(statement, flows)
    page = environment().get_template(TEMPLATE)
    return page.render(
        s=statement,
        view=View(statement),
        figure=drawn,
        drawn=figure_rows(statement, drawn),
        title_note=title_note,
        rerun=rerun or str(statement.parameters.get("command", "")),
        short=short_address,
        shown=SHOWN,
        shown_txids=SHOWN_TXIDS,
    )


def figure_rows(statement: Statement, drawn: Figure) -> list[dict[str, Any]]:
    """The figure as a table: every ribbon, in the figure's own selection, in order of hop."""
    view, nodes = View(statement), drawn.graph.nodes
    labels = Labels(statement, view.names)
    ranked = sorted(
        drawn.graph.links,
        key=lambda k: (
            nodes[k.source].column,
            -k.amount / drawn.graph.scale[k.asset],
            k.source,
            k.target,
            k.asset,
        ),
    )
    return [
        {
            "source": labels.names_of(nodes[k.source]),
            "target": labels.names_of(nodes[k.target]),
            "amount": view.amount(k.asset, k.amount),
            "moves": f"{k.moves:,}",
        }
        for k in ranked
    ]
