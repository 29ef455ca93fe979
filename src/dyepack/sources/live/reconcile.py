"""Moves against balances: what a source says of a holding must add up between two heights.

A token may keep a part of what is sent (fee on transfer), change every balance (rebase), or tell of transfers that
change no balance (phony). Where moves and balances of a token differ, balances around each of its blocks say which it
is, and the difference becomes a move of its own: balances are what a holder can spend, events are only words.
Invariant: after its adjustments a holding adds up, or its reason says by how much it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.ledger.schema import AFTER_TRANSACTIONS, ZERO_ADDRESS, MoveKind
from dyepack.sources.live.ledger import moved
from dyepack.sources.live.source import LiveMove, LiveTransaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.sources.live.source import AccountSource, History, Wanted

MOST_BLOCKS = 500
"""Blocks of one holding whose balances are asked for."""


@dataclass(slots=True)
class Difference:
    """What the balances of a holding show beyond its moves.

    adjustments  transaction id, or block number for what happened between transactions -> base units to add
    phony        its moves change no balance
    reason       why it still does not add up, "" if it does
    """

    wanted: Wanted
    adjustments: dict[str | int, int] = field(default_factory=dict)
    phony: bool = False
    reason: str = ""


def adds_up(history: History, transactions: Mapping[str, LiveTransaction]) -> bool:
    """Whether the moves of a history lead from its opening to its closing balance, as far as both are known."""
    if history.opening is None or history.closing is None:
        return True
    return history.opening + moved(history.wanted, transactions, history.txids) == history.closing


async def difference(
    source: AccountSource, history: History, transactions: Mapping[str, LiveTransaction], native: str
) -> Difference:
    """Where and why the moves and the balances of a holding differ."""
    wanted = history.wanted
    out = Difference(wanted)
    if history.opening is None or history.closing is None:
        return out
    gap = history.closing - history.opening - moved(wanted, transactions, history.txids)
    unexplained = f"its moves and its balances differ by {gap} base units"
    if wanted.asset == native:
        out.reason = unexplained
        return out
    by_block: dict[int, list[str]] = {}
    for txid in history.txids:
        by_block.setdefault(transactions[txid].block, []).append(txid)
    if len(by_block) > MOST_BLOCKS:
        out.reason = f"{unexplained}, over more blocks than are looked at"
        return out
    heights = sorted({height for block in by_block for height in (block - 1, block)})
    found = dict(zip(heights, await source.balances([(wanted, height) for height in heights]), strict=True))
    return _located(out, history, transactions, by_block, found, unexplained)


def _located(
    out: Difference,
    history: History,
    transactions: Mapping[str, LiveTransaction],
    by_block: Mapping[int, Sequence[str]],
    balance: Mapping[int, int | None],
    unexplained: str,
) -> Difference:
    before = history.opening or 0
    still = bool(by_block)
    for block, txids in by_block.items():
        start, end = balance[block - 1], balance[block]
        if start is None or end is None:
            out.adjustments.clear()
            out.reason = unexplained
            return out
        if start != before:
            out.adjustments[block - 1] = start - before
        inside = end - start - moved(out.wanted, transactions, txids)
        if inside:
            out.adjustments[txids[-1]] = inside
        still = still and end == start
        before = end
    rest = (history.closing or 0) - before
    if rest:
        out.reason = f"its balance changed by {rest} base units after its last transaction"
    out.phony = still and not out.reason and any(moved(out.wanted, transactions, t) for t in by_block.values())
    return out


def adjusted(
    differences: Sequence[Difference], transactions: Mapping[str, LiveTransaction], times: Mapping[int, tuple[str, int]]
) -> list[LiveTransaction]:
    """The adjustments as moves: copies of transactions with them, and what changed between transactions.

    `times`: hash and time of the blocks between.
    """
    changed: dict[str, LiveTransaction] = {}
    between: dict[int, list[LiveMove]] = {}
    for one in sorted(differences, key=lambda d: (d.wanted.asset, d.wanted.address)):
        for at, units in one.adjustments.items():
            if isinstance(at, int):
                known = transactions.get(between_key(at))
                moves = between.setdefault(at, list(known.moves) if known else [])
                moves.append(_adjustment(one.wanted, units, len(moves)))
            else:
                old = changed.get(at) or transactions[at]
                number = sum(m.kind == MoveKind.ADJUSTMENT for m in old.moves)
                changed[at] = LiveTransaction(
                    old.txid, old.block, old.block_hash, old.index, old.time,
                    [*old.moves, _adjustment(one.wanted, units, number)], old.left_out, old.partial,
                )  # fmt: skip
    blocks = [
        LiveTransaction("", block, times[block][0], AFTER_TRANSACTIONS, times[block][1], moves)
        for block, moves in sorted(between.items())
    ]
    return [*changed.values(), *blocks]


def between_key(block: int) -> str:
    """The key among transactions of what changed at the end of a block, outside any of them."""
    return f"block {block}"


def _adjustment(wanted: Wanted, units: int, number: int) -> LiveMove:
    """Units that appear in a holding, or, negative, that its token no longer counts."""
    kind = int(MoveKind.ADJUSTMENT)
    if units > 0:
        return LiveMove(kind, number, "", wanted.address, wanted.asset, units)
    return LiveMove(kind, number, wanted.address, ZERO_ADDRESS, wanted.asset, -units)
