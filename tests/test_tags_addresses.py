"""Addresses of lists: one form for each chain, faults told, and every legal way of writing one found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from dyepack.keccak import keccak256
from dyepack.sources.live.tron.addresses import from_base58
from dyepack.tags.addresses import cashaddr, codecs
from dyepack.tags.addresses.names import network_of
from dyepack.tags.addresses.reading import keys_of, read_address
from dyepack.tags.load import load
from dyepack.tags.model import TagSet

LABELS = Path(__file__).parents[2] / "shared" / "data" / "labels"
OFAC = LABELS / "ofac-0xB10C-lists-2025-12"
EIP55 = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TRON = "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"
BTC_KEY, BTC_SCRIPT = "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC"
BCH_KEY = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
BCH_SCRIPT = "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"
SEGWIT = "bc1qpy4jwethqenp4r7hqls660wy8287vw0my32lmy"
BAD = "its checksum does not fit"


@pytest.mark.parametrize(
    ("written", "network", "address", "flaw"),
    [
        (EIP55, "ethereum", EIP55.lower(), ""),
        (EIP55.lower(), "", EIP55.lower(), ""),
        ("0X" + EIP55[2:].upper(), "bsc", EIP55.lower(), ""),
        (EIP55.replace("Ae", "ae", 1), "ethereum", EIP55.lower(), codecs.MISCASED),
        (EIP55.replace("Ae", "ae", 1), "", EIP55.lower(), codecs.MISCASED),
        (EIP55.replace("Ae", "ae", 1), "rootstock", EIP55.lower(), ""),
        ("xdc" + EIP55[2:], "xdc", EIP55.lower(), ""),
        (TRON, "tron", TRON, ""),
        (from_base58(TRON), "tron", TRON, ""),
        ("41" + from_base58(TRON)[2:], "tron", TRON, ""),
        ("41" + from_base58(TRON)[2:].upper(), "", TRON, ""),
        ("0x41" + from_base58(TRON)[2:], "", TRON, ""),
        (from_base58(TRON), "", from_base58(TRON), ""),
        (TRON[:-1] + "r", "tron", TRON[:-1] + "r", f"is no address of tron: {BAD}; kept as written"),
        (TRON[:-1] + "r", "", TRON[:-1] + "r", f"{BAD}; kept as written"),
        (SEGWIT.upper(), "bitcoin", SEGWIT, ""),
        (SEGWIT.upper(), "", SEGWIT, ""),
        (SEGWIT[:-1] + "Y", "", SEGWIT[:-1] + "Y", f"{BAD}; kept as written"),
        (SEGWIT[:-1] + "x", "bitcoin", SEGWIT[:-1] + "x", f"is no address of bitcoin: {BAD}; kept as written"),
        (BTC_KEY, "", BTC_KEY, ""),
        (BTC_KEY, "bitcoin-cash", BCH_KEY, ""),
        (BTC_SCRIPT, "bitcoin-cash", BCH_SCRIPT, ""),
        (BCH_KEY[12:], "", BCH_KEY, ""),
        (BCH_KEY.upper(), "bitcoin-cash", BCH_KEY, ""),
        (BCH_KEY, "bitcoin-sv", BTC_KEY, ""),
        (BCH_KEY[:-1] + "q", "", BCH_KEY[:-1] + "q", ""),
        ("rnXyVQzgxZe7TR1EPzTkGj2jxH4LMJYh66", "xrp", "rnXyVQzgxZe7TR1EPzTkGj2jxH4LMJYh66", ""),
        ("42RLPACwZPx3vYYmxSueqsogfynBDqXK298EDsNoyoHi", "solana", "42RLPACwZPx3vYYmxSueqsogfynBDqXK298EDsNoyoHi", ""),
        ("bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23", "", "bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23", ""),
        ("DE89 3704 0044", "", "DE89 3704 0044", ""),
        ("bitfinexdep1", "eos", "bitfinexdep1", ""),
        ("abc", "bitcoin", "abc", "is no address of bitcoin: it has not the shape of one; kept as written"),
    ],
)
def test_each_chain_has_one_form(written: str, network: str, address: str, flaw: str) -> None:
    raw = "" if written == address else written
    assert read_address(f" {written}\n", network) == (address, network, raw, flaw)
    assert read_address(address, network)[:3] == (address, network, "")


@pytest.mark.parametrize(
    ("written", "network", "address", "now"),
    [
        (TRON, "bitcoin", TRON, "tron"),
        (EIP55, "bitcoin", EIP55.lower(), ""),
        (SEGWIT, "ethereum", SEGWIT, "bitcoin"),
        (BCH_KEY, "ethereum", BCH_KEY, "bitcoin-cash"),
        ("LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb", "monero", "LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb", "litecoin"),
    ],
)
def test_an_address_of_another_chain_is_matched_there_and_it_is_said(
    written: str, network: str, address: str, now: str
) -> None:
    read = read_address(written, network)
    assert read[:2] == (address, now)
    assert read.flaw.startswith(f"is listed as of {network} but is an address of ")
    assert read.flaw.endswith("matched as one")


def test_litecoin_scripts_have_one_form_of_two() -> None:
    old = "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC"
    new = read_address(old, "litecoin").address
    assert new[0] == "M"
    assert codecs.base58check(new) == b"\x32" + (codecs.base58check(old) or b"")[1:]
    assert read_address(new, "litecoin").address == new


@pytest.mark.parametrize(("word", "name"), [("XBT", "bitcoin"), (" trx ", "tron"), ("USDT", ""), ("BEP20", "bsc"),
                                            ("", ""), ("Bitcoin-Cash", "bitcoin-cash")])  # fmt: skip
def test_words_for_chains(word: str, name: str) -> None:
    assert network_of(word) == (name, True)
    assert network_of("Frobnicoin") == ("frobnicoin", False)


@given(st.binary(min_size=20, max_size=20), st.sampled_from([cashaddr.P2PKH, cashaddr.P2SH]))
def test_cashaddr_comes_back_and_one_wrong_letter_never_passes(program: bytes, kind: int) -> None:
    text = cashaddr.encode(kind, program, "bitcoincash")
    assert cashaddr.decode(text, "bitcoincash") == (kind, program)
    assert cashaddr.decode(text.upper(), "bitcoincash") == (kind, program)
    assert cashaddr.decode(text, "ecash") is None
    for at in range(12, len(text)):
        wrong = "q" if text[at] != "q" else "p"
        assert cashaddr.decode(text[:at] + wrong + text[at + 1 :], "bitcoincash") is None


@given(st.binary(min_size=20, max_size=20))
def test_the_letter_case_of_eip_55_agrees_with_its_definition(program: bytes) -> None:
    digits = program.hex()
    hashed = keccak256(digits.encode())
    bits = "".join(f"{byte:08b}" for byte in hashed)
    by_bits = "".join(d.upper() if bits[4 * at] == "1" else d for at, d in enumerate(digits))
    assert codecs.checksum_case(digits) == by_bits
    assert codecs.evm("0x" + by_bits) == ("0x" + digits, "")


@given(st.binary(min_size=20, max_size=20), st.sampled_from([n for n, c in codecs.CHAINS.items() if c.codecs]))
def test_every_form_of_a_key_is_read_to_the_same_on_its_chain(program: bytes, network: str) -> None:
    for kind in (cashaddr.P2PKH, cashaddr.P2SH):
        for codec in codecs.CHAINS[network].codecs:
            if not isinstance(codec, codecs.Outputs):
                continue
            form = codec.form(kind, program)
            texts = [str(wallycore.base58check_from_bytes(p + program))
                     for p in (codec.keys if kind == cashaddr.P2PKH else codec.scripts)]  # fmt: skip
            texts += [cashaddr.encode(kind, program, codec.cash)] if codec.cash else []
            assert {read_address(text, network).address for text in texts} == {form}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=70),
       st.sampled_from(["", *codecs.CHAINS]))  # fmt: skip
def test_reading_a_form_again_changes_nothing(text: str, network: str) -> None:
    read = read_address(text, network)
    again = read_address(read.address, read.network)
    assert again[:2] == read[:2]


@given(st.integers(0, 16), st.binary(min_size=32, max_size=32))
def test_bech32_agrees_with_another_library(version: int, program: bytes) -> None:
    from btclib import b32

    text = b32.address_from_witness(version, program, "mainnet")
    assert read_address(text.upper(), "bitcoin") == (text, "bitcoin", text.upper(), "")
    other = text[:-1] + ("q" if text[-1] != "q" else "p")
    assert read_address(other, "bitcoin").flaw == f"is no address of bitcoin: {BAD}; kept as written"


def legal_forms(address: str, network: str) -> set[str]:
    """Every way in which the same address may be written, found from what people do, not from the codecs."""
    forms = {address, f"  {address} "}
    if re.fullmatch("0x[0-9a-fA-F]{40}", address):
        digits = address[2:].lower()
        forms |= {"0x" + digits, "0X" + digits.upper(), "0x" + codecs.checksum_case(digits)}
    if address.lower().startswith(("bc1", "ltc1")):
        forms |= {address.upper(), address.lower()}
    if re.fullmatch("T[1-9A-HJ-NP-Za-km-z]{33}", address):
        digits = from_base58(address)[2:]
        forms |= {"41" + digits, "0x41" + digits, "41" + digits.upper(), "0x" + digits}
    if network == "BCH":
        bare = address.removeprefix("bitcoincash:")
        packed = cashaddr.decode(bare, "bitcoincash")
        if packed is None:
            held = bytes(wallycore.base58check_to_bytes(address))
            packed = (cashaddr.P2SH if held[0] else cashaddr.P2PKH), held[1:]
        kind, program = packed
        cash = cashaddr.encode(kind, program, "bitcoincash")
        legacy = bytes((5 if kind else 0,)) + program
        forms |= {cash, cash.upper(), cash[12:], cash[12:].upper(), str(wallycore.base58check_from_bytes(legacy))}
    if network == "LTC" and address[0] in "M3":
        held = bytes(wallycore.base58check_to_bytes(address))
        forms |= {str(wallycore.base58check_from_bytes(bytes((v,)) + held[1:])) for v in (5, 50)}
    return forms


@pytest.mark.shared
@pytest.mark.parametrize("stated", [True, False])
def test_every_listed_address_is_hit_in_each_legal_form(stated: bool) -> None:
    """The lists of OFAC with the chain that the file's name gives, and without any."""
    asked = written = 0
    for path in sorted(OFAC.glob("*.txt")):
        word = path.stem[21:]
        tags = load(path, network=word if stated else "")
        lines = path.read_text().split()
        for line in lines:
            written += 1
            for form in legal_forms(line, word):
                asked += 1
                found = tags.find(form)
                assert any((tag.raw or tag.address) == line or tag.address == line.lower() for tag in found), (
                    path.name, line, form,
                )  # fmt: skip
    assert (written, asked > 2 * written) == (758, True)


@pytest.mark.shared
@pytest.mark.slow
def test_every_address_of_the_packs_and_labels_is_hit_in_each_legal_form() -> None:
    asked = 0
    everything = TagSet()
    for path in [*sorted((LABELS / "graphsense-tagpacks/packs").rglob("*.yaml")),
                 LABELS / "ofac-ultrasound-2026-06/data.csv",
                 LABELS / "etherscan-labels-brianleect/combinedAccountLabels.json"]:  # fmt: skip
        everything.merge(load(path))
    for tag in everything.tags:
        if tag.flaw:
            assert tag in everything.find(tag.raw or tag.address)
            continue
        word = {"tron": "TRX", "bitcoin-cash": "BCH", "litecoin": "LTC"}.get(tag.network, "")
        for form in legal_forms(tag.raw or tag.address, word):
            asked += 1
            assert tag in everything.find(form), (tag, form)
    assert asked > 250_000


@pytest.mark.shared
def test_the_addresses_that_ofac_got_wrong_are_named() -> None:
    """December 2025: one address of Tron stands in the list of Bitcoin, one entry of Monero is no address."""
    wrong = {
        (path.stem[21:], tag.raw or tag.address, tag.network, tag.flaw)
        for path in sorted(OFAC.glob("*.txt"))
        for tag in load(path, network=path.stem[21:]).every()
        if tag.flaw
    }
    assert wrong == {
        ("XBT", TRON, "tron", "is listed as of bitcoin but is an address of tron; matched as one"),
        ("XMR", "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320", "monero",
         "is no address of monero: it has not the shape of one; kept as written"),
    }  # fmt: skip


def test_a_form_of_another_chain_only_finds_statements_about_that_chain(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(f"address,label,network\n{BTC_KEY},on bitcoin,BTC\n{BTC_KEY},on cash,BCH\n{BTC_KEY},on any,\n")
    tags = load(path)

    def labels(written: str, network: str = "") -> set[str]:
        return {tag.label for tag in tags.find(written, network)}

    assert labels(BTC_KEY) == {"on bitcoin", "on cash", "on any"}
    assert labels(BCH_KEY) == {"on cash", "on any"}
    assert labels(BTC_KEY, "bitcoin") == {"on bitcoin", "on any"}
    assert labels(BTC_KEY, "bitcoin-cash") == {"on cash", "on any"}
    assert labels("LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9") == set()
    assert keys_of("比") == []
    assert max(len(keys_of(form)) for form in (BTC_KEY, BTC_SCRIPT, BCH_SCRIPT, TRON, EIP55, SEGWIT)) == 3
