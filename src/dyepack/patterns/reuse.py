"""Deposit-address reuse (Victor 2020): who sends to one exchange deposit address is taken to be one customer.

An exchange gives each customer an address d of their own and forwards what comes in to its hot wallet x. So for every
payment d -> x of a_f units in block b_f the closest earlier payment u -> d of a_r units in block b_r is looked for with
0 <= b_f - b_r <= tau and 0 <= a_r - a_f <= alpha, and u is joined with d (Victor 2020). alpha is 0.01 ETH, tau 3,200
blocks; tokens must be equal, since gas is paid in coin. Pruned: u or d a hot wallet or a known service, and every d
that is also a u, since deposit addresses do not chain. Confidence of an edge: kappa = 1 - (a_r - a_f) / 2 alpha
- (b_f - b_r) / 2 tau (its first part is 0 for tokens).
Clusters are the connected components of the edges, hot wallets left out.

Published (Tutela whitepaper): recall 39.4 % on clusters of ENS names; no precision, hence E6. Services that let
customers share an address, and senders that are services themselves, join strangers: name them in `services`.
Invariant: each edge keeps its two transactions, the merges are a forest that spans the clusters, and `without(txs)`
equals a run that never saw those transactions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from dyepack.patterns.activity import NOBODY, entries, payments, spans
from dyepack.patterns.finding import Finding, Rule
from dyepack.unions import Unions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.activity import Entry

NATIVE = 0
ALPHA = 10**16
"""Base units of the coin that may stay behind for gas: 0.01 ETH."""
TAU = 3200
"""Blocks between receipt and forwarding."""
LOOKED_AT = 1000
"""Receipts of the last tau blocks that are compared with a forwarding, newest first: a bound on the cost."""

RULE = Rule(
    "deposit-reuse/1", "deposit-address reuse",
    "different addresses paid one deposit address, whose forwarding to a hot wallet followed within 3,200 blocks with "
    "at most 0.01 coins less (tokens: the same amount)", "Victor (FC 2020), as the Tutela whitepaper has it", 50, "E6",
    "published: recall 39.4 % on ENS-derived clusters, no precision; made-up customers (bench/accuracy_accounts.py): "
    "recall 41.9 % of pairs, none wrong; one address that a tenth of them share makes 89 % of the pairs wrong",
    {"alpha (units)": str(ALPHA), "tau (blocks)": TAU},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReuseEdge:
    """A customer's address `user` and a deposit address: ids of addresses, asset and moves; base units.

    received, forwarded  the units of the two moves; `blocks` between them; `kappa` 0 to 1, a statistic
    """

    user: int
    deposit: int
    hot: int
    asset: int
    receipt: int
    forward: int
    receipt_tx: str
    forward_tx: str
    received: int
    forwarded: int
    blocks: int
    kappa: float


@dataclass(frozen=True)
class Reuse:
    """The edges in the order of their forwardings, pruned, and the clusters that they make."""

    ledger: Ledger
    hot: frozenset[int]
    services: frozenset[int]
    alpha: int
    tau: int
    left_out: frozenset[str]
    """Transactions that are not looked at."""
    edges: tuple[ReuseEdge, ...]

    @cached_property
    def merges(self) -> tuple[ReuseEdge, ...]:
        """The edges that joined two clusters, in order: a forest."""
        return self._joined[0]

    @cached_property
    def clusters(self) -> tuple[tuple[int, ...], ...]:
        """The addresses of each cluster, ascending; clusters by their smallest."""
        of: dict[int, list[int]] = {}
        for address in sorted(self._joined[1]):
            of.setdefault(self._joined[1][address], []).append(address)
        return tuple(tuple(members) for _, members in sorted(of.items()))

    @cached_property
    def _joined(self) -> tuple[tuple[ReuseEdge, ...], dict[int, int]]:
        """(merges, address -> smallest address of its cluster)."""
        sets: Unions[int] = Unions()
        merges = tuple(edge for edge in self.edges if sets.join(edge.user, edge.deposit))
        return merges, sets.roots()

    def of(self, address: int) -> int:
        """The cluster of an address, by its smallest member; itself if nothing joined it."""
        return self._joined[1].get(address, address)

    def explain(self, one: int, other: int) -> list[ReuseEdge]:
        """The merges between two addresses of one cluster; empty if they are of different ones."""
        near: dict[int, list[ReuseEdge]] = {}
        for edge in self.merges:
            near.setdefault(edge.user, []).append(edge)
            near.setdefault(edge.deposit, []).append(edge)
        came: dict[int, ReuseEdge | None] = {one: None}
        waiting = deque([one])
        while waiting and other not in came:
            here = waiting.popleft()
            for edge in near.get(here, ()):
                far = edge.deposit if edge.user == here else edge.user
                if far not in came:
                    came[far] = edge
                    waiting.append(far)
        links: list[ReuseEdge] = []
        while (back := came.get(other)) is not None:
            links.append(back)
            other = back.deposit if back.user == other else back.user
        return links[::-1]

    def without(self, txs: Iterable[str]) -> Reuse:
        """The same without these transactions: what they joined is undone."""
        left_out = self.left_out | frozenset(txs)
        return deposit_reuse(self.ledger, self.hot, services=self.services, alpha=self.alpha, tau=self.tau,
                             without=left_out)  # fmt: skip

    def findings(self) -> list[Finding]:
        """One finding for each cluster of two or more users, by its first merge; confidence: its weakest merge."""
        of: dict[int, list[ReuseEdge]] = {}
        for edge in self.merges:
            of.setdefault(self.of(edge.user), []).append(edge)
        return [self._told(edges) for edges in of.values() if len({e.user for e in edges}) > 1]

    def _told(self, edges: list[ReuseEdge]) -> Finding:
        ledger = self.ledger
        users = list(dict.fromkeys(e.user for e in edges))
        deposits = list(dict.fromkeys(e.deposit for e in edges))
        least = min(e.kappa for e in edges)
        txs = dict.fromkeys(tx for e in edges for tx in (e.receipt_tx, e.forward_tx))
        first, last = spans(ledger, [int(ledger.move_tx[m]) for e in edges for m in (e.receipt, e.forward)])
        return Finding(
            RULE, tuple(txs), tuple(ledger.address_text(a) for a in (*users, *deposits)),
            {"users": len(users), "deposit addresses": len(deposits), "least kappa": round(least, 4)},
            {"alpha (units)": str(self.alpha), "tau (blocks)": self.tau},
            f"{len(users):,} addresses paid {len(deposits):,} deposit addresses of one customer, "
            f"{ledger.address_text(deposits[0])} first; each was forwarded to a hot wallet",
            first, last, confidence=int(RULE.confidence * least),
        )  # fmt: skip


def deposit_reuse(
    ledger: Ledger,
    hot: Iterable[int],
    *,
    services: Iterable[int] = (),
    alpha: int = ALPHA,
    tau: int = TAU,
    without: Iterable[str] = (),
) -> Reuse:
    """The edges of all deposit addresses that pay into `hot` (address ids); `services` and miners are no customers."""
    wallets, known, left_out = frozenset(hot), frozenset(services), frozenset(without)
    apart = wallets | known
    paid = payments(ledger)
    into = np.isin(paid.payee, np.array(sorted(wallets), np.int64)) & (paid.payer != NOBODY)
    holdings = np.unique(paid.asset[into] << 32 | paid.payer[into]).tolist()
    dropped = {tx for text in left_out if (tx := ledger.find_tx(text)) is not None}
    found: list[ReuseEdge] = []
    for key in holdings:
        deposit, asset = key & 0xFFFFFFFF, key >> 32
        holding = ledger.find_holding(deposit, asset)
        if deposit not in apart and holding is not None:
            listed = [e for e in entries(ledger, holding) if e.tx not in dropped and not e.fee]
            found += _edges(ledger, deposit, asset, listed, wallets, apart, (alpha if asset == NATIVE else 0, tau))
    users = {edge.user for edge in found}
    edges = sorted((e for e in found if e.deposit not in users), key=lambda e: e.forward)
    return Reuse(ledger, wallets, known, alpha, tau, left_out, tuple(edges))


def _edges(
    ledger: Ledger, deposit: int, asset: int, listed: list[Entry], hot: frozenset[int], apart: frozenset[int],
    limits: tuple[int, int],
) -> list[ReuseEdge]:  # fmt: skip
    """For each forwarding of one deposit address in one asset the closest earlier receipt that fits."""
    alpha, tau = limits
    out: list[ReuseEdge] = []
    receipts: deque[Entry] = deque()
    for e in listed:
        while receipts and e.block - receipts[0].block > tau:
            receipts.popleft()
        if e.incoming:
            receipts.append(e)
        elif e.far in hot:
            near = next((r for r in islice(reversed(receipts), LOOKED_AT) if 0 <= r.units - e.units <= alpha), None)
            if near is not None and near.far not in apart and near.far != NOBODY:
                out.append(_edge(ledger, deposit, asset, near, e, alpha, tau))
    return out


def _edge(ledger: Ledger, deposit: int, asset: int, near: Entry, e: Entry, alpha: int, tau: int) -> ReuseEdge:
    kept, blocks = near.units - e.units, e.block - near.block
    kappa = 1 - (kept / alpha / 2 if alpha else 0.0) - (blocks / tau / 2 if tau else 0.0)
    return ReuseEdge(
        near.far, deposit, e.far, asset, near.move, e.move, ledger.tx_text(near.tx), ledger.tx_text(e.tx), near.units,
        e.units, blocks, kappa,
    )  # fmt: skip
