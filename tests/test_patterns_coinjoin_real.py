"""CoinJoin rules on real transactions: the lists of Dumplings, whole blocks, and what one change to a real one does."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin import (
    TxShape,
    coinjoin_flags,
    coinjoins,
    family_of,
    mixes,
    pool_entries,
    pool_entry_of,
    shape_of,
    whirlpool,
)
from dyepack.patterns.coinjoin.detect import family_of_shape, judged_mixes

pytestmark = [pytest.mark.shared, pytest.mark.slow, pytest.mark.xdist_group("numba")]

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
dumplings: Any = import_module("dumplings")
bench: Any = import_module("accuracy_coinjoin")

LISTS = {"whirlpool": ("sw", "SamouraiCoinJoins"), "wasabi-1.1": ("ww1", "WasabiCoinJoins"),
         "joinmarket": ("jm", "OtherCoinJoinPostMixTxs")}  # fmt: skip


def ledger(export: str) -> UtxoLedger:
    found = dumplings.export_ledger(export)
    assert isinstance(found, UtxoLedger)
    return found


def named(export: str, txid: str) -> int:
    tx = ledger(export).find_tx(txid)
    assert tx is not None
    return tx


@cache
def real(family: str) -> tuple[TxShape, ...]:
    """The transactions of a list that are of a family."""
    export, name = LISTS[family]
    held = ledger(export)
    txs = [named(export, row.txid) for row in dumplings.rows(export, name)]
    return tuple(shape_of(held, tx) for tx in txs if (mix := family_of(held, tx)) and mix.family == family)


@cache
def entries() -> tuple[TxShape, ...]:
    held = ledger("sw")
    return tuple(shape_of(held, entry.tx) for entry in pool_entries(held))


# --- facts ----------------------------------------------------------------------------------------------------------


def test_a_whirlpool_mix_of_six_with_one_new_pair() -> None:
    held, tx = ledger("sw"), named("sw", "d19450c00be0fdbb560e4de48ca9ad66e73875cd4bd1adff856eedb1a4ee8b00")
    mix = family_of(held, tx)
    assert mix is not None
    assert (mix.family, mix.anonymity_set, mix.confidence) == ("whirlpool", 6, 90)
    assert mix.denominations == {5_000_000: tuple(held.outputs_of(tx))}
    assert mix.statistic["new inputs"] == 2
    assert mix.statistic["largest input over denomination"] == "5142"


def test_a_tx0_whose_change_lies_where_the_fee_may_lie() -> None:
    held, tx = ledger("sw"), named("sw", "a7772be640adfeb970d09332bd70e7c155a3aa857f7407ecf1415a550f586ea4")
    entry = pool_entry_of(held, tx)
    assert entry is not None
    assert (entry.pool, len(entry.premix)) == (100_000, 8)
    assert entry.statistic["outputs in the range of the pool's fee"] == 2
    assert family_of(held, tx) is None


def test_a_wasabi_round_of_five_levels() -> None:
    held = ledger("ww1")
    found = {
        tuple(sorted(map(len, mix.denominations.values()), reverse=True)): mix
        for mix in mixes(held)
        if mix.family == "wasabi-1.1"
    }
    mix = found[62, 7, 4, 2, 2, 2]
    assert mix.anonymity_set == 62
    assert list(mix.denominations) == sorted(mix.denominations, reverse=True)
    assert min(mix.denominations) == 10_989_672
    assert max(mix.denominations) == 16 * 21_977_340


def test_the_list_of_wasabi_holds_joinmarket_too() -> None:
    for txid in bench.LISTED_MISTAKES:
        mix = family_of(ledger("ww1"), named("ww1", txid))
        assert mix is not None
        assert mix.family == "joinmarket"
        assert 10 <= mix.anonymity_set <= 12


def test_a_maker_with_an_older_wallet_and_the_one_round_of_wasabi_2() -> None:
    held = ledger("jm")
    older = family_of(held, named("jm", "a872614d3d9f3656e73f405697b8aebfe85b8bc83f5fe71e9c09a315a93f3bfa"))
    assert older is not None
    assert (older.family, older.anonymity_set, older.confidence) == ("joinmarket", 9, 80)
    rounds = [mix for mix in mixes(held) if mix.family == "wasabi-2"]
    assert [(held.tx_text(mix.tx)[:10], len(mix.denominations)) for mix in rounds] == [("c73f3b901f", 30)]
    assert len(held.inputs_of(rounds[0].tx)) == 240


def test_trades_of_inscriptions_are_no_coinjoins() -> None:
    """Three of the list of 'other' CoinJoins that GraphSense's conditions alone would take."""
    for txid in ("988f4364", "bb0d8315", "a8fb86b4"):
        row = next(row for row in dumplings.rows("jm", "OtherCoinJoins") if row.txid.startswith(txid))
        judged = judged_mixes(shape_of(ledger("jm"), named("jm", row.txid)))["joinmarket"]
        assert "input types" in judged.failed


def test_stonewall_spendings_after_whirlpool_are_vetoed() -> None:
    held, drawn = ledger("sw"), Counter[str]()
    for row in dumplings.rows("sw", "SamouraiPostMixTxs"):
        shape = shape_of(held, named("sw", row.txid))
        drawn.update(bench_vetoes(shape))
    assert drawn["stonewall"] > 80


def bench_vetoes(shape: TxShape) -> tuple[str, ...]:
    from dyepack.patterns.coinjoin.vetoes import vetoes

    found = vetoes(shape)
    assert not found or family_of_shape(shape) is None
    return found


# --- one change to a real one ---------------------------------------------------------------------------------------


def changed(shape: TxShape, at: int, value: int) -> TxShape:
    return replace(shape, out_value=(*shape.out_value[:at], value, *shape.out_value[at + 1 :]))


@given(some.data())
@settings(max_examples=200, deadline=None)
def test_one_change_to_a_real_mix_and_it_is_none(data: some.DataObject) -> None:
    shape = data.draw(some.sampled_from(real("whirlpool")))
    at = data.draw(some.integers(0, shape.outs - 1))
    pool = shape.out_value[0]
    kind = data.draw(some.sampled_from(["output", "input low", "input high", "reuse", "less", "more", "early"]))
    ins = (*shape.in_value[:at], pool - 1 if kind == "input low" else pool + 110_001, *shape.in_value[at + 1 :])
    broken = {
        "output": changed(shape, at, pool + data.draw(some.sampled_from([-1, 1, 546]))),
        "input low": replace(shape, in_value=ins),
        "input high": replace(shape, in_value=ins),
        "reuse": replace(shape, out_script=(shape.in_script[at], *shape.out_script[1:])),
        "less": replace(shape, out_value=shape.out_value[1:], out_script=shape.out_script[1:],
                        out_type=shape.out_type[1:]),
        "more": replace(shape, in_value=(*shape.in_value, pool), in_script=(*shape.in_script, 10**9),
                        in_type=(*shape.in_type, ScriptType.P2WPKH)),
        "early": replace(shape, height=569_999),
    }[kind]  # fmt: skip
    assert whirlpool.judge_mix(shape).matches
    assert not whirlpool.judge_mix(broken).matches
    assert family_of_shape(broken) is None or kind != "early"


@given(some.data())
@settings(max_examples=200, deadline=None)
def test_one_change_to_a_real_tx0_and_it_is_none(data: some.DataObject) -> None:
    shape = data.draw(some.sampled_from(entries()))
    value = int(whirlpool.judge_tx0(shape).statistic["most frequent value"])
    fee = next(at for at, units in enumerate(shape.out_value) if 0 < units != value)
    kind = data.draw(some.sampled_from(["no data", "two data", "others", "fees", "early"]))
    more = data.draw(some.lists(some.integers(1, 90_000), min_size=3, max_size=3, unique=True))
    without = tuple(ScriptType.P2WPKH if kind == ScriptType.OP_RETURN else kind for kind in shape.out_type)
    broken = {
        "no data": replace(shape, out_type=without),
        "two data": replace(shape, out_type=(*shape.out_type[:fee], ScriptType.OP_RETURN, *shape.out_type[fee + 1 :])),
        "others": replace(shape, out_value=(*shape.out_value, *more), out_type=(*shape.out_type, *([6] * 3))),
        "fees": replace(shape, out_value=tuple(u if u in {0, value} else u + 10**9 for u in shape.out_value)),
        "early": replace(shape, height=569_999),
    }[kind]
    assert not whirlpool.judge_tx0(broken).matches


@given(some.data())
@settings(max_examples=200, deadline=None)
def test_one_change_to_a_real_deal_and_it_is_none(data: some.DataObject) -> None:
    shape = data.draw(some.sampled_from(real("joinmarket")))
    value, equal = shape.counts().most_common(1)[0]
    alike = [at for at, units in enumerate(shape.out_value) if units == value]
    change = [at for at, units in enumerate(shape.out_value) if units != value]
    kind = data.draw(some.sampled_from(["unequal", "reuse", "second pair", "types", "taproot", "few inputs"]))
    types = tuple(ScriptType.P2TR if at in alike[:3] else kind for at, kind in enumerate(shape.out_type))
    broken = {
        "unequal": changed(changed(shape, alike[0], value + 1), alike[1], value + 2),
        "reuse": replace(shape, out_script=(shape.out_script[1], *shape.out_script[1:])),
        "second pair": changed(shape, change[0], shape.out_value[change[1]]),
        "types": replace(shape, out_type=types),
        "taproot": replace(shape, in_type=(ScriptType.P2TR, *shape.in_type[1:])),
        "few inputs": replace(shape, in_script=tuple(at % (equal - 1) for at in range(shape.ins))),
    }[kind]
    assert judged_mixes(shape)["joinmarket"].matches
    assert not judged_mixes(broken)["joinmarket"].matches


@given(some.data())
@settings(max_examples=200, deadline=None)
def test_one_change_to_a_real_round_and_it_is_none(data: some.DataObject) -> None:
    shape = data.draw(some.sampled_from(real("wasabi-1.1")))
    kind = data.draw(some.sampled_from(["one address", "reuse", "types", "apart", "early"]))
    one = shape.ins // 10 + 1
    apart = tuple(units + at for at, units in enumerate(shape.out_value))
    broken = {
        "one address": replace(shape, in_script=(shape.in_script[0],) * one + shape.in_script[one:]),
        "reuse": replace(shape, out_script=(shape.out_script[1], *shape.out_script[1:])),
        "types": replace(shape, in_type=(ScriptType.P2TR, *shape.in_type[1:])),
        "apart": replace(shape, out_value=apart),
        "early": replace(shape, height=530_499),
    }[kind]
    assert family_of_shape(broken) is None


# --- figures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], Any]:
    return {(row.rule, row.data): row for row in bench.accuracy()}


def test_every_family_reaches_the_aim_on_its_list_and_on_both_halves(table: dict[tuple[str, str], Any]) -> None:
    """At least 99 % found; JoinMarket of three parties or more."""
    lists = {
        ("whirlpool-mix/1", "Whirlpool mixes, March 2024, {}"): 1_403,
        ("whirlpool-tx0/1", "Whirlpool Tx0s, to March 2024, {}"): 749,
        ("wasabi-1.1/1 wasabi-1.0/1", "Wasabi 1, August 2021, {}"): 186,
        ("joinmarket/1", "JoinMarket, June 2024, three parties or more, {}"): 53,
    }
    for (rule, data), size in lists.items():
        halves = [table[rule, data.format(part)] for part in ("first half", "second half")]
        assert sum(row.positives for row in halves) == size
        for row in halves:
            assert row.positives >= 26
            assert row.found >= 0.99 * row.positives
    assert table["any family", "Wasabi 1, all listed"].found == 196


def test_what_is_found_beside_the_lists_is_explained(table: dict[tuple[str, str], Any]) -> None:
    assert table["whirlpool-tx0/1", "Tx0 list and mixes"].false == 0
    assert table["whirlpool-mix/1", "mixes, those in the Tx0 list, and Tx0s"].false == 0
    assert table["whirlpool-mix/1", "after Whirlpool"].false == 0
    assert table["wasabi-1.1/1 wasabi-1.0/1", "Wasabi 1, all listed"].false == 0
    whole = table["joinmarket/1", "list of 'other' CoinJoins, June 2024"]
    assert (whole.positives, whole.found, whole.false) == (58, 53, 4)
    assert "5 for equal outputs" in whole.note
    named_by_others = [row for (rule, data), row in table.items() if rule == "joinmarket/1" and data[:5] == "after"]
    assert sum(row.positives for row in named_by_others) == 106
    assert sum(row.found for row in named_by_others) == 104
    assert sum(row.false for row in named_by_others) == 3


def test_background_alarms_are_at_most_one_in_ten_thousand(table: dict[tuple[str, str], Any]) -> None:
    """None; two of May 2016 have JoinMarket's shape by another project's rule too, and count as found."""
    whole = table["all families", "all blocks"]
    assert (whole.size, whole.positives, whole.found, whole.false) == (7_379, 2, 2, 0)
    assert table["all families", "block 413,567 (May 2016), inputs not told"].found == 2
    ways_in = table["whirlpool-tx0/1", "all blocks"]
    assert (ways_in.negatives, ways_in.false) == (7_379, 0)


def test_every_listed_mix_is_flagged_for_clusters_and_no_tx0_is() -> None:
    held = ledger("sw")
    flags = coinjoin_flags(held)
    assert all(flags[named("sw", row.txid)] for row in dumplings.rows("sw", "SamouraiCoinJoins"))
    assert not any(flags[entry.tx] for entry in pool_entries(held))


def test_a_run_over_an_export_finds_what_each_transaction_gives() -> None:
    for export in dumplings.EXPORTS:
        held = ledger(export)
        every = range(0, held.transactions, 3)
        assert mixes(held, every) == [mix for tx in every if (mix := family_of(held, tx))]
        assert mixes(held, every) == [mix for mix in mixes(held) if mix.tx in every]
        found = coinjoins(held)
        assert len(found) == len(mixes(held)) + len(pool_entries(held))
        assert coinjoins(held, [100, 50, 50, 0]) == [
            finding for tx in (0, 50, 100) for finding in found if finding.txs == (held.tx_text(tx),)
        ]
