"""CoinJoins on the way of a trace: which transactions end it, and where the units may have gone on.

Invariant: every CoinJoin that dye can reach by any rule ends the trace before it; what poison reaches is what any rule
can reach, so one run of poison finds them all.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.content import time_text
from dyepack.ledger.utxo.schema import NOT_ASKED
from dyepack.patterns.coinjoin.detect import family_of, mixes
from dyepack.tracing.onward import SHOWN, Candidate, Onward
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.engine import run_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.coinjoin.detect import Mix
    from dyepack.tags.model import TagSet
    from dyepack.tracing.utxo.plan import UtxoPlan, UtxoRun

PLAIN_UP_TO = 2_000
"""Transactions above which Numba's second of start-up pays for itself."""


def stop_at_mixes(ledger: UtxoLedger, plan: UtxoPlan, tags: TagSet) -> dict[int, Mix]:
    """Find the CoinJoins in reach and put them into the plan; they are returned by transaction."""
    txs, tagged = _in_reach(ledger, plan), _tagged(ledger, tags)
    if len(txs) <= PLAIN_UP_TO:
        each = [family_of(ledger, tx, tagged) for tx in txs]
    else:
        each = list(mixes(ledger, txs, tagged))
    found = {mix.tx: mix for mix in each if mix is not None}
    plan.mixes = frozenset(found)
    return found


def _in_reach(ledger: UtxoLedger, plan: UtxoPlan) -> Sequence[int]:
    """The transactions that dye can go into (backward: all)."""
    if plan.backward:
        return range(ledger.transactions)
    dyed = run_rule(ledger, plan, "poison")[0].dyed
    spenders = ledger.output_spender[np.unique(dyed["output"][dyed["output"] >= 0])]
    found: list[int] = np.unique(spenders[spenders < NOT_ASKED]).tolist()
    return found


def _tagged(ledger: UtxoLedger, tags: TagSet) -> dict[int, tuple[str, ...]]:
    """The kinds of the tags of each address: what an exchange pays out in bulk is no CoinJoin."""
    named = ((ledger.find_address(a), tags.of(a)) for a in tags.addresses())
    return {a: tuple(t.kind.value for t in found) for a, found in named if a is not None}


def onward_of(ledger: UtxoLedger, run: UtxoRun, found: Mapping[int, Mix]) -> list[Onward]:
    """Where units that went into CoinJoins under the run's rule may be: one row a CoinJoin, in chain order."""
    rows = run.dyed[(run.dyed["stop"] == Stop.MIXER) & (run.dyed["output"] >= 0)]
    went: dict[int, int] = defaultdict(int)
    brought: dict[int, dict[str, None]] = defaultdict(dict)
    for row in rows:
        spender = int(ledger.output_spender[row["output"]])
        if spender in found:
            went[spender] += int(row["units"])
            brought[spender][ledger.tx_text(int(row["tx"]))] = None
    return [_onward(ledger, tx, found[tx], went[tx], tuple(brought[tx])) for tx in sorted(went)]


def _onward(ledger: UtxoLedger, tx: int, mix: Mix, units: int, deposits: tuple[str, ...]) -> Onward:
    outputs = sorted(output for equal in mix.denominations.values() for output in equal)
    time = time_text(int(ledger.block_time[ledger.tx_block[tx]]))
    share = max(100 // max(mix.anonymity_set, 1), 1)
    shown = tuple(
        Candidate(ledger.place_text(o), ledger.tx_text(tx), time, int(ledger.output_value[o]),
                  o - int(ledger.tx_output[tx]), (), share, "E6")
        for o in outputs[:SHOWN]
    )  # fmt: skip
    return Onward(
        ledger.tx_text(tx), "coinjoin", mix.family, mix.rule.id, ledger.assets[0].key, units, deposits[:SHOWN],
        len(deposits), mix.anonymity_set, shown, len(outputs) - len(shown), mix.confidence, mix.rule.evidence,
        mix.rule.measured,
    )  # fmt: skip
