"""Finding the two sides of one transfer in two books, and the two sides of one conversion.

Evidence, in the order in which it is looked for; an entry is matched once:

    E1  both books state the same reference and the same amount (or the same less the charges they state)
    E2  no common reference, but a book names the other's account, or states the other amount of a conversion
    E6  neither book names an account, only amount and days fit, and no other entry does, on either side: an inference

Invariant: a match is made only where it is the only one that its evidence allows; entries that cannot be told apart
(same accounts, same reference, same amount) are matched in their order. The result does not depend on the order of
files.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.sources.bank.currency import written
from dyepack.sources.bank.entries import account_key

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from dyepack.sources.bank.entries import Entry
    from dyepack.sources.bank.join import Book

Place = tuple[int, int]
"""(number of the book, number of the entry in it)."""

MOST_EQUALS = 64
"""Entries that nothing tells apart are matched in their order up to this many; more of them are ambiguous."""


@dataclass(frozen=True, slots=True)
class Match:
    """A debit of one book and a credit of another that are one transfer or one conversion.

    `evidence` is E1, E2 or E6; `confidence` 0 to 100; `debit_at`, `credit_at` are where the entries stand.
    """

    debit: Entry
    credit: Entry
    evidence: str
    method: str
    confidence: int
    reason: str
    debit_at: Place
    credit_at: Place

    @property
    def converts(self) -> bool:
        """Whether it is a conversion between currencies."""
        return self.debit.currency != self.credit.currency


@dataclass(slots=True)
class Matches:
    """All matches, and by the place of either entry."""

    all: list[Match] = field(default_factory=list)
    at: dict[Place, Match] = field(default_factory=dict)
    ambiguous: int = 0
    """Debits that fit several credits, or whose credit fits several debits, and so were left."""

    def add(self, match: Match) -> None:
        """Keep a match."""
        self.all.append(match)
        self.at[match.debit_at] = self.at[match.credit_at] = match


@dataclass(frozen=True, slots=True)
class _Way:
    """One kind of evidence: under which keys entries meet, which pairs it accepts, and what it says of them."""

    evidence: str
    method: str
    confidence: int
    keys: Callable[[Entry], Iterable[Hashable]]
    accepts: Callable[[Entry, Entry], bool]
    reason: Callable[[Entry, Entry], str]
    repeats: bool
    """Whether a match may make another one the only one, and equals may be matched in order."""
    early: bool = True
    """Whether a credit may be booked before its debit."""


def match_books(books: Sequence[Book], days: int) -> Matches:
    """Match the entries of some books, at most `days` days apart."""
    found = Matches()
    entries = [((b, e), entry) for b, book in enumerate(books) for e, entry in enumerate(book.entries)]
    for way in _WAYS:
        _Pairing(entries, way, days, found).run()
    found.all.sort(key=lambda m: (m.debit.booked, m.debit_at))
    return found


class _Shelf:
    """The entries of one direction that are not matched yet, by the keys under which they can be met, by day."""

    def __init__(self, entries: dict[Place, Entry], way: _Way) -> None:
        self.entries = entries
        self.rows: dict[Hashable, dict[int, list[tuple[int, Place]]]] = {}
        for at, entry in entries.items():
            for key in dict.fromkeys(way.keys(entry)):
                self.rows.setdefault(key, {}).setdefault(at[0], []).append((entry.booked, at))
        for books in self.rows.values():
            for row in books.values():
                row.sort()

    def near(self, keys: Iterable[Hashable], first: int, last: int, but: int) -> Iterator[Place]:
        """Where entries of other books than `but` have one of these keys, from the first to the last of some days."""
        for key in keys:
            for book, row in self.rows.get(key, {}).items():
                begin, end = (0, 0) if book == but else (bisect_left(row, (day,)) for day in (first, last + 1))
                for at in range(begin, end):
                    yield row[at][1]


class _Pairing:
    """Looks for one kind of evidence among the entries that are not matched yet."""

    def __init__(self, entries: list[tuple[Place, Entry]], way: _Way, days: int, found: Matches) -> None:
        self.way, self.days, self.found = way, days, found
        self.early = days if way.early else 0
        free = [(at, e) for at, e in entries if at not in found.at]
        self.debits = _Shelf({at: e for at, e in free if e.units < 0}, way)
        self.credits = _Shelf({at: e for at, e in free if e.units > 0}, way)

    def run(self) -> None:
        """Match what is unique, and again while that leaves others unique; then equals in their order."""
        left = list(self.debits.entries)
        while left:
            fits = {at: self._fitting(at) for at in left}
            fits = {at: places for at, places in fits.items() if places}
            sure = [(at, places[0]) for at, places in fits.items() if len(places) == 1 and self._only(places[0], [at])]
            sure = sure or (self._equals(fits) if self.way.repeats else [])
            for debit, credit in sure:
                self._match(debit, credit)
            left = [at for at in fits if at not in self.found.at]
            if not sure or not self.way.repeats:
                break
        if self.way is _WAYS[-1]:
            self.found.ambiguous += len(left)

    def _fitting(self, debit_at: Place) -> list[Place]:
        """The credits that fit a debit, in order; not more than one above MOST_EQUALS of them."""
        debit = self.debits.entries[debit_at]
        day = debit.booked
        return self._some(
            at for at in self.credits.near(self.way.keys(debit), day - self.early, day + self.days, debit_at[0])
            if at not in self.found.at and self._may(debit, self.credits.entries[at])
        )  # fmt: skip

    def _only(self, credit_at: Place, debits: list[Place]) -> bool:
        """Whether a credit fits these debits and no others."""
        credit = self.credits.entries[credit_at]
        day = credit.booked
        return debits == self._some(
            at for at in self.debits.near(self.way.keys(credit), day - self.days, day + self.early, credit_at[0])
            if at not in self.found.at and self._may(self.debits.entries[at], credit)
        )  # fmt: skip

    def _some(self, places: Iterator[Place]) -> list[Place]:
        most = MOST_EQUALS if self.way.repeats else 1
        found: dict[Place, None] = {}
        for at in places:
            found[at] = None
            if len(found) > most:
                break
        return sorted(found)

    def _may(self, debit: Entry, credit: Entry) -> bool:
        same = (debit.account, debit.currency) == (credit.account, credit.currency)
        return not same and self.way.accepts(debit, credit)

    def _equals(self, fits: dict[Place, list[Place]]) -> list[tuple[Place, Place]]:
        """Debits of one book that all fit the same credits of one book, as many, and no others do: in their order."""
        groups: dict[tuple[int, tuple[Place, ...]], list[Place]] = {}
        for at, places in fits.items():
            groups.setdefault((at[0], tuple(places)), []).append(at)
        pairs: list[tuple[Place, Place]] = []
        for (_, same), debits in groups.items():
            if len(debits) == len(same) <= MOST_EQUALS and len({at[0] for at in same}) == 1:
                debits.sort()
                if all(self._only(at, debits) for at in same):
                    pairs += zip(debits, same, strict=True)
        return pairs

    def _match(self, debit_at: Place, credit_at: Place) -> None:
        debit, credit = self.debits.entries[debit_at], self.credits.entries[credit_at]
        way = self.way
        reason = way.reason(debit, credit)
        if debit.currency == credit.currency and -debit.units != credit.units:
            reason += f", less charges of {written(-debit.units - credit.units, debit.currency)}"
        self.found.add(Match(debit, credit, way.evidence, way.method, way.confidence, reason, debit_at, credit_at))


def _amounts(entry: Entry) -> set[int]:
    """The amounts that the other side may state: a payer's less charges, a payee's with them."""
    units = abs(entry.units)
    net = units - entry.charges if entry.units < 0 else units + entry.charges
    return {units, net} - {0}


def _names(one: Entry, other: Entry) -> bool:
    return account_key(other.account) in one.names()


def _contradicts(one: Entry, other: Entry) -> bool:
    """Whether a book names the account of the other side, and it is another one."""
    return bool(one.other_account) and account_key(one.other_account) != account_key(other.account)


def _agree(debit: Entry, credit: Entry) -> bool:
    """Nothing in the two entries speaks against their being one conversion."""
    for one, other in ((debit, credit), (credit, debit)):
        if one.counter and one.counter[0] == other.currency and one.counter[1] not in _amounts(other):
            return False
    return True


def _by_reference(entry: Entry) -> list[Hashable]:
    return [(ref, entry.currency, units) for ref in entry.refs for units in sorted(_amounts(entry))]


def _by_amount(entry: Entry) -> list[Hashable]:
    """Only where the book names no account: else it is that one, or none."""
    return [] if entry.other_account else [(entry.currency, units) for units in sorted(_amounts(entry))]


def _by_accounts(entry: Entry) -> list[Hashable]:
    """Under the account it moves from or to, and under those it names for the other side."""
    own, other = ("from", "to") if entry.units < 0 else ("to", "from")
    ends = [(own, account_key(entry.account)), *((other, name) for name in sorted(entry.names()))]
    return [(entry.currency, units, *end) for units in sorted(_amounts(entry)) for end in ends]


def _by_counter(entry: Entry) -> list[Hashable]:
    """Under its own amount, and under the one that it states for the other side."""
    own, other = ("debit", "credit") if entry.units < 0 else ("credit", "debit")
    keys: list[Hashable] = [(own, entry.currency, units) for units in sorted(_amounts(entry))]
    return keys + ([(other, *entry.counter)] if entry.counter else [])


def _states_other(debit: Entry, credit: Entry) -> bool:
    """Whether one of two entries in different currencies states the amount of the other."""
    if debit.currency == credit.currency or not _agree(debit, credit):
        return False
    if debit.account != credit.account and (_contradicts(debit, credit) or _contradicts(credit, debit)):
        return False
    pairs = ((debit, credit), (credit, debit))
    return any(one.counter is not None and one.counter[0] == other.currency for one, other in pairs)


def _common(debit: Entry, credit: Entry) -> str:
    return f"both books state the reference {next(r for r in debit.refs if r in credit.refs)!a}"


_WAYS = (
    _Way("E1", "reference", 95, _by_reference,
         lambda d, c: d.currency == c.currency and not (_contradicts(d, c) and _contradicts(c, d)), _common,
         repeats=True),
    _Way("E1", "conversion by reference", 95, lambda e: e.refs, lambda d, c: d.currency != c.currency and _agree(d, c),
         _common, repeats=True),
    _Way("E2", "conversion by amount", 75, _by_counter, _states_other,
         lambda _d, _c: "a book states the amount of the other as what it was converted from or into", repeats=False),
    _Way("E2", "accounts", 80, _by_accounts,
         lambda d, c: (_names(d, c) or _names(c, d)) and not _contradicts(d, c) and not _contradicts(c, d),
         lambda d, c: "both books name the other's account" if _names(d, c) and _names(c, d) else
         "one book names the other's account", repeats=True),
    _Way("E6", "amount and days", 40, _by_amount,
         lambda _d, _c: True, lambda _d, _c: "only amount and days fit, and no other entry does", repeats=False,
         early=False),
)  # fmt: skip
