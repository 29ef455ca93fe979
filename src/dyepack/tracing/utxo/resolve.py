"""From thefts and parameters in words to a UtxoPlan in the ids of one ledger of outputs.

A leg's move names a transaction: its outputs are what was stolen, but for change, which goes back to an address that
the transaction spends from, or to a victim; `index` is the number of one output. A leg's outflow is every transaction
that spends from an address.
Invariant: whatever a theft or a parameter names is found in the ledger, or a TheftError says what is not there; no
more of an output is dyed than it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import TheftError, UsageError, quoted
from dyepack.ledger.utxo.schema import NO_ADDRESS, NOT_ASKED, OUTSIDE
from dyepack.tracing.resolve import (
    LegIn,
    check_chain,
    cut_offs,
    deposit_units,
    fees_of,
    named_address,
    named_tx,
    nothing_before_limit,
    stolen_by_two,
    stolen_twice,
    stolen_units,
    stop_places,
    too_much_stolen,
)
from dyepack.tracing.theft import ANY
from dyepack.tracing.utxo.plan import Origin, UtxoPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.terminals import Stop
    from dyepack.tracing.theft import Deposit, Leg, LegMove, Outflow, Theft


@dataclass(slots=True)
class UtxoResolved:
    """The plan and the legs behind its numbers; `notes` say what was passed over."""

    plan: UtxoPlan
    legs: list[LegIn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def resolve(ledger: UtxoLedger, thefts: list[Theft], parameters: Parameters, stops: Mapping[str, Stop]) -> UtxoResolved:
    """Find everything in the ledger; `stops` are the addresses whose tags end a trace."""
    out = UtxoResolved(UtxoPlan([]))
    for theft in thefts:
        check_chain(ledger, theft)
        for leg in theft.legs:
            _add_leg(ledger, out, theft, leg)
    out.plan.origins.sort(key=lambda o: (o.output, o.leg))
    out.plan.stops = stop_places(ledger, thefts, parameters, stops, out.notes)
    _add_limits(ledger, out, parameters)
    return out


def _add_leg(ledger: UtxoLedger, out: UtxoResolved, theft: Theft, leg: Leg) -> None:
    number = len(out.legs) + 1
    if ledger.asset_id(leg.asset) is None:
        raise TheftError(
            f"leg {quoted(leg.name)} of {quoted(theft.id)}: the ledger has no asset {quoted(leg.asset)}",
            remedy=f"it holds {quoted(ledger.assets[0].key)}",
        )
    victims = {a for a in map(ledger.find_address, theft.victims) if a is not None}
    part: dict[int, int] = {}
    whole, shared = set[int](), set[int]()
    for spec in leg.moves:
        for output, units in _parts(ledger, theft, spec, _outputs_of(ledger, theft, spec, victims)).items():
            part[output] = part.get(output, 0) + units
            if units:
                (shared if spec.of_part else whole).add(output)
        _note_nameless(ledger, out, theft, spec)
    flows = {o: int(ledger.output_value[o]) for flow in leg.outflows for o in _outflow(ledger, theft, flow, victims)}
    for output in shared:
        if output in whole or output in flows or part[output] > int(ledger.output_value[output]):
            raise stolen_twice(theft, leg, ledger.tx_text(ledger.transaction_of(output)))
    part |= flows
    outputs = [output for output, units in part.items() if units]
    taken = _taken_before(ledger, out, (theft, leg), outputs, shared)
    for output in outputs:
        out.plan.origins.append(Origin(output, number, min(part[output], int(ledger.output_value[output]))))
    for deposit in leg.deposits:
        out.plan.origins += _deposit(ledger, theft, number, deposit)
    seen = f"{len(outputs)} output{'s' if len(outputs) > 1 else ''} in the ledger" if outputs else ""
    if taken:
        seen += f", {taken} of them an earlier leg's"
    said = "; ".join(dict.fromkeys(d.evidence for d in leg.deposits))
    out.legs.append(LegIn(number, theft.id, leg.name, 0, "; ".join(e for e in (seen, said) if e)))


def _taken_before(
    ledger: UtxoLedger, out: UtxoResolved, who: tuple[Theft, Leg], outputs: list[int], shared: set[int]
) -> int:
    """How many outputs an earlier leg has, which keeps what it took; TheftError if this leg names a part of one."""
    theft, leg = who
    named = set(outputs)
    taken = {o.output for o in out.plan.origins if o.output in named}
    for output in sorted(taken & shared):
        raise stolen_by_two(theft, leg, ledger.tx_text(ledger.transaction_of(output)))
    if taken:
        out.notes.append(f"leg {leg.name}: an output already taken by an earlier leg stays with it (first taint wins)")
    return len(taken)


def _parts(ledger: UtxoLedger, theft: Theft, spec: LegMove, outputs: list[int]) -> dict[int, int]:
    """How many satoshi of each of these outputs were stolen: all, or the first so many that the theft file says."""
    stated = stolen_units(theft, spec, ledger.assets[0])
    left = sum(int(ledger.output_value[o]) for o in outputs) if stated is None else stated
    parts = {}
    for output in outputs:
        parts[output] = min(left, int(ledger.output_value[output]))
        left -= parts[output]
    if left:
        raise too_much_stolen(theft, spec, left)
    return parts


def _note_nameless(ledger: UtxoLedger, out: UtxoResolved, theft: Theft, spec: LegMove) -> None:
    """Say that change cannot be told where a transaction spends from or pays to outputs without an address."""
    if spec.index is not None or spec.receiver:
        return
    tx = named_tx(ledger, theft.id, spec.tx)
    paid = [o for o in ledger.outputs_of(tx) if ledger.output_value[o] and ledger.output_address[o] == NO_ADDRESS]
    if paid and None in _spent_from(ledger, tx):
        out.notes.append(
            f"transaction {ledger.tx_text(tx)} spends from and pays to outputs without an address: whether these are "
            "change is not known, so they count as stolen (name the stolen ones by index)"
        )


def _spent_from(ledger: UtxoLedger, tx: int) -> set[int | None]:
    """The addresses that a transaction spends from (None: an output that has none)."""
    return {ledger.input_address(at) for at in ledger.inputs_of(tx)}


def _outputs_of(ledger: UtxoLedger, theft: Theft, spec: LegMove, victims: set[int]) -> list[int]:
    tx = named_tx(ledger, theft.id, spec.tx)
    sender = named_address(ledger, theft.id, spec.sender) if spec.sender else None
    receiver = named_address(ledger, theft.id, spec.receiver) if spec.receiver else None
    senders = _spent_from(ledger, tx)
    outputs = list(ledger.outputs_of(tx))
    if spec.index is not None:
        outputs = outputs[spec.index : spec.index + 1]
    elif receiver is None:
        outputs = [o for o in outputs if int(ledger.output_address[o]) not in senders | victims]
    if receiver is not None:
        outputs = [o for o in outputs if ledger.output_address[o] == receiver]
    outputs = [o for o in outputs if ledger.output_value[o]]
    if not outputs or (sender is not None and sender not in senders):
        raise TheftError(
            f"theft {quoted(theft.id)}: transaction {quoted(spec.tx)} has no such output",
            remedy="check from, to and index (the number of an output, from 0); change is not counted as stolen",
        )
    return outputs


def _outflow(ledger: UtxoLedger, theft: Theft, spec: Outflow, victims: set[int]) -> list[int]:
    if spec.address == ANY:
        raise TheftError(f"theft {quoted(theft.id)}: on a ledger of outputs an outflow names its address",
                         remedy="name the address, or the stolen outputs by [[leg.move]]")  # fmt: skip
    address = named_address(ledger, theft.id, spec.address)
    found: list[int] = []
    timed = spec.since is not None or spec.until is not None
    for tx in _spenders(ledger, address):
        if timed and not ledger.tx_time(tx):
            raise TheftError(
                f"theft {quoted(theft.id)}: the ledger does not say when transaction {ledger.tx_text(tx)} was made",
                remedy="leave since and until out, or name the stolen outputs by [[leg.move]]",
            )
        time = int(ledger.block_time[ledger.tx_block[tx]])
        if (spec.since is not None and time < spec.since) or (spec.until is not None and time > spec.until):
            continue
        own = victims | {address}
        if others := _spent_from(ledger, tx) - own:
            other = next(iter(others))
            who = "an output without an address" if other is None else ledger.address_text(other)
            raise TheftError(
                f"theft {quoted(theft.id)}: transaction {ledger.tx_text(tx)} spends from {quoted(spec.address)} and "
                f"from {who}, so its outputs are not the victim's alone",
                remedy="list the other address as a victim if it is one, or name the stolen outputs by [[leg.move]] "
                "with tx and index",
            )
        found += [o for o in ledger.outputs_of(tx)
                  if ledger.output_value[o] and int(ledger.output_address[o]) not in own]  # fmt: skip
    if not found:
        raise TheftError(
            f"theft {quoted(theft.id)}: nothing left {quoted(spec.address)} in that time",
            remedy="check the address and the times",
        )
    return found


def _spenders(ledger: UtxoLedger, address: int) -> list[int]:
    """The transactions that spend from an address, in chain order."""
    spent_by = ledger.output_spender[ledger.outputs_at(address).astype(np.int64)]
    found = set(spent_by[spent_by < NOT_ASKED].tolist())
    rows = np.flatnonzero(ledger.outside_address == address)
    if len(rows):
        outside = np.flatnonzero(ledger.input_tx == OUTSIDE)[rows]
        found |= set((np.searchsorted(ledger.tx_input, outside.astype(np.uint64), side="right") - 1).tolist())
    return sorted(found)


def _deposit(ledger: UtxoLedger, theft: Theft, leg: int, deposit: Deposit) -> list[Origin]:
    if not deposit.tx:
        raise TheftError(
            f"theft {quoted(theft.id)}: a deposit on a ledger of outputs names its transaction",
            remedy="give `tx` instead of `block`",
        )
    tx, address = named_tx(ledger, theft.id, deposit.tx), named_address(ledger, theft.id, deposit.to)
    left = deposit_units(theft, deposit, ledger.assets[0])
    found: list[Origin] = []
    for output in ledger.outputs_of(tx):
        part = min(left, int(ledger.output_value[output])) if ledger.output_address[output] == address else 0
        if part:
            found.append(Origin(output, leg, part))
            left -= part
    if left:
        raise TheftError(
            f"theft {quoted(theft.id)}: transaction {quoted(deposit.tx)} pays {left} satoshi less than that to "
            f"{quoted(deposit.to)}",
            remedy="check the amount, or name the stolen outputs by [[leg.move]]",
        )
    return found


def _add_limits(ledger: UtxoLedger, out: UtxoResolved, parameters: Parameters) -> None:
    plan = out.plan
    fees = fees_of(ledger, parameters)
    if parameters.follow_fees and not ledger.complete:
        raise UsageError("fees cannot be followed: the ledger does not hold whole blocks without a hole",
                         remedy="leave --follow-fees out, or import the missing blocks")  # fmt: skip
    if parameters.follow_fees and parameters.backward:
        raise UsageError("fees are not followed backward", remedy="leave --follow-fees out")
    plan.fee_first, plan.follow_fees = fees == "first", parameters.follow_fees
    plan.backward = parameters.backward
    plan.hop_limit, plan.hub_limit = parameters.hops, parameters.hub
    plan.cut_off = cut_offs(ledger, parameters).get(0, 0)
    if parameters.until is not None:
        if (ledger.block_time < 0).any():
            raise UsageError("the ledger does not say when all of its blocks were made, so that a date limit cannot be "
                             "kept", remedy="leave --until out, or import blocks with their times")  # fmt: skip
        late = np.flatnonzero(ledger.block_time > parameters.until)
        plan.end_tx = int(ledger.block_tx[late[0]]) if len(late) else None
        early = [o for o in plan.origins if plan.end_tx is None or o.output < int(ledger.tx_output[plan.end_tx])]
        if len(early) < len(plan.origins):
            out.notes.append(f"{len(plan.origins) - len(early)} stolen outputs are not before the date limit and were "
                             "left out")  # fmt: skip
            plan.origins = early
        if not early:
            raise nothing_before_limit()
