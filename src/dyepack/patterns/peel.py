"""Peel chains on ledgers of outputs: a large output that loses a small part in each of many transactions in a row.

A hop is a transaction of one input and two outputs that can be spent; the larger output is carried on, the smaller one
is the peel. A chain is a row of hops each of which spends what the one before carried. Where the remainders of chains
are gathered in one transaction, or what spends one makes what is peeled again, all of them are one finding
("re-aggregation", as in US v. 113 Virtual Currency Accounts): half or more of that transaction's inputs must be such
remainders. So a hop that breaks the rule joins the two parts of its chain.

An honest wallet that pays several people in two days from one coin has the same shape, and is found too: the finding
says what was done, not by whom.

Invariant: an output is carried by one hop at most, a hop is in one chain at most; the answer depends on the ledger and
the parameters alone; the cost is linear in the transactions looked at. Findings are in chain order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.utxo.schema import NOT_ASKED, OUTSIDE, UNSPENT
from dyepack.patterns.activity import DAY, SECONDS_A_BITCOIN_BLOCK
from dyepack.patterns.change import Spends, fresh_address
from dyepack.patterns.finding import Finding, Rule
from dyepack.patterns.runs import gaps, joined, runs, soon_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U32
    from dyepack.ledger.utxo.reader import UtxoLedger

_CHUNK = 1 << 16
_NONE = -1
_NO_HOP = NOT_ASKED
"""In a column of spenders: the transaction is no hop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of the rule, with its defaults.

    hops       least number of hops of a chain
    peel_part  largest peel, as a percentage of what is carried on
    units      least satoshi of a peel and of what is carried on
    gap        seconds between two hops that count as soon after
    soon       least percentage of a chain's gaps that are soon
    gathered   least percentage of a transaction's inputs that are remainders, for it to join chains
    """

    hops: int = 5
    peel_part: int = 50
    units: int = 1_000
    gap: int = DAY
    soon: int = 80
    gathered: int = 50


LIMITS = Limits()

RULE = Rule(
    id="peel-chain/1",
    pattern="peel chain",
    conditions=(
        "5 hops or more of 1 input and 2 outputs, each spending the larger output of the one before: peel at most 50 % "
        "of what is carried on, both at least 1,000 satoshi, what is carried on of the script type of what was spent "
        "and at an address met for the first time, and at least 80 % of the hops within 24 hours of the one before; "
        "chains are joined through a transaction of whose inputs at least half are their remainders"
    ),
    source=(
        "US v. 113 Virtual Currency Accounts (D.D.C. 20-606): a small amount peeled to one address, the rest to a "
        "one-time change address, the remainders re-aggregated; 1 input and 2 outputs: BlockSci; 1,000 satoshi: "
        "Hopline; the other thresholds are this project's own"
    ),
    confidence=70,
    evidence="E5",
    measured=(
        "on 5 generated chains (100,016 transactions, habits made up): found 559 of 641 planted chains of 5 hops or "
        "more, of which some break a condition on purpose; 17 of 315 findings are rows of honest payments; not "
        "measured on real chains"
    ),
    parameters=dict(asdict(LIMITS)),
)


@dataclass(frozen=True, slots=True)
class _Hops:
    """Which transactions are hops, the output that each carries on, and what it peels off."""

    is_hop: npt.NDArray[np.bool_]
    carried: I64
    peel: I64


def peel_chains(
    ledger: UtxoLedger, start_txs: Iterable[int] | None = None, *, limits: Limits = LIMITS
) -> list[Finding]:
    """The peel chains of a ledger, or those that begin at `start_txs` or in what spends from them.

    Chains that go on from what their remainders were gathered in are followed from there, wherever they began.
    """
    chains: list[list[int]] = []
    if start_txs is None:
        starts, after = _every_start(ledger, limits)
        chains = [part for start in starts for part in _chain(ledger, _row(start, after.item), limits)]
    else:
        seen: set[int] = set()
        todo = _starts_after(ledger, start_txs, limits)
        while todo:
            rows = [_row(start, lambda tx: _after(ledger, tx, seen, limits)) for start in todo]
            new = [part for row in rows for part in _chain(ledger, row, limits)]
            chains += new
            todo = _starts_after(ledger, {_next(ledger, _carried(ledger, chain[-1])) for chain in new}, limits)
            todo = [start for start in todo if start not in seen]
    return [_finding(ledger, group, joins, limits) for group, joins in _joined(ledger, chains, limits)]


def hops_of(ledger: UtxoLedger, txs: I64, limits: Limits = LIMITS) -> _Hops:
    """Which of these transactions are hops, what they carry on and what they peel off (outputs, -1 for no hop)."""
    batch = Spends(ledger, txs)
    row = np.arange(len(txs))
    two = (np.bincount(batch.by, minlength=len(txs)) == 1) & (np.bincount(batch.of, minlength=len(txs)) == 2)
    two &= ledger.tx_flag[txs] == 0
    first = np.searchsorted(batch.of, row[two])
    pair = batch.value[first].astype(np.int64), batch.value[first + 1].astype(np.int64)
    larger = np.where(pair[0] >= pair[1], first, first + 1)
    smaller = 2 * first + 1 - larger
    carried, peel = batch.value[larger].astype(np.int64), batch.value[smaller].astype(np.int64)
    spent = np.searchsorted(batch.by, row[two])
    script = batch.source_script[spent] == ledger.output_type[batch.output[larger]]
    good = (peel >= limits.units) & (peel * 100 <= carried * limits.peel_part) & script
    good &= (carried != peel) & fresh_address(batch)[larger]
    made = _Hops(np.zeros(len(txs), np.bool_), np.full(len(txs), _NONE, np.int64), np.full(len(txs), _NONE, np.int64))
    at = row[two][good]
    made.is_hop[at] = True
    made.carried[at], made.peel[at] = batch.output[larger[good]], batch.output[smaller[good]]
    return made


def _every_start(ledger: UtxoLedger, limits: Limits) -> tuple[list[int], U32]:
    """(hops with no hop before them and enough after them, what spends that which each transaction carries on).

    The second is UNSPENT where nothing does, as far as the ledger shows, and _NO_HOP for what is no hop.
    """
    after = np.full(ledger.transactions, _NO_HOP, np.uint32)
    for start in range(0, ledger.transactions, _CHUNK):
        txs = np.arange(start, min(start + _CHUNK, ledger.transactions), dtype=np.int64)
        found = hops_of(ledger, txs, limits)
        spender = ledger.output_spender[found.carried[found.is_hop]]
        after[txs[found.is_hop]] = np.where(spender < NOT_ASKED, spender, UNSPENT)
    begins = after != _NO_HOP
    begins[after[begins & (after != UNSPENT)]] = False
    starts = np.flatnonzero(begins)
    at = starts
    for _ in range(limits.hops - 1):
        on = after[at]
        going = on != UNSPENT
        going[going] = after[on[going]] != _NO_HOP
        starts, at = starts[going], on[going].astype(np.int64)
    return starts.tolist(), after


def _after(ledger: UtxoLedger, tx: int, seen: set[int], limits: Limits) -> int:
    """As `_every_start` says of one transaction; _NO_HOP for one that was seen before."""
    found = hops_of(ledger, np.array([tx], np.int64), limits)
    if tx in seen or not found.is_hop[0]:
        return _NO_HOP
    seen.add(tx)
    on = int(ledger.output_spender[int(found.carried[0])])
    return on if on < NOT_ASKED else UNSPENT


def _starts_after(ledger: UtxoLedger, txs: Iterable[int], limits: Limits) -> list[int]:
    """The hops among these transactions and what spends from them, ascending."""
    near = set(txs) - {_NONE}
    for tx in tuple(near):
        made = ledger.outputs_of(tx)
        near |= {int(s) for s in ledger.output_spender[made.start : made.stop] if s < NOT_ASKED}
    every = np.array(sorted(near), np.int64)
    found: list[int] = every[hops_of(ledger, every, limits).is_hop].tolist()
    return found


def _row(start: int, after: Callable[[int], int]) -> list[int]:
    """The hops in a row from `start` on."""
    row = []
    tx = start
    while tx != UNSPENT and (on := after(tx)) != _NO_HOP:
        row.append(tx)
        tx = on
    return row


def _chain(ledger: UtxoLedger, row: list[int], limits: Limits) -> list[list[int]]:
    """The chains in a row of hops: all of it if its gaps are short, else the parts where they are."""
    if len(row) < limits.hops:
        return []
    soon = [gap <= limits.gap for gap in _gaps(ledger, row)]
    return [row[a : b + 1] for a, b in runs(soon, limits.soon) if b - a + 1 >= limits.hops]


def _gaps(ledger: UtxoLedger, row: list[int]) -> list[int]:
    """Seconds between one hop and the next; blocks stand for them where a time is missing."""
    block = ledger.tx_block[np.array(row, np.int64)]
    return gaps(ledger.block_time[block], ledger.block_height[block], SECONDS_A_BITCOIN_BLOCK)


def _next(ledger: UtxoLedger, output: int) -> int:
    spender = int(ledger.output_spender[output])
    return spender if spender < NOT_ASKED else _NONE


def _carried(ledger: UtxoLedger, tx: int) -> int:
    """The output that a hop carries on."""
    made = ledger.outputs_of(tx)
    return max(made, key=lambda output: int(ledger.output_value[output]))


def _joined(ledger: UtxoLedger, chains: list[list[int]], limits: Limits) -> list[tuple[list[list[int]], list[int]]]:
    """(chains, transactions that gathered their remainders), for each group of chains that these join."""
    chains = sorted(chains)
    ends: dict[int, list[int]] = {}
    begins: dict[int, list[int]] = {}
    for at, chain in enumerate(chains):
        ends.setdefault(_next(ledger, _carried(ledger, chain[-1])), []).append(at)
        begins.setdefault(int(ledger.input_tx[ledger.inputs_of(chain[0]).start]), []).append(at)

    gathered: dict[int, list[int]] = {}
    for tx in sorted(ends.keys() - {_NONE, OUTSIDE}):
        inputs = len(ledger.inputs_of(tx))
        members = ends[tx] + begins.get(tx, [])
        if len(ends[tx]) * 100 >= inputs * limits.gathered and len(members) > 1:
            gathered[tx] = members
    return joined(chains, gathered)


def _finding(ledger: UtxoLedger, chains: list[list[int]], joins: list[int], limits: Limits) -> Finding:
    """One finding of chains that belong together."""
    hops = [tx for chain in chains for tx in chain]
    rows = hops_of(ledger, np.array(hops, np.int64), limits)
    value = ledger.output_value
    begun = sum(int(ledger.input_value[ledger.inputs_of(chain[0]).start]) for chain in chains)
    peeled = [int(value[output]) for output in rows.peel.tolist()]
    largest = max(100 * int(value[p]) / int(value[c]) for p, c in zip(rows.peel.tolist(), rows.carried.tolist(),
                                                                     strict=True))  # fmt: skip
    soon = soon_percent([gap for chain in chains for gap in _gaps(ledger, chain)], limits.gap)
    txs = sorted([*hops, *joins])
    peels = [ledger.place_text(output) for _, output in sorted(zip(hops, rows.peel.tolist(), strict=True))]
    first, last = ledger.tx_time(txs[0]), ledger.tx_time(txs[-1])
    words = (
        f"{len(hops):,} hops in {len(chains):,} chains, joined by {len(joins):,} transactions that spent what they left"
        if joins else f"a chain of {len(hops):,} hops"
    )  # fmt: skip
    return Finding(
        RULE, tuple(ledger.tx_text(tx) for tx in txs), tuple(dict.fromkeys(peels)),
        {"hops": min(len(chain) for chain in chains), "peel_part": round(largest, 2), "units": min(peeled),
         "soon": round(soon, 2), "chains": len(chains), "joins": len(joins), "peeled": str(sum(peeled)),
         "carried_first": str(begun)},
        {"hops": limits.hops, "peel_part": limits.peel_part, "units": limits.units, "soon": limits.soon},
        f"{words}, peeled {sum(peeled):,} satoshi to {len(set(peels)):,} places between {first or '?'} and "
        f"{last or '?'}", first, last,
    )  # fmt: skip
