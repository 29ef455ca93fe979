"""Reads claims and yearly series: [[source]], [[claim]] and [[series]] tables, every key checked.

Invariant: a claim restates, or is part of, only what is there, and never itself.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from dyepack.errors import InputError, quoted
from dyepack.incidents import vocabulary as words
from dyepack.incidents.claim_model import Claim, ClaimsLedger, Count, Period, Series, YearFigure
from dyepack.incidents.countries import REGIONS
from dyepack.incidents.read import read_sources
from dyepack.incidents.table import Table, parse_toml, read_toml

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_CHAIN = 100


@cache
def claims_ledger() -> ClaimsLedger:
    """The claims that ship with the program."""
    file = resources.files("dyepack.incidents") / "data" / "claims.toml"
    return _ledger(parse_toml(file.read_bytes(), "claims.toml"))


def read_claims(file: Path) -> ClaimsLedger:
    """The claims of a user's own file; InputError names file, claim and field."""
    return _ledger(read_toml(file))


def _ledger(table: Table) -> ClaimsLedger:
    sources = {}
    for source in read_sources(table):
        if source.id in sources:
            raise _wrong(source.file, f"source {quoted(source.id)}", "id", "is a duplicate")
        sources[source.id] = source
    claims: dict[str, Claim] = {}
    series: dict[str, Series] = {}
    for claim in map(_claim, table.tables("claim")):
        if claim.id in claims:
            raise _wrong(claim.file, f"claim {quoted(claim.id)}", "id", "is a duplicate")
        claims[claim.id] = claim
    for one in map(_series, table.tables("series")):
        if one.id in series or one.id in claims:
            raise _wrong(one.file, f"series {quoted(one.id)}", "id", "is a duplicate")
        series[one.id] = one
    table.done()
    ledger = ClaimsLedger(claims, series, sources)
    _check(ledger)
    return ledger


def _wrong(file: str, place: str, key: str, problem: str) -> InputError:
    return InputError(
        file, f"{place}, field {quoted(key)}: {problem}", remedy="mend the file; docs/incidents.md has the schema"
    )


def _check(ledger: ClaimsLedger) -> None:
    """Every name leads somewhere, and no chain of restatements goes round."""
    for claim in ledger.claims.values():
        place = f"claim {quoted(claim.id)}"
        for key, other in (("restates", claim.restates), ("part_of", claim.part_of)):
            if other and (other not in ledger.claims or other == claim.id):
                raise _wrong(claim.file, place, key, f"{quoted(other)} is no other claim")
        at, steps = claim, 0
        while at.restates in ledger.claims:
            at, steps = ledger.claims[at.restates], steps + 1
            if steps > _LONGEST_CHAIN:
                raise _wrong(claim.file, place, "restates", "goes round in a circle")
    for one in ledger.series.values():
        if one.restates and (one.restates not in ledger.series or one.restates == one.id):
            raise _wrong(one.file, f"series {quoted(one.id)}", "restates", f"{quoted(one.restates)} is no other series")
    named = [(f"claim {quoted(c.id)}", c.file, c.source) for c in ledger.claims.values()]
    named += [(f"series {quoted(s.id)}", s.file, s.source) for s in ledger.series.values()]
    for place, file, ids in named:
        for id_ in ids:
            if id_ not in ledger.sources:
                raise _wrong(file, place, "source", f"there is no source {quoted(id_)}")


def _claim(row: Table) -> Claim:
    id_ = row.named("claim")
    claim = Claim(
        id=id_, says=row.text("says"), actor=row.word("actor", words.ACTORS), by=row.text("by"),
        anonymous=row.flag("anonymous"), told_in=row.text("told_in"), edition=row.span("edition"),
        comparator=row.word("comparator", words.COMPARATORS), amount=row.amount("amount"),
        upper=row.maybe_amount("upper"), currency=row.word("currency", words.CURRENCIES), period=_period(row),
        count=_count(row.table("count")), regions=row.texts("regions", REGIONS), kinds=row.texts("kinds", words.KINDS),
        scope=row.word("scope", words.SCOPES), measure=row.word("measure", words.MEASURES),
        source=row.texts("source", needed=True), file=row.file, restates=row.text("restates", ""),
        part_of=row.text("part_of", ""), unchecked=row.flag("unchecked"), quote=row.text("quote", ""),
        note=row.text("note", ""),
    )  # fmt: skip
    row.done()
    if claim.upper is not None and claim.upper <= claim.amount:
        row.wrong("upper", "is not more than the amount")
    if claim.scope == "crypto" and "bank" in claim.kinds:
        row.wrong("kinds", "names banks in a claim about virtual assets only")
    return claim


def _period(row: Table) -> Period:
    period = Period(row.span("from"), row.span("to"), row.whole("loose_days") or 0, row.text("period_words", ""))
    if period.certain[0] > period.certain[1]:
        row.wrong("to", "is before `from`, or within its loose days")
    return period


def _count(row: Table | None) -> Count | None:
    if row is None:
        return None
    number = row.whole("number")
    if number is None:
        row.wrong("number", "is missing")
    count = Count(number, row.word("comparator", words.COMPARATORS), row.text("of"))
    row.done()
    return count


def _series(row: Table) -> Series:
    id_ = row.named("series")
    figures: dict[int, YearFigure] = {}
    for part in row.tables("year"):
        year = part.whole("year")
        if year is None or not 1970 <= year <= 2100:
            part.wrong("year", "must be a year")
        if year in figures:
            part.wrong("year", "is given twice")
        until = part.maybe_span("until")
        if until and (until.precision != "day" or until.first.year != year):
            part.wrong("until", "must be a day of that year")
        figures[year] = YearFigure(
            year, part.amount("amount"), part.whole("count"), until.last if until else None, part.flag("at_least")
        )
        part.done()
    series = Series(
        id_, row.text("vendor"), row.text("title"), row.span("edition"), row.word("actor", words.ACTORS),
        row.text("restates", ""), figures, row.texts("source", needed=True), row.file, row.flag("compared"),
        row.text("note", ""),
    )  # fmt: skip
    row.done()
    if not figures:
        row.wrong("year", "is missing or empty")
    return series
