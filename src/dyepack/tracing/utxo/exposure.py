"""Exposure of every output of a chain to thefts, in one sequential pass over all of it: for screening, not for proof.

Haircut: after a transaction all its outputs hold the same share of dye, that of its inputs together, so one share per
transaction says it all; outputs that a theft itself dyed are the exceptions. Poison: a transaction is poisoned as soon
as any dye comes in, which is where its share is not 0.

Shares are fractions (doubles), right to about nine digits; money stays whole satoshi, and dyed satoshi given here are
shares times whole satoshi, rounded: estimates. Exact figures are those of a trace (replay.py).
What the pass does not do: it stops nowhere (services, mixers, hubs); coinbases are clean, so that dye paid as a fee
ends there; inputs from transactions that the ledger does not hold are clean; where such an input's value is not known,
the transaction is taken to have just enough (`incomplete` counts these).

Invariant: dyed satoshi put in = unspent + unspendable (OP_RETURN) + destroyed (BIP 30) + paid as fees (`check`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyepack.errors import BalanceError, LedgerError, TheftError
from dyepack.ledger.utxo.schema import INCOMPLETE, UNSPENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from dyepack.ledger.schema import I64, U8, U64
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.utxo.plan import Origin

    F64 = npt.NDArray[np.float64]

METHOD = "haircut and poison over the whole chain"
CONVENTIONS = {
    "fees": "leave with their transaction; coinbases are clean",
    "stops": "none",
    "inputs from outside": "clean",
    "input values not known": "just enough for the outputs",
}
TOLERANCE = 1e-9
"""Of the dye put in: how far the books of the pass may be apart, which are kept in doubles."""


@dataclass(frozen=True, slots=True)
class Books:
    """Dyed satoshi (estimates): put in by the thefts, and where they are."""

    put_in: float
    unspent: float
    unspendable: float
    destroyed: float
    fees: float


@dataclass(frozen=True, slots=True)
class AddressExposure:
    """What an address received and still holds, in satoshi: in all, dyed (haircut, an estimate), and in outputs
    that any dye reached (poison)."""

    address: int
    received: int
    received_dyed: int
    received_poisoned: int
    balance: int
    balance_dyed: int
    balance_poisoned: int

    @property
    def received_share(self) -> float:
        """The dyed part of all it ever received, 0 to 1."""
        return self.received_dyed / self.received if self.received else 0.0

    @property
    def balance_share(self) -> float:
        """The dyed part of what it still holds, 0 to 1."""
        return self.balance_dyed / self.balance if self.balance else 0.0


@dataclass(slots=True)
class Exposure:
    """The answer of one pass: `share` (n,) is the share of dye in the outputs of each transaction, 0 to 1.

    `outputs` are those that the thefts dyed, ascending, by `extra` of their value on top of the share of their
    transaction; `incomplete` counts the transactions with an input of unknown value.
    """

    ledger: UtxoLedger
    origins: tuple[Origin, ...]
    share: F64
    outputs: U64
    extra: F64
    incomplete: int
    method: str = METHOD
    parameters: dict[str, str] = field(default_factory=lambda: dict(CONVENTIONS))

    @property
    def poisoned(self) -> U8:
        """1 for each transaction that any dye reached, (n,)."""
        return (self.share > 0).view(np.uint8)

    def of_outputs(self, outputs: npt.NDArray[Any]) -> F64:
        """The share of dye in each of these outputs."""
        ids = np.asarray(outputs, np.uint64)
        found = self.share[np.searchsorted(self.ledger.tx_output, ids, side="right") - 1]
        if len(self.outputs):
            at = np.minimum(np.searchsorted(self.outputs, ids), len(self.outputs) - 1)
            found = np.minimum(found + np.where(self.outputs[at] == ids, self.extra[at], 0.0), 1.0)
        return np.asarray(found, np.float64)

    def of_output(self, output: int) -> float:
        """The share of dye in one output."""
        return float(self.of_outputs(np.array([output], np.uint64))[0])

    def of_address(self, address: int) -> AddressExposure:
        """What an address received and still holds, and how much of it is dyed."""
        ids = self.ledger.outputs_at(address)
        value, share = self.ledger.output_value[ids], self.of_outputs(ids)
        here = self.ledger.output_spender[ids] == UNSPENT
        return AddressExposure(address, *_sums(value, share), *_sums(value[here], share[here]))

    def books(self) -> Books:
        """Where the dye is, added up over the whole chain from values and shares alone."""
        from dyepack.tracing.utxo.exposure_kernel import books

        on = self.ledger
        return Books(*books(on.tx_input, _signed(on.input_value), on.tx_output, _signed(on.output_value),
                            on.output_spender, on.output_type, self.share, self.outputs, self.extra))  # fmt: skip

    def check(self) -> Books:
        """The books; BalanceError if what was put in and where it is differ by more than TOLERANCE."""
        found = self.books()
        there = found.unspent + found.unspendable + found.destroyed + found.fees
        if not abs(found.put_in - there) <= TOLERANCE * found.put_in:
            raise BalanceError(f"{found.put_in:.3f} dyed satoshi put in, {there:.3f} found by the whole-chain pass")
        return found


def exposure(ledger: UtxoLedger, origins: Iterable[Origin]) -> Exposure:
    """One pass for all these origins together; their legs play no part.

    TheftError if an origin names no output or more than it holds, LedgerError if the ledger contradicts itself.
    """
    from dyepack.tracing.utxo.exposure_kernel import shares

    given = tuple(origins)
    outputs, extra = _sources(ledger, given)
    incomplete = np.flatnonzero(ledger.tx_flag & INCOMPLETE)
    spenders, row, row_extra = _spent(ledger, outputs, extra)
    special = np.union1d(incomplete, spenders).astype(np.uint64)
    share = shares(ledger.tx_input, ledger.input_tx, _signed(ledger.input_value), ledger.tx_output,
                   _signed(ledger.output_value), special, row, row_extra)  # fmt: skip
    return Exposure(ledger, given, share[:-1], outputs, extra, len(incomplete))


def each(ledger: UtxoLedger, thefts: Mapping[str, Iterable[Origin]]) -> Iterator[tuple[str, Exposure]]:
    """A pass of its own for each theft, one after the other: the shares of one take 8 bytes a transaction."""
    for name, origins in thefts.items():
        yield name, exposure(ledger, origins)


def _sources(ledger: UtxoLedger, origins: tuple[Origin, ...]) -> tuple[U64, F64]:
    """The outputs that thefts dyed, ascending, each once, and by which part of their value."""
    units: dict[int, int] = {}
    for origin in origins:
        if not 0 <= origin.output < ledger.outputs:
            raise TheftError(f"output {origin.output} is not in the ledger", remedy="check the theft's transactions")
        value = int(ledger.output_value[origin.output])
        if not 0 <= origin.units <= value:
            name = ledger.outpoint_text(origin.output)
            raise TheftError(f"output {name} holds {value} satoshi, of which {origin.units} cannot be stolen",
                             remedy="check the theft's amounts")  # fmt: skip
        if origin.units:
            units[origin.output] = min(units.get(origin.output, 0) + origin.units, value)
    outputs = sorted(units)
    extra = [units[o] / int(ledger.output_value[o]) for o in outputs]
    return np.array(outputs, np.uint64), np.array(extra, np.float64)


def _spent(ledger: UtxoLedger, outputs: U64, extra: F64) -> tuple[I64, U64, F64]:
    """(transactions that spend these outputs, the inputs that do, ascending, and the extra of each input)."""
    from dyepack.tracing.utxo.exposure_kernel import NOWHERE, spending_inputs

    spender = ledger.output_spender[outputs]
    source = np.searchsorted(ledger.tx_output, outputs, side="right") - 1
    row = spending_inputs(outputs, source, spender, ledger.tx_input, ledger.tx_output, ledger.input_tx,
                          ledger.input_index)  # fmt: skip
    spent = spender < np.uint32(ledger.transactions)
    if (row[spent] == NOWHERE).any():
        at = int(outputs[spent][row[spent] == NOWHERE][0])
        raise LedgerError(f"the ledger contradicts itself: the transaction that spends {ledger.outpoint_text(at)} "
                          "has no such input", remedy="import the ledger again")  # fmt: skip
    order = np.argsort(row[spent])
    return np.unique(spender[spent]).astype(np.int64), row[spent][order], extra[spent][order]


def _sums(value: U64, share: F64) -> tuple[int, int, int]:
    """Satoshi in all, dyed (rounded), and in outputs with any dye."""
    total = sum(value.tolist())
    return total, min(round(float(value.astype(np.float64) @ share)), total), sum(value[share > 0].tolist())


def _signed(value: U64) -> I64:
    """The same bytes as i64: no value reaches 2**63, and signed words become doubles faster."""
    return value.view(np.int64)
