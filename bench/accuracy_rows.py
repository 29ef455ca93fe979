"""One row of the accuracy table, and the table as Markdown: the same form for every pattern.

Invariant: precision and recall are worked out from the counts when a table is printed, never stored; where nothing
could have been found by mistake (no negatives) there is no precision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """What one rule did on one data set.

    pattern    the pattern, as findings name it
    rule       the id of the rule
    data       the data set (or the part of it)
    size       how many things were looked at: positives and negatives
    positives  how many of them are labelled as the pattern
    found      how many of the positives the rule found
    false      how many of the negatives the rule found too
    negatives  how many are labelled as something else
    note       the misses and the false alarms explained
    """

    pattern: str
    rule: str
    data: str
    size: int
    positives: int
    found: int
    false: int
    negatives: int
    note: str


HEADER = ("pattern", "rule", "data", "size", "positives", "found", "negatives", "false", "precision", "recall", "note")


def share(part: int, whole: int) -> str:
    """A part as a percentage, "n/a" where there is no denominator; 100 % is said only of the whole."""
    if not whole:
        return "n/a"
    text = f"{100 * part / whole:.2f} %"
    return "< 100 %" if part < whole and text == "100.00 %" else text


def cells(row: AccuracyRow) -> list[str]:
    """The texts of one row of the table."""
    counts = [f"{n:,}" for n in (row.size, row.positives, row.found, row.negatives, row.false)]
    precision = share(row.found, row.found + row.false) if row.negatives else "n/a"
    recall = share(row.found, row.positives)
    return [row.pattern, row.rule, row.data, *counts, precision, recall, row.note]


def markdown(rows: Iterable[AccuracyRow]) -> str:
    """The rows as a Markdown table."""
    lines = [list(HEADER), ["---"] * len(HEADER), *(cells(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def print_rows(rows: Iterable[AccuracyRow]) -> None:
    """Print the rows as a Markdown table."""
    print(markdown(rows))
