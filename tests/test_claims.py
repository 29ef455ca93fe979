"""Claims: verdicts on worked cases, intervals that only grow, what may be added, and the yearly comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, UsageError
from dyepack.incidents.amounts import in_millions, parse_amount
from dyepack.incidents.claim_model import Claim, ClaimsLedger, Count, Period
from dyepack.incidents.claim_read import claims_ledger, read_claims
from dyepack.incidents.model import Attribution, Dispute, Incident, Loss
from dyepack.incidents.overlaps import add, overlap, overlaps, refusals
from dyepack.incidents.registry import registry
from dyepack.incidents.spans import parse_span
from dyepack.incidents.verdicts import ANY, SETS, Outcome, Settings, Verdict, check, verdict
from dyepack.incidents.years import compare

MILLION = 100_000_000


def said(confidence: str = "stated", code: str = "V", **more: object) -> Attribution:
    return replace(Attribution("dprk", "A firm", code, confidence, ("s",)), **more)  # type: ignore[arg-type]


def theft(id_: str = "t", when: str = "2021-03-01", millions: int | None = 10, **more: object) -> Incident:
    loss = None if millions is None else Loss(millions * MILLION, millions * MILLION, "USD", "list", "theft", None, (),
                                              (), ("s",))  # fmt: skip
    base = Incident(id_, id_, id_, "exchange", parse_span(when), ("unknown",), "none", ("s",), "f", loss=loss,
                    country="KR", attributions=(said(),))  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def claim(comparator: str = "about", millions: int = 10, **more: object) -> Claim:
    base = Claim(
        id="X1", says="x", actor="dprk", by="A firm", anonymous=False, told_in="a report",
        edition=parse_span("2022-01"), comparator=comparator, amount=millions * MILLION, upper=None, currency="USD",
        period=Period(parse_span("2021"), parse_span("2021")), count=None, regions=(), kinds=(), scope="crypto",
        measure="stolen", source=("s",), file="f",
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def judge(one: Claim, *thefts: Incident, sources: str = ANY) -> Verdict:
    return verdict(one, thefts, sources, Settings())


@pytest.mark.parametrize(("comparator", "says", "lost", "outcome", "sure"), [
    ("about", 10, [10], Outcome.COVERED, True),
    ("about", 10, [9], Outcome.COVERED, True),
    ("about", 10, [11], Outcome.COVERED, True),
    ("about", 10, [8], Outcome.SHORT, True),
    ("about", 10, [12], Outcome.EXCEEDS, True),
    ("at_least", 10, [10], Outcome.COVERED, True),
    ("at_least", 10, [9], Outcome.SHORT, True),
    ("at_least", 10, [20], Outcome.COVERED, True),
    ("at_least", 10, [15, 6], Outcome.EXCEEDS, True),
    ("more_than", 10, [10], Outcome.SHORT, True),
    ("more_than", 10, [11], Outcome.COVERED, True),
    ("more_than", 10, [21], Outcome.EXCEEDS, True),
    ("up_to", 10, [9], Outcome.COVERED, True),
    ("up_to", 10, [11], Outcome.EXCEEDS, True),
    ("up_to", 10, [5], Outcome.SHORT, True),
    ("about", 10, [None], Outcome.NOT_COMPARABLE, True),
    ("about", 10, [10, None], Outcome.COVERED, False),
    ("about", 10, [5, None], Outcome.SHORT, False),
    ("about", 10, [], Outcome.NOT_COMPARABLE, True),
])  # fmt: skip
def test_worked_verdicts(comparator: str, says: int, lost: list[int | None], outcome: Outcome, sure: bool) -> None:
    thefts = [theft(f"t{n}", millions=m) for n, m in enumerate(lost)]
    found = judge(claim(comparator, says), *thefts)
    assert (found.outcome, found.sure) == (outcome, sure)


def test_a_date_that_may_be_outside_makes_a_theft_possible() -> None:
    half = claim(period=Period(parse_span("2021"), parse_span("2021-06"), 31, "2021 to mid-2021"))
    surely, month, year = theft("a", "2021-05-30"), theft("b", "2021-06"), theft("c", "2021")
    late, outside = theft("d", "2021-07-31"), theft("e", "2021-08-01")
    found = judge(half, surely, month, year, late, outside)
    assert [(s.incident.id, s.certain) for s in found.support] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("d", False),
    ]
    assert (found.total.low, found.total.high) == (10 * MILLION, 40 * MILLION)
    assert "not surely in the period" in found.support[1].doubts[0]


def test_regions_kinds_actors_and_codes_are_what_a_claim_is_about() -> None:
    asia = claim(regions=("asia", "europe"), kinds=("exchange",))
    home = theft("home")
    found = judge(
        asia, home, theft("unknown", country=""), theft("doubtful", unchecked=("country",)), theft("us", country="US"),
        theft("bridge", kind="bridge"), theft("bank", kind="bank"), theft("none", attributions=()),
        theft("other", attributions=(said(actor="insider"),)),
    )  # fmt: skip
    assert [(s.incident.id, s.certain) for s in found.support] == [
        ("home", True), ("unknown", False), ("doubtful", False)]  # fmt: skip
    assert found.regions_without == ("europe",)
    assert judge(asia, home, sources="F").outcome is Outcome.NOT_COMPARABLE
    assert judge(asia, theft(attributions=(said(code="F"),)), sources="F").outcome is Outcome.COVERED


@pytest.mark.parametrize("weak", [
    said("suspected"), said("linked"), said("withdrawn"), said(unchecked=True),
    said(disputes=(Dispute("B", "no", ("s",)),)),
])  # fmt: skip
def test_a_weak_attribution_is_only_possible_unless_a_firm_one_stands_beside_it(weak: Attribution) -> None:
    alone = judge(claim(), theft(attributions=(weak,)))
    assert (alone.total.certain, alone.total.possible, alone.total.low) == (0, 1, 0)
    assert (alone.outcome, alone.sure) == (Outcome.COVERED, False)
    both = judge(claim(), theft(attributions=(weak, said(code="F"))))
    assert (both.total.certain, both.total.possible) == (1, 0)


def test_counts_are_held_against_certain_and_possible_thefts() -> None:
    thefts = [theft("a"), theft("b"), theft("c", attributions=(said("suspected"),))]
    for number, comparator, fits in ((3, "at_least", True), (4, "at_least", False), (3, "more_than", False),
                                     (2, "about", True), (3, "about", True), (1, "about", False),
                                     (2, "up_to", True), (1, "up_to", False)):  # fmt: skip
        assert judge(claim(count=Count(number, comparator, "thefts")), *thefts).count_fits is fits
    assert judge(claim(), *thefts).count_fits is None


def test_claims_of_attempts_laundering_or_another_currency_are_not_comparable() -> None:
    assert "attempts" in judge(claim(measure="attempted"), theft()).reason
    assert judge(claim(measure="laundered"), theft()).outcome is Outcome.NOT_COMPARABLE
    found = judge(claim(currency="EUR"), theft())
    assert (found.outcome, found.total.unvalued) == (Outcome.NOT_COMPARABLE, 1)
    assert "EUR" in found.reason
    banks = judge(claim(measure="attempted", scope="all"), theft(kind="bank"))
    assert "banks are included" in banks.reason
    assert len(banks.support) == 1


THEFTS = st.builds(
    theft,
    id_=st.uuids().map(str),
    when=st.sampled_from(
        ["2019", "2020-12", "2020-12-31", "2021", "2021-01-01", "2021-06", "2021-12-31", "2022-01-01"]
    ),
    millions=st.none() | st.integers(0, 50),
    country=st.sampled_from(["KR", "US", ""]),
    unchecked=st.sampled_from([(), ("country",), ("date",)]),
    attributions=st.lists(
        st.builds(said, st.sampled_from(["stated", "listed", "linked", "suspected"]), st.sampled_from(["F", "U", "V"])),
        max_size=2,
    ).map(tuple),
)
COUNTED = ["about", "at_least", "more_than", "up_to"]
CLAIMS = st.builds(
    claim,
    st.sampled_from(["about", "at_least", "more_than", "up_to"]),
    st.integers(1, 100),
    regions=st.sampled_from([(), ("asia",)]),
    period=st.sampled_from(
        [Period(parse_span("2021"), parse_span("2021")), Period(parse_span("2020"), parse_span("2021-06"), 31)]
    ),
)


@settings(max_examples=80, deadline=None)
@given(CLAIMS, st.lists(THEFTS, max_size=6), THEFTS, st.sampled_from([*SETS]))
def test_another_theft_never_lowers_a_sum_nor_a_count(
    one: Claim, some: list[Incident], more: Incident, who: str
) -> None:
    before, after = judge(one, *some, sources=who).total, judge(one, *some, more, sources=who).total
    assert 0 <= before.low <= after.low <= after.high
    assert before.high <= after.high
    assert before.certain <= after.certain
    assert before.certain + before.possible <= after.certain + after.possible


@settings(max_examples=50, deadline=None)
@given(CLAIMS, st.lists(THEFTS, max_size=6), st.randoms())
def test_a_sum_does_not_hang_on_the_order_and_any_party_sees_all_that_one_sees(
    one: Claim, some: list[Incident], chance: object
) -> None:
    whole = judge(one, *some).total
    shuffled = list(some)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(one, *shuffled).total == whole
    for code in SETS[:-1]:
        part = judge(one, *some, sources=code).total
        assert part.low <= whole.low
        assert part.high <= whole.high


@settings(max_examples=50, deadline=None)
@given(CLAIMS, st.lists(THEFTS, max_size=6))
def test_a_sure_verdict_holds_at_both_ends_of_the_sum(one: Claim, some: list[Incident]) -> None:
    found = judge(one, *some)
    if found.outcome is Outcome.SHORT and found.sure:
        assert found.total.high < one.amount or (one.comparator == "more_than" and found.total.high == one.amount)
    if found.outcome is Outcome.EXCEEDS:
        assert found.total.low > one.amount
    if found.outcome is Outcome.COVERED and found.sure and one.comparator in {"at_least", "more_than"}:
        assert found.total.low >= one.amount


@pytest.mark.parametrize(
    ("comparator", "says", "count", "lost", "supported", "words"),
    [("about", 10, None, [10], True, "the amount is covered (by the certain ones): the claim as worded is supported"),
     ("about", 10, ("at_least", 2), [10], False, "but the count does not fit: the claim as worded is not supported"),
     ("about", 10, ("at_least", 1), [10], True, "is covered (by the certain ones): the claim as worded is supported"),
     ("at_least", 10, ("up_to", 1), [30], True, "the amount is exceeded (true as a lower bound; the certain ones"),
     ("at_least", 10, ("about", 2), [30], False, "3.0 times as much), but the count does not fit: the claim as worded"),
     ("up_to", 10, None, [30], False, "the amount is exceeded (the certain ones alone come to 3.0 times as much): the"),
     ("about", 90, ("about", 2), [10], False, "(even with all possible ones), and the count does not fit: the claim"),
     ("about", 90, None, [10, None], None, "whether this list supports the claim as worded stays open"),
     ("about", 10, None, [], None, "not comparable: no incident of this set")],
)  # fmt: skip
def test_the_conclusion_is_about_the_claim_as_worded(
    comparator: str,
    says: int,
    count: tuple[str, int] | None,
    lost: list[int | None],
    supported: bool | None,
    words: str,
) -> None:
    number = Count(count[1], count[0], "thefts") if count else None
    found = judge(claim(comparator, says, count=number), *(theft(f"t{n}", millions=m) for n, m in enumerate(lost)))
    assert found.supported is supported
    assert words in found.conclusion


@settings(deadline=None)
@given(CLAIMS, st.none() | st.builds(Count, st.integers(0, 4), st.sampled_from(COUNTED), st.just("thefts")),
       st.lists(THEFTS, max_size=4))  # fmt: skip
def test_what_is_supported_has_no_misfit(one: Claim, count: Count | None, some: list[Incident]) -> None:
    found = judge(replace(one, count=count), *some)
    if found.supported:
        assert found.sure
        assert found.count_fits is not False
        assert not found.regions_without
        assert found.outcome in {Outcome.COVERED, Outcome.EXCEEDS}
    if found.count_fits is False:
        assert found.supported is False
    assert (found.outcome is Outcome.NOT_COMPARABLE) == found.conclusion.startswith("not comparable")


# what ships


def test_the_ledger_holds_the_reference_claims_and_the_three_of_the_2022_report() -> None:
    ledger = claims_ledger()
    assert {f"C{n}" for n in range(1, 13)} | {"A1", "A2", "A3"} <= set(ledger.claims)
    assert {c: ledger.claims[c].restates for c in ("A1", "A2", "A3")} == {"A1": "C4", "A2": "C5", "A3": "C2"}
    assert [c.id for c in ledger.restated_by(ledger["C4"])] == ["A1"]
    one = ledger["A1"]
    assert (one.comparator, one.amount, one.anonymous) == ("more_than", 50 * MILLION, True)
    assert one.count == Count(3, "at_least", "exchanges")
    assert one.regions == ("north-america", "europe", "asia")
    assert ledger["C4"].quote.startswith("According to a member state")
    assert (ledger["A2"].amount, ledger["A2"].count) == (400 * MILLION, Count(7, "about", "intrusions"))
    assert ledger["A3"].amount == 31_640_000_000
    assert str(ledger["A3"].period) == "2019 to 2020-11"
    named = [c.source for c in ledger.claims.values()] + [s.source for s in ledger.series.values()]
    assert all(named)
    assert {id_ for ids in named for id_ in ids} == set(ledger.sources)


def test_the_three_claims_have_verdicts_under_every_party() -> None:
    ledger = claims_ledger()
    found = {(v.claim.id, v.sources): v for v in check([ledger["A1"], ledger["A2"], ledger["A3"]], registry())}
    assert len(found) == 3 * len(SETS)
    panel = found["A1", "U"]
    assert [s.incident.id for s in panel.support] == ["kucoin-2020"]
    assert (panel.outcome, panel.count_fits, panel.regions_without) == (
        Outcome.EXCEEDS, False, ("north-america", "europe"))  # fmt: skip
    anyone = found["A1", ANY]
    assert anyone.count_fits
    assert not anyone.regions_without
    assert {s.incident.id for s in anyone.support if s.certain} == {"kucoin-2020", "indodax-ato-2021"}
    assert found["A2", "U"].outcome is Outcome.SHORT
    assert found["A2", ANY].outcome is Outcome.COVERED
    assert not found["A2", ANY].count_fits
    assert found["A3", "U"].outcome is Outcome.COVERED
    assert {s.incident.id for s in found["A3", "U"].support} == {"dragonex-2019", "bithumb-2019", "kucoin-2020"}
    assert found["A3", "V"].outcome is Outcome.EXCEEDS
    assert found["A3", "O"].outcome is Outcome.NOT_COMPARABLE


def test_the_claim_with_banks_and_attempts_is_comparable_with_nothing() -> None:
    ledger = claims_ledger()
    for found in check([ledger["C1"]], registry()):
        assert found.outcome is Outcome.NOT_COMPARABLE
        assert "banks are included" in found.reason


@pytest.mark.parametrize("ids", [
    ("C2", "C4", "C5"), ("A1", "A2", "A3"), ("C4", "A1"), ("C9", "C9b"), ("C10", "C10b"), ("C11", "C11b"),
    ("C2", "C5"), ("C7", "C8"), ("C3", "C8b"), ("C1", "C2"), ("C3", "C2"),
    ("monahan-2026/2021", "chainalysis-2026/2021"), ("monahan-2026/2021", "monahan-2024/2020"),
])  # fmt: skip
def test_claims_that_may_not_be_added_are_refused_with_the_reason(ids: tuple[str, ...]) -> None:
    ledger = claims_ledger()
    with pytest.raises(UsageError) as refusal:
        add([ledger[id_] for id_ in ids], ledger)
    assert all(id_ in str(refusal.value) for id_ in ids)
    assert "may not be added" in str(refusal.value)


def test_the_refusal_names_the_overlaps() -> None:
    ledger = claims_ledger()
    reasons = refusals([ledger[c] for c in ("C2", "C4", "C5", "A1")], ledger)
    assert "C2 and C4: both count 2020-01-01 to 2020-11-30" in reasons
    assert "C4 and C5: both count 2021-01-01 to 2021-05-30" in reasons
    assert "C4 and A1: one restates the other" in reasons
    assert any("4 sources or editions" in r for r in reasons)
    assert not any(r.startswith("C2 and C5:") for r in reasons), "their periods do not touch"
    (part,) = overlaps([ledger["C9"], ledger["C9b"]], ledger)
    assert part.why == "one is a part of the other"


def test_years_of_one_party_in_one_edition_may_be_added() -> None:
    ledger = claims_ledger()
    total = add([ledger["chainalysis-2026/2017"], ledger["chainalysis-2026/2018"]], ledger)
    assert (total.low, total.high) == (round(551.5 * 0.9 * MILLION), round(551.5 * 1.1 * MILLION))
    assert str(total) == "496.4 to 606.7 million USD"


def test_adding_takes_two_different_claims_that_are_there() -> None:
    ledger = claims_ledger()
    for ids in (["C2"], ["C2", "C2"]):
        with pytest.raises(UsageError, match="at least two different"):
            add([ledger[id_] for id_ in ids], ledger)
    for unknown in ("C99", "monahan-2026/1999", "monahan-2026/", "nobody/2021", "monahan-2026/٢٠٢١"):
        with pytest.raises(UsageError, match="there is no claim"):
            ledger[unknown]


def test_a_claim_without_an_upper_end_makes_a_sum_without_one() -> None:
    one = claim("at_least", 10, id="P", period=Period(parse_span("2020"), parse_span("2020")))
    two = claim("about", 10, id="Q")
    total = add([one, two], ClaimsLedger({"P": one, "Q": two}, {}, {}))
    assert (total.low, total.high) == (19 * MILLION, None)
    assert str(total) == "19.0 million USD or more"


def test_periods_that_only_touch_where_they_are_loose_may_overlap() -> None:
    one = claim(id="P", period=Period(parse_span("2020"), parse_span("2021-06"), 31))
    two = claim(id="Q", period=Period(parse_span("2021-07"), parse_span("2021-12")))
    found = overlap(one, two, ClaimsLedger({"P": one, "Q": two}, {}, {}))
    assert found is not None
    assert found.why == "both may count 2021-07-01 to 2021-07-31"
    far = claim(id="R", period=Period(parse_span("2021-08"), parse_span("2021-12")))
    assert overlap(one, far, ClaimsLedger({"P": one, "R": far}, {}, {})) is None
    assert overlap(claim(id="P"), claim(id="Q", regions=()), ClaimsLedger({"P": one, "Q": two}, {}, {})) is not None
    here, there = claim(id="P", regions=("asia",)), claim(id="Q", regions=("europe",))
    assert overlap(here, there, ClaimsLedger({"P": here, "Q": there}, {}, {})) is None


REFERENCE = """
2017 | 88.8 (6) | 29.2 (4) | 100 | 88.6 (6)
2018 | 456.3 (18) | 522.3 (10) | 400 | 447.6 (11)
2019 | 207.8 (11) | 271.1 (9) | 200 | 209.3 (8)
2020 | 313.7 (14) | 300.9 (5) | 290 | 300.2 (4)
2021 | 551.1 (23) | 506.0 (11) | 250 | 175.6 (6)
2022 | 810.2 (16) | 1,100 (14) | 850 | 991.7 (5)
2023 | 646.8 (27) | 660.0 (20) | 600 | 753.0 (17)
2024 | 974.7 (62) | 1,300 (49) | - | -
2025 | 2,057.1 (82) | 2,020 | - | -
2026 | 606.3 (15) | - | - | -
"""


def test_the_yearly_table_is_the_reference_table() -> None:
    found = compare(claims_ledger())
    assert [s.title for s in found.series] == ["Monahan", "Chainalysis", "TRM", "UN list"]
    years = {y.year: y for y in found.years}
    for line in REFERENCE.strip().splitlines():
        year, *cells = [cell.strip() for cell in line.split("|")]
        for cell, figure in zip(cells, years[int(year)].figures, strict=True):
            if cell == "-":
                assert figure is None
                continue
            amount, _, count = cell.partition(" (")
            assert figure is not None
            assert in_millions(figure.amount) == (amount if "." in amount else amount + ".0")
            assert figure.count == (int(count.rstrip(")")) if count else None)
    assert str(years[2026].figures[0].until) == "2026-04-23"  # type: ignore[union-attr]


def test_the_spread_of_2021_is_three_point_one() -> None:
    years = {y.year: y for y in compare(claims_ledger()).years}
    spread = years[2021].spread
    assert spread is not None
    assert f"{float(spread):.1f}" == "3.1"
    assert (years[2021].low, years[2021].high) == (parse_amount("175.6 million"), parse_amount("551.142751 million"))
    widest = max((y for y in years.values() if y.spread), key=lambda y: y.spread or 0)
    assert widest.year == 2017, "29.2 to 100 is wider still"
    assert years[2026].spread is None


def test_restatements_are_told_edition_by_edition() -> None:
    told = {(r.vendor, r.year): [in_millions(f.amount) for _, f in r.told] for r in compare(claims_ledger()).restated}
    assert told["Chainalysis", 2021] == ["400.0", "428.8", "506.0"]
    assert told["Chainalysis", 2022] == ["1,650.0", "1,100.0"]
    assert told["Chainalysis", 2023] == ["1,000.0", "660.0"]
    assert ("TRM", 2021) not in told


@pytest.mark.shared
def test_older_editions_are_those_of_the_shared_totals() -> None:
    import csv

    at = Path(__file__).parents[2] / "shared/data/incidents/dprk_yearly_totals.csv"
    ledger = claims_ledger()
    seen = 0
    for row in csv.DictReader(at.read_text().splitlines()):
        for column, names in (("tayvano_repo_usd_m", ["monahan-2024"]), ("trm_usd_m", ["trm-2024"]),
                              ("chainalysis_usd_m", ["chainalysis-2024", "chainalysis-2026"])):  # fmt: skip
            if row[column]:
                told = [s.figures.get(int(row["year"])) for s in (ledger.series[n] for n in names)]
                want = float(row[column])
                assert any(f and abs(f.amount / MILLION - want) < 0.06 for f in told), (row["year"], column)
                seen += 1
    assert seen == 19


def listed(incident: Incident) -> int:
    """The figure of the list of May 2026 for a theft, 0 if it has none."""
    loss = incident.loss
    if loss is None or "mon-2026" not in incident.source:
        return 0
    named = [f.amount for f in loss.figures if f.by == "Monahan, May 2026"]
    return named[0] if named else loss.low


def test_the_thefts_of_the_list_add_up_close_to_the_totals_of_the_list() -> None:
    # Thefts below a million of 2020 on are left out, so the sum of the listed figures is below the total, but near.
    ledger = claims_ledger()
    for year in range(2017, 2027):
        total = ledger.series["monahan-2026"].figures[year].amount
        found = sum(listed(i) for i in registry().select(year=year, actor="dprk", source_code="V"))
        assert 0.96 * total < found <= total, year
        if year in {2017, 2019}:
            assert in_millions(found) == {2017: "88.8", 2019: "207.8"}[year]


FILE = """
[[source]]
id = "s"
title = "t"
publisher = "p"
where = "w"
read = "read"
[[claim]]
id = "K1"
says = "a lot"
actor = "dprk"
by = "someone"
told_in = "a report"
edition = "2022-01-13"
comparator = "about"
amount = "10 million"
currency = "USD"
from = "2021"
to = "2021-06"
loose_days = 31
scope = "crypto"
measure = "stolen"
source = ["s"]
[claim.count]
number = 3
comparator = "at_least"
of = "thefts"
[[series]]
id = "y"
vendor = "V"
title = "V"
edition = "2022"
actor = "dprk"
source = ["s"]
year = [{ year = 2021, amount = "10 million", count = 3, until = "2021-05-01" }]
"""


def test_an_own_file_of_claims_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(FILE)
    ledger = read_claims(tmp_path / "c.toml")
    assert str(ledger["K1"].count) == "at least 3 thefts"
    assert ledger["y/2021"].period.end.last.isoformat() == "2021-05-01"


@pytest.mark.parametrize(("old", "new", "problem"), [
    ('comparator = "about"', 'comparator = "roughly"', "claim 'K1', field 'comparator': 'roughly' is not known"),
    ('amount = "10 million"', 'amount = "-10 million"', "claim 'K1', field 'amount': '-10 million' is negative"),
    ('currency = "USD"', 'currency = "XXX"', "claim 'K1', field 'currency': 'XXX' is not known"),
    ('to = "2021-06"', 'to = "2020-06"', "claim 'K1', field 'to': is before `from`"),
    ('from = "2021"', 'from = "2021-00"', "claim 'K1', field 'from': '2021-00' is an impossible date"),
    ("loose_days = 31", "loose_days = 400", "claim 'K1', field 'to'"),
    ('measure = "stolen"', 'measure = "guessed"', "claim 'K1', field 'measure': 'guessed' is not known"),
    ('source = ["s"]\n[claim.count]', 'source = ["q"]\n[claim.count]', "'K1', field 'source': there is no source"),
    ('source = ["s"]\n[claim.count]', "[claim.count]", "claim 'K1', field 'source': is missing"),
    ("number = 3\n", "", "field 'number': is missing"),
    ("number = 3\n", "number = -3\n", "field 'number': must be a whole number"),
    ('scope = "crypto"', 'scope = "crypto"\nkinds = ["bank"]', "field 'kinds': names banks"),
    ('scope = "crypto"', 'scope = "crypto"\nupper = "1 million"', "field 'upper': is not more than"),
    ('scope = "crypto"', 'scope = "crypto"\nrestates = "K9"', "field 'restates': 'K9' is no other claim"),
    ('scope = "crypto"', 'scope = "crypto"\npart_of = "K1"', "field 'part_of': 'K1' is no other claim"),
    ('scope = "crypto"', 'scope = "crypto"\nmood = "bad"', "field 'mood': is not a field"),
    ('until = "2021-05-01"', 'until = "2020-05-01"', "field 'until': must be a day of that year"),
    ("year = 2021", "year = 21", "field 'year': must be a year"),
    ('id = "y"', 'id = "K1"', "series 'K1', field 'id': is a duplicate"),
    ('vendor = "V"', 'vendor = "V"\nrestates = "z"', "series 'y', field 'restates': 'z' is no other series"),
    ("[[series]]", "[[claim]]\nid = 'K1'\n[[series]]", "claim 'K1', field 'says': is missing"),
])  # fmt: skip
def test_faults_in_claims_name_file_claim_and_field(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in FILE
    (tmp_path / "c.toml").write_text(FILE.replace(old, new, 1))
    with pytest.raises(InputError) as fault:
        read_claims(tmp_path / "c.toml")
    assert problem in str(fault.value)
    assert "c.toml" in str(fault.value)


def test_claims_that_restate_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    part = FILE[FILE.index("[[claim]]") : FILE.index("[claim.count]")]
    text = FILE[: FILE.index("[[claim]]")]
    text += part + 'restates = "K2"\n' + part.replace("K1", "K2") + 'restates = "K1"\n'
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match="goes round in a circle"):
        read_claims(tmp_path / "c.toml")
