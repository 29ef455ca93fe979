"""Books as plain CSV, for banks that give nothing better; the columns are documented in docs/bank.md.

column        needed  holds
date          yes     booking day, 2016-02-05
account       yes     the account whose book this is
counterparty  yes     account number or name of the other side; may be empty
amount        yes     decimal number with a point; negative: money went out
currency      yes     ISO 4217 code
reference     yes     reference that the other side's book may state too; may be empty
balance       no      balance after the entry; may be empty
value_date    no      2016-02-05; checked, not used for order
sequence      no      whole number: the order of the entries of one account and currency
time          no      15:04 or 15:04:05, UTC

Invariant: each row becomes one entry or is counted as of no amount. Without `sequence` the rows of an account are in
order, or all in reverse (newest first), which is noted.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.sources.bank.currency import is_code, minor_units
from dyepack.sources.bank.entries import DAY, Entry, Read, Statement, account_text, clean, day_number, references
from dyepack.sources.columns import whole_numbers
from dyepack.sources.table import Layout, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.sources.table import Table

NEEDED = ("date", "account", "counterparty", "amount", "currency", "reference")
OPTIONAL = ("balance", "value_date", "sequence", "time")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)
_ACCOUNT = re.compile(r"(?=.*[0-9])[0-9A-Za-z./-]{5,}", re.ASCII)
_SEQUENCE = (1 << 32) - 1
_Row = tuple[Entry | None, int | None, int]
"""An entry (None: of no amount), the balance after it, and its line."""


def read_rows(path: Path, into: Read) -> None:
    """Read one CSV file; InputError names line and column."""
    table = read_table(path, Layout("a book of a bank account", NEEDED, OPTIONAL))
    if table.note:
        into.note(table.note)
    cells = {name: table[name].data.to_pylist() for name in (*NEEDED, *OPTIONAL) if name in table}
    groups: dict[tuple[str, str], list[int]] = {}
    for row in range(table.rows):
        account, currency = account_text(cells["account"][row]), cells["currency"][row]
        if not account:
            raise table["account"].fault(row, "the value is missing", "name the account whose book this is")
        if not is_code(currency):
            raise table["currency"].fault(row, f"{quoted(currency)} is not a currency code", "write it as EUR or USD")
        groups.setdefault((account, currency), []).append(row)
    if not groups:
        raise InputError(path, "has a header but no rows", remedy="export the book again")
    sequence = (
        whole_numbers(table["sequence"], most=_SEQUENCE, what="a sequence number") if "sequence" in table else None
    )
    for key, rows in groups.items():
        if sequence is not None:
            rows.sort(key=lambda row: (int(sequence[row]), row))
            for one, two in pairwise(rows):
                if sequence[one] == sequence[two]:
                    raise table["sequence"].fault(two, f"{sequence[two]} comes twice in the book of {key[0]!a}",
                                                  "number the entries of an account in their order")  # fmt: skip
        read = [_row(table, cells, key, row) for row in rows]
        if sequence is None and _is_reversed(cells["date"], rows):
            read.reverse()
            into.note(f"{path.name}: the rows of account {key[0]} are newest first: they are taken in reverse")
        into.count("entries", len(read))
        into.count("entries_of_no_amount", sum(entry is None for entry, _, _ in read))
        into.statements.append(_statement(path, key, read, into))


def _is_reversed(dates: list[str], rows: list[int]) -> bool:
    days = [dates[row] for row in rows]
    return days[0] > days[-1] and all(one >= two for one, two in pairwise(days))


def _row(table: Table, cells: dict[str, list[str]], key: tuple[str, str], row: int) -> _Row:
    day = _day(table, cells, "date", row)
    if "value_date" in cells and cells["value_date"][row]:
        _day(table, cells, "value_date", row)
    balance = None
    if "balance" in cells and cells["balance"][row]:
        balance = _signed(table, cells, "balance", key[1], row)
    units = _signed(table, cells, "amount", key[1], row)
    line = table.line(row)
    if not units:
        return None, balance, line
    other = clean(cells["counterparty"][row])
    is_account = bool(_ACCOUNT.fullmatch(other.replace(" ", "")))
    entry = Entry(
        *key, units, day, str(table.path), line, _time(table, cells, day, row), references(cells["reference"][row]),
        other_account=account_text(other) if is_account else "", other_name="" if is_account else other,
    )  # fmt: skip
    return entry, balance, line


def _day(table: Table, cells: dict[str, list[str]], name: str, row: int) -> int:
    text = cells[name][row]
    try:
        day = day_number(date.fromisoformat(text)) if _DATE.fullmatch(text) else -1
    except ValueError:
        day = -1
    if day < 0:
        raise table[name].fault(row, f"{quoted(text)} is no such day, or before 1970", "write it as 2016-02-05")
    return day


def _time(table: Table, cells: dict[str, list[str]], day: int, row: int) -> int:
    text = cells["time"][row] if "time" in cells else ""
    if not text:
        return -1
    found = _TIME.fullmatch(text)
    if not found:
        raise table["time"].fault(row, f"{quoted(text)} is not a time of day", "write it as 15:04:05, in UTC")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return day * DAY + hours * 3600 + minutes * 60 + seconds


def _signed(table: Table, cells: dict[str, list[str]], name: str, currency: str, row: int) -> int:
    text = cells[name][row]
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * minor_units(text.removeprefix("-") if sign < 0 else text.removeprefix("+"), currency)
    except ValueError as fault:
        raise table[name].fault(row, f"{quoted(text)} {fault}", "write amounts as -1234.50") from fault


def _statement(path: Path, key: tuple[str, str], rows: list[_Row], into: Read) -> Statement:
    entries = [entry for entry, _, _ in rows if entry is not None]
    day = min((e.booked for e in entries), default=0)
    made = Statement(*key, "", (day, 0, 0), None, None, str(path), rows[0][2], entries)
    before, total = 0, 0
    for entry, balance, line in rows:
        if entry is not None:
            before, total = before + 1, total + entry.units
        if balance is None:
            continue
        if made.opening is None:
            made.opening = balance - total
        made.checks.append((before, balance, line))
        made.closing = balance if before == len(entries) else None
    if made.opening is None:
        into.note(f"{path.name}: the book of account {key[0]} states no balance: it is taken to open with nothing")
    return made
