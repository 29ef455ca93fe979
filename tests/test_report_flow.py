"""The flow figure draws every unit it was given, whatever it gathers, in the same bytes each time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.report.flow import draw, figure
from dyepack.report.flow_graph import MAX_LAYERS, MAX_NODES, Graph, build
from dyepack.tracing.statement import Flow, Statement
from tests.effort import examples
from tests.test_report_hostile import HOSTILE
from tests.test_report_sample import ETH, TOKEN, address, sample

SVG = "{http://www.w3.org/2000/svg}"
STOPS = ["service", "mixer", "bridge", "held", "gap", "fee", "cut_off"]


def keys() -> st.SearchStrategy[str]:
    places = st.integers(0, 90).map(address)
    ends = st.builds("{}:{}".format, st.sampled_from(STOPS), st.integers(0, 60).map(address))
    return st.one_of(places, places, st.integers(0, 12).map("leg:{}".format), ends)


def flows() -> st.SearchStrategy[list[Flow]]:
    one = st.builds(
        Flow,
        keys(),
        keys(),
        st.sampled_from(["native", TOKEN, "0xunknown"]),
        st.integers(0, 10**30),
        st.integers(1, 50),
        st.integers(1, 40),
    )
    return st.lists(one, max_size=150)


def assert_nothing_lost(graph: Graph, given_flows: list[Flow]) -> None:
    box = {m: n.key for n in graph.nodes.values() for m in n.members}
    into: dict[tuple[str, str], int] = defaultdict(int)
    out: dict[tuple[str, str], int] = defaultdict(int)
    for flow in given_flows:
        into[box.get(flow.target, ""), flow.asset] += flow.amount
        out[box.get(flow.source, ""), flow.asset] += flow.amount
    for link in graph.links:
        assert link.source != link.target
        into[link.target, link.asset] -= link.amount
        out[link.source, link.asset] -= link.amount
    for node in graph.nodes.values():
        for asset, inside in node.inside.items():
            into[node.key, asset] -= inside
            out[node.key, asset] -= inside
        for asset in node.into:
            assert node.into[asset] == sum(k.amount for k in graph.links if (k.target, k.asset) == (node.key, asset))
    assert not any(into.values())
    assert not any(out.values())


@settings(max_examples=examples(150), deadline=None)
@given(flows())
def test_gathering_conserves_every_amount(given_flows: list[Flow]) -> None:
    graph = build(given_flows, sample()[0])
    assert_nothing_lost(graph, given_flows)
    assert len(graph.nodes) <= MAX_NODES
    assert graph.columns <= MAX_LAYERS + 2
    drawn = figure(sample()[0], given_flows)
    root = ET.fromstring(drawn.svg)  # our own text
    titled = [p for p in root.iter(f"{SVG}path") if p.find(f"{SVG}title") is not None]
    assert len(titled) == len(graph.links)
    assert len(list(root.iter(f"{SVG}rect"))) == len(graph.nodes)
    assert "nan" not in drawn.svg
    assert "inf" not in re.sub(r"<(title|text|desc)[^>]*>[^<]*", "", drawn.svg)


def test_the_sample_is_drawn_whole() -> None:
    statement, given_flows = sample()
    graph = build(given_flows, statement)
    assert_nothing_lost(graph, given_flows)
    assert {n.column for n in graph.nodes.values()} == set(range(graph.columns))
    ends = sum(n.into.get("native", 0) for n in graph.nodes.values() if n.kind == "end")
    assert ends == statement.total("native") == 1400 * ETH


def test_long_chains_are_compressed_into_one_column() -> None:
    statement, given_flows = sample()
    graph = build(given_flows, statement)
    runs = [n for n in graph.nodes.values() if n.kind == "address" and len(n.members) > 1 and not n.more]
    assert [n.hops for n in runs] == [(5, 13)]
    assert "… 9 hops" in draw(given_flows, statement)


def test_money_that_comes_back_is_drawn_dashed_and_said() -> None:
    statement, given_flows = sample()
    drawn = figure(statement, given_flows)
    assert drawn.svg.count('class="d ') == 1
    assert "dashed line" in drawn.caption
    ring = [
        Flow("leg:0", "a", "native", 5, 1, 1),
        Flow("a", "b", "native", 5, 1, 2),
        Flow("b", "a", "native", 4, 1, 3),
    ]
    assert_nothing_lost(build(ring, statement), ring)
    alone = [
        Flow("a", "b", "native", 5, 1, 2),
        Flow("b", "a", "native", 5, 1, 3),
        Flow("a", "a", "native", 9, 1, 3),
    ]
    assert_nothing_lost(build(alone, statement), alone)


def test_an_empty_trace_has_a_figure() -> None:
    ET.fromstring(draw([], sample()[0]))  # our own text


def test_assets_are_scaled_separately() -> None:
    statement, given_flows = sample()
    graph = build(given_flows, statement)
    assert graph.scale["native"] == 1000 * ETH
    assert graph.scale[TOKEN] == 2_500_000 * 10**6
    assert "its own scale" in figure(statement, given_flows).caption


def test_exact_amounts_and_full_addresses_are_in_tooltips() -> None:
    statement, given_flows = sample()
    svg = draw(given_flows, statement)
    titles = re.findall(r"<title>([^<]*)</title>", svg)
    assert any(address(1) in t for t in titles)
    assert any("132.045000000000000035 ETH" in t for t in titles)


def test_the_figure_has_no_script_no_link_and_a_name() -> None:
    statement, given_flows = sample()
    svg = draw(given_flows, statement)
    for banned in ("<script", "foreignObject", "href", "url(", "@import", "<image", " on"):
        assert banned not in re.sub(r">[^<]*<", "><", svg), banned
    assert 'role="img"' in svg
    for name in re.findall(r'aria-labelledby="([^"]*)"', svg)[0].split():
        assert f'id="{name}"' in svg


def test_the_same_flows_give_the_same_bytes() -> None:
    statement, given_flows = sample()
    assert draw(given_flows, statement) == draw(given_flows[::-1], statement)
    code = (
        "import hashlib; from tests.test_report_sample import sample; "
        "from dyepack.report.page import render; "
        "print(hashlib.sha256(render(*sample()).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    statement, given_flows = sample(text, text)
    statement.title = statement.theft = text
    given_flows = [
        *given_flows,
        Flow(address(1), text, "native", ETH, 1, 2),
        Flow(text, f"held:{text}", "native", ETH, 1, 3),
    ]
    assert_allowed(statement, given_flows)


def assert_allowed(statement: Statement, given_flows: list[Flow]) -> None:
    root = ET.fromstring(draw(given_flows, statement))  # our own text
    allowed = {SVG + t for t in ("svg", "title", "desc", "style", "g", "rect", "path", "text")}
    assert {e.tag for e in root.iter()} <= allowed
    attributes = {a for e in root.iter() for a in e.attrib}
    assert not [a for a in attributes if a.startswith("on") or "href" in a]
