"""dyepack import bitcoin: a ledger of outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.ledger import Ledger, Replace, tell
from dyepack.cli.options import AsJson

Paths = Annotated[
    list[Path],
    typer.Argument(
        help="A node's blocks folder or its blk*.dat files, raw blocks, `getblock` JSON (verbosity 2 or 3), Esplora "
        "transactions, bitcoin-etl JSON or CSV, AWS public-blockchain Parquet, or a folder of index tables."
    ),
]
Network = Annotated[
    str, typer.Option("--network", help="mainnet, testnet, signet or regtest (default: what the files say).")
]
First = Annotated[
    int, typer.Option("--first-height", help="Height of the first block, where blocks do not tell it.", min=-1)
]
Workers = Annotated[int, typer.Option("--workers", help="Processes that parse block files.", min=1, max=64)]
Name = Annotated[str, typer.Option("--chain", help="Name of the chain; thefts must name the same.")]


def bitcoin(
    paths: Paths, ledger: Ledger, chain: Name = "bitcoin", network: Network = "", first_height: First = -1,
    workers: Workers = 2, replace: Replace = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Bitcoin and its kin: blocks of a node, or transactions in any of the usual forms.

    A node's files are read as they lie, obfuscated (xor.dat) or not, with its undo files where they are there; orphan
    blocks are left out and counted. A killed import of block files goes on where it was when it is given again.
    """
    from dyepack.ledger.writer import check_place
    from dyepack.sources.bitcoin.blocks.segment_store import remove
    from dyepack.sources.bitcoin.collect import import_bitcoin
    from dyepack.sources.bitcoin.store import store

    check_place(ledger, replace=replace)
    clock = show.Clock()
    work = ledger.parent / f".{ledger.name}.import"
    with show.flow("importing") as progress:
        imported, found = import_bitcoin(
            paths, network=network or None, work=work, first_height=first_height if first_height >= 0 else None,
            workers=workers, progress=progress,
        )  # fmt: skip
    made = store(imported, ledger, chain=chain, network=found, replace=replace)
    remove(work)
    tell(made, ledger, clock, json=json)
