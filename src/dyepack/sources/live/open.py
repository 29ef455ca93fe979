"""From the words of a user to a live source: "evm+https://host/{KEY}" names the adapter and where to ask.

Invariant: adapters are found by their entry points only, so that one from outside is as good as our own.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.sources.live.source import ENTRY_POINTS, AccountSource, OutputSource

if TYPE_CHECKING:
    from dyepack.sources.live.fetch import Fetcher
    from dyepack.sources.live.source import Source


def kinds() -> list[str]:
    """The kinds of source that are installed."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINTS)})


def source_of(fetcher: Fetcher) -> Source:
    """The adapter for the kind that the fetcher's endpoint names; UsageError if none is installed."""
    kind = fetcher.endpoint.kind
    found = next((point for point in entry_points(group=ENTRY_POINTS) if point.name == kind), None)
    if found is None:
        raise UsageError(
            f"no source is called {quoted(kind)}", remedy=f"write one of {', '.join(kinds())}, as in evm+https://..."
        )
    source = found.load()(fetcher)
    if not isinstance(source, AccountSource | OutputSource):
        raise UsageError(f"the source {quoted(kind)} lacks methods of the protocol", remedy="update its package")
    return source
