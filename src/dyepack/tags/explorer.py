"""Explorer labels: JSON {address: {"name": text, "labels": [slug, ...]}}, as crawled from block explorers.

A slug says what a page was filed under, not what an address is: `huobi` holds the exchange's wallets and
its token contract alike. So only slugs in PLACES make a kind, and not for names that end in token,
deployer, treasury and the like, nor for donations. Everything else is kept as `other`, which stops no
trace. `blocked` is the explorer's own display flag, no sanction.

Invariant: one tag per address and kind, all with the grade of a web crawl unless the caller says otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from dyepack.errors import InputError, UsageError
from dyepack.strict_json import EntryLines, parse
from dyepack.tags.grades import WEB_CRAWL
from dyepack.tags.model import TagKind
from dyepack.tags.text import BLANKS

if TYPE_CHECKING:
    from dyepack.tags.collect import Collector

SLUGS: dict[TagKind, str] = {
    TagKind.MIXER: "mixer ethereum-mixer tornado-cash typhoon-cash",
    TagKind.BURN: "burn",
    TagKind.BRIDGE: "bridge",
    TagKind.DEX: "dex sushiswap swipeswap balancer bancor uniswap",
    TagKind.EXCHANGE_DEPOSIT: "binance-deposit",
    TagKind.EXCHANGE: (
        "exchange abcc ascendex bgogo binance bitfinex bithumb bitmart bitmex bitstamp bittrex cobinhood "
        "coinbase coinbit coinhako coinmetro coinone coinsquare coss-io crypto-com deribit digifinex ftx "
        "gate-io gemini hitbtc hoo-com hotbit huobi korbit kraken kryptono kucoin latoken lcx-ag liquid okx "
        "paribu poloniex quadrigacx remitano tidex topbtc trade-io upbit yunbi zb-com"
    ),
    TagKind.SERVICE: "blockfi celsius-network changenow fiat-gateway gambling nexo otc shapeshift",
    TagKind.SANCTIONED: "ofac-sanctions-lists",
}
"""The slugs that make a kind, separated by blanks; an address's tags come in this order of kinds."""

PLACES: dict[str, TagKind] = {slug: kind for kind, slugs in SLUGS.items() for slug in slugs.split()}
_ORDER = {kind: rank for rank, kind in enumerate(SLUGS)}
_ALWAYS = frozenset({TagKind.BURN, TagKind.SANCTIONED})
_NOT_PLACES = frozenset({"donate", "gitcoin-grants", "stablecoin"})
NOT_A_PLACE = re.compile(
    r"\b(?:token|stablecoin|deployer|shareholder|vesting|treasury|airdrop)(?: v?\d+)?$", re.IGNORECASE
)
_DEPOSIT = re.compile(r"\bdeposit(?: address)?(?: \d+)?$", re.IGNORECASE)
_FIELDS = {"name", "labels"}


def kinds_of(name: str, slugs: list[str]) -> list[TagKind]:
    """The kinds that an explorer's name and slugs make, in the order of SLUGS; [OTHER] if they make none."""
    found = {PLACES[slug] for slug in slugs if slug in PLACES}
    if found - _ALWAYS and (not _NOT_PLACES.isdisjoint(slugs) or NOT_A_PLACE.search(name.strip(BLANKS))):
        found &= _ALWAYS
    if TagKind.EXCHANGE in found and _DEPOSIT.search(name.strip(BLANKS)):
        found = found - {TagKind.EXCHANGE} | {TagKind.EXCHANGE_DEPOSIT}
    if len(found) > 1:
        found.discard(TagKind.SERVICE)
    return sorted(found, key=_ORDER.__getitem__) or [TagKind.OTHER]


def read_explorer(text: str, into: Collector) -> None:
    """Hand every labelled address to the collector, once per kind.

    The label is the name; where that is empty, the slugs. Raises InputError naming line and field for an
    entry of another shape, UsageError if the caller gives a kind, since the labels state theirs.
    """
    path = into.given.path
    if into.given.kind is not None:
        problem = f"explorer labels state their own kinds; kind {into.given.kind.value} cannot be given for {path}"
        raise UsageError(problem, remedy="leave the kind out, or give an address list instead")
    into.expect(text.count('"name"'))
    value = parse(path, text)
    if not isinstance(value, dict):
        raise InputError(path, "is not a JSON object", remedy='give {address: {"name": …, "labels": […]}}')
    into.line_of = EntryLines(text).of
    unknown: Counter[str] = Counter()
    others = extra = set_back = 0
    for index, (address, entry) in enumerate(value.items()):
        name, slugs = _checked(entry, address, index, into)
        extra += len(entry) > len(_FIELDS)
        unknown.update(slug for slug in slugs if slug not in PLACES)
        kinds = kinds_of(name, slugs)
        if kinds == [TagKind.OTHER]:
            others += 1
            set_back += any(slug in PLACES for slug in slugs)
        label = name or ", ".join(slugs)
        for kind in kinds:
            into.add(address, label, kind, WEB_CRAWL, at=index)
    if others:
        into.note(
            f"{others} addresses have no label that makes a kind ({len(unknown)} labels are unknown): "
            "kept as other, which stops no trace"
        )
    if set_back:
        into.note(f"{set_back} of them are tokens, deployers, donations and the like, filed under a known label")
    if extra:
        into.note(f"{extra} entries have fields other than name and labels; these are not read")


def _checked(entry: Any, address: str, index: int, into: Collector) -> tuple[str, list[str]]:
    """Name and slugs of an entry of the right shape, or InputError."""
    problem = field = None
    if not address.strip(BLANKS):
        problem, field = "is empty", "address"
    elif not isinstance(entry, dict):
        problem, field = "is not an object with name and labels", address
    elif not isinstance(entry.get("name"), str):
        problem, field = "is missing or no text", f"{address}.name"
    elif not isinstance(entry.get("labels"), list) or not all(isinstance(s, str) for s in entry["labels"]):
        problem, field = "is missing or no list of texts", f"{address}.labels"
    if problem is not None:
        remedy = 'each address needs {"name": text, "labels": [texts]}'
        raise InputError(into.given.path, problem, remedy=remedy, line=into.line_of(index), field=field)
    name: str = entry["name"]
    slugs: list[str] = entry["labels"]
    return name, slugs


def looks_like_object(text: str) -> bool:
    """Whether a text begins as a JSON object."""
    return text.lstrip(BLANKS)[:1] == "{"
