"""Look-alike addresses as findings, beside what every other detector finds.

Invariant: one finding a transfer, in chain order; rule, grade and error are those of poisoning.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.patterns.finding import Finding, Rule
from dyepack.patterns.poisoning import (
    CONFIDENCE,
    EVIDENCE,
    FIRST,
    HOURS,
    LAST,
    MEASURED,
    TINY_PART,
    lookalikes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.poisoning import Lookalike

RULE = Rule(
    "address-poisoning/2", "address poisoning",
    f"within {HOURS} hours of a dealing a transfer of less than {100 // TINY_PART} % of it, or of a token whose "
    "symbol imitates its asset's, "
    f"with an address that has the same first {FIRST} and last {LAST} hexadecimal digits; and "
    "later payments to such an address",
    "Tsuchiya et al. (USENIX Security 2025): kinds of poisoning; the thresholds are this project's own",
    CONFIDENCE, EVIDENCE, MEASURED,
    {"first digits": FIRST, "last digits": LAST, "hours": HOURS, "tiny part": TINY_PART},
)  # fmt: skip


def poisoned(ledger: Ledger, places: Iterable[int]) -> list[Finding]:
    """What poisoned these places (address ids), and what they sent to look-alikes."""
    return [_finding(found) for found in lookalikes(ledger, places)]


def _finding(found: Lookalike) -> Finding:
    return Finding(
        RULE, (found.imitated_tx, found.tx), (found.place, found.lookalike, found.imitated),
        {"kind": found.kind, "first digits": found.first, "last digits": found.last},
        {"first digits": FIRST, "last digits": LAST}, found.words(), found.time, found.time,
    )  # fmt: skip
