"""Hostile input to every importer of these forms: an InputError or an account of every row, never anything else."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.ledger.utxo.address import NETWORKS, address_text, parse_address
from dyepack.sources.bitcoin.recognise import recognise
from dyepack.sources.bitcoin.records.bitcoin_etl import import_bitcoin_etl
from dyepack.sources.bitcoin.records.esplora import import_esplora
from dyepack.sources.bitcoin.records.getblock import import_getblock
from dyepack.sources.bitcoin.records.index_tables import import_index_tables
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.script import classify_bytes
from tests.bitcoin_forms import aws_table, chain, dumped, esplora, etl, getblock
from tests.test_bitcoin_forms import tables, write_csv, write_parquet

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

BLOCKS = [getblock(block) for block in chain()]
PAGES = [tx for block in chain() for tx in esplora(block)]
ROWS = [row for block in chain() for row in etl(block)]

NUMBERS = [-1, 0, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 10**30, 10**5000, 21 * 10**14 + 1, 0.5, 1e-9, 1e300, -0.0]
TEXTS = ["", "\ud800", "\0", "00" * 32, "ff" * 32, "gg" * 32, "0x00", "1e5", "@1@", "2023-99-99 00:00:00", "٣"]
OTHERS: list[Any] = [None, True, False, float("nan"), float("inf"), [], {}, [[]], [{}], [None], {"hex": "51"}]
ODD = st.one_of(
    st.sampled_from([*NUMBERS, *TEXTS, *OTHERS, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
    st.integers(),
    st.text(max_size=8),
    st.floats(),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=4),
)


Result = TypeVar("Result")


def attempt(importer: Callable[[Any], Result], given: object) -> Result | None:
    """What the importer makes of it; None where it refuses with a message that names the file and a remedy."""
    fault: InputError | None = None
    try:
        return importer(given)
    except InputError as error:
        fault = error
    path = given[0] if isinstance(given, list) else given
    assert isinstance(path, Path)
    assert path.name in str(fault)
    assert fault.remedy
    return None


@contextmanager
def written(data: bytes, name: str = "input") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


def places(value: object, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value inside a document."""
    yield way
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, key))


@st.composite
def changed(draw: st.DrawFn, documents: list[Any]) -> list[Any]:
    """The documents with up to three values changed, removed or doubled."""
    found: list[Any] = copy.deepcopy(documents)
    for _ in range(draw(st.integers(1, 3))):
        ways = [way for way in places(found) if way]
        if not ways:
            break
        way = draw(st.sampled_from(ways))
        inside: Any = found
        for key in way[:-1]:
            inside = inside[key]
        action = draw(st.sampled_from(["set", "set", "remove", "double", "wrap"]))
        if action == "remove":
            del inside[way[-1]]
        elif action == "double" and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[way[-1]]))
        elif action == "wrap":
            inside[way[-1]] = [inside[way[-1]]]
        else:
            inside[way[-1]] = draw(ODD)
    return found


def text_of(documents: list[Any]) -> bytes:
    return "\n".join(long_json(document) for document in documents).encode("utf-8", "surrogatepass")


def long_json(document: Any) -> str:
    import sys

    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return dumped(document)
    finally:
        sys.set_int_max_str_digits(before)


def read(importer: Callable[[list[Path]], BitcoinImport], data: bytes) -> BitcoinImport | None:
    """What the importer makes of a file; None where it refuses it as it should."""
    with written(data) as path:
        result = attempt(importer, [path])
    if result is None:
        return None
    for batch in result.batches:
        assert int(batch.in_offset[-1]) == len(batch.in_txid) == len(batch.in_value)
        assert int(batch.out_offset[-1]) == len(batch.out_value) == len(batch.out_type)
        assert int(batch.out_address.max(initial=-1)) < len(batch.addresses)
    return result


def accounted(result: BitcoinImport, *names: str) -> int:
    return sum(result.counts.get(name, 0) for name in names)


@FEW
@given(changed(BLOCKS))
def test_getblock(documents: list[Any]) -> None:
    result = read(import_getblock, text_of(documents))
    if result is not None:
        flat = [one for entry in documents for one in (entry if isinstance(entry, list) else [entry])]
        rows = sum(len(block["tx"]) for block in flat)
        assert rows == accounted(result, "transactions", "orphan_transactions", "duplicate_transactions")


@FEW
@given(changed(PAGES))
def test_esplora(documents: list[Any]) -> None:
    result = read(import_esplora, text_of(documents))
    if result is not None:
        flat = [one for entry in documents for one in (entry if isinstance(entry, list) else [entry])]
        assert len(flat) == accounted(result, "transactions", "unconfirmed", "repeated_transactions")


@FEW
@given(changed(ROWS))
def test_etl_json(documents: list[Any]) -> None:
    result = read(import_bitcoin_etl, text_of(documents))
    if result is not None:
        flat = [one for entry in documents for one in (entry if isinstance(entry, list) else [entry])]
        assert len(flat) == accounted(result, "transactions", "block_rows", "repeated_transactions")


@FEW
@given(st.data())
def test_etl_csv(data: st.DataObject) -> None:
    rows = copy.deepcopy(ROWS)
    row = data.draw(st.sampled_from(rows))
    name = data.draw(st.sampled_from(sorted(row)))
    if name in {"inputs", "outputs"}:
        found = data.draw(changed([row[name]]))
        row[name] = found[0] if found and isinstance(found[0], list) else []
    else:
        row[name] = str(data.draw(st.one_of(st.integers(), st.text(max_size=8), st.just("1" * 30)))).encode(
            "utf-8", "replace"
        ).decode()  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        try:
            content = write_csv(Path(folder) / "a", rows).read_bytes()
        except (UnicodeEncodeError, ValueError):
            return
    result = read(import_bitcoin_etl, content)
    if result is not None:
        assert accounted(result, "transactions", "block_rows", "repeated_transactions") == len(rows)


@FEW
@given(st.data())
def test_etl_parquet_values(data: st.DataObject) -> None:
    rows = copy.deepcopy(ROWS)
    for _ in range(data.draw(st.integers(1, 2))):
        row = data.draw(st.sampled_from(rows))
        side = data.draw(st.sampled_from([name for name in ("inputs", "outputs") if row[name]]))
        one = data.draw(st.sampled_from(row[side]))
        one["value"] = data.draw(st.one_of(st.floats(), st.integers(0, 22 * 10**14)))
        one["index"] = data.draw(st.sampled_from([one["index"], -1, 0, 1 << 40]))
        row["block_number"] = data.draw(st.sampled_from([row["block_number"]] * 3 + [-1, 1 << 33]))
    with tempfile.TemporaryDirectory() as folder:
        path = write_parquet(Path(folder) / "a", aws_table(rows))
        result = read(import_bitcoin_etl, path.read_bytes())
    if result is not None:
        assert accounted(result, "transactions", "repeated_transactions") == len(rows)


def _whole_files() -> dict[str, tuple[Callable[[list[Path]], BitcoinImport], bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        return {
            "getblock": (import_getblock, text_of(BLOCKS)),
            "esplora": (import_esplora, text_of(PAGES)),
            "etl": (import_bitcoin_etl, text_of(ROWS)),
            "csv": (import_bitcoin_etl, write_csv(at / "c", ROWS).read_bytes()),
            "parquet": (import_bitcoin_etl, write_parquet(at / "p", aws_table(ROWS), row_group_size=2).read_bytes()),
        }


FILES = _whole_files()


@pytest.mark.parametrize("form", FILES)
@FEW
@given(data=st.data())
def test_changed_bytes(form: str, data: st.DataObject) -> None:
    importer, content = FILES[form]
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(broken)), st.integers(0, len(broken))))
    read(importer, bytes(broken[:cut]))


@FEW
@given(st.data())
def test_index_tables(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = tables(Path(name) / "t")
        path = folder / data.draw(st.sampled_from(sorted(file.name for file in folder.iterdir())))
        lines = path.read_text().splitlines()
        row = data.draw(st.integers(0, len(lines) - 1))
        fields = lines[row].split(",")
        at = data.draw(st.integers(0, len(fields) - 1))
        fields[at] = data.draw(
            st.one_of(
                st.sampled_from(["", "-1", "1.0", "1e3", "9" * 30, '"', "b" * 63, str(1 << 53)]), st.text(max_size=6)
            )
        )
        lines[row] = ",".join(fields)
        path.write_text("\n".join(lines), errors="replace")
        result = attempt(import_index_tables, folder)
    if result is None:
        return
    (batch,) = result.batches
    assert result.counts["transactions"] == len(batch) == 3
    assert len(batch.out_value) + result.counts.get("exact_duplicates", 0) == 5


OPENINGS = [b"{", b'[{"a"', b'"', b"PAR1", b"\x1f\x8b", b"hash,block_number,outputs\n"]
TEXT = st.text(max_size=100).map(str.encode)


@FEW
@given(st.one_of(st.binary(max_size=400), TEXT, changed(BLOCKS).map(text_of), st.sampled_from(OPENINGS)))
def test_recognition(data: bytes) -> None:
    with written(data) as path:
        attempt(recognise, path)


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_deep_nesting(depth: int) -> None:
    objects = ['{"tx":' * depth + "1" + "}" * depth, '{"result":' * depth + "1" + "}" * depth]
    for text in ("[" * depth + "]" * depth, *objects):
        for importer in (import_getblock, import_esplora, import_bitcoin_etl):
            read(importer, text.encode())
        with written(text.encode()) as path, pytest.raises(InputError):
            recognise(path)


def test_repeated_keys_everywhere() -> None:
    for documents, importer in ((BLOCKS, import_getblock), (PAGES, import_esplora), (ROWS, import_bitcoin_etl)):
        text = json.dumps(documents[-1])
        key = next(iter(documents[-1]))
        assert read(importer, text.replace("{", f'{{"{key}": 1, ', 1).encode()) is None


@FEW
@given(st.one_of(st.text(max_size=95), st.from_regex(r"\A(bc|tb|bcrt)1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{6,80}\Z"),
                 st.from_regex(r"\A[123mn][1-9A-HJ-NP-Za-km-z]{25,40}\Z")))  # fmt: skip
def test_addresses(text: str) -> None:
    for network in NETWORKS:
        packed = parse_address(text, network)
        if packed is not None:
            assert address_text(packed, network) in {text, text.lower()}


@FEW
@given(st.lists(st.binary(max_size=120), max_size=40))
def test_scripts(scripts: list[bytes]) -> None:
    found = classify_bytes(scripts)
    for row, has in zip(found.packed, found.has_address.tolist(), strict=True):
        assert bool(row.any()) == has
        if has:
            assert parse_address(address_text(row.tobytes(), "regtest"), "regtest") == row.tobytes()[: 2 + row[1]]
