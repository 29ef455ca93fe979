"""All bridges at once: events and calls into deposits and payouts.

Invariant: only contracts, and vaults of THORChain, that the caller vouches for are heard; what cannot be decoded is a
failure, and every other record of theirs that is one of a bridge is a deposit or a payout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.patterns.bridges import celer, multichain, multichain_logs, poly, thorchain_legs
from dyepack.patterns.bridges.abi import AbiError
from dyepack.patterns.bridges.model import Failure, Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from dyepack.patterns.bridges.logs import Call, Log

BRIDGES = (celer.BRIDGE, poly.BRIDGE, multichain.BRIDGE, thorchain_legs.BRIDGE)


def read_records(
    logs: Sequence[Log], calls: Iterable[Call], contracts: Mapping[str, Collection[str]], vaults: Collection[str] = ()
) -> Reading:
    """Deposits and payouts in events (chain order) and in successful calls.

    `contracts` are those of each bridge (BRIDGES); where a transaction of Multichain is given both by its call and by
    its event, both are read, so give one of the two.
    """
    found = Reading()
    for bridge, reader in (
        (celer.BRIDGE, celer.read),
        (poly.BRIDGE, poly.read),
        (multichain.BRIDGE, multichain_logs.read),
    ):
        found.add(reader(logs, contracts.get(bridge, ())))
    for call in calls:
        try:
            got = multichain.read(call, contracts.get(multichain.BRIDGE, ()))
            if got is None:
                got = thorchain_legs.read(call, contracts.get(thorchain_legs.BRIDGE, ()), vaults)
        except AbiError as error:
            found.failures.append(Failure(call.place, str(error)))
            continue
        if got is not None:
            found.add(got)
    return found
