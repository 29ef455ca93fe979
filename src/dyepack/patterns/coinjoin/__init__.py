"""CoinJoins: transactions in which many parties mix their coins, by family, each family by a rule with its error.

`family_of` says of a transaction which family it is, `coinjoins` lists all of a ledger as findings, `coinjoin_flags`
flags them for clusters. A way into a pool (Whirlpool's Tx0) is no CoinJoin and is kept apart (`pool_entry_of`): its
inputs are one wallet's. `shape` is what the rules look at, `whirlpool`, `wasabi`, `wasabi2` and `joinmarket` are the
families, `vetoes` what speaks against all of them.
"""

from dyepack.patterns.coinjoin.detect import (
    FAMILIES,
    Mix,
    PoolEntry,
    coinjoin_flags,
    family_of,
    maybe_mixes,
    mixes,
    pool_entries,
    pool_entry_of,
)
from dyepack.patterns.coinjoin.findings import coinjoins
from dyepack.patterns.coinjoin.settings import Settings
from dyepack.patterns.coinjoin.shape import TxShape, shape_of

__all__ = [
    "FAMILIES", "Mix", "PoolEntry", "Settings", "TxShape", "coinjoin_flags", "coinjoins", "family_of", "maybe_mixes",
    "mixes", "pool_entries", "pool_entry_of", "shape_of",
]  # fmt: skip
