"""What speaks against every family of CoinJoins, whatever its rule says (as GraphSense-lib has it).

stonewall  3 or 4 outputs of which exactly one value stands there twice and no other more than once, 2 inputs or more,
           all output scripts distinct: one wallet (Samourai, Sparrow) that pays somebody and makes it look like two
exchange   an input address is tagged as an exchange's: payouts to many customers look alike

Invariant: a veto can only take a finding away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.patterns.coinjoin.shape import distinct
from dyepack.tags.model import TagKind

if TYPE_CHECKING:
    from dyepack.patterns.coinjoin.shape import TxShape

STONEWALL, EXCHANGE = "stonewall", "exchange"

EXCHANGE_KINDS = frozenset({TagKind.EXCHANGE.value, TagKind.EXCHANGE_DEPOSIT.value})

_OUTPUTS = (3, 4)
_LEAST_INPUTS = 2


def vetoes(shape: TxShape) -> tuple[str, ...]:
    """The vetoes that a transaction draws; none: ()."""
    drawn = []
    if is_stonewall(shape):
        drawn.append(STONEWALL)
    if shape.tagged & EXCHANGE_KINDS:
        drawn.append(EXCHANGE)
    return tuple(drawn)


def is_stonewall(shape: TxShape) -> bool:
    """Whether a transaction has Stonewall's shape."""
    if shape.outs not in _OUTPUTS or shape.ins < _LEAST_INPUTS:
        return False
    repeated = [count for count in shape.counts().values() if count > 1]
    return repeated == [2] and distinct(shape.out_script) == shape.outs
