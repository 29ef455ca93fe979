"""The generated chain with known wallets is as its truth says, and clusters on it are as good as the program states."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dyepack.clusters.multi_input import CO_SPEND, CO_SPEND_MEASURED, clusters
from dyepack.ledger.utxo.schema import COLUMNS, NO_ADDRESS
from dyepack.patterns.change import MEASURED, ONE_SIGN, TWO_SIGNS
from dyepack.patterns.peel import RULE
from dyepack.synthetic.wallets import WalletChain, chain
from dyepack.tags.grades import MADE_UP_AT_MOST

pytestmark = pytest.mark.xdist_group("numba")
BENCH = Path(__file__).parents[1] / "bench/accuracy_clusters.py"


@cache
def wallets() -> WalletChain:
    return chain(8_000, seed=21)


def test_equal_seeds_give_equal_chains() -> None:
    one, other, third = (chain(1_500, seed) for seed in (4, 4, 5))
    assert one.kind == other.kind != third.kind
    assert one.campaigns == other.campaigns
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one.ledger, name), getattr(other.ledger, name), err_msg=name)


@pytest.mark.slow
def test_twenty_thousand_transactions_take_seconds() -> None:
    begin = time.perf_counter()
    made = chain(20_000, seed=2)
    assert made.ledger.transactions >= 20_000
    assert time.perf_counter() - begin < 30


def test_the_truth_is_about_the_ledger() -> None:
    one = wallets()
    ledger = one.ledger
    assert len(one.owner) == len(ledger.address_id)
    assert len(one.change) == len(one.kind) == ledger.transactions
    parties = []
    for tx in range(ledger.transactions):
        spent = [a for a in map(ledger.input_address, ledger.inputs_of(tx)) if a is not None]
        owners = {int(one.owner[a]) for a in spent}
        made = ledger.outputs_of(tx)
        assert (not spent) == (one.kind[tx] == "coinbase") == ledger.is_coinbase(tx)
        if one.change[tx] >= 0:
            to = int(ledger.output_address[made.start + int(one.change[tx])])
            assert int(one.owner[to]) in owners
        if len(owners) > 1:
            parties.append(one.kind[tx])
        elif spent and not one.kind[tx].startswith(("coinjoin", "consolidation", "sweep", "loot", "gathering")):
            others = {int(one.owner[a]) for n, a in enumerate(ledger.output_address[made.start : made.stop].tolist())
                      if a != NO_ADDRESS and n != one.change[tx]}  # fmt: skip
            assert others - owners or one.kind[tx] in {"dust", "payment", "deposit"}
    assert {kind.partition(" ")[0] for kind in parties} == {"coinjoin", "payjoin"}


def test_every_behaviour_is_there() -> None:
    count = Counter(wallets().kind)
    for kind in ("payment", "payout", "batch payout", "deposit", "sweep", "consolidation", "no change", "payjoin",
                 "peel", "gathering", "dust", "loot", "coinjoin small", "coinjoin wide"):  # fmt: skip
        assert count[kind] > 0, kind


def pairwise(one: WalletChain, change: int) -> tuple[float, float]:
    """Precision and recall of pairs of addresses in one cluster."""

    def pairs(label: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(label.tolist()).values())

    label = clusters(one.ledger, change=change).cluster.astype(np.int64)
    both = pairs(label << 32 | one.owner)
    return both / pairs(label), both / pairs(one.owner)


def test_clusters_have_one_owner() -> None:
    one = wallets()
    alone, two, single = (pairwise(one, change) for change in (0, 2, 1))
    assert alone[0] >= 0.99
    assert two[0] >= 0.99
    assert alone[1] < two[1] < single[1]
    assert single[0] < two[0]


@pytest.mark.slow
@pytest.mark.shared
def test_the_figures_that_are_stated_are_those_of_the_benchmark() -> None:
    printed = subprocess.run([sys.executable, str(BENCH)], check=True, capture_output=True, text=True).stdout
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in printed.splitlines()[2:]]
    by_rule = {row[1]: row for row in reversed(rows)}
    merges = by_rule["multi-input"]
    wrong = sum(int(n.replace(",", "")) for n in re.findall(r"payjoin \(([\d,]+)\)", merges[-1]))
    stated = int(re.findall(r"([\d,]+) \"?merges", CO_SPEND_MEASURED)[0].replace(",", ""))
    assert f"{100 * (1 - wrong / stated):.1f} %" in CO_SPEND_MEASURED
    assert f"{stated:,} merges" in merges[-1]
    assert CO_SPEND.confidence == MADE_UP_AT_MOST < int(100 * (1 - wrong / stated))
    for rule, grade in (("change, 1 sign", ONE_SIGN), ("change, 2 signs", TWO_SIGNS)):
        _, _, _, _, _, found, _, false, precision, _, _ = by_rule[rule]
        named = sum(int(n.replace(",", "")) for n in (found, false))
        assert f"{named:,}" in MEASURED
        assert f"{float(precision.split()[0]):.1f} %" in MEASURED
        assert grade.confidence < int(float(precision.split()[0]))
    real = by_rule["change, 1 of script, size, round"]
    assert f"right in {real[5]} of {int(real[5]) + int(real[7])}" in MEASURED
    peels = by_rule[RULE.id]
    assert f"found {peels[5]} of {peels[4]} planted" in RULE.measured
    findings = re.findall(r"([\d,]+) findings", peels[-1])[0]
    assert f"{peels[7]} of {findings} findings" in RULE.measured
