"""Addresses that a source states as text: which network they belong to, and their packed form.

Invariant: all addresses of one import are of one network; a text that is no address of it is an InputError.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dyepack.errors import quoted
from dyepack.ledger.utxo.address import NETWORKS, parse_address

if TYPE_CHECKING:
    from dyepack.errors import DyepackError
    from dyepack.sources.bitcoin.records.record import Cited

_KEPT = 1 << 16


class StatedAddresses:
    """The networks that the addresses read so far allow: all of them, or the one that the caller names."""

    def __init__(self, network: str | None = None) -> None:
        self._possible = [network] if network else list(NETWORKS)

    @property
    def network(self) -> str:
        """The network; mainnet where nothing tells, testnet where signet or regtest would do as well."""
        return self._possible[0]

    def packed(self, record: Cited, key: str, text: str) -> bytes:
        """The packed address, without padding, that a field states."""
        by_network = _readings(text)
        agreeing = [name for name in self._possible if by_network[name] is not None]
        found = by_network[agreeing[0]] if agreeing else None
        if found is None:
            raise self._fault(record, key, text)
        self._possible = agreeing
        return found

    def _fault(self, record: Cited, key: str, text: str) -> DyepackError:
        if any(_readings(text).values()):
            names = " or ".join(self._possible)
            return record.fault(key, f"{quoted(text)} is not an address of {names}", "give files of one network only")
        return record.fault(key, f"{quoted(text)} is not an address", "check the field for typing errors")


@lru_cache(_KEPT)
def _readings(text: str) -> dict[str, bytes | None]:
    return {name: parse_address(text, name) for name in NETWORKS}
