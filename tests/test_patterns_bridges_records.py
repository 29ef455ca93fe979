"""Bridge records: signatures against their published hashes, words within bounds, bytes written by hand, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.keccak import keccak256
from dyepack.patterns.bridges import celer, multichain, multichain_logs, poly, thorchain_legs
from dyepack.patterns.bridges.abi import MAX_DATA, AbiError, decode, form, selector, topic
from dyepack.patterns.bridges.logs import Call, Log
from dyepack.patterns.bridges.model import NATIVE, BridgeDeposit, Payout, Reading
from dyepack.patterns.bridges.records import read_records
from dyepack.synthetic.bridge import Mix, numbered, world
from dyepack.synthetic.bridge_records import (
    CONTRACTS,
    FOREIGN,
    VAULT,
    celer_relay,
    celer_send,
    multichain_in,
    multichain_out,
    packed,
    poly_lock,
    poly_unlock,
    records,
    thorchain_deposit,
    thorchain_out,
    word,
)
from tests.effort import examples

A, B, T, D = ("0x" + digit * 40 for digit in "abcd")
TX, TX_2 = "0x" + "11" * 32, "0x" + "22" * 32
ROUTER = CONTRACTS["multichain"]

SELECTORS = {
    "anySwapOut(address,address,uint256,uint256)": "241dc2df",
    "anySwapOut(address,string,uint256,uint256)": "c604b0b8",
    "anySwapOut(address[],address[],uint256[],uint256[])": "dcfb77b1",
    "anySwapOutUnderlying(address,address,uint256,uint256)": "edbdf5e2",
    "anySwapOutUnderlying(address,string,uint256,uint256)": "049b4e7e",
    "anySwapOutUnderlyingWithPermit(address,address,address,uint256,uint256,uint8,bytes32,bytes32,uint256)": "8d7d3eea",
    "anySwapOutUnderlyingWithTransferPermit(address,address,address,uint256,uint256,uint8,bytes32,bytes32,uint256)": (
        "1b91a934"
    ),
    "anySwapOutNative(address,address,uint256)": "a5e56571",
    "anySwapOutNative(address,string,uint256)": "540dd52c",
    "anySwapOutAndCall(address,string,uint256,uint256,string,bytes)": "6b4b4376",
    "anySwapOutUnderlyingAndCall(address,string,uint256,uint256,string,bytes)": "e0e9048e",
    "anySwapOutNativeAndCall(address,string,uint256,string,bytes)": "ea0c968b",
    "anySwapOutExactTokensForTokens(uint256,uint256,address[],address,uint256,uint256)": "0bb57203",
    "anySwapOutExactTokensForTokensUnderlying(uint256,uint256,address[],address,uint256,uint256)": "d8b9f610",
    "anySwapOutExactTokensForTokensUnderlyingWithPermit(address,uint256,uint256,address[],address,uint256,uint8,"
    "bytes32,bytes32,uint256)": "99cd84b5",
    "anySwapOutExactTokensForTokensUnderlyingWithTransferPermit(address,uint256,uint256,address[],address,uint256,"
    "uint8,bytes32,bytes32,uint256)": "9aa1ac61",
    "anySwapOutExactTokensForNative(uint256,uint256,address[],address,uint256,uint256)": "65782f56",
    "anySwapOutExactTokensForNativeUnderlying(uint256,uint256,address[],address,uint256,uint256)": "6a453972",
    "anySwapOutExactTokensForNativeUnderlyingWithPermit(address,uint256,uint256,address[],address,uint256,uint8,"
    "bytes32,bytes32,uint256)": "4d93bb94",
    "anySwapOutExactTokensForNativeUnderlyingWithTransferPermit(address,uint256,uint256,address[],address,uint256,"
    "uint8,bytes32,bytes32,uint256)": "c8e174f6",
    "anySwapIn(bytes32,address,address,uint256,uint256)": "825bb13c",
    "anySwapInUnderlying(bytes32,address,address,uint256,uint256)": "3f88de89",
    "anySwapInAuto(bytes32,address,address,uint256,uint256)": "0175b1c4",
    "anySwapIn(bytes32[],address[],address[],uint256[],uint256[])": "25121b76",
    "anySwapInExactTokensForTokens(bytes32,uint256,uint256,address[],address,uint256,uint256)": "2fc1e728",
    "anySwapInExactTokensForNative(bytes32,uint256,uint256,address[],address,uint256,uint256)": "52a397d5",
    "anySwapIn(string,(bytes32,address,address,uint256,uint256))": "8fef8489",
    "anySwapInUnderlying(string,(bytes32,address,address,uint256,uint256))": "9ff1d3e8",
    "anySwapInNative(string,(bytes32,address,address,uint256,uint256))": "5de26385",
    "anySwapInAuto(string,(bytes32,address,address,uint256,uint256))": "81aa7a81",
    "anySwapInAndExec(string,(bytes32,address,address,uint256,uint256),address,bytes)": "f9ca3a5d",
    "anySwapInUnderlyingAndExec(string,(bytes32,address,address,uint256,uint256),address,bytes)": "cc95060a",
}
"""Published selectors of the routers."""

TOPICS = {
    "LogAnySwapOut(address,address,address,uint256,uint256,uint256)": "97116cf6cd4f6412",
    "LogAnySwapIn(bytes32,address,address,uint256,uint256,uint256)": "aac9ce45fe3adf51",
    "LogAnySwapOut(bytes32,address,address,string,uint256,uint256)": "0d969ae475ff6fca",
    "LogAnySwapOutAndCall(bytes32,address,address,string,uint256,uint256,string,bytes)": "968608314ec29f6f",
    "LogAnySwapIn(string,bytes32,address,address,uint256,uint256)": "164f647883b52834",
    "LogAnySwapInAndExec(string,bytes32,address,address,uint256,uint256,bool,bytes)": "603ea9944a12c4ef",
    "Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)": "89d8051e597ab417",
    "CrossChainEvent(address,bytes,address,uint64,bytes,bytes)": "6ad3bf15c1988bc0",
    "VerifyHeaderAndExecuteTxEvent(uint64,bytes,bytes,bytes)": "8a4a2663ce60ce49",
    "LockEvent(address,address,uint64,bytes,bytes,uint256)": "8636abd6d0e464fe",
}
"""The start of published topics."""


def test_selectors_are_the_keccak_of_the_signatures_that_are_read() -> None:
    read = {form(text).signature: selector(form(text).signature).hex() for text in
            (*multichain.OUT_CALLS, *multichain.IN_CALLS)}  # fmt: skip
    assert read == SELECTORS
    assert {keccak256(text.encode())[:4].hex() for text in SELECTORS} == set(SELECTORS.values())
    assert selector("transferOutAndCall(address,address,address,uint256,string)").hex() == "4039fd4b"


def test_topics_are_the_keccak_of_the_events_that_are_read() -> None:
    read = {form(text).signature for text in (*multichain_logs.EVENTS, *celer.EVENTS, *poly.EVENTS)}
    assert read >= set(TOPICS)
    assert {text: topic(text).hex()[:16] for text in TOPICS} == TOPICS


# Words


@pytest.mark.parametrize(
    ("types", "data", "why"),
    [
        (["address"], b"\1" + b"\0" * 31, "more than 20 bytes"),
        (["uint64"], b"\0" * 23 + b"\1" + b"\0" * 8, "does not fit"),
        (["bool"], word(2), "neither 0 nor 1"),
        (["uint256"], b"\0" * 31, "in the middle"),
        (["uint256", "uint256"], word(1), "in the middle"),
        (["bytes"], word(64), "past the end"),
        (["bytes"], word(32) + word(33) + b"\0" * 32, "past the end"),
        (["bytes"], word((1 << 256) - 1), "past the end"),
        (["address[]"], word(32) + word(1 << 250), "past the end"),
        (["address[]"], word(32) + word(2) + word(1), "past the end"),
        (["(bytes32,uint256)"], word(1) + b"\0" * 5, "in the middle"),
        (["int256"], word(1), "not read"),
        (["uint256"], b"\0" * (MAX_DATA + 1), "more than"),
    ],
)
def test_data_that_is_not_what_its_types_say_is_refused(types: list[str], data: bytes, why: str) -> None:
    with pytest.raises(AbiError, match=why):
        decode(types, data)


TYPES = st.sampled_from(
    ["address", "uint256", "uint64", "uint8", "bool", "bytes32", "bytes", "string", "address[]", "bytes32[]",
     "uint256[]", "(bytes32,address,uint256)"]
)  # fmt: skip


WORDS = st.lists(st.integers(0, 500), max_size=24).map(lambda numbers: b"".join(map(word, numbers)))
DATA = st.one_of(st.binary(max_size=600), WORDS)


@settings(max_examples=examples(1000), deadline=None)
@given(st.lists(TYPES, max_size=8), DATA)
def test_any_data_gives_values_or_an_abi_error(types: list[str], data: bytes) -> None:
    try:
        values = decode(types, data)
    except AbiError:
        return
    assert len(values) == len(types)
    assert all(isinstance(value, tuple) == (kind[-1] in "])") for kind, value in zip(types, values, strict=True))


@settings(max_examples=examples(500), deadline=None)
@given(
    st.integers(0, (1 << 256) - 1), st.binary(max_size=100), st.text(max_size=40), st.binary(min_size=20, max_size=20)
)
def test_what_was_packed_by_hand_is_decoded(number: int, content: bytes, text: str, address: bytes) -> None:
    data = packed(number, [content], "0x" + address.hex(), [text.encode()]) + b"trailing"
    assert decode(["uint256", "bytes", "address", "string"], data) == (number, content, "0x" + address.hex(), text)


# Multichain


def call(data: bytes, **more: Any) -> Call:
    return Call("ethereum", TX, A, ROUTER, data, **more)


def only(reading: Reading | None) -> BridgeDeposit:
    assert reading is not None
    assert (len(reading.deposits), reading.payouts, reading.failures) == (1, [], [])
    return reading.deposits[0]


def test_each_way_to_send_over_multichain_is_one_deposit() -> None:
    trade = packed(900, 800, 6 * 32, B, 99, 56) + word(2) + word(T) + word(D)
    text = packed(T, [B.encode()], 900, 56)
    cases: list[tuple[str, bytes, str, int, str]] = [
        ("241dc2df", packed(T, B, 900, 56), T, 900, A),
        ("edbdf5e2", packed(T, B, 900, 56), T, 900, A),
        ("c604b0b8", text, T, 900, A),
        ("049b4e7e", text, T, 900, A),
        ("8d7d3eea", packed(D, T, B, 900, 99, 27, b"r", b"s", 56), T, 900, D),
        ("1b91a934", packed(D, T, B, 900, 99, 27, b"r", b"s", 56), T, 900, D),
        ("a5e56571", packed(T, B, 56), NATIVE, 33, A),
        ("540dd52c", packed(T, [B.encode()], 56), NATIVE, 33, A),
        ("6b4b4376", packed(T, [B.encode()], 900, 56, [b"proxy"], [b"data"]), T, 900, A),
        ("ea0c968b", packed(T, [B.encode()], 56, [b"proxy"], [b"data"]), NATIVE, 33, A),
        *((code, trade, T, 900, A) for code in ("0bb57203", "d8b9f610", "65782f56", "6a453972")),
        ("99cd84b5", packed(D, 900, 800, 10 * 32, B, 99, 27, b"r", b"s", 56) + word(1) + word(T), T, 900, D),
    ]
    for code, data, asset, amount, sender in cases:
        made = only(multichain.read(call(bytes.fromhex(code) + data, value=33), [ROUTER.upper().replace("X", "x")]))
        assert (made.asset, made.amount, made.receiver, made.sender) == (asset, amount, B, sender), code
        assert (made.to_chain, made.chain, made.tx) == ("bsc", "ethereum", TX)


def test_a_batch_is_a_deposit_for_each_of_its_items() -> None:
    lists: list[list[int | str]] = [[T, D], [A, B], [5, 7], [56, 137]]
    head, tail = b"", b""
    for column in lists:
        head += word(4 * 32 + len(tail))
        tail += word(len(column)) + b"".join(word(item) for item in column)
    got = multichain.read(call(bytes.fromhex("dcfb77b1") + head + tail))
    assert got is not None
    assert [(d.asset, d.receiver, d.amount, d.to_chain) for d in got.deposits] == [
        (T, A, 5, "bsc"), (D, B, 7, "polygon"),
    ]  # fmt: skip
    assert [d.record for d in got.deposits] == ["item 0", "item 1"]
    short = tail.replace(word(2) + word(5) + word(7), word(1) + word(5) + word(7))
    with pytest.raises(AbiError, match="differ in length"):
        multichain.read(call(bytes.fromhex("dcfb77b1") + head + short))


def test_a_payout_names_its_source_transaction() -> None:
    for code in ("825bb13c", "3f88de89", "0175b1c4"):
        got = multichain.read(call(bytes.fromhex(code) + packed(bytes.fromhex(TX_2[2:]), T, B, 900, 1)))
        assert got is not None
        assert [(p.from_tx, p.from_chain, p.asset, p.receiver, p.amount) for p in got.payouts] == [
            (TX_2, "ethereum", T, B, 900)
        ]
    swap_id = b"1:" + TX_2.encode() + b":17"
    data = word(6 * 32) + word(b"\7" * 32) + packed(T, B, 900, 1) + word(len(swap_id)) + swap_id.ljust(96, b"\0")
    got = multichain.read(call(bytes.fromhex("81aa7a81") + data))
    assert got is not None
    assert (got.payouts[0].from_tx, got.payouts[0].message_id) == (TX_2, "0x" + "07" * 32)


def test_a_payout_that_trades_on_the_way_is_listed_as_a_failure() -> None:
    data = packed(b"\1" * 32, 900, 800, 7 * 32, B, 99, 1) + word(1) + word(T)
    got = multichain.read(call(bytes.fromhex("2fc1e728") + data))
    assert got is not None
    assert (got.payouts, len(got.failures)) == ([], 1)
    with pytest.raises(AbiError, match="path"):
        multichain.read(call(bytes.fromhex("0bb57203") + packed(900, 800, 6 * 32, B, 99, 56) + word(0)))


def test_other_calls_and_other_contracts_are_none_of_the_bridge() -> None:
    data = bytes.fromhex("241dc2df") + packed(T, B, 900, 56)
    assert multichain.read(call(data), [FOREIGN]) is None
    assert multichain.read(call(data), []) is None
    assert multichain.read(call(bytes.fromhex("a9059cbb") + packed(B, 900))) is None
    assert multichain.read(call(b"")) is None


@settings(max_examples=examples(1000), deadline=None)
@given(st.sampled_from(sorted(SELECTORS.values())), DATA)
def test_any_call_gives_legs_or_an_abi_error(code: str, data: bytes) -> None:
    try:
        got = multichain.read(call(bytes.fromhex(code) + data))
    except AbiError:
        return
    assert got is not None
    assert len(got.deposits) + len(got.payouts) + len(got.failures) <= max(len(data) // 32, 1)


# Events

BRIDGES = ("celer", "poly", "multichain")
SENT = BridgeDeposit("celer", "ethereum", TX, A, B, T, 10**21, to_chain="bsc", time=1000)
LOCKED = BridgeDeposit("poly", "ethereum", TX, A, B, T, 77, to_chain="bsc", to_asset=D, message_id="0x0a", time=1000)


def test_a_transfer_of_cbridge_must_have_the_id_that_it_hashes_to() -> None:
    sent = replace(SENT, message_id=celer.transfer_id(A, B, T, 10**21, 56, 4, 1))
    by_hand = keccak256(bytes.fromhex(A[2:] + B[2:] + T[2:]) + word(10**21) + (56).to_bytes(8) + (4).to_bytes(8)
                     + (1).to_bytes(8))  # fmt: skip
    assert sent.message_id == "0x" + by_hand.hex()
    logs = celer_send(sent, 4)
    assert celer.read(logs, [CONTRACTS["celer"]]).deposits == [replace(sent, record="log 7")]
    wrong = celer.read(celer_send(sent, 5), [CONTRACTS["celer"]])
    assert (wrong.deposits, len(wrong.failures)) == ([], 1)
    assert celer.read(logs, [FOREIGN]) == Reading()


def test_half_a_record_of_poly_makes_no_leg() -> None:
    own = [CONTRACTS["poly"]]
    message, lock = poly_lock(LOCKED)
    assert poly.read([message, lock], own).deposits == [replace(LOCKED, record="log 3")]
    assert [f.reason for f in poly.read([message], own).failures] == ["CrossChainEvent without LockEvent after it"]
    assert len(poly.read([lock], own).failures) == 1
    assert len(poly.read([lock, message], own).failures) == 2
    apart = poly.read([message, replace(lock, tx=TX_2)], own)
    assert (apart.deposits, len(apart.failures)) == ([], 2)


def test_events_with_other_topics_or_cut_data_are_failures() -> None:
    log = celer_send(replace(SENT, message_id="0x" + "00" * 32), 4)[0]
    own = [CONTRACTS["celer"]]
    for bad in (replace(log, data=log.data[:-1]), replace(log, topics=(*log.topics, word(1)))):
        got = celer.read([bad], own)
        assert (got.deposits, len(got.failures)) == ([], 1)
    assert celer.read([replace(log, topics=()), replace(log, topics=(b"x" * 32,))], own) == Reading()


def test_events_of_multichain_are_read_in_both_versions() -> None:
    indexed = (word(T), word(A), word(B))
    first = topic("LogAnySwapOut(address,address,address,uint256,uint256,uint256)")
    out = Log("ethereum", TX, ROUTER, (first, *indexed), packed(900, 1, 56), 3, 5)
    out_7 = replace(out, topics=(topic("LogAnySwapOut(bytes32,address,address,string,uint256,uint256)"), b"\7" * 32,
                                 word(T), word(A)), data=packed([B.encode()], 900, 56))  # fmt: skip
    back = Log("bsc", TX_2, ROUTER, (topic("LogAnySwapIn(bytes32,address,address,uint256,uint256,uint256)"),
               bytes.fromhex(TX[2:]), word(T), word(B)), packed(890, 1, 56), 4, 9)  # fmt: skip
    back_7 = replace(back, topics=(topic("LogAnySwapIn(string,bytes32,address,address,uint256,uint256)"), b"\7" * 32,
                                   word(T), word(B)), data=packed([f"1:{TX}:3".encode()], 890, 1))  # fmt: skip
    got = multichain_logs.read([out, out_7, back, back_7], [ROUTER])
    assert got.failures == []
    assert [(d.receiver, d.amount, d.to_chain, d.message_id) for d in got.deposits] == [
        (B, 900, "bsc", ""), (B, 900, "bsc", "0x" + "07" * 32),
    ]  # fmt: skip
    assert [(p.from_tx, p.amount, p.message_id) for p in got.payouts] == [
        (TX, 890, ""), (TX, 890, "0x" + "07" * 32),
    ]  # fmt: skip


# THORChain


def test_a_payout_of_thorchain_counts_only_from_a_vault() -> None:
    out = Payout("thorchain", "bsc", TX_2, B, NATIVE, 900, from_tx=TX, time=9, memo="OUT:" + TX[2:].upper())
    own = [CONTRACTS["thorchain"]]
    made = thorchain_legs.read(thorchain_out(out), own, [VAULT])
    assert made is not None
    assert [(p.from_tx, p.amount, p.asset) for p in made.payouts] == [(TX[2:].upper(), 900, NATIVE)]
    assert thorchain_legs.read(replace(thorchain_out(out), sender=FOREIGN), own, [VAULT]) is None
    assert thorchain_legs.read(thorchain_out(out), [FOREIGN], [VAULT]) is None
    assert thorchain_legs.read(thorchain_out(replace(out, memo="hello")), own, [VAULT]) is None
    deposit = BridgeDeposit("thorchain", "ethereum", TX, A, B, T, 900, time=5, memo=f"=:s:{B}")
    got = thorchain_legs.read(thorchain_deposit(deposit), own)
    assert got is not None
    assert [(d.receiver, d.asset, d.amount, d.to_chain) for d in got.deposits] == [(B, T, 900, "bsc")]
    with pytest.raises(AbiError):
        thorchain_legs.read(replace(thorchain_out(out), data=thorchain_out(out).data[:100]), own, [VAULT])


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(BRIDGES), st.integers(1, 10**30), st.integers(0, 10**9)), max_size=12))
def test_records_written_by_hand_give_the_same_legs(rows: list[tuple[str, int, int]]) -> None:
    deposits = numbered(
        BridgeDeposit(bridge, "ethereum", "0x" + (n + 1).to_bytes(32).hex(), A, B, T, amount, to_chain="bsc",
                      to_asset=D if bridge == "poly" else "", time=at)
        for n, (bridge, amount, at) in enumerate(rows)
    )  # fmt: skip
    made = world(deposits, mix=Mix(dropped=0, refunded=0, twins=0, forged=0, foreign=0, doubled=0, repeated=0))
    logs, calls = records(made)
    got = read_records(logs, calls, {bridge: [at] for bridge, at in CONTRACTS.items()}, [VAULT])
    assert got.failures == []
    assert {replace(d, record="") for d in got.deposits} == set(made.deposits)
    assert {replace(p, record="") for p in got.payouts} == set(made.payouts)
    assert len(got.deposits) == len(rows)
    assert read_records(logs, calls, {}) == Reading()


def test_a_record_of_each_bridge_that_is_cut_is_a_failure_of_its_own() -> None:
    deposits = numbered([SENT, LOCKED])
    contracts = {bridge: [at] for bridge, at in CONTRACTS.items()}
    paid = Payout("celer", "bsc", TX_2, B, D, 5, from_chain="ethereum", message_id="0x" + "01" * 32)
    logs = [*celer_send(deposits[0], 0), *poly_lock(deposits[1]), *celer_relay(paid),
            *poly_unlock(replace(paid, bridge="poly", message_id="0x0a"))]  # fmt: skip
    calls = [multichain_out(replace(SENT, bridge="multichain")), multichain_in(replace(paid, from_tx=TX))]
    whole = read_records(logs, calls, contracts, [VAULT])
    assert (len(whole.deposits), len(whole.payouts), whole.failures) == (3, 3, [])
    cut = read_records([replace(log, data=log.data[:31]) for log in logs],
                       [replace(c, data=c.data[:-32]) for c in calls], contracts, [VAULT])  # fmt: skip
    assert (cut.deposits, cut.payouts, len(cut.failures)) == ([], [], len(logs) + len(calls))
