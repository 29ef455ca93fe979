"""What the CoinJoin rules look at: one transaction as plain numbers, whichever source it comes from.

Invariant: a TxShape is a value; the rules read nothing else, so they give the same for a ledger and for a test's row.
An input or output whose script nobody knows counts as different from all others, and its type is not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.utxo.address import P2PKH, P2SH, WITNESS
from dyepack.ledger.utxo.schema import INCOMPLETE, NO_ADDRESS, OUTSIDE, ScriptType

if TYPE_CHECKING:
    from dyepack.ledger.schema import U32
    from dyepack.ledger.utxo.reader import UtxoLedger

Tagged = Mapping[int, Collection[str]]
"""Kinds of tags (tags.model.TagKind) by address id: several, or one as a text."""

UNKNOWN = -1
"""A script, value, height, time or transaction that nobody told."""

MAINNET = "mainnet"

_WITNESS_TYPES = {(WITNESS, 20): ScriptType.P2WPKH, (WITNESS, 32): ScriptType.P2WSH, (WITNESS + 1, 32): ScriptType.P2TR}


@dataclass(frozen=True, slots=True)
class TxShape:
    """A transaction as the rules see it; n inputs and m outputs, both in their own order.

    tx            its id in the ledger
    in_value      (n,) satoshi, UNKNOWN where nobody told
    in_script     (n,) a number per address, the same as in `out_script`; UNKNOWN where there is none
    in_type       (n,) ScriptType, NOT_STATED where nobody told
    in_tx         (n,) transaction that made the output spent; UNKNOWN: one that the ledger does not hold
    out_value     (m,) satoshi
    out_script    (m,) as in_script
    out_type      (m,) ScriptType
    first_output  id of its first output in the ledger
    height        of its block on the main chain of Bitcoin, UNKNOWN elsewhere: rules that began at a height then hold
    time          of its block, seconds since 1970, UTC; UNKNOWN where nobody told
    tagged        kinds of tags that input addresses bear (tags.model.TagKind)
    """

    tx: int
    in_value: tuple[int, ...]
    in_script: tuple[int, ...]
    in_type: tuple[int, ...]
    in_tx: tuple[int, ...]
    out_value: tuple[int, ...]
    out_script: tuple[int, ...]
    out_type: tuple[int, ...]
    first_output: int = 0
    height: int = UNKNOWN
    time: int = UNKNOWN
    tagged: frozenset[str] = frozenset()

    @property
    def ins(self) -> int:
        """How many inputs."""
        return len(self.in_value)

    @property
    def outs(self) -> int:
        """How many outputs, OP_RETURN ones too."""
        return len(self.out_value)

    @property
    def data_outputs(self) -> int:
        """How many OP_RETURN outputs."""
        return self.out_type.count(ScriptType.OP_RETURN)

    def counts(self) -> Counter[int]:
        """How often each value stands among the outputs that can be spent."""
        if not self.data_outputs:
            return Counter(self.out_value)
        pairs = zip(self.out_value, self.out_type, strict=True)
        return Counter(value for value, kind in pairs if kind != ScriptType.OP_RETURN)

    def outputs_worth(self, value: int) -> tuple[int, ...]:
        """Ids of the outputs with this value that can be spent."""
        return tuple(
            self.first_output + at
            for at, (units, kind) in enumerate(zip(self.out_value, self.out_type, strict=True))
            if units == value and kind != ScriptType.OP_RETURN
        )


def distinct(scripts: Collection[int]) -> int:
    """How many scripts differ; unknown ones count as different."""
    known = {script for script in scripts if script != UNKNOWN}
    return len(known) + sum(1 for script in scripts if script == UNKNOWN)


def most_repeated(scripts: Collection[int]) -> int:
    """How often the most frequent script stands there; 1 where none is known twice."""
    known = Counter(script for script in scripts if script != UNKNOWN)
    return max(known.values(), default=1)


def most_frequent(counts: Mapping[int, int]) -> tuple[int, int]:
    """(value, count) of the most frequent value, the largest of several; (0, 0) of none."""
    return max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))


def shape_of(ledger: UtxoLedger, tx: int, tagged: Tagged | None = None) -> TxShape:
    """The shape of a transaction of a ledger; `tagged` are kinds of tags by address id."""
    ins, outs = ledger.inputs_of(tx), slice(*ledger.tx_output[tx : tx + 2].tolist())
    parents, scripts, types = _spent(ledger, slice(ins.start, ins.stop))
    values = ledger.input_value[ins.start : ins.stop].tolist()
    if ledger.tx_flag[tx] & INCOMPLETE:
        values = [value or UNKNOWN for value in values]
    block = int(ledger.tx_block[tx])
    return TxShape(
        tx=tx, in_value=tuple(values), in_script=scripts, in_type=types, in_tx=parents,
        out_value=tuple(ledger.output_value[outs].tolist()), out_script=_scripts(ledger.output_address[outs]),
        out_type=tuple(ledger.output_type[outs].tolist()), first_output=outs.start,
        height=int(ledger.block_height[block]) if ledger.manifest.network == MAINNET else UNKNOWN,
        time=int(ledger.block_time[block]), tagged=_kinds(scripts, tagged),
    )  # fmt: skip


def _kinds(scripts: Collection[int], tagged: Tagged | None) -> frozenset[str]:
    borne = [tagged[script] for script in set(scripts) if script in tagged] if tagged else []
    return frozenset(str(kind) for kinds in borne for kind in ((kinds,) if isinstance(kinds, str) else kinds))


def _scripts(addresses: U32) -> tuple[int, ...]:
    return tuple(UNKNOWN if address == NO_ADDRESS else address for address in addresses.tolist())


def _spent(ledger: UtxoLedger, ins: slice) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """(transaction, script, type) of the output that each of some inputs spends."""
    parent, index = ledger.input_tx[ins], ledger.input_index[ins]
    inside = parent != OUTSIDE
    output = ledger.tx_output[parent[inside]] + index[inside]
    address, kind = np.empty(len(parent), np.uint32), np.empty(len(parent), np.uint8)
    address[inside], kind[inside] = ledger.output_address[output], ledger.output_type[output]
    address[~inside] = ledger.outside_address[index[~inside]]
    kind[~inside] = [_type_of(ledger, script) for script in address[~inside].tolist()]
    parents = tuple(UNKNOWN if tx == OUTSIDE else tx for tx in parent.tolist())
    return parents, _scripts(address), tuple(kind.tolist())


def _type_of(ledger: UtxoLedger, address: int) -> int:
    """The type of script that an address stands for (P2PKH where it may be a bare key, too)."""
    if address == NO_ADDRESS:
        return ScriptType.NOT_STATED
    kind, length = ledger.address_id[address, :2].tolist()
    if kind < WITNESS:
        return {P2PKH: ScriptType.P2PKH, P2SH: ScriptType.P2SH}.get(kind, ScriptType.NOT_STATED)
    return _WITNESS_TYPES.get((kind, length), ScriptType.WITNESS_UNKNOWN)
