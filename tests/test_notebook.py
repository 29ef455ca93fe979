"""In a notebook results show at most sixty rows, run nothing, and become tables without a single float."""

from __future__ import annotations

import builtins
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dyepack.case.folder import Case
from dyepack.case.run import trace
from dyepack.ledger.reader import Ledger
from dyepack.notebook import COUNTS, MOST_ROWS, Grid, InNotebook, NotInstalledError
from dyepack.sinks import for_html
from dyepack.tracing.statement import Statement
from tests.hostile_texts import HOSTILE_TEXTS
from tests.test_report_document import demo
from tests.test_report_page import Reader

BIG = (1 << 128) - 1


def case() -> Case:
    return Case(demo() / "case")


def results() -> list[InNotebook]:
    opened = case()
    made = trace(Ledger.open(demo() / "ledger"), opened.thefts(), opened.tags(), opened.parameters)
    return [opened, opened.statement, made]


def test_case_statement_and_trace_show_themselves() -> None:
    for result in results():
        text = result._repr_html_()
        page = Reader(text)
        grid = result.grid()
        assert page.tags.count("tr") == 1 + min(len(grid.rows), MOST_ROWS)
        assert f"shown {min(len(grid.rows), MOST_ROWS)} of {len(grid.rows):,}" in page.words
        assert "rule fifo" in page.words
        assert not set(page.tags) & {"script", "img", "link", "iframe", "svg", "a"}
        assert "http" not in text
        assert page.tags.count("th") == sum(n == "scope" for _, n, _ in page.attributes)


def test_the_shown_rows_are_at_most_sixty() -> None:
    grid = Grid("many", ["a"], [[n] for n in range(61)], ("a",))
    assert Reader(grid.html()).tags.count("tr") == 61
    assert "shown 60 of 61" in grid.html()


def test_every_form_has_every_row_and_no_float() -> None:
    import polars as pl
    import pyarrow as pa

    for result in results():
        grid = result.grid()
        arrow, frame, table = result.to_arrow(), result.to_pandas(), result.to_polars()
        assert arrow.column_names == list(frame.columns) == table.columns == grid.header
        assert arrow.num_rows == len(frame) == table.height == len(grid.rows)
        assert {str(kind) for kind in arrow.schema.types} == {"int64", "string"}
        assert {str(kind) for kind in frame.dtypes} == {"Int64", "string"}
        assert set(table.dtypes) == {pl.Int64, pl.String}
        assert arrow.schema.field(grid.header[0]).type in {pa.string(), pa.int64()}
        assert arrow.to_pylist() == table.to_dicts()


def test_amounts_come_through_to_the_last_unit() -> None:
    grid = Grid("big", ["units", "hop", "amount"], [[BIG, 3, f"{BIG}.5"], [0, "", None]], ("units",))
    expected = {"units": [str(BIG), "0"], "hop": [3, None], "amount": [f"{BIG}.5", None]}
    assert grid.to_arrow().to_pydict() == expected
    assert grid.to_polars().to_dict(as_series=False) == expected
    frame = grid.to_pandas()
    assert [int(text) for text in frame["units"]] == [BIG, 0]
    assert frame["hop"].isna().tolist() == [False, True]
    assert str(BIG) in grid.html()


def test_sums_of_a_statements_table_are_its_totals() -> None:
    statement = case().statement
    table = statement.to_polars()
    for asset in statement.assets:
        units = [int(row["base_units"]) for row in table.to_dicts() if row["asset"] == asset]
        assert sum(units) == sum(t.amount("fifo") for t in statement.terminals if t.asset == asset)
    assert "moves" in COUNTS


def hostile_statement() -> Statement:
    statement = case().statement
    first = statement.terminals[0]
    statement.title = HOSTILE_TEXTS[0]
    statement.terminals = [replace(first, place=text, entity=text, first=text) for text in HOSTILE_TEXTS]
    return statement


def test_hostile_text_is_escaped() -> None:
    statement = hostile_statement()
    for start in range(0, len(HOSTILE_TEXTS), MOST_ROWS):
        part = replace(statement, terminals=statement.terminals[start : start + MOST_ROWS])
        text = part._repr_html_()
        assert set(Reader(text).tags) == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
        for terminal in part.terminals:
            assert str(for_html(terminal.place, 200)) in text


@pytest.mark.browser
def test_nothing_runs_in_a_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "this test needs Debian's chromium: apt-get install -y chromium"
    from playwright.sync_api import sync_playwright

    statement = hostile_statement()
    parts = [replace(statement, terminals=statement.terminals[n : n + MOST_ROWS])._repr_html_()
             for n in range(0, len(HOSTILE_TEXTS), MOST_ROWS)]  # fmt: skip
    file = tmp_path / "notebook.html"
    file.write_text("<!doctype html><meta charset=utf-8>" + "".join(parts), encoding="utf-8")
    requests: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.add_init_script("window.alert = () => { window.ran = true }")
        tab.on("request", lambda r: requests.append(r.url))
        tab.goto(file.as_uri())
        tab.wait_for_timeout(300)
        ran = tab.evaluate("window.ran === true")
        browser.close()
    assert not ran
    assert requests == [file.as_uri()]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_missing_library_is_told_in_a_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        module: str, globals_: Mapping[str, object] | None = None, locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (), level: int = 0,
    ) -> Any:  # fmt: skip
        if module == name:
            raise ImportError(module)
        return real(module, globals_, locals_, fromlist, level)

    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    statement = case().statement
    with pytest.raises(NotInstalledError, match=f"{name} is not installed"):
        getattr(statement, f"to_{name}")()


def test_a_result_without_rows_still_shows() -> None:
    grid = Grid("none", ["place", "moves"], [], ("place", "moves"))
    assert "shown 0 of 0" in grid.html()
    assert grid.to_arrow().num_rows == grid.to_polars().height == len(grid.to_pandas()) == 0
