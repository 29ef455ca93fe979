"""Whole-chain exposure: the pass gives what fractions give, its books balance, and addresses add up."""

from __future__ import annotations

import csv
import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.cli.exposure import FIELDS
from dyepack.cli.exposure import exposure as command
from dyepack.errors import BalanceError, LedgerError, TheftError, UsageError
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import COINBASE, DESTROYED, INCOMPLETE, OUTSIDE, UNSPENT, ScriptType
from dyepack.synthetic.utxo_economy import chain
from dyepack.tracing.utxo.exposure import Exposure, each, exposure
from dyepack.tracing.utxo.plan import Origin
from tests.effort import examples
from tests.outputs import Tx, chains, in_memory, ledger_of, written

pytestmark = pytest.mark.xdist_group("numba")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def plain(ledger: UtxoLedger, origins: list[Origin]) -> tuple[list[Fraction], list[Fraction]]:
    """The twin: the exact share of each transaction and of each output, output by output."""
    stolen: dict[int, int] = {}
    for origin in origins:
        stolen[origin.output] = stolen.get(origin.output, 0) + origin.units
    share: list[Fraction] = []
    held = [Fraction(0)] * ledger.outputs
    for tx in range(ledger.transactions):
        dyed, total = Fraction(0), 0
        for at in ledger.inputs_of(tx):
            output = ledger.spent_output(at)
            value = int(ledger.input_value[at])
            dyed += value * held[output] if output is not None else 0
            total += value
        made = sum(int(ledger.output_value[o]) for o in ledger.outputs_of(tx))
        if ledger.is_incomplete(tx):
            total = max(total, made)
        share.append(dyed / total if dyed else Fraction(0))
        for o in ledger.outputs_of(tx):
            value = int(ledger.output_value[o])
            clean = value * (1 - share[tx])
            fresh = min(Fraction(stolen.get(o, 0)), clean)
            held[o] = share[tx] + fresh / value if value else share[tx]
    return share, held


def origins_of(ledger: UtxoLedger, dice: list[tuple[int, int, int]]) -> list[Origin]:
    """Thefts of outputs, whole or in part, from drawn numbers."""
    outputs = [(place % ledger.outputs, leg, part) for place, leg, part in dice]
    return [Origin(o, leg, int(ledger.output_value[o]) * part // 4) for o, leg, part in outputs]


DRAWN = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 3), st.sampled_from((1, 2, 4, 4, 4))), max_size=6)


def assert_as_plain(ledger: UtxoLedger, origins: list[Origin]) -> None:
    share, held = plain(ledger, origins)
    found = exposure(ledger, origins)
    np.testing.assert_allclose(found.share, np.array(share, float), rtol=1e-12)
    assert found.poisoned.tolist() == [int(part > 0) for part in share]
    np.testing.assert_allclose(found.of_outputs(np.arange(ledger.outputs)), np.array(held, float), rtol=1e-12)
    assert found.incomplete == sum(map(ledger.is_incomplete, range(ledger.transactions)))
    books = found.check()
    value = [int(v) for v in ledger.output_value]
    spent_by, kind = ledger.output_spender.tolist(), ledger.output_type.tolist()
    unspent = [o for o in range(ledger.outputs) if spent_by[o] == UNSPENT and kind[o] != ScriptType.OP_RETURN]
    assert books.unspent == pytest.approx(float(sum(held[o] * value[o] for o in unspent)))
    gone = [o for o in range(ledger.outputs) if spent_by[o] == DESTROYED]
    assert books.destroyed == pytest.approx(float(sum(held[o] * value[o] for o in gone)))
    for address in range(len(ledger.address_id)):
        assert_address_adds_up(found, held, address)


def assert_address_adds_up(found: Exposure, held: list[Fraction], address: int) -> None:
    ledger, at = found.ledger, found.of_address(address)
    mine = [o for o in range(ledger.outputs) if ledger.output_address[o] == address]
    left = [o for o in mine if ledger.output_spender[o] == UNSPENT]
    for outputs, total, dyed, poisoned in ((mine, at.received, at.received_dyed, at.received_poisoned),
                                           (left, at.balance, at.balance_dyed, at.balance_poisoned)):  # fmt: skip
        value = {o: int(ledger.output_value[o]) for o in outputs}
        assert total == sum(value.values())
        assert abs(dyed - sum((held[o] * value[o] for o in outputs), Fraction(0))) <= Fraction(501, 1000)
        assert poisoned == sum(value[o] for o in outputs if held[o])
    assert 0 <= at.balance_share <= 1
    assert 0 <= at.received_share <= 1


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(chains(most=25, largest=5_000).map(ledger_of), DRAWN)
def test_the_pass_gives_what_fractions_give(ledger: UtxoLedger, dice: list[tuple[int, int, int]]) -> None:
    assert_as_plain(ledger, origins_of(ledger, dice))


@pytest.mark.slow
@settings(max_examples=examples(1500), deadline=None, suppress_health_check=SLOW)
@given(chains(most=60, largest=5_000).map(ledger_of), DRAWN)
def test_the_pass_gives_what_fractions_give_at_length(ledger: UtxoLedger, dice: list[tuple[int, int, int]]) -> None:
    assert_as_plain(ledger, origins_of(ledger, dice))


def test_worked_example() -> None:
    """methods.md 1.2: 3 stolen and 7 clean coins, outputs of 4 and 5.9, fee 0.1 (here in tenths and hundredths)."""
    ledger = ledger_of([
        Tx([], [("a", 300)], 0), Tx([], [("b", 700)], 1), Tx([(0, 0), (1, 0)], [("c", 400), ("d", 590)], 1),
    ])  # fmt: skip
    found = exposure(ledger, [Origin(0, 1, 300)])
    assert found.share.tolist() == pytest.approx([0, 0, 0.3])
    assert found.poisoned.tolist() == [0, 0, 1]
    books = found.check()
    assert (books.put_in, books.unspent, books.fees) == pytest.approx((300, 297, 3))
    address = int(ledger.output_address[2])
    at = found.of_address(address)
    assert (at.balance, at.balance_dyed, at.balance_poisoned) == (400, 120, 400)
    spent = found.of_address(int(ledger.output_address[0]))
    assert (spent.received, spent.received_dyed, spent.balance, spent.balance_share) == (300, 300, 0, 0.0)


def test_a_stolen_output_is_dyed_apart_from_its_transaction() -> None:
    ledger = ledger_of([Tx([], [("a", 100)], 0), Tx([(0, 0)], [("b", 60), ("a", 40)], 0), Tx([(1, 1)], [("", 40)], 0),
                        Tx([(1, 0)], [("", 60)], 0)])  # fmt: skip
    found = exposure(ledger, [Origin(1, 1, 60)])
    assert found.share.tolist() == [0, 0, 0, 1]
    assert [found.of_output(o) for o in range(5)] == [0, 1, 0, 0, 1]
    assert found.check().put_in == 60


def test_what_was_dyed_before_is_not_dyed_twice() -> None:
    ledger = ledger_of([Tx([], [("", 100)], 0), Tx([(0, 0)], [("", 100)], 0),
                        Tx([(1, 0)], [("", 80), ("", 20)], 0)])  # fmt: skip
    found = exposure(ledger, [Origin(0, 1, 100), Origin(1, 2, 100), Origin(2, 3, 80)])
    assert found.check().put_in == 100
    partly = exposure(ledger, [Origin(0, 1, 40), Origin(1, 2, 30), Origin(3, 3, 20), Origin(3, 4, 20)])
    assert partly.share.tolist() == pytest.approx([0, 0.4, 0.7])
    assert partly.of_output(3) == 1
    assert partly.check().put_in == pytest.approx(40 + 30 + 6)


def test_unknown_inputs_are_clean_and_counted() -> None:
    ledger = ledger_of([Tx([], [("", 100)], 0), Tx([(0, 0), (-1, 0)], [("", 300), ("", 100)], 0),
                        Tx([(1, 0), (-2, 0, 100)], [("", 400)], 0)])  # fmt: skip
    assert ledger.tx_flag.tolist() == [COINBASE, INCOMPLETE, 0]
    assert (ledger.input_tx == OUTSIDE).sum() == 2
    found = exposure(ledger, [Origin(0, 1, 100)])
    assert found.incomplete == 1
    assert found.share.tolist() == pytest.approx([0, 0.25, 0.1875])
    assert found.check().unspent == pytest.approx(100)


def test_dilution_never_ends_poison() -> None:
    """Ninety hops of one part in a hundred million: the share goes below the smallest double, the poison does not."""
    txs = [Tx([], [("a", 10**8)], 0), Tx([(0, 0)], [("", 10**7)], 0)]
    for n in range(1, 90):
        txs.append(Tx([(n, 0), (-n, 0, 10**15)], [("", 10**7)], 0))
    found = exposure(ledger_of(txs), [Origin(0, 1, 10**8)])
    assert found.poisoned.tolist() == [0] + [1] * 90
    assert 0 < found.share[-1] < 1e-200
    found.check()


def test_each_theft_has_a_pass_of_its_own() -> None:
    ledger = in_memory(chain(3_000))
    thefts = {name: [Origin(o, 1, int(ledger.output_value[o]))] for name, o in (("a", 500), ("b", 900))}
    apart = dict(each(ledger, thefts))
    assert list(apart) == ["a", "b"]
    together = exposure(ledger, [*thefts["a"], *thefts["b"]])
    assert not np.array_equal(apart["a"].share, apart["b"].share)
    assert (together.share <= apart["a"].share + apart["b"].share + 1e-12).all()
    assert (together.poisoned == apart["a"].poisoned | apart["b"].poisoned).all()
    for found in (*apart.values(), together):
        found.check()
        assert found.parameters["stops"] == "none"


def test_a_longer_chain_with_many_thefts() -> None:
    """The tight loop, the runs between the transactions done apart, and looking ahead past the end."""
    ledger = in_memory(chain(4_000, seed=3))
    origins = [Origin(o, 1, int(ledger.output_value[o])) for o in range(100, ledger.outputs, 401)]
    share = np.zeros(ledger.transactions)
    held = np.zeros(ledger.outputs)
    stolen = {o.output for o in origins if o.units}
    for tx in range(ledger.transactions):
        value = [int(ledger.input_value[at]) for at in ledger.inputs_of(tx)]
        part = [held[ledger.spent_output(at) or 0] for at in ledger.inputs_of(tx)]
        share[tx] = sum(v * s for v, s in zip(value, part, strict=True)) / max(sum(value), 1)
        for o in ledger.outputs_of(tx):
            held[o] = 1 if o in stolen else share[tx]
    found = exposure(ledger, origins)
    np.testing.assert_allclose(found.share, share, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.of_outputs(np.arange(ledger.outputs)), held, rtol=1e-9, atol=1e-15)
    found.check()


def test_books_that_do_not_balance_are_refused() -> None:
    ledger = in_memory(chain(2_000))
    found = exposure(ledger, [Origin(500, 1, int(ledger.output_value[500]))])
    wrong = dataclasses.replace(found, share=found.share * 1.001)
    with pytest.raises(BalanceError, match="do not balance"):
        wrong.check()


def test_thefts_and_ledgers_that_do_not_fit_are_refused() -> None:
    ledger = ledger_of([Tx([], [("", 100)], 0), Tx([(0, 0)], [("", 90)], 0)])
    with pytest.raises(TheftError, match="not in the ledger"):
        exposure(ledger, [Origin(2, 1, 5)])
    with pytest.raises(TheftError, match="holds 90 satoshi"):
        exposure(ledger, [Origin(1, 1, 91)])
    ledger.input_index = np.array([3], np.uint32)
    with pytest.raises(LedgerError, match="contradicts itself"):
        exposure(ledger, [Origin(0, 1, 100)])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(chain(2_000), tmp_path / "ledger")
    ledger = UtxoLedger.open(folder)
    txs = [500, 900]
    files = []
    for tx in txs:
        file = tmp_path / f"{tx}.toml"
        file.write_text(f'id = "theft-{tx}"\nchain = "test"\n[[leg]]\nasset = "BTC"\n[[leg.move]]\n'
                        f'tx = "{ledger.tx_text(tx)}"\nindex = 0\n')  # fmt: skip
        files.append(file)
    origins = [ledger.outputs_of(tx)[0] for tx in txs]
    both = [Origin(o, 1, int(ledger.output_value[o])) for o in origins]
    place = int(ledger.output_address[origins[0]])
    name = ledger.address_text(place)

    def row(theft: str, stolen: list[Origin]) -> list[str]:
        at = exposure(ledger, stolen).of_address(place)
        return [theft, name, *(str(getattr(at, field)) for field in FIELDS)]

    command([name], folder, theft=files, csv=True)
    together = row("theft-500+theft-900", both)
    assert list(csv.reader(capsys.readouterr().out.splitlines()))[1:] == [together]
    command([name], folder, theft=files, apart=True, csv=True)
    expected = [row(f"theft-{tx}", [one]) for tx, one in zip(txs, both, strict=True)]
    assert list(csv.reader(capsys.readouterr().out.splitlines()))[1:] == expected
    command([name], folder, theft=files, json=True)
    said = json.loads(capsys.readouterr().out)
    assert list(said["exposures"][0].values()) == together
    assert (said["asset"], said["decimals"], said["incomplete"]) == ("BTC", 8, 0)
    command([name], folder, tx=[ledger.tx_text(500)])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name} from command-line\n  holds ")
    assert "reached" in printed
    with pytest.raises(UsageError, match="nothing says what was stolen"):
        command([name], folder)
