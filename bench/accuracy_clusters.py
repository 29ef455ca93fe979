"""Accuracy of clusters, change and peel chains on generated chains with known wallets (synthetic/wallets.py).

Pairs of addresses: of all pairs that one owner has, how many are in one cluster; of all pairs in one cluster, how many
have two owners. Change: outputs named as change against the true change outputs. Peel chains: chains of 5 hops or more
that were planted; a planted chain is found if 4 of 5 of its hops are in findings, a finding is false if most of its
transactions are no planted hops.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from accuracy_rows import AccuracyRow, print_rows
from dyepack.clusters.multi_input import Clusters, clusters
from dyepack.ledger.utxo.schema import COINBASE, ScriptType
from dyepack.patterns.change import EVERY_SIGN, SIGNS, Changes, Sign, find_changes
from dyepack.patterns.coinjoin.detect import coinjoin_flags
from dyepack.patterns.peel import LIMITS, RULE, peel_chains
from dyepack.sources.bitcoin.collect import import_bitcoin
from dyepack.sources.bitcoin.store import ledger_of
from dyepack.synthetic.wallets import WalletChain, chain

SEEDS = (11, 12, 13, 14, 15)
"""Chains on which nothing was tried out: which signs are used and how chains are joined was chosen on 1, 2 and 3."""
TRANSACTIONS = 20_000
CAMPAIGNS = 40
REAL = Path(__file__).parents[2] / "shared/data/bitcoin/bcoin"
Ints = npt.NDArray[np.int64]


def data(chains: list[WalletChain]) -> str:
    """What was measured on, in words."""
    return f"{len(chains)} generated chains, {sum(c.ledger.transactions for c in chains):,} transactions"


def pairs(counts: npt.NDArray[np.integer]) -> int:
    """How many pairs there are within groups of these sizes."""
    return sum(n * (n - 1) // 2 for n in counts.tolist())


def of_clusters(chains: list[WalletChain], change: int) -> AccuracyRow:
    """Pairs of addresses that share an owner, against pairs that share a cluster."""
    total, positives, found, joined = 0, 0, 0, 0
    wrong: Counter[str] = Counter()
    reach: list[float] = []
    merges = 0
    for one in chains:
        made = clusters(one.ledger, change=change)
        label = made.cluster.astype(np.int64)
        total += pairs(np.array([len(label)]))
        positives += pairs(np.unique(one.owner, return_counts=True)[1])
        joined += pairs(np.unique(label, return_counts=True)[1])
        found += pairs(np.unique(label << 32 | one.owner, return_counts=True)[1])
        bad = one.owner[made.merge_one] != one.owner[made.merge_other]
        wrong.update(one.kind[tx] for tx in made.merge_tx[bad].tolist())
        reach.append(reached(made, one.owner))
        merges += len(made.merge_tx)
    rule = "multi-input" if not change else f"multi-input and change by {change} sign{'s' * (change > 1)}"
    note = (
        f"an owner's largest cluster holds {100 * np.mean(reach):.1f} % of their addresses on average; of {merges:,} "
        f"merges those of two owners come from {many(wrong)}; most pairs missed are those of exchanges: nothing joins "
        "the batches in which deposit addresses are swept"
    )
    return AccuracyRow("cluster", rule, data(chains), total, positives, found, joined - found, total - positives, note)


def reached(made: Clusters, owner: Ints) -> float:
    """The mean share of an owner's addresses that are in the largest cluster of theirs."""
    key, count = np.unique(owner << 32 | made.cluster, return_counts=True)
    largest = np.zeros(int(owner.max()) + 1, np.int64)
    np.maximum.at(largest, key >> 32, count)
    sizes = np.bincount(owner)
    return float((largest[sizes > 1] / sizes[sizes > 1]).mean())


def many(counts: Counter[str]) -> str:
    """Counts in words, the largest first."""
    ordered = sorted(counts.items(), key=lambda named: (-named[1], named[0]))
    return ", ".join(f"{name} ({count:,})" for name, count in ordered) or "none"


def of_change(chains: list[WalletChain], rule: str, find: Callable[[WalletChain], Changes], note: str) -> AccuracyRow:
    """Change outputs named against true ones, among the outputs that can be spent of all but coinbases."""
    size, positives, right, false = 0, 0, 0, 0
    wrong: Counter[str] = Counter()
    for one in chains:
        ledger = one.ledger
        able = (ledger.output_type != ScriptType.OP_RETURN) & (ledger.output_value > 0)
        maker = np.repeat(ledger.tx_flag & COINBASE == 0, np.diff(ledger.tx_output).astype(np.int64))
        size += int((able & maker).sum())
        positives += int((one.change >= 0).sum())
        made = find(one)
        good = made.output.astype(np.int64) - ledger.tx_output[made.tx].astype(np.int64) == one.change[made.tx]
        right += int(good.sum())
        false += int((~good).sum())
        wrong.update(one.kind[tx] for tx in made.tx[~good].tolist())
    note = f"{note}; wrong in {many(wrong)}"
    return AccuracyRow("change", rule, data(chains), size, positives, right, false, size - positives, note)


def with_clusters(one: WalletChain, least: int) -> Changes:
    """Change with the clusters of what is spent together as a sign."""
    flags = coinjoin_flags(one.ledger)
    return find_changes(one.ledger, coinjoin=flags, cluster=clusters(one.ledger).cluster, least=least)


def of_signs(chains: list[WalletChain]) -> list[AccuracyRow]:
    """Each sign alone, then by how many groups of them are asked for."""

    def alone(sign: Sign) -> Callable[[WalletChain], Changes]:
        return lambda one: find_changes(one.ledger, coinjoin=coinjoin_flags(one.ledger), least=1, signs=(sign,))

    def asked(least: int) -> Callable[[WalletChain], Changes]:
        return lambda one: find_changes(one.ledger, coinjoin=coinjoin_flags(one.ledger), least=least)

    rows = [of_change(chains, f"change, {sign.name} alone", alone(sign), "used" if sign in SIGNS else "not used")
            for sign in EVERY_SIGN if sign.name != "input_cluster"]  # fmt: skip
    for least, note in ((1, "one group"), (2, "the rule"), (3, "three groups")):
        words = f"change, {least} sign{'s' * (least > 1)}"
        rows.append(of_change(chains, words, asked(least), f"{note}, without clusters"))
    rows.append(
        of_change(chains, "change, 2 signs, with clusters", lambda one: with_clusters(one, 2), "as clusters do")
    )
    return rows


def of_real_block() -> list[AccuracyRow]:
    """Signs that do not look at addresses, in a real block, where an address used again tells the change.

    Such transactions show nothing about fresh addresses, and are a chosen part of all; block 300,025 is the only one of
    mainnet at hand that has its undo data.
    """
    files = [REAL / "block300025.raw", REAL / "block300025-undo.raw"]
    if not all(file.exists() for file in files):
        return []
    with TemporaryDirectory() as work:
        imported, network = import_bitcoin(files, network=None, work=Path(work), first_height=None, workers=1)
        ledger = ledger_of(imported, "bitcoin", network)
    flags = coinjoin_flags(ledger)
    reuse = tuple(sign for sign in SIGNS if sign.name == "address_reuse")
    others = tuple(sign for sign in SIGNS if sign.group in {"script", "size", "round"})
    known = find_changes(ledger, coinjoin=flags, least=1, signs=reuse)
    true = set(known.output.tolist())
    size = sum(len(ledger.outputs_of(tx)) for tx in known.tx.tolist())
    rows = []
    for least in (1, 2):
        made = find_changes(ledger, known.tx.astype(np.int64), coinjoin=flags, least=least, signs=others)
        right = len(true & set(made.output.tolist()))
        rule, where = f"change, {least} of script, size, round", "Bitcoin block 300,025 (real)"
        note = "transactions that pay an address of their own inputs: that output is the truth"
        counts = (size, len(true), right, len(made.tx) - right, size - len(true))
        rows.append(AccuracyRow("change", rule, where, *counts, note))
    return rows


def of_peels(chains: list[WalletChain]) -> list[AccuracyRow]:
    """Planted chains, their hops, and the transactions that gathered remainders."""
    size, planted, found, false, hops, met, other, one_to_two = 0, 0, 0, 0, 0, 0, 0, 0
    gathered, joined = 0, 0
    missed: Counter[str] = Counter()
    for one in chains:
        ledger = one.ledger
        findings = [{t for t in map(ledger.find_tx, f.txs) if t is not None} for f in peel_chains(ledger)]
        every = set().union(*findings)
        true = {tx for tx, kind in enumerate(one.kind) if kind in {"peel", "gathering"}}
        long = [c for k in one.campaigns for c in k.chains if len(c) >= LIMITS.hops]
        planted += len(long)
        good = [len(every & set(c)) >= 0.8 * len(c) for c in long]
        found += sum(good)
        styles = [k.style for k in one.campaigns for c in k.chains if len(c) >= LIMITS.hops]
        missed.update(style for style, ok in zip(styles, good, strict=True) if not ok)
        false += sum(2 * len(f & true) < len(f) for f in findings)
        size += len(findings)
        shaped = {tx for tx in range(ledger.transactions)
                  if len(ledger.inputs_of(tx)) == 1 and len(ledger.outputs_of(tx)) == 2}  # fmt: skip
        one_to_two += len(shaped)
        in_long = {tx for c in long for tx in c}
        hops, met, other = hops + len(in_long), met + len(in_long & every), other + len((every & shaped) - true)
        joins = {tx for k in one.campaigns for tx in k.gathered}
        gathered += len(joins)
        joined += len(joins & every)
    where = data(chains)
    return [
        AccuracyRow("peel chain", RULE.id, where, planted + false, planted, found, false, false,
                    f"chains of 5 hops or more; {size:,} findings, of which the false ones are rows of honest payments "
                    f"and payouts (there is no count of chains that were not found and are none); missed by style: "
                    f"{many(missed)}"),
        AccuracyRow("peel chain", RULE.id, f"{where}: hops", one_to_two, hops, met, other, one_to_two - hops,
                    "transactions of 1 input and 2 outputs"),
        AccuracyRow("peel chain", RULE.id, f"{where}: gathering", gathered, gathered, joined, 0, 0,
                    "transactions that gather remainders of a campaign's chains"),
    ]  # fmt: skip


def accuracy(seeds: Iterable[int] = SEEDS, transactions: int = TRANSACTIONS) -> list[AccuracyRow]:
    """All rows."""
    chains = [chain(transactions, seed, campaigns=CAMPAIGNS * transactions // TRANSACTIONS) for seed in seeds]
    return [*(of_clusters(chains, change) for change in (0, 1, 2)), *of_signs(chains), *of_real_block(),
            *of_peels(chains)]  # fmt: skip


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--transactions", type=int, default=TRANSACTIONS, help="of each chain")
    words.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of the chains")
    given = words.parse_args()
    print_rows(accuracy(given.seeds, given.transactions))


if __name__ == "__main__":
    main()
