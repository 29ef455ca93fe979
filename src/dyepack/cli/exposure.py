"""dyepack exposure: how much of what addresses received and still hold comes from thefts, over the whole chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show
from dyepack.cli.clusters import find_address
from dyepack.cli.options import AsCsv, AsJson
from dyepack.cli.trace import thefts_of

if TYPE_CHECKING:
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.theft import Theft
    from dyepack.tracing.utxo.exposure import AddressExposure
    from dyepack.tracing.utxo.plan import Origin

FIELDS = ("received", "received_dyed", "received_poisoned", "balance", "balance_dyed", "balance_poisoned")


def exposure(
    address: Annotated[list[str], typer.Argument(help="Addresses.")],
    ledger: Annotated[Path, typer.Option("--ledger", "-l", help="Folder of the ledger (of outputs, as Bitcoin's).")],
    theft: Annotated[list[Path] | None, typer.Option(help="Theft file (docs/theft-files.md); may be repeated.")] = None,
    tx: Annotated[list[str] | None, typer.Option(help="Instead: a transaction by which money was stolen.")] = None,
    apart: Annotated[bool, typer.Option("--apart", help="A pass for each theft, not one for all together.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Show how much of what addresses received and still hold comes from thefts.

    One pass over the whole chain, that stops nowhere: dyed is the haircut share (an estimate), reached is what lies in
    outputs that any dye came to (poison, an upper bound). For screening; what counts is a trace.
    """
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.tracing.utxo.exposure import each

    show.one_form(json=json, csv=csv)
    on = UtxoLedger.open(ledger)
    places = [find_address(on, text) for text in address]
    groups = _groups(
        on, thefts_of(theft or [], tx or [], "", lambda: (on.chain, on.assets[0].key), both=False), apart=apart
    )
    rows: list[tuple[str, AddressExposure]] = []
    about: dict[str, Any] = {"asset": on.assets[0].symbol, "decimals": on.assets[0].decimals}
    for name, found in each(on, groups):
        found.check()
        rows += [(name, found.of_address(place)) for place in places]
        about |= {"method": found.method, "conventions": found.parameters, "incomplete": found.incomplete}
    if about["incomplete"]:
        show.note(f"{about['incomplete']:,} transactions spend something of unknown value, which counts as clean")
    if json:
        show.out(show.json_text(about | {"exposures": [_row(on, name, at) for name, at in rows]}), None)
    elif csv:
        table = [list(_row(on, name, at).values()) for name, at in rows]
        show.out(show.csv_text(["thefts", "address", *FIELDS], table), None)
    else:
        show.out("".join(_lines(on, name, at) for name, at in rows), None)


def _groups(ledger: UtxoLedger, thefts: list[Theft], *, apart: bool) -> dict[str, list[Origin]]:
    """What each pass is for, and what was stolen by it."""
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.utxo.resolve import resolve

    groups: dict[str, list[Origin]] = {}
    for some in [[t] for t in thefts] if apart else [thefts]:
        resolved = resolve(ledger, some, Parameters(fees="last"), {})
        for text in resolved.notes:
            show.note(f"note: {text}")
        groups.setdefault("+".join(t.id for t in some), []).extend(resolved.plan.origins)
    return groups


def _row(ledger: UtxoLedger, name: str, at: AddressExposure) -> dict[str, Any]:
    return {"thefts": name, "address": ledger.address_text(at.address)} | {f: str(getattr(at, f)) for f in FIELDS}


def _lines(ledger: UtxoLedger, name: str, at: AddressExposure) -> str:
    from dyepack.sinks import for_terminal

    coin = ledger.assets[0]

    def line(word: str, total: int, dyed: int, reached: int, share: float) -> str:
        return (f"  {word} {coin.format(total)} {coin.symbol}: dyed {coin.format(dyed)} ({share:.2%}), "
                f"reached {coin.format(reached)}\n")  # fmt: skip

    return (
        f"{ledger.address_text(at.address)} from {for_terminal(name)}\n"
        + line("holds", at.balance, at.balance_dyed, at.balance_poisoned, at.balance_share)
        + line("received", at.received, at.received_dyed, at.received_poisoned, at.received_share)
    )
