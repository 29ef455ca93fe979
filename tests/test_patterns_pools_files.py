"""Event files of a pool: what is read, and what is refused."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.patterns.pools.history import Deposits, Withdrawals
from dyepack.patterns.pools.known import pool_named
from dyepack.patterns.pools.reader import read_events, read_folder, read_history
from tests.effort import examples

POOL = pool_named("eth", "100")
EXAMPLES = settings(max_examples=examples(200), deadline=None)
Change = Callable[[dict[str, Any]], None]


def a_deposit(leaf: int = 0, **changes: object) -> dict[str, Any]:
    row = {"timestamp": str(1000 + leaf), "commitment": f"0x{leaf + 1:064x}", "blockNumber": 10 + leaf,
           "transactionHash": f"0x{leaf + 101:064x}", "leafIndex": leaf}  # fmt: skip
    return row | changes


def a_withdrawal(number: int = 0, **changes: object) -> dict[str, Any]:
    row = {"to": "0x" + "Ab" * 20, "fee": "5", "blockNumber": 20 + number, "nullifierHash": f"0x{number + 501:064x}",
           "transactionHash": f"0x{number + 601:064x}"}  # fmt: skip
    return row | changes


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_history(POOL, [path])
    text = str(caught.value)
    assert str(path.name) in text or "entry" in text
    assert "\x1b" not in text
    assert "\nhint: " in text
    return text


def test_both_lists_make_a_history_in_any_order_and_packing(tmp_path: Path) -> None:
    came = write(tmp_path / "a.json", [a_deposit(n) for n in (2, 0, 1)])
    went = tmp_path / "b.json.gz"
    went.write_bytes(gzip.compress(json.dumps([a_withdrawal(1), a_withdrawal(0)]).encode()))
    packed = tmp_path / "c.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("more.json", json.dumps([a_withdrawal(0), a_withdrawal(2)]))
    one, other = read_history(POOL, [came, went, packed]), read_history(POOL, [packed, went, came])
    assert one.deposits.leaf.tolist() == [0, 1, 2]
    assert one.withdrawals.block.tolist() == [20, 21, 22]
    assert one.whole
    for table in ("deposits", "withdrawals"):
        for name in ("block", "time", "tx"):
            assert getattr(getattr(one, table), name).tolist() == getattr(getattr(other, table), name).tolist()


def test_all_optional_fields_are_read(tmp_path: Path) -> None:
    who = "0x" + "11" * 20
    came = a_deposit() | {"from": who, "gasPrice": "7", "transactionIndex": 3, "logIndex": 9}
    went = a_withdrawal() | {
        "from": who,
        "gasPrice": 8,
        "relayerAddress": "0x" + "22" * 20,
        "timestamp": 5000,
        "fee": 0,
    }
    deposits, withdrawals = read_events(write(tmp_path / "a", [came])), read_events(write(tmp_path / "b", [went]))
    assert isinstance(deposits, Deposits)
    assert isinstance(withdrawals, Withdrawals)
    assert (deposits.rank.tolist(), deposits.gas_price.tolist()) == ([3], [7])
    assert bytes(deposits.sender[0]) == bytes(withdrawals.sender[0]) == b"\x11" * 20
    assert bytes(withdrawals.relayer[0]) == b"\x22" * 20
    assert withdrawals.own_gas.tolist() == [True]
    assert withdrawals.time.tolist() == [5000]


def test_missing_leaves_make_a_history_that_is_not_whole(tmp_path: Path) -> None:
    assert not read_history(POOL, [write(tmp_path / "a", [a_deposit(0), a_deposit(2)])]).whole


def test_an_empty_list_is_an_empty_history(tmp_path: Path) -> None:
    assert len(read_history(POOL, [write(tmp_path / "a", "[]")]).deposits) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("[", "is not JSON"),
        ("{}", "is no list of events"),
        ("null", "is no list of events"),
        ("[1]", "is no list of events"),
        ("[" * 100_000, "is no list of events"),
        ('[{"blockNumber": NaN}]', "is not JSON"),
        ("<html>404</html>", "is not JSON"),
        ("[]x", "is not JSON"),
    ],
)
def test_what_is_no_list_of_events_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refused(write(tmp_path / "events.json", text))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"blockNumber": -5}, "blockNumber is not a whole number"),
        ({"blockNumber": "-5"}, "blockNumber is not a whole number"),
        ({"blockNumber": 1 << 40}, "blockNumber is not a whole number"),
        ({"blockNumber": 10**300}, "blockNumber is not a whole number"),
        ({"blockNumber": "9" * 5000}, "blockNumber is not a whole number"),
        ({"blockNumber": "0x10"}, "blockNumber is not a whole number"),
        ({"blockNumber": "١٢"}, "blockNumber is not a whole number"),
        ({"blockNumber": True}, "is no list of events"),
        ({"blockNumber": 1.5}, "is no list of events"),
        ({"blockNumber": None}, "is no list of events"),
        ({"leafIndex": -1}, "leafIndex is not a whole number"),
        ({"timestamp": "1" * 40}, "timestamp is not a whole number"),
        ({"gasPrice": 1 << 70}, "gasPrice is not a whole number"),
        ({"commitment": "0x12"}, "commitment is not 0x and 64"),
        ({"commitment": "0x" + "zz" * 32}, "commitment is not 0x and 64"),
        ({"commitment": "0x" + " " * 62 + "ab"}, "commitment is not 0x and 64"),
        ({"transactionHash": "0x" + "1" * 66}, "transactionHash is not 0x and 64"),
        ({"from": "me"}, "from is not 0x and 40"),
        ({"\x1b[31m": 1}, "is no list of events"),
        ({"amount": "1"}, "is no list of events"),
    ],
)
def test_a_wrong_value_of_a_deposit_is_refused(tmp_path: Path, changes: dict[str, object], problem: str) -> None:
    rows = [a_deposit(0), a_deposit(1) | changes]
    text = refused(write(tmp_path / "events.json", rows))
    assert problem in text
    assert "entry 2" in text or "[1]" in text


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"fee": "-1"}, "fee is not a whole number"),
        ({"fee": str(10**20 + 1)}, "is more than a note"),
        ({"fee": 10**78}, "is more than a note"),
        ({"fee": "1e3"}, "fee is not a whole number"),
        ({"to": "0x" + "1" * 39}, "to is not 0x and 40"),
        ({"to": ""}, "to is not 0x and 40"),
    ],
)
def test_a_wrong_value_of_a_withdrawal_is_refused(tmp_path: Path, changes: dict[str, object], problem: str) -> None:
    came = write(tmp_path / "in.json", [a_deposit(0)])
    went = write(tmp_path / "out.json", [a_withdrawal(0) | changes])
    with pytest.raises(InputError, match=problem):
        read_history(POOL, [came, went])


def test_a_key_said_twice_is_refused(tmp_path: Path) -> None:
    text = json.dumps([a_deposit(0)]).replace('"leafIndex": 0', '"leafIndex": 7, "leafIndex": 0')
    assert "says a key of an event twice" in refused(write(tmp_path / "events.json", text))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([a_deposit(0), a_deposit(1, leafIndex=0)], "two deposits have the same leaf index"),
        ([a_deposit(0), a_deposit(0, blockNumber=11)], "two different events have the same commitment"),
        ([a_deposit(0, leafIndex=5), a_deposit(1)], "lower leaf index"),
        ([a_deposit(0, timestamp=9999), a_deposit(1)], "times fall"),
    ],
)
def test_deposits_that_cannot_be_are_refused(tmp_path: Path, rows: list[dict[str, Any]], problem: str) -> None:
    assert problem in refused(write(tmp_path / "events.json", rows))


def test_a_withdrawal_before_any_deposit_is_refused(tmp_path: Path) -> None:
    came = write(tmp_path / "in.json", [a_deposit(0, blockNumber=30)])
    went = write(tmp_path / "out.json", [a_withdrawal(0)])
    for paths in ([came, went], [went]):
        with pytest.raises(InputError, match="withdrawn before any note"):
            read_history(POOL, paths)


def test_the_same_nullifier_at_two_places_is_refused_and_a_repeat_is_one(tmp_path: Path) -> None:
    came = write(tmp_path / "in.json", [a_deposit(n) for n in range(3)])
    one = write(tmp_path / "out.json", [a_withdrawal(0), a_withdrawal(0)])
    assert len(read_history(POOL, [came, one, one]).withdrawals) == 1
    two = write(tmp_path / "two.json", [a_withdrawal(0), a_withdrawal(0, fee="6")])
    with pytest.raises(InputError, match="same nullifier"):
        read_history(POOL, [came, two])


@pytest.mark.parametrize("packing", ["zip", "gzip"])
def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "bomb"
    blanks = b" " * (1 << 20)
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.json", "w") as member:
            for _ in range(80):
                member.write(blanks)
    else:
        with gzip.open(path, "wb") as packed:
            for _ in range(80):
                packed.write(blanks)
    assert path.stat().st_size < 200_000
    assert "unpacks to more than" in refused(path)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.json", json.dumps([a_deposit(n) for n in range(50)]))
    raw = path.read_bytes()
    at = raw.rindex(b"PK\x01\x02")
    path.write_bytes(raw[: at + 24] + struct.pack("<I", 4) + raw[at + 28 :])
    assert "is not JSON" in refused(path) or "cannot be read" in refused(path)


def test_a_zip_of_two_files_of_none_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.json", "[]")
        file.writestr("b.json", "[]")
    assert "holds 2 files" in refused(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in refused(path)
    with zipfile.ZipFile(path, "w") as file:
        file.mkdir("only")
    assert "holds 0 files" in refused(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.json")
    assert "is a folder" in refused(tmp_path)


def test_a_folder_is_read_by_names(tmp_path: Path) -> None:
    write(tmp_path / "deposits_eth_100.json", [a_deposit(0)])
    write(tmp_path / "withdrawals_eth_100.json", [a_withdrawal(0)])
    write(tmp_path / "deposits_dai_1000.json", [a_deposit(0)])
    write(tmp_path / "README.md", "no events")
    assert [(h.pool.name, len(h.withdrawals)) for h in read_folder(tmp_path)] == [
        ("Tornado Cash 1000 DAI", 0),
        ("Tornado Cash 100 ETH", 1),
    ]


def test_a_folder_without_event_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no event files"):
        read_folder(tmp_path)


@EXAMPLES
@given(st.integers(0, 2**32), st.binary(max_size=6))
def test_damaged_bytes_are_read_or_refused_and_never_crash(tmp_path_factory: pytest.TempPathFactory, seed: int,
                                                          junk: bytes) -> None:  # fmt: skip
    rng = random.Random(seed)
    raw = bytearray(json.dumps([a_deposit(n) for n in range(3)]).encode())
    at = rng.randrange(len(raw))
    raw[at : at + rng.randrange(4)] = junk
    path = tmp_path_factory.mktemp("fuzz") / "events.json"
    path.write_bytes(bytes(raw))
    fault = ""
    try:
        count = len(read_history(POOL, [path]).deposits)
    except InputError as error:
        fault, count = str(error), -1
    assert "\nhint: " in fault if count < 0 else count <= 3
