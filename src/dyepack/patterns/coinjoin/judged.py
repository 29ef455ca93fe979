"""A rule's answer about one transaction: every condition with its figure and its threshold, held or not.

Invariant: a rule matches if and only if all of its conditions hold; the conditions have the same names in the same
order for every transaction, so that misses can be counted by the condition that fails.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from dyepack.patterns.finding import Figure, Rule


@dataclass(frozen=True, slots=True)
class Check:
    """One condition: what was measured, what it was held against, and whether it holds."""

    name: str
    measured: Figure
    limit: Figure
    holds: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """All conditions of a rule on one transaction.

    denominations  value -> ids of the outputs that are alike, largest value first, where the rule matches
    confidence     0-100 of this occurrence
    """

    rule: Rule
    checks: tuple[Check, ...]
    confidence: int
    denominations: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def matches(self) -> bool:
        """Whether every condition holds."""
        return all(check.holds for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the conditions that do not hold."""
        return tuple(check.name for check in self.checks if not check.holds)

    @property
    def statistic(self) -> dict[str, Figure]:
        """What was measured, by condition."""
        return {check.name: check.measured for check in self.checks}

    @property
    def threshold(self) -> dict[str, Figure]:
        """What it was held against, by condition."""
        return {check.name: check.limit for check in self.checks}


def at_least(name: str, measured: float, limit: float) -> Check:
    """measured >= limit."""
    return Check(name, measured, f">= {limit}", measured >= limit)


def at_most(name: str, measured: float, limit: float) -> Check:
    """measured <= limit."""
    return Check(name, measured, f"<= {limit}", measured <= limit)


def worth_at_least(name: str, satoshi: int, limit: int) -> Check:
    """An amount, shown as text: satoshi >= limit."""
    return Check(name, str(satoshi), f">= {limit}", satoshi >= limit)


def worth_at_most(name: str, satoshi: int, limit: int) -> Check:
    """An amount, shown as text: satoshi <= limit."""
    return Check(name, str(satoshi), f"<= {limit}", satoshi <= limit)


def parameters(limits: DataclassInstance, *amounts: str) -> dict[str, Figure]:
    """The thresholds as a rule lists them; amounts, by their names, as text."""
    return asdict(limits) | {name: str(getattr(limits, name)) for name in amounts}


def between(name: str, measured: float, least: float, most: float) -> Check:
    """least <= measured <= most."""
    return Check(name, measured, f"{least} to {most}", least <= measured <= most)


def since(height: int, first: int) -> Check:
    """The height at which a protocol began; a height that nobody told passes."""
    return Check("height", height, f">= {first}", height < 0 or height >= first)
