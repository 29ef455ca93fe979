"""Swaps inside one transaction, recognised by the simplest certain shape: two moves between two parties.

Invariant: a payment has at most one product, in the same transaction, later in it, in another asset; each of the
two is the only move of its direction between the two parties, and the payee gets nothing of the product's asset
between them. (The replay asks besides that the payee holds no dye of that asset, so that no move carries the dye of
both.) Anything else is left as "swap not followed": net balances over routers and pools are the business of a
pattern detector, not of the replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.schema import NOWHERE

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.holding import Piece

LONGEST = 256
"""Transactions with more moves than this are not searched for swaps."""


def find_product(ledger: Ledger, paid: int) -> int | None:
    """The move that brings the product of the payment `paid`, if there is exactly one."""
    payer, payee = _address(ledger, ledger.move_from[paid]), _address(ledger, ledger.move_to[paid])
    if payer < 0 or payee < 0 or payer == payee:
        return None
    txs = ledger.move_tx
    tx = txs[paid]
    first = paid
    while first > 0 and txs[first - 1] == tx and paid - first <= LONGEST:
        first -= 1
    last = paid + 1
    while last < len(txs) and txs[last] == tx and last - paid <= LONGEST:
        last += 1
    if last - first > LONGEST or last - first < 2:
        return None
    forth, back = 0, -1
    for move in range(first, last):
        giver, taker = _address(ledger, ledger.move_from[move]), _address(ledger, ledger.move_to[move])
        forth += giver == payer and taker == payee
        if giver == payee and taker == payer:
            if back >= 0:
                return None
            back = move
    if forth != 1 or back < paid or ledger.move_asset(back) == ledger.move_asset(paid):
        return None
    between = ledger.move_to[paid + 1 : back]
    return None if (between == ledger.move_from[back]).any() else back


def lay_over(pieces: list[Piece], units: int) -> list[Piece]:
    """Share the `units` of a product among the pieces of its payment, in order and in proportion, exactly."""
    given = sum(part for _, part in pieces)
    seen = done = 0
    laid: list[Piece] = []
    for leg, part in pieces:
        seen += part
        share = units * seen // given - done
        done += share
        laid.append((leg, share))
    return laid


def _address(ledger: Ledger, holding: object) -> int:
    number = int(holding)  # type: ignore[call-overload]
    return -1 if number == NOWHERE else ledger.holding_address(number)
