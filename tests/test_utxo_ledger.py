"""Ledgers of outputs: what is built of transactions in any order, what is refused, and what is found again."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, LedgerError
from dyepack.ledger import writer
from dyepack.ledger.builder import build as build_accounts
from dyepack.ledger.manifest import Manifest
from dyepack.ledger.open import open_ledger
from dyepack.ledger.reader import Ledger
from dyepack.ledger.utxo.builder import Built, build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import (
    COLUMNS,
    DESTROYED,
    MAX_MONEY,
    NO_ADDRESS,
    OUTSIDE,
    UNKNOWN_VALUE,
    UNSPENT,
    RawTransactions,
    ScriptType,
)
from dyepack.ledger.utxo.supply import supply
from dyepack.money import Asset
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import manifest_of, store
from tests.effort import examples
from tests.ledgers import Move, raw_moves, uniform_state
from tests.outputs import Tx, chains, ledger_of, opened, raw, tx_id

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
ONE = [Tx([], [("a", 50)], 0), Tx([], [("b", 50)], 1), Tx([(0, 0)], [("b", 30), ("c", 15)], 1)]
"""A coinbase, and in the next block one of 50 and a payment with a fee of 5."""

Change = Callable[[RawTransactions], object]


def changed(txs: list[Tx], *changes: Change) -> RawTransactions:
    batch = raw(txs)
    for change in changes:
        change(batch)
    return batch


def put(name: str, at: int | slice, value: object) -> Change:
    """Set one cell of a column."""

    def change(batch: RawTransactions) -> None:
        getattr(batch, name)[at] = value

    return change


def picked(batch: RawTransactions, txs: list[int]) -> RawTransactions:
    """Some of a batch's transactions, in this order, with all its blocks and addresses."""
    ins = [i for t in txs for i in range(batch.in_offset[t], batch.in_offset[t + 1])]
    outs = [o for t in txs for o in range(batch.out_offset[t], batch.out_offset[t + 1])]
    parts: dict[str, Any] = {n: getattr(batch, n)[txs] for n in ("tx_block", "tx_index", "tx_id", "tx_coinbase")}
    parts |= {n: getattr(batch, n)[ins] for n in ("in_txid", "in_index", "in_value", "in_address")}
    parts |= {n: getattr(batch, n)[outs] for n in ("out_value", "out_type", "out_address")}
    for name in ("in_offset", "out_offset"):
        parts[name] = np.cumsum([0, *np.diff(getattr(batch, name))[txs].tolist()])
    return dataclasses.replace(batch, **parts)


def same_columns(one: Built, other: Built) -> None:
    assert set(one.columns) == set(COLUMNS)
    for name in COLUMNS:
        np.testing.assert_array_equal(one.columns[name], other.columns[name], err_msg=name)
    assert one.complete == other.complete


def name_of(number: int, block: int) -> str:
    return f"transaction {tx_id(number).hex()} of block {100 + block}"


# --- what is built --------------------------------------------------------------------------------------------------


def test_a_chain_in_columns() -> None:
    ledger = ledger_of([*ONE, Tx([], [("a", 5), ("", 7), ("data", 0)], 2)])
    assert ledger.complete
    assert (ledger.transactions, ledger.inputs, ledger.outputs) == (4, 1, 7)
    assert ledger.output_spender.tolist() == [2, *[UNSPENT] * 6]
    assert [ledger.fee(tx) for tx in range(4)] == [0, 0, 5, 0]
    assert [ledger.is_coinbase(tx) for tx in range(4)] == [True, True, False, True]
    assert ledger.output_address[5:].tolist() == [NO_ADDRESS, NO_ADDRESS]
    assert ledger.output_type[6] == ScriptType.OP_RETURN
    assert ledger.place_text(5) == ledger.outpoint_text(5) == f"{tx_id(3).hex()}:1"
    assert ledger.place_text(0).startswith("1")
    assert [ledger.transaction_of(o) for o in range(7)] == [0, 1, 2, 2, 3, 3, 3]
    assert ledger.manifest.counts | {"fees": 5, "unspent_outputs": 6, "addresses": 3} == ledger.manifest.counts
    assert (ledger.manifest.first, ledger.manifest.last) == ({"block": 100, "time": 0}, {"block": 102, "time": 2})
    sums = supply(ledger)
    assert (sums.claimed, sums.fees, sums.unspent, sums.new, sums.holds, sums.exact) == (112, 5, 107, 107, True, True)


def test_the_earlier_of_two_equal_coinbases_is_destroyed() -> None:
    """BIP 30: what is spent later is the later one's output; what was spent before was the earlier's."""
    txs = [Tx([], [("a", 50), ("b", 8)], 0), Tx([], [("c", 1)], 1), Tx([(0, 1)], [("d", 8)], 1),
           Tx([], [("a", 50), ("b", 8)], 2), Tx([], [("c", 2)], 3), Tx([(0, 0)], [("e", 49)], 3)]  # fmt: skip
    ledger = opened(build([changed(txs, put("tx_id", 3, list(tx_id(0))))]))
    assert ledger.output_spender.tolist() == [DESTROYED, 2, UNSPENT, UNSPENT, 5, UNSPENT, UNSPENT, UNSPENT]
    assert (ledger.spent_output(0), ledger.spent_output(1)) == (1, 4)
    assert ledger.find_tx(tx_id(0).hex()) == 3
    assert ledger.manifest.counts["duplicate_ids"] == 1
    assert any("BIP 30" in note for note in ledger.manifest.notes)
    sums = supply(ledger)
    assert (sums.destroyed, sums.fees, sums.holds) == (50, 1, True)


def test_inputs_from_outside() -> None:
    """Of known value a transaction is whole; of an unknown one it is incomplete and its fee is not known."""
    txs = [Tx([(-1, 3, 60), (-2, 0)], [("a", 90)], 0), Tx([(-3, 7, 20)], [("b", 19)], 0)]
    batch = changed(txs, put("in_address", 0, 1))
    ledger = opened(build([batch]))
    assert [ledger.is_incomplete(tx) for tx in (0, 1)] == [True, False]
    assert [ledger.fee(tx) for tx in (0, 1)] == [0, 1]
    assert ledger.input_tx.tolist() == [OUTSIDE] * 3
    assert ledger.input_value.tolist() == [60, 0, 20]
    assert ledger.outside_index.tolist() == [3, 0, 7]
    assert [row.tobytes() for row in ledger.outside_tx] == [tx_id(-1), tx_id(-2), tx_id(-3)]
    assert [ledger.input_address(at) for at in range(3)] == [1, None, None]
    assert ledger.spent_output(0) is None
    assert {k: ledger.manifest.counts[k] for k in ("outside_inputs", "incomplete_transactions")} == {
        "outside_inputs": 3, "incomplete_transactions": 1}  # fmt: skip
    assert not supply(ledger).exact


def test_repeated_transactions_are_dropped_and_counted() -> None:
    """The copy that tells more of its inputs' values stays, whichever comes first."""
    txs = [Tx([], [("a", 50)], 0), Tx([(-1, 0, 20), (-2, 0, 30)], [("b", 45)], 0)]
    batch = raw(txs)
    poorer = changed(txs, put("in_value", 0, UNKNOWN_VALUE), put("out_address", 1, -1))
    for batches in ([batch, poorer], [poorer, batch], [batch, poorer, batch]):
        built = build(batches)
        assert built.counts["repeated_transactions"] == 2 * (len(batches) - 1)
        same_columns(built, build([batch]))


@pytest.mark.parametrize(
    "change", [put("in_index", 0, 1), put("out_value", 1, 44), put("in_value", 0, 21), put("out_address", 1, 0)]
)
def test_a_transaction_that_stands_there_twice_with_other_content_is_refused(change: Change) -> None:
    txs = [Tx([], [("a", 50)], 0), Tx([(-1, 0, 20), (-2, 0, 30)], [("b", 45)], 0)]
    with pytest.raises(InputError, match=f"{name_of(1, 0)} stands there twice"):
        build([raw(txs), changed(txs, change)])


def test_transactions_without_rank_stand_after_their_parents() -> None:
    """The coinbase first, then as they came where that is possible."""
    txs = [Tx([], [("m", 9)], 0), Tx([(3, 0)], [("a", 1)], 0), Tx([(-1, 0, 5)], [("b", 4)], 0),
           Tx([(2, 0)], [("c", 3)], 0), Tx([(-2, 0, 5)], [("d", 4)], 0)]  # fmt: skip
    batch = changed(txs)
    batch.tx_index[:] = -1
    ledger = opened(build([picked(batch, [1, 2, 4, 3, 0])]))
    assert [ledger.tx_text(tx) for tx in range(5)] == [tx_id(n).hex() for n in (0, 2, 4, 3, 1)]
    assert any("does not say the order" in note for note in ledger.manifest.notes)
    ordered = opened(build([picked(batch, [0, 2, 3, 1, 4])]))
    assert [ordered.tx_text(tx) for tx in range(5)] == [tx_id(n).hex() for n in (0, 2, 3, 1, 4)]


def test_a_hole_between_blocks_is_noted() -> None:
    built = build([raw([ONE[0], Tx([], [("b", 50)], 3)])])
    assert not built.complete
    assert any(note.startswith("2 blocks between the first and the last are not there") for note in built.notes)
    assert not opened(built).complete
    part = build([dataclasses.replace(raw(ONE), contiguous=False)])
    assert not part.complete
    assert any("does not hold whole blocks" in note for note in part.notes)


def test_a_block_is_joined_from_batches_that_say_different_things_of_it() -> None:
    batch = raw(ONE)
    silent = changed(ONE, put("block_id", slice(None), 0), put("block_time", slice(None), -1))
    same_columns(build([picked(batch, [0, 2]), picked(silent, [1])]), build([batch]))
    assert opened(build([silent])).tx_time(0) == ""


# --- what is refused ------------------------------------------------------------------------------------------------


@dataclass
class Bad:
    """A fault, and what its sentence must say; `of` is the transaction that it names."""

    name: str
    txs: list[Tx]
    says: str
    changes: list[Change] = field(default_factory=list)
    of: tuple[int, int] = (2, 1)


BAD = [
    Bad("double spend", [*ONE, Tx([(0, 0)], [("d", 1)], 1)], f"spends an output that {name_of(2, 1)} spent",
        of=(3, 1)),
    Bad("one output twice in a transaction", [*ONE[:2], Tx([(0, 0), (0, 0)], [("d", 1)], 1)], "spends an output that"),
    Bad("spend of a later transaction", [*ONE[:2], Tx([(3, 0)], [("d", 1)], 1), Tx([(0, 0)], [("e", 9)], 1)],
        f"spends an output of {name_of(3, 1)}, which does not stand before it"),
    Bad("spend of itself", [*ONE[:2], Tx([(2, 0)], [("d", 1)], 1)],
        f"spends an output of {name_of(2, 1)}, which does not stand before it"),
    Bad("output out of range", [*ONE[:2], Tx([(0, 1)], [("d", 1)], 1)],
        f"spends output 1 of {name_of(0, 0)}, which has 1"),
    Bad("output over the money there can be", [*ONE[:2], Tx([(0, 0)], [("d", MAX_MONEY + 1)], 1)],
        f"has an output of {MAX_MONEY + 1} satoshi"),
    Bad("input over the money there can be", [*ONE[:2], Tx([(-1, 0, MAX_MONEY + 1)], [("d", 1)], 1)],
        f"has an input of {MAX_MONEY + 1} satoshi"),
    Bad("outputs that wrap around", [*ONE[:2], Tx([(0, 0)], [("d", MAX_MONEY)] * 8784 + [("d", 1_344_073_709_551_616)],
                                                  1)], "has outputs of more satoshi than there can be"),
    Bad("outputs over inputs", [*ONE[:2], Tx([(0, 0)], [("d", 50), ("e", 1)], 1)], "makes 51 satoshi out of 50"),
    Bad("outputs out of nothing", [*ONE[:2], Tx([], [("d", 1)], 1)], "makes 1 satoshi out of 0",
        [put("tx_coinbase", 2, 0)]),
    Bad("undo data that disagrees", [*ONE[:2], Tx([(-1, 0, 4), (0, 0, 49)], [("d", 1)], 1)],
        "says that its input 1 is worth 49 satoshi, but the output it spends has 50"),
    Bad("coinbase not first", ONE, "makes new coins but is not the first of its block",
        [put("tx_index", 1, 1), put("tx_index", 2, 0)], of=(1, 1)),
    Bad("two coinbases", [*ONE, Tx([], [("d", 1)], 1)], "makes new coins but is not the first", of=(3, 1)),
    Bad("one rank twice", ONE, f"claims the place of {name_of(1, 1)}", [put("tx_index", 2, 0)]),
    Bad("a circle without ranks", [*ONE[:2], Tx([(3, 0)], [("d", 1)], 1), Tx([(2, 0)], [("e", 1)], 1)],
        "spends, directly or not, its own outputs", [put("tx_index", slice(None), -1)]),
    Bad("outside input of a chain from its first block", [*ONE[:2], Tx([(-1, 0, 9)], [("d", 1)], 1)],
        "spends an output of a transaction that no block before it holds",
        [lambda b: b.block_height.__isub__(100)]),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_cannot_be_is_refused(bad: Bad) -> None:
    with pytest.raises(InputError) as caught:
        build([changed(bad.txs, *bad.changes)])
    text = str(caught.value)
    number, block = bad.of
    height = block if "from its first block" in bad.name else 100 + block
    assert text.startswith(f"test: transaction {tx_id(number).hex()} of block {height} {bad.says}"), text
    assert caught.value.remedy


def test_two_blocks_at_one_height_are_refused() -> None:
    with pytest.raises(InputError, match=r"two blocks claim height 100: (07|09){32} and (07|09){32}") as caught:
        build([changed(ONE, put("block_id", 0, 9)), changed(ONE, put("block_id", 0, 7))])
    assert "leave out" in caught.value.remedy


def test_nothing_to_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no transaction"):
        store(BitcoinImport(), tmp_path / "l", chain="test", network="mainnet")
    assert not (tmp_path / "l").exists()


# --- any chain ------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW)
@given(txs=chains(), dice=st.randoms(use_true_random=False))
def test_any_order_of_batches_and_transactions_gives_the_same_columns(txs: list[Tx], dice: Any) -> None:
    batch = raw(txs)
    order = list(range(len(txs)))
    dice.shuffle(order)
    cut = dice.randrange(len(order) + 1)
    twice = dice.choice(order)
    parts = [picked(batch, part) for part in (order[:cut], [*order[cut:], twice])]
    built = build(parts)
    same_columns(built, build([batch]))
    assert built.counts["repeated_transactions"] == 1


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW)
@given(chains())
def test_what_a_ledger_says_is_what_the_transactions_say(txs: list[Tx]) -> None:
    ledger = ledger_of(txs)
    spenders = {s[:2]: n for n, t in enumerate(txs) for s in t.spends}
    latest = {(n if t.bears < 0 else t.bears): n for n, t in enumerate(txs)}
    assert {n: ledger.find_tx(tx_id(n).hex()) for n in latest} == latest
    borne = {t.bears for t in txs}
    for n, tx in enumerate(txs):
        outs = ledger.outputs_of(n)
        assert ledger.output_value[outs.start : outs.stop].tolist() == [v for _, v in tx.pays]
        for k, o in enumerate(outs):
            assert int(ledger.output_spender[o]) == spenders.get((n, k), DESTROYED if n in borne else UNSPENT)
        for spend, at in zip(tx.spends, ledger.inputs_of(n), strict=True):
            output = ledger.spent_output(at)
            if spend[0] < 0:
                assert output is None
                continue
            assert output == ledger.outputs_of(spend[0])[spend[1]]
            assert int(ledger.input_value[at]) == txs[spend[0]].pays[spend[1]][1]
            assert ledger.output_spender[output] == n
            held = ledger.output_address[output]
            assert ledger.input_address(at) == (None if held == NO_ADDRESS else held)
    for address in range(len(ledger.address_id)):
        mine = np.flatnonzero(ledger.output_address == address).tolist()
        assert ledger.outputs_at(address).tolist() == mine
        assert ledger.find_address(ledger.address_text(address)) == address
    assert len(ledger.address_output) == (ledger.output_address != NO_ADDRESS).sum()
    if supply(ledger).exact:
        assert supply(ledger).holds


def test_texts_that_stand_for_nothing_are_not_found() -> None:
    ledger = ledger_of(ONE)
    for text in ("", "zz", "00", tx_id(9).hex(), tx_id(0).hex()[:-2], tx_id(0).hex() + "00"):
        assert ledger.find_tx(text) is None
    known = ledger.address_text(0)
    for text in ("", known[:-1], known + "1", "1" * 34, "mpUEjyFG5dDEjpGfZeFbyCF4rvV5VPmAbs", known.lower()):
        assert ledger.find_address(text) is None
    assert ledger.find_address(f" {known}\n") == 0
    assert ledger.find_tx(tx_id(1).hex().upper()) == 1


# --- on disk --------------------------------------------------------------------------------------------------------


def imported(txs: list[Tx], file: Path) -> BitcoinImport:
    file.write_text("x")
    return BitcoinImport(batches=[raw(txs)], files=[file])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of ONE."""
    store(imported(ONE, tmp_path / "in"), tmp_path / "l", chain="test", network="mainnet")
    return tmp_path / "l"


def content(folder: Path) -> Path:
    return folder / (folder / "CURRENT").read_text().strip()


def test_what_was_built_is_read_again(folder: Path) -> None:
    ledger, built = UtxoLedger.open(folder), ledger_of(ONE)
    for name in COLUMNS:
        column = getattr(ledger, name)
        np.testing.assert_array_equal(column, getattr(built, name))
        assert (column.dtype, column.flags.writeable) == (getattr(built, name).dtype, False)
    assert ledger.verify() == []
    assert isinstance(open_ledger(folder), UtxoLedger)
    assert ledger.sizes()["output_value"] == 8 * ledger.outputs
    assert ledger.manifest.inputs[0]["name"] == "in"


def test_the_same_import_gives_the_same_ledger(folder: Path, tmp_path: Path) -> None:
    again = store(imported(ONE, tmp_path / "in"), tmp_path / "m", chain="test", network="mainnet")
    assert again.sha256() == UtxoLedger.open(folder).sha256
    with pytest.raises(LedgerError, match="already holds a ledger"):
        store(imported(ONE, tmp_path / "in"), folder, chain="test", network="mainnet")


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_gone_cut_or_of_another_type_is_damage(folder: Path, name: str) -> None:
    file = content(folder) / f"{name}.npy"
    good = file.read_bytes()
    for bad in (
        good[:-1] if np.load(file).size else good[:20],
        b"",
        good.replace(b"'<u", b"'<i").replace(b"'|u", b"'|i"),
    ):
        if bad != good:
            file.write_bytes(bad)
            with pytest.raises(LedgerError, match=f"{name}.npy of ledger .* missing or damaged"):
                UtxoLedger.open(folder)
    file.unlink()
    with pytest.raises(LedgerError, match=f"{name}.npy of ledger .* missing or damaged"):
        UtxoLedger.open(folder)


@pytest.mark.parametrize("name", [name for name in COLUMNS if not name.startswith("outside")])
def test_a_changed_column_is_found_by_its_hash(folder: Path, name: str) -> None:
    ledger = UtxoLedger.open(folder)
    file = content(folder) / f"{name}.npy"
    data = bytearray(file.read_bytes())
    data[-np.load(file).nbytes] ^= 1
    file.write_bytes(data)
    assert ledger.verify() == [name]


def test_columns_that_do_not_fit_together_are_damage(folder: Path) -> None:
    built = build([raw(ONE)])
    for name in sorted(set(COLUMNS) - {"address_find_key", "address_find_row"}):
        columns = built.columns | {name: np.concatenate([built.columns[name]] * 2 or [np.zeros(1)])}
        if not len(built.columns[name]):
            columns[name] = np.zeros((1, *built.columns[name].shape[1:]), built.columns[name].dtype)
        ledger = UtxoLedger(folder, UtxoLedger.open(folder).manifest, "0" * 64, columns)
        assert not ledger.fits(), name


def test_a_manifest_that_was_changed_or_lacks_a_column_is_refused(folder: Path) -> None:
    file = content(folder) / "manifest.json"
    good = file.read_text()
    file.write_text(good.replace('"test"', '"best"'))
    with pytest.raises(LedgerError, match="was changed since the import"):
        UtxoLedger.open(folder)
    for bad in (good[:-20], "[]", good.replace('"format": 1', '"format": 99')):
        file.write_text(bad)
        with pytest.raises(LedgerError, match=r"damaged|format"):
            UtxoLedger.open(folder)
    data = json.loads(good)
    data["columns"] = [c for c in data["columns"] if c["name"] != "tx_flag"]
    manifest = Manifest.from_bytes(json.dumps(data).encode(), "x")
    file.write_bytes(manifest.to_bytes())
    named = folder / manifest.sha256()[:16]
    content(folder).rename(named)
    (folder / "CURRENT").write_text(named.name)
    with pytest.raises(LedgerError, match="no column tx_flag"):
        UtxoLedger.open(folder)


def accounts(path: Path) -> Path:
    built = build_accounts([raw_moves([Move(1, "a", "b", 5)])])
    writer.write_ledger(path, built, chain="test", assets={"native": Asset("native", "T", 0)}, counts={}, notes=[],
                        holding_state=uniform_state(built), formats=("hex", "hex"), inputs=[], oversize=[])  # fmt: skip
    return path


def test_a_ledger_of_the_other_model_is_refused(folder: Path, tmp_path: Path) -> None:
    other = accounts(tmp_path / "accounts")
    with pytest.raises(LedgerError, match="is a ledger of accounts, not of outputs"):
        UtxoLedger.open(other)
    with pytest.raises(LedgerError, match="is a ledger of outputs, not of accounts"):
        Ledger.open(folder)
    assert isinstance(open_ledger(other), Ledger)


def test_an_import_that_dies_leaves_the_old_ledger(folder: Path, tmp_path: Path) -> None:
    """The process ends between two columns, without a chance to clean up."""
    before = UtxoLedger.open(folder).sha256
    child = os.fork()
    if not child:
        write, count = writer._write_column, iter(range(9))

        def dying(*words: Any) -> Any:
            if next(count) == 7:
                os._exit(9)
            return write(*words)

        vars(writer)["_write_column"] = dying
        store(imported(ONE[:1], tmp_path / "in2"), folder, chain="test", network="mainnet", replace=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert any(p.name.startswith(".partial-") for p in folder.iterdir())
    assert UtxoLedger.open(folder).sha256 == before
    assert UtxoLedger.open(folder).verify() == []
    store(imported(ONE[:1], tmp_path / "in2"), folder, chain="test", network="mainnet", replace=True)
    assert UtxoLedger.open(folder).transactions == 1
    assert {p.name for p in folder.iterdir()} == {"CURRENT", ".lock", content(folder).name}


def test_a_refused_import_leaves_the_old_ledger(folder: Path, tmp_path: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())
    twice = [*ONE, Tx([(0, 0)], [("d", 1)], 1)]
    with pytest.raises(InputError, match="spent already"):
        store(imported(twice, tmp_path / "in2"), folder, chain="test", network="mainnet", replace=True)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_manifest_says_which_blocks_are_whole() -> None:
    built = build([raw(ONE)])
    manifest = manifest_of(built, chain="test", network="regtest", notes=["n"], counts={"x": 1})
    assert manifest.completeness == {"complete: every move between the first and last position is here": 2}
    assert (manifest.notes, manifest.counts["x"], manifest.network, manifest.model) == (["n"], 1, "regtest", "outputs")
