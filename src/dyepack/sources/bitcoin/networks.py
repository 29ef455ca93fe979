"""The networks of Bitcoin: by what their files begin with, and what their block 0 is.

Invariant: the values are those of chainparams.cpp of Bitcoin Core; `address` is the network's name for addresses,
which testnet3 and testnet4 share.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """magic: four bytes before each record of a block file; genesis: hash of block 0 as people write it;
    easiest: the highest target that a block may have (as `nBits`).
    """

    name: str
    magic: bytes
    genesis: str
    easiest: int
    address: str


NETWORKS = (
    Network("mainnet", bytes.fromhex("f9beb4d9"),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", 0x1D00FFFF, "mainnet"),
    Network("testnet3", bytes.fromhex("0b110907"),
            "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943", 0x1D00FFFF, "testnet"),
    Network("testnet4", bytes.fromhex("1c163f28"),
            "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043", 0x1D00FFFF, "testnet"),
    Network("signet", bytes.fromhex("0a03cf40"),
            "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6", 0x1E0377AE, "signet"),
    Network("regtest", bytes.fromhex("fabfb5da"),
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", 0x207FFFFF, "regtest"),
)  # fmt: skip

BY_NAME = {network.name: network for network in NETWORKS}
BY_MAGIC = {network.magic: network for network in NETWORKS}
BY_GENESIS = {bytes.fromhex(network.genesis): network for network in NETWORKS}
