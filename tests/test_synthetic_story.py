"""The synthetic incident: what it promises, and its truth against replays written here and nowhere else."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dyepack.ledger.schema import MoveKind, RawMoves, to_int
from dyepack.synthetic.story import Incident, tell
from dyepack.tags.model import TagKind
from dyepack.tracing.terminals import Stop

if TYPE_CHECKING:
    from dyepack.synthetic.truth import Bounded

Key = tuple[str, str]
NATIVE = "native"


@dataclass
class Row:
    """One move in words."""

    tx: str
    kind: int
    sender: str
    receiver: str
    asset: str
    units: int


@dataclass
class Replay:
    """What one rule says: dyed units by place."""

    reached: dict[Key, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    fees: dict[Key, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    held: dict[Key, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    entered: dict[Key, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    converted: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    produced: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))


@cache
def story() -> Incident:
    return tell()


def rows_of(moves: RawMoves) -> list[Row]:
    names = ["0x" + row.tobytes().hex() for row in moves.addresses] + [""]
    return [
        Row(
            "0x" + moves.tx_id[n].tobytes().hex(),
            int(moves.kind[n]),
            names[moves.sender[n]],
            names[moves.receiver[n]],
            moves.assets[moves.asset[n]],
            to_int(moves.amount[n]),
        )
        for n in range(len(moves))
    ]


class Queue:
    """A holding as (units, dyed) lots: fifo takes the first, lifo the last, haircut a share of all."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.lots: list[tuple[Fraction, bool]] = []

    def put(self, units: Fraction, dyed: Fraction) -> None:
        for part, colour in ((dyed, True), (units - dyed, False)):
            if part:
                self.lots.append((part, colour))
        if self.rule == "haircut":
            total, red = sum((u for u, _ in self.lots), Fraction()), self.dyed
            self.lots = [(part, c) for part, c in ((red, True), (total - red, False)) if part]

    def take(self, units: int) -> Fraction:
        if self.rule == "haircut":
            total = sum((u for u, _ in self.lots), Fraction())
            share = min(Fraction(1), Fraction(units) / total) if total else Fraction()
            dyed = self.dyed * share
            self.lots = [(u * (1 - share), c) for u, c in self.lots if share < 1]
            return dyed
        wanted, dyed = Fraction(units), Fraction()
        while wanted and self.lots:
            at = 0 if self.rule == "fifo" else -1
            have, colour = self.lots.pop(at)
            used = min(have, wanted)
            wanted -= used
            dyed += used * colour
            if have > used:
                self.lots.insert(0 if self.rule == "fifo" else len(self.lots), (have - used, colour))
        return dyed

    @property
    def dyed(self) -> Fraction:
        return sum((u for u, c in self.lots if c), Fraction())


@cache
def replay(rule: str, *, follow: bool) -> Replay:
    incident = story()
    stops = {tag.address: tag.stop for tag in incident.tags if tag.stop is not None}
    stolen = {(tx, leg.asset) for leg in incident.legs for tx in leg.tx_ids}
    says, holdings = Replay(), defaultdict[Key, Queue](lambda: Queue(rule))
    last_tx, paid = "", (Fraction(), 1)
    for row in rows_of(incident.moves):
        if row.tx != last_tx:
            last_tx, paid = row.tx, (Fraction(), 1)
        dyed = holdings[row.sender, row.asset].take(row.units) if row.sender else Fraction()
        if (row.tx, row.asset) in stolen and row.kind != MoveKind.FEE:
            dyed = Fraction(row.units)
        elif follow and paid[0] and stops.get(row.sender) == Stop.SWAP:
            dyed = row.units * paid[0] / paid[1]
            says.produced[row.asset] += dyed
        if not row.receiver:
            says.fees[row.sender, row.asset] += dyed
        elif row.receiver in stops:
            if follow and stops[row.receiver] == Stop.SWAP and dyed:
                paid = dyed, row.units
                says.converted[row.asset] += dyed
            says.reached[row.receiver, row.asset] += dyed
            holdings[row.receiver, row.asset].put(Fraction(row.units), Fraction())
        else:
            says.entered[row.receiver, row.asset] += dyed
            holdings[row.receiver, row.asset].put(Fraction(row.units), dyed)
    for key, queue in holdings.items():
        says.held[key] = queue.dyed
    return says


def bounds(known: Bounded, *, follow: bool) -> tuple[int, int]:
    return (known.low_followed, known.high_followed) if follow else (known.low, known.high)


RULES = pytest.mark.parametrize("rule", ["fifo", "lifo", "haircut"])
FOLLOW = pytest.mark.parametrize("follow", [False, True])


@RULES
@FOLLOW
def test_truth_agrees_with_an_independent_replay(rule: str, follow: bool) -> None:
    truth, says = story().truth, replay(rule, follow=follow)
    for known, found in (
        *((t, says.reached[t.address, t.asset]) for t in truth.terminals),
        *((t, says.held[t.address, t.asset]) for t in truth.held),
        *((t, says.fees[t.address, t.asset]) for t in truth.fees),
        *((t, says.entered[t.address, t.asset]) for t in truth.innocents),
    ):
        low, high = bounds(known, follow=follow)
        assert low <= found <= high, story().names[known.address]


@RULES
@FOLLOW
def test_replayed_books_balance_and_the_truth_names_every_place(rule: str, follow: bool) -> None:
    incident, says = story(), replay(rule, follow=follow)
    truth = incident.truth
    places = {(t.address, t.asset) for t in truth.terminals}
    assert {key for key, units in says.reached.items() if units} <= places
    thieves = {(t.address, t.asset) for t in truth.held}
    bystanders = {(t.address, t.asset) for t in truth.innocents if t.high_followed}
    assert {key for key, units in says.held.items() if units} <= thieves | bystanders
    for leg in incident.legs:
        ends = (*says.reached.items(), *says.held.items(), *says.fees.items())
        total = sum(units for (_, asset), units in ends if asset == leg.asset)
        assert total == leg.amount + says.produced[leg.asset]


def test_the_mixed_places_do_differ_between_rules_and_most_places_do_not() -> None:
    truth = story().truth
    fifo, haircut = replay("fifo", follow=False), replay("haircut", follow=False)
    mixed = [t for t in (*truth.terminals, *truth.held) if not t.exact]
    assert any(fifo.reached[t.address, t.asset] != haircut.reached[t.address, t.asset] for t in mixed)
    assert sum(t.exact for t in (*truth.terminals, *truth.held, *truth.fees)) > 3 * len(mixed)


@pytest.mark.parametrize("background", [0, 2000])
def test_terminals_are_what_the_scenes_say(background: int) -> None:
    incident = tell(background=background)
    coin, usd, ore = (10 ** (a.decimals or 0) for a in list(incident.assets.values())[:3])
    keys = list(incident.assets)

    def known(name: str, asset: int) -> Bounded:
        where = incident.address(name), keys[asset]
        return next(t for t in incident.truth.terminals if (t.address, t.asset) == where)

    assert known("Whirl mixer", 0).units == 940 * coin
    assert known("Whirl mixer", 0).moves == 22
    assert known("Ember bridge", 1).low == known("Ember bridge", 1).high == 350_000 * usd
    assert known("Burn address", 2).low == 5 * ore
    assert known("Amber hot wallet", 0).low == 25 * coin
    assert known("Basalt deposit 1", 0).moves + known("Cobalt deposit 1", 0).moves == 14
    assert known("Dune pool", 1).low == 600_000 * usd
    assert known("Basalt deposit 4", 0).low_followed == 280 * coin
    assert [leg.amount for leg in incident.legs] == [
        6_255_935_250_000_000_000_007,
        2_412_345_678_901,
        90_250_500_000_000_000_000_000,
    ]


def test_decoys_get_nothing_and_the_overpaid_at_most_their_change() -> None:
    incident = story()
    most: dict[str, int] = defaultdict(int)
    for known in incident.truth.innocents:
        most[incident.names[known.address]] += known.high_followed
    for name in (
        "Look-alike of Thief 2",
        "Ferris (fooled)",
        "Poisoner",
        "Nadia",
        "Piotr",
        "Quynh",
        "Old account",
    ):
        assert most[name] == 0
    assert most["Ines (overpaid)"] == 2 * 10**18
    fake = list(incident.assets)[3]
    assert fake in incident.moves.assets
    assert all(t.asset != fake for t in incident.truth.terminals)


def test_look_alike_shares_five_characters_at_each_end() -> None:
    incident = story()
    real, twin = incident.address("Thief 2"), incident.address("Look-alike of Thief 2")
    assert real != twin
    assert real[2:7] == twin[2:7]
    assert real[-5:] == twin[-5:]


def test_same_seed_same_story() -> None:
    one, two, other = tell(7, 300), tell(7, 300), tell(8, 300)
    for column in ("tx_id", "block", "time", "kind", "sender", "receiver", "amount", "addresses"):
        assert getattr(one.moves, column).tobytes() == getattr(two.moves, column).tobytes()
    assert (one.tags, one.legs, one.truth, one.names) == (two.tags, two.legs, two.truth, two.names)
    assert one.moves.tx_id.tobytes() != other.moves.tx_id.tobytes()


@pytest.mark.parametrize("seed", [1, 2, 2022])
def test_only_the_old_account_overspends(seed: int) -> None:
    incident = tell(seed)
    balance: dict[Key, int] = defaultdict(int)
    short = set()
    for row in rows_of(incident.moves):
        if row.sender:
            balance[row.sender, row.asset] -= row.units
            if balance[row.sender, row.asset] < 0:
                short.add(row.sender)
        if row.receiver:
            balance[row.receiver, row.asset] += row.units
    assert short == {incident.address("Old account")} == set(incident.overdrawn)
    for known in incident.truth.held:
        assert balance[known.address, known.asset] == known.units


def test_positions_strictly_increase_and_columns_fit() -> None:
    moves = story().moves
    keys = list(zip(moves.block, moves.tx_index, moves.kind, moves.index, strict=True))
    assert all(a < b for a, b in itertools.pairwise(keys))
    logs = moves.kind == MoveKind.TOKEN
    where = list(zip(moves.block[logs], moves.index[logs], strict=True))
    assert all(a < b for a, b in itertools.pairwise(where))
    assert moves.amount.any(axis=1).all()
    assert len(np.unique(moves.addresses, axis=0)) == len(moves.addresses)
    assert (np.diff(moves.time) >= 0).all()
    assert 2000 < len(moves) < 5000


def test_swaps_sit_in_one_transaction_payment_first() -> None:
    incident = story()
    rows = rows_of(incident.moves)
    assert len(incident.truth.swaps) == 2
    for swap, kind in zip(incident.truth.swaps, (MoveKind.INTERNAL, MoveKind.TOKEN), strict=True):
        paid, product, fee = (row for row in rows if row.tx == swap.tx_id)
        assert (paid.sender, paid.receiver, paid.units) == (swap.payer, swap.pool, swap.paid)
        assert (product.sender, product.receiver, product.units) == (swap.pool, swap.payer, swap.product)
        assert (paid.kind, product.kind, fee.kind) == (MoveKind.TOKEN, kind, MoveKind.FEE)


def test_every_transaction_but_the_first_pays_a_fee_of_whole_gas() -> None:
    rows = rows_of(story().moves)
    by_tx: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_tx[row.tx].append(row)
    first, *rest = by_tx.values()
    assert all(row.kind == MoveKind.ISSUE for row in first)
    for parts in rest:
        assert [row.kind for row in parts].count(MoveKind.FEE) == 1
        tokens = sum(row.kind == MoveKind.TOKEN for row in parts)
        inner = sum(row.kind == MoveKind.INTERNAL for row in parts)
        assert parts[-1].units % (21_000 + 30_000 * tokens + 9_100 * inner) == 0
    failed = next(iter(story().failed))
    assert [row.kind for row in by_tx[failed]] == [MoveKind.FEE]
    assert by_tx[failed][0].sender == story().address("Thief 1")


def test_hot_wallet_works_before_and_after_the_theft() -> None:
    incident = story()
    rows = rows_of(incident.moves)
    amber = incident.address("Amber hot wallet")
    stolen = {tx for leg in incident.legs for tx in leg.tx_ids}
    at = [n for n, row in enumerate(rows) if row.tx in stolen]
    honest = [n for n, row in enumerate(rows) if row.sender == amber and row.receiver and row.tx not in stolen]
    assert sum(n < at[0] for n in honest) > 10
    assert sum(n > at[-1] for n in honest) > 10


def test_tags_cover_the_kinds_that_a_story_needs() -> None:
    incident = story()
    kinds = {tag.kind for tag in incident.tags}
    assert kinds >= {
        TagKind.EXCHANGE,
        TagKind.EXCHANGE_DEPOSIT,
        TagKind.MIXER,
        TagKind.BRIDGE,
        TagKind.BURN,
        TagKind.DEX,
        TagKind.VICTIM,
    }
    assert all(tag.source and tag.sha256 and tag.confidence == 100 for tag in incident.tags)
    assert incident.uncovered == [incident.address("Silent")]
    assert any(t.stop == Stop.GAP for t in incident.truth.held)


def test_telling_is_quick_and_light() -> None:
    start = time.process_time()
    tell(3)
    assert time.process_time() - start < 0.3
    code = "import sys, dyepack.synthetic.story; print([m for m in ('numba', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
