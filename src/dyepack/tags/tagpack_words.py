"""The words by which TagPacks say what an address is, and the kinds that they make.

Invariant: a word makes a kind that ends a trace only if money that arrives there is in other hands. So `coinjoin` is
other: such an address is still its user's, what mixes is the transaction. Sources: the INTERPOL Dark Web and Virtual
Assets taxonomy and the words that GraphSense's public packs use.
"""

from __future__ import annotations

from dyepack.tags.model import TagKind

_WORDS: dict[TagKind, str] = {
    TagKind.EXCHANGE: "exchange",
    TagKind.SERVICE: (
        "service gambling market marketplace wallet_service hosted_wallet payment_processor atm "
        "trading_platform broker otc"
    ),
    TagKind.MIXER: "mixing_service mixer",
    TagKind.BRIDGE: "defi_bridge bridge",
    TagKind.DEX: "defi_dex dex",
    TagKind.SANCTIONED: "sanction sanctions",
    TagKind.THEFT: "service_hack hack theft phishing",
    TagKind.OTHER: (
        "coinjoin black_list defi defi_lending miner mining_service mining_pool user organization donation faucet "
        "ransomware sextortion extortion scam extremism terrorism ponzi_scheme pyramid_scheme investment_fraud fraud"
    ),
}
KINDS: dict[str, TagKind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_SAID = frozenset({"exchange", "service", "mixing_service", "mixer", "defi_bridge", "bridge", "defi_dex", "dex",
                   "sanction", "sanctions", "theft", "user"})  # fmt: skip
"""Words that say no more than their kind."""


def kinds_of(words: list[str]) -> tuple[list[TagKind], list[str]]:
    """The kinds of a tag's words (OTHER only if there is no other), and the words that their kinds do not say."""
    kinds = list(dict.fromkeys(KINDS.get(word, TagKind.OTHER) for word in words))
    return other_last(kinds), [word for word in words if word not in _SAID]


def other_last(kinds: list[TagKind]) -> list[TagKind]:
    """The kinds without `other`, which says nothing beside another; `other` alone if there is no other."""
    told: list[TagKind] = [kind for kind in kinds if kind is not TagKind.OTHER]
    return told or [TagKind.OTHER]
