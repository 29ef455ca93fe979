"""A transaction with many inputs and outputs (UTXO chains): a holding that lives for one transaction.

Deposit the inputs in order, withdraw the outputs in the order the rule wants, the fee last (or first).
Invariant: the pieces of outputs and fee sum to those of the inputs, leg by leg, under every rule but poison.
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
    """The pieces, clean ones included, of each output in the transaction's own order, and of the fee."""

    outputs: list[list[Piece]]
    fee: list[Piece]

    def dyed(self, output: int) -> int:
        """Dyed units in one output."""
        return sum(u for leg, u in self.outputs[output] if leg)


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
        pot.deposit([p for p in pieces if p[1]])
    shares: list[list[Piece]] = [[] for _ in outputs]
    fee_share = pot.withdraw(fee) if fee_first and fee else []
    for at in withdraw_order(outputs, order):
        shares[at] = pot.withdraw(outputs[at]) if outputs[at] else []
    if not fee_first and fee:
        fee_share = pot.withdraw(fee)
    return Split(shares, fee_share)


def withdraw_order(outputs: list[int], order: str) -> list[int]:
    """Numbers of the outputs in the order in which they are filled."""
    places = list(range(len(outputs)))
    if order == "reversed":
        return places[::-1]
    if order == "highest":
        return sorted(places, key=lambda i: -outputs[i])
    if order == "lowest":
        return sorted(places, key=lambda i: outputs[i])
    return places


def dye_clean(pieces: list[Piece], leg: int, units: int) -> tuple[list[Piece], int]:
    """Dye the first `units` clean units; the pieces, and how many were dyed (dyed units keep their leg)."""
    out: list[Piece] = []
    left = units
    for old, part in pieces:
        new = 0 if old else min(left, part)
        left -= new
        out += [(leg, new)] * (new > 0) + [(old, part - new)] * (part > new)
    return out, units - left


def is_mixed(pieces: list[Piece]) -> bool:
    """Whether clean and dyed units are together in an output: dirty-first follows no such output."""
    return len({leg == 0 for leg, _ in pieces}) == 2
