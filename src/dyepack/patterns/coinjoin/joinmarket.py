"""JoinMarket: a taker and makers each get one equal output, and their change.

Beyond GraphSense-lib's rule: every maker has change and at most the taker has none, so there are as many
other outputs as equal ones or one less, each of a value of its own (coinjoin-analysis has this too); a JoinMarket
wallet holds keys of one type and is paid to that type, so but for one output, with which the taker may pay somebody,
there are no more outputs of a type than two for each input of it; there is no OP_RETURN output. That keeps out batch
payouts, and the trades of inscriptions of which the public lists of "other" CoinJoins are full. Where amounts add up
for two makers or more (an input is an equal output and a change output but for a small gain), confidence is 80.

Adjusted on the very files on which it was then measured: the limit of inputs per equal output, 20 in the source, is 30
here, after two transactions of June 2024 whose coins come from other CoinJoins of that market; and without the
condition on change 1,636 of 4,588 transactions of six blocks of testnet, all made by one script, were taken for
CoinJoins. CoinJoins of two parties (two equal outputs) are not found: one wallet can make the same shape (vetoes.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.patterns.coinjoin.judged import Check, Judged, at_least, at_most, between, parameters
from dyepack.patterns.coinjoin.shape import TxShape, distinct, most_frequent
from dyepack.patterns.finding import Rule

WALLET_TYPES = frozenset({ScriptType.P2PKH, ScriptType.P2SH, ScriptType.P2WPKH})
"""What a JoinMarket wallet holds: keys, before 2017 bare, then nested in P2SH, now native."""


SURE = 80
"""The confidence where the amounts of two makers or more add up: what came in, an equal output, change and a gain."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, by their names in the rule."""

    dust: int = 2730
    least_equal: int = 3
    many_inputs: int = 50
    most_inputs_per_equal: int = 30
    least_outputs_per_equal: float = 1.7
    most_foreign_outputs: int = 1
    most_without_change: int = 1
    most_repeated_values: int = 1
    most_gain: int = 2_000
    most_gain_ppm: int = 2_000
    sure_makers: int = 2


DEFAULT = Limits()

RULE = Rule(
    id="joinmarket/1",
    pattern="CoinJoin",
    conditions="the most frequent output value is above 2,730 satoshi and stands there 3 times or more, on no more "
    "outputs than there are input addresses; as many other outputs or one less, all of different values, none "
    "OP_RETURN; all outputs go to different addresses; all inputs are of types of key addresses, and but for one there "
    "are at most two outputs of a type for each input of it; with 50 inputs or more at most 30 inputs and at least 1.7 "
    "outputs per equal output",
    source="GraphSense-lib; change: coinjoin-analysis; types, amounts, 30 for 20 inputs: this project's own",
    confidence=49,
    evidence="E5",
    measured="found all of 53 CoinJoins of three parties or more of June 2024 that hang together by their coins, on "
    "which it was adjusted, and 4 of 509 others of that list; of 106 that another published rule names elsewhere 104, "
    "and 3 of 3,939 that it does not; 2 alarms in 7,379 transactions of whole blocks, both of its exact shape",
    parameters=parameters(DEFAULT, "dust", "most_gain"),
)


def judge(shape: TxShape, limits: Limits = DEFAULT) -> Judged:
    """Every condition of the rule on a transaction."""
    counts = shape.counts()
    value, equal = most_frequent({v: n for v, n in counts.items() if v > limits.dust})
    scripts = distinct(shape.in_script)
    sure = makers(shape, value, limits) if equal else 0
    others, repeated = shape.outs - equal, sum(1 for n in counts.values() if n > 1)
    checks = (
        at_least("equal outputs", equal, limits.least_equal),
        at_least("input addresses", scripts, equal),
        at_least("output addresses", distinct(shape.out_script), shape.outs),
        between("other outputs", others, equal - limits.most_without_change, equal),
        at_least("other values", len(counts) - 1, 1),
        at_most("repeated values", repeated, limits.most_repeated_values),
        at_most("OP_RETURN outputs", shape.data_outputs, 0),
        *_many(shape, equal, limits),
        *_types(shape, limits),
        Check("makers whose amounts add up", sure, f"{limits.sure_makers} for confidence {SURE}", holds=True),
    )
    confidence = SURE if sure >= limits.sure_makers else RULE.confidence
    return Judged(RULE, checks, confidence, {value: shape.outputs_worth(value)} if equal else {})


def makers(shape: TxShape, value: int, limits: Limits = DEFAULT) -> int:
    """How many inputs came back as one equal output and one change output, with a maker's gain or none on top."""
    most = max(limits.most_gain, value * limits.most_gain_ppm // 1_000_000)
    spent, change = sorted(shape.in_value), sorted(units for units in shape.out_value if units != value)
    found = at = 0
    for units in change:
        while at < len(spent) and spent[at] + most < value + units:
            at += 1
        if at < len(spent) and spent[at] <= value + units:
            found, at = found + 1, at + 1
    return found


def _many(shape: TxShape, equal: int, limits: Limits) -> tuple[Check, Check]:
    few = shape.ins < limits.many_inputs
    ins, outs = (round(n / max(equal, 1), 3) for n in (shape.ins, shape.outs))
    inputs = at_most("inputs per equal output", ins, limits.most_inputs_per_equal)
    outputs = at_least("outputs per equal output", outs, limits.least_outputs_per_equal)
    return (
        Check(inputs.name, inputs.measured, inputs.limit, few or inputs.holds),
        Check(outputs.name, outputs.measured, outputs.limit, few or outputs.holds),
    )


def _types(shape: TxShape, limits: Limits) -> tuple[Check, Check]:
    """All inputs of types that wallets have, and of each type at most two outputs for an input, but for a few.

    Inputs whose type nobody told could be of any.
    """
    types = Counter(shape.in_type)
    untold = types.pop(ScriptType.NOT_STATED, 0)
    names = "+".join(sorted(ScriptType(kind).name for kind in types))
    over = sum(max(n - 2 * types[kind], 0) for kind, n in Counter(shape.out_type).items())
    return (
        Check("input types", names, "P2PKH, P2SH, P2WPKH", set(types) <= WALLET_TYPES),
        at_most("outputs of types beyond their inputs'", max(over - 2 * untold, 0), limits.most_foreign_outputs),
    )
