"""Wasabi 1.0 and 1.1: rounds of a coordinator with many participants.

1.0  everyone gets one output of about 0.1 BTC, and change
1.1  and outputs of twice, four times ... that, where two or more participants have as much

Adjusted on the very file on which 1.0 and 1.1 were then measured (196 transactions of August 2021, so what is said of
it is a training error; both halves of it, in order of time, agree): the value of a round lay from 0.1098 to 0.1099 BTC,
not within 0.005 of 0.1, so the tolerance is 0.02, as Dumplings has it. 10 of the 196 have 10 to 12 equal outputs and
twice as many outputs, or one less: that is JoinMarket's shape, and five of them are on the published list of mistakes
of that file (coinjoin-analysis). A round with fewer than 20 equal outputs of that shape is left to JoinMarket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.judged import Check, Judged, at_least, at_most, parameters, since
from dyepack.patterns.coinjoin.shape import distinct, most_frequent, most_repeated
from dyepack.patterns.finding import Rule

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection

    from dyepack.patterns.coinjoin.shape import TxShape


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of 1.0 and 1.1, by their names in the rules; satoshi, percent, parts in a million."""

    first_height: int = 530_500
    native_height: int = 610_000
    least_inputs: int = 10
    most_of_one_address: int = 10
    base: int = 10_000_000
    tolerance: int = 2_000_000
    least_equal: int = 3
    most_addresses_per_equal: int = 7
    whole_multiple_below: int = 20
    whole_multiple_ppm: int = 100
    market_below: int = 20
    least_levels: int = 2


DEFAULT = Limits()

_COMMON = (
    "10 inputs or more, at most 10 % of them from one address; input addresses are as many as the equal outputs, or up "
    "to 7 times as many; all outputs go to different addresses; all native SegWit; not the shape of JoinMarket"
)
RULE_10 = Rule(
    id="wasabi-1.0/1",
    pattern="CoinJoin",
    conditions="one value within 0.02 of 0.1 BTC stands there 3 times or more, on half of the outputs but one; with "
    "fewer than 20 inputs the sum of outputs is no whole multiple of it; " + _COMMON,
    source="GraphSense-lib; tolerance and types: Dumplings",
    confidence=70,
    evidence="E5",
    measured="found, as 1.0 or 1.1, all of 186 listed rounds of August 2021, on which it was adjusted, and none of "
    "4,055 transactions beside rounds and after mixes; no alarm in 7,379 transactions of whole blocks",
    parameters=parameters(DEFAULT, "base", "tolerance"),
)
RULE_11 = Rule(
    id="wasabi-1.1/1",
    pattern="CoinJoin",
    conditions="two or more levels of 0.1 BTC times a power of two (within a fifth) have each a value that stands "
    "there twice or more, one of them 3 times or more; these are half of the outputs, or all but one for each input "
    "address and one more; " + _COMMON,
    source="GraphSense-lib; tolerance and types: Dumplings",
    confidence=70,
    evidence="E5",
    measured="found, as 1.0 or 1.1, all of 186 listed rounds of August 2021, on which it was adjusted, and none of "
    "4,055 transactions beside rounds and after mixes; no alarm in 7,379 transactions of whole blocks",
    parameters=parameters(DEFAULT, "base", "tolerance"),
)


def judge_10(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of Wasabi 1.0 on a transaction."""
    counts = shape.counts()
    value, equal = _level(counts, limits, 0)
    total, (most, _) = sum(shape.out_value), most_frequent(counts)
    far = min(total % most, -total % most) * 1_000_000 // most if most else 0
    whole = shape.ins < limits.whole_multiple_below and far <= limits.whole_multiple_ppm
    checks = (
        *_common(shape, equal, limits),
        at_least("equal outputs", equal, limits.least_equal),
        at_least("twice the equal outputs, and one", 2 * equal + 1, shape.outs),
        Check("sum of outputs off a whole multiple (ppm)", far, f"> {limits.whole_multiple_ppm}", not whole),
    )
    return Judged(RULE_10, checks, RULE_10.confidence, {value: shape.outputs_worth(value)} if equal else {})


def judge_11(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of Wasabi 1.1 on a transaction."""
    counts = shape.counts()
    top = max(shape.out_value, default=0)
    levels: dict[int, int] = {}
    power = 0
    while (limits.base - limits.tolerance) << power <= top:
        value, many = _level(counts, limits, power)
        if many > 1:
            levels[value] = many
        power += 1
    equal, mixed, scripts = max(levels.values(), default=0), sum(levels.values()), distinct(shape.in_script)
    half, rest = 2 * mixed >= shape.outs, mixed >= shape.outs - scripts - 1
    checks = (
        *_common(shape, equal, limits),
        at_least("equal outputs", equal, limits.least_equal),
        at_least("levels", len(levels), limits.least_levels),
        Check("outputs of the levels", mixed, f">= half of {shape.outs}, or all but {scripts + 1}", half or rest),
    )
    confidence = (50 + 50 * min(equal, scripts) // max(scripts, 1)) // (1 if half and rest else 2)
    alike = {value: shape.outputs_worth(value) for value in sorted(levels, reverse=True)}
    return Judged(RULE_11, checks, confidence, alike)


def _common(shape: TxShape, equal: int, limits: Limits) -> tuple[Check, ...]:
    scripts = distinct(shape.in_script)
    native = only(shape.in_type, {ScriptType.P2WPKH})
    if not 0 <= shape.height < limits.native_height:
        native = native and only(shape.out_type, {ScriptType.P2WPKH})
    market = equal < limits.market_below and shape.outs in {2 * equal, 2 * equal - 1}
    most = max(most_repeated(shape.in_script), 1)
    return (
        since(shape.height, limits.first_height),
        at_least("inputs", shape.ins, limits.least_inputs),
        at_most("percent of inputs from one address", round(100 * most / max(shape.ins, 1), 2),
                limits.most_of_one_address),
        at_least("input addresses", scripts, equal),
        at_most("input addresses per equal output", round(scripts / max(equal, 1), 3), limits.most_addresses_per_equal),
        at_least("output addresses", distinct(shape.out_script), shape.outs),
        Check("native SegWit", str(native), "True", native),
        Check("JoinMarket's shape", str(market), "False", not market),
    )  # fmt: skip


def _level(counts: Counter[int], limits: Limits, power: int) -> tuple[int, int]:
    """(value, outputs) of the most frequent value at 2**power times the base."""
    low, high = (limits.base - limits.tolerance) << power, (limits.base + limits.tolerance) << power
    return most_frequent({value: n for value, n in counts.items() if low <= value <= high})


def only(types: Collection[int], wanted: set[ScriptType]) -> bool:
    """Whether all types that anybody told are among these."""
    return all(kind in wanted or kind == ScriptType.NOT_STATED for kind in types)
