"""How well the CoinJoin rules do on real transactions: on the lists of Dumplings, after them, and on whole blocks.

Positives are what a list is of, negatives what it says is something else. Where a list holds what it should not, the
row says what was taken for true, and by which sign that is not the rule's own: links (coins that come from the same
market), or what another project's published rule says. The rules were adjusted on these very files, so these are
training errors; each list is shown in two halves, in order of time, which the adjustment treated alike. Background
blocks are looked at without the heights at which protocols began, or old blocks could not alarm at all.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from accuracy_rows import AccuracyRow, print_rows
from dumplings import Row, export_ledger, rows
from dyepack.ledger.utxo.builder import build
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.patterns.coinjoin.detect import FAMILIES, family_of, family_of_shape, judged_mixes, pool_entry_of
from dyepack.patterns.coinjoin.shape import UNKNOWN, TxShape, most_frequent, most_repeated, shape_of
from dyepack.patterns.coinjoin.whirlpool import POOLS, judge_tx0
from dyepack.sources.bitcoin.collect import import_bitcoin
from dyepack.sources.bitcoin.store import manifest_of

BLOCKS = Path(__file__).parents[2] / "shared" / "data" / "bitcoin"
MIX, ENTRY = "CoinJoin", "pool entry"

LISTED_MISTAKES = (
    "1385206c39455cfaea80b13832ee91f10321aca361eeaa115c662b51fd1f5571",
    "7bcf14d5740ca5580e90752e27f255121804dcf5c81ea8fd80965edcee2ad9ef",
    "8b3b00e2bf65c5a379d3634ab05f61eb12b2f7748a05a9cdc9ad36e41475589f",
    "a20733a76e8d7b943f4a69765393316ba0c01bfdca88782f337fedb812e7c0f4",
    "ff6fa1c1bbce152b039c993e3337a361abb0a1c3e078f922196ff4cdec2b7a99",
)
"""In Dumplings' list of Wasabi 1, but no Wasabi 1 (coinjoin-analysis, data/wasabi1/false_cjtxs.json)."""

WASABI_2_ROUND = "c73f3b901f"
"""How the id of the one real Wasabi 2 round begins that the files hold: a transaction after JoinMarket, June 2024."""

Found = Callable[[UtxoLedger, int], bool]


def accuracy() -> list[AccuracyRow]:
    """All rows of the table."""
    return [*whirlpool(), *wasabi(), *joinmarket(), *after_mixes(), *background()]


def whirlpool() -> list[AccuracyRow]:
    """Whirlpool's mixes, and its Tx0s."""
    mixes, tx0s = rows("sw", "SamouraiCoinJoins"), rows("sw", "SamouraiTx0s")
    entries, others = _parted(tx0s, _has_data)
    found = [_row("whirlpool-mix/1", f"Whirlpool mixes, March 2024, {part}", "sw", half, (), is_family("whirlpool"))
             for part, half in _halves(mixes)]  # fmt: skip
    found += [_row("whirlpool-tx0/1", f"Whirlpool Tx0s, to March 2024, {part}", "sw", half, (), is_entry)
              for part, half in _halves(entries)]  # fmt: skip
    surer = sum(1 for row in entries if _entry_confidence(row) == 90)
    found.append(_row(
        "whirlpool-tx0/1", "Tx0 list and mixes", "sw", entries, (*others, *mixes), is_entry,
        f"the list of 900 holds {len(others)} without OP_RETURN, all of them mixes from before the list of mixes; "
        f"{surer} Tx0s reach confidence 90: a mix in the files spends their premix",
    ))  # fmt: skip
    surer = sum(1 for row in mixes if _mix_confidence(row) == 90)
    found.append(_row(
        "whirlpool-mix/1", "mixes, those in the Tx0 list, and Tx0s", "sw", (*mixes, *others), entries,
        is_family("whirlpool"), f"{surer} of the {len(mixes)} listed mixes reach confidence 90 by lineage, none is "
        "contradicted by it",
    ))  # fmt: skip
    return found


def wasabi() -> list[AccuracyRow]:
    """Wasabi 1, and what its list holds of JoinMarket."""
    listed = rows("ww1", "WasabiCoinJoins")
    rounds, market = _parted(listed, lambda row: _most_equal(row) >= 20)
    listed_mistakes = sum(1 for row in market if row.txid in LISTED_MISTAKES)
    note = (f"{len(market)} of the {len(listed)} listed have 10 to 12 equal outputs and twice as many outputs or one "
            f"less, JoinMarket's shape; {listed_mistakes} of them are on the published list of that file's "
            "mistakes; not counted as positives")  # fmt: skip
    rule = "wasabi-1.1/1 wasabi-1.0/1"
    first = is_family("wasabi-1.1", "wasabi-1.0")
    return [
        *(_row(rule, f"Wasabi 1, August 2021, {part}", "ww1", half, (), first) for part, half in _halves(rounds)),
        _row(rule, "Wasabi 1, all listed", "ww1", rounds, market, first, note),
        _row("joinmarket/1", "JoinMarket's shape in that list", "ww1", market, rounds, is_family("joinmarket")),
        _row("any family", "Wasabi 1, all listed", "ww1", listed, (), is_family(*FAMILIES)),
    ]


def joinmarket() -> list[AccuracyRow]:
    """JoinMarket, out of a list of everything that has some equal outputs."""
    listed = rows("jm", "OtherCoinJoins")
    linked = market()
    inside, outside = _parted(listed, lambda row: row.txid in linked)
    three, two = _parted(inside, lambda row: _most_equal(row) >= 3)
    unlinked = [row for row in outside if is_family("joinmarket")(export_ledger("jm"), _tx("jm", row))]
    dust = sum(1 for row in outside if _common(row)[0] <= 2730)
    note = (
        f"the list is of a shape ('other'), not of JoinMarket: {dust} of the {len(outside)} others repeat dust (trades "
        f"of inscriptions). Positives spend coins of, or are spent by, other CoinJoins of the market; {len(two)} of "
        f"them have two equal outputs only (Stonewall's shape: vetoed) and are not found; {len(unlinked)} more that "
        "are found have no link within the files and count as false, though they look alike"
    )
    return [
        *(_row("joinmarket/1", f"JoinMarket, June 2024, three parties or more, {part}", "jm", half, (),
               is_family("joinmarket")) for part, half in _halves(three)),
        _row("joinmarket/1", "list of 'other' CoinJoins, June 2024", "jm", inside, outside, is_family("joinmarket"),
             note),
        _row("joinmarket/1", "the same, three equal outputs or more", "jm", three, outside, is_family("joinmarket")),
    ]  # fmt: skip


def after_mixes() -> list[AccuracyRow]:
    """What came after mixes: negatives, but for the CoinJoins among them, which another project's rule says."""
    sw, ww1 = rows("sw", "SamouraiPostMixTxs"), rows("ww1", "WasabiPostMixTxs")
    jm = rows("jm", "OtherCoinJoinPostMixTxs")
    mixes, others = _parted(sw, whirlpool_by_dumplings)
    found = [_row("whirlpool-mix/1", "after Whirlpool", "sw", mixes, others, is_family("whirlpool"),
                  "positives: Dumplings' published rule")]  # fmt: skip
    tx0s, _ = _parted(sw, lambda row: is_entry(export_ledger("sw"), _tx("sw", row)))
    again = f"{len(tx0s)} coins that went in again, by every sign Tx0s: one OP_RETURN, an exact pool fee"
    found.append(_row("whirlpool-tx0/1", "after Whirlpool", "sw", (), sw, is_entry, again))
    second = "positives: the published second pass of coinjoin-analysis, three equal outputs or more above dust"
    for export, name, listed in (("sw", "Whirlpool", sw), ("ww1", "Wasabi 1", ww1), ("jm", "JoinMarket", jm)):
        same, other = _parted(listed, partial(_second_pass, export))
        found.append(_row("joinmarket/1", f"after {name}", export, same, other, is_family("joinmarket"), second))
        rounds, other = _parted(listed, lambda row: row.txid.startswith(WASABI_2_ROUND))
        note = "positive: the one round that the files hold, 240 inputs, 30 repeated values" if rounds else ""
        found.append(_row("wasabi-2/1", f"after {name}", export, rounds, other, is_family("wasabi-2"), note))
        found.append(_row("wasabi-1.1/1 wasabi-1.0/1", f"after {name}", export, (), listed,
                          is_family("wasabi-1.1", "wasabi-1.0")))  # fmt: skip
    return found


def background() -> list[AccuracyRow]:
    """False alarms on whole blocks; what the published second pass calls a CoinJoin of JoinMarket is a positive."""
    found = []
    for name, ledger in blocks().items():
        shapes = [replace(shape_of(ledger, tx), height=UNKNOWN) for tx in range(ledger.transactions)
                  if not ledger.is_coinbase(tx)]  # fmt: skip
        named = {shape.tx for shape in shapes if second_pass(shape)}
        alarms = {shape.tx: mix.family for shape in shapes if (mix := family_of_shape(shape))}
        several = sum(1 for shape in shapes if min(shape.ins, shape.outs) >= 3)
        families = ", ".join(f"{n} {family}" for family, n in sorted(Counter(alarms.values()).items()))
        note = f"{several:,} have three inputs and outputs or more; found: {families or 'none'}"
        found.append(AccuracyRow(MIX, "all families", name, len(shapes), len(named), len(named & set(alarms)),
                                 len(set(alarms) - named), len(shapes) - len(named), note))  # fmt: skip
        entries = sum(1 for shape in shapes if judge_tx0(shape).matches)
        found.append(AccuracyRow(ENTRY, "whirlpool-tx0/1", name, len(shapes), 0, 0, entries, len(shapes), ""))
    for pattern, rule in ((MIX, "all families"), (ENTRY, "whirlpool-tx0/1")):
        rows_of = [row for row in found if row.pattern == pattern]
        size, positives, hits, false, negatives = (
            sum(getattr(row, key) for row in rows_of) for key in ("size", "positives", "found", "false", "negatives")
        )
        note = f"{10_000 * false / negatives:.2f} false alarms in 10,000"
        if not false:  # the rule of three: 95 % sure of less than 3 / n
            note += f" (so few transactions show less than {30_000 / negatives:.1f} at 95 %)"
        if hits:
            note += (f", {10_000 * (false + hits) / size:.2f} if the positives count too: nobody vouches for them but "
                     "the published rule")  # fmt: skip
        found.append(AccuracyRow(pattern, rule, "all blocks", size, positives, hits, false, negatives, note))
    return found


def is_family(*families: str) -> Found:
    """Whether a transaction is found as one of these families."""
    return lambda ledger, tx: (mix := family_of(ledger, tx)) is not None and mix.family in families


def is_entry(ledger: UtxoLedger, tx: int) -> bool:
    """Whether a transaction is found as a way into a pool."""
    return pool_entry_of(ledger, tx) is not None


def whirlpool_by_dumplings(row: Row) -> bool:
    """Dumplings' published rule: as many inputs as outputs, all of a pool's value, inputs of it and a fee at most."""
    values = {value for value, _ in row.outs}
    value = min(values)
    pool = any(value == pool.denomination for pool in POOLS)
    fits = all(value <= spent <= value + 110_000 for _, _, spent, _ in row.ins)
    return pool and len(values) == 1 and fits and 5 <= len(row.outs) == len(row.ins) <= 10


def second_pass(shape: TxShape) -> bool:
    """The published second pass of coinjoin-analysis for JoinMarket, with three equal outputs or more above dust."""
    counts = shape.counts()
    value, equal = most_frequent(counts)
    places = (*shape.in_script, *shape.out_script)
    return (
        value > 2730 and equal >= 3 and 2 * equal in {shape.outs, shape.outs + 1} and not shape.data_outputs
        and max(shape.ins, shape.outs) <= 100 and shape.ins <= 4 * shape.outs
        and most_repeated(places) <= 0.34 * len(places) and sum(1 for n in counts.values() if n > 1) == 1
    )  # fmt: skip


@cache
def market() -> frozenset[str]:
    """The largest set of CoinJoins of the JoinMarket export that hang together by who spends whose outputs."""
    listed = rows("jm", "OtherCoinJoins")
    after = [row for row in rows("jm", "OtherCoinJoinPostMixTxs") if second_pass(_shape("jm", row))]
    above = {row.txid: row.txid for row in (*listed, *after)}

    def root(txid: str) -> str:
        while above[txid] != txid:
            txid = above[txid]
        return txid

    for row in (*listed, *after):
        for parent in {tx for tx, *_ in row.ins if tx in above}:
            above[root(row.txid)] = root(parent)
    sizes = Counter(root(txid) for txid in above)
    largest = sizes.most_common(1)[0][0]
    return frozenset(txid for txid in above if root(txid) == largest)


@cache
def blocks() -> dict[str, UtxoLedger]:
    """Whole blocks as ledgers, by what they are."""
    bcoin = BLOCKS / "bcoin"
    testnet = [bcoin / f"block{height}.raw" for height in (928816, 928828, 928831, 928848, 928849, 928927)]
    given = {
        "2009, every transaction": [BLOCKS / "ledger-2009"],
        "blocks 0 to 4,312": [BLOCKS / "jeffchan" / "blk00000_first1MB.dat"],
        "block 300,025 (May 2014)": [bcoin / "block300025.raw"],
        "block 413,567 (May 2016), inputs not told": [BLOCKS / "bitcoin-core" / "block413567.raw"],
        "block 426,884 (August 2016), inputs not told": [bcoin / "block426884.raw"],
        "testnet, blocks 928,816 to 928,927": testnet,
        "testnet, block 1,087,400": [bcoin / "block1087400.raw"],
    }
    return {name: _imported(paths) for name, paths in given.items()}


def _imported(paths: list[Path]) -> UtxoLedger:
    with tempfile.TemporaryDirectory() as folder:
        found, network = import_bitcoin(paths, work=Path(folder) / "work")
        built = build(found.batches)
        columns = {name: column.copy() for name, column in built.columns.items()}
    return UtxoLedger(Path(), manifest_of(built, chain="bitcoin", network=network), "0" * 64, columns)


def _row(
    rule: str, data: str, export: str, positives: Iterable[Row], negatives: Iterable[Row], found: Found, note: str = ""
) -> AccuracyRow:
    """One row; misses are explained by the conditions that fail, with counts."""
    ledger, wanted, others = export_ledger(export), list(positives), list(negatives)
    missed = [row for row in wanted if not found(ledger, _tx(export, row))]
    false = sum(1 for row in others if found(ledger, _tx(export, row)))
    if missed:
        failed = Counter(_why(_shape(export, row), rule) for row in missed)
        why = "; ".join(f"{count} for {reason}" for reason, count in failed.most_common())
        note = f"missed: {why}" + (f". {note}" if note else "")
    pattern = ENTRY if "tx0" in rule else MIX
    return AccuracyRow(pattern, rule, data, len(wanted) + len(others), len(wanted), len(wanted) - len(missed), false,
                       len(others), note)  # fmt: skip


def _why(shape: TxShape, rule: str) -> str:
    judged = [judge_tx0(shape), *judged_mixes(shape).values()]
    reasons = [" and ".join(one.failed) or "a veto or another family" for one in judged if one.rule.id in rule]
    return " or ".join(reasons) or "no family"


def _tx(export: str, row: Row) -> int:
    tx = export_ledger(export).find_tx(row.txid)
    if tx is None:
        raise KeyError(row.txid)
    return tx


def _shape(export: str, row: Row) -> TxShape:
    return shape_of(export_ledger(export), _tx(export, row))


def _second_pass(export: str, row: Row) -> bool:
    return second_pass(_shape(export, row))


def _halves(given: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    listed = list(given)
    middle = len(listed) // 2
    return [("first half", listed[:middle]), ("second half", listed[middle:])]


def _parted(given: Iterable[Row], holds: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    listed = [(row, holds(row)) for row in given]
    return [row for row, yes in listed if yes], [row for row, yes in listed if not yes]


def _common(row: Row) -> tuple[int, int]:
    """(value, count) of the most frequent value of a transaction's outputs, the largest of several."""
    counts = Counter(value for value, _ in row.outs)
    return max(counts.items(), key=lambda item: (item[1], item[0]))


def _most_equal(row: Row) -> int:
    return _common(row)[1]


def _has_data(row: Row) -> bool:
    return any(script[:1] == b"\x6a" for _, script in row.outs)


def _mix_confidence(row: Row) -> int:
    mix = family_of(export_ledger("sw"), _tx("sw", row))
    return mix.confidence if mix else 0


def _entry_confidence(row: Row) -> int:
    entry = pool_entry_of(export_ledger("sw"), _tx("sw", row))
    return entry.confidence if entry else 0


if __name__ == "__main__":
    print_rows(accuracy())
