"""What a transaction costs: gas by its shape, so that every fee factors exactly into gas used x gas price.

Units: gas in gas, prices in wei per gas, fees in wei.
"""

from __future__ import annotations

GAS_BASE = 21_000
GAS_TOKEN = 30_000
"""Gas for each token log."""
GAS_INTERNAL = 9_100
"""Gas for each internal transfer."""
GWEI = 10**9


def gas_used(tokens: int, internals: int) -> int:
    """Gas of a transaction with so many token logs and internal transfers."""
    return GAS_BASE + GAS_TOKEN * tokens + GAS_INTERNAL * internals
