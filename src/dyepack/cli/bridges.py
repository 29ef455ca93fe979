"""dyepack bridges: which payout on one chain is which deposit on another, by the bridge's own records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show
from dyepack.cli.options import AsJson

if TYPE_CHECKING:
    from dyepack.patterns.bridges.model import Reading
    from dyepack.patterns.bridges.protocol import Matched
    from dyepack.patterns.finding import Finding

Files = list[str] | None
SHOWN = 10


def bridges(
    contract: Annotated[Files, typer.Option(help="BRIDGE=ADDRESS: a contract that is a bridge's own (celer, poly, "
                                            "multichain, thorchain); several times.")] = None,
    logs: Annotated[Files, typer.Option(help="CHAIN=FILE: logs of an ethereum-etl export; several times.")] = None,
    calls: Annotated[Files, typer.Option(help="CHAIN=FILE: transactions of an export; several times.")] = None,
    vault: Annotated[Files, typer.Option(help="A vault of THORChain that payouts come from; several times.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the links (CSV), for `dyepack cross --links`.")] = None,
    leads: Annotated[Files, typer.Option(help="ASSET=ASSET:RATE: also list leads by amount and time between these two "
                                         "assets (RATE: base units of the second that one of the first is worth, or "
                                         "LOW-HIGH); several times.")] = None,
    json: AsJson = False,
) -> int:  # fmt: skip
    """Join deposits to payouts by message ids, source transactions and memos, and say what could not be joined.

    Only contracts that you name are heard, since anybody can emit an event. A payout that names no known deposit, or
    contradicts it, is refused and listed; nothing is joined by amount or time. Leads (--leads) are listed apart, among
    what was not joined; they are no identification, carry no dye and are never in --out. Leaves with 4 if anything was
    refused or could not be decoded.
    """
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK, UsageError
    from dyepack.patterns.bridges.etl_files import read_calls, read_logs
    from dyepack.patterns.bridges.links_csv import csv_text
    from dyepack.patterns.bridges.model import Links
    from dyepack.patterns.bridges.protocol import match
    from dyepack.patterns.bridges.records import read_records
    from dyepack.patterns.bridges.unlinked import Rates, unlinked_leads

    show.check_file(out)
    if not contract or not (logs or calls):
        raise UsageError("nothing says whose records are to be read", remedy="give --contract, and --logs or --calls")
    vouched, rates = _contracts(contract), Rates(leads or [])
    found = read_records(
        [log for chain, file in map(_pair, logs or []) for log in read_logs(Path(file), chain)],
        [call for chain, file in map(_pair, calls or []) for call in read_calls(Path(file), chain)],
        vouched, tuple(vault or ()),
    )  # fmt: skip
    joined = match(found.deposits, found.payouts)
    if out is not None:
        show.out(csv_text(Links(protocol=joined.links)), out)
        show.note(f"{len(joined.links):,} links written to {out}")
    possible = unlinked_leads(joined, rates) if leads else []
    if json:
        told = _as_json(found, joined) | ({"leads": [lead.to_json() for lead in possible]} if leads else {})
        show.out(show.json_text(told), None)
    else:
        from dyepack.sinks import for_terminal

        lines = _lines(found, joined) + (_lead_lines(possible) if leads else [])
        show.out("\n".join(map(for_terminal, lines)) + "\n", None)
    return EXIT_INCOMPLETE if joined.refused or found.failures else EXIT_OK


def _counts(found: Reading, joined: Matched) -> dict[str, int]:
    return {"deposits": len(found.deposits), "payouts": len(found.payouts), "links": len(joined.links),
            "refused": len(joined.refused), "unpaid": len(joined.unpaid), "repeats": joined.repeats,
            "not_decoded": len(found.failures)}  # fmt: skip


def _as_json(found: Reading, joined: Matched) -> dict[str, Any]:
    return _counts(found, joined) | {
        "refused_payouts": [{"chain": r.payout.chain, "tx": r.payout.tx, "reason": r.reason} for r in joined.refused],
        "failures": [{"place": f.place, "reason": f.reason} for f in found.failures],
        "unpaid_deposits": [{"chain": d.chain, "tx": d.tx, "bridge": d.bridge} for d in joined.unpaid],
    }


def _lines(found: Reading, joined: Matched) -> list[str]:
    lines = [f"{name.replace('_', ' ')}: {number:,}" for name, number in _counts(found, joined).items()]
    lines += [f"refused: {r.payout.tx} on {r.payout.chain}: {r.reason}" for r in joined.refused[:SHOWN]]
    lines += [f"not decoded: {f.place}: {f.reason}" for f in found.failures[:SHOWN]]
    more = max(len(joined.refused) - SHOWN, 0) + max(len(found.failures) - SHOWN, 0)
    return lines + ([f"and {more:,} more (--json)"] if more else [])


def _lead_lines(leads: list[Finding]) -> list[str]:
    lines = [f"leads by amount and time, no links: {len(leads):,}"]
    lines += [f"{lead.words}: {' '.join(lead.txs)} (confidence {lead.grade}, {lead.rule.evidence})"
              for lead in leads[:SHOWN]]  # fmt: skip
    return lines + ([f"and {len(leads) - SHOWN:,} more leads (--json)"] if len(leads) > SHOWN else [])


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
