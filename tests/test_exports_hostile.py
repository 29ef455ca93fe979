"""Hostile text in every place that comes from outside, through every export: it stays text, and nothing hides in it."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stix2

from dyepack.case.demo import run_demo
from dyepack.case.folder import Case
from dyepack.exports.formats import FORMATS, render
from dyepack.exports.model import Findings
from dyepack.exports.tagpack import quote
from dyepack.money import Asset
from dyepack.tags.load import load
from tests.test_report_hostile import HOSTILE

HUGE = ["A" * 20_000, "\u202e" * 5_000, "<b>" * 5_000, "=" * 20_000]
CORPUS = [*HOSTILE, *HUGE]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("hostile")
    run_demo(folder, background=50)
    whole = Findings.of(Case(folder / "case"))
    return replace(whole, moves=whole.moves[:60])


def poisoned(findings: Findings, text: str) -> Findings:
    """The findings with a text wherever the outside may write: title, legs, symbols, names, tags, places, ids."""
    s = findings.statement
    victim = next(m.source for m in findings.moves if m.source)
    taken = {victim: text} if text else {}

    def place(address: str) -> str:
        return taken.get(address, address)

    tag: dict[str, Any] = {
        "kind": "exchange",
        "source": text,
        "sha256": "",
        "confidence": 50,
        "evidence": "E6",
        "date": "",
    }
    terminals = [
        replace(t, place=place(t.place), entity=text if n % 2 else "", tag=tag if n % 2 else None, reason=text)
        for n, t in enumerate(s.terminals)
    ]
    assets = {k: Asset(a.key, text, a.decimals) for k, a in s.assets.items()}
    statement = replace(
        s, title=text, theft=text, chain=text, assets=assets, terminals=terminals, notes=[text],
        sources=[replace(x, name=text, evidence=text) for x in s.sources],
    )  # fmt: skip
    moves = [replace(m, source=place(m.source), target=place(m.target), txid=text or m.txid) for m in findings.moves]
    return Findings(statement, moves, {"dyepack": text}, findings.case_id)


def texts(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [t for pair in value.items() for part in pair for t in texts(part)]
    if isinstance(value, list):
        return [t for part in value for t in texts(part)]
    return [value] if isinstance(value, str) else []


def hidden(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"}]


def test_the_corpus_has_a_hundred_texts() -> None:
    assert len(set(CORPUS)) >= 100


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_hostile_text_stays_text_in_every_export(number: int, demo: Findings, tmp_path: Path) -> None:
    """Each document is read by a reader of its format, and no text of it hides a character."""
    text = CORPUS[number]
    findings = poisoned(demo, text)
    made = {name: render(findings, name) for name in FORMATS}
    for name in ("stix", "misp"):
        assert made[name].isascii()
        assert not [t for t in texts(json.loads(made[name])) if hidden(t) or len(t) > 4_000]
    stix2.parse(made["stix"].decode(), allow_custom=False)
    for line in made["ftm"].splitlines():
        assert not [t for t in texts(json.loads(line)) if hidden(t) or len(t) > 2_000]
    assert made["json"].isascii()
    again = json.loads(made["json"])
    assert again["statement"]["title"] == text
    graph = nx.read_graphml(io.BytesIO(made["graphml"]), force_multigraph=True)
    assert graph.number_of_edges() == len(findings.flows())
    tree = ET.fromstring(made["graphml"].decode())
    assert not [e for e in tree.iter() if hidden((e.text or "").strip("\n"))]
    assert {e.tag.rpartition("}")[2] for e in tree.iter()} == {"graphml", "key", "graph", "node", "edge", "data"}
    check_cells(made["csv"])
    assert pq.read_table(pa.BufferReader(made["parquet"])).num_rows == len(findings.moves)
    assert made["tagpack"].isascii()
    (tmp_path / "t.yaml").write_bytes(made["tagpack"])
    for tag in load(tmp_path / "t.yaml").tags:
        assert not hidden(tag.label)
        assert len(tag.label) <= 256


def check_cells(raw: bytes) -> None:
    """No cell of a CSV is a formula, and every row has as many cells as the head."""
    rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        for cell in row:
            number = cell.removeprefix("-").replace(".", "", 1).isdigit() and cell.isascii()
            assert number or not cell.lstrip(" ").startswith(FORMULA), cell
            assert not hidden(cell)


def test_quoted_yaml_is_the_text_again() -> None:
    import yaml

    for text in CORPUS:
        if "\ud800" not in text:
            assert yaml.safe_load(quote(text)) == text


def test_a_case_without_moves_is_exported(demo: Findings) -> None:
    s = replace(demo.statement, terminals=[], sources=[], balances=[])
    for name in FORMATS:
        assert (render(Findings(s, [], {}, "0" * 64), name) == b"") is (name == "ftm")
