"""Wasabi 2 (WabiSabi): rounds of many participants with inputs and outputs of any size.

Outputs mostly have values of a standard set, so that many stand there more than once; there are several sets of equal
outputs in one round. Dumplings' conditions (types of address, order, standard values) are asked for as well as
GraphSense's.

Hardly measured on real rounds: the files at hand hold one, of June 2024, which is found. So what it finds is an
inference (E6, confidence 40, where GraphSense has 60).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.judged import Check, Judged, at_least, at_most, parameters, since, worth_at_least
from dyepack.patterns.coinjoin.shape import distinct, most_repeated
from dyepack.patterns.coinjoin.wasabi import only
from dyepack.patterns.finding import Rule

if TYPE_CHECKING:
    from dyepack.patterns.coinjoin.shape import TxShape


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, by their names in the rule; from `fewer_height` on (May 2024, when one coordinator became many)
    fewer inputs are enough."""

    first_height: int = 741_213
    fewer_height: int = 843_000
    least_inputs_before: int = 50
    least_inputs: int = 20
    most_of_one_address: int = 10
    least_output: int = 5_000
    most_standard: int = 134_375_000_000
    least_repeated_values: int = 3
    least_standard: int = 80
    least_other_outputs: int = 1


DEFAULT = Limits()

RULE = Rule(
    id="wasabi-2/1",
    pattern="CoinJoin",
    conditions="20 inputs or more (50 before May 2024), at most 10 % of them from one address, all P2WPKH or P2TR; "
    "outputs of 5,000 satoshi or more to different addresses; 3 or more values stand there more than once, on half of "
    "the outputs but one; inputs and outputs stand in descending order; 80 % of outputs have standard values, one or "
    "more has none of the repeated ones",
    source="GraphSense-lib and Dumplings together",
    confidence=40,
    evidence="E6",
    measured="one real round was at hand, and is found; none of 4,044 transactions after mixes; no alarm in 7,379 "
    "transactions of whole blocks; confidence 60 in the source",
    parameters=parameters(DEFAULT, "least_output", "most_standard"),
)


def judge(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of Wasabi 2 on a transaction."""
    counts = shape.counts()
    share = round(100 * most_repeated(shape.in_script) / max(shape.ins, 1), 2)
    repeated = {value: n for value, n in counts.items() if n > 1}
    alike = sum(repeated.values())
    early = 0 <= shape.height < limits.fewer_height
    standard = sum(n for value, n in counts.items() if value in _standard(limits.least_output, limits.most_standard))
    ordered = _descending(shape.in_value) and _descending(shape.out_value)
    segwit = only(shape.in_type, {ScriptType.P2WPKH, ScriptType.P2TR})
    checks = (
        since(shape.height, limits.first_height),
        at_least("inputs", shape.ins, limits.least_inputs_before if early else limits.least_inputs),
        at_most("percent of inputs from one address", share, limits.most_of_one_address),
        Check("inputs are P2WPKH or P2TR", str(segwit), "True", segwit),
        worth_at_least("smallest output", min(shape.out_value, default=0), limits.least_output),
        at_least("output addresses", distinct(shape.out_script), shape.outs),
        at_least("repeated values", len(repeated), limits.least_repeated_values),
        at_least("twice the repeated outputs, and one", 2 * alike + 1, shape.outs),
        at_least("other outputs", shape.outs - alike, limits.least_other_outputs),
        Check("descending order", str(ordered), "True", ordered),
        at_least(
            "percent of outputs with standard values", 100 * standard // max(shape.outs, 1), limits.least_standard
        ),
    )
    return Judged(RULE, checks, RULE.confidence,
                  {value: shape.outputs_worth(value) for value in sorted(repeated, reverse=True)})  # fmt: skip


def _descending(values: tuple[int, ...]) -> bool:
    return all(one >= other for one, other in pairwise(values))


@cache
def _standard(least: int, most: int) -> frozenset[int]:
    """Powers of 2 and 3, twice those of 3, and 1, 2 and 5 times those of 10, between two values."""
    found = set()
    for base, factors in ((2, (1,)), (3, (1, 2)), (10, (1, 2, 5))):
        power = 1
        while power <= most:
            found |= {power * factor for factor in factors}
            power *= base
    return frozenset(value for value in found if least <= value <= most)
