"""Rules that link withdrawals of a pool to deposits, each with its own conditions, hits and error.

  address match     who received a note (or, without a relayer, who sent the withdrawal) had paid notes into that pool
  unique gas price  a deposit and a later withdrawal have exactly the same price of gas, which no other deposit and no
                    other withdrawal of the pool has: a price that somebody typed in. Only before EIP-1559 (block
                    12,965,000), and not where a relayer set the price
  linked address    at least 3 ordinary transactions between who received a note and who had paid notes into the pool
  own gas           a withdrawal without a relayer: the recipient's side had coin for gas already, so it was known to
                    somebody before. It names no deposit; it says where to ask further
(several pools at once: portfolio.py; bursts: structured.py)

Where one address paid in several notes, a link names them all: they are alike, and which of them it was is not known.

Invariant: each link's deposits surely come before its withdrawals; the answer depends on the view (and dealings) alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.finding import Rule
from dyepack.patterns.pools.view import Link, grouped, shared_confidence

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.schema import I64
    from dyepack.patterns.pools.dealings import Dealings
    from dyepack.patterns.pools.view import View

EIP_1559 = 12_965_000
"""The first Ethereum block whose fees a protocol price leads: from here on equal prices say little."""

LEAST_DEALINGS = 3
MOST_OTHERS = 10
ROUND = 10**8
"""A tenth of a gwei: gas stations proposed whole multiples of it, so such a price is nobody's own choice."""
MEASURED = (
    "measured on generated pools whose bystanders are assumed, and on which the bounds for round prices and hubs were "
    "chosen (52,385 withdrawals; wrong: pairs of a withdrawal and a depositor that is not its owner; decoy: such pairs "
    "where no link is left)"
)
SOURCE = "Tutela whitepaper"

ADDRESS_MATCH = Rule(
    "pool-address-match/1", "pool link",
    "the address that received a note of a pool, or sent its withdrawal without a relayer, had paid notes into it",
    SOURCE, 80, "E5", f"{MEASURED}: found 10,181 of 10,181 withdrawals of its kind, 47 wrong; decoy 61", {},
)  # fmt: skip
GAS_PRICE = Rule(
    "pool-gas-price/1", "pool link",
    "a deposit and a later withdrawal without a relayer, both before EIP-1559, have exactly the same price of gas, no "
    "multiple of a tenth of a gwei, which no other deposit and no other such withdrawal of the pool has",
    SOURCE, 60, "E5",
    f"{MEASURED}: found 352 of 1,079 (the rest is later, or not alone with its price), 0 wrong; decoy 0",
    {"before_block": EIP_1559, "whole_wei": ROUND},
)  # fmt: skip
LINKED = Rule(
    "pool-linked-address/1", "pool link",
    "at least 3 ordinary transactions join the address that received a note of a pool and one that had paid into it, "
    "and neither dealt so with more than 11 parties of the pools",
    SOURCE, 50, "E5", f"{MEASURED}: found 8,812 of 10,033, 145 wrong; decoy 103",
    {"dealings": LEAST_DEALINGS, "others": MOST_OTHERS},
)  # fmt: skip
OWN_GAS = Rule(
    "pool-own-gas/1", "pool mark",
    "a withdrawal without a relayer: its gas was paid with coin from elsewhere, so somebody knew its side before",
    "this project's own rule", 10, "E6", "not measured: no history says who had been paid before", {"fee": 0},
)  # fmt: skip


def address_match(seen: View) -> list[Link]:
    """One link for each withdrawal whose recipient, or else caller without a relayer, had paid into its pool."""
    links = []
    for pool in range(len(seen.histories)):
        owned = _Owned(seen.depositor[pool])
        own_gas = seen.histories[pool].withdrawals.own_gas
        earlier = seen.sets[pool].earlier
        for role, party in (("received", seen.recipient[pool]), ("sent", np.where(own_gas, seen.caller[pool], -1))):
            counts = owned.count(party, earlier)
            for row in np.flatnonzero(counts).tolist():
                if role == "sent" and (party[row] == seen.recipient[pool][row]):
                    continue
                who = seen.text(int(party[row]))
                words = f"{who} {role} this withdrawal and had paid {int(counts[row])} notes into the same pool"
                links.append(
                    _one(seen, ADDRESS_MATCH, pool, owned.rows(int(party[row]), int(counts[row])), row, 0, words)
                )
    return links


def gas_price(seen: View, before_block: int = EIP_1559, whole: int = ROUND) -> list[Link]:
    """One link for each price that only one deposit and one later withdrawal of a pool have.

    before_block  only events of earlier blocks; `whole`: prices that are a multiple of this are nobody's own choice
                  (1: every price counts)
    """
    links = []
    for pool, history in enumerate(seen.histories):
        came, went = history.deposits, history.withdrawals
        typed = (came.gas_price >= 0) & (came.block < before_block)
        taken = (went.gas_price >= 0) & (went.block < before_block) & went.own_gas
        deposits, withdrawals = (_unique(c, rows) for c, rows in ((came.gas_price, typed), (went.gas_price, taken)))
        prices, one, other = np.intersect1d(came.gas_price[deposits], went.gas_price[withdrawals], return_indices=True)
        rows = zip(prices.tolist(), deposits[one].tolist(), withdrawals[other].tolist(), strict=True)
        for price, deposit, row in sorted(rows, key=lambda found: found[2]):
            if deposit >= seen.sets[pool].earlier[row] or (whole > 1 and price % whole == 0):
                continue
            words = (
                f"both set the price of gas to exactly {price:,} wei, as no other deposit or withdrawal of the pool did"
            )
            links.append(_one(seen, GAS_PRICE, pool, np.array([deposit]), row, 0, words))
    return links


def linked_address(
    seen: View, dealings: Dealings, least: int = LEAST_DEALINGS, most_others: int = MOST_OTHERS
) -> list[Link]:
    """One link for each withdrawal and each depositor with whom its recipient dealt at least `least` times.

    An address that dealt so with more than `most_others` + 1 parties of the pools is a service or a hub: to have dealt
    with it says nothing, and no link is made.
    """
    number = {bytes(row): at for at, row in enumerate(seen.addresses)}
    near: dict[int, list[tuple[int, int]]] = {}
    for (one, other), times in dealings.pairs.items():
        a, b = number.get(one), number.get(other)
        if a is not None and b is not None and times >= least:
            near.setdefault(a, []).append((b, times))
            near.setdefault(b, []).append((a, times))
    hubs = {who for who, partners in near.items() if len(partners) > most_others + 1}
    links = []
    for pool in range(len(seen.histories)):
        owned = _Owned(seen.depositor[pool])
        earlier = seen.sets[pool].earlier
        for recipient, rows in grouped(seen.recipient[pool]):
            if recipient in hubs:
                continue
            partners = sorted(p for p in near.get(recipient, ()) if p[0] in owned.of and p[0] not in hubs)
            for row in rows.tolist() if partners else ():
                counts = [(who, times, owned.before(who, int(earlier[row]))) for who, times in partners]
                counts = [found for found in counts if found[2]]
                for who, times, count in counts:
                    words = (
                        f"{seen.text(recipient)}, who received this, and {seen.text(who)}, who had paid {count} notes "
                    )
                    words += f"into the same pool, dealt with each other in {times} transactions"
                    links.append(_one(seen, LINKED, pool, owned.rows(who, count), row, len(counts) - 1, words))
    return links


def own_gas(seen: View) -> list[Link]:
    """One mark for each withdrawal without a relayer; it names no deposit."""
    links = []
    for pool, history in enumerate(seen.histories):
        for row in np.flatnonzero(history.withdrawals.own_gas).tolist():
            who = seen.text(int(seen.recipient[pool][row]))
            words = f"{who} took this note out without a relayer: its gas came from elsewhere"
            links.append(_one(seen, OWN_GAS, pool, np.zeros(0, np.int64), row, 0, words))
    return links


class _Owned:
    """The deposits of each depositor of a pool, in chain order."""

    def __init__(self, depositor: I64) -> None:
        self.of: dict[int, I64] = dict(grouped(depositor))

    def before(self, who: int, earlier: int) -> int:
        """How many of one's deposits are among the first `earlier` of the pool."""
        rows = self.of.get(who)
        return 0 if rows is None else int(np.searchsorted(rows, earlier, "left"))

    def rows(self, who: int, count: int) -> I64:
        """One's first deposits (a view, not a copy)."""
        return self.of[who][:count]

    def count(self, party: I64, earlier: I64) -> I64:
        """`before` of many."""
        known = np.array(sorted(self.of), np.int64)
        found = np.zeros(len(party), np.int64)
        for row in np.flatnonzero(np.isin(party, known)).tolist():
            found[row] = self.before(int(party[row]), int(earlier[row]))
        return found


def _unique(prices: I64, chosen: npt.NDArray[np.bool_]) -> I64:
    """The chosen rows whose price no other chosen row has."""
    rows = np.flatnonzero(chosen)
    _, first, count = np.unique(prices[rows], return_index=True, return_counts=True)
    return np.asarray(rows[first[count == 1]], np.int64)


def _one(seen: View, rule: Rule, pool: int, deposits: I64, row: int, others: int, words: str) -> Link:
    """A link to one withdrawal."""
    return Link(
        rule, ((pool, deposits),) if len(deposits) else (), ((pool, np.array([row])),),
        int(seen.sets[pool].most[row]), others, shared_confidence(rule, others), words,
    )  # fmt: skip
