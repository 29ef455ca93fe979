"""Bank books to a ledger's moves: read, check, join, match, order, post.

Invariant: entries = the entries of the books + entries of no amount + repeated + pending, by `counts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.errors import InputError, UsageError
from dyepack.sources.bank.check import check
from dyepack.sources.bank.currency import asset, written
from dyepack.sources.bank.entries import Read, day_text, listed
from dyepack.sources.bank.join import join
from dyepack.sources.bank.match import match_books
from dyepack.sources.bank.order import in_order
from dyepack.sources.bank.post import Poster
from dyepack.sources.bank.recognise import read_file
from dyepack.sources.result import Import

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.money import Asset
    from dyepack.sources.bank.join import Book
    from dyepack.sources.bank.match import Match

MATCH_DAYS = 3
MOST_DAYS = 31
FIELDS = ("evidence", "confidence", "method", "debit_account", "debit_day", "debit_amount", "credit_account",
          "credit_day", "credit_amount", "reference", "reason")  # fmt: skip


@dataclass(slots=True)
class BankImport:
    """An Import with what is particular to books.

    covers   accounts and places between them whose whole history is in the books
    native   the currency that stands first in the ledger
    owed     (account, currency) -> credit of the bank outstanding at the end
    """

    result: Import
    books: list[Book]
    matches: list[Match]
    covers: list[str]
    native: Asset
    owed: dict[tuple[str, str], int] = field(default_factory=dict)

    def table(self) -> list[dict[str, str]]:
        """The matches as rows of text, by FIELDS."""
        return [dict(zip(FIELDS, _row(match), strict=True)) for match in self.matches]


def import_bank(files: Sequence[Path], *, match_days: int = MATCH_DAYS) -> BankImport:
    """Read books of any of the formats and make one ledger's moves of them.

    InputError for what cannot be read or does not add up; UsageError for a window that is none.
    """
    if not 0 <= match_days <= MOST_DAYS:
        raise UsageError(f"--match-days is {match_days}", remedy=f"give a number of days from 0 to {MOST_DAYS}")
    read = Read()
    for file in files:
        read_file(file, read)
    for statement in read.statements:
        check(statement)
    books = join(read)
    matches = match_books(books, match_days)
    poster = Poster(books)
    for step in in_order(books, matches):
        poster.post(step)
    if not poster.moves.rows:
        raise InputError(files[0], "has no entry that moves money", remedy="check that it is the right file")
    return _made(read, books, matches.all, matches.ambiguous, poster, _source(files))


def _made(
    read: Read, books: list[Book], matches: list[Match], ambiguous: int, poster: Poster, source: str
) -> BankImport:
    result = Import(rows=read.counts.get("entries", 0), notes=list(read.notes), tx_format="text", address_format="text")
    result.add(poster.moves.raw(source))
    currencies = list(dict.fromkeys(book.currency for book in books))
    result.assets = {code: asset(code) for code in currencies}
    result.counts |= {"statements": len(read.statements), "books": len(books)}
    for counts in (read.counts, poster.counts):
        for name, number in counts.items():
            result.count(name, number)
    for match in matches:
        result.count(f"matches_{match.evidence}", 1)
        result.count("conversions", int(match.converts))
    result.count("ambiguous_debits_not_matched", ambiguous)
    _say(result, books, matches, poster)
    broken = {book.account for book in books if book.jumps}
    covers = sorted({book.account for book in books} - broken | poster.inner)
    owed = {key: units for key, units in poster.credit.items() if units}
    return BankImport(result, books, matches, covers, asset(currencies[0]), owed)


def _say(result: Import, books: list[Book], matches: list[Match], poster: Poster) -> None:
    inferred = [m for m in matches if m.evidence == "E6"]
    if inferred:
        first = inferred[0]
        result.notes.append(
            f"{len(inferred)} transfers between the books are inferred from amount and days only (E6), the first of "
            f"{day_text(first.debit.booked)} over {written(first.credit.units, first.credit.currency)}: see the "
            "list of matches"
        )
    early = [f"{m.credit.place} ({day_text(m.credit.booked)}, for {m.debit.place}, {day_text(m.debit.booked)})"
             for m in poster.early]  # fmt: skip
    if early:
        result.notes.append("credits that are booked before the debits they come from, through which money is not "
                            f"followed: {listed(early)}")  # fmt: skip
    apart = [f"{a.entry.place}, {a.entry}, for {a.ours}" for a in poster.alone if a.ours]
    if apart:
        result.notes.append("entries that name an account whose book is here but does not have them (more days apart "
                            "than --match-days? give both sides of a conversion one reference): "
                            f"{listed(apart)}")  # fmt: skip
    for book in books:
        last = max(book.days, default=book.opened)
        if book.jumps:
            result.notes.append(f"account {book.account} ({book.currency}), to {day_text(last)}, lacks statements: its "
                                "history is not complete")  # fmt: skip


def _row(match: Match) -> tuple[str, ...]:
    debit, credit = match.debit, match.credit
    reference = next((r for r in debit.refs if r in credit.refs), debit.reference or credit.reference)
    return (match.evidence, str(match.confidence), match.method, debit.account, day_text(debit.booked),
            written(-debit.units, debit.currency), credit.account, day_text(credit.booked),
            written(credit.units, credit.currency), reference, match.reason)  # fmt: skip


def _source(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
