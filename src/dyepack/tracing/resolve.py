"""From thefts and parameters in words to a Plan in the ids of one ledger.

Invariant: whatever a theft or a parameter names is found in the ledger, or a TheftError says what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import TheftError, UsageError, quoted
from dyepack.ledger.manifest import ACCOUNTS, OUTPUTS
from dyepack.ledger.schema import NOWHERE, MoveKind
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.money import parse_units
from dyepack.tracing.plan import FOLLOW, Declared, Plan
from dyepack.tracing.terminals import Stop
from dyepack.tracing.theft import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.reader import Ledger
    from dyepack.money import Asset
    from dyepack.tracing.sums import Ints
    from dyepack.tracing.theft import Deposit, Leg, LegMove, Outflow, Theft


@dataclass(slots=True)
class Parameters:
    """How a trace is to be run, fixed before it: everything here is recorded in the case.

    rule      the headline rule
    cut_off   asset -> decimal amount below which a move's dye is not followed
    hops      moves from the theft after which dye is not followed (0: no limit)
    until     last time (seconds UTC) whose moves are followed
    hub       distinct counterparties above which an address is not followed (0: no limit)
    fees      accounts: "clean-first" (fees are paid from clean units first) or "rule" (as payments are); outputs:
              "last" (the fee is what outputs leave over) or "first" (taken before them); "": what is
              usual (clean-first; backward rule; outputs last), which run.trace puts in
    follow    addresses to go on through whatever their tags say, with the reason
    stop      addresses to stop at, with the reason
    """

    rule: str = "fifo"
    cut_off: dict[str, str] = field(default_factory=dict)
    hops: int = 0
    until: int | None = None
    hub: int = 3000
    fees: str = ""
    follow: dict[str, str] = field(default_factory=dict)
    stop: dict[str, str] = field(default_factory=dict)
    tags_as_of: str = ""
    """The day (ISO 8601) as of which tags name places and end a trace; "": what was not withdrawn since."""
    backward: bool = False
    """Follow to where the money came from; fees then follow the rule."""
    follow_fees: bool = False
    """Outputs only: follow fees into the coinbase of their block."""


@dataclass(frozen=True, slots=True)
class LegIn:
    """A leg as it was found in the ledger: its number, names, asset id and evidence in words."""

    number: int
    theft: str
    name: str
    asset: int
    evidence: str


@dataclass(slots=True)
class Resolved:
    """The plan and the legs behind its numbers; `notes` say what was passed over."""

    plan: Plan
    legs: list[LegIn]
    notes: list[str]


def resolve(ledger: Ledger, thefts: list[Theft], parameters: Parameters, stops: Mapping[str, Stop]) -> Resolved:
    """Find everything in the ledger; `stops` are the addresses whose tags end a trace."""
    out = Resolved(Plan({}), [], [])
    for theft in thefts:
        check_chain(ledger, theft)
        for leg in theft.legs:
            _add_leg(ledger, out, theft, leg)
    out.plan.declared.sort(key=lambda d: d.before_move)
    out.plan.stops = stop_places(ledger, thefts, parameters, stops, out.notes)
    _add_limits(ledger, out, parameters)
    return out


def plan_of(
    ledger: Ledger, leg_moves: dict[int, int], thefts: list[Theft], parameters: Parameters, stops: Mapping[str, Stop]
) -> Plan:
    """The plan of thefts whose moves are known by other means, with the stops and limits of these parameters."""
    out = Resolved(Plan(leg_moves), [], [])
    out.plan.stops = stop_places(ledger, thefts, parameters, stops, out.notes)
    _add_limits(ledger, out, parameters)
    return out.plan


def _add_leg(ledger: Ledger, out: Resolved, theft: Theft, leg: Leg) -> None:
    number = len(out.legs) + 1
    asset = ledger.asset_id(leg.asset)
    if asset is None:
        raise TheftError(
            f"leg {quoted(leg.name)} of {quoted(theft.id)}: the ledger has no asset {quoted(leg.asset)}, or several",
            remedy=f"it holds {', '.join(quoted(a.key) for a in ledger.assets[:5])}: name one of its assets",
        )
    moves = [m for flow in leg.outflows for m in _outflow(ledger, theft, asset, flow)]
    most: dict[int, int] = {}
    whole, part = set(moves), set[int]()
    for spec in leg.moves:
        for move, units in _parts(ledger, theft, asset, spec, _moves_of(ledger, theft, asset, spec)).items():
            if units or not ledger.amount(move):
                moves.append(move)
                most[move] = most.get(move, 0) + units
                (part if spec.of_part else whole).add(move)
    for move in part:
        if move in whole or most[move] > ledger.amount(move):
            raise stolen_twice(theft, leg, ledger.tx_text(int(ledger.move_tx[move])))
    for move in moves:
        if out.plan.leg_moves.setdefault(move, number) != number:
            if move in part or move in out.plan.leg_most:
                raise stolen_by_two(theft, leg, ledger.tx_text(int(ledger.move_tx[move])))
            out.notes.append(f"leg {leg.name}: a move already taken by an earlier leg stays with it (first taint wins)")
        elif most.get(move, ledger.amount(move)) < ledger.amount(move):
            out.plan.leg_most[move] = most[move]
    for deposit in leg.deposits:
        out.plan.declared.append(_declared(ledger, theft, asset, number, deposit))
    evidence = "; ".join(dict.fromkeys(d.evidence for d in leg.deposits))
    seen = f"{len(moves)} move{'s' if len(moves) > 1 else ''} in the ledger" if moves else ""
    out.legs.append(LegIn(number, theft.id, leg.name, asset, "; ".join(e for e in (seen, evidence) if e)))


def _moves_of(ledger: Ledger, theft: Theft, asset: int, spec: LegMove) -> list[int]:
    sender = named_address(ledger, theft.id, spec.sender) if spec.sender else None
    receiver = named_address(ledger, theft.id, spec.receiver) if spec.receiver else None

    def is_meant(move: int) -> bool:
        ends = [int(e) for e in (ledger.move_from[move], ledger.move_to[move])]
        places = [None if e == NOWHERE else ledger.holding_address(e) for e in ends]
        return (
            ledger.move_kind[move] != MoveKind.FEE
            and ledger.move_asset(move) == asset
            and (sender is None or sender == places[0])
            and (receiver is None or receiver == places[1])
            and (spec.index is None or spec.index == ledger.move_index[move])
        )

    found = [move for move in ledger.tx_moves(named_tx(ledger, theft.id, spec.tx)) if is_meant(move)]
    if not found:
        there = {ledger.assets[ledger.move_asset(m)].key for m in ledger.tx_moves(named_tx(ledger, theft.id, spec.tx))}
        raise TheftError(
            f"theft {quoted(theft.id)}: transaction {quoted(spec.tx)} has no such move of {ledger.assets[asset].key}",
            remedy=f"check asset (it moves {', '.join(sorted(there))}), from, to and index; value that left by an "
            "internal transfer can be a declared deposit",
        )
    return found


def _parts(ledger: Ledger, theft: Theft, asset: int, spec: LegMove, moves: list[int]) -> dict[int, int]:
    """How many units of each of these moves were stolen: all, or the first so many that the theft file says."""
    stated = stolen_units(theft, spec, ledger.assets[asset])
    left = sum(map(ledger.amount, moves)) if stated is None else stated
    parts = {}
    for move in moves:
        parts[move] = min(left, ledger.amount(move))
        left -= parts[move]
    if left:
        raise too_much_stolen(theft, spec, left)
    return parts


def _outflow(ledger: Ledger, theft: Theft, asset: int, spec: Outflow) -> list[int]:
    moves = _moves_out(ledger, theft, asset, spec.address)
    moves = moves[ledger.move_kind[moves] != MoveKind.FEE]
    time = ledger.tx_time[ledger.move_tx[moves]]
    keep = np.ones(len(moves), bool)
    if spec.since is not None:
        keep &= time >= spec.since
    if spec.until is not None:
        keep &= time <= spec.until
    if not keep.any():
        raise TheftError(
            f"theft {quoted(theft.id)}: nothing of {ledger.assets[asset].key} left {quoted(spec.address)} in that time",
            remedy="check the address, the asset and the times",
        )
    return [int(m) for m in moves[keep]]


def _moves_out(ledger: Ledger, theft: Theft, asset: int, address: str) -> Ints:
    """Every move of an asset out of an address, or (ANY) out of any."""
    if address == ANY:
        known = np.flatnonzero(ledger.move_from != NOWHERE)
        of_asset = ledger.holding_key[ledger.move_from[known]] >> np.uint64(32) == asset
        return np.asarray(known[of_asset], np.int64)
    holding = ledger.find_holding(named_address(ledger, theft.id, address), asset)
    codes = ledger.entries(holding) if holding is not None else np.zeros(0, np.uint32)
    return np.asarray(codes[(codes & 1) == 0] >> 1, np.int64)


def _declared(ledger: Ledger, theft: Theft, asset: int, leg: int, deposit: Deposit) -> Declared:
    holding = ledger.find_holding(named_address(ledger, theft.id, deposit.to), asset)
    if holding is None:
        raise TheftError(
            f"theft {quoted(theft.id)}: {quoted(deposit.to)} never held {ledger.assets[asset].key} in the ledger",
            remedy="check the address and the asset of the deposit",
        )
    units = deposit_units(theft, deposit, ledger.assets[asset])
    block = min(deposit.block or 0, 0xFFFFFFFF)
    if deposit.tx:
        tx = named_tx(ledger, theft.id, deposit.tx)
        block = int(ledger.tx_block[tx])
    else:
        tx = int(np.searchsorted(ledger.tx_block, np.uint32(block)))
    before = ledger.tx_moves(tx).start if tx < len(ledger.tx_block) else ledger.moves
    return Declared(before, holding, leg, units, deposit.tx, block, deposit.day)


def usual_fees(ledger: AnyLedger, *, backward: bool) -> str:
    """What `fees` is where nobody said."""
    if isinstance(ledger, UtxoLedger):
        return "last"
    return "rule" if backward else "clean-first"


def named_tx(ledger: AnyLedger, theft: str, text: str) -> int:
    """The transaction that a theft names; TheftError if the ledger does not hold it."""
    tx = ledger.find_tx(text)
    if tx is None:
        remedy = "import the blocks of the theft"
        if not isinstance(ledger, UtxoLedger):
            remedy += ", or declare the deposit with a block and evidence"
        raise TheftError(f"theft {quoted(theft)}: transaction {quoted(text)} is not in the ledger", remedy=remedy)
    return tx


def named_address(ledger: AnyLedger, theft: str, text: str) -> int:
    """The address that a theft names; TheftError if the ledger does not hold it."""
    address = ledger.find_address(text)
    if address is None:
        of = f" (the ledger is of {ledger.manifest.network})" if isinstance(ledger, UtxoLedger) else ""
        raise TheftError(f"theft {quoted(theft)}: address {quoted(text)} is not in the ledger",
                         remedy=f"check it{of}, or import its history")  # fmt: skip
    return address


def fees_of(ledger: AnyLedger, parameters: Parameters) -> str:
    """What the parameters say of fees, or what is usual; UsageError if the ledger's model knows no such word."""
    fees = parameters.fees or usual_fees(ledger, backward=parameters.backward)
    known, model = (
        (("last", "first"), OUTPUTS) if isinstance(ledger, UtxoLedger) else (("clean-first", "rule"), ACCOUNTS)
    )
    if fees not in known:
        raise UsageError(f"fees can be {' or '.join(known)} on a ledger of {model}, not {quoted(fees)}",
                         remedy="see --help")  # fmt: skip
    return fees


def check_chain(ledger: AnyLedger, theft: Theft) -> None:
    """TheftError unless the theft is on the ledger's chain."""
    if theft.chain != ledger.chain:
        raise TheftError(
            f"theft {quoted(theft.id)} is on chain {quoted(theft.chain)}, the ledger holds {quoted(ledger.chain)}",
            remedy="trace it on a ledger of its own chain",
        )


def deposit_units(theft: Theft, deposit: Deposit | LegMove, asset: Asset) -> int:
    """Base units of a declared deposit, or of the stolen part of a move."""
    units = deposit.units
    if units is None:
        try:
            units = parse_units(deposit.amount, asset.decimals or 0)
        except ValueError as fault:
            raise TheftError(f"theft {quoted(theft.id)}: amount {quoted(deposit.amount)} {fault}",
                             remedy="write a plain decimal number") from fault  # fmt: skip
    if not 0 < units < 1 << 128:
        raise TheftError(f"theft {quoted(theft.id)}: a deposit of {units} units", remedy="give a positive amount")
    return units


def stolen_units(theft: Theft, spec: LegMove, asset: Asset) -> int | None:
    """Base units that a theft file says were stolen of a move; None: all of it."""
    return deposit_units(theft, spec, asset) if spec.of_part else None


def stolen_twice(theft: Theft, leg: Leg, tx: str) -> TheftError:
    """The fault of a move of which several parts of a leg together claim more than it carries."""
    problem = f"leg {quoted(leg.name)} names transaction {quoted(tx)} more than once, for more than it moves"
    return TheftError(f"theft {quoted(theft.id)}: {problem}", remedy="name each stolen move once, or share its units")


def stolen_by_two(theft: Theft, leg: Leg, tx: str) -> TheftError:
    """The fault of a move that two legs name, one of them for a part: nobody says which units are whose."""
    problem = f"leg {quoted(leg.name)} and an earlier one name transaction {quoted(tx)}, and one of them a part of it"
    return TheftError(f"theft {quoted(theft.id)}: {problem}", remedy="name all that was stolen of a move in one leg")


def too_much_stolen(theft: Theft, spec: LegMove, left: int) -> TheftError:
    """The fault of a move that carries less than what is said to be stolen of it."""
    problem = f"transaction {quoted(spec.tx)} moves {left} base units less than what is said to be stolen of it"
    return TheftError(f"theft {quoted(theft.id)}: {problem}", remedy="check `units` or `amount` of this [[leg.move]]")


def stop_places(
    ledger: AnyLedger, thefts: list[Theft], parameters: Parameters, tagged: Mapping[str, Stop], notes: list[str]
) -> dict[int, int]:
    """What ends a trace at which address: tags, the victims themselves, then what the user said."""
    found: dict[int, int] = {}
    for text, stop in tagged.items():
        address = ledger.find_address(text)
        if address is not None:
            found[address] = int(stop)
    for theft in thefts:
        for text in theft.victims:
            address = ledger.find_address(text)
            if address is None:
                notes.append(f"the victim's address {quoted(text)} does not occur in the ledger")
            elif not parameters.backward:
                found[address] = int(Stop.RETURNED)
    both = sorted({t.lower() for t in parameters.stop} & {t.lower() for t in parameters.follow})
    if both:
        raise UsageError(f"{quoted(both[0])} is to be stopped at and followed through", remedy="say one of the two")
    for said, stop_code in ((parameters.stop, int(Stop.CHOSEN)), (parameters.follow, FOLLOW)):
        for text in said:
            address = ledger.find_address(text)
            if address is None:
                raise TheftError(f"address {quoted(text)} is not in the ledger", remedy="check --stop and --follow")
            found[address] = stop_code
    return found


def nothing_before_limit() -> TheftError:
    """The fault of a date limit that leaves nothing to trace."""
    return TheftError("nothing was stolen before the date limit", remedy="give a later --until")


def cut_offs(ledger: AnyLedger, parameters: Parameters) -> dict[int, int]:
    """Asset id -> base units below which dye is not followed."""
    found: dict[int, int] = {}
    for key, text in parameters.cut_off.items():
        asset = ledger.asset_id(key)
        if asset is None:
            raise UsageError(f"the ledger has no asset {quoted(key)}", remedy="see `dyepack ledger info`")
        try:
            found[asset] = parse_units(text, ledger.assets[asset].decimals or 0)
        except ValueError as fault:
            raise UsageError(f"the cut-off {quoted(text)} {fault}", remedy="write a plain decimal number") from fault
    return found


def _add_limits(ledger: Ledger, out: Resolved, parameters: Parameters) -> None:
    plan = out.plan
    fees = fees_of(ledger, parameters)
    if parameters.follow_fees:
        raise UsageError("fees are followed on ledgers of outputs only", remedy="leave --follow-fees out")
    if parameters.backward and fees != "rule":
        raise UsageError("backward, fees follow the rule: what is clean is not known", remedy="say --fees rule")
    plan.fees_by_rule = fees == "rule"
    plan.backward = parameters.backward
    plan.hop_limit, plan.hub_limit = parameters.hops, parameters.hub
    plan.cut_off = cut_offs(ledger, parameters)
    if parameters.until is not None:
        late = np.flatnonzero(ledger.tx_time > parameters.until)
        plan.end_move = ledger.tx_moves(int(late[0])).start if len(late) else None
        late_deposits = [d for d in plan.declared if plan.end_move is not None and d.before_move >= plan.end_move]
        if late_deposits:
            plan.declared = [d for d in plan.declared if d not in late_deposits]
            out.notes.append(f"{len(late_deposits)} declared deposits are not before the date limit and were left out")
        end = plan.end_move
        if not plan.declared and end is not None and all(move >= end for move in plan.leg_moves):
            raise nothing_before_limit()
