"""The pools of Tornado Cash on Ethereum, as facts: contract, asset, denomination.

A pool takes and gives notes of one denomination only, so whoever knows its contract knows the units of every move in
and out of it. Sources: SOURCE. Every address also stands in the label files that the tests read; there the explorer
swaps the names of the two USDC pools (L2BEAT's discovery, which reads the contracts, agrees with the table here).

Invariant: one row per contract, addresses in lower case, denominations in base units; nothing here is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyepack.errors import UsageError, quoted
from dyepack.money import parse_units

SOURCE = (
    "contract table of the Tornado Cash user interface (networkConfig, network 1); the OFAC SDN list of 8 August 2022 "
    "names the same contracts"
)

ETHEREUM_POOLS = (
    ("native", "ETH", 18, (
        ("0.1", "0x12d66f87a04a9e220743712ce6d9bb1b5616b8fc"),
        ("1", "0x47ce0c6ed5b0ce3d3a51fdb1c52dc66a7c3c2936"),
        ("10", "0x910cbd523d972eb0a6f4cae4618ad62622b39dbf"),
        ("100", "0xa160cdab225685da1d56aa342ad8841c3b53f291"),
    )),
    ("0x6b175474e89094c44da98b954eedeac495271d0f", "DAI", 18, (
        ("100", "0xd4b88df4d29f5cedd6857912842cff3b20c8cfa3"),
        ("1000", "0xfd8610d20aa15b7b2e3be39b396a1bc3516c7144"),
        ("10000", "0x07687e702b410fa43f4cb4af7fa097918ffd2730"),
        ("100000", "0x23773e65ed146a459791799d01336db287f25334"),
    )),
    ("0x5d3a536e4d6dbd6114cc1ead35777bab948e3643", "cDAI", 8, (
        ("5000", "0x22aaa7720ddd5388a3c0a3333430953c68f1849b"),
        ("50000", "0x03893a7c7463ae47d46bc7f091665f1893656003"),
        ("500000", "0x2717c5e28cf931547b621a5dddb772ab6a35b701"),
        ("5000000", "0xd21be7248e0197ee08e0c20d4a96debdac3d20af"),
    )),
    ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "USDC", 6, (
        ("100", "0xd96f2b1c14db8458374d9aca76e26c3d18364307"),
        ("1000", "0x4736dcf1b7a3d580672cce6e7c65cd5cc9cfba9d"),
    )),
    ("0xdac17f958d2ee523a2206206994597c13d831ec7", "USDT", 6, (
        ("100", "0x169ad27a470d064dede56a2d3ff727986b15d52b"),
        ("1000", "0x0836222f2b2b24a3f36f98668ed8f0b38d1a872f"),
    )),
    ("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", "WBTC", 8, (
        ("0.1", "0x178169b423a011fff22b9e3f3abea13414ddd0f1"),
        ("1", "0x610b717796ad172b316836ac95a2ffad065ceab4"),
        ("10", "0xbb93e510bbcd0b7beb5a853875f9ec60275cf498"),
    )),
)  # fmt: skip

ROUTERS = (
    "0xd90e2f925da726b50c4ed8d0fb90ad053324f31b",
    "0x722122df12d4e14e13ac3b6895a86e84145b6967",
    "0x905b63fff465b9ffbf41dea908ceb12478ec7601",
)
"""Contracts of the same project that pass a deposit on to its pool (router, proxy, old proxy)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool: its contract, the asset it takes ("native" or a token's contract) and the units of one note."""

    name: str
    address: str
    asset: str
    symbol: str
    decimals: int
    units: int
    source: str = ""

    def __post_init__(self) -> None:
        """UsageError for a denomination of nothing."""
        if self.units <= 0:
            raise UsageError(f"the pool {quoted(self.name)} has a denomination of nothing",
                             remedy="give the units of one note")  # fmt: skip


def known_pools() -> tuple[Pool, ...]:
    """Every pool of the table, in its order."""
    return tuple(
        Pool(f"Tornado Cash {size} {symbol}", address, asset, symbol, decimals, parse_units(size, decimals), SOURCE)
        for asset, symbol, decimals, sizes in ETHEREUM_POOLS
        for size, address in sizes
    )


def pool_named(symbol: str, size: str) -> Pool:
    """The known pool of an asset and a denomination, as in "eth" and "100"; UsageError if there is none."""
    wanted = f"Tornado Cash {size} {symbol}".casefold()
    for pool in known_pools():
        if pool.name.casefold() == wanted:
            return pool
    raise UsageError(f"no pool of {quoted(size)} {quoted(symbol)} is known",
                     remedy="describe the pool (contract, asset, units of a note) yourself")  # fmt: skip
