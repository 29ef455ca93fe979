"""Tier 1: a payout's own record names its deposit, so the two are joined exactly.

  message id          Celer, Poly, Multichain 7: the id that both legs carry
  source transaction  Multichain before 7: the transaction that the payout names
  memo OUT, REFUND    THORChain: the transaction that the memo names; one deposit may have several payouts

A name alone is a claim. So whatever both legs tell must agree as well (chains, receiver, asset, that it came later, and
with a par that no more came out than went in), and where a bridge pays once a deposit that two payouts claim has
neither. What is refused is listed with the reason.

Invariant: every payout is in one link or refused, every deposit that no link has is unpaid; nothing is joined by amount
or time. With records from the bridge's own contracts a false link would need a false record of the bridge.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.patterns.bridges import thorchain_legs
from dyepack.patterns.bridges.model import GRADES, BridgeLink, Tier, folded, tx_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from fractions import Fraction

    from dyepack.patterns.bridges.model import BridgeDeposit, Payout

CONFIDENCE = GRADES[Tier.PROTOCOL][2]
SKEW = 900
"""Seconds by which the clocks of two chains may differ: block times are not exact."""

PAYS_OFTEN = frozenset({thorchain_legs.BRIDGE})
"""Bridges on which one deposit may have several payouts."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payout that no deposit was found for, and why."""

    payout: Payout
    reason: str


@dataclass(frozen=True, slots=True)
class Matched:
    """Links in the order of the payouts, payouts refused, deposits that nothing was found for; exact repeats once."""

    links: tuple[BridgeLink, ...]
    refused: tuple[Refusal, ...]
    unpaid: tuple[BridgeDeposit, ...]
    repeats: int


def match(
    deposits: Iterable[BridgeDeposit],
    payouts: Iterable[Payout],
    *,
    par: Callable[[BridgeDeposit, Payout], Fraction | None] | None = None,
    skew: int = SKEW,
) -> Matched:
    """Join payouts to the deposits that they name."""
    book = _Book(deposits, par, skew)
    claims: dict[BridgeDeposit, list[tuple[Payout, str]]] = defaultdict(list)
    refused: list[Refusal] = []
    given = list(payouts)
    once = list(dict.fromkeys(given))
    for payout in once:
        found, why = book.named_by(payout)
        if isinstance(found, str):
            refused.append(Refusal(payout, found))
        else:
            claims[found].append((payout, why))
    linked: dict[Payout, BridgeLink] = {}
    for deposit, claimed in claims.items():
        if len(claimed) > 1 and deposit.bridge not in PAYS_OFTEN:
            refused += [Refusal(payout, f"{len(claimed)} payouts claim one deposit") for payout, _ in claimed]
            continue
        for payout, why in claimed:
            linked[payout] = BridgeLink(deposit, payout, Tier.PROTOCOL, "E1", why, CONFIDENCE)
    links = tuple(linked[payout] for payout in once if payout in linked)
    paid_for = {link.deposit for link in links}
    unpaid = tuple(deposit for deposit in book.deposits if deposit not in paid_for)
    return Matched(links, tuple(refused), unpaid, len(given) - len(once))


class _Book:
    """Deposits by what a payout may name."""

    def __init__(
        self,
        deposits: Iterable[BridgeDeposit],
        par: Callable[[BridgeDeposit, Payout], Fraction | None] | None,
        skew: int,
    ) -> None:
        self.par, self.skew = par, skew
        self.deposits = list(dict.fromkeys(deposits))
        self.by_id: dict[tuple[str, str], list[BridgeDeposit]] = defaultdict(list)
        self.by_tx: dict[tuple[str, str], list[BridgeDeposit]] = defaultdict(list)
        for deposit in self.deposits:
            if deposit.message_id:
                self.by_id[deposit.bridge, deposit.message_id.lower()].append(deposit)
            if deposit.tx:
                self.by_tx[deposit.bridge, tx_key(deposit.tx)].append(deposit)

    def named_by(self, payout: Payout) -> tuple[BridgeDeposit | str, str]:
        """The deposit that a payout names and how, or why there is none."""
        if not payout.message_id and not payout.from_tx:
            return "names no deposit", ""
        named = self.by_id.get((payout.bridge, payout.message_id.lower()), []) if payout.message_id else []
        how = "message id"
        if not named and payout.from_tx:
            named = self.by_tx.get((payout.bridge, tx_key(payout.from_tx)), [])
            how = "source transaction"
            if payout.bridge == thorchain_legs.BRIDGE:
                how = "memo REFUND" if payout.refund else "memo OUT"
        if not named:
            return "names a deposit that is not known", ""
        reasons = [self._contradiction(deposit, payout) for deposit in named]
        fitting = [deposit for deposit, reason in zip(named, reasons, strict=True) if not reason]
        if not fitting:
            return reasons[0], ""
        if len(fitting) > 1:
            return f"fits {len(fitting)} deposits that it names", ""
        return fitting[0], how

    def _contradiction(self, deposit: BridgeDeposit, payout: Payout) -> str:
        """What a deposit and a payout that names it do not agree on, "" for nothing."""
        if payout.from_chain and payout.from_chain != deposit.chain:
            return f"came from {payout.from_chain}, the deposit is on {deposit.chain}"
        if payout.time >= 0 and deposit.time >= 0 and payout.time + self.skew < deposit.time:
            return "was paid before the deposit"
        if payout.refund:
            return "" if payout.chain == deposit.chain else "a refund on another chain than the deposit's"
        if deposit.to_chain and payout.chain != deposit.to_chain:
            return f"was paid on {payout.chain}, the deposit is for {deposit.to_chain}"
        return "" if payout.bridge == thorchain_legs.BRIDGE else self._other_terms(deposit, payout)

    def _other_terms(self, deposit: BridgeDeposit, payout: Payout) -> str:
        """Receiver, asset and amount; on THORChain affiliates and names are paid too, so there they tell nothing."""
        if deposit.receiver and folded(payout.receiver) != folded(deposit.receiver):
            return "was paid to another receiver"
        if deposit.to_asset and folded(payout.asset) != folded(deposit.to_asset):
            return "was paid in another asset"
        par = self.par(deposit, payout) if self.par else None
        if par is not None and payout.amount * par.denominator > deposit.amount * par.numerator:
            return "paid more than was deposited"
        return ""
