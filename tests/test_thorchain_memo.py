"""THORChain memos: every form of the documentation, what the network sends back, memoless deposits, any text at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dyepack.patterns.bridges.abi import AbiError
from dyepack.patterns.bridges.model import Payout
from dyepack.patterns.bridges.thorchain_assets import SHORT_CODES, AssetKind, candidates, parse_asset
from dyepack.patterns.bridges.thorchain_legs import deposit_of, op_return_text, payout_of
from dyepack.patterns.bridges.thorchain_memo import (
    FUNCTIONS,
    INTERNAL,
    MAX_TEXT,
    Memo,
    MemoKind,
    memoless_reference,
    parse_memo,
    resolve_memoless,
)
from dyepack.synthetic.bridge_memos import FAULTY, FORMS, NO_MEMOS, Says
from dyepack.synthetic.bridge_records import op_return
from tests.effort import examples

EVM = "0x" + "5b" * 20
USDT = "ETH.USDT-0XDAC17F958D2EE523A2206206994597C13D831EC7"
PIECES = st.sampled_from(
    [*FUNCTIONS, *SHORT_CODES, "ETH.ETH", "BTC/BTC", USDT, EVM, "1e8", "1/2/3", "t/dx", "10/20", "AB" * 32, "|", ""]
)
MEMO_TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(PIECES, st.text(alphabet="0123456789abcdefeE./~-+$=<>:|% é\0", max_size=20)), max_size=12).map(
        ":".join
    ),
)


def told(memo: Memo, name: str) -> object:
    """A field in the words of FORMS, written here apart from the benchmark's."""
    value = getattr(memo.asset, name[6:]) if name.startswith("asset_") else getattr(memo, name)
    match name, value:
        case (("asset" | "preferred"), None):
            return None
        case (("asset" | "preferred"), asset):
            return asset.name
        case (("source" | "target"), coin):
            return coin.amount, coin.asset.name
        case "affiliates", listed:
            return [(a.name, a.basis_points) for a in listed]
        case "inner", inner:
            return inner.kind.value
    return value


@pytest.mark.parametrize(("text", "wanted"), FORMS, ids=[text[:60] for text, _ in FORMS])
def test_every_form_of_the_documentation_is_read(text: str, wanted: Says) -> None:
    memo = parse_memo(text)
    assert memo is not None
    assert memo.faults == ()
    assert {name: told(memo, name) for name in wanted} == wanted
    assert memo.raw == text


def test_the_forms_cover_every_kind_and_every_name_of_a_function() -> None:
    names = {text.partition("|")[0].partition(":")[0].lower() for text, _ in (*FORMS, *FAULTY)}
    assert names >= set(FUNCTIONS)
    assert {parse_memo(text).kind for text, _ in FORMS} == set(MemoKind)  # type: ignore[union-attr]
    assert {text.split(":")[1] for text, _ in FORMS if text.startswith("=:")} >= set(SHORT_CODES)


@pytest.mark.parametrize(("text", "why"), FAULTY, ids=[why for _, why in FAULTY])
def test_what_the_network_sends_back_has_a_fault(text: str, why: str) -> None:
    memo = parse_memo(text)
    assert memo is not None, why
    assert memo.faults


@pytest.mark.parametrize("text", NO_MEMOS)
def test_other_texts_are_no_memos(text: str) -> None:
    assert parse_memo(text) is None


def test_functions_are_read_in_any_case_and_short_codes_only_in_lower() -> None:
    for name, kind in FUNCTIONS.items():
        for written in (name.upper(), name.title(), name):
            memo = parse_memo(f"{written}:ETH.ETH:{EVM}:1")
            assert memo is not None
            assert memo.kind is kind
    lower, upper = parse_asset("e"), parse_asset("E")
    assert lower is not None
    assert upper is not None
    assert (lower.name, upper.name) == ("ETH.ETH", "THOR.E")


def test_streaming_is_told_by_parts_that_are_not_one() -> None:
    for stream, wanted in (("", False), ("/0/0", False), ("/1/1", False), ("/3", True), ("/3/0", True), ("/0/2", True)):
        memo = parse_memo(f"=:e:{EVM}:5{stream}")
        assert memo is not None
        assert memo.is_streaming is wanted, stream


def test_an_address_with_a_colon_is_kept_whole_and_is_a_fault() -> None:
    memo = parse_memo("=:c:bitcoincash:qzabc/bitcoincash:qzabc:7/20/1:t:30")
    assert memo is not None
    assert memo.address == "bitcoincash:qzabc"
    memo = parse_memo("=:BCH.BCH:BitcoinCash:qzabc:7/20/1:t:30")
    assert memo is not None
    assert (memo.address, memo.limit, memo.interval) == ("BitcoinCash:qzabc", 7, 20)
    assert len(memo.faults) == 1


def test_an_abbreviated_token_stays_a_list_of_pools() -> None:
    other = "ETH.USDT-0X0000000000000000000000000000000000000EC7"
    pools = [USDT, other, "AVAX.USDT-0XDAC17F958D2EE523A2206206994597C13D831EC7", "ETH.ETH"]
    for text, wanted in (
        ("ETH.USDT", [USDT, other]),
        ("ETH.USDT-ec7", [USDT, other]),
        ("ETH.USDT-1ec7", [USDT]),
        ("ETH.USDT-0xdac17f958d2ee523a2206206994597c13d831ec7", [USDT]),
        ("ETH.USDT-abc", []),
        ("e", ["ETH.ETH"]),
    ):
        asset = parse_asset(text)
        assert asset is not None
        assert candidates(asset, pools) == wanted, text


def test_the_first_sign_says_the_kind_of_an_asset() -> None:
    for text, kind in (
        ("ETH~USDT-0x" + "1" * 40, AssetKind.TRADE),
        ("ETH-USDT-0x" + "1" * 40, AssetKind.SECURED),
        ("ETH/USDT-0x" + "1" * 40, AssetKind.SYNTHETIC),
        ("ETH.USDT-0x" + "1" * 40, AssetKind.LAYER1),
        ("THOR.TCY", AssetKind.NATIVE),
        ("RUNE", AssetKind.NATIVE),
    ):
        asset = parse_asset(text)
        assert asset is not None
        assert asset.kind is kind
    assert all(parse_asset(text) is None for text in ("", ".", "BTC.", ".BTC", "B C.BTC", "THOR~RUNE", "é.é", "-x"))


@pytest.mark.parametrize(
    ("units", "decimals", "wanted"),
    [
        (5_020_002, 8, "20002"),
        (1_500_020_002, 6, "20002"),
        (20_002, 8, "20002"),
        (7, 8, "00007"),
        (100_000, 8, ""),
        (0, 8, ""),
        (5_020_002 * 10**10, 18, "20002"),
        (5_020_002 * 10**10 + 9_999_999_999, 18, "20002"),
    ],
)
def test_a_memoless_deposit_names_its_memo_by_five_digits(units: int, decimals: int, wanted: str) -> None:
    assert memoless_reference(units, decimals) == wanted


def test_a_registered_memo_is_found_by_asset_and_number() -> None:
    registered = {("BTC.BTC", "20002"): f"=:ETH.ETH:{EVM}"}
    memo = resolve_memoless("BTC.BTC", 5_020_002, 8, registered)
    assert memo is not None
    assert memo.address == EVM
    assert resolve_memoless("LTC.LTC", 5_020_002, 8, registered) is None
    assert resolve_memoless("BTC.BTC", 5_020_003, 8, registered) is None


@pytest.mark.slow
@settings(max_examples=examples(2000), deadline=None)
@given(MEMO_TEXTS)
@example("reference:a:" * 300)
@example("=:" * 2000)
@example("out:" + "\ud800" * 64)
@example("=:e:x:" + "9" * 4000)
def test_no_text_makes_an_error(text: str) -> None:
    memo = parse_memo(text)
    assert memo is None or (memo.raw == text and len(text) <= MAX_TEXT)
    if memo is not None:
        assert all(fault.isprintable() for fault in memo.faults)
        assert memo.limit is None or 0 <= memo.limit < 1 << 256


@settings(max_examples=examples(500), deadline=None)
@given(st.integers(0, (1 << 256) - 1), st.integers(0, 77))
def test_scientific_notation_is_exact(coefficient: int, exponent: int) -> None:
    memo = parse_memo(f"=:e:x:{coefficient}e{exponent}")
    assert memo is not None
    value = coefficient * 10**exponent
    assert memo.limit == (value if value < 1 << 256 else None)
    assert bool(memo.faults) == (value >= 1 << 256 or len(memo.raw) > 250)


def test_hostile_memos_take_no_time() -> None:
    began = time.perf_counter()
    for text in ("=:" + "a." * 2000, "x:a:" + "A" * 4000, "reference:b:" * 340, "=:e:x:::" + "/" * 4000, "s:" * 2040):
        parse_memo(text)
    assert time.perf_counter() - began < 0.5


def test_a_deposit_has_what_its_memo_asks_for() -> None:
    made = deposit_of(f"=:b:bc1qdest/{EVM}:1e5/1/0", chain="ethereum", tx="0x1", sender=EVM, asset="native", amount=7)
    assert made is not None
    assert (made.to_chain, made.to_asset, made.receiver, made.amount) == ("bitcoin", "BTC.BTC", "bc1qdest", 7)
    inside = deposit_of("=:BTC/BTC:thor1x", chain="bitcoin", tx="ab", sender="bc1q", asset="native", amount=7)
    assert inside is not None
    assert inside.to_chain == "thorchain"
    for text in ("OUT:" + "AB" * 32, "hello", "migrate:5", ""):
        assert deposit_of(text, chain="bitcoin", tx="ab", sender="", asset="native", amount=7) is None


def test_a_payout_has_the_deposit_of_its_memo() -> None:
    def paid(memo: str) -> Payout | None:
        return payout_of(memo, chain="bitcoin", tx="cd", receiver="bc1q", asset="native", amount=5)

    out = paid("OUT:0x" + "ab" * 32)
    back = paid("refund:" + "ab" * 32)
    assert out is not None
    assert back is not None
    assert out.from_tx == back.from_tx == "AB" * 32
    assert (out.refund, back.refund) == (False, True)
    for text in (f"=:e:{EVM}", "OUT:12", "", "OUT", "RAGNAROK:5"):
        assert paid(text) is None


def test_op_return_gives_the_memo_and_no_more() -> None:
    for memo in ("OUT:" + "AB" * 32, "=:r:thor1x:1/1/0", "x" * 80):
        assert op_return_text(op_return(memo.encode())) == memo
    assert op_return_text(b"\x6a\x4d\x02\x00hi") == "hi"
    assert op_return_text(b"\x6a\x02hi\x02ho") == "hiho"
    assert op_return_text(b"\x76\xa9") is None
    assert op_return_text(b"") is None
    assert op_return_text(b"\x6a\x01\xff") == "\\xff"
    with pytest.raises(AbiError):
        op_return_text(b"\x6a\x4e\xff\xff\xff\xffhi")


def test_no_memo_is_of_a_payment_and_of_the_network_itself() -> None:
    for text, _ in FORMS:
        memo = parse_memo(text)
        assert memo is not None
        assert not (memo.is_outbound and memo.kind in INTERNAL)
