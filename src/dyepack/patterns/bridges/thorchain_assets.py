"""THORChain's notation of assets, as memos write it: CHAIN.SYMBOL-CONTRACT with its signs, short codes, abbreviations.

  BTC.BTC   on its own ledger     BTC/BTC   synthetic     BTC~BTC   trade account     BTC-BTC   secured
  THOR.BTC  derived               RUNE      no sign: THORChain's own           e, b, r   short codes

The first of the four signs is the one that says the kind. The network resolves an abbreviated token (ETH.USDT,
ETH.USDT-ec7) to the deepest pool that it fits; which that is stands in the network's state, so here it stays a list of
candidates.

Invariant: the text as written is kept; nothing is resolved by guessing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

THOR = "THOR"
RUNE = "RUNE"

SHORT_CODES = {
    "a": "AVAX.AVAX", "b": "BTC.BTC", "c": "BCH.BCH", "d": "DOGE.DOGE", "e": "ETH.ETH", "f": "BASE.ETH",
    "g": "GAIA.ATOM", "l": "LTC.LTC", "p": "POL.POL", "r": "THOR.RUNE", "rune": "THOR.RUNE", "s": "BSC.BNB",
    "tr": "TRON.TRX", "x": "XRP.XRP",
}  # fmt: skip
"""Short codes of assets; only in lower case, as the network takes them."""

TOKEN_CHAINS = frozenset({"ETH", "AVAX", "BSC", "BASE", "POL", "TRON"})
"""Chains whose tokens have a contract that belongs to the asset's name."""

_COINS = frozenset(SHORT_CODES.values())
_SIGN = re.compile(r"[~./-]")
_CHAIN = re.compile(r"[A-Za-z0-9]{1,10}")
_SYMBOL = re.compile(r"[A-Za-z0-9._-]{1,80}")
_CONTRACT = re.compile(r"0[xX][0-9a-fA-F]{40}|T[1-9A-HJ-NP-Za-km-z]{33}")
_KNOWN = {"ethereum": "ETH", "bsc": "BSC", "avalanche": "AVAX", "base": "BASE", "bitcoin": "BTC", "polygon": "POL",
          "tron": "TRON"}  # fmt: skip


class AssetKind(StrEnum):
    """Where an asset of the network lives."""

    LAYER1 = "layer1"
    SYNTHETIC = "synthetic"
    TRADE = "trade"
    SECURED = "secured"
    DERIVED = "derived"
    NATIVE = "native"


_KINDS = {".": AssetKind.LAYER1, "/": AssetKind.SYNTHETIC, "~": AssetKind.TRADE, "-": AssetKind.SECURED}


@dataclass(frozen=True, slots=True)
class MemoAsset:
    """An asset as a memo names it.

    chain, ticker  in capitals; `contract` what follows the ticker, as written ("" for none)
    written        the text of the memo
    abbreviated    a token whose contract is missing or cut short
    """

    chain: str
    ticker: str
    contract: str
    kind: AssetKind
    written: str
    abbreviated: bool

    @property
    def name(self) -> str:
        """The full notation, in capitals."""
        sign = next((sign for sign, kind in _KINDS.items() if kind is self.kind), ".")
        return f"{self.chain}{sign}{self.ticker}" + (f"-{self.contract.upper()}" if self.contract else "")

    @property
    def ledger(self) -> str:
        """The ledger on which units of this asset move: "bitcoin", or "thorchain" where they stay inside."""
        if self.kind is not AssetKind.LAYER1:
            return "thorchain"
        return next((name for name, chain in _KNOWN.items() if chain == self.chain), self.chain.lower())


def parse_asset(text: str) -> MemoAsset | None:
    """The asset that a memo names, or None if it is none."""
    full = SHORT_CODES.get(text, text)
    found = _SIGN.search(full)
    chain, symbol = (full[: found.start()], full[found.end() :]) if found else (THOR, full)
    if not _CHAIN.fullmatch(chain) or not _SYMBOL.fullmatch(symbol):
        return None
    ticker, _, contract = symbol.partition("-")
    if not ticker:
        return None
    chain, ticker = chain.upper(), ticker.upper()
    kind = _KINDS[found[0]] if found else AssetKind.LAYER1
    if chain == THOR:
        if kind is not AssetKind.LAYER1:
            return None
        kind = AssetKind.DERIVED if f"{ticker}.{ticker}" in _COINS else AssetKind.NATIVE
    is_token = chain in TOKEN_CHAINS and f"{chain}.{ticker}" not in _COINS
    return MemoAsset(chain, ticker, contract, kind, text, is_token and not _CONTRACT.fullmatch(contract))


def candidates(asset: MemoAsset, pools: Iterable[str]) -> list[str]:
    """The pools (full notation) that an asset may stand for: itself, or all whose contract ends as it is written."""
    end = asset.contract.upper()
    fitting = []
    for pool in pools:
        other = parse_asset(pool)
        if other is None or (other.chain, other.ticker) != (asset.chain, asset.ticker):
            continue
        if other.contract.upper() == end or (asset.abbreviated and other.contract.upper().endswith(end)):
            fitting.append(pool)
    return fitting
