"""Over a bridge: the dye that a case left on one ledger, as a theft on the next.

Only links of the protocol's own records, or confirmed by the service, carry dye; each deposit's dye is laid over its
payout in proportion (the exchange product), and the theft file that comes of it says of each move how many of its units
are stolen. So the second case begins with exactly what the first one let go, less what the bridge kept.
Invariant: every dyed unit that left over a bridge is in one hop or is said to have no link; no payout carries more dye
than it has units.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from dyepack.patterns.bridges.carry import carry_parts
from dyepack.patterns.bridges.model import tx_key
from dyepack.patterns.bridges.protocol import PAYS_OFTEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.patterns.bridges.model import BridgeLink, Links
    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement


@dataclass(frozen=True, slots=True)
class Hop:
    """Dye of one deposit, over one link: `dyed` base units of `asset` (its key) became `carried` of the payout's.

    `legs` are the legs of the first case's thefts that the dye was of.
    """

    link: BridgeLink
    asset: str
    dyed: int
    carried: int
    legs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Dyed base units that left over a bridge in a transaction for which there is no link that carries."""

    txid: str
    bridge: str
    asset: str
    units: int
    reason: str


@dataclass(slots=True)
class Crossing:
    """Every dyed unit of a case that left over a bridge, in the order in which it left."""

    hops: list[Hop]
    unlinked: list[Unlinked]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, amounts as texts of base units."""
        return {"hops": [_row(h) for h in self.hops],
                "unlinked": [{"tx": u.txid, "bridge": u.bridge, "asset": u.asset, "units": str(u.units),
                              "reason": u.reason} for u in self.unlinked]}  # fmt: skip


HEADER = ("bridge", "chain", "tx", "asset", "dyed", "to_chain", "to_tx", "to_asset", "receiver", "carried", "tier",
          "evidence", "confidence", "method")  # fmt: skip


def _row(hop: Hop) -> dict[str, Any]:
    deposit, payout = hop.link.deposit, hop.link.payout
    values = (deposit.bridge, deposit.chain, deposit.tx, hop.asset, str(hop.dyed), payout.chain, payout.tx,
              payout.asset, payout.receiver, str(hop.carried), hop.link.tier.value, hop.link.evidence,
              hop.link.confidence, hop.link.method)  # fmt: skip
    return dict(zip(HEADER, values, strict=True))


_Leg = tuple[tuple[int, ...], str]
"""Legs of the first case, and the asset that they became."""

_LONGEST_NAME = 50
"""Characters of a chain that are kept in a file's name (in UTF-8 and with its ending no longer than 255 bytes)."""

_Deposits = dict[tuple[str, str], list["BridgeLink"]]
"""Links by the transaction and asset of their deposit."""


def cross(statement: Statement, moves: list[DyedMove], links: Links) -> Crossing:
    """Carry what a case left over bridges; leads (tier INFERRED) carry nothing."""
    names = {t.place: t.entity or t.place for t in statement.terminals if t.stop == "bridge"}
    sure = _by_deposit(statement.chain, (*links.protocol, *links.confirmed))
    leads = _by_deposit(statement.chain, links.inferred)
    parts: dict[int, list[DyedMove]] = defaultdict(list)
    for move in moves:
        if move.stop == "bridge":
            parts[move.move].append(move)
    out = Crossing([], [])
    used: set[int] = set()
    for rows in parts.values():
        key = tx_key(rows[0].txid), rows[0].asset.lower()
        carrying = [link for link in sure[key] if id(link) not in used and _fits(link, rows[0])]
        if len(carrying) == 1 or _paid_in_parts(carrying):
            used |= {id(link) for link in carrying}
            out.hops += _hops(carrying, rows)
        else:
            lead = any(_fits(link, rows[0]) for link in leads[key])
            reason = "several links fit" if carrying else "only leads" if lead else "no link"
            out.unlinked.append(Unlinked(rows[0].txid, names.get(rows[0].target, rows[0].target), rows[0].asset,
                                         sum(row.units for row in rows), reason))  # fmt: skip
    return out


def _paid_in_parts(links: list[BridgeLink]) -> bool:
    """Whether several links are the several payouts of one deposit, on a bridge that pays so."""
    first = links[0].deposit if links else None
    return first is not None and first.bridge in PAYS_OFTEN and all(link.deposit == first for link in links)


def _hops(links: list[BridgeLink], rows: list[DyedMove]) -> list[Hop]:
    """The dye of one deposit over its payouts: the same part of each, the deposit's dye told in proportion to them."""
    parts, legs = [row.units for row in rows], tuple(sorted({row.leg for row in rows}))
    dyed, paid = sum(parts), sum(link.payout.amount for link in links)
    hops, seen, told = [], 0, 0
    for link in links:
        seen += link.payout.amount
        share = (dyed * seen // paid if paid else dyed) - told
        told += share
        hops.append(Hop(link, rows[0].asset, share, sum(carry_parts(link, parts)), legs))
    return hops


def _by_deposit(chain: str, links: Iterable[BridgeLink]) -> _Deposits:
    found: _Deposits = defaultdict(list)
    for link in links:
        if link.deposit.chain == chain:
            found[tx_key(link.deposit.tx), link.deposit.asset.lower()].append(link)
    return found


def _fits(link: BridgeLink, move: DyedMove) -> bool:
    """Whether a link speaks of this move: the one that it names, or one of its amount."""
    deposit = link.deposit
    named = deposit.move in {"", f"{move.kind} {move.index}"}
    return named and deposit.amount == move.value


def thefts_beyond(statement: Statement, crossing: Crossing, links: str) -> dict[str, str]:
    """The theft file for each ledger that dye was carried to: chain -> TOML; `links` says whose links they are.

    A leg of it is what one leg of the first case (or several together, where one deposit held dye of several) became of
    one asset.
    """
    by_chain: dict[str, dict[_Leg, list[Hop]]] = defaultdict(lambda: defaultdict(list))
    for hop in crossing.hops:
        if hop.carried:
            by_chain[hop.link.payout.chain][hop.legs, hop.link.payout.asset].append(hop)
    return {chain: _theft(statement, chain, legs, links) for chain, legs in by_chain.items()}


def file_names(chains: Iterable[str]) -> list[str]:
    """A file's name for the theft on each of these chains; no two are the same, in capitals or not."""
    names: list[str] = []
    for chain in chains:
        plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in chain)[:_LONGEST_NAME]
        taken = {name.lower() for name in names}
        tries = (f"{plain}{f'-{number}' if number > 1 else ''}.toml" for number in count(1))
        names.append(next(name for name in tries if name.lower() not in taken))
    return names


def _theft(statement: Statement, chain: str, legs: dict[_Leg, list[Hop]], links: str) -> str:
    source = (f"case of {statement.theft} on {statement.chain} (ledger {statement.ledger}), rule {statement.rule}; "
              f"{links}")  # fmt: skip
    lines = [f"id = {_text(f'{statement.theft}-on-{chain}')}",
             f"title = {_text(f'{statement.title or statement.theft}: over bridges to {chain}')}",
             f"chain = {_text(chain)}", f"source = {_text(source)}", f"note = {_text(_note(statement))}"]  # fmt: skip
    named = {s.leg: s.name for s in statement.sources}
    for (numbers, asset), hops in legs.items():
        name = " and ".join(named.get(number, "") or f"leg {number}" for number in numbers)
        lines += ["", "[[leg]]", f"name = {_text(f'{name}, over a bridge as {asset}')}", f"asset = {_text(asset)}"]
        for hop in hops:
            payout = hop.link.payout
            lines += ["", f"# {hop.link.evidence}, {_remark(hop.link.method)}: from {_remark(hop.link.deposit.tx)}",
                      "[[leg.move]]", f"tx = {_text(payout.tx)}", f"to = {_text(payout.receiver)}"]  # fmt: skip
            number = payout.move.rpartition(" ")[2]
            lines += [f"index = {number}"] if number.isascii() and number.isdigit() else []
            lines += [f'units = "{hop.carried}"']
    return "\n".join(lines) + "\n"


def _note(statement: Statement) -> str:
    """What the second statement must say of the first: its rule and its interval, and what a bridge does to order."""
    told = []
    for asset in sorted({t.asset for t in statement.terminals if t.stop == "bridge"}):
        rules = statement.interval_rules or [statement.rule]
        sums = [sum(t.amount(r) for t in statement.terminals if t.stop == "bridge" and t.asset == asset) for r in rules]
        left = sum(t.amount(statement.rule) for t in statement.terminals if t.stop == "bridge" and t.asset == asset)
        told.append(f"{left} base units of {asset} under {statement.rule}, {min(sums)} to {max(sums)} over rules")
    return (f"what is stolen here is the dye of {statement.theft} that left {statement.chain} by bridges: "
            f"{'; '.join(told)}. The intervals here are over the rules on this ledger alone. A bridge pays the same "
            "part of each payout as was dyed of its deposit; in what order it hands on clean and dyed units nobody "
            "can say: the first units of a payout count as the dyed ones")  # fmt: skip


def _text(value: str) -> str:
    return json.dumps(value)


def _remark(value: str) -> str:
    """Text from outside in a comment of one line."""
    return value.encode("unicode_escape").decode("ascii")
