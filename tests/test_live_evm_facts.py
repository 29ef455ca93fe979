"""What the JSON-RPC adapter makes of facts, without a node: traces, events, blooms, headers, searches, symbols."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import DyepackError
from dyepack.ledger.schema import ZERO_ADDRESS, MoveKind
from dyepack.sources.live.errors import BadAnswer
from dyepack.sources.live.evm import answers, checks, events
from dyepack.sources.live.evm.answers import Frame, Log, Receipt, Trace, decode
from dyepack.sources.live.evm.events import Event, token_moves, topic_of
from dyepack.sources.live.evm.node import is_absent
from dyepack.sources.live.evm.search import changes
from dyepack.sources.live.evm.tokens import text
from dyepack.sources.live.evm.transactions import Facts, book, inner_of_frames, inner_of_traces
from dyepack.sources.live.rpc import Fault
from tests.contracts import encode
from tests.effort import examples

A, B, C, WRAP = ("0x" + letter * 40 for letter in "abcd")
HASH = "0x" + "12" * 32

# Steps of a transaction, told in both ways.

_KINDS = ["call", "delegatecall", "staticcall", "callcode", "create", "create2", "selfdestruct"]
Step = tuple[str, int, bool, "list[Step]"]
steps: st.SearchStrategy[Step] = st.recursive(
    st.tuples(st.sampled_from(_KINDS), st.integers(0, 3), st.booleans(), st.just([])),
    lambda inside: st.tuples(
        st.sampled_from(_KINDS[:6]), st.integers(0, 3), st.booleans(), st.lists(inside, max_size=3)
    ),
    max_leaves=25,
)


def _frame(step: Step) -> dict[str, object]:
    kind, units, failed, inside = step
    told: dict[str, object] = {"type": kind.upper(), "from": A, "to": B, "value": hex(units)}
    if failed:
        told["error"] = "execution reverted"
    return {**told, "calls": [_frame(one) for one in inside]} if inside else told


def _traces(step: Step, path: tuple[int, ...] = ()) -> list[dict[str, object]]:
    kind, units, failed, inside = step
    result: dict[str, object] | None = None
    if kind == "selfdestruct":
        kind, action = "suicide", {"address": A, "refundAddress": B, "balance": hex(units)}
    elif kind.startswith("create"):
        kind, action, result = "create", {"from": A, "value": hex(units)}, {"address": B}
    else:
        kind, action, result = "call", {"from": A, "to": B, "value": hex(units), "callType": kind}, {}
    own: dict[str, object] = {
        "type": kind, "action": action, "traceAddress": list(path), "blockNumber": 1, "blockHash": HASH,
        "transactionHash": HASH, "transactionPosition": 0, "result": None if failed else result,
    }  # fmt: skip
    if failed:
        own["error"] = "Reverted"
    return [own] + [row for n, one in enumerate(inside) for row in _traces(one, (*path, n))]


@settings(max_examples=examples(300), deadline=None)
@given(steps, st.randoms())
def test_both_kinds_of_tracing_tell_the_same(step: Step, random: Random) -> None:
    rows = _traces(step)
    random.shuffle(rows)
    by_trace = inner_of_traces(msgspec.convert(rows, list[Trace]))
    by_frame = inner_of_frames(msgspec.convert(_frame(step), Frame))
    assert by_trace[1] == by_frame[1] == step[2]
    assert by_trace[0] == by_frame[0]
    expected = [] if step[2] else _live(step)
    assert [(one.index, one.units) for one in by_frame[0]] == expected


def _live(root: Step) -> list[tuple[int, int]]:
    """Rank and units of the steps that took effect, by a plain recursion."""
    found: list[tuple[int, int]] = []
    rank = -1

    def walk(step: Step, dead: bool) -> None:
        nonlocal rank
        rank += 1
        kind, units, failed, inside = step
        dead = dead or failed
        if rank and units and not dead and kind in {"call", "create", "create2", "selfdestruct"}:
            found.append((rank, units))
        for one in inside:
            walk(one, dead)

    walk(root, False)
    return found


def test_a_thousand_calls_deep_are_read() -> None:
    step: Step = ("call", 1, False, [])
    for _ in range(400):
        step = ("call", 1, False, [step])
    inner, failed = inner_of_frames(decode(msgspec.json.encode(_frame(step)), Frame, "debug_traceTransaction"))
    assert (len(inner), failed) == (400, False)


def test_frames_too_deep_to_read_are_a_bad_answer() -> None:
    deep = b'{"type":"CALL","from":"a","calls":[' * 50_000
    with pytest.raises(BadAnswer, match="debug_traceTransaction"):
        decode(deep, Frame, "debug_traceTransaction")


def test_traces_without_a_step_between_are_refused() -> None:
    rows = [
        row
        for row in _traces(("call", 0, False, [("call", 0, False, [("call", 5, False, [])])]))
        if row["traceAddress"] != [0]
    ]
    with pytest.raises(BadAnswer, match="missing"):
        inner_of_traces(msgspec.convert(rows, list[Trace]))


# Events.


def _event(index: int, contract: str, topic: str, *parties: str, units: int | None = 5) -> Event:
    data = b"" if units is None else units.to_bytes(32)
    return Event(index, contract, (topic, *(topic_of(party) for party in parties)), data)


def _moves(
    told: Sequence[Event], native: Sequence[tuple[str, str, int]] = (), *, whole: bool = True
) -> tuple[list[tuple[int, str, str, int]], dict[str, int]]:
    left_out: Counter[str] = Counter()
    moves = token_moves(told, A, native, whole=whole, left_out=left_out)
    assert all(move.kind == int(MoveKind.TOKEN) for move in moves)
    return [(m.index, m.sender, m.receiver, m.units) for m in moves], {k: n for k, n in left_out.items() if n}


def test_issuance_has_no_sender_and_burning_goes_to_the_zero_address() -> None:
    told = [_event(1, C, events.TRANSFER, ZERO_ADDRESS, A), _event(2, C, events.TRANSFER, A, ZERO_ADDRESS)]
    assert _moves(told) == ([(1, "", A, 5), (2, A, ZERO_ADDRESS, 5)], {})


def test_a_deposit_with_its_coins_is_a_wrap() -> None:
    wrap = _event(3, WRAP, events.DEPOSIT, A)
    assert _moves([wrap], [(A, WRAP, 5)]) == ([(3, "", A, 5)], {})
    assert _moves([wrap], [(A, WRAP, 4)]) == ([], {"not_a_wrap": 1})
    assert _moves([wrap, wrap], [(A, WRAP, 5)]) == ([(3, "", A, 5)], {"not_a_wrap": 1})
    assert _moves([wrap]) == ([], {"not_a_wrap": 1})
    assert _moves([wrap], whole=False) == ([], {"not_a_wrap": 1})


def test_a_withdrawal_with_its_coins_is_an_unwrap() -> None:
    wrap = _event(3, WRAP, events.WITHDRAWAL, A)
    assert _moves([wrap], [(WRAP, A, 5)]) == ([(3, A, ZERO_ADDRESS, 5)], {})
    assert _moves([wrap], [(A, WRAP, 5)]) == ([], {"not_a_wrap": 1})


def test_a_wrapper_that_says_both_is_counted_once() -> None:
    both = [_event(1, WRAP, events.TRANSFER, ZERO_ADDRESS, A), _event(2, WRAP, events.DEPOSIT, A)]
    assert _moves(both, [(A, WRAP, 5)]) == ([(1, "", A, 5)], {})
    both = [_event(1, WRAP, events.WITHDRAWAL, A), _event(2, WRAP, events.TRANSFER, A, ZERO_ADDRESS)]
    assert _moves(both, [(WRAP, A, 5)]) == ([(2, A, ZERO_ADDRESS, 5)], {})


def test_known_wrappers_are_believed_where_internal_transfers_are_not_known() -> None:
    known = next(iter(events.WRAPPERS))
    assert _moves([_event(1, known, events.DEPOSIT, A)], whole=False) == ([(1, "", A, 5)], {})
    assert _moves([_event(1, known, events.DEPOSIT, A)], whole=True) == ([], {"not_a_wrap": 1})


@pytest.mark.parametrize(
    ("event", "left_out"),
    [
        (Event(1, C, (events.TRANSFER, topic_of(A), topic_of(B), HASH), b""), {"nft": 1}),
        (Event(1, C, (events.TRANSFER, topic_of(A), topic_of(B)), b"\1" * 64), {"unusual_transfer": 1}),
        (Event(1, C, (events.TRANSFER, topic_of(A), topic_of(B)), b""), {"unusual_transfer": 1}),
        (Event(1, C, (events.TRANSFER, HASH, topic_of(B)), b"\1" * 32), {"unusual_transfer": 1}),
        (Event(1, C, (events.TRANSFER,), b"\1" * 96), {"unusual_transfer": 1}),
        (_event(1, C, events.TRANSFER, A, B, units=0), {"zero_value": 1}),
        (_event(1, C, events.TRANSFER, B, A, units=0), {"zero_value": 1, "forged_sender": 1}),
        (Event(1, C, (), b""), {}),
        (Event(1, C, (HASH,), b""), {}),
    ],
)
def test_what_moves_nothing_is_counted(event: Event, left_out: dict[str, int]) -> None:
    assert _moves([event]) == ([], left_out)


def test_units_past_128_bits_are_kept_whole() -> None:
    assert _moves([_event(1, C, events.TRANSFER, A, B, units=2**256 - 1)])[0][0][3] == 2**256 - 1


def test_a_failed_transaction_pays_its_fee_only() -> None:
    facts = Facts(HASH, 1, HASH, 0, 0, A, B, 9, 7, failed=True)
    one = book(facts, [_event(1, C, events.TRANSFER, A, B)], None)
    assert [(move.kind, move.units) for move in one.moves] == [(int(MoveKind.FEE), 7)]
    assert (one.left_out, one.partial) == ({"failed": 1}, "")


# Blooms and headers.


def _log(index: int) -> Log:
    return Log(
        address=C, topics=[events.TRANSFER, topic_of(A)], data="0x", block_number="0x1", block_hash=HASH,
        transaction_hash=HASH, transaction_index="0x0", log_index=hex(index),
    )  # fmt: skip


def _receipt(logs: list[Log], bloom: int) -> Receipt:
    return Receipt(
        transaction_hash=HASH, transaction_index="0x0", block_hash=HASH, block_number="0x1", sender=A, gas_used="0x1",
        logs=logs, logs_bloom=f"0x{bloom:0512x}",
    )  # fmt: skip


def test_blooms_tell_lacking_and_made_up_events() -> None:
    bloom = checks.bloom_of([_log(0)])
    assert bloom.bit_count() <= 9
    assert checks.missing_logs(_receipt([_log(0)], bloom), bloom) == ""
    assert checks.missing_logs(_receipt([], bloom), bloom).startswith("missing logs")
    assert checks.missing_logs(_receipt([_log(0)], 1), None).startswith("missing logs")
    assert checks.missing_logs(_receipt([_log(0)], bloom), 1).startswith("unproven logs")
    assert checks.missing_logs(_receipt([_log(0)], 0), 0) == ""  # a chain without blooms
    assert checks.may_hold(bloom, C, events.TRANSFER, topic_of(A))
    assert not checks.may_hold(bloom, B)


def test_a_header_of_the_first_chain_hashes_to_its_hash() -> None:
    genesis = answers.Header(  # block 0 of Ethereum, as it has been published since 2015
        number="0x0", hash="0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        parent_hash="0x" + "00" * 32, timestamp="0x0", logs_bloom="0x" + "00" * 256,
        sha3_uncles="0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347", miner="0x" + "00" * 20,
        state_root="0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
        transactions_root="0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
        receipts_root="0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
        difficulty="0x400000000", gas_limit="0x1388", gas_used="0x0",
        extra_data="0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
        mix_hash="0x" + "00" * 32, nonce="0x0000000000000042",
    )  # fmt: skip
    assert checks.header_hash(genesis) == genesis.hash
    assert checks.header_hash(msgspec.structs.replace(genesis, gas_used="0x1")) != genesis.hash
    assert checks.header_hash(msgspec.structs.replace(genesis, miner=None)) is None


# Searches.


@settings(max_examples=examples(300), deadline=None)
@given(st.sets(st.integers(1, 300), max_size=25), st.integers(1, 30))
def test_bisection_finds_every_change_of_what_only_grows(at: set[int], most: int) -> None:
    asked: list[int] = []

    async def probe(blocks: Sequence[int]) -> list[int | None]:
        asked.extend(blocks)
        return [sum(one <= block for one in at) for block in blocks]

    found, partial = asyncio.run(changes((0, 0), (300, len(at)), probe, most))
    assert [one.block for one in found] == sorted(at)[: len(found)]
    assert len(found) == len(at) if not partial else len(found) <= most < len(at)
    assert all(one.after == one.before + 1 for one in found)
    assert len(asked) == len(set(asked)) <= 9 * len(at)


def test_a_block_whose_state_nobody_tells_makes_a_search_partial() -> None:
    async def probe(blocks: Sequence[int]) -> list[int | None]:
        return [None if block == 50 else 0 for block in blocks]

    found, partial = asyncio.run(changes((0, 0), (100, 1), probe, 10))
    assert found == []
    assert "block 50" in partial


# Text from outside.


@pytest.mark.parametrize(
    ("content", "symbol"),
    [
        (encode(["string"], ["USDT"]), "USDT"),
        (encode(["string"], [""]), ""),
        (encode(["string"], ["x" * 5000]), "x" * 256),
        (b"MKR".ljust(32, b"\0"), "MKR"),
        (b"", ""),
        (b"\0" * 32, ""),
        (b"\1" * 31, ""),
        (b"\xff" * 64, ""),
        ((32).to_bytes(32) + (2**255).to_bytes(32), ""),
        ((2**255).to_bytes(32) + (4).to_bytes(32), ""),
        (encode(["string"], ["A\u202eB<b>"]), "A\u202eB<b>"),
        (encode(["bytes"], [b"\xff\xfeA"]), "\ufffd\ufffdA"),
    ],
)
def test_symbols_are_kept_as_they_were_told(content: bytes, symbol: str) -> None:
    assert text(content) == symbol


@pytest.mark.parametrize(
    ("fault", "absent"),
    [
        (Fault(-32601, "Method not found"), True),
        (Fault(-32601, ""), True),
        (Fault(-32000, "the method trace_filter is not available on your plan"), True),
        (Fault(-32600, "Please upgrade to use this method"), True),
        (Fault(-32000, "unsupported method: debug_traceTransaction"), True),
        (Fault(-32000, "transaction not found"), False),
        (Fault(-32602, "BlockOutOfRangeError: block height is 0 but requested was 1"), False),
        (Fault(-32000, "missing trie node"), False),
    ],
)
def test_methods_that_are_not_offered_are_told_from_other_errors(fault: Fault, absent: bool) -> None:
    assert is_absent(fault) is absent


@settings(max_examples=examples(300), deadline=None)
@given(st.text(max_size=80))
def test_quantities_are_hexadecimal_or_refused(written: str) -> None:
    try:
        told = answers.quantity(written, "m", "f")
    except DyepackError as error:
        assert "m cannot be used: f is" in error.problem  # noqa: PT017
        assert error.problem.isascii()  # noqa: PT017
    else:
        assert int(written, 16) == told
        assert written[:2] == "0x"
        assert "_" not in written
