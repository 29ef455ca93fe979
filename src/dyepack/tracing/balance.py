"""The proof that the books balance, worked out from a Run and the ledger alone.

Invariant: `prove` returns only if, for every leg, (1) in every holding dye in - dye out = dye held, (2) per asset
put in + swapped in = stopped + held + swapped out, and (3) no move carries more dye than its value. It shares no
state with the replays: it re-adds what they wrote down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import BalanceError
from dyepack.ledger.manifest import COMPLETE, NOT_STATED
from dyepack.ledger.schema import NOWHERE
from dyepack.tracing.statement import Balance
from dyepack.tracing.sums import Ints, group_sums
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import U32
    from dyepack.tracing.plan import Plan, Rows, Run

_OUT_OF_PLACE = (Stop.UNEXPLAINED, Stop.DECLARED)
"""Stops at which units leave a holding backward without a move that carries them."""


@dataclass(frozen=True, slots=True)
class Ends:
    """For each dyed row of a run, the holdings it left and reached (-1: none)."""

    source: Ints
    target: Ints


def ends_of(ledger: Ledger, plan: Plan, rows: Rows) -> Ends:
    """The holdings at both ends of dyed rows, as the replay's direction sees them."""
    move = rows["move"]
    real = move >= 0
    giver = np.full(len(rows), -1, np.int64)
    taker = giver.copy()
    giver[real], taker[real] = ledger.move_from[move[real]], ledger.move_to[move[real]]
    source, target = (taker, giver) if plan.backward else (giver, taker)
    source[source == NOWHERE], target[target == NOWHERE] = -1, -1
    declared = np.array([d.holding for d in plan.declared], np.int64)
    if (~real).any():
        at = declared[-1 - move[~real]]
        (source if plan.backward else target)[~real] = at
    unexplained = rows["stop"] == Stop.UNEXPLAINED
    source[unexplained], target[unexplained] = target[unexplained], -1
    return Ends(source, target)


def prove(ledger: Ledger, plan: Plan, run: Run) -> list[Balance]:
    """The balance of every leg and asset; BalanceError says where the books do not balance."""
    ends = ends_of(ledger, plan, run.dyed)
    _prove_moves(ledger, run)
    _prove_holdings(ledger, plan, run, ends)
    balances = _totals(ledger, plan, run, ends)
    for b in balances:
        if not b.holds:
            raise BalanceError(f"rule {b.rule}, leg {b.leg}, asset {b.asset}: {b.put_in} in, parts {b.parts}")
    return balances


def _prove_moves(ledger: Ledger, run: Run) -> None:
    """No move carries more dye than it has units; moves with one dyed row are compared as columns."""
    rows = run.dyed[(run.dyed["move"] >= 0) & ~np.isin(run.dyed["stop"], _OUT_OF_PLACE)]
    moves, first, count = np.unique(rows["move"], return_index=True, return_counts=True)
    alone, value = rows[first], ledger.move_amount[moves]
    over = (alone["hi"] > value[:, 1]) | ((alone["hi"] == value[:, 1]) & (alone["lo"] > value[:, 0]))
    several = rows[np.isin(rows["move"], moves[count > 1])]
    sums = group_sums(several["move"], several["lo"], several["hi"])
    wrong = [m for m in moves[over].tolist() if m not in sums]
    wrong += [m for m, dye in sums.items() if dye > ledger.amount(m)]
    if wrong:
        raise BalanceError(
            f"rule {run.rule}: move {wrong[0]} carries more dye than its {ledger.amount(wrong[0])} units"
        )


def _prove_holdings(ledger: Ledger, plan: Plan, run: Run, ends: Ends) -> None:
    legs = 1 + max([int(run.origin["leg"].max())] if len(run.origin) else [0])

    def total(holding: Ints, rows: Rows, lo: str = "lo", hi: str = "hi") -> dict[int, int]:
        known = holding >= 0
        return group_sums(holding[known] * legs + rows["leg"][known], rows[lo][known], rows[hi][known])

    stays = (run.dyed["stop"] == Stop.CARRIED) & (ends.target >= 0)
    into = total(np.where(stays, ends.target, -1), run.dyed)
    out = total(ends.source, run.dyed)
    fresh = total(_giver(ledger, plan, run.origin["move"]), run.origin)
    product = total(_giver(ledger, plan, run.swaps["product"]), run.swaps, "product_lo", "product_hi")
    held = total(run.held["holding"], run.held)
    for key in set(into) | set(out) | set(held):
        left = into.get(key, 0) - out.get(key, 0) + fresh.get(key, 0) + product.get(key, 0)
        if left != held.get(key, 0):
            place = ledger.place_text(key // legs)
            raise BalanceError(
                f"rule {run.rule}, leg {key % legs}: {place} should hold {left}, holds {held.get(key, 0)}"
            )


def _giver(ledger: Ledger, plan: Plan, moves: Ints) -> Ints:
    """The holding that a move leaves, in the replay's direction; -1 for declared deposits and issuance."""
    column = ledger.move_to if plan.backward else ledger.move_from
    out = np.full(len(moves), -1, np.int64)
    real = moves >= 0
    out[real] = column[moves[real]]
    out[out == NOWHERE] = -1
    return out


def asset_of(ledger: Ledger, source: Ints, target: Ints) -> Ints:
    """The asset id of rows by either of their ends."""
    end = np.where(source >= 0, source, target)
    return (ledger.holding_key[end] >> np.uint64(32)).astype(np.int64)


def held_stop(ledger: Ledger, plan: Plan, holdings: Ints) -> Ints:
    """Why dye in each holding is still there: HELD where the known history goes on to the end, else what is unknown."""
    out = np.full(len(holdings), int(Stop.HELD), np.int64)
    for at, holding in enumerate(holdings.tolist()):
        state = ledger.holding_state[holding]
        codes = ledger.entries(holding)
        sends = codes[(codes & 1) == 0] >> 1 if state == NOT_STATED or plan.end_move is not None else codes[:0]
        if plan.end_move is not None and len(sends) and sends[-1] >= plan.end_move:
            out[at] = int(Stop.DATE_LIMIT)
        elif state != COMPLETE and not (state == NOT_STATED and len(sends)):
            out[at] = int(Stop.GAP)
    return out


def _totals(ledger: Ledger, plan: Plan, run: Run, ends: Ends) -> list[Balance]:
    assets = len(ledger.assets)

    def total(asset: Ints, rows: Rows, extra: Ints | int = 0, lo: str = "lo", hi: str = "hi") -> dict[int, int]:
        return group_sums((rows["leg"].astype(np.int64) * assets + asset) * 64 + extra, rows[lo], rows[hi])

    def of_moves(moves: Ints) -> Ints:
        where = np.where(moves >= 0, moves, 0)
        asset = asset_of(ledger, *(_or_none(c[where]) for c in (ledger.move_from, ledger.move_to)))
        declared = np.array([d.holding for d in plan.declared] or [0], np.int64)
        holding = declared[np.where(moves < 0, -1 - moves, 0)]
        return np.where(moves >= 0, asset, (ledger.holding_key[holding] >> np.uint64(32)).astype(np.int64))

    put = total(of_moves(run.origin["move"]), run.origin)
    gone = total(of_moves(run.swaps["paid"]), run.swaps)
    came = total(of_moves(run.swaps["product"]), run.swaps, lo="product_lo", hi="product_hi")
    ended = ~np.isin(run.dyed["stop"], (Stop.CARRIED, Stop.CONVERTED))
    rows = run.dyed[ended]
    stopped = total(asset_of(ledger, ends.source[ended], ends.target[ended]), rows, rows["stop"].astype(np.int64))
    held_asset = (ledger.holding_key[run.held["holding"]] >> np.uint64(32)).astype(np.int64)
    stopped |= total(held_asset, run.held, held_stop(ledger, plan, run.held["holding"]))
    parts: dict[int, dict[str, int]] = {k: {} for k in [*put, *came]}
    for key, units in sorted(stopped.items()):
        parts.setdefault(key // 64 * 64, {})[Stop(key % 64).name.lower()] = units
    return [
        Balance(run.rule, key // 64 // assets, ledger.assets[key // 64 % assets].key, put.get(key, 0),
                came.get(key, 0), gone.get(key, 0), parts[key])
        for key in sorted(parts)
    ]  # fmt: skip


def _or_none(holdings: U32) -> Ints:
    out = holdings.astype(np.int64)
    out[out == NOWHERE] = -1
    return out
