"""What a bridge hop is made of: a deposit on one ledger, a payout on another, and the link between the two.

Three tiers, which say on what a link rests and never enter one score together:
  PROTOCOL   E1  the bridge's own records name the other leg: message id, source transaction, memo
  CONFIRMED  E2  the service says so: its answer to a subpoena, its explorer, a test transaction
  INFERRED   E6  amount, time and address fit: a lead, never an identification

Invariant: a link's evidence and confidence are those of its tier, `Links` holds each tier in a list of its own, and a
Tier has no order and no value to reckon with. Amounts are base units; a refund is a payout on the deposit's own chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NATIVE = "native"
"""The asset key of a chain's own coin."""

EVM_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")
EVM_HASH = re.compile(r"0[xX][0-9a-fA-F]{64}")


class Tier(Enum):
    """On what a link rests."""

    PROTOCOL = "protocol"
    CONFIRMED = "confirmed"
    INFERRED = "inferred"


GRADES: dict[Tier, tuple[str, int, int]] = {
    Tier.PROTOCOL: ("E1", 95, 100),
    Tier.CONFIRMED: ("E2", 70, 90),
    Tier.INFERRED: ("E6", 0, 40),
}
"""Evidence class of a tier, and the least and most confidence that its links may have."""


def folded(address: str) -> str:
    """An address, or the contract of an asset, as it is compared: EVM in lower case, every other shape as it is."""
    text = address.strip()
    return text.lower() if EVM_ADDRESS.fullmatch(text) else text


def chain_name(chain_id: int) -> str:
    """The name of an EVM chain as the live sources name it, "evm:<id>" for one that they do not know."""
    from dyepack.sources.live.evm.source import CHAINS

    return CHAINS[chain_id][0] if chain_id in CHAINS else f"evm:{chain_id}"


@cache
def chain_ids() -> dict[str, int]:
    """The ids of EVM chains by name."""
    from dyepack.sources.live.evm.source import CHAINS

    return {name: chain_id for chain_id, (name, _) in CHAINS.items()}


def tx_key(tx: str) -> str:
    """A transaction's id as it is compared: memos write it in capitals and without 0x."""
    return tx.strip().lower().removeprefix("0x")


@dataclass(frozen=True, slots=True)
class BridgeDeposit:
    """The source leg: units given to a bridge. What nobody told is "" (time: -1).

    receiver    who is to be paid, on `to_chain`
    amount      base units of `asset` (its key; NATIVE for the chain's coin)
    message_id  what the bridge calls this transfer in its records
    move        which move of the transaction: its kind and index as in a ledger ("token 12"), or "output 0"
    time        seconds since 1970, UTC
    memo        raw outside text
    record      where in the transaction the record stands: "log 7", or "item 2" of a batch. An event of the bridge is
                not the token's own event, so it does not say the move
    """

    bridge: str
    chain: str
    tx: str
    sender: str
    receiver: str
    asset: str
    amount: int
    to_chain: str = ""
    to_asset: str = ""
    message_id: str = ""
    move: str = ""
    time: int = -1
    memo: str = ""
    record: str = ""


@dataclass(frozen=True, slots=True)
class Payout:
    """The destination leg: units that a bridge paid out.

    from_chain, from_tx   the deposit that the payout names, where it names one
    refund                the units went back, on the chain on which they came
    """

    bridge: str
    chain: str
    tx: str
    receiver: str
    asset: str
    amount: int
    from_chain: str = ""
    from_tx: str = ""
    message_id: str = ""
    move: str = ""
    time: int = -1
    memo: str = ""
    refund: bool = False
    record: str = ""


@dataclass(frozen=True, slots=True)
class BridgeLink:
    """A deposit and the payout that it became; `candidates` is how many payouts could have been it."""

    deposit: BridgeDeposit
    payout: Payout
    tier: Tier
    evidence: str
    method: str
    confidence: int
    candidates: int = 1

    def __post_init__(self) -> None:
        evidence, least, most = GRADES[self.tier]
        if self.evidence != evidence or not least <= self.confidence <= most:
            raise ValueError(f"a link of tier {self.tier.value} has {evidence} and confidence {least} to {most}")
        if self.candidates < 1:
            raise ValueError("the payout of a link is one of its candidates")


@dataclass(frozen=True, slots=True)
class Links:
    """Links by tier. There is no list of all of them, so that nothing counts or ranks them together."""

    protocol: tuple[BridgeLink, ...] = ()
    confirmed: tuple[BridgeLink, ...] = ()
    inferred: tuple[BridgeLink, ...] = ()

    def __post_init__(self) -> None:
        for tier, links in zip(Tier, (self.protocol, self.confirmed, self.inferred), strict=True):
            if any(link.tier is not tier for link in links):
                raise ValueError(f"the list of tier {tier.value} holds a link of another tier")

    @classmethod
    def sorted(cls, links: Iterable[BridgeLink]) -> Links:
        """Links put into the list of their tier, each list in the order given."""
        lists: dict[Tier, list[BridgeLink]] = {tier: [] for tier in Tier}
        for link in links:
            lists[link.tier].append(link)
        return cls(*(tuple(lists[tier]) for tier in Tier))


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was not decoded: where it stands, and why."""

    place: str
    reason: str


@dataclass(slots=True)
class Reading:
    """What was decoded, and what was not: nothing is left out of both."""

    deposits: list[BridgeDeposit] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Reading) -> None:
        """Append another reading."""
        self.deposits += other.deposits
        self.payouts += other.payouts
        self.failures += other.failures
