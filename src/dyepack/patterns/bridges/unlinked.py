"""Leads (tier 3) for what the bridges' own records leave open: deposits without a payout, payouts without a deposit.

Amounts of two assets compare by a rate that somebody states; assets for which nobody states one are not compared.
Payouts here name a deposit that is not known, or one that they contradict or share. So a lead stands against the
payout's own record, or for a record of the deposit that the export lacks.

Invariant: what a link joins is in no lead, and a lead carries no dye.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.patterns.bridges.findings import of_lead
from dyepack.patterns.bridges.inference import Rate, search
from dyepack.patterns.bridges.model import folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.patterns.bridges.model import BridgeDeposit, Payout
    from dyepack.patterns.bridges.protocol import Matched
    from dyepack.patterns.finding import Finding

_NUMBER = r"[0-9]{1,40}(?:\.[0-9]{1,40})?"
_RATE = re.compile(rf"(.+?)=(.+):({_NUMBER})(?:-({_NUMBER}))?")


class Rates:
    """Rates as stated: "ASSET=ASSET:RATE", base units of the second that one base unit of the first is worth.

    RATE is a decimal number, or two of them (the lowest and the highest around the time) with a hyphen between.
    """

    def __init__(self, stated: Iterable[str]) -> None:
        self._of: dict[tuple[str, str], Rate] = {}
        for text in stated:
            found = _RATE.fullmatch(text)
            low, high = (Fraction(found[3]), Fraction(found[4] or found[3])) if found else (Fraction(0), Fraction(0))
            if found is None or not 0 < low <= high:
                raise UsageError(f"{quoted(text)} is no rate above 0 of two assets", remedy="write for example "
                                 "--leads 0xdac1...=0x55d3...:1000000000000")  # fmt: skip
            self._of[folded(found[1]), folded(found[2])] = Rate(low, high)

    def __call__(self, deposit: BridgeDeposit, payout: Payout) -> Rate | None:
        """The rate of a deposit's asset in a payout's, None where nobody states it."""
        return self._of.get((folded(deposit.asset), folded(payout.asset)))


def unlinked_leads(matched: Matched, rates: Rates) -> list[Finding]:
    """The leads of deposits that have no link, each deposit's best first."""
    found = search(matched.unpaid, [refusal.payout for refusal in matched.refused], rates)
    return [of_lead(leads, lead) for leads in found for lead in leads.leads]
