"""Amounts of any size stay exact, and no bytes whatever give anything but a result or an InputError."""

from __future__ import annotations

import contextlib
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.ledger.schema import to_int
from dyepack.money import Asset
from dyepack.sources.amounts import add, amounts, product
from dyepack.sources.etl import import_etl
from dyepack.sources.etl_traces import TRACES
from dyepack.sources.explorer import LAYOUT, import_explorer
from dyepack.sources.table import Table
from dyepack.sources.transfers import import_transfers
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.sources.result import Import

pa = pytest.importorskip("pyarrow")
BIG = st.integers(0, (1 << 256) - 1) | st.integers(0, 1 << 64) | st.integers((1 << 128) - 2, (1 << 128) + 2)


def table(values: object, kind: object) -> Table:
    column = pa.chunked_array([pa.array(values, kind)])
    return Table(Path("amounts"), len(column), {"amount": column}, is_csv=True)


def read(values: list[str], decimals: int = 0) -> list[int]:
    result = amounts(table(values, pa.string())["amount"], decimals=decimals)
    return [int(result.oversize[i]) if i in result.oversize else to_int(result.words[i]) for i in range(len(values))]


@given(st.lists(BIG, min_size=1, max_size=20))
def test_whole_amounts_are_exact(units: list[int]) -> None:
    assert read([str(u) for u in units]) == units


@given(st.lists(st.integers(0, (1 << 128) - 1), min_size=1, max_size=20), st.integers(1, 18))
def test_pointed_amounts_are_exact(units: list[int], decimals: int) -> None:
    texts = [f"{u // 10**decimals}.{u % 10**decimals:0{decimals}d}" for u in units]
    assert read(texts, decimals) == units


@given(st.lists(st.integers(0, 10**38 - 1), min_size=1, max_size=20))
def test_decimals_of_parquet_are_exact(units: list[int]) -> None:
    for kind in (pa.decimal128(38, 0), pa.decimal256(76, 0), pa.decimal256(60, 9)):
        result = amounts(table([Decimal(u) for u in units], kind)["amount"])
        assert [to_int(w) for w in result.words] == units


def test_decimal_over_128_bits_is_oversize() -> None:
    result = amounts(table([Decimal(1 << 130), Decimal(3)], pa.decimal256(76, 0))["amount"])
    assert result.oversize == {0: str(1 << 130)}
    assert [to_int(w) for w in result.words] == [0, 3]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, -2], pa.int64()),
        ([Decimal(1), Decimal(-2)], pa.decimal128(38, 0)),
        ([Decimal("1.0"), Decimal("1.5")], pa.decimal128(38, 9)),
        ([1, None], pa.int64()),
        (["1", str(1 << 256)], pa.string()),
    ],
)
def test_bad_numbers_name_their_row(values: object, kind: object) -> None:
    with pytest.raises(InputError) as caught:
        amounts(table(values, kind)["amount"])
    assert (caught.value.line, caught.value.field) == (3, "amount")


@given(st.lists(st.tuples(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1)), min_size=1))
def test_products_and_sums_are_exact(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    words = product(a, b)
    assert [to_int(w) for w in words] == [x * y for x, y in pairs]
    assert [to_int(w) for w in add(words, words)] == [2 * x * y for x, y in pairs]


HEADERS = st.sampled_from([b"", *(",".join(names).encode() + b"\n" for names in (LAYOUT.required, TRACES.required))])
PIECES = st.sampled_from(
    [b",", b"\n", b"\r", b'"', b"0x", b"1", b"0x" + b"a" * 40, b"0x" + b"b" * 64, b"call", b"-1", b"\xff"]
)
JUNK = st.builds(lambda head, body: head + body, HEADERS, st.binary(max_size=80) | st.lists(PIECES).map(b"".join))


@settings(deadline=None, max_examples=examples(200))
@given(JUNK)
def test_junk_is_a_result_or_an_input_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junk.csv"
        path.write_bytes(data)
        readers: list[Callable[[], Import]] = [
            lambda: import_explorer([path]),
            lambda: import_etl(transactions=[path]),
            lambda: import_etl(traces=[path]),
            lambda: import_transfers(path, asset=Asset("USD", "USD", 2), columns={"tx": "hash", "time": "timestamp"}),
        ]
        for read_file in readers:
            with contextlib.suppress(InputError):
                read_file()
