"""ethereum-etl exports: real fixtures against a plain reading, made-up traces for each case of the tree."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dyepack.errors import InputError
from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.sources.etl import import_etl
from dyepack.sources.etl_traces import TRACES

if TYPE_CHECKING:
    from dyepack.sources.result import Import

FIXTURES = Path(__file__).parents[2] / "shared" / "data" / "ethereum" / "ethereum-etl"
BLOCKS = FIXTURES / "test_export_blocks_job"
H1, H2 = ("0x" + digit * 64 for digit in "ab")
A, B, C, D = ("0x" + digit * 40 for digit in "1234")
ZERO = "0x" + "0" * 40
TX = "hash,block_number,transaction_index,from_address,to_address,value,gas_price,block_timestamp"
Move = tuple[Any, ...]


def plain(result: Import) -> list[Move]:
    """Each move: transaction, kind, index, sender, receiver, asset, amount."""
    return [
        (
            "0x" + m.tx_id[i].tobytes().hex(),
            int(m.kind[i]),
            int(m.index[i]),
            address(m, int(m.sender[i])),
            address(m, int(m.receiver[i])),
            m.assets[int(m.asset[i])],
            to_int(m.amount[i]),
        )
        for m in result.moves
        for i in range(len(m))
    ]


def address(moves: RawMoves, code: int) -> str:
    return "" if code < 0 else "0x" + moves.addresses[code].tobytes().hex()


def write(path: Path, header: str, *rows: str) -> list[Path]:
    path.write_text("\n".join((header, *rows)) + "\n")
    return [path]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["block_with_logs", "blocks_with_transactions", "blocks_with_transactions_and_withdrawals"]
)
def test_fixture_transactions(name: str) -> None:
    path = BLOCKS / name / "expected_transactions.csv"
    result = import_etl(transactions=[path])
    assert plain(result) == [
        (r["hash"], 0, 0, r["from_address"], r["to_address"], "native", int(r["value"]))
        for r in rows(path)
        if int(r["value"])
    ]
    assert result.rows == len(rows(path)) == result.counts["fee_unknown"] == result.counts["status_unknown"]
    for moves in result.moves:
        times = {r["hash"]: int(r["block_timestamp"]) for r in rows(path)}
        assert [times["0x" + t.tobytes().hex()] for t in moves.tx_id] == moves.time.tolist()


@pytest.mark.shared
def test_fixture_receipts_give_fees_and_token_transfers_join() -> None:
    transactions = BLOCKS / "block_with_logs" / "expected_transactions.csv"
    transfers = FIXTURES / "test_export_token_transfers_job/block_with_transfers/expected_token_transfers.csv"
    receipts = FIXTURES / "test_export_receipts_job/receipts_with_logs/expected_receipts.csv"
    result = import_etl(transactions=[transactions], token_transfers=[transfers], receipts=[receipts])
    paid = {r["transaction_hash"]: int(r["gas_used"]) * int(r["effective_gas_price"]) for r in rows(receipts)}
    fees = {move[0]: move[6] for move in plain(result) if move[1] == MoveKind.FEE}
    assert fees == {r["hash"]: paid[r["hash"]] for r in rows(transactions)}
    tokens = result.moves[-1]
    places = {r["hash"]: (int(r["transaction_index"]), int(r["block_timestamp"])) for r in rows(transactions)}
    for i, r in enumerate(rows(transfers)):
        assert plain(result)[-2:][i][1:] == (
            MoveKind.TOKEN,
            int(r["log_index"]),
            r["from_address"],
            r["to_address"],
            r["token_address"],
            int(r["value"]),
        )
        assert places[r["transaction_hash"]] == (int(tokens.tx_index[i]), int(tokens.time[i]))
    assert "unknown_time" not in result.counts


@pytest.mark.shared
@pytest.mark.parametrize("name", ["suicide", "create", "error", "subtraces"])
def test_fixture_traces(name: str) -> None:
    path = FIXTURES / "test_export_traces_job" / f"block_with_{name}" / "expected_traces.csv"
    expected = []
    for r in rows(path):
        if r["status"] != "1" or not int(r["value"] or 0) or r["call_type"] not in {"", "call"}:
            continue
        kind = MoveKind.INTERNAL if r["trace_address"] else MoveKind.VALUE
        index = 1 if r["trace_address"] else 0
        if r["trace_type"] == "reward":
            kind, index = MoveKind.ISSUE, 0
        tx = r["transaction_hash"] or f"0x{int(r['block_number']):064x}"
        expected.append((tx, kind, index, r["from_address"], r["to_address"], "native", int(r["value"])))
    assert plain(import_etl(traces=[path])) == expected
    assert expected


@pytest.mark.shared
@pytest.mark.parametrize("name", ["suicide", "create", "error", "subtraces"])
def test_fixture_geth_traces_take_their_hashes_from_transactions(tmp_path: Path, name: str) -> None:
    path = FIXTURES / "test_extract_geth_traces_job" / f"block_with_{name}" / "expected_traces.csv"
    with pytest.raises(InputError, match="transaction_hash"):
        import_etl(traces=[path])
    block = rows(path)[0]["block_number"]
    listed = write(tmp_path / "t.csv", TX, *(f"{h},{block},{i},{A},{B},0,1,9" for i, h in enumerate((H1, H2))))
    result = import_etl(transactions=listed, traces=[path])
    assert plain(result) == []
    assert result.counts.get("suicide_unknown", 0) == (name == "suicide")
    assert result.counts.get("failed", 0) == (name == "error")


def traces(tmp_path: Path, *lines: str, columns: tuple[str, ...] = ("error", "status")) -> list[Path]:
    return write(tmp_path / "traces.csv", ",".join((*TRACES.required, *columns)), *lines)


def trace(path: str, *, kind: str = "call", call: str = "call", value: int = 1, end: str = ",1", tx: str = H1) -> str:
    return f'{tx},9,0,{A},{B},{value},{kind},{call if kind == "call" else ""},"{path}",{end}'


def test_order_is_numeric_and_calls_of_other_kinds_are_counted(tmp_path: Path) -> None:
    paths = ["10", "9,1", "9", "", "2,0"]
    lines = [trace(p, value=v) for v, p in enumerate(paths, start=1)]
    lines += [trace("11", call="delegatecall"), trace("12", kind="suicide", value=6), trace("9", value=3)]
    result = import_etl(traces=traces(tmp_path, *lines))
    assert [(m[1], m[2], m[6]) for m in plain(result)] == [
        (2, 4, 1),
        (2, 3, 2),
        (2, 2, 3),
        (0, 0, 4),
        (2, 1, 5),
        (2, 6, 6),
        (2, 2, 3),
    ]
    assert result.counts == {"trace_moves": 7, "traces_not_moving": 1, "fee_unknown": 1}


def test_failure_is_inherited_where_there_is_no_status(tmp_path: Path) -> None:
    lines = [trace("", end=""), trace("0", end="Reverted"), trace("0,0", end=""), trace("0,0,5", end="")]
    lines += [trace("1", end=""), trace("", end="", tx=H2), trace("0", end="", tx=H2)]
    result = import_etl(traces=traces(tmp_path, *lines, columns=("error",)))
    assert [(m[0], m[2]) for m in plain(result)] == [(H1, 0), (H1, 4), (H2, 0), (H2, 1)]
    assert result.counts["traces_failed"] == 3


def test_without_status_a_missing_parent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        import_etl(
            traces=traces(tmp_path, trace("", end=""), trace("0,1", end=""), trace("1", end=""), columns=("error",))
        )
    assert (caught.value.line, caught.value.field) == (3, "trace_address")


def test_root_traces_of_listed_transactions_only_tell_how_they_ended(tmp_path: Path) -> None:
    listed = write(tmp_path / "t.csv", TX, f"{H1},9,0,{A},{B},1,5,77", f"{H2},9,1,{A},,3,5,77")
    lines = [
        trace("", end="Reverted,0"),
        f'{H2},9,1,{A},{C},3,create,,"",,1',
        f'{H2},9,1,{C},{D},2,call,call,"0",,1',
    ]
    result = import_etl(transactions=listed, traces=traces(tmp_path, *lines))
    assert plain(result) == [(H2, 0, 0, A, C, "native", 3), (H2, 2, 1, C, D, "native", 2)]
    assert result.counts["failed"] == 1
    assert result.counts["root_traces_of_transactions"] == 1
    assert result.moves[1].time.tolist() == [77]


def test_rewards_of_one_block_are_told_apart(tmp_path: Path) -> None:
    lines = [f",9,,,{A},5,reward,,,,1", f",9,,,{B},4,reward,,,,1", f",0,,,{A},7,genesis,,,,1"]
    listed = write(tmp_path / "t.csv", TX, f"{H1},9,0,{A},{B},0,5,77")
    result = import_etl(transactions=listed, traces=traces(tmp_path, *lines))
    assert [m[1:5] for m in plain(result)] == [(4, 0, "", A), (4, 1, "", B), (4, 0, "", A)]
    assert result.moves[0].time.tolist() == [77, 77, -1]


def test_a_created_contract_is_paid_or_asked_for(tmp_path: Path) -> None:
    listed = write(tmp_path / "t.csv", TX, f"{H1},9,0,{A},{B},1,5,77", f"{H2},9,1,{A},,3,5,77")
    with pytest.raises(InputError, match="receipts") as caught:
        import_etl(transactions=listed)
    assert (caught.value.line, caught.value.field) == (3, "to_address")
    header = "transaction_hash,gas_used,status,contract_address,effective_gas_price"
    receipts = write(tmp_path / "r.csv", header, f"{H2},10,1,{D},", f"{H1},20,0,,7")
    result = import_etl(transactions=listed, receipts=receipts)
    assert plain(result) == [
        (H2, 0, 0, A, D, "native", 3),
        (H1, 3, 0, A, "", "native", 140),
        (H2, 3, 0, A, "", "native", 50),
    ]


def test_fees_have_all_their_parts(tmp_path: Path) -> None:
    listed = write(tmp_path / "t.csv", TX, f"{H1},9,0,{A},{B},0,5,77")
    header = "transaction_hash,gas_used,effective_gas_price,blob_gas_used,blob_gas_price,l1_fee"
    result = import_etl(transactions=listed, receipts=write(tmp_path / "r.csv", header, f"{H1},10,6,100,2,1000"))
    assert [m[6] for m in plain(result)] == [60 + 200 + 1000]


def test_receipts_without_a_transaction_are_counted(tmp_path: Path) -> None:
    listed = write(tmp_path / "t.csv", TX, f"{H1},9,0,{A},{B},1,5,77")
    result = import_etl(
        transactions=listed, receipts=write(tmp_path / "r.csv", "transaction_hash,gas_used", f"{H2},10")
    )
    assert result.counts["receipts_unmatched"] == result.counts["fee_unknown"] == 1
    assert any("1 receipts are of transactions that no" in note for note in result.notes)
    assert any("no receipt for them" in note for note in result.notes)
    assert any("(no receipts)" in note for note in import_etl(transactions=listed).notes)


def test_token_issue_burn_collectible_and_names(tmp_path: Path) -> None:
    header = "token_address,from_address,to_address,value,transaction_hash,log_index,block_number"
    upper = C.replace("3", "c").upper().replace("0X", "0x")
    lines = [
        f"{upper},{ZERO},{A},5,{H1},1,9",
        f"{upper.lower()},{A},{ZERO},5,{H1},2,9",
        f"{D},{A},{B},0,{H1},3,9",
    ]
    lines.append(f"{D},{A},{B},{(1 << 256) - 1},{H1},4,9")
    tokens = write(tmp_path / "tokens.csv", "address,symbol,decimals", f"{upper},<b>,6", f"{D},X,", f"{upper},Y,7")
    result = import_etl(token_transfers=write(tmp_path / "tt.csv", header, *lines), tokens=tokens)
    assert [m[1:6] for m in plain(result)] == [(1, 1, "", A, upper.lower()), (1, 2, A, ZERO, upper.lower())]
    assert {key: (a.symbol, a.decimals) for key, a in result.assets.items()} == {
        upper.lower(): ("<b>", 6),
        D: ("X", None),
    }
    assert (result.counts["zero_value"], result.counts["oversize"], result.counts["unknown_time"]) == (
        1,
        1,
        4,
    )
    assert (result.oversize[0].row, result.oversize[0].index, result.oversize[0].asset) == (5, 4, D)
    assert result.moves[0].tx_index.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (trace("", kind="magic"), "trace_type"),
        (trace("", call="jump"), "call_type"),
        (trace("", call=""), "call_type"),
        (trace("0,x"), "trace_address"),
        (trace("0", end=",2"), "status"),
        (f'{H1},9,0,{A},,1,call,call,"0",,1', "to_address"),
        (f'{H1},9,0,,{B},1,call,call,"0",,1', "from_address"),
        (f'{H1},9,0,{A},{B},,call,call,"0",,1', "value"),
    ],
)
def test_bad_traces_name_line_and_column(tmp_path: Path, line: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        import_etl(traces=traces(tmp_path, trace(""), line))
    assert (caught.value.line, caught.value.field) == (3, field)


@pytest.mark.shared
def test_parquet_equals_csv(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    exact = arrow_csv.ConvertOptions(column_types={"value": pa.decimal128(38, 0), "trace_address": pa.string()})

    def copy(path: Path) -> Path:
        target = tmp_path / (path.stem + ".parquet")
        parquet.write_table(arrow_csv.read_csv(path, convert_options=exact), target)
        return target

    listed = BLOCKS / "blocks_with_transactions_and_withdrawals" / "expected_transactions.csv"
    traced = FIXTURES / "test_export_traces_job" / "block_with_subtraces" / "expected_traces.csv"
    texts = import_etl(transactions=[listed], traces=[traced])
    numbers = import_etl(transactions=[copy(listed)], traces=[copy(traced)])
    assert plain(texts) == plain(numbers)
    assert texts.counts == numbers.counts
