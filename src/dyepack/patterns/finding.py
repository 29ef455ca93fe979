"""What a detector found: one object for every pattern, so that lists, statements and pages show them alike.

Invariant: no finding without its rule, the figures that it rests on beside their thresholds, a confidence, an evidence
class and what is known of the rule's error. Members are texts as people write them, in chain order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Figure = int | float | str
"""A number that is no amount, or text: amounts are written in base units, as text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One detector's rule: `id` names it with its version, `conditions` say it in one sentence.

    confidence (0-100) and evidence (E5 where precision is measured, else E6) are those of what it finds; `measured`
    says on what the rule's error was measured, and the error; `source` is where the conditions come from;
    `parameters` are the thresholds by name, with their defaults.
    """

    id: str
    pattern: str
    conditions: str
    source: str
    confidence: int
    evidence: str
    measured: str
    parameters: dict[str, Figure]


@dataclass(frozen=True, slots=True)
class Finding:
    """One occurrence of a pattern.

    txs, places   its members: transactions and addresses, in chain order
    statistic     what was measured, by name
    threshold     what it was held against, under the same names
    first, last   UTC times (ISO 8601) of the first and last member, "" where nobody said
    words         the finding as one sentence for people
    """

    rule: Rule
    txs: tuple[str, ...]
    places: tuple[str, ...]
    statistic: dict[str, Figure]
    threshold: dict[str, Figure]
    words: str
    first: str = ""
    last: str = ""
    confidence: int = -1
    """0-100 where this occurrence is surer or less sure than its rule; -1: the rule's."""

    @property
    def pattern(self) -> str:
        """The name of the pattern."""
        return self.rule.pattern

    @property
    def grade(self) -> int:
        """The confidence (0-100) of this finding."""
        return self.rule.confidence if self.confidence < 0 else self.confidence

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: the rule by its id, evidence and error beside it."""
        row = asdict(self)
        del row["rule"]
        return {"pattern": self.pattern, "rule": self.rule.id, **row, "confidence": self.grade,
                "evidence": self.rule.evidence, "measured": self.rule.measured, "source": self.rule.source}  # fmt: skip


HEADER = (
    "pattern",
    "rule",
    "first",
    "last",
    "confidence",
    "evidence",
    "words",
    "statistic",
    "threshold",
    "txs",
    "places",
)


def table(findings: Iterable[Finding]) -> tuple[list[str], list[list[str]]]:
    """Findings as a header and rows of text; figures as name=value, members separated by blanks."""
    return list(HEADER), [
        [f.pattern, f.rule.id, f.first, f.last, str(f.grade), f.rule.evidence, f.words, _pairs(f.statistic),
         _pairs(f.threshold), " ".join(f.txs), " ".join(f.places)]
        for f in findings
    ]  # fmt: skip


def _pairs(figures: dict[str, Figure]) -> str:
    return " ".join(f"{name}={value}" for name, value in figures.items())
