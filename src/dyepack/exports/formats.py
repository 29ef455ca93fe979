"""The formats that a case can be exported to, and the one function that makes them.

FORMATS is the whole list; a new one is a module with an `export`, and a line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.exports import ftm, graphml, misp, record, stix, tables, tagpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.exports.model import Findings


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name on the command line, what it is, and what makes it."""

    name: str
    title: str
    export: Callable[[Findings], bytes]


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("stix", "STIX 2.1 bundle (JSON)", stix.export),
        Format("ftm", "FollowTheMoney entities (JSON lines)", ftm.export),
        Format("misp", "MISP event (JSON)", misp.export),
        Format("tagpack", "GraphSense TagPack (YAML)", tagpack.export),
        Format("graphml", "flow as GraphML", graphml.export),
        Format("csv", "every dyed move, for a spreadsheet", tables.export_csv),
        Format("parquet", "every dyed move, for a data frame", tables.export_parquet),
        Format("json", "the whole case as one document", record.export),
    )
}


def render(findings: Findings, name: str) -> bytes:
    """A case in a format; UsageError for one that is not known."""
    if name not in FORMATS:
        raise UsageError(f"{quoted(name)} is no format", remedy="use one of: " + ", ".join(FORMATS))
    return FORMATS[name].export(findings)
