"""Which claims count the same money, so that they may never be added; and adding what may be added.

Invariant: a sum is only made of claims of one party, in one edition, about the same things, in periods that cannot
touch; anything else is refused, and the refusal names every reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from dyepack.errors import UsageError
from dyepack.incidents.amounts import show_range
from dyepack.incidents.countries import REGIONS
from dyepack.incidents.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dyepack.incidents.claim_model import Claim, ClaimsLedger


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two claims that count the same, and why."""

    one: Claim
    other: Claim
    why: str

    def __str__(self) -> str:
        return f"{self.one.id} and {self.other.id}: {self.why}"


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of claims that may be added; `high` is None where one of them has no upper end."""

    claims: tuple[Claim, ...]
    low: int
    high: int | None
    currency: str

    def __str__(self) -> str:
        return show_range(self.low, self.high, self.currency)


def overlap(one: Claim, other: Claim, ledger: ClaimsLedger) -> Overlap | None:
    """Whether, and why, two claims count the same money; None if they cannot."""
    if ledger.root(one) == ledger.root(other):
        return Overlap(one, other, "one restates the other")
    if other.id in _wholes(one, ledger) or one.id in _wholes(other, ledger):
        return Overlap(one, other, "one is a part of the other")
    if one.actor != other.actor or not one.about_kinds & other.about_kinds:
        return None
    if one.regions and other.regions and not set(one.regions) & set(other.regions):
        return None
    sure = _shared(one.period.certain, other.period.certain)
    shared = sure or _shared(one.period.possible, other.period.possible)
    if shared is None:
        return None
    return Overlap(one, other, f"both {'' if sure else 'may '}count {_days(*shared)}")


def overlaps(claims: Sequence[Claim], ledger: ClaimsLedger) -> list[Overlap]:
    """All pairs of these claims that count the same money."""
    found = (overlap(one, other, ledger) for one, other in combinations(claims, 2))
    return [pair for pair in found if pair is not None]


def refusals(claims: Sequence[Claim], ledger: ClaimsLedger) -> list[str]:
    """Every reason why these claims may not be added; empty if they may be."""
    reasons = [str(pair) for pair in overlaps(claims, ledger)]
    names = ", ".join(c.id for c in claims)
    parties = {(c.by, c.told_in, c.edition) for c in claims}
    if len(parties) > 1:
        reasons.append(f"{names}: they come from {len(parties)} sources or editions, each with its own method")
    for what, said in (
        ("currencies", [c.currency for c in claims]),
        ("measures", [c.measure for c in claims]),
        ("scopes", [_scope(c) for c in claims]),
        ("actors", [c.actor for c in claims]),
    ):
        if len(set(said)) > 1:
            each = " / ".join(f"{c.id}: {words}" for c, words in zip(claims, said, strict=True))
            reasons.append(f"{names}: they are about different {what} ({each})")
    return reasons


def _scope(claim: Claim) -> str:
    """What a claim is about, in words: "crypto; exchange; Asia, Europe"."""
    where = ", ".join(sorted(REGIONS[region] for region in claim.regions)) or "everywhere"
    return f"{claim.scope}; {', '.join(sorted(claim.kinds)) or 'all kinds'}; {where}"


def add(claims: Sequence[Claim], ledger: ClaimsLedger) -> Total:
    """The sum of claims; UsageError that names the overlaps, and what else keeps them apart."""
    if len(claims) < 2 or len({c.id for c in claims}) != len(claims):
        raise UsageError("adding takes at least two different claims", remedy="name two or more claims, each once")
    reasons = refusals(claims, ledger)
    if reasons:
        raise UsageError(
            f"{', '.join(c.id for c in claims)} may not be added: " + "; ".join(reasons),
            remedy="quote each claim by itself, with who says it and for when",
        )
    low, high = zip(*map(bounds, claims), strict=True)
    return Total(
        tuple(claims), sum(low), None if None in high else sum(h for h in high if h is not None), claims[0].currency
    )


def bounds(claim: Claim, tolerance_percent: int = 10) -> tuple[int, int | None]:
    """The lowest and the highest amount that a claim is true for; None is no upper end."""
    slack = claim.amount * tolerance_percent // 100
    if claim.comparator in {"more_than", "at_least"}:
        return claim.amount, None
    if claim.comparator == "up_to":
        return 0, claim.amount
    return claim.amount - slack, (claim.upper or claim.amount) + slack


def _wholes(claim: Claim, ledger: ClaimsLedger) -> set[str]:
    """The claims that this one is a part of, in any number of steps."""
    found: set[str] = set()
    while claim.part_of and claim.part_of not in found:
        found.add(claim.part_of)
        claim = ledger.claims[claim.part_of]
    return found


def _shared(one: tuple[date, date], other: tuple[date, date]) -> tuple[date, date] | None:
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def _days(first: date, last: date) -> str:
    years = Span(first, last, "day").years
    whole = (first.month, first.day, last.month, last.day) == (1, 1, 12, 31)
    if whole:
        return f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return f"{first} to {last}"
