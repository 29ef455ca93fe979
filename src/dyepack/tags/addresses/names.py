"""What sources call the chains, and what dyepack calls them.

Invariant: a word names one chain, or a token that lives on several (then the chain is ""), or nothing known; where
dyepack follows a chain, the name is that of its ledgers.
"""

from __future__ import annotations

_WORDS: dict[str, str] = {
    "bitcoin": "btc xbt omni",
    "bitcoin-cash": "bch",
    "bitcoin-sv": "bsv",
    "bitcoin-gold": "btg",
    "ecash": "xec",
    "litecoin": "ltc",
    "dogecoin": "doge",
    "dash": "",
    "digibyte": "dgb",
    "verge": "xvg",
    "zcash": "zec",
    "ethereum": "eth erc20",
    "ethereum-classic": "etc",
    "bsc": "bep20",
    "bnb-beacon-chain": "bep2",
    "arbitrum": "arb",
    "optimism": "",
    "base": "",
    "gnosis": "xdai",
    "polygon": "matic pol",
    "fantom": "ftm",
    "avalanche": "avax",
    "callisto": "clo",
    "songbird": "sgb",
    "theta": "",
    "vechain": "vet",
    "rootstock": "rbtc rsk",
    "xdc": "xinfin",
    "tron": "trx trc20",
    "xrp": "ripple",
    "solana": "sol",
    "monero": "xmr",
    "aion": "",
    "algorand": "algo",
    "aptos": "apt",
    "cardano": "ada",
    "cosmos": "atom",
    "decred": "dcr",
    "dfinity": "icp",
    "eos": "",
    "filecoin": "fil",
    "iota": "miota",
    "kusama": "ksm",
    "liquid": "l-btc",
    "multiversx": "elrond egld",
    "near": "",
    "neo": "",
    "polkadot": "dot",
    "shimmer": "smr",
    "stellar": "xlm",
    "telos": "tlos",
    "terra": "luna luna2",
    "tezos": "xtz",
    "waves": "",
    "wax": "waxp",
    "zilliqa": "zil ziliqa",
}
"""Our name of each chain, and the other words for it, in lower case."""

NETWORKS: dict[str, str] = {word: name for name, words in _WORDS.items() for word in (name, *words.split())}

TOKENS = frozenset(("usdt", "usdc", "dai", "busd", "tusd", "bnb", "kcs", "gmt", "gst", "srm", "oxy", "polis"))
"""Tokens of several chains, and coins of several: the address says on which."""


def network_of(word: str) -> tuple[str, bool]:
    """Our name of the chain that a word names ("" for any), and whether the word is known.

    An unknown word is the name of its chain, in lower case.
    """
    plain = word.strip().lower()
    if not plain or plain in TOKENS:
        return "", True
    name = NETWORKS.get(plain)
    return (plain, False) if name is None else (name, True)
