"""Statements in SWIFT MT940: fields by line, read strictly where money is concerned, leniently elsewhere.

Invariant: each :61: becomes one entry or is counted as of no amount; a field that is not understood stops the import
with its line. C and RD bring money in, D and RC take it out.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date
from typing import NoReturn

from dyepack.errors import InputError, quoted
from dyepack.sources.bank.currency import is_code, minor_units
from dyepack.sources.bank.details import read_details
from dyepack.sources.bank.entries import (
    Entry,
    Read,
    Statement,
    account_key,
    account_text,
    clean,
    day_number,
    is_iban,
    references,
)

_TAG = re.compile(r":([0-9]{2}[A-Z]?|NS):(.*)", re.ASCII)
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,30}),([0-9]{0,30})", re.ASCII)
_LINE = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4}| {4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?[ \n]?"
    r"(?P<whole>[0-9]{1,30}),(?P<part>[0-9]{0,30})(?P<kind>[A-Z][A-Z0-9 ]{3})?(?P<rest>[^\n]*)(?P<more>.*)",
    re.ASCII | re.DOTALL,
)
_SIGN = {"C": 1, "D": -1, "RC": -1, "RD": 1}
_IGNORED = frozenset({"21", "64", "65", "13", "13D", "NS"})
_INTERIM = frozenset({"34F", "90C", "90D"})
_OPENING, _CLOSING = frozenset({"60", "60F", "60M"}), frozenset({"62", "62F", "62M"})
_KNOWN = _IGNORED | _INTERIM | _OPENING | _CLOSING | {"20", "25", "28", "28C", "61", "86"}
_BLOCK = re.compile(r"\{2:[IO]([0-9]{3})", re.ASCII)
_CENTURY = 80
_EXPLANATIONS = 100
"""Fields :86: in a row: banks write one, or a few."""
_AGAIN = "ask the bank for the file again"


@dataclass(slots=True)
class _Field:
    tag: str
    lines: list[str]
    line: int

    @property
    def text(self) -> str:
        """All its lines."""
        return "\n".join(self.lines)


def read_mt940(file: str, text: str, into: Read) -> None:
    """Read the statements of one file; InputError names the line."""
    kinds = {k for k in _BLOCK.findall(text) if k != "940"}
    if kinds:
        kind = min(kinds)
        what = {"103": "a payment order", "942": "an interim report", "202": "a payment order between banks",
                "950": "a statement between banks"}.get(kind, "another kind of message")  # fmt: skip
        raise InputError(file, f"is SWIFT MT{kind} ({what}), not MT940", remedy="import the account's MT940, instead")
    found = 0
    for fields in _statements(file, text):
        _Reader(file, fields, into).read()
        found += 1
    if not found:
        raise InputError(file, "has no statement: no field :20: begins one", line=1, remedy=_AGAIN)


def _statements(file: str, text: str) -> list[list[_Field]]:
    """The fields of each statement: from its :20: to the next, or to a line that ends the message."""
    made: list[list[_Field]] = []
    outside = True
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        found = _TAG.fullmatch(line)
        if found and found[1] == "20":
            made.append([])
            outside = False
        elif outside:
            if found and found[1] in _KNOWN:
                raise InputError(file, f"has the field :{found[1]}: outside of a statement: none has begun with :20:",
                                 line=number, remedy=_AGAIN)  # fmt: skip
            continue
        elif line.startswith("-") and (line.rstrip() == "-" or line.startswith(("-}", "-XXX"))):
            outside = True
            continue
        if found and (found[1] in _KNOWN or made[-1][-1].tag not in ("86", "NS")):
            made[-1].append(_Field(found[1], [found[2]], number))
        else:
            made[-1][-1].lines.append(line)
    return made


class _Reader:
    """One statement, or one page of it."""

    def __init__(self, file: str, fields: list[_Field], into: Read) -> None:
        self.file, self.fields, self.into = file, fields, into

    def _wrong(self, field: _Field, problem: str) -> NoReturn:
        raise InputError(self.file, f"field :{field.tag}: {problem}", line=field.line, remedy=_AGAIN)

    def read(self) -> None:
        """Add the statement to the others."""
        one = {f.tag: f for f in self.fields}
        self._known()
        opening, closing = (self._only(tags, what) for tags, what in ((_OPENING, "opening"), (_CLOSING, "closing")))
        (first, currency, _), (last, closed_in, closed) = self._balance(opening), self._balance(closing)
        if currency != closed_in:
            self._wrong(closing, f"is in {closed_in}, the opening balance in {currency}")
        if "25" not in one:
            self._wrong(self.fields[0], "begins a statement that names no account (:25:)")
        account = _account(one["25"].text, currency)
        if not account:
            self._wrong(one["25"], "names no account")
        number = one.get("28C") or one.get("28") or _Field("28C", ["0"], self.fields[0].line)
        numbers = [int(n) for n in re.findall(r"[0-9]{1,9}", number.text.split("\n")[0])] + [0, 0]
        entries = self._entries(account, currency, closed)
        day = min((e.booked for e in entries), default=closed)
        name = f"{clean(one['20'].text)} {clean(number.text)}".strip()
        self.into.statements.append(Statement(
            account, currency, name, (day, numbers[0], numbers[1]), first, last, self.file, closing.line, entries,
        ))  # fmt: skip

    def _known(self) -> None:
        seen: set[str] = set()
        for field in self.fields:
            if field.tag in {"25", "28", "28C"} & seen:
                self._wrong(field, "comes twice in one statement")
            seen.add(field.tag)
            if field.tag in _INTERIM:
                raise InputError(self.file, f"is MT942, an interim report: it has the field :{field.tag}:",
                                 line=field.line, remedy="import the account's MT940, instead")  # fmt: skip
            if field.tag not in _KNOWN:
                self._wrong(field, "is none that MT940 has")

    def _only(self, tags: frozenset[str], what: str) -> _Field:
        found = [f for f in self.fields if f.tag in tags]
        start = self.fields[0]
        if not found:
            number = 60 if what == "opening" else 62
            raise InputError(self.file, f"the statement {quoted(clean(start.text))} has no {what} balance "
                             f"(:{number}F: or :{number}M:)", line=start.line, remedy=_AGAIN)  # fmt: skip
        if len(found) > 1:
            self._wrong(found[1], f"is a second {what} balance of one statement")
        return found[0]

    def _balance(self, field: _Field) -> tuple[int, str, int]:
        """(signed units, currency, day)."""
        text = field.text.strip()
        found = _BALANCE.fullmatch(text)
        if not found or not is_code(found[3]):
            self._wrong(field, f"{quoted(text)} is not a balance, as C160205EUR1000,00 is")
        units = self._units(field, found[4], found[5], found[3])
        return units if found[1] == "C" else -units, found[3], self._day(field, found[2])

    def _units(self, field: _Field, whole: str, part: str, currency: str) -> int:
        text = f"{whole}.{part}" if part else whole
        try:
            return minor_units(text, currency)
        except ValueError as fault:
            self._wrong(field, f"{quoted(field.text)}: the amount {text} {fault}")

    def _day(self, field: _Field, text: str) -> int:
        year = int(text[:2])
        return day_number(self._date(field, year + (1900 if year >= _CENTURY else 2000), text[2:4], text[4:6]))

    def _date(self, field: _Field, year: int, month: str, day: str) -> date:
        """A date; a 30th or 31st of a shorter month, as banks count it, is the last of the month."""
        try:
            last = monthrange(year, int(month))[1]
            if 28 <= last < int(day) <= 31:
                self.into.count("dates_beyond_the_end_of_a_month")
            made = date(year, int(month), min(int(day), last) if int(day) <= 31 else int(day))
        except ValueError:
            self._wrong(field, f"{quoted(field.text)} has no sound date")
        if made.year < 1970:
            self._wrong(field, f"{quoted(field.text)} has a date before 1970")
        return made

    def _entries(self, account: str, currency: str, closed: int) -> list[Entry]:
        entries: list[Entry] = []
        current: Entry | None = None
        explained = 0
        for field in self.fields:
            explained = explained + 1 if field.tag == "86" else 0
            if explained > _EXPLANATIONS:
                self._wrong(field, f"comes more than {_EXPLANATIONS} times in a row")
            if field.tag == "61":
                current = self._entry(field, account, currency, closed)
                if current is not None:
                    entries.append(current)
            elif field.tag == "86" and current is not None:
                current = entries[-1] = self._explained(current, field.text)
            elif field.tag in _CLOSING:
                current = None
        return entries

    def _entry(self, field: _Field, account: str, currency: str, closed: int) -> Entry | None:
        self.into.count("entries")
        found = _LINE.fullmatch(field.text)
        if not found:
            self._wrong(field, f"{quoted(field.text)} is not a statement line, as 1602050205D100,00NTRFREF is")
        units = self._units(field, found["whole"], found["part"], currency)
        self.into.count("reversals", int(found["mark"] in ("RC", "RD")))
        value = self._day(field, found["value"])
        booked = self._near(field, value, found["entry"]) if (found["entry"] or "").strip() else min(value, closed)
        if not units:
            self.into.count("entries_of_no_amount")
            return None
        customer, _, bank = found["rest"].partition("//")
        stated = clean(customer)
        other = stated if is_iban(account_text(stated)) else ""
        sign = _SIGN[found["mark"]]
        return Entry(account, currency, sign * units, booked, self.file, field.line,
                     refs=references("" if other else stated), bank_ref=clean(bank), other_account=other)  # fmt: skip

    def _near(self, field: _Field, value: int, entry: str) -> int:
        """The entry date (month and day) in the year that brings it nearest to the value date."""
        year = date.fromordinal(value + date(1970, 1, 1).toordinal()).year
        years = [y for y in (year, year - 1, year + 1) if y >= 1970]
        if entry == "0229":
            years = [y for y in years if monthrange(y, 2)[1] == 29] or years
        days = [day_number(self._date(field, y, entry[:2], entry[2:])) for y in years]
        return min(days, key=lambda day: abs(day - value))

    def _explained(self, entry: Entry, text: str) -> Entry:
        said = read_details(text)
        return replace(
            entry, refs=references(said.reference, *entry.refs), other_account=said.account or entry.other_account,
            other_name=said.name or entry.other_name,
        )  # fmt: skip


def _account(text: str, currency: str) -> str:
    """The account of :25: without the currency that some banks add to it."""
    account = account_text(text.partition("\n")[0])
    if account.endswith(currency) and account_key(account[:-3]):
        account = account[:-3].rstrip("/")
    return account
