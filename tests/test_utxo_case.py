"""Traces on ledgers of outputs: worked by hand, by another engine, on the chain of 2009, and as cases on disk."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.case.folder import Case, files_of, write_case
from dyepack.case.run import Trace, trace
from dyepack.cli.app import main
from dyepack.errors import TheftError, UsageError
from dyepack.ledger.utxo.address import address_text
from dyepack.ledger.utxo.builder import build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.supply import supply
from dyepack.report.page import render
from dyepack.sources.bitcoin.collect import import_bitcoin
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import store
from dyepack.tags.model import Tag, TagKind, TagSet
from dyepack.tracing.path import routes_to
from dyepack.tracing.plan import Plan
from dyepack.tracing.plan import units as units_of
from dyepack.tracing.replay import replay as replay_accounts
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import ALLOCATING, RULES
from dyepack.tracing.statement import Statement
from dyepack.tracing.terminals import Stop
from dyepack.tracing.theft import Theft, parse_theft
from dyepack.tracing.utxo.balance import prove
from dyepack.tracing.utxo.plan import FEE, Origin, UtxoPlan, UtxoRun
from dyepack.tracing.utxo.replay import replay
from tests.ledgers import Move
from tests.ledgers import ledger_of as accounts_of
from tests.outputs import Tx, chains, ledger_of, opened, packed, raw, tx_id

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SHARED = Path(__file__).parents[2] / "shared" / "data" / "bitcoin"
CONSERVING = [r.name for r in RULES.values() if r.conserves]
COIN = 100_000_000
COINBASE_9 = "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9"
SATOSHI_9 = "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"
HAL = "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"
HAL_TX = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"


def name(text: str) -> str:
    """The address that stands for a test's name."""
    return address_text(packed(text), "mainnet")


def theft_of(*tables: str, chain: str = "test", victims: tuple[str, ...] = ()) -> Theft:
    """A theft of one leg of these tables."""
    head = f"id = 't'\nchain = '{chain}'\nvictim = {json.dumps(list(victims))}\n[[leg]]\nname = 'x'\nasset = 'native'\n"
    return parse_theft((head + "\n".join(tables)).encode(), "t.toml")


def move(number: int | str, **more: object) -> str:
    tx = number if isinstance(number, str) else tx_id(number).hex()
    return f"[[leg.move]]\ntx = '{tx}'\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in more.items())


def outflow(address: str, extra: str = "") -> str:
    return f"[[leg.outflow]]\naddress = '{address}'\n{extra}"


def deposit(tx: int, to: str, units: int) -> str:
    return f"[[leg.deposit]]\ntx = '{tx_id(tx).hex()}'\nto = '{to}'\nunits = {units}\nevidence = 'e'\n"


def follow(ledger: UtxoLedger, *thefts: Theft, tags: TagSet | None = None, **parameters: Any) -> Trace:
    return trace(ledger, list(thefts), tags or TagSet(), Parameters(**parameters))


def ended(statement: Statement, rule: str = "fifo") -> dict[tuple[str, str], int]:
    """(stop, place) -> units under a rule."""
    return {(t.stop, t.place): t.amount(rule) for t in statement.terminals if t.amount(rule)}


def dye(run: UtxoRun) -> dict[tuple[int, int], Counter[int]]:
    """(transaction, output) -> units by leg."""
    found: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for tx, output, leg, _, _, units in run.dyed.tolist():
        found[tx, output][leg] += units
    return dict(found)


def plain_or_kernel(kind: str) -> Callable[[UtxoLedger, UtxoPlan, str], UtxoRun]:
    if kind == "plain":
        return replay
    from dyepack.tracing.utxo import kernel

    return kernel.replay


ENGINES = ["plain", pytest.param("kernel", marks=[pytest.mark.slow, pytest.mark.xdist_group("numba")])]

# --- worked by hand -------------------------------------------------------------------------------------------------

TABLE = {
    ("poison", "last"): (4.0, 5.9, 0.1), ("poison", "first"): (4.0, 5.9, 0.1),
    ("haircut", "last"): (1.2, 1.77, 0.03), ("haircut", "first"): (1.2, 1.77, 0.03),
    ("fifo", "last"): (3.0, 0, 0), ("fifo", "first"): (2.9, 0, 0.1),
    ("lifo-a", "last"): (0, 2.9, 0.1), ("lifo-a", "first"): (0, 3.0, 0),
    ("lifo-b", "last"): (0, 3.0, 0), ("lifo-b", "first"): (0, 2.9, 0.1),
    ("taint-first", "last"): (0, 3.0, 0), ("taint-first", "first"): (0, 2.9, 0.1),
    ("clean-first", "last"): (0, 2.9, 0.1), ("clean-first", "first"): (0, 3.0, 0),
    ("dirty-first", "last"): (3.0, 0, 0), ("dirty-first", "first"): (2.9, 0, 0.1),
}  # fmt: skip
"""methods.md 1.2: three stolen coins and seven clean ones into outputs of 4 and 5.9, dyed units of each and of the
fee; the rows of fees first worked by hand. dirty-first drops the branch of an output that is not wholly dyed."""


@pytest.fixture(scope="module")
def table_ledger(tmp_path_factory: pytest.TempPathFactory) -> UtxoLedger:
    """The transaction of methods.md 1.2 in a ledger on disk."""
    folder = tmp_path_factory.mktemp("table")
    txs = [Tx([], [("thief", 3 * COIN)], 0), Tx([], [("clean", 7 * COIN)], 1), Tx([], [], 2),
           Tx([(0, 0), (1, 0)], [("o0", 4 * COIN), ("o1", 59 * COIN // 10)], 2)]  # fmt: skip
    (folder / "in").write_text("x")
    store(BitcoinImport([raw(txs)], files=[folder / "in"]), folder / "l", chain="test", network="mainnet")
    return UtxoLedger.open(folder / "l")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("rule", "fee"), TABLE)
def test_the_worked_transaction(table_ledger: UtxoLedger, rule: str, fee: str, engine: str) -> None:
    plan = UtxoPlan([Origin(0, 1, 3 * COIN)], fee_first=fee == "first")
    run = plain_or_kernel(engine)(table_ledger, plan, rule)
    found = dye(run)
    expected = [round(part * COIN) for part in TABLE[rule, fee]]
    assert [found.get((3, output), Counter())[1] for output in (2, 3, FEE)] == expected
    if rule == "dirty-first":
        assert {int(s) for _, o, _, _, s, _ in run.dyed.tolist() if o == 2} == {Stop.MIXED}
    if RULES[rule].conserves:
        prove(table_ledger, plan, run)


@pytest.mark.parametrize(("fee", "expected"), [("last", (3.0, 0, 0)), ("first", (2.9, 0, 0.1))])
def test_the_worked_transaction_lowest_output_first(
    table_ledger: UtxoLedger, fee: str, expected: tuple[float, ...]
) -> None:
    """TILO, which no statement shows."""
    plan = UtxoPlan([Origin(0, 1, 3 * COIN)], fee_first=fee == "first")
    found = dye(replay(table_ledger, plan, "taint-first-lowest"))
    assert [found.get((3, o), Counter())[1] for o in (2, 3, FEE)] == [round(part * COIN) for part in expected]


@pytest.mark.parametrize("fees", ["last", "first"])
def test_the_worked_transaction_as_a_statement(table_ledger: UtxoLedger, fees: str) -> None:
    statement = follow(table_ledger, theft_of(move(0)), fees=fees).statement
    for rule in ALLOCATING:
        o0, o1, fee = (round(part * COIN) for part in TABLE[rule, fees])
        expected = {("held", name("o0")): o0, ("held", name("o1")): o1, ("fee", ""): fee}
        assert ended(statement, rule) == {k: v for k, v in expected.items() if v}
    assert statement.complete
    (terminal,) = [t for t in statement.terminals if t.place == name("o1")]
    assert terminal.interval(statement.interval_rules) == (0, 3 * COIN)


FEES = [
    Tx([], [("a", 100)], 0),
    Tx([], [("b", 100)], 1),
    Tx([], [("m", 55), ("n", 10)], 2),
    Tx([(0, 0)], [("c", 90)], 2),
    Tx([(1, 0)], [("d", 95)], 2),
    Tx([], [("z", 50)], 3),
    Tx([(2, 0)], [("e", 55)], 3),
]
"""Fees of 10 and 5 in block 2, whose coinbase makes 50 new coins and pays 55 and 10; then the 55 are spent."""

# Dye of the first fee (10 units, stolen) and of the second (5, stolen too) in the coinbase's outputs of 55 and 10.
# New coins come first, then the fees in block order: 50 clean, 10, 5.
FOLLOWED = {
    "fifo": ({1: 5}, {1: 5, 2: 5}),
    "lifo-a": ({1: 10, 2: 5}, {}),  # 5 and 10 from the top, 40 clean; then 10 clean
    "lifo-b": ({1: 10, 2: 5}, {}),  # the output of 10 is filled first, with new coins
    "haircut": ({1: 8, 2: 4}, {1: 2, 2: 1}),  # 55 * 10 // 65 = 8; 55 * 15 // 65 - 8 = 4
    "taint-first": ({1: 10, 2: 5}, {}),
    "clean-first": ({1: 10, 2: 5}, {}),  # the output of 10 first, clean; 40 clean are left for the other
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", FOLLOWED)
def test_two_fees_into_the_coinbase_of_their_block(rule: str, engine: str) -> None:
    ledger = ledger_of(FEES)
    plan = UtxoPlan([Origin(0, 1, 100), Origin(1, 2, 100)], follow_fees=True)
    run = plain_or_kernel(engine)(ledger, plan, rule)
    prove(ledger, plan, run)
    found = dye(run)
    assert (found[3, FEE], found[4, FEE]) == ({1: 10}, {2: 5})
    assert [dict(found.get((2, output), {})) for output in (2, 3)] == list(FOLLOWED[rule])
    assert dict(found[6, 7]) == FOLLOWED[rule][0], "what the coinbase got goes on"


def test_fees_that_nobody_claims_are_burnt() -> None:
    """A coinbase that pays itself 12 of 15 in fees: the last 3, of the second fee, are lost."""
    txs = [*FEES[:2], Tx([], [("m", 12)], 2), *FEES[3:5]]
    found = follow(ledger_of(txs), theft_of(move(0), move(1)), follow_fees=True)
    assert ended(found.statement)["burn", ""] == 3
    assert ended(found.statement)["held", name("m")] == 12
    assert ended(found.statement) == {("held", name("c")): 90, ("held", name("d")): 95, ("held", name("m")): 12,
                                      ("burn", ""): 3}  # fmt: skip


def test_fees_are_a_terminal_unless_they_are_followed() -> None:
    ledger = ledger_of(FEES)
    thefts = [theft_of(move(0)), theft_of(move(1))]
    assert ended(follow(ledger, *thefts).statement)["fee", ""] == 15
    followed = follow(ledger, *thefts, follow_fees=True)
    assert ended(followed.statement) == {("held", name("c")): 90, ("held", name("d")): 95, ("held", name("e")): 5,
                                         ("held", name("n")): 10}  # fmt: skip
    routes = routes_to(followed.moves, followed.statement, name("e"), 5)
    assert [[s.move.made for s in steps] for steps in routes.shown] == [
        [f"{tx_id(0).hex()}:0", f"fee:{tx_id(3).hex()}", f"{tx_id(2).hex()}:0", f"{tx_id(6).hex()}:0"]
    ]
    assert render(followed.statement, followed.flows()).count("<svg") == 1
    holed = ledger_of([*FEES, Tx([], [("z", 1)], 9)])
    with pytest.raises(UsageError, match="fees cannot be followed"):
        follow(holed, *thefts, follow_fees=True)


# --- a second way ---------------------------------------------------------------------------------------------------


def by_accounts(ledger: UtxoLedger, rule: str, origins: dict[int, int], *, fee_first: bool) -> dict[Any, Counter[int]]:
    """The dye of every output and fee, by the account engine: each output and each transaction is an account.

    An input is a move from the output's account to the transaction's, by way of a third (last in, first out turns
    what passes an account round; twice is not at all), an output one from the transaction's. What a transaction whose
    inputs are not all known makes is issued. The order of the outputs is the rule's, worked out here.
    """
    moves: list[Move] = []
    where: dict[tuple[int, int], int] = {}

    def add(tx: int, source: str, target: str, units: int) -> None:
        if units:
            moves.append(Move(tx + 1, source, target, units, index=len(moves)))

    for tx in range(ledger.transactions):
        known = not ledger.is_incomplete(tx)
        here = "" if not known or ledger.is_coinbase(tx) else f"t{tx}"
        for at in ledger.inputs_of(tx) if known else ():
            output, units = ledger.spent_output(at), int(ledger.input_value[at])
            if output is None:
                add(tx, "", here, units)
            else:
                add(tx, f"o{output}", f"x{output}", units)
                add(tx, f"x{output}", here, units)
        outs = list(ledger.outputs_of(tx))
        turned = {"taint-first": -1, "clean-first": 1}.get(rule, 0)
        outs.sort(key=lambda o: turned * int(ledger.output_value[o]))
        if rule == "lifo-b":
            outs.reverse()
        for output in [FEE, *outs] if fee_first else [*outs, FEE]:
            units = ledger.fee(tx) if output == FEE else int(ledger.output_value[output])
            where[tx, output] = len(moves)
            add(tx, here, f"f{tx}" if output == FEE else f"o{output}", units)
    if not moves:
        return {}
    accounts = accounts_of(moves)
    legs = {where[ledger.transaction_of(o), o]: leg for o, leg in origins.items()}
    run = replay_accounts(accounts, Plan(legs), "fifo" if rule == "lifo-b" else rule)
    by_move: dict[int, Counter[int]] = defaultdict(Counter)
    for (at, leg, *_), units in zip(run.dyed.tolist(), units_of(run.dyed), strict=True):
        by_move[at][leg] += units
    value = {key: ledger.fee(key[0]) if key[1] == FEE else int(ledger.output_value[key[1]]) for key in where}
    return {key: by_move[at] for key, at in where.items() if value[key] and at in by_move}


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(txs=chains(), data=st.data())
def test_the_account_engine_agrees(rule: str, txs: list[Tx], data: st.DataObject) -> None:
    """Every rule, once the outputs are put in its order and fees are ordinary payments."""
    ledger = ledger_of(txs)
    valued = [o for o in range(ledger.outputs) if ledger.output_value[o]]
    if not valued:
        return
    origins = data.draw(st.dictionaries(st.sampled_from(valued), st.integers(1, 3), min_size=1, max_size=4))
    fee_first = data.draw(st.booleans())
    rows = [Origin(o, leg, int(ledger.output_value[o])) for o, leg in sorted(origins.items())]
    found = dye(replay(ledger, UtxoPlan(rows, fee_first=fee_first), rule))
    assert found == by_accounts(ledger, rule, origins, fee_first=fee_first)


# --- cases ----------------------------------------------------------------------------------------------------------

STORY = [
    Tx([], [("victim", 100)], 0),
    Tx([], [("clean", 100)], 1),
    Tx([(0, 0)], [("thief", 70), ("victim", 25)], 1),
    Tx([], [("m", 9)], 2),
    Tx([(2, 0), (1, 0)], [("", 60), ("shop", 60), ("data", 5), ("thief", 40)], 2),
    Tx([], [("m", 9)], 3),
    Tx([(4, 0)], [("shop", 30), ("", 29)], 3),
    Tx([(4, 3)], [("mix", 20), ("victim", 20)], 3),
]  # fmt: skip
"""100 units: 5 fee, 25 change, 70 to the thief; mixed with 100 clean in 4, whose outputs go on but for the shop's."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> UtxoLedger:
    folder = tmp_path_factory.mktemp("story")
    (folder / "in").write_text("x")
    store(BitcoinImport([raw(STORY)], files=[folder / "in"]), folder / "l", chain="test", network="mainnet")
    return UtxoLedger.open(folder / "l")


def test_a_case_runs_again_to_the_same_bytes(story: UtxoLedger, tmp_path: Path) -> None:
    theft = theft_of(move(2), victims=(name("victim"),))
    found = follow(story, theft, rule="lifo-a", cut_off={"native": "0.00000002"}, hops=9)
    write_case(found, tmp_path / "case")
    case = Case(tmp_path / "case")
    assert case.moves() == found.moves
    assert case.statement == found.statement
    again = trace(UtxoLedger.open(story.folder.parent), case.thefts(), case.tags(), case.parameters)
    assert files_of(again) == case.files()
    with pytest.raises(SystemExit) as left:
        main(["-q", "rerun", str(tmp_path / "case"), "--ledger", str(story.folder.parent)])
    assert left.value.code in {0, None}


def test_the_story(story: UtxoLedger) -> None:
    found = follow(story, theft_of(move(2), victims=(name("victim"),)))
    assert found.statement.sources[0].amount == 70
    assert ended(found.statement) == {
        ("held", name("shop")): 40, ("held", f"{tx_id(6).hex()}:1"): 29, ("fee", ""): 1}  # fmt: skip
    assert ended(found.statement, "lifo-a") == {("fee", ""): 5, ("burn", f"{tx_id(4).hex()}:2"): 5,
                                                ("held", name("shop")): 20, ("held", name("mix")): 20,
                                                ("returned", name("victim")): 20}  # fmt: skip
    page = render(found.statement, found.flows())
    for place in (name("shop"), f"{tx_id(6).hex()}:1"):
        assert place in page
    for t in found.statement.terminals:
        assert t.txids == [tx_id({name("shop"): 4, "": 6}.get(t.place, 6)).hex()] or t.amount("fifo") != 29


def drawn(data: st.DataObject, ledger: UtxoLedger, rule: str, *, backward: bool = False) -> Trace | None:
    """A trace of up to three thefts of outputs, with any limits."""
    valued = [o for o in range(ledger.outputs) if ledger.output_value[o]]
    if not valued:
        return None
    thefts = []
    for o in data.draw(st.lists(st.sampled_from(valued), min_size=1, max_size=3, unique=True)):
        tx = ledger.transaction_of(o)
        thefts.append(theft_of(move(ledger.tx_text(tx), index=o - ledger.outputs_of(tx).start)))
    return follow(ledger, *thefts, rule=rule, hub=data.draw(st.sampled_from([0, 0, 2])),
                  hops=data.draw(st.sampled_from([0, 0, 3])), fees=data.draw(st.sampled_from(["last", "first"])),
                  follow_fees=not backward and ledger.complete and data.draw(st.booleans()),
                  backward=backward)  # fmt: skip


def onward(ledger: UtxoLedger, made: str) -> int:
    """The transaction that spends an output, or the coinbase that takes a fee."""
    head, _, number = made.rpartition(":")
    tx = ledger.find_tx(number if head == "fee" else head)
    assert tx is not None
    if head == "fee":
        return int(ledger.block_tx[ledger.tx_block[tx]])
    return int(ledger.output_spender[ledger.outputs_of(tx)[int(number)]])


@pytest.mark.parametrize("rule", ["fifo", "lifo-a", "lifo-b", "taint-first", "clean-first", "haircut"])
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(txs=chains(), data=st.data())
def test_routes_go_by_outputs_that_are_spent_and_sum_to_what_ended(
    rule: str, txs: list[Tx], data: st.DataObject
) -> None:
    ledger = ledger_of(txs)
    found = drawn(data, ledger, rule)
    for t in found.statement.terminals if found else []:
        if not t.amount(rule) or found is None:
            continue
        routes = routes_to(found.moves, found.statement, t.place or t.stop, 10**6)
        alike = [x for x in found.statement.terminals if (x.place == t.place if t.place else x.stop == t.stop)]
        assert routes.totals == routes.sums == {"native": sum(x.amount(rule) for x in alike)}
        assert not routes.cut
        for steps in routes.shown:
            assert steps[0].move.fresh >= steps[0].units
            assert len({s.units for s in steps}) == 1
            assert [s.move.stop for s in steps[:-1]] == ["carried"] * (len(steps) - 1)
            for one, other in pairwise(steps):
                assert one.move.made == other.move.spent
                assert ledger.tx_text(onward(ledger, one.move.made)) == other.move.txid


@pytest.mark.parametrize("rule", ["fifo", "lifo-a", "lifo-b"])
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(txs=chains(), data=st.data())
def test_routes_backward_sum_too(rule: str, txs: list[Tx], data: st.DataObject) -> None:
    ledger = ledger_of(txs)
    found = drawn(data, ledger, rule, backward=True)
    for t in found.statement.terminals if found else []:
        if not t.amount(rule) or found is None:
            continue
        routes = routes_to(found.moves, found.statement, t.place, 10**6)
        alike = sum(x.amount(rule) for x in found.statement.terminals if x.place == t.place)
        assert routes.totals == routes.sums == {"native": alike}
        for steps in routes.shown:
            assert steps[0].move.fresh
            for one, other in pairwise(steps):
                assert one.move.made == other.move.spent
                assert other.move.txid == one.move.made.partition(":")[0]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(txs=chains(), data=st.data())
def test_what_flows_into_a_place_flows_out_of_it(txs: list[Tx], data: st.DataObject) -> None:
    found = drawn(data, ledger_of(txs), data.draw(st.sampled_from(["fifo", "haircut", "dirty-first"])))
    if found is None:
        return
    into: Counter[str] = Counter()
    for f in found.flows():
        into[f.target] += f.amount
        into[f.source] -= f.amount
    stops = {s.name.lower() for s in Stop}
    for place, left in into.items():
        head = place.partition(":")[0]
        if head == "leg":
            assert left == -sum(s.amount for s in found.statement.sources if f"leg:{s.leg}" == place)
        elif head in stops:
            assert left > 0
        else:
            assert left == 0, place
    assert Statement.from_json(json.loads(json.dumps(found.statement.to_json()))) == found.statement
    page = render(found.statement, found.flows())
    assert all(t.place in page for t in found.statement.terminals if t.amount(found.statement.rule))


# --- what a theft file names ----------------------------------------------------------------------------------------


def taken(found: Trace) -> dict[str, int]:
    """Output -> units that the theft dyed there."""
    units: Counter[str] = Counter()
    for m in found.moves:
        if m.fresh:
            units[m.made] += m.fresh
    return dict(units)


def out(tx: int, number: int) -> str:
    return f"{tx_id(tx).hex()}:{number}"


@pytest.mark.parametrize(
    ("tables", "victims", "expected"),
    [
        ([move(2)], (), {out(2, 0): 70}),
        ([move(2, index=1)], (), {out(2, 1): 25}),
        ([move(2, to=name("victim"))], (), {out(2, 1): 25}),
        ([move(2), move(2, index=0), move(2, index=1)], (), {out(2, 0): 70, out(2, 1): 25}),
        ([move(2, **{"from": name("victim")})], (), {out(2, 0): 70}),
        ([move(4)], (), {out(4, 0): 60, out(4, 1): 60, out(4, 2): 5}),
        ([move(7)], (name("victim"),), {out(7, 0): 20}),
        ([move(0)], (), {out(0, 0): 100}),
        ([outflow(name("victim"))], (), {out(2, 0): 70}),
        ([outflow(name("thief"))], (name("clean"),), {out(4, 0): 60, out(4, 1): 60, out(4, 2): 5, out(7, 0): 20,
                                                      out(7, 1): 20}),
        ([outflow(name("thief"), "since = 1970-01-01T00:00:03Z\n")], (name("clean"),), {out(7, 0): 20, out(7, 1): 20}),
        ([outflow(name("thief"), "until = 1970-01-01T00:00:02Z\n")], (name("clean"),),
         {out(4, 0): 60, out(4, 1): 60, out(4, 2): 5}),
        ([deposit(4, name("shop"), 13)], (), {out(4, 1): 13}),
        ([deposit(4, name("shop"), 60)], (), {out(4, 1): 60}),
    ],
)  # fmt: skip
def test_what_is_stolen(
    story: UtxoLedger, tables: list[str], victims: tuple[str, ...], expected: dict[str, int]
) -> None:
    """Change is left out: what goes back to an address that is spent from, or to a victim."""
    found = follow(story, theft_of(*tables, victims=victims))
    assert taken(found) == expected
    (source,) = found.statement.sources
    assert (source.amount, source.moves) == (sum(expected.values()), len(expected))


def test_a_part_of_an_output_is_its_first_units(story: UtxoLedger) -> None:
    """13 of the thief's 70, in front of them: what leaves first, first in, first out, is theirs."""
    found = follow(story, theft_of(deposit(2, name("thief"), 13)))
    assert ended(found.statement) == {("held", name("shop")): 13}
    assert ended(found.statement, "taint-first")


def test_the_first_taint_wins(story: UtxoLedger) -> None:
    thefts = [theft_of(deposit(2, name("thief"), 30)), theft_of(move(2)), theft_of(move(2, index=0))]
    found = follow(story, *thefts)
    assert [s.amount for s in found.statement.sources] == [30, 40, 0]
    assert any("first taint wins" in note for note in found.statement.notes)
    later = follow(story, theft_of(move(0)), theft_of(move(2)))
    assert [s.amount for s in later.statement.sources] == [100, 0]


BAD_THEFTS = [
    (theft_of(move(99)), "is not in the ledger", "import the block"),
    (theft_of(move(2, index=2)), "has no such output", "index"),
    (theft_of(move(2, index=1 << 127)), "has no such output", "index"),
    (theft_of(move(2, **{"from": name("shop")})), "has no such output", "from"),
    (theft_of(move(2, to=name("shop"))), "has no such output", "change"),
    (theft_of(move(2, to=name("nobody"))), "is not in the ledger", "mainnet"),
    (theft_of(move(3), victims=(name("m"),)), "has no such output", "change"),
    (theft_of(outflow(name("thief"))), "outputs are not the victim's alone", "list the other address"),
    (theft_of(outflow(name("shop"))), "nothing left", "times"),
    (theft_of(outflow(name("victim"), "since = 2001-01-01T00:00:00Z\n")), "nothing left", "times"),
    (theft_of(deposit(4, name("shop"), 61)), "pays 1 satoshi less", "leg.move"),
    (theft_of("[[leg.deposit]]\nblock = 101\nto = 'x'\nunits = 1\nevidence = 'e'\n"), "names its transaction", "`tx`"),
    (theft_of(move(2), chain="bitcoin"), "'bitcoin'", "chain"),
    (parse_theft(theft_of(move(2)).raw.replace(b"'native'", b"'gold'"), "t.toml"), "no asset 'gold'", "'native'"),
]  # fmt: skip


@pytest.mark.parametrize(("theft", "says", "remedy"), BAD_THEFTS, ids=[says for _, says, _ in BAD_THEFTS])
def test_a_theft_that_does_not_fit_the_ledger(story: UtxoLedger, theft: Theft, says: str, remedy: str) -> None:
    with pytest.raises(TheftError, match="'t'") as caught:
        follow(story, theft)
    assert says in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_victim_that_does_not_occur_is_noted(story: UtxoLedger) -> None:
    found = follow(story, theft_of(move(2), victims=(name("nobody"),)))
    assert any(name("nobody") in note for note in found.statement.notes)


# --- stop rules -----------------------------------------------------------------------------------------------------


def tag(text: str, kind: TagKind = TagKind.EXCHANGE) -> TagSet:
    tags = TagSet()
    tags.add([Tag(name(text), f"the {text}", kind, 90, "E1", "test", "0" * 64)])
    return tags


PEEL = [
    Tx([], [("v", 100)], 0), Tx([], [("m", 1)], 1), Tx([(0, 0)], [("a", 100)], 1),
    Tx([], [("m", 1)], 2), Tx([(2, 0)], [("x", 10), ("b", 90)], 2),
    Tx([], [("m", 1)], 3), Tx([(4, 1)], [("x", 10), ("c", 80)], 3), Tx([(4, 0), (6, 0)], [("d", 20)], 3),
]  # fmt: skip
"""From v through a to b and c, 10 going to x each time, which d gets."""


@pytest.mark.parametrize(
    ("parameters", "tagged", "expected"),
    [
        ({}, None, {("held", "c"): 80, ("held", "d"): 20}),
        ({}, "b", {("service", "b"): 90, ("held", "d"): 10}),
        ({"follow": {"b": "why"}}, "b", {("held", "c"): 80, ("held", "d"): 20}),
        ({"stop": {"b": "why"}}, None, {("chosen", "b"): 90, ("held", "d"): 10}),
        ({"hops": 2}, None, {("hop_limit", "x"): 10, ("hop_limit", "b"): 90}),
        ({"cut_off": {"native": "0.00000011"}}, None, {("cut_off", "x"): 20, ("held", "c"): 80}),
        ({"cut_off": {"native": "0.00000010"}}, None, {("held", "c"): 80, ("held", "d"): 20}),
        ({"hub": 1}, None, {("hub", "x"): 20, ("held", "c"): 80}),
        ({"hub": 1, "follow": {"x": "why"}}, None, {("held", "c"): 80, ("held", "d"): 20}),
        ({"hub": 2}, None, {("held", "c"): 80, ("held", "d"): 20}),
        ({"until": 2}, None, {("date_limit", "b"): 90, ("date_limit", "x"): 10}),
        ({"until": 1}, None, {("date_limit", "a"): 100}),
    ],
)
def test_stop_rules(parameters: dict[str, Any], tagged: str | None, expected: dict[tuple[str, str], int]) -> None:
    named = {k: {name(a): w for a, w in v.items()} if k in {"stop", "follow"} else v for k, v in parameters.items()}
    found = follow(ledger_of(PEEL), theft_of(move(2)), tags=tag(tagged) if tagged else None, **named)
    assert ended(found.statement) == {(stop, name(a)): units for (stop, a), units in expected.items()}


@pytest.mark.parametrize(
    ("parameters", "tagged", "expected"),
    [
        ({}, None, {("issued", "v"): 20}),
        ({}, "b", {("service", "b"): 10, ("issued", "v"): 10}),
        ({"follow": {"b": "why"}}, "b", {("issued", "v"): 20}),
        ({"stop": {"a": "why"}}, None, {("chosen", "a"): 20}),
        ({"hops": 1}, None, {("hop_limit", "x"): 20}),
        ({"hops": 2}, None, {("hop_limit", "a"): 10, ("hop_limit", "b"): 10}),
        ({"cut_off": {"native": "0.00000011"}}, None, {("cut_off", "x"): 20}),
        ({"hub": 1}, None, {("hub", "x"): 20}),
        ({"hub": 1, "follow": {"x": "why"}}, None, {("issued", "v"): 20}),
        ({"until": 3}, None, {("issued", "v"): 20}),
    ],
)
def test_stop_rules_backward(
    parameters: dict[str, Any], tagged: str | None, expected: dict[tuple[str, str], int]
) -> None:
    named = {k: {name(a): w for a, w in v.items()} if k in {"stop", "follow"} else v for k, v in parameters.items()}
    tags = tag(tagged) if tagged else None
    found = follow(ledger_of(PEEL), theft_of(move(7)), tags=tags, backward=True, **named)
    assert ended(found.statement) == {(stop, name(a)): units for (stop, a), units in expected.items()}


def test_gaps_and_places_without_address() -> None:
    """Forward into a transaction of unknown inputs, backward out of the ledger; the first output has no address."""
    txs = [
        Tx([(-7, 4, 30)], [("", 20), ("b", 9)], 0),
        Tx([(0, 1), (-8, 0)], [("c", 15)], 1),
        Tx([(0, 0)], [("d", 20)], 1),
    ]
    ledger = ledger_of(txs)
    forward = follow(ledger, theft_of(move(0)))
    assert ended(forward.statement) == {("gap", name("b")): 9, ("held", name("d")): 20}
    assert not forward.statement.complete
    stopped = follow(ledger, theft_of(move(0, index=0)), hops=1)
    assert ended(stopped.statement) == {("hop_limit", out(0, 0)): 20}
    for index in (0, 1):
        back = follow(ledger, theft_of(move(0, index=index)), backward=True)
        assert ended(back.statement) == {("gap", f"{tx_id(-7).hex()}:4"): 29 - (9, 20)[index]}
        assert [f.target for f in back.flows()] == [f"{tx_id(-7).hex()}:4", f"gap:{tx_id(-7).hex()}:4"]
        (route,) = routes_to(back.moves, back.statement, "gap", 2).shown
        assert [(s.move.source, s.move.fresh) for s in route] == [((out(0, 0), name("b"))[index], (20, 9)[index])]
    assert ended(follow(ledger, theft_of(move(1)), backward=True).statement) == {("gap", name("c")): 15}


@pytest.mark.parametrize("backward", [False, True])
def test_a_date_limit_before_the_theft_is_refused(*, backward: bool) -> None:
    with pytest.raises(TheftError, match="nothing was stolen before the date limit"):
        follow(ledger_of(PEEL), theft_of(move(7)), until=2, backward=backward)


def test_a_date_limit_needs_times() -> None:
    batch = raw(PEEL)
    batch.block_time[2] = -1
    ledger = opened(build([batch]))
    with pytest.raises(UsageError, match="does not say when"):
        follow(ledger, theft_of(move(2)), until=5)
    with pytest.raises(TheftError, match="does not say when transaction"):
        follow(ledger, theft_of(outflow(name("a"), "until = 2001-01-01T00:00:00Z\n")))
    assert taken(follow(ledger, theft_of(outflow(name("a"))))) == {out(4, 0): 10, out(4, 1): 90}


BAD_WORDS: list[tuple[dict[str, Any], str]] = [
    ({"fees": "clean-first"}, "fees can be last or first"),
    ({"rule": "poison"}, "poison"),
    ({"rule": "haircut", "backward": True}, "haircut cannot be run backward"),
    ({"follow_fees": True, "backward": True}, "fees are not followed backward"),
    ({"cut_off": {"gold": "1"}}, "no asset 'gold'"),
    ({"cut_off": {"native": "0.000000001"}}, "0.000000001"),
]


@pytest.mark.parametrize(("parameters", "says"), BAD_WORDS, ids=[says for _, says in BAD_WORDS])
def test_parameters_that_cannot_be(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        follow(ledger_of(PEEL), theft_of(move(2)), **parameters)
    assert says in caught.value.problem


# --- the chain of 2009 ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bitcoin_2009(tmp_path_factory: pytest.TempPathFactory) -> UtxoLedger:
    """Every transaction of 2009."""
    folder = tmp_path_factory.mktemp("2009")
    imported, network = import_bitcoin([SHARED / "ledger-2009"], work=folder / "work")
    store(imported, folder / "l", chain="bitcoin", network=network)
    return UtxoLedger.open(folder / "l")


def spent_coinbases(ledger: UtxoLedger) -> list[int]:
    """The outputs of coinbases that are spent in 2009."""
    made = [int(ledger.tx_output[tx]) for tx in np.flatnonzero(ledger.tx_flag)]
    return [o for o in made if ledger.output_spender[o] < ledger.transactions]


@pytest.mark.shared
def test_the_supply_of_2009(bitcoin_2009: UtxoLedger) -> None:
    sums = supply(bitcoin_2009)
    assert bitcoin_2009.complete
    assert (sums.blocks, sums.new, sums.unspent) == (32_490, 50 * COIN * 32_490, 50 * COIN * 32_490)
    assert (sums.brought, sums.destroyed, sums.exact, sums.holds) == (0, 0, True, True)


@pytest.mark.shared
def test_every_coinbase_that_was_spent_balances_under_every_rule(bitcoin_2009: UtxoLedger) -> None:
    """300 of them as a theft each: to the last unit; first in, first out, each goes the way it goes alone."""
    ledger = bitcoin_2009
    chosen = spent_coinbases(ledger)[:300]
    thefts = [theft_of(move(ledger.tx_text(ledger.transaction_of(o))), chain="bitcoin") for o in chosen]
    found = follow(ledger, *thefts)
    put = sum(int(ledger.output_value[o]) for o in chosen)
    assert [s.amount for s in found.statement.sources] == [int(ledger.output_value[o]) for o in chosen]
    for rule in CONSERVING:
        assert sum(ended(found.statement, rule).values()) == put
        assert all(b.holds for b in found.statement.balances if b.rule == rule)
        assert sum(b.put_in for b in found.statement.balances if b.rule == rule) == put
    assert sum(ended(found.statement, "poison").values()) > put
    for leg in range(1, 301, 30):
        alone = follow(ledger, thefts[leg - 1]).statement
        together = {(t.stop, t.place): t.by_leg[leg] for t in found.statement.terminals if t.by_leg.get(leg)}
        assert ended(alone) == together


@pytest.mark.shared
def test_the_first_payment(bitcoin_2009: UtxoLedger) -> None:
    """Block 9's coinbase paid Hal Finney 10 BTC on 12 January 2009, whatever the rule; backward they come from it."""
    found = follow(bitcoin_2009, theft_of(move(COINBASE_9), chain="bitcoin"))
    for rule in CONSERVING:
        assert ended(found.statement, rule)["held", HAL] == 10 * COIN
    (route,) = routes_to(found.moves, found.statement, HAL, 5).shown
    assert [(s.move.txid, s.units, s.move.target) for s in route] == [
        (COINBASE_9, 10 * COIN, SATOSHI_9), (HAL_TX, 10 * COIN, HAL)]  # fmt: skip
    for rule in ("fifo", "lifo-a", "lifo-b"):
        back = follow(bitcoin_2009, theft_of(move(HAL_TX, index=0), chain="bitcoin"), backward=True, rule=rule)
        assert ended(back.statement, rule) == {("issued", SATOSHI_9): 10 * COIN}
        assert back.moves[-1].made == f"{COINBASE_9}:0"
    with pytest.raises(UsageError, match="does not say when"):
        follow(bitcoin_2009, theft_of(move(COINBASE_9), chain="bitcoin"), until=1_240_000_000)


@pytest.mark.shared
def test_all_coins_of_2009_are_somewhere(bitcoin_2009: UtxoLedger) -> None:
    """Every coinbase stolen and fees followed: every unspent output is dyed to the last satoshi, and nothing else."""
    ledger = bitcoin_2009
    fresh = [int(ledger.tx_output[tx]) for tx in np.flatnonzero(ledger.tx_flag)]
    plan = UtxoPlan([Origin(o, 1, int(ledger.output_value[o])) for o in fresh], follow_fees=True)
    run = replay(ledger, plan, "fifo")
    assert sum(b.put_in for b in prove(ledger, plan, run)) == supply(ledger).new
    held = run.dyed[run.dyed["stop"] == Stop.HELD]
    assert len(held) == ledger.manifest.counts["unspent_outputs"]
    np.testing.assert_array_equal(held["units"], ledger.output_value[held["output"]])


def test_no_edge_exceeds_its_move_even_where_a_coinbase_leaves_fees_unclaimed() -> None:
    """The miner takes 5 of the 12 in fees and no new coins: the 7 that are burnt are the value of their move."""
    txs = [Tx([], [("victim", 100)], 1), Tx([], [("m", 5)], 2), Tx([(0, 0)], [("thief", 100)], 2),
           Tx([(2, 0)], [("hop", 88)], 2)]  # fmt: skip
    ledger = ledger_of(txs)
    found = follow(ledger, theft_of(move(2)), follow_fees=True)
    carried: dict[str, int] = defaultdict(int)
    for m in found.moves:
        carried[m.made] += m.units
        assert carried[m.made] <= m.value, m
    assert [(m.units, m.value) for m in found.moves if m.stop == "burn"] == [(7, 7)]
