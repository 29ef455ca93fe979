"""Every detector there is: its rules, and how it is run over a ledger or over what a trace touched.

A new detector is a line in ACCOUNTS or OUTPUTS and its rules in RULES; what needs no search of a ledger (bridges' own
records, links through pools) has its rules here too.
Invariant: a rule's id names one rule; every finding that `search` returns is of a rule that stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns import cadence, deposits, fan, funding, layering, peel, peel_accounts, poisoning_findings, reuse
from dyepack.patterns.bridges import findings as bridges
from dyepack.patterns.coinjoin import coinjoins, joinmarket, wasabi, wasabi2, whirlpool
from dyepack.patterns.pools import portfolio, structured, traced
from dyepack.patterns.pools import rules as pools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.patterns.finding import Finding, Rule
    from dyepack.tracing.moves import DyedMove

RULES: tuple[Rule, ...] = (
    whirlpool.MIX, whirlpool.TX0, wasabi.RULE_10, wasabi.RULE_11, wasabi2.RULE, joinmarket.RULE, peel.RULE,
    peel_accounts.RULE, fan.FAN_OUT, fan.FAN_IN, layering.RULE, cadence.RULE, deposits.RULE, deposits.HUB_RULE,
    reuse.RULE, funding.RULE, poisoning_findings.RULE, pools.ADDRESS_MATCH, pools.GAS_PRICE, pools.LINKED,
    pools.OWN_GAS, portfolio.MULTI, structured.STRUCTURED, structured.BURST, bridges.PROTOCOL,
    bridges.CONFIRMED, bridges.INFERRED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What detectors look at.

    places   address ids to look at, None: all of the ledger
    moves    the dyed moves of a trace, None where there is none
    hot      known hot wallets: address id -> service; empty: hubs stand for them
    kinds    kinds of tags by address id
    """

    places: tuple[int, ...] | None = None
    moves: tuple[DyedMove, ...] | None = None
    hot: Mapping[int, str] = field(default_factory=dict)
    kinds: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def listed(self, ledger: Ledger) -> tuple[int, ...]:
        """The places, one by one."""
        return self.places if self.places is not None else tuple(range(len(ledger.address_id)))


ACCOUNTS: dict[str, Callable[[Ledger, Scope], list[Finding]]] = {
    "fan-out": lambda ledger, s: fan.fan_out(ledger, s.places),
    "fan-in": lambda ledger, s: fan.fan_in(ledger, s.moves, s.places),
    "layering": lambda ledger, s: layering.layering(ledger, s.places),
    "peel-chain": lambda ledger, s: peel_accounts.peel_chains_accounts(ledger, s.listed(ledger)),
    "cadence": lambda ledger, s: cadence.scripted_cadence(ledger, [[place] for place in s.listed(ledger)]),
    "deposit-address": lambda ledger, s: deposits.deposit_addresses(ledger, s.places, hot=s.hot or None),
    "deposit-reuse": lambda ledger, s: reuse.deposit_reuse(ledger, s.hot).findings() if s.hot else [],
    "gas-funding": lambda ledger, s: funding.gas_funding(ledger, s.listed(ledger), tags=s.hot),
    "structured-deposits": lambda ledger, s: traced.structured_of(ledger, s.moves) if s.moves else [],
    "poisoning": lambda ledger, s: poisoning_findings.poisoned(ledger, s.listed(ledger)),
}
"""Detectors on ledgers of accounts, by name."""

OUTPUTS: dict[str, Callable[[UtxoLedger, Scope], list[Finding]]] = {
    "coinjoin": lambda ledger, s: coinjoins(ledger, _txs(ledger, s), s.kinds),
    "peel-chain": lambda ledger, s: peel.peel_chains(ledger, _txs(ledger, s)),
}
"""Detectors on ledgers of outputs, by name."""


def _txs(ledger: UtxoLedger, scope: Scope) -> list[int] | None:
    """The transactions that a trace touched, None: all."""
    if scope.moves is None:
        return None
    found = (ledger.find_tx(move.txid) for move in scope.moves)
    spenders = (int(ledger.output_spender[o]) for o in _reached(ledger, scope.moves))
    return sorted({tx for tx in (*found, *spenders) if tx is not None and tx < ledger.transactions})


def _reached(ledger: UtxoLedger, moves: tuple[DyedMove, ...]) -> list[int]:
    """The outputs that dye reached: what spends them is looked at too."""
    out = []
    for move in moves:
        txid, colon, number = move.made.rpartition(":")
        tx = ledger.find_tx(txid) if colon and number.isdigit() else None
        if tx is not None:
            out.append(int(ledger.tx_output[tx]) + int(number))
    return out


def names(ledger: AnyLedger) -> list[str]:
    """The detectors that a ledger's model has."""
    return list(OUTPUTS if isinstance(ledger, UtxoLedger) else ACCOUNTS)


def search(ledger: AnyLedger, scope: Scope, only: list[str] | None = None) -> list[Finding]:
    """What the detectors find, one detector after another, each in chain order; `only`: these detectors.

    UsageError for a detector that the ledger's model has not got.
    """
    known = names(ledger)
    for name in only or ():
        if name not in known:
            raise UsageError(f"no detector is called {quoted(name)} here", remedy=f"use one of {', '.join(known)}")
    chosen = [name for name in known if not only or name in only]
    if isinstance(ledger, UtxoLedger):
        return [finding for name in chosen for finding in OUTPUTS[name](ledger, scope)]
    return [finding for name in chosen for finding in ACCOUNTS[name](ledger, scope)]
