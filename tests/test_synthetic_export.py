"""Exported files say what the moves say, in ethereum-etl's columns."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.synthetic.columns import decimals
from dyepack.synthetic.economy import economy
from dyepack.synthetic.export import export, export_incident
from dyepack.synthetic.story import tell

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as source:
        return list(csv.DictReader(source))


def sums(moves: RawMoves) -> dict[tuple[int, str], int]:
    """Base units by kind and asset."""
    total: dict[tuple[int, str], int] = defaultdict(int)
    for n in range(len(moves)):
        total[int(moves.kind[n]), moves.assets[moves.asset[n]]] += to_int(moves.amount[n])
    return dict(total)


def exported(
    txs: list[dict[str, str]], logs: list[dict[str, str]], traces: list[dict[str, str]]
) -> dict[tuple[int, str], int]:
    """The same sums, read from the files as an importer would."""
    total: dict[tuple[int, str], int] = defaultdict(int)
    for tx in txs:
        total[MoveKind.FEE, "native"] += int(tx["receipt_gas_used"]) * int(tx["receipt_effective_gas_price"])
        total[MoveKind.VALUE, "native"] += int(tx["value"]) * int(tx["receipt_status"])
    for log in logs:
        total[MoveKind.TOKEN, log["token_address"]] += int(log["value"])
    for trace in traces:
        if trace["trace_type"] == "reward":
            total[MoveKind.ISSUE, "native"] += int(trace["value"])
        elif trace["trace_address"]:
            total[MoveKind.INTERNAL, "native"] += int(trace["value"])
    return {key: units for key, units in total.items() if units}


@pytest.mark.parametrize("background", [0, 1000])
def test_the_story_survives_as_csv(tmp_path: Path, background: int) -> None:
    incident = tell(background=background)
    txs, logs, traces = (read(path) for path in export_incident(incident, tmp_path))
    assert exported(txs, logs, traces) == sums(incident.moves)
    bad = [tx for tx in txs if tx["receipt_status"] == "0"]
    assert [tx["hash"] for tx in bad] == list(incident.failed)
    assert int(bad[0]["value"]) == 77 * 10**18
    empty = [log for log in logs if log["value"] == "0"]
    assert [log["transaction_hash"] for log in empty] == [z.tx_id for z in incident.zero_transfers]
    places = [(log["block_number"], log["log_index"]) for log in logs]
    assert len(set(places)) == len(places)
    top = {t["transaction_hash"]: t["value"] for t in traces if t["trace_type"] == "call" and not t["trace_address"]}
    assert top == {tx["hash"]: tx["value"] for tx in txs}
    keys = [t["trace_id"] for t in traces]
    assert len(set(keys)) == len(keys)


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    incident = tell(background=200)
    plain = export_incident(incident, tmp_path, "csv")
    packed = export_incident(incident, tmp_path, "parquet")
    for one, two in zip(plain, packed, strict=True):
        rows = pq.read_table(two).to_pylist()
        assert [
            {k: "" if v is None else str(int(v)) if k == "value" else str(v) for k, v in row.items()} for row in rows
        ] == read(one)


@pytest.mark.parametrize("fees", [True, False])
def test_an_economy_survives(tmp_path: Path, fees: bool) -> None:
    world = economy(4_000, fees=fees, dyed_moves=300)
    txs, logs, traces = (read(path) for path in export(world.moves, tmp_path))
    assert exported(txs, logs, traces) == sums(world.moves)
    nonces = {(tx["from_address"], tx["nonce"]) for tx in txs}
    assert len(nonces) == len(txs)
    keys = [t["trace_id"] for t in traces]
    assert len(set(keys)) == len(keys)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="38 digits"):
        decimals(np.array([[0, 1 << 63]], dtype=np.uint64))
    moves = tell(background=0).moves
    moves.amount[np.flatnonzero(moves.kind == MoveKind.FEE)[0], 0] += 1
    with pytest.raises(ValueError, match="gas price"):
        export(moves, tmp_path)
