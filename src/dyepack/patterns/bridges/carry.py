"""What becomes of dye on a link: the exchange product, in whole units.

Of a payout of P units for a deposit of A, the part dyed/A is dyed: floor(dyed * P / A), at most P. Where the deposit is
made of several parts they are laid over the payout in order, so that the whole deposit dyes the whole payout and no
unit twice. Where the payout's par is known (base units of its asset that one base unit of the deposit's is worth, for
the same asset on two ledgers the ratio of their decimals) what the bridge kept is told apart as the fee.

Invariant: the parts of a payout never exceed it, what is accounted for equals what went in, and a lead (tier
INFERRED) carries nothing. Confidence is no part of this: it goes along with the link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.patterns.bridges.model import Tier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from dyepack.patterns.bridges.model import BridgeLink


@dataclass(frozen=True, slots=True)
class Carried:
    """Dyed units of a deposit, accounted for.

    dyed     units of the source asset that went in
    passed   of these, what the payout stands for
    fee      of these, what the bridge kept; dyed = passed + fee
    units    dyed units of the destination asset
    """

    dyed: int
    passed: int
    fee: int
    units: int


def carry(link: BridgeLink, dyed: int) -> int:
    """Dyed units of the payout's asset, for `dyed` units of the deposit. Raises ValueError (see `carry_parts`)."""
    return carry_parts(link, (dyed,))[0]


def carry_parts(link: BridgeLink, parts: Sequence[int]) -> list[int]:
    """Dyed units of the payout for each of several parts of the deposit, laid over it in the order given.

    The parts sum to floor(sum * payout / deposit). Raises ValueError for a lead, for a part below 0, and for parts
    that exceed the deposit: the caller's ledger and the link then differ on what was deposited.
    """
    if link.tier is Tier.INFERRED:
        raise ValueError("a lead carries no dye")
    deposit, payout = link.deposit.amount, link.payout.amount
    if min(parts, default=0) < 0 or sum(parts) > deposit:
        raise ValueError(f"dyed parts of {sum(parts)} units do not fit a deposit of {deposit}")
    carried, before, total = [], 0, 0
    for part in parts:
        total += part
        after = total * payout // deposit if deposit else 0
        carried.append(after - before)
        before = after
    return carried


def account(link: BridgeLink, dyed: int, par: Fraction | None = None) -> Carried:
    """The same as `carry` with both sides of the book; `par` None: the price is not known, and the fee is in it.

    The fee's part is rounded down, so rounding never makes a fee. Raises ValueError as `carry` does, and for a par
    that is not above 0.
    """
    units = carry(link, dyed)
    if par is None:
        return Carried(dyed, dyed, 0, units)
    if par <= 0:
        raise ValueError("a par is above 0")
    deposit = link.deposit.amount
    kept = max(deposit - -(-link.payout.amount * par.denominator // par.numerator), 0)
    fee = dyed * kept // deposit if deposit else 0
    return Carried(dyed, dyed - fee, fee, units)
