"""What an address of each chain looks like, and the one form it is matched in.

A codec takes printable ASCII and gives the form, with what is wrong with the writing ("" for nothing), or None if the
text is no address of its chain. `sure` says whether a codec rests on a checksum or on a shape that nothing else has.

| chain | one form | rests on |
|---|---|---|
| Ethereum and its kin | 0x and 40 digits in lower case | shape; EIP-55 where the case is mixed |
| Tron | Base58 (T...) of Base58, 41... and 0x... | checksum; hexadecimal: shape |
| Bitcoin and its kin | Base58 as it is (Litecoin's scripts as M...), bech32 in lower case | checksum |
| Bitcoin Cash, eCash | CashAddr with its prefix, of CashAddr and Base58 | checksum |
| XRP | as it is | checksum |
| Solana | as it is | 32 bytes |
| Monero, BNB Beacon Chain | as it is | shape |

Base58 and bech32 are wallycore's, as in `ledger.utxo.address`; Tron's forms are `sources.live.tron.addresses`.
Invariant: a codec's form is a form that the same codec gives back unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dyepack.keccak import keccak256
from dyepack.ledger.utxo.address import NETWORKS as BITCOIN_NETWORKS
from dyepack.tags.addresses import cashaddr


class Found(NamedTuple):
    """An address in its one form, and what is wrong with how it was written."""

    address: str
    flaw: str = ""


Codec = Callable[[str], Found | None]

HEX = re.compile(r"(?:0[xX])([0-9a-fA-F]{40})")
_XDC = re.compile(r"(?:xdc|XDC|0[xX])([0-9a-fA-F]{40})")
_TRON_HEX = re.compile(r"(?:0[xX])?(?:41)?([0-9a-fA-F]{40})")
_TRON = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{20,60}")
_XRP = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}")
_SOLANA = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_MONERO = re.compile(r"[48][1-9A-HJ-NP-Za-km-z]{94}(?:[1-9A-HJ-NP-Za-km-z]{11})?")
_BEACON = re.compile(r"bnb1[02-9ac-hj-np-z]{38}")
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST = 5
"""Characters of the longest bech32 prefix, its 1 included."""
_BASE58_ONLY = 41
"""CashAddr has more characters."""
_AS_BITCOIN = str.maketrans(_RIPPLE, _BITCOIN)
MISCASED = "its letter case does not fit its checksum (EIP-55); matched in lower case"


def evm(text: str) -> Found | None:
    """An address of the Ethereum machine; one of mixed case that fails EIP-55 is found, and told."""
    found = HEX.fullmatch(text)
    if found is None:
        return None
    digits = found[1]
    lower = digits.lower()
    if digits in {lower, digits.upper()}:
        return Found("0x" + lower)
    return Found("0x" + lower, "" if digits == checksum_case(lower) else MISCASED)


def evm_unchecked(text: str) -> Found | None:
    """The same for chains whose letter case means something else than EIP-55 says."""
    found = _XDC.fullmatch(text)
    return None if found is None else Found("0x" + found[1].lower())


def checksum_case(digits: str) -> str:
    """40 hexadecimal digits in the letter case of EIP-55."""
    hashed = keccak256(digits.encode()).hex()
    return "".join(d.upper() if h > "7" else d for d, h in zip(digits, hashed, strict=False))


def tron(text: str) -> Found | None:
    """An address of Tron in Base58 or in hexadecimal (41..., 0x41..., 0x...)."""
    if text[:1] not in "T04":
        return None
    from dyepack.sources.live.tron.addresses import from_base58, to_base58

    if _TRON.fullmatch(text):
        try:
            from_base58(text)
        except ValueError:
            return None
        return Found(text)
    found = _TRON_HEX.fullmatch(text)
    if found is None or len(text) == 40:
        return None
    return Found(to_base58("0x" + found[1].lower()))


def base58check(text: str) -> bytes | None:
    """What a Base58 text with a checksum holds; None if it is none or the checksum does not fit."""
    import wallycore

    if not _BASE58.fullmatch(text):
        return None
    try:
        return bytes(wallycore.base58check_to_bytes(text))
    except ValueError:
        return None


def xrp(text: str) -> Found | None:
    """A classic address of the XRP ledger: Base58 with letters in another order."""
    if not _XRP.fullmatch(text):
        return None
    held = base58check(text.translate(_AS_BITCOIN))
    return Found(text) if held is not None and len(held) == 21 and held[0] == 0 else None


def solana(text: str) -> Found | None:
    """A public key in Base58: 32 bytes, no checksum."""
    import wallycore

    if not _SOLANA.fullmatch(text):
        return None
    return Found(text) if wallycore.base58_n_get_length(text, len(text)) == 32 else None


def monero(text: str) -> Found | None:
    """A Monero address, by its shape alone."""
    return Found(text) if _MONERO.fullmatch(text) else None


def beacon(text: str) -> Found | None:
    """A bech32 address of the BNB Beacon Chain, by its shape alone."""
    lower = text.lower()
    return Found(lower) if text in {lower, text.upper()} and _BEACON.fullmatch(lower) else None


@dataclass(frozen=True, slots=True)
class Outputs:
    """A chain of Bitcoin's kin: Base58 prefixes of key and script hashes (the first is the form), bech32 prefixes."""

    keys: tuple[bytes, ...]
    scripts: tuple[bytes, ...]
    segwit: tuple[str, ...] = ()
    cash: str = ""
    cash_form: bool = True

    def __call__(self, text: str) -> Found | None:
        """The address in its one form, or None."""
        prefix = text[:_LONGEST].lower().partition("1")[0]
        if prefix in self.segwit:
            return self._bech32(text, prefix)
        if not self.cash:
            held = base58check(text)
            if held is not None and held[:-20] in {self.keys[0], self.scripts[0]}:
                return Found(text)
            if held is None:
                return None
        packed = self.unpack(text)
        return None if packed is None else Found(self.form(*packed))

    def _bech32(self, text: str, prefix: str) -> Found | None:
        import wallycore

        if not text.isalnum():
            return None
        try:
            wallycore.addr_segwit_to_bytes(text, prefix, 0)
        except ValueError:
            return None
        return Found(text.lower())

    def unpack(self, text: str) -> tuple[int, bytes] | None:
        """Whether an address that is not bech32 is of a key or a script, and the 20 bytes of its hash; else None."""
        if self.cash and len(text) > _BASE58_ONLY and (found := cashaddr.decode(text, self.cash)) is not None:
            return found
        held = base58check(text)
        if held is None:
            return None
        for kind, prefixes in ((cashaddr.P2PKH, self.keys), (cashaddr.P2SH, self.scripts)):
            if held[:-20] in prefixes:
                return kind, held[-20:]
        return None

    def form(self, kind: int, program: bytes) -> str:
        """The one form of a key's or a script's hash."""
        import wallycore

        if self.cash and self.cash_form:
            return cashaddr.encode(kind, program, self.cash)
        prefix = (self.keys if kind == cashaddr.P2PKH else self.scripts)[0]
        return str(wallycore.base58check_from_bytes(prefix + program))


_MAIN, _TEST = BITCOIN_NETWORKS["mainnet"], BITCOIN_NETWORKS["testnet"]
_KEY, _SCRIPT = bytes((_MAIN.key_hash,)), bytes((_MAIN.script_hash,))
_SEGWIT = tuple(dict.fromkeys(network.segwit for network in BITCOIN_NETWORKS.values()))

BITCOIN = Outputs((_KEY,), (_SCRIPT,), _SEGWIT)
BITCOIN_TEST = Outputs((bytes((_TEST.key_hash,)),), (bytes((_TEST.script_hash,)),))
BITCOIN_CASH = Outputs((_KEY,), (_SCRIPT,), cash="bitcoincash")
BITCOIN_SV = Outputs((_KEY,), (_SCRIPT,), cash="bitcoincash", cash_form=False)
ECASH = Outputs((_KEY,), (_SCRIPT,), cash="ecash")
LITECOIN = Outputs((b"\x30",), (b"\x32", _SCRIPT), ("ltc",))
DOGECOIN = Outputs((b"\x1e",), (b"\x16",))
DASH = Outputs((b"\x4c",), (b"\x10",))
DIGIBYTE = Outputs((b"\x1e",), (b"\x3f", _SCRIPT), ("dgb",))
VERGE = Outputs((b"\x1e",), (b"\x21",))
BITCOIN_GOLD = Outputs((b"\x26",), (b"\x17",), ("btg",))
ZCASH = Outputs((b"\x1c\xb8",), (b"\x1c\xbd",))
"""Transparent addresses; shielded ones are other shapes."""


class Chain(NamedTuple):
    """The codecs of a chain, in the order they are tried; `open`: it has shapes that no codec here knows."""

    codecs: tuple[Codec, ...]
    open: bool = False


CHAINS: dict[str, Chain] = {
    **dict.fromkeys(("ethereum", "ethereum-classic", "bsc", "arbitrum", "optimism", "base", "gnosis", "polygon"),
                    Chain((evm,))),
    **dict.fromkeys(("fantom", "callisto", "songbird", "theta", "vechain"), Chain((evm,))),
    **dict.fromkeys(("avalanche", "zilliqa", "telos"), Chain((evm,), open=True)),
    **dict.fromkeys(("rootstock", "xdc"), Chain((evm_unchecked,))),
    "tron": Chain((tron,)),
    "bitcoin": Chain((BITCOIN, BITCOIN_TEST)),
    "bitcoin-cash": Chain((BITCOIN_CASH,)),
    "bitcoin-sv": Chain((BITCOIN_SV,)),
    "ecash": Chain((ECASH,)),
    "litecoin": Chain((LITECOIN,)),
    "dogecoin": Chain((DOGECOIN,)),
    "dash": Chain((DASH,)),
    "digibyte": Chain((DIGIBYTE,)),
    "verge": Chain((VERGE,)),
    "bitcoin-gold": Chain((BITCOIN_GOLD,)),
    "zcash": Chain((ZCASH,), open=True),
    "xrp": Chain((xrp,), open=True),
    "solana": Chain((solana,)),
    "monero": Chain((monero,)),
    "bnb-beacon-chain": Chain((beacon,)),
}  # fmt: skip
"""Chains whose addresses can be told; of others any text is an address."""
