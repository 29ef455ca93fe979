"""Swaps and wraps inside one transaction, by the net change of the address that is paid (ledger/exchange.py).

An address that gained one asset over the transaction and lost another, and moved each one way only, exchanged them:
a pool, the contract of a wrapped coin or of a share, a dealer. What its payment was made of is laid over what it gave
for it, in order and in proportion (the exchange product); what is given in several moves leaves by the rule. Routers
need no rule: what they pass on goes through them as through any holding, and their net change is none.

An address for which somebody's key signs is no exchange, whatever tokens go back from it: a worthless one sent along
with each payment would else lead the trace away from the money.

Invariant: a payment has at most one exchange, whose products come later in its transaction. A payment to an address
that gained and lost, but of which this cannot be said, is "swap not followed". (The replay asks besides that the payee
holds no dye of the product's asset, so that no move carries the dye of both.) Kernel twin: kernel_exchange.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.exchange import LONGEST, Leg, Party, issuers, parties
from dyepack.ledger.schema import NOWHERE, AddressKind, MoveKind

if TYPE_CHECKING:
    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64
    from dyepack.tracing.holding import Piece


_FEE = int(MoveKind.FEE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What becomes of a payment in its transaction: the moves of its product, in order; none: that cannot be said.

    before  the payee gave what it gave before this payment came
    passes  there is no exchange: the payee passed the payment on
    """

    products: tuple[int, ...] = ()
    before: bool = False
    passes: bool = False


class Exchanges:
    """The exchanges of one ledger, each transaction worked out when first asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.issuer, self.zero = issuers_of(ledger)
        self._txs, self._kinds = ledger.move_tx.data, ledger.move_kind.data
        self._of: dict[int, Exchange | None] = {}
        self._parties: dict[int, dict[int, Party]] = {}
        self._began: dict[int, tuple[bool, set[int]]] = {}
        self._owned: dict[int, bool] = {}

    def of(self, paid: int) -> Exchange | None:
        """The exchange that a move is the payment of, None if it is of none."""
        if paid not in self._of:
            self._of[paid] = None if self._is_alone(paid) else self._find(paid)
        return self._of[paid]

    def _is_alone(self, paid: int) -> bool:
        """Whether a transaction has no other move but a fee after it: most have none."""
        txs, tx, after = self._txs, self._txs[paid], paid + 1
        if paid and txs[paid - 1] == tx:
            return False
        if after < len(txs) and txs[after] == tx and self._kinds[after] == _FEE:
            after += 1
        return after == len(txs) or txs[after] != tx

    def goes_back(self, move: int) -> bool:
        """Whether a move returns tokens to the contract that issued them: such a receiver stands for the contract."""
        receiver = int(self.ledger.move_to[move])
        return receiver == NOWHERE or self.ledger.holding_address(receiver) == self.zero

    def _leg(self, move: int) -> Leg:
        ledger = self.ledger
        asset = ledger.move_asset(move)
        giver, taker = int(ledger.move_from[move]), int(ledger.move_to[move])
        source = int(self.issuer[asset]) if giver == NOWHERE else ledger.holding_address(giver)
        target = int(self.issuer[asset]) if self.goes_back(move) else ledger.holding_address(taker)
        return source, target, asset, ledger.amount(move)

    def _find(self, paid: int) -> Exchange | None:
        giver, payee, asset, _ = self._leg(paid)
        if payee < 0 or giver == payee or self.ledger.move_kind[paid] >= _FEE:
            return None
        party = self._in_transaction(paid).get(payee)
        if party is None or self._is_owned(payee):
            return None
        if asset not in party.gained():
            return Exchange(passes=True)
        lost = party.lost()
        if not lost:
            return None
        given = [move for kind in lost for move in party.outs[kind]]
        if max(given) < paid:
            return Exchange(before=True)
        sure = payee in self.issuer[[asset, *lost]] or (self._may_trade(payee) and self._is_trade(paid, payee))
        return Exchange(_products(self.ledger, party, paid) if sure else ())

    def _may_trade(self, payee: int) -> bool:
        """Whether a payee is known to be a contract, where a source was asked that."""
        kinds = self.ledger.address_kind
        return not len(kinds) or int(kinds[payee]) == AddressKind.CONTRACT

    def _is_trade(self, paid: int, payee: int) -> bool:
        """Whether a transaction is one trade: begun by one who gave something, or with another party to it.

        Else several people's payments may only have been sent together (a bundle of smart accounts).
        """
        began, traders = self._began[int(self.ledger.move_tx[paid])]
        return began or bool(traders - {payee})

    def began(self, tx: int) -> bool:
        """Whether one who pays a transaction's fee has less of something after it, or nobody pays one."""
        moves = self.ledger.tx_moves(tx)
        if moves:
            self._in_transaction(moves.start)
        return self._began.get(tx, (True, set()))[0]

    def _is_owned(self, address: int) -> bool:
        """Whether somebody's key signs for an address: a source said so, or it pays fees, which no contract does."""
        if address not in self._owned:
            said = int(self.ledger.address_kind[address]) if len(self.ledger.address_kind) else AddressKind.UNKNOWN
            holding = self.ledger.find_holding(address, 0) if said == AddressKind.UNKNOWN else None
            codes = self.ledger.entries(holding) if holding is not None else np.zeros(0, np.uint32)
            pays = bool((self.ledger.move_kind[codes[codes & 1 == 0] >> 1] == _FEE).any())
            self._owned[address] = pays or said == AddressKind.OWNED
        return self._owned[address]

    def _in_transaction(self, paid: int) -> dict[int, Party]:
        """Every party of a transaction but the one that pays the fee, which began it; none if it is too long."""
        ledger = self.ledger
        tx = int(ledger.move_tx[paid])
        if tx not in self._parties:
            moves = ledger.tx_moves(tx)
            if len(moves) > LONGEST:
                moves = range(0)
            kinds = dict(zip(moves, ledger.move_kind[moves.start : moves.stop].tolist(), strict=True))
            found = parties({m: self._leg(m) for m, kind in kinds.items() if kind < _FEE})
            payers = {ledger.holding_address(int(ledger.move_from[m])) for m, kind in kinds.items() if kind == _FEE}
            began = not payers or any(found[p].lost() for p in payers if p in found)
            found = {address: party for address, party in found.items() if address not in payers}
            self._began[tx] = began, {a for a, party in found.items() if not began and party.gained() and party.lost()}
            self._parties[tx] = found
        return self._parties[tx]


def _products(ledger: Ledger, party: Party, paid: int) -> tuple[int, ...]:
    """The moves that a payment was exchanged for: all that the payee gave, or of several payments the equal one."""
    pair = party.exchange()
    if pair is None:
        return ()
    payments, products = party.ins[pair[0]], party.outs[pair[1]]
    if payments[-1] > products[0]:
        return ()
    if len(payments) == 1:
        return tuple(products)
    equal = len(payments) == len(products) and all(
        ledger.amount(p) == ledger.amount(q) for p, q in zip(payments, products, strict=True)
    )
    return (products[payments.index(paid)],) if equal else ()


def lay_over(pieces: list[Piece], units: int) -> list[Piece]:
    """Share the `units` of a product among the pieces of its payment, in order and in proportion, exactly."""
    given = sum(part for _, part in pieces)
    seen = done = 0
    laid: list[Piece] = []
    for leg, part in pieces:
        seen += part
        share = units * seen // given - done
        done += share
        laid.append((leg, share))
    return laid


def issuers_of(ledger: Ledger) -> tuple[I64, int]:
    """The address of each asset's contract and the zero address, -1 where the ledger does not hold it."""
    names = ("address_id", "address_find_key", "address_find_row")
    return issuers([a.key for a in ledger.assets], {name: getattr(ledger, name) for name in names})
