"""The ledger: written whole or not at all, and looked up and balanced as a plain reading says."""

from __future__ import annotations

import csv
import fcntl
import gzip
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, LedgerError
from dyepack.ledger.builder import build
from dyepack.ledger.manifest import STATES, Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import AFTER_TRANSACTIONS, COLUMNS, NOWHERE, MoveKind
from dyepack.sources.coverage import read_coverage
from dyepack.sources.etl import import_etl
from dyepack.sources.explorer import import_explorer
from dyepack.sources.result import ETHER, Import
from dyepack.sources.store import store, store_built
from dyepack.synthetic.economy import economy
from dyepack.synthetic.export import export
from tests.effort import examples
from tests.ledgers import Move, address, holding, ledger_of, raw_moves, tx_hash

DATA = Path(__file__).parents[2] / "shared" / "data"
RONIN = DATA / "ronin-2022"
ETL = DATA / "ethereum" / "ethereum-etl"
MOVES = [Move(1, "a", "b", 5), Move(2, "b", "c", 3), Move(2, "b", "", 1, kind=MoveKind.FEE), Move(4, "c", "a", 2)]


def write(path: Path, moves: list[Move], *, replace: bool = False, covers: list[str] | None = None) -> Manifest:
    """An import of moves that come from no file."""
    return store_built(
        Import([raw_moves(moves)], rows=len(moves), assets={ETHER.key: ETHER}), path,
        chain="test", inputs=[{"name": "made"}], native=ETHER, covers=covers, replace=replace,
    )  # fmt: skip


def hashes(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def table(moves: int, seed: int) -> str:
    """A CSV of transfers among a few names."""
    luck = random.Random(seed)
    rows = [f"{n},{n},{tx_hash(n)},{address(luck.choice('abcd'))},{address('e')},{luck.randint(1, 9**30)}"
            for n in range(1, moves)]  # fmt: skip
    return "\n".join(["time,block,tx,from,to,amount", *rows]) + "\n"


KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
import pyarrow.csv
from dyepack.cli.app import main
from dyepack.ledger.reader import Ledger
import dyepack.sources.store, dyepack.sources.transfers, dyepack.sources.repeats

def child(file):
    pid = os.fork()
    if not pid:
        try:
            main(["-q", "import", "transfers", file, "-l", "L", "--replace", "--chain", "t", "--asset", "n"])
        except SystemExit as left:
            os._exit(left.code or 0)
        os._exit(9)
    return pid

def whole(file):
    start = time.perf_counter()
    assert os.waitpid(child(file), 0)[1] == 0
    return Ledger.open(Path("L")).sha256, time.perf_counter() - start

os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
names = {whole(f)[0]: f for f in ("x.csv", "y.csv")}
took = min(whole(f)[1] for f in ("x.csv", "y.csv"))
luck = random.Random(int(sys.argv[1]))
killed = partial = changed = rounds = 0
while rounds < 150 and (killed < 60 or not partial):
    rounds += 1
    old = Ledger.open(Path("L")).sha256
    pid = child("y.csv" if names[old] == "x.csv" else "x.csv")
    time.sleep(luck.uniform(0.3 if partial else 0, 1.0) * took)
    os.kill(pid, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    partial += any(p.is_dir() for p in Path("L").glob(".partial-*"))
    now = Ledger.open(Path("L"))
    assert now.sha256 in names and now.verify() == [], "the ledger was torn"
    changed += now.sha256 != old
last = whole("x.csv")[0]
json.dump({"killed": killed, "partial": partial, "changed": changed, "last": names[last]}, sys.stderr)
"""


@pytest.mark.slow
def test_a_killed_import_leaves_the_old_ledger(tmp_path: Path) -> None:
    """kill -9 at random moments of real imports over a ledger: the old or the new one, always whole."""
    for name, seed in (("x.csv", 1), ("y.csv", 2)):
        (tmp_path / name).write_text(table(4000, seed))
    subprocess.run(
        [sys.executable, "-c", "import sys; from dyepack.cli.app import main; main(sys.argv[1:])", "-q", "import",
         "transfers", "y.csv", "-l", "L", "--chain", "t", "--asset", "n"], cwd=tmp_path, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", KILLER, "7"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stderr)
    assert seen["killed"] >= 20
    assert seen["partial"] >= 1
    folders = [p for p in (tmp_path / "L").iterdir() if p.is_dir()]
    assert [p.name for p in folders] == [(tmp_path / "L" / "CURRENT").read_text().strip()]
    assert seen["last"] == "x.csv"


DYING = """
import os, sys
from pathlib import Path
from tests.test_ledger import MOVES, write
rename = Path.rename
def die(self, target):
    os._exit(9)
Path.rename = die
write(Path(sys.argv[1]), MOVES, replace=True)
"""


def test_an_import_of_the_same_content_killed_before_its_rename(tmp_path: Path) -> None:
    made = write(tmp_path / "L", MOVES)
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path / "L")], cwd=Path(__file__).parents[1], check=False
    )
    assert done.returncode in (0, 9)
    assert Ledger.open(tmp_path / "L").sha256 == made.sha256()


def test_the_next_import_removes_everything_a_killed_one_left(tmp_path: Path) -> None:
    write(tmp_path / "L", MOVES)
    (tmp_path / "L" / ".partial-1").mkdir()
    (tmp_path / "L" / ".partial-1" / "entry.npy").write_bytes(b"half")
    (tmp_path / "L" / ".partial-1-CURRENT").write_bytes(b"half")
    made = write(tmp_path / "L", MOVES[:2], replace=True)
    assert sorted(p.name for p in (tmp_path / "L").iterdir()) == sorted([".lock", "CURRENT", made.sha256()[:16]])


def test_a_failed_write_leaves_the_old_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "L", MOVES)
    before = hashes(tmp_path / "L")
    synced = 0

    def full(number: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 11:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write(tmp_path / "L", MOVES[:2], replace=True)
    assert hashes(tmp_path / "L") == before


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", MOVES), write(tmp_path / "a" / "two", MOVES)
    assert one.sha256() == two.sha256() == Ledger.open(tmp_path / "one").sha256
    assert hashes(tmp_path / "one") == hashes(tmp_path / "a" / "two")
    assert write(tmp_path / "one", MOVES, replace=True).sha256() == one.sha256()
    assert write(tmp_path / "three", MOVES[:3]).sha256() != one.sha256()


def test_the_same_content_again_is_left_as_it_is_and_damage_is_mended(tmp_path: Path) -> None:
    name = write(tmp_path / "L", MOVES).sha256()[:16]
    file = tmp_path / "L" / name / "move_amount.npy"
    before = file.stat()
    write(tmp_path / "L", MOVES, replace=True)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert Ledger.open(tmp_path / "L").verify() == ["move_amount"]
    write(tmp_path / "L", MOVES, replace=True)
    assert Ledger.open(tmp_path / "L").verify() == []
    assert {p.name for p in (tmp_path / "L").iterdir()} == {".lock", "CURRENT", f"{name}-2"}


def test_one_import_at_a_time(tmp_path: Path) -> None:
    write(tmp_path / "L", MOVES)
    before = hashes(tmp_path / "L")
    with (tmp_path / "L" / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match="another import is writing"):
            write(tmp_path / "L", MOVES[:2], replace=True)
    assert hashes(tmp_path / "L") == before
    write(tmp_path / "L", MOVES[:2], replace=True)


def test_a_place_that_cannot_be_written_is_a_fault_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (Path("/proc/nope/L"), tmp_path / "file" / "L"):
        with pytest.raises(LedgerError, match="cannot be written"):
            write(place, MOVES)


def test_a_first_import_killed_before_it_was_in_force_is_not_in_the_way(tmp_path: Path) -> None:
    write(tmp_path / "L", MOVES)
    (tmp_path / "L" / "CURRENT").unlink()
    made = write(tmp_path / "L", MOVES[:2])
    assert sorted(p.name for p in (tmp_path / "L").iterdir()) == sorted([".lock", "CURRENT", made.sha256()[:16]])


@pytest.mark.parametrize("replace", [False, True])
def test_what_is_no_ledger_is_not_replaced(tmp_path: Path, *, replace: bool) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "will.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = hashes(tmp_path)
    for place in ("papers", "file"):
        with pytest.raises(LedgerError):
            write(tmp_path / place, MOVES, replace=replace)
    assert hashes(tmp_path) == before


def test_a_database_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "chaindata" / "ancient").mkdir(parents=True)
    (tmp_path / "chaindata" / "CURRENT").write_text("MANIFEST-000007\n")
    (tmp_path / "chaindata" / "ancient" / "bodies").write_text("terabytes")
    before = hashes(tmp_path)
    with pytest.raises(LedgerError):
        write(tmp_path / "chaindata", MOVES, replace=True)
    assert hashes(tmp_path) == before


@pytest.mark.parametrize("named", ["0123456789abcdef", "../other", "0123456789abcdef-x"])
def test_a_pointer_to_no_content_makes_no_ledger(tmp_path: Path, named: str) -> None:
    (tmp_path / "L" / "0123456789abcdef").mkdir(parents=True)
    (tmp_path / "L" / "CURRENT").write_text(named)
    (tmp_path / "L" / "0123456789abcdef" / "data").write_text("mine")
    before = hashes(tmp_path)
    with pytest.raises(LedgerError, match="other files"):
        write(tmp_path / "L", MOVES, replace=True)
    assert hashes(tmp_path) == before


def test_columns_are_read_only_even_if_empty_and_those_of_the_schema(tmp_path: Path) -> None:
    write(tmp_path / "L", MOVES[1:2])
    write(tmp_path / "none", [])
    for name in ("L", "none"):
        ledger = Ledger.open(tmp_path / name)
        assert sorted(COLUMNS) == sorted(c.name for c in ledger.manifest.columns if c.dtype != "jsonl")
        assert not any(getattr(ledger, column).flags.writeable for column in COLUMNS)
    assert Ledger.open(tmp_path / "none").moves == 0


def test_block_rewards_stand_after_the_ranked_transactions(tmp_path: Path) -> None:
    world = economy(2_000, dyed_moves=100)
    sent, tokens, traces = export(world.moves, tmp_path)
    moves = import_etl(transactions=[sent], token_transfers=[tokens], traces=[traces])
    store(moves, tmp_path / "L", chain="t", files=[sent, tokens, traces], native=ETHER, covers=None, complete=True)
    ledger = Ledger.open(tmp_path / "L")
    rank = ledger.tx_index[ledger.move_tx]
    native = np.array([ledger.move_asset(m) == 0 for m in range(ledger.moves)])
    reward = (ledger.move_kind == MoveKind.ISSUE) & native
    assert reward.any()
    assert (rank[reward] == AFTER_TRANSACTIONS).all()
    assert (rank[~reward] < AFTER_TRANSACTIONS).all()
    assert ledger.moves == len(world.moves)
    blocks = ledger.tx_block.tolist()
    assert set(ledger.tx_block[ledger.move_tx[reward]].tolist()) & set(
        ledger.tx_block[ledger.move_tx[~reward]].tolist()
    )
    assert blocks == sorted(blocks)
    assert ledger.verify() == []


def test_covered_addresses_that_are_not_there_are_counted(tmp_path: Path) -> None:
    made = write(tmp_path / "L", MOVES, covers=[address("a"), address("zz"), address("zz").upper().replace("0X", "0x")])
    assert made.counts["covered_addresses_not_seen"] == 1
    (tmp_path / "who.csv").write_text(f"address,full_history_in_ledger\n{address('a')},1\n{address('b')},0\n")
    covers = read_coverage(tmp_path / "who.csv")
    assert ([text for _, text in covers.lines], covers.left_out) == ([address("a")], 1)
    with pytest.raises(InputError, match="none of its addresses"):
        write(tmp_path / "other", MOVES, covers=[address("zz")])


def test_damage_is_found_by_verify(tmp_path: Path) -> None:
    write(tmp_path / "L", MOVES)
    folder = Ledger.open(tmp_path / "L").folder
    assert Ledger.open(tmp_path / "L").verify() == []
    for name in ("move_amount", "gap_move", "tx_id"):
        raw = (folder / f"{name}.npy").read_bytes()
        (folder / f"{name}.npy").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        assert Ledger.open(tmp_path / "L").verify() == [name]
        (folder / f"{name}.npy").write_bytes(raw)


@cache
def ronin_rows() -> list[dict[str, str]]:
    with gzip.open(RONIN / "ledger.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ronin(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    path = tmp_path_factory.mktemp("ronin") / "L"
    file = RONIN / "ledger.csv.gz"
    store(import_explorer([file]), path, chain="ethereum", files=[file], native=ETHER,
          covers=read_coverage(RONIN / "addresses.csv"))  # fmt: skip
    return Ledger.open(path)


Moved = tuple[str, str, str, int]
"""(from, to, asset, units); "" is nowhere."""


def check_look_up(ledger: Ledger, expected: dict[str, list[Moved]], places: dict[str, tuple[int, int, int]]) -> None:
    """Every transaction, address and holding of a plain reading is found, and nothing else is there."""
    assert len(ledger.tx_block) == len(expected)
    for text, moves in expected.items():
        tx = ledger.find_tx(text.upper().replace("0X", "0x"))
        assert tx is not None
        assert ledger.tx_text(tx) == text
        assert (int(ledger.tx_block[tx]), int(ledger.tx_index[tx]), int(ledger.tx_time[tx])) == places[text]
        found = [(ledger.place_text(int(ledger.move_from[m])), ledger.place_text(int(ledger.move_to[m])),
                  ledger.assets[ledger.move_asset(m)].key, ledger.amount(m)) for m in ledger.tx_moves(tx)]  # fmt: skip
        assert sorted(found) == sorted(moves)
        assert ledger.find_tx(text[:-1] + ("0" if text[-1] != "0" else "1")) is None
    held = {(end, m[2]) for moves in expected.values() for m in moves for end in m[:2] if end}
    assert len(ledger.holding_key) == len(held)
    assert len(ledger.address_id) == len({end for end, _ in held})
    for end, asset in held:
        number, key = ledger.find_address("0x" + end[2:].upper()), ledger.asset_id(asset)
        assert number is not None
        assert key is not None
        assert ledger.address_text(number) == end
        at = ledger.find_holding(number, key)
        assert at is not None
        assert (ledger.holding_address(at), ledger.holding_asset(at)) == (number, key)
        assert ledger.find_address(end[:-1] + ("0" if end[-1] != "0" else "1")) is None
    assert [ledger.find_tx(text) for text in ("", "0x", "0x12", "zz", "0x" + "g" * 64)] == [None] * 5
    assert ledger.find_holding(len(ledger.address_id), 0) is None


@pytest.mark.shared
def test_ronin_is_found_as_a_plain_reading_finds_it(ronin: Ledger) -> None:
    expected, places = defaultdict[str, list[Moved]](list), {}
    for r in ronin_rows():
        places[r["hash"]] = (int(r["block_number"]), int(r["transaction_index"]), int(r["timestamp"]))
        if int(r["value_wei"]) and r["is_error"] == "0":
            expected[r["hash"]].append((r["from"], r["to"] or r["contract_created"], "native", int(r["value_wei"])))
        if fee := int(r["gas_price"]) * int(r["gas_used"]):
            expected[r["hash"]].append((r["from"], "", "native", fee))
    assert len(expected) == 3755
    check_look_up(ronin, dict(expected), places)


@pytest.mark.shared
def test_etl_is_found_as_a_plain_reading_finds_it(tmp_path: Path) -> None:
    sent = sorted(ETL.glob("test_export_blocks_job/*/expected_transactions.csv"))
    tokens = sorted(ETL.glob("test_export_token_transfers_job/*/expected_token_transfers.csv"))
    files = [*sent, *tokens]
    store(import_etl(transactions=sent, token_transfers=tokens), tmp_path / "L", chain="ethereum", files=files,
          native=ETHER, covers=None, complete=True)  # fmt: skip
    expected, places, where = defaultdict[str, list[Moved]](list), {}, {}
    for file in files:
        with file.open(newline="") as text:
            for r in csv.DictReader(text):
                if "hash" in r:
                    where[r["hash"]] = tuple(
                        int(r[n]) for n in ("block_number", "transaction_index", "block_timestamp")
                    )
                    move = (r["from_address"], r["to_address"], "native", int(r["value"]))
                else:
                    move = (r["from_address"], r["to_address"], r["token_address"], int(r["value"]))
                tx = r.get("hash") or r["transaction_hash"]
                if move[3] and move not in expected[tx]:
                    expected[tx].append(move)
    expected = defaultdict(list, {k: v for k, v in expected.items() if v})
    places = {k: (v[0], v[1], v[2]) for k, v in where.items()}
    ledger = Ledger.open(tmp_path / "L")
    assert any(m[2] != "native" for moves in expected.values() for m in moves)
    check_look_up(ledger, dict(expected), places)
    assert ledger.manifest.completeness == {STATES[0]: len(ledger.holding_key), STATES[1]: 0, STATES[2]: 0}


@pytest.mark.shared
def test_ronin_states_are_those_of_the_covered_addresses(ronin: Ledger) -> None:
    with (RONIN / "addresses.csv").open(newline="") as file:
        covered = {r["address"] for r in csv.DictReader(file) if r["full_history_in_ledger"] == "1"}
    for h in range(len(ronin.holding_key)):
        assert ronin.holding_state[h] == (0 if ronin.place_text(h) in covered else 1)
    assert {0, 1} == set(ronin.holding_state.tolist())


def test_states_of_covered_and_other_addresses(tmp_path: Path) -> None:
    write(tmp_path / "some", MOVES, covers=[address("a"), address("zz")])
    write(tmp_path / "none", MOVES, covers=[])
    write(tmp_path / "unsaid", MOVES)
    some, none, unsaid = (Ledger.open(tmp_path / name) for name in ("some", "none", "unsaid"))
    assert [int(some.holding_state[holding(some, name)]) for name in "abc"] == [0, 1, 1]
    assert list(some.manifest.completeness.values()) == [1, 2, 0]
    assert set(none.holding_state.tolist()) == {1}
    assert set(unsaid.holding_state.tolist()) == {2}


def test_ids_that_begin_alike_are_told_apart() -> None:
    """The look-up keys are eight bytes: longer common beginnings are the rule in these ids."""
    ledger = ledger_of([Move(n, f"samestart{n:03d}", f"samestart{n + 1:03d}", n + 1) for n in range(200)])
    assert len(set(ledger.tx_find_key.tolist())) == len(set(ledger.address_find_key.tolist())) == 1
    for n in range(200):
        tx = ledger.find_tx(tx_hash(n))
        assert tx is not None
        assert ledger.tx_text(tx) == tx_hash(n)
        assert ledger.place_text(holding(ledger, f"samestart{n:03d}")) == address(f"samestart{n:03d}")
    assert ledger.find_tx(tx_hash(200)) is None
    assert ledger.find_address(address("samestart201")) is None


@st.composite
def busy(draw: st.DrawFn) -> list[Move]:
    """Few holdings with many entries each: small amounts, amounts near 128 bits, gaps, fees, mints, self-moves."""
    luck = random.Random(draw(st.integers(0, 2**32)))
    near = draw(st.sampled_from([0.0, 0.02, 0.5]))
    names = "abc"[: draw(st.integers(1, 3))]
    moves = []
    for n in range(draw(st.integers(100, 330))):
        top = luck.random() < near
        units = (
            luck.randint(2**127, 2**128 - 1) if top else luck.choice([1, 7, 2**64 - 1, 2**64, luck.randint(1, 2**90)])
        )
        kind = luck.choice([MoveKind.VALUE, MoveKind.TOKEN, MoveKind.FEE, MoveKind.ISSUE])
        asset = luck.choice(["native", "tok"]) if kind == MoveKind.TOKEN else "native"
        sender = "" if kind == MoveKind.ISSUE else luck.choice(names)
        receiver = "" if kind == MoveKind.FEE else luck.choice(names)
        moves.append(Move(n // 3, sender, receiver, units, asset, kind, n))
    return moves


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(busy())
def test_entries_are_all_there_and_balances_are_plain_running_sums(moves: list[Move]) -> None:
    ledger = ledger_of(moves)
    ends = [(int(ledger.move_from[m]), int(ledger.move_to[m])) for m in range(ledger.moves)]
    plain = defaultdict[int, list[int]](list)
    for m, (sender, receiver) in enumerate(ends):
        for end, direction in ((sender, 0), (receiver, 1)):
            if end != NOWHERE:
                plain[end].append(m << 1 | direction)
    assert int(ledger.entry_offset[-1]) == len(ledger.entry) == sum(map(len, plain.values()))
    gaps = {}
    for h in range(len(ledger.holding_key)):
        assert ledger.entries(h).tolist() == plain[h]
        balance = 0
        for place, code in enumerate(plain[h]):
            assert ledger.balance_before(h, place) == balance
            units = ledger.amount(code >> 1)
            if not code & 1 and units > balance and not ledger.holding_wide[h]:
                gaps[code >> 1] = units - balance
            balance = balance + units if code & 1 else max(balance - units, 0)
            assert balance < 1 << 128 or ledger.holding_wide[h]
        assert ledger.balance_before(h, len(plain[h])) == balance
    found = {m: lo | hi << 64 for m, (lo, hi) in zip(ledger.gap_move.tolist(), ledger.gap_amount.tolist(), strict=True)}
    assert {m: u for m, u in found.items() if not ledger.holding_wide[ends[m][0]]} == gaps


def test_moves_are_in_chain_order_whatever_their_batch() -> None:
    late, early = raw_moves(MOVES[2:], "late"), raw_moves(MOVES[:2], "early")
    built = build([late, early])
    assert built.columns["tx_block"].tolist() == [1, 2, 4]
    assert built.columns["move_kind"].tolist() == [0, 0, MoveKind.FEE, 0]
