"""dyepack bridges: which payout on one chain is which deposit on another, by the bridge's own records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show

Files = list[str] | None
SHOWN = 10


def bridges(
    contract: Annotated[Files, typer.Option(help="BRIDGE=ADDRESS: a contract that is a bridge's own (celer, poly, "
                                            "multichain, thorchain); several times.")] = None,
    logs: Annotated[Files, typer.Option(help="CHAIN=FILE: logs of an ethereum-etl export; several times.")] = None,
    calls: Annotated[Files, typer.Option(help="CHAIN=FILE: transactions of an export; several times.")] = None,
    vault: Annotated[Files, typer.Option(help="A vault of THORChain that payouts come from; several times.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the links (CSV), for `dyepack onward --links`.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The counts and what was refused as JSON.")] = False,
) -> int:  # fmt: skip
    """Join deposits to payouts by message ids, source transactions and memos, and say what could not be joined.

    Only contracts that you name are heard, since anybody can emit an event. A payout that names no known deposit, or
    contradicts it, is refused and listed; nothing is joined by amount or time. Leaves with 4 if anything was refused
    or could not be decoded.
    """
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK, UsageError
    from dyepack.patterns.bridges.etl_files import read_calls, read_logs
    from dyepack.patterns.bridges.links_csv import csv_text
    from dyepack.patterns.bridges.model import Links
    from dyepack.patterns.bridges.protocol import match
    from dyepack.patterns.bridges.records import read_records

    show.check_file(out)
    if not contract or not (logs or calls):
        raise UsageError("nothing says whose records are to be read", remedy="give --contract, and --logs or --calls")
    vouched = _contracts(contract)
    found = read_records(
        [log for chain, file in map(_pair, logs or []) for log in read_logs(Path(file), chain)],
        [call for chain, file in map(_pair, calls or []) for call in read_calls(Path(file), chain)],
        vouched, tuple(vault or ()),
    )  # fmt: skip
    joined = match(found.deposits, found.payouts)
    if out is not None:
        show.out(csv_text(Links(protocol=joined.links)), out)
        show.note(f"{len(joined.links):,} links written to {out}")
    refused = [(r.payout.chain, r.payout.tx, r.reason) for r in joined.refused]
    failed = [(f.place, f.reason) for f in found.failures]
    counts = {"deposits": len(found.deposits), "payouts": len(found.payouts), "links": len(joined.links),
              "refused": len(refused), "unpaid": len(joined.unpaid), "repeats": joined.repeats,
              "not_decoded": len(failed)}  # fmt: skip
    if json:
        show.out(show.json_text(counts | {
            "refused_payouts": [{"chain": c, "tx": t, "reason": r} for c, t, r in refused],
            "failures": [{"place": p, "reason": r} for p, r in failed],
            "unpaid_deposits": [{"chain": d.chain, "tx": d.tx, "bridge": d.bridge} for d in joined.unpaid],
        }), None)  # fmt: skip
    else:
        from dyepack.sinks import for_terminal

        lines = [f"{name.replace('_', ' ')}: {number:,}" for name, number in counts.items()]
        lines += [f"refused: {t} on {c}: {r}" for c, t, r in refused[:SHOWN]]
        lines += [f"not decoded: {p}: {r}" for p, r in failed[:SHOWN]]
        more = max(len(refused) - SHOWN, 0) + max(len(failed) - SHOWN, 0)
        lines += [f"and {more:,} more (--json)"] if more else []
        show.out("\n".join(map(for_terminal, lines)) + "\n", None)
    return EXIT_INCOMPLETE if refused or failed else EXIT_OK


def _pair(text: str) -> tuple[str, str]:
    from dyepack.errors import UsageError, quoted

    chain, equals, file = text.partition("=")
    if not equals or not chain or not file:
        raise UsageError(f"{quoted(text)} is not CHAIN=FILE", remedy="write for example --logs ethereum=logs.csv")
    return chain, file


def _contracts(texts: list[str]) -> dict[str, list[str]]:
    from dyepack.errors import UsageError, quoted
    from dyepack.patterns.bridges.records import BRIDGES

    found: dict[str, list[str]] = {}
    for text in texts:
        bridge, equals, address = text.partition("=")
        if not equals or bridge not in BRIDGES or not address:
            raise UsageError(f"{quoted(text)} is not BRIDGE=ADDRESS", remedy=f"bridges: {', '.join(BRIDGES)}")
        found.setdefault(bridge, []).append(address)
    return found
