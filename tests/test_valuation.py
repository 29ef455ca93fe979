"""Prices, rates and values: of the right day, from a named source, never made up and never mixed."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyepack.cli.app import main
from dyepack.errors import EXIT_INCOMPLETE, DyepackError, InputError, UsageError
from dyepack.money import Asset
from dyepack.sources.live.errors import SourceError
from dyepack.tracing.moves import DyedMove
from dyepack.valuation.api import fetch_prices
from dyepack.valuation.book import PriceBook
from dyepack.valuation.case_values import BASES, value_case
from dyepack.valuation.exchange import rate
from dyepack.valuation.files import read_prices
from dyepack.valuation.model import NO_PRICE, Value, total
from dyepack.valuation.series import Series
from tests.servers import LOCAL, Server
from tests.test_crossing import HERE, follow, leg_move, theft

SHARED = Path(__file__).parents[2] / "shared" / "data"
ETH = Asset("native", "ETH", 18)
DAY = date(2025, 2, 21)


def series(prices: dict[int, str], currency: str = "USD", name: str = "file") -> Series:
    return Series(currency, name, "0" * 64, {DAY + timedelta(days=n): Decimal(p) for n, p in prices.items()})


def book(*found: Series) -> PriceBook:
    made = PriceBook()
    for one in found:
        made.add("native", one)
    return made


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0), capsys.readouterr().out


def test_fifty_million_dollars_of_february_2022_were_thirty_seven_million_pounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out = run(capsys, "convert", "50000000", "USD", "GBP", "--on", "2022-02-07", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["amount"] == "36990041.06"
    assert round(Decimal(told["amount"]) / 10**6) == 37
    assert told["rate"]["day"] == "2022-02-07"


def test_a_weekend_takes_the_rate_before_it_and_says_so() -> None:
    found = rate("USD", "GBP", date(2022, 2, 6))
    assert found is not None
    assert (found.day, found.asked) == (date(2022, 2, 4), date(2022, 2, 6))
    assert "2022-02-04 (the last before 2022-02-06)" in found.words()


def test_there_is_no_rate_before_the_first_or_long_after_the_last() -> None:
    assert rate("USD", "GBP", date(1998, 12, 31)) is None
    assert rate("USD", "GBP", date(2100, 1, 1)) is None


@pytest.mark.shared
def test_rates_agree_with_the_published_table() -> None:
    """Every day of another copy of the bank's rates gives the same pounds for a dollar, to its six digits."""
    rows = list(csv.DictReader((SHARED / "prices" / "usd_gbp_from_ecb.csv").read_text().splitlines()))
    assert len(rows) > 6000
    for row in rows[::29]:
        found = rate("USD", "GBP", date.fromisoformat(row["date"]))
        assert found is not None
        assert abs(found.value - Decimal(row["gbp_per_usd"])) < Decimal("0.0000006")


def test_a_missing_day_is_interpolated_and_marked_and_beyond_a_week_there_is_no_price() -> None:
    prices = series({0: "100", 2: "200", 10: "300"})
    middle = prices.on(DAY + timedelta(days=1))
    assert middle is not None
    assert middle.value == 150
    assert middle.between == (DAY, DAY + timedelta(days=2))
    assert prices.on(DAY + timedelta(days=5)) is None
    assert prices.on(DAY - timedelta(days=1)) is None
    assert prices.on(DAY + timedelta(days=11)) is None


def test_no_price_is_no_value_and_never_zero() -> None:
    value = PriceBook().value(ETH, 10**18, DAY, "USD")
    assert (value.amount, value.reason, value.shown()) == (None, NO_PRICE, NO_PRICE)
    assert value.to_json()["amount"] is None
    both = total([value, book(series({0: "2"})).value(ETH, 10**18, DAY, "USD")], "USD")
    assert (both.missing, both.shown()) == (1, "2.00 USD and 1 without a price")
    assert total([value], "USD").shown() == NO_PRICE
    assert total([value], "USD").to_json()["amount"] is None


def test_a_token_without_decimals_has_no_value() -> None:
    assert book(series({0: "2"})).value(Asset("native", "X", None), 5, DAY, "USD").amount is None


def test_two_sources_that_differ_by_more_than_a_fifth_are_both_told() -> None:
    near, far = series({0: "119"}, name="near"), series({0: "121"}, name="far")
    value = book(series({0: "100"}), near, far).value(ETH, 10**18, DAY, "USD")
    assert value.amount == 100
    assert [p.source for p in value.others] == ["far"]


def test_a_price_in_another_currency_goes_through_the_rate_of_its_day() -> None:
    value = book(series({0: "2000"}, "EUR")).value(ETH, 5 * 10**17, DAY, "KRW")
    exchanged = rate("EUR", "KRW", DAY)
    assert exchanged is not None
    assert value.amount == 1000 * exchanged.value
    assert value.rate == exchanged


def test_a_currency_needs_no_price() -> None:
    value = PriceBook().value(Asset("EUR", "EUR", 2), 12345, DAY, "EUR")
    assert value.amount == Decimal("123.45")


@given(st.integers(0, 2**128 - 1), st.decimals("0.00000001", "100000", places=8), st.integers(0, 18))
def test_values_are_exact(units: int, price: Decimal, decimals: int) -> None:
    value = book(series({0: str(price)})).value(Asset("native", "", decimals), units, DAY, "USD")
    assert value.amount is not None
    assert Fraction(value.amount) == units * Fraction(price) / 10**decimals


def test_values_of_two_currencies_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        total([Value("USD", DAY, Decimal(1)), Value("GBP", DAY, Decimal(1))], "USD")


QUOTED = b'date,note,close\n2025-01-01,"two\nlines",1\n\n2025-01-02,x,%s\n'


@pytest.mark.parametrize("bad", [b"0", b"2\n2025-01-02,x,3", b"2\nyesterday,x,3"])
def test_the_line_of_a_bad_row_is_where_it_begins_whatever_stands_before(bad: bytes, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(QUOTED % bad)
    with pytest.raises(InputError) as fault:
        read_prices(file, "USD", "close")
    assert fault.value.line == 5 + bad.count(b"\n")


@pytest.mark.parametrize("row", [b'2025-01-02,"2', b'2025-01-02,"2"3', b"2025-01-02", b"2025-01-02,2,3"])
def test_a_row_that_is_not_strictly_csv_is_refused_with_its_line(row: bytes, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b"date,close\n2025-01-01,1\n" + row + b"\n2025-01-03,3\n")
    with pytest.raises(InputError) as fault:
        read_prices(file, "USD")
    assert fault.value.line == 3


BAD = {
    "empty": (b"", "no rows"),
    "header only": (b"date,close\n", "no rows"),
    "no days": (b"a,close\n1,2\n", "no column of days"),
    "no price column": (b"date,open,high\n2025-01-01,1,2\n", "which column is the price"),
    "two prices of a day": (b"date,close\n2025-01-01,1\n2025-01-01,2\n", "two prices for 2025-01-01"),
    "zero": (b"date,close\n2025-01-01,0\n", "not a price above zero"),
    "negative": (b"date,close\n2025-01-01,-3\n", "not a price above zero"),
    "text": (b"date,close\n2025-01-01,=1+1\n", "not a price above zero"),
    "infinity": (b"date,close\n2025-01-01,inf\n", "not a price above zero"),
    "huge exponent": (b"date,close\n2025-01-01,1e999999999\n", "not a price above zero"),
    "impossible day": (b"date,close\n2025-02-30,1\n", "is not a day"),
    "two forms of days": (b"date,close\n2025-02-01,1\n02/03/2025,1\n", "is not a day"),
    "day or month first": (b"date,close\n01-02-2025,1\n03-04-2025,2\n", "day or the month first"),
    "ragged": (b"date,close\n2025-01-01,1,2\n", "cells, the header"),
    "not text": (b"\xff\xfe\x00", "is not UTF-8"),
    "half parquet": (b"PAR1 and no more", "no Parquet"),
    "only nulls": (b"date,close\n2025-01-01,null\n", "holds no price"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_price_files_are_refused_with_the_place(name: str, tmp_path: Path) -> None:
    content, words = BAD[name]
    file = tmp_path / "prices.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_prices(file, "USD")


def test_other_forms_of_price_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    for text in (
        "date,price_eur,price_usd\n21-02-2025,5,7.5\n22-02-2025,5,8\n",
        "Date,Open,Close\n2025-02-21,1,7.5\n",
        "timestamp,usd\n1740096000,7.5\n",
        "time,price\n2025-02-21T23:59:59+00:00,7.5\n",
    ):
        file.write_text(text)
        found = read_prices(file, "USD").on(DAY)
        assert found is not None
        assert found.value == Decimal("7.5")


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"day": [DAY], "close": pa.array([Decimal("7.50")], pa.decimal128(10, 2))}), tmp_path / "p")
    found = read_prices(tmp_path / "p", "USD").on(DAY)
    assert found is not None
    assert found.value == Decimal("7.5")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "column", "day", "price"),
    [
        ("btc_usd_2012-2024_yahoo.csv", "", date(2012, 2, 24), "5.000865"),
        ("btc_daily_12ccy_2012-2026_GPLv3/daily_bitcoin_prices.csv", "", date(2026, 8, 22), "78293.71"),
        ("coingecko_2025_MIT-repo/ethereum_2025_daily_price_data_provided_by_coingecko.csv", "", date(2025, 1, 1),
         "3336.6175137659498"),
    ],
)  # fmt: skip
def test_real_price_files_are_read(name: str, column: str, day: date, price: str) -> None:
    found = read_prices(SHARED / "prices" / name, "USD", column).on(day)
    assert found is not None
    assert found.value == Decimal(price)


def test_the_three_bases_of_a_case_stand_apart() -> None:
    found = follow(HERE, theft(leg_move(2)))
    moves = [m if m.stop != "bridge" else _on(m, 1) for m in (_on(m, 0) for m in found.moves)]
    values = value_case(found.statement, moves, book(series({0: "1", 1: "3", 30: "10"})), ["USD"],
                        DAY + timedelta(days=30))  # fmt: skip
    (stolen,) = values.stolen
    left = next(line for line in values.ended if line.what == "bridge")
    assert stolen.theft["USD"].amount == 6
    assert [left.theft["USD"].amount, left.arrival["USD"].amount] == [Decimal(6), Decimal(18)]
    assert left.stated is not None
    assert left.stated["USD"].amount == 60
    sums = {basis: values.totals(values.ended, basis)[0].amount for basis in BASES}
    assert sums == {BASES[0]: 6, BASES[1]: 18, BASES[2]: 60}


def _on(move: DyedMove, days: int) -> DyedMove:
    from dataclasses import replace

    return replace(move, time=f"{DAY + timedelta(days=days)}T12:00:00Z")


def test_without_prices_the_demo_has_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "demo", "--out", tmp_path / "demo")
    case = next((tmp_path / "demo").glob("**/case.json")).parent
    code, out = run(capsys, "value", case, "--currency", "USD", "--json")
    told = json.loads(out)
    assert code == EXIT_INCOMPLETE
    assert {row["at_theft"][0]["reason"] for row in told["stolen"]} == {NO_PRICE}
    assert told["totals"]["stolen"]["at the theft"][0]["amount"] is None


@pytest.mark.shared
def test_ronin_is_valued_at_the_theft_in_dollars_and_pounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ronin, prices = SHARED / "ronin-2022", SHARED / "prices" / "eth_daily"
    run(capsys, "import", "explorer", ronin / "ledger.csv.gz", "--covers", ronin / "addresses.csv", "--ledger",
        tmp_path / "l")  # fmt: skip
    run(
        capsys,
        "trace",
        "--ledger",
        tmp_path / "l",
        "--theft",
        "examples/ronin-2022/theft.toml",
        "--out",
        tmp_path / "c",
    )
    file = prices / "ETH-USD_2017-11_2024-08_yahoo_nolicense.csv"
    code, out = run(capsys, "value", tmp_path / "c", "--prices", f"native={file}", "--json")
    told = json.loads(out)
    assert code == 0
    eth, usdc = told["stolen"]
    close = Decimal(eth["at_theft"][0]["price"]["value"])
    assert Decimal(eth["at_theft"][0]["amount"]) == (173_600 * close).quantize(Decimal("0.01"))
    assert eth["at_theft"][1]["rate"]["day"] == "2022-03-23"
    assert usdc["at_theft"][0]["price"]["day"] == "2022-03-23"


@pytest.mark.parametrize(
    "words",
    [
        ["--currency", "XXX"],
        ["--on", "yesterday"],
        ["--on", "20250321"],
        ["--on", "2025-W12-5"],
        ["--prices", "nothing"],
        ["--prices", "NOPE=x.csv"],
    ],
)
def test_wrong_words_of_value_are_told(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "demo", "--out", tmp_path / "demo")
    case = next((tmp_path / "demo").glob("**/case.json")).parent
    code, _ = run(capsys, "value", case, *words)
    assert code == UsageError.exit_code


def chart(*prices: tuple[int, str]) -> bytes:
    return ('{"prices": [' + ", ".join(f"[{at}, {p}]" for at, p in prices) + '], "market_caps": []}').encode()


def at(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp() * 1000)


def test_a_price_api_is_asked_once_and_then_read_from_its_evidence(tmp_path: Path) -> None:
    with Server() as server:
        server.answer(chart((at(DAY, 1), "10.5"), (at(DAY, 23), "11.5"), (at(DAY + timedelta(days=1), 0), "12")))
        source = f"coingecko+{server.url}"
        first = fetch_prices(source, "ethereum", "USD", (DAY, DAY), allow=LOCAL, evidence=tmp_path / "e")
        assert server.seen[0].path.endswith("/coins/ethereum/market_chart/range")
        assert server.seen[0].query["vs_currency"] == "usd"
        asked = len(server.seen)
        again = fetch_prices(source, "ethereum", "USD", (DAY, DAY), allow=LOCAL, evidence=tmp_path / "e", offline=True)
        assert len(server.seen) == asked
    price = first.on(DAY)
    assert price is not None
    assert price.value == Decimal("11.5")
    assert again.prices == first.prices
    assert again.sha256 == first.sha256


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"{}", b"<html>", b'{"prices": []}', b'{"prices": [[1, 2, 3]]}', b'{"prices": "x"}',
        chart((at(DAY, 1), "-1")), chart((at(DAY, 1), "0")), chart((at(DAY, 1), "1e30")), chart((5, "1")),
        chart((at(DAY, 5), "1"), (at(DAY, 1), "2")), chart((at(DAY + timedelta(days=9), 1), "1")),
        b'{"prices": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_a_price_api_cannot_have_meant_is_refused(body: bytes) -> None:
    with Server() as server:
        server.answer(body)
        with pytest.raises(SourceError):
            fetch_prices(f"coingecko+{server.url}", "ethereum", "USD", (DAY, DAY), allow=LOCAL)


def test_a_price_api_may_not_be_a_private_host_unless_named() -> None:
    with pytest.raises(DyepackError):
        fetch_prices("coingecko+http://169.254.169.254/x", "ethereum", "USD", (DAY, DAY))
    with pytest.raises(UsageError):
        fetch_prices("coingecko+https://example.org", "../../secret", "USD", (DAY, DAY))


def test_a_price_and_an_amount_may_be_as_large_as_they_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    found = book(series({0: "9" * 30 + "e99"})).value(ETH, 2**256 - 1, DAY, "USD")
    assert found.shown().endswith(" USD")
    assert found.amount is not None
    assert Fraction(found.amount) == Fraction(2**256 - 1, 10**18) * (10**30 - 1) * 10**99
    assert total([found, found], "USD").shown().endswith(" USD")
    assert run(capsys, "convert", "9" * 78, "USD", "KRW", "--on", "2022-02-07")[0] == 0


def test_the_first_day_there_is_has_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert rate("USD", "GBP", date.min) is None
    told = run(capsys, "convert", "1", "USD", "GBP", "--on", "0001-01-01")
    assert told == (4, "1 USD on 0001-01-01: no exchange rate\n")


@pytest.mark.slow
def test_a_parquet_file_cannot_make_much_of_little(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 200_000
    days, long = pa.array(["2025-02-21"] * rows), pa.DictionaryArray.from_arrays(pa.array([0] * rows), ["y" * 10_000])
    file = tmp_path / "p"
    pq.write_table(pa.table({"date": days, "note": long, "price": [7.5] * rows}), file)
    assert read_prices(file, "USD").on(DAY) is not None
    pq.write_table(pa.table({"date": days, "price": long}), file)
    with pytest.raises(InputError, match="a text of more than"):
        read_prices(file, "USD")
    pq.write_table(pa.table({"date": pa.array([2**62], pa.timestamp("us")), "price": [1.0]}), file)
    with pytest.raises(InputError, match="is no Parquet that can be read"):
        read_prices(file, "USD")
