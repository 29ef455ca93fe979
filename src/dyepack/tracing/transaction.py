"""A transaction with many inputs and outputs (UTXO chains): a holding that lives for one transaction.

Deposit the inputs in order, withdraw the outputs in the order the rule wants, the fee last (or first).
Invariant: the shares of outputs and fee sum to the dye of the inputs under every rule but poison; dirty-first
reports what it drops.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyepack.errors import UsageError
from dyepack.tracing.holding import CleanFirst, Fifo, Haircut, Holding, LifoA, Piece, Poison, TaintFirst

RULES: dict[str, tuple[type[Holding], str]] = {
    "fifo": (Fifo, "natural"),
    "lifo-a": (LifoA, "natural"),
    "lifo-b": (Fifo, "reversed"),
    "haircut": (Haircut, "natural"),
    "taint-first": (TaintFirst, "highest"),
    "taint-first-lowest": (TaintFirst, "lowest"),
    "clean-first": (CleanFirst, "lowest"),
    "dirty-first": (Fifo, "natural"),
    "poison": (Poison, "natural"),
}
"""Rule: the holding that mixes the inputs, and the order in which outputs are withdrawn (methods.md 1.1).

taint-first is TIHO (taint in, highest out), taint-first-lowest TILO, clean-first CISO (clean in, smallest out).
"""


@dataclass(frozen=True, slots=True)
class Split:
    """Dyed pieces per output, in the transaction's own output order, those of the fee, and those dropped."""

    outputs: list[list[Piece]]
    fee: list[Piece]
    dropped: list[Piece]

    def dyed(self, output: int) -> int:
        """Dyed units in one output."""
        return sum(u for _, u in self.outputs[output])


def split(inputs: list[list[Piece]], outputs: list[int], rule: str, *, fee_first: bool = False) -> Split:
    """Share the inputs' dye among outputs and fee.

    inputs: pieces (leg, base units) of each input in order, clean ones included; outputs: their values in order.
    UsageError for an unknown rule or outputs that exceed the inputs.
    """
    if rule not in RULES:
        raise UsageError(f"there is no rule {rule!r}", remedy=f"the rules are {', '.join(RULES)}")
    fee = sum(u for pieces in inputs for _, u in pieces) - sum(outputs)
    if fee < 0:
        raise UsageError("the outputs exceed the inputs", remedy="check the values of the transaction")
    kind, order = RULES[rule]
    pot = kind()
    for pieces in inputs:
        pot.deposit(pieces)
    shares: list[list[Piece]] = [[] for _ in outputs]
    fee_share = pot.withdraw(fee) if fee_first and fee else []
    for at in _order(outputs, order):
        shares[at] = pot.withdraw(outputs[at]) if outputs[at] else []
    if not fee_first and fee:
        fee_share = pot.withdraw(fee)
    dropped: list[Piece] = []
    if rule == "dirty-first":
        shares, dropped = _drop_mixed([*shares, fee_share])
        fee_share = shares.pop()
    return Split([_dyed(s) for s in shares], _dyed(fee_share), dropped)


def _order(outputs: list[int], order: str) -> list[int]:
    places = list(range(len(outputs)))
    if order == "reversed":
        return places[::-1]
    if order == "highest":
        return sorted(places, key=lambda i: -outputs[i])
    if order == "lowest":
        return sorted(places, key=lambda i: outputs[i])
    return places


def _dyed(pieces: list[Piece]) -> list[Piece]:
    return [p for p in pieces if p[0]]


def _drop_mixed(shares: list[list[Piece]]) -> tuple[list[list[Piece]], list[Piece]]:
    """Keep only shares that are dyed through and through."""
    dropped = [p for s in shares if any(leg == 0 for leg, _ in s) for p in _dyed(s)]
    return [[] if any(leg == 0 for leg, _ in s) else s for s in shares], dropped
