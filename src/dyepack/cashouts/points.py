"""Cash-out points: where dyed money reached a service, as the list that an investigator sends to it.

One row is one address at which a service received dyed money, for one asset: a deposit address, a hot wallet, or a
place of the service whose role is not known. Money that came to a hot wallet from an address that behaves as a deposit
address is listed at that address, since there the service knows its customer.
Invariant: the amounts of the rows are those of the statement's terminals that are services, every unit once; what the
ledger does not show (a sweep, a balance) is said to be not known, never taken for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.cashouts.accounts import accounts_after
from dyepack.cashouts.model import AT_ADDRESS, BEHAVED, HOT, PLACE, SWEPT, TAGGED, UNKNOWN, CashOut, Seen, Transfer
from dyepack.cashouts.outputs import outputs_after
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns.deposits import deposit_addresses
from dyepack.tags.model import TagKind
from dyepack.tags.naming import service_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.ledger.open import AnyLedger
    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement, Terminal


def cash_outs(statement: Statement, moves: list[DyedMove], ledger: AnyLedger | None) -> list[CashOut]:
    """The cash-out points of a statement, the largest of each asset first; without a ledger no sweep is known."""
    reached: dict[tuple[str, str], list[DyedMove]] = {}
    for move in moves:
        if move.stop == "service":
            reached.setdefault((move.target, move.asset), []).append(move)
    services = [t for t in statement.terminals if t.stop == "service" and t.amount(statement.rule)]
    look = _Look(ledger, statement, moves, {t.place: t.entity or t.place for t in services})
    rows = [row for t in services for row in _of_terminal(statement, t, reached.get((t.place, t.asset), []), look)]
    return sorted(rows, key=lambda row: (row.asset, -row.units, row.service, row.address))


def _of_terminal(statement: Statement, terminal: Terminal, came: list[DyedMove], look: _Look) -> list[CashOut]:
    """The points of one terminal: one, or of a hot wallet one for each deposit address that swept to it."""
    tag = terminal.tag or {}
    kind = str(tag.get("kind", ""))
    role = {TagKind.EXCHANGE_DEPOSIT: TAGGED, TagKind.EXCHANGE: HOT}.get(kind, PLACE)  # type: ignore[call-overload]
    if role is not TAGGED and look.behaves(terminal.place):
        role = BEHAVED
    through: dict[str, list[DyedMove]] = {}
    for move in came:
        deposit = role in {HOT, PLACE} and look.sweeps_to(move.source, terminal.place)
        through.setdefault(move.source if deposit else "", []).append(move)
    least, most = terminal.interval(statement.interval_rules or [statement.rule])
    rows = []
    for source, part in through.items():
        address = source or terminal.place
        deposits = look.deposits_into(source, terminal.asset) if source else part
        sweeps = tuple(_transfers(part, terminal.place)) if source else ()
        seen = look.after(address, terminal.asset, deposits)
        rows.append(CashOut(
            terminal.entity, address, BEHAVED if source else role, terminal.asset, sum(m.units for m in part), least,
            most, terminal.place, tuple(_transfers(deposits, address)), sweeps or seen.sweeps, seen.last_move,
            seen.balance, seen.as_of, _standing(seen, swept=bool(sweeps) or seen.swept, hot=role is HOT and not source),
            tag,
        ))  # fmt: skip
    return rows


def _standing(seen: Seen, *, swept: bool, hot: bool) -> str:
    if hot or swept:
        return SWEPT
    return UNKNOWN if seen.balance is None else AT_ADDRESS if seen.balance else SWEPT


def _transfers(moves: Iterable[DyedMove], place: str) -> list[Transfer]:
    """Moves by transaction, dyed units added up."""
    found: dict[str, Transfer] = {}
    for m in moves:
        units = found[m.txid].units + m.units if m.txid in found else m.units
        found[m.txid] = Transfer(m.txid, m.time, units, place)
    return list(found.values())


class _Look:
    """What the ledger shows of addresses, each looked at once."""

    def __init__(
        self, ledger: AnyLedger | None, statement: Statement, moves: list[DyedMove], services: dict[str, str]
    ) -> None:
        self.ledger, self.statement, self.services = ledger, statement, services
        self.into: dict[tuple[str, str], list[DyedMove]] = {}
        for move in moves:
            if move.stop == "carried":
                self.into.setdefault((move.target, move.asset), []).append(move)
        self._swept: dict[str, set[str]] = {}

    def deposits_into(self, address: str, asset: str) -> list[DyedMove]:
        """The dyed moves that a trace followed into an address."""
        return self.into.get((address, asset), [])

    def behaves(self, place: str) -> bool:
        """Whether a place behaves as a deposit address that is swept to another place of a service."""
        return bool(self._hots(place))

    def sweeps_to(self, address: str, hot: str) -> bool:
        """Whether an address behaves as a deposit address that is swept to this place."""
        return bool(address) and address != hot and hot in self._hots(address)

    def _hots(self, address: str) -> set[str]:
        if address not in self._swept:
            self._swept[address] = self._find_hots(address)
        return self._swept[address]

    def _find_hots(self, address: str) -> set[str]:
        ledger = self.ledger
        number = ledger.find_address(address) if ledger is not None and address else None
        if ledger is None or number is None or isinstance(ledger, UtxoLedger):
            return set()
        known = {ledger.find_address(place): service_name(n) for place, n in self.services.items() if place != address}
        hot = {place: name for place, name in known.items() if place is not None}
        found = deposit_addresses(ledger, [number], hot=hot)
        return {place for finding in found for place in finding.places[1:]}

    def after(self, address: str, asset: str, deposits: list[DyedMove]) -> Seen:
        """What the ledger shows of an address once the money was there."""
        if self.ledger is None:
            return Seen()
        if isinstance(self.ledger, UtxoLedger):
            return outputs_after(self.ledger, address, deposits)
        return accounts_after(self.ledger, address, asset, deposits)
