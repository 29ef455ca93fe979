"""Where units that were mixed may have gone on: candidates with their grounds, shown apart from every total.

In a CoinJoin or a pool units lose their identity, so a trace ends there. What can still be said is a set: these are the
outputs or withdrawals that the units may be in, so many in all, and these rules speak for some of them.
Invariant: no candidate is given a share of the units; every Onward counts all of its candidates, shown or not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SHOWN = 50
"""Candidates of one mix that are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One output or withdrawal in which mixed units may be.

    place       address it went to (of an output without one the output itself)
    txid, time  its transaction, and when (UTC, ISO 8601, "" where nobody said)
    units       its base units; `output` its number, -1 for a withdrawal
    rules       ids of the rules that speak for it beyond being one of the set
    confidence  0-100, of the best of them, or that of one in the anonymity set; `evidence` its class
    """

    place: str
    txid: str
    time: str
    units: int
    output: int
    rules: tuple[str, ...]
    confidence: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Onward:
    """What may have become of units that went into one CoinJoin, or into one pool.

    via            transaction of the CoinJoin, address of the pool
    kind, family   "coinjoin" or "pool", and which sort of it
    rule           id of the rule that recognised it; `confidence`, `evidence` and `measured` are that rule's
    asset, units   what went in under the headline rule, dyed base units, in `went_in` transactions; `deposits` are the
                   first SHOWN of them
    anonymity_set  outputs of one value, or notes of the pool that were not withdrawn, among which a unit hides (the
                   least over what went in); 0 where no withdrawal is known
    candidates     at most SHOWN, those that a rule speaks for first
    others         how many more there are
    """

    via: str
    kind: str
    family: str
    rule: str
    asset: str
    units: int
    deposits: tuple[str, ...]
    went_in: int
    anonymity_set: int
    candidates: tuple[Candidate, ...]
    others: int
    confidence: int
    evidence: str
    measured: str

    def words(self) -> str:
        """The finding as one sentence, without amounts."""
        count, spoken = len(self.candidates) + self.others, sum(bool(c.rules) for c in self.candidates)
        if self.kind == "coinjoin":
            return (f"went into the CoinJoin {self.via} ({self.family}): probably among {count:,} of its outputs; "
                    f"each hides among {self.anonymity_set:,}")  # fmt: skip
        what = f"went into the pool {self.via} ({self.family}) in {self.went_in:,} transactions"
        if not count:
            return f"{what}: its withdrawals are not in the ledger, so nothing can be said of what came after"
        told = f"a rule speaks for {spoken:,} of them" if spoken else "no rule speaks for any of them"
        return (f"{what}: probably among the {count:,} withdrawals after the first of these; {told}; "
                f"each hides among {self.anonymity_set:,} notes or more")  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, amounts as texts of base units."""
        row = asdict(self)
        for part in (row, *row["candidates"]):
            part["units"] = str(part["units"])
        return row

    @staticmethod
    def from_json(row: dict[str, Any]) -> Onward:
        """What `asdict` and texts for amounts made of an Onward."""
        found = [Candidate(**c | {"units": int(c["units"]), "rules": tuple(c["rules"])}) for c in row["candidates"]]
        return Onward(**row | {"units": int(row["units"]), "deposits": tuple(row["deposits"]),
                               "candidates": tuple(found)})  # fmt: skip
