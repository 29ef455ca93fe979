"""How often every pattern errs: one table, on real data where there is any, else on data made with known truth.

    python bench/accuracy.py                       print the table
    python bench/accuracy.py --write docs/accuracy.md   put it into the document, between its two marks

Each part can be run alone: accuracy_coinjoin, accuracy_bridges, accuracy_pools, accuracy_accounts, accuracy_clusters,
and accuracy_harmony for the reconciliation with labelled flows. All need `../shared/data`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import accuracy_accounts
import accuracy_bridges
import accuracy_clusters
import accuracy_coinjoin
import accuracy_pools
from accuracy_rows import AccuracyRow, markdown

PARTS: dict[str, Callable[[], list[AccuracyRow]]] = {
    "CoinJoins": accuracy_coinjoin.accuracy,
    "Pools": accuracy_pools.pool_rows,
    "Bridges": accuracy_bridges.rows,
    "Accounts": accuracy_accounts.rows,
    "Clusters and change": accuracy_clusters.accuracy,
}
BEGIN, END = "<!-- table: python bench/accuracy.py --write docs/accuracy.md -->", "<!-- end of table -->"


def tables() -> str:
    """The tables of all parts, a heading each."""
    out = []
    for name, rows in PARTS.items():
        start = time.perf_counter()
        out.append(f"### {name}\n\n{markdown(rows())}\n")
        sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s\n")
    return "\n".join(out)


def put(document: Path, text: str) -> None:
    """Put the tables between the two marks of a document."""
    whole = document.read_text()
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{document} lacks the marks {BEGIN} and {END}")
    document.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}")


def main() -> None:
    """Measure, and print or write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--write", type=Path, help="a document with the marks")
    given = words.parse_args()
    text = tables()
    if given.write is None:
        print(text)
    else:
        put(given.write, text)


if __name__ == "__main__":
    main()
