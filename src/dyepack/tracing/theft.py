"""Thefts: what was taken, by which moves or declared deposits, as a TOML file says it.

    id = "ronin-2022"                       # needed
    title = "Ronin Bridge, 23 March 2022"
    chain = "ethereum"                      # needed: must be the ledger's
    victim = ["0x1a2a..."]                  # money that comes back here is "returned"
    source = "who says so"
    note = "what a reader must know"        # optional: stands among the notes of the statement

    [[leg]]                                 # one per asset, in order
    name = "ETH"
    asset = "native"                        # "native", a token's contract, a currency, or a symbol only it has

    [[leg.move]]                            # moves of the asset in a transaction; fees never count
    tx = "0x..."
    from = "0x..."                          # optional, as are `to` and `index` (trace or log index)
    units = "250000"                        # optional: only so many base units of it were stolen (or `amount`)

    [[leg.outflow]]                         # every move of the asset out of an address
    address = "0x..."                       # or "any": out of every address (a ledger of the theft's moves alone)
    since = 2023-01-13T20:00:00Z            # optional, as is `until` (both included)

    [[leg.deposit]]                         # units that arrived by a way the ledger does not show
    to = "0x..."
    amount = "173600"                       # decimal, or `units` in base units
    tx = "0x..."                            # arrives with this transaction, or `block`: at its start
    day = 2022-03-23                        # optional: the day (UTC) of such a block, for prices
    evidence = "internal transfer of the same transaction, published amount"   # needed

Invariant: reading a file checks every key and type; nothing is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dyepack.errors import InputError, quoted
from dyepack.files import parse_toml, read_bounded

ANY = "any"
_LARGEST = 16 << 20
_REMEDY = "give a theft file: docs/theft-files.md has the form"


@dataclass(frozen=True, slots=True)
class LegMove:
    """The moves of a leg's asset in one transaction, narrowed by sender, receiver or index.

    `amount` (decimal text) or `units` (base units) say how much of them was stolen, the first clean units; neither:
    all.
    """

    tx: str
    sender: str = ""
    receiver: str = ""
    index: int | None = None
    amount: str = ""
    units: int | None = None

    @property
    def of_part(self) -> bool:
        """Whether it says how much was stolen."""
        return self.units is not None or bool(self.amount)


@dataclass(frozen=True, slots=True)
class Outflow:
    """Every move of a leg's asset out of an address, between two times (seconds UTC, included).

    `address` ANY stands for every address: of use on a ledger that holds the theft's own moves and nothing else.
    """

    address: str
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Deposit:
    """Units that arrived by a way the ledger does not show; `amount` decimal text or `units` base units.

    `day` (ISO 8601, "" where nobody says) is when, for people and prices; the order is that of `tx` or `block`.
    """

    to: str
    amount: str
    units: int | None
    tx: str
    block: int | None
    evidence: str
    day: str = ""


@dataclass(slots=True)
class Leg:
    """What was taken of one asset."""

    name: str
    asset: str
    moves: list[LegMove] = field(default_factory=list)
    outflows: list[Outflow] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)


@dataclass(slots=True)
class Theft:
    """One theft, as a file describes it; `raw` is the file, kept in the case."""

    id: str
    title: str
    chain: str
    legs: list[Leg]
    victims: list[str]
    source: str
    file: str
    raw: bytes
    note: str = ""


def read_theft(file: Path) -> Theft:
    """Read a theft; InputError names the file and the key that is wrong."""
    return parse_theft(read_bounded(file, _LARGEST, remedy=_REMEDY), str(file))


def parse_theft(raw: bytes, file: str) -> Theft:
    """Read a theft from the bytes of a file called `file`."""
    data = parse_toml(file, raw, most=_LARGEST, remedy=_REMEDY)
    read = _Reader(file, data, "theft")
    theft = Theft(
        id=read.text("id"), title=read.text("title", ""), chain=read.text("chain"), legs=[],
        victims=read.texts("victim"), source=read.text("source", ""), file=Path(file).name, raw=raw,
        note=read.text("note", ""),
    )  # fmt: skip
    for number, leg in enumerate(read.tables("leg"), 1):
        theft.legs.append(_leg(_Reader(file, leg, f"leg {number}"), number))
    read.done()
    if not theft.legs:
        raise InputError(file, "has no [[leg]]", remedy="say what was taken: see `dyepack trace --help`")
    return theft


def _leg(read: _Reader, number: int) -> Leg:
    leg = Leg(read.text("name", f"leg {number}"), read.text("asset"))
    for row in read.parts("move"):
        part = LegMove(
            row.text("tx"), row.text("from", ""), row.text("to", ""), row.whole("index"), row.text("amount", ""),
            row.whole("units"),
        )  # fmt: skip
        row.done()
        if part.amount and part.units is not None:
            row.wrong("amount", "give either `amount` or `units`")
        leg.moves.append(part)
    for row in read.parts("outflow"):
        leg.outflows.append(Outflow(row.text("address"), row.time("since"), row.time("until")))
        row.done()
    for row in read.parts("deposit"):
        deposit = Deposit(
            row.text("to"), row.text("amount", ""), row.whole("units"), row.text("tx", ""), row.whole("block"),
            row.text("evidence"), row.day("day"),
        )  # fmt: skip
        row.done()
        if bool(deposit.amount) == (deposit.units is not None):
            row.wrong("amount", "give either `amount` or `units`")
        if bool(deposit.tx) == (deposit.block is not None):
            row.wrong("tx", "give either `tx` or `block`")
        leg.deposits.append(deposit)
    read.done()
    if not (leg.moves or leg.outflows or leg.deposits):
        read.wrong("move", "a leg needs a move, an outflow or a deposit")
    return leg


class _Reader:
    """Takes the keys of one table, checked; `done` complains about what is left."""

    def __init__(self, file: str, data: dict[str, Any], place: str) -> None:
        self.file, self.data, self.place = file, dict(data), place

    def wrong(self, key: str, problem: str) -> None:
        raise InputError(self.file, f"{self.place}, key {quoted(key)}: {problem}", remedy="mend the theft file")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.pop(key, default)
        if value is None:
            self.wrong(key, "is missing")
        if not isinstance(value, str):
            self.wrong(key, "must be text in quotes")
        if value == "" and default is None:
            self.wrong(key, "is empty")
        return str(value)

    def texts(self, key: str) -> list[str]:
        value = self.data.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.wrong(key, "must be a list of texts")
        return list(value)

    def whole(self, key: str) -> int | None:
        value = self.data.pop(key, None)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 40:
            value = int(value)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 128):
            self.wrong(key, "must be a whole number that is not negative")
        return None if value is None else int(value)

    def time(self, key: str) -> int | None:
        value = self.data.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, datetime):
            self.wrong(key, "must be a date and time, as 2022-03-23T13:00:00Z")
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())

    def day(self, key: str) -> str:
        value = self.data.pop(key, "")
        if value != "" and (not isinstance(value, date) or isinstance(value, datetime)):
            self.wrong(key, "must be a day without quotes, as 2022-03-23")
        return value.isoformat() if isinstance(value, date) else ""

    def tables(self, key: str) -> list[dict[str, Any]]:
        value = self.data.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self.wrong(key, "must be written as [[...]]")
        return list(value)

    def parts(self, key: str) -> list[_Reader]:
        return [_Reader(self.file, t, f"{self.place}, {key} {n}") for n, t in enumerate(self.tables(key), 1)]

    def done(self) -> None:
        if self.data:
            self.wrong(min(self.data), "is not known here")
