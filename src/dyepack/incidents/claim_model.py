"""Claims about totals: who says how much, for when and for what, and how far that can be compared.

Invariant: a claim keeps its comparator ("more than"), its edition and the anonymity of who says it; it is never a
number alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.incidents.amounts import in_millions
from dyepack.incidents.spans import Span, parse_span
from dyepack.incidents.vocabulary import COMPARATORS, KINDS

if TYPE_CHECKING:
    from dyepack.incidents.model import Source

CRYPTO_KINDS = frozenset(KINDS) - {"bank"}


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day of `start` to the last day of `end`; an end like "mid-2021" is loose by some days."""

    start: Span
    end: Span
    loose_days: int = 0
    words: str = ""

    def __str__(self) -> str:
        return self.words or (f"{self.start}" if self.start == self.end else f"{self.start} to {self.end}")

    @property
    def certain(self) -> tuple[date, date]:
        """The days that are in it however it is read."""
        return self.start.first, self.end.last - timedelta(days=self.loose_days)

    @property
    def possible(self) -> tuple[date, date]:
        """The days that may be in it."""
        return self.start.first, self.end.last + timedelta(days=self.loose_days)


@dataclass(frozen=True, slots=True)
class Count:
    """How many incidents a claim speaks of."""

    number: int
    comparator: str
    of: str

    def __str__(self) -> str:
        return f"{COMPARATORS[self.comparator]} {self.number} {self.of}"


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement about a total. Amounts are hundredths of `currency`; `upper` is a second, higher amount."""

    id: str
    says: str
    actor: str
    by: str
    anonymous: bool
    told_in: str
    edition: Span
    comparator: str
    amount: int
    upper: int | None
    currency: str
    period: Period
    count: Count | None
    regions: tuple[str, ...]
    kinds: tuple[str, ...]
    scope: str
    measure: str
    source: tuple[str, ...]
    file: str
    restates: str = ""
    part_of: str = ""
    unchecked: bool = False
    quote: str = ""
    note: str = ""

    @property
    def about_kinds(self) -> frozenset[str]:
        """The kinds of victims that it is about."""
        if self.kinds:
            return frozenset(self.kinds)
        return CRYPTO_KINDS if self.scope == "crypto" else frozenset(KINDS)

    @property
    def how_much(self) -> str:
        """The amount in words: "more than 50 million USD"."""
        upper = f" to more than {in_millions(self.upper)}" if self.upper is not None else ""
        return f"{COMPARATORS[self.comparator]} {in_millions(self.amount)}{upper} million {self.currency}"

    @property
    def who(self) -> str:
        """Who says it, and whether that party is named."""
        return f"{self.by}{' (not named)' if self.anonymous else ''}, in {self.told_in}"


@dataclass(frozen=True, slots=True)
class YearFigure:
    """What a series says about one year: hundredths of USD, and the number of incidents if it gives one."""

    year: int
    amount: int
    count: int | None
    until: date | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Yearly totals of one party in one edition. `column` is the name that it has in the comparison, if it is in it."""

    id: str
    vendor: str
    title: str
    edition: Span
    actor: str
    restates: str
    figures: dict[int, YearFigure]
    source: tuple[str, ...]
    file: str
    compared: bool = False
    note: str = ""

    def claim(self, figure: YearFigure) -> Claim:
        """One year's figure as a claim, named SERIES/YEAR."""
        year = parse_span(str(figure.year))
        end = Span(figure.until, figure.until, "day") if figure.until else year
        count = Count(figure.count, "at_least" if figure.at_least else "about", "thefts") if figure.count else None
        return Claim(
            id=f"{self.id}/{figure.year}", says=f"total of {figure.year}", actor=self.actor, by=self.vendor,
            anonymous=False, told_in=self.title, edition=self.edition, comparator="about", amount=figure.amount,
            upper=None, currency="USD", period=Period(year, end), count=count, regions=(), kinds=(), scope="crypto",
            measure="stolen", source=self.source, file=self.file,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClaimsLedger:
    """Claims and series by id, and the sources that they name."""

    claims: dict[str, Claim]
    series: dict[str, Series]
    sources: dict[str, Source]

    def __getitem__(self, id_: str) -> Claim:
        if id_ in self.claims:
            return self.claims[id_]
        name, _, year = id_.rpartition("/")
        one = self.series.get(name)
        if one is not None and year.isascii() and year.isdigit() and len(year) == 4 and int(year) in one.figures:
            return one.claim(one.figures[int(year)])
        raise UsageError(
            f"there is no claim {quoted(id_)}", remedy="see `dyepack claims list`, or name a year as SERIES/2021"
        )

    def root(self, claim: Claim) -> str:
        """The id of the claim that this one restates in the end, or its own."""
        while claim.restates:
            claim = self.claims[claim.restates]
        return claim.id

    def restated_by(self, claim: Claim) -> tuple[Claim, ...]:
        """The claims that restate this one."""
        return tuple(c for c in self.claims.values() if c.restates == claim.id)
