"""From ordered books to the moves of a ledger.

Invariant: for every book, closing balance = units held - credit of the bank outstanding; no holding of a book goes
below zero. A debit beyond the balance is preceded by an issue of the shortfall (the bank's credit); what then comes in
repays it first. A move never touches a book that does not state it.

Places that stand for no account begin with a bracket; names from outside that do so are marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dyepack.ledger.schema import MoveKind, RawMoves, to_words
from dyepack.sources.bank.entries import DAY, account_key, clean, day_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.bank.entries import Entry
    from dyepack.sources.bank.join import Book
    from dyepack.sources.bank.match import Match
    from dyepack.sources.bank.order import Step

_TX = 64
_PLACE = 120


class Alone(NamedTuple):
    """An entry without a match, and where its other side was put; `ours`: the account, if its book is here."""

    entry: Entry
    place: str
    ours: str


@dataclass(slots=True)
class Moves:
    """Moves in order, as plain columns; transactions are numbered, `txs` holds (id, day, rank in the day, time)."""

    txs: list[tuple[str, int, int, int]] = field(default_factory=list)
    rows: list[tuple[int, int, str, str, str, int, int, int]] = field(default_factory=list)
    """(transaction, index in it, from, to, currency, units, kind, line); "" is nowhere."""

    def raw(self, source: str) -> RawMoves:
        """The same as a source hands it to the builder."""
        names = sorted({name for row in self.rows for name in row[2:4]} - {""})
        place = {name: n for n, name in enumerate(names)} | {"": -1}
        assets = sorted({row[4] for row in self.rows})
        txs = [self.txs[row[0]] for row in self.rows]
        return RawMoves(
            tx_id=_text([t[0] for t in txs]), block=_whole(t[1] for t in txs), tx_index=_whole(t[2] for t in txs),
            time=_whole(t[3] for t in txs), kind=np.array([r[6] for r in self.rows], np.uint8),
            index=_whole(r[1] for r in self.rows), sender=_whole(place[r[2]] for r in self.rows),
            receiver=_whole(place[r[3]] for r in self.rows), asset=_whole(assets.index(r[4]) for r in self.rows),
            amount=np.array([to_words(r[5]) for r in self.rows], np.uint64).reshape(-1, 2),
            row=_whole(r[7] for r in self.rows), addresses=_text(names), assets=assets, source=source,
        )  # fmt: skip


class Poster:
    """Posts steps as moves; `counts` says what became of the entries."""

    def __init__(self, books: Sequence[Book]) -> None:
        self.books = books
        self.moves = Moves()
        self.counts: dict[str, int] = {}
        self.ours = {account_key(book.account): book.account for book in books}
        self.held: dict[tuple[str, str], int] = {}
        self.credit: dict[tuple[str, str], int] = {}
        self.inner: set[str] = set()
        """Places between two books, through which money can be followed."""
        self.early: list[Match] = []
        """Matches whose credit comes before its debit: what is between them is a gap."""
        self.alone: list[Alone] = []
        self._ids: dict[str, int] = {}
        self._day, self._rank, self._time = -1, 0, -1
        self._between: dict[int, str] = {}
        self._arrived: set[int] = set()

    def count(self, name: str) -> None:
        """Count one more."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def post(self, step: Step) -> None:
        """Post one step."""
        book = self.books[step.book]
        if step.at is None:
            self._standing(step, book)
            return
        entry = book.entries[step.at[1]]
        if step.whole and step.match is not None:
            self._together(step.day, step.match)
        elif step.match is not None:
            self._apart(step.day, step.match, entry)
        else:
            self._alone(step.day, entry)

    def _standing(self, step: Step, book: Book) -> None:
        """An opening balance, or units that came or went in a statement that is missing."""
        units, what = (step.jump.units, "missing") if step.jump else (book.opening, "opening")
        key = (book.account, book.currency)
        if what == "opening" and units > 0:
            self._issue(step.day, f"opening balance {book.account} {book.currency}", key, units)
            self.count("opening_balances")
        elif what == "opening" and units < 0:
            self.credit[key] = -units
            self.count("opening_overdrafts")
        elif units:
            place = f"[missing statements of {book.account}]"
            self._own(step.day, f"missing statement {book.account} {book.currency}", key, units, place, 0)

    def _alone(self, day: int, entry: Entry) -> None:
        self.count("unmatched_debits" if entry.units < 0 else "unmatched_credits")
        place, ours = self._place(entry)
        self.alone.append(Alone(entry, place, ours))
        self._own(day, self._name(entry), (entry.account, entry.currency), entry.units, place, entry.line,
                  time=entry.time)  # fmt: skip

    def _own(self, day: int, name: str, key: tuple[str, str], units: int, place: str, line: int, *,
             time: int = -1) -> None:  # fmt: skip
        """Units between an account and a place that has no book."""
        account, currency = key
        if units < 0:
            self._cover(day, key, -units, line)
            tx = self._tx(day, name, time)
            self._move(tx, 0, account, place, currency, -units, line)
        else:
            tx = self._tx(day, name, time)
            self._move(tx, 0, place, account, currency, units, line)
            self._repay(day, key, line)

    def _together(self, day: int, match: Match) -> None:
        """Both sides of a match in one transaction."""
        debit, credit = match.debit, match.credit
        self._cover(day, (debit.account, debit.currency), -debit.units, debit.line)
        tx = self._tx(day, self._name(debit, credit), max(debit.time, credit.time))
        if match.converts:
            place = self._inner(f"[conversion {self._label(match)}]")
            self._move(tx, 0, debit.account, place, debit.currency, -debit.units, debit.line)
            self._exchange(tx, 1, match, place)
        else:
            sent = min(-debit.units, credit.units)
            self._move(tx, 0, debit.account, credit.account, debit.currency, sent, debit.line)
            self._charges(tx, match, debit.account)
        self._repay(day, (credit.account, credit.currency), credit.line)

    def _apart(self, day: int, match: Match, entry: Entry) -> None:
        """One side of a match, through a place between the books that holds nothing else."""
        debit, credit = match.debit, match.credit
        mark = id(match)
        if mark not in self._between:
            word = f"{'conversion' if match.converts else 'in transit'} {self._label(match)}"
            self._between[mark] = self._early(match, word) if entry is credit else self._inner(f"[{word}]")
            self.count("matches_through_transit")
        place = self._between[mark]
        if entry is debit:
            self._cover(day, (debit.account, debit.currency), -debit.units, debit.line)
            tx = self._tx(day, self._name(debit, credit), debit.time)
            sent = -debit.units if match.converts else min(-debit.units, credit.units)
            self._move(tx, 0, debit.account, place, debit.currency, sent, debit.line)
            if not match.converts:
                self._charges(tx, match, debit.account)
            return
        tx = self._tx(day, self._name(credit, debit), credit.time)
        if match.converts:
            self._exchange(tx, 0, match, place)
        else:
            self._move(tx, 0, place, credit.account, credit.currency, credit.units, credit.line)
        self._repay(day, (credit.account, credit.currency), credit.line)

    def _exchange(self, tx: int, index: int, match: Match, place: str) -> None:
        """What is in `place` against the other currency, in the shape that tracing/exchange.py follows."""
        debit, credit = match.debit, match.credit
        dealer = "[exchange" + place.removeprefix("[conversion")
        self._move(tx, index, place, dealer, debit.currency, -debit.units, debit.line)
        self._move(tx, index + 1, dealer, place, credit.currency, credit.units, credit.line)
        self._move(tx, index + 2, place, credit.account, credit.currency, credit.units, credit.line)

    def _charges(self, tx: int, match: Match, account: str) -> None:
        units = -match.debit.units - match.credit.units
        if units > 0:
            place = f"[bank charges of {account}]"
            self._move(tx, 1, account, place, match.debit.currency, units, match.debit.line)
            self.count("charges_between_the_sides_of_matches")

    def _cover(self, day: int, key: tuple[str, str], units: int, line: int) -> None:
        """Let the bank lend what a debit lacks."""
        short = units - self.held.get(key, 0)
        if short > 0:
            self._issue(day, f"bank credit {key[0]} {key[1]} {day_text(day)}", key, short, line)
            self.credit[key] = self.credit.get(key, 0) + short
            self.count("bank_credits")

    def _repay(self, day: int, key: tuple[str, str], line: int) -> None:
        """Let an account that owes its bank repay out of what it now has."""
        units = min(self.credit.get(key, 0), self.held.get(key, 0))
        if units > 0:
            tx = self._tx(day, f"repayment {key[0]} {key[1]} {day_text(day)}")
            self._move(tx, 0, key[0], f"[overdraft of {key[0]}]", key[1], units, line)
            self.credit[key] -= units
            self.count("overdraft_repayments")

    def _issue(self, day: int, name: str, key: tuple[str, str], units: int, line: int = 0) -> None:
        self._move(self._tx(day, name), 0, "", key[0], key[1], units, line, MoveKind.ISSUE)

    def _move(
        self, tx: int, index: int, source: str, target: str, currency: str, units: int, line: int,
        kind: MoveKind = MoveKind.VALUE,
    ) -> None:  # fmt: skip
        self.moves.rows.append((tx, index, source, target, currency, units, int(kind), line))
        for place, change in ((source, -units), (target, units)):
            if place:
                key = (place, currency)
                self.held[key] = self.held.get(key, 0) + change

    def _tx(self, day: int, name: str, time: int = -1) -> int:
        """A new transaction, after all others of its day; its name is made unique."""
        if day != self._day:
            self._day, self._rank, self._time = day, -1, day * DAY
        self._rank += 1
        self._time = max(self._time, min(time, day * DAY + DAY - 1))
        self.moves.txs.append((self._unique(clean(name, _TX)), day, self._rank, self._time))
        return len(self.moves.txs) - 1

    def _unique(self, name: str, longest: int = _TX) -> str:
        seen = self._ids[name] = self._ids.get(name, 0) + 1
        while seen > 1:
            made = f"{clean(name, longest - 12)} ({seen})"
            if made not in self._ids:
                self._ids[made] = 1
                return made
            seen += 1
        return name

    def _inner(self, name: str) -> str:
        place = self._unique(name)
        self.inner.add(place)
        return place

    def _early(self, match: Match, word: str) -> str:
        """A place that pays before it is paid: nothing can be followed through it, so it counts as not covered."""
        self.early.append(match)
        self.count("credits_booked_before_their_debits")
        credit, debit = (clean(entry.account, 30) for entry in (match.credit, match.debit))
        return self._unique(f"[{word}: booked in {credit} before it left {debit}]", _PLACE)

    def _name(self, *entries: Entry) -> str:
        """The reference by which a transaction is found, or words for the entry."""
        named = next((e.reference for e in entries if e.reference), "")
        first = entries[0]
        return named or f"{first.account} {day_text(first.booked)} line {first.line}"

    def _label(self, match: Match) -> str:
        return clean(self._name(match.debit, match.credit), 40)

    def _place(self, entry: Entry) -> tuple[str, str]:
        """The other side of an entry that no other book tells of, and the account if its book is here, else ""."""
        said = entry.other_account or entry.other_name
        if not said:
            return clean(f"[unknown counterparty of {entry.account}, {self._name(entry)}]"), ""
        ours = self.ours.get(account_key(said))
        if ours is not None:
            self.count("entries_that_the_other_book_does_not_have")
            return f"[{ours}: not in its book]", ours
        return (f"name {said}" if said.startswith("[") else said), ""


def _text(texts: Sequence[str]) -> U8:
    raw = [text.encode() for text in texts]
    width = max((len(r) for r in raw), default=1)
    return np.frombuffer(b"".join(r.ljust(width, b"\0") for r in raw), np.uint8).reshape(len(raw), width)


def _whole(values: Iterable[int]) -> I64:
    return np.fromiter(values, np.int64)
