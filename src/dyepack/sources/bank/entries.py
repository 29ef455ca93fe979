"""What every format is read into: entries, statements of one account in one currency, and their text.

Invariant: amounts are signed whole minor units, positive where money came in; days are days since 1970; text is free
of control characters and does not begin or end in a blank.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from dyepack.sources.bank.currency import written

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 86_400
_EPOCH = date(1970, 1, 1)
_LONGEST = 120
_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_NOT_KEY = re.compile(r"[^0-9A-Z]+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_NO_REFERENCE = frozenset(
    {"", "NONREF", "NOTPROVIDED", "NOTAVAILABLE", "NOREF", "NONE", "NA", "UNKNOWN", "KREF", "EREF"}
)


def listed(texts: Sequence[str], most: int = 3) -> str:
    """The first of some texts, and how many more there are."""
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a book.

    units     minor units, negative for a debit
    booked    booking day (days since 1970); `time` seconds UTC, -1 where the book does not say
    refs      references that the other bank's book may state too (end-to-end id, UETR, customer reference)
    bank_ref  the bank's own reference
    charges   minor units of charges that the book states in this entry
    counter   (currency, minor units) that the book states as the other side of a conversion, or None
    """

    account: str
    currency: str
    units: int
    booked: int
    file: str
    line: int
    time: int = -1
    refs: tuple[str, ...] = ()
    bank_ref: str = ""
    other_account: str = ""
    other_name: str = ""
    charges: int = 0
    counter: tuple[str, int] | None = None

    @property
    def reference(self) -> str:
        """The reference by which people find it, or ""."""
        return self.refs[0] if self.refs else self.bank_ref

    def __str__(self) -> str:
        named = f", reference {self.reference!a}" if self.reference else ""
        return f"the entry of {day_text(self.booked)} over {written(self.units, self.currency)}{named}"

    @property
    def place(self) -> str:
        """Where it stands in its file."""
        return f"{self.file}, line {self.line}"

    def fingerprint(self) -> tuple[object, ...]:
        """All that two copies of one entry have in common."""
        return self.booked, self.units, self.refs, self.bank_ref, self.other_account, self.other_name

    def names(self) -> set[str]:
        """Keys of the account or name of the other side."""
        return {account_key(text) for text in (self.other_account, self.other_name)} - {""}


@dataclass(slots=True)
class Statement:
    """One statement, or one page of it, of one account in one currency.

    opening, closing  balances in minor units, None where the file does not state them
    checks            (entries before it, stated balance, line): running balances inside the statement
    order             (day, number, page): by which statements of an account follow one another
    """

    account: str
    currency: str
    id: str
    order: tuple[int, int, int]
    opening: int | None
    closing: int | None
    file: str
    line: int
    entries: list[Entry] = field(default_factory=list)
    checks: list[tuple[int, int, int]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"statement {self.id!a} of account {self.account!a}" if self.id else f"account {self.account!a}"

    def start(self) -> int | None:
        """The opening balance, worked out from the closing balance where only that is stated."""
        if self.opening is None and self.closing is not None:
            return self.closing - sum(e.units for e in self.entries)
        return self.opening


@dataclass(slots=True)
class Read:
    """The statements of some files, what was counted in them, and what is to be said about them."""

    statements: list[Statement] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count; zero leaves no trace."""
        if number:
            self.counts[name] = self.counts.get(name, 0) + number

    def note(self, text: str) -> None:
        """Say something once."""
        self.notes[text] = None


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def day_text(day: int) -> str:
    """A day as 2016-02-05."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def clean(text: str, longest: int = _LONGEST) -> str:
    """Text from outside on one line; a text of too many bytes is cut and told apart by a hash."""
    flat = _CONTROL.sub(" ", text.encode("utf-8", "replace").decode()).strip()
    raw = flat.encode()
    if len(raw) <= longest:
        return flat
    mark = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: longest - 15].decode('utf-8', 'ignore').strip()}…{mark}"


def account_text(text: str) -> str:
    """An account number without blanks."""
    return clean(text).replace(" ", "")


def account_key(text: str) -> str:
    """By which two writings of one account number are compared: its letters and digits."""
    return _NOT_KEY.sub("", text.upper())


def references(*texts: str) -> tuple[str, ...]:
    """The references among some texts, each once; words for "none" are none."""
    found = (clean(text) for text in texts)
    return tuple(dict.fromkeys(t for t in found if account_key(t) not in _NO_REFERENCE))


def is_iban(text: str) -> bool:
    """Whether a text is an IBAN with right check digits (ISO 13616)."""
    if not _IBAN.fullmatch(text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
