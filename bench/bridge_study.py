"""Files of one study of bridges (../shared/data/cross-chain): decoded events, call data, labelled pairs.

  events   JSON: [{"event": "Deposit", "bridge", "args": {sender, receiver, amount, srcChain, dstChain, asset_s,
           asset_d?}, "txhash", "timestamp"}]: cBridge and Poly Network, decoded by others
  inputs   CSV: call data in the last column: Multichain
  labels   CSV: srcnet, srcTxhash, dstnet, dstTxhash

Invariant: every entry is a deposit, a payout or a failure with its reason; a file that is not of its form is an
InputError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dyepack.errors import InputError, quoted
from dyepack.files import csv_file, read_bounded, utf8
from dyepack.patterns.bridges import celer, multichain, poly
from dyepack.patterns.bridges.abi import AbiError
from dyepack.patterns.bridges.logs import Call
from dyepack.patterns.bridges.model import EVM_ADDRESS, EVM_HASH, BridgeDeposit, Failure, Reading
from dyepack.strict_json import Written, parse

if TYPE_CHECKING:
    from pathlib import Path

BRIDGES = {"CelerNetwork": celer.BRIDGE, "PolyNetwork": poly.BRIDGE}
"""Bridges by the name that the files have for them."""

CHAINS = {"ETH": "ethereum", "BNB": "bsc", "BNB CHAIN Mainnet": "bsc"}
"""Chains by the names that the files have for them."""

LABEL_COLUMNS = ("srcnet", "srcTxhash", "dstnet", "dstTxhash")

MAX_BYTES = 200 << 20
_REMEDY = "give a file of the study"

_DIGITS = re.compile(r"[0-9]{1,78}")
_ENTRY = frozenset({"event", "bridge", "args", "txhash", "timestamp"})
_ARGS = frozenset({"sender", "receiver", "amount", "srcChain", "dstChain", "asset_s"})
_LATEST = 1 << 40


class Pair(NamedTuple):
    """A labelled hop: the transactions of its two legs."""

    from_chain: str
    from_tx: str
    to_chain: str
    to_tx: str


class _BadEntryError(Exception):
    """An entry is no deposit; the text says why."""


def read_events(path: Path) -> Reading:
    """The deposits of a JSON file of decoded events, in its order."""
    entries = parse(path, utf8(path, read_bounded(path, MAX_BYTES, remedy=_REMEDY), remedy=_REMEDY))
    if not isinstance(entries, list):
        raise InputError(path, "is not a JSON array", remedy="give a list of decoded events")
    found = Reading()
    for number, entry in enumerate(entries):
        try:
            found.deposits.append(_deposit(entry))
        except _BadEntryError as error:
            found.failures.append(Failure(f"{path.name} entry {number}", str(error)))
    return found


def read_inputs(path: Path, chain: str) -> Reading:
    """The legs in a CSV whose last column is call data of Multichain's routers, in its order; transactions unknown."""
    rows = csv_file(path, MAX_BYTES, remedy=_REMEDY)
    next(rows)
    found = Reading()
    for line, row in rows:
        place = f"{path.name} line {line}"
        try:
            got = multichain.read(Call(chain, "", "", "", _bytes(row[-1])))
        except (AbiError, _BadEntryError) as error:
            found.failures.append(Failure(place, str(error)))
            continue
        if got is None:
            found.failures.append(Failure(place, f"{quoted(row[-1][:10])} is no function of the bridge's routers"))
        else:
            found.add(got)
    return found


def read_labels(path: Path) -> list[Pair]:
    """The labelled pairs of a CSV, in its order. Raises InputError for any row that is not one."""
    rows = csv_file(path, MAX_BYTES, remedy=_REMEDY)
    line, header = next(rows)
    missing = [name for name in LABEL_COLUMNS if header.count(name) != 1]
    if missing:
        remedy = "name the columns " + ", ".join(LABEL_COLUMNS)
        raise InputError(path, "stands not once in the header", remedy=remedy, line=line, field=missing[0])
    at = [header.index(name) for name in LABEL_COLUMNS]
    pairs = []
    for line, row in rows:
        try:
            source, source_tx, target, target_tx = (row[column] for column in at)
            pairs.append(
                Pair(_chain(source), _matched(EVM_HASH, source_tx), _chain(target), _matched(EVM_HASH, target_tx))
            )
        except _BadEntryError as error:
            raise InputError(path, str(error), remedy="mend or remove the row", line=line) from None
    return pairs


def _deposit(entry: object) -> BridgeDeposit:
    if not isinstance(entry, dict) or set(entry) != _ENTRY:
        raise _BadEntryError("is not an object of " + ", ".join(sorted(_ENTRY)))
    args = entry["args"]
    if not isinstance(args, dict) or not _ARGS <= set(args) <= _ARGS | {"asset_d"}:
        raise _BadEntryError("args is not an object of " + ", ".join(sorted(_ARGS)) + " and perhaps asset_d")
    bridge = BRIDGES.get(_text(entry["bridge"]))
    if entry["event"] != "Deposit" or bridge is None:
        raise _BadEntryError("is not a deposit of " + " or ".join(BRIDGES))
    time = entry["timestamp"]
    if not isinstance(time, int) or isinstance(time, bool) or not 0 <= time < _LATEST:
        raise _BadEntryError("timestamp is not seconds since 1970")
    sender, receiver, asset = (_matched(EVM_ADDRESS, args[name]) for name in ("sender", "receiver", "asset_s"))
    return BridgeDeposit(
        bridge, _chain(args["srcChain"]), _matched(EVM_HASH, entry["txhash"]), sender, receiver, asset,
        _amount(args["amount"]),
        to_chain=_chain(args["dstChain"]), to_asset=_matched(EVM_ADDRESS, args["asset_d"]) if "asset_d" in args else "",
        time=time,
    )  # fmt: skip


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _BadEntryError("holds something else than text where text belongs")
    return value


def _chain(value: object) -> str:
    name = CHAINS.get(_text(value))
    if name is None:
        raise _BadEntryError(f"{quoted(_text(value))} is no chain that is known: " + ", ".join(CHAINS))
    return name


def _matched(pattern: re.Pattern[str], value: object) -> str:
    """An address or a hash, in lower case."""
    if not pattern.fullmatch(_text(value)):
        kind = "an address" if pattern is EVM_ADDRESS else "a transaction hash"
        raise _BadEntryError(f"{quoted(_text(value))} is not {kind}")
    return _text(value).lower()


def _amount(value: object) -> int:
    digits = str(value) if isinstance(value, int | Written) and not isinstance(value, bool) else ""
    if not _DIGITS.fullmatch(digits) or int(digits) >> 256:
        raise _BadEntryError("amount is not a whole number of base units")
    return int(digits)


def _bytes(text: str) -> bytes:
    digits = text.strip().removeprefix("0x")
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})*", digits):
        raise _BadEntryError("is not hexadecimal")
    return bytes.fromhex(digits)
