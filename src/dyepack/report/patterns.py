"""Findings and rules of detectors as a terminal shows them.

Invariant: no finding without its rule and that rule's error; text from outside is made visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.sinks import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.patterns.finding import Finding, Rule

SHOWN = 10
"""Findings of one rule that are listed."""


def finding_lines(found: Sequence[Finding]) -> list[str]:
    """Findings by rule: how many, the rule's grade and error, the first of them."""
    lines = []
    for rule in {f.rule.id: f.rule for f in found}.values():
        mine = [f for f in found if f.rule.id == rule.id]
        error = rule.measured or "error not measured"
        lines.append(f"{rule.pattern}: {len(mine):,} ({rule.id}, {rule.evidence}; {error})")
        lines += [f"  confidence {f.grade}: {f.words}{_where(f)}" for f in mine[:SHOWN]]
        lines += [f"  and {len(mine) - SHOWN:,} more (--json or --csv)"] if len(mine) > SHOWN else []
    return [visible(line) for line in lines or ["nothing found"]]


def _where(finding: Finding) -> str:
    """The first transaction of a finding whose sentence names none, and how many more there are."""
    if not finding.txs or any(tx in finding.words for tx in finding.txs):
        return ""
    more = f" and {len(finding.txs) - 1:,} more" if len(finding.txs) > 1 else ""
    return f" (transaction {finding.txs[0]}{more})"


def rule_lines(rules: Iterable[Rule]) -> list[str]:
    """Every rule: what it asks for, where that is from, its thresholds and its error."""
    lines = []
    for rule in rules:
        values = ", ".join(f"{name} {value}" for name, value in rule.parameters.items())
        lines += [f"{rule.id}: {rule.pattern} ({rule.evidence}, confidence {rule.confidence})", f"  {rule.conditions}",
                  f"  source: {rule.source}", f"  parameters: {values}",
                  f"  error: {rule.measured or 'not measured'}"]  # fmt: skip
    return [visible(line) for line in lines]
