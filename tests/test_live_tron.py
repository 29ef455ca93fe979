"""The Tron adapter against a server that keeps to the documentation of java-tron and TronGrid."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import wallycore
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.cli.app import main
from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset
from dyepack.sources.blocks import Window
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import NotKept, SourceError
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.source import AccountSource, History, LiveMove, LiveTransaction, Wanted
from dyepack.sources.live.tron.addresses import from_base58, from_hex, to_base58
from dyepack.sources.live.tron.source import WRAPPED, TronSource
from tests.effort import examples
from tests.servers import LOCAL
from tests.tron_server import TRANSFER, TronChain, TronServer, base58, digest, step, word

T = TypeVar("T")
MANY = 100_000
ALICE, BOB, CAROL, POOL, TOKEN, OTHER = ("0x" + digit * 40 for digit in "abc123")
A, B, C, P, T6, O6 = map(base58, (ALICE, BOB, CAROL, POOL, TOKEN, OTHER))
ZERO = "0x" + "0" * 40
NOBODY = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"
DESTROYED = "61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6"
DEPOSIT = "e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"


def asked(
    server: TronServer,
    question: Callable[[TronSource], Awaitable[T]],
    *,
    folder: Path | None = None,
    offline: bool = False,
) -> T:
    """The answer of an opened source."""

    async def run() -> T:
        evidence = Evidence(folder) if folder is not None else None
        async with Fetcher(Endpoint.parse(server.source, LOCAL), evidence, offline=offline) as fetcher:
            source = TronSource(fetcher)
            assert isinstance(source, AccountSource)
            try:
                await source.open()
                return await question(source)
            finally:
                if evidence is not None:
                    evidence.close()

    return asyncio.run(run())


def history(server: TronServer, address: str, asset: str = "native", *, most: int = MANY, first: int = 0) -> History:
    """One history up to the newest block."""
    window = Window(first, len(server.chain.blocks) - 1)
    return asked(server, lambda source: source.histories([Wanted(address, asset)], window, most))[0]


def transaction(server: TronServer, txid: str) -> LiveTransaction:
    """One transaction, which must be had."""
    found = asked(server, lambda source: source.transactions([txid]))[txid]
    assert isinstance(found, LiveTransaction), found
    return found


@pytest.fixture
def chain() -> TronChain:
    made = TronChain()
    made.block()
    return made


# Addresses.


def test_known_addresses() -> None:
    assert to_base58("0xa614f803b6fd780986a42c78ec9c7f77e6ded13c") == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    assert from_base58(NOBODY) == ZERO
    assert from_hex("41A614F803B6FD780986A42C78EC9C7F77E6DED13C") == from_hex(
        "a614f803b6fd780986a42c78ec9c7f77e6ded13c"
    )


@given(st.binary(min_size=20, max_size=20))
@settings(max_examples=examples(200))
def test_addresses_come_back_and_agree_with_another_writing(raw: bytes) -> None:
    address = "0x" + raw.hex()
    assert to_base58(address) == base58(address)
    assert from_base58(to_base58(address)) == address


@given(st.integers(0, 33), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
@settings(max_examples=examples(200))
def test_a_wrong_letter_is_refused(place: int, letter: str) -> None:
    good = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    wrong = good[:place] + letter + good[place + 1 :]
    if wrong != good:
        with pytest.raises(ValueError, match=r"is not an address|checksum"):
            from_base58(wrong)


@pytest.mark.parametrize(
    "text", ["", "T", "0x" + "a" * 40, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", A + "1", A[:-1], A.lower()]
)
def test_other_texts_are_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|checksum"):
        from_base58(text)


def test_an_address_of_another_network_is_refused() -> None:
    other = str(wallycore.base58check_from_bytes(bytes([0x42]) + bytes.fromhex(ALICE[2:])))
    assert (other[0], len(other)) == ("T", 34)
    with pytest.raises(ValueError, match="is not an address of Tron"):
        from_base58(other)


# Transactions.


def test_trx_moves_with_its_fee(chain: TronChain) -> None:
    paid = chain.pay(ALICE, BOB, 5_000_000, fee=1_100_000)
    with TronServer(chain) as server:
        told = transaction(server, paid)
        bare = asked(server, lambda source: source.transactions([paid[2:]]))
    assert told.moves == [
        LiveMove(MoveKind.VALUE, 0, A, B, "native", 5_000_000),
        LiveMove(MoveKind.FEE, 0, A, "", "native", 1_100_000),
    ]
    assert (told.txid, told.block, told.index, told.time, told.partial) == (paid, 1, 0, 1_600_000_003, "")
    assert told.block_hash == "0x" + chain.blocks[1]["blockID"]
    assert bare == {paid[2:]: told}


def test_a_contract_s_run_is_told_whole(chain: TronChain) -> None:
    logs = [
        (TOKEN, [TRANSFER, word(ALICE), word(POOL)], 500),
        (OTHER, [TRANSFER, word(ZERO), word(ALICE)], 3),
        (OTHER, [TRANSFER, word(ALICE), word(ZERO)], 1),
        (TOKEN, [TRANSFER, word(BOB), word(CAROL)], 0),
        (OTHER, ["ab" * 32], 1),
    ]
    inner = [(POOL, CAROL, 40), (POOL, POOL, 9), (POOL, ALICE, 0), (CAROL, ALICE, 30)]
    chain.pay(BOB, CAROL, 1)
    swap = chain.call(ALICE, POOL, 7, fee=20, logs=logs, inner=inner)
    with TronServer(chain) as server:
        told = transaction(server, swap)
    assert told.moves == [
        LiveMove(MoveKind.VALUE, 0, A, P, "native", 7),
        LiveMove(MoveKind.TOKEN, 0, A, P, T6, 500),
        LiveMove(MoveKind.TOKEN, 1, "", A, O6, 3),
        LiveMove(MoveKind.TOKEN, 2, A, NOBODY, O6, 1),
        LiveMove(MoveKind.INTERNAL, 1, P, C, "native", 40),
        LiveMove(MoveKind.INTERNAL, 4, C, A, "native", 30),
        LiveMove(MoveKind.FEE, 0, A, "", "native", 20),
    ]
    assert told.index == 1
    assert told.left_out == {"zero_value": 1, "forged_sender": 1}


@pytest.mark.parametrize("result", ["REVERT", "OUT_OF_ENERGY", "OUT_OF_TIME", "UNKNOWN"])
def test_a_failed_call_pays_its_fee_only(chain: TronChain, result: str) -> None:
    logs = [(TOKEN, [TRANSFER, word(ALICE), word(POOL)], 500)]
    failed = chain.call(ALICE, POOL, 7, fee=20, result=result, logs=logs, inner=[(POOL, ALICE, 3)])
    with TronServer(chain) as server:
        told = transaction(server, failed)
    assert told.moves == [LiveMove(MoveKind.FEE, 0, A, "", "native", 20)]
    assert told.left_out == {"failed": 1}


def test_steps_that_were_undone_or_are_of_other_tokens_move_nothing(chain: TronChain) -> None:
    steps = [
        step(POOL, ALICE, 5, rejected=True),
        step(POOL, ALICE, 0, callValueInfo=[{"callValue": 9, "tokenId": "1000226"}]),
        step(POOL, ALICE, 6, "suicide"),
        step(POOL, CAROL, 2, "create"),
        step(POOL, ALICE, 8, "freezeBalanceV2ForEnergy"),
    ]
    run = chain.call(ALICE, POOL, info={"internal_transactions": steps})
    with TronServer(chain) as server:
        told = transaction(server, run)
    assert [(move.index, move.receiver, move.units) for move in told.moves] == [(3, A, 6), (4, C, 2)]
    assert told.left_out == {"trc10": 1, "staking": 1}
    assert "staked" in told.partial


@pytest.mark.parametrize(
    ("kind", "value", "counted"),
    [
        ("TransferAssetContract", {"amount": 5, "asset_name": "31", "to_address": "41" + BOB[2:]}, {"trc10": 1}),
        ("FreezeBalanceV2Contract", {"frozen_balance": 5_000_000}, {"staking": 1}),
        ("DelegateResourceContract", {"balance": 5, "receiver_address": "41" + BOB[2:]}, {"staking": 1}),
        ("VoteWitnessContract", {"votes": []}, {}),
        ("AccountPermissionUpdateContract", {}, {}),
    ],
)
def test_what_is_no_transfer_of_trx_is_counted(chain: TronChain, kind: str, value: Any, counted: Any) -> None:
    sent = chain.send(kind, value | {"owner_address": "41" + ALICE[2:]}, fee=3)
    with TronServer(chain) as server:
        told = transaction(server, sent)
    assert told.moves == [LiveMove(MoveKind.FEE, 0, A, "", "native", 3)]
    assert (told.left_out, told.partial) == (counted, "")


def test_rewards_are_issued_and_unknown_types_are_partial(chain: TronChain) -> None:
    owner = {"owner_address": "41" + ALICE[2:]}
    reward = chain.send("WithdrawBalanceContract", owner, info={"withdraw_amount": 77})
    odd = chain.send("ExchangeTransactionContract", owner | {"token_id": "5f", "quant": 5})
    made = chain.send(
        "CreateSmartContract", owner | {"new_contract": {"call_value": 4}}, info={"contract_address": "41" + CAROL[2:]}
    )
    with TronServer(chain) as server:
        assert transaction(server, reward).moves == [LiveMove(MoveKind.ISSUE, 0, "", A, "native", 77)]
        assert "ExchangeTransactionContract" in transaction(server, odd).partial
        assert transaction(server, made).moves == [LiveMove(MoveKind.VALUE, 0, A, C, "native", 4)]


# Lists.


def test_histories_in_the_order_of_the_chain(chain: TronChain) -> None:
    first = chain.pay(BOB, ALICE, 1)
    inside = chain.call(CAROL, POOL, inner=[(POOL, ALICE, 9)])
    last = chain.pay(ALICE, BOB, 1)
    chain.pay(BOB, CAROL, 1)
    chain.block()
    received = chain.transfer(BOB, TOKEN, ALICE, 5)
    forged = chain.transfer(ALICE, TOKEN, CAROL, 0, signer=CAROL)
    chain.transfer(BOB, OTHER, ALICE, 5)
    with TronServer(chain) as server:
        assert history(server, A) == History(Wanted(A, "native"), [first, inside, last])
        assert history(server, A, T6).txids == [received, forged]
        assert history(server, A, first=2).txids == []
        assert history(server, C, T6).txids == [forged]


def test_what_an_issuer_took_and_what_was_wrapped(chain: TronChain) -> None:
    taken = chain.call(BOB, TOKEN, logs=[(TOKEN, [DESTROYED], 0)])
    chain.infos[taken[2:]]["log"][0]["data"] = word(ALICE) + (9).to_bytes(32).hex()
    wrapper = from_base58(WRAPPED)
    wrapped = chain.call(ALICE, wrapper, 6, logs=[(wrapper, [DEPOSIT, word(ALICE)], 6)])
    with TronServer(chain) as server:
        assert history(server, A, T6).txids == [taken]
        assert history(server, A, WRAPPED).txids == [wrapped]
        assert LiveMove(MoveKind.TOKEN, 0, A, NOBODY, T6, 9) in transaction(server, taken).moves
        assert LiveMove(MoveKind.TOKEN, 0, "", A, WRAPPED, 6) in transaction(server, wrapped).moves
        assert history(server, C, T6).txids == []


@pytest.mark.parametrize("window", [1_000_000, 40])
def test_long_lists_are_read_to_their_end(chain: TronChain, window: int) -> None:
    sent = []
    for number in range(97):
        if number % 4 == 0:
            chain.block()
        sent.append(chain.pay(ALICE, BOB, number + 1))
    with TronServer(chain, window=window, most=10) as server:
        found = history(server, A)
        assert (found.txids, found.partial) == (sent, "")
        cut = history(server, A, most=33)
    assert cut.txids == sent[:32], "whole blocks only"
    assert "more than 33" in cut.partial


def test_a_block_beyond_the_window_is_partial(chain: TronChain) -> None:
    for number in range(60):
        chain.pay(ALICE, BOB, number + 1)
    with TronServer(chain, window=40, most=10) as server:
        found = history(server, A)
    assert len(found.txids) == 40
    assert "one block has more rows" in found.partial


def test_final_blocks_only() -> None:
    chain = TronChain(solid=2)
    for number in range(6):
        chain.block()
        chain.pay(ALICE, BOB, number + 1)
    with TronServer(chain) as server:
        assert asked(server, lambda source: source.head(0)).number == 4
        assert asked(server, lambda source: source.head(3)).number == 3
        assert asked(server, lambda source: source.head(99)).number == 0
        found = asked(server, lambda source: source.blocks([0, 1, 2, 99]))
    assert sorted(found) == [0, 1, 2]
    assert found[2].parent == found[1].hash == "0x" + chain.blocks[1]["blockID"]
    assert found[1].time == 1_600_000_003


def test_tokens_are_called_what_they_call_themselves(chain: TronChain) -> None:
    chain.symbols = {TOKEN: ("USDT", 6), OTHER: ("X", 255)}
    with TronServer(chain) as server:
        found = asked(server, lambda source: source.assets([T6, O6, C, "native"]))
    assert found == {
        T6: Asset(T6, "USDT", 6),
        O6: Asset(O6, "X", None),
        C: Asset(C, C, None),
        "native": Asset("native", "TRX", 6),
    }


# Hostile answers.

Change = Callable[[Any], object]


def _row(**facts: Any) -> Change:
    return lambda told: told["data"][0].update(facts)


HOSTILE_PAGES: dict[str, Change] = {
    "not a success": lambda told: told.update(success=False, error="busy"),
    "no success": lambda told: told.pop("success"),
    "a time as text": _row(block_timestamp="1600000003000"),
    "a negative time": _row(block_timestamp=-1),
    "a time past the window": _row(block_timestamp=1 << 60),
    "a broken number": _row(block_timestamp=1.5),
    "the time of another block": _row(block_timestamp=1_600_000_006_000),
    "a hash that is too short": _row(transaction_id="12", txID="12"),
    "a transaction that nobody knows": _row(transaction_id=digest("x"), txID=digest("x")),
    "rows that are no list": lambda told: told.update(data={}),
    "more that never comes": lambda told: told["meta"].update(fingerprint="f0"),
}


@pytest.mark.parametrize("change", HOSTILE_PAGES.values(), ids=HOSTILE_PAGES.keys())
@pytest.mark.parametrize("asset", ["native", T6])
def test_hostile_pages_leave_the_history_partial(chain: TronChain, asset: str, change: Change) -> None:
    chain.transfer(ALICE, TOKEN, BOB, 5)
    chain.call(ALICE, POOL, 5)
    chain.block()
    chain.block()

    def alter(path: str, _: Any, told: Any) -> Any:
        if path.endswith(("/transactions", "/trc20")):
            told = json.loads(json.dumps(told))
            change(told)
        return told

    with TronServer(chain) as server:
        assert history(server, A, asset).partial == ""
        server.alter = alter
        assert history(server, A, asset).partial


@pytest.mark.parametrize(
    "facts",
    [{"from": C, "to": B}, {"from": "T" * 34}, {"token_info": {"address": O6}}, {"token_info": {}}],
    ids=["of others", "of no address", "of another token", "of no token"],
)
def test_transfers_that_were_not_asked_for_are_refused(chain: TronChain, facts: Any) -> None:
    chain.transfer(ALICE, TOKEN, BOB, 5)

    def alter(path: str, _: Any, told: Any) -> Any:
        if path.endswith("/trc20"):
            told["data"][0].update(facts)
        return told

    with TronServer(chain) as server:
        server.alter = alter
        assert history(server, A, T6).partial


def test_the_same_page_twice_is_refused(chain: TronChain) -> None:
    for number in range(30):
        chain.block()
        chain.pay(ALICE, BOB, number + 1)
    fingerprints = iter(range(1, 1000))

    def alter(path: str, question: Any, told: Any) -> Any:
        if path.endswith("/transactions"):
            first = server._page(server._transactions(A), {k: v for k, v in question.items() if k != "fingerprint"})
            return first | {"meta": {"fingerprint": f"g{next(fingerprints)}"}}
        return told

    with TronServer(chain, most=10) as server:
        server.alter = alter
        assert "same page came twice" in history(server, A).partial


HOSTILE_INFOS: dict[str, Change] = {
    "of another transaction": lambda told: told.update(id=digest("x")),
    "of another block": lambda told: told.update(blockNumber=2),
    "of a block that is not there": lambda told: told.update(blockNumber=999),
    "of another time": lambda told: told.update(blockTimeStamp=5),
    "a fee as text": lambda told: told.update(fee="20"),
    "a negative fee": lambda told: told.update(fee=-20),
    "success and failure": lambda told: told.update(result="FAILED"),
    "an event of no address": lambda told: told["log"][0].update(address="zz"),
    "a short topic": lambda told: told["log"][0].update(topics=["ab"]),
    "odd data": lambda told: told["log"][0].update(data="abc"),
    "a negative step": lambda told: told["internal_transactions"][0]["callValueInfo"][0].update(callValue=-1),
    "a step to nobody": lambda told: told["internal_transactions"][0].update(transferTo_address=""),
    "nothing": lambda told: told.clear(),
}


@pytest.mark.parametrize("change", HOSTILE_INFOS.values(), ids=HOSTILE_INFOS.keys())
def test_hostile_receipts_are_reasons(chain: TronChain, change: Change) -> None:
    sent = chain.call(ALICE, POOL, 5, logs=[(TOKEN, [TRANSFER, word(ALICE), word(BOB)], 5)], inner=[(POOL, ALICE, 3)])
    chain.block()

    def alter(path: str, _: Any, told: Any) -> Any:
        if path.endswith("gettransactioninfobyid"):
            told = json.loads(json.dumps(told))
            change(told)
        return told

    with TronServer(chain) as server:
        assert transaction(server, sent).partial == ""
        server.alter = alter
        found = asked(server, lambda source: source.transactions([sent]))[sent]
    assert isinstance(found, str)
    assert found


HOSTILE_BLOCKS: dict[str, Change] = {
    "another number": lambda told: told["block_header"]["raw_data"].update(number=7),
    "an id of another number": lambda told: told.update(blockID="00" * 32),
    "no parent": lambda told: told["block_header"]["raw_data"].pop("parentHash"),
    "without the transaction": lambda told: told.pop("transactions"),
    "two contracts": lambda told: told["transactions"][0]["raw_data"]["contract"].append(
        told["transactions"][0]["raw_data"]["contract"][0]
    ),
    "an amount as text": lambda told: _value(told).update(amount="5"),
    "a negative amount": lambda told: _value(told).update(amount=-5),
    "an amount past 63 bits": lambda told: _value(told).update(amount=1 << 63),
    "no receiver": lambda told: _value(told).pop("to_address"),
}


def _value(block: Any) -> Any:
    return block["transactions"][0]["raw_data"]["contract"][0]["parameter"]["value"]


@pytest.mark.parametrize("change", HOSTILE_BLOCKS.values(), ids=HOSTILE_BLOCKS.keys())
def test_hostile_blocks_are_reasons(chain: TronChain, change: Change) -> None:
    sent = chain.pay(ALICE, BOB, 5)

    def alter(path: str, question: Any, told: Any) -> Any:
        if path == "/wallet/getblockbynum" and question["num"] == 1:
            told = json.loads(json.dumps(told))
            change(told)
        return told

    with TronServer(chain) as server:
        server.alter = alter
        found = asked(server, lambda source: source.transactions([sent]))[sent]
    assert isinstance(found, str)


def test_a_server_of_another_kind_is_refused(chain: TronChain) -> None:
    with TronServer(chain) as server:
        server.alter = lambda *_: {"jsonrpc": "2.0", "result": "0x1"}
        with pytest.raises(SourceError, match="getblockbynum"):
            asked(server, lambda source: source.head(0))


def test_an_address_that_is_none_is_partial(chain: TronChain) -> None:
    with TronServer(chain) as server:
        assert "is not an address" in history(server, "0x" + "a" * 40).partial


def test_a_run_without_network_gives_the_same(chain: TronChain, tmp_path: Path) -> None:
    chain.pay(ALICE, BOB, 5, fee=1)
    chain.transfer(ALICE, TOKEN, BOB, 5)
    chain.symbols[TOKEN] = ("USDT", 6)

    async def everything(source: TronSource) -> object:
        head = await source.head(0)
        wanted = [Wanted(A, "native"), Wanted(A, T6), Wanted(B, T6)]
        histories = await source.histories(wanted, Window(0, head.number), MANY)
        txids = [txid for one in histories for txid in one.txids]
        return head, histories, await source.transactions(txids), await source.assets([T6])

    with TronServer(chain) as server:
        first = asked(server, everything, folder=tmp_path)
        count = len(server.asked)
        assert asked(server, everything, folder=tmp_path, offline=True) == first
        assert len(server.asked) == count
        with pytest.raises(NotKept):
            asked(server, lambda source: source.blocks([9]), folder=tmp_path, offline=True)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "0x"], ids=["as people write it", "with 0x"])
def test_a_theft_is_traced_by_the_command_line(tmp_path: Path, prefix: str) -> None:
    """TRX and a token through a contract to an exchange: sums worked out by hand."""
    chain = TronChain()
    chain.symbols = {TOKEN: ("USDT", 6)}
    victim, thief, pool, exchange, friend = (f"0x{digit * 40}" for digit in "56789")
    chain.block()
    chain.pay(CAROL, victim, 1_000)
    chain.transfer(ZERO, TOKEN, victim, 500, signer=CAROL)
    chain.block()
    stolen = [chain.pay(victim, thief, 900, fee=10), chain.transfer(victim, TOKEN, thief, 500, fee=20)]
    chain.block()
    chain.transfer(thief, TOKEN, friend, 300, fee=5)
    chain.call(thief, pool, 600, fee=7, inner=[(pool, exchange, 600)])
    chain.call(thief, pool, 50, fee=3, result="REVERT")
    chain.transfer(thief, TOKEN, exchange, 0, signer=CAROL)
    chain.block()
    chain.transfer(friend, TOKEN, exchange, 120)
    lines = ['id = "t"', 'title = "T"', 'chain = "tron"', f'victim = ["{base58(victim)}"]', 'source = "test"']
    for name, asset, txid in (("TRX", "native", stolen[0]), ("USDT", T6, stolen[1])):
        lines += ["[[leg]]", f'name = "{name}"', f'asset = "{asset}"', "[[leg.move]]", f'tx = "{prefix}{txid[2:]}"']
    theft, tags, case = tmp_path / "theft.toml", tmp_path / "tags.csv", tmp_path / "case"
    theft.write_text("\n".join(lines), encoding="utf-8")
    rows = ("address,entity,kind,confidence,evidence,source", f"{base58(exchange)},Exchange,exchange,100,E1,test")
    tags.write_text("\n".join(rows), encoding="utf-8")
    command = ["-q", "trace", "--theft", str(theft), "--tags", str(tags), "--out", str(case), "--depth", "0"]
    command += ["--allow-host", "127.0.0.1"]
    with TronServer(chain) as server:
        for words in ([], ["--offline"]):
            with pytest.raises(SystemExit) as left:
                main([*command, "--from", server.source, *words])
            assert left.value.code == 0
    said = json.loads((case / "statement.json").read_text(encoding="utf-8"))
    ends = {(end["place"], end["asset"], end["stop"]): int(end["amounts"]["fifo"]) for end in said["terminals"]}
    assert {key: units for key, units in ends.items() if units} == {
        (base58(thief), "native", "held"): 285,
        ("", "native", "fee"): 15,
        (base58(exchange), "native", "service"): 600,
        (base58(thief), T6, "held"): 200,
        (base58(friend), T6, "held"): 180,
        (base58(exchange), T6, "service"): 120,
    }
