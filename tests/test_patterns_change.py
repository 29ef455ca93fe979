"""Change: each sign as a plain twin sees it, what two of them name, how often that is right where wallets are known."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.ledger.utxo.builder import build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import NO_ADDRESS, NOT_ASKED, ScriptType
from dyepack.patterns.change import (
    EVERY_SIGN,
    LEAST_GROUPS,
    MOST_OUTPUTS,
    ONE_SIGN,
    ROUND,
    SIGNS,
    TWO_SIGNS,
    Flags,
    Spends,
    find_changes,
    group_count,
    sign_names,
)
from dyepack.synthetic.wallets import WalletChain, chain
from tests.effort import examples
from tests.outputs import Tx, chains, ledger_of, opened, raw

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
BY_NAME = {sign.name: sign for sign in EVERY_SIGN}
COIN = 10**8


def able(ledger: UtxoLedger, tx: int) -> list[int]:
    """The outputs that can be spent."""
    return [o for o in ledger.outputs_of(tx)
            if ledger.output_type[o] != ScriptType.OP_RETURN and ledger.output_value[o] > 0]  # fmt: skip


def place(ledger: UtxoLedger, output: int) -> int | None:
    held = int(ledger.output_address[output])
    return None if held == NO_ADDRESS else held


def seen_before(ledger: UtxoLedger, tx: int) -> set[int | None]:
    """Addresses of earlier outputs, and of what was spent until then, this transaction included."""
    outs = {place(ledger, o) for t in range(tx) for o in ledger.outputs_of(t)}
    return outs | {ledger.input_address(at) for t in range(tx + 1) for at in ledger.inputs_of(t)}


def one_to_two(ledger: UtxoLedger, tx: int) -> bool:
    return (len(ledger.inputs_of(tx)), len(ledger.outputs_of(tx))) == (1, 2)


def plain(ledger: UtxoLedger, tx: int, cluster: list[int] | None = None) -> dict[str, set[int]]:
    """The twin: for each sign the outputs that it does not rule out."""
    outs = able(ledger, tx)
    sources = [ledger.input_address(at) for at in ledger.inputs_of(tx)]
    mine = set(sources) - {None}
    spent = [ledger.spent_output(at) for at in ledger.inputs_of(tx)]
    scripts = {int(ledger.output_type[o]) if o is not None else ScriptType.P2PKH if a is not None else -1
               for o, a in zip(spent, sources, strict=True)}  # fmt: skip
    values = [int(ledger.input_value[at]) for at in ledger.inputs_of(tx)]
    seen = seen_before(ledger, tx) - {None}
    everywhere = [place(ledger, o) for o in range(ledger.outputs)]
    spender = {o: int(ledger.output_spender[o]) for o in outs}
    shaped = {o for o in outs if spender[o] < NOT_ASKED and one_to_two(ledger, spender[o])}
    before = [one_to_two(ledger, ledger.transaction_of(o)) for o in spent if o is not None]
    fresh = {o for o in outs if place(ledger, o) not in seen}
    in_row = one_to_two(ledger, tx) and (any(before) or bool(shaped))
    named = {o: place(ledger, o) for o in outs}
    return {
        "address_reuse": {o for o in outs if named[o] in mine},
        "input_cluster": set(outs) if cluster is None else
        {o for o, a in named.items() if a is not None and cluster[a] in {cluster[m] for m in mine if m is not None}},
        "address_type": {o for o in outs if len(scripts) > 1 or -1 in scripts or ledger.output_type[o] in scripts},
        "optimal_change": {o for o in outs if ledger.tx_flag[tx] or ledger.output_value[o] < min(values)},
        "power_of_ten": {o for o in outs if ledger.output_value[o] % ROUND},
        "fresh_address": fresh,
        "one_time_address": {o for o in fresh if named[o] is None or everywhere.count(named[o]) == 1},
        "peeling_chain": {o for o in outs if not in_row or spender[o] >= NOT_ASKED or o in shaped},
    }  # fmt: skip


def plain_change(
    ledger: UtxoLedger, tx: int, least: int, cluster: list[int] | None = None
) -> tuple[int, set[str]] | None:
    """The twin: the output and the signs that name it."""
    outs = able(ledger, tx)
    worth = [int(ledger.output_value[o]) for o in outs]
    parties = {ledger.input_address(at) for at in ledger.inputs_of(tx)}
    equal = len(set(worth)) < len(worth)
    if ledger.is_coinbase(tx) or not 2 <= len(outs) <= MOST_OUTPUTS or (equal and len(parties) > 1):
        return None
    only = {sign.name for sign in SIGNS}
    alone = {name: may for name, may in plain(ledger, tx, cluster).items() if len(may) == 1 and name in only}
    if len(set().union(*alone.values())) != 1 or len({BY_NAME[name].group for name in alone}) < least:
        return None
    return next(iter(next(iter(alone.values())))), set(alone)


def assert_as_plain(ledger: UtxoLedger, labels: list[int]) -> None:
    """Every sign and every answer is the twin's."""
    cluster = [labels[a % len(labels)] for a in range(len(ledger.address_id))] if labels else None
    column = None if cluster is None else np.array(cluster, np.uint32)
    rest = np.array([tx for tx in range(ledger.transactions) if not ledger.is_coinbase(tx)], np.int64)
    batch = Spends(ledger, rest, column)
    for sign in EVERY_SIGN:
        may = batch.output[sign.may_be(batch)]
        expected = {o for tx in rest.tolist() for o in plain(ledger, tx, cluster)[sign.name]}
        assert set(may.tolist()) == expected, sign.name
    for least in (1, 2, 3):
        found = find_changes(ledger, cluster=column, least=least)
        columns = (found.tx.tolist(), found.output.tolist(), found.signs.tolist())
        got = {tx: (o, set(sign_names(bits))) for tx, o, bits in zip(*columns, strict=True)}
        expected_all = {tx: plain_change(ledger, tx, least, cluster) for tx in range(ledger.transactions)}
        assert got == {tx: said for tx, said in expected_all.items() if said is not None}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(chains(most=12, largest=3 * ROUND).map(ledger_of), st.lists(st.integers(0, 2), max_size=3))
def test_signs_are_those_of_the_twin(ledger: UtxoLedger, labels: list[int]) -> None:
    assert_as_plain(ledger, labels)


@pytest.mark.slow
@settings(max_examples=examples(1500), deadline=None, suppress_health_check=SLOW)
@given(chains(most=25, largest=9).map(ledger_of), st.lists(st.integers(0, 3), max_size=5))
def test_signs_are_those_of_the_twin_at_length(ledger: UtxoLedger, labels: list[int]) -> None:
    assert_as_plain(ledger, labels)


class Named(NamedTuple):
    """The change output of one transaction, and the signs that name it."""

    output: int
    signs: tuple[str, ...]
    groups: int


def change_of(ledger: UtxoLedger, tx: int, *, coinjoin: Flags | None = None, least: int = LEAST_GROUPS) -> Named | None:
    found = find_changes(ledger, np.array([tx], np.int64), coinjoin=coinjoin, least=least)
    if not len(found.tx):
        return None
    assert found.tx.tolist() == [tx]
    bits = int(found.signs[0])
    return Named(int(found.output[0]), sign_names(bits), group_count(bits))


FUNDS = [Tx([], [("a", 5 * COIN), ("b", 3 * COIN)], 0), Tx([], [("shop", COIN)], 1)]


def named(pays: list[tuple[str, int]], *, inputs: int = 1) -> tuple[str, tuple[str, ...]] | None:
    """Which address of these payments is named as change, and why; "a" pays, then "b" too."""
    ledger = ledger_of([*FUNDS, Tx([(0, at) for at in range(inputs)], pays, 2)])
    found = change_of(ledger, 2)
    if found is None:
        return None
    assert found.groups >= 2
    name = next(n for n, v in pays if v == ledger.output_value[found.output])
    return name, found.signs


def test_two_signs_name_the_change() -> None:
    assert named([("shop", COIN), ("new", 3 * COIN + 7)]) == (
        "new", ("power_of_ten", "fresh_address", "one_time_address"))  # fmt: skip
    assert named([("a", 4 * COIN - 9), ("shop", COIN)]) == ("a", ("address_reuse", "power_of_ten"))
    assert named([("shop", 7 * COIN + 1), ("new", COIN // 2 + 1)], inputs=2) == (
        "new", ("optimal_change", "fresh_address", "one_time_address"))  # fmt: skip


def test_one_sign_or_signs_that_disagree_name_nothing() -> None:
    assert named([("shop", COIN + 1), ("new", 3 * COIN + 7)]) is None  # fresh and one-time are one group
    assert named([("shop", COIN + 1), ("new", 3 * COIN)]) is None  # fresh says new, round says shop
    assert named([("x", COIN + 1), ("new", 3 * COIN + 7)]) is None
    assert named([("new", 4 * COIN + 1)]) is None


def test_one_sign_is_worth_less() -> None:
    ledger = ledger_of([*FUNDS, Tx([(0, 0)], [("shop", COIN + 1), ("new", 3 * COIN + 7)], 2)])
    found = change_of(ledger, 2, least=1)
    assert found is not None
    assert (found.signs, found.groups) == (("fresh_address", "one_time_address"), 1)
    assert ONE_SIGN < TWO_SIGNS


def test_scripts_are_compared() -> None:
    source = raw([*FUNDS, Tx([(0, 0)], [("x", COIN), ("y", 3 * COIN + 7)], 2)])
    source.out_type[-2] = ScriptType.P2WPKH
    found = change_of(opened(build([source])), 2)
    assert found is not None
    assert (found.output, found.signs) == (4, ("address_type", "power_of_ten"))


def test_nothing_is_named_in_coinbases_batches_and_coinjoins() -> None:
    batch = [(f"p{n}", COIN // 100 * (n + 1)) for n in range(MOST_OUTPUTS)]
    assert (
        named([*batch[1:], ("new", COIN + 7)]) == ("new", ("power_of_ten",)) or named([*batch[1:], ("new", 7)]) is None
    )
    assert named([*batch, ("a", COIN + 7)]) is None
    assert named([*batch[:-1], ("a", COIN + 7)]) == ("a", ("address_reuse", "power_of_ten"))
    equal = [("x", COIN), ("y", COIN), ("a", 3 * COIN - 9)]
    assert named(equal) == ("a", ("address_reuse", "power_of_ten"))
    assert named(equal, inputs=2) is None  # two addresses spend, two outputs are equal
    ledger = ledger_of([*FUNDS, Tx([(0, 0)], [("shop", COIN), ("new", 3 * COIN + 7)], 2)])
    assert change_of(ledger, 0, least=1) is None
    assert change_of(ledger, 2, coinjoin=np.array([False, False, True])) is None


@cache
def wallets() -> WalletChain:
    return chain(8_000, seed=7)


@pytest.mark.parametrize(("least", "precision", "coverage"), [(1, 0.95, 0.65), (2, 0.985, 0.3), (3, 0.998, 0.05)])
def test_change_is_right_where_wallets_are_known(least: int, precision: float, coverage: float) -> None:
    one = wallets()
    found = find_changes(one.ledger, least=least)
    right = found.output.astype(np.int64) - one.ledger.tx_output[found.tx].astype(np.int64) == one.change[found.tx]
    assert right.mean() >= precision
    assert right.sum() >= coverage * (one.change >= 0).sum()


def test_one_transaction_is_answered_as_the_whole_chain_is() -> None:
    ledger = wallets().ledger
    every = find_changes(ledger)
    answers = dict(zip(every.tx.tolist(), every.output.tolist(), strict=True))
    for tx in range(0, ledger.transactions, 17):
        found = change_of(ledger, tx)
        assert (found.output if found else None) == answers.get(tx)
