"""Peel chains: what is one and what is none by each condition, against a plain twin, and where they were planted."""

from __future__ import annotations

import time
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.ledger.reader import Ledger
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import NOT_ASKED
from dyepack.patterns.finding import Finding
from dyepack.patterns.peel import LIMITS, RULE, Limits, peel_chains
from dyepack.patterns.peel_accounts import AccountLimits, peel_chains_accounts
from dyepack.patterns.runs import runs
from dyepack.synthetic.wallets import WalletChain, chain
from tests.effort import examples
from tests.ledgers import Move, address
from tests.ledgers import ledger_of as accounts_of
from tests.outputs import Tx, chains, ledger_of
from tests.test_patterns_change import able, place, seen_before

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
COIN = 10**8


@settings(max_examples=300, deadline=None)
@given(st.lists(st.booleans(), max_size=12), st.sampled_from([50, 75, 80, 90]))
def test_stretches_of_short_gaps_are_the_best_ones(short: list[bool], percent: int) -> None:
    """Those of a search through all stretches, the best first, or more of it where the joined ones are good enough."""
    score = [100 - percent if good else -percent for good in short]

    def best(lo: int, hi: int) -> list[tuple[int, int]]:
        every = [(sum(score[a:b]), -a, b) for a in range(lo, hi) for b in range(a + 1, hi + 1)]
        top = max(every, default=(0, 0, 0))
        if top[0] <= 0:
            return []
        return [*best(lo, -top[1]), (-top[1], top[2]), *best(top[2], hi)]

    found = runs(short, percent)
    if sum(score) >= 0:
        assert found == [(0, len(short))]
        return
    assert all(sum(score[a:b]) >= 0 for a, b in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    covered = {at for a, b in found for at in range(a, b)}
    assert {at for a, b in best(0, len(short)) for at in range(a, b) if short[at]} <= covered
    assert {at for at, good in enumerate(short) if good} <= covered


def test_stretches_take_linear_time() -> None:
    begin = time.perf_counter()
    assert len(runs([at % 2 == 0 for at in range(300_000)], 80)) == 150_000
    assert runs([at % 10 > 0 for at in range(300_000)], 80) == [(0, 300_000)]
    assert time.perf_counter() - begin < 5


def row(hops: int, *, first: int = 0, name: str = "k", peel: int = 5_000, start: int = 1_000_000,
        block: int = 1) -> list[Tx]:  # fmt: skip
    """Hops in a row from output 0 of transaction `first`, one a block; the rest stands first or second in turn."""
    made, left, spends = [], start, (first, 0)
    for n in range(hops):
        left -= peel
        pays = [(f"{name}{n}", left), (f"p{name}{n}", peel)]
        made.append(Tx([spends], pays if n % 2 else pays[::-1], block + n))
        spends = (first + 1 + n, 0 if n % 2 else 1)
    return made


def with_coinbases(txs: list[Tx]) -> list[Tx]:
    """The first pays "k" the loot."""
    return [Tx([], [("loot", 1_000_000)], 0), *txs]


def found_in(txs: list[Tx], limits: Limits = LIMITS) -> list[Finding]:
    return peel_chains(ledger_of(with_coinbases(txs)), limits=limits)


def test_a_chain_is_found_with_its_figures() -> None:
    ledger = ledger_of(with_coinbases(row(6)))
    (finding,) = peel_chains(ledger)
    assert finding.txs == tuple(ledger.tx_text(tx) for tx in range(1, 7))
    assert len(finding.places) == 6
    assert finding.statistic == {
        "hops": 6, "peel_part": round(100 * 5_000 / 970_000, 2), "units": 5_000, "soon": 100.0, "chains": 1,
        "joins": 0, "peeled": "30000", "carried_first": "1000000",
    }  # fmt: skip
    assert finding.threshold.items() <= RULE.parameters.items()
    assert (finding.first, finding.last) == ("1970-01-01T00:00:01Z", "1970-01-01T00:00:06Z")
    assert (finding.pattern, finding.rule.evidence, finding.grade) == ("peel chain", "E5", 70)
    assert finding.words.startswith("a chain of 6 hops, peeled 30,000 satoshi to 6 places")


def changed(at: int, **more: object) -> list[Tx]:
    """A row of 9 hops of which one is another: with a break there, 4 hops stand before and 4 after."""
    txs = row(9)
    spends, pays = list(txs[at].spends), list(txs[at].pays)
    if "pays" in more:
        pays = more["pays"]  # type: ignore[assignment]
    txs[at] = Tx(spends, pays, txs[at].block)
    return txs


LEFT = 1_000_000 - 5 * 5_000


@pytest.mark.parametrize("pays", [
    [("p", 400_000), ("k4", LEFT + 5_000 - 400_000)],  # more than half as much as is carried on
    [("p", 999), ("k4", LEFT)],  # dust
    [("p", 2_000), ("q", 3_000), ("k4", LEFT)],  # three outputs
    [("k4", LEFT)],
    [("p", 5_000), ("loot", LEFT)],  # back to an address that was there before
    [("p", 5_000), ("k3", LEFT)],
])  # fmt: skip
def test_a_chain_ends_where_a_condition_is_not_met(pays: list[tuple[str, int]]) -> None:
    txs = changed(4, pays=pays)
    carried = next(n for n, (name, _) in enumerate(pays) if name not in {"p", "q"})
    txs[5] = Tx([(5, carried)], [(n, v if n.startswith("p") else v - 400_000) for n, v in txs[5].pays], txs[5].block)
    txs[6:] = [Tx(t.spends, [(n, v if n.startswith("p") else v - 400_000) for n, v in t.pays], t.block)
               for t in txs[6:]]  # fmt: skip
    assert not found_in(txs)
    assert found_in(row(9))
    assert len(found_in(txs, Limits(hops=4))) == 1
    assert not found_in(row(4))
    assert found_in(row(5))


def test_a_hop_spends_one_output_and_late_hops_are_few() -> None:
    txs = row(9)
    ledger = [Tx([], [("loot", 1_000_000), ("other", 50)], 0), *txs]
    ledger[5] = Tx([*txs[4].spends, (0, 1)], txs[4].pays, 5)
    assert not peel_chains(ledger_of(ledger))
    late = [Tx(t.spends, t.pays, t.block + (86_401 * (n // 2))) for n, t in enumerate(row(10))]
    assert not found_in(late)
    (some,) = found_in([Tx(t.spends, t.pays, t.block + (86_401 * (n // 6))) for n, t in enumerate(row(10))])
    assert some.statistic["soon"] == round(100 * 8 / 9, 2)
    (part,) = found_in([Tx(t.spends, t.pays, t.block + 86_401 * min(n, 4)) for n, t in enumerate(row(10))])
    assert part.statistic["hops"] == 6


def test_chains_are_joined_through_what_gathers_their_remainders() -> None:
    split = Tx([(0, 0)], [("k", 400_000), ("l", 400_000)], 1)
    one = row(5, first=1, name="a", start=400_000, block=2)
    other = [Tx([(1, 1)], [("b0", 395_000), ("pb0", 5_000)], 7)]
    for n in range(1, 5):
        other.append(Tx([(6 + n, 0)], [(f"b{n}", 395_000 - 5_000 * n), (f"pb{n}", 5_000)], 7 + n))
    gather = Tx([(6, 1), (11, 0)], [("g", 750_000)], 13)
    again = row(6, first=12, name="c", start=750_000, block=14)
    txs = [split, *one, *other, gather, *again]
    ledger = ledger_of(with_coinbases(txs))
    (finding,) = peel_chains(ledger)
    assert (finding.statistic["chains"], finding.statistic["joins"]) == (3, 1)
    assert finding.txs == tuple(ledger.tx_text(tx) for tx in range(2, 19))
    assert peel_chains(ledger, [1]) == [finding]
    (first,) = peel_chains(ledger, [12])
    assert first.txs == tuple(ledger.tx_text(tx) for tx in range(13, 19))
    wide = [Tx([], [("loot", 1_000_000), *((f"w{n}", 1_000) for n in range(3))], 0), *txs]
    wide[12] = Tx([*gather.spends, *((0, n) for n in (1, 2, 3))], [("g", 750_000)], 13)
    assert len(peel_chains(ledger_of(wide))) == 3  # 2 of 5 inputs are remainders


def plain_rows(ledger: UtxoLedger, limits: Limits) -> set[tuple[int, ...]]:
    """The twin: rows of hops, where no gap is long and nothing is gathered."""
    after: dict[int, int | None] = {}
    for tx in range(ledger.transactions):
        outs = sorted(able(ledger, tx), key=lambda o: int(ledger.output_value[o]))
        ins = list(ledger.inputs_of(tx))
        if len(ins) != 1 or len(outs) != 2 or ledger.tx_flag[tx]:
            continue
        peel, rest = (int(ledger.output_value[o]) for o in outs)
        spent = ledger.spent_output(ins[0])
        known = spent is not None or ledger.input_address(ins[0]) is not None
        fresh = place(ledger, outs[1]) is None or place(ledger, outs[1]) not in seen_before(ledger, tx)
        if known and fresh and limits.units <= peel < rest and 100 * peel <= limits.peel_part * rest:
            spender = int(ledger.output_spender[outs[1]])
            after[tx] = spender if spender < NOT_ASKED else None
    rows = set()
    for start in after.keys() - set(after.values()):
        found = [start]
        while after[found[-1]] in after:
            found.append(after[found[-1]])  # type: ignore[arg-type]
        if len(found) >= limits.hops:
            rows.add(tuple(found))
    return rows


def assert_as_plain(ledger: UtxoLedger, limits: Limits) -> None:
    found = peel_chains(ledger, limits=limits)
    rows = plain_rows(ledger, limits)
    hops = sorted(tx for r in rows for tx in r)
    texts = [t for f in found for t in f.txs]
    assert sorted(texts) == [ledger.tx_text(tx) for tx in hops] if limits.gathered > 100 else set(texts) >= {
        ledger.tx_text(tx) for tx in hops}  # fmt: skip
    assert peel_chains(ledger, range(ledger.transactions), limits=limits) == found


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(chains(most=25), st.sampled_from([1, 2, 3]), st.sampled_from([50, 101]))
def test_chains_are_those_of_the_twin(txs: list[Tx], hops: int, gathered: int) -> None:
    assert_as_plain(ledger_of(txs), Limits(hops=hops, units=1, peel_part=90, gathered=gathered))


@pytest.mark.slow
@settings(max_examples=examples(1500), deadline=None, suppress_health_check=SLOW)
@given(chains(most=40), st.sampled_from([1, 2, 3]), st.sampled_from([50, 101]))
def test_chains_are_those_of_the_twin_at_length(txs: list[Tx], hops: int, gathered: int) -> None:
    assert_as_plain(ledger_of(txs), Limits(hops=hops, units=1, peel_part=90, gathered=gathered))


@cache
def wallets() -> WalletChain:
    return chain(12_000, seed=11, campaigns=30)


@pytest.mark.slow
def test_planted_chains_are_found() -> None:
    one = wallets()
    findings = [[one.ledger.find_tx(t) for t in f.txs] for f in peel_chains(one.ledger)]
    hops = {tx for f in findings for tx in f}
    planted = [(k.style, c) for k in one.campaigns for c in k.chains if len(c) >= LIMITS.hops]
    plain = [len(hops & set(c)) >= 0.8 * len(c) for style, c in planted if style == "plain"]
    every = [len(hops & set(c)) >= 0.8 * len(c) for _, c in planted]
    assert len(plain) > 50
    assert sum(plain) >= 0.95 * len(plain)
    assert sum(every) >= 0.8 * len(every)
    honest = [f for f in findings if 2 * sum(one.kind[tx or 0] in {"peel", "gathering"} for tx in f) < len(f)]
    assert len(honest) <= 0.15 * len(findings)
    joined = {tx for k in one.campaigns for tx in k.gathered}
    assert len(joined & hops) >= 0.7 * len(joined) > 0


def test_long_rows_take_linear_time() -> None:
    """4,000 hops in one chain whose gaps are long every other time: one row, and no part of it is long enough."""
    txs = [Tx(t.spends, t.pays, t.block + 90_000 * (n // 2))
           for n, t in enumerate(row(4_000, peel=1_000, start=10**9))]  # fmt: skip
    ledger = ledger_of([Tx([], [("loot", 10**9)], 0), *txs])
    begin = time.perf_counter()
    assert not peel_chains(ledger)
    assert peel_chains(ledger, limits=Limits(soon=50))[0].statistic["hops"] == 4_000
    assert time.perf_counter() - begin < 5


def moves(hops: int, *, tx: int = 1, start: str = "s", name: str = "k", units: int = 1_000_000,
          asset: str = "native") -> list[Move]:  # fmt: skip
    """An account pays the first of a row of accounts, each of which peels a hundredth."""
    made = [Move(tx, start, f"{name}0", units, asset)]
    for n in range(hops):
        peel = units // 100
        units -= peel
        made.append(Move(tx + 1 + 2 * n, f"{name}{n}", f"p{n % 3}", peel, asset))
        made.append(Move(tx + 2 + 2 * n, f"{name}{n}", f"{name}{n + 1}", units, asset))
    return made


def of_accounts(made: list[Move], *places: str, **limits: int) -> tuple[Ledger, list[Finding]]:
    ledger = accounts_of(made)
    ids = [ledger.find_address(address(name)) for name in places]
    return ledger, peel_chains_accounts(ledger, [a for a in ids if a is not None], limits=AccountLimits(**limits))


def test_chains_of_accounts_are_found() -> None:
    ledger, (finding,) = of_accounts([Move(0, "", "s", 10**9), *moves(6)], "s")
    assert len(finding.txs) == 12
    assert finding.places == tuple(address(f"p{n}") for n in range(3))
    assert (finding.statistic["hops"], finding.statistic["asset"]) == (6, "native")
    assert (finding.rule.id, finding.rule.evidence) == ("peel-chain-accounts/1", "E6")
    assert peel_chains_accounts(ledger, [ledger.find_address(address("k1")) or 0])[0].statistic["hops"] == 5
    assert not of_accounts([Move(0, "", "s", 10**9), *moves(4)], "s")[1]
    assert not of_accounts([Move(0, "", "s", 10**9), *moves(6)], "p0")[1]


@pytest.mark.parametrize("more", [
    Move(0, "", "k2", 5, index=7),  # it had the asset before, and receives twice
    Move(90, "", "k2", 5),
    Move(90, "k2", "z", 1),  # it pays a third time
])  # fmt: skip
def test_an_account_that_does_more_ends_a_chain(more: Move) -> None:
    made = [Move(0, "", "s", 10**9), *moves(6)]
    assert not of_accounts(sorted([*made, more], key=lambda m: m.tx), "s")[1]
    assert of_accounts(made, "s")[1]


def test_fees_and_other_assets_do_not_end_a_chain() -> None:
    gas = [Move(1, "s", f"k{n}", 50, "native", index=50 + n) for n in range(6)]
    tokens = moves(6, asset="token")
    fees = [Move(m.tx, m.sender, "", 3, "native", kind=3, index=90) for m in tokens[1:]]
    made = [Move(0, "", "s", 10**9), Move(0, "", "s", 10**9, "token", index=1), *gas, *tokens, *fees]
    _, found = of_accounts(sorted(made, key=lambda m: m.tx), "s")
    assert [(f.statistic["hops"], f.statistic["asset"]) for f in found] == [(6, "token")]


def test_chains_of_accounts_are_joined_through_an_account() -> None:
    one, other = moves(5, name="a"), moves(6, tx=20, name="b")
    one[-1] = Move(one[-1].tx, one[-1].sender, "g", one[-1].units)
    other[-1] = Move(other[-1].tx, other[-1].sender, "g", other[-1].units)
    again = moves(5, tx=40, start="g", name="c", units=1_890_000)
    made = [Move(0, "", "s", 10**9), *one, *other, *again]
    _, found = of_accounts(made, "s")
    assert [(f.statistic["chains"], f.statistic["joins"], f.statistic["hops"]) for f in found] == [(3, 1, 5)]
    _, found = of_accounts(made, "g")
    assert [(f.statistic["chains"], f.statistic["joins"]) for f in found] == [(1, 0)]
    many = [Move(35 + n, "", "g", 10, index=5) for n in range(3)]
    assert len(of_accounts(sorted([*made, *many], key=lambda m: m.tx), "s", "g")[1]) == 3
