"""The words that the registry may use, each with what it means. What is not in a table here is an error.

Vectors are mapped to Enterprise ATT&CK techniques in this one table. That every entry ends in T1657 Financial Theft is
not repeated. ATT&CK describes computers and people; it has no technique for a flaw in a contract's arithmetic, so
`code_exploit` names the nearest and `market_manipulation` names none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vector:
    """A way in: what it means, and the ATT&CK techniques (id, name) that come nearest."""

    meaning: str
    techniques: tuple[tuple[str, str], ...]


_SERVICE = ("T1566.003", "Phishing: Spearphishing via Service")
_ATTACHMENT = ("T1566.001", "Phishing: Spearphishing Attachment")
_ACCOUNTS = ("T1078", "Valid Accounts")
_KEYS = ("T1552.004", "Unsecured Credentials: Private Keys")

VECTORS: dict[str, Vector] = {
    "phishing_lure": Vector("a lure that was opened: an offer, a document, a test to run", (_SERVICE, _ATTACHMENT)),
    "social_engineering": Vector(
        "people were deceived into giving access or signing", (_SERVICE, ("T1598", "Phishing for Information"))
    ),
    "malware": Vector("a program of the thief ran at the victim", (("T1204.002", "User Execution: Malicious File"),)),
    "supply_chain": Vector(
        "came through a supplier's software or access",
        (("T1195.002", "Supply Chain Compromise: Compromise Software Supply Chain"),
         ("T1199", "Trusted Relationship")),
    ),
    "key_theft": Vector("private keys were taken or used", (_KEYS,)),
    "weak_keys": Vector("private keys could be guessed", (("T1110", "Brute Force"),)),
    "credential_theft": Vector(
        "passwords, sessions or API keys were taken", (_ACCOUNTS, ("T1539", "Steal Web Session Cookie"))
    ),
    "hot_wallet": Vector("a hot wallet was emptied; how its keys were reached is not told", (_KEYS,)),
    "code_exploit": Vector(
        "a flaw in a contract or a program was used", (("T1190", "Exploit Public-Facing Application"),)
    ),
    "market_manipulation": Vector("a price or a vote that a contract relies on was moved", ()),
    "payment_messages": Vector(
        "payment orders were forged or changed", (("T1565.002", "Data Manipulation: Transmitted Data Manipulation"),)
    ),
    "card_cashout": Vector("cash was drawn with forged or unlimited cards", ()),
    "insider": Vector("someone inside took part", (_ACCOUNTS,)),
    "it_worker": Vector("someone hired under a false identity took part", (_ACCOUNTS,)),
    "unknown": Vector("not told", ()),
}  # fmt: skip

VECTOR_BASES = {
    "report": "a source describes the way in",
    "label": "a list's label for the group or kind of attack: an inference",
    "none": "no source read says anything",
}

KINDS = {
    "exchange": "a custodial exchange or broker",
    "bridge": "a bridge between chains",
    "wallet": "a wallet's maker or its users",
    "defi": "a protocol of contracts",
    "bank": "a bank or central bank",
    "payment": "a payment processor or card provider",
    "individual": "a person, or a company's founder in person",
    "other": "anything else: a fund, a market maker, a casino, a miner, a token's issuer",
}

CODES = {
    "F": "FBI, US Department of Justice or governments together",
    "O": "OFAC: addresses or persons listed in context",
    "U": "UN Panel of Experts' list",
    "M": "Multilateral Sanctions Monitoring Team, report of October 2025",
    "P": "national police or prosecutors",
    "V": "a vendor or researcher only",
    "C": "the one who did it, in his own words",
}
"""Who attributes."""

CONFIDENCE = {
    "stated": "said as a fact by the source",
    "listed": "on the source's list, without words",
    "linked": "a link on a ledger or in tools, by the source",
    "suspected": "the source suspects or was told",
    "withdrawn": "in an older edition of the source, not in a newer",
}
FIRM = frozenset({"stated", "listed"})
"""Words of confidence on which an incident counts as certain."""

READ = {
    "read": "the source itself was read",
    "secondary": "read in another source that tells of it",
    "unchecked": "remembered or cited by others, not read",
}

BASES = {
    "victim": "the victim's own figure",
    "government": "a government's figure",
    "list": "a list's or a wiki's figure",
    "press": "a figure of the press",
    "ledger": "counted on the ledger",
}
PRICED = {
    "theft": "prices of the day of the theft",
    "announcement": "prices of the day it was made public",
    "not stated": "the sources do not say",
}

ACTORS = {
    "dprk": "Democratic People's Republic of Korea, whatever the group",
    "gonjeshke-darande": "Gonjeshke Darande, also called Predatory Sparrow",
    "named-person": "a person named by an authority or by himself",
    "insider": "someone inside the victim, not named",
    "other": "another party, named in `group`",
}

CURRENCIES = frozenset({"USD", "EUR", "GBP", "JPY", "KRW", "CNY", "INR", "CHF", "CAD", "AUD", "SGD", "HKD"})

COMPARATORS = {"more_than": "more than", "at_least": "at least", "about": "about", "up_to": "up to"}
MEASURES = {"stolen": "thefts", "attempted": "thefts and attempts", "laundered": "laundered, whenever it was stolen"}
SCOPES = {"crypto": "virtual assets only", "all": "banks and virtual assets"}
