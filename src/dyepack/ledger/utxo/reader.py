"""Reading a ledger of outputs: memory-mapped columns, look-up of transactions, addresses and outputs.

Invariant: a UtxoLedger never changes; opening one reads the manifest and maps files, whatever their size. A small one
is also checked by sound.py when it is opened; a large one only by `dyepack ledger info --check`: compiled code reads
it as it is, so a ledger from a stranger is to be checked first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import LedgerError
from dyepack.ledger.content import Reader, find_row, hex_bytes, misfit, open_content, time_text
from dyepack.ledger.manifest import COMPLETE, OUTPUTS, STATES
from dyepack.ledger.utxo.address import address_text, parse_address
from dyepack.ledger.utxo.schema import COINBASE, COLUMNS, INCOMPLETE, NO_ADDRESS, OUTSIDE
from dyepack.ledger.utxo.sound import misshaped, unsound

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.ledger.schema import I64, U8, U32, U64

_SMALL = 1 << 21
"""Transactions, inputs and outputs up to which opening a ledger reads all of it: a fifth of a second."""


class UtxoLedger(Reader):
    """The columns of utxo/schema.py as attributes (`ledger.output_value` ...), and what is looked up in them."""

    block_id: U8
    block_height: U32
    block_time: I64
    block_tx: U64
    tx_id: U8
    tx_block: U32
    tx_flag: U8
    tx_input: U64
    tx_output: U64
    input_tx: U32
    input_index: U32
    input_value: U64
    outside_tx: U8
    outside_index: U32
    outside_address: U32
    output_value: U64
    output_spender: U32
    output_type: U8
    output_address: U32
    address_id: U8
    address_offset: U64
    address_output: U64
    tx_find_key: U64
    tx_find_row: U32
    address_find_key: U64
    address_find_row: U32

    _is_sound = False

    @classmethod
    def open(cls, path: Path) -> UtxoLedger:
        """Open the newest content of a ledger folder; LedgerError says what is missing or damaged."""
        content = open_content(path, OUTPUTS, COLUMNS)
        made = cls(content.folder, content.manifest, content.sha256, content.columns)
        if wrong := misshaped(made):
            raise _damaged(path, wrong)
        if not made.fits():
            raise misfit(path)
        if made.transactions + made.inputs + made.outputs <= _SMALL:
            made.check_sound()
        return made

    def check_sound(self) -> None:
        """LedgerError unless its columns lead only to what is there (sound.py); looks once, and at everything."""
        if not self._is_sound:
            if wrong := unsound(self):
                raise _damaged(self.folder.parent, wrong)
            self._is_sound = True

    def fits(self) -> bool:
        """Whether the columns have the lengths that belong together (their content: `verify`)."""
        txs = {len(self.tx_id), len(self.tx_block), len(self.tx_flag), len(self.tx_input) - 1, len(self.tx_output) - 1}
        inputs = {len(self.input_tx), len(self.input_index), len(self.input_value), _end(self.tx_input)}
        outputs = {len(self.output_value), len(self.output_spender), len(self.output_type), _end(self.tx_output)}
        outside = {len(self.outside_tx), len(self.outside_index), len(self.outside_address)}
        blocks = {len(self.block_id), len(self.block_height), len(self.block_time), len(self.block_tx) - 1}
        return (
            all(len(lengths) == 1 for lengths in (txs, inputs, outputs, outside, blocks))
            and {len(self.output_address)} == outputs
            and {_end(self.block_tx), len(self.tx_find_key), len(self.tx_find_row)} == txs
            and len(self.address_offset) == len(self.address_id) + 1
            and _end(self.address_offset) == len(self.address_output)
        )

    @property
    def transactions(self) -> int:
        """How many transactions the ledger holds."""
        return len(self.tx_id)

    @property
    def inputs(self) -> int:
        """How many inputs they have."""
        return len(self.input_tx)

    @property
    def outputs(self) -> int:
        """How many outputs they have."""
        return len(self.output_value)

    @property
    def complete(self) -> bool:
        """Whether every transaction from the first block to the last is here, so that unspent means unspent."""
        return self.manifest.completeness.get(STATES[COMPLETE], 0) > 0

    def find_tx(self, text: str) -> int | None:
        """The transaction with this id (of two with one id, BIP 30, the later)."""
        raw = hex_bytes(text, 32)
        return None if raw is None else find_row(raw, self.tx_id, self.tx_find_key, self.tx_find_row)

    def find_address(self, text: str) -> int | None:
        """The address with this text, if one of its outputs or inputs is in the ledger."""
        packed = parse_address(text.strip(), self.manifest.network)
        width = self.address_id.shape[1]
        if packed is None or len(packed) > width:
            return None
        return find_row(packed.ljust(width, b"\0"), self.address_id, self.address_find_key, self.address_find_row)

    def address_text(self, address: int) -> str:
        """An address as people write it."""
        return address_text(self.address_id[address].tobytes(), self.manifest.network)

    def tx_text(self, tx: int) -> str:
        """A transaction id as people write it."""
        return str(self.tx_id[tx].tobytes().hex())

    def tx_time(self, tx: int) -> str:
        """The UTC time of a transaction's block (ISO 8601), "" where the source did not say."""
        return time_text(int(self.block_time[self.tx_block[tx]]))

    def is_coinbase(self, tx: int) -> bool:
        """Whether a transaction makes new coins."""
        return bool(self.tx_flag[tx] & COINBASE)

    def is_incomplete(self, tx: int) -> bool:
        """Whether an input's value is not known, so that nothing can be split exactly."""
        return bool(self.tx_flag[tx] & INCOMPLETE)

    @cached_property
    def some_incomplete(self) -> bool:
        """Whether any transaction is."""
        return bool((self.tx_flag & INCOMPLETE).any())

    def inputs_of(self, tx: int) -> range:
        """The inputs of a transaction, in its own order."""
        lo, hi = self.tx_input[tx : tx + 2].tolist()
        return range(lo, hi)

    def outputs_of(self, tx: int) -> range:
        """The outputs of a transaction, in its own order."""
        lo, hi = self.tx_output[tx : tx + 2].tolist()
        return range(lo, hi)

    def spent_output(self, at: int) -> int | None:
        """The output that input `at` spends, None if its transaction is not in the ledger."""
        tx = int(self.input_tx[at])
        return None if tx == OUTSIDE else int(self.tx_output[tx]) + int(self.input_index[at])

    def input_address(self, at: int) -> int | None:
        """The address that input `at` spends from."""
        output = self.spent_output(at)
        held = self.outside_address[self.input_index[at]] if output is None else self.output_address[output]
        return None if held == NO_ADDRESS else int(held)

    def transaction_of(self, output: int) -> int:
        """The transaction that made an output."""
        return int(np.searchsorted(self.tx_output, np.uint64(output), side="right")) - 1

    def outpoint_text(self, output: int) -> str:
        """An output as people write it: transaction id:number."""
        tx = self.transaction_of(output)
        return f"{self.tx_text(tx)}:{output - int(self.tx_output[tx])}"

    def place_text(self, output: int) -> str:
        """Where an output sits: its address, else itself."""
        address = int(self.output_address[output])
        return self.outpoint_text(output) if address == NO_ADDRESS else self.address_text(address)

    def outside_text(self, at: int) -> str:
        """The output that input `at` spends, where its transaction is not in the ledger: transaction id:number."""
        row = int(self.input_index[at])
        return f"{self.outside_tx[row].tobytes().hex()}:{int(self.outside_index[row])}"

    def outputs_at(self, address: int) -> U64:
        """The outputs that an address ever received, in chain order."""
        lo, hi = self.address_offset[address : address + 2].tolist()
        return self.address_output[lo:hi]

    def fee(self, tx: int) -> int:
        """Satoshi of the inputs that no output got; 0 for coinbases and where an input's value is not known."""
        if self.tx_flag[tx]:
            return 0
        ins, outs = self.inputs_of(tx), self.outputs_of(tx)
        return int(self.input_value[ins.start : ins.stop].sum()) - int(self.output_value[outs.start : outs.stop].sum())


def _end(offsets: U64) -> int:
    return int(offsets[-1]) if len(offsets) else -1


def _damaged(path: Path, column: str) -> LedgerError:
    return LedgerError(
        f"{column} of ledger {path} leads to what is not there: it is damaged, or was not made by dyepack",
        remedy="import the ledger again",
    )
