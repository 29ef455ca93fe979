"""Small ledgers of outputs for tests: built in memory by the program's own builder, from plain tuples or at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from dyepack.ledger.utxo.builder import Built, build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions, ScriptType
from dyepack.sources.bitcoin.store import manifest_of
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.plan import Origin, UtxoPlan


@dataclass(frozen=True)
class Tx:
    """One transaction of a test: it spends (transaction number, output number) and pays (name, units).

    Numbers of transactions are their places in the list; a negative one is outside, its value the third item (-1: not
    known). No inputs: a coinbase. A name "" is an output without an address, "data" one that can never be spent.
    """

    spends: list[tuple[int, ...]]
    pays: list[tuple[str, int]]
    block: int


def tx_id(number: int) -> bytes:
    """The id that stands for a transaction's number."""
    return (number % (1 << 64)).to_bytes(8, "little") + b"\x77" * 24


def packed(name: str) -> bytes:
    """The packed P2PKH address that stands for a name."""
    return b"\0\x14" + name.encode().ljust(20, b"\0")


def raw(txs: list[Tx]) -> RawTransactions:
    """Tuples as a source would give them; block n is at height 100 + n, n seconds after 1970."""
    names = sorted({n for t in txs for n, _ in t.pays if n not in {"", "data"}})
    rows = {n: i for i, n in enumerate(names)} | {"": -1, "data": -1}
    blocks = sorted({t.block for t in txs})
    spends = [s for t in txs for s in t.spends]
    pays = [p for t in txs for p in t.pays]
    ranks: dict[int, int] = {}
    index = []
    for t in txs:
        index.append(ranks.get(t.block, 0))
        ranks[t.block] = index[-1] + 1

    def value(spend: tuple[int, ...]) -> int:
        return UNKNOWN_VALUE if len(spend) < 3 or spend[2] < 0 else spend[2]

    return RawTransactions(
        block_id=np.array([[b % 256] * 32 for b in blocks], np.uint8).reshape(-1, 32),
        block_height=np.array(blocks, np.int64) + 100,
        block_time=np.array(blocks, np.int64),
        tx_block=np.array([blocks.index(t.block) for t in txs], np.int64),
        tx_index=np.array(index, np.int64),
        tx_id=np.array([list(tx_id(n)) for n in range(len(txs))], np.uint8).reshape(-1, 32),
        tx_coinbase=np.array([not t.spends for t in txs], np.uint8),
        in_offset=np.cumsum([0] + [len(t.spends) for t in txs]),
        in_txid=np.array([list(tx_id(s[0])) for s in spends], np.uint8).reshape(-1, 32),
        in_index=np.array([s[1] for s in spends], np.uint32),
        in_value=np.array([value(s) for s in spends], np.uint64),
        in_address=np.full(len(spends), -1, np.int64),
        out_offset=np.cumsum([0] + [len(t.pays) for t in txs]),
        out_value=np.array([v for _, v in pays], np.uint64),
        out_type=np.array([ScriptType.OP_RETURN if n == "data" else ScriptType.P2PKH for n, _ in pays], np.uint8),
        out_address=np.array([rows[n] for n, _ in pays], np.int64),
        addresses=np.array([list(packed(n)) for n in names], np.uint8).reshape(-1, 22),
        source="test",
    )


def ledger_of(txs: list[Tx]) -> UtxoLedger:
    """A ledger in memory."""
    return opened(build([raw(txs)]))


def opened(built: Built) -> UtxoLedger:
    """Built columns as a ledger, without a folder."""
    manifest = manifest_of(built, chain="test", network="mainnet")
    return UtxoLedger(Path(), manifest, "0" * 64, built.columns)


@dataclass
class Story:
    """A random chain in the making: what is unspent."""

    txs: list[Tx] = field(default_factory=list)
    unspent: list[tuple[int, int, int]] = field(default_factory=list)


@st.composite
def chains(draw: st.DrawFn, most: int = 14, largest: int = 40) -> list[Tx]:
    """A chain with a coinbase in every block that pays the fees of its block, in part or in full."""
    story = Story()
    size = draw(st.integers(1, most))
    block = 0
    while len(story.txs) < size:
        here: list[tuple[list[tuple[int, ...]], list[tuple[str, int]]]] = []
        before = list(story.unspent)
        fees = 0
        number = len(story.txs) + 1
        for _ in range(draw(st.integers(0, 3))):
            if not before:
                break
            taken = [before.pop(draw(st.integers(0, len(before) - 1)))
                     for _ in range(draw(st.integers(1, min(4, len(before)))))]  # fmt: skip
            total = sum(v for _, _, v in taken)
            spends: list[tuple[int, ...]] = [t[:2] for t in taken]
            if draw(st.integers(0, 9)) == 0:
                known = draw(st.integers(-1, largest))
                spends.insert(draw(st.integers(0, len(spends))), (-5 - number, 0, known))
                total += max(known, 0)
            pays = []
            left = total
            for _ in range(draw(st.integers(1, 4))):
                part = draw(st.integers(0, left))
                left -= part
                pays.append((draw(st.sampled_from(["a", "b", "c", "d", "", "data"])), part))
            fees += left if all(len(s) < 3 or s[2] >= 0 for s in spends) else 0
            before += [(number, i, v) for i, (n, v) in enumerate(pays) if n != "data"]
            number += 1
            here.append((spends, pays))
        new = draw(st.integers(0, largest)) + draw(st.integers(0, fees))
        cut = draw(st.integers(0, new))
        coinbase = len(story.txs)
        story.txs.append(Tx([], [("m", cut), ("n", new - cut)], block))
        for spends, pays in here:
            story.txs.append(Tx(spends, pays, block))
        story.unspent = [*before, (coinbase, 0, cut), (coinbase, 1, new - cut)]
        block += 1
    return story.txs


@st.composite
def plans(draw: st.DrawFn, ledger: UtxoLedger, *, backward: bool = False) -> UtxoPlan:
    """Thefts of some outputs, and any stop rules."""
    valued = [o for o in range(ledger.outputs) if ledger.output_value[o]]
    origins = []
    if valued:
        for output in draw(st.lists(st.sampled_from(valued), min_size=1, max_size=4, unique=True)):
            most = int(ledger.output_value[output])
            units = draw(st.sampled_from([most, draw(st.integers(1, most))]))
            origins.append(Origin(output, draw(st.integers(1, 3)), units))
    stops = {}
    if len(ledger.address_id) and draw(st.booleans()):
        stops = draw(st.dictionaries(st.integers(0, len(ledger.address_id) - 1),
                                     st.sampled_from([Stop.SERVICE, Stop.MIXER, 255]), max_size=2))  # fmt: skip
    return UtxoPlan(
        sorted(origins, key=lambda o: (o.output, o.leg)), {k: int(v) for k, v in stops.items()},
        cut_off=draw(st.sampled_from([0, 0, 3])), hop_limit=draw(st.sampled_from([0, 0, 2])),
        end_tx=draw(st.sampled_from([None, None, max(ledger.transactions - 2, 0)])),
        hub_limit=draw(st.sampled_from([0, 0, 2])), fee_first=draw(st.booleans()),
        follow_fees=not backward and ledger.complete and draw(st.booleans()), backward=backward,
    )  # fmt: skip
