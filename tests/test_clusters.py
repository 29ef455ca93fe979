"""Co-spend clusters: those of a graph library, every merge explained by a real transaction, undoing equals a rerun."""

from __future__ import annotations

import csv
import json
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.cli.clusters import clusters as command
from dyepack.clusters.multi_input import Clusters, Flags, clusters
from dyepack.errors import LedgerError, UsageError
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns.coinjoin.detect import coinjoin_flags
from dyepack.patterns.coinjoin.prefilter import DUST
from dyepack.synthetic.utxo_economy import chain
from dyepack.tags.grades import Grade
from tests.effort import examples
from tests.outputs import Tx, chains, in_memory, ledger_of, written

pytestmark = pytest.mark.xdist_group("numba")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SHARED = Path(__file__).parents[2] / "shared/data/coinjoin"
TXS = st.sets(st.integers(0, 60), max_size=8)


def nothing(ledger: UtxoLedger) -> Flags:
    """No transaction is a CoinJoin."""
    return np.zeros(ledger.transactions, np.bool_)


def spent_from(ledger: UtxoLedger, tx: int) -> list[int]:
    """The addresses of a transaction's inputs, in order, as far as known."""
    return [a for a in map(ledger.input_address, ledger.inputs_of(tx)) if a is not None]


def plain(ledger: UtxoLedger, left_out: set[int]) -> tuple[nx.Graph, list[tuple[int, int, int]]]:
    """The twin: the graph of what is joined, and the merges that were news when they came."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(ledger.address_id)))
    name = {a: {a} for a in graph}
    merges = []
    for tx in range(ledger.transactions):
        if tx in left_out or ledger.is_coinbase(tx):
            continue
        for one, other in ((spent_from(ledger, tx)[0], other) for other in spent_from(ledger, tx)[1:]):
            graph.add_edge(one, other)
            if name[one] is not name[other]:
                merges.append((one, other, tx))
                name[one] |= name[other]
                name |= dict.fromkeys(name[other], name[one])
    return graph, merges


def merges_of(found: Clusters) -> list[tuple[int, int, int]]:
    return list(zip(found.merge_one.tolist(), found.merge_other.tolist(), found.merge_tx.tolist(), strict=True))


def assert_same(one: Clusters, other: Clusters) -> None:
    for name in ("cluster", "merge_one", "merge_other", "merge_tx", "merge_signs", "left_out", "clash"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def assert_explained(found: Clusters, one: int, other: int) -> None:
    """A path of links from one address to the other, whose transactions really spend from both ends of each."""
    ledger, links = found.ledger, found.explain(one, other)
    assert bool(links) == (one != other and found.of(one) == found.of(other))
    if links:
        assert (links[0].one, links[-1].other) == (one, other)
    assert all(a.other == b.one and a.tx != b.tx for a, b in pairwise(links))
    assert len({a for link in links for a in (link.one, link.other)}) == len(links) + bool(links)
    for link in links:
        assert {link.one, link.other} <= set(spent_from(ledger, link.tx))
        assert not found.left_out[link.tx]
        assert (link.confidence, link.evidence) == found.grade


def assert_as_plain(ledger: UtxoLedger, first: set[int], later: set[int]) -> None:
    first, later = ({tx for tx in txs if tx < ledger.transactions} for txs in (first, later))
    graph, merges = plain(ledger, first)
    found = clusters(ledger, is_coinjoin=nothing, excluded=first)
    parts = list(nx.connected_components(graph))
    assert merges_of(found) == merges
    for part in parts:
        name = min(part)
        assert {found.of(address) for address in part} == {name}
        assert found.members(name).tolist() == sorted(part)
        assert found.size(name) == len(part)
    for one in graph:
        for other in graph:
            assert_explained(found, one, other)
    undone = found.without(later)
    assert_same(undone, clusters(ledger, is_coinjoin=nothing, excluded=first | later))
    assert_same(undone.without(first), undone)
    assert merges_of(found) == merges


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(chains(most=25).map(ledger_of), TXS, TXS)
def test_clusters_are_those_of_a_graph(ledger: UtxoLedger, first: set[int], later: set[int]) -> None:
    assert_as_plain(ledger, first, later)


@pytest.mark.slow
@settings(max_examples=examples(1000), deadline=None, suppress_health_check=SLOW)
@given(chains(most=60).map(ledger_of), TXS, TXS)
def test_clusters_are_those_of_a_graph_at_length(ledger: UtxoLedger, first: set[int], later: set[int]) -> None:
    assert_as_plain(ledger, first, later)


def test_undoing_equals_a_rerun_on_a_longer_chain() -> None:
    ledger = in_memory(chain(3_000, seed=2))
    found = clusters(ledger)
    biggest = int(np.bincount(found.cluster).argmax())
    members = found.members(biggest)
    assert len(members) > 500
    assert_explained(found, int(members[0]), int(members[-1]))
    causes = found.merge_tx[found.cluster[found.merge_one] == biggest]
    for txs in ([int(causes[0])], [int(causes[-1])], causes[::7].tolist(), causes.tolist(), range(3_000)):
        assert_same(found.without(txs), clusters(ledger, excluded=txs))
    assert not len(found.without(range(3_000)).merge_tx)


def test_inputs_from_outside_join_and_are_undone() -> None:
    ledger = ledger_of([
        Tx([], [("a", 100)], 0), Tx([(-1, 0, 50), (0, 0)], [("c", 150)], 0, {0: "b"}),
        Tx([(-2, 0, 50), (-3, 0, 50), (-4, 0, 50)], [("c", 150)], 0, {0: "b", 1: "d"}),
    ])  # fmt: skip
    found = clusters(ledger)
    assert [found.members(name).tolist() for name in (0, 2)] == [[0, 1, 3], [2]]
    assert [link.tx for link in found.explain(0, 3)] == [1, 2]
    assert found.without([1]).members(1).tolist() == [1, 3]
    assert_same(found.without([1]), clusters(ledger, excluded=[1]))
    assert_same(found.without([1]).without([2]), clusters(ledger, excluded=[1, 2]))


def round_of(inputs: str, outputs: list[int]) -> bool:
    """Whether a transaction that spends from these addresses (a letter each, "-": not known) and makes these values is
    taken for a CoinJoin."""
    return bool(coinjoin_flags(ledger_of([from_outside([(10**9, name.strip("-")) for name in inputs], outputs, 0)]))[0])


def from_outside(inputs: list[tuple[int, str]], outputs: list[int], number: int) -> Tx:
    """A transaction that spends (units, name of an address) which the ledger does not hold."""
    spends: list[tuple[int, ...]] = [(-1 - number, at, units) for at, (units, _) in enumerate(inputs)]
    return Tx(spends, [("", units) for units in outputs], 0, {at: name for at, (_, name) in enumerate(inputs)})


@pytest.mark.parametrize(("inputs", "outputs", "is_one"), [
    ("abcde", [10**6] * 5, True),  # Whirlpool
    ("abcc", [10**6, 5, 10**6, 7, 10**6, 9], True),  # JoinMarket: 3 makers, 3 changes
    ("abcc", [10**6, 5, 10**6, 7, 10**6, 9, 11], True),  # one output more
    ("abc", [10**6, 5, 10**6, 7, 10**6, 9, 11, 13], False),  # two more
    ("aaa", [10**6] * 3, False),  # one party that splits its money
    ("abb", [10**6] * 3, False),
    ("ab--", [10**6] * 4, True),  # nobody knows whose the last two are
    ("abc", [10**6] * 2, False),  # too few equal
    ("abc", [DUST] * 3, False),
    ("abc", [DUST + 1] * 3, True),
    ("abcd", [10**6] * 3 + [2 * 10**6] * 3 + [3, 5, 7, 9, 11, 13], True),  # Wasabi: levels
    ("abcd", [10**6] * 3 + [2 * 10**6] * 2 + [3, 5, 7, 9, 11, 13, 15], False),
])  # fmt: skip
def test_what_has_the_shape_of_a_coinjoin(inputs: str, outputs: list[int], is_one: bool) -> None:
    assert round_of(inputs, outputs) == is_one


REAL = [
    ("sw_202403", "SamouraiCoinJoins", 1.0, 1.0), ("ww1_202405", "WasabiCoinJoins", 0.98, 1.0),
    ("ww1_202405", "WasabiPostMixTxs", 0.0, 0.05),
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("month", "kind", "least", "most"), REAL)
def test_real_coinjoins_have_the_shape(month: str, kind: str, least: float, most: float) -> None:
    """Each line: id, block, rank, time, inputs (id-number-value+script+type) and outputs (value+script+type)."""
    with zipfile.ZipFile(SHARED / f"dumplings__{month}.zip") as archive:
        lines = archive.read(f"Scanner/{kind}.txt").decode().split("\r\n")
    txs: list[Tx] = []
    numbers: dict[str, int] = {}
    for line in filter(None, lines):
        *_, ins, outs = line.split(":::")
        spent, made = ([one.split("+") for one in side.split("}{")] for side in (ins, outs))
        owners = [str(numbers.setdefault(script, len(numbers))) for _, script, *_ in spent]
        inputs = [(int(one[0].split("-")[2]), owner) for one, owner in zip(spent, owners, strict=True)]
        txs.append(from_outside(inputs, [int(one[0]) for one in made], len(txs)))
    found = coinjoin_flags(ledger_of(txs))
    assert least <= found.mean() <= most, found.mean()


def test_coinjoins_are_left_out_by_any_hook() -> None:
    ledger = in_memory(chain(4_000))
    shaped = coinjoin_flags(ledger)
    for tx in range(ledger.transactions):
        made = ledger.outputs_of(tx)
        counts = Counter(v for v in ledger.output_value[made.start : made.stop].tolist() if v > DUST)
        equal, many = max(counts.values(), default=0), sum(n for n in counts.values() if n > 1)
        expected = equal >= 3 and 2 * many + 1 >= len(made) and len(set(spent_from(ledger, tx))) >= equal
        assert shaped[tx] == expected, tx
    found = clusters(ledger)
    assert found.coinjoins == shaped.sum() > 0
    assert not shaped[found.merge_tx].any()
    assert_same(found, clusters(ledger, is_coinjoin=shaped))
    assert len(clusters(ledger, is_coinjoin=nothing).merge_tx) > len(found.merge_tx)
    with pytest.raises(ValueError, match="one flag for each transaction"):
        clusters(ledger, is_coinjoin=shaped[1:])


def test_a_measured_grade_is_on_every_link() -> None:
    ledger = ledger_of([Tx([], [("a", 5)], 0), Tx([], [("b", 5)], 1), Tx([(0, 0), (1, 0)], [("c", 9)], 1)])
    assert [(k.one, k.other, k.tx, k.evidence, k.confidence) for k in clusters(ledger).explain(1, 0)] == [
        (1, 0, 2, "E5", 80)
    ]
    assert clusters(ledger, grade=Grade(87, "E5")).explain(0, 1)[0].confidence == 87


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(chain(2_000), tmp_path_factory.mktemp("clusters") / "ledger")


def test_the_command_lists_members(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = UtxoLedger.open(folder)
    found = clusters(ledger)
    biggest = int(np.bincount(found.cluster).argmax())
    texts = [ledger.address_text(a) for a in found.members(biggest).tolist()]
    command(texts[3], folder, json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["members"], said["size"], said["evidence"]) == (texts, len(texts), "E5")
    command(texts[3], folder, csv=True)
    assert [row[0] for row in csv.reader(capsys.readouterr().out.splitlines())] == ["address", *texts]
    command(texts[3], folder, most=4)
    printed = capsys.readouterr()
    assert [line.strip() for line in printed.out.splitlines()][1:5] == texts[:4]
    assert f"and {len(texts) - 4:,} more" in printed.out
    assert f"{found.coinjoins:,} transactions look like CoinJoins" in printed.err


def test_the_command_explains_and_undoes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = UtxoLedger.open(folder)
    found = clusters(ledger)
    members = found.members(int(np.bincount(found.cluster).argmax()))
    one, other = int(members[0]), int(members[-1])
    names = ledger.address_text(one), ledger.address_text(other)
    txs = [ledger.tx_text(link.tx) for link in found.explain(one, other)]
    command(names[0], folder, explain=names[1], json=True)
    assert [link["tx"] for link in json.loads(capsys.readouterr().out)["links"]] == txs
    command(names[0], folder, explain=names[1], csv=True)
    assert [row[3] for row in csv.reader(capsys.readouterr().out.splitlines())] == ["tx", *txs]
    command(names[0], folder, explain=names[1])
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("   in ")] == txs
    every = [ledger.tx_text(tx) for tx in set(found.merge_tx.tolist())]
    command(names[0], folder, explain=names[1], without=every, json=True)
    assert not json.loads(capsys.readouterr().out)["same_cluster"]


def test_the_command_refuses_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    address = UtxoLedger.open(folder).address_text(0)
    with pytest.raises(UsageError, match="address 'nobody' is not in the ledger"):
        command("nobody", folder)
    with pytest.raises(UsageError, match="transaction 'nothing' is not in the ledger"):
        command(address, folder, without=["nothing"])
    with pytest.raises(UsageError, match="exclude each other"):
        command(address, folder, json=True, csv=True)
    with pytest.raises(LedgerError, match="is not a ledger"):
        command(address, tmp_path)
