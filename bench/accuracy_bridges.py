"""Accuracy of the bridge decoders and of the two tiers that match, each apart; rows for the accuracy table.

Deposits are the real ones of ../shared/data/cross-chain; the payouts of cBridge, Poly and THORChain are generated from
them (dyepack.synthetic.bridge), since the data has only their hashes; Multichain's payouts are real calls. Records are
written as bytes by one module and decoded by another. The others near a deposit, in the rows of leads, are payouts to
other people of 88 to 102 % of its amount, from 10 minutes before it to 40 after.

    python bench/accuracy_bridges.py
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from accuracy_rows import AccuracyRow, print_rows
from bridge_study import Pair, read_events, read_inputs, read_labels
from dyepack.patterns.bridges import findings
from dyepack.patterns.bridges.inference import Leads, Parameters, Rate, search
from dyepack.patterns.bridges.model import BridgeDeposit, Payout, Reading, tx_key
from dyepack.patterns.bridges.protocol import Matched, match
from dyepack.patterns.bridges.records import read_records
from dyepack.patterns.bridges.thorchain_legs import deposit_of
from dyepack.patterns.bridges.thorchain_memo import Memo, parse_memo
from dyepack.synthetic.bridge import Dice, Mix, World, par, world
from dyepack.synthetic.bridge_memos import FAULTY, FORMS, NO_MEMOS, Says
from dyepack.synthetic.bridge_records import CONTRACTS, VAULT, records

DATA = Path(__file__).parents[2] / "shared" / "data" / "cross-chain" / "ETH-BNB"
DENSITIES = (0, 1, 10, 100)
MARKET_SAMPLE = 1500
"""Deposits per bridge on which the amount-time tier is measured, at each density."""


class Data(NamedTuple):
    """The three data sets, read once."""

    celer: Reading
    poly: Reading
    multi: Reading
    labels: dict[str, list[Pair]]


def load() -> Data:
    """Read the files."""
    labels = {name: read_labels(DATA / name / "label.csv") for name in ("Celer", "Poly", "Multi")}
    celer, poly = (read_events(DATA / name / "sample.json") for name in ("Celer", "Poly"))
    return Data(celer, poly, read_inputs(DATA / "Multi" / "input.csv", "bsc"), labels)


def decoding(data: Data) -> list[AccuracyRow]:
    """How many of the labelled hops have a decoded record, by bridge."""
    rows = []
    for name, reading, what in (
        ("Celer", data.celer, "events, decoded by their collectors"),
        ("Poly", data.poly, "events, decoded by their collectors"), ("Multi", data.multi, "raw calls (payouts)"),
    ):  # fmt: skip
        labelled = {pair.from_tx for pair in data.labels[name]}
        named = Counter([d.tx for d in reading.deposits] + [p.from_tx for p in reading.payouts])
        found = sum(named[tx] == 1 for tx in labelled)
        note = "; ".join(f"{f.place}: {f.reason}" for f in reading.failures[:5]) or "no failures"
        note += f"; {sum(n for tx, n in named.items() if tx not in labelled)} name a transaction without a label"
        rows.append(AccuracyRow("bridge record", "decode", f"{name}: real {what}", len(labelled), len(labelled), found,
                                0, 0, note))  # fmt: skip
    return rows


def multichain_deposits(data: Data) -> list[BridgeDeposit]:
    """Deposits as large as the real payouts; their times are drawn from those of the other data sets."""
    times = [d.time for d in (*data.celer.deposits, *data.poly.deposits)]
    dice = Dice(1, "times")
    return [
        BridgeDeposit("multichain", "ethereum", p.from_tx, p.receiver, p.receiver, p.asset, p.amount, to_chain="bsc",
                      time=times[dice.between(0, len(times) - 1)])
        for p in data.multi.payouts
    ]  # fmt: skip


def thorchain_deposits(data: Data) -> list[BridgeDeposit]:
    """The deposits of cBridge as if they had been THORChain swaps, with memos of several forms."""
    made = []
    for rank, d in enumerate(data.celer.deposits):
        memo = ("=:s:{}", "SWAP:BSC.BNB:{}:1e6", "s:BSC.BNB:{}:1/3/0:t:10", "=<:BSC.BNB:{}:5e5/0/0")[rank % 4]
        deposit = deposit_of(memo.format(d.receiver), chain=d.chain, tx=d.tx, sender=d.sender, asset=d.asset,
                             amount=d.amount, time=d.time)  # fmt: skip
        if deposit is None:
            raise AssertionError(f"{memo} is no request")
        made.append(deposit)
    return made


def protocol(name: str, deposits: list[BridgeDeposit], given: list[Payout] | None = None) -> AccuracyRow:
    """The protocol tier through bytes: generate, write, decode, match."""
    made = world(deposits, mix=Mix())
    if given is not None:  # real payouts in place of the generated true ones
        made = with_real(made, given)
    logs, calls = records(made)
    got = read_records(logs, calls, {bridge: [at] for bridge, at in CONTRACTS.items()}, [VAULT])
    matched = match(got.deposits, got.payouts, par=lambda d, p: None if d.bridge == "thorchain" else par(d, p))
    truth = {(p.chain, p.tx): tx_key(d.tx) for p, d in made.truth.items()}
    right = {(k.payout.chain, k.payout.tx) for k in matched.links
             if truth.get((k.payout.chain, k.payout.tx)) == tx_key(k.deposit.tx)}  # fmt: skip
    others = len(set(made.payouts)) - len(truth)
    return AccuracyRow(
        "bridge hop", findings.PROTOCOL.id, name, len(set(made.payouts)), len(truth), len(right),
        len(matched.links) - len(right), others, note_of(made, got, matched),
    )  # fmt: skip


def with_real(made: World, given: list[Payout]) -> World:
    """A world whose true payouts have the receiver, asset and amount of real ones, by the deposit that they name."""
    real = {p.from_tx: p for p in given}
    changed = {
        p: replace(p, receiver=real[d.tx].receiver, asset=real[d.tx].asset, amount=real[d.tx].amount)
        for p, d in made.truth.items()
    }
    payouts = [changed.get(p, p) for p in made.payouts]
    truth = {changed[p]: d for p, d in made.truth.items()}
    return World(made.deposits, payouts, truth, made.foreign, made.counts)


def note_of(made: World, got: Reading, matched: Matched) -> str:
    """What the world held, and why payouts were refused."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(made.counts.items()))
    why = Counter(refusal.reason.split(",", maxsplit=1)[0] for refusal in matched.refused)
    reasons = ", ".join(f"{count} {reason}" for reason, count in why.most_common(8))
    misses = "missed: deposits that two payouts claim; " if made.counts.get("doubled") else ""
    return f"{misses}world: {kinds}; not decoded: {len(got.failures)}; refused: {reasons}"


def rate(deposit: BridgeDeposit, payout: Payout) -> Rate:
    """The par of the generated world: one price, no band."""
    whole: Fraction = par(deposit, payout)
    return Rate(whole, whole)


def inferred(name: str, deposits: list[BridgeDeposit]) -> list[AccuracyRow]:
    """The amount-time tier: the deposit's asset, amount, sender and time are known, and nothing of the bridge."""
    step = max(len(deposits) // MARKET_SAMPLE, 1)
    sample = list(islice(deposits[::step], MARKET_SAMPLE))
    rows = []
    for market in DENSITIES:
        made = world(sample, mix=Mix(twins=0, forged=0, foreign=0, doubled=0, repeated=0, market=market))
        truth = {d: p for p, d in made.truth.items() if not p.refund}
        blind = {replace(d, receiver="", message_id=""): d for d in made.deposits}
        kept = any(d.sender == d.receiver for d in sample)  # else the address of who sent it is not in the data
        for address in (False, True) if kept else (False,):
            found = list(search(blind, made.payouts, rate, Parameters(address_first=address, most=10**6)))
            rows += hits(f"{name}, {market} others near each", address, [(blind[f.deposit], f) for f in found], truth)
    return rows


def hits(
    data: str, address: bool, found: list[tuple[BridgeDeposit, Leads]], truth: dict[BridgeDeposit, Payout]
) -> list[AccuracyRow]:
    """Hit at first place and among ten, as two rows; negatives: payouts that fit a deposit and are not its."""
    first = ten = any_place = wrong = listed = fitting = sure = sure_right = 0
    for deposit, leads in found:
        payouts = [lead.link.payout for lead in leads.leads]
        right = bool(payouts) and payouts[0] == truth.get(deposit)
        first += right
        wrong += bool(payouts) and not right
        listed += len(payouts[:10])
        fitting += leads.candidates
        ten += truth.get(deposit) in payouts[:10]
        any_place += truth.get(deposit) in payouts
        sure += leads.distinct
        sure_right += leads.distinct and right
    way = "amount, time and address" if address else "amount and time"
    note = f"{way}; {sure} best leads distinct, {sure_right} of them right"
    common = ("bridge lead", findings.INFERRED.id)
    others = fitting - any_place
    size = len(truth) + others
    list_note = f"{way}; false: the others in the lists of ten; {any_place} are at some place"
    return [
        AccuracyRow(*common, f"{data}: hit@1", size, len(truth), first, wrong, others, note),
        AccuracyRow(*common, f"{data}: hit@10", size, len(truth), ten, listed - ten, others, list_note),
    ]


def says(memo: Memo, wanted: Says) -> bool:
    """Whether a memo has the fields that it should have."""
    return all(told(memo, name) == value for name, value in wanted.items())


def told(memo: Memo, name: str) -> object:
    """A field of a memo in the words of FORMS."""
    if name.startswith("asset_"):
        return getattr(memo.asset, name.removeprefix("asset_"))
    value = getattr(memo, name)
    if name in {"asset", "preferred"}:
        return value.name if value else value
    if name in {"source", "target"}:
        return (value.amount, value.asset.name)
    if name == "affiliates":
        return [(a.name, a.basis_points) for a in value]
    return value.kind.value if name == "inner" else value


def memos() -> list[AccuracyRow]:
    """Memo forms: read rightly, faults seen, other texts left alone."""
    right = sum((memo := parse_memo(text)) is not None and not memo.faults and says(memo, wanted)
                for text, wanted in FORMS)  # fmt: skip
    faulty = sum((memo := parse_memo(text)) is not None and bool(memo.faults) for text, _ in FAULTY)
    taken = sum(parse_memo(text) is not None for text in NO_MEMOS)
    return [
        AccuracyRow("THORChain memo", "memo", "every form of the documentation", len(FORMS) + len(NO_MEMOS), len(FORMS),
                    right, taken, len(NO_MEMOS), f"{right} of {len(FORMS)} forms say what they should"),
        AccuracyRow("THORChain memo", "memo", "memos that the network sends back", len(FAULTY), len(FAULTY), faulty, 0,
                    0, "each fault is told"),
    ]  # fmt: skip


def rows() -> list[AccuracyRow]:
    """All rows."""
    data = load()
    made = decoding(data)
    multi = multichain_deposits(data)
    generated = "real deposits, generated payouts"
    made += [
        protocol(f"cBridge: {generated}", data.celer.deposits),
        protocol(f"Poly: {generated}", data.poly.deposits),
        protocol("Multichain: real payouts, made deposits and look-alikes", multi, data.multi.payouts),
        protocol(f"THORChain: {generated}, cBridge's amounts", thorchain_deposits(data)),
        *memos(),
    ]
    for name, deposits in (("cBridge", data.celer.deposits), ("Poly", data.poly.deposits)):
        made += inferred(name, deposits)
    return made


if __name__ == "__main__":
    print_rows(rows())
