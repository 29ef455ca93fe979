"""The plain-Python replay: the moves that dye can reach, once, in position order, exactly.

Invariant: the books balance at every step: dyed units in = dyed units held + stopped (balance.py proves it).
Only holdings that hold dye are open; opening one looks its clean balance up, so cost follows the dyed region and
not the ledger. Backward, time is mirrored: sender and receiver change places and moves are taken from last to
first, under which first-in-first-out and last-in-first-out undo themselves unit by unit.
The Numba twin is kernel.py; both must give equal Runs.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.schema import NOWHERE, MoveKind
from dyepack.money import MAX_AMOUNT
from dyepack.tracing.books import Books
from dyepack.tracing.exchange import Exchange, lay_over
from dyepack.tracing.plan import DYED, FOLLOW, GAP, HELD, LOW, ORIGIN, SWAP, Declared, Plan, Rows, Run
from dyepack.tracing.rules import rule as find_rule
from dyepack.tracing.terminals import Stop
from dyepack.tracing.transaction import dye_clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.ledger.reader import Ledger
    from dyepack.tracing.holding import Holding, Piece


class _Open:
    """An open holding: its lots, its entries in chain order, the next of them to replay, its hops from the theft."""

    __slots__ = ("at", "codes", "hop", "lots")

    def __init__(self, lots: Holding, codes: memoryview, at: int, hop: int) -> None:
        self.lots, self.codes, self.at, self.hop = lots, codes, at, hop


def replay(ledger: Ledger, plan: Plan, rule: str) -> Run:
    """Follow the dye of all legs under one rule."""
    run = replay_at_most(Books(ledger, plan.declared), plan, rule, None)
    assert run is not None  # noqa: S101 - only a limit makes it None
    return run


def replay_at_most(books: Books, plan: Plan, rule: str, most: int | None) -> Run | None:
    """The same with look-ups kept from other rules, but None as soon as more than `most` moves had to be looked at."""
    return _Replay(books, plan, rule).run(most)


class _Replay:
    def __init__(self, books: Books, plan: Plan, rule: str) -> None:
        ledger = books.ledger
        self.ledger, self.plan, self.books = ledger, plan, books
        self.kind = find_rule(rule).holding
        self.only_pure = rule == "dirty-first"
        self.rule = rule
        self.dyed: list[tuple[int, ...]] = []
        self.origin: list[tuple[int, ...]] = []
        self.gaps: list[tuple[int, ...]] = []
        self.swaps: list[tuple[int, ...]] = []
        self.replayed = 0
        ends = ledger.move_from.data, ledger.move_to.data
        self.source, self.target = ends[::-1] if plan.backward else ends
        self.words = ledger.move_amount.reshape(-1).data
        self.kinds, self.entry = ledger.move_kind.data, ledger.entry.data
        self.keys = ledger.holding_key.data
        self.sign = -1 if plan.backward else 1
        self.open: dict[int, _Open] = {}
        self.due: list[int] = []
        self.product: dict[int, tuple[list[Piece], int]] = {}
        self.swapped_in = -1

    def run(self, most: int | None) -> Run | None:
        """Take moves and declared deposits in replay order until nothing dyed can move, or `most` were looked at.

        A move m waits under the key 2 m + 1, a deposit declared before it under 2 m; backward, under their negatives.
        """
        for move in self.plan.leg_moves:
            self._wait_for(move)
        for d in self.plan.declared:
            heappush(self.due, self.sign * 2 * d.before_move)
        last = None
        while self.due:
            key = heappop(self.due)
            if key == last:
                continue
            last = key
            if key & 1:
                self._move(abs(key) >> 1)
                if most is not None and self.replayed > most:
                    return None
            else:
                due = [(n, d) for n, d in enumerate(self.plan.declared) if d.before_move == abs(key) >> 1]
                for number, d in due[:: self.sign]:
                    self._declared(number, d)
        held = [
            (holding, leg, place.hop, part & LOW, part >> 64)
            for holding, place in sorted(self.open.items())
            for leg, units in place.lots.lots()
            for part in _rows_of(units)
        ]
        return Run(
            self.rule, _rows(self.origin, ORIGIN), _rows(self.dyed, DYED), _rows(held, HELD),
            _rows(self.gaps, GAP), _rows(self.swaps, SWAP), self.replayed,
        )  # fmt: skip

    def _note(self, move: int, pieces: list[Piece], hop: int, stop: Stop) -> None:
        self.dyed += [(move, leg, hop, stop, units & LOW, units >> 64) for leg, units in pieces if leg]

    def _wait_for(self, move: int) -> None:
        if self.plan.end_move is None or move < self.plan.end_move:
            heappush(self.due, self.sign * (2 * move + 1))

    def _move(self, move: int) -> None:
        sender, receiver = self.source[move], self.target[move]
        leg = self.plan.leg_moves.get(move, 0)
        giver = self.open.get(sender)
        if giver is None and receiver not in self.open and not leg and move not in self.product:
            return
        self.replayed += 1
        units = self.words[2 * move] | self.words[2 * move + 1] << 64
        pieces: list[Piece] = [(0, units)]
        hop = 1
        if giver is not None:
            hop = giver.hop + 1
            pieces = self._leave(giver, move, units)
        if leg:
            pieces, hop = self._dye(move, leg, pieces), 1
        if move in self.product:
            pieces, hop = self.product.pop(move)
        if pieces[0][0] or (len(pieces) > 1 and any(p[0] for p in pieces)):
            self._arrive(move, receiver, pieces, hop, self._exchange(move))
        elif receiver in self.open:
            self.open[receiver].lots.deposit(pieces)
        if self.plan.backward and receiver in self.open:
            self._undo_gap(receiver, move)
        self._go_on(sender, move)
        if receiver != sender:
            self._go_on(receiver, move)

    def _leave(self, giver: _Open, move: int, units: int) -> list[Piece]:
        missing = giver.lots.missing(units)
        if missing:
            self.gaps.append((move, missing & LOW, missing >> 64))
        if self.kinds[move] == MoveKind.FEE and not self.plan.fees_by_rule:
            return giver.lots.withdraw_fee(units)
        return giver.lots.withdraw(units)

    def _dye(self, move: int, leg: int, pieces: list[Piece]) -> list[Piece]:
        """Dye the clean units of a theft's move; units that an earlier leg dyed keep it (first taint wins)."""
        most = self.plan.leg_most.get(move, MAX_AMOUNT)
        pieces, fresh = dye_clean(pieces, leg, most)
        if fresh:
            self.origin.append((move, leg, fresh & LOW, fresh >> 64))
        return _joined(pieces)

    def _arrive(self, move: int, receiver: int, pieces: list[Piece], hop: int, exchange: Exchange | None) -> None:
        stop = self._stop(move, receiver, pieces, hop, exchange)
        self._note(move, pieces, hop, stop)
        if stop is Stop.CARRIED:
            place = self.open.get(receiver) or self._open(receiver, move, hop)
            place.lots.deposit(pieces)
            place.hop = min(place.hop, hop)
        else:
            if stop is Stop.CONVERTED and exchange is not None:
                self._convert(move, pieces, hop, exchange)
            if receiver in self.open:
                self.open[receiver].lots.deposit([(0, sum(u for _, u in pieces))])

    def _stop(  # noqa: PLR0911 - one reason a line, in order
        self, move: int, receiver: int, pieces: list[Piece], hop: int, exchange: Exchange | None
    ) -> Stop:
        """Whether and why these pieces stop at the receiver: the first reason in this order."""
        plan = self.plan
        if self.only_pure and any(leg == 0 for leg, _ in pieces):
            return Stop.MIXED
        passes = exchange is not None and exchange.passes
        followed = exchange is not None and len(exchange.products) > 0
        if followed and self.books.exchanges.goes_back(move):
            return Stop.CONVERTED
        if receiver == NOWHERE:
            return Stop.ISSUED if plan.backward else Stop.FEE
        said = plan.stops.get(self.keys[receiver] & 0xFFFFFFFF, 0)
        if said not in (0, FOLLOW, Stop.SWAP):
            return Stop(said)
        if followed:
            return Stop.CONVERTED
        if not passes and (said == Stop.SWAP or (exchange is not None and said != FOLLOW)):
            return Stop.SWAP
        if plan.hop_limit and hop >= plan.hop_limit:
            return Stop.HOP_LIMIT
        if plan.cut_off:
            dyed = sum(u for leg, u in pieces if leg)
            if dyed < plan.cut_off.get(self.ledger.holding_asset(receiver), 0):
                return Stop.CUT_OFF
        guarded = plan.hub_limit and said != FOLLOW and not passes
        if guarded and self.books.counterparties(receiver, plan.hub_limit) > plan.hub_limit:
            return Stop.HUB
        return Stop.CARRIED

    def _open(self, holding: int, move: int, hop: int) -> _Open:
        """Open a holding just before it gets its first dye from `move`: all it has is one clean lot."""
        codes = self._codes(holding)
        back = self.plan.backward
        at = bisect_left(codes, move << 1 | (not back))
        place = _Open(self.kind(self.books.balance(holding, at + back)), codes, at, hop)
        self.open[holding] = place
        return place

    def _codes(self, holding: int) -> memoryview:
        lo, hi = self.ledger.entry_offset[holding : holding + 2].tolist()
        return self.entry[lo:hi]

    def _go_on(self, holding: int, move: int) -> None:
        """Past this move: close the holding if its dye is gone, else wait for its next move."""
        place = self.open.get(holding)
        if place is None:
            return
        if not place.lots.dyed:
            del self.open[holding]
            return
        codes, at, sign = place.codes, place.at, self.sign
        while 0 <= at < len(codes) and sign * (codes[at] >> 1) <= sign * move:
            at += sign
        place.at = at
        if 0 <= at < len(codes):
            self._wait_for(codes[at] >> 1)

    def _undo_gap(self, holding: int, move: int) -> None:
        """Backward, past a move that sent more than was there: the excess came from nowhere that we know."""
        gap = self.books.gap(move)
        if gap:
            place = self.open[holding]
            self._note(move, place.lots.withdraw(gap), place.hop + 1, Stop.UNEXPLAINED)

    def _declared(self, number: int, d: Declared) -> None:
        if self.plan.backward:
            self._undo_declared(number, d)
            return
        self.origin.append((-1 - number, d.leg, d.units & LOW, d.units >> 64))
        said = self.plan.stops.get(self.ledger.holding_address(d.holding), 0)
        stop = Stop(said) if said not in (0, FOLLOW) else Stop.CARRIED
        self._note(-1 - number, [(d.leg, d.units)], 1, stop)
        if stop is not Stop.CARRIED:
            return
        place = self.open.get(d.holding)
        if place is None:
            codes = self._codes(d.holding)
            clean = self.books.worked(d.holding).at[number]
            place = _Open(self.kind(clean), codes, bisect_left(codes, 2 * d.before_move), 1)
            self.open[d.holding] = place
        place.lots.deposit([(d.leg, d.units)])
        place.hop = 1
        self._go_on(d.holding, d.before_move - 1)

    def _undo_declared(self, number: int, d: Declared) -> None:
        place = self.open.get(d.holding)
        if place is not None:
            self._note(-1 - number, place.lots.withdraw(d.units), place.hop + 1, Stop.DECLARED)
            self._go_on(d.holding, d.before_move)

    def _exchange(self, move: int) -> Exchange | None:
        """The exchange that a move pays into; without a product if the payee holds dye that could be in it.

        Where dye was swapped earlier in the transaction, what reaches one who gave before is what he gave it for.
        """
        found = None if self.plan.backward else self.books.exchanges.of(move)
        if found is None or (found.before and self.swapped_in == self.ledger.move_tx[move]):
            return None
        dyed = any(p in self.plan.leg_moves or self.source[p] in self.open for p in found.products)
        return Exchange() if dyed else found

    def _convert(self, paid: int, pieces: list[Piece], hop: int, exchange: Exchange) -> None:
        """Lay the dye of a payment over its product (the exchange product)."""
        self.swapped_in = int(self.ledger.move_tx[paid])
        amounts = [self.ledger.amount(p) for p in exchange.products]
        laid = lay_over(pieces, sum(amounts))
        if len(amounts) == 1:
            for (leg, units), (_, share) in zip(pieces, laid, strict=True):
                self._swapped(paid, exchange.products[0], leg, units, share)
            parts = [laid]
        else:
            till = self.kind()
            till.deposit([p for p in laid if p[1]])
            parts = [till.withdraw(amount) for amount in amounts]
            self._swapped_in_parts(paid, exchange, pieces, parts)
        for product, part in zip(exchange.products, parts, strict=True):
            self.product[product] = (_joined([p for p in part if p[1]]), hop + 1)
            self._wait_for(product)

    def _swapped(self, paid: int, product: int, leg: int, units: int, share: int) -> None:
        if leg:
            self.swaps.append((paid, product, leg, units & LOW, units >> 64, share & LOW, share >> 64))

    def _swapped_in_parts(self, paid: int, exchange: Exchange, pieces: list[Piece], parts: list[list[Piece]]) -> None:
        """A row for each leg and product: of the leg's units, what falls on the product in proportion."""
        for leg in sorted({leg for leg, _ in pieces if leg}):
            units = sum(u for who, u in pieces if who == leg)
            shares = [sum(u for who, u in part if who == leg) for part in parts]
            fall = [u for _, u in lay_over(list(enumerate(shares)), units)] if any(shares) else [units, *shares[1:]]
            for product, given, share in zip(exchange.products, fall, shares, strict=True):
                self._swapped(paid, product, leg, given, share)


def _rows_of(units: int) -> list[int]:
    """Held units as amounts that fit a row each."""
    full, rest = divmod(units, MAX_AMOUNT)
    return [MAX_AMOUNT] * full + [rest] * (rest > 0)


def _rows(rows: Sequence[tuple[int, ...]], dtype: np.dtype[np.void]) -> Rows:
    return np.array(rows, dtype)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring pieces of one leg made one."""
    out: list[Piece] = []
    for leg, units in pieces:
        if out and out[-1][0] == leg:
            out[-1] = (leg, out[-1][1] + units)
        else:
            out.append((leg, units))
    return out
