"""One chain in every form gives the same transactions; real fixtures; and what each importer refuses."""

from __future__ import annotations

import copy
import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyepack.errors import InputError, UsageError
from dyepack.ledger.utxo.address import address_text
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions, ScriptType
from dyepack.sources.bitcoin.collect import import_bitcoin
from dyepack.sources.bitcoin.records.bitcoin_etl import import_bitcoin_etl, satoshi_of_double
from dyepack.sources.bitcoin.records.esplora import import_esplora
from dyepack.sources.bitcoin.records.getblock import import_getblock
from dyepack.sources.bitcoin.records.index_tables import import_index_tables
from dyepack.sources.bitcoin.records.record import parse_coins
from dyepack.sources.bitcoin.records.stated import StatedAddresses
from dyepack.sources.bitcoin.result import BitcoinImport
from tests.bitcoin_forms import COIN, PLACES, Tx, aws_table, chain, esplora, etl, getblock, write

SHARED = Path(__file__).parents[2] / "shared" / "data" / "bitcoin"
ETL = SHARED / "bitcoin-etl" / "test_export_blocks_job" / "bitcoin"
TYPES = [ScriptType.P2PK, ScriptType.P2PKH, ScriptType.P2SH, ScriptType.P2WPKH, ScriptType.P2WSH, ScriptType.P2TR,
         ScriptType.WITNESS_UNKNOWN, ScriptType.WITNESS_UNKNOWN, ScriptType.MULTISIG, ScriptType.OP_RETURN,
         ScriptType.NONSTANDARD]  # fmt: skip


def only(result: BitcoinImport) -> RawTransactions:
    (batch,) = result.batches
    return batch


def address(batch: RawTransactions, row: int) -> str | None:
    return None if row < 0 else address_text(batch.addresses[row].tobytes(), "mainnet")


def listed(batch: RawTransactions, *, values: bool = True) -> list[Any]:
    """Everything that a batch says of each transaction, sorted by block and id."""
    found = []
    for t in range(len(batch)):
        ins = range(int(batch.in_offset[t]), int(batch.in_offset[t + 1]))
        outs = range(int(batch.out_offset[t]), int(batch.out_offset[t + 1]))
        block = int(batch.tx_block[t])
        spent = [(batch.in_txid[i].tobytes(), int(batch.in_index[i])) for i in ins]
        worth = [(int(batch.in_value[i]), address(batch, int(batch.in_address[i]))) for i in ins]
        paid = [
            (int(batch.out_value[o]), int(batch.out_type[o]), address(batch, int(batch.out_address[o]))) for o in outs
        ]
        head = (int(batch.block_height[block]), batch.tx_id[t].tobytes(), bool(batch.tx_coinbase[t]))
        place = (batch.block_id[block].tobytes(), int(batch.block_time[block]))
        found.append((*head, place, spent, worth if values else [], paid))
    return sorted(found)


def expected(*, values: bool = True) -> list[Any]:
    def named(row: int) -> str | None:
        return PLACES[1][1] if row == 0 else PLACES[row][1]

    found = []
    for block in chain():
        for tx in block.txs:
            ins = [] if tx.coinbase else tx.ins
            spent = [(one.txid, one.index) for one in ins]
            worth = [(one.value, named(one.place)) for one in ins]
            paid = [(value, int(TYPES[row]), named(row)) for value, row in tx.outs]
            head = (block.height, tx.txid, tx.coinbase)
            found.append((*head, (block.hash, block.time), spent, worth if values else [], paid))
    return sorted(found)


def test_getblock_in_all_its_shapes(tmp_path: Path) -> None:
    blocks = chain()
    whole = [getblock(block) for block in blocks]
    shapes = [
        [write(tmp_path / "a1", whole[0], indent=True), write(tmp_path / "a2", whole[1])],
        [write(tmp_path / "b", whole, indent=True)],
        [write(tmp_path / "c", *whole)],
        [write(tmp_path / "d", *[{"result": block, "error": None, "id": 1} for block in whole])],
        [write(tmp_path / "e", *[getblock(block, old=True) for block in blocks])],
        [write(tmp_path / "f", *whole[::-1], whole[0])],
    ]
    for paths in shapes:
        result = import_getblock(paths)
        batch = only(result)
        assert listed(batch) == expected()
        assert (batch.contiguous, batch.tx_index.tolist() in ([0, 0, 1, 2], [0, 1, 2, 0])) == (True, True)
    assert result.counts == {"blocks": 2, "transactions": 4, "duplicate_blocks": 1, "duplicate_transactions": 1}


def test_getblock_without_spent_outputs(tmp_path: Path) -> None:
    batch = only(import_getblock([write(tmp_path / "a", *[getblock(block, verbosity=2) for block in chain()])]))
    assert listed(batch, values=False) == expected(values=False)
    assert set(batch.in_value.tolist()) == {UNKNOWN_VALUE}
    assert set(batch.in_address.tolist()) == {-1}


def test_getblock_packed_and_orphaned(tmp_path: Path) -> None:
    first, second = (getblock(block) for block in chain())
    lost = {**second, "confirmations": -1}
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "a", first, lost).read_bytes()))
    result = import_getblock([path])
    assert result.counts == {"blocks": 1, "transactions": 1, "orphan_blocks": 1, "orphan_transactions": 3}


def test_esplora_drops_repeats_and_what_is_not_in_a_block(tmp_path: Path) -> None:
    pages = [esplora(block) for block in chain()]
    waiting = {**pages[1][2], "txid": "ab" * 32, "status": {"confirmed": False}}
    paths = [write(tmp_path / "a", pages[0] + pages[1], indent=True), write(tmp_path / "b", [waiting, pages[1][1]])]
    result = import_esplora([*paths, write(tmp_path / "c", pages[0][0])])
    batch = only(result)
    assert listed(batch) == expected()
    assert result.counts == {"blocks": 2, "transactions": 4, "unconfirmed": 1, "repeated_transactions": 2}
    assert (batch.contiguous, set(batch.tx_index.tolist())) == (False, {-1})


def rows() -> list[dict[str, Any]]:
    return [row for block in chain() for row in etl(block)]


def write_csv(path: Path, table: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        for row in table:
            writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()})
    return path


def write_parquet(path: Path, table: Any, **options: Any) -> Path:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="snappy", **options)
    return path


def test_etl_forms_agree(tmp_path: Path) -> None:
    table = rows()
    moments = [{**row, "block_timestamp": str(np.datetime64(row["block_timestamp"], "s"))} for row in table]
    texts = [{**row, "block_number": str(row["block_number"])} for row in table]
    block_rows = [{"type": "block", "hash": block.hash.hex(), "number": block.height} for block in chain()]
    paths = [
        write(tmp_path / "a", *table),
        write(tmp_path / "b", *block_rows, *table[::-1]),
        write(tmp_path / "c", *texts),
        write(tmp_path / "d", *moments),
        write_csv(tmp_path / "e", table),
        write_csv(tmp_path / "f", moments),
        write_parquet(tmp_path / "g", aws_table(table)),
        write_parquet(tmp_path / "h", aws_table(table), row_group_size=1),
    ]
    for path in paths:
        result = import_bitcoin_etl([path])
        batch = only(result)
        assert listed(batch) == expected(), path.name
        assert batch.contiguous
        assert result.counts.pop("block_rows", 0) == (2 if path.name == "b" else 0)
        assert result.counts == {"blocks": 2, "transactions": 4, "ids_not_recomputed": 2}
    all_of_them = import_bitcoin_etl(paths)
    assert listed(only(all_of_them)) == expected()
    assert all_of_them.counts["repeated_transactions"] == 28


def test_parquet_without_scripts_and_most_columns(tmp_path: Path) -> None:
    table = aws_table(rows(), scripts=False).select(["hash", "block_number", "inputs", "outputs"])
    result = import_bitcoin_etl([write_parquet(tmp_path / "a", table)])
    batch = only(result)
    for got, want in zip(listed(batch), expected(), strict=True):
        assert got[:3] == want[:3]
        assert got[4:] == want[4:]
    assert set(batch.block_time.tolist()) == {-1}
    assert not batch.block_id.any()
    assert not batch.contiguous
    assert result.counts["ids_not_recomputed"] == 4


def test_satoshi_of_doubles() -> None:
    for units in (0, 1, 546, 29_99999999, 90_071_99254740_99, 20_999_999_97690000, 21_000_000 * COIN):
        for value in (units / COIN, float(f"{units // COIN}.{units % COIN:08d}"), units * 1e-8):
            assert satoshi_of_double(value) in (units, None if value > 21e6 else units)
    for bad in (-0.5, 1e-9, 0.123456785, float("nan"), float("inf"), 21_000_001.0, 5e9):
        assert satoshi_of_double(bad) is None


@pytest.mark.parametrize(
    ("text", "units"),
    [("50", 50 * COIN), ("0.00000001", 1), ("1e-08", 1), ("1E2", 100 * COIN), ("20999999.97690000", 2099999997690000),
     ("0.000000010", 1), ("0.000000001", None), ("21000000.00000001", None), ("-1", None), ("1e99", None), ("1.", None),
     ("0x1", None), ("1e-99", None), ("0e99", 0), ("٣", None), ("1" * 21, None)],
)  # fmt: skip
def test_coins_are_exact(text: str, units: int | None) -> None:
    assert parse_coins(text) == units


Change = Callable[[dict[str, Any]], object]


def changed(block: dict[str, Any], change: Change) -> dict[str, Any]:
    block = copy.deepcopy(block)
    change(block)
    return block


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(tx=[tx["txid"] for tx in b["tx"]]), "verbosity 1"),
        (lambda b: b.update(tx=[]), "not all"),
        (lambda b: b["tx"].pop(), "not all"),
        (lambda b: (b["tx"].pop(), b.update(nTx=2)), "root"),
        (lambda b: b["tx"].append(b["tx"][2]) or b.update(nTx=4), "twice"),
        (lambda b: b.update(time=5), "header fields"),
        (lambda b: b.update(height=-1), "height"),
        (lambda b: b.pop("height"), "missing"),
        (lambda b: b["tx"][1]["vout"][3].update(value="@0.00000004@"), "do not balance"),
        (lambda b: b["tx"][1]["vout"][3].update(n=4), "is not 3"),
        (lambda b: b["tx"][1]["vout"].pop(), "do not balance"),
        (lambda b: b["tx"][1]["vout"][1]["scriptPubKey"].update(hex="51"), "give the id"),
        (lambda b: b["tx"][1]["vout"][1]["scriptPubKey"].update(address=PLACES[2][1]), "but the script pays"),
        (lambda b: b["tx"][1]["vin"][0].update(vout=1), "give the id"),
        (lambda b: b["tx"][1]["vin"][0]["prevout"].update(value="@49.00000000@"), "do not balance"),
        (lambda b: b["tx"][1]["vin"][0]["prevout"].update(value="@50.00000001@"), "do not balance"),
        (lambda b: b["tx"][1].update(hex=b["tx"][2]["hex"]), "is the transaction"),
        (lambda b: b["tx"][1].update(hex="00"), "not a transaction"),
        (lambda b: b["tx"][1]["vin"].clear(), "no inputs"),
        (lambda b: b["tx"][1]["vout"].clear(), "no outputs"),
        (lambda b: b["tx"][1]["vin"][0].update(coinbase="00"), "first transaction"),
        (lambda b: b["tx"][1]["vout"][0].update(value=-1), "amount in coins"),
        (lambda b: b.update(bits="zz"), "8 hexadecimal digits"),
    ],
)
def test_getblock_refuses(tmp_path: Path, change: Change, message: str) -> None:
    block = getblock(chain()[1])
    with pytest.raises(InputError, match=message):
        import_getblock([write(tmp_path / "a", changed(block, change))])


def test_two_chains_are_refused(tmp_path: Path) -> None:
    first, second = chain()
    other = type(second)(102, b"\x22" * 32, second.txs)
    with pytest.raises(InputError, match="does not follow"):
        import_getblock([write(tmp_path / "a", getblock(first), getblock(other))])
    with pytest.raises(InputError, match="another block at the height 102"):
        import_getblock([write(tmp_path / "a", getblock(second), getblock(other))])
    with pytest.raises(InputError, match="another block at the height 102"):
        import_esplora([write(tmp_path / "a", *esplora(second), *esplora(other))])
    third = type(second)(103, second.hash, second.txs[1:2])
    with pytest.raises(InputError, match="is in two blocks"):
        import_esplora([write(tmp_path / "a", *esplora(second), *esplora(third))])


def test_copies_that_differ_are_refused(tmp_path: Path) -> None:
    page = esplora(chain()[1])
    other = copy.deepcopy(page[1])
    del other["fee"]
    other["vin"][0]["prevout"]["value"] += 1
    with pytest.raises(InputError, match="copies differ"):
        import_esplora([write(tmp_path / "a", *page, other)])
    less = copy.deepcopy(page[1])
    less["vin"][0]["prevout"] = None
    for order in ([*page, less], [less, *page]):
        batch = only(import_esplora([write(tmp_path / "a", *order)]))
        assert UNKNOWN_VALUE not in batch.in_value.tolist()


def test_networks(tmp_path: Path) -> None:
    page = esplora(chain()[1])
    path = write(tmp_path / "a", page)
    seen = StatedAddresses()
    import_esplora([path], seen)
    assert seen.network == "mainnet"
    with pytest.raises(InputError, match="not an address of testnet"):
        import_esplora([path], StatedAddresses("testnet"))
    mixed = copy.deepcopy(page)
    mixed[1]["vout"][3]["scriptpubkey_address"] = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
    with pytest.raises(InputError, match="not an address of mainnet"):
        import_esplora([write(tmp_path / "b", mixed)])
    broken = copy.deepcopy(page)
    broken[1]["vout"][3]["scriptpubkey_address"] = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"
    with pytest.raises(InputError, match="is not an address"):
        import_esplora([write(tmp_path / "c", broken)])


def test_etl_refuses(tmp_path: Path) -> None:
    def refused(message: str, change: Change, row: int = 2) -> None:
        table = rows()
        change(table[row])
        with pytest.raises(InputError, match=message):
            import_bitcoin_etl([write(tmp_path / "a", *table)])

    refused("without a hole", lambda r: r["outputs"][3].update(index=12))
    refused("says otherwise", lambda r: r["outputs"].pop())
    refused("not the sum", lambda r: r.update(output_value=1))
    refused("may be coins or satoshi", lambda r: r["outputs"][1].update(value="@0.00000001@"))
    refused("spends outputs", lambda r: r.update(is_coinbase=True))
    refused("no inputs", lambda r: r.update(inputs=[], input_count=0))
    refused("amount|whole number", lambda r: r["outputs"][1].update(value=-1))
    refused("not a time", lambda r: r.update(block_timestamp="2023-13-45 00:00:00"))
    refused("another time", lambda r: r.update(block_timestamp=5))
    refused("type", lambda r: [one.pop("script_hex") for one in r["outputs"]] and r["outputs"][1].pop("type"))
    table = aws_table(rows())
    columns = table.column_names
    half = rows()
    half[0]["outputs"][0]["value"] = 0.5
    half[0]["output_value"] = 0
    with pytest.raises(InputError, match="to the satoshi"):
        import_bitcoin_etl([write_parquet(tmp_path / "b", aws_table(half))])
    with pytest.raises(InputError, match="no column 'outputs'"):
        import_bitcoin_etl([write_parquet(tmp_path / "c", table.drop_columns(["outputs"]))])
    data = write_parquet(tmp_path / "d", table.select(columns)).read_bytes()
    (tmp_path / "e").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged Parquet"):
        import_bitcoin_etl([tmp_path / "e"])


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"a": 1, "a": 2}', "twice"), ('{"a": NaN}', "NaN"), ('[-Infinity]', "Infinity"), ("[" * 100_000, "nested"),
     ('{"tx": ', "not JSON"), ("{1}", "not JSON"), ("5", "object"), ("[5]", "object"), ('"00"', "text"),
     ('{"error": {"code": -5, "message": "Block not found"}, "result": null, "id": 1}', "Block not found")],
)  # fmt: skip
def test_what_is_not_strict_json(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a"
    path.write_text("\n" + text)
    with pytest.raises(InputError, match=message) as caught:
        import_getblock([path])
    assert caught.value.line == 2


def test_collect_finds_the_form(tmp_path: Path) -> None:
    blocks = chain()
    paths = {
        "getblock": [write(tmp_path / "a.txt", *[getblock(block) for block in blocks])],
        "esplora": [
            write(tmp_path / "b", [tx for block in blocks for tx in esplora(block)]),
            write(tmp_path / "c", []),
        ],
        "etl": [write(tmp_path / "d", *rows()), write_csv(tmp_path / "e", rows())],
        "parquet": [write_parquet(tmp_path / "f", aws_table(rows()))],
    }
    for name, given in paths.items():
        calls: list[tuple[int, int, str]] = []
        result, network = import_bitcoin(given, work=tmp_path / "w", progress=lambda *call: calls.append(call))  # noqa: B023
        assert listed(only(result)) == expected(), name
        assert (network, calls[-1][0]) == ("mainnet", calls[-1][1])
        assert result.counts.get("empty_lists", 0) == (name == "esplora")
    with pytest.raises(InputError, match="one order"):
        import_bitcoin([*paths["getblock"], *paths["esplora"]], work=tmp_path / "w")
    with pytest.raises(UsageError, match="not a network"):
        import_bitcoin(paths["etl"], work=tmp_path / "w", network="main")
    with pytest.raises(UsageError, match="first height"):
        import_bitcoin(paths["etl"], work=tmp_path / "w", first_height=5)


def test_collect_reads_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "transactions" / "date=2023-11-14"
    folder.mkdir(parents=True)
    write_parquet(folder / "part-0.snappy.parquet", aws_table(rows()))
    (folder / "_SUCCESS").write_bytes(b"")
    result, _ = import_bitcoin([tmp_path / "transactions"], work=tmp_path / "w")
    assert listed(only(result)) == expected()


@pytest.mark.parametrize(
    "content",
    [b"hello", b"a,b,c\n1,2,3\n", b"\x00\x01" * 300, b"{}", b"5\n", b'{"vin":[],"vout":[]}',
     b"adr_index,adr_hash\n", b"[[[]]]", b"", b"\x1f\x8b\x08"],
)  # fmt: skip
def test_collect_says_what_it_takes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        import_bitcoin([path], work=tmp_path / "w")
    assert str(path) in str(caught.value)


def tables(folder: Path, **change: str) -> Path:
    """Two blocks: a coinbase that is spent in the next one, with a fee of 5."""
    content = {
        "tx_hash": f"tx_index,tx_hash\n0,{'0' * 63}1\n1,{'0' * 63}2\n2,{'0' * 63}3\n",
        "tx_height": "tx_index,block_index\n0,7\n1,8\n2,8\n",
        "tx_output": "output_index,tx_index,adr_index,output_value,spent_index\n0,0,1,5000000000,2.0\n"
                     "10,1,2,5000000005,\n20,2,2,4000000000,900.0\n21,2,9,999999995,\n20,2,2,4000000000,900.0\n",
        "tx_input": "output_index,tx_index,adr_index,input_value,spent_index\n0,2,1,5000000000,0\n",
        "adr_hash": "adr_index,adr_hash\n1,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n2,12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX\n",
    } | change  # fmt: skip
    folder.mkdir(exist_ok=True)
    for name, text in content.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_index_tables(tmp_path: Path) -> None:
    result = import_index_tables(tables(tmp_path / "t"))
    batch = only(result)
    assert batch.block_height[batch.tx_block].tolist() == [7, 8, 8]
    assert batch.tx_index.tolist() == [0, 0, 1]
    assert [row[2] for row in listed(batch)] == [True, True, False]
    assert [*listed(batch)[2][4:]] == [
        [(bytes(31) + b"\1", 0)],
        [(5_000_000_000, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")],
        [(4_000_000_000, 10, "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX"), (999_999_995, 10, "unlisted:9")],
    ]
    assert result.counts == {
        "exact_duplicates": 1, "outputs_of_unlisted_address": 1, "outputs_spent_later": 1, "blocks": 2,
        "transactions": 3,
    }  # fmt: skip
    assert batch.contiguous
    assert only(import_bitcoin([tmp_path / "t"], work=tmp_path / "w")[0]).contiguous


IN = "output_index,tx_index,adr_index,input_value,spent_index\n"


@pytest.mark.parametrize(
    ("change", "file", "line", "message"),
    [
        ({"tx_input": IN + "0,3,1,5000000000,0\n"}, "tx_input", 2, "not a transaction"),
        ({"tx_input": IN + "1,2,1,5000000000,0\n"}, "tx_input", 2, "not an output"),
        ({"tx_input": IN + "0,2,1,5000000000,0\n0,2,1,5000000000,0\n"}, "tx_input", 3, "second time"),
        ({"tx_input": IN + "0,2,1,4999999999,0\n"}, "tx_input", 2, "not the value"),
        ({"tx_input": IN + "0,2,2,5000000000,0\n"}, "tx_input", 2, "not the address"),
        ({"tx_input": IN + "0,2,1,5000000000,1\n"}, "tx_input", 2, "not the transaction of"),
        ({"tx_input": IN + "0,1,1,5000000000,0\n"}, "tx_input", 2, "not the spender"),
        ({"tx_input": IN + "20,1,2,4000000000,2\n"}, "tx_input", 2, "not before it"),
        ({"tx_input": IN}, "tx_output", 2, "does not know it"),
        ({"tx_hash": "tx_index,tx_hash\n1,aa\n"}, "tx_hash", 2, "which is next"),
        ({"tx_hash": f"tx_index,tx_hash\n0,{'0' * 63}\n"}, "tx_hash", 2, "64 hexadecimal"),
        (
            {"tx_hash": f"tx_index,tx_hash\n0,{'0' * 64}\n1,{'1' * 64}\n2,{'0' * 64}\n"},
            "tx_hash",
            2,
            "two transactions",
        ),
        ({"tx_height": "tx_index,block_index\n0,7\n1,8\n2,7\n"}, "tx_height", 4, "below"),
        ({"adr_hash": "adr_index,adr_hash\n1,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\n"}, "adr_hash", 2, "not an address"),
    ],
)
def test_index_tables_refuse(tmp_path: Path, change: dict[str, str], file: str, line: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        import_index_tables(tables(tmp_path / "t", **change))
    assert (Path(caught.value.file).name, caught.value.line) == (f"{file}.csv", line)


@pytest.mark.shared
def test_the_year_2009() -> None:
    result = import_index_tables(SHARED / "ledger-2009")
    batch = only(result)
    assert result.counts == {
        "ids_completed": 2052, "exact_duplicates": 2, "outputs_of_unlisted_address": 21, "blocks": 32_490,
        "transactions": 32_709, "outputs_spent_later": 8_341,
    }  # fmt: skip
    made = int(batch.out_value.sum()) - int(batch.in_value.sum())
    assert made == 50 * COIN * 32_490
    assert batch.contiguous
    assert int(batch.tx_coinbase.sum()) == 32_490
    # Block 170 pays the first payment of all, https://en.bitcoin.it/wiki/Hal_Finney
    paid = [row for row in listed(batch) if row[0] == 170 and not row[2]]
    assert paid[0][1].hex() == "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"


@pytest.mark.shared
def test_ids_of_2009_are_those_of_the_blocks() -> None:
    from btclib.block import Block

    data = (SHARED / "jeffchan" / "blk00000_first1MB.dat").read_bytes()
    found, at = set(), 0
    while at + 8 < len(data) and data[at : at + 4] == bytes.fromhex("f9beb4d9"):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            break
        block = Block.parse(data[at + 8 : at + 8 + size], check_validity=False)
        found |= {bytes(tx.id) for tx in block.transactions}
        at += 8 + size
    batch = only(import_index_tables(SHARED / "ledger-2009"))
    early = batch.block_height[batch.tx_block] < 4_300
    ours = {row.tobytes() for row in batch.tx_id[early]}
    assert len(ours) > 4_300
    assert ours <= found


@pytest.mark.shared
def test_real_blocks_in_two_forms() -> None:
    blocks = sorted(ETL.glob("block_*/rpc_response_getblock_*"))
    exports = sorted(ETL.glob("block_*/expected_transactions.json"))
    by_node, by_etl = only(import_getblock(blocks)), only(import_bitcoin_etl(exports))
    assert listed(by_node) == listed(by_etl)
    assert len(by_node) == 7
    enriched = only(import_bitcoin_etl([ETL / "stream_50001_50002" / "expected_transactions.json"]))
    assert int(enriched.in_value.sum()) == 150 * COIN
    assert UNKNOWN_VALUE not in enriched.in_value.tolist()
    with pytest.raises(InputError, match="not all"):
        import_getblock(sorted(ETL.glob("stream*/rpc_response_getblock_*_None.json")))
    result, network = import_bitcoin(blocks, work=Path())
    assert (len(only(result)), network) == (7, "mainnet")


def _as_getblock(raw: bytes, height: int) -> dict[str, Any]:
    """The block as the node would tell it at verbosity 2, by another library's parse."""
    from btclib.block import Block

    block = Block.parse(raw, check_validity=False)
    head = block.header
    txs: list[dict[str, Any]] = []
    for tx in block.transactions:
        vin: list[dict[str, Any]] = [
            {"txid": bytes(one.prev_out.tx_id).hex(), "vout": one.prev_out.vout, "sequence": one.sequence,
             "scriptSig": {"hex": bytes(one.script_sig).hex()}}
            for one in tx.vin
        ]  # fmt: skip
        if not txs:
            vin = [{"coinbase": vin[0]["scriptSig"]["hex"], "sequence": vin[0]["sequence"]}]
        vout = [
            {"n": n, "value": f"@{one.value // COIN}.{one.value % COIN:08d}@",
             "scriptPubKey": {"hex": bytes(one.script_pub_key.script).hex()}}
            for n, one in enumerate(tx.vout)
        ]  # fmt: skip
        fields = {"txid": bytes(tx.id).hex(), "version": tx.version, "locktime": tx.lock_time}
        txs.append({**fields, "vin": vin, "vout": vout, "hex": tx.serialize(include_witness=True).hex()})
    return {
        "hash": bytes(head.hash).hex(), "height": height, "version": head.version,
        "merkleroot": bytes(head.merkle_root).hex(), "time": int(head.time.timestamp()), "nonce": head.nonce,
        "bits": bytes(head.bits).hex(), "previousblockhash": bytes(head.previous_block_hash).hex(), "tx": txs,
    }  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("height", [300_025, 482_683, 898_352])
def test_real_blocks_as_bytes_and_as_json(tmp_path: Path, height: int) -> None:
    raw = SHARED / "bcoin" / f"block{height}.raw"
    by_json = only(import_getblock([write(tmp_path / "a", _as_getblock(raw.read_bytes(), height))]))
    result, network = import_bitcoin([raw], work=tmp_path / "w", first_height=height)
    by_bytes = only(result)
    assert listed(by_bytes, values=False) == listed(by_json, values=False)
    assert network == ("testnet" if height == 898_352 else "mainnet"), "by its difficulty the third is a test network's"
    assert len(by_bytes) >= 10


def test_txid_does_not_depend_on_us() -> None:
    from btclib.tx import Tx as Other

    for block in chain():
        for tx in block.txs:
            assert isinstance(tx, Tx)
            assert bytes(Other.parse(tx.raw).id) == tx.txid


@pytest.mark.shared
def test_blocks_of_two_networks_are_refused(tmp_path: Path) -> None:
    files = [SHARED / "bcoin" / f"block{height}.raw" for height in (482_683, 1_087_400)]
    with pytest.raises(InputError, match="not of one chain"):
        import_bitcoin(files, work=tmp_path / "w")


@pytest.mark.shared
def test_change_is_told_where_the_tables_lack_an_address(tmp_path: Path) -> None:
    """By the blocks both outputs of this transaction go back to its sender, whom the tables only number."""
    from dyepack.cli.app import main

    with pytest.raises(SystemExit):
        main(["import", "bitcoin", str(SHARED / "ledger-2009"), "-l", str(tmp_path / "L")])
    tx = "65f75ac62da749585c152f0ffed3c3482687699ccba81582561590c4e16306c9"
    with pytest.raises(SystemExit) as left:
        main(["trace", "-l", str(tmp_path / "L"), "--tx", tx])
    assert left.value.code == 1
