"""Which transactions of a ledger are CoinJoins, of which family, and which lead into a pool.

A first look at the values of all transactions (prefilter.py) leaves few for the rules. A transaction that several rules
match is of the first family in the order of `FAMILIES`; the others are kept in `also`.

Invariant: what is said of a transaction depends on it, its tags and, for Whirlpool's confidence, the transactions next
to it alone; so one transaction asked for gives what a run over the ledger gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.ledger.utxo.schema import COINBASE
from dyepack.patterns.coinjoin import joinmarket, wasabi, wasabi2, whirlpool
from dyepack.patterns.coinjoin.lineage import is_verified, mixes_of
from dyepack.patterns.coinjoin.prefilter import ENTRY, EQUAL, MIX, all_candidates, candidates, is_structural
from dyepack.patterns.coinjoin.settings import DEFAULT, Settings
from dyepack.patterns.coinjoin.shape import Tagged, shape_of
from dyepack.patterns.coinjoin.vetoes import EXCHANGE, vetoes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.coinjoin.judged import Judged
    from dyepack.patterns.coinjoin.shape import TxShape
    from dyepack.patterns.finding import Figure, Rule

Flags = npt.NDArray[np.bool_]

WHIRLPOOL, JOINMARKET = "whirlpool", "joinmarket"
WASABI_10, WASABI_11, WASABI_2 = "wasabi-1.0", "wasabi-1.1", "wasabi-2"
FAMILIES = (WHIRLPOOL, WASABI_2, WASABI_11, WASABI_10, JOINMARKET)
"""In the order in which they are tried: the narrowest shape first."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A transaction that is a CoinJoin: of what leaves it in equal outputs nobody knows what it was before.

    tx             its id in the ledger
    denominations  value -> ids of the outputs that are alike, largest value first
    confidence     0-100 of this occurrence
    also           other families whose rules match too
    lineage        what the ledger shows beyond the shape, "" for nothing
    """

    tx: int
    family: str
    rule: Rule
    confidence: int
    denominations: dict[int, tuple[int, ...]]
    statistic: dict[str, Figure] = field(repr=False)
    threshold: dict[str, Figure] = field(repr=False)
    also: tuple[str, ...] = ()
    lineage: str = ""

    @property
    def anonymity_set(self) -> int:
        """How many outputs the most frequent denomination has."""
        return max(map(len, self.denominations.values()), default=0)


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A transaction that leads one wallet's coins into a pool (Whirlpool's Tx0); it is no CoinJoin.

    pool    denomination of the pool, satoshi
    premix  ids of the outputs that are to be mixed
    mixes   transactions of the ledger that mix one of them
    """

    tx: int
    rule: Rule
    confidence: int
    pool: int
    premix: tuple[int, ...]
    mixes: tuple[int, ...]
    statistic: dict[str, Figure] = field(repr=False)
    threshold: dict[str, Figure] = field(repr=False)


def judged_mixes(shape: TxShape, settings: Settings = DEFAULT) -> dict[str, Judged]:
    """What the rule of each family says of a transaction, in the order of FAMILIES."""
    return {
        WHIRLPOOL: whirlpool.judge_mix(shape, settings.whirlpool),
        WASABI_2: wasabi2.judge(shape, settings.wasabi_2),
        WASABI_11: wasabi.judge_11(shape, settings.wasabi),
        WASABI_10: wasabi.judge_10(shape, settings.wasabi),
        JOINMARKET: joinmarket.judge(shape, settings.joinmarket),
    }


def family_of_shape(shape: TxShape, settings: Settings = DEFAULT) -> Mix | None:
    """The CoinJoin that a transaction is by its shape and tags alone; None for none and where a veto is drawn."""
    if vetoes(shape):
        return None
    matching = {family: judged for family, judged in judged_mixes(shape, settings).items() if judged.matches}
    if not matching:
        return None
    family, *also = matching
    judged = matching[family]
    return Mix(shape.tx, family, judged.rule, judged.confidence, judged.denominations, judged.statistic,
               judged.threshold, tuple(also))  # fmt: skip


def family_of(
    ledger: UtxoLedger, tx: int, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> Mix | None:  # fmt: skip
    """The CoinJoin that a transaction of a ledger is, None for none; `tagged`: kinds of tags by address id."""
    if ledger.tx_flag[tx] & COINBASE:
        return None
    shape = shape_of(ledger, tx, tagged)
    mix = family_of_shape(shape, settings)
    if mix is None or mix.family != WHIRLPOOL:
        return mix
    (denomination,) = mix.denominations
    if not is_verified(ledger, shape, denomination, settings.whirlpool):
        return mix
    lineage = "its coins come from Tx0s and mixes of its pool, as far as the ledger shows"
    return replace(mix, confidence=whirlpool.LINEAGE_CONFIDENCE, lineage=lineage)


def pool_entry_of(
    ledger: UtxoLedger, tx: int, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> PoolEntry | None:
    """The way into a pool that a transaction of a ledger is, None for none."""
    if ledger.tx_flag[tx] & COINBASE:
        return None
    shape = shape_of(ledger, tx, tagged)
    judged = whirlpool.judge_tx0(shape, settings.whirlpool)
    if not judged.matches or EXCHANGE in vetoes(shape):
        return None
    ((value, premix),) = judged.denominations.items()
    pool = settings.whirlpool.premix_of(value)
    denomination = pool.denomination if pool else 0
    mixes = tuple(mixes_of(ledger, premix, denomination, settings.whirlpool))
    confidence = whirlpool.LINEAGE_CONFIDENCE if mixes else judged.confidence
    return PoolEntry(tx, judged.rule, confidence, denomination, premix, mixes, judged.statistic, judged.threshold)


def maybe_mixes(ledger: UtxoLedger, txs: npt.NDArray[np.integer], settings: Settings = DEFAULT) -> Flags:
    """Which of these transactions may be CoinJoins, by their values alone: `family_of` is None for all others."""
    return np.asarray(candidates(ledger, txs.astype(np.uint32), settings) & MIX != 0, np.bool_)


def mixes(
    ledger: UtxoLedger, txs: Iterable[int] | None = None, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> list[Mix]:
    """The CoinJoins among these transactions (None: all), in chain order."""
    found = (family_of(ledger, tx, tagged, settings) for tx in _which(ledger, txs, MIX, settings))
    return [mix for mix in found if mix is not None]


def pool_entries(
    ledger: UtxoLedger, txs: Iterable[int] | None = None, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> list[PoolEntry]:
    """The ways into a pool among these transactions (None: all), in chain order."""
    found = (pool_entry_of(ledger, tx, tagged, settings) for tx in _which(ledger, txs, ENTRY, settings))
    return [entry for entry in found if entry is not None]


def coinjoin_flags(
    ledger: UtxoLedger, txs: Iterable[int] | None = None, tagged: Tagged | None = None, settings: Settings = DEFAULT
) -> Flags:
    """Which of these transactions are to join no addresses, one flag each (None: all, as clusters want them).

    Those that have the shape that all CoinJoins with equal outputs share (prefilter.is_structural), and those of a
    family. Not those that spend from an exchange's tagged address, and no ways into a pool: their inputs are one
    wallet's.
    """
    chosen = None if txs is None else np.fromiter(txs, np.uint32)
    flags = np.zeros(ledger.transactions, np.bool_)
    for tx in _which(ledger, chosen, MIX | EQUAL, settings):
        if not ledger.tx_flag[tx] & COINBASE:
            shape = shape_of(ledger, tx, tagged)
            flags[tx] = _joins_nothing(shape, settings)
    return flags if chosen is None else np.asarray(flags[chosen], np.bool_)


def _joins_nothing(shape: TxShape, settings: Settings) -> bool:
    if EXCHANGE in vetoes(shape) or whirlpool.judge_tx0(shape, settings.whirlpool).matches:
        return False
    return is_structural(shape) or family_of_shape(shape, settings) is not None


def _which(ledger: UtxoLedger, txs: Iterable[int] | None, bits: int, settings: Settings) -> list[int]:
    """Those of some transactions that the first look lets through, ascending."""
    if txs is None:
        return all_candidates(ledger, bits, settings)
    chosen = np.unique(np.fromiter(txs, np.uint32))
    return [int(tx) for tx in chosen[candidates(ledger, chosen, settings) & bits != 0]]
