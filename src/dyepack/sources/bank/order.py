"""One order for the entries of many books: by booking day, each book's own order kept exactly.

Invariant: every entry and jump of every book comes out once, in its book's order. The two sides of a match come out
together where both are booked on one day and some order of that day has them together; else each at its own place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dyepack.sources.bank.join import Book, Jump
    from dyepack.sources.bank.match import Match, Matches, Place


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: an entry (`at`), both sides of `match` (`whole`), a jump, or a book's opening (neither)."""

    day: int
    book: int
    at: Place | None = None
    match: Match | None = None
    whole: bool = False
    jump: Jump | None = None


def in_order(books: Sequence[Book], matches: Matches) -> Iterator[Step]:
    """The steps of all books, day by day."""
    days: dict[int, dict[int, deque[Step]]] = {}
    for number, book in enumerate(books):
        jumps: dict[int, list[Jump]] = {}
        for jump in book.jumps:
            jumps.setdefault(jump.before, []).append(jump)
        steps = [Step(book.days[0] if book.days else book.opened, number)]
        for at, day in enumerate(book.days):
            steps += [Step(day, number, jump=jump) for jump in jumps.get(at, [])]
            steps.append(Step(day, number, at=(number, at), match=matches.at.get((number, at))))
        steps += [Step(steps[-1].day, number, jump=jump) for jump in jumps.get(len(book.days), [])]
        for step in steps:
            days.setdefault(step.day, {}).setdefault(number, deque()).append(step)
    for day in sorted(days):
        yield from _Day(books, days[day]).steps()


class _Day:
    """Merges the books of one day, taking first what is known to be earliest."""

    def __init__(self, books: Sequence[Book], queues: dict[int, deque[Step]]) -> None:
        self.books, self.queues = books, queues
        self.open = {step.at for queue in queues.values() for step in queue if step.at is not None}
        self.late = dict.fromkeys(queues, -1)
        """The latest time of day seen in each book."""
        self.heads = sorted(map(self._key, queues))
        """Time and number of the books that have steps left, by which they come first."""

    def steps(self) -> Iterator[Step]:
        """All steps of the day."""
        while self.queues:
            ready = next((n for _, n in self.heads if self._is_ready(self.queues[n][0])), None)
            if ready is None:
                debits = (n for _, n in self.heads if self._entry_units(self.queues[n][0]) < 0)
                yield self._take(next(debits, self.heads[0][1]))
                continue
            step = self.queues[ready][0]
            other = self._partner(step)
            if other is None:
                yield self._take(ready)
                continue
            self._take(other[0])
            self._take(ready)
            yield Step(step.day, step.book, step.at, step.match, whole=True)

    def _key(self, number: int) -> tuple[int, int]:
        step = self.queues[number][0]
        time = self.books[number].entries[step.at[1]].time if step.at is not None else -1
        return max(time, self.late[number]), number

    def _entry_units(self, step: Step) -> int:
        return self.books[step.book].entries[step.at[1]].units if step.at is not None else 0

    def _partner(self, step: Step) -> Place | None:
        """Where the other side of a match stands, if it is still to come today."""
        if step.match is None or step.at is None:
            return None
        other = step.match.credit_at if step.at == step.match.debit_at else step.match.debit_at
        return other if other in self.open else None

    def _is_ready(self, step: Step) -> bool:
        other = self._partner(step)
        return other is None or self.queues[other[0]][0].at == other

    def _take(self, number: int) -> Step:
        del self.heads[bisect_left(self.heads, self._key(number))]
        step = self.queues[number].popleft()
        if step.at is not None:
            self.open.discard(step.at)
            self.late[number] = max(self.late[number], self.books[number].entries[step.at[1]].time)
        if self.queues[number]:
            insort(self.heads, self._key(number))
        else:
            del self.queues[number]
        return step
