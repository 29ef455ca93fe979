"""Plain tables of transfers, one row for each move: CSV, CSV.gz or Parquet; the caller may name the columns.

column   needed  holds
time     yes*    seconds since 1970, "2023-01-13 20:34:11" or ISO 8601, UTC
block    no      block number; without it, the day of `time` since 1970
tx       yes     transaction hash or reference: 0x and 64 hexadecimal digits throughout, or text (64 bytes)
from     yes     who pays: 0x and 40 hexadecimal digits throughout, or text; empty only for kind "issue"
to       yes     who is paid; empty only for kind "fee"
amount   yes     plain decimal number with at most `decimals` digits after the point
asset    no      key of the asset; without it, the one that the caller names
index    no      log or line number in the transaction
kind     no      value, token, internal, fee or issue; without it, value

*) unless the user says the one day that all rows are of.

Without an index a row is known by its content only: rows that are equal in every column of the file are one
transfer, the copies are dropped and counted, and the index is the row's ordinal within its transaction.

Invariant: rows = moves + oversize + oversize_duplicates + zero_value + exact_duplicates (by `counts`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from datetime import time as clock
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError, UsageError
from dyepack.ledger.schema import MoveKind
from dyepack.money import Asset
from dyepack.sources.amounts import amounts
from dyepack.sources.columns import choices, times, whole_numbers
from dyepack.sources.identifiers import (
    ADDRESS,
    HASH,
    encode,
    has_hex,
    hex_ids,
    is_hex,
    lower_hex,
    refuse_broken_hex,
    text_ids,
)
from dyepack.sources.moves import Movements
from dyepack.sources.repeats import exact_repeats, ordinals_within
from dyepack.sources.result import Import
from dyepack.sources.table import Layout, Table, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import numpy.typing as npt

    from dyepack.ledger.schema import I64, U8
    from dyepack.sources.result import IdFormat
    from dyepack.sources.table import Column

    Mask = npt.NDArray[np.bool_]

NEEDED = ("time", "tx", "from", "to", "amount")
OPTIONAL = ("block", "asset", "index", "kind")
_KINDS = {kind.name.lower(): int(kind) for kind in MoveKind}
_DAY = 86_400


def import_transfers(
    path: Path, *, asset: Asset, columns: Mapping[str, str] | None = None, day: date | None = None
) -> Import:
    """Read a table of transfers; `columns` gives the file's name for a column of the list above.

    `asset` is moved by rows that name none, and its decimals are those of every amount (None: base units). `day` (UTC)
    is that of every row of a file without a column of times.
    """
    if day is not None and day.year < 1970:
        raise UsageError(f"no transfer is of {day}: days begin with 1970", remedy="check --day")
    names = {name: name for name in NEEDED + OPTIONAL} | dict(columns or {})
    named = tuple(columns or ())
    unknown = [name for name in named if name not in NEEDED + OPTIONAL]
    if unknown:
        raise InputError(path, f"cannot map {unknown}", remedy=f"the names are {', '.join(NEEDED + OPTIONAL)}")
    needed = [name for name in NEEDED if name != "time" or day is None]
    required = tuple(names[name] for name in NEEDED + OPTIONAL if name in needed or name in named)
    table = read_table(path, Layout("a table of transfers", required, tuple(names.values()), everything=True))
    result = Import(rows=table.rows, notes=[table.note] if table.note else [])
    have = {name: table[column] for name, column in names.items() if column in table}
    _add_rows(table, have, asset, result, day if "time" not in have else None)
    used = [key for moves in result.moves for key in moves.assets] + [move.asset for move in result.oversize]
    result.assets = {key: asset if key == asset.key else Asset(key, key, asset.decimals) for key in dict.fromkeys(used)}
    return result


def _add_rows(table: Table, have: Mapping[str, Column], asset: Asset, result: Import, day: date | None) -> None:
    result.tx_format, (ids,), (named,) = _ids([have["tx"]], HASH, "a transaction reference")
    result.address_format, (senders, receivers), present = _ids([have["from"], have["to"]], ADDRESS, "an address")
    kind = choices(have["kind"], _KINDS, "a kind of move").astype(np.uint8) if "kind" in have else None
    _refuse_empty(have, named, present, kind)
    (transaction,), _ = encode([ids])
    (sender, receiver), addresses = encode([senders, receivers])
    if day is None:
        time = times(have["time"])
    else:
        time = np.full(table.rows, int(datetime.combine(day, clock(), UTC).timestamp()), np.int64)
        result.notes.append(
            f"the table has no times: every transfer is of {day}, as the user says, in the file's order"
        )
    block = whole_numbers(have["block"], what="a block number") if "block" in have else time // _DAY
    if "block" not in have:
        result.notes.append("the table has no block column: the day of each transfer stands for it")
    codes, assets = _assets(have.get("asset"), asset, table.rows)
    value = amounts(have["amount"], decimals=asset.decimals or 0)
    rows = Movements(
        source=table.path.name,
        tx_id=ids,
        block=block,
        tx_index=np.full(table.rows, -1, np.int64),
        time=time,
        sender=np.where(present[0], sender, -1),
        receiver=np.where(present[1], receiver, -1),
        amounts=value,
        row=table.line_numbers(),
        addresses=addresses,
        assets=assets,
        kind=int(MoveKind.VALUE) if kind is None else kind,
        asset=codes,
        ids_are_text=result.tx_format == "text",
        addresses_are_text=result.address_format == "text",
    )
    fresh = np.ones(table.rows, np.bool_)
    if "index" in have:
        rows.index = whole_numbers(have["index"], what="an index")
    else:
        columns = [transaction, sender, receiver, time, value.words[:, 0], value.words[:, 1]]
        fresh = ~exact_repeats(table, columns)
        rows.index = ordinals_within(transaction, fresh)
    result.count("moves", rows.keep(fresh, result))
    result.count("exact_duplicates", np.count_nonzero(~fresh))
    result.count("zero_value", np.count_nonzero(fresh & ~value.moving() & ~value.is_oversize()))


def _ids(columns: Sequence[Column], width: int, what: str) -> tuple[IdFormat, list[U8], list[Mask]]:
    """Identifiers as bytes where all are hexadecimal, else as text."""
    if all(is_hex(column, width) for column in columns):
        pairs = [hex_ids(column, width, optional=True) for column in columns]
        return "hex", [ids for ids, _ in pairs], [present for _, present in pairs]
    if any(has_hex(column, width) for column in columns):
        for column in columns:
            refuse_broken_hex(column, width)
    ids, present = text_ids([lower_hex(column, width) for column in columns], what=what)
    return "text", ids, present


def _refuse_empty(have: Mapping[str, Column], tx: Mask, ends: Sequence[Mask], kind: U8 | None) -> None:
    kinds = np.full(len(tx), int(MoveKind.VALUE), np.uint8) if kind is None else kind
    cases = {
        "tx": ~tx,
        "from": ~ends[0] & (kinds != MoveKind.ISSUE),
        "to": ~ends[1] & (kinds != MoveKind.FEE),
    }
    for name, empty in cases.items():
        if empty.any():
            row = int(np.argmax(empty))
            raise have[name].fault(row, "the value is missing", "fill it in, or remove the row")


def _assets(column: Column | None, asset: Asset, rows: int) -> tuple[I64, list[str]]:
    """Each row's asset: what its column says, or the caller's where it is empty."""
    if column is None:
        return np.zeros(rows, np.int64), [asset.key]
    (ids,), (present,) = text_ids([column], what="an asset")
    (codes,), values = encode([ids])
    keys = [value.tobytes().rstrip(b"\0").decode() or asset.key for value in values]
    assets = list(dict.fromkeys(keys))
    return np.array([assets.index(key) for key in keys], np.int64)[codes] if present.size else codes, assets
