"""Dates with their precision: a day, a month or a year, as the days that it may be.

Invariant: first <= last; a span never pretends to be more exact than its text ("2018-06" is thirty days).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

_FORM = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
EARLIEST = 1970
LATEST = 2100


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` to `last`, both included; `precision` is day, month or year."""

    first: date
    last: date
    precision: str

    def __str__(self) -> str:
        return self.first.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.precision]]

    @property
    def years(self) -> range:
        """The years that it touches."""
        return range(self.first.year, self.last.year + 1)

    def within(self, first: date, last: date) -> bool:
        """Whether all of it lies between two days, both included."""
        return first <= self.first and self.last <= last

    def touches(self, first: date, last: date) -> bool:
        """Whether some of it lies between two days, both included."""
        return self.first <= last and first <= self.last


def parse_span(text: str) -> Span:
    """Read "2022-03-23", "2022-03" or "2022"; ValueError says what is wrong."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("must be a date: a year, a month (2022-03) or a day (2022-03-23)")
    year, month, day = (int(part) if part else 0 for part in match.groups())
    if not EARLIEST <= year <= LATEST:
        raise ValueError(f"is no year from {EARLIEST} to {LATEST}")
    if not month and match[2] is None:
        return Span(date(year, 1, 1), date(year, 12, 31), "year")
    if not 1 <= month <= 12:
        raise ValueError(f"is an impossible date: there is no month {month}")
    length = calendar.monthrange(year, month)[1]
    if match[3] is None:
        return Span(date(year, month, 1), date(year, month, length), "month")
    if not 1 <= day <= length:
        raise ValueError(f"is an impossible date: {year}-{month:02} has {length} days")
    return Span(date(year, month, day), date(year, month, day), "day")
