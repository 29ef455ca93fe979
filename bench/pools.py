"""Throughput of the pool rules on the whole real 100-ETH pool: 27,544 deposits and 25,608 withdrawals.

Reading the two zip files, checking them, the anonymity set at every withdrawal, and every rule that its columns allow
(senders are those that the Ronin ledger knows), beside the same reading and the same sets in plain Python: json,
dictionaries, and a walk over the events in chain order. Both must give the same sets. The limit is 10 s for all of it.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from accuracy_pools import DATA, ronin_deposits
from dyepack.patterns.pools.anonymity import anonymity
from dyepack.patterns.pools.candidates import onward
from dyepack.patterns.pools.history import History, with_facts
from dyepack.patterns.pools.portfolio import multi_denomination
from dyepack.patterns.pools.reader import read_folder
from dyepack.patterns.pools.rules import address_match, gas_price, own_gas
from dyepack.patterns.pools.structured import bursts
from dyepack.patterns.pools.view import view
from tables import Table, middle, rate, show

LIMIT = 10.0
COLUMNS = ["step", "events", "s", "events/s"]


def plain_read(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events by the json module."""
    found = []
    for name in ("deposits_eth_100.json", "withdrawals_eth_100.json"):
        with zipfile.ZipFile(folder / f"{name}.zip") as packed:
            found.append(json.loads(packed.read(name)))
    return found[0], found[1]


def plain_sets(deposits: list[dict[str, Any]], withdrawals: list[dict[str, Any]]) -> list[int]:
    """The upper anonymity sets in order of blocks: a walk with one counter."""
    came = sorted(int(row["blockNumber"]) for row in deposits)
    rows = sorted(int(row["blockNumber"]) for row in withdrawals)
    sets, arrived, gone = [], 0, 0
    for at, block in enumerate(rows):
        while arrived < len(came) and came[arrived] <= block:
            arrived += 1
        if at == 0 or rows[at - 1] != block:
            gone = at
        sets.append(arrived - gone)
    return sets


def known(history: History) -> History:
    """The history with the router's callers of the Ronin ledger as senders, where it says them."""
    wanted = {bytes.fromhex(tx[2:]): sender for tx, sender in ronin_senders().items()}
    return with_facts(history, wanted)


def ronin_senders() -> dict[str, bytes]:
    """Who sent each deposit of the Ronin ledger."""
    import csv
    import gzip
    import io

    wanted = ronin_deposits()
    with gzip.open(DATA / "ronin-2022" / "ledger.csv.gz") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))
        return {row["hash"]: bytes.fromhex(row["from"][2:]) for row in rows if row["hash"] in wanted}


def table(runs: int) -> Table:
    """Every step beside its plain twin."""
    folder = DATA / "tornado"
    made = Table(f"real 100-ETH pool, median of {runs}", COLUMNS)
    read, histories = middle(lambda: read_folder(folder), runs)
    history = histories[0]
    size = len(history.deposits) + len(history.withdrawals)
    sets, found = middle(lambda: anonymity(history), runs)
    full = known(history)
    seeing, seen = middle(lambda: view([full]), runs)
    steps = [
        ("read and check (zip, JSON, columns)", read),
        ("anonymity set at every withdrawal", sets),
        ("look at the parties", seeing),
        ("address match, gas price, multi, own gas",
         middle(lambda: [rule(seen) for rule in (address_match, gas_price, multi_denomination, own_gas)], runs)[0]),
        ("bursts of both sides", middle(lambda: [bursts(seen, side, None) for side in (0, 1)], runs)[0]),
        ("onward from 1,751 deposits, all rules", middle(lambda: onward([full], ronin_deposits()), runs)[0]),
    ]  # fmt: skip
    plain, events = middle(lambda: plain_read(folder), runs)
    slow, walked = middle(lambda: plain_sets(*events), runs)
    if walked != found.most.tolist():
        raise AssertionError("the two ways found different anonymity sets")
    total = sum(seconds for _, seconds in steps)
    for name, seconds in [*steps, ("all of it", total), ("plain Python: json", plain), ("plain Python: sets", slow)]:
        made.rows.append([name, size, seconds, rate(size, seconds)])
    made.notes.append(f"limit {LIMIT:.0f} s: {'kept' if total < LIMIT else 'NOT KEPT'}; both ways found the same sets")
    made.notes.append(f"plain sets / ours: {slow / sets:.1f}x; plain reading / ours: {plain / read:.2f}x (ours checks)")
    if not np.isfinite(total) or total >= LIMIT:
        raise AssertionError(f"{total:.1f} s for the whole pool")
    return made


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--json", action="store_true", help="print JSON")
    given = words.parse_args()
    show([table(given.runs)], as_json=given.json)


if __name__ == "__main__":
    main()
