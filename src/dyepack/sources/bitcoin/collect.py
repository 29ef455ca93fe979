"""Any of the forms of Bitcoin data, from any paths: finds the importer, and the network.

Invariant: all paths of one import are of one form, so that one order and one check covers them; a path of another
form, or of none, is an InputError before anything is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.errors import InputError, UsageError, quoted
from dyepack.ledger.utxo.address import NETWORKS
from dyepack.progress import OnBytes, no_bytes
from dyepack.sources.bitcoin.recognise import TAKEN, Form, expanded, recognise
from dyepack.sources.bitcoin.records.bitcoin_etl import import_bitcoin_etl
from dyepack.sources.bitcoin.records.esplora import import_esplora
from dyepack.sources.bitcoin.records.getblock import import_getblock
from dyepack.sources.bitcoin.records.index_tables import import_index_tables
from dyepack.sources.bitcoin.records.stated import StatedAddresses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.sources.bitcoin.result import BitcoinImport


def import_bitcoin(
    paths: Sequence[Path],
    *,
    network: str | None = None,
    work: Path,
    first_height: int | None = None,
    workers: int = 2,
    progress: OnBytes = no_bytes,
) -> tuple[BitcoinImport, str]:
    """What the paths hold, and its network: what the source says, else `network`, else mainnet.

    `work` is where block files keep what is finished, `first_height` the height of the first block where the blocks
    do not tell, `progress` is called with bytes done, bytes in all and a text.
    """
    if not paths:
        raise UsageError("no file was named", remedy=f"give {TAKEN}")
    if network is not None and network not in NETWORKS:
        raise UsageError(f"{quoted(network)} is not a network", remedy=f"it must be one of: {', '.join(NETWORKS)}")
    found = {file: recognise(file) for path in paths for file in expanded(path)}
    form, files, empty = _one_form(found)
    if first_height is not None and form is not Form.BLOCKS:
        raise UsageError("a first height is for blocks of a node only", remedy="leave it out: the files say theirs")
    if form is Form.BLOCKS:
        from dyepack.sources.bitcoin.blocks.importer import import_blocks

        result = import_blocks(files, work=work, first_height=first_height, workers=workers, progress=progress)
        return result, _agreed(result, network, files)
    addresses = StatedAddresses(network)
    total = sum(file.stat().st_size for file in files if file.is_file())
    progress(0, total, form.value)
    result = _imported(form, files, addresses)
    result.count("empty_lists", empty)
    result.network = addresses.network
    progress(total, total, form.value)
    return result, addresses.network


def _imported(form: Form, files: list[Path], addresses: StatedAddresses) -> BitcoinImport:
    if form is Form.GETBLOCK:
        return import_getblock(files, addresses)
    if form is Form.ESPLORA:
        return import_esplora(files, addresses)
    if form is Form.ETL:
        return import_bitcoin_etl(files, addresses)
    if len(files) > 1:
        raise InputError(
            files[1], f"is a second set of tables beside {files[0]}", remedy="import one set of tables at a time"
        )
    return import_index_tables(files[0], addresses)


def _one_form(found: dict[Path, Form]) -> tuple[Form, list[Path], int]:
    """The one form of all paths, the paths of that form, and how many lists were empty."""
    beside = (Form.MASK, Form.UNDO)
    main = {file: form for file, form in found.items() if form is not Form.EMPTY and form not in beside}
    if not main:
        first, form = next(iter(found.items()))
        raise InputError(first, f"holds no blocks or transactions, only {form.value}", remedy=f"give {TAKEN}")
    first, form = next(iter(main.items()))
    for file, other in found.items():
        if other is not form and other is not Form.EMPTY and not (form is Form.BLOCKS and other in beside):
            problem = f"is {other.value}, while {first} is {form.value}: these cannot be put in one order"
            raise InputError(file, problem, remedy="import files of one form at a time")
    # The mask is read from the folder of the files that it masks.
    files = [file for file, other in found.items() if other not in {Form.MASK, Form.EMPTY}]
    return form, files, sum(other is Form.EMPTY for other in found.values())


def _agreed(result: BitcoinImport, network: str | None, files: list[Path]) -> str:
    if result.network and network and result.network != network:
        raise InputError(
            files[0], f"is of {result.network}, not of {network}", remedy="name the network that it is of, or none"
        )
    return result.network or network or next(iter(NETWORKS))
