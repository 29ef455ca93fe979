"""CoinJoin rules on made-up transactions: what each family looks like, and that every single condition is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import COINBASE, ScriptType
from dyepack.patterns.coinjoin import (
    Settings,
    TxShape,
    coinjoin_flags,
    coinjoins,
    family_of,
    joinmarket,
    maybe_mixes,
    mixes,
    pool_entries,
    pool_entry_of,
    prefilter,
    shape_of,
    vetoes,
    wasabi,
    wasabi2,
    whirlpool,
)  # fmt: skip
from dyepack.patterns.coinjoin.detect import FAMILIES, Mix, family_of_shape, judged_mixes
from dyepack.patterns.coinjoin.judged import Judged
from dyepack.patterns.coinjoin.shape import UNKNOWN
from dyepack.synthetic.utxo_economy import chain
from dyepack.tags.model import TagKind
from tests.outputs import in_memory

pytestmark = pytest.mark.xdist_group("numba")

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
dumplings: Any = import_module("dumplings")

P2WPKH, P2SH, P2TR, DATA = ScriptType.P2WPKH, ScriptType.P2SH, ScriptType.P2TR, ScriptType.OP_RETURN
DENOMINATIONS = (100_000, 1_000_000, 2_500_000, 5_000_000, 25_000_000, 50_000_000)
FEES = {100_000: 5_000, 1_000_000: 50_000, 2_500_000: 125_000, 5_000_000: 175_000, 25_000_000: 875_000,
        50_000_000: 1_750_000}  # fmt: skip


def made(ins: list[int], outs: list[int], kind: int = P2WPKH, data: int = 0) -> TxShape:
    """A transaction with these values, every script different, and `data` OP_RETURN outputs in front."""
    n, m = len(ins), len(outs) + data
    return TxShape(
        tx=0, in_value=tuple(ins), in_script=tuple(range(n)), in_type=(kind,) * n, in_tx=(UNKNOWN,) * n,
        out_value=(0,) * data + tuple(outs), out_script=(UNKNOWN,) * data + tuple(range(n, n + len(outs))),
        out_type=(DATA,) * data + (kind,) * (m - data), first_output=1000,
    )  # fmt: skip


def family(shape: TxShape) -> str:
    mix = family_of_shape(shape)
    return mix.family if mix else ""


def repeated_input(shape: TxShape, times: int) -> TxShape:
    """The same with its first inputs all from one address."""
    return replace(shape, in_script=(0,) * times + shape.in_script[times:])


def repeated_output(shape: TxShape) -> TxShape:
    return replace(shape, out_script=(shape.out_script[1], *shape.out_script[1:]))


def with_output(shape: TxShape, value: int, kind: int = P2WPKH, at: int = 0) -> TxShape:
    """The same with the output at `at` changed."""
    values, types = list(shape.out_value), list(shape.out_type)
    values[at], types[at] = value, kind
    return replace(shape, out_value=tuple(values), out_type=tuple(types))


def with_input(shape: TxShape, value: int, at: int = 0) -> TxShape:
    return replace(shape, in_value=(*shape.in_value[:at], value, *shape.in_value[at + 1 :]))


# --- Whirlpool ------------------------------------------------------------------------------------------------------


def whirlpool_mix(pool: int = 5_000_000, coins: int = 5, new: int = 2, excess: int = 5_000) -> TxShape:
    return made([pool + excess] * new + [pool] * (coins - new), [pool] * coins)


@pytest.mark.parametrize("pool", DENOMINATIONS)
@pytest.mark.parametrize("coins", [5, 6, 7, 8])
@pytest.mark.parametrize("new", [1, 2, 3, 4])
def test_a_mix_of_every_pool_and_surge_cycle_is_found(pool: int, coins: int, new: int) -> None:
    mix = family_of_shape(whirlpool_mix(pool, coins, new))
    assert mix is not None
    assert (mix.family, mix.confidence, mix.anonymity_set) == ("whirlpool", 60, coins)
    assert mix.denominations == {pool: tuple(range(1000, 1000 + coins))}


MIX = whirlpool_mix()


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (replace(MIX, height=569_999), "height"),
        (made(list(MIX.in_value), [5_000_000] * 4), "outputs"),
        (whirlpool_mix(coins=4), "inputs"),
        (whirlpool_mix(coins=9), "inputs"),
        (with_output(MIX, 4_999_999), "equal outputs"),
        (whirlpool_mix(2_000_000), "denomination"),
        (whirlpool_mix(2_500_001), "denomination"),
        (repeated_input(MIX, 2), "addresses"),
        (repeated_output(MIX), "addresses"),
        (replace(MIX, out_script=(0, *MIX.out_script[1:])), "addresses"),
        (with_input(MIX, 4_999_999, 4), "smallest input over denomination"),
        (with_input(MIX, UNKNOWN, 4), "smallest input over denomination"),
        (whirlpool_mix(excess=110_001), "largest input over denomination"),
        (whirlpool_mix(new=0), "new inputs"),
        (whirlpool_mix(new=5), "new inputs"),
        (whirlpool_mix(excess=99), "smallest fee of a new input"),
    ],
)
def test_every_condition_of_a_mix_is_needed(broken: TxShape, condition: str) -> None:
    assert not whirlpool.judge_mix(MIX).failed
    assert condition in whirlpool.judge_mix(broken).failed
    assert family(broken) != "whirlpool"


def test_the_bounds_of_a_mix_are_in() -> None:
    assert family(whirlpool_mix(excess=100)) == family(whirlpool_mix(excess=110_000)) == "whirlpool"
    assert family(replace(MIX, height=570_000)) == "whirlpool"


def tx0(pool: int = 1_000_000, premix: int = 3, fee: int = 0, rest: tuple[int, ...] = (7_777_777,)) -> TxShape:
    fee = fee or FEES[pool]
    return made([pool * premix + sum(rest) + fee + 50_000], [fee, *[pool + 4_000] * premix, *rest], data=1)


ENTRY = tx0()


@pytest.mark.parametrize("pool", DENOMINATIONS)
@pytest.mark.parametrize("premix", [1, 2, 70])
@pytest.mark.parametrize("rest", [(), (9_876_543_210,)])
def test_a_tx0_of_every_pool_is_found_and_is_no_coinjoin(pool: int, premix: int, rest: tuple[int, ...]) -> None:
    shape = tx0(pool, premix, rest=rest)
    judged = whirlpool.judge_tx0(shape)
    assert judged.failed == ()
    assert len(judged.denominations[pool + 4_000]) == premix
    assert family(shape) == ""


def test_change_may_lie_in_the_range_of_the_fee_too() -> None:
    assert whirlpool.judge_tx0(tx0(fee=37_500, rest=(149_999,))).matches


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (replace(ENTRY, height=569_999), "height"),
        (made([9_000_000], list(ENTRY.out_value[1:])), "OP_RETURN outputs"),
        (made([9_000_000], list(ENTRY.out_value[1:]), data=2), "OP_RETURN outputs"),
        (made([9_000_000], [50_000, *[2_000_000] * 3], data=1), "most frequent value"),
        (made([9_000_000], [50_000, *[1_000_099] * 3], data=1), "most frequent value"),
        (made([9_000_000], [50_000, *[1_110_001] * 3], data=1), "most frequent value"),
        (made([9_000_000], [50_000, 1_004_000, 6, 6], data=1), "most frequent value"),
        (tx0(premix=71), "premix outputs"),
        (tx0(rest=(7_777_777, 8_888_888)), "other outputs"),
        (tx0(fee=24_999), "outputs in the range of the pool's fee"),
        (tx0(fee=150_001), "outputs in the range of the pool's fee"),
        (with_output(ENTRY, 1_004_000, P2SH, 2), "premix type"),
    ],
)
def test_every_condition_of_a_tx0_is_needed(broken: TxShape, condition: str) -> None:
    assert not whirlpool.judge_tx0(ENTRY).failed
    assert condition in whirlpool.judge_tx0(broken).failed


# --- JoinMarket -----------------------------------------------------------------------------------------------------


def market(makers: int = 4, value: int = 12_345_678, takes_all: bool = False, spent: int = 1) -> TxShape:
    """A taker and some makers, who gain 10 satoshi each; everyone spends `spent` coins."""
    change = [1_000_000 * (k + 1) for k in range(makers)]
    own = [] if takes_all else [777_777]
    ins = [value + c - 10 for c in change] + [value + 20_000 + sum(own)]
    ins = [part for units in ins for part in ([units] if spent == 1 else [units - spent + 1, *[1] * (spent - 1)])]
    return made(ins, [value] * (makers + 1) + change + own)


DEAL = market()


@given(some.integers(2, 12), some.integers(2_731, 10**10), some.booleans(), some.integers(1, 3))
def test_a_deal_of_three_or_more_is_found(makers: int, value: int, takes_all: bool, spent: int) -> None:
    shape = market(makers, value, takes_all, spent)
    if value in (shape.out_value[makers + 1 :]):
        return
    judged = joinmarket.judge(shape)
    assert judged.failed == ()
    assert judged.denominations == {value: tuple(range(1000, 1001 + makers))}
    assert judged.confidence == 80 or spent > 1


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (market(1), "equal outputs"),
        (market(value=2_730), "equal outputs"),
        (repeated_input(market(), 2), "input addresses"),
        (repeated_output(market()), "output addresses"),
        (made(list(DEAL.in_value), [5_000_000] * 5 + [1, 2, 3]), "other outputs"),
        (made(list(DEAL.in_value), [5_000_000] * 5 + [1, 2, 3, 4, 5, 6]), "other outputs"),
        (made(list(DEAL.in_value), [5_000_000] * 5), "other values"),
        (with_output(market(), 2_000_000, at=5), "repeated values"),
        (with_output(market(), 0, DATA, at=5), "OP_RETURN outputs"),
        (market(3, spent=31), "inputs per equal output"),
        (market(2, takes_all=True, spent=17), "outputs per equal output"),
        (replace(DEAL, in_type=(P2TR, *DEAL.in_type[1:])), "input types"),
        (replace(DEAL, out_type=(P2SH, P2SH, *DEAL.out_type[2:])), "outputs of types beyond their inputs'"),
    ],
)
def test_every_condition_of_joinmarket_is_needed(broken: TxShape, condition: str) -> None:
    assert not joinmarket.judge(DEAL).failed
    assert condition in joinmarket.judge(broken).failed
    assert family(broken) != "joinmarket"


def test_the_taker_may_pay_to_any_script_and_a_maker_may_have_an_older_wallet() -> None:
    assert family(replace(DEAL, out_type=(P2SH, *DEAL.out_type[1:]))) == "joinmarket"
    older = replace(DEAL, in_type=(P2SH, *DEAL.in_type[1:]), out_type=(P2SH, P2SH, *DEAL.out_type[2:]))
    assert family(older) == "joinmarket"
    assert family(replace(older, out_type=(P2TR, *older.out_type[1:]))) == "joinmarket"


def test_makers_are_counted_by_their_amounts() -> None:
    assert joinmarket.makers(DEAL, 12_345_678) == 4
    assert joinmarket.makers(with_input(DEAL, DEAL.in_value[0] + 11), 12_345_678) == 3
    assert joinmarket.makers(with_input(DEAL, DEAL.in_value[0] - 24_691), 12_345_678) == 3
    unknown = replace(DEAL, in_value=(UNKNOWN,) * DEAL.ins)
    assert joinmarket.makers(unknown, 12_345_678) == 0
    assert (joinmarket.judge(DEAL).confidence, joinmarket.judge(unknown).confidence) == (80, 49)


# --- Wasabi 1 -------------------------------------------------------------------------------------------------------


def round_1(
    people: int = 25, base: int = 9_990_000, levels: dict[int, int] | None = None, changes: int = 20
) -> TxShape:
    """Everyone gets `base`; `levels`: how many get base times 2**k as well; some have change; a coordinator's fee."""
    outs = [base] * people
    for power, count in (levels or {}).items():
        outs += [base << power] * count
    outs += [1_234_567 + 1_001 * k for k in range(changes)] + [777_001]
    return made([sum(outs) // people + 1_000 + 17 * k for k in range(people)], outs)


ROUND_10 = round_1()
ROUND_11 = round_1(levels={1: 6, 2: 3})


@given(some.integers(20, 100), some.integers(8_000_000, 12_000_000), some.data())
def test_a_round_of_one_level_is_wasabi_1_0(people: int, base: int, data: some.DataObject) -> None:
    shape = round_1(people, base, changes=data.draw(some.integers(0, people)))
    mix = family_of_shape(shape)
    assert mix is not None
    assert (mix.family, mix.confidence, mix.anonymity_set) == ("wasabi-1.0", 70, people)


@given(some.integers(20, 100), some.integers(2, 12), some.integers(2, 5))
def test_a_round_of_levels_is_wasabi_1_1(people: int, second: int, third: int) -> None:
    mix = family_of_shape(round_1(people, 10_000_000, {1: second, 2: third}, changes=people - 1))
    assert mix is not None
    assert (mix.family, mix.anonymity_set) == ("wasabi-1.1", people)
    assert {value: len(alike) for value, alike in mix.denominations.items()} == {
        40_000_000: third, 20_000_000: second, 10_000_000: people,
    }  # fmt: skip
    assert mix.confidence == 100


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (replace(ROUND_10, height=530_499), "height"),
        (round_1(9), "inputs"),
        (repeated_input(ROUND_10, 3), "percent of inputs from one address"),
        (made([10**7] * 25, [10**7] * 26 + list(range(10))), "input addresses"),
        (made([10**7] * 25, [10**7] * 3 + [5, 6]), "input addresses per equal output"),
        (repeated_output(ROUND_10), "output addresses"),
        (replace(ROUND_10, in_type=(P2SH, *ROUND_10.in_type[1:])), "native SegWit"),
        (with_output(ROUND_10, 9_990_000, P2SH), "native SegWit"),
        (round_1(19, changes=18), "JoinMarket's shape"),
        (round_1(base=7_999_999), "equal outputs"),
        (round_1(base=12_000_001), "equal outputs"),
        (made([10**7] * 25, [10**7] * 2 + [5, 6]), "equal outputs"),
        (round_1(changes=26), "twice the equal outputs, and one"),
        (made([10**7] * 19, [10**7] * 15 + [5 * 10**6, 15 * 10**6]), "sum of outputs off a whole multiple (ppm)"),
    ],
)
def test_every_condition_of_wasabi_1_0_is_needed(broken: TxShape, condition: str) -> None:
    assert not wasabi.judge_10(ROUND_10).failed
    assert condition in wasabi.judge_10(broken).failed
    assert family(broken) != "wasabi-1.0"


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (round_1(), "levels"),
        (round_1(levels={1: 1}), "levels"),
        (made([10**7] * 25, [10**7] * 2 + [2 * 10**7] * 2 + [5]), "equal outputs"),
        (round_1(levels={1: 2}, changes=54), "outputs of the levels"),
    ],
)
def test_every_condition_of_wasabi_1_1_is_needed(broken: TxShape, condition: str) -> None:
    assert not wasabi.judge_11(ROUND_11).failed
    assert condition in wasabi.judge_11(broken).failed
    assert family(broken) != "wasabi-1.1"


def test_a_round_of_which_only_one_sign_holds_is_half_as_sure() -> None:
    shape = round_1(levels={1: 2}, changes=25)
    sure = wasabi.judge_11(shape)
    unsure = wasabi.judge_11(made([10**7 + k for k in range(60)], list(shape.out_value) + list(range(30))))
    assert (sure.failed, sure.confidence) == ((), 100)
    assert (unsure.failed, unsure.confidence) == ((), (50 + 50 * 25 // 60) // 2)


def test_before_coordinators_were_native_outputs_may_be_of_any_type() -> None:
    assert family(replace(with_output(ROUND_10, 9_990_000, P2SH), height=600_000)) == "wasabi-1.0"


# --- Wasabi 2 -------------------------------------------------------------------------------------------------------

STANDARD = [5_000, 6_561, 8_192, 10_000, 13_122, 16_384, 19_683, 20_000, 32_768, 50_000, 100_000, 200_000, 1_048_576]


def round_2(inputs: int = 60, counts: dict[int, int] | None = None, others: int = 5) -> TxShape:
    """Outputs of standard values so many times each, and others."""
    outs = [value for value, n in (counts or {5_000: 9, 8_192: 8, 100_000: 12, 200_000: 2}).items() for _ in range(n)]
    outs += [1_234_567 + 3 * k for k in range(others)]
    least = sum(outs) // inputs + 1_000
    return made([least + 11 * k for k in reversed(range(inputs))], sorted(outs, reverse=True))


ROUND_2 = round_2()


@given(some.integers(50, 300), some.dictionaries(some.sampled_from(STANDARD), some.integers(2, 30), min_size=3),
       some.integers(0, 2))  # fmt: skip
def test_a_round_of_standard_values_is_wasabi_2(inputs: int, counts: dict[int, int], extra: int) -> None:
    mix = family_of_shape(round_2(inputs, counts, others=1 + min(extra, sum(counts.values()) // 6 - 1)))
    assert mix is not None
    assert (mix.family, mix.confidence) == ("wasabi-2", 40)
    assert {value: len(alike) for value, alike in mix.denominations.items()} == counts


@pytest.mark.parametrize(
    ("broken", "condition"),
    [
        (replace(ROUND_2, height=741_212), "height"),
        (replace(round_2(49), height=800_000), "inputs"),
        (round_2(19), "inputs"),
        (repeated_input(ROUND_2, 7), "percent of inputs from one address"),
        (replace(ROUND_2, in_type=(P2SH, *ROUND_2.in_type[1:])), "inputs are P2WPKH or P2TR"),
        (with_output(ROUND_2, 4_999, at=35), "smallest output"),
        (repeated_output(ROUND_2), "output addresses"),
        (round_2(counts={5_000: 20, 8_192: 20}), "repeated values"),
        (round_2(others=40), "twice the repeated outputs, and one"),
        (round_2(others=0), "other outputs"),
        (replace(ROUND_2, in_value=ROUND_2.in_value[::-1]), "descending order"),
        (replace(ROUND_2, out_value=ROUND_2.out_value[::-1]), "descending order"),
        (round_2(counts={5_001: 9, 8_193: 8, 100_001: 12}), "percent of outputs with standard values"),
    ],
)
def test_every_condition_of_wasabi_2_is_needed(broken: TxShape, condition: str) -> None:
    assert not wasabi2.judge(ROUND_2).failed
    assert condition in wasabi2.judge(broken).failed
    assert family(broken) != "wasabi-2"


def test_fewer_inputs_are_enough_when_coordinators_were_many() -> None:
    assert family(replace(round_2(20), height=843_000)) == family(round_2(20)) == "wasabi-2"
    assert family(replace(round_2(20, others=3), in_type=(P2TR,) * 20)) == "wasabi-2"


# --- vetoes and what all share --------------------------------------------------------------------------------------

ALL = {"whirlpool": MIX, "joinmarket": DEAL, "wasabi-1.0": ROUND_10, "wasabi-1.1": ROUND_11, "wasabi-2": ROUND_2}


@pytest.mark.parametrize("name", FAMILIES)
def test_an_exchange_among_the_inputs_suppresses_every_family(name: str) -> None:
    assert family(ALL[name]) == name
    assert family(replace(ALL[name], tagged=frozenset({"mixer", "sanctioned"}))) == name
    for kind in ("exchange", "exchange_deposit"):
        shape = replace(ALL[name], tagged=frozenset({kind}))
        assert vetoes.vetoes(shape) == ("exchange",)
        assert family(shape) == ""


@pytest.mark.parametrize(("ins", "outs", "drawn"), [
    ([7, 9], [5, 5, 1, 2], True), ([7, 9], [5, 5, 1], True), ([7], [5, 5, 1, 2], False),
    ([7, 9], [5, 5, 1, 1], False), ([7, 9], [5, 5, 5, 1], False), ([7, 9], [5, 4, 3, 1], False),
    ([7, 9], [5, 5], False), ([7, 9], [5, 5, 1, 2, 3], False),
])  # fmt: skip
def test_stonewall_has_one_pair_among_three_or_four_outputs(ins: list[int], outs: list[int], drawn: bool) -> None:
    assert vetoes.is_stonewall(made(ins, outs)) is drawn
    assert not vetoes.is_stonewall(repeated_output(made(ins, outs)))


def test_a_deal_of_two_is_vetoed_whatever_the_threshold() -> None:
    two = Settings(joinmarket=joinmarket.Limits(least_equal=2))
    shape = market(1)
    assert joinmarket.judge(shape, two.joinmarket).matches
    assert family_of_shape(shape, two) is None
    assert family_of_shape(market(2), two) is not None


def test_rules_state_their_error_and_every_parameter() -> None:
    given_rules = {judged.rule.id: judged.rule for judged in judged_mixes(MIX).values()}
    given_rules[whirlpool.TX0.id] = whirlpool.TX0
    assert len(given_rules) == 6
    for rule in given_rules.values():
        assert rule.measured
        assert rule.evidence in {"E5", "E6"}
        assert rule.confidence <= 40 or rule.evidence == "E5"
        assert rule.parameters["first_height" if "joinmarket" not in rule.id else "dust"]


def test_figures_and_thresholds_have_the_same_names_for_every_transaction() -> None:
    def names(judged: Judged) -> list[str]:
        assert set(judged.statistic) == set(judged.threshold)
        return list(judged.statistic)

    for kind, judged in judged_mixes(MIX).items():
        assert names(judged) == names(judged_mixes(ROUND_2)[kind]) == names(judged_mixes(made([], []))[kind])
    assert names(whirlpool.judge_tx0(MIX)) == names(whirlpool.judge_tx0(ENTRY))


def test_amounts_are_written_as_text() -> None:
    assert whirlpool.judge_mix(MIX).statistic["denomination"] == "5000000"
    assert joinmarket.RULE.parameters["dust"] == "2730"
    assert "5000000" in str(whirlpool.MIX.parameters["pools"])


def test_the_accuracy_table_works_out_precision_and_recall() -> None:
    rows: Any = import_module("accuracy_rows")
    given_rows = [
        rows.AccuracyRow("p", "r", "d", 1_500, 1_000, 990, 10, 500, "a|b"),
        rows.AccuracyRow("p", "r", "d", 500, 0, 0, 0, 500, ""),
        rows.AccuracyRow("p", "r", "d", 100_001, 100_000, 99_999, 0, 1, ""),
        rows.AccuracyRow("p", "r", "d", 7, 7, 7, 0, 0, ""),
    ]
    table = rows.markdown(given_rows).splitlines()
    assert table[2] == "| p | r | d | 1,500 | 1,000 | 990 | 500 | 10 | 99.00 % | 99.00 % | a\\|b |"
    assert table[3].endswith("| n/a | n/a |  |")
    assert table[4].endswith("| 100.00 % | < 100 % |  |")
    assert table[5].endswith("| n/a | 100.00 % |  |")


# --- ledgers --------------------------------------------------------------------------------------------------------


def script(name: str) -> bytes:
    return b"\0\x14" + sha256(name.encode()).digest()[:20]


def txid(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def row(name: str, block: int, ins: list[tuple[str, int, int]], outs: list[int], data: bool = False) -> Any:
    """A transaction with (transaction, number, value) inputs; every script its own, by outpoint."""
    spent = tuple((txid(tx), n, value, script(f"{tx}:{n}")) for tx, n, value in ins)
    paid = [(value, script(f"{name}:{n}")) for n, value in enumerate(outs)]
    return dumplings.Row(txid(name), txid(f"block {block}"), 0, 1_700_000_000 + 600 * block, spent,
                         (*paid, (0, b"\x6a\x01\x00")) if data else tuple(paid))  # fmt: skip


def story() -> list[Any]:
    """Two Tx0s, a mix of their premix with coins from outside, a mix after it, and one with a stranger's coin."""
    pool, premix = 1_000_000, 1_004_000
    outs = [50_000, *[premix] * 3, 345_678]
    return [
        row("in 1", 1, [("a", 0, 3_500_000)], outs, data=True),
        row("in 2", 1, [("b", 0, 3_500_000)], outs, data=True),
        row("mix 1", 2, [("in 1", 1, premix), ("in 2", 1, premix), *((f"old {k}", 0, pool) for k in range(3))],
            [pool] * 5),
        row("mix 2", 3, [("in 1", 2, premix), *(("mix 1", k, pool) for k in (0, 1)),
                         *((f"older {k}", 0, pool) for k in range(2))], [pool] * 5),
        row("stranger", 3, [("c", 0, 5_000_000)], [pool, 3_000_000]),
        row("mix 3", 4, [("in 1", 3, premix), ("stranger", 0, pool), *(("mix 2", k, pool) for k in range(3))],
            [pool] * 5),
        row("mix 4", 5, [("d", 0, premix), *((f"oldest {k}", 0, pool) for k in range(4))], [pool] * 5),
        row("deal", 6, [(f"e{k}", 0, 12_345_678 + 1000 * k) for k in range(3)], [12_000_000] * 3 + [11, 22, 33]),
    ]  # fmt: skip


def at(ledger: UtxoLedger, name: str) -> int:
    tx = ledger.find_tx(txid(name))
    assert tx is not None
    return tx


@pytest.fixture(scope="module")
def told() -> UtxoLedger:
    ledger = dumplings.ledger_of(tuple(story()))
    assert isinstance(ledger, UtxoLedger)
    return ledger


def test_lineage_makes_a_mix_surer_and_a_stranger_does_not(told: UtxoLedger) -> None:
    found = {name: family_of(told, at(told, name)) for name in ("mix 1", "mix 2", "mix 3", "mix 4")}
    assert {name: mix.confidence for name, mix in found.items() if mix} == {
        "mix 1": 90, "mix 2": 90, "mix 3": 60, "mix 4": 60,
    }  # fmt: skip
    assert found["mix 1"]
    assert "Tx0s" in found["mix 1"].lineage


def test_a_tx0_is_surer_when_a_mix_spends_it_and_names_its_mixes(told: UtxoLedger) -> None:
    first = pool_entry_of(told, at(told, "in 1"))
    assert first is not None
    assert (first.pool, first.confidence) == (1_000_000, 90)
    assert first.mixes == tuple(at(told, name) for name in ("mix 1", "mix 2", "mix 3"))
    assert [told.outpoint_text(output) for output in first.premix] == [f"{txid('in 1')}:{n}" for n in (1, 2, 3)]
    alone = dumplings.ledger_of((story()[0],))
    entry = pool_entry_of(alone, 0)
    assert entry is not None
    assert (entry.confidence, entry.mixes) == (60, ())
    assert family_of(told, at(told, "in 1")) is None


def test_findings_are_in_chain_order_with_their_figures(told: UtxoLedger) -> None:
    found = coinjoins(told)
    assert [f.rule.id for f in found] == ["whirlpool-tx0/1"] * 2 + ["whirlpool-mix/1"] * 4 + ["joinmarket/1"]
    assert [told.find_tx(f.txs[0]) for f in found] == sorted(
        at(told, name) for name in ("in 1", "in 2", "mix 1", "mix 2", "mix 3", "mix 4", "deal")
    )
    mix = found[2]
    assert mix.statistic["anonymity set"] == 5
    assert set(mix.threshold) <= set(mix.statistic)
    assert mix.places == tuple(told.place_text(o) for o in told.outputs_of(at(told, "mix 1")))
    assert (mix.grade, mix.first) == (90, "2023-11-14T22:33:20Z")
    assert mix.to_json()["measured"] == mix.rule.measured
    assert coinjoins(told, [at(told, "mix 1")]) == [mix]
    assert coinjoins(told, []) == []


@pytest.mark.parametrize("kinds", ["exchange", [TagKind.EXCHANGE], {TagKind.OTHER, TagKind.EXCHANGE_DEPOSIT}])
def test_tags_of_input_addresses_are_looked_up(told: UtxoLedger, kinds: Any) -> None:
    deal = at(told, "deal")
    address = told.input_address(told.inputs_of(deal).start)
    assert address is not None
    assert family_of(told, deal, {address: "mixer"}) is not None
    assert family_of(told, deal, {address: kinds}) is None
    assert coinjoin_flags(told, [deal]).tolist() == [True]
    assert coinjoin_flags(told, [deal], {address: kinds}).tolist() == [False]
    other = {int(told.output_address[told.outputs_of(deal).start]): kinds}
    assert family_of(told, deal, other) is not None


def test_flags_are_of_mixes_and_not_of_ways_in(told: UtxoLedger) -> None:
    """Even a Tx0 of three inputs, which has the shape of a CoinJoin."""
    wide = row("wide", 7, [(f"w{k}", 0, 1_200_000) for k in range(3)], [50_000, *[1_004_000] * 3], data=True)
    ledger = dumplings.ledger_of((*story(), wide))
    assert prefilter.is_structural(shape_of(ledger, at(ledger, "wide")))
    flagged = {tx for tx in range(ledger.transactions) if coinjoin_flags(ledger)[tx]}
    assert flagged == {at(ledger, name) for name in ("mix 1", "mix 2", "mix 3", "mix 4", "deal")}
    order = [at(ledger, "deal"), at(ledger, "wide"), at(ledger, "mix 2")]
    assert coinjoin_flags(ledger, order).tolist() == [True, False, True]
    assert coinjoin_flags(told).shape == (told.transactions,)


def test_shapes_of_a_ledger_say_what_its_rows_say(told: UtxoLedger) -> None:
    for line in story():
        tx = told.find_tx(line.txid)
        assert tx is not None
        shape = shape_of(told, tx)
        assert shape.in_value == tuple(value for *_, value, _ in line.ins)
        assert shape.out_value == tuple(value for value, _ in line.outs)
        assert set(shape.in_type) == {P2WPKH}
        assert shape.data_outputs == sum(1 for _, s in line.outs if s[:1] == b"\x6a")
        held = [told.find_tx(parent) for parent, *_ in line.ins]
        assert shape.in_tx == tuple(UNKNOWN if parent is None else parent for parent in held)
        assert len({*shape.in_script, *shape.out_script} - {UNKNOWN}) == shape.ins + shape.outs - shape.data_outputs


@pytest.fixture(scope="module")
def economy() -> UtxoLedger:
    return in_memory(chain(25_000))


def test_the_first_look_is_the_same_compiled_and_plain(economy: UtxoLedger, told: UtxoLedger) -> None:
    bounds = prefilter.Bounds.of(Settings())
    for ledger in (economy, told):
        txs = np.arange(ledger.transactions, dtype=np.uint32)
        plain = prefilter.plain(ledger, txs, bounds)
        assert np.array_equal(plain, prefilter.compiled(ledger, txs, bounds))
        assert plain.any()
    assert np.array_equal(prefilter.plain(told, np.array([0, 2, 7], np.uint32), bounds) & 3, [2, 1, 1])


def test_a_run_over_the_ledger_finds_what_each_transaction_gives(economy: UtxoLedger, told: UtxoLedger) -> None:
    """Of the large ledger every 20th transaction, and all that the first look lets through."""
    for ledger, step in ((economy, 20), (told, 1)):
        passed = prefilter.all_candidates(ledger, 7, Settings())
        some_txs = sorted({*range(0, ledger.transactions, step), *passed})
        assert mixes(ledger) == [mix for tx in some_txs if (mix := family_of(ledger, tx))]
        assert pool_entries(ledger) == [entry for tx in some_txs if (entry := pool_entry_of(ledger, tx))]
        shapes = [shape_of(ledger, tx) for tx in some_txs if not ledger.tx_flag[tx] & COINBASE]
        flagged = [shape.tx for shape in shapes if not whirlpool.judge_tx0(shape).matches
                   and (prefilter.is_structural(shape) or family_of_shape(shape))]  # fmt: skip
        assert np.flatnonzero(coinjoin_flags(ledger)).tolist() == flagged
        assert flagged


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_rule_matches_passes_the_first_look(name: str) -> None:
    """For made-up rounds as ledgers of one transaction."""
    shape = ALL[name]
    ins = [(f"{name} {k}", 0, value) for k, value in enumerate(shape.in_value)]
    ledger = dumplings.ledger_of((row(name, 150_000, ins, list(shape.out_value)),))
    assert maybe_mixes(ledger, np.array([0])).tolist() == [True]
    mix = family_of(ledger, 0, settings=_any_height())
    assert isinstance(mix, Mix)
    assert mix.family == name


def _any_height() -> Settings:
    without: Callable[[Any], Any] = lambda limits: replace(limits, first_height=0)  # noqa: E731
    return Settings(without(whirlpool.DEFAULT), without(wasabi.DEFAULT), without(wasabi2.DEFAULT))
