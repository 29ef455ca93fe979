"""Balances against moves: adjustments of several holdings and rounds stand beside each other."""

from __future__ import annotations

from dyepack.ledger.schema import AFTER_TRANSACTIONS
from dyepack.sources.live.ledger import moved
from dyepack.sources.live.reconcile import Difference, adjusted, between_key
from dyepack.sources.live.source import LiveMove, LiveTransaction, Wanted

TOKEN = "0x" + "ee" * 20
A, B = Wanted("0x" + "aa" * 20, TOKEN), Wanted("0x" + "bb" * 20, TOKEN)
TX = "0x" + "01" * 32


def transactions() -> dict[str, LiveTransaction]:
    sent = LiveMove(1, 0, A.address, B.address, TOKEN, 100)
    return {TX: LiveTransaction(TX, 101, "0x" + "10" * 32, 0, 1_700_000_000, [sent])}


def apply(known: dict[str, LiveTransaction], *found: Difference) -> None:
    for one in adjusted(found, known, {100: ("0x" + "09" * 32, 1_699_999_990)}):
        known[one.txid or between_key(one.block)] = one


def test_two_rounds_that_adjust_the_same_block_and_transaction_keep_both() -> None:
    """A rebase before block 101 shows at A in one round and at B in the next; both lose a part inside the transfer."""
    known = transactions()
    apply(known, Difference(A, {100: 7, TX: -1}))
    apply(known, Difference(B, {100: 5, TX: -2}))
    everything = list(known)
    assert moved(A, known, everything) == 7 - 100 - 1
    assert moved(B, known, everything) == 5 + 100 - 2
    between = known[between_key(100)]
    assert (between.block, between.index, between.time) == (100, AFTER_TRANSACTIONS, 1_699_999_990)
    assert len({(m.kind, m.index) for m in between.moves}) == 2
    assert len({(m.kind, m.index) for m in known[TX].moves}) == 3


def test_rounds_give_what_one_round_gives() -> None:
    apart, together = transactions(), transactions()
    apply(apart, Difference(A, {100: 7}))
    apply(apart, Difference(B, {100: 5}))
    apply(together, Difference(A, {100: 7}), Difference(B, {100: 5}))
    assert apart == together
