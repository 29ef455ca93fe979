"""Addresses by the vectors of their BIPs and by a second library; scripts by form, compiled and plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.utxo.address import NETWORKS, WIDTH, address_text, pack, parse_address, unpack
from dyepack.ledger.utxo.schema import ScriptType
from dyepack.sources.bitcoin.script import classify_bytes, classify_compiled, classify_plain
from tests.bitcoin_forms import KEY, PLACES
from tests.effort import examples

# BIP 350, "Test vectors for v0-v16 native segregated witness addresses".
VALID = {
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7":
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y":
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    "BC1SW50QGDZ25J": "6002751e",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs": "5210751e76e8199196d454941c45d1b3a323",
    "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy":
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c":
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0":
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    # BIP 341, wallet test vectors (scriptPubKey, bip350Address).
    "bc1p2wsldez5mud2yam29q22wgfh9439spgduvct83k3pm50fcxa5dps59h4z5":
        "512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343",
    "bc1pz37fc4cn9ah8anwm4xqqhvxygjf9rjf2resrw8h8w4tmvcs0863sa2e586":
        "5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3",
    "bc1punvppl2stp38f7kwv2u2spltjuvuaayuqsthe34hd2dyy5w4g58qqfuag5":
        "5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e",
}  # fmt: skip

# BIP 350, invalid addresses: prefix, checksum of the other kind, character, version, length, case, padding, empty.
INVALID = [
    "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
    "bc1pw5dgrnzv",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    "bc1gmk9yu",
    # Ours: mixed case of a valid one, and what lies beyond letters and digits.
    "bc1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\0",
    " 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "",
    "1",
    "bc1",
    "\ud800",
    "1" * 91,
]


@pytest.mark.parametrize(("text", "script"), VALID.items())
def test_bip_addresses(text: str, script: str) -> None:
    network = "mainnet" if text.lower().startswith("bc") else "testnet"
    kind, packed = classify_plain(bytes.fromhex(script))
    assert packed is not None
    assert parse_address(text, network) == packed
    assert address_text(packed, network) == text.lower()
    assert address_text(packed.ljust(WIDTH, b"\0"), network) == text.lower()
    others = [name for name in NETWORKS if parse_address(text, name)]
    assert others == (["mainnet"] if network == "mainnet" else ["testnet", "signet"])
    assert kind == {"00": ScriptType.P2WSH, "51": ScriptType.P2TR}.get(script[:2]) or len(script) != 68


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_address(text: str) -> None:
    assert [parse_address(text, network) for network in NETWORKS] == [None] * 4


def test_base58_by_network() -> None:
    # The key of block 0, https://en.bitcoin.it/wiki/Genesis_block
    packed = bytes.fromhex("0014" + "62e907b15cbf27d5425399ebf6f0fb50ebb88f18")
    assert parse_address("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "mainnet") == packed
    assert parse_address("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "testnet") is None
    assert {address_text(packed, name) for name in ("testnet", "signet", "regtest")} == {
        "mpXwg4jMtRhuSpVq4xS3HFHmCmWp9NyGKt"
    }


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from([("mainnet", "mainnet"), ("testnet", "testnet"), ("regtest", "regtest")]),
       st.integers(0, 18), st.binary(min_size=2, max_size=40))  # fmt: skip
def test_a_second_library_writes_the_same(networks: tuple[str, str], version: int, program: bytes) -> None:
    from btclib import b32, b58

    ours, theirs = networks
    if version > 16:
        digest = program.ljust(20, b"\7")[:20]
        packed = pack(version - 17, digest)
        expected = b58.address_from_h160("p2pkh" if version == 17 else "p2sh", digest, theirs)
    else:
        program = program if version else program.ljust(20, b"\7")[: 32 if len(program) >= 32 else 20]
        packed = pack(0x10 + version, program)
        expected = b32.address_from_witness(version, program, theirs)
    text = address_text(packed, ours)
    assert text == expected
    assert parse_address(text, ours) == packed
    assert unpack(packed) == (packed[0], packed[2:])


@pytest.mark.parametrize(("kind", "size"), [(0, 19), (1, 32), (2, 20), (16, 21), (16, 2), (17, 1), (18, 41), (33, 20)])
def test_no_address_of_that_kind_and_length(kind: int, size: int) -> None:
    with pytest.raises(ValueError, match="no address"):
        pack(kind, bytes(size))


K65 = b"\x04" + bytes(64)
FORMS = [
    (b"\x41" + K65 + b"\xac", ScriptType.P2PK),
    (b"\x41\x06" + bytes(64) + b"\xac", ScriptType.P2PK),
    (b"\x41\x05" + bytes(64) + b"\xac", ScriptType.NONSTANDARD),
    (b"\x21\x04" + bytes(32) + b"\xac", ScriptType.NONSTANDARD),
    (b"\x21" + KEY + b"\xad", ScriptType.NONSTANDARD),
    (b"\x4c\x21" + KEY + b"\xac", ScriptType.NONSTANDARD),
    (b"\x76\xa9\x14" + bytes(20) + b"\x88\xac\x61", ScriptType.NONSTANDARD),
    (b"\xa9\x4c\x14" + bytes(20) + b"\x87", ScriptType.NONSTANDARD),
    (b"\x00\x15" + bytes(21), ScriptType.NONSTANDARD),
    (b"\x00\x4c\x14" + bytes(20), ScriptType.NONSTANDARD),
    (b"\x51\x01\x01", ScriptType.NONSTANDARD),
    (b"\x51\x29" + bytes(41), ScriptType.NONSTANDARD),
    (b"\x60\x28" + bytes(40), ScriptType.WITNESS_UNKNOWN),
    (b"\x52\x20" + bytes(32), ScriptType.WITNESS_UNKNOWN),
    (b"\x4f\x20" + bytes(32), ScriptType.NONSTANDARD),
    (b"\x6a", ScriptType.OP_RETURN),
    (b"\x6a\x6a\xff", ScriptType.OP_RETURN),
    (b"", ScriptType.NONSTANDARD),
    (b"\xae", ScriptType.NONSTANDARD),
    (b"\x51\x51\xae", ScriptType.NONSTANDARD),
    (b"\x51\x21" + KEY + b"\x41" + K65 + b"\x52\xae", ScriptType.MULTISIG),
    (b"\x52\x21" + KEY + b"\x51\xae", ScriptType.NONSTANDARD),
    (b"\x00\x21" + KEY + b"\x51\xae", ScriptType.NONSTANDARD),
    (b"\x51\x21" + KEY + b"\x52\xae", ScriptType.NONSTANDARD),
    (b"\x51\x21" + KEY + b"\x51\xae\xae", ScriptType.NONSTANDARD),
    (b"\x51\x4c\x21" + KEY + b"\x51\xae", ScriptType.MULTISIG),
    (b"\x01\x11" + (b"\x21" + KEY) * 17 + b"\x01\x11\xae", ScriptType.MULTISIG),
    (b"\x51" + (b"\x21" + KEY) * 20 + b"\x01\x14\xae", ScriptType.MULTISIG),
    (b"\x51" + (b"\x21" + KEY) * 21 + b"\x01\x15\xae", ScriptType.NONSTANDARD),
    (b"\x01\x01\x21" + KEY + b"\x51\xae", ScriptType.NONSTANDARD),
    (b"\x51\x4e\xff\xff\xff\xff\xae", ScriptType.NONSTANDARD),
]


@pytest.mark.parametrize(("script", "kind"), FORMS)
def test_forms(script: bytes, kind: ScriptType) -> None:
    found, address = classify_plain(script)
    assert found == kind
    assert (address is None) == (kind in {ScriptType.NONSTANDARD, ScriptType.MULTISIG, ScriptType.OP_RETURN})


def test_addresses_of_scripts() -> None:
    found = classify_bytes([bytes(script) for _, _, script in PLACES])
    texts = [address_text(row.tobytes(), "mainnet") if has else None
             for row, has in zip(found.packed, found.has_address, strict=True)]  # fmt: skip
    assert texts[0] == PLACES[1][1]
    assert texts[1:] == [address for _, address, _ in PLACES][1:]


def _pushes() -> st.SearchStrategy[bytes]:
    keys = st.sampled_from([b"\x21" + KEY, b"\x41" + K65, b"\x4c\x21" + KEY, b"\x4d\x21\0" + KEY, b"\x21" + bytes(33)])
    counts = st.sampled_from([bytes([n]) for n in (0, 0x4F, 0x50, 0x51, 0x52, 0x60, 0x61)] + [b"\x01\x11", b"\x01\x10"])
    ends = st.sampled_from([b"\xae", b"\xac", b""])
    return st.tuples(counts, st.lists(keys, max_size=4).map(b"".join), counts, ends).map(b"".join)


def _scripts() -> st.SearchStrategy[bytes]:
    known = st.sampled_from([script for _, _, script in PLACES] + [script for script, _ in FORMS])
    places = st.tuples(known, st.integers(0, 80), st.binary(max_size=2))
    changed = places.map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + 1 :])
    return st.one_of(known, changed, known.map(lambda s: s[:-1]), _pushes(), st.binary(max_size=80))


@pytest.mark.xdist_group("numba")
@settings(max_examples=examples(60), deadline=None)
@given(st.lists(_scripts(), max_size=30))
def test_compiled_equals_plain(scripts: list[bytes]) -> None:
    length = np.array([len(script) for script in scripts], np.int64)
    buffer = np.frombuffer(b"".join(scripts), np.uint8)
    fast, slow = classify_compiled(buffer, np.cumsum(length) - length, length), classify_bytes(scripts)
    assert fast.types.tolist() == slow.types.tolist()
    assert fast.packed.tolist() == slow.packed.tolist()
    assert fast.has_address.tolist() == slow.has_address.tolist()


@settings(max_examples=examples(60), deadline=None)
@given(_scripts())
def test_a_second_library_sees_the_same_forms(script: bytes) -> None:
    from btclib import script as other

    kind, _ = classify_plain(script)
    forms = {
        ScriptType.P2PKH: other.is_p2pkh,
        ScriptType.P2SH: other.is_p2sh,
        ScriptType.P2WPKH: other.is_p2wpkh,
        ScriptType.P2WSH: other.is_p2wsh,
        ScriptType.P2TR: other.is_p2tr,
    }
    assert {name: test(script) for name, test in forms.items()} == {name: kind == name for name in forms}


def test_scripts_outside_the_buffer_are_refused() -> None:
    from dyepack.sources.bitcoin.script import classify

    buffer = np.zeros(10, np.uint8)
    for start, length in ((-1, 2), (9, 2), (0, 11), (0, -1), ((1 << 63) - 1, 1)):
        with pytest.raises(ValueError, match="outside"):
            classify(buffer, np.array([start], np.int64), np.array([length], np.int64))
