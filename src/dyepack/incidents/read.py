"""Reads files of the registry: [[source]] and [[incident]] tables, every key checked.

Invariant: what comes out is whole; ids of sources are checked against all files of a folder by the registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.errors import quoted
from dyepack.incidents import vocabulary as words
from dyepack.incidents.amounts import show_amount
from dyepack.incidents.countries import COUNTRIES, REGIONS
from dyepack.incidents.model import (
    Attempt,
    Attribution,
    Dispute,
    Figure,
    Incident,
    Loss,
    Part,
    Place,
    Source,
    Taken,
)

if TYPE_CHECKING:
    from dyepack.incidents.table import Table

FIELDS = frozenset({"name", "victim", "kind", "date", "public", "country", "region", "loss", "attempt", "vectors"})
"""The facts of an incident that may name their own sources in [incident.cite], or be `unchecked`."""
CHAINS = frozenset({
    "algorand", "arbitrum", "avalanche", "bank", "base", "bch", "beacon", "bitcoin", "bsc", "bsv", "dash", "doge",
    "eos", "etc", "ethereum", "fantom", "gnosis", "harmony", "litecoin", "monero", "moonriver", "nano", "nem",
    "omni", "optimism", "polygon", "qtum", "ronin", "several", "solana", "stellar", "sui", "terra", "ton", "tron",
    "xdag", "xrp", "xtz", "zcash",
})  # fmt: skip
"""Ledgers that assets, addresses and transactions are on; `several` where a source names no single one."""


def read_sources(table: Table) -> list[Source]:
    """The [[source]] tables of a file."""
    found = []
    for row in table.tables("source"):
        id_ = row.named("source")
        found.append(
            Source(
                id_, row.text("title"), row.text("publisher"), row.text("where"), row.word("read", words.READ),
                row.maybe_span("date"), row.text("note", ""), row.file,
            )
        )  # fmt: skip
        row.done()
    return found


def read_incidents(table: Table) -> list[Incident]:
    """The [[incident]] tables of a file."""
    return [_incident(row) for row in table.tables("incident")]


def _incident(row: Table) -> Incident:
    id_ = row.named("incident")
    incident = Incident(
        id=id_, name=row.text("name"), victim=row.text("victim"), kind=row.word("kind", words.KINDS),
        date=row.span("date"), public=row.maybe_span("public"), country=row.word("country", COUNTRIES, ""),
        region=row.word("region", REGIONS, ""), vectors=row.texts("vectors", words.VECTORS, needed=True),
        vector_basis=row.word("vector_basis", words.VECTOR_BASES), source=row.texts("source", needed=True),
        file=row.file, taken=tuple(_taken(part) for part in row.tables("taken")), loss=_loss(row.table("loss")),
        attempt=_attempt(row.table("attempt")),
        attributions=tuple(_attribution(part) for part in row.tables("attribution")),
        addresses=tuple(_place(part, "address") for part in row.tables("address")),
        transactions=tuple(_place(part, "tx") for part in row.tables("transaction")),
        unchecked=row.texts("unchecked", FIELDS), cite=_cite(row.table("cite")), note=row.text("note", ""),
    )  # fmt: skip
    row.done()
    _agree(row, incident)
    return incident


def _agree(row: Table, incident: Incident) -> None:
    """What no single field can tell: fields that contradict each other."""
    if incident.country and incident.region:
        row.wrong("region", "is given by the country; leave it out")
    if incident.public and incident.public.last < incident.date.first:
        row.wrong("public", "is before the theft")
    if "unknown" in incident.vectors and len(incident.vectors) > 1:
        row.wrong("vectors", "names unknown beside others")
    if ("unknown" in incident.vectors) != (incident.vector_basis == "none"):
        row.wrong("vector_basis", "is none exactly where the vector is unknown")
    if incident.loss and incident.attempt and incident.loss.low > incident.attempt.amount:
        row.wrong("attempt", "is less than what was lost")
    for name in (*incident.unchecked, *incident.cite):
        if not getattr(incident, name):
            row.wrong("unchecked" if name in incident.unchecked else "cite", f"names {name}, which is not given")
    for key, places in (("address", incident.addresses), ("transaction", incident.transactions)):
        seen: set[tuple[str, str]] = set()
        for place in places:
            if (place.chain, place.value) in seen:
                row.wrong(key, f"{quoted(place.value)} is given twice")
            seen.add((place.chain, place.value))


def _taken(row: Table) -> Taken:
    taken = Taken(
        row.text("asset"), row.word("chain", CHAINS), row.quantity("amount"), row.texts("source", needed=True),
        row.flag("unchecked"),
    )  # fmt: skip
    row.done()
    return taken


def _loss(row: Table | None) -> Loss | None:
    if row is None:
        return None
    loss = Loss(
        low=row.amount("low"), high=row.amount("high"), currency=row.word("currency", words.CURRENCIES),
        basis=row.word("basis", words.BASES), priced_at=row.word("priced_at", words.PRICED),
        total=row.maybe_amount("total"), parts=tuple(_part(part) for part in row.tables("part")),
        figures=tuple(_figure(part) for part in row.tables("figure")), source=row.texts("source", needed=True),
        unchecked=row.flag("unchecked"), note=row.text("note", ""),
    )  # fmt: skip
    row.done()
    if loss.low > loss.high:
        row.wrong("low", "is more than `high`")
    _add_up(row, loss)
    return loss


def _add_up(row: Table, loss: Loss) -> None:
    """The parts of a loss are its total, and every figure lies between low and high."""

    def money(amount: int) -> str:
        return show_amount(amount, loss.currency)

    if bool(loss.parts) != (loss.total is not None):
        row.wrong("total", "is given exactly where there are parts")
    if loss.total is not None:
        found = sum(part.amount for part in loss.parts)
        if found != loss.total:
            row.wrong("part", f"the parts add up to {money(found)}, not to the total of {money(loss.total)}")
    named = [figure.amount for figure in loss.figures] + ([loss.total] if loss.total is not None else [])
    for amount in named:
        if not loss.low <= amount <= loss.high:
            row.wrong("low", f"{money(amount)} is outside {money(loss.low)} to {money(loss.high)}")


def _part(row: Table) -> Part:
    part = Part(row.text("of"), row.amount("amount"))
    row.done()
    return part


def _figure(row: Table) -> Figure:
    figure = Figure(row.text("by"), row.amount("amount"), row.texts("source", needed=True))
    row.done()
    return figure


def _attempt(row: Table | None) -> Attempt | None:
    if row is None:
        return None
    attempt = Attempt(row.amount("amount"), row.word("currency", words.CURRENCIES), row.texts("source", needed=True))
    row.done()
    return attempt


def _attribution(row: Table) -> Attribution:
    disputes = []
    for part in row.tables("disputed_by"):
        disputes.append(Dispute(part.text("by"), part.text("reason"), part.texts("source", needed=True)))
        part.done()
    attribution = Attribution(
        actor=row.word("actor", words.ACTORS), by=row.text("by"), code=row.word("code", words.CODES),
        confidence=row.word("confidence", words.CONFIDENCE), source=row.texts("source", needed=True),
        group=row.text("group", ""), date=row.maybe_span("date"), unchecked=row.flag("unchecked"),
        disputes=tuple(disputes), note=row.text("note", ""),
    )  # fmt: skip
    row.done()
    if attribution.actor == "other" and not attribution.group:
        row.wrong("group", "is missing: another actor needs a name")
    return attribution


def _place(row: Table, key: str) -> Place:
    place = Place(row.word("chain", CHAINS), row.text(key), row.text("role"), row.texts("source", needed=True))
    row.done()
    if any(c.isspace() for c in place.value) or not place.value.isascii():
        row.wrong(key, "has characters that no address or transaction has")
    return place


def _cite(row: Table | None) -> dict[str, tuple[str, ...]]:
    if row is None:
        return {}
    cite = {name: row.texts(name, needed=True) for name in sorted(FIELDS) if row.has(name)}
    row.done()
    return cite
