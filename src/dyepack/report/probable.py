"""Where mixed money may have gone on, as a terminal and the page show it: apart from every total.

Invariant: each row says how many candidates there are in all, the anonymity set, and on whose rule that rests; the word
is "probable" throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.report.words import Names, counted, utc

if TYPE_CHECKING:
    from dyepack.tracing.onward import Candidate, Onward
    from dyepack.tracing.statement import Statement

SHOWN = 8
"""Mixes that a terminal lists before the rest is counted."""
SHOWN_CANDIDATES = 5
"""Candidates of a mix that a rule speaks for and that a terminal lists."""

COLUMNS = (
    "kind", "via", "family", "rule", "asset", "went_in_base_units", "anonymity_set", "candidates_in_all", "place", "tx",
    "time", "base_units", "rules", "confidence", "evidence",
)  # fmt: skip

CAVEAT = (
    "In a CoinJoin or a pool units lose their identity, so the trace ends there. These are sets in which the money "
    "probably is; no candidate is given an amount, and none of it is in a total."
)


def probable_lines(statement: Statement, names: Names, *, every: bool) -> list[str]:
    """A line a mix, with the candidates that a rule speaks for beneath it."""
    shown = statement.onward if every else statement.onward[:SHOWN]
    lines = []
    for mix in shown:
        lines.append(f"probable, in no total: {names.exact(mix.asset, mix.units)} {mix.words()} ({_grade(mix)})")
        spoken = [c for c in mix.candidates if c.rules]
        lines += [f"  {_spoken(c, mix, names)}" for c in spoken[: None if every else SHOWN_CANDIDATES]]
    if len(shown) < len(statement.onward):
        lines.append(f"probable: {len(statement.onward) - len(shown)} more mixes (--all)")
    return lines


def _spoken(candidate: Candidate, mix: Onward, names: Names) -> str:
    rules = ", ".join(candidate.rules)
    return (f"{names.exact(mix.asset, candidate.units)} to {candidate.place} in {candidate.txid} "
            f"({rules}; {candidate.evidence}, confidence {candidate.confidence})")  # fmt: skip


def _grade(mix: Onward) -> str:
    return f"recognised by {mix.rule}, {mix.evidence}, confidence {mix.confidence}"


def probable_table(statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """One row a candidate that is listed, with the mix that it is of."""
    return list(COLUMNS), [
        [mix.kind, mix.via, mix.family, mix.rule, mix.asset, mix.units, mix.anonymity_set,
         len(mix.candidates) + mix.others, c.place, c.txid, c.time, c.units, " ".join(c.rules), c.confidence,
         c.evidence]
        for mix in statement.onward for c in mix.candidates
    ]  # fmt: skip


def probable_rows(statement: Statement, names: Names) -> list[dict[str, Any]]:
    """The rows of the page's section, a mix each."""
    return [
        {
            "via": mix.via,
            "what": "CoinJoin" if mix.kind == "coinjoin" else "pool",
            "family": mix.family,
            "units": names.exact(mix.asset, mix.units),
            "set": f"{mix.anonymity_set:,}" if mix.anonymity_set else "not known",
            "count": counted(len(mix.candidates) + mix.others, "candidate"),
            "others": mix.others,
            "grade": _grade(mix),
            "measured": mix.measured,
            "deposits": mix.deposits,
            "candidates": [
                {"place": c.place, "txid": c.txid, "time": utc(c.time), "units": names.exact(mix.asset, c.units),
                 "rules": ", ".join(c.rules), "grade": f"{c.evidence}, {c.confidence}/100"}
                for c in mix.candidates
            ],
        }
        for mix in statement.onward
    ]  # fmt: skip
