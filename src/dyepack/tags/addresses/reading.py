"""Reads an address as it was written: its one form, its chain, and what is wrong with it.

What is wrong is told and mended only where nothing is guessed: signs that look like others are folded, invisible ones
dropped, and the result must then pass the checksum or shape of its chain. What cannot be mended has no form and is
matched by nothing. Invariant: reading a form again, for the same chain, gives the form and no new fault that a
checksum can find.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dyepack.tags.addresses import codecs
from dyepack.tags.addresses.codecs import CHAINS, Found
from dyepack.tags.addresses.repair import fold, odd_signs
from dyepack.tags.text import ADDRESS_LIMIT, BLANKS, storable

_PLAIN = re.compile(r"[ -~]*")
_BITCOIN_LIKE = re.compile(r"(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|T[1-9A-HJ-NP-Za-km-z]{33})")
_BECH32_LIKE = re.compile(r"(?:bc|ltc|tb)1(?:[qp][0-9a-z]*|[02-9ac-hj-np-z][0-9a-z]{10,})", re.IGNORECASE)
_KIN = "Ethereum or its kin"


class Reading(NamedTuple):
    """One address: its form ("" if it can be matched by nothing), its chain ("" for any), the writing where it
    differs from the form, and what is wrong with it ("" for nothing).
    """

    address: str
    network: str
    raw: str
    flaw: str


class _Fit(NamedTuple):
    """A form that is, or (`known` false) may be, an address of a chain."""

    address: str
    network: str
    flaw: str
    known: bool


def read_address(written: str, network: str = "") -> Reading:
    """Read an address of the chain that a source names, or ("") of one that nobody named."""
    text = written.strip(BLANKS)
    if len(text) > ADDRESS_LIMIT:
        return Reading("", network, storable(text[:ADDRESS_LIMIT]), f"has {len(text)} characters; not matched")
    if not _PLAIN.fullmatch(text):
        return _mended(text, network)
    fit = _fit(text, network)
    return Reading(fit.address, fit.network, "" if fit.address == text else text, fit.flaw)


def _mended(text: str, network: str) -> Reading:
    """Read an address that holds other signs than ASCII has."""
    holds = f"holds {odd_signs(text)}"
    plain = fold(text)
    fit = _fit(plain, network) if plain else None
    if fit is None or not fit.known or fit.flaw == codecs.MISCASED:
        return Reading("", network, storable(text), f"{holds}; not matched")
    also = f"; {fit.flaw}" if fit.flaw else ""
    return Reading(fit.address, fit.network, storable(text), f"{holds}; mended, and matched as {fit.address}{also}")


def _fit(text: str, network: str) -> _Fit:
    chain = CHAINS.get(network)
    if chain is None:
        return _fit_any(text, network)
    for codec in chain.codecs:
        found = codec(text)
        if found is not None:
            return _Fit(found.address, network, found.flaw, known=True)
    other = _by_shape(text)
    if other is not None:
        named, where, found = other
        flaw = f"is listed as of {network} but is an address of {named}; matched as one"
        return _Fit(found.address, where, flaw + (f"; {found.flaw}" if found.flaw else ""), known=True)
    flaw = "" if chain.open else f"is no address of {network}: {_why(text)}; kept as written"
    return _Fit(text, network, flaw, known=False)


def _fit_any(text: str, network: str) -> _Fit:
    """Where the chain is not named, or is none whose addresses are known here: the form of what has the shape."""
    other = _by_shape(text)
    if other is not None:
        return _Fit(other[2].address, network, "" if network else other[2].flaw, known=True)
    broken = not network and (_looks_broken(text) or text[:2] in {"0x", "0X"})
    return _Fit(text, network, f"{_why(text)}; kept as written" if broken else "", known=False)


_SHAPES: tuple[tuple[str, str, str, codecs.Codec], ...] = (
    ("0", _KIN, "", codecs.evm),
    ("T40", "tron", "tron", codecs.tron),
    ("13bBtT", "bitcoin", "bitcoin", codecs.BITCOIN),
    ("LM3lL", "litecoin", "litecoin", codecs.LITECOIN),
    ("bBqpQP13", "bitcoin-cash", "bitcoin-cash", codecs.BITCOIN_CASH),
    ("eE", "ecash", "ecash", codecs.ECASH),
    ("DA9", "dogecoin", "", codecs.DOGECOIN),
    ("X7", "dash", "dash", codecs.DASH),
    ("t", "zcash", "zcash", codecs.ZCASH),
    ("GAb", "bitcoin-gold", "bitcoin-gold", codecs.BITCOIN_GOLD),
    ("mn2", "Bitcoin's test networks", "bitcoin", codecs.BITCOIN_TEST),
    ("r", "xrp", "xrp", codecs.xrp),
    ("xX", "xdc", "xdc", codecs.evm_unchecked),
)
"""What a text is tried for where its chain is not named: first signs, name, chain if only one has the shape, codec."""


def _by_shape(text: str) -> tuple[str, str, Found] | None:
    """The first chain whose checksum or own shape a text has."""
    start = text[:1]
    for starts, named, where, codec in _SHAPES:
        if start in starts and (found := codec(text)) is not None:
            return named, where, found
    return None


def _looks_broken(text: str) -> bool:
    return bool(_BITCOIN_LIKE.fullmatch(text) or _BECH32_LIKE.fullmatch(text))


def _why(text: str) -> str:
    """What is wrong with a text that no codec takes."""
    if text[:2] in {"0x", "0X"}:
        return "begins with 0x but has not 40 hexadecimal digits"
    if _looks_broken(text):
        return "its checksum does not fit"
    return "it has not the shape of one"


def doubt(written: str, network: str = "") -> str:
    """Why a text may be no address, or a mistyped one, in the words of `Reading.flaw`; "" where it surely is one.

    For a chain whose addresses are not known here nothing can be said for sure, nor for a text of no known shape.
    """
    text = written.strip(BLANKS)
    read = read_address(text, network)
    if not read.address:
        return read.flaw
    fit = _fit(text if _PLAIN.fullmatch(text) else fold(text) or text, network)
    if fit.known:
        return codecs.MISCASED if codecs.MISCASED in fit.flaw else ""
    return fit.flaw or f"{_NO_SHAPE}, so that a slip in it cannot be seen"


_NO_SHAPE = "has the shape of no chain that is known here"


class Key(NamedTuple):
    """A form under which statements about an address may stand; `networks`: only those about these chains (or all)."""

    address: str
    networks: frozenset[str] | None


def keys_of(written: str, network: str = "") -> list[Key]:
    """Every form under which lists may hold an address that is asked for, its own first; none if it cannot be read.

    Chains share keys: a Base58 address of Bitcoin is one of Bitcoin Cash too, which lists write as CashAddr. Such
    other forms only count for statements about the chain that has them.
    """
    read = read_address(written, network)
    if not read.address:
        return []
    own = frozenset({"", read.network, network}) if network else None
    keys = [Key(read.address, own)]
    keys += [Key(form, of) for form, of in _others(read.address, network) if form != read.address]
    return keys


_CASH = frozenset({"", "bitcoin-cash", "bitcoin-sv"})
_CASH_FORM = frozenset({"", "bitcoin-cash"})
_LITECOIN = frozenset({"", "litecoin"})
_TRON = frozenset({"", "tron"})


def _others(address: str, network: str) -> list[tuple[str, frozenset[str]]]:
    """The forms that other chains give the same key; a form counts where its chain is named, or none is."""
    start = address[0]
    if start == "0":
        found = None if network or not codecs.HEX.fullmatch(address) else codecs.tron(address)
        return [(found.address, _TRON)] if found else []
    keys: list[tuple[str, frozenset[str]]] = []
    if start in "13b" and network in _CASH and (packed := codecs.BITCOIN_CASH.unpack(address)) is not None:
        keys.append((codecs.BITCOIN_CASH.form(*packed), _CASH_FORM))
        if start == "b":
            keys.append((codecs.BITCOIN.form(*packed), _CASH))
    if start in "3M" and network in _LITECOIN and (packed := codecs.LITECOIN.unpack(address)) is not None:
        keys += [(codecs.LITECOIN.form(*packed), _LITECOIN), (codecs.BITCOIN.form(*packed), _LITECOIN)]
    return keys
