"""Running the rules: which replay serves, and the proof after each.

Invariant: every run of a conserving rule has been proved to balance before anyone sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.errors import UsageError
from dyepack.progress import OnStep, no_step
from dyepack.tracing.balance import prove
from dyepack.tracing.books import Books
from dyepack.tracing.replay import replay_at_most
from dyepack.tracing.rules import RULES, rule

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.plan import Plan, Run
    from dyepack.tracing.statement import Balance

PLAIN_UP_TO = 30_000
"""Moves looked at by one rule above which Numba's second of start-up pays for itself."""


def run_rule(books: Books, plan: Plan, name: str, *, large: bool = False) -> tuple[Run, list[Balance]]:
    """One rule, proved (poison is not: it makes units).

    The plain replay serves if it gets by with PLAIN_UP_TO moves (it is not tried if the case is known to be `large`),
    else the Numba kernel, else (a balance passes 128 bits) the plain one without a limit.
    """
    ledger = books.ledger
    run = None if large else replay_at_most(books, plan, name, PLAIN_UP_TO)
    if run is None:
        from dyepack.tracing import kernel

        run = kernel.replay(ledger, plan, name) or replay_at_most(books, plan, name, None)
    assert run is not None  # noqa: S101 - only a limit makes it None
    return run, prove(ledger, plan, run) if rule(name).conserves else []


def run_rules(
    ledger: Ledger, plan: Plan, headline: str, *, progress: OnStep = no_step
) -> tuple[dict[str, Run], list[Balance]]:
    """Every rule (backward: those that reverse exactly), the headline first; runs by rule and all balances."""
    runs: dict[str, Run] = {}
    balances: list[Balance] = []
    large = False
    books = Books(ledger, plan.declared)
    for name in rules_to_run(headline, backward=plan.backward):
        progress(name)
        runs[name], proof = run_rule(books, plan, name, large=large)
        large = large or runs[name].replayed > PLAIN_UP_TO
        balances += proof
    return runs, balances


def rules_to_run(headline: str, *, backward: bool) -> list[str]:
    """The rules of a trace, the headline first; UsageError if that cannot be it."""
    if not rule(headline).conserves:
        raise UsageError(f"{headline} makes money out of nothing and cannot be the headline rule",
                         remedy="choose a conserving rule, as fifo; poison is shown beside it anyway")  # fmt: skip
    if backward and not rule(headline).reverses:
        raise UsageError(f"{headline} cannot be run backward exactly", remedy="use fifo, lifo-a or lifo-b")
    return [headline] + [r.name for r in RULES.values() if r.name != headline and (r.reverses or not backward)]
