"""dyepack import ... and dyepack ledger ...: making a ledger and looking at one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsJson

if TYPE_CHECKING:
    from dyepack.ledger.manifest import Manifest

import_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make a ledger from exports.")
ledger_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a ledger.")

Ledger = Annotated[Path, typer.Option("--ledger", "-l", help="Folder of the ledger to make.")]
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of the ledger that is there.")]
Chain = Annotated[str, typer.Option("--chain", help="Name of the chain; thefts must name the same.")]
Covers = Annotated[
    Path | None,
    typer.Option(
        "--covers",
        help="CSV (column address) or plain list of the addresses whose whole history this is; rows of a "
        "CSV with 0 in a column full_history_in_ledger are left out.",
    ),
]
Files = Annotated[list[Path], typer.Argument(help="CSV, CSV.gz or Parquet files.")]
Many = Annotated[list[Path] | None, typer.Option(help="CSV, CSV.gz or Parquet; may be given several times.")]


@import_app.command()
def explorer(
    files: Files, ledger: Ledger, chain: Chain = "ethereum", covers: Covers = None, replace: Replace = False,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Explorer transaction exports: native coin, fees, failed transactions.

    Columns: hash, block_number, timestamp, nonce, transaction_index, from, to, contract_created, value_wei, gas_price,
    gas_used, is_error, method_id, function_name.
    """
    from dyepack.ledger.writer import check_place
    from dyepack.sources.coverage import read_coverage
    from dyepack.sources.explorer import import_explorer
    from dyepack.sources.result import ETHER
    from dyepack.sources.store import store

    check_place(ledger, replace=replace)
    covered = read_coverage(covers) if covers else None
    clock = show.Clock()
    with show.steps("importing", 2) as step:
        step("reading")
        imported = import_explorer(files)
        step("writing the ledger")
        made = store(imported, ledger, chain=chain, files=files, native=ETHER, replace=replace,
                     covers=covered)  # fmt: skip
    tell(made, ledger, clock, json=json)


@import_app.command()
def etl(
    ledger: Ledger, transactions: Many = None, token_transfers: Many = None, traces: Many = None,
    receipts: Many = None, tokens: Many = None, chain: Chain = "ethereum", covers: Covers = None,
    replace: Replace = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Exports of ethereum-etl: transactions, token transfers, traces, receipts, tokens.

    Without --covers the files are taken as complete for all addresses between their first and last block.
    """
    from dyepack.errors import UsageError
    from dyepack.ledger.writer import check_place
    from dyepack.sources.coverage import read_coverage
    from dyepack.sources.etl import import_etl
    from dyepack.sources.result import ETHER
    from dyepack.sources.store import store

    files = [*(transactions or []), *(token_transfers or []), *(traces or [])]
    if not files:
        raise UsageError("no file was named", remedy="give --transactions, --token-transfers or --traces")
    check_place(ledger, replace=replace)
    covered = read_coverage(covers) if covers else None
    clock = show.Clock()
    with show.steps("importing", 2) as step:
        step("reading")
        imported = import_etl(
            transactions=transactions or [], token_transfers=token_transfers or [], traces=traces or [],
            receipts=receipts or [], tokens=tokens or [],
        )  # fmt: skip
        step("writing the ledger")
        made = store(
            imported, ledger, chain=chain, files=[*files, *(receipts or []), *(tokens or [])], native=ETHER,
            covers=covered, complete=covers is None, replace=replace,
        )  # fmt: skip
    tell(made, ledger, clock, json=json)


@import_app.command()
def transfers(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet file.")], ledger: Ledger, chain: Chain,
    asset: Annotated[str, typer.Option(help="Name of the asset where the file has no asset column.")],
    decimals: Annotated[int, typer.Option(help="Digits after the point of amounts.", min=0, max=77)] = 0,
    column: Annotated[list[str] | None, typer.Option(help="OUR=THEIRS, for time, block, tx, from, to, asset, amount, "
                                                          "index or kind; several times.")] = None,
    day: Annotated[str, typer.Option(help="The day (UTC) of all rows of a file without times, as 2016-08-02.")] = "",
    covers: Covers = None, replace: Replace = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Any list of transfers: columns time, tx, from, to, amount; there may be block, asset, index, kind.

    Times are seconds or 2023-01-13 20:34:11 (UTC); without a block column the day stands for it. Amounts with a point
    need --decimals. Where --covers does not say whose whole history this is, places that never send are gaps.

    Without an index column, rows that are equal in every column are one transfer listed twice (dropped and counted).
    """
    from dyepack.errors import UsageError
    from dyepack.ledger.writer import check_place
    from dyepack.money import Asset
    from dyepack.sources.coverage import read_coverage
    from dyepack.sources.store import store
    from dyepack.sources.transfers import import_transfers

    pairs = [text.split("=", 1) for text in column or []]
    if any(len(p) != 2 for p in pairs):
        raise UsageError("--column wants OUR=THEIRS", remedy="write for example --column tx=Tx_hash")
    of_day = show.day(day, "--day") if day else None
    check_place(ledger, replace=replace)
    covered = read_coverage(covers) if covers else None
    clock = show.Clock()
    native = Asset(asset, asset, decimals)
    with show.steps("importing", 2) as step:
        step("reading")
        imported = import_transfers(file, asset=native, columns={p[0]: p[1] for p in pairs}, day=of_day)
        step("writing the ledger")
        made = store(imported, ledger, chain=chain, files=[file], native=native, replace=replace,
                     covers=covered)  # fmt: skip
    tell(made, ledger, clock, json=json)


def tell(made: Manifest, path: Path, clock: show.Clock, *, json: bool) -> None:
    """What an import made: its manifest, or its counts, notes and rate."""
    from dataclasses import asdict

    if json:
        show.out(show.json_text(asdict(made) | {"sha256": made.sha256()}), None)
        return
    counts = {k: v for k, v in made.counts.items() if v and k != "fees"}
    unit, group = ("moves", "transactions") if "moves" in made.counts else ("transactions", "blocks")
    show.out(f"{path}: {counts.pop(unit, 0):,} {unit} in {counts.pop(group, 0):,} {group}\n", None)
    show.out("".join(f"  {name.replace('_', ' ')}: {number:,}\n" for name, number in counts.items()), None)
    for text in made.notes:
        show.note(f"note: {text}")
    show.note(f"{made.counts[unit] / max(clock(), 1e-9):,.0f} {unit}/s")


@ledger_app.command()
def info(
    path: Annotated[Path, typer.Argument(help="Folder of the ledger.")],
    check: Annotated[bool, typer.Option("--check", help="Read all columns and compare their hashes.")] = False,
    json: AsJson = False,
) -> None:
    """What a ledger holds: chain, span, counts, assets, completeness, hash."""
    from dataclasses import asdict

    from dyepack.errors import LedgerError
    from dyepack.ledger.open import open_ledger
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.report.terminal import ledger_lines

    opened = open_ledger(path)
    if check and (wrong := opened.verify()):
        raise LedgerError(f"{path}: changed since the import: {', '.join(wrong)}", remedy="import the ledger again")
    if check and isinstance(opened, UtxoLedger):
        opened.check_sound()
    if json:
        show.out(show.json_text(asdict(opened.manifest) | {"sha256": opened.sha256}), None)
    else:
        show.out(show.shown(ledger_lines(opened, checked=check)), None)
