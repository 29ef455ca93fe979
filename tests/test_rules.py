"""The worked tables of the methods reference (1.2, 1.3 and the exchange product), to the last digit."""

from __future__ import annotations

import pytest

from dyepack.errors import UsageError
from dyepack.money import format_units
from dyepack.tracing.plan import Plan, units
from dyepack.tracing.replay import replay
from dyepack.tracing.rules import RULES, rule, work_example
from dyepack.tracing.terminals import Stop
from dyepack.tracing.transaction import RULES as TRANSACTION_RULES
from dyepack.tracing.transaction import is_mixed, split
from tests.ledgers import Move, holding, ledger_of

# Table 1.2 in hundredths of a coin: inputs 3 stolen, 7 clean; outputs 4.0 and 5.9, fee 0.1.
TABLE_1_2 = {
    "poison": (400, 590, 10),
    "haircut": (120, 177, 3),
    "fifo": (300, 0, 0),
    "lifo-a": (0, 290, 10),
    "lifo-b": (0, 300, 0),
    "taint-first": (0, 300, 0),
    "taint-first-lowest": (300, 0, 0),
    "dirty-first": (0, 0, 0),
}

# Table 1.3 in hundredths: w1 -80 to A, w2 -50 to B, w3 -65 to C, left of 5.
TABLE_1_3 = {
    "poison": ([8000, 5000, 6500], 500),
    "haircut": ([3000, 1250, 1625], 125),
    "fifo": ([0, 3000, 3000], 0),
    "lifo-a": ([6000, 0, 0], 0),
    "lifo-b": ([6000, 0, 0], 0),
    "clean-first": ([0, 0, 5500], 500),
    "taint-first": ([6000, 0, 0], 0),
}


def dyed(pieces: list[tuple[int, int]]) -> int:
    return sum(u for leg, u in pieces if leg)


@pytest.mark.parametrize("name", TABLE_1_2)
def test_table_1_2(name: str) -> None:
    found = split([[(1, 300)], [(0, 700)]], [400, 590], name)
    shares = [*found.outputs, found.fee]
    kept = [0 if name == "dirty-first" and is_mixed(pieces) else dyed(pieces) for pieces in shares]
    assert tuple(kept) == TABLE_1_2[name]
    if name != "poison":
        assert sum(map(dyed, shares)) == 300


def test_table_1_2_fee_first() -> None:
    found = split([[(1, 300)], [(0, 700)]], [400, 590], "fifo", fee_first=True)
    assert (found.dyed(0), found.dyed(1), dyed(found.fee)) == (290, 0, 10)


def test_clean_in_smallest_out_is_the_complement() -> None:
    found = split([[(1, 300)], [(0, 700)]], [400, 590], "clean-first")
    assert (found.dyed(0), found.dyed(1), dyed(found.fee)) == (0, 290, 10)


def test_every_transaction_rule_is_in_the_table_or_tested_beside_it() -> None:
    assert set(TRANSACTION_RULES) == set(TABLE_1_2) | {"clean-first"}


def test_outputs_above_inputs_are_refused() -> None:
    with pytest.raises(UsageError, match="exceed"):
        split([[(1, 5)]], [6], "fifo")


@pytest.mark.parametrize("name", TABLE_1_3)
def test_table_1_3(name: str) -> None:
    assert work_example(name) == TABLE_1_3[name]


def account() -> list[Move]:
    """The account of table 1.3 as moves on a ledger, in hundredths."""
    steps = [("p", "acc", 10000), ("v", "acc", 6000), ("acc", "A", 8000), ("q", "acc", 4000), ("acc", "B", 5000),
             ("acc", "C", 6500)]  # fmt: skip
    return [Move(n, *step) for n, step in enumerate(steps, 1)]


@pytest.mark.parametrize("name", TABLE_1_3)
def test_table_1_3_on_a_ledger(name: str) -> None:
    ledger = ledger_of(account())
    run = replay(ledger, Plan({1: 1}), name)
    moved = dict.fromkeys((2, 4, 5), 0)
    for row, amount in zip(run.dyed, units(run.dyed), strict=True):
        if int(row["move"]) in moved:
            moved[int(row["move"])] += amount
    left = sum(u for row, u in zip(run.held, units(run.held), strict=True) if row["holding"] == holding(ledger, "acc"))
    assert ([moved[2], moved[4], moved[5]], left) == TABLE_1_3[name]


@pytest.mark.parametrize(("name", "product"), [("fifo", "0.3000"), ("haircut", "0.2000"), ("clean-first", "0.1333")])
def test_exchange_product(name: str, product: str) -> None:
    """1,000 stolen USDT, then 500 clean; 900 USDT are swapped for 0.3 ETH in one transaction."""
    ledger = ledger_of([
        Move(1, "v", "w", 1000, "usdt", 1), Move(2, "x", "w", 500, "usdt", 1), Move(3, "y", "pool", 3 * 10**17),
        Move(4, "w", "pool", 900, "usdt", 1), Move(4, "pool", "w", 3 * 10**17, "native", 2),
    ])  # fmt: skip
    run = replay(ledger, Plan({0: 1}), name)
    paid = [(int(r["stop"]), u) for r, u in zip(run.dyed, units(run.dyed), strict=True) if r["move"] == 3]
    assert paid == [(Stop.CONVERTED, {"fifo": 900, "haircut": 600, "clean-first": 400}[name])]
    got = {int(r["holding"]): u for r, u in zip(run.held, units(run.held), strict=True)}
    assert format_units(got[holding(ledger, "w")], 18, places=4) == product


def test_lifo_must_be_named() -> None:
    with pytest.raises(UsageError) as fault:
        rule("lifo")
    assert "lifo-a or lifo-b" in str(fault.value)


def test_lifo_variants_differ_one_hop_on() -> None:
    """A move of [old clean, new dyed] arrives newest first under (a), in its order under (b)."""
    moves = [Move(1, "p", "a", 10), Move(2, "v", "a", 10), Move(3, "a", "b", 20), Move(4, "b", "c", 10)]
    ledger = ledger_of(moves)
    held = {}
    for name in ("lifo-a", "lifo-b"):
        run = replay(ledger, Plan({1: 1}), name)
        held[name] = {ledger.place_text(int(r["holding"])): u for r, u in zip(run.held, units(run.held), strict=True)}
    assert len(held["lifo-a"]) == 1
    assert held["lifo-a"] != held["lifo-b"]


def test_every_rule_has_words() -> None:
    assert all(r.words and r.title for r in RULES.values())
