"""Pools on the way of a trace over accounts: among which withdrawals the dyed notes may be.

Invariant: only deposits that the trace dyed are asked about; the candidates are the pool detectors' own, and none of
them is given an amount of the dye.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dyepack.patterns.pools.candidates import Candidates, onward
from dyepack.patterns.pools.dealings import dealings_in, share_spending
from dyepack.patterns.pools.traced import depositors_of, dyed_receipts, histories_of
from dyepack.tracing.onward import SHOWN, Candidate, Onward

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.pools.candidates import Candidate as PoolCandidate
    from dyepack.patterns.pools.history import History
    from dyepack.tracing.moves import DyedMove

FAMILY, RULE, MEASURED = "pool of equal notes", "pool-note/1", "a constant of the pool's contract"


def pool_onward(ledger: Ledger, moves: list[DyedMove], events: Iterable[History] = ()) -> list[Onward]:
    """What may have become of dyed notes in known pools, a row a pool, in the order of the table of pools.

    The history of a pool is that of `events` where given, else what the ledger shows of it; who sent a transaction is
    read off the ledger.
    """
    into = [m for m in moves if m.stop == "mixer" and m.kind != "fee"]
    if not into:
        return []
    histories = histories_of(ledger, events)
    dyed: dict[str, int] = defaultdict(int)
    for move in into:
        dyed[move.txid] += move.units
    depositors = depositors_of(histories)
    recipients = {bytes(row) for h in histories for row in h.withdrawals.to}
    found = onward(
        histories, list(dyed), dealings=dealings_in(ledger, depositors | recipients),
        receipts=dyed_receipts(moves, depositors), recipients=share_spending(ledger, recipients),
    )  # fmt: skip
    return [row for history in histories if (row := _of_pool(history, found, dyed)) is not None]


def _of_pool(history: History, found: Candidates, dyed: dict[str, int]) -> Onward | None:
    pool = history.pool
    rest = next((row for row in found.pools if row.pool == pool.name), None)
    if rest is None:
        return None
    deposits = [tx for tx in dict.fromkeys("0x" + bytes(row).hex() for row in history.deposits.tx) if tx in dyed]
    mine = [c for c in found.candidates if c.pool == pool.name]
    shown = sorted(mine, key=lambda c: -c.confidence)[:SHOWN]
    least = min((c.anonymity for c in mine), default=rest.unspent if rest.later else 0)
    units = min(sum(dyed[tx] for tx in deposits), int(rest.deposited))
    return Onward(
        pool.address, "pool", f"{pool.name}, {FAMILY}", RULE, pool.asset, units, tuple(deposits[:SHOWN]),
        len(deposits), least,
        tuple(map(_candidate, shown)), max(rest.later - len(shown), 0), 100, "E1", MEASURED,
    )  # fmt: skip


def _candidate(found: PoolCandidate) -> Candidate:
    best = max(found.reasons, key=lambda reason: reason.confidence)
    return Candidate(found.recipient, found.tx, found.time, int(found.units), -1,
                     tuple(reason.rule for reason in found.reasons), found.confidence, best.evidence)  # fmt: skip
