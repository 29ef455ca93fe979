"""Bridge links: tiers stay apart, exact joins, leads by amount and time, and what becomes of dye on a link."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.patterns.bridges import findings
from dyepack.patterns.bridges.carry import account, carry, carry_parts
from dyepack.patterns.bridges.inference import Parameters, Rate, search
from dyepack.patterns.bridges.model import BridgeDeposit, BridgeLink, Links, Payout, Tier, folded, tx_key
from dyepack.patterns.bridges.protocol import SKEW, match
from dyepack.synthetic.bridge import Mix, world
from tests.effort import examples

A, B, C, T, D = ("0x" + digit * 40 for digit in "12345")
TX, TX_2 = "0x" + "aa" * 32, "0x" + "bb" * 32
DEPOSIT = BridgeDeposit("celer", "ethereum", TX, A, B, T, 1000, to_chain="bsc", message_id="0x01", time=10_000)
PAYOUT = Payout("celer", "bsc", TX_2, B, D, 990, from_chain="ethereum", message_id="0x01", time=10_300)
LINK = BridgeLink(DEPOSIT, PAYOUT, Tier.PROTOCOL, "E1", "message id", 100)
LEAD = BridgeLink(DEPOSIT, PAYOUT, Tier.INFERRED, "E6", "amount and time", 30, 4)
AT_PAR = Rate(Fraction(1), Fraction(1))


def par_rate(deposit: BridgeDeposit, payout: Payout) -> Rate:
    return AT_PAR


# Tiers


@pytest.mark.parametrize("operation", [operator.add, operator.mul, operator.lt, operator.sub, operator.le])
def test_a_tier_has_no_order_and_cannot_be_reckoned_with(operation: Callable[[object, object], object]) -> None:
    for other in (Tier.INFERRED, 1, 0.5):
        with pytest.raises(TypeError):
            operation(Tier.PROTOCOL, other)
    with pytest.raises(TypeError):
        sum(Tier)
    with pytest.raises(TypeError):
        max(Tier)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("tier", "evidence", "confidence"),
    [
        (Tier.INFERRED, "E1", 30),
        (Tier.INFERRED, "E6", 41),
        (Tier.PROTOCOL, "E6", 100),
        (Tier.PROTOCOL, "E1", 40),
        (Tier.CONFIRMED, "E2", 95),
        (Tier.CONFIRMED, "E2", 69),
        (Tier.PROTOCOL, "E1", 101),
    ],
)
def test_a_link_cannot_have_the_grade_of_another_tier(tier: Tier, evidence: str, confidence: int) -> None:
    with pytest.raises(ValueError, match="tier"):
        BridgeLink(DEPOSIT, PAYOUT, tier, evidence, "x", confidence)


def test_lists_of_links_do_not_take_links_of_another_tier() -> None:
    assert Links.sorted([LEAD, LINK]) == Links(protocol=(LINK,), inferred=(LEAD,))
    for wrong in ({"protocol": (LEAD,)}, {"confirmed": (LINK,)}, {"inferred": (LINK, LEAD)}):
        with pytest.raises(ValueError, match="another tier"):
            Links(**wrong)
    with pytest.raises(TypeError):
        iter(Links())  # type: ignore[call-overload]
    with pytest.raises(FrozenInstanceError):
        LINK.tier = Tier.INFERRED  # type: ignore[misc]


def test_a_finding_has_the_rule_and_the_grade_of_its_tier() -> None:
    found = findings.of_link(LINK)
    assert (found.rule, found.grade, found.txs, found.rule.evidence) == (findings.PROTOCOL, 100, (TX, TX_2), "E1")
    leads = next(iter(search([DEPOSIT], [PAYOUT], par_rate)))
    lead = findings.of_lead(leads, leads.leads[0])
    assert (lead.rule, lead.grade, lead.rule.evidence) == (findings.INFERRED, 40, "E6")
    assert lead.statistic["candidates"] == 1
    assert lead.first == "1970-01-01T02:46:40Z"
    with pytest.raises(ValueError, match="rank"):
        findings.of_link(LEAD)


def test_identifiers_are_compared_as_each_chain_writes_them() -> None:
    assert tx_key("0xABcd") == tx_key("ABCD") == "abcd"
    assert folded("0X" + "AB" * 20) == "0x" + "ab" * 20
    assert folded("bc1QXY") == "bc1QXY"


# Protocol


def test_a_payout_is_joined_to_the_deposit_whose_id_it_repeats() -> None:
    got = match([replace(DEPOSIT, message_id="0x02", tx=TX_2), DEPOSIT], [PAYOUT])
    assert got.links == (LINK,)
    assert got.refused == ()
    assert [d.message_id for d in got.unpaid] == ["0x02"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"receiver": C}, "another receiver"),
        ({"chain": "polygon"}, "was paid on polygon"),
        ({"from_chain": "polygon"}, "came from polygon"),
        ({"time": 10_000 - SKEW - 1}, "before the deposit"),
        ({"amount": 1001}, "paid more"),
        ({"message_id": "0x02"}, "not known"),
        ({"message_id": ""}, "names no deposit"),
        ({"bridge": "poly"}, "not known"),
        ({"refund": True}, "another chain"),
    ],
)
def test_a_payout_that_contradicts_the_deposit_that_it_names_is_refused(change: dict[str, object], why: str) -> None:
    got = match([DEPOSIT], [replace(PAYOUT, **change)], par=lambda _d, _p: Fraction(1))  # type: ignore[arg-type]
    assert got.links == ()
    assert why in got.refused[0].reason
    assert got.unpaid == (DEPOSIT,)


def test_a_payout_just_before_the_deposit_is_a_matter_of_clocks() -> None:
    assert len(match([DEPOSIT], [replace(PAYOUT, time=10_000 - SKEW)]).links) == 1
    assert len(match([replace(DEPOSIT, time=-1)], [replace(PAYOUT, time=5)]).links) == 1


def test_two_payouts_of_one_deposit_are_refused_and_repeats_of_one_are_counted() -> None:
    got = match([DEPOSIT], [PAYOUT, replace(PAYOUT, tx="0x" + "cc" * 32), PAYOUT])
    assert got.links == ()
    assert [r.reason for r in got.refused] == ["2 payouts claim one deposit"] * 2
    assert (got.repeats, got.unpaid) == (1, (DEPOSIT,))
    assert match([DEPOSIT, DEPOSIT], [PAYOUT, PAYOUT]).links == (LINK,)


def test_deposits_of_one_transaction_are_told_apart_or_refused() -> None:
    out = BridgeDeposit("multichain", "ethereum", TX, A, B, T, 5, to_chain="bsc", move="token 1")
    other = replace(out, receiver=C, move="token 2")
    paid = Payout("multichain", "bsc", TX_2, C, D, 5, from_chain="ethereum", from_tx=TX.upper().replace("X", "x"))
    assert match([out, other], [paid]).links[0].deposit == other
    twin = match([other, replace(other, move="token 3")], [paid])
    assert (twin.links, twin.refused[0].reason) == ((), "fits 2 deposits that it names")


def test_thorchain_pays_one_deposit_in_parts_and_sends_the_rest_back() -> None:
    deposit = BridgeDeposit("thorchain", "ethereum", TX, A, "dx", T, 900, to_chain="bitcoin", to_asset="BTC.BTC")
    named = TX[2:].upper()
    part = Payout("thorchain", "bitcoin", "ab" * 32, "bc1q", "native", 5, from_tx=named)
    parts = [part, replace(part, tx="cd" * 32, amount=6)]
    rest = replace(part, tx=TX_2, chain="ethereum", receiver=A, asset=T, amount=100, refund=True)
    got = match([deposit], [*parts, rest])
    assert [link.method for link in got.links] == ["memo OUT", "memo OUT", "memo REFUND"]
    assert [carry(link, 450) for link in got.links] == [2, 3, 50]
    wrong = match([deposit], [replace(rest, chain="bsc"), replace(part, chain="litecoin")])
    assert (wrong.links, len(wrong.refused)) == ((), 2)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 10**6), st.lists(st.tuples(st.sampled_from(["celer", "poly", "multichain", "thorchain"]),
       st.integers(1, 10**24), st.integers(10**6, 10**7)), min_size=1, max_size=20))  # fmt: skip
def test_no_false_link_among_look_alikes_and_every_record_is_somewhere(
    seed: int, rows: list[tuple[str, int, int]]
) -> None:
    deposits = [
        BridgeDeposit(bridge, "ethereum", "0x" + (n + 1).to_bytes(32).hex(), A, B, T, amount, to_chain="bsc", time=at)
        for n, (bridge, amount, at) in enumerate(rows)
    ]
    made = world(deposits, seed, Mix(twins=0.8, forged=0.5, foreign=0, doubled=0.2, repeated=0.3, market=2))
    got = match(made.deposits, made.payouts)
    for link in got.links:
        assert made.truth[link.payout] == link.deposit
    once = set(made.payouts)
    assert len(got.links) + len(got.refused) == len(once)
    assert {link.payout for link in got.links} | {r.payout for r in got.refused} == once
    assert {link.deposit for link in got.links} | set(got.unpaid) == set(made.deposits)
    assert got.repeats == len(made.payouts) - len(once)
    claimed = {r.payout for r in got.refused if "claim" in r.reason}
    assert set(made.truth) - {link.payout for link in got.links} <= claimed


# Leads


def test_the_score_is_two_parts_time_and_eight_parts_amount() -> None:
    def score(amount: int, delay: int) -> float:
        paid = replace(PAYOUT, amount=amount, time=10_000 + delay, receiver=C)
        return next(iter(search([DEPOSIT], [paid], par_rate))).leads[0].score

    assert score(1000, 0) == 1.0
    assert score(1000, 1800) == round((2 * math.exp(-1) + 8) / 10, 6)
    assert score(900, 0) == round((2 + 8 * 0.9) / 10, 6)
    assert score(1005, 0) == round((2 + 8 * 0.5) / 10, 6)
    assert score(1010, 0) == 0.2


@pytest.mark.parametrize(
    ("amount", "delay", "fits"),
    [(900, 5, True), (899, 5, False), (1010, 5, True), (1011, 5, False), (990, 0, True), (990, -1, False),
     (990, 1800, True), (990, 1801, False)],
)  # fmt: skip
def test_a_lead_must_fit_in_amount_and_in_time(amount: int, delay: int, fits: bool) -> None:
    paid = replace(PAYOUT, amount=amount, time=10_000 + delay)
    got = next(iter(search([DEPOSIT], [paid], par_rate)))
    assert (got.candidates == 1) is fits
    assert bool(got.leads) is fits


def test_the_best_lead_is_distinct_only_if_the_next_is_far_behind() -> None:
    best = replace(PAYOUT, amount=1000, time=10_010, receiver=C)
    near = replace(best, tx=TX, amount=990)
    far = replace(best, tx=TX, amount=1010, time=11_000)
    close = next(iter(search([DEPOSIT], [best, near], par_rate)))
    apart = next(iter(search([DEPOSIT], [best, far], par_rate)))
    assert (close.distinct, close.leads[0].link.confidence, close.leads[0].link.candidates) == (False, 10, 2)
    assert (apart.distinct, apart.leads[0].link.confidence, apart.leads[1].link.confidence) == (True, 30, 10)
    assert [lead.rank for lead in apart.leads] == [1, 2]


def test_a_payout_to_the_senders_own_address_stands_first_if_that_is_asked() -> None:
    own = replace(PAYOUT, amount=950, receiver=A.upper().replace("X", "x"))
    other = replace(PAYOUT, tx=TX, amount=1000, receiver=C)
    first = next(iter(search([DEPOSIT], [own, other], par_rate)))
    plain = next(iter(search([DEPOSIT], [own, other], par_rate, Parameters(address_first=False))))
    assert (first.leads[0].link.payout, first.leads[0].same_address) == (own, True)
    assert (first.distinct, first.leads[0].link.confidence, first.candidates) == (True, 40, 2)
    assert (plain.leads[0].link.payout, plain.distinct) == (other, False)


def test_leads_keep_to_the_chain_and_asset_that_are_told_and_to_assets_with_a_price() -> None:
    asked = replace(DEPOSIT, to_asset=D.upper().replace("X", "x"))
    assert next(iter(search([asked], [PAYOUT], par_rate))).candidates == 1
    for paid in (replace(PAYOUT, asset=T), replace(PAYOUT, chain="polygon"), replace(PAYOUT, time=-1),
                 replace(PAYOUT, refund=True)):  # fmt: skip
        assert next(iter(search([asked], [paid], par_rate))).candidates == 0
    assert next(iter(search([DEPOSIT], [PAYOUT], lambda _d, _p: None))).candidates == 0
    assert next(iter(search([replace(DEPOSIT, time=-1)], [PAYOUT], par_rate))).candidates == 0
    anywhere = replace(DEPOSIT, to_chain="")
    assert next(iter(search([anywhere], [PAYOUT, replace(PAYOUT, chain="polygon")], par_rate))).candidates == 2


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(-100, 2000)), max_size=30), st.integers(0, 1200))
def test_leads_are_those_that_a_search_of_every_pair_finds(rows: list[tuple[int, int]], amount: int) -> None:
    deposit = replace(DEPOSIT, amount=amount)
    payouts = [replace(PAYOUT, tx=f"0x{n:064x}", amount=paid, time=10_000 + delay, receiver=C)
               for n, (paid, delay) in enumerate(rows)]  # fmt: skip
    wanted = [p for p in payouts if amount and 0 <= p.time - 10_000 <= 1800
              and 10 * p.amount >= 9 * amount and 100 * p.amount <= 101 * amount]  # fmt: skip
    got = next(iter(search([deposit], payouts, par_rate, Parameters(most=100))))
    assert {lead.link.payout for lead in got.leads} == set(wanted)
    assert got.candidates == len(wanted)
    scores = [lead.score for lead in got.leads]
    assert scores == sorted(scores, reverse=True)
    assert all(lead.link.tier is Tier.INFERRED and lead.link.confidence <= 40 for lead in got.leads)


def test_a_rate_is_above_nothing() -> None:
    for low, high in ((0, 1), (2, 1), (-1, 1)):
        with pytest.raises(ValueError, match="rate"):
            Rate(Fraction(low), Fraction(high))


# Dye


def test_dye_is_carried_in_proportion_and_cut_to_whole_units() -> None:
    assert [carry(LINK, dyed) for dyed in (0, 1, 2, 500, 999, 1000)] == [0, 0, 1, 495, 989, 990]
    wide = replace(LINK, payout=replace(PAYOUT, amount=990 * 10**12))
    assert carry(wide, 1) == 990_000_000_000
    assert account(LINK, 500, Fraction(1)).fee == 5
    got = account(wide, 999, Fraction(10**12))
    assert (got.passed + got.fee, got.fee, got.units) == (999, 9, 999 * 990 * 10**12 // 1000)
    assert account(LINK, 700).fee == 0
    nothing = replace(LINK, deposit=replace(DEPOSIT, amount=0))
    assert (carry(nothing, 0), account(nothing, 0, Fraction(1)).units) == (0, 0)


def test_a_lead_carries_nothing_and_more_than_was_deposited_is_refused() -> None:
    with pytest.raises(ValueError, match="lead"):
        carry(LEAD, 1)
    for parts in ([1001], [-1], [600, 401], [-1, 5]):
        with pytest.raises(ValueError, match="do not fit"):
            carry_parts(LINK, parts)
    with pytest.raises(ValueError, match="par"):
        account(LINK, 1, Fraction(0))


AMOUNTS = st.one_of(st.integers(0, 50), st.integers(0, (1 << 256) - 1))


@settings(max_examples=examples(400), deadline=None)
@given(AMOUNTS, AMOUNTS, st.lists(st.integers(0, 1000), max_size=12), st.fractions(min_value=Fraction(1, 10**20)))
def test_parts_never_exceed_the_payout_and_what_goes_in_is_accounted_for(
    deposited: int, paid: int, shares: list[int], par: Fraction
) -> None:
    link = replace(LINK, deposit=replace(DEPOSIT, amount=deposited), payout=replace(PAYOUT, amount=paid))
    whole = sum(shares) or 1
    parts = [deposited * share // whole for share in shares]
    carried = carry_parts(link, parts)
    total = sum(parts)
    assert sum(carried) == (total * paid // deposited if deposited else 0) <= paid
    assert all(0 <= units <= -(-part * paid // deposited) for units, part in zip(carried, parts, strict=True) if part)
    assert all(units == 0 for units, part in zip(carried, parts, strict=True) if not part)
    rest = carry_parts(link, [*parts, deposited - total])
    assert sum(rest) == (paid if deposited else 0)
    assert sum(carry(link, part) for part in parts) <= sum(carried)
    for part in parts:
        book = account(link, part, par)
        assert book.dyed == book.passed + book.fee == part
        assert 0 <= book.fee <= part
        assert book.units == carry(link, part)
