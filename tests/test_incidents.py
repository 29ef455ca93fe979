"""The registry's schema: what a file may say, and that each fault names file, theft and field."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, UsageError
from dyepack.incidents import vocabulary
from dyepack.incidents.amounts import in_millions, parse_amount, show_amount, show_range
from dyepack.incidents.countries import REGIONS
from dyepack.incidents.read import read_incidents, read_sources
from dyepack.incidents.registry import Registry, read_registry, registry
from dyepack.incidents.spans import parse_span
from dyepack.incidents.table import LARGEST, Table, parse_toml

EMPTY = Registry((), {})

SOURCE = """
[[source]]
id = "s1"
title = "A report"
publisher = "A firm"
where = "https://example.org/report"
read = "read"
date = "2022-04"
"""
GOOD = """
[[incident]]
id = "heist-2022"
name = "Heist, 23 March 2022"
victim = "A bridge"
kind = "bridge"
country = "SG"
date = "2022-03-23"
public = "2022-03-29"
vectors = ["phishing_lure", "key_theft"]
vector_basis = "report"
source = ["s1"]
unchecked = ["country"]
note = "seen late"
[incident.cite]
date = ["s1"]
[incident.loss]
low = "15.5 million"
high = "16 million"
currency = "USD"
basis = "list"
priced_at = "theft"
total = "15.5 million"
source = ["s1"]
part = [
  { of = "Ethereum", amount = "15 million" },
  { of = "Tron", amount = "500 thousand" },
]
figure = [{ by = "A firm", amount = "16 million", source = ["s1"] }]
[incident.attempt]
amount = "20 million"
currency = "USD"
source = ["s1"]
[[incident.taken]]
asset = "ETH"
chain = "ethereum"
amount = "5000.5"
source = ["s1"]
[[incident.attribution]]
actor = "dprk"
by = "A firm"
code = "V"
confidence = "stated"
date = "2022-04"
source = ["s1"]
[[incident.attribution.disputed_by]]
by = "Another firm"
reason = "other tools"
source = ["s1"]
[[incident.address]]
chain = "ethereum"
address = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
role = "theft address"
source = ["s1"]
[[incident.transaction]]
chain = "ethereum"
tx = "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7"
role = "out of the bridge"
source = ["s1"]
"""


def folder(at: Path, text: str, name: str = "mine.toml") -> Path:
    at.mkdir(exist_ok=True)
    (at / name).write_text(text)
    return at


def test_a_whole_incident_is_read_with_every_field(tmp_path: Path) -> None:
    found = read_registry(folder(tmp_path, SOURCE + GOOD), onto=EMPTY)["heist-2022"]
    assert (found.date.first, found.date.precision, str(found.public)) == (date(2022, 3, 23), "day", "2022-03-29")
    assert found.loss is not None
    assert found.attempt is not None
    assert (found.loss.low, found.loss.high, found.loss.total) == (1_550_000_000, 1_600_000_000, 1_550_000_000)
    assert [(p.of, p.amount) for p in found.loss.parts] == [("Ethereum", 1_500_000_000), ("Tron", 50_000_000)]
    assert found.attempt.amount == 2_000_000_000
    assert found.part_of_world == "asia"
    assert found.taken[0].amount == "5000.5"
    assert not found.attributions[0].firm, "it is disputed"
    assert found.sources_of("date") == found.sources_of("victim") == found.sources_of("loss") == ("s1",)


FAULTS = [
    ("a key of no field", 'kind = "bridge"', 'kind = "bridge"\ncolour = "red"', "colour", "is not a field"),
    ("an unknown vector", '"key_theft"]', '"telepathy"]', "vectors", "'telepathy' is not known"),
    ("an unknown kind", 'kind = "bridge"', 'kind = "tunnel"', "kind", "'tunnel' is not known"),
    ("an unknown country", 'country = "SG"', 'country = "XX"', "country", "'XX' is not known"),
    ("country and region", 'country = "SG"', 'country = "SG"\nregion = "asia"', "region", "is given by the country"),
    ("an unknown region", 'country = "SG"', 'region = "atlantis"', "region", "'atlantis' is not known"),
    ("an impossible day", '"2022-03-23"', '"2022-02-30"', "date", "impossible date: 2022-02 has 28 days"),
    ("an impossible month", '"2022-03-23"', '"2022-13"', "date", "impossible date: there is no month 13"),
    ("no date at all", '"2022-03-23"', '"March"', "date", "must be a date"),
    ("a TOML date", 'date = "2022-03-23"', "date = 2022-03-23", "date", "must be text"),
    ("public before the theft", '"2022-03-29"', '"2022-03-01"', "public", "before the theft"),
    ("no date", 'date = "2022-03-23"\n', "", "date", "is missing"),
    ("an empty name", 'name = "Heist, 23 March 2022"', 'name = " "', "name", "is empty"),
    ("a name that is a number", 'name = "Heist, 23 March 2022"', "name = 7", "name", "must be text"),
    ("no source", 'source = ["s1"]\nunchecked', "unchecked", "source", "is missing or empty"),
    ("a loss without a source", 'source = ["s1"]\npart', "part", "source", "is missing or empty"),
    ("an unknown currency", 'currency = "USD"\nbasis', 'currency = "XYZ"\nbasis', "currency", "'XYZ' is not known"),
    ("a negative loss", 'low = "15.5 million"', 'low = "-15.5 million"', "low", "is negative"),
    ("low above high", 'high = "16 million"', 'high = "15 million"', "low", "is more than `high`"),
    ("an amount in words", 'low = "15.5 million"', 'low = "lots"', "low", "must be a plain number"),
    ("an amount that is no text", 'low = "15.5 million"', "low = 15.5", "low", "must be text"),
    ("parts that do not add up", '"500 thousand"', '"400 thousand"', "part", "add up to 15.4 million USD, not"),
    ("parts without a total", 'total = "15.5 million"\n', "", "total", "exactly where there are parts"),
    ("a figure outside", 'amount = "16 million"', 'amount = "17 million"', "low", "outside"),
    ("an attempt below the loss", 'amount = "20 million"', 'amount = "2 million"', "attempt", "less than what"),
    ("an unknown basis", 'basis = "list"', 'basis = "hearsay"', "basis", "'hearsay' is not known"),
    ("an unknown price day", 'priced_at = "theft"', 'priced_at = "today"', "priced_at", "'today' is not known"),
    ("an unknown actor", 'actor = "dprk"', 'actor = "dprkk"', "actor", "'dprkk' is not known"),
    ("another actor without a name", 'actor = "dprk"', 'actor = "other"', "group", "is missing"),
    ("an unknown code", 'code = "V"', 'code = "Z"', "code", "'Z' is not known"),
    ("an unknown confidence", 'confidence = "stated"', 'confidence = "sure"', "confidence", "'sure' is not known"),
    ("an unknown chain", 'chain = "ethereum"', 'chain = "etherium"', "chain", "'etherium' is not known"),
    ("a quantity in words", '"5000.5"', '"5,000.5"', "amount", "must be a plain decimal number"),
    ("an address with a blank", "0x098b716b", "0x098b 716b", "address", "no address or transaction has"),
    ("a field twice unchecked", '["country"]', '["country", "country"]', "unchecked", "names something twice"),
    ("an unchecked field not given", '["country"]', '["region"]', "unchecked", "which is not given"),
    ("a cited field not given", "[incident.cite]\ndate", "[incident.cite]\nregion", "cite", "which is not given"),
    ("a cited field unknown", "[incident.cite]\ndate", "[incident.cite]\nmood", "mood", "is not a field"),
    ("unknown beside others", '"key_theft"]', '"unknown"]', "vectors", "unknown beside others"),
    ("a vector without a basis", 'vector_basis = "report"', 'vector_basis = "none"', "vector_basis", "exactly where"),
    ("no vector", '["phishing_lure", "key_theft"]', "[]", "vectors", "is missing or empty"),
    ("a flag in quotes", 'amount = "5000.5"', 'amount = "5000.5"\nunchecked = "yes"', "unchecked", "true or false"),
    ("a table for a list", "[[incident.taken]]", "[incident.taken]", "taken", "must be a list of tables"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "problem"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_names_file_incident_and_field(tmp_path: Path, old: str, new: str, field: str, problem: str) -> None:
    assert GOOD.count(old) >= 1
    with pytest.raises(InputError) as fault:
        read_registry(folder(tmp_path, SOURCE + GOOD.replace(old, new, 1)), onto=EMPTY)
    said = str(fault.value)
    assert "mine.toml" in said
    assert "incident 'heist-2022'" in said
    assert f"field '{field}'" in said
    assert problem in said
    assert "hint:" in said


def test_an_unknown_source_is_named_with_the_field_that_names_it(tmp_path: Path) -> None:
    for at, where in enumerate(("source", "cite, date", "loss", "loss, figure", "attempt", "taken", "attribution",
                                "disputed_by", "address", "transaction")):  # fmt: skip
        parts = GOOD.split('["s1"]')
        text = '["s1"]'.join(parts[: at + 1]) + '["s9"]' + '["s1"]'.join(parts[at + 1 :])
        with pytest.raises(InputError) as fault:
            read_registry(folder(tmp_path, SOURCE + text), onto=EMPTY)
        assert "incident 'heist-2022'" in str(fault.value)
        assert f"field '{where}': there is no source 's9'" in str(fault.value)


def test_one_id_names_one_incident_over_all_files(tmp_path: Path) -> None:
    folder(tmp_path, SOURCE + GOOD, "a.toml")
    with pytest.raises(InputError, match=r"b\.toml: incident 'heist-2022', field 'id': is a duplicate, a\.toml has it"):
        read_registry(folder(tmp_path, GOOD, "b.toml"), onto=EMPTY)


def test_one_id_names_one_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source 's1', field 'id': is a duplicate"):
        read_registry(folder(tmp_path, SOURCE + SOURCE), onto=EMPTY)


def test_an_own_file_may_not_take_an_id_that_ships(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"incident 'ronin-2022', field 'id': is a duplicate, 2022\.toml has it"):
        read_registry(folder(tmp_path, SOURCE + GOOD.replace("heist-2022", "ronin-2022")))


def test_own_incidents_stand_beside_those_that_ship_and_may_name_their_sources(tmp_path: Path) -> None:
    merged = read_registry(folder(tmp_path, SOURCE + GOOD.replace('by = "A firm"\ncode', 'by = "FBI"\ncode')
                                  .replace('date = "2022-04"\nsource = ["s1"]', 'source = ["fbi-ronin"]')))  # fmt: skip
    assert len(merged) == len(registry()) + 1
    assert merged["heist-2022"].attributions[0].source == ("fbi-ronin",)
    assert [i.date.first for i in merged] == sorted(i.date.first for i in merged)


@pytest.mark.parametrize(("text", "problem"), [
    ("[[incident]", "is not valid TOML"),
    ("incident = 3", "must be a list of tables"),
    ("[[incidents]]\nid = 'x'", "field 'incidents': is not a field"),
    ("a = 1\n", "field 'a': is not a field"),
    ("[[incident]]\n", "field 'id': is missing"),
    ("[[incident]]\nid = 'two words'\n", "is no id"),
    ("a" + ".b" * 5000 + " = 1", "very many parts"),
    ("a = " + "[" * 3000, "is not valid TOML"),
    ("[[source]]\nid = 's'\ntitle = 't'\npublisher = 'p'\nwhere = 'w'\nread = 'skimmed'", "'skimmed' is not known"),
])  # fmt: skip
def test_a_file_that_is_no_registry_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError) as fault:
        read_registry(folder(tmp_path, text), onto=EMPTY)
    assert problem in str(fault.value)
    assert "mine.toml" in str(fault.value)


def test_folders_and_files_that_cannot_be_read_are_faults_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_registry(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no \.toml file"):
        read_registry(tmp_path)
    (tmp_path / "dir.toml").mkdir()
    with pytest.raises(InputError, match="is a folder, not a plain file"):
        read_registry(tmp_path)
    with pytest.raises(InputError, match="has more than 8388608 bytes"):
        parse_toml(b"#" * (LARGEST + 1), "big.toml")
    with pytest.raises(InputError, match="is not UTF-8"):
        parse_toml(b"\xff\xfe", "bytes.toml")


def test_hostile_text_is_escaped_in_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError) as fault:
        read_registry(
            folder(tmp_path, SOURCE + GOOD.replace('kind = "bridge"', 'kind = "\\u001b[31m\\u202e"')), onto=EMPTY
        )
    assert "\x1b" not in str(fault.value)
    assert "\u202e" not in str(fault.value)


def test_spans_know_what_they_may_be() -> None:
    day, month, year = parse_span("2020-02-29"), parse_span("2020-02"), parse_span("2020")
    assert [str(s) for s in (day, month, year)] == ["2020-02-29", "2020-02", "2020"]
    assert month.last == date(2020, 2, 29)
    assert month.within(date(2020, 2, 1), date(2020, 2, 29))
    assert not month.within(date(2020, 2, 2), date(2020, 12, 31))
    assert year.touches(date(2020, 12, 31), date(2021, 1, 1))
    assert not year.touches(date(2021, 1, 1), date(2021, 12, 31))
    for bad in ("2021-02-29", "2020-00", "20-01-01", "2020-1-1", "2020-02-29T00", "٢٠٢٠", "1969", "2101", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - the message is tested through the files
            parse_span(bad)


@given(st.dates(date(1970, 1, 1), date(2100, 12, 31)))
def test_a_day_is_inside_its_month_and_its_year(day: date) -> None:
    exact = parse_span(day.isoformat())
    assert str(exact) == day.isoformat()
    for wider in (parse_span(f"{day:%Y-%m}"), parse_span(f"{day:%Y}")):
        assert exact.within(wider.first, wider.last)
        assert wider.touches(day, day)


@pytest.mark.parametrize(("text", "hundredths"), [
    ("620 million", 62_000_000_000), ("88.79 million", 8_879_000_000), ("2.057089413 billion", 205_708_941_300),
    ("16300000.50", 1_630_000_050), ("0", 0), ("0.01", 1), ("150 thousand", 15_000_000),
])  # fmt: skip
def test_amounts_are_exact(text: str, hundredths: int) -> None:
    assert parse_amount(text) == hundredths


@pytest.mark.parametrize("text", ["", "1,000", "1e6", "5 mio", "0.001", "1.", ".5", "-1", "٣", "5  million",
                                  "9" * 16])  # fmt: skip
def test_other_ways_to_write_an_amount_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is tested through the files
        parse_amount(text)


@given(st.integers(0, 10**17))
def test_an_amount_that_is_shown_reads_back_the_same(hundredths: int) -> None:
    text = show_amount(hundredths, "USD").removesuffix(" USD").replace(",", "")
    assert parse_amount(text) == hundredths


def test_millions_round_half_up() -> None:
    for text, shown in (("456.265 million", "456.3"), ("0.05 million", "0.1"), ("0.04 million", "0.0"),
                        ("2.05 billion", "2,050.0")):  # fmt: skip
        assert in_millions(parse_amount(text)) == shown
    assert show_range(100, 100, "USD") == "1 USD"
    assert show_range(5_000_000_000, None, "USD") == "50.0 million USD or more"


def test_select_takes_every_word_together() -> None:
    known = registry()
    assert {i.id for i in known.select(year=2022, source_code="O")} == {"ronin-2022"}
    assert all(i.date.first.year <= 2018 <= i.date.last.year for i in known.select(year=2018))
    assert {i.kind for i in known.select(kind="bank")} == {"bank"}
    assert {i.part_of_world for i in known.select(region="south-america")} == {"south-america"}
    by_dprk = known.select(actor="dprk", source_code="V")
    assert all(any(a.actor == "dprk" and a.code == "V" for a in i.attributions) for i in by_dprk)
    assert not known.select(actor="insider", source_code="F").incidents
    with pytest.raises(UsageError, match="there is no incident 'nothing'"):
        known["nothing"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**12)
    | st.text(max_size=6)
    | st.sampled_from(["s1", "2021", "V"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "by", "amount"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def paths(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value of a nested table is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(p for key, one in inner for p in paths(one, (*at, key)))]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_value_is_replaced_by_is_read_or_is_a_fault_of_the_user(data: st.DataObject) -> None:
    tree = tomllib.loads(SOURCE + GOOD)
    *way, last = data.draw(st.sampled_from([p for p in paths(tree) if p]))
    at: Any = tree
    for key in way:
        at = at[key]
    at[last] = data.draw(VALUES)
    table = Table("fuzz.toml", tree, "top level")
    said = ""
    try:
        read_sources(table)
        read_incidents(table)
        table.done()
    except InputError as fault:
        said = str(fault)
    assert not said or said.startswith("fuzz.toml: ")


def test_the_documentation_names_every_word_and_its_example_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "incidents.md").read_text()
    for words in (vocabulary.KINDS, vocabulary.VECTORS, vocabulary.VECTOR_BASES, vocabulary.BASES, vocabulary.PRICED,
                  vocabulary.ACTORS, vocabulary.CONFIDENCE, vocabulary.READ, vocabulary.COMPARATORS,
                  vocabulary.MEASURES, vocabulary.SCOPES, REGIONS):  # fmt: skip
        for word in words:
            assert re.search(rf"\b{word}\b", text), word
    for code in vocabulary.CODES:
        assert f"{code} " in text
    example = text.split("```toml\n")[1].split("```")[0]
    example += SOURCE.replace('"s1"', '"ledger"')
    assert read_registry(folder(tmp_path, example), onto=EMPTY)["heist-2022"].attributions[0].group == "TraderTraitor"
