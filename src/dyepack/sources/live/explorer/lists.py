"""Lists of an explorer read to their end, though it serves only so many rows.

Pages are asked for by block: a page that may have been cut is followed by one that begins at its last block, and that
block is read whole by page numbers where it alone fills a page. A list only says which transactions to look at.
Invariant: a list is told to its end, or with the reason why it is not; a row that does not belong is a BadAnswer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from dyepack.sources.live.explorer.answers import Internal, LogRow, Signed, Token, bad, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dyepack.sources.live.explorer.api import Explorer

ROWS: Final = 1000
"""Rows that are asked for at a time: free keys get no more."""
MOST_ROWS: Final = 10_000
"""Page times rows may not pass this."""
MOST_IN_VAIN: Final = 20_000
"""Rows beyond those that count, after which a list that does not end is given up."""
_CAPS: Final = frozenset((10, 20, 25, 50, 100, 200, 250, 500))
"""Counts at which servers are known to cut a page silently."""

_Row = TypeVar("_Row", bound="Signed | Internal | Token | LogRow")


@dataclass(slots=True)
class Listed:
    """Transactions with block and rank in it (None: not told), in no order; `partial` as in History.

    genesis  what the first block gave to the address that was asked for
    """

    places: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    genesis: int = 0
    partial: str = ""

    def join(self, other: Listed) -> None:
        """Add what another list told."""
        for txid, (block, index) in other.places.items():
            known = self.places.get(txid, (block, None))
            if known[0] != block:
                raise bad("lists", f"transaction {txid} stands in two blocks")
            self.places[txid] = (block, index if known[1] is None else known[1])
        self.genesis += other.genesis
        self.partial = self.partial or other.partial


@dataclass(slots=True)
class Reader(Generic[_Row]):
    """One list: what is asked, how its rows are read, whether a row `fits` the question, and whether it is `wanted`."""

    explorer: Explorer
    query: Mapping[str, str]
    form: type[_Row]
    fits: Callable[[_Row], bool]
    wanted: Callable[[_Row], bool] = lambda _: True
    names: tuple[str, str] = ("startblock", "endblock")

    async def read(self, first: int, last: int, most: int) -> Listed:
        """The list between two blocks; stops when it holds more than `most` transactions."""
        found = Listed()
        start = first
        read = 0
        while start <= last and len(found.places) <= most:
            rows = await self._page(start, last, 1, ROWS, found)
            read += len(rows)
            if read > most + MOST_IN_VAIN:
                found.partial = f"more than {most + MOST_IN_VAIN} rows, most of which are of others"
                break
            if not rows or not _may_be_cut(len(rows)):
                break
            end = self._last_block(rows)
            if end == start:
                await self._block(end, rows, most, found)
                end += 1
            start = end
        return found

    def _last_block(self, rows: Sequence[_Row]) -> int:
        row = rows[-1]
        return 0 if isinstance(row, Signed) and row.genesis is not None else row.place(self.query["action"])[1]

    async def _block(self, block: int, rows: Sequence[_Row], most: int, into: Listed) -> None:
        """The further pages of one block."""
        size, page = len(rows), 2
        while page * size <= MOST_ROWS and len(into.places) <= most:
            more = await self._page(block, block, page, size, into)
            if more and list(more) == list(rows):
                into.partial = "the explorer tells the same page twice"
                return
            if len(more) < size:
                return
            rows, page = more, page + 1
        into.partial = f"block {block} alone has more rows than the explorer tells"

    async def _page(self, first: int, last: int, page: int, size: int, into: Listed) -> list[_Row]:
        start, end = self.names
        asked = {**self.query, start: str(first), end: str(last), "page": str(page), "offset": str(size), "sort": "asc"}
        rows = await self.explorer.rows(asked, self.form)
        before = first
        for row in rows:
            before = self._take(row, before, last, into)
        return rows

    def _take(self, row: _Row, first: int, last: int, into: Listed) -> int:
        """Add a row, which may not stand before `first`; its block."""
        action = self.query["action"]
        if isinstance(row, Signed) and row.genesis is not None:
            if not self.fits(row) or number(row.block_number, action, "blockNumber") or into.genesis:
                raise bad(action, "a row of the first block is not of what was asked")
            into.genesis = row.genesis
            return 0
        txid, block, index = row.place(action)
        if not first <= block <= last:
            raise bad(action, f"a row of block {block} came where one of block {first} to {last} belongs")
        if not self.fits(row):
            raise bad(action, f"the row of transaction {txid} is not of what was asked")
        if self.wanted(row):
            into.join(Listed({txid: (block, index)}))
        return block


def _may_be_cut(count: int) -> bool:
    return count >= ROWS or count in _CAPS
