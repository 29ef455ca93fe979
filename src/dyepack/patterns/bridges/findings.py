"""Bridge links as findings, one rule for each tier; counted, listed and graded apart.

Invariant: a finding's confidence and evidence are its link's, and so its tier's; a lead says how many others there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.content import time_text
from dyepack.patterns.bridges.inference import Parameters
from dyepack.patterns.bridges.model import GRADES, Tier
from dyepack.patterns.bridges.protocol import SKEW
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from dyepack.patterns.bridges.inference import Lead, Leads
    from dyepack.patterns.bridges.model import BridgeLink
    from dyepack.patterns.finding import Figure

_DEFAULTS = Parameters()

PROTOCOL = Rule(
    "bridge-protocol/1",
    "bridge hop",
    "a payout's record names its deposit (message id, source transaction or memo), and chains, receiver, asset and "
    "order agree",
    "contracts and documentation of each bridge",
    GRADES[Tier.PROTOCOL][2],
    "E1",
    "on 28,424 payouts (8,245 with the terms of real ones, the others generated for real deposits) among 11,497 forged "
    "and look-alike ones: found 28,407, 0 false; missed were deposits that two payouts claim",
    {"skew_seconds": SKEW},
)
CONFIRMED = Rule(
    "bridge-confirmed/1",
    "bridge hop",
    "the bridge's operator says which payout a deposit became",
    "the operator's answer, named in the method of each link",
    GRADES[Tier.CONFIRMED][1],
    "E2",
    "not measured: it is somebody's word",
    {},
)
INFERRED = Rule(
    "bridge-inferred/1",
    "bridge lead",
    "a payout follows a deposit within the window, its amount is within fees and prices, its address may be the same",
    "LOCARD's published parameters (arXiv 2604.04211)",
    30,
    "E6",
    "on generated payouts of real deposits, by amount and time alone: the right one first in 66 to 75 % and among ten "
    "in 97 to 99.6 % with 10 other payouts near each, in 22 to 27 % and 82 to 92 % with 100",
    {
        "window_seconds": _DEFAULTS.window, "fee_max": str(_DEFAULTS.fee_max), "deviation": str(_DEFAULTS.deviation),
        "runner_up": _DEFAULTS.runner_up, "time_weight": _DEFAULTS.time_weight,
        "amount_weight": _DEFAULTS.amount_weight,
    },
)  # fmt: skip
RULES = {Tier.PROTOCOL: PROTOCOL, Tier.CONFIRMED: CONFIRMED, Tier.INFERRED: INFERRED}


def of_link(link: BridgeLink) -> Finding:
    """A link of the first two tiers as a finding. Raises ValueError for a lead: see `of_lead`."""
    if link.tier is Tier.INFERRED:
        raise ValueError("a lead is shown with its rank")
    deposit, payout = link.deposit, link.payout
    verb = "sent back as" if payout.refund else "paid out as"
    words = (
        f"{deposit.amount} units of {deposit.asset} given to {deposit.bridge} on {deposit.chain} were {verb} "
        f"{payout.amount} units of {payout.asset} on {payout.chain} ({link.method})"
    )
    return _finding(link, words, {"method": link.method}, {"method": "the payout's record names the deposit"})


def of_lead(leads: Leads, lead: Lead) -> Finding:
    """A lead as a finding, with its rank, its score and the number of others."""
    link, other = lead.link, leads.candidates - 1
    deposit, payout = link.deposit, link.payout
    words = (
        f"lead {lead.rank} of {leads.candidates}: {deposit.amount} units of {deposit.asset} on {deposit.chain} may "
        f"have become {payout.amount} units of {payout.asset} on {payout.chain} {lead.delay} s later; {other} more fit"
    )
    statistic: dict[str, Figure] = {
        "rank": lead.rank, "score": lead.score, "delay_seconds": lead.delay, "candidates": leads.candidates,
        "same_address": str(lead.same_address),
    }  # fmt: skip
    return _finding(link, words, statistic, INFERRED.parameters)


def _finding(link: BridgeLink, words: str, statistic: dict[str, Figure], threshold: dict[str, Figure]) -> Finding:
    deposit, payout = link.deposit, link.payout
    places = tuple(place for place in (deposit.sender, payout.receiver) if place)
    return Finding(
        RULES[link.tier], (deposit.tx, payout.tx), places, statistic, threshold, words, time_text(deposit.time),
        time_text(payout.time), link.confidence,
    )  # fmt: skip
