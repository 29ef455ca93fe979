"""The proof that the books balance on a ledger of outputs, worked out from a Run and the ledger alone.

Invariant: `prove` returns only if, for every leg, (1) in every transaction dye in + newly dyed = dye out, the fee
included, (2) put in = stopped, over the whole run, and (3) no output has more dye than its value. It shares no state
with the replays: it re-adds what they wrote down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import BalanceError
from dyepack.tracing.statement import Balance
from dyepack.tracing.sums import Ints, group_sums
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.plan import FEE

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.utxo.plan import Rows, UtxoPlan, UtxoRun


def prove(ledger: UtxoLedger, plan: UtxoPlan, run: UtxoRun) -> list[Balance]:
    """The balance of every leg; BalanceError says where the books do not balance."""
    _prove_outputs(ledger, run)
    _prove_transactions(ledger, plan, run)
    put, stopped = _sums(run.origin["leg"], run.origin), _stopped(run)
    asset = ledger.assets[0].key
    parts: dict[int, dict[str, int]] = {leg: {} for leg in put}
    for key, units in sorted(stopped.items()):
        parts.setdefault(key // 64, {})[Stop(key % 64).name.lower()] = units
    balances = [Balance(run.rule, leg, asset, put.get(leg, 0), 0, 0, parts[leg]) for leg in sorted(parts)]
    for b in balances:
        if not b.holds:
            raise BalanceError(f"rule {b.rule}, leg {b.leg}: {b.put_in} in, parts {b.parts}")
    return balances


def _sums(key: Ints, rows: Rows) -> dict[int, int]:
    return group_sums(key.astype(np.int64), rows["units"], np.zeros(len(rows), np.uint64))


def _stopped(run: UtxoRun) -> dict[int, int]:
    rows = run.dyed[run.dyed["stop"] != Stop.CARRIED]
    return _sums(rows["leg"].astype(np.int64) * 64 + rows["stop"], rows)


def _prove_outputs(ledger: UtxoLedger, run: UtxoRun) -> None:
    """No transaction puts more dye into an output than its value, or, backward, takes more out of it."""
    rows = run.dyed[run.dyed["output"] >= 0]
    made = _makers(ledger, rows["output"]) == rows["tx"]
    for key, units in _sums(rows["output"] * 2 + made, rows).items():
        output = key // 2
        if units > int(ledger.output_value[output]):
            raise BalanceError(f"rule {run.rule}: {ledger.outpoint_text(output)} has more dye than its value")


def _prove_transactions(ledger: UtxoLedger, plan: UtxoPlan, run: UtxoRun) -> None:
    """Into each transaction, per leg, as much as out of it."""
    legs = 1 + max((int(r["leg"].max()) for r in (run.origin, run.dyed) if len(r)), default=0)
    carried = run.dyed[run.dyed["stop"] == Stop.CARRIED]
    into: dict[int, int] = {}
    for at, rows in (
        (_next(ledger, plan, carried), carried),
        (_makers(ledger, run.origin["output"]), run.origin),
    ):
        for key, units in _sums(at * legs + rows["leg"], rows).items():
            into[key] = into.get(key, 0) + units
    out = _sums(run.dyed["tx"] * legs + run.dyed["leg"], run.dyed)
    for key in set(into) | set(out):
        if into.get(key, 0) != out.get(key, 0):
            tx, leg = divmod(key, legs)
            raise BalanceError(
                f"rule {run.rule}, leg {leg}: {into.get(key, 0)} into transaction {ledger.tx_text(tx)}, "
                f"{out.get(key, 0)} out of it"
            )


def _next(ledger: UtxoLedger, plan: UtxoPlan, carried: Rows) -> Ints:
    """The transaction to which each carried row goes on: of fees the coinbase of the block."""
    output = np.where(carried["output"] >= 0, carried["output"], 0)
    coinbase = ledger.block_tx[ledger.tx_block[carried["tx"]]].astype(np.int64)
    on = _makers(ledger, output) if plan.backward else ledger.output_spender[output].astype(np.int64)
    return np.where(carried["output"] == FEE, coinbase, on)


def _makers(ledger: UtxoLedger, output: Ints) -> Ints:
    """The transactions that made outputs."""
    return np.searchsorted(ledger.tx_output, output.astype(np.uint64), side="right") - 1
