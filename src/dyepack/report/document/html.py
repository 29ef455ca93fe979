"""A report as one HTML page: no script, no network, the same bytes for the same report.

Invariant: every text passes sinks.for_html through the one factory of templates (page.environment); only the figures,
our own markup, are passed on as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.page import environment

if TYPE_CHECKING:
    from dyepack.report.document.model import Column, Report, Table


def render_html(report: Report) -> str:
    """The page."""
    from markupsafe import Markup

    page = environment().get_template("report.html.j2")
    return page.render(report=report, kind=lambda block: type(block).__name__, markup=Markup, share=_share)


def _share(table: Table, column: Column) -> str:
    """A column's share of the width, in percent."""
    return f"{100 * column.width / sum(c.width for c in table.columns):.1f}"
