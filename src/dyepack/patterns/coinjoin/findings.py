"""CoinJoins and ways into a pool as findings, the form that lists, statements and pages show.

Invariant: members are the transaction and the addresses of its equal outputs; figures and thresholds are those of the
rule that found it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.patterns.coinjoin.detect import Mix, PoolEntry, mixes, pool_entries
from dyepack.patterns.coinjoin.settings import DEFAULT, Settings
from dyepack.patterns.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.coinjoin.shape import Tagged
    from dyepack.patterns.finding import Figure


def coinjoins(
    ledger: UtxoLedger, txs: Iterable[int] | None = None, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> list[Finding]:
    """The CoinJoins and the ways into a pool among these transactions (None: all), in chain order."""
    chosen = None if txs is None else list(txs)
    found = [(mix.tx, mix_finding(ledger, mix)) for mix in mixes(ledger, chosen, tagged, settings)]
    found += [(entry.tx, entry_finding(ledger, entry)) for entry in pool_entries(ledger, chosen, tagged, settings)]
    return [finding for _, finding in sorted(found, key=lambda row: row[0])]


def mix_finding(ledger: UtxoLedger, mix: Mix) -> Finding:
    """A CoinJoin as a finding."""
    sets = ", ".join(f"{len(alike)} of {value:,} satoshi" for value, alike in mix.denominations.items())
    also = f"; the rules of {' and '.join(mix.also)} match too" if mix.also else ""
    lineage = f"; {mix.lineage}" if mix.lineage else ""
    words = f"CoinJoin ({mix.family}) with equal outputs: {sets}{lineage}{also}"
    statistic: dict[str, Figure] = {"family": mix.family, "anonymity set": mix.anonymity_set, **mix.statistic}
    outputs = (output for alike in mix.denominations.values() for output in alike)
    return _finding(ledger, mix, outputs, statistic, words)


def entry_finding(ledger: UtxoLedger, entry: PoolEntry) -> Finding:
    """A way into a pool as a finding."""
    on = f"; {len(entry.mixes):,} mixes of the ledger spend them" if entry.mixes else ""
    words = f"way into Whirlpool's pool of {entry.pool:,} satoshi with {len(entry.premix)} outputs to be mixed{on}"
    statistic: dict[str, Figure] = {"pool": str(entry.pool), "mixes": len(entry.mixes), **entry.statistic}
    return _finding(ledger, entry, entry.premix, statistic, words)


def _finding(
    ledger: UtxoLedger, found: Mix | PoolEntry, outputs: Iterable[int], statistic: dict[str, Figure], words: str
) -> Finding:
    places = tuple(dict.fromkeys(ledger.place_text(output) for output in sorted(outputs)))
    time = ledger.tx_time(found.tx)
    return Finding(found.rule, (ledger.tx_text(found.tx),), places, statistic, found.threshold, words, time, time,
                   found.confidence)  # fmt: skip
