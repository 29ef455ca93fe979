"""Exports: read by the programs that the formats are of where they are at hand, else checked against their rules."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stix2
import typer
from typer.testing import CliRunner

from dyepack.case.demo import run_demo
from dyepack.case.folder import Case, write_case
from dyepack.case.run import trace
from dyepack.cli.export import export as export_command
from dyepack.cli.import_bank import bank
from dyepack.errors import InputError, UsageError
from dyepack.exports.formats import FORMATS, render
from dyepack.exports.model import Findings, stix_confidence
from dyepack.ledger.reader import Ledger
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import store
from dyepack.tags.grades import CONFIDENCE_IDS
from dyepack.tags.load import load
from dyepack.tags.model import TagKind
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import read_theft
from tests.bank_books import EXAMPLE, EXAMPLE_FILES
from tests.outputs import Tx, raw
from tests.test_utxo_case import follow, move, theft_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder)
    return folder / "case"


@pytest.fixture(scope="module")
def findings(demo: Path) -> Findings:
    return Findings.of(Case(demo))


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The bank example."""
    folder = tmp_path_factory.mktemp("bank")
    bank(list(EXAMPLE_FILES), folder / "ledger")
    made = trace(Ledger.open(folder / "ledger"), [read_theft(EXAMPLE / "theft.toml")], load(EXAMPLE / "tags.csv"),
                 Parameters())  # fmt: skip
    write_case(made, folder / "case")
    return Findings.of(Case(folder / "case"))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """A theft on a ledger of outputs, one of them without an address."""
    folder = tmp_path_factory.mktemp("outputs")
    txs = [
        Tx([], [("thief", 300)], 0), Tx([], [("clean", 700)], 1), Tx([], [], 2),
        Tx([(0, 0), (1, 0)], [("a", 400), ("", 590)], 2), Tx([], [], 3), Tx([(3, 0)], [("c", 250), ("d", 140)], 3),
    ]  # fmt: skip
    (folder / "in").write_text("x")
    store(BitcoinImport([raw(txs)], files=[folder / "in"]), folder / "ledger", chain="bitcoin", network="mainnet")
    made = follow(UtxoLedger.open(folder / "ledger"), theft_of(move(0), chain="bitcoin"), rule="haircut")
    write_case(made, folder / "case")
    return Findings.of(Case(folder / "case"))


@pytest.fixture(params=["accounts", "books", "outputs"])
def either(request: pytest.FixtureRequest, findings: Findings, books: Findings, outputs: Findings) -> Findings:
    return {"accounts": findings, "books": books, "outputs": outputs}[request.param]


def test_addresses_of_bitcoin_are_of_their_own_type_and_none_is_an_account(outputs: Findings) -> None:
    event = json.loads(render(outputs, "misp"))["Event"]
    assert {o["name"] for o in event["Object"]} == {"coin-address"}
    assert "btc" in {o["Attribute"][0]["type"] for o in event["Object"]}
    objects = json.loads(render(outputs, "stix"))["objects"]
    assert {o["account_type"] for o in objects if o["type"] == "user-account"} == {"cryptocurrency-address"}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_case_gives_the_same_bytes(name: str, demo: Path, either: Findings) -> None:
    assert render(either, name) == render(either, name)
    assert render(Findings.of(Case(demo)), name) == render(Findings.of(Case(demo)), name)


# --- STIX -----------------------------------------------------------------------------------------------------------


def test_the_stix_bundle_is_read_by_stix2_without_anything_of_our_own(either: Findings) -> None:
    bundle = stix2.parse(render(either, "stix").decode(), allow_custom=False)
    assert bundle.type == "bundle"
    ids = [o["id"] for o in bundle.objects]
    assert len(ids) == len(set(ids))
    for o in bundle.objects:
        for name, value in json.loads(o.serialize()).items():
            if name.endswith("_ref"):
                assert value in ids
            elif name.endswith("_refs"):
                assert set(value) <= set(ids)
    kinds = {o["type"] for o in bundle.objects}
    assert kinds == {"identity", "extension-definition", "user-account", "incident", "relationship", "report"}


def test_ids_of_accounts_are_those_that_stix_gives(either: Findings) -> None:
    bundle = stix2.parse(render(either, "stix").decode())
    accounts = [o for o in bundle.objects if o.type == "user-account"]
    assert accounts
    for account in accounts:
        assert account.id == stix2.UserAccount(user_id=account.user_id, account_type=account.account_type).id


def test_flows_in_stix_add_up_and_have_no_confidence(findings: Findings) -> None:
    """What goes from the theft is what the sources put in; an allocation is never a probability."""
    objects = json.loads(render(findings, "stix"))["objects"]
    flows = [o for o in objects if o.get("relationship_type") == "transferred-to"]
    assert flows
    assert all("confidence" not in o and "allocation-rule:fifo" in o["labels"] for o in flows)
    out: dict[str, int] = defaultdict(int)
    for o in flows:
        amount = next(iter(o["extensions"].values()))
        if o["source_ref"].startswith("incident--"):
            out[amount["asset"]] += int(amount["base_units"])
    assert dict(out) == {s.asset: findings.statement.total(s.asset) for s in findings.statement.sources}
    named = [o for o in objects if o.get("relationship_type") == "related-to"]
    assert named
    assert all(0 < o["confidence"] <= 95 for o in named)


@pytest.mark.parametrize(
    ("evidence", "confidence", "stix"),
    [("E1", 100, 95), ("E2", 70, 85), ("E3", 60, 75), ("E5", 88, 88), ("E6", 100, 30), ("E6", 10, 10), ("", 90, 30)],
)
def test_confidence_in_stix_goes_by_the_class_of_evidence(evidence: str, confidence: int, stix: int) -> None:
    assert stix_confidence({"evidence": evidence, "confidence": confidence}) == stix


# --- FollowTheMoney --------------------------------------------------------------------------------------------------

THING = {"name", "summary"}
SCHEMAS = {
    "CryptoWallet": THING | {"publicKey", "currencySymbol", "currency", "blockchain", "holder", "managingExchange"},
    "BankAccount": THING | {"accountNumber", "iban", "bankName", "currency"},
    "LegalEntity": THING,
    "Payment": {"payer", "beneficiary", "amount", "currency", "date", "transactionNumber", "recordId", "purpose"},
}
"""The properties used of each schema, as FollowTheMoney 4.11.2 has them."""

ENTITIES = {"holder": "LegalEntity", "payer": "LegalEntity", "beneficiary": "LegalEntity"}


def entities(findings: Findings) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in render(findings, "ftm").splitlines()]
    found = {row["id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_ftm_entities_keep_to_their_schemas(either: Findings) -> None:
    found = entities(either)
    for entity in found.values():
        assert entity.keys() == {"id", "schema", "properties"}
        assert entity["properties"].keys() <= SCHEMAS[entity["schema"]]
        for name, values in entity["properties"].items():
            assert values
            assert all(isinstance(v, str) and v for v in values)
            if name in ENTITIES:
                assert all(found[v]["schema"] == ENTITIES[name] for v in values)
    payments = [e["properties"] for e in found.values() if e["schema"] == "Payment"]
    assert payments
    assert all(p["payer"] and p["beneficiary"] for p in payments)
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", p["amount"][0]) for p in payments)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?", d) for p in payments for d in p.get("date", []))


def test_ftm_payments_are_the_moves(findings: Findings) -> None:
    found = entities(findings)
    payments = [e["properties"] for e in found.values() if e["schema"] == "Payment"]
    moves = [m for m in findings.moves if m.source and m.target and m.source != m.target]
    assert sorted(p["amount"][0] for p in payments) == sorted(findings.amount(m.units, m.asset) for m in moves)
    wallets = {e["properties"]["publicKey"][0] for e in found.values() if e["schema"] == "CryptoWallet"}
    assert wallets == set(findings.places())


# --- MISP -----------------------------------------------------------------------------------------------------------

TEMPLATES = {
    "coin-address": {"address": "btc", "address-crypto": "text", "symbol": "text", "text": "text",
                     "first-seen": "datetime", "last-seen": "datetime"},
    "bank-account": {"account": "bank-account-nr", "text": "text"},
}  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_the_misp_event_keeps_to_its_templates(either: Findings) -> None:
    event = json.loads(render(either, "misp"))["Event"]
    assert event["published"] is False
    assert event["distribution"] == "0"
    assert {o["name"] for o in event["Object"]} <= TEMPLATES.keys()
    ids = [event["uuid"]]
    for o in event["Object"]:
        ids.append(o["uuid"])
        needed = {"address", "address-crypto", "account"}
        assert sum(a["object_relation"] in needed for a in o["Attribute"]) == 1
        for a in o["Attribute"]:
            ids.append(a["uuid"])
            assert TEMPLATES[o["name"]][a["object_relation"]] == a["type"]
            assert a["to_ids"] is False
            assert a["value"]
    assert len(ids) == len(set(ids))
    assert all(map(UUID.fullmatch, ids))
    places = {t.place for t in either.statement.terminals if t.place and t.amount(either.statement.rule)}
    shown = {a["value"] for o in event["Object"] for a in o["Attribute"][:1]}
    assert shown == places


# --- TagPack --------------------------------------------------------------------------------------------------------


def test_the_tagpack_is_read_back_by_our_own_reader(findings: Findings, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_bytes(render(findings, "tagpack"))
    tags = load(tmp_path / "t.yaml")
    assert [n for n in tags.notes if "not read" in n or "unlike" in n] == []
    s = findings.statement
    held = {
        t.place for t in s.terminals
        if t.stop in {"held", "gap", "date_limit", "hub"} and t.amount(s.rule) and not t.entity
    }  # fmt: skip
    assert {t.address for t in tags.tags} == held
    assert {t.kind for t in tags.tags} == {TagKind.THEFT}
    assert all(t.source == f"dyepack case {findings.case_id}" for t in tags.tags)
    for tag in tags.tags:
        sure = any(t.interval(s.interval_rules)[0] > 0 for t in s.terminals
                   if t.place == tag.address and t.stop in {"held", "gap"} and t.amount(s.rule))  # fmt: skip
        assert tag.confidence == CONFIDENCE_IDS["untrusted_transaction" if sure else "heuristic"].confidence
        assert tag.confidence <= 40
    assert not {t.place for t in s.terminals if t.stop in {"service", "mixer", "bridge"}} & held


def test_a_tagpack_without_findings_is_read_too(books: Findings, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_bytes(render(books, "tagpack"))
    assert load(tmp_path / "t.yaml").tags == []


# --- GraphML, CSV, Parquet, JSON -------------------------------------------------------------------------------------


def test_graphml_is_read_by_networkx_with_every_unit(either: Findings) -> None:
    graph = nx.read_graphml(io.BytesIO(render(either, "graphml")), force_multigraph=True)
    flows = either.flows()
    assert graph.number_of_edges() == len(flows)
    assert sorted(int(d["base_units"]) for *_, d in graph.edges(data=True)) == sorted(f.amount for f in flows)
    thefts = [n for n, d in graph.nodes(data=True) if d["kind"] == "theft"]
    put: dict[str, int] = defaultdict(int)
    for _, _, d in graph.out_edges(thefts, data=True):
        put[d["asset"]] += int(d["base_units"])
    assert dict(put) == {s.asset: either.statement.total(s.asset) for s in either.statement.sources}
    assert all(isinstance(d["base_units"], str) and isinstance(d["moves"], int) for *_, d in graph.edges(data=True))


def test_parquet_holds_every_move_exactly(either: Findings) -> None:
    table = pq.read_table(pa.BufferReader(render(either, "parquet")))
    assert not any(pa.types.is_floating(f.type) for f in table.schema)
    rows = table.to_pylist()
    assert [(r["move"], r["txid"], r["source"], int(r["units"]), int(r["value"])) for r in rows] == [
        (m.move, m.txid, m.source, m.units, m.value) for m in either.moves
    ]


def test_csv_holds_every_move_exactly(either: Findings) -> None:
    rows = list(csv.DictReader(io.StringIO(render(either, "csv").decode(), newline="")))
    assert [int(r["units"]) for r in rows] == [m.units for m in either.moves]
    for row, m in zip(rows, either.moves, strict=True):
        assert row["amount"] == either.amount(m.units, m.asset)


def test_json_is_the_case_again(demo: Path, findings: Findings) -> None:
    made = json.loads(render(findings, "json"))
    assert made["statement"] == json.loads((demo / "statement.json").read_bytes())
    assert made["case"] == json.loads((demo / "case.json").read_bytes())
    assert len(made["moves"]) == len(findings.moves)
    assert all(isinstance(m["units"], str) for m in made["moves"])


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_writes_each_format(demo: Path, findings: Findings, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command("export")(export_command)
    for name in FORMATS:
        done = CliRunner().invoke(app, [str(demo), "--format", name, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_bytes() == render(findings, name)
    assert {p.name for p in tmp_path.iterdir()} == set(FORMATS)
    for words, fault in (
        (["--format", "xls", "--out", str(tmp_path / "x")], UsageError),
        (["--format", "csv", "--out", str(tmp_path / "no" / "x")], InputError),
        (["--format", "csv", "--out", str(demo / "x")], InputError),
    ):
        assert isinstance(CliRunner().invoke(app, [str(demo), *words]).exception, fault)
    assert not (tmp_path / "x").exists()
