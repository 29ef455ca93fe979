"""Bitcoin through the command line: from blocks to a statement, and every kind of bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dyepack.cli.app import main
from dyepack.ledger.utxo.reader import UtxoLedger
from tests import blocks as build
from tests.bitcoin_forms import chain, getblock
from tests.bitcoin_forms import write as write_json
from tests.blocks import COIN, Builder, Tx, op_return, p2pkh, p2sh, p2tr, p2wpkh, spend, subsidy, write_blk, write_rev

FIRST_MB = Path(__file__).parents[2] / "shared/data/bitcoin/jeffchan/blk00000_first1MB.dat"
COINBASE_9 = "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9"
HAL = "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"
KEY = bytes.fromhex("ba6af888ac661103")
VICTIM, THIEF, HELPER, SHOP, EXCHANGE = (
    p2wpkh("victim"), p2pkh("thief"), p2tr("helper"), p2sh("shop"), p2wpkh("exchange"))  # fmt: skip
ABSENT = p2pkh("nobody").text() or ""


def run(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(w) for w in words])
    return int(left.value.code or 0)


@dataclass
class Story:
    """A theft of 40 coins in blocks: to the thief, who spends it with a helper's 50, at a shop and an exchange."""

    made: Builder
    theft: Tx
    mixed: Tx

    def write(self, folder: Path, *, key: bytes | None = None) -> Path:
        folder.mkdir()
        write_blk([b.raw for b in self.made.blocks], folder / "blk00000.dat", key, zeros=512)
        write_rev(self.made.blocks, folder / "rev00000.dat", key)
        if key:
            (folder / "xor.dat").write_bytes(key)
        return folder


@pytest.fixture(scope="module")
def story() -> Story:
    made = Builder()
    first = made.mine(to=VICTIM).txs[0]
    second = made.mine(to=HELPER).txs[0]
    theft = spend([first.coin(0)], [(40 * COIN, THIEF), (10 * COIN - 1_000, VICTIM)])
    made.mine([theft])
    outs = [(30 * COIN, SHOP), (0, op_return(b"hello")), (60 * COIN - 3_000, EXCHANGE)]
    mixed = spend([theft.coin(0), second.coin(0)], outs)
    made.mine([mixed])
    return Story(made, theft, mixed)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Story) -> Path:
    """A folder with the blocks, and a tag on the exchange."""
    monkeypatch.chdir(tmp_path)
    story.write(Path("blocks"))
    Path("tags.csv").write_text(f"address,label,kind\n{EXCHANGE.text()},The Exchange,exchange\n")
    return tmp_path


def output(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> str:
    capsys.readouterr()
    assert run(*words) == code
    return capsys.readouterr().out


def test_from_blocks_to_a_statement(desk: Path, story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, "import", "bitcoin", "blocks", "-l", "L")
    assert "L: 7 transactions in 5 blocks" in shown
    info = " ".join(output(capsys, "ledger", "info", "L", "--check").split())
    made = sum(map(subsidy, range(5)))
    assert f"new coins {made // COIN} BTC" in info
    assert "exact: claimed + brought = unspent + destroyed + fees" in info
    assert "(every move between the first and last position is here)" in info
    assert not list(desk.glob(".*")), "segments are gone once the ledger is written"
    words = ("--tx", story.theft.txid, "--tags", "tags.csv", "--out", "C", "--html", "p.html", "--json")
    statement = json.loads(output(capsys, "trace", "-l", "L", *words))
    found = {(t["stop"], t["entity"] or t["place"]): t["amounts"] for t in statement["terminals"]}
    shop, exchange = ("held", SHOP.text()), ("service", "The Exchange")
    assert found[shop]["fifo"] == str(30 * COIN)
    assert found[exchange]["fifo"] == str(10 * COIN)
    assert found[exchange]["taint-first"] == str(40 * COIN)
    assert found[shop]["haircut"] == str(30 * COIN * 40 // 90)
    assert statement["complete"]
    assert json.loads(output(capsys, "statement", "C", "--json")) == statement
    text = output(capsys, "statement", "C")
    assert "leg 1 native: 40 BTC in 1 move (1 output in the ledger)" in text
    assert "the books balance: 7 of 7 proofs hold" in text
    route = output(capsys, "path", "C", "exchange")
    assert "route 1 of 1: 10 BTC in 2 hops" in route
    assert story.mixed.txid in route
    assert "same bytes" in output(capsys, "rerun", "C", "--ledger", "L")
    assert str(EXCHANGE.text()) in Path("p.html").read_text()


def test_options_of_a_trace(desk: Path, story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-q", "import", "bitcoin", "blocks", "-l", "L", "--chain", "play") == 0
    assert output(capsys, "ledger", "info", "L").split()[:2] == ["chain", "play"]
    trace = ("trace", "-l", "L", "--tx", story.theft.txid, "--json")

    def dyed(*words: str) -> dict[str, str]:
        data = json.loads(output(capsys, *trace, *words))
        amounts = [(t["place"] or t["stop"], t["amounts"][data["rule"]]) for t in data["terminals"]]
        return {place: units for place, units in amounts if units != "0"}

    shop, exchange = str(SHOP.text()), str(EXCHANGE.text())
    assert dyed("--rule", "lifo-a", "--fees", "last")[exchange] == str(40 * COIN - 3_000)
    assert dyed("--rule", "lifo-a", "--fees", "first")[exchange] == str(40 * COIN)
    assert dyed("--fees", "first")[shop] == str(30 * COIN)
    assert dyed("--rule", "lifo-a")["fee"] == "3000"
    followed = dyed("--rule", "lifo-a", "--follow-fees")
    assert followed[str(build.p2wsh("miner 4").text())] == "3000"
    assert dyed("--stop", f"{THIEF.text()}=seized") == {str(THIEF.text()): str(40 * COIN)}
    back = json.loads(output(capsys, "trace", "-l", "L", "--backward", "--tx", story.mixed.txid, "--json"))
    assert {(t["stop"], t["place"]): t["amounts"]["fifo"] for t in back["terminals"]} == {
        ("issued", VICTIM.text()): str(40 * COIN), ("issued", HELPER.text()): str(50 * COIN - 3_000)}  # fmt: skip


@pytest.mark.xdist_group("numba")
@pytest.mark.slow
def test_clusters_and_exposure(desk: Path, story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-q", "import", "bitcoin", "blocks", "-l", "L") == 0
    found = json.loads(output(capsys, "clusters", str(THIEF.text()), "-l", "L", "--json"))
    assert sorted(found["members"]) == sorted([str(THIEF.text()), str(HELPER.text())])
    why = output(capsys, "clusters", str(THIEF.text()), "-l", "L", "--explain", str(HELPER.text()))
    assert story.mixed.txid in why
    rows = json.loads(output(capsys, "exposure", str(SHOP.text()), "-l", "L", "--tx", story.theft.txid, "--json"))
    (row,) = rows["exposures"]
    assert (row["received"], row["received_poisoned"]) == (str(30 * COIN), str(30 * COIN))
    assert abs(int(row["received_dyed"]) - 30 * COIN * 40 // 90) <= 1


def test_masked_files_and_single_blocks_give_the_same_ledger(desk: Path, story: Story) -> None:
    masked = story.write(desk / "masked", key=KEY)
    for number, block in enumerate(story.made.blocks):
        Path(f"{number}.raw").write_bytes(block.raw)
        with Path("blocks.hex").open("a") as out:
            out.write(block.raw.hex() + "\n")
    sources: list[list[str | Path]] = [["blocks"], [masked], [f"{n}.raw" for n in (3, 0, 4, 1, 2)], ["blocks.hex"]]
    columns = []
    for number, source in enumerate(sources):
        assert run("-q", "import", "bitcoin", *source, "-l", f"L{number}") == 0
        opened = UtxoLedger.open(Path(f"L{number}"))
        assert opened.manifest.network == "regtest"
        columns.append({c.name: c.sha256 for c in opened.manifest.columns})
    assert all(c == columns[0] for c in columns)


def test_getblock_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = chain()
    write_json(Path("b.json"), *(getblock(b) for b in blocks))
    shown = output(capsys, "import", "bitcoin", "b.json", "-l", "L", "--network", "mainnet")
    assert "L: 4 transactions in 2 blocks" in shown
    assert "exact: claimed + brought" in output(capsys, "ledger", "info", "L", "--check")
    txid = blocks[0].txs[0].txid.hex()
    assert run("-q", "trace", "-l", "L", "--tx", txid, "--out", "C") == 0
    assert run("-q", "rerun", "C", "-l", "L") == 0
    made = json.loads(output(capsys, "import", "bitcoin", "b.json", "-l", "L", "--replace", "--json"))
    assert (made["model"], made["network"], made["counts"]["blocks"]) == ("outputs", "mainnet", 2)
    assert made["sha256"] == UtxoLedger.open(Path("L")).sha256


@pytest.mark.shared
def test_the_first_megabyte_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = output(capsys, "import", "bitcoin", FIRST_MB, "-l", "L")
    assert "L: 4,371 transactions in 4,313 blocks" in shown
    info = " ".join(output(capsys, "ledger", "info", "L", "--check").split())
    assert f"new coins {50 * 4_313:,} BTC" in info
    assert "exact: claimed + brought" in info
    assert "first position block 0, 2009-01-03T18:15:05" in info
    assert run("-q", "trace", "-l", "L", "--tx", COINBASE_9, "--out", "C") == 0
    assert "route 1 of 1: 10 BTC in 2 hops" in output(capsys, "path", "C", HAL)
    assert run("-q", "rerun", "C", "-l", "L") == 0
    words = ("trace", "-l", "L", "--tx", COINBASE_9, "--until", "2009-01-11", "--json")
    (held,) = json.loads(output(capsys, *words))["terminals"]
    assert (held["stop"], held["amounts"]["fifo"]) == ("date_limit", str(50 * COIN))


# --- bad input ------------------------------------------------------------------------------------------------------

IMPORT = ("import", "bitcoin", "x", "-l", "new")
TRACE = ("trace", "-l", "L", "--out", "new")


@dataclass
class Bad:
    """One fault: a change to the desk, the command, its exit code, and what its one sentence must say."""

    name: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    change: Callable[[Story], object] | None = None
    code: int = 1


def data(content: bytes | str) -> Callable[[Story], object]:
    raw = content.encode() if isinstance(content, str) else content
    return lambda _: Path("x").write_bytes(raw)


def block(change: Callable[[bytes], bytes]) -> Callable[[Story], object]:
    """The block of the theft alone, changed."""
    return lambda story: Path("x").write_bytes(change(story.made.blocks[3].raw))


def node(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Story], object]:
    """A node's file in a folder x, of changed blocks."""

    def make(story: Story) -> None:
        Path("x").mkdir()
        write_blk(change([b.raw for b in story.made.blocks]), Path("x/blk00000.dat"))

    return make


def answers(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Story], object]:
    """Two getblock answers, changed."""

    def make(_: Story) -> None:
        values = [getblock(b) for b in chain()]
        change(values)
        write_json(Path("x"), *values)

    return make


def accounts(_: Story) -> None:
    """A ledger of accounts in place of L."""
    Path("t.csv").write_text(f"time,tx,from,to,amount\n1,0x{1:064x},0x{1:040x},0x{2:040x},5\n")
    shutil.rmtree("L")
    assert run("-q", "import", "transfers", "t.csv", "-l", "L", "--chain", "t", "--asset", "native") == 0


BAD = [
    Bad("no such file", IMPORT, ("x", "does not exist")),
    Bad("empty file", IMPORT, ("x", "empty"), data(b"")),
    Bad("words", IMPORT, ("x", "nothing that can be imported"), data("hello\n")),
    Bad("a table of other columns", IMPORT, ("x",), data("time,tx,from,to,amount\n1,2,3,4,5\n")),
    Bad("JSON of another form", IMPORT, ("x, line 1", "'a'"), data('{"a": 1}')),
    Bad("empty folder", IMPORT, ("x", "folder without files"), lambda _: Path("x").mkdir()),
    Bad("half a block", IMPORT, ("x",), block(lambda raw: raw[: len(raw) // 2])),
    Bad("an output of another script", IMPORT, ("x", "merkle"),
        block(lambda raw: raw.replace(THIEF.script, p2pkh("other").script))),
    Bad("a byte of the header changed", IMPORT, ("x",), block(lambda r: r[:40] + bytes([r[40] ^ 1]) + r[41:])),
    Bad("no block", IMPORT, ("x",), node(lambda _: [])),
    Bad("two forms", ("import", "bitcoin", "blocks", "x", "-l", "new"), ("x", "getblock", "one form at a time"),
        answers(lambda _: None)),
    Bad("an amount changed", IMPORT, ("x",), answers(lambda v: v[1]["tx"][1]["vout"][0].update(value="@1.00000000@"))),
    Bad("network unknown", (*IMPORT, "--network", "moonnet"), ("'moonnet'", "regtest"), data("x"), code=2),
    Bad("another network", ("import", "bitcoin", "blocks", "-l", "new", "--network", "mainnet"),
        ("is of regtest, not of mainnet",)),
    Bad("a height where files say theirs", (*IMPORT, "--first-height", "7"), ("first height",),
        answers(lambda _: None), code=2),
    Bad("workers", (*IMPORT, "--workers", "0"), ("--workers",), code=2),
    Bad("no path", ("import", "bitcoin", "-l", "new"), ("'paths'",), code=2),
    Bad("a ledger in the way", ("import", "bitcoin", "x", "-l", "L"), ("L already holds", "--replace")),
    Bad("other files in the way", ("import", "bitcoin", "blocks", "-l", "blocks"), ("other files",)),
    Bad("replace what is no ledger", ("import", "bitcoin", "blocks", "-l", "blocks", "--replace"), ("other files",)),
    Bad("place that cannot be written", ("import", "bitcoin", "blocks", "-l", "/proc/no/L"), ("/proc/no",)),
    Bad("transaction unknown", (*TRACE, "--tx", "77" * 32), ("7777", "not in the ledger", "import the block")),
    Bad("transaction malformed", (*TRACE, "--tx", "zz"), ("'zz'", "not in the ledger")),
    Bad("fees of accounts", (*TRACE, "--tx", "THEFT", "--fees", "clean-first"), ("last or first",), code=2),
    Bad("haircut backward", (*TRACE, "--tx", "THEFT", "--backward", "--rule", "haircut"), ("backward",), code=2),
    Bad("fees backward", (*TRACE, "--tx", "THEFT", "--backward", "--follow-fees"), ("backward",), code=2),
    Bad("an address of another network", (*TRACE, "--tx", "THEFT", "--stop", f"{HAL}=x"), (HAL, "not in the ledger")),
    Bad("asset unknown", (*TRACE, "--tx", "THEFT", "--asset", "gold"), ("'gold'", "'native'")),
    Bad("clusters of an unknown address", ("clusters", ABSENT, "-l", "L"), (ABSENT, "regtest"), code=2),
    Bad("clusters of accounts", ("clusters", ABSENT, "-l", "L"), ("is a ledger of accounts",), accounts),
    Bad("exposure of accounts", ("exposure", ABSENT, "-l", "L", "--tx", "THEFT"), ("is a ledger of accounts",),
        accounts),
    Bad("exposure to nothing", ("exposure", str(SHOP.text()), "-l", "L"), ("what was stolen",), code=2),
    Bad("fees of a ledger of accounts", ("trace", "-l", "L", "--tx", f"0x{1:064x}", "--follow-fees"),
        ("ledgers of outputs",), accounts, code=2),
    Bad("a column cut", (*TRACE, "--tx", "THEFT"), ("output_value.npy", "missing or damaged"),
        lambda _: next(Path("L").glob("*/output_value.npy")).write_bytes(b"")),
    Bad("a column changed", ("ledger", "info", "L", "--check"), ("changed since the import: tx_id",),
        lambda _: spoil(next(Path("L").glob("*/tx_id.npy")))),
]  # fmt: skip


def spoil(file: Path) -> None:
    raw = file.read_bytes()
    file.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, story: Story) -> Path:
    """A folder with blocks and their ledger L."""
    folder = tmp_path_factory.mktemp("ready")
    story.write(folder / "blocks")
    assert run("-q", "import", "bitcoin", folder / "blocks", "-l", folder / "L") == 0
    return folder


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_input(
    bad: Bad, ready: Path, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One sentence with a hint, no stack, nothing written."""
    desk = tmp_path / "desk"
    shutil.copytree(ready, desk)
    monkeypatch.chdir(desk)
    if bad.change:
        bad.change(story)
    before = contents(desk)
    capsys.readouterr()
    code = run(*(story.theft.txid if w == "THEFT" else w for w in bad.words))
    shown = capsys.readouterr()
    assert (code, shown.out) == (bad.code, "")
    assert shown.err.count("dyepack: ") == shown.err.count("hint: ") == 1
    assert "Traceback" not in shown.err
    for text in bad.says:
        assert text in shown.err, shown.err
    # What was read of a node's files is kept for the next try.
    assert {k: v for k, v in contents(desk).items() if not k.startswith(".new.import")} == before


def test_a_double_spend_is_refused_and_the_ledger_stays(
    desk: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-q", "import", "bitcoin", "blocks", "-l", "L") == 0
    before = contents(Path("L"))
    again = Builder(list(story.made.blocks))
    double = spend([story.theft.coin(0)], [(1, SHOP)])
    again.mine([double])
    write_blk([b.raw for b in again.blocks], Path("x"))
    capsys.readouterr()
    assert run("import", "bitcoin", "x", "-l", "L", "--replace") == 1
    shown = capsys.readouterr().err
    assert f"transaction {double.txid} of block 5 spends an output that transaction {story.mixed.txid}" in shown
    assert contents(Path("L")) == before
