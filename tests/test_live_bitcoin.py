"""Bitcoin from live sources: the ledger that block files give, the same statement output by output, and lies found out.

The chain of tests/blocks.py goes through Bitcoin Core's consensus code; what that writes is what sources are held to.
"""

from __future__ import annotations

import copy
import importlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.case.run import Trace, trace
from dyepack.errors import InputError
from dyepack.ledger.manifest import Manifest
from dyepack.ledger.utxo.builder import Built, build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import NOT_ASKED, UNSPENT, ScriptType
from dyepack.ledger.utxo.supply import supply
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.blocks.segment import parse_block
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import store
from dyepack.sources.blocks import Window
from dyepack.sources.live.bitcoin.answers import Question
from dyepack.sources.live.errors import BadAnswer, SourceError
from dyepack.sources.live.source import OutputSource
from dyepack.tags.model import TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import RULES
from dyepack.tracing.terminals import Stop
from dyepack.tracing.theft import parse_theft
from dyepack.tracing.utxo.balance import prove
from dyepack.tracing.utxo.replay import replay
from tests.bitcoin_servers import Chain, spent_outputs
from tests.block_scripts import compact, prefixed
from tests.blocks import demo_chain
from tests.effort import examples
from tests.outputs import Tx, chains, opened, plans, raw, tx_id
from tests.test_live_contract_outputs import ADAPTERS, TIP, TRUTH, using

ESPLORA = ADAPTERS["esplora"]
ASKABLE = {name: ADAPTERS[name] for name in ("rpc", "esplora")}
"""Those that tell who spends an output."""

PEEL, FAN = TRUTH.main[117], TRUTH.main[112]
"""Twenty hops of one input and two outputs; an input of each kind of script."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has accepted the chain."""
    pbk: Any = importlib.import_module("pbk")
    folder = tmp_path_factory.mktemp("node")
    manager = pbk.load_chainman(folder, pbk.ChainType.REGTEST)
    for block in demo_chain().made[1:]:
        assert manager.process_block(pbk.Block(block.raw))
    del manager
    return folder


@pytest.fixture(scope="module")
def files(node: Path, tmp_path_factory: pytest.TempPathFactory) -> BitcoinImport:
    """The import of its block files."""
    return import_blocks([node / "blocks"], work=tmp_path_factory.mktemp("work"))


# --- whole blocks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "rpc without indexes"])
def test_the_ledger_of_block_files(name: str, files: BitcoinImport) -> None:
    async def ask(source: OutputSource) -> BitcoinImport:
        head = await source.head(0)
        await source.whole_blocks(Window(0, head.number))
        return source.gathered()

    live = using(ADAPTERS[name], ask)
    made, true = build(live.batches, live.unspent), build(files.batches)
    assert made.complete
    assert made.counts == true.counts
    assert made.columns.keys() == true.columns.keys()
    for column, values in true.columns.items():
        assert np.array_equal(made.columns[column], values), column


def test_what_blocks_spend_as_core_keeps_it(node: Path) -> None:
    """The server of tests lists the outputs that Core has in its undo data."""
    pbk: Any = importlib.import_module("pbk")
    manager = pbk.load_chainman(node, pbk.ChainType.REGTEST)
    active = manager.get_active_chain()
    for block in TRUTH.main[1:]:
        coins = manager.block_spent_outputs[active.block_tree_entries[block.height]]
        made = compact(len(block.txs)) + b"\0"
        for tx in coins.transactions:
            spent = [coin.output for coin in tx.coins]
            made += compact(len(spent))
            made += b"".join(o.amount.to_bytes(8, "little") + prefixed(bytes(o.script_pubkey)) for o in spent)
        assert spent_outputs(block) == made
    del active, manager


@settings(max_examples=examples(400), deadline=None)
@given(data=st.data())
def test_damaged_bytes_of_a_block(data: st.DataObject) -> None:
    """A block with a damaged byte is refused, or the same but for a witness; its list of what it spends may lie about
    values and scripts alone, upward, which only the outputs themselves show."""
    true = parse_block("x", FAN.raw, spent_outputs(FAN))
    raw_too, spent = FAN.raw, spent_outputs(FAN)
    if data.draw(st.booleans()):
        raw_too = data.draw(damaged(raw_too))
    else:
        spent = data.draw(damaged(spent))
    try:
        found = parse_block("x", raw_too, spent)
    except InputError:
        return
    if not np.array_equal(found["block_hash"], true["block_hash"]):
        return  # regtest's work is soon done by chance: it is another block, which the adapter did not ask for
    spends = {"in_value", "in_address", "addresses", "out_address"} if raw_too == FAN.raw else set()
    assert all(np.array_equal(found[name], true[name]) for name in set(true) - spends)
    assert found["in_value"].sum() >= true["out_value"].sum() - true["out_value"][: true["tx_out"][1]].sum()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes changed, put in, or cut off."""
    at = draw(st.integers(0, len(whole) - 1))
    piece = draw(st.binary(min_size=0, max_size=3))
    rest = at + draw(st.sampled_from([len(piece), 0, 1, len(whole)]))
    return whole[:at] + piece + whole[rest:]


# --- output by output -----------------------------------------------------------------------------------------------


async def followed(source: OutputSource, txid: str, last: int, most: int = 10_000) -> BitcoinImport:
    """All that a transaction's money went through: fetch, ask who spends what was made, fetch that, and so on."""
    todo = [txid]
    while todo and most > 0:
        todo = todo[:most]
        most -= len(todo)
        assert await source.transactions(todo) == {}
        outputs = [(one, n) for one in todo for n in range(len(TRUTH.txs[one].outputs))]
        told = await source.spenders(outputs, last)
        todo = list(dict.fromkeys(by for by in told.values() if by))
    return source.gathered()


def traced(imported: BitcoinImport, folder: Path, txid: str, **parameters: Any) -> Trace:
    store(imported, folder, chain="bitcoin", network="regtest")
    leg = f"[[leg]]\nname = 'x'\nasset = 'native'\n[[leg.move]]\ntx = '{txid}'\n"
    theft = parse_theft(f"id = 't'\nchain = 'bitcoin'\nvictim = []\n{leg}".encode(), "t.toml")
    return trace(UtxoLedger.open(folder), [theft], TagSet(), Parameters(**parameters))


@pytest.mark.parametrize("name", ASKABLE)
@pytest.mark.parametrize("stolen", ["split", "fan_out", "wide", "honest"])
def test_the_same_statement(name: str, stolen: str, files: BitcoinImport, tmp_path: Path) -> None:
    txid = TRUTH.one(stolen).txid

    async def ask(source: OutputSource) -> BitcoinImport:
        head = await source.head(0)
        return await followed(source, txid, head.number)

    live = using(ASKABLE[name], ask)
    assert live.as_of is not None
    assert live.as_of.hash == TIP.hash
    assert sum(map(len, live.batches)) < len(TRUTH.txs) // 2
    lazily, whole = traced(live, tmp_path / "live", txid), traced(files, tmp_path / "files", txid)
    assert lazily.statement.complete
    assert lazily.statement.terminals == whole.statement.terminals
    assert lazily.statement.balances == whole.statement.balances
    assert lazily.statement.sources == whole.statement.sources
    assert any(f"unspent at block 330 ({TIP.hash})" in note for note in lazily.statement.notes)


@pytest.mark.parametrize("most", [1, 2, 40])
def test_a_trace_that_was_cut_short(most: int, tmp_path: Path) -> None:
    first = TRUTH.named["peel"][0]

    async def ask(source: OutputSource) -> BitcoinImport:
        return await followed(source, first, TIP.height, most)

    live = using(ESPLORA, ask)
    cut = TRUTH.named["peel"][most - 1]
    live.gap_reasons[cut, 1] = "not asked: limit reached"
    found = traced(live, tmp_path / "live", first).statement
    assert not found.complete
    (gap,) = [t for t in found.terminals if t.stop == "gap"]
    assert gap.reason == "not asked: limit reached"
    assert gap.amount("fifo") == TRUTH.txs[cut].outputs[1].value
    held = sum(t.amount("fifo") for t in found.terminals if t.stop == "held")
    assert held == sum(TRUTH.txs[txid].outputs[0].value for txid in TRUTH.named["peel"][:most])
    assert UtxoLedger.open(tmp_path / "live").manifest.gap_reasons == {f"{cut}:1": "not asked: limit reached"}
    limited = traced(live, tmp_path / "again", first, hops=most).statement
    assert {t.stop for t in limited.terminals} == {"held", "hop_limit"} | ({"fee"} if most > 1 else set())
    assert limited.complete


def test_a_spender_that_cannot_be_had(tmp_path: Path) -> None:
    first, second = TRUTH.named["peel"][:2]
    chain = ESPLORA.chain()
    chain.spoil = lambda asked, answer: {**answer, "locktime": 9} if asked == f"/tx/{second}" else answer

    async def ask(source: OutputSource) -> BitcoinImport:
        assert await source.transactions([first]) == {}
        assert await source.spenders([(first, 0), (first, 1)], TIP.height) == {(first, 0): None, (first, 1): second}
        reasons = await source.transactions([second])
        assert "the transaction's fields give the id" in reasons[second]
        return source.gathered()

    live = using(ESPLORA, ask, chain=chain)
    found = traced(live, tmp_path / "live", first).statement
    (gap,) = [t for t in found.terminals if t.stop == "gap"]
    assert gap.reason.startswith(f"spent by {second}, which could not be had: the answer to /tx/{second}: txid:")
    assert gap.amount("fifo") == TRUTH.txs[first].outputs[1].value


def test_a_spender_that_does_not_spend(tmp_path: Path) -> None:
    first, other = TRUTH.named["peel"][0], TRUTH.named["peel"][5]
    chain = ESPLORA.chain()

    def spoil(asked: str, answer: Any) -> Any:
        return [{**one, "txid": other} for one in answer] if asked == f"/tx/{first}/outspends" else answer

    chain.spoil = spoil

    async def ask(source: OutputSource) -> BitcoinImport:
        return await followed(source, first, TIP.height, 2)

    live = using(ESPLORA, ask, chain=chain)
    found = traced(live, tmp_path / "live", first).statement
    (gap,) = [t for t in found.terminals if t.stop == "gap"]
    assert gap.reason == f"the source said that {other} spends it, which it does not"


def test_a_node_that_does_not_say_what_is_spent() -> None:
    """Whole blocks are refused then; of a transaction alone its inputs have no value, and a reason."""
    lone = TRUTH.txs[TRUTH.named["fan_in:p2tr"][0]]
    chain = ASKABLE["rpc"].chain()
    chain.tells_spent = False

    async def ask(source: OutputSource) -> BitcoinImport:
        with pytest.raises(BadAnswer, match="does not say what it spends"):
            await source.whole_blocks(Window(114, 114))
        return await followed(source, lone.txid, TIP.height, 1)

    live = using(ASKABLE["rpc"], ask, chain=chain)
    (spent,) = lone.inputs
    assert live.gap_reasons == {(spent.txid, spent.index): f"the source does not say what else {lone.txid} spends"}
    assert build(live.batches, live.unspent).counts["incomplete_transactions"] == 1


def test_a_spent_output_that_was_said_to_be_unspent() -> None:
    first, second = TRUTH.named["peel"][:2]
    chain = ESPLORA.chain()
    chain.spoil = lambda asked, answer: [{"spent": False}] * 2 if asked == f"/tx/{first}/outspends" else answer

    async def ask(source: OutputSource) -> BitcoinImport:
        await source.transactions([first, second])
        await source.spenders([(first, 1)], TIP.height)
        return source.gathered()

    live = using(ESPLORA, ask, chain=chain)
    made = build(live.batches, live.unspent)
    assert made.counts["wrongly_unspent_outputs"] == 1
    assert any("these are believed" in note for note in made.notes)
    assert made.columns["output_spender"].tolist().count(NOT_ASKED) == 3


# --- lies -----------------------------------------------------------------------------------------------------------

RPC_BLOCK, REST_BLOCK = f"getblock {PEEL.hash} 3", f"/rest/block/{PEEL.hash}.bin"
REST_SPENT, REST_JSON = f"/rest/spenttxouts/{PEEL.hash}.bin", f"/rest/block/{PEEL.hash}.json"
BLOCK_TXIDS, BLOCK_PAGE = f"/block/{PEEL.hash}/txids", f"/block/{PEEL.hash}/txs/0"
TWICE = PEEL.txs[1:3]


def changed(answer: Any, *way: Any, to: Any) -> Any:
    """The answer with one place changed; `to` may be a function of what is there; None takes it out."""
    made = copy.deepcopy(answer)
    place = made
    for step in way[:-1]:
        place = place[step]
    value = to(place[way[-1]]) if callable(to) else to
    if value is None:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    return made


def flipped(at: int) -> Any:
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _at(*way: Any, to: Any) -> Any:
    return lambda answer: changed(answer, *way, to=to)


def cheaper(tx: Any, key: str, value: Any) -> Any:
    """A transaction that pays less and does not say its fee."""
    return changed(changed(tx, "vout", 0, key, to=value), "fee", to=None)


LIES: list[tuple[str, str, str, Any]] = [
    # a value of an output, of a spent output, a script, an input, another transaction's id
    ("rpc", RPC_BLOCK, "do not balance", _at("tx", 3, "vout", 0, "value", to="@1.00000000@")),
    ("rpc", RPC_BLOCK, "fields give the id", _at("tx", 3, to=lambda tx: cheaper(tx, "value", "@0.09999999@"))),
    ("rpc", RPC_BLOCK, "decimals", _at("tx", 3, "vout", 0, "value", to="@1.000000001@")),
    ("rpc", RPC_BLOCK, "not an amount", _at("tx", 3, "vout", 0, "value", to="NaN")),
    ("rpc", RPC_BLOCK, "do not balance", _at("tx", 3, "vin", 0, "prevout", "value", to="@9.00000000@")),
    ("rpc", RPC_BLOCK, "does not say what it spends", _at("tx", 3, "vin", 0, "prevout", to=None)),
    ("rpc", RPC_BLOCK, "fields give the id", _at("tx", 3, "vout", 0, "scriptPubKey", "hex", to="00")),
    ("rpc", RPC_BLOCK, "fields give the id", _at("tx", 3, "vin", 0, "vout", to=7)),
    ("rpc", RPC_BLOCK, "n: is not", _at("tx", 3, "vout", to=lambda outs: outs[::-1])),
    ("rpc", RPC_BLOCK, "root", _at("tx", to=lambda txs: txs[:-1])),
    ("rpc", RPC_BLOCK, "root", _at("tx", to=lambda txs: [txs[0], *txs[:0:-1]])),
    ("rpc", RPC_BLOCK, "twice", _at("tx", to=lambda txs: [*txs, txs[-1]])),
    ("rpc", RPC_BLOCK, "scriptSig", _at("tx", 0, "vin", 0, "coinbase", to=None)),
    ("rpc", RPC_BLOCK, "header fields", _at("time", to=lambda time: time + 1)),
    ("rpc", RPC_BLOCK, "height", _at("height", to=118)),
    ("rpc", RPC_BLOCK, "best chain", _at("confirmations", to=-1)),
    ("rpc", RPC_BLOCK, "tx", _at("tx", to=lambda txs: [tx["txid"] for tx in txs])),
    ("rpc", RPC_BLOCK, "header fields", _at("previousblockhash", to="11" * 32)),
    ("rpc", f"getblockhash {PEEL.height}", "hexadecimal", lambda _: "zz" * 32),
    ("rpc", f"getblockhash {PEEL.height}", "height", lambda _: TRUTH.main[60].hash),
    ("rest", REST_BLOCK, "merkle", flipped(300)),
    ("rest", REST_BLOCK, "target|work", flipped(70)),
    ("rest", REST_BLOCK, "beyond the end|bytes", lambda body: body[:-20]),
    ("rest", REST_BLOCK, "follow", lambda body: body + b"\0"),
    ("rest", REST_BLOCK, "is the block", lambda _: TRUTH.main[118].raw),
    ("rest", REST_SPENT, "would spend", lambda body: body[:5] + bytes(3) + body[8:]),
    ("rest", REST_SPENT, "as many outputs|beyond the end", lambda body: b"\x02" + body[1:]),
    ("rest", REST_SPENT, "beyond the end|items", lambda body: body[:-9]),
    ("rest", REST_SPENT, "follow", lambda body: body + b"\0"),
    ("rest", f"/rest/blockhashbyheight/{PEEL.height}.json", "height", lambda _: {"blockhash": TRUTH.main[60].hash}),
    ("rest before 30", REST_JSON, "fields give the id", _at("tx", 3, "locktime", to=9)),
    ("esplora", BLOCK_TXIDS, "20 transactions|21", lambda ids: ids[:-1]),
    ("esplora", BLOCK_TXIDS, "Merkle", lambda ids: [ids[0], *ids[:0:-1]]),
    ("esplora", BLOCK_PAGE, "stand there", lambda page: page[:-1]),
    ("esplora", BLOCK_PAGE, "stand there", lambda page: [*page[:-1], page[0]]),
    ("esplora", BLOCK_PAGE, "fields give the id", _at(3, to=lambda tx: cheaper(tx, "value", 9_999_999))),
    ("esplora", BLOCK_PAGE, "do not balance", _at(3, "vout", 0, "value", to=5)),
    ("esplora", BLOCK_PAGE, "do not balance", _at(3, "vin", 0, "prevout", "value", to=5_000_000_000)),
    ("esplora", BLOCK_PAGE, "does not say what it spends", _at(3, "vin", 0, "prevout", to=None)),
    ("esplora", BLOCK_PAGE, "not an amount", _at(3, "vout", 0, "value", to=-1)),
    ("esplora", BLOCK_PAGE, "not what was asked for", _at(3, "vout", 0, "value", to="12")),
    ("esplora", BLOCK_PAGE, "not hexadecimal", _at(3, "vout", 0, "scriptpubkey", to="0x00")),
    ("esplora", f"/block/{PEEL.hash}", "not those of block", _at("nonce", to=lambda nonce: nonce + 1)),
    ("esplora", f"/block/{PEEL.hash}", "height", _at("height", to=118)),
    ("esplora", f"/block/{PEEL.hash}", "tx_count", _at("tx_count", to=1 << 30)),
    ("esplora", f"/block-height/{PEEL.height}", "height", lambda _: TRUTH.main[60].hash),
    ("esplora", f"/block-height/{PEEL.height}", "digits|hexadecimal", lambda _: "<html>"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "words", "lie"), LIES)
def test_a_lie_about_a_block(name: str, asked: str, words: str, lie: Any) -> None:
    """47 wrong answers, none believed: each is an error that names the question, and nothing of it is kept."""
    chain = ADAPTERS[name].chain()
    chain.spoil = lambda question, answer: lie(answer) if question == asked else answer

    async def ask(source: OutputSource) -> None:
        with pytest.raises(BadAnswer, match=words):
            await source.whole_blocks(Window(PEEL.height, PEEL.height))
        assert source.gathered().batches == []

    using(ADAPTERS[name], ask, chain=chain)
    assert asked in chain.asked


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_chain_that_changes_while_it_is_read(name: str) -> None:
    """A block of a lost branch between two of the chain is noticed, whichever is asked first."""
    orphans = TRUTH.orphans[:2]
    chain = ADAPTERS[name].chain([*TRUTH.main[:59], *orphans, *TRUTH.main[61:]])

    async def ask(source: OutputSource) -> None:
        with pytest.raises(BadAnswer, match="follow"):
            await source.whole_blocks(Window(55, 65))

    using(ADAPTERS[name], ask, chain=chain)


def test_a_transaction_above_the_head() -> None:
    txid = TRUTH.main[-1].txs[1].txid

    async def ask(source: OutputSource) -> dict[str, str]:
        await source.head(6)
        return await source.transactions([txid])

    for name in ("rpc", "rest", "esplora"):
        reasons = using(ADAPTERS[name], ask)
        assert reasons == {txid: f"transaction {txid} is in block 330, and this goes up to block 324"}


def test_a_transaction_that_is_not_in_the_block_that_is_said() -> None:
    chain = ESPLORA.chain()
    first, second = (tx.txid for tx in TWICE)
    other = TRUTH.main[118]
    moved = {"confirmed": True, "block_hash": other.hash, "block_height": 118, "block_time": other.time}
    chain.spoil = lambda asked, answer: {**answer, "status": moved} if asked == f"/tx/{second}" else answer

    async def ask(source: OutputSource) -> Any:
        reasons = await source.transactions([first]), await source.transactions([second])
        return reasons, source.gathered()

    (none, some), found = using(ESPLORA, ask, chain=chain)
    assert none == {}
    assert f"does not show the transaction in block {other.hash}" in some[second]
    assert sum(map(len, found.batches)) == 1


def test_a_spender_that_is_no_id() -> None:
    chain = ESPLORA.chain()
    chain.spoil = lambda asked, answer: (
        [{**one, "txid": "../../etc"} for one in answer] if asked.endswith("outspends") else answer
    )
    txid = TRUTH.named["peel"][0]

    async def ask(source: OutputSource) -> Any:
        return await source.spenders([(txid, 1)], TIP.height), source.gathered()

    told, found = using(ESPLORA, ask, chain=chain)
    assert told == {}
    assert "hexadecimal" in found.gap_reasons[txid, 1]


def test_a_network_that_is_not_known() -> None:
    other = Chain(TRUTH.main[1:])
    for name in ADAPTERS:
        with pytest.raises(SourceError, match="no network"):
            using(ADAPTERS[name], _nothing, chain=other)


async def _nothing(_: OutputSource) -> None:
    """Opened, and nothing asked."""


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("1E-8", 1),
        ("0.00000001", 1),
        ("12.34500000", 1_234_500_000),
        ("20999999.99999999", 2_099_999_999_999_999),
    ],
)
def test_coins(text: str, units: int) -> None:
    assert Question("x").satoshi("value", Decimal(text)) == units


@pytest.mark.parametrize("text", ["-1", "0.000000001", "21000001", "NaN", "Infinity", "1E+999999", "1E-999999",
                                  "1.0000000000000000000000000000000000000001"])  # fmt: skip
def test_no_coins(text: str) -> None:
    with pytest.raises(BadAnswer, match="value"):
        Question("getblock").satoshi("value", Decimal(text))


# --- ledgers of which not all was asked -----------------------------------------------------------------------------


@st.composite
def partly_asked(draw: st.DrawFn, most: int = 14) -> UtxoLedger:
    """A ledger of some of a chain's transactions, with the word of a source on some of its outputs."""
    txs: list[Tx] = draw(chains(most=most))
    if any(tx.bears >= 0 for tx in txs):
        return opened(build([raw(txs)], set()))
    batch = raw(txs)
    batch.contiguous = False
    known = sorted(draw(st.sets(st.integers(0, len(txs) - 1), min_size=1)))
    batch.take(np.array(known))
    outputs = [(tx_id(tx).hex(), n) for tx in known for n in range(len(txs[tx].pays))]
    spent = {(tx_id(s[0]).hex(), s[1]) for tx in txs for s in tx.spends}
    return opened(build([batch], set(draw(st.lists(st.sampled_from(outputs), unique=True))) - spent))


@pytest.mark.parametrize("rule", [rule.name for rule in RULES.values() if rule.conserves])
@settings(max_examples=examples(60), deadline=None)
@given(ledger=partly_asked(), data=st.data())
def test_books_balance_where_not_all_was_asked(rule: str, ledger: UtxoLedger, data: st.DataObject) -> None:
    ledger.check_sound()
    plan = data.draw(plans(ledger))
    run = replay(ledger, plan, rule)
    prove(ledger, plan, run)
    rows = run.dyed[run.dyed["output"] >= 0]
    unknown = rows[ledger.output_spender[rows["output"]] == NOT_ASKED]
    assert Stop.CARRIED not in unknown["stop"]
    assert Stop.HELD not in unknown["stop"]
    assert Stop.DATE_LIMIT not in unknown["stop"]
    held = rows[rows["stop"] == Stop.HELD]
    assert (ledger.output_spender[held["output"]] == UNSPENT).all()


@pytest.mark.slow
@pytest.mark.xdist_group("numba")
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=examples(200), deadline=None)
@given(ledger=partly_asked(24), data=st.data())
def test_kernel_is_its_twin_where_not_all_was_asked(rule: str, ledger: UtxoLedger, data: st.DataObject) -> None:
    from dyepack.tracing.utxo import kernel

    plan = data.draw(plans(ledger))
    plain, fast = replay(ledger, plan, rule), kernel.replay(ledger, plan, rule)
    assert plain.replayed == fast.replayed
    assert plain.origin.tolist() == fast.origin.tolist()
    assert plain.dyed.tolist() == fast.dyed.tolist()


def _built(unspent: set[tuple[str, int]] | None) -> Built:
    txs = [Tx([], [("m", 50)], 0), Tx([(0, 0)], [("a", 20), ("b", 29), ("data", 0)], 1)]
    return build([raw(txs)], unspent)


def test_what_was_not_asked() -> None:
    one = tx_id(1).hex()
    assert _built(None).columns["output_spender"].tolist() == [1, UNSPENT, UNSPENT, UNSPENT]
    made = _built({(one, 0), (one, 9), ("ab" * 32, 0)})
    assert made.columns["output_spender"].tolist() == [1, UNSPENT, NOT_ASKED, UNSPENT]
    assert made.columns["output_type"][3] == ScriptType.OP_RETURN
    assert made.counts["not_asked_outputs"] == 1
    assert not made.complete
    assert made.notes == []
    assert supply(opened(made)).holds


def test_the_reason_of_a_gap_backward(tmp_path: Path) -> None:
    live = BitcoinImport([raw([Tx([(-1, 3, 50)], [("a", 50)], 0)])], unspent={(tx_id(0).hex(), 0)},
                         gap_reasons={(tx_id(-1).hex(), 3): "not asked: too old"})  # fmt: skip
    found = traced(live, tmp_path / "l", tx_id(0).hex(), backward=True).statement
    assert [(t.stop, t.place, t.reason) for t in found.terminals] == [
        ("gap", f"{tx_id(-1).hex()}:3", "not asked: too old")
    ]
    assert not found.complete


def test_reasons_are_in_the_manifest_only_where_there_are_any(tmp_path: Path) -> None:
    live = BitcoinImport([raw([Tx([], [("m", 50)], 0)])], unspent=set(), gap_reasons={(tx_id(0).hex(), 0): "why"})
    kept = store(live, tmp_path / "l", chain="test", network="mainnet")
    assert Manifest.from_bytes(kept.to_bytes(), "").gap_reasons == {f"{tx_id(0).hex()}:0": "why"}
    plain = store(BitcoinImport(live.batches), tmp_path / "m", chain="test", network="mainnet")
    assert b"gap_reasons" not in plain.to_bytes()
    assert Manifest.from_bytes(plain.to_bytes(), "").gap_reasons == {}
