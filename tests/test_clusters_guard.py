"""Clusters with change and with known actors: as a plain twin makes them, explained, undone, never of two actors."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.cli.clusters import clusters as command
from dyepack.clusters.actors import Actor, actors_of
from dyepack.clusters.forced import forced_merges
from dyepack.clusters.multi_input import CHANGE, METHOD, Clusters, clusters
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import COLUMNS, NO_ADDRESS
from dyepack.ledger.writer import publish
from dyepack.patterns.change import find_changes
from dyepack.synthetic.wallets import chain
from dyepack.tags.model import Tag, TagKind, TagSet
from tests.effort import examples
from tests.outputs import Tx, chains, ledger_of
from tests.test_clusters import assert_same, merges_of, nothing, spent_from

pytestmark = pytest.mark.xdist_group("numba")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
COIN = 10**8
ACTORS = [Actor("A", 90, service=True), Actor("B", 60), Actor("C", 100, service=True)]
NAMED = st.dictionaries(st.integers(0, 7), st.sampled_from(ACTORS), max_size=4)
TXS = st.sets(st.integers(0, 40), max_size=5)


class Plain:
    """The twin: sets that are joined one by one, each with at most one actor."""

    def __init__(self, ledger: UtxoLedger, actors: dict[int, Actor]) -> None:
        self.ledger = ledger
        self.group = {a: {a} for a in range(len(ledger.address_id))}
        self.actors = actors
        self.merges: list[tuple[int, int, int]] = []
        self.refused: list[int] = []

    def names(self, address: int) -> set[str]:
        return {self.actors[a].name for a in self.group[address] if a in self.actors}

    def join(self, tx: int, addresses: list[int]) -> None:
        if len(set().union(*map(self.names, addresses))) > 1:
            self.refused.append(tx)
            return
        first = addresses[0]
        for other in addresses[1:]:
            if self.group[first] is not self.group[other]:
                self.merges.append((first, other, tx))
                self.group[first] |= self.group[other]
                self.group |= dict.fromkeys(self.group[other], self.group[first])

    def labels(self) -> list[int]:
        return [min(self.group[a]) for a in range(len(self.group))]


def plain(ledger: UtxoLedger, actors: dict[int, Actor], left_out: set[int], change: int) -> Plain:
    made = Plain(ledger, actors)
    for tx in range(ledger.transactions):
        addresses = spent_from(ledger, tx)
        if tx not in left_out and len(addresses) > 1:
            made.join(tx, addresses)
    if not change:
        return made
    skip = np.array([tx in left_out or tx in made.refused for tx in range(ledger.transactions)], np.bool_)
    labels = made.labels()
    found = find_changes(ledger, coinjoin=skip, cluster=np.array(labels, np.uint32), least=change)
    names = {a: made.names(a) for a in range(len(labels))}
    serves = {actor.name for actor in actors.values() if actor.service}
    for tx, output in zip(found.tx.tolist(), found.output.tolist(), strict=True):
        sources, to = spent_from(ledger, tx), int(ledger.output_address[output])
        if not sources or to == NO_ADDRESS:
            continue
        one, other = names[sources[0]], names[to]
        if one != other and not (one and other) and (one | other) & serves:
            continue
        made.join(tx, [sources[0], to])
    return made


def assert_explained(found: Clusters, one: int, other: int) -> None:
    """Links from the one to the other, each a real transaction that spends from both, or whose change is the other."""
    links = found.explain(one, other)
    assert bool(links) == (one != other and found.of(one) == found.of(other))
    if links:
        assert (links[0].one, links[-1].other) == (one, other)
    assert all(a.other == b.one and a.tx != b.tx for a, b in pairwise(links))
    for link in links:
        spent = set(spent_from(found.ledger, link.tx))
        assert not found.left_out[link.tx]
        if not link.signs:
            assert {link.one, link.other} <= spent
            assert link.method == METHOD
            continue
        named = find_changes(found.ledger, np.array([link.tx]), cluster=None, least=1)
        paid = {int(a) for a in found.ledger.output_address[named.output]}
        assert link.method == CHANGE
        assert spent & {link.one, link.other}
        assert paid & {link.one, link.other} or "input_cluster" in link.signs


def assert_as_plain(
    ledger: UtxoLedger, actors: dict[int, Actor], first: set[int], later: set[int], change: int
) -> None:
    actors = {a: actor for a, actor in actors.items() if a < len(ledger.address_id)}
    first, later = ({tx for tx in txs if tx < ledger.transactions} for txs in (first, later))
    found = clusters(ledger, is_coinjoin=nothing, excluded=first, change=change, actors=actors)
    twin = plain(ledger, actors, first, change)
    assert merges_of(found) == twin.merges
    assert found.cluster.tolist() == twin.labels()
    assert [conflict.tx for conflict in found.conflicts] == twin.refused
    for address in range(len(ledger.address_id)):
        names = {actors[a].name for a in found.members(found.of(address)).tolist() if a in actors}
        assert len(names) <= 1
        actor = found.actor(address)
        assert names == ({actor.name} if actor else set())
        assert_explained(found, address, 0)
    for conflict in found.conflicts:
        assert conflict.one_actor.name != conflict.other_actor.name
        assert found.of(conflict.one) != found.of(conflict.other)
    undone = found.without(later)
    again = plain(ledger, actors, first | later, change)
    assert merges_of(undone) == again.merges
    assert undone.cluster.tolist() == again.labels()
    assert_same(undone, clusters(ledger, is_coinjoin=nothing, excluded=first | later, change=change, actors=actors))
    assert_same(undone.without(first), undone)


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(chains(most=20).map(ledger_of), NAMED, TXS, TXS, st.sampled_from([0, 1, 2]))
def test_clusters_are_those_of_the_twin(
    ledger: UtxoLedger, actors: dict[int, Actor], first: set[int], later: set[int], change: int
) -> None:
    assert_as_plain(ledger, actors, first, later, change)


@pytest.mark.slow
@settings(max_examples=examples(800), deadline=None, suppress_health_check=SLOW)
@given(chains(most=40, largest=9).map(ledger_of), NAMED, TXS, TXS, st.sampled_from([0, 1, 1, 2]))
def test_clusters_are_those_of_the_twin_at_length(
    ledger: UtxoLedger, actors: dict[int, Actor], first: set[int], later: set[int], change: int
) -> None:
    assert_as_plain(ledger, actors, first, later, change)


def at(ledger: UtxoLedger, name: str) -> int:
    """The id of a name's address: names are sorted, as their bytes are."""
    row = b"\0\x14" + name.encode().ljust(20, b"\0")
    return next(a for a in range(len(ledger.address_id)) if ledger.address_id[a].tobytes()[:22] == row)


PARTS = [Tx([], [(name, COIN)], n) for n, name in enumerate("abcd")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_a_transaction_of_two_actors_joins_nothing_whatever_its_order(order: tuple[int, ...]) -> None:
    ledger = ledger_of([*PARTS, Tx([(n, 0) for n in order], [("x", 3 * COIN)], 9)])
    actors = {at(ledger, "a"): ACTORS[0], at(ledger, "c"): ACTORS[1]}
    found = clusters(ledger, actors=actors)
    assert not merges_of(found)
    (conflict,) = found.conflicts
    assert {conflict.one_actor, conflict.other_actor} == {ACTORS[0], ACTORS[1]}
    assert {conflict.one, conflict.other} == set(actors)
    assert (conflict.tx, conflict.method) == (4, METHOD)
    assert len(merges_of(clusters(ledger, actors={at(ledger, "a"): ACTORS[0]}))) == 2


def test_who_joins_first_has_what_nobody_is_known_to_own() -> None:
    ledger = ledger_of([
        *PARTS, Tx([], [("b", COIN)], 7), Tx([(0, 0), (1, 0)], [("x", 2 * COIN)], 8),
        Tx([(2, 0), (4, 0)], [("y", 2 * COIN)], 9),
    ])  # fmt: skip
    found = clusters(ledger, actors={at(ledger, "a"): ACTORS[0], at(ledger, "c"): ACTORS[1]})
    assert found.of(at(ledger, "b")) == found.of(at(ledger, "a"))
    assert [conflict.tx for conflict in found.conflicts] == [6]
    without = found.without([5])
    assert without.of(at(ledger, "b")) == without.of(at(ledger, "c"))
    assert not without.conflicts


PAID = [Tx([], [("a", 5 * COIN)], 0), Tx([], [("shop", COIN)], 1),
        Tx([(0, 0)], [("shop", COIN), ("new", 4 * COIN - 7)], 2)]  # fmt: skip


def test_change_joins_by_its_signs_and_is_undone() -> None:
    ledger = ledger_of(PAID)
    a, new, shop = (at(ledger, name) for name in ("a", "new", "shop"))
    assert not clusters(ledger).explain(a, new)
    found = clusters(ledger, change=2)
    (link,) = found.explain(new, a)
    assert (link.one, link.other, link.tx, link.evidence, link.confidence) == (new, a, 2, "E5", 80)
    assert link.signs == ("power_of_ten", "fresh_address", "one_time_address")
    assert found.of(shop) != found.of(a)
    assert not found.without([2]).explain(new, a)
    assert not clusters(ledger, change=3).explain(new, a)


def test_change_is_not_followed_into_or_out_of_a_service() -> None:
    ledger = ledger_of(PAID)
    a, new = at(ledger, "a"), at(ledger, "new")
    for actors in ({a: ACTORS[0]}, {new: ACTORS[0]}):
        found = clusters(ledger, change=2, actors=actors)
        assert (merges_of(found), found.at_services, found.conflicts) == ([], 1, [])
    assert clusters(ledger, change=2, actors={a: ACTORS[1]}).of(new) == a
    assert clusters(ledger, change=2, actors={a: ACTORS[0], new: ACTORS[0]}).of(new) == a
    (conflict,) = clusters(ledger, change=2, actors={a: ACTORS[0], new: ACTORS[2]}).conflicts
    assert (conflict.method, conflict.one_actor.name, conflict.other_actor.name) == (CHANGE, "A", "C")


def test_coinjoins_are_never_crossed_by_change() -> None:
    one = chain(3_000, seed=3)
    mixes = [tx for tx, kind in enumerate(one.kind) if kind.startswith("coinjoin")]
    found = clusters(one.ledger, change=1)
    assert len(mixes) > 3
    assert not set(found.merge_tx.tolist()) & set(mixes)
    assert found.left_out[mixes].all()


def plain_forced(found: Clusters, dust: int) -> list[bool]:
    """The twin of forced_merges."""
    ledger = found.ledger

    def strange(address: int, at: int) -> bool:
        output = ledger.spent_output(at)
        if output is None or not 0 < ledger.input_value[at] <= dust:
            return False
        maker = list(ledger.inputs_of(ledger.transaction_of(output)))
        theirs = {found.of(a) for a in map(ledger.input_address, maker) if a is not None}
        return bool(maker) and found.of(address) not in theirs

    def only_dust(address: int, tx: int) -> bool:
        return all(strange(address, at) for at in ledger.inputs_of(tx) if ledger.input_address(at) == address)

    merges = zip(found.merge_one.tolist(), found.merge_other.tolist(), found.merge_tx.tolist(),
                 found.merge_signs.tolist(), strict=True)  # fmt: skip
    return [not signs and (only_dust(one, tx) or only_dust(other, tx)) for one, other, tx, signs in merges]


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(chains(most=25, largest=9).map(ledger_of), st.integers(1, 6), st.sampled_from([0, 1]))
def test_forced_merges_are_those_of_the_twin(ledger: UtxoLedger, dust: int, change: int) -> None:
    found = clusters(ledger, is_coinjoin=nothing, change=change)
    assert forced_merges(found, dust).tolist() == plain_forced(found, dust)


def test_dust_of_a_stranger_forces_a_merge() -> None:
    def last(paid: int, spends: list[tuple[int, ...]]) -> Clusters:
        return clusters(ledger_of([*PARTS, Tx([(0, 0)], [("b", paid), ("m", COIN - paid)], 8),
                                   Tx(spends, [("z", 600)], 9)]))  # fmt: skip

    forced = last(1_000, [(4, 0), (2, 0)])  # b has nothing but the dust that a sent
    (link,) = forced.explain(1, 2)
    assert link.forced
    assert forced.forced.tolist() == [True]
    assert last(1_001, [(4, 0), (2, 0)]).forced.tolist() == [False]
    assert last(1_000, [(4, 0), (1, 0), (2, 0)]).forced.tolist() == [False]  # b spends a coin of its own too
    own = ledger_of([*PARTS, Tx([(0, 0)], [("b", 600), ("a", COIN - 600)], 8), Tx([(4, 0), (4, 1)], [("z", 600)], 9)])
    assert clusters(own).forced.tolist() == [False]  # who sent it is in the cluster


def tag(address: str, label: str, confidence: int, kind: TagKind = TagKind.EXCHANGE, **more: str) -> Tag:
    return Tag(address, label, kind, confidence, "E3", "list", "0" * 64, **more)


@pytest.mark.parametrize("name", ["Binance-14", "Binance 14", "binance #14", "Binance: hot wallet", "BINANCE"])
def test_an_actor_is_known_without_the_number_of_its_wallet(name: str) -> None:
    assert Actor(name, 60).key == Actor("Binance", 60).key
    assert Actor("14", 60).key == "14"
    assert Actor(":x", 60).key == ":x"


def test_actors_are_named_by_the_surest_tags() -> None:
    ledger = ledger_of(PARTS)
    a, b, c, d = (ledger.address_text(at(ledger, name)) for name in "abcd")
    tags = TagSet()
    tags.add([
        tag(a, "Binance 14", 70), tag(a, "someone", 60), tag(b, "binance: hot wallet", 60), tag(c, "one", 80),
        tag(c, "two", 80), tag(d, "low", 59), tag(d, "gone", 90, withdrawn="2024-01-01"),
        tag(d, "the heist", 90, TagKind.THEFT), tag("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "absent", 90),
    ])  # fmt: skip
    found, notes = actors_of(ledger, tags)
    assert {ledger.address_text(n): actor.name for n, actor in found.items()} == {
        a: "Binance 14", b: "binance: hot wallet"}  # fmt: skip
    assert len({actor.key for actor in found.values()}) == 1
    assert all(actor.service for actor in found.values())
    assert notes == ["1 addresses have tags that are equally sure of different parties: they name nobody"]
    assert {ledger.address_text(n): actor.name for n, actor in actors_of(ledger, tags, 50)[0].items()}[d] == "low"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ledger = chain(2_000, seed=5).ledger
    path = tmp_path_factory.mktemp("wallets") / "ledger"
    publish(path, ledger.manifest, {name: getattr(ledger, name) for name in COLUMNS})
    return path


def test_the_command_shows_the_signs_of_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = UtxoLedger.open(folder)
    found = clusters(ledger, change=2)
    merge = int(np.flatnonzero(found.merge_signs)[0])
    one, other = (ledger.address_text(int(c[merge])) for c in (found.merge_one, found.merge_other))
    command(one, folder, explain=other, json=True)
    assert not json.loads(capsys.readouterr().out)["same_cluster"]
    command(one, folder, explain=other, change=True, json=True)
    (link,) = json.loads(capsys.readouterr().out)["links"]
    assert (link["method"], link["evidence"], link["confidence"], link["forced"]) == ("change output", "E5", 80, False)
    assert len(link["signs"]) >= 2
    command(one, folder, explain=other, change=True)
    text = capsys.readouterr().out
    assert f"1. {one}\n   sent its change to {other}\n   in {link['tx']}" in text
    assert all(f"   {name}: the " in text for name in link["signs"])
    command(other, folder, explain=one, change=True)
    assert "   got the change of " in capsys.readouterr().out
    command(one, folder, explain=other, change=True, csv=True)
    head, row = csv.reader(capsys.readouterr().out.splitlines())
    assert dict(zip(head, row, strict=True))["signs"] == " ".join(link["signs"])
    command(one, folder, change=True, json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["merges_by_change"] >= 1
    assert other in said["members"]


def test_the_command_shows_conflicts_and_forced_merges(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = UtxoLedger.open(folder)
    found = clusters(ledger)
    one, other = (int(c[0]) for c in (found.merge_one, found.merge_other))
    texts = [ledger.address_text(a) for a in (one, other)]
    tags = tmp_path / "tags.csv"
    tags.write_text(f"address,label,kind,confidence\n{texts[0]},Alice,exchange,90\n{texts[1]},Bob,exchange,80\n")
    command(texts[0], folder, tags=[tags], json=True)
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert said["actor"] == "Alice"
    assert texts[1] not in said["members"]
    assert {(c["one_actor"], c["other_actor"]) for c in said["conflicts"]} == {("Alice", "Bob")}
    assert said["conflicts"][0]["tx"] == ledger.tx_text(int(found.merge_tx[0]))
    assert "2 addresses of the ledger are of a known party" in printed.err
    command(texts[0], folder, tags=[tags])
    printed = capsys.readouterr()
    assert "of Alice, by a tag of confidence 90" in printed.out
    assert "(Alice) with " in printed.err
    command(texts[0], folder, tags=[tags], least=85, json=True)
    assert texts[1] in json.loads(capsys.readouterr().out)["members"]
    forced = int(np.flatnonzero(found.forced)[0])
    ends = [ledger.address_text(int(c[forced])) for c in (found.merge_one, found.merge_other)]
    command(ends[0], folder)
    assert "of its merges were forced: a stranger's dust" in capsys.readouterr().err
    command(ends[0], folder, explain=ends[1])
    assert "   forced: one of them was spent from only because of dust" in capsys.readouterr().out
