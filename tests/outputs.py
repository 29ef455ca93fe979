"""Small ledgers of outputs for tests: built in memory by the program's own builder, from plain tuples or at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from dyepack.ledger.utxo.builder import Built, Columns, build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.ledger.utxo.schema import UNKNOWN_VALUE, RawTransactions, ScriptType
from dyepack.ledger.writer import publish
from dyepack.sources.bitcoin.store import manifest_of
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.plan import Origin, UtxoPlan


@dataclass(frozen=True)
class Tx:
    """One transaction of a test: it spends (transaction number, output number) and pays (name, units).

    Numbers of transactions are their places in the list; a negative one is outside, its value the third item (-1: not
    known) and its address in `owners`, by its place among the inputs. No inputs: a coinbase. A name "" is an output
    without an address, "data" one that can never be spent. `bears`: the number of the transaction whose id it has too
    (BIP 30).
    """

    spends: list[tuple[int, ...]]
    pays: list[tuple[str, int]]
    block: int
    owners: dict[int, str] = field(default_factory=dict)
    bears: int = -1


def tx_id(number: int) -> bytes:
    """The id that stands for a transaction's number."""
    return (number % (1 << 64)).to_bytes(8, "little") + b"\x77" * 24


def packed(name: str) -> bytes:
    """The packed P2PKH address that stands for a name."""
    return b"\0\x14" + name.encode().ljust(20, b"\0")


def raw(txs: list[Tx]) -> RawTransactions:
    """Tuples as a source would give them; block n is at height 100 + n, n seconds after 1970."""
    names = sorted({n for t in txs for n in (*dict(t.pays), *t.owners.values())} - {"", "data"})
    rows = {n: i for i, n in enumerate(names)} | {"": -1, "data": -1}
    ids = [tx_id(n if t.bears < 0 else t.bears) for n, t in enumerate(txs)]
    owners = [t.owners.get(i, "") for t in txs for i in range(len(t.spends))]
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
        tx_id=np.array([list(i) for i in ids], np.uint8).reshape(-1, 32),
        tx_coinbase=np.array([not t.spends for t in txs], np.uint8),
        in_offset=np.cumsum([0] + [len(t.spends) for t in txs]),
        in_txid=np.array([list(tx_id(s[0]) if s[0] < 0 else ids[s[0]]) for s in spends], np.uint8).reshape(-1, 32),
        in_index=np.array([s[1] for s in spends], np.uint32),
        in_value=np.array([value(s) for s in spends], np.uint64),
        in_address=np.array([rows[n] for n in owners], np.int64),
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
    """Built columns as a ledger, without a folder; they are not to be written, as mapped ones are not."""
    for column in built.columns.values():
        column.flags.writeable = False
    ledger = UtxoLedger(Path(), manifest_of(built, chain="test", network="mainnet"), "0" * 64, built.columns)
    assert ledger.fits()
    return ledger


def in_memory(columns: Columns) -> UtxoLedger:
    """The columns of a whole chain as a ledger, without a folder."""
    return opened(Built(columns, complete=True))


def written(columns: Columns, folder: Path) -> Path:
    """A ledger of a whole chain on disk."""
    publish(folder, in_memory(columns).manifest, columns)
    return folder


@dataclass
class Story:
    """A random chain in the making: what is unspent, as (transaction, output, units)."""

    txs: list[Tx] = field(default_factory=list)
    unspent: list[tuple[int, int, int]] = field(default_factory=list)

    def whole_coinbases(self) -> list[int]:
        """Coinbases that have an id of their own and that nothing has spent from."""
        spent = {s[:2] for t in self.txs for s in t.spends}
        borne = {t.bears for t in self.txs}
        return [n for n, t in enumerate(self.txs)
                if not t.spends and t.bears < 0 and n not in borne and not {(n, 0), (n, 1)} & spent]  # fmt: skip


@st.composite
def chains(draw: st.DrawFn, most: int = 14, largest: int = 40) -> list[Tx]:
    """A chain with a coinbase in every block that pays the fees of its block, in part or in full; seldom it is the
    very coinbase of an earlier block again, whose outputs are destroyed."""
    story = Story()
    size = draw(st.integers(1, most))
    block = 0
    while len(story.txs) < size:
        coinbase, whole = len(story.txs), story.whole_coinbases()
        again = draw(st.sampled_from(whole)) if whole and draw(st.integers(0, 7)) == 0 else -1
        before = [u for u in story.unspent if u[0] != again]
        here: list[Tx] = []
        fees = 0
        for _ in range(draw(st.integers(0, 3))):
            if before:
                tx, fee = draw(_payments(before, coinbase + 1 + len(here), block, largest))
                here.append(tx)
                fees += fee
        new = draw(st.integers(0, largest)) + draw(st.integers(0, fees))
        cut = draw(st.integers(0, new))
        pays = [("m", cut), ("n", new - cut)] if again < 0 else story.txs[again].pays
        story.txs += [Tx([], pays, block, bears=again), *here]
        story.unspent = [*before, *((coinbase, i, v) for i, (_, v) in enumerate(pays))]
        block += 1
    return story.txs


@st.composite
def _payments(
    draw: st.DrawFn, unspent: list[tuple[int, int, int]], number: int, block: int, largest: int
) -> tuple[Tx, int]:
    """Transaction `number`, which takes from what is unspent and adds to it, and its fee (0 where not known)."""
    taken = [unspent.pop(draw(st.integers(0, len(unspent) - 1)))
             for _ in range(draw(st.integers(1, min(4, len(unspent)))))]  # fmt: skip
    spends: list[tuple[int, ...]] = [t[:2] for t in taken]
    left = sum(v for _, _, v in taken)
    known, owners = 0, {}
    if draw(st.integers(0, 9)) == 0:
        known = draw(st.integers(-1, largest))
        place = draw(st.integers(0, len(spends)))
        spends.insert(place, (-5 - number, 0, known))
        owners = {place: draw(st.sampled_from(["a", "e", ""]))}
        left += max(known, 0)
    pays = []
    for _ in range(draw(st.integers(1, 4))):
        part = draw(st.integers(0, left))
        left -= part
        pays.append((draw(st.sampled_from(["a", "b", "c", "d", "", "data"])), part))
    unspent += [(number, i, v) for i, (n, v) in enumerate(pays) if n != "data"]
    return Tx(spends, pays, block, owners), left if known >= 0 else 0


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
    mixes = draw(st.sets(st.integers(0, max(ledger.transactions - 1, 0)), max_size=2)) if draw(st.booleans()) else set()
    return UtxoPlan(
        sorted(origins, key=lambda o: (o.output, o.leg)), {k: int(v) for k, v in stops.items()}, frozenset(mixes),
        cut_off=draw(st.sampled_from([0, 0, 3])), hop_limit=draw(st.sampled_from([0, 0, 2])),
        end_tx=draw(st.sampled_from([None, None, max(ledger.transactions - 2, 0)])),
        hub_limit=draw(st.sampled_from([0, 0, 2])), fee_first=draw(st.booleans()),
        follow_fees=not backward and ledger.complete and draw(st.booleans()), backward=backward,
    )  # fmt: skip
