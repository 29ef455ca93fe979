"""Import rate: an ethereum-etl export to a ledger, beside scripts that only read the same files into tuples.

The ledger side is everything `dyepack import etl` does: read, check, hash the files, order, drop duplicates,
intern, index, write with fsync. The other side is what a script over such an export does before any work:
csv.DictReader (for Parquet: pyarrow's to_pylist) with int() and bytes.fromhex into a list of Python tuples, in
file order, without duplicates dropped, index or output.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Literal

from dyepack.ledger.manifest import Manifest
from dyepack.sources.etl import import_etl
from dyepack.sources.result import ETHER, Import
from dyepack.sources.store import store
from ledgers import DEFAULT_WORK, FILES, exported
from tables import Table, middle, rate, say, show, timed

Move = tuple[bytes, int, int, int, bytes | None, bytes | None, bytes | None, int]
"""Transaction, block, place, kind, sender, receiver, asset, amount."""

COLUMNS = [
    "files", "moves", "MB", "read s", "store s", "moves/s", "read moves/s", "store moves/s",
    "tuples: moves/s", "ratio",
]  # fmt: skip


def warm_up() -> float:
    """Seconds to load Numba and the index kernel (and to compile it, the first time on a machine)."""
    import numpy as np

    def index() -> object:
        from dyepack.ledger.index import index_moves

        one = np.zeros(1, np.uint32)
        return index_moves(one, one, np.ones((1, 2), np.uint64), 1, plain=False)

    return timed(index)[0]


def measure(files: dict[str, Path], runs: int, scratch: Path) -> tuple[float, float, Manifest]:
    """Median seconds of reading and of storing, and the ledger's manifest."""
    reads, stores = [], []
    for run in range(runs):
        reading, imported = timed(lambda: _read(files))
        storing, manifest = timed(lambda: _store(imported, files, scratch / f"ledger-{run}"))  # noqa: B023
        reads.append(reading)
        stores.append(storing)
    return median(reads), median(stores), manifest


def _read(files: dict[str, Path]) -> Import:
    given = {name: [path] for name, path in files.items()}
    return import_etl(
        transactions=given.get("transactions", []),
        token_transfers=given.get("token_transfers", []),
        traces=given.get("traces", []),
    )


def _store(imported: Import, files: dict[str, Path], path: Path) -> Manifest:
    return store(imported, path, chain="bench", files=files.values(), native=ETHER, covers=None, complete=True)


def tuples(files: dict[str, Path]) -> list[Move]:
    """The moves of an export as Python tuples, by plain loops over rows."""
    moves: list[Move] = []
    for name, path in files.items():
        rows = _csv_rows(path) if path.suffix == ".csv" else _parquet_rows(path)
        {"transactions": _transactions, "token_transfers": _transfers, "traces": _traces}[name](rows, moves)
    return moves


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet

    for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _raw(text: str | None) -> bytes | None:
    return bytes.fromhex(text[2:]) if text else None


def _transactions(rows: Iterator[dict[str, Any]], out: list[Move]) -> None:
    for row in rows:
        tx, block, place = bytes.fromhex(row["hash"][2:]), int(row["block_number"]), int(row["transaction_index"])
        sender, units = _raw(row["from_address"]), int(row["value"])
        if units and int(row["receipt_status"]):
            out.append((tx, block, place, 0, sender, _raw(row["to_address"]), None, units))
        fee = int(row["receipt_gas_used"]) * int(row["receipt_effective_gas_price"])
        if fee:
            out.append((tx, block, place, 3, sender, None, None, fee))


def _transfers(rows: Iterator[dict[str, Any]], out: list[Move]) -> None:
    for row in rows:
        ends = _raw(row["from_address"]), _raw(row["to_address"])
        tx, block, place = bytes.fromhex(row["transaction_hash"][2:]), int(row["block_number"]), int(row["log_index"])
        out.append((tx, block, place, 1, *ends, _raw(row["token_address"]), int(row["value"])))


def _traces(rows: Iterator[dict[str, Any]], out: list[Move]) -> None:
    for at, row in enumerate(rows):
        nested, units = row["trace_address"] or row["trace_type"] == "reward", int(row["value"])
        if not nested or not units or not int(row["status"]):
            continue
        tx = bytes.fromhex(row["transaction_hash"][2:]) if row["transaction_hash"] else b""
        ends = _raw(row["from_address"]), _raw(row["to_address"])
        out.append((tx, int(row["block_number"]), at, 2, *ends, None, units))


def compare(moves: int, fmt: Literal["csv", "parquet"], runs: int, work: Path) -> Table:
    """One table: all three files together, and transactions alone."""
    say(f"exporting {moves:,} moves as {fmt} (kept for the next run)")
    files = exported(moves, fmt, work)
    table = Table(f"import of {fmt}, export of {moves:,} moves, median of {runs}", COLUMNS)
    for names in (FILES, FILES[:1]):
        chosen = {name: files[name] for name in names}
        say(f"{fmt}: {' + '.join(names)}")
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            reading, storing, manifest = measure(chosen, runs, Path(scratch))
        other, plain = middle(lambda: len(tuples(chosen)), runs)  # noqa: B023
        count = manifest.counts["moves"]
        if count != plain:
            table.notes.append(f"{' + '.join(names)}: the tuples are {plain:,} moves, the ledger has {count:,}")
        ours, theirs = rate(count, reading + storing), rate(plain, other)
        size = sum(path.stat().st_size for path in chosen.values()) / 1e6
        table.rows.append([
            " + ".join(names), count, round(size), reading, storing, ours, rate(count, reading),
            rate(count, storing), theirs, f"{ours / theirs:.1f}x",
        ])  # fmt: skip
    return table


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--moves", type=int, default=1_000_000, help="moves in the export (default: a million)")
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--format", choices=("csv", "parquet"), help="only this format")
    words.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where exports are kept")
    words.add_argument("--json", action="store_true", help="print JSON")
    given = words.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    formats: tuple[Literal["parquet", "csv"], ...] = ("parquet", "csv")
    start = warm_up()
    tables = [compare(given.moves, f, given.runs, given.work) for f in formats if given.format in (None, f)]
    tables[-1].notes += [
        f"before these: {start:.2f} s to load Numba and the index kernel, once per process",
        "tuples: csv.DictReader (Parquet: pyarrow to_pylist), int() and bytes.fromhex into Python tuples; nothing is",
        "ordered, checked, indexed or written. ratio: whole import to a ledger against that reading alone.",
    ]
    show(tables, as_json=given.json)


if __name__ == "__main__":
    main()
