"""A cash-out point: an address at which a service received dyed units, and what can still be done there.

Invariant: what the ledger does not show (a sweep, a balance) is not known, never none; amounts are base units, texts in
JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dyepack.tracing.statement import Statement

AT_ADDRESS, SWEPT, UNKNOWN = "still at the address", "swept on", "not known"
"""Whether it can still be stopped where it arrived: some of it is there yet; all of it was swept to the service's own
wallets (the service can freeze the account); the ledger does not show what came after."""

TAGGED, BEHAVED, HOT, PLACE = "deposit address (tag)", "deposit address (behaviour)", "hot wallet", "place of a service"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transaction at a cash-out point: into it, or the sweep out of it, to `place`."""

    txid: str
    time: str
    units: int
    place: str


@dataclass(frozen=True, slots=True)
class CashOut:
    """One address at which a service received dyed units of one asset.

    service, address  who, by the naming tag (raw outside text), and where
    role              what the address is to the service
    units             dyed base units under the headline rule
    least, most       over the rules, of the whole terminal (`terminal`: its place, another one than `address` where the
                      money was swept to a hot wallet)
    deposits, sweeps  transactions into the address, and those that took it on to the service's own wallets
    last_move         time of the last move at the address, "" where not known
    balance           base units left there as far as the ledger goes (`as_of`), None: not known
    standing          AT_ADDRESS, SWEPT or UNKNOWN
    tag               source, confidence, evidence class, kind and date of the tag that names the service
    """

    service: str
    address: str
    role: str
    asset: str
    units: int
    least: int
    most: int
    terminal: str
    deposits: tuple[Transfer, ...]
    sweeps: tuple[Transfer, ...]
    last_move: str
    balance: int | None
    as_of: str
    standing: str
    tag: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the ledger shows of an address after the money came."""

    sweeps: tuple[Transfer, ...] = ()
    last_move: str = ""
    balance: int | None = None
    as_of: str = ""
    swept: bool = False


HEADER = (
    "theft", "rule", "service", "address", "role", "symbol", "asset", "decimals", "amount", "least", "most",
    "base_units", "least_base_units", "most_base_units", "terminal", "deposits", "first_deposit", "last_deposit",
    "deposit_txids", "sweep_txids", "swept_to", "last_move", "balance_base_units", "as_of", "standing",
    "tag_source", "tag_confidence", "tag_evidence", "tag_date", "contradicted_by", "ledger",
)  # fmt: skip


def table(rows: list[CashOut], statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """Cash-out points as a header and rows: transactions separated by blanks, decimal amounts and base units."""
    out = []
    for row in rows:
        asset, times = statement.assets[row.asset], [d.time for d in row.deposits if d.time]
        units = (row.units, row.least, row.most)
        out.append([
            statement.theft, statement.rule, row.service, row.address, row.role, asset.symbol, row.asset,
            "" if asset.decimals is None else asset.decimals, *(asset.format(u, grouped=False) for u in units), *units,
            row.terminal, len(row.deposits), min(times, default=""), max(times, default=""),
            " ".join(d.txid for d in row.deposits), " ".join(s.txid for s in row.sweeps),
            " ".join(dict.fromkeys(s.place for s in row.sweeps)), row.last_move,
            "" if row.balance is None else row.balance, row.as_of, row.standing, row.tag.get("source", ""),
            row.tag.get("confidence", ""), row.tag.get("evidence", ""), row.tag.get("date", ""),
            "; ".join(row.tag.get("contradicted_by", ())), statement.ledger,
        ])  # fmt: skip
    return list(HEADER), out


TRANSFER_HEADER = ("theft", "rule", "service", "address", "what", "time", "tx", "symbol", "asset", "amount",
                   "base_units", "to")  # fmt: skip


def transfer_table(rows: list[CashOut], statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """One row a transaction, into a cash-out point or (sweep) out of it, in order of time."""
    out = []
    for row in rows:
        asset = statement.assets[row.asset]
        found = [("deposit", d) for d in row.deposits] + [("sweep", s) for s in row.sweeps]
        out += [
            [statement.theft, statement.rule, row.service, row.address, what, t.time, t.txid, asset.symbol, row.asset,
             asset.format(t.units, grouped=False), t.units, t.place]
            for what, t in sorted(found, key=lambda pair: pair[1].time)
        ]  # fmt: skip
    return list(TRANSFER_HEADER), out


def to_json(rows: list[CashOut]) -> list[dict[str, Any]]:
    """Cash-out points as plain JSON values: amounts are texts of base units."""
    found = []
    for row in rows:
        value = asdict(row)
        for name in ("units", "least", "most", "balance"):
            value[name] = None if value[name] is None else str(value[name])
        for part in (*value["deposits"], *value["sweeps"]):
            part["units"] = str(part["units"])
        found.append(value)
    return found
