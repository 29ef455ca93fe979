"""Swaps and wraps inside one transaction: what is followed, what is passed on, and what cannot be matched."""

from __future__ import annotations

import numpy as np
import pytest

from dyepack.ledger.schema import AddressKind, MoveKind
from dyepack.tracing.plan import Plan, Run
from dyepack.tracing.replay import replay
from dyepack.tracing.terminals import Stop
from tests.ledgers import WRAPPED, Move, holding, ledger_of

TOKEN, INNER, FEE = MoveKind.TOKEN, MoveKind.INTERNAL, MoveKind.FEE
ZERO = "\0"
WRAPPER = "a6"
"""The name whose address is the contract of WRAPPED."""


def theft(units: int = 100, asset: str = "native", to: str = "thief") -> Move:
    return Move(1, "victim", to, units, asset, TOKEN if asset != "native" else MoveKind.VALUE)


def fee(tx: int = 2, payer: str = "thief") -> Move:
    return Move(tx, payer, "", 1, "native", FEE, 99)


def run_of(moves: list[Move], rule: str = "fifo", **plan: object) -> tuple[Run, dict[tuple[str, str], int], set[str]]:
    """The run of a theft by the first transaction, units held by (name, asset), and the names of the stops."""
    ledger = ledger_of(moves)
    run = replay(ledger, Plan({0: 1}, **plan), rule)  # type: ignore[arg-type]
    names = {n for m in moves for n in (m.sender, m.receiver)} - {""}
    place = {holding(ledger, n, a): (n, a) for n in names for a in {m.asset for m in moves}
             if ledger.find_holding(*_ids(ledger, n, a)) is not None}  # fmt: skip
    held = {place[int(r["holding"])]: int(r["lo"]) for r in run.held}
    return run, held, {Stop(s).name for s in run.dyed["stop"].tolist()}


def _ids(ledger: object, name: str, asset: str) -> tuple[int, int]:
    from dyepack.ledger.reader import Ledger
    from tests.ledgers import address

    assert isinstance(ledger, Ledger)
    found, number = ledger.find_address(address(name)), ledger.asset_id(asset)
    assert found is not None
    assert number is not None
    return found, number


def test_a_router_that_wraps_and_a_pool_are_followed_to_what_the_thief_gets() -> None:
    """Value first, then logs, then internal transfers: the order of sources, in which the wrapping comes last."""
    _, held, stops = run_of([
        theft(),
        Move(2, "thief", "router", 100, index=0),
        Move(2, "", "router", 100, WRAPPED, TOKEN, 1), Move(2, "router", "pool", 100, WRAPPED, TOKEN, 2),
        Move(2, "pool", "thief", 7_000, "usd", TOKEN, 3),
        Move(2, "router", WRAPPER, 100, "native", INNER, 4), fee(),
    ])  # fmt: skip
    assert held == {("thief", "usd"): 7_000}
    assert stops == {"CARRIED", "CONVERTED"}


def test_a_pool_that_pays_first_is_followed() -> None:
    _, held, _ = run_of([
        theft(100, "tok"),
        Move(2, "pool", "thief", 5, "usd", TOKEN, 1), Move(2, "thief", "pool", 100, "tok", TOKEN, 2), fee(),
    ])  # fmt: skip
    assert held == {("thief", "usd"): 5}


def test_unwrapping_pays_the_contract_at_the_zero_address() -> None:
    _, held, stops = run_of([
        theft(100, WRAPPED),
        Move(2, "thief", ZERO, 60, WRAPPED, TOKEN, 1), Move(2, WRAPPER, "friend", 60, "native", INNER, 2), fee(),
    ])  # fmt: skip
    assert held == {("thief", WRAPPED): 40, ("friend", "native"): 60}
    assert "BURN" not in stops


def test_tokens_sent_to_the_zero_address_for_nothing_stay_there() -> None:
    moves = [theft(100, WRAPPED), Move(2, "thief", ZERO, 60, WRAPPED, TOKEN, 1), fee()]
    ledger = ledger_of(moves)
    zero = ledger.holding_address(holding(ledger, ZERO, WRAPPED))
    run = replay(ledger, Plan({0: 1}, stops={zero: int(Stop.BURN)}), "fifo")
    assert [Stop(s).name for s in run.dyed["stop"].tolist()] == ["CARRIED", "BURN"]


def test_a_product_that_comes_in_two_parts_leaves_by_the_rule() -> None:
    """The pool pays 60 to the thief and 40 to a collector for 100, of which the last 10 are stolen."""
    moves = [
        Move(0, "mint", "thief", 90, "tok", TOKEN), theft(10, "tok"),
        Move(2, "thief", "pool", 100, "tok", TOKEN, 1), Move(2, "pool", "thief", 60, "usd", TOKEN, 2),
        Move(2, "pool", "collector", 40, "usd", TOKEN, 3), fee(),
    ]  # fmt: skip
    ledger = ledger_of(moves)
    for rule, thief, collector in (("fifo", 0, 10), ("haircut", 6, 4), ("clean-first", 0, 10)):
        run = replay(ledger, Plan({1: 1}), rule)
        held = {int(r["holding"]): int(r["lo"]) for r in run.held}
        assert held.get(holding(ledger, "thief", "usd"), 0) == thief, rule
        assert held.get(holding(ledger, "collector", "usd"), 0) == collector, rule
        assert sum(run.swaps["lo"].tolist()) == 10
        assert sum(run.swaps["product_lo"].tolist()) == 10


def test_a_share_in_a_pool_for_two_assets_cannot_be_matched() -> None:
    _, held, stops = run_of([
        theft(100, "tok"),
        Move(2, "thief", WRAPPER, 100, "tok", TOKEN, 1), Move(2, "thief", WRAPPER, 50, "usd", TOKEN, 2),
        Move(2, "", "thief", 9, WRAPPED, TOKEN, 3), fee(),
    ])  # fmt: skip
    assert held == {}
    assert stops == {"CARRIED", "SWAP"}


def test_what_a_contract_passes_on_is_no_swap_though_it_is_a_hub_and_tagged() -> None:
    moves = [
        theft(100, "tok"),
        Move(2, "thief", "router", 100, "tok", TOKEN, 1), Move(2, "router", "pool", 100, "tok", TOKEN, 2),
        Move(2, "pool", "router", 8, "usd", TOKEN, 3), Move(2, "router", "thief", 8, "usd", TOKEN, 4), fee(),
        *[Move(3 + n, f"u{n}", "router", 1, "tok", TOKEN, 1) for n in range(9)],
        *[Move(20 + n, f"u{n}", "router", 1, "usd", TOKEN, 1) for n in range(9)],
    ]  # fmt: skip
    router = ledger_of(moves)
    number = router.find_address("0x" + b"router".hex().ljust(40, "0"))
    assert number is not None
    _, held, stops = run_of(moves, hub_limit=3, stops={number: int(Stop.SWAP)})
    assert held == {("thief", "usd"): 8}
    assert stops == {"CARRIED", "CONVERTED"}


def test_dust_that_a_router_keeps_does_not_hide_the_swap() -> None:
    _, held, _ = run_of([
        theft(10_000, "tok"),
        Move(2, "thief", "router", 10_000, "tok", TOKEN, 1), Move(2, "router", "pool", 9_999, "tok", TOKEN, 2),
        Move(2, "pool", "thief", 500, "usd", TOKEN, 3), fee(),
    ])  # fmt: skip
    assert held == {("router", "tok"): 1, ("thief", "usd"): 500}


def test_two_wraps_in_one_transaction_are_told_apart_by_their_amounts() -> None:
    moves = [
        theft(30),
        Move(2, "thief", WRAPPER, 30, "native", INNER, 1), Move(2, "other", WRAPPER, 12, "native", INNER, 2),
        Move(2, "", "thief", 30, WRAPPED, TOKEN, 3), Move(2, "", "other", 12, WRAPPED, TOKEN, 4), fee(),
    ]  # fmt: skip
    _, held, _ = run_of(moves)
    assert held == {("thief", WRAPPED): 30}
    ledger = ledger_of(moves)
    assert ledger.move_kind[1:3].tolist() == [INNER, INNER]


@pytest.mark.parametrize("rule", ["fifo", "haircut"])
def test_a_payee_who_holds_dye_of_the_product_is_not_followed_through(rule: str) -> None:
    """The pool was paid 5 stolen usd before: which of what it gives is those, and which is the payment's?"""
    moves = [
        Move(1, "victim", "thief", 100, "tok", TOKEN), Move(1, "victim", "pool", 5, "usd", TOKEN, 1),
        Move(2, "thief", "pool", 100, "tok", TOKEN, 1), Move(2, "pool", "thief", 9, "usd", TOKEN, 2), fee(),
    ]  # fmt: skip
    ledger = ledger_of(moves)
    run = replay(ledger, Plan({0: 1, 1: 1}), rule)
    stops = [Stop(s).name for s in run.dyed["stop"].tolist()]
    assert "SWAP" in stops
    assert "CONVERTED" not in stops


def test_the_order_of_moves_that_are_no_exchange_is_left_alone() -> None:
    moves = [
        theft(100, "tok"), Move(2, "thief", "a", 50, "tok", TOKEN, 1), Move(2, "b", "c", 3, "usd", TOKEN, 2),
        Move(2, "a", "d", 4, "native", INNER, 3), fee(),
    ]  # fmt: skip
    ledger = ledger_of(moves)
    assert ledger.move_index.tolist() == [0, 1, 2, 3, 99]


@pytest.mark.parametrize("fees", [True, False])
def test_a_worthless_token_sent_back_does_not_lead_the_trace_away(fees: bool) -> None:
    """The thief pays his own wallet, which sends him 1 SCAM in the same transaction and later pays an exchange."""
    _, held, _ = run_of([
        theft(100, "tok"),
        Move(2, "thief", "wallet", 100, "tok", TOKEN, 1), Move(2, "wallet", "thief", 1, "scam", TOKEN, 2), fee(),
        Move(3, "wallet", "exchange", 100, "tok", TOKEN, 1), *([fee(3, "wallet")] if fees else []),
    ])  # fmt: skip
    assert held == ({("exchange", "tok"): 100} if fees else {("thief", "scam"): 1})


def test_what_a_source_says_of_an_address_counts_before_what_is_seen() -> None:
    moves = [theft(100, "tok"), Move(2, "thief", "wallet", 100, "tok", TOKEN, 1),
             Move(2, "wallet", "thief", 1, "scam", TOKEN, 2), fee()]  # fmt: skip
    for kind, stop in (
        (AddressKind.OWNED, "CARRIED"),
        (AddressKind.CONTRACT, "CONVERTED"),
        (AddressKind.UNKNOWN, "SWAP"),
    ):
        ledger = ledger_of(moves)
        ledger.address_kind = np.full(len(ledger.address_id), kind, np.uint8)
        stops = replay(ledger, Plan({0: 1}), "fifo").dyed["stop"].tolist()
        assert Stop(stops[1]).name == stop


def test_a_swap_among_a_thousand_other_moves_is_followed() -> None:
    many = [Move(2, f"u{n}", f"v{n}", 1, "usd", TOKEN, 1000 + n) for n in range(1000)]
    _, held, _ = run_of([
        theft(100, "tok"), Move(2, "thief", "pool", 100, "tok", TOKEN, 5000),
        Move(2, "pool", "thief", 9, "usd", TOKEN, 1), *many, fee(),
    ])  # fmt: skip
    assert held == {("thief", "usd"): 9}


def test_payments_that_a_bundler_sends_together_are_no_swap() -> None:
    """The thief pays Bob; in the same bundle Bob pays Carol something else, and a bundler pays the fee."""
    _, held, stops = run_of([
        theft(100, "tok"), Move(2, "thief", "bob", 100, "tok", TOKEN, 1), Move(2, "bob", "carol", 5, "usd", TOKEN, 2),
        fee(2, "bundler"),
    ])  # fmt: skip
    assert held == {}
    assert stops == {"CARRIED", "SWAP"}


def test_a_bundled_swap_with_two_parties_is_followed() -> None:
    _, held, _ = run_of([
        theft(100, "tok"), Move(2, "thief", "pool", 100, "tok", TOKEN, 1), Move(2, "pool", "thief", 5, "usd", TOKEN, 2),
        fee(2, "bundler"),
    ])  # fmt: skip
    assert held == {("thief", "usd"): 5}
