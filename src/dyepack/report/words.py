"""Names, amounts and groups as the page and the figure both write them.

Invariant: an asset's name is unique within a statement, whatever symbols its contracts claim; no label is
shown without a tag that has a source and a confidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.money import Asset
from dyepack.sinks import short_address, visible
from dyepack.tracing.terminals import WORDS, WORDS_BACKWARD, Stop

if TYPE_CHECKING:
    from dyepack.tracing.statement import Statement, Terminal

STOP_WORDS: dict[str, str] = {stop.name.lower(): words for stop, words in WORDS.items()}
"""Stop names as statements carry them, in words."""

STOP_WORDS_BACKWARD: dict[str, str] = {stop.name.lower(): words for stop, words in WORDS_BACKWARD.items()}
"""The same where money is followed backward."""

FEE = Stop.FEE.name.lower()

_SYMBOL = 20
"""Longest symbol, in characters, beside an amount; the table of assets names its contract in full."""

EVIDENCE: dict[str, str] = {
    "E1": "follows from the ledger alone",
    "E2": "confirmed by the service itself",
    "E3": "list of an authority",
    "E4": "allocation convention (a rule, not a probability)",
    "E5": "heuristic with a measured precision",
    "E6": "inference",
}
"""The evidence classes in words."""


SAID = {
    "service": "reached services",
    "mixer": "went into mixers",
    "bridge": "left over bridges",
    "held": "is still held",
    "date_limit": "was still held at the date limit",
    "fee": "was paid as transaction fees",
    "burn": "was burnt",
    "returned": "went back to the victim",
    "swap": "went into swaps that were not followed",
    "converted": "was swapped into other assets and is followed there",
    "cut_off": "fell below the cut-off",
    "hop_limit": "went beyond the hop limit",
    "hub": "reached addresses with too many counterparties to follow",
    "chosen": "stopped where the user said",
    "mixed": "mixed with clean money and was dropped",
    "gap": "could not be followed, as the ledger has a gap,",
    "issued": "was issued there (mint, block reward with its fees, or opening balance)",
    "declared": "came from declared deposits",
    "unexplained": "came from money that the ledger does not show",
}
"""Stops as a sentence goes on after an amount."""

SAID_BACKWARD = SAID | {
    "service": "came from services",
    "mixer": "came out of mixers",
    "bridge": "came over bridges",
    "swap": "came from swaps that were not followed",
    "returned": "came from the victim",
    "burn": "came out of burn addresses",
    "held": "was there before",
}
"""The same where money is followed backward."""

SAID_FIRST = {"service": 0, "mixer": 1, "bridge": 2, "held": 3, "date_limit": 3}
"""Which stops a sentence names first."""


def stop_words(stop: str, *, backward: bool = False) -> str:
    """Why a trace stopped, in words."""
    return (STOP_WORDS_BACKWARD if backward else STOP_WORDS).get(stop, stop.replace("_", " "))


def labelled(terminal: Terminal) -> str:
    """The entity's name where a sourced tag gives it, else ""."""
    tag = terminal.tag or {}
    return terminal.entity if tag.get("source") and tag.get("confidence") is not None else ""


def _shown(asset: Asset) -> str:
    """A symbol, cut to what an amount can bear beside it."""
    return visible(asset.symbol.strip(" "), _SYMBOL)


class Names:
    """How one statement's assets are named and its amounts written."""

    def __init__(self, statement: Statement) -> None:
        """Learn which symbols are borne by more than one asset."""
        self._assets = dict(statement.assets)
        by_symbol: dict[str, int] = {}
        for asset in self._assets.values():
            symbol = _shown(asset).casefold()
            by_symbol[symbol] = by_symbol.get(symbol, 0) + 1
        self._shared = {symbol for symbol, count in by_symbol.items() if count > 1}
        short = [self._name(key, short_address(key)) for key in self._assets]
        self._alike = {name for name in short if short.count(name) > 1}

    def asset(self, key: str) -> Asset:
        """The asset of a key; one that nobody described is counted in base units."""
        return self._assets.get(key) or Asset(key, "", None)

    def symbol(self, key: str) -> str:
        """A name for the asset that no other asset of the statement bears."""
        name = self._name(key, short_address(key))
        return self._name(key, visible(key)) if name in self._alike else name

    def _name(self, key: str, place: str) -> str:
        asset = self.asset(key)
        symbol = _shown(asset)
        if not symbol:
            return place
        shared = symbol.casefold() in self._shared
        name = f"{symbol} ({place})" if shared else symbol
        return name if asset.decimals is not None else f"base units of {name}"

    def exact(self, key: str, units: int) -> str:
        """The amount to the last unit, with its asset."""
        return f"{self.number(key, units)} {self.symbol(key)}"

    def number(self, key: str, units: int) -> str:
        """The amount to the last unit, without its asset."""
        return self.asset(key).format(units)

    def brief(self, key: str, units: int) -> str:
        """The amount cut to about five digits; the exact amount stands in a tooltip beside it."""
        asset = self.asset(key)
        whole = abs(units) // 10 ** (asset.decimals or 0)
        places = 0 if whole >= 10_000 else 2 if whole >= 10 else 4
        cut = asset.format(units, places=min(places, asset.decimals or 0))
        if units and not cut.strip("-0.,"):
            return f"<0.{'0' * (places - 1)}1 {self.symbol(key)}" if asset.decimals else self.exact(key, units)
        if "." in cut:
            cut = cut.rstrip("0").rstrip(".")
        return f"{cut} {self.symbol(key)}"


def share(part: int, whole: int) -> str:
    """A share in percent, cut to one digit; "" where there is no whole."""
    if whole <= 0:
        return ""
    tenths = part * 1000 // whole
    if part and not tenths:
        return "<0.1%"
    return f"{tenths // 10}.{tenths % 10}%"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(parts: list[str], limit: int = 6) -> str:
    """A list in words: "a, b and c"; beyond `limit` the rest is counted."""
    if len(parts) > limit:
        parts = [*parts[: limit - 1], f"{len(parts) - limit + 1} more"]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def utc(time: str) -> str:
    """An ISO 8601 time as "2025-02-21 15:16:11"; anything else stays as it is."""
    plain = time.replace("T", " ").removesuffix("Z").removesuffix("+00:00")
    return plain if len(plain) >= 10 and plain[4:5] == "-" else time


def bar(part: int, whole: int) -> str:
    """The length of a bar, in percent."""
    return f"{max(min(part / whole * 100, 100.0), 0.4):.1f}" if whole > 0 and part > 0 else "0"


def tag_row(terminal: Terminal) -> dict[str, str]:
    """What a page says of the tag that names a terminal."""
    tag = terminal.tag or {}
    evidence = str(tag.get("evidence") or tag.get("evidence_class") or "")
    return {
        "source": str(tag.get("source", "")),
        "confidence": str(tag.get("confidence", "")),
        "evidence": evidence,
        "words": EVIDENCE.get(evidence, ""),
        "date": str(tag.get("date") or ""),
    }
