"""The reader of one study of bridges (bench/bridge_study.py): events, call data, labels, and what is none."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dyepack.errors import InputError
from dyepack.patterns.bridges.model import BridgeDeposit, Reading
from dyepack.synthetic.bridge_records import packed

A, B, T, D = ("0x" + digit * 40 for digit in "1234")
TX, TX_2 = "0x" + "aa" * 32, "0x" + "bb" * 32


@pytest.fixture(autouse=True)
def bench() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(__file__).parents[1] / "bench"), *sys.path])
        yield


def study() -> Any:
    return import_module("bridge_study")


def event(**more: Any) -> dict[str, Any]:
    args = {"sender": A, "receiver": B, "amount": 10**30, "dstChain": "BNB", "srcChain": "ETH", "asset_s": T}
    return {"event": "Deposit", "bridge": "CelerNetwork", "args": args, "txhash": TX, "timestamp": 5} | more


def read(tmp_path: Path, entries: object) -> Reading:
    path = tmp_path / "sample.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    found: Reading = study().read_events(path)
    return found


def test_decoded_events_are_deposits(tmp_path: Path) -> None:
    poly = event(bridge="PolyNetwork")
    poly["args"] = poly["args"] | {"asset_d": D.upper().replace("X", "x")}
    got = read(tmp_path, [event(), poly])
    assert got.failures == []
    assert got.deposits[0] == BridgeDeposit("celer", "ethereum", TX, A, B, T, 10**30, to_chain="bsc", time=5)
    assert (got.deposits[1].bridge, got.deposits[1].to_asset) == ("poly", D)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"txhash": TX[:-1]}, "is not a transaction hash"),
        ({"txhash": 5}, "text belongs"),
        ({"event": "Withdraw"}, "is not a deposit"),
        ({"bridge": "Other"}, "is not a deposit"),
        ({"timestamp": "5"}, "timestamp"),
        ({"timestamp": -5}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 1e20}, "timestamp"),
        ({"args": []}, "args"),
        ({"more": 1}, "is not an object of"),
        ({"args.amount": "5"}, "amount"),
        ({"args.amount": -5}, "amount"),
        ({"args.amount": 1.5}, "amount"),
        ({"args.amount": True}, "amount"),
        ({"args.amount": 1 << 256}, "amount"),
        ({"args.sender": "\u202e" + A[1:]}, "is not an address"),
        ({"args.srcChain": "ETH2"}, "is no chain"),
        ({"args.more": 1}, "args"),
    ],
)
def test_an_entry_that_is_no_deposit_is_listed_with_the_reason(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    bad = event()
    for name, value in change.items():
        part, _, inner = name.partition(".")
        if inner:
            bad[part] = bad[part] | {inner: value}
        else:
            bad[part] = value
    got = read(tmp_path, [event(), bad, 7])
    assert (len(got.deposits), len(got.failures)) == (1, 2)
    assert why in got.failures[0].reason
    assert got.failures[0].reason.isascii()
    assert got.failures[0].place == "sample.json entry 1"


@pytest.mark.parametrize("content", ["", "{}", "[", "[1,]", '[{"a": 1, "a": 2}]', "[NaN]", "[" * 100_000, "null"])
def test_what_is_no_list_of_events_is_an_input_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError):
        read(tmp_path, content)


def test_call_data_of_a_csv_is_read_line_by_line(tmp_path: Path) -> None:
    data = "0x0175b1c4" + packed(bytes.fromhex(TX[2:]), T, B, 900, 1).hex()
    path = tmp_path / "input.csv"
    path.write_text(f",0\n0,{data}\n1,{data[:-2]}\n2,0xa9059cbb00\n3,zz\n4,\n5,0x\n")
    got = study().read_inputs(path, "bsc")
    assert [(p.from_tx, p.amount, p.chain) for p in got.payouts] == [(TX, 900, "bsc")]
    assert [f.place for f in got.failures] == [f"input.csv line {n}" for n in (3, 4, 5, 6, 7)]


def test_labels_are_pairs_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.csv"
    path.write_text(f",srcnet,srcTxhash,dstnet,dstTxhash\n0,ETH,{TX},BNB CHAIN Mainnet,{TX_2}\n")
    assert study().read_labels(path) == [("ethereum", TX, "bsc", TX_2)]
    for content in (f",srcnet,srcTxhash,dstnet\n0,ETH,{TX},BNB\n",
                    f",srcnet,srcTxhash,dstnet,dstTxhash\n0,ETH,{TX},BNB,{TX_2[:-1]}\n",
                    f",srcnet,srcTxhash,dstnet,dstTxhash\n0,Mars,{TX},BNB,{TX_2}\n"):  # fmt: skip
        path.write_text(content)
        with pytest.raises(InputError):
            study().read_labels(path)
