"""What can be wrong with a block or with undo data, and the words for it.

Invariant: a fault names the byte where the field that is at fault begins.
"""

from __future__ import annotations

from enum import IntEnum


class Fault(IntEnum):
    """What can be wrong with a block (and, of these, the first three with undo data)."""

    CUT = 1
    LONG_FORM = 2
    COUNT = 3
    NO_TRANSACTIONS = 4
    FLAG = 5
    NO_INPUTS = 6
    NO_OUTPUTS = 7
    EMPTY_WITNESS = 8
    VALUE = 9
    TOTAL = 10
    TRAILING = 11
    NO_COINBASE = 12
    COINBASE_TWICE = 13
    NUMBER = 14
    KEY = 15
    MERKLE = 16
    AMBIGUOUS = 17
    NO_MATCH = 18


WORDS = {
    Fault.CUT: "a field reaches beyond the end",
    Fault.LONG_FORM: "a length is not written in its shortest form",
    Fault.COUNT: "more items are declared than the bytes left can hold",
    Fault.NO_TRANSACTIONS: "the block has no transactions",
    Fault.FLAG: "a transaction has no inputs, or a witness flag other than 1",
    Fault.NO_INPUTS: "a transaction has no inputs",
    Fault.NO_OUTPUTS: "a transaction has no outputs",
    Fault.EMPTY_WITNESS: "a transaction has a witness flag but no witness",
    Fault.VALUE: "an output is worth more than 21 million coins",
    Fault.TOTAL: "the outputs of a transaction are together worth more than 21 million coins",
    Fault.TRAILING: "bytes follow the last transaction",
    Fault.NO_COINBASE: "the first transaction of the block is not a coinbase",
    Fault.COINBASE_TWICE: "an input points at no transaction, outside the block's coinbase",
    Fault.NUMBER: "a number is too large",
    Fault.KEY: "a public key is not a point of the curve",
    Fault.MERKLE: "the transactions do not have the merkle root of the header",
    Fault.AMBIGUOUS: "the list of transactions repeats itself without changing the merkle root (CVE-2012-2459)",
    Fault.NO_MATCH: "too many undo records belong to none of the blocks",
}


class BrokenError(Exception):
    """What is wrong, at which byte of the buffer, and in which of its blocks or records."""

    def __init__(self, fault: Fault, at: int, block: int = 0) -> None:
        super().__init__(fault, at, block)
        self.fault, self.at, self.block = fault, at, block

    @property
    def words(self) -> str:
        """What is wrong, as half a sentence."""
        return WORDS[self.fault]
