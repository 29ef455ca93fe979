"""How sure a tag is when its source does not say: confidence (0-100) and evidence class.

The numbers are methods.md 6.3 (GraphSense TagPack levels and the crosswalk to evidence classes):

AUTHORITY 60, E3   authority_data: a published sanctions list. It vouches for the address alone, not its use.
WEB_CRAWL 20, E6   web_crawl: labels copied off an explorer's pages. Whoever put them there gave no grounds.
UNSTATED  40, E6   a list whose author does not say how they know: the most that an inference may have (E6 is
                   <= 40). It stands above a web crawl because the user chose it for the case, and below any
                   source with stated grounds; a list that knows better says so in its `confidence` column.
PROTOCOL 100, E1   ledger_immanent: a constant of the protocol itself.

Invariant: a default never makes a fact of an inference; only a source's own words, or the caller's, go
higher.
"""

from __future__ import annotations

from typing import NamedTuple

from dyepack.tags.model import TagKind


class Grade(NamedTuple):
    """A confidence (0-100) with its evidence class (E1-E6)."""

    confidence: int
    evidence: str


AUTHORITY = Grade(60, "E3")
WEB_CRAWL = Grade(20, "E6")
UNSTATED = Grade(40, "E6")
PROTOCOL = Grade(100, "E1")

CONFIDENCE_IDS: dict[str, Grade] = {
    "override": Grade(100, "E6"),
    "ownership": Grade(100, "E2"),
    "ledger_immanent": PROTOCOL,
    "manual_transaction": Grade(90, "E2"),
    "service_api": Grade(70, "E2"),
    "forensic_investigation": Grade(70, "E6"),
    "authority_data": AUTHORITY,
    "trusted_provider": Grade(50, "E6"),
    "service_data": Grade(50, "E2"),
    "forensic": Grade(50, "E6"),
    "untrusted_transaction": Grade(40, "E6"),
    "web_crawl": WEB_CRAWL,
    "heuristic": Grade(10, "E6"),
    "unknown": Grade(5, "E6"),
}
"""The confidence ids of TagPacks: their level (methods.md 6.3), and the class that their grounds belong to.

E1: read off the ledger. E2: the service's own word (its API, its pages), an own payment to it, or proof of the key.
E3: an authority's list. E6: everything whose error nobody measured, however sure its author is; so a level above 40
beside E6 is the author's word, and an override says nothing of its grounds.
"""

PROVIDER = CONFIDENCE_IDS["trusted_provider"]
UNKNOWN = CONFIDENCE_IDS["unknown"]

MADE_UP_AT_MOST = 80
"""The most confidence that precision measured on made-up wallets gives: a real chain is another one."""

EVIDENCE_CLASSES = ("E1", "E2", "E3", "E4", "E5", "E6")

KIND_WORDS: dict[str, TagKind] = {kind.value: kind for kind in TagKind} | {
    "exchange_hot": TagKind.EXCHANGE,
    "unrelated_false_positive_trap": TagKind.OTHER,
}
"""The words a list or a caller may use for a kind."""

KEPT_IN_LABEL = frozenset({"unrelated_false_positive_trap"})
"""Words that say more than the kind they become: they are appended to the label in brackets."""


def default_grade(kind: TagKind) -> Grade:
    """The grade of a list's row that states none: AUTHORITY if it says sanctioned, otherwise UNSTATED."""
    return AUTHORITY if kind is TagKind.SANCTIONED else UNSTATED
