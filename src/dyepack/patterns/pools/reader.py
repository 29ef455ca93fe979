"""Event files of a pool: JSON lists of deposits or of withdrawals, plain, gzip or zip, as the mixer's tools write them.

A deposit says blockNumber, transactionHash, commitment, leafIndex and timestamp; a withdrawal blockNumber,
transactionHash, nullifierHash, to and fee (base units of the relayer's part). Either may also say from (who sent the
transaction), gasPrice, transactionIndex and logIndex, a withdrawal relayerAddress and timestamp. Whole numbers may be
written as numbers or as decimal text.

Invariant: every event of every file is in the history once, or InputError says which entry of which file is wrong;
nothing unpacks to more than `sources.json_files.unpacked_at_most`.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from dyepack.errors import InputError, quoted
from dyepack.patterns.pools.history import UNKNOWN, Deposits, Withdrawals, checked, join
from dyepack.patterns.pools.known import pool_named
from dyepack.sources.columns import MAX_GAS, MAX_TIME
from dyepack.sources.csvbytes import GZIP_MAGIC, opening
from dyepack.sources.json_files import too_much, unpacked_at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dyepack.ledger.schema import I64, U8
    from dyepack.patterns.pools.history import History
    from dyepack.patterns.pools.known import Pool

_ZIP_MAGIC = b"PK\x03\x04"
_LEAST = 1 << 26
"""Bytes that may be held of a small file: less than of others, as all of its events are decoded at once."""
_PEEK = 4096
_MOST_BLOCK = (1 << 31) - 1
_MOST_RANK = (1 << 31) - 1
_MOST_DIGITS = 80
_NAME = re.compile(r"(?:deposits|withdrawals)_([A-Za-z]+)_([0-9.]+)\.json(?:\.zip|\.gz)?", re.ASCII)
_FORM = "give a list of events as the pool's tools write it"
_CUT = "fetch the file again: it is cut short or not JSON"
_WHOLE = re.compile(r"[0-9]{1,80}", re.ASCII)

Number = int | str
Left = msgspec.UnsetType
UNSET = msgspec.UNSET


class _Deposit(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One deposit as written."""

    block_number: Number
    transaction_hash: str
    commitment: str
    leaf_index: Number | Left = UNSET
    timestamp: Number | Left = UNSET
    transaction_index: Number | Left = UNSET
    log_index: Number | Left = UNSET
    from_: str | Left = msgspec.field(name="from", default=UNSET)
    gas_price: Number | Left = UNSET


class _Withdrawal(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One withdrawal as written."""

    block_number: Number
    transaction_hash: str
    nullifier_hash: str
    to: str
    fee: Number
    timestamp: Number | Left = UNSET
    transaction_index: Number | Left = UNSET
    log_index: Number | Left = UNSET
    from_: str | Left = msgspec.field(name="from", default=UNSET)
    relayer_address: str | Left = UNSET
    gas_price: Number | Left = UNSET


Row = TypeVar("Row", _Deposit, _Withdrawal)


def read_history(pool: Pool, paths: Iterable[Path]) -> History:
    """The history of one pool from its event files, in any order; parts that overlap are joined.

    InputError names the file and the entry that is wrong, or says why the events together cannot be a history.
    """
    deposits, withdrawals = [_no_deposits()], [_no_withdrawals()]
    files = list(paths)
    for path in files:
        found = read_events(path)
        if isinstance(found, Deposits):
            deposits.append(found)
        else:
            withdrawals.append(found)
    source = ", ".join(path.name for path in files) or pool.name
    return checked(pool, join(deposits), join(withdrawals), source)


def read_folder(folder: Path) -> list[History]:
    """The history of every known pool whose event files are in a folder, by names as deposits_eth_100.json.zip."""
    files: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if named := _NAME.fullmatch(path.name):
            files.setdefault((named[1].lower(), named[2]), []).append(path)
    if not files:
        raise InputError(folder, "holds no event files",
                         remedy="name them as deposits_eth_100.json and withdrawals_eth_100.json")  # fmt: skip
    return [read_history(pool_named(symbol, size), paths) for (symbol, size), paths in sorted(files.items())]


def read_events(path: Path) -> Deposits | Withdrawals:
    """The events of one file, in its order. An empty list counts as deposits."""
    raw = unpacked(path)
    if b'"nullifierHash"' in raw[:_PEEK]:
        return _withdrawals(path, _decoded(path, raw, _Withdrawal))
    return _deposits(path, _decoded(path, raw, _Deposit))


def unpacked(path: Path) -> bytes:
    """The bytes of a plain, gzip or zip file; InputError for one that unpacks to more than such data does."""
    start = opening(path)
    most = unpacked_at_most(path, _LEAST)
    try:
        if start.startswith(_ZIP_MAGIC):
            raw = _from_zip(path, most)
        else:
            with gzip.open(path, "rb") if start.startswith(GZIP_MAGIC) else path.open("rb") as file:
                raw = file.read(most + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(path, f"cannot be read ({quoted(str(error))})", remedy="fetch the file again") from error
    if len(raw) > most:
        raise too_much(path)
    return raw


def _from_zip(path: Path, most: int) -> bytes:
    with zipfile.ZipFile(path) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise InputError(path, f"holds {len(members)} files where one belongs",
                             remedy="unpack it, and name one file")  # fmt: skip
        with packed.open(members[0]) as file:
            return file.read(most + 1)


def _decoded(path: Path, raw: bytes, form: type[Row]) -> list[Row]:
    """The entries of a JSON list; InputError where it is none, or says a key twice."""
    try:
        rows = msgspec.json.decode(raw, type=list[form])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise InputError(path, f"is no list of events: {quoted(str(error))}", remedy=_FORM) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(path, f"is not JSON: {quoted(str(error))}", remedy=_CUT) from None
    # Neither a key nor a value of a good file holds a colon, so every colon stands between a key and its value.
    said = sum(getattr(row, name) is not UNSET for row in rows for name in form.__struct_fields__)
    if raw.count(b":") != said:
        raise InputError(path, "says a key of an event twice, or holds a colon in a value",
                         remedy="give the file as the program that made it wrote it")  # fmt: skip
    return rows


def _deposits(path: Path, rows: Sequence[_Deposit]) -> Deposits:
    leaf = _numbers(path, rows, "leafIndex", lambda r: r.leaf_index, _MOST_RANK)
    return Deposits(
        *_placed(path, rows), leaf,
        _bytes(path, rows, "commitment", lambda r: r.commitment, 32),
        _bytes(path, rows, "transactionHash", lambda r: r.transaction_hash, 32),
        _bytes(path, rows, "from", lambda r: r.from_, 20),
        _numbers(path, rows, "gasPrice", lambda r: r.gas_price, MAX_GAS),
    )  # fmt: skip


def _withdrawals(path: Path, rows: Sequence[_Withdrawal]) -> Withdrawals:
    return Withdrawals(
        *_placed(path, rows),
        _bytes(path, rows, "nullifierHash", lambda r: r.nullifier_hash, 32),
        _bytes(path, rows, "transactionHash", lambda r: r.transaction_hash, 32),
        _bytes(path, rows, "to", lambda r: r.to, 20),
        _bytes(path, rows, "from", lambda r: r.from_, 20),
        _bytes(path, rows, "relayerAddress", lambda r: r.relayer_address, 20),
        tuple(_whole(path, at, "fee", row.fee, 10**_MOST_DIGITS) for at, row in enumerate(rows, start=1)),
        _numbers(path, rows, "gasPrice", lambda r: r.gas_price, MAX_GAS),
    )  # fmt: skip


def _placed(path: Path, rows: Sequence[Any]) -> tuple[I64, I64, I64]:
    """Block, rank and time of each event."""
    return (
        _numbers(path, rows, "blockNumber", lambda r: r.block_number, _MOST_BLOCK),
        _numbers(path, rows, "transactionIndex", lambda r: r.transaction_index, _MOST_RANK),
        _numbers(path, rows, "timestamp", lambda r: r.timestamp, MAX_TIME),
    )


def _numbers(path: Path, rows: Sequence[Any], name: str, of: Callable[[Any], Number | Left], most: int) -> I64:
    """A column of whole numbers, -1 where not said."""
    said = (of(row) for row in rows)
    return np.fromiter(
        (UNKNOWN if value is UNSET else _whole(path, at, name, value, most) for at, value in enumerate(said, start=1)),
        np.int64, len(rows),
    )  # fmt: skip


def _whole(path: Path, entry: int, name: str, value: Number | Left, most: int) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise _wrong(path, entry, name, f"is not a whole number from 0 to {most:.3g}")
    return value


def _bytes(path: Path, rows: Sequence[Any], name: str, of: Callable[[Any], str | Left], width: int) -> U8:
    """A column of hexadecimal texts as rows of bytes, zero where not said."""
    form = re.compile(rf"0[xX][0-9a-fA-F]{{{2 * width}}}", re.ASCII)
    texts: list[str] = []
    for at, value in enumerate((of(row) for row in rows), start=1):
        if isinstance(value, str):
            if not form.fullmatch(value):
                raise _wrong(path, at, name, f"is not 0x and {2 * width} hexadecimal digits")
            texts.append(value[2:])
        else:
            texts.append("0" * (2 * width))
    return np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, width)


def _wrong(path: Path, entry: int, name: str, problem: str) -> InputError:
    return InputError(path, f"entry {entry} of the list: {name} {problem}", remedy=_FORM)


def _no_deposits() -> Deposits:
    return _deposits(Path(), [])


def _no_withdrawals() -> Withdrawals:
    return _withdrawals(Path(), [])
