"""Accuracy of the pool rules: the real 100-ETH pool, and a generated pool with known links beside a decoy.

Real events (../shared/data/tornado) have no senders and no gas prices, so there it is checked that all 1,751 deposits
of the Ronin theft are found and that the anonymity set at every withdrawal equals an independent recomputation. What
links find, and how often they are wrong, is counted on `synthetic.pool.generated`; the same rules on
`synthetic.pool.decoy` (the same deposits, withdrawals of another run) count what they find where there is no link.
Positives and found are withdrawals; false are wrong pairs of a withdrawal and a depositor that a link names for it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accuracy_rows import AccuracyRow, print_rows
from dyepack.ledger.schema import I64
from dyepack.patterns.finding import Rule
from dyepack.patterns.pools.anonymity import anonymity
from dyepack.patterns.pools.history import History
from dyepack.patterns.pools.portfolio import MULTI, multi_denomination
from dyepack.patterns.pools.reader import read_folder
from dyepack.patterns.pools.rules import (
    ADDRESS_MATCH,
    GAS_PRICE,
    LINKED,
    OWN_GAS,
    address_match,
    gas_price,
    linked_address,
    own_gas,
)
from dyepack.patterns.pools.structured import BURST, STRUCTURED, links_of, structured_deposits
from dyepack.patterns.pools.view import Link, events, view
from dyepack.synthetic import pool as world

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ROUTER = "0xd90e2f925da726b50c4ed8d0fb90ad053324f31b"
HUNDRED = 10**20


@dataclass(frozen=True, slots=True)
class Count:
    """What a rule said, in pairs of a withdrawal and one depositor that a link names for it.

    right, wrong   pairs in which the depositor's notes hold the one that was spent, or do not
    found          withdrawals of the rule's own kind of person with a right pair
    """

    right: int
    wrong: int
    found: int


def slow_sets(history: History) -> list[int]:
    """The upper anonymity sets, one block after another: notes in it count as there, withdrawals in it as not yet."""
    came: dict[int, int] = {}
    went: dict[int, int] = {}
    for block in history.deposits.block.tolist():
        came[block] = came.get(block, 0) + 1
    for block in history.withdrawals.block.tolist():
        went[block] = went.get(block, 0) + 1
    unspent, sets = 0, {}
    for block in sorted(came.keys() | went.keys()):
        unspent += came.get(block, 0)
        sets[block] = unspent
        unspent -= went.get(block, 0)
    return [sets[block] for block in history.withdrawals.block.tolist()]


def ronin_deposits() -> dict[str, int]:
    """Transactions of the Ronin ledger that pay 100 ETH to the router, by an independent reading: hash -> block."""
    with gzip.open(DATA / "ronin-2022" / "ledger.csv.gz") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))
        return {
            row["hash"]: int(row["block_number"])
            for row in rows
            if row["to"] == ROUTER and int(row["value_wei"]) == HUNDRED and row["is_error"] == "0"
        }


def real_rows() -> list[AccuracyRow]:
    """The real pools: deposits of the theft, and every anonymity set."""
    (pool,) = read_folder(DATA / "tornado")
    history = {
        "0x" + bytes(tx).hex(): int(block) for tx, block in zip(pool.deposits.tx, pool.deposits.block, strict=True)
    }
    wanted = ronin_deposits()
    found = sum(history.get(tx) == block for tx, block in wanted.items())
    rows = [AccuracyRow(
        "pool", "pool-deposit", "tornado 100 ETH, Ronin 2022", len(pool.deposits), len(wanted), found, 0,
        len(pool.deposits) - len(wanted), f"matched by transaction and block; {len(wanted) - found} not in the history",
    )]  # fmt: skip
    for one in [pool, *read_folder(DATA / "tornado" / "erc20")]:
        sets = anonymity(one)
        slow = slow_sets(one)
        equal = int((sets.most == np.array(slow, np.int64)).sum())
        open_order = int((sets.most != sets.least).sum())
        rows.append(AccuracyRow(
            "pool", "anonymity-set", one.pool.name, len(slow), len(slow), equal, 0, 0,
            f"{len(one.deposits):,} deposits; unspent notes at a withdrawal: mean {sets.most.mean():,.0f}, at most "
            f"{sets.most.max():,}; {open_order:,} withdrawals share a block with other events (order not said)",
        ))  # fmt: skip
    return rows


def count(run: world.PoolRun, links: list[Link], kind: int) -> Count:
    """What a rule's links are worth."""
    right, wrong, found = 0, 0, set()
    for link in links:
        deposits = dict(link.deposits)
        for pool, row in events(link.withdrawals):
            spent = int(run.spent[pool][row])
            if pool in deposits and holds(deposits[pool], spent):
                right += 1
                if int(run.kind[pool][row]) == kind:
                    found.add((pool, row))
            else:
                wrong += 1
    return Count(right, wrong, len(found))


def holds(rows: I64, row: int) -> bool:
    """Whether sorted rows hold this one."""
    at = int(np.searchsorted(rows, row))
    return at < len(rows) and int(rows[at]) == row


def rules(run: world.PoolRun) -> dict[str, tuple[Rule, int, list[Link]]]:
    """Every rule that names deposits, on a run: as it is, and with a condition left out or added."""
    seen = view(run.histories)
    bursts = links_of(seen, structured_deposits(seen, run.receipts, recipients=run.groups))
    multi = multi_denomination(seen)
    return {
        "address match": (ADDRESS_MATCH, world.ADDRESS, address_match(seen)),
        "gas price": (GAS_PRICE, world.GAS, gas_price(seen)),
        "gas price, round ones too": (GAS_PRICE, world.GAS, gas_price(seen, whole=1)),
        "linked": (LINKED, world.LINKED, linked_address(seen, run.dealings)),
        "linked, no other": (LINKED, world.LINKED, linked_address(seen, run.dealings, most_others=0)),
        "linked, hubs too": (LINKED, world.LINKED, linked_address(seen, run.dealings, most_others=10**6)),
        "multi": (MULTI, world.MULTI, multi),
        "multi, no other": (MULTI, world.MULTI, [link for link in multi if not link.others]),
        "burst": (BURST, world.STRUCTURED, bursts),
        "burst, no other": (BURST, world.STRUCTURED, [link for link in bursts if not link.others]),
    }


def generated_rows(seed: int, notes: int) -> list[AccuracyRow]:
    """Every rule on the generated pools and on the decoy."""
    run, twin = (make(seed, notes) for make in (world.generated, world.decoy))
    real, chance = rules(run), rules(twin)
    kinds = np.concatenate(run.kind)
    data = f"generated pools, seed {seed}"
    rows = []
    for name, (rule, kind, links) in real.items():
        counted, by_chance = count(run, links, kind), count(twin, chance[name][2], kind)
        positives = int((kinds == kind).sum())
        more = counted.right - counted.found
        rows.append(AccuracyRow(
            "pool link", f"{rule.id} ({name})" if "," in name else rule.id, data, len(kinds), positives, counted.found,
            counted.wrong, len(kinds) - positives,
            f"right {counted.right:,} ({more:,} of people not careless in this way), wrong {counted.wrong:,}; decoy "
            f"{by_chance.wrong:,}",
        ))  # fmt: skip
    seen = view(run.histories)
    cut = {one.deposits.who for one in structured_deposits(seen, run.receipts, decoys=0)}
    notes_of = Counter(int(who) for party in seen.depositor for who in party)
    payers = {receipt.address for receipt in run.receipts}
    large = {who for who, held in notes_of.items() if held >= 5 and seen.address(who) in payers}
    rows.append(AccuracyRow(
        STRUCTURED.pattern, STRUCTURED.id, data, len(payers), len(large), len(cut & large), len(cut - large),
        len(payers) - len(large), "depositors with a known receipt; negatives: those of fewer than 5 notes. Nobody "
        "else has a receipt there, so false alarms among other people are not measured",
    ))  # fmt: skip
    marks = [event for link in own_gas(seen) for event in events(link.withdrawals)]
    known = np.concatenate(run.known_side)
    hits = sum(int(run.known_side[pool][row]) for pool, row in marks)
    rows.append(AccuracyRow(
        "pool mark", OWN_GAS.id, data, len(kinds), int(known.sum()), hits, len(marks) - hits, int((known == 0).sum()),
        "positives: withdrawals whose recipient its owner's side had paid before (their share is assumed)",
    ))  # fmt: skip
    return rows


def pool_rows(seed: int = 1, notes: int = world.REAL) -> list[AccuracyRow]:
    """All rows of this part of the accuracy table."""
    return [*real_rows(), *generated_rows(seed, notes)]


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seed", type=int, default=1, help="of the generated pools")
    words.add_argument("--notes", type=int, default=world.REAL, help="deposits of the largest generated pool")
    given = words.parse_args()
    print_rows(pool_rows(given.seed, given.notes))


if __name__ == "__main__":
    main()
