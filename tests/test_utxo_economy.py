"""The generated chain of outputs: a ledger that fits, conserves to the satoshi and has the asked-for shape."""

from __future__ import annotations

import numpy as np
import pytest

from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import COINBASE, COLUMNS, NO_ADDRESS, UNSPENT, ScriptType
from dyepack.synthetic.utxo_economy import chain
from tests.outputs import in_memory

pytestmark = pytest.mark.xdist_group("numba")

TYPES = {ScriptType.P2PKH: "1", ScriptType.P2SH: "3", ScriptType.P2WPKH: "bc1q"}


@pytest.fixture(scope="module")
def ledger() -> UtxoLedger:
    return in_memory(chain(12_000, per_block=60))


def test_every_column_is_there_and_fits(ledger: UtxoLedger) -> None:
    assert set(chain(50)) == set(COLUMNS)
    assert ledger.transactions == 12_000
    assert len(np.unique(ledger.tx_id, axis=0)) == 12_000
    assert len(np.unique(ledger.address_id, axis=0)) == len(ledger.address_id)


def test_outputs_are_spent_once_only_later_and_at_their_value(ledger: UtxoLedger) -> None:
    spenders = np.full(ledger.outputs, UNSPENT, np.uint32)
    for tx in range(ledger.transactions):
        for at in ledger.inputs_of(tx):
            output = ledger.spent_output(at)
            assert output is not None
            assert output in ledger.outputs_of(int(ledger.input_tx[at]))
            assert ledger.input_tx[at] < tx
            assert spenders[output] == UNSPENT
            assert ledger.input_value[at] == ledger.output_value[output]
            spenders[output] = tx
    assert (spenders == ledger.output_spender).all()


def test_values_conserve_and_coinbases_make_subsidy_and_fees(ledger: UtxoLedger) -> None:
    subsidies = set()
    for block in range(len(ledger.block_height)):
        first, end = ledger.block_tx[block : block + 2].tolist()
        assert (ledger.tx_flag[first:end] == [COINBASE] + [0] * (end - first - 1)).all()
        assert (ledger.tx_block[first:end] == block).all()
        fees = [ledger.fee(tx) for tx in range(first + 1, end)]
        assert min(fees, default=0) >= 0
        made = sum(int(ledger.output_value[o]) for o in ledger.outputs_of(first))
        subsidies.add(made - sum(fees))
        assert made - sum(fees) == 50 * 10**8 >> int(ledger.block_height[block]) // 210_000
    assert subsidies == {50 * 10**8, 25 * 10**8}


def test_addresses_and_their_outputs(ledger: UtxoLedger) -> None:
    burnt = ledger.output_type == ScriptType.OP_RETURN
    assert ((ledger.output_address == NO_ADDRESS) == burnt).all()
    assert (ledger.output_spender[burnt] == UNSPENT).all()
    assert 0.002 < burnt.mean() < 0.02
    received = np.diff(ledger.address_offset)
    assert received.sum() == (~burnt).sum()
    assert np.sort(received)[::-1][:20].sum() > 0.02 * ledger.outputs
    for address in range(0, len(ledger.address_id), 97):
        outputs = ledger.outputs_at(address)
        assert (ledger.output_address[outputs] == address).all()
        assert (np.diff(outputs.astype(np.int64)) > 0).all()
        text = ledger.address_text(address)
        assert ledger.find_address(text) == address
        assert all(text.startswith(TYPES[ScriptType(kind)]) for kind in ledger.output_type[outputs])
    for tx in range(0, ledger.transactions, 997):
        assert ledger.find_tx(ledger.tx_text(tx)) == tx


def test_the_shape_is_as_said() -> None:
    ledger = in_memory(chain(60_000, seed=4))
    ins, outs = (np.diff(column).astype(np.int64) for column in (ledger.tx_input, ledger.tx_output))
    assert 2.25 < ins.mean() < 2.55
    assert 2.35 < outs.mean() < 2.65
    assert 100 < ins.max() <= 300
    assert 100 < outs.max() <= 501
    assert ((ins == 0) == (ledger.tx_flag == COINBASE)).all()


def test_same_seed_same_columns() -> None:
    one, two, other = chain(700, seed=5), chain(700, seed=5), chain(700, seed=6)
    assert all(one[name].tobytes() == two[name].tobytes() for name in COLUMNS)
    for name in ("tx_id", "input_tx", "output_value", "output_address", "address_id"):
        assert one[name].tobytes() != other[name].tobytes()


def test_sizes_that_make_no_chain_are_refused() -> None:
    with pytest.raises(ValueError, match="are not 1 to"):
        chain(0)
    assert len(chain(1)["tx_id"]) == 1
