"""Small ledgers for tests: built in memory by the program's own builder, from plain tuples or at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from dyepack.ledger.builder import Built, build
from dyepack.ledger.manifest import COMPLETE, Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import I64, U8, MoveKind, RawMoves, to_words
from dyepack.money import Asset
from dyepack.tracing.plan import Declared, Plan
from dyepack.tracing.terminals import Stop


@dataclass(frozen=True)
class Move:
    """One move of a test: names are short texts, "" is nowhere; moves with one `tx` share a transaction."""

    tx: int
    sender: str
    receiver: str
    units: int
    asset: str = "native"
    kind: int = MoveKind.VALUE
    index: int = 0


def address(name: str) -> str:
    """The 20-byte address that stands for a test's name."""
    return "0x" + name.encode().hex().ljust(40, "0")


def tx_hash(tx: int) -> str:
    """The hash that stands for a test's transaction number."""
    return f"0x{tx:064x}"


def raw_moves(moves: list[Move], source: str = "test") -> RawMoves:
    """Tuples as a source would give them; transaction n is the first of block n, at n seconds."""
    names = sorted({n for m in moves for n in (m.sender, m.receiver)} - {""})
    assets = sorted({m.asset for m in moves})
    place = {n: i for i, n in enumerate(names)} | {"": -1}

    def whole(values: list[int]) -> I64:
        return np.array(values, np.int64)

    return RawMoves(
        tx_id=np.array([list(m.tx.to_bytes(32, "big")) for m in moves], np.uint8).reshape(-1, 32),
        block=whole([m.tx for m in moves]),
        tx_index=whole([0] * len(moves)),
        time=whole([m.tx for m in moves]),
        kind=np.array([m.kind for m in moves], np.uint8),
        index=whole([m.index for m in moves]),
        sender=whole([place[m.sender] for m in moves]),
        receiver=whole([place[m.receiver] for m in moves]),
        asset=whole([assets.index(m.asset) for m in moves]),
        amount=np.array([to_words(m.units) for m in moves], np.uint64).reshape(-1, 2),
        row=np.arange(2, len(moves) + 2),
        addresses=np.array([list(bytes.fromhex(address(n)[2:])) for n in names], np.uint8).reshape(-1, 20),
        assets=assets,
        source=source,
    )


def uniform_state(built: Built, state: int = COMPLETE) -> U8:
    """The same state of completeness for every holding."""
    return np.full(built.counts["holdings"], state, np.uint8)


def ledger_of(moves: list[Move]) -> Ledger:
    """A ledger in memory."""
    built = build([raw_moves(moves)])
    manifest = Manifest(
        "test", [Asset(k, k.upper()[:4], 2) for k in built.assets], "hex", "hex", [], built.counts, {}, {}, {}, []
    )
    return Ledger(Path(), manifest, "0" * 64, built.columns | {"holding_state": uniform_state(built)})


def holding(ledger: Ledger, name: str, asset: str = "native") -> int:
    """The holding of a test's name."""
    number = ledger.find_address(address(name))
    asset_id = ledger.asset_id(asset)
    assert number is not None
    assert asset_id is not None
    found = ledger.find_holding(number, asset_id)
    assert found is not None
    return found


@dataclass
class Scene:
    """A random ledger with a random theft on it."""

    moves: list[Move]
    ledger: Ledger
    plan: Plan


_NAMES = [f"a{i}" for i in range(7)]
WRAPPED = address("a6")
"""A token whose contract is the address of a6."""

_ZERO = "\0"
"""The name whose address is the zero address."""

_ASSETS = ["native", "tok", "usd", WRAPPED]


@st.composite
def scenes(draw: st.DrawFn, *, large: bool = False, backward: bool = False) -> Scene:
    """Random moves (several per transaction, fees, mints, self-transfers, swaps), legs, stops and limits."""
    units = st.one_of(st.integers(1, 30), st.integers(1, 10**6), st.integers(2**63, 2**65))
    if large:
        units = st.one_of(units, st.integers(2**126, 2**128 - 1))
    moves: list[Move] = []
    for tx in range(draw(st.integers(1, 22))):
        for index in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from([MoveKind.VALUE, MoveKind.TOKEN, MoveKind.INTERNAL, MoveKind.FEE]))
            asset = draw(st.sampled_from(_ASSETS)) if kind == MoveKind.TOKEN else "native"
            ends = [draw(st.sampled_from(_NAMES)), draw(st.sampled_from(_NAMES))]
            if kind == MoveKind.FEE:
                ends[1] = ""
            elif draw(st.integers(0, 9)) == 0:
                ends[0] = ""
            moves.append(Move(tx, ends[0], ends[1], draw(units), asset, kind, index))
        if draw(st.integers(0, 4)) == 0:
            a, b = draw(st.permutations(_NAMES))[:2]
            moves.append(Move(tx, a, b, draw(units), "tok", MoveKind.TOKEN, 90))
            moves.append(Move(tx, b, a, draw(units), draw(st.sampled_from(["native", "usd"])), MoveKind.INTERNAL, 91))
        if draw(st.integers(0, 2)) == 0:
            moves += draw(exchanges(tx, units))
    ledger = ledger_of(moves)
    payments = [m for m in range(ledger.moves) if ledger.move_kind[m] != MoveKind.FEE]
    chosen = draw(st.lists(st.sampled_from(payments), max_size=4, unique=True)) if payments else []
    plan = Plan({m: draw(st.integers(1, 3)) for m in chosen}, backward=backward)
    plan.leg_most = {m: draw(st.integers(1, 2 * ledger.amount(m))) for m in chosen if draw(st.integers(0, 2)) == 0}
    plan.leg_most = {m: units for m, units in plan.leg_most.items() if units < 1 << 128}
    plan.fees_by_rule = backward or draw(st.booleans())
    starts = [ledger.tx_moves(tx).start for tx in range(len(ledger.tx_block))] + [ledger.moves]
    holdings = st.integers(0, len(ledger.holding_key) - 1)
    plan.declared = sorted(
        (Declared(draw(st.sampled_from(starts)), draw(holdings), draw(st.integers(1, 3)), draw(units))
         for _ in range(draw(st.integers(0, 2)))),
        key=lambda d: d.before_move,
    )  # fmt: skip
    _limits(draw, ledger, plan)
    return Scene(moves, ledger, plan)


@st.composite
def exchanges(draw: st.DrawFn, tx: int, units: st.SearchStrategy[int]) -> list[Move]:
    """A swap as contracts make it: by a router that wraps, out of order, to a third party, with two products."""
    user, router, pool, other = draw(st.permutations(_NAMES[:6]))[:4]
    paid, wrapped, got, more = (draw(units) for _ in range(4))
    token, inner = MoveKind.TOKEN, MoveKind.INTERNAL
    fee = [Move(tx, user, "", draw(st.integers(1, 99)), "native", MoveKind.FEE, 99)] * draw(st.integers(0, 1))
    shapes = [
        [Move(tx, user, router, paid, "native", MoveKind.VALUE, 20), Move(tx, router, "a6", paid, "native", inner, 21),
         Move(tx, "", router, paid, WRAPPED, token, 22), Move(tx, router, pool, paid, WRAPPED, token, 23),
         Move(tx, pool, user, got, "tok", token, 24)],
        [Move(tx, pool, user, got, "tok", token, 20), Move(tx, user, router, paid, "usd", token, 21),
         Move(tx, router, pool, paid, "usd", token, 22)],
        [Move(tx, user, pool, paid, "tok", token, 20), Move(tx, pool, user, got, "usd", token, 21),
         Move(tx, pool, other, more, "usd", token, 22)],
        [Move(tx, user, _ZERO, paid, WRAPPED, token, 20), Move(tx, "a6", other, paid, "native", inner, 21),
         Move(tx, router, _ZERO, wrapped, WRAPPED, token, 22), Move(tx, "a6", router, wrapped, "native", inner, 23)],
        [Move(tx, user, pool, paid, "tok", token, 20), Move(tx, user, pool, more, "usd", token, 21),
         Move(tx, "", user, got, WRAPPED, token, 22), Move(tx, user, "a6", more, "native", inner, 23)],
    ]  # fmt: skip
    return draw(st.sampled_from(shapes)) + fee


def _limits(draw: st.DrawFn, ledger: Ledger, plan: Plan) -> None:
    if draw(st.booleans()):
        stop = st.sampled_from([Stop.SERVICE, Stop.MIXER, Stop.SWAP, Stop.BURN, 255])
        plan.stops = {a: int(draw(stop)) for a in range(len(ledger.address_id)) if draw(st.integers(0, 4)) == 0}
    if draw(st.integers(0, 3)) == 0:
        plan.hop_limit = draw(st.integers(1, 5))
    if draw(st.integers(0, 3)) == 0:
        plan.cut_off = {a: draw(st.integers(1, 1000)) for a in range(len(ledger.assets))}
    if draw(st.integers(0, 3)) == 0:
        plan.hub_limit = draw(st.integers(1, 4))
    if draw(st.integers(0, 3)) == 0 and not plan.backward:
        tx = draw(st.integers(0, int(ledger.move_tx[-1])))
        plan.end_move = ledger.tx_moves(tx).stop
