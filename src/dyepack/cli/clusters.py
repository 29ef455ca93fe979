"""dyepack clusters: which addresses are one party's with one, or why two are taken to be one party's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson

if TYPE_CHECKING:
    from dyepack.clusters.actors import Actor, Conflict
    from dyepack.clusters.multi_input import Clusters, Link
    from dyepack.ledger.open import AnyLedger
    from dyepack.ledger.utxo.reader import UtxoLedger

_MOST_CONFLICTS = 5
_HEAD = [
    "step",
    "address",
    "joined_with",
    "tx",
    "time",
    "evidence",
    "confidence",
    "method",
    "source",
    "signs",
    "forced",
]


def clusters(
    address: Annotated[str, typer.Argument(help="An address.")],
    ledger: Annotated[Path, typer.Option("--ledger", "-l", help="Folder of the ledger (of outputs, as Bitcoin's).")],
    explain: Annotated[str, typer.Option(help="Another address: show why the two are taken to be one party's.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="A transaction that shall join nothing; several times.")]
        = None,
    change: Annotated[bool, typer.Option("--change", help="Join change too, where two signs or more agree on it.")]
        = False,
    tags: Annotated[list[Path] | None, typer.Option(help="Tags: parties that are known apart; several times.")] = None,
    least: Annotated[int, typer.Option("--tag-confidence", help="Least confidence of a tag that keeps apart.", min=0,
                                       max=100)] = 60,
    most: Annotated[int, typer.Option(help="How many addresses to list on the screen.", min=1)] = 50,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:  # fmt: skip
    """Show the addresses that are one party's with an address, because they were spent together.

    All inputs of a transaction are taken to be one party's, unless it looks like a CoinJoin; with --change its change
    output too, where independent signs agree on it. That is an inference: with --explain each step names the
    transaction and the signs that it rests on, and --without undoes what a transaction joined. With --tags clusters of
    two parties are not joined: what would have joined them is listed as a conflict.
    """
    from dyepack.clusters.multi_input import clusters as cluster_all
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.change import LEAST_GROUPS

    show.one_form(json=json, csv=csv)
    on = UtxoLedger.open(ledger)
    one = find_address(on, address)
    other = find_address(on, explain) if explain else None
    left_out = [_find_tx(on, text) for text in without or []]
    actors = _actors(on, tags or [], least)
    found = cluster_all(on, excluded=left_out, change=LEAST_GROUPS if change else 0, actors=actors)
    show.note(f"{found.coinjoins:,} transactions look like CoinJoins and join nothing")
    if found.at_services:
        show.note(f"{found.at_services:,} change outputs were not followed into or out of a service")
    if found.conflicts:
        show.note(f"{len(found.conflicts):,} transactions join nothing, as they would join two known parties")
    if other is not None:
        _explain(found, one, other, json=json, csv=csv)
    else:
        _members(found, one, most, json=json, csv=csv)


def find_address(ledger: AnyLedger, text: str) -> int:
    """The id of an address; UsageError if the ledger does not hold it."""
    from dyepack.errors import UsageError, quoted

    found = ledger.find_address(text)
    if found is None:
        raise UsageError(
            f"address {quoted(text)} is not in the ledger",
            remedy=f"check it (the ledger is of {ledger.manifest.network or ledger.chain}), or import its history",
        )
    return found


def _find_tx(ledger: UtxoLedger, text: str) -> int:
    from dyepack.errors import UsageError, quoted

    found = ledger.find_tx(text)
    if found is None:
        raise UsageError(f"transaction {quoted(text)} is not in the ledger", remedy="check the id")
    return found


def _actors(ledger: UtxoLedger, files: list[Path], least: int) -> dict[int, Actor]:
    """The parties that the tags in these files name."""
    from dyepack.clusters.actors import actors_of
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet

    if not files:
        return {}
    known = TagSet()
    for file in files:
        known.merge(load(file))
    found, notes = actors_of(ledger, known, least)
    for text in [*known.notes, *notes]:
        show.note(f"tags: {text}")
    show.note(f"{len(found):,} addresses of the ledger are of a known party, by tags of confidence {least} or more")
    return found


def _members(found: Clusters, address: int, most: int, *, json: bool, csv: bool) -> None:
    ledger = found.ledger
    cluster = found.of(address)
    members = found.members(cluster).tolist()
    mine = found.cluster[found.merge_one] == cluster
    changes, forced = int((mine & (found.merge_signs > 0)).sum()), int((mine & found.forced).sum())
    conflicts = [c for c in found.conflicts if cluster in {found.of(c.one), found.of(c.other)}]
    actor = found.actor(address)
    if json:
        show.out(show.json_text({
            "address": ledger.address_text(address), "size": len(members), "actor": actor.name if actor else "",
            "members": [ledger.address_text(a) for a in members], "method": found.method,
            "evidence": found.grade.evidence, "confidence": found.grade.confidence, "merges_by_change": changes,
            "forced_merges": forced, "conflicts": [_conflict(ledger, c) for c in conflicts],
            "coinjoins_left_out": found.coinjoins,
        }), None)  # fmt: skip
    elif csv:
        show.out(show.csv_text(["address"], [[ledger.address_text(a)] for a in members]), None)
        _tell(found, changes, forced, conflicts)
    else:
        lines = [f"{len(members):,} {'addresses' if len(members) > 1 else 'address'}: {found.method}"]
        lines += [f"of {actor.name}, by a tag of confidence {actor.confidence}"] if actor else []
        lines += ["  " + ledger.address_text(a) for a in members[:most]]
        lines += [f"  and {len(members) - most:,} more (--most, --json or --csv)"] if len(members) > most else []
        show.out(_safe(lines), None)
        _tell(found, changes, forced, conflicts)


def _tell(found: Clusters, changes: int, forced: int, conflicts: list[Conflict]) -> None:
    """What is odd about a cluster, as notes."""
    if changes:
        show.note(f"{changes:,} of its merges rest on change")
    if forced:
        show.note(f"{forced:,} of its merges were forced: a stranger's dust was spent beside other coins")
    for conflict in conflicts[:_MOST_CONFLICTS]:
        row = _conflict(found.ledger, conflict)
        show.note(f"conflict: {row['tx']} would join {row['one']} ({row['one_actor']}) with {row['other']} "
                  f"({row['other_actor']}), by {row['method']}")  # fmt: skip
    if len(conflicts) > _MOST_CONFLICTS:
        show.note(f"and {len(conflicts) - _MOST_CONFLICTS:,} more conflicts (--json)")


def _conflict(ledger: UtxoLedger, conflict: Conflict) -> dict[str, Any]:
    return {
        "tx": ledger.tx_text(conflict.tx), "time": ledger.tx_time(conflict.tx),
        "one": ledger.address_text(conflict.one), "one_actor": conflict.one_actor.name,
        "one_confidence": conflict.one_actor.confidence, "other": ledger.address_text(conflict.other),
        "other_actor": conflict.other_actor.name, "other_confidence": conflict.other_actor.confidence,
        "method": conflict.method,
    }  # fmt: skip


def _explain(found: Clusters, one: int, other: int, *, json: bool, csv: bool) -> None:
    ledger = found.ledger
    links = found.explain(one, other)
    same = found.of(one) == found.of(other)
    rows = [_row(ledger, n, link) for n, link in enumerate(links, 1)]
    if json:
        show.out(show.json_text({"address": ledger.address_text(one), "other": ledger.address_text(other),
                                 "same_cluster": same, "links": rows}), None)  # fmt: skip
    elif csv:
        cells = [[" ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows]
        show.out(show.csv_text(_HEAD, cells), None)
    elif not links:
        words = "one and the same address" if same else "not joined by anything spent together"
        words += " or by change" if not same and found.options.change else ""
        show.out(f"{ledger.address_text(one)} and {ledger.address_text(other)}: {words}\n", None)
    else:
        lines = [line for n, link in enumerate(links, 1) for line in _step(ledger, n, link)]
        grades = dict.fromkeys((k.evidence, k.confidence, k.method, k.measured) for k in links)
        lines += [f"each step by {method}: {evidence}, confidence {confidence}, measured {measured}"
                  for evidence, confidence, method, measured in grades]  # fmt: skip
        show.out(_safe(lines), None)


def _row(ledger: UtxoLedger, step: int, link: Link) -> dict[str, Any]:
    values = (
        step, ledger.address_text(link.one), ledger.address_text(link.other), ledger.tx_text(link.tx),
        ledger.tx_time(link.tx), link.evidence, link.confidence, link.method, link.source, list(link.signs),
        link.forced,
    )  # fmt: skip
    return dict(zip(_HEAD, values, strict=True))


def _step(ledger: UtxoLedger, step: int, link: Link) -> list[str]:
    """One link in words."""
    from dyepack.patterns.change import EVERY_SIGN

    one, other = ledger.address_text(link.one), ledger.address_text(link.other)
    if not link.signs:
        way = "was spent with"
    elif link.one in {ledger.input_address(at) for at in ledger.inputs_of(link.tx)}:
        way = "sent its change to"
    else:
        way = "got the change of"
    time = ledger.tx_time(link.tx)
    said = {sign.name: sign.words for sign in EVERY_SIGN}
    return [
        f"{step}. {one}", f"   {way} {other}", f"   in {ledger.tx_text(link.tx)}{' at ' + time if time else ''}",
        *(f"   {name}: {said[name]}" for name in link.signs),
        *(["   forced: one of them was spent from only because of dust that a stranger had sent"] * link.forced),
    ]  # fmt: skip


def _safe(lines: list[str]) -> str:
    """Lines for the screen, with what comes from outside made visible."""
    from dyepack.sinks import visible

    return "\n".join(visible(line) for line in lines) + "\n"
