"""dyepack clusters: which addresses were spent together with one, or why two are taken to be one party's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tags.clusters import Clusters


def clusters(
    address: Annotated[str, typer.Argument(help="An address.")],
    ledger: Annotated[Path, typer.Option("--ledger", "-l", help="Folder of the ledger (of outputs, as Bitcoin's).")],
    explain: Annotated[str, typer.Option(help="Another address: show why the two are taken to be one party's.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="A transaction that shall join nothing; several times.")]
        = None,
    most: Annotated[int, typer.Option(help="How many addresses to list on the screen.", min=1)] = 50,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The result as CSV.")] = False,
) -> None:  # fmt: skip
    """Show the addresses that are one party's with an address, because they were spent together.

    All inputs of a transaction are taken to be one party's, unless it looks like a CoinJoin. That is an inference: with
    --explain each step names the transaction that it rests on, and --without undoes what a transaction joined.
    """
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tags.clusters import clusters as cluster_all

    show.one_form(json=json, csv=csv)
    on = UtxoLedger.open(ledger)
    one = find_address(on, address)
    other = find_address(on, explain) if explain else None
    left_out = [_find_tx(on, text) for text in without or []]
    found = cluster_all(on, excluded=left_out)
    show.note(f"{found.coinjoins:,} transactions look like CoinJoins and join nothing")
    if other is not None:
        _explain(found, one, other, json=json, csv=csv)
    else:
        _members(found, one, most, json=json, csv=csv)


def find_address(ledger: UtxoLedger, text: str) -> int:
    """The id of an address; UsageError if the ledger does not hold it."""
    from dyepack.errors import UsageError, quoted

    found = ledger.find_address(text)
    if found is None:
        raise UsageError(
            f"address {quoted(text)} is not in the ledger",
            remedy=f"check it (the ledger is of {ledger.manifest.network}), or import its history",
        )
    return found


def _find_tx(ledger: UtxoLedger, text: str) -> int:
    from dyepack.errors import UsageError, quoted

    found = ledger.find_tx(text)
    if found is None:
        raise UsageError(f"transaction {quoted(text)} is not in the ledger", remedy="check the id")
    return found


def _members(found: Clusters, address: int, most: int, *, json: bool, csv: bool) -> None:
    ledger = found.ledger
    members = found.members(found.of(address)).tolist()
    if json:
        show.out(show.json_text({"address": ledger.address_text(address), "size": len(members),
                                 "members": [ledger.address_text(a) for a in members], "method": found.method,
                                 "evidence": found.grade.evidence, "confidence": found.grade.confidence,
                                 "coinjoins_left_out": found.coinjoins}), None)  # fmt: skip
    elif csv:
        show.out(show.csv_text(["address"], [[ledger.address_text(a)] for a in members]), None)
    else:
        lines = [f"{len(members):,} {'addresses' if len(members) > 1 else 'address'}: {found.method}"]
        lines += ["  " + ledger.address_text(a) for a in members[:most]]
        lines += [f"  and {len(members) - most:,} more (--most, --json or --csv)"] if len(members) > most else []
        show.out("\n".join(lines) + "\n", None)


def _explain(found: Clusters, one: int, other: int, *, json: bool, csv: bool) -> None:
    ledger = found.ledger
    links = found.explain(one, other)
    same = found.of(one) == found.of(other)
    rows = [{"step": n, "address": ledger.address_text(k.one), "spent_with": ledger.address_text(k.other),
             "tx": ledger.tx_text(k.tx), "time": ledger.tx_time(k.tx), "evidence": k.evidence,
             "confidence": k.confidence, "method": k.method, "source": k.source}
            for n, k in enumerate(links, 1)]  # fmt: skip
    if json:
        show.out(show.json_text({"address": ledger.address_text(one), "other": ledger.address_text(other),
                                 "same_cluster": same, "links": rows}), None)  # fmt: skip
    elif csv:
        head = ["step", "address", "spent_with", "tx", "time", "evidence", "confidence", "method", "source"]
        show.out(show.csv_text(head, [list(row.values()) for row in rows]), None)
    elif not links:
        words = "one and the same address" if same else "not joined by anything spent together"
        show.out(f"{ledger.address_text(one)} and {ledger.address_text(other)}: {words}\n", None)
    else:
        steps = [f"{row['step']}. {row['address']}\n   was spent with {row['spent_with']}\n   in {row['tx']}"
                 f"{' at ' + str(row['time']) if row['time'] else ''}" for row in rows]  # fmt: skip
        grade = f"each step: {found.grade.evidence}, confidence {found.grade.confidence}, {found.method}"
        show.out("\n".join([*steps, grade]) + "\n", None)
