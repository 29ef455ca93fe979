"""Running the rules on a ledger of outputs: which replay serves, and the proof after each.

Invariant: every run of a conserving rule has been proved to balance before anyone sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.progress import OnStep, no_step
from dyepack.tracing.engine import rules_to_run
from dyepack.tracing.rules import rule
from dyepack.tracing.utxo.backward import replay_backward
from dyepack.tracing.utxo.balance import prove
from dyepack.tracing.utxo.replay import replay_at_most

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.statement import Balance
    from dyepack.tracing.utxo.plan import UtxoPlan, UtxoRun

PLAIN_UP_TO = 20_000
"""Transactions looked at by one rule above which Numba's second of start-up pays for itself."""


def run_rule(ledger: UtxoLedger, plan: UtxoPlan, name: str, *, large: bool = False) -> tuple[UtxoRun, list[Balance]]:
    """One rule, proved: the plain replay serves if the case is not known to be `large` and turns out not to be."""
    if plan.backward:
        run: UtxoRun | None = replay_backward(ledger, plan, name)
    else:
        run = None if large else replay_at_most(ledger, plan, name, PLAIN_UP_TO)
    if run is None:
        from dyepack.tracing.utxo.kernel import replay

        run = replay(ledger, plan, name)
    return run, prove(ledger, plan, run) if rule(name).conserves else []


def run_rules(
    ledger: UtxoLedger, plan: UtxoPlan, headline: str, *, progress: OnStep = no_step
) -> tuple[dict[str, UtxoRun], list[Balance]]:
    """Every rule (backward: those that reverse exactly), the headline first; runs by rule and all balances."""
    runs: dict[str, UtxoRun] = {}
    balances: list[Balance] = []
    large = False
    for name in rules_to_run(headline, backward=plan.backward):
        progress(name)
        runs[name], proof = run_rule(ledger, plan, name, large=large)
        large = large or (not plan.backward and runs[name].replayed > PLAIN_UP_TO)
        balances += proof
    return runs, balances
