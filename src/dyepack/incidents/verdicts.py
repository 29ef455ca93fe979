"""Holds claims against the registry: which incidents can stand behind a claim, what they come to, and whether it fits.

An incident is certain where its day, region and attribution are checked and inside; else it is possible, with the
reasons. The sum runs from the low figures of the certain ones to the high figures of certain and possible ones.
Invariant: another incident never lowers either end of a sum; whole numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from dyepack.incidents.countries import REGIONS
from dyepack.incidents.overlaps import bounds
from dyepack.incidents.vocabulary import CODES, MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.incidents.claim_model import Claim, Count
    from dyepack.incidents.model import Incident

ANY = "any"
SETS: tuple[str, ...] = (*(code for code in CODES if code != "C"), ANY)
"""The sets of attributions that every claim is held against: one kind of party each, and all together."""


class Outcome(Enum):
    """What the incidents say about a claim."""

    COVERED = "covered"
    EXCEEDS = "exceeds"
    SHORT = "falls short"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True)
class Support:
    """An incident that can stand behind a claim; `doubts` says why it is only possible, and is empty if it is not."""

    incident: Incident
    doubts: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts


@dataclass(frozen=True, slots=True)
class Sum:
    """What incidents come to, in hundredths: low of the certain ones, high of all. `unvalued` have no amount."""

    low: int
    high: int
    certain: int
    possible: int
    unvalued: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How far "about" reaches, and from which multiple of "more than" the incidents exceed a claim, in percent."""

    tolerance_percent: int = 10
    exceeds_percent: int = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim held against the incidents that one set of parties attributes.

    `outcome` and `reason` are about the amount alone; `sure` tells that the outcome holds wherever the sum lies in its
    interval; `count_fits` is None if the claim counts nothing. `supported` is about the claim as it is worded, with
    its count and regions: None where that stays open, or cannot be compared; `conclusion` says it in one line.
    """

    claim: Claim
    sources: str
    outcome: Outcome
    sure: bool
    reason: str
    support: tuple[Support, ...]
    total: Sum
    count_fits: bool | None
    regions_without: tuple[str, ...]
    supported: bool | None
    conclusion: str


def check(claims: Iterable[Claim], registry: Iterable[Incident], settings: Settings = Settings()) -> list[Verdict]:
    """A verdict for each claim and each set of SETS, in that order."""
    incidents = list(registry)
    return [verdict(claim, incidents, sources, settings) for claim in claims for sources in SETS]


def verdict(claim: Claim, incidents: Iterable[Incident], sources: str, settings: Settings) -> Verdict:
    """One claim against the incidents that parties of one code, or any, attribute to its actor."""
    codes = frozenset(CODES) if sources == ANY else frozenset({sources})
    found = [s for s in (fit(i, claim, codes) for i in incidents) if s is not None]
    total = add_up(found, claim.currency)
    outcome, sure, reason = _judge(claim, total, settings)
    there = {s.incident.part_of_world for s in found}
    fits = _count_fits(claim.count, total) if outcome is not Outcome.NOT_COMPARABLE else None
    without = tuple(region for region in claim.regions if region not in there)
    supported, doubts = _as_worded(claim, outcome, sure, fits, without, found, settings)
    return Verdict(
        claim, sources, outcome, sure, reason, tuple(found), total, fits, without, supported,
        _conclusion(outcome, reason, doubts, supported),
    )  # fmt: skip


def _as_worded(
    claim: Claim, outcome: Outcome, sure: bool, count_fits: bool | None, without: tuple[str, ...],
    found: Sequence[Support], settings: Settings,
) -> tuple[bool | None, list[str]]:  # fmt: skip
    """Whether the incidents support a claim with its amount, count and regions, and what speaks against the latter."""
    if outcome is Outcome.NOT_COMPARABLE:
        return None, []
    doubts = []
    unplaced = any(not s.incident.part_of_world for s in found)
    certain = [s.incident for s in found if s.certain]
    total = len(certain), len(found)
    counted = claim.count is None or (_fits(claim.count, total[0], total[0]) and _fits(claim.count, total[1], total[1]))
    if count_fits is False:
        doubts.append("the count does not fit")
    elif not counted:
        doubts.append("the count fits only with possible ones")
    perhaps = [r for r in claim.regions if r not in without and r not in {i.part_of_world for i in certain}]
    if without:
        doubts.append(f"no incident is {'known to be ' if unplaced else ''}in {_places(without)}")
    if perhaps:
        doubts.append(f"only possible ones are in {_places(perhaps)}")
    bounded = bounds(claim, settings.tolerance_percent)[1] is not None
    missed = sure and (outcome is Outcome.SHORT or (outcome is Outcome.EXCEEDS and bounded))
    if missed or count_fits is False or (without and not unplaced):
        return False, doubts
    return (True if sure and not doubts else None), doubts


def _places(regions: Iterable[str]) -> str:
    return ", ".join(REGIONS[region] for region in regions)


_AMOUNT = {
    Outcome.COVERED: "the amount is covered",
    Outcome.EXCEEDS: "the amount is exceeded",
    Outcome.SHORT: "the amount is not reached",
}
_AS_WORDED = {
    True: "the claim as worded is supported by this list",
    False: "the claim as worded is not supported by this list",
    None: "whether this list supports the claim as worded stays open",
}


def _conclusion(outcome: Outcome, reason: str, doubts: list[str], supported: bool | None) -> str:
    """What the incidents say about amount, count and regions of a claim, and so about the claim, in one line."""
    if outcome is Outcome.NOT_COMPARABLE:
        return f"{outcome.value}: {reason}"
    amount = f"{_AMOUNT[outcome]} ({reason})"
    link = ", and " if outcome is Outcome.SHORT else ", but "
    also = link + " and ".join(doubts) if doubts else ""
    return f"{amount}{also}: {_AS_WORDED[supported]}"


def fit(incident: Incident, claim: Claim, codes: frozenset[str]) -> Support | None:
    """Whether an incident can stand behind a claim: None if not, else with the doubts about it."""
    stated = incident.attributed(claim.actor, codes)
    if not stated or incident.kind not in claim.about_kinds:
        return None
    if not incident.date.touches(*claim.period.possible):
        return None
    region = incident.part_of_world
    if claim.regions and region and region not in claim.regions:
        return None
    doubts = []
    if not incident.date.within(*claim.period.certain):
        doubts.append(f"its date, {incident.date}, is not surely in the period")
    elif "date" in incident.unchecked:
        doubts.append("its date is unchecked")
    if claim.regions and not region:
        doubts.append("its region is not known")
    elif claim.regions and {"country", "region"} & set(incident.unchecked):
        doubts.append(f"its region, {REGIONS[region]}, is unchecked")
    if not any(a.firm for a in stated):
        doubts.append(_soft(incident, claim, codes))
    if incident.loss is not None and (incident.loss.unchecked or "loss" in incident.unchecked):
        doubts.append("its loss is unchecked")
    return Support(incident, tuple(doubts))


def _soft(incident: Incident, claim: Claim, codes: frozenset[str]) -> str:
    """Why no attribution of an incident is firm."""
    words = []
    for a in incident.attributed(claim.actor, codes):
        if a.unchecked:
            words.append("unchecked")
        elif a.disputes:
            words.append("disputed by " + ", ".join(d.by for d in a.disputes))
        else:
            words.append(a.confidence)
    return "its attribution is " + " and ".join(dict.fromkeys(words))


def add_up(support: Sequence[Support], currency: str) -> Sum:
    """The sum of incidents as an interval; those without an amount in the currency are counted apart."""
    low = high = certain = unvalued = 0
    for one in support:
        loss = one.incident.loss
        certain += one.certain
        if loss is None or loss.currency != currency:
            unvalued += 1
            continue
        high += loss.high
        low += loss.low if one.certain else 0
    return Sum(low, high, certain, len(support) - certain, unvalued)


def _judge(claim: Claim, total: Sum, settings: Settings) -> tuple[Outcome, bool, str]:
    """The outcome, whether it is sure, and why."""
    apart = _incomparable(claim, total)
    if apart:
        return Outcome.NOT_COMPARABLE, True, apart
    low, high = bounds(claim, settings.tolerance_percent)
    floor = claim.amount * (100 - settings.tolerance_percent) // 100 if claim.comparator == "up_to" else low
    floor += claim.comparator == "more_than"
    if total.high < floor:
        return Outcome.SHORT, not total.unvalued, "even with all possible ones" + _unvalued(total)
    ceiling = high if high is not None else (claim.upper or claim.amount) * settings.exceeds_percent // 100
    if total.low > ceiling:
        times = total.low * 10 // max(claim.amount, 1)
        how = "true as a lower bound; " if high is None else ""
        return Outcome.EXCEEDS, True, f"{how}the certain ones alone come to {times // 10}.{times % 10} times as much"
    if total.low >= floor:
        if high is None or (total.high <= high and not total.unvalued):
            return Outcome.COVERED, True, "by the certain ones"
        more = "the possible ones or high figures" if total.high > high else "those without an amount"
        return Outcome.COVERED, False, f"by the certain ones; with {more} it may exceed"
    return Outcome.COVERED, False, "only if possible ones or high figures count"


def _incomparable(claim: Claim, total: Sum) -> str:
    """Why a claim cannot be held against these incidents; empty if it can."""
    if claim.measure != "stolen":
        banks = "; banks are included" if claim.scope == "all" else ""
        return f"it counts {MEASURES[claim.measure]}{banks}; the registry counts what was lost"
    if not total.certain + total.possible:
        return "no incident of this set"
    return "" if total.high else f"no incident with an amount in {claim.currency}"


def _unvalued(total: Sum) -> str:
    return f"; {total.unvalued} without an amount may change that" if total.unvalued else ""


def _count_fits(count: Count | None, total: Sum) -> bool | None:
    """Whether the number of incidents can be the claim's."""
    return None if count is None else _fits(count, total.certain, total.certain + total.possible)


def _fits(count: Count, least: int, most: int) -> bool:
    """Whether a number of incidents between two can be the claim's."""
    if count.comparator in {"at_least", "more_than"}:
        return most > count.number if count.comparator == "more_than" else most >= count.number
    if count.comparator == "up_to":
        return least <= count.number
    return least <= count.number <= most
