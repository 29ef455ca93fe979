"""Yearly totals of several parties side by side: the spread of a year, and how a party restated itself.

Invariant: figures of different parties are compared, never added or averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyepack.incidents.claim_model import ClaimsLedger, Series, YearFigure


@dataclass(frozen=True, slots=True)
class Year:
    """One year in the comparison: a figure per series, in the order of `Comparison.series`, or None."""

    year: int
    figures: tuple[YearFigure | None, ...]

    @property
    def low(self) -> int:
        """The lowest figure, in hundredths."""
        return min(f.amount for f in self.figures if f)

    @property
    def high(self) -> int:
        """The highest figure, in hundredths."""
        return max(f.amount for f in self.figures if f)

    @property
    def spread(self) -> Fraction | None:
        """The highest figure over the lowest; None if only one party has a figure."""
        known = [f for f in self.figures if f]
        return Fraction(self.high, self.low) if len(known) > 1 and self.low else None


@dataclass(frozen=True, slots=True)
class Restated:
    """What one party said about one year, edition by edition, oldest first."""

    vendor: str
    year: int
    told: tuple[tuple[Series, YearFigure], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The series that are compared, the years, and the restatements."""

    series: tuple[Series, ...]
    years: tuple[Year, ...]
    restated: tuple[Restated, ...]


def compare(ledger: ClaimsLedger) -> Comparison:
    """The series marked `compared`, year by year, and every year in which a party changed its figure."""
    series = tuple(s for s in ledger.series.values() if s.compared)
    years = sorted({year for s in series for year in s.figures})
    return Comparison(
        series, tuple(Year(y, tuple(s.figures.get(y) for s in series)) for y in years), tuple(_restated(ledger))
    )


def _restated(ledger: ClaimsLedger) -> list[Restated]:
    found = []
    vendors = dict.fromkeys(s.vendor for s in ledger.series.values())
    for vendor in vendors:
        editions = sorted((s for s in ledger.series.values() if s.vendor == vendor), key=lambda s: s.edition.first)
        for year in sorted({y for s in editions for y in s.figures}):
            told = tuple((s, s.figures[year]) for s in editions if year in s.figures)
            if len({f.amount for _, f in told}) > 1:
                found.append(Restated(vendor, year, told))
    return found
