"""Laundering regions of a chosen size: how many moves the dye of a theft touches is fixed by construction.

A region is a fan-out from the thief to a few chains of fresh addresses; each hop pays a service and sends
the rest on. All regions of an economy share one shape and differ in amounts.

Units: amounts are in grains of 10**9 wei (gwei) as int64. Shapes: t thefts, r region transactions per theft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dyepack.ledger.schema import I64

CHAINS = 8
THEFT_MOVES = 3
"""Transactions by which each theft takes its money."""
COIN = 10**9
"""One coin in grains."""
MOST_FEE = 21_000 * 64
"""The dearest fee of a region's transaction, in grains."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The transactions of one region, in time order; node 0 is the thief, the others fresh addresses.

    sender    (r,) node that pays
    receiver  (r,) node that is paid; -1 for a peel, which goes out of the region
    chain     (r,) chain number
    step      (r,) step within the chain; -1 for the fan-out payment that starts it
    length    (chains,) steps of each chain
    """

    sender: I64
    receiver: I64
    chain: I64
    step: I64
    length: I64
    nodes: int

    def __len__(self) -> int:
        """Transactions in the region."""
        return len(self.sender)


def shape_of(transactions: int) -> Shape:
    """A region of exactly so many transactions (at least one), in up to eight chains."""
    chains = min(CHAINS, transactions)
    spare = transactions - chains
    length = np.full(chains, spare // chains, dtype=np.int64)
    length[: spare % chains] += 1
    size = length // 2 + 1
    start = 1 + np.concatenate(([0], np.cumsum(size)[:-1]))
    chain = np.repeat(np.arange(chains), length)
    first = np.concatenate(([0], np.cumsum(length)[:-1]))
    step = np.arange(spare) - np.repeat(first, length)
    order = np.lexsort((chain, step))
    chain, step = chain[order], step[order]
    here = start[chain] + step // 2
    return Shape(
        sender=np.concatenate((np.zeros(chains, dtype=np.int64), here)),
        receiver=np.concatenate((start, np.where(step % 2 == 0, -1, here + 1))),
        chain=np.concatenate((np.arange(chains), chain)),
        step=np.concatenate((np.full(chains, -1), step)),
        length=length,
        nodes=1 + int(size.sum()),
    )


def spending(shape: Shape, stolen: I64, fees: I64, dice: np.random.Generator) -> I64:
    """Amounts of the region's transactions, shape (t, r), all positive, for `stolen` (t,) and `fees` (t, r).

    Invariant: no node spends more than it received; every node but the thief and the chains' last ends empty.
    """
    share = stolen * 98 // 100 // len(shape.length)
    peels = (shape.length + 1) // 2
    usable = share[:, None] - shape.length[None, :] * MOST_FEE
    base = usable // (peels[None, :] + 1)
    if len(base) and int(base.min()) < 2:
        raise ValueError("the theft is too small for so many moves")
    amounts = np.empty((len(stolen), len(shape)), dtype=np.int64)
    amounts[:, : len(shape.length)] = share[:, None]
    for chain in range(len(shape.length)):
        columns = np.flatnonzero((shape.chain == chain) & (shape.step >= 0))
        peel = base[:, chain, None] * dice.integers(500, 1000, (len(stolen), len(columns))) // 1000
        peel[:, 1::2] = 0
        gone = np.cumsum(peel + fees[:, columns], axis=1)
        amounts[:, columns] = np.where(peel > 0, peel, share[:, None] - gone)
    return amounts


def takings(thefts: int, dyed_moves: int, dice: np.random.Generator) -> I64:
    """What each transaction of each theft takes, shape (t, THEFT_MOVES): enough for the region's fees."""
    least = 500 * COIN + dyed_moves * (COIN // 100)
    return least + dice.integers(0, least, (thefts, THEFT_MOVES))
