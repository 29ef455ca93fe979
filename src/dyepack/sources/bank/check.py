"""Whether a statement adds up, and if not, which entry is the likely reason.

Invariant: a statement that passes has opening balance + entries = closing balance, and every running balance inside
it is the sum so far.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dyepack.errors import InputError
from dyepack.sources.bank.currency import written

if TYPE_CHECKING:
    from dyepack.sources.bank.entries import Entry, Statement


def check(statement: Statement) -> None:
    """InputError that names the entry unless the statement adds up."""
    balance = statement.start()
    if balance is None:
        return
    points = [*statement.checks]
    if statement.closing is not None:
        points.append((len(statement.entries), statement.closing, statement.line))
    done = 0
    for upto, stated, line in points:
        part = statement.entries[done:upto]
        balance += sum(e.units for e in part)
        if balance != stated:
            _refuse(statement, part, balance, stated, line)
        done = upto


def _refuse(statement: Statement, part: list[Entry], found: int, stated: int, line: int) -> None:
    difference = stated - found
    said, sums = (written(units, statement.currency) for units in (stated, found))
    problem = (
        f"{statement} does not add up: the balance is stated as {said}, its entries lead to {sums} "
        f"(a difference of {written(difference, statement.currency)})"
    )
    entry, why = _suspect(part, difference)
    if entry is not None:
        problem, line = f"{problem}; {entry} {why}", entry.line
    raise InputError(
        statement.file, problem, line=line, remedy="compare it with the bank's original, or ask the bank for it again"
    )


def _suspect(part: list[Entry], difference: int) -> tuple[Entry | None, str]:
    times = Counter(e.fingerprint() for e in part)
    for entry in reversed(part):
        if entry.units == -difference and times[entry.fingerprint()] > 1:
            return entry, "is there twice"
    for entry in part:
        if 2 * entry.units == -difference:
            return entry, "seems to have the wrong sign: twice its amount is the difference"
    for entry in part:
        if entry.units == -difference:
            return entry, "seems not to belong here: its amount is the difference"
    if part:
        return part[-1], "is the last entry before that balance"
    return None, ""
