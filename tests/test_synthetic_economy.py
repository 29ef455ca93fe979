"""The benchmark economy: sizes as asked, everybody solvent, dyed regions of a fixed size."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from dyepack.ledger.schema import MoveKind, to_int
from dyepack.synthetic.economy import Economy, economy
from dyepack.synthetic.region import THEFT_MOVES, shape_of


def touched(world: Economy) -> list[int]:
    """How many moves can carry dye of each theft, stopping at services."""
    moves = world.moves
    ids = np.array([row.tobytes().hex() for row in moves.tx_id])
    names = ["0x" + row.tobytes().hex() for row in moves.addresses]
    stops = {n for n, name in enumerate(names) if name in set(world.services)}
    counts = []
    for leg in world.thefts:
        stolen = {tx[2:] for tx in leg.tx_ids}
        dyed: set[int] = set()
        count = 0
        for n in np.flatnonzero(moves.asset == 0):
            theft = ids[n] in stolen and moves.kind[n] == MoveKind.VALUE
            if theft or int(moves.sender[n]) in dyed:
                count += 1
                if int(moves.receiver[n]) >= 0 and int(moves.receiver[n]) not in stops:
                    dyed.add(int(moves.receiver[n]))
        counts.append(count)
    return counts


@pytest.mark.parametrize("moves", [10_000, 40_000])
@pytest.mark.parametrize("fees", [True, False])
def test_sizes_are_as_asked(moves: int, fees: bool) -> None:
    world = economy(moves, thefts=2, fees=fees, dyed_moves=500)
    assert moves - 1 <= len(world.moves) <= moves
    assert abs(world.dyed_moves - 500) <= 1
    assert touched(world) == [world.dyed_moves] * 2
    assert (world.moves.kind == MoveKind.FEE).any() == fees


def test_the_region_stays_while_the_ledger_grows() -> None:
    small, large = economy(5_000, dyed_moves=300), economy(50_000, dyed_moves=300)
    assert touched(small) == touched(large) == [299]


def test_a_leak_lets_dye_into_the_open_economy() -> None:
    world = economy(20_000, dyed_moves=300, leak=True)
    assert touched(world)[0] > 1000


def test_same_seed_same_bytes() -> None:
    one, two, other = economy(3_000, seed=5), economy(3_000, seed=5), economy(3_000, seed=6)
    for column in ("tx_id", "block", "kind", "sender", "receiver", "asset", "amount", "addresses"):
        assert getattr(one.moves, column).tobytes() == getattr(two.moves, column).tobytes()
    assert one.thefts == two.thefts
    assert one.moves.amount.tobytes() != other.moves.amount.tobytes()
    assert one.moves.tx_id.tobytes() != other.moves.tx_id.tobytes()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("leak", [True, False])
def test_nobody_overspends(seed: int, leak: bool) -> None:
    moves = economy(12_000, thefts=3, seed=seed, dyed_moves=400, leak=leak).moves
    balance: dict[tuple[int, int], int] = defaultdict(int)
    for n in range(len(moves)):
        sender, receiver, asset = int(moves.sender[n]), int(moves.receiver[n]), int(moves.asset[n])
        units = to_int(moves.amount[n])
        assert units > 0
        assert sender != receiver
        if sender >= 0:
            balance[sender, asset] -= units
            assert balance[sender, asset] >= 0
        if receiver >= 0:
            balance[receiver, asset] += units


def test_positions_ids_and_amounts() -> None:
    world = economy(20_000, thefts=4, dyed_moves=200)
    moves = world.moves
    keys = list(zip(moves.block, moves.tx_index, moves.kind, moves.index, strict=True))
    assert all(a < b for a, b in itertools.pairwise(keys))
    assert len(np.unique(moves.addresses, axis=0)) == len(moves.addresses)
    changes = int(
        (np.diff(moves.block) != 0).sum() + ((np.diff(moves.block) == 0) & (np.diff(moves.tx_index) != 0)).sum()
    )
    assert len(np.unique(moves.tx_id, axis=0)) == changes + 1
    assert (moves.amount[:, 1] > 0).mean() > 0.01
    issued = moves.sender < 0
    assert int(moves.block[issued].max()) < int(moves.block[~issued].min())
    share = np.sort(np.bincount(moves.sender[moves.sender >= 0]))[::-1]
    assert share[:20].sum() > share.sum() * 0.15
    assert len(world.thefts) == 4
    assert all(len(leg.tx_ids) == THEFT_MOVES and leg.amount > 1000 * 10**18 for leg in world.thefts)
    assert {tag.address for tag in world.tags} == set(world.services)


@pytest.mark.parametrize("transactions", [1, 5, 8, 9, 100, 101])
def test_a_region_has_exactly_so_many_transactions(transactions: int) -> None:
    shape = shape_of(transactions)
    assert len(shape) == transactions
    assert int(shape.sender.max()) < shape.nodes
    assert int(shape.receiver.max()) == shape.nodes - 1
    paid: set[int] = {0}
    for sender, receiver in zip(shape.sender, shape.receiver, strict=True):
        assert int(sender) in paid
        paid.add(int(receiver))


def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        economy(1000, thefts=5, dyed_moves=1000)
    with pytest.raises(ValueError, match="too many accounts"):
        economy(10_000, accounts=10_000)
