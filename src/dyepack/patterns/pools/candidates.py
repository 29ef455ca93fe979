"""Onward from a pool: which withdrawals are probable continuations of traced deposits, and how little that says.

A trace ends at a pool, since units inside one cannot be told apart. What comes after is a list of leads beside the
statement, never part of its sums: for each withdrawal that a rule links to a traced deposit the rules, the crowd it
could hide in, and how many others met the rules too; and the rest, of which nothing is known.

Invariant: a candidate surely comes after a traced deposit that it may be; candidates never stand for more notes than
were traced into the pool (probable + rest = deposited, by asset).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.errors import UsageError, quoted
from dyepack.ledger.content import hex_bytes, time_text
from dyepack.patterns.pools.anonymity import surely_gone, unspent
from dyepack.patterns.pools.portfolio import multi_denomination
from dyepack.patterns.pools.rules import OWN_GAS, address_match, gas_price, linked_address, own_gas
from dyepack.patterns.pools.structured import links_of, structured_deposits
from dyepack.patterns.pools.view import events, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dyepack.ledger.schema import I64
    from dyepack.patterns.pools.dealings import Dealings
    from dyepack.patterns.pools.history import History
    from dyepack.patterns.pools.structured import Receipt
    from dyepack.patterns.pools.view import Link, View

MOST_SHOWN = 50
"""How many deposits are listed with one candidate."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a withdrawal is a candidate: the rule, its grade here, how many others met it, and the sentence."""

    rule: str
    confidence: int
    evidence: str
    others: int
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A withdrawal that may be a traced note taken out again.

    units         base units that the recipient got (the note less the relayer's fee)
    deposits      transactions of the traced notes that its links name, the first `MOST_SHOWN` of `traced_named`
    named         how many notes, traced or not, those links name
    traced        traced notes that surely came before it; of `anonymity` unspent ones it spent one
    confidence    the highest of its reasons
    """

    tx: str
    recipient: str
    time: str
    pool: str
    asset: str
    units: str
    fee: str
    deposits: tuple[str, ...]
    traced_named: int
    named: int
    traced: int
    anonymity: int
    confidence: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PoolRest:
    """One pool that traced money went into: what is known of it beside the candidates.

    deposits      traced notes that came in; `deposited`, `probable`, `rest`: base units, probable + rest = deposited
    later         withdrawals that surely came after the first of them: each could be one
    surely_gone   traced notes that must have been taken out by the end, whichever withdrawals they were
    unspent       notes in the pool at the end of the history; `whole`: whether no deposit is missing from it
    """

    pool: str
    asset: str
    deposits: int
    deposited: str
    probable: str
    rest: str
    candidates: int
    later: int
    surely_gone: int
    unspent: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Candidates:
    """The probable continuations of traced deposits, in chain order, and the rest of each pool.

    missing   transactions that no history has as a deposit
    """

    candidates: tuple[Candidate, ...]
    pools: tuple[PoolRest, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; amounts are texts in base units."""
        return asdict(self)


def onward(
    histories: Iterable[History], deposit_txs: Iterable[str], *, dealings: Dealings | None = None,
    receipts: Iterable[Receipt] = (), depositors: Mapping[bytes, bytes] | None = None,
    recipients: Mapping[bytes, bytes] | None = None,
) -> Candidates:  # fmt: skip
    """The withdrawals that are probable continuations of these deposits (transaction hashes), by every rule.

    Rules that need what is not given (dealings; receipts of structured deposits; senders and gas prices in the
    histories) find nothing. UsageError for a text that is no hash.
    """
    seen = view(histories)
    links = [*address_match(seen), *gas_price(seen), *multi_denomination(seen)]
    if dealings is not None:
        links += linked_address(seen, dealings)
    links += links_of(seen, structured_deposits(seen, receipts, depositors=depositors, recipients=recipients))
    return among(seen, deposit_txs, [*links, *own_gas(seen)])


def among(seen: View, deposit_txs: Iterable[str], links: Sequence[Link]) -> Candidates:
    """The candidates that these links make of the traced deposits."""
    traced, missing = _traced(seen, deposit_txs)
    dyed = [np.isin(np.arange(len(h.deposits)), rows) for h, rows in zip(seen.histories, traced, strict=True)]
    named: dict[tuple[int, int], list[Link]] = {}
    marks: dict[tuple[int, int], Link] = {}
    for link in links:
        if link.rule is OWN_GAS:
            marks.update(dict.fromkeys(events(link.withdrawals), link))
            continue
        pools = {pool for pool, rows in link.deposits if dyed[pool][rows].any()}
        for event in events(link.withdrawals):
            if event[0] in pools:
                named.setdefault(event, []).append(link)
    found: list[tuple[int, int, int, Candidate]] = []
    free = [here.copy() for here in dyed]
    for (pool, row), why in sorted(named.items()):
        notes = _named(pool, why)
        mine = notes[dyed[pool][notes]]
        free[pool][mine[free[pool][mine]][:1]] = False  # it stands for the first traced note that none stands for yet
        every = [*why, *([marks[pool, row]] if (pool, row) in marks else [])]
        candidate = _candidate(seen, pool, row, mine, len(notes), every, traced[pool])
        found.append((int(seen.histories[pool].withdrawals.block[row]), pool, row, candidate))
    candidates = tuple(one[-1] for one in sorted(found, key=lambda item: item[:3]))
    used = [int(here.sum() - left.sum()) for here, left in zip(dyed, free, strict=True)]
    rests = tuple(_rest(seen, pool, rows, candidates, used[pool]) for pool, rows in enumerate(traced) if len(rows))
    return Candidates(candidates, rests, missing)


def _traced(seen: View, deposit_txs: Iterable[str]) -> tuple[list[I64], tuple[str, ...]]:
    """The rows of the traced deposits of each pool, and the transactions that are no deposit."""
    wanted: dict[bytes, str] = {}
    for text in deposit_txs:
        raw = hex_bytes(text, 32)
        if raw is None:
            raise UsageError(f"{quoted(text)} is no transaction hash", remedy="give 0x and 64 hexadecimal digits")
        wanted[raw] = text
    rows = [
        np.array([at for at, tx in enumerate(history.deposits.tx) if bytes(tx) in wanted], np.int64)
        for history in seen.histories
    ]
    found = {bytes(seen.histories[pool].deposits.tx[at]) for pool, those in enumerate(rows) for at in those.tolist()}
    return rows, tuple(text for raw, text in wanted.items() if raw not in found)


def _named(pool: int, links: Sequence[Link]) -> I64:
    """The deposits of a pool that any of these links names, in chain order."""
    rows = [named for link in links for at, named in link.deposits if at == pool]
    return rows[0] if len(rows) == 1 else np.unique(np.concatenate(rows))


def _candidate(seen: View, pool: int, row: int, mine: I64, named: int, links: Sequence[Link], traced: I64) -> Candidate:
    history, sets = seen.histories[pool], seen.sets[pool]
    fee = history.withdrawals.fee[row]
    reasons = tuple(Reason(a.rule.id, a.confidence, a.rule.evidence, a.others, a.why) for a in links)
    return Candidate(
        "0x" + bytes(history.withdrawals.tx[row]).hex(), seen.text(int(seen.recipient[pool][row])),
        time_text(int(seen.times[pool][1][row])), history.pool.name, history.pool.asset,
        str(history.pool.units - fee), str(fee),
        tuple("0x" + bytes(history.deposits.tx[at]).hex() for at in mine[:MOST_SHOWN].tolist()), len(mine), named,
        int(np.searchsorted(traced, sets.earlier[row], "left")), int(sets.most[row]),
        max(reason.confidence for reason in reasons), reasons,
    )  # fmt: skip


def _rest(seen: View, pool: int, traced: I64, candidates: Sequence[Candidate], used: int) -> PoolRest:
    history, sets = seen.histories[pool], seen.sets[pool]
    deposited, probable = len(traced) * history.pool.units, used * history.pool.units
    mine = sum(one.pool == history.pool.name for one in candidates)
    return PoolRest(
        history.pool.name, history.pool.asset, len(traced), str(deposited), str(probable), str(deposited - probable),
        mine, int((sets.earlier > traced[0]).sum()), surely_gone(history, traced), unspent(history), history.whole,
    )  # fmt: skip
