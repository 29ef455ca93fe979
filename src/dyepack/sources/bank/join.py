"""From statements to books: one for each account and currency, whole, in order, without repeats.

Invariant: every entry read is in a book once or counted as repeated; where the closing balance of one statement is not
the opening balance of the next, a Jump stands between them and the book is incomplete.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.sources.bank.currency import written
from dyepack.sources.bank.entries import day_text, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dyepack.sources.bank.entries import Entry, Read, Statement


@dataclass(frozen=True, slots=True)
class Jump:
    """Units that came (or went, negative) between two statements that do not join, before entry number `before`."""

    before: int
    units: int
    after: str


@dataclass(slots=True)
class Book:
    """All that is known of one account in one currency; `days` are the entries' days made to follow their order."""

    account: str
    currency: str
    opening: int
    opened: int
    entries: list[Entry]
    jumps: list[Jump] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    closing: int = 0
    """Balance after the last entry."""


def join(read: Read) -> list[Book]:
    """The books behind the statements, in order of account and currency; InputError where two contradict."""
    groups: dict[tuple[str, str], list[Statement]] = {}
    for statement in read.statements:
        groups.setdefault((statement.account, statement.currency), []).append(statement)
    return [_Joining(sorted(parts, key=lambda s: s.order), read).book() for _, parts in sorted(groups.items())]


class _Joining:
    """Puts the statements of one account and currency together."""

    def __init__(self, parts: list[Statement], read: Read) -> None:
        self.parts, self.read = parts, read
        self.entries: list[Entry] = []
        self.balances: list[int] = []
        """Balance before each entry, and after the last."""
        self.rows: list[tuple[int, int]] = []
        self.prints: list[tuple[object, ...]] = []
        """Day and units of each entry, and all that its copies have in common."""
        self.by_balance: dict[int, list[int]] = {}
        self.by_print: dict[tuple[object, ...], list[int]] = {}
        """Where a copy may begin: entries by the balance before them, and by what copies have in common."""
        self.jumps: list[Jump] = []
        self.seen: dict[tuple[str, tuple[int, ...]], Statement] = {}
        self.last = ""

    def book(self) -> Book:
        """The book."""
        parts = list(self.parts)
        first = parts[0]
        self.balances = [first.start() or 0]
        for _, same_day in groupby(parts, key=lambda s: s.order[0]):
            for part in self._joined(list(same_day)):
                self._add(part)
        book = Book(first.account, first.currency, self.balances[0], first.order[0], self.entries, self.jumps)
        book.closing = self.balances[-1]
        late = first.order[0]
        for entry in self.entries:
            late = max(late, entry.booked)
            book.days.append(late)
        moved = [(day, e) for day, e in zip(book.days, self.entries, strict=True) if day != e.booked]
        if moved:
            self.read.count("entries_listed_out_of_the_order_of_days", len(moved))
            said = [f"{e.place} ({day_text(e.booked)}) stands after entries of {day_text(day)}" for day, e in moved]
            self.read.note(f"out of the order of days, so one of the days may be wrong: {listed(said)}")
        return book

    def _joined(self, parts: list[Statement]) -> Iterator[Statement]:
        """The statements that begin on one day: always the first that joins what is there, else the first."""
        left = dict.fromkeys(range(len(parts)))
        starts: dict[int | None, deque[int]] = {}
        for at, part in enumerate(parts):
            starts.setdefault(part.start(), deque()).append(at)
        while left:
            same = starts.get(self.balances[-1]) or starts[parts[next(iter(left))].start()]
            at = same.popleft()
            del left[at]
            yield parts[at]

    def _add(self, part: Statement) -> None:
        if not self._is_repeated(part):
            start = part.start()
            taken = part.entries
            if start is not None and start != self.balances[-1]:
                taken = taken[self._overlap(part, start) :]
            elif start is None and self.entries:
                taken = taken[self._overlap_by_content(part) :]
            self.read.count("repeated_entries", len(part.entries) - len(taken))
            for entry in taken:
                self._keep(entry)
        self.last = str(part)

    def _keep(self, entry: Entry) -> None:
        at, told = len(self.entries), entry.fingerprint()
        self.by_balance.setdefault(self.balances[-1], []).append(at)
        self.by_print.setdefault(told, []).append(at)
        self.entries.append(entry)
        self.rows.append((entry.booked, entry.units))
        self.prints.append(told)
        self.balances.append(self.balances[-1] + entry.units)

    def _is_repeated(self, part: Statement) -> bool:
        """Whether this very statement has been added; InputError if one of its name but with other content has."""
        known = self.seen.setdefault((part.id, part.order[1:]), part)
        if known is part:
            return False
        if len(known.entries) == len(part.entries) and _content(known) == _content(part):
            self.read.count("repeated_statements")
            self.read.count("repeated_entries", len(part.entries))
            return True
        same_period = part.id and known.order[0] == part.order[0] and known.start() == part.start() and part.entries
        if same_period and known.entries and _content(known)[-1] != _content(part)[-1]:
            raise InputError(
                part.file, f"{part} says other things than {known.file}, line {known.line}, which has the same "
                "name and opening balance", line=part.line, remedy="find out which of the two is right; import only it",
            )  # fmt: skip
        return False

    def _overlap(self, part: Statement, start: int) -> int:
        """How many entries of a statement that does not join are already there; 0 after noting that one is missing."""
        new = [(e.booked, e.units) for e in part.entries]
        for at in self.by_balance.get(start, ()) if new else ():
            if _repeats(self.rows, at, new):
                return min(len(self.rows) - at, len(new))
        if self.entries and part.entries and part.order[0] < self.entries[-1].booked:
            raise InputError(
                part.file, f"{part} opens with {written(start, part.currency)} on a day that {self.last} has "
                "entries of, and neither continues nor repeats it", line=part.line,
                remedy="import statements of one account that follow one another",
            )  # fmt: skip
        gone = start - self.balances[-1]
        self.jumps.append(Jump(len(self.entries), gone, self.last))
        self.balances[-1] = start
        self.read.count("missing_statements")
        self.read.note(
            f"{part} opens with {written(start, part.currency)}, {written(gone, part.currency)} from where {self.last} "
            "ends: a statement between them is missing, so the account's history is not complete"
        )
        return 0

    def _overlap_by_content(self, part: Statement) -> int:
        """The same where the statement has no balances: entries that are equal in every way."""
        new = [e.fingerprint() for e in part.entries]
        for at in self.by_print.get(new[0], ()):
            if _repeats(self.prints, at, new):
                return min(len(self.prints) - at, len(new))
        if part.order[0] < self.entries[-1].booked:
            raise InputError(part.file, f"{part} begins before the end of {self.last} and does not repeat it",
                             line=part.line, remedy="import files of one account that follow one another")  # fmt: skip
        return 0


def _repeats(rows: Sequence[object], at: int, new: Sequence[object]) -> bool:
    """Whether the new rows say again what stands from `at` on, as far as both go."""
    return all(rows[at + n] == new[n] for n in range(min(len(rows) - at, len(new))))


def _content(part: Statement) -> tuple[object, ...]:
    return part.start(), part.closing, [e.fingerprint() for e in part.entries]
